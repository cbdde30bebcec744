/* A look at a server for an administrator: can it be reached, what certificate does it show, and what
 * is missing for it to be trusted. One connection, which is closed again.
 *
 *   CONNECTING --TCP--> [PRELUDE, STARTTLS] --> HANDSHAKE --> [issuers are fetched] --> done */
#ifndef CERT_PROBE_H
#define CERT_PROBE_H

#include <stdint.h>

#include "cert.h"
#include "cert_chain.h"
#include "cert_name.h"
#include "net_loop.h"

/* What is said before TLS. An engine without sockets: input in, output out. */
enum cert_prelude_step { CERT_PRELUDE_MORE, CERT_PRELUDE_READY, CERT_PRELUDE_BROKEN };
struct cert_prelude {
    void *(*start)(struct gw_str host, struct gw_buf *out);
    enum cert_prelude_step (*feed)(void *prelude, struct gw_str data, struct gw_buf *out,
                                   struct gw_err *err);
    void (*free)(void *prelude);
};

struct cert_probe_args {
    struct cert_store *store;
    enum cert_purpose purpose; /* whose rules for names */
    const char *set;           /* whom to trust: a name of cert_trust_sets */
    const char *host;          /* name or address; copied, as all text */
    const char *name;          /* whose certificate is expected; NULL: host's */
    uint16_t port;
    const struct cert_prelude *prelude; /* NULL: TLS from the start */
    bool plain;                         /* reached is enough: there is no TLS */
    bool fetch_issuers;  /* by the http URLs that stand in certificates; at most CERT_FETCH_MAX */
    unsigned timeout_ms; /* of connecting and handshake; 0: 10 s */
};
enum { CERT_FETCH_MAX = 4, CERT_FETCH_BYTES = 128 * 1024, CERT_FETCH_MS = 5000 };

/* Borrowed for the call. */
struct cert_report {
    bool reached;
    const char *peer;               /* "192.0.2.1:443" */
    const char *reached_text;       /* why not, and what to do */
    enum cert_verdict verdict;      /* CERT_NOT_SEEN: not reached, or plain */
    const char *text;               /* why, and what to do */
    const char *protocol, *cipher;  /* NULL: no TLS was agreed */
    const struct cert_chain *chain; /* NULL: the server sent no certificate */
    const char *fetch_text;         /* why an issuer could not be fetched; NULL: nothing failed */
};

/* Exactly once, never from inside start. May start another probe. */
typedef void cert_probe_done_fn(const struct cert_report *report, void *ctx);

struct cert_probe;
/* Never NULL: what cannot even be tried comes as not reached. */
struct cert_probe *cert_probe_start(struct net_loop *loop, const struct cert_probe_args *args,
                                    cert_probe_done_fn *done, void *ctx);
void cert_probe_cancel(struct cert_probe **probep); /* done does not come; NULL is fine */

#endif

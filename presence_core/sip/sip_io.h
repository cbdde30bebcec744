/* What the engines ask of the transport, and how they name who is at the other end. */
#ifndef SIP_IO_H
#define SIP_IO_H

#include "gw_buf.h"
#include "gw_err.h"
#include "gw_str.h"
#include "gw_time.h"

enum sip_proto { SIP_UDP, SIP_TCP, SIP_TLS };
const char *sip_proto_name(enum sip_proto proto); /* "UDP" */
bool sip_proto_parse(struct gw_str name, enum sip_proto *out);

struct sip_peer {
    enum sip_proto proto;
    uint64_t conn;      /* a connection, to be used while it stands; 0: none */
    struct gw_str host; /* address or name; IPv6 without brackets */
    uint16_t port;
    struct gw_str
        subject; /* CN of the certificate that it was admitted by, in lower case; empty: none */
};

struct sip_srv {        /* a record, RFC 2782; or of NAPTR, RFC 3263 4.1 */
    struct gw_str host; /* NAPTR: the name of SRV records */
    uint16_t port, priority, weight;
    enum sip_proto proto; /* NAPTR: over which its servers are reached */
};
/* In the order in which they are to be tried. GW_NOTFOUND: there are none. */
typedef void sip_srv_fn(enum gw_code code, const struct sip_srv *records, size_t count,
                        struct gw_now now, void *ctx);
struct sip_srv_query;
/* Names of an address, or addresses of a name, as text; none: not known. */
typedef void sip_names_fn(const struct gw_str *names, size_t count, struct gw_now now, void *ctx);

struct sip_io {
    /* Queues one message. What it went over: a connection that stands or is being made, 1 for UDP; 0: it
     * cannot be sent. Never calls back. */
    uint64_t (*send)(const struct sip_peer *to, struct gw_str bytes, void *ctx);
    /* So much waits to be sent there already that what can wait should. NULL: never. */
    bool (*is_full)(const struct sip_peer *to, void *ctx);
    /* Where 'peer' reaches us: "192.0.2.1:5060". */
    void (*local)(const struct sip_peer *peer, struct gw_buf *out, void *ctx);
    /* Ends with done, never from inside the call, or with srv_cancel, which is NULL-safe. */
    struct sip_srv_query *(*srv_start)(bool is_naptr, const char *name, sip_srv_fn *done,
                                       void *done_ctx, void *ctx);
    struct sip_srv_query *(*names_start)(bool is_reverse, const char *what, sip_names_fn *done,
                                         void *done_ctx, void *ctx);
    void (*srv_cancel)(struct sip_srv_query **queryp, void *ctx);
    /* sip_core_deadline() may have come nearer while nothing was received. */
    void (*wake)(void *ctx);
};

enum { SIP_OVER_UDP = 1, SIP_AGENT_PORT = 5060 };

#endif

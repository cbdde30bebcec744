/* Our own certificates as an administrator manages them: request, signed result, self-signed ones, PKCS#12.
 * Every change is one file that is replaced whole, so that there is never a certificate without its key,
 * and the next handshake shows the new one; after an error everything is as it was. Loop thread only; keys
 * are made on a worker (cert_key.h).
 *
 * A request waits with its key beside the identity that is in use, until its certificate is installed. */
#ifndef CERT_OWN_H
#define CERT_OWN_H

#include "cert.h"
#include "cert_key.h"
#include "gw_arena.h"

struct cert_own_kind {
    const char *name, *purpose; /* "cup", "SIP, ..." */
};
extern const struct cert_own_kind cert_own_kinds[]; /* ends with a NULL name */

/* What a request or a self-signed certificate says. Text may be empty (.p NULL), but not cn. */
struct cert_subject {
    struct gw_str cn, organisation, unit, city, state, country;
    const struct gw_str *names; /* subject alternative names: host names and addresses; A-labels */
    size_t names_count;
};
enum {
    CERT_SUBJECT_NAMES_MAX = 1000, /* 30 KB of a handshake */
    CERT_SUBJECT_DAYS = 3650 /* of a self-signed one: who pinned it must not be asked every year */
};

/* Names that are collected, each once, as they stand in a certificate: A-labels, no dot at the end, addresses in
 * their canonical form. What is no name stays as it is, to be refused later. */
struct cert_names {
    struct gw_str name[CERT_SUBJECT_NAMES_MAX];
    size_t count;
    struct gw_arena arena;
};
struct cert_names *cert_names_new(void);
void cert_names_free(struct cert_names *n);
void cert_names_add(struct gw_str name,
                    void *names); /* an empty one, or one too many, is left out */

/* The identity with that name, which is open. GW_NOTFOUND names those that there are. */
enum gw_code cert_own_find(struct cert_store *s, struct gw_str name, struct cert_identity **out,
                           struct gw_err *err);

/* What the present certificate says of its subject, to say the same in the next one. Text is in the arena; no
 * names. Of a self-signed one of our own making there is nothing to keep. */
void cert_own_subject(const struct cert_identity *id, struct gw_arena *arena,
                      struct cert_subject *out);
bool cert_own_is_named(const struct cert_identity *id, struct gw_str name);
const char *cert_own_name(const struct cert_identity *id); /* "cup" */

/* Gives PEM of a PKCS#10 request; key is borrowed. GW_EXISTS: one waits already, and replace is false. */
enum gw_code cert_own_request(struct cert_identity *id, const struct cert_key *key,
                              const struct cert_subject *subject, bool replace, struct gw_buf *pem,
                              struct gw_err *err);
enum gw_code cert_own_request_get(const struct cert_identity *id, struct gw_buf *pem,
                                  struct gw_err *err); /* GW_NOTFOUND: none waits */
enum gw_code cert_own_request_drop(struct cert_identity *id, struct gw_err *err);

/* An administrator's choice: it is never made anew by itself. */
enum gw_code cert_own_self_sign(struct cert_identity *id, const struct cert_key *key,
                                const struct cert_subject *subject, int days, gw_utc now,
                                struct gw_err *err);

/* The identity as on the first start, with another key: made anew by itself before it ends, and when a domain is
 * added. A request that waits goes on waiting. */
enum gw_code cert_own_reset(struct cert_identity *id, const struct cert_key *key,
                            const struct gw_str *names, size_t names_count, gw_utc now,
                            struct gw_err *err);

/* The signed result, as PEM, DER or PKCS#7, in any order, with or without its chain; what is missing of that is
 * taken from the trust stores. It must belong to the key of the request that waits, or of the identity.
 * notes: what the administrator should know, a line each: names of 'wanted' that are not in it, an
 * issuer that is nowhere, a usage that peers ask for. */
enum gw_code cert_own_install(struct cert_identity *id, struct gw_str data,
                              const struct gw_str *wanted, size_t wanted_count, gw_utc now,
                              struct gw_buf *notes, struct gw_err *err);

/* The same for a key that comes with its certificates (cert_key_from_p12()). */
enum gw_code cert_own_import(struct cert_identity *id, const struct cert_key *key,
                             const struct gw_str *wanted, size_t wanted_count, gw_utc now,
                             struct gw_buf *notes, struct gw_err *err);

/* Certificate and chain as PEM, without the key; and as PKCS#12, with it. */
enum gw_code cert_own_pem(const struct cert_identity *id, struct gw_buf *out, struct gw_err *err);
enum gw_code cert_own_p12(const struct cert_identity *id, struct gw_str password,
                          struct gw_buf *out, struct gw_err *err);
enum { CERT_OWN_PASSWORD_MIN = 8 };

#endif

/* Digest authentication of SIP clients, the server's half (RFC 7616, RFC 8760, RFC 3261 22): SHA-256 and MD5,
 * qop auth only. An engine: time and keys are handed in.
 *
 * A nonce carries its time and a seal of ours, also over the address that it is for: a challenge costs no
 * memory, and who sends in another's name has none that counts. Only what a right
 * response has used is remembered, with the last count that was seen: a response counts once. */
#ifndef SIP_DIGEST_H
#define SIP_DIGEST_H

#include "gw_arena.h"
#include "gw_buf.h"
#include "gw_str.h"
#include "gw_time.h"

enum sip_hash { SIP_SHA256, SIP_MD5, SIP_HASH_COUNT };
extern const char *const sip_hash_names[SIP_HASH_COUNT]; /* "SHA-256" */

enum {
    SIP_HASH_LEN_MAX = 32,
    SIP_NONCE_MS = 5 * GW_MINUTE_MS, /* then the client is asked anew, without its user */
    SIP_NONCES_MAX = 20000           /* in use; of more the oldest are no longer taken */
};

/* H(user:realm:password). Wipe after use. */
struct sip_ha1 {
    bool has[SIP_HASH_COUNT];
    uint8_t is[SIP_HASH_COUNT][SIP_HASH_LEN_MAX];
};

struct sip_response { /* of an Authorization header; what is not said is empty */
    struct gw_str user, realm, nonce, uri, response, cnonce, nc, qop, algorithm;
};
/* Borrows from both. False: not of the scheme Digest, or malformed. */
bool sip_response_read(struct gw_str value, struct gw_arena *arena, struct sip_response *out);

struct sip_digest;
struct sip_digest *sip_digest_new(void);
void sip_digest_free(struct sip_digest **digestp);

struct sip_challenge {
    struct gw_str realm; /* a domain */
    struct gw_str host;  /* the address that is asked */
    enum sip_hash hash;
    bool is_stale;
};
/* The value of a WWW-Authenticate header. */
void sip_digest_challenge(const struct sip_digest *d, const struct sip_challenge *c, gw_time now,
                          struct gw_buf *out);
/* Was this address asked with this nonce, lately or long ago? */
bool sip_digest_has_asked(const struct sip_digest *d, struct gw_str nonce, struct gw_str host);

enum sip_proof {
    SIP_PROOF_RIGHT,
    SIP_PROOF_WRONG,
    SIP_PROOF_STALE /* the password is right, but this nonce or its count is spent */
};
/* The nonce is ours: sip_digest_has_asked(). */
enum sip_proof sip_digest_check(struct sip_digest *d, const struct sip_response *r,
                                const struct sip_ha1 *ha1, struct gw_str method, gw_time now);

#endif

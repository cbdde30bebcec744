/* How the front-end learns a user's SCRAM keys (RFC 5802 section 3): whoever keeps the passwords
 * gives a function. No password is ever handed over. */
#ifndef XMPP_CREDENTIALS_H
#define XMPP_CREDENTIALS_H

#include <stdbool.h>

#include "gw_str.h"

enum xmpp_hash { XMPP_SHA1, XMPP_SHA256 };

enum { XMPP_SALT_MAX = 64, XMPP_KEY_MAX = 32 };

struct xmpp_credentials {
    unsigned char salt[XMPP_SALT_MAX];
    size_t salt_len;
    unsigned iterations;
    unsigned char stored_key[XMPP_KEY_MAX], server_key[XMPP_KEY_MAX]; /* 20 or 32 bytes */
};

/* Answers at once, from memory. False: no such user, no password set, or not allowed to log in;
 * the peer is told the same in each case. PLAIN is checked with the SHA-256 keys. */
typedef bool xmpp_credentials_fn(struct gw_str user, enum xmpp_hash hash,
                                 struct xmpp_credentials *out, void *ctx);

#endif

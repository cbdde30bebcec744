#include "xmpp_dialback.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "gw_bytes.h"

enum { DIGEST = 32 };

static void hex(const unsigned char *bytes, char out[XMPP_DIALBACK_KEY_MAX])
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < DIGEST; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * DIGEST] = '\0';
}

/* HMAC-SHA256(SHA256(secret), "receiving originating id"), the inner hash as hexadecimal text. */
void xmpp_dialback_key(struct gw_str secret, struct gw_str receiving, struct gw_str originating,
                       struct gw_str stream_id, char out[XMPP_DIALBACK_KEY_MAX])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    char key[XMPP_DIALBACK_KEY_MAX];
    struct gw_buf text;

    gw_buf_init(&text, receiving.len + originating.len + stream_id.len + 2);
    gw_buf_addf(&text, "%.*s %.*s %.*s", GW_STR_ARG(receiving), GW_STR_ARG(originating),
                GW_STR_ARG(stream_id));
    (void)EVP_Digest(secret.p ? secret.p : "", secret.len, digest, NULL, EVP_sha256(), NULL);
    hex(digest, key);
    (void)HMAC(EVP_sha256(), key, 2 * DIGEST, (const unsigned char *)text.p, text.len, digest,
               NULL);
    hex(digest, out);
    gw_wipe(key, sizeof(key));
    gw_buf_done(&text);
}

bool xmpp_dialback_is_ours(struct gw_str key, struct gw_str secret, struct gw_str receiving,
                           struct gw_str originating, struct gw_str stream_id)
{
    char own[XMPP_DIALBACK_KEY_MAX];

    xmpp_dialback_key(secret, receiving, originating, stream_id, own);
    return gw_secret_eq(key, gw_str_of(own));
}

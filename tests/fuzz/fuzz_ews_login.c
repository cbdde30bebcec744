/* Whatever a server sends as its part of a login: a byte for the scheme, then the token. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "ews_login.h"
#include "gw_bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Made once: a password is hashed. */
static struct ews_cred *the_cred(void)
{
    static struct ews_cred *cred;

    if (!cred) {
        setenv("KRB5_CONFIG", "/dev/null", 1);
        cred = ews_cred_new("PRESENCE\\gateway", "secret");
    }
    return cred;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const char end_point[33] = "0123456789abcdef0123456789abcdef";
    struct ews_login_args args = { .cred = the_cred(),
                                   .host = "mail.presence.example",
                                   .end_point = { end_point, 32 } };
    struct gw_buf challenge, token;
    struct ews_login *login;
    struct ews_status why;

    if (!len)
        return 0;
    args.scheme = data[0] & 1 ? EWS_SCHEME_NTLM : EWS_SCHEME_NEGOTIATE;
    login = ews_login_new(&args);
    gw_buf_init(&challenge, EWS_LOGIN_TOKEN_MAX);
    gw_buf_init(&token, EWS_LOGIN_TOKEN_MAX);
    gw_base64_write((struct gw_str){ (const char *)data + 1, len - 1 }, &challenge);
    if (ews_login_step(login, GW_STR(""), &token, &why)) {
        gw_buf_reset(&token);
        if (ews_login_step(login, gw_buf_str(&challenge), &token, &why))
            assert(token.len && ews_login_is_proof(login));
        else
            assert(why.class != EWS_OK && why.text[0]);
    }
    gw_buf_done(&challenge);
    gw_buf_done(&token);
    ews_login_free(&login);
    return 0;
}

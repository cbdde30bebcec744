#include "mock_auth.h"

#include <string.h>

#include "gw_bytes.h"

enum { CREDENTIALS_MAX = 1024 };

const struct mock_account *mock_auth_basic(const struct mock_org *org, struct gw_str authorization)
{
    const struct mock_account *account = NULL;
    struct gw_str scheme, token, name, password;
    struct gw_buf plain;

    if (!gw_str_cut(authorization, " ", &scheme, &token) || !gw_str_iis(scheme, "Basic"))
        return NULL;
    gw_buf_init(&plain, CREDENTIALS_MAX);
    if (gw_base64_parse(gw_str_trim(token), &plain) &&
        gw_str_cut(gw_buf_str(&plain), ":", &name, &password))
        account = mock_account_find(org, name);
    if (account && !gw_secret_eq(password, gw_str_of(account->password)))
        account = NULL;
    if (plain.p)
        gw_wipe(plain.p, plain.len);
    gw_buf_done(&plain);
    return account;
}

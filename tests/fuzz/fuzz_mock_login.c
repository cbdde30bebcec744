/* Any Authorization header, at once or as the answer to a challenge; and the NTLM messages in it, which
 * are looked into, and completed, before GSSAPI sees them. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "mock_auth.h"
#include "mock_ntlm.h"

enum { HEADER_MAX = 4096 };

static const char type1[] = "NTLM TlRMTVNTUAABAAAABoIIAAAAAAAAAAAAAAAAAAAAAAA=";

static void message(struct gw_str bytes)
{
    struct mock_ntlm m;
    struct gw_buf whole;

    if (!mock_ntlm_parse(bytes, &m) || !m.type || m.at)
        return;
    gw_buf_init(&whole, bytes.len + 8);
    mock_ntlm_complete(bytes, &whole);
    assert(!whole.failed && (whole.len == bytes.len || whole.len == bytes.len + 8));
    gw_buf_done(&whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct mock_auth *auth;
    static struct mock_org *org;
    struct mock_account_args account = { .name = GW_STR("svc"), .password = GW_STR("secret") };
    struct mock_auth_policy policy = { .protection = MOCK_PROTECTION_ALLOW, .ntlm_v1 = true };
    struct mock_auth_request request = { .policy = &policy, .end_point = GW_STR("0123456789") };
    struct gw_str text = { (const char *)data, len < HEADER_MAX ? len : HEADER_MAX };
    struct gw_now now = { 1, 1 };
    struct gw_buf headers;
    const char *why;

    if (!auth) {
        org = mock_org_new();
        auth = mock_auth_new(org);
        (void)mock_account_put(org, &account, NULL);
    }
    if (gw_str_starts(text, "NTLMSSP"))
        message(text);
    for (int i = MOCK_SCHEME_NEGOTIATE; i < MOCK_SCHEMES; i++)
        policy.offer[policy.offers++] = (enum mock_scheme)i;
    request.login = mock_login_new();
    gw_buf_init(&headers, MOCK_CHALLENGES_MAX);
    if (gw_str_starts(text, "!")) { /* after a challenge */
        text = gw_str_sub(text, 1, text.len);
        request.authorization = gw_str_of(type1);
        (void)mock_auth_check(auth, &request, now, &headers, &why);
        gw_buf_reset(&headers);
    }
    request.authorization = text;
    if (!mock_auth_check(auth, &request, now, &headers, &why) && !headers.len)
        abort();
    if (headers.failed || !*why)
        abort();
    mock_login_free(request.login);
    gw_buf_done(&headers);
    return 0;
}

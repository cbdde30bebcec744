/* WWW-Authenticate as servers and proxies send it. */
#include "ews_test.h"

#include "ews_challenge.h"

static const struct {
    const char *text;
    bool negotiate, ntlm, basic, bearer;
    unsigned count;
    const char *negotiate_token, *ntlm_token;
} c[] = {
    { "", false, false, false, false, 0, "", "" },
    { "Negotiate, NTLM, Basic realm=\"mail.example\"", true, true, true, false, 3, "", "" },
    { "Bearer client_id=\"0\", trusted_issuers=\"a,b\", token_types=\"c\", Negotiate", true, false,
      false, true, 2, "", "" },
    { "NTLM TlRMTVNTUAACAAAA", false, true, false, false, 1, "", "TlRMTVNTUAACAAAA" },
    { "Negotiate oXcwdaADCgEBoQ==", true, false, false, false, 1, "oXcwdaADCgEBoQ==", "" },
    { "Negotiate AAAA,NTLM BBBB", true, true, false, false, 2, "AAAA", "BBBB" },
    { "negotiate, ntlm, BASIC realm=x", true, true, true, false, 3, "", "" },
    { "Negotiate  \t AAAA ", true, false, false, false, 1, "AAAA", "" },
    /* a scheme's name inside a parameter is no offer */
    { "Digest realm=\"NTLM, Negotiate\", qop = auth, Basic realm=\"\\\", NTLM\"", false, false,
      true, false, 2, "", "" },
    { "Basic realm=\"never ends, NTLM", false, false, true, false, 1, "", "" },
    { "Negotiate A, Negotiate B", true, false, false, false, 2, "A", "" },
    { ", , ,", false, false, false, false, 0, "", "" },
    { "NTLM a b", false, true, false, false, 1, "", "" },
    { "NTLM ====", false, false, false, false, 0, "", "" },
    { "NTLMX, Ne\"gotiate", false, false, false, false, 2, "", "" },
    { "= , \"NTLM\"", false, false, false, false, 0, "", "" },
};

static void test_parse(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
        struct ews_challenges out;

        ews_challenges_parse(gw_str_of(c[i].text), &out);
        if (out.offered[EWS_SCHEME_NEGOTIATE] != c[i].negotiate ||
            out.offered[EWS_SCHEME_NTLM] != c[i].ntlm ||
            out.offered[EWS_SCHEME_BASIC] != c[i].basic ||
            out.offered[EWS_SCHEME_BEARER] != c[i].bearer || out.count != c[i].count ||
            !gw_str_is(out.token[EWS_SCHEME_NEGOTIATE], c[i].negotiate_token) ||
            !gw_str_is(out.token[EWS_SCHEME_NTLM], c[i].ntlm_token))
            fail_msg("'%s' was read wrongly", c[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

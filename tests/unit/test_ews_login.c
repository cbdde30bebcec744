/* The login by NTLM and Negotiate against an acceptor over GSSAPI, without a connection. */
#include "ews_test.h"

#include <unistd.h>

#include "ews_login.h"
#include "gss_acceptor.h"

#define HASH  "0123456789abcdef0123456789abcdef"
#define OTHER "fedcba9876543210fedcba9876543210"

static const struct {
    const char *name;
    enum ews_scheme scheme;
    const char *account, *password;
    const char *ours, *theirs; /* the end point that each side sees */
    enum acceptor_answer answer;
    bool bound;
} c[] = {
    { "NTLM", EWS_SCHEME_NTLM, "PRESENCE\\gateway", "s3cr\xc3\xa9t", "", "", ACCEPTOR_DONE, false },
    { "NTLM on TLS", EWS_SCHEME_NTLM, "PRESENCE\\gateway", "s3cr\xc3\xa9t", HASH, HASH,
      ACCEPTOR_DONE, true },
    { "NTLM through another TLS", EWS_SCHEME_NTLM, "PRESENCE\\gateway", "s3cr\xc3\xa9t", HASH,
      OTHER, ACCEPTOR_REFUSED, false },
    { "NTLM, wrong password", EWS_SCHEME_NTLM, "PRESENCE\\gateway", "wrong", HASH, HASH,
      ACCEPTOR_REFUSED, false },
    { "NTLM, unknown account", EWS_SCHEME_NTLM, "PRESENCE\\nobody", "s3cr\xc3\xa9t", HASH, HASH,
      ACCEPTOR_REFUSED, false },
    { "NTLM, user@domain", EWS_SCHEME_NTLM, "gateway@PRESENCE", "s3cr\xc3\xa9t", HASH, HASH,
      ACCEPTOR_DONE, true },
    { "Negotiate", EWS_SCHEME_NEGOTIATE, "PRESENCE\\gateway", "s3cr\xc3\xa9t", "", "",
      ACCEPTOR_DONE, false },
    { "Negotiate on TLS", EWS_SCHEME_NEGOTIATE, "PRESENCE\\gateway", "s3cr\xc3\xa9t", HASH, HASH,
      ACCEPTOR_DONE, true },
    { "Negotiate through another TLS", EWS_SCHEME_NEGOTIATE, "PRESENCE\\gateway", "s3cr\xc3\xa9t",
      HASH, OTHER, ACCEPTOR_REFUSED, false },
    { "Negotiate, wrong password", EWS_SCHEME_NEGOTIATE, "PRESENCE\\gateway", "wrong", HASH, HASH,
      ACCEPTOR_REFUSED, false },
    { "Negotiate, user@domain", EWS_SCHEME_NEGOTIATE, "gateway@PRESENCE", "s3cr\xc3\xa9t", HASH,
      HASH, ACCEPTOR_DONE, true },
};

static struct ews_login *login_new(enum ews_scheme scheme, const char *account,
                                   const char *password, const char *end_point)
{
    struct ews_cred *cred = ews_cred_new(account, password);
    struct ews_login_args args = {
        .cred = cred, .scheme = scheme, .host = "127.0.0.1", .end_point = gw_str_of(end_point)
    };
    struct ews_login *login = ews_login_new(&args);

    ews_cred_unref(&cred);
    return login;
}

/* The legs, until the acceptor has decided. */
static enum acceptor_answer run(struct ews_login *login, struct acceptor *a, const char *name)
{
    enum acceptor_answer answer = ACCEPTOR_MORE;
    struct gw_buf token, challenge;
    struct ews_status why;

    gw_buf_init(&token, EWS_LOGIN_TOKEN_MAX);
    gw_buf_init(&challenge, EWS_LOGIN_TOKEN_MAX);
    for (int leg = 0; answer == ACCEPTOR_MORE; leg++) {
        gw_buf_reset(&token);
        if (!ews_login_step(login, gw_buf_str(&challenge), &token, &why))
            fail_msg("%s: leg %d: '%s'", name, leg, why.text);
        assert_int_equal(ews_login_is_proof(login), leg > 0);
        gw_buf_reset(&challenge);
        answer = acceptor_step(a, gw_buf_str(&token), &challenge);
    }
    gw_buf_done(&token);
    gw_buf_done(&challenge);
    return answer;
}

static void test_logins(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
        struct ews_login *login = login_new(c[i].scheme, c[i].account, c[i].password, c[i].ours);
        struct acceptor a = { .end_point = gw_str_of(c[i].theirs) };

        if (run(login, &a, c[i].name) != c[i].answer)
            fail_msg("%s: not as it should be", c[i].name);
        if (c[i].answer == ACCEPTOR_DONE)
            assert_int_equal(a.bound, c[i].bound);
        acceptor_done(&a);
        ews_login_free(&login);
        assert_null(login);
    }
}

/* A challenge that was cut, one of 2020, and none at all. */
static void test_bad_challenges(void **state)
{
    static const struct {
        const char *challenge;
        enum ews_class class;
        const char *code;
    } bad[] = {
        { "TlRMTVNTUAACAAAA", EWS_BAD_ANSWER, "login-token" },
        { "not base64!", EWS_BAD_ANSWER, "login-token" },
        { "AAAA", EWS_BAD_ANSWER, "login-token" },
        /* type 2, flags a2898205, target PRESENCE, AvTimestamp of 2020-01-01 */
        { "TlRMTVNTUAACAAAAEAAQADgAAAAFgomiASNFZ4mrze8AAAAAAAAAACQAJABIAAAABgGxHQAAAA9QAFIARQBTAEUA"
          "TgBDAEUAAgAQAFAAUgBFAFMARQBOAEMARQAHAAgAAICM5jbA1QEAAAAA",
          EWS_CONFIG, "clock" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct ews_login *login = login_new(EWS_SCHEME_NTLM, "PRESENCE\\gateway", "x", HASH);
        struct ews_status why;
        struct gw_buf token;

        gw_buf_init(&token, EWS_LOGIN_TOKEN_MAX);
        assert_true(ews_login_step(login, GW_STR(""), &token, &why));
        if (ews_login_step(login, gw_str_of(bad[i].challenge), &token, &why) ||
            why.class != bad[i].class || strcmp(why.code, bad[i].code))
            fail_msg("case %zu: %s %s '%s'", i, ews_class_name(why.class), why.code, why.text);
        gw_buf_done(&token);
        ews_login_free(&login);
    }
}

static void test_credentials_are_kept(void **state)
{
    struct ews_cred *cred = ews_cred_new("PRESENCE\\gateway", "s3cr\xc3\xa9t");
    struct ews_login_args args = {
        .cred = cred, .scheme = EWS_SCHEME_NEGOTIATE, .host = "mail.presence.example", .now = 1000
    };

    (void)state;
    assert_false(ews_cred_is_stale(cred, GW_DAY_MS * 2));
    for (int i = 0; i < 3; i++) {
        struct ews_login *login = ews_login_new(&args);
        struct acceptor a = { 0 };

        assert_int_equal(run(login, &a, "kept"), ACCEPTOR_DONE);
        acceptor_done(&a);
        ews_login_free(&login);
    }
    assert_false(ews_cred_is_stale(cred, GW_HOUR_MS));
    assert_true(ews_cred_is_stale(cred, 1000 + GW_DAY_MS));
    ews_cred_unref(&cred);
    assert_null(cred);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_logins),
        cmocka_unit_test(test_bad_challenges),
        cmocka_unit_test(test_credentials_are_kept),
    };
    int failed;

    setenv("KRB5_CONFIG", "/dev/null", 1); /* no Kerberos here, and no look for it in DNS */
    if (!acceptor_accounts("PRESENCE:gateway:s3cr\xc3\xa9t\n")) {
        puts("skipped: gss-ntlmssp is not installed");
        acceptor_accounts_done();
        return 77;
    }
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    acceptor_accounts_done();
    return failed;
}

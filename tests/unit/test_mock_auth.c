/* Logging in as IIS has it, with a GSSAPI initiator as the client. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>
#include <stdio.h>
#include <string.h>

#include "gw_bytes.h"
#include "mock_auth.h"
#include "mock_ntlm.h"

#ifdef KALENDS_SANITIZE
#include <sanitizer/lsan_interface.h>
#else
#define __lsan_disable() (void)0
#define __lsan_enable()  (void)0
#endif

#define BINDING "0123456789abcdef0123456789abcdef"

struct world {
    struct mock_org *org;
    struct mock_auth *auth;
    struct mock_auth_policy policy;
    struct mock_login *login; /* the connection */
    struct gw_now now;
    struct gw_str end_point;
    const struct mock_account *account; /* of the last check() */
    const char *why;
    struct gw_buf headers;
};

static void world_init_with(struct world *w, struct gw_str password)
{
    static const enum mock_scheme all[] = { MOCK_SCHEME_NEGOTIATE, MOCK_SCHEME_NTLM,
                                            MOCK_SCHEME_BASIC, MOCK_SCHEME_BEARER };
    struct mock_account_args args = { .name = GW_STR("Svc"), .password = password };

    *w = (struct world){ .now = { 1000, 1000 } };
    w->org = mock_org_new();
    w->auth = mock_auth_new(w->org);
    w->login = mock_login_new();
    memcpy(w->policy.offer, all, sizeof(all));
    w->policy.offers = MOCK_SCHEMES;
    w->policy.protection = MOCK_PROTECTION_ALLOW;
    gw_buf_init(&w->headers, MOCK_CHALLENGES_MAX);
    assert_int_equal(mock_account_put(w->org, &args, NULL), GW_OK);
}

static void world_init(struct world *w)
{
    world_init_with(w, GW_STR("sec:ret"));
}

static void world_done(struct world *w)
{
    mock_login_free(w->login);
    mock_auth_free(&w->auth);
    mock_org_free(&w->org);
    gw_buf_done(&w->headers);
}

static void reconnect(struct world *w)
{
    mock_login_free(w->login);
    w->login = mock_login_new();
}

static bool check(struct world *w, const char *authorization)
{
    struct mock_auth_request request = { .policy = &w->policy,
                                         .login = w->login,
                                         .authorization = gw_str_of(authorization),
                                         .end_point = w->end_point };

    gw_buf_reset(&w->headers);
    w->account = mock_auth_check(w->auth, &request, w->now, &w->headers, &w->why);
    return w->account;
}

/* --- Basic, and what stands in front of it --- */

static const struct {
    const char *header;
    const char *why; /* NULL: it is let in */
} basic_case[] = {
    { "Basic c3ZjOnNlYzpyZXQ=", NULL }, /* svc:sec:ret */
    { "basic  c3ZjOnNlYzpyZXQ=", NULL },
    { "Basic Q09SUFxTVkM6c2VjOnJldA==", NULL }, /* CORP\SVC:sec:ret */
    { "Basic c3ZjOnNlYw==", "wrong password" },
    { "Basic bm9ib2R5OnNlYw==", "unknown account" },
    { "Basic c3Zj", "broken header" },
    { "Basic ???", "broken header" },
    { "Basic", "broken header" },
    { "Bearer c3ZjOnNlYzpyZXQ=", "wrong token" },
    { "NTLM", "broken header" },
    { "NTLM ????", "broken header" },
    { "NTLM aGVsbG8=", "broken token" },
    { "Negotiate aGVsbG8=", "broken token" },
    { "NTLM TlRMTVNTUAA=", "broken token" },
    { "NTLM TlRMTVNTUCQDAAAAGAAYQmFzaWMAAAAATlRMTVNTUAD/+gAALQAAAElPICBO", "broken token" },
    { "Digest x", "unknown scheme" },
    { "", "no credentials" },
};

static void test_headers(void **state)
{
    struct world w;

    (void)state;
    world_init(&w);
    for (size_t i = 0; i < sizeof(basic_case) / sizeof(*basic_case); i++) {
        assert_int_equal(check(&w, basic_case[i].header), !basic_case[i].why);
        assert_string_equal(w.why, basic_case[i].why ? basic_case[i].why : "NoError");
    }
    world_done(&w);
}

static void test_offers(void **state)
{
    static const char lines[] = "Negotiate\0NTLM\0Basic realm=\"mock-exchange\"\0"
                                "Bearer realm=\"mock-exchange\"";
    struct world w;

    (void)state;
    world_init(&w);
    assert_false(check(&w, ""));
    assert_int_equal(w.headers.len, sizeof(lines));
    assert_memory_equal(w.headers.p, lines, sizeof(lines));
    assert_false(check(&w, "Bearer x"));
    assert_non_null(memmem(w.headers.p, w.headers.len, ", error=\"invalid_token\"", 22));
    w.policy.joined = true;
    assert_false(check(&w, ""));
    assert_string_equal(w.headers.p, "Negotiate, NTLM, Basic realm=\"mock-exchange\", "
                                     "Bearer realm=\"mock-exchange\"");
    w.policy.offer[0] = MOCK_SCHEME_NTLM;
    w.policy.offers = 1;
    assert_false(check(&w, "Basic c3ZjOnNlYzpyZXQ="));
    assert_string_equal(w.why, "scheme is not offered");
    assert_string_equal(w.headers.p, "NTLM");
    world_done(&w);
}

static void test_lockout(void **state)
{
    struct world w;

    (void)state;
    world_init(&w);
    mock_org_set_lockout(w.org, 3, 60000);
    for (int i = 0; i < 2; i++)
        assert_false(check(&w, "Basic c3ZjOnNlYw=="));
    assert_true(check(&w, "Basic c3ZjOnNlYzpyZXQ=")); /* begins to count anew */
    for (int i = 0; i < 3; i++)
        assert_false(check(&w, "Basic c3ZjOnNlYw=="));
    assert_false(check(&w, "Basic c3ZjOnNlYzpyZXQ="));
    assert_string_equal(w.why, "locked out");
    w.now.mono += 59999;
    assert_false(check(&w, "Basic c3ZjOnNlYzpyZXQ="));
    w.now.mono += 1;
    assert_true(check(&w, "Basic c3ZjOnNlYzpyZXQ="));
    world_done(&w);
}

/* --- NTLM and Negotiate --- */

static gss_OID_desc ntlm = { 10, "\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a" };
static gss_OID_desc spnego = { 6, "\x2b\x06\x01\x05\x05\x02" };

static const struct login_case {
    const char *name, *scheme, *user, *password;
    enum mock_protection protection;
    const char *sent;   /* what the client takes for the end point; NULL: it sends no binding */
    const char *served; /* "": no TLS */
    const char *why;    /* NULL: it is let in */
} login_case[] = {
    { "raw", "NTLM", "CORP\\svc", "secret", MOCK_PROTECTION_ALLOW, NULL, "", NULL },
    { "raw, upper case", "NTLM", "CORP\\SVC", "secret", MOCK_PROTECTION_ALLOW, NULL, "", NULL },
    { "raw, principal name", "NTLM", "svc@corp.example", "secret", MOCK_PROTECTION_ALLOW, NULL, "",
      NULL },
    { "raw, no domain", "NTLM", "svc", "secret", MOCK_PROTECTION_ALLOW, NULL, "", NULL },
    { "raw, wrong", "NTLM", "CORP\\svc", "no", MOCK_PROTECTION_ALLOW, NULL, "", "wrong password" },
    { "raw, unknown", "NTLM", "CORP\\eve", "secret", MOCK_PROTECTION_ALLOW, NULL, "",
      "unknown account" },
    { "SPNEGO", "Negotiate", "CORP\\svc", "secret", MOCK_PROTECTION_ALLOW, NULL, "", NULL },
    { "SPNEGO, wrong", "Negotiate", "CORP\\svc", "no", MOCK_PROTECTION_ALLOW, NULL, "",
      "wrong password" },
    { "bound", "NTLM", "CORP\\svc", "secret", MOCK_PROTECTION_REQUIRE, BINDING, BINDING, NULL },
    { "bound, SPNEGO", "Negotiate", "CORP\\svc", "secret", MOCK_PROTECTION_REQUIRE, BINDING,
      BINDING, NULL },
    { "no binding, allowed", "NTLM", "CORP\\svc", "secret", MOCK_PROTECTION_ALLOW, NULL, BINDING,
      NULL },
    { "no binding, required", "NTLM", "CORP\\svc", "secret", MOCK_PROTECTION_REQUIRE, NULL, BINDING,
      "no channel binding" },
    { "no binding, required, SPNEGO", "Negotiate", "CORP\\svc", "secret", MOCK_PROTECTION_REQUIRE,
      NULL, BINDING, "no channel binding" },
    { "wrong binding, allowed", "NTLM", "CORP\\svc", "secret", MOCK_PROTECTION_ALLOW, "elsewhere",
      BINDING, "wrong channel binding" },
    { "wrong binding, SPNEGO", "Negotiate", "CORP\\svc", "secret", MOCK_PROTECTION_ALLOW,
      "elsewhere", BINDING, "wrong channel binding" },
    { "wrong binding, off", "NTLM", "CORP\\svc", "secret", MOCK_PROTECTION_OFF, "elsewhere",
      BINDING, NULL },
    { "required, no TLS", "NTLM", "CORP\\svc", "secret", MOCK_PROTECTION_REQUIRE, NULL, "", NULL },
};

static bool is_negotiate(const struct login_case *c)
{
    return strcmp(c->scheme, "Negotiate") == 0;
}

static gss_cred_id_t client_cred(const struct login_case *c)
{
    gss_OID_set_desc mechs = { 1, is_negotiate(c) ? &spnego : &ntlm }, only = { 1, &ntlm };
    gss_buffer_desc user = { strlen(c->user), (void *)c->user };
    gss_buffer_desc password = { strlen(c->password), (void *)c->password };
    gss_cred_id_t cred = GSS_C_NO_CREDENTIAL;
    gss_name_t name;
    OM_uint32 minor;

    assert_int_equal(gss_import_name(&minor, &user, GSS_C_NT_USER_NAME, &name), GSS_S_COMPLETE);
    assert_int_equal(gss_acquire_cred_with_password(&minor, name, &password, GSS_C_INDEFINITE,
                                                    &mechs, GSS_C_INITIATE, &cred, NULL, NULL),
                     GSS_S_COMPLETE);
    if (is_negotiate(c))
        assert_int_equal(gss_set_neg_mechs(&minor, cred, &only), GSS_S_COMPLETE);
    (void)gss_release_name(&minor, &name);
    return cred;
}

/* The token of a challenge; false: there is none for us. */
static bool token_of(const struct world *w, const char *scheme, struct gw_buf *out)
{
    struct gw_str name, token;

    return w->headers.len && gw_str_cut(gw_str_of(w->headers.p), " ", &name, &token) &&
           gw_str_is(name, scheme) && gw_base64_parse(token, out);
}

/* The whole handshake; the last answer is in w. */
static void shake(struct world *w, const struct login_case *c)
{
    static const char target[] = "HTTP@cas1.example";
    gss_buffer_desc text = { sizeof(target) - 1, (void *)target };
    gss_cred_id_t cred;
    gss_ctx_id_t ctx = GSS_C_NO_CONTEXT;
    struct gss_channel_bindings_struct bindings = { 0 };
    struct gw_buf in, header;
    char application[100];
    gss_name_t name;
    OM_uint32 minor;

    if (c->sent)
        bindings.application_data =
            (gss_buffer_desc){ (size_t)snprintf(application, sizeof(application),
                                                "tls-server-end-point:%s", c->sent),
                               application };
    __lsan_disable(); /* gss-ntlmssp 1.2.0 loses 6 KB each time it hashes a password */
    cred = client_cred(c);
    __lsan_enable();
    gw_buf_init(&in, 10000);
    gw_buf_init(&header, 10000);
    (void)gss_import_name(&minor, &text, GSS_C_NT_HOSTBASED_SERVICE, &name);
    for (;;) {
        gss_buffer_desc input = { in.len, in.p }, output = GSS_C_EMPTY_BUFFER;

        (void)gss_init_sec_context(
            &minor, cred, &ctx, name, is_negotiate(c) ? &spnego : &ntlm, GSS_C_INTEG_FLAG, 0,
            c->sent ? &bindings : GSS_C_NO_CHANNEL_BINDINGS, &input, NULL, &output, NULL, NULL);
        if (!output.length)
            break;
        gw_buf_reset(&header);
        gw_buf_addf(&header, "%s ", c->scheme);
        gw_base64_write((struct gw_str){ output.value, output.length }, &header);
        (void)gss_release_buffer(&minor, &output);
        gw_buf_reset(&in);
        if (check(w, header.p) || !token_of(w, c->scheme, &in))
            break;
        assert_string_equal(w->why, "handshake");
    }
    (void)gss_delete_sec_context(&minor, &ctx, GSS_C_NO_BUFFER);
    (void)gss_release_name(&minor, &name);
    (void)gss_release_cred(&minor, &cred);
    gw_buf_done(&in);
    gw_buf_done(&header);
}

static void test_logins(void **state)
{
    struct world w;

    (void)state;
    world_init_with(&w, GW_STR("secret"));
    for (size_t i = 0; i < sizeof(login_case) / sizeof(*login_case); i++) {
        const struct login_case *c = &login_case[i];

        reconnect(&w);
        w.policy.protection = c->protection;
        w.end_point = gw_str_of(c->served);
        shake(&w, c);
        if (!w.account != !!c->why || strcmp(w.why, c->why ? c->why : "NoError") != 0)
            fail_msg("%s: %s", c->name, w.why);
        assert_int_equal(check(&w, ""), !c->why); /* the connection is known, or not */
        if (c->why)
            assert_string_equal(w.headers.p, "Negotiate");
    }
    world_done(&w);
}

static void test_connections(void **state)
{
    struct mock_account_args again = { .name = GW_STR("svc"), .password = GW_STR("other") };
    struct world w;

    (void)state;
    world_init_with(&w, GW_STR("secret"));
    shake(&w, &login_case[0]);
    assert_true(check(&w, ""));
    /* an account that is made anew is another struct, and still that account */
    assert_int_equal(mock_account_put(w.org, &again, NULL), GW_OK);
    assert_true(check(&w, ""));
    assert_string_equal(w.account->password, "other");
    /* a wrong Basic header is refused, and changes nothing for the connection */
    assert_false(check(&w, "Basic c3ZjOnNlYw=="));
    assert_true(check(&w, ""));
    /* no longer offered */
    w.policy.offer[1] = MOCK_SCHEME_BASIC;
    assert_false(check(&w, ""));
    w.policy.offer[1] = MOCK_SCHEME_NTLM;
    /* a new handshake ends the old one, also when it fails */
    shake(&w, &login_case[4]);
    assert_false(check(&w, ""));
    /* type 3 of nowhere */
    assert_false(check(&w, "NTLM TlRMTVNTUAADAAAA"));
    assert_string_equal(w.why, "broken token");
    world_done(&w);
}

static void test_lockout_by_ntlm(void **state)
{
    struct world w;

    (void)state;
    world_init_with(&w, GW_STR("secret"));
    mock_org_set_lockout(w.org, 2, 1000);
    shake(&w, &login_case[4]);
    shake(&w, &login_case[4]);
    shake(&w, &login_case[0]);
    assert_string_equal(w.why, "locked out");
    assert_false(check(&w, ""));
    w.now.mono += 1000;
    shake(&w, &login_case[0]);
    assert_true(check(&w, ""));
    world_done(&w);
}

/* --- messages --- */

/* An AUTHENTICATE message as curl makes it: OEM names, no Version. */
static void message_write(struct gw_buf *out, size_t lm_len, size_t nt_len, const char *domain,
                          const char *user)
{
    size_t at = 64, len[6] = { lm_len, nt_len, strlen(domain), strlen(user), 0, 0 };

    gw_buf_add(out, "NTLMSSP\0\3\0\0\0", 12);
    for (int i = 0; i < 6; i++) {
        const char field[8] = { (char)len[i], 0, (char)len[i], 0, (char)at, 0, 0, 0 };

        gw_buf_add(out, field, 8);
        at += len[i];
    }
    gw_buf_add(out, "\2\0\0\0", 4);
    for (size_t i = 0; i < lm_len + nt_len; i++)
        gw_buf_add_char(out, 'n');
    gw_buf_add_cstr(out, domain);
    gw_buf_add_cstr(out, user);
}

static void test_messages(void **state)
{
    struct gw_buf message, whole;
    struct mock_ntlm m;

    (void)state;
    gw_buf_init(&message, 1000);
    gw_buf_init(&whole, 1000);
    message_write(&message, 0, 50, "CORP", "svc");
    assert_true(mock_ntlm_parse(gw_buf_str(&message), &m));
    assert_int_equal(m.type, 3);
    assert_false(m.v1);
    assert_string_equal(m.domain, "CORP");
    assert_string_equal(m.user, "svc");
    mock_ntlm_complete(gw_buf_str(&message), &whole);
    assert_int_equal(whole.len, message.len + 8);
    assert_true(mock_ntlm_parse(gw_buf_str(&whole), &m));
    assert_string_equal(m.domain, "CORP");
    assert_string_equal(m.user, "svc");
    for (size_t len = 0; len < message.len; len++)
        assert_false(mock_ntlm_parse(gw_str_sub(gw_buf_str(&message), 0, len), &m) && m.type == 3);
    gw_buf_reset(&message);
    message_write(&message, 24, 24, "", "svc");
    assert_true(mock_ntlm_parse(gw_buf_str(&message), &m));
    assert_true(m.v1);
    for (size_t nt_len = 0; nt_len < 44; nt_len++) { /* and no LM response */
        gw_buf_reset(&message);
        message_write(&message, 0, nt_len, "CORP", "svc");
        assert_false(mock_ntlm_parse(gw_buf_str(&message), &m));
    }
    assert_true(mock_ntlm_parse(GW_STR(""), &m));
    assert_int_equal(m.type, 0);
    assert_true(mock_ntlm_parse(GW_STR("SPNEGO NTLMSSP\0\1\0\0\0"), &m));
    assert_int_equal(m.at, 7);
    gw_buf_done(&message);
    gw_buf_done(&whole);
}

/* SSPI without a binding sends one of zeros. */
static void test_empty_binding(void **state)
{
    static const char pairs[28] = { 2, 0, 0, 0, 10, 0, 16, 0 };
    struct gw_buf message, header;
    struct world w;
    struct mock_ntlm m;

    (void)state;
    world_init(&w);
    gw_buf_init(&message, 1000);
    gw_buf_init(&header, 1000);
    message_write(&message, 0, 44 + sizeof(pairs), "CORP", "svc");
    memcpy(message.p + 64 + 44, pairs, sizeof(pairs));
    assert_true(mock_ntlm_parse(gw_buf_str(&message), &m));
    assert_true(m.zero_binding);
    gw_buf_add_cstr(&header, "NTLM ");
    gw_base64_write(gw_buf_str(&message), &header);
    w.end_point = GW_STR(BINDING);
    assert_false(check(&w, header.p));
    assert_string_equal(w.why, "empty channel binding");
    w.end_point = GW_STR("");
    assert_false(check(&w, header.p));
    assert_string_not_equal(w.why, "empty channel binding");
    message.p[64 + 44 + 10] = 1;
    assert_true(mock_ntlm_parse(gw_buf_str(&message), &m));
    assert_false(m.zero_binding);
    gw_buf_done(&message);
    gw_buf_done(&header);
    world_done(&w);
}

static void test_version_1(void **state)
{
    struct gw_buf message, header;
    struct world w;

    (void)state;
    world_init(&w);
    gw_buf_init(&message, 1000);
    gw_buf_init(&header, 1000);
    message_write(&message, 24, 24, "CORP", "svc");
    gw_buf_add_cstr(&header, "NTLM ");
    gw_base64_write(gw_buf_str(&message), &header);
    assert_false(check(&w, "NTLM TlRMTVNTUAABAAAABoIIAAAAAAAAAAAAAAAAAAAAAAA="));
    assert_string_equal(w.why, "handshake");
    assert_false(check(&w, header.p));
    assert_string_equal(w.why, "NTLM version 1");
    w.policy.ntlm_v1 = true;
    assert_false(check(&w, "NTLM TlRMTVNTUAABAAAABoIIAAAAAAAAAAAAAAAAAAAAAAA="));
    assert_false(check(&w, header.p));
    assert_string_equal(w.why, "wrong password"); /* it was looked at */
    gw_buf_done(&message);
    gw_buf_done(&header);
    world_done(&w);
}

/* --- tokens --- */

static const struct {
    const char *body, *authorization;
    const char *error; /* NULL: a token */
    int status;
} token_case[] = {
    { "grant_type=client_credentials&client_id=svc&client_secret=sec%3Aret", "", NULL, 200 },
    { "client_id=svc&client_secret=sec:ret&scope=x+y&grant_type=client_credentials", "", NULL,
      200 },
    { "grant_type=client_credentials", "Basic c3ZjOnNlYyUzQXJldA==", NULL, 200 },
    { "grant_type=client_credentials&client_id=svc&client_secret=no", "", "invalid_client", 401 },
    { "grant_type=client_credentials&client_id=eve&client_secret=no", "", "invalid_client", 401 },
    { "grant_type=client_credentials", "Basic ????", "invalid_client", 401 },
    { "grant_type=client_credentials", "", "invalid_request", 400 },
    { "grant_type=password&client_id=svc", "", "unsupported_grant_type", 400 },
    { "", "", "invalid_request", 400 },
    { "grant_type=client_credentials&grant_type=client_credentials", "", "invalid_request", 400 },
    { "grant_type=%zz", "", "invalid_request", 400 },
    { "grant_type=client_credentials&client_id=%4", "", "invalid_request", 400 },
};

static void test_token_endpoint(void **state)
{
    struct world w;

    (void)state;
    world_init(&w);
    for (size_t i = 0; i < sizeof(token_case) / sizeof(*token_case); i++) {
        struct mock_token_request request = {
            .method = GW_STR("POST"),
            .content_type = GW_STR("application/x-www-form-urlencoded; charset=utf-8"),
            .authorization = gw_str_of(token_case[i].authorization),
            .body = gw_str_of(token_case[i].body)
        };
        struct mock_token_answer answer;
        struct gw_buf out;

        gw_buf_init(&out, 1000);
        answer = mock_token_serve(mock_auth_tokens(w.auth), w.org, &request, w.now, &out);
        assert_int_equal(answer.status, token_case[i].status);
        assert_non_null(
            strstr(out.p, token_case[i].error ? token_case[i].error : "\"access_token\""));
        assert_int_equal(answer.basic, answer.status == 401 && *token_case[i].authorization);
        gw_buf_done(&out);
    }
    world_done(&w);
}

static void test_tokens(void **state)
{
    struct mock_token_request request = {
        .method = GW_STR("POST"),
        .content_type = GW_STR("application/x-www-form-urlencoded"),
        .body = GW_STR("grant_type=client_credentials&client_id=svc&client_secret=sec:ret")
    };
    char header[100] = "Bearer ";
    struct gw_str before, token;
    struct gw_buf out;
    struct world w;

    (void)state;
    world_init(&w);
    mock_tokens_set_life(mock_auth_tokens(w.auth), 5000);
    gw_buf_init(&out, 1000);
    (void)mock_token_serve(mock_auth_tokens(w.auth), w.org, &request, w.now, &out);
    assert_non_null(strstr(out.p, "\"expires_in\":5,"));
    assert_true(gw_str_cut(gw_buf_str(&out), "\"access_token\":\"", &before, &token));
    memcpy(header + 7, token.p, 64);
    assert_true(check(&w, header));
    assert_false(check(&w, "")); /* not of the connection */
    w.now.mono += 4999;
    assert_true(check(&w, header));
    w.now.mono += 1;
    assert_false(check(&w, header));
    gw_buf_done(&out);
    world_done(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers),        cmocka_unit_test(test_offers),
        cmocka_unit_test(test_lockout),        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_token_endpoint), cmocka_unit_test(test_tokens),
    };
    const struct CMUnitTest ntlm_tests[] = {
        cmocka_unit_test(test_logins),          cmocka_unit_test(test_connections),
        cmocka_unit_test(test_lockout_by_ntlm), cmocka_unit_test(test_version_1),
        cmocka_unit_test(test_empty_binding),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    if (!mock_gss_has_ntlm()) {
        puts("gss-ntlmssp is not installed: no NTLM");
        return failed ? failed : 77;
    }
    return failed + cmocka_run_group_tests(ntlm_tests, NULL, NULL);
}

#include "mock_auth.h"

#include <stdio.h>
#include <stdlib.h>

#include "gw_bytes.h"
#include "gw_log.h"
#include "gw_mem.h"
#include "mock_ntlm.h"

enum {
    CREDENTIALS_MAX = 1024, /* bytes of a name and a password */
    TOKEN_MAX = 64 * 1024,  /* a Kerberos ticket with many groups */
    ANSWER_MAX = 8 * 1024
};

struct mock_auth {
    struct mock_org *org;
    struct mock_gss_home *gss;
    struct mock_tokens *tokens;
};

struct mock_login {
    char *account; /* KNOWN */
    enum mock_scheme scheme;
    struct mock_gss *gss; /* HANDSHAKE */
};

/* One check under way. */
struct check {
    struct mock_auth *auth;
    const struct mock_auth_request *request;
    struct gw_now now;
    struct gw_str token; /* after the scheme */
    struct gw_buf *headers;
    const char *why;
    bool more;      /* of a handshake */
    bool bad_token; /* Bearer */
};

typedef const struct mock_account *scheme_fn(struct check *check, enum mock_scheme scheme);
static scheme_fn check_basic, check_gss, check_bearer;

static const struct {
    const char *name;
    const char *offer;
    scheme_fn *fn;
} table[MOCK_SCHEMES] = {
    [MOCK_SCHEME_NEGOTIATE] = { "Negotiate", "Negotiate", check_gss },
    [MOCK_SCHEME_NTLM] = { "NTLM", "NTLM", check_gss },
    [MOCK_SCHEME_BASIC] = { "Basic", "Basic realm=\"mock-exchange\"", check_basic },
    [MOCK_SCHEME_BEARER] = { "Bearer", "Bearer realm=\"mock-exchange\"", check_bearer },
};

const char *mock_scheme_name(enum mock_scheme scheme)
{
    return table[scheme].name;
}

void mock_auth_policy_default(struct mock_auth_policy *policy)
{
    *policy = (struct mock_auth_policy){ .protection = MOCK_PROTECTION_ALLOW };
    if (mock_gss_has_ntlm()) {
        policy->offer[policy->offers++] = MOCK_SCHEME_NEGOTIATE;
        policy->offer[policy->offers++] = MOCK_SCHEME_NTLM;
    }
    policy->offer[policy->offers++] = MOCK_SCHEME_BASIC;
}

struct mock_auth *mock_auth_new(struct mock_org *org)
{
    struct mock_auth *auth = gw_new(struct mock_auth);

    auth->org = org;
    auth->gss = mock_gss_home_new();
    auth->tokens = mock_tokens_new();
    return auth;
}

void mock_auth_free(struct mock_auth **authp)
{
    struct mock_auth *auth = *authp;

    if (!auth)
        return;
    *authp = NULL;
    mock_gss_home_free(&auth->gss);
    mock_tokens_free(&auth->tokens);
    free(auth);
}

struct mock_gss_home *mock_auth_gss(struct mock_auth *auth)
{
    return auth->gss;
}

struct mock_tokens *mock_auth_tokens(struct mock_auth *auth)
{
    return auth->tokens;
}

struct mock_login *mock_login_new(void)
{
    return gw_new(struct mock_login);
}

static void login_forget(struct mock_login *login)
{
    free(login->account);
    login->account = NULL;
    mock_gss_free(&login->gss);
}

void mock_login_free(void *p)
{
    struct mock_login *login = p;

    if (!login)
        return;
    login_forget(login);
    free(login);
}

static const struct mock_account *refused(struct check *check, const char *why)
{
    check->why = why;
    return NULL;
}

/* --- the schemes --- */

static const struct mock_account *check_basic(struct check *check, enum mock_scheme scheme)
{
    const struct mock_account *account = NULL;
    struct gw_str name, password;
    struct gw_buf plain;

    (void)scheme;
    gw_buf_init(&plain, CREDENTIALS_MAX);
    if (gw_base64_parse(check->token, &plain) &&
        gw_str_cut(gw_buf_str(&plain), ":", &name, &password))
        account = mock_account_login(check->auth->org, name, password, check->now, &check->why);
    else
        check->why = "broken header";
    if (plain.p)
        gw_wipe(plain.p, plain.len);
    gw_buf_done(&plain);
    return account;
}

static const struct mock_account *check_bearer(struct check *check, enum mock_scheme scheme)
{
    const char *name = mock_token_account(check->auth->tokens, check->token, check->now);
    const struct mock_account *account =
        name ? mock_account_find(check->auth->org, gw_str_of(name)) : NULL;

    (void)scheme;
    check->bad_token = !account;
    return account ? account : refused(check, "wrong token");
}

static void put_token(struct check *check, enum mock_scheme scheme, const struct gw_buf *token)
{
    gw_buf_add_cstr(check->headers, table[scheme].name);
    gw_buf_add_char(check->headers, ' ');
    gw_base64_write(gw_buf_str(token), check->headers);
    gw_buf_add_char(check->headers, '\0');
}

/* "ann@CORP.EXAMPLE" of Kerberos may be an account of that name, or "ann". */
static const struct mock_account *peer_find(const struct mock_org *org, const char *name)
{
    const struct mock_account *account = mock_account_find(org, gw_str_of(name));
    struct gw_str local;

    if (!account && gw_str_cut(gw_str_of(name), "@", &local, NULL))
        account = mock_account_find(org, local);
    return account;
}

/* Whom an NTLM message names: "DOMAIN" and "user" are also user@DOMAIN. */
static const struct mock_account *ntlm_find(const struct mock_org *org, const struct mock_ntlm *m)
{
    char upn[2 * MOCK_NTLM_NAME_MAX];
    const struct mock_account *account;

    snprintf(upn, sizeof(upn), "%s@%s", m->user, m->domain);
    account = mock_account_find(org, gw_str_of(upn));
    return account ? account : mock_account_find(org, gw_str_of(m->user));
}

/* The handshake is complete. */
static const struct mock_account *gss_done(struct check *check, enum mock_scheme scheme,
                                           const struct mock_account *account,
                                           const struct mock_gss_peer *peer)
{
    struct mock_login *login = check->request->login;

    if (!account)
        account = peer_find(check->auth->org, peer->name);
    if (!account)
        return refused(check, "unknown account");
    if (check->request->policy->protection == MOCK_PROTECTION_REQUIRE &&
        check->request->end_point.len && !peer->bound)
        return refused(check, "no channel binding");
    if (!mock_account_tried(check->auth->org, account, true, check->now))
        return refused(check, "locked out");
    login->account = gw_str_dup(gw_str_of(account->name));
    login->scheme = scheme;
    mock_gss_free(&login->gss);
    return account;
}

static const struct mock_account *gss_step(struct check *check, enum mock_scheme scheme,
                                           struct gw_str token, struct gw_buf *out)
{
    const struct mock_auth_policy *policy = check->request->policy;
    struct mock_login *login = check->request->login;
    struct mock_org *org = check->auth->org;
    const struct mock_account *account = NULL;
    struct mock_ntlm ntlm;
    bool is_whole = mock_ntlm_parse(token, &ntlm), proof = ntlm.type == 3;
    struct mock_gss_step step = { .mech =
                                      scheme == MOCK_SCHEME_NTLM ? MOCK_GSS_NTLM : MOCK_GSS_SPNEGO,
                                  .token = token,
                                  .ntlm_v1 = policy->ntlm_v1 };
    struct mock_gss_peer peer;
    struct gw_err err = { .code = GW_OK };
    enum mock_gss_result result;
    struct gw_buf whole;

    if (!is_whole || (scheme == MOCK_SCHEME_NTLM && (!ntlm.type || ntlm.at)))
        return refused(check, "broken token");
    if (policy->protection != MOCK_PROTECTION_OFF)
        step.end_point = check->request->end_point;
    if (proof) {
        account = ntlm_find(org, &ntlm);
        step.domain = ntlm.domain;
        step.user = ntlm.user;
        step.password = account ? account->password : NULL;
        if (ntlm.v1 && !policy->ntlm_v1)
            return refused(check, "NTLM version 1");
        /* A client that could bind, and does not, is not one that cannot. */
        if (ntlm.zero_binding && step.end_point.len)
            return refused(check, "empty channel binding");
    }
    gw_buf_init(&whole, TOKEN_MAX + 64);
    if (scheme == MOCK_SCHEME_NTLM) {
        mock_ntlm_complete(token, &whole);
        step.token = gw_buf_str(&whole);
    }
    result = mock_gss_accept(check->auth->gss, &login->gss, &step, out, &peer, &err);
    gw_buf_done(&whole);
    if (result == MOCK_GSS_DONE)
        return gss_done(check, scheme, account, &peer);
    if (result == MOCK_GSS_CONTINUE) {
        check->more = true;
        return refused(check, "handshake");
    }
    gw_debug("mock", "login scheme=%s %s", table[scheme].name, err.msg);
    if (result == MOCK_GSS_WRONG_BINDING)
        return refused(check, "wrong channel binding");
    if (proof && account)
        (void)mock_account_tried(org, account, false, check->now);
    return refused(check, !proof ? "broken token" : account ? "wrong password" : "unknown account");
}

static const struct mock_account *check_gss(struct check *check, enum mock_scheme scheme)
{
    const struct mock_account *account = NULL;
    struct mock_login *login = check->request->login;
    struct gw_buf token, out;

    /* A token that begins a handshake ends what was known. */
    if (login->account || login->scheme != scheme)
        login_forget(login);
    login->scheme = scheme;
    gw_buf_init(&token, TOKEN_MAX);
    gw_buf_init(&out, ANSWER_MAX);
    if (gw_base64_parse(check->token, &token) && token.len) {
        account = gss_step(check, scheme, gw_buf_str(&token), &out);
        if (out.len && (account || check->more))
            put_token(check, scheme, &out);
    } else {
        check->why = "broken header";
    }
    if (!account && !check->more)
        login_forget(login);
    gw_buf_done(&token);
    gw_buf_done(&out);
    return account;
}

/* --- a request --- */

static bool is_offered(const struct mock_auth_policy *policy, enum mock_scheme scheme)
{
    for (size_t i = 0; i < policy->offers; i++)
        if (policy->offer[i] == scheme)
            return true;
    return false;
}

static const struct mock_account *check_header(struct check *check)
{
    struct gw_str name = check->request->authorization;

    check->token = GW_STR("");
    (void)gw_str_cut(name, " ", &name, &check->token);
    check->token = gw_str_trim(check->token);
    for (int i = 0; i < MOCK_SCHEMES; i++)
        if (gw_str_iis(name, table[i].name))
            return is_offered(check->request->policy, (enum mock_scheme)i)
                       ? table[i].fn(check, (enum mock_scheme)i)
                       : refused(check, "scheme is not offered");
    return refused(check, "unknown scheme");
}

/* No header: who the connection belongs to. */
static const struct mock_account *check_connection(struct check *check)
{
    const struct mock_login *login = check->request->login;
    const struct mock_account *account = NULL;

    if (login->account && is_offered(check->request->policy, login->scheme))
        account = mock_account_find(check->auth->org, gw_str_of(login->account));
    return account ? account : refused(check, "no credentials");
}

static void put_offers(const struct mock_auth_policy *policy, bool bad_token,
                       struct gw_buf *headers)
{
    for (size_t i = 0; i < policy->offers; i++) {
        gw_buf_add_cstr(headers, table[policy->offer[i]].offer);
        if (policy->offer[i] == MOCK_SCHEME_BEARER && bad_token)
            gw_buf_add_cstr(headers, ", error=\"invalid_token\"");
        if (!policy->joined || i + 1 == policy->offers)
            gw_buf_add_char(headers, '\0');
        else
            gw_buf_add_cstr(headers, ", ");
    }
}

void mock_auth_offers(const struct mock_auth_policy *policy, struct gw_buf *headers)
{
    put_offers(policy, false, headers);
}

const struct mock_account *mock_auth_check(struct mock_auth *auth,
                                           const struct mock_auth_request *request,
                                           struct gw_now now, struct gw_buf *headers,
                                           const char **why)
{
    struct check check = {
        .auth = auth, .request = request, .now = now, .headers = headers, .why = "NoError"
    };
    const struct mock_account *account =
        request->authorization.len ? check_header(&check) : check_connection(&check);

    if (!account && !check.more)
        put_offers(request->policy, check.bad_token, headers);
    *why = check.why;
    return account;
}

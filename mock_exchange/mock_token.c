#include "mock_token.h"

#include <stdlib.h>
#include <string.h>

#include "gw_bytes.h"
#include "gw_mem.h"

enum {
    TOKEN_BYTES = 32,
    FIELD_MAX = 1024, /* bytes of a form's value */
    LIFE_MS = 3600 * 1000
};

struct token {
    struct gw_list link;
    char text[2 * TOKEN_BYTES + 1];
    char *account;
    gw_time ends;
};

struct mock_tokens {
    struct gw_map *map; /* text -> struct token */
    struct gw_list list;
    int64_t life_ms;
};

struct mock_tokens *mock_tokens_new(void)
{
    struct mock_tokens *t = gw_new(struct mock_tokens);

    t->map = gw_map_new();
    gw_list_init(&t->list);
    t->life_ms = LIFE_MS;
    return t;
}

static void token_free(struct mock_tokens *t, struct token *token)
{
    (void)gw_map_remove(t->map, gw_str_of(token->text));
    gw_list_remove(&token->link);
    gw_wipe(token->text, sizeof(token->text));
    free(token->account);
    free(token);
}

void mock_tokens_expire(struct mock_tokens *t)
{
    struct gw_list *link;

    while ((link = gw_list_pop(&t->list)))
        token_free(t, GW_CONTAINER(link, struct token, link));
}

void mock_tokens_free(struct mock_tokens **tp)
{
    struct mock_tokens *t = *tp;

    if (!t)
        return;
    *tp = NULL;
    mock_tokens_expire(t);
    gw_map_free(&t->map);
    free(t);
}

void mock_tokens_set_life(struct mock_tokens *t, int64_t ms)
{
    t->life_ms = ms;
}

int64_t mock_tokens_life(const struct mock_tokens *t)
{
    return t->life_ms;
}

const char *mock_token_account(struct mock_tokens *t, struct gw_str text, struct gw_now now)
{
    struct token *token = gw_map_get(t->map, text);

    if (token && token->ends <= now.mono) {
        token_free(t, token);
        token = NULL;
    }
    return token ? token->account : NULL;
}

static const struct token *token_give(struct mock_tokens *t, const struct mock_account *account,
                                      struct gw_now now)
{
    struct token *token = gw_new(struct token);

    if (gw_map_len(t->map) == MOCK_TOKENS_MAX)
        token_free(t, GW_CONTAINER(t->list.next, struct token, link));
    gw_random_hex(token->text, TOKEN_BYTES);
    token->account = gw_str_dup(gw_str_of(account->name));
    token->ends = gw_time_after(now.mono, t->life_ms);
    (void)gw_map_set(t->map, gw_str_of(token->text), token);
    gw_list_append(&t->list, &token->link);
    return token;
}

/* --- the form --- */

/* application/x-www-form-urlencoded: '+' is a space, %XX a byte. */
static bool form_decode(struct gw_str in, struct gw_buf *out)
{
    gw_buf_reset(out);
    for (size_t i = 0; i < in.len; i++) {
        if (in.p[i] == '+') {
            gw_buf_add_char(out, ' ');
        } else if (in.p[i] != '%') {
            gw_buf_add_char(out, in.p[i]);
        } else if (in.len - i < 3 || !gw_hex_parse(gw_str_sub(in, i + 1, i + 3), out)) {
            return false;
        } else {
            i += 2;
        }
    }
    return !out->failed;
}

/* The value of a field, empty when it is not there; false: not a form, or the field is there twice
 * (RFC 6749 3.2). */
static bool form_field(struct gw_str form, const char *want, struct gw_buf *out)
{
    struct gw_str name, value, pair;
    unsigned found = 0;

    gw_buf_reset(out);
    while (form.len) {
        pair = form;
        if (!gw_str_cut(form, "&", &pair, &form))
            form.len = 0;
        name = pair;
        value = GW_STR("");
        (void)gw_str_cut(pair, "=", &name, &value);
        if (gw_str_is(name, want) && (found++ || !form_decode(value, out)))
            return false;
    }
    return true;
}

/* The header's user name and password are encoded like a form (RFC 6749 2.3.1). */
static bool basic_credentials(struct gw_str authorization, struct gw_buf *id, struct gw_buf *secret)
{
    struct gw_str scheme, token, name, password;
    struct gw_buf plain;
    bool ok;

    gw_buf_init(&plain, 2 * FIELD_MAX);
    ok = gw_str_cut(authorization, " ", &scheme, &token) && gw_str_iis(scheme, "Basic") &&
         gw_base64_parse(gw_str_trim(token), &plain) &&
         gw_str_cut(gw_buf_str(&plain), ":", &name, &password) && form_decode(name, id) &&
         form_decode(password, secret);
    if (plain.p)
        gw_wipe(plain.p, plain.len);
    gw_buf_done(&plain);
    return ok;
}

static const char *grant(struct mock_org *org, const struct mock_token_request *request,
                         struct gw_buf *id, struct gw_buf *secret, struct gw_buf *type,
                         struct gw_now now, const struct mock_account **account)
{
    bool header = request->authorization.len;
    const char *why;
    struct gw_str content = request->content_type;

    (void)gw_str_cut(content, ";", &content, NULL);
    if (!gw_str_iis(gw_str_trim(content), "application/x-www-form-urlencoded") ||
        !form_field(request->body, "grant_type", type) || !type->len)
        return "invalid_request";
    if (!gw_str_is(gw_buf_str(type), "client_credentials"))
        return "unsupported_grant_type";
    if (!header && (!form_field(request->body, "client_id", id) ||
                    !form_field(request->body, "client_secret", secret) || !id->len))
        return "invalid_request";
    if (header && !basic_credentials(request->authorization, id, secret))
        return "invalid_client";
    *account = mock_account_login(org, gw_buf_str(id), gw_buf_str(secret), now, &why);
    return *account ? NULL : "invalid_client";
}

struct mock_token_answer mock_token_serve(struct mock_tokens *t, struct mock_org *org,
                                          const struct mock_token_request *request,
                                          struct gw_now now, struct gw_buf *out)
{
    struct mock_token_answer answer = { .status = 200 };
    const struct mock_account *account = NULL;
    struct gw_buf id, secret, type;

    gw_buf_init(&id, FIELD_MAX);
    gw_buf_init(&secret, FIELD_MAX);
    gw_buf_init(&type, FIELD_MAX);
    if (!gw_str_is(request->method, "POST")) {
        answer.status = 405;
        answer.error = "invalid_request";
    } else {
        answer.error = grant(org, request, &id, &secret, &type, now, &account);
        if (answer.error)
            answer.status = strcmp(answer.error, "invalid_client") == 0 ? 401 : 400;
    }
    answer.basic = answer.status == 401 && request->authorization.len;
    if (answer.error)
        gw_buf_addf(out, "{\"error\":\"%s\"}", answer.error);
    else
        gw_buf_addf(out, "{\"token_type\":\"Bearer\",\"expires_in\":%lld,\"access_token\":\"%s\"}",
                    (long long)(t->life_ms / GW_SECOND_MS), token_give(t, account, now)->text);
    if (secret.p)
        gw_wipe(secret.p, secret.len);
    gw_buf_done(&id);
    gw_buf_done(&secret);
    gw_buf_done(&type);
    return answer;
}

/* The request for an access token, and what its answer means. */
#include "ews_token.h"

#include <jansson.h>
#include <string.h>

#include "ews_priv.h"
#include "gw_bytes.h"

enum { LIFETIME_S = 600, LIFETIME_MAX_S = 86400 }; /* when none is said; at most */

/* ---- the request ------------------------------------------------------------------------------ */

/* The secret stands in the body, as Microsoft's documents have it (RFC 6749 2.3.1 allows it). */
void ews_token_request_write(const char *client_id, const char *client_secret, const char *scope,
                             struct gw_buf *out)
{
    gw_buf_add_cstr(out, "grant_type=client_credentials&client_id=");
    gw_percent_write(gw_str_of(client_id), out);
    gw_buf_add_cstr(out, "&client_secret=");
    gw_percent_write(gw_str_of(client_secret), out);
    if (!*scope)
        return;
    gw_buf_add_cstr(out, "&scope=");
    gw_percent_write(gw_str_of(scope), out);
}

enum gw_code ews_token_url_check(struct gw_str url, struct gw_str *host, struct gw_err *err)
{
    struct gw_str scheme, rest, authority, path;
    ptrdiff_t colon;

    if (!url.len)
        return gw_fail(err, GW_INVALID, "calendar.oauth_token_url is not set");
    if (!gw_str_cut(url, "://", &scheme, &rest) ||
        (!gw_str_is(scheme, "https") && !gw_str_is(scheme, "http")) ||
        !gw_str_cut(rest, "/", &authority, &path) || !path.len || !authority.len)
        return gw_fail(err, GW_INVALID,
                       "the address for access tokens is not of the form https://HOST/PATH");
    for (size_t i = 0; i < url.len; i++)
        if ((unsigned char)url.p[i] <= ' ' || (unsigned char)url.p[i] >= 0x7f ||
            strchr("@\\\"<>", url.p[i]))
            return gw_fail(err, GW_INVALID,
                           "the address for access tokens has characters that do not belong there");
    colon = gw_str_find(authority, ':');
    if (authority.p[0] == '[') /* RFC 3986 3.2.2 */
        colon = gw_str_find(authority, ']') + 1;
    if (host)
        *host = colon > 0 ? gw_str_sub(authority, 0, (size_t)colon) : authority;
    return GW_OK;
}

/* ---- the answer ------------------------------------------------------------------------------- */

/* RFC 6749 5.2 and 4.1.2.1. */
static const struct {
    const char *error;
    enum ews_class class;
    const char *text;
} error_table[] = {
    { "invalid_client", EWS_CREDENTIALS,
      "the token endpoint refuses the application: check its id and secret, and that the secret "
      "has "
      "not expired" },
    { "invalid_grant", EWS_CREDENTIALS,
      "the token endpoint refuses the application's credentials" },
    { "unauthorized_client", EWS_CONFIG,
      "the application may not get a token by itself: check its id, tenant and permissions" },
    { "invalid_scope", EWS_CONFIG, "the token endpoint does not know calendar.oauth_scope" },
    { "invalid_request", EWS_CONFIG, "the token endpoint does not understand the request" },
    { "unsupported_grant_type", EWS_CONFIG, "the token endpoint does not give client credentials" },
    { "invalid_resource", EWS_CONFIG, "the token endpoint does not know what the scope names" },
    { "temporarily_unavailable", EWS_TRANSIENT, "the token endpoint is busy" },
    { "server_error", EWS_TRANSIENT, "the token endpoint has an error of its own" },
};

static struct gw_str json_text(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    return json_is_string(value)
               ? (struct gw_str){ json_string_value(value), json_string_length(value) }
               : (struct gw_str){ NULL, 0 };
}

static void say_error(const json_t *answer, struct gw_str error, struct ews_status *why)
{
    struct gw_str described = json_text(answer, "error_description");
    char quoted[GW_QUOTE_MAX];
    size_t i = 0;

    gw_quote(described.len ? described : error, quoted);
    while (i < sizeof(error_table) / sizeof(error_table[0]) &&
           !gw_str_is(error, error_table[i].error))
        i++;
    if (i < sizeof(error_table) / sizeof(error_table[0]))
        ews_status_set(why, error_table[i].class, "token-refused", "%s; it says %s",
                       error_table[i].text, quoted);
    else
        ews_status_set(why, EWS_CONFIG, "token-refused", "the token endpoint gives no token: %s",
                       quoted);
}

/* RFC 6750 2.1, as it goes into a header. */
static bool is_token(struct gw_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.p[i] <= ' ' || (unsigned char)s.p[i] >= 0x7f)
            return false;
    return s.len && s.len <= EWS_BEARER_MAX;
}

/* A number; in older versions of Microsoft's endpoint a text of digits. */
static int64_t lifetime_of(const json_t *answer)
{
    const json_t *value = json_object_get(answer, "expires_in");
    int64_t s = LIFETIME_S;

    if (json_is_integer(value))
        s = json_integer_value(value);
    else if (json_is_string(value) &&
             !gw_str_to_int(json_text(answer, "expires_in"), 0, LIFETIME_MAX_S, &s))
        s = LIFETIME_S;
    return s < 0 ? 0 : s > LIFETIME_MAX_S ? LIFETIME_MAX_S : s;
}

static bool read_token(const json_t *answer, struct gw_buf *token, int64_t *lifetime_s,
                       struct ews_status *why)
{
    struct gw_str text = json_text(answer, "access_token");

    if (!is_token(text) || !gw_str_iis(json_text(answer, "token_type"), "Bearer")) {
        ews_status_set(why, EWS_BAD_ANSWER, "token-answer",
                       "the token endpoint's answer holds no bearer token");
        return false;
    }
    gw_buf_add_str(token, text);
    *lifetime_s = lifetime_of(answer);
    return true;
}

static void say_no_json(const struct ews_token_http *http, struct ews_status *why)
{
    if (http->status == 404)
        ews_status_set(why, EWS_CONFIG, "token-http-404",
                       "there is no token endpoint at calendar.oauth_token_url: check the tenant");
    else if (http->status == 429 || http->status >= 500)
        ews_status_set(why, EWS_TRANSIENT, "token-http", "the token endpoint answered status %d",
                       http->status);
    else if (ews_http_has_word(http->content_type, "text/html"))
        ews_status_set(why, EWS_CONFIG, "token-html",
                       "a web page came instead of a token (status %d): check "
                       "calendar.oauth_token_url, and that no proxy or login form stands before it",
                       http->status);
    else
        ews_status_set(why, EWS_BAD_ANSWER, "token-answer",
                       "the token endpoint's answer (status %d) is not JSON", http->status);
}

static int64_t retry_after_ms(const struct ews_token_http *http)
{
    struct ews_http plain = { .retry_after = http->retry_after,
                              .date = http->date,
                              .now = http->now };

    return ews_http_retry_after_ms(&plain);
}

static void say_transport(const struct ews_token_http *http, struct ews_status *why)
{
    bool config = http->code == GW_DENIED || http->code == GW_INVALID;

    ews_status_set(why, config ? EWS_CONFIG : EWS_TRANSIENT, "token-endpoint",
                   "no access token: %s", http->error ? http->error : gw_code_name(http->code));
}

bool ews_token_parse(const struct ews_token_http *http, struct gw_buf *token, int64_t *lifetime_s,
                     struct ews_status *why)
{
    struct gw_str error;
    json_t *answer;
    bool fine = false;

    if (http->code) {
        say_transport(http, why);
        return false;
    }
    answer =
        json_loadb(http->body.p ? http->body.p : "", http->body.len, JSON_REJECT_DUPLICATES, NULL);
    error = json_text(answer, "error");
    if (!json_is_object(answer) || (http->status != 200 && !error.len))
        say_no_json(http, why);
    else if (error.len)
        say_error(answer, error, why);
    else
        fine = read_token(answer, token, lifetime_s, why);
    if (!fine)
        why->backoff_ms = retry_after_ms(http);
    json_decref(answer);
    return fine;
}

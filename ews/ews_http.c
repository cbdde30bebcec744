/* What an HTTP exchange means that brought no SOAP: each way to fail has its own sentence, which
 * tells an administrator what to do. */
#include "ews_priv.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- bodies ----------------------------------------------------------------------------------- */

static struct gw_str body_start(const struct ews_http *http)
{
    struct gw_str s = http->body;

    if (gw_str_starts(s, "\xef\xbb\xbf"))
        s = gw_str_sub(s, 3, s.len);
    return gw_str_trim(s);
}

static bool starts_nocase(struct gw_str s, const char *prefix)
{
    size_t len = strlen(prefix);

    return s.len >= len && strncasecmp(s.p, prefix, len) == 0;
}

bool ews_http_has_word(struct gw_str s, const char *word)
{
    size_t len = strlen(word);

    for (size_t i = 0; i + len <= s.len; i++)
        if (strncasecmp(s.p + i, word, len) == 0)
            return true;
    return false;
}

static bool is_html(const struct ews_http *http)
{
    struct gw_str start = body_start(http);

    return ews_http_has_word(http->content_type, "text/html") ||
           starts_nocase(start, "<!doctype html") || starts_nocase(start, "<html");
}

bool ews_http_looks_like_xml(const struct ews_http *http)
{
    struct gw_str start = body_start(http);

    return start.len && start.p[0] == '<' && !starts_nocase(start, "<!doctype html") &&
           !starts_nocase(start, "<html");
}

void ews_http_not_soap_status(const struct ews_http *http, const char *parse_error,
                              struct ews_status *out)
{
    struct gw_str start = body_start(http);
    char quoted[GW_QUOTE_MAX];

    if (!start.len)
        ews_status_set(out, EWS_BAD_ANSWER, "empty",
                       "the server answered 200 without a body: see its event log");
    else if (is_html(http))
        ews_status_set(
            out, EWS_BAD_ANSWER, "html",
            "the server answered a web page instead of EWS: check that host and port "
            "are those of an Exchange server, and that no login form stands before /EWS");
    else if (!ews_http_looks_like_xml(http))
        ews_status_set(out, EWS_BAD_ANSWER, "not-xml",
                       "the server answered something that is not XML: %s",
                       gw_quote(gw_str_sub(start, 0, 60), quoted));
    else if (parse_error && !gw_str_ends(start, "Envelope>"))
        ews_status_set(out, EWS_BAD_ANSWER, "cut",
                       "the server's answer ends in the middle of the document");
    else if (parse_error)
        ews_status_set(out, EWS_BAD_ANSWER, "malformed", "the server's answer is malformed: %s",
                       parse_error);
    else
        ews_status_set(out, EWS_BAD_ANSWER, "not-soap",
                       "the server answered XML that is not SOAP: check that host and port are "
                       "those of an Exchange server");
}

/* ---- transport -------------------------------------------------------------------------------- */

void ews_http_transport_status(const struct ews_http *http, const struct ews_op_info *op,
                               struct ews_status *out)
{
    const char *why = http->error ? http->error : gw_code_name(http->code);

    switch (http->code) {
    case GW_TIMEOUT:
        ews_status_set(out, EWS_SERVER_DOWN, "timeout", "%s", why);
        break;
    case GW_DENIED:
        ews_status_set(out, EWS_CONFIG, "tls", "%s", why);
        break;
    case GW_INVALID:
        ews_status_set(out, EWS_CONFIG, "address", "%s", why);
        break;
    case GW_LIMIT:
        ews_status_set(out, op->wide ? EWS_TOO_MUCH : EWS_BAD_ANSWER, "answer-too-large", "%s",
                       why);
        break;
    case GW_BADMSG:
        ews_status_set(out, EWS_BAD_ANSWER, "broken", "%s", why);
        break;
    case GW_INTERNAL: /* ours, not the server's */
        ews_status_set(out, EWS_TRANSIENT, "internal", "%s", why);
        break;
    case GW_UNREACHABLE:
    default:
        ews_status_set(out, EWS_SERVER_DOWN, "unreachable", "%s", why);
        break;
    }
}

/* ---- statuses --------------------------------------------------------------------------------- */

/* RFC 9110 5.6.7, the one form that is still sent: "Sun, 06 Nov 1994 08:49:37 GMT". */
bool ews_http_date_parse(struct gw_str s, gw_utc *out)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    static const struct {
        size_t from, to;
        int64_t min, max;
    } field[] = { { 5, 7, 1, 31 },
                  { 12, 16, 1970, 9999 },
                  { 17, 19, 0, 23 },
                  { 20, 22, 0, 59 },
                  { 23, 25, 0, 59 } };
    int64_t v[5];
    struct gw_civil c = { 0 };

    if (s.len != 29 || !gw_str_ends(s, " GMT"))
        return false;
    for (size_t i = 0; i < 5; i++)
        if (!gw_str_to_int(gw_str_sub(s, field[i].from, field[i].to), field[i].min, field[i].max,
                           &v[i]))
            return false;
    for (c.month = 1; c.month <= 12; c.month++)
        if (memcmp(months + (ptrdiff_t)3 * (c.month - 1), s.p + 8, 3) == 0)
            break;
    if (c.month > 12)
        return false;
    c.day = (int)v[0];
    c.year = (int)v[1];
    c.hour = (int)v[2];
    c.minute = (int)v[3];
    c.second = (int)v[4];
    *out = gw_civil_to_utc(&c);
    return true;
}

/* RFC 9110 10.2.3: seconds, or a date. */
int64_t ews_http_retry_after_ms(const struct ews_http *http)
{
    struct gw_str s = gw_str_trim(http->retry_after);
    gw_utc at, now;
    int64_t ms;

    if (ews_backoff_parse(s, GW_SECOND_MS, &ms))
        return ms;
    if (!ews_http_date_parse(s, &at))
        return 0;
    if (!ews_http_date_parse(gw_str_trim(http->date), &now))
        now = http->now;
    return ews_backoff_bound(at - now);
}

static void redirect_status(const struct ews_http *http, const char *code, struct ews_status *out)
{
    char quoted[GW_QUOTE_MAX];

    gw_quote(http->location, quoted);
    if (ews_http_has_word(http->location, "genericerrorpage"))
        ews_status_set(out, EWS_TRANSIENT, code,
                       "the server sent its general error page: it had an error of its own");
    else if (ews_http_has_word(http->location, "/owa/") ||
             ews_http_has_word(http->location, "auth/logon"))
        ews_status_set(out, EWS_CONFIG, code,
                       "the server sends EWS to the web login %s: turn forms authentication off "
                       "for /EWS",
                       quoted);
    else
        ews_status_set(out, EWS_CONFIG, code,
                       "the server redirects to %s, which is not followed: if that is right, set "
                       "its host and port",
                       quoted);
}

static void server_error_status(const struct ews_http *http, const char *code,
                                struct ews_status *out)
{
    char quoted[GW_QUOTE_MAX];

    if (http->cas_error.len)
        ews_status_set(out, EWS_SERVER_DOWN, code,
                       "the server's front end has an error: X-CasErrorCode %s",
                       gw_quote(http->cas_error, quoted));
    else
        ews_status_set(out, EWS_SERVER_DOWN, code,
                       "the server answered status 500 without an EWS error: see its event log and "
                       "the application pool MSExchangeServicesAppPool");
}

static const struct {
    int status;
    enum ews_class class;
    const char *text;
} status_table[] = {
    { 401, EWS_CREDENTIALS, "the server refused the account" },
    { 403, EWS_PERMISSION,
      "the server refuses the account: check that EWS is enabled for it and that it may log in" },
    { 404, EWS_CONFIG, "the server has no /EWS/Exchange.asmx: is it an Exchange server?" },
    { 405, EWS_CONFIG, "the server takes no POST at /EWS/Exchange.asmx: is it Exchange?" },
    { 407, EWS_CONFIG, "a proxy between gateway and server wants a login: set another route" },
    { 408, EWS_TRANSIENT, "the server waited too long for the request" },
    { 413, EWS_TOO_MUCH, "the request is too large for the server" },
    { 429, EWS_BUSY, "the server or a proxy before it throttles the gateway" },
    { 440, EWS_CONFIG, "a login form answers for EWS: exclude /EWS from forms authentication" },
    { 502, EWS_SERVER_DOWN, "the proxy before the server does not reach it" },
    { 503, EWS_SERVER_DOWN,
      "the server is not available: its queue is full or its application pool restarts" },
    { 504, EWS_SERVER_DOWN, "the proxy before the server got no answer from it in time" },
};

static void other_status(int status, const char *code, struct ews_status *out)
{
    for (size_t i = 0; i < sizeof(status_table) / sizeof(status_table[0]); i++)
        if (status_table[i].status == status) {
            ews_status_set(out, status_table[i].class, code, "%s", status_table[i].text);
            return;
        }
    if (status >= 500)
        ews_status_set(out, EWS_SERVER_DOWN, code, "the server answered status %d", status);
    else if (status >= 400)
        ews_status_set(out, EWS_PERMISSION, code,
                       "the server refuses the account with status %d: check that it may use EWS",
                       status);
    else
        ews_status_set(out, EWS_BAD_ANSWER, code, "the server answered status %d instead of 200",
                       status);
}

void ews_http_status(const struct ews_http *http, struct ews_status *out)
{
    char code[32];

    snprintf(code, sizeof(code), "http-%d", http->status);
    if (http->status == 500)
        server_error_status(http, code, out);
    else if (http->status >= 300 && http->status < 400 && http->location.len)
        redirect_status(http, code, out);
    else
        other_status(http->status, code, out);
    out->backoff_ms = ews_http_retry_after_ms(http);
}

/* Splitting, limits and what must be there are ours, before libosip2 sees a byte: it gets single
 * header values, NUL-terminated copies of bounded length. So a message costs only the parsing of the
 * headers that are asked for, and what the library would let pass is known:
 *   - it unescapes %00 in a user name: for us the name ends there, and is nobody's;
 *   - it knows no NUL in a quoted pair (RFC 4475 3.1.1.2): it gets another character;
 *   - it takes empty parameters, and quotes and brackets that are not closed: refused before;
 *   - it keeps URIs of other schemes as text, and white space in one: told apart before.
 * It refuses a display name with a comma that is not quoted, as RFC 4475 3.1.2.15 allows. What it makes of each
 * message there is in CONTRIBUTING.md. */
#include "sip_msg.h"

#include <osipparser2/osip_message.h>
#include <string.h>

#include "gw_mem.h"

enum { ARENA_MAX = 4 * SIP_MSG_MAX };

static const struct {
    struct gw_str text; /* in lower case */
    char compact;
    bool is_list, is_single;
} names[SIP_NAME_COUNT] = {
    [SIP_ACCEPT] = { .text = GW_STR_INIT("accept"), .is_list = true },
    [SIP_AUTHORIZATION] = { .text = GW_STR_INIT("authorization") },
    [SIP_CALL_ID] = { .text = GW_STR_INIT("call-id"), .compact = 'i', .is_single = true },
    [SIP_CONTACT] = { .text = GW_STR_INIT("contact"), .compact = 'm', .is_list = true },
    [SIP_CONTENT_LENGTH] = { .text = GW_STR_INIT("content-length"),
                             .compact = 'l',
                             .is_single = true },
    [SIP_CONTENT_TYPE] = { .text = GW_STR_INIT("content-type"), .compact = 'c', .is_single = true },
    [SIP_CSEQ] = { .text = GW_STR_INIT("cseq"), .is_single = true },
    [SIP_ENDPOINTS] = { .text = GW_STR_INIT("endpoints"), .is_list = true },
    [SIP_ETAG] = { .text = GW_STR_INIT("sip-etag"), .is_single = true },
    [SIP_EVENT] = { .text = GW_STR_INIT("event"), .compact = 'o', .is_single = true },
    [SIP_EXPIRES] = { .text = GW_STR_INIT("expires"), .is_single = true },
    [SIP_FROM] = { .text = GW_STR_INIT("from"), .compact = 'f', .is_single = true },
    [SIP_IF_MATCH] = { .text = GW_STR_INIT("sip-if-match"), .is_single = true },
    [SIP_MAX_FORWARDS] = { .text = GW_STR_INIT("max-forwards"), .is_single = true },
    [SIP_MIN_EXPIRES] = { .text = GW_STR_INIT("min-expires"), .is_single = true },
    [SIP_PATH] = { .text = GW_STR_INIT("path"), .is_list = true },
    [SIP_RECORD_ROUTE] = { .text = GW_STR_INIT("record-route"), .is_list = true },
    [SIP_REQUIRE] = { .text = GW_STR_INIT("require"), .is_list = true },
    [SIP_RETRY_AFTER] = { .text = GW_STR_INIT("retry-after"), .is_single = true },
    [SIP_SUBSCRIPTION_STATE] = { .text = GW_STR_INIT("subscription-state"), .is_single = true },
    [SIP_SUPPORTED] = { .text = GW_STR_INIT("supported"), .compact = 'k', .is_list = true },
    [SIP_TO] = { .text = GW_STR_INIT("to"), .compact = 't', .is_single = true },
    [SIP_USER_AGENT] = { .text = GW_STR_INIT("user-agent") },
    [SIP_VIA] = { .text = GW_STR_INIT("via"), .compact = 'v', .is_list = true },
};

static const struct gw_str methods[] = {
    [SIP_OTHER_METHOD] = GW_STR_INIT("other"),
    [SIP_ACK] = GW_STR_INIT("ACK"),
    [SIP_BYE] = GW_STR_INIT("BYE"),
    [SIP_CANCEL] = GW_STR_INIT("CANCEL"),
    [SIP_INFO] = GW_STR_INIT("INFO"),
    [SIP_INVITE] = GW_STR_INIT("INVITE"),
    [SIP_MESSAGE] = GW_STR_INIT("MESSAGE"),
    [SIP_NOTIFY] = GW_STR_INIT("NOTIFY"),
    [SIP_OPTIONS] = GW_STR_INIT("OPTIONS"),
    [SIP_PUBLISH] = GW_STR_INIT("PUBLISH"),
    [SIP_REFER] = GW_STR_INIT("REFER"),
    [SIP_REGISTER] = GW_STR_INIT("REGISTER"),
    [SIP_SUBSCRIBE] = GW_STR_INIT("SUBSCRIBE"),
};
enum { METHODS = sizeof(methods) / sizeof(methods[0]) };

const char *sip_method_name(enum sip_method method)
{
    return methods[method].p;
}

static enum sip_method method_find(struct gw_str name)
{
    for (size_t i = SIP_OTHER_METHOD + 1; i < METHODS; i++) {
        if (gw_str_eq(name, methods[i]))
            return (enum sip_method)i;
    }
    return SIP_OTHER_METHOD;
}

/* ---- Characters ---- */

/* RFC 3261 25.1: token. */
static bool is_token(struct gw_str s)
{
    static const char extra[] = "-.!%*_+`'~";

    for (size_t i = 0; i < s.len; i++) {
        char c = s.p[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              (c && strchr(extra, c))))
            return false;
    }
    return s.len > 0;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

static bool has_byte(struct gw_str s, char c)
{
    return s.len && memchr(s.p, c, s.len);
}

/* A NUL-terminated copy for the library. A NUL may stand in a message as the second half of a quoted
 * pair, where it says nothing to us; anywhere else there is none to be copied: NULL. */
static char *copy(struct gw_arena *arena, struct gw_str s)
{
    char *p = gw_arena_alloc(arena, s.len + 1), *nul = p;

    if (!p || !s.len)
        return p;
    memcpy(p, s.p, s.len);
    while ((nul = memchr(nul, '\0', (size_t)(p + s.len - nul)))) {
        if (nul == p || nul[-1] != '\\')
            return NULL;
        *nul = '?';
    }
    return p;
}

static struct gw_str keep(struct gw_arena *arena, const char *text)
{
    struct gw_str s = text ? gw_arena_dup(arena, gw_str_of(text)) : GW_STR("");

    return s.p ? s : GW_STR("");
}

static bool port_parse(const char *text, uint16_t *out)
{
    int64_t port = 0;

    if (text && !gw_str_to_int(gw_str_trim(gw_str_of(text)), 1, 65535, &port))
        return false;
    *out = (uint16_t)port;
    return true;
}

/* Walks a header value outside of quoted strings and angle brackets. */
struct walk {
    struct gw_str s;
    size_t at;
    bool quoted, angled;
};

/* The next semicolon, comma or equals sign that counts; false: the end. */
static bool walk_next(struct walk *w, char *c)
{
    while (w->at < w->s.len) {
        *c = w->s.p[w->at++];
        if (w->quoted) {
            if (*c == '\\')
                w->at++;
            else if (*c == '"')
                w->quoted = false;
        } else if (w->angled) {
            w->angled = *c != '>';
        } else if (*c == '"') {
            w->quoted = true;
        } else if (*c == '<') {
            w->angled = true;
        } else if (*c == ';' || *c == ',' || *c == '=') {
            return true;
        }
    }
    return false;
}

static bool is_blank(struct gw_str value, size_t from, size_t to)
{
    return !gw_str_trim(gw_str_sub(value, from, to)).len;
}

/* Quotes and brackets are closed, and no parameter and no value of one is empty. */
static bool is_whole(struct gw_str value)
{
    struct walk w = { .s = value };
    bool is_awaited = false, has_equals = false;
    size_t begun = 0;
    char c;

    while (walk_next(&w, &c)) {
        if (is_awaited && c != '=' && is_blank(value, begun, w.at - 1))
            return false;
        is_awaited = c == ';' || (c == '=' && !has_equals);
        has_equals = c != ';' && (has_equals || c == '=');
        begun = w.at;
    }
    return !w.quoted && !w.angled && !(is_awaited && is_blank(value, begun, value.len));
}

/* The next semicolon; false: none any more. */
static bool walk_to_param(struct walk *w)
{
    char c = 0;

    while (walk_next(w, &c)) {
        if (c == ';')
            return true;
    }
    return false;
}

bool sip_param_find(struct gw_str value, const char *name, struct gw_str *out)
{
    struct walk w = { .s = value };
    bool more = walk_to_param(&w);

    while (more) {
        struct gw_str key, is = { NULL, 0 };
        size_t begun = w.at;

        more = walk_to_param(&w);
        key = gw_str_sub(value, begun, more ? w.at - 1 : value.len);
        (void)gw_str_cut(key, "=", &key, &is);
        if (gw_str_iis(gw_str_trim(key), name)) {
            *out = gw_str_trim(is);
            return true;
        }
    }
    return false;
}

/* ---- Addresses ---- */

static bool uri_fill(const osip_uri_t *u, struct gw_arena *arena, struct sip_uri *out)
{
    osip_uri_param_t *param = NULL;

    out->host = keep(arena, u->host);
    /* A NUL that is escaped ends the library's string: nobody, rather than somebody else with a shorter
     * name (RFC 4475 3.1.1.4). */
    if (!gw_str_cut(out->text, "%00", NULL, NULL))
        out->user = keep(arena, u->username);
    if (!osip_uri_uparam_get_byname((osip_uri_t *)u, "transport", &param) && param)
        out->transport = keep(arena, param->gvalue);
    out->has_headers = osip_list_size(&u->url_headers) > 0;
    return out->host.len && port_parse(u->port, &out->port);
}

static bool scheme_of(struct gw_str text, struct gw_str *out)
{
    struct gw_str rest;

    if (!gw_str_cut(text, ":", out, &rest) || !rest.len || !out->len)
        return false;
    for (size_t i = 0; i < out->len; i++) {
        char c = out->p[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              (i && ((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.'))))
            return false;
    }
    return true;
}

/* What can be told of a URI without the library; of other schemes that is all. */
static enum gw_code uri_check(struct gw_str text, struct sip_uri *out, struct gw_err *err)
{
    struct sip_uri uri = { .text = text };

    if (text.len > SIP_URI_MAX)
        return gw_fail(err, GW_LIMIT, "a URI is longer than %d bytes", SIP_URI_MAX);
    if (!scheme_of(text, &uri.scheme) || has_byte(text, ' ') || has_byte(text, '\t') ||
        has_byte(text, '<') || has_byte(text, '>'))
        return gw_fail(err, GW_BADMSG, "a URI is malformed");
    uri.is_sips = gw_str_iis(uri.scheme, "sips");
    uri.is_sip = uri.is_sips || gw_str_iis(uri.scheme, "sip");
    *out = uri;
    return GW_OK;
}

enum gw_code sip_uri_parse(struct gw_str text, struct gw_arena *arena, struct sip_uri *out,
                           struct gw_err *err)
{
    struct sip_uri uri;
    osip_uri_t *u = NULL;
    enum gw_code rc = uri_check(text, &uri, err);
    bool ok = false;
    char *c;

    if (rc)
        return rc;
    if (uri.is_sip) {
        c = copy(arena, text);
        if (c && !osip_uri_init(&u))
            ok = !osip_uri_parse(u, c) && uri_fill(u, arena, &uri);
        osip_uri_free(u);
        if (!ok)
            return gw_fail(err, GW_BADMSG, "a SIP URI is malformed");
    }
    *out = uri;
    return GW_OK;
}

/* Where the URI of a name-addr stands: the library tells its parts, but not how it was written, and
 * lets anything stand behind the bracket, where only parameters may. */
static bool addr_uri(struct gw_str text, struct gw_str *out)
{
    struct gw_str rest = { NULL, 0 };
    bool quoted = false;

    for (size_t i = 0; i < text.len; i++) {
        if (quoted && text.p[i] == '\\') {
            i++;
        } else if (text.p[i] == '"') {
            quoted = !quoted;
        } else if (text.p[i] == '<' && !quoted) {
            /* As it stands: RFC 4475 3.1.2.14 has no space in it. */
            (void)gw_str_cut(gw_str_sub(text, i + 1, text.len), ">", out, &rest);
            rest = gw_str_trim(rest);
            return !rest.len || rest.p[0] == ';';
        }
    }
    /* An addr-spec: what follows a semicolon belongs to the header, RFC 3261 20.10. */
    (void)gw_str_cut(text, ";", &text, NULL);
    *out = gw_str_trim(text);
    return true;
}

/* What the library has made of an address; its URI is read by the way. */
static enum gw_code addr_fill(osip_from_t *from, struct gw_arena *arena, struct sip_addr *out,
                              struct gw_err *err)
{
    osip_uri_param_t *tag = NULL;

    if (!osip_from_get_tag(from, &tag) && tag) {
        out->tag = keep(arena, tag->gvalue);
        if (!out->tag.len) /* ours would be put beside an empty one */
            return gw_fail(err, GW_BADMSG, "an address is malformed");
    }
    if (out->tag.len > SIP_TAG_MAX)
        return gw_fail(err, GW_LIMIT, "a tag is longer than %d bytes", SIP_TAG_MAX);
    if (out->uri.is_sip && (!from->url || !uri_fill(from->url, arena, &out->uri)))
        return gw_fail(err, GW_BADMSG, "a SIP URI is malformed");
    return GW_OK;
}

enum gw_code sip_addr_parse(struct gw_str text, struct gw_arena *arena, struct sip_addr *out,
                            struct gw_err *err)
{
    struct sip_addr addr = { .text = text };
    struct gw_str uri = { NULL, 0 };
    osip_from_t *from = NULL;
    enum gw_code rc;
    char *c;

    if (text.len > SIP_HEAD_MAX || !is_whole(text) || !addr_uri(text, &uri))
        return gw_fail(err, GW_BADMSG, "an address is malformed");
    rc = uri_check(uri, &addr.uri, err);
    if (rc)
        return rc;
    c = copy(arena, text);
    if (c && !osip_from_init(&from) && !osip_from_parse(from, c))
        rc = addr_fill(from, arena, &addr, err);
    else
        rc = gw_fail(err, GW_BADMSG, "an address is malformed");
    osip_from_free(from);
    if (!rc)
        *out = addr;
    return rc;
}

/* ---- Via ---- */

static bool via_fill(osip_via_t *v, struct gw_arena *arena, struct sip_via *out)
{
    osip_uri_param_t *param = NULL;

    out->transport = gw_str_trim(keep(arena, v->protocol));
    out->host = gw_str_trim(keep(arena, v->host));
    if (!osip_uri_param_get_byname(&v->via_params, "branch", &param) && param)
        out->branch = keep(arena, param->gvalue);
    param = NULL;
    if (!osip_uri_param_get_byname(&v->via_params, "received", &param) && param)
        out->received = keep(arena, param->gvalue);
    param = NULL;
    out->has_rport = !osip_uri_param_get_byname(&v->via_params, "rport", &param) && param;
    return out->host.len && is_token(out->transport) && port_parse(v->port, &out->port);
}

static enum gw_code via_parse(struct gw_str text, struct gw_arena *arena, struct sip_via *out,
                              struct gw_err *err)
{
    struct sip_via via = { .text = text };
    osip_via_t *v = NULL;
    bool ok = false;
    char *c;

    c = copy(arena, text);
    if (c && !osip_via_init(&v))
        ok = !osip_via_parse(v, c) && via_fill(v, arena, &via);
    osip_via_free(v);
    if (!ok)
        return gw_fail(err, GW_BADMSG, "a Via header is malformed");
    *out = via;
    return GW_OK;
}

/* ---- Header fields ---- */

static enum sip_name name_find(struct gw_str name)
{
    char compact = name.len == 1 ? (char)(name.p[0] | 0x20) : '\0';

    for (size_t i = SIP_OTHER_NAME + 1; i < SIP_NAME_COUNT; i++) {
        if (compact ? names[i].compact == compact
                    : name.len == names[i].text.len && gw_str_ieq(name, names[i].text))
            return (enum sip_name)i;
    }
    return SIP_OTHER_NAME;
}

/* RFC 3261 7.3.1: a line end before white space is white space. */
static struct gw_str unfold(struct sip_msg *m, struct gw_str raw)
{
    char *p;

    if (!has_byte(raw, '\r') && !has_byte(raw, '\n'))
        return gw_str_trim(raw);
    p = gw_arena_alloc(&m->arena, raw.len + 1);
    if (!p)
        return GW_STR("");
    for (size_t i = 0; i < raw.len; i++)
        p[i] = raw.p[i] == '\r' || raw.p[i] == '\n' ? ' ' : raw.p[i];
    return gw_str_trim((struct gw_str){ p, raw.len });
}

/* The header field at the start of 'head', up to a line end that is not folded. */
static bool field_cut(struct gw_str *head, struct gw_str *field)
{
    struct gw_str rest = *head;

    while (gw_str_cut(rest, "\r\n", NULL, &rest)) {
        if (rest.len && is_space(rest.p[0]))
            continue;
        *field = gw_str_sub(*head, 0, head->len - rest.len - 2);
        *head = rest;
        return true;
    }
    return false;
}

/* A line that is no header field does not hide those behind it: an answer repeats some of them. */
static enum gw_code fields_split(struct sip_msg *m, struct gw_str head, struct gw_err *err)
{
    struct gw_str field, name, value;
    struct sip_header *h;
    enum gw_code rc = GW_OK;

    while (field_cut(&head, &field)) {
        if (!gw_str_cut(field, ":", &name, &value) || !is_token(gw_str_trim(name))) {
            rc = gw_fail(err, GW_BADMSG, "a header line has no name");
            continue;
        }
        if (m->header_count == SIP_HEADERS_MAX)
            return gw_fail(err, GW_LIMIT, "more than %d headers", SIP_HEADERS_MAX);
        h = &m->headers[m->header_count++];
        h->name = name_find(gw_str_trim(name));
        h->value = unfold(m, value);
        if (!m->first[h->name])
            m->first[h->name] = (unsigned char)m->header_count;
    }
    return rc;
}

/* One value of a list, and where the next one begins. */
static struct gw_str value_cut(struct gw_str list, size_t *used)
{
    struct walk w = { .s = list };
    bool more;
    char c = 0;

    do
        more = walk_next(&w, &c);
    while (more && c != ',');
    *used = more ? w.at : list.len;
    return gw_str_trim(gw_str_sub(list, 0, more ? w.at - 1 : list.len));
}

bool sip_msg_next(const struct sip_msg *m, enum sip_name name, struct sip_pos *pos,
                  struct gw_str *out)
{
    size_t used;

    if (!m->first[name])
        return false;
    if (pos->header < m->first[name] - 1u)
        pos->header = m->first[name] - 1u;
    for (; pos->header < m->header_count; pos->header++, pos->offset = 0) {
        const struct sip_header *h = &m->headers[pos->header];

        if (h->name != name || (pos->offset && pos->offset >= h->value.len))
            continue;
        if (!names[name].is_list) {
            *out = h->value;
            pos->header++;
            return true;
        }
        *out = value_cut(gw_str_sub(h->value, pos->offset, h->value.len), &used);
        pos->offset += used;
        if (pos->offset >= h->value.len) {
            pos->header++;
            pos->offset = 0;
        }
        return true;
    }
    return false;
}

static size_t count_of(const struct sip_msg *m, enum sip_name name)
{
    struct sip_pos pos = { 0 };
    struct gw_str value;
    size_t n = 0;

    while (sip_msg_next(m, name, &pos, &value))
        n++;
    return n;
}

static struct gw_str first_of(const struct sip_msg *m, enum sip_name name)
{
    struct sip_pos pos = { 0 };
    struct gw_str value = { NULL, 0 };

    return sip_msg_next(m, name, &pos, &value) ? value : (struct gw_str){ NULL, 0 };
}

/* ---- The start line ---- */

/* RFC 4475 3.1.1.5 and 3.1.2.*: exactly one space between the three parts. */
static enum gw_code request_line(struct sip_msg *m, struct gw_str line, struct gw_err *err)
{
    struct gw_str uri, version;

    if (!gw_str_cut(line, " ", &m->method_name, &uri) || !gw_str_cut(uri, " ", &uri, &version))
        return gw_fail(err, GW_BADMSG, "the request line is malformed");
    m->is_request = true;
    if (!is_token(m->method_name) || m->method_name.len > SIP_NAME_MAX)
        return gw_fail(err, GW_BADMSG, "the method is malformed");
    m->method = method_find(m->method_name);
    m->answer = 400;
    if (gw_str_starts(version, "SIP/") && !gw_str_iis(version, "SIP/2.0") &&
        !has_byte(version, ' ')) {
        m->answer = 505;
        return gw_fail(err, GW_BADMSG, "another version of SIP");
    }
    if (!gw_str_iis(version, "SIP/2.0"))
        return gw_fail(err, GW_BADMSG, "the request line is malformed");
    if (sip_uri_parse(uri, &m->arena, &m->target, err))
        return gw_fail(err, GW_BADMSG, "the request URI is malformed");
    /* RFC 3261 19.1.1: headers are not allowed there. */
    if (m->target.has_headers)
        return gw_fail(err, GW_BADMSG, "the request URI has headers");
    return GW_OK;
}

static enum gw_code status_line(struct sip_msg *m, struct gw_str line, struct gw_err *err)
{
    struct gw_str code = gw_str_sub(line, 8, line.len);
    int64_t status;

    (void)gw_str_cut(code, " ", &code, NULL);
    if (code.len != 3 || !gw_str_to_int(code, 100, 699, &status))
        return gw_fail(err, GW_BADMSG, "the status is not a number from 100 to 699");
    m->status = (unsigned)status;
    return GW_OK;
}

static enum gw_code start_line(struct sip_msg *m, struct gw_str line, struct gw_err *err)
{
    return gw_str_starts(line, "SIP/2.0 ") ? status_line(m, line, err) : request_line(m, line, err);
}

/* ---- What must be there, and what it says ---- */

static enum gw_code singles_check(const struct sip_msg *m, struct gw_err *err)
{
    for (size_t i = 0; i < m->header_count; i++) {
        enum sip_name name = m->headers[i].name;

        if (names[name].is_single && m->first[name] != i + 1)
            return gw_fail(err, GW_BADMSG, "header '%s' stands there more than once",
                           names[name].text.p);
    }
    return GW_OK;
}

static enum gw_code cseq_read(struct sip_msg *m, struct gw_err *err)
{
    struct gw_str value = first_of(m, SIP_CSEQ), number = value, method;
    int64_t n;

    while (number.len && !is_space(number.p[number.len - 1]))
        number.len--;
    method = gw_str_sub(value, number.len, value.len);
    /* RFC 3261 8.1.1.5: below 2^31. */
    if (!gw_str_to_int(gw_str_trim(number), 0, INT32_MAX, &n) || !is_token(method))
        return gw_fail(err, GW_BADMSG, "CSeq is not a number below 2^31 and a method");
    m->cseq = (uint32_t)n;
    if (m->is_request && !gw_str_eq(method, m->method_name))
        return gw_fail(err, GW_BADMSG, "CSeq has another method than the request");
    if (!m->is_request) {
        m->method_name = method;
        m->method = method_find(method);
    }
    return GW_OK;
}

static enum gw_code vias_read(struct sip_msg *m, struct gw_err *err)
{
    struct sip_pos pos = { 0 };
    struct gw_str value;
    enum gw_code rc;

    while (sip_msg_next(m, SIP_VIA, &pos, &value)) {
        if (++m->via_count > SIP_VALUES_MAX)
            return gw_fail(err, GW_LIMIT, "more than %d Via headers", SIP_VALUES_MAX);
        if (!is_whole(value) || !value.len)
            return gw_fail(err, GW_BADMSG, "a Via header is malformed");
        rc = m->via_count == 1 ? via_parse(value, &m->arena, &m->via, err) : GW_OK;
        if (rc)
            return rc;
    }
    return m->via_count ? GW_OK : gw_fail(err, GW_BADMSG, "no Via header");
}

/* Who waits for an answer knows whose it is: the addresses in it say something new only where a dialog
 * begins. */
static bool may_make_dialog(const struct sip_msg *m)
{
    return m->is_request || m->method == SIP_INVITE || m->method == SIP_SUBSCRIBE;
}

static enum gw_code addr_read(struct sip_msg *m, enum sip_name name, const char *shown,
                              struct sip_addr *out, struct gw_err *err)
{
    struct gw_str value = first_of(m, name);

    if (!value.len)
        return gw_fail(err, GW_BADMSG, "no %s header", shown);
    out->text = value; /* what is echoed needs no meaning */
    if (may_make_dialog(m) && sip_addr_parse(value, &m->arena, out, err))
        return gw_fail(err, GW_BADMSG, "the %s header is malformed", shown);
    return GW_OK;
}

/* A number that may be larger than anything that is meant; -1: not there. */
static enum gw_code seconds_read(const struct sip_msg *m, enum sip_name name, int64_t *out,
                                 struct gw_err *err)
{
    struct gw_str value = first_of(m, name), digits = value;

    *out = -1;
    if (!value.len)
        return GW_OK;
    digits.len = 0;
    while (digits.len < value.len && value.p[digits.len] >= '0' && value.p[digits.len] <= '9')
        digits.len++;
    /* Retry-After: 18000;duration=3600 and "(I'm in a meeting)". */
    if (!digits.len || (digits.len < value.len &&
                        (name != SIP_RETRY_AFTER || !strchr(" \t;(", value.p[digits.len]))))
        return gw_fail(err, GW_BADMSG, "a time in seconds is no number");
    if (!gw_str_to_int(digits, 0, UINT32_MAX, out))
        *out = UINT32_MAX;
    return GW_OK;
}

static enum gw_code numbers_read(struct sip_msg *m, struct gw_err *err)
{
    struct gw_str value = first_of(m, SIP_MAX_FORWARDS);
    int64_t n = -1;

    m->max_forwards = -1;
    if (value.p && !gw_str_to_int(value, 0, 255, &n))
        return gw_fail(err, GW_BADMSG, "Max-Forwards is not a number from 0 to 255");
    m->max_forwards = (int)n;
    if (seconds_read(m, SIP_EXPIRES, &m->expires, err))
        return GW_BADMSG;
    if (seconds_read(m, SIP_MIN_EXPIRES, &m->min_expires_s, err))
        return GW_BADMSG;
    return seconds_read(m, SIP_RETRY_AFTER, &m->retry_after_s, err);
}

static void event_read(struct sip_msg *m)
{
    struct gw_str value = first_of(m, SIP_EVENT), params = { NULL, 0 }, param;

    (void)gw_str_cut(value, ";", &value, &params);
    m->event = gw_str_trim(value);
    while (params.len) {
        struct gw_str rest = { NULL, 0 }, name, id;

        param = params;
        (void)gw_str_cut(params, ";", &param, &rest);
        if (gw_str_cut(param, "=", &name, &id) && gw_str_iis(gw_str_trim(name), "id"))
            m->event_id = gw_str_trim(id);
        params = rest;
    }
}

static enum gw_code contacts_read(struct sip_msg *m, struct gw_err *err)
{
    struct sip_pos pos = { 0 };
    struct gw_str value;

    if (!may_make_dialog(m))
        return GW_OK;
    m->contact_count = count_of(m, SIP_CONTACT);
    if (!m->contact_count || !sip_msg_next(m, SIP_CONTACT, &pos, &value) || gw_str_is(value, "*"))
        return GW_OK;
    if (sip_addr_parse(value, &m->arena, &m->contact, err))
        return gw_fail(err, GW_BADMSG, "the Contact header is malformed");
    /* RFC 3261 20.10: a URI with a question mark, comma or semicolon stands in brackets. */
    if (m->contact.uri.has_headers && !has_byte(value, '<'))
        return gw_fail(err, GW_BADMSG, "the Contact header has headers without brackets");
    m->has_contact = true;
    return GW_OK;
}

static enum gw_code body_read(struct sip_msg *m, struct gw_str rest, struct gw_err *err)
{
    struct gw_str value = first_of(m, SIP_CONTENT_LENGTH);
    int64_t len = (int64_t)rest.len;

    if (value.p && !gw_str_to_int(value, 0, SIP_MSG_MAX, &len))
        return gw_fail(err, GW_BADMSG, "Content-Length is not a number from 0 to %d", SIP_MSG_MAX);
    if ((size_t)len > rest.len)
        return gw_fail(err, GW_BADMSG, "the body is shorter than Content-Length");
    m->body = gw_str_sub(rest, 0, (size_t)len);
    return GW_OK;
}

/* What an answer repeats comes first, so that it can be given whatever else is wrong. */
static enum gw_code headers_read(struct sip_msg *m, struct gw_err *err)
{
    struct gw_err later;
    enum gw_code rc, next;

    rc = vias_read(m, err);
    next = cseq_read(m, rc ? &later : err);
    rc = rc ? rc : next;
    next = addr_read(m, SIP_FROM, "From", &m->from, rc ? &later : err);
    rc = rc ? rc : next;
    next = addr_read(m, SIP_TO, "To", &m->to, rc ? &later : err);
    rc = rc ? rc : next;
    m->call_id = first_of(m, SIP_CALL_ID);
    if (!rc && (!m->call_id.len || m->call_id.len > SIP_CALL_ID_MAX))
        rc = gw_fail(err, GW_BADMSG, "no Call-ID, or one of more than %d bytes", SIP_CALL_ID_MAX);
    if (!rc)
        rc = singles_check(m, err);
    if (!rc)
        rc = numbers_read(m, err);
    if (!rc)
        rc = contacts_read(m, err);
    event_read(m);
    return rc;
}

/* Start line, headers, and what the headers say: all three whatever is wrong with one of them, so that
 * an answer has what it must repeat. The first failure is the one that is told. */
static enum gw_code head_read(struct sip_msg *m, struct gw_str head, struct gw_err *err)
{
    struct gw_err later;
    struct gw_str line;
    enum gw_code rc, next;

    if (!gw_str_cut(head, "\r\n", &line, &head))
        return gw_fail(err, GW_BADMSG, "not even one line");
    rc = start_line(m, line, err);
    if (rc && !m->answer)
        return rc;
    next = fields_split(m, head, rc ? &later : err);
    rc = rc ? rc : next;
    next = headers_read(m, rc ? &later : err);
    return rc ? rc : next;
}

static bool is_repeatable(const struct sip_msg *m)
{
    return m->via.host.len && m->from.text.len && m->to.text.len && m->call_id.len;
}

enum gw_code sip_msg_parse(struct sip_msg *m, struct gw_str bytes, struct gw_err *err)
{
    struct gw_str head = bytes, body = { NULL, 0 };
    bool is_cut;
    enum gw_code rc;

    memset(m, 0, offsetof(struct sip_msg, headers));
    m->header_count = 0;
    m->answer = 0;
    m->is_repeatable = false;
    m->expires = m->retry_after_s = m->min_expires_s = m->max_forwards = -1;
    gw_arena_init(&m->arena, ARENA_MAX);
    if (bytes.len > SIP_MSG_MAX)
        return gw_fail(err, GW_LIMIT, "the message is longer than %d bytes", SIP_MSG_MAX);
    is_cut = !gw_str_cut(bytes, "\r\n\r\n", &head, &body);
    if (!is_cut)
        head.len += 2; /* the last header's line end, too */
    if (head.len > SIP_HEAD_MAX)
        return gw_fail(err, GW_LIMIT, "the headers are longer than %d bytes", SIP_HEAD_MAX);
    rc = head_read(m, head, err);
    if (!rc && is_cut)
        rc = gw_fail(err, GW_BADMSG, "no empty line after the headers");
    if (!rc)
        rc = body_read(m, body, err);
    if (!rc)
        m->answer = 0;
    m->is_repeatable = is_repeatable(m);
    return rc;
}

void sip_msg_done(struct sip_msg *m)
{
    gw_arena_done(&m->arena);
}

struct gw_str sip_media_type(struct gw_str value)
{
    (void)gw_str_cut(value, ";", &value, NULL);
    return gw_str_trim(value);
}

struct gw_str sip_msg_type(const struct sip_msg *m)
{
    return sip_media_type(first_of(m, SIP_CONTENT_TYPE));
}

#include "sip_trace.h"

#include <stdlib.h>
#include <string.h>

#include "gw_log.h"
#include "gw_mem.h"

struct kept {
    struct sip_traced is; /* points into text */
    char text[];
};

struct sip_trace {
    struct kept *kept[SIP_TRACE_KEPT]; /* a ring */
    size_t next, count;
};

struct sip_trace *sip_trace_new(void)
{
    return gw_new(struct sip_trace);
}

void sip_trace_free(struct sip_trace **tracep)
{
    struct sip_trace *trace = *tracep;

    if (!trace)
        return;
    *tracep = NULL;
    for (size_t i = 0; i < SIP_TRACE_KEPT; i++)
        free(trace->kept[i]);
    free(trace);
}

/* The next line, without its end. */
static bool next_line(struct gw_str *rest, struct gw_str *line)
{
    const char *end = rest->len ? memchr(rest->p, '\n', rest->len) : NULL;

    if (!rest->len)
        return false;
    *line = gw_str_sub(*rest, 0, end ? (size_t)(end - rest->p) : rest->len);
    *rest = gw_str_sub(*rest, line->len + (end != NULL), rest->len);
    if (gw_str_ends(*line, "\r"))
        line->len--;
    return true;
}

static bool is_named(struct gw_str line, const char *name)
{
    struct gw_str found;

    return gw_str_cut(line, ":", &found, NULL) && gw_str_iis(gw_str_trim(found), name);
}

static bool is_secret(struct gw_str line)
{
    return is_named(line, "Authorization") || is_named(line, "Proxy-Authorization");
}

/* Printable bytes, one for one. */
static char *put(char *at, struct gw_str line, bool is_utf8)
{
    for (size_t i = 0; i < line.len; i++) {
        unsigned char c = (unsigned char)line.p[i];

        *at++ = c < ' ' || c == 0x7f || (c >= 0x80 && !is_utf8) ? '?' : (char)c;
    }
    *at++ = '\n';
    return at;
}

static void head_write(struct kept *k, struct gw_str head)
{
    bool is_utf8 = gw_str_is_utf8(head), hides = false;
    char *begin = k->text, *at = begin;
    struct gw_str line;

    while (next_line(&head, &line)) {
        bool is_folded = line.len && (line.p[0] == ' ' || line.p[0] == '\t');
        char *line_at = at;

        if (is_folded && hides)
            continue;
        hides = is_secret(line);
        if (hides)
            (void)gw_str_cut(line, ":", &line, NULL);
        at = put(at, line, is_utf8);
        if (!k->is.call_id.p && (is_named(line, "Call-ID") || is_named(line, "i")))
            (void)gw_str_cut((struct gw_str){ line_at, line.len }, ":", NULL, &k->is.call_id);
    }
    k->is.call_id = gw_str_trim(k->is.call_id);
    k->is.head = (struct gw_str){ begin, (size_t)(at - begin) };
}

static void tell(const struct sip_traced *is)
{
    struct gw_str line = is->head;
    char start[GW_QUOTE_MAX], call_id[GW_QUOTE_MAX];

    (void)gw_str_cut(is->head, "\n", &line, NULL);
    gw_log(GW_LOG_DEBUG, "sip.message", "message %s peer=%.*s over=%s start=%s call_id=%s body=%zu",
           is->is_in ? "in" : "out", GW_STR_ARG(is->peer), sip_proto_name(is->proto),
           gw_quote(line, start), gw_quote(is->call_id, call_id), is->body_len);
}

void sip_trace_add(struct sip_trace *trace, const struct sip_peer *peer, bool is_in,
                   struct gw_str bytes, struct gw_str only, gw_utc at)
{
    const char *end = bytes.len ? memmem(bytes.p, bytes.len, "\r\n\r\n", 4) : NULL;
    struct gw_str head = end ? gw_str_sub(bytes, 0, (size_t)(end - bytes.p)) : bytes;
    size_t body_len = end ? bytes.len - head.len - 4 : 0;
    struct gw_buf from;
    struct kept *k;

    head = gw_str_utf8_cut(head, SIP_TRACE_HEAD_MAX);
    if (only.len && !memmem(head.p, head.len, only.p, only.len))
        return;
    gw_buf_init(&from, 300);
    gw_buf_addf(&from, gw_str_find(peer->host, ':') >= 0 ? "[%.*s]:%u" : "%.*s:%u",
                GW_STR_ARG(peer->host), peer->port);
    k = gw_alloc(sizeof(*k) + head.len + 1 + from.len);
    k->is =
        (struct sip_traced){ .at = at, .is_in = is_in, .proto = peer->proto, .body_len = body_len };
    head_write(k, head);
    if (from.len)
        memcpy(k->text + head.len + 1, from.p, from.len);
    k->is.peer = (struct gw_str){ k->text + head.len + 1, from.len };
    gw_buf_done(&from);
    free(trace->kept[trace->next]);
    trace->kept[trace->next] = k;
    trace->next = (trace->next + 1) % SIP_TRACE_KEPT;
    trace->count += trace->count < SIP_TRACE_KEPT;
    if (gw_log_is_on("sip.message", GW_LOG_DEBUG))
        tell(&k->is);
}

bool sip_trace_next(const struct sip_trace *trace, size_t *pos, struct sip_traced *out)
{
    size_t oldest = (trace->next + SIP_TRACE_KEPT - trace->count) % SIP_TRACE_KEPT;

    if (*pos >= trace->count)
        return false;
    *out = trace->kept[(oldest + (*pos)++) % SIP_TRACE_KEPT]->is;
    return true;
}

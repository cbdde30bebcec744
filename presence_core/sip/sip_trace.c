#include "sip_trace.h"

#include <stdlib.h>
#include <string.h>

#include "gw_log.h"
#include "gw_mem.h"

enum { PEER_MAX = 300 };

struct kept { /* as it came, but for what is secret; made readable when it is read */
    gw_utc at;
    bool is_in;
    enum sip_proto proto;
    uint16_t port;
    size_t body_len, head_len, host_len;
    char *text; /* head, host */
    size_t room;
};

struct sip_trace {
    struct kept kept[SIP_TRACE_KEPT]; /* a ring; a place keeps its room */
    size_t next, count;
    struct gw_buf head, peer; /* of the last one that was read */
};

struct sip_trace *sip_trace_new(void)
{
    struct sip_trace *trace = gw_new(struct sip_trace);

    gw_buf_init(&trace->head, SIP_TRACE_HEAD_MAX + 1);
    gw_buf_init(&trace->peer, PEER_MAX);
    return trace;
}

void sip_trace_free(struct sip_trace **tracep)
{
    struct sip_trace *trace = *tracep;

    if (!trace)
        return;
    *tracep = NULL;
    for (size_t i = 0; i < SIP_TRACE_KEPT; i++)
        free(trace->kept[i].text);
    gw_buf_done(&trace->head);
    gw_buf_done(&trace->peer);
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

/* ---- What is kept ---- */

static bool is_secret(struct gw_str line)
{
    if (!line.len || !strchr("aApP", line.p[0])) /* most are not, and each message comes by here */
        return false;
    return is_named(line, "Authorization") || is_named(line, "Proxy-Authorization");
}

/* Values of credentials, and what is folded below them, are stars. */
static void hide(char *text, size_t len)
{
    struct gw_str rest = { text, len }, line, value;
    bool hides = false;

    while (next_line(&rest, &line)) {
        bool is_folded = line.len && (line.p[0] == ' ' || line.p[0] == '\t');

        value = line;
        if (!is_folded)
            hides = is_secret(line) && gw_str_cut(line, ":", NULL, &value);
        if (hides && value.len)
            memset(text + (value.p - text), '*', value.len);
    }
}

/* Each message comes by here: one look at each line, for its end and for what is secret. Line ends before
 * it, as a datagram may have them, are not its end. */
static struct gw_str head_of(struct gw_str bytes, size_t *body_len, bool *has_secret)
{
    struct gw_str rest, line = { bytes.p, 0 }, head;

    while (bytes.len && (bytes.p[0] == '\r' || bytes.p[0] == '\n'))
        bytes = gw_str_sub(bytes, 1, bytes.len);
    rest = head = bytes;
    *has_secret = false;
    while (next_line(&rest, &line) && line.len) {
        *has_secret = *has_secret || is_secret(line);
        head = gw_str_sub(bytes, 0, (size_t)(line.p - bytes.p) + line.len);
    }
    *body_len = rest.len;
    return head;
}

/* ---- What is read ---- */

static void put_line(struct gw_buf *out, struct gw_str line, bool is_utf8)
{
    for (size_t i = 0; i < line.len; i++) {
        unsigned char c = (unsigned char)line.p[i];

        gw_buf_add_char(out, c < ' ' || c == 0x7f || (c >= 0x80 && !is_utf8) ? '?' : (char)c);
    }
    gw_buf_add_char(out, '\n');
}

static struct gw_str call_id_of(struct gw_str head)
{
    struct gw_str line, id;

    while (next_line(&head, &line)) {
        if ((is_named(line, "Call-ID") || is_named(line, "i")) && gw_str_cut(line, ":", NULL, &id))
            return gw_str_trim(id);
    }
    return GW_STR("");
}

static void read_kept(struct sip_trace *trace, const struct kept *k, struct sip_traced *out)
{
    struct gw_str head = { k->text, k->head_len }, host = { k->text + k->head_len, k->host_len },
                  line;
    bool is_utf8 = gw_str_is_utf8(head);

    gw_buf_reset(&trace->head);
    while (next_line(&head, &line))
        put_line(&trace->head, line, is_utf8);
    gw_buf_reset(&trace->peer);
    gw_buf_addf(&trace->peer, gw_str_find(host, ':') >= 0 ? "[%.*s]:%u" : "%.*s:%u",
                GW_STR_ARG(host), k->port);
    *out = (struct sip_traced){ .at = k->at,
                                .is_in = k->is_in,
                                .proto = k->proto,
                                .body_len = k->body_len,
                                .peer = gw_buf_str(&trace->peer),
                                .head = gw_buf_str(&trace->head) };
    out->call_id = call_id_of(out->head);
}

static void tell(struct sip_trace *trace, const struct kept *k)
{
    char start[GW_QUOTE_MAX], call_id[GW_QUOTE_MAX];
    struct sip_traced is;
    struct gw_str line;

    read_kept(trace, k, &is);
    line = is.head;
    (void)gw_str_cut(is.head, "\n", &line, NULL);
    gw_log(GW_LOG_DEBUG, "sip.message", "message %s peer=%.*s over=%s start=%s call_id=%s body=%zu",
           is.is_in ? "in" : "out", GW_STR_ARG(is.peer), sip_proto_name(is.proto),
           gw_quote(line, start), gw_quote(is.call_id, call_id), is.body_len);
}

void sip_trace_add(struct sip_trace *trace, const struct sip_peer *peer, bool is_in,
                   struct gw_str bytes, struct gw_str only, gw_utc at)
{
    struct kept *k = &trace->kept[trace->next];
    bool has_secret;
    size_t body_len, need;
    struct gw_str head = head_of(bytes, &body_len, &has_secret);

    head = gw_str_utf8_cut(head, SIP_TRACE_HEAD_MAX);
    if (only.len && !memmem(head.p, head.len, only.p, only.len))
        return;
    need = head.len + peer->host.len;
    if (need > k->room) {
        k->text = gw_realloc(k->text, need, 1);
        k->room = need;
    }
    *k = (struct kept){ .at = at,
                        .is_in = is_in,
                        .proto = peer->proto,
                        .port = peer->port,
                        .body_len = body_len,
                        .head_len = head.len,
                        .host_len = peer->host.len,
                        .text = k->text,
                        .room = k->room };
    if (head.len)
        memcpy(k->text, head.p, head.len);
    if (peer->host.len)
        memcpy(k->text + head.len, peer->host.p, peer->host.len);
    if (has_secret)
        hide(k->text, head.len);
    trace->next = (trace->next + 1) % SIP_TRACE_KEPT;
    trace->count += trace->count < SIP_TRACE_KEPT;
    if (gw_log_is_on("sip.message", GW_LOG_DEBUG))
        tell(trace, k);
}

bool sip_trace_next(struct sip_trace *trace, size_t *pos, struct sip_traced *out)
{
    size_t oldest = (trace->next + SIP_TRACE_KEPT - trace->count) % SIP_TRACE_KEPT;

    if (*pos >= trace->count)
        return false;
    read_kept(trace, &trace->kept[(oldest + (*pos)++) % SIP_TRACE_KEPT], out);
    return true;
}

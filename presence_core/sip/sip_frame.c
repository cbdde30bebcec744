/* A head, an empty line, and as many bytes as Content-Length says. A stream whose lengths cannot be
 * trusted has no next message, so that everything doubtful ends it. */
#include "sip_frame.h"

#include <string.h>

#include "sip_msg.h"

/* The empty line: how long the head with it is; 0: not there yet. */
static size_t head_len(struct sip_frame *f, struct gw_str in)
{
    size_t from = f->scanned > 3 ? f->scanned - 3 : 0;
    const char *end = memmem(in.p + from, in.len - from, "\r\n\r\n", 4);

    f->scanned = in.len;
    return end ? (size_t)(end - in.p) + 4 : 0;
}

static bool is_length_header(struct gw_str line, struct gw_str *value)
{
    struct gw_str name;

    if (!gw_str_cut(line, ":", &name, value))
        return false;
    name = gw_str_trim(name);
    return gw_str_iis(name, "l") || gw_str_iis(name, "content-length");
}

static enum gw_code body_len(struct gw_str head, size_t *out, struct gw_err *err)
{
    struct gw_str line, value;
    bool found = false;
    int64_t len = 0;

    while (gw_str_cut(head, "\r\n", &line, &head)) {
        if (!is_length_header(line, &value))
            continue;
        if (found)
            return gw_fail(err, GW_BADMSG, "two Content-Length headers");
        if (!gw_str_to_int(gw_str_trim(value), 0, SIP_MSG_MAX, &len))
            return gw_fail(err, GW_BADMSG, "Content-Length is not a number from 0 to %d",
                           SIP_MSG_MAX);
        found = true;
    }
    /* RFC 3261 20.14 demands it on streams; without it nobody knows where the message ends. */
    if (!found)
        return gw_fail(err, GW_BADMSG, "no Content-Length");
    *out = (size_t)len;
    return GW_OK;
}

static enum sip_frame_step line_ends(struct sip_frame *f, struct gw_str in, size_t *used)
{
    if (in.len < 2)
        return SIP_FRAME_MORE;
    *used = 2;
    f->half_ping = !f->half_ping;
    return f->half_ping ? SIP_FRAME_SKIP : SIP_FRAME_PING;
}

/* The length of the message at the start of 'in'; 0: the head is not whole yet. */
static enum gw_code message_len(struct sip_frame *f, struct gw_str in, struct gw_err *err)
{
    size_t head = head_len(f, in), body = 0;

    if (head > SIP_HEAD_MAX || (!head && in.len > SIP_HEAD_MAX))
        return gw_fail(err, GW_LIMIT, "the headers are longer than %d bytes", SIP_HEAD_MAX);
    if (!head)
        return GW_OK;
    if (body_len((struct gw_str){ in.p, head }, &body, err))
        return GW_BADMSG;
    if (head + body > SIP_MSG_MAX)
        return gw_fail(err, GW_LIMIT, "the message is longer than %d bytes", SIP_MSG_MAX);
    f->needed = head + body;
    return GW_OK;
}

enum sip_frame_step sip_frame_next(struct sip_frame *f, struct gw_str in, size_t *used,
                                   struct gw_err *err)
{
    if (!in.len)
        return SIP_FRAME_MORE;
    if (in.p[0] == '\r') {
        if (in.len > 1 && in.p[1] != '\n') {
            gw_fail(err, GW_BADMSG, "a bare carriage return between messages");
            return SIP_FRAME_BROKEN;
        }
        return line_ends(f, in, used);
    }
    f->half_ping = false;
    if (!f->needed && message_len(f, in, err))
        return SIP_FRAME_BROKEN;
    if (!f->needed || in.len < f->needed)
        return SIP_FRAME_MORE;
    *used = f->needed;
    f->needed = f->scanned = 0;
    return SIP_FRAME_MESSAGE;
}

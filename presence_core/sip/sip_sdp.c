#include "sip_sdp.h"

enum { LINES_MAX = 256 };

#define ACCEPT_TYPES "a=accept-types:text/plain application/im-iscomposing+xml\r\n"

/* ---- Reading ---- */

/* m=message 5060 sip null; a port of 0 is a refusal. */
static bool is_message(struct gw_str media)
{
    struct gw_str name, port, proto;
    int64_t n;

    if (!gw_str_cut(media, " ", &name, &port) || !gw_str_cut(port, " ", &port, &proto))
        return false;
    (void)gw_str_cut(proto, " ", &proto, NULL);
    return gw_str_is(name, "message") && gw_str_to_int(port, 1, 65535, &n) &&
           gw_str_iis(proto, "sip");
}

static void read_types(struct gw_str types, struct sip_sdp *out)
{
    struct gw_str type;

    out->takes_plain = false;
    while (gw_str_next(&types, " ", &type))
        out->takes_plain |= gw_str_iis(type, "text/plain") || gw_str_is(type, "*") ||
                            gw_str_is(type, "text/*") || gw_str_is(type, "*/*");
}

static enum gw_code read_line(struct gw_str line, struct sip_sdp *out, struct gw_err *err)
{
    struct gw_str value = gw_str_sub(line, 2, line.len), name;

    if (line.len < 2 || line.p[1] != '=' || !gw_str_is_line(line))
        return gw_fail(err, GW_BADMSG, "a line of the session description is malformed");
    if (line.p[0] == 'm') {
        if (out->count == SIP_SDP_MEDIA_MAX)
            return gw_fail(err, GW_LIMIT, "more than %d media", SIP_SDP_MEDIA_MAX);
        if (out->message == out->count && !is_message(value))
            out->message++;
        out->media[out->count++] = value;
    } else if (line.p[0] == 'a' && out->count && out->message == out->count - 1 &&
               gw_str_cut(value, ":", &name, &value) && gw_str_is(name, "accept-types")) {
        read_types(value, out);
    }
    return GW_OK;
}

enum gw_code sip_sdp_read(struct gw_str body, struct sip_sdp *out, struct gw_err *err)
{
    struct sip_sdp sdp = { .takes_plain = true };
    struct gw_str line;
    enum gw_code rc;
    size_t lines = 0;

    if (body.len > SIP_SDP_MAX)
        return gw_fail(err, GW_LIMIT, "the session description has %zu bytes", body.len);
    while (body.len) {
        line = body;
        if (!gw_str_cut(body, "\n", &line, &body))
            body = GW_STR("");
        if (line.len && line.p[line.len - 1] == '\r')
            line.len--;
        if (!line.len && !body.len)
            break;
        if (++lines > LINES_MAX)
            return gw_fail(err, GW_LIMIT, "the session description has too many lines");
        if (lines == 1 && !gw_str_is(line, "v=0"))
            return gw_fail(err, GW_BADMSG, "no session description of version 0");
        rc = read_line(line, &sdp, err);
        if (rc)
            return rc;
    }
    if (!sdp.count)
        return gw_fail(err, GW_BADMSG, "a session description without media");
    *out = sdp;
    return GW_OK;
}

bool sip_sdp_is_fit(const struct sip_sdp *sdp)
{
    return sdp->message < sdp->count && sdp->takes_plain;
}

/* ---- Writing ---- */

/* "192.0.2.1:5060", "[2001:db8::1]:5060", "gateway.example:5060". */
static void split(struct gw_str us, const char **family, struct gw_str *host, struct gw_str *port)
{
    *family = "IP4";
    if (us.len && us.p[0] == '[') {
        *family = "IP6";
        us = gw_str_sub(us, 1, us.len);
        (void)gw_str_cut(us, "]:", host, port);
    } else {
        (void)gw_str_cut(us, ":", host, port);
    }
}

/* RFC 3264 6: as many media as were offered, in their order; what is refused has port 0. */
static void write_refused(struct gw_str media, struct gw_buf *out)
{
    struct gw_str name = media, rest = GW_STR("");

    if (gw_str_cut(media, " ", &name, &rest))
        (void)gw_str_cut(rest, " ", NULL, &rest);
    gw_buf_addf(out, "m=%.*s 0 %.*s\r\n", GW_STR_ARG(name), GW_STR_ARG(rest));
}

static void write_message(struct gw_str port, struct gw_buf *out)
{
    gw_buf_addf(out, "m=message %.*s sip null\r\n" ACCEPT_TYPES, GW_STR_ARG(port));
}

void sip_sdp_write(const struct sip_sdp *offer, struct gw_str us, struct gw_buf *out)
{
    struct gw_str host = us, port = GW_STR("5060");
    const char *family;

    split(us, &family, &host, &port);
    gw_buf_addf(out, "v=0\r\no=- 0 0 IN %s %.*s\r\ns=session\r\nc=IN %s %.*s\r\nt=0 0\r\n", family,
                GW_STR_ARG(host), family, GW_STR_ARG(host));
    for (size_t i = 0; offer && i < offer->count; i++) {
        if (i == offer->message)
            write_message(port, out);
        else
            write_refused(offer->media[i], out);
    }
    if (!offer)
        write_message(port, out);
}

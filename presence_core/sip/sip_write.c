#include "sip_write.h"

#include <string.h>

#include "sip_escape.h"

static const struct {
    unsigned status;
    const char *reason;
} reasons[] = {
    { 200, "OK" },
    { 202, "Accepted" },
    { 400, "Bad Request" },
    { 401, "Unauthorized" },
    { 403, "Forbidden" },
    { 404, "Not Found" },
    { 405, "Method Not Allowed" },
    { 406, "Not Acceptable" },
    { 407, "Proxy Authentication Required" },
    { 408, "Request Timeout" },
    { 410, "Gone" },
    { 412, "Conditional Request Failed" },
    { 413, "Request Entity Too Large" },
    { 414, "Request-URI Too Long" },
    { 415, "Unsupported Media Type" },
    { 416, "Unsupported URI Scheme" },
    { 420, "Bad Extension" },
    { 421, "Extension Required" },
    { 423, "Interval Too Brief" },
    { 480, "Temporarily Unavailable" },
    { 481, "Call/Transaction Does Not Exist" },
    { 482, "Loop Detected" },
    { 483, "Too Many Hops" },
    { 484, "Address Incomplete" },
    { 485, "Ambiguous" },
    { 486, "Busy Here" },
    { 487, "Request Terminated" },
    { 488, "Not Acceptable Here" },
    { 489, "Bad Event" },
    { 491, "Request Pending" },
    { 493, "Undecipherable" },
    { 500, "Server Internal Error" },
    { 501, "Not Implemented" },
    { 502, "Bad Gateway" },
    { 503, "Service Unavailable" },
    { 504, "Server Time-out" },
    { 505, "Version Not Supported" },
    { 513, "Message Too Large" },
    { 600, "Busy Everywhere" },
    { 603, "Decline" },
    { 604, "Does Not Exist Anywhere" },
    { 606, "Not Acceptable" },
};

const char *sip_reason(unsigned status)
{
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (reasons[i].status == status)
            return reasons[i].reason;
    }
    return "Unknown";
}

void sip_write_header(struct gw_buf *out, const char *name, struct gw_str value)
{
    GW_BUF_ADD(out, gw_str_of(name), GW_STR(": "), value, GW_STR("\r\n"));
}

void sip_write_copy(struct gw_buf *out, const struct sip_msg *from, enum sip_name name,
                    const char *shown)
{
    struct sip_pos pos = { 0 };
    struct gw_str value;

    while (sip_msg_next(from, name, &pos, &value))
        sip_write_header(out, shown, value);
}

/* Where the parameter rport stands without a value: the end of its name; 0: nowhere. */
static size_t rport_end(struct gw_str via)
{
    for (size_t i = 0; i + 6 <= via.len; i++) {
        if (gw_str_iis(gw_str_sub(via, i, i + 6), ";rport") &&
            (i + 6 == via.len || via.p[i + 6] == ';' || via.p[i + 6] == ' '))
            return i + 6;
    }
    return 0;
}

/* RFC 3261 18.2.1 and RFC 3581 4: where the request really came from. */
static void put_top_via(struct gw_buf *out, const struct sip_via *via, const struct sip_peer *from)
{
    size_t at = via->has_rport ? rport_end(via->text) : 0;

    gw_buf_add_cstr(out, "Via: ");
    if (at) {
        GW_BUF_ADD(out, gw_str_sub(via->text, 0, at), GW_STR("="));
        gw_buf_add_uint(out, from->port);
        gw_buf_add_str(out, gw_str_sub(via->text, at, via->text.len));
    } else {
        gw_buf_add_str(out, via->text);
    }
    if (!via->received.len && (at || !gw_str_eq(via->host, from->host)))
        GW_BUF_ADD(out, GW_STR(";received="), from->host);
    gw_buf_add_cstr(out, "\r\n");
}

void sip_write_answer(struct gw_buf *out, const struct sip_msg *m, const struct sip_peer *from,
                      unsigned status, struct gw_str tag)
{
    struct sip_pos pos = { 0 };
    struct gw_str value;
    bool first = true;

    gw_buf_add_cstr(out, "SIP/2.0 ");
    gw_buf_add_uint(out, status);
    GW_BUF_ADD(out, GW_STR(" "), gw_str_of(sip_reason(status)), GW_STR("\r\n"));
    for (; sip_msg_next(m, SIP_VIA, &pos, &value); first = false) {
        if (first)
            put_top_via(out, &m->via, from);
        else
            sip_write_header(out, "Via", value);
    }
    sip_write_header(out, "From", m->from.text);
    GW_BUF_ADD(out, GW_STR("To: "), m->to.text);
    if (!m->to.tag.len && tag.len)
        GW_BUF_ADD(out, GW_STR(";tag="), tag);
    gw_buf_add_cstr(out, "\r\n");
    sip_write_header(out, "Call-ID", m->call_id);
    sip_write_copy(out, m, SIP_CSEQ, "CSeq");
}

/* RFC 3261 25.1. */
static void write_user(struct gw_buf *out, struct gw_str user)
{
    static const char free_ones[] = "-_.!~*'()&=+$,;?/";

    for (size_t i = 0; i < user.len; i++) {
        unsigned char c = (unsigned char)user.p[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            (c && strchr(free_ones, c)))
            gw_buf_add_char(out, (char)c);
        else
            gw_buf_addf(out, "%%%02X", c);
    }
}

void sip_write_uri(struct gw_buf *out, struct gw_str jid)
{
    struct gw_str user = { NULL, 0 }, domain = jid;
    struct gw_buf plain;

    gw_buf_add_cstr(out, "sip:");
    if (gw_str_cut(jid, "@", &user, &domain)) {
        gw_buf_init(&plain, SIP_URI_MAX);
        sip_jid_unescape(user, &plain);
        write_user(out, gw_buf_str(&plain));
        gw_buf_done(&plain);
        gw_buf_add_char(out, '@');
    }
    gw_buf_add_str(out, domain);
}

void sip_write_via(struct gw_buf *out, enum sip_proto proto, struct gw_str us, const char *branch)
{
    GW_BUF_ADD(out, GW_STR("Via: SIP/2.0/"), gw_str_of(sip_proto_name(proto)), GW_STR(" "), us,
               GW_STR(";branch="), gw_str_of(branch),
               proto == SIP_UDP ? GW_STR(";rport\r\n") : GW_STR("\r\n"));
}

void sip_write_contact(struct gw_buf *out, struct gw_str us, enum sip_proto proto)
{
    static const char *const transport[] = {
        [SIP_UDP] = "", [SIP_TCP] = ";transport=tcp", [SIP_TLS] = ";transport=tls"
    };

    GW_BUF_ADD(out, GW_STR("Contact: <sip:"), us, gw_str_of(transport[proto]), GW_STR(">\r\n"));
}

void sip_write_end(struct gw_buf *out, const char *type, struct gw_str body)
{
    if (body.len)
        sip_write_header(out, "Content-Type", gw_str_of(type));
    gw_buf_add_cstr(out, "Content-Length: ");
    gw_buf_add_uint(out, body.len);
    GW_BUF_ADD(out, GW_STR("\r\n\r\n"), body);
}

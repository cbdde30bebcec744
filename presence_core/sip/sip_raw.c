/* Refuses a request of which not even that can be read what an answer repeats: its Via is malformed, or From, To or
 * Call-ID are not there (RFC 4475 3.1.2.1 and 3.3.1 want 400). What is there is copied as it stands. */
#include "gw_bytes.h"
#include "sip_priv.h"

static const char *const repeated[] = {
    [SIP_VIA] = "Via",         [SIP_FROM] = "From", [SIP_TO] = "To",
    [SIP_CALL_ID] = "Call-ID", [SIP_CSEQ] = "CSeq",
};

/* The port in "SIP/2.0/UDP 192.0.2.1:5070;...": what stands before the first parameter is enough for it. */
static bool port_read(struct gw_str via, uint16_t *out)
{
    struct gw_str proto, sent_by;
    int64_t port = 5060;

    (void)gw_str_cut(via, ";", &via, NULL);
    (void)gw_str_cut(via, ",", &via, NULL);
    if (!gw_str_starts(via, "SIP/2.0/") || !gw_str_cut(via, " ", &proto, &sent_by))
        return false;
    sent_by = gw_str_trim(sent_by);
    if (gw_str_starts(sent_by, "["))
        (void)gw_str_cut(sent_by, "]", NULL, &sent_by);
    if (gw_str_cut(sent_by, ":", NULL, &sent_by) && !gw_str_to_int(sent_by, 1, 65535, &port))
        return false;
    *out = (uint16_t)port;
    return true;
}

/* RFC 3261 18.2.2: over the connection that it came over; by UDP to the address that it came from, whatever Via
 * says, and to the port there, unless it is to be the one that it came from (RFC 3581). */
static bool way_back(const struct sip_msg *m, struct sip_peer *to)
{
    struct sip_pos pos = { 0 };
    struct gw_str via, rport;

    if (!sip_msg_next(m, SIP_VIA, &pos, &via))
        return false; /* an answer would belong to nothing */
    return to->proto != SIP_UDP || sip_param_find(via, "rport", &rport) ||
           port_read(via, &to->port);
}

static bool headers_copy(const struct sip_msg *m, struct gw_buf *out)
{
    char tag[2 * 8 + 1];
    struct gw_str is;

    for (size_t i = 0; i < m->header_count; i++) {
        const struct sip_header *h = &m->headers[i];
        size_t name = h->name;

        if (name >= sizeof(repeated) / sizeof(repeated[0]) || !repeated[name])
            continue;
        if (!h->value.len || !gw_str_is_line(h->value)) {
            if (h->name == SIP_VIA)
                return false; /* it shows servers between us the way */
            continue;
        }
        gw_buf_addf(out, "%s: ", repeated[name]);
        gw_buf_add_str(out, h->value);
        if (h->name == SIP_TO && !sip_param_find(h->value, "tag", &is)) {
            gw_random_hex(tag, 8);
            gw_buf_addf(out, ";tag=%s", tag);
        }
        gw_buf_add_cstr(out, "\r\n");
    }
    return true;
}

void sip_refuse_raw(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from)
{
    struct sip_peer to = *from;

    if (m->method == SIP_ACK || !way_back(m, &to))
        return;
    gw_buf_reset(&core->out);
    gw_buf_addf(&core->out, "SIP/2.0 %u %s\r\n", m->answer, sip_reason(m->answer));
    if (!headers_copy(m, &core->out))
        return;
    sip_write_end(&core->out, NULL, GW_STR(""));
    if (!core->out.failed)
        (void)sip_send(core, &to, gw_buf_str(&core->out));
}

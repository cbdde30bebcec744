/* The newest SIP messages, for an administrator who asks. */
#include <jansson.h>

#include "gd.h"

static json_t *lines_json(struct gw_str head)
{
    json_t *lines = json_array();
    struct gw_str line;

    while (gw_str_cut(head, "\n", &line, &head))
        json_array_append_new(lines, json_stringn(line.p, line.len));
    return lines;
}

static json_t *traced_json(const struct sip_traced *m)
{
    char moment[GW_UTC_TEXT_MAX];

    return json_pack("{s:s, s:s, s:s, s:s%, s:I, s:s%, s:o}", "at", gw_utc_text(m->at, moment),
                     "direction", m->is_in ? "in" : "out", "transport", sip_proto_name(m->proto),
                     "peer", m->peer.p, m->peer.len, "body_bytes", (json_int_t)m->body_len,
                     "call_id", m->call_id.p ? m->call_id.p : "", m->call_id.len, "head",
                     lines_json(m->head));
}

json_t *gd_sip_trace(const struct gd *gd, struct gw_str call_id)
{
    struct sip_trace *trace = sip_core_trace(sip_server_core(gd->sip));
    json_t *list = json_array();
    struct sip_traced m;
    size_t pos = 0;

    while (sip_trace_next(trace, &pos, &m)) {
        if (!call_id.len || gw_str_eq(m.call_id, call_id))
            json_array_append_new(list, traced_json(&m));
    }
    return json_pack("{s:o}", "messages", list);
}

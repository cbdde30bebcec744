/* The words of stream management, XEP-0198: the same to clients and to servers. */
#include <inttypes.h>
#include <stdio.h>

#include "xmpp_priv.h"

static void put_number(struct xml_writer *w, const char *name, int64_t n)
{
    char text[24];

    snprintf(text, sizeof(text), "%" PRId64, n);
    xml_put_attr(w, name, gw_str_of(text));
}

void xmpp_put_sm_enabled(struct xml_writer *w, const char *id, int64_t max_s)
{
    xmpp_open_ns(w, "enabled", NS_SM);
    if (id[0]) {
        xml_put_attr(w, "id", gw_str_of(id));
        xml_put_attr(w, "resume", GW_STR("true"));
        put_number(w, "max", max_s);
    }
    xml_close(w);
}

void xmpp_put_sm_resumed(struct xml_writer *w, const char *id, uint32_t h)
{
    xmpp_open_ns(w, "resumed", NS_SM);
    put_number(w, "h", h);
    xml_put_attr(w, "previd", gw_str_of(id));
    xml_close(w);
}

void xmpp_put_sm_failed(struct xml_writer *w, const char *condition)
{
    xmpp_open_ns(w, "failed", NS_SM);
    xmpp_open_ns(w, condition, NS_STANZAS);
    xml_close(w);
    xml_close(w);
}

void xmpp_put_sm_answer(struct xml_writer *w, uint32_t h)
{
    xmpp_open_ns(w, "a", NS_SM);
    put_number(w, "h", h);
    xml_close(w);
}

bool xmpp_sm_wants_resumption(const struct xml_node *node)
{
    struct gw_str value = xml_attr(node, "resume");

    return gw_str_is(value, "true") || gw_str_is(value, "1");
}

bool xmpp_sm_count(const struct xml_node *node, uint32_t acked, size_t unacked, uint32_t *more,
                   struct xmpp_stream_fault *fault)
{
    int64_t n;

    if (!gw_str_to_int(xml_attr(node, "h"), 0, UINT32_MAX, &n)) {
        *fault = (struct xmpp_stream_fault){ "bad-format", "'h' is not the number of stanzas" };
        return false;
    }
    if ((uint32_t)((uint32_t)n - acked) > unacked) {
        *fault = (struct xmpp_stream_fault){ "undefined-condition",
                                             "more was acknowledged than was sent" };
        return false;
    }
    *more = (uint32_t)n - acked;
    return true;
}

/* What the parsers of answers share. An item that cannot be understood is counted and left out; it
 * never stops the others. */
#include "ews_priv.h"

bool ews_text_is_true(struct gw_str s)
{
    return gw_str_iis(s, "true") || gw_str_is(s, "1");
}

enum gw_busy ews_busy_of(struct gw_str s)
{
    static const enum gw_busy all[] = { GW_BUSY_NODATA,    GW_BUSY_FREE, GW_BUSY_TENTATIVE,
                                        GW_BUSY_ELSEWHERE, GW_BUSY_BUSY, GW_BUSY_OOF };

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (gw_str_is(s, gw_busy_name(all[i])))
            return all[i];
    return GW_BUSY_BUSY; /* a kind that newer servers have: taken, in any case */
}

bool ews_read_span(const struct xml_node *n, const char *start, const char *end, gw_utc *from,
                   gw_utc *to)
{
    return gw_utc_parse(xml_child_text(n, NULL, start), from, NULL) == GW_OK &&
           gw_utc_parse(xml_child_text(n, NULL, end), to, NULL) == GW_OK && *from <= *to;
}

size_t ews_count_children(const struct xml_node *n)
{
    size_t count = 0;

    for (n = n ? n->child : NULL; n; n = n->next)
        count++;
    return count;
}

void ews_set_too_large(struct ews_status *out)
{
    ews_status_set(out, EWS_TOO_MUCH, "answer-too-large", "the server's answer is too large");
    out->alive = true;
}

void ews_set_missing(struct ews_status *out, const char *what)
{
    ews_status_set(out, EWS_BAD_ANSWER, "incomplete", "the server's answer has no %s", what);
    out->alive = true;
}

struct gw_interval *ews_intervals_alloc(const struct xml_node *n, struct gw_arena *arena,
                                        struct ews_status *status)
{
    struct gw_interval *v = gw_arena_alloc(arena, (ews_count_children(n) + 1) * sizeof(*v));

    if (!v)
        ews_set_too_large(status);
    return v;
}

void ews_calendar_set(struct ews_calendar *c, struct gw_interval *v, size_t count)
{
    c->count = gw_intervals_normalise(v, count);
    c->intervals = v;
}

const struct xml_node *ews_first_message(const struct xml_node *body, struct ews_status *status)
{
    const struct xml_node *messages = xml_child(body, NULL, "ResponseMessages");

    if (!messages || !messages->child) {
        ews_set_missing(status, "response message");
        return NULL;
    }
    ews_soap_message_status(messages->child, status);
    return status->class == EWS_OK ? messages->child : NULL;
}

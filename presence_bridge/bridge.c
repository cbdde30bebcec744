/* What shows at a moment t is the row of highest rank among those that apply at t. The stretch
 * around it is found by asking the same at each neighbouring boundary, so that since and until can
 * never tell another story than the presence itself. */
#include "bridge.h"

#include <stdio.h>
#include <string.h>

/* A stretch that is broken into more pieces than this is told without its end. */
enum { STRETCH_STEPS_MAX = 64 };

void bridge_policy_default(struct bridge_policy *out)
{
    static const struct bridge_policy table = {
        .busy = {
            [GW_BUSY_NODATA]    = { PRES_CAL_NONE,      0, "" },
            [GW_BUSY_FREE]      = { PRES_CAL_FREE,      1, "" },
            [GW_BUSY_TENTATIVE] = { PRES_CAL_FREE,      2, "" },
            [GW_BUSY_ELSEWHERE] = { PRES_CAL_ELSEWHERE, 3, "Working elsewhere" },
            [GW_BUSY_BUSY]      = { PRES_CAL_MEETING,   4, "In a meeting" },
            [GW_BUSY_OOF]       = { PRES_CAL_AWAY,      5, "Away" },
        },
        .auto_reply             = { PRES_CAL_OOF,       6, "Out of office" },
    };

    *out = table;
}

static const struct bridge_row nothing = { PRES_CAL_NONE, 0, "" };

struct verdict {
    const struct bridge_row *row;
    enum bridge_source source;
    const struct gw_interval *interval; /* BRIDGE_INTERVAL */
};

static bool is_running(const struct gw_interval *v, gw_utc t)
{
    return v->start <= t && t < v->end;
}

static const struct bridge_row *row_of(const struct bridge_policy *policy,
                                       const struct gw_interval *v)
{
    /* WIRE: an unknown busy type counts as Busy. */
    return &policy->busy[v->busy < BRIDGE_BUSY_COUNT ? v->busy : GW_BUSY_BUSY];
}

static bool shows_auto_reply(const struct bridge_calendar *cal, const struct bridge_policy *policy,
                             gw_utc t)
{
    return cal->oof && !policy->auto_reply_hidden && gw_oof_is_active(cal->oof, t);
}

static struct verdict verdict_at(const struct bridge_calendar *cal,
                                 const struct bridge_policy *policy, gw_utc t)
{
    struct verdict best = { &nothing, BRIDGE_NOTHING, NULL };

    if (cal->from <= t && t < cal->to)
        best = (struct verdict){ &policy->busy[GW_BUSY_FREE], BRIDGE_FREE, NULL };
    for (size_t i = 0; i < cal->count; i++) {
        const struct gw_interval *v = &cal->intervals[i];

        if (v->start > t)
            break; /* normalised: sorted by start */
        if (!is_running(v, t) || v->busy == GW_BUSY_NODATA || v->busy == GW_BUSY_FREE)
            continue;
        if (row_of(policy, v)->rank > best.row->rank)
            best = (struct verdict){ row_of(policy, v), BRIDGE_INTERVAL, v };
    }
    if (shows_auto_reply(cal, policy, t) &&
        (best.source == BRIDGE_NOTHING || policy->auto_reply.rank > best.row->rank))
        best = (struct verdict){ &policy->auto_reply, BRIDGE_AUTO_REPLY, NULL };
    return best;
}

static bool looks_same(const struct bridge_row *a, const struct bridge_row *b)
{
    return a->kind == b->kind && strcmp(a->text, b->text) == 0;
}

/* The last boundary at or before t; INT64_MIN: none. */
static gw_utc boundary_before(const struct bridge_calendar *cal, gw_utc t)
{
    gw_utc best = INT64_MIN;
    const gw_utc edge[] = {
        cal->from < cal->to ? cal->from : INT64_MIN, cal->from < cal->to ? cal->to : INT64_MIN,
        cal->oof && cal->oof->state == GW_OOF_SCHEDULED ? cal->oof->start : INT64_MIN,
        cal->oof && cal->oof->state == GW_OOF_SCHEDULED ? cal->oof->end : INT64_MIN
    };

    for (size_t i = 0; i < sizeof(edge) / sizeof(edge[0]); i++)
        best = edge[i] <= t && edge[i] > best ? edge[i] : best;
    for (size_t i = 0; i < cal->count && cal->intervals[i].start <= t; i++) {
        const struct gw_interval *v = &cal->intervals[i];

        best = v->start > best ? v->start : best;
        best = v->end <= t && v->end > best ? v->end : best;
    }
    return best;
}

/* The first boundary after t; GW_NEVER: none. */
static gw_utc boundary_after(const struct bridge_calendar *cal, gw_utc t)
{
    gw_utc best = gw_intervals_next_boundary(cal->intervals, cal->count, cal->oof, t);

    if (cal->from < cal->to && cal->from > t && cal->from < best)
        best = cal->from;
    if (cal->from < cal->to && cal->to > t && cal->to < best)
        best = cal->to;
    return best;
}

static gw_utc stretch_start(const struct bridge_calendar *cal, const struct bridge_policy *policy,
                            const struct bridge_row *row, gw_utc now)
{
    gw_utc t = now;

    for (int i = 0; i < STRETCH_STEPS_MAX; i++) {
        gw_utc b = boundary_before(cal, t);
        struct verdict before;

        if (b == INT64_MIN)
            return 0;
        before = verdict_at(cal, policy, b - 1);
        if (!looks_same(before.row, row))
            /* What was before the window is not known, and so is not a beginning. */
            return before.source == BRIDGE_NOTHING && b == cal->from ? 0 : b;
        t = b - 1;
    }
    return 0;
}

static gw_utc stretch_end(const struct bridge_calendar *cal, const struct bridge_policy *policy,
                          const struct bridge_row *row, gw_utc now)
{
    gw_utc t = now;

    for (int i = 0; i < STRETCH_STEPS_MAX; i++) {
        gw_utc b = boundary_after(cal, t);
        struct verdict after;

        if (b == GW_NEVER)
            return GW_NEVER;
        after = verdict_at(cal, policy, b);
        if (!looks_same(after.row, row))
            return after.source == BRIDGE_NOTHING && b == cal->to ? GW_NEVER : b;
        t = b;
    }
    return GW_NEVER;
}

/* "2026-11-20 09:00" in the policy's zone. */
static void date_write(gw_utc t, int offset_min, struct gw_buf *out)
{
    struct gw_civil c;

    gw_utc_to_civil(t + (gw_utc)offset_min * GW_MINUTE_MS, &c);
    gw_buf_addf(out, "%04d-%02d-%02d %02d:%02d", c.year, c.month, c.day, c.hour, c.minute);
}

static void zone_write(int offset_min, struct gw_buf *out)
{
    int minutes = offset_min < 0 ? -offset_min : offset_min;

    if (!offset_min)
        gw_buf_add_cstr(out, "UTC");
    else
        gw_buf_addf(out, "UTC%c%02d:%02d", offset_min < 0 ? '-' : '+', minutes / 60, minutes % 60);
}

static void auto_reply_text(const struct bridge_policy *policy, const struct gw_oof *oof,
                            char out[PRES_TEXT_MAX])
{
    struct gw_buf text;

    gw_buf_init(&text, PRES_TEXT_MAX - 1);
    gw_buf_add_cstr(&text, policy->auto_reply.text);
    gw_buf_add_cstr(&text, " from ");
    date_write(oof->start, policy->utc_offset_min, &text);
    gw_buf_add_cstr(&text, " to ");
    date_write(oof->end, policy->utc_offset_min, &text);
    gw_buf_add_cstr(&text, " (");
    zone_write(policy->utc_offset_min, &text);
    gw_buf_add_cstr(&text, ")");
    if (!text.failed)
        snprintf(out, PRES_TEXT_MAX, "%.*s", GW_STR_ARG(gw_buf_str(&text)));
    gw_buf_done(&text);
}

static void text_write(const struct verdict *v, const struct bridge_policy *policy,
                       const struct gw_oof *oof, char out[PRES_TEXT_MAX])
{
    struct gw_str text = gw_str_utf8_cut(gw_str_of(v->row->text), PRES_TEXT_MAX - 1);

    snprintf(out, PRES_TEXT_MAX, "%.*s", GW_STR_ARG(text));
    if (v->source == BRIDGE_AUTO_REPLY && oof->state == GW_OOF_SCHEDULED && text.len)
        auto_reply_text(policy, oof, out);
}

static void item_write(const struct verdict *v, const struct gw_oof *oof, struct pres_calendar *out)
{
    if (v->source == BRIDGE_INTERVAL) {
        out->item_since = v->interval->start;
        out->item_until = v->interval->end;
    } else if (v->source == BRIDGE_AUTO_REPLY) {
        out->item_since = oof->state == GW_OOF_SCHEDULED ? oof->start : 0;
        out->item_until = oof->state == GW_OOF_SCHEDULED ? oof->end : GW_NEVER;
    }
}

void bridge_presence(const struct bridge_calendar *calendar, const struct bridge_policy *policy,
                     gw_utc now, struct pres_calendar *out, struct bridge_reason *why)
{
    struct verdict v = verdict_at(calendar, policy, now);

    *out = (struct pres_calendar){ .kind = v.row->kind, .until = GW_NEVER };
    text_write(&v, policy, calendar->oof, out->text[PRES_WORDS_TIMES]);
    memcpy(out->text[PRES_WORDS_OWN], out->text[PRES_WORDS_TIMES], PRES_TEXT_MAX);
    memcpy(out->text[PRES_WORDS_FEDERATED], out->text[PRES_WORDS_TIMES], PRES_TEXT_MAX);
    item_write(&v, calendar->oof, out);
    if (v.source != BRIDGE_NOTHING) {
        out->since = stretch_start(calendar, policy, v.row, now);
        out->until = stretch_end(calendar, policy, v.row, now);
    }
    if (!why)
        return;
    *why = (struct bridge_reason){ .source = v.source, .since = out->since, .until = out->until };
    if (v.interval)
        why->interval = *v.interval;
    if (v.source == BRIDGE_AUTO_REPLY)
        why->oof = *calendar->oof;
}

const char *bridge_source_name(enum bridge_source source)
{
    switch (source) {
    case BRIDGE_NOTHING:
        return "nothing-known";
    case BRIDGE_FREE:
        return "free";
    case BRIDGE_INTERVAL:
        return "calendar-item";
    case BRIDGE_AUTO_REPLY:
        return "automatic-reply";
    }
    return "nothing-known";
}

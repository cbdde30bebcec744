/* What shows at a moment t is what ranks highest among all that applies at t. The stretch around it is
 * found by asking the same at each neighbouring boundary, so that since and until can never tell
 * another story than the presence itself. */
#include "bridge.h"

#include <string.h>

#include "bridge_priv.h"
#include "gw_bytes.h"

/* A stretch that is broken into more pieces than this is told without its end; a day ahead is looked
 * through so far. */
enum { STRETCH_STEPS_MAX = 64, AHEAD_STEPS_MAX = 16 };

static const struct bridge_show nothing = { .kind = PRES_CAL_NONE, .text = BRIDGE_TEXT_FREE };

struct verdict {
    const struct bridge_show *show;
    unsigned rank;
    enum bridge_source source;
    const struct gw_interval *interval; /* BRIDGE_INTERVAL, BRIDGE_OUTSIDE */
    struct bridge_hit hit;              /* BRIDGE_INTERVAL */
};

/* As if it were not there: free is what a calendar is without it. */
static bool is_nothing(const struct gw_interval *v, const struct bridge_hit *hit)
{
    return hit->show->ignored ||
           (v->busy == GW_BUSY_FREE && !hit->rule && hit->condition == BRIDGE_PLAIN);
}

static bool is_running(const struct gw_interval *v, gw_utc t)
{
    return v->start <= t && t < v->end;
}

static bool is_known(const struct bridge_calendar *cal, gw_utc t)
{
    return cal->from <= t && t < cal->to;
}

static bool shows_auto_reply(const struct bridge_calendar *cal, const struct bridge_policy *policy,
                             gw_utc t)
{
    return cal->oof && !policy->reply.show.ignored && gw_oof_is_active(cal->oof, t);
}

static void look_at_items(const struct bridge_calendar *cal, const struct bridge_policy *policy,
                          gw_utc t, struct verdict *best)
{
    for (size_t i = 0; i < cal->count && cal->intervals[i].start <= t; i++) {
        const struct gw_interval *v = &cal->intervals[i];
        struct bridge_hit hit;

        if (!is_running(v, t) || v->busy == GW_BUSY_NODATA)
            continue;
        hit = bridge_policy_hit(policy, v);
        if (!is_nothing(v, &hit) && hit.rank > best->rank)
            *best = (struct verdict){ hit.show, hit.rank, BRIDGE_INTERVAL, v, hit };
    }
}

static void look_at_hours(const struct bridge_calendar *cal, const struct bridge_policy *policy,
                          gw_utc t, struct verdict *best)
{
    unsigned rank = bridge_policy_rank(policy, BRIDGE_RANK_OUTSIDE);

    if (rank <= best->rank || policy->outside.show.ignored)
        return;
    for (size_t i = 0; i < cal->outside_count && cal->outside[i].start <= t; i++)
        if (is_running(&cal->outside[i], t))
            *best = (struct verdict){
                &policy->outside.show, rank, BRIDGE_OUTSIDE, &cal->outside[i], { 0 }
            };
}

static struct verdict verdict_at(const struct bridge_calendar *cal,
                                 const struct bridge_policy *policy, gw_utc t)
{
    struct verdict best = { .show = &nothing, .source = BRIDGE_NOTHING };

    if (is_known(cal, t)) {
        best.show = &policy->row[GW_BUSY_FREE][BRIDGE_PLAIN].show;
        best.rank = bridge_policy_rank(policy, GW_BUSY_FREE);
        best.source = BRIDGE_FREE;
    }
    look_at_items(cal, policy, t, &best);
    if (is_known(cal, t))
        look_at_hours(cal, policy, t, &best);
    if (shows_auto_reply(cal, policy, t) &&
        (best.source == BRIDGE_NOTHING ||
         bridge_policy_rank(policy, BRIDGE_RANK_REPLY) > best.rank))
        best = (struct verdict){ .show = &policy->reply.show, .source = BRIDGE_AUTO_REPLY };
    return best;
}

/* Including what is told of it. */
static bool looks_same(const struct bridge_show *a, const struct bridge_show *b)
{
    return a == b ||
           (a->kind == b->kind && a->text == b->text &&
            (a->words == b->words || (a->words && b->words && strcmp(a->words, b->words) == 0)));
}

static gw_utc last_before(const struct gw_interval *v, size_t count, gw_utc t, gw_utc best)
{
    for (size_t i = 0; i < count && v[i].start <= t; i++) {
        best = v[i].start > best ? v[i].start : best;
        best = v[i].end <= t && v[i].end > best ? v[i].end : best;
    }
    return best;
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
    best = last_before(cal->intervals, cal->count, t, best);
    return last_before(cal->outside, cal->outside_count, t, best);
}

/* The first boundary after t; GW_NEVER: none. */
static gw_utc boundary_after(const struct bridge_calendar *cal, gw_utc t)
{
    gw_utc best = gw_intervals_next_boundary(cal->intervals, cal->count, cal->oof, t);
    gw_utc hours = gw_intervals_next_boundary(cal->outside, cal->outside_count, NULL, t);

    if (hours < best)
        best = hours;
    if (cal->from < cal->to && cal->from > t && cal->from < best)
        best = cal->from;
    if (cal->from < cal->to && cal->to > t && cal->to < best)
        best = cal->to;
    return best;
}

static gw_utc stretch_start(const struct bridge_calendar *cal, const struct bridge_policy *policy,
                            const struct bridge_show *show, gw_utc now)
{
    gw_utc t = now;

    for (int i = 0; i < STRETCH_STEPS_MAX; i++) {
        gw_utc b = boundary_before(cal, t);
        struct verdict before;

        if (b == INT64_MIN)
            return 0;
        before = verdict_at(cal, policy, b - 1);
        if (!looks_same(before.show, show))
            /* What was before the window is not known, and so is not a beginning. */
            return before.source == BRIDGE_NOTHING && b == cal->from ? 0 : b;
        t = b - 1;
    }
    return 0;
}

static gw_utc stretch_end(const struct bridge_calendar *cal, const struct bridge_policy *policy,
                          const struct bridge_show *show, gw_utc now)
{
    gw_utc t = now;

    for (int i = 0; i < STRETCH_STEPS_MAX; i++) {
        gw_utc b = boundary_after(cal, t);
        struct verdict after;

        if (b == GW_NEVER)
            return GW_NEVER;
        after = verdict_at(cal, policy, b);
        if (!looks_same(after.show, show))
            return after.source == BRIDGE_NOTHING && b == cal->to ? GW_NEVER : b;
        t = b;
    }
    return GW_NEVER;
}

/* ---- what comes next ---- */

static bool is_free(enum pres_calendar_kind kind)
{
    return kind == PRES_CAL_NONE || kind == PRES_CAL_FREE;
}

static void look_ahead(const struct bridge_calendar *cal, const struct bridge_policy *policy,
                       struct bridge_look *out)
{
    gw_utc t = out->until;

    for (int i = 0; i < AHEAD_STEPS_MAX && t != GW_NEVER && out->ahead_count < PRES_AHEAD_MAX;
         i++) {
        struct verdict v = verdict_at(cal, policy, t);
        gw_utc end = stretch_end(cal, policy, v.show, t);

        if (!is_free(v.show->kind))
            out->ahead[out->ahead_count++] = (struct pres_span){ v.show->kind, t, end };
        t = end;
    }
}

/* GW_NEVER: not known. */
static gw_utc next_free(const struct bridge_calendar *cal, const struct bridge_policy *policy,
                        gw_utc t)
{
    for (int i = 0; i < STRETCH_STEPS_MAX && t != GW_NEVER; i++) {
        struct verdict v = verdict_at(cal, policy, t);

        if (v.source == BRIDGE_NOTHING)
            return GW_NEVER;
        if (v.show->kind == PRES_CAL_FREE || v.show->kind == PRES_CAL_ELSEWHERE)
            return t;
        t = boundary_after(cal, t);
    }
    return GW_NEVER;
}

/* ---- looking ---- */

static void look_at_source(const struct bridge_calendar *cal, const struct verdict *v,
                           struct bridge_look *out)
{
    switch (v->source) {
    case BRIDGE_NOTHING:
        return;
    case BRIDGE_FREE:
        out->row = bridge_row_key(GW_BUSY_FREE, BRIDGE_PLAIN);
        return;
    case BRIDGE_INTERVAL:
        out->interval = *v->interval;
        out->item_since = v->interval->start;
        out->item_until = v->interval->end;
        out->rule = v->hit.rule ? v->hit.rule->name : NULL;
        out->row =
            v->hit.rule ? NULL : bridge_row_key((enum gw_busy)v->interval->busy, v->hit.condition);
        return;
    case BRIDGE_OUTSIDE:
        out->item_since = v->interval->start;
        out->item_until = v->interval->end;
        out->row = "outside-hours";
        return;
    case BRIDGE_AUTO_REPLY:
        out->oof = *cal->oof;
        out->item_since = cal->oof->state == GW_OOF_SCHEDULED ? cal->oof->start : 0;
        out->item_until = cal->oof->state == GW_OOF_SCHEDULED ? cal->oof->end : GW_NEVER;
        out->row = "automatic-reply";
        return;
    }
}

void bridge_look(const struct bridge_calendar *calendar, const struct bridge_policy *policy,
                 gw_utc now, struct bridge_look *out)
{
    struct verdict v = verdict_at(calendar, policy, now);

    *out = (struct bridge_look){
        .show = v.show, .kind = v.show->kind, .source = v.source, .until = GW_NEVER
    };
    look_at_source(calendar, &v, out);
    if (v.source != BRIDGE_NOTHING) {
        out->since = stretch_start(calendar, policy, v.show, now);
        out->until = stretch_end(calendar, policy, v.show, now);
        look_ahead(calendar, policy, out);
    }
}

uint64_t bridge_look_mark(const struct bridge_calendar *calendar, const struct bridge_look *look)
{
    int64_t mark[8 + 3 * PRES_AHEAD_MAX] = { look->kind,
                                             look->source,
                                             look->since,
                                             look->until,
                                             look->item_since,
                                             look->item_until,
                                             (int64_t)(intptr_t)look->show };
    size_t n = 7;

    if (look->source == BRIDGE_AUTO_REPLY)
        mark[n++] = (int64_t)(gw_hash_stable(calendar->reply_own) ^
                              3 * gw_hash_stable(calendar->reply_federated));
    for (size_t i = 0; i < look->ahead_count; i++) {
        mark[n++] = look->ahead[i].kind;
        mark[n++] = look->ahead[i].since;
        mark[n++] = look->ahead[i].until;
    }
    return gw_hash_stable((struct gw_str){ (const char *)mark, n * sizeof(mark[0]) });
}

void bridge_presence(const struct bridge_calendar *calendar, const struct bridge_policy *policy,
                     const struct bridge_voice *voice, gw_utc now, struct pres_calendar *out,
                     struct bridge_look *why)
{
    struct bridge_look look;

    bridge_look(calendar, policy, now, &look);
    bridge_tell(calendar, policy, voice, &look, out);
    if (why)
        *why = look;
}

/* ---- telling ---- */

enum { VALUE_MAX = 128 };

struct telling {
    const struct bridge_voice *voice;
    struct gw_buf text[BRIDGE_VALUES];
    struct gw_str value[BRIDGE_VALUES];
};

/* Of what begins and ends on one day, which is today, the time alone says it. Otherwise, and when the
 * beginning is not known, the day stands with it: a text must be right as long as it is shown. */
static void moment(struct telling *t, enum bridge_value which, gw_utc at, gw_utc other)
{
    struct gw_buf *text = &t->text[which];

    if (at == 0 || at == GW_NEVER)
        return;
    if (other != 0 && other != GW_NEVER && bridge_voice_same_day(t->voice, at, other))
        bridge_voice_clock(t->voice, at, text);
    else
        bridge_voice_date(t->voice, at, other != 0 && other != GW_NEVER ? other : at, text);
    t->value[which] = gw_buf_str(text);
}

static void zone(struct telling *t, gw_utc a, gw_utc b)
{
    if (b == GW_NEVER)
        b = a;
    if (a == 0)
        a = b;
    if (a == 0)
        return;
    bridge_voice_zone(t->voice, a, b, &t->text[BRIDGE_VALUE_ZONE]);
    t->value[BRIDGE_VALUE_ZONE] = gw_buf_str(&t->text[BRIDGE_VALUE_ZONE]);
}

static void telling_init(struct telling *t, const struct bridge_calendar *cal,
                         const struct bridge_policy *policy, const struct bridge_voice *voice,
                         const struct bridge_look *look)
{
    /* Of automatic replies the period that was set, whatever hides parts of it. */
    bool is_reply = look->source == BRIDGE_AUTO_REPLY;
    gw_utc start = is_reply ? look->item_since : look->since;
    gw_utc end = is_reply ? look->item_until : look->until;
    gw_utc unused = look->until == GW_NEVER ? GW_NEVER : next_free(cal, policy, look->until);

    *t = (struct telling){ .voice = voice };
    for (int i = 0; i < BRIDGE_VALUES; i++)
        gw_buf_init(&t->text[i], VALUE_MAX);
    moment(t, BRIDGE_VALUE_START, start, end);
    moment(t, BRIDGE_VALUE_END, end, start);
    moment(t, BRIDGE_VALUE_FREE, unused, start);
    zone(t, start, end);
}

static void telling_done(struct telling *t)
{
    for (int i = 0; i < BRIDGE_VALUES; i++)
        gw_buf_done(&t->text[i]);
}

static void keep(const struct gw_buf *text, char out[PRES_TEXT_MAX])
{
    memcpy(out, text->p ? text->p : "", text->len + (text->p != NULL));
}

/* With times if they are known. */
static void common_text(const struct telling *t, unsigned char text, struct gw_buf *out)
{
    struct gw_str timed = bridge_voice_text(t->voice, (enum bridge_text)(text + 1));

    if (!timed.len || !bridge_pattern_fill(timed, t->value, out))
        (void)bridge_pattern_fill(bridge_voice_text(t->voice, (enum bridge_text)text), t->value,
                                  out);
}

static void full_text(const struct telling *t, const struct bridge_look *look, struct gw_str reply,
                      struct gw_buf *out)
{
    const struct bridge_show *show = look->show;

    if (!show->words || !bridge_pattern_fill(gw_str_of(show->words), t->value, out))
        common_text(t, show->text, out);
    if (look->source != BRIDGE_AUTO_REPLY || !reply.len)
        return;
    if (out->len)
        gw_buf_add_cstr(out, ": ");
    gw_buf_add_str(out, gw_str_utf8_cut(reply, out->max - out->len));
}

static bool is_taken(enum pres_calendar_kind kind)
{
    return !is_free(kind) && kind != PRES_CAL_ELSEWHERE;
}

static void texts_tell(const struct telling *t, const struct bridge_calendar *cal,
                       const struct bridge_look *look, struct pres_calendar *out)
{
    struct gw_buf text;

    for (int level = 0; level < PRES_WORDS_COUNT; level++) {
        gw_buf_init(&text, PRES_TEXT_MAX - 1);
        switch ((enum pres_words)level) {
        case PRES_WORDS_BUSY:
            if (is_taken(look->kind))
                gw_buf_add_str(&text, bridge_voice_text(t->voice, BRIDGE_TEXT_BUSY));
            break;
        case PRES_WORDS_TIMES:
            common_text(t, look->show->text, &text);
            break;
        case PRES_WORDS_OWN:
            full_text(t, look, cal->reply_own, &text);
            break;
        case PRES_WORDS_FEDERATED:
            full_text(t, look, cal->reply_federated, &text);
            break;
        case PRES_WORDS_COUNT:
            break;
        }
        keep(&text, out->text[level]);
        gw_buf_done(&text);
    }
}

void bridge_tell(const struct bridge_calendar *calendar, const struct bridge_policy *policy,
                 const struct bridge_voice *voice, const struct bridge_look *look,
                 struct pres_calendar *out)
{
    struct telling t;

    *out = (struct pres_calendar){ .kind = look->kind,
                                   .since = look->since,
                                   .until = look->until,
                                   .item_since = look->item_since,
                                   .item_until = look->item_until,
                                   .ahead_count = look->ahead_count };
    memcpy(out->ahead, look->ahead, sizeof(out->ahead));
    if (look->source == BRIDGE_NOTHING)
        return;
    telling_init(&t, calendar, policy, voice, look);
    texts_tell(&t, calendar, look, out);
    telling_done(&t);
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
    case BRIDGE_OUTSIDE:
        return "outside-working-hours";
    case BRIDGE_AUTO_REPLY:
        return "automatic-reply";
    }
    return "nothing-known";
}

/* Random calendars, edits, faults and changes of what is set, on virtual time, against brute force.
 *
 * Always: what is shown follows from what is known, as it is now or was at a moment less than the
 * spread and a second ago; no request goes out inside a back-off window. When all was quiet for the
 * detection bound: one subscription each; from then on an edit is known within three seconds, a reply
 * setting within its poll, and what is shown follows from what is true. Some users have further calendars, of
 * which a rule looks at one.
 *
 * A life is a sched of its own that begins shortly before a change of daylight saving somewhere; life n
 * of seed s is life 0 of seed s + n.
 *
 *   KALENDS_ORACLE_SEED=N KALENDS_ORACLE_CHECKS=N test_scheduler_oracle    for a longer run */
#include "sched_sim.h"
#include "sched_truth.h"

enum {
    USERS = 24,
    SERIES = 3,
    DEFAULT_CHECKS = 10000000,
    ROUNDS = 2, /* of a life */
    CHAOS_S = 50 * 60,
    /* Silence is noticed after 10 min, a retry may wait 10 min more, a refused account 15. */
    SETTLE_S = 35 * 60,
    CALM_S = 40 * 60,
    CROSS_CHECK_MIN = 20,
    SPREAD_S = 7,
    SPREAD_MAX_S = 59,
    EDIT_BOUND_MS = 3000,
    POLL_BOUND_MS = 5 * GW_MINUTE_MS + 5000,
    FAILURES_SHOWN = 10,
    OWNERS = 4, /* every so-many-th user has further calendars */
    OPEN = 0,   /* the one that a rule looks at */
    CLOSED = 1
};

struct oracle {
    struct sim *m;
    struct truth_series series[USERS][SERIES];
    gw_time edited[USERS], replied[USERS]; /* last changed so */
    gw_time behind[USERS];                 /* since when the reply setting is not known; 0: it is */
    bool looks[USERS];                     /* the rule is for him */
    gw_time pardoned;                      /* until then what is shown may be late */
    bool drained[SIM_GATEWAYS];
    unsigned faults;
    enum sched_mode source; /* what an administrator has set while all is quiet */
};

/* ---- what is true ---- */

static size_t recurring(const void *ctx, unsigned user, gw_utc from, gw_utc to,
                        struct gw_interval *out)
{
    const struct oracle *o = ctx;
    size_t n = 0;

    for (int i = 0; i < SERIES; i++)
        n += truth_occurrences(&o->series[user][i], from, to, out + n, SIM_RECURRING - n);
    assert_true(n < SIM_RECURRING);
    return n;
}

enum { TRUTHS = SIM_ITEMS + SIM_RECURRING + SIM_FURTHER_ITEMS };

static size_t truth(const struct oracle *o, unsigned user, gw_utc from, gw_utc to,
                    struct gw_interval out[TRUTHS])
{
    const struct sim_user *u = &o->m->user[user];
    size_t n = recurring(o, user, from, to, out);

    for (size_t i = 0; i < u->count; i++) {
        if (sim_overlaps(&u->item[i], from, to))
            out[n++] = u->item[i];
    }
    for (size_t i = 0; o->looks[user] && i < u->further[OPEN].count; i++)
        if (sim_overlaps(&u->further[OPEN].item[i], from, to))
            out[n++] = u->further[OPEN].item[i];
    return gw_intervals_normalise(out, n);
}

static bool same_items(const struct gw_interval *a, size_t a_count, const struct gw_interval *b,
                       size_t b_count)
{
    if (a_count != b_count)
        return false;
    for (size_t i = 0; i < a_count; i++) {
        if (a[i].start != b[i].start || a[i].end != b[i].end || a[i].busy != b[i].busy)
            return false;
    }
    return true;
}

static bool knows_calendar(const struct oracle *o, unsigned i, const struct sched_calendar *c)
{
    struct gw_interval v[TRUTHS];
    size_t n = truth(o, i, c->from, c->to, v);

    return c->from <= o->m->now.utc && o->m->now.utc < c->to &&
           same_items(v, n, c->intervals, c->count);
}

static bool knows_replies(const struct sim_user *u, const struct sched_calendar *c)
{
    return c->oof_known && c->oof.state == u->oof.state &&
           (u->oof.state != GW_OOF_SCHEDULED ||
            (c->oof.start == u->oof.start && c->oof.end == u->oof.end));
}

/* ---- checks ---- */

static void explain(struct sim *m, unsigned i, const char *what)
{
    struct sched_user_view v = sim_view(m, i);
    char now[GW_UTC_TEXT_MAX];

    if (m->check_failures++ >= FAILURES_SHOWN)
        return;
    print_message(
        "%s: user %u at %s shows %s, gateway %.*s, %s by %s, error %s, next %s in %" PRId64
        " ms, due in %" PRId64 " ms, replies %d, read %" PRId64 " ms ago\n",
        what, i, gw_utc_text(m->now.utc, now), pres_calendar_kind_name(m->user[i].shown.kind),
        GW_STR_ARG(v.gateway), sched_sub_state_name(v.sub_state), sched_mode_name(v.mode),
        v.error ? v.error : "none", v.next_action ? v.next_action : "nothing",
        v.next_action_at - m->now.utc, v.next_due - m->now.utc, v.calendar.oof.state,
        m->now.utc - v.read_at);
    for (size_t k = 0; k < v.calendar.count; k++)
        print_message("    known: %s from %" PRId64 " to %" PRId64 " ms from now\n",
                      gw_busy_name((enum gw_busy)v.calendar.intervals[k].busy),
                      v.calendar.intervals[k].start - m->now.utc,
                      v.calendar.intervals[k].end - m->now.utc);
}

/* All boundaries are at whole minutes: that is where it may have become another one. */
static bool follows(enum pres_calendar_kind shown, const struct gw_interval *v, size_t count,
                    const struct gw_oof *oof, gw_utc now, int64_t late_ms)
{
    for (gw_utc t = now; t >= now - late_ms;
         t -= t % GW_MINUTE_MS ? t % GW_MINUTE_MS : GW_MINUTE_MS) {
        if (truth_kind(v, count, oof, t) == shown)
            return true;
    }
    return truth_kind(v, count, oof, now - late_ms) == shown;
}

static int64_t late_ms(const struct oracle *o)
{
    return o->m->settings.spread_s * GW_SECOND_MS + GW_SECOND_MS;
}

static void check_shown(struct oracle *o, unsigned i, const struct sched_calendar *c)
{
    struct sim *m = o->m;
    enum pres_calendar_kind shown = m->user[i].shown.kind;

    m->checks++;
    if (m->now.mono < o->pardoned)
        return;
    if (c->from == c->to || m->now.utc < c->from || m->now.utc >= c->to) {
        if (shown != PRES_CAL_NONE && shown != PRES_CAL_OOF && m->now.utc >= c->to + late_ms(o))
            explain(m, i, "shown is more than is known");
        return;
    }
    if (shown == PRES_CAL_NONE ? m->now.utc >= c->from + late_ms(o)
                               : !follows(shown, c->intervals, c->count,
                                          c->oof_known ? &c->oof : NULL, m->now.utc, late_ms(o)))
        explain(m, i, "shown is not what is known");
}

static void check_true(struct oracle *o, unsigned i)
{
    struct sim *m = o->m;
    struct gw_interval v[TRUTHS];
    gw_utc from = m->now.utc - 5 * GW_MINUTE_MS;
    size_t n;

    if (m->now.mono < o->pardoned || m->now.mono < o->edited[i] + EDIT_BOUND_MS + late_ms(o) ||
        m->now.mono < o->replied[i] + POLL_BOUND_MS + late_ms(o))
        return;
    m->checks++;
    n = truth(o, i, from, m->now.utc + 1, v);
    if (!follows(m->user[i].shown.kind, v, n, &m->user[i].oof, m->now.utc, late_ms(o)))
        explain(m, i, "shown is not what is true");
}

static void bound(struct oracle *o, unsigned i, bool holds, gw_time *since, int64_t limit_ms,
                  int64_t *longest, const char *what)
{
    struct sim *m = o->m;

    m->checks++;
    if (holds) {
        *since = 0;
        return;
    }
    if (!*since)
        *since = m->now.mono;
    if (m->now.mono - *since > *longest)
        *longest = m->now.mono - *since;
    if (m->now.mono - *since > limit_ms) {
        explain(m, i, what);
        *since = 0;
    }
}

static void check(struct oracle *o, bool calm)
{
    struct sim *m = o->m;

    for (size_t i = 0; i < m->gateways; i++) {
        if (m->gateway[i].early) {
            print_message("%u requests inside a back-off window of %s\n", m->gateway[i].early,
                          m->gateway[i].name);
            m->check_failures++;
            m->gateway[i].early = 0;
        }
    }
    for (unsigned i = 0; i < USERS; i++) {
        struct sim_user *u = &m->user[i];
        struct sched_calendar c;

        if (!sched_user_calendar(m->sched, gw_str_of(u->name), &c))
            continue;
        check_shown(o, i, &c);
        if (!calm)
            continue;
        bound(o, i, knows_calendar(o, i, &c), &u->behind_since, EDIT_BOUND_MS, &m->longest_wrong,
              "calendar is not known");
        bound(o, i, knows_replies(u, &c), &o->behind[i], POLL_BOUND_MS, &m->longest_behind,
              "replies are not known");
        check_true(o, i);
    }
}

/* ---- what people do ---- */

static const enum gw_busy kinds[] = { GW_BUSY_FREE,      GW_BUSY_TENTATIVE, GW_BUSY_BUSY,
                                      GW_BUSY_ELSEWHERE, GW_BUSY_BUSY,      GW_BUSY_OOF };

static gw_utc some_minute(struct sim *m)
{
    gw_utc t = m->now.utc - m->now.utc % GW_MINUTE_MS;

    return t + ((int)sim_below(m, 60) - 15) * (gw_utc)GW_MINUTE_MS;
}

static void plan_series(struct oracle *o, unsigned user, struct truth_series *s)
{
    struct sim *m = o->m;

    *s = (struct truth_series){ .zone = (unsigned char)sim_below(m, TRUTH_ZONES),
                                .busy = (unsigned char)kinds[sim_below(m, 6)],
                                .weekdays = (unsigned char)sim_below(m, 128),
                                .all_day = sim_below(m, 4) == 0,
                                .start_min = 15 * (int)sim_below(m, 96),
                                .length_min = 15 + 15 * (int)sim_below(m, 10) };
    sim_touch(m, user);
}

static void edit_items(struct sim *m, unsigned i)
{
    struct sim_user *u = &m->user[i];
    gw_utc start = some_minute(m);

    if (u->count > SIM_ITEMS - 4 || (u->count && sim_below(m, 3) == 0)) {
        u->item[sim_below(m, (unsigned)u->count)] = u->item[u->count - 1]; /* deleted */
        u->count--;
        sim_touch(m, i);
    } else if (u->count && sim_below(m, 4) == 0) {
        struct gw_interval *v = &u->item[sim_below(m, (unsigned)u->count)]; /* moved */

        v->start += 10 * GW_MINUTE_MS;
        v->end += (1 + sim_below(m, 20)) * (gw_utc)GW_MINUTE_MS;
        v->end = v->end > v->start ? v->end : v->start + GW_MINUTE_MS;
        sim_touch(m, i);
    } else {
        sim_add(m, i, start, start + (1 + sim_below(m, 45)) * (gw_utc)GW_MINUTE_MS,
                kinds[sim_below(m, 6)]);
    }
    if (sim_below(m, 4) == 0) /* back to back */
        sim_add(m, i, u->item[u->count ? u->count - 1 : 0].end, start + GW_HOUR_MS, GW_BUSY_BUSY);
}

static void edit_further(struct sim *m, unsigned i)
{
    unsigned which = sim_below(m, 3) ? OPEN : CLOSED;
    struct sim_further *f = &m->user[i].further[which];
    gw_utc start = some_minute(m);

    if (f->count == SIM_FURTHER_ITEMS)
        f->count = 1;
    sim_further_add(m, i, which, start, start + (1 + sim_below(m, 45)) * (gw_utc)GW_MINUTE_MS);
}

/* What was known until now is late from now on: the last look was up to a second ago. */
static void edit(struct oracle *o)
{
    struct sim *m = o->m;
    unsigned i = sim_below(m, USERS);
    struct sched_calendar c;
    bool is_there = sched_user_calendar(m->sched, gw_str_of(m->user[i].name), &c);

    o->edited[i] = m->now.mono;
    if (!m->user[i].behind_since || (is_there && knows_calendar(o, i, &c)))
        m->user[i].behind_since = m->now.mono;
    if (sim_below(m, 8) == 0)
        plan_series(o, i, &o->series[i][sim_below(m, SERIES)]);
    else if (i % OWNERS == 0 && sim_below(m, 2))
        edit_further(m, i);
    else
        edit_items(m, i);
    if (sim_below(m, 12) == 0) {
        struct gw_oof *oof = &m->user[i].oof;

        oof->state = (enum gw_oof_state)sim_below(m, 3);
        oof->start = some_minute(m);
        oof->end = oof->start + (1 + sim_below(m, 30)) * (gw_utc)GW_MINUTE_MS;
        o->replied[i] = m->now.mono;
        o->behind[i] = 0; /* what was set before can no longer be known */
    }
}

/* What the scheduler is to look at. */
static void rule_tell(const struct oracle *o, unsigned i)
{
    unsigned fields = o->looks[i] ? GW_ITEM_EXACT | GW_ITEM_CALENDAR : 0;

    sched_user_want(o->m->sched, sim_name(o->m, i), fields, fields ? 1 : 0, o->m->now);
}

static void rule_turn(struct oracle *o)
{
    unsigned i = sim_below(o->m, USERS / OWNERS) * OWNERS;

    o->looks[i] = !o->looks[i];
    o->edited[i] = o->m->now.mono;
    rule_tell(o, i);
}

/* ---- what goes wrong ---- */

/* From here the spread counts anew. */
static void pardon(struct oracle *o, int64_t ms)
{
    if (o->m->now.mono + ms > o->pardoned)
        o->pardoned = o->m->now.mono + ms;
}

static void gateway_fault(struct oracle *o, struct sim_gateway *g)
{
    static const enum ews_class class[] = {
        EWS_TRANSIENT,  EWS_ELSEWHERE,         EWS_SERVER_DOWN,
        EWS_BAD_ANSWER, EWS_SUBSCRIPTION_GONE, EWS_CREDENTIALS
    };
    struct sim *m = o->m;
    struct ews_status *refusal;
    enum ews_class c;

    switch (sim_below(m, 9)) {
    case 0:
        g->up = !g->up;
        break;
    case 1:
        g->silent = !g->silent;
        break;
    case 2:
        g->cannot_post = !g->cannot_post;
        break;
    case 3:
        sim_forget_subs(m, g);
        break;
    case 4:
        g->throttled_until = m->now.mono + 1000 + sim_below(m, 300000);
        g->throttle_ms = sim_below(m, 2);
        g->told = false;
        break;
    case 5:
        c = class[sim_below(m, 6)];
        refusal = &g->refuse[sim_below(m, EWS_OP_COUNT)];
        *refusal = sim_status(c, ews_class_name(c), c < EWS_CREDENTIALS);
        refusal->backoff_ms = sim_below(m, 4) ? 0 : 1 + sim_below(m, 60000); /* Retry-After */
        break;
    case 6:
        g->streams_are_held = !g->streams_are_held;
        break;
    case 7:
        g->no_streaming = !g->no_streaming;
        break;
    default:
        g->latency_ms = 5 + sim_below(m, 2500);
        g->most = sim_below(m, 5);
        break;
    }
}

static void notification_fault(struct sim *m)
{
    switch (sim_below(m, 5)) {
    case 0:
        m->lose_posts = !m->lose_posts;
        break;
    case 1:
        m->lose_subscribe_answers = !m->lose_subscribe_answers;
        break;
    case 2:
        m->drop_one_in = sim_below(m, 4);
        break;
    case 3:
        m->double_one_in = sim_below(m, 4);
        break;
    default:
        m->late_one_in = sim_below(m, 4);
        break;
    }
}

static void drain(struct oracle *o, unsigned gateway, bool drained)
{
    o->drained[gateway] = drained;
    sched_gateway_drain(o->m->sched, gw_str_of(o->m->gateway[gateway].name), drained, o->m->now);
}

/* Taken away and put again: what it has said is forgotten with it. */
static void gateway_change(struct oracle *o)
{
    struct sim *m = o->m;
    unsigned i = sim_below(m, (unsigned)m->gateways);
    struct gw_str name = gw_str_of(m->gateway[i].name);

    switch (sim_below(m, 4)) {
    case 0:
        drain(o, i, !o->drained[i]);
        break;
    case 1:
        m->gateway[i].told = false;
        m->gateway[i].quiet_until = 0;
        sched_gateway_remove(m->sched, name, m->now);
        sched_gateway_put(m->sched, name, m->now);
        drain(o, i, o->drained[i]);
        break;
    case 2:
        m->gateway[i].told = false;
        m->gateway[i].quiet_until = 0;
        sched_gateway_replaced(m->sched, name, m->now);
        sched_gateway_put(m->sched, name, m->now);
        break;
    default:
        sched_gateway_put(m->sched, name, m->now);
        break;
    }
}

static void settings_change(struct oracle *o)
{
    static const unsigned char spread[] = { 0, SPREAD_S, 30, SPREAD_MAX_S };
    struct sim *m = o->m;
    struct sched_settings *s = &m->settings;

    switch (sim_below(m, 5)) {
    case 0: /* a moment that was set by the old one stays */
        s->spread_s = spread[sim_below(m, 4)];
        pardon(o, SPREAD_MAX_S * 1000 + 2000);
        break;
    case 1:
        s->status_frequency_min = 1 + sim_below(m, 10);
        break;
    case 2:
        s->exchange_threads = 1 + sim_below(m, 8);
        s->exchange_queue = 1 + sim_below(m, 30);
        break;
    case 3:
        s->source = (int)sim_below(m, SCHED_MODES);
        break;
    default:
        snprintf(m->url, sizeof(m->url), "http://gw.example:%u/ews/notify/",
                 50020 + sim_below(m, 3));
        sched_notify_url_set(m->sched, gw_str_of(m->url), m->now);
        break;
    }
    sched_settings_set(m->sched, s, m->now);
}

static void user_change(struct oracle *o)
{
    struct sim *m = o->m;
    unsigned i = sim_below(m, USERS);
    struct gw_list *it, *tmp;

    if (sim_below(m, 2)) { /* off and on again */
        sched_user_remove(m->sched, sim_name(m, i));
        sim_enable(m, i);
        rule_tell(o, i);
        m->user[i].published = false;
        m->user[i].shown = (struct pres_calendar){ 0 };
        return;
    }
    /* The mailbox moves: its subscriptions are lost, and some servers do not serve it. */
    m->user[i].not_at = 1u << sim_below(m, (unsigned)m->gateways);
    GW_LIST_EACH(&m->subs, it, tmp)
    {
        struct sim_sub *sub = GW_CONTAINER(it, struct sim_sub, link);

        if (sub->user == i)
            sim_sub_free(sub);
    }
}

/* Of who has further calendars: the rule comes or goes, or one cannot be read, or is not there. */
static void calendar_fault(struct oracle *o)
{
    struct sim *m = o->m;
    unsigned i = sim_below(m, USERS / OWNERS) * OWNERS;
    struct sim_further *f = &m->user[i].further[sim_below(m, 2)];

    switch (sim_below(m, 4)) {
    case 0:
        rule_turn(o);
        break;
    case 1:
        f->refused = !f->refused;
        break;
    case 2:
        f->failing = !f->failing;
        break;
    default:
        if (f == &m->user[i].further[OPEN])
            sim_further_name(m, i, OPEN, f->name ? NULL : "Team");
        break;
    }
}

static void calendars_mend(struct sim *m)
{
    for (unsigned i = 0; i < USERS; i += OWNERS) {
        m->user[i].further[OPEN].refused = m->user[i].further[OPEN].failing = false;
        m->user[i].further[CLOSED].refused = m->user[i].further[CLOSED].failing = false;
        if (!m->user[i].further[OPEN].name)
            sim_further_name(m, i, OPEN, "Team");
    }
}

static void restart(struct oracle *o)
{
    struct sim *m = o->m;

    sim_kill(m);
    sim_run(m, sim_below(m, 4) ? (int64_t)sim_below(m, 20000) : (int64_t)sim_below(m, 900000));
    sim_start_again(m);
    for (unsigned i = 0; i < USERS; i++)
        rule_tell(o, i);
    for (unsigned i = 0; i < m->gateways; i++) {
        m->gateway[i].told = false;
        drain(o, i, o->drained[i]);
    }
    sim_run(m, 0);
    pardon(o, late_ms(o));
}

static void fault(struct oracle *o)
{
    struct sim *m = o->m;

    o->faults++;
    switch (sim_below(m, 13)) {
    case 0:
    case 1:
        notification_fault(m);
        break;
    case 2:
        restart(o);
        break;
    case 3: /* the clock is set, forward or back; it is noticed within a second */
        m->now.utc += ((int64_t)sim_below(m, 120) - 60) * GW_MINUTE_MS;
        pardon(o, late_ms(o) + GW_SECOND_MS);
        break;
    case 4:
        gateway_change(o);
        break;
    case 5:
        user_change(o);
        break;
    case 6:
        settings_change(o);
        break;
    case 7:
        calendar_fault(o);
        break;
    default:
        gateway_fault(o, &m->gateway[sim_below(m, (unsigned)m->gateways)]);
        break;
    }
}

/* All is well; what is told twice is no fault. */
static void quiet(struct oracle *o)
{
    struct sim *m = o->m;

    m->lose_posts = m->lose_subscribe_answers = false;
    m->drop_one_in = m->late_one_in = 0;
    m->settings.exchange_threads = 60;
    m->settings.exchange_queue = 2200;
    m->settings.status_frequency_min = 5;
    m->settings.source = (int)o->source;
    sched_settings_set(m->sched, &m->settings, m->now);
    for (unsigned i = 0; i < m->gateways; i++) {
        struct sim_gateway *g = &m->gateway[i];

        g->up = true;
        g->silent = g->cannot_post = g->streams_are_held = g->no_streaming = false;
        g->throttled_until = 0;
        g->most = 0;
        g->latency_ms = 20 + sim_below(m, 200);
        memset(g->refuse, 0, sizeof(g->refuse));
        drain(o, i, false);
    }
    calendars_mend(m);
}

/* ---- a life ---- */

enum phase { CHAOS, SETTLING, CALM };

/* Nobody edits while all settles: a new change would bring to light one that was lost. */
static void live(struct oracle *o, unsigned seconds, enum phase phase)
{
    struct sim *m = o->m;

    for (unsigned i = 0; i < USERS; i++)
        m->user[i].behind_since = o->behind[i] = 0;
    for (unsigned t = 0; t < seconds && !m->check_failures; t++) {
        if (phase != SETTLING && sim_below(m, 12) == 0)
            edit(o);
        if (phase == CHAOS && sim_below(m, 40) == 0)
            fault(o);
        sim_run(m, 1000);
        check(o, phase == CALM);
    }
}

static void check_settled(struct oracle *o)
{
    struct sim *m = o->m;

    assert_int_equal(sim_gateways_sum(m).subscribed, sim_counters(m).subscribed);
    for (unsigned i = 0; i < USERS && !m->check_failures; i++) {
        struct sched_user_view v = sim_view(m, i);

        m->checks += 2;
        if (v.sub_state != SCHED_SUB_LIVE || sim_subs_of(m, i) != 1 || v.mode == SCHED_MODE_POLL)
            explain(m, i, "not one subscription");
        else if (!knows_calendar(o, i, &v.calendar) || !knows_replies(&m->user[i], &v.calendar))
            explain(m, i, "not all is known after the detection bound");
    }
}

static void round_of_faults(struct oracle *o)
{
    live(o, CHAOS_S, CHAOS);
    quiet(o);
    live(o, SETTLE_S, SETTLING);
    check_settled(o);
    live(o, CALM_S, CALM);
}

static gw_utc some_beginning(struct sim *m)
{
    const struct truth_zone *z = &truth_zones[sim_below(m, TRUTH_ZONES - 1)]; /* it has changes */
    gw_utc t = z->change[sim_below(m, 2)].at - sim_below(m, 4 * 60) * (gw_utc)GW_MINUTE_MS;

    return t + sim_below(m, 60000);
}

static void life_begin(struct oracle *o, uint64_t seed)
{
    struct sim *m = sim_new(3, USERS);

    memset(o, 0, sizeof(*o));
    o->m = m;
    m->random = (seed * 0x9e3779b97f4a7c15u) | 1;
    for (int i = 0; i < 8; i++)
        (void)sim_random(m);
    sched_free(&m->sched);
    m->now.utc = some_beginning(m);
    o->source = sim_below(m, 3) ? SCHED_MODE_PUSH : SCHED_MODE_STREAMING;
    m->settings.source = (int)o->source;
    m->settings.spread_s = SPREAD_S;
    m->settings.status_frequency_min = 5;
    m->settings.oof_poll_min = 5;
    m->settings.cross_check_min = CROSS_CHECK_MIN;
    m->recurring = recurring;
    m->recurring_ctx = o;
    sim_sched_new(m);
    for (unsigned i = 0; i < USERS; i++) {
        plan_series(o, i, &o->series[i][0]);
        if (i % 2)
            plan_series(o, i, &o->series[i][1]);
    }
    sim_enable_all(m);
    m->tag = 7;
    for (unsigned i = 0; i < USERS; i += OWNERS) {
        m->user[i].further[OPEN].name = "Team";
        m->user[i].further[CLOSED].name = "Private";
        o->looks[i] = true;
        rule_tell(o, i);
    }
}

static int64_t from_environment(const char *name, int64_t otherwise)
{
    const char *text = getenv(name);
    int64_t n;

    if (!text || !gw_str_to_int(gw_str_of(text), 1, INT64_MAX, &n))
        return otherwise;
    return n;
}

static void test_random_faults_against_brute_force(void **state)
{
    int64_t seed = from_environment("KALENDS_ORACLE_SEED", 1), first = seed;
    uint64_t wanted = (uint64_t)from_environment("KALENDS_ORACLE_CHECKS", DEFAULT_CHECKS);
    uint64_t checks = 0, faults = 0, posts = 0;
    int64_t longest_edit = 0, longest_reply = 0;
    unsigned wrong = 0;

    (void)state;
    for (; checks < wanted && !wrong; seed++) {
        struct oracle o;

        life_begin(&o, (uint64_t)seed);
        for (int i = 0; i < ROUNDS && !o.m->check_failures; i++)
            round_of_faults(&o);
        checks += o.m->checks;
        faults += o.faults;
        posts += o.m->posts;
        wrong += o.m->check_failures;
        longest_edit = o.m->longest_wrong > longest_edit ? o.m->longest_wrong : longest_edit;
        longest_reply = o.m->longest_behind > longest_reply ? o.m->longest_behind : longest_reply;
        sim_free(&o.m);
    }
    print_message("seeds %" PRId64 " to %" PRId64 ": %" PRIu64 " checks, %" PRIu64
                  " faults, %" PRIu64
                  " notifications: %u wrong; after the detection bound an edit was "
                  "known after %" PRId64 " ms at most, a reply setting after %" PRId64 " ms\n",
                  first, seed - 1, checks, faults, posts, wrong, longest_edit, longest_reply);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_faults_against_brute_force),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The scheduler over an Exchange on virtual time, and an owner of it that publishes what the bridge says.
 * It can be killed, and started again from what it has saved. */
#ifndef SCHED_SIM_H
#define SCHED_SIM_H

#include "sched_record.h"
#include "sched_sim_exchange.h"

#define MIN  ((int64_t)GW_MINUTE_MS)
#define HOUR ((int64_t)GW_HOUR_MS)
#define DAY  ((int64_t)GW_DAY_MS)

/* ---- the owner ---- */

/* Words without times, so that what is shown changes with its kind alone. */
static inline struct bridge_voice *sim_voice_new(struct bridge_texts **texts)
{
    *texts = bridge_texts_new();
    for (int i = BRIDGE_TEXT_FREE_TIMED; i < BRIDGE_TEXTS; i += 2)
        if (i != BRIDGE_TEXT_OOF_TIMED)
            (void)bridge_texts_set(*texts, GW_STR("en"), (enum bridge_text)i,
                                   &(struct gw_str){ "", 0 }, NULL);
    return bridge_voice_new(*texts, GW_STR("en"), GW_STR("Etc/UTC"));
}

static inline void sim_publish(struct sim *m, unsigned user)
{
    struct sim_user *u = &m->user[user];
    struct gw_interval outside[GW_OUTSIDE_MAX];
    struct sched_calendar c;
    struct bridge_calendar in;
    struct bridge_look look;
    struct pres_calendar p;

    if (!sched_user_calendar(m->sched, gw_str_of(u->name), &c))
        return;
    in = (struct bridge_calendar){ .intervals = c.intervals,
                                   .count = c.count,
                                   .from = c.from,
                                   .to = c.to,
                                   .oof = c.oof_known ? &c.oof : NULL };
    if (c.hours && bridge_policy_has_hours(m->policy)) {
        in.outside = outside;
        in.outside_count = gw_hours_outside(c.hours, c.from, c.to, outside);
    }
    bridge_look(&in, m->policy, m->now.utc, &look);
    if (u->published && bridge_look_mark(&in, &look) == u->shown_mark)
        return;
    u->shown_mark = bridge_look_mark(&in, &look);
    bridge_tell(&in, m->policy, m->voice, &look, &p);
    if (u->published && p.kind == u->shown.kind &&
        strcmp(p.text[PRES_WORDS_OWN], u->shown.text[PRES_WORDS_OWN]) == 0)
        return;
    u->published = true;
    u->shown = p;
    u->shown_at = m->now.utc;
    u->shows++;
}

static inline void sim_on_changed(struct gw_str user, void *ctx)
{
    struct sim *m = ctx;
    int i = sim_user_of(m, user);

    assert_true(i >= 0);
    m->user[i].changed++;
    sim_publish(m, (unsigned)i);
}

static inline void sim_on_due(struct gw_str user, void *ctx)
{
    struct sim *m = ctx;
    int i = sim_user_of(m, user);

    assert_true(i >= 0);
    m->user[i].due++;
    sim_publish(m, (unsigned)i);
}

static inline void sim_record_free(struct sim_record *r)
{
    gw_list_remove(&r->link);
    free(r->key);
    free(r->value);
    free(r);
}

static inline void sim_record_set(struct sim *m, struct gw_str key, struct gw_str value)
{
    struct gw_list *it, *tmp;
    struct sim_record *r;

    GW_LIST_EACH(&m->records, it, tmp)
    {
        r = GW_CONTAINER(it, struct sim_record, link);
        if (gw_str_is(key, r->key))
            sim_record_free(r);
    }
    if (!value.p)
        return;
    r = gw_new(struct sim_record);
    r->key = gw_str_dup(key);
    r->value = gw_str_dup(value);
    gw_list_append(&m->records, &r->link);
}

static inline void sim_back_off_saved(struct sim *m, struct gw_str gateway, struct gw_str value)
{
    struct sim_gateway *g = sim_gateway_of(m, gateway);

    free(g->back_off);
    g->back_off = value.p ? gw_str_dup(value) : NULL;
}

static inline void sim_on_save(const char *kind, struct gw_str key, struct gw_str owner,
                               struct gw_str value, void *ctx)
{
    struct sim *m = ctx;
    int i = sim_user_of(m, key);
    char **record;

    if (strcmp(kind, SCHED_RECORD_BACK_OFF) == 0) {
        sim_back_off_saved(m, key, value);
        return;
    }
    if (strcmp(kind, SCHED_RECORD_FAREWELL) == 0) {
        assert_int_equal(owner.len, 0);
        sim_record_set(m, key, value);
        return;
    }
    assert_true(i >= 0 && gw_str_eq(key, owner));
    record = &m->user[i].record[strcmp(kind, SCHED_RECORD_CALENDAR) == 0];
    free(*record);
    *record = value.p ? gw_str_dup(value) : NULL;
}

static inline void sim_on_wake(void *ctx)
{
    ((struct sim *)ctx)->wakes++;
}

static inline void sim_on_astray(struct gw_str user, struct gw_str mailbox, void *ctx)
{
    struct sim *m = ctx;
    int i = sim_user_of(m, user);

    assert_true(i >= 0 && i == sim_user_of(m, mailbox));
    m->user[i].sought++;
}

/* ---- life ---- */

/* Rules look at calendars whose names begin with "T". */
static inline bool sim_looks_at(struct gw_str user, struct gw_str calendar, void *ctx)
{
    (void)user;
    (void)ctx;
    return gw_str_starts(calendar, "T");
}

static inline unsigned short sim_classify(struct gw_str user, const struct gw_item *item, void *ctx)
{
    struct sim *m = ctx;

    assert_true(m->user[sim_user_of(m, user)].fields_asked);
    assert_true(item->interval.start < item->interval.end);
    return !item->is_further || sim_looks_at(user, item->calendar, ctx) ? m->tag : 0;
}

static inline void sim_sched_new(struct sim *m)
{
    const struct sched_args args = { .exchange = { .start = sim_start,
                                                   .cancel = sim_cancel,
                                                   .stream =
                                                       m->without_streams ? NULL : sim_stream_start,
                                                   .ctx = m },
                                     .callbacks = { .changed = sim_on_changed,
                                                    .due = sim_on_due,
                                                    .save = sim_on_save,
                                                    .wake = sim_on_wake,
                                                    .astray = sim_on_astray,
                                                    .classify = sim_classify,
                                                    .looks_at = sim_looks_at,
                                                    .hours = m->on_hours,
                                                    .ctx = m },
                                     .settings = &m->settings,
                                     .notify_url = gw_str_of(m->url),
                                     .minute_ms = m->minute_ms };

    m->sched = sched_new(&args, m->now);
}

static inline struct sim *sim_new(size_t gateways, size_t users)
{
    struct sim *m = gw_new(struct sim);

    m->random = 0x9e3779b97f4a7c15u;
    m->now = (struct gw_now){ 1000000, SIM_EPOCH + 9 * (gw_utc)GW_HOUR_MS };
    m->minute_ms = GW_MINUTE_MS;
    m->gateways = gateways;
    m->users = users;
    m->user = gw_alloc((users ? users : 1) * sizeof(*m->user));
    gw_list_init(&m->calls);
    gw_list_init(&m->subs);
    gw_list_init(&m->streams);
    gw_list_init(&m->records);
    m->policy = bridge_policy_new();
    m->voice = sim_voice_new(&m->texts);
    sched_settings_default(&m->settings);
    m->settings.spread_s = 0;
    snprintf(m->url, sizeof(m->url), "http://gw.example:50020/ews/notify/");
    for (size_t i = 0; i < gateways; i++) {
        snprintf(m->gateway[i].name, sizeof(m->gateway[i].name), "cas%zu", i + 1);
        m->gateway[i].up = true;
        m->gateway[i].latency_ms = 40;
    }
    for (size_t i = 0; i < users; i++) {
        snprintf(m->user[i].name, sizeof(m->user[i].name), "user%zu@a.example", i);
        snprintf(m->user[i].mailbox, sizeof(m->user[i].mailbox), "m%zu@a.example", i);
    }
    sim_sched_new(m);
    return m;
}

static inline void sim_enable(struct sim *m, unsigned user)
{
    m->user[user].enabled = true;
    sched_user_put(m->sched, sim_name(m, user), gw_str_of(m->user[user].mailbox), m->now);
}

static inline void sim_enable_all(struct sim *m)
{
    for (size_t i = 0; i < m->gateways; i++)
        sched_gateway_put(m->sched, gw_str_of(m->gateway[i].name), m->now);
    for (unsigned i = 0; i < m->users; i++)
        sim_enable(m, i);
}

static inline gw_time sim_next(const struct sim *m, gw_time until)
{
    gw_time at = m->sched && sched_deadline(m->sched) < until ? sched_deadline(m->sched) : until;
    const struct gw_list *it;

    for (it = m->calls.next; it != &m->calls; it = it->next) {
        if (((const struct sim_call *)it)->at < at)
            at = ((const struct sim_call *)it)->at;
    }
    for (it = m->streams.next; it != &m->streams; it = it->next) {
        const struct sim_stream *st = (const struct sim_stream *)it;

        at = st->speak_at < at ? st->speak_at : at;
        at = st->end_at < at ? st->end_at : at;
    }
    for (it = m->subs.next; it != &m->subs; it = it->next) {
        if (((const struct sim_sub *)it)->post_at < at)
            at = ((const struct sim_sub *)it)->post_at;
    }
    return at > m->now.mono ? at : m->now.mono;
}

static inline bool sim_answer_one(struct sim *m)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&m->calls, it, tmp)
    {
        struct sim_call *c = GW_CONTAINER(it, struct sim_call, link);

        if (c->at <= m->now.mono) {
            sim_answer(m, c);
            return true;
        }
    }
    return false;
}

static inline void sim_step(struct sim *m)
{
    struct gw_list *it, *tmp;

    while (sim_answer_one(m))
        ;
    while (sim_speak_one(m))
        ;
    GW_LIST_EACH(&m->subs, it, tmp)
    {
        struct sim_sub *sub = GW_CONTAINER(it, struct sim_sub, link);

        if (sub->post_at <= m->now.mono)
            sim_sub_due(m, sub);
    }
    for (int n = 0; m->sched && sched_deadline(m->sched) <= m->now.mono; n++) {
        assert_in_range(n, 0, 100000); /* else it spins */
        sched_tick(m->sched, m->now);
    }
}

static inline void sim_run(struct sim *m, int64_t ms)
{
    gw_time until = m->now.mono + ms;

    for (;;) {
        gw_time at = sim_next(m, until);

        m->now.utc += at - m->now.mono;
        m->now.mono = at;
        sim_step(m);
        if (at >= until)
            return;
    }
}

static inline void sim_run_to(struct sim *m, gw_utc t)
{
    assert_true(t >= m->now.utc);
    sim_run(m, t - m->now.utc);
}

/* The process dies; what was saved is there, Exchange goes on. */
static inline void sim_kill(struct sim *m)
{
    sched_free(&m->sched);
    assert_true(gw_list_is_empty(&m->calls));
    assert_true(gw_list_is_empty(&m->streams));
    assert_int_equal(m->in_flight, 0);
}

/* What the scheduler has no use for is deleted, as its owner does. */
static inline void sim_farewells_restore(struct sim *m)
{
    struct gw_list saved, *it;
    struct gw_err err;

    gw_list_init(&saved);
    while ((it = gw_list_pop(&m->records)))
        gw_list_append(&saved, it);
    while (!gw_list_is_empty(&saved)) {
        struct sim_record *r = GW_CONTAINER(saved.next, struct sim_record, link);
        enum gw_code rc = sched_restore(m->sched, SCHED_RECORD_FAREWELL, gw_str_of(r->key),
                                        gw_str_of(r->value), m->now, &err);

        assert_true(rc == GW_OK || rc == GW_NOTFOUND);
        sim_record_free(r);
    }
}

/* It ends when the clock on the wall says so, or the other one if that is later. */
static inline void sim_back_off_restore(struct sim *m, struct sim_gateway *g)
{
    struct sched_back_off_record r;
    struct gw_err err;
    enum gw_code rc;
    int64_t left, awake;

    if (!g->back_off)
        return;
    assert_int_equal(sched_back_off_record_parse(gw_str_of(g->back_off), &r, &err), GW_OK);
    left = r.until - (r.told > m->now.utc ? r.told : m->now.utc);
    awake = r.until - r.told - (m->now.mono - r.told_mono);
    if (r.told_mono <= m->now.mono && awake > left)
        left = awake;
    if (g->quiet_until > m->now.mono + left)
        g->quiet_until = m->now.mono + left;
    rc = sched_restore(m->sched, SCHED_RECORD_BACK_OFF, gw_str_of(g->name), gw_str_of(g->back_off),
                       m->now, &err);
    assert_int_equal(rc, left > 0 ? GW_OK : GW_NOTFOUND);
    if (rc)
        sim_back_off_saved(m, gw_str_of(g->name), (struct gw_str){ 0 });
}

static inline void sim_start_again(struct sim *m)
{
    static const char *const kind[] = { SCHED_RECORD_SUBSCRIPTION, SCHED_RECORD_CALENDAR };
    struct gw_err err;

    sim_sched_new(m);
    for (size_t i = 0; i < m->gateways; i++) {
        sched_gateway_put(m->sched, gw_str_of(m->gateway[i].name), m->now);
        sim_back_off_restore(m, &m->gateway[i]);
    }
    for (unsigned i = 0; i < m->users; i++) {
        if (!m->user[i].enabled)
            continue;
        m->user[i].published = false;
        sim_enable(m, i);
        if (m->early_want)
            m->early_want(m);
        for (unsigned n = 0; n < 2; n++) {
            unsigned k = (n + i) % 2; /* in either order */

            if (m->user[i].record[k])
                assert_int_equal(sched_restore(m->sched, kind[k], sim_name(m, i),
                                               gw_str_of(m->user[i].record[k]), m->now, &err),
                                 GW_OK);
        }
    }
    sim_farewells_restore(m);
}

static inline void sim_free(struct sim **mp)
{
    struct sim *m = *mp;

    *mp = NULL;
    sched_free(&m->sched);
    assert_true(gw_list_is_empty(&m->calls));
    while (!gw_list_is_empty(&m->subs))
        sim_sub_free(GW_CONTAINER(m->subs.next, struct sim_sub, link));
    while (!gw_list_is_empty(&m->records))
        sim_record_free(GW_CONTAINER(m->records.next, struct sim_record, link));
    for (size_t i = 0; i < m->gateways; i++)
        free(m->gateway[i].back_off);
    for (size_t i = 0; i < m->users; i++) {
        free(m->user[i].record[0]);
        free(m->user[i].record[1]);
    }
    free(m->user);
    bridge_voice_free(&m->voice);
    bridge_texts_free(&m->texts);
    bridge_policy_free(&m->policy);
    free(m);
}

/* ---- looking ---- */

static inline struct sched_user_view sim_view(const struct sim *m, unsigned user)
{
    struct sched_user_view v;

    assert_true(sched_user_view(m->sched, sim_name(m, user), m->now, &v));
    return v;
}

static inline struct sched_gateway_view sim_gateway_view(const struct sim *m, unsigned gateway)
{
    struct sched_gateway_view v;

    assert_true(sched_gateway_view(m->sched, gw_str_of(m->gateway[gateway].name), m->now, &v));
    return v;
}

static inline struct sched_counters sim_counters(const struct sim *m)
{
    struct sched_counters c;

    sched_counters(m->sched, &c);
    return c;
}

static inline void sim_gateway_add(const struct sched_gateway_view *v, void *ctx)
{
    struct sched_counters *sum = ctx;

    sum->users += v->users;
    sum->subscribed += v->subscribed;
    sum->stale += v->stale;
    sum->age_s.count += v->age_s.count;
    sum->notifications += v->notifications;
    sum->requests += v->requests;
    sum->failures += v->failures;
    sum->retries += v->retries;
    sum->push_backs += v->push_backs;
    sum->reads += v->reads;
    sum->due += v->due_late_ms->count;
}

/* What all gateways count, taken together. */
static inline struct sched_counters sim_gateways_sum(const struct sim *m)
{
    struct sched_counters sum = { 0 };

    sched_gateways_each(m->sched, m->now, sim_gateway_add, &sum);
    return sum;
}

static inline enum pres_calendar_kind sim_shown(const struct sim *m, unsigned user)
{
    return m->user[user].shown.kind;
}

/* Everybody from this one on has one subscription, and Exchange knows of no other. */
static inline void sim_assert_one_each_but(const struct sim *m, unsigned first)
{
    for (unsigned i = first; i < m->users; i++) {
        assert_int_equal(sim_view(m, i).sub_state, SCHED_SUB_LIVE);
        assert_int_equal(sim_subs_of(m, i), 1);
    }
}

static inline void sim_assert_one_each(const struct sim *m)
{
    sim_assert_one_each_but(m, 0);
}

#endif

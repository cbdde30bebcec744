/* The engine: users come and go, time passes, and what is due is done in its order. */
#include "sched_priv.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gw_bytes.h"
#include "gw_mem.h"

enum { SOUGHT_AGAIN_MIN = 50 /* what is retried every ten minutes comes to it within an hour */ };

gw_time sched_minutes(const struct sched *s, int64_t minutes)
{
    return minutes * s->minute_ms;
}

struct sched *sched_new(const struct sched_args *args, struct gw_now now)
{
    struct sched *s = gw_new(struct sched);

    assert(args->exchange.start && args->exchange.cancel);
    s->exchange = args->exchange;
    s->callbacks = args->callbacks;
    if (args->settings)
        s->settings = *args->settings;
    else
        sched_settings_default(&s->settings);
    s->minute_ms = args->minute_ms > 0 ? args->minute_ms : GW_MINUTE_MS;
    s->now = now;
    s->sleep_until = GW_NEVER;
    s->pool.balance_at = GW_NEVER;
    s->by_name = gw_map_new();
    s->subs.by_token = gw_map_new();
    s->subs.notify_url = gw_str_dup(args->notify_url);
    gw_list_init(&s->users);
    gw_list_init(&s->patterns);
    gw_list_init(&s->changed);
    gw_list_init(&s->astray);
    gw_list_init(&s->removed);
    gw_list_init(&s->pool.gateways);
    sched_farewells_init(&s->farewells.homeless);
    sched_clock_look(s);
    return s;
}

/* ---- time ---- */

void sched_want_tick(struct sched *s, gw_time at)
{
    if (s->ticking) {
        s->restless = s->restless || at <= s->now.mono;
        return;
    }
    if (at >= s->sleep_until)
        return;
    s->sleep_until = at;
    if (s->callbacks.wake)
        s->callbacks.wake(s->callbacks.ctx);
}

static gw_time sooner(gw_time a, gw_time b)
{
    return a < b ? a : b;
}

static gw_time first_mono(const struct gw_heap *h)
{
    const struct gw_due *first = gw_heap_first(h);

    return first ? first->at : GW_NEVER;
}

static gw_time first_utc(const struct sched *s, const struct gw_heap *h)
{
    const struct gw_due *first = gw_heap_first(h);

    return first ? sched_mono_of(s, first->at) : GW_NEVER;
}

static gw_time next_tick(const struct sched *s)
{
    gw_time at = GW_NEVER;

    if (s->restless || !gw_list_is_empty(&s->changed) || !gw_list_is_empty(&s->astray))
        return s->now.mono;
    if (!gw_list_is_empty(&s->users))
        at = sooner(gw_time_after(s->now.mono, SCHED_LOOK_MS), sched_balance_deadline(s));
    at = sooner(at, first_mono(&s->subs.silence));
    at = sooner(at, first_mono(&s->subs.streams));
    at = sooner(at, first_mono(&s->farewells.due));
    at = sooner(at, first_mono(&s->freshness));
    at = sooner(at, first_utc(s, &s->dues.moments));
    at = sooner(at, first_utc(s, &s->rolls));
    at = sooner(at, sched_pool_deadline(s));
    return sooner(at, sched_budget_deadline(s));
}

gw_time sched_deadline(const struct sched *s)
{
    return s->sleep_until;
}

void sched_changed(struct sched *s, struct sched_user *u)
{
    gw_list_remove(&u->changed);
    gw_list_append(&s->changed, &u->changed);
    sched_want_tick(s, s->now.mono);
}

void sched_astray(struct sched *s, struct sched_user *u)
{
    if (u->sought_at && s->now.mono - u->sought_at < sched_minutes(s, SOUGHT_AGAIN_MIN))
        return;
    u->sought_at = s->now.mono;
    gw_list_remove(&u->astray);
    gw_list_append(&s->astray, &u->astray);
    sched_want_tick(s, s->now.mono);
}

static void ask_where(struct sched *s)
{
    struct gw_list *first;

    for (int n = 0; n < SCHED_SLICE && (first = gw_list_pop(&s->astray)); n++) {
        struct sched_user *u = GW_CONTAINER(first, struct sched_user, astray);

        if (s->callbacks.astray)
            s->callbacks.astray(sched_user_name(u), gw_str_of(u->mailbox), s->callbacks.ctx);
    }
}

static void tell_changes(struct sched *s)
{
    for (int n = 0; n < SCHED_SLICE && !gw_list_is_empty(&s->changed); n++) {
        struct sched_user *u = GW_CONTAINER(s->changed.next, struct sched_user, changed);

        gw_list_remove(&u->changed);
        if (s->callbacks.changed)
            s->callbacks.changed(sched_user_name(u), s->callbacks.ctx);
    }
}

static void free_removed(struct sched *s);

void sched_tick(struct sched *s, struct gw_now now)
{
    assert(!s->ticking);
    s->now = now;
    s->restless = false;
    s->ticking = true;
    free_removed(s);
    sched_clock_look(s);
    sched_dues_tick(s);
    tell_changes(s);
    ask_where(s);
    sched_subs_tick(s);
    sched_streams_tick(s);
    sched_farewells_tick(s);
    sched_rolls_tick(s);
    sched_freshness_tick(s);
    sched_census_tick(s);
    sched_pool_tick(s);
    sched_balance_tick(s);
    sched_jobs_fire(s);
    sched_budget_line_up(s);
    sched_budget_run(s);
    s->ticking = false;
    s->sleep_until = next_tick(s);
}

/* ---- parameters ---- */

static void replan(struct sched *s, struct sched_job *job, gw_time at)
{
    if (job->state == SCHED_JOB_DELAYED && !job->tries)
        sched_job_delay(s, job, at, at);
}

/* What comes again and again comes at another interval now. */
static void turns_reset(struct sched *s)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&s->users, it, tmp)
    {
        struct sched_user *u = GW_CONTAINER(it, struct sched_user, link);

        replan(s, &u->job[SCHED_OOF], sched_oof_next(s, u));
        if (u->folders && !sched_folders_awaited(s, u))
            replan(s, &u->job[SCHED_FOLDERS], sched_folders_next(s, u));
        if (u->unread == GW_NEVER)
            replan(s, &u->job[SCHED_READ], sched_read_next(s, u));
    }
}

void sched_settings_set(struct sched *s, const struct sched_settings *settings, struct gw_now now)
{
    struct sched_settings old = s->settings;

    s->now = now;
    s->settings = *settings;
    if (old.spread_s != settings->spread_s)
        sched_dues_respread(s);
    if (old.oof_poll_min != settings->oof_poll_min ||
        old.cross_check_min != settings->cross_check_min || old.poll_min != settings->poll_min)
        turns_reset(s);
    if (old.source != settings->source)
        sched_modes_set(s);
    if (old.status_frequency_min != settings->status_frequency_min)
        sched_subs_frequency_set(s);
    sched_want_tick(s, now.mono);
}

/* ---- users ---- */

struct sched_user *sched_user_find(const struct sched *s, struct gw_str name)
{
    return gw_map_get(s->by_name, name);
}

static struct sched_user *user_new(struct sched *s, struct gw_str name, struct gw_str mailbox)
{
    struct sched_user *u = gw_alloc(sizeof(*u) + name.len + 1);

    if (name.len)
        memcpy(u->name, name.p, name.len);
    u->name_len = (uint32_t)name.len;
    u->mailbox = gw_str_eq(mailbox, name) ? u->name : gw_str_dup(mailbox);
    u->hash = (uint32_t)(gw_hash_stable(name) >> 32);
    for (int k = 0; k < SCHED_KINDS; k++)
        u->job[k].kind = (unsigned char)k;
    u->unread = GW_NEVER;
    sched_oof_init(u);
    gw_list_init(&u->member);
    gw_list_init(&u->sub.member);
    gw_list_init(&u->changed);
    gw_list_init(&u->astray);
    gw_list_append(&s->users, &u->link);
    (void)gw_map_set(s->by_name, sched_user_name(u), u);
    return u;
}

static void user_free(struct sched_user *u)
{
    sched_data_done(u);
    sched_folders_free(&u->folders);
    free(u->sub.id);
    free(u->sub.pending_id);
    free(u->error);
    if (u->mailbox != u->name)
        free(u->mailbox);
    free(u);
}

/* A callback may remove the user that it is called for: the memory goes later. */
static void free_removed(struct sched *s)
{
    while (!gw_list_is_empty(&s->removed)) {
        struct sched_user *u = GW_CONTAINER(s->removed.next, struct sched_user, link);

        gw_list_remove(&u->link);
        user_free(u);
    }
}

static void records_delete(struct sched *s, const struct sched_user *u)
{
    static const char *const kinds[] = { SCHED_RECORD_SUBSCRIPTION, SCHED_RECORD_CALENDAR };

    for (size_t i = 0; s->callbacks.save && i < sizeof(kinds) / sizeof(kinds[0]); i++)
        s->callbacks.save(kinds[i], sched_user_name(u), sched_user_name(u), (struct gw_str){ 0 },
                          s->callbacks.ctx);
}

static void user_leave(struct sched *s, struct sched_user *u)
{
    for (int k = 0; k < SCHED_KINDS; k++)
        sched_job_cancel(s, &u->job[k]);
    sched_sub_forget(s, u);
    gw_heap_remove(&s->dues.moments, &u->due);
    gw_heap_remove(&s->rolls, &u->roll);
    gw_heap_remove(&s->freshness, &u->freshness);
    sched_user_assign(s, u, NULL);
    gw_list_remove(&u->changed);
    gw_list_remove(&u->astray);
    gw_list_remove(&u->link);
    (void)gw_map_remove(s->by_name, sched_user_name(u));
    s->counters.with_calendar -= u->data.from < u->data.to;
    s->counters.in_trouble -= u->error != NULL;
    gw_list_append(&s->removed, &u->link);
}

void sched_user_remove(struct sched *s, struct gw_str user)
{
    struct sched_user *u = sched_user_find(s, user);

    if (!u)
        return;
    records_delete(s, u);
    user_leave(s, u);
}

void sched_user_put(struct sched *s, struct gw_str user, struct gw_str mailbox, struct gw_now now)
{
    struct sched_user *u = sched_user_find(s, user);

    s->now = now;
    if (u && gw_str_is(mailbox, u->mailbox))
        return;
    sched_user_remove(s, user);
    u = user_new(s, user, mailbox);
    sched_job_want(s, &u->job[SCHED_SUBSCRIBE], now.mono, now.mono);
}

void sched_user_place(struct sched *s, struct gw_str user, struct gw_str gateway, struct gw_now now)
{
    struct sched_user *u = sched_user_find(s, user);
    struct sched_gateway *g = sched_gateway_find(s, gateway);

    s->now = now;
    if (!u || !g || !sched_gateway_is_usable(g))
        return;
    s->counters.moved += u->gateway && u->gateway != g;
    sched_sub_doubt(s, u, SCHED_DOUBT_MOVED);
    sched_user_assign(s, u, g);
    (void)sched_user_settle(s, u);
    for (int k = 0; k < SCHED_KINDS; k++) {
        struct sched_job *job = &u->job[k];

        if (job->state != SCHED_JOB_DELAYED || !job->tries)
            continue;
        job->tries = 0; /* what failed, failed elsewhere */
        sched_job_want(s, job, now.mono, now.mono);
    }
}

void sched_user_group(struct sched *s, struct gw_str user, struct gw_str grouping)
{
    struct sched_user *u = sched_user_find(s, user);

    if (u)
        u->grouping = grouping.len ? gw_hash_stable(grouping) | 1 : 0;
}

enum gw_code sched_user_refresh(struct sched *s, struct gw_str user, struct gw_now now)
{
    struct sched_user *u = sched_user_find(s, user);

    s->now = now;
    if (!u)
        return GW_NOTFOUND;
    for (int k = 0; k < SCHED_KINDS; k++) {
        struct sched_job *job = &u->job[k];

        if (k == SCHED_SUBSCRIBE && job->state == SCHED_JOB_IDLE)
            continue; /* it has one */
        if (k == SCHED_HOURS && u->hours == SCHED_HOURS_NOT)
            continue; /* nobody wants them */
        if (k == SCHED_FOLDERS && !u->folders)
            continue;
        job->tries = 0;
        sched_job_want(s, job, now.mono, now.mono);
    }
    return GW_OK;
}

void sched_user_want(struct sched *s, struct gw_str user, unsigned fields, uint32_t mark,
                     struct gw_now now)
{
    struct sched_user *u = sched_user_find(s, user);

    if (!u || (u->want_is_known && u->fields == fields && u->mark == mark))
        return;
    s->now = now;
    u->want_is_known = true;
    u->fields = (unsigned char)fields;
    u->mark = mark;
    sched_folders_follow(s, u);
    sched_read_for_want(s, u);
}

/* ---- records ---- */

static enum gw_code no_user(struct gw_str key, struct gw_err *err)
{
    return gw_fail(err, GW_NOTFOUND, "no user '%.*s'", GW_STR_ARG(key));
}

static enum gw_code subscription_restore(struct sched *s, struct gw_str key, struct gw_str value,
                                         struct gw_err *err)
{
    struct sched_user *u = sched_user_find(s, key);
    struct sched_sub_record r;
    enum gw_code rc = sched_sub_record_parse(value, &r, err);

    if (rc)
        return rc;
    if (!u) {
        sched_farewell_to(s, &r);
        return no_user(key, err);
    }
    sched_sub_restore(s, u, &r);
    return GW_OK;
}

static enum gw_code calendar_restore(struct sched *s, struct gw_str key, struct gw_str value,
                                     struct gw_err *err)
{
    struct sched_user *u = sched_user_find(s, key);
    struct sched_cal_record r;
    enum gw_code rc;

    if (!u)
        return no_user(key, err);
    rc = sched_cal_record_parse(value, &r, err);
    if (rc)
        return rc;
    sched_data_restore(s, u, &r);
    free(r.intervals);
    return GW_OK;
}

static enum gw_code farewell_restore(struct sched *s, struct gw_str key, struct gw_str value,
                                     struct gw_err *err)
{
    struct sched_farewell_record r;
    enum gw_code rc = sched_farewell_record_parse(value, &r, err);

    (void)key;
    if (!rc && !sched_farewell_restore(s, &r))
        rc = gw_fail(err, GW_NOTFOUND, "Exchange has ended the subscription by itself");
    return rc;
}

static enum gw_code back_off_restore(struct sched *s, struct gw_str key, struct gw_str value,
                                     struct gw_err *err)
{
    struct sched_gateway *g = sched_gateway_find(s, key);
    struct sched_back_off_record r;
    enum gw_code rc = sched_back_off_record_parse(value, &r, err);

    if (rc)
        return rc;
    if (!g || !sched_budget_restore(s, g, &r))
        return gw_fail(err, GW_NOTFOUND, "no gateway, or it may be asked again");
    return GW_OK;
}

enum gw_code sched_restore(struct sched *s, const char *kind, struct gw_str key,
                           struct gw_str value, struct gw_now now, struct gw_err *err)
{
    static const struct {
        const char *kind;
        enum gw_code (*restore)(struct sched *s, struct gw_str key, struct gw_str value,
                                struct gw_err *err);
    } record[] = {
        { SCHED_RECORD_SUBSCRIPTION, subscription_restore },
        { SCHED_RECORD_CALENDAR, calendar_restore },
        { SCHED_RECORD_FAREWELL, farewell_restore },
        { SCHED_RECORD_BACK_OFF, back_off_restore },
    };

    s->now = now;
    for (size_t i = 0; i < sizeof(record) / sizeof(record[0]); i++) {
        if (strcmp(kind, record[i].kind) == 0)
            return record[i].restore(s, key, value, err);
    }
    return gw_fail(err, GW_INVALID, "no kind of record '%s'", kind);
}

/* ---- troubles ---- */

void sched_error_set(struct sched *s, struct sched_user *u, enum sched_kind kind,
                     const struct ews_status *status)
{
    char text[sizeof(status->code) + sizeof(status->text) + 64];

    snprintf(text, sizeof(text), "%s: %s (%s)", sched_kind_name(kind), status->text, status->code);
    s->counters.in_trouble += u->error == NULL;
    u->error_kind = (unsigned char)kind;
    u->error_at = s->now.utc;
    if (u->error && strcmp(u->error, text) == 0)
        return;
    free(u->error);
    u->error = gw_str_dup(gw_str_of(text));
}

void sched_error_clear(struct sched *s, struct sched_user *u, enum sched_kind kind)
{
    if (!u->error || u->error_kind != kind)
        return;
    s->counters.in_trouble--;
    free(u->error);
    u->error = NULL;
    u->error_at = 0;
}

/* ---- the end ---- */

void sched_free(struct sched **sp)
{
    struct sched *s = *sp;

    if (!s)
        return;
    *sp = NULL;
    assert(!s->ticking);
    s->callbacks = (struct sched_callbacks){ 0 };
    while (!gw_list_is_empty(&s->users))
        user_leave(s, GW_CONTAINER(s->users.next, struct sched_user, link));
    free_removed(s);
    for (struct gw_list *it = s->pool.gateways.next; it != &s->pool.gateways; it = it->next)
        sched_calls_cancel(s, GW_CONTAINER(it, struct sched_gateway, link)); /* probes */
    sched_farewells_done(s);
    sched_pool_done(s);
    gw_heap_done(&s->budget.delays);
    gw_heap_done(&s->subs.silence);
    gw_heap_done(&s->subs.streams);
    gw_heap_done(&s->dues.moments);
    gw_heap_done(&s->rolls);
    gw_heap_done(&s->freshness);
    gw_map_free(&s->subs.by_token);
    gw_map_free(&s->by_name);
    free(s->subs.notify_url);
    free(s);
}

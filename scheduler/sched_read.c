/* What is known of users: calendars, as read; how long it may be trusted; and the rolling of the
 * windows. An answer that says what is known already costs nothing further. */
#include "sched_priv.h"

#include <stdlib.h>
#include <string.h>

#include "gw_mem.h"

enum {
    STALE_GRACE_MIN = 5, /* beyond the limit of silence: the time to subscribe and read anew */
    BULK_FAILED_MAX = 3, /* then a mailbox is always read by itself */
    OOF_FIRST_MS = 1000
};

bool sched_data_is_known(const struct sched_data *d)
{
    return d->from < d->to;
}

void sched_data_done(struct sched_user *u)
{
    free(u->data.intervals);
    sched_hours_forget(u);
    u->data = (struct sched_data){ 0 };
}

void sched_data_save(struct sched *s, struct sched_user *u)
{
    const struct sched_data *d = &u->data;
    struct sched_cal_record r = {
        .from = d->from,
        .to = d->to,
        .read_at = d->read_at,
        .oof_known = d->oof_known,
        .oof = d->oof,
        .oof_read_at = d->oof_read_at,
        .mark = d->mark,
        .intervals = d->intervals,
        .count = d->count,
    };
    struct gw_buf text;

    if (!s->callbacks.save)
        return;
    sched_folders_save(u, &r);
    r.hours_known = d->hours != NULL;
    if (d->hours)
        r.hours = *d->hours;
    gw_buf_init(&text, SCHED_RECORD_MAX);
    sched_cal_record_write(&r, &text);
    s->callbacks.save(SCHED_RECORD_CALENDAR, sched_user_name(u), sched_user_name(u),
                      gw_buf_str(&text), s->callbacks.ctx);
    gw_buf_done(&text);
}

/* ---- freshness ---- */

/* A stream that is alive vouches for all who are on it. */
gw_time sched_verified_at(const struct sched_user *u)
{
    const struct sched_sub *sub = &u->sub;
    gw_time at = u->data.verified;

    if (sub->stream && sub->state == SCHED_SUB_LIVE && u->unread == GW_NEVER &&
        sub->stream->heard > at)
        at = sub->stream->heard;
    return at;
}

static gw_time stale_at(const struct sched *s, const struct sched_user *u)
{
    return gw_time_after(sched_verified_at(u),
                         sched_sub_limit(s, u) + sched_minutes(s, STALE_GRACE_MIN));
}

void sched_verified(struct sched *s, struct sched_user *u, gw_time at)
{
    struct sched_data *d = &u->data;

    if (!sched_data_is_known(d))
        return;
    if (at > d->verified)
        d->verified = at;
    if (stale_at(s, u) <= s->now.mono)
        return;
    if (d->stale) {
        d->stale = false;
        sched_changed(s, u);
    }
    /* The moment in the heap is looked at, not moved: this happens often, staleness does not. */
    if (!u->freshness.pos)
        gw_heap_set(&s->freshness, &u->freshness, stale_at(s, u));
}

static void look_at_freshness(struct sched *s, struct sched_user *u)
{
    gw_time at = stale_at(s, u);

    if (at > s->now.mono) {
        gw_heap_set(&s->freshness, &u->freshness, at);
        return;
    }
    if (u->data.stale)
        return;
    u->data.stale = true;
    sched_changed(s, u);
}

void sched_unread(struct sched *s, struct sched_user *u, bool told)
{
    if (u->unread == GW_NEVER)
        u->unread = s->now.mono;
    u->unread_told = u->unread_told || told;
}

/* A read has brought what was told before it began. 'again': something was told since. */
static void read_done(struct sched *s, struct sched_user *u, bool again)
{
    bool told = again && u->unread_told;

    u->unread = GW_NEVER;
    u->unread_told = false;
    if (again)
        sched_unread(s, u, told);
}

void sched_freshness_tick(struct sched *s)
{
    struct gw_due *due;

    for (int n = 0; n < SCHED_SLICE && (due = gw_heap_pop_due(&s->freshness, s->now.mono)); n++)
        look_at_freshness(s, GW_CONTAINER(due, struct sched_user, freshness));
}

/* ---- calendars ---- */

/* Copied with the fields alone, so that equal calendars are equal bytes in a record. */
static void intervals_set(struct sched_data *d, const struct gw_interval *v, size_t count)
{
    free(d->intervals);
    d->intervals = NULL;
    d->count = (unsigned short)count;
    if (!count)
        return;
    d->intervals = gw_alloc(count * sizeof(*v));
    memcpy(d->intervals, v, count * sizeof(*v));
}

/* Reads in between do not put it off: it is when a narrowed window is tried wide again. */
static void roll_set(struct sched *s, struct sched_user *u)
{
    struct sched_window w = sched_window_of(s->now.utc, u->hash, u->narrow);

    if (!u->roll.pos || w.roll < u->roll.at)
        gw_heap_set(&s->rolls, &u->roll, w.roll);
}

/* The next one at or after i that shows. */
static size_t next_shown(const struct gw_interval *v, size_t count, size_t i)
{
    while (i < count && v[i].busy <= GW_BUSY_FREE)
        i++;
    return i;
}

/* Bulk reading shows the same calendar in fewer words. */
static bool shows_the_same(const struct gw_interval *a, size_t a_count, const struct gw_interval *b,
                           size_t b_count)
{
    size_t i = next_shown(a, a_count, 0), k = next_shown(b, b_count, 0);

    for (; i < a_count && k < b_count;
         i = next_shown(a, a_count, i + 1), k = next_shown(b, b_count, k + 1)) {
        if (a[i].start != b[k].start || a[i].end != b[k].end || a[i].busy != b[k].busy)
            return false;
    }
    return i == a_count && k == b_count;
}

static unsigned short tag_of(const struct sched *s, const struct sched_user *u,
                             const struct gw_item *item, size_t calendar)
{
    struct gw_item placed = *item;

    placed.calendar = sched_folder_name(u, calendar);
    placed.is_further = calendar > 0;
    return s->callbacks.classify
               ? s->callbacks.classify(sched_user_name(u), &placed, s->callbacks.ctx)
               : 0;
}

/* Each item gets its tag, and is forgotten with the answer. Those of further calendars count only with
 * one. Gives: free(). */
static struct gw_interval *classified(const struct sched *s, const struct sched_user *u,
                                      const struct ews_calendar *c, size_t calendars, size_t *count)
{
    struct gw_interval *v;
    size_t items = 0, n = 0;

    for (size_t k = 0; k < calendars; k++)
        items += c[k].item_count;
    v = gw_realloc(NULL, items + 1, sizeof(*v));
    for (size_t k = 0; k < calendars; k++)
        for (size_t i = 0; i < c[k].item_count; i++) {
            v[n] = c[k].items[i].interval;
            v[n].tag = tag_of(s, u, &c[k].items[i], k);
            n += !k || v[n].tag;
        }
    *count = gw_intervals_normalise(v, n);
    return v;
}

static void take(struct sched *s, struct sched_user *u, const struct sched_call *call,
                 const struct gw_interval *v, size_t count, bool other_hours)
{
    struct sched_data *d = &u->data;
    bool first = !sched_data_is_known(d), was_current = d->to > s->now.utc;
    bool same = (call->op == EWS_OP_AVAILABILITY ? shows_the_same : gw_intervals_eq)(
        d->intervals, d->count, v, count);
    bool same_window = d->from == call->from && d->to == call->to,
         same_mark = d->mark == call->mark;
    /* What was read by itself may say more than what was read in bulk, and no more. Of a boundary that
     * has passed all who are read again, since their server is gone, would tell in a heap. */
    bool waits = same_mark && sched_due_is_near(s, u) && !u->unread_told &&
                 shows_the_same(d->intervals, d->count, v, count);

    d->from = call->from;
    d->to = call->to;
    d->read_at = call->started.utc;
    d->asked = call->started.mono;
    d->mark = call->mark;
    if (first)
        d->verified = call->started.mono;
    if (!same)
        intervals_set(d, v, count);
    s->counters.missed += !same && same_window && same_mark && u->unread == GW_NEVER;
    if (same && same_window && same_mark && !first && !other_hours)
        s->counters.unchanged++;
    else
        sched_data_save(s, u);
    if (first || !was_current || other_hours || (!same && !waits)) {
        sched_due_set(s, u);
        sched_changed(s, u);
    } else if (!same || !same_window) {
        sched_due_hasten(s, u);
    }
    s->counters.with_calendar += first;
}

static size_t bounded(size_t count)
{
    return count < SCHED_INTERVALS_MAX ? count : SCHED_INTERVALS_MAX;
}

static size_t further_of(const struct sched_user *u)
{
    struct gw_str folders[EWS_FOLDERS_MAX];

    return sched_folders_to_read(u, folders);
}

static void take_calendar(struct sched *s, struct sched_user *u, const struct sched_call *call,
                          const struct ews_calendar *c, bool other_hours)
{
    struct gw_interval *v;
    size_t count;

    if (!c->items) {
        take(s, u, call, c->intervals, bounded(c->count), other_hours);
        return;
    }
    v = classified(s, u, c, 1 + further_of(u), &count);
    take(s, u, call, v, bounded(count), other_hours);
    free(v);
}

/* What is known was read for something else than what is wanted now. */
void sched_read_for_want(struct sched *s, struct sched_user *u)
{
    if (sched_data_is_known(&u->data) && u->data.mark != sched_read_mark(u))
        sched_job_want(s, &u->job[SCHED_READ], s->now.mono, sched_wanted_calmly(s, u));
}

/* As long as no subscription tells of changes they are looked for; else it is a cross-check. */
gw_time sched_read_next(const struct sched *s, const struct sched_user *u)
{
    gw_time poll = sched_minutes(s, s->settings.status_frequency_min);

    if (u->sub.state != SCHED_SUB_LIVE)
        return gw_time_after(s->now.mono, poll);
    if (u->sub.mode == SCHED_MODE_POLL)
        return sched_turn_next(s, u, sched_minutes(s, s->settings.poll_min));
    return sched_turn_next(s, u, sched_minutes(s, s->settings.cross_check_min));
}

static void read_on(struct sched *s, struct sched_user *u, bool again)
{
    struct sched_job *job = &u->job[SCHED_READ];
    gw_time calm = gw_time_after(u->data.asked, SCHED_RESTLESS_MS), at = s->now.mono;

    if (!again)
        at = sched_read_next(s, u);
    else if (calm > at)
        at = calm;
    sched_job_want(s, job, at, at);
}

/* One of the calendars was. */
static bool is_truncated(const struct sched_user *u, const struct ews_calendar *c)
{
    for (size_t k = 0; k <= further_of(u); k++)
        if (c[k].truncated)
            return true;
    return false;
}

static void read_alone(struct sched *s, struct sched_job *job)
{
    struct sched_user *u = sched_job_user(job);

    if (u->bulk_failed < BULK_FAILED_MAX)
        u->bulk_failed++;
    job->again = false;
    sched_job_queue(s, job);
}

void sched_read_answered(struct sched *s, struct sched_job *job, const struct sched_call *call,
                         const struct ews_calendar *c)
{
    struct sched_user *u = sched_job_user(job);
    bool bulk = call->op == EWS_OP_AVAILABILITY, again = job->again;

    if (bulk && (c->status.class != EWS_OK || c->truncated)) {
        read_alone(s, job);
        return;
    }
    if (c->status.class != EWS_OK) {
        sched_job_failed(s, job, &c->status);
        return;
    }
    if (call->mark != sched_read_mark(u)) { /* something else is wanted since it was asked for */
        job->again = false;
        sched_job_queue(s, job);
        return;
    }
    if (!bulk && !sched_folders_read(s, job, c + 1))
        return;
    if (is_truncated(u, c) && u->narrow < SCHED_NARROW_MAX) {
        u->narrow++;
        sched_job_queue(s, job);
        return;
    }
    job->tries = 0;
    job->again = false;
    if (!bulk && u->bulk_failed < BULK_FAILED_MAX)
        u->bulk_failed = 0;
    sched_error_clear(s, u, SCHED_READ);
    /* What is wanted anew is not answered by what was on its way. */
    take_calendar(s, u, call, c, !again && sched_hours_came(s, u, c->hours));
    sched_verified(s, u, call->started.mono);
    read_done(s, u, again);
    roll_set(s, u);
    read_on(s, u, again);
    if (!u->data.oof_known)
        sched_job_want(s, &u->job[SCHED_OOF], s->now.mono,
                       gw_time_after(s->now.mono, OOF_FIRST_MS));
}

void sched_rolls_tick(struct sched *s)
{
    struct gw_due *due;

    for (int n = 0; n < SCHED_SLICE && (due = gw_heap_pop_due(&s->rolls, s->now.utc)); n++) {
        struct sched_user *u = GW_CONTAINER(due, struct sched_user, roll);

        u->narrow = 0;
        sched_job_want(s, &u->job[SCHED_READ], s->now.mono, sched_wanted_calmly(s, u));
    }
}

/* ---- after a restart ---- */

/* Served as it is; since when it may be trusted the subscription, when it is restored, tells. */
void sched_data_restore(struct sched *s, struct sched_user *u, const struct sched_cal_record *r)
{
    struct sched_data *d = &u->data;
    gw_utc read_at = r->read_at < s->now.utc ? r->read_at : s->now.utc;

    if (!sched_data_is_known(d) && r->from < r->to)
        s->counters.with_calendar++;
    d->from = r->from;
    d->to = r->to;
    d->read_at = read_at;
    intervals_set(d, r->intervals, r->count);
    d->mark = r->mark;
    d->oof_known = r->oof_known;
    d->oof = r->oof;
    d->oof_read_at = r->oof_read_at;
    d->verified = s->now.mono - (s->now.utc - read_at);
    if (sched_sub_is_good(s, u) && u->sub.saved > d->verified)
        d->verified = u->sub.saved;
    if (sched_data_is_known(d)) {
        gw_utc roll = sched_window_of(read_at, u->hash, 0).roll;

        gw_heap_set(&s->freshness, &u->freshness, stale_at(s, u));
        if (roll > s->now.utc) /* else it is read anew in its turn, and rolls with that */
            gw_heap_set(&s->rolls, &u->roll, roll);
    }
    if (d->oof_known) {
        gw_time next = sched_oof_next(s, u);

        sched_job_want(s, &u->job[SCHED_OOF], next, next);
    }
    sched_hours_restore(s, u, r->hours_known ? &r->hours : NULL);
    sched_folders_restore(s, u, r);
    sched_due_set(s, u);
    sched_changed(s, u);
    sched_read_for_want(s, u);
}

/* An Exchange on virtual time, behind struct sched_exchange. Servers can be down, slow, throttling or
 * forgetful; notifications can be lost. Nothing here is shared with the rooms under test but their
 * public headers. */
#ifndef SCHED_SIM_EXCHANGE_H
#define SCHED_SIM_EXCHANGE_H

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gw_bytes.h"
#include "gw_log.h"
#include "gw_mem.h"
#include "sched_sim_world.h"

/* ---- the server ---- */

static inline bool sim_overlaps(const struct gw_interval *v, gw_utc from, gw_utc to)
{
    return v->start < to && v->end > from;
}

/* What there is now, not what is planned. */
static inline struct ews_tip sim_tip(const struct sim *m, const struct sim_user *u)
{
    struct ews_tip tip = { .status = sim_status(EWS_OK, "NoError", true),
                           .pending = u->tip_pending };

    if (u->tip_refused)
        tip.status = sim_status(EWS_MAILBOX, "ErrorMailRecipientNotFound", true);
    if (!u->no_reply_text && gw_oof_is_active(&u->oof, m->now.utc))
        tip.oof = u->oof;
    return tip;
}

/* Ids are a digit behind a word. */
static inline void sim_further_of(struct sim_call *c, const struct ews_request *r)
{
    assert_in_range(r->folder_count, 0, SIM_FURTHER);
    for (size_t i = 0; i < r->folder_count; i++) {
        assert_true(gw_str_starts(r->folders[i], "further-"));
        c->further[i] = (unsigned char)(r->folders[i].p[r->folders[i].len - 1] - '0');
        assert_in_range(c->further[i], 0, SIM_FURTHER - 1);
    }
    c->further_count = r->folder_count;
}

static inline struct ews_status sim_further_status(const struct sim_further *f)
{
    if (!f->name)
        return sim_status(EWS_MAILBOX, "ErrorFolderNotFound", true);
    if (f->refused)
        return sim_status(EWS_MAILBOX, "ErrorAccessDenied", true);
    return f->failing ? sim_status(EWS_TRANSIENT, "ErrorInternalServerError", true)
                      : sim_status(EWS_OK, "NoError", true);
}

static inline void sim_snapshot_further(const struct sim *m, struct sim_call *c)
{
    for (size_t i = 0; i < c->further_count; i++) {
        const struct sim_further *f = &m->user[c->user[0]].further[c->further[i]];
        struct gw_interval *copy = gw_alloc(sizeof(*copy) * SIM_FURTHER_ITEMS);
        size_t n = 0;

        for (size_t k = 0; k < f->count; k++)
            if (sim_overlaps(&f->item[k], c->from, c->to))
                copy[n++] = f->item[k];
        c->calendar[1 + i] =
            (struct ews_calendar){ .status = f->busy ? sim_status(EWS_BUSY, "ErrorServerBusy", true)
                                                     : sim_further_status(f) };
        c->intervals[1 + i] = copy;
        if (c->calendar[1 + i].status.class != EWS_OK)
            continue;
        c->calendar[1 + i].intervals = copy;
        c->calendar[1 + i].count = n;
    }
}

/* What the server reads when the request reaches it. */
static inline void sim_snapshot(struct sim *m, struct sim_call *c)
{
    bool poor = m->bulk_is_poor && c->op == EWS_OP_AVAILABILITY;

    for (size_t i = 0; i < c->count; i++) {
        const struct sim_user *u = &m->user[c->user[i]];
        struct gw_interval *copy = gw_alloc(sizeof(*copy) * (SIM_ITEMS + SIM_RECURRING));
        size_t n = 0;

        if (m->recurring)
            n = m->recurring(m->recurring_ctx, c->user[i], c->from, c->to, copy);
        for (size_t k = 0; k < u->count; k++) {
            if (!sim_overlaps(&u->item[k], c->from, c->to) ||
                (poor && u->item[k].busy == GW_BUSY_FREE))
                continue;
            copy[n++] = u->item[k];
            if (poor)
                copy[n - 1].flags = 0;
        }
        n = gw_intervals_normalise(copy, n);
        c->calendar[i] = (struct ews_calendar){ .status = sim_status(EWS_OK, "NoError", true),
                                                .intervals = copy,
                                                .count = n };
        if (m->truncate_above && n > m->truncate) {
            c->calendar[i].count = m->truncate;
            c->calendar[i].truncated = true;
        }
        if (c->op == EWS_OP_AVAILABILITY && u->no_free_busy)
            c->calendar[i].status = sim_status(EWS_MAILBOX, "ErrorNoFreeBusyAccess", true);
        c->calendar[i].hours = c->hours ? u->hours : NULL;
        c->intervals[i] = copy;
    }
    sim_snapshot_further(m, c);
    if (c->count == 1)
        c->oof = m->user[c->user[0]].oof;
    for (size_t i = 0; c->op == EWS_OP_MAIL_TIPS && i < c->count; i++)
        c->tip[i] = sim_tip(m, &m->user[c->user[i]]);
}

static inline bool sim_is_bulk(enum ews_op op)
{
    return op == EWS_OP_AVAILABILITY || op == EWS_OP_MAIL_TIPS;
}

/* EWS_OK: it is not throttling. */
static inline struct ews_status sim_throttle(struct sim *m, struct sim_gateway *g)
{
    struct ews_status s = sim_status(EWS_BUSY, "ErrorServerBusy", true);

    if (m->now.mono >= g->throttled_until)
        return sim_status(EWS_OK, "NoError", true);
    s.backoff_ms = g->throttle_ms ? g->throttled_until - m->now.mono : 0;
    g->early += g->told && g->throttle_ms;
    return s;
}

/* The answer is read. */
static inline void sim_told(struct sim *m, struct sim_gateway *g, const struct ews_status *status)
{
    if (status->class == EWS_BUSY)
        g->told = true;
    if (status->backoff_ms > 0 && g->quiet_until < m->now.mono + status->backoff_ms)
        g->quiet_until = m->now.mono + status->backoff_ms;
}

static inline struct ews_status sim_verdict(struct sim *m, struct sim_call *c)
{
    struct sim_gateway *g = c->gateway;
    struct ews_status s;

    if (!g->up || g->silent)
        return sim_status(EWS_SERVER_DOWN, g->up ? "timeout" : "unreachable", false);
    s = sim_throttle(m, g);
    if (s.class != EWS_OK)
        return s;
    if (g->most && g->in_flight > g->most)
        return sim_status(EWS_CONNECTION_LIMIT, "ErrorExceededConnectionCount", true);
    if (c->streaming && g->no_streaming)
        return sim_status(EWS_UNSUPPORTED, "unsupported", false);
    if (g->refuse[c->op].class != EWS_OK)
        return g->refuse[c->op];
    if (!sim_is_bulk(c->op) && (m->user[c->user[0]].not_at >> (g - m->gateway) & 1))
        return sim_status(EWS_ELSEWHERE, "ErrorProxyRequestNotAllowed", true);
    if (!sim_is_bulk(c->op) && m->user[c->user[0]].refuse[c->op].class != EWS_OK)
        return m->user[c->user[0]].refuse[c->op];
    if (c->op == EWS_OP_SUBSCRIBE) /* all together, or not at all */
        for (size_t i = 0; i < c->further_count; i++) {
            s = sim_further_status(&m->user[c->user[0]].further[c->further[i]]);
            if (s.class != EWS_OK)
                return s;
        }
    return sim_status(EWS_OK, "NoError", true);
}

static inline void sim_sub_new(struct sim *m, struct sim_call *c)
{
    struct sim_sub *sub = gw_new(struct sim_sub);

    snprintf(sub->id, sizeof(sub->id), "sub-%u", ++m->serial);
    snprintf(sub->token, sizeof(sub->token), "%s", c->token);
    snprintf(sub->url, sizeof(sub->url), "%s", m->url);
    sub->gateway = c->gateway;
    sub->user = c->user[0];
    for (size_t i = 0; i < c->further_count; i++)
        sub->further |= 1u << c->further[i];
    sub->frequency_ms = c->frequency_min * m->minute_ms;
    sub->post_at = m->now.mono + 5; /* the initial status event, maybe before the answer */
    sub->streaming = c->streaming;
    snprintf(sub->group, sizeof(sub->group), "%s", c->group);
    if (sub->streaming) {
        sub->unread_since = m->now.mono;
        sub->post_at = m->now.mono + SIM_STREAM_MS;
    }
    gw_list_append(&m->subs, &sub->link);
    snprintf(c->token, sizeof(c->token), "%s", sub->id);
}

/* The anchor's server, which whoever does not send what the anchor was given does not reach. */
static inline void sim_group_of(struct sim_call *c, const struct ews_request *r)
{
    assert_true(r->anchor.len > 0);
    if (!r->affinity.len)
        assert_true(gw_str_eq(r->anchor, r->mailbox));
    snprintf(c->group, sizeof(c->group), "%s/%.*s", c->gateway->name, GW_STR_ARG(r->anchor));
    if (r->affinity.len)
        assert_true(gw_str_is(r->affinity, c->group));
}

static inline void sim_sub_free(struct sim_sub *sub);

static inline bool sim_lives_with(const struct sim *m, unsigned user, struct gw_str anchor)
{
    int a = sim_user_of(m, anchor);

    assert_true(a >= 0);
    return !m->user[user].no_home && m->user[user].home == m->user[a].home;
}

/* False: it is not there. */
static inline bool sim_unsubscribe(struct sim *m, struct gw_str id, struct gw_str anchor)
{
    struct gw_list *it, *tmp;

    m->farewells++;
    GW_LIST_EACH(&m->subs, it, tmp)
    {
        struct sim_sub *sub = GW_CONTAINER(it, struct sim_sub, link);

        if (!gw_str_is(id, sub->id) || !sim_lives_with(m, sub->user, anchor))
            continue;
        assert_true(sub->streaming);
        sim_sub_free(sub);
        return true;
    }
    return false;
}

/* ---- streams ---- */

static inline struct sim_sub *sim_sub_by_id(struct sim *m, struct gw_str id)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&m->subs, it, tmp)
    {
        struct sim_sub *sub = GW_CONTAINER(it, struct sim_sub, link);

        if (gw_str_is(id, sub->id))
            return sub;
    }
    return NULL;
}

static inline void sim_attach(struct sim *m, struct sim_stream *st, struct gw_str id,
                              struct gw_str anchor, const char *group)
{
    struct sim_sub *sub = sim_sub_by_id(m, id);

    if (!sub || sub->gateway != st->gateway || strcmp(sub->group, group) != 0 ||
        !sim_lives_with(m, sub->user, anchor)) {
        snprintf(st->bad_text[st->bad_count], sizeof(st->bad_text[0]), "%.*s", GW_STR_ARG(id));
        st->bad_ids[st->bad_count] = gw_str_of(st->bad_text[st->bad_count]);
        st->bad_count++;
        return;
    }
    sub->stream = st;
    sub->post_at = sub->changed ? m->now.mono + 30 : GW_NEVER;
}

static inline void sim_detach(struct sim *m, const struct sim_stream *st)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&m->subs, it, tmp)
    {
        struct sim_sub *sub = GW_CONTAINER(it, struct sim_sub, link);

        if (sub->stream != st)
            continue;
        sub->stream = NULL;
        sub->unread_since = m->now.mono;
        sub->post_at = m->now.mono + SIM_STREAM_MS;
    }
}

static inline void sim_stream_ends(struct sim_stream *st, gw_time at, struct ews_status how)
{
    st->end_at = at;
    st->end = how;
    st->speak_at = GW_NEVER;
}

static inline void *sim_stream_start(void *ctx, struct gw_str gateway, const struct ews_request *r,
                                     sched_event_fn *event, sched_answer_fn *done, void *answer_ctx)
{
    struct sim *m = ctx;
    struct sim_stream *st = gw_new(struct sim_stream);
    struct ews_status refusal;

    st->gateway = sim_gateway_of(m, gateway);
    assert_true(m->now.mono >= st->gateway->quiet_until);
    assert_int_equal(r->op, EWS_OP_STREAM);
    assert_in_range(r->subscription_id_count, 1, EWS_STREAM_IDS_MAX);
    assert_true(r->anchor.len > 0 && r->affinity.len > 0);
    st->event = event;
    st->done = done;
    st->ctx = answer_ctx;
    sim_stream_ends(st, m->now.mono + SIM_STREAM_MS, sim_status(EWS_OK, "NoError", true));
    st->speak_at = m->now.mono + st->gateway->latency_ms;
    refusal = sim_throttle(m, st->gateway);
    if (refusal.class == EWS_OK)
        refusal = st->gateway->refuse[EWS_OP_STREAM];
    if (!st->gateway->up)
        sim_stream_ends(st, m->now.mono + 2, sim_status(EWS_SERVER_DOWN, "unreachable", false));
    else if (st->gateway->silent || st->gateway->streams_are_held)
        sim_stream_ends(st, m->now.mono + SIM_STREAM_SILENCE_MS,
                        sim_status(EWS_SERVER_DOWN, "timeout", false));
    else if (refusal.class != EWS_OK)
        sim_stream_ends(st, m->now.mono + st->gateway->latency_ms, refusal);
    else
        for (size_t i = 0; i < r->subscription_id_count; i++) {
            char group[SIM_AFFINITY];

            snprintf(group, sizeof(group), "%.*s", GW_STR_ARG(r->affinity));
            sim_attach(m, st, r->subscription_ids[i], r->anchor, group);
        }
    if (st->bad_count) {
        sim_detach(m, st);
        sim_stream_ends(st, m->now.mono + st->gateway->latency_ms,
                        sim_status(EWS_SUBSCRIPTION_GONE, "ErrorSubscriptionNotFound", true));
    }
    m->streams_opened++;
    st->gateway->ops[EWS_OP_STREAM]++;
    gw_list_append(&m->streams, &st->link);
    return st;
}

static inline void sim_stream_free(struct sim *m, struct sim_stream *st)
{
    sim_detach(m, st);
    gw_list_remove(&st->link);
    free(st);
}

static inline void sim_stream_end(struct sim *m, struct sim_stream *st)
{
    struct ews_answer a = { .op = EWS_OP_STREAM,
                            .status = st->end,
                            .bad_ids = st->bad_ids,
                            .bad_id_count = st->bad_count,
                            .closed = st->end.class == EWS_OK };

    sim_detach(m, st);
    gw_list_remove(&st->link);
    sim_told(m, st->gateway, &st->end);
    st->done(&a, m->now, st->ctx);
    free(st);
}

/* The connection breaks. */
static inline void sim_break_streams(struct sim *m, const struct sim_gateway *g)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&m->streams, it, tmp)
    {
        struct sim_stream *st = GW_CONTAINER(it, struct sim_stream, link);

        if (st->gateway == g)
            sim_stream_ends(st, m->now.mono, sim_status(EWS_SERVER_DOWN, "cut", false));
    }
}

static inline void sim_stream_due(struct sim *m, struct sim_stream *st)
{
    struct ews_notification heartbeat = { .status = sim_status(EWS_OK, "NoError", true) };

    if (!st->gateway->up && st->end.class == EWS_OK)
        sim_stream_ends(st, m->now.mono, sim_status(EWS_SERVER_DOWN, "cut", false));
    if (st->end_at <= m->now.mono) {
        sim_stream_end(m, st);
        return;
    }
    st->speak_at = m->now.mono + SIM_HEARTBEAT_MS;
    st->event(&heartbeat, m->now, st->ctx);
}

static inline bool sim_speak_one(struct sim *m)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&m->streams, it, tmp)
    {
        struct sim_stream *st = GW_CONTAINER(it, struct sim_stream, link);

        if (st->speak_at <= m->now.mono || st->end_at <= m->now.mono) {
            sim_stream_due(m, st);
            return true;
        }
    }
    return false;
}

/* ---- the server, again ---- */

static inline void *sim_start(void *ctx, struct gw_str gateway, const struct ews_request *r,
                              sched_answer_fn *done, void *answer_ctx)
{
    struct sim *m = ctx;
    struct sim_call *c = gw_new(struct sim_call);
    struct gw_str token = { 0 };
    bool only_hours = r->hours && r->to - r->from <= GW_DAY_MS;

    c->gateway = sim_gateway_of(m, gateway);
    assert_non_null(c->gateway);
    assert_true(m->now.mono >= c->gateway->quiet_until);
    c->op = r->op;
    c->from = r->from;
    c->to = r->to;
    c->fields = r->item_fields;
    c->hours = r->hours;
    sim_further_of(c, r);
    c->frequency_min = r->status_frequency_min;
    c->done = done;
    c->ctx = answer_ctx;
    c->count = sim_is_bulk(r->op) ? r->mailbox_count : 1;
    assert_in_range(c->count, 1,
                    r->op == EWS_OP_MAIL_TIPS ? EWS_MAIL_TIPS_MAX : EWS_AVAILABILITY_MAX);
    for (size_t i = 0; i < c->count; i++) {
        int user = sim_user_of(m, sim_is_bulk(r->op) ? r->mailboxes[i] : r->mailbox);

        assert_true(user >= 0);
        c->user[i] = (unsigned)user;
    }
    assert_int_equal(r->watermark.len, 0); /* never an old one: it would be refused (WIRE 2) */
    c->streaming = r->op == EWS_OP_SUBSCRIBE && r->sub_mode == EWS_SUB_STREAMING;
    if (c->streaming) {
        m->subscribes++;
        sim_group_of(c, r);
    } else if (r->op == EWS_OP_SUBSCRIBE) {
        assert_true(gw_str_starts(r->notify_url, m->url));
        token = gw_str_sub(r->notify_url, strlen(m->url), r->notify_url.len);
        assert_int_equal(token.len, 32);
        snprintf(c->token, sizeof(c->token), "%.*s", GW_STR_ARG(token));
        m->subscribes++;
    }
    if (r->op == EWS_OP_FIND_ITEM || r->op == EWS_OP_AVAILABILITY)
        for (size_t i = 0; i < c->count; i++) {
            m->user[c->user[i]].reads += !only_hours;
            m->user[c->user[i]].hours_asked += only_hours;
            m->user[c->user[i]].fields_asked |= r->item_fields;
        }
    if (r->op == EWS_OP_FIND_ITEM)
        m->user[c->user[0]].further_read = 0;
    for (size_t i = 0; i < c->further_count && r->op == EWS_OP_FIND_ITEM; i++)
        m->user[c->user[0]].further_read |= 1u << c->further[i];
    if (r->op == EWS_OP_GET_FOLDER || r->op == EWS_OP_FIND_FOLDER)
        m->user[c->user[0]].folders_asked++;
    if (r->op == EWS_OP_FIND_FOLDER)
        assert_true(gw_str_is(r->own_folder, "own"));
    m->reads += r->op == EWS_OP_FIND_ITEM;
    m->bulks += r->op == EWS_OP_AVAILABILITY && !only_hours;
    m->hours_requests += only_hours;
    m->polls += r->op == EWS_OP_OOF;
    m->tips += r->op == EWS_OP_MAIL_TIPS;
    if (++m->in_flight > m->peak)
        m->peak = m->in_flight;
    c->gateway->requests++;
    c->gateway->ops[r->op]++;
    if (++c->gateway->in_flight > c->gateway->peak)
        c->gateway->peak = c->gateway->in_flight;
    c->status = sim_verdict(m, c);
    c->at = m->now.mono + (c->gateway->silent ? m->settings.exchange_timeout_s * 1000
                           : c->gateway->up   ? c->gateway->latency_ms
                                              : 2);
    sim_snapshot(m, c);
    if (c->status.class == EWS_OK && r->op == EWS_OP_UNSUBSCRIBE &&
        !sim_unsubscribe(m, r->subscription_id, r->anchor))
        c->status = sim_status(EWS_SUBSCRIPTION_GONE, "ErrorSubscriptionNotFound", true);
    if (c->status.class == EWS_OK && r->op == EWS_OP_SUBSCRIBE) {
        sim_sub_new(m, c);
        if (m->lose_subscribe_answers) {
            c->lost = true;
            c->status = sim_status(EWS_SERVER_DOWN, "timeout", false);
            c->at = m->now.mono + m->settings.exchange_timeout_s * 1000;
        }
    }
    gw_list_append(&m->calls, &c->link);
    return c;
}

static inline void sim_call_free(struct sim *m, struct sim_call *c)
{
    m->in_flight--;
    c->gateway->in_flight--;
    gw_list_remove(&c->link);
    for (size_t i = 0; i < c->count + c->further_count; i++)
        free(c->intervals[i]);
    free(c);
}

static inline void sim_cancel(void *ctx, void *handle)
{
    struct sim *m = ctx;
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&m->streams, it, tmp)
    {
        if (GW_CONTAINER(it, struct sim_stream, link) != handle)
            continue;
        sim_stream_free(m, handle);
        return;
    }
    sim_call_free(ctx, handle);
}

/* Gives: free(). */
static inline struct gw_item *sim_items(struct sim_call *c)
{
    struct gw_item *items, *at;
    size_t count = 0;

    for (size_t k = 0; k <= c->further_count; k++)
        count += c->calendar[k].count;
    items = at = gw_alloc((count + 1) * sizeof(*items));
    for (size_t k = 0; k <= c->further_count; k++) {
        c->calendar[k].items = at;
        c->calendar[k].item_count = c->calendar[k].count;
        for (size_t i = 0; i < c->calendar[k].count; i++)
            (at++)->interval = c->calendar[k].intervals[i];
    }
    return items;
}

static inline void sim_folders(const struct sim *m, const struct sim_call *c,
                               struct ews_folder out[SIM_FURTHER], struct ews_answer *a)
{
    static const char *const id[SIM_FURTHER] = { "further-0", "further-1", "further-2" };
    const struct sim_user *u = &m->user[c->user[0]];

    if (c->status.class != EWS_OK || (c->op != EWS_OP_GET_FOLDER && c->op != EWS_OP_FIND_FOLDER))
        return;
    a->folders = out;
    if (c->op == EWS_OP_GET_FOLDER)
        out[a->folder_count++] = (struct ews_folder){ GW_STR("own"), GW_STR("Calendar") };
    for (int i = 0; c->op == EWS_OP_FIND_FOLDER && i < SIM_FURTHER; i++)
        if (u->further[i].name)
            out[a->folder_count++] =
                (struct ews_folder){ gw_str_of(id[i]), gw_str_of(u->further[i].name) };
}

static inline void sim_answer(struct sim *m, struct sim_call *c)
{
    struct ews_answer a = { .op = c->op, .status = c->status, .oof = c->oof };
    struct sim_call copy = *c;
    struct gw_item *items = c->fields ? sim_items(&copy) : NULL;
    struct ews_folder folders[SIM_FURTHER];

    sim_told(m, c->gateway, &c->status);
    if (c->status.class == EWS_OK && c->op == EWS_OP_SUBSCRIBE)
        a.subscription_id = gw_str_of(copy.token);
    if (c->streaming)
        a.affinity = gw_str_of(copy.group);
    if (c->status.class == EWS_OK && (c->op == EWS_OP_FIND_ITEM || c->op == EWS_OP_AVAILABILITY)) {
        a.calendars = copy.calendar;
        a.calendar_count = copy.count + copy.further_count;
    }
    sim_folders(m, c, folders, &a);
    if (c->status.class == EWS_OK && c->op == EWS_OP_MAIL_TIPS) {
        a.tips = copy.tip;
        a.tip_count = copy.count - m->short_tips;
    }
    /* The handle is spent before done is called, as with the real one. */
    memset(c->intervals, 0, sizeof(c->intervals));
    sim_call_free(m, c);
    copy.done(&a, m->now, copy.ctx);
    free(items);
    for (size_t i = 0; i < copy.count + copy.further_count; i++)
        free(copy.intervals[i]);
}

static inline void sim_sub_free(struct sim_sub *sub)
{
    gw_list_remove(&sub->link);
    free(sub);
}

static inline enum ews_reply sim_post(struct sim *m, struct sim_sub *sub, bool ended)
{
    struct ews_notification n = { .subscription_id = gw_str_of(sub->id),
                                  .changes = sub->changed ? 2 : 0,
                                  .folders = sub->folders,
                                  .status_events = !sub->changed,
                                  .ended = ended,
                                  .status = sim_status(EWS_OK, "NoError", true) };

    m->posts++;
    return sched_notified(m->sched, gw_str_of(sub->token), &n, m->now);
}

static inline void sim_stream_tell(struct sim *m, struct sim_sub *sub)
{
    struct ews_notification n = { .subscription_id = gw_str_of(sub->id),
                                  .changes = 2,
                                  .folders = sub->folders,
                                  .status = sim_status(EWS_OK, "NoError", true) };

    sub->post_at = GW_NEVER;
    if (!sub->stream) {
        sim_sub_free(sub); /* nobody has read it for so long */
        return;
    }
    sub->changed = sub->folders = false;
    if (!m->lose_posts)
        sub->stream->event(&n, m->now, sub->stream->ctx);
}

static inline bool sim_one_in(struct sim *m, unsigned n)
{
    return n && sim_below(m, n) == 0;
}

/* What the network, or the server, does to what there is to tell. True: it is not told now. */
static inline bool sim_mishap(struct sim *m, struct sim_sub *sub)
{
    if (sim_one_in(m, m->drop_one_in))
        sub->changed = false;
    if (!sub->changed || sub->late || !sim_one_in(m, m->late_one_in)) {
        sub->late = false;
        return false;
    }
    sub->late = true;
    sub->post_at = m->now.mono + 100 + sim_below(m, 20000);
    return true;
}

/* At once, then after 30 s, doubled, until the next wait would pass the status frequency; then the
 * subscription is dropped without a word. */
static inline void sim_sub_due(struct sim *m, struct sim_sub *sub)
{
    bool reaches = m->sched && !m->lose_posts && sub->gateway->up && !sub->gateway->cannot_post &&
                   strcmp(sub->url, m->url) == 0;

    if (sub->streaming) {
        sim_stream_tell(m, sub);
        return;
    }
    if (!sub->gateway->up) {
        sub->post_at = m->now.mono + 1000;
        return;
    }
    if (reaches) {
        if (sim_mishap(m, sub))
            return;
        if (sub->changed && sim_one_in(m, m->double_one_in))
            (void)sim_post(m, sub, false);
        if (sim_post(m, sub, false) == EWS_REPLY_UNSUBSCRIBE) {
            m->unsubscribed++;
            sim_sub_free(sub);
            return;
        }
        sub->changed = sub->folders = false;
        sub->retry_ms = 0;
        sub->post_at = m->now.mono + sub->frequency_ms;
        return;
    }
    sub->retry_ms = sub->retry_ms ? sub->retry_ms * 2 : SIM_RETRY_MS * m->minute_ms / 60000;
    if (sub->retry_ms > sub->frequency_ms) {
        sim_sub_free(sub);
        return;
    }
    sub->post_at = m->now.mono + sub->retry_ms;
}

/* Of one of a user's calendars, by bits; 0: the own one. */
static inline void sim_touch_in(struct sim *m, unsigned user, unsigned further, bool folders)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&m->subs, it, tmp)
    {
        struct sim_sub *sub = GW_CONTAINER(it, struct sim_sub, link);

        if (sub->user != user || (further && !(sub->further & further)))
            continue;
        sub->changed = true;
        sub->folders = sub->folders || folders;
        if (sub->streaming && !sub->stream)
            continue;
        if (!sub->retry_ms && !sub->late && sub->post_at > m->now.mono + 20)
            sub->post_at = m->now.mono + 20;
    }
}

static inline void sim_touch(struct sim *m, unsigned user)
{
    sim_touch_in(m, user, 0, false);
}

/* A calendar comes, goes (NULL) or has another name. Its parent is the own one. */
static inline void sim_further_name(struct sim *m, unsigned user, unsigned i, const char *name)
{
    bool renamed = name && m->user[user].further[i].name;

    m->user[user].further[i].name = name;
    sim_touch_in(m, user, renamed ? 1u << i : 0, true);
}

static inline void sim_further_add(struct sim *m, unsigned user, unsigned i, gw_utc start,
                                   gw_utc end)
{
    struct sim_further *f = &m->user[user].further[i];

    assert_in_range(f->count, 0, SIM_FURTHER_ITEMS - 1);
    f->item[f->count++] = (struct gw_interval){ .start = start, .end = end, .busy = GW_BUSY_BUSY };
    sim_touch_in(m, user, 1u << i, false);
}

static inline void sim_add(struct sim *m, unsigned user, gw_utc start, gw_utc end,
                           enum gw_busy busy)
{
    struct sim_user *u = &m->user[user];

    assert_in_range(u->count, 0, SIM_ITEMS - 1);
    u->item[u->count++] =
        (struct gw_interval){ .start = start, .end = end, .busy = (unsigned char)busy };
    sim_touch(m, user);
}

static inline void sim_clear(struct sim *m, unsigned user)
{
    m->user[user].count = 0;
    sim_touch(m, user);
}

/* Server processes of a CAS gone and back: it remembers no subscription. */
static inline void sim_forget_subs(struct sim *m, const struct sim_gateway *g)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&m->subs, it, tmp)
    {
        struct sim_sub *sub = GW_CONTAINER(it, struct sim_sub, link);

        if (sub->gateway == g)
            sim_sub_free(sub);
    }
}

static inline unsigned sim_subs_of(const struct sim *m, unsigned user)
{
    const struct gw_list *it;
    unsigned n = 0;

    for (it = m->subs.next; it != &m->subs; it = it->next)
        n += ((const struct sim_sub *)it)->user == user;
    return n;
}

static inline struct sim_sub *sim_sub_of(const struct sim *m, unsigned user)
{
    struct gw_list *it;

    for (it = m->subs.next; it != &m->subs; it = it->next) {
        if (((struct sim_sub *)it)->user == user)
            return (struct sim_sub *)it;
    }
    return NULL;
}

#endif

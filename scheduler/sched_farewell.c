/* Subscriptions of streams that are nobody's any more, and are told to end. Exchange would keep what
 * nobody reads for half an hour, charged to the mailbox; so each is asked for again until it has
 * worked, or until that time is over. They are stored, and asked for after a restart too.
 *
 *     READY --turn--> IN FLIGHT --done, or gone--> (end)
 *       ^                | failed
 *       '----- time ---- LATER                     any of them --half an hour--> (end)
 *
 * Any server of the organisation hands on to where the subscription is: when its gateway is gone
 * another one asks, and when there is none the next one that comes. */
#include "sched_priv.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "gw_bytes.h"
#include "gw_log.h"
#include "gw_mem.h"

enum {
    /* WIRE 4; and the time until a connection that still reads it is closed. */
    FORGOTTEN_MIN = 31,
    FAREWELLS_MAX = 100000, /* as many as users; then the oldest end by themselves */
    SHARE = 4,              /* of what may be in flight: one in so many, but one in any case */
    RETRY_FIRST_MS = 1000,
    RETRY_MAX_MS = 5 * GW_MINUTE_MS,
    TRIES_PER_GATEWAY = 3,
    SLOW_MIN = 10, /* a right that is missing, a mailbox that is gone */
    KEY_LEN = 16
};

/* ---- records ---- */

/* An id can be longer than a key. */
static void save(struct sched *s, const struct sched_farewell *f, bool keep)
{
    const struct sched_farewell_record r = { .gateway = f->gateway ? f->gateway->name
                                                                   : (struct gw_str){ 0 },
                                             .mailbox = f->mailbox,
                                             .id = f->id,
                                             .anchor = f->anchor,
                                             .affinity = f->affinity,
                                             .over = s->now.utc + (f->over - s->now.mono) };
    struct gw_buf key, text;

    if (!s->callbacks.save)
        return;
    gw_buf_init(&key, KEY_LEN);
    gw_buf_init(&text, SCHED_RECORD_MAX);
    gw_buf_addf(&key, "%016llx", (unsigned long long)gw_hash_stable(f->id));
    if (keep)
        sched_farewell_record_write(&r, &text);
    s->callbacks.save(SCHED_RECORD_FAREWELL, gw_buf_str(&key), (struct gw_str){ 0 },
                      keep ? gw_buf_str(&text) : (struct gw_str){ 0 }, s->callbacks.ctx);
    gw_buf_done(&text);
    gw_buf_done(&key);
}

/* ---- life ---- */

static struct gw_str put_text(char **to, struct gw_str from)
{
    struct gw_str text = { *to, from.len };

    if (from.len)
        memcpy(*to, from.p, from.len);
    *to += from.len;
    return text;
}

static struct sched_farewell *farewell_new(struct sched *s, const struct sched_farewell_record *r,
                                           gw_time over)
{
    struct sched_farewell *f =
        gw_alloc(sizeof(*f) + r->mailbox.len + r->id.len + r->anchor.len + r->affinity.len);
    char *text = f->text;

    f->over = over;
    f->mailbox = put_text(&text, r->mailbox);
    f->id = put_text(&text, r->id);
    f->anchor = put_text(&text, r->anchor);
    f->affinity = put_text(&text, r->affinity);
    gw_list_init(&f->link);
    s->farewells.count++;
    return f;
}

static struct sched_farewells *place_of(struct sched *s, const struct sched_farewell *f)
{
    return f->gateway ? &f->gateway->farewells : &s->farewells.homeless;
}

static void leave(struct sched *s, struct sched_farewell *f)
{
    if (f->is_ready)
        place_of(s, f)->ready_count--;
    f->is_ready = false;
    gw_list_remove(&f->link);
    gw_heap_remove(&s->farewells.due, &f->due);
}

static void farewell_free(struct sched *s, struct sched_farewell *f)
{
    leave(s, f);
    if (!--s->farewells.count)
        s->farewells.is_full = false;
    free(f);
}

static void end(struct sched *s, struct sched_farewell *f)
{
    save(s, f, false);
    farewell_free(s, f);
}

static void ready(struct sched *s, struct sched_farewell *f, struct sched_gateway *g)
{
    struct sched_farewells *place;

    leave(s, f);
    f->gateway = g;
    f->is_ready = true;
    place = place_of(s, f);
    gw_list_append(&place->ready, &f->link);
    place->ready_count++;
    gw_heap_set(&s->farewells.due, &f->due, f->over);
    sched_want_tick(s, g ? s->now.mono : f->over);
}

static void later(struct sched *s, struct sched_farewell *f, struct sched_gateway *g,
                  gw_time wait_ms)
{
    gw_time at = gw_time_after(s->now.mono, wait_ms);

    leave(s, f);
    f->gateway = g;
    gw_list_append(&place_of(s, f)->later, &f->link);
    gw_heap_set(&s->farewells.due, &f->due, at < f->over ? at : f->over);
    sched_want_tick(s, f->due.at);
}

/* The one that Exchange forgets first, or nearly. */
static void make_room(struct sched *s)
{
    struct gw_due *first = gw_heap_first(&s->farewells.due);

    if (s->farewells.count < FAREWELLS_MAX || !first)
        return;
    if (!s->farewells.is_full)
        gw_warn("sched",
                "more than %d subscriptions are to be ended: the oldest are left to end "
                "by themselves, within half an hour",
                FAREWELLS_MAX);
    s->farewells.is_full = true;
    end(s, GW_CONTAINER(first, struct sched_farewell, due));
}

void sched_farewells_init(struct sched_farewells *place)
{
    gw_list_init(&place->ready);
    gw_list_init(&place->later);
}

void sched_farewells_done(struct sched *s)
{
    struct gw_due *first;

    while ((first = gw_heap_first(&s->farewells.due)))
        farewell_free(s, GW_CONTAINER(first, struct sched_farewell, due));
    gw_heap_done(&s->farewells.due);
}

/* ---- coming ---- */

static struct sched_gateway *another(struct sched *s, struct sched_gateway *g)
{
    struct sched_gateway *heir = sched_pool_heir(s, g);

    return heir ? heir : g;
}

static void farewell(struct sched *s, struct sched_gateway *g,
                     const struct sched_farewell_record *r, gw_time over)
{
    struct sched_farewell *f;

    make_room(s);
    if (!g || !sched_gateway_is_usable(g))
        g = another(s, g);
    f = farewell_new(s, r, over);
    ready(s, f, g);
    save(s, f, true);
}

static void member_leaves(const struct sched_user *u, const char *anchor, const char *affinity)
{
    struct sched *s = u->sub.stream->s;
    const struct sched_farewell_record r = { .mailbox = gw_str_of(u->mailbox),
                                             .id = gw_str_of(u->sub.id),
                                             .anchor = gw_str_of(anchor),
                                             .affinity = gw_str_of(affinity ? affinity : "") };

    if (u->sub.id)
        farewell(s, u->sub.stream->gateway, &r,
                 gw_time_after(s->now.mono, sched_minutes(s, FORGOTTEN_MIN)));
}

void sched_farewell_add(const struct sched_user *u)
{
    if (u->sub.stream)
        member_leaves(u, u->sub.stream->anchor, u->sub.stream->affinity);
}

void sched_farewell_stray(const struct sched_user *u)
{
    if (u->sub.stream)
        member_leaves(u, u->mailbox, NULL);
}

bool sched_farewell_restore(struct sched *s, const struct sched_farewell_record *r)
{
    gw_time most = sched_minutes(s, FORGOTTEN_MIN), left = r->over - s->now.utc;

    if (left <= 0)
        return false;
    farewell(s, sched_gateway_find(s, r->gateway), r,
             gw_time_after(s->now.mono, left < most ? left : most));
    return true;
}

/* Its record does not say the mailbox; the anchor's is on the same server, and the account's own. */
void sched_farewell_to(struct sched *s, const struct sched_sub_record *r)
{
    const struct sched_farewell_record farewell_to = { .gateway = r->gateway,
                                                       .mailbox = r->anchor,
                                                       .id = r->id,
                                                       .anchor = r->anchor,
                                                       .affinity = r->affinity,
                                                       .over = r->heard +
                                                               sched_minutes(s, FORGOTTEN_MIN) };

    if (r->mode == SCHED_MODE_STREAMING)
        (void)sched_farewell_restore(s, &farewell_to);
}

/* ---- going ---- */

bool sched_farewell_may_begin(const struct sched_gateway *g)
{
    const struct sched_farewells *place = &g->farewells;

    return place->ready_count && place->in_flight * SHARE < g->window;
}

struct sched_farewell *sched_farewell_take(struct sched *s, struct sched_gateway *g)
{
    struct sched_farewell *f = GW_CONTAINER(g->farewells.ready.next, struct sched_farewell, link);

    assert(f->is_ready);
    leave(s, f);
    g->farewells.in_flight++;
    return f;
}

void sched_farewell_cancelled(struct sched *s, struct sched_farewell *f)
{
    f->gateway->farewells.in_flight--;
    ready(s, f, f->gateway);
}

/* 1 s, 2 s, 4 s ... */
static gw_time backoff_ms(unsigned tries)
{
    gw_time ms = RETRY_FIRST_MS;

    while (--tries && ms < RETRY_MAX_MS)
        ms *= 2;
    return ms < RETRY_MAX_MS ? ms : RETRY_MAX_MS;
}

void sched_farewell_answered(struct sched *s, struct sched_farewell *f,
                             const struct ews_status *status)
{
    struct sched_gateway *g = f->gateway;
    enum sched_action action = sched_rule_of(status->class)->action;

    g->farewells.in_flight--;
    if (sched_rule_effect(status) == SCHED_EFFECT_REFUSED)
        action = SCHED_ACTION_WAIT;
    if (f->tries < UINT8_MAX)
        f->tries++;
    switch (action) {
    case SCHED_ACTION_DONE:
    case SCHED_ACTION_RENEW: /* it is gone */
        end(s, f);
        break;
    case SCHED_ACTION_WAIT:
        ready(s, f, g);
        break;
    case SCHED_ACTION_MOVE:
        later(s, f, another(s, g), backoff_ms(f->tries));
        break;
    case SCHED_ACTION_RETRY:
    case SCHED_ACTION_LIMIT:
    case SCHED_ACTION_NARROW:
        later(s, f, f->tries % TRIES_PER_GATEWAY ? g : another(s, g), backoff_ms(f->tries));
        break;
    case SCHED_ACTION_SLOW:
        later(s, f, g, sched_minutes(s, SLOW_MIN));
        break;
    }
}

/* ---- time, and gateways that come and go ---- */

void sched_farewells_tick(struct sched *s)
{
    struct gw_due *due;

    for (int n = 0; n < SCHED_SLICE && (due = gw_heap_pop_due(&s->farewells.due, s->now.mono));
         n++) {
        struct sched_farewell *f = GW_CONTAINER(due, struct sched_farewell, due);

        if (f->over <= s->now.mono)
            end(s, f);
        else
            ready(s, f, f->gateway);
    }
}

static void pass_on(struct sched *s, struct gw_list *from, struct sched_gateway *to)
{
    while (!gw_list_is_empty(from))
        ready(s, GW_CONTAINER(from->next, struct sched_farewell, link), to);
}

void sched_farewells_pass_on(struct sched *s, struct sched_gateway *from, struct sched_gateway *to)
{
    struct sched_farewells *place = from ? &from->farewells : &s->farewells.homeless;

    pass_on(s, &place->ready, to);
    pass_on(s, &place->later, to);
}

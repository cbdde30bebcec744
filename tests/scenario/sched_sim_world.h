/* What there is in the simulation: servers, mailboxes, subscriptions, and who owns the scheduler. */
#ifndef SCHED_SIM_WORLD_H
#define SCHED_SIM_WORLD_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "bridge.h"
#include "gw_list.h"
#include "scheduler.h"

enum {
    SIM_GATEWAYS = 4,
    SIM_ITEMS = 24,
    SIM_RECURRING = 40, /* occurrences in one window */
    SIM_TOKEN = 64,
    SIM_FURTHER = 3, /* calendars that a user may have besides its own */
    SIM_FURTHER_ITEMS = 4,
    SIM_RETRY_MS = 30 * 1000 /* first of Exchange's retries of a notification */
};

#define SIM_EPOCH INT64_C(1796083200000) /* 2026-12-01T00:00:00Z, a Tuesday */

struct sim_gateway {
    char name[32];
    bool up;               /* connections are answered */
    bool silent;           /* nothing comes back: the request times out */
    bool cannot_post;      /* notifications from it do not reach us */
    bool no_streaming;     /* it is too old */
    bool streams_are_held; /* something on the way keeps what streams say to itself */
    struct ews_status refuse[EWS_OP_COUNT]; /* by enum ews_op: what it answers; EWS_OK: properly */
    gw_time throttled_until;
    gw_time quiet_until; /* to the millisecond as it was told: no request may come before */
    char *back_off;      /* the record; NULL: none */
    int64_t throttle_ms; /* said to each request while throttled */
    unsigned most;       /* requests at once, above: connection limit; 0: no limit */
    int64_t latency_ms;
    unsigned in_flight, peak, requests, early; /* early: came while throttled, after it was told */
    bool told;
    unsigned ops[EWS_OP_COUNT]; /* streams among them */
};

enum {
    SIM_HEARTBEAT_MS = 45 * 1000,
    SIM_STREAM_SILENCE_MS = 2 * SIM_HEARTBEAT_MS, /* then the client gives up */
    SIM_STREAM_MS = 30 * GW_MINUTE_MS, /* then the server ends it, and forgets who is unread */
    SIM_AFFINITY = 96
};

struct sim_stream {
    struct gw_list link;
    struct sim_gateway *gateway;
    gw_time speak_at, end_at;
    struct ews_status end; /* EWS_OK: closed */
    struct gw_str bad_ids[EWS_STREAM_IDS_MAX];
    char bad_text[EWS_STREAM_IDS_MAX][24];
    size_t bad_count;
    sched_event_fn *event;
    sched_answer_fn *done;
    void *ctx;
};

struct sim_sub {
    struct gw_list link;
    bool streaming;
    char group[SIM_AFFINITY];  /* streaming: whose server it lives on */
    struct sim_stream *stream; /* NULL: unread */
    gw_time unread_since;
    char id[24], token[SIM_TOKEN], url[64];
    struct sim_gateway *gateway;
    unsigned user;
    unsigned further; /* bits: the calendars that it is of besides the own one */
    int64_t frequency_ms;
    bool changed, folders;
    bool late;        /* what it has to say has waited already */
    gw_time post_at;  /* next notification or status event */
    int64_t retry_ms; /* 0: not retrying */
};

struct sim_further {
    const char *name; /* NULL: it is not there */
    bool refused;     /* nobody may read it */
    bool failing;     /* what asks for it fails, for now */
    bool busy;        /* the server says that it is, when it is read */
    struct gw_interval item[SIM_FURTHER_ITEMS];
    size_t count;
};

struct sim_user {
    struct gw_interval item[SIM_ITEMS];
    size_t count;
    char name[48], mailbox[48];
    struct sim_further further[SIM_FURTHER];
    unsigned folders_asked; /* for which calendars there are: requests */
    unsigned further_read;  /* bits: of those that were in the last reading */
    struct gw_oof oof;
    struct ews_status refuse[EWS_OP_COUNT]; /* by enum ews_op */
    bool no_free_busy;                      /* bulk reading is refused for this one */
    bool no_reply_text;                     /* mail tips do not show the automatic reply */
    bool tip_pending, tip_refused;
    bool enabled;
    unsigned not_at; /* bits: gateways that cannot serve the mailbox */
    unsigned home;   /* the mailbox server: what is streamed lives there */
    bool no_home;    /* what is streamed is never found again */
    /* the owner */
    bool published;
    struct pres_calendar shown;
    uint64_t shown_mark;
    unsigned reads, fields_asked; /* the fields of all its reads */
    const struct gw_hours *hours; /* NULL: Exchange tells none */
    unsigned hours_asked;         /* by themselves */
    unsigned changed, due, shows, sought;
    gw_utc shown_at; /* of the last difference */
    char *record[2];
    /* the oracle */
    gw_time wrong_since, behind_since;
};

struct sim_record { /* that is no user's */
    struct gw_list link;
    char *key, *value;
};

struct sim_call {
    struct gw_list link;
    gw_time at;
    struct sim_gateway *gateway;
    enum ews_op op;
    unsigned user[EWS_AVAILABILITY_MAX];
    size_t count;
    gw_utc from, to;
    unsigned fields; /* asked of items */
    unsigned char further[SIM_FURTHER];
    size_t further_count;
    bool hours; /* asked for */
    char token[SIM_TOKEN], group[SIM_AFFINITY];
    bool streaming;
    unsigned frequency_min;
    struct ews_status status;
    bool lost; /* done by the server, but the answer does not come */
    struct ews_calendar calendar[EWS_AVAILABILITY_MAX];
    struct gw_interval *intervals[EWS_AVAILABILITY_MAX];
    struct gw_oof oof;
    struct ews_tip tip[EWS_MAIL_TIPS_MAX];
    sched_answer_fn *done;
    void *ctx;
};

struct sim {
    struct sched *sched;
    struct sched_settings settings;
    struct gw_now now;
    uint64_t random;
    struct sim_gateway gateway[SIM_GATEWAYS];
    size_t gateways;
    struct sim_user *user;
    size_t users;
    struct gw_list calls, subs, streams;
    struct gw_list records;
    unsigned streams_opened, farewells;
    unsigned serial, in_flight, peak;
    bool lose_posts; /* notifications do not reach us */
    /* One in so many changes is never told of, is told twice, or later; 0: none. Changes of two users
     * that are told later come in another order. */
    unsigned drop_one_in, double_one_in, late_one_in;
    /* More of a user's calendar, what overlaps [from, to): at most SIM_RECURRING. May be NULL. */
    size_t (*recurring)(const void *ctx, unsigned user, gw_utc from, gw_utc to,
                        struct gw_interval *out);
    const void *recurring_ctx;
    bool lose_subscribe_answers;
    bool without_streams;
    bool short_tips;     /* the answer lacks the last one */
    bool bulk_is_poor;   /* bulk reading shows neither free items nor what kind an item is of */
    bool truncate_above; /* more than truncate items are held back */
    size_t truncate;
    unsigned hours_requests;
    void (*early_want)(struct sim *m);               /* before records are restored; may be NULL */
    void (*on_hours)(struct gw_str user, void *ctx); /* may be NULL */
    unsigned posts, unsubscribed, subscribes, reads, bulks, polls, tips, wakes;
    char url[64];
    int64_t minute_ms;
    unsigned short tag; /* of every item that is looked at */
    struct bridge_policy *policy;
    struct bridge_texts *texts;
    struct bridge_voice *voice;
    unsigned check_failures;
    int64_t longest_wrong, longest_behind;
    uint64_t checks;
};

/* ---- small things ---- */

static inline uint64_t sim_random(struct sim *m)
{
    m->random ^= m->random << 13;
    m->random ^= m->random >> 7;
    m->random ^= m->random << 17;
    return m->random;
}

static inline unsigned sim_below(struct sim *m, unsigned n)
{
    return (unsigned)((sim_random(m) >> 20) % n);
}

static inline struct gw_str sim_name(const struct sim *m, unsigned user)
{
    return gw_str_of(m->user[user].name);
}

static inline int sim_user_of(const struct sim *m, struct gw_str name)
{
    for (size_t i = 0; i < m->users; i++) {
        if (gw_str_is(name, m->user[i].name) || gw_str_is(name, m->user[i].mailbox))
            return (int)i;
    }
    return -1;
}

static inline struct sim_gateway *sim_gateway_of(struct sim *m, struct gw_str name)
{
    for (size_t i = 0; i < m->gateways; i++) {
        if (gw_str_is(name, m->gateway[i].name))
            return &m->gateway[i];
    }
    return NULL;
}

static inline struct ews_status sim_status(enum ews_class class, const char *code, bool alive)
{
    struct ews_status s = { .class = class, .alive = alive };

    snprintf(s.code, sizeof(s.code), "%s", code);
    snprintf(s.text, sizeof(s.text), "the simulation says %s", code);
    return s;
}

#endif

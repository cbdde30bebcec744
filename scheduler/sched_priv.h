/* What the scheduler's own files share. One concern, one struct, one file; each touches another's
 * through the functions below. What happens to a user is the sum of its jobs:
 *
 *   a job: IDLE --want--> DELAYED --time--> WAITING --budget--> RUNNING --answer--> IDLE
 *                            '<------------- failure, told by sched_rule.c ------------'
 */
#ifndef SCHED_PRIV_H
#define SCHED_PRIV_H

#include "gw_heap.h"
#include "gw_list.h"
#include "gw_map.h"
#include "sched_record.h"
#include "scheduler.h"

struct sched_gateway;
struct sched_user;
struct sched_call;
struct sched_stream;
struct sched_folders;

/* ---- jobs: what a user needs from Exchange ---- */

enum sched_kind { SCHED_SUBSCRIBE, SCHED_READ, SCHED_OOF, SCHED_HOURS, SCHED_FOLDERS };
enum { SCHED_KINDS = 5 };

enum sched_job_state {
    SCHED_JOB_IDLE,
    SCHED_JOB_DELAYED, /* until a moment */
    SCHED_JOB_WAITING, /* in a queue, for its turn */
    SCHED_JOB_RUNNING  /* a request is in flight */
};

struct sched_queue;

struct sched_job {
    struct gw_due due; /* DELAYED: monotonic moment; WAITING: the same as wanted_by */
    gw_time wanted_by; /* earliest first: so that nobody starves */
    union {
        struct sched_queue *queue; /* WAITING */
        struct sched_call *call;   /* RUNNING */
    } in;
    unsigned char kind, state;
    unsigned char lane;  /* WAITING: of the queue */
    unsigned char tries; /* failures in a row */
    bool again;          /* wanted anew while it was running */
};

/* Jobs by what can go out together, the earliest first. */
enum { SCHED_LANE_SINGLE_READ = SCHED_KINDS, SCHED_LANE_TIPS, SCHED_LANES };
struct sched_queue {
    /* By enum sched_kind. READ, HOURS: can be read in bulk; OOF: exactly; TIPS: can be asked for in bulk. */
    struct gw_heap lane[SCHED_LANES];
    size_t len;
};

/* ---- subscription ---- */

enum { SCHED_TOKEN_LEN = SCHED_RECORD_TOKEN_LEN, SCHED_TOKEN_TEXT = 2 * SCHED_TOKEN_LEN + 1 };

enum sched_doubt { /* why a subscription is to be replaced */
                   SCHED_DOUBT_NONE,
                   SCHED_DOUBT_SILENT,
                   SCHED_DOUBT_GATEWAY,   /* its server is gone */
                   SCHED_DOUBT_MOVED,     /* its server cannot serve the mailbox */
                   SCHED_DOUBT_URL,       /* another notification address */
                   SCHED_DOUBT_FREQUENCY, /* another status frequency; as good as ever till then */
                   SCHED_DOUBT_CALM,      /* moved by choice; as good as ever till then */
                   SCHED_DOUBT_MODE,      /* to be one of another kind; as good as ever till then */
                   SCHED_DOUBT_FOLDERS,   /* of other calendars; as good as ever till then */
                   SCHED_DOUBT_ENDED      /* told by Exchange */
};

struct sched_sub {
    unsigned char token[SCHED_TOKEN_LEN], pending[SCHED_TOKEN_LEN];
    bool has_token, has_pending, pending_heard;
    bool proven;                      /* heard from; streaming: by a stream that it is on */
    bool left;                        /* it is on a gateway that its user is not on any more */
    unsigned char mode, pending_mode; /* enum sched_mode */
    unsigned char state;              /* enum sched_sub_state */
    unsigned char doubt;              /* enum sched_doubt */
    unsigned char short_lives;        /* in a row: ended as soon as they were made */
    unsigned char rank;               /* streaming: the groups below were not its own */
    unsigned char strays;             /* ... and it was no member of so many, in a row */
    unsigned short frequency_min, pending_frequency_min;
    unsigned url_generation, pending_url_generation;
    uint32_t folders, pending_folders; /* sched_folders_mark() when it was made */
    struct gw_due silence; /* monotonic; not moved when something is heard, but looked at again */
    gw_time heard, saved;  /* saved: what the store knows of heard */
    gw_utc since;
    char *id, *pending_id;
    struct sched_stream *stream, *pending_stream; /* that it is on; where a place is reserved */
    struct gw_list member;                        /* of the stream */
};

/* ---- user ---- */

enum sched_move {
    SCHED_STAYS,
    SCHED_MOVES, /* its gateway is gone, or cannot serve it: as soon as another one has room */
    SCHED_MOVES_CALMLY /* by choice: to the gateway with the fewest users */
};

struct sched_data { /* what is known */
    struct gw_interval *intervals;
    unsigned short count; /* SCHED_INTERVALS_MAX */
    bool stale, oof_known;
    uint32_t mark; /* of what was wanted when they were read */
    gw_utc from, to, read_at, oof_read_at;
    struct gw_oof oof;
    const struct gw_hours *hours; /* of sched_hours.c; NULL: not known */
    gw_time verified;             /* monotonic: known to be right then */
    gw_time asked;                /* monotonic: of the last answer that was taken */
};

struct sched_replies {       /* how automatic replies are asked for */
    bool exact;              /* the next time by themselves; else with others, if there are some */
    unsigned char same_kind; /* polls of the same kind in a row */
};

struct sched_user {
    struct gw_list link;    /* sched.users */
    struct gw_list member;  /* of its gateway */
    struct gw_list changed; /* the owner is to be told */
    struct gw_list astray;  /* the owner is to be asked */
    struct sched_gateway *gateway;
    uint64_t grouping;         /* a hash; 0: unknown */
    gw_time sought_at;         /* monotonic: the owner was asked for its server; 0: never */
    unsigned char moving;      /* enum sched_move */
    bool choosy;               /* one gateway could not serve it: it is not moved by choice */
    unsigned char narrow;      /* the window is narrowed so many times */
    unsigned char bulk_failed; /* this mailbox alone failed in bulk so many times */
    struct sched_replies replies;
    unsigned char error_kind;      /* of error */
    unsigned char hours;           /* enum sched_hours: whether they are wanted */
    unsigned char fields;          /* wanted of items */
    bool want_is_known;            /* it was said once, be it that nothing is wanted */
    bool unread_told;              /* Exchange has told of what is unread */
    uint32_t mark;                 /* of what they are wanted for */
    uint32_t hash;                 /* the same on every machine, in every run */
    struct sched_folders *folders; /* NULL: no further calendars are wanted */
    struct sched_job job[SCHED_KINDS];
    struct sched_sub sub;
    struct sched_data data;
    struct gw_due due, roll; /* UTC */
    struct gw_due freshness; /* monotonic */
    gw_time unread;          /* monotonic: a change may be unread since; GW_NEVER: none */
    char *error;
    gw_utc error_at;
    char *mailbox; /* it may be the name */
    uint32_t name_len;
    char name[];
};

static inline struct gw_str sched_user_name(const struct sched_user *u)
{
    return (struct gw_str){ u->name, u->name_len };
}

static inline struct sched_user *sched_job_user(struct sched_job *job)
{
    return GW_CONTAINER(job - job->kind, struct sched_user, job);
}

/* ---- the concerns ---- */

struct sched_farewells { /* struct sched_farewell of one gateway, or of none */
    struct gw_list ready, later;
    size_t ready_count, in_flight;
};

struct sched_pool {
    struct gw_list gateways;     /* in the order in which they were put */
    struct sched_gateway *turn;  /* the last one that was given a user */
    struct sched_queue homeless; /* jobs of users whose gateway is still to be found */
    gw_time balance_at;          /* when the balance is looked at */
};

struct sched_budget {
    size_t in_flight;
    struct gw_heap delays; /* monotonic: jobs that are DELAYED */
};

struct sched_subs {
    struct gw_map *by_token; /* raw bytes -> user */
    struct gw_heap silence;  /* monotonic */
    struct gw_heap streams;  /* monotonic: to be opened */
    char *notify_url;
    unsigned url_generation;
    unsigned streams_resumed;
    size_t live[SCHED_MODES];
};

struct sched_parting {
    struct gw_heap due; /* monotonic: tried again, or over */
    struct sched_farewells homeless;
    size_t count; /* of all */
    bool is_full; /* has been said */
};

struct sched_dues {
    struct gw_heap moments; /* UTC */
    int64_t clock_offset;   /* utc - mono, the greatest since the last step back */
    bool clock_known;
};

struct sched_count { /* what is known only by looking at everybody */
    size_t stale;
    struct gw_histogram age_s;
};

struct sched_tally {
    struct sched_count under_way, last;
};

struct sched_census {
    size_t pos; /* in by_name */
    gw_time next_at;
    struct sched_tally tally; /* of all */
    bool is_known;            /* tally.last */
};

struct sched {
    struct sched_exchange exchange;
    struct sched_callbacks callbacks;
    struct sched_settings settings;
    int64_t minute_ms;
    struct gw_now now;      /* of the call that is under way, or was last */
    gw_time sleep_until;    /* what the owner was told, or would be */
    bool ticking, restless; /* restless: tick again at once */

    struct gw_map *by_name;
    struct gw_list users, patterns;          /* of working hours */
    struct gw_list changed, astray, removed; /* told, asked and freed in the next tick */

    struct sched_pool pool;
    struct sched_budget budget;
    struct sched_subs subs;
    struct sched_parting farewells;
    struct sched_dues dues;
    struct gw_heap rolls;     /* UTC: calendar windows to roll forward */
    struct gw_heap freshness; /* monotonic */
    size_t restored;          /* users to validate, for their turn */
    struct sched_census census;

    struct sched_counters counters;
};

/* scheduler.c */
void sched_want_tick(struct sched *s, gw_time at);
void sched_changed(struct sched *s, struct sched_user *u);
/* No gateway serves it: the owner is asked, but not all the time, whatever became of its answer. */
void sched_astray(struct sched *s, struct sched_user *u);
void sched_error_set(struct sched *s, struct sched_user *u, enum sched_kind kind,
                     const struct ews_status *status);
void sched_error_clear(struct sched *s, struct sched_user *u, enum sched_kind kind);
struct sched_user *sched_user_find(const struct sched *s, struct gw_str name);
gw_time sched_minutes(const struct sched *s, int64_t minutes);

/* ---- sched_job.c ---- */
const char *sched_kind_name(enum sched_kind kind); /* "subscribe" */

/* Not before 'at'. What was wanted sooner already stays so; wanted while running: once more. */
void sched_job_want(struct sched *s, struct sched_job *job, gw_time at, gw_time wanted_by);
/* The same, and there is a reason to try soon what has failed before: its back-off is cut short. */
void sched_job_hasten(struct sched *s, struct sched_job *job, gw_time at, gw_time wanted_by);
/* As told, whatever was before; not for a job that is running. */
void sched_job_delay(struct sched *s, struct sched_job *job, gw_time at, gw_time wanted_by);
void sched_job_queue(struct sched *s, struct sched_job *job); /* in its place, or another one now */
void sched_job_cancel(struct sched *s, struct sched_job *job);
void sched_jobs_fire(struct sched *s); /* delays that are over */

void sched_queue_add(struct sched_queue *q, struct sched_job *job);
void sched_queue_remove(struct sched_job *job);
struct sched_job *sched_queue_first(const struct sched_queue *q);
void sched_queue_done(struct sched_queue *q);

/* The user's next turn in something that comes again and again. Turns are few and far between, so
 * that users are asked for together; in each there are equally many. */
gw_time sched_turn_next(const struct sched *s, const struct sched_user *u, gw_time interval_ms);

/* When work that is not urgent is wanted: before the user's next due moment. */
gw_time sched_wanted_calmly(const struct sched *s, const struct sched_user *u);

/* ---- sched_pool.c: gateways, their health, who is on which ---- */

struct sched_way {            /* how changes reach us */
    unsigned char mode;       /* enum sched_mode: what new subscriptions are made for */
    unsigned char mute;       /* stand and were never heard from, in a row */
    unsigned char retries;    /* of a better mode, in vain */
    gw_time proven_at;        /* a push subscription was heard from for the first time */
    gw_time retry_at;         /* or when the scout has tried long enough */
    struct sched_user *scout; /* NULL: nobody tries */
};

struct sched_gateway {
    struct gw_list link; /* sched_pool.gateways */
    struct gw_list users, calls;
    size_t user_count, subscribed; /* subscribed: those of them that are live */
    enum sched_gateway_state state;
    gw_utc since;
    unsigned failures; /* in a row */
    gw_time failed_at; /* monotonic: when it was no longer usable */
    gw_time lost_at;   /* monotonic: since then it may have been started anew; 0: it has not */
    gw_time renewed_at;
    gw_time probe_at, evacuate_at;
    bool drained;
    bool no_tips; /* it knows no GetMailTips */

    struct sched_way way;
    struct gw_list streams;
    struct sched_farewells farewells;
    unsigned probes; /* in vain */
    bool probing;

    /* budget */
    struct sched_queue line;   /* bounded by the Exchange Queue */
    struct sched_queue marked; /* remembered */
    size_t in_flight, window, credit;
    gw_time halved_at, backoff_until;   /* 0: not throttled */
    struct sched_back_off_record saved; /* not before backoff_until; zero: there is none */
    unsigned push_backs_in_row;

    uint64_t requests, failed, retries, push_backs, reads, notifications;
    struct gw_histogram request_ms, due_late_ms;
    struct sched_tally tally; /* of its users */
    char *error;
    struct gw_str name;
    char name_text[];
};

static inline bool sched_gateway_is_usable(const struct sched_gateway *g)
{
    return g->state == SCHED_GATEWAY_NEW || g->state == SCHED_GATEWAY_UP;
}

static inline bool sched_gateway_takes_users(const struct sched_gateway *g)
{
    return sched_gateway_is_usable(g) && !g->drained;
}

static inline struct gw_str sched_user_gateway_name(const struct sched_user *u)
{
    return u->gateway ? u->gateway->name : (struct gw_str){ 0 };
}

struct sched_gateway *sched_gateway_find(const struct sched *s, struct gw_str name);
size_t sched_pool_usable(const struct sched *s);
/* The next one after g, if possible one that can be asked now. NULL: there is no other. */
struct sched_gateway *sched_pool_heir(struct sched *s, struct sched_gateway *g);
/* Another one than g (NULL: any) that takes users. */
bool sched_pool_has_other(const struct sched *s, const struct sched_gateway *g);
void sched_user_assign(struct sched *s, struct sched_user *u, struct sched_gateway *g);
/* The next of the pool in turn that 'fits'; for a user that is moving another one than its own, if
 * there is any. */
typedef bool sched_fits_fn(const struct sched *s, const struct sched_gateway *g);
struct sched_gateway *sched_pool_next(struct sched *s, const struct sched_user *u,
                                      sched_fits_fn *fits);
/* It stays where it is after all, if that is possible. False: it moves on. */
bool sched_user_settle(struct sched *s, struct sched_user *u);
/* Away from its gateway; its subscription is made again. */
void sched_user_move(struct sched *s, struct sched_user *u, enum sched_doubt why);
void sched_user_move_calmly(struct sched *s, struct sched_user *u);
void sched_gateway_answered(struct sched *s, struct sched_gateway *g,
                            const struct ews_status *status);
void sched_pool_suspect(struct sched *s, struct sched_gateway *g); /* it is probed */
void sched_pool_tick(struct sched *s);
gw_time sched_pool_deadline(const struct sched *s);
void sched_pool_done(struct sched *s);

/* ---- sched_balance.c: moves by choice ---- */
void sched_balance_tick(struct sched *s);
gw_time sched_balance_deadline(const struct sched *s);
/* A gateway takes users again, or no longer. */
void sched_balance_look(struct sched *s, gw_time at);

/* ---- sched_budget.c: how much at once ---- */
void sched_budget_init(struct sched_gateway *g);
void sched_budget_started(struct sched *s, struct sched_gateway *g);
void sched_budget_ended(struct sched *s, struct sched_gateway *g);
bool sched_budget_is_open(const struct sched *s, const struct sched_gateway *g);
void sched_budget_quick(struct sched *s, struct sched_gateway *g, gw_time started);
/* Nothing is asked of it for so long, not even by a probe; a longer time that was told before holds. */
void sched_budget_quiet(struct sched *s, struct sched_gateway *g, int64_t backoff_ms);
void sched_budget_unquiet(struct sched *s, struct sched_gateway *g); /* and its record is deleted */
/* False: it is over. */
bool sched_budget_restore(struct sched *s, struct sched_gateway *g,
                          const struct sched_back_off_record *r);
void sched_budget_push_back(struct sched *s, struct sched_gateway *g, gw_time started,
                            int64_t backoff_ms, bool throttled);
void sched_budget_line_up(struct sched *s);
void sched_budget_run(struct sched *s); /* begins what may */
gw_time sched_budget_deadline(const struct sched *s);
void sched_budget_count(const struct sched *s, struct sched_counters *out);

/* ---- sched_call.c: requests and their answers ---- */

enum { SCHED_BULK_MIN = 20, SCHED_BULK_CALM_MIN = 4 };

struct sched_call {
    struct gw_list link; /* sched_gateway.calls */
    struct sched *s;
    struct sched_gateway *gateway;
    enum ews_op op;
    void *handle;
    struct gw_now started;
    gw_utc from, to;
    size_t further; /* FIND_ITEM: calendars besides the own one */
    uint32_t mark;  /* FIND_ITEM: sched_read_mark(); of folders: of what its user was wanted for */
    bool is_probe;
    struct sched_farewell *farewell; /* NULL: it is none */
    size_t count;
    struct sched_job *jobs[]; /* NULL: no longer wanted */
};

void sched_call_job(struct sched *s, struct sched_gateway *g, struct sched_job *job);
/* lane: SCHED_READ or SCHED_HOURS */
void sched_call_bulk(struct sched *s, struct sched_gateway *g, unsigned lane);
void sched_call_tips(struct sched *s, struct sched_gateway *g);
void sched_call_probe(struct sched *s, struct sched_gateway *g);
void sched_call_farewell(struct sched *s, struct sched_gateway *g);
void sched_call_drop(struct sched_call *call, struct sched_job *job); /* its answer is not wanted */
void sched_calls_cancel(struct sched *s, struct sched_gateway *g);    /* jobs go back to waiting */

/* ---- sched_rule.c: what an answer means ---- */

enum sched_effect { /* on the gateway */
                    SCHED_EFFECT_ALIVE,
                    SCHED_EFFECT_THROTTLED, /* nothing before the back-off is over; fewer at once */
                    SCHED_EFFECT_CROWDED,   /* fewer at once */
                    SCHED_EFFECT_FAILURE,   /* some in a row: it is down */
                    SCHED_EFFECT_REFUSED    /* an administrator must act */
};

enum sched_action { /* for the job */
                    SCHED_ACTION_DONE,
                    SCHED_ACTION_WAIT,  /* same gateway, when it may be asked again */
                    SCHED_ACTION_RETRY, /* with back-off, then the next gateway */
                    SCHED_ACTION_MOVE,  /* the next gateway now */
                    SCHED_ACTION_RENEW, /* subscribe again, read again */
                    SCHED_ACTION_LIMIT, /* wait until leaked subscriptions have died */
                    SCHED_ACTION_NARROW,
                    SCHED_ACTION_SLOW /* in an hour */
};

struct sched_rule {
    enum ews_class class;
    enum sched_effect effect, effect_if_alive;
    enum sched_action action;
    bool alarm; /* an administrator should know */
};

const struct sched_rule *sched_rule_of(enum ews_class class);
enum sched_effect sched_rule_effect(const struct ews_status *status);
void sched_job_failed(struct sched *s, struct sched_job *job, const struct ews_status *status);

/* ---- sched_mode.c: push, streaming or polling ---- */
void sched_way_init(struct sched *s, struct sched_gateway *g);
void sched_way_tick(struct sched *s, struct sched_gateway *g);
void sched_way_mute(struct sched *s, struct sched_user *u); /* its push subscription is */
void sched_way_heard(struct sched *s, struct sched_gateway *g, enum sched_mode mode);
void sched_way_failed(struct sched *s, struct sched_gateway *g, enum sched_mode mode,
                      const char *why);
void sched_way_user_left(struct sched *s, struct sched_gateway *g, const struct sched_user *u);
void sched_way_gateway_back(struct sched *s, struct sched_gateway *g); /* it can be asked */
void sched_way_restore(struct sched *s, struct sched_gateway *g, enum sched_mode mode);
void sched_modes_set(struct sched *s); /* the parameter is another one */
enum sched_mode sched_mode_of(const struct sched *s, const struct sched_user *u); /* of the next */
bool sched_mode_fits(const struct sched *s, const struct sched_user *u);          /* what it has */

/* ---- sched_stream.c ---- */

enum {
    SCHED_STREAM_LIMIT_MIN = 3, /* of silence; two heartbeats are 90 s */
    SCHED_STRAYS_MAX = 32       /* groups that a user tries */
};

struct sched_stream {
    struct gw_list link;    /* sched_gateway.streams */
    struct gw_list members; /* sched_sub.member */
    struct sched *s;
    struct sched_gateway *gateway;
    size_t count, reserved;  /* members, and those who are about to be */
    char *anchor, *affinity; /* mailbox; NULL: none was given */
    uint64_t grouping;       /* of the anchor; 0: unknown */
    unsigned char rank;      /* the same as of streams with the same anchor: its group */
    bool anchored, speaks;   /* the anchor has subscribed; this connection was heard from */
    unsigned char tries, unheard;
    void *handle; /* NULL: closed */
    gw_time heard, opened;
    struct gw_due due;
};

/* A place for a subscription of u at its gateway. False: not yet, its anchor is under way. Given back
 * when the request has ended, whatever became of it, unless the user has joined. */
bool sched_stream_reserve(struct sched *s, struct sched_user *u);
void sched_stream_release(struct sched_user *u);
void sched_stream_join(struct sched_user *u, struct gw_str affinity);
void sched_stream_resume(struct sched *s, struct sched_user *u, const struct sched_sub_record *r);
void sched_stream_leave(struct sched_user *u);
void sched_streams_tick(struct sched *s);
void sched_streams_hasten(struct sched *s, struct sched_gateway *g); /* those that are closed */
void sched_streams_reopen(struct sched *s, struct sched_gateway *g); /* all: it is another one */
void sched_streams_gone(struct sched_gateway *g); /* its members are told to end */

/* ---- sched_farewell.c: subscriptions of streams that are nobody's any more ---- */
struct sched_farewell {
    struct gw_list link;           /* of its place: of the gateway, or of those without one */
    struct gw_due due;             /* not while in flight */
    struct sched_gateway *gateway; /* NULL: there is none */
    gw_time over;                  /* monotonic: Exchange has forgotten it by itself */
    bool is_ready;
    unsigned char tries;
    struct gw_str mailbox, id, anchor, affinity; /* of text */
    char text[];
};
void sched_farewells_init(struct sched_farewells *place);
void sched_farewells_done(struct sched *s);          /* when no call is in flight any more */
void sched_farewell_add(const struct sched_user *u); /* its subscription of now */
/* The same, of one that is not where its stream is. */
void sched_farewell_stray(const struct sched_user *u);
/* As they were saved. False: it is over. */
bool sched_farewell_restore(struct sched *s, const struct sched_farewell_record *r);
/* A subscription that was saved, and nobody has a use for. */
void sched_farewell_to(struct sched *s, const struct sched_sub_record *r);
bool sched_farewell_may_begin(const struct sched_gateway *g);
/* Into flight: then it is answered, or cancelled. */
struct sched_farewell *sched_farewell_take(struct sched *s, struct sched_gateway *g);
void sched_farewell_answered(struct sched *s, struct sched_farewell *f,
                             const struct ews_status *status);
void sched_farewell_cancelled(struct sched *s, struct sched_farewell *f);
void sched_farewells_tick(struct sched *s);
/* From a gateway that is gone, or from none (NULL); to another one, or to none. */
void sched_farewells_pass_on(struct sched *s, struct sched_gateway *from, struct sched_gateway *to);

/* ---- sched_sub.c ---- */
enum { SCHED_SAVES_PER_LIMIT = 4 }; /* last heard is stored so often while nothing else changes */

static inline struct gw_str sched_token_str(const unsigned char token[SCHED_TOKEN_LEN])
{
    return (struct gw_str){ (const char *)token, SCHED_TOKEN_LEN };
}

/* False: there is nothing to ask for; the job was dealt with. */
bool sched_sub_may_begin(struct sched *s, struct sched_user *u);
void sched_sub_begin(struct sched *s, struct sched_user *u, struct ews_request *r,
                     struct gw_buf *url);
void sched_sub_follow(struct sched *s, struct sched_user *u); /* to the mode that is wanted now */
void sched_sub_told(struct sched *s, struct sched_user *u, const struct ews_notification *n);
void sched_sub_folders_changed(struct sched *s, struct sched_user *u);
/* Asked for again without further calendars, unless it stands without them. */
void sched_sub_without_folders(struct sched *s, struct sched_user *u);
void sched_sub_stream_opened(struct sched *s, struct sched_user *u);
void sched_sub_stream_ended(struct sched *s, struct sched_user *u); /* Exchange has ended it */
void sched_sub_stream_gone(struct sched *s, struct sched_user *u);  /* its gateway is removed */
/* It was never there, where its group is: it goes to another group. */
void sched_sub_stream_strayed(struct sched *s, struct sched_user *u);
bool sched_sub_is_lone(const struct sched_user *u); /* it fits into no group, and is polled */
void sched_sub_stream_lost(struct sched *s, struct sched_user *u); /* nobody listens */
gw_time sched_sub_heard(const struct sched_user *u);
void sched_sub_answered(struct sched *s, struct sched_job *job, const struct ews_answer *answer);
void sched_sub_doubt(struct sched *s, struct sched_user *u, enum sched_doubt why);
void sched_sub_gateway_back(struct sched *s, struct sched_user *u);
/* Its user leaves their gateway: it counts until another one stands, but never recovers; one that was
 * asked for is not waited for, and is told to end when it speaks. */
void sched_sub_left_behind(struct sched *s, struct sched_user *u);
/* Its gateway may have forgotten it: unless it was heard from since, or is before its turn, it is
 * made again. True: it takes the turn. */
bool sched_sub_gateway_lost(struct sched *s, struct sched_user *u, gw_time since, gw_time turn);
void sched_sub_forget(struct sched *s, struct sched_user *u); /* tokens are unknown from now on */
bool sched_sub_is_good(const struct sched *s, const struct sched_user *u); /* it tells of changes */
void sched_subs_tick(struct sched *s);
void sched_subs_frequency_set(struct sched *s); /* the parameter is another one */
gw_time sched_sub_limit(const struct sched *s, const struct sched_user *u); /* of silence, ms */
void sched_sub_enter(struct sched *s, struct sched_user *u, enum sched_sub_state to,
                     enum sched_doubt why);
void sched_sub_id_set(char **id, struct gw_str to); /* stays as it is when 'to' is no id */
/* If it was made before a parameter was changed. */
void sched_sub_renew_if_other(struct sched *s, struct sched_user *u);

/* ---- sched_resume.c: subscriptions after a restart ---- */
void sched_sub_restore(struct sched *s, struct sched_user *u, const struct sched_sub_record *r);

/* ---- sched_folders.c: further calendars ---- */
void sched_folders_free(struct sched_folders **fp);
/* What items are read for: what is wanted of them, and in which calendars. 0: nothing. */
uint32_t sched_read_mark(const struct sched_user *u);
/* Of the further calendars that are to be subscribed to; 0: none. */
uint32_t sched_folders_mark(const struct sched_user *u);
size_t sched_folders_to_subscribe(const struct sched_user *u, struct gw_str out[EWS_FOLDERS_MAX]);
size_t sched_folders_to_read(const struct sched_user *u, struct gw_str out[EWS_FOLDERS_MAX]);
/* 0: the own one, then those that are read, in their order. */
struct gw_str sched_folder_name(const struct sched_user *u, size_t calendar);
void sched_folders_count(const struct sched_user *u, struct sched_further_view *out);
/* It is not known yet which they are, and will be soon. */
bool sched_folders_awaited(const struct sched *s, const struct sched_user *u);
/* False: the job has to wait for that, and was put off. */
bool sched_folders_may_begin(struct sched *s, struct sched_job *job);
gw_time sched_folders_next(const struct sched *s, const struct sched_user *u);
void sched_folders_told(struct sched *s, struct sched_user *u);   /* there may be other ones */
void sched_folders_follow(struct sched *s, struct sched_user *u); /* what is wanted now */
void sched_folders_begin(const struct sched_user *u, struct ews_request *r);
void sched_folders_answered(struct sched *s, struct sched_job *job, const struct sched_call *call,
                            const struct ews_answer *answer);
void sched_folders_failed(struct sched *s, struct sched_user *u);
/* A subscription was refused: true if for its further calendars; then it is made without them. */
bool sched_folders_refused(struct sched *s, struct sched_job *job, const struct ews_status *status);
/* c: of the further calendars that were read. False: the job has failed for one of them. */
bool sched_folders_read(struct sched *s, struct sched_job *job, const struct ews_calendar *c);
void sched_folders_save(const struct sched_user *u, struct sched_cal_record *r);
void sched_folders_restore(struct sched *s, struct sched_user *u, const struct sched_cal_record *r);

/* ---- sched_oof.c: automatic replies ---- */
void sched_oof_init(struct sched_user *u);
void sched_oof_answered(struct sched *s, struct sched_job *job, const struct sched_call *call,
                        const struct ews_answer *answer);
void sched_tip_answered(struct sched *s, struct sched_job *job, const struct sched_call *call,
                        const struct ews_tip *tip);
gw_time sched_oof_next(const struct sched *s, const struct sched_user *u);

/* ---- sched_hours.c: working hours ---- */
void sched_hours_answered(struct sched *s, struct sched_job *job, const struct ews_calendar *c);
/* They came with a calendar, and need not be asked for; NULL: they did not. True: they are other ones, to
 * be saved and shown. */
bool sched_hours_came(struct sched *s, struct sched_user *u, const struct gw_hours *hours);
void sched_hours_forget(struct sched_user *u);
/* From a record; NULL: they are not known. */
void sched_hours_restore(struct sched *s, struct sched_user *u, const struct gw_hours *hours);

/* ---- sched_read.c: windows and answers ---- */
/* Between two reads of a calendar that changes all the time. */
enum { SCHED_RESTLESS_MS = 1200 };
/* Behind a calendar that was not read in bulk are the further ones of its user. */
void sched_read_answered(struct sched *s, struct sched_job *job, const struct sched_call *call,
                         const struct ews_calendar *calendar);
gw_time sched_read_next(const struct sched *s, const struct sched_user *u);
/* A calendar, be it an old one. */
bool sched_data_is_known(const struct sched_data *d);
void sched_data_done(struct sched_user *u);
void sched_data_save(struct sched *s, struct sched_user *u);
void sched_data_restore(struct sched *s, struct sched_user *u, const struct sched_cal_record *r);
/* What is known may be another one now, and is to be read: until that has been done. */
void sched_unread(struct sched *s, struct sched_user *u, bool told);
void sched_read_for_want(struct sched *s, struct sched_user *u);
void sched_rolls_tick(struct sched *s);
void sched_verified(struct sched *s, struct sched_user *u, gw_time at);
gw_time sched_verified_at(const struct sched_user *u);
void sched_freshness_tick(struct sched *s);

/* ---- sched_view.c ---- */
void sched_census_tick(struct sched *s);
enum sched_freshness sched_freshness_of(const struct sched *s, const struct sched_user *u);

/* ---- sched_window.c: pure ---- */
enum { SCHED_NARROW_MAX = 2 };
struct sched_window {
    gw_utc from, to;
    gw_utc roll; /* when it is read anew; later than now */
};
struct sched_window sched_window_of(gw_utc now, uint32_t hash, unsigned narrow);

/* ---- sched_due.c ---- */
/* UTC moments are waited for on the monotonic clock. */
gw_time sched_mono_of(const struct sched *s, gw_utc at);
unsigned sched_spread_s(const struct sched *s);
int64_t sched_offset_ms(const struct sched *s, const struct sched_user *u);
/* From what is known, after now: for who has presence looked at now. */
void sched_due_set(struct sched *s, struct sched_user *u);
/* The same, but a moment that was set stays: its boundary may have passed, and nobody else looks. */
void sched_due_hasten(struct sched *s, struct sched_user *u);
/* A boundary has passed, and presence will be looked at when the spread has come to this user. */
bool sched_due_is_near(const struct sched *s, const struct sched_user *u);
void sched_dues_tick(struct sched *s);
void sched_dues_respread(struct sched *s);
void sched_clock_look(struct sched *s); /* steps back are noticed here */

#endif

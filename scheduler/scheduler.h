/* WHEN: which Exchange server (CAS) a user is on, when a request may go out, when a subscription is
 * made again, when a calendar is read, when presence has to be looked at. An engine without
 * sockets: answers, notifications and time come in; requests, due moments and records go out.
 *
 * Calls in only mark what is to be done; requests, 'changed' and 'due' go out from sched_tick(). The
 * owner calls it when sched_deadline() is reached; 'wake' says that the deadline has come nearer
 * since it was last asked. 'changed', 'due' and 'astray' may call anything here but sched_tick() and
 * sched_free(); the user's text stays until the next tick, also when they remove the user. 'save' and
 * 'wake' come from inside any call and call nothing here but sched_deadline().
 *
 * A user is an opaque key (its bare JID), the mailbox a text of its own. All text is copied. */
#ifndef SCHEDULER_H
#define SCHEDULER_H

#include "ews_notification.h"
#include "ews_ops.h"
#include "gw_histogram.h"
#include "gw_item.h"
#include "gw_time.h"
#include "sched_settings.h"

struct sched;

/* ---- the way to Exchange ---- */

/* The answer is borrowed for the call. */
typedef void sched_answer_fn(const struct ews_answer *answer, struct gw_now now, void *answer_ctx);

/* What a stream says: of the subscription that is named; of all, if none is. Borrowed for the call. */
typedef void sched_event_fn(const struct ews_notification *n, struct gw_now now, void *answer_ctx);

struct sched_exchange {
    /* Sends the request to a gateway that was put here. The answer comes exactly once, never from
     * inside start, also when nothing could be sent; never after cancel. The request is borrowed
     * for the call. Returns a handle for cancel, not NULL. */
    void *(*start)(void *ctx, struct gw_str gateway, const struct ews_request *request,
                   sched_answer_fn *done, void *answer_ctx);
    void (*cancel)(void *ctx, void *handle);
    void *ctx;
    /* The same for EWS_OP_STREAM, with events before the answer, which tells how it has ended. NULL:
     * there are no streams. */
    void *(*stream)(void *ctx, struct gw_str gateway, const struct ews_request *request,
                    sched_event_fn *event, sched_answer_fn *done, void *answer_ctx);
};

/* ---- the owner ---- */

/* Kinds of records. The first two have the user as key and as owner. A farewell is a subscription that
 * is nobody's any more, and that Exchange is still to be told to end; it has no owner. */
#define SCHED_RECORD_SUBSCRIPTION "subscription"
#define SCHED_RECORD_CALENDAR     "calendar"
#define SCHED_RECORD_FAREWELL     "farewell"
#define SCHED_RECORD_BACK_OFF     "back-off" /* key: the gateway */

/* Every one may be NULL. */
struct sched_callbacks {
    /* The user's calendar, automatic reply or freshness is another one. */
    void (*changed)(struct gw_str user, void *ctx);
    /* A moment has come at which the user's presence may be another one. */
    void (*due)(struct gw_str user, void *ctx);
    /* Store the record; value.p NULL: delete it. */
    void (*save)(const char *kind, struct gw_str key, struct gw_str owner, struct gw_str value,
                 void *ctx);
    void (*wake)(void *ctx);
    void *ctx;
    /* No gateway serves the user's mailbox: whoever can find its server may answer, at any time, with
     * sched_user_place(). Asked again, an hour later or so, as long as that is so. */
    void (*astray)(struct gw_str user, struct gw_str mailbox, void *ctx);
    /* The tag of an item of a user for whom items are wanted: sched_user_want(). Called while an answer
     * is read, and calls nothing here. The item is borrowed for the call, and forgotten after it. */
    unsigned short (*classify)(struct gw_str user, const struct gw_item *item, void *ctx);
    /* Whether what is wanted of the user's items, GW_ITEM_CALENDAR among it, could ask for those of a
     * further calendar of that name. Only such calendars are read. Calls nothing here. */
    bool (*looks_at)(struct gw_str user, struct gw_str calendar, void *ctx);
    /* What the user's automatic reply says, as it was written; both are empty when there is none. Before
     * 'changed' for the same answer; not when only is known that replies go out. Calls nothing here. */
    void (*replies)(struct gw_str user, struct gw_str internal, struct gw_str external, void *ctx);
    /* The user's working hours are other ones, or known at last. Before 'changed'. Calls nothing here. */
    void (*hours)(struct gw_str user, void *ctx);
};

struct sched_args {
    struct sched_exchange exchange;
    struct sched_callbacks callbacks;
    const struct sched_settings *settings; /* copied; NULL: defaults */
    struct gw_str notify_url; /* what a token is put behind: "http://gw1:50020/ews/notify/" */
    int64_t minute_ms;        /* length of a minute of status frequency, poll and retry; 0: 60000 */
};

struct sched *sched_new(const struct sched_args *args, struct gw_now now);
void sched_free(struct sched **sp); /* cancels what is in flight; nothing is told or saved */

/* ---- time ---- */

enum {
    SCHED_LOOK_MS = 1000, /* a tick comes at least this often, so that a clock step is noticed */
    SCHED_SLICE = 512     /* due moments, and requests begun, of one tick; the rest in the next */
};

gw_time sched_deadline(const struct sched *s); /* may be past; GW_NEVER: nothing to wait for */
void sched_tick(struct sched *s, struct gw_now now);

/* ---- parameters: all live ---- */

/* Another status frequency: every subscription is made again, paced; until then the old are heard. */
void sched_settings_set(struct sched *s, const struct sched_settings *settings, struct gw_now now);

/* Another address or port: every subscription is made again, paced; until then the old are heard. */
void sched_notify_url_set(struct sched *s, struct gw_str notify_url, struct gw_now now);

/* ---- gateways ---- */

/* Adds one, or says that it is another one now (address, account): then its health is unknown again
 * and what was in flight is begun again. What its server has asked for holds. */
void sched_gateway_put(struct sched *s, struct gw_str name, struct gw_now now);
/* Another server has the name, and is put next: what the old one has asked for does not hold. */
void sched_gateway_replaced(struct sched *s, struct gw_str name, struct gw_now now);
void sched_gateway_remove(struct sched *s, struct gw_str name, struct gw_now now);
/* Drained: it gets no new users, and those that it has move to the others, a few at a time, if there
 * are any that are not drained. Stays so when the gateway is put again; it is not saved here. */
void sched_gateway_drain(struct sched *s, struct gw_str name, bool drained, struct gw_now now);

/* ---- users ---- */

/* Adds one, or gives it another mailbox: then everything about it begins anew. */
void sched_user_put(struct sched *s, struct gw_str user, struct gw_str mailbox, struct gw_now now);
/* Off Exchange at once: its subscription is told to end at its next notification. */
void sched_user_remove(struct sched *s, struct gw_str user);

/* Its mailbox is served by this gateway: it moves there now. No harm when either is not there. */
void sched_user_place(struct sched *s, struct gw_str user, struct gw_str gateway,
                      struct gw_now now);

/* What Autodiscover says of where its mailbox is (GroupingInformation): what is streamed for mailboxes
 * of which it says different things shares nothing. Not saved; no harm when the user is not there. */
void sched_user_group(struct sched *s, struct gw_str user, struct gw_str grouping);

/* What is wanted of a user's items beyond times and busy types: fields, bits by enum gw_item_field; 0:
 * nothing. With GW_ITEM_CALENDAR further calendars of the user are looked for, and those that 'looks_at'
 * takes are read with the own one; of their items only those count that get a tag. mark: another one says
 * that 'classify' or 'looks_at' gives other answers now; 0 without fields. What was read for another mark
 * is read again, in its turn. No harm when the user is not there. */
void sched_user_want(struct sched *s, struct gw_str user, unsigned fields, uint32_t mark,
                     struct gw_now now);

/* Whether the user's working hours are wanted. Those that are not are not asked for, and are forgotten
 * at once, without a word. */
enum sched_hours {
    SCHED_HOURS_NOT,
    SCHED_HOURS_KNOWN,
    SCHED_HOURS_DUE /* where they begin and end is a due moment */
};
void sched_user_want_hours(struct sched *s, struct gw_str user, enum sched_hours want,
                           struct gw_now now);

/* At start, after gateways and users were put and before the first tick: a record as it was saved.
 * GW_NOTFOUND: no such user, or what it is about is over (delete the record); GW_BADMSG: the record
 * makes no sense; the user begins without it. */
enum gw_code sched_restore(struct sched *s, const char *kind, struct gw_str key,
                           struct gw_str value, struct gw_now now, struct gw_err *err);

/* ---- notifications ---- */

enum ews_reply sched_notified(struct sched *s, struct gw_str token,
                              const struct ews_notification *notification, struct gw_now now);

/* Read again now what is known of the user (an administrator asks). GW_NOTFOUND. */
enum gw_code sched_user_refresh(struct sched *s, struct gw_str user, struct gw_now now);

/* ---- seen from outside ---- */

/* What presence is computed from. Borrowed until the next call into the scheduler. */
struct sched_calendar {
    const struct gw_interval *intervals;
    size_t count;
    gw_utc from, to; /* equal: never read */
    struct gw_oof oof;
    bool oof_known;
    const struct gw_hours *hours; /* NULL: not known */
    bool fresh;                   /* a change would have been told of, and read: SCHED_FRESH */
};
bool sched_user_calendar(const struct sched *s, struct gw_str user, struct sched_calendar *out);

const char *sched_mode_name(enum sched_mode mode); /* "push" */

enum sched_sub_state {
    SCHED_SUB_NONE,    /* none yet, or it has ended */
    SCHED_SUB_LIVE,    /* heard from in time; polled: nothing stands in the way of it */
    SCHED_SUB_DOUBTFUL /* being replaced; what it says still counts */
};
const char *sched_sub_state_name(enum sched_sub_state state); /* "live" */

/* The first that holds. */
enum sched_freshness {
    SCHED_FRESH,
    SCHED_NEVER_READ,
    SCHED_WINDOW_OVER,   /* this moment is not in what was read */
    SCHED_CHANGE_UNREAD, /* told of, and not read for longer than a short moment */
    SCHED_UNSUBSCRIBED,  /* no subscription tells of changes */
    SCHED_UNREAD,        /* to be read again, and not read for longer than a short moment */
    SCHED_GATEWAY_GONE,  /* its gateway cannot be asked */
    SCHED_UNHEARD        /* for too long */
};

/* Calendars besides the own one that rules look at. */
struct sched_further_view {
    unsigned all, refused; /* that are read, and how many of them cannot be */
    unsigned left;         /* beyond EWS_FOLDERS_MAX: not read */
    bool is_cut;           /* the mailbox has more than were looked at */
};

/* Times are 0 when there is none. Text is borrowed until the next call into the scheduler. */
struct sched_user_view {
    struct gw_str user, mailbox;
    struct gw_str gateway; /* empty: none assigned yet */
    enum sched_mode mode;
    enum sched_sub_state sub_state;
    gw_utc subscribed_at, heard_at;
    unsigned status_frequency_min; /* as the push subscription was made; 0: it is another kind */
    gw_utc read_at, oof_read_at;
    bool hides_oof; /* the parameter does, everybody's */
    struct sched_calendar calendar;
    enum sched_freshness freshness;
    gw_utc stale_since; /* until when it is known to be right; 0: fresh, or never read */
    struct sched_further_view further;
    const char *error; /* of what was tried last and has not worked since; NULL: none */
    gw_utc error_at;
    /* "subscribe", "read calendar" ...; "wait for ...": nothing can be asked, and a gateway is tried
     * at that time, if there is one; NULL: none */
    const char *next_action;
    gw_utc next_action_at;
    gw_utc next_due; /* next moment at which presence is looked at; GW_NEVER: none known */
};
bool sched_user_view(const struct sched *s, struct gw_str user, struct gw_now now,
                     struct sched_user_view *out);

enum sched_gateway_state {
    SCHED_GATEWAY_NEW, /* not proven yet */
    SCHED_GATEWAY_UP,
    SCHED_GATEWAY_DOWN,   /* probed with back-off */
    SCHED_GATEWAY_REFUSED /* credentials or configuration: an administrator must act; probed slowly */
};
const char *sched_gateway_state_name(enum sched_gateway_state state); /* "up" */

struct sched_gateway_view {
    struct gw_str name;
    enum sched_gateway_state state;
    gw_utc since;
    bool drained;
    enum sched_mode mode; /* of new subscriptions */
    gw_utc mode_retry;    /* when a better one is tried; 0: it is as it was set */
    size_t streams;       /* open, or to be opened */
    size_t users, in_flight, waiting;
    size_t subscribed, stale; /* of the users, as in struct sched_counters */
    size_t window;            /* how many may be in flight */
    gw_utc backoff_until;     /* throttled; 0: not */
    gw_utc next_probe;        /* 0: none */
    const char *error;        /* last one that was the server's; NULL: none since it is up */
    uint64_t requests, failures, retries, push_backs;
    uint64_t reads, notifications;          /* of calendars, single or in bulk; for its users */
    const struct gw_histogram *request_ms;  /* from the request to its answer, or its end */
    const struct gw_histogram *due_late_ms; /* of its users */
    struct gw_histogram age_s;              /* as in struct sched_counters */
};
bool sched_gateway_view(const struct sched *s, struct gw_str name, struct gw_now now,
                        struct sched_gateway_view *out);

typedef void sched_gateway_view_fn(const struct sched_gateway_view *view, void *ctx);
void sched_gateways_each(const struct sched *s, struct gw_now now, sched_gateway_view_fn *each,
                         void *ctx);

struct sched_counters {
    /* now */
    size_t users, subscribed, with_calendar, in_trouble;
    size_t push, streaming, poll;           /* of the subscribed */
    size_t stale;                           /* with a calendar that is not fresh */
    size_t in_flight, lined_up, remembered; /* requests; marks beyond the Exchange Queue */
    size_t farewells;                       /* subscriptions that Exchange is to be told to end */
    unsigned spread_s;
    /* since start */
    uint64_t notifications, status_events, unknown_tokens;
    uint64_t requests, failures, retries, push_backs;
    uint64_t subscribes, reads, bulk_reads, unchanged, oof_polls, tips;
    uint64_t missed; /* changes that nobody had told of */
    uint64_t silent, moved, resumed;
    uint64_t streams, fallbacks; /* streams opened; gateways that went to a lesser mode */
    uint64_t due, clock_steps;
    struct gw_histogram due_late_ms; /* after boundary and offset; late wake-ups are in it */
    struct gw_histogram request_ms;
    /* now */
    /* How long ago what is known of each user was known to be right. With very many users this, and
     * stale, are of up to 20 s ago. */
    struct gw_histogram age_s;
};
void sched_counters(const struct sched *s, struct sched_counters *out);

#endif

/* Subscriptions, as the server that made them keeps them in memory: what they wait for, and what waits
 * for them. An engine without sockets: a deliverer of the kind is asked to deliver, and tells how it
 * went. (Exchange Web Services: Subscribe, GetEvents, GetStreamingEvents, SendNotification.)
 *
 * Push: Exchange calls the client.
 *
 *   IDLE --event, or StatusFrequency without one--> QUEUED --sender takes it--> SENDING
 *     ^                                                ^                          |  |  |
 *     '------------------------- OK ------------------------------------------------'  |  |
 *                                                      '--wait over-- WAITING <--------'  |
 *                                                                      no answer          |
 *   ended: Unsubscribe; no answer when the next wait would exceed StatusFrequency; lost <-'
 *
 * The waits are 30 s, doubled each time. A CAS that is down sends nothing; what it owes is sent
 * when it is up again, unless its subscriptions were lost.
 *
 * Pull: the client asks. IDLE --Timeout without GetEvents--> EXPIRED --once more that long--> ended.
 *
 * Streaming: events go down a connection that the client keeps open (mock_stream.h).
 *
 *   IDLE --event, and a connection is open--> QUEUED --stream takes it--> SENDING --> IDLE
 *   ended: half an hour without a connection */
#ifndef MOCK_SUBS_H
#define MOCK_SUBS_H

#include "gw_heap.h"
#include "mock_org.h"

enum {
    MOCK_SUB_EVENTS_MAX = 1000,   /* waiting; more break it: what follows is missed */
    MOCK_SUB_BATCH_MAX = 100,     /* events of one call; MoreEvents says that there are others */
    MOCK_SUB_MINUTES_MAX = 1440,  /* of StatusFrequency and of a pull subscription's Timeout */
    MOCK_SUB_URL_MAX = 2082,      /* Subscribe refuses longer ones */
    MOCK_SUBS_PER_MAILBOX = 5000, /* EWSMaxSubscriptions since 2013 */
    MOCK_SUB_UNREAD_MIN = 30,     /* so long a streaming one waits for a connection */
    MOCK_SUBS_TICK_MAX = 500      /* handled in one tick; the deadline stays due for the others */
};

enum mock_event_kind { /* bits of an event mask are 1 << kind */
                       MOCK_EVENT_COPIED,
                       MOCK_EVENT_CREATED,
                       MOCK_EVENT_DELETED,
                       MOCK_EVENT_MODIFIED,
                       MOCK_EVENT_MOVED,
                       MOCK_EVENT_NEW_MAIL,
                       MOCK_EVENT_FREE_BUSY,
                       MOCK_EVENT_KINDS,
                       MOCK_EVENT_STATUS = MOCK_EVENT_KINDS /* never subscribed to, never queued */
};
const char *mock_event_name(enum mock_event_kind kind); /* "CreatedEvent" */

struct mock_event {
    enum mock_event_kind kind;
    uint32_t change;    /* of the item or the folder */
    unsigned calendar;  /* by number */
    uint64_t item;      /* 0: the calendar folder itself */
    uint64_t watermark; /* its number in the mailbox */
    gw_utc at;
};

enum mock_sub_kind { MOCK_SUB_PUSH, MOCK_SUB_PULL, MOCK_SUB_STREAMING, MOCK_SUB_KINDS };
const char *mock_sub_kind_name(enum mock_sub_kind kind); /* "push" */

enum mock_sub_state {
    MOCK_SUB_IDLE,
    MOCK_SUB_QUEUED,
    MOCK_SUB_SENDING,
    MOCK_SUB_WAITING,
    MOCK_SUB_EXPIRED
};
const char *mock_sub_state_name(enum mock_sub_state state);

struct mock_subs;
struct mock_site; /* one CAS, as the subscriptions see it */

struct mock_sub { /* to be read */
    uint64_t number;
    char key[24]; /* the number as text */
    char *id;     /* on the wire */
    enum mock_sub_kind kind;
    char *url;     /* push only */
    char *version; /* RequestServerVersion of the subscriber, or NULL */
    char *account; /* who made it, and alone may use it */
    char *backend; /* the server that has it, as affinity knows it */
    struct mock_mailbox *mailbox;
    struct mock_site *site;
    unsigned events;    /* mask */
    uint64_t calendars; /* mask of their numbers */
    int minutes;        /* push: StatusFrequency; pull: Timeout */
    gw_utc created;

    enum mock_sub_state state;
    bool broken;      /* events were missed: the next call says so, and is the last */
    bool broken_sent; /* the call under way is that one */
    gw_time hold;     /* nothing is delivered before */
    unsigned tries;   /* of the call under way */
    int64_t wait_ms;  /* the last wait of the retry rule; 0: none yet */
    uint64_t acked;   /* watermark of what was delivered */
    unsigned in_call; /* events at the head of the queue that are in the call under way */
    struct mock_event *queue;
    size_t queued, queue_cap;
    struct {
        uint64_t calls, answered, unanswered, events, status;
        gw_utc last_call, last_answer; /* 0: never */
    } count;

    struct gw_due due;
    struct gw_list in_mailbox, in_site;
    struct gw_list in_sender; /* the sender's, from want() to taken or cancel() */
    void *in_flight;          /* the sender's */

    struct mock_stream *stream; /* NULL: no connection is open for it */
    struct gw_list in_stream;   /* the stream's */
};

/* Delivers. want: deliver this one when a connection is free - call mock_sub_take(), send what it
 * writes, then mock_subs_answered(). cancel: not any more (queued or in flight). leave: a streaming
 * subscription ends while it has a connection. Never calls back from inside these. */
struct mock_sender {
    void (*want)(void *ctx, struct mock_sub *sub);
    void (*cancel)(void *ctx, struct mock_sub *sub);
    void (*leave)(void *ctx, struct mock_sub *sub); /* streams only */
};

struct mock_subs_args {
    const struct mock_sender *push; /* borrowed for life */
    void *push_ctx;
    unsigned minute_ms;       /* how long a minute is; 0: 60000. Scales every wait */
    unsigned per_mailbox_max; /* 0: MOCK_SUBS_PER_MAILBOX */
};

struct mock_subs *mock_subs_new(const struct mock_subs_args *args);
void mock_subs_attach_streams(struct mock_subs *subs, const struct mock_sender *sender, void *ctx);
void mock_subs_free(struct mock_subs **subsp); /* the organisation must still be there */
void mock_subs_set_minute(struct mock_subs *subs, unsigned minute_ms);
void mock_subs_set_limit(struct mock_subs *subs, unsigned per_mailbox_max);
unsigned mock_subs_minute(const struct mock_subs *subs);
struct mock_mishaps;
struct mock_mishaps *mock_subs_mishaps(struct mock_subs *subs); /* to be changed, mock_mishap.h */

struct mock_site *mock_site_get(struct mock_subs *subs, const char *name); /* made when missing */
const char *mock_site_name(const struct mock_site *site);
size_t mock_site_count(const struct mock_site *site); /* its subscriptions */
void mock_site_set_running(struct mock_subs *subs, struct mock_site *site, bool running,
                           struct gw_now now);
size_t mock_site_lose(struct mock_subs *subs, struct mock_site *site); /* silently; how many */

struct mock_sub_args {
    enum mock_sub_kind kind;
    struct mock_mailbox *mailbox;
    struct mock_site *site;
    struct gw_str url, version, account, backend;
    unsigned events;
    uint64_t calendars;
    int minutes;
    enum mock_id_form id_form;
    bool resume; /* after the watermark 'after' */
    uint64_t after;
};
/* The first call of push, a StatusEvent, is due at once. GW_LIMIT: the mailbox has too many. */
enum gw_code mock_sub_add(struct mock_subs *subs, const struct mock_sub_args *args,
                          struct gw_now now, struct mock_sub **out, struct gw_err *err);
void mock_sub_lose(struct mock_subs *subs, struct mock_sub *sub); /* without a word */
void mock_sub_break(struct mock_subs *subs, struct mock_sub *sub, struct gw_now now);
void mock_sub_unsubscribe(struct mock_subs *subs, struct mock_sub *sub);

struct mock_sub *mock_sub_by_id(const struct mock_subs *subs, struct gw_str id);
struct mock_sub *mock_sub_find(const struct mock_subs *subs, struct gw_str id_or_key);
struct mock_sub *mock_sub_next(const struct mock_subs *subs, size_t *pos); /* as gw_map_next */
size_t mock_subs_count(const struct mock_subs *subs);

struct mock_subs_totals {
    uint64_t made, unsubscribed, given_up, expired, lost, broken; /* ended: by what */
    uint64_t calls, answered, unanswered;                         /* of push */
};
const struct mock_subs_totals *mock_subs_totals(const struct mock_subs *subs);

/* The organisation's observer; ctx is the struct mock_subs. */
void mock_subs_changed(const struct mock_change *change, struct gw_now now, void *ctx);

gw_time mock_subs_deadline(const struct mock_subs *subs);
void mock_subs_tick(struct mock_subs *subs, struct gw_now now);

/* For a sender: the events of the call - sub->in_call at the head of the queue, none: only that it
 * lives - with mock_note.h are written by it. The subscription is SENDING from now on. */
void mock_sub_take(struct mock_subs *subs, struct mock_sub *sub, struct gw_now now);
enum mock_push_result { MOCK_PUSH_OK, MOCK_PUSH_UNSUBSCRIBE, MOCK_PUSH_NOTHING };
void mock_subs_answered(struct mock_subs *subs, struct mock_sub *sub, enum mock_push_result result,
                        struct gw_now now); /* sub may be gone afterwards */

/* A streaming subscription gets its connection, NULL: has none any more. */
void mock_sub_set_stream(struct mock_subs *subs, struct mock_sub *sub, struct mock_stream *stream,
                         struct gw_now now);

/* GetEvents: what was read up to 'after' is let go of; the next events are sub->in_call at the head of
 * the queue. Its Timeout starts anew. NULL: fine; otherwise a ResponseCode, and when that says that
 * it has ended, sub is gone. */
const char *mock_sub_read(struct mock_subs *subs, struct mock_sub *sub, uint64_t after,
                          struct gw_now now);

#endif

/* What goes wrong with subscriptions and notifications on purpose: for the next few times, for a share
 * of them, or until it is cleared; for all, or for those of one mailbox or one server. */
#ifndef MOCK_MISHAP_H
#define MOCK_MISHAP_H

#include "mock_subs.h"

enum mock_mishap_kind {
    MOCK_MISHAP_LOSE,      /* instead of an event: the subscription is gone, without a word */
    MOCK_MISHAP_BREAK,     /* instead of an event: it was missed, which ends the subscription */
    MOCK_MISHAP_DROP,      /* an event is never told of */
    MOCK_MISHAP_DUPLICATE, /* an event comes twice */
    MOCK_MISHAP_DELAY,     /* an event, and what comes after it, waits */
    MOCK_MISHAP_REORDER,   /* the events of a call come in the opposite order */
    MOCK_MISHAP_MORE,      /* a call has only a few of the events, and says that there are more */
    MOCK_MISHAP_SILENCE,   /* no StatusEvent, no heartbeat */
    MOCK_MISHAP_CUT,       /* instead of events: the connection of a stream breaks */
    MOCK_MISHAP_KINDS
};
extern const char *const mock_mishap_names[MOCK_MISHAP_KINDS + 1]; /* ends with NULL */

enum { MOCK_MISHAPS_MAX = 100, MOCK_MISHAP_FOREVER = -1 };

struct mock_mishap {
    struct gw_list link;
    enum mock_mishap_kind kind;
    int64_t left;                       /* times; MOCK_MISHAP_FOREVER: until cleared */
    double probability;                 /* the share of the cases in which it happens */
    uint64_t random;                    /* of that */
    uint64_t met;                       /* how often it happened */
    int64_t delay_ms;                   /* MOCK_MISHAP_DELAY */
    int64_t batch;                      /* MOCK_MISHAP_MORE: events of a call */
    const struct mock_mailbox *mailbox; /* NULL: of all */
    const struct mock_site *site;       /* NULL: of all */
};

struct mock_mishaps {
    struct gw_list list; /* of struct mock_mishap */
    size_t count;
};
void mock_mishaps_init(struct mock_mishaps *m);
void mock_mishaps_clear(struct mock_mishaps *m);
enum gw_code mock_mishaps_add(struct mock_mishaps *m, const struct mock_mishap *mishap,
                              struct gw_err *err);

/* Whether it happens to this one, now; it is used up by one. The details are borrowed until the next
 * call, NULL: it does not happen. */
const struct mock_mishap *mock_mishaps_take(struct mock_mishaps *m, enum mock_mishap_kind kind,
                                            const struct mock_sub *sub);

#endif

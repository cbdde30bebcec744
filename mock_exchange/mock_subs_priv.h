/* What the files of the subscriptions share. */
#ifndef MOCK_SUBS_PRIV_H
#define MOCK_SUBS_PRIV_H

#include "mock_mishap.h"

struct mock_site {
    char *name;
    bool running;
    struct gw_list subs;
    size_t count;
};

struct mock_subs {
    struct gw_map *by_id, *by_key, *sites;
    struct gw_heap due;
    const struct mock_sender *sender[MOCK_SUB_KINDS]; /* NULL: of pull */
    void *sender_ctx[MOCK_SUB_KINDS];
    unsigned minute_ms, per_mailbox_max;
    uint64_t last_number;
    struct mock_subs_totals totals;
    struct mock_mishaps mishaps;
};

/* The one place that changes the state. 'at' is when to look at it again, GW_NEVER: not. */
void mock_sub_enter(struct mock_subs *subs, struct mock_sub *sub, enum mock_sub_state to,
                    gw_time at);

/* IDLE, until what its kind waits for comes. */
void mock_sub_rest(struct mock_subs *subs, struct mock_sub *sub, struct gw_now now);

/* There is something to deliver, from 'at' on, if it can be delivered at all. */
void mock_sub_due(struct mock_subs *subs, struct mock_sub *sub, gw_time at);

void mock_sub_cancel(struct mock_subs *subs, struct mock_sub *sub); /* what the sender has of it */
void mock_sub_free(struct mock_subs *subs, struct mock_sub *sub);
int64_t mock_sub_period_ms(const struct mock_subs *subs, const struct mock_sub *sub);

#endif

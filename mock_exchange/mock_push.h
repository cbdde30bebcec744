/* Sends push calls over HTTP: a bounded number at once, and a bounded share of them for each
 * listener, so that one that is slow does not hold up the others. */
#ifndef MOCK_PUSH_H
#define MOCK_PUSH_H

#include "mock_record.h"
#include "mock_subs.h"
#include "mock_throttle.h"
#include "net_loop.h"

enum {
    MOCK_PUSH_SLOTS = 128,        /* connections at once */
    MOCK_PUSH_SLOTS_PER_HOST = 16 /* of these to one listener */
};

struct mock_push;
struct mock_push *mock_push_new(struct net_loop *loop);
void mock_push_free(struct mock_push **pushp); /* after the subscriptions */

/* Whom to tell of the results; the other half of a pair that need each other. */
void mock_push_attach(struct mock_push *push, struct mock_subs *subs, void (*done)(void *ctx),
                      void *ctx);
void mock_push_set_record(struct mock_push *push, struct mock_record *record);       /* borrowed */
void mock_push_set_throttle(struct mock_push *push, struct mock_throttle *throttle); /* borrowed */
/* What certificates of listeners are verified by, and by the host of their URL; empty: any will do. */
enum gw_code mock_push_trust(struct mock_push *push, struct gw_str pem, struct gw_err *err);
void mock_push_set_timeout(struct mock_push *push, unsigned timeout_ms);

extern const struct mock_sender mock_push_sender; /* ctx: the struct mock_push */

#endif

/* Throttling as Exchange has it since 2010: how many requests of one budget may be served at a time, and
 * how much of the server's time it may use. A budget is that of an account, or of the mailbox that a
 * request is about. An engine without sockets; the time is handed in.
 *
 * The balance of a budget begins at EwsMaxBurst. Each request costs its time, or cost_ms when that is
 * more, since the mock itself is quick. It is recharged by EwsRechargeRate an hour, up to EwsMaxBurst.
 * Once it is below -EwsCutoffBalance, all is refused with ErrorServerBusy until the balance is 0 again:
 * that time is BackOffMilliseconds. */
#ifndef MOCK_THROTTLE_H
#define MOCK_THROTTLE_H

#include "gw_list.h"
#include "gw_str.h"
#include "gw_time.h"

struct mock_throttle_policy {
    bool on;
    bool by_account;     /* charged to the account that logged in; otherwise to the mailbox */
    int64_t concurrency; /* EWSMaxConcurrency; 0: no limit */
    int64_t burst_ms;    /* EwsMaxBurst */
    int64_t recharge_ms; /* EwsRechargeRate, in an hour of 60 minutes; 0: there is no such budget */
    int64_t cutoff_ms;   /* EwsCutoffBalance */
    int64_t cost_ms;     /* of each request, at least */
    int64_t minute_ms;   /* how long a minute is */
};

enum {
    MOCK_BUDGETS_MAX = 1000000, /* then those that are full are forgotten, or nothing is limited */
    /* What arrives so soon after a refusal was sent before that was read. */
    MOCK_THROTTLE_GRACE_MS = 250
};

struct mock_throttle;
struct mock_throttle *mock_throttle_new(void);
void mock_throttle_free(struct mock_throttle **tp); /* after all charges have ended */
void mock_throttle_set(struct mock_throttle *t, const struct mock_throttle_policy *policy);
const struct mock_throttle_policy *mock_throttle_policy(const struct mock_throttle *t);
void mock_throttle_reset(struct mock_throttle *t); /* all budgets are full, nothing was refused */

enum mock_gate {
    MOCK_GATE_OPEN,
    MOCK_GATE_BUSY,       /* ErrorServerBusy */
    MOCK_GATE_CONNECTIONS /* ErrorExceededConnectionCount */
};

struct mock_charge; /* a request that is being served */

/* Only with MOCK_GATE_OPEN gives a charge, to be ended; and that may be NULL when nothing is limited. */
enum mock_gate mock_throttle_enter(struct mock_throttle *t, struct gw_str budget, struct gw_now now,
                                   struct mock_charge **out, int64_t *back_off_ms);
/* A notification to a mailbox's subscriber: it is not refused, and takes none of the server's time, but
 * counts among the requests that are served at a time. NULL: nothing is limited, or by account. */
struct mock_charge *mock_throttle_count(struct mock_throttle *t, struct gw_str mailbox,
                                        struct gw_now now);
void mock_charge_end(struct mock_charge **chargep, struct gw_now now); /* NULL is fine */

/* A server that told to wait: whoever comes before is counted. */
struct mock_quiet {
    gw_time from, until;
};
void mock_quiet_set(struct mock_quiet *quiet, int64_t ms, struct gw_now now);
bool mock_quiet_is_broken(const struct mock_quiet *quiet, struct gw_now now);

struct mock_throttle_totals {
    uint64_t busy, connections; /* refused */
    uint64_t hasty;             /* came inside the time that they were told to wait */
};
const struct mock_throttle_totals *mock_throttle_totals(const struct mock_throttle *t);
void mock_throttle_totals_clear(struct mock_throttle *t);
void mock_throttle_hasty(struct mock_throttle *t); /* one more, that somebody else has seen */

#endif

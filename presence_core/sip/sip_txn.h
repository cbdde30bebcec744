/* Transactions (RFC 3261 17) without sockets. Server side: the answers that are kept for requests
 * that come again. Client side: requests that wait for their answer. Hashed, all timers on one heap.
 *
 * What is between the two ends of a session is not here: who accepts an INVITE sends the 2xx until the ACK
 * comes, and who gets one acknowledges it (RFC 3261 13). A 2xx that comes again belongs to no transaction. */
#ifndef SIP_TXN_H
#define SIP_TXN_H

#include "gw_time.h"
#include "sip_io.h"
#include "sip_msg.h"

enum {
    SIP_T1_MS = 500,
    SIP_T2_MS = 4000,
    SIP_GIVE_UP_MS = 64 * SIP_T1_MS,
    SIP_RING_MS = 180000, /* an INVITE that was heard, and is not answered: timer C */
    /* Answers kept, and their bytes; the oldest goes, and its request is answered anew. */
    SIP_SERVED_MAX = 20000,
    SIP_SERVED_BYTES_MAX = 64 * 1024 * 1024
};

struct sip_txns;

struct sip_txns *sip_txns_new(const struct sip_io *io, void *io_ctx);
void sip_txns_free(struct sip_txns **txnsp); /* silent */

gw_time sip_txns_deadline(const struct sip_txns *txns);
void sip_txns_tick(struct sip_txns *txns, gw_time now);
void sip_txns_lost(struct sip_txns *txns, uint64_t conn); /* requests over it get no answer */

/* ---- Server ---- */

/* A request that came before: its answer was sent again; or the ACK of a refusal. */
bool sip_txns_absorb(struct sip_txns *txns, const struct sip_msg *request,
                     const struct sip_peer *from);
/* Is this CANCEL for an INVITE whose answer is kept? */
bool sip_txns_cancels(struct sip_txns *txns, const struct sip_msg *cancel);

/* Sends an answer, and keeps it as long as the request may come again. */
void sip_txns_answer(struct sip_txns *txns, const struct sip_msg *request,
                     const struct sip_peer *from, struct gw_str answer, gw_time now);
/* To where answers to it go. Borrows from both. */
struct sip_peer sip_txns_answer_to(const struct sip_msg *request, const struct sip_peer *from);
/* Sends it and keeps nothing: the request may come again, and is answered anew. */
void sip_txns_answer_once(struct sip_txns *txns, const struct sip_msg *request,
                          const struct sip_peer *from, struct gw_str answer);

/* ---- Client ---- */

enum { SIP_BRANCH_LEN = 7 + 8 + 16 };

/* A new branch, with which its request is written. */
void sip_txns_branch(struct sip_txns *txns, char out[SIP_BRANCH_LEN + 1]);
bool sip_txns_is_own(const struct sip_txns *txns, struct gw_str branch);
bool sip_txns_went_by(const struct sip_txns *txns,
                      struct gw_str via); /* one of the Vias: the same */

/* The final answer, once: 408 without a message when there was none, 503 when it could not be sent, 487
 * when it was given up and nothing was said to that.
 * Comes from sip_txns_tick() or sip_txns_response(). */
typedef void sip_txn_done_fn(unsigned status, const struct sip_msg *response, gw_time now,
                             void *ctx);

struct sip_txn;
struct sip_txn_args {
    const struct sip_peer *to;
    const char *branch;
    enum sip_method method;
    struct gw_str bytes; /* the request, copied where it may have to be sent again */
    sip_txn_done_fn *done;
    void *ctx;
    bool
        can_wait; /* sip_ask_start(): not for a server, found by name, to which much waits already; 503 */
};
struct sip_txn *sip_txn_start(struct sip_txns *txns, const struct sip_txn_args *args, gw_time now);
void sip_txn_cancel(struct sip_txn **txnp); /* forgets it: done does not come */
/* Of an INVITE: the peer is told that it is not wanted any more, as soon as RFC 3261 9.1 allows. done
 * comes, with what the peer says to it: 487, but also 2xx, when that was on its way. */
void sip_txn_give_up(struct sip_txn *txn, gw_time now);

/* An answer came in: false when nobody waits for it. */
bool sip_txns_response(struct sip_txns *txns, const struct sip_msg *response, gw_time now);

struct sip_txns_stats {
    size_t waiting, kept;
    uint64_t resent, timeouts;
};
void sip_txns_stats(const struct sip_txns *txns, struct sip_txns_stats *out);

#endif

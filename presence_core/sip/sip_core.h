/* The SIP front-end without sockets: whole messages and time go in, messages and deadlines come out.
 * Registers itself with the presence core. Watchers subscribe to users here (RFC 3856, 6665) and are
 * notified of each one's presence as a whole. */
#ifndef SIP_CORE_H
#define SIP_CORE_H

#include "pres_frontend.h"
#include "sip_digest.h"
#include "sip_io.h"
#include "sip_search.h"
#include "sip_settings.h"
#include "sip_trace.h"
#include "store.h"

struct sip_core;

/* Does the system that shares our domains have a user with this address, in lower case? */
typedef bool sip_neighbour_fn(struct gw_str address, void *ctx);

/* What a user proves himself with. False: he may not log in; *why says it, for the log. */
typedef bool sip_credentials_fn(struct gw_str user, struct sip_ha1 *out, const char **why,
                                void *ctx);

struct sip_core_args {
    struct pres_core *pres;
    struct store *store;                 /* NULL: subscriptions live in memory only */
    const struct sip_settings *settings; /* borrowed, read live; NULL: the defaults */
    const struct sip_io *io;             /* borrowed */
    void *io_ctx;
    sip_neighbour_fn *is_neighbour;  /* NULL: nobody knows, and sip.partitioned_mode is basic */
    sip_credentials_fn *credentials; /* NULL: nobody logs in */
    void *ctx;
};

struct sip_core *sip_core_new(const struct sip_core_args *args);
void sip_core_free(struct sip_core **corep); /* silent: subscriptions stay in the store */

/* Reads the subscriptions of before; their watchers are told what is now, paced. Once, when users and
 * calendars are there and before anything is received. */
void sip_core_load(struct sip_core *core, struct gw_now now, store_done_fn *done, void *ctx);

/* One datagram, or one message of a stream. */
void sip_core_receive(struct sip_core *core, const struct sip_peer *from, struct gw_str bytes,
                      struct gw_now now);
void sip_core_lost(struct sip_core *core, uint64_t conn); /* a connection is gone */

gw_time sip_core_deadline(const struct sip_core *core);
void sip_core_tick(struct sip_core *core, struct gw_now now);

/* Where a request to a bare address would go, and why; otherwise as sip_search_start(). text: as people
 * write it, with sip: before it or without; out: as it is compared. */
enum gw_code sip_core_search(struct sip_core *core, struct gw_str text, struct gw_buf *out,
                             struct sip_search *search, sip_search_fn *done, void *ctx, bool *known,
                             struct gw_err *err);

/* The newest messages. */
struct sip_trace *sip_core_trace(struct sip_core *core);

/* What clients of users here have registered, in order of the users; user empty: of all. Borrowed for the
 * call. */
struct sip_client {
    struct gw_str user, contact, agent; /* agent: what it calls itself, or empty */
    struct gw_str host;                 /* where requests to it go */
    uint16_t port;
    enum sip_proto proto;
    gw_utc expires;
};
typedef void sip_client_fn(const struct sip_client *client, void *ctx);
void sip_core_clients_each(const struct sip_core *core, struct gw_str user, struct gw_now now,
                           sip_client_fn *each, void *ctx);

/* The settings are other ones: who may not watch any more is told so. */
void sip_core_settings_apply(struct sip_core *core);

/* A session of messages, as it is now; texts are borrowed until the next call. */
struct sip_session_info {
    struct gw_str user, peer; /* addresses */
    const char *state;        /* "calling", "called", "up", "leaving" */
    bool is_inbound;          /* the peer began it */
    struct gw_str host;       /* the next hop there; empty: not known yet */
    uint16_t port;
    enum sip_proto proto;
    gw_utc since;
    int64_t idle_s; /* -1: not up */
    uint64_t lines_in, lines_out, waiting;
};
/* *pos is 0 at first; false: no more. */
bool sip_core_session_next(const struct sip_core *core, size_t *pos, struct gw_now now,
                           struct sip_session_info *out);

struct sip_counters {
    uint64_t subscriptions, pending, resumed; /* now; now; since the start */
    uint64_t requests_in, malformed, loops;
    uint64_t refused_acl, refused_sender, refused_limit, notified, notify_failed, merged;
    uint64_t watches;               /* now: contacts abroad */
    uint64_t watched, watch_failed; /* requests that were taken, and that were not */
    uint64_t published, publish_failed;
    uint64_t messages_in, messages_out, messages_failed;
    uint64_t sessions;                                   /* now */
    uint64_t sessions_in, sessions_out, sessions_failed; /* begun by peers, and by users here */
    uint64_t waiting, resent, timeouts;                  /* requests of ours */
    uint64_t registered;                                 /* now: clients of users here */
    uint64_t logins_failed;
    uint64_t publications_in; /* that were taken */
};
void sip_core_counters(const struct sip_core *core, struct sip_counters *out);

#endif

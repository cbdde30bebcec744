/* What the files of the client share. */
#ifndef EWS_CLIENT_PRIV_H
#define EWS_CLIENT_PRIV_H

#include "ews_account_priv.h"
#include "ews_client.h"
#include "ews_codec.h"
#include "gw_buf.h"

enum ews_call_state { EWS_CALL_WAITING, EWS_CALL_SENT, EWS_CALL_FAILED };

/* One connection. */
struct ews_slot {
    struct gw_list link; /* in client->idle, or in client->busy */
    struct ews_client *client;
    struct ews_conn *conn;
    struct ews_call *call; /* NULL: idle */
    gw_time idle_until;
    bool outdated; /* trust or account has changed: not to be used again */
};

struct ews_call {
    struct gw_list link; /* in client->waiting, ->sent, ->failed or ->delivering */
    struct ews_client *client;
    enum ews_call_state state;
    struct ews_request request; /* what the answer's parser needs */
    struct gw_str *mailboxes;   /* that request borrows, with their texts; or NULL */
    char *mailbox;              /* whose; NULL: nobody's */
    char *anchor, *affinity;    /* of its group; NULL: none */
    char *url;                  /* another one than the client's; or NULL */
    char *own_folder;           /* that request borrows; or NULL */
    struct gw_buf body;         /* until it is sent */
    const struct ews_dialect *dialect;
    struct ews_identity *identity; /* it was sent with; NULL: not yet */
    unsigned epoch, doubt;         /* of that, then */
    bool shows;                    /* it counts among what shows the password */
    gw_time sent_at;
    struct ews_slot *slot;          /* SENT */
    struct ews_status fate;         /* FAILED */
    struct ews_stream *stream;      /* EWS_OP_STREAM; else NULL */
    struct net_timer *stream_timer; /* at its deadline */
    ews_done_fn *done;
    void *ctx;
};

struct ews_client {
    struct net_loop *loop;
    unsigned refs; /* the owner, and each delivery on the stack */
    bool freed;
    char *url, *host;
    struct ews_account *account;
    const struct net_tls_policy *tls;
    struct net_http_sessions *sessions;
    unsigned timeout_ms, calls_max, idle_ms, silence_ms;

    struct gw_list waiting, sent; /* calls of that state */
    struct gw_list failed;        /* to be delivered in the next round */
    struct gw_list delivering;    /* being delivered */
    unsigned call_count;

    struct gw_list idle, busy; /* slots; the idle one that was used last comes first */
    unsigned slot_count;
    struct net_timer *idle_timer, *failed_timer;

    const struct ews_dialect *dialect;
    const struct ews_dialect *ceiling; /* the server refused newer ones; NULL: none so far */
    int server_major, server_minor;
    gw_time heard_at;            /* the last answer that proves the server alive */
    unsigned proven_epoch;       /* of the account, when this server took it; 0: never */
    struct gw_list account_link; /* in account->clients */
};

static inline gw_time ews_client_now(const struct ews_client *client)
{
    return net_loop_now(client->loop).mono;
}

/* ews_client.c */
void ews_call_send(struct ews_call *call);
void ews_call_fail(struct ews_call *call, const struct ews_status *fate); /* in the next round */
/* One that was sent; its connection goes with it. */
void ews_call_recall(struct ews_call *call, const struct ews_status *fate);

/* ews_turn.c */
bool ews_turn_is_proven(const struct ews_client *client); /* has this server taken the account? */
bool ews_turn_is_trial(const struct ews_call *call);
bool ews_turn_is_showing(const struct ews_client *client);
void ews_turn_next(struct ews_client *client); /* sends those that wait and may go */
void ews_turn_shown(struct ews_call *call);
void ews_turn_learn(struct ews_call *call, const struct ews_status *status, bool counted);
void ews_turn_hold_back(struct ews_client *client, const struct ews_status *why);

#endif

/* What the files of the federation share. */
#ifndef XMPP_FED_PRIV_H
#define XMPP_FED_PRIV_H

#include "gw_list.h"
#include "xmpp_fed.h"
#include "xmpp_origin.h"
#include "xmpp_priv.h"

#define NS_SERVER            "jabber:server"
#define NS_DIALBACK          "jabber:server:dialback"
#define NS_DIALBACK_FEATURES "urn:xmpp:features:dialback"

enum {
    XMPP_PAIRS_MAX = 100,       /* domains proved on one connection, or being asked for */
    XMPP_S2S_EARLY_MAX = 16384, /* bytes of a stanza before anything is proved */
    XMPP_THEIR_KEY_MAX = 1024,  /* of a peer's dialback key, which is kept until it is confirmed */
    XMPP_ANSWERS_MAX = 4 * XMPP_HOLD_AT, /* bytes that wait for a peer who asks and does not read */
    XMPP_LINKS_MAX = 20000,
    XMPP_FAILED_MAX = 10000, /* links; beyond it those that failed are forgotten at once */
    XMPP_DIALS_MAX = 2000,   /* connections that are being made; half of it for what others claim */
    XMPP_DIALS_OF_ONE =
        50, /* of them because of one user here, or one network that claims domains */
    XMPP_RENEW_MAX = 5000, /* users of a turn in which presence is told anew */
    XMPP_S2S_ID_MAX = 33
};

/* Out:  CONNECTING --> HELLO --features--> [TLS --> HELLO] --> READY --something to say--> PROVING
 *       PROVING --success, valid--> [SM -->] OPEN
 * In:   HELLO --header--> READY [--starttls--> TLS --> HELLO] --auth, db:result--> OPEN
 *       any --error, </stream>, timeout--> CLOSED                                             */
enum xmpp_s2s_state {
    S2S_CONNECTING,
    S2S_HELLO,    /* waits for the header of a stream */
    S2S_FEATURES, /* out: the header came, the features did not yet */
    S2S_READY,    /* in: nothing is proved; out: nothing to say yet */
    S2S_ASKED_TLS,
    S2S_TLS, /* a handshake is under way */
    S2S_SASL,
    S2S_DIALBACK,
    S2S_SM, /* out: proved; whether stanzas are acknowledged is being settled */
    S2S_OPEN,
    S2S_CLOSED
};

struct xmpp_link;
struct xmpp_tally;

/* Who may speak to whom on a connection that came in. */
struct xmpp_pair {
    struct gw_list link;
    char *from, *to;
    bool is_valid; /* else the answer of the domain's own server is awaited */
};

/* A key that a domain's own server is to confirm. */
struct xmpp_verify {
    struct gw_list link; /* of the link to that domain */
    struct xmpp_s2s *in; /* who waits */
    char *id, *key;
    bool is_sent;
};

struct xmpp_s2s {
    struct gw_list in_fed;
    struct xmpp_fed *fed;
    struct xmpp_link *for_link; /* out: NULL once the link has given it up */
    const struct xmpp_s2s_io *io;
    void *io_ctx;
    struct xml_stream *xml;
    enum xmpp_s2s_state state;
    bool is_in, can_tls, is_tls, has_header, is_lost;
    bool no_tls;              /* out: TLS was tried and failed */
    bool is_restarted;        /* out: after SASL */
    bool sasl_failed;         /* out */
    bool has_external;        /* out: offered; in: we offered it */
    bool wants_limits;        /* another reader, when nothing is being read */
    bool offers_sm;           /* out: stream management */
    bool has_sm;              /* out: what is sent is acknowledged */
    gw_time asked_at;         /* out: for an acknowledgement that is to come; 0: for none */
    struct xmpp_tally *tally; /* in: NULL: the peer wants no acknowledgements */
    const char *how;          /* what proved the domain */
    char log_id[9];
    char id[XMPP_S2S_ID_MAX]; /* in: of the stream that we gave */
    char *stream_id;          /* out: that the peer gave */
    char *peer;
    char *local, *remote; /* of the header; in: NULL until it says */
    struct gw_list pairs; /* in */
    size_t pair_count;
    gw_time ready_by; /* until something is proved */
    gw_time used_at, since;
    gw_time read_at, tokens_at;
    int64_t tokens;
    struct gw_err error; /* why it was closed */
};

/* A stanza that waits. */
struct xmpp_letter {
    struct gw_list link;
    struct xmpp_bounce *bounce; /* NULL: nobody is told when it cannot be sent */
    bool is_presence;           /* told anew when there is a way */
    struct gw_str state;        /* of whom, to whom; .p NULL: no state, or it need not wait */
    size_t len;
    char bytes[];
};

struct xmpp_link {
    struct xmpp_fed *fed;
    char *key; /* "local remote" */
    struct gw_str local, remote;
    struct xmpp_s2s *out;
    struct gw_list letters, sent; /* sent: but not acknowledged */
    struct gw_map
        *states; /* letters that wait, the newest of each resource and watcher; may be NULL */
    size_t letter_count, sent_count;
    size_t letter_bytes;   /* of both */
    uint32_t acked;        /* of the session, by the peer's count */
    char *session;         /* that can be resumed; NULL: none */
    int64_t session_ms;    /* so long without a connection */
    gw_time session_until; /* without one */
    struct gw_list verifies;
    struct xmpp_origin *cause; /* of the connection that is being made; else NULL */
    bool is_stale;             /* presence was dropped: it is told anew when there is a way */
    bool is_renewing;          /* which is being done: the walk stands somewhere */
    struct pres_walk walk;
    unsigned failures; /* since the peer was last heard to have understood us */
    bool no_tls;       /* the next attempt is without */
    gw_time retry_at;
    struct gw_err error;
};

/* By which is decided who may come, and where we may go. */
struct xmpp_rules {
    struct xmpp_policy *exceptions;
    int policy;
    bool is_on;
};

struct xmpp_fed {
    struct xmpp_host *host;
    const struct xmpp_fed_settings *settings;
    struct xmpp_fed_settings defaults;
    struct xmpp_policy *policy;
    struct xmpp_rules known; /* by users; exceptions NULL: none yet */
    bool is_reviewing;       /* they are told of others */
    struct pres_walk review;
    char *secret;
    void (*dial)(struct xmpp_s2s *s, void *ctx);
    struct gw_now (*clock)(void *ctx);
    void *dial_ctx;
    struct gw_map *links;
    struct gw_map *causes; /* struct xmpp_origin, by user or network */
    size_t dials;          /* that have one of them */
    struct gw_list streams;
    struct gw_map *tallies; /* that can be resumed, by id */
    struct gw_list asleep;  /* of them: the oldest first */
    size_t tallies_asleep;
    struct gw_buf out, stanza, from; /* from: of what is written, when it is another name */
    struct xmpp_fed_counters counters;
    bool is_stopped;
    struct gw_now now;
};

/* ---- xmpp_fed.c ---- */
struct xmpp_link *xmpp_link_get(struct xmpp_fed *fed, struct gw_str local, struct gw_str remote);
bool xmpp_link_waits(const struct xmpp_link *l); /* is there something to say to the domain? */
void xmpp_link_open(struct xmpp_link *l);        /* the stream is: what waits goes out */
void xmpp_link_closed(struct xmpp_link *l, struct xmpp_s2s *s);
/* False: too many connections are being made. */
bool xmpp_link_verify(struct xmpp_link *l, struct xmpp_s2s *in, struct gw_str key);
void xmpp_link_verified(struct xmpp_link *l, struct gw_str id, bool is_valid);
void xmpp_link_send_verifies(struct xmpp_link *l);
void xmpp_link_forget(struct xmpp_fed *fed, struct xmpp_s2s *in);
struct gw_str xmpp_fed_secret(const struct xmpp_fed *fed);
void xmpp_letter_free(struct xmpp_link *l, struct xmpp_letter *letter); /* is in no list */
void xmpp_letter_take(struct xmpp_link *l, struct xmpp_letter *letter); /* from those that wait */

/* ---- xmpp_fed_review.c: users are told of a changed policy ---- */
void xmpp_review_begin(struct xmpp_fed *fed);
bool xmpp_review_go_on(struct xmpp_fed *fed); /* with a few users; false: that was all */

/* ---- xmpp_s2s_sm.c: stream management ---- */
void xmpp_sm_begin(struct xmpp_s2s *s); /* out: is proved; then the link is open */
void xmpp_sm_out(struct xmpp_s2s *s, const struct xml_node *node);
void xmpp_sm_closed(struct xmpp_link *l, const struct xmpp_s2s *s);
void xmpp_link_sent(struct xmpp_link *l, struct xmpp_letter *letter); /* it waits no more */
void xmpp_link_ask(struct xmpp_link *l);         /* after what was sent, if there is enough */
void xmpp_link_watch(struct xmpp_link *l);       /* now and then: asks about the rest */
void xmpp_link_end_session(struct xmpp_link *l); /* what was sent waits again */
void xmpp_on_s2s_enable(struct xmpp_s2s *s, const struct xml_node *node);
void xmpp_on_s2s_resume(struct xmpp_s2s *s, const struct xml_node *node);
void xmpp_on_s2s_asked(struct xmpp_s2s *s, const struct xml_node *node);
void xmpp_sm_count_in(struct xmpp_s2s *s);                     /* a stanza was handled */
void xmpp_tally_leave(struct xmpp_s2s *s);                     /* its connection is over */
void xmpp_tallies_forget(struct xmpp_fed *fed, gw_time until); /* those that slept until then */

/* ---- xmpp_s2s.c ---- */
struct xmpp_s2s *xmpp_s2s_new(struct xmpp_fed *fed, bool is_in, gw_time now);
void xmpp_s2s_begin(struct xmpp_s2s *s, struct xml_writer *w);
void xmpp_s2s_end(struct xmpp_s2s *s);
bool xmpp_s2s_write(struct xmpp_s2s *s, struct gw_str bytes);
void xmpp_s2s_enter(struct xmpp_s2s *s, enum xmpp_s2s_state to);
void xmpp_s2s_send_header(struct xmpp_s2s *s);
void xmpp_s2s_restart(struct xmpp_s2s *s);
void xmpp_s2s_close(struct xmpp_s2s *s, enum gw_code code, const char *why);
/* RFC 6120 4.9.3; text may be NULL. */
void xmpp_s2s_error(struct xmpp_s2s *s, enum gw_code code, const char *condition, const char *text);
void xmpp_s2s_proved(struct xmpp_s2s *s, const char *how);
/* Where certificates are demanded: does the peer's prove the domain? Says why not. */
bool xmpp_s2s_is_certified(const struct xmpp_s2s *s, struct gw_str domain, struct gw_err *why);
const char *xmpp_s2s_state_name(const struct xmpp_s2s *s);

/* ---- By direction ---- */
void xmpp_s2s_in_header(struct xmpp_s2s *s, const struct xml_node *root);
void xmpp_s2s_in_stanza(struct xmpp_s2s *s, const struct xml_node *node);
void xmpp_s2s_in_verified(struct xmpp_s2s *s, struct gw_str from, struct gw_str to, bool is_valid,
                          const struct gw_err *why); /* why: could not be asked; NULL: was */
bool xmpp_s2s_in_may_speak(const struct xmpp_s2s *s, struct gw_str from, struct gw_str to);
void xmpp_s2s_out_header(struct xmpp_s2s *s, const struct xml_node *root);
void xmpp_s2s_out_stanza(struct xmpp_s2s *s, const struct xml_node *node);
void xmpp_s2s_out_proceed(struct xmpp_s2s *s); /* something is to be said now */

/* ---- xmpp_abroad.c ---- */
struct xmpp_bounce; /* what is told when a stanza cannot be sent */
void xmpp_bounce_free(struct xmpp_bounce *b);
void xmpp_bounce_tell(struct xmpp_fed *fed, struct xmpp_bounce *b, const struct gw_err *why);
void xmpp_abroad_stanza(struct xmpp_s2s *s, const struct xml_node *node);

enum xmpp_sent { XMPP_SENT, XMPP_SENT_FULL, XMPP_SENT_AWAY, XMPP_SENT_FORBIDDEN };
/* Takes bounce, unless it fails: then it is freed. is_presence: may be dropped, and told anew; and without
 * bounce it is a state of 'from', of which the newest alone waits. */
enum xmpp_sent xmpp_fed_send(struct xmpp_fed *fed, struct gw_str from, struct gw_str to,
                             struct gw_str stanza, struct xmpp_bounce *bounce, bool is_presence);

#endif

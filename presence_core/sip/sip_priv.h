/* What the files of the SIP front-end share. */
#ifndef SIP_PRIV_H
#define SIP_PRIV_H

#include <jansson.h>

#include "gw_heap.h"
#include "gw_list.h"
#include "gw_map.h"
#include "pres_guard.h"
#include "sip_core.h"
#include "sip_digest.h"
#include "sip_pidf.h"
#include "sip_search.h"
#include "sip_trace.h"
#include "sip_txn.h"
#include "sip_write.h"

enum { SIP_OWN_TAG_LEN = 16, SIP_ROUTES_MAX = 2048 };

struct sip_winfo;

/* A request under way, to a server that is known by its address or by its name; zeroed: none is. */
struct sip_ask {
    struct sip_txn *txn;
    struct sip_named *named;
};

/* A user who is watched: gone with the last who watches. */
struct sip_watched {
    struct gw_list subs, winfo_subs; /* these: of his own clients, to see who watches him */
    struct sip_winfo *winfo;         /* NULL: nobody is told */
    struct gw_str jid;
    char text[];
};

/* Of whom something is counted, so that nobody takes the room of all: an address that it comes from, a user
 * here, or a domain that it goes to. Gone with the last. */
enum sip_source_kind {
    SIP_SOURCE_SUBS,
    SIP_SOURCE_SESSIONS,
    SIP_SOURCE_NOTIFIES, /* under way, but for the last ones: */
    SIP_SOURCE_GOODBYES,
    SIP_SOURCE_LINES,   /* messages from a user, and to a domain */
    SIP_SOURCE_LETTERS, /* messages to a user's clients */
    SIP_SOURCE_DOUBTS,  /* addresses of a network */
    SIP_SOURCE_KINDS
};

struct sip_source {
    struct sip_core *core;
    uint32_t count[SIP_SOURCE_KINDS];
    gw_time heard_at; /* the last answer to a notification; or when the first under way went */
    bool is_proven;   /* it is where it says it is: there is a connection, or it has answered */
    bool is_silent;   /* it left the last word unanswered */
    bool is_by_name;  /* no address in the list let it in */
    struct gw_str host;
    char text[];
};

/* BLOCKED: sees the user offline, and believes it. TURNED_AWAY: is told that he may not. */
enum sip_verdict { SIP_ALLOWED, SIP_PENDING, SIP_BLOCKED, SIP_TURNED_AWAY };

/* What a user here has begun by logging in: his as long as he may log in. */
struct sip_grant;
/* It holds no account any more. From inside calls of the core of presence: the end itself comes later. */
typedef void sip_grant_over_fn(struct sip_grant *g);
struct sip_grant {
    struct gw_list link;         /* of the account */
    struct sip_account *account; /* NULL: nobody has logged in for it, or it is over */
    sip_grant_over_fn *over;
};

/* sip_unproven.c: what a datagram has begun, from an address that has not answered yet. */
struct sip_unproven;
/* It is to end, unless its address has answered meanwhile; in no list any more. */
typedef void sip_unproven_drop_fn(struct sip_unproven *u);
struct sip_unproven {
    struct gw_list link;
    sip_unproven_drop_fn *drop; /* NULL: it is none */
};

/* One text each, all in one block. */
enum sip_text {
    SIP_TEXT_TAG, /* ours: the key */
    SIP_TEXT_CALL_ID,
    SIP_TEXT_REMOTE_TAG,
    SIP_TEXT_WATCHER, /* bare JID */
    SIP_TEXT_LOCAL,   /* From of what we send, without tag */
    SIP_TEXT_REMOTE,  /* To of what we send */
    SIP_TEXT_TARGET,  /* the watcher's Contact */
    SIP_TEXT_ROUTES,  /* for a Route header, or empty */
    SIP_TEXT_EVENT_ID,
    SIP_TEXT_US,     /* "192.0.2.1:5060": Via and Contact */
    SIP_TEXT_HOST,   /* of the next hop */
    SIP_TEXT_SOURCE, /* address it came from */
    SIP_TEXT_COUNT
};

/*   pending --the user's answer, or none is needed--> active (allowed or blocked) --taken back--> pending
 *   any --expired, unsubscribed, user gone, watcher gone, not admitted any more--> ended */
struct sip_sub {
    struct gw_list link; /* of the user */
    struct gw_due due;
    struct sip_grant grant;
    struct sip_core *core;
    struct sip_watched *of;
    struct sip_source *source;
    struct sip_unproven unproven;
    struct sip_ask notify;       /* on its way */
    gw_time expires_at, next_at; /* next_at: no notification before */
    gw_utc since;
    uint64_t conn;
    uint64_t told;      /* last: a hash of it, or what sip_winfo_write() gave; 0: nothing */
    uint64_t name_hash; /* of the name that the watcher has asked for */
    uint32_t remote_cseq, local_cseq, reserved_cseq;
    uint16_t port; /* of the next hop */
    unsigned char failures;
    bool is_dirty, is_forced; /* something may be new; to be told even when it is not */
    bool is_contact;          /* the user is one abroad, and the roster of the watcher decides */
    const char *over;         /* for this reason: the watcher is told only that; NULL: it goes on */
    enum sip_proto proto;
    enum sip_kind kind;
    enum sip_format format;
    enum sip_verdict verdict;
    uint16_t at[SIP_TEXT_COUNT + 1]; /* where each text begins */
    char *text;
};

/* Over all of a map, some at a time. */
struct sip_sweep {
    bool runs;
    size_t pos;
    uint64_t order;
};

struct sip_core {
    struct pres_core *pres;
    struct store *store;
    struct store_batch *batch; /* NULL: nothing yet */
    const struct sip_settings *settings;
    struct sip_settings defaults;
    const struct sip_io *io;
    void *io_ctx;
    sip_neighbour_fn *is_neighbour;
    void *neighbour_ctx;
    struct sip_txns *txns;
    struct sip_trace *trace;
    struct gw_map *subs, *watched, *sources;
    struct gw_list unproven; /* the oldest first */
    size_t unproven_count;
    struct gw_heap due;
    struct gw_now now; /* of the running call */
    struct gw_buf out, body;
    struct sip_msg *msg; /* what is being read */
    struct sip_counters counters;
    gw_time acl_told, distrust_told, contact_told;
    unsigned loading; /* kinds of records */
    struct gw_err load_result;
    store_done_fn *loaded;
    void *loaded_ctx;
    gw_time resume_at;
    struct pres_front *front;
    struct gw_buf routed;            /* the list of domains that we are the way to */
    struct sip_publisher *publisher; /* see sip_publish.c */
    struct gw_list leavers;          /* publishers of before */
    struct sip_doubts *doubts;
    struct gw_list named; /* requests to names, see sip_named.c */
    size_t searches;
    size_t goodbyes;                         /* last notifications under way */
    struct sip_sweep sub_sweep, watch_sweep; /* the settings are other ones */
    struct gw_str bytes;                     /* of what is being read */
    struct gw_list lines;                    /* messages of users here, waiting or under way */
    size_t line_count;                       /* under way */
    bool lines_new;
    struct gw_map *talks, *session_tags;
    struct gw_heap session_due;
    size_t session_count;
    struct sip_hop hop; /* of sip_hop_of() */
    struct gw_map *watches, *watch_tags, *watch_lanes;
    struct gw_heap watch_due;
    struct gw_list watch_ready; /* lanes whose turn comes, in order */
    size_t watch_flight;
    sip_credentials_fn *credentials;
    void *credentials_ctx;
    struct sip_digest *digest;
    struct pres_guard *guard;
    struct gw_buf login;     /* who has proved that the running request is his; empty: nobody */
    struct gw_map *accounts; /* users here who have a SIP client */
    struct gw_heap account_due, state_due;
    struct gw_list letters; /* to their clients, waiting or under way */
    size_t letter_count, letter_bytes;
    bool letters_new;
    struct gw_map *waits; /* by user */
    struct gw_heap wait_due;
    size_t wait_count;
};

/* sip_core.c */
/* The next one; NULL: no more, and it does not run any more. */
void *sip_sweep_next(struct sip_sweep *w, const struct gw_map *map);
/* All that is sent goes by here; otherwise as sip_io.send(). */
uint64_t sip_send(struct sip_core *core, const struct sip_peer *to, struct gw_str bytes);
bool sip_is_full(const struct sip_core *core, const struct sip_peer *to); /* as in struct sip_io */
void sip_answer(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from,
                unsigned status);
/* The same in two halves, with headers between them. */
void sip_answer_begin(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from,
                      unsigned status, struct gw_str tag);
void sip_answer_send(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from);
void sip_answer_send_body(struct sip_core *core, const struct sip_msg *m,
                          const struct sip_peer *from, const char *type, struct gw_str body);
/* Of whom nothing is known nothing is kept: the request may come again, and is refused again. */
void sip_answer_once(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from);
void sip_refuse(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from,
                unsigned status);
void sip_refuse_method(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from);
#define SIP_ALLOW "SUBSCRIBE, NOTIFY, INVITE, ACK, CANCEL, BYE, MESSAGE, INFO, OPTIONS"
#define SIP_MARKER                                                                                 \
    "Kalends-Partitioned" /* User-Agent of what goes to the other half of our domains */
bool sip_is_ours(const struct sip_core *core, struct gw_str address); /* of a domain served here */
/* sip_route_plan(), for an address of ours only when the other system has it, as far as that is known. */
enum gw_code sip_plan(const struct sip_core *core, struct gw_str address, struct sip_plan *out,
                      struct gw_err *err);

/* sip_raw.c: with m->answer, as far as what stands in the message allows. */
void sip_refuse_raw(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from);

/* sip_named.c. As sip_txn_start(): done ends it, and its owner zeroes it then. A peer with a name is looked for
 * as RFC 3263 says, port 0: it is not said, over the transport that the request was written for. */
void sip_ask_start(struct sip_core *core, struct sip_ask *ask, const struct sip_txn_args *args);
void sip_ask_cancel(struct sip_ask *ask); /* done does not come */
static inline bool sip_ask_is_on(const struct sip_ask *ask)
{
    return ask->txn || ask->named;
}
/* The ACK of a 2xx. */
void sip_ask_acknowledge(struct sip_core *core, const struct sip_peer *to, const char *branch,
                         struct gw_str bytes);
void sip_named_free_all(struct sip_core *core); /* silent */
bool sip_is_address(struct gw_str host);
uint16_t sip_port_of(const struct sip_peer *peer); /* that of its transport, when it has none */

/* sip_hop.c: the server that a URI names; what it does not say is as it came, but the port of a name: 0.
 * Borrows from the URI. */
struct sip_peer sip_hop_server(const struct sip_uri *uri, enum sip_proto came_over);
/* Where a URI of a dialog leads, with 'who', who reached us from 'from'. Else what to answer: it leads
 * nowhere (400), or to where neither he nor an administrator says that he is (403; it is in the log).
 * Borrows from the URI, and until the next call. */
unsigned sip_hop_of(struct sip_core *core, const struct sip_uri *uri, struct gw_str who,
                    const struct sip_peer *from, struct sip_peer *out);

/* sip_trust.c: may this hop, which is admitted, say that somebody of the domain asks? NULL: it may; else what
 * an administrator can do about it. */
const char *sip_distrusts(const struct sip_core *core, struct gw_str domain,
                          const struct sip_peer *hop);
/* sip.domains names it for the domain: a server that has asked its users who they are. */
bool sip_vouches(const struct sip_core *core, struct gw_str domain, const struct sip_peer *hop);
/* The same as sip_distrusts() of an address, or of who has logged in; a refusal is counted, and in the log. */
bool sip_believes(struct sip_core *core, struct gw_str who, const struct sip_peer *hop);
/* May requests of an address, which began something without a login, come still, and speak for 'who'? Who came
 * in by a name, in the list or in his certificate, is looked at when he sends one. */
bool sip_is_welcome(const struct sip_source *source, enum sip_proto proto, struct gw_str who);

/* Record-Route of ours for what begins a dialog with 'who', a bare address: where his requests shall come
 * to. Nothing where no name is set for that, and for who has a static route. */
void sip_write_record_route(const struct sip_core *core, struct gw_buf *out, struct gw_str who,
                            enum sip_proto proto);

/* sip_dialog.c: the route set of what makes a dialog, for a Route header, and its first value; empty: there is
 * none. False: too long. */
bool sip_routes_read(struct sip_core *core, const struct sip_msg *m, struct gw_buf *out,
                     struct gw_str *first);

/* sip_out.c: a request outside of dialogs, to an address: to one server after the other. */
struct sip_out;
/* Writes it into core->out. */
typedef void sip_out_write_fn(const struct sip_peer *to, struct gw_str us, const char *branch,
                              void *ctx);
/* As sip_txn_done_fn. 'hop': who answered, or was the last that did not; NULL: there was nobody to be
 * asked, and err says why. Never from inside sip_out_start(). */
typedef void sip_out_done_fn(unsigned status, const struct sip_msg *response,
                             const struct sip_hop *hop, const struct gw_err *err, gw_time now,
                             void *ctx);
struct sip_out_args {
    struct gw_str address;
    enum sip_method method;
    sip_out_write_fn *write;
    sip_out_done_fn *done;
    void *ctx;
};
/* NULL: no way, err says why; done does not come. */
struct sip_out *sip_out_start(struct sip_core *core, const struct sip_out_args *args,
                              struct gw_err *err);
void sip_out_cancel(struct sip_out **outp); /* done does not come */
/* Of an INVITE, as sip_txn_give_up(). False: nothing was sent yet; it is cancelled. */
bool sip_out_give_up(struct sip_out **outp);
enum sip_kind sip_out_kind(const struct sip_out *out);

struct sip_watch;

/* sip_watch.c: users here watch somebody there. The first two are for the core's calls: they only make a
 * note. */
void sip_watch_want(struct sip_core *core, struct gw_str local, struct gw_str remote);
void sip_watch_leave(struct sip_core *core, struct gw_str local, struct gw_str remote);
/* NOTIFY of a dialog of ours. False: of none. */
bool sip_watch_notify(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from);
void sip_watch_apply(struct sip_watch *w); /* the settings are other ones */
gw_time sip_watches_deadline(const struct sip_core *core);
void sip_watches_tick(struct sip_core *core);
void sip_watches_free(struct sip_core *core); /* silent; the records stay */
/* A record, at the start. */
void sip_watch_restore(struct sip_core *core, struct gw_str key, struct gw_str value);
#define SIP_WATCH_KIND "sip-watch"

/* sip_doubt.c: may this peer send requests? PARKED: 'bytes' will be read again, when it is known, or sent
 * again. TOO_MANY: he is to come again later. */
enum sip_admission { SIP_ADMITTED, SIP_REFUSED, SIP_PARKED, SIP_TOO_MANY };
enum sip_admission sip_admit(struct sip_core *core, const struct sip_peer *from,
                             struct gw_str bytes);
struct sip_doubts *sip_doubts_new(void);
void sip_doubts_free(struct sip_doubts **allp); /* and what waits */
/* The list of who may come in, with what sip.domains adds: an address of it; is it asked who others are? */
bool sip_acl_admits(const struct sip_core *core, struct gw_str address);
bool sip_acl_asks(const struct sip_core *core);
/* The name for which an address was let in. Empty: not for a name, or that is not known any more. */
struct gw_str sip_admitted_as(const struct sip_core *core, const struct sip_peer *from);
void sip_doubts_apply(struct sip_core *core); /* the list is another one */
gw_time sip_doubts_deadline(const struct sip_core *core);
void sip_doubts_tick(struct sip_core *core);

/* sip_login.c: does a user here send this? NONE: not one who has to say so. ANSWERED: he is asked, or
 * refused. IN: it is he, and his address is in core->login. */
enum sip_login { SIP_LOGIN_NONE, SIP_LOGIN_ANSWERED, SIP_LOGIN_IN };
enum sip_login sip_log_in(struct sip_core *core, const struct sip_msg *m,
                          const struct sip_peer *from);
/* Of one who is refused otherwise. False: he does not say that he is of our domains. */
bool sip_log_in_ask(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from);
bool sip_login_is_on(const struct sip_core *core);
void sip_network_of(const struct sip_peer *from, char out[PRES_NETWORK_MAX]);
/* Is there anything that a user here could prove himself with? */
bool sip_login_is_possible(const struct sip_core *core, struct gw_str user);

/* sip_message.c. The first is for the core's calls: it only makes a note. */
#define SIP_TEXT_PLAIN "text/plain"
/* What a user here says to somebody there. */
struct sip_line {
    struct gw_list link; /* of the core's, or of a talk's */
    struct sip_core *core;
    struct sip_out *out; /* by itself, on its way; NULL: waits for the next tick, or in a talk */
    struct sip_source *sender, *domain; /* NULL: it is not under way yet */
    struct gw_str from, to, body, id;
    enum pres_chat chat;
    bool is_retried; /* in another session */
    uint32_t cseq;
    char call_id[2 * 16 + 1];
    char text[];
};
void sip_line_free(struct sip_line *l);
/* It has arrived; or not, and its sender is told. Both free it. */
void sip_line_sent(struct sip_line *l);
void sip_line_failed(struct sip_line *l, unsigned status, const struct sip_msg *response,
                     const struct gw_err *err);
/* The text of a MESSAGE is given to a user here; the answer to it. */
unsigned sip_message_take(struct sip_core *core, const struct sip_msg *m, struct gw_str remote,
                          struct gw_str local, enum pres_chat chat);
void sip_message_send(struct sip_core *core, const struct pres_message *m);
enum pres_failure sip_failure_of(unsigned status, const struct sip_msg *response);
void sip_message(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from);
gw_time sip_messages_deadline(const struct sip_core *core);
void sip_messages_tick(struct sip_core *core);
void sip_messages_free(struct sip_core *core);

/* sip_session.c, sip_session_in.c: messages in sessions. */
#define SIP_SDP_TYPE "application/sdp"
bool sip_session_is_mode(struct sip_core *core, struct gw_str remote);
/* False: too many wait there already. Else it is taken. */
bool sip_session_say(struct sip_core *core, struct sip_line *line);
void sip_session_do(struct sip_core *core, struct gw_str local, struct gw_str remote,
                    enum pres_chat chat);
/* An answer that no transaction waits for. */
void sip_session_answer(struct sip_core *core, const struct sip_msg *m,
                        const struct sip_peer *from);
void sip_session_invite(struct sip_core *core, const struct sip_msg *m,
                        const struct sip_peer *from);
void sip_session_ack(struct sip_core *core, const struct sip_msg *m);
void sip_session_cancel(struct sip_core *core, const struct sip_msg *m,
                        const struct sip_peer *from);
void sip_session_bye(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from);
void sip_session_message(struct sip_core *core, const struct sip_msg *m,
                         const struct sip_peer *from);
void sip_session_refer(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from);
void sip_sessions_apply(struct sip_core *core); /* the settings are other ones */
gw_time sip_sessions_deadline(const struct sip_core *core);
void sip_sessions_tick(struct sip_core *core);
void sip_sessions_free(struct sip_core *core); /* silent: peers find out by the next request */
/* A user here and somebody there, as a key of maps; gw_buf_done(out). */
struct gw_str sip_pair_write(struct gw_buf *out, struct gw_str local, struct gw_str remote);

/* sip_register.c, sip_account.c, sip_reach.c: users here with SIP clients. */
void sip_register(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from);
bool sip_account_is_reachable(const struct pres_session *s,
                              void *ctx); /* these three: of the front-end */
void sip_account_ended(struct pres_session *s, enum pres_end why, void *ctx);
bool sip_reach_message(const struct pres_message *m, struct pres_session *to, void *ctx);
void sip_reach_failed(const struct pres_message *m, enum pres_failure why, struct pres_session *to,
                      void *ctx);
gw_time sip_accounts_deadline(const struct sip_core *core);
void sip_accounts_tick(struct sip_core *core);
void sip_accounts_apply(struct sip_core *core); /* the settings are other ones */
void sip_accounts_free(struct sip_core *core);  /* silent; the records stay */
void sip_account_restore(struct sip_core *core, struct gw_str jid, struct gw_str value);
#define SIP_ACCOUNT_KIND "sip-reg"
/* sip_state.c: what these clients publish of their users. */
#define SIP_STATE_KIND "sip-state"
void sip_state_restore(struct sip_core *core, struct gw_str jid, struct gw_str value);
void sip_publish_in(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from);
gw_time sip_states_deadline(const struct sip_core *core);
void sip_states_tick(struct sip_core *core);
gw_time sip_letters_deadline(const struct sip_core *core);
void sip_letters_tick(struct sip_core *core);
void sip_letters_free(struct sip_core *core);

/* sip_contact.c: whoever has logged in, and somebody abroad to whom there is a way. */
bool sip_contact_is(const struct sip_core *core, struct gw_str address);
/* He is asked, unless he was; 0, or how that is refused. */
unsigned sip_contact_ask(const struct sip_account *a, struct gw_str contact);
void sip_contact_begin(struct sip_account *a, struct gw_str contact); /* a client watches him */
void sip_contact_end(struct sip_account *a);
enum sip_verdict sip_contact_see(const struct sip_account *a, struct gw_str contact,
                                 struct pres_doc *out);
/* sip_grant.c */
void sip_grant_set(struct sip_grant *g, struct sip_account *account, sip_grant_over_fn *over);
void sip_grant_leave(struct sip_grant *g); /* the account may be gone afterwards */

void sip_unproven_add(struct sip_core *core, struct sip_unproven *u, sip_unproven_drop_fn *drop);
void sip_unproven_leave(struct sip_core *core, struct sip_unproven *u);

/* sip_publish.c */
void sip_publish_init(struct sip_core *core);
void sip_publish_apply(struct sip_core *core); /* the settings are other ones */
void sip_publish_stir(struct sip_core *core, struct gw_str user);
void sip_publish_restore(struct sip_core *core, struct gw_str user, struct gw_str value);
#define SIP_PUBLISH_KIND "sip-pub"
gw_time sip_publish_deadline(const struct sip_core *core);
void sip_publish_tick(struct sip_core *core);
void sip_publish_done(struct sip_core *core); /* silent; the records stay */

struct store_batch *sip_batch(struct sip_core *core); /* what sip_commit() writes */

/* sip_subscribe.c */
/* The bare address of a URI, in lower case: what a JID of ours looks like. Empty: it has none. */
struct gw_str sip_address_of(const struct sip_uri *uri, struct gw_buf *out);
void sip_subscribe(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from);

/* sip_winfo.c, see sip_winfo.h, too */
#define SIP_WINFO "presence.winfo"                     /* the event */
struct gw_str sip_events(const struct sip_core *core); /* for Allow-Events */

/* sip_wait.c */
#define SIP_WAIT_KIND "sip-wait"
/* A subscription of his is over: if the user has not answered yet he is remembered. */
void sip_wait_begin(struct sip_core *core, struct gw_str user, struct gw_str watcher);
gw_time sip_waits_deadline(const struct sip_core *core);
void sip_waits_tick(struct sip_core *core);
void sip_waits_free(struct sip_core *core); /* silent; the records stay */
void sip_wait_restore(struct sip_core *core, struct gw_str key, struct gw_str value);

/* sip_sub.c */
struct sip_source *sip_source_take(struct sip_core *core, struct gw_str host,
                                   enum sip_source_kind kind);
void sip_source_leave(struct sip_core *core, struct sip_source *source, enum sip_source_kind kind);
size_t sip_source_count(const struct sip_core *core, struct gw_str host, enum sip_source_kind kind);
/* A datagram may come from elsewhere than it says, and who is there would be flooded by us: little is
 * begun before the first answer; nor is more from where last words are not answered. */
bool sip_source_is_doubtful(const struct sip_core *core, const struct sip_peer *from);
void sip_sources_free(struct sip_core *core);
struct sip_sub_args {
    struct gw_str text[SIP_TEXT_COUNT];
    struct gw_str user;
    enum sip_proto proto;
    uint16_t port;
    uint64_t conn;
    uint32_t remote_cseq, local_cseq;
    enum sip_format format;
    gw_time expires_at;
    struct sip_account *account; /* the watcher's, who has logged in; NULL: he has not */
    bool was_by_login;           /* of a record */
    gw_utc since;
};
/* The watcher is admitted. */
struct sip_sub *sip_sub_new(struct sip_core *core, const struct sip_sub_args *args);
struct gw_str sip_sub_text(const struct sip_sub *s, enum sip_text which);
void sip_sub_replace(struct sip_sub *s, enum sip_text which, struct gw_str text);
struct sip_sub *sip_sub_find(const struct sip_core *core, struct gw_str tag);
void sip_sub_save(struct sip_sub *s);
void sip_sub_stir(struct sip_sub *s, bool forced); /* something may have to be told */
void sip_sub_doubt(struct sip_sub *s);             /* it is unproven */
/* To the clients of the account that watch this contact abroad; empty: any. */
void sip_subs_see(struct sip_account *a, struct gw_str contact);
/* The last notification, and it is gone. */
void sip_sub_end(struct sip_sub *s, const char *reason);
void sip_sub_apply(struct sip_sub *s);   /* the settings are other ones */
void sip_sub_drop(struct sip_sub *s);    /* without a word; the record goes, too */
void sip_sub_release(struct sip_sub *s); /* without a word; the record stays */
bool sip_sub_admit(struct sip_core *core, struct gw_str watcher, enum sip_kind *kind);
void sip_subs_tick(struct sip_core *core); /* many, perhaps not all that are due */
void sip_commit(struct sip_core *core);

/* sip_record.c */
/* Appends. False: there is none, or it is too long. */
bool sip_json_write(const json_t *json, struct gw_buf *out);
struct gw_str sip_json_text(const json_t *o, const char *name); /* empty: there is none */
/* False: there is none, or it is below 0 or above max. */
bool sip_json_number(const json_t *o, const char *name, int64_t max, int64_t *out);
/* All of an array. An entry that cannot be read (false) is passed over; then, or when it is no array:
 * GW_BADMSG. */
typedef bool sip_json_fn(const json_t *o, void *ctx);
enum gw_code sip_json_each(struct gw_str value, sip_json_fn *each, void *ctx, struct gw_err *err);
#define SIP_RECORD_KIND "sip-sub"
enum { SIP_RECORD_MAX = 16 * 1024 };
/* False: too long, or a text is not UTF-8. */
bool sip_record_write(const struct sip_sub *s, gw_utc expires, struct gw_buf *out);
/* Texts are borrowed from *owner, which the caller gives to sip_record_done(). */
enum gw_code sip_record_parse(struct gw_str value, struct sip_sub_args *out, gw_utc *expires,
                              json_t **owner, struct gw_err *err);
void sip_record_done(json_t **owner);

/* When what a record says to end then ends, by this clock; at the latest as if it began now: the clock may
 * have been set back since. False: it has ended. */
bool sip_record_lasts(const struct sip_core *core, gw_utc expires, gw_time *at);

#endif

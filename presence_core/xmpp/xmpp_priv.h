/* What the files of the XMPP front-end share. */
#ifndef XMPP_PRIV_H
#define XMPP_PRIV_H

#include "gw_heap.h"
#include "gw_list.h"
#include "gw_map.h"
#include "gw_mem.h"
#include "pres_frontend.h"
#include "pres_guard.h"
#include "xml_stream.h"
#include "xml_write.h"
#include "xmpp_c2s.h"
#include "xmpp_jid.h"

#define NS_CLIENT    "jabber:client"
#define NS_STREAM    "http://etherx.jabber.org/streams"
#define NS_TLS       "urn:ietf:params:xml:ns:xmpp-tls"
#define NS_SASL      "urn:ietf:params:xml:ns:xmpp-sasl"
#define NS_BIND      "urn:ietf:params:xml:ns:xmpp-bind"
#define NS_SESSION   "urn:ietf:params:xml:ns:xmpp-session"
#define NS_STANZAS   "urn:ietf:params:xml:ns:xmpp-stanzas"
#define NS_STREAMS   "urn:ietf:params:xml:ns:xmpp-streams"
#define NS_ROSTER    "jabber:iq:roster"
#define NS_INFO      "http://jabber.org/protocol/disco#info"
#define NS_ITEMS     "http://jabber.org/protocol/disco#items"
#define NS_PING      "urn:xmpp:ping"
#define NS_VERSION   "jabber:iq:version"
#define NS_BLOCKING  "urn:xmpp:blocking"
#define NS_PRIVACY   "jabber:iq:privacy"
#define NS_SM        "urn:xmpp:sm:3"
#define NS_CSI       "urn:xmpp:csi:0"
#define NS_CARBONS   "urn:xmpp:carbons:2"
#define NS_HINTS     "urn:xmpp:hints"
#define NS_PUBSUB    "http://jabber.org/protocol/pubsub"
#define NS_ACTIVITY  "http://jabber.org/protocol/activity"
#define NS_BINDING   "urn:xmpp:sasl-cb:0"
#define NS_REGISTER  "jabber:iq:register"
#define NS_VCARD     "vcard-temp"
#define NS_TIME      "urn:xmpp:time"
#define NS_LAST      "jabber:iq:last"
#define NS_ROSTERVER "urn:xmpp:features:rosterver"
#define NS_DELAY     "urn:xmpp:delay"
#define NS_XML       "http://www.w3.org/XML/1998/namespace"

/*  With direct TLS it begins with HANDSHAKE.
 *  HELLO --header--> FEATURES --starttls--> HANDSHAKE --TLS--> HELLO, now over TLS
 *  FEATURES --auth--> SASL --response--> SASL       CHECKING: the password is with a worker
 *       SASL, CHECKING --success--> HELLO, now authenticated     --failure--> PENALTY --> FEATURES
 *  FEATURES --bind--> SESSION          any --error, </stream>, timeout--> CLOSED               */
enum xmpp_state {
    XMPP_HELLO,    /* waits for the header of a stream */
    XMPP_FEATURES, /* features were sent: what comes next depends on what there is */
    XMPP_HANDSHAKE,
    XMPP_SASL,
    XMPP_CHECKING,
    XMPP_PENALTY,
    XMPP_SESSION,
    XMPP_CLOSED
};

enum {
    XMPP_OUT_MAX = 16 * 1024 * 1024, /* of one piece of output: the largest roster, escaped */
    XMPP_HOLD_AT = 64 * 1024,        /* that much waits for a peer: presence is held back */
    XMPP_HELD_MAX = 5000,            /* resources whose newest presence waits */
    XMPP_STANZA_MAX_EARLY = 10000,   /* before login; RFC 6120 13.12 asks for 10000 at least */
    XMPP_DEPTH_MAX = 32,
    XMPP_BROADCAST_COST = 2048, /* one more than its size says: broadcasts multiply */
    XMPP_TURN_MAX = 20,         /* sessions that end, or users told of, before the loop turns */
    XMPP_NODES_MAX = 5000,
    XMPP_ATTRS_MAX = 64
};

struct xmpp_held; /* a resource whose newest presence waits */
struct xmpp_sm;   /* what the client has not acknowledged */
struct xmpp_shared;

struct xmpp_c2s {
    struct xmpp_host *host;
    const struct xmpp_io *io;
    void *io_ctx;
    struct xml_stream *xml;
    enum xmpp_state state;
    bool can_tls, is_tls, is_authed;
    bool has_header;   /* ours was sent on this stream */
    bool is_lost;      /* the transport took nothing more */
    bool wants_limits; /* after login: a reader with other limits */
    bool is_pinged;
    bool is_asleep;   /* the connection is gone, the session is not: it may be resumed */
    bool is_inactive; /* XEP-0352: presence waits */
    bool is_ready;    /* available, and not with a negative priority: has got what was kept */
    bool has_more;    /* of what was kept: it waits for room */
    bool wants_carbons;
    bool is_asked_caps;   /* what it can do, and has not answered */
    bool wants_versions;  /* of the roster, RFC 6121 2.6 */
    bool wants_blocks;    /* asked whom the user has blocked: is told of changes */
    bool speaks_japanese; /* xml:lang of the stream: of stanzas that name no other */
    char id[9];           /* of the log */
    char *peer;
    char network[PRES_NETWORK_MAX]; /* that the peer counts as */
    char *domain;                   /* that the client addressed */
    char *from; /* bare JID that the header gave as the client's own, for ours; NULL: none */
    struct xmpp_sasl *sasl;
    char *user;       /* bare JID, once authenticated */
    char *full;       /* full JID, once bound */
    struct gw_buf to; /* user, escaped: the value of 'to' in presence */
    struct pres_session *session;
    unsigned attempts;
    unsigned pushes; /* numbers them */
    uint64_t caps;   /* what the client says that it can do, hashed; 0: nothing */
    char *wants;     /* to be told of contacts, see xmpp_caps.c; NULL: not known */
    uint64_t took;   /* the number of the last message that it got */
    gw_time login_by, penalty_until, heard_at;
    gw_time read_at;         /* throttled until then; 0: not */
    gw_time throttled_since; /* without a pause; 0: never */
    gw_time resumed_at;      /* end of the last throttling */
    gw_time tokens_at;
    int64_t tokens;
    struct gw_map *held; /* NULL: none */
    struct xmpp_sm *sm;  /* NULL: not enabled */
    struct gw_now now;   /* of the running call */
};

struct xmpp_host {
    struct xmpp_fed *fed; /* NULL: no way to other domains */
    struct pres_core *core;
    struct pres_front *front;
    struct xmpp_sasl_lib *sasl;
    struct pres_guard *guard;
    const struct xmpp_settings *settings;
    struct xmpp_settings defaults;
    const char *version;
    const struct xmpp_own *own;
    struct gw_buf out, body;  /* what is being written */
    struct gw_map *resumable; /* by the id of XEP-0198 */
    struct gw_heap asleep;    /* when the sleep of each is over */
    void (*wake)(void *ctx);  /* the host's deadline came nearer; may be NULL */
    void *wake_ctx;
    struct xmpp_offline *offline; /* NULL: there is no store */
    struct xmpp_kept *kept;       /* the same */
    struct xmpp_caps *caps;
    struct xmpp_pep *pep;
    struct xmpp_activity *activity;
    struct gw_list changes;      /* of passwords, under way */
    gw_utc since;                /* of the first client; 0: none was there */
    uint64_t message;            /* numbers those that are delivered */
    struct xmpp_shared *sharing; /* what is written now is of this message; NULL: of none */
    bool is_copying;             /* a carbon copy of it */
    struct gw_now now;           /* of the running call */
    bool is_stopping;            /* nobody sleeps any more */
    struct xmpp_counters counters;
};

/* ---- xmpp_out.c ---- */

/* One piece of output at a time: between begin and end nothing else is written. */
void xmpp_begin(struct xmpp_c2s *c, struct xml_writer *w);
void xmpp_end(struct xmpp_c2s *c);         /* a stanza, or what comes before there are any */
void xmpp_end_element(struct xmpp_c2s *c); /* no stanza: nobody acknowledges it */
void xmpp_write(struct xmpp_c2s *c, struct gw_str bytes);
/* For what can wait, or be asked for again: the other half of the queue is for what cannot. */
bool xmpp_has_room(const struct xmpp_c2s *c, size_t len);

void xmpp_open_ns(struct xml_writer *w, const char *name, const char *ns); /* <name xmlns=> */

/* RFC 6120 4.9.3. The connection is closed with it. text may be NULL. */
void xmpp_stream_error(struct xmpp_c2s *c, const char *condition, const char *text);

void xmpp_unknown_stanza(struct xmpp_c2s *c, const struct xml_node *node); /* which error it is */

/* A stanza being handled. */
struct xmpp_stanza {
    const struct xml_node *node;
    struct gw_str type, id;
    bool has_to;
    struct xmpp_jid to; /* when has_to */
    gw_utc at;          /* when it came, if that was before now; else 0 */
};

enum xmpp_cond {
    XMPP_BAD_REQUEST,
    XMPP_BLOCKED, /* XEP-0191 3.4: by the sender himself */
    XMPP_CONFLICT,
    XMPP_FORBIDDEN,
    XMPP_ITEM_NOT_FOUND,
    XMPP_JID_MALFORMED,
    XMPP_NOT_ACCEPTABLE,
    XMPP_NOT_ALLOWED,
    XMPP_POLICY_VIOLATION,
    XMPP_REMOTE_SERVER_NOT_FOUND,
    XMPP_REMOTE_SERVER_TIMEOUT,
    XMPP_RESOURCE_CONSTRAINT,
    XMPP_SERVICE_UNAVAILABLE,
    XMPP_INVALID_PAYLOAD, /* XEP-0060 7.1.3 */
    XMPP_PAYLOAD_TOO_BIG,
    XMPP_PRECONDITION,
    XMPP_UNSUPPORTED,
    XMPP_CONDS
};

/* RFC 6120 4.9: <stream:error/>. text may be NULL. */
void xmpp_put_stream_error(struct xml_writer *w, const char *condition, const char *text);

const char *xmpp_stanza_name(const struct xmpp_stanza *s); /* "message" */
/* <error/>, in the stanza that is open. text may be NULL. */
void xmpp_put_error(struct xml_writer *w, enum xmpp_cond cond, const char *text);

/* RFC 6120 8.3. Nothing goes out in answer to an error or a result. text may be NULL. */
void xmpp_stanza_error(struct xmpp_c2s *c, const struct xmpp_stanza *s, enum xmpp_cond cond,
                       const char *text);

/* The start of a result, open: <iq type='result' ...>; then xml_close() and xmpp_end(). */
void xmpp_begin_result(struct xmpp_c2s *c, const struct xmpp_stanza *s, struct xml_writer *w);
void xmpp_empty_result(struct xmpp_c2s *c, const struct xmpp_stanza *s);
/* The start of what the client is told by itself, open: <iq type='set' ...>; likewise. */
void xmpp_begin_push(struct xmpp_c2s *c, struct xml_writer *w);

/* ---- xmpp_c2s.c ---- */
void xmpp_enter(struct xmpp_c2s *c, enum xmpp_state to);
void xmpp_close(struct xmpp_c2s *c);

/* ---- xmpp_login.c: all up to the bound resource ---- */
void xmpp_on_header(struct xmpp_c2s *c, const struct xml_node *root);
void xmpp_send_header(struct xmpp_c2s *c);
void xmpp_negotiate(struct xmpp_c2s *c, const struct xml_node *node);
void xmpp_login_result(struct xmpp_c2s *c, enum xmpp_sasl_result result, struct gw_str out);
void xmpp_penalty_over(struct xmpp_c2s *c);

/* ---- The session: xmpp_session.c, then by kind ---- */
void xmpp_on_stanza(struct xmpp_c2s *c, const struct xml_node *node);

/* Who has sent a stanza: a client here, or somebody abroad. */
struct xmpp_sender {
    struct xmpp_host *host;
    struct xmpp_c2s *c; /* NULL: abroad, or gone */
    struct gw_str from; /* full JID */
    struct gw_str
        to;       /* abroad: whom he has addressed, in the name that is used there; else empty */
    bool is_gone; /* not there any more, or not to be reached: nothing can be told it */
};

void xmpp_on_message(struct xmpp_c2s *c, struct xmpp_stanza *s);
void xmpp_message_to_user(const struct xmpp_sender *by, const struct xmpp_stanza *m,
                          struct gw_str user, struct gw_str resource);
void xmpp_on_presence(struct xmpp_c2s *c, struct xmpp_stanza *s);
void xmpp_on_iq(struct xmpp_c2s *c, struct xmpp_stanza *s);
/* Of somebody abroad, to the server or an account; or to a client who is not there. */
void xmpp_answer_abroad(const struct xmpp_sender *by, struct xmpp_stanza *s);
bool xmpp_may_ask(const struct xmpp_sender *by, const struct xmpp_stanza *s,
                  const struct pres_session *to);
void xmpp_on_roster(struct xmpp_c2s *c, struct xmpp_stanza *s, const struct xml_node *query);
void xmpp_push_item(struct xmpp_c2s *c, const struct pres_item *item);
/* The stanza, with the sender's address, to a session; false: not a session of ours. */
bool xmpp_forward(const struct xmpp_sender *by, const struct xmpp_stanza *s,
                  struct pres_session *to);
void xmpp_copy_stanza(const struct xmpp_sender *by, const struct xmpp_stanza *s,
                      struct gw_buf *out);
/* The same, in another stanza. */
void xmpp_copy_into(const struct xmpp_sender *by, const struct xmpp_stanza *s, struct gw_buf *out);
/* What is written to it will arrive, or come back. */
bool xmpp_is_reachable(const struct xmpp_c2s *c);
/* The same of what was written just now: it may have been too much. */
bool xmpp_has_taken(const struct xmpp_c2s *c);
struct gw_str xmpp_sender_bare(const struct xmpp_sender *by);
/* A result to the sender, wherever he is, open, and that it is done. */
void xmpp_begin_answer(const struct xmpp_sender *by, const struct xmpp_stanza *s,
                       struct xml_writer *w);
void xmpp_end_answer(const struct xmpp_sender *by);
/* An error to the sender, wherever he is. */
void xmpp_refuse(const struct xmpp_sender *by, const struct xmpp_stanza *s, enum xmpp_cond cond);

/* Who has sent a stanza that was kept; false: the server itself. */
bool xmpp_sender_find(struct xmpp_host *host, struct gw_str from, struct xmpp_sender *out);
/* A stanza as it was written to a client, read again. */
void xmpp_read_kept(struct xmpp_host *host, struct gw_str bytes, gw_utc at,
                    void (*fn)(struct xmpp_host *host, const struct xml_node *node, gw_utc at));

/* What a presence stanza says, and the buffers that it points into. */
struct xmpp_words {
    struct pres_client client;
    struct gw_buf texts, extra;
};
void xmpp_words_init(struct xmpp_words *w);
void xmpp_words_done(struct xmpp_words *w);
/* GW_BADMSG: no such show or priority. GW_LIMIT: too long. */
enum gw_code xmpp_words_read(const struct xmpp_stanza *s, struct xmpp_words *w);
/* All that is in the stanza, as it is kept with a request. 'out' is made here; it may have failed. */
void xmpp_read_extra(const struct xmpp_stanza *s, struct gw_buf *out, size_t max);

/* ---- xmpp_sm_words.c: the words of stream management, XEP-0198, to clients and to servers ---- */
struct xmpp_stream_fault {
    const char *condition, *text; /* of the stream error */
};
void xmpp_put_sm_enabled(struct xml_writer *w, const char *id,
                         int64_t max_s); /* "": no resumption */
void xmpp_put_sm_resumed(struct xml_writer *w, const char *id, uint32_t h);
void xmpp_put_sm_failed(struct xml_writer *w, const char *condition);
void xmpp_put_sm_answer(struct xml_writer *w, uint32_t h);
bool xmpp_sm_wants_resumption(const struct xml_node *enable);
/* How many more of the unacknowledged stanzas 'h' acknowledges; false: it cannot be. */
bool xmpp_sm_count(const struct xml_node *node, uint32_t acked, size_t unacked, uint32_t *more,
                   struct xmpp_stream_fault *fault);

/* ---- xmpp_sm.c: stream management, XEP-0198. Each does nothing for a client without it. ---- */
void xmpp_sm_sent(struct xmpp_c2s *c, struct gw_str stanza);
void xmpp_sm_sent_presence(struct xmpp_c2s *c, struct gw_str user, struct gw_str resource);
size_t xmpp_sm_unacked(const struct xmpp_c2s *c); /* in bytes */
void xmpp_sm_ask(struct xmpp_c2s *c);             /* after what was sent, if it is time to */
void xmpp_sm_handled(struct xmpp_c2s *c);
void xmpp_on_sm_enable(struct xmpp_c2s *c, const struct xml_node *node);
void xmpp_on_sm_request(struct xmpp_c2s *c, const struct xml_node *node);
void xmpp_on_sm_answer(struct xmpp_c2s *c, const struct xml_node *node);
void xmpp_on_sm_resume(struct xmpp_c2s *c, const struct xml_node *node);
bool xmpp_sm_is_resumable(const struct xmpp_c2s *c);
void xmpp_sm_forbid(struct xmpp_c2s *c); /* to be resumed */
void xmpp_sm_sleep(struct xmpp_c2s *c);  /* is resumable, and has no connection any more */
/* The user's session that has slept longest, if any does: a place is needed. */
bool xmpp_sm_end_oldest(struct xmpp_host *host, struct gw_str user, struct gw_now now);
void xmpp_sm_end(struct xmpp_c2s *c); /* the session is gone: what did not arrive goes elsewhere */

/* A message that goes to several clients of its user: it has arrived when one of them has it. Made by who
 * delivers it; then each client has its part of it, while it has not acknowledged. */
struct xmpp_shared *xmpp_shared_new(void);
void xmpp_shared_unref(struct xmpp_shared **sp);
/* Around what is written of it to one client. */
void xmpp_share_begin(struct xmpp_host *host, struct xmpp_shared *shared, bool is_copy);
void xmpp_share_end(struct xmpp_c2s *c);

/* ---- xmpp_carbons.c ---- */
void xmpp_on_carbons(struct xmpp_c2s *c, struct xmpp_stanza *s, const struct xml_node *child);
/* After the message was delivered to some of the user's clients. */
void xmpp_carbons_received(const struct xmpp_sender *by, const struct xmpp_stanza *m,
                           struct gw_str user, struct xmpp_shared *shared);
void xmpp_carbons_sent(struct xmpp_c2s *c, const struct xmpp_stanza *m);

/* ---- xmpp_offline.c: messages for who is not there ---- */
struct xmpp_offline *xmpp_offline_new(struct xmpp_host *host, struct store *store);
void xmpp_offline_free(struct xmpp_offline **op);
/* False: it is not kept, and must go back. */
bool xmpp_offline_keep(const struct xmpp_sender *by, const struct xmpp_stanza *m,
                       struct gw_str user);
void xmpp_offline_deliver(struct xmpp_c2s *c);
void xmpp_offline_go_on(struct xmpp_c2s *c); /* there may be room for more */
void xmpp_offline_forget(struct xmpp_host *host, struct gw_str user);

/* ---- xmpp_kept.c: answers that are in the store ---- */
struct xmpp_kept *xmpp_kept_new(struct xmpp_host *host, struct store *store);
void xmpp_kept_free(struct xmpp_kept **kp);
struct xmpp_kept_args {
    const char *kind;
    struct gw_str key;
    const char *none; /* what is answered when there is nothing; NULL: that */
};
/* With what is kept, as it is. */
void xmpp_kept_answer(const struct xmpp_sender *by, const struct xmpp_stanza *s,
                      const struct xmpp_kept_args *args);
void xmpp_kept_write(struct xmpp_host *host, struct store_batch **bp); /* takes */

/* ---- xmpp_vcard.c ---- */
void xmpp_on_vcard_get(const struct xmpp_sender *by, const struct xmpp_stanza *s,
                       const struct xml_node *vcard);
void xmpp_on_vcard_set(struct xmpp_c2s *c, struct xmpp_stanza *s, const struct xml_node *vcard);
void xmpp_vcard_forget(struct xmpp_host *host, struct gw_str user);

/* ---- xmpp_activity.c: in a meeting, XEP-0108 ---- */
#define XMPP_ACTIVITY_ID "current" /* of the item */
#define XMPP_ACTIVITY_MEETING                                                                      \
    "<activity xmlns=\"" NS_ACTIVITY "\"><working><in_a_meeting/></working></activity>"
#define XMPP_ACTIVITY_NONE "<activity xmlns=\"" NS_ACTIVITY "\"/>"
struct xmpp_activity *xmpp_activity_new(struct xmpp_host *host);
void xmpp_activity_free(struct xmpp_activity **ap);
void xmpp_activity_stirred(struct xmpp_activity *a, struct gw_str user); /* from inside the core */
bool xmpp_activity_is_due(const struct xmpp_activity *a);
void xmpp_activity_tick(struct xmpp_activity *a);
void xmpp_activity_wanted(struct xmpp_activity *a, bool is_more); /* by one client more, or less */
void xmpp_activity_was_told(struct xmpp_activity *a, struct gw_str user); /* of a meeting */
/* As the calendar has it for this watcher, a bare JID; and whether it is anything to him. */
bool xmpp_activity_is_meeting(const struct xmpp_host *host, struct gw_str user,
                              struct gw_str watcher);
bool xmpp_activity_may_know(const struct xmpp_host *host, struct gw_str user,
                            struct gw_str watcher);

/* ---- xmpp_caps.c: what clients want to be told ---- */
#define XMPP_CAPS_ID "caps" /* of the question for it */
struct xmpp_caps *xmpp_caps_new(struct xmpp_host *host);
void xmpp_caps_free(struct xmpp_caps **cp);
bool xmpp_caps_wants(const char *wants, struct gw_str node);
void xmpp_caps_presence(struct xmpp_c2s *c, const struct xml_node *presence); /* its own */
void xmpp_caps_answer(struct xmpp_c2s *c, const struct xml_node *iq);         /* the client's */
void xmpp_caps_leave(struct xmpp_c2s *c);
/* is_contact: the user watches him, and may be watched by him later; is_new: he did not know this client. */
void xmpp_caps_presence_abroad(const struct xmpp_sender *by, const struct xmpp_stanza *s,
                               const struct xmpp_jid *from, bool is_contact, bool is_new);
/* From now on he may see the user: what there is. */
void xmpp_caps_watcher_abroad(struct xmpp_host *host, struct gw_str user, struct gw_str watcher);
bool xmpp_caps_answer_abroad(const struct xmpp_sender *by, const struct xmpp_stanza *s,
                             const struct xmpp_jid *from); /* false: it is none */
/* Clients of somebody abroad that want the node. */
void xmpp_caps_each_abroad(struct xmpp_host *host, struct gw_str bare, struct gw_str node,
                           void (*each)(struct gw_str full, void *ctx), void *ctx);

/* ---- xmpp_pep.c: what users publish of themselves, XEP-0163 ---- */
struct xmpp_pep *xmpp_pep_new(struct xmpp_host *host, struct store *store);
void xmpp_pep_free(struct xmpp_pep **pp);
void xmpp_pep_forget(struct xmpp_host *host, struct gw_str user);
void xmpp_on_publish(struct xmpp_c2s *c, struct xmpp_stanza *s, const struct xml_node *pubsub);
void xmpp_on_items(const struct xmpp_sender *by, const struct xmpp_stanza *s,
                   const struct xml_node *pubsub);
/* jid: the user, as he is known to who asks. */
void xmpp_pep_put_nodes(struct xmpp_host *host, struct gw_str user, struct gw_str jid,
                        struct xml_writer *w);
void xmpp_pep_tell_activity(struct xmpp_host *host, struct gw_str user, struct gw_str watcher);
/* The client wants more than before (NULL: nothing): what there is of it. */
void xmpp_pep_newcomer(struct xmpp_c2s *c, const char *before);
/* The client, whose wants are known, may see the user now. */
void xmpp_pep_show(struct xmpp_c2s *c, struct gw_str user);
void xmpp_pep_show_abroad(struct xmpp_host *host, struct gw_str user, const struct xmpp_jid *to,
                          const char *wants);

/* ---- xmpp_password.c ---- */
void xmpp_on_register(struct xmpp_c2s *c, struct xmpp_stanza *s, const struct xml_node *query);
/* The client's session ends: if that is because its user has changed the password there, it is told. */
void xmpp_password_changed(struct xmpp_c2s *c, struct gw_str resource);
void xmpp_passwords_done(struct xmpp_host *host);

/* ---- xmpp_block.c: whom the user has blocked, XEP-0191 ---- */
void xmpp_on_blocklist(struct xmpp_c2s *c, struct xmpp_stanza *s, const struct xml_node *list);
void xmpp_on_block(struct xmpp_c2s *c, struct xmpp_stanza *s, const struct xml_node *block);
void xmpp_on_unblock(struct xmpp_c2s *c, struct xmpp_stanza *s, const struct xml_node *unblock);
void xmpp_push_block(struct xmpp_c2s *c, struct gw_str who, bool is_out);
/* Nothing of the sender's is to reach this user. */
bool xmpp_is_shut_out(const struct xmpp_sender *by, struct gw_str user);

/* ---- xmpp_privacy.c: lists of rules, XEP-0016 ---- */
void xmpp_on_privacy(struct xmpp_c2s *c, struct xmpp_stanza *s, const struct xml_node *query);
void xmpp_push_list(struct gw_str name, struct pres_session *to, void *ctx);

/* ---- xmpp_abroad.c: across the border ---- */
void xmpp_send_abroad(struct xmpp_c2s *c, const struct xmpp_stanza *s);
void xmpp_refuse_abroad(const struct xmpp_sender *by, const struct xmpp_stanza *s,
                        enum xmpp_cond cond);
void xmpp_begin_result_abroad(const struct xmpp_sender *by, const struct xmpp_stanza *s,
                              struct xml_writer *w);
void xmpp_end_result_abroad(const struct xmpp_sender *by);
/* A stanza of one of our users, who is named as he is known there; there is a federation. What does not get
 * through is not told. */
void xmpp_begin_abroad(struct xmpp_host *host, const char *name, struct gw_str from,
                       struct gw_str to, struct xml_writer *w);
void xmpp_end_abroad(struct xmpp_host *host, struct gw_str to);
void xmpp_presence_abroad(const struct pres_doc *doc, const struct gw_str *to, size_t count,
                          void *ctx);
void xmpp_request_abroad(enum pres_request request, struct gw_str from, struct gw_str to,
                         struct gw_str extra, void *ctx);
void xmpp_probe_abroad(struct gw_str from, struct gw_str to, void *ctx);
bool xmpp_message_abroad(const struct pres_message *m, enum pres_failure *why, void *ctx);
void xmpp_message_failed_abroad(const struct pres_message *m, enum pres_failure why, void *ctx);

/* ---- xmpp_otherwise.c: across it, by another front-end's way ---- */
/* False: it does not go there. */
bool xmpp_send_otherwise(struct xmpp_c2s *c, const struct xmpp_stanza *m);
/* To a client here of another front-end; false: it does not reach it. */
bool xmpp_give_otherwise(const struct xmpp_sender *by, const struct xmpp_stanza *m,
                         struct pres_session *to);
/* What it says, in the message that is open. */
void xmpp_put_talk(struct xml_writer *w, const struct pres_message *m);
extern const enum xmpp_cond xmpp_failure_conds[]; /* by enum pres_failure */
/* An error for a session of another front-end, from somebody abroad; false: it is for none. */
bool xmpp_fail_otherwise(const struct xmpp_sender *by, const struct xmpp_stanza *m);
bool xmpp_message_otherwise(const struct pres_message *m, struct pres_session *to, void *ctx);
void xmpp_message_failed(const struct pres_message *m, enum pres_failure why,
                         struct pres_session *to, void *ctx);

/* ---- xmpp_command.c: ad-hoc commands, XEP-0050 ---- */
#define NS_COMMANDS "http://jabber.org/protocol/commands"
#define NS_DATA     "jabber:x:data"
void xmpp_on_command(struct xmpp_c2s *c, struct xmpp_stanza *s, const struct xml_node *command);
void xmpp_put_commands(struct xmpp_c2s *c, const struct xmpp_stanza *s, struct xml_writer *w);
/* In the client's language; false: no such command. */
bool xmpp_command_name(struct xmpp_c2s *c, const struct xmpp_stanza *s, struct gw_str node,
                       struct gw_str *name);

/* ---- xmpp_deliver.c: from the core to clients ---- */
extern const struct pres_frontend xmpp_frontend;
/* All of a presence stanza that follows '<presence to="..."'. Borrowed until the next one. */
struct gw_str xmpp_write_doc(struct xmpp_host *host, const struct pres_doc *doc);
void xmpp_hold(struct xmpp_c2s *c, struct gw_str user, struct gw_str resource);
void xmpp_release_held(struct xmpp_c2s *c);
void xmpp_forget_held(struct xmpp_c2s *c);

#endif

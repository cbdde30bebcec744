/* The core as protocol front-ends see it: sessions, presence, requests, routing.
 *
 * The functions of a front-end are called from inside core calls. They queue bytes, borrow
 * everything for the call, and must not call the core: whoever has to close a session for what
 * happened there (a full queue) does it later. */
#ifndef PRES_FRONTEND_H
#define PRES_FRONTEND_H

#include "pres.h"
#include "pres_roster.h"

struct pres_session; /* one connected resource of a user */
struct pres_front;   /* a registered front-end */

/* What a client says of itself. */
struct pres_client {
    enum pres_show show; /* PRES_OFFLINE: unavailable, the session stays */
    int priority;        /* -128 .. 127 */
    unsigned char shade; /* the front-end's own finer word for show, 0: none (XMPP: chat) */
    struct gw_str text;  /* one line for everybody */
    struct gw_str texts; /* the same in the front-end's own form (several languages), or empty */
    struct gw_str extra; /* what the client said besides, in the front-end's own form, or empty */
    bool is_idle;        /* the client speaks for itself: nobody has touched it for a while */
};

/* The presence of one resource as those watchers see it whom it goes to: nothing in it is above
 * what they may see of the calendar. */
struct pres_doc {
    struct gw_str user,
        resource; /* resource empty: of the user as such, whom no client speaks for */
    struct pres_shown shown;
    /* The calendar's times, for front-ends that can show them. kind NONE: none. */
    struct pres_span calendar;
    const struct pres_span *ahead; /* what comes next and is not free, in order (RFC 4481) */
    size_t ahead_count;
    int priority;
    const struct pres_front *origin; /* whose own form the rest is */
    unsigned char shade;             /* only while the show is the client's own */
    struct gw_str texts;             /* only while the text is the client's own */
    struct gw_str extra;
    bool directed; /* said to this watcher only: pres_session_refresh() does not know it */
};

/* What somebody does in a talk, in the words of XEP-0085. */
enum pres_chat {
    PRES_CHAT_UNSAID,
    PRES_CHAT_ACTIVE,
    PRES_CHAT_COMPOSING,
    PRES_CHAT_PAUSED,
    PRES_CHAT_INACTIVE,
    PRES_CHAT_GONE
};

/* A line of talk; without body only what its sender does there is told, and no failure of that. */
struct pres_message {
    struct gw_str from, to; /* of a user here the full JID, where the client is known */
    struct gw_str body;     /* UTF-8 */
    struct gw_str id;       /* the sender's own, or empty */
    enum pres_chat chat;
};

enum pres_failure {
    PRES_FAILED_NOBODY,    /* no such user there */
    PRES_FAILED_REFUSED,   /* by the other side */
    PRES_FAILED_AWAY,      /* nobody is there to read it */
    PRES_FAILED_UNFIT,     /* too long, or of a kind that cannot go there */
    PRES_FAILED_UNREACHED, /* no way to there, or no answer */
    PRES_FAILED_FULL       /* too much is under way */
};

struct pres_frontend {
    const char *name; /* "xmpp" */
    bool wants_times; /* also documents in which only the calendar's times are other ones */

    /* One document for several watchers: write it once. 'count' is at least 1. */
    void (*presence)(const struct pres_doc *doc, struct pres_session *const *to, size_t count,
                     void *ctx);
    /* The same for watchers of other domains, to whom this front-end is the way (pres_route_set()):
     * bare JIDs, of directed presence also full ones. NULL: it is the way to none. */
    void (*presence_abroad)(const struct pres_doc *doc, const struct gw_str *to, size_t count,
                            void *ctx);
    /* Of the way to other domains, too: 'from' is a user here, 'to' a bare JID there. */
    void (*request_abroad)(enum pres_request request, struct gw_str from, struct gw_str to,
                           struct gw_str extra, void *ctx);
    void (*probe_abroad)(struct gw_str from, struct gw_str to, void *ctx);
    /* What 'user' shows may have changed, or to whom, or the user is no more: for front-ends that show a
     * user as a whole (pres_whole()). May be NULL. */
    void (*stirred)(struct gw_str user, void *ctx);
    /* 'watcher', a bare JID, sees the user again: a block, or a list, keeps nothing back any more. Its presence
     * is told otherwise. May be NULL. */
    void (*revealed)(struct gw_str user, struct gw_str watcher, void *ctx);
    /* A request or its answer, 'from' a bare JID; extra: as pres_request_send() was given it. */
    void (*request)(enum pres_request request, struct gw_str from, struct gw_str extra,
                    struct pres_session *to, void *ctx);
    /* A roster item is new, changed, or gone (PRES_SUB_REMOVE). For sessions that asked for it. */
    void (*roster_changed)(const struct pres_item *item, struct pres_session *to, void *ctx);
    /* The user is no more, for good: what the front-end has kept of him goes, too. May be NULL. */
    void (*removed)(struct gw_str user, void *ctx);
    /* 'who' (a bare JID, or a domain) was shut out by the session's user, or is no more. May be NULL. */
    void (*shut_out)(struct gw_str who, bool is_out, struct pres_session *to, void *ctx);
    /* A list of the session's user (pres_list_set()) is new, changed, or gone. May be NULL. */
    void (*list_changed)(struct gw_str name, struct pres_session *to, void *ctx);
    /* Of the way to other domains: of a user here, from a client of another front-end. False: it cannot go,
     * *why says it; when it fails later, pres_message_failed() does. NULL: messages do not go there. */
    bool (*message_abroad)(const struct pres_message *m, enum pres_failure *why, void *ctx);
    /* The same way: one that came from there, 'from', has not reached the user here. May be NULL. */
    void (*message_failed_abroad)(const struct pres_message *m, enum pres_failure why, void *ctx);
    /* From abroad, to a session; false: it is not to be reached any more. And one that it sent has failed.
     * NULL: the front-end cannot. */
    bool (*message)(const struct pres_message *m, struct pres_session *to, void *ctx);
    void (*message_failed)(const struct pres_message *m, enum pres_failure why,
                           struct pres_session *to, void *ctx);
    /* Do messages to the user reach this session, available or not? With priority 0 while it is not. NULL:
     * they do while it is available. */
    bool (*is_reachable)(const struct pres_session *s, void *ctx);
    /* The session is gone from the core: tell the peer and close. Not called for those that the
     * front-end frees itself. */
    void (*ended)(struct pres_session *s, enum pres_end why, void *ctx);
};

enum { PRES_FRONTENDS_MAX = 8 };

/* The table is borrowed as long as the core lives. */
struct pres_front *pres_frontend_register(struct pres_core *core, const struct pres_frontend *table,
                                          void *ctx);

/* It is not called any more, from now on; its sessions are freed, and it is the way to nowhere. For one that
 * goes before the core does. */
void pres_frontend_leave(struct pres_front *front);

struct pres_session_args {
    struct gw_str user, resource; /* normalised; copied */
    struct pres_front *front;
    void *ctx;
};

/* A session of the same resource is ended (PRES_END_REPLACED). GW_NOTFOUND: no such user. GW_LIMIT:
 * too many sessions. Starts neither available nor interested. */
enum gw_code pres_session_new(struct pres_core *core, const struct pres_session_args *args,
                              struct gw_now now, struct pres_session **out, struct gw_err *err);
void pres_session_free(struct pres_session **sp, struct gw_now now); /* goes unavailable first */

void *pres_session_ctx(const struct pres_session *s);
void pres_session_set_ctx(struct pres_session *s, void *ctx); /* goes on in another connection */
struct gw_str pres_session_user(const struct pres_session *s);
struct gw_str pres_session_resource(const struct pres_session *s);
int pres_session_priority(const struct pres_session *s);
bool pres_session_is_available(const struct pres_session *s);

/* The priority with which messages to the user as such reach the session; negative: they do not. */
int pres_session_reach(const struct pres_session *s);

/* The sessions of a user, of all front-ends, in order of their login; NULL: the first; NULL: no more. */
struct pres_session *pres_session_next(struct pres_core *core, struct gw_str user,
                                       const struct pres_session *after);
struct pres_session *pres_session_find(struct pres_core *core, struct gw_str user,
                                       struct gw_str resource);
/* NULL when the session is another front-end's. */
void *pres_session_ctx_of(const struct pres_session *s, const struct pres_front *front);

enum { PRES_CLIENT_MAX = 16 * 1024 }; /* text, texts and extra together */

/* The client's presence for all who watch; copied. The first time also brings what the session's
 * user may see, and the requests that wait. GW_LIMIT: too long, nothing happened. */
enum gw_code pres_session_set(struct pres_session *s, const struct pres_client *client,
                              struct gw_now now);

enum { PRES_DIRECTED_MAX = 200 }; /* of one session; more are refused */

/* Directed presence, RFC 6121 4.6: to one user (or one resource) only, here or abroad. The core says
 * "unavailable" there when the session ends. GW_NOTFOUND: no such user, and no way to there.
 * GW_LIMIT: too many, or too long. */
enum gw_code pres_session_direct(struct pres_session *s, struct gw_str to_user,
                                 struct gw_str to_resource, const struct pres_client *client);

/* Again to this session: the newest document of a user's resource, or that it is gone. For front-ends
 * that let the newest one wait while a peer reads slowly. */
void pres_session_refresh(struct pres_session *s, struct gw_str user, struct gw_str resource);

/* All of a contact's presence to this session, if it may be seen. */
void pres_session_probe(struct pres_session *s, struct gw_str contact);

/* The user as a whole - the resource that speaks for all, or the user as such - as 'watcher', a bare
 * JID, may see the calendar; whether he may see the user at all is not asked. Borrowed until the next
 * call of the core. False: no such user. */
bool pres_whole(const struct pres_core *core, struct gw_str user, struct gw_str watcher,
                struct pres_doc *out);

/* Borrowed until something is changed. A front-end may ask also while it is called. */
struct gw_str pres_phrase(const struct pres_core *core, struct gw_str user,
                          enum pres_phrase phrase);

/* Has the user granted this watcher, a bare JID, to see him? */
bool pres_is_watched_by(const struct pres_core *core, struct gw_str user, struct gw_str watcher);

/* Has the user shut out 'who', a bare JID, or his domain? Nobody shuts out himself. What comes from
 * such a one is refused as if the user were not there; presence that the user has subscribed to
 * goes on. */
bool pres_is_shut_out(const struct pres_core *core, struct gw_str user, struct gw_str who);
/* All whom the user has shut out, in order; from *pos 0; false: no more. Borrowed until the next
 * decision. */
bool pres_shut_out_next(const struct pres_core *core, struct gw_str user, size_t *pos,
                        struct gw_str *who);

/* May the user be shown to 'watcher', a bare JID, as long as he has not answered his request? False: he
 * was denied, and is to see the user offline. */
bool pres_is_hidden_from(const struct pres_core *core, struct gw_str user, struct gw_str watcher);

/* Is his request refused, and may he know it? He neither watches then, nor waits for an answer. */
bool pres_is_refused(const struct pres_core *core, struct gw_str user, struct gw_str watcher);

/* All who may see the user, besides himself; from *pos 0; false: no more. Nothing may change meanwhile. */
bool pres_watcher_next(const struct pres_core *core, struct gw_str user, size_t *pos,
                       struct gw_str *watcher);

/* ---- Lists of rules, XEP-0016: what reaches a session, and who sees it. In force for a session is the
 * one that it has made active, else the user's default, which is in force for the user as such, too.
 * Whoever is shut out is so before any list is looked at. Lists and default are kept. ---- */

/* Sets of kinds of stanza. */
enum {
    PRES_KIND_MESSAGE = 1,
    PRES_KIND_IQ = 2,           /* questions; answers to the user's own come through */
    PRES_KIND_PRESENCE_IN = 4,  /* what contacts say */
    PRES_KIND_PRESENCE_OUT = 8, /* what the user says to them */
    PRES_KIND_REQUEST = 16,     /* to watch the user; only in rules for all kinds */
    PRES_KIND_ALL = 31,
    PRES_KIND_COUNT = 4 /* that have a name */
};
extern const char *const pres_kind_names[]; /* "presence-in", by bit */
unsigned pres_kind_of(struct gw_str name);  /* 0: none */

enum pres_rule_by { PRES_BY_NOTHING, PRES_BY_JID, PRES_BY_GROUP, PRES_BY_SUBSCRIPTION };
extern const char *const pres_rule_names[]; /* "jid"; NULL: by nothing, everybody is meant */

struct pres_rule {
    uint32_t order; /* the first rule that means somebody counts; none: allowed */
    enum pres_rule_by by;
    struct gw_str value; /* a JID, normalised; or a group; or "both" */
    bool denies;
    unsigned kinds;
};

/* Of one user; more are refused. */
enum {
    PRES_LISTS_MAX = 10,
    PRES_RULES_MAX = 200, /* of a list */
    PRES_LIST_NAME_MAX = 255,
    PRES_LIST_BYTES_MAX = 16 * 1024 /* name and values of a list */
};

/* In place of the list of that name; copied; in any order. No rules: it is no more. Acts at once, as the
 * other two: those who see the user no more are told that he is gone, the session that contacts are.
 * GW_INVALID: a rule cannot be. GW_LIMIT. GW_NOTFOUND: no such list, or no such group in the roster.
 * GW_EXISTS: it is in force for another session, and not to be removed. */
enum gw_code pres_list_set(struct pres_session *s, struct gw_str name,
                           const struct pres_rule *rules, size_t count, struct gw_err *err);
/* name empty: none. GW_NOTFOUND: no such list. */
enum gw_code pres_list_activate(struct pres_session *s, struct gw_str name, struct gw_err *err);
/* The same. GW_EXISTS: the present default is in force for another session. */
enum gw_code pres_list_make_default(struct pres_session *s, struct gw_str name, struct gw_err *err);

/* Borrowed until the next change. Empty: none. */
struct gw_str pres_list_active(const struct pres_session *s);
struct gw_str pres_list_default(const struct pres_session *s);
bool pres_list_next(const struct pres_session *s, size_t *pos, struct gw_str *name);
/* NULL: no such list. */
const struct pres_rule *pres_list_get(const struct pres_session *s, struct gw_str name,
                                      size_t *count);

/* Does what 'who', a JID, sends not reach the session (NULL: the user as such)? He was shut out, or a list
 * says so. Kind MESSAGE, IQ or REQUEST. The user's own clients always reach each other. */
bool pres_is_barred(const struct pres_core *core, struct gw_str user, const struct pres_session *s,
                    struct gw_str who, unsigned kind);

/* ---- Routing: the one place that knows where a user lives ---- */

enum pres_route {
    PRES_ROUTE_SERVER,        /* a domain of ours itself */
    PRES_ROUTE_LOCAL,         /* a user here */
    PRES_ROUTE_UNKNOWN_USER,  /* our domain, but nobody */
    PRES_ROUTE_ABROAD,        /* another domain: pres_route_front() is the way there */
    PRES_ROUTE_UNKNOWN_SERVER /* another domain: no way to there */
};
/* A bare JID: "user@domain" or "domain". */
enum pres_route pres_route(const struct pres_core *core, struct gw_str jid);

/* What is said to watchers of this domain goes through this front-end from now on; without a domain:
 * what is said to those of all domains that have no way of their own. NULL: no way any more. Domains
 * that are served here stay so. */
void pres_route_set(struct pres_core *core, struct gw_str domain, struct pres_front *front);
/* The way to those of our domains who are nobody here, when another system shares these domains with us;
 * NULL: they are nobody at all. */
void pres_route_unknown_set(struct pres_core *core, struct pres_front *front);
/* The way to there; NULL: there is none, or it is here. A JID. */
struct pres_front *pres_route_front(const struct pres_core *core, struct gw_str jid);

/* To a session, of whatever front-end; false: it is not reached. */
bool pres_message_give(const struct pres_message *m, struct pres_session *to);
/* To where the way carries messages; false: it does not, or there is none. The second says why. */
bool pres_message_send(struct pres_core *core, const struct pres_message *m);
bool pres_message_try(struct pres_core *core, const struct pres_message *m, enum pres_failure *why);

/* ---- The door to other domains. There a user of ours may have another name: what comes to the functions
 * *_abroad of a front-end, and what it hands to pres_abroad_*(), has the names that other domains use.
 * These two translate for what a front-end carries by itself; 'peer' is the one abroad. ---- */

/* Borrowed until the next call of the core. Bare JIDs; the peer's may be a full one. */
struct gw_str pres_outer(const struct pres_core *core, struct gw_str user, struct gw_str peer);
/* Empty: nobody is meant, and what came is dropped without an answer that tells why. */
struct gw_str pres_inner(const struct pres_core *core, struct gw_str address, struct gw_str peer);
/* Served here, or of mail addresses that are in use. */
bool pres_domain_is_ours(const struct pres_core *core, struct gw_str domain);

/* ---- From other domains. Who calls has proved that 'from' (bare, normalised) is of the domain it
 * says; 'to' is a bare JID. What is for nobody is answered as RFC 6121 says. ---- */

void pres_abroad_request(struct pres_core *core, enum pres_request request, struct gw_str from,
                         struct gw_str to, struct gw_str extra);
/* Answered with all that 'from' may see; or "unsubscribed". */
void pres_abroad_probe(struct pres_core *core, struct gw_str from, struct gw_str to);
/* What a resource there says, or (PRES_OFFLINE) that it is gone; without resource: all are gone. From
 * those whom the user does not watch it is passed on once, not kept. GW_LIMIT: too long. */
enum gw_code pres_abroad_presence(struct pres_core *core, struct pres_front *way,
                                  struct gw_str from, struct gw_str resource, struct gw_str to,
                                  struct gw_str to_resource, const struct pres_client *client);
/* The session is shown contacts though it is not available: what those abroad say is kept for it. */
void pres_session_look(struct pres_session *s, bool looks);

/* May the session's user see the contact abroad, by his roster? SHOWN: as a whole, as the session was shown
 * him last. NONE, ASKED: nothing; offline. Borrowed until the next call of the core. */
enum pres_sight { PRES_SIGHT_NONE, PRES_SIGHT_ASKED, PRES_SIGHT_SHOWN };
enum pres_sight pres_session_sees(struct pres_session *s, struct gw_str contact,
                                  struct pres_doc *out);

/* Has the user been shown this resource of a contact there, and is it there still? */
bool pres_abroad_is_known(const struct pres_core *core, struct gw_str user, struct gw_str contact,
                          struct gw_str resource);
/* As RFC 6121 8.5.2 has it for chat: to the resource that is named and there, else to those of the
 * highest priority. False: it has reached nobody, or the user has shut the sender out. */
bool pres_abroad_message(struct pres_core *core, const struct pres_message *m);
/* To the client that sent it, when it is there still; or, when it has an id, to where it came from. */
void pres_message_failed(struct pres_core *core, const struct pres_message *m,
                         enum pres_failure why);
/* The contact cannot be reached: what the user was shown of it is over. */
void pres_abroad_lost(struct pres_core *core, struct gw_str contact, struct gw_str user);

/* Of a walk over all users, a few at a time. */
struct pres_walk {
    size_t pos;
    uint64_t order;
};

/* There is a way from a domain here to one there again, after something was lost: its watchers are told
 * anew, and its contacts are asked. The next user only, since all at once would hold up the loop, and
 * fill the way; *walk begins as zeros. False: that was the last. When users are added meanwhile it may
 * begin again. */
bool pres_abroad_renew(struct pres_core *core, struct gw_str here, struct gw_str there,
                       struct pres_walk *walk);

/* The front-end's ways are other ones: of each domain abroad that a user's contacts or watchers are of, and
 * that is not reached by another front-end, it says what follows. The next user only, as above. */
enum { PRES_REVIEW_GONE = 1, PRES_REVIEW_RENEW = 2 }; /* is heard of no more; is told, and asked */
typedef unsigned pres_review_fn(struct gw_str domain, void *ctx);
bool pres_abroad_review(struct pres_core *core, const struct pres_front *front,
                        pres_review_fn *review, void *ctx, struct pres_walk *walk);

enum { PRES_ABROAD_RESOURCES_MAX = 20 }; /* of one contact, kept; beyond it the oldest is gone */

#endif

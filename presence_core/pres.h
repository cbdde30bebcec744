/* The presence core: users (presentities), what their clients and their calendar say, who may see
 * it, and who is told. Knows no protocol: front-ends register a table of functions
 * (pres_frontend.h). One thread, the loop's.
 *
 * Users are named by their bare JID, already normalised; that text is the key everywhere. */
#ifndef PRES_H
#define PRES_H

#include "gw_err.h"
#include "gw_str.h"
#include "gw_time.h"
#include "pres_compose.h"
#include "pres_settings.h"
#include "pres_state.h"
#include "store.h"

/* Of a bare JID. RFC 7622 allows more; two of these make the key of a roster record. */
enum { PRES_JID_MAX = 511 };

struct pres_core;

struct pres_core_args {
    struct store *store;                  /* NULL: rosters live in memory only */
    const struct pres_settings *settings; /* borrowed, read live; NULL: the defaults */
    /* What an override without a text says: the words of its state as its user speaks. Borrowed until
     * the core is called the next time; calls nothing here. NULL: it says nothing. */
    struct gw_str (*words)(struct gw_str user, enum pres_calendar_kind kind, void *ctx);
    /* A phrase as 'user', also one who is not ours, is to read or to say it. Borrowed until something
     * is changed. NULL: in English. */
    struct gw_str (*phrase)(struct gw_str user, enum pres_phrase phrase, void *ctx);
    void *words_ctx;
};

struct pres_core *pres_core_new(const struct pres_core_args *args);
void pres_core_free(struct pres_core **corep); /* the front-ends have freed their sessions */

/* Reads the rosters and decisions of the users that were added before; once, before anybody logs in.
 * A user added later starts with none. */
void pres_core_load(struct pres_core *core, store_done_fn *done, void *ctx);

/* Domains served here; normalised. The router answers "unknown user" for theirs, "no such server"
 * for all others. Removing one does not remove its users. */
void pres_domain_add(struct pres_core *core, struct gw_str domain);
void pres_domain_remove(struct pres_core *core, struct gw_str domain);
bool pres_domain_is_local(const struct pres_core *core, struct gw_str domain);

/* GW_INVALID: no bare JID, or too long. Adding a user who is there already does nothing. */
enum gw_code pres_user_add(struct pres_core *core, struct gw_str user, struct gw_err *err);
/* For good: sessions are ended, contacts are told and lose the subscription, the roster is deleted. */
void pres_user_remove(struct pres_core *core, struct gw_str user, struct gw_now now);
/* Not served here: where another system shares our domains (pres_route_unknown_set()) the user is one of
 * that one's, and nobody here. What is kept of the user stays. */
void pres_user_set_elsewhere(struct pres_core *core, struct gw_str user, bool is_elsewhere);
typedef void pres_user_fn(struct gw_str user, void *ctx);
void pres_users_each(const struct pres_core *core, pres_user_fn *each, void *ctx); /* in no order */
bool pres_user_is_known(const struct pres_core *core, struct gw_str user);

/* ---- E-mail addresses for federation: while the settings say so, other domains know a user by his mail
 * address, and by nothing else; who has none that can be used is known by his own ---- */

/* Domains of mail addresses; normalised. Ours, as others see it, unless a front-end is the way there. */
void pres_mail_domain_add(struct pres_core *core, struct gw_str domain);
void pres_mail_domain_remove(struct pres_core *core, struct gw_str domain);

/* mail: of the form of a bare JID, and normalised; empty: none. When it changes what others know the user
 * by, contacts there see him leave, and are asked anew under the new address. */
void pres_user_mail_set(struct pres_core *core, struct gw_str user, struct gw_str mail);

/* Once, when everything is loaded and every way is set: before it, no mail address is used. */
void pres_mail_start(struct pres_core *core);

enum pres_mail_use {
    PRES_MAIL_USED,
    PRES_MAIL_OFF,      /* the settings say no; else it would be used, if its domain is ours */
    PRES_MAIL_NONE,     /* there is no address */
    PRES_MAIL_SAME,     /* it is the user's name already */
    PRES_MAIL_SHARED,   /* with another user */
    PRES_MAIL_TAKEN,    /* it is the name of another user */
    PRES_MAIL_ELSEWHERE /* its domain is another front-end's, or not among ours */
};
enum pres_mail_use pres_mail_use(const struct pres_core *core, struct gw_str user);

enum pres_end {
    PRES_END_REPLACED, /* a new session took the same resource */
    PRES_END_REMOVED,  /* the user is no more */
    PRES_END_REFUSED   /* may not be logged in any more: disabled, or the password was changed */
};

/* Ends all sessions of a user; the user stays. For disabling a user and for a new password. */
void pres_user_end_sessions(struct pres_core *core, struct gw_str user, enum pres_end why,
                            struct gw_now now);

/* ---- Who may watch: what users have decided, kept ---- */

enum pres_decision {
    PRES_ASK, /* nothing was decided */
    PRES_ALLOW,
    PRES_BLOCK,   /* sees the user offline, and is not told */
    PRES_SHUT_OUT /* that, and neither messages nor questions reach the user: XEP-0191 */
};
const char *pres_decision_name(enum pres_decision d); /* "block" */
bool pres_decision_parse(struct gw_str name, enum pres_decision *out);
bool pres_decision_blocks(enum pres_decision d); /* one of the last two */

enum { PRES_DECISIONS_MAX = 1000 }; /* of one user */

/* 'who' is a bare JID, or a domain: everybody there who has no decision of his own, and with
 * PRES_SHUT_OUT who has one, too; normalised. PRES_ASK forgets it. Acts at once: those who wait are
 * answered, those who watch see the user or see him no more. GW_NOTFOUND: no such user. GW_LIMIT: too
 * many. GW_INVALID: no address. */
enum gw_code pres_decide(struct pres_core *core, struct gw_str user, struct gw_str who,
                         enum pres_decision decision, struct gw_err *err);
/* The same; done comes later, when it is on the disk. There is a store. */
enum gw_code pres_decide_saved(struct pres_core *core, struct gw_str user, struct gw_str who,
                               enum pres_decision decision, store_done_fn *done, void *done_ctx,
                               struct gw_err *err);
enum pres_decision pres_decided(const struct pres_core *core, struct gw_str user,
                                struct gw_str who);

typedef void pres_decided_fn(struct gw_str who, enum pres_decision decision, void *ctx);
void pres_decisions_each(const struct pres_core *core, struct gw_str user, pres_decided_fn *each,
                         void *ctx); /* in order of 'who' */

enum pres_standing {
    PRES_WAITS, /* has asked, and was not answered */
    PRES_SEES,
    PRES_DENIED /* may believe that he watches, and sees the user offline */
};
const char *pres_standing_name(enum pres_standing s); /* "waits" */

/* Everything is borrowed for the call, which may ask the core, but change nothing in it. */
typedef void pres_watcher_fn(struct gw_str user, struct gw_str watcher, enum pres_standing standing,
                             void *ctx);
void pres_watchers_each(const struct pres_core *core, struct gw_str user, pres_watcher_fn *each,
                        void *ctx); /* in order of the watchers */
/* Of one of them. False: he is none of them. */
bool pres_watcher_standing(const struct pres_core *core, struct gw_str user, struct gw_str watcher,
                           enum pres_standing *out);
/* Has the user asked to see the contact, or sees him, by the contact list? */
bool pres_has_asked(const struct pres_core *core, struct gw_str user, struct gw_str contact);
/* Those who wait, of so many users from *pos (0 first) on. False: these were the last. Whoever is added
 * between the calls may be missing, or change the order. */
bool pres_waiting_each(const struct pres_core *core, size_t *pos, size_t users,
                       pres_watcher_fn *each, void *ctx);

/* What the calendar says from now on; copied. Watchers are told when it changes what they see.
 * A user that is not known is ignored. */
void pres_calendar_set(struct pres_core *core, struct gw_str user,
                       const struct pres_calendar *calendar, struct gw_now now);

/* ---- Override: a state that a user has set, in place of the calendar's word ---- */

enum pres_ends {
    PRES_ENDS_CLEARED, /* when it is cleared */
    PRES_ENDS_TIME,
    PRES_ENDS_ITEM /* when the calendar item, or out-of-office period, that runs at the time ends */
};

struct pres_override {
    enum pres_calendar_kind kind; /* PRES_CAL_FREE: active; not NONE */
    struct gw_str text;           /* one line, shorter than PRES_TEXT_MAX; may be empty */
    enum pres_ends ends;
    gw_utc until;  /* TIME: then. ITEM: as far as is known. GW_NEVER: not known, or without end */
    gw_utc set_at; /* not looked at when setting */
};

/* In place of the one that there was. It is a word of the user's own: every watcher sees it, those
 * with a level of times also until when. Like a calendar it logs nobody in, and weakens no do not
 * disturb. done (may be NULL; else there is a store) comes later, when it is on the disk.
 * GW_INVALID: no such state, a time that is past, a text as it may not be, no item runs. */
enum gw_code pres_override_set(struct pres_core *core, struct gw_str user,
                               const struct pres_override *in, struct gw_now now,
                               store_done_fn *done, void *done_ctx, struct gw_err *err);
/* GW_NOTFOUND: there is none. */
enum gw_code pres_override_clear(struct pres_core *core, struct gw_str user, struct gw_now now,
                                 store_done_fn *done, void *done_ctx, struct gw_err *err);
/* What pres_core_args.words says for the user is another thing now. */
void pres_override_reworded(struct pres_core *core, struct gw_str user);
/* Texts are borrowed until the next call of the core. */
bool pres_override_get(const struct pres_core *core, struct gw_str user, struct pres_override *out);
bool pres_override_next(const struct pres_core *core, size_t *pos, struct gw_str *user,
                        struct pres_override *out); /* from *pos 0; false: no more */

const char *pres_override_name(enum pres_calendar_kind kind); /* "available" */
bool pres_override_parse(struct gw_str name, enum pres_calendar_kind *out);
const char *pres_ends_name(enum pres_ends ends); /* "item" */

/* When something ends by time; GW_NEVER: nothing does. A tick at or after it ends it. Whatever concerns
 * many users concerns so many in one tick, since each is told to all his watchers: then the next tick
 * is due at once. */
enum { PRES_TICK_MAX = 100 };
gw_utc pres_due(const struct pres_core *core);
void pres_tick(struct pres_core *core, struct gw_now now);

/* ---- Privacy: what a user lets watchers see of the calendar ---- */

enum pres_class {
    PRES_CLASS_OWN,       /* watchers of our domains */
    PRES_CLASS_FEDERATED, /* of others */
    PRES_CLASS_NAMED
};

enum { PRES_LEVEL_UNSET = -1, PRES_PRIVACY_NAMES_MAX = 100 };

struct pres_privacy_rule {
    enum pres_class class;
    struct gw_str watcher; /* PRES_CLASS_NAMED: a bare JID, normalised */
    int level;             /* enum pres_level; PRES_LEVEL_UNSET: no rule any more */
};

/* Those whom it changes are told at once. done as above. GW_LIMIT: too many are named. */
enum gw_code pres_privacy_set(struct pres_core *core, struct gw_str user,
                              const struct pres_privacy_rule *rule, struct gw_now now,
                              store_done_fn *done, void *done_ctx, struct gw_err *err);

struct pres_privacy_named {
    struct gw_str watcher;
    enum pres_level level;
};

struct pres_privacy_view {
    int own, federated; /* enum pres_level, or PRES_LEVEL_UNSET: the defaults count */
    enum pres_level default_own, default_federated;
    struct pres_privacy_named named[PRES_PRIVACY_NAMES_MAX];
    size_t named_count;
};

/* Borrowed until the next call of the core. False: no such user. */
bool pres_privacy_get(const struct pres_core *core, struct gw_str user,
                      struct pres_privacy_view *out);
bool pres_level_parse(struct gw_str name, enum pres_level *out);

/* The settings are other ones: watchers are told what that changes for them, those of the first
 * users now, those of the others with ticks; until then these are shown as before. */
void pres_settings_apply(struct pres_core *core, struct gw_now now);

/* Everything goes out again whose show is the calendar's, as above: a front-end has other words for it
 * now. */
void pres_retell(struct pres_core *core, struct gw_now now);

/* ---- Looking on ---- */

enum pres_cause {
    PRES_CAUSE_CLIENT,
    PRES_CAUSE_CALENDAR,
    PRES_CAUSE_ADMIN,
    PRES_CAUSE_OVERRIDE /* set, cleared, or over */
};
const char *pres_cause_name(enum pres_cause cause); /* "client" */

/* One change of a user's presence as a whole: that of the available resource with the highest
 * priority (the latest of several). Everything is borrowed for the call. */
struct pres_change {
    struct gw_str user;
    struct pres_shown before, now; /* never equal */
    enum pres_cause cause;
    gw_utc at;
};

/* Called from inside the call that made the change; must not call the core. */
typedef void pres_observer_fn(const struct pres_change *change, void *ctx);
struct pres_observer;
struct pres_observer *pres_observe(struct pres_core *core, pres_observer_fn *fn, void *ctx);
void pres_unobserve(struct pres_observer **op);

struct pres_resource_view {
    struct gw_str resource;
    const char *frontend;
    bool available; /* has sent presence */
    int priority;
    enum pres_show show; /* as the client says */
    struct gw_str text;
    bool leads;                 /* speaks for the user as a whole */
    bool stands;                /* chosen by the user while the calendar item ran */
    struct pres_shown composed; /* as the watcher sees it */
    gw_utc since;               /* of the client's last word */
};

/* How a watcher came to the level. */
enum pres_level_from { PRES_LEVEL_SELF, PRES_LEVEL_NAMED, PRES_LEVEL_CLASS, PRES_LEVEL_DEFAULT };

struct pres_user_view {
    struct pres_calendar calendar;
    bool has_override;
    struct pres_override override;
    struct pres_shown composed; /* of the user as a whole */
    gw_utc since;               /* of 'composed', as one's own domain sees it */
    bool speaks;                /* the calendar alone, for who has no client */
    enum pres_level level;
    enum pres_level_from level_from;
    bool is_own;  /* the watcher is of our domains */
    bool may_see; /* has been allowed to */
    const struct pres_resource_view *resources;
    size_t resource_count;
    size_t contact_count, watcher_count; /* items in the roster; those who may see */
};

/* Borrowed until the next call of the core. As an administrator sees it: everything. */
bool pres_user_view(struct pres_core *core, struct gw_str user, struct pres_user_view *out);

/* The same for another moment, another calendar or a certain watcher, with the clients as they are. */
struct pres_question {
    gw_utc at;
    const struct pres_calendar *calendar; /* at that time; NULL: the present one */
    struct gw_str watcher;                /* a bare JID; empty: who sees everything */
};
bool pres_user_ask(struct pres_core *core, struct gw_str user, const struct pres_question *question,
                   struct pres_user_view *out);

struct pres_counters {
    uint64_t sessions, available; /* now */
    uint64_t delivered;           /* presence documents handed to front-ends, per recipient */
    uint64_t changes;             /* told to observers */
};
void pres_counters(const struct pres_core *core, struct pres_counters *out);

#endif

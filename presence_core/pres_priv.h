/* What the files of the presence core share. */
#ifndef PRES_PRIV_H
#define PRES_PRIV_H

#include <stdlib.h>

#include "gw_list.h"
#include "gw_map.h"
#include "gw_mem.h"
#include "pres.h"
#include "pres_cal.h"
#include "pres_entry.h"
#include "pres_frontend.h"
#include "pres_list.h"
#include "pres_mail.h"
#include "pres_over.h"
#include "pres_privacy.h"
#include "pres_sub.h"
#include "pres_view.h"

/* Sorted by 'who'. */
struct pres_decisions {
    struct pres_decided **list;
    uint32_t count, cap;
};

/* Settings as a user is shown by them. */
struct pres_shows {
    struct pres_settings is;
    size_t users; /* freed with the last one, unless it is the core's */
};

struct pres_user {
    char *jid;
    struct gw_str name; /* the same */
    struct pres_core *core;
    struct pres_cal *cal;         /* NULL: nothing known */
    struct pres_over *over;       /* NULL: none is set */
    struct pres_privacy *privacy; /* NULL: the parameters count */
    struct pres_lists *lists;     /* NULL: none */
    struct gw_list sessions;
    struct pres_roster roster;
    struct pres_decisions decisions;
    struct gw_map *seen;      /* of contacts abroad, while the user is available; NULL: nothing */
    gw_utc since;             /* of the presence as a whole */
    struct pres_shows *shows; /* others than the core's while the user waits */
    struct gw_list waiting; /* for the turn in which watchers are told of other settings or words */
    unsigned wording;       /* core's when its words were told */
    bool is_elsewhere;      /* see pres_user_set_elsewhere() */
    struct pres_mail *mail; /* NULL: none */
    struct gw_list mail_link;
    bool is_outer; /* other domains know the user by the mail address, now */
};

/* A client's word, its texts in one block. */
struct pres_word {
    enum pres_show show;
    int priority;
    unsigned char shade;
    bool is_idle;
    uint16_t text_len, texts_len, extra_len;
    char bytes[];
};

struct pres_directed {
    struct gw_list link;
    size_t user_len, resource_len;
    char bytes[];
};

struct pres_session {
    struct gw_list link; /* of the user's sessions */
    struct pres_user *user;
    struct pres_front *front;
    void *ctx;
    struct pres_word *word; /* NULL: not available */
    gw_utc since;           /* of word */
    gw_utc chosen_at;       /* when the user last chose a state of its own; 0: never, or given up */
    uint64_t turn;          /* grows with each word said: the latest of equal priority leads */
    struct gw_list directed;
    unsigned directed_count;
    bool interested;
    bool looks;                  /* is shown contacts though it is not available */
    struct pres_list *list;      /* active, of the user's; NULL: the default counts */
    const struct pres_list *had; /* in force before the running change of lists */
    size_t resource_len;
    char resource[];
};

/* Recipients who see the same are gathered here, then the front-end is called once. */
struct pres_group {
    struct pres_session **to;
    size_t count, cap;
    struct gw_str *abroad; /* borrowed until the delivery */
    size_t abroad_count, abroad_cap;
};

struct pres_front {
    struct pres_core *core;
    const struct pres_frontend *table;
    void *ctx;
    struct pres_group group[PRES_VIEW_COUNT];
};

struct pres_domain {
    struct gw_str name;
    bool is_local;             /* served here */
    bool is_mail;              /* of mail addresses of ours */
    struct pres_front *abroad; /* a way there of its own; NULL: none */
    char text[];
};

struct pres_snap;

/* While a change of lists is told: only that passes which makes the difference. */
struct pres_shift {
    const struct pres_user *of;  /* NULL: no change is told just now */
    const struct pres_list *had; /* in force for the user as such before */
    bool hides;                  /* what is to be seen no more; else what is to be seen now */
};

struct pres_observer {
    struct gw_list link;
    struct pres_core *core;
    pres_observer_fn *fn;
    void *ctx;
};

struct pres_core {
    struct store *store;
    struct store_batch *batch; /* what the running call has changed; NULL: nothing yet */
    const struct pres_settings *settings;
    struct pres_settings defaults;
    struct gw_str (*words)(struct gw_str user, enum pres_calendar_kind kind, void *ctx);
    struct gw_str (*phrase)(struct gw_str user, enum pres_phrase phrase, void *ctx);
    void *words_ctx;
    struct pres_shows *shows; /* the newest that were applied */
    struct gw_list waiting;   /* of users, see above */
    bool is_lining_up;        /* all users are, some in each turn */
    struct pres_walk line_up;
    unsigned wording; /* counts changes of words */
    struct gw_map *users, *domains, *mails;
    size_t outer_count; /* users who are known by their mail address */
    bool mail_started;
    struct pres_front *abroad;  /* the way to all other domains; NULL: there is none */
    struct pres_front *unknown; /* the way to those of ours who are nobody here; NULL: the same */
    struct pres_front fronts[PRES_FRONTENDS_MAX];
    size_t front_count;
    struct gw_list observers;
    struct pres_counters counters;
    uint64_t turn;
    struct pres_snap *snaps; /* of the running pres_tell_begin() */
    size_t snap_cap;
    struct pres_shown before;
    struct pres_resource_view *view; /* of the last pres_user_view() */
    struct pres_cal *asked;          /* of the last pres_user_ask(); NULL: none */
    size_t view_cap;
    store_done_fn *loaded;
    void *loaded_ctx;
    size_t load_kind, load_skipped; /* that is read just now; of it, of unknown users */
    struct gw_heap overs;           /* that time may end, in UTC */
    size_t listed; /* users who have lists: while there are none nothing is asked */
    struct pres_shift shift;
};

/* pres_core.c */
/* The next user, in no order; NULL: that was the last. Users may come and go between calls. */
struct pres_user *pres_walk_next(const struct pres_core *core, struct pres_walk *walk);
struct pres_user *pres_user_find(const struct pres_core *core, struct gw_str jid);
/* Of a bare JID: its domain is served here, whether it is a user or not. */
bool pres_is_own(const struct pres_core *core, struct gw_str jid);
/* A resource, or the user as such who is available nowhere (NULL), as a view shows it. */
void pres_shown_as(const struct pres_user *u, const struct pres_session *s, enum pres_view view,
                   struct pres_shown *out);
/* The available session that speaks for the user; NULL: none. */
const struct pres_session *pres_leader(const struct pres_user *u);
/* The user as a whole: the resource that speaks for all. */
void pres_user_shown(const struct pres_user *u, enum pres_view view, struct pres_shown *out);
void pres_stir(const struct pres_user *u);
void pres_reveal(const struct pres_user *u, struct gw_str watcher); /* who did not see him before */
bool pres_is_later(const struct pres_user *u, const struct pres_session *s);
void pres_changed(struct pres_user *u, const struct pres_shown *before, enum pres_cause cause,
                  struct gw_now now);

static inline struct gw_str pres_word_text(const struct pres_word *w)
{
    return (struct gw_str){ w->bytes, w->text_len };
}

static inline struct gw_str pres_session_name(const struct pres_session *s)
{
    return (struct gw_str){ s->resource, s->resource_len };
}

/* pres_session.c */
struct pres_word *pres_word_new(const struct pres_client *c); /* free() */
size_t pres_client_len(const struct pres_client *c);
/* Who 'of' says something to: a user here (one resource, unless empty). */
void pres_gather_target(const struct pres_user *of, struct pres_user *u, struct gw_str resource);
/* Those whom 'who' names were told presence directly, and have to be told no more. */
void pres_directed_withdraw(struct pres_user *u, struct gw_str who);
void pres_directed_hide(struct pres_user *u); /* from those whom a list denies it */
struct pres_session *pres_session_named(const struct pres_user *u, struct gw_str resource);
void pres_end_all(struct pres_user *u, enum pres_end why, enum pres_cause cause, struct gw_now now);

/* pres_deliver.c: gather recipients, then send each group the document of its view. */
typedef bool pres_told_fn(struct gw_str watcher, enum pres_view view, const void *ctx);
typedef void pres_doc_fn(const void *of, enum pres_view view, struct pres_doc *out);

bool pres_may_see(struct gw_str watcher, const struct pres_user *of);
enum pres_view pres_view_for(const struct pres_user *of, struct gw_str watcher);
enum pres_view pres_view_by(const struct pres_user *of, struct gw_str watcher,
                            const void *settings); /* struct pres_settings */
void pres_gather_one(const struct pres_user *of, struct pres_session *to);
void pres_gather(const struct pres_user *of, struct gw_str watcher);
/* All who may see, and the user's own sessions; only those for whom is_told (NULL: all) says so. */
void pres_gather_watchers(const struct pres_user *u, pres_told_fn *is_told, const void *ctx);
void pres_forget_timeless(struct pres_core *core); /* recipients whose front-end shows no times */
void pres_deliver(struct pres_core *core, pres_doc_fn *write, const void *of);
/* The same, whatever lists say: what keeps one who was told before up to date. */
void pres_deliver_anyway(struct pres_core *core, pres_doc_fn *write, const void *of);

pres_doc_fn pres_doc_session, pres_doc_gone; /* of a session; gone: without any text */
pres_doc_fn pres_doc_user, pres_doc_user_gone;
size_t pres_available_count(const struct pres_user *u);
bool pres_user_is_available(const struct pres_user *u);
bool pres_user_looks(const struct pres_user *u); /* a session sees contacts, available or not */

/* Everything of one user that can be seen, to one session, or to a watcher; or that it is gone. */
void pres_show_all(const struct pres_user *of, struct pres_session *to);
bool pres_show_all_to(const struct pres_user *of, struct gw_str watcher); /* false: nothing */
void pres_hide_all_from(const struct pres_user *of, struct gw_str watcher);
void pres_hide_all(const struct pres_user *of, struct pres_session *to);

/* pres_tell.c: a change of what stands behind a user's presence goes between these two. What was in
 * force before stays in memory until the end: texts of it are compared. */
struct pres_tell {
    enum pres_cause cause;
    bool times; /* of the calendar are other ones */
    /* When watchers get another view with the change: which they had. NULL: the same. */
    enum pres_view (*view_before)(const struct pres_user *of, struct gw_str watcher,
                                  const void *ctx);
    const void *ctx;
};
void pres_tell_begin(struct pres_user *u);
/* To those who see a text of the calendar, or of an override: it has other words now. */
void pres_tell_text(struct pres_user *u);
void pres_tell_end(struct pres_user *u, const struct pres_tell *how, struct gw_now now);
void pres_shows_take(struct pres_user *u); /* the core's, in place of those before */
void pres_shows_leave(struct pres_shows *shows, const struct pres_core *core); /* by one user */
void pres_turns(struct pres_core *core, struct gw_now now); /* of some who wait */

/* pres_lists.c: is this document about the user, or one of his contacts, kept from its recipient? It has
 * been written for him already. */
bool pres_doc_passes(const struct pres_core *core, const struct pres_doc *doc,
                     struct pres_session *to);
bool pres_doc_passes_abroad(const struct pres_core *core, const struct pres_doc *doc,
                            struct gw_str to);
/* Does a list let the watcher see the user as a whole? */
bool pres_lists_show(const struct pres_user *u, struct gw_str watcher);
bool pres_lists_bar(const struct pres_user *u, const struct pres_session *s, struct gw_str who,
                    unsigned kind);
void pres_lists_drop(struct pres_user *u);
void pres_wait(struct pres_user *u); /* for his turn */
void pres_wait_all(struct pres_core *core);

/* pres_core.c */
struct pres_domain *pres_domain_make(struct pres_core *core, struct gw_str name);
void pres_domain_settle(struct pres_core *core, struct pres_domain *d); /* it may be gone */

/* pres_mail.c */
void pres_mail_stir(struct pres_core *core,
                    struct gw_str mail); /* it may be a user's now, or not */
void pres_mail_domain_stir(struct pres_core *core, const struct pres_domain *d); /* likewise */
void pres_mail_settle(struct pres_user *u);                                      /* in his turn */
void pres_mail_leave(struct pres_user *u); /* silently, as the user goes */
/* Of a user here, with a resource or without, towards 'peer'. False: nobody is meant. */
void pres_outer_write(const struct pres_core *core, struct gw_str full, struct gw_str peer,
                      struct gw_buf *out);
bool pres_inner_write(const struct pres_core *core, struct gw_str full, struct gw_str peer,
                      struct gw_buf *out);

/* pres_abroad.c: watchers and contacts of other domains. */
void pres_request_abroad(struct pres_core *core, enum pres_request request, struct gw_str from,
                         struct gw_str to, struct gw_str extra);
/* What the user knows of contacts abroad: brought to a newcomer (the first one asks), forgotten. */
void pres_abroad_newcomer(struct pres_session *s, const struct pres_entry *e);
bool pres_abroad_show(struct pres_session *s, struct gw_str contact, struct gw_str resource);
/* All of it; or that it is gone, as far as this session can see. */
void pres_abroad_show_all(struct pres_session *s, struct gw_str contact);
void pres_abroad_hide_all(struct pres_session *s, struct gw_str contact);
void pres_abroad_refresh(struct pres_session *s, struct gw_str contact);
void pres_abroad_gone(struct pres_user *u,
                      struct gw_str contact); /* the user's sessions are told */
void pres_abroad_forget(struct pres_user *u);

/* pres_decision.c */
enum pres_decision pres_decision_of(const struct pres_user *u, struct gw_str who);
void pres_decision_put(struct pres_user *u, struct gw_str who, enum pres_decision decision);
bool pres_decision_concerns(struct gw_str who, struct gw_str contact); /* one on 'who' */
/* What was decided about the one holds for the other, unless something else was. */
void pres_decision_move(struct pres_user *u, struct gw_str from, struct gw_str to);
void pres_decisions_forget(struct pres_user *u); /* and their records */
void pres_decisions_done(struct pres_user *u);

/* pres_request.c: what follows from a decision for one entry, which may be gone afterwards. */
void pres_entry_allow(struct pres_user *u, struct pres_entry *e);
void pres_entry_deny(struct pres_user *u, struct pres_entry *e);
void pres_entry_ask_again(struct pres_user *u, struct pres_entry *e); /* one who was denied */
/* Ends both subscriptions, tells the contact, forgets the entry; for_good: also of one who was
 * denied and need not know. The entry may be gone. */
void pres_drop_contact(struct pres_user *u, struct pres_entry *e, bool for_good);
void pres_entry_ask(struct pres_user *u, struct pres_entry *e); /* to see the contact */
/* One abroad whom the user sees, or has asked, is asked again: as somebody whom he does not know. */
void pres_request_anew(struct pres_user *u, struct gw_str contact);
/* pres_override.c, pres_levels.c */
void pres_override_drop(struct pres_user *u); /* silently, as the user goes */
/* After the calendar or the time has changed, between the two above: gives one that is over; free()
 * it when all are told. */
struct gw_str pres_override_text(const struct pres_user *u); /* its own, or its state's words */
struct pres_over *pres_override_step(struct pres_user *u, struct gw_now now);
void pres_privacy_drop(struct pres_user *u);
void pres_privacy_move(struct pres_user *u, struct gw_str from, struct gw_str to); /* a level */
/* Fills the members about the watcher; one that is empty sees everything. */
void pres_level_explain(const struct pres_user *of, struct gw_str watcher,
                        struct pres_user_view *out);

/* Records at the start. */
void pres_roster_load(struct pres_core *core, const struct store_record *r);
void pres_decision_load(struct pres_core *core, const struct store_record *r);
void pres_override_load(struct pres_core *core, const struct store_record *r);
void pres_privacy_load(struct pres_core *core, const struct store_record *r);
void pres_lists_load(struct pres_core *core, const struct store_record *r);

/* pres_roster.c */
struct pres_entry *pres_entry_add(struct pres_user *u, struct gw_str jid);
/* A contact as it is to be in the list; what else is between the two stays. old: may be NULL. Borrows both. */
struct pres_entry_args pres_entry_args_of(const struct pres_item *item,
                                          const struct pres_entry *old);
bool pres_contacts_full(const struct pres_user *u);
bool pres_watchers_full(const struct pres_user *u);
void pres_entry_save(struct pres_user *u, const struct pres_entry *e);
void pres_entry_delete(struct pres_user *u, struct pres_entry *e);
void pres_push(struct pres_user *u, const struct pres_entry *e, bool removed);
struct store_batch *pres_batch(struct pres_core *core); /* that the running call writes to */
void pres_commit(
    struct pres_core *core); /* at the end of each call that may have changed a record */
void pres_commit_done(struct pres_core *core, store_done_fn *done, void *ctx);
void pres_roster_forget(struct pres_user *u);

#endif

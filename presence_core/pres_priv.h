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
#include "pres_sub.h"

struct pres_user {
    char *jid;
    struct gw_str name; /* the same */
    struct pres_core *core;
    struct pres_cal *cal; /* NULL: nothing known */
    struct gw_list sessions;
    struct pres_roster roster;
    gw_utc since; /* of the presence as a whole */
};

/* A client's word, its texts in one block. */
struct pres_word {
    enum pres_show show;
    int priority;
    unsigned char shade;
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
    uint64_t turn;          /* grows with each word said: the latest of equal priority leads */
    struct gw_list directed;
    unsigned directed_count;
    bool interested;
    size_t resource_len;
    char resource[];
};

/* Recipients are gathered here, then the front-end is called once. */
struct pres_front {
    const struct pres_frontend *table;
    void *ctx;
    struct pres_session **to;
    size_t count, cap;
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
    struct gw_map *users, *domains;
    struct pres_front fronts[PRES_FRONTENDS_MAX];
    size_t front_count;
    struct gw_list observers;
    struct pres_counters counters;
    uint64_t turn;
    struct pres_resource_view *view; /* of the last pres_user_view() */
    size_t view_cap;
    store_done_fn *loaded;
    void *loaded_ctx;
    size_t load_skipped;
};

/* pres_core.c */
struct pres_user *pres_user_find(const struct pres_core *core, struct gw_str jid);
void pres_word_shown(const struct pres_word *w, const struct pres_user *u,
                     struct pres_shown *out); /* w NULL: offline */
void pres_user_shown(const struct pres_user *u, struct pres_shown *out);
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
void pres_session_shown(const struct pres_session *s, struct pres_shown *out);
void pres_end_all(struct pres_user *u, enum pres_end why, enum pres_cause cause, struct gw_now now);

/* pres_deliver.c: gather recipients, then send one document to them. */
bool pres_may_see(const struct pres_user *watcher, const struct pres_user *of);
void pres_gather_one(struct pres_session *to);
void pres_gather_user(struct pres_user *u);
void pres_gather_watchers(struct pres_user *u); /* and the user's own sessions */
void pres_deliver(struct pres_core *core, const struct pres_doc *doc);
void pres_doc_session(const struct pres_session *s, struct pres_doc *out);
void pres_doc_gone(const struct pres_session *s, struct pres_doc *out); /* without any text */
void pres_doc_offline(const struct pres_user *u, struct pres_doc *out);
/* Everything of one user that can be seen, to one session; or that it is gone, to all of a user. */
void pres_show_all(const struct pres_user *of, struct pres_session *to);
void pres_show_all_to_user(const struct pres_user *of, struct pres_user *to);
void pres_hide_all_from_user(const struct pres_user *of, struct pres_user *from);

/* pres_request.c: ends both subscriptions, tells the contact, forgets the entry. */
void pres_drop_contact(struct pres_user *u, struct pres_entry *e); /* frees the entry */

/* pres_roster.c */
struct pres_entry *pres_entry_add(struct pres_user *u, struct gw_str jid); /* NULL: full */
void pres_entry_save(struct pres_user *u, const struct pres_entry *e);
void pres_entry_delete(struct pres_user *u, struct pres_entry *e);
void pres_push(struct pres_user *u, const struct pres_entry *e, bool removed);
void pres_commit(
    struct pres_core *core); /* at the end of each call that may have changed a roster */
void pres_roster_forget(struct pres_user *u);

#endif

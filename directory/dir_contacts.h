/* Users' contact lists, as bulk jobs change them: functions of whoever keeps them. Addresses are normalised
 * JIDs. */
#ifndef DIR_CONTACTS_H
#define DIR_CONTACTS_H

#include "gw_err.h"
#include "gw_str.h"
#include "store.h"

enum { DIR_CONTACT_GROUPS_MAX = 50, DIR_CONTACT_TEXT_MAX = 255 /* bytes of a name or a group */ };

struct dir_contact {
    struct gw_str jid, name; /* name may be empty */
    struct gw_str groups[DIR_CONTACT_GROUPS_MAX];
    size_t group_count;
};

/* A change is in force when the call returns, the user's clients are told, and what is to be stored is in the
 * batch. batch NULL: nothing happens but for the checks. told: how many clients; untouched on failure. */
struct dir_contacts {
    /* False: not in the list. Borrowed until the next change. */
    bool (*get)(struct gw_str user, struct gw_str contact, struct dir_contact *out, void *ctx);
    void (*each)(struct gw_str user, void (*fn)(struct gw_str contact, void *fn_ctx), void *fn_ctx,
                 void *ctx);
    /* Adds, or changes name and groups. */
    enum gw_code (*put)(struct store_batch *batch, struct gw_str user, const struct dir_contact *to,
                        unsigned *told, struct gw_err *err, void *ctx);
    enum gw_code (*remove)(struct store_batch *batch, struct gw_str user, struct gw_str contact,
                           unsigned *told, struct gw_err *err, void *ctx);
    /* The same person, under another address. */
    enum gw_code (*rename)(struct store_batch *batch, struct gw_str user, struct gw_str from,
                           struct gw_str to, unsigned *told, struct gw_err *err, void *ctx);
    void *ctx;
};

#endif

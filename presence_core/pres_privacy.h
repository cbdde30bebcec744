/* What one user lets watchers see of the calendar, as the core keeps and stores it. */
#ifndef PRES_PRIVACY_H
#define PRES_PRIVACY_H

#include "pres.h"
#include "pres_settings.h"

struct pres_privacy_name {
    int level;
    size_t len;
    char jid[];
};

struct pres_privacy {
    int level[2]; /* by enum pres_class; PRES_LEVEL_UNSET: as the parameter says */
    size_t count;
    struct pres_privacy_name *name[]; /* sorted by JID */
};

/* A copy, of NULL too, with one level changed; NULL: nothing is said in it any more. */
enum gw_code pres_privacy_with(const struct pres_privacy *p, const struct pres_privacy_rule *rule,
                               struct pres_privacy **out, struct gw_err *err);
void pres_privacy_free(struct pres_privacy **pp);

/* Of a watcher; p and from may be NULL. */
enum pres_level pres_privacy_level(const struct pres_privacy *p,
                                   const struct pres_settings *defaults, struct gw_str watcher,
                                   enum pres_class class, enum pres_level_from *from);

/* The record: key the user, value JSON. */
enum { PRES_PRIVACY_RECORD_MAX = 512 * 1024 };
void pres_privacy_write(const struct pres_privacy *p, struct gw_buf *out);
enum gw_code pres_privacy_parse(struct gw_str value, struct pres_privacy **out, struct gw_err *err);

#endif

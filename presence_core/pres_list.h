/* Lists of rules whose stanzas reach a user, and who sees him (XEP-0016, RFC 3921 section 10): the lists
 * of one user, as the core keeps and stores them. */
#ifndef PRES_LIST_H
#define PRES_LIST_H

#include "pres_entry.h"
#include "pres_frontend.h"

struct pres_list {
    size_t count;
    struct pres_rule *rules; /* in their order */
    struct gw_str name;
    char text[]; /* the name, then the values */
};

/* Of one user. */
struct pres_lists {
    struct pres_list *list[PRES_LISTS_MAX];
    size_t count;
    struct pres_list *standing; /* one of them: the default; NULL: none */
};

/* GW_INVALID: no name, a value that cannot be, two of the same order. GW_LIMIT. */
enum gw_code pres_list_new(struct gw_str name, const struct pres_rule *rules, size_t count,
                           struct pres_list **out, struct gw_err *err);
void pres_list_free(struct pres_list **lp);

/* Whom a rule is asked about: a bare JID, a resource or none, and what the user's roster says. */
struct pres_list_who {
    struct gw_str bare, resource;
    const struct pres_roster *roster;
};
bool pres_list_denies(const struct pres_list *list, const struct pres_list_who *who, unsigned kind);

struct pres_list *pres_lists_find(const struct pres_lists *lists, struct gw_str name);
void pres_lists_free(struct pres_lists **lp);

/* The record: key the user, value JSON. */
enum { PRES_LISTS_RECORD_MAX = 1024 * 1024 };
void pres_lists_write(const struct pres_lists *lists, struct gw_buf *out);
enum gw_code pres_lists_parse(struct gw_str value, struct pres_lists **out, struct gw_err *err);

#endif

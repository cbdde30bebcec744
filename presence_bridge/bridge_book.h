/* Everything that an administrator has set about calendars in presence, for whom: settings of the mapping
 * and rules, for everyone, an organisation (domain), a group, or one user. Made into one policy for all
 * those to whom the same applies.
 *
 * Of a setting the closest counts: the user's before the group's, the domain's, everyone's. Rules are
 * asked in the same order, and those for the same people in the order of the list. */
#ifndef BRIDGE_BOOK_H
#define BRIDGE_BOOK_H

#include "bridge_policy.h"

struct bridge_book;

enum {
    BRIDGE_SCOPE_MAX = 600,       /* bytes: "user:" and a JID */
    BRIDGE_SETTINGS_MAX = 10000,  /* in all */
    BRIDGE_BOOK_RULES_MAX = 2000, /* in all */
    BRIDGE_SCOPE_RULES_MAX = BRIDGE_RULES_MAX / 4
};

struct bridge_book *bridge_book_new(void);
void bridge_book_free(struct bridge_book **bp);

/* --- scopes: "everyone", "domain:x.example", "group:sales", "user:ann@x.example". Names are compared as
 * they are: whoever writes one brings it into its one form before. */
enum gw_code bridge_scope_check(struct gw_str scope, struct gw_err *err);

/* --- settings. value NULL: no longer set. GW_NOTFOUND: no such key, or it was not set. */
enum gw_code bridge_book_set(struct bridge_book *b, struct gw_str scope, struct gw_str key,
                             const struct gw_str *value, struct gw_err *err);

struct bridge_setting {
    struct gw_str scope, key, value; /* borrowed until the next change */
};
/* In order of scope and key. */
bool bridge_book_setting(const struct bridge_book *b, size_t i, struct bridge_setting *out);

/* --- rules. A name is one rule's only. */
struct bridge_book_rule {
    unsigned id;                     /* stays as long as the rule looks for the same */
    struct gw_str scope, name, rule; /* borrowed until the next change */
};

/* before: the name of the rule in front of which it goes, of the same scope; empty: at the end. */
enum gw_code bridge_book_rule_add(struct bridge_book *b, struct gw_str scope, struct gw_str name,
                                  struct gw_str rule, struct gw_str before, struct gw_err *err);
/* Another text. Its id is another one if other items match. */
enum gw_code bridge_book_rule_edit(struct bridge_book *b, struct gw_str name, struct gw_str rule,
                                   struct gw_err *err);
enum gw_code bridge_book_rule_move(struct bridge_book *b, struct gw_str name, struct gw_str before,
                                   struct gw_err *err);
enum gw_code bridge_book_rule_remove(struct bridge_book *b, struct gw_str name, struct gw_err *err);
/* In their order: by scope, then as they are asked. */
bool bridge_book_rule(const struct bridge_book *b, size_t i, struct bridge_book_rule *out);

/* From a record: at the end, with its id. */
enum gw_code bridge_book_rule_restore(struct bridge_book *b, unsigned id, struct gw_str scope,
                                      struct gw_str name, struct gw_str rule, struct gw_err *err);

/* --- what comes of it */
struct bridge_person {
    struct gw_str user, domain, group; /* JID, names; empty: none */
};

/* Shared, and borrowed until the next change of the book. Never NULL. */
const struct bridge_policy *bridge_book_policy(struct bridge_book *b,
                                               const struct bridge_person *person);

/* Gives a book of its own with what applies to one person, of which the same policy comes. */
struct bridge_book *bridge_book_extract(struct bridge_book *b, const struct bridge_person *person,
                                        bool with_rules);
#endif

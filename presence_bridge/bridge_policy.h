/* What calendars show as: a table of rows, one for each kind of item, and rules that are asked before it.
 * A policy is compiled from settings ("busy+private" = "busy") and rules, for everybody to whom the same
 * ones apply, and does not change afterwards.
 *
 *   a setting   busy+private       = in-a-meeting "Private appointment"
 *   a rule      subject ~ "lunch" and duration <= 90 => ignore
 *
 * Rules are matched when an item is read. What is kept is the rule's number, as the interval's tag: so
 * what a rule shows may be changed at once, what it looks for needs the items to be read again. */
#ifndef BRIDGE_POLICY_H
#define BRIDGE_POLICY_H

#include "gw_buf.h"
#include "gw_err.h"
#include "gw_item.h"
#include "pres_state.h"

struct bridge_policy;

enum {
    BRIDGE_SETTING_MAX = 1024, /* bytes of a setting, and of a rule */
    BRIDGE_RULE_NAME_MAX = 64,
    BRIDGE_RULE_ID_MAX = 65000, /* above are tags of our own */
    BRIDGE_RULES_MAX = 200      /* of one policy */
};

struct bridge_policy *bridge_policy_new(void); /* the table of the product guides, no rules */
void bridge_policy_free(struct bridge_policy **pp);

/* Settings: rows "busy", "busy+all-day", "busy+private", "busy+named" (by the named organisers), likewise
 * of free, tentative, working-elsewhere and oof; "outside-hours", "automatic-reply"; "order" of strength,
 * the strongest first; "organisers" that are named; "working-hours" yes or no. GW_INVALID says what is
 * wrong, and the policy is as it was. */
enum gw_code bridge_policy_set(struct bridge_policy *p, struct gw_str key, struct gw_str value,
                               struct gw_err *err);
/* The i-th key; NULL: there are no more. */
const char *bridge_setting_key(size_t i);
const char *bridge_setting_help(size_t i);
bool bridge_setting_find(struct gw_str key, size_t *i);
/* As it is in force. */
void bridge_policy_write(const struct bridge_policy *p, size_t i, struct gw_buf *out);

/* Adds one behind the others: the first that matches counts. id: 1 .. BRIDGE_RULE_ID_MAX, one's own. */
enum gw_code bridge_policy_add_rule(struct bridge_policy *p, unsigned id, struct gw_str name,
                                    struct gw_str rule, struct gw_err *err);
enum gw_code bridge_rule_check(struct gw_str rule, struct gw_err *err);

/* What has to be asked of an item, bits by enum gw_item_field; 0: times and busy types are enough. */
unsigned bridge_policy_needs(const struct bridge_policy *p);
/* Whether a rule could match what is in a further calendar of that name. */
bool bridge_policy_looks_at(const struct bridge_policy *p, struct gw_str calendar);
bool bridge_policy_has_hours(const struct bridge_policy *p); /* working hours count */

/* The same for policies that give the same tags: when it is another one, items must be read again. 0:
 * there are no tags. */
uint32_t bridge_policy_mark(const struct bridge_policy *p);

/* The tag of an item's interval. An item of a further calendar has one only by a rule that names
 * calendars; without one it does not count. */
unsigned short bridge_policy_tag(const struct bridge_policy *p, const struct gw_item *item);

#endif

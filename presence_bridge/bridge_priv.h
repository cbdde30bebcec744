/* What the files of presence_bridge/ share. */
#ifndef BRIDGE_PRIV_H
#define BRIDGE_PRIV_H

#include "bridge.h"
#include "bridge_policy.h"
#include "bridge_text.h"
#include "gw_arena.h"
#include "gw_bytes.h"

/* What something shows as. */
struct bridge_show {
    enum pres_calendar_kind kind;
    bool ignored;       /* as if it were not there */
    const char *words;  /* an administrator's own; NULL: those of 'text', in the user's language */
    unsigned char text; /* enum bridge_text, the one without times */
};

/* ---- bridge_read.c: settings and rules as they are typed ---- */

/* A cursor over a line. */
struct bridge_reader {
    struct gw_str rest;
    struct gw_arena *mem;
    struct gw_err *err;
};

bool bridge_read_end(struct bridge_reader *r);
bool bridge_read_sign(struct bridge_reader *r, const char *sign);
bool bridge_read_word(struct bridge_reader *r, struct gw_str *out); /* letters, digits, '-' */
/* A quoted text, or a word. NULL pointer: neither, or no room, and the error is set. */
struct gw_str bridge_read_text(struct bridge_reader *r);
/* PRESENCE, PRESENCE "words", or ignore; then the end. */
enum gw_code bridge_read_show(struct bridge_reader *r, enum bridge_text text, bool own_text,
                              struct bridge_show *out);
void bridge_show_write(const struct bridge_show *s, struct gw_buf *out);
void bridge_quote_write(struct gw_str text, struct gw_buf *out);

/* ---- bridge_rule.c ---- */

enum { BRIDGE_CONDITIONS_MAX = 12 };

struct bridge_condition {
    unsigned char field, op;
    int64_t number;
    struct gw_str text; /* folded */
};

struct bridge_rule {
    unsigned short id;
    const char *name;
    uint64_t mark; /* of what it looks for */
    struct bridge_condition *condition;
    size_t condition_count;
    struct bridge_show show;
};

enum gw_code bridge_rule_parse(struct gw_str text, struct gw_arena *mem, struct bridge_rule *out,
                               struct gw_err *err);
unsigned bridge_rule_needs(const struct bridge_rule *r);
bool bridge_rule_matches(const struct bridge_rule *r, const struct gw_item *item);
bool bridge_rule_looks_at(const struct bridge_rule *r, struct gw_str calendar);
/* Whether an organiser is one of a list, as condition "organiser = ..." would say of each. */
bool bridge_organiser_is(const struct gw_item *item, struct gw_str folded);
/* In the arena; .p NULL: no room. Case, width and forms of letters do not count any more. */
struct gw_str bridge_fold(struct gw_str text, struct gw_arena *mem);

/* ---- bridge_policy.c ---- */

enum bridge_condition_row { /* the later ones win */
                            BRIDGE_PLAIN,
                            BRIDGE_ALL_DAY,
                            BRIDGE_PRIVATE,
                            BRIDGE_NAMED,
                            BRIDGE_ROW_CONDITIONS
};

enum { BRIDGE_BUSY_COUNT = GW_BUSY_OOF + 1, BRIDGE_TAG_NAMED = 0xffff };

/* What has a place in the order of strength: the busy types by enum gw_busy, and these. */
enum { BRIDGE_RANK_OUTSIDE = BRIDGE_BUSY_COUNT, BRIDGE_RANK_REPLY, BRIDGE_RANKS };

struct bridge_row {
    bool is_set; /* else the plain one holds */
    struct bridge_show show;
};

struct bridge_policy {
    struct gw_arena mem;
    struct bridge_row row[BRIDGE_BUSY_COUNT][BRIDGE_ROW_CONDITIONS];
    struct bridge_row outside, reply;
    unsigned char rank[BRIDGE_RANKS];
    bool hours;
    struct gw_str *organisers; /* folded */
    size_t organiser_count;
    struct gw_str organisers_text;
    struct bridge_rule *rules; /* in their order */
    const struct bridge_rule **by_id;
    size_t rule_count;
};

/* What an interval shows as, how strong that is, and by which rule (NULL: none) or row. */
struct bridge_hit {
    const struct bridge_show *show;
    unsigned rank;
    const struct bridge_rule *rule;
    enum bridge_condition_row condition;
};
struct bridge_hit bridge_policy_hit(const struct bridge_policy *p, const struct gw_interval *v);
unsigned bridge_policy_rank(const struct bridge_policy *p, int which); /* of what has no rule */
const char *bridge_row_key(enum gw_busy busy, enum bridge_condition_row condition);

#endif

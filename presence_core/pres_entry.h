/* One contact in one roster, in one block of memory; the sorted array of them; and the form in which
 * an entry is stored. Holders of an entry lose it when its name, groups or request change. */
#ifndef PRES_ENTRY_H
#define PRES_ENTRY_H

#include "gw_buf.h"
#include "gw_err.h"
#include "pres_roster.h"

struct pres_entry {
    unsigned char state; /* PRES_TO, PRES_FROM, PRES_OUT, PRES_IN */
    bool listed; /* in the roster that clients see; false: a request that waits, or polite */
    bool polite; /* FROM is what the contact believes: the user has denied it */
    unsigned char group_count;
    uint16_t jid_len, name_len, groups_len, extra_len;
    char bytes[]; /* jid, name, groups (each ends with NUL), extra: of the request that waits */
};

struct pres_entry_args {
    struct gw_str jid, name, extra;
    const struct gw_str *groups;
    size_t group_count;
    unsigned char state;
    bool listed, polite;
};

/* GW_LIMIT, GW_INVALID: as pres_roster_set(). */
enum gw_code pres_entry_check(const struct pres_entry_args *args, struct gw_err *err);
struct pres_entry *pres_entry_new(const struct pres_entry_args *args); /* checked before */

struct gw_str pres_entry_jid(const struct pres_entry *e);
struct gw_str pres_entry_name(const struct pres_entry *e);
struct gw_str pres_entry_extra(const struct pres_entry *e);
/* Fills groups[PRES_GROUPS_MAX], borrowed from the entry; returns how many. */
size_t pres_entry_groups(const struct pres_entry *e, struct gw_str *groups);

/* Sorted by JID. */
struct pres_roster {
    struct pres_entry **entries;
    uint32_t count, cap;
};

struct pres_entry *pres_roster_find(const struct pres_roster *r, struct gw_str jid);
/* Takes the entry; one with the same JID is freed. */
void pres_roster_place(struct pres_roster *r, struct pres_entry *e);
void pres_roster_take_out(struct pres_roster *r, struct gw_str jid); /* frees the entry */
void pres_roster_done(struct pres_roster *r);

/* The record: key "user contact", value JSON. Parsing gives a new entry, and the user. */
void pres_record_key(struct gw_str user, struct gw_str contact, struct gw_buf *out);
void pres_record_write(const struct pres_entry *e, struct gw_buf *out);
enum gw_code pres_record_parse(struct gw_str key, struct gw_str value, struct gw_str *user,
                               struct pres_entry **out, struct gw_err *err);

enum { PRES_RECORD_MAX = 128 * 1024 }; /* of a value: all at their limits, and escaped */

#endif

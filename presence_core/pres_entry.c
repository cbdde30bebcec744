#include <stdlib.h>
#include <string.h>

#include "gw_mem.h"
#include "pres.h"
#include "pres_entry.h"
#include "pres_sub.h"

static enum gw_code check_groups(const struct pres_entry_args *a, struct gw_err *err)
{
    if (a->group_count > PRES_GROUPS_MAX)
        return gw_fail(err, GW_LIMIT, "more than %d groups", PRES_GROUPS_MAX);
    for (size_t i = 0; i < a->group_count; i++) {
        struct gw_str g = a->groups[i];

        if (!g.len || memchr(g.p, '\0', g.len))
            return gw_fail(err, GW_INVALID, "a group has no name");
        if (g.len > PRES_GROUP_NAME_MAX)
            return gw_fail(err, GW_LIMIT, "a group's name is longer than %d bytes",
                           PRES_GROUP_NAME_MAX);
        for (size_t j = 0; j < i; j++) {
            if (gw_str_eq(g, a->groups[j]))
                return gw_fail(err, GW_INVALID, "a group is named twice");
        }
    }
    return GW_OK;
}

enum gw_code pres_entry_check(const struct pres_entry_args *a, struct gw_err *err)
{
    if (!a->jid.len || a->jid.len > PRES_JID_MAX || memchr(a->jid.p, ' ', a->jid.len))
        return gw_fail(err, GW_INVALID, "not the address of a contact, or longer than %d bytes",
                       PRES_JID_MAX);
    if (a->name.len > PRES_NAME_MAX)
        return gw_fail(err, GW_LIMIT, "the name is longer than %d bytes", PRES_NAME_MAX);
    if (a->extra.len > PRES_REQUEST_EXTRA_MAX)
        return gw_fail(err, GW_LIMIT, "the request is longer than %d bytes",
                       PRES_REQUEST_EXTRA_MAX);
    if (!pres_state_is_valid(a->state))
        return gw_fail(err, GW_INVALID, "no such subscription state");
    return check_groups(a, err);
}

static char *put(char *p, struct gw_str s)
{
    if (s.len)
        memcpy(p, s.p, s.len);
    return p + s.len;
}

struct pres_entry *pres_entry_new(const struct pres_entry_args *a)
{
    struct pres_entry *e;
    size_t groups_len = 0;
    char *p;

    for (size_t i = 0; i < a->group_count; i++)
        groups_len += a->groups[i].len + 1;
    e = gw_alloc(sizeof(*e) + a->jid.len + a->name.len + groups_len + a->extra.len);
    e->state = a->state;
    e->listed = a->listed;
    e->polite = a->polite;
    e->group_count = (unsigned char)a->group_count;
    e->jid_len = (uint16_t)a->jid.len;
    e->name_len = (uint16_t)a->name.len;
    e->groups_len = (uint16_t)groups_len;
    e->extra_len = (uint16_t)a->extra.len;
    p = put(put(e->bytes, a->jid), a->name);
    for (size_t i = 0; i < a->group_count; i++)
        p = put(p, a->groups[i]) + 1;
    put(p, a->extra);
    return e;
}

struct gw_str pres_entry_jid(const struct pres_entry *e)
{
    return (struct gw_str){ e->bytes, e->jid_len };
}

struct gw_str pres_entry_name(const struct pres_entry *e)
{
    return (struct gw_str){ e->bytes + e->jid_len, e->name_len };
}

struct gw_str pres_entry_extra(const struct pres_entry *e)
{
    return (struct gw_str){ e->bytes + e->jid_len + e->name_len + e->groups_len, e->extra_len };
}

size_t pres_entry_groups(const struct pres_entry *e, struct gw_str *groups)
{
    const char *p = e->bytes + e->jid_len + e->name_len;

    for (size_t i = 0; i < e->group_count; i++) {
        groups[i] = gw_str_of(p);
        p += groups[i].len + 1;
    }
    return e->group_count;
}

/* The place of jid: where it is, or where it would go. */
static uint32_t place_of(const struct pres_roster *r, struct gw_str jid, bool *found)
{
    uint32_t low = 0, high = r->count;

    *found = false;
    /* They are loaded in order: the end first. */
    if (high && gw_str_cmp(pres_entry_jid(r->entries[high - 1]), jid) < 0)
        return high;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        int order = gw_str_cmp(pres_entry_jid(r->entries[mid]), jid);

        if (!order) {
            *found = true;
            return mid;
        }
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

struct pres_entry *pres_roster_find(const struct pres_roster *r, struct gw_str jid)
{
    bool found;
    uint32_t at = place_of(r, jid, &found);

    return found ? r->entries[at] : NULL;
}

void pres_roster_place(struct pres_roster *r, struct pres_entry *e)
{
    bool found;
    uint32_t at = place_of(r, pres_entry_jid(e), &found);

    if (found) {
        free(r->entries[at]);
        r->entries[at] = e;
        return;
    }
    if (r->count == r->cap) {
        r->cap = r->cap ? r->cap + r->cap / 2 : 4;
        r->entries = gw_realloc(r->entries, r->cap, sizeof(struct pres_entry *));
    }
    memmove(r->entries + at + 1, r->entries + at, (r->count - at) * sizeof(struct pres_entry *));
    r->entries[at] = e;
    r->count++;
}

void pres_roster_take_out(struct pres_roster *r, struct gw_str jid)
{
    bool found;
    uint32_t at = place_of(r, jid, &found);

    if (!found)
        return;
    free(r->entries[at]);
    r->count--;
    memmove(r->entries + at, r->entries + at + 1, (r->count - at) * sizeof(struct pres_entry *));
}

void pres_roster_done(struct pres_roster *r)
{
    for (uint32_t i = 0; i < r->count; i++)
        free(r->entries[i]);
    free(r->entries);
    *r = (struct pres_roster){ 0 };
}

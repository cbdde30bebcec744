#include "xmpp_fed_policy.h"

#include <stdlib.h>
#include <string.h>

#include "gw_mem.h"
#include "xmpp_jid.h"

struct exception {
    enum xmpp_direction direction;
    char *domain; /* "*.example.com" too */
};

struct xmpp_policy {
    struct exception *list; /* sorted by domain */
    size_t count, cap;
};

static const char *const names[] = {
    [XMPP_IN] = "incoming", [XMPP_OUT] = "outgoing", [XMPP_BOTH] = "both"
};

const char *xmpp_direction_name(enum xmpp_direction d)
{
    return names[d];
}

bool xmpp_direction_parse(struct gw_str name, enum xmpp_direction *out)
{
    for (int d = XMPP_IN; d <= XMPP_BOTH; d++) {
        if (gw_str_is(name, names[d])) {
            *out = (enum xmpp_direction)d;
            return true;
        }
    }
    return false;
}

struct xmpp_policy *xmpp_policy_new(void)
{
    return gw_new(struct xmpp_policy);
}

void xmpp_policy_free(struct xmpp_policy **pp)
{
    struct xmpp_policy *p = *pp;

    if (!p)
        return;
    *pp = NULL;
    for (size_t i = 0; i < p->count; i++)
        free(p->list[i].domain);
    free(p->list);
    free(p);
}

static size_t place_of(const struct xmpp_policy *p, struct gw_str domain, bool *found)
{
    size_t low = 0, high = p->count;

    *found = false;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = gw_str_cmp(gw_str_of(p->list[mid].domain), domain);

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

static enum gw_code normalise(struct gw_str in, struct gw_buf *out, struct gw_err *err)
{
    struct gw_str rest = in;

    if (gw_str_starts(in, "*.")) {
        gw_buf_add_cstr(out, "*.");
        rest = gw_str_sub(in, 2, in.len);
    }
    if (xmpp_domain_write(rest, out) && !out->failed)
        return GW_OK;
    return gw_fail(err, GW_INVALID,
                   "'%.*s' is not a domain: example.com, or *.example.com for it "
                   "and all below it",
                   GW_STR_ARG(gw_str_utf8_cut(in, 80)));
}

static void insert(struct xmpp_policy *p, size_t at, char *domain)
{
    if (p->count == p->cap) {
        p->cap = p->cap ? p->cap * 2 : 8;
        p->list = gw_realloc(p->list, p->cap, sizeof(p->list[0]));
    }
    memmove(p->list + at + 1, p->list + at, (p->count - at) * sizeof(p->list[0]));
    p->list[at] = (struct exception){ .domain = domain };
    p->count++;
}

enum gw_code xmpp_policy_except(struct xmpp_policy *p, struct gw_str domain, enum xmpp_direction d,
                                const char **out, struct gw_err *err)
{
    struct gw_buf name;
    enum gw_code rc;
    size_t at = 0;
    bool found;

    gw_buf_init(&name, XMPP_JID_PART_MAX + 2);
    rc = normalise(domain, &name, err);
    if (!rc) {
        at = place_of(p, gw_buf_str(&name), &found);
        if (!found && p->count == XMPP_EXCEPTIONS_MAX)
            rc = gw_fail(err, GW_LIMIT, "there are %d exceptions already", XMPP_EXCEPTIONS_MAX);
        else if (!found)
            insert(p, at, gw_buf_take(&name));
    }
    if (!rc) {
        p->list[at].direction = d;
        if (out)
            *out = p->list[at].domain;
    }
    gw_buf_done(&name);
    return rc;
}

enum gw_code xmpp_policy_forget(struct xmpp_policy *p, struct gw_str domain, struct gw_err *err)
{
    struct gw_buf name;
    enum gw_code rc;
    size_t at;
    bool found;

    gw_buf_init(&name, XMPP_JID_PART_MAX + 2);
    rc = normalise(domain, &name, err);
    if (!rc) {
        at = place_of(p, gw_buf_str(&name), &found);
        if (found) {
            free(p->list[at].domain);
            p->count--;
            memmove(p->list + at, p->list + at + 1, (p->count - at) * sizeof(p->list[0]));
        } else {
            rc = gw_fail(err, GW_NOTFOUND, "'%s' is no exception", name.p);
        }
    }
    gw_buf_done(&name);
    return rc;
}

bool xmpp_policy_eq(const struct xmpp_policy *a, const struct xmpp_policy *b)
{
    for (size_t i = 0; a->count == b->count && i < a->count; i++) {
        if (a->list[i].direction != b->list[i].direction ||
            strcmp(a->list[i].domain, b->list[i].domain) != 0)
            return false;
    }
    return a->count == b->count;
}

void xmpp_policy_each(const struct xmpp_policy *p, xmpp_exception_fn *each, void *ctx)
{
    for (size_t i = 0; i < p->count; i++)
        each(p->list[i].domain, p->list[i].direction, ctx);
}

static const struct exception *find(const struct xmpp_policy *p, struct gw_str domain)
{
    bool found;
    size_t at = place_of(p, domain, &found);

    return found ? &p->list[at] : NULL;
}

const char *xmpp_policy_find(const struct xmpp_policy *p, struct gw_str domain,
                             enum xmpp_direction d)
{
    const struct exception *e = find(p, domain);
    char wild[XMPP_JID_PART_MAX + 3] = "*.";

    for (struct gw_str rest = domain; !e && rest.len && rest.len <= XMPP_JID_PART_MAX;) {
        memcpy(wild + 2, rest.p, rest.len);
        e = find(p, (struct gw_str){ wild, rest.len + 2 });
        if (!gw_str_cut(rest, ".", NULL, &rest))
            break;
    }
    return e && e->direction & d ? e->domain : NULL;
}

/* Peers whom the list of who may come in knows by name: who is at an address is asked of the DNS, there and
 * back, since whoever owns an address can give it any name. Their requests wait meanwhile; what was found
 * holds for a while.
 *
 *   ASKED --names--> CONFIRMED? --addresses--> known (admitted or not) --a while--> forgotten
 *     '------------ no name in the list, no answer in time -----^                              */
#include <stdlib.h>
#include <string.h>

#include "gw_log.h"
#include "gw_mem.h"
#include "sip_access.h"
#include "sip_priv.h"

enum {
    DOUBTS_MAX = 1000,          /* addresses; more are refused until some are forgotten */
    PARKED_MAX = 20,            /* requests of one, */
    PARKED_BYTES_MAX = 4 << 20, /* and of all */
    ANSWER_MS = 20 * GW_SECOND_MS,
    SLOW_MS = 2 * GW_SECOND_MS,
    ADMITTED_MS = 300 * GW_SECOND_MS,
    REFUSED_MS = 60 * GW_SECOND_MS
};

struct parked {
    struct gw_list link;
    struct sip_peer from; /* its host is the doubt's, its subject behind the bytes */
    size_t len;
    char bytes[];
};

struct sip_doubt {
    struct gw_due due; /* to be decided without an answer; known: to be forgotten */
    struct sip_core *core;
    struct sip_srv_query *query;
    gw_time asked_at;
    bool is_known, is_admitted;
    struct gw_list parked;
    size_t parked_count;
    struct gw_str host;
    char text[];
};

static void parked_free(struct sip_doubt *d, struct parked *p)
{
    d->core->parked_bytes -= p->len;
    d->parked_count--;
    free(p);
}

static void doubt_free(struct sip_doubt *d)
{
    struct gw_list *link;

    d->core->io->srv_cancel(&d->query, d->core->io_ctx);
    while ((link = gw_list_pop(&d->parked)))
        parked_free(d, GW_CONTAINER(link, struct parked, link));
    gw_heap_remove(&d->core->doubt_due, &d->due);
    gw_map_remove(d->core->doubts, d->host);
    free(d);
}

void sip_doubts_forget(struct sip_core *core)
{
    struct sip_doubt *d;
    size_t pos = 0;

    while ((d = gw_map_next(core->doubts, &pos)))
        doubt_free(d);
}

static void on_names(const struct gw_str *names, size_t count, struct gw_now now, void *ctx);

static void ask(struct sip_doubt *d)
{
    d->core->io->srv_cancel(&d->query, d->core->io_ctx);
    d->query = d->core->io->names_start(true, d->text, on_names, d, d->core->io_ctx);
}

void sip_doubts_apply(struct sip_core *core)
{
    struct sip_doubt *d;
    size_t pos = 0;

    while ((d = gw_map_next(core->doubts, &pos))) {
        if (d->is_known)
            doubt_free(d);
        else
            ask(d); /* what waits is judged by the list that is there then */
    }
}

/* ---- The answer ---- */

/* What waited is read again, and meets a verdict now. */
static void decide(struct sip_doubt *d, bool is_admitted, struct gw_now now)
{
    struct sip_core *core = d->core;
    struct gw_list waited, *link;

    core->io->srv_cancel(&d->query, core->io_ctx);
    d->is_known = true;
    d->is_admitted = is_admitted;
    gw_heap_set(&core->doubt_due, &d->due,
                gw_time_after(now.mono, is_admitted ? ADMITTED_MS : REFUSED_MS));
    if (now.mono - d->asked_at > SLOW_MS)
        gw_warn(
            "sip.acl",
            "incoming ACL check took over 2 seconds - check DNS peer=%.*s took_ms=%lld; give it "
            "a PTR record, or its address a place in sip.incoming_acl",
            GW_STR_ARG(d->host), (long long)(now.mono - d->asked_at));
    gw_list_init(&waited);
    while ((link = gw_list_pop(&d->parked)))
        gw_list_append(&waited, link);
    while ((link = gw_list_pop(&waited))) {
        struct parked *p = GW_CONTAINER(link, struct parked, link);

        sip_core_receive(core, &p->from, (struct gw_str){ p->bytes, p->len }, now);
        parked_free(d, p);
    }
}

static void on_addresses(const struct gw_str *names, size_t count, struct gw_now now, void *ctx)
{
    struct sip_doubt *d = ctx;
    bool is_same = false;

    d->query = NULL;
    for (size_t i = 0; i < count; i++)
        is_same |= gw_str_eq(names[i], d->host);
    decide(d, is_same, now);
}

static void on_names(const struct gw_str *names, size_t count, struct gw_now now, void *ctx)
{
    struct sip_doubt *d = ctx;
    struct sip_core *core = d->core;
    size_t i = 0;
    char *name;

    d->query = NULL;
    while (i < count && !sip_acl_allows_name(gw_str_of(core->settings->incoming_acl), names[i]))
        i++;
    if (i == count) {
        decide(d, false, now);
        return;
    }
    name = gw_str_dup(names[i]);
    d->query = core->io->names_start(false, name, on_addresses, d, core->io_ctx);
    free(name);
}

/* ---- The question ---- */

static struct sip_doubt *doubt_new(struct sip_core *core, struct gw_str host)
{
    struct gw_due *first = gw_heap_first(&core->doubt_due);
    struct sip_doubt *d;

    if (gw_map_len(core->doubts) == DOUBTS_MAX && first) {
        d = GW_CONTAINER(first, struct sip_doubt, due);
        if (d->is_known)
            doubt_free(d);
    }
    if (gw_map_len(core->doubts) == DOUBTS_MAX)
        return NULL;
    d = gw_alloc(sizeof(*d) + host.len + 1);
    d->core = core;
    d->asked_at = core->now.mono;
    gw_list_init(&d->parked);
    memcpy(d->text, host.p, host.len);
    d->host = (struct gw_str){ d->text, host.len };
    gw_map_set(core->doubts, d->host, d);
    gw_heap_set(&core->doubt_due, &d->due, gw_time_after(d->asked_at, ANSWER_MS));
    ask(d);
    return d;
}

static bool park(struct sip_doubt *d, const struct sip_peer *from, struct gw_str bytes)
{
    struct parked *p;

    if (d->parked_count == PARKED_MAX || d->core->parked_bytes + bytes.len > PARKED_BYTES_MAX)
        return false;
    p = gw_alloc(sizeof(*p) + bytes.len + from->subject.len);
    p->from = *from;
    p->from.host = d->host;
    p->from.subject.p = p->bytes + bytes.len;
    if (from->subject.len)
        memcpy(p->bytes + bytes.len, from->subject.p, from->subject.len);
    p->len = bytes.len;
    memcpy(p->bytes, bytes.p, bytes.len);
    gw_list_append(&d->parked, &p->link);
    d->core->parked_bytes += bytes.len;
    d->parked_count++;
    return true;
}

enum sip_admission sip_admit(struct sip_core *core, const struct sip_peer *from,
                             struct gw_str bytes)
{
    struct gw_str list = gw_str_of(core->settings->incoming_acl);
    struct sip_doubt *d;

    if (sip_acl_allows(list, from->host))
        return SIP_ADMITTED;
    if (!sip_acl_has_names(list))
        return SIP_REFUSED;
    d = gw_map_get(core->doubts, from->host);
    if (!d)
        d = doubt_new(core, from->host);
    if (!d)
        return SIP_REFUSED;
    if (d->is_known)
        return d->is_admitted ? SIP_ADMITTED : SIP_REFUSED;
    return park(d, from, bytes) ? SIP_PARKED : SIP_REFUSED;
}

gw_time sip_doubts_deadline(const struct sip_core *core)
{
    const struct gw_due *first = gw_heap_first(&core->doubt_due);

    return first ? first->at : GW_NEVER;
}

void sip_doubts_tick(struct sip_core *core)
{
    struct gw_due *due;

    while ((due = gw_heap_pop_due(&core->doubt_due, core->now.mono))) {
        struct sip_doubt *d = GW_CONTAINER(due, struct sip_doubt, due);

        if (d->is_known)
            doubt_free(d);
        else
            decide(d, false, core->now);
    }
}

/* Peers whom the list of who may come in knows by name: who is at an address is asked of the DNS, there and
 * back, since whoever owns an address can give it any name. Their requests wait meanwhile; what was found
 * holds for a while, and for who goes on sending until it is found again.
 *
 *   ASKED --names--> CONFIRMED? --addresses--> ADMITTED or REFUSED --a while--> forgotten
 *     '------------ no name in the list, no answer in time -----^
 *
 * Datagrams say of themselves where they come from. So what they fill is not what streams have; and where
 * there is no room the oldest makes it, or they are lost: who sent them sends them again (RFC 3261 17.1). A
 * stream comes from where it says; what has no room there is told to come later. */
#include <stdlib.h>
#include <string.h>

#include "gw_log.h"
#include "gw_mem.h"
#include "pres_guard.h"
#include "sip_access.h"
#include "sip_priv.h"

enum {
    DOUBTS_MAX = 1000, /* addresses in each state; more: the oldest is forgotten */
    NETWORK_MAX = 32,  /* of these, asked for streams of one network */
    PARKED_MAX = 20,   /* requests of one address */
    EVICTED_MS =
        1000, /* none that was asked for later makes room: no flood is passed on to the DNS */
    ANSWER_MS = 20 * GW_SECOND_MS,
    SLOW_MS = 2 * GW_SECOND_MS,
    ADMITTED_MS = 300 * GW_SECOND_MS,
    REFUSED_MS = 60 * GW_SECOND_MS
};

enum way { DATAGRAMS, STREAMS, WAYS };
enum state { ASKED, ADMITTED, REFUSED, STATES };

/* Bytes that wait, of one address and of all. */
static const struct {
    size_t of_one, of_all;
} parked_max[] = {
    [DATAGRAMS] = { 8 * 1024, DOUBTS_MAX * 8 * 1024 },
    [STREAMS] = { 2 * SIP_MSG_MAX, 16 << 20 },
};

struct pool {
    struct gw_list in[STATES]; /* the oldest first */
    size_t count[STATES];
    size_t parked_bytes;
};

struct sip_doubts {
    struct gw_map *map;
    struct gw_heap due;
    struct pool pools[WAYS];
};

struct parked {
    struct gw_list link;
    struct sip_peer from; /* its host is the doubt's, its subject behind the bytes */
    size_t len;
    char bytes[];
};

struct sip_doubt {
    struct gw_list link; /* of its state */
    struct gw_due due;   /* to be decided without an answer; known: to be forgotten */
    struct sip_core *core;
    struct pool *pool;
    struct sip_source *network; /* of a stream that is asked for */
    struct sip_srv_query *query;
    gw_time asked_at;
    enum state state;
    bool is_used; /* since it was decided */
    char *name;   /* that it is admitted by; NULL: none */
    char *maybe;  /* that it has there, and is asked for back */
    struct gw_list parked;
    size_t parked_count, parked_bytes;
    struct gw_str key, host;
    char text[]; /* the way, and the address */
};

static void parked_free(struct sip_doubt *d, struct parked *p)
{
    d->pool->parked_bytes -= p->len;
    d->parked_bytes -= p->len;
    d->parked_count--;
    free(p);
}

/* Of no state any more. */
static void leave(struct sip_doubt *d)
{
    gw_list_remove(&d->link);
    d->pool->count[d->state]--;
    if (d->network)
        sip_source_leave(d->core, d->network, SIP_SOURCE_DOUBTS);
    d->network = NULL;
}

static void doubt_free(struct sip_doubt *d)
{
    struct sip_doubts *all = d->core->doubts;
    struct gw_list *link;

    d->core->io->srv_cancel(&d->query, d->core->io_ctx);
    while ((link = gw_list_pop(&d->parked)))
        parked_free(d, GW_CONTAINER(link, struct parked, link));
    leave(d);
    gw_heap_remove(&all->due, &d->due);
    gw_map_remove(all->map, d->key);
    free(d->name);
    free(d->maybe);
    free(d);
}

static struct sip_doubt *oldest(const struct pool *pool, enum state state)
{
    return GW_CONTAINER(pool->in[state].next, struct sip_doubt, link);
}

static void enter(struct sip_doubt *d, enum state state)
{
    struct pool *pool = d->pool;

    if (pool->count[state] == DOUBTS_MAX)
        doubt_free(oldest(pool, state));
    d->state = state;
    gw_list_append(&pool->in[state], &d->link);
    pool->count[state]++;
}

struct sip_doubts *sip_doubts_new(void)
{
    struct sip_doubts *all = gw_new(struct sip_doubts);

    all->map = gw_map_new();
    gw_heap_init(&all->due);
    for (int way = 0; way < WAYS; way++) {
        for (int state = 0; state < STATES; state++)
            gw_list_init(&all->pools[way].in[state]);
    }
    return all;
}

void sip_doubts_free(struct sip_doubts **allp)
{
    struct sip_doubts *all = *allp;
    struct sip_doubt *d;
    size_t pos = 0;

    while ((d = gw_map_next(all->map, &pos)))
        doubt_free(d);
    gw_map_free(&all->map);
    gw_heap_done(&all->due);
    free(all);
    *allp = NULL;
}

/* sip.incoming_acl, and the entry that each domain makes in it; no name of ours does, which all our machines
 * have. */
static bool is_in_list(const struct sip_core *core, bool (*has)(struct gw_str, struct gw_str),
                       struct gw_str who)
{
    struct gw_str rest = gw_str_of(core->settings->domains);
    bool is_in = has(gw_str_of(core->settings->incoming_acl), who);
    struct sip_domain domain;

    while (!is_in && sip_domains_next(&rest, &domain)) {
        if (gw_str_eq(domain.entry, domain.where) || !sip_is_ours(core, domain.name))
            is_in = has(domain.entry, who);
    }
    return is_in;
}

static bool has_names(struct gw_str list, struct gw_str any)
{
    (void)any;
    return sip_acl_has_names(list);
}

bool sip_acl_admits(const struct sip_core *core, struct gw_str address)
{
    return is_in_list(core, sip_acl_allows, address);
}

bool sip_acl_asks(const struct sip_core *core)
{
    return is_in_list(core, has_names, GW_STR(""));
}

static void on_names(const struct gw_str *names, size_t count, struct gw_now now, void *ctx);

static void ask(struct sip_doubt *d, gw_time now)
{
    struct sip_core *core = d->core;

    core->io->srv_cancel(&d->query, core->io_ctx);
    d->asked_at = now;
    gw_heap_set(&core->doubts->due, &d->due, gw_time_after(now, ANSWER_MS));
    d->query = core->io->names_start(true, d->host.p, on_names, d, core->io_ctx);
}

void sip_doubts_apply(struct sip_core *core)
{
    struct sip_doubt *d;
    size_t pos = 0;

    while ((d = gw_map_next(core->doubts->map, &pos))) {
        if (d->state == ASKED)
            ask(d, core->now.mono); /* what waits is judged by the list that is there then */
        else
            doubt_free(d);
    }
}

/* ---- The answer ---- */

/* What waited is read again, and meets a verdict now. */
static void decide(struct sip_doubt *d, bool is_admitted, struct gw_now now)
{
    struct sip_core *core = d->core;
    struct gw_list waited, *link;

    core->io->srv_cancel(&d->query, core->io_ctx);
    leave(d);
    enter(d, is_admitted ? ADMITTED : REFUSED);
    d->is_used = false;
    gw_heap_set(&core->doubts->due, &d->due,
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
    if (is_same) { /* until then who is admitted stays so by the name of before, and speaks as that */
        free(d->name);
        d->name = d->maybe;
        d->maybe = NULL;
    }
    decide(d, is_same, now);
}

static void on_names(const struct gw_str *names, size_t count, struct gw_now now, void *ctx)
{
    struct sip_doubt *d = ctx;
    struct sip_core *core = d->core;
    size_t i = 0;

    d->query = NULL;
    while (i < count && !is_in_list(core, sip_acl_allows_name, names[i]))
        i++;
    if (i == count) {
        decide(d, false, now);
        return;
    }
    free(d->maybe);
    d->maybe = gw_str_dup(names[i]);
    d->query = core->io->names_start(false, d->maybe, on_addresses, d, core->io_ctx);
}

/* ---- The question ---- */

/* Is there room for one more that is asked for? If so, the network that a stream is counted for. */
static bool make_room(struct sip_core *core, enum way way, const struct sip_peer *from,
                      struct sip_source **network)
{
    struct pool *pool = &core->doubts->pools[way];
    bool is_full = pool->count[ASKED] == DOUBTS_MAX;
    char name[PRES_NETWORK_MAX];

    *network = NULL;
    if (way == DATAGRAMS)
        return !is_full || core->now.mono - oldest(pool, ASKED)->asked_at >= EVICTED_MS;
    sip_network_of(from, name);
    if (is_full || sip_source_count(core, gw_str_of(name), SIP_SOURCE_DOUBTS) >= NETWORK_MAX)
        return false;
    *network = sip_source_take(core, gw_str_of(name), SIP_SOURCE_DOUBTS);
    return true;
}

static struct gw_str key_write(enum way way, struct gw_str host, struct gw_buf *out)
{
    gw_buf_init(out, SIP_URI_MAX);
    gw_buf_add_char(out, way == DATAGRAMS ? 'd' : 's');
    gw_buf_add_str(out, host);
    return gw_buf_str(out);
}

static struct sip_doubt *doubt_new(struct sip_core *core, enum way way, const struct sip_peer *from)
{
    struct sip_doubts *all = core->doubts;
    struct sip_source *network;
    struct sip_doubt *d;
    struct gw_buf buf;
    struct gw_str key;

    if (!make_room(core, way, from, &network))
        return NULL;
    key = key_write(way, from->host, &buf);
    d = gw_alloc(sizeof(*d) + key.len + 1);
    d->core = core;
    d->pool = &all->pools[way];
    d->network = network;
    gw_list_init(&d->parked);
    memcpy(d->text, key.p, key.len);
    d->key = (struct gw_str){ d->text, key.len };
    d->host = gw_str_sub(d->key, 1, key.len);
    gw_buf_done(&buf);
    enter(d, ASKED);
    gw_map_set(all->map, d->key, d);
    ask(d, core->now.mono);
    return d;
}

static bool park(struct sip_doubt *d, enum way way, const struct sip_peer *from,
                 struct gw_str bytes)
{
    struct parked *p;

    if (d->parked_count == PARKED_MAX || d->parked_bytes + bytes.len > parked_max[way].of_one ||
        d->pool->parked_bytes + bytes.len > parked_max[way].of_all)
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
    d->pool->parked_bytes += bytes.len;
    d->parked_bytes += bytes.len;
    d->parked_count++;
    return true;
}

static enum way way_of(const struct sip_peer *from)
{
    return from->proto == SIP_UDP ? DATAGRAMS : STREAMS;
}

static struct sip_doubt *find(const struct sip_core *core, const struct sip_peer *from)
{
    struct sip_doubt *d;
    struct gw_buf key;

    d = gw_map_get(core->doubts->map, key_write(way_of(from), from->host, &key));
    gw_buf_done(&key);
    return d;
}

struct gw_str sip_admitted_as(const struct sip_core *core, const struct sip_peer *from)
{
    const struct sip_doubt *d = find(core, from);

    return d && d->state == ADMITTED && d->name ? gw_str_of(d->name) : GW_STR("");
}

enum sip_admission sip_admit(struct sip_core *core, const struct sip_peer *from,
                             struct gw_str bytes)
{
    enum way way = way_of(from);
    struct sip_doubt *d;

    if (sip_acl_admits(core, from->host))
        return SIP_ADMITTED;
    d = find(core, from);
    if (!d && !sip_acl_asks(core))
        return SIP_REFUSED;
    if (!d)
        d = doubt_new(core, way, from);
    if (d && d->state != ASKED) {
        d->is_used = true;
        return d->state == ADMITTED ? SIP_ADMITTED : SIP_REFUSED;
    }
    return (d && park(d, way, from, bytes)) || way == DATAGRAMS ? SIP_PARKED : SIP_TOO_MANY;
}

gw_time sip_doubts_deadline(const struct sip_core *core)
{
    const struct gw_due *first = gw_heap_first(&core->doubts->due);

    return first ? first->at : GW_NEVER;
}

void sip_doubts_tick(struct sip_core *core)
{
    struct gw_due *due;

    while ((due = gw_heap_pop_due(&core->doubts->due, core->now.mono))) {
        struct sip_doubt *d = GW_CONTAINER(due, struct sip_doubt, due);

        if (d->state == ASKED || d->query)
            decide(d, false, core->now);
        else if (d->state == ADMITTED && d->is_used)
            ask(d, core->now.mono); /* and it stays admitted until there is an answer */
        else
            doubt_free(d);
    }
}

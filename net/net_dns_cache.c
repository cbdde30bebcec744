#include "net_dns_cache.h"

#include <stdlib.h>
#include <string.h>

#include "gw_buf.h"
#include "gw_bytes.h"
#include "gw_heap.h"
#include "gw_map.h"
#include "gw_mem.h"
#include "net_priv.h"

struct net_dns_cache {
    struct net_loop *loop;
    struct net_dns *dns;
    struct gw_map *answers;
    struct gw_heap due; /* of those that are known */
    unsigned changes;   /* of the resolver's servers */
};

struct answer {
    struct gw_due due;
    struct net_dns_cache *cache;
    struct net_dns_query *query; /* NULL: known */
    enum net_dns_type type;
    enum gw_code code;
    char *error; /* NULL: none */
    struct net_dns_record *records;
    size_t count;
    struct gw_list asks; /* who is to hear it */
    unsigned held;       /* by calls that are told it just now */
    struct gw_str key;
    char text[];
};

struct net_dns_ask {
    struct gw_list link;
    struct answer *of;
    struct net_defer deliver;
    net_dns_done_fn *done;
    void *ctx;
};

/* --- what is kept */

static void answer_free(struct answer *a)
{
    net_dns_cancel(&a->query);
    gw_heap_remove(&a->cache->due, &a->due);
    (void)gw_map_remove(a->cache->answers, a->key);
    for (size_t i = 0; i < a->count; i++) {
        free((char *)a->records[i].name.p);
        free((char *)a->records[i].service.p);
    }
    free(a->records);
    free(a->error);
    free(a);
}

static bool is_in_use(const struct answer *a)
{
    return a->query || a->held || !gw_list_is_empty(&a->asks);
}

static void forget_old(struct net_dns_cache *cache, gw_time now)
{
    struct gw_due *due;

    while ((due = gw_heap_pop_due(&cache->due, now))) {
        struct answer *a = GW_CONTAINER(due, struct answer, due);

        if (!is_in_use(a)) {
            answer_free(a);
            continue;
        }
        gw_heap_set(&cache->due, &a->due, now + 1);
    }
}

static void forget_all(struct net_dns_cache *cache)
{
    struct answer *a;
    size_t pos = 0;

    while ((a = gw_map_next(cache->answers, &pos))) {
        if (!is_in_use(a))
            answer_free(a);
        else if (!a->query)
            gw_heap_set(&cache->due, &a->due, 0);
    }
}

static void make_room(struct net_dns_cache *cache)
{
    struct gw_due *first = gw_heap_first(&cache->due);

    if (cache->due.len >= NET_DNS_KEPT_MAX && !is_in_use(GW_CONTAINER(first, struct answer, due)))
        answer_free(GW_CONTAINER(first, struct answer, due));
}

/* --- what is said */

static void on_deliver(struct net_defer *d)
{
    struct net_dns_ask *ask = GW_CONTAINER(d, struct net_dns_ask, deliver);
    struct answer *a = ask->of;
    net_dns_done_fn *done = ask->done;
    void *ctx = ask->ctx;

    gw_list_remove(&ask->link);
    free(ask);
    if (a->type == NET_DNS_SRV && a->count)
        net_dns_srv_order(a->records, a->count);
    a->held++;
    done(
        &(struct net_dns_result){
            .code = a->code, .error = a->error, .records = a->records, .count = a->count },
        ctx);
    a->held--;
}

static struct gw_str copy(struct gw_str s)
{
    return (struct gw_str){ gw_str_dup(s), s.len };
}

/* How long it holds; what says nothing of it (the hosts file, PTR) does not. */
static int64_t kept_ms(const struct net_dns_result *r)
{
    unsigned ttl_s = r->code == GW_NOTFOUND ? NET_DNS_NONE_S : NET_DNS_TTL_MAX_S;

    if (r->code && r->code != GW_NOTFOUND)
        return 0;
    for (size_t i = 0; i < r->count; i++)
        ttl_s = r->records[i].ttl_s < ttl_s ? r->records[i].ttl_s : ttl_s;
    return (int64_t)ttl_s * GW_SECOND_MS;
}

static void on_answer(const struct net_dns_result *r, void *ctx)
{
    struct answer *a = ctx;
    struct net_loop *loop = a->cache->loop;
    struct gw_list *it, *tmp;

    a->query = NULL;
    a->code = r->code;
    a->error = r->error ? gw_str_dup(gw_str_of(r->error)) : NULL;
    a->records = r->count ? gw_realloc(NULL, r->count, sizeof(*a->records)) : NULL;
    a->count = r->count;
    for (size_t i = 0; i < r->count; i++) {
        a->records[i] = r->records[i];
        a->records[i].name = copy(r->records[i].name);
        a->records[i].service = copy(r->records[i].service);
    }
    gw_heap_set(&a->cache->due, &a->due, gw_time_after(net_loop_now(loop).mono, kept_ms(r)));
    GW_LIST_EACH(&a->asks, it, tmp)
    net_defer_set(loop, &GW_CONTAINER(it, struct net_dns_ask, link)->deliver);
}

/* --- questions */

static struct answer *answer_find(struct net_dns_cache *cache, enum net_dns_type type,
                                  const char *name)
{
    size_t len = strlen(name) + 1;
    struct answer *a = gw_alloc(sizeof(*a) + len), *same;

    a->text[0] = (char)('0' + (int)type);
    memcpy(a->text + 1, name, len - 1);
    a->key = (struct gw_str){ a->text, len };
    same = gw_map_get(cache->answers, a->key);
    if (same) {
        free(a);
        return same;
    }
    make_room(cache);
    a->cache = cache;
    a->type = type;
    gw_list_init(&a->asks);
    gw_map_set(cache->answers, a->key, a);
    a->query = net_dns_start(cache->dns, type, name, on_answer, a);
    return a;
}

struct net_dns_ask *net_dns_ask(struct net_dns_cache *cache, enum net_dns_type type,
                                const char *name, net_dns_done_fn *done, void *ctx)
{
    struct net_dns_ask *ask = gw_new(struct net_dns_ask);

    if (cache->changes != net_dns_changes(cache->dns)) {
        forget_all(cache);
        cache->changes = net_dns_changes(cache->dns);
    }
    forget_old(cache, net_loop_now(cache->loop).mono);
    ask->of = answer_find(cache, type, name);
    ask->done = done;
    ask->ctx = ctx;
    net_defer_init(&ask->deliver, on_deliver);
    gw_list_append(&ask->of->asks, &ask->link);
    if (!ask->of->query)
        net_defer_set(cache->loop, &ask->deliver);
    return ask;
}

/* A question goes on: its answer is kept. */
void net_dns_ask_cancel(struct net_dns_ask **askp)
{
    struct net_dns_ask *ask = *askp;

    if (!ask)
        return;
    *askp = NULL;
    gw_list_remove(&ask->link);
    net_defer_cancel(&ask->deliver);
    free(ask);
}

/* --- life */

struct net_dns_cache *net_dns_cache_new(struct net_loop *loop, struct net_dns *dns)
{
    struct net_dns_cache *cache = gw_new(struct net_dns_cache);

    cache->loop = loop;
    cache->dns = dns;
    cache->answers = gw_map_new();
    gw_heap_init(&cache->due);
    cache->changes = net_dns_changes(dns);
    return cache;
}

void net_dns_cache_free(struct net_dns_cache **cachep)
{
    struct net_dns_cache *cache = *cachep;
    struct answer *a;
    size_t pos = 0;

    if (!cache)
        return;
    *cachep = NULL;
    while ((a = gw_map_next(cache->answers, &pos))) {
        while (!gw_list_is_empty(&a->asks)) {
            struct net_dns_ask *ask = GW_CONTAINER(a->asks.next, struct net_dns_ask, link);

            net_dns_ask_cancel(&ask);
        }
        answer_free(a);
    }
    gw_map_free(&cache->answers);
    gw_heap_done(&cache->due);
    free(cache);
}

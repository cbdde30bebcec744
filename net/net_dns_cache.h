/* A memory for what the DNS has said, for as long as it said it holds. Who asks what is being asked
 * already waits for the same answer. */
#ifndef NET_DNS_CACHE_H
#define NET_DNS_CACHE_H

#include "net_dns.h"

struct net_dns_cache;
struct net_dns_ask;

enum {
    NET_DNS_KEPT_MAX = 2000,  /* answers; the one that would go first makes room */
    NET_DNS_TTL_MAX_S = 3600, /* whatever a zone says: names move */
    NET_DNS_NONE_S = 30       /* that there is no such record, RFC 2308; failures are not kept */
};

struct net_dns_cache *net_dns_cache_new(struct net_loop *loop, struct net_dns *dns); /* borrows */
/* Before the resolver, and not from a done; what is asked is cancelled. */
void net_dns_cache_free(struct net_dns_cache **cachep);

/* As net_dns_start() and net_dns_cancel(). When the resolver's servers are other ones, everything is asked
 * anew. Services of equal priority are drawn by weight for each who asks. */
struct net_dns_ask *net_dns_ask(struct net_dns_cache *cache, enum net_dns_type type,
                                const char *name, net_dns_done_fn *done, void *ctx);
void net_dns_ask_cancel(struct net_dns_ask **askp);

#endif

/* DNS in the loop (c-ares): addresses, SRV, NAPTR, PTR. /etc/hosts is read. */
#ifndef NET_DNS_H
#define NET_DNS_H

#include "gw_err.h"
#include "gw_str.h"
#include "net_loop.h"

struct net_dns;
struct net_dns_query;

struct net_dns *net_dns_new(struct net_loop *loop, struct gw_err *err);
void net_dns_free(struct net_dns **dnsp); /* queries are cancelled */

/* Other servers than the system's, "127.0.0.1:5353,..."; NULL: the system's. What is being asked of
 * those before fails, with GW_UNREACHABLE; when they are the same nothing happens. */
enum gw_code net_dns_set_servers(struct net_dns *dns, const char *servers, struct gw_err *err);

enum { NET_DNS_RECORDS_MAX = 64 };

struct net_dns_record {
    struct gw_str name;              /* address text (A, AAAA), target (SRV, NAPTR), name (PTR) */
    uint16_t port, priority, weight; /* SRV */
    struct gw_str service;           /* NAPTR: "SIP+D2T" */
    unsigned ttl_s;
};

struct net_dns_result {
    enum gw_code code;                    /* GW_NOTFOUND: no such name or record */
    const char *error;                    /* a sentence, when code is not GW_OK */
    const struct net_dns_record *records; /* borrowed for the call; SRV sorted as RFC 2782 says,
                                             NAPTR by order and preference: those that name SRV
                                             records (RFC 3263 4.1) */
    size_t count;
};
typedef void net_dns_done_fn(const struct net_dns_result *result, void *ctx);

enum net_dns_type {
    NET_DNS_ADDRESS,
    NET_DNS_SRV,
    NET_DNS_NAPTR,
    NET_DNS_PTR /* name is an address literal */
};

/* The query ends with done, or with net_dns_cancel(). */
struct net_dns_query *net_dns_start(struct net_dns *dns, enum net_dns_type type, const char *name,
                                    net_dns_done_fn *done, void *ctx);
void net_dns_cancel(struct net_dns_query **queryp);

#endif

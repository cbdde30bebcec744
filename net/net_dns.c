/* DNS over c-ares. Its sockets and its one timer are watched by the loop; answers are copied out of
 * its callbacks and delivered when the round ends, since c-ares answers some questions at once. */
#include "net_dns.h"

#include <ares.h>
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "gw_buf.h"
#include "gw_bytes.h"
#include "gw_mem.h"
#include "net_priv.h"

enum { TRY_MS = 2000, TRIES = 3 };

static const char resolv_conf[] = "/etc/resolv.conf";

struct net_dns {
    struct net_loop *loop;
    ares_channel channel;
    struct net_timer *timer;
    struct gw_list sockets;
    struct gw_list queries;
    char *servers;                 /* NULL: the system's */
    struct timespec system_change; /* when the system's were last changed */
    unsigned changes;              /* of the servers */
};

struct dns_socket {
    struct gw_list link;
    struct net_dns *dns;
    struct net_watch *watch;
    ares_socket_t fd;
};

struct net_dns_query {
    struct gw_list link;
    struct net_dns *dns;
    net_dns_done_fn *done;
    void *ctx;
    struct net_defer deliver;
    bool cancelled;
    bool answered; /* c-ares is finished with it */
    struct gw_err err;
    struct net_dns_record *records;
    size_t count;
};

/* --- c-ares in the loop --- */

static void set_timer(struct net_dns *dns)
{
    struct timeval tv;
    gw_time at = GW_NEVER;

    if (ares_timeout(dns->channel, NULL, &tv))
        at = net_loop_now(dns->loop).mono + (gw_time)tv.tv_sec * 1000 + tv.tv_usec / 1000 + 1;
    net_timer_set(dns->timer, at);
}

static void on_ready(int fd, int events, void *ctx)
{
    struct net_dns *dns = ((struct dns_socket *)ctx)->dns;

    ares_process_fd(dns->channel, (events & NET_IO_READ) ? fd : ARES_SOCKET_BAD,
                    (events & NET_IO_WRITE) ? fd : ARES_SOCKET_BAD);
    set_timer(dns);
}

static void on_timer(struct gw_now now, void *ctx)
{
    struct net_dns *dns = ctx;

    (void)now;
    ares_process_fd(dns->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    set_timer(dns);
}

static struct dns_socket *socket_of(struct net_dns *dns, ares_socket_t fd)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&dns->sockets, it, tmp)
    {
        struct dns_socket *sock = GW_CONTAINER(it, struct dns_socket, link);

        if (sock->fd == fd)
            return sock;
    }
    return NULL;
}

static void on_socket(void *ctx, ares_socket_t fd, int readable, int writable)
{
    struct net_dns *dns = ctx;
    struct dns_socket *sock = socket_of(dns, fd);

    if (!readable && !writable) {
        if (sock) {
            gw_list_remove(&sock->link);
            net_watch_free(&sock->watch);
            free(sock);
        }
        return;
    }
    if (!sock) {
        sock = gw_new(struct dns_socket);
        sock->dns = dns;
        sock->fd = fd;
        sock->watch = net_watch_new(dns->loop, fd, on_ready, sock);
        gw_list_append(&dns->sockets, &sock->link);
    }
    net_watch_set(sock->watch, (readable ? NET_IO_READ : 0) | (writable ? NET_IO_WRITE : 0));
}

static enum gw_code channel_open(struct net_dns *dns, struct gw_err *err)
{
    struct ares_options options = {
        .timeout = TRY_MS, .tries = TRIES, .sock_state_cb = on_socket, .sock_state_cb_data = dns
    };
    struct stat st;
    ares_channel channel;
    int rc = ares_init_options(&channel, &options,
                               ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB);

    if (rc)
        return gw_fail(err, GW_INTERNAL, "no resolver: %s", ares_strerror(rc));
    rc = dns->servers ? ares_set_servers_ports_csv(channel, dns->servers) : ARES_SUCCESS;
    if (rc) {
        ares_destroy(channel);
        return gw_fail(err, GW_INVALID, "wrong DNS servers '%s': %s", dns->servers,
                       ares_strerror(rc));
    }
    if (!stat(resolv_conf, &st))
        dns->system_change = st.st_mtim;
    dns->channel = channel;
    dns->changes++;
    return GW_OK;
}

/* The system's servers may change while we run: the file is read again between two queries. */
static void follow_system(struct net_dns *dns)
{
    struct stat st;
    ares_channel old = dns->channel;

    if (dns->servers || !gw_list_is_empty(&dns->queries) || stat(resolv_conf, &st) ||
        (st.st_mtim.tv_sec == dns->system_change.tv_sec &&
         st.st_mtim.tv_nsec == dns->system_change.tv_nsec))
        return;
    if (!channel_open(dns, NULL))
        ares_destroy(old); /* cancelled queries in it end here */
}

/* --- answers --- */

static void query_free(struct net_dns_query *q)
{
    for (size_t i = 0; i < q->count; i++) {
        free((char *)q->records[i].name.p);
        free((char *)q->records[i].service.p);
    }
    free(q->records);
    free(q);
}

static void on_deliver(struct net_defer *d)
{
    struct net_dns_query *q = GW_CONTAINER(d, struct net_dns_query, deliver);
    struct net_dns_result result = { .code = q->err.code,
                                     .error = q->err.code ? q->err.msg : NULL,
                                     .records = q->records,
                                     .count = q->count };

    gw_list_remove(&q->link);
    q->done(&result, q->ctx);
    query_free(q);
}

static enum gw_code code_of(int status)
{
    switch (status) {
    case ARES_SUCCESS:
        return GW_OK;
    case ARES_ENOTFOUND:
    case ARES_ENODATA:
    case ARES_ENONAME:
        return GW_NOTFOUND;
    case ARES_EBADNAME:
    case ARES_EBADSTR:
        return GW_INVALID;
    case ARES_ETIMEOUT:
        return GW_TIMEOUT;
    case ARES_EBADRESP:
    case ARES_EFORMERR:
        return GW_BADMSG;
    default:
        return GW_UNREACHABLE;
    }
}

/* c-ares is finished with q; false when nobody waits for it any more, and q is gone. */
static bool query_answered(struct net_dns_query *q, int status)
{
    q->answered = true;
    if (q->cancelled) {
        query_free(q);
        return false;
    }
    if (status)
        (void)gw_fail(&q->err, code_of(status), "%s", ares_strerror(status));
    net_defer_set(q->dns->loop, &q->deliver);
    return true;
}

static struct net_dns_record *add_record(struct net_dns_query *q, const char *name)
{
    struct net_dns_record *r;

    if (q->count == NET_DNS_RECORDS_MAX)
        return NULL;
    q->records = gw_realloc(q->records, q->count + 1, sizeof *q->records);
    r = &q->records[q->count++];
    *r = (struct net_dns_record){ .name = { gw_str_dup(gw_str_of(name)), strlen(name) } };
    return r;
}

static void on_addresses(void *ctx, int status, int timeouts, struct ares_addrinfo *info)
{
    struct net_dns_query *q = ctx;

    (void)timeouts;
    if (!query_answered(q, status) || status)
        goto out;
    for (struct ares_addrinfo_node *node = info->nodes; node; node = node->ai_next) {
        char text[NET_PEER_TEXT_MAX];
        struct net_dns_record *r = add_record(q, net_peer_text(node->ai_addr, false, text));

        if (r && node->ai_ttl > 0)
            r->ttl_s = (unsigned)node->ai_ttl;
    }
    if (!q->count)
        (void)gw_fail(&q->err, GW_NOTFOUND, "the name has no address");
out:
    if (info)
        ares_freeaddrinfo(info);
}

static void on_names(void *ctx, int status, int timeouts, struct hostent *host)
{
    struct net_dns_query *q = ctx;

    (void)timeouts;
    if (!query_answered(q, status) || status)
        return;
    (void)add_record(q, host->h_name);
}

/* --- SRV --- */

/* The least time to live in the answer section, which c-ares does not tell; 0 when it cannot be
 * read. RFC 1035 4.1.3. */
static unsigned answer_ttl(const unsigned char *msg, int len)
{
    const unsigned char *p = msg + HFIXEDSZ, *end = msg + len;
    unsigned ttl = UINT32_MAX, answers;
    char *name;
    long used;

    if (len < HFIXEDSZ || ares_expand_name(p, msg, len, &name, &used))
        return 0;
    ares_free_string(name);
    p += used + QFIXEDSZ;
    answers = (unsigned)(msg[6] << 8 | msg[7]);
    for (; answers && p < end; answers--) {
        unsigned rr_ttl;

        if (ares_expand_name(p, msg, len, &name, &used))
            return 0;
        ares_free_string(name);
        p += used;
        if (end - p < RRFIXEDSZ)
            return 0;
        rr_ttl = (unsigned)p[4] << 24 | (unsigned)p[5] << 16 | (unsigned)p[6] << 8 | p[7];
        ttl = rr_ttl < ttl ? rr_ttl : ttl;
        p += RRFIXEDSZ + (p[8] << 8 | p[9]);
    }
    return answers ? 0 : ttl;
}

static int compare_srv(const void *a, const void *b)
{
    const struct net_dns_record *x = a, *y = b;

    if (x->priority != y->priority)
        return x->priority < y->priority ? -1 : 1;
    return (x->weight > 0) - (y->weight > 0); /* weight 0 first: RFC 2782's algorithm wants it */
}

/* RFC 2782: of those left with the same priority one is drawn by weight, and again. */
static void draw_by_weight(struct net_dns_record *r, size_t count)
{
    for (; count > 1; r++, count--) {
        struct net_dns_record chosen;
        uint64_t sum = 0, drawn;
        size_t i;

        for (i = 0; i < count; i++)
            sum += r[i].weight;
        gw_random(&drawn, sizeof drawn);
        drawn %= sum + 1;
        sum = 0;
        for (i = 0; i < count - 1; i++) {
            sum += r[i].weight;
            if (sum >= drawn)
                break;
        }
        chosen = r[i];
        memmove(r + 1, r, i * sizeof *r); /* keeps weight 0 in front */
        *r = chosen;
    }
}

void net_dns_srv_order(struct net_dns_record *r, size_t count)
{
    size_t begin = 0;

    qsort(r, count, sizeof *r, compare_srv);
    while (begin < count) {
        size_t end = begin + 1;

        while (end < count && r[end].priority == r[begin].priority)
            end++;
        draw_by_weight(r + begin, end - begin);
        begin = end;
    }
}

static void on_services(void *ctx, int status, int timeouts, unsigned char *msg, int len)
{
    struct net_dns_query *q = ctx;
    struct ares_srv_reply *list = NULL;

    (void)timeouts;
    if (!status)
        status = ares_parse_srv_reply(msg, len, &list);
    if (!query_answered(q, status) || status)
        goto out;
    for (const struct ares_srv_reply *srv = list; srv; srv = srv->next) {
        struct net_dns_record *r = add_record(q, srv->host);

        if (!r)
            break;
        r->port = srv->port;
        r->priority = srv->priority;
        r->weight = srv->weight;
        r->ttl_s = answer_ttl(msg, len);
    }
    if (!q->count)
        (void)gw_fail(&q->err, GW_NOTFOUND, "the name has no service records");
    else if (q->count == 1 && (!q->records[0].name.len || gw_str_is(q->records[0].name, ".")))
        (void)gw_fail(&q->err, GW_NOTFOUND, "the domain says that it has no such service");
    else
        net_dns_srv_order(q->records, q->count);
out:
    ares_free_data(list);
}

/* --- NAPTR --- */

static int compare_naptr(const void *a, const void *b)
{
    const struct net_dns_record *x = a, *y = b;

    if (x->priority != y->priority)
        return x->priority < y->priority ? -1 : 1;
    return (x->weight > y->weight) - (x->weight < y->weight);
}

/* With the flag "s" it leads to SRV records, without a rewriting rule (RFC 3403 4.1). */
static bool names_service(const struct ares_naptr_reply *r)
{
    return strcasecmp((const char *)r->flags, "s") == 0 && !*r->regexp && *r->replacement;
}

static void on_naptr(void *ctx, int status, int timeouts, unsigned char *msg, int len)
{
    struct net_dns_query *q = ctx;
    struct ares_naptr_reply *list = NULL;

    (void)timeouts;
    if (!status)
        status = ares_parse_naptr_reply(msg, len, &list);
    if (!query_answered(q, status) || status)
        goto out;
    for (const struct ares_naptr_reply *it = list; it; it = it->next) {
        struct net_dns_record *r = names_service(it) ? add_record(q, it->replacement) : NULL;

        if (!r)
            continue;
        r->service = gw_str_of(gw_str_dup(gw_str_of((const char *)it->service)));
        r->priority = it->order;
        r->weight = it->preference;
        r->ttl_s = answer_ttl(msg, len);
    }
    if (!q->count)
        (void)gw_fail(&q->err, GW_NOTFOUND, "the name has no records that name services");
    else
        qsort(q->records, q->count, sizeof *q->records, compare_naptr);
out:
    ares_free_data(list);
}

/* --- queries --- */

static void start_ptr(struct net_dns *dns, const char *literal, struct net_dns_query *q)
{
    unsigned char ip[sizeof(struct in6_addr)];

    if (inet_pton(AF_INET, literal, ip) == 1)
        ares_gethostbyaddr(dns->channel, ip, sizeof(struct in_addr), AF_INET, on_names, q);
    else if (inet_pton(AF_INET6, literal, ip) == 1)
        ares_gethostbyaddr(dns->channel, ip, sizeof(struct in6_addr), AF_INET6, on_names, q);
    else
        (void)query_answered(q, ARES_EBADSTR);
}

struct net_dns_query *net_dns_start(struct net_dns *dns, enum net_dns_type type, const char *name,
                                    net_dns_done_fn *done, void *ctx)
{
    struct ares_addrinfo_hints hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
    struct net_dns_query *q = gw_new(struct net_dns_query);

    follow_system(dns);
    q->dns = dns;
    q->done = done;
    q->ctx = ctx;
    net_defer_init(&q->deliver, on_deliver);
    gw_list_append(&dns->queries, &q->link);
    switch (type) {
    case NET_DNS_ADDRESS:
        ares_getaddrinfo(dns->channel, name, NULL, &hints, on_addresses, q);
        break;
    case NET_DNS_SRV:
        ares_query(dns->channel, name, ns_c_in, ns_t_srv, on_services, q);
        break;
    case NET_DNS_NAPTR:
        ares_query(dns->channel, name, ns_c_in, ns_t_naptr, on_naptr, q);
        break;
    case NET_DNS_PTR:
        start_ptr(dns, name, q);
        break;
    }
    set_timer(dns);
    return q;
}

void net_dns_cancel(struct net_dns_query **queryp)
{
    struct net_dns_query *q = *queryp;

    if (!q)
        return;
    *queryp = NULL;
    gw_list_remove(&q->link);
    net_defer_cancel(&q->deliver);
    q->cancelled = true;
    if (q->answered)
        query_free(q); /* else c-ares still holds it, and gives it back in its own time */
}

/* --- life --- */

struct net_dns *net_dns_new(struct net_loop *loop, struct gw_err *err)
{
    struct net_dns *dns = gw_new(struct net_dns);

    dns->loop = loop;
    gw_list_init(&dns->sockets);
    gw_list_init(&dns->queries);
    if (ares_library_init(ARES_LIB_INIT_ALL)) { /* counted */
        (void)gw_fail(err, GW_INTERNAL, "no resolver");
        free(dns);
        return NULL;
    }
    if (channel_open(dns, err)) {
        ares_library_cleanup();
        free(dns);
        return NULL;
    }
    dns->timer = net_timer_new(loop, on_timer, dns);
    return dns;
}

void net_dns_free(struct net_dns **dnsp)
{
    struct net_dns *dns = *dnsp;
    struct gw_list *link;

    if (!dns)
        return;
    *dnsp = NULL;
    while ((link = gw_list_pop(&dns->queries))) {
        struct net_dns_query *q = GW_CONTAINER(link, struct net_dns_query, link);

        net_dns_cancel(&q);
    }
    ares_destroy(dns->channel);
    net_timer_free(&dns->timer);
    free(dns->servers);
    free(dns);
    ares_library_cleanup();
}

unsigned net_dns_changes(const struct net_dns *dns)
{
    return dns->changes;
}

enum gw_code net_dns_set_servers(struct net_dns *dns, const char *servers, struct gw_err *err)
{
    ares_channel old = dns->channel;
    char *before = dns->servers;
    enum gw_code rc;

    if (servers && before ? !strcmp(servers, before) : servers == before)
        return GW_OK;
    dns->servers = servers ? gw_str_dup(gw_str_of(servers)) : NULL;
    rc = channel_open(dns, err); /* c-ares does not change the servers of one that is asking */
    if (rc) {
        free(dns->servers);
        dns->servers = before;
        return rc;
    }
    free(before);
    ares_destroy(old);
    set_timer(dns);
    return GW_OK;
}

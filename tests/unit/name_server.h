/* A name server on loopback that answers from a table, wrongly where it should. */
#ifndef NAME_SERVER_H
#define NAME_SERVER_H

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gw_buf.h"
#include "net_dns.h"
#include "net_loop.h"

struct zone_record {
    const char *name;
    int type;
    const char *data; /* address, name or target; NAPTR: "s|SIP+D2T|target"; NULL: no record */
    int rcode;
    unsigned priority, weight, port;
};

struct name_server {
    const struct zone_record *zone; /* ends with a NULL name */
    int fd;
    uint16_t port;
    struct net_watch *watch;
    int questions;
    bool silent;
};

static inline void add16(struct gw_buf *b, unsigned v)
{
    gw_buf_add_char(b, (char)(v >> 8));
    gw_buf_add_char(b, (char)v);
}

static inline void add_name(struct gw_buf *b, const char *name)
{
    while (*name && strcmp(name, ".") != 0) {
        size_t len = strcspn(name, ".");

        gw_buf_add_char(b, (char)len);
        gw_buf_add(b, name, len);
        name += len + (name[len] == '.');
    }
    gw_buf_add_char(b, '\0');
}

static inline void add_naptr(struct gw_buf *b, const struct zone_record *r)
{
    size_t flags = strcspn(r->data, "|"), service = strcspn(r->data + flags + 1, "|");

    add16(b, r->priority);
    add16(b, r->weight);
    gw_buf_add_char(b, (char)flags);
    gw_buf_add(b, r->data, flags);
    gw_buf_add_char(b, (char)service);
    gw_buf_add(b, r->data + flags + 1, service);
    gw_buf_add_char(b, '\0'); /* no rewriting rule */
    add_name(b, r->data + flags + service + 2);
}

static inline void add_data(struct gw_buf *b, const struct zone_record *r)
{
    unsigned char ip[16];

    if (r->type == ns_t_a && inet_pton(AF_INET, r->data, ip) == 1) {
        gw_buf_add(b, ip, 4);
    } else if (r->type == ns_t_aaaa && inet_pton(AF_INET6, r->data, ip) == 1) {
        gw_buf_add(b, ip, 16);
    } else if (r->type == ns_t_ptr) {
        add_name(b, r->data);
    } else if (r->type == ns_t_naptr) {
        add_naptr(b, r);
    } else if (strcmp(r->data, "broken") != 0) {
        add16(b, r->priority);
        add16(b, r->weight);
        add16(b, r->port);
        add_name(b, r->data);
    } else {
        add16(b, 7); /* too short for anything */
    }
}

static inline void add_record(struct gw_buf *b, const struct zone_record *r)
{
    struct gw_buf data;

    gw_buf_init(&data, 500);
    add_data(&data, r);
    add16(b, 0xc00c); /* the question's name */
    add16(b, (unsigned)r->type);
    add16(b, ns_c_in);
    add16(b, 0);
    add16(b, 300);
    add16(b, (unsigned)data.len);
    gw_buf_add_str(b, gw_buf_str(&data));
    gw_buf_done(&data);
}

static inline size_t read_name(const unsigned char *p, char *out)
{
    size_t at = 0;

    while (p[at]) {
        memcpy(out, p + at + 1, p[at]);
        out += p[at];
        at += p[at] + 1u;
        *out++ = p[at] ? '.' : '\0';
    }
    return at + 1;
}

static inline void on_question(int fd, int events, void *ctx)
{
    struct name_server *ns = ctx;
    unsigned char q[512];
    struct sockaddr_in from;
    socklen_t from_len = sizeof from;
    ssize_t len = recvfrom(fd, q, sizeof q, 0, (struct sockaddr *)&from, &from_len);
    char name[300] = "";
    size_t end = 12 + read_name(q + 12, name);
    int type = q[end] << 8 | q[end + 1], rcode = ns_r_nxdomain, count = 0;
    struct gw_buf answers, out;

    (void)events;
    assert_true(len > 12);
    ns->questions++;
    if (ns->silent)
        return;
    gw_buf_init(&answers, 4000);
    gw_buf_init(&out, 4000);
    for (const struct zone_record *r = ns->zone; r->name; r++) {
        if (strcasecmp(r->name, name) != 0)
            continue;
        rcode = r->rcode;
        if (r->type != type || !r->data)
            continue;
        add_record(&answers, r);
        count++;
    }
    gw_buf_add(&out, q, 2);
    add16(&out, 0x8180u | (unsigned)rcode);
    add16(&out, 1);
    add16(&out, (unsigned)count);
    add16(&out, 0);
    add16(&out, 0);
    gw_buf_add(&out, q + 12, end + 4 - 12);
    gw_buf_add_str(&out, gw_buf_str(&answers));
    (void)sendto(fd, out.p, out.len, 0, (struct sockaddr *)&from, from_len);
    gw_buf_done(&answers);
    gw_buf_done(&out);
}

static inline void name_server_init(struct name_server *ns, struct net_loop *loop,
                                    const struct zone_record *zone)
{
    struct sockaddr_in in = { .sin_family = AF_INET };
    socklen_t len = sizeof in;

    *ns = (struct name_server){ .zone = zone };
    ns->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(ns->fd, (struct sockaddr *)&in, sizeof in), 0);
    assert_int_equal(getsockname(ns->fd, (struct sockaddr *)&in, &len), 0);
    ns->port = ntohs(in.sin_port);
    ns->watch = net_watch_new(loop, ns->fd, on_question, ns);
    net_watch_set(ns->watch, NET_IO_READ);
}

static inline void name_server_done(struct name_server *ns)
{
    net_watch_free(&ns->watch);
    (void)close(ns->fd);
}

/* A resolver that asks it and nobody else. */
static inline struct net_dns *name_server_dns(const struct name_server *ns, struct net_loop *loop)
{
    char servers[64];
    struct gw_err err;
    struct net_dns *dns = net_dns_new(loop, &err);

    assert_non_null(dns);
    snprintf(servers, sizeof(servers), "127.0.0.1:%u", ns->port);
    assert_int_equal(net_dns_set_servers(dns, servers, &err), GW_OK);
    return dns;
}

#endif

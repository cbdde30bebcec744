/* Datagrams (UDP), and addresses as they go with them. */
#ifndef NET_UDP_H
#define NET_UDP_H

#include "gw_err.h"
#include "gw_str.h"
#include "net_loop.h"

enum { NET_ADDRESS_TEXT_MAX = 48 };

struct net_address {
    _Alignas(8) unsigned char bytes[32]; /* a socket address */
};

/* A literal, IPv4 or IPv6 without brackets; false: it is none. */
bool net_address_parse(struct gw_str host, uint16_t port, struct net_address *out);
/* "192.0.2.1", "2001:db8::1"; returns out. */
const char *net_address_text(const struct net_address *a, char out[NET_ADDRESS_TEXT_MAX]);
uint16_t net_address_port(const struct net_address *a);

/* Our address as that peer sees it, by the routes of the system; false: there is no way to it. */
bool net_address_local(const struct net_address *peer, struct net_address *out);

struct net_udp;
/* Data is borrowed for the call. */
typedef void net_udp_fn(struct net_udp *u, const struct net_address *from, struct gw_str data,
                        void *ctx);

struct net_udp_args {
    const char *address; /* as of net_listen() */
    uint16_t port;
    net_udp_fn *on_datagram;
    void *ctx;
};

enum gw_code net_udp_open(struct net_loop *loop, const struct net_udp_args *args,
                          struct net_udp **out, struct gw_err *err);
void net_udp_free(struct net_udp **up); /* also from its callback */
uint16_t net_udp_port(const struct net_udp *u);

/* False: the system did not take it (no way there, too long, its queue is full): it is lost, as any
 * datagram may be. */
bool net_udp_send(struct net_udp *u, const struct net_address *to, struct gw_str data);

#endif

/* What the files of the transport share: they alone know net/. */
#ifndef SIP_SERVER_PRIV_H
#define SIP_SERVER_PRIV_H

#include "gw_heap.h"
#include "gw_list.h"
#include "gw_log.h"
#include "gw_map.h"
#include "net_dns_cache.h"
#include "net_stream.h"
#include "net_udp.h"
#include "sip_failing.h"
#include "sip_server.h"

struct sip_conn;

/* A TLS listener, for the context of its index. */
enum { SIP_DOORS = SIP_TLS_PEER_AUTH + 1 };
struct sip_door {
    struct net_listener *listener; /* NULL: off, or the port is taken */
    int64_t port;                  /* as it was set */
};

/* How a connection can end that is told. */
enum sip_told { SIP_TOLD_BROKEN, SIP_TOLD_LOST, SIP_TOLD_TLS, SIP_TOLD_COUNT };

/* The connections, and how many an address has to us, or we have to a host. */
struct sip_conns {
    struct gw_list all, used; /* used: those that we made, the longest unused first */
    struct sip_conn *reading; /* whose messages are being read */
    struct gw_map *by_id, *by_target, *callers, *called;
    struct sip_failing *failing;
    struct gw_heap due;
    struct gw_log_limit told[SIP_TOLD_COUNT]; /* of those to us */
    uint64_t next_id;
};

struct sip_server {
    struct net_loop *loop;
    struct net_dns *dns;
    struct net_dns_cache *names;
    struct sip_core *core;
    const struct sip_settings *settings;
    struct sip_settings defaults;
    struct sip_tls *tls;
    struct net_udp *udp;
    struct net_listener *tcp;
    struct sip_door door[SIP_DOORS];
    char *tls_address; /* that the doors are at; NULL: not yet */
    struct net_timer *timer;
    gw_time armed;
    struct gw_list lookups, queries;
    size_t lookup_count;
    struct sip_conns conns;
    struct sip_server_counters counters;
    char bound[NET_ADDRESS_TEXT_MAX]; /* the one address that we listen on; empty: all */
    /* Who asked last for our address, and what it is. */
    char local_for[NET_ADDRESS_TEXT_MAX], local_is[NET_ADDRESS_TEXT_MAX];
};

/* The timer, to the earliest deadline. */
void sip_server_arm(struct sip_server *server);

void sip_conns_init(struct sip_conns *conns);
void sip_conns_close(struct sip_server *server); /* at once and silent */
void sip_conns_done(struct sip_conns *conns);    /* after the core */
void sip_conns_tick(struct sip_server *server, gw_time now);

void sip_conn_accept(struct sip_server *server, struct net_stream *stream, enum sip_proto proto,
                     enum sip_tls_context context); /* takes the stream */
/* As send, is_full of struct sip_io, over TCP and TLS. */
uint64_t sip_conn_send(struct sip_server *server, const struct sip_peer *to, struct gw_str bytes);
bool sip_conn_is_full(struct sip_server *server, const struct sip_peer *to);
/* Whether it came in where a peer must be shown no certificate. */
bool sip_conn_is_client(const struct sip_server *server, uint64_t id);

#endif

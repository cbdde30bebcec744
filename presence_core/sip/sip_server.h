/* The transport of the SIP front-end: UDP, TCP and TLS (RFC 3261 18). */
#ifndef SIP_SERVER_H
#define SIP_SERVER_H

#include "cert.h"
#include "net_loop.h"
#include "net_tls.h"
#include "sip_core.h"

struct sip_server;

struct sip_server_args {
    struct net_loop *loop;
    struct pres_core *pres;
    struct store *store;                 /* NULL: subscriptions live in memory only */
    const struct sip_settings *settings; /* borrowed, read live; NULL: the defaults */
    struct net_tls *tls;                 /* of role server; a reference is taken. NULL: no TLS */
    struct cert_store *certs;            /* whom we connect to; NULL: nobody by TLS */
};

struct sip_server *sip_server_new(const struct sip_server_args *args);
void sip_server_free(struct sip_server **serverp); /* before the core, after its other front-ends */
struct sip_core *sip_server_core(struct sip_server *server);

/* UDP and TCP on one port, TLS on another; 0: any free one, for UDP and TCP the same. Once each. */
enum gw_code sip_server_listen(struct sip_server *server, const char *address, uint16_t port,
                               struct gw_err *err);
enum gw_code sip_server_listen_tls(struct sip_server *server, const char *address, uint16_t port,
                                   struct gw_err *err);
uint16_t sip_server_port(const struct sip_server *server); /* 0: not listening */
uint16_t sip_server_tls_port(const struct sip_server *server);

struct sip_server_counters {
    uint64_t connections;     /* now */
    uint64_t refused, broken; /* too many of one address; streams that made no sense */
};
void sip_server_counters(const struct sip_server *server, struct sip_server_counters *out);

#endif

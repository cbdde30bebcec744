/* The transport of the SIP front-end: UDP, TCP and TLS (RFC 3261 18). */
#ifndef SIP_SERVER_H
#define SIP_SERVER_H

#include "net_dns.h"
#include "net_loop.h"
#include "sip_core.h"
#include "sip_tls.h"

struct sip_server;

struct sip_server_args {
    struct net_loop *loop;
    struct pres_core *pres;
    struct store *store;                 /* NULL: subscriptions live in memory only */
    const struct sip_settings *settings; /* borrowed, read live; NULL: the defaults */
    struct sip_tls *tls;                 /* borrowed; NULL: nothing goes over TLS */
    struct net_dns *dns;                 /* borrowed: every name that is looked up */
    sip_neighbour_fn *is_neighbour;      /* as in struct sip_core_args */
    sip_credentials_fn *credentials;     /* the same */
    void *ctx;
};

struct sip_server *sip_server_new(const struct sip_server_args *args);
void sip_server_free(struct sip_server **serverp); /* before the core, after its other front-ends */
struct sip_core *sip_server_core(struct sip_server *server);

/* UDP and TCP on one port; 0: any free one, for both the same. Once. */
enum gw_code sip_server_listen(struct sip_server *server, const char *address, uint16_t port,
                               struct gw_err *err);
uint16_t sip_server_port(const struct sip_server *server); /* 0: not listening */

/* The two TLS listeners, at the ports of the settings; once. After an error the server does without what
 * could not be opened, until its port is set anew or another setting is. */
enum gw_code sip_server_listen_tls(struct sip_server *server, const char *address,
                                   struct gw_err *err);
/* The settings are other ones. After an error the listener is where it was. */
enum gw_code sip_server_ports_apply(struct sip_server *server, struct gw_err *err);
/* TLS peer subjects, trust or revocation lists may be other ones: peers that would not get in now are out. */
void sip_server_peers_judge(struct sip_server *server);
/* Of SERVER_AUTH and PEER_AUTH; 0: not listening. */
uint16_t sip_server_tls_port(const struct sip_server *server, enum sip_tls_context which);

struct sip_server_counters {
    uint64_t connections;     /* now */
    uint64_t refused, broken; /* too many of one address; streams that made no sense */
    uint64_t tls_failed;      /* handshakes, and peers whose certificate is not admitted */
};
void sip_server_counters(const struct sip_server *server, struct sip_server_counters *out);

#endif

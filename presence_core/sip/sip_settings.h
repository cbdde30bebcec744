/* What an administrator can set of the SIP front-end; read live. */
#ifndef SIP_SETTINGS_H
#define SIP_SETTINGS_H

#include "gw_err.h"
#include "gw_param.h"

struct sip_settings {
    char *incoming_acl;   /* see sip_access.h */
    char *domains;        /* see sip_access.h */
    char *routes;         /* see sip_route.h */
    char *default_domain; /* AOL's */
    char *publish_to;     /* see sip_access.h */
    int partitioned;      /* 1: our domains are shared with Lync or OCS */
    int partitioned_mode; /* 1: advanced */
    int messages;         /* 1: on */
    int login;            /* enum sip_digests */
    char *trace;          /* see sip_trace.h */
    char *session_peers;  /* see sip_access.h */
    int64_t session_idle_s, sessions_max, sessions_per_peer;
    char *public_address;       /* host in Via and Contact; empty: the one a peer reaches us at */
    char *federation_fqdn;      /* "host[:port]" in Record-Route; empty: none */
    int record_route_transport; /* 1: on */
    int64_t notify_interval_s;
    int64_t expires_min_s, expires_max_s;
    int64_t subscriptions_max, subscriptions_per_peer;
    int64_t connections_per_peer;
    int64_t idle_s;                           /* of a connection without a whole message */
    int64_t server_auth_port, peer_auth_port; /* GW_PARAM_WORD: off */
    char *tls_peer_subjects;                  /* see sip_access.h */
};

enum sip_digests { SIP_DIGESTS_OFF, SIP_DIGESTS_SHA256, SIP_DIGESTS_BOTH, SIP_DIGESTS_MD5 };

extern const struct gw_param sip_params[]; /* keys "sip.*" */
extern const size_t sip_param_count;

/* "sip.example.com:5061"; the port stays as it was when none is said. False: it is no host. */
bool sip_host_port(struct gw_str text, struct gw_str *host, int64_t *port);

/* What the table cannot check. */
enum gw_code sip_settings_check(const struct sip_settings *settings, struct gw_err *err);

#endif

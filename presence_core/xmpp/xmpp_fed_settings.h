/* What an administrator can set of federation with XMPP servers of other domains; read live. */
#ifndef XMPP_FED_SETTINGS_H
#define XMPP_FED_SETTINGS_H

#include "gw_param.h"

enum xmpp_fed_tls { XMPP_FED_NO_TLS, XMPP_FED_TLS_OPTIONAL, XMPP_FED_TLS_REQUIRED };
enum xmpp_fed_default { XMPP_FED_ALLOW, XMPP_FED_DENY };

/* The switches are 0 and 1. */
struct xmpp_fed_settings {
    int is_on;
    int tls;                 /* enum xmpp_fed_tls */
    int require_certificate; /* of the peer, where TLS is required: one that proves its domain */
    int sasl_in, sasl_out;   /* EXTERNAL */
    int dialback_in, dialback_out;
    int policy; /* enum xmpp_fed_default */
    int64_t stanza_max_kb;
    int64_t rate_kbs;      /* what one connection may send, KiB a second */
    int64_t queue_kb;      /* what waits for one domain */
    int64_t timeout_s;     /* from connecting to being accepted, either way */
    int64_t idle_s;        /* a connection on which nothing was said for so long is closed */
    int64_t retry_max_s;   /* a domain that could not be reached is left alone, at most so long */
    char *dns_servers;     /* "": the system's */
    int64_t half_open_max; /* connections of one network that have not proved a domain */
};

extern const struct gw_param xmpp_fed_params[]; /* keys "federation.*" */
extern const size_t xmpp_fed_param_count;

#endif

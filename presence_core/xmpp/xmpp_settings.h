/* What an administrator can set of the XMPP front-end; read live. */
#ifndef XMPP_SETTINGS_H
#define XMPP_SETTINGS_H

#include "gw_param.h"

/* Choices of show_in_meeting and show_out_of_office. */
enum xmpp_show { XMPP_SHOW_AVAILABLE, XMPP_SHOW_CHAT, XMPP_SHOW_AWAY, XMPP_SHOW_XA, XMPP_SHOW_DND };

struct xmpp_settings {
    int show_in_meeting;    /* enum xmpp_show */
    int show_out_of_office; /* enum xmpp_show */
    int64_t stanza_max_kb; /* after login; before it 10 KiB, the least that RFC 6120 13.12 allows */
    int64_t rate_kbs;      /* what one client may send, KiB a second */
    int64_t out_queue_kb;  /* what may wait for a client that reads slowly */
    int64_t login_timeout_s; /* from connecting to being logged in */
    int64_t login_attempts;  /* wrong passwords on one connection */
    int64_t login_failures;  /* wrong passwords of one network in five minutes */
    int64_t idle_ping_s;     /* silence after which a client is asked whether it is there; off */
    int64_t ping_timeout_s;
    int channel_binding;     /* 1: mechanisms that bind a login to its TLS connection are offered */
    int client_certificates; /* 1: asked for, and a login by one is offered */
    int64_t offline_max;     /* messages kept for a user who is not there; off */
    int64_t resume_s;        /* of a session whose connection broke; off */
    int64_t half_open_max;   /* connections of one network that are not logged in */
};

extern const struct gw_param xmpp_params[]; /* keys "xmpp.*" */
extern const size_t xmpp_param_count;

#endif

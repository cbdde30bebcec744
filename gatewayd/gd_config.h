/* What must be known before the store opens: command line and configuration file. Everything else
 * is set through the API and lives in the store. */
#ifndef GD_CONFIG_H
#define GD_CONFIG_H

#include "gw_buf.h"
#include "gw_err.h"
#include "gw_param.h"

#define GD_CONFIG_DEFAULT_FILE "/etc/kalends/kalendsd.conf"

struct gd_config {
    char *data;                  /* data directory */
    char *seal_key;              /* path; empty: a credential, else seal.key in the data folder */
    char *user;                  /* to run as; empty: stay who we are */
    char *log;                   /* "stderr", "syslog" or a path */
    char *log_levels;            /* "info, xmpp=debug" */
    char *xmpp_listen;           /* address */
    int64_t federation_port;     /* XMPP, of other domains */
    int64_t xmpp_port;           /* 0: any free one */
    int64_t xmpp_tls_port;       /* the same, or off */
    char *sip_listen;            /* address */
    int64_t sip_port;            /* UDP and TCP; 0: any free one; GW_PARAM_WORD: off */
    char *api_listen;            /* address */
    char *notification_listen;   /* address */
    char *notification_url_host; /* that Exchange calls back; empty: the machine's FQDN */
    int64_t lab_minute_ms;
    int lab_allow_http; /* 1: gateways without TLS are accepted */
};

/* Defaults first, then the file (NULL: the default file, if it is there), then 'data' (may be NULL)
 * from the command line. Errors say "FILE:LINE: ...". */
enum gw_code gd_config_load(const char *file, const char *data, struct gd_config *out,
                            struct gw_err *err);
void gd_config_done(struct gd_config *c);

/* The same from text; 'file' is for messages. 'c' holds defaults, or what was read before. */
enum gw_code gd_config_parse(struct gw_str text, const char *file, struct gd_config *c,
                             struct gw_err *err);

void gd_config_help(struct gw_buf *out); /* every key, its range and default */

#endif

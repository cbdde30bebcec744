/* The daemon: who knows everybody. One struct, made at start, handed down to the files that connect
 * the rooms:
 *
 *   gd_start       order of start and stop        gd_gateways    Exchange servers and their clients
 *   gd_calendars   scheduler, time, records       gd_notify      where Exchange calls back
 *   gd_presence    directory to core and XMPP     gd_params      parameters, kept and applied
 *   gd_sip         the SIP front-end
 *   gd_api         what the API room is given     gd_check       a gateway tried step by step
 *   gd_account     who logs in at Exchange        gd_policy      mapping, rules, texts: kept and changed
 *   gd_federation  servers of other domains  gd_mail        mail addresses that they know users by
 *   gd_people      what each calendar is looked at with
 *   gd_neighbours  who of our domains is on the system that shares them
 *   gd_identities  who we are: our own certificates
 *   gd_listen      HTTPS: notifications and the API */
#ifndef GD_H
#define GD_H

#include "admin_api.h"
#include "bridge.h"
#include "bridge_book.h"
#include "bridge_settings.h"
#include "cert.h"
#include "cert_tls.h"
#include "dir.h"
#include "dir_audit.h"
#include "dir_jobs.h"
#include "dir_mails.h"
#include "ews_account.h"
#include "gd_config.h"
#include "gd_listen.h"
#include "gw_list.h"
#include "net_dns.h"
#include "net_loop.h"
#include "net_tls.h"
#include "net_work.h"
#include "pres.h"
#include "scheduler.h"
#include "sip_server.h"
#include "store.h"
#include "xmpp_federation.h"
#include "xmpp_server.h"

struct gd_gateways;
struct gd_notify;
struct gd_people;

#define GD_SOCKET "control.sock" /* in the data directory */
enum { GD_PATH_MAX = 4200 };

enum gd_identity { GD_IDENTITY_SIP, GD_IDENTITY_XMPP, GD_IDENTITY_XMPP_S2S, GD_IDENTITIES };

struct gd_settings {
    struct sched_settings sched;
    struct ews_settings ews;
    struct pres_settings pres;
    struct xmpp_settings xmpp;
    struct xmpp_fed_settings federation;
    struct bridge_settings bridge;
    struct sip_settings sip;
    struct cert_settings certs;
    struct dir_settings dir;
    struct gd_listen_settings listen;
};

struct gd {
    struct gd_config config;
    const char *notification_port; /* of the command line; NULL: as it was set */
    struct net_loop *loop;
    struct net_pool *pool;
    struct net_dns *dns; /* the machine's own servers: our domain at Autodiscover */
    struct store *store;
    struct net_wake *store_wake;
    struct cert_store *certs;
    struct dir *dir;
    struct dir_mails *mails;
    struct dir_audit *audit;
    struct dir_contacts contacts;
    struct dir_jobs *jobs;
    struct net_timer *jobs_timer;

    struct gd_settings settings;
    struct bridge_book *book;
    struct bridge_texts *texts;
    struct gd_people *people;
    struct gw_map *neighbours; /* see gd_neighbours.c */

    struct gd_notify *notify;
    struct gd_gateways *gateways;
    struct sched *sched;
    struct net_timer *sched_timer;
    struct store_batch *batch; /* what the scheduler saves in one tick; NULL: nothing yet */

    struct pres_core *core;
    struct cert_identity *identity[GD_IDENTITIES]; /* in the order of cert_own_kinds */
    struct net_timer *identity_timer;
    struct cert_peer *push_peer, *api_peer, *xmpp_login_peer;
    struct net_tls *push_tls, *api_tls;
    struct net_tls *tls, *xmpp_login_tls;
    struct xmpp_own own;
    struct gw_list own_passwords; /* that users change, under way */
    const char *own_password_of;  /* changed just now: his sessions end when it is on disk */
    struct xmpp_server *xmpp;
    uint16_t xmpp_port;
    struct sip_tls *sip_tls;
    struct sip_server *sip;
    struct net_timer *digests_timer; /* what SIP clients no longer log in with goes */
    size_t digests_pos;
    struct net_dns *federation_dns; /* parameter federation.dns_servers: other domains */
    struct xmpp_federation *federation;
    bool has_dialback_secret; /* that was set; else this node's own */

    struct admin_host host;
    struct admin_api *api;
    struct gw_list checks; /* of gateways, under way */
    struct gw_list rule_tests;
    struct gw_list astray; /* mailboxes whose server is looked for */
    struct net_signal *signal[3];
    struct net_timer *stop_timer;
    bool loaded, stopping;
    gw_time stop_until;
};

/* --- gd_start.c */
enum gw_code gd_start(struct gd *gd, struct gw_err *err);
void gd_run(struct gd *gd);  /* until a signal, and the goodbyes are said */
void gd_done(struct gd *gd); /* also of what was started in part */

/* Reads every record of a kind now; at start only. GW_OK, or what the store or 'each' failed with. */
enum gw_code gd_load(struct gd *gd, const char *kind, store_record_fn *each, void *ctx,
                     struct gw_err *err);

/* Takes json. */
struct json_t;
void gd_record_put(struct store_batch *b, const char *kind, const char *key, struct json_t *json);

/* --- gd_calendars.c */
enum gw_code gd_calendars_start(struct gd *gd, struct gw_err *err);
enum gw_code gd_calendars_restore(struct gd *gd, struct gw_err *err);
void gd_calendars_stop(struct gd *gd);
void gd_calendars_done(struct gd *gd);

/* --- gd_people.c */
void gd_calendar_publish(struct gd *gd, struct gw_str user);

/* --- gd_presence.c */
void gd_presence_start(struct gd *gd);
enum gw_code gd_presence_listen(struct gd *gd, struct gw_err *err);

/* gd_own_password.c: see xmpp_own.h; ctx is the gd */
bool gd_own_password(struct gw_str user, struct gw_str password, xmpp_own_done_fn *done,
                     void *done_ctx, void *ctx);
void gd_own_passwords_done(struct gd *gd); /* what is under way ends; before the pool does */
/* gd_neighbours.c */
void gd_neighbour_changed(struct gd *gd, const struct dir_user_change *change);
bool gd_neighbour_is(struct gw_str address, void *ctx); /* in lower case */
void gd_neighbours_done(struct gd *gd);

bool gd_user_has_calendar(const struct dir_user *u);

/* --- gd_contacts.c */
void gd_contacts_start(struct gd *gd);

/* --- gd_sip.c */
enum gw_code gd_sip_listen(struct gd *gd, struct gw_err *err);
enum gw_code gd_sip_apply(struct gd *gd, struct gw_err *err);
struct json_t *gd_sip_json(const struct gd *gd);
struct json_t *gd_sip_sessions(const struct gd *gd);
/* As struct admin_host has it. */
void gd_sip_clients(struct gd *gd, struct gw_str user, struct json_t *into);
/* gd_sip_route.c: as struct admin_host has them. */
enum gw_code gd_sip_route(struct gd *gd, struct gw_str address, struct json_t **answer,
                          admin_sip_route_fn *fn, void *ctx, struct admin_sip_route **out,
                          struct gw_err *err);
void gd_sip_route_cancel(struct admin_sip_route *r);
/* gd_sip_trace.c. Of one call, or (empty) of all; gives. */
struct json_t *gd_sip_trace(const struct gd *gd, struct gw_str call_id);

/* --- gd_identities.c */
enum gw_code gd_identity_open(struct gd *gd, enum gd_identity which,
                              struct gw_err *err); /* before the others: it names no domain */
enum gw_code gd_identities_open(struct gd *gd, struct gw_err *err); /* the directory is loaded */
void gd_identities_cover(struct gd *gd);  /* a domain was added: self-signed ones are made anew */
void gd_identities_reload(struct gd *gd); /* from their files */
void gd_identities_done(struct gd *gd);
void gd_identity_names(const struct gd *gd, const char *identity,
                       void (*each)(struct gw_str name, void *each_ctx), void *each_ctx);
void gd_identities_seal_with(struct gd *gd); /* the store: before they are opened */

/* --- gd_params.c */
enum gw_code gd_params_load(struct gd *gd, struct gw_err *err);
/* Sets and keeps one before anything is started with it. */
enum gw_code gd_param_at_start(struct gd *gd, struct gw_str key, struct gw_str value,
                               struct gw_err *err);
enum gw_code gd_param_set(struct gd *gd, struct gw_str key, struct gw_str value,
                          store_done_fn *done, void *done_ctx, struct gw_err *err);
enum { GD_PARAM_TABLES = 10 };
void gd_params_tables(const struct gd *gd, struct admin_params out[GD_PARAM_TABLES]);
void gd_params_done(struct gd *gd);

/* --- gd_policy.c */
void gd_policy_start(struct gd *gd);
enum gw_code gd_policy_load(struct gd *gd, struct gw_err *err);
void gd_policy_done(struct gd *gd);
enum gw_code gd_mapping_set(struct gd *gd, struct gw_str scope, struct gw_str key,
                            const struct gw_str *value, store_done_fn *done, void *done_ctx,
                            struct gw_err *err);
enum gw_code gd_rule_change(struct gd *gd, const struct admin_rule_change *change,
                            store_done_fn *done, void *done_ctx, struct gw_err *err);
enum gw_code gd_text_set(struct gd *gd, struct gw_str language, struct gw_str text,
                         const struct gw_str *pattern, store_done_fn *done, void *done_ctx,
                         struct gw_err *err);

/* --- gd_api.c */
enum gw_code gd_api_start(struct gd *gd, struct gw_err *err);

#endif

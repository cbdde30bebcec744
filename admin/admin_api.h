/* The administrator's door: REST with JSON bodies over HTTP on a Unix socket. Whoever may open the
 * socket is an administrator; over HTTPS, whoever shows one of the certificates that are named. Every resource is a row of one table (GET /v1 shows it); every refusal
 * is {"error": "a sentence", "code": "invalid"} with a fitting HTTP status. A change is answered
 * when it is on the disk. Loop thread only. */
#ifndef ADMIN_API_H
#define ADMIN_API_H

#include <stdint.h>

#include "gw_err.h"
#include "gw_param.h"
#include "gw_str.h"
#include "gw_time.h"
#include "net_loop.h"
#include "net_work.h"
#include "store.h"

struct bridge_book;
struct bridge_look;
struct bridge_texts;
struct cert_chain;
struct cert_prelude;
struct cert_store;
struct dir;
struct dir_audit;
struct dir_jobs;
struct json_t;
struct net_tls;
struct pres_calendar;
struct pres_core;
struct sched;
struct ssl_st; /* OpenSSL's SSL */

/* A gateway to Exchange as an administrator types it. Text with a NULL pointer and numbers of -1
 * were not said: the default when adding, unchanged when editing. */
struct admin_gateway_edit {
    struct gw_str host, account, password, description;
    int64_t port;
    int http;        /* 1: without TLS, for labs */
    int own_account; /* 1: account and password are of this gateway alone; 0: the shared one */
};

/* One gateway as it is shown. Text is borrowed for the call, NULL: not known. */
struct admin_gateway {
    struct gw_str name, host, account, description;
    uint16_t port;
    bool http, has_password, own_account;
};

typedef void admin_gateway_fn(const struct admin_gateway *g, void *ctx);

/* One step of a gateway check. */
enum admin_check_result { ADMIN_CHECK_OK, ADMIN_CHECK_FAILED, ADMIN_CHECK_SKIPPED };
struct admin_check_step {
    const char *test; /* "Exchange reachability" */
    enum admin_check_result result;
    const char *verdict;            /* "Reachable", "Failed: SAN mismatch" */
    const char *text;               /* what was seen, and what to do; may be empty */
    const struct cert_chain *chain; /* of the server; NULL: none to show */
};
struct admin_check;
typedef void admin_check_step_fn(const struct admin_check_step *step, void *ctx);
typedef void admin_check_done_fn(void *ctx); /* the last call, exactly once */

/* Where Autodiscover says that a mailbox is. Text is borrowed for the call, and may be empty. */
struct admin_discovery {
    enum gw_code code;   /* GW_OK: found */
    const char *problem; /* a sentence, when it was not */
    const char *address; /* of the mailbox: another one than was asked for, if it was sent on */
    const char *url, *external_url, *grouping;
    const char *host; /* of url */
    uint16_t port;
    bool http;
    const char *gateway; /* that stands for this host already */
};
struct admin_discover;
typedef void admin_discover_fn(const struct admin_discovery *found, void *ctx);

struct admin_sip_route;
typedef void admin_sip_route_fn(struct json_t *answer, void *ctx);

/* A rule is added, edited, moved or removed. */
enum admin_rule_verb { ADMIN_RULE_ADD, ADMIN_RULE_EDIT, ADMIN_RULE_MOVE, ADMIN_RULE_REMOVE };
struct admin_rule_change {
    enum admin_rule_verb verb;
    struct gw_str name;
    struct gw_str rule;   /* ADD, EDIT */
    struct gw_str scope;  /* ADD */
    struct gw_str before; /* ADD, MOVE; empty: behind the others */
};

/* What rules would make of a user's day. */
struct admin_rule_line {
    struct gw_str name, rule;
};
struct admin_rule_test_args {
    struct gw_str user;                  /* JID */
    struct gw_str day;                   /* "2026-12-01" in the user's zone; empty: today */
    const struct admin_rule_line *rules; /* instead of those in force; NULL: these */
    size_t rule_count;
};
struct admin_rule_test;
/* Takes the answer, which is there when result->code is GW_OK. */
typedef void admin_rule_tested_fn(const struct gw_err *result, struct json_t *answer, void *ctx);

/* What belongs to nobody but the daemon's main room: gateways, parameters, its own doors. */
struct admin_host {
    void (*gateways)(admin_gateway_fn *each, void *each_ctx, void *ctx); /* ordered by name */
    /* done as in dir.h: GW_OK and done comes later, or an error and done does not come. */
    enum gw_code (*gateway_add)(struct gw_str name, const struct admin_gateway_edit *edit,
                                store_done_fn *done, void *done_ctx, struct gw_err *err, void *ctx);
    enum gw_code (*gateway_edit)(struct gw_str name, const struct admin_gateway_edit *edit,
                                 store_done_fn *done, void *done_ctx, struct gw_err *err,
                                 void *ctx);
    enum gw_code (*gateway_remove)(struct gw_str name, store_done_fn *done, void *done_ctx,
                                   struct gw_err *err, void *ctx);
    enum gw_code (*gateway_drain)(struct gw_str name, bool drained, store_done_fn *done,
                                  void *done_ctx, struct gw_err *err, void *ctx);

    /* Steps come one by one, never from inside the call. NULL: no such gateway. */
    struct admin_check *(*gateway_check)(struct gw_str name, admin_check_step_fn *step,
                                         admin_check_done_fn *done, void *done_ctx, void *ctx);
    void (*gateway_check_cancel)(struct admin_check *check, void *ctx);

    /* server: asked first, "host" or "host:port"; empty: the first gateway. found comes once, never from inside
     * the call; then there is nothing to cancel any more. */
    enum gw_code (*discover)(struct gw_str address, struct gw_str server, admin_discover_fn *found,
                             void *found_ctx, struct admin_discover **out, struct gw_err *err,
                             void *ctx);
    void (*discover_cancel)(struct admin_discover *d, void *ctx);

    enum gw_code (*param_set)(struct gw_str key, struct gw_str value, store_done_fn *done,
                              void *done_ctx, struct gw_err *err, void *ctx);
    enum gw_code (*log_level_set)(struct gw_str component, struct gw_str level, struct gw_err *err,
                                  void *ctx); /* component empty: all */

    /* Of the mapping, the rules and the texts. value, pattern NULL: as if it had never been set. */
    enum gw_code (*mapping_set)(struct gw_str scope, struct gw_str key, const struct gw_str *value,
                                store_done_fn *done, void *done_ctx, struct gw_err *err, void *ctx);
    enum gw_code (*rule_change)(const struct admin_rule_change *change, store_done_fn *done,
                                void *done_ctx, struct gw_err *err, void *ctx);
    enum gw_code (*text_set)(struct gw_str language, struct gw_str text,
                             const struct gw_str *pattern, store_done_fn *done, void *done_ctx,
                             struct gw_err *err, void *ctx);
    /* done comes once, never from inside the call; then there is nothing to cancel any more. */
    enum gw_code (*rule_test)(const struct admin_rule_test_args *args, admin_rule_tested_fn *done,
                              void *done_ctx, struct admin_rule_test **out, struct gw_err *err,
                              void *ctx);
    void (*rule_test_cancel)(struct admin_rule_test *test, void *ctx);
    /* What the user's calendar says at a time. False: none is watched. Borrowed until the next call. */
    bool (*calendar)(struct gw_str user, gw_utc at, struct pres_calendar *told,
                     struct bridge_look *why, void *ctx);

    /* Adds what is to be said about ports and the like to the object. */
    void (*status)(struct json_t *into, void *ctx);
    /* Federation with XMPP servers: adds state, policy and connections; or all about one domain. */
    void (*federation)(struct json_t *into, void *ctx);
    /* What all nodes of the same domains should have alike. */
    void (*federation_settings)(struct json_t *into, void *ctx);
    enum gw_code (*federation_why)(struct gw_str domain, struct json_t *into, struct gw_err *err,
                                   void *ctx);
    enum gw_code (*federation_except)(struct gw_str domain, struct gw_str direction,
                                      store_done_fn *done, void *done_ctx, struct gw_err *err,
                                      void *ctx);
    enum gw_code (*federation_forget)(struct gw_str domain, store_done_fn *done, void *done_ctx,
                                      struct gw_err *err, void *ctx);
    /* Of dialback; NULL: the one again that this node has of its own. */
    enum gw_code (*federation_secret)(const struct gw_str *secret, store_done_fn *done,
                                      void *done_ctx, struct gw_err *err, void *ctx);
    /* E-mail addresses for federation: adds state, domains, and who has an address that cannot be used. */
    void (*mail_domains)(struct json_t *into, void *ctx);
    enum gw_code (*mail_domain_set)(struct gw_str domain, bool there, store_done_fn *done,
                                    void *done_ctx, struct gw_err *err, void *ctx);
    struct json_t *(*sip_sessions)(void *ctx); /* gives */
    /* Where SIP requests to an address go. *answer: known at once, and found does not come; NULL: it
     * comes once, never from inside the call, and takes the answer. */
    enum gw_code (*sip_route)(struct gw_str address, struct json_t **answer,
                              admin_sip_route_fn *found, void *found_ctx,
                              struct admin_sip_route **out, struct gw_err *err, void *ctx);
    void (*sip_route_cancel)(struct admin_sip_route *r, void *ctx);
    /* The newest SIP messages of a call, or (empty) of all, the oldest first; gives. */
    struct json_t *(*sip_trace)(struct gw_str call_id, void *ctx);
    /* Adds what the user's SIP clients have registered; user empty: those of all. */
    void (*sip_clients)(struct gw_str user, struct json_t *into, void *ctx);
    void (*trust_changed)(void *ctx); /* connections shall be tried anew */
    /* The names that the identity should have, in A-labels; the first is its CN. */
    void (*identity_names)(const char *identity, void (*each)(struct gw_str name, void *each_ctx),
                           void *each_ctx, void *ctx);
    /* What is said before TLS to an XMPP server that clients, or servers, connect to. */
    const struct cert_prelude *starttls_client, *starttls_server;
    void *ctx;
};

/* One room's table of parameters and the settings that it describes; both borrowed. */
struct admin_params {
    const struct gw_param *table;
    size_t count;
    const void *settings;
};

struct admin_api_args {
    struct net_loop *loop;
    struct net_pool *pool;   /* passwords are hashed there */
    const char *socket_path; /* mode 0660 */
    struct dir *dir;
    struct dir_jobs *jobs;
    struct dir_audit *audit;
    struct cert_store *certs;
    struct sched *sched;
    struct pres_core *core;
    struct bridge_book *book;          /* mapping and rules; read live */
    const struct bridge_texts *texts;  /* likewise */
    const struct admin_params *params; /* copied */
    size_t params_count;
    const struct admin_host *host; /* borrowed */
};

enum {
    ADMIN_BODY_MAX = 16 * 1024 * 1024, /* 10,000 users at once are 2 MB */
    ADMIN_BULK_MAX = 10000,            /* users in one request */
    ADMIN_WATCHES_MAX = 64             /* watch streams at once */
};

struct admin_api;
enum gw_code admin_api_new(const struct admin_api_args *args, struct admin_api **out,
                           struct gw_err *err);

/* The same over HTTPS, for those whom 'admit' lets in (net_http_server.h); another one replaces it, and its
 * connections end. After an error the old one stays. */
struct admin_https {
    const char *address;
    uint16_t port; /* 0: any free one */
    struct net_tls *tls;
    enum gw_code (*admit)(const struct ssl_st *ssl, void *admit_ctx, struct gw_err *err);
    void *admit_ctx;
};
enum gw_code admin_api_https_open(struct admin_api *api, const struct admin_https *https,
                                  struct gw_err *err);
void admin_api_https_readmit(
    struct admin_api *api); /* whom 'admit' lets in is another matter now */
void admin_api_https_close(struct admin_api *api);
uint16_t admin_api_https_port(const struct admin_api *api); /* 0: closed */

/* No request is answered any more; changes under way are still finished. */
void admin_api_stop(struct admin_api *api);

/* After the store and the pool have finished what they had to do. */
void admin_api_free(struct admin_api **apip);

#endif

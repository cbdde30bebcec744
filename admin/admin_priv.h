/* Shared by the files of the API. */
#ifndef ADMIN_PRIV_H
#define ADMIN_PRIV_H

#include <jansson.h>

#include "admin_api.h"
#include "admin_request.h"
#include "gw_list.h"
#include "net_http_server.h"

enum { ADMIN_BY_MAX = 96 };
struct admin_note;

/* One request. Lives until it is answered and nothing that was started for it is under way; the
 * client may leave earlier. */
struct admin_call {
    struct gw_list link; /* in the API's list */
    struct admin_api *api;
    struct net_http_exchange *x; /* NULL: the client has left */
    struct gw_str arg[ADMIN_PATH_ARGS];
    json_t *body;            /* NULL: none was sent */
    char by[ADMIN_BY_MAX];   /* who changes something: "uid 0 (root)"; empty: who only looks */
    struct admin_note *note; /* what the audit trail will say; NULL: nothing */

    /* An answer that waits for the disk. */
    json_t *answer;
    int status;
    size_t writes; /* under way */
    struct gw_err failed;

    /* What a handler keeps while it works: freed with the call. */
    void *work;
    void (*work_free)(void *work);
};

struct admin_api {
    struct admin_api_args args;
    struct net_http_server *server, *https; /* https NULL: closed */
    struct gw_list calls;
    struct gw_list watches; /* struct admin_watch */
    size_t watches_count;
    struct pres_observer *observer;
    struct net_timer *keepalive; /* of the watches */
    struct admin_params *params;
    gw_utc started;
};

/* Takes the call, and answers at once or later with one of admin_reply*(). */
typedef void admin_handler_fn(struct admin_call *call);

struct admin_route {
    const char *method, *path;
    bool body; /* a JSON body is needed */
    admin_handler_fn *handler;
    const char *help;
};

extern const struct admin_route admin_routes[];
extern const size_t admin_routes_count;

/* --- answering: takes the call, and the JSON */
void admin_reply(struct admin_call *call, int status, json_t *json);
void admin_reply_error(struct admin_call *call, const struct gw_err *err);

/* Answers with call->status and call->answer once every write is on the disk (or with the error).
 * Each accepted change is counted by the caller before: call->writes++, and has admin_call_saved
 * as 'done' with the call as ctx. */
void admin_reply_when_saved(struct admin_call *call, int status, json_t *json);
void admin_call_saved(const struct gw_err *result, void *ctx);

/* The whole of a call whose single change is made by a function of the kind of dir.h: rc is what that
 * returned. */
void admin_reply_change(struct admin_call *call, enum gw_code rc, const struct gw_err *err,
                        int status, json_t *json);

void admin_call_free(struct admin_call **callp); /* for who answered by a stream */

/* One line of a streamed answer; takes the JSON. GW_LIMIT: the client reads too slowly. */
enum { ADMIN_LINE_MAX = 64 * 1024 };
enum gw_code admin_stream_try(struct net_http_exchange *x, json_t *json);
void admin_stream_line(struct net_http_exchange *x, json_t *json);

struct gw_now admin_now(const struct admin_call *call);

/* --- admin_audit.c */
void admin_by(const struct net_http_exchange *x, char out[ADMIN_BY_MAX]);

/* Changes of the directory are made by who asks, from here to there. Around every handler; who goes on
 * later, from a callback of its own, says it again. */
void admin_act(struct admin_call *call);
void admin_act_end(struct admin_api *api);

/* Around every handler: says who asks, and notes what may change. end: granted or refused, once. */
void admin_note_begin(struct admin_call *call, const struct admin_route *route);
void admin_note_end(struct admin_call *call, int status, const json_t *answer);
void admin_note_free(struct admin_note **notep);

/* The resource of the path as the audit trail shows it; NULL: there is none. */
json_t *admin_gateway_show(const struct admin_call *call);
json_t *admin_param_show(const struct admin_call *call);

/* --- admin_jobs.c: takes the bodies that are files */
bool admin_job_piece(struct net_http_exchange *x, struct gw_str piece, void *ctx);

/* --- JSON of values */
json_t *admin_json_str(struct gw_str s);   /* .p NULL: null */
json_t *admin_json_cstr(const char *cstr); /* NULL: null */
json_t *admin_json_utc(gw_utc t);          /* 0 and GW_NEVER: null */
json_t *admin_json_base64(struct gw_str bytes);
struct gw_histogram;
/* "due_late_p50_ms", "due_late_p99_ms", "due_late_max_ms" */
void admin_json_times(json_t *into, const char *name, const char *unit,
                      const struct gw_histogram *h);
struct cert_info;
json_t *admin_json_cert(const struct cert_info *info);
json_t *admin_json_chain(const struct cert_chain *chain); /* [] for NULL */
json_t *admin_json_err(const struct gw_err *err);         /* {"error": ..., "code": ...} */

/* The user meant by the first path argument or a text, as its JID: an id alone is completed when there
 * is one domain only. */
enum gw_code admin_user_jid(const struct admin_api *api, struct gw_str text, struct gw_buf *out,
                            struct gw_err *err);

struct pres_override;
json_t *admin_override_json(const struct pres_override *o);

/* --- handlers, by file */
admin_handler_fn admin_domains_list, admin_domain_add, admin_domain_remove;
admin_handler_fn admin_gateways_list, admin_gateway_get, admin_gateway_add, admin_gateway_edit,
    admin_gateway_remove, admin_gateway_drain, admin_gateway_undrain, admin_gateway_check,
    admin_gateways_check, admin_discover;
admin_handler_fn admin_users_list, admin_user_get, admin_user_add, admin_user_edit,
    admin_user_remove, admin_user_password, admin_user_refresh;
admin_handler_fn admin_jobs_list, admin_job_get, admin_job_sample, admin_job_set,
    admin_job_set_check, admin_job_file, admin_job_undo, admin_job_cancel, admin_job_result;
admin_handler_fn admin_audit_list;
admin_handler_fn admin_params_list, admin_param_get, admin_param_set;
admin_handler_fn admin_log_level_set;
admin_handler_fn admin_sip_route, admin_sip_sessions, admin_sip_trace, admin_sip_clients;
admin_handler_fn admin_federation_get, admin_federation_settings, admin_federation_domain,
    admin_federation_except, admin_federation_forget, admin_federation_secret_set,
    admin_federation_secret_forget, admin_mail_domains_get, admin_mail_domain_add,
    admin_mail_domain_remove;
admin_handler_fn admin_mapping_list, admin_mapping_set, admin_mapping_reset;
admin_handler_fn admin_rules_list, admin_rule_add, admin_rule_edit, admin_rule_move,
    admin_rule_remove, admin_rule_test;
admin_handler_fn admin_texts_list, admin_text_set, admin_text_reset;
admin_handler_fn admin_status, admin_version, admin_index, admin_explain;
admin_handler_fn admin_overrides_list, admin_override_get, admin_override_set, admin_override_clear,
    admin_privacy_get, admin_privacy_set;
admin_handler_fn admin_watchers_list, admin_requests_list, admin_decision_set,
    admin_decision_forget;
admin_handler_fn admin_watch_start;
admin_handler_fn admin_trust_stores, admin_trust_list, admin_trust_show, admin_trust_add,
    admin_trust_remove;
admin_handler_fn admin_crl_list, admin_crl_add, admin_crl_remove;
admin_handler_fn admin_own_list, admin_own_show, admin_own_request, admin_own_request_show,
    admin_own_request_drop, admin_own_self_sign, admin_own_install, admin_own_import,
    admin_own_export, admin_own_remove;
admin_handler_fn admin_certificate_probe;

/* A file in a body: 'pem' is text as it is, 'base64' anything. */
enum gw_code admin_upload_read(struct gw_str pem, struct gw_str base64, struct gw_buf *out,
                               struct gw_err *err);

void admin_watch_init(struct admin_api *api);
void admin_watch_stop(struct admin_api *api);

#endif

/* The control interface: JSON over HTTP, as CONTROL.md explains it and GET /help lists it. Errors are
 * {"error": "a sentence"} with status 4xx. Whoever reaches it may do everything: it listens on loopback
 * unless told otherwise, and requests made by pages of other sites are refused (mock_control_http.c). */
#ifndef MOCK_CONTROL_H
#define MOCK_CONTROL_H

#include "mock_priv.h"

enum { MOCK_CONTROL_BODY_MAX = 64 * 1024 * 1024, MOCK_CONTROL_ANSWER_MAX = 256 * 1024 * 1024 };

struct mock_control_request {
    struct gw_str method, path, body;
    struct gw_str user, cas, from, to, offset, limit; /* of the query; empty: not given */
};

/* Returns the HTTP status; out gets JSON. */
int mock_control_serve(struct mock_exchange *mx, const struct mock_control_request *request,
                       struct gw_buf *out);

/* What the page and /day show of these. */
json_t *mock_control_oof_json(const struct mock_oof *oof);
json_t *mock_control_meeting_json(const struct mock_item *item);

/* What the handlers share. */
enum { MOCK_CONTROL_ARGS = 2 };
struct mock_control_call {
    struct mock_exchange *mx;
    struct gw_now now;
    const struct mock_control_request *request;
    struct gw_str arg[MOCK_CONTROL_ARGS]; /* the path's "*" */
    const json_t *body;                   /* an object, or an array; {} when there was none */
    json_t *answer;                       /* an object to fill */
    struct gw_err err;
};
typedef enum gw_code mock_control_fn(struct mock_control_call *call);
mock_control_fn mock_control_users, mock_control_users_add, mock_control_user,
    mock_control_user_remove, mock_control_user_meetings, mock_control_meetings_add,
    mock_control_oof, mock_control_oof_set, mock_control_traits, mock_control_traits_set,
    mock_control_meeting, mock_control_meeting_change, mock_control_meeting_cancel,
    mock_control_meeting_delete;
mock_control_fn mock_control_calendars, mock_control_calendar_add, mock_control_calendar_change,
    mock_control_calendar_delete;
mock_control_fn mock_control_databases, mock_control_database_add, mock_control_user_move;
mock_control_fn mock_control_day;
mock_control_fn mock_control_cas_list, mock_control_cas_add, mock_control_cas_down,
    mock_control_cas_up, mock_control_cas_place;
mock_control_fn mock_control_mishaps, mock_control_mishap_add, mock_control_mishaps_clear;
mock_control_fn mock_control_accounts, mock_control_tokens_expire, mock_control_policy,
    mock_control_policy_set, mock_control_ca, mock_control_certificate, mock_control_push_trust;
mock_control_fn mock_control_faults, mock_control_fault_add, mock_control_faults_clear,
    mock_control_clock;
mock_control_fn mock_control_subs, mock_control_sub, mock_control_sub_lose, mock_control_sub_break,
    mock_control_journal, mock_control_journal_clear;

/* The CAS that the path names first; NULL, with an error: no such. */
struct mock_cas *mock_control_cas(struct mock_control_call *call);

json_t *mock_control_throttled(const struct mock_throttle *throttle);

/* offset and limit of the query. */
enum gw_code mock_control_page(struct mock_control_call *call, int64_t *offset, int64_t *limit);
void mock_control_put(json_t *object, const char *member, json_t *value);         /* takes value */
void mock_control_put_text(json_t *object, const char *member, const char *text); /* NULL: null */
void mock_control_put_int(json_t *object, const char *member, int64_t n);
json_t *mock_control_counts(const uint32_t calls[MOCK_OPERATION_COUNT]);

#endif

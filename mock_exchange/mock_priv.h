/* What the parts that know the whole organisation share: scenario, control, and the object itself. */
#ifndef MOCK_PRIV_H
#define MOCK_PRIV_H

#include "mock_ca.h"
#include "mock_cas.h"
#include "mock_exchange.h"
#include "mock_json.h"
#include "mock_live.h"
#include "mock_push.h"
#include "net_http_server.h"

enum { MOCK_CAS_MAX = 1000 };

struct mock_exchange {
    struct net_loop *loop;
    struct mock_org *org;
    struct mock_push *push;
    struct mock_subs *subs;
    struct mock_journal *journal;
    struct mock_auth *auth;
    struct mock_throttle *throttle;
    int64_t lockout_tries, lockout_min, token_min; /* minutes as minute_ms has them */
    struct mock_service service;
    struct mock_cas *cas[MOCK_CAS_MAX];
    size_t cas_count;
    struct net_timer *timer;
    gw_time timer_at;
    char *cert_pem, *key_pem; /* for CAS over HTTPS; NULL: of the mock's own CA */
    struct mock_ca *ca;       /* NULL: not needed yet */
    struct net_http_server *control;
    struct mock_live *live;
    char *control_address;
    gw_utc started;
};

/* Parts of a scenario, which control requests use as well. 'count' counts what was added. */
enum gw_code mock_scenario_apply(struct mock_exchange *mx, const json_t *scenario,
                                 struct gw_now now, struct gw_err *err);
enum gw_code mock_scenario_settings(struct mock_exchange *mx, const json_t *settings,
                                    struct gw_err *err);
enum gw_code mock_scenario_account(struct mock_exchange *mx, const json_t *account,
                                   struct gw_err *err);
enum gw_code mock_scenario_throttle(struct mock_exchange *mx, const json_t *json,
                                    const struct mock_product *product, int64_t minute_ms,
                                    struct gw_err *err);
enum gw_code mock_scenario_fault(struct mock_exchange *mx, struct mock_cas *cas, const json_t *json,
                                 struct gw_err *err);
/* How to log in at a CAS: what is given is changed. */
enum gw_code mock_scenario_policy(struct mock_auth_policy *policy, const json_t *json,
                                  struct gw_err *err);
/* The settings of the organisation: lock-out, tokens, Kerberos. */
enum gw_code mock_scenario_logins(struct mock_exchange *mx, const json_t *json, struct gw_err *err);
void mock_scenario_logins_scale(struct mock_exchange *mx); /* after a change of minute_ms, too */
enum gw_code mock_scenario_cas(struct mock_exchange *mx, const json_t *cas, struct gw_err *err);
enum gw_code mock_scenario_mishap(struct mock_exchange *mx, const json_t *mishap,
                                  struct gw_err *err);
enum gw_code mock_scenario_database(struct mock_exchange *mx, const json_t *database,
                                    struct gw_err *err);
enum gw_code mock_scenario_cas_place(struct mock_cas *cas, const json_t *json, struct gw_err *err);
enum gw_code mock_scenario_user(struct mock_exchange *mx, const json_t *user, struct gw_now now,
                                int64_t *count, struct gw_err *err);
enum gw_code mock_scenario_meeting(struct mock_exchange *mx, struct mock_mailbox *mailbox,
                                   const json_t *meeting, int64_t shift_ms, struct gw_now now,
                                   struct mock_item *out, struct gw_err *err); /* a copy */
enum gw_code mock_scenario_oof(struct mock_mailbox *mailbox, const json_t *oof, gw_utc now,
                               struct gw_err *err);

enum gw_code mock_scenario_traits(struct mock_mailbox *mailbox, const json_t *traits, gw_utc now,
                                  struct gw_err *err);

/* The members of a meeting over what 'data' says; its texts are borrowed from the JSON. */
enum gw_code mock_meeting_read(const json_t *meeting, int64_t shift_ms, gw_utc now,
                               struct mock_item_data *data, struct gw_err *err);

/* A certificate of the mock's own CA, for these names and those that a CAS has anyway. Gives PEM. */
enum gw_code mock_scenario_certificate(struct mock_exchange *mx, const json_t *json,
                                       const char *name, const char *address, char **cert_pem,
                                       char **key_pem, struct gw_err *err);
enum gw_code mock_scenario_ca(struct mock_exchange *mx,
                              struct gw_err *err); /* mx->ca is there then */

/* An array of texts, borrowed from the JSON; out has room for MOCK_TEXTS_MAX. */
enum { MOCK_TEXTS_MAX = 100 };
enum gw_code mock_scenario_texts(const json_t *object, const char *member, struct gw_str *out,
                                 size_t *count, struct gw_err *err);

struct mock_cas *mock_cas_find(const struct mock_exchange *mx, struct gw_str name);

/* "[::1]:8080", "127.0.0.1:0". */
bool mock_listen_parse(struct gw_str text, char address[64], uint16_t *port);

enum gw_code mock_control_open(struct mock_exchange *mx, struct gw_str listen, struct gw_err *err);

#endif

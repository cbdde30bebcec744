/* The scenario as a whole: settings, accounts, client access servers. */
#include "mock_scenario.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gw_bytes.h"
#include "gw_log.h"

enum { PEM_MAX = 1024 * 1024 };

enum gw_code mock_scenario_texts(const json_t *object, const char *member, struct gw_str *out,
                                 size_t *count, struct gw_err *err)
{
    const json_t *list = json_object_get(object, member);

    *count = 0;
    if (!list)
        return GW_OK;
    if (!json_is_array(list) || json_array_size(list) > MOCK_TEXTS_MAX)
        return gw_fail(err, GW_INVALID, "'%s' is not an array of at most %d texts", member,
                       MOCK_TEXTS_MAX);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *value = json_array_get(list, i);

        if (!json_is_string(value))
            return gw_fail(err, GW_INVALID, "'%s' is not an array of texts", member);
        out[(*count)++] = gw_str_of(json_string_value(value));
    }
    return GW_OK;
}

/* --- accounts and client access servers --- */

enum gw_code mock_scenario_account(struct mock_exchange *mx, const json_t *json, struct gw_err *err)
{
    struct gw_str allowed[MOCK_TEXTS_MAX];
    struct mock_account_args args = { .allowed = allowed, .rights = MOCK_RIGHTS_ALL };
    bool everybody = true;
    enum gw_code rc =
        mock_json_only(json, "account", "name password impersonate mailbox password_expired", err);

    if (!rc)
        rc = mock_json_text(json, "name", &args.name, err);
    if (!rc)
        rc = mock_json_text(json, "password", &args.password, err);
    if (!rc)
        rc = mock_json_text(json, "mailbox", &args.mailbox, err);
    if (!rc)
        rc = mock_json_bool(json, "password_expired", &args.expired, err);
    if (!rc && json_is_array(json_object_get(json, "impersonate"))) {
        args.rights = MOCK_RIGHTS_LIST;
        rc = mock_scenario_texts(json, "impersonate", allowed, &args.allowed_count, err);
    } else if (!rc) {
        rc = mock_json_bool(json, "impersonate", &everybody, err);
        args.rights = everybody ? MOCK_RIGHTS_ALL : MOCK_RIGHTS_NONE;
    }
    return rc ? rc : mock_account_put(mx->org, &args, err);
}

bool mock_listen_parse(struct gw_str text, char address[64], uint16_t *port)
{
    struct gw_str host, digits;
    int64_t number;

    if (gw_str_starts(text, "[")) {
        if (!gw_str_cut(gw_str_sub(text, 1, text.len), "]:", &host, &digits))
            return false;
    } else if (!gw_str_cut(text, ":", &host, &digits)) {
        return false;
    }
    if (!host.len || host.len >= 64 || !gw_str_to_int(digits, 0, 65535, &number))
        return false;
    memcpy(address, host.p, host.len);
    address[host.len] = 0;
    *port = (uint16_t)number;
    return true;
}

static void on_served(void *ctx)
{
    mock_exchange_touch(ctx);
}

/* "https://127.0.0.1:8443"; without scheme it is https when there is a certificate. */
static enum gw_code cas_args_read(struct mock_exchange *mx, struct gw_str listen, char address[64],
                                  struct mock_cas_args *args, bool *https, struct gw_err *err)
{
    char quoted[GW_QUOTE_MAX];
    bool tls = mx->cert_pem;
    struct gw_str rest = listen;

    if (gw_str_starts(listen, "http://")) {
        tls = false;
        rest = gw_str_sub(listen, 7, listen.len);
    } else if (gw_str_starts(listen, "https://")) {
        tls = true;
        rest = gw_str_sub(listen, 8, listen.len);
    }
    if (!mock_listen_parse(rest, address, &args->port))
        return gw_fail(err, GW_INVALID, "cas: %s is not of the form http://127.0.0.1:8091",
                       gw_quote(listen, quoted));
    args->address = address;
    *https = tls;
    return GW_OK;
}

enum gw_code mock_scenario_cas(struct mock_exchange *mx, const json_t *json, struct gw_err *err)
{
    struct gw_str name = { NULL, 0 }, listen = GW_STR("127.0.0.1:0");
    struct mock_cas_args args = { .loop = mx->loop,
                                  .service = &mx->service,
                                  .auth = mx->auth,
                                  .throttle = mx->throttle,
                                  .journal = mx->journal,
                                  .served = on_served,
                                  .ctx = mx };
    const json_t *tls = json_object_get(json, "tls"), *faults = json_object_get(json, "faults");
    char *cert_pem = NULL, *key_pem = NULL;
    char address[64], text[64];
    bool https = false;
    enum gw_code rc = mock_json_only(
        json, "cas",
        "name listen site refusal auth extended_protection challenges ntlm_v1 tls faults", err);

    if (!rc)
        rc = mock_json_text(json, "name", &name, err);
    if (!rc)
        rc = mock_json_text(json, "listen", &listen, err);
    if (!rc)
        rc = cas_args_read(mx, listen, address, &args, &https, err);
    mock_auth_policy_default(&args.policy);
    if (!rc)
        rc = mock_scenario_policy(&args.policy, json, err);
    if (!rc && faults && !json_is_array(faults))
        rc = gw_fail(err, GW_INVALID, "'faults' is not an array");
    if (rc)
        return rc;
    if (mx->cas_count == MOCK_CAS_MAX)
        return gw_fail(err, GW_LIMIT, "more than %d client access servers", MOCK_CAS_MAX);
    if (name.len)
        snprintf(text, sizeof(text), "%.*s", GW_STR_ARG(gw_str_utf8_cut(name, 60)));
    else
        snprintf(text, sizeof(text), "cas%zu", mx->cas_count + 1);
    if (mock_cas_find(mx, gw_str_of(text)))
        return gw_fail(err, GW_EXISTS, "cas '%s' is there already", text);
    args.name = text;
    if (https && (tls || !mx->cert_pem))
        rc = mock_scenario_certificate(mx, tls, text, address, &cert_pem, &key_pem, err);
    args.cert_pem = !https || cert_pem ? cert_pem : mx->cert_pem;
    args.key_pem = !https || key_pem ? key_pem : mx->key_pem;
    if (!rc && tls && !https)
        rc = gw_fail(err, GW_INVALID, "cas '%s' has 'tls', but is not on https", text);
    if (!rc)
        rc = mock_cas_new(&args, &mx->cas[mx->cas_count], err);
    free(cert_pem);
    gw_secret_free(&key_pem);
    if (!rc)
        rc = mock_scenario_cas_place(mx->cas[mx->cas_count++], json, err);
    for (size_t i = 0; !rc && i < json_array_size(faults); i++)
        rc = mock_scenario_fault(mx, mx->cas[mx->cas_count - 1], json_array_get(faults, i), err);
    return rc;
}

/* --- settings --- */

static enum gw_code file_read(struct gw_str path, char **out, struct gw_err *err)
{
    char name[4096], block[4096];
    struct gw_buf text;
    size_t len;
    FILE *f;

    snprintf(name, sizeof(name), "%.*s", GW_STR_ARG(path));
    f = fopen(name, "rb");
    if (!f)
        return gw_fail(err, GW_INVALID, "cannot read '%.150s': %s", name, strerror(errno));
    gw_buf_init(&text, PEM_MAX);
    while ((len = fread(block, 1, sizeof(block), f)) > 0)
        gw_buf_add(&text, block, len);
    fclose(f);
    if (text.failed || !text.len) {
        gw_buf_done(&text);
        return gw_fail(err, GW_INVALID, "'%.150s' is empty or too large", name);
    }
    gw_secret_free(out);
    *out = gw_buf_take(&text);
    return GW_OK;
}

static enum gw_code tls_read(struct mock_exchange *mx, const json_t *json, struct gw_err *err)
{
    struct gw_str cert = { NULL, 0 }, key = { NULL, 0 };
    enum gw_code rc = mock_json_text(json, "tls_cert", &cert, err);

    if (!rc)
        rc = mock_json_text(json, "tls_key", &key, err);
    if (!rc && !cert.len != !key.len)
        rc = gw_fail(err, GW_INVALID, "tls_cert and tls_key are needed together");
    if (!rc && cert.len)
        rc = file_read(cert, &mx->cert_pem, err);
    if (!rc && key.len)
        rc = file_read(key, &mx->key_pem, err);
    return rc;
}

/* Strict mode, and what is written down. */
static enum gw_code watch_read(struct mock_exchange *mx, const json_t *json, struct gw_err *err)
{
    struct gw_str schema = { NULL, 0 }, record = { NULL, 0 };
    struct gw_str names[MOCK_TEXTS_MAX];
    enum mock_deviation deviation;
    char quoted[GW_QUOTE_MAX];
    unsigned accepted = 0;
    size_t count;
    enum gw_code rc = mock_scenario_texts(json, "accept", names, &count, err);

    for (size_t i = 0; !rc && i < count; i++) {
        if (mock_deviation_parse(names[i], &deviation))
            accepted |= deviation;
        else
            rc = gw_fail(err, GW_INVALID, "accept: %s is none of %s", gw_quote(names[i], quoted),
                         mock_deviation_names);
    }
    if (!rc)
        rc = mock_json_text(json, "schema", &schema, err);
    if (!rc)
        rc = mock_json_text(json, "record", &record, err);
    if (!rc && schema.p)
        rc = mock_strict_load(&mx->service.strict, schema, err);
    if (!rc && record.p)
        rc = mock_record_open(mx->service.record, record, err);
    if (!rc && json_object_get(json, "accept"))
        mx->service.strict.accepted = accepted;
    return rc;
}

enum gw_code mock_scenario_settings(struct mock_exchange *mx, const json_t *json,
                                    struct gw_err *err)
{
    int64_t minute_ms = mock_subs_minute(mx->subs), find_max = mx->service.find_max;
    int64_t per_mailbox = -1, push_ms = -1;
    bool affinity = mx->service.affinity, affinity_home = mx->service.affinity_home;
    struct gw_str version = { NULL, 0 };
    bool mail_tips = !mx->service.mail_tips_off;
    const struct mock_product *product = mx->service.product;
    enum gw_code rc = mock_json_int(json, "minute_ms", 10, 3600 * 1000, &minute_ms, err);

    if (!rc)
        rc = mock_json_int(json, "find_max", 1, INT32_MAX, &find_max, err);
    if (!rc)
        rc = mock_json_int(json, "subscriptions_per_mailbox", 1, INT32_MAX, &per_mailbox, err);
    if (!rc)
        rc = mock_json_bool(json, "affinity", &affinity, err);
    if (!rc)
        rc = mock_json_bool(json, "affinity_home", &affinity_home, err);
    if (!rc)
        rc = mock_json_span(json, "push_timeout", &push_ms, err);
    if (!rc)
        rc = mock_json_text(json, "version", &version, err);
    if (!rc && version.len && !(product = mock_product_find(version)))
        rc = gw_fail(err, GW_INVALID, "version is not %s", mock_product_names);
    if (!rc)
        rc = mock_json_bool(json, "mail_tips", &mail_tips, err);
    if (!rc)
        rc = tls_read(mx, json, err);
    if (!rc)
        rc = watch_read(mx, json, err);
    if (!rc)
        rc = mock_scenario_logins(mx, json, err);
    if (!rc)
        rc = mock_scenario_throttle(mx, json, product, minute_ms, err);
    if (rc)
        return rc;
    mock_subs_set_minute(mx->subs, (unsigned)minute_ms);
    mock_scenario_logins_scale(mx);
    if (per_mailbox > 0)
        mock_subs_set_limit(mx->subs, (unsigned)per_mailbox);
    if (push_ms > 0)
        mock_push_set_timeout(mx->push, push_ms < INT32_MAX ? (unsigned)push_ms : INT32_MAX);
    mx->service.find_max = (unsigned)find_max;
    mx->service.product = product;
    mx->service.mail_tips_off = !mail_tips;
    mx->service.affinity = affinity;
    mx->service.affinity_home = affinity_home;
    return GW_OK;
}

/* --- the whole --- */

static enum gw_code each_account(struct mock_exchange *mx, const json_t *json, struct gw_now now,
                                 struct gw_err *err)
{
    (void)now;
    return mock_scenario_account(mx, json, err);
}

static enum gw_code each_cas(struct mock_exchange *mx, const json_t *json, struct gw_now now,
                             struct gw_err *err)
{
    (void)now;
    return mock_scenario_cas(mx, json, err);
}

static enum gw_code each_mishap(struct mock_exchange *mx, const json_t *json, struct gw_now now,
                                struct gw_err *err)
{
    (void)now;
    return mock_scenario_mishap(mx, json, err);
}

static enum gw_code each_database(struct mock_exchange *mx, const json_t *json, struct gw_now now,
                                  struct gw_err *err)
{
    (void)now;
    return mock_scenario_database(mx, json, err);
}

static enum gw_code each_user(struct mock_exchange *mx, const json_t *json, struct gw_now now,
                              struct gw_err *err)
{
    int64_t count = 0;

    return mock_scenario_user(mx, json, now, &count, err);
}

static enum gw_code each_meeting(struct mock_exchange *mx, const json_t *json, struct gw_now now,
                                 struct gw_err *err)
{
    struct gw_str user = { NULL, 0 };
    struct mock_mailbox *mailbox;
    char quoted[GW_QUOTE_MAX];
    enum gw_code rc = mock_json_text(json, "user", &user, err);

    if (rc)
        return rc;
    mailbox = mock_mailbox_by_smtp(mx->org, user);
    if (!mailbox)
        return gw_fail(err, GW_NOTFOUND, "meeting: no user %s", gw_quote(user, quoted));
    return mock_scenario_meeting(mx, mailbox, json, 0, now, NULL, err);
}

enum gw_code mock_scenario_apply(struct mock_exchange *mx, const json_t *scenario,
                                 struct gw_now now, struct gw_err *err)
{
    static const struct {
        const char *member;
        enum gw_code (*fn)(struct mock_exchange *mx, const json_t *json, struct gw_now now,
                           struct gw_err *err);
    } part[] = {
        /* users before what listens: who is told of a port finds all behind it */
        { "accounts", each_account }, { "databases", each_database },
        { "users", each_user },       { "meetings", each_meeting },
        { "cas", each_cas },          { "mishaps", each_mishap },
    };
    struct gw_str control = { NULL, 0 };
    enum gw_code rc =
        mock_json_only(scenario, "scenario",
                       "minute_ms version push_timeout find_max mail_tips schema accept record "
                       "subscriptions_per_mailbox tls_cert tls_key control cas "
                       "accounts databases users meetings mishaps affinity affinity_home "
                       "lockout_tries lockout_min token_min keytab throttle",
                       err);

    if (!rc)
        rc = mock_scenario_settings(mx, scenario, err);
    for (size_t i = 0; !rc && i < sizeof(part) / sizeof(*part); i++) {
        const json_t *list = json_object_get(scenario, part[i].member);

        if (list && !json_is_array(list))
            rc = gw_fail(err, GW_INVALID, "'%s' is not an array", part[i].member);
        for (size_t n = 0; !rc && n < json_array_size(list); n++) {
            rc = part[i].fn(mx, json_array_get(list, n), now, err);
            if (rc)
                (void)gw_fail_prefix(err, "%s[%zu]: ", part[i].member, n);
        }
    }
    if (!rc)
        rc = mock_json_text(scenario, "control", &control, err);
    if (!rc && control.len)
        rc = mock_control_open(mx, control, err);
    return rc;
}

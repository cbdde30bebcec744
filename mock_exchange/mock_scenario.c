#include "mock_scenario.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gw_bytes.h"
#include "gw_log.h"
#include "mock_random.h"
#include "mock_repeat.h"

enum { PEM_MAX = 1024 * 1024, GROUP_MAX = 1000000, RANDOM_MAX = 1000 };

static const char meeting_members[] =
    "user start end for busy all_day sensitivity subject location meeting cancelled response "
    "repeat step";

/* --- meetings --- */

static enum gw_code meeting_words(const json_t *meeting, struct mock_item_data *data,
                                  struct gw_err *err)
{
    static const char *const busy[] = { "NoData", "Free", "Tentative", "WorkingElsewhere",
                                        "Busy",   "OOF",  NULL };
    static const char *const sensitivity[] = { "Normal", "Personal", "Private", "Confidential",
                                               NULL };
    static const char *const response[] = { "Unknown", "Organizer",          "Tentative", "Accept",
                                            "Decline", "NoResponseReceived", NULL };
    int word[3] = { (int)data->busy, (int)data->sensitivity, (int)data->response };
    enum gw_code rc = mock_json_word(meeting, "busy", busy, &word[0], err);

    if (!rc)
        rc = mock_json_word(meeting, "sensitivity", sensitivity, &word[1], err);
    if (!rc)
        rc = mock_json_word(meeting, "response", response, &word[2], err);
    data->busy = (enum gw_busy)word[0];
    data->sensitivity = (enum mock_sensitivity)word[1];
    data->response = (enum mock_response)word[2];
    return rc;
}

/* A new start alone moves the meeting: its length stays. */
static enum gw_code meeting_times(const json_t *meeting, int64_t shift_ms, gw_utc now,
                                  struct mock_item_data *data, struct gw_err *err)
{
    int64_t length = data->end - data->start;
    gw_utc start = data->start, end;
    enum gw_code rc = mock_json_moment(meeting, "start", now, &start, err);

    if (!rc)
        rc = mock_json_span(meeting, "for", &length, err);
    end = start + length;
    if (!rc)
        rc = mock_json_moment(meeting, "end", now, &end, err);
    if (!rc && json_object_get(meeting, "end") && json_object_get(meeting, "for"))
        rc = gw_fail(err, GW_INVALID, "meeting has both 'end' and 'for'");
    data->start = start + shift_ms;
    data->end = end + shift_ms;
    return rc;
}

enum gw_code mock_meeting_read(const json_t *meeting, int64_t shift_ms, gw_utc now,
                               struct mock_item_data *data, struct gw_err *err)
{
    struct gw_str subject = gw_str_of(data->subject), location = gw_str_of(data->location);
    enum gw_code rc = mock_json_only(meeting, "meeting", meeting_members, err);

    if (!rc)
        rc = meeting_times(meeting, shift_ms, now, data, err);
    if (!rc)
        rc = meeting_words(meeting, data, err);
    if (!rc)
        rc = mock_json_bool(meeting, "all_day", &data->all_day, err);
    if (!rc)
        rc = mock_json_bool(meeting, "meeting", &data->meeting, err);
    if (!rc)
        rc = mock_json_bool(meeting, "cancelled", &data->cancelled, err);
    if (!rc)
        rc = mock_json_text(meeting, "subject", &subject, err);
    if (!rc)
        rc = mock_json_text(meeting, "location", &location, err);
    /* The item copies them, so that borrowing is enough. */
    data->subject = subject.len ? (char *)subject.p : NULL;
    data->location = location.len ? (char *)location.p : NULL;
    return rc;
}

/* Days on which it would not take place anyway say nothing. */
static void days_leave_out(struct mock_org *org, const struct mock_item *master,
                           const struct mock_repeat *repeat, struct gw_now now)
{
    struct mock_item item;

    for (size_t i = 0; i < repeat->except_count; i++)
        if (mock_item_occurrence(master, repeat->except[i], &item))
            mock_item_delete(org, &item, false, now);
}

enum gw_code mock_scenario_meeting(struct mock_exchange *mx, struct mock_mailbox *mailbox,
                                   const json_t *meeting, int64_t shift_ms, struct gw_now now,
                                   struct mock_item *out, struct gw_err *err)
{
    const json_t *repeat = json_object_get(meeting, "repeat");
    struct mock_item_data data = {
        .busy = GW_BUSY_BUSY,
        .response = MOCK_RESPONSE_ORGANIZER,
        .end = 30 * GW_MINUTE_MS, /* the length, when none is said */
    };
    const struct mock_item *item;
    struct mock_repeat series;
    enum gw_code rc;

    if (json_is_object(meeting) && !json_object_get(meeting, "start"))
        return gw_fail(err, GW_INVALID, "meeting has no 'start'");
    rc = mock_meeting_read(meeting, shift_ms, now.utc, &data, err);
    if (!rc && repeat)
        rc = mock_repeat_read(repeat, data.start, &series, err);
    if (!rc)
        rc = mock_item_add(mx->org, mailbox, &data, repeat ? &series.recurrence : NULL, now, &item,
                           err);
    if (!rc && repeat)
        days_leave_out(mx->org, item, &series, now);
    if (!rc && out)
        *out = *item;
    return rc;
}

/* --- out of office --- */

enum gw_code mock_scenario_oof(struct mock_mailbox *mailbox, const json_t *json, gw_utc now,
                               struct gw_err *err)
{
    static const char *const state[] = { "Disabled", "Enabled", "Scheduled", NULL };
    static const char *const audience[] = { "None", "Known", "All", NULL };
    struct mock_oof oof = mailbox->oof;
    int state_word = (int)oof.setting.state, audience_word = (int)oof.audience;
    struct gw_str internal = gw_str_of(oof.internal_reply),
                  external = gw_str_of(oof.external_reply);
    int64_t length = -1;
    enum gw_code rc =
        mock_json_only(json, "oof", "state start end for internal external audience", err);

    if (!rc)
        rc = mock_json_word(json, "state", state, &state_word, err);
    if (!rc)
        rc = mock_json_word(json, "audience", audience, &audience_word, err);
    if (!rc)
        rc = mock_json_moment(json, "start", now, &oof.setting.start, err);
    if (!rc)
        rc = mock_json_moment(json, "end", now, &oof.setting.end, err);
    if (!rc)
        rc = mock_json_span(json, "for", &length, err);
    if (!rc)
        rc = mock_json_text(json, "internal", &internal, err);
    if (!rc)
        rc = mock_json_text(json, "external", &external, err);
    if (rc)
        return rc;
    if (length >= 0)
        oof.setting.end = oof.setting.start + length;
    oof.setting.state = (enum gw_oof_state)state_word;
    oof.audience = (enum mock_audience)audience_word;
    if (oof.setting.state == GW_OOF_SCHEDULED && oof.setting.end <= oof.setting.start)
        return gw_fail(err, GW_INVALID, "oof: scheduled needs 'start' and a later 'end', or 'for'");
    if (internal.len > MOCK_TEXT_MAX || external.len > MOCK_TEXT_MAX)
        return gw_fail(err, GW_INVALID, "oof: a reply is longer than %d bytes", MOCK_TEXT_MAX);
    oof.internal_reply = internal.len ? (char *)internal.p : NULL;
    oof.external_reply = external.len ? (char *)external.p : NULL;
    mock_oof_set(mailbox, &oof);
    return GW_OK;
}

/* --- users --- */

struct random_args {
    int64_t per_user, within_ms, length_ms, seed;
};

static enum gw_code random_read(const json_t *json, struct random_args *args, struct gw_err *err)
{
    enum gw_code rc = mock_json_only(json, "random", "per_user within length seed", err);

    *args = (struct random_args){
        .per_user = 10, .within_ms = 8 * GW_HOUR_MS, .length_ms = 30 * GW_MINUTE_MS, .seed = 1
    };
    if (!rc)
        rc = mock_json_int(json, "per_user", 0, RANDOM_MAX, &args->per_user, err);
    if (!rc)
        rc = mock_json_span(json, "within", &args->within_ms, err);
    if (!rc)
        rc = mock_json_span(json, "length", &args->length_ms, err);
    if (!rc)
        rc = mock_json_int(json, "seed", 0, INT32_MAX, &args->seed, err);
    return rc;
}

static enum gw_code random_meetings(struct mock_exchange *mx, struct mock_mailbox *mailbox,
                                    const struct random_args *args, struct gw_now now,
                                    struct gw_err *err)
{
    static const enum gw_busy busy[] = { GW_BUSY_BUSY, GW_BUSY_BUSY, GW_BUSY_TENTATIVE,
                                         GW_BUSY_OOF };
    uint64_t state = (uint64_t)args->seed << 32 | mailbox->number;
    gw_utc base = now.utc - now.utc % GW_SECOND_MS;
    enum gw_code rc = GW_OK;

    for (int64_t i = 0; !rc && i < args->per_user; i++) {
        uint64_t start = mock_random_next(&state) % (uint64_t)(args->within_ms / GW_SECOND_MS + 1);
        uint64_t length = mock_random_next(&state) % (uint64_t)(args->length_ms / GW_SECOND_MS + 1);
        struct mock_item_data data = {
            .start = base + (int64_t)start * GW_SECOND_MS,
            .busy = busy[mock_random_next(&state) % 4],
            .response = MOCK_RESPONSE_ACCEPT,
            .meeting = true,
        };

        data.end = data.start + ((int64_t)length + 1) * GW_SECOND_MS;
        rc = mock_item_add(mx->org, mailbox, &data, NULL, now, NULL, err);
    }
    return rc;
}

/* What users and groups have in common; index is the user's place in its group. */
static enum gw_code user_fill(struct mock_exchange *mx, struct mock_mailbox *mailbox,
                              const json_t *user, int64_t index, struct gw_now now,
                              struct gw_err *err)
{
    const json_t *meetings = json_object_get(user, "meetings");
    const json_t *oof = json_object_get(user, "oof"), *rand = json_object_get(user, "random");
    const json_t *traits = json_object_get(user, "traits");
    struct random_args args;
    enum gw_code rc = GW_OK;

    if (meetings && !json_is_array(meetings))
        return gw_fail(err, GW_INVALID, "'meetings' is not an array");
    for (size_t i = 0; !rc && i < json_array_size(meetings); i++) {
        const json_t *meeting = json_array_get(meetings, i);
        int64_t step = 0;

        rc = mock_json_span(meeting, "step", &step, err);
        if (!rc)
            rc = mock_scenario_meeting(mx, mailbox, meeting, step * index, now, NULL, err);
    }
    if (!rc && rand)
        rc = random_read(rand, &args, err);
    if (!rc && rand)
        rc = random_meetings(mx, mailbox, &args, now, err);
    if (!rc && oof)
        rc = mock_scenario_oof(mailbox, oof, now.utc, err);
    if (!rc && traits)
        rc = mock_scenario_traits(mailbox, traits, now.utc, err);
    return rc;
}

/* Where the mailbox is: "database", or of "databases" one after the other. */
static enum gw_code user_place(struct mock_exchange *mx, struct mock_mailbox *mailbox,
                               const json_t *user, int64_t index, struct gw_now now,
                               struct gw_err *err)
{
    const json_t *list = json_object_get(user, "databases");
    struct gw_str name = { NULL, 0 };
    enum gw_code rc = mock_json_text(user, "database", &name, err);

    if (rc)
        return rc;
    if (list && !json_array_size(list))
        return gw_fail(err, GW_INVALID, "'databases' is not an array of names");
    if (list)
        name = gw_str_of(
            json_string_value(json_array_get(list, (size_t)index % json_array_size(list))));
    return name.len ? mock_mailbox_move(mx->service.places, mailbox, name, 0, now.mono, err)
                    : GW_OK;
}

static enum gw_code user_group(struct mock_exchange *mx, const json_t *user, struct gw_now now,
                               int64_t *count, struct gw_err *err)
{
    struct gw_str domain = GW_STR("example"), prefix = GW_STR("user");
    int64_t users = 0, first = 1;
    char address[400];
    enum gw_code rc = mock_json_only(
        user, "group of users",
        "count first domain prefix meetings oof random traits database databases", err);

    if (!rc)
        rc = mock_json_int(user, "count", 0, GROUP_MAX, &users, err);
    if (!rc)
        rc = mock_json_int(user, "first", 0, GROUP_MAX, &first, err);
    if (!rc)
        rc = mock_json_text(user, "domain", &domain, err);
    if (!rc)
        rc = mock_json_text(user, "prefix", &prefix, err);
    for (int64_t i = 0; !rc && i < users; i++) {
        struct mock_mailbox *mailbox;
        struct mock_mailbox_args args = { .address = { address, 0 } };

        args.address.len = (size_t)snprintf(
            address, sizeof(address), "%.*s%04lld@%.*s", (int)(prefix.len < 64 ? prefix.len : 64),
            prefix.p, (long long)first + i, (int)(domain.len < 256 ? domain.len : 256), domain.p);
        rc = mock_mailbox_add(mx->org, &args, &mailbox, err);
        if (!rc)
            rc = user_place(mx, mailbox, user, i, now, err);
        if (!rc)
            rc = user_fill(mx, mailbox, user, i, now, err);
        if (!rc)
            ++*count;
    }
    return rc;
}

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

enum gw_code mock_scenario_user(struct mock_exchange *mx, const json_t *user, struct gw_now now,
                                int64_t *count, struct gw_err *err)
{
    struct gw_str aliases[MOCK_TEXTS_MAX];
    struct mock_mailbox_args args = { .aliases = aliases };
    struct mock_mailbox *mailbox;
    enum gw_code rc;

    if (json_object_get(user, "count"))
        return user_group(mx, user, now, count, err);
    rc = mock_json_only(user, "user",
                        "address upn name aliases meetings oof random traits database", err);
    if (!rc)
        rc = mock_json_text(user, "address", &args.address, err);
    if (!rc)
        rc = mock_json_text(user, "upn", &args.upn, err);
    if (!rc)
        rc = mock_json_text(user, "name", &args.display, err);
    if (!rc)
        rc = mock_scenario_texts(user, "aliases", aliases, &args.alias_count, err);
    if (!rc)
        rc = mock_mailbox_add(mx->org, &args, &mailbox, err);
    if (!rc)
        rc = user_place(mx, mailbox, user, 0, now, err);
    if (rc)
        return rc;
    ++*count;
    return user_fill(mx, mailbox, user, 0, now, err);
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
    bool affinity = mx->service.affinity;
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
                       "accounts databases users meetings mishaps affinity "
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

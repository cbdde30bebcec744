/* /v1/identities: our own certificates. Keys are made, and PKCS#12 files opened, on a worker thread. */
#include <stdlib.h>

#include "admin_priv.h"
#include "cert_own.h"
#include "gw_bytes.h"
#include "gw_log.h"
#include "gw_mem.h"

enum {
    TEXT_MAX = 1024,
    NAMES_TEXT_MAX = 64 * 1024,
    NOTES_MAX = 64 * 1024,
    P12_PASSWORD_MAX = 1024
};

/* --- the names that an identity should have */

static struct cert_names *wanted_new(const struct admin_api *api, const char *identity)
{
    struct cert_names *w = cert_names_new();

    api->args.host->identity_names(identity, cert_names_add, w, api->args.host->ctx);
    return w;
}

/* --- showing */

/* Each block of PEM as its base64 alone: what is to be printed anew has no lines of its own. */
static json_t *der_json(struct gw_str pem)
{
    json_t *list = json_array();
    struct gw_str line, rest = pem;
    struct gw_buf block;

    gw_buf_init(&block, CERT_UPLOAD_MAX);
    while (gw_str_cut(rest, "\n", &line, &rest)) {
        if (!gw_str_starts(line, "-----"))
            gw_buf_add_str(&block, line);
        else if (gw_str_starts(line, "-----END"))
            json_array_append_new(list, admin_json_str(gw_buf_str(&block)));
        if (gw_str_starts(line, "-----"))
            gw_buf_reset(&block);
    }
    gw_buf_done(&block);
    return list;
}

static json_t *pem_json(struct gw_str pem)
{
    return json_pack("{s:o, s:o}", "pem", admin_json_str(pem), "der", der_json(pem));
}

static struct cert_identity *find(struct admin_call *call, struct gw_str name)
{
    struct cert_identity *id = NULL;
    struct gw_err err;

    if (!cert_own_find(call->api->args.certs, name, &id, &err))
        return id;
    admin_reply_error(call, &err);
    return NULL;
}

static json_t *own_json(const struct admin_api *api, const struct cert_own_kind *kind,
                        const struct cert_identity *id)
{
    const struct cert_info *info = cert_identity_info(id);
    struct cert_names *wanted = wanted_new(api, kind->name);
    json_t *json = admin_json_cert(info), *missing = json_array();
    struct gw_buf pem;

    for (size_t i = 0; i < wanted->count; i++)
        if (!cert_own_is_named(id, wanted->name[i]))
            json_array_append_new(missing, admin_json_str(wanted->name[i]));
    cert_names_free(wanted);
    gw_buf_init(&pem, CERT_UPLOAD_MAX);
    json_object_set_new(json, "identity", json_string(kind->name));
    json_object_set_new(json, "purpose", json_string(kind->purpose));
    json_object_set_new(json, "self_signed", json_boolean(info->is_self_issued));
    json_object_set_new(json, "automatic", json_boolean(cert_identity_is_ours(id)));
    json_object_set_new(json, "missing_names", missing);
    json_object_set_new(json, "request_waits",
                        json_boolean(cert_own_request_get(id, &pem, NULL) == GW_OK));
    gw_buf_done(&pem);
    return json;
}

static json_t *own_json_of(const struct admin_api *api, const struct cert_identity *id)
{
    const struct cert_own_kind *kind = cert_own_kinds;

    while (kind->name && !gw_str_is(gw_str_of(kind->name), cert_own_name(id)))
        kind++;
    return kind->name ? own_json(api, kind, id) : json_object();
}

void admin_own_list(struct admin_call *call)
{
    json_t *list = json_array();

    for (const struct cert_own_kind *kind = cert_own_kinds; kind->name; kind++) {
        struct cert_identity *id = NULL;

        if (!cert_own_find(call->api->args.certs, gw_str_of(kind->name), &id, NULL))
            json_array_append_new(list, own_json(call->api, kind, id));
    }
    admin_reply(call, 200, json_pack("{s:o}", "identities", list));
}

void admin_own_show(struct admin_call *call)
{
    struct cert_identity *id = find(call, call->arg[0]);
    struct gw_buf pem;
    struct gw_err err;
    json_t *json;

    if (!id)
        return;
    gw_buf_init(&pem, 2 * CERT_UPLOAD_MAX);
    if (cert_own_pem(id, &pem, &err)) {
        admin_reply_error(call, &err);
    } else {
        json = own_json_of(call->api, id);
        json_object_update_new(json, pem_json(gw_buf_str(&pem)));
        admin_reply(call, 200, json);
    }
    gw_buf_done(&pem);
}

void admin_own_request_show(struct admin_call *call)
{
    struct cert_identity *id = find(call, call->arg[0]);
    struct gw_buf pem;
    struct gw_err err;

    if (!id)
        return;
    gw_buf_init(&pem, CERT_UPLOAD_MAX);
    if (cert_own_request_get(id, &pem, &err))
        admin_reply_error(call, &err);
    else
        admin_reply(call, 200, pem_json(gw_buf_str(&pem)));
    gw_buf_done(&pem);
}

/* --- changes */

static void log_change(const char *what, const struct cert_identity *id)
{
    const struct cert_info *info = cert_identity_info(id);
    char quoted[GW_QUOTE_MAX];

    gw_info("admin", "own certificate %s identity=%s fingerprint=%s subject=%s", what,
            cert_own_name(id), info->fingerprint, gw_quote(gw_str_of(info->subject), quoted));
}

static json_t *notes_json(const struct gw_buf *notes)
{
    struct gw_str line, rest = gw_buf_str(notes);
    json_t *list = json_array();

    while (gw_str_cut(rest, "\n", &line, &rest))
        json_array_append_new(list, admin_json_str(line));
    return list;
}

static void reply_changed(struct admin_call *call, enum gw_code rc, const struct gw_err *err,
                          const char *what, const struct cert_identity *id,
                          const struct gw_buf *notes)
{
    json_t *json;

    if (rc) {
        admin_reply_error(call, err);
        return;
    }
    log_change(what, id);
    json = own_json_of(call->api, id);
    if (notes)
        json_object_set_new(json, "notes", notes_json(notes));
    admin_reply(call, 200, json);
}

void admin_own_request_drop(struct admin_call *call)
{
    struct cert_identity *id = find(call, call->arg[0]);
    struct gw_err err;

    if (!id)
        return;
    if (cert_own_request_drop(id, &err)) {
        admin_reply_error(call, &err);
        return;
    }
    gw_info("admin", "certificate request dropped identity=%s", cert_own_name(id));
    admin_reply(call, 200, json_pack("{s:b}", "dropped", 1));
}

struct upload {
    struct gw_str pem, base64;
};

void admin_own_install(struct admin_call *call)
{
    static const struct admin_field fields[] = {
        { "pem", ADMIN_TEXT, offsetof(struct upload, pem), false, 1, CERT_UPLOAD_MAX },
        { "base64", ADMIN_TEXT, offsetof(struct upload, base64), false, 1, 2 * CERT_UPLOAD_MAX },
    };
    struct cert_identity *id = find(call, call->arg[0]);
    struct gw_buf data, notes;
    struct cert_names *wanted;
    struct upload upload;
    struct gw_err err;
    enum gw_code rc;

    if (!id)
        return;
    gw_buf_init(&data, 2 * CERT_UPLOAD_MAX);
    gw_buf_init(&notes, NOTES_MAX);
    wanted = wanted_new(call->api, cert_own_name(id));
    rc = admin_fields_read(call->body, fields, 2, &upload, &err);
    if (!rc)
        rc = admin_upload_read(upload.pem, upload.base64, &data, &err);
    if (!rc)
        rc = cert_own_install(id, gw_buf_str(&data), wanted->name, wanted->count,
                              admin_now(call).utc, &notes, &err);
    cert_names_free(wanted);
    reply_changed(call, rc, &err, "installed", id, &notes);
    gw_buf_done(&data);
    gw_buf_done(&notes);
}

/* --- changes that need a key */

struct subject_fields {
    struct gw_str key, cn, organisation, unit, city, state, country, names;
    int64_t days;
    int replace;
};

#define AT(member) offsetof(struct subject_fields, member)

static const struct admin_field subject_fields[] = {
    { "key", ADMIN_TEXT, AT(key), false, 1, 32 },
    { "cn", ADMIN_TEXT, AT(cn), false, 1, 253 },
    { "organisation", ADMIN_TEXT, AT(organisation), false, 0, TEXT_MAX },
    { "unit", ADMIN_TEXT, AT(unit), false, 0, TEXT_MAX },
    { "city", ADMIN_TEXT, AT(city), false, 0, TEXT_MAX },
    { "state", ADMIN_TEXT, AT(state), false, 0, TEXT_MAX },
    { "country", ADMIN_TEXT, AT(country), false, 0, TEXT_MAX },
    { "names", ADMIN_TEXT, AT(names), false, 0, NAMES_TEXT_MAX },
    { "days", ADMIN_NUMBER, AT(days), false, 1, 36500 },
    { "replace", ADMIN_FLAG, AT(replace), false, 0, 0 },
};

struct own_work {
    struct admin_call *call;
    char *identity; /* the path goes with the client */
    enum cert_key_kind kind;
    struct gw_buf p12; /* empty: a key is made */
    struct gw_str password;
    struct cert_key *key;
    struct gw_err failed;
    void (*then)(struct admin_call *call, struct own_work *work); /* takes the call */
};

static void work_free(void *p)
{
    struct own_work *work = p;

    if (work->p12.p)
        gw_wipe(work->p12.p, work->p12.cap);
    gw_buf_done(&work->p12);
    cert_key_free(&work->key);
    free(work->identity);
    free(work);
}

static void work_run(void *ctx) /* on a worker thread */
{
    struct own_work *work = ctx;

    if (work->p12.len)
        (void)cert_key_from_p12(gw_buf_str(&work->p12), work->password, &work->key, &work->failed);
    else
        (void)cert_key_make(work->kind, &work->key, &work->failed);
}

static void work_done(void *ctx)
{
    struct own_work *work = ctx;
    struct admin_call *call = work->call;

    if (work->key)
        work->then(call, work);
    else
        admin_reply_error(call, &work->failed);
}

static struct own_work *work_new(struct admin_call *call, const struct cert_identity *id,
                                 void (*then)(struct admin_call *, struct own_work *))
{
    struct own_work *work = gw_new(struct own_work);

    work->call = call;
    work->identity = gw_str_dup(gw_str_of(cert_own_name(id)));
    work->then = then;
    gw_buf_init(&work->p12, 2 * CERT_UPLOAD_MAX);
    call->work = work;
    call->work_free = work_free;
    return work;
}

static void work_start(struct own_work *work)
{
    struct gw_err err;

    if (net_work_start(work->call->api->args.pool, work_run, work_done, work))
        return;
    gw_fail(&err, GW_AGAIN, "too much is being worked on at this moment: try again");
    admin_reply_error(work->call, &err);
}

/* What was said goes before what the present certificate says. True: something of it is an administrator's
 * choice, and not what any such certificate of ours says. */
static bool subject_fill(const struct subject_fields *fields, struct cert_names *wanted,
                         const struct cert_identity *id, struct cert_subject *out)
{
    const struct {
        struct gw_str said, *field;
    } part[] = {
        { fields->cn, &out->cn },       { fields->organisation, &out->organisation },
        { fields->unit, &out->unit },   { fields->city, &out->city },
        { fields->state, &out->state }, { fields->country, &out->country },
    };
    struct gw_str name, rest = fields->names;
    bool chosen = fields->names.len || fields->days > 0;

    cert_own_subject(id, &wanted->arena, out);
    for (size_t i = 0; i < sizeof(part) / sizeof(part[0]); i++) {
        if (part[i].said.p)
            *part[i].field = part[i].said;
        chosen |= part[i].field->len > 0;
    }
    if (fields->cn.p)
        cert_names_add(fields->cn, wanted);
    while (gw_str_next(&rest, ",", &name))
        cert_names_add(name, wanted);
    if (!out->cn.len && wanted->count)
        out->cn = wanted->name[0];
    out->names = wanted->name;
    out->names_count = wanted->count;
    return chosen;
}

static void request_with_key(struct admin_call *call, struct own_work *work)
{
    struct cert_identity *id = find(call, gw_str_of(work->identity));
    struct subject_fields fields;
    struct cert_subject subject;
    struct cert_names *wanted;
    struct gw_buf pem;
    struct gw_err err;
    enum gw_code rc;

    if (!id)
        return;
    gw_buf_init(&pem, CERT_UPLOAD_MAX);
    wanted = wanted_new(call->api, work->identity);
    rc = admin_fields_read(call->body, subject_fields,
                           sizeof(subject_fields) / sizeof(subject_fields[0]), &fields, &err);
    if (!rc) {
        (void)subject_fill(&fields, wanted, id, &subject);
        rc = cert_own_request(id, work->key, &subject, fields.replace == 1, &pem, &err);
    }
    cert_names_free(wanted);
    if (rc) {
        admin_reply_error(call, &err);
    } else {
        gw_info("admin", "certificate request made identity=%s", cert_own_name(id));
        admin_reply(call, 201, pem_json(gw_buf_str(&pem)));
    }
    gw_buf_done(&pem);
}

static void self_sign_with_key(struct admin_call *call, struct own_work *work)
{
    struct cert_identity *id = find(call, gw_str_of(work->identity));
    struct subject_fields fields = { .days = -1 };
    struct cert_subject subject;
    struct cert_names *wanted;
    struct gw_err err;
    enum gw_code rc = GW_OK;

    if (!id)
        return;
    wanted = wanted_new(call->api, work->identity);
    if (call->body)
        rc = admin_fields_read(call->body, subject_fields,
                               sizeof(subject_fields) / sizeof(subject_fields[0]), &fields, &err);
    if (!rc && subject_fill(&fields, wanted, id, &subject))
        rc = cert_own_self_sign(id, work->key, &subject,
                                fields.days > 0 ? (int)fields.days : CERT_SUBJECT_DAYS,
                                admin_now(call).utc, &err);
    else if (!rc)
        rc = cert_own_reset(id, work->key, wanted->name, wanted->count, admin_now(call).utc, &err);
    cert_names_free(wanted);
    reply_changed(call, rc, &err, "self-signed", id, NULL);
}

/* What is wrong with the fields is said before a key is made. */
static void start_key(struct admin_call *call, enum cert_key_kind kind,
                      void (*then)(struct admin_call *, struct own_work *))
{
    struct cert_identity *id = find(call, call->arg[0]);
    struct subject_fields fields = { .days = -1 };
    struct own_work *work;
    struct gw_err err;
    enum gw_code rc = GW_OK;

    if (!id)
        return;
    if (call->body)
        rc = admin_fields_read(call->body, subject_fields,
                               sizeof(subject_fields) / sizeof(subject_fields[0]), &fields, &err);
    if (!rc && fields.key.p)
        rc = cert_key_kind_parse(fields.key, &kind, &err);
    if (rc) {
        admin_reply_error(call, &err);
        return;
    }
    work = work_new(call, id, then);
    work->kind = kind;
    work_start(work);
}

void admin_own_request(struct admin_call *call)
{
    start_key(call, CERT_RSA_2048, request_with_key);
}

void admin_own_self_sign(struct admin_call *call)
{
    start_key(call, CERT_EC_P256, self_sign_with_key);
}

static void remove_with_key(struct admin_call *call, struct own_work *work)
{
    struct cert_identity *id = find(call, gw_str_of(work->identity));
    struct cert_names *wanted;
    struct gw_err err;
    enum gw_code rc;

    if (!id)
        return;
    wanted = wanted_new(call->api, work->identity);
    rc = cert_own_reset(id, work->key, wanted->name, wanted->count, admin_now(call).utc, &err);
    if (!rc)
        (void)cert_own_request_drop(id, NULL); /* mostly there is none */
    cert_names_free(wanted);
    reply_changed(call, rc, &err, "removed, self-signed", id, NULL);
}

void admin_own_remove(struct admin_call *call)
{
    start_key(call, CERT_EC_P256, remove_with_key);
}

/* --- PKCS#12 */

struct p12_fields {
    struct gw_str base64, password;
};

static const struct admin_field p12_fields[] = {
    { "password", ADMIN_TEXT, offsetof(struct p12_fields, password), true, 1, P12_PASSWORD_MAX },
    { "base64", ADMIN_TEXT, offsetof(struct p12_fields, base64), true, 1, 2 * CERT_UPLOAD_MAX },
};

static void import_with_key(struct admin_call *call, struct own_work *work)
{
    struct cert_identity *id = find(call, gw_str_of(work->identity));
    struct cert_names *wanted;
    struct gw_buf notes;
    struct gw_err err;
    enum gw_code rc;

    if (!id)
        return;
    gw_buf_init(&notes, NOTES_MAX);
    wanted = wanted_new(call->api, work->identity);
    rc = cert_own_import(id, work->key, wanted->name, wanted->count, admin_now(call).utc, &notes,
                         &err);
    cert_names_free(wanted);
    reply_changed(call, rc, &err, "imported", id, &notes);
    gw_buf_done(&notes);
}

void admin_own_import(struct admin_call *call)
{
    struct cert_identity *id = find(call, call->arg[0]);
    struct p12_fields fields;
    struct own_work *work;
    struct gw_err err;
    enum gw_code rc;

    if (!id)
        return;
    rc = admin_fields_read(call->body, p12_fields, 2, &fields, &err);
    if (rc) {
        admin_reply_error(call, &err);
        return;
    }
    work = work_new(call, id, import_with_key);
    work->password = fields.password; /* of the body, which stays with the call */
    if (gw_base64_parse(fields.base64, &work->p12) && work->p12.len) {
        work_start(work);
        return;
    }
    gw_fail(&err, GW_INVALID, "'base64' is not proper base64");
    admin_reply_error(call, &err);
}

void admin_own_export(struct admin_call *call)
{
    struct cert_identity *id = find(call, call->arg[0]);
    struct gw_str password;
    struct gw_buf p12;
    struct gw_err err;
    enum gw_code rc;

    if (!id)
        return;
    gw_buf_init(&p12, 2 * CERT_UPLOAD_MAX);
    rc = admin_fields_read(
        call->body, &(struct admin_field){ "password", ADMIN_TEXT, 0, true, 1, P12_PASSWORD_MAX },
        1, &password, &err);
    if (!rc)
        rc = cert_own_p12(id, password, &p12, &err);
    if (rc) {
        admin_reply_error(call, &err);
    } else {
        log_change("exported with its key", id);
        admin_reply(call, 200, json_pack("{s:o}", "base64", admin_json_base64(gw_buf_str(&p12))));
    }
    if (p12.p)
        gw_wipe(p12.p, p12.cap);
    gw_buf_done(&p12);
}

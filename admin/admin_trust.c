/* /v1/trust: the certificates that servers are verified with, a store for each purpose */
#include <stdlib.h>

#include "admin_priv.h"
#include "cert.h"
#include "cert_crl.h"
#include "gw_bytes.h"
#include "gw_log.h"

json_t *admin_json_cert(const struct cert_info *info)
{
    json_t *names = json_array();
    size_t i;

    for (i = 0; info->names && info->names[i]; i++)
        json_array_append_new(names, admin_json_cstr(info->names[i]));
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b}", "fingerprint",
                     info->fingerprint, "subject", admin_json_cstr(info->subject), "issuer",
                     admin_json_cstr(info->issuer), "names", names, "not_before",
                     admin_json_utc(info->not_before), "not_after", admin_json_utc(info->not_after),
                     "serial", admin_json_cstr(info->serial), "key", admin_json_cstr(info->key),
                     "signature", admin_json_cstr(info->signature), "usages",
                     admin_json_cstr(info->usages), "ca", info->is_ca);
}

static void list_one(const struct cert_info *info, void *ctx)
{
    json_array_append_new(ctx, admin_json_cert(info));
}

/* The store that the path names; NULL: was answered. */
static const char *store_of(struct admin_call *call)
{
    const struct cert_trust_set *set;
    struct gw_err err;

    if (!cert_trust_set_find(call->arg[0], &set, &err))
        return set->name;
    admin_reply_error(call, &err);
    return NULL;
}

void admin_trust_stores(struct admin_call *call)
{
    json_t *list = json_array();

    for (const struct cert_trust_set *set = cert_trust_sets; set->name; set++)
        json_array_append_new(list,
                              json_pack("{s:s, s:s}", "store", set->name, "purpose", set->purpose));
    admin_reply(call, 200, json_pack("{s:o}", "stores", list));
}

void admin_trust_list(struct admin_call *call)
{
    const char *store = store_of(call);
    json_t *list;
    struct gw_err err;

    if (!store)
        return;
    list = json_array();
    if (cert_trust_each(call->api->args.certs, store, list_one, list, &err)) {
        json_decref(list);
        admin_reply_error(call, &err);
        return;
    }
    admin_reply(call, 200, json_pack("{s:s, s:o}", "store", store, "certificates", list));
}

static void show_one(const struct cert_info *info, void *ctx)
{
    *(json_t **)ctx = admin_json_cert(info);
}

void admin_trust_show(struct admin_call *call)
{
    const char *store = store_of(call);
    json_t *json = NULL;
    struct gw_buf der;
    struct gw_err err;

    if (!store)
        return;
    gw_buf_init(&der, CERT_UPLOAD_MAX);
    if (cert_trust_get(call->api->args.certs, store, call->arg[1], show_one, &json, &der, &err)) {
        admin_reply_error(call, &err);
    } else {
        json_object_set_new(json, "store", json_string(store));
        json_object_set_new(json, "der", admin_json_base64(gw_buf_str(&der)));
        admin_reply(call, 200, json);
    }
    gw_buf_done(&der);
}

/* --- changes, told to the operator */

static void log_change(const char *what, const char *store, const char *fingerprint,
                       const char *subject)
{
    char quoted[GW_QUOTE_MAX];

    gw_info("admin", "trust certificate %s store=%s fingerprint=%s subject=%s", what, store,
            fingerprint, gw_quote(gw_str_of(subject), quoted));
}

static void subject_note(const struct cert_info *info, void *ctx)
{
    json_object_set_new(ctx, info->fingerprint, admin_json_cstr(info->subject));
}

/* Subjects by fingerprint of all that is trusted now: {} when that cannot be read. */
static json_t *subjects(const struct admin_api_args *args, const char *store)
{
    json_t *object = json_object();

    (void)cert_trust_each(args->certs, store, subject_note, object, NULL);
    return object;
}

static void log_added(const json_t *before, const char *store, const json_t *list)
{
    const char *fingerprint;
    json_t *cert;
    size_t i;

    json_array_foreach(list, i, cert)
    {
        fingerprint = json_string_value(json_object_get(cert, "fingerprint"));
        if (!json_object_get(before, fingerprint))
            log_change("added", store, fingerprint,
                       json_string_value(json_object_get(cert, "subject")));
    }
}

enum gw_code admin_upload_read(struct gw_str pem, struct gw_str base64, struct gw_buf *out,
                               struct gw_err *err)
{
    if (!pem.p == !base64.p)
        return gw_fail(err, GW_INVALID, "either 'pem' or 'base64' is needed");
    if (pem.p)
        gw_buf_add_str(out, pem);
    else if (!gw_base64_parse(base64, out))
        return gw_fail(err, GW_INVALID, "'base64' is not proper base64");
    return GW_OK;
}

struct upload {
    struct gw_str pem, base64;
};

/* The file: text as it is, or anything in base64. */
static enum gw_code upload_read(const json_t *body, struct gw_buf *out, struct gw_err *err)
{
    static const struct admin_field fields[] = {
        { "pem", ADMIN_TEXT, offsetof(struct upload, pem), false, 1, CERT_UPLOAD_MAX },
        { "base64", ADMIN_TEXT, offsetof(struct upload, base64), false, 1, 2 * CERT_UPLOAD_MAX },
    };
    struct upload upload;
    enum gw_code rc = admin_fields_read(body, fields, 2, &upload, err);

    return rc ? rc : admin_upload_read(upload.pem, upload.base64, out, err);
}

void admin_trust_add(struct admin_call *call)
{
    const struct admin_api_args *args = &call->api->args;
    const char *store = store_of(call);
    json_t *list, *before;
    unsigned added = 0;
    struct gw_buf data;
    struct gw_err err;
    enum gw_code rc;

    if (!store)
        return;
    list = json_array();
    before = subjects(args, store);
    gw_buf_init(&data, 2 * CERT_UPLOAD_MAX);
    rc = upload_read(call->body, &data, &err);
    if (!rc)
        rc = cert_trust_add(args->certs, store, gw_buf_str(&data), &added, list_one, list, &err);
    if (!rc)
        log_added(before, store, list);
    gw_buf_done(&data);
    json_decref(before);
    if (rc) {
        json_decref(list);
        admin_reply_error(call, &err);
        return;
    }
    if (added)
        args->host->trust_changed(args->host->ctx);
    admin_reply(call, 201,
                json_pack("{s:I, s:o}", "added", (json_int_t)added, "certificates", list));
}

/* --- revocation lists */

static void crl_add_json(const struct cert_crl_info *info, void *ctx)
{
    json_array_append_new(
        ctx, json_pack("{s:s, s:o, s:s, s:o, s:o, s:I, s:b}", "id", info->id, "issuer",
                       admin_json_cstr(info->issuer), "number", info->number, "from",
                       admin_json_utc(info->from), "until", admin_json_utc(info->until), "revoked",
                       (json_int_t)info->revoked, "signer_known", info->signer_known));
}

void admin_crl_list(struct admin_call *call)
{
    const char *store = store_of(call);
    json_t *list;
    struct gw_err err;

    if (!store)
        return;
    list = json_array();
    if (cert_crl_each(call->api->args.certs, store, crl_add_json, list, &err)) {
        json_decref(list);
        admin_reply_error(call, &err);
        return;
    }
    admin_reply(call, 200, json_pack("{s:s, s:o}", "store", store, "lists", list));
}

static void log_crl(const char *what, const char *store, struct gw_str id)
{
    char quoted[GW_QUOTE_MAX];

    gw_info("admin", "revocation list %s store=%s id=%s", what, store, gw_quote(id, quoted));
}

void admin_crl_add(struct admin_call *call)
{
    static const struct admin_field field = {
        "base64", ADMIN_TEXT, 0, true, 1, 2 * CERT_CRL_BYTES
    };
    const struct admin_api_args *args = &call->api->args;
    const char *store = store_of(call);
    struct gw_str base64;
    struct gw_buf data;
    struct gw_err err;
    enum gw_code rc;
    json_t *list;

    if (!store)
        return;
    list = json_array();
    gw_buf_init(&data, 2 * CERT_CRL_BYTES);
    rc = admin_fields_read(call->body, &field, 1, &base64, &err);
    if (!rc && !gw_base64_parse(base64, &data))
        rc = gw_fail(&err, GW_INVALID, "'base64' is not proper base64");
    if (!rc)
        rc = cert_crl_add(args->certs, store, gw_buf_str(&data), admin_now(call).utc, crl_add_json,
                          list, &err);
    gw_buf_done(&data);
    if (rc) {
        json_decref(list);
        admin_reply_error(call, &err);
        return;
    }
    log_crl("added", store,
            gw_str_of(json_string_value(json_object_get(json_array_get(list, 0), "id"))));
    args->host->trust_changed(args->host->ctx);
    admin_reply(call, 201, json_pack("{s:s, s:o}", "store", store, "lists", list));
}

void admin_crl_remove(struct admin_call *call)
{
    const struct admin_api_args *args = &call->api->args;
    const char *store = store_of(call);
    struct gw_err err;

    if (!store)
        return;
    if (cert_crl_remove(args->certs, store, call->arg[1], &err)) {
        admin_reply_error(call, &err);
        return;
    }
    log_crl("removed", store, call->arg[1]);
    args->host->trust_changed(args->host->ctx);
    admin_reply(call, 200, json_pack("{s:b}", "removed", 1));
}

void admin_trust_remove(struct admin_call *call)
{
    const struct admin_api_args *args = &call->api->args;
    const char *store = store_of(call);
    char *fingerprint;
    json_t *before;
    struct gw_err err;
    enum gw_code rc;

    if (!store)
        return;
    fingerprint = gw_str_dup(call->arg[1]);
    before = subjects(args, store);
    rc = cert_trust_remove(args->certs, store, call->arg[1], &err);
    if (!rc)
        log_change("removed", store, fingerprint,
                   json_string_value(json_object_get(before, fingerprint)));
    json_decref(before);
    free(fingerprint);
    if (rc) {
        admin_reply_error(call, &err);
        return;
    }
    args->host->trust_changed(args->host->ctx);
    admin_reply(call, 200, json_pack("{s:b}", "removed", 1));
}

/* /v1/trust: the certificates that servers of Exchange are verified with */
#include <stdlib.h>

#include "admin_priv.h"
#include "cert.h"
#include "gw_log.h"

static void list_one(const struct cert_info *info, void *ctx)
{
    json_t *names = json_array();
    size_t i;

    for (i = 0; info->names && info->names[i]; i++)
        json_array_append_new(names, admin_json_cstr(info->names[i]));
    json_array_append_new(ctx,
                          json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:b}", "fingerprint",
                                    info->fingerprint, "subject", admin_json_cstr(info->subject),
                                    "issuer", admin_json_cstr(info->issuer), "names", names,
                                    "not_before", admin_json_utc(info->not_before), "not_after",
                                    admin_json_utc(info->not_after), "ca", info->is_ca));
}

void admin_trust_list(struct admin_call *call)
{
    json_t *list = json_array();
    struct gw_err err;

    if (cert_trust_each(call->api->args.certs, CERT_TRUST_EXCHANGE, list_one, list, &err)) {
        json_decref(list);
        admin_reply_error(call, &err);
        return;
    }
    admin_reply(call, 200, json_pack("{s:o}", "certificates", list));
}

/* --- changes, told to the operator */

static void log_change(const char *what, const char *fingerprint, const char *subject)
{
    char quoted[GW_QUOTE_MAX];

    gw_info("admin", "trust certificate %s fingerprint=%s subject=%s", what, fingerprint,
            gw_quote(gw_str_of(subject), quoted));
}

static void subject_note(const struct cert_info *info, void *ctx)
{
    json_object_set_new(ctx, info->fingerprint, admin_json_cstr(info->subject));
}

/* Subjects by fingerprint of all that is trusted now: {} when that cannot be read. */
static json_t *subjects(const struct admin_api_args *args)
{
    json_t *object = json_object();

    (void)cert_trust_each(args->certs, CERT_TRUST_EXCHANGE, subject_note, object, NULL);
    return object;
}

static void log_added(const json_t *before, const json_t *list)
{
    const char *fingerprint;
    json_t *cert;
    size_t i;

    json_array_foreach(list, i, cert)
    {
        fingerprint = json_string_value(json_object_get(cert, "fingerprint"));
        if (!json_object_get(before, fingerprint))
            log_change("added", fingerprint, json_string_value(json_object_get(cert, "subject")));
    }
}

void admin_trust_add(struct admin_call *call)
{
    static const struct admin_field field = { "pem", ADMIN_TEXT, 0, true, 1, CERT_UPLOAD_MAX };
    const struct admin_api_args *args = &call->api->args;
    json_t *list = json_array(), *before = subjects(args);
    unsigned added = 0;
    struct gw_str pem;
    struct gw_err err;
    enum gw_code rc;

    rc = admin_fields_read(call->body, &field, 1, &pem, &err);
    if (!rc)
        rc = cert_trust_add(args->certs, CERT_TRUST_EXCHANGE, pem, &added, list_one, list, &err);
    if (!rc)
        log_added(before, list);
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

void admin_trust_remove(struct admin_call *call)
{
    const struct admin_api_args *args = &call->api->args;
    char *fingerprint = gw_str_dup(call->arg[0]);
    json_t *before = subjects(args);
    struct gw_err err;
    enum gw_code rc;

    rc = cert_trust_remove(args->certs, CERT_TRUST_EXCHANGE, call->arg[0], &err);
    if (!rc)
        log_change("removed", fingerprint, json_string_value(json_object_get(before, fingerprint)));
    json_decref(before);
    free(fingerprint);
    if (rc) {
        admin_reply_error(call, &err);
        return;
    }
    args->host->trust_changed(args->host->ctx);
    admin_reply(call, 200, json_pack("{s:b}", "removed", 1));
}

/* /v1/trust: the certificates that servers of Exchange are verified with */
#include "admin_priv.h"
#include "cert.h"

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

void admin_trust_add(struct admin_call *call)
{
    static const struct admin_field field = { "pem", ADMIN_TEXT, 0, true, 1, CERT_UPLOAD_MAX };
    const struct admin_api_args *args = &call->api->args;
    json_t *list = json_array();
    unsigned added = 0;
    struct gw_str pem;
    struct gw_err err;
    enum gw_code rc;

    rc = admin_fields_read(call->body, &field, 1, &pem, &err);
    if (!rc)
        rc = cert_trust_add(args->certs, CERT_TRUST_EXCHANGE, pem, &added, list_one, list, &err);
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
    struct gw_err err;

    if (cert_trust_remove(args->certs, CERT_TRUST_EXCHANGE, call->arg[0], &err)) {
        admin_reply_error(call, &err);
        return;
    }
    args->host->trust_changed(args->host->ctx);
    admin_reply(call, 200, json_pack("{s:b}", "removed", 1));
}

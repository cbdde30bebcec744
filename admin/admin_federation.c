/* /v1/federation, /v1/federation-settings, /v1/federation-secret, /v1/mail-domains */
#include "admin_priv.h"

void admin_federation_get(struct admin_call *call)
{
    const struct admin_host *host = call->api->args.host;
    json_t *json = json_object();

    host->federation(json, host->ctx);
    admin_reply(call, 200, json);
}

void admin_federation_settings(struct admin_call *call)
{
    const struct admin_host *host = call->api->args.host;
    json_t *json = json_object();

    host->federation_settings(json, host->ctx);
    admin_reply(call, 200, json);
}

void admin_federation_domain(struct admin_call *call)
{
    const struct admin_host *host = call->api->args.host;
    json_t *json = json_object();
    struct gw_err err;

    if (host->federation_why(call->arg[0], json, &err, host->ctx)) {
        json_decref(json);
        admin_reply_error(call, &err);
        return;
    }
    admin_reply(call, 200, json);
}

void admin_federation_except(struct admin_call *call)
{
    static const struct admin_field field = { "direction", ADMIN_TEXT, 0, false, 1, 0 };
    const struct admin_host *host = call->api->args.host;
    struct gw_str direction = { NULL, 0 };
    struct gw_err err;
    enum gw_code rc;

    rc = admin_fields_read(call->body, &field, 1, &direction, &err);
    if (!rc)
        rc = host->federation_except(call->arg[0], direction, admin_call_saved, call, &err,
                                     host->ctx);
    admin_reply_change(call, rc, &err, 200,
                       json_pack("{s:o}", "domain", admin_json_str(call->arg[0])));
}

void admin_federation_forget(struct admin_call *call)
{
    const struct admin_host *host = call->api->args.host;
    struct gw_err err;
    enum gw_code rc =
        host->federation_forget(call->arg[0], admin_call_saved, call, &err, host->ctx);

    admin_reply_change(call, rc, &err, 200, json_pack("{s:b}", "removed", 1));
}

void admin_federation_secret_set(struct admin_call *call)
{
    static const struct admin_field field = { "password", ADMIN_TEXT, 0, true, 0, 0 };
    const struct admin_host *host = call->api->args.host;
    struct gw_str secret;
    struct gw_err err;
    enum gw_code rc;

    rc = admin_fields_read(call->body, &field, 1, &secret, &err);
    if (!rc)
        rc = host->federation_secret(&secret, admin_call_saved, call, &err, host->ctx);
    admin_reply_change(call, rc, &err, 200, json_pack("{s:s}", "dialback_secret", "set"));
}

void admin_federation_secret_forget(struct admin_call *call)
{
    const struct admin_host *host = call->api->args.host;
    struct gw_err err;
    enum gw_code rc = host->federation_secret(NULL, admin_call_saved, call, &err, host->ctx);

    admin_reply_change(call, rc, &err, 200, json_pack("{s:s}", "dialback_secret", "own"));
}

void admin_mail_domains_get(struct admin_call *call)
{
    const struct admin_host *host = call->api->args.host;
    json_t *json = json_object();

    host->mail_domains(json, host->ctx);
    admin_reply(call, 200, json);
}

static void mail_domain_set(struct admin_call *call, bool there)
{
    const struct admin_host *host = call->api->args.host;
    struct gw_err err;
    enum gw_code rc =
        host->mail_domain_set(call->arg[0], there, admin_call_saved, call, &err, host->ctx);

    admin_reply_change(call, rc, &err, there ? 201 : 200,
                       json_pack("{s:o, s:b}", "name", admin_json_str(call->arg[0]),
                                 there ? "added" : "removed", 1));
}

void admin_mail_domain_add(struct admin_call *call)
{
    mail_domain_set(call, true);
}

void admin_mail_domain_remove(struct admin_call *call)
{
    mail_domain_set(call, false);
}

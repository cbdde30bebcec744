/* /v1/discover */
#include "admin_priv.h"

struct discover_fields {
    struct gw_str address, server;
};

#define AT(member) offsetof(struct discover_fields, member)

static const struct admin_field discover_fields[] = {
    { "address", ADMIN_TEXT, AT(address), true, 3, 320 },
    { "server", ADMIN_TEXT, AT(server), false, 1, 260 },
};

static json_t *found_json(const struct admin_discovery *d)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:b, s:s}", "address", d->address, "url",
                     d->url, "external_url", d->external_url, "grouping", d->grouping, "host",
                     d->host, "port", (int)d->port, "http", d->http, "gateway", d->gateway);
}

static void on_found(const struct admin_discovery *d, void *ctx)
{
    struct admin_call *call = ctx;
    struct gw_err err;

    call->work = NULL; /* it is over: nothing to cancel */
    net_http_on_gone(call->x, NULL, NULL);
    if (d->code) {
        gw_fail(&err, d->code, "%s", d->problem);
        admin_reply_error(call, &err);
    } else {
        admin_reply(call, 200, found_json(d));
    }
}

static void on_gone(void *ctx)
{
    struct admin_call *call = ctx;
    const struct admin_host *host = call->api->args.host;

    host->discover_cancel(call->work, host->ctx);
    call->work = NULL;
    admin_call_free(&call);
}

void admin_discover(struct admin_call *call)
{
    const struct admin_host *host = call->api->args.host;
    struct discover_fields fields;
    struct admin_discover *d;
    struct gw_err err;
    enum gw_code rc;

    rc = admin_fields_read(call->body, discover_fields, 2, &fields, &err);
    if (!rc)
        rc = host->discover(fields.address, fields.server, on_found, call, &d, &err, host->ctx);
    if (rc) {
        admin_reply_error(call, &err);
        return;
    }
    call->work = d;
    net_http_on_gone(call->x, on_gone, call);
}

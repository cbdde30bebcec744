/* /v1/sip */
#include "admin_priv.h"
#include "admin_users.h"
#include "gw_buf.h"

static void on_found(json_t *answer, void *ctx)
{
    struct admin_call *call = ctx;

    call->work = NULL; /* it is over: nothing to cancel */
    net_http_on_gone(call->x, NULL, NULL);
    admin_reply(call, 200, answer);
}

static void on_gone(void *ctx)
{
    struct admin_call *call = ctx;
    const struct admin_host *host = call->api->args.host;

    host->sip_route_cancel(call->work, host->ctx);
    call->work = NULL;
    admin_call_free(&call);
}

void admin_sip_route(struct admin_call *call)
{
    const struct admin_host *host = call->api->args.host;
    struct admin_sip_route *r = NULL;
    json_t *answer = NULL;
    struct gw_err err;

    if (host->sip_route(call->arg[0], &answer, on_found, call, &r, &err, host->ctx)) {
        admin_reply_error(call, &err);
        return;
    }
    if (answer) {
        admin_reply(call, 200, answer);
        return;
    }
    call->work = r;
    net_http_on_gone(call->x, on_gone, call);
}

void admin_sip_trace(struct admin_call *call)
{
    const struct admin_host *host = call->api->args.host;

    admin_reply(call, 200, host->sip_trace(net_http_query(call->x, "call_id"), host->ctx));
}

void admin_sip_sessions(struct admin_call *call)
{
    const struct admin_host *host = call->api->args.host;

    admin_reply(call, 200, host->sip_sessions(host->ctx));
}

void admin_sip_clients(struct admin_call *call)
{
    const struct admin_host *host = call->api->args.host;
    struct gw_str user = net_http_query(call->x, "user");
    json_t *list = json_array();
    struct gw_buf jid;
    struct gw_err err;

    gw_buf_init(&jid, ADMIN_JID_BUF);
    if (user.p && admin_user_jid(call->api, user, &jid, &err)) {
        json_decref(list);
        admin_reply_error(call, &err);
    } else {
        host->sip_clients(gw_buf_str(&jid), list, host->ctx);
        admin_reply(call, 200, json_pack("{s:o}", "clients", list));
    }
    gw_buf_done(&jid);
}

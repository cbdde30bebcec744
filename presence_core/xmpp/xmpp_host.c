/* What all connections share. */
#include <assert.h>
#include <stdlib.h>

#include "xmpp_priv.h"

struct xmpp_host *xmpp_host_new(const struct xmpp_host_args *args)
{
    struct xmpp_host *host = gw_new(struct xmpp_host);

    host->sasl = xmpp_sasl_lib_new(args->credentials, args->credentials_ctx, args->secret);
    if (!host->sasl) {
        free(host);
        return NULL;
    }
    host->guard = pres_guard_new();
    host->core = args->core;
    host->front = pres_frontend_register(args->core, &xmpp_frontend, host);
    gw_param_defaults(xmpp_params, xmpp_param_count, &host->defaults);
    host->settings = args->settings ? args->settings : &host->defaults;
    host->version = args->version;
    host->own = args->own;
    if (args->store) {
        host->offline = xmpp_offline_new(host, args->store);
        host->kept = xmpp_kept_new(host, args->store);
    }
    host->activity = xmpp_activity_new(host);
    host->caps = xmpp_caps_new(host);
    host->pep = xmpp_pep_new(host, args->store);
    gw_list_init(&host->changes);
    host->wake = args->wake;
    host->wake_ctx = args->wake_ctx;
    host->resumable = gw_map_new();
    gw_heap_init(&host->asleep);
    gw_buf_init(&host->out, XMPP_OUT_MAX);
    gw_buf_init(&host->body, XMPP_OUT_MAX);
    return host;
}

void xmpp_host_free(struct xmpp_host **hostp)
{
    struct xmpp_host *host = *hostp;

    if (!host)
        return;
    *hostp = NULL;
    pres_frontend_leave(host->front);
    assert(!gw_map_len(host->resumable));
    xmpp_offline_free(&host->offline);
    xmpp_kept_free(&host->kept);
    xmpp_caps_free(&host->caps);
    xmpp_pep_free(&host->pep);
    xmpp_activity_free(&host->activity);
    xmpp_passwords_done(host);
    gw_map_free(&host->resumable);
    gw_heap_done(&host->asleep);
    xmpp_sasl_lib_free(&host->sasl);
    pres_guard_free(&host->guard);
    gw_buf_done(&host->out);
    gw_buf_done(&host->body);
    free(host);
}

const struct xmpp_settings *xmpp_host_settings(const struct xmpp_host *host)
{
    return host->settings;
}

struct xmpp_counters *xmpp_host_counters(struct xmpp_host *host)
{
    return &host->counters;
}

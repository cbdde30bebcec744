#include "gd_listen.h"

#include <stdlib.h>
#include <string.h>

#include "cert_own.h"
#include "cert_peer.h"
#include "gd.h"
#include "gd_notify.h"
#include "gw_log.h"
#include "gw_mem.h"

enum { API_CLIENTS_MAX = 100 };

static const char *const schemes[] = { "http", "https", NULL };

#define AT(member) offsetof(struct gd_listen_settings, member)

const struct gw_param gd_listen_params[] = {
    { .key = "calendar.notification_scheme",
      .shown_as = "Exchange Notifications by",
      .help =
          "https: Exchange must trust the certificate 'cup'; a change renews every subscription",
      .type = GW_PARAM_CHOICE,
      .offset = AT(notification_scheme),
      .def = "http",
      .choices = schemes },
    { .key = "api.port",
      .shown_as = "API Port (HTTPS)",
      .help = "the API for programs on other machines, at api_listen of the configuration file; "
              "each shows a client certificate, see api.clients",
      .type = GW_PARAM_INT,
      .offset = AT(api_port),
      .min = 0,
      .max = 65535,
      .def = "off",
      .word = "off" },
    { .key = "api.clients",
      .shown_as = "API Clients",
      .help = "subject CNs, separated by commas, of the client certificates that may use it; "
              "cup-trust must vouch for them; whoever has one may do everything",
      .type = GW_PARAM_TEXT,
      .offset = AT(api_clients),
      .max = 4000,
      .def = "" },
};
const size_t gd_listen_param_count = sizeof(gd_listen_params) / sizeof(gd_listen_params[0]);

/* --- contexts */

static enum gw_code context_open(struct gd *gd, enum cert_purpose purpose, enum cert_demand demand,
                                 struct cert_peer **peer, struct net_tls **tls, struct gw_err *err)
{
    const struct cert_peer_args args = { .store = gd->certs,
                                         .purpose = purpose,
                                         .identity = gd->identity[GD_IDENTITY_SIP],
                                         .demand = demand };
    struct net_tls_policy policy;

    if (cert_peer_new(&args, peer, err))
        return err->code;
    policy = cert_peer_policy(*peer);
    return net_tls_new(NET_TLS_SERVER, &policy, tls, err);
}

enum gw_code gd_listen_start(struct gd *gd, struct gw_err *err)
{
    enum gw_code rc =
        context_open(gd, CERT_FOR_PUSH, CERT_NOT_ASKED, &gd->push_peer, &gd->push_tls, err);

    if (!rc)
        rc = context_open(gd, CERT_FOR_API, CERT_REQUIRED, &gd->api_peer, &gd->api_tls, err);
    return rc;
}

void gd_listen_done(struct gd *gd)
{
    net_tls_unref(&gd->push_tls);
    net_tls_unref(&gd->api_tls);
    cert_peer_free(&gd->push_peer);
    cert_peer_free(&gd->api_peer);
}

/* --- notifications */

enum gw_code gd_listen_name_check(const struct gd *gd, struct gw_err *err)
{
    const char *host = gd_notify_host(gd->notify);

    if (cert_own_is_named(gd->identity[GD_IDENTITY_SIP], gw_str_of(host)))
        return GW_OK;
    return gw_fail(
        err, GW_INVALID,
        "Exchange would call back at '%s', which is not a name of the certificate 'cup': "
        "get one with that name (kalendsctl cert own request cup), or set "
        "notification_url_host of the configuration file",
        host);
}

/* --- the API */

static bool client_next(struct gw_str *rest, struct gw_str *name)
{
    while (gw_str_next(rest, ",", name))
        if (name->len)
            return true;
    return false;
}

static enum gw_code clients_check(const struct gd *gd, struct gw_err *err)
{
    struct gw_str name, rest = gw_str_of(gd->settings.listen.api_clients);
    size_t count = 0;

    while (client_next(&rest, &name))
        count++;
    return count <= API_CLIENTS_MAX
               ? GW_OK
               : gw_fail(err, GW_LIMIT, "more than %d API clients", API_CLIENTS_MAX);
}

static enum gw_code api_admit(const struct ssl_st *ssl, void *ctx, struct gw_err *err)
{
    const struct gd *gd = ctx;
    struct gw_str name[API_CLIENTS_MAX], rest = gw_str_of(gd->settings.listen.api_clients);
    size_t count = 0;

    while (count < API_CLIENTS_MAX && client_next(&rest, &name[count]))
        count++;
    if (!count)
        return gw_fail(err, GW_DENIED, "no client certificates are admitted: set api.clients");
    return cert_peer_check(ssl, name, count, err);
}

static enum gw_code api_open(struct gd *gd, struct gw_err *err)
{
    const struct admin_https https = { .address = gd->config.api_listen,
                                       .port = (uint16_t)gd->settings.listen.api_port,
                                       .tls = gd->api_tls,
                                       .admit = api_admit,
                                       .admit_ctx = gd };

    if (admin_api_https_open(gd->api, &https, err))
        return gw_fail_prefix(err, "API (api.port, and api_listen of the configuration file): ");
    gw_info("gatewayd", "API open port=%u", admin_api_https_port(gd->api));
    return GW_OK;
}

enum gw_code gd_listen_apply(struct gd *gd, struct gw_err *err)
{
    int64_t port = gd->settings.listen.api_port;

    if (clients_check(gd, err))
        return err->code;
    if (port == GW_PARAM_WORD) {
        admin_api_https_close(gd->api);
        return GW_OK;
    }
    if (admin_api_https_port(gd->api) && (!port || port == admin_api_https_port(gd->api))) {
        admin_api_https_readmit(gd->api);
        return GW_OK;
    }
    return api_open(gd, err);
}

#include "gd_discover.h"

#include <stdio.h>
#include <stdlib.h>

#include "ews_autodiscover.h"
#include "ews_url.h"
#include "gd_gateways.h"
#include "gw_mem.h"

/* Of each place: a server that is not there must not hold up the others for long. */
enum { PLACE_MS = 10 * GW_SECOND_MS };

struct admin_discover {
    struct gd *gd;
    struct ews_autodiscover *walk;
    admin_discover_fn *found;
    void *found_ctx;
};

static enum gw_code code_of(const struct ews_status *s)
{
    static const struct {
        enum ews_class class;
        enum gw_code code;
    } table[] = {
        { EWS_OK, GW_OK },
        { EWS_CREDENTIALS, GW_DENIED },
        { EWS_PERMISSION, GW_DENIED },
        { EWS_SERVER_DOWN, GW_UNREACHABLE },
        { EWS_BUSY, GW_AGAIN },
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (table[i].class == s->class)
            return table[i].code;
    return GW_NOTFOUND;
}

static void on_done(const struct ews_trail_result *r, void *ctx)
{
    struct admin_discover *d = ctx;
    struct admin_discovery found = { .code = code_of(&r->status),
                                     .problem = r->status.text,
                                     .address = r->address,
                                     .url = r->url,
                                     .external_url = r->external_url,
                                     .grouping = r->grouping };
    admin_discover_fn *done = d->found;
    void *done_ctx = d->found_ctx;
    char *host = NULL;
    struct ews_url url;

    if (r->url && !ews_url_parse(gw_str_of(r->url), &url, NULL)) {
        host = gw_str_dup(url.host);
        found.host = host;
        found.port = url.port;
        found.http = !url.https;
        found.gateway = gd_gateway_of_host(d->gd->gateways, url.host, url.port);
    }
    free(d);
    done(&found, done_ctx);
    free(host);
}

enum gw_code gd_discover_start(struct gd *gd, struct gw_str address, struct gw_str server,
                               admin_discover_fn *found, void *found_ctx,
                               struct admin_discover **out, struct gw_err *err)
{
    char *address_text = gw_str_dup(address);
    struct admin_discover *d = gw_new(struct admin_discover);
    struct gw_buf asked_first;
    struct ews_autodiscover_args args = { .loop = gd->loop,
                                          .dns = gd->dns,
                                          .account = gd_gateways_account(gd->gateways),
                                          .certs = gd->certs,
                                          .trail = { .address = address_text,
                                                     .allow_http = gd->config.lab_allow_http },
                                          .timeout_ms = PLACE_MS,
                                          .done = on_done,
                                          .ctx = d };
    enum gw_code rc;

    gw_buf_init(&asked_first, 1024);
    if (server.len)
        gw_buf_add_str(&asked_first, server);
    else
        gd_gateways_first_url(gd->gateways, &asked_first);
    args.trail.server = asked_first.p;
    *d = (struct admin_discover){ .gd = gd, .found = found, .found_ctx = found_ctx };
    if (args.account)
        rc = ews_autodiscover_start(&args, &d->walk, err);
    else
        rc = gw_fail(err, GW_INVALID,
                     "there is no service account yet: the first gateway brings it");
    if (rc)
        free(d);
    else
        *out = d;
    free(address_text);
    gw_buf_done(&asked_first);
    return rc;
}

void gd_discover_cancel(struct admin_discover *d)
{
    ews_autodiscover_cancel(&d->walk);
    free(d);
}

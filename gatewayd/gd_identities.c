/* Who we are: the identities, the names that they should have, and what ends soon. */
#include <string.h>

#include "cert_expiry.h"
#include "cert_own.h"
#include "gd.h"
#include "gd_mail.h"
#include "gd_notify.h"
#include "gw_log.h"

/* --- keys are sealed as other secrets are */

static void seal(struct gw_str context, struct gw_str secret, struct gw_buf *out, void *ctx)
{
    store_seal(ctx, context, secret, out);
}

static enum gw_code unseal(struct gw_str context, struct gw_str sealed, struct gw_buf *out,
                           struct gw_err *err, void *ctx)
{
    return store_unseal(ctx, context, sealed, out, err);
}

void gd_identities_seal_with(struct gd *gd)
{
    cert_store_sealer_set(gd->certs, &(struct cert_sealer){ seal, unseal, gd->store });
}

/* --- names by purpose: interdomain-federation.md 5 and 12 */

static void each_domain(const struct gd *gd, void (*each)(struct gw_str, void *), void *each_ctx)
{
    struct dir_domain domain;
    size_t pos = 0;

    while (dir_domain_next(gd->dir, &pos, &domain))
        each(domain.ascii, each_ctx);
}

/* First: SIP peers look at the CN alone, which must be the name to which our SRV records lead. */
static void each_sip_name(const struct gd *gd, void (*each)(struct gw_str name, void *each_ctx),
                          void *each_ctx)
{
    struct gw_str address = gw_str_of(gd->settings.sip.public_address), host;
    int64_t port;

    if (sip_host_port(gw_str_of(gd->settings.sip.federation_fqdn), &host, &port) && host.len)
        each(host, each_ctx);
    if (address.len)
        each(address, each_ctx);
}

void gd_identity_names(const struct gd *gd, const char *identity,
                       void (*each)(struct gw_str name, void *each_ctx), void *each_ctx)
{
    if (strcmp(identity, CERT_IDENTITY_SIP) != 0)
        each_domain(gd, each, each_ctx);
    else
        each_sip_name(gd, each, each_ctx);
    if (strcmp(identity, CERT_IDENTITY_XMPP_S2S) == 0)
        gd_mail_names(gd, each, each_ctx);
    each(gw_str_of(gd_notify_host(gd->notify)), each_ctx);
}

static struct cert_names *names_of(const struct gd *gd, const char *identity)
{
    struct cert_names *n = cert_names_new();

    gd_identity_names(gd, identity, cert_names_add, n);
    return n;
}

/* --- life */

void gd_identities_cover(struct gd *gd)
{
    gw_utc now = net_loop_now(gd->loop).utc;
    struct gw_err err;

    for (size_t i = 0; i < GD_IDENTITIES; i++) {
        struct cert_names *n;

        if (!gd->identity[i])
            continue;
        n = names_of(gd, cert_own_kinds[i].name);
        if (cert_identity_cover(gd->identity[i], n->name, n->count, now, &err))
            gw_error("gatewayd", "certificate was not made anew identity=%s: %s",
                     cert_own_kinds[i].name, err.msg);
        cert_names_free(n);
    }
}

void gd_identities_reload(struct gd *gd)
{
    struct gw_err err;

    for (size_t i = 0; i < GD_IDENTITIES; i++)
        if (gd->identity[i] && cert_identity_reload(gd->identity[i], &err))
            gw_error("gatewayd",
                     "certificate was not read again, the old one stays identity=%s: %s",
                     cert_own_kinds[i].name, err.msg);
    gd_identities_cover(gd);
}

static void log_expiry(const struct cert_expiry *e, void *ctx)
{
    char subject[GW_QUOTE_MAX], where[GW_QUOTE_MAX], until[GW_UTC_TEXT_MAX];
    const gw_utc *now = ctx;

    gw_warn("gatewayd", "%s kind='%s' where=%s subject=%s until=%s",
            e->not_after <= *now ? "has expired" : "expires soon", e->kind,
            gw_quote(gw_str_of(e->where), where), gw_quote(gw_str_of(e->subject), subject),
            gw_utc_text(e->not_after, until));
}

/* Once a day, not at each connection. What we made ourselves is made anew in time. */
static void on_day(struct gw_now now, void *ctx)
{
    struct gd *gd = ctx;

    gd_identities_cover(gd);
    cert_expiry_each(gd->certs, now.utc, log_expiry, &now.utc);
    net_timer_set(gd->identity_timer, gw_time_after(now.mono, GW_DAY_MS));
}

enum gw_code gd_identity_open(struct gd *gd, enum gd_identity which, struct gw_err *err)
{
    const char *name = cert_own_kinds[which].name;
    struct cert_names *n = names_of(gd, name);
    const struct cert_identity_args args = {
        .name = name, .names = n->name, .names_count = n->count, .now = net_loop_now(gd->loop).utc
    };
    enum gw_code rc = cert_identity_open(gd->certs, &args, &gd->identity[which], err);

    cert_names_free(n);
    return rc;
}

enum gw_code gd_identities_open(struct gd *gd, struct gw_err *err)
{
    struct gw_now now = net_loop_now(gd->loop);
    enum gw_code rc = GW_OK;

    for (size_t i = 0; i < GD_IDENTITIES && !rc; i++)
        if (!gd->identity[i])
            rc = gd_identity_open(gd, (enum gd_identity)i, err);
    if (rc)
        return rc;
    gd->identity_timer = net_timer_new(gd->loop, on_day, gd);
    on_day(now, gd);
    return GW_OK;
}

void gd_identities_done(struct gd *gd)
{
    net_timer_free(&gd->identity_timer);
    for (size_t i = 0; i < GD_IDENTITIES; i++)
        cert_identity_close(&gd->identity[i]);
}

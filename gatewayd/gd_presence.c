/* The directory's users and domains, as the presence core, the scheduler and XMPP are to know them. */
#include <stdlib.h>
#include <string.h>

#include "cert_peer.h"
#include "gd.h"
#include "gd_mail.h"
#include "gd_people.h"
#include "gw_bytes.h"
#include "gw_log.h"
#include "gw_map.h"
#include "gw_mem.h"
#include "net_stream.h"

bool gd_user_has_calendar(const struct dir_user *u)
{
    return u && u->im_enabled && u->calendar_enabled && u->mail.len > 0;
}

/* --- changes of the directory */

static void calendar_change(struct gd *gd, const struct dir_user_change *c, struct gw_now now)
{
    bool before = gd_user_has_calendar(c->before), after = gd_user_has_calendar(c->after);

    if (after) {
        sched_user_put(gd->sched, c->after->jid, c->after->mail, now);
        gd_calendar_publish(gd, c->after->jid);
        return;
    }
    if (!before) {
        if (c->after)
            pres_override_reworded(gd->core, c->after->jid); /* it may speak another language */
        return;
    }
    sched_user_remove(gd->sched, c->before->jid);
    gd_person_remove(gd, c->before->jid);
    if (c->after)
        gd_calendar_publish(gd, c->after->jid); /* nothing is known any more */
}

static bool must_log_in_again(const struct gd *gd, const struct dir_user_change *c)
{
    bool has_other_password =
        c->password_changed &&
        (!gd->own_password_of || !gw_str_is(c->after->jid, gd->own_password_of));

    return c->before && c->after &&
           (has_other_password || (c->before->im_enabled && !c->after->im_enabled));
}

static void on_user(const struct dir_user_change *c, void *ctx)
{
    struct gd *gd = ctx;
    struct gw_now now = net_loop_now(gd->loop);
    struct gw_err err;

    if (!c->before && pres_user_add(gd->core, c->after->jid, &err))
        gw_error("gatewayd", "user has no presence: %s", err.msg);
    if (c->after)
        gd_mail_user(gd, c->after);
    gd_neighbour_changed(gd, c);
    if (c->after && c->after->im_enabled)
        pres_user_set_elsewhere(gd->core, c->after->jid, false);
    if (c->before)
        gd_person_forget(gd, c->before->jid); /* another group, language, zone ... */
    calendar_change(gd, c, now);
    if (must_log_in_again(gd, c))
        pres_user_end_sessions(gd->core, c->after->jid, PRES_END_REFUSED, now);
    if (!c->after)
        pres_user_remove(gd->core, c->before->jid, now);
    else if (!c->after->im_enabled)
        pres_user_set_elsewhere(gd->core, c->after->jid, true);
}

static void on_domain(struct gw_str domain, bool added, void *ctx)
{
    struct gd *gd = ctx;

    if (!added) {
        pres_domain_remove(gd->core, domain);
        return;
    }
    pres_domain_add(gd->core, domain);
    if (gd->loaded)
        gd_identities_cover(gd);
}

/* --- logging in */

static bool credentials(struct gw_str jid, enum xmpp_hash hash, struct xmpp_credentials *out,
                        void *ctx)
{
    const struct gd *gd = ctx;
    const struct dir_password *p;
    struct dir_user user;

    if (!dir_user_get(gd->dir, jid, &user) || !user.im_enabled)
        return false;
    p = dir_password_get(gd->dir, jid);
    if (!p)
        return false;
    *out = (struct xmpp_credentials){ .salt_len = DIR_SALT_LEN, .iterations = p->iterations };
    memcpy(out->salt, p->salt, DIR_SALT_LEN);
    if (hash == XMPP_SHA256) {
        memcpy(out->stored_key, p->sha256_stored_key, sizeof(p->sha256_stored_key));
        memcpy(out->server_key, p->sha256_server_key, sizeof(p->sha256_server_key));
    } else {
        memcpy(out->stored_key, p->sha1_stored_key, sizeof(p->sha1_stored_key));
        memcpy(out->server_key, p->sha1_server_key, sizeof(p->sha1_server_key));
    }
    return true;
}

/* --- what users change of themselves in a client */

static bool is_oof_hidden(struct gw_str jid, void *ctx)
{
    const struct gd *gd = ctx;
    struct dir_user user;

    return dir_user_get(gd->dir, jid, &user) && user.hide_oof;
}

static bool oof_hide(struct gw_str jid, bool hidden, void *ctx)
{
    const struct dir_user_edit edit = { .hide_oof = &hidden };
    struct gd *gd = ctx;
    struct gw_err err;
    enum gw_code rc;

    dir_act(gd->dir, jid, net_loop_now(gd->loop).utc);
    rc = dir_user_change(gd->dir, jid, &edit, NULL, NULL, &err);
    dir_act(gd->dir, GW_STR(""), 0);
    if (!rc)
        return true;
    gw_warn("gatewayd", "automatic replies stay as they were user='%.*s' error='%s'",
            GW_STR_ARG(jid), err.msg);
    return false;
}

/* --- start */

static struct gw_str on_words(struct gw_str user, enum pres_calendar_kind kind, void *ctx)
{
    return gd_person_words(ctx, user, kind);
}

static struct gw_str on_phrase(struct gw_str user, enum pres_phrase phrase, void *ctx)
{
    return gd_person_phrase(ctx, user, phrase);
}

void gd_presence_start(struct gd *gd)
{
    gd->core = pres_core_new(&(struct pres_core_args){ .store = gd->store,
                                                       .settings = &gd->settings.pres,
                                                       .words = on_words,
                                                       .phrase = on_phrase,
                                                       .words_ctx = gd });
    gd->own = (struct xmpp_own){ .password_set = gd_own_password,
                                 .is_oof_hidden = is_oof_hidden,
                                 .oof_hide = oof_hide,
                                 .ctx = gd };
    gw_list_init(&gd->own_passwords);
    gd_people_start(gd);
    gd_mail_start(gd);
    gd->neighbours = gw_map_new();
    dir_listen(gd->dir, &(struct dir_listener){ on_user, on_domain, gd });
}

/* In one context with the other it would be asked of everybody, or a session without it be resumed. */
static enum gw_code login_tls_open(struct gd *gd, struct gw_err *err)
{
    const struct cert_peer_args args = { .store = gd->certs,
                                         .purpose = CERT_FOR_XMPP_LOGIN,
                                         .identity = gd->identity[GD_IDENTITY_XMPP],
                                         .demand = CERT_ASKED };
    struct net_tls_policy policy;

    if (cert_peer_new(&args, &gd->xmpp_login_peer, err))
        return err->code;
    policy = cert_peer_policy(gd->xmpp_login_peer);
    return net_tls_new(NET_TLS_SERVER, &policy, &gd->xmpp_login_tls, err);
}

enum gw_code gd_presence_listen(struct gd *gd, struct gw_err *err)
{
    struct xmpp_server_args args = {
        .loop = gd->loop,
        .pool = gd->pool,
        .core = gd->core,
        .store = gd->store,
        .settings = &gd->settings.xmpp,
        .credentials = credentials,
        .credentials_ctx = gd,
        .version = KALENDS_VERSION,
        .own = &gd->own,
    };
    uint8_t secret[STORE_DERIVED_LEN];
    struct net_tls_policy policy;
    enum gw_code rc;

    policy = cert_identity_policy(gd->identity[GD_IDENTITY_XMPP]);
    rc = net_tls_new(NET_TLS_SERVER, &policy, &gd->tls, err);
    if (!rc)
        rc = login_tls_open(gd, err);
    if (rc)
        return rc;
    args.tls = gd->tls;
    args.login_tls = gd->xmpp_login_tls;
    net_files_raise();
    store_derive(gd->store, GW_STR("xmpp/salts of unknown users"), secret);
    args.secret = (struct gw_str){ (const char *)secret, sizeof(secret) };
    gd->xmpp = xmpp_server_new(&args, err);
    gw_wipe(secret, sizeof(secret));
    if (!gd->xmpp)
        return err->code;
    if (xmpp_server_listen(gd->xmpp, gd->config.xmpp_listen, (uint16_t)gd->config.xmpp_port,
                           &gd->xmpp_port, err))
        return gw_fail_prefix(err, "XMPP (xmpp_listen and xmpp_port of the configuration file): ");
    if (gd->config.xmpp_tls_port != GW_PARAM_WORD &&
        xmpp_server_listen_tls(gd->xmpp, gd->config.xmpp_listen, (uint16_t)gd->config.xmpp_tls_port,
                               NULL, err))
        return gw_fail_prefix(err,
                              "XMPP (xmpp_listen and xmpp_tls_port of the configuration file): ");
    return GW_OK;
}

/* Parameters: the tables of the rooms, the records of what was set, and how a change is made good at
 * once. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "gd.h"
#include "gd_federation.h"
#include "gd_gateways.h"
#include "gd_mail.h"
#include "gd_notify.h"
#include "gd_people.h"
#include "gw_log.h"

#define KIND_PARAMETER "parameter"

enum { VALUE_MAX = 4096 };

/* --- making a change good */

/* Another port is opened before the old one is given up; subscriptions move over, paced, and the old
 * port is heard until the last of them must have been replaced or have fallen silent. */
static enum gw_code notify_apply(struct gd *gd, struct gw_now now, struct gw_err *err)
{
    const struct sched_settings *s = &gd->settings.sched;
    int64_t keep_ms = 2 * s->status_frequency_min * gd->config.lab_minute_ms;
    bool https = gd->settings.listen.notification_scheme;
    struct gw_buf url;
    enum gw_code rc = GW_OK;

    if (s->notification_port == gd_notify_port(gd->notify) &&
        https == gd_notify_is_https(gd->notify))
        return GW_OK;
    if (https)
        rc = gd_listen_name_check(gd, err);
    if (!rc)
        rc = gd_notify_set(gd->notify, (uint16_t)s->notification_port, https,
                           gw_time_after(now.mono, keep_ms), err);
    if (rc)
        return rc;
    gw_buf_init(&url, EWS_URL_MAX);
    gd_notify_url(gd->notify, &url);
    sched_notify_url_set(gd->sched, gw_buf_str(&url), now);
    gw_buf_done(&url);
    return GW_OK;
}

static enum gw_code listen_apply(struct gd *gd, struct gw_now now, struct gw_err *err)
{
    enum gw_code rc = notify_apply(gd, now, err);

    return rc ? rc : gd_listen_apply(gd, err);
}

static enum gw_code sched_apply(struct gd *gd, struct gw_now now, struct gw_err *err)
{
    const struct sched_settings *s = &gd->settings.sched;
    enum gw_code rc = notify_apply(gd, now, err);

    if (rc)
        return rc;
    sched_settings_set(gd->sched, s, now);
    gd_gateways_timeout_set(gd->gateways, (unsigned)(s->exchange_timeout_s * GW_SECOND_MS));
    gd_people_hide_replies(gd, s->oof_display == SCHED_OOF_HIDE);
    return GW_OK;
}

static enum gw_code pres_apply(struct gd *gd, struct gw_now now, struct gw_err *err)
{
    enum gw_code rc = gd_mail_check(gd, err);

    if (!rc)
        pres_settings_apply(gd->core, now);
    return rc;
}

static enum gw_code xmpp_apply(struct gd *gd, struct gw_now now, struct gw_err *err)
{
    (void)now, (void)err;
    pres_retell(gd->core, now); /* what clients are shown may have another word now */
    return GW_OK;
}

static enum gw_code ews_apply(struct gd *gd, struct gw_now now, struct gw_err *err)
{
    (void)now;
    return gd_gateways_login_set(gd->gateways, err);
}

static enum gw_code bridge_apply(struct gd *gd, struct gw_now now, struct gw_err *err)
{
    enum gw_code rc = bridge_settings_check(&gd->settings.bridge, err);

    (void)now;
    if (!rc)
        gd_people_look_again(gd);
    return rc;
}

static enum gw_code sip_apply(struct gd *gd, struct gw_now now, struct gw_err *err)
{
    enum gw_code rc = gd_mail_check(gd, err);

    (void)now;
    if (!rc)
        rc = gd_sip_apply(gd, err);
    if (!rc)
        gd_identities_cover(gd); /* the name that peers know us by may be another */
    return rc;
}

static enum gw_code cert_apply(struct gd *gd, struct gw_now now, struct gw_err *err)
{
    (void)now;
    return cert_settings_check(&gd->settings.certs, err);
}

static enum gw_code federation_apply(struct gd *gd, struct gw_now now, struct gw_err *err)
{
    (void)now;
    return gd_federation_apply(gd, err);
}

/* --- the tables of all rooms */

static const struct params {
    const struct gw_param *table;
    const size_t *count;
    size_t offset; /* of the room's settings */
    /* A change that stands in the settings already; an error takes it back. NULL: the room reads its
     * settings each time. */
    enum gw_code (*apply)(struct gd *gd, struct gw_now now, struct gw_err *err);
} params[GD_PARAM_TABLES] = {
    { sched_params, &sched_param_count, offsetof(struct gd_settings, sched), sched_apply },
    { pres_params, &pres_param_count, offsetof(struct gd_settings, pres), pres_apply },
    { xmpp_params, &xmpp_param_count, offsetof(struct gd_settings, xmpp), xmpp_apply },
    { ews_params, &ews_param_count, offsetof(struct gd_settings, ews), ews_apply },
    { bridge_params, &bridge_param_count, offsetof(struct gd_settings, bridge), bridge_apply },
    { sip_params, &sip_param_count, offsetof(struct gd_settings, sip), sip_apply },
    { gd_listen_params, &gd_listen_param_count, offsetof(struct gd_settings, listen),
      listen_apply },
    { cert_params, &cert_param_count, offsetof(struct gd_settings, certs), cert_apply },
    { xmpp_fed_params, &xmpp_fed_param_count, offsetof(struct gd_settings, federation),
      federation_apply },
    { dir_params, &dir_param_count, offsetof(struct gd_settings, dir), NULL },
};

static void *settings_of(struct gd *gd, const struct params *p)
{
    return (char *)&gd->settings + p->offset;
}

void gd_params_tables(const struct gd *gd, struct admin_params out[GD_PARAM_TABLES])
{
    for (size_t i = 0; i < GD_PARAM_TABLES; i++)
        out[i] = (struct admin_params){ params[i].table, *params[i].count,
                                        (const char *)&gd->settings + params[i].offset };
}

/* The row of a key, and the table that it is in. */
static const struct gw_param *param_find(struct gw_str key, const struct params **in)
{
    const struct gw_param *param;

    for (*in = params; *in < params + GD_PARAM_TABLES; ++*in) {
        param = gw_param_find((*in)->table, *(*in)->count, key);
        if (param)
            return param;
    }
    return NULL;
}

/* --- kept */

static void load_one(const struct store_record *r, void *ctx)
{
    const struct params *in;
    const struct gw_param *param = param_find(r->key, &in);
    char key[GW_QUOTE_MAX];
    struct gw_err err;

    if (!param)
        gw_warn("gatewayd", "parameter of another version left out key=%s", gw_quote(r->key, key));
    else if (gw_param_set(param, settings_of(ctx, in), r->value, &err))
        gw_warn("gatewayd", "parameter keeps its default: %s", err.msg);
}

enum gw_code gd_params_load(struct gd *gd, struct gw_err *err)
{
    for (size_t i = 0; i < GD_PARAM_TABLES; i++)
        gw_param_defaults(params[i].table, *params[i].count, settings_of(gd, &params[i]));
    return gd_load(gd, KIND_PARAMETER, load_one, gd, err);
}

static void param_store(struct gd *gd, const struct gw_param *param, struct gw_str value,
                        store_done_fn *done, void *done_ctx)
{
    struct store_batch *b = store_batch_new();

    store_put(b, KIND_PARAMETER, gw_str_of(param->key), (struct gw_str){ NULL, 0 }, value);
    store_commit(gd->store, &b, done, done_ctx);
}

enum gw_code gd_param_at_start(struct gd *gd, struct gw_str key, struct gw_str value,
                               struct gw_err *err)
{
    const struct params *in;
    const struct gw_param *param = param_find(key, &in);
    enum gw_code rc;

    assert(param);
    rc = gw_param_set(param, settings_of(gd, in), value, err);
    if (!rc)
        param_store(gd, param, value, NULL, NULL);
    return rc;
}

void gd_params_done(struct gd *gd)
{
    for (size_t i = 0; i < GD_PARAM_TABLES; i++)
        gw_param_settings_done(params[i].table, *params[i].count, settings_of(gd, &params[i]));
}

/* --- changed */

enum gw_code gd_param_set(struct gd *gd, struct gw_str key, struct gw_str value,
                          store_done_fn *done, void *done_ctx, struct gw_err *err)
{
    const struct params *in;
    const struct gw_param *param = param_find(key, &in);
    struct gw_buf before, after; /* as the parameter writes them, not as they were typed */
    void *settings;
    enum gw_code rc;

    if (!param)
        return gw_fail(err, GW_NOTFOUND, "there is no parameter '%.*s'",
                       GW_STR_ARG(gw_str_utf8_cut(key, 80)));
    settings = settings_of(gd, in);
    gw_buf_init(&before, VALUE_MAX);
    gw_param_write(param, settings, &before);
    rc = gw_param_set(param, settings, value, err);
    if (!rc && in->apply) {
        rc = in->apply(gd, net_loop_now(gd->loop), err);
        if (rc) /* a port that is taken, a login that cannot be: as it was */
            (void)gw_param_set(param, settings, gw_buf_str(&before), NULL);
    }
    if (!rc) {
        gw_buf_init(&after, VALUE_MAX);
        gw_param_write(param, settings, &after);
        gw_info("gatewayd", "parameter set key=%s before='%.*s' now='%.*s'", param->key,
                GW_STR_ARG(gw_buf_str(&before)), GW_STR_ARG(gw_buf_str(&after)));
        param_store(gd, param, gw_buf_str(&after), done, done_ctx);
        gw_buf_done(&after);
    }
    gw_buf_done(&before);
    return rc;
}

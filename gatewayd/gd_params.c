/* Parameters: the tables of the rooms, the records of what was set, and how a change is made good at
 * once. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "gd.h"
#include "gd_federation.h"
#include "gd_gateways.h"
#include "gd_notify.h"
#include "gd_people.h"
#include "gw_log.h"

#define KIND_PARAMETER "parameter"

enum { VALUE_MAX = 4096 };

void gd_params_tables(const struct gd *gd, struct admin_params out[GD_PARAM_TABLES])
{
    out[0] = (struct admin_params){ sched_params, sched_param_count, &gd->settings.sched };
    out[1] = (struct admin_params){ pres_params, pres_param_count, &gd->settings.pres };
    out[2] = (struct admin_params){ xmpp_params, xmpp_param_count, &gd->settings.xmpp };
    out[3] = (struct admin_params){ ews_params, ews_param_count, &gd->settings.ews };
    out[4] = (struct admin_params){ bridge_params, bridge_param_count, &gd->settings.bridge };
    out[5] = (struct admin_params){ sip_params, sip_param_count, &gd->settings.sip };
    out[6] = (struct admin_params){ cert_params, cert_param_count, &gd->settings.certs };
    out[7] =
        (struct admin_params){ xmpp_fed_params, xmpp_fed_param_count, &gd->settings.federation };
}

/* The row of a key, and the settings that it belongs to. */
static const struct gw_param *param_find(struct gd *gd, struct gw_str key, void **settings)
{
    struct admin_params tables[GD_PARAM_TABLES];
    void *const changeable[GD_PARAM_TABLES] = { &gd->settings.sched,  &gd->settings.pres,
                                                &gd->settings.xmpp,   &gd->settings.ews,
                                                &gd->settings.bridge, &gd->settings.sip,
                                                &gd->settings.certs,  &gd->settings.federation };

    gd_params_tables(gd, tables);
    for (size_t i = 0; i < GD_PARAM_TABLES; i++) {
        const struct gw_param *param = gw_param_find(tables[i].table, tables[i].count, key);

        if (param) {
            *settings = changeable[i];
            return param;
        }
    }
    return NULL;
}

static void load_one(const struct store_record *r, void *ctx)
{
    const struct gw_param *param;
    char key[GW_QUOTE_MAX];
    void *settings;
    struct gw_err err;

    param = param_find(ctx, r->key, &settings);
    if (!param)
        gw_warn("gatewayd", "parameter of another version left out key=%s", gw_quote(r->key, key));
    else if (gw_param_set(param, settings, r->value, &err))
        gw_warn("gatewayd", "parameter keeps its default: %s", err.msg);
}

enum gw_code gd_params_load(struct gd *gd, struct gw_err *err)
{
    struct admin_params tables[GD_PARAM_TABLES];
    void *const settings[GD_PARAM_TABLES] = { &gd->settings.sched,  &gd->settings.pres,
                                              &gd->settings.xmpp,   &gd->settings.ews,
                                              &gd->settings.bridge, &gd->settings.sip,
                                              &gd->settings.certs,  &gd->settings.federation };
    enum gw_code rc;

    gd_params_tables(gd, tables);
    for (size_t i = 0; i < GD_PARAM_TABLES; i++)
        gw_param_defaults(tables[i].table, tables[i].count, settings[i]);
    rc = gd_load(gd, KIND_PARAMETER, load_one, gd, err);
    return rc;
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
    const struct gw_param *param;
    void *settings;
    enum gw_code rc;

    param = param_find(gd, key, &settings);
    assert(param);
    rc = gw_param_set(param, settings, value, err);
    if (!rc)
        param_store(gd, param, value, NULL, NULL);
    return rc;
}

void gd_params_done(struct gd *gd)
{
    gw_param_settings_done(sched_params, sched_param_count, &gd->settings.sched);
    gw_param_settings_done(pres_params, pres_param_count, &gd->settings.pres);
    gw_param_settings_done(xmpp_params, xmpp_param_count, &gd->settings.xmpp);
    gw_param_settings_done(ews_params, ews_param_count, &gd->settings.ews);
    gw_param_settings_done(cert_params, cert_param_count, &gd->settings.certs);
    gw_param_settings_done(bridge_params, bridge_param_count, &gd->settings.bridge);
    gw_param_settings_done(sip_params, sip_param_count, &gd->settings.sip);
    gw_param_settings_done(xmpp_fed_params, xmpp_fed_param_count, &gd->settings.federation);
}

/* --- making a change good */

/* The new port is opened before the old one is given up; subscriptions move over, paced, and the old
 * port is heard until the last of them must have been replaced or have fallen silent. */
static enum gw_code port_apply(struct gd *gd, struct gw_now now, struct gw_err *err)
{
    const struct sched_settings *s = &gd->settings.sched;
    int64_t keep_ms = 2 * s->status_frequency_min * gd->config.lab_minute_ms;
    struct gw_buf url;
    enum gw_code rc;

    if (s->notification_port == gd_notify_port(gd->notify))
        return GW_OK;
    rc = gd_notify_set_port(gd->notify, (uint16_t)s->notification_port,
                            gw_time_after(now.mono, keep_ms), err);
    if (rc)
        return rc;
    gw_buf_init(&url, EWS_URL_MAX);
    gd_notify_url(gd->notify, &url);
    sched_notify_url_set(gd->sched, gw_buf_str(&url), now);
    gw_buf_done(&url);
    return GW_OK;
}

static enum gw_code apply(struct gd *gd, const void *settings, struct gw_err *err)
{
    struct gw_now now = net_loop_now(gd->loop);
    enum gw_code rc;

    if (settings == &gd->settings.sched) {
        rc = port_apply(gd, now, err);
        if (rc)
            return rc;
        sched_settings_set(gd->sched, &gd->settings.sched, now);
        gd_gateways_timeout_set(gd->gateways,
                                (unsigned)(gd->settings.sched.exchange_timeout_s * GW_SECOND_MS));
        gd_people_hide_replies(gd, gd->settings.sched.oof_display == SCHED_OOF_HIDE);
    } else if (settings == &gd->settings.bridge) {
        rc = bridge_settings_check(&gd->settings.bridge, err);
        if (!rc)
            gd_people_look_again(gd);
        return rc;
    } else if (settings == &gd->settings.federation) {
        return gd_federation_apply(gd, err);
    } else if (settings == &gd->settings.ews) {
        return gd_gateways_login_set(gd->gateways, err);
    } else if (settings == &gd->settings.certs) {
        return cert_settings_check(&gd->settings.certs, err);
    } else if (settings == &gd->settings.pres) {
        pres_settings_apply(gd->core, now);
    } else if (settings == &gd->settings.sip) {
        return gd_sip_apply(gd, err);
    } else if (settings == &gd->settings.xmpp) {
        pres_retell(gd->core); /* what clients are shown may have another word now */
    }
    return GW_OK;
}

enum gw_code gd_param_set(struct gd *gd, struct gw_str key, struct gw_str value,
                          store_done_fn *done, void *done_ctx, struct gw_err *err)
{
    const struct gw_param *param;
    struct gw_buf before, after; /* as the parameter writes them, not as they were typed */
    void *settings;
    enum gw_code rc;

    param = param_find(gd, key, &settings);
    if (!param)
        return gw_fail(err, GW_NOTFOUND, "there is no parameter '%.*s'",
                       GW_STR_ARG(gw_str_utf8_cut(key, 80)));
    gw_buf_init(&before, VALUE_MAX);
    gw_param_write(param, settings, &before);
    rc = gw_param_set(param, settings, value, err);
    if (!rc) {
        rc = apply(gd, settings, err);
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

/* The scheduler in its place: time, the way to Exchange and back, what it saves, and what it says about
 * users on its way through the bridge to the presence core. */
#include <stdlib.h>
#include <time.h>

#include "gd.h"
#include "gd_astray.h"
#include "gd_gateways.h"
#include "gd_notify.h"
#include "gd_people.h"
#include "gw_buf.h"
#include "gw_log.h"

/* --- presence */

static void on_presence(struct gw_str user, void *ctx)
{
    gd_calendar_publish(ctx, user);
}

static unsigned short on_item(struct gw_str user, const struct gw_item *item, void *ctx)
{
    return gd_person_classify(ctx, user, item);
}

static bool on_calendar(struct gw_str user, struct gw_str calendar, void *ctx)
{
    return gd_person_looks_at(ctx, user, calendar);
}

static void on_replies(struct gw_str user, struct gw_str internal, struct gw_str external,
                       void *ctx)
{
    gd_person_replies(ctx, user, internal, external);
}

static void on_hours(struct gw_str user, void *ctx)
{
    gd_person_hours(ctx, user);
}

/* --- records: those of one tick are one batch */

static void on_save(const char *kind, struct gw_str key, struct gw_str owner, struct gw_str value,
                    void *ctx)
{
    struct gd *gd = ctx;

    if (!gd->batch)
        gd->batch = store_batch_new();
    if (value.p)
        store_put(gd->batch, kind, key, owner, value);
    else
        store_del(gd->batch, kind, key);
}

static void batch_commit(struct gd *gd)
{
    if (gd->batch)
        store_commit(gd->store, &gd->batch, NULL, NULL);
}

/* --- time */

static void timer_arm(struct gd *gd, struct gw_now now)
{
    gw_time at = sched_deadline(gd->sched);
    gw_time latest = gw_time_after(now.mono, SCHED_LOOK_MS);
    gw_utc due =
        pres_due(gd->core); /* by the other clock, which may be set: no further than a look */

    if (due < gw_time_after(now.utc, SCHED_LOOK_MS))
        latest = gw_time_after(now.mono, due > now.utc ? due - now.utc : 0);
    net_timer_set(gd->sched_timer, at < latest ? at : latest);
}

static void on_timer(struct gw_now now, void *ctx)
{
    struct gd *gd = ctx;

    sched_tick(gd->sched, now);
    pres_tick(gd->core, now);
    batch_commit(gd);
    gd_notify_tick(gd->notify, now.mono);
    timer_arm(gd, now);
}

static void on_wake(void *ctx)
{
    struct gd *gd = ctx;

    if (gd->loaded && !gd->stopping)
        timer_arm(gd, net_loop_now(gd->loop));
}

/* --- Exchange */

static enum ews_reply on_notification(struct gw_str token, const struct ews_notification *n,
                                      void *ctx)
{
    struct gd *gd = ctx;

    return sched_notified(gd->sched, token, n, net_loop_now(gd->loop));
}

static void on_astray(struct gw_str user, struct gw_str mailbox, void *ctx)
{
    gd_astray_look(ctx, user, mailbox);
}

static enum gw_code notify_start(struct gd *gd, struct gw_err *err)
{
    bool https = gd->settings.listen.notification_scheme;
    struct gw_err why;
    enum gw_code rc;

    gd->notify = gd_notify_new(&(struct gd_notify_args){
        .loop = gd->loop,
        .address = gd->config.notification_listen,
        .url_host = gd->config.notification_url_host,
        .on_notification = on_notification,
        .ctx = gd,
    });
    rc = gd_identity_open(gd, GD_IDENTITY_SIP, err);
    if (!rc)
        rc = gd_listen_start(gd, err);
    if (rc)
        return rc;
    if (https && gd_listen_name_check(gd, &why))
        gw_error("gatewayd", "%s", why.msg);
    if (gd_notify_listen(gd->notify, gd->push_tls, (uint16_t)gd->settings.sched.notification_port,
                         https, err))
        return gw_fail_prefix(err, "notifications of Exchange (another port: kalendsd "
                                   "--notification-port N): ");
    return GW_OK;
}

enum gw_code gd_calendars_start(struct gd *gd, struct gw_err *err)
{
    struct gw_now now = net_loop_now(gd->loop);
    struct gw_buf url;
    enum gw_code rc;

    rc = notify_start(gd, err);
    if (rc)
        return rc;
    gw_buf_init(&url, EWS_URL_MAX);
    gd_notify_url(gd->notify, &url);
    gw_info("gatewayd", "Exchange is asked to call back url=%.*s", GW_STR_ARG(gw_buf_str(&url)));
    gd->sched_timer = net_timer_new(gd->loop, on_timer, gd);
    gd->sched = sched_new(
        &(struct sched_args){
            .exchange = gd_gateways_exchange(gd->gateways),
            .callbacks = { .changed = on_presence,
                           .due = on_presence,
                           .save = on_save,
                           .wake = on_wake,
                           .astray = on_astray,
                           .classify = on_item,
                           .looks_at = on_calendar,
                           .replies = on_replies,
                           .hours = on_hours,
                           .ctx = gd },
            .settings = &gd->settings.sched,
            .notify_url = gw_buf_str(&url),
            .minute_ms = gd->config.lab_minute_ms,
        },
        now);
    gw_buf_done(&url);
    return GW_OK;
}

/* --- restart */

struct restore {
    struct gd *gd;
    const char *kind;
    size_t taken, left;
};

static void restore_one(const struct store_record *r, void *ctx)
{
    struct restore *re = ctx;
    struct gw_err err;
    char key[GW_QUOTE_MAX];

    switch (sched_restore(re->gd->sched, re->kind, r->key, r->value, net_loop_now(re->gd->loop),
                          &err)) {
    case GW_OK:
        re->taken++;
        return;
    case GW_NOTFOUND: /* its user was removed and the process killed in between, or it is over */
        on_save(re->kind, r->key, r->owner, (struct gw_str){ NULL, 0 }, re->gd);
        break;
    default:
        gw_warn("gatewayd", "record left out kind=%s key=%s error='%s'", re->kind,
                gw_quote(r->key, key), err.msg);
    }
    re->left++;
}

static enum gw_code restore_kind(struct gd *gd, const char *kind, struct gw_err *err)
{
    struct restore re = { gd, kind, 0, 0 };
    enum gw_code rc = gd_load(gd, kind, restore_one, &re, err);

    if (!rc && re.taken + re.left > 0)
        gw_info("gatewayd", "records loaded kind=%s taken=%zu left=%zu", kind, re.taken, re.left);
    return rc;
}

static void publish_all(struct gd *gd)
{
    struct dir_user user;
    size_t pos = 0;

    while (dir_user_next(gd->dir, &pos, &user))
        if (gd_user_has_calendar(&user))
            gd_calendar_publish(gd, user.jid);
}

enum gw_code gd_calendars_restore(struct gd *gd, struct gw_err *err)
{
    static const char *const kinds[] = { SCHED_RECORD_SUBSCRIPTION, SCHED_RECORD_CALENDAR,
                                         SCHED_RECORD_FAREWELL, SCHED_RECORD_BACK_OFF };
    enum gw_code rc = GW_OK;

    for (size_t i = 0; !rc && i < sizeof(kinds) / sizeof(kinds[0]); i++)
        rc = restore_kind(gd, kinds[i], err);
    if (rc)
        return rc;
    rc = gd_replies_load(gd, err);
    if (rc)
        return rc;
    batch_commit(gd);
    publish_all(gd);
    pres_tick(gd->core, net_loop_now(gd->loop)); /* what ended while nobody was there */
    gd->loaded = true;
    timer_arm(gd, net_loop_now(gd->loop));
    return GW_OK;
}

/* No request goes out any more, and nobody is unsubscribed: the subscriptions are there to be
 * resumed. */
void gd_calendars_stop(struct gd *gd)
{
    if (gd->sched_timer)
        net_timer_set(gd->sched_timer, GW_NEVER);
    gd_notify_free(&gd->notify);
    gd_astray_stop(gd);
}

void gd_calendars_done(struct gd *gd)
{
    if (gd->sched)
        sched_free(&gd->sched);
    if (gd->batch)
        store_batch_free(&gd->batch);
    if (gd->sched_timer)
        net_timer_free(&gd->sched_timer);
    gd_notify_free(&gd->notify);
}

/* The SIP front-end in the daemon: its door, its settings, what it tells. */
#include <jansson.h>
#include <string.h>

#include "gd.h"
#include "gw_log.h"

enum { SESSIONS_SHOWN_MAX = 1000 }; /* at once, so that the answer is written in a moment */

struct loading {
    bool done;
    struct gw_err result;
};

static void load_done(const struct gw_err *result, void *ctx)
{
    struct loading *loading = ctx;

    loading->done = true;
    loading->result = *result;
}

/* Before a door opens, so that whoever refreshes finds his subscription. */
static enum gw_code load(struct gd *gd, struct gw_err *err)
{
    struct loading loading = { .done = false };

    sip_core_load(sip_server_core(gd->sip), net_loop_now(gd->loop), load_done, &loading);
    store_wait(gd->store);
    if (!loading.done)
        return gw_fail(err, GW_INTERNAL, "SIP subscriptions: the store did not answer");
    if (loading.result.code)
        return gw_fail(err, loading.result.code, "SIP subscriptions: %s", loading.result.msg);
    return GW_OK;
}

static enum gw_code listen_plain(struct gd *gd, struct gw_err *err)
{
    if (gd->config.sip_port == GW_PARAM_WORD)
        return GW_OK;
    if (sip_server_listen(gd->sip, gd->config.sip_listen, (uint16_t)gd->config.sip_port, err))
        return gw_fail_prefix(err, "SIP (sip_listen and sip_port of the configuration file): ");
    return GW_OK;
}

/* These two ports are parameters: the daemon starts without what is taken, so that they can be set. */
static void listen_tls(struct gd *gd)
{
    struct gw_err err;

    if (sip_server_listen_tls(gd->sip, gd->config.sip_listen, &err))
        gw_error("gatewayd", "%s; 'kalendsctl set sip.server_auth_port' or sip.peer_auth_port",
                 err.msg);
}

/* --- users with SIP clients */

static bool credentials(struct gw_str jid, struct sip_ha1 *out, const char **why, void *ctx)
{
    const struct gd *gd = ctx;
    const struct dir_password *p = dir_password_get(gd->dir, jid);
    struct dir_user user;

    *why = "there is no such user, or without IM and Presence";
    if (!dir_user_get(gd->dir, jid, &user) || !user.im_enabled)
        return false;
    *why = p ? "the password was set while sip.login was off, or another: set it again"
             : "the user has no password";
    if (!p || !p->digests)
        return false;
    *why = "wrong password";
    out->has[SIP_SHA256] = p->digests & DIR_DIGEST_SHA256;
    memcpy(out->is[SIP_SHA256], p->digest_sha256, sizeof(p->digest_sha256));
    out->has[SIP_MD5] = p->digests & DIR_DIGEST_MD5;
    memcpy(out->is[SIP_MD5], p->digest_md5, sizeof(p->digest_md5));
    return true;
}

/* What was kept of passwords and is not wanted any more goes, some users at a time. */
static void trim(struct gw_now now, void *ctx)
{
    struct gd *gd = ctx;

    if (dir_digests_trim(gd->dir, &gd->digests_pos))
        net_timer_set(gd->digests_timer, now.mono);
}

static void digests_apply(struct gd *gd)
{
    static const uint32_t kept[] = { [SIP_DIGESTS_OFF] = 0,
                                     [SIP_DIGESTS_SHA256] = DIR_DIGEST_SHA256,
                                     [SIP_DIGESTS_BOTH] = DIR_DIGEST_SHA256 | DIR_DIGEST_MD5,
                                     [SIP_DIGESTS_MD5] = DIR_DIGEST_MD5 };

    dir_digests_keep(gd->dir, kept[gd->settings.sip.login]);
    gd->digests_pos = 0;
    net_timer_set(gd->digests_timer, net_loop_now(gd->loop).mono);
}

enum gw_code gd_sip_listen(struct gd *gd, struct gw_err *err)
{
    enum gw_code rc =
        sip_tls_new(gd->certs, gd->identity[GD_IDENTITY_SIP], &gd->settings.sip, &gd->sip_tls, err);

    if (rc)
        return rc;
    gd->sip = sip_server_new(&(struct sip_server_args){
        .loop = gd->loop,
        .pres = gd->core,
        .store = gd->store,
        .settings = &gd->settings.sip,
        .tls = gd->sip_tls,
        .dns = gd->federation_dns,
        .is_neighbour = gd_neighbour_is,
        .credentials = credentials,
        .ctx = gd,
    });
    pres_mail_start(gd->core); /* every way is set, and no peer was met yet */
    gd->digests_timer = net_timer_new(gd->loop, trim, gd);
    digests_apply(gd);
    rc = load(gd, err);
    if (!rc)
        rc = listen_plain(gd, err);
    if (!rc)
        listen_tls(gd);
    return rc;
}

enum gw_code gd_sip_apply(struct gd *gd, struct gw_err *err)
{
    enum gw_code rc = sip_settings_check(&gd->settings.sip, err);

    if (!rc)
        rc = sip_server_ports_apply(gd->sip, err);
    if (rc)
        return rc;
    digests_apply(gd);
    sip_server_peers_judge(gd->sip);
    sip_core_settings_apply(sip_server_core(gd->sip));
    return GW_OK;
}

/* Listeners and their connections. */
static json_t *door_json(const struct gd *gd)
{
    struct sip_server_counters c;

    sip_server_counters(gd->sip, &c);
    return json_pack("{s:s, s:i, s:i, s:i, s:I, s:I, s:I, s:I}", "address", gd->config.sip_listen,
                     "port", (int)sip_server_port(gd->sip), "server_auth_port",
                     (int)sip_server_tls_port(gd->sip, SIP_TLS_SERVER_AUTH), "peer_auth_port",
                     (int)sip_server_tls_port(gd->sip, SIP_TLS_PEER_AUTH), "connections",
                     (json_int_t)c.connections, "broken_connections", (json_int_t)c.broken,
                     "refused_connections", (json_int_t)c.refused, "tls_failed",
                     (json_int_t)c.tls_failed);
}

static json_t *session_json(const struct sip_session_info *s)
{
    struct gw_buf server, since;
    json_t *json;

    gw_buf_init(&server, 300);
    gw_buf_init(&since, GW_UTC_TEXT_MAX);
    if (s->host.len)
        gw_buf_addf(&server, "%.*s:%u/%s", GW_STR_ARG(s->host), s->port, sip_proto_name(s->proto));
    gw_utc_write(s->since, &since);
    json = json_pack("{s:o, s:o, s:s, s:s, s:o, s:o, s:I, s:I, s:I, s:I}", "user",
                     json_stringn(s->user.p, s->user.len), "peer",
                     json_stringn(s->peer.p, s->peer.len), "state", s->state, "begun_by",
                     s->is_inbound ? "peer" : "user", "server",
                     json_stringn(server.p ? server.p : "", server.len), "since",
                     json_stringn(since.p, since.len), "idle_s", (json_int_t)s->idle_s,
                     "messages_in", (json_int_t)s->lines_in, "messages_out",
                     (json_int_t)s->lines_out, "waiting", (json_int_t)s->waiting);
    gw_buf_done(&server);
    gw_buf_done(&since);
    return json;
}

json_t *gd_sip_sessions(const struct gd *gd)
{
    const struct sip_core *core = sip_server_core(gd->sip);
    struct gw_now now = net_loop_now(gd->loop);
    struct sip_session_info info;
    json_t *list = json_array();
    struct sip_counters c;
    size_t pos = 0;

    sip_core_counters(core, &c);
    while (json_array_size(list) < SESSIONS_SHOWN_MAX &&
           sip_core_session_next(core, &pos, now, &info))
        json_array_append_new(list, session_json(&info));
    return json_pack("{s:b, s:I, s:o}", "more", c.sessions > json_array_size(list), "total",
                     (json_int_t)c.sessions, "sessions", list);
}

json_t *gd_sip_json(const struct gd *gd)
{
    json_t *json = door_json(gd), *counted;
    struct sip_counters c;

    sip_core_counters(sip_server_core(gd->sip), &c);
    counted = json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
        "s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
        "s:I, s:I}",
        "registered", (json_int_t)c.registered, "logins_failed", (json_int_t)c.logins_failed,
        "publications", (json_int_t)c.publications_in, "subscriptions", (json_int_t)c.subscriptions,
        "pending", (json_int_t)c.pending, "resumed", (json_int_t)c.resumed, "requests",
        (json_int_t)c.requests_in, "notified", (json_int_t)c.notified, "notify_failed",
        (json_int_t)c.notify_failed, "contacts", (json_int_t)c.watches, "contacts_subscribed",
        (json_int_t)c.watched, "contacts_failed", (json_int_t)c.watch_failed, "published",
        (json_int_t)c.published, "publish_failed", (json_int_t)c.publish_failed, "messages_in",
        (json_int_t)c.messages_in, "messages_out", (json_int_t)c.messages_out, "messages_failed",
        (json_int_t)c.messages_failed, "sessions", (json_int_t)c.sessions, "sessions_in",
        (json_int_t)c.sessions_in, "sessions_out", (json_int_t)c.sessions_out, "sessions_failed",
        (json_int_t)c.sessions_failed, "waiting", (json_int_t)c.waiting, "resent",
        (json_int_t)c.resent, "refused_by_acl", (json_int_t)c.refused_acl, "refused_by_limit",
        (json_int_t)c.refused_limit, "malformed", (json_int_t)c.malformed);
    json_object_update(json, counted);
    json_decref(counted);
    json_object_set_new(json, "merged", json_integer((json_int_t)c.merged));
    json_object_set_new(json, "timeouts", json_integer((json_int_t)c.timeouts));
    json_object_set_new(json, "loops", json_integer((json_int_t)c.loops));
    json_object_set_new(json, "refused_senders", json_integer((json_int_t)c.refused_sender));
    return json;
}

static void client_add(const struct sip_client *c, void *ctx)
{
    char moment[GW_UTC_TEXT_MAX];

    json_array_append_new(
        ctx, json_pack("{s:s%, s:s%, s:s%, s:s%, s:i, s:s, s:s}", "user", c->user.p, c->user.len,
                       "contact", c->contact.p, c->contact.len, "agent", c->agent.p, c->agent.len,
                       "host", c->host.p, c->host.len, "port", (int)c->port, "transport",
                       sip_proto_name(c->proto), "expires", gw_utc_text(c->expires, moment)));
}

void gd_sip_clients(struct gd *gd, struct gw_str user, json_t *into)
{
    sip_core_clients_each(sip_server_core(gd->sip), user, net_loop_now(gd->loop), client_add, into);
}

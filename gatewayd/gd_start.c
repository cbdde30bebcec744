/* Order of start and stop. Everything is loaded before a door opens, so that whoever comes in sees
 * the presence of before the restart; and whatever is on its way to the disk gets there. */
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gd.h"
#include "gd_federation.h"
#include "gd_gateways.h"
#include "gd_log.h"
#include "gd_people.h"
#include "gw_log.h"

enum {
    POOL_THREADS = 4, /* two may wait for Kerberos, and passwords are still checked */
    STOP_MS = 3000    /* for goodbyes to clients; then they are cut off */
};

/* --- loading */

struct load {
    store_record_fn *each;
    void *each_ctx;
    bool done;
    struct gw_err result;
};

static void load_each(const struct store_record *record, void *ctx)
{
    const struct load *load = ctx;

    load->each(record, load->each_ctx);
}

static void load_done(const struct gw_err *result, void *ctx)
{
    struct load *load = ctx;

    load->done = true;
    load->result = *result;
}

static enum gw_code load_result(struct gd *gd, struct load *load, const char *what,
                                struct gw_err *err)
{
    store_wait(gd->store);
    if (!load->done)
        return gw_fail(err, GW_INTERNAL, "%s: the store did not answer", what);
    if (load->result.code)
        return gw_fail(err, load->result.code, "%s: %s", what, load->result.msg);
    return GW_OK;
}

void gd_record_put(struct store_batch *b, const char *kind, const char *key, json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT);

    store_put(b, kind, gw_str_of(key), (struct gw_str){ NULL, 0 }, gw_str_of(text));
    free(text);
    json_decref(json);
}

enum gw_code gd_load(struct gd *gd, const char *kind, store_record_fn *each, void *ctx,
                     struct gw_err *err)
{
    struct load load = { .each = each, .each_ctx = ctx };

    store_load(gd->store, kind, NULL, load_each, load_done, &load);
    return load_result(gd, &load, kind, err);
}

static void jobs_tick(struct gw_now now, void *ctx)
{
    struct gd *gd = ctx;

    dir_jobs_tick(gd->jobs, now);
}

static void jobs_due(gw_time at, void *ctx)
{
    struct gd *gd = ctx;

    net_timer_set(gd->jobs_timer, at ? at : net_loop_now(gd->loop).mono);
}

static enum gw_code load_directory(struct gd *gd, struct gw_err *err)
{
    struct load mails = { 0 }, users = { 0 }, rosters = { 0 }, audit = { 0 }, jobs = { 0 };
    enum gw_code rc;

    dir_mails_load(gd->mails, load_done, &mails);
    rc = load_result(gd, &mails, "mail domains", err);
    if (rc)
        return rc;
    dir_load(gd->dir, load_done, &users);
    rc = load_result(gd, &users, "directory", err);
    if (rc)
        return rc;
    pres_core_load(gd->core, load_done, &rosters);
    rc = load_result(gd, &rosters, "rosters", err);
    if (rc)
        return rc;
    gd->audit = dir_audit_new(gd->dir, gd->store, &gd->settings.dir);
    dir_audit_load(gd->audit, load_done, &audit);
    rc = load_result(gd, &audit, "audit", err);
    if (rc)
        return rc;
    gd->jobs_timer = net_timer_new(gd->loop, jobs_tick, gd);
    gd_contacts_start(gd);
    gd->jobs = dir_jobs_new(&(struct dir_jobs_args){ .dir = gd->dir,
                                                     .store = gd->store,
                                                     .contacts = &gd->contacts,
                                                     .settings = &gd->settings.dir,
                                                     .due = jobs_due,
                                                     .ctx = gd });
    dir_jobs_load(gd->jobs, load_done, &jobs);
    return load_result(gd, &jobs, "jobs", err);
}

/* --- opening */

static void store_woken(void *ctx)
{
    struct gd *gd = ctx;

    store_dispatch(gd->store);
}

static void store_wake(void *ctx)
{
    net_wake_send(ctx);
}

static enum gw_code data_folder(const struct gd *gd, struct gw_err *err)
{
    const char *data = gd->config.data;
    struct stat st;

    if (mkdir(data, 0750) != 0 && errno != EEXIST)
        return gw_fail(err, GW_INVALID,
                       "data directory '%s' cannot be made: %s; make it, and give it to the user "
                       "that kalendsd runs as",
                       data, strerror(errno));
    if (stat(data, &st) == 0 && !S_ISDIR(st.st_mode))
        return gw_fail(err, GW_INVALID, "data directory '%s' is a file: name a directory", data);
    if (access(data, R_OK | W_OK | X_OK) != 0)
        return gw_fail(err, GW_INVALID,
                       "data directory '%s' cannot be used: %s; give it to the user that kalendsd "
                       "runs as (uid %u)",
                       data, strerror(errno), (unsigned)geteuid());
    return GW_OK;
}

static char *data_path(const struct gd *gd, const char *name)
{
    struct gw_buf path;

    gw_buf_init(&path, GD_PATH_MAX);
    gw_buf_addf(&path, "%s/%s", gd->config.data, name);
    return gw_buf_take(&path);
}

/* systemd.exec, Credentials: LoadCredentialEncrypted=kalends.seal-key keeps the key off the disk. NULL: none. */
static char *seal_key_credential(void)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    struct gw_buf path;

    if (!folder)
        return NULL;
    gw_buf_init(&path, GD_PATH_MAX);
    gw_buf_addf(&path, "%s/kalends.seal-key", folder);
    if (!path.failed && access(path.p, F_OK) == 0)
        return gw_buf_take(&path);
    gw_buf_done(&path);
    return NULL;
}

static enum gw_code open_store(struct gd *gd, struct gw_err *err)
{
    char *path = data_path(gd, "kalends.db"), *key = NULL;
    bool given = false;
    enum gw_code rc;

    if (*gd->config.seal_key)
        key = gw_str_dup(gw_str_of(gd->config.seal_key));
    else
        key = seal_key_credential();
    given = key && !*gd->config.seal_key;
    if (!key)
        key = data_path(gd, "seal.key");

    gd->store_wake = net_wake_new(gd->loop, store_woken, gd);
    rc = store_open(&(struct store_args){ .path = path,
                                          .seal_key_path = key,
                                          .seal_key_is_given = given,
                                          .wake = store_wake,
                                          .wake_ctx = gd->store_wake },
                    &gd->store, err);
    free(path);
    free(key);
    return rc;
}

static enum gw_code open_certs(struct gd *gd, struct gw_err *err)
{
    char *path = data_path(gd, "certs");
    enum gw_code rc = cert_store_open(path, &gd->certs, err);

    if (!rc)
        gd_identities_seal_with(gd);

    free(path);
    return rc;
}

/* --- signals */

static void stop_look(struct gw_now now, void *ctx)
{
    struct gd *gd = ctx;

    if (now.mono >= gd->stop_until || (xmpp_server_is_idle(gd->xmpp) && gd_federation_is_idle(gd)))
        net_loop_stop(gd->loop);
    else
        net_timer_set(gd->stop_timer, gw_time_after(now.mono, 20));
}

static void on_stop(int signo, void *ctx)
{
    struct gw_now now;
    struct gd *gd = ctx;

    if (gd->stopping) { /* asked twice: no more goodbyes */
        net_loop_stop(gd->loop);
        return;
    }
    now = net_loop_now(gd->loop);
    gw_info("gatewayd", "stopping signal=%d", signo);
    gd->stopping = true;
    gd->stop_until = gw_time_after(now.mono, STOP_MS);
    admin_api_stop(gd->api);
    gd_calendars_stop(gd);
    xmpp_server_stop(gd->xmpp);
    gd_federation_stop(gd); /* after the goodbyes of our users */
    net_timer_set(gd->stop_timer, now.mono);
}

static void on_hangup(int signo, void *ctx)
{
    struct gd *gd = ctx;

    (void)signo;
    gd_log_reopen();
    if (!gd->stopping) /* then half of what uses them is gone */
        gd_identities_reload(gd);
}

static void signals_start(struct gd *gd)
{
    gd->stop_timer = net_timer_new(gd->loop, stop_look, gd);
    gd->signal[0] = net_signal_new(gd->loop, SIGTERM, on_stop, gd);
    gd->signal[1] = net_signal_new(gd->loop, SIGINT, on_stop, gd);
    gd->signal[2] = net_signal_new(gd->loop, SIGHUP, on_hangup, gd);
}

/* --- life */

static enum gw_code open_all(struct gd *gd, struct gw_err *err)
{
    enum gw_code rc = data_folder(gd, err);

    if (!rc)
        rc = open_store(gd, err);
    if (!rc)
        rc = open_certs(gd, err);
    if (!rc)
        rc = gd_params_load(gd, err);
    if (!rc)
        cert_store_settings_set(gd->certs, &gd->settings.certs);
    if (!rc && gd->notification_port)
        rc = gd_param_at_start(gd, GW_STR("calendar.notification_port"),
                               gw_str_of(gd->notification_port), err);
    return rc;
}

static enum gw_code load_all(struct gd *gd, struct gw_err *err)
{
    enum gw_code rc;

    gd->dir = dir_new(gd->store);
    gd_policy_start(gd);
    gd->gateways = gd_gateways_new(gd);
    rc = gd_calendars_start(gd, err);
    if (rc)
        return rc;
    gd_presence_start(gd);
    rc = gd_policy_load(gd, err);
    if (!rc)
        rc = gd_gateways_load(gd, err);
    if (!rc)
        rc = load_directory(gd, err);
    if (!rc)
        rc = gd_calendars_restore(gd, err);
    return rc;
}

enum gw_code gd_start(struct gd *gd, struct gw_err *err)
{
    struct gw_err why;
    enum gw_code rc;

    gw_list_init(&gd->checks);
    gw_list_init(&gd->rule_tests);
    gw_list_init(&gd->astray);
    gd->loop = net_loop_new();
    gd->pool = net_pool_new(gd->loop, POOL_THREADS);
    gd->dns = net_dns_new(gd->loop, err);
    rc = gd->dns ? open_all(gd, err) : err->code;
    if (!rc)
        rc = load_all(gd, err);
    if (!rc)
        rc = gd_identities_open(gd, err);
    if (!rc)
        rc = gd_presence_listen(gd, err);
    if (!rc)
        rc = gd_federation_start(gd, err);
    if (!rc)
        rc = gd_sip_listen(gd, err);
    if (!rc)
        rc = gd_api_start(gd, err);
    if (rc)
        return rc;
    if (gd_listen_apply(gd, &why)) /* the socket is there: another port can be set */
        gw_error("gatewayd", "%s", why.msg);
    signals_start(gd);
    gw_info("gatewayd", "started version=%s data='%s' users=%zu xmpp_port=%u", KALENDS_VERSION,
            gd->config.data, dir_user_count(gd->dir), gd->xmpp_port);
    return GW_OK;
}

void gd_run(struct gd *gd)
{
    net_loop_run(gd->loop);
    gw_info("gatewayd", "stopped");
}

/* Who holds calls of others goes first. Closing the store runs the last done callbacks, of changes
 * that the API and the directory have asked for: these two stay until then. */
void gd_done(struct gd *gd)
{
    if (gd->core)
        pres_route_set(gd->core, GW_STR(""), NULL);
    gd_federation_done(gd);
    if (gd->xmpp)
        xmpp_server_free(&gd->xmpp);
    net_timer_free(&gd->digests_timer);
    sip_server_free(&gd->sip);
    sip_tls_free(&gd->sip_tls);
    if (gd->federation_dns)
        net_dns_free(&gd->federation_dns);
    gd_calendars_done(gd);
    if (gd->api)
        admin_api_stop(gd->api);
    gd_gateways_free(&gd->gateways);
    if (gd->core) /* else none was begun */
        gd_own_passwords_done(gd);
    if (gd->pool)
        net_pool_free(&gd->pool);
    if (gd->store)
        store_close(&gd->store);
    if (gd->api)
        admin_api_free(&gd->api);
    gd_people_done(gd);
    gd_neighbours_done(gd);
    gd_policy_done(gd);
    if (gd->core)
        pres_core_free(&gd->core);
    dir_jobs_free(&gd->jobs);
    net_timer_free(&gd->jobs_timer);
    dir_audit_free(&gd->audit);
    dir_mails_free(&gd->mails);
    if (gd->dir)
        dir_free(&gd->dir);
    net_tls_unref(&gd->tls);
    net_tls_unref(&gd->xmpp_login_tls);
    cert_peer_free(&gd->xmpp_login_peer);
    gd_listen_done(gd);
    gd_identities_done(gd);
    if (gd->certs)
        cert_store_close(&gd->certs);
    gd_params_done(gd);
    for (size_t i = 0; i < sizeof(gd->signal) / sizeof(gd->signal[0]); i++)
        net_signal_free(&gd->signal[i]);
    net_timer_free(&gd->stop_timer);
    net_wake_free(&gd->store_wake);
    if (gd->dns)
        net_dns_free(&gd->dns);
    if (gd->loop)
        net_loop_free(&gd->loop);
}

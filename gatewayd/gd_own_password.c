/* Users change their passwords in a client: the keys are made by a worker, then put into the directory
 * on the user's behalf. When that is on disk the user is told, and his sessions end. */
#include <stdlib.h>

#include "gd.h"
#include "gw_bytes.h"
#include "gw_log.h"
#include "gw_mem.h"

struct job {
    struct gw_list link;
    struct gd *gd;
    struct net_work *work; /* NULL: it is done, and the disk's turn */
    char *user, *password;
    struct dir_password keys;
    struct gw_err err;
    xmpp_own_done_fn *done;
    void *done_ctx;
};

static void job_end(struct job *job, const char *why)
{
    gw_list_remove(&job->link);
    job->done(why, job->done_ctx);
    gw_wipe(&job->keys, sizeof(job->keys));
    gw_secret_free(&job->password);
    free(job->user);
    free(job);
}

static void run(void *ctx)
{
    struct job *job = ctx;

    (void)dir_password_derive(gw_str_of(job->password), &job->keys, &job->err);
}

static void refuse(struct job *job, const char *why)
{
    char quoted[GW_QUOTE_MAX];

    gw_info("gatewayd", "password refused user=%s reason=\"%s\"",
            gw_quote(gw_str_of(job->user), quoted), why);
    job_end(job, why);
}

static void on_stored(const struct gw_err *result, void *ctx)
{
    struct job *job = ctx;
    struct gw_str user = gw_str_of(job->user);
    char quoted[GW_QUOTE_MAX];

    if (result->code) {
        refuse(job, result->msg);
        return;
    }
    gw_info("gatewayd", "password changed in a client user=%s", gw_quote(user, quoted));
    pres_user_end_sessions(job->gd->core, user, PRES_END_REFUSED, net_loop_now(job->gd->loop));
    job_end(job, NULL);
}

static void on_keys(void *ctx)
{
    struct job *job = ctx;
    struct gd *gd = job->gd;
    enum gw_code rc = job->err.code;

    job->work = NULL;
    gw_list_remove(&job->link); /* nothing is left to cancel */
    if (!rc) {
        gd->own_password_of = job->user;
        dir_act(gd->dir, gw_str_of(job->user), net_loop_now(gd->loop).utc);
        dir_digests_derive(gd->dir, gw_str_of(job->user), gw_str_of(job->password), &job->keys);
        rc = dir_password_put(gd->dir, gw_str_of(job->user), &job->keys, on_stored, job, &job->err);
        dir_act(gd->dir, GW_STR(""), 0);
        gd->own_password_of = NULL;
    }
    if (rc)
        refuse(job, job->err.msg);
}

static void drop(void *ctx)
{
    job_end(ctx, "the gateway stops");
}

bool gd_own_password(struct gw_str user, struct gw_str password, xmpp_own_done_fn *done,
                     void *done_ctx, void *ctx)
{
    struct gd *gd = ctx;
    struct job *job = gw_new(struct job);

    job->gd = gd;
    job->user = gw_str_dup(user);
    job->password = gw_str_dup(password);
    job->done = done;
    job->done_ctx = done_ctx;
    job->work = net_work_start(gd->pool, run, on_keys, job);
    if (job->work) {
        gw_list_append(&gd->own_passwords, &job->link);
        return true;
    }
    gw_secret_free(&job->password);
    free(job->user);
    free(job);
    return false;
}

void gd_own_passwords_done(struct gd *gd)
{
    struct gw_list *link;

    while ((link = gw_list_pop(&gd->own_passwords)))
        net_work_cancel(&GW_CONTAINER(link, struct job, link)->work, drop);
}

/* Users change their passwords in a client: the keys are made by a worker, then put into the directory
 * on the user's behalf. */
#include <stdlib.h>

#include "gd.h"
#include "gw_bytes.h"
#include "gw_log.h"
#include "gw_mem.h"

struct job {
    struct gw_list link;
    struct gd *gd;
    struct net_work *work;
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

static void on_keys(void *ctx)
{
    struct job *job = ctx;
    struct gw_str user = gw_str_of(job->user);
    struct dir *dir = job->gd->dir;
    enum gw_code rc = job->err.code;
    char quoted[GW_QUOTE_MAX];

    if (!rc) {
        dir_act(dir, user, net_loop_now(job->gd->loop).utc);
        rc = dir_password_put(dir, user, &job->keys, NULL, NULL, &job->err);
        dir_act(dir, GW_STR(""), 0);
    }
    if (rc)
        gw_info("gatewayd", "password refused user=%s reason=\"%s\"", gw_quote(user, quoted),
                job->err.msg);
    else
        gw_info("gatewayd", "password changed in a client user=%s", gw_quote(user, quoted));
    job_end(job, rc ? job->err.msg : NULL);
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

/* Subscriptions of before a restart: their dialogs go on. */
#include "gw_log.h"
#include "sip_account.h"

enum { PER_SECOND = 2000 }; /* what is told anew after a restart, so that it is no storm */

bool sip_record_lasts(const struct sip_core *core, gw_utc expires, gw_time *at)
{
    int64_t left = expires - core->now.utc, most = core->settings->expires_max_s * GW_SECOND_MS;

    *at = gw_time_after(core->now.mono, left < most ? left : most);
    return left > 0;
}

/* With another key than its tag there could be two of it, of which one would never be found. */
static enum gw_code record_read(const struct store_record *r, struct sip_sub_args *args,
                                gw_utc *expires, json_t **owner, struct gw_err *err)
{
    enum gw_code rc = sip_record_parse(r->value, args, expires, owner, err);

    if (rc || gw_str_eq(r->key, args->text[SIP_TEXT_TAG]))
        return rc;
    sip_record_done(owner);
    return gw_fail(err, GW_BADMSG, "its tag is not its key");
}

static void load_one(const struct store_record *r, void *ctx)
{
    struct sip_core *core = ctx;
    struct sip_sub_args args;
    char key[GW_QUOTE_MAX];
    struct sip_sub *s;
    struct gw_err err;
    json_t *owner;
    gw_utc expires;

    if (record_read(r, &args, &expires, &owner, &err)) {
        gw_warn("sip", "subscription record unreadable key=%s reason=\"%s\", ignored",
                gw_quote(r->key, key), err.msg);
        return;
    }
    (void)sip_record_lasts(core, expires, &args.expires_at); /* what is over is told that it is */
    if (args.was_by_login && sip_login_is_possible(core, args.text[SIP_TEXT_WATCHER]))
        args.account = sip_account_take(core, args.text[SIP_TEXT_WATCHER]);
    s = sip_sub_new(core, &args);
    if (args.was_by_login && !args.account)
        s->over = "rejected";
    s->source->is_proven = true;
    core->counters.resumed++;
    /* What expired meanwhile is ended in the same way, and at the same pace. */
    s->is_dirty = s->is_forced = true;
    s->next_at = core->resume_at + (gw_time)(core->counters.resumed * GW_SECOND_MS / PER_SECOND);
    gw_heap_set(&core->due, &s->due, s->next_at);
    sip_record_done(&owner);
}

static void load_watch(const struct store_record *r, void *ctx)
{
    sip_watch_restore(ctx, r->key, r->value);
}

static void load_publication(const struct store_record *r, void *ctx)
{
    sip_publish_restore(ctx, r->key, r->value);
}

static void load_account(const struct store_record *r, void *ctx)
{
    sip_account_restore(ctx, r->key, r->value);
}

static void load_state(const struct store_record *r, void *ctx)
{
    sip_state_restore(ctx, r->key, r->value);
}

static void load_wait(const struct store_record *r, void *ctx)
{
    sip_wait_restore(ctx, r->key, r->value);
}

static void load_done(const struct gw_err *result, void *ctx)
{
    struct sip_core *core = ctx;

    if (result->code)
        core->load_result = *result;
    if (--core->loading)
        return;
    core->sub_sweep =
        (struct sip_sweep){ .runs = true }; /* they may have come before it was over */
    core->io->wake(core->io_ctx);
    core->loaded(&core->load_result, core->loaded_ctx);
}

void sip_core_load(struct sip_core *core, struct gw_now now, store_done_fn *done, void *ctx)
{
    core->now = now;
    core->resume_at = now.mono;
    core->loaded = done;
    core->loaded_ctx = ctx;
    core->loading = 6;
    core->load_result = (struct gw_err){ .code = GW_OK };
    store_load(core->store, SIP_RECORD_KIND, NULL, load_one, load_done, core);
    store_load(core->store, SIP_WATCH_KIND, NULL, load_watch, load_done, core);
    store_load(core->store, SIP_PUBLISH_KIND, NULL, load_publication, load_done, core);
    store_load(core->store, SIP_ACCOUNT_KIND, NULL, load_account, load_done, core);
    store_load(core->store, SIP_STATE_KIND, NULL, load_state, load_done, core);
    store_load(core->store, SIP_WAIT_KIND, NULL, load_wait, load_done, core);
}

/* Overrides:
 *
 *   none --set--> on --clear, its time, the end of its item--> none
 *          '------'  set again: the new one in its place
 *
 * Whether one is on is asked afresh whenever the calendar or the time may have an answer. */
#include <inttypes.h>
#include <stdlib.h>

#include "gw_bytes.h"
#include "gw_log.h"
#include "pres_priv.h"

#define KIND "override"

static void save(const struct pres_user *u)
{
    struct gw_buf value;

    if (!u->core->store)
        return;
    gw_buf_init(&value, PRES_OVER_RECORD_MAX);
    pres_over_write(u->over, &value);
    store_put(pres_batch(u->core), KIND, u->name, u->name, gw_buf_str(&value));
    gw_buf_done(&value);
}

static void arm(struct pres_user *u)
{
    gw_utc at = pres_over_due(u->over, u->cal);

    if (at == GW_NEVER)
        gw_heap_remove(&u->core->overs, &u->over->due);
    else
        gw_heap_set(&u->core->overs, &u->over->due, at);
}

struct gw_str pres_override_text(const struct pres_user *u)
{
    const struct pres_core *core = u->core;

    if (!u->over->text_len && core->words)
        return core->words(u->name, u->over->kind, core->words_ctx);
    return (struct gw_str){ u->over->text, u->over->text_len };
}

/* Takes it from the user; whoever called frees it when its text is no longer looked at. */
static struct pres_over *take(struct pres_user *u)
{
    struct pres_over *o = u->over;

    u->over = NULL;
    gw_heap_remove(&u->core->overs, &o->due);
    if (u->core->store)
        store_del(pres_batch(u->core), KIND, u->name);
    return o;
}

void pres_override_drop(struct pres_user *u)
{
    if (u->over)
        free(take(u));
}

struct pres_over *pres_override_step(struct pres_user *u, struct gw_now now)
{
    struct pres_over *o = u->over;

    if (!o)
        return NULL;
    if (!pres_over_is_on(o, u->cal, now.utc)) {
        gw_info("pres", "override over user='%s' state=%s", u->jid, pres_override_name(o->kind));
        return take(u);
    }
    if (o->ends == PRES_ENDS_ITEM && pres_cal_kind(u->cal) != PRES_CAL_NONE &&
        u->cal->item_until != o->until) {
        o->until = u->cal->item_until; /* the item was made longer, or shorter */
        save(u);
    }
    arm(u);
    return NULL;
}

static enum gw_code end_of_item(const struct pres_user *u, struct pres_override *o,
                                struct gw_err *err)
{
    if (!u->cal || !u->cal->item_until)
        return gw_fail(err, GW_INVALID,
                       "no calendar item runs just now: name a time until when, or set it until it "
                       "is cleared");
    o->until = u->cal->item_until;
    return GW_OK;
}

enum gw_code pres_override_set(struct pres_core *core, struct gw_str user,
                               const struct pres_override *in, struct gw_now now,
                               store_done_fn *done, void *done_ctx, struct gw_err *err)
{
    const struct pres_tell how = { .cause = PRES_CAUSE_OVERRIDE, .times = true };
    struct pres_user *u = pres_user_find(core, user);
    struct pres_override o = *in;
    struct pres_over *old;
    enum gw_code rc;

    if (!u)
        return gw_fail(err, GW_NOTFOUND, "there is no user '%.*s'",
                       GW_STR_ARG(gw_str_utf8_cut(user, 100)));
    o.set_at = now.utc;
    rc = pres_over_check(&o, err);
    if (!rc && o.ends == PRES_ENDS_ITEM)
        rc = end_of_item(u, &o, err);
    if (rc)
        return rc;
    pres_tell_begin(u);
    old = u->over ? take(u) : NULL;
    u->over = pres_over_new(&o);
    u->over->user = u;
    u->over->words = gw_hash_stable(pres_override_text(u));
    arm(u);
    save(u);
    gw_info("pres", "override set user='%s' state=%s ends=%s", u->jid, pres_override_name(o.kind),
            pres_ends_name(o.ends));
    pres_tell_end(u, &how, now);
    free(old);
    pres_commit_done(core, done, done_ctx);
    return GW_OK;
}

enum gw_code pres_override_clear(struct pres_core *core, struct gw_str user, struct gw_now now,
                                 store_done_fn *done, void *done_ctx, struct gw_err *err)
{
    const struct pres_tell how = { .cause = PRES_CAUSE_OVERRIDE, .times = true };
    struct pres_user *u = pres_user_find(core, user);
    struct pres_over *old;

    if (!u || !u->over)
        return gw_fail(err, GW_NOTFOUND, "'%.*s' has no override",
                       GW_STR_ARG(gw_str_utf8_cut(user, 100)));
    pres_tell_begin(u);
    old = take(u);
    gw_info("pres", "override cleared user='%s' state=%s", u->jid, pres_override_name(old->kind));
    pres_tell_end(u, &how, now);
    free(old);
    pres_commit_done(core, done, done_ctx);
    return GW_OK;
}

void pres_override_reworded(struct pres_core *core, struct gw_str user)
{
    struct pres_user *u = pres_user_find(core, user);
    uint64_t words;

    if (!u || !u->over)
        return;
    words = gw_hash_stable(pres_override_text(u));
    if (words == u->over->words)
        return;
    u->over->words = words;
    pres_tell_text(u);
}

bool pres_override_get(const struct pres_core *core, struct gw_str user, struct pres_override *out)
{
    const struct pres_user *u = pres_user_find(core, user);

    if (!u || !u->over)
        return false;
    pres_over_view(u->over, out);
    return true;
}

bool pres_override_next(const struct pres_core *core, size_t *pos, struct gw_str *user,
                        struct pres_override *out)
{
    const struct pres_user *u;

    while ((u = gw_map_next(core->users, pos))) {
        if (!u->over)
            continue;
        *user = u->name;
        pres_over_view(u->over, out);
        return true;
    }
    return false;
}

/* ---- Time ---- */

gw_utc pres_due(const struct pres_core *core)
{
    const struct gw_due *first = gw_heap_first(&core->overs);

    if (core->is_lining_up || !gw_list_is_empty(&core->waiting))
        return 0;
    return first ? first->at : GW_NEVER;
}

void pres_tick(struct pres_core *core, struct gw_now now)
{
    const struct pres_tell how = { .cause = PRES_CAUSE_OVERRIDE, .times = true };
    struct pres_over *ended;
    struct gw_due *due;

    for (int i = 0; i < PRES_TICK_MAX && (due = gw_heap_pop_due(&core->overs, now.utc)); i++) {
        struct pres_user *u = GW_CONTAINER(due, struct pres_over, due)->user;

        pres_tell_begin(u);
        ended = pres_override_step(u, now);
        pres_tell_end(u, &how, now);
        free(ended);
    }
    pres_turns(core, now);
    pres_commit(core);
}

/* ---- Loading ---- */

void pres_override_load(struct pres_core *core, const struct store_record *r)
{
    struct pres_user *u = pres_user_find(core, r->key);
    char quoted[GW_QUOTE_MAX];
    struct pres_over *o;
    struct gw_err err;

    if (!u) {
        core->load_skipped++;
        return;
    }
    if (pres_over_parse(r->value, &o, &err)) {
        gw_warn("pres", "override unreadable user=%s error=\"%s\", ignored",
                gw_quote(r->key, quoted), err.msg);
        return;
    }
    pres_override_drop(u);
    u->over = o;
    o->user = u;
    arm(u);
}

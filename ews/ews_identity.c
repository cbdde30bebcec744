#include "ews_identity.h"

#include <stdlib.h>
#include <string.h>

#include "ews_priv.h"
#include "gw_bytes.h"
#include "gw_mem.h"

enum {
    FORGOTTEN_LATE_MAX = 100 /* that nobody has any more: an administrator does not set so many in a
                                quarter of an hour, but a program might; the oldest go first */
};

struct ews_identities {
    struct net_loop *loop;
    unsigned refs;
    struct gw_list list;
    struct net_timer *timer; /* forgets those that nobody has any more */
    unsigned changes;        /* epochs and doubts are numbered through */
};

static gw_time identities_now(const struct ews_identities *all)
{
    return net_loop_now(all->loop).mono;
}

static unsigned refusals(const struct ews_identity *id, gw_time now)
{
    unsigned n = 0;

    for (unsigned i = 0; i < id->refused_count; i++)
        n += now < gw_time_after(id->refused[i], EWS_REFUSALS_MS);
    return n;
}

/* ---- all of them ------------------------------------------------------------------------------ */

static void identity_free(struct ews_identity *id)
{
    gw_list_remove(&id->link);
    net_timer_free(&id->trials_timer);
    free(id->name);
    gw_secret_free(&id->password);
    free(id);
}

static void forget_old(struct ews_identities *all)
{
    gw_time now = identities_now(all);
    struct gw_list *it, *before;
    unsigned kept = 0;

    for (it = all->list.prev; it != &all->list; it = before) {
        struct ews_identity *id = GW_CONTAINER(it, struct ews_identity, link);

        before = it->prev;
        if (!id->refs && (!refusals(id, now) || ++kept > FORGOTTEN_LATE_MAX))
            identity_free(id);
    }
    net_timer_set(all->timer, kept ? gw_time_after(now, GW_MINUTE_MS) : GW_NEVER);
}

static void on_timer(struct gw_now now, void *ctx)
{
    (void)now;
    forget_old(ctx);
}

struct ews_identities *ews_identities_new(struct net_loop *loop)
{
    struct ews_identities *all = gw_new(struct ews_identities);

    all->loop = loop;
    all->refs = 1;
    gw_list_init(&all->list);
    all->timer = net_timer_new(loop, on_timer, all);
    return all;
}

struct ews_identities *ews_identities_ref(struct ews_identities *all)
{
    all->refs++;
    return all;
}

void ews_identities_unref(struct ews_identities **allp)
{
    struct ews_identities *all = *allp;
    struct gw_list *link;

    *allp = NULL;
    if (!all || --all->refs)
        return;
    while ((link = gw_list_pop(&all->list)))
        identity_free(GW_CONTAINER(link, struct ews_identity, link));
    net_timer_free(&all->timer);
    free(all);
}

/* ---- refusals --------------------------------------------------------------------------------- */

static void refusal_add(struct ews_identity *id, gw_time at)
{
    if (id->refused_count == EWS_REFUSALS_MAX) {
        memmove(id->refused, id->refused + 1, sizeof(id->refused) - sizeof(id->refused[0]));
        id->refused_count--;
    }
    id->refused[id->refused_count++] = at;
}

void ews_identity_changed(struct ews_identity *id)
{
    id->epoch = id->doubt = ++id->all->changes;
    id->proven = false;
}

void ews_identity_refused(struct ews_identity *id, gw_time now)
{
    id->doubt = ++id->all->changes;
    id->proven = id->trusted = false;
    refusal_add(id, now);
}

void ews_identity_taken(struct ews_identity *id)
{
    id->proven = id->trusted = true;
    id->taken_at = identities_now(id->all);
    id->refused_count = 0;
    for (struct gw_list *it = id->tries.next; it != &id->tries; it = it->next)
        GW_CONTAINER(it, struct ews_try, link)->counts = false;
}

void ews_identity_recall(struct ews_identity *id, const struct ews_refusals *refused)
{
    struct gw_now now = net_loop_now(id->all->loop);

    if (id->proven || refused->count < refusals(id, now.mono))
        return;
    id->trusted = refused->trusted && !refused->count;
    id->refused_count = 0;
    for (unsigned i = 0; i < refused->count && i < EWS_REFUSALS_MAX; i++) {
        int64_t ago = now.utc - refused->at[i];

        if (ago < EWS_REFUSALS_MS)
            refusal_add(id, now.mono - (ago > 0 ? ago : 0)); /* the clock was set back */
    }
}

gw_time ews_identity_locked_until(const struct ews_identity *id, gw_time now)
{
    if (refusals(id, now) < EWS_REFUSALS_MAX)
        return 0;
    return gw_time_after(id->refused[0], EWS_REFUSALS_MS);
}

bool ews_identity_is_locked(const struct ews_identity *id, gw_time now, struct ews_status *why)
{
    gw_time until = ews_identity_locked_until(id, now);
    int64_t left_ms = until - now;

    if (!until)
        return false;
    ews_status_set(why, EWS_CREDENTIALS, "locked-out",
                   "not sent: the account was refused %d times, or not answered; set the right "
                   "password, or wait %d minutes",
                   EWS_REFUSALS_MAX, (int)(left_ms / GW_MINUTE_MS) + 1);
    return true;
}

gw_time ews_identity_now(const struct ews_identity *id)
{
    return identities_now(id->all);
}

unsigned ews_identity_refusals(const struct ews_identity *id)
{
    return refusals(id, identities_now(id->all));
}

unsigned ews_identity_tries_max(const struct ews_identity *id)
{
    return id->proven ? EWS_REFUSALS_MAX - ews_identity_refusals(id) : 1;
}

/* ---- tries ------------------------------------------------------------------------------------ */

bool ews_identity_is_trying(const struct ews_identity *id)
{
    return !gw_list_is_empty(&id->tries);
}

void ews_identity_try_add(struct ews_identity *id, struct ews_try *t)
{
    *t = (struct ews_try){ .identity = ews_identity_ref(id),
                           .at = identities_now(id->all),
                           .epoch = id->epoch,
                           .counts = !id->proven };
    gw_list_append(&id->tries, &t->link);
}

/* One that was good when it was shown says by its silence only that it is to be proven again, and not
 * even that if a server has taken it since. */
void ews_identity_try_silent(struct ews_identity *id, const struct ews_try *t)
{
    if (!t->counts && t->epoch == id->epoch && id->proven && id->taken_at <= t->at) {
        id->doubt = ++id->all->changes;
        id->proven = false;
    }
}

/* ---- trials ----------------------------------------------------------------------------------- */

static unsigned trials_running(const struct ews_identity *id)
{
    unsigned n = 0;

    for (struct gw_list *it = id->trials.next; it != &id->trials; it = it->next)
        n += GW_CONTAINER(it, struct ews_trial, link)->epoch == id->epoch;
    return n;
}

static bool trial_may_run(const struct ews_identity *id)
{
    return ews_identity_locked_until(id, identities_now(id->all)) ||
           trials_running(id) < ews_identity_tries_max(id);
}

static void on_trials_timer(struct gw_now now, void *ctx)
{
    struct ews_identity *id = ews_identity_ref(ctx);

    (void)now;
    while (!gw_list_is_empty(&id->trials_waiting) && trial_may_run(id)) {
        struct ews_trial *t = GW_CONTAINER(id->trials_waiting.next, struct ews_trial, link);

        gw_list_remove(&t->link);
        gw_list_append(&id->trials, &t->link);
        t->epoch = id->epoch;
        t->go(t->ctx);
    }
    ews_identity_unref(&id);
}

bool ews_trial_begin(struct ews_trial *t, struct ews_identity *id, void (*go)(void *ctx), void *ctx)
{
    bool now = gw_list_is_empty(&id->trials_waiting) && trial_may_run(id);

    *t = (struct ews_trial){
        .identity = ews_identity_ref(id), .epoch = id->epoch, .go = go, .ctx = ctx
    };
    gw_list_init(&t->link);
    gw_list_append(now ? &id->trials : &id->trials_waiting, &t->link);
    return now;
}

/* The next one goes in the next round: whoever ends one may have more to tell of it. */
void ews_trial_end(struct ews_trial *t)
{
    if (!t->identity)
        return;
    gw_list_remove(&t->link);
    net_timer_set(t->identity->trials_timer, identities_now(t->identity->all));
    ews_identity_unref(&t->identity);
}

/* ---- one -------------------------------------------------------------------------------------- */

struct ews_identity *ews_identity_get(struct ews_identities *all, const char *name,
                                      const char *password)
{
    struct ews_identity *id;
    struct gw_list *it, *tmp;

    forget_old(all);
    GW_LIST_EACH(&all->list, it, tmp)
    {
        id = GW_CONTAINER(it, struct ews_identity, link);
        if (ews_account_same_name(id->name, name) &&
            gw_secret_eq(gw_str_of(id->password), gw_str_of(password)))
            return ews_identity_ref(id);
    }
    id = gw_new(struct ews_identity);
    id->all = all;
    gw_list_init(&id->tries);
    id->name = gw_str_dup(gw_str_of(name));
    id->password = gw_str_dup(gw_str_of(password));
    gw_list_init(&id->accounts);
    gw_list_init(&id->trials);
    gw_list_init(&id->trials_waiting);
    id->trials_timer = net_timer_new(all->loop, on_trials_timer, id);
    gw_list_append(&all->list, &id->link);
    return ews_identity_ref(id);
}

struct ews_identity *ews_identity_ref(struct ews_identity *id)
{
    if (!id->refs++)
        (void)ews_identities_ref(id->all);
    return id;
}

void ews_identity_unref(struct ews_identity **idp)
{
    struct ews_identity *id = *idp;
    struct ews_identities *all;

    *idp = NULL;
    if (!id || --id->refs)
        return;
    all = id->all;
    forget_old(all);
    ews_identities_unref(&all);
}

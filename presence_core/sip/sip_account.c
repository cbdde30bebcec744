#include "sip_account.h"

#include <stdlib.h>
#include <string.h>

#include "gw_bytes.h"
#include "gw_log.h"
#include "gw_mem.h"

enum { RESOURCE_LEN = 4 + 2 * 6 };

/* ---- Bindings ---- */

struct sip_binding *sip_binding_find(const struct sip_account *a, struct gw_str key)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&a->bindings, it, tmp)
    {
        struct sip_binding *b = GW_CONTAINER(it, struct sip_binding, link);

        if (gw_str_eq(b->text[SIP_BINDING_KEY], key))
            return b;
    }
    return NULL;
}

void sip_binding_free(struct sip_binding *b)
{
    gw_list_remove(&b->link);
    gw_heap_remove(&b->account->core->account_due, &b->due);
    b->account->count--;
    b->account->core->counters.registered--;
    free(b);
}

static struct sip_binding *soonest(const struct sip_account *a)
{
    struct sip_binding *first = NULL;
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&a->bindings, it, tmp)
    {
        struct sip_binding *b = GW_CONTAINER(it, struct sip_binding, link);

        if (!first || b->expires_at < first->expires_at)
            first = b;
    }
    return first;
}

void sip_binding_put(struct sip_account *a, const struct sip_binding_args *args)
{
    struct sip_binding *old = sip_binding_find(a, args->text[SIP_BINDING_KEY]), *b;
    size_t len = 0;
    char *at;

    if (!old && a->count == SIP_BINDINGS_MAX)
        old = soonest(a);
    if (old)
        sip_binding_free(old);
    for (int i = 0; i < SIP_BINDING_TEXTS; i++)
        len += args->text[i].len;
    b = gw_alloc(sizeof(*b) + len);
    at = b->bytes;
    for (int i = 0; i < SIP_BINDING_TEXTS; i++) {
        b->text[i] = (struct gw_str){ at, args->text[i].len };
        if (args->text[i].len)
            memcpy(at, args->text[i].p, args->text[i].len);
        at += args->text[i].len;
    }
    b->account = a;
    b->expires_at = args->expires_at;
    b->conn = args->conn;
    b->cseq = args->cseq;
    b->reg_id = args->reg_id;
    b->q = args->q;
    b->port = args->port;
    b->proto = args->proto;
    gw_list_append(&a->bindings, &b->link);
    gw_heap_set(&a->core->account_due, &b->due, b->expires_at);
    a->count++;
    a->core->counters.registered++;
}

static void bindings_free(struct sip_account *a)
{
    while (!gw_list_is_empty(&a->bindings))
        sip_binding_free(GW_CONTAINER(a->bindings.next, struct sip_binding, link));
}

/* ---- Accounts ---- */

struct sip_account *sip_account_find(const struct sip_core *core, struct gw_str jid)
{
    return gw_map_get(core->accounts, jid);
}

/* A name that no other client of the user takes. */
static bool session_open(struct sip_account *a)
{
    char resource[RESOURCE_LEN + 1] = "sip-";
    struct gw_err err;

    gw_random_hex(resource + 4, 6);
    if (!pres_session_new(a->core->pres,
                          &(struct pres_session_args){ .user = a->jid,
                                                       .resource = gw_str_of(resource),
                                                       .front = a->core->front,
                                                       .ctx = a },
                          a->core->now, &a->session, &err))
        return true;
    gw_info("sip", "client refused user='%.*s' reason=\"%s\"", GW_STR_ARG(a->jid), err.msg);
    return false;
}

static void account_free(struct sip_account *a)
{
    bindings_free(a);
    sip_states_free(a);
    sip_grants_end(a);
    gw_map_remove(a->core->accounts, a->jid);
    free(a);
}

struct sip_account *sip_account_take(struct sip_core *core, struct gw_str jid)
{
    struct sip_account *a = sip_account_find(core, jid);

    if (a)
        return a;
    a = gw_alloc(sizeof(*a) + jid.len);
    a->core = core;
    gw_list_init(&a->bindings);
    gw_list_init(&a->states);
    gw_list_init(&a->grants);
    memcpy(a->text, jid.p, jid.len);
    a->jid = (struct gw_str){ a->text, jid.len };
    if (!session_open(a)) {
        free(a);
        return NULL;
    }
    gw_map_set(core->accounts, a->jid, a);
    return a;
}

void sip_account_settle(struct sip_account *a)
{
    if (a->count || a->state_count || !gw_list_is_empty(&a->grants))
        return;
    pres_session_free(&a->session, a->core->now);
    account_free(a);
}

void sip_account_save(struct sip_account *a)
{
    struct sip_core *core = a->core;
    struct gw_buf value;

    if (!core->store)
        return;
    gw_buf_init(&value, STORE_VALUE_MAX);
    if (a->count && sip_account_record_write(a, core->now.utc, core->now.mono, &value))
        store_put(sip_batch(core), SIP_ACCOUNT_KIND, a->jid, a->jid, gw_buf_str(&value));
    else
        store_del(sip_batch(core), SIP_ACCOUNT_KIND, a->jid);
    gw_buf_done(&value);
}

/* ---- What the core tells ---- */

/* The user is no more, or may not go on: disabled, or with another password. */
void sip_account_ended(struct pres_session *s, enum pres_end why, void *ctx)
{
    struct sip_account *a = pres_session_ctx(s);
    struct sip_core *core = ctx;

    (void)why;
    gw_info("sip", "user logged out user='%.*s' clients=%zu dialogs=%zu", GW_STR_ARG(a->jid),
            a->count, gw_list_len(&a->grants));
    if (core->store) {
        store_del(sip_batch(core), SIP_ACCOUNT_KIND, a->jid);
        store_del(sip_batch(core), SIP_STATE_KIND, a->jid);
    }
    account_free(a);
    core->io->wake(core->io_ctx);
}

bool sip_account_is_reachable(const struct pres_session *s, void *ctx)
{
    const struct sip_account *a = pres_session_ctx(s);
    const struct sip_core *core = ctx;

    return a->count && core->settings->messages;
}

/* ---- Time, settings, life ---- */

gw_time sip_accounts_deadline(const struct sip_core *core)
{
    const struct gw_due *first = gw_heap_first(&core->account_due);

    return first ? first->at : GW_NEVER;
}

void sip_accounts_tick(struct sip_core *core)
{
    struct gw_due *due;

    while ((due = gw_heap_pop_due(&core->account_due, core->now.mono))) {
        struct sip_binding *b = GW_CONTAINER(due, struct sip_binding, due);
        struct sip_account *a = b->account;

        gw_info("sip", "client gone user='%.*s' reason=\"it has not registered again\"",
                GW_STR_ARG(a->jid));
        sip_binding_free(b);
        sip_account_save(a);
        sip_account_settle(a);
    }
}

void sip_accounts_apply(struct sip_core *core)
{
    struct sip_account *a;
    size_t pos = 0;

    if (sip_login_is_on(core))
        return;
    while ((a = gw_map_next(core->accounts, &pos))) {
        bindings_free(a);
        sip_states_free(a);
        sip_grants_end(a);
        sip_account_save(a);
        sip_states_save(a);
        sip_account_settle(a);
    }
}

struct restoring {
    struct sip_core *core;
    struct gw_str jid;
};

static void restore_one(const struct sip_binding_args *args, gw_utc expires, void *ctx)
{
    const struct restoring *r = ctx;
    struct sip_core *core = r->core;
    struct sip_binding_args in = *args;
    struct sip_account *a;

    if (!sip_record_lasts(core, expires, &in.expires_at) || !(a = sip_account_take(core, r->jid)))
        return;
    sip_binding_put(a, &in);
}

void sip_account_restore(struct sip_core *core, struct gw_str jid, struct gw_str value)
{
    struct restoring r = { core, jid };
    bool is_possible = sip_login_is_possible(core, jid);
    const struct sip_account *a;
    char key[GW_QUOTE_MAX];
    struct gw_err err;

    if (is_possible && sip_account_record_read(value, restore_one, &r, &err)) {
        gw_warn("sip", "registration record unreadable key=%s reason=\"%s\", ignored",
                gw_quote(jid, key), err.msg);
        return;
    }
    a = sip_account_find(core, jid);
    if (!is_possible || !a || !a->count) /* he may not be here, or all of it ran out meanwhile */
        store_del(sip_batch(core), SIP_ACCOUNT_KIND, jid);
}

void sip_accounts_free(struct sip_core *core)
{
    struct sip_account *a;
    size_t pos = 0;

    while ((a = gw_map_next(core->accounts, &pos))) {
        pres_session_free(&a->session, core->now);
        account_free(a);
    }
    gw_map_free(&core->accounts);
    gw_heap_done(&core->account_due);
    gw_heap_done(&core->state_due);
}

/* ---- Looking on ---- */

static void clients_each(const struct sip_account *a, struct gw_now now, sip_client_fn *each,
                         void *ctx)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&a->bindings, it, tmp)
    {
        const struct sip_binding *b = GW_CONTAINER(it, struct sip_binding, link);
        const struct sip_peer peer = { .proto = b->proto, .port = b->port };
        const struct sip_client client = {
            .user = a->jid,
            .contact = b->text[SIP_BINDING_URI],
            .agent = b->text[SIP_BINDING_AGENT],
            .host = b->text[SIP_BINDING_HOST],
            .port = sip_port_of(&peer),
            .proto = b->proto,
            .expires = now.utc + (b->expires_at - now.mono),
        };

        each(&client, ctx);
    }
}

static int by_user(const void *a, const void *b)
{
    return gw_str_cmp((*(const struct sip_account *const *)a)->jid,
                      (*(const struct sip_account *const *)b)->jid);
}

void sip_core_clients_each(const struct sip_core *core, struct gw_str user, struct gw_now now,
                           sip_client_fn *each, void *ctx)
{
    struct sip_account **all =
        gw_alloc((gw_map_len(core->accounts) + 1) * sizeof(struct sip_account *));
    struct sip_account *a;
    size_t pos = 0, count = 0;

    while ((a = gw_map_next(core->accounts, &pos))) {
        if (!user.len || gw_str_eq(user, a->jid))
            all[count++] = a;
    }
    qsort(all, count, sizeof(struct sip_account *), by_user);
    for (size_t i = 0; i < count; i++)
        clients_each(all[i], now, each, ctx);
    free(all);
}

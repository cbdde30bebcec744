/* What users have decided about watchers: "bob@b.example" for one, "b.example" for everybody there.
 *   kind "decision", key "alice@a.example bob@b.example", value "allow", "block" or "shut-out"   */
#include <assert.h>
#include <string.h>

#include "gw_log.h"
#include "pres_priv.h"

struct pres_decided {
    enum pres_decision decision;
    struct gw_str who;
    char text[];
};

static const char kind[] = "decision";

/* Where 'who' is, or would go. */
static uint32_t place_of(const struct pres_decisions *d, struct gw_str who, bool *found)
{
    uint32_t low = 0, high = d->count;

    *found = false;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        int order = gw_str_cmp(d->list[mid]->who, who);

        if (!order) {
            *found = true;
            return mid;
        }
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static enum pres_decision exactly(const struct pres_decisions *d, struct gw_str who)
{
    bool found;
    uint32_t at = place_of(d, who, &found);

    return found ? d->list[at]->decision : PRES_ASK;
}

enum pres_decision pres_decision_of(const struct pres_user *u, struct gw_str who)
{
    enum pres_decision own, all;
    struct gw_str domain;

    if (!u->decisions.count)
        return PRES_ASK;
    own = exactly(&u->decisions, who);
    if (!gw_str_cut(who, "@", NULL, &domain))
        return own;
    all = exactly(&u->decisions, domain);
    return own == PRES_ASK || all == PRES_SHUT_OUT ? all : own;
}

enum pres_decision pres_decided(const struct pres_core *core, struct gw_str user, struct gw_str who)
{
    const struct pres_user *u = pres_user_find(core, user);

    return u ? pres_decision_of(u, who) : PRES_ASK;
}

void pres_decisions_each(const struct pres_core *core, struct gw_str user, pres_decided_fn *each,
                         void *ctx)
{
    const struct pres_user *u = pres_user_find(core, user);

    for (uint32_t i = 0; u && i < u->decisions.count; i++)
        each(u->decisions.list[i]->who, u->decisions.list[i]->decision, ctx);
}

static void forget_at(struct pres_decisions *d, uint32_t at)
{
    free(d->list[at]);
    d->count--;
    memmove(d->list + at, d->list + at + 1, (d->count - at) * sizeof(d->list[0]));
}

static void insert_at(struct pres_decisions *d, uint32_t at, struct gw_str who)
{
    struct pres_decided *one = gw_alloc(sizeof(*one) + who.len);

    memcpy(one->text, who.p, who.len);
    one->who = (struct gw_str){ one->text, who.len };
    if (d->count == d->cap) {
        d->cap = d->cap ? d->cap + d->cap / 2 : 4;
        d->list = gw_realloc(d->list, d->cap, sizeof(d->list[0]));
    }
    memmove(d->list + at + 1, d->list + at, (d->count - at) * sizeof(d->list[0]));
    d->list[at] = one;
    d->count++;
}

/* False: there are too many, and nothing happened. */
static bool place(struct pres_decisions *d, struct gw_str who, enum pres_decision decision)
{
    bool found;
    uint32_t at = place_of(d, who, &found);

    if (decision == PRES_ASK) {
        if (found)
            forget_at(d, at);
        return true;
    }
    if (!found) {
        if (d->count == PRES_DECISIONS_MAX)
            return false;
        insert_at(d, at, who);
    }
    d->list[at]->decision = decision;
    return true;
}

static void save(struct pres_user *u, struct gw_str who, enum pres_decision decision)
{
    struct gw_buf key;

    if (!u->core->store)
        return;
    gw_buf_init(&key, STORE_KEY_MAX);
    pres_record_key(u->name, who, &key);
    assert(!key.failed);
    if (decision == PRES_ASK)
        store_del(pres_batch(u->core), kind, gw_buf_str(&key));
    else
        store_put(pres_batch(u->core), kind, gw_buf_str(&key), u->name,
                  gw_str_of(pres_decision_name(decision)));
    gw_buf_done(&key);
}

/* To the user's clients: their list of whom is shut out has changed. */
static void tell(const struct pres_user *u, struct gw_str who, bool is_out)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&u->sessions, it, tmp)
    {
        struct pres_session *s = GW_CONTAINER(it, struct pres_session, link);

        if (s->front->table->shut_out)
            s->front->table->shut_out(who, is_out, s, s->front->ctx);
    }
}

void pres_decision_put(struct pres_user *u, struct gw_str who, enum pres_decision decision)
{
    enum pres_decision before = exactly(&u->decisions, who);

    if (before == decision || !place(&u->decisions, who, decision))
        return;
    save(u, who, decision);
    if (before == PRES_SHUT_OUT || decision == PRES_SHUT_OUT)
        tell(u, who, decision == PRES_SHUT_OUT);
}

void pres_decision_move(struct pres_user *u, struct gw_str from, struct gw_str to)
{
    enum pres_decision d = exactly(&u->decisions, from);

    if (d == PRES_ASK)
        return;
    if (exactly(&u->decisions, to) == PRES_ASK)
        pres_decision_put(u, to, d);
    pres_decision_put(u, from, PRES_ASK);
}

bool pres_is_shut_out(const struct pres_core *core, struct gw_str user, struct gw_str who)
{
    const struct pres_user *u = pres_user_find(core, user);

    return u && u->decisions.count && !gw_str_eq(u->name, who) &&
           pres_decision_of(u, who) == PRES_SHUT_OUT;
}

bool pres_shut_out_next(const struct pres_core *core, struct gw_str user, size_t *pos,
                        struct gw_str *who)
{
    const struct pres_user *u = pres_user_find(core, user);

    for (; u && *pos < u->decisions.count; ++*pos) {
        const struct pres_decided *d = u->decisions.list[*pos];

        if (d->decision == PRES_SHUT_OUT) {
            *who = d->who;
            ++*pos;
            return true;
        }
    }
    return false;
}

void pres_decisions_done(struct pres_user *u)
{
    while (u->decisions.count)
        forget_at(&u->decisions, u->decisions.count - 1);
    free(u->decisions.list);
    u->decisions = (struct pres_decisions){ 0 };
}

void pres_decisions_forget(struct pres_user *u)
{
    if (u->core->store)
        store_del_owner(pres_batch(u->core), kind, u->name);
    pres_decisions_done(u);
}

/* ---- A decision is taken ---- */

/* One entry that a decision may concern: what was visible before it, and what follows. */
static void follow(struct pres_user *u, struct gw_str contact, bool saw)
{
    struct pres_entry *e = pres_roster_find(&u->roster, contact);
    enum pres_decision d = pres_decision_of(u, contact);

    if (!e)
        return;
    if (e->polite ? !pres_decision_blocks(d) : e->state & PRES_IN && d == PRES_ALLOW) {
        if (d == PRES_ALLOW)
            pres_entry_allow(u, e);
        else
            pres_entry_ask_again(u, e);
        return;
    }
    if (e->state & PRES_IN && pres_decision_blocks(d)) {
        pres_entry_deny(u, e);
        return;
    }
    if (saw && !pres_may_see(contact, u)) {
        pres_hide_all_from(u, contact);
    } else if (!saw && pres_may_see(contact, u)) {
        (void)pres_show_all_to(u, contact);
        pres_reveal(u, contact);
    }
}

bool pres_decision_concerns(struct gw_str who, struct gw_str contact)
{
    struct gw_str domain;

    return gw_str_eq(who, contact) ||
           (gw_str_cut(contact, "@", NULL, &domain) && gw_str_eq(who, domain));
}

struct before {
    char *contact;
    bool saw;
};

static void act(struct pres_user *u, struct gw_str who, enum pres_decision decision)
{
    size_t max = u->roster.count, count = 0;
    struct before *before = gw_realloc(NULL, max + 1, sizeof(*before));

    for (uint32_t i = 0; i < max; i++) {
        struct gw_str contact = pres_entry_jid(u->roster.entries[i]);

        if (pres_decision_concerns(who, contact))
            before[count++] = (struct before){ gw_str_dup(contact), pres_may_see(contact, u) };
    }
    pres_decision_put(u, who, decision);
    if (decision == PRES_SHUT_OUT)
        pres_directed_withdraw(u, who);
    for (size_t i = 0; i < count; i++) {
        follow(u, gw_str_of(before[i].contact), before[i].saw);
        free(before[i].contact);
    }
    free(before);
    pres_stir(u);
}

enum gw_code pres_decide_saved(struct pres_core *core, struct gw_str user, struct gw_str who,
                               enum pres_decision decision, store_done_fn *done, void *done_ctx,
                               struct gw_err *err)
{
    struct pres_user *u = pres_user_find(core, user);

    if (!u)
        return gw_fail(err, GW_NOTFOUND, "no such user");
    if (!who.len || who.len > PRES_JID_MAX || memchr(who.p, ' ', who.len) ||
        memchr(who.p, '/', who.len))
        return gw_fail(err, GW_INVALID,
                       "'%.*s' is neither an address like user@domain nor a domain",
                       GW_STR_ARG(gw_str_utf8_cut(who, 100)));
    if (gw_str_eq(who, u->name))
        return gw_fail(err, GW_INVALID, "everybody sees himself");
    if (decision != PRES_ASK && exactly(&u->decisions, who) == PRES_ASK &&
        u->decisions.count == PRES_DECISIONS_MAX)
        return gw_fail(err, GW_LIMIT, "there are %d decisions already: forget some",
                       PRES_DECISIONS_MAX);
    if (done)
        (void)pres_batch(core); /* it may be decided so already */
    act(u, who, decision);
    pres_commit_done(core, done, done_ctx);
    return GW_OK;
}

enum gw_code pres_decide(struct pres_core *core, struct gw_str user, struct gw_str who,
                         enum pres_decision decision, struct gw_err *err)
{
    return pres_decide_saved(core, user, who, decision, NULL, NULL, err);
}

/* ---- Loading ---- */

void pres_decision_load(struct pres_core *core, const struct store_record *r)
{
    char quoted[GW_QUOTE_MAX];
    struct gw_str user, who;
    enum pres_decision d;
    struct pres_user *u;

    if (!gw_str_cut(r->key, " ", &user, &who) || !who.len || !pres_decision_parse(r->value, &d) ||
        d == PRES_ASK) {
        gw_warn("pres", "decision record unreadable key=%s, ignored", gw_quote(r->key, quoted));
        return;
    }
    u = pres_user_find(core, user);
    if (!u)
        core->load_skipped++;
    else if (!place(&u->decisions, who, d))
        gw_warn("pres", "decision record key=%s is one too many, ignored",
                gw_quote(r->key, quoted));
}

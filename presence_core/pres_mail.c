/* E-mail addresses for federation: other domains know a user by his mail address in place of his own, and
 * by no other. The door to them is the one place that knows: pres_outer() and pres_inner().
 *
 * An address is used when it is of a domain that is ours, and one user's alone; who has no such address
 * keeps his own. That is a function of what is known; but what the others were told is another thing, so
 * each user has the address that is in force, and it is changed in the user's turn: from the old one he
 * takes leave, from the new one he asks his contacts anew. */
#include <string.h>

#include "gw_log.h"
#include "pres_priv.h"

static bool is_on(const struct pres_core *core)
{
    return core->mail_started && core->settings->mail;
}

/* ---- Domains ---- */

/* Who has an address there may be known by it now, or not any more. */
void pres_mail_domain_stir(struct pres_core *core, const struct pres_domain *d)
{
    if (d->is_mail && is_on(core))
        pres_wait_all(core);
}

void pres_mail_domain_add(struct pres_core *core, struct gw_str domain)
{
    struct pres_domain *d = pres_domain_make(core, domain);

    d->is_mail = true;
    pres_mail_domain_stir(core, d);
}

void pres_mail_domain_remove(struct pres_core *core, struct gw_str domain)
{
    struct pres_domain *d = pres_domain_make(core, domain);

    pres_mail_domain_stir(core, d);
    d->is_mail = false;
    pres_domain_settle(core, d);
}

/* What was told under an address is taken back under it: its domain is ours until then. */
bool pres_domain_is_ours(const struct pres_core *core, struct gw_str domain)
{
    const struct pres_domain *d = gw_map_get(core->domains, domain);

    return d &&
           (d->is_local || (d->is_mail && !d->abroad && (is_on(core) || core->outer_count > 0)));
}

/* ---- Addresses ---- */

static struct pres_user *holder(const struct gw_list *link)
{
    return GW_CONTAINER(link, struct pres_user, mail_link);
}

static bool is_shared(const struct pres_mail *m)
{
    return m->holders.next != m->holders.prev;
}

/* Whose alone it is, and it may be that no longer, or only now, has his turn. While more have it nobody
 * uses it, however many come and go. */
static void stir(const struct pres_core *core, const struct pres_mail *m)
{
    if (is_on(core) && !gw_list_is_empty(&m->holders) && !is_shared(m))
        pres_wait(holder(m->holders.next));
}

void pres_mail_stir(struct pres_core *core, struct gw_str mail)
{
    const struct pres_mail *m = gw_map_get(core->mails, mail);

    if (m)
        stir(core, m);
}

void pres_mail_leave(struct pres_user *u)
{
    struct pres_mail *m = u->mail;

    if (!m)
        return;
    u->core->outer_count -= u->is_outer;
    u->is_outer = false;
    u->mail = NULL;
    gw_list_remove(&u->mail_link);
    if (!gw_list_is_empty(&m->holders)) {
        stir(u->core, m); /* it may be one's alone now */
        return;
    }
    gw_map_remove(u->core->mails, m->text);
    free(m);
}

static void join(struct pres_user *u, struct gw_str mail)
{
    struct pres_mail *m = gw_map_get(u->core->mails, mail);

    if (!m) {
        m = gw_alloc(sizeof(*m) + mail.len);
        memcpy(m->bytes, mail.p, mail.len);
        m->text = (struct gw_str){ m->bytes, mail.len };
        gw_list_init(&m->holders);
        gw_map_set(u->core->mails, m->text, m);
    }
    stir(u->core, m); /* it is no longer one's alone */
    gw_list_append(&m->holders, &u->mail_link);
    u->mail = m;
}

static enum pres_mail_use use_of(const struct pres_user *u)
{
    struct gw_str domain = GW_STR("");
    const struct pres_user *other;

    if (!u->mail)
        return PRES_MAIL_NONE;
    if (gw_str_eq(u->mail->text, u->name))
        return PRES_MAIL_SAME;
    (void)gw_str_cut(u->mail->text, "@", NULL, &domain);
    other = pres_user_find(u->core, u->mail->text);
    if (is_shared(u->mail))
        return PRES_MAIL_SHARED;
    if (other)
        return PRES_MAIL_TAKEN;
    if (!is_on(u->core))
        return PRES_MAIL_OFF;
    return pres_domain_is_ours(u->core, domain) ? PRES_MAIL_USED : PRES_MAIL_ELSEWHERE;
}

enum pres_mail_use pres_mail_use(const struct pres_core *core, struct gw_str user)
{
    const struct pres_user *u = pres_user_find(core, user);

    return u ? use_of(u) : PRES_MAIL_NONE;
}

/* ---- Through the door ---- */

static struct gw_str outer(const struct pres_user *u)
{
    return u->is_outer ? u->mail->text : u->name;
}

static bool is_of_ours(const struct pres_core *core, struct gw_str peer)
{
    (void)gw_str_cut(peer, "/", &peer, NULL);
    return pres_is_own(core, peer);
}

struct gw_str pres_outer(const struct pres_core *core, struct gw_str user, struct gw_str peer)
{
    const struct pres_user *u = core->outer_count ? pres_user_find(core, user) : NULL;

    return u && u->is_outer && !is_of_ours(core, peer) ? outer(u) : user;
}

struct gw_str pres_inner(const struct pres_core *core, struct gw_str address, struct gw_str peer)
{
    const struct pres_mail *m;
    const struct pres_user *u;

    if (!core->outer_count || is_of_ours(core, peer))
        return address;
    m = gw_map_get(core->mails, address);
    if (m && holder(m->holders.next)->is_outer)
        return holder(m->holders.next)->name;
    u = pres_user_find(core, address);
    if (!u || !u->is_outer)
        return address;
    gw_debug("pres", "dropped user='%s': other domains know him by his mail address", u->jid);
    return (struct gw_str){ "", 0 };
}

void pres_outer_write(const struct pres_core *core, struct gw_str full, struct gw_str peer,
                      struct gw_buf *out)
{
    struct gw_str user = full, resource = GW_STR("");
    bool has_resource = gw_str_cut(full, "/", &user, &resource);

    gw_buf_add_str(out, pres_outer(core, user, peer));
    if (has_resource)
        gw_buf_add_char(out, '/');
    gw_buf_add_str(out, resource);
}

bool pres_inner_write(const struct pres_core *core, struct gw_str full, struct gw_str peer,
                      struct gw_buf *out)
{
    struct gw_str user = full, resource = GW_STR(""), inner;
    bool has_resource = gw_str_cut(full, "/", &user, &resource);

    inner = pres_inner(core, user, peer);
    gw_buf_add_str(out, inner);
    if (has_resource)
        gw_buf_add_char(out, '/');
    gw_buf_add_str(out, resource);
    return inner.len > 0 || !user.len;
}

/* ---- Another address comes into force ---- */

static bool is_abroad(const struct pres_user *u, struct gw_str contact)
{
    return !pres_is_own(u->core, contact) && pres_route_front(u->core, contact);
}

/* The contact's server forgets the user; what he granted himself stays, for when the contact comes to the
 * new address (interdomain-federation.md 13.2: he must add it). */
static void say_goodbye(struct pres_user *u, struct gw_str contact)
{
    const struct pres_entry *e = pres_roster_find(&u->roster, contact);

    if (e->state & (PRES_FROM | PRES_IN)) {
        if (pres_may_see(contact, u))
            pres_hide_all_from(u, contact);
        pres_request_abroad(u->core, PRES_UNSUBSCRIBED, u->name, contact, GW_STR(""));
    }
    if (e->state & (PRES_TO | PRES_OUT)) {
        pres_request_abroad(u->core, PRES_UNSUBSCRIBE, u->name, contact, GW_STR(""));
        pres_abroad_gone(u, contact);
    }
}

static void each_abroad(struct pres_user *u, void (*fn)(struct pres_user *u, struct gw_str contact))
{
    size_t count = 0;
    char **contacts = gw_realloc(NULL, u->roster.count + 1, sizeof(*contacts));

    for (uint32_t i = 0; i < u->roster.count; i++) {
        if (is_abroad(u, pres_entry_jid(u->roster.entries[i])))
            contacts[count++] = gw_str_dup(pres_entry_jid(u->roster.entries[i]));
    }
    for (size_t i = 0; i < count; i++) {
        fn(u, gw_str_of(contacts[i]));
        free(contacts[i]);
    }
    free(contacts);
}

static void outer_set(struct pres_user *u, bool is_outer)
{
    u->core->outer_count -= u->is_outer;
    u->core->outer_count += is_outer;
    u->is_outer = is_outer;
}

/* has_left: of the address before he has taken leave. */
static void settle(struct pres_user *u, bool has_left)
{
    bool is_outer = use_of(u) == PRES_MAIL_USED;

    if (is_outer == u->is_outer && !has_left)
        return;
    if (!has_left)
        each_abroad(u, say_goodbye);
    outer_set(u, is_outer);
    each_abroad(u, pres_request_anew);
    pres_stir(u);
    gw_debug("pres", "address for other domains user='%s' address='%.*s'", u->jid,
             GW_STR_ARG(outer(u)));
}

void pres_mail_settle(struct pres_user *u)
{
    settle(u, false);
}

void pres_user_mail_set(struct pres_core *core, struct gw_str user, struct gw_str mail)
{
    struct pres_user *u = gw_map_get(core->users, user); /* also one who is elsewhere for now */
    bool has_left;

    if (!u || gw_str_eq(u->mail ? u->mail->text : GW_STR(""), mail))
        return;
    has_left = u->is_outer;
    if (has_left)
        each_abroad(u, say_goodbye);
    pres_mail_leave(u);
    if (mail.len)
        join(u, mail);
    settle(u, has_left);
    pres_commit(core);
}

void pres_mail_start(struct pres_core *core)
{
    struct pres_user *u;
    size_t pos = 0;

    core->mail_started = true;
    while ((u = gw_map_next(core->users, &pos)))
        outer_set(u, use_of(u) == PRES_MAIL_USED);
}

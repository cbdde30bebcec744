/* A user changes the password in a client: XEP-0077, of which nothing else is spoken here. The keys are
 * made by whoever keeps passwords, which takes its time; all of the user's sessions end with the change,
 * and the one that asked is answered first. */
#include <stdlib.h>

#include "gw_list.h"
#include "gw_log.h"
#include "xmpp_priv.h"

enum {
    CHANGES_MAX = 100, /* at a time; one of each user */
    PASSWORD_MAX = 1024
};

struct xmpp_change {
    struct gw_list link;
    struct xmpp_host *host; /* NULL: gone */
    char *user, *resource, *id;
};

static struct xmpp_change *change_of(struct xmpp_host *host, struct gw_str user)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&host->changes, it, tmp)
    {
        struct xmpp_change *change = GW_CONTAINER(it, struct xmpp_change, link);

        if (gw_str_is(user, change->user))
            return change;
    }
    return NULL;
}

static void answer(struct xmpp_change *change, struct xmpp_c2s *c, const char *why)
{
    struct xml_writer w;

    xmpp_begin(c, &w);
    xml_open(&w, "iq");
    xml_put_attr(&w, "type", why ? GW_STR("error") : GW_STR("result"));
    xml_put_attr(&w, "to", gw_str_of(c->full));
    xml_put_attr(&w, "id", gw_str_of(change->id));
    if (why)
        xmpp_put_error(&w, XMPP_NOT_ACCEPTABLE, why);
    xml_close(&w);
    xmpp_end(c);
    free(change->id);
    change->id = NULL;
}

void xmpp_password_changed(struct xmpp_c2s *c, struct gw_str resource)
{
    struct xmpp_change *change = change_of(c->host, gw_str_of(c->user));

    if (change && change->id && gw_str_is(resource, change->resource))
        answer(change, c, NULL);
}

static void on_done(const char *why, void *ctx)
{
    struct xmpp_change *change = ctx;
    struct pres_session *s = NULL;
    struct xmpp_c2s *c;

    if (change->host && change->id)
        s = pres_session_find(change->host->core, gw_str_of(change->user),
                              gw_str_of(change->resource));
    c = s ? pres_session_ctx_of(s, change->host->front) : NULL;
    if (c)
        answer(change, c, why);
    gw_list_remove(&change->link);
    free(change->user);
    free(change->resource);
    free(change->id);
    free(change);
}

static bool start(struct xmpp_c2s *c, const struct xmpp_stanza *s, struct gw_str password)
{
    const struct xmpp_own *own = c->host->own;
    struct xmpp_change *change;

    if (gw_list_len(&c->host->changes) >= CHANGES_MAX || change_of(c->host, gw_str_of(c->user)))
        return false;
    change = gw_new(struct xmpp_change);
    change->host = c->host;
    change->user = gw_str_dup(gw_str_of(c->user));
    change->resource = gw_str_dup(pres_session_resource(c->session));
    change->id = gw_str_dup(s->id);
    gw_list_append(&c->host->changes, &change->link);
    if (own->password_set(gw_str_of(c->user), password, on_done, change, own->ctx))
        return true;
    change->host = NULL;
    on_done(NULL, change);
    return false;
}

static bool is_own_name(const struct xmpp_c2s *c, struct gw_str name)
{
    struct xmpp_jid jid;

    return !name.len || (!xmpp_jid_make(name, gw_str_of(c->domain), GW_STR(""), &jid, NULL) &&
                         gw_str_is(jid.bare, c->user));
}

static void show(struct xmpp_c2s *c, struct xmpp_stanza *s)
{
    struct gw_str id = gw_str_of(c->user);
    struct xml_writer w;

    (void)gw_str_cut(id, "@", &id, NULL);
    xmpp_begin_result(c, s, &w);
    xmpp_open_ns(&w, "query", NS_REGISTER);
    xml_put(&w, "registered", GW_STR(""));
    xml_put(&w, "username", id);
    xml_put(&w, "password", GW_STR(""));
    xml_close(&w);
    xml_close(&w);
    xmpp_end(c);
}

void xmpp_on_register(struct xmpp_c2s *c, struct xmpp_stanza *s, const struct xml_node *query)
{
    const struct xml_node *password = xml_child(query, NS_REGISTER, "password");

    if (!c->host->own || !c->host->own->password_set)
        xmpp_stanza_error(c, s, XMPP_SERVICE_UNAVAILABLE, NULL);
    else if (gw_str_is(s->type, "get"))
        show(c, s);
    else if (xml_child(query, NS_REGISTER, "remove"))
        xmpp_stanza_error(c, s, XMPP_NOT_ALLOWED, "accounts are the administrator's");
    else if (!password || !password->text.len || password->text.len > PASSWORD_MAX)
        xmpp_stanza_error(c, s, XMPP_BAD_REQUEST, "no password, or a very long one");
    else if (!is_own_name(c, xml_child_text(query, NS_REGISTER, "username")))
        xmpp_stanza_error(c, s, XMPP_FORBIDDEN, "only one's own password can be changed");
    else if (!start(c, s, password->text))
        xmpp_stanza_error(c, s, XMPP_RESOURCE_CONSTRAINT, "passwords are being changed: try again");
}

void xmpp_passwords_done(struct xmpp_host *host)
{
    struct gw_list *link;

    while ((link = gw_list_pop(&host->changes)))
        GW_CONTAINER(link, struct xmpp_change, link)->host = NULL; /* ends with on_done() */
}

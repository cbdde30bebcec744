/* vCards, XEP-0054, kept as their users wrote them, and shown to whoever asks here. Avatars (XEP-0153) are
 * in them; presence passes their hashes on as it came.
 *   kind "vcard", key "bob@b.example", value the element                                             */
#include <stdlib.h>
#include <string.h>

#include "gw_list.h"
#include "gw_log.h"
#include "xmpp_priv.h"

enum {
    VCARD_MAX = 128 * 1024, /* a small picture fits in, base64 */
    ASKS_MAX = 1000         /* that wait for the store */
};

static const char kind[] = "vcard";

struct xmpp_vcards {
    struct xmpp_host *host;
    struct store *store;
    struct gw_list asks;
    size_t ask_count;
};

/* One who waits for a vCard; the question is gone by then. */
struct ask {
    struct gw_list link;
    struct xmpp_vcards *v; /* NULL: gone */
    char *user, *resource; /* who asks */
    char *id, *to;         /* of his question; to may be NULL: himself */
    bool is_own;
    struct gw_buf vcard;
};

struct xmpp_vcards *xmpp_vcards_new(struct xmpp_host *host, struct store *store)
{
    struct xmpp_vcards *v = gw_new(struct xmpp_vcards);

    v->host = host;
    v->store = store;
    gw_list_init(&v->asks);
    return v;
}

void xmpp_vcards_free(struct xmpp_vcards **vp)
{
    struct xmpp_vcards *v = *vp;
    struct gw_list *link;

    if (!v)
        return;
    *vp = NULL;
    while ((link = gw_list_pop(&v->asks)))
        GW_CONTAINER(link, struct ask, link)->v = NULL; /* the store ends it */
    free(v);
}

/* ---- Asking ---- */

static void on_vcard(const struct store_record *r, void *ctx)
{
    struct ask *a = ctx;

    gw_buf_reset(&a->vcard);
    gw_buf_add_str(&a->vcard, r->value);
}

static void answer(const struct ask *a, struct xmpp_c2s *c)
{
    bool is_there = a->vcard.len > 0;
    bool has_room = !is_there || xmpp_has_room(c, a->vcard.len);
    struct xml_writer w;

    xmpp_begin(c, &w);
    xml_open(&w, "iq");
    /* XEP-0054 3.1: one's own that was never written is empty. */
    xml_put_attr(&w, "type",
                 has_room && (is_there || a->is_own) ? GW_STR("result") : GW_STR("error"));
    if (a->to)
        xml_put_attr(&w, "from", gw_str_of(a->to));
    xml_put_attr(&w, "to", gw_str_of(c->full));
    xml_put_attr(&w, "id", gw_str_of(a->id));
    if (!has_room) { /* many were asked for at once: later, rather than being cut off */
        xmpp_put_error(&w, XMPP_RESOURCE_CONSTRAINT, NULL);
    } else if (is_there) {
        xml_flush_tag(&w);
        gw_buf_add_str(w.out, gw_buf_str(&a->vcard));
    } else if (a->is_own) {
        xmpp_open_ns(&w, "vCard", NS_VCARD);
        xml_close(&w);
    } else {
        xmpp_put_error(&w, XMPP_ITEM_NOT_FOUND, NULL);
    }
    xml_close(&w);
    xmpp_end(c);
}

static void on_read(const struct gw_err *result, void *ctx)
{
    struct ask *a = ctx;
    struct pres_session *s = NULL;
    struct xmpp_c2s *c;

    if (result->code)
        gw_error("xmpp", "a vCard cannot be read error=\"%s\"", result->msg);
    if (a->v) {
        a->v->ask_count--;
        s = pres_session_find(a->v->host->core, gw_str_of(a->user), gw_str_of(a->resource));
    }
    c = s ? pres_session_ctx_of(s, a->v->host->front) : NULL;
    if (c)
        answer(a, c);
    gw_list_remove(&a->link);
    gw_buf_done(&a->vcard);
    free(a->user);
    free(a->resource);
    free(a->id);
    free(a->to);
    free(a);
}

static void ask(struct xmpp_c2s *c, const struct xmpp_stanza *s, struct gw_str of)
{
    struct xmpp_vcards *v = c->host->vcards;
    struct gw_str to = xml_attr(s->node, "to");
    struct ask *a;

    if (v->ask_count == ASKS_MAX) {
        xmpp_stanza_error(c, s, XMPP_RESOURCE_CONSTRAINT, NULL);
        return;
    }
    a = gw_new(struct ask);
    a->v = v;
    a->user = gw_str_dup(gw_str_of(c->user));
    a->resource = gw_str_dup(pres_session_resource(c->session));
    a->id = gw_str_dup(s->id);
    a->to = to.p ? gw_str_dup(to) : NULL;
    a->is_own = gw_str_is(of, c->user);
    gw_buf_init(&a->vcard, STORE_VALUE_MAX);
    gw_list_append(&v->asks, &a->link);
    v->ask_count++;
    store_load(v->store, kind, &of, on_vcard, on_read, a);
}

/* ---- Writing ---- */

static void set(struct xmpp_c2s *c, const struct xmpp_stanza *s, const struct xml_node *vcard)
{
    struct xmpp_vcards *v = c->host->vcards;
    struct store_batch *b;
    struct xml_writer w;
    struct gw_buf value;

    gw_buf_init(&value, VCARD_MAX);
    xml_write_init(&w, &value);
    xml_put_node(&w, vcard, GW_STR(NS_CLIENT));
    if (value.failed) {
        xmpp_stanza_error(c, s, XMPP_NOT_ACCEPTABLE, "larger than 128 KiB");
    } else {
        b = store_batch_new();
        store_put(b, kind, gw_str_of(c->user), gw_str_of(c->user), gw_buf_str(&value));
        store_commit(v->store, &b, NULL, NULL);
        xmpp_empty_result(c, s);
    }
    gw_buf_done(&value);
}

void xmpp_on_vcard(struct xmpp_c2s *c, struct xmpp_stanza *s, const struct xml_node *vcard)
{
    bool is_own = !s->has_to || gw_str_is(s->to.bare, c->user);

    if (!c->host->vcards)
        xmpp_stanza_error(c, s, XMPP_SERVICE_UNAVAILABLE, NULL);
    else if (gw_str_is(s->type, "get"))
        ask(c, s, is_own ? gw_str_of(c->user) : s->to.bare);
    else if (is_own)
        set(c, s, vcard);
    else
        xmpp_stanza_error(c, s, XMPP_FORBIDDEN, NULL);
}

void xmpp_vcard_forget(struct xmpp_host *host, struct gw_str user)
{
    struct store_batch *b;

    if (!host->vcards)
        return;
    b = store_batch_new();
    store_del(b, kind, user);
    store_commit(host->vcards->store, &b, NULL, NULL);
}

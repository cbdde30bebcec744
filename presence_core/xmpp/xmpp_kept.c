/* Questions whose answer is in the store: they are answered when it has been read, wherever who has asked is
 * by then. */
#include <stdlib.h>

#include "gw_list.h"
#include "gw_log.h"
#include "xmpp_priv.h"

enum { ASKS_MAX = 1000 /* that wait for the store */ };

struct xmpp_kept {
    struct xmpp_host *host;
    struct store *store;
    struct gw_list asks;
    size_t ask_count;
};

/* One who waits; the question is gone by then. */
struct ask {
    struct gw_list link;
    struct xmpp_kept *kept; /* NULL: gone */
    char *from;             /* who asks, full JID */
    char *id, *to;          /* of his question; to may be NULL: himself */
    const char *none;
    struct gw_buf value;
};

struct xmpp_kept *xmpp_kept_new(struct xmpp_host *host, struct store *store)
{
    struct xmpp_kept *k = gw_new(struct xmpp_kept);

    k->host = host;
    k->store = store;
    gw_list_init(&k->asks);
    return k;
}

void xmpp_kept_free(struct xmpp_kept **kp)
{
    struct xmpp_kept *k = *kp;
    struct gw_list *link;

    if (!k)
        return;
    *kp = NULL;
    while ((link = gw_list_pop(&k->asks)))
        GW_CONTAINER(link, struct ask, link)->kept = NULL; /* the store ends it */
    free(k);
}

static void on_record(const struct store_record *r, void *ctx)
{
    struct ask *a = ctx;

    gw_buf_add_str(&a->value, r->value);
}

static void put_answer(const struct ask *a, bool has_room, struct xml_writer *w)
{
    bool is_there = a->value.len || a->none;

    xml_put_attr(w, "type", has_room && is_there ? GW_STR("result") : GW_STR("error"));
    xml_put_attr(w, "id", gw_str_of(a->id));
    if (!has_room) { /* many were asked for at once: later, rather than being cut off */
        xmpp_put_error(w, XMPP_RESOURCE_CONSTRAINT, NULL);
    } else if (is_there) {
        xml_flush_tag(w);
        gw_buf_add_str(w->out, a->value.len ? gw_buf_str(&a->value) : gw_str_of(a->none));
    } else {
        xmpp_put_error(w, XMPP_ITEM_NOT_FOUND, NULL);
    }
    xml_close(w);
}

static void answer(const struct ask *a, const struct xmpp_sender *by)
{
    struct xml_writer w;

    if (by->c) {
        bool has_room = xmpp_has_room(by->c, a->value.len);

        xmpp_begin(by->c, &w);
        xml_open(&w, "iq");
        if (a->to)
            xml_put_attr(&w, "from", gw_str_of(a->to));
        xml_put_attr(&w, "to", gw_str_of(a->from));
        put_answer(a, has_room, &w);
        xmpp_end(by->c);
    } else if (!by->is_gone) {
        xmpp_begin_abroad(by->host, "iq", gw_str_of(a->to), by->from, &w);
        put_answer(a, true, &w);
        xmpp_end_abroad(by->host, by->from);
    }
}

static void on_read(const struct gw_err *result, void *ctx)
{
    struct xmpp_sender by;
    struct ask *a = ctx;

    if (result->code)
        gw_error("xmpp", "what was asked for cannot be read error=\"%s\"", result->msg);
    if (a->kept)
        a->kept->ask_count--;
    if (a->kept && xmpp_sender_find(a->kept->host, gw_str_of(a->from), &by))
        answer(a, &by);
    gw_list_remove(&a->link);
    gw_buf_done(&a->value);
    free(a->from);
    free(a->id);
    free(a->to);
    free(a);
}

void xmpp_kept_answer(const struct xmpp_sender *by, const struct xmpp_stanza *s,
                      const struct xmpp_kept_args *args)
{
    struct xmpp_kept *k = by->host->kept;
    struct store_range one = { .from = args->key, .limit = 1 };
    struct gw_buf next; /* after the key */
    struct ask *a;

    if (k->ask_count == ASKS_MAX) {
        xmpp_refuse(by, s, XMPP_RESOURCE_CONSTRAINT);
        return;
    }
    a = gw_new(struct ask);
    a->kept = k;
    a->from = gw_str_dup(by->from);
    a->id = gw_str_dup(s->id);
    a->to = s->has_to ? gw_str_dup(by->c ? xml_attr(s->node, "to") : s->to.full) : NULL;
    a->none = args->none;
    gw_buf_init(&a->value, STORE_VALUE_MAX);
    gw_list_append(&k->asks, &a->link);
    k->ask_count++;
    gw_buf_init(&next, STORE_KEY_MAX + 1);
    gw_buf_add_str(&next, args->key);
    gw_buf_add_char(&next, '\0');
    one.to = gw_buf_str(&next);
    store_load_range(k->store, args->kind, &one, on_record, on_read, a);
    gw_buf_done(&next);
}

void xmpp_kept_write(struct xmpp_host *host, struct store_batch **bp)
{
    store_commit(host->kept->store, bp, NULL, NULL);
}

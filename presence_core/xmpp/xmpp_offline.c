/* Messages for users who are not there, XEP-0160: kept in the store, given to the first client that
 * comes, as fast as it takes them, and deleted when it has them.
 *   kind "offline", key "bob@b.example <time><number>", value the stanza, with its time (XEP-0203)
 *
 * In memory there is a box for each user with messages that were counted, nothing for others. A box
 * is counted when a message for its user comes or a client of his does, by reading it; of messages
 * that come meanwhile as many are taken as a box may hold. One reading of a box at a time. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "gw_list.h"
#include "gw_log.h"
#include "xmpp_priv.h"

enum { MESSAGE_MAX = 64 * 1024 };

static const char kind[] = "offline";

struct box {
    struct gw_map *boxes;
    bool is_read; /* just now */
    size_t count; /* as counted; while it is read for the first time, those since then */
    char *next;   /* the resource that gets them when the reading is over; NULL: nobody waits */
    struct gw_str user;
    char text[];
};

struct reading {
    struct gw_list link;
    struct xmpp_offline *o; /* NULL: gone */
    size_t count, before;
    bool is_full;             /* the client has no room for more */
    struct store_batch *done; /* deletes what was delivered */
    size_t delivered;
    char *user, *resource; /* resource NULL: only to be counted */
};

struct xmpp_offline {
    struct xmpp_host *host;
    struct store *store;
    struct gw_map *boxes; /* by user */
    struct gw_list readings;
    uint32_t number;
};

struct xmpp_offline *xmpp_offline_new(struct xmpp_host *host, struct store *store)
{
    struct xmpp_offline *o = gw_new(struct xmpp_offline);

    o->host = host;
    o->store = store;
    o->boxes = gw_map_new();
    gw_list_init(&o->readings);
    return o;
}

static void box_free(struct box *box)
{
    gw_map_remove(box->boxes, box->user);
    free(box->next);
    free(box);
}

void xmpp_offline_free(struct xmpp_offline **op)
{
    struct xmpp_offline *o = *op;
    struct gw_list *link;
    struct box *box;
    size_t pos = 0;

    if (!o)
        return;
    *op = NULL;
    while ((link = gw_list_pop(&o->readings)))
        GW_CONTAINER(link, struct reading, link)->o = NULL; /* the store ends it */
    while ((box = gw_map_next(o->boxes, &pos)))
        box_free(box);
    gw_map_free(&o->boxes);
    free(o);
}

static struct box *box_make(struct xmpp_offline *o, struct gw_str user, bool *is_new)
{
    struct box *box = gw_map_get(o->boxes, user);

    *is_new = !box;
    if (box)
        return box;
    box = gw_alloc(sizeof(*box) + user.len);
    memcpy(box->text, user.p, user.len);
    box->user = (struct gw_str){ box->text, user.len };
    box->boxes = o->boxes;
    gw_map_set(o->boxes, box->user, box);
    return box;
}

/* ---- Reading ---- */

static void on_message(const struct store_record *r, void *ctx)
{
    struct reading *reading = ctx;
    struct pres_session *s;
    struct xml_writer w;
    struct xmpp_c2s *c;

    reading->count++;
    if (!reading->o || !reading->resource || reading->is_full)
        return;
    s = pres_session_find(reading->o->host->core, gw_str_of(reading->user),
                          gw_str_of(reading->resource));
    c = s ? pres_session_ctx_of(s, reading->o->host->front) : NULL;
    if (!c || !xmpp_is_reachable(c))
        return;
    if (!xmpp_has_room(c, r->value.len)) {
        reading->is_full = c->has_more = true;
        return;
    }
    xmpp_begin(c, &w);
    gw_buf_add_str(w.out, r->value);
    xmpp_end(c);
    if (!xmpp_has_taken(c))
        return;
    if (!reading->done)
        reading->done = store_batch_new();
    store_del(reading->done, kind, r->key);
    reading->delivered++;
}

static void start(struct xmpp_offline *o, struct box *box, char *resource, size_t before);

static void on_read(const struct gw_err *result, void *ctx)
{
    struct reading *r = ctx;
    struct xmpp_offline *o = r->o;
    struct box *box = o ? gw_map_get(o->boxes, gw_str_of(r->user)) : NULL;
    char *next;

    if (result->code)
        gw_error("xmpp", "messages of an absent user cannot be read error=\"%s\"", result->msg);
    if (r->done && o)
        store_commit(o->store, &r->done, NULL, NULL);
    store_batch_free(&r->done);
    if (box) {
        box->is_read = false;
        box->count += r->count - r->before - r->delivered;
        if (!pres_user_is_known(o->host->core, box->user))
            box->count = 0;
        next = box->next;
        box->next = NULL;
        if (next && box->count)
            start(o, box, next, box->count);
        else
            free(next);
        if (!box->count)
            box_free(box);
    }
    gw_list_remove(&r->link);
    free(r->user);
    free(r->resource);
    free(r);
}

/* Takes the resource. before: of the messages, those that the box has counted. */
static void start(struct xmpp_offline *o, struct box *box, char *resource, size_t before)
{
    struct reading *r = gw_new(struct reading);

    r->o = o;
    r->before = before;
    r->user = gw_str_dup(box->user);
    r->resource = resource;
    gw_list_append(&o->readings, &r->link);
    box->is_read = true;
    store_load(o->store, kind, &box->user, on_message, on_read, r);
}

void xmpp_offline_deliver(struct xmpp_c2s *c)
{
    struct xmpp_offline *o = c->host->offline;
    char *resource;
    struct box *box;
    bool is_new;

    if (!o)
        return;
    c->has_more = false;
    resource = gw_str_dup(pres_session_resource(c->session));
    box = box_make(o, gw_str_of(c->user), &is_new);
    if (!box->is_read) {
        start(o, box, resource, box->count);
        return;
    }
    free(box->next);
    box->next = resource;
}

void xmpp_offline_go_on(struct xmpp_c2s *c)
{
    if (c->has_more && c->is_ready && xmpp_has_room(c, MESSAGE_MAX))
        xmpp_offline_deliver(c);
}

/* ---- Keeping ---- */

static bool is_worth_keeping(const struct xmpp_stanza *m)
{
    if (xml_child(m->node, NS_HINTS, "no-store") ||
        xml_child(m->node, NS_HINTS, "no-permanent-store"))
        return false;
    return xml_child(m->node, NULL, "body") || xml_child(m->node, "urn:xmpp:receipts", "received");
}

static void write_record(struct xmpp_offline *o, const struct xmpp_sender *by,
                         const struct xmpp_stanza *m, struct gw_str user, struct gw_buf *key,
                         struct gw_buf *value)
{
    struct xmpp_stanza late = *m;

    if (!late.at)
        late.at = o->host->now.utc;
    gw_buf_addf(key, "%.*s %016" PRIx64 "%08" PRIx32, GW_STR_ARG(user), (uint64_t)o->host->now.utc,
                o->number++);
    xmpp_copy_stanza(by, &late, value);
}

bool xmpp_offline_keep(const struct xmpp_sender *by, const struct xmpp_stanza *m,
                       struct gw_str user)
{
    struct xmpp_offline *o = by->host->offline;
    int64_t max = by->host->settings->offline_max;
    struct gw_buf key, value;
    bool is_new, is_kept;
    struct store_batch *b;
    struct box *box;

    if (!o || max == GW_PARAM_WORD || !pres_user_is_known(by->host->core, user) ||
        !is_worth_keeping(m))
        return false;
    box = box_make(o, user, &is_new);
    if (box->count >= (size_t)max)
        return false;
    gw_buf_init(&key, STORE_KEY_MAX);
    gw_buf_init(&value, MESSAGE_MAX);
    write_record(o, by, m, user, &key, &value);
    is_kept = !key.failed && !value.failed;
    if (is_kept) {
        b = store_batch_new();
        store_put(b, kind, gw_buf_str(&key), user, gw_buf_str(&value));
        store_commit(o->store, &b, NULL, NULL);
        box->count++;
    }
    gw_buf_done(&key);
    gw_buf_done(&value);
    if (is_new)
        start(o, box, NULL, box->count);
    return is_kept;
}

void xmpp_offline_forget(struct xmpp_host *host, struct gw_str user)
{
    struct store_batch *b;
    struct box *box;

    if (!host->offline)
        return;
    box = gw_map_get(host->offline->boxes, user);
    if (box && !box->is_read)
        box_free(box);
    b = store_batch_new();
    store_del_owner(b, kind, user);
    store_commit(host->offline->store, &b, NULL, NULL);
}

/* Who is told. Recipients are gathered per front-end, so that each writes a document once. */
#include "pres_priv.h"

bool pres_may_see(const struct pres_user *watcher, const struct pres_user *of)
{
    const struct pres_entry *e;

    if (watcher == of)
        return true;
    e = pres_roster_find(&of->roster, watcher->name);
    return e && (e->state & PRES_FROM);
}

void pres_gather_one(struct pres_session *s)
{
    struct pres_front *f = s->front;

    if (f->count == f->cap) {
        f->cap = f->cap ? f->cap * 2 : 64;
        f->to = gw_realloc(f->to, f->cap, sizeof(struct pres_session *));
    }
    f->to[f->count++] = s;
}

void pres_gather_user(struct pres_user *u)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&u->sessions, it, tmp)
    {
        struct pres_session *s = GW_CONTAINER(it, struct pres_session, link);

        if (s->word)
            pres_gather_one(s);
    }
}

void pres_gather_watchers(struct pres_user *u)
{
    pres_gather_user(u);
    for (uint32_t i = 0; i < u->roster.count; i++) {
        const struct pres_entry *e = u->roster.entries[i];
        struct pres_user *watcher;

        if (!(e->state & PRES_FROM))
            continue;
        watcher = pres_user_find(u->core, pres_entry_jid(e));
        if (watcher)
            pres_gather_user(watcher);
    }
}

void pres_deliver(struct pres_core *core, const struct pres_doc *doc)
{
    for (size_t i = 0; i < core->front_count; i++) {
        struct pres_front *f = &core->fronts[i];
        size_t count = f->count;

        if (!count)
            continue;
        f->count = 0;
        core->counters.delivered += count;
        f->table->presence(doc, f->to, count, f->ctx);
    }
}

void pres_doc_session(const struct pres_session *s, struct pres_doc *out)
{
    const struct pres_word *w = s->word;
    const char *p = w->bytes + w->text_len;

    *out = (struct pres_doc){ .user = s->user->name,
                              .resource = pres_session_name(s),
                              .priority = w->priority,
                              .origin = s->front };
    pres_session_shown(s, &out->shown);
    if (out->shown.kind == PRES_CAL_NONE)
        out->shade = w->shade;
    if (out->shown.text_from == PRES_TEXT_CLIENT)
        out->texts = (struct gw_str){ p, w->texts_len };
    out->extra = (struct gw_str){ p + w->texts_len, w->extra_len };
}

void pres_doc_gone(const struct pres_session *s, struct pres_doc *out)
{
    *out = (struct pres_doc){ .user = s->user->name,
                              .resource = pres_session_name(s),
                              .shown.show = PRES_OFFLINE,
                              .origin = s->front };
}

void pres_doc_offline(const struct pres_user *u, struct pres_doc *out)
{
    *out = (struct pres_doc){ .user = u->name };
    pres_user_shown(u, &out->shown);
}

static bool has_available(const struct pres_user *u)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&u->sessions, it, tmp)
    {
        if (GW_CONTAINER(it, struct pres_session, link)->word)
            return true;
    }
    return false;
}

/* To one session, or to all of a user. RFC 6121 4.3.2: nothing is said of who is offline, unless
 * the calendar has something to say. */
static void show_all(const struct pres_user *of, struct pres_session *one, struct pres_user *all)
{
    struct gw_list *it, *tmp;
    struct pres_doc doc;

    if (!has_available(of)) {
        pres_doc_offline(of, &doc);
        if (!doc.shown.text.len)
            return;
        if (one)
            pres_gather_one(one);
        else
            pres_gather_user(all);
        pres_deliver(of->core, &doc);
        return;
    }
    GW_LIST_EACH(&of->sessions, it, tmp)
    {
        struct pres_session *s = GW_CONTAINER(it, struct pres_session, link);

        if (!s->word || s == one)
            continue;
        if (one)
            pres_gather_one(one);
        else
            pres_gather_user(all);
        pres_doc_session(s, &doc);
        pres_deliver(of->core, &doc);
    }
}

void pres_show_all(const struct pres_user *of, struct pres_session *to)
{
    show_all(of, to, NULL);
}

void pres_show_all_to_user(const struct pres_user *of, struct pres_user *to)
{
    show_all(of, NULL, to);
}

void pres_hide_all_from_user(const struct pres_user *of, struct pres_user *from)
{
    struct gw_list *it, *tmp;
    struct pres_doc doc;

    if (!has_available(of)) {
        pres_doc_offline(of, &doc);
        if (!doc.shown.text.len)
            return;
        doc.shown = (struct pres_shown){ .show = PRES_OFFLINE };
        pres_gather_user(from);
        pres_deliver(of->core, &doc);
        return;
    }
    GW_LIST_EACH(&of->sessions, it, tmp)
    {
        struct pres_session *s = GW_CONTAINER(it, struct pres_session, link);

        if (!s->word)
            continue;
        pres_gather_user(from);
        pres_doc_gone(s, &doc);
        pres_deliver(of->core, &doc);
    }
}

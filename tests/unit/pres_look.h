/* A core with watchers of all kinds, and what each of them sees at the moment: documents that came
 * are kept as texts, by watcher and resource. A text is "away in-a-meeting 'words'"; then, for those
 * who get times, " [in-a-meeting 10-20]" and " {meeting 30-40}" for each stretch ahead. */
#ifndef PRES_LOOK_H
#define PRES_LOOK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gw_map.h"
#include "gw_mem.h"
#include "pres_priv.h"

struct look_seen {
    char *key, *text;
};

struct look {
    struct pres_settings settings;
    struct store *store;
    struct pres_core *core;
    struct pres_front *plain, *timed; /* the latter is the way to "abroad", and shows times */
    struct gw_map *seen;
    unsigned documents; /* that came, one for each recipient */
    unsigned written;   /* by front-ends */
    struct gw_buf all;  /* every text that went to anybody */
    struct gw_now now;
};

static inline void look_put_times(const struct pres_doc *doc, struct gw_buf *out)
{
    if (doc->calendar.kind)
        gw_buf_addf(out, " [%s %lld-%lld]", pres_calendar_kind_name(doc->calendar.kind),
                    (long long)doc->calendar.since,
                    doc->calendar.until == GW_NEVER ? -1 : (long long)doc->calendar.until);
    for (size_t i = 0; i < doc->ahead_count; i++)
        gw_buf_addf(out, " {%s %lld-%lld}", pres_calendar_kind_name(doc->ahead[i].kind),
                    (long long)doc->ahead[i].since, (long long)doc->ahead[i].until);
}

static inline void look_forget(struct look *l, struct gw_str key)
{
    struct look_seen *s = gw_map_remove(l->seen, key);

    if (!s)
        return;
    free(s->key);
    free(s->text);
    free(s);
}

static inline void look_note(struct look *l, const char *key, const char *text)
{
    struct look_seen *s = gw_new(struct look_seen);

    look_forget(l, gw_str_of(key));
    s->key = gw_str_dup(gw_str_of(key));
    s->text = gw_str_dup(gw_str_of(text));
    gw_map_set(l->seen, gw_str_of(s->key), s);
}

static inline void look_keep(struct look *l, struct gw_str watcher, const struct pres_doc *doc,
                             bool times)
{
    struct gw_buf text;
    char key[400];

    gw_buf_init(&text, 8000);
    gw_buf_add_cstr(&text, pres_show_name(doc->shown.show));
    if (doc->shown.kind)
        gw_buf_addf(&text, " %s", pres_calendar_kind_name(doc->shown.kind));
    if (doc->shown.text.len)
        gw_buf_addf(&text, " '%.*s'", GW_STR_ARG(doc->shown.text));
    if (times)
        look_put_times(doc, &text);
    l->documents++;
    snprintf(key, sizeof(key), "%.*s sees %.*s", GW_STR_ARG(watcher), GW_STR_ARG(doc->user));
    look_note(l, key, text.p); /* the last one, of whatever resource */
    snprintf(key, sizeof(key), "%.*s sees %.*s/%.*s", GW_STR_ARG(watcher), GW_STR_ARG(doc->user),
             GW_STR_ARG(doc->resource));
    look_note(l, key, text.p);
    gw_buf_addf(&l->all, "%s %s (%s)\n", key, text.p,
                pres_calendar_kind_name(doc->shown.text_kind));
    gw_buf_done(&text);
}

static inline void look_presence(const struct pres_doc *doc, struct pres_session *const *to,
                                 size_t count, void *ctx)
{
    struct look *l = ctx;

    l->written++;
    for (size_t i = 0; i < count; i++)
        look_keep(l, pres_session_user(to[i]), doc, false);
}

static inline void look_presence_timed(const struct pres_doc *doc, struct pres_session *const *to,
                                       size_t count, void *ctx)
{
    struct look *l = ctx;

    l->written++;
    for (size_t i = 0; i < count; i++)
        look_keep(l, pres_session_user(to[i]), doc, true);
}

static inline void look_presence_abroad(const struct pres_doc *doc, const struct gw_str *to,
                                        size_t count, void *ctx)
{
    struct look *l = ctx;

    l->written++;
    for (size_t i = 0; i < count; i++)
        look_keep(l, to[i], doc, true);
}

static inline void look_request(enum pres_request request, struct gw_str from, struct gw_str extra,
                                struct pres_session *to, void *ctx)
{
    (void)request, (void)from, (void)extra, (void)to, (void)ctx;
}

static inline void look_request_abroad(enum pres_request request, struct gw_str from,
                                       struct gw_str to, struct gw_str extra, void *ctx)
{
    (void)request, (void)from, (void)to, (void)extra, (void)ctx;
}

static inline void look_probe_abroad(struct gw_str from, struct gw_str to, void *ctx)
{
    (void)from, (void)to, (void)ctx;
}

static inline void look_roster_changed(const struct pres_item *item, struct pres_session *to,
                                       void *ctx)
{
    (void)item, (void)to, (void)ctx;
}

static inline void look_ended(struct pres_session *s, enum pres_end why, void *ctx)
{
    (void)s, (void)why, (void)ctx;
}

static inline void look_start(struct look *l, struct store *store)
{
    static const struct pres_frontend plain = { .name = "plain",
                                                .presence = look_presence,
                                                .request = look_request,
                                                .roster_changed = look_roster_changed,
                                                .ended = look_ended };
    static const struct pres_frontend timed = { .name = "timed",
                                                .wants_times = true,
                                                .presence = look_presence_timed,
                                                .presence_abroad = look_presence_abroad,
                                                .request_abroad = look_request_abroad,
                                                .probe_abroad = look_probe_abroad,
                                                .request = look_request,
                                                .roster_changed = look_roster_changed,
                                                .ended = look_ended };

    *l = (struct look){ .store = store, .now = { .mono = 1000, .utc = 1000 } };
    gw_param_defaults(pres_params, pres_param_count, &l->settings);
    l->core = pres_core_new(&(struct pres_core_args){ .store = store, .settings = &l->settings });
    l->plain = pres_frontend_register(l->core, &plain, l);
    l->timed = pres_frontend_register(l->core, &timed, l);
    l->seen = gw_map_new();
    gw_buf_init(&l->all, 64 * 1024 * 1024);
    pres_domain_add(l->core, GW_STR("x"));
    pres_route_set(l->core, GW_STR("abroad"), l->timed);
}

static inline void look_stop(struct look *l)
{
    struct look_seen *s;
    size_t pos = 0;

    while ((s = gw_map_next(l->seen, &pos))) {
        free(s->key);
        free(s->text);
        free(s);
    }
    gw_map_free(&l->seen);
    gw_buf_done(&l->all);
    pres_core_free(&l->core);
}

static inline void look_user(struct look *l, const char *jid)
{
    assert_int_equal(pres_user_add(l->core, gw_str_of(jid), NULL), GW_OK);
}

static inline struct pres_session *look_login(struct look *l, struct pres_front *front,
                                              const char *jid)
{
    const struct pres_session_args args = { .user = gw_str_of(jid),
                                            .resource = GW_STR("r"),
                                            .front = front };
    struct pres_session *s;

    assert_int_equal(pres_session_new(l->core, &args, l->now, &s, NULL), GW_OK);
    return s;
}

static inline void look_say(struct look *l, struct pres_session *s, enum pres_show show,
                            const char *text)
{
    const struct pres_client client = { .show = show, .text = gw_str_of(text) };

    assert_int_equal(pres_session_set(s, &client, l->now), GW_OK);
}

/* The watcher may see the user, without a word between them. */
static inline void look_watch(struct look *l, const char *user, const char *watcher)
{
    struct pres_user *u = pres_user_find(l->core, gw_str_of(user));
    struct pres_entry *e = pres_entry_add(u, gw_str_of(watcher));

    assert_non_null(e);
    e->state = PRES_FROM;
    e->listed = true;
}

/* "" when nothing is known of the resource. */
static inline const char *look_sees(const struct look *l, const char *watcher, const char *resource)
{
    const struct look_seen *s;
    char key[200];

    snprintf(key, sizeof(key), "%s sees %s", watcher, resource);
    s = gw_map_get(l->seen, gw_str_of(key));
    return s ? s->text : "";
}

/* A calendar whose texts tell the level that they are for. */
static inline struct pres_calendar look_calendar(enum pres_calendar_kind kind)
{
    struct pres_calendar c = { .kind = kind, .since = 900, .until = 2000 };

    if (kind == PRES_CAL_NONE || kind == PRES_CAL_FREE)
        return c;
    c.item_since = 900;
    c.item_until = 2000;
    snprintf(c.text[PRES_WORDS_BUSY], PRES_TEXT_MAX, "b-word");
    snprintf(c.text[PRES_WORDS_TIMES], PRES_TEXT_MAX, "t-word");
    snprintf(c.text[PRES_WORDS_OWN], PRES_TEXT_MAX, "o-word");
    snprintf(c.text[PRES_WORDS_FEDERATED], PRES_TEXT_MAX, "f-word");
    return c;
}

static inline void look_set(struct look *l, const char *user, const struct pres_calendar *c)
{
    pres_calendar_set(l->core, gw_str_of(user), c, l->now);
}

#endif

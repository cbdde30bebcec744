/* What the tests of other domains have in common: a core with a way to them that writes down what goes
 * out, or keeps it for another core, and the steps of a user and of those abroad. */
#ifndef PRES_ABROAD_STEPS_H
#define PRES_ABROAD_STEPS_H

#include "gw_bytes.h"
#include "pres_steps.h"

struct letter {
    struct gw_list link;
    enum { REQUEST, PRESENCE, PROBE } kind;
    enum pres_request request;
    enum pres_show show;
    char *from, *resource, *to;
};

struct fake {
    struct pres_settings settings;
    struct store *store;
    struct pres_core *core;
    struct pres_front *front;
    struct gw_buf log;
    struct gw_list post; /* what went out, when somebody takes it to the other core */
    bool is_posting;
    const char *domain;
};

/* ---- The front-end ---- */

static inline void put_doc(struct gw_buf *out, const struct pres_doc *doc)
{
    gw_buf_addf(out, "%.*s/%.*s %s", GW_STR_ARG(doc->user), GW_STR_ARG(doc->resource),
                pres_show_name(doc->shown.show));
    if (doc->shown.text.len)
        gw_buf_addf(out, " '%.*s'", GW_STR_ARG(doc->shown.text));
    if (doc->extra.len)
        gw_buf_addf(out, " +%.*s", GW_STR_ARG(doc->extra));
    gw_buf_add_char(out, '\n');
}

static inline void on_presence(const struct pres_doc *doc, struct pres_session *const *to,
                               size_t count, void *ctx)
{
    struct fake *f = ctx;

    for (size_t i = 0; i < count; i++) {
        put_to(&f->log, to[i]);
        put_doc(&f->log, doc);
    }
}

static inline void on_request(enum pres_request request, struct gw_str from, struct gw_str extra,
                              struct pres_session *to, void *ctx)
{
    struct fake *f = ctx;

    put_to(&f->log, to);
    put_request(&f->log, from, request, extra);
}

static inline void on_roster_changed(const struct pres_item *item, struct pres_session *to,
                                     void *ctx)
{
    struct fake *f = ctx;

    put_to(&f->log, to);
    gw_buf_addf(&f->log, "item %.*s %s%s\n", GW_STR_ARG(item->jid), pres_sub_name(item->sub),
                item->ask ? " ask" : "");
}

static inline void on_ended(struct pres_session *s, enum pres_end why, void *ctx)
{
    (void)s;
    (void)why;
    (void)ctx;
}

static inline struct letter *post(struct fake *f, struct gw_str from, struct gw_str to)
{
    struct letter *l = gw_new(struct letter);

    l->from = gw_str_dup(from);
    l->to = gw_str_dup(to);
    l->resource = gw_str_dup(GW_STR(""));
    gw_list_append(&f->post, &l->link);
    return l;
}

static inline void on_abroad_presence(const struct pres_doc *doc, const struct gw_str *to,
                                      size_t count, void *ctx)
{
    struct fake *f = ctx;

    assert_true(count > 0);
    for (size_t i = 0; i < count; i++) {
        gw_buf_addf(&f->log, "-> %.*s: ", GW_STR_ARG(to[i]));
        put_doc(&f->log, doc);
        if (f->is_posting) {
            struct letter *l = post(f, doc->user, to[i]);

            free(l->resource);
            l->kind = PRESENCE;
            l->show = doc->shown.show;
            l->resource = gw_str_dup(doc->resource);
        }
    }
}

static inline void on_abroad_request(enum pres_request request, struct gw_str from,
                                     struct gw_str to, struct gw_str extra, void *ctx)
{
    struct fake *f = ctx;

    gw_buf_addf(&f->log, "-> %.*s: ", GW_STR_ARG(to));
    put_request(&f->log, from, request, extra);
    if (f->is_posting) {
        struct letter *l = post(f, from, to);

        l->kind = REQUEST;
        l->request = request;
    }
}

static inline void on_abroad_probe(struct gw_str from, struct gw_str to, void *ctx)
{
    struct fake *f = ctx;

    gw_buf_addf(&f->log, "-> %.*s: %.*s probe\n", GW_STR_ARG(to), GW_STR_ARG(from));
    if (f->is_posting)
        post(f, from, to)->kind = PROBE;
}

static const struct pres_frontend table = {
    .name = "fake",
    .presence = on_presence,
    .request = on_request,
    .roster_changed = on_roster_changed,
    .ended = on_ended,
    .presence_abroad = on_abroad_presence,
    .request_abroad = on_abroad_request,
    .probe_abroad = on_abroad_probe,
};

static inline void add_user(struct fake *f, const char *name)
{
    char jid[64];

    snprintf(jid, sizeof(jid), "%s@%s", name, f->domain);
    assert_int_equal(pres_user_add(f->core, gw_str_of(jid), NULL), GW_OK);
}

static inline void start_at(struct fake *f, const char *domain, struct store *store)
{
    *f = (struct fake){ .domain = domain, .store = store };
    gw_param_defaults(pres_params, pres_param_count, &f->settings);
    f->core = pres_core_new(&(struct pres_core_args){ .store = store, .settings = &f->settings });
    f->front = pres_frontend_register(f->core, &table, f);
    gw_buf_init(&f->log, 1024 * 1024);
    gw_list_init(&f->post);
    pres_domain_add(f->core, gw_str_of(domain));
    add_user(f, "ann");
    add_user(f, "bob");
    pres_route_set(f->core, GW_STR(""), f->front);
    if (store) {
        pres_core_load(f->core, NULL, NULL);
        store_wait(store);
    }
}

static inline void start(struct fake *f)
{
    start_at(f, "x", NULL);
}

static inline void letter_free(struct letter *l)
{
    gw_list_remove(&l->link);
    free(l->from);
    free(l->resource);
    free(l->to);
    free(l);
}

static inline void stop(struct fake *f)
{
    static const char *const users[] = { "ann", "bob" };
    char jid[64];

    for (size_t i = 0; i < 2; i++) {
        snprintf(jid, sizeof(jid), "%s@%s", users[i], f->domain);
        pres_user_end_sessions(f->core, gw_str_of(jid), PRES_END_REFUSED, now);
    }
    while (!gw_list_is_empty(&f->post))
        letter_free(GW_CONTAINER(f->post.next, struct letter, link));
    pres_core_free(&f->core);
    gw_buf_done(&f->log);
}

/* ---- Steps ---- */

static inline struct pres_session *connect(struct fake *f, const char *user, const char *resource)
{
    char jid[64];

    snprintf(jid, sizeof(jid), "%s@%s", user, f->domain);
    return connect_as(f->core, f->front, jid, resource, f);
}

static inline struct pres_session *login(struct fake *f, const char *user, const char *resource)
{
    struct pres_session *s = connect(f, user, resource);

    go_online(s);
    gw_buf_reset(&f->log);
    return s;
}

static inline void ask(struct pres_session *s, enum pres_request request, const char *contact)
{
    assert_int_equal(pres_request_send(s, request, gw_str_of(contact), GW_STR(""), NULL), GW_OK);
}

static inline void from_far(struct fake *f, const char *from, enum pres_request request,
                            const char *to)
{
    pres_abroad_request(f->core, request, gw_str_of(from), gw_str_of(to), GW_STR(""));
}

static inline void calendar(struct fake *f, const char *user, enum pres_calendar_kind kind,
                            const char *text)
{
    struct pres_calendar cal = { .kind = kind, .since = 5, .until = 9 };

    for (int words = 0; words < PRES_WORDS_COUNT; words++)
        snprintf(cal.text[words], PRES_TEXT_MAX, "%s", text);
    pres_calendar_set(f->core, gw_str_of(user), &cal, now);
}

static inline void decide(struct fake *f, const char *who, enum pres_decision d)
{
    struct gw_err err;

    if (pres_decide(f->core, GW_STR("ann@x"), gw_str_of(who), d, &err))
        fail_msg("%s", err.msg);
}

static inline void place(struct fake *f, const char *user, const char *contact, unsigned state)
{
    const struct pres_entry_args args = { .jid = gw_str_of(contact),
                                          .state = (unsigned char)state,
                                          .listed = true };

    pres_roster_place(&pres_user_find(f->core, gw_str_of(user))->roster, pres_entry_new(&args));
}

static inline const struct pres_entry *entry(struct fake *f, const char *user, const char *contact)
{
    return pres_roster_find(&pres_user_find(f->core, gw_str_of(user))->roster, gw_str_of(contact));
}

static inline bool says(const struct fake *f, const char *line)
{
    return f->log.len && strstr(f->log.p, line);
}

#endif

/* Watchers and contacts of other domains, and what users decide about them: one core with a way that
 * writes down what goes out, and two cores that are each other's other domain. */
#include <unistd.h>

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

static void put_doc(struct gw_buf *out, const struct pres_doc *doc)
{
    gw_buf_addf(out, "%.*s/%.*s %s", GW_STR_ARG(doc->user), GW_STR_ARG(doc->resource),
                pres_show_name(doc->shown.show));
    if (doc->shown.text.len)
        gw_buf_addf(out, " '%.*s'", GW_STR_ARG(doc->shown.text));
    if (doc->extra.len)
        gw_buf_addf(out, " +%.*s", GW_STR_ARG(doc->extra));
    gw_buf_add_char(out, '\n');
}

static void on_presence(const struct pres_doc *doc, struct pres_session *const *to, size_t count,
                        void *ctx)
{
    struct fake *f = ctx;

    for (size_t i = 0; i < count; i++) {
        put_to(&f->log, to[i]);
        put_doc(&f->log, doc);
    }
}

static void on_request(enum pres_request request, struct gw_str from, struct gw_str extra,
                       struct pres_session *to, void *ctx)
{
    struct fake *f = ctx;

    put_to(&f->log, to);
    put_request(&f->log, from, request, extra);
}

static void on_roster_changed(const struct pres_item *item, struct pres_session *to, void *ctx)
{
    struct fake *f = ctx;

    put_to(&f->log, to);
    gw_buf_addf(&f->log, "item %.*s %s%s\n", GW_STR_ARG(item->jid), pres_sub_name(item->sub),
                item->ask ? " ask" : "");
}

static void on_ended(struct pres_session *s, enum pres_end why, void *ctx)
{
    (void)s;
    (void)why;
    (void)ctx;
}

static struct letter *post(struct fake *f, struct gw_str from, struct gw_str to)
{
    struct letter *l = gw_new(struct letter);

    l->from = gw_str_dup(from);
    l->to = gw_str_dup(to);
    l->resource = gw_str_dup(GW_STR(""));
    gw_list_append(&f->post, &l->link);
    return l;
}

static void on_abroad_presence(const struct pres_doc *doc, const struct gw_str *to, size_t count,
                               void *ctx)
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

static void on_abroad_request(enum pres_request request, struct gw_str from, struct gw_str to,
                              struct gw_str extra, void *ctx)
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

static void on_abroad_probe(struct gw_str from, struct gw_str to, void *ctx)
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

static void add_user(struct fake *f, const char *name)
{
    char jid[64];

    snprintf(jid, sizeof(jid), "%s@%s", name, f->domain);
    assert_int_equal(pres_user_add(f->core, gw_str_of(jid), NULL), GW_OK);
}

static void start_at(struct fake *f, const char *domain, struct store *store)
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

static void start(struct fake *f)
{
    start_at(f, "x", NULL);
}

static void letter_free(struct letter *l)
{
    gw_list_remove(&l->link);
    free(l->from);
    free(l->resource);
    free(l->to);
    free(l);
}

static void stop(struct fake *f)
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

static struct pres_session *connect(struct fake *f, const char *user, const char *resource)
{
    char jid[64];

    snprintf(jid, sizeof(jid), "%s@%s", user, f->domain);
    return connect_as(f->core, f->front, jid, resource, f);
}

static struct pres_session *login(struct fake *f, const char *user, const char *resource)
{
    struct pres_session *s = connect(f, user, resource);

    go_online(s);
    gw_buf_reset(&f->log);
    return s;
}

static void ask(struct pres_session *s, enum pres_request request, const char *contact)
{
    assert_int_equal(pres_request_send(s, request, gw_str_of(contact), GW_STR(""), NULL), GW_OK);
}

static void from_far(struct fake *f, const char *from, enum pres_request request, const char *to)
{
    pres_abroad_request(f->core, request, gw_str_of(from), gw_str_of(to), GW_STR(""));
}

static void far_says(struct fake *f, const char *from, const char *resource, const char *to,
                     enum pres_show show, const char *text)
{
    const struct pres_client client = { .show = show, .text = gw_str_of(text) };

    assert_int_equal(pres_abroad_presence(f->core, f->front, gw_str_of(from), gw_str_of(resource),
                                          gw_str_of(to), GW_STR(""), &client),
                     GW_OK);
}

static void calendar(struct fake *f, const char *user, enum pres_calendar_kind kind,
                     const char *text)
{
    struct pres_calendar cal = { .kind = kind, .since = 5, .until = 9 };

    for (int words = 0; words < PRES_WORDS_COUNT; words++)
        snprintf(cal.text[words], PRES_TEXT_MAX, "%s", text);
    pres_calendar_set(f->core, gw_str_of(user), &cal, now);
}

static void decide(struct fake *f, const char *who, enum pres_decision d)
{
    struct gw_err err;

    if (pres_decide(f->core, GW_STR("ann@x"), gw_str_of(who), d, &err))
        fail_msg("%s", err.msg);
}

static void place(struct fake *f, const char *user, const char *contact, unsigned state)
{
    const struct pres_entry_args args = { .jid = gw_str_of(contact),
                                          .state = (unsigned char)state,
                                          .listed = true };

    pres_roster_place(&pres_user_find(f->core, gw_str_of(user))->roster, pres_entry_new(&args));
}

static const struct pres_entry *entry(struct fake *f, const char *user, const char *contact)
{
    return pres_roster_find(&pres_user_find(f->core, gw_str_of(user))->roster, gw_str_of(contact));
}

/* ---- RFC 6121 appendix A, both ways, over a domain's border ---- */

static bool says(const struct fake *f, const char *line)
{
    return f->log.len && strstr(f->log.p, line);
}

static void follows_appendix_a(void **state)
{
    (void)state;
    for (unsigned flags = 0; flags < PRES_STATES; flags++) {
        for (enum pres_request r = PRES_SUBSCRIBE; r <= PRES_UNSUBSCRIBED; r++) {
            for (enum pres_way way = PRES_OUTBOUND; way <= PRES_INBOUND; way++) {
                struct pres_step step;
                struct pres_session *ann;
                char line[64];
                struct fake f;

                if (!pres_state_is_valid(flags))
                    continue;
                step = pres_sub_step(way, r, flags);
                start(&f);
                f.settings.denied_watchers = PRES_DENIED_ARE_REFUSED;
                place(&f, "ann@x", "eve@y", flags);
                ann = login(&f, "ann", "a");
                if (way == PRES_OUTBOUND)
                    ask(ann, r, "eve@y");
                else
                    from_far(&f, "eve@y", r, "ann@x");
                snprintf(line, sizeof(line),
                         way == PRES_OUTBOUND ? "-> eve@y: ann@x %s\n" : "ann@x/a: eve@y %s\n",
                         request_names[r]);
                if (entry(&f, "ann@x", "eve@y")->state != step.to || says(&f, line) != step.pass)
                    fail_msg("state %u, way %d, %s: now %u\n%s", flags, way, request_names[r],
                             entry(&f, "ann@x", "eve@y")->state, f.log.p);
                assert_int_equal(says(&f, "-> eve@y: ann@x subscribed\n"),
                                 step.answer ||
                                     (way == PRES_OUTBOUND && step.pass && r == PRES_SUBSCRIBED));
                stop(&f);
            }
        }
    }
}

static void carry(struct fake *from, struct fake *to)
{
    struct letter *l = GW_CONTAINER(from->post.next, struct letter, link);
    struct gw_str sender = gw_str_of(l->from), receiver = gw_str_of(l->to);
    const struct pres_client client = { .show = l->show };

    switch (l->kind) {
    case REQUEST:
        pres_abroad_request(to->core, l->request, sender, receiver, GW_STR(""));
        break;
    case PROBE:
        pres_abroad_probe(to->core, sender, receiver);
        break;
    case PRESENCE:
        pres_abroad_presence(to->core, to->front, sender, gw_str_of(l->resource), receiver,
                             GW_STR(""), &client);
        break;
    }
    letter_free(l);
}

static void carry_all(struct fake *a, struct fake *b)
{
    while (!gw_list_is_empty(&a->post) || !gw_list_is_empty(&b->post)) {
        if (!gw_list_is_empty(&a->post))
            carry(a, b);
        if (!gw_list_is_empty(&b->post))
            carry(b, a);
    }
}

/* What the watcher is shown is what the watched one says, to those who may see it. */
static void assert_agreed(struct fake *a, const char *ann, struct fake *b, const char *bob)
{
    const struct pres_entry *ea = entry(a, ann, bob), *eb = entry(b, bob, ann);
    unsigned sa = ea ? ea->state : 0, sb = eb ? eb->state : 0;
    struct pres_user *watcher = pres_user_find(a->core, gw_str_of(ann));
    struct pres_user *watched = pres_user_find(b->core, gw_str_of(bob));
    struct pres_session *s = pres_session_find(a->core, gw_str_of(ann), GW_STR("r"));

    /* One who was denied and is to be asked about again believes that he is granted. */
    assert_true(sa & PRES_TO ? sb & (PRES_FROM | PRES_IN) : !(sb & PRES_FROM));
    assert_true(sb & PRES_IN ? sa & (PRES_OUT | PRES_TO) : !(sa & PRES_OUT));
    assert_int_equal(pres_abroad_show(s, gw_str_of(bob), GW_STR("r")),
                     pres_user_is_available(watcher) && pres_user_is_available(watched) &&
                         pres_may_see(gw_str_of(ann), watched));
}

static void both_sides_agree(void **state)
{
    static const char *const jids[] = { "ann@x", "bob@y" };
    unsigned polite = 0, blocked = 0;
    struct pres_session *s[2];
    struct fake f[2];

    (void)state;
    start_at(&f[0], "x", NULL);
    start_at(&f[1], "y", NULL);
    f[0].is_posting = f[1].is_posting = true;
    f[1].settings.denied_watchers = PRES_DENIED_ARE_REFUSED;
    s[0] = login(&f[0], "ann", "r");
    s[1] = login(&f[1], "bob", "r");
    for (unsigned i = 0; i < 30000; i++) {
        const struct pres_entry *e;
        char text[24];
        uint64_t dice;
        size_t who;

        snprintf(text, sizeof(text), "%u", i);
        dice = gw_hash_stable(gw_str_of(text));
        who = dice & 1;
        dice >>= 1;
        switch (dice % 40) {
        case 0:
            (void)pres_roster_remove(s[who], gw_str_of(jids[!who]), NULL);
            break;
        case 1:
            pres_decide(f[who].core, gw_str_of(jids[who]), gw_str_of(jids[!who]),
                        (enum pres_decision)(dice / 40 % 3), NULL);
            break;
        case 2:
            pres_decide(f[who].core, gw_str_of(jids[who]), gw_str_of(who ? "x" : "y"),
                        (enum pres_decision)(dice / 40 % 3), NULL);
            break;
        case 3:
            say(s[who], dice / 40 & 1 ? PRES_OFFLINE : PRES_AWAY, "");
            break;
        default:
            ask(s[who], (enum pres_request)(dice % 4), jids[!who]);
        }
        carry_all(&f[0], &f[1]);
        assert_agreed(&f[0], "ann@x", &f[1], "bob@y");
        assert_agreed(&f[1], "bob@y", &f[0], "ann@x");
        e = entry(&f[0], "ann@x", "bob@y");
        polite += e && e->polite;
        blocked += e && e->state & PRES_FROM && !e->polite &&
                   !pres_may_see(GW_STR("bob@y"), pres_user_find(f[0].core, GW_STR("ann@x")));
        gw_buf_reset(&f[0].log);
        gw_buf_reset(&f[1].log);
    }
    assert_true(polite > 100 && blocked > 100);
    stop(&f[0]);
    stop(&f[1]);
}

/* ---- Presence and probes ---- */

static void asks_once_and_remembers(void **state)
{
    struct pres_session *desk, *phone;
    struct fake f;

    (void)state;
    start(&f);
    place(&f, "ann@x", "eve@y", PRES_TO);
    desk = connect(&f, "ann", "desk");
    say(desk, PRES_AVAILABLE, "");
    EXPECT("ann@x/desk: ann@x/desk available\n-> eve@y: ann@x probe\n");
    far_says(&f, "eve@y", "home", "ann@x", PRES_AWAY, "tea");
    far_says(&f, "eve@y", "work", "ann@x", PRES_DND, "");
    EXPECT("ann@x/desk: eve@y/home away 'tea'\nann@x/desk: eve@y/work do-not-disturb\n");
    phone = connect(&f, "ann", "phone");
    say(phone, PRES_AVAILABLE, "");
    gw_buf_reset(&f.log);
    pres_session_refresh(phone, GW_STR("eve@y"), GW_STR("work"));
    pres_session_refresh(phone, GW_STR("eve@y"), GW_STR("car"));
    EXPECT("ann@x/phone: eve@y/work do-not-disturb\nann@x/phone: eve@y/car offline\n");
    say(desk, PRES_OFFLINE, "");
    gw_buf_reset(&f.log);
    far_says(&f, "eve@y", "home", "ann@x", PRES_OFFLINE, "good night");
    EXPECT("ann@x/phone: eve@y/home offline 'good night'\n");
    far_says(&f, "eve@y", "", "ann@x", PRES_OFFLINE, "");
    EXPECT("ann@x/phone: eve@y/work offline\nann@x/phone: eve@y/ offline\n");
    /* Nothing is kept for one who is not there. */
    say(phone, PRES_OFFLINE, "");
    gw_buf_reset(&f.log);
    far_says(&f, "eve@y", "home", "ann@x", PRES_AWAY, "");
    assert_null(pres_user_find(f.core, GW_STR("ann@x"))->seen);
    EXPECT("");
    stop(&f);
}

static void newcomers_are_told_what_is_known(void **state)
{
    struct pres_session *phone;
    struct fake f;

    (void)state;
    start(&f);
    place(&f, "ann@x", "eve@y", PRES_TO);
    (void)login(&f, "ann", "desk");
    far_says(&f, "eve@y", "home", "ann@x", PRES_AWAY, "tea");
    gw_buf_reset(&f.log);
    phone = connect(&f, "ann", "phone");
    say(phone, PRES_AVAILABLE, "");
    EXPECT("ann@x/desk: ann@x/phone available\n"
           "ann@x/phone: ann@x/phone available\n"
           "ann@x/phone: ann@x/desk available\n"
           "ann@x/phone: eve@y/home away 'tea'\n");
    pres_session_probe(phone, GW_STR("eve@y"));
    EXPECT("-> eve@y: ann@x probe\n");
    pres_abroad_lost(f.core, GW_STR("eve@y"), GW_STR("ann@x"));
    EXPECT("ann@x/desk: eve@y/home offline\nann@x/phone: eve@y/home offline\n");
    stop(&f);
}

static void keeps_so_many_resources(void **state)
{
    struct fake f;

    (void)state;
    start(&f);
    place(&f, "ann@x", "eve@y", PRES_TO);
    (void)login(&f, "ann", "a");
    for (int i = 0; i <= PRES_ABROAD_RESOURCES_MAX; i++) {
        char resource[8];

        gw_buf_reset(&f.log);
        snprintf(resource, sizeof(resource), "%d", i);
        far_says(&f, "eve@y", resource, "ann@x", PRES_AWAY, "");
    }
    EXPECT("ann@x/a: eve@y/0 offline\nann@x/a: eve@y/20 away\n");
    stop(&f);
}

static void passes_on_what_strangers_say_once(void **state)
{
    const struct pres_client client = { .show = PRES_AWAY };
    const struct pres_client large = { .extra = { "", PRES_CLIENT_MAX + 1 } };
    struct fake f;

    (void)state;
    start(&f);
    (void)login(&f, "ann", "a");
    far_says(&f, "mal@y", "m", "ann@x", PRES_AWAY, "");
    pres_abroad_presence(f.core, f.front, GW_STR("mal@y"), GW_STR("m"), GW_STR("ann@x"),
                         GW_STR("a"), &client);
    EXPECT("ann@x/a: mal@y/m away\nann@x/a: mal@y/m away\n");
    assert_null(pres_user_find(f.core, GW_STR("ann@x"))->seen);
    far_says(&f, "mal@y", "m", "nobody@x", PRES_AWAY, "");
    EXPECT("");
    assert_int_equal(pres_abroad_presence(f.core, f.front, GW_STR("mal@y"), GW_STR("m"),
                                          GW_STR("ann@x"), GW_STR(""), &large),
                     GW_LIMIT);
    stop(&f);
}

static void tells_abroad_watchers(void **state)
{
    struct pres_session *ann;
    struct fake f;

    (void)state;
    start(&f);
    place(&f, "ann@x", "eve@y", PRES_FROM);
    place(&f, "ann@x", "joe@z", PRES_FROM);
    place(&f, "ann@x", "pia@z", PRES_TO);
    calendar(&f, "ann@x", PRES_CAL_MEETING, "In a meeting");
    EXPECT("-> eve@y: ann@x/ offline 'In a meeting'\n-> joe@z: ann@x/ offline 'In a meeting'\n");
    ann = login(&f, "ann", "a");
    calendar(&f, "ann@x", PRES_CAL_OOF, "Out of office");
    EXPECT("-> eve@y: ann@x/a extended-away 'Out of office'\n"
           "-> joe@z: ann@x/a extended-away 'Out of office'\n"
           "ann@x/a: ann@x/a extended-away 'Out of office'\n");
    /* Without a way nobody is told. */
    pres_route_set(f.core, GW_STR(""), NULL);
    pres_route_set(f.core, GW_STR("z"), f.front);
    calendar(&f, "ann@x", PRES_CAL_FREE, "");
    EXPECT("-> joe@z: ann@x/a available\nann@x/a: ann@x/a available\n");
    say(ann, PRES_OFFLINE, "");
    EXPECT("-> joe@z: ann@x/a offline\n");
    stop(&f);
}

/* Lists of rules keep apart whoever is where. */
static void lists_reach_across(void **state)
{
    const struct pres_rule out = {
        .by = PRES_BY_JID, .value = GW_STR("eve@y"), .denies = true, .kinds = PRES_KIND_PRESENCE_OUT
    };
    const struct pres_rule in = { .by = PRES_BY_JID,
                                  .value = GW_STR("y/work"), /* a server's resource: nobody here */
                                  .denies = true,
                                  .kinds = PRES_KIND_PRESENCE_IN };
    const struct pres_rule work = { .by = PRES_BY_JID,
                                    .value = GW_STR("eve@y/work"),
                                    .denies = true,
                                    .kinds = PRES_KIND_PRESENCE_IN };
    struct pres_walk walk = { 0 };
    struct pres_session *ann;
    struct fake f;

    (void)state;
    start(&f);
    place(&f, "ann@x", "eve@y", PRES_TO | PRES_FROM);
    place(&f, "ann@x", "joe@z", PRES_FROM);
    ann = login(&f, "ann", "a");
    far_says(&f, "eve@y", "home", "ann@x", PRES_AWAY, "");
    far_says(&f, "eve@y", "work", "ann@x", PRES_DND, "");
    gw_buf_reset(&f.log);
    assert_int_equal(pres_list_set(ann, GW_STR("l"), &out, 1, NULL), GW_OK);
    assert_int_equal(pres_list_make_default(ann, GW_STR("l"), NULL), GW_OK);
    EXPECT("-> eve@y: ann@x/a offline\n");
    calendar(&f, "ann@x", PRES_CAL_OOF, "Out of office");
    EXPECT("-> joe@z: ann@x/a extended-away 'Out of office'\n"
           "ann@x/a: ann@x/a extended-away 'Out of office'\n");
    pres_abroad_probe(f.core, GW_STR("eve@y"), GW_STR("ann@x"));
    while (pres_abroad_renew(f.core, GW_STR("x"), GW_STR("y"), &walk))
        ;
    EXPECT("-> eve@y: ann@x probe\n");
    assert_int_equal(pres_list_set(ann, GW_STR("l"), &in, 1, NULL), GW_OK);
    EXPECT("-> eve@y: ann@x/a extended-away 'Out of office'\n");
    assert_int_equal(pres_list_set(ann, GW_STR("l"), &work, 1, NULL), GW_OK);
    EXPECT("ann@x/a: eve@y/work offline\n");
    far_says(&f, "eve@y", "work", "ann@x", PRES_AVAILABLE, "");
    EXPECT("");
    pres_session_refresh(ann, GW_STR("eve@y"), GW_STR("work"));
    EXPECT("ann@x/a: eve@y/work offline\n");
    assert_int_equal(pres_list_make_default(ann, GW_STR(""), NULL), GW_OK);
    EXPECT("ann@x/a: eve@y/work available\n");
    stop(&f);
}

static void answers_probes(void **state)
{
    struct fake f;

    (void)state;
    start(&f);
    place(&f, "ann@x", "eve@y", PRES_FROM);
    pres_abroad_probe(f.core, GW_STR("eve@y"), GW_STR("ann@x"));
    EXPECT("-> eve@y: ann@x/ offline\n");
    (void)login(&f, "ann", "a");
    (void)login(&f, "ann", "b");
    pres_abroad_probe(f.core, GW_STR("eve@y"), GW_STR("ann@x"));
    EXPECT("-> eve@y: ann@x/a available\n-> eve@y: ann@x/b available\n");
    pres_abroad_probe(f.core, GW_STR("mal@y"), GW_STR("ann@x"));
    EXPECT("-> mal@y: ann@x unsubscribed\n");
    pres_abroad_probe(f.core, GW_STR("eve@y"), GW_STR("nobody@x"));
    EXPECT("-> eve@y: nobody@x unsubscribed\n");
    decide(&f, "y", PRES_BLOCK);
    gw_buf_reset(&f.log);
    pres_abroad_probe(f.core, GW_STR("eve@y"), GW_STR("ann@x"));
    EXPECT("-> eve@y: ann@x/ offline\n");
    from_far(&f, "eve@y", PRES_SUBSCRIBE, "nobody@x");
    EXPECT("-> eve@y: nobody@x unsubscribed\n");
    stop(&f);
}

static void directs_presence_abroad(void **state)
{
    const struct pres_client here = { .show = PRES_AVAILABLE };
    struct pres_session *ann;
    struct fake f;

    (void)state;
    start(&f);
    ann = login(&f, "ann", "a");
    assert_int_equal(pres_session_direct(ann, GW_STR("eve@y"), GW_STR("home"), &here), GW_OK);
    EXPECT("-> eve@y/home: ann@x/a available\n");
    pres_session_free(&ann, now);
    EXPECT("-> eve@y/home: ann@x/a offline\n");
    ann = login(&f, "ann", "a");
    pres_route_set(f.core, GW_STR(""), NULL);
    assert_int_equal(pres_session_direct(ann, GW_STR("eve@y"), GW_STR(""), &here), GW_NOTFOUND);
    stop(&f);
}

static void whoever_leaves_is_no_way(void **state)
{
    static const char *const ways[] = { "eve@y", "joe@z", "nobody@x" };
    struct fake f;

    (void)state;
    start(&f);
    pres_route_set(f.core, GW_STR("z"), f.front);
    pres_route_unknown_set(f.core, f.front);
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
        assert_ptr_equal(pres_route_front(f.core, gw_str_of(ways[i])), f.front);
    pres_frontend_leave(f.front);
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
        assert_null(pres_route_front(f.core, gw_str_of(ways[i])));
    stop(&f);
}

/* ---- Decisions ---- */

static void waits_with_one_prompt(void **state)
{
    struct pres_session *ann;
    struct fake f;

    (void)state;
    start(&f);
    ann = login(&f, "ann", "a");
    from_far(&f, "eve@y", PRES_SUBSCRIBE, "ann@x");
    EXPECT("ann@x/a: eve@y subscribe\n");
    from_far(&f, "eve@y", PRES_SUBSCRIBE, "ann@x");
    EXPECT("");
    ask(ann, PRES_SUBSCRIBED, "eve@y");
    EXPECT("ann@x/a: item eve@y from\n"
           "-> eve@y: ann@x subscribed\n"
           "-> eve@y: ann@x/a available\n");
    /* He comes back later: it was decided. */
    from_far(&f, "eve@y", PRES_UNSUBSCRIBE, "ann@x");
    gw_buf_reset(&f.log);
    from_far(&f, "eve@y", PRES_SUBSCRIBE, "ann@x");
    EXPECT("ann@x/a: item eve@y from\n"
           "-> eve@y: ann@x subscribed\n"
           "-> eve@y: ann@x/a available\n");
    /* Taken back, it is asked again. */
    ask(ann, PRES_UNSUBSCRIBED, "eve@y");
    EXPECT("ann@x/a: item eve@y none\n"
           "-> eve@y: ann@x/a offline\n"
           "-> eve@y: ann@x unsubscribed\n");
    from_far(&f, "eve@y", PRES_SUBSCRIBE, "ann@x");
    EXPECT("ann@x/a: eve@y subscribe\nann@x/a: item eve@y none\n");
    stop(&f);
}

static void denies_politely(void **state)
{
    struct pres_session *ann;
    struct fake f;

    (void)state;
    start(&f);
    ann = login(&f, "ann", "a");
    from_far(&f, "eve@y", PRES_SUBSCRIBE, "ann@x");
    gw_buf_reset(&f.log);
    ask(ann, PRES_UNSUBSCRIBED, "eve@y");
    EXPECT("-> eve@y: ann@x subscribed\n-> eve@y: ann@x/ offline\n");
    say(ann, PRES_AWAY, "");
    calendar(&f, "ann@x", PRES_CAL_MEETING, "In a meeting");
    assert_false(says(&f, "eve@y"));
    gw_buf_reset(&f.log);
    from_far(&f, "eve@y", PRES_SUBSCRIBE, "ann@x");
    EXPECT("-> eve@y: ann@x subscribed\n-> eve@y: ann@x/ offline\n");
    ask(ann, PRES_UNSUBSCRIBED, "eve@y"); /* he knows nothing of it */
    EXPECT("");
    ask(ann, PRES_SUBSCRIBED, "eve@y"); /* thought better of it */
    EXPECT("ann@x/a: item eve@y from\n-> eve@y: ann@x/a away 'In a meeting'\n");
    stop(&f);
}

static void denies_frankly(void **state)
{
    struct pres_session *ann;
    struct fake f;

    (void)state;
    start(&f);
    f.settings.denied_watchers = PRES_DENIED_ARE_REFUSED;
    ann = login(&f, "ann", "a");
    from_far(&f, "eve@y", PRES_SUBSCRIBE, "ann@x");
    gw_buf_reset(&f.log);
    ask(ann, PRES_UNSUBSCRIBED, "eve@y");
    EXPECT("-> eve@y: ann@x unsubscribed\n");
    assert_null(entry(&f, "ann@x", "eve@y"));
    decide(&f, "y", PRES_BLOCK);
    from_far(&f, "eve@y", PRES_SUBSCRIBE, "ann@x");
    EXPECT("-> eve@y: ann@x unsubscribed\n");
    stop(&f);
}

/* A decision before the request, by whom it is about and by his domain. */
static const struct {
    const char *who;
    enum pres_decision one, domain;
    enum pres_auto automatic;
    const char *out;
} decision_case[] = {
    { "eve@y", PRES_ASK, PRES_ASK, PRES_AUTO_NOBODY, "ann@x/a: eve@y subscribe\n" },
    { "eve@y", PRES_ASK, PRES_ASK, PRES_AUTO_LOCAL, "ann@x/a: eve@y subscribe\n" },
    { "eve@y", PRES_ASK, PRES_ASK, PRES_AUTO_EVERYBODY,
      "ann@x/a: item eve@y from\n-> eve@y: ann@x subscribed\n-> eve@y: ann@x/a available\n" },
    { "eve@y", PRES_ALLOW, PRES_ASK, PRES_AUTO_NOBODY,
      "ann@x/a: item eve@y from\n-> eve@y: ann@x subscribed\n-> eve@y: ann@x/a available\n" },
    { "eve@y", PRES_ASK, PRES_ALLOW, PRES_AUTO_NOBODY,
      "ann@x/a: item eve@y from\n-> eve@y: ann@x subscribed\n-> eve@y: ann@x/a available\n" },
    { "eve@y", PRES_ALLOW, PRES_BLOCK, PRES_AUTO_NOBODY,
      "ann@x/a: item eve@y from\n-> eve@y: ann@x subscribed\n-> eve@y: ann@x/a available\n" },
    { "eve@y", PRES_BLOCK, PRES_ALLOW, PRES_AUTO_EVERYBODY,
      "-> eve@y: ann@x subscribed\n-> eve@y: ann@x/ offline\n" },
    { "eve@y", PRES_ASK, PRES_BLOCK, PRES_AUTO_EVERYBODY,
      "-> eve@y: ann@x subscribed\n-> eve@y: ann@x/ offline\n" },
};

static void decided_before(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(decision_case) / sizeof(decision_case[0]); i++) {
        struct fake f;

        start(&f);
        f.settings.auto_authorize = decision_case[i].automatic;
        (void)login(&f, "ann", "a");
        decide(&f, "eve@y", decision_case[i].one);
        decide(&f, "y", decision_case[i].domain);
        from_far(&f, "eve@y", PRES_SUBSCRIBE, "ann@x");
        EXPECT(decision_case[i].out);
        stop(&f);
    }
}

static void local_watchers_need_not_ask(void **state)
{
    struct pres_session *bob;
    struct fake f;

    (void)state;
    start(&f);
    (void)login(&f, "ann", "a");
    bob = login(&f, "bob", "b");
    ask(bob, PRES_SUBSCRIBE, "ann@x");
    EXPECT("bob@x/b: item ann@x none ask\n"
           "ann@x/a: item bob@x from\n"
           "bob@x/b: ann@x subscribed\n"
           "bob@x/b: item ann@x to\n"
           "bob@x/b: ann@x/a available\n");
    stop(&f);
}

static void decisions_act_at_once(void **state)
{
    struct pres_session *ann, *bob;
    struct fake f;

    (void)state;
    start(&f);
    ann = login(&f, "ann", "a");
    bob = login(&f, "bob", "b");
    ask(bob, PRES_SUBSCRIBE, "ann@x");
    place(&f, "ann@x", "eve@y", PRES_FROM);
    from_far(&f, "joe@y", PRES_SUBSCRIBE, "ann@x");
    gw_buf_reset(&f.log);
    decide(&f, "y", PRES_BLOCK);
    EXPECT("-> eve@y: ann@x/a offline\n"
           "-> joe@y: ann@x subscribed\n"
           "-> joe@y: ann@x/ offline\n");
    decide(&f, "bob@x", PRES_BLOCK);
    EXPECT("bob@x/b: ann@x/a offline\n");
    say(ann, PRES_AWAY, "");
    EXPECT("ann@x/a: ann@x/a away\n");
    decide(&f, "eve@y", PRES_ALLOW);
    EXPECT("-> eve@y: ann@x/a away\n");
    decide(&f, "bob@x", PRES_ASK);
    EXPECT("bob@x/b: ann@x/a away\n");
    decide(&f, "y", PRES_ASK); /* joe, who was denied by it, waits again */
    EXPECT("ann@x/a: joe@y subscribe\n");
    decide(&f, "y", PRES_ALLOW);
    EXPECT("ann@x/a: item joe@y from\n-> joe@y: ann@x subscribed\n-> joe@y: ann@x/a away\n");
    assert_int_equal(pres_decided(f.core, GW_STR("ann@x"), GW_STR("pia@y")), PRES_ALLOW);
    assert_int_equal(pres_decided(f.core, GW_STR("ann@x"), GW_STR("bob@x")), PRES_ASK);
    stop(&f);
}

static void refuses_bad_decisions(void **state)
{
    struct gw_err err;
    struct fake f;

    (void)state;
    start(&f);
    assert_int_equal(pres_decide(f.core, GW_STR("eve@x"), GW_STR("y"), PRES_BLOCK, &err),
                     GW_NOTFOUND);
    assert_int_equal(pres_decide(f.core, GW_STR("ann@x"), GW_STR(""), PRES_BLOCK, &err),
                     GW_INVALID);
    assert_int_equal(pres_decide(f.core, GW_STR("ann@x"), GW_STR("a b"), PRES_BLOCK, &err),
                     GW_INVALID);
    assert_int_equal(pres_decide(f.core, GW_STR("ann@x"), GW_STR("ann@x"), PRES_BLOCK, &err),
                     GW_INVALID);
    for (int i = 0; i < PRES_DECISIONS_MAX; i++) {
        char who[16];

        snprintf(who, sizeof(who), "d%d", i);
        decide(&f, who, PRES_BLOCK);
    }
    assert_int_equal(pres_decide(f.core, GW_STR("ann@x"), GW_STR("more"), PRES_BLOCK, &err),
                     GW_LIMIT);
    decide(&f, "d7", PRES_ASK);
    decide(&f, "more", PRES_BLOCK);
    stop(&f);
}

/* ---- Looking on ---- */

static void note_watcher(struct gw_str user, struct gw_str watcher, enum pres_standing standing,
                         void *ctx)
{
    gw_buf_addf(ctx, "%.*s: %.*s %s\n", GW_STR_ARG(user), GW_STR_ARG(watcher),
                pres_standing_name(standing));
}

static void note_decision(struct gw_str who, enum pres_decision decision, void *ctx)
{
    gw_buf_addf(ctx, "%.*s %s\n", GW_STR_ARG(who), pres_decision_name(decision));
}

static void shows_watchers(void **state)
{
    size_t pos = 0, turns = 0;
    struct gw_buf said;
    struct fake f;

    (void)state;
    start(&f);
    gw_buf_init(&said, 1000);
    from_far(&f, "joe@y", PRES_SUBSCRIBE, "ann@x");
    from_far(&f, "pia@y", PRES_SUBSCRIBE, "ann@x");
    from_far(&f, "sam@z", PRES_SUBSCRIBE, "ann@x");
    from_far(&f, "sam@z", PRES_SUBSCRIBE, "bob@x");
    decide(&f, "joe@y", PRES_ALLOW);
    decide(&f, "y", PRES_BLOCK);
    pres_watchers_each(f.core, GW_STR("ann@x"), note_watcher, &said);
    pres_decisions_each(f.core, GW_STR("ann@x"), note_decision, &said);
    pres_watchers_each(f.core, GW_STR("nobody@x"), note_watcher, &said);
    pres_decisions_each(f.core, GW_STR("nobody@x"), note_decision, &said);
    assert_string_equal(said.p, "ann@x: joe@y sees\nann@x: pia@y denied\nann@x: sam@z waits\n"
                                "joe@y allow\ny block\n");
    gw_buf_reset(&said);
    while (pres_waiting_each(f.core, &pos, 1, note_watcher, &said))
        turns++;
    assert_true(turns > 1);
    assert_non_null(strstr(said.p, "ann@x: sam@z waits\n"));
    assert_non_null(strstr(said.p, "bob@x: sam@z waits\n"));
    assert_int_equal(said.len, 2 * strlen("ann@x: sam@z waits\n"));
    gw_buf_done(&said);
    stop(&f);
}

static void limits_watchers(void **state)
{
    struct pres_session *ann;
    struct fake f;

    (void)state;
    start(&f);
    f.settings.watchers_max = 2;
    ann = login(&f, "ann", "a");
    from_far(&f, "a@y", PRES_SUBSCRIBE, "ann@x");
    from_far(&f, "b@y", PRES_SUBSCRIBE, "ann@x");
    gw_buf_reset(&f.log);
    from_far(&f, "c@y", PRES_SUBSCRIBE, "ann@x");
    EXPECT("-> c@y: ann@x unsubscribed\n");
    /* Contacts are counted by themselves. */
    f.settings.contacts_max = 1;
    ask(ann, PRES_SUBSCRIBE, "d@y");
    assert_int_equal(pres_request_send(ann, PRES_SUBSCRIBE, GW_STR("e@y"), GW_STR(""), NULL),
                     GW_LIMIT);
    f.settings.watchers_max = f.settings.contacts_max = GW_PARAM_WORD;
    gw_buf_reset(&f.log);
    from_far(&f, "c@y", PRES_SUBSCRIBE, "ann@x");
    EXPECT("ann@x/a: c@y subscribe\n");
    ask(ann, PRES_SUBSCRIBE, "e@y");
    stop(&f);
}

/* ---- Over a restart ---- */

static void put_decisions(struct fake *f)
{
    static const char *const who[] = { "eve@y", "joe@y", "sue@y", "w", "z" };

    for (size_t i = 0; i < sizeof(who) / sizeof(who[0]); i++)
        gw_buf_addf(&f->log, "%s %s\n", who[i],
                    pres_decision_name(pres_decided(f->core, GW_STR("ann@x"), gw_str_of(who[i]))));
    assert_true(pres_user_find(f->core, GW_STR("ann@x"))->decisions.count <= 3);
}

static void survives_a_restart(void **state)
{
    char path[] = "/tmp/test_pres_abroad.XXXXXX";
    struct pres_session *ann;
    char file[64];
    struct fake f;

    (void)state;
    assert_non_null(mkdtemp(path));
    snprintf(file, sizeof(file), "%s/store.db", path);
    start_at(&f, "x", open_store(file));
    ann = login(&f, "ann", "a");
    from_far(&f, "eve@y", PRES_SUBSCRIBE, "ann@x");
    from_far(&f, "joe@y", PRES_SUBSCRIBE, "ann@x");
    ask(ann, PRES_UNSUBSCRIBED, "eve@y");
    ask(ann, PRES_SUBSCRIBED, "joe@y");
    decide(&f, "z", PRES_BLOCK);
    decide(&f, "w", PRES_ALLOW);
    decide(&f, "w", PRES_ASK);
    stop(&f);
    store_close(&f.store);

    start_at(&f, "x", open_store(file));
    put_decisions(&f);
    EXPECT("eve@y block\njoe@y allow\nsue@y ask\nw ask\nz block\n");
    ann = connect(&f, "ann", "a");
    say(ann, PRES_AVAILABLE, "");
    EXPECT("-> joe@y: ann@x/a available\nann@x/a: ann@x/a available\n");
    pres_user_remove(f.core, GW_STR("ann@x"), now);
    assert_true(says(&f, "-> eve@y: ann@x unsubscribed\n"));
    stop(&f);
    store_close(&f.store);

    start_at(&f, "x", open_store(file));
    put_decisions(&f);
    EXPECT("eve@y ask\njoe@y ask\nsue@y ask\nw ask\nz ask\n");
    assert_int_equal(pres_user_find(f.core, GW_STR("ann@x"))->decisions.count, 0);
    stop(&f);
    store_close(&f.store);
    unlink(file);
    rmdir(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_appendix_a),
        cmocka_unit_test(both_sides_agree),
        cmocka_unit_test(asks_once_and_remembers),
        cmocka_unit_test(newcomers_are_told_what_is_known),
        cmocka_unit_test(keeps_so_many_resources),
        cmocka_unit_test(passes_on_what_strangers_say_once),
        cmocka_unit_test(tells_abroad_watchers),
        cmocka_unit_test(lists_reach_across),
        cmocka_unit_test(answers_probes),
        cmocka_unit_test(directs_presence_abroad),
        cmocka_unit_test(whoever_leaves_is_no_way),
        cmocka_unit_test(waits_with_one_prompt),
        cmocka_unit_test(denies_politely),
        cmocka_unit_test(denies_frankly),
        cmocka_unit_test(decided_before),
        cmocka_unit_test(local_watchers_need_not_ask),
        cmocka_unit_test(decisions_act_at_once),
        cmocka_unit_test(refuses_bad_decisions),
        cmocka_unit_test(shows_watchers),
        cmocka_unit_test(limits_watchers),
        cmocka_unit_test(survives_a_restart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

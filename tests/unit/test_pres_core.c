/* The core with a front-end that writes down what it is told. */
#include <unistd.h>

#include "gw_bytes.h"
#include "pres_steps.h"

struct fake {
    struct pres_settings settings;
    struct store *store;
    struct pres_core *core;
    struct pres_front *front;
    struct gw_buf log;     /* one line an event */
    struct gw_buf changes; /* what an observer saw */
};

/* ---- The front-end. A session's ctx is its fake; lines begin with its address ---- */

static void put_shown(struct gw_buf *out, const struct pres_shown *s)
{
    gw_buf_addf(out, "%s", pres_show_name(s->show));
    if (s->kind)
        gw_buf_addf(out, " (%s)", pres_calendar_kind_name(s->kind));
    if (s->text.len)
        gw_buf_addf(out, " '%.*s'", GW_STR_ARG(s->text));
}

static void on_presence(const struct pres_doc *doc, struct pres_session *const *to, size_t count,
                        void *ctx)
{
    struct fake *f = ctx;

    assert_true(count > 0);
    for (size_t i = 0; i < count; i++) {
        put_to(&f->log, to[i]);
        gw_buf_addf(&f->log, "%.*s/%.*s ", GW_STR_ARG(doc->user), GW_STR_ARG(doc->resource));
        put_shown(&f->log, &doc->shown);
        if (doc->extra.len)
            gw_buf_addf(&f->log, " +%.*s", GW_STR_ARG(doc->extra));
        gw_buf_add_char(&f->log, '\n');
    }
}

static void on_request(enum pres_request request, struct gw_str from, struct gw_str extra,
                       struct pres_session *to, void *ctx)
{
    struct fake *f = ctx;

    put_to(&f->log, to);
    put_request(&f->log, from, request, extra);
}

static void put_item(const struct pres_item *item, struct gw_buf *out)
{
    gw_buf_addf(out, "item %.*s %s%s", GW_STR_ARG(item->jid), pres_sub_name(item->sub),
                item->ask ? " ask" : "");
    if (item->name.len)
        gw_buf_addf(out, " '%.*s'", GW_STR_ARG(item->name));
    for (size_t i = 0; i < item->group_count; i++)
        gw_buf_addf(out, " [%.*s]", GW_STR_ARG(item->groups[i]));
    gw_buf_add_char(out, '\n');
}

static void on_roster_changed(const struct pres_item *item, struct pres_session *to, void *ctx)
{
    struct fake *f = ctx;

    put_to(&f->log, to);
    put_item(item, &f->log);
}

static void on_ended(struct pres_session *s, enum pres_end why, void *ctx)
{
    static const char *const names[] = { "replaced", "removed", "refused" };
    struct fake *f = ctx;

    put_to(&f->log, s);
    gw_buf_addf(&f->log, "ended %s\n", names[why]);
}

static const struct pres_frontend table = {
    .name = "fake",
    .presence = on_presence,
    .request = on_request,
    .roster_changed = on_roster_changed,
    .ended = on_ended,
};

static void on_change(const struct pres_change *change, void *ctx)
{
    struct fake *f = ctx;

    gw_buf_addf(&f->changes, "%.*s ", GW_STR_ARG(change->user));
    put_shown(&f->changes, &change->before);
    gw_buf_add_cstr(&f->changes, " -> ");
    put_shown(&f->changes, &change->now);
    gw_buf_addf(&f->changes, " by %s\n", pres_cause_name(change->cause));
}

static struct gw_str jid_of(const char *name, char out[64])
{
    snprintf(out, 64, "%s@x", name);
    return gw_str_of(out);
}

static void start(struct fake *f, struct store *store)
{
    *f = (struct fake){ .store = store };
    gw_param_defaults(pres_params, pres_param_count, &f->settings);
    f->settings.auto_authorize = PRES_AUTO_NOBODY; /* RFC 6121, as it is written */
    f->settings.denied_watchers = PRES_DENIED_ARE_REFUSED;
    f->core = pres_core_new(&(struct pres_core_args){ .store = store, .settings = &f->settings });
    f->front = pres_frontend_register(f->core, &table, f);
    gw_buf_init(&f->log, 1024 * 1024);
    gw_buf_init(&f->changes, 1024 * 1024);
    pres_observe(f->core, on_change, f);
    pres_domain_add(f->core, GW_STR("x"));
    assert_int_equal(pres_user_add(f->core, GW_STR("ann@x"), NULL), GW_OK);
    assert_int_equal(pres_user_add(f->core, GW_STR("bob@x"), NULL), GW_OK);
    assert_int_equal(pres_user_add(f->core, GW_STR("cleo@x"), NULL), GW_OK);
    if (store) {
        pres_core_load(f->core, NULL, NULL);
        store_wait(store);
    }
}

static void stop(struct fake *f)
{
    static const char *const users[] = { "ann@x", "bob@x", "cleo@x" };

    for (size_t i = 0; i < 3; i++)
        pres_user_end_sessions(f->core, gw_str_of(users[i]), PRES_END_REFUSED, now);
    pres_core_free(&f->core);
    gw_buf_done(&f->log);
    gw_buf_done(&f->changes);
}

/* ---- What clients do ---- */

static struct pres_session *connect(struct fake *f, const char *user, const char *resource)
{
    char jid[64];

    return connect_as(f->core, f->front, jid_of(user, jid).p, resource, f);
}

/* Connected, keeps a roster, available. What that brings is dropped from the log. */
static struct pres_session *login(struct fake *f, const char *user, const char *resource)
{
    struct pres_session *s = connect(f, user, resource);

    go_online(s);
    gw_buf_reset(&f->log);
    gw_buf_reset(&f->changes);
    return s;
}

static enum gw_code ask(struct pres_session *s, enum pres_request request, const char *contact)
{
    struct gw_err err;
    char jid[64];

    return pres_request_send(s, request, jid_of(contact, jid), GW_STR(""), &err);
}

static void befriend(struct fake *f, struct pres_session *a, struct pres_session *b)
{
    struct gw_err err;

    pres_request_send(a, PRES_SUBSCRIBE, pres_session_user(b), GW_STR(""), &err);
    pres_request_send(b, PRES_SUBSCRIBED, pres_session_user(a), GW_STR(""), &err);
    pres_request_send(b, PRES_SUBSCRIBE, pres_session_user(a), GW_STR(""), &err);
    pres_request_send(a, PRES_SUBSCRIBED, pres_session_user(b), GW_STR(""), &err);
    gw_buf_reset(&f->log);
}

static void calendar(struct fake *f, const char *user, enum pres_calendar_kind kind,
                     const char *text)
{
    struct pres_calendar cal = { .kind = kind, .since = 5, .until = 9 };
    char jid[64];

    snprintf(cal.text[PRES_WORDS_OWN], PRES_TEXT_MAX, "%s", text);
    pres_calendar_set(f->core, jid_of(user, jid), &cal, now);
}

#define EXPECT_CHANGES(lines) expect_in(&f.changes, lines, __FILE__, __LINE__)

/* ---- Tests ---- */

static void shows_calendar_to_watchers(void **state)
{
    struct pres_session *ann, *bob;
    struct fake f;

    (void)state;
    start(&f, NULL);
    ann = login(&f, "ann", "a");
    bob = login(&f, "bob", "b");
    befriend(&f, ann, bob);
    calendar(&f, "ann", PRES_CAL_MEETING, "In a meeting");
    EXPECT("ann@x/a: ann@x/a away (in-a-meeting) 'In a meeting'\n"
           "bob@x/b: ann@x/a away (in-a-meeting) 'In a meeting'\n");
    EXPECT_CHANGES("ann@x available -> away (in-a-meeting) 'In a meeting' by calendar\n");
    calendar(&f, "ann", PRES_CAL_MEETING, "In a meeting"); /* the same again */
    EXPECT("");
    EXPECT_CHANGES("");
    say(ann, PRES_DND, "writing");
    EXPECT("ann@x/a: ann@x/a do-not-disturb 'writing'\n"
           "bob@x/b: ann@x/a do-not-disturb 'writing'\n");
    calendar(&f, "ann", PRES_CAL_FREE, "");
    EXPECT("");
    say(ann, PRES_AVAILABLE, "");
    EXPECT("ann@x/a: ann@x/a available\nbob@x/b: ann@x/a available\n");
    stop(&f);
}

static void offline_keeps_calendar_beside_it(void **state)
{
    struct pres_session *ann, *bob;
    struct fake f;

    (void)state;
    start(&f, NULL);
    ann = login(&f, "ann", "a");
    bob = login(&f, "bob", "b");
    befriend(&f, ann, bob);
    calendar(&f, "ann", PRES_CAL_OOF, "Away until May");
    gw_buf_reset(&f.log);
    gw_buf_reset(&f.changes);
    pres_session_free(&ann, now);
    EXPECT("bob@x/b: ann@x/a offline 'Away until May'\n");
    EXPECT_CHANGES("ann@x extended-away (out-of-office) 'Away until May' -> "
                   "offline 'Away until May' by client\n");
    calendar(&f, "ann", PRES_CAL_NONE, "");
    EXPECT("bob@x/b: ann@x/ offline\n");
    calendar(&f, "ann", PRES_CAL_MEETING, "In a meeting");
    EXPECT("bob@x/b: ann@x/ offline 'In a meeting'\n");
    /* Who comes now is told too. */
    say(bob, PRES_OFFLINE, "");
    gw_buf_reset(&f.log);
    say(bob, PRES_AVAILABLE, "");
    EXPECT("bob@x/b: bob@x/b available\nbob@x/b: ann@x/ offline 'In a meeting'\n");
    /* Who may not see it any more is not told why. */
    ask(bob, PRES_UNSUBSCRIBE, "ann");
    EXPECT("bob@x/b: item ann@x from\nbob@x/b: ann@x/ offline\n");
    stop(&f);
}

static void composes_per_resource(void **state)
{
    struct pres_session *desk, *phone, *bob;
    struct pres_user_view view;
    struct fake f;

    (void)state;
    start(&f, NULL);
    desk = login(&f, "ann", "desk");
    phone = connect(&f, "ann", "phone");
    bob = login(&f, "bob", "b");
    befriend(&f, desk, bob);
    pres_session_set(phone,
                     &(struct pres_client){ .show = PRES_XA,
                                            .priority = 5,
                                            .text = GW_STR("on the road"),
                                            .extra = GW_STR("<c/>") },
                     now);
    EXPECT("ann@x/desk: ann@x/phone extended-away 'on the road' +<c/>\n"
           "ann@x/phone: ann@x/phone extended-away 'on the road' +<c/>\n"
           "bob@x/b: ann@x/phone extended-away 'on the road' +<c/>\n"
           "ann@x/phone: ann@x/desk available\n"
           "ann@x/phone: bob@x/b available\n");
    gw_buf_reset(&f.changes);
    /* The phone speaks for the user, and is not changed by a meeting: no change as a whole. */
    calendar(&f, "ann", PRES_CAL_MEETING, "In a meeting");
    EXPECT("ann@x/desk: ann@x/desk away (in-a-meeting) 'In a meeting'\n"
           "ann@x/phone: ann@x/desk away (in-a-meeting) 'In a meeting'\n"
           "bob@x/b: ann@x/desk away (in-a-meeting) 'In a meeting'\n");
    EXPECT_CHANGES("");
    assert_true(pres_user_view(f.core, GW_STR("ann@x"), &view));
    assert_int_equal(view.resource_count, 2);
    assert_int_equal(view.composed.show, PRES_XA);
    assert_int_equal(view.calendar.kind, PRES_CAL_MEETING);
    assert_string_equal(view.calendar.text[PRES_WORDS_OWN], "In a meeting");
    assert_true(view.calendar.since == 5 && view.calendar.until == 9);
    assert_int_equal(view.resources[0].show, PRES_AVAILABLE);
    assert_int_equal(view.resources[0].composed.kind, PRES_CAL_MEETING);
    assert_true(gw_str_is(view.resources[1].resource, "phone"));
    assert_int_equal(view.contact_count, 1);
    assert_int_equal(view.watcher_count, 1);
    say(phone, PRES_OFFLINE, "");
    EXPECT_CHANGES("ann@x extended-away 'on the road' -> "
                   "away (in-a-meeting) 'In a meeting' by client\n");
    pres_retell(f.core, now);
    stop(&f);
}

static void subscribes_and_ends(void **state)
{
    struct pres_session *ann, *bob;
    struct fake f;

    (void)state;
    start(&f, NULL);
    ann = login(&f, "ann", "a");
    bob = login(&f, "bob", "b");
    assert_int_equal(ask(ann, PRES_SUBSCRIBE, "bob"), GW_OK);
    EXPECT("ann@x/a: item bob@x none ask\nbob@x/b: ann@x subscribe\n");
    assert_int_equal(ask(bob, PRES_SUBSCRIBED, "ann"), GW_OK);
    EXPECT("bob@x/b: item ann@x from\n"
           "ann@x/a: bob@x subscribed\n"
           "ann@x/a: item bob@x to\n"
           "ann@x/a: bob@x/b available\n");
    say(bob, PRES_AWAY, "");
    EXPECT("bob@x/b: bob@x/b away\nann@x/a: bob@x/b away\n");
    say(ann, PRES_AWAY, ""); /* bob has not asked */
    EXPECT("ann@x/a: ann@x/a away\n");
    /* Asking again is answered in the contact's name. */
    ask(ann, PRES_SUBSCRIBE, "bob");
    EXPECT("ann@x/a: bob@x/b away\n");
    ask(bob, PRES_UNSUBSCRIBED, "ann");
    EXPECT("bob@x/b: item ann@x none\n"
           "ann@x/a: bob@x unsubscribed\n"
           "ann@x/a: item bob@x none\n"
           "ann@x/a: bob@x/b offline\n");
    say(bob, PRES_AVAILABLE, "");
    EXPECT("bob@x/b: bob@x/b available\n");
    stop(&f);
}

static void requests_wait_for_login(void **state)
{
    struct pres_session *ann, *bob;
    struct gw_err err;
    struct fake f;

    (void)state;
    start(&f, NULL);
    ann = login(&f, "ann", "a");
    pres_request_send(ann, PRES_SUBSCRIBE, GW_STR("bob@x"), GW_STR(" please"), &err);
    gw_buf_reset(&f.log);
    bob = connect(&f, "bob", "b");
    pres_roster_get(bob, nothing, NULL);
    say(bob, PRES_AVAILABLE, "");
    EXPECT("bob@x/b: bob@x/b available\nbob@x/b: ann@x subscribe please\n");
    say(bob, PRES_OFFLINE, "");
    say(bob, PRES_AVAILABLE, ""); /* not answered yet: again */
    EXPECT("bob@x/b: bob@x/b available\nbob@x/b: ann@x subscribe please\n");
    ask(bob, PRES_UNSUBSCRIBED, "ann");
    EXPECT("ann@x/a: bob@x unsubscribed\nann@x/a: item bob@x none\n");
    say(bob, PRES_OFFLINE, "");
    say(bob, PRES_AVAILABLE, "");
    EXPECT("bob@x/b: bob@x/b available\n");
    assert_int_equal(pres_user_find(f.core, GW_STR("bob@x"))->roster.count, 0);
    stop(&f);
}

static void answers_for_nobody(void **state)
{
    struct pres_session *ann;
    struct gw_err err;
    struct fake f;

    (void)state;
    start(&f, NULL);
    ann = login(&f, "ann", "a");
    assert_int_equal(ask(ann, PRES_SUBSCRIBE, "nobody"), GW_OK);
    EXPECT("ann@x/a: item nobody@x none ask\n"
           "ann@x/a: nobody@x unsubscribed\n"
           "ann@x/a: item nobody@x none\n");
    assert_int_equal(ask(ann, PRES_SUBSCRIBE, "ann"), GW_INVALID);
    assert_int_equal(pres_request_send(ann, PRES_SUBSCRIBE, GW_STR("bob@y"), GW_STR(""), &err),
                     GW_NOTFOUND);
    EXPECT("");
    assert_int_equal(pres_route(f.core, GW_STR("ann@x")), PRES_ROUTE_LOCAL);
    assert_int_equal(pres_route(f.core, GW_STR("nobody@x")), PRES_ROUTE_UNKNOWN_USER);
    assert_int_equal(pres_route(f.core, GW_STR("x")), PRES_ROUTE_SERVER);
    assert_int_equal(pres_route(f.core, GW_STR("y")), PRES_ROUTE_UNKNOWN_SERVER);
    pres_domain_remove(f.core, GW_STR("x"));
    assert_int_equal(pres_route(f.core, GW_STR("nobody@x")), PRES_ROUTE_UNKNOWN_SERVER);
    stop(&f);
}

static void edits_rosters(void **state)
{
    const struct gw_str groups[] = { GW_STR("Work"), GW_STR("Play") };
    struct pres_session *ann, *bob, *second;
    struct gw_err err;
    struct fake f;

    (void)state;
    start(&f, NULL);
    f.settings.contacts_max = 2;
    ann = login(&f, "ann", "a");
    second = connect(&f, "ann", "quiet");
    bob = login(&f, "bob", "b");
    assert_int_equal(pres_roster_set(ann,
                                     &(struct pres_item){ .jid = GW_STR("bob@x"),
                                                          .name = GW_STR("Bob"),
                                                          .groups = groups,
                                                          .group_count = 2 },
                                     &err),
                     GW_OK);
    EXPECT("ann@x/a: item bob@x none 'Bob' [Work] [Play]\n");
    befriend(&f, ann, bob);
    /* Renaming keeps the subscription; an address of another server is just an entry. */
    pres_roster_set(ann, &(struct pres_item){ .jid = GW_STR("bob@x"), .name = GW_STR("Robert") },
                    &err);
    pres_roster_set(ann, &(struct pres_item){ .jid = GW_STR("eve@y") }, &err);
    EXPECT("ann@x/a: item bob@x both 'Robert'\nann@x/a: item eve@y none\n");
    assert_int_equal(pres_roster_set(ann, &(struct pres_item){ .jid = GW_STR("cleo@x") }, &err),
                     GW_LIMIT);
    assert_int_equal(ask(ann, PRES_SUBSCRIBE, "cleo"), GW_LIMIT);
    assert_int_equal(pres_roster_set(ann, &(struct pres_item){ .jid = GW_STR("ann@x") }, &err),
                     GW_INVALID);
    assert_int_equal(pres_roster_remove(ann, GW_STR("cleo@x"), &err), GW_NOTFOUND);
    EXPECT("");
    assert_int_equal(pres_roster_remove(ann, GW_STR("bob@x"), &err), GW_OK);
    EXPECT("bob@x/b: ann@x unsubscribe\n"
           "bob@x/b: item ann@x to\n"
           "ann@x/a: bob@x/b offline\n"
           "bob@x/b: ann@x unsubscribed\n"
           "bob@x/b: item ann@x none\n"
           "bob@x/b: ann@x/a offline\n"
           "ann@x/a: item bob@x remove\n");
    pres_session_free(&second, now);
    stop(&f);
}

static void replaces_and_limits_sessions(void **state)
{
    struct pres_session *first, *again, *s = NULL;
    struct gw_err err;
    struct fake f;

    (void)state;
    start(&f, NULL);
    f.settings.sessions_max = 2;
    first = login(&f, "ann", "a");
    (void)first;
    again = connect(&f, "ann", "a");
    EXPECT("ann@x/a: ended replaced\n");
    EXPECT_CHANGES("ann@x available -> offline by client\n");
    (void)connect(&f, "ann", "b");
    assert_int_equal(pres_session_new(f.core,
                                      &(struct pres_session_args){ .user = GW_STR("ann@x"),
                                                                   .resource = GW_STR("c"),
                                                                   .front = f.front },
                                      now, &s, &err),
                     GW_LIMIT);
    assert_int_equal(pres_session_new(f.core,
                                      &(struct pres_session_args){ .user = GW_STR("eve@x"),
                                                                   .resource = GW_STR("c"),
                                                                   .front = f.front },
                                      now, &s, &err),
                     GW_NOTFOUND);
    assert_ptr_equal(pres_session_find(f.core, GW_STR("ann@x"), GW_STR("a")), again);
    stop(&f);
}

static void removes_users(void **state)
{
    struct pres_session *ann, *bob, *cleo;
    struct fake f;

    (void)state;
    start(&f, NULL);
    ann = login(&f, "ann", "a");
    bob = login(&f, "bob", "b");
    cleo = login(&f, "cleo", "c");
    befriend(&f, ann, bob);
    ask(cleo, PRES_SUBSCRIBE, "ann"); /* not answered */
    gw_buf_reset(&f.log);
    gw_buf_reset(&f.changes);
    pres_user_remove(f.core, GW_STR("ann@x"), now);
    EXPECT("ann@x/a: ended removed\n"
           "bob@x/b: ann@x/a offline\n"
           "cleo@x/c: ann@x unsubscribed\n"
           "cleo@x/c: item ann@x none\n"
           "bob@x/b: ann@x unsubscribe\n"
           "bob@x/b: item ann@x to\n"
           "bob@x/b: ann@x unsubscribed\n"
           "bob@x/b: item ann@x none\n");
    EXPECT_CHANGES("ann@x available -> offline by admin\n");
    assert_false(pres_user_is_known(f.core, GW_STR("ann@x")));
    pres_user_remove(f.core, GW_STR("ann@x"), now);
    calendar(&f, "ann", PRES_CAL_MEETING, "nobody there");
    say(bob, PRES_AWAY, "");
    EXPECT("bob@x/b: bob@x/b away\n");
    stop(&f);
}

static void directs_presence(void **state)
{
    const struct pres_client here = { .show = PRES_AWAY, .text = GW_STR("only you") };
    const struct pres_client gone = { .show = PRES_OFFLINE };
    struct pres_session *ann, *bob;
    struct fake f;

    (void)state;
    start(&f, NULL);
    ann = login(&f, "ann", "a");
    bob = login(&f, "bob", "b");
    assert_int_equal(pres_session_direct(ann, GW_STR("bob@x"), GW_STR(""), &here), GW_OK);
    assert_int_equal(pres_session_direct(ann, GW_STR("eve@x"), GW_STR(""), &here), GW_NOTFOUND);
    EXPECT("bob@x/b: ann@x/a away 'only you'\n");
    say(ann, PRES_DND, "");
    EXPECT("ann@x/a: ann@x/a do-not-disturb\n"); /* not to bob */
    say(ann, PRES_OFFLINE, "");
    EXPECT("bob@x/b: ann@x/a offline\n");
    /* Told once; and not after a directed goodbye. */
    say(ann, PRES_AVAILABLE, "");
    pres_session_direct(ann, GW_STR("bob@x"), GW_STR("b"), &here);
    pres_session_direct(ann, GW_STR("bob@x"), GW_STR("b"), &gone);
    gw_buf_reset(&f.log);
    pres_session_free(&ann, now);
    EXPECT("");
    (void)bob;
    stop(&f);
}

static void refreshes_the_newest(void **state)
{
    struct pres_session *ann, *bob;
    struct fake f;

    (void)state;
    start(&f, NULL);
    ann = login(&f, "ann", "a");
    bob = login(&f, "bob", "b");
    befriend(&f, ann, bob);
    say(ann, PRES_AWAY, "brb");
    gw_buf_reset(&f.log);
    pres_session_refresh(bob, GW_STR("ann@x"), GW_STR("a"));
    pres_session_refresh(bob, GW_STR("ann@x"), GW_STR("other"));
    pres_session_refresh(bob, GW_STR("eve@x"), GW_STR("e"));
    EXPECT("bob@x/b: ann@x/a away 'brb'\n"
           "bob@x/b: ann@x/other offline\n"
           "bob@x/b: eve@x/e offline\n");
    ask(ann, PRES_UNSUBSCRIBED, "bob");
    gw_buf_reset(&f.log);
    pres_session_refresh(bob, GW_STR("ann@x"), GW_STR("a"));
    EXPECT("bob@x/b: ann@x/a offline\n");
    pres_session_probe(bob, GW_STR("ann@x"));
    EXPECT("");
    pres_session_probe(ann, GW_STR("bob@x"));
    EXPECT("ann@x/a: bob@x/b available\n");
    stop(&f);
}

/* ---- Both rosters agree, whatever is sent ---- */

static unsigned state_of(struct fake *f, const char *user, const char *contact)
{
    char a[64], b[64];
    const struct pres_user *u = pres_user_find(f->core, jid_of(user, a));
    const struct pres_entry *e = pres_roster_find(&u->roster, jid_of(contact, b));

    return e ? e->state : 0;
}

static void assert_agreed(struct fake *f, const char *a, const char *b)
{
    unsigned sa = state_of(f, a, b), sb = state_of(f, b, a);

    assert_int_equal(!!(sa & PRES_TO), !!(sb & PRES_FROM));
    assert_int_equal(!!(sa & PRES_FROM), !!(sb & PRES_TO));
    assert_int_equal(!!(sa & PRES_OUT), !!(sb & PRES_IN));
    assert_int_equal(!!(sa & PRES_IN), !!(sb & PRES_OUT));
}

static void rosters_agree(void **state)
{
    struct pres_session *s[2];
    static const char *const names[] = { "ann", "bob" };
    unsigned seen[PRES_STATES] = { 0 };
    struct fake f;

    (void)state;
    start(&f, NULL);
    s[0] = login(&f, "ann", "a");
    s[1] = login(&f, "bob", "b");
    for (uint64_t i = 0; i < 20000; i++) {
        char text[24];
        uint64_t dice;
        size_t who;

        snprintf(text, sizeof(text), "%d", (int)i);
        dice = gw_hash_stable(gw_str_of(text));
        who = dice & 1;
        dice >>= 1;
        if (dice % 40 == 0)
            (void)pres_roster_remove(s[who], pres_session_user(s[!who]), NULL);
        else if (dice % 40 == 1)
            pres_roster_set(s[who], &(struct pres_item){ .jid = pres_session_user(s[!who]) }, NULL);
        else
            ask(s[who], (enum pres_request)(dice % 4), names[!who]);
        assert_agreed(&f, "ann", "bob");
        seen[state_of(&f, "ann", "bob")]++;
        gw_buf_reset(&f.log);
    }
    for (unsigned flags = 0; flags < PRES_STATES; flags++)
        assert_int_equal(seen[flags] > 0, pres_state_is_valid(flags));
    stop(&f);
}

/* ---- Over a restart ---- */

static void item_line(const struct pres_item *item, void *ctx)
{
    put_item(item, ctx);
}

static void survives_restart(void **state)
{
    char path[] = "/tmp/test_pres_core.XXXXXX";
    char file[64];
    const struct gw_str groups[] = { GW_STR("Work") };
    struct pres_session *ann, *bob, *cleo;
    struct gw_err err;
    struct fake f;

    (void)state;
    assert_non_null(mkdtemp(path));
    snprintf(file, sizeof(file), "%s/store.db", path);
    start(&f, open_store(file));
    ann = login(&f, "ann", "a");
    bob = login(&f, "bob", "b");
    cleo = login(&f, "cleo", "c");
    befriend(&f, ann, bob);
    pres_roster_set(
        ann,
        &(struct pres_item){
            .jid = GW_STR("bob@x"), .name = GW_STR("Bob"), .groups = groups, .group_count = 1 },
        &err);
    pres_request_send(ann, PRES_SUBSCRIBE, GW_STR("cleo@x"), GW_STR(" hello"), &err);
    befriend(&f, bob, cleo);
    pres_roster_remove(bob, GW_STR("cleo@x"), &err);
    stop(&f);
    store_close(&f.store);

    start(&f, open_store(file));
    ann = connect(&f, "ann", "a");
    bob = connect(&f, "bob", "b");
    cleo = connect(&f, "cleo", "c");
    pres_roster_get(ann, item_line, &f.log);
    EXPECT("item bob@x both 'Bob' [Work]\nitem cleo@x none ask\n");
    pres_roster_get(bob, item_line, &f.log);
    EXPECT("item ann@x both\n");
    pres_roster_get(cleo, item_line, &f.log);
    EXPECT("item bob@x none\n");
    say(cleo, PRES_AVAILABLE, "");
    EXPECT("cleo@x/c: cleo@x/c available\ncleo@x/c: ann@x subscribe hello\n");
    pres_user_remove(f.core, GW_STR("ann@x"), now);
    stop(&f);
    store_close(&f.store);

    start(&f, open_store(file));
    ann = connect(&f, "ann", "a");
    bob = connect(&f, "bob", "b");
    pres_roster_get(ann, item_line, &f.log);
    EXPECT("");
    pres_roster_get(bob, item_line, &f.log);
    EXPECT("item ann@x none\n");
    stop(&f);
    store_close(&f.store);
    unlink(file);
    rmdir(path);
}

static void refuses_what_is_no_user(void **state)
{
    static const char *const bad[] = { "", "x", "@x", "a@", "a b@x", "a@x/r" };
    char large[PRES_JID_MAX + 2];
    struct gw_err err;
    struct fake f;

    (void)state;
    start(&f, NULL);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(pres_user_add(f.core, gw_str_of(bad[i]), &err), GW_INVALID);
    memset(large, 'a', sizeof(large));
    large[1] = '@';
    assert_int_equal(pres_user_add(f.core, (struct gw_str){ large, sizeof(large) }, &err),
                     GW_INVALID);
    assert_int_equal(pres_user_add(f.core, GW_STR("ann@x"), &err), GW_OK);
    assert_true(pres_user_is_known(f.core, GW_STR("ann@x")));
    stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_calendar_to_watchers),
        cmocka_unit_test(offline_keeps_calendar_beside_it),
        cmocka_unit_test(composes_per_resource),
        cmocka_unit_test(subscribes_and_ends),
        cmocka_unit_test(requests_wait_for_login),
        cmocka_unit_test(answers_for_nobody),
        cmocka_unit_test(edits_rosters),
        cmocka_unit_test(replaces_and_limits_sessions),
        cmocka_unit_test(removes_users),
        cmocka_unit_test(directs_presence),
        cmocka_unit_test(refreshes_the_newest),
        cmocka_unit_test(rosters_agree),
        cmocka_unit_test(survives_restart),
        cmocka_unit_test(refuses_what_is_no_user),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

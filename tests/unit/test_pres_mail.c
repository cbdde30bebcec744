/* E-mail addresses for federation: by which name other domains know a user, in and out, and what becomes
 * of contacts abroad when that changes. */
#include "pres_steps.h"

struct fake {
    struct pres_settings settings;
    struct pres_core *core;
    struct pres_front *front, *other; /* 'other': the way to what it is set for */
    struct gw_buf log;
};

/* ---- The front-end ---- */

static void put_doc(struct gw_buf *out, const struct pres_doc *doc)
{
    gw_buf_addf(out, "%.*s/%.*s %s\n", GW_STR_ARG(doc->user), GW_STR_ARG(doc->resource),
                pres_show_name(doc->shown.show));
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

static void on_item(const struct pres_item *item, struct pres_session *to, void *ctx)
{
    struct fake *f = ctx;

    put_to(&f->log, to);
    gw_buf_addf(&f->log, "item %.*s %s%s\n", GW_STR_ARG(item->jid), pres_sub_name(item->sub),
                item->ask ? " ask" : "");
}

static void on_ended(struct pres_session *s, enum pres_end why, void *ctx)
{
    (void)s, (void)why, (void)ctx;
}

static void on_abroad_presence(const struct pres_doc *doc, const struct gw_str *to, size_t count,
                               void *ctx)
{
    struct fake *f = ctx;

    for (size_t i = 0; i < count; i++) {
        gw_buf_addf(&f->log, "-> %.*s: ", GW_STR_ARG(to[i]));
        put_doc(&f->log, doc);
    }
}

static void on_abroad_request(enum pres_request request, struct gw_str from, struct gw_str to,
                              struct gw_str extra, void *ctx)
{
    struct fake *f = ctx;

    gw_buf_addf(&f->log, "-> %.*s: ", GW_STR_ARG(to));
    put_request(&f->log, from, request, extra);
}

static void on_abroad_probe(struct gw_str from, struct gw_str to, void *ctx)
{
    struct fake *f = ctx;

    gw_buf_addf(&f->log, "-> %.*s: %.*s probe\n", GW_STR_ARG(to), GW_STR_ARG(from));
}

static bool on_abroad_message(const struct pres_message *m, enum pres_failure *why, void *ctx)
{
    struct fake *f = ctx;

    (void)why;
    gw_buf_addf(&f->log, "-> %.*s: %.*s says %.*s\n", GW_STR_ARG(m->to), GW_STR_ARG(m->from),
                GW_STR_ARG(m->body));
    return true;
}

static bool on_message(const struct pres_message *m, struct pres_session *to, void *ctx)
{
    struct fake *f = ctx;

    put_to(&f->log, to);
    gw_buf_addf(&f->log, "%.*s says %.*s to %.*s\n", GW_STR_ARG(m->from), GW_STR_ARG(m->body),
                GW_STR_ARG(m->to));
    return true;
}

static void on_failed(const struct pres_message *m, enum pres_failure why, struct pres_session *to,
                      void *ctx)
{
    struct fake *f = ctx;

    (void)why;
    put_to(&f->log, to);
    gw_buf_addf(&f->log, "not sent to %.*s\n", GW_STR_ARG(m->to));
}

static const struct pres_frontend table = {
    .name = "fake",
    .presence = on_presence,
    .request = on_request,
    .roster_changed = on_item,
    .ended = on_ended,
    .presence_abroad = on_abroad_presence,
    .request_abroad = on_abroad_request,
    .probe_abroad = on_abroad_probe,
    .message_abroad = on_abroad_message,
    .message = on_message,
    .message_failed = on_failed,
};

/* ---- Steps ---- */

static void add(struct fake *f, const char *jid, const char *mail)
{
    assert_int_equal(pres_user_add(f->core, gw_str_of(jid), NULL), GW_OK);
    pres_user_mail_set(f->core, gw_str_of(jid), gw_str_of(mail));
}

static void start(struct fake *f)
{
    *f = (struct fake){ .core = NULL };
    gw_param_defaults(pres_params, pres_param_count, &f->settings);
    f->settings.mail = 1;
    f->core = pres_core_new(&(struct pres_core_args){ .settings = &f->settings });
    f->front = pres_frontend_register(f->core, &table, f);
    f->other = pres_frontend_register(f->core, &table, f);
    gw_buf_init(&f->log, 1024 * 1024);
    pres_domain_add(f->core, GW_STR("x"));
    pres_mail_domain_add(f->core, GW_STR("mail.x"));
    pres_mail_domain_add(f->core, GW_STR("x"));
    pres_route_set(f->core, GW_STR(""), f->front);
    add(f, "ann@x", "ann.example@mail.x");
    add(f, "bob@x", "");
    pres_mail_start(f->core);
}

static void end_sessions(struct gw_str user, void *ctx)
{
    struct fake *f = ctx;

    pres_user_end_sessions(f->core, user, PRES_END_REFUSED, now);
}

static void stop(struct fake *f)
{
    pres_users_each(f->core, end_sessions, f);
    pres_core_free(&f->core);
    gw_buf_done(&f->log);
}

static struct pres_session *login(struct fake *f, const char *jid)
{
    struct pres_session *s = connect_as(f->core, f->front, jid, "r", f);

    go_online(s);
    gw_buf_reset(&f->log);
    return s;
}

static void place(struct fake *f, const char *user, const char *contact, unsigned state)
{
    const struct pres_entry_args args = { .jid = gw_str_of(contact),
                                          .state = (unsigned char)state,
                                          .listed = true };

    pres_roster_place(&pres_user_find(f->core, gw_str_of(user))->roster, pres_entry_new(&args));
}

static unsigned state_of(struct fake *f, const char *user, const char *contact)
{
    return pres_roster_find(&pres_user_find(f->core, gw_str_of(user))->roster, gw_str_of(contact))
        ->state;
}

static void far(struct fake *f, enum pres_request request, const char *to)
{
    pres_abroad_request(f->core, request, GW_STR("eve@y"), gw_str_of(to), GW_STR(""));
}

static bool tell(struct fake *f, const char *to)
{
    return pres_abroad_message(f->core, &(struct pres_message){ .from = GW_STR("eve@y"),
                                                                .to = gw_str_of(to),
                                                                .body = GW_STR("hi") });
}

static void set_on(struct fake *f, int on)
{
    f->settings.mail = on;
    pres_settings_apply(f->core, now);
    while (!pres_due(f->core))
        pres_tick(f->core, now);
}

#define OUTER(user) pres_outer(f.core, GW_STR(user), GW_STR("eve@y"))

/* ---- Whose address is used ---- */

static void uses_what_can_be_used(void **state)
{
    static const struct {
        const char *mail;
        enum pres_mail_use use;
    } cases[] = {
        { "", PRES_MAIL_NONE },
        { "cas.example@mail.x", PRES_MAIL_USED },
        { "cas.example@x", PRES_MAIL_USED }, /* another name in the same domain */
        { "cas@x", PRES_MAIL_SAME },
        { "bob@x", PRES_MAIL_TAKEN },
        { "ann.example@mail.x", PRES_MAIL_SHARED },
        { "cas@sub.mail.x", PRES_MAIL_ELSEWHERE }, /* full labels: a sub-domain is another */
        { "cas@il.x", PRES_MAIL_ELSEWHERE },
        { "cas@sip.x", PRES_MAIL_ELSEWHERE }, /* another front-end is the way there */
    };
    struct fake f;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        start(&f);
        pres_mail_domain_add(f.core, GW_STR("sip.x"));
        pres_route_set(f.core, GW_STR("sip.x"), f.other);
        add(&f, "cas@x", cases[i].mail);
        if (pres_mail_use(f.core, GW_STR("cas@x")) != cases[i].use)
            fail_msg("'%s': %d", cases[i].mail, pres_mail_use(f.core, GW_STR("cas@x")));
        assert_true(
            gw_str_is(OUTER("cas@x"), cases[i].use == PRES_MAIL_USED ? cases[i].mail : "cas@x"));
        set_on(&f, 0);
        assert_true(gw_str_is(OUTER("cas@x"), "cas@x"));
        if (cases[i].use == PRES_MAIL_USED)
            assert_int_equal(pres_mail_use(f.core, GW_STR("cas@x")), PRES_MAIL_OFF);
        stop(&f);
    }
}

static void is_nobodys_while_two_have_it(void **state)
{
    struct fake f;

    (void)state;
    start(&f);
    add(&f, "cas@x", "ann.example@mail.x");
    set_on(&f, 1); /* turns are taken */
    while (!pres_due(f.core))
        pres_tick(f.core, now);
    assert_true(gw_str_is(OUTER("ann@x"), "ann@x"));
    assert_true(gw_str_is(OUTER("cas@x"), "cas@x"));
    add(&f, "dan@x", "ann.example@mail.x");
    pres_user_remove(f.core, GW_STR("dan@x"), now);
    assert_true(pres_due(f.core)); /* for the others nothing has changed */
    pres_user_remove(f.core, GW_STR("ann@x"), now);
    while (!pres_due(f.core))
        pres_tick(f.core, now);
    assert_true(gw_str_is(OUTER("cas@x"), "ann.example@mail.x"));
    add(&f, "ann.example@x", "");
    pres_user_mail_set(f.core, GW_STR("cas@x"), GW_STR("ann.example@x"));
    assert_int_equal(pres_mail_use(f.core, GW_STR("cas@x")), PRES_MAIL_TAKEN);
    pres_user_remove(f.core, GW_STR("ann.example@x"), now);
    while (!pres_due(f.core))
        pres_tick(f.core, now);
    assert_true(gw_str_is(OUTER("cas@x"), "ann.example@x"));
    stop(&f);
}

static void has_domains_that_others_may_address(void **state)
{
    struct fake f;

    (void)state;
    start(&f);
    assert_true(pres_domain_is_ours(f.core, GW_STR("mail.x")));
    assert_false(pres_domain_is_local(f.core, GW_STR("mail.x")));
    assert_int_equal(pres_route(f.core, GW_STR("ann.example@mail.x")), PRES_ROUTE_UNKNOWN_SERVER);
    assert_false(pres_domain_is_ours(f.core, GW_STR("a.mail.x")));
    set_on(&f, 0);
    assert_false(pres_domain_is_ours(f.core, GW_STR("mail.x")));
    assert_int_equal(pres_route(f.core, GW_STR("ann.example@mail.x")), PRES_ROUTE_ABROAD);
    set_on(&f, 1);
    pres_mail_domain_remove(f.core, GW_STR("mail.x"));
    while (!pres_due(f.core))
        pres_tick(f.core, now);
    assert_false(pres_domain_is_ours(f.core, GW_STR("mail.x")));
    assert_true(gw_str_is(OUTER("ann@x"), "ann@x"));
    pres_mail_domain_remove(f.core, GW_STR("x"));
    assert_true(pres_domain_is_local(f.core, GW_STR("x")));
    stop(&f);
}

/* ---- Both ways through the door ---- */

static void goes_out_under_the_mail_address(void **state)
{
    struct pres_session *ann;
    struct fake f;

    (void)state;
    start(&f);
    place(&f, "ann@x", "eve@y", PRES_FROM | PRES_TO);
    place(&f, "ann@x", "bob@x", PRES_FROM | PRES_TO);
    place(&f, "bob@x", "ann@x", PRES_FROM | PRES_TO);
    login(&f, "bob@x");
    ann = connect_as(f.core, f.front, "ann@x", "r", &f);
    pres_roster_get(ann, nothing, NULL);
    say(ann, PRES_AWAY, "");
    EXPECT("-> eve@y: ann.example@mail.x/r away\n"
           "ann@x/r: ann@x/r away\n"
           "bob@x/r: ann@x/r away\n"
           "ann@x/r: bob@x/r available\n"
           "-> eve@y: ann.example@mail.x probe\n");
    assert_true(pres_message_send(f.core, &(struct pres_message){ .from = GW_STR("ann@x/r"),
                                                                  .to = GW_STR("eve@y"),
                                                                  .body = GW_STR("hi") }));
    EXPECT("-> eve@y: ann.example@mail.x/r says hi\n");
    pres_message_failed(
        f.core,
        &(struct pres_message){ .from = GW_STR("ann.example@mail.x/r"), .to = GW_STR("eve@y") },
        PRES_FAILED_AWAY);
    EXPECT("ann@x/r: not sent to eve@y\n");
    assert_int_equal(pres_request_send(ann, PRES_SUBSCRIBE, GW_STR("joe@y"), GW_STR(""), NULL),
                     GW_OK);
    EXPECT("ann@x/r: item joe@y none ask\n"
           "-> joe@y: ann.example@mail.x subscribe\n");
    assert_int_equal(pres_session_direct(ann, GW_STR("joe@y"), GW_STR("z"),
                                         &(struct pres_client){ .show = PRES_DND }),
                     GW_OK);
    EXPECT("-> joe@y/z: ann.example@mail.x/r do-not-disturb\n");
    pres_session_free(&ann, now);
    EXPECT("-> eve@y: ann.example@mail.x/r offline\n"
           "bob@x/r: ann@x/r offline\n"
           "-> joe@y/z: ann.example@mail.x/r offline\n");
    stop(&f);
}

static void comes_in_under_the_mail_address_alone(void **state)
{
    struct fake f;

    (void)state;
    start(&f);
    login(&f, "ann@x");
    login(&f, "bob@x");
    far(&f, PRES_SUBSCRIBE, "ann@x"); /* dropped: no answer, no question */
    pres_abroad_probe(f.core, GW_STR("eve@y"), GW_STR("ann@x"));
    assert_false(tell(&f, "ann@x"));
    assert_false(tell(&f, "ann@x/r"));
    EXPECT("");
    far(&f, PRES_SUBSCRIBE, "ann.example@mail.x");
    EXPECT("ann@x/r: eve@y subscribe\n");
    assert_true(tell(&f, "ann.example@mail.x"));
    EXPECT("ann@x/r: eve@y says hi to ann@x\n");
    assert_true(tell(&f, "ann.example@mail.x/r"));
    EXPECT("ann@x/r: eve@y says hi to ann@x/r\n");
    assert_int_equal(pres_decide(f.core, GW_STR("ann@x"), GW_STR("eve@y"), PRES_ALLOW, NULL),
                     GW_OK);
    EXPECT("ann@x/r: item eve@y from\n"
           "-> eve@y: ann.example@mail.x subscribed\n"
           "-> eve@y: ann.example@mail.x/r available\n");
    pres_abroad_probe(f.core, GW_STR("eve@y"), GW_STR("ann.example@mail.x"));
    EXPECT("-> eve@y: ann.example@mail.x/r available\n");
    /* Who has no such address has his own; nobody is nobody; nobody has two. */
    far(&f, PRES_SUBSCRIBE, "bob@x");
    EXPECT("bob@x/r: eve@y subscribe\n");
    far(&f, PRES_SUBSCRIBE, "nobody@mail.x");
    far(&f, PRES_SUBSCRIBE, "ann@mail.x");
    EXPECT("-> eve@y: nobody@mail.x unsubscribed\n"
           "-> eve@y: ann@mail.x unsubscribed\n");
    stop(&f);
}

/* Who comes from our own domain, by whatever way, uses the names that are used here. */
static void leaves_our_own_alone(void **state)
{
    struct fake f;

    (void)state;
    start(&f);
    login(&f, "ann@x");
    pres_abroad_request(f.core, PRES_SUBSCRIBE, GW_STR("lync@x"), GW_STR("ann@x"), GW_STR(""));
    assert_true(gw_str_is(pres_outer(f.core, GW_STR("ann@x"), GW_STR("lync@x")), "ann@x"));
    assert_true(gw_str_is(pres_outer(f.core, GW_STR("ann@x"), GW_STR("lync@x/r")), "ann@x"));
    assert_true(gw_str_is(pres_inner(f.core, GW_STR("ann@x"), GW_STR("bob@x")), "ann@x"));
    assert_int_equal(state_of(&f, "ann@x", "lync@x"), PRES_FROM);
    stop(&f);
}

/* ---- It changes ---- */

static void changes_as_the_settings_say(void **state)
{
    struct fake f;

    (void)state;
    start(&f);
    f.settings.mail = 0;
    set_on(&f, 0);
    place(&f, "ann@x", "eve@y", PRES_FROM | PRES_TO);
    place(&f, "ann@x", "bob@x", PRES_FROM | PRES_TO);
    place(&f, "ann@x", "joe@y", PRES_OUT | PRES_IN);
    login(&f, "ann@x");
    set_on(&f, 1);
    EXPECT("-> eve@y: ann@x/r offline\n"
           "-> eve@y: ann@x unsubscribed\n"
           "-> eve@y: ann@x unsubscribe\n"
           "-> joe@y: ann@x unsubscribed\n"
           "-> joe@y: ann@x unsubscribe\n"
           "-> eve@y: ann.example@mail.x subscribe\n"
           "ann@x/r: item eve@y from ask\n"
           "-> joe@y: ann.example@mail.x subscribe\n"
           "ann@x/r: item joe@y none ask\n");
    assert_int_equal(state_of(&f, "ann@x", "eve@y"), PRES_FROM | PRES_OUT);
    assert_int_equal(state_of(&f, "ann@x", "bob@x"), PRES_FROM | PRES_TO);
    /* The contact adds the new address: he was allowed before, and nobody is asked. */
    far(&f, PRES_SUBSCRIBE, "ann.example@mail.x");
    EXPECT("-> eve@y: ann.example@mail.x subscribed\n"
           "-> eve@y: ann.example@mail.x/r available\n");
    pres_user_mail_set(f.core, GW_STR("ann@x"), GW_STR("ann@mail.x"));
    EXPECT("-> eve@y: ann.example@mail.x/r offline\n"
           "-> eve@y: ann.example@mail.x unsubscribed\n"
           "-> eve@y: ann.example@mail.x unsubscribe\n"
           "-> joe@y: ann.example@mail.x unsubscribe\n"
           "-> eve@y: ann@mail.x subscribe\n"
           "-> joe@y: ann@mail.x subscribe\n");
    pres_user_mail_set(f.core, GW_STR("ann@x"), GW_STR("ann@mail.x"));
    EXPECT("");
    pres_user_mail_set(f.core, GW_STR("ann@x"), GW_STR(""));
    assert_true(gw_str_is(OUTER("ann@x"), "ann@x"));
    stop(&f);
}

/* A restart finds everything as it was, and tells nobody. */
static void says_nothing_at_the_start(void **state)
{
    struct fake f;

    (void)state;
    start(&f);
    f.core->mail_started = false;
    f.core->outer_count = 0;
    pres_user_find(f.core, GW_STR("ann@x"))->is_outer = false;
    place(&f, "ann@x", "eve@y", PRES_FROM | PRES_TO);
    pres_mail_start(f.core);
    EXPECT("");
    assert_true(gw_str_is(OUTER("ann@x"), "ann.example@mail.x"));
    stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uses_what_can_be_used),
        cmocka_unit_test(is_nobodys_while_two_have_it),
        cmocka_unit_test(has_domains_that_others_may_address),
        cmocka_unit_test(goes_out_under_the_mail_address),
        cmocka_unit_test(comes_in_under_the_mail_address_alone),
        cmocka_unit_test(leaves_our_own_alone),
        cmocka_unit_test(changes_as_the_settings_say),
        cmocka_unit_test(says_nothing_at_the_start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

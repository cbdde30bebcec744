/* Levels that users choose: who has which, who is told of a change, what is stored. */
#include "pres_look.h"

/* ann is watched by bob of her own domain, who is shown times, and by fay of another one. */
struct place {
    struct look look;
    struct pres_session *ann, *bob;
};

static void begin(struct place *p, struct store *store)
{
    look_start(&p->look, store);
    look_user(&p->look, "ann@x");
    look_user(&p->look, "bob@x");
    look_watch(&p->look, "ann@x", "bob@x");
    look_watch(&p->look, "ann@x", "fay@abroad");
    p->ann = look_login(&p->look, p->look.plain, "ann@x");
    p->bob = look_login(&p->look, p->look.timed, "bob@x");
    look_say(&p->look, p->bob, PRES_AVAILABLE, "");
    look_say(&p->look, p->ann, PRES_AVAILABLE, "");
}

static void finish(struct place *p)
{
    pres_session_free(&p->ann, p->look.now);
    pres_session_free(&p->bob, p->look.now);
    look_stop(&p->look);
}

static enum gw_code rule(struct place *p, enum pres_class class, const char *watcher, int level)
{
    const struct pres_privacy_rule r = { class, gw_str_of(watcher), level };

    return pres_privacy_set(p->look.core, GW_STR("ann@x"), &r, p->look.now, NULL, NULL, NULL);
}

static enum pres_level level_of(const char *text)
{
    static const char *const marks[] = { "b-word", "t-word", "o-word", "f-word" };
    static const enum pres_level levels[] = { PRES_LEVEL_BUSY, PRES_LEVEL_TIMES, PRES_LEVEL_FULL,
                                              PRES_LEVEL_FULL };

    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        if (strstr(text, marks[i]))
            return levels[i];
    }
    return PRES_LEVEL_NOTHING;
}

static void check(const struct place *p, enum pres_level bob, enum pres_level fay)
{
    assert_int_equal(level_of(look_sees(&p->look, "bob@x", "ann@x/r")), bob);
    assert_int_equal(level_of(look_sees(&p->look, "fay@abroad", "ann@x/r")), fay);
    assert_int_equal(level_of(look_sees(&p->look, "ann@x", "ann@x/r")), PRES_LEVEL_FULL);
}

/* Every choice for class and name over every default: the most particular counts. */
static void the_most_particular_counts(void **state)
{
    const struct pres_calendar c = look_calendar(PRES_CAL_MEETING);
    struct place p;

    (void)state;
    begin(&p, NULL);
    look_set(&p.look, "ann@x", &c);
    for (int def = 0; def < PRES_LEVEL_COUNT; def++) {
        p.look.settings.privacy_own = def;
        p.look.settings.privacy_federated = PRES_LEVEL_FULL - def;
        pres_settings_apply(p.look.core, p.look.now);
        for (int class = PRES_LEVEL_UNSET; class < PRES_LEVEL_COUNT; class ++) {
            for (int name = PRES_LEVEL_UNSET; name < PRES_LEVEL_COUNT; name++) {
                int own = name >= 0 ? name : class >= 0 ? class : def;
                int federated = name >= 0 ? name : class >= 0 ? class : PRES_LEVEL_FULL - def;

                assert_int_equal(rule(&p, PRES_CLASS_NAMED, "bob@x", name), GW_OK);
                assert_int_equal(rule(&p, PRES_CLASS_OWN, "", class), GW_OK);
                assert_int_equal(rule(&p, PRES_CLASS_FEDERATED, "", class), GW_OK);
                assert_int_equal(rule(&p, PRES_CLASS_NAMED, "fay@abroad", name), GW_OK);
                check(&p, (enum pres_level)own, (enum pres_level)federated);
            }
        }
    }
    finish(&p);
}

/* Those whom it changes, and nobody else. */
static void only_who_sees_a_change_is_told(void **state)
{
    const struct pres_calendar c = look_calendar(PRES_CAL_MEETING);
    struct place p;

    (void)state;
    begin(&p, NULL);
    look_set(&p.look, "ann@x", &c);
    gw_buf_reset(&p.look.all);
    assert_int_equal(rule(&p, PRES_CLASS_FEDERATED, "", PRES_LEVEL_BUSY), GW_OK);
    assert_null(strstr(p.look.all.p, "bob@x"));
    assert_non_null(strstr(p.look.all.p, "fay@abroad"));
    gw_buf_reset(&p.look.all);
    assert_int_equal(rule(&p, PRES_CLASS_NAMED, "bob@x", PRES_LEVEL_NOTHING), GW_OK);
    assert_non_null(strstr(p.look.all.p, "bob@x"));
    assert_null(strstr(p.look.all.p, "fay@abroad"));
    p.look.documents = 0;
    assert_int_equal(rule(&p, PRES_CLASS_NAMED, "bob@x", PRES_LEVEL_NOTHING), GW_OK);
    assert_int_equal(rule(&p, PRES_CLASS_OWN, "", PRES_LEVEL_BUSY), GW_OK); /* bob is named */
    assert_int_equal(p.look.documents, 0);
    finish(&p);
}

/* A watcher is the same one by a full address. */
static void a_resource_is_nobody_else(void **state)
{
    const struct pres_calendar c = look_calendar(PRES_CAL_MEETING);
    const struct pres_client here = { .show = PRES_AVAILABLE };
    struct place p;

    (void)state;
    begin(&p, NULL);
    look_set(&p.look, "ann@x", &c);
    assert_int_equal(rule(&p, PRES_CLASS_NAMED, "eve@abroad", PRES_LEVEL_NOTHING), GW_OK);
    assert_int_equal(pres_session_direct(p.ann, GW_STR("eve@abroad"), GW_STR("phone"), &here),
                     GW_OK);
    assert_string_equal(look_sees(&p.look, "eve@abroad/phone", "ann@x/r"), "available");
    assert_int_equal(pres_session_direct(p.ann, GW_STR("gil@abroad"), GW_STR("phone"), &here),
                     GW_OK);
    assert_int_equal(level_of(look_sees(&p.look, "gil@abroad/phone", "ann@x/r")), PRES_LEVEL_TIMES);
    finish(&p);
}

/* Own is whose domain is ours: also who is no user here, as a colleague who watches by SIP. */
static void a_colleague_need_not_be_a_user(void **state)
{
    const struct pres_calendar c = look_calendar(PRES_CAL_MEETING);
    struct pres_question q = { .at = 1000, .watcher = GW_STR("sue@x") };
    struct pres_user_view view;
    struct pres_doc doc;
    struct place p;

    (void)state;
    begin(&p, NULL);
    look_set(&p.look, "ann@x", &c);
    assert_true(pres_whole(p.look.core, GW_STR("ann@x"), GW_STR("sue@x"), &doc));
    assert_true(gw_str_is(doc.shown.text, "o-word"));
    assert_true(pres_user_ask(p.look.core, GW_STR("ann@x"), &q, &view));
    assert_true(view.is_own && view.level == PRES_LEVEL_FULL);
    assert_true(pres_whole(p.look.core, GW_STR("ann@x"), GW_STR("sue@abroad"), &doc));
    assert_true(gw_str_is(doc.shown.text, "t-word"));
    finish(&p);
}

static void names_have_a_limit(void **state)
{
    struct pres_privacy_view view;
    struct place p;
    char jid[32];

    (void)state;
    begin(&p, NULL);
    for (int i = 0; i < PRES_PRIVACY_NAMES_MAX; i++) {
        snprintf(jid, sizeof(jid), "n%02d@abroad", (i * 37) % PRES_PRIVACY_NAMES_MAX);
        assert_int_equal(rule(&p, PRES_CLASS_NAMED, jid, PRES_LEVEL_BUSY), GW_OK);
    }
    assert_int_equal(rule(&p, PRES_CLASS_NAMED, "one@more", PRES_LEVEL_BUSY), GW_LIMIT);
    assert_int_equal(rule(&p, PRES_CLASS_NAMED, "n00@abroad", PRES_LEVEL_FULL), GW_OK);
    assert_true(pres_privacy_get(p.look.core, GW_STR("ann@x"), &view));
    assert_int_equal(view.named_count, PRES_PRIVACY_NAMES_MAX);
    for (size_t i = 1; i < view.named_count; i++)
        assert_true(gw_str_cmp(view.named[i - 1].watcher, view.named[i].watcher) < 0);
    assert_int_equal(rule(&p, PRES_CLASS_NAMED, "n00@abroad", PRES_LEVEL_UNSET), GW_OK);
    assert_int_equal(rule(&p, PRES_CLASS_NAMED, "one@more", PRES_LEVEL_BUSY), GW_OK);
    assert_int_equal(rule(&p, PRES_CLASS_NAMED, "", PRES_LEVEL_BUSY), GW_INVALID);
    assert_int_equal(rule(&p, PRES_CLASS_NAMED, "domain", PRES_LEVEL_BUSY), GW_INVALID);
    assert_int_equal(rule(&p, PRES_CLASS_NAMED, "a@b/c", PRES_LEVEL_BUSY), GW_INVALID);
    assert_false(pres_privacy_get(p.look.core, GW_STR("nobody@x"), &view));
    finish(&p);
}

static void survives_a_restart(void **state)
{
    const struct pres_calendar c = look_calendar(PRES_CAL_MEETING);
    struct pres_privacy_view view;
    struct store *store;
    struct place p;

    (void)state;
    assert_int_equal(store_open(&(struct store_args){ .path = ":memory:" }, &store, NULL), GW_OK);
    begin(&p, store);
    assert_int_equal(rule(&p, PRES_CLASS_FEDERATED, "", PRES_LEVEL_BUSY), GW_OK);
    assert_int_equal(rule(&p, PRES_CLASS_NAMED, "bob@x", PRES_LEVEL_TIMES), GW_OK);
    finish(&p);
    begin(&p, store);
    pres_core_load(p.look.core, NULL, NULL);
    store_wait(store);
    look_set(&p.look, "ann@x", &c);
    check(&p, PRES_LEVEL_TIMES, PRES_LEVEL_BUSY);
    /* Nothing is left when all is taken back, or the user goes. */
    assert_int_equal(rule(&p, PRES_CLASS_FEDERATED, "", PRES_LEVEL_UNSET), GW_OK);
    pres_user_remove(p.look.core, GW_STR("ann@x"), p.look.now);
    p.ann = NULL;
    look_user(&p.look, "ann@x");
    pres_core_load(p.look.core, NULL, NULL);
    store_wait(store);
    assert_true(pres_privacy_get(p.look.core, GW_STR("ann@x"), &view));
    assert_int_equal(view.named_count, 0);
    assert_int_equal(view.own, PRES_LEVEL_UNSET);
    finish(&p);
    store_close(&store);
}

/* A record that cannot be read shows too little rather than too much. */
static void an_unreadable_record_hides(void **state)
{
    const struct pres_calendar c = look_calendar(PRES_CAL_MEETING);
    struct store_batch *batch = store_batch_new();
    struct store *store;
    struct place p;

    (void)state;
    assert_int_equal(store_open(&(struct store_args){ .path = ":memory:" }, &store, NULL), GW_OK);
    store_put(batch, "privacy", GW_STR("ann@x"), GW_STR("ann@x"), GW_STR("{\"own\":\"tim"));
    store_commit(store, &batch, NULL, NULL);
    store_wait(store);
    begin(&p, store);
    pres_core_load(p.look.core, NULL, NULL);
    store_wait(store);
    look_set(&p.look, "ann@x", &c);
    check(&p, PRES_LEVEL_NOTHING, PRES_LEVEL_NOTHING);
    finish(&p);
    store_close(&store);
}

/* ---- Many users ---- */

enum { MANY = 250 };

static const char *many_jid(int user, char out[16])
{
    snprintf(out, 16, "u%d@x", user);
    return out;
}

/* What fay was told last of each is what she would be told now; returns for how many it is 'level'. */
static int fay_knows(struct look *l, int users, enum pres_level level)
{
    char jid[16], now[32];
    int count = 0;

    for (int i = 0; i < users; i++) {
        const char *told = look_sees(l, "fay@abroad", many_jid(i, jid));
        struct pres_doc doc;

        assert_true(pres_whole(l->core, gw_str_of(jid), GW_STR("fay@abroad"), &doc));
        snprintf(now, sizeof(now), "%.*s", GW_STR_ARG(doc.shown.text));
        assert_int_equal(level_of(told), level_of(now));
        count += level_of(told) == level;
    }
    return count;
}

static void turn(struct look *l, size_t most)
{
    l->documents = 0;
    pres_tick(l->core, l->now);
    assert_in_range(l->documents, 1, most);
}

/* An administrator changes his mind while the first are told, and a user goes, and one comes. */
static void many_users_are_told_in_turns(void **state)
{
    const struct pres_calendar c = look_calendar(PRES_CAL_MEETING);
    struct look l;
    char jid[16];

    (void)state;
    look_start(&l, NULL);
    for (int i = 0; i < MANY; i++) {
        look_user(&l, many_jid(i, jid));
        look_watch(&l, jid, "fay@abroad");
        look_set(&l, jid, &c);
    }
    assert_int_equal(fay_knows(&l, MANY, PRES_LEVEL_TIMES), MANY);
    l.documents = 0;
    l.settings.privacy_federated = PRES_LEVEL_BUSY;
    pres_settings_apply(l.core, l.now);
    assert_int_equal(l.documents, PRES_TICK_MAX);
    assert_int_equal(fay_knows(&l, MANY, PRES_LEVEL_BUSY), PRES_TICK_MAX);
    assert_true(pres_due(l.core) <= l.now.utc);
    l.settings.privacy_federated = PRES_LEVEL_NOTHING;
    pres_settings_apply(l.core, l.now);
    assert_int_equal(fay_knows(&l, MANY, PRES_LEVEL_NOTHING), PRES_TICK_MAX);
    pres_user_remove(l.core, gw_str_of(many_jid(MANY - 1, jid)), l.now);
    look_user(&l, jid);
    look_watch(&l, jid, "fay@abroad");
    look_set(&l, jid, &c);
    while (pres_due(l.core) <= l.now.utc)
        turn(&l, PRES_TICK_MAX);
    assert_int_equal(fay_knows(&l, MANY - 1, PRES_LEVEL_NOTHING), MANY - 1);
    assert_int_equal(pres_due(l.core), GW_NEVER);
    /* Other words of a front-end, and a core that is freed while users wait. */
    l.settings.privacy_federated = PRES_LEVEL_FULL;
    l.settings.without_client = PRES_WITHOUT_CLIENT_CALENDAR;
    pres_settings_apply(l.core, l.now);
    while (pres_due(l.core) <= l.now.utc)
        turn(&l, PRES_TICK_MAX);
    l.documents = 0;
    pres_retell(l.core, l.now);
    assert_int_equal(l.documents, PRES_TICK_MAX);
    turn(&l, PRES_TICK_MAX);
    look_stop(&l);
}

/* ---- Everything with everything ---- */

/* rows: the client, as enum pres_show; columns: the state, as enum pres_calendar_kind.
 * o offline, a available, w away, x extended away, b busy, d do not disturb; in capitals when it is
 * the calendar's word. */
static const char *const shown_as[] = { "oooooooo", "aaaBWWXD", "wwwwwwXD",
                                        "xxxxxxXD", "bbbbbbbD", "dddddddd" };
static const char letters[] = "oawxbd";

struct combination {
    int client, calendar, over, level, without_client, watcher;
};

static char letter_of(const struct combination *c, int kind)
{
    char letter = shown_as[c->client][kind];

    if (c->client == PRES_OFFLINE && c->without_client == PRES_WITHOUT_CLIENT_CALENDAR && kind)
        return "oAABWWXD"[kind];
    return letter;
}

/* What has to be seen of one combination: said here a second time, from the words of the levels. */
static void expect(const struct combination *c, struct gw_buf *out)
{
    static const char *const words[2][PRES_LEVEL_COUNT] = { { "", "b-word", "t-word", "o-word" },
                                                            { "", "b-word", "t-word", "f-word" } };
    static const int busy[] = { 0, 1, 1, 3, 3, 3, 3, 3 };
    int kind = c->over                          ? c->over
               : c->level == PRES_LEVEL_NOTHING ? PRES_CAL_NONE
               : c->level == PRES_LEVEL_BUSY    ? busy[c->calendar]
                                                : c->calendar;
    bool has_words =
        c->calendar > PRES_CAL_FREE && (c->level != PRES_LEVEL_BUSY || kind == PRES_CAL_BUSY);
    const char *text = c->over ? "mine" : has_words ? words[c->watcher][c->level] : "";
    char letter = letter_of(c, kind);
    bool is_taken = letter < 'a';
    int show = (int)(strchr(letters, is_taken ? letter + 32 : letter) - letters);

    if (c->client == PRES_DND)
        text = "";
    gw_buf_add_cstr(out, pres_show_name((enum pres_show)show));
    if (is_taken)
        gw_buf_addf(out, " %s", pres_calendar_kind_name((enum pres_calendar_kind)kind));
    if (*text)
        gw_buf_addf(out, " '%s'", text);
    if (c->level < PRES_LEVEL_TIMES)
        return;
    if (c->over)
        gw_buf_addf(out, " [%s 1000--1]",
                    pres_calendar_kind_name((enum pres_calendar_kind)c->over));
    else if (c->calendar)
        gw_buf_addf(out, " [%s 900-2000]",
                    pres_calendar_kind_name((enum pres_calendar_kind)c->calendar));
    if (c->calendar)
        gw_buf_add_cstr(out, " {away 3000-4000}");
}

static void check_combination(struct place *p, const struct combination *c)
{
    struct pres_calendar cal = look_calendar((enum pres_calendar_kind)c->calendar);
    const struct pres_override o = { .kind = (enum pres_calendar_kind)c->over,
                                     .text = GW_STR("mine") };
    const char *watcher = c->watcher ? "fay@abroad" : "bob@x", *sees;
    struct gw_buf expected;

    cal.ahead[0] = (struct pres_span){ PRES_CAL_AWAY, 3000, 4000 };
    cal.ahead_count = c->calendar ? 1 : 0;
    p->look.settings.without_client = c->without_client;
    p->look.settings.privacy_own = p->look.settings.privacy_federated = c->level;
    pres_settings_apply(p->look.core, p->look.now);
    (void)pres_override_clear(p->look.core, GW_STR("ann@x"), p->look.now, NULL, NULL, NULL);
    if (c->over)
        assert_int_equal(
            pres_override_set(p->look.core, GW_STR("ann@x"), &o, p->look.now, NULL, NULL, NULL),
            GW_OK);
    look_set(&p->look, "ann@x", &cal);
    look_say(&p->look, p->ann, (enum pres_show)c->client, "");
    sees = look_sees(&p->look, watcher, c->client ? "ann@x/r" : "ann@x");
    gw_buf_init(&expected, 1000);
    expect(c, &expected);
    /* Nothing may have been said of who is offline without a word beside it. */
    if (!*sees)
        sees = "offline";
    if (!gw_str_is(gw_buf_str(&expected), sees))
        fail_msg("client %d calendar %d override %d level %d without %d watcher %d: '%s', not '%s'",
                 c->client, c->calendar, c->over, c->level, c->without_client, c->watcher, sees,
                 gw_buf_str(&expected).p);
    gw_buf_done(&expected);
}

/* Not pairwise: all of them, each one after some other one, in an order without a pattern. */
static void everything_with_everything(void **state)
{
    enum { ALL = 6 * PRES_CAL_COUNT * PRES_CAL_COUNT * PRES_LEVEL_COUNT * 2 * 2, STRIDE = 1237 };
    struct place p;

    (void)state;
    begin(&p, NULL);
    p.look.settings.client_in_item = PRES_CALENDAR_WINS;
    look_watch(&p.look, "ann@x", "eve@abroad");
    for (int i = 0, n = 0; i < ALL; i++, n = (n + STRIDE) % ALL) {
        const struct combination c = { .client = n % 6,
                                       .calendar = n / 6 % PRES_CAL_COUNT,
                                       .over = n / 6 / PRES_CAL_COUNT % PRES_CAL_COUNT,
                                       .level = n / 6 / PRES_CAL_COUNT / PRES_CAL_COUNT %
                                                PRES_LEVEL_COUNT,
                                       .without_client = n % (ALL / 2) / (ALL / 4),
                                       .watcher = n / (ALL / 2) };

        check_combination(&p, &c);
    }
    finish(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_most_particular_counts),
        cmocka_unit_test(only_who_sees_a_change_is_told),
        cmocka_unit_test(a_resource_is_nobody_else),
        cmocka_unit_test(a_colleague_need_not_be_a_user),
        cmocka_unit_test(names_have_a_limit),
        cmocka_unit_test(survives_a_restart),
        cmocka_unit_test(an_unreadable_record_hides),
        cmocka_unit_test(many_users_are_told_in_turns),
        cmocka_unit_test(everything_with_everything),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

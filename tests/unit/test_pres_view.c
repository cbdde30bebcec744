/* What watchers of each kind and level see of a calendar, and nothing more. */
#include "pres_look.h"

/* ann is watched by bob of her own domain, by tim who is shown times, and by fay of another one. */
struct place {
    struct look look;
    struct pres_session *ann, *bob, *tim;
};

static void begin(struct place *p)
{
    look_start(&p->look, NULL);
    look_user(&p->look, "ann@x");
    look_user(&p->look, "bob@x");
    look_user(&p->look, "tim@x");
    look_watch(&p->look, "ann@x", "bob@x");
    look_watch(&p->look, "ann@x", "tim@x");
    look_watch(&p->look, "ann@x", "fay@abroad");
    p->ann = look_login(&p->look, p->look.plain, "ann@x");
    p->bob = look_login(&p->look, p->look.plain, "bob@x");
    p->tim = look_login(&p->look, p->look.timed, "tim@x");
    look_say(&p->look, p->bob, PRES_AVAILABLE, "");
    look_say(&p->look, p->tim, PRES_AVAILABLE, "");
}

static void finish(struct place *p)
{
    pres_session_free(&p->ann, p->look.now);
    pres_session_free(&p->bob, p->look.now);
    pres_session_free(&p->tim, p->look.now);
    look_stop(&p->look);
}

static void levels(struct place *p, enum pres_level own, enum pres_level federated)
{
    p->look.settings.privacy_own = own;
    p->look.settings.privacy_federated = federated;
    pres_settings_apply(p->look.core, p->look.now);
}

/* An available user in a meeting, with another one ahead. */
static struct pres_calendar busy_day(void)
{
    struct pres_calendar c = look_calendar(PRES_CAL_MEETING);

    c.ahead[0] = (struct pres_span){ PRES_CAL_AWAY, 3000, 4000 };
    c.ahead_count = 1;
    return c;
}

static const struct {
    enum pres_level level;
    const char *bob, *tim, *fay;
} level_case[] = {
    { PRES_LEVEL_NOTHING, "available", "available", "available" },
    { PRES_LEVEL_BUSY, "busy busy 'b-word'", "busy busy 'b-word'", "busy busy 'b-word'" },
    { PRES_LEVEL_TIMES, "away in-a-meeting 't-word'",
      "away in-a-meeting 't-word' [in-a-meeting 900-2000] {away 3000-4000}",
      "away in-a-meeting 't-word' [in-a-meeting 900-2000] {away 3000-4000}" },
    { PRES_LEVEL_FULL, "away in-a-meeting 'o-word'",
      "away in-a-meeting 'o-word' [in-a-meeting 900-2000] {away 3000-4000}",
      "away in-a-meeting 'f-word' [in-a-meeting 900-2000] {away 3000-4000}" },
};

enum { LEVEL_CASES = sizeof(level_case) / sizeof(level_case[0]) };

static void check_level(const struct place *p, size_t own, size_t federated)
{
    assert_string_equal(look_sees(&p->look, "bob@x", "ann@x/r"), level_case[own].bob);
    assert_string_equal(look_sees(&p->look, "tim@x", "ann@x/r"), level_case[own].tim);
    assert_string_equal(look_sees(&p->look, "fay@abroad", "ann@x/r"), level_case[federated].fay);
    assert_string_equal(look_sees(&p->look, "ann@x", "ann@x/r"), level_case[PRES_LEVEL_FULL].bob);
}

/* Each level of each class, reached from each other one while everybody looks on. */
static void levels_cut_what_is_seen(void **state)
{
    const struct pres_calendar c = busy_day();

    (void)state;
    for (size_t from = 0; from < LEVEL_CASES * LEVEL_CASES; from++) {
        for (size_t to = 0; to < LEVEL_CASES * LEVEL_CASES; to++) {
            struct place p;

            begin(&p);
            levels(&p, level_case[from / LEVEL_CASES].level, level_case[from % LEVEL_CASES].level);
            look_set(&p.look, "ann@x", &c);
            look_say(&p.look, p.ann, PRES_AVAILABLE, "");
            check_level(&p, from / LEVEL_CASES, from % LEVEL_CASES);
            levels(&p, level_case[to / LEVEL_CASES].level, level_case[to % LEVEL_CASES].level);
            check_level(&p, to / LEVEL_CASES, to % LEVEL_CASES);
            finish(&p);
        }
    }
}

/* Whoever may not see it is not even told that something changed. */
static void nobody_is_told_for_nothing(void **state)
{
    struct pres_calendar meeting = busy_day(), other = busy_day();
    struct place p;

    (void)state;
    begin(&p);
    levels(&p, PRES_LEVEL_NOTHING, PRES_LEVEL_NOTHING);
    look_say(&p.look, p.ann, PRES_AVAILABLE, "");
    p.look.documents = 0;
    look_set(&p.look, "ann@x", &meeting);
    assert_int_equal(p.look.documents, 1); /* her own client */
    levels(&p, PRES_LEVEL_BUSY, PRES_LEVEL_BUSY);
    assert_int_equal(p.look.documents, 4);
    other.kind = PRES_CAL_AWAY; /* another kind, other words, other times: just as busy */
    snprintf(other.text[PRES_WORDS_TIMES], PRES_TEXT_MAX, "other");
    other.until = 2500;
    look_set(&p.look, "ann@x", &other);
    assert_int_equal(p.look.documents, 4 + 1);
    look_set(&p.look, "ann@x", &other);
    levels(&p, PRES_LEVEL_BUSY, PRES_LEVEL_BUSY);
    assert_int_equal(p.look.documents, 4 + 1);
    finish(&p);
}

/* Front-ends that show times hear of other times, and those alone. */
static void times_alone_are_for_who_shows_them(void **state)
{
    struct pres_calendar c = busy_day();
    struct place p;

    (void)state;
    begin(&p);
    levels(&p, PRES_LEVEL_TIMES, PRES_LEVEL_BUSY);
    look_set(&p.look, "ann@x", &c);
    look_say(&p.look, p.ann, PRES_AVAILABLE, "");
    p.look.documents = 0;
    c.ahead[0].until = 5000;
    look_set(&p.look, "ann@x", &c);
    assert_int_equal(p.look.documents, 1);
    assert_string_equal(look_sees(&p.look, "tim@x", "ann@x/r"),
                        "away in-a-meeting 't-word' [in-a-meeting 900-2000] {away 3000-5000}");
    levels(&p, PRES_LEVEL_BUSY, PRES_LEVEL_BUSY);
    assert_string_equal(look_sees(&p.look, "tim@x", "ann@x/r"), "busy busy 'b-word'");
    finish(&p);
}

/* The times go with the level although nothing else changes. */
static void times_go_with_their_level(void **state)
{
    struct pres_calendar c = look_calendar(PRES_CAL_FREE);
    struct place p;

    (void)state;
    begin(&p);
    c.ahead[0] = (struct pres_span){ PRES_CAL_MEETING, 3000, 4000 };
    c.ahead_count = 1;
    look_set(&p.look, "ann@x", &c);
    look_say(&p.look, p.ann, PRES_AVAILABLE, "");
    assert_string_equal(look_sees(&p.look, "fay@abroad", "ann@x/r"),
                        "available [free 900-2000] {in-a-meeting 3000-4000}");
    levels(&p, PRES_LEVEL_FULL, PRES_LEVEL_BUSY);
    assert_string_equal(look_sees(&p.look, "fay@abroad", "ann@x/r"), "available");
    levels(&p, PRES_LEVEL_FULL, PRES_LEVEL_TIMES);
    assert_string_equal(look_sees(&p.look, "fay@abroad", "ann@x/r"),
                        "available [free 900-2000] {in-a-meeting 3000-4000}");
    finish(&p);
}

/* One document is written for all who see the same. */
static void a_document_is_written_once_a_view(void **state)
{
    const struct pres_calendar c = busy_day();
    struct place p;
    char jid[64];

    (void)state;
    begin(&p);
    for (int i = 0; i < 100; i++) {
        snprintf(jid, sizeof(jid), "w%d@abroad", i);
        look_watch(&p.look, "ann@x", jid);
    }
    look_say(&p.look, p.ann, PRES_AVAILABLE, "");
    p.look.documents = p.look.written = 0;
    look_set(&p.look, "ann@x", &c);
    assert_int_equal(p.look.documents, 104);
    assert_int_equal(p.look.written, 3); /* own and plain, own and timed, abroad */
    finish(&p);
}

/* The ways by which presence gets to somebody: none of them shows more than another. */
static void every_way_goes_through_the_view(void **state)
{
    const struct pres_calendar c = busy_day();
    const struct pres_client here = { .show = PRES_AVAILABLE, .text = GW_STR("") };
    struct place p;

    (void)state;
    begin(&p);
    levels(&p, PRES_LEVEL_BUSY, PRES_LEVEL_NOTHING);
    look_set(&p.look, "ann@x", &c);
    look_say(&p.look, p.ann, PRES_AVAILABLE, "");
    pres_session_probe(p.bob, GW_STR("ann@x"));
    pres_session_refresh(p.tim, GW_STR("ann@x"), GW_STR("r"));
    assert_int_equal(pres_session_direct(p.ann, GW_STR("bob@x"), GW_STR(""), &here), GW_OK);
    assert_int_equal(pres_session_direct(p.ann, GW_STR("tim@x"), GW_STR("r"), &here), GW_OK);
    pres_retell(p.look.core, p.look.now);
    pres_show_all_to(pres_user_find(p.look.core, GW_STR("ann@x")), GW_STR("fay@abroad"));
    look_say(&p.look, p.ann, PRES_OFFLINE, "");
    pres_session_probe(p.bob, GW_STR("ann@x"));
    pres_session_refresh(p.tim, GW_STR("ann@x"), GW_STR("r"));
    pres_hide_all_from(pres_user_find(p.look.core, GW_STR("ann@x")), GW_STR("fay@abroad"));
    look_say(&p.look, p.bob, PRES_OFFLINE, "");
    look_say(&p.look, p.bob, PRES_AVAILABLE, ""); /* a newcomer is shown everything */
    assert_null(strstr(p.look.all.p, "t-word"));
    assert_null(strstr(p.look.all.p, "f-word"));
    assert_null(strstr(p.look.all.p, "900"));
    assert_null(strstr(p.look.all.p, "{"));
    for (const char *at = strstr(p.look.all.p, "o-word"); at; at = strstr(at + 1, "o-word")) {
        while (at > p.look.all.p && at[-1] != '\n')
            at--;
        assert_true(gw_str_starts(gw_str_of(at), "ann@x sees")); /* her own client */
        at = strstr(at, "o-word");
    }
    finish(&p);
}

/* ---- Without a client ---- */

static void offline_has_the_calendar_beside_it(void **state)
{
    const struct pres_calendar c = busy_day();
    struct place p;

    (void)state;
    begin(&p);
    levels(&p, PRES_LEVEL_FULL, PRES_LEVEL_BUSY);
    look_set(&p.look, "ann@x", &c);
    assert_string_equal(look_sees(&p.look, "bob@x", "ann@x/"), "offline 'o-word'");
    assert_string_equal(look_sees(&p.look, "fay@abroad", "ann@x/"), "offline 'b-word'");
    finish(&p);
}

static void the_calendar_speaks_alone(void **state)
{
    struct pres_calendar c = busy_day();
    struct place p;

    (void)state;
    begin(&p);
    levels(&p, PRES_LEVEL_FULL, PRES_LEVEL_BUSY);
    look_set(&p.look, "ann@x", &c);
    p.look.settings.without_client = PRES_WITHOUT_CLIENT_CALENDAR;
    pres_settings_apply(p.look.core, p.look.now);
    assert_string_equal(look_sees(&p.look, "bob@x", "ann@x/"), "away in-a-meeting 'o-word'");
    assert_string_equal(look_sees(&p.look, "fay@abroad", "ann@x/"), "busy busy 'b-word'");
    c = look_calendar(PRES_CAL_FREE);
    look_set(&p.look, "ann@x", &c);
    assert_string_equal(look_sees(&p.look, "bob@x", "ann@x/"), "available free");
    /* A client takes over, and gives back. */
    look_say(&p.look, p.ann, PRES_DND, "me");
    assert_string_equal(look_sees(&p.look, "bob@x", "ann@x/"), "offline");
    assert_string_equal(look_sees(&p.look, "bob@x", "ann@x/r"), "do-not-disturb 'me'");
    look_say(&p.look, p.ann, PRES_OFFLINE, "");
    assert_string_equal(look_sees(&p.look, "bob@x", "ann@x/r"), "offline");
    assert_string_equal(look_sees(&p.look, "bob@x", "ann@x/"), "available free");
    /* Who has no calendar stays offline; and so does everybody as it was. */
    p.look.settings.without_client = PRES_WITHOUT_CLIENT_OFFLINE;
    pres_settings_apply(p.look.core, p.look.now);
    assert_string_equal(look_sees(&p.look, "bob@x", "ann@x/"), "offline");
    finish(&p);
}

/* ---- A client's word during an item ---- */

static void what_is_chosen_during_an_item_wins(void **state)
{
    struct pres_calendar c = look_calendar(PRES_CAL_MEETING);
    const struct pres_client idle = { .show = PRES_AWAY, .is_idle = true };
    struct place p;

    (void)state;
    begin(&p);
    p.look.now.utc = 800;
    look_say(&p.look, p.ann, PRES_AWAY, "");
    look_say(&p.look, p.ann, PRES_AVAILABLE, ""); /* chosen before it began */
    p.look.now.utc = 950;
    look_set(&p.look, "ann@x", &c);
    assert_string_equal(look_sees(&p.look, "bob@x", "ann@x/r"), "away in-a-meeting 'o-word'");
    /* What the client does by itself is no choice. */
    look_say(&p.look, p.ann, PRES_AVAILABLE, "");
    assert_int_equal(pres_session_set(p.ann, &idle, p.look.now), GW_OK);
    look_say(&p.look, p.ann, PRES_AVAILABLE, "");
    assert_string_equal(look_sees(&p.look, "bob@x", "ann@x/r"), "away in-a-meeting 'o-word'");
    look_say(&p.look, p.ann, PRES_AVAILABLE, "ask me");
    assert_string_equal(look_sees(&p.look, "bob@x", "ann@x/r"), "available 'ask me'");
    look_say(&p.look, p.ann, PRES_DND, "");
    look_say(&p.look, p.ann, PRES_AVAILABLE, ""); /* plainly: as the calendar has it */
    assert_string_equal(look_sees(&p.look, "bob@x", "ann@x/r"), "away in-a-meeting 'o-word'");
    look_say(&p.look, p.ann, PRES_AVAILABLE, "ask me");
    assert_string_equal(look_sees(&p.look, "bob@x", "ann@x/r"), "available 'ask me'");
    /* The next item, back to back with this one: it began afterwards. */
    c.item_since = 1500;
    look_set(&p.look, "ann@x", &c);
    assert_string_equal(look_sees(&p.look, "bob@x", "ann@x/r"), "away in-a-meeting 'o-word'");
    p.look.now.utc = 1600;
    look_say(&p.look, p.ann, PRES_AVAILABLE, "again");
    assert_string_equal(look_sees(&p.look, "bob@x", "ann@x/r"), "available 'again'");
    p.look.settings.client_in_item = PRES_CALENDAR_WINS;
    pres_settings_apply(p.look.core, p.look.now);
    assert_string_equal(look_sees(&p.look, "bob@x", "ann@x/r"), "away in-a-meeting 'o-word'");
    p.look.settings.client_in_item = PRES_CLIENT_WINS;
    pres_settings_apply(p.look.core, p.look.now);
    assert_string_equal(look_sees(&p.look, "bob@x", "ann@x/r"), "available 'again'");
    /* An out-of-office period is not left by a choice in a client. */
    c.kind = PRES_CAL_OOF;
    look_set(&p.look, "ann@x", &c);
    assert_string_equal(look_sees(&p.look, "bob@x", "ann@x/r"),
                        "extended-away out-of-office 'o-word'");
    finish(&p);
}

static void a_login_is_no_choice(void **state)
{
    const struct pres_calendar c = look_calendar(PRES_CAL_MEETING);
    struct place p;

    (void)state;
    begin(&p);
    look_set(&p.look, "ann@x", &c);
    look_say(&p.look, p.ann, PRES_AVAILABLE, "");
    assert_string_equal(look_sees(&p.look, "bob@x", "ann@x/r"), "away in-a-meeting 'o-word'");
    look_say(&p.look, p.ann, PRES_AVAILABLE, "chosen");
    assert_string_equal(look_sees(&p.look, "bob@x", "ann@x/r"), "available 'chosen'");
    look_say(&p.look, p.ann, PRES_OFFLINE, "");
    look_say(&p.look, p.ann, PRES_AVAILABLE, "");
    assert_string_equal(look_sees(&p.look, "bob@x", "ann@x/r"), "away in-a-meeting 'o-word'");
    finish(&p);
}

/* ---- Other domains ---- */

static void ways_to_other_domains_come_and_go(void **state)
{
    const struct pres_calendar c = busy_day(), free_day = look_calendar(PRES_CAL_FREE);
    struct place p;

    (void)state;
    begin(&p);
    look_watch(&p.look, "ann@x", "eve@elsewhere");
    look_say(&p.look, p.ann, PRES_AVAILABLE, "");
    assert_string_equal(look_sees(&p.look, "eve@elsewhere", "ann@x/r"), "");
    pres_route_set(p.look.core, GW_STR(""), p.look.timed);
    look_set(&p.look, "ann@x", &c);
    assert_true(gw_str_starts(gw_str_of(look_sees(&p.look, "eve@elsewhere", "ann@x/r")), "away"));
    pres_route_set(p.look.core, GW_STR(""), NULL);
    look_set(&p.look, "ann@x", &free_day);
    assert_true(gw_str_starts(gw_str_of(look_sees(&p.look, "eve@elsewhere", "ann@x/r")), "away"));
    assert_true(gw_str_starts(gw_str_of(look_sees(&p.look, "fay@abroad", "ann@x/r")), "available"));
    /* A domain of ours is not given away, and one of others is none of ours. */
    pres_route_set(p.look.core, GW_STR("x"), p.look.timed);
    assert_true(pres_domain_is_local(p.look.core, GW_STR("x")));
    assert_false(pres_domain_is_local(p.look.core, GW_STR("abroad")));
    assert_int_equal(pres_route(p.look.core, GW_STR("fay@abroad")), PRES_ROUTE_ABROAD);
    pres_route_set(p.look.core, GW_STR("abroad"), NULL);
    look_set(&p.look, "ann@x", &c);
    assert_true(gw_str_starts(gw_str_of(look_sees(&p.look, "fay@abroad", "ann@x/r")), "available"));
    finish(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_cut_what_is_seen),
        cmocka_unit_test(nobody_is_told_for_nothing),
        cmocka_unit_test(times_alone_are_for_who_shows_them),
        cmocka_unit_test(times_go_with_their_level),
        cmocka_unit_test(a_document_is_written_once_a_view),
        cmocka_unit_test(every_way_goes_through_the_view),
        cmocka_unit_test(offline_has_the_calendar_beside_it),
        cmocka_unit_test(the_calendar_speaks_alone),
        cmocka_unit_test(what_is_chosen_during_an_item_wins),
        cmocka_unit_test(a_login_is_no_choice),
        cmocka_unit_test(ways_to_other_domains_come_and_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

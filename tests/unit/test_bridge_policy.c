#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bridge.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define T0       INT64_C(1796119200000) /* 2026-12-01T10:00:00Z */
#define HOUR     ((gw_utc)GW_HOUR_MS)
#define DAY      ((gw_utc)GW_DAY_MS)

enum { SETTINGS = 4 };

static void set_all(struct bridge_policy *p, const char *const set[SETTINGS][2])
{
    struct gw_err err;

    for (int i = 0; i < SETTINGS && set[i][0]; i++)
        assert_int_equal(bridge_policy_set(p, gw_str_of(set[i][0]), gw_str_of(set[i][1]), &err),
                         GW_OK);
}

/* ---- the mapping: every row ---- */

static const struct {
    const char *name;
    const char *set[SETTINGS][2];
    enum gw_busy busy;
    unsigned char flags;
    bool named;
    enum pres_calendar_kind kind;
    const char *row; /* of the reason */
} row_case[] = {
    /* the product guides' table */
    { "free", { { 0 } }, GW_BUSY_FREE, 0, false, PRES_CAL_FREE, "free" },
    { "tentative", { { 0 } }, GW_BUSY_TENTATIVE, 0, false, PRES_CAL_FREE, "tentative" },
    { "elsewhere",
      { { 0 } },
      GW_BUSY_ELSEWHERE,
      0,
      false,
      PRES_CAL_ELSEWHERE,
      "working-elsewhere" },
    { "busy", { { 0 } }, GW_BUSY_BUSY, 0, false, PRES_CAL_MEETING, "busy" },
    { "oof", { { 0 } }, GW_BUSY_OOF, 0, false, PRES_CAL_AWAY, "oof" },
    { "no data", { { 0 } }, GW_BUSY_NODATA, 0, false, PRES_CAL_FREE, "free" },

    /* each row, set */
    { "free, set", { { "free", "busy" } }, GW_BUSY_FREE, 0, false, PRES_CAL_BUSY, "free" },
    { "tentative, set",
      { { "tentative", "busy" } },
      GW_BUSY_TENTATIVE,
      0,
      false,
      PRES_CAL_BUSY,
      "tentative" },
    { "elsewhere, set",
      { { "working-elsewhere", "away" } },
      GW_BUSY_ELSEWHERE,
      0,
      false,
      PRES_CAL_AWAY,
      "working-elsewhere" },
    { "busy, set", { { "busy", "do-not-disturb" } }, GW_BUSY_BUSY, 0, false, PRES_CAL_DND, "busy" },
    { "oof, set", { { "oof", "out-of-office" } }, GW_BUSY_OOF, 0, false, PRES_CAL_OOF, "oof" },
    { "free all day",
      { { "free+all-day", "working-elsewhere" } },
      GW_BUSY_FREE,
      GW_INTERVAL_ALL_DAY,
      false,
      PRES_CAL_ELSEWHERE,
      "free+all-day" },
    { "free private",
      { { "free+private", "away" } },
      GW_BUSY_FREE,
      GW_INTERVAL_PRIVATE,
      false,
      PRES_CAL_AWAY,
      "free+private" },
    { "free named",
      { { "free+named", "busy" }, { "organisers", "Boss" } },
      GW_BUSY_FREE,
      0,
      true,
      PRES_CAL_BUSY,
      "free+named" },
    { "tentative all day",
      { { "tentative+all-day", "away" } },
      GW_BUSY_TENTATIVE,
      GW_INTERVAL_ALL_DAY,
      false,
      PRES_CAL_AWAY,
      "tentative+all-day" },
    { "tentative private",
      { { "tentative+private", "away" } },
      GW_BUSY_TENTATIVE,
      GW_INTERVAL_PRIVATE,
      false,
      PRES_CAL_AWAY,
      "tentative+private" },
    { "tentative named",
      { { "tentative+named", "in-a-meeting" }, { "organisers", "Boss" } },
      GW_BUSY_TENTATIVE,
      0,
      true,
      PRES_CAL_MEETING,
      "tentative+named" },
    { "elsewhere all day",
      { { "working-elsewhere+all-day", "free" } },
      GW_BUSY_ELSEWHERE,
      GW_INTERVAL_ALL_DAY,
      false,
      PRES_CAL_FREE,
      "working-elsewhere+all-day" },
    { "elsewhere private",
      { { "working-elsewhere+private", "away" } },
      GW_BUSY_ELSEWHERE,
      GW_INTERVAL_PRIVATE,
      false,
      PRES_CAL_AWAY,
      "working-elsewhere+private" },
    { "elsewhere named",
      { { "working-elsewhere+named", "away" }, { "organisers", "Boss" } },
      GW_BUSY_ELSEWHERE,
      0,
      true,
      PRES_CAL_AWAY,
      "working-elsewhere+named" },
    { "busy all day",
      { { "busy+all-day", "away" } },
      GW_BUSY_BUSY,
      GW_INTERVAL_ALL_DAY,
      false,
      PRES_CAL_AWAY,
      "busy+all-day" },
    { "busy private",
      { { "busy+private", "busy" } },
      GW_BUSY_BUSY,
      GW_INTERVAL_PRIVATE,
      false,
      PRES_CAL_BUSY,
      "busy+private" },
    { "busy named",
      { { "busy+named", "do-not-disturb" }, { "organisers", "Boss" } },
      GW_BUSY_BUSY,
      0,
      true,
      PRES_CAL_DND,
      "busy+named" },
    { "oof all day",
      { { "oof+all-day", "out-of-office" } },
      GW_BUSY_OOF,
      GW_INTERVAL_ALL_DAY,
      false,
      PRES_CAL_OOF,
      "oof+all-day" },
    { "oof private",
      { { "oof+private", "busy" } },
      GW_BUSY_OOF,
      GW_INTERVAL_PRIVATE,
      false,
      PRES_CAL_BUSY,
      "oof+private" },
    { "oof named",
      { { "oof+named", "busy" }, { "organisers", "Boss" } },
      GW_BUSY_OOF,
      0,
      true,
      PRES_CAL_BUSY,
      "oof+named" },

    /* which of several */
    { "all day, not set",
      { { "busy", "away" } },
      GW_BUSY_BUSY,
      GW_INTERVAL_ALL_DAY,
      false,
      PRES_CAL_AWAY,
      "busy" },
    { "private before all day",
      { { "busy+all-day", "away" }, { "busy+private", "busy" } },
      GW_BUSY_BUSY,
      GW_INTERVAL_ALL_DAY | GW_INTERVAL_PRIVATE,
      false,
      PRES_CAL_BUSY,
      "busy+private" },
    { "ignored",
      { { "busy+all-day", "ignore" } },
      GW_BUSY_BUSY,
      GW_INTERVAL_ALL_DAY,
      false,
      PRES_CAL_FREE,
      "free" },
    { "named, and private: nobody looks at who has invited",
      { { "busy+named", "away" }, { "organisers", "Boss" } },
      GW_BUSY_BUSY,
      GW_INTERVAL_PRIVATE,
      true,
      PRES_CAL_MEETING,
      "busy" },
};

static struct gw_item item_of(enum gw_busy busy, unsigned char flags)
{
    return (struct gw_item){
        .interval = { .start = T0, .end = T0 + HOUR, .busy = (unsigned char)busy, .flags = flags },
        .attendees = -1
    };
}

static void look(const struct bridge_policy *p, struct gw_item *item, struct bridge_look *out)
{
    item->interval.tag = bridge_policy_tag(p, item);
    bridge_look(
        &(struct bridge_calendar){
            .intervals = &item->interval, .count = 1, .from = T0 - DAY, .to = T0 + DAY },
        p, T0, out);
}

static void test_every_row(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(row_case); i++) {
        struct bridge_policy *p = bridge_policy_new();
        struct gw_item item = item_of(row_case[i].busy, row_case[i].flags);
        struct bridge_look out;

        print_message("%s\n", row_case[i].name);
        set_all(p, row_case[i].set);
        if (row_case[i].named)
            item.organiser = GW_STR("boss");
        look(p, &item, &out);
        assert_int_equal(out.kind, row_case[i].kind);
        assert_string_equal(out.row, row_case[i].row);
        assert_null(out.rule);
        bridge_policy_free(&p);
    }
}

static void test_outside_hours_and_replies(void **state)
{
    static const struct {
        const char *order, *outside;
        enum gw_busy busy;
        bool reply;
        enum pres_calendar_kind kind;
    } c[] = {
        { NULL, NULL, GW_BUSY_FREE, false, PRES_CAL_AWAY },
        { NULL, NULL, GW_BUSY_BUSY, false, PRES_CAL_MEETING },
        { NULL, NULL, GW_BUSY_BUSY, true, PRES_CAL_OOF },
        { NULL, "ignore", GW_BUSY_FREE, false, PRES_CAL_FREE },
        { NULL, "busy \"Closed\"", GW_BUSY_FREE, false, PRES_CAL_BUSY },
        { "outside-hours oof busy automatic-reply working-elsewhere tentative free", NULL,
          GW_BUSY_BUSY, true, PRES_CAL_AWAY },
        { "busy oof automatic-reply outside-hours working-elsewhere tentative free", NULL,
          GW_BUSY_BUSY, true, PRES_CAL_MEETING },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(c); i++) {
        const struct gw_interval outside = { .start = T0 - HOUR, .end = T0 + 9 * HOUR };
        const struct gw_oof oof = { .state = GW_OOF_ENABLED };
        struct bridge_policy *p = bridge_policy_new();
        struct gw_item item = item_of(c[i].busy, 0);
        struct bridge_look out;

        if (c[i].order)
            assert_int_equal(bridge_policy_set(p, GW_STR("order"), gw_str_of(c[i].order), NULL),
                             GW_OK);
        if (c[i].outside)
            assert_int_equal(
                bridge_policy_set(p, GW_STR("outside-hours"), gw_str_of(c[i].outside), NULL),
                GW_OK);
        bridge_look(&(struct bridge_calendar){ .intervals = &item.interval,
                                               .count = 1,
                                               .from = T0 - DAY,
                                               .to = T0 + DAY,
                                               .outside = &outside,
                                               .outside_count = 1,
                                               .oof = c[i].reply ? &oof : NULL },
                    p, T0, &out);
        assert_int_equal(out.kind, c[i].kind);
        assert_int_equal(out.source == BRIDGE_AUTO_REPLY, c[i].kind == PRES_CAL_OOF);
        bridge_policy_free(&p);
    }
}

static void test_bad_settings_change_nothing(void **state)
{
    static const char *const c[][3] = {
        { "busi", "away", "there is no row" },
        { "busy", "", "is missing" },
        { "busy", "asleep", "'asleep' cannot be shown" },
        { "busy", "none", "cannot be shown" },
        { "busy", "away \"x\" y", "'y' at the end" },
        { "busy", "away \"x", "not closed" },
        { "busy", "away \"{when}\"", "no other braces" },
        { "busy", "away \"a\nb\"", "one line" },
        { "free", "ignore", "something must be shown" },
        { "order", "oof busy", "each of" },
        { "order", "automatic-reply oof oof outside-hours working-elsewhere tentative free",
          "each of" },
        { "order", "automatic-reply oof busy outside-hours working-elsewhere tentative free free",
          "each of" },
        { "organisers", "a,,b", "no organiser" },
        { "working-hours", "maybe", "yes or no" },
        { "outside-hours", "out-of-office", "nobody is out of office because" },
    };
    struct bridge_policy *p = bridge_policy_new(), *untouched = bridge_policy_new();
    struct gw_buf a, b;
    struct gw_err err;

    (void)state;
    for (size_t i = 0; i < COUNT(c); i++) {
        err.msg[0] = '\0';
        assert_int_not_equal(bridge_policy_set(p, gw_str_of(c[i][0]), gw_str_of(c[i][1]), &err),
                             GW_OK);
        if (!strstr(err.msg, c[i][2]))
            fail_msg("'%s' = '%s': %s", c[i][0], c[i][1], err.msg);
    }
    gw_buf_init(&a, 10000);
    gw_buf_init(&b, 10000);
    for (size_t i = 0; bridge_setting_key(i); i++) {
        bridge_policy_write(p, i, &a);
        bridge_policy_write(untouched, i, &b);
    }
    assert_true(gw_str_eq(gw_buf_str(&a), gw_buf_str(&b)));
    gw_buf_done(&a);
    gw_buf_done(&b);
    bridge_policy_free(&p);
    bridge_policy_free(&untouched);
}

static void test_settings_are_written_as_they_are_read(void **state)
{
    static const char *const c[][2] = {
        { "busy", "away \"At \\\"it\\\" until {end}\"" },
        { "oof+all-day", "ignore" },
        { "order", "busy oof automatic-reply outside-hours working-elsewhere tentative free" },
        { "organisers", "Big Boss, @customer.example" },
        { "working-hours", "yes" },
    };
    struct bridge_policy *p = bridge_policy_new();

    (void)state;
    for (size_t i = 0; i < COUNT(c); i++) {
        struct gw_buf out;
        size_t key;

        assert_int_equal(bridge_policy_set(p, gw_str_of(c[i][0]), gw_str_of(c[i][1]), NULL), GW_OK);
        assert_true(bridge_setting_find(gw_str_of(c[i][0]), &key));
        gw_buf_init(&out, 1000);
        bridge_policy_write(p, key, &out);
        assert_string_equal(out.p, c[i][1]);
        gw_buf_done(&out);
    }
    assert_true(bridge_policy_has_hours(p));
    bridge_policy_free(&p);
}

/* ---- rules: every field ---- */

static const struct gw_str categories[] = { GW_STR_INIT("Holiday"), GW_STR_INIT("Ｄeep Ｗork") };

/* "Mittagspause" in the canteen, invited by Bea Boss, with 12 people, accepted; 90 minutes. */
static const struct gw_item lunch = {
    .interval = { .start = T0,
                  .end = T0 + 90 * GW_MINUTE_MS,
                  .busy = GW_BUSY_BUSY,
                  .flags = GW_INTERVAL_MEETING },
    .sensitivity = GW_SENSITIVITY_PERSONAL,
    .response = GW_RESPONSE_ACCEPTED,
    .attendees = 12,
    .subject = GW_STR_INIT("Große Mittagspause"),
    .location = GW_STR_INIT("Kantine 2"),
    .calendar = GW_STR_INIT("Kalender für Alle"),
    .organiser = GW_STR_INIT("Bea Boss"),
    .organiser_address = GW_STR_INIT("bea@Customer.example"),
    .categories = categories,
    .category_count = 2,
};

static const struct {
    const char *conditions;
    bool holds, holds_if_private;
} rule_case[] = {
    { "subject = \"GROSSE MITTAGSPAUSE\"", true, false },
    { "subject = mittagspause", false, false },
    { "subject ~ \"mittags\"", true, false },
    { "subject != \"Besprechung\"", true, false },
    { "subject !~ pause", false, false },
    { "location = \"kantine 2\"", true, false },
    { "location ~ kantine", true, false },
    { "location ~ office", false, false },
    { "category = holiday", true, false },
    { "category = \"deep work\"", true, false },
    { "category = deep", false, false },
    { "category ~ deep", true, false },
    { "category !~ deep", false, false },
    { "calendar = \"kalender FÜR alle\"", true, true },
    { "calendar = kalender", false, false },
    { "calendar ~ kalender", true, true },
    { "calendar != Team", true, true },
    { "calendar !~ alle", false, false },
    { "calendar ~ alle and subject ~ pause", true, false },
    { "organiser = \"bea boss\"", true, false },
    { "organiser = \"bea@customer.example\"", true, false },
    { "organiser = \"@customer.example\"", true, false },
    { "organiser = \"@example\"", false, false },
    { "organiser ~ boss", true, false },
    { "organiser != \"Carl\"", true, false },
    { "attendees = 12", true, false },
    { "attendees >= 12", true, false },
    { "attendees >= 13", false, false },
    { "attendees <= 11", false, false },
    { "attendees != 3", true, false },
    { "response = accepted", true, true },
    { "response = tentative", false, false },
    { "response != declined", true, true },
    { "sensitivity = personal", true, true },
    { "sensitivity = private", false, false },
    { "all-day = no", true, true },
    { "all-day = yes", false, false },
    { "meeting = yes", true, true },
    { "duration = 90", true, true },
    { "duration <= 60", false, false },
    { "duration >= 60", true, true },
    { "busy = busy", true, true },
    { "busy != oof", true, true },
    { "subject ~ pause and duration >= 60 and busy = busy", true, false },
    { "subject ~ pause and duration <= 60", false, false },
    { "SUBJECT ~ pause AND Duration >= 60", true, false },
};

static void test_every_rule_field(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rule_case); i++)
        for (int is_private = 0; is_private < 2; is_private++) {
            struct bridge_policy *p = bridge_policy_new();
            struct gw_item item = lunch;
            struct bridge_look out;
            char rule[200];
            struct gw_err err;
            bool holds = is_private ? rule_case[i].holds_if_private : rule_case[i].holds;

            print_message("%s%s\n", rule_case[i].conditions, is_private ? " (private)" : "");
            snprintf(rule, sizeof(rule), "%s => do-not-disturb \"Eats\"", rule_case[i].conditions);
            if (bridge_policy_add_rule(p, 7, GW_STR("eating"), gw_str_of(rule), &err))
                fail_msg("%s", err.msg);
            if (is_private)
                item.interval.flags |= GW_INTERVAL_PRIVATE;
            look(p, &item, &out);
            assert_int_equal(item.interval.tag, holds ? 7 : 0);
            assert_int_equal(out.kind, holds ? PRES_CAL_DND : PRES_CAL_MEETING);
            if (holds)
                assert_string_equal(out.rule, "eating");
            else
                assert_string_equal(out.row, "busy");
            bridge_policy_free(&p);
        }
}

static void test_rules_ask_for_what_they_look_at(void **state)
{
    static const struct {
        const char *rule;
        unsigned needs;
    } c[] = {
        { "subject ~ x => away", GW_ITEM_EXACT | GW_ITEM_SUBJECT },
        { "location ~ x => away", GW_ITEM_EXACT | GW_ITEM_LOCATION },
        { "category = x => away", GW_ITEM_EXACT | GW_ITEM_CATEGORIES },
        { "calendar = x => away", GW_ITEM_EXACT | GW_ITEM_CALENDAR },
        { "organiser = x => away", GW_ITEM_EXACT | GW_ITEM_ORGANISER },
        { "attendees >= 3 => away", GW_ITEM_EXACT | GW_ITEM_ATTENDEES },
        { "response = tentative => away", GW_ITEM_EXACT | GW_ITEM_RESPONSE },
        { "duration >= 3 and all-day = no => away", GW_ITEM_EXACT },
        { "subject ~ x and response = accepted => ignore",
          GW_ITEM_EXACT | GW_ITEM_SUBJECT | GW_ITEM_RESPONSE },
    };
    struct bridge_policy *p = bridge_policy_new();

    (void)state;
    assert_int_equal(bridge_policy_needs(p), 0);
    assert_int_equal(bridge_policy_set(p, GW_STR("busy"), GW_STR("away"), NULL), GW_OK);
    assert_int_equal(bridge_policy_set(p, GW_STR("organisers"), GW_STR("Boss"), NULL), GW_OK);
    assert_int_equal(bridge_policy_needs(p), 0);
    assert_int_equal(bridge_policy_set(p, GW_STR("busy+private"), GW_STR("away"), NULL), GW_OK);
    assert_int_equal(bridge_policy_needs(p), GW_ITEM_EXACT);
    assert_int_equal(bridge_policy_set(p, GW_STR("busy+named"), GW_STR("away"), NULL), GW_OK);
    assert_int_equal(bridge_policy_needs(p), GW_ITEM_EXACT | GW_ITEM_ORGANISER);
    bridge_policy_free(&p);
    for (size_t i = 0; i < COUNT(c); i++) {
        p = bridge_policy_new();
        assert_int_equal(bridge_policy_add_rule(p, 1, GW_STR("r"), gw_str_of(c[i].rule), NULL),
                         GW_OK);
        assert_int_equal(bridge_policy_needs(p), c[i].needs);
        bridge_policy_free(&p);
    }
}

/* What is in a further calendar counts where a rule that names calendars takes it in, and nowhere else;
 * which calendars those are is known before anything of them is read. */
static void test_further_calendars(void **state)
{
    static const struct {
        const char *rule[3];
        const char *calendar;
        bool is_further;
        unsigned short tag;
        bool looks;
    } c[] = {
        { { "subject ~ pause => away" }, "Kalender", false, 1, false },
        { { "subject ~ pause => away" }, "Team", true, 0, false },
        { { "calendar = team => away" }, "Team", true, 1, true },
        { { "calendar = team => away" }, "Kalender", false, 0, false },
        { { "calendar = team => away" }, "Teams", true, 0, false },
        { { "subject ~ pause => ignore", "calendar = team => away" }, "Team", true, 2, true },
        { { "subject ~ pause => ignore", "calendar = team => away" }, "Kalender", false, 1, false },
        { { "calendar = team and subject ~ pause => ignore", "calendar ~ tea => away" },
          "Team",
          true,
          1,
          true },
        { { "calendar = team and subject ~ work => away" }, "Team", true, 0, true },
        { { "calendar ~ a and calendar !~ team => away" }, "A-Team", true, 0, false },
        { { "calendar ~ a and calendar !~ team => away" }, "Alle", true, 1, true },
        { { "calendar != kalender => away" }, "Birthdays", true, 1, true },
        { { "busy = busy => away", "calendar = b => away", "calendar = team => busy" },
          "Team",
          true,
          3,
          true },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(c); i++) {
        struct bridge_policy *p = bridge_policy_new();
        struct gw_item item = lunch;

        assert_int_equal(bridge_policy_set(p, GW_STR("busy+named"), GW_STR("away"), NULL), GW_OK);
        assert_int_equal(bridge_policy_set(p, GW_STR("organisers"), GW_STR("Carl"), NULL), GW_OK);
        for (unsigned k = 0; k < 3 && c[i].rule[k]; k++)
            assert_int_equal(
                bridge_policy_add_rule(p, k + 1, GW_STR("r"), gw_str_of(c[i].rule[k]), NULL),
                GW_OK);
        item.calendar = gw_str_of(c[i].calendar);
        item.is_further = c[i].is_further;
        print_message("%s %s\n", c[i].rule[0], c[i].calendar);
        assert_int_equal(bridge_policy_tag(p, &item), c[i].tag);
        assert_int_equal(bridge_policy_looks_at(p, item.calendar), c[i].looks);
        item.organiser = GW_STR("Carl"); /* whose meetings count: in the own calendar */
        assert_int_equal(bridge_policy_tag(p, &item) > 60000, !c[i].tag && !c[i].is_further);
        bridge_policy_free(&p);
    }
}

static void test_first_match_wins_and_the_stronger_shows(void **state)
{
    struct bridge_policy *p = bridge_policy_new();
    struct gw_item item[2] = { lunch, lunch };
    struct gw_interval v[2];
    struct bridge_calendar cal = { .intervals = v, .count = 2, .from = T0, .to = T0 + DAY };
    struct bridge_look out;

    (void)state;
    assert_int_equal(
        bridge_policy_add_rule(p, 9, GW_STR("a"), GW_STR("subject ~ pause => busy"), NULL), GW_OK);
    assert_int_equal(bridge_policy_add_rule(p, 3, GW_STR("b"),
                                            GW_STR("location ~ kantine => do-not-disturb"), NULL),
                     GW_OK);
    assert_int_equal(bridge_policy_tag(p, &item[0]), 9);
    item[1].subject = GW_STR("x");
    assert_int_equal(bridge_policy_tag(p, &item[1]), 3);

    /* of one strength: a rule before none, an earlier rule before a later one */
    v[0] = item[0].interval;
    v[1] = item[0].interval;
    v[1].tag = 3;
    bridge_look(&cal, p, T0, &out);
    assert_string_equal(out.rule, "b");
    v[0].tag = 9;
    bridge_look(&cal, p, T0, &out);
    assert_string_equal(out.rule, "a");
    /* an item of a stronger kind is shown all the same */
    v[1] = (struct gw_interval){ .start = T0, .end = T0 + HOUR, .busy = GW_BUSY_OOF };
    bridge_look(&cal, p, T0, &out);
    assert_int_equal(out.kind, PRES_CAL_AWAY);
    /* a number that no rule has any more: the table */
    v[1] = v[0];
    v[0].tag = v[1].tag = 55;
    bridge_look(&cal, p, T0, &out);
    assert_int_equal(out.kind, PRES_CAL_MEETING);
    bridge_policy_free(&p);
}

static void test_bad_rules_say_why(void **state)
{
    static const char *const c[][2] = {
        { "", "nothing that a rule can look at" },
        { "=> away", "nothing that a rule can look at" },
        { "colour = red => away", "'colour' is nothing" },
        { "body ~ x => away", "'body' is nothing" },
        { "subject => away", "subject is followed by" },
        { "subject <= 3 => away", "subject is followed by =" },
        { "attendees ~ 3 => away", "attendees is followed by" },
        { "attendees = many => away", "compared with a number" },
        { "attendees = -1 => away", "compared with a number" },
        { "response = perhaps => away", "response is never 'perhaps'" },
        { "all-day = x => away", "all-day is never 'x'" },
        { "subject ~ \"\" => away", "is empty" },
        { "subject ~ \"x => away", "not closed" },
        { "subject ~ => away", "in double quotes" },
        { "subject ~ x away", "'and' with another one" },
        { "subject ~ x and => away", "nothing that a rule" },
        { "subject ~ x =>", "is missing" },
        { "subject ~ x => asleep", "'asleep' cannot be shown" },
        { "subject ~ x => ignore \"y\"", "at the end" },
        { "subject ~ x => away \"{subject}\"", "no other braces" },
    };
    char many[BRIDGE_SETTING_MAX + 2];
    struct gw_err err;

    (void)state;
    for (size_t i = 0; i < COUNT(c); i++) {
        assert_int_equal(bridge_rule_check(gw_str_of(c[i][0]), &err), GW_INVALID);
        if (!strstr(err.msg, c[i][1]))
            fail_msg("'%s': %s", c[i][0], err.msg);
    }
    memset(many, 'x', sizeof(many));
    assert_int_equal(bridge_rule_check((struct gw_str){ many, sizeof(many) }, &err), GW_INVALID);
    assert_int_equal(bridge_rule_check(GW_STR("subject ~ \"\xff\" => away"), &err), GW_INVALID);
    many[0] = '\0';
    for (int i = 0; i < 13; i++)
        strncat(many, i ? " and busy=busy" : "busy=busy", sizeof(many) - strlen(many) - 1);
    strncat(many, "=>away", sizeof(many) - strlen(many) - 1);
    assert_int_equal(bridge_rule_check(gw_str_of(many), &err), GW_INVALID);
    assert_non_null(strstr(err.msg, "at most 12"));
}

static void test_marks_are_of_what_tags_mean(void **state)
{
    static const char *const rule[] = { "subject ~ a => away", "subject ~ a => busy \"x\"",
                                        "subject ~ b => away" };
    uint32_t mark[3];

    (void)state;
    for (int i = 0; i < 3; i++) {
        struct bridge_policy *p = bridge_policy_new();

        assert_int_equal(bridge_policy_mark(p), 0);
        assert_int_equal(bridge_policy_add_rule(p, 1, GW_STR("r"), gw_str_of(rule[i]), NULL),
                         GW_OK);
        mark[i] = bridge_policy_mark(p);
        bridge_policy_free(&p);
    }
    assert_int_equal(mark[0], mark[1]); /* another result needs no reading */
    assert_int_not_equal(mark[0], mark[2]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row),
        cmocka_unit_test(test_outside_hours_and_replies),
        cmocka_unit_test(test_bad_settings_change_nothing),
        cmocka_unit_test(test_settings_are_written_as_they_are_read),
        cmocka_unit_test(test_every_rule_field),
        cmocka_unit_test(test_rules_ask_for_what_they_look_at),
        cmocka_unit_test(test_further_calendars),
        cmocka_unit_test(test_first_match_wins_and_the_stronger_shows),
        cmocka_unit_test(test_bad_rules_say_why),
        cmocka_unit_test(test_marks_are_of_what_tags_mean),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bridge.h"

#define MIN  ((gw_utc)GW_MINUTE_MS)
#define HOUR ((gw_utc)GW_HOUR_MS)
#define T0   INT64_C(1796083200000) /* 2026-12-01T00:00:00Z */
#define DAY  ((gw_utc)GW_DAY_MS)

enum { ITEMS_MAX = 8 };

static struct bridge_policy *guides;
static struct bridge_texts *texts;
static struct bridge_voice *english;

static int set_up(void **state)
{
    (void)state;
    guides = bridge_policy_new();
    texts = bridge_texts_new();
    english = bridge_voice_new(texts, GW_STR("en"), GW_STR("Etc/UTC"));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    bridge_voice_free(&english);
    bridge_texts_free(&texts);
    bridge_policy_free(&guides);
    return 0;
}

struct item {
    int start_min, end_min; /* from T0 */
    enum gw_busy busy;
};

static size_t items_of(const struct item *item, struct gw_interval out[ITEMS_MAX])
{
    size_t n = 0;

    for (; n < ITEMS_MAX && item[n].end_min; n++)
        out[n] = (struct gw_interval){ .start = T0 + item[n].start_min * MIN,
                                       .end = T0 + item[n].end_min * MIN,
                                       .busy = (unsigned char)item[n].busy };
    return gw_intervals_normalise(out, n);
}

static const struct {
    const char *name;
    struct item item[ITEMS_MAX];
    int at_min;
    enum pres_calendar_kind kind;
    const char *text;
    enum bridge_source source;
    int since_min, until_min; /* -1: not known */
} presence_case[] = {
    { "nothing", { { 0 } }, 600, PRES_CAL_FREE, "", BRIDGE_FREE, -1, -1 },
    { "before", { { 600, 660, GW_BUSY_BUSY } }, 599, PRES_CAL_FREE, "", BRIDGE_FREE, -1, 600 },
    { "at its start",
      { { 600, 660, GW_BUSY_BUSY } },
      600,
      PRES_CAL_MEETING,
      "In a meeting until 11:00",
      BRIDGE_INTERVAL,
      600,
      660 },
    { "half-open: its end is over",
      { { 600, 660, GW_BUSY_BUSY } },
      660,
      PRES_CAL_FREE,
      "",
      BRIDGE_FREE,
      660,
      -1 },
    { "tentative",
      { { 600, 660, GW_BUSY_TENTATIVE } },
      610,
      PRES_CAL_FREE,
      "",
      BRIDGE_INTERVAL,
      -1,
      -1 },
    { "elsewhere",
      { { 600, 660, GW_BUSY_ELSEWHERE } },
      610,
      PRES_CAL_ELSEWHERE,
      "Working elsewhere until 11:00",
      BRIDGE_INTERVAL,
      600,
      660 },
    { "away",
      { { 600, 660, GW_BUSY_OOF } },
      610,
      PRES_CAL_AWAY,
      "Away until 11:00",
      BRIDGE_INTERVAL,
      600,
      660 },
    { "no data contributes nothing",
      { { 600, 660, GW_BUSY_NODATA } },
      610,
      PRES_CAL_FREE,
      "",
      BRIDGE_FREE,
      -1,
      -1 },
    { "all-day free item",
      { { 0, 1440, GW_BUSY_FREE } },
      610,
      PRES_CAL_FREE,
      "",
      BRIDGE_FREE,
      -1,
      -1 },
    { "strongest of two",
      { { 600, 660, GW_BUSY_BUSY }, { 600, 630, GW_BUSY_OOF } },
      610,
      PRES_CAL_AWAY,
      "Away until 10:30",
      BRIDGE_INTERVAL,
      600,
      630 },
    { "nested does not cut the outer",
      { { 600, 720, GW_BUSY_BUSY }, { 620, 640, GW_BUSY_BUSY } },
      650,
      PRES_CAL_MEETING,
      "In a meeting until 12:00",
      BRIDGE_INTERVAL,
      600,
      720 },
    { "back to back is one stretch",
      { { 600, 660, GW_BUSY_BUSY }, { 660, 690, GW_BUSY_BUSY }, { 690, 720, GW_BUSY_BUSY } },
      670,
      PRES_CAL_MEETING,
      "In a meeting until 12:00",
      BRIDGE_INTERVAL,
      600,
      720 },
    { "overlapping is one stretch",
      { { 600, 660, GW_BUSY_BUSY }, { 650, 720, GW_BUSY_BUSY } },
      655,
      PRES_CAL_MEETING,
      "In a meeting until 12:00",
      BRIDGE_INTERVAL,
      600,
      720 },
    { "weaker below a stronger",
      { { 600, 720, GW_BUSY_ELSEWHERE }, { 620, 640, GW_BUSY_BUSY } },
      645,
      PRES_CAL_ELSEWHERE,
      "Working elsewhere until 12:00",
      BRIDGE_INTERVAL,
      640,
      720 },
    { "free between",
      { { 600, 660, GW_BUSY_BUSY }, { 700, 720, GW_BUSY_BUSY } },
      680,
      PRES_CAL_FREE,
      "",
      BRIDGE_FREE,
      660,
      700 },
    { "after the window",
      { { 600, 660, GW_BUSY_BUSY } },
      3 * 1440,
      PRES_CAL_NONE,
      "",
      BRIDGE_NOTHING,
      -1,
      -1 },
    { "before the window",
      { { 600, 660, GW_BUSY_BUSY } },
      -1441,
      PRES_CAL_NONE,
      "",
      BRIDGE_NOTHING,
      -1,
      -1 },
    { "known beyond the window",
      { { 600, 5 * 1440, GW_BUSY_OOF } },
      4 * 1440,
      PRES_CAL_AWAY,
      "Away until Sun, Dec 6, 00:00",
      BRIDGE_INTERVAL,
      600,
      5 * 1440 },
    { "began before the window",
      { { -3 * 1440, 660, GW_BUSY_OOF } },
      600,
      PRES_CAL_AWAY,
      "Away until Tue, Dec 1, 11:00",
      BRIDGE_INTERVAL,
      -3 * 1440,
      660 },
};

static void test_presence_of_items(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(presence_case) / sizeof(presence_case[0]); i++) {
        struct gw_interval v[ITEMS_MAX];
        struct bridge_calendar cal = { .intervals = v,
                                       .count = items_of(presence_case[i].item, v),
                                       .from = T0 - DAY,
                                       .to = T0 + 3 * DAY,
                                       .oof = NULL };
        struct pres_calendar p;
        struct bridge_look why;
        gw_utc since = presence_case[i].since_min == -1 ? 0 : T0 + presence_case[i].since_min * MIN;
        gw_utc until =
            presence_case[i].until_min == -1 ? GW_NEVER : T0 + presence_case[i].until_min * MIN;

        print_message("%s\n", presence_case[i].name);
        bridge_presence(&cal, guides, english, T0 + presence_case[i].at_min * MIN, &p, &why);
        assert_int_equal(p.kind, presence_case[i].kind);
        assert_string_equal(p.text[PRES_WORDS_OWN], presence_case[i].text);
        assert_int_equal(why.source, presence_case[i].source);
        assert_int_equal(p.since, since);
        assert_int_equal(p.until, until);
        assert_int_equal(why.since, since);
        assert_int_equal(why.until, until);
    }
}

static void test_reason_names_the_item(void **state)
{
    const struct item item[ITEMS_MAX] = { { 600, 700, GW_BUSY_BUSY }, { 650, 720, GW_BUSY_OOF } };
    struct gw_interval v[ITEMS_MAX];
    struct bridge_calendar cal = {
        .intervals = v, .count = items_of(item, v), .from = T0, .to = T0 + DAY, .oof = NULL
    };
    struct pres_calendar p;
    struct bridge_look why;

    (void)state;
    bridge_presence(&cal, guides, english, T0 + 660 * MIN, &p, &why);
    assert_int_equal(why.interval.busy, GW_BUSY_OOF);
    assert_int_equal(why.interval.start, T0 + 650 * MIN);
    assert_int_equal(why.interval.end, T0 + 720 * MIN);
}

static const struct {
    const char *name;
    struct gw_oof oof;
    bool meeting, hidden;
    enum pres_calendar_kind kind;
    const char *text;
} oof_case[] = {
    { "off", { GW_OOF_DISABLED, T0, T0 + DAY }, false, false, PRES_CAL_FREE, "" },
    { "on, old dates do not count",
      { GW_OOF_ENABLED, T0, T0 + HOUR },
      false,
      false,
      PRES_CAL_OOF,
      "Out of office" },
    { "scheduled",
      { GW_OOF_SCHEDULED, T0, T0 + DAY },
      false,
      false,
      PRES_CAL_OOF,
      "Out of office from Tue, Dec 1, 00:00 to Wed, Dec 2, 00:00 (UTC)" },
    { "over", { GW_OOF_SCHEDULED, T0 - DAY, T0 }, false, false, PRES_CAL_FREE, "" },
    { "to come", { GW_OOF_SCHEDULED, T0 + 13 * HOUR, T0 + DAY }, false, false, PRES_CAL_FREE, "" },
    { "wins over a meeting", { GW_OOF_ENABLED, 0, 0 }, true, false, PRES_CAL_OOF, "Out of office" },
    { "hidden", { GW_OOF_ENABLED, 0, 0 }, false, true, PRES_CAL_FREE, "" },
    { "hidden in a meeting",
      { GW_OOF_SCHEDULED, T0, T0 + DAY },
      true,
      true,
      PRES_CAL_MEETING,
      "In a meeting until 12:40" },
};

static void test_automatic_replies(void **state)
{
    const struct item item[ITEMS_MAX] = { { 700, 760, GW_BUSY_BUSY } };
    struct gw_interval v[ITEMS_MAX];
    size_t n = items_of(item, v);

    (void)state;
    for (size_t i = 0; i < sizeof(oof_case) / sizeof(oof_case[0]); i++) {
        struct bridge_calendar cal = {
            .intervals = v, .count = n, .from = T0, .to = T0 + 2 * DAY, .oof = &oof_case[i].oof
        };
        struct pres_calendar p;
        struct bridge_look why;

        print_message("%s\n", oof_case[i].name);
        if (oof_case[i].hidden)
            cal.oof = NULL;
        bridge_presence(&cal, guides, english, T0 + (oof_case[i].meeting ? 710 : 690) * MIN, &p,
                        &why);
        assert_int_equal(p.kind, oof_case[i].kind);
        assert_string_equal(p.text[PRES_WORDS_OWN], oof_case[i].text);
        assert_int_equal(why.source == BRIDGE_AUTO_REPLY, oof_case[i].kind == PRES_CAL_OOF);
        if (why.source == BRIDGE_AUTO_REPLY)
            assert_int_equal(why.oof.state, oof_case[i].oof.state);
    }
}

static void test_replies_without_a_calendar(void **state)
{
    const struct gw_oof oof = { GW_OOF_SCHEDULED, T0, T0 + DAY };
    const struct bridge_calendar cal = { .oof = &oof };
    struct pres_calendar p;

    (void)state;
    bridge_presence(&cal, guides, english, T0 + HOUR, &p, NULL);
    assert_int_equal(p.kind, PRES_CAL_OOF);
    assert_int_equal(p.since, T0);
    assert_int_equal(p.until, T0 + DAY);
    bridge_presence(&cal, guides, english, T0 + DAY, &p, NULL);
    assert_int_equal(p.kind, PRES_CAL_NONE);
}

static void test_policy_rows_can_be_changed(void **state)
{
    const struct item item[ITEMS_MAX] = { { 600, 660, GW_BUSY_TENTATIVE },
                                          { 600, 660, GW_BUSY_OOF } };
    struct gw_interval v[ITEMS_MAX];
    struct bridge_calendar cal = {
        .intervals = v, .count = items_of(item, v), .from = T0, .to = T0 + DAY, .oof = NULL
    };
    struct bridge_policy *policy = bridge_policy_new();
    struct pres_calendar p;

    (void)state;
    assert_int_equal(
        bridge_policy_set(policy, GW_STR("tentative"), GW_STR("in-a-meeting \"Perhaps\""), NULL),
        GW_OK);
    assert_int_equal(bridge_policy_set(policy, GW_STR("order"),
                                       GW_STR("automatic-reply tentative oof busy outside-hours "
                                              "working-elsewhere free"),
                                       NULL),
                     GW_OK);
    bridge_presence(&cal, policy, english, T0 + 10 * HOUR, &p, NULL);
    assert_int_equal(p.kind, PRES_CAL_MEETING);
    assert_string_equal(p.text[PRES_WORDS_OWN], "Perhaps");
    assert_string_equal(p.text[PRES_WORDS_TIMES], "In a meeting until 11:00");
    assert_string_equal(p.text[PRES_WORDS_BUSY], "Busy");
    bridge_policy_free(&policy);
}

static void test_long_text_is_cut_between_characters(void **state)
{
    const struct gw_oof oof = { GW_OOF_ENABLED, 0, 0 };
    struct bridge_calendar cal = { .from = T0, .to = T0 + DAY, .oof = &oof };
    char text[PRES_TEXT_MAX + 8];
    struct pres_calendar p;

    (void)state;
    memset(text, 'a', sizeof(text));
    for (size_t i = PRES_TEXT_MAX - 20; i + 2 < sizeof(text); i += 2)
        memcpy(&text[i], "\xc3\xa4", 2);
    cal.reply_own = (struct gw_str){ text, sizeof(text) - 1 };
    for (int i = 0; i < 2; i++, cal.reply_own.p++) {
        bridge_presence(&cal, guides, english, T0, &p, NULL);
        assert_in_range(strlen(p.text[PRES_WORDS_OWN]), PRES_TEXT_MAX - 2, PRES_TEXT_MAX - 1);
        assert_true(gw_str_is_utf8(gw_str_of(p.text[PRES_WORDS_OWN])));
    }
    assert_string_equal(p.text[PRES_WORDS_FEDERATED], "Out of office");
}

/* What a watcher sees: kind and text. */
static bool looks_alike(const struct pres_calendar *a, const struct pres_calendar *b)
{
    return a->kind == b->kind && strcmp(a->text[PRES_WORDS_OWN], b->text[PRES_WORDS_OWN]) == 0;
}

/* Every moment of random calendars: since and until enclose it, and nothing changes between. */
static void test_stretch_agrees_with_presence(void **state)
{
    uint32_t r = 12345;

    (void)state;
    for (int round = 0; round < 100; round++) {
        struct gw_interval v[ITEMS_MAX];
        struct bridge_calendar cal = {
            .intervals = v, .count = 0, .from = T0, .to = T0 + HOUR, .oof = NULL
        };

        for (int i = 0; i < ITEMS_MAX; i++) {
            r = r * 1664525u + 1013904223u;
            v[i] = (struct gw_interval){ .start = T0 + (r >> 8) % 60 * MIN,
                                         .busy = (unsigned char)((r >> 20) % 6) };
            v[i].end = v[i].start + (r >> 26) % 20 * MIN;
        }
        cal.count = gw_intervals_normalise(v, ITEMS_MAX);
        for (int t = 0; t < 60; t++) {
            struct pres_calendar p, q;

            bridge_presence(&cal, guides, english, T0 + t * MIN, &p, NULL);
            assert_true(p.since <= T0 + t * MIN && p.until > T0 + t * MIN);
            for (int u = 0; u < 60; u++) {
                gw_utc at = T0 + u * MIN;

                bridge_presence(&cal, guides, english, at, &q, NULL);
                if (at >= p.since && at < p.until)
                    assert_true(looks_alike(&p, &q));
                if (at == p.until || at == p.since - MIN)
                    assert_false(looks_alike(&p, &q));
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_presence_of_items),
        cmocka_unit_test(test_reason_names_the_item),
        cmocka_unit_test(test_automatic_replies),
        cmocka_unit_test(test_replies_without_a_calendar),
        cmocka_unit_test(test_policy_rows_can_be_changed),
        cmocka_unit_test(test_long_text_is_cut_between_characters),
        cmocka_unit_test(test_stretch_agrees_with_presence),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bridge.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static gw_utc at(const char *text)
{
    gw_utc t;

    assert_int_equal(gw_utc_parse(gw_str_of(text), &t, NULL), GW_OK);
    return t;
}

/* ---- what is said: golden texts. Two languages, five zones, over the changes of daylight saving */

enum what { MEETING, ELSEWHERE, AWAY, REPLY, REPLY_ALWAYS };

static const struct {
    const char *language, *zone;
    enum what what;
    const char *start, *end, *now, *text;
} golden[] = {
    { "en", "Etc/UTC", MEETING, "2026-12-01T10:00:00Z", "2026-12-01T11:30:00Z",
      "2026-12-01T10:00:00Z", "In a meeting until 11:30" },
    { "ja", "Asia/Tokyo", MEETING, "2026-12-01T05:00:00Z", "2026-12-01T06:00:00Z",
      "2026-12-01T05:30:00Z", "15:00まで会議中" },
    { "ja", "Asia/Tokyo", ELSEWHERE, "2026-12-01T00:00:00Z", "2026-12-02T00:00:00Z",
      "2026-12-01T05:30:00Z", "12月2日(水) 9:00まで別の場所で勤務中" },
    { "en", "America/New_York", AWAY, "2026-12-01T22:00:00Z", "2026-12-02T03:00:00Z",
      "2026-12-02T02:00:00Z", "Away until 22:00" },
    { "en", "Australia/Lord_Howe", MEETING, "2026-12-01T22:00:00Z", "2026-12-02T03:00:00Z",
      "2026-12-02T02:00:00Z", "In a meeting until 14:00" },
    { "ja", "America/New_York", AWAY, "2026-12-01T22:00:00Z", "2026-12-02T03:00:00Z",
      "2026-12-02T02:00:00Z", "22:00まで外出中" },
    /* over midnight, and to it: with its day, so that it stays right */
    { "en", "Europe/Berlin", MEETING, "2026-12-01T22:00:00Z", "2026-12-02T00:30:00Z",
      "2026-12-01T22:10:00Z", "In a meeting until Wed, Dec 2, 01:30" },
    { "en", "Europe/Berlin", MEETING, "2026-12-01T21:00:00Z", "2026-12-01T23:00:00Z",
      "2026-12-01T22:10:00Z", "In a meeting until Wed, Dec 2, 00:00" },
    /* the hour that is there twice, and the one that is not there */
    { "en", "Europe/Berlin", MEETING, "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z",
      "2026-10-25T01:00:00Z", "In a meeting until 02:30" },
    { "en", "Europe/Berlin", MEETING, "2027-03-28T00:30:00Z", "2027-03-28T01:30:00Z",
      "2027-03-28T01:00:00Z", "In a meeting until 03:30" },
    { "en", "Australia/Lord_Howe", MEETING, "2027-04-03T14:30:00Z", "2027-04-03T15:30:00Z",
      "2027-04-03T15:00:00Z", "In a meeting until 02:00" },

    /* automatic replies */
    { "en", "Etc/UTC", REPLY_ALWAYS, NULL, NULL, "2026-12-01T10:00:00Z", "Out of office" },
    { "ja", "Asia/Tokyo", REPLY_ALWAYS, NULL, NULL, "2026-12-01T10:00:00Z", "不在" },
    { "en", "Europe/Berlin", REPLY, "2026-11-20T08:00:00Z", "2026-12-04T16:00:00Z",
      "2026-12-01T10:00:00Z",
      "Out of office from Fri, Nov 20, 09:00 to Fri, Dec 4, 17:00 (GMT+1)" },
    { "ja", "Asia/Tokyo", REPLY, "2026-11-20T00:00:00Z", "2026-12-04T09:00:00Z",
      "2026-12-01T10:00:00Z", "11月20日(金) 9:00から12月4日(金) 18:00まで不在（JST）" },
    /* that ends today */
    { "en", "Asia/Kolkata", REPLY, "2026-12-01T03:30:00Z", "2026-12-01T12:30:00Z",
      "2026-12-01T10:00:00Z", "Out of office from 09:00 to 18:00 (GMT+5:30)" },
    { "ja", "Europe/Berlin", REPLY, "2026-12-01T07:00:00Z", "2026-12-01T16:00:00Z",
      "2026-12-01T10:00:00Z", "8:00から17:00まで不在（GMT+1）" },
    /* over a change of daylight saving, and over the end of a year */
    { "en", "Europe/Berlin", REPLY, "2027-03-22T08:00:00Z", "2027-04-02T15:00:00Z",
      "2027-03-25T10:00:00Z",
      "Out of office from Mon, Mar 22, 09:00 to Fri, Apr 2, 17:00 (Germany Time)" },
    { "en", "America/New_York", REPLY, "2026-10-30T21:00:00Z", "2026-11-03T14:00:00Z",
      "2026-11-02T10:00:00Z", "Out of office from Fri, Oct 30, 17:00 to Tue, Nov 3, 09:00 (ET)" },
    { "ja", "Australia/Lord_Howe", REPLY, "2027-04-01T00:00:00Z", "2027-04-05T00:00:00Z",
      "2027-04-02T10:00:00Z", "4月1日(木) 11:00から4月5日(月) 10:30まで不在（ロードハウ時間）" },
    { "en", "Etc/UTC", REPLY, "2026-12-24T12:00:00Z", "2027-01-04T08:00:00Z",
      "2026-12-30T10:00:00Z",
      "Out of office from Thu, Dec 24, 2026, 12:00 to Mon, Jan 4, 2027, 08:00 (UTC)" },
};

static void test_golden(void **state)
{
    struct bridge_texts *texts = bridge_texts_new();
    struct bridge_policy *policy = bridge_policy_new();

    (void)state;
    for (size_t i = 0; i < COUNT(golden); i++) {
        static const enum gw_busy busy[] = { GW_BUSY_BUSY, GW_BUSY_ELSEWHERE, GW_BUSY_OOF };
        gw_utc now = at(golden[i].now);
        bool reply = golden[i].what >= REPLY;
        struct gw_oof oof = { .state = GW_OOF_ENABLED };
        struct gw_interval v = { 0 };
        struct bridge_calendar cal = { .intervals = &v,
                                       .count = !reply,
                                       .from = now - 3 * (gw_utc)GW_DAY_MS,
                                       .to = now + 3 * (gw_utc)GW_DAY_MS,
                                       .oof = reply ? &oof : NULL };
        struct bridge_voice *voice =
            bridge_voice_new(texts, gw_str_of(golden[i].language), gw_str_of(golden[i].zone));
        struct pres_calendar told;

        if (golden[i].what == REPLY)
            oof = (struct gw_oof){ GW_OOF_SCHEDULED, at(golden[i].start), at(golden[i].end) };
        if (!reply)
            v = (struct gw_interval){ .start = at(golden[i].start),
                                      .end = at(golden[i].end),
                                      .busy = (unsigned char)busy[golden[i].what] };
        bridge_presence(&cal, policy, voice, now, &told, NULL);
        assert_string_equal(told.text[PRES_WORDS_OWN], golden[i].text);
        assert_string_equal(told.text[PRES_WORDS_TIMES], golden[i].text);
        bridge_voice_free(&voice);
    }
    bridge_policy_free(&policy);
    bridge_texts_free(&texts);
}

static void told_of(const char *row, const char *text_set, const char *reply,
                    struct pres_calendar *out)
{
    const gw_utc now = at("2026-12-01T10:00:00Z");
    const struct gw_interval v[] = {
        { .start = now, .end = now + GW_HOUR_MS, .busy = GW_BUSY_BUSY },
        { .start = now + GW_HOUR_MS, .end = now + 3 * GW_HOUR_MS, .busy = GW_BUSY_OOF },
    };
    const struct gw_oof oof = { .state = GW_OOF_ENABLED };
    struct bridge_calendar cal = { .intervals = v,
                                   .count = 2,
                                   .from = now - GW_DAY_MS,
                                   .to = now + GW_DAY_MS,
                                   .oof = reply ? &oof : NULL };
    struct bridge_texts *texts = bridge_texts_new();
    struct bridge_policy *policy = bridge_policy_new();
    struct bridge_voice *voice;

    cal.reply_own = gw_str_of(reply);
    if (row)
        assert_int_equal(bridge_policy_set(policy, GW_STR("busy"), gw_str_of(row), NULL), GW_OK);
    if (text_set) {
        const struct gw_str pattern = gw_str_of(text_set);

        assert_int_equal(
            bridge_texts_set(texts, GW_STR("en-GB"), BRIDGE_TEXT_MEETING_TIMED, &pattern, NULL),
            GW_OK);
    }
    voice = bridge_voice_new(texts, GW_STR("en"), GW_STR("Etc/UTC"));
    bridge_presence(&cal, policy, voice, now, out, NULL);
    bridge_voice_free(&voice);
    bridge_policy_free(&policy);
    bridge_texts_free(&texts);
}

static void test_levels(void **state)
{
    static const struct {
        const char *row, *text, *reply, *words[PRES_WORDS_COUNT];
    } c[] = {
        { NULL,
          NULL,
          NULL,
          { "Busy", "In a meeting until 11:00", "In a meeting until 11:00",
            "In a meeting until 11:00" } },
        { "in-a-meeting \"Project X, {start} to {end}\"",
          NULL,
          NULL,
          { "Busy", "In a meeting until 11:00", "Project X, 10:00 to 11:00",
            "Project X, 10:00 to 11:00" } },
        { "in-a-meeting \"\"", NULL, NULL, { "Busy", "In a meeting until 11:00", "", "" } },
        { NULL,
          "Back at {free} ({zone})",
          NULL,
          { "Busy", "Back at 13:00 (UTC)", "Back at 13:00 (UTC)", "Back at 13:00 (UTC)" } },
        { "free", NULL, NULL, { "", "", "", "" } },
        { "working-elsewhere",
          NULL,
          NULL,
          { "", "Working elsewhere until 11:00", "Working elsewhere until 11:00",
            "Working elsewhere until 11:00" } },
        { NULL,
          NULL,
          "Ask Bob",
          { "Busy", "Out of office", "Out of office: Ask Bob", "Out of office" } },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(c); i++) {
        struct pres_calendar told;

        told_of(c[i].row, c[i].text, c[i].reply, &told);
        for (int level = 0; level < PRES_WORDS_COUNT; level++)
            assert_string_equal(told.text[level], c[i].words[level]);
    }
}

static void test_ahead(void **state)
{
    struct pres_calendar told;
    gw_utc now = at("2026-12-01T10:00:00Z");

    (void)state;
    told_of(NULL, NULL, NULL, &told);
    assert_int_equal(told.ahead_count, 1);
    assert_int_equal(told.ahead[0].kind, PRES_CAL_AWAY);
    assert_int_equal(told.ahead[0].since, now + GW_HOUR_MS);
    assert_int_equal(told.ahead[0].until, now + 3 * GW_HOUR_MS);
    assert_int_equal(told.item_since, now);
    assert_int_equal(told.item_until, now + GW_HOUR_MS);
}

/* ---- patterns and languages */

static void test_patterns(void **state)
{
    static const struct {
        const char *pattern;
        bool timed;
        const char *why; /* NULL: it is one */
    } c[] = {
        { "", false, NULL },
        { "Away", false, NULL },
        { "不在", false, NULL },
        { "{start}{end}{free}{zone}", true, NULL },
        { "until {end}", false, "cannot use {end}" },
        { "until {End}", true, "no other braces" },
        { "until {end", true, "no other braces" },
        { "until end}", true, "no other braces" },
        { "{}", true, "no other braces" },
        { "{0}", true, "no other braces" },
        { "a\tb", true, "one line" },
        { "\xff", true, "one line" },
    };
    char longest[BRIDGE_PATTERN_MAX + 1];
    struct gw_err err;

    (void)state;
    for (size_t i = 0; i < COUNT(c); i++) {
        enum gw_code rc = bridge_pattern_check(gw_str_of(c[i].pattern), c[i].timed, &err);

        assert_int_equal(rc, c[i].why ? GW_INVALID : GW_OK);
        if (c[i].why && !strstr(err.msg, c[i].why))
            fail_msg("'%s': %s", c[i].pattern, err.msg);
    }
    memset(longest, 'x', sizeof(longest));
    assert_int_equal(
        bridge_pattern_check((struct gw_str){ longest, BRIDGE_PATTERN_MAX }, true, &err), GW_OK);
    assert_int_equal(bridge_pattern_check((struct gw_str){ longest, sizeof(longest) }, true, &err),
                     GW_INVALID);
}

static void test_languages(void **state)
{
    const struct gw_str abwesend = GW_STR("Abwesend"), gone = GW_STR("Gone");
    struct bridge_texts *t = bridge_texts_new();
    struct gw_err err;

    (void)state;
    assert_true(bridge_texts_speaks(t, GW_STR("ja-JP")));
    assert_false(bridge_texts_speaks(t, GW_STR("de")));
    assert_string_equal(bridge_texts_get(t, GW_STR("de"), BRIDGE_TEXT_AWAY), "Away");
    assert_int_equal(bridge_texts_set(t, GW_STR("de-AT"), BRIDGE_TEXT_AWAY, &abwesend, &err),
                     GW_OK);
    assert_true(bridge_texts_speaks(t, GW_STR("DE")));
    assert_string_equal(bridge_texts_get(t, GW_STR("de"), BRIDGE_TEXT_AWAY), "Abwesend");
    /* what it lacks is English, as it is set */
    assert_int_equal(bridge_texts_set(t, GW_STR("en"), BRIDGE_TEXT_OOF, &gone, &err), GW_OK);
    assert_string_equal(bridge_texts_get(t, GW_STR("de"), BRIDGE_TEXT_OOF), "Gone");
    assert_string_equal(bridge_texts_get(t, GW_STR("ja"), BRIDGE_TEXT_OOF), "不在");
    assert_int_equal(bridge_texts_set(t, GW_STR("de"), BRIDGE_TEXT_AWAY, NULL, &err), GW_OK);
    assert_false(bridge_texts_speaks(t, GW_STR("de")));
    assert_int_equal(bridge_texts_set(t, GW_STR("klingon"), BRIDGE_TEXT_AWAY, &gone, &err),
                     GW_INVALID);
    assert_int_equal(bridge_texts_set(t, GW_STR(""), BRIDGE_TEXT_AWAY, &gone, &err), GW_INVALID);
    for (char c = 'a'; c <= 'z' && bridge_texts_language(t, BRIDGE_LANGUAGES_MAX - 1) == NULL; c++)
        for (char d = 'a'; d <= 'b'; d++) {
            char name[] = { 'q', c, d, '\0' };

            (void)bridge_texts_set(t, gw_str_of(name), BRIDGE_TEXT_AWAY, &gone, &err);
        }
    assert_int_equal(bridge_texts_set(t, GW_STR("zz"), BRIDGE_TEXT_AWAY, &gone, &err), GW_LIMIT);
    bridge_texts_free(&t);
}

static void test_zones(void **state)
{
    struct gw_buf machine;

    (void)state;
    assert_true(bridge_zone_is_known(GW_STR("Europe/Berlin")));
    assert_true(bridge_zone_is_known(GW_STR("Etc/UTC")));
    assert_false(bridge_zone_is_known(GW_STR("Europe/Atlantis")));
    assert_false(bridge_zone_is_known(GW_STR("")));
    gw_buf_init(&machine, 200);
    bridge_zone_of_machine(&machine);
    assert_true(machine.len > 0);
    gw_buf_done(&machine);
}

/* ---- zones that have a rule and no name ---- */

static void test_zones_of_rules(void **state)
{
    static const struct {
        struct gw_zone rule;
        const char *first, *zone; /* NULL: none */
    } c[] = {
        { { 0 }, "", "Etc/UTC" },
        { { .bias = -540 }, "", "Asia/Tokyo" },
        { { .bias = -540 }, "Asia/Seoul", "Asia/Seoul" },
        { { .bias = -540 }, "Europe/Berlin", "Asia/Tokyo" },
        { { -60, { 0, 180, 0, 10, 5, 0 }, { -60, 120, 0, 3, 5, 0 } }, "", "Europe/Berlin" },
        { { -60, { 0, 180, 0, 10, 5, 0 }, { -60, 120, 0, 3, 5, 0 } },
          "Europe/Paris",
          "Europe/Paris" },
        { { 300, { 0, 120, 0, 11, 1, 0 }, { -60, 120, 0, 3, 2, 0 } }, "", "America/New_York" },
        { { -600, { 0, 180, 0, 4, 1, 0 }, { -60, 120, 0, 10, 1, 0 } }, "", "Australia/Sydney" },
        { { -330, { 0, 0, 0, 1, 1, 0 }, { 0, 0, 0, 1, 5, 0 } }, "", "Asia/Kolkata" },
        { { .bias = -345 }, "", "Asia/Katmandu" }, /* of the others */
        { { .bias = -543 }, "Asia/Tokyo", NULL },  /* nobody's clock goes so */
        { { -60, { 0, 180, 0, 9, 5, 0 }, { -60, 120, 0, 3, 5, 0 } }, "Europe/Berlin", NULL },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(c); i++) {
        struct gw_buf out;
        bool found;

        gw_buf_init(&out, 128);
        found = bridge_zone_of_rule(&c[i].rule, gw_str_of(c[i].first), at("2026-12-01T00:00:00Z"),
                                    &out);
        print_message("%s %.*s\n", c[i].zone ? c[i].zone : "none", GW_STR_ARG(gw_buf_str(&out)));
        assert_int_equal(found, c[i].zone != NULL);
        if (found)
            assert_true(gw_str_is(gw_buf_str(&out), c[i].zone));
        gw_buf_done(&out);
    }
}

/* What front-ends say in words is in the catalogue, too: in each language, without times, and to be changed. */
static void test_phrases(void **state)
{
    static const struct {
        enum pres_phrase phrase;
        const char *name, *en, *ja;
    } cases[] = {
        { PRES_PHRASE_AWAY, "away", "Away", "外出中" },
        { PRES_PHRASE_BUSY, "busy", "Busy", "取り込み中" },
        { PRES_PHRASE_WAITING, "waiting-for-confirmation", "Waiting for Confirmation", "承認待ち" },
        { PRES_PHRASE_UNKNOWN, "presence-unknown", "Presence Unknown", "プレゼンス不明" },
    };
    const struct gw_str other = GW_STR("Mal sehen"), timed = GW_STR("until {end}");
    struct bridge_texts *t = bridge_texts_new();

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        enum bridge_text text = bridge_text_phrase(cases[i].phrase);

        assert_string_equal(bridge_text_name(text), cases[i].name);
        assert_string_equal(bridge_texts_get(t, GW_STR("en"), text), cases[i].en);
        assert_string_equal(bridge_texts_get(t, GW_STR("ja-JP"), text), cases[i].ja);
        assert_int_equal(bridge_texts_set(t, GW_STR("de"), text, &timed, NULL), GW_INVALID);
        assert_int_equal(bridge_texts_set(t, GW_STR("de"), text, &other, NULL), GW_OK);
        assert_string_equal(bridge_texts_get(t, GW_STR("de"), text), "Mal sehen");
    }
    bridge_texts_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_phrases),   cmocka_unit_test(test_zones_of_rules),
        cmocka_unit_test(test_golden),    cmocka_unit_test(test_levels),
        cmocka_unit_test(test_ahead),     cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_languages), cmocka_unit_test(test_zones),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

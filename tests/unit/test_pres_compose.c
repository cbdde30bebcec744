/* Composition: every client state under every calendar, as one table of what watchers see. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pres.h"

/* show/kind/text: "away/meeting/cal". The client's text is "me", or there is none. */
static const struct {
    enum pres_show client;
    enum pres_calendar_kind calendar;
    enum pres_show show;
    enum pres_calendar_kind kind;
    const char *with_text, *without;
} cases[] = {
    { PRES_OFFLINE, PRES_CAL_NONE, PRES_OFFLINE, PRES_CAL_NONE, "me", "" },
    { PRES_OFFLINE, PRES_CAL_FREE, PRES_OFFLINE, PRES_CAL_NONE, "me", "cal" },
    { PRES_OFFLINE, PRES_CAL_ELSEWHERE, PRES_OFFLINE, PRES_CAL_NONE, "me", "cal" },
    { PRES_OFFLINE, PRES_CAL_MEETING, PRES_OFFLINE, PRES_CAL_NONE, "me", "cal" },
    { PRES_OFFLINE, PRES_CAL_AWAY, PRES_OFFLINE, PRES_CAL_NONE, "me", "cal" },
    { PRES_OFFLINE, PRES_CAL_OOF, PRES_OFFLINE, PRES_CAL_NONE, "me", "cal" },
    { PRES_AVAILABLE, PRES_CAL_NONE, PRES_AVAILABLE, PRES_CAL_NONE, "me", "" },
    { PRES_AVAILABLE, PRES_CAL_FREE, PRES_AVAILABLE, PRES_CAL_NONE, "me", "cal" },
    { PRES_AVAILABLE, PRES_CAL_ELSEWHERE, PRES_AVAILABLE, PRES_CAL_NONE, "me", "cal" },
    { PRES_AVAILABLE, PRES_CAL_MEETING, PRES_AWAY, PRES_CAL_MEETING, "cal", "cal" },
    { PRES_AVAILABLE, PRES_CAL_AWAY, PRES_AWAY, PRES_CAL_AWAY, "cal", "cal" },
    { PRES_AVAILABLE, PRES_CAL_OOF, PRES_XA, PRES_CAL_OOF, "cal", "cal" },
    { PRES_AWAY, PRES_CAL_NONE, PRES_AWAY, PRES_CAL_NONE, "me", "" },
    { PRES_AWAY, PRES_CAL_ELSEWHERE, PRES_AWAY, PRES_CAL_NONE, "me", "cal" },
    { PRES_AWAY, PRES_CAL_MEETING, PRES_AWAY, PRES_CAL_NONE, "me", "cal" },
    { PRES_AWAY, PRES_CAL_AWAY, PRES_AWAY, PRES_CAL_NONE, "me", "cal" },
    { PRES_AWAY, PRES_CAL_OOF, PRES_XA, PRES_CAL_OOF, "cal", "cal" },
    { PRES_XA, PRES_CAL_MEETING, PRES_XA, PRES_CAL_NONE, "me", "cal" },
    { PRES_XA, PRES_CAL_OOF, PRES_XA, PRES_CAL_OOF, "cal", "cal" },
    { PRES_BUSY, PRES_CAL_MEETING, PRES_BUSY, PRES_CAL_NONE, "me", "cal" },
    { PRES_BUSY, PRES_CAL_OOF, PRES_BUSY, PRES_CAL_NONE, "me", "cal" },
    { PRES_DND, PRES_CAL_NONE, PRES_DND, PRES_CAL_NONE, "me", "" },
    { PRES_DND, PRES_CAL_ELSEWHERE, PRES_DND, PRES_CAL_NONE, "me", "" },
    { PRES_DND, PRES_CAL_MEETING, PRES_DND, PRES_CAL_NONE, "me", "" },
    { PRES_DND, PRES_CAL_AWAY, PRES_DND, PRES_CAL_NONE, "me", "" },
    { PRES_DND, PRES_CAL_OOF, PRES_DND, PRES_CAL_NONE, "me", "" },
    { PRES_OFFLINE, PRES_CAL_BUSY, PRES_OFFLINE, PRES_CAL_NONE, "me", "cal" },
    { PRES_OFFLINE, PRES_CAL_DND, PRES_OFFLINE, PRES_CAL_NONE, "me", "cal" },
    { PRES_AVAILABLE, PRES_CAL_BUSY, PRES_BUSY, PRES_CAL_BUSY, "cal", "cal" },
    { PRES_AVAILABLE, PRES_CAL_DND, PRES_DND, PRES_CAL_DND, "cal", "cal" },
    { PRES_AWAY, PRES_CAL_FREE, PRES_AWAY, PRES_CAL_NONE, "me", "cal" },
    { PRES_AWAY, PRES_CAL_BUSY, PRES_AWAY, PRES_CAL_NONE, "me", "cal" },
    { PRES_AWAY, PRES_CAL_DND, PRES_DND, PRES_CAL_DND, "cal", "cal" },
    { PRES_XA, PRES_CAL_NONE, PRES_XA, PRES_CAL_NONE, "me", "" },
    { PRES_XA, PRES_CAL_FREE, PRES_XA, PRES_CAL_NONE, "me", "cal" },
    { PRES_XA, PRES_CAL_ELSEWHERE, PRES_XA, PRES_CAL_NONE, "me", "cal" },
    { PRES_XA, PRES_CAL_AWAY, PRES_XA, PRES_CAL_NONE, "me", "cal" },
    { PRES_XA, PRES_CAL_BUSY, PRES_XA, PRES_CAL_NONE, "me", "cal" },
    { PRES_XA, PRES_CAL_DND, PRES_DND, PRES_CAL_DND, "cal", "cal" },
    { PRES_BUSY, PRES_CAL_NONE, PRES_BUSY, PRES_CAL_NONE, "me", "" },
    { PRES_BUSY, PRES_CAL_FREE, PRES_BUSY, PRES_CAL_NONE, "me", "cal" },
    { PRES_BUSY, PRES_CAL_ELSEWHERE, PRES_BUSY, PRES_CAL_NONE, "me", "cal" },
    { PRES_BUSY, PRES_CAL_AWAY, PRES_BUSY, PRES_CAL_NONE, "me", "cal" },
    { PRES_BUSY, PRES_CAL_BUSY, PRES_BUSY, PRES_CAL_NONE, "me", "cal" },
    { PRES_BUSY, PRES_CAL_DND, PRES_DND, PRES_CAL_DND, "cal", "cal" },
    { PRES_DND, PRES_CAL_FREE, PRES_DND, PRES_CAL_NONE, "me", "" },
    { PRES_DND, PRES_CAL_BUSY, PRES_DND, PRES_CAL_NONE, "me", "" },
    { PRES_DND, PRES_CAL_DND, PRES_DND, PRES_CAL_NONE, "me", "" },
};

static void check(size_t i, struct gw_str text, const char *expect)
{
    struct pres_shown shown;

    pres_compose(&(struct pres_parts){ .show = cases[i].client,
                                       .text = text,
                                       .calendar = { cases[i].calendar, GW_STR("cal") } },
                 &shown);
    if (shown.show != cases[i].show || shown.kind != cases[i].kind ||
        shown.text_kind != (gw_str_is(shown.text, "cal") ? cases[i].calendar : PRES_CAL_NONE) ||
        !gw_str_is(shown.text, expect))
        fail_msg("%s under %s with \"%.*s\": %s, %s, \"%.*s\"", pres_show_name(cases[i].client),
                 pres_calendar_kind_name(cases[i].calendar), GW_STR_ARG(text),
                 pres_show_name(shown.show), pres_calendar_kind_name(shown.kind),
                 GW_STR_ARG(shown.text));
}

static void composes(void **state)
{
    (void)state;
    assert_int_equal(sizeof(cases) / sizeof(cases[0]), (PRES_DND + 1) * PRES_CAL_COUNT);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        check(i, GW_STR("me"), cases[i].with_text);
        check(i, GW_STR(""), cases[i].without);
    }
}

/* A calendar without words leaves the client's. */
static void keeps_client_text_when_calendar_has_none(void **state)
{
    struct pres_shown shown;

    (void)state;
    pres_compose(&(struct pres_parts){ .show = PRES_AVAILABLE,
                                       .text = GW_STR("me"),
                                       .calendar = { PRES_CAL_MEETING, GW_STR("") } },
                 &shown);
    assert_int_equal(shown.show, PRES_AWAY);
    assert_true(gw_str_is(shown.text, "me"));
    assert_int_equal(shown.text_from, PRES_TEXT_CLIENT);
}

/* What the user has said in place of the calendar: its text comes before the client's. */
static void an_override_has_the_word(void **state)
{
    struct pres_parts parts = { .show = PRES_AWAY,
                                .text = GW_STR("me"),
                                .calendar = { PRES_CAL_FREE, GW_STR("call me") },
                                .is_override = true };
    struct pres_shown shown;

    (void)state;
    pres_compose(&parts, &shown);
    assert_int_equal(shown.show, PRES_AWAY);
    assert_true(gw_str_is(shown.text, "call me"));
    parts.calendar.text = GW_STR("");
    pres_compose(&parts, &shown);
    assert_true(gw_str_is(shown.text, "me"));
    parts.show = PRES_DND; /* which nothing weakens */
    parts.calendar.text = GW_STR("call me");
    pres_compose(&parts, &shown);
    assert_int_equal(shown.show, PRES_DND);
    assert_true(gw_str_is(shown.text, "me"));
}

/* What was said later than the calendar's word stands; the calendar only helps with a text. */
static void a_later_word_stands(void **state)
{
    struct pres_parts parts = { .show = PRES_AVAILABLE,
                                .is_later = true,
                                .calendar = { PRES_CAL_MEETING, GW_STR("cal") } };
    struct pres_shown shown;

    (void)state;
    pres_compose(&parts, &shown);
    assert_int_equal(shown.show, PRES_AVAILABLE);
    assert_int_equal(shown.kind, PRES_CAL_NONE);
    assert_true(gw_str_is(shown.text, "cal"));
    parts.text = GW_STR("me");
    pres_compose(&parts, &shown);
    assert_true(gw_str_is(shown.text, "me"));
}

/* Every state of a calendar alone. */
static void a_calendar_speaks_alone(void **state)
{
    static const enum pres_show expect[PRES_CAL_COUNT] = {
        [PRES_CAL_NONE] = PRES_OFFLINE,
        [PRES_CAL_FREE] = PRES_AVAILABLE,
        [PRES_CAL_ELSEWHERE] = PRES_AVAILABLE,
        [PRES_CAL_BUSY] = PRES_BUSY,
        [PRES_CAL_MEETING] = PRES_AWAY,
        [PRES_CAL_AWAY] = PRES_AWAY,
        [PRES_CAL_OOF] = PRES_XA,
        [PRES_CAL_DND] = PRES_DND,
    };

    (void)state;
    for (int kind = 0; kind < PRES_CAL_COUNT; kind++) {
        const struct pres_parts parts = {
            .calendar = { (enum pres_calendar_kind)kind, GW_STR("cal") }, .speaks = true
        };
        struct pres_shown shown;

        pres_compose(&parts, &shown);
        assert_int_equal(shown.show, expect[kind]);
        assert_int_equal(shown.kind, kind);
        assert_true(gw_str_is(shown.text, kind == PRES_CAL_NONE ? "" : "cal"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(composes),
        cmocka_unit_test(keeps_client_text_when_calendar_has_none),
        cmocka_unit_test(an_override_has_the_word),
        cmocka_unit_test(a_later_word_stands),
        cmocka_unit_test(a_calendar_speaks_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The calendar's word in its own size: nothing is lost, nothing is kept twice, nothing is too big. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <malloc.h>

#include "pres_cal.h"

static struct pres_calendar full(char c)
{
    struct pres_calendar in = { .kind = PRES_CAL_OOF,
                                .since = 10,
                                .until = 20,
                                .item_since = 11,
                                .item_until = 19,
                                .ahead_count = PRES_AHEAD_MAX };

    for (int i = 0; i < PRES_WORDS_COUNT; i++)
        memset(in.text[i], c + i, PRES_TEXT_MAX - 1);
    for (int i = 0; i < PRES_AHEAD_MAX; i++)
        in.ahead[i] = (struct pres_span){ PRES_CAL_MEETING, 30 + i, 40 + i };
    return in;
}

static struct pres_calendar meeting(void)
{
    struct pres_calendar in = { .kind = PRES_CAL_MEETING, .since = 1, .until = GW_NEVER };

    snprintf(in.text[PRES_WORDS_BUSY], PRES_TEXT_MAX, "Busy");
    for (int i = PRES_WORDS_TIMES; i < PRES_WORDS_COUNT; i++)
        snprintf(in.text[i], PRES_TEXT_MAX, "In a meeting until 15:00");
    return in;
}

static void check_round_trip(const struct pres_calendar *in)
{
    struct pres_cal *cal = pres_cal_new(in);
    struct pres_calendar out;

    assert_true(pres_cal_is(cal, in));
    pres_cal_write(cal, &out);
    assert_true(pres_cal_is(cal, &out));
    assert_memory_equal(out.text, in->text, sizeof(out.text));
    assert_int_equal(out.ahead_count, in->ahead_count);
    assert_int_equal(out.item_until, in->item_until);
    free(cal);
}

static void keeps_everything(void **state)
{
    struct pres_calendar in = full('a'), small = meeting();

    (void)state;
    check_round_trip(&in);
    check_round_trip(&small);
}

static void silence_is_nothing(void **state)
{
    const struct pres_calendar nothing = { .until = GW_NEVER };
    struct pres_calendar text = nothing, ahead = nothing, out = meeting();
    struct pres_cal *cal;

    (void)state;
    assert_null(pres_cal_new(&nothing));
    assert_true(pres_cal_is(NULL, &nothing));
    pres_cal_write(NULL, &out);
    assert_true(pres_cal_is(NULL, &out));
    text.text[PRES_WORDS_FEDERATED][0] = 'x';
    ahead.ahead_count = 1;
    assert_false(pres_cal_is(NULL, &text));
    assert_false(pres_cal_is(NULL, &ahead));
    cal = pres_cal_new(&ahead);
    assert_non_null(cal);
    free(cal);
}

/* Each member alone makes a difference. */
static void notices_each_difference(void **state)
{
    const struct pres_calendar in = meeting();
    struct pres_cal *cal = pres_cal_new(&in);
    struct pres_calendar other[6 + PRES_WORDS_COUNT * 2];
    size_t n = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
        other[i] = in;
    other[n++].kind = PRES_CAL_AWAY;
    other[n++].since++;
    other[n++].until--;
    other[n++].item_since++;
    other[n++].item_until++;
    other[n++].ahead_count++;
    for (int i = 0; i < PRES_WORDS_COUNT; i++) {
        other[n++].text[i][3] = '\0';
        other[n].text[i][strlen(in.text[i])] = '!';
        n++;
    }
    for (size_t i = 0; i < n; i++)
        assert_false(pres_cal_is(cal, &other[i]));
    free(cal);
}

/* What one user may take: everything at its limit, and an ordinary meeting. */
static void is_small(void **state)
{
    struct pres_calendar most = full('a'), usual = meeting();
    struct pres_cal *cal = pres_cal_new(&usual);

    (void)state;
    assert_true(malloc_usable_size(cal) <= 160);
    free(cal);
    cal = pres_cal_new(&most);
    assert_true(malloc_usable_size(cal) <= sizeof(*cal) +
                                               PRES_AHEAD_MAX * sizeof(struct pres_span) +
                                               (size_t)PRES_WORDS_COUNT * PRES_TEXT_MAX + 16);
    free(cal);
    memcpy(most.text[PRES_WORDS_FEDERATED], most.text[PRES_WORDS_OWN], PRES_TEXT_MAX);
    memcpy(most.text[PRES_WORDS_TIMES], most.text[PRES_WORDS_OWN], PRES_TEXT_MAX);
    memcpy(most.text[PRES_WORDS_BUSY], most.text[PRES_WORDS_OWN], PRES_TEXT_MAX);
    cal = pres_cal_new(&most);
    assert_true(malloc_usable_size(cal) <= 800); /* equal texts are there once */
    free(cal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_everything),
        cmocka_unit_test(silence_is_nothing),
        cmocka_unit_test(notices_each_difference),
        cmocka_unit_test(is_small),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sched_record.h"

#define TOKEN "000102030405060708090a0b0c0d0e0f"

static void test_subscription_there_and_back(void **state)
{
    struct sched_sub_record in = { .gateway = GW_STR("CAS one"),
                                   .id = GW_STR("FAAtLmV4=="),
                                   .url = GW_STR("http://gw:50020/ews/notify/"),
                                   .since = 1796083200123,
                                   .heard = 1796083300000,
                                   .folders = 4000000000,
                                   .frequency_min = 60 },
                            out;
    struct gw_buf text;
    struct gw_err err;

    (void)state;
    for (unsigned char i = 0; i < SCHED_RECORD_TOKEN_LEN; i++)
        in.token[i] = i;
    gw_buf_init(&text, SCHED_RECORD_MAX);
    sched_sub_record_write(&in, &text);
    assert_int_equal(sched_sub_record_parse(gw_buf_str(&text), &out, &err), GW_OK);
    assert_true(gw_str_eq(in.gateway, out.gateway));
    assert_true(gw_str_eq(in.id, out.id));
    assert_true(gw_str_eq(in.url, out.url));
    assert_memory_equal(in.token, out.token, sizeof(in.token));
    assert_int_equal(out.since, in.since);
    assert_int_equal(out.heard, in.heard);
    assert_int_equal(out.frequency_min, 60);
    assert_int_equal(out.folders, 4000000000);
    gw_buf_done(&text);
}

static void test_further_calendars_there_and_back(void **state)
{
    static const char found[] = "version 1\nwindow 1 2 3\nfound 4000000000\nown My own calendar\n";
    static const char *const bad[] = { "folder AAMk=\n", "folder  Team\n",     "folder AAMk= \n",
                                       "found -1\n",     "found 4294967296\n", "left 1\n",
                                       "left -1 0\n",    "left 65536 0\n",     "left 1 2\n" };
    struct sched_cal_record r, again;
    struct gw_buf text, copy;

    (void)state;
    gw_buf_init(&text, SCHED_RECORD_MAX);
    gw_buf_init(&copy, SCHED_RECORD_MAX);
    gw_buf_addf(&text, "%sleft 3 1\nfolder AAMk= Team A\nfolder B== \u4e88\u5b9a\n", found);
    assert_int_equal(sched_cal_record_parse(gw_buf_str(&text), &r, NULL), GW_OK);
    assert_int_equal(r.found_for, 4000000000);
    assert_true(gw_str_is(r.own, "My own calendar"));
    assert_int_equal(r.folder_count, 2);
    sched_cal_record_write(&r, &copy);
    assert_int_equal(sched_cal_record_parse(gw_buf_str(&copy), &again, NULL), GW_OK);
    assert_int_equal(again.folder_count, 2);
    assert_int_equal(again.left, 3);
    assert_true(again.is_cut);
    assert_true(gw_str_is(again.folder[0].id, "AAMk=") &&
                gw_str_is(again.folder[0].name, "Team A"));
    assert_true(gw_str_eq(again.folder[1].name, r.folder[1].name));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        gw_buf_reset(&text);
        gw_buf_addf(&text, "%s%s", found, bad[i]);
        assert_int_equal(sched_cal_record_parse(gw_buf_str(&text), &again, NULL), GW_BADMSG);
    }
    gw_buf_reset(&text);
    gw_buf_add_cstr(&text, found);
    for (int i = 0; i <= EWS_FOLDERS_MAX; i++)
        gw_buf_addf(&text, "folder id%d Team\n", i);
    assert_int_equal(sched_cal_record_parse(gw_buf_str(&text), &again, NULL), GW_BADMSG);
    gw_buf_done(&copy);
    gw_buf_done(&text);
}

static void test_working_hours_there_and_back(void **state)
{
    static const char zone[] = "version 1\nwindow 1 2 3\nzone -60 0 180 0 10 5 0 -60 120 0 3 5 0\n";
    static const char *const bad[] = { "work 128 540 1020\n",
                                       "work 62 540 1441\n",
                                       "work 62 540\n",
                                       "zone 1 2 3\n",
                                       "zone -60 0 180 0 13 5 0 -60 120 0 3 5 0\n",
                                       "zone -60 0 180 0 300 5 0 -60 120 0 3 5 0\n" };
    struct sched_cal_record r, again;
    struct gw_buf text;

    (void)state;
    gw_buf_init(&text, SCHED_RECORD_MAX);
    gw_buf_addf(&text, "%swork 62 540 1020\nwork 64 600 720\n", zone);
    assert_int_equal(sched_cal_record_parse(gw_buf_str(&text), &r, NULL), GW_OK);
    assert_true(r.hours_known);
    assert_int_equal(r.hours.count, 2);
    assert_int_equal(r.hours.work[1].days, 64);
    assert_int_equal(r.hours.zone.daylight.month, 3);
    gw_buf_reset(&text);
    sched_cal_record_write(&r, &text);
    assert_int_equal(sched_cal_record_parse(gw_buf_str(&text), &again, NULL), GW_OK);
    assert_true(again.hours_known && gw_hours_eq(&r.hours, &again.hours));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        gw_buf_reset(&text);
        gw_buf_addf(&text, "%s%s", zone, bad[i]);
        assert_int_equal(sched_cal_record_parse(gw_buf_str(&text), &again, NULL), GW_BADMSG);
    }
    gw_buf_done(&text);
}

static void test_streaming_subscription_there_and_back(void **state)
{
    const struct sched_sub_record in = { .mode = SCHED_MODE_STREAMING,
                                         .gateway = GW_STR("cas1"),
                                         .id = GW_STR("FAAtLmV4=="),
                                         .anchor = GW_STR("ann@a.example"),
                                         .affinity = GW_STR("X-BackEndOverrideCookie=a b; c=d"),
                                         .since = 5,
                                         .heard = 6 };
    struct sched_sub_record out;
    struct gw_buf text;
    struct gw_err err;

    (void)state;
    gw_buf_init(&text, SCHED_RECORD_MAX);
    sched_sub_record_write(&in, &text);
    assert_int_equal(sched_sub_record_parse(gw_buf_str(&text), &out, &err), GW_OK);
    assert_int_equal(out.mode, SCHED_MODE_STREAMING);
    assert_true(gw_str_eq(in.id, out.id));
    assert_true(gw_str_eq(in.anchor, out.anchor));
    assert_true(gw_str_eq(in.affinity, out.affinity));
    gw_buf_done(&text);
}

static void test_farewell_there_and_back(void **state)
{
    const struct sched_farewell_record in = { .gateway = GW_STR("cas1"),
                                              .mailbox = GW_STR("ben@a.example"),
                                              .id = GW_STR("FAAtLmV4=="),
                                              .anchor = GW_STR("ann@a.example"),
                                              .affinity = GW_STR("X-BackEndOverrideCookie=a b"),
                                              .over = 1796083300000 };
    struct sched_farewell_record out;
    struct gw_buf text;
    struct gw_err err;

    (void)state;
    gw_buf_init(&text, SCHED_RECORD_MAX);
    sched_farewell_record_write(&in, &text);
    assert_int_equal(sched_farewell_record_parse(gw_buf_str(&text), &out, &err), GW_OK);
    assert_true(gw_str_eq(in.gateway, out.gateway));
    assert_true(gw_str_eq(in.mailbox, out.mailbox));
    assert_true(gw_str_eq(in.id, out.id));
    assert_true(gw_str_eq(in.anchor, out.anchor));
    assert_true(gw_str_eq(in.affinity, out.affinity));
    assert_int_equal(in.over, out.over);
    gw_buf_done(&text);
    assert_int_equal(
        sched_farewell_record_parse(GW_STR("version 1\nmailbox a\nid b\nover 1\n"), &out, &err),
        GW_BADMSG);
    assert_non_null(strstr(err.msg, "lacks"));
    assert_int_equal(sched_farewell_record_parse(GW_STR("version 1\nover x\n"), &out, &err),
                     GW_BADMSG);
}

static void test_calendar_there_and_back(void **state)
{
    struct gw_interval v[] = { { 100, 200, GW_BUSY_BUSY, 0, 0 },
                               { 150, 900, GW_BUSY_OOF, GW_INTERVAL_ALL_DAY, 0 },
                               { 1796083200000, 1796083300000, GW_BUSY_FREE, 7, 65535 } };
    struct sched_cal_record in = { .from = 50,
                                   .to = 1796083900000,
                                   .read_at = 77,
                                   .oof_known = true,
                                   .oof = { GW_OOF_SCHEDULED, 10, 20 },
                                   .oof_read_at = 88,
                                   .mark = 4000000001,
                                   .intervals = v,
                                   .count = 3 },
                            out;
    struct gw_buf text;
    struct gw_err err;

    (void)state;
    gw_buf_init(&text, SCHED_RECORD_MAX);
    sched_cal_record_write(&in, &text);
    assert_int_equal(sched_cal_record_parse(gw_buf_str(&text), &out, &err), GW_OK);
    assert_int_equal(out.from, in.from);
    assert_int_equal(out.to, in.to);
    assert_int_equal(out.read_at, in.read_at);
    assert_true(out.oof_known);
    assert_int_equal(out.oof.state, GW_OOF_SCHEDULED);
    assert_int_equal(out.oof.end, 20);
    assert_int_equal(out.oof_read_at, 88);
    assert_int_equal(out.mark, 4000000001);
    assert_true(gw_intervals_eq(v, 3, out.intervals, out.count));
    free(out.intervals);
    gw_buf_done(&text);
}

static void test_greatest_calendar_fits(void **state)
{
    struct gw_interval *v = calloc(SCHED_INTERVALS_MAX + 1, sizeof(*v));
    struct sched_cal_record in = { .to = 1, .intervals = v, .count = SCHED_INTERVALS_MAX }, out;
    struct gw_buf text;
    struct gw_err err;

    (void)state;
    for (int i = 0; i <= SCHED_INTERVALS_MAX; i++)
        v[i] = (struct gw_interval){ 1796083200000 + i, 1796083300000 + i, GW_BUSY_BUSY, 255, 0 };
    gw_buf_init(&text, SCHED_RECORD_MAX);
    sched_cal_record_write(&in, &text);
    assert_false(text.failed);
    assert_int_equal(sched_cal_record_parse(gw_buf_str(&text), &out, &err), GW_OK);
    assert_int_equal(out.count, SCHED_INTERVALS_MAX);
    free(out.intervals);
    gw_buf_reset(&text);
    in.count++;
    sched_cal_record_write(&in, &text);
    assert_int_equal(sched_cal_record_parse(gw_buf_str(&text), &out, &err), GW_BADMSG);
    gw_buf_done(&text);
    free(v);
}

static const struct {
    const char *text;
    enum gw_code rc;
} sub_case[] = {
    { "version 1\ntoken " TOKEN "\nfrequency 60\n", GW_OK },
    { "version 2\ncolour blue\ntoken " TOKEN "\nfrequency 60", GW_OK },
    { "version 1\ntoken " TOKEN "\n\nfrequency 1440\n", GW_OK },
    { "version 1\nmode streaming\nid x\nanchor a@b\n", GW_OK },
    { "version 1\nmode poll\ngateway cas1\n", GW_OK },
    { "version 1\nmode streaming\nid x\n", GW_BADMSG },
    { "version 1\nmode streaming\nanchor a@b\n", GW_BADMSG },
    { "version 1\nmode push\n", GW_BADMSG },
    { "version 1\nmode post\ntoken " TOKEN "\nfrequency 60\n", GW_BADMSG },
    { "", GW_BADMSG },
    { "token " TOKEN "\nfrequency 60\n", GW_BADMSG },
    { "version\ntoken " TOKEN "\nfrequency 60\n", GW_BADMSG },
    { "version 0\ntoken " TOKEN "\nfrequency 60\n", GW_BADMSG },
    { "version 1\nfrequency 60\n", GW_BADMSG },
    { "version 1\ntoken " TOKEN "\n", GW_BADMSG },
    { "version 1\ntoken " TOKEN "\nfrequency 0\n", GW_BADMSG },
    { "version 1\ntoken " TOKEN "\nfrequency 1441\n", GW_BADMSG },
    { "version 1\ntoken " TOKEN "00\nfrequency 60\n", GW_BADMSG },
    { "version 1\ntoken 0g0102030405060708090a0b0c0d0e0f\nfrequency 60\n", GW_BADMSG },
    { "version 1\ntoken " TOKEN "\nfrequency 60\nheard 99999999999999999999\n", GW_BADMSG },
    { "version 1\ntoken " TOKEN "\nfrequency 60\nsince \n", GW_BADMSG },
};

static void test_subscription_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(sub_case) / sizeof(sub_case[0]); i++) {
        struct sched_sub_record out;
        struct gw_err err;

        assert_int_equal(sched_sub_record_parse(gw_str_of(sub_case[i].text), &out, &err),
                         sub_case[i].rc);
        if (sub_case[i].rc)
            assert_true(strlen(err.msg) > 10);
    }
}

static const struct {
    const char *text;
    enum gw_code rc;
    size_t count;
} cal_case[] = {
    { "version 1\n", GW_OK, 0 },
    { "version 1\nwindow 1 2 3\nitem 5 9 4 0\nitem 1 2 4 0\nitem 1 2 4 0\nitem 7 7 4 0\n", GW_OK,
      2 },
    { "version 1\nweather 1 2 3\n", GW_OK, 0 },
    { "version 1\nwindow 2 1 3\n", GW_BADMSG, 0 },
    { "version 1\nwindow 1 2\n", GW_BADMSG, 0 },
    { "version 1\nwindow 1 2 3 4\n", GW_BADMSG, 0 },
    { "version 1\nitem 1 2 6 0\n", GW_BADMSG, 0 },
    { "version 1\nitem 1 2 -1 0\n", GW_BADMSG, 0 },
    { "version 1\nitem 1 2 1 256\n", GW_BADMSG, 0 },
    { "version 1\nitem 1 2 1 0\nitem x 2 1 0\n", GW_BADMSG, 0 },
    { "version 1\nitem 1  2 1 0\n", GW_BADMSG, 0 },
    { "version 1\noof 3 1 2 3\n", GW_BADMSG, 0 },
    { "version 1\noof 1 1 2\n", GW_BADMSG, 0 },
    { "version 1\nitem 9223372036854775807 1 1 0\n", GW_BADMSG, 0 },
};

static const struct {
    const char *text;
    enum gw_code rc;
    gw_utc until;
} back_off_case[] = {
    { "version 1\nspan 1795698686151 1795698696151\n", GW_OK, 1795698696151 },
    { "version 2\nbecause of Tuesday\nspan 5 5\n", GW_OK, 5 },
    { "version 1\n", GW_OK, 0 },
    { "version 1\nspan soon 5\n", GW_BADMSG, 0 },
    { "version 1\nspan 1\n", GW_BADMSG, 0 },
    { "version 1\nspan 6 5\n", GW_BADMSG, 0 },
    { "version 1\nspan 5 6\nuptime 0\n", GW_OK, 6 },
    { "version 1\nspan 5 6\nuptime -1\n", GW_BADMSG, 0 },
    { "version 1\nspan 5 6\nuptime 1 2\n", GW_BADMSG, 0 },
    { "version 1\nspan 1 9223372036854775807\n", GW_BADMSG, 0 },
    { "span 4 5\n", GW_BADMSG, 0 },
};

static void test_back_off_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(back_off_case) / sizeof(back_off_case[0]); i++) {
        struct sched_back_off_record out = { 0 };
        struct gw_err err;

        assert_int_equal(sched_back_off_record_parse(gw_str_of(back_off_case[i].text), &out, &err),
                         back_off_case[i].rc);
        assert_int_equal(out.until, back_off_case[i].until);
    }
}

static void test_calendar_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cal_case) / sizeof(cal_case[0]); i++) {
        struct sched_cal_record out = { 0 };
        struct gw_err err;

        assert_int_equal(sched_cal_record_parse(gw_str_of(cal_case[i].text), &out, &err),
                         cal_case[i].rc);
        assert_int_equal(out.count, cal_case[i].count);
        free(out.intervals);
    }
}

static void test_too_long(void **state)
{
    char *text = malloc(SCHED_RECORD_MAX + 1);
    struct sched_cal_record out;
    struct gw_err err;

    (void)state;
    memset(text, '\n', SCHED_RECORD_MAX + 1);
    memcpy(text, "version 1\n", 10);
    assert_int_equal(
        sched_cal_record_parse((struct gw_str){ text, SCHED_RECORD_MAX + 1 }, &out, &err),
        GW_LIMIT);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_working_hours_there_and_back),
        cmocka_unit_test(test_further_calendars_there_and_back),
        cmocka_unit_test(test_subscription_there_and_back),
        cmocka_unit_test(test_streaming_subscription_there_and_back),
        cmocka_unit_test(test_farewell_there_and_back),
        cmocka_unit_test(test_calendar_there_and_back),
        cmocka_unit_test(test_greatest_calendar_fits),
        cmocka_unit_test(test_subscription_cases),
        cmocka_unit_test(test_back_off_cases),
        cmocka_unit_test(test_calendar_cases),
        cmocka_unit_test(test_too_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

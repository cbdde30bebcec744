/* Series in a mailbox: hours of their zone across clock changes, days that are different, views. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mock_org.h"

static struct mock_org *org;
static struct mock_mailbox *box;
static struct mock_zone_named zone;
static struct gw_now now = { 1000, 1700000000000 };
static unsigned told;

static void on_change(const struct mock_change *change, struct gw_now at, void *ctx)
{
    (void)at;
    (void)ctx;
    assert_true(change->kind == MOCK_CREATED || change->kind == MOCK_MODIFIED ||
                change->kind == MOCK_DELETED);
    told++;
}

static int set_up(void **state)
{
    struct mock_mailbox_args args = { .address = GW_STR("ann@example") };

    (void)state;
    org = mock_org_new();
    mock_org_observe(org, on_change, NULL);
    told = 0;
    return mock_mailbox_add(org, &args, &box, NULL) || !mock_zone_find(GW_STR("UTC"), &zone);
}

static int tear_down(void **state)
{
    (void)state;
    mock_org_free(&org);
    return 0;
}

static gw_utc utc(const char *text)
{
    gw_utc t;

    assert_int_equal(gw_utc_parse(gw_str_of(text), &t, NULL), GW_OK);
    return t;
}

static void view_write(const char *from, const char *to, struct gw_buf *out)
{
    char text[GW_UTC_TEXT_MAX];
    struct mock_view view;

    mock_view_open(box, utc(from), utc(to), &view);
    gw_buf_reset(out);
    for (size_t i = 0; i < view.count; i++)
        gw_buf_addf(out, "%s%.11s %lldh%s", i ? ", " : "",
                    gw_utc_text(view.items[i].data.start, text) + 5,
                    (long long)((view.items[i].data.end - view.items[i].data.start) / GW_HOUR_MS),
                    view.items[i].is_exception ? "!" : "");
    mock_view_close(&view);
}

static void must_show(const char *from, const char *to, const char *expected)
{
    struct gw_buf text;

    gw_buf_init(&text, 4000);
    gw_buf_add_cstr(&text, "");
    view_write(from, to, &text);
    if (!gw_str_is(gw_buf_str(&text), expected))
        fail_msg("'%.*s', not '%s'", GW_STR_ARG(gw_buf_str(&text)), expected);
    gw_buf_done(&text);
}

static const struct mock_item *series_add(const char *start, const char *end, const char *zone_name,
                                          struct mock_recur recur)
{
    struct mock_item_data data = { .start = utc(start), .end = utc(end), .busy = GW_BUSY_BUSY };
    struct mock_recurrence recurrence = { .recur = recur, .zone = &zone };
    const struct mock_item *master;
    struct gw_err err = { 0 };

    assert_true(mock_zone_find(gw_str_of(zone_name), &zone));
    recurrence.recur.first_day = mock_day_of(mock_zone_named_to_local(&zone, data.start));
    if (!recurrence.recur.last_day)
        recurrence.recur.last_day = MOCK_NO_DAY;
    if (mock_item_add(org, box, &data, &recurrence, now, &master, &err))
        fail_msg("%s", err.msg);
    return master;
}

static const struct {
    const char *zone, *start, *end;
    struct mock_recur recur;
    const char *from, *to, *shown;
} hours[] = {
    /* Berlin's clock: an hour forward on 2026-03-29, back on 2026-10-25; nine is nine. */
    { "W. Europe Standard Time",
      "2026-03-27T08:00:00Z",
      "2026-03-27T09:00:00Z",
      { .pattern = MOCK_DAILY, .interval = 1 },
      "2026-03-28T00:00:00Z",
      "2026-03-31T00:00:00Z",
      "03-28T08:00 1h, 03-29T07:00 1h, 03-30T07:00 1h" },
    { "W. Europe Standard Time",
      "2026-10-23T07:00:00Z",
      "2026-10-23T08:00:00Z",
      { .pattern = MOCK_DAILY, .interval = 1 },
      "2026-10-24T00:00:00Z",
      "2026-10-27T00:00:00Z",
      "10-24T07:00 1h, 10-25T08:00 1h, 10-26T08:00 1h" },
    /* Whole days have 23, 24 and 25 hours. */
    { "W. Europe Standard Time",
      "2026-03-26T23:00:00Z",
      "2026-03-27T23:00:00Z",
      { .pattern = MOCK_DAILY, .interval = 1 },
      "2026-03-28T12:00:00Z",
      "2026-03-30T12:00:00Z",
      "03-27T23:00 24h, 03-28T23:00 23h, 03-29T22:00 24h" },
    { "W. Europe Standard Time",
      "2026-10-23T22:00:00Z",
      "2026-10-24T22:00:00Z",
      { .pattern = MOCK_DAILY, .interval = 1 },
      "2026-10-25T12:00:00Z",
      "2026-10-26T12:00:00Z",
      "10-24T22:00 25h, 10-25T23:00 24h" },
    /* A half hour of Adelaide, the southern summer, and the day before in UTC. */
    { "Cen. Australia Standard Time",
      "2026-04-02T22:30:00Z",
      "2026-04-02T23:30:00Z",
      { .pattern = MOCK_DAILY, .interval = 1 },
      "2026-04-03T00:00:00Z",
      "2026-04-06T00:00:00Z",
      "04-03T22:30 1h, 04-04T23:30 1h, 04-05T23:30 1h" },
    { "Tokyo Standard Time",
      "2026-01-04T23:00:00Z",
      "2026-01-05T00:00:00Z",
      { .pattern = MOCK_WEEKLY, .interval = 1, .weekdays = 2 },
      "2026-01-01T00:00:00Z",
      "2026-01-20T00:00:00Z",
      "01-04T23:00 1h, 01-11T23:00 1h, 01-18T23:00 1h" },
    /* A time that New York's clock skips on 2026-03-08. */
    { "Eastern Standard Time",
      "2026-03-07T07:30:00Z",
      "2026-03-07T08:30:00Z",
      { .pattern = MOCK_DAILY, .interval = 1 },
      "2026-03-07T00:00:00Z",
      "2026-03-10T00:00:00Z",
      "03-07T07:30 1h, 03-08T07:30 0h, 03-09T06:30 1h" },
    /* Years later, and longer than its period. */
    { "UTC",
      "2020-02-29T10:00:00Z",
      "2020-03-02T10:00:00Z",
      { .pattern = MOCK_YEARLY, .interval = 1, .day = 29, .month = 2 },
      "2040-03-01T00:00:00Z",
      "2041-12-31T00:00:00Z",
      "02-29T10:00 48h, 02-28T10:00 48h" },
    { "UTC",
      "2026-01-01T00:00:00Z",
      "2026-01-03T00:00:00Z",
      { .pattern = MOCK_DAILY, .interval = 1, .count = 3 },
      "2026-01-03T12:00:00Z",
      "2026-01-10T00:00:00Z",
      "01-02T00:00 48h, 01-03T00:00 48h" },
};

static void test_hours(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(hours) / sizeof(*hours); i++) {
        const struct mock_item *master =
            series_add(hours[i].start, hours[i].end, hours[i].zone, hours[i].recur);

        must_show(hours[i].from, hours[i].to, hours[i].shown);
        mock_item_delete(org, master, false, now);
        must_show(hours[i].from, hours[i].to, "");
    }
}

static struct mock_item day_of(const struct mock_item *master, const char *date)
{
    struct mock_item item;

    assert_true(mock_item_occurrence(master, utc(date) / GW_DAY_MS, &item));
    return item;
}

static void test_days_that_differ(void **state)
{
    struct mock_recur weekly = { .pattern = MOCK_WEEKLY, .interval = 1, .weekdays = 1 << 1 };
    const struct mock_item *master =
        series_add("2026-11-02T09:00:00Z", "2026-11-02T10:00:00Z", "UTC", weekly);
    struct mock_item item = day_of(master, "2026-11-09T00:00:00Z");
    struct mock_item_data data;

    (void)state;
    data = item.data;
    data.subject = (char *)"Elsewhere";
    data.start += 30 * GW_HOUR_MS; /* to the next day */
    data.end += 31 * GW_HOUR_MS;
    assert_int_equal(mock_item_change(org, &item, &data, NULL, now, NULL), GW_OK);
    item = day_of(master, "2026-11-16T00:00:00Z");
    mock_item_delete(org, &item, false, now);
    must_show("2026-11-01T00:00:00Z", "2026-11-30T00:00:00Z",
              "11-02T09:00 1h, 11-10T15:00 2h!, 11-23T09:00 1h");
    assert_false(mock_item_occurrence(master, utc("2026-11-16T00:00:00Z") / GW_DAY_MS, &item));
    assert_false(mock_item_occurrence(master, utc("2026-11-17T00:00:00Z") / GW_DAY_MS, &item));
    item = day_of(master, "2026-11-09T00:00:00Z");
    assert_int_equal(mock_item_type(&item), MOCK_EXCEPTION);
    assert_string_equal(item.data.subject, "Elsewhere");

    /* Once more, with its own text. */
    data = item.data;
    data.busy = GW_BUSY_OOF;
    assert_int_equal(mock_item_change(org, &item, &data, NULL, now, NULL), GW_OK);
    item = day_of(master, "2026-11-09T00:00:00Z");
    assert_string_equal(item.data.subject, "Elsewhere");

    /* Another name of the series leaves the days as they are; other hours do not. */
    data = master->data;
    data.subject = (char *)"Every week";
    assert_int_equal(mock_item_change(org, master, &data, NULL, now, NULL), GW_OK);
    assert_int_equal(master->series->exception_count, 2);
    data = master->data;
    data.start += GW_HOUR_MS;
    data.end += GW_HOUR_MS;
    assert_int_equal(mock_item_change(org, master, &data, NULL, now, NULL), GW_OK);
    assert_int_equal(master->series->exception_count, 0);
    must_show("2026-11-01T00:00:00Z", "2026-11-18T00:00:00Z",
              "11-02T10:00 1h, 11-09T10:00 1h, 11-16T10:00 1h");
    assert_int_equal(told, 6);
}

/* A view mixes single items and series by start; a single one becomes a series. */
static void test_mixed(void **state)
{
    struct mock_item_data data = { .start = utc("2026-11-02T09:30:00Z"),
                                   .end = utc("2026-11-02T10:30:00Z"),
                                   .busy = GW_BUSY_BUSY };
    struct mock_recur daily = { .pattern = MOCK_DAILY, .interval = 1, .count = 2 };
    const struct mock_item *single;
    struct mock_recurrence recurrence = { .recur = daily, .zone = &zone };
    struct mock_item copy;

    (void)state;
    series_add("2026-11-02T09:00:00Z", "2026-11-02T10:00:00Z", "UTC", daily);
    assert_int_equal(mock_item_add(org, box, &data, NULL, now, &single, NULL), GW_OK);
    must_show("2026-11-02T00:00:00Z", "2026-11-05T00:00:00Z",
              "11-02T09:00 1h, 11-02T09:30 1h, 11-03T09:00 1h");
    recurrence.recur.first_day = data.start / GW_DAY_MS;
    assert_int_equal(mock_item_change(org, single, &data, &recurrence, now, NULL), GW_OK);
    must_show("2026-11-02T00:00:00Z", "2026-11-05T00:00:00Z",
              "11-02T09:00 1h, 11-02T09:30 1h, 11-03T09:00 1h, 11-03T09:30 1h");
    assert_true(mock_item_get(org, GW_STR("2.20760"), &copy));
    assert_int_equal(copy.data.start, utc("2026-11-03T09:30:00Z"));
    assert_false(mock_item_get(org, GW_STR("2.20761"), &copy));
    assert_false(mock_item_get(org, GW_STR("2."), &copy));
    assert_false(mock_item_get(org, GW_STR("3"), &copy));
    mock_mailbox_remove(org, box);
    assert_int_equal(mock_item_count(org), 0);
}

/* Without its recurrence a series is its first occurrence, and what was different is gone. */
static void test_single_again(void **state)
{
    struct mock_recur daily = { .pattern = MOCK_DAILY, .interval = 1, .count = 5 };
    struct mock_recurrence none = { .zone = NULL };
    const struct mock_item *item =
        series_add("2026-11-02T09:00:00Z", "2026-11-02T10:00:00Z", "UTC", daily);
    struct mock_item second = day_of(item, "2026-11-03T00:00:00Z");
    struct mock_item_data data = second.data;

    (void)state;
    data.start += GW_HOUR_MS;
    data.end += GW_HOUR_MS;
    assert_int_equal(mock_item_change(org, &second, &data, NULL, now, NULL), GW_OK);
    for (int i = 0; i < 2; i++) { /* a single one stays single */
        data = item->data;
        assert_int_equal(mock_item_change(org, item, &data, &none, now, NULL), GW_OK);
        assert_int_equal(mock_item_type(item), MOCK_SINGLE);
        must_show("2026-11-01T00:00:00Z", "2026-11-30T00:00:00Z", "11-02T09:00 1h");
    }
    assert_int_equal(box->master_count, 0);
    assert_int_equal(told, 4);
}

/* Other hours, in a time that counts backwards. */
static void test_before_1970(void **state)
{
    struct mock_recur daily = { .pattern = MOCK_DAILY, .interval = 1, .count = 2 };
    const struct mock_item *item =
        series_add("1965-06-01T08:00:00Z", "1965-06-01T09:00:00Z", "UTC", daily);
    struct mock_item_data data = item->data;

    (void)state;
    data.start += GW_HOUR_MS;
    data.end += GW_HOUR_MS;
    assert_int_equal(mock_item_change(org, item, &data, NULL, now, NULL), GW_OK);
    must_show("1965-05-01T00:00:00Z", "1965-07-01T00:00:00Z", "06-01T09:00 1h, 06-02T09:00 1h");
}

/* A series without an end, looked at through a window that has too much of it. */
static void test_bound(void **state)
{
    struct mock_recur daily = { .pattern = MOCK_DAILY, .interval = 1 };
    struct mock_view view;

    (void)state;
    series_add("1990-01-01T09:00:00Z", "1990-01-01T10:00:00Z", "UTC", daily);
    mock_view_open(box, utc("1990-01-01T00:00:00Z"), utc("2190-01-01T00:00:00Z"), &view);
    assert_int_equal(view.count, MOCK_VIEW_MAX);
    assert_true(view.truncated);
    mock_view_close(&view);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_hours, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_days_that_differ, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_mixed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_single_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_before_1970, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bound, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

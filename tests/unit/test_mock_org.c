/* Mailboxes, accounts, items, ids, and times as scenarios have them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "mock_json.h"
#include "mock_org.h"

static const struct gw_now now = { 5, 1700000000000 };

static struct mock_mailbox *box_add(struct mock_org *org, const char *address)
{
    struct mock_mailbox_args args = { .address = gw_str_of(address) };
    struct mock_mailbox *box;

    assert_int_equal(mock_mailbox_add(org, &args, &box, NULL), GW_OK);
    return box;
}

static const struct mock_item *item_add(struct mock_org *org, struct mock_mailbox *box,
                                        gw_utc start, gw_utc end)
{
    struct mock_item_data data = { .start = start * 1000, .end = end * 1000, .busy = GW_BUSY_BUSY };
    const struct mock_item *item;

    assert_int_equal(mock_item_add(org, box, &data, NULL, now, &item, NULL), GW_OK);
    return item;
}

static void test_mailboxes_are_found(void **state)
{
    struct mock_org *org = mock_org_new();
    struct gw_str aliases[] = { GW_STR_INIT("a@example"), GW_STR_INIT("A@example") };
    struct mock_mailbox_args args = { .address = GW_STR("Ann@Example"),
                                      .upn = GW_STR("ann.k@corp"),
                                      .aliases = aliases,
                                      .alias_count = 2 };
    struct mock_mailbox *box;
    struct gw_err err;
    size_t pos = 0;

    (void)state;
    assert_int_equal(mock_mailbox_add(org, &args, &box, &err), GW_OK);
    assert_string_equal(box->display, "Ann");
    assert_int_equal(box->alias_count, 1);
    assert_ptr_equal(mock_mailbox_by_smtp(org, GW_STR("ANN@EXAMPLE")), box);
    assert_ptr_equal(mock_mailbox_by_smtp(org, GW_STR("a@Example")), box);
    assert_ptr_equal(mock_mailbox_by_upn(org, GW_STR("Ann.K@corp")), box);
    assert_null(mock_mailbox_by_upn(org, GW_STR("ann@example")));
    assert_ptr_equal(mock_mailbox_by_number(org, box->number), box);
    assert_int_equal(mock_mailbox_add(org, &args, &box, &err), GW_EXISTS);
    mock_mailbox_remove(org, box);
    assert_null(mock_mailbox_by_smtp(org, GW_STR("a@example")));
    assert_null(mock_mailbox_by_number(org, box->number));
    assert_null(mock_mailbox_next(org, &pos));
    assert_int_equal(mock_mailbox_count(org), 0);
    mock_org_free(&org);
}

static void test_bad_addresses(void **state)
{
    static const char *const bad[] = { "", "x", "@x", "x@", "a b@c", "a@b\n", "a\xff@b" };
    struct mock_org *org = mock_org_new();
    struct mock_mailbox *box;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct mock_mailbox_args args = { .address = gw_str_of(bad[i]) };

        assert_int_equal(mock_mailbox_add(org, &args, &box, NULL), GW_INVALID);
    }
    mock_org_free(&org);
}

static const struct {
    gw_utc from, to;
    const char *found; /* letters of the items a..e */
} window_case[] = {
    { 0, 5, "" },       { 0, 10, "" },       { 0, 11, "a" },    { 19, 20, "a" },
    { 20, 20, "a" },    { 20, 21, "ab" },    { 15, 35, "abc" }, { 31, 39, "c" },
    { 99, 101, "ce" },  { 100, 200, "ce" },  { 101, 200, "e" }, { 500, 501, "e" },
    { 1001, 2000, "" }, { 0, 9999, "abce" },
};

static void test_windows(void **state)
{
    struct mock_org *org = mock_org_new();
    struct mock_mailbox *box = box_add(org, "ann@example");
    const struct mock_item *item[5];

    (void)state;
    item[4] = item_add(org, box, 99, 1000); /* long: found from far behind its start */
    item[2] = item_add(org, box, 30, 100);
    item[0] = item_add(org, box, 10, 20);
    item[3] = item_add(org, box, 25, 26);
    item[1] = item_add(org, box, 20, 30);
    mock_item_delete(org, item[3], false, now);
    for (size_t i = 0; i < sizeof(window_case) / sizeof(*window_case); i++) {
        struct mock_view view;
        char letters[8] = "";

        mock_view_open(box, window_case[i].from * 1000, window_case[i].to * 1000, &view);
        for (size_t n = 0; n < view.count; n++)
            for (int k = 0; k < 5; k++)
                if (k != 3 && item[k]->number == view.items[n].number)
                    letters[n] = (char)('a' + k);
        assert_string_equal(letters, window_case[i].found);
        mock_view_close(&view);
    }
    mock_org_free(&org);
}

struct seen {
    struct mock_change last;
    unsigned count;
};

static void see(const struct mock_change *change, struct gw_now at, void *ctx)
{
    struct seen *seen = ctx;

    assert_int_equal(at.utc, now.utc);
    seen->last = *change;
    seen->count++;
}

static void test_changes_are_told(void **state)
{
    struct mock_org *org = mock_org_new();
    struct mock_mailbox *box = box_add(org, "ann@example");
    struct seen seen = { .count = 0 };
    struct mock_item_data data;
    const struct mock_item *item;

    (void)state;
    mock_org_observe(org, see, &seen);
    item = item_add(org, box, 100, 200);
    assert_int_equal(seen.last.kind, MOCK_CREATED);
    assert_true(seen.last.free_busy);
    data = item->data;
    data.subject = (char *)"Plans";
    assert_int_equal(mock_item_change(org, item, &data, NULL, now, NULL), GW_OK);
    assert_int_equal(seen.last.kind, MOCK_MODIFIED);
    assert_false(seen.last.free_busy);
    data = item->data;
    data.end += 999; /* a fraction of a second: nothing to Exchange */
    assert_int_equal(mock_item_change(org, item, &data, NULL, now, NULL), GW_OK);
    assert_int_equal(item->data.end, 200000);
    data.end = 0;
    assert_int_equal(mock_item_change(org, item, &data, NULL, now, NULL), GW_INVALID);
    assert_int_equal(seen.count, 3);
    assert_int_equal(item->change, 3);
    mock_item_delete(org, item, true, now);
    assert_int_equal(seen.last.kind, MOCK_MOVED);
    assert_int_equal(mock_item_count(org), 0);
    mock_org_free(&org);
}

static void test_rights(void **state)
{
    struct gw_str allowed[] = { GW_STR_INIT("@B.example"), GW_STR_INIT("ann@a.example") };
    struct mock_account_args args = { .name = GW_STR("svc"),
                                      .rights = MOCK_RIGHTS_LIST,
                                      .mailbox = GW_STR("me@c.example"),
                                      .allowed = allowed,
                                      .allowed_count = 2 };
    struct mock_org *org = mock_org_new();
    const struct mock_account *account;

    (void)state;
    assert_int_equal(mock_account_put(org, &args, NULL), GW_OK);
    account = mock_account_find(org, GW_STR("svc"));
    assert_true(mock_account_may(account, box_add(org, "x@b.example")));
    assert_true(mock_account_may(account, box_add(org, "ann@a.example")));
    assert_true(mock_account_may(account, box_add(org, "me@c.example")));
    assert_false(mock_account_may(account, box_add(org, "bob@a.example")));
    assert_false(mock_account_may(account, box_add(org, "x@bb.example")));
    mock_org_free(&org);
}

static void test_ids(void **state)
{
    uint32_t box;
    uint64_t number;
    int64_t day;
    enum mock_folder folder;
    char *a = mock_id_subscription(MOCK_ID_SERVER, "cas1", 7, 1);
    char *b = mock_id_subscription(MOCK_ID_SERVER, "cas1", 7, 1);
    char *guid = mock_id_subscription(MOCK_ID_GUID, "cas1", 7, 1);
    char *longer = mock_id_subscription(MOCK_ID_SERVER_MAILBOX, "cas1", 7, 1);

    (void)state;
    assert_true(mock_id_item_parse(gw_str_of(mock_id_item(7, 1ull << 40).s), &box, &number, &day));
    assert_int_equal(box, 7);
    assert_int_equal(number, 1ull << 40);
    assert_int_equal(day, MOCK_NO_DAY);
    assert_true(mock_id_item_parse(gw_str_of(mock_id_occurrence(7, 5, -3).s), &box, &number, &day));
    assert_int_equal(number, 5);
    assert_int_equal(day, -3);
    assert_true(
        mock_id_folder_parse(gw_str_of(mock_id_folder(9, MOCK_FOLDER_CALENDAR).s), &box, &folder));
    assert_int_equal(box, 9);
    assert_int_equal(folder, MOCK_FOLDER_CALENDAR);
    assert_true(mock_id_watermark_parse(gw_str_of(mock_id_watermark(3, 12345).s), &box, &number));
    assert_int_equal(number, 12345);
    assert_false(mock_id_item_parse(gw_str_of(mock_id_watermark(3, 12345).s), &box, &number, &day));
    assert_false(mock_id_folder_parse(GW_STR("AwEAAAD/"), &box, &folder));
    assert_false(mock_id_folder_parse(GW_STR(""), &box, &folder));
    assert_false(mock_id_item_parse(GW_STR("%%%"), &box, &number, &day));
    assert_string_not_equal(a, b);
    assert_int_equal(strlen(guid), 36);
    assert_true(strlen(longer) > strlen(a));
    free(a);
    free(b);
    free(guid);
    free(longer);
}

static const struct {
    const char *text;
    int64_t ms; /* -1: refused */
} span_case[] = {
    { "5s", 5000 },     { "1h30m", 5400000 },
    { "500ms", 500 },   { "2d", 172800000 },
    { "0s", 0 },        { "1m2s3ms", 62003 },
    { "5", -1 },        { "s", -1 },
    { "5x", -1 },       { "-5s", -1 },
    { "5 s", -1 },      { "1h ", -1 },
    { "1.5h", -1 },     { "99999999999999999d", -1 },
    { "9999999d", -1 }, { "1s1s1s1s1s1s", -1 },
};

static void test_spans(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(span_case) / sizeof(*span_case); i++) {
        int64_t ms = -1;

        assert_int_equal(mock_span_parse(gw_str_of(span_case[i].text), &ms), span_case[i].ms >= 0);
        assert_int_equal(ms, span_case[i].ms);
    }
}

static const struct {
    const char *text;
    bool ok;
    gw_utc at;
} moment_case[] = {
    { "now", true, 1700000000000 },
    { "+5s", true, 1700000005000 },
    { "-1m", true, 1699999940000 },
    { "in 5s", true, 1700000005000 },
    { "1970-01-01T00:00:01Z", true, 1000 },
    { "+", false, 0 },
    { "", false, 0 },
    { "soon", false, 0 },
    { "+5", false, 0 },
    { "in  5s", false, 0 },
};

static void test_moments(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(moment_case) / sizeof(*moment_case); i++) {
        gw_utc t = 0;

        assert_int_equal(mock_moment_parse(gw_str_of(moment_case[i].text), now.utc, &t),
                         moment_case[i].ok);
        assert_int_equal(t, moment_case[i].at);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mailboxes_are_found),
        cmocka_unit_test(test_bad_addresses),
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_changes_are_told),
        cmocka_unit_test(test_rights),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_spans),
        cmocka_unit_test(test_moments),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

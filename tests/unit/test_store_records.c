/* Records go in, come back in order, survive a restart, and batches are whole or not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gw_buf.h"
#include "store.h"

static struct store *open_memory(void)
{
    struct store_args args = { .path = ":memory:" };
    struct store *s = NULL;
    struct gw_err err = { 0 };

    if (store_open(&args, &s, &err))
        fail_msg("%s", err.msg);
    return s;
}

struct seen {
    struct gw_buf text; /* "key=owner:value " for each record */
    unsigned records, done;
    enum gw_code code;
    struct store *store;
};

static void seen_init(struct seen *seen)
{
    memset(seen, 0, sizeof(*seen));
    gw_buf_init(&seen->text, 1 << 20);
}

static void on_record(const struct store_record *r, void *ctx)
{
    struct seen *seen = ctx;

    seen->records++;
    if (r->value.len < 100)
        gw_buf_addf(&seen->text, "%.*s=%.*s:%.*s ", GW_STR_ARG(r->key), GW_STR_ARG(r->owner),
                    GW_STR_ARG(r->value));
}

static void on_done(const struct gw_err *result, void *ctx)
{
    struct seen *seen = ctx;

    seen->done++;
    seen->code = result->code;
}

static void expect(struct store *s, const char *kind, const char *owner, const char *text)
{
    struct gw_str o = gw_str_of(owner);
    struct seen seen;

    seen_init(&seen);
    store_load(s, kind, owner ? &o : NULL, on_record, on_done, &seen);
    assert_int_equal(seen.done, 0);
    store_wait(s);
    assert_int_equal(seen.done, 1);
    assert_int_equal(seen.code, GW_OK);
    gw_buf_add_cstr(&seen.text, "");
    assert_string_equal(seen.text.p ? seen.text.p : "", text);
    gw_buf_done(&seen.text);
}

/* A script of changes: op, kind, key, owner, value; "commit" ends a batch. */
static void test_changes(void **state)
{
    static const struct {
        char op;
        const char *kind, *key, *owner, *value;
    } step[] = {
        { 'p', "user", "b", "x", "1" },
        { 'p', "user", "a", "", "2" },
        { 'p', "user", "c", "x", "3" },
        { 'c', 0, 0, 0, 0 },
        { 'p', "user", "a", "y", "4" },
        { 'p', "gateway", "a", "x", "5" },
        { 'd', "user", "nobody", 0, 0 },
        { 'c', 0, 0, 0, 0 },
        { 'p', "user", "aa", "x", "6" },
        { 'd', "user", "b", 0, 0 },
        { 'c', 0, 0, 0, 0 },
    };
    struct store *s = open_memory();
    struct store_batch *b = store_batch_new();

    (void)state;
    for (size_t i = 0; i < sizeof(step) / sizeof(step[0]); i++) {
        struct gw_str key = gw_str_of(step[i].key), owner = gw_str_of(step[i].owner);

        if (step[i].op == 'p') {
            store_put(b, step[i].kind, key, owner, gw_str_of(step[i].value));
        } else if (step[i].op == 'd') {
            store_del(b, step[i].kind, key);
        } else {
            store_commit(s, &b, NULL, NULL);
            assert_null(b);
            b = store_batch_new();
        }
    }
    expect(s, "user", NULL, "a=y:4 aa=x:6 c=x:3 ");
    expect(s, "user", "x", "aa=x:6 c=x:3 ");
    expect(s, "user", "", "");
    expect(s, "gateway", NULL, "a=x:5 ");
    expect(s, "use", NULL, "");

    store_del_owner(b, "user", GW_STR("x"));
    store_del_owner(b, "gateway", GW_STR(""));
    store_commit(s, &b, NULL, NULL);
    expect(s, "user", NULL, "a=y:4 ");
    expect(s, "gateway", NULL, "a=x:5 ");
    store_close(&s);
    assert_null(s);
}

static void test_any_bytes(void **state)
{
    struct store *s = open_memory();
    struct store_batch *b = store_batch_new();

    (void)state;
    store_put(b, "k", GW_STR("a\0b"), GW_STR("o\0"), GW_STR("'; DROP TABLE record; --\0\xff"));
    store_put(b, "k", GW_STR(""), GW_STR(""), GW_STR(""));
    store_put(b, "k", GW_STR("\xff"), GW_STR(""), GW_STR("last"));
    store_commit(s, &b, NULL, NULL);
    {
        struct seen seen;

        seen_init(&seen);
        store_load(s, "k", &GW_STR("o\0"), on_record, on_done, &seen);
        store_wait(s);
        assert_int_equal(seen.records, 1);
        gw_buf_done(&seen.text);
    }
    expect(s, "k", "o", "");
    store_close(&s);
}

/* Too long: refused whole, the neighbours stay. */
static void test_bounds(void **state)
{
    static const struct {
        size_t key, owner, value;
        enum gw_code code;
    } c[] = {
        { STORE_KEY_MAX, STORE_KEY_MAX, STORE_VALUE_MAX, GW_OK },
        { STORE_KEY_MAX + 1, 0, 0, GW_LIMIT },
        { 1, STORE_KEY_MAX + 1, 0, GW_LIMIT },
        { 1, 0, STORE_VALUE_MAX + 1, GW_LIMIT },
    };
    char *big = calloc(1, STORE_VALUE_MAX + 1);

    (void)state;
    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
        struct store *s = open_memory();
        struct store_batch *b = store_batch_new();
        struct seen seen;

        seen_init(&seen);
        store_put(b, "k", GW_STR("before"), GW_STR(""), GW_STR("1"));
        store_put(b, "k", (struct gw_str){ big, c[i].key }, (struct gw_str){ big, c[i].owner },
                  (struct gw_str){ big, c[i].value });
        store_commit(s, &b, on_done, &seen);
        assert_int_equal(seen.done, 0);
        store_wait(s);
        assert_int_equal(seen.done, 1);
        assert_int_equal(seen.code, c[i].code);
        store_load(s, "k", NULL, on_record, on_done, &seen);
        store_wait(s);
        assert_int_equal(seen.records, c[i].code ? 0 : 2);
        gw_buf_done(&seen.text);
        store_close(&s);
    }
    free(big);
}

static void on_order(const struct gw_err *result, void *ctx)
{
    struct seen *seen = ctx;

    assert_int_equal(result->code, GW_OK);
    gw_buf_addf(&seen->text, "%u ", seen->done++);
    if (seen->done == 2) { /* from a callback: goes behind what waits */
        struct store_batch *b = store_batch_new();

        store_put(b, "k", GW_STR("late"), GW_STR(""), GW_STR("1"));
        store_commit(seen->store, &b, on_done, seen);
    }
}

/* Loads see what was committed before them and not what comes after; empty batches work. */
static void test_order(void **state)
{
    struct store *s = open_memory();
    struct store_batch *b;
    struct seen seen, early, late;

    (void)state;
    seen_init(&seen);
    seen_init(&early);
    seen_init(&late);
    seen.store = s;
    for (unsigned i = 0; i < 6; i++) {
        char key[16];

        snprintf(key, sizeof(key), "k%u", i);
        b = store_batch_new();
        if (i != 4)
            store_put(b, "k", gw_str_of(key), GW_STR(""), GW_STR("1"));
        store_commit(s, &b, i == 1 || i == 4 ? on_order : NULL, &seen);
        if (i == 2)
            store_load(s, "k", NULL, on_record, on_done, &early);
    }
    store_load(s, "k", NULL, on_record, on_done, &late);
    store_wait(s);
    assert_int_equal(early.records, 3);
    assert_int_equal(late.records, 5);
    assert_int_equal(seen.done, 3); /* two, and the one from the callback */
    expect(s, "k", NULL, "k0=:1 k1=:1 k2=:1 k3=:1 k5=:1 late=:1 ");
    gw_buf_done(&seen.text);
    gw_buf_done(&early.text);
    gw_buf_done(&late.text);
    store_close(&s);
}

/* Done callbacks come with the closing, too. */
static void test_close_delivers(void **state)
{
    struct store *s = open_memory();
    struct seen seen;

    (void)state;
    seen_init(&seen);
    for (int i = 0; i < 1000; i++) {
        struct store_batch *b = store_batch_new();

        store_put(b, "k", GW_STR("same"), GW_STR(""), GW_STR("1"));
        store_commit(s, &b, on_done, &seen);
    }
    store_load(s, "k", NULL, on_record, on_done, &seen);
    store_close(&s);
    assert_int_equal(seen.done, 1001);
    assert_int_equal(seen.records, 1);
    gw_buf_done(&seen.text);
}

static void test_batch_unused(void **state)
{
    struct store_batch *b = store_batch_new();

    (void)state;
    store_put(b, "k", GW_STR("a"), GW_STR(""), GW_STR("1"));
    store_batch_free(&b);
    assert_null(b);
    store_batch_free(&b);
}

enum { MANY = 100 * 1000 };

static void on_count(const struct store_record *r, void *ctx)
{
    unsigned *count = ctx;

    (void)r;
    ++*count;
}

static void on_nothing(const struct gw_err *result, void *ctx)
{
    (void)result;
    (void)ctx;
}

/* A hundred thousand changes share few transactions; a dispatch does only a part of a load. */
static void test_many(void **state)
{
    struct store *s = open_memory();
    struct store_stats stats;
    struct seen seen;
    unsigned count = 0;

    (void)state;
    seen_init(&seen);
    for (unsigned i = 0; i < MANY; i++) {
        struct store_batch *b = store_batch_new();
        char key[32];

        snprintf(key, sizeof(key), "user%u@example.com", i);
        store_put(b, "user", gw_str_of(key), GW_STR(""), GW_STR("{\"mail\":\"someone\"}"));
        store_commit(s, &b, on_done, &seen);
    }
    store_wait(s);
    assert_int_equal(seen.done, MANY);
    store_stats(s, &stats);
    assert_int_equal(stats.batches, MANY);
    assert_int_equal(stats.queued_batches, 0);
    assert_int_equal(stats.queued_bytes, 0);
    assert_true(stats.transactions < MANY / 10);
    assert_false(stats.is_refused);

    store_load(s, "user", NULL, on_count, on_nothing, &count);
    while (!count)
        store_dispatch(s);
    assert_in_range(count, 1, 1000);
    store_wait(s);
    assert_int_equal(count, MANY);
    gw_buf_done(&seen.text);
    store_close(&s);
}

static void expect_range(struct store *s, struct store_range range, const char *text)
{
    struct seen seen;

    seen_init(&seen);
    store_load_range(s, "h", &range, on_record, on_done, &seen);
    store_wait(s);
    assert_int_equal(seen.done, 1);
    assert_int_equal(seen.code, GW_OK);
    gw_buf_add_cstr(&seen.text, "");
    assert_string_equal(seen.text.p, text);
    gw_buf_done(&seen.text);
}

/* A part of a history: from either end, of everybody or one owner; and its beginning is dropped. */
static void test_ranges(void **state)
{
    struct store *s = open_memory();
    struct store_batch *b = store_batch_new();
    char key[8];

    (void)state;
    for (int i = 1; i <= 6; i++) {
        snprintf(key, sizeof(key), "%02d", i);
        store_put(b, "h", gw_str_of(key), i % 2 ? GW_STR("odd") : GW_STR(""), GW_STR("v"));
        store_put(b, "other", gw_str_of(key), GW_STR("odd"), GW_STR("v"));
    }
    store_commit(s, &b, NULL, NULL);
    expect_range(s, (struct store_range){ GW_STR("02"), GW_STR("05"), GW_STR(""), 9, false },
                 "02=:v 03=odd:v 04=:v ");
    expect_range(s, (struct store_range){ GW_STR("02"), GW_STR("05"), GW_STR(""), 2, true },
                 "04=:v 03=odd:v ");
    expect_range(s, (struct store_range){ GW_STR(""), GW_STR("99"), GW_STR("odd"), 2, true },
                 "05=odd:v 03=odd:v ");
    expect_range(s, (struct store_range){ GW_STR(""), GW_STR("99"), GW_STR("odd"), 1, false },
                 "01=odd:v ");
    expect_range(s, (struct store_range){ GW_STR("05"), GW_STR("05"), GW_STR(""), 1, false }, "");
    expect_range(s, (struct store_range){ GW_STR(""), GW_STR("99"), GW_STR("even"), 1, false }, "");

    b = store_batch_new();
    store_del_range(b, "h", GW_STR("00"), GW_STR("05"));
    store_commit(s, &b, NULL, NULL);
    expect_range(s, (struct store_range){ GW_STR(""), GW_STR("99"), GW_STR(""), 9, false },
                 "05=odd:v 06=:v ");
    expect(s, "other", NULL, "01=odd:v 02=odd:v 03=odd:v 04=odd:v 05=odd:v 06=odd:v ");
    store_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changes),        cmocka_unit_test(test_any_bytes),
        cmocka_unit_test(test_bounds),         cmocka_unit_test(test_order),
        cmocka_unit_test(test_close_delivers), cmocka_unit_test(test_batch_unused),
        cmocka_unit_test(test_many),           cmocka_unit_test(test_ranges),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

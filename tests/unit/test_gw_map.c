#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "gw_map.h"
#include "gw_mem.h"

struct item {
    char key[24];
    bool is_in;
    unsigned seen;
};

static struct gw_str key_of(const struct item *i)
{
    return gw_str_of(i->key);
}

static void sets_and_gets(void **state)
{
    struct gw_map *map = gw_map_new();
    int a, b;

    (void)state;
    assert_null(gw_map_get(map, GW_STR("x")));
    assert_null(gw_map_remove(map, GW_STR("x")));
    assert_null(gw_map_set(map, GW_STR("x"), &a));
    assert_ptr_equal(gw_map_get(map, GW_STR("x")), &a);
    assert_null(gw_map_get(map, GW_STR("X")));
    assert_ptr_equal(gw_map_set(map, GW_STR("x"), &b), &a);
    assert_int_equal(gw_map_len(map), 1);
    assert_null(gw_map_set(map, (struct gw_str){ NULL, 0 }, &a)); /* the empty key is a key */
    assert_ptr_equal(gw_map_get(map, GW_STR("")), &a);
    assert_int_equal(gw_map_len(map), 2);
    assert_ptr_equal(gw_map_remove(map, GW_STR("x")), &b);
    assert_null(gw_map_get(map, GW_STR("x")));
    assert_int_equal(gw_map_len(map), 1);
    gw_map_free(&map);
    assert_null(map);
    gw_map_free(&map);
}

/* The key of an entry lives in its value: a new value brings its own key. */
static void key_is_replaced(void **state)
{
    struct gw_map *map = gw_map_new();
    char *old = gw_str_dup(GW_STR("key")), *fresh = gw_str_dup(GW_STR("key"));

    (void)state;
    gw_map_set(map, gw_str_of(old), old);
    assert_ptr_equal(gw_map_set(map, gw_str_of(fresh), fresh), old);
    free(old);
    assert_ptr_equal(gw_map_get(map, GW_STR("key")), fresh);
    gw_map_free(&map);
    free(fresh);
}

static void check(const struct gw_map *map, struct item *items, size_t count)
{
    size_t pos = 0, in = 0;
    struct item *it;

    while ((it = gw_map_next(map, &pos))) {
        assert_true(it->is_in);
        it->seen++;
    }
    for (size_t i = 0; i < count; i++) {
        assert_ptr_equal(gw_map_get(map, key_of(&items[i])), items[i].is_in ? &items[i] : NULL);
        assert_int_equal(items[i].seen, items[i].is_in);
        items[i].seen = 0;
        in += items[i].is_in;
    }
    assert_int_equal(gw_map_len(map), in);
}

/* Many random sets and removes against a plain array. */
static void agrees_with_an_array(void **state)
{
    enum { ITEMS = 3000, STEPS = 60000 };
    struct gw_map *map = gw_map_new();
    struct item *items = gw_alloc(ITEMS * sizeof(*items));
    uint32_t random = 1;

    (void)state;
    for (size_t i = 0; i < ITEMS; i++)
        snprintf(items[i].key, sizeof(items[i].key), "user%zu", i);
    for (int step = 0; step < STEPS; step++) {
        struct item *it;

        random = random * 1664525 + 1013904223;
        it = &items[random / 65536 * 31 % ITEMS];
        /* The mix drifts, so that the table fills, empties, and fills again. */
        if (random % 100 < (step / 10000 % 2 ? 20u : 80u)) {
            assert_ptr_equal(gw_map_set(map, key_of(it), it), it->is_in ? it : NULL);
            it->is_in = true;
        } else {
            assert_ptr_equal(gw_map_remove(map, key_of(it)), it->is_in ? it : NULL);
            it->is_in = false;
        }
        if (step % 5000 == 0)
            check(map, items, ITEMS);
    }
    check(map, items, ITEMS);
    gw_map_free(&map);
    free(items);
}

/* Every entry exactly once, although the one just returned is removed. */
static void removal_while_iterating(void **state)
{
    enum { ITEMS = 1000 };
    struct gw_map *map = gw_map_new();
    struct item *items = gw_alloc(ITEMS * sizeof(*items)), *it;
    size_t pos = 0, n = 0;

    (void)state;
    for (size_t i = 0; i < ITEMS; i++) {
        snprintf(items[i].key, sizeof(items[i].key), "%zu", i);
        gw_map_set(map, key_of(&items[i]), &items[i]);
    }
    while ((it = gw_map_next(map, &pos))) {
        assert_int_equal(it->seen++, 0);
        if (n++ % 3)
            gw_map_remove(map, key_of(it));
    }
    assert_int_equal(n, ITEMS);
    assert_int_equal(gw_map_len(map), 334);
    pos = 0;
    while ((it = gw_map_next(map, &pos)))
        gw_map_remove(map, key_of(it));
    assert_int_equal(gw_map_len(map), 0);
    gw_map_set(map, key_of(&items[0]), &items[0]);
    assert_ptr_equal(gw_map_get(map, key_of(&items[0])), &items[0]);
    gw_map_free(&map);
    free(items);
}

/* Some are looked at, then others come and go, and so on: whoever was there all the time is met, and met
 * again only when the order has changed, which is seldom. */
static void iterates_with_pauses(void **state)
{
    enum { ITEMS = 3000, THERE = 1000, LOOKS = 4, CHANGES = 20 };
    struct gw_map *map = gw_map_new();
    struct item *items = gw_alloc(ITEMS * sizeof(*items)), *it;
    size_t pos = 0, added = THERE, times = 0;
    uint64_t order = gw_map_order(map);
    bool is_over = false;

    (void)state;
    for (size_t i = 0; i < ITEMS; i++)
        snprintf(items[i].key, sizeof(items[i].key), "%zu", i);
    for (size_t i = 0; i < THERE; i++)
        gw_map_set(map, key_of(&items[i]), &items[i]);
    while (!is_over) {
        if (order != gw_map_order(map)) {
            order = gw_map_order(map);
            pos = 0;
            times++;
        }
        for (int i = 0; i < LOOKS && !is_over; i++) {
            it = gw_map_next(map, &pos);
            if (it)
                it->seen++;
            is_over = !it;
        }
        for (int i = 0; i < CHANGES && added < ITEMS; i++, added++) {
            gw_map_set(map, key_of(&items[added]), &items[added]);
            gw_map_remove(map, key_of(&items[added - THERE / 2]));
        }
    }
    assert_in_range(times, 2, 10);
    for (size_t i = 0; i < THERE / 2; i++)
        assert_in_range(items[i].seen, 1, times);
    gw_map_free(&map);
    free(items);
}

/* Sessions come and go for months: graves must not fill the table. */
static void churn(void **state)
{
    enum { ITEMS = 100, STEPS = 200000 };
    struct gw_map *map = gw_map_new();
    struct item *items = gw_alloc(ITEMS * sizeof(*items));

    (void)state;
    for (size_t i = 0; i < STEPS; i++) {
        struct item *it = &items[i % ITEMS];

        if (it->is_in)
            assert_ptr_equal(gw_map_remove(map, key_of(it)), it);
        snprintf(it->key, sizeof(it->key), "%zu", i);
        it->is_in = true;
        assert_null(gw_map_set(map, key_of(it), it));
    }
    assert_int_equal(gw_map_len(map), ITEMS);
    check(map, items, ITEMS);
    gw_map_free(&map);
    free(items);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_and_gets),        cmocka_unit_test(key_is_replaced),
        cmocka_unit_test(agrees_with_an_array), cmocka_unit_test(removal_while_iterating),
        cmocka_unit_test(iterates_with_pauses), cmocka_unit_test(churn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

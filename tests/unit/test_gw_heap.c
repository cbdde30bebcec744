#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "gw_heap.h"
#include "gw_list.h"
#include "gw_mem.h"

static void in_order(void **state)
{
    struct gw_heap h;
    struct gw_due a = { 0 }, b = { 0 }, c = { 0 };

    (void)state;
    gw_heap_init(&h);
    assert_null(gw_heap_first(&h));
    assert_null(gw_heap_pop_due(&h, INT64_MAX));
    gw_heap_set(&h, &a, 30);
    gw_heap_set(&h, &b, 10);
    gw_heap_set(&h, &c, 20);
    assert_ptr_equal(gw_heap_first(&h), &b);
    gw_heap_set(&h, &b, 40); /* moves */
    assert_ptr_equal(gw_heap_first(&h), &c);
    gw_heap_set(&h, &a, 5);
    assert_ptr_equal(gw_heap_first(&h), &a);
    assert_int_equal(h.len, 3);
    assert_null(gw_heap_pop_due(&h, 4));
    assert_ptr_equal(gw_heap_pop_due(&h, 5), &a);
    assert_int_equal(a.pos, 0);
    gw_heap_remove(&h, &a); /* no harm */
    gw_heap_remove(&h, &c);
    assert_ptr_equal(gw_heap_pop_due(&h, 100), &b);
    assert_null(gw_heap_first(&h));
    gw_heap_set(&h, &c, INT64_MIN);
    gw_heap_done(&h);
    assert_int_equal(c.pos, 0);
}

static void check(const struct gw_heap *h, const struct gw_due *nodes, size_t count)
{
    int64_t earliest = INT64_MAX;
    size_t in = 0;

    for (size_t i = 0; i < count; i++) {
        if (!nodes[i].pos)
            continue;
        in++;
        assert_ptr_equal(h->node[nodes[i].pos - 1], &nodes[i]);
        if (nodes[i].at < earliest)
            earliest = nodes[i].at;
    }
    assert_int_equal(h->len, in);
    if (in)
        assert_true(gw_heap_first(h)->at == earliest);
}

static void random_operations(void **state)
{
    enum { NODES = 500, STEPS = 40000 };
    struct gw_due *nodes = gw_alloc(NODES * sizeof(*nodes));
    uint32_t random = 7;
    struct gw_heap h;
    int64_t last = INT64_MIN;
    struct gw_due *due;

    (void)state;
    gw_heap_init(&h);
    for (int step = 0; step < STEPS; step++) {
        struct gw_due *node;

        random = random * 1664525 + 1013904223;
        node = &nodes[random / 65536 % NODES];
        if (random / 16 % 10 < 6)
            gw_heap_set(&h, node, (int64_t)(random / 256 % 1000) - 500);
        else if (random / 16 % 10 < 9)
            gw_heap_remove(&h, node);
        else
            gw_heap_pop_due(&h, INT64_MAX);
        if (step % 100 == 0)
            check(&h, nodes, NODES);
    }
    assert_true(h.len > 100);
    while ((due = gw_heap_pop_due(&h, 499))) {
        assert_true(due->at >= last);
        last = due->at;
    }
    assert_int_equal(h.len, 0);
    gw_heap_done(&h);
    free(nodes);
}

struct member {
    struct gw_list link;
    int n;
};

static void lists(void **state)
{
    struct member m[3] = { { .n = 0 }, { .n = 1 }, { .n = 2 } };
    struct gw_list list, *it, *tmp;
    int want = 0;

    (void)state;
    gw_list_init(&list);
    assert_true(gw_list_is_empty(&list));
    gw_list_append(&list, &m[1].link);
    gw_list_append(&list, &m[2].link);
    gw_list_prepend(&list, &m[0].link);
    GW_LIST_EACH(&list, it, tmp)
    {
        assert_int_equal(GW_CONTAINER(it, struct member, link)->n, want++);
        gw_list_remove(it);
        gw_list_remove(it); /* twice does no harm */
    }
    assert_int_equal(want, 3);
    assert_true(gw_list_is_empty(&list));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_order),
        cmocka_unit_test(random_operations),
        cmocka_unit_test(lists),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

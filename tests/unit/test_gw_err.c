#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdalign.h>
#include <string.h>

#include "gw_arena.h"
#include "gw_err.h"

static void fails(void **state)
{
    struct gw_err err = { 0 };
    char longest[400];

    (void)state;
    assert_int_equal(gw_fail(&err, GW_TIMEOUT, "no answer in %d s", 3), GW_TIMEOUT);
    assert_int_equal(err.code, GW_TIMEOUT);
    assert_string_equal(err.msg, "no answer in 3 s");
    assert_int_equal(gw_fail_prefix(&err, "gateway '%s': ", "cas1"), GW_TIMEOUT);
    assert_string_equal(err.msg, "gateway 'cas1': no answer in 3 s");
    assert_int_equal(gw_fail(NULL, GW_LIMIT, "nobody listens"), GW_LIMIT);

    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    gw_fail(&err, GW_LIMIT, "%s", longest);
    assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
    assert_int_equal(gw_fail_prefix(&err, "more: "), GW_LIMIT);
    assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
    assert_memory_equal(err.msg, "more: xxx", 9);
    assert_int_equal(gw_fail_prefix(&err, "%s", longest), GW_LIMIT);
    assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
}

/* A message that is cut ends with a whole character. */
static void cuts_characters_whole(void **state)
{
    struct gw_err err;
    char text[300];

    (void)state;
    for (size_t at = 0; at < 5; at++) {
        memset(text, 'x', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        memcpy(text + sizeof(err.msg) - 1 - at, "\xF0\x9F\x98\x80", 4);
        gw_fail(&err, GW_LIMIT, "%s", text);
        assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1 - (at == 4 ? 0 : at));
        assert_true(gw_str_is_utf8(gw_str_of(err.msg)));
    }
}

static void names(void **state)
{
    (void)state;
    assert_string_equal(gw_code_name(GW_OK), "ok");
    assert_string_equal(gw_code_name(GW_UNREACHABLE), "unreachable");
    assert_string_equal(gw_code_name(GW_INTERNAL), "internal");
}

static void arena_hands_out(void **state)
{
    static const char zeros[100];
    struct gw_arena a;
    struct gw_str s;

    (void)state;
    gw_arena_init(&a, 1000000);
    for (size_t size = 0; size < 5000; size += 37) {
        char *p = gw_arena_alloc(&a, size);

        assert_non_null(p);
        assert_int_equal((uintptr_t)p % alignof(max_align_t), 0);
        assert_memory_equal(p, zeros, size < 100 ? size : 100);
        memset(p, 0xAA, size);
        s = gw_arena_dup(&a, GW_STR("odd"));
        assert_string_equal(s.p, "odd");
    }
    s = gw_arena_dup(&a, (struct gw_str){ NULL, 0 });
    assert_string_equal(s.p, "");
    assert_int_equal(s.len, 0);
    gw_arena_done(&a);
    assert_int_equal(a.used, 0);
    assert_non_null(gw_arena_alloc(&a, 10)); /* as after init */
    gw_arena_done(&a);
}

static void arena_is_bounded(void **state)
{
    struct gw_arena a;

    (void)state;
    gw_arena_init(&a, 100);
    assert_non_null(gw_arena_alloc(&a, 60));
    assert_null(gw_arena_alloc(&a, 41));
    assert_null(gw_arena_alloc(&a, SIZE_MAX));
    assert_non_null(gw_arena_alloc(&a, 35));
    assert_int_equal(gw_arena_dup(&a, GW_STR("1234")).len, 4); /* and its NUL */
    assert_null(gw_arena_dup(&a, GW_STR("")).p);
    assert_null(gw_arena_dup(&a, GW_STR("x")).p);
    assert_int_equal(a.used, 100);
    gw_arena_done(&a);
    gw_arena_init(&a, SIZE_MAX);
    assert_non_null(gw_arena_alloc(&a, 1 << 20));
    gw_arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fails),
        cmocka_unit_test(cuts_characters_whole),
        cmocka_unit_test(names),
        cmocka_unit_test(arena_hands_out),
        cmocka_unit_test(arena_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "gw_param.h"

struct settings {
    int64_t spread_s, port;
    int display;
    char *name;
};

static const char *const displays[] = { "display", "hide", NULL };
static const struct gw_param table[] = {
    { "calendar.spread_s", "Calendar Spread (seconds)", "spreads due moments", GW_PARAM_INT,
      offsetof(struct settings, spread_s), 0, 59, "50", "auto", NULL },
    { "calendar.notification_port", "Port", "where Exchange calls", GW_PARAM_INT,
      offsetof(struct settings, port), 1024, 65535, "50020", NULL, NULL },
    { "calendar.oof_display", "Out of Office", "shown or not", GW_PARAM_CHOICE,
      offsetof(struct settings, display), 0, 0, "display", NULL, displays },
    { "gateway.name", "Name", "what it calls itself", GW_PARAM_TEXT,
      offsetof(struct settings, name), 1, 20, "kalends", NULL, NULL },
};
enum { PARAMS = sizeof(table) / sizeof(*table) };

static const struct {
    const char *key, *value, *written; /* NULL: refused */
} set_case[] = {
    { "calendar.spread_s", "0", "0" },
    { "calendar.spread_s", "59", "59" },
    { "calendar.spread_s", "auto", "auto" },
    { "calendar.spread_s", "AUTO", "auto" },
    { "calendar.spread_s", "60", NULL },
    { "calendar.spread_s", "-1", NULL }, /* what the word is stored as */
    { "calendar.spread_s", "", NULL },
    { "calendar.spread_s", "5s", NULL },
    { "calendar.notification_port", "auto", NULL },
    { "calendar.notification_port", "1023", NULL },
    { "calendar.notification_port", "1024", "1024" },
    { "calendar.oof_display", "hide", "hide" },
    { "calendar.oof_display", "Hide", "hide" },
    { "calendar.oof_display", "hid", NULL },
    { "gateway.name", "", NULL },
    { "gateway.name", "a name of 21 bytes...", NULL },
    { "gateway.name", "B\xC3\xBCro", "B\xC3\xBCro" },
    { "gateway.name", "B\xFCro", NULL },
    { "gateway.name", "two\nlines", NULL },
};

static void write(const struct gw_param *p, const struct settings *s, struct gw_buf *out)
{
    gw_buf_reset(out);
    gw_param_write(p, s, out);
}

static void sets(void **state)
{
    struct settings s = { 0 };
    struct gw_buf now;

    (void)state;
    gw_buf_init(&now, 200);
    gw_param_defaults(table, PARAMS, &s);
    for (size_t i = 0; i < PARAMS; i++) {
        write(&table[i], &s, &now);
        assert_string_equal(now.p, table[i].def);
    }
    for (size_t i = 0; i < sizeof(set_case) / sizeof(*set_case); i++) {
        const struct gw_param *p = gw_param_find(table, PARAMS, gw_str_of(set_case[i].key));
        struct gw_err err = { 0 };
        char before[200];
        enum gw_code rc;

        print_message("%s '%s'\n", set_case[i].key, set_case[i].value);
        write(p, &s, &now);
        memcpy(before, now.p, now.len + 1);
        rc = gw_param_set(p, &s, gw_str_of(set_case[i].value), &err);
        assert_int_equal(rc, set_case[i].written ? GW_OK : GW_INVALID);
        write(p, &s, &now);
        assert_string_equal(now.p, rc ? before : set_case[i].written);
        if (rc)
            assert_non_null(strstr(err.msg, set_case[i].key));
    }
    gw_param_settings_done(table, PARAMS, &s);
    assert_null(s.name);
    gw_param_settings_done(table, PARAMS, &s);
    gw_buf_done(&now);
}

static void says_what_is_accepted(void **state)
{
    struct settings s = { 0 };
    struct gw_err err;

    (void)state;
    assert_int_equal(gw_param_set(&table[0], &s, GW_STR("99"), &err), GW_INVALID);
    assert_string_equal(err.msg, "calendar.spread_s: '99' is not accepted: use 0..59, or auto");
    gw_param_set(&table[2], &s, GW_STR("x\n"), &err);
    assert_string_equal(err.msg,
                        "calendar.oof_display: 'x\\x0a' is not accepted: use display or hide");
    gw_param_set(&table[3], &s, GW_STR(""), &err);
    assert_string_equal(err.msg, "gateway.name: '' is not accepted: use text of 1 to 20 bytes");
    assert_int_equal(gw_param_set(&table[0], &s, GW_STR("99"), NULL), GW_INVALID);
    assert_null(gw_param_find(table, PARAMS, GW_STR("calendar.spread")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets),
        cmocka_unit_test(says_what_is_accepted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

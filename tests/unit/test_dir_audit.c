/* The audit trail: what is written for which change, by whom; reading, retention, restart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "dir_audit.h"
#include "gw_log.h"

static char folder[64], db_path[96];
static struct store *store;
static struct dir *dir;
static struct dir_audit *audit;
static struct dir_settings settings;
static struct gw_buf seen;

static void on_ok(const struct gw_err *result, void *ctx)
{
    assert_int_equal(result->code, GW_OK);
    ++*(int *)ctx;
}

static void open_all(void)
{
    struct store_args args = { .path = db_path };
    int loaded = 0;

    assert_int_equal(store_open(&args, &store, NULL), GW_OK);
    dir = dir_new(store);
    audit = dir_audit_new(dir, store, &settings);
    dir_load(dir, on_ok, &loaded);
    dir_audit_load(audit, on_ok, &loaded);
    store_wait(store);
    assert_int_equal(loaded, 2);
}

static void close_all(void)
{
    store_close(&store);
    dir_audit_free(&audit);
    dir_free(&dir);
}

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/kalends-audit-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(db_path, sizeof(db_path), "%s/kalends.db", folder);
    gw_param_defaults(dir_params, dir_param_count, &settings);
    gw_buf_init(&seen, 1 << 20);
    open_all();
    assert_int_equal(dir_domain_add(dir, GW_STR("example.com"), NULL, NULL, NULL), GW_OK);
    return 0;
}

static int teardown(void **state)
{
    char cmd[96];

    (void)state;
    close_all();
    gw_buf_done(&seen);
    snprintf(cmd, sizeof(cmd), "rm -rf %s", folder);
    return system(cmd); /* NOLINT: a test's own folder */
}

static void on_entry(const struct dir_audit_entry *e, void *ctx)
{
    char *details = e->details ? json_dumps(e->details, JSON_COMPACT) : NULL;

    (void)ctx;
    gw_buf_addf(&seen, "%d %lld %s|%s|%s|%s\n", (int)e->number, (long long)e->at, e->by, e->what,
                e->subject, details ? details : "");
    free(details);
}

static void on_end(const struct gw_err *result, void *ctx)
{
    (void)ctx;
    assert_int_equal(result->code, GW_OK);
    gw_buf_add_cstr(&seen, ".");
}

static void expect(const char *subject, uint64_t before, size_t limit, const char *text)
{
    gw_buf_reset(&seen);
    dir_audit_read(audit, gw_str_of(subject), before, limit, on_entry, on_end, NULL);
    store_wait(store);
    assert_string_equal(seen.p, text);
}

static void test_entries(void **state)
{
    const struct gw_str zone = GW_STR_INIT("Asia/Tokyo");
    const struct dir_user_edit nothing = { .mail = NULL }, set = { .zone = &zone };
    json_t *details = json_pack("{s:[s,s]}", "value", "50", "20");
    struct dir_password password;

    (void)state;
    assert_int_equal(dir_password_derive(GW_STR("pencil"), &password, NULL), GW_OK);
    dir_act(dir, GW_STR("uid 0 (root)"), 1000);
    assert_int_equal(dir_user_add(dir, GW_STR("ann@example.com"), &nothing, NULL, NULL, NULL),
                     GW_OK);
    dir_act(dir, GW_STR("uid 7"), 2000);
    assert_int_equal(dir_user_change(dir, GW_STR("ann@example.com"), &set, NULL, NULL, NULL),
                     GW_OK);
    assert_int_equal(dir_user_change(dir, GW_STR("ann@example.com"), &set, NULL, NULL, NULL),
                     GW_OK); /* is so already: nobody has changed anything */
    assert_int_equal(dir_user_change(dir, GW_STR("bob@example.com"), &set, NULL, NULL, NULL),
                     GW_NOTFOUND);
    assert_int_equal(dir_password_put(dir, GW_STR("ann@example.com"), &password, NULL, NULL, NULL),
                     GW_OK);
    dir_act(dir, GW_STR(""), 0);
    dir_audit_add(audit, &(struct dir_audit_entry){ .at = 3000,
                                                    .by = "uid 0",
                                                    .what = "parameter set",
                                                    .subject = "calendar.spread_s",
                                                    .details = details });
    json_decref(details);
    assert_int_equal(dir_user_remove(dir, GW_STR("ann@example.com"), NULL, NULL, NULL), GW_OK);

    close_all(); /* nothing more is written for what a start loads */
    open_all();
    expect(
        "", 0, 10,
        "5 0 kalendsd|user removed|ann@example.com|{\"changed\":{\"zone\":[\"Asia/Tokyo\",\"\"]}}\n"
        "4 3000 uid 0|parameter set|calendar.spread_s|{\"value\":[\"50\",\"20\"]}\n"
        "3 2000 uid 7|password set|ann@example.com|\n"
        "2 2000 uid 7|user changed|ann@example.com|{\"changed\":{\"zone\":[\"\",\"Asia/Tokyo\"]}}\n"
        "1 1000 uid 0 (root)|user added|ann@example.com|{\"changed\":{}}\n.");
    expect("", 3, 1,
           "2 2000 uid 7|user "
           "changed|ann@example.com|{\"changed\":{\"zone\":[\"\",\"Asia/Tokyo\"]}}\n.");
    expect("calendar.spread_s", 0, 10,
           "4 3000 uid 0|parameter set|calendar.spread_s|{\"value\":[\"50\",\"20\"]}\n.");
    expect("nobody", 0, 10, ".");
}

/* What came from outside in another encoding is no reason to say nothing. */
static void test_not_utf8(void **state)
{
    (void)state;
    dir_audit_add(audit, &(struct dir_audit_entry){ .at = 7,
                                                    .by = "uid 5 (J\xf6rg)",
                                                    .what = "gateway removed",
                                                    .subject = "Z\xfcrich" });
    expect("Z\xfcrich", 0, 10, "1 7 'uid 5 (J\\xf6rg)'|gateway removed|'Z\\xfcrich'|\n.");
}

static void add(int count)
{
    for (int i = 0; i < count; i++)
        dir_audit_add(audit,
                      &(struct dir_audit_entry){ .at = i, .by = "b", .what = "w", .subject = "s" });
}

static void test_retention(void **state)
{
    int lines = 0;

    (void)state;
    settings.audit_keep = 300;
    add(750);
    close_all();
    open_all();
    add(150); /* numbers go on */
    gw_buf_reset(&seen);
    dir_audit_read(audit, GW_STR(""), 0, 100000, on_entry, on_end, NULL);
    store_wait(store);
    for (size_t i = 0; i < seen.len; i++)
        lines += seen.p[i] == '\n';
    assert_int_equal(lines, 300);
    assert_true(gw_str_starts(gw_buf_str(&seen), "900 149 b|w|s|\n"));
    settings.audit_keep = 100; /* live */
    add(100);
    expect("", 902, 2, "901 0 b|w|s|\n.");
}

static void no_log(enum gw_log_level level, const char *component, struct gw_str line, void *ctx)
{
    (void)level;
    (void)component;
    (void)line;
    ++*(int *)ctx;
}

static void test_damaged(void **state)
{
    struct store_batch *b = store_batch_new();
    int logged = 0;

    (void)state;
    store_put(b, "audit", GW_STR("0000000000000001"), GW_STR(""), GW_STR("rubbish"));
    store_put(b, "audit", GW_STR("0000000000000002"), GW_STR(""), GW_STR("{\"by\":1}"));
    store_put(b, "audit", GW_STR("x"), GW_STR(""), GW_STR("{}"));
    store_commit(store, &b, NULL, NULL);
    close_all();
    gw_log_set_sink(no_log, &logged);
    open_all();
    gw_buf_reset(&seen);
    dir_audit_read(audit, GW_STR(""), 10, 10, on_entry, on_end, NULL);
    store_wait(store);
    gw_log_set_sink(NULL, NULL);
    assert_string_equal(seen.p, ".");
    assert_int_equal(logged, 2);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_entries),
        TEST(test_not_utf8),
        TEST(test_retention),
        TEST(test_damaged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Domains, users and passwords: changes, what the listeners hear, and the same again after a
 * restart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dir_priv.h"
#include "gw_log.h"

static char folder[64], db_path[96], key_path[96];
static struct store *store;
static struct dir *dir;
static struct gw_buf heard; /* one line for each change */

static const bool yes = true, no = false;

static void tell_view(const struct dir_user *u)
{
    if (!u)
        gw_buf_add_cstr(&heard, "-");
    else
        gw_buf_addf(&heard, "%.*s|%.*s|%.*s|%s%s%s", GW_STR_ARG(u->jid), GW_STR_ARG(u->mail),
                    GW_STR_ARG(u->display_name), u->im_enabled ? "i" : "",
                    u->calendar_enabled ? "c" : "", u->has_password ? "p" : "");
}

static void on_user(const struct dir_user_change *change, void *ctx)
{
    struct dir_user found;
    const struct dir_user *u = change->after ? change->after : change->before;

    (void)ctx;
    assert_int_equal(dir_user_get(dir, u->jid, &found), change->after != NULL);
    assert_true(u->id.len + 1 + u->domain.len == u->jid.len);
    tell_view(change->before);
    gw_buf_add_cstr(&heard, " > ");
    tell_view(change->after);
    gw_buf_addf(&heard, "%s%s\n", change->password_changed ? " password" : "",
                change->loading ? " loading" : "");
}

static void on_domain(struct gw_str domain, bool added, void *ctx)
{
    (void)ctx;
    gw_buf_addf(&heard, "%s %.*s\n", added ? "+" : "-", GW_STR_ARG(domain));
}

static void expect_heard(const char *text)
{
    gw_buf_add_cstr(&heard, "");
    assert_string_equal(heard.p ? heard.p : "", text);
    gw_buf_reset(&heard);
    if (heard.p)
        heard.p[0] = '\0';
}

static void on_ok(const struct gw_err *result, void *ctx)
{
    assert_int_equal(result->code, GW_OK);
    if (ctx)
        ++*(int *)ctx;
}

static void open_all(void)
{
    struct store_args args = { .path = db_path, .seal_key_path = key_path };
    struct dir_listener listener = { on_user, on_domain, &heard };
    int loaded = 0;

    assert_int_equal(store_open(&args, &store, NULL), GW_OK);
    dir = dir_new(store);
    dir_listen(dir, &listener);
    dir_load(dir, on_ok, &loaded);
    assert_int_equal(loaded, 0);
    store_wait(store);
    assert_int_equal(loaded, 1);
}

static void close_all(void)
{
    store_close(&store);
    dir_free(&dir);
}

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/kalends-dir-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(db_path, sizeof(db_path), "%s/kalends.db", folder);
    snprintf(key_path, sizeof(key_path), "%s/seal.key", folder);
    gw_buf_init(&heard, 1 << 20);
    open_all();
    return 0;
}

static int teardown(void **state)
{
    char cmd[96];

    (void)state;
    close_all();
    gw_buf_done(&heard);
    snprintf(cmd, sizeof(cmd), "rm -rf %s", folder);
    return system(cmd); /* NOLINT: a test's own folder */
}

static void test_domains(void **state)
{
    struct gw_err err = { 0 };
    struct dir_domain d;
    size_t pos = 0;
    int done = 0;

    (void)state;
    assert_int_equal(dir_domain_add(dir, GW_STR("Example.com"), on_ok, &done, &err), GW_OK);
    assert_int_equal(dir_domain_add(dir, GW_STR("m\xc3\xbcnchen.example"), NULL, NULL, &err),
                     GW_OK);
    assert_int_equal(done, 0);
    assert_int_equal(dir_domain_add(dir, GW_STR("example.COM."), on_ok, &done, &err), GW_EXISTS);
    assert_int_equal(dir_domain_add(dir, GW_STR("a b"), on_ok, &done, &err), GW_INVALID);
    assert_int_equal(dir_domain_add(dir, GW_STR(""), on_ok, &done, &err), GW_INVALID);
    store_wait(store);
    assert_int_equal(done, 1);
    expect_heard("+ example.com\n+ m\xc3\xbcnchen.example\n");
    assert_int_equal(dir_domain_count(dir), 2);
    while (dir_domain_next(dir, &pos, &d)) {
        if (d.name.p[0] == 'm')
            assert_true(gw_str_is(d.ascii, "xn--mnchen-3ya.example"));
        else
            assert_true(gw_str_is(d.ascii, "example.com"));
    }

    assert_int_equal(
        dir_user_add(dir, GW_STR("a@example.com"), &(struct dir_user_edit){ 0 }, NULL, NULL, &err),
        GW_OK);
    assert_int_equal(dir_domain_remove(dir, GW_STR("example.com"), NULL, NULL, &err), GW_INVALID);
    assert_non_null(strstr(err.msg, "still has 1 user: remove them first"));
    assert_int_equal(dir_user_remove(dir, GW_STR("a@example.com"), NULL, NULL, &err), GW_OK);
    assert_int_equal(dir_domain_remove(dir, GW_STR("EXAMPLE.com"), NULL, NULL, &err), GW_OK);
    assert_int_equal(dir_domain_remove(dir, GW_STR("example.com"), NULL, NULL, &err), GW_NOTFOUND);
    gw_buf_reset(&heard);
    close_all();
    open_all();
    expect_heard("+ m\xc3\xbcnchen.example\n");
}

static void test_users(void **state)
{
    const struct gw_str mail = GW_STR_INIT("Anna@corp.example"), name = GW_STR_INIT("Anna M");
    const struct gw_str empty = GW_STR_INIT("");
    const struct dir_user_edit all = { .mail = &mail,
                                       .display_name = &name,
                                       .im_enabled = &yes,
                                       .calendar_enabled = &yes },
                               nothing = { 0 };
    const struct dir_user_edit no_im = { .im_enabled = &no }, no_mail = { .mail = &empty };
    struct dir_password password;
    struct gw_err err = { 0 };
    int done = 0;

    (void)state;
    assert_int_equal(dir_domain_add(dir, GW_STR("example.com"), NULL, NULL, &err), GW_OK);
    gw_buf_reset(&heard);
    assert_int_equal(dir_user_add(dir, GW_STR("Anna@Example.com"), &all, on_ok, &done, &err),
                     GW_OK);
    assert_int_equal(dir_user_add(dir, GW_STR("bert@example.com"), &nothing, on_ok, &done, &err),
                     GW_OK);
    assert_int_equal(dir_user_add(dir, GW_STR("ANNA@example.com"), &nothing, on_ok, &done, &err),
                     GW_EXISTS);
    expect_heard("- > anna@example.com|Anna@corp.example|Anna M|ic\n"
                 "- > bert@example.com|||\n");

    assert_int_equal(dir_user_change(dir, GW_STR("anna@example.com"), &no_im, on_ok, &done, &err),
                     GW_OK);
    expect_heard("anna@example.com|Anna@corp.example|Anna M|ic > "
                 "anna@example.com|Anna@corp.example|Anna M|c\n");
    assert_int_equal(dir_user_change(dir, GW_STR("anna@example.com"), &no_im, on_ok, &done, &err),
                     GW_OK); /* as it is already */
    assert_int_equal(dir_user_change(dir, GW_STR("anna@example.com"), &nothing, on_ok, &done, &err),
                     GW_OK);
    assert_int_equal(dir_user_change(dir, GW_STR("anna@example.com"), &no_mail, on_ok, &done, &err),
                     GW_INVALID);
    assert_int_equal(dir_user_change(dir, GW_STR("nobody@example.com"), &no_im, on_ok, &done, &err),
                     GW_NOTFOUND);
    expect_heard("");

    assert_int_equal(dir_password_derive(GW_STR("pencil"), &password, NULL), GW_OK);
    assert_int_equal(
        dir_password_put(dir, GW_STR("anna@example.com"), &password, on_ok, &done, &err), GW_OK);
    assert_int_equal(
        dir_password_put(dir, GW_STR("nobody@example.com"), &password, on_ok, &done, &err),
        GW_NOTFOUND);
    expect_heard("anna@example.com|Anna@corp.example|Anna M|c > "
                 "anna@example.com|Anna@corp.example|Anna M|cp password\n");
    store_wait(store);
    assert_int_equal(done, 6);
    assert_null(dir_password_get(dir, GW_STR("bert@example.com")));
    assert_null(dir_password_get(dir, GW_STR("nobody@example.com")));

    close_all();
    open_all();
    expect_heard("+ example.com\n"
                 "- > anna@example.com|Anna@corp.example|Anna M|c loading\n"
                 "- > bert@example.com||| loading\n"
                 "anna@example.com|Anna@corp.example|Anna M|c > "
                 "anna@example.com|Anna@corp.example|Anna M|cp password loading\n");
    assert_memory_equal(dir_password_get(dir, GW_STR("anna@example.com")), &password,
                        sizeof(password));
    assert_int_equal(dir_user_count(dir), 2);
}

/* One who has a password. */
static void add_anna(unsigned digests, struct dir_password *password)
{
    const struct gw_str anna = GW_STR("anna@example.com"), mail = GW_STR_INIT("Anna@corp.example"),
                        name = GW_STR_INIT("Anna M");

    assert_int_equal(dir_domain_add(dir, GW_STR("example.com"), NULL, NULL, NULL), GW_OK);
    assert_int_equal(dir_user_add(dir, anna,
                                  &(struct dir_user_edit){ .mail = &mail,
                                                           .display_name = &name,
                                                           .calendar_enabled = &yes },
                                  NULL, NULL, NULL),
                     GW_OK);
    assert_int_equal(dir_password_derive(GW_STR("pencil"), password, NULL), GW_OK);
    dir_digests_keep(dir, digests);
    dir_digests_derive(dir, anna, GW_STR("pencil"), password);
    assert_int_equal(dir_password_put(dir, anna, password, NULL, NULL, NULL), GW_OK);
    gw_buf_reset(&heard);
}

/* Digests are kept while they are wanted, and go without anybody being told. */
static void test_digests(void **state)
{
    struct dir_password password;
    const struct dir_password *kept;

    (void)state;
    add_anna(DIR_DIGEST_SHA256 | DIR_DIGEST_MD5, &password);
    dir_digests_keep(dir, DIR_DIGEST_SHA256);
    for (size_t pos = 0; dir_digests_trim(dir, &pos);)
        ;
    expect_heard("");
    close_all();
    open_all();
    kept = dir_password_get(dir, GW_STR("anna@example.com"));
    assert_int_equal(kept->digests, DIR_DIGEST_SHA256);
    assert_memory_equal(kept->digest_sha256, password.digest_sha256, 32);
    assert_memory_equal(kept->digest_md5, (uint8_t[16]){ 0 }, 16);
    for (size_t pos = 0; dir_digests_trim(dir, &pos);) /* nothing is wanted after a start */
        ;
    assert_int_equal(kept->digests, 0);
}

/* A change keeps the password; a removal takes it away for good. */
static void test_password_goes_with_its_user(void **state)
{
    const struct dir_user_edit nothing = { 0 };
    struct dir_password password;
    struct gw_err err = { 0 };
    struct dir_user u;

    (void)state;
    add_anna(0, &password);
    assert_true(dir_user_get(dir, GW_STR("anna@example.com"), &u));
    assert_int_equal(dir_user_change(dir, u.jid, &(struct dir_user_edit){ .mail = &u.display_name },
                                     NULL, NULL, &err),
                     GW_INVALID);
    assert_int_equal(dir_user_change(dir, u.jid, &(struct dir_user_edit){ .display_name = &u.mail },
                                     NULL, NULL, &err),
                     GW_OK);
    assert_non_null(dir_password_get(dir, GW_STR("anna@example.com")));
    assert_true(dir_user_get(dir, GW_STR("anna@example.com"), &u));
    assert_int_equal(dir_user_remove(dir, u.jid, NULL, NULL, &err), GW_OK);
    assert_int_equal(dir_user_remove(dir, GW_STR("anna@example.com"), NULL, NULL, &err),
                     GW_NOTFOUND);
    assert_int_equal(dir_user_add(dir, GW_STR("anna@example.com"), &nothing, NULL, NULL, &err),
                     GW_OK);
    assert_null(dir_password_get(dir, GW_STR("anna@example.com")));
    gw_buf_reset(&heard);
    close_all();
    open_all();
    expect_heard("+ example.com\n- > anna@example.com||| loading\n");
}

static void test_refused(void **state)
{
    static const struct {
        struct gw_str jid, mail, name;
        bool calendar;
        enum gw_code code;
        const char *says;
    } c[] = {
        { GW_STR_INIT("a"), GW_STR_INIT(""), GW_STR_INIT(""), false, GW_INVALID, "id@domain" },
        { GW_STR_INIT("a@other.com"), GW_STR_INIT(""), GW_STR_INIT(""), false, GW_NOTFOUND,
          "no domain 'other.com' here: add it first" },
        { GW_STR_INIT("a@example.com"), GW_STR_INIT("x"), GW_STR_INIT(""), false, GW_INVALID,
          "mail address" },
        { GW_STR_INIT("a@example.com"), GW_STR_INIT(""), GW_STR_INIT("\n"), false, GW_INVALID,
          "name has a control character" },
        { GW_STR_INIT("a@example.com"), GW_STR_INIT(""), GW_STR_INIT(""), true, GW_INVALID,
          "needs a mail address" },
    };

    (void)state;
    assert_int_equal(dir_domain_add(dir, GW_STR("example.com"), NULL, NULL, NULL), GW_OK);
    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
        struct dir_user_edit edit = { .mail = &c[i].mail,
                                      .display_name = &c[i].name,
                                      .calendar_enabled = &c[i].calendar };
        struct gw_err err = { 0 };

        if (dir_user_add(dir, c[i].jid, &edit, on_ok, NULL, &err) != c[i].code ||
            !strstr(err.msg, c[i].says))
            fail_msg("case %zu: '%s'", i, err.msg);
    }
    assert_int_equal(dir_user_count(dir), 0);
}

/* Every field that can be set, from the table: changed, told, kept; and cleared again. */
static void test_every_field(void **state)
{
    static const char *const value[DIR_TEXTS] = {
        "a@corp.example", "Anna", "anna@sip.example", "Sales", "ja", "Asia/Tokyo", "vip",
    };
    struct dir_user_form set = { .edit = { 0 } }, clear = { .edit = { 0 } };
    struct gw_err err = { 0 };
    struct dir_user u;
    int done = 0;

    (void)state;
    assert_int_equal(dir_domain_add(dir, GW_STR("example.com"), NULL, NULL, NULL), GW_OK);
    for (int i = 0; i < DIR_EDITABLE; i++) {
        if (i < DIR_TEXTS) {
            dir_form_text(&set, &dir_fields[i], gw_str_of(value[i]));
            dir_form_text(&clear, &dir_fields[i], GW_STR(""));
        } else {
            dir_form_flag(&set, &dir_fields[i], true);
            dir_form_flag(&clear, &dir_fields[i], false);
        }
    }
    assert_int_equal(dir_user_add(dir, GW_STR("a@example.com"), &set.edit, on_ok, &done, &err),
                     GW_OK);
    close_all();
    open_all();
    assert_true(dir_user_get(dir, GW_STR("a@example.com"), &u));
    for (int i = 0; i < DIR_TEXTS; i++)
        assert_true(gw_str_is(dir_user_text(&u, &dir_fields[i]), value[i]));
    assert_true(u.im_enabled && u.calendar_enabled && u.hide_oof);
    assert_true(gw_str_is(u.zone, "Asia/Tokyo") && gw_str_is(u.group, "vip"));

    for (int i = 0; i < DIR_EDITABLE; i++) { /* one by one: each change is seen as one */
        struct dir_user_form one = { .edit = { 0 } };

        gw_buf_reset(&heard);
        if (i < DIR_TEXTS)
            dir_form_text(&one, &dir_fields[i], i ? GW_STR("") : GW_STR("b@corp.example"));
        else
            dir_form_flag(&one, &dir_fields[i], false);
        assert_int_equal(dir_user_change(dir, u.jid, &one.edit, on_ok, &done, &err), GW_OK);
        assert_true(heard.len > 0);
        assert_true(dir_user_get(dir, GW_STR("a@example.com"), &u));
    }
    assert_int_equal(dir_user_change(dir, u.jid, &clear.edit, on_ok, &done, &err), GW_OK);
    close_all();
    open_all();
    assert_true(dir_user_get(dir, GW_STR("a@example.com"), &u));
    for (int i = 0; i < DIR_TEXTS; i++)
        assert_int_equal(dir_user_text(&u, &dir_fields[i]).len, 0);
    assert_false(u.im_enabled || u.calendar_enabled || u.hide_oof);
}

/* As an earlier version wrote it; and with a zone that ICU has forgotten meanwhile. */
static void test_old_records(void **state)
{
    struct store_batch *b = store_batch_new();
    struct dir_user u;

    (void)state;
    store_put(b, "domain", GW_STR("example.com"), GW_STR(""), GW_STR("{}"));
    store_put(b, "user", GW_STR("a@example.com"), GW_STR(""),
              GW_STR("{\"mail\":\"a@corp\",\"name\":\"\",\"im\":true,\"calendar\":true}"));
    store_put(b, "user", GW_STR("b@example.com"), GW_STR(""),
              GW_STR("{\"zone\":\"Mars/Olympus\",\"language\":\"xx\",\"hide_oof\":true}"));
    store_commit(store, &b, on_ok, NULL);
    close_all();
    open_all();
    assert_true(dir_user_get(dir, GW_STR("a@example.com"), &u));
    assert_true(gw_str_is(u.mail, "a@corp") && u.im_enabled && u.calendar_enabled && !u.hide_oof);
    assert_int_equal(u.zone.len, 0);
    assert_true(dir_user_get(dir, GW_STR("b@example.com"), &u));
    assert_true(gw_str_is(u.zone, "Mars/Olympus") && u.hide_oof);
}

static void test_listener_without_functions(void **state)
{
    (void)state;
    dir_listen(dir, &(struct dir_listener){ 0 }); /* hears nothing, and that is fine */
    assert_int_equal(dir_domain_add(dir, GW_STR("example.com"), NULL, NULL, NULL), GW_OK);
    assert_int_equal(
        dir_user_add(dir, GW_STR("a@example.com"), &(struct dir_user_edit){ 0 }, NULL, NULL, NULL),
        GW_OK);
    expect_heard("+ example.com\n- > a@example.com|||\n");
}

static unsigned errors;

static void sink(enum gw_log_level level, const char *component, struct gw_str line, void *ctx)
{
    (void)component;
    (void)line;
    (void)ctx;
    errors += level == GW_LOG_ERROR;
}

/* What cannot be read is said, left where it is, and does not keep the others from loading. */
static void test_damaged_records(void **state)
{
    static const struct {
        const char *kind, *key, *value;
    } c[] = {
        { "domain", "NOT.normal", "{}" },
        { "domain", "a b", "{}" },
        { "user", "good@example.com", "{\"mail\":\"g@corp\",\"new\":[1]}" },
        { "user", "Upper@example.com", "{}" },
        { "user", "nodomain", "{}" },
        { "user", "a@elsewhere.com", "{}" },
        { "user", "b@example.com", "" },
        { "user", "c@example.com", "[]" },
        { "user", "d@example.com", "{\"mail\":5}" },
        { "user", "e@example.com", "{\"im\":\"yes\"}" },
        { "user", "f@example.com", "{\"mail\":\"none\"}" },
        { "credential", "good@example.com", "rubbish" },
        { "credential", "ghost@example.com", "rubbish" },
    };
    struct store_batch *b = store_batch_new();
    struct gw_buf moved;

    (void)state;
    assert_int_equal(dir_domain_add(dir, GW_STR("example.com"), NULL, NULL, NULL), GW_OK);
    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++)
        store_put(b, c[i].kind, gw_str_of(c[i].key), GW_STR(""), gw_str_of(c[i].value));
    /* Sealed for somebody else: keys moved to another user. */
    gw_buf_init(&moved, 10000);
    store_seal(store, GW_STR("credential/else@example.com"), GW_STR("{}"), &moved);
    store_put(b, "user", GW_STR("h@example.com"), GW_STR(""), GW_STR("{}"));
    store_put(b, "credential", GW_STR("h@example.com"), GW_STR(""), gw_buf_str(&moved));
    store_commit(store, &b, on_ok, NULL);
    gw_buf_done(&moved);
    close_all();
    errors = 0;
    gw_log_set_sink(sink, NULL);
    gw_buf_reset(&heard);
    open_all();
    gw_log_set_sink(NULL, NULL);
    expect_heard("+ example.com\n- > good@example.com|g@corp|| loading\n"
                 "- > h@example.com||| loading\n");
    assert_int_equal(errors, 2 + 8 + 3);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_domains),         TEST(test_users),
        TEST(test_digests),         TEST(test_password_goes_with_its_user),
        TEST(test_refused),         TEST(test_every_field),
        TEST(test_old_records),     TEST(test_listener_without_functions),
        TEST(test_damaged_records),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

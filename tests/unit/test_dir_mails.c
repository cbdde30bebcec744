/* Domains of mail addresses: which names may be, who brings them, who may take them away, and the same
 * again after a restart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dir_mails.h"

static char folder[64], db_path[96], key_path[96];
static struct store *store;
static struct dir *dir;
static struct dir_mails *mails;
static struct gw_buf heard;

static void on_changed(struct gw_str domain, bool added, void *ctx)
{
    (void)ctx;
    gw_buf_addf(&heard, "%s%.*s ", added ? "+" : "-", GW_STR_ARG(domain));
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

    assert_int_equal(store_open(&args, &store, NULL), GW_OK);
    dir = dir_new(store);
    mails = dir_mails_new(
        &(struct dir_mails_args){ .dir = dir, .store = store, .changed = on_changed });
    dir_mails_load(mails, on_ok, NULL);
    dir_load(dir, on_ok, NULL);
    store_wait(store);
}

static void close_all(void)
{
    store_close(&store);
    dir_mails_free(&mails);
    dir_free(&dir);
}

static void restart(void)
{
    close_all();
    open_all();
}

static int set_up(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/test_dir_mails.XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(db_path, sizeof(db_path), "%s/db", folder);
    snprintf(key_path, sizeof(key_path), "%s/key", folder);
    gw_buf_init(&heard, 4096);
    open_all();
    assert_int_equal(dir_domain_add(dir, GW_STR("x.test"), NULL, NULL, NULL), GW_OK);
    return 0;
}

static int tear_down(void **state)
{
    char path[128];
    const char *const files[] = { "db", "db-wal", "db-shm", "key" };

    (void)state;
    close_all();
    gw_buf_done(&heard);
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
        (void)unlink(path);
    }
    return rmdir(folder);
}

static void user(const char *id, const char *mail, bool is_new)
{
    struct gw_str text = gw_str_of(mail);
    const struct dir_user_edit edit = { .mail = &text };

    assert_int_equal(is_new ? dir_user_add(dir, gw_str_of(id), &edit, NULL, NULL, NULL)
                            : dir_user_change(dir, gw_str_of(id), &edit, NULL, NULL, NULL),
                     GW_OK);
}

static size_t users_of(const char *domain)
{
    struct dir_mail_domain d;
    size_t pos = 0;

    while (dir_mail_domain_next(mails, &pos, &d))
        if (gw_str_is(d.name, domain))
            return d.users;
    return SIZE_MAX; /* not there */
}

/* interdomain-federation.md 13.3 */
static void names(void **state)
{
    static char long_one[DIR_MAIL_DOMAIN_MAX + 2], label[65];
    const struct {
        const char *name;
        enum gw_code rc;
        const char *says;
    } cases[] = {
        { "mail.test", GW_OK, "" },
        { "MAIL.Test", GW_EXISTS, "there already" },
        { "a-b.1c.test", GW_OK, "" },
        { "9.test", GW_OK, "" },
        { "xn--bcher-kva.test", GW_OK, "" },
        { "single", GW_OK, "" },
        { "Abc.1om", GW_INVALID, "last label must not start with a digit" },
        { "1om", GW_INVALID, "last label" },
        { "192.0.2.1", GW_INVALID, "last label" },
        { "-abc.test", GW_INVALID, "must not start with '-'" },
        { "abc.-test", GW_INVALID, "must not start with '-'" },
        { "abc-.test", GW_INVALID, "not a domain name" },
        { "a..test", GW_INVALID, "is empty" },
        { ".test", GW_INVALID, "is empty" },
        { "test.", GW_INVALID, "is empty" },
        { "a_b.test", GW_INVALID, "letters a-z, digits" },
        { "a b.test", GW_INVALID, "letters a-z, digits" },
        { "b\xc3\xbc"
          "cher.test",
          GW_INVALID, "xn--" },
        { "*.test", GW_INVALID, "letters a-z, digits" },
        { "a@b.test", GW_INVALID, "letters a-z, digits" },
        { long_one, GW_INVALID, "at most 255 characters" },
        { label, GW_INVALID, "not a domain name" },
        { "", GW_INVALID, "is empty" },
    };

    (void)state;
    memset(long_one, 'a', DIR_MAIL_DOMAIN_MAX + 1);
    memset(label, 'a', 64);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct gw_err err = { 0 };
        enum gw_code rc = dir_mail_domain_add(mails, gw_str_of(cases[i].name), NULL, NULL, &err);

        if (rc != cases[i].rc || !strstr(err.msg, cases[i].says))
            fail_msg("'%s': %d '%s'", cases[i].name, rc, err.msg);
    }
    expect_heard("+mail.test +a-b.1c.test +9.test +b\xc3\xbc"
                 "cher.test +single ");
}

static void addresses(void **state)
{
    static const struct {
        const char *mail, *jid; /* NULL: none */
    } cases[] = {
        { "Ann.Example@Mail.Test", "ann.example@mail.test" },
        { "ann+news@mail.test", "ann+news@mail.test" },
        { "ann", NULL },
        { "", NULL },
        { "@mail.test", NULL },
        { "ann@", NULL },
        { "ann@mail.1om", NULL },
        { "ann@b@mail.test", NULL },
        { "o'hara@mail.test", NULL }, /* could be no JID */
        { "\"a b\"@mail.test", NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct gw_buf out;
        bool ok;

        gw_buf_init(&out, 4096);
        ok = dir_mail_address(gw_str_of(cases[i].mail), &out);
        if (ok != (cases[i].jid != NULL) ||
            !gw_str_is(gw_buf_str(&out), cases[i].jid ? cases[i].jid : ""))
            fail_msg("'%s': '%.*s'", cases[i].mail, GW_STR_ARG(gw_buf_str(&out)));
        gw_buf_done(&out);
    }
}

/* System-managed while a user has an address there; then the administrator's. */
static void life(void **state)
{
    struct gw_err err;
    int saved = 0;

    (void)state;
    user("ann@x.test", "Ann@Mail.Test", true);
    user("bob@x.test", "bob@mail.test", true);
    user("cas@x.test", "", true);
    expect_heard("+mail.test ");
    assert_int_equal(users_of("mail.test"), 2);
    assert_int_equal(dir_mail_domain_remove(mails, GW_STR("mail.test"), NULL, NULL, &err),
                     GW_INVALID);
    assert_non_null(strstr(err.msg, "2 users"));
    restart();
    expect_heard("+mail.test ");
    assert_int_equal(users_of("mail.test"), 2);
    user("ann@x.test", "ann@other.test", false);
    expect_heard("+other.test ");
    assert_int_equal(users_of("mail.test"), 1);
    assert_int_equal(dir_user_remove(dir, GW_STR("bob@x.test"), NULL, NULL, NULL), GW_OK);
    expect_heard("");
    assert_int_equal(users_of("mail.test"), 0);
    restart();
    assert_int_equal(users_of("mail.test"), 0);
    assert_int_equal(users_of("other.test"), 1);
    expect_heard("+mail.test +other.test ");
    assert_int_equal(dir_mail_domain_remove(mails, GW_STR("Mail.test"), on_ok, &saved, &err),
                     GW_OK);
    expect_heard("-mail.test ");
    store_wait(store);
    assert_int_equal(saved, 1);
    assert_int_equal(dir_mail_domain_remove(mails, GW_STR("mail.test"), NULL, NULL, &err),
                     GW_NOTFOUND);
    /* An administrator's becomes the system's with its first user. */
    assert_int_equal(dir_mail_domain_add(mails, GW_STR("new.test"), on_ok, &saved, &err), GW_OK);
    user("cas@x.test", "cas@new.test", false);
    expect_heard("+new.test ");
    assert_int_equal(dir_mail_domain_remove(mails, GW_STR("new.test"), NULL, NULL, &err),
                     GW_INVALID);
    restart();
    assert_int_equal(users_of("new.test"), 1);
    assert_int_equal(users_of("mail.test"), SIZE_MAX);
    assert_int_equal(saved, 2);
}

static void bound(void **state)
{
    char text[64];
    struct gw_err err;

    (void)state;
    for (int i = 0; i < DIR_MAIL_DOMAINS_MAX; i++) {
        snprintf(text, sizeof(text), "d%d.test", i);
        assert_int_equal(dir_mail_domain_add(mails, gw_str_of(text), NULL, NULL, &err), GW_OK);
    }
    assert_int_equal(dir_mail_domain_add(mails, GW_STR("more.test"), NULL, NULL, &err), GW_LIMIT);
    user("ann@x.test", "ann@more.test", true); /* kept, and not used for federation */
    assert_int_equal(users_of("more.test"), SIZE_MAX);
    user("ann@x.test", "ann@d1.test", false);
    assert_int_equal(users_of("d1.test"), 1);
    gw_buf_reset(&heard);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(names, set_up, tear_down),
        cmocka_unit_test(addresses),
        cmocka_unit_test_setup_teardown(life, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bound, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

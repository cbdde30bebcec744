/* Every way in which a database or a seal key cannot be used ends in a sentence that says what to
 * do, and leaves the files as they were. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gw_buf.h"
#include "store.h"

struct place {
    char folder[64], db[96], key[96];
};

static int place_make(void **state)
{
    struct place *p = calloc(1, sizeof(*p));

    snprintf(p->folder, sizeof(p->folder), "/tmp/kalends-store-XXXXXX");
    if (!p || !mkdtemp(p->folder))
        return -1;
    snprintf(p->db, sizeof(p->db), "%s/kalends.db", p->folder);
    snprintf(p->key, sizeof(p->key), "%s/seal.key", p->folder);
    *state = p;
    return 0;
}

static int place_remove(void **state)
{
    struct place *p = *state;
    char cmd[200];

    snprintf(cmd, sizeof(cmd), "chmod -R u+rwx %s; rm -rf %s", p->folder, p->folder);
    free(p);
    return system(cmd); /* NOLINT: a test's own folder */
}

static enum gw_code try_open(const struct place *p, struct gw_err *err)
{
    struct store_args args = { .path = p->db, .seal_key_path = p->key };
    struct store *s = NULL;
    enum gw_code code;

    memset(err, 0, sizeof(*err));
    code = store_open(&args, &s, err);
    assert_int_equal(code, err->code);
    assert_true(!code == (s != NULL));
    store_close(&s);
    return code;
}

static void must_fail(const struct place *p, enum gw_code code, const char *says)
{
    struct gw_err err;

    assert_int_equal(try_open(p, &err), code);
    if (!strstr(err.msg, says))
        fail_msg("'%s' does not say '%s'", err.msg, says);
}

static void must_open(const struct place *p)
{
    struct gw_err err;

    if (try_open(p, &err))
        fail_msg("%s", err.msg);
}

static void write_file(const char *path, const void *data, size_t len, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, len), len);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static void patch(const char *path, off_t at, const void *data, size_t len)
{
    int fd = open(path, O_WRONLY);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, data, len, at), len);
    close(fd);
}

static unsigned mode_of(const char *path)
{
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    return st.st_mode & 07777;
}

static void test_fresh(void **state)
{
    struct place *p = *state;
    struct stat st;
    char fresh[128];

    must_open(p);
    assert_int_equal(mode_of(p->db), 0600);
    assert_int_equal(mode_of(p->key), 0600);
    snprintf(fresh, sizeof(fresh), "%s.new", p->key);
    assert_int_not_equal(stat(fresh, &st), 0);
    must_open(p);
}

/* Offsets of the SQLite header: 60 user_version, 68 application_id. */
static void test_other_databases(void **state)
{
    struct place *p = *state;
    char page[8192];

    must_open(p);
    patch(p->db, 60, "\0\0\0\x63", 4);
    must_fail(p, GW_INVALID, "newer version of the gateway (format 99");
    must_fail(p, GW_INVALID, "format 99");
    patch(p->db, 60, "\0\0\0\x01", 4);
    patch(p->db, 68, "abcd", 4);
    must_fail(p, GW_INVALID, "is the database of another program");
    patch(p->db, 68, "\0\0\0\0", 4);
    must_fail(p, GW_INVALID, "is the database of another program");
    patch(p->db, 68, "Kald", 4);
    must_open(p);
    memset(page, 'x', sizeof(page));
    write_file(p->db, page, sizeof(page), 0600);
    must_fail(p, GW_INTERNAL, "is not a database, or is damaged");
    write_file(p->db, "SQLite", 6, 0600);
    must_fail(p, GW_INTERNAL, "is not a database, or is damaged");
    write_file(p->db, "", 0, 0600);
    assert_int_equal(unlink(p->key), 0);
    must_open(p); /* an empty file is an empty database */
}

static void on_done_code(const struct gw_err *result, void *ctx)
{
    *(struct gw_err *)ctx = *result;
}

static void on_no_record(const struct store_record *r, void *ctx)
{
    (void)r;
    (void)ctx;
}

/* Damage behind the first page shows when it is read: the load says so, the process goes on. */
static void test_damaged_inside(void **state)
{
    struct place *p = *state;
    struct store_args args = { .path = p->db };
    struct store *s = NULL;
    struct gw_err err = { 0 };
    char page[4096];

    assert_int_equal(store_open(&args, &s, &err), GW_OK);
    for (int i = 0; i < 2000; i++) {
        struct store_batch *b = store_batch_new();
        char key[16];

        snprintf(key, sizeof(key), "%d", i);
        store_put(b, "k", gw_str_of(key), GW_STR(""), GW_STR("some text to fill a few pages"));
        store_commit(s, &b, NULL, NULL);
    }
    store_close(&s);
    memset(page, 0xa5, sizeof(page));
    for (int i = 3; i < 20; i++)
        patch(p->db, i * 4096, page, sizeof(page));
    assert_int_equal(store_open(&args, &s, &err), GW_OK);
    store_load(s, "k", NULL, on_no_record, on_done_code, &err);
    store_wait(s);
    assert_int_equal(err.code, GW_INTERNAL);
    assert_non_null(strstr(err.msg, "is damaged: restore it from a backup"));
    store_close(&s);
}

static void test_paths(void **state)
{
    struct place *p = *state, other = *p;

    snprintf(other.db, sizeof(other.db), "%s/no/kalends.db", p->folder);
    must_fail(&other, GW_NOTFOUND, "its folder does not exist: create it");
    snprintf(other.db, sizeof(other.db), "%s", p->folder);
    must_fail(&other, GW_INVALID, "is not a file");
    other = *p;
    snprintf(other.key, sizeof(other.key), "%s/no/seal.key", p->folder);
    must_fail(&other, GW_NOTFOUND, "its folder does not exist: create it");
    snprintf(other.key, sizeof(other.key), "%s", p->folder);
    must_fail(&other, GW_INVALID, "is not a file");
}

static void test_seal_key(void **state)
{
    static const struct {
        size_t len;
        mode_t mode;
        enum gw_code code;
        const char *says;
    } c[] = {
        { 32, 0600, GW_OK, "" },
        { 32, 0400, GW_OK, "" },
        { 32, 0640, GW_DENIED, "chmod 600" },
        { 32, 0604, GW_DENIED, "chmod 600" },
        { 0, 0600, GW_INVALID, "has 0 bytes instead of 32" },
        { 31, 0600, GW_INVALID, "has 31 bytes instead of 32" },
        { 33, 0600, GW_INVALID, "has 33 bytes instead of 32" },
    };
    struct place *p = *state;
    char bytes[64];

    memset(bytes, 'k', sizeof(bytes));
    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
        (void)unlink(p->key);
        write_file(p->key, bytes, c[i].len, c[i].mode);
        if (c[i].code)
            must_fail(p, c[i].code, c[i].says);
        else
            must_open(p);
    }
    (void)unlink(p->key);
    must_fail(p, GW_NOTFOUND, "is gone, but the database has secrets");
    memset(bytes, 'K', sizeof(bytes));
    write_file(p->key, bytes, 32, 0600);
    must_fail(p, GW_INVALID, "is not the one of this database");
    (void)unlink(p->key);
    assert_int_equal(mkfifo(p->key, 0600), 0);
    must_fail(p, GW_INVALID, "is not a file");
}

/* Runs fn in a child; true when it ended with 0. */
static bool in_child(void (*fn)(const struct place *p), const struct place *p)
{
    int status = -1;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (!pid) {
        fn(p);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void child_needs(const struct place *p, enum gw_code code, const char *says)
{
    struct gw_err err = { 0 };

    if (try_open(p, &err) != code || !strstr(err.msg, says)) {
        fprintf(stderr, "%s: '%s'\n", gw_code_name(err.code), err.msg);
        _exit(1);
    }
}

static void as_nobody(const struct place *p)
{
    if (!geteuid() && (setgid(65534) || setuid(65534)))
        _exit(77);
    child_needs(p, GW_DENIED, "no permission");
}

/* Root may do everything: the child becomes somebody else first. */
static void test_permissions(void **state)
{
    struct place *p = *state;
    bool root = !geteuid();

    must_open(p);
    if (root) {
        assert_true(in_child(as_nobody, p)); /* folder 0700 */
        assert_int_equal(chmod(p->folder, 0755), 0);
        assert_true(in_child(as_nobody, p)); /* folder not writable */
        assert_int_equal(chmod(p->folder, 0777), 0);
        assert_true(in_child(as_nobody, p)); /* database 0600, not ours */
        assert_int_equal(chown(p->db, 65534, 65534), 0);
        assert_true(in_child(as_nobody, p)); /* key not ours */
        return;
    }
    assert_int_equal(chmod(p->db, 0), 0);
    assert_true(in_child(as_nobody, p));
    assert_int_equal(chmod(p->folder, 0500), 0);
    assert_true(in_child(as_nobody, p));
}

static void other_process(const struct place *p)
{
    child_needs(p, GW_DENIED, "is open in another process: stop that one first");
}

static void test_locked(void **state)
{
    struct place *p = *state;
    struct store_args args = { .path = p->db, .seal_key_path = p->key };
    struct store *s = NULL, *second = NULL;
    struct gw_err err = { 0 };
    struct store_batch *b = store_batch_new();

    assert_int_equal(store_open(&args, &s, &err), GW_OK);
    assert_true(in_child(other_process, p));
    assert_int_equal(store_open(&args, &second, &err), GW_DENIED); /* not in this one either */
    assert_null(second);
    assert_true(in_child(other_process, p)); /* the attempt has not dropped our lock */
    store_put(b, "k", GW_STR("a"), GW_STR(""), GW_STR("1"));
    store_commit(s, &b, on_done_code, &err);
    store_wait(s);
    assert_int_equal(err.code, GW_OK);
    store_close(&s);
    must_open(p);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, place_make, place_remove)
    const struct CMUnitTest tests[] = {
        TEST(test_fresh),  TEST(test_other_databases), TEST(test_damaged_inside),
        TEST(test_paths),  TEST(test_seal_key),        TEST(test_permissions),
        TEST(test_locked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Jobs over contact lists on virtual time: a file becomes rows of whom it hits, at every tick a restart may
 * come, an import has a rate, and what was done is taken back. The lists are the test's own. */
#include "dir_audit.h"
#include "dir_job_life.h"
#include "gw_log.h"

enum { LISTS_MAX = 4000 };

static struct dir_settings settings;

/* ---- Lists: of pairs, as they would be after a restart */

static struct {
    char user[64], contact[64], name[64], group[64];
} list[LISTS_MAX];
static size_t listed;
static unsigned changes;

static size_t find(struct gw_str user, struct gw_str contact)
{
    size_t i = 0;

    while (i < listed && !(gw_str_is(user, list[i].user) && gw_str_is(contact, list[i].contact)))
        i++;
    return i;
}

static bool on_get(struct gw_str user, struct gw_str contact, struct dir_contact *out, void *ctx)
{
    size_t i = find(user, contact);

    (void)ctx;
    if (i == listed)
        return false;
    *out = (struct dir_contact){ .jid = contact, .name = gw_str_of(list[i].name) };
    if (*list[i].group)
        out->groups[out->group_count++] = gw_str_of(list[i].group);
    return true;
}

static void on_each(struct gw_str user, void (*fn)(struct gw_str contact, void *fn_ctx),
                    void *fn_ctx, void *ctx)
{
    (void)ctx;
    for (size_t i = 0; i < listed; i++)
        if (gw_str_is(user, list[i].user))
            fn(gw_str_of(list[i].contact), fn_ctx);
}

static void copy(char to[64], struct gw_str text)
{
    snprintf(to, 64, "%.*s", GW_STR_ARG(text));
}

static enum gw_code on_put(struct store_batch *batch, struct gw_str user,
                           const struct dir_contact *to, unsigned *told, struct gw_err *err,
                           void *ctx)
{
    size_t i = find(user, to->jid);

    (void)ctx;
    if (gw_str_starts(to->jid, "full"))
        return gw_fail(err, GW_LIMIT, "has as many watchers as may be");
    if (!batch)
        return GW_OK;
    changes++;
    assert_true(i < LISTS_MAX);
    listed += i == listed;
    copy(list[i].user, user);
    copy(list[i].contact, to->jid);
    copy(list[i].name, to->name);
    copy(list[i].group, to->group_count ? to->groups[to->group_count - 1] : GW_STR(""));
    *told = 1;
    return GW_OK;
}

static enum gw_code on_remove(struct store_batch *batch, struct gw_str user, struct gw_str contact,
                              unsigned *told, struct gw_err *err, void *ctx)
{
    size_t i = find(user, contact);

    (void)batch, (void)told, (void)ctx;
    if (i == listed)
        return gw_fail(err, GW_NOTFOUND, "not in the list");
    changes++;
    list[i] = list[--listed];
    return GW_OK;
}

static enum gw_code on_rename(struct store_batch *batch, struct gw_str user, struct gw_str from,
                              struct gw_str to, unsigned *told, struct gw_err *err, void *ctx)
{
    size_t i = find(user, from), there = find(user, to);

    (void)told, (void)ctx;
    if (i == listed)
        return gw_fail(err, GW_NOTFOUND, "not in the list");
    if (!batch)
        return GW_OK;
    changes++;
    copy(list[i].contact, to);
    if (there < listed)
        list[there] = list[--listed];
    return GW_OK;
}

static const struct dir_contacts contacts = {
    .get = on_get, .each = on_each, .put = on_put, .remove = on_remove, .rename = on_rename
};

/* ---- Life */

static void open_all(void)
{
    open_jobs((struct dir_jobs_args){ .contacts = &contacts, .settings = &settings }, NULL);
}

static void add_user(const char *name)
{
    const bool yes = true;
    const struct dir_user_edit edit = { .im_enabled = &yes };

    assert_int_equal(dir_user_add(dir, gw_str_of(name), &edit, NULL, NULL, NULL), GW_OK);
}

static int setup(void **state)
{
    (void)state;
    if (!begin())
        return -1;
    gw_param_defaults(dir_params, dir_param_count, &settings);
    listed = 0;
    changes = 0;
    open_all();
    assert_int_equal(dir_domain_add(dir, GW_STR("x.test"), NULL, NULL, NULL), GW_OK);
    add_user("ann@x.test");
    add_user("bob@x.test");
    store_wait(store);
    return 0;
}

static unsigned upload(enum dir_job_type type, const char *file, bool is_dry_run,
                       struct gw_err *err)
{
    const struct dir_job_order order = { .by = GW_STR("uid 0 (root)"),
                                         .now = now.utc,
                                         .is_dry_run = is_dry_run };
    struct dir_upload *up = NULL;
    unsigned id = 0;

    if (dir_upload_new(jobs, type, &order, &up, err))
        return 0;
    dir_upload_feed(up, gw_str_of(file));
    if (dir_upload_finish(&up, on_ok, NULL, &id, err))
        id = 0;
    store_wait(store);
    return id;
}

static void expect_job(unsigned id, size_t done, size_t ignored, size_t failed)
{
    struct dir_job j;

    assert_true(dir_jobs_get(jobs, id, &j));
    if (j.state != DIR_JOB_DONE || j.done != done || j.ignored != ignored || j.failed != failed)
        fail_msg("job %u %s: %zu done, %zu ignored, %zu failed", id, dir_job_state_name(j.state),
                 j.done, j.ignored, j.failed);
    assert_int_equal(j.rows, done + ignored + failed);
}

static void put_list(const char *user, const char *contact)
{
    const struct dir_contact c = { .jid = gw_str_of(contact), .name = GW_STR("Name") };
    struct store_batch *batch = store_batch_new();
    unsigned told;

    assert_int_equal(on_put(batch, gw_str_of(user), &c, &told, NULL, NULL), GW_OK);
    store_batch_free(&batch);
}

/* Two hundred addresses, each in two lists, in a file of several records. */
static struct gw_buf rename_file(void)
{
    struct gw_buf file;
    char text[64];

    listed = 0;
    gw_buf_init(&file, 1024 * 1024);
    gw_buf_add_cstr(&file, "Contact ID,New Contact ID\n");
    for (int i = 0; i < 2000; i++) {
        gw_buf_addf(&file, "a-contact-with-a-name-%d@far.test,", i);
        gw_buf_addf(&file, "b-contact-with-a-name-%d@far.test\n", i);
        if (i >= 200)
            continue;
        snprintf(text, sizeof(text), "a-contact-with-a-name-%d@far.test", i);
        put_list("ann@x.test", text);
        put_list("bob@x.test", text);
    }
    changes = 0;
    return file;
}

/* A restart after any number of ticks: each contact in each list is given its address once. */
static void renames_whatever_restarts(void **state)
{
    struct gw_buf file;
    unsigned id;

    for (int ticks = 1; ticks < 22; ticks += ticks < 6 ? 1 : 5) {
        struct gw_err err;

        assert_int_equal(setup(state), 0);
        file = rename_file();
        id = upload(DIR_JOB_RENAME, file.p, false, &err);
        assert_int_not_equal(id, 0);
        run(ticks);
        close_all();
        open_all();
        due = 0;
        run(ticks / 2);
        close_all();
        open_all();
        due = 0;
        run(TO_THE_END);
        expect_job(id, 400, 1800, 0);
        assert_int_equal(changes, 400);
        for (size_t i = 0; i < listed; i++)
            assert_int_equal(list[i].contact[0], 'b');
        gw_buf_done(&file);
        assert_int_equal(teardown(state), 0);
    }
}

static void is_undone_and_tried(void **state)
{
    const struct dir_job_order order = { .by = GW_STR("x"), .now = now.utc };
    struct gw_buf file;
    struct gw_err err;
    unsigned id, undo = 0;

    (void)state;
    file = rename_file();
    id = upload(DIR_JOB_RENAME, file.p, true, &err);
    run(TO_THE_END);
    expect_job(id, 400, 1800, 0);
    assert_int_equal(changes, 0);
    assert_int_equal(dir_job_undo(jobs, &order, id, NULL, NULL, &undo, &err), GW_INVALID);
    id = upload(DIR_JOB_RENAME, file.p, false, &err);
    run(TO_THE_END);
    expect_job(id, 400, 1800, 0);
    copy(list[find(GW_STR("ann@x.test"), GW_STR("b-contact-with-a-name-7@far.test"))].name,
         GW_STR("Changed"));
    assert_int_equal(dir_job_undo(jobs, &order, id, on_ok, NULL, &undo, &err), GW_OK);
    run(TO_THE_END);
    expect_job(undo, 399, 0, 1);
    for (size_t i = 0; i < listed; i++)
        assert_int_equal(list[i].contact[0], strcmp(list[i].name, "Changed") == 0 ? 'b' : 'a');
    gw_buf_done(&file);
}

static void imports_at_a_rate(void **state)
{
    struct gw_buf file;
    struct gw_err err;
    gw_time begun;
    unsigned id;

    (void)state;
    settings.contact_rate = 22;
    gw_buf_init(&file, 64 * 1024);
    gw_buf_add_cstr(&file, "User ID,User Domain,Contact ID,Contact Domain,Nickname,Group Name\n");
    for (int i = 0; i < 220; i++)
        gw_buf_addf(&file, "ann,x.test,c%d,far.test,N,G\n", i);
    id = upload(DIR_JOB_CONTACTS, file.p, false, &err);
    begun = now.mono;
    run(TO_THE_END);
    expect_job(id, 220, 0, 0);
    assert_true(now.mono - begun >= 9 * GW_SECOND_MS && now.mono - begun <= 11 * GW_SECOND_MS);
    id = upload(DIR_JOB_CONTACTS, "user,contact\nann,c1@far.test\nbob,full@x.test\n", false, &err);
    run(TO_THE_END);
    expect_job(id, 0, 1, 1);
    gw_buf_done(&file);
}

/* Cancelled while it looks for the lists; the next job finds nothing of it in its way. */
static void cancelled_while_it_looks(void **state)
{
    struct gw_buf file;
    struct gw_err err;
    struct dir_job j;
    unsigned id;

    (void)state;
    file = rename_file();
    id = upload(DIR_JOB_RENAME, file.p, false, &err);
    run(4);
    assert_true(dir_jobs_get(jobs, id, &j) && j.state == DIR_JOB_RUNNING && !j.done);
    assert_int_equal(dir_job_cancel(jobs, id, now.utc, on_ok, NULL, &err), GW_OK);
    store_wait(store);
    assert_int_equal(changes, 0);
    id = upload(DIR_JOB_RENAME, "contact,new\na-contact-with-a-name-1@far.test,z@far.test\n", false,
                &err);
    run(TO_THE_END);
    expect_job(id, 2, 0, 0);
    close_all();
    open_all();
    assert_true(dir_jobs_get(jobs, 1, &j) && j.state == DIR_JOB_CANCELLED);
    gw_buf_done(&file);
}

static void headers(void **state)
{
    static const struct {
        enum dir_job_type type;
        const char *file, *says; /* NULL: taken */
    } cases[] = {
        { DIR_JOB_CONTACTS, "User ID,Contact ID,State\nann,bob,x\n", NULL },
        { DIR_JOB_CONTACTS, " user ;CONTACT;;group\nann;bob;x;y\n", NULL },
        { DIR_JOB_CONTACTS, "user,to\nann,bob\n", "no column 'to'" },
        { DIR_JOB_CONTACTS, "user,contact,Nickname,name\na,b,c,d\n", "there twice" },
        { DIR_JOB_CONTACTS, "group,contact\na,b\n", "'user' (or 'User ID')" },
        { DIR_JOB_RENAME, "Contact ID, New Contact ID\na@b,c@d\n", NULL },
        { DIR_JOB_RENAME, "a@b,c@d\n", "no column" },
        { DIR_JOB_RENAME, "contact\na@b\n", "'new' (or 'New Contact ID')" },
        { DIR_JOB_RENAME, "contact,new\n", "no rows" },
        { DIR_JOB_INSERT, "user\nnew@x.test\n", "no dry run" },
    };
    struct gw_err err;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unsigned id = upload(cases[i].type, cases[i].file, cases[i].type == DIR_JOB_INSERT, &err);

        if ((id != 0) != !cases[i].says || (!id && !strstr(err.msg, cases[i].says)))
            fail_msg("'%s': %s", cases[i].file, id ? "taken" : err.msg);
    }
    run(TO_THE_END);
    close_all(); /* what is stored of a job is read again */
    open_all();
    due = 0;
    run(TO_THE_END);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(renames_whatever_restarts),
        cmocka_unit_test_setup_teardown(is_undone_and_tried, setup, teardown),
        cmocka_unit_test_setup_teardown(imports_at_a_rate, setup, teardown),
        cmocka_unit_test_setup_teardown(cancelled_while_it_looks, setup, teardown),
        cmocka_unit_test_setup_teardown(headers, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

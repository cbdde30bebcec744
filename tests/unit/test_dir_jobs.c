/* Bulk jobs on virtual time: files, filters, undo, cancelling, and restarts in the middle. */
#include "dir_filter.h"
#include "dir_job_life.h"

static unsigned told; /* changes that a listener heard of */

static void on_user(const struct dir_user_change *change, void *ctx)
{
    (void)ctx;
    told += !change->loading;
    if (!change->loading && change->by.len)
        assert_true(gw_str_starts(change->by, "job ") && change->at == now.utc);
}

static void open_all(void)
{
    open_jobs((struct dir_jobs_args){ 0 }, &(struct dir_listener){ .user_changed = on_user });
}

static int setup(void **state)
{
    (void)state;
    if (!begin())
        return -1;
    told = 0;
    open_all();
    assert_int_equal(dir_domain_add(dir, GW_STR("example.com"), NULL, NULL, NULL), GW_OK);
    store_wait(store);
    return 0;
}

static struct dir_job_order order(void)
{
    return (struct dir_job_order){ .by = GW_STR("uid 0 (root)"), .now = now.utc };
}

/* 0: refused. */
static unsigned upload(enum dir_job_type type, struct gw_str file, struct gw_err *err)
{
    struct dir_job_order o = order();
    struct dir_upload *up = NULL;
    unsigned id = 0;
    int done = 0;

    assert_int_equal(dir_upload_new(jobs, type, &o, &up, err), GW_OK);
    for (size_t at = 0; at < file.len; at += 1000)
        dir_upload_feed(up, gw_str_sub(file, at, at + 1000));
    if (dir_upload_finish(&up, on_ok, &done, &id, err))
        id = 0;
    store_wait(store);
    assert_int_equal(done, id != 0);
    return id;
}

static struct dir_job job(unsigned id)
{
    struct dir_job j;

    assert_true(dir_jobs_get(jobs, id, &j));
    return j;
}

static void expect_job(unsigned id, enum dir_job_state state, size_t done, size_t ignored,
                       size_t failed)
{
    struct dir_job j = job(id);

    if (j.state != state || j.done != done || j.ignored != ignored || j.failed != failed)
        fail_msg("job %u: %s, %zu done, %zu ignored, %zu failed", id, dir_job_state_name(j.state),
                 j.done, j.ignored, j.failed);
}

static void on_result(const struct store_record *r, void *ctx)
{
    gw_buf_add_str(ctx, r->value);
}

static void on_results_end(const struct gw_err *result, void *ctx)
{
    (void)ctx;
    assert_int_equal(result->code, GW_OK);
}

/* All lines of a job's result. */
static void results(unsigned id, struct gw_buf *out)
{
    gw_buf_init(out, 1 << 26);
    dir_job_results(jobs, id, 0, 1000000, on_result, on_results_end, out);
    store_wait(store);
    gw_buf_add_cstr(out, "");
}

static void expect_result(unsigned id, const char *const *says)
{
    struct gw_buf all;
    struct gw_str rest, line;

    results(id, &all);
    rest = gw_buf_str(&all);
    for (; *says; says++) {
        char *text;

        if (!gw_str_cut(rest, "\n", &line, &rest))
            fail_msg("no line '%s'", *says);
        text = gw_str_dup(line);
        if (!strstr(text, *says))
            fail_msg("'%s' is not in '%s'", *says, text);
        free(text);
    }
    assert_int_equal(rest.len, 0);
    gw_buf_done(&all);
}

static struct dir_user user(const char *jid)
{
    struct dir_user u;

    if (!dir_user_get(dir, gw_str_of(jid), &u))
        fail_msg("no user %s", jid);
    return u;
}

/* --- files */

static void test_insert(void **state)
{
    static const char *const says[] = {
        "\"line\":2,\"user\":\"ann@example.com\",\"result\":\"done\"",
        "\"line\":3,\"user\":\"bob@example.com\",\"result\":\"done\"",
        "\"line\":4,\"user\":\"ann@example.com\",\"result\":\"ignored\",\"why\":\"is there "
        "already\"",
        "\"line\":5,\"user\":\"x@elsewhere.com\",\"result\":\"failed\",\"why\":\"there is no "
        "domain",
        "\"line\":6,\"user\":\"a b\",\"result\":\"failed\",\"why\":\"user id",
        "\"line\":7,\"user\":\"cat@example.com\",\"result\":\"failed\",\"why\":\"zone 'Mars'",
        "\"line\":8,\"user\":\"dan@example.com\",\"result\":\"failed\",\"why\":\"im is yes or no",
        "\"line\":9,\"user\":\"\",\"result\":\"failed\",\"why\":\"no user is named\"",
        "\"line\":10,\"user\":\"eve@example.com\",\"result\":\"failed\",\"why\":\"7 cells, but "
        "only",
        "\"line\":13,\"user\":\"fay@example.com\",\"result\":\"done\"",
        NULL,
    };
    struct gw_err err = { 0 };
    unsigned id;

    (void)state;
    id = upload(DIR_JOB_INSERT,
                GW_STR("\xef\xbb\xbfUser;Name;Zone;Group;IM;Calendar\r\n"
                       "Ann@Example.com;\"Ann; \"\"A\"\"\";Tokyo Standard Time;vip;yes;1\r\n"
                       "bob;;;;;\r\n"
                       "ANN@example.com;other;;;;\r\n"
                       "x@elsewhere.com;;;;;\r\n"
                       "a b;;;;;\r\n"
                       "cat;;Mars;;;\r\n"
                       "dan;;;;maybe;\r\n"
                       ";nobody;;;;\r\n"
                       "eve;;;;;;surplus\r\n"
                       "\r\n"
                       ";;;;;\r\n"
                       "fay\r\n"),
                &err);
    if (!id)
        fail_msg("%s", err.msg);
    expect_job(id, DIR_JOB_WAITING, 0, 0, 0);
    assert_int_equal(job(id).rows, 10);
    run(TO_THE_END);
    expect_job(id, DIR_JOB_DONE, 3, 1, 6);
    expect_result(id, says);
    assert_int_equal(dir_user_count(dir), 3);
    assert_true(gw_str_is(user("ann@example.com").zone, "Asia/Tokyo"));
    assert_true(gw_str_is(user("ann@example.com").display_name, "Ann; \"A\""));
    assert_true(user("ann@example.com").im_enabled && user("ann@example.com").calendar_enabled);
    assert_true(gw_str_is(user("bob@example.com").mail, "bob@example.com"));
    assert_int_equal(due, GW_NEVER);

    /* The same file once more changes nothing. */
    told = 0;
    id = upload(DIR_JOB_INSERT, GW_STR("user\nann\nbob\nfay\n"), &err);
    run(TO_THE_END);
    expect_job(id, DIR_JOB_DONE, 0, 3, 0);
    assert_int_equal(told, 0);
}

static void test_update(void **state)
{
    static const char *const says[] = {
        "\"result\":\"done\",\"changed\":{\"department\":[\"\",\"Sales\"],\"im\":[false,true]}",
        "\"result\":\"ignored\",\"why\":\"is so already\"",
        "\"result\":\"failed\",\"why\":\"there is no user 'nobody@example.com'\"",
        "\"result\":\"done\",\"changed\":{\"department\":[\"Sales\",\"R&D\"]}",
        NULL,
    };
    struct gw_err err = { 0 };
    unsigned id;

    (void)state;
    assert_true(upload(DIR_JOB_INSERT, GW_STR("user,name\nann,Ann\n"), &err));
    run(TO_THE_END);
    id = upload(DIR_JOB_UPDATE,
                GW_STR("id,domain,department,im,name\nann,example.com,Sales,yes,\n"
                       "ann,example.com,Sales,,\nnobody,example.com,Sales,yes,\n"
                       "ann,example.com,R&D,,\n"),
                &err);
    run(TO_THE_END);
    expect_job(id, DIR_JOB_DONE, 2, 1, 1);
    expect_result(id, says);
    assert_true(gw_str_is(user("ann@example.com").display_name, "Ann")); /* empty: as it was */
}

static void test_refused_files(void **state)
{
    static const struct {
        enum dir_job_type type;
        struct gw_str file;
        const char *says;
    } c[] = {
        { DIR_JOB_INSERT, GW_STR_INIT(""), "the file is empty" },
        { DIR_JOB_INSERT, GW_STR_INIT("user,name\r\n\r\n"), "a header, but no rows" },
        { DIR_JOB_INSERT, GW_STR_INIT("ann@example.com,Ann\n"), "line 1: there is no column" },
        { DIR_JOB_INSERT, GW_STR_INIT("user,mial\nann,x\n"), "'mial'; there are: mail, name" },
        { DIR_JOB_INSERT, GW_STR_INIT("name,mail\nAnn,x\n"), "one of them 'user'" },
        { DIR_JOB_INSERT, GW_STR_INIT("user,name,NAME\nann,x,y\n"),
          "column 'NAME' is there twice" },
        { DIR_JOB_INSERT, GW_STR_INIT("user,password\nann,x\n"), "passwords do not belong" },
        { DIR_JOB_UPDATE, GW_STR_INIT("user,domain\nann,x\n"), "no column to update from" },
        { DIR_JOB_INSERT, GW_STR_INIT("user\nann\nb\xfc\n"), "line 3: byte 0xfc" },
        { DIR_JOB_INSERT, GW_STR_INIT("\xff\xfeu\0"), "the file is UTF-16" },
    };
    struct gw_buf all;

    (void)state;
    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
        struct gw_err err = { 0 };

        if (upload(c[i].type, c[i].file, &err) || !strstr(err.msg, c[i].says))
            fail_msg("case %zu: '%s'", i, err.msg);
    }
    run(TO_THE_END);
    close_all(); /* nothing of them is kept */
    open_all();
    assert_false(dir_jobs_next(jobs, &(size_t){ 0 }, &(struct dir_job){ .id = 0 }));
    results(1, &all);
    assert_int_equal(all.len, 0);
    gw_buf_done(&all);
}

/* Rows as spreadsheets make them, in a file of their own each. */
static void test_spreadsheets(void **state)
{
    static const struct {
        const char *row, *says; /* the result's line has it */
    } c[] = {
        { "ann,,,,,,,,TRUE,FALSE",
          "\"changed\":{\"mail\":[\"\",\"ann@example.com\"],\"im\":[false,true]}" },
        { "ann,,,,,,,,On,1", "\"im\":[false,true],\"calendar\":[false,true]" },
        { "ann,,,,,,,,no,0", "\"changed\":{\"mail\":[\"\",\"ann@example.com\"]}" },
        { "ann,,,,,,,,WAHR,", "\"failed\",\"why\":\"im is yes or no, not 'WAHR'" },
        { "ann,,,,,,,,\xe2\x80\x9cyes\xe2\x80\x9d,", "im is yes or no" },
        { "ann,,,,,,,,1.0,", "im is yes or no, not '1.0'" },
        { "\xc2\xa0"
          "ann\xe3\x80\x80,Ann\xc2\xa0,,,,,,,yes\xe2\x80\x8b,",
          "\"user\":\"ann@example.com\",\"result\":\"done\",\"changed\":{\"mail\":[\"\",\"ann@"
          "example."
          "com\"],\"name\":[\"\",\"Ann\"]" },
        { "\xef\xbb\xbf"
          "ann",
          "\"user\":\"ann@example.com\",\"result\":\"done\"" },
        { "\xef\xbc\xa1nn", "\"user\":\"ann@example.com\",\"result\":\"done\"" }, /* full width */
        { "user,name,mail,sip,department,group,language,zone,im,calendar", /* the header again */
          "\"failed\"" },
        { "\"=HYPERLINK(\"\"mailto:ann@example.com\"\")\"", "\"failed\",\"why\":\"user id" },
        { "mailto:ann@example.com", "\"failed\",\"why\":\"user id" },
        { "Ann <ann@example.com>", "\"failed\"" },
        { "ann@example.com; bob@example.com", "\"failed\"" },
        { "ann@example.com@example.com", "\"failed\"" },
        { "@example.com", "\"failed\"" },
        { "ann@", "\"failed\"" },
        { "#N/A", "\"failed\"" },
        { "a/b", "\"failed\"" },
        { "../../etc/passwd", "\"failed\"" },
        { "00123", "\"user\":\"00123@example.com\",\"result\":\"done\"" },
        { "\"an\nn\"", "\"failed\"" },
        { "\"\ta\x1b[2Jb\"", "\"failed\"" },
        { "ann,\"Ann\nB\"", "name has a control character" },
        { "ann,Ann\x1b]0;x\x07", "name has a control character" },
        { "ann,,mailto:ann", "mail address 'mailto:ann'" },
        { "ann,,\"Ann <ann@example.com>\"", "mail address" },
        { "ann,,a@b@c", "mail address" },
        { "ann,,,sip:ann@example.com", "\"sip\":[\"\",\"ann@example.com\"]" },
        { "ann,,,ann@example.com:5060", "'example.com:5060' is not a domain name" },
        { "ann,,,,,,EN-gb", "\"language\":[\"\",\"en-GB\"]" },
        { "ann,,,,,,english", "language 'english' is not known" },
        { "ann,,,,,,,tokyo standard time", "zone 'tokyo standard time' is not known" },
        { "ann,,,,,,,GMT+9", "zone 'GMT+9' is not known" },
        { "ann,,,,,,,,,,,,,,", "\"done\"" },
        { "ann,,,,,,,,,,surplus", "11 cells, but only 10 columns have a name" },
        { ",Ann", "no user is named" },
        { "Total: 3", "\"failed\"" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
        struct gw_err err = { 0 };
        struct gw_buf file, all;
        unsigned id;
        size_t pos = 0;
        struct dir_user u;

        gw_buf_init(&file, 4096);
        gw_buf_addf(&file,
                    "user,name,mail,sip,department,group,language,zone,im,calendar\r\n%s\r\n",
                    c[i].row);
        id = upload(DIR_JOB_INSERT, gw_buf_str(&file), &err);
        if (!id)
            fail_msg("row '%s': %s", c[i].row, err.msg);
        run(TO_THE_END);
        results(id, &all);
        if (!strstr(all.p, c[i].says))
            fail_msg("row '%s': %s", c[i].row, all.p);
        gw_buf_done(&all);
        gw_buf_done(&file);
        while (dir_user_next(dir, &pos, &u)) {
            assert_int_equal(dir_user_remove(dir, u.jid, NULL, NULL, &err), GW_OK);
            pos = 0;
        }
    }
}

static void test_too_large(void **state)
{
    struct dir_job_order o = order();
    struct dir_upload *up = NULL;
    struct gw_err err = { 0 };
    static char piece[1 << 20];
    unsigned id = 0;

    (void)state;
    memset(piece, '\n', sizeof(piece));
    assert_int_equal(dir_upload_new(jobs, DIR_JOB_INSERT, &o, &up, &err), GW_OK);
    for (size_t i = 0; i <= DIR_JOB_FILE_MAX / sizeof(piece); i++)
        dir_upload_feed(up, (struct gw_str){ piece, sizeof(piece) });
    assert_int_equal(dir_upload_finish(&up, NULL, NULL, &id, &err), GW_LIMIT);
    assert_non_null(strstr(err.msg, "larger than 64 MiB"));
}

/* --- many rows, restarts */

enum { MANY = 2500 };

static unsigned upload_many(void)
{
    struct gw_err err = { 0 };
    struct gw_buf file;
    unsigned id;

    gw_buf_init(&file, 1 << 22);
    gw_buf_add_cstr(&file, "user,name,department\n");
    for (int i = 0; i < MANY; i++)
        gw_buf_addf(&file, "u%04d,User %d with a name that makes a row longer,D%d\n", i, i, i % 7);
    id = upload(DIR_JOB_INSERT, gw_buf_str(&file), &err);
    gw_buf_done(&file);
    if (!id)
        fail_msg("%s", err.msg);
    return id;
}

/* Each row has one result, in order. */
static void expect_all_lines(unsigned id, unsigned first, size_t count)
{
    struct gw_buf all;
    struct gw_str rest, line;
    size_t n = 0;

    results(id, &all);
    for (rest = gw_buf_str(&all); gw_str_cut(rest, "\n", &line, &rest); n++) {
        char head[32];

        snprintf(head, sizeof(head), "{\"line\":%zu,", first + n);
        assert_true(gw_str_starts(line, head));
    }
    assert_int_equal(n, count);
    gw_buf_done(&all);
}

static void test_restarts(void **state)
{
    unsigned id = upload_many();

    (void)state;
    told = 0;
    for (int i = 0; job(id).state != DIR_JOB_DONE; i++) {
        assert_true(i < 100);
        run(i % 4);
        close_all();
        open_all();
    }
    expect_job(id, DIR_JOB_DONE, MANY, 0, 0);
    assert_int_equal(told, MANY); /* each once */
    assert_int_equal(dir_user_count(dir), MANY);
    expect_all_lines(id, 2, MANY);
}

static void load_counted(const struct gw_err *result, void *ctx)
{
    assert_int_equal(result->code, GW_OK);
    gw_buf_add_cstr(ctx, "!");
}

/* What a kill in the middle of an upload leaves. */
static void test_upload_cut_short(void **state)
{
    struct store_batch *b = store_batch_new();
    struct gw_buf rows;

    (void)state;
    store_put(b, DIR_KIND_JOB, GW_STR("00000001"), GW_STR(""),
              GW_STR("{\"type\":\"insert\",\"state\":\"uploading\",\"chunks\":1}"));
    store_put(b, DIR_KIND_JOB_ROWS, GW_STR("00000001/000000"), GW_STR(""), GW_STR("row\n"));
    store_put(b, DIR_KIND_JOB_ROWS, GW_STR("00000001/000001"), GW_STR(""), GW_STR("row\n"));
    store_commit(store, &b, NULL, NULL);
    close_all();
    open_all();
    assert_false(dir_jobs_get(jobs, 1, &(struct dir_job){ .id = 0 }));
    gw_buf_init(&rows, 1 << 20);
    store_load(store, DIR_KIND_JOB_ROWS, NULL, on_result, load_counted, &rows);
    store_wait(store);
    assert_string_equal(rows.p, "!"); /* none, and the end */
    gw_buf_done(&rows);
}

static void test_cancel(void **state)
{
    unsigned id = upload_many();
    struct gw_err err = { 0 };
    size_t done;
    int saved = 0;

    (void)state;
    run(6);
    done = job(id).done;
    assert_true(done > 0 && done < MANY);
    assert_int_equal(dir_job_cancel(jobs, id, now.utc, on_ok, &saved, &err), GW_OK);
    run(TO_THE_END);
    expect_job(id, DIR_JOB_CANCELLED, done, 0, 0);
    assert_int_equal(dir_user_count(dir), done);
    assert_int_equal(saved, 1);
    assert_int_equal(dir_job_cancel(jobs, id, now.utc, on_ok, &saved, &err), GW_INVALID);
    assert_int_equal(dir_job_cancel(jobs, 77, now.utc, on_ok, &saved, &err), GW_NOTFOUND);
    close_all();
    open_all();
    run(TO_THE_END);
    expect_job(id, DIR_JOB_CANCELLED, done, 0, 0);
    expect_all_lines(id, 2, done);
}

/* --- filters and undo */

static unsigned set(const char *where, const char *values, gw_utc at, struct gw_err *err)
{
    struct dir_job_order o = order();
    json_t *json = json_loads(values, 0, NULL);
    unsigned id = 0;
    int done = 0;

    o.at = at;
    if (dir_job_set(jobs, &o, gw_str_of(where), json, on_ok, &done, &id, err))
        id = 0;
    json_decref(json);
    store_wait(store);
    return id;
}

static unsigned undo(unsigned of, struct gw_err *err)
{
    struct dir_job_order o = order();
    unsigned id = 0;
    int done = 0;

    if (dir_job_undo(jobs, &o, of, on_ok, &done, &id, err))
        id = 0;
    store_wait(store);
    return id;
}

static size_t count_where(const char *where)
{
    struct dir_filter *f = NULL;
    struct dir_user u;
    size_t pos = 0, n = 0;

    assert_int_equal(dir_filter_parse(gw_str_of(where), &f, NULL), GW_OK);
    while (dir_user_next(dir, &pos, &u))
        n += dir_filter_matches(f, &u);
    dir_filter_free(&f);
    return n;
}

static void test_set(void **state)
{
    struct gw_err err = { 0 };
    unsigned id;
    size_t hit;

    (void)state;
    (void)upload_many();
    run(TO_THE_END);
    hit = count_where("department = d3");
    assert_true(hit > 300);
    id = set("department = d3", "{\"im\":true,\"zone\":\"Asia/Tokyo\"}", 0, &err);
    run(3);
    close_all(); /* in the middle of it */
    open_all();
    run(TO_THE_END);
    expect_job(id, DIR_JOB_DONE, hit, 0, 0);
    expect_all_lines(id, 1, hit);
    assert_int_equal(count_where("im and zone = Asia/Tokyo and department = D3"), hit);
    assert_int_equal(count_where("im or zone != ''"), hit);

    assert_int_equal(set("department =", "{\"im\":true}", 0, &err), 0);
    assert_int_equal(set("im", "{}", 0, &err), 0);
    assert_non_null(strstr(err.msg, "nothing to set"));
    assert_int_equal(set("im", "{\"zone\":\"Mars\"}", 0, &err), 0);
    assert_non_null(strstr(err.msg, "zone 'Mars'"));
    assert_int_equal(set("im", "{\"user\":\"x\"}", 0, &err), 0);
    assert_int_equal(set("im", "{\"im\":\"yes\"}", 0, &err), 0);
    id = set("id = nobody", "{\"im\":true}", 0, &err); /* hits nobody, and says so */
    run(TO_THE_END);
    expect_job(id, DIR_JOB_DONE, 0, 0, 0);
}

/* Whom a filter hits is found in slices: a restart among them begins anew, who goes meanwhile is not
 * hit, and what was cancelled leaves nothing to others. */
static void test_set_begins(void **state)
{
    struct gw_err err = { 0 };
    unsigned id;
    size_t all;

    (void)state;
    (void)upload_many();
    run(TO_THE_END);
    all = dir_user_count(dir);
    assert_true(all > 2001);
    id = set("not im", "{\"im\":true}", 0, &err);
    run(2);
    assert_int_equal(job(id).state, DIR_JOB_RUNNING);
    close_all();
    open_all();
    expect_job(id, DIR_JOB_WAITING, 0, 0, 0);
    run(2);
    assert_int_equal(dir_job_cancel(jobs, id, now.utc, NULL, NULL, NULL), GW_OK);
    id = set("not im", "{\"im\":true}", 0, &err);
    run(1);
    assert_int_equal(dir_user_remove(dir, GW_STR("u0005@example.com"), NULL, NULL, NULL), GW_OK);
    run(TO_THE_END);
    expect_job(id, DIR_JOB_DONE, all - 1, 0, 0);
    expect_all_lines(id, 1, all - 1);
}

/* Not before its time; and at once when that went by while nothing ran. */
static void test_later(void **state)
{
    struct gw_err err = { 0 };
    unsigned late, later;

    (void)state;
    assert_true(upload(DIR_JOB_INSERT, GW_STR("user\nann\n"), &err));
    run(TO_THE_END);
    late = set("id = ann", "{\"im\":true}", now.utc + 10 * GW_MINUTE_MS, &err);
    later = set("id = ann", "{\"group\":\"x\"}", now.utc + GW_DAY_MS, &err);
    run(10);
    expect_job(late, DIR_JOB_WAITING, 0, 0, 0);
    run(TO_THE_END / 1000);
    expect_job(late, DIR_JOB_DONE, 1, 0, 0);
    expect_job(later, DIR_JOB_WAITING, 0, 0, 0);
    close_all();
    now.utc += 2 * GW_DAY_MS;
    open_all();
    run(10);
    expect_job(later, DIR_JOB_DONE, 1, 0, 0);
}

static void test_undo(void **state)
{
    static const char *const says[] = {
        "\"user\":\"ann@example.com\",\"result\":\"failed\",\"why\":\"'zone' was changed since",
        "\"user\":\"cat@example.com\",\"result\":\"ignored\",\"why\":\"is not there any more",
        "\"user\":\"bob@example.com\",\"result\":\"done\",\"changed\":{\"zone\":[\"Asia/"
        "Tokyo\",\"\"]",
        "\"user\":\"ann@example.com\",\"result\":\"done\",\"changed\":{\"group\":[\"vip\",\"\"]}",
        NULL,
    };
    const struct gw_str paris = GW_STR_INIT("Europe/Paris");
    struct gw_err err = { 0 };
    unsigned inserted, updated, id;

    (void)state;
    inserted = upload(DIR_JOB_INSERT, GW_STR("user\nann\nbob\ncat\ndan\n"), &err);
    run(TO_THE_END);
    updated = upload(DIR_JOB_UPDATE,
                     GW_STR("user,zone,group\nann,,vip\nbob,Asia/Tokyo,\ncat,Asia/Tokyo,\n"
                            "ann,Asia/Tokyo,\ndan,,\n"),
                     &err);
    run(TO_THE_END);
    expect_job(updated, DIR_JOB_DONE, 4, 1, 0);
    assert_int_equal(undo(99, &err), 0);
    assert_int_equal(dir_user_change(dir, GW_STR("ann@example.com"),
                                     &(struct dir_user_edit){ .zone = &paris }, NULL, NULL, &err),
                     GW_OK);
    assert_int_equal(dir_user_remove(dir, GW_STR("cat@example.com"), NULL, NULL, &err), GW_OK);

    id = undo(updated, &err); /* from the end, and only what is still so */
    assert_int_equal(undo(updated, &err), 0);
    assert_non_null(strstr(err.msg, "is undone by job"));
    run(TO_THE_END);
    expect_job(id, DIR_JOB_DONE, 2, 1, 1);
    expect_result(id, says);
    assert_int_equal(job(updated).undone_by, id);
    assert_int_equal(undo(id, &err), 0);
    assert_non_null(strstr(err.msg, "itself an undo"));

    id = undo(inserted, &err); /* ann has another zone: she stays */
    run(TO_THE_END);
    expect_job(id, DIR_JOB_DONE, 2, 1, 1);
    assert_int_equal(dir_user_count(dir), 1);
    assert_true(gw_str_is(user("ann@example.com").zone, "Europe/Paris"));
}

/* Of a job that was cancelled half way, over restarts: everything is as before. */
static void test_undo_of_half(void **state)
{
    unsigned id = upload_many(), back;
    struct gw_err err = { 0 };

    (void)state;
    run(9);
    assert_int_equal(undo(id, &err), 0);
    assert_non_null(strstr(err.msg, "cancel it first"));
    assert_int_equal(dir_job_cancel(jobs, id, now.utc, NULL, NULL, &err), GW_OK);
    back = undo(id, &err);
    for (int i = 0; job(back).state != DIR_JOB_DONE; i++) {
        run(2);
        close_all();
        open_all();
    }
    expect_job(back, DIR_JOB_DONE, job(id).done, 0, 0);
    assert_int_equal(dir_user_count(dir), 0);
}

/* The list is bounded: the oldest that is over goes, with its results; waiting ones do not. */
static void test_bounded_list(void **state)
{
    struct dir_job_order o = order();
    struct gw_err err = { 0 };
    struct gw_buf all;
    struct dir_job j;
    size_t pos = 0;
    unsigned id = 0;

    (void)state;
    for (int i = 0; i < DIR_JOBS_MAX + 5; i++) {
        assert_true(upload(DIR_JOB_INSERT, GW_STR("user\nann\n"), &err));
        run(TO_THE_END);
    }
    assert_false(dir_jobs_get(jobs, 5, &j));
    results(5, &all);
    assert_int_equal(all.len, 0);
    gw_buf_done(&all);
    assert_true(dir_jobs_next(jobs, &pos, &j) && j.id == DIR_JOBS_MAX + 5);

    o.at = now.utc + GW_DAY_MS;
    for (int i = 0; i < DIR_JOBS_MAX; i++) {
        json_t *values = json_pack("{s:b}", "im", 1);

        assert_int_equal(dir_job_set(jobs, &o, GW_STR("im"), values, NULL, NULL, &id, &err), GW_OK);
        json_decref(values);
    }
    assert_int_equal(set("im", "{\"im\":true}", 0, &err), 0);
    assert_non_null(strstr(err.msg, "waiting already"));
    store_wait(store);
    close_all();
    open_all();
    pos = 0;
    while (dir_jobs_next(jobs, &pos, &j))
        ;
    assert_int_equal(pos, DIR_JOBS_MAX);
}

static void test_damaged(void **state)
{
    static const char *const value[] = {
        "",
        "[]",
        "{}",
        "{\"type\":\"insert\"}",
        "{\"type\":\"insert\",\"state\":\"none\"}",
        "{\"type\":\"set\",\"state\":\"waiting\"}",
        "{\"type\":\"insert\",\"state\":\"waiting\",\"rows\":-1}",
        "{\"type\":\"insert\",\"state\":\"waiting\",\"columns\":[\"nothing\"]}",
    };
    struct store_batch *b = store_batch_new();
    char key[DIR_JOB_KEY_MAX];

    (void)state;
    for (unsigned i = 0; i < sizeof(value) / sizeof(value[0]); i++) {
        dir_job_key(i + 1, key);
        store_put(b, DIR_KIND_JOB, gw_str_of(key), GW_STR(""), gw_str_of(value[i]));
    }
    store_put(b, DIR_KIND_JOB, GW_STR("x"), GW_STR(""), GW_STR("{}"));
    /* Rows that are none: each has a result that says so. */
    dir_job_key(20, key);
    store_put(b, DIR_KIND_JOB, gw_str_of(key), GW_STR(""),
              GW_STR("{\"type\":\"insert\",\"state\":\"waiting\",\"chunks\":2,\"rows\":3,"
                     "\"columns\":[\"user\"]}"));
    dir_job_part_key(20, 0, key);
    store_put(b, DIR_KIND_JOB_ROWS, gw_str_of(key), GW_STR(""), GW_STR("rubbish\n{}\nno end"));
    store_commit(store, &b, NULL, NULL);
    close_all();
    open_all();
    run(TO_THE_END);
    expect_job(20, DIR_JOB_DONE, 0, 0, 2);
    assert_false(dir_jobs_get(jobs, 1, &(struct dir_job){ .id = 0 }));
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_insert),       TEST(test_update),    TEST(test_refused_files),
        TEST(test_spreadsheets), TEST(test_too_large), TEST(test_restarts),
        TEST(test_cancel),       TEST(test_set),       TEST(test_set_begins),
        TEST(test_later),        TEST(test_undo),      TEST(test_undo_of_half),
        TEST(test_bounded_list), TEST(test_damaged),   TEST(test_upload_cut_short),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* kalendsctl user import, user update, contact, job */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "admin_ctl.h"

enum {
    FILE_MAX = 64 * 1024 * 1024, /* as the daemon takes it */
    LOOK_MS = 300
};

/* --- times: as ISO 8601, or local as people write them */

static bool time_read(const struct ctl *ctl, const char *option, char out[GW_UTC_TEXT_MAX])
{
    const char *text = ctl_opt(ctl, option), *end;
    struct tm local = { .tm_isdst = -1 };
    gw_utc at;

    out[0] = '\0';
    if (!text)
        return true;
    if (strchr(text, 'T') && !gw_utc_parse(gw_str_of(text), &at, NULL)) {
        (void)gw_utc_text(at, out);
        return true;
    }
    end = strptime(text, "%Y-%m-%d %H:%M", &local);
    if (end && !*end) {
        (void)gw_utc_text((gw_utc)mktime(&local) * GW_SECOND_MS, out);
        return true;
    }
    ctl_complain(ctl, "usage",
                 "--%s: write a time as '2026-11-27 02:00' (local) or 2026-11-27T02:00:00Z",
                 option);
    return false;
}

/* --- progress */

static bool is_over(const json_t *job)
{
    const char *state = ctl_str(job, "state");

    return strcmp(state, "uploading") != 0 && strcmp(state, "waiting") != 0 &&
           strcmp(state, "running") != 0;
}

static void progress_print(const json_t *job, bool last)
{
    json_int_t rows = ctl_int(job, "rows"); /* none: not known yet, or there are none */
    json_int_t seen = ctl_int(job, "done") + ctl_int(job, "ignored") + ctl_int(job, "failed");
    json_int_t part = rows ? seen * 100 / rows : is_over(job) * 100;

    printf("job %lld %s: %lld of %lld rows (%lld%%), %lld done, %lld ignored, %lld failed%s",
           (long long)ctl_int(job, "job"), ctl_str(job, "state"), (long long)seen, (long long)rows,
           (long long)part, (long long)ctl_int(job, "done"), (long long)ctl_int(job, "ignored"),
           (long long)ctl_int(job, "failed"), last ? "\n" : "");
}

static void look_print(const struct ctl *ctl, const json_t *job)
{
    if (ctl->line->json) {
        ctl_print_json_line(job);
    } else if (is_over(job)) {
        printf("%s", isatty(STDOUT_FILENO) ? "\r\033[K" : "");
        progress_print(job, true);
        if (*ctl_str(job, "problem"))
            printf("%s\n", ctl_str(job, "problem"));
    } else if (isatty(STDOUT_FILENO)) {
        printf("\r\033[K");
        progress_print(job, false);
    }
    (void)fflush(stdout);
}

/* Until the job is over. */
static enum ctl_exit watch(struct ctl *ctl, const char *id)
{
    const struct timespec pause = { .tv_nsec = LOOK_MS * 1000000L };
    json_t *job;
    enum ctl_exit rc;

    for (;;) {
        rc = ctl_call(ctl, "GET", ctl_path("/v1/jobs/%s", id), NULL, &job);
        if (rc)
            return rc;
        look_print(ctl, job);
        if (is_over(job))
            break;
        json_decref(job);
        (void)nanosleep(&pause, NULL);
    }
    if (ctl_int(job, "failed") && !ctl->line->json)
        printf("'kalendsctl job result %s' says why rows failed\n", id);
    rc =
        strcmp(ctl_str(job, "state"), "done") == 0 && !ctl_int(job, "failed") ? CTL_OK : CTL_FAILED;
    json_decref(job);
    return rc;
}

/* Takes the answer to an order. */
static enum ctl_exit follow(struct ctl *ctl, json_t *job)
{
    bool later = json_is_string(json_object_get(job, "at")) || ctl_opt(ctl, "no-wait");
    char id[24];

    (void)snprintf(id, sizeof(id), "%lld", (long long)ctl_int(job, "job"));
    if (ctl->line->json && later)
        ctl_print_json(job);
    else if (!ctl->line->json && later && json_is_string(json_object_get(job, "at")))
        printf("job %s waits until %s\n", id, ctl_str(job, "at"));
    else if (!ctl->line->json)
        printf("job %s begins; 'kalendsctl job cancel %s' ends it\n", id, id);
    json_decref(job);
    (void)fflush(stdout);
    return later ? CTL_OK : watch(ctl, id);
}

/* --- user import */

static enum ctl_exit file_read(const struct ctl *ctl, const char *path, struct gw_buf *out)
{
    bool is_stdin = strcmp(path, "-") == 0;
    FILE *f = is_stdin ? stdin : fopen(path, "re");
    struct stat st;
    char piece[64 * 1024];
    size_t n;

    if (!f || (fstat(fileno(f), &st) == 0 && S_ISDIR(st.st_mode))) {
        ctl_complain(ctl, "notfound", "file '%s' cannot be read: %s", path,
                     f ? "it is a directory" : strerror(errno));
        if (f && !is_stdin)
            (void)fclose(f);
        return CTL_FAILED;
    }
    while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
        gw_buf_add(out, piece, n);
    if (ferror(f))
        out->failed = true;
    if (!is_stdin)
        (void)fclose(f);
    if (!out->failed)
        return CTL_OK;
    ctl_complain(ctl, "limit",
                 "file '%s' cannot be read, or is larger than %d MiB: cut it into several", path,
                 FILE_MAX / (1024 * 1024));
    return CTL_FAILED;
}

static enum ctl_exit sample(struct ctl *ctl, const char *type)
{
    json_t *answer;
    enum ctl_exit rc = ctl_call_raw(ctl, "GET", ctl_path("/v1/jobs/sample?type=%s", type), &answer);

    if (rc)
        return rc;
    if (ctl->line->json)
        ctl_print_json(answer);
    else
        printf("%s", ctl_str(answer, "csv"));
    json_decref(answer);
    return CTL_OK;
}

/* A file for a job of that type. */
static enum ctl_exit order_by_file(struct ctl *ctl, const char *type)
{
    const char *dry_run = ctl_opt(ctl, "dry-run") ? "yes" : "";
    char at[GW_UTC_TEXT_MAX];
    struct gw_buf file;
    json_t *job = NULL;
    enum ctl_exit rc;

    if (!ctl_arg(ctl, 0)) {
        ctl_complain(ctl, "usage", "FILE is missing; --sample shows what stands in it");
        return CTL_USAGE;
    }
    if (!time_read(ctl, "at", at))
        return CTL_USAGE;
    gw_buf_init(&file, FILE_MAX);
    rc = file_read(ctl, ctl_arg(ctl, 0), &file);
    if (!rc)
        rc = ctl_send(ctl, "POST", ctl_path("/v1/jobs/%s?at=%s&dry_run=%s", type, at, dry_run),
                      "text/csv", gw_buf_str(&file), &job);
    gw_buf_done(&file);
    return rc ? rc : follow(ctl, job);
}

enum ctl_exit ctl_user_import(struct ctl *ctl)
{
    if (ctl_opt(ctl, "sample"))
        return sample(ctl, "insert");
    return order_by_file(ctl, ctl_opt(ctl, "update") ? "update" : "insert");
}

enum ctl_exit ctl_contact_import(struct ctl *ctl)
{
    return ctl_opt(ctl, "sample") ? sample(ctl, "contacts") : order_by_file(ctl, "contacts");
}

enum ctl_exit ctl_contact_rename(struct ctl *ctl)
{
    return ctl_opt(ctl, "sample") ? sample(ctl, "rename") : order_by_file(ctl, "rename");
}

/* --- user update */

static bool assignment_add(const struct ctl *ctl, const char *text, json_t *set)
{
    static const char *const flags[] = { "im", "calendar", "hide_oof" };
    struct gw_str name, value;
    char *field;
    json_t *json;

    if (!gw_str_cut(gw_str_of(text), "=", &name, &value) || !name.len) {
        ctl_complain(ctl, "usage", "'%s' is not of the form FIELD=VALUE", text);
        return false;
    }
    json = json_stringn(value.p, value.len);
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
        if (gw_str_is(name, flags[i]) && (gw_str_is(value, "yes") || gw_str_is(value, "no"))) {
            json_decref(json);
            json = json_boolean(gw_str_is(value, "yes"));
        }
    field = gw_str_dup(name);
    json_object_set_new(set, field, json);
    free(field);
    return true;
}

/* A page of those who would be hit, and their number; takes what would be set, which may be nothing. */
static enum ctl_exit dry_run(struct ctl *ctl, const char *where, json_t *set)
{
    json_t *answer = NULL, *user;
    struct ctl_table *table;
    enum ctl_exit rc = CTL_OK;
    size_t i;

    if (json_object_size(set))
        rc = ctl_call(ctl, "POST", ctl_path("/v1/jobs/set/check"),
                      json_pack("{s:s, s:O}", "where", where, "set", set), &answer);
    json_decref(set);
    json_decref(answer);
    if (rc)
        return rc;
    rc = ctl_call(ctl, "GET", ctl_path("/v1/users?where=%s", where), NULL, &answer);
    if (rc)
        return rc;
    if (ctl->line->json) {
        ctl_print_json(answer);
    } else {
        table = ctl_table_new("USER|NAME|DEPARTMENT|GROUP");
        json_array_foreach(json_object_get(answer, "users"), i, user)
        {
            ctl_table_cell(table, ctl_str(user, "user"));
            ctl_table_cell(table, ctl_str(user, "name"));
            ctl_table_cell(table, ctl_str(user, "department"));
            ctl_table_cell(table, ctl_str(user, "group"));
        }
        ctl_table_print(&table);
        if (ctl_true(answer, "more"))
            printf("... and more; 'kalendsctl user list --where' shows them all\n");
        printf("%lld of %lld users would be changed; nothing was\n",
               (long long)ctl_int(answer, "matching"), (long long)ctl_int(answer, "total"));
    }
    json_decref(answer);
    return CTL_OK;
}

enum ctl_exit ctl_user_update(struct ctl *ctl)
{
    const char *where = ctl_opt(ctl, "where"), *first = ctl_opt(ctl, "set");
    json_t *set = json_object(), *body, *job = NULL;
    char at[GW_UTC_TEXT_MAX];
    bool ok = !first || assignment_add(ctl, first, set);
    enum ctl_exit rc;

    for (size_t i = 0; ok && i < ctl->line->args_count; i++)
        ok = assignment_add(ctl, ctl_arg(ctl, i), set);
    if (ok && !where) {
        ctl_complain(ctl, "usage", "--where is missing: it says who is meant");
        ok = false;
    }
    if (!ok || !time_read(ctl, "at", at)) {
        json_decref(set);
        return CTL_USAGE;
    }
    if (ctl_opt(ctl, "dry-run"))
        return dry_run(ctl, where, set);
    body = json_pack("{s:s, s:o, s:s}", "where", where, "set", set, "at", at);
    rc = ctl_call(ctl, "POST", ctl_path("/v1/jobs/set"), body, &job);
    return rc ? rc : follow(ctl, job);
}

/* --- job */

static void job_row(const struct ctl *ctl, struct ctl_table *table, const json_t *job)
{
    char clock[CTL_TIME_MAX];
    gw_utc at = ctl_utc(job, "at");

    ctl_table_cellf(table, "%lld", (long long)ctl_int(job, "job"));
    ctl_table_cell(table, ctl_str(job, "type"));
    ctl_table_cell(table, ctl_str(job, "state"));
    ctl_table_cell(table, ctl_clock(at ? at : ctl_utc(job, "created"), ctl->now, clock));
    ctl_table_cellf(table, "%lld", (long long)ctl_int(job, "rows"));
    ctl_table_cellf(table, "%lld", (long long)ctl_int(job, "done"));
    ctl_table_cellf(table, "%lld", (long long)ctl_int(job, "ignored"));
    ctl_table_cellf(table, "%lld", (long long)ctl_int(job, "failed"));
    ctl_table_cell(table, ctl_str(job, "by"));
}

enum ctl_exit ctl_job_list(struct ctl *ctl)
{
    struct ctl_table *table;
    json_t *answer, *job;
    enum ctl_exit rc;
    size_t i;

    rc = ctl_call(ctl, "GET", ctl_path("/v1/jobs"), NULL, &answer);
    if (rc)
        return rc;
    if (ctl->line->json) {
        ctl_print_json(answer);
    } else {
        table = ctl_table_new("JOB>|TYPE|STATE|FOR|ROWS>|DONE>|IGNORED>|FAILED>|BY");
        json_array_foreach(json_object_get(answer, "jobs"), i, job) job_row(ctl, table, job);
        ctl_table_print(&table);
    }
    json_decref(answer);
    return CTL_OK;
}

static void job_time(const struct ctl *ctl, const char *label, const json_t *job, const char *name)
{
    char text[CTL_TIME_MAX];

    if (ctl_utc(job, name))
        printf("%-10s %s\n", label, ctl_time(ctl_utc(job, name), ctl->now, "-", text));
}

static void job_print(const struct ctl *ctl, const json_t *job)
{
    char *set = json_dumps(json_object_get(job, "set"), JSON_ENCODE_ANY);

    progress_print(job, true);
    printf("%-10s %s\n%-10s %s\n", "type", ctl_str(job, "type"), "by", ctl_str(job, "by"));
    if (ctl_true(job, "dry_run"))
        printf("%-10s yes: nothing was changed\n", "dry run");
    else if (json_object_get(job, "told"))
        printf("%-10s %lld of them with a client that was told at once, %lld without\n", "done",
               (long long)ctl_int(job, "told"),
               (long long)(ctl_int(job, "done") - ctl_int(job, "told")));
    if (*ctl_str(job, "where"))
        printf("%-10s %s\n%-10s %s\n", "where", ctl_str(job, "where"), "set", set ? set : "");
    job_time(ctl, "ordered", job, "created");
    job_time(ctl, "for", job, "at");
    job_time(ctl, "begun", job, "started");
    job_time(ctl, "ended", job, "finished");
    if (ctl_int(job, "undoes"))
        printf("%-10s job %lld\n", "undoes", (long long)ctl_int(job, "undoes"));
    if (ctl_int(job, "undone_by"))
        printf("%-10s job %lld\n", "undone by", (long long)ctl_int(job, "undone_by"));
    if (*ctl_str(job, "problem"))
        printf("%-10s %s\n", "problem", ctl_str(job, "problem"));
    free(set);
}

enum ctl_exit ctl_job_show(struct ctl *ctl)
{
    json_t *job;
    enum ctl_exit rc;

    rc = ctl_call(ctl, "GET", ctl_path("/v1/jobs/%s", ctl_arg(ctl, 0)), NULL, &job);
    if (rc)
        return rc;
    if (ctl->line->json)
        ctl_print_json(job);
    else
        job_print(ctl, job);
    json_decref(job);
    return CTL_OK;
}

enum ctl_exit ctl_job_watch(struct ctl *ctl)
{
    return watch(ctl, ctl_arg(ctl, 0));
}

enum ctl_exit ctl_job_cancel(struct ctl *ctl)
{
    return ctl_change(ctl, "POST", ctl_path("/v1/jobs/%s/cancel", ctl_arg(ctl, 0)), NULL, "job ",
                      " cancelled; what it did stays, unless it is undone");
}

enum ctl_exit ctl_job_undo(struct ctl *ctl)
{
    json_t *job = NULL;
    enum ctl_exit rc;

    rc = ctl_call(ctl, "POST", ctl_path("/v1/jobs/%s/undo", ctl_arg(ctl, 0)), NULL, &job);
    return rc ? rc : follow(ctl, job);
}

/* --- results, as a file for a spreadsheet */

static void csv_cell(const char *text, const char *end)
{
    bool formula = strchr("=+-@", *text) && *text; /* a spreadsheet would run it */

    (void)putchar('"');
    if (formula)
        (void)putchar('\'');
    for (; *text; text++) {
        if (*text == '"')
            (void)putchar('"');
        (void)putchar(*text);
    }
    printf("\"%s", end);
}

static void result_print(const struct ctl *ctl, const json_t *row)
{
    if (ctl->line->json) {
        ctl_print_json_line(row);
        return;
    }
    printf("%lld,", (long long)ctl_int(row, "line"));
    csv_cell(ctl_str(row, "user"), ",");
    if (json_object_get(row, "contact")) {
        csv_cell(ctl_str(row, "contact"), ",");
        csv_cell(ctl_str(row, "to"), ",");
    }
    printf("%s,", ctl_str(row, "result"));
    csv_cell(ctl_str(row, "why"), "\n");
}

enum ctl_exit ctl_job_result(struct ctl *ctl)
{
    const char *only = ctl_opt(ctl, "only");
    json_int_t first = 0;
    json_t *page, *row;
    char text[24];
    enum ctl_exit rc;
    bool more;
    size_t i;

    for (more = true; more; first = ctl_int(page, "next"), json_decref(page)) {
        (void)snprintf(text, sizeof(text), "%lld", (long long)first);
        rc = ctl_call(ctl, "GET", ctl_path("/v1/jobs/%s/result?first=%s", ctl_arg(ctl, 0), text),
                      NULL, &page);
        if (rc)
            return rc;
        if (!first && !ctl->line->json)
            printf("line,user,%sresult,why\n",
                   json_object_get(json_array_get(json_object_get(page, "rows"), 0), "contact")
                       ? "contact,new contact,"
                       : "");
        json_array_foreach(json_object_get(page, "rows"), i,
                           row) if (!only || strcmp(only, ctl_str(row, "result")) == 0)
            result_print(ctl, row);
        more = json_is_integer(json_object_get(page, "next"));
    }
    return CTL_OK;
}

/* --- audit */

static void changes_print(const json_t *entry)
{
    const json_t *changed = json_object_get(entry, "changed");
    const char *name;
    json_t *pair;

    json_object_foreach((json_t *)changed, name, pair)
    {
        char *before = json_dumps(json_array_get(pair, 0), JSON_ENCODE_ANY);
        char *after = json_dumps(json_array_get(pair, 1), JSON_ENCODE_ANY);

        printf("    %s: %s -> %s\n", name, before ? before : "-", after ? after : "-");
        free(before);
        free(after);
    }
}

static void entry_print(const struct ctl *ctl, const json_t *entry)
{
    const json_t *request = json_object_get(entry, "request");
    char clock[CTL_TIME_MAX], *text;

    printf("%s  %s '%s'  by %s\n", ctl_clock(ctl_utc(entry, "at"), ctl->now, clock),
           ctl_str(entry, "what"), ctl_str(entry, "subject"), ctl_str(entry, "by"));
    changes_print(entry);
    if (request && !json_object_size(json_object_get(entry, "changed"))) {
        text = json_dumps(request, JSON_COMPACT);
        printf("    %s\n", text);
        free(text);
    }
}

/* Newest last, as a log is read. */
enum ctl_exit ctl_audit(struct ctl *ctl)
{
    const char *user = ctl_opt(ctl, "user"), *limit = ctl_opt(ctl, "limit");
    char since[GW_UTC_TEXT_MAX];
    json_t *answer, *entries;
    enum ctl_exit rc;

    if (!time_read(ctl, "since", since))
        return CTL_USAGE;
    rc = ctl_call(ctl, "GET",
                  ctl_path("/v1/audit?user=%s&since=%s&limit=%s", user ? user : "", since,
                           limit ? limit : "50"),
                  NULL, &answer);
    if (rc)
        return rc;
    entries = json_object_get(answer, "entries");
    if (ctl->line->json)
        ctl_print_json(answer);
    else
        for (size_t i = json_array_size(entries); i-- > 0;)
            entry_print(ctl, json_array_get(entries, i));
    json_decref(answer);
    return CTL_OK;
}

/* Entries under numbers that grow, so that the oldest are dropped by number. */
#include "dir_audit.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "dir_priv.h"
#include "gw_log.h"
#include "gw_mem.h"

#define KIND "audit"

enum {
    KEY_MAX = 24,
    SUBJECT_MAX = 600, /* of a user: id and domain */
    DROP_EVERY = 100   /* entries: a range is deleted once for so many */
};

#define MEMBER(name) offsetof(struct dir_settings, name)

const struct gw_param dir_params[] = {
    { .key = "audit.keep",
      .shown_as = "Audit entries kept",
      .help = "who changed what: this many changes are kept, the oldest go",
      .type = GW_PARAM_INT,
      .offset = MEMBER(audit_keep),
      .min = 1000,
      .max = 10 * 1000 * 1000,
      .def = "200000" },
    { .key = "contacts.import_rate",
      .shown_as = "Contact List Import Rate (contacts per second)",
      .help = "how many contacts a second a job imports: each may be a request to another server, "
              "and a "
              "question to a user",
      .type = GW_PARAM_INT,
      .offset = MEMBER(contact_rate),
      .min = 1,
      .max = 10000,
      .def = "unlimited",
      .word = "unlimited" },
};
const size_t dir_param_count = sizeof(dir_params) / sizeof(dir_params[0]);

struct dir_audit {
    struct store *store;
    const struct dir_settings *settings;
    uint64_t last; /* number */

    store_done_fn *load_done;
    void *load_ctx;
};

static void key_write(uint64_t number, char out[KEY_MAX])
{
    snprintf(out, KEY_MAX, "%016llu", (unsigned long long)number);
}

/* --- writing */

static void drop_old(const struct dir_audit *audit, struct store_batch *batch)
{
    uint64_t keep = (uint64_t)audit->settings->audit_keep;
    char from[KEY_MAX], to[KEY_MAX];

    if (audit->last % DROP_EVERY || audit->last <= keep)
        return;
    key_write(0, from);
    key_write(audit->last - keep + 1, to);
    store_del_range(batch, KIND, gw_str_of(from), gw_str_of(to));
}

/* What is not UTF-8 stands there as a log would show it. */
static json_t *text_json(struct gw_str s)
{
    json_t *json = json_stringn(s.len ? s.p : "", s.len);
    char quoted[GW_QUOTE_MAX];

    return json ? json : json_string(gw_quote(s, quoted));
}

/* Takes details, which may be NULL. */
static void put(struct dir_audit *audit, struct store_batch *batch, gw_utc at, struct gw_str by,
                const char *what, struct gw_str subject, json_t *details)
{
    json_t *json = json_pack("{s:I, s:o, s:s, s:o, s:o*}", "at", (json_int_t)at, "by",
                             text_json(by.len ? by : GW_STR("kalendsd")), "what", what, "subject",
                             text_json(subject), "details", details);
    char key[KEY_MAX];
    struct gw_buf text;

    gw_buf_init(&text, STORE_VALUE_MAX);
    dir_json_write(json, &text);
    key_write(++audit->last, key);
    store_put(batch, KIND, gw_str_of(key), subject, gw_buf_str(&text));
    drop_old(audit, batch);
    gw_buf_done(&text);
}

static const char *what_happened(const struct dir_user_change *c)
{
    if (!c->before)
        return "user added";
    if (!c->after)
        return "user removed";
    return c->password_changed ? "password set" : "user changed";
}

static void on_user(const struct dir_user_change *c, void *ctx)
{
    json_t *details = NULL;

    if (c->loading)
        return;
    if (!c->password_changed || !c->after)
        details = json_pack("{s:o}", "changed", dir_user_diff(c->before, c->after));
    put(ctx, c->batch, c->at, c->by, what_happened(c), c->after ? c->after->jid : c->before->jid,
        details);
}

void dir_audit_add(struct dir_audit *audit, const struct dir_audit_entry *e)
{
    struct store_batch *batch = store_batch_new();

    put(audit, batch, e->at, gw_str_of(e->by), e->what,
        gw_str_utf8_cut(gw_str_of(e->subject), SUBJECT_MAX),
        e->details ? json_incref((json_t *)e->details) : NULL);
    store_commit(audit->store, &batch, NULL, NULL);
}

/* --- reading */

struct reading {
    dir_audit_entry_fn *each;
    store_done_fn *done;
    void *ctx;
};

static void read_one(const struct store_record *r, void *ctx)
{
    struct reading *reading = ctx;
    json_t *json = json_loadb(r->value.len ? r->value.p : "", r->value.len, 0, NULL);
    struct dir_audit_entry e = {
        .at = json_integer_value(json_object_get(json, "at")),
        .by = json_string_value(json_object_get(json, "by")),
        .what = json_string_value(json_object_get(json, "what")),
        .subject = json_string_value(json_object_get(json, "subject")),
        .details = json_object_get(json, "details"),
    };
    char quoted[GW_QUOTE_MAX];
    int64_t number;

    if (gw_str_to_int(r->key, 1, INT64_MAX, &number) && e.by && e.what && e.subject) {
        e.number = (uint64_t)number;
        reading->each(&e, reading->ctx);
    } else {
        gw_error("dir", "audit entry %s cannot be read, ignored", gw_quote(r->key, quoted));
    }
    json_decref(json);
}

static void read_ended(const struct gw_err *result, void *ctx)
{
    struct reading *reading = ctx;

    reading->done(result, reading->ctx);
    free(reading);
}

void dir_audit_read(struct dir_audit *audit, struct gw_str subject, uint64_t before, size_t limit,
                    dir_audit_entry_fn *each, store_done_fn *done, void *ctx)
{
    struct reading *reading = gw_new(struct reading);
    char from[KEY_MAX], to[KEY_MAX];

    *reading = (struct reading){ each, done, ctx };
    key_write(0, from);
    key_write(before ? before : audit->last + 1, to);
    store_load_range(audit->store, KIND,
                     &(struct store_range){ .from = gw_str_of(from),
                                            .to = gw_str_of(to),
                                            .owner = subject,
                                            .limit = limit,
                                            .newest_first = true },
                     read_one, read_ended, reading);
}

/* --- life */

struct dir_audit *dir_audit_new(struct dir *dir, struct store *store,
                                const struct dir_settings *settings)
{
    struct dir_audit *audit = gw_new(struct dir_audit);

    audit->store = store;
    audit->settings = settings;
    dir_listen(dir, &(struct dir_listener){ .user_changed = on_user, .ctx = audit });
    return audit;
}

void dir_audit_free(struct dir_audit **auditp)
{
    free(*auditp);
    *auditp = NULL;
}

static void load_last(const struct store_record *r, void *ctx)
{
    struct dir_audit *audit = ctx;
    int64_t number;

    if (gw_str_to_int(r->key, 1, INT64_MAX, &number))
        audit->last = (uint64_t)number;
}

static void load_ended(const struct gw_err *result, void *ctx)
{
    struct dir_audit *audit = ctx;

    audit->load_done(result, audit->load_ctx);
}

void dir_audit_load(struct dir_audit *audit, store_done_fn *done, void *ctx)
{
    audit->load_done = done;
    audit->load_ctx = ctx;
    store_load_range(audit->store, KIND,
                     &(struct store_range){
                         .from = GW_STR("0"), .to = GW_STR("~"), .limit = 1, .newest_first = true },
                     load_last, load_ended, audit);
}

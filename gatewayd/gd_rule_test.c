#include "gd_rule_test.h"

#include <jansson.h>
#include <stdlib.h>

#include "gd_gateways.h"
#include "gd_people.h"
#include "gw_mem.h"

enum { STRETCHES_MAX = 200 };

/* The own calendar is read, and where rules look at others these are looked for before: its name and id,
 * then the others. */
struct admin_rule_test {
    struct gw_list link;       /* gd->rule_tests */
    struct ews_client *client; /* of the gateway, which does not change: gd_rule_tests_abort() */
    char *mailbox;
    char *calendar[1 + EWS_FOLDERS_MAX], *id[EWS_FOLDERS_MAX]; /* names, the own one's first */
    size_t further, left;     /* left: rules look at so many more */
    bool is_cut;              /* the mailbox has more than were looked at */
    struct bridge_book *book; /* of its own: what is in force may change meanwhile */
    const struct bridge_policy *policy;
    struct bridge_voice *voice;
    struct gw_interval *outside; /* working hours of that day, where they count */
    size_t outside_count;
    struct ews_call *call;
    char *gateway;
    gw_utc from, to;
    admin_rule_tested_fn *done;
    void *done_ctx;
};

static void test_free(struct admin_rule_test *t)
{
    gw_list_remove(&t->link);
    bridge_book_free(&t->book);
    bridge_voice_free(&t->voice);
    for (size_t i = 0; i <= t->further; i++)
        free(t->calendar[i]);
    for (size_t i = 0; i < t->further; i++)
        free(t->id[i]);
    free(t->mailbox);
    free(t->outside);
    free(t->gateway);
    free(t);
}

/* ---- the answer ---- */

static json_t *clock_json(const struct bridge_voice *voice, gw_utc t)
{
    struct gw_buf text;
    json_t *json;

    gw_buf_init(&text, 64);
    bridge_voice_clock(voice, t, &text);
    json = json_stringn(text.p ? text.p : "", text.len);
    gw_buf_done(&text);
    return json;
}

static json_t *stretch_json(const struct admin_rule_test *t, const struct bridge_calendar *cal,
                            const struct bridge_look *look, gw_utc from, gw_utc to)
{
    struct pres_calendar told;
    char utc[2][GW_UTC_TEXT_MAX];

    bridge_tell(cal, t->policy, t->voice, look, &told);
    return json_pack("{s:s, s:s, s:o, s:o, s:s, s:s, s:s?, s:s?}", "start",
                     gw_utc_text(from, utc[0]), "end", gw_utc_text(to, utc[1]), "from",
                     clock_json(t->voice, from), "to", clock_json(t->voice, to), "state",
                     pres_calendar_kind_name(look->kind), "text", told.text[PRES_WORDS_OWN], "rule",
                     look->rule, "row", look->row);
}

static json_t *day_json(const struct admin_rule_test *t, struct gw_interval *v, size_t count)
{
    struct bridge_calendar cal = { .intervals = v,
                                   .count = count,
                                   .from = t->from,
                                   .to = t->to,
                                   .outside = t->outside,
                                   .outside_count = t->outside_count };
    json_t *list = json_array();
    gw_utc at = t->from;

    for (int i = 0; i < STRETCHES_MAX && at < t->to; i++) {
        struct bridge_look look;
        gw_utc end;

        bridge_look(&cal, t->policy, at, &look);
        end = look.until < t->to ? look.until : t->to;
        json_array_append_new(list, stretch_json(t, &cal, &look, at, end));
        at = end;
    }
    return list;
}

/* Those that count, into v; how many. */
static size_t tagged(const struct admin_rule_test *t, const struct ews_answer *a,
                     struct gw_interval *v)
{
    size_t n = 0;

    for (size_t k = 0; k < a->calendar_count; k++)
        for (size_t i = 0; i < a->calendars[k].item_count; i++) {
            struct gw_item item = a->calendars[k].items[i];

            item.calendar = gw_str_of(t->calendar[k] ? t->calendar[k] : "");
            item.is_further = k > 0;
            v[n] = item.interval;
            v[n].tag = bridge_policy_tag(t->policy, &item);
            n += !k || v[n].tag;
        }
    return n;
}

/* Items by what they are and which rule has matched, never by their words. */
static json_t *tested_json(const struct admin_rule_test *t, const struct ews_answer *a)
{
    size_t count = 0, unread = 0;
    struct gw_interval *v;
    json_t *json;

    for (size_t k = 0; k < a->calendar_count; k++) {
        count += a->calendars[k].item_count;
        unread += a->calendars[k].status.class != EWS_OK;
    }
    v = gw_realloc(NULL, count + 1, sizeof(*v));
    count = gw_intervals_normalise(v, tagged(t, a, v));
    json = json_pack("{s:o, s:I, s:I, s:I, s:I, s:b}", "day", day_json(t, v, count), "items",
                     (json_int_t)count, "further_calendars", (json_int_t)t->further,
                     "unread_calendars", (json_int_t)unread, "left_calendars", (json_int_t)t->left,
                     "calendars_cut", t->is_cut);
    free(v);
    return json;
}

static void finish(struct admin_rule_test *t, const struct gw_err *result, json_t *answer)
{
    admin_rule_tested_fn *done = t->done;
    void *done_ctx = t->done_ctx;

    test_free(t);
    done(result, answer, done_ctx);
}

static void fail(struct admin_rule_test *t, const char *what, const struct ews_status *why)
{
    struct gw_err err;

    gw_fail(&err, GW_AGAIN, "%s: %s", what, why->text);
    finish(t, &err, NULL);
}

static void on_read(const struct ews_answer *a, void *ctx)
{
    const struct gw_err ok = { GW_OK, "" };
    struct admin_rule_test *t = ctx;

    t->call = NULL;
    if (a->status.class != EWS_OK)
        fail(t, "the calendar could not be read", &a->status);
    else
        finish(t, &ok, tested_json(t, a));
}

static void ask(struct admin_rule_test *t, struct ews_request *r, ews_done_fn *done)
{
    r->mailbox = gw_str_of(t->mailbox);
    t->call = ews_client_start(t->client, r, done, t);
}

static void read_day(struct admin_rule_test *t)
{
    struct gw_str ids[EWS_FOLDERS_MAX];
    struct ews_request r = { .op = EWS_OP_FIND_ITEM,
                             .from = t->from,
                             .to = t->to,
                             .item_fields = bridge_policy_needs(t->policy) | GW_ITEM_EXACT,
                             .folders = ids,
                             .folder_count = t->further };

    for (size_t i = 0; i < t->further; i++)
        ids[i] = gw_str_of(t->id[i]);
    ask(t, &r, on_read);
}

static void on_found(const struct ews_answer *a, void *ctx)
{
    struct admin_rule_test *t = ctx;

    t->call = NULL;
    if (a->status.class != EWS_OK) {
        fail(t, "further calendars could not be looked for", &a->status);
        return;
    }
    t->is_cut = a->folders_cut;
    for (size_t i = 0; i < a->folder_count; i++) {
        if (!a->folders[i].name.len || !bridge_policy_looks_at(t->policy, a->folders[i].name))
            continue;
        if (t->further == EWS_FOLDERS_MAX) {
            t->left++;
            continue;
        }
        t->id[t->further++] = gw_str_dup(a->folders[i].id);
        t->calendar[t->further] = gw_str_dup(a->folders[i].name);
    }
    read_day(t);
}

static void on_own(const struct ews_answer *a, void *ctx)
{
    struct ews_request r = { .op = EWS_OP_FIND_FOLDER };
    struct admin_rule_test *t = ctx;

    t->call = NULL;
    if (a->status.class != EWS_OK) {
        fail(t, "the calendar could not be found", &a->status);
        return;
    }
    t->calendar[0] = gw_str_dup(a->folders[0].name);
    r.own_folder = a->folders[0].id;
    ask(t, &r, on_found);
}

static void begin(struct admin_rule_test *t)
{
    struct ews_request r = { .op = EWS_OP_GET_FOLDER };

    if (bridge_policy_needs(t->policy) & GW_ITEM_CALENDAR)
        ask(t, &r, on_own);
    else
        read_day(t);
}

/* ---- asking ---- */

static enum gw_code rules_take(struct admin_rule_test *t, const struct admin_rule_test_args *args,
                               struct gw_err *err)
{
    for (size_t i = 0; i < args->rule_count; i++) {
        enum gw_code rc = bridge_book_rule_add(t->book, GW_STR("everyone"), args->rules[i].name,
                                               args->rules[i].rule, GW_STR(""), err);

        if (rc)
            return gw_fail_prefix(err, "rule %zu: ", i + 1);
    }
    return GW_OK;
}

static enum gw_code gateway_of(const struct gd *gd, struct gw_str user,
                               struct gd_gateway_target *target, char **name, struct gw_err *err)
{
    struct gw_now now = net_loop_now(gd->loop);
    struct sched_gateway_view g;
    struct sched_user_view v;

    if (!sched_user_view(gd->sched, user, now, &v))
        return gw_fail(err, GW_INVALID, "the calendar of '%.*s' is not enabled", GW_STR_ARG(user));
    if (!v.gateway.len || !gd_gateway_target(gd->gateways, v.gateway, target) ||
        !sched_gateway_view(gd->sched, v.gateway, now, &g))
        return gw_fail(err, GW_AGAIN, "no gateway serves '%.*s' yet", GW_STR_ARG(user));
    if (g.backoff_until)
        return gw_fail(err, GW_AGAIN, "gateway '%.*s' takes no requests for a while: try again",
                       GW_STR_ARG(v.gateway));
    *name = gw_str_dup(v.gateway);
    return GW_OK;
}

/* As they were read last. */
static void hours_take(const struct gd *gd, struct admin_rule_test *t, struct gw_str user)
{
    struct sched_calendar known;

    if (!bridge_policy_has_hours(t->policy) || !sched_user_calendar(gd->sched, user, &known) ||
        !known.hours)
        return;
    t->outside = gw_realloc(NULL, GW_OUTSIDE_MAX, sizeof(*t->outside));
    t->outside_count = gw_hours_outside(known.hours, t->from, t->to, t->outside);
}

static enum gw_code glasses_take(struct gd *gd, struct admin_rule_test *t,
                                 const struct admin_rule_test_args *args,
                                 const struct dir_user *user, struct gw_err *err)
{
    const struct bridge_person person = { .user = user->jid,
                                          .domain = user->domain,
                                          .group = user->group };
    enum gw_code rc;

    t->book = bridge_book_extract(gd->book, &person, !args->rules);
    rc = rules_take(t, args, err);
    if (rc)
        return rc;
    t->policy = bridge_book_policy(t->book, &person);
    t->voice = gd_voice_new(gd, user);
    rc = bridge_voice_day(t->voice, args->day, net_loop_now(gd->loop).utc, &t->from, &t->to, err);
    if (!rc)
        hours_take(gd, t, user->jid);
    return rc;
}

enum gw_code gd_rule_test_start(struct gd *gd, const struct admin_rule_test_args *args,
                                admin_rule_tested_fn *done, void *done_ctx,
                                struct admin_rule_test **out, struct gw_err *err)
{
    struct admin_rule_test *t = gw_new(struct admin_rule_test);
    struct gd_gateway_target target;
    struct dir_user user;
    enum gw_code rc;

    gw_list_append(&gd->rule_tests, &t->link);
    t->done = done;
    t->done_ctx = done_ctx;
    rc = gateway_of(gd, args->user, &target, &t->gateway, err);
    if (!rc && !dir_user_get(gd->dir, args->user, &user))
        rc = gw_fail(err, GW_NOTFOUND, "there is no user '%.*s'", GW_STR_ARG(args->user));
    if (!rc)
        rc = glasses_take(gd, t, args, &user, err);
    if (rc) {
        test_free(t);
        return rc;
    }
    t->client = target.client;
    t->mailbox = gw_str_dup(user.mail);
    begin(t);
    *out = t;
    return GW_OK;
}

void gd_rule_test_cancel(struct admin_rule_test *t)
{
    if (t->call)
        ews_call_cancel(&t->call);
    test_free(t);
}

void gd_rule_tests_abort(struct gd *gd, struct gw_str gateway)
{
    struct gw_list *it, *tmp;
    struct gw_err err;

    GW_LIST_EACH(&gd->rule_tests, it, tmp)
    {
        struct admin_rule_test *t = GW_CONTAINER(it, struct admin_rule_test, link);

        if (!gw_str_is(gateway, t->gateway))
            continue;
        ews_call_cancel(&t->call);
        gw_fail(&err, GW_AGAIN, "gateway '%s' was changed meanwhile: try again", t->gateway);
        finish(t, &err, NULL);
    }
}

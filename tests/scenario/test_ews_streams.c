/* A thousand mailboxes on streaming subscriptions, in groups of two hundred that live on one server
 * each, against the mock behind a balancer that needs affinity. Connections break, events are missed,
 * subscriptions are lost, the server restarts: every change is told of, or its calendar is read again.
 *
 * The keeper here does by hand what a scheduler does: subscribe the anchor, then the others with its
 * affinity, read the stream, and act on how it ended. A read is but a mark. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ews_client.h"
#include "gw_bytes.h"
#include "mock_talk.h"

enum {
    BOXES = 1000,
    PER_GROUP = EWS_STREAM_IDS_MAX,
    GROUPS = BOXES / PER_GROUP,
    AT_ONCE = 8, /* Subscribe calls of a group */
    CHANGES = 150,
    GUARD_MS = 60000,
    RETRY_MS = 20
};

struct box {
    struct group *group;
    char address[32];
    char id[512];  /* of its subscription; empty: none */
    bool pending;  /* Subscribe is under way */
    bool changed;  /* and nobody has looked yet */
    bool doubtful; /* may have changed unheard: to be read when the stream is open again */
};

struct group {
    struct box box[PER_GROUP]; /* the first is the anchor */
    char affinity[EWS_AFFINITY_MAX + 1];
    unsigned pending;
    struct ews_call *stream;
    struct net_timer *retry;
};

static struct {
    struct net_loop *loop;
    struct net_timer *guard, *look;
    struct mock_exchange *mx;
    struct ews_account *account;
    struct ews_client *client;
    bool stuck, quiet;
    const char *trouble;
    struct group group[GROUPS];
    unsigned opened, closed, lost_streams, subscribed, gone, told;
} t;

static void keep(struct group *g);

/* ---- the keeper ------------------------------------------------------------------------------- */

static struct ews_request request_of(const struct box *b, enum ews_op op)
{
    return (struct ews_request){ .op = op,
                                 .mailbox = gw_str_of(b->address),
                                 .sub_mode = EWS_SUB_STREAMING,
                                 .stream_timeout_min = 1,
                                 .anchor = gw_str_of(b->group->box[0].address),
                                 .affinity = gw_str_of(b->group->affinity) };
}

static void later(struct group *g)
{
    net_timer_set(g->retry, net_loop_now(t.loop).mono + RETRY_MS);
}

static void on_retry(struct gw_now now, void *ctx)
{
    (void)now;
    keep(ctx);
}

/* The calendar is read when the subscription stands: what changes afterwards is told of. */
static void on_subscribed(const struct ews_answer *a, void *ctx)
{
    struct box *b = ctx;
    struct group *g = b->group;

    b->pending = false;
    g->pending--;
    if (a->status.class != EWS_OK) {
        later(g);
        return;
    }
    t.subscribed++;
    snprintf(b->id, sizeof(b->id), "%.*s", GW_STR_ARG(a->subscription_id));
    if (b == g->box && a->affinity.len)
        snprintf(g->affinity, sizeof(g->affinity), "%.*s", GW_STR_ARG(a->affinity));
    b->changed = b->doubtful = false;
    keep(g);
}

static struct box *box_of(struct group *g, struct gw_str id)
{
    for (size_t i = 0; i < PER_GROUP; i++)
        if (id.len && gw_str_is(id, g->box[i].id))
            return &g->box[i];
    return NULL;
}

static void read_doubtful(struct group *g)
{
    for (size_t i = 0; i < PER_GROUP; i++)
        if (g->box[i].doubtful)
            g->box[i].doubtful = g->box[i].changed = false;
}

static void on_event(const struct ews_notification *n, void *ctx)
{
    struct group *g = ctx;
    struct box *b = box_of(g, n->subscription_id);

    read_doubtful(g);
    assert_true(b || !n->subscription_id.len);
    if (b && n->changes) {
        b->changed = false;
        t.told++;
    }
}

static void forget(struct box *b)
{
    b->id[0] = '\0';
    t.gone++;
}

/* As ews_client.h says what an end means. */
static void on_stream_done(const struct ews_answer *a, void *ctx)
{
    struct group *g = ctx;
    bool all = a->status.class == EWS_SUBSCRIPTION_GONE && !a->bad_id_count;

    g->stream = NULL;
    if (a->status.class == EWS_OK) {
        t.closed++;
        keep(g);
        return;
    }
    for (size_t i = 0; i < a->bad_id_count; i++)
        if (box_of(g, a->bad_ids[i]))
            forget(box_of(g, a->bad_ids[i]));
    for (size_t i = 0; i < PER_GROUP; i++) {
        g->box[i].doubtful = true;
        if (all && g->box[i].id[0])
            forget(&g->box[i]);
    }
    t.lost_streams++;
    later(g);
}

static void start_stream(struct group *g)
{
    struct gw_str ids[PER_GROUP];
    struct ews_request r = request_of(g->box, EWS_OP_STREAM);

    for (size_t i = 0; i < PER_GROUP; i++)
        ids[i] = gw_str_of(g->box[i].id);
    r.subscription_ids = ids;
    r.subscription_id_count = PER_GROUP;
    g->stream = ews_client_stream_start(t.client, &r, on_event, on_stream_done, g);
    t.opened++;
}

/* The next steps: the anchor first, then the others, a few at a time, then the stream. */
static void keep(struct group *g)
{
    size_t missing = 0;

    if (t.quiet || g->stream)
        return;
    for (size_t i = 0; i < PER_GROUP && g->pending < AT_ONCE; i++) {
        struct box *b = &g->box[i];
        struct ews_request r;

        if (b->id[0])
            continue;
        missing++;
        if (!b->pending) {
            r = request_of(b, EWS_OP_SUBSCRIBE);
            b->pending = true;
            g->pending++;
            (void)ews_client_start(t.client, &r, on_subscribed, b);
        }
        if (i == 0)
            return;
    }
    if (!missing && !g->pending)
        start_stream(g);
}

/* ---- the world -------------------------------------------------------------------------------- */

static void on_guard(struct gw_now now, void *ctx)
{
    (void)now;
    (void)ctx;
    t.stuck = true;
    net_loop_stop(t.loop);
}

static void on_look(struct gw_now now, void *ctx)
{
    (void)ctx;
    net_timer_set(t.look, now.mono + 5);
    net_loop_stop(t.loop);
}

static bool all_streaming(void)
{
    for (size_t i = 0; i < GROUPS; i++)
        if (!t.group[i].stream)
            return false;
    return true;
}

static unsigned unheard(void)
{
    unsigned count = 0;

    for (size_t i = 0; i < BOXES; i++)
        count += t.group[i / PER_GROUP].box[i % PER_GROUP].changed;
    return count;
}

#define RUN_UNTIL(what)                                                                            \
    do {                                                                                           \
        net_timer_set(t.guard, net_loop_now(t.loop).mono + GUARD_MS);                              \
        net_timer_set(t.look, net_loop_now(t.loop).mono);                                          \
        while (!(what) && !t.stuck)                                                                \
            net_loop_run(t.loop);                                                                  \
        if (t.stuck)                                                                               \
            fail_msg("%s: in vain waited for %s; unheard: %u", t.trouble, #what, unheard());       \
    } while (0)

static void apply(const char *json)
{
    struct gw_err err;

    if (mock_exchange_apply(t.mx, gw_str_of(json), &err))
        fail_msg("%s", err.msg);
}

static void change_calendars(void)
{
    struct gw_now now = net_loop_now(t.loop);

    for (unsigned n = 0; n < CHANGES; n++) {
        uint32_t random;
        struct box *b;
        struct mock_item_data data = { .start = now.utc,
                                       .end = now.utc + GW_HOUR_MS,
                                       .busy = GW_BUSY_BUSY };
        struct gw_err err;

        gw_random(&random, sizeof(random));
        b = &t.group[random % GROUPS].box[random / GROUPS % PER_GROUP];
        b->changed = true;
        assert_int_equal(
            mock_item_add(mock_exchange_org(t.mx),
                          mock_mailbox_by_smtp(mock_exchange_org(t.mx), gw_str_of(b->address)),
                          &data, NULL, now, NULL, &err),
            GW_OK);
    }
    mock_exchange_touch(t.mx);
}

static void client_start(void)
{
    struct ews_client_args args = { .host = "127.0.0.1",
                                    .port = mock_exchange_cas_port(t.mx, "cas1"),
                                    .account = t.account,
                                    .timeout_ms = GUARD_MS,
                                    .allow_http = true };
    struct gw_err err;

    if (ews_client_new(t.loop, &args, &t.client, &err))
        fail_msg("%s", err.msg);
}

static int setup(void **state)
{
    struct ews_account_args account = { .auth = EWS_AUTH_BASIC,
                                        .name = "svc",
                                        .password = "secret" };
    struct gw_err err;

    (void)state;
    memset(&t, 0, sizeof(t));
    t.loop = net_loop_new();
    t.guard = net_timer_new(t.loop, on_guard, NULL);
    t.look = net_timer_new(t.loop, on_look, NULL);
    t.mx = mock_exchange_new(t.loop);
    t.account = ews_account_new(t.loop, NULL, NULL); /* Basic needs no threads */
    assert_int_equal(ews_account_set(t.account, &account, &err), GW_OK);
    for (size_t i = 0; i < BOXES; i++) {
        struct group *g = &t.group[i / PER_GROUP];

        g->box[i % PER_GROUP].group = g;
    }
    for (size_t i = 0; i < GROUPS; i++)
        t.group[i].retry = net_timer_new(t.loop, on_retry, &t.group[i]);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    t.quiet = true;
    ews_client_free(&t.client);
    ews_account_free(&t.account);
    mock_exchange_free(&t.mx);
    for (size_t i = 0; i < GROUPS; i++)
        net_timer_free(&t.group[i].retry);
    net_timer_free(&t.guard);
    net_timer_free(&t.look);
    net_loop_free(&t.loop);
    return 0;
}

/* Mailboxes in the order of creation, so that neighbours are in one group: of the databases in turn. */
static void populate(const char *version)
{
    size_t pos = 0, i = 0;
    const struct mock_mailbox *m;
    char json[1024];

    snprintf(json, sizeof(json),
             "{\"minute_ms\": 1000, \"version\": \"%s\", \"affinity\": true,"
             "\"cas\": [{\"name\": \"cas1\", \"listen\": \"http://127.0.0.1:0\"}],"
             "\"databases\": [{\"name\": \"DB1\", \"server\": \"mbx1\", \"site\": \"a\"},"
             "                {\"name\": \"DB2\", \"server\": \"mbx2\", \"site\": \"a\"}],"
             "\"accounts\": [{\"name\": \"svc\", \"password\": \"secret\","
             "                \"impersonate\": true}],"
             "\"users\": [{\"count\": %d, \"domain\": \"x.example\", \"prefix\": \"user\"}]}",
             version, BOXES);
    apply(json);
    for (; (m = mock_mailbox_next(mock_exchange_org(t.mx), &pos)) && i < BOXES; i++)
        snprintf(t.group[i / PER_GROUP].box[i % PER_GROUP].address, 32, "%s", m->address);
    assert_int_equal(i, BOXES);
    /* A group is spread over the servers: without affinity its subscriptions would be, too. */
    for (i = 0; i < BOXES; i += 3) {
        char path[80];

        snprintf(path, sizeof(path), "/users/%s/move",
                 t.group[i / PER_GROUP].box[i % PER_GROUP].address);
        mock_tell(t.mx, "POST", path, "{\"to\": \"DB2\"}");
    }
    client_start();
}

static const struct {
    const char *name, *method, *path, *body;
} trouble[] = {
    { "none", NULL, NULL, NULL },
    { "connections break", "POST", "/mishaps", "{\"kind\": \"cut\", \"count\": 3}" },
    { "events are missed", "POST", "/mishaps", "{\"kind\": \"break\", \"count\": 3}" },
    { "subscriptions are lost", "POST", "/mishaps", "{\"kind\": \"lose\", \"count\": 5}" },
    { "events come twice", "POST", "/mishaps", "{\"kind\": \"duplicate\", \"count\": 50}" },
    { "events come late", "POST", "/mishaps",
      "{\"kind\": \"delay\", \"for\": \"100ms\", \"count\": 20}" },
    { "the server restarts", "POST", "/cas/cas1/down", "{\"lose\": true}" },
};

static void run_troubles(void)
{
    for (size_t i = 0; i < sizeof(trouble) / sizeof(trouble[0]); i++) {
        t.trouble = trouble[i].name;
        if (trouble[i].method)
            mock_tell(t.mx, trouble[i].method, trouble[i].path, trouble[i].body);
        change_calendars();
        if (trouble[i].path && strcmp(trouble[i].path, "/cas/cas1/down") == 0) {
            RUN_UNTIL(!all_streaming());
            mock_tell(t.mx, "POST", "/cas/cas1/up", "{}");
        }
        RUN_UNTIL(!unheard() && all_streaming());
        mock_tell(t.mx, "DELETE", "/mishaps", "");
    }
}

static void live(const char *version)
{
    t.trouble = "start";
    populate(version);
    for (size_t i = 0; i < GROUPS; i++)
        keep(&t.group[i]);
    RUN_UNTIL(all_streaming());
    assert_int_equal(t.subscribed, BOXES);
    run_troubles();
    printf("%s: %u streams opened, %u closed as agreed, %u lost; %u changes told of; %u "
           "subscriptions gone\n",
           version, t.opened, t.closed, t.lost_streams, t.told, t.gone);
    assert_true(t.lost_streams >= 1 && t.gone >= BOXES && t.told >= CHANGES);
}

static void test_2010(void **state)
{
    (void)state;
    live("2010");
}

static void test_2019(void **state)
{
    (void)state;
    live("2019");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_2010, setup, teardown),
        cmocka_unit_test_setup_teardown(test_2019, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

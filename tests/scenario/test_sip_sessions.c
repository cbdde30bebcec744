/* Two gateways, each with a user, who exchange messages in sessions over a network that loses, doubles, delays and
 * reorders what is sent by UDP, on virtual time. Whatever happens there: each line arrives, in the order in
 * which it was said; and in the end no session is left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gw_heap.h"
#include "gw_list.h"
#include "gw_mem.h"
#include "pres_settings.h"
#include "sip_core.h"

enum { LINES = 40 };

struct world;

struct end {
    struct world *world;
    const char *user, *domain, *host;
    struct pres_core *pres;
    struct pres_front *front;
    struct pres_session *client;
    struct sip_core *sip;
    struct sip_settings settings;
    struct pres_settings pres_settings;
    unsigned said, heard; /* the number of the last line */
    unsigned repeated, failed, typed;
};

struct packet {
    struct gw_due due;
    struct end *to;
    size_t len;
    char bytes[];
};

struct world {
    struct end end[2];
    struct gw_heap packets;
    struct gw_now now;
    uint64_t seed;
    unsigned loss; /* of a hundred packets */
    unsigned invites;
};

/* xorshift: the same run for the same seed. */
static unsigned dice(struct world *w, unsigned sides)
{
    w->seed ^= w->seed << 13;
    w->seed ^= w->seed >> 7;
    w->seed ^= w->seed << 17;
    return (unsigned)(w->seed >> 33) % sides;
}

static struct end *other(struct end *e)
{
    return &e->world->end[e == e->world->end];
}

/* ---- The network ---- */

static uint64_t io_send(const struct sip_peer *to, struct gw_str bytes, void *ctx)
{
    struct end *e = ctx;
    struct world *w = e->world;

    assert_true(gw_str_is(to->host, other(e)->host));
    w->invites += gw_str_starts(bytes, "INVITE ");
    for (unsigned copies = dice(w, 20) ? 1 : 2; copies; copies--) {
        struct packet *p;

        if (dice(w, 100) < w->loss)
            continue;
        p = gw_alloc(sizeof(*p) + bytes.len);
        p->to = other(e);
        p->len = bytes.len;
        memcpy(p->bytes, bytes.p, bytes.len);
        gw_heap_set(&w->packets, &p->due, w->now.mono + 1 + dice(w, 50));
    }
    return SIP_OVER_UDP;
}

static void io_local(const struct sip_peer *peer, struct gw_buf *out, void *ctx)
{
    const struct end *e = ctx;

    (void)peer;
    gw_buf_addf(out, "%s:5060", e->host);
}

static void io_wake(void *ctx)
{
    (void)ctx;
}

static struct sip_srv_query *io_names(bool is_reverse, const char *what, sip_names_fn *done,
                                      void *done_ctx, void *ctx)
{
    (void)is_reverse;
    (void)what;
    (void)done;
    (void)done_ctx;
    (void)ctx;
    fail_msg("a question to the DNS");
    return NULL;
}

static void io_cancel(struct sip_srv_query **queryp, void *ctx)
{
    (void)ctx;
    assert_null(*queryp);
}

static const struct sip_io io = { .send = io_send,
                                  .local = io_local,
                                  .names_start = io_names,
                                  .srv_cancel = io_cancel,
                                  .wake = io_wake };

/* ---- The users ---- */

static void on_presence(const struct pres_doc *doc, struct pres_session *const *to, size_t count,
                        void *ctx)
{
    (void)doc;
    (void)to;
    (void)count;
    (void)ctx;
}

static bool on_message(const struct pres_message *m, struct pres_session *to, void *ctx)
{
    struct end *e = ctx;
    int64_t n;

    (void)to;
    if (!m->body.len) {
        e->typed += m->chat == PRES_CHAT_COMPOSING;
        return true;
    }
    assert_true(gw_str_to_int(m->body, 1, LINES, &n));
    if (n ==
        e->heard) { /* said again in a new session: the peer could not know that it had arrived */
        e->repeated++;
        return true;
    }
    if (n != e->heard + 1)
        print_error("%s heard %d behind %u\n", e->user, (int)n, e->heard);
    assert_int_equal(n, e->heard + 1);
    e->heard = (unsigned)n;
    return true;
}

static void on_failed(const struct pres_message *m, enum pres_failure why, struct pres_session *to,
                      void *ctx)
{
    struct end *e = ctx;

    (void)m;
    (void)why;
    (void)to;
    e->failed++;
}

static const struct pres_frontend front = {
    .name = "test", .presence = on_presence, .message = on_message, .message_failed = on_failed
};

static void say(struct end *e)
{
    char text[16], from[64], to[64];

    (void)snprintf(text, sizeof(text), "%u", ++e->said);
    (void)snprintf(from, sizeof(from), "%s@%s/x", e->user, e->domain);
    (void)snprintf(to, sizeof(to), "%s@%s", other(e)->user, other(e)->domain);
    assert_true(pres_message_send(e->pres, &(struct pres_message){ .from = gw_str_of(from),
                                                                   .to = gw_str_of(to),
                                                                   .body = gw_str_of(text) }));
}

static void type(struct end *e)
{
    char from[64], to[64];

    (void)snprintf(from, sizeof(from), "%s@%s/x", e->user, e->domain);
    (void)snprintf(to, sizeof(to), "%s@%s", other(e)->user, other(e)->domain);
    assert_true(pres_message_send(e->pres, &(struct pres_message){ .from = gw_str_of(from),
                                                                   .to = gw_str_of(to),
                                                                   .chat = PRES_CHAT_COMPOSING }));
}

/* ---- The world ---- */

static void set(struct end *e, const char *key, const char *value)
{
    assert_int_equal(gw_param_set(gw_param_find(sip_params, sip_param_count, gw_str_of(key)),
                                  &e->settings, gw_str_of(value), NULL),
                     GW_OK);
}

static void start_sip(struct end *e)
{
    e->sip = sip_core_new(&(struct sip_core_args){
        .pres = e->pres, .settings = &e->settings, .io = &io, .io_ctx = e });
}

static void start(struct end *e)
{
    char text[128];
    struct gw_err err;

    gw_param_defaults(sip_params, sip_param_count, &e->settings);
    gw_param_defaults(pres_params, pres_param_count, &e->pres_settings);
    set(e, "sip.incoming_acl", "192.0.2.0/24");
    (void)snprintf(text, sizeof(text), "%s=lync", other(e)->domain);
    set(e, "sip.domains", text);
    (void)snprintf(text, sizeof(text), "%s@%s=udp:%s", other(e)->user, other(e)->domain,
                   other(e)->host);
    set(e, "sip.routes", text);
    e->pres = pres_core_new(&(struct pres_core_args){ .settings = &e->pres_settings });
    e->front = pres_frontend_register(e->pres, &front, e);
    pres_domain_add(e->pres, gw_str_of(e->domain));
    (void)snprintf(text, sizeof(text), "%s@%s", e->user, e->domain);
    assert_int_equal(pres_user_add(e->pres, gw_str_of(text), &err), GW_OK);
    assert_int_equal(pres_session_new(e->pres,
                                      &(struct pres_session_args){ .user = gw_str_of(text),
                                                                   .resource = GW_STR("x"),
                                                                   .front = e->front },
                                      e->world->now, &e->client, &err),
                     GW_OK);
    assert_int_equal(
        pres_session_set(e->client, &(struct pres_client){ .show = PRES_AVAILABLE }, e->world->now),
        GW_OK);
    start_sip(e);
}

static void world_init(struct world *w, uint64_t seed, unsigned loss)
{
    *w = (struct world){ .seed = seed * 2654435761U + 1, .loss = loss };
    w->now = (struct gw_now){ .mono = 1000000, .utc = 1782000000000 };
    gw_heap_init(&w->packets);
    w->end[0] =
        (struct end){ .world = w, .user = "ann", .domain = "a.example", .host = "192.0.2.1" };
    w->end[1] =
        (struct end){ .world = w, .user = "bob", .domain = "b.example", .host = "192.0.2.2" };
    for (int i = 0; i < 2; i++)
        start(&w->end[i]);
}

static void world_done(struct world *w)
{
    struct gw_due *due;

    for (int i = 0; i < 2; i++) {
        struct end *e = &w->end[i];

        sip_core_free(&e->sip);
        pres_session_free(&e->client, w->now);
        pres_core_free(&e->pres);
        gw_param_settings_done(sip_params, sip_param_count, &e->settings);
        gw_param_settings_done(pres_params, pres_param_count, &e->pres_settings);
    }
    while ((due = gw_heap_pop_due(&w->packets, INT64_MAX)))
        free(GW_CONTAINER(due, struct packet, due));
    gw_heap_done(&w->packets);
}

static gw_time next_moment(const struct world *w)
{
    const struct gw_due *first = gw_heap_first(&w->packets);
    gw_time at = first ? first->at : GW_NEVER;

    for (int i = 0; i < 2; i++) {
        gw_time deadline = sip_core_deadline(w->end[i].sip);

        at = deadline < at ? deadline : at;
    }
    return at;
}

static void deliver(struct world *w)
{
    struct gw_due *due;

    while ((due = gw_heap_pop_due(&w->packets, w->now.mono))) {
        struct packet *p = GW_CONTAINER(due, struct packet, due);
        const struct sip_peer from = { .proto = SIP_UDP,
                                       .host = gw_str_of(other(p->to)->host),
                                       .port = 5060 };

        sip_core_receive(p->to->sip, &from, (struct gw_str){ p->bytes, p->len }, w->now);
        free(p);
    }
}

static void pass(struct world *w, gw_time ms)
{
    gw_time end = w->now.mono + ms, at;

    while ((at = next_moment(w)) <= end) {
        if (at > w->now.mono) {
            w->now.utc += at - w->now.mono;
            w->now.mono = at;
        }
        deliver(w);
        for (int i = 0; i < 2; i++)
            sip_core_tick(w->end[i].sip, w->now);
    }
    w->now.utc += end - w->now.mono;
    w->now.mono = end;
}

static struct sip_counters counters(const struct end *e)
{
    struct sip_counters c;

    sip_core_counters(e->sip, &c);
    return c;
}

static void expect_all_arrived(struct world *w)
{
    for (int i = 0; i < 2; i++) {
        assert_int_equal(other(&w->end[i])->heard, w->end[i].said);
        assert_int_equal(w->end[i].failed, 0);
    }
}

/* Nobody speaks any more: no session is left, and nothing that waits for time. */
static void expect_quiet(struct world *w)
{
    pass(w, 700000);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(counters(&w->end[i]).sessions, 0);
        assert_int_equal(counters(&w->end[i]).waiting, 0);
        assert_int_equal(sip_core_deadline(w->end[i].sip), GW_NEVER);
    }
}

/* ---- Tests ---- */

/* One after the other, and each in the session that the first one has begun. */
static void test_talk(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, 1, 0);
    for (int i = 0; i < 6; i++) {
        say(&w.end[i % 2]);
        pass(&w, 5000);
        type(&w.end[i % 2]);
        pass(&w, 5000);
    }
    expect_all_arrived(&w);
    assert_int_equal(w.invites, 1);
    assert_int_equal(w.end[0].typed, 3);
    assert_int_equal(w.end[1].typed, 3);
    assert_int_equal(counters(&w.end[0]).sessions_out, 1);
    assert_int_equal(counters(&w.end[1]).sessions_in, 1);
    expect_quiet(&w);
    world_done(&w);
}

/* Both begin at once: all arrives, and one session of the two is left. */
static void test_both_at_once(void **state)
{
    struct world w;

    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        world_init(&w, seed, 0);
        for (int i = 0; i < 3; i++) {
            say(&w.end[0]);
            say(&w.end[1]);
        }
        pass(&w, 40000);
        expect_all_arrived(&w);
        assert_int_equal(counters(&w.end[0]).sessions, 1);
        assert_int_equal(counters(&w.end[1]).sessions, 1);
        say(&w.end[0]);
        say(&w.end[1]);
        pass(&w, 5000);
        expect_all_arrived(&w);
        assert_true(w.invites >= 2);
        expect_quiet(&w);
        world_done(&w);
    }
}

/* A fifth of the packets is lost, some come twice, none in order. */
static void test_bad_network(void **state)
{
    unsigned repeated = 0;
    struct world w;

    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        world_init(&w, seed, 20);
        while (w.end[0].said < LINES && w.end[1].said < LINES) {
            struct end *e = &w.end[dice(&w, 2)];

            if (dice(&w, 4))
                say(e);
            else
                type(e);
            pass(&w, dice(&w, 8) ? dice(&w, 2000) : dice(&w, 60000));
        }
        pass(&w, 120000);
        expect_all_arrived(&w);
        repeated += w.end[0].repeated + w.end[1].repeated;
        expect_quiet(&w);
        world_done(&w);
    }
    assert_true(repeated < 20);
}

/* One of them is restarted, in the middle of a talk: what the other says goes on in a new session. */
static void test_restart(void **state)
{
    struct world w;

    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        world_init(&w, seed, 10);
        say(&w.end[0]);
        pass(&w, 60000);
        sip_core_free(&w.end[1].sip);
        start_sip(&w.end[1]);
        for (int i = 0; i < 5; i++)
            say(&w.end[0]);
        pass(&w, 120000);
        say(&w.end[1]);
        pass(&w, 60000);
        expect_all_arrived(&w);
        assert_true(w.invites >= 2);
        expect_quiet(&w);
        world_done(&w);
    }
}

/* Nothing arrives there at all: what was said comes back, and nothing is left. */
static void test_dead_peer(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, 1, 100);
    for (int i = 0; i < 5; i++)
        say(&w.end[0]);
    pass(&w, 33000);
    assert_int_equal(w.end[0].failed, 5);
    assert_int_equal(counters(&w.end[0]).sessions, 0);
    /* In the middle of a session: the line that was on its way, and those behind it. */
    w.loss = 0;
    w.end[0].said = 0;
    say(&w.end[0]);
    pass(&w, 5000);
    assert_int_equal(w.end[1].heard, 1);
    w.loss = 100;
    say(&w.end[0]);
    say(&w.end[0]);
    pass(&w, 80000);
    assert_int_equal(w.end[0].failed, 7);
    expect_quiet(&w);
    world_done(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_talk),        cmocka_unit_test(test_both_at_once),
        cmocka_unit_test(test_bad_network), cmocka_unit_test(test_restart),
        cmocka_unit_test(test_dead_peer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

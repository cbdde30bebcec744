/* Peers who are known by name, while somebody sends from addresses that are not his, or opens connections from
 * many: whoever is known stays so, whoever is honest is asked for, and all of it is bounded. What a verdict is,
 * and what waits for it, is in test_sip_acl. */
#include "sip_test.h"

enum { QUESTIONS_MAX = 3000, DOUBTS_MAX = 1000, OF_NETWORK = 32 };

/* The name server: it answers when the test says so. */
struct question {
    char what[64];
    bool is_reverse;
    sip_names_fn *done; /* NULL: free */
    void *ctx;
};

struct place {
    struct rig r;
    struct question questions[QUESTIONS_MAX];
    unsigned asked, waiting;
    char last[300]; /* what was sent last */
    unsigned sent;
};

static uint64_t place_send(const struct sip_peer *to, struct gw_str bytes, void *ctx)
{
    struct place *p = ctx;

    (void)snprintf(p->last, sizeof(p->last), "%.*s", GW_STR_ARG(bytes));
    p->sent++;
    return to->conn ? to->conn : SIP_OVER_UDP;
}

static struct sip_srv_query *names_start(bool is_reverse, const char *what, sip_names_fn *done,
                                         void *done_ctx, void *ctx)
{
    struct place *p = ctx;
    size_t i = 0;

    while (p->questions[i].done)
        assert_true(++i < QUESTIONS_MAX);
    (void)snprintf(p->questions[i].what, sizeof(p->questions[i].what), "%s", what);
    p->questions[i].is_reverse = is_reverse;
    p->questions[i].done = done;
    p->questions[i].ctx = done_ctx;
    p->asked++;
    p->waiting++;
    return (struct sip_srv_query *)(void *)&p->questions[i];
}

static void cancel(struct sip_srv_query **queryp, void *ctx)
{
    struct question *q = (struct question *)(void *)*queryp;
    struct place *p = ctx;

    p->waiting -= q != NULL;
    if (q)
        q->done = NULL;
    *queryp = NULL;
}

static void place_wake(void *ctx)
{
    (void)ctx;
}

/* False: nobody has asked. */
static bool answer(struct place *p, bool is_reverse, const char *what, const char *name)
{
    const struct gw_str one = gw_str_of(name);

    for (size_t i = 0; i < QUESTIONS_MAX; i++) {
        struct question *q = &p->questions[i];
        sip_names_fn *done = q->done;

        if (!done || q->is_reverse != is_reverse || strcmp(q->what, what) != 0)
            continue;
        q->done = NULL;
        p->waiting--;
        done(&one, name ? 1 : 0, p->r.now, q->ctx);
        return true;
    }
    return false;
}

static struct place *start(void)
{
    static const struct sip_io io = { .send = place_send,
                                      .local = rig_local,
                                      .names_start = names_start,
                                      .srv_cancel = cancel,
                                      .wake = place_wake };
    struct place *p = gw_new(struct place);

    rig_init(&p->r);
    rig_set(&p->r, "sip.incoming_acl", "partner.example");
    rig_set(&p->r, "sip.domains", "a.example");
    sip_core_free(&p->r.sip);
    p->r.sip = sip_core_new(&(struct sip_core_args){
        .pres = p->r.pres, .settings = &p->r.settings, .io = &io, .io_ctx = p });
    return p;
}

static void end(struct place *p)
{
    sip_core_free(&p->r.sip);
    assert_int_equal(p->waiting, 0);
    rig_done(&p->r);
    free(p);
}

static void receive(struct place *p, enum sip_proto proto, const char *host, size_t more)
{
    const struct sip_peer from = {
        .proto = proto, .conn = proto == SIP_UDP ? 0 : 5, .host = gw_str_of(host), .port = 5060
    };
    bool is_v6 = strchr(host, ':') != NULL;
    static unsigned count;
    struct gw_buf b;

    gw_buf_init(&b, SIP_MSG_MAX);
    gw_buf_addf(
        &b,
        "SUBSCRIBE sip:bob@b.example SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK%u\r\n"
        "From: <sip:w@a.example>;tag=t\r\nTo: <sip:bob@b.example>\r\nCall-ID: c%u\r\n"
        "CSeq: 1 SUBSCRIBE\r\nContact: <sip:w@%s%s%s>\r\nEvent: presence\r\nExpires: 600\r\n"
        "Max-Forwards: 70\r\nContent-Length: %zu\r\n\r\n",
        count, count, is_v6 ? "[" : "", host, is_v6 ? "]" : "", more);
    count++;
    for (size_t i = 0; i < more; i++)
        gw_buf_add_char(&b, 'x');
    assert_false(b.failed);
    sip_core_receive(p->r.sip, &from, gw_buf_str(&b), p->r.now);
    gw_buf_done(&b);
}

/* From as many addresses as there are; nobody there has a name, nor does anybody say so. */
static void flood(struct place *p, unsigned count, size_t more)
{
    static unsigned at;
    char host[64];

    for (unsigned i = 0; i < count; i++, at++) {
        (void)snprintf(host, sizeof(host), "10.%u.%u.%u", at >> 16 & 255, at >> 8 & 255, at & 255);
        receive(p, SIP_UDP, host, more);
    }
}

static void pass(struct place *p, int64_t ms)
{
    p->r.now.mono += ms;
    p->r.now.utc += ms;
    sip_core_tick(p->r.sip, p->r.now);
}

static void admit(struct place *p, const char *host)
{
    assert_true(answer(p, true, host, "sip.partner.example"));
    assert_true(answer(p, false, "sip.partner.example", host));
}

static uint64_t subscriptions(const struct place *p)
{
    struct sip_counters c;

    sip_core_counters(p->r.sip, &c);
    return c.subscriptions;
}

static void test_datagrams(void **state)
{
    struct place *p = start();

    (void)state;
    receive(p, SIP_UDP, "192.0.2.7", 0); /* known before */
    admit(p, "192.0.2.7");
    assert_int_equal(subscriptions(p), 1);
    p->asked = 0;
    flood(p, 5000, 0);
    assert_int_equal(p->asked, DOUBTS_MAX); /* no flood is passed on */
    assert_int_equal(p->sent, 2);           /* nor answered */
    receive(p, SIP_UDP, "192.0.2.7", 0);
    assert_int_equal(subscriptions(p), 2);
    /* Who comes by a stream has room of his own; who comes by datagrams is lost at first, as they may be. */
    receive(p, SIP_TCP, "192.0.2.1", 0);
    admit(p, "192.0.2.1");
    assert_int_equal(subscriptions(p), 3);
    receive(p, SIP_UDP, "192.0.2.2", 0);
    assert_false(answer(p, true, "192.0.2.2", NULL));
    for (int i = 0; i < 3; i++) {
        pass(p, 1000);
        receive(p, SIP_UDP, "192.0.2.2", 0);
        flood(p, 5000, 0);
    }
    assert_true(p->waiting <= DOUBTS_MAX);
    admit(p, "192.0.2.2");
    assert_true(subscriptions(p) > 3);
    /* Who goes on sending stays known, though it is asked anew; who does not is forgotten. */
    for (int i = 0; i < 310; i++) {
        pass(p, 1000);
        flood(p, 20, 0);
        receive(p, SIP_UDP, "192.0.2.7", 0);
        assert_null(strstr(p->last, "SIP/2.0 403 "));
    }
    assert_true(answer(p, true, "192.0.2.7", NULL));
    p->sent = 0;
    receive(p, SIP_UDP, "192.0.2.7", 0);
    assert_true(rig_has(p->last, "SIP/2.0 403 "));
    end(p);
}

/* Large ones fill nothing, either. */
static void test_large_datagrams(void **state)
{
    struct place *p = start();

    (void)state;
    flood(p, 500, 60000);
    receive(p, SIP_UDP, "192.0.2.2", 0);
    admit(p, "192.0.2.2");
    assert_int_equal(subscriptions(p), 1);
    end(p);
}

static void test_streams(void **state)
{
    struct place *p = start();
    struct sip_counters c;
    char host[64];

    (void)state;
    for (int i = 0; i < OF_NETWORK; i++) {
        (void)snprintf(host, sizeof(host), "2001:db8:1:2::%x", i + 1);
        receive(p, SIP_TCP, host, 0);
    }
    assert_int_equal(p->waiting, OF_NETWORK);
    assert_int_equal(p->sent, 0);
    receive(p, SIP_TCP, "2001:db8:1:2::ffff", 0);
    assert_true(rig_has(p->last, "SIP/2.0 503 "));
    assert_true(rig_has(p->last, "Retry-After: 5\r\n"));
    receive(p, SIP_TCP, "2001:db8:1:3::1", 0);
    admit(p, "2001:db8:1:3::1");
    assert_int_equal(subscriptions(p), 1);
    /* One that waits has its bound, too. */
    p->sent = 0;
    for (int i = 0; i < 4; i++)
        receive(p, SIP_TCP, "2001:db8:1:4::1", 60000);
    assert_int_equal(p->sent, 2);
    assert_true(rig_has(p->last, "SIP/2.0 503 "));
    sip_core_counters(p->r.sip, &c);
    assert_int_equal(c.refused_limit, 3);
    /* An answer makes room. */
    assert_true(answer(p, true, "2001:db8:1:2::1", NULL));
    receive(p, SIP_TCP, "2001:db8:1:2::ffff", 0);
    assert_int_equal(p->waiting, OF_NETWORK + 1);
    end(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_datagrams),
        cmocka_unit_test(test_large_datagrams),
        cmocka_unit_test(test_streams),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Floods of those who are admitted, or say that they are, up to a hundred thousand requests: what they cost
 * is measured, at its highest and when they are over. The bounds are those that the limits make, roughly: what is
 * kept without a limit is far beyond them. */
#include <malloc.h>

#include "../unit/sip_test.h"

#if defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#endif
#ifdef HAS_ASAN
size_t __sanitizer_get_current_allocated_bytes(void); /* its header is not with every compiler */
#endif

enum {
    MANY = 100000,
    FEWER = 21000,
    FEW = 5000,
    SAMPLE = 500,
    MB = 1 << 20,
    LEFT_MAX = 2 * MB,
    OVER_S = 300
};

/* Bytes in use on the heap. */
static size_t used(void)
{
#ifdef HAS_ASAN
    return __sanitizer_get_current_allocated_bytes();
#else
    return mallinfo2().uordblks;
#endif
}

enum from { STREAM, ONE_ADDRESS, FORGED }; /* one connection; datagrams */

#define WATCH   "Event: presence\r\nExpires: 600\r\n"
#define SESSION "Content-Type: application/sdp\r\n"
#define SDP                                                                                        \
    "v=0\r\no=- 0 0 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"                    \
    "m=message 5060 sip null\r\n"

#define BOB "sip:bob@b.example"

static const struct flood {
    const char *what, *method, *uri, *headers, *body;
    enum from from;
    const char *acl;
    unsigned count;
    size_t max;  /* bytes */
    bool is_one; /* watcher */
} floods[] = {
    /* Half of them are within the limit. */
    { "of one watcher, over one connection", "SUBSCRIBE", BOB, WATCH, "", STREAM, "all", MANY,
      50 * MB, true },
    /* More than may watch a user: they are turned away, and none of that is heard. */
    { "of many, over one connection", "SUBSCRIBE", BOB, WATCH, "", STREAM, "all", FEW, 2 * MB,
      false },
    /* Of answers twenty thousand are kept, here and below. */
    { "from one address", "SUBSCRIBE", BOB, WATCH, "", ONE_ADDRESS, "all", FEWER, 16 * MB, false },
    { "from forged addresses", "SUBSCRIBE", BOB, WATCH, "", FORGED, "all", MANY, 40 * MB, true },
    { "over one connection, no ACK", "INVITE", BOB, SESSION, SDP, STREAM, "all", FEWER, 20 * MB,
      false },
    { "from one address, no ACK", "INVITE", BOB, SESSION, SDP, ONE_ADDRESS, "all", FEWER, 16 * MB,
      false },
    { "from forged addresses, no ACK", "INVITE", BOB, SESSION, SDP, FORGED, "all", FEWER, 45 * MB,
      false },
    { "refused, no ACK", "INVITE", "sip:nobody@b.example", "", "", FORGED, "all", FEWER, 16 * MB,
      false },
    { "while names are looked up", "SUBSCRIBE", BOB, WATCH, "", FORGED, "partner.example", FEW,
      2 * MB, false },
    { "of strangers", "REGISTER", "sip:b.example", "", "", FORGED, "192.0.2.1", FEW, MB, false },
    { "from forged addresses", "MESSAGE", BOB, "Content-Type: text/plain\r\n", "x", FORGED, "all",
      FEWER, 16 * MB, false },
};

static uint64_t take(const struct sip_peer *to, struct gw_str bytes, void *ctx)
{
    (void)bytes;
    (void)ctx;
    return to->conn ? to->conn : SIP_OVER_UDP;
}

static struct sip_srv_query *ask_nobody(bool is_reverse, const char *what, sip_names_fn *done,
                                        void *done_ctx, void *ctx)
{
    static int nothing;

    (void)is_reverse;
    (void)what;
    (void)done;
    (void)done_ctx;
    (void)ctx;
    return (struct sip_srv_query *)(void *)&nothing;
}

static void cancel(struct sip_srv_query **queryp, void *ctx)
{
    (void)ctx;
    *queryp = NULL;
}

static void wake(void *ctx)
{
    (void)ctx;
}

static void send(struct rig *r, const struct flood *f, unsigned i)
{
    struct sip_peer from = { .proto = SIP_UDP, .port = 4444 };
    char host[40] = "192.0.2.1";
    struct gw_buf b;

    if (f->from == STREAM) {
        from.proto = SIP_TCP;
        from.conn = 7;
    } else if (f->from == FORGED) {
        (void)snprintf(host, sizeof(host), "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
    }
    from.host = gw_str_of(host);
    gw_buf_init(&b, SIP_MSG_MAX);
    gw_buf_addf(&b,
                "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK%u\r\nFrom: "
                "<sip:w%u@a.example>;tag=t\r\nTo: <%s>\r\nCall-ID: c%u\r\nCSeq: 1 %s\r\nContact: "
                "<sip:w@%s>\r\nMax-Forwards: 70\r\n%sContent-Length: %zu\r\n\r\n%s",
                f->method, f->uri, i, f->is_one ? 0 : i, f->uri, i, f->method, host, f->headers,
                strlen(f->body), f->body);
    sip_core_receive(r->sip, &from, gw_buf_str(&b), r->now);
    gw_buf_done(&b);
}

static void flood(const struct flood *f)
{
    static const struct sip_io io = { .send = take,
                                      .local = rig_local,
                                      .names_start = ask_nobody,
                                      .srv_cancel = cancel,
                                      .wake = wake };
    size_t before, most = 0, after;
    struct rig r;

    rig_init(&r);
    sip_core_free(&r.sip);
    rig_set(&r, "sip.incoming_acl", f->acl);
    r.sip = sip_core_new(&(struct sip_core_args){
        .pres = r.pres, .settings = &r.settings, .io = &io, .io_ctx = &r });
    before = used();
    for (unsigned i = 0; i < f->count; i++) {
        send(&r, f, i);
        if (i % SAMPLE)
            continue;
        r.now.mono += 1; /* two hundred ms in all: nothing is over meanwhile */
        sip_core_tick(r.sip, r.now);
        most = used() > most ? used() : most;
    }
    most -= before;
    for (int s = 0; s < OVER_S; s++) { /* nobody answers */
        r.now.mono += GW_SECOND_MS;
        r.now.utc += GW_SECOND_MS;
        while (sip_core_deadline(r.sip) <= r.now.mono)
            sip_core_tick(r.sip, r.now);
    }
    after = used() - before;
    print_message("%u %s %s: at most %.1f MB, then %.2f MB\n", f->count, f->method, f->what,
                  (double)most / MB, (double)after / MB);
    assert_true(most <= f->max);
    assert_true(after <= LEFT_MAX);
    sip_core_free(&r.sip);
    rig_sip(&r);
    rig_done(&r);
}

static void test_floods(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(floods) / sizeof(floods[0]); i++)
        flood(&floods[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_floods) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

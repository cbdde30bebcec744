/* A front-end with a user who watches somebody there, and messages at it, each ended by a NUL; in them
 * "TAG" stands for the tag of our last answer, and "BRANCH", "OWNTAG" and "CALLID" for branch, From's tag
 * and Call-ID of our last request. A message that is only a digit
 * lets so many seconds pass; with "!" the user says something, with "~" he types. Whatever is sent must be a
 * message. Names are found before the next message is read. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gw_buf.h"
#include "sip_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { QUESTIONS_MAX = 1000 };

struct question {
    sip_srv_fn *done;
    sip_names_fn *named; /* done or this */
    void *ctx;
};

struct peer {
    struct sip_core *core;
    char tag[64], branch[64], own_tag[64], call_id[64];
    struct question questions[QUESTIONS_MAX];
    size_t count;
};

static void must(bool truth)
{
    if (!truth)
        abort();
}

static void copy(char out[64], struct gw_str s)
{
    if (!s.len || s.len > 63)
        return;
    memcpy(out, s.p, s.len);
    out[s.len] = '\0';
}

static uint64_t io_send(const struct sip_peer *to, struct gw_str bytes, void *ctx)
{
    static struct sip_msg m;
    struct peer *p = ctx;
    struct gw_err err;

    (void)to;
    if (sip_msg_parse(&m, bytes, &err) == GW_OK) {
        copy(m.is_request ? p->branch : p->tag, m.is_request ? m.via.branch : m.to.tag);
        if (m.is_request) {
            copy(p->own_tag, m.from.tag);
            copy(p->call_id, m.call_id);
        }
    } else {
        /* A refusal repeats what is malformed; our own requests never are. */
        must(gw_str_starts(bytes, "SIP/2.0 "));
    }
    sip_msg_done(&m);
    return to->proto == SIP_UDP ? SIP_OVER_UDP : 7;
}

static void io_local(const struct sip_peer *peer, struct gw_buf *out, void *ctx)
{
    (void)peer;
    (void)ctx;
    gw_buf_add_cstr(out, "192.0.2.100:5060");
}

static void io_wake(void *ctx)
{
    (void)ctx;
}

static struct sip_srv_query *asked(struct peer *p, struct question question)
{
    must(p->count < QUESTIONS_MAX);
    p->questions[p->count++] = question;
    return question.ctx;
}

static struct sip_srv_query *io_srv_start(bool is_naptr, const char *name, sip_srv_fn *done,
                                          void *done_ctx, void *ctx)
{
    (void)is_naptr;
    (void)name;
    return asked(ctx, (struct question){ .done = done, .ctx = done_ctx });
}

static struct sip_srv_query *io_names_start(bool is_reverse, const char *what, sip_names_fn *named,
                                            void *done_ctx, void *ctx)
{
    (void)is_reverse;
    (void)what;
    return asked(ctx, (struct question){ .named = named, .ctx = done_ctx });
}

static void io_srv_cancel(struct sip_srv_query **queryp, void *ctx)
{
    struct peer *p = ctx;
    void *who = *queryp;

    *queryp = NULL;
    for (size_t i = 0; who && i < p->count; i++) {
        if (p->questions[i].ctx == who)
            p->questions[i] = p->questions[--p->count];
    }
}

/* Two servers of a name, and two addresses. */
static void names_answer(struct peer *p, struct gw_now now)
{
    static const struct sip_srv servers[] = {
        { .host = GW_STR_INIT("one.example"), .port = 5060, .proto = SIP_UDP },
        { .host = GW_STR_INIT("two.example"), .port = 5060, .proto = SIP_TCP },
    };
    static const struct gw_str addresses[] = { GW_STR_INIT("192.0.2.7"), GW_STR_INIT("::1") };

    while (p->count) {
        struct question q = p->questions[--p->count];

        if (q.done)
            q.done(GW_OK, servers, 2, now, q.ctx);
        else
            q.named(addresses, 2, now, q.ctx);
    }
}

static void replace(struct gw_str in, const char *what, const char *with, struct gw_buf *out)
{
    struct gw_str before;

    while (gw_str_cut(in, what, &before, &in)) {
        gw_buf_add_str(out, before);
        gw_buf_add_cstr(out, with);
    }
    gw_buf_add_str(out, in);
}

/* What a user here does. */
static void act(struct peer *p, char what, struct gw_now now)
{
    struct pres_message m = { .from = GW_STR("bob@b.example/x"), .to = GW_STR("w@a.example") };

    if (what == '!')
        m.body = GW_STR("hello");
    else
        m.chat = PRES_CHAT_COMPOSING;
    sip_message_send(p->core, &m);
    sip_core_tick(p->core, now);
}

static void feed(struct peer *p, struct gw_str piece, struct gw_now *now)
{
    const struct sip_peer from = { .proto = piece.len % 2 ? SIP_TCP : SIP_UDP,
                                   .conn = 7,
                                   .host = GW_STR_INIT("192.0.2.1"),
                                   .port = 4444 };
    struct gw_buf one, two;
    char *block;

    if (piece.len == 1 && piece.p[0] >= '0' && piece.p[0] <= '9') {
        now->mono += (piece.p[0] - '0') * GW_SECOND_MS;
        now->utc += (piece.p[0] - '0') * GW_SECOND_MS;
        sip_core_tick(p->core, *now);
        return;
    }
    if (piece.len == 1 && (piece.p[0] == '!' || piece.p[0] == '~')) {
        act(p, piece.p[0], *now);
        return;
    }
    gw_buf_init(&one, 4 * SIP_MSG_MAX);
    gw_buf_init(&two, 4 * SIP_MSG_MAX);
    replace(piece, "OWNTAG", p->own_tag, &two);
    replace(gw_buf_str(&two), "TAG", p->tag, &one);
    gw_buf_reset(&two);
    replace(gw_buf_str(&one), "CALLID", p->call_id, &two);
    gw_buf_reset(&one);
    replace(gw_buf_str(&two), "BRANCH", p->branch, &one);
    gw_buf_reset(&two);
    gw_buf_add_str(&two, gw_buf_str(&one));
    block = malloc(two.len ? two.len : 1);
    if (two.len)
        memcpy(block, two.p, two.len);
    sip_core_receive(p->core, &from, (struct gw_str){ block, two.len }, *now);
    free(block);
    gw_buf_done(&one);
    gw_buf_done(&two);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct sip_io io = { .send = io_send,
                                      .local = io_local,
                                      .srv_start = io_srv_start,
                                      .names_start = io_names_start,
                                      .srv_cancel = io_srv_cancel,
                                      .wake = io_wake };
    struct gw_str rest = { (const char *)data, size };
    struct gw_now now = { .mono = 1000, .utc = 1782000000000 };
    struct sip_settings settings = { 0 };
    struct pres_core *pres = pres_core_new(&(struct pres_core_args){ .store = NULL });
    struct peer p = { .core = NULL };
    struct sip_counters c;
    struct gw_err err;

    gw_param_defaults(sip_params, sip_param_count, &settings);
    must(!gw_param_set(gw_param_find(sip_params, sip_param_count, GW_STR("sip.incoming_acl")),
                       &settings, GW_STR("0.0.0.0/0, ::/0, example"), &err));
    must(!gw_param_set(gw_param_find(sip_params, sip_param_count, GW_STR("sip.domains")), &settings,
                       GW_STR("a.example"), &err));
    must(!gw_param_set(gw_param_find(sip_params, sip_param_count, GW_STR("sip.routes")), &settings,
                       GW_STR("example.a=udp:192.0.2.1"), &err));
    must(!gw_param_set(gw_param_find(sip_params, sip_param_count, GW_STR("sip.session_peers")),
                       &settings, GW_STR("simple"), &err));
    pres_domain_add(pres, GW_STR("b.example"));
    must(!pres_user_add(pres, GW_STR("bob@b.example"), &err));
    p.core = sip_core_new(
        &(struct sip_core_args){ .pres = pres, .settings = &settings, .io = &io, .io_ctx = &p });
    sip_watch_want(p.core, GW_STR("bob@b.example"), GW_STR("w@a.example"));
    sip_core_tick(p.core, now);
    while (rest.len) {
        const char *end = memchr(rest.p, '\0', rest.len);
        size_t len = end ? (size_t)(end - rest.p) : rest.len;

        feed(&p, (struct gw_str){ rest.p, len }, &now);
        names_answer(&p, now);
        rest = gw_str_sub(rest, len + 1, rest.len);
    }
    /* Everything ends by itself, but what we want. */
    sip_watch_leave(p.core, GW_STR("bob@b.example"), GW_STR("w@a.example"));
    now.mono += GW_DAY_MS;
    sip_core_tick(p.core, now);
    names_answer(&p, now);
    /* What waits for the end of one thing before it begins another. */
    for (int i = 0; i < 4; i++) {
        now.mono += GW_HOUR_MS;
        sip_core_tick(p.core, now);
        names_answer(&p, now);
    }
    sip_core_counters(p.core, &c);
    must(!c.subscriptions && !c.pending && !c.waiting && !c.watches && !c.sessions);
    sip_core_free(&p.core);
    pres_core_free(&pres);
    gw_param_settings_done(sip_params, sip_param_count, &settings);
    return 0;
}

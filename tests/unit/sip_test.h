/* A SIP front-end on virtual time, and a peer that is a list of what was sent to it. */
#ifndef SIP_TEST_H
#define SIP_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gw_buf.h"
#include "gw_mem.h"
#include "sip_core.h"
#include "sip_msg.h"

enum { SENT_MAX = 1100 };

struct rig {
    struct store *store;
    struct gw_str (*phrase)(struct gw_str user, enum pres_phrase phrase, void *ctx);
    struct pres_core *pres;
    struct pres_front *front;
    struct sip_core *sip;
    struct sip_settings settings;
    struct pres_settings pres_settings;
    unsigned asked;            /* users here, whether somebody may watch */
    unsigned refused, granted; /* requests of users here */
    struct gw_now now;
    struct {
        char *text;
        uint64_t conn;
        char host[64];
        uint16_t port;
        enum sip_proto proto;
    } sent[SENT_MAX];
    size_t sent_count, taken;
    bool is_dead; /* nothing can be sent */
    bool is_full; /* it should wait */
    unsigned wakes;
    /* The question for SRV records that waits, and one behind it; done NULL: none does. */
    struct rig_question {
        char name[400];
        sip_srv_fn *done;
        void *ctx;
    } srv, srv_next;
    /* The same for names of addresses, and addresses of names. */
    struct {
        char what[300];
        sip_names_fn *done;
        void *ctx;
    } names;
    unsigned asked_names;
    char said[512];        /* what a client here was told last in a message: "from: text" */
    enum pres_chat chat;   /* and what its sender does */
    unsigned chats;        /* how often a client was told something */
    int failed;            /* why a message did not arrive; -1: none has failed */
    char seen[1024];       /* what a client here was shown last: "away Busy" */
    unsigned shown;        /* how often */
    const char *neighbour; /* the one user whom the other system is known to have */
    sip_credentials_fn *credentials; /* of users here with SIP clients; NULL: they have none */
};

static inline uint64_t rig_send(const struct sip_peer *to, struct gw_str bytes, void *ctx)
{
    struct rig *r = ctx;

    if (r->is_dead)
        return 0;
    assert_true(r->sent_count < SENT_MAX);
    r->sent[r->sent_count].text = gw_str_dup(bytes);
    r->sent[r->sent_count].conn = to->conn;
    r->sent[r->sent_count].proto = to->proto;
    r->sent[r->sent_count].port = to->port;
    (void)snprintf(r->sent[r->sent_count].host, 64, "%.*s", GW_STR_ARG(to->host));
    r->sent_count++;
    return to->proto == SIP_UDP ? SIP_OVER_UDP : 7;
}

static inline bool rig_is_full(const struct sip_peer *to, void *ctx)
{
    const struct rig *r = ctx;

    /* A name without a port is nowhere yet. */
    return r->is_full && (to->conn || to->port);
}

static inline void rig_local(const struct sip_peer *peer, struct gw_buf *out, void *ctx)
{
    (void)ctx;
    gw_buf_add_cstr(out, peer->proto == SIP_TLS ? "192.0.2.100:5061" : "192.0.2.100:5060");
}

static inline void rig_wake(void *ctx)
{
    struct rig *r = ctx;

    r->wakes++;
}

static inline struct sip_srv_query *rig_srv_start(bool is_naptr, const char *name, sip_srv_fn *done,
                                                  void *done_ctx, void *ctx)
{
    struct rig *r = ctx;
    struct rig_question *q = r->srv.done ? &r->srv_next : &r->srv;

    assert_null(q->done);
    (void)snprintf(q->name, sizeof(q->name), "%s%s", is_naptr ? "NAPTR " : "", name);
    q->done = done;
    q->ctx = done_ctx;
    return done_ctx;
}

static inline struct rig_question rig_srv_take(struct rig *r)
{
    struct rig_question q = r->srv;

    r->srv = r->srv_next;
    r->srv_next.done = NULL;
    return q;
}

static inline void rig_srv_cancel(struct sip_srv_query **queryp, void *ctx)
{
    struct rig *r = ctx;
    void *who = *queryp;

    if (who && r->srv.done && r->srv.ctx == who)
        (void)rig_srv_take(r);
    else if (who && r->srv_next.done && r->srv_next.ctx == who)
        r->srv_next.done = NULL;
    else if (who)
        r->names.done = NULL;
    *queryp = NULL;
}

static inline struct sip_srv_query *rig_names_start(bool is_reverse, const char *what,
                                                    sip_names_fn *done, void *done_ctx, void *ctx)
{
    struct rig *r = ctx;

    assert_null(r->names.done);
    (void)snprintf(r->names.what, sizeof(r->names.what), "%s %s", is_reverse ? "PTR" : "A", what);
    r->names.done = done;
    r->names.ctx = done_ctx;
    r->asked_names++;
    return done_ctx;
}

/* One name, or (NULL) none. */
static inline void rig_names(struct rig *r, const char *what, const char *name)
{
    const struct gw_str one = gw_str_of(name);
    sip_names_fn *done = r->names.done;

    assert_string_equal(r->names.what, what);
    assert_non_null(done);
    r->names.done = NULL;
    done(&one, name ? 1 : 0, r->now, r->names.ctx);
}

/* The answer to the question 'name'. */
static inline void rig_srv(struct rig *r, const char *name, enum gw_code code,
                           const struct sip_srv *records, size_t count)
{
    struct rig_question q = rig_srv_take(r);

    assert_string_equal(q.name, name);
    assert_non_null(q.done);
    q.done(code, records, count, r->now, q.ctx);
}

/* A server, of whose name nothing but an address (NULL: not even that) is known. */
static inline void rig_found(struct rig *r, const char *name, const char *address)
{
    char text[300];

    (void)snprintf(text, sizeof(text), "NAPTR %s", name);
    rig_srv(r, text, GW_NOTFOUND, NULL, 0);
    (void)snprintf(text, sizeof(text), "_sip._udp.%s", name);
    rig_srv(r, text, GW_NOTFOUND, NULL, 0);
    (void)snprintf(text, sizeof(text), "A %s", name);
    rig_names(r, text, address);
}

static const struct sip_io rig_io = { .send = rig_send,
                                      .is_full = rig_is_full,
                                      .local = rig_local,
                                      .srv_start = rig_srv_start,
                                      .names_start = rig_names_start,
                                      .srv_cancel = rig_srv_cancel,
                                      .wake = rig_wake };

static inline void front_request(enum pres_request request, struct gw_str from, struct gw_str extra,
                                 struct pres_session *to, void *ctx)
{
    struct rig *r = ctx;

    (void)from;
    (void)extra;
    (void)to;
    r->asked += request == PRES_SUBSCRIBE;
    r->refused += request == PRES_UNSUBSCRIBED;
    r->granted += request == PRES_SUBSCRIBED;
}

static inline void front_presence(const struct pres_doc *doc, struct pres_session *const *to,
                                  size_t count, void *ctx)
{
    struct rig *r = ctx;

    (void)to;
    (void)count;
    r->shown++;
    (void)snprintf(r->seen, sizeof(r->seen), "%s %.*s", pres_show_name(doc->shown.show),
                   GW_STR_ARG(doc->shown.text));
}

static inline void front_roster(const struct pres_item *item, struct pres_session *to, void *ctx)
{
    (void)item;
    (void)to;
    (void)ctx;
}

static inline bool front_message(const struct pres_message *m, struct pres_session *to, void *ctx)
{
    struct rig *r = ctx;

    (void)to;
    r->chat = m->chat;
    r->chats++;
    if (m->body.len)
        (void)snprintf(r->said, sizeof(r->said), "%.*s: %.*s", GW_STR_ARG(m->from),
                       GW_STR_ARG(m->body));
    return true;
}

static inline void front_failed(const struct pres_message *m, enum pres_failure why,
                                struct pres_session *to, void *ctx)
{
    struct rig *r = ctx;

    (void)to;
    assert_true(gw_str_is(m->id, "id1"));
    r->failed = (int)why;
}

static inline void rig_item(const struct pres_item *item, void *ctx)
{
    (void)item;
    (void)ctx;
}

static const struct pres_frontend rig_front = { .name = "test",
                                                .presence = front_presence,
                                                .request = front_request,
                                                .roster_changed = front_roster,
                                                .message = front_message,
                                                .message_failed = front_failed };

static inline bool rig_is_neighbour(struct gw_str address, void *ctx)
{
    const struct rig *r = ctx;

    return r->neighbour && gw_str_is(address, r->neighbour);
}

static inline void rig_sip(struct rig *r)
{
    r->sip = sip_core_new(&(struct sip_core_args){ .pres = r->pres,
                                                   .store = r->store,
                                                   .settings = &r->settings,
                                                   .io = &rig_io,
                                                   .io_ctx = r,
                                                   .is_neighbour = rig_is_neighbour,
                                                   .credentials = r->credentials,
                                                   .ctx = r });
}

static inline void rig_set(struct rig *r, const char *key, const char *value)
{
    assert_int_equal(gw_param_set(gw_param_find(sip_params, sip_param_count, gw_str_of(key)),
                                  &r->settings, gw_str_of(value), NULL),
                     GW_OK);
}

static inline void rig_authorize(struct rig *r, const char *whom)
{
    assert_int_equal(gw_param_set(gw_param_find(pres_params, pres_param_count,
                                                GW_STR("presence.auto_authorize")),
                                  &r->pres_settings, gw_str_of(whom), NULL),
                     GW_OK);
}

/* Users are alice and bob of b.example. */
static inline void rig_pres(struct rig *r)
{
    struct gw_err err;

    r->pres = pres_core_new(&(struct pres_core_args){
        .store = r->store, .settings = &r->pres_settings, .phrase = r->phrase });
    r->front = pres_frontend_register(r->pres, &rig_front, r);
    pres_domain_add(r->pres, GW_STR("b.example"));
    assert_int_equal(pres_user_add(r->pres, GW_STR("bob@b.example"), &err), GW_OK);
    assert_int_equal(pres_user_add(r->pres, GW_STR("alice@b.example"), &err), GW_OK);
}

static inline void rig_init_with(struct rig *r, sip_credentials_fn *credentials)
{
    struct gw_err err;

    memset(r, 0, sizeof(*r));
    r->credentials = credentials;
    r->failed = -1;
    r->now = (struct gw_now){ .mono = 1000000, .utc = 1782000000000 };
    gw_param_defaults(sip_params, sip_param_count, &r->settings);
    gw_param_defaults(pres_params, pres_param_count, &r->pres_settings);
    rig_authorize(r, "everybody");
    rig_set(r, "sip.incoming_acl", "192.0.2.0/24");
    rig_set(r, "sip.domains", "a.example, lync.example=lync, aol.example=aol");
    assert_int_equal(store_open(&(struct store_args){ .path = ":memory:" }, &r->store, &err),
                     GW_OK);
    rig_pres(r);
    rig_sip(r);
}

static inline void rig_init(struct rig *r)
{
    rig_init_with(r, NULL);
}

static inline void rig_forget(struct rig *r)
{
    for (size_t i = 0; i < r->sent_count; i++)
        free(r->sent[i].text);
    r->sent_count = r->taken = 0;
}

static inline void rig_done(struct rig *r)
{
    sip_core_free(&r->sip);
    pres_core_free(&r->pres);
    store_close(&r->store);
    gw_param_settings_done(sip_params, sip_param_count, &r->settings);
    gw_param_settings_done(pres_params, pres_param_count, &r->pres_settings);
    rig_forget(r);
}

/* Time passes, and everything that is due happens when it is due. */
static inline void rig_pass(struct rig *r, int64_t ms)
{
    gw_time end = r->now.mono + ms;

    for (;;) {
        gw_time next = sip_core_deadline(r->sip);

        if (next > end)
            break;
        if (next > r->now.mono) {
            r->now.utc += next - r->now.mono;
            r->now.mono = next;
        }
        sip_core_tick(r->sip, r->now);
    }
    r->now.utc += end - r->now.mono;
    r->now.mono = end;
    store_wait(r->store);
}

/* Time passes until something is sent, at most so long. */
static inline void rig_wait(struct rig *r, int64_t ms)
{
    gw_time end = r->now.mono + ms;

    while (r->taken == r->sent_count && r->now.mono < end) {
        gw_time next = sip_core_deadline(r->sip);
        int64_t step = next > r->now.mono ? next - r->now.mono : 0;

        rig_pass(r, next < end ? step : end - r->now.mono);
    }
}

static inline void rig_receive_from(struct rig *r, const struct sip_peer *from, const char *text)
{
    size_t len = strlen(text);
    char *block = malloc(len ? len : 1); /* exactly, so that one byte too far is seen */

    memcpy(block, text, len);
    sip_core_receive(r->sip, from, (struct gw_str){ block, len }, r->now);
    free(block);
    store_wait(r->store);
}

static inline void rig_receive(struct rig *r, const char *text)
{
    const struct sip_peer from = { .proto = SIP_UDP,
                                   .host = GW_STR_INIT("192.0.2.1"),
                                   .port = 4444 };

    rig_receive_from(r, &from, text);
}

/* The next message that was sent; borrowed until rig_forget(). */
static inline const char *rig_next(struct rig *r)
{
    if (r->taken == r->sent_count)
        return "nothing";
    return r->sent[r->taken++].text;
}

static inline bool rig_has(const char *text, const char *part)
{
    if (strstr(text, part))
        return true;
    print_error("no '%s' in:\n%s\n", part, text);
    return false;
}

static inline void rig_expect(struct rig *r, const char *start, const char *part)
{
    const char *text = rig_next(r);

    if (strncmp(text, start, strlen(start)) != 0)
        print_error("not '%s' but:\n%s\n", start, text);
    assert_true(strncmp(text, start, strlen(start)) == 0);
    assert_true(rig_has(text, part));
}

static inline void rig_silence(struct rig *r)
{
    const char *text = rig_next(r);

    if (strcmp(text, "nothing") != 0)
        print_error("not silence but:\n%s\n", text);
    assert_string_equal(text, "nothing");
}

/* The value of a header in the message that was sent last, into out. */
static inline void rig_header(const struct rig *r, const char *name, char out[256])
{
    const char *text = r->sent[r->taken - 1].text, *at;
    char line[64];

    (void)snprintf(line, sizeof(line), "\r\n%s: ", name);
    at = strstr(text, line);
    assert_non_null(at);
    at += strlen(line);
    (void)snprintf(out, 256, "%.*s", (int)strcspn(at, "\r"), at);
}

/* An answer to the request that was taken last, with a tag of the peer's where it has none. */
static inline void rig_answer_with(struct rig *r, unsigned status, const char *tag,
                                   const char *more, const char *body)
{
    char via[256], from[256], to[256], call_id[256], cseq[256];
    struct gw_buf b;

    rig_header(r, "Via", via);
    rig_header(r, "From", from);
    rig_header(r, "To", to);
    rig_header(r, "Call-ID", call_id);
    rig_header(r, "CSeq", cseq);
    if (strstr(to, "tag="))
        tag = "";
    gw_buf_init(&b, SIP_MSG_MAX);
    gw_buf_addf(&b,
                "SIP/2.0 %u Whatever\r\nVia: %s\r\nFrom: %s\r\nTo: %s%s%s\r\nCall-ID: %s\r\nCSeq: "
                "%s\r\n%sContent-Length: %zu\r\n\r\n%s",
                status, via, from, to, *tag ? ";tag=" : "", tag, call_id, cseq, more, strlen(body),
                body);
    rig_receive(r, b.p);
    gw_buf_done(&b);
}

static inline void rig_answer(struct rig *r, unsigned status, const char *more)
{
    rig_answer_with(r, status, "", more, "");
}

/* SUBSCRIBE of 'who' to bob; each has another branch. */
struct ask {
    const char *who, *call_id, *to_tag, *more;
    int cseq, expires;
};

static inline void rig_ask_from(struct rig *r, const struct sip_peer *from, const struct ask *a)
{
    static unsigned branch;
    struct gw_buf b;

    gw_buf_init(&b, SIP_MSG_MAX);
    gw_buf_addf(&b,
                "SUBSCRIBE sip:bob@b.example SIP/2.0\r\nVia: SIP/2.0/UDP "
                "192.0.2.1:4444;branch=z9hG4bKt%u\r\nFrom: <sip:%s>;tag=peer\r\nTo: "
                "<sip:bob@b.example>%s%s\r\nCall-ID: %s\r\nCSeq: %d SUBSCRIBE\r\nContact: "
                "<sip:w@%.*s:4444>\r\nEvent: presence\r\nMax-Forwards: 70\r\n%s",
                ++branch, a->who ? a->who : "w@a.example", a->to_tag ? ";tag=" : "",
                a->to_tag ? a->to_tag : "", a->call_id ? a->call_id : "c1", a->cseq ? a->cseq : 1,
                GW_STR_ARG(from->host), a->more ? a->more : "");
    if (a->expires >= 0)
        gw_buf_addf(&b, "Expires: %d\r\n", a->expires);
    gw_buf_add_cstr(&b, "Content-Length: 0\r\n\r\n");
    rig_receive_from(r, from, b.p);
    gw_buf_done(&b);
}

static inline void rig_ask(struct rig *r, const struct ask *a)
{
    const struct sip_peer from = { .proto = SIP_UDP,
                                   .host = GW_STR_INIT("192.0.2.1"),
                                   .port = 4444 };

    rig_ask_from(r, &from, a);
}

/* Subscribed, told, answered; our tag into out. */
static inline void rig_subscribe(struct rig *r, const struct ask *a, char tag[256])
{
    char to[256];

    rig_ask(r, a);
    rig_expect(r, "SIP/2.0 200 ", "Expires: ");
    rig_header(r, "To", to);
    (void)snprintf(tag, 256, "%s", strstr(to, "tag=") + 4);
    rig_expect(r, "NOTIFY ", "Subscription-State: ");
    rig_answer(r, 200, "");
}

static inline void rig_calendar(struct rig *r, enum pres_calendar_kind kind, const char *text)
{
    struct pres_calendar c = { .kind = kind, .since = r->now.utc, .until = GW_NEVER };

    for (int i = 0; i < PRES_WORDS_COUNT; i++)
        (void)snprintf(c.text[i], sizeof(c.text[i]), "%s", text);
    pres_calendar_set(r->pres, GW_STR("bob@b.example"), &c, r->now);
}

static inline struct pres_session *rig_login(struct rig *r, const char *user, enum pres_show show)
{
    struct pres_session *s;
    struct gw_err err;

    assert_int_equal(pres_session_new(r->pres,
                                      &(struct pres_session_args){ .user = gw_str_of(user),
                                                                   .resource = GW_STR("x"),
                                                                   .front = r->front },
                                      r->now, &s, &err),
                     GW_OK);
    assert_int_equal(pres_session_set(s, &(struct pres_client){ .show = show }, r->now), GW_OK);
    return s;
}

static inline void rig_loaded(const struct gw_err *result, void *ctx)
{
    bool *done = ctx;

    assert_int_equal(result->code, GW_OK);
    *done = true;
}

struct rig_records {
    bool done; /* first, for rig_loaded() */
    unsigned count;
};

static inline void rig_count_record(const struct store_record *record, void *ctx)
{
    struct rig_records *records = ctx;

    (void)record;
    records->count++;
}

/* How many there are in the store. */
static inline unsigned rig_records(struct rig *r, const char *kind)
{
    struct rig_records records = { .done = false };

    store_load(r->store, kind, NULL, rig_count_record, rig_loaded, &records);
    store_wait(r->store);
    assert_true(records.done);
    return records.count;
}

static inline void rig_restart(struct rig *r)
{
    bool done = false;

    sip_core_free(&r->sip);
    pres_core_free(&r->pres);
    rig_forget(r);
    store_wait(r->store);
    rig_pres(r);
    pres_core_load(r->pres, rig_loaded, &done);
    store_wait(r->store);
    assert_true(done);
    done = false;
    rig_sip(r);
    r->wakes = 0;
    sip_core_load(r->sip, r->now, rig_loaded, &done);
    store_wait(r->store);
    assert_true(done && r->wakes > 0);
}

#endif

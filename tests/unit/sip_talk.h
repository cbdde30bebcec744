/* What tests of messages in sessions share: bob, who is here, and ann's side, which is the test. */
#ifndef SIP_TALK_H
#define SIP_TALK_H

#include "sip_test.h"

#define SDP_TYPE "Content-Type: application/sdp\r\n"
#define SDP                                                                                        \
    "v=0\r\no=- 0 0 IN IP4 192.0.2.1\r\ns=session\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"              \
    "m=message 5060 sip null\r\na=accept-types:text/plain\r\n"
#define PLAIN   "Content-Type: text/plain; charset=UTF-8\r\n"
#define CONTACT "Contact: <sip:ann@192.0.2.1:4444>\r\n"

static inline void begin(struct rig *r, struct pres_session **bob)
{
    rig_init(r);
    rig_set(r, "sip.routes", "example.lync=udp:192.0.2.1:4444, example.a=udp:192.0.2.1:4444");
    *bob = rig_login(r, "bob@b.example", PRES_AVAILABLE);
}

static inline void end(struct rig *r, struct pres_session *bob)
{
    pres_session_free(&bob, r->now);
    rig_done(r);
}

static inline struct sip_counters counters(const struct rig *r)
{
    struct sip_counters c;

    sip_core_counters(r->sip, &c);
    return c;
}

static inline void say(struct rig *r, const char *body)
{
    assert_true(
        pres_message_send(r->pres, &(struct pres_message){ .from = GW_STR("bob@b.example/x"),
                                                           .to = GW_STR("ann@lync.example"),
                                                           .body = gw_str_of(body),
                                                           .id = GW_STR("id1") }));
    rig_pass(r, 0);
}

static inline void chat(struct rig *r, enum pres_chat what)
{
    assert_true(
        pres_message_send(r->pres, &(struct pres_message){ .from = GW_STR("bob@b.example/x"),
                                                           .to = GW_STR("ann@lync.example"),
                                                           .chat = what }));
    rig_pass(r, 0);
}

struct dialog {                               /* as the peer has it */
    char call_id[256], own[256], theirs[256]; /* tags; theirs: of the gateway */
    int cseq;
};

static inline void tag_of(const char *header, char out[256])
{
    (void)snprintf(out, 256, "%s", strstr(header, "tag=") + 4);
}

/* A request of the peer; to the gateway's tag in d, if it has one. */
static inline void ask_from(struct rig *r, const struct sip_peer *from, struct dialog *d,
                            const char *method, const char *more, const char *body)
{
    static unsigned branch;
    struct gw_buf b;

    gw_buf_init(&b, 4 * SIP_MSG_MAX);
    gw_buf_addf(&b,
                "%s sip:bob@b.example SIP/2.0\r\nVia: SIP/2.0/%s "
                "192.0.2.1:4444;branch=z9hG4bKs%u\r\nFrom: <sip:ann@lync.example>;tag=%s\r\nTo: "
                "<sip:bob@b.example>%s%s\r\nCall-ID: %s\r\nCSeq: %d %s\r\nMax-Forwards: 70\r\n"
                "%sContent-Length: %zu\r\n\r\n%s",
                method, sip_proto_name(from->proto), ++branch, d->own, *d->theirs ? ";tag=" : "",
                d->theirs, d->call_id, d->cseq, method, more, strlen(body), body);
    rig_receive_from(r, from, b.p);
    gw_buf_done(&b);
}

static const struct sip_peer udp = { .proto = SIP_UDP,
                                     .host = GW_STR_INIT("192.0.2.1"),
                                     .port = 4444 };
static const struct sip_peer tcp = {
    .proto = SIP_TCP, .conn = 7, .host = GW_STR_INIT("192.0.2.1"), .port = 4444
};

static inline void ask(struct rig *r, struct dialog *d, const char *method, const char *more,
                       const char *body)
{
    d->cseq++;
    ask_from(r, &udp, d, method, more, body);
}

static inline void ack(struct rig *r, struct dialog *d)
{
    ask_from(r, &udp, d, "ACK", "", "");
}

/* bob has said 'body', and ann's side has taken the call; what was said comes next. */
static inline void call(struct rig *r, const char *body, struct dialog *d)
{
    say(r, body);
    rig_expect(r, "INVITE sip:ann@lync.example SIP/2.0\r\n", "m=message 5060 sip null");
    memset(d, 0, sizeof(*d));
    rig_header(r, "Call-ID", d->call_id);
    rig_header(r, "From", d->theirs);
    tag_of(d->theirs, d->theirs);
    (void)snprintf(d->own, sizeof(d->own), "theirs");
    rig_answer_with(r, 200, "theirs", CONTACT SDP_TYPE, SDP);
    rig_expect(r, "ACK sip:ann@192.0.2.1:4444 SIP/2.0\r\n", "CSeq: 1 ACK\r\n");
}

/* ann's side calls, with these headers, and we take it. */
static inline void invite(struct rig *r, struct dialog *d, const char *headers)
{
    ask(r, d, "INVITE", headers, SDP);
    rig_expect(r, "SIP/2.0 200 ", "m=message 5060 sip null");
    rig_header(r, "To", d->theirs);
    tag_of(d->theirs, d->theirs);
}

/* The same, to the end. */
static inline void called(struct rig *r, const char *call_id, struct dialog *d)
{
    *d = (struct dialog){ .cseq = 0 };
    (void)snprintf(d->call_id, sizeof(d->call_id), "%s", call_id);
    (void)snprintf(d->own, sizeof(d->own), "a%s", call_id);
    invite(r, d, CONTACT SDP_TYPE);
    ack(r, d);
}

/* bob is here, and has said "one" to ann, who has not answered that yet. */
static inline void begin_said(struct rig *r, struct pres_session **bob, struct dialog *d)
{
    begin(r, bob);
    call(r, "one", d);
    rig_expect(r, "MESSAGE ", "\r\n\r\none");
}

#endif

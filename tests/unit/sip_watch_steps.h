/* What the tests of users here who watch contacts there have in common: the steps of both sides. */
#ifndef SIP_WATCH_STEPS_H
#define SIP_WATCH_STEPS_H

#include "sip_priv.h"
#include "sip_test.h"

#define ROUTE                                                                                      \
    "example.lync=tcp:192.0.2.50/1, example.lync=tcp:192.0.2.51/2, example.a=udp:192.0.2.1:4444"

static inline void begin(struct rig *r, struct pres_session **bob)
{
    rig_init(r);
    rig_set(r, "sip.routes", ROUTE);
    *bob = rig_login(r, "bob@b.example", PRES_AVAILABLE);
    pres_roster_get(*bob, rig_item, NULL); /* who keeps a roster is told */
}

static inline void request(struct pres_session *from, enum pres_request what, const char *to)
{
    struct gw_err err;

    assert_int_equal(pres_request_send(from, what, gw_str_of(to), GW_STR(""), &err), GW_OK);
}

/* NOTIFY for the SUBSCRIBE that was taken last, or (at) for that one. */
struct told {
    const char *state, *type, *body, *tag, *more;
    unsigned cseq;
};

static inline void notify_for(struct rig *r, size_t at, const struct told *t)
{
    static unsigned branch;
    char from[256], to[256], call_id[256], target[256];
    size_t taken = r->taken;
    struct gw_buf b;

    branch++;
    r->taken = at + 1;
    rig_header(r, "From", to);
    rig_header(r, "To", from);
    rig_header(r, "Call-ID", call_id);
    rig_header(r, "Contact", target);
    r->taken = taken;
    *strchrnul(from, ';') = '\0';
    gw_buf_init(&b, SIP_MSG_MAX);
    gw_buf_addf(&b,
                "NOTIFY sip:192.0.2.100:5060 SIP/2.0\r\nVia: SIP/2.0/UDP "
                "192.0.2.1:4444;branch=z9hG4bKn%u\r\nFrom: %s;tag=%s\r\nTo: %s\r\nCall-ID: "
                "%s\r\nCSeq: %u NOTIFY\r\nContact: <sip:them@192.0.2.1:4444>\r\nEvent: "
                "presence\r\nSubscription-State: %s\r\n%s",
                branch, from, t->tag ? t->tag : "them", to, call_id, t->cseq ? t->cseq : branch,
                t->state, t->more ? t->more : "");
    if (t->body)
        gw_buf_addf(&b, "Content-Type: %s\r\n", t->type ? t->type : "application/pidf+xml");
    gw_buf_addf(&b, "Content-Length: %zu\r\n\r\n%s", t->body ? strlen(t->body) : 0,
                t->body ? t->body : "");
    rig_receive(r, b.p);
    gw_buf_done(&b);
}

#define PIDF(status)                                                                               \
    "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"sip:x\"><tuple id=\"a\"><status>"    \
    "<basic>open</basic>" status "</status></tuple></presence>"
#define BUSY                                                                                       \
    PIDF("<ep:activities xmlns:ep=\"urn:x\"><ep:activity>busy</ep:activity></ep:activities>")

/* 2xx to the request that was taken last. */
static inline void grant(struct rig *r, const char *more)
{
    char via[256], from[256], to[256], call_id[256], cseq[256];
    struct gw_buf b;

    rig_header(r, "Via", via);
    rig_header(r, "From", from);
    rig_header(r, "To", to);
    rig_header(r, "Call-ID", call_id);
    rig_header(r, "CSeq", cseq);
    gw_buf_init(&b, SIP_MSG_MAX);
    gw_buf_addf(&b,
                "SIP/2.0 200 OK\r\nVia: %s\r\nFrom: %s\r\nTo: %s%s\r\nCall-ID: %s\r\nCSeq: "
                "%s\r\nContact: <sip:them@192.0.2.1:4444>\r\n%sContent-Length: 0\r\n\r\n",
                via, from, to, strstr(to, "tag=") ? "" : ";tag=them", call_id, cseq, more);
    rig_receive(r, b.p);
    gw_buf_done(&b);
}

static inline uint64_t watches(const struct rig *r)
{
    struct sip_counters c;

    sip_core_counters(r->sip, &c);
    return c.watches;
}

/* Asked, answered, approved and shown; the SUBSCRIBE stays the message 'r->taken - 2'. */
static inline void watch(struct rig *r, struct pres_session *bob, const char *contact)
{
    request(bob, PRES_SUBSCRIBE, contact);
    rig_pass(r, 0);
    rig_expect(r, "SUBSCRIBE ", "Event: presence\r\n");
    grant(r, "Expires: 7446\r\n");
    notify_for(r, r->taken - 1, &(struct told){ .state = "active;expires=7446", .body = BUSY });
    rig_expect(r, "SIP/2.0 200 ", "");
}

#endif

/* Requests of which not even what an answer repeats can be read. */
#include "sip_test.h"

#define REST                                                                                       \
    "From: <sip:a@a.example>;tag=1\r\nTo: <sip:b@b.example>\r\nCall-ID: c1\r\nCSeq: 7 INFO\r\n"
#define LINE "INFO sip:b@b.example SIP/2.0\r\n"

enum { CAME_FROM = 4444 };

/* port 0: no answer. */
static const struct {
    const char *text;
    enum sip_proto proto;
    uint16_t port;
    const char *part; /* of the answer */
} cases[] = {
    /* The port of Via, wherever what is wrong with it begins. */
    { LINE "Via: SIP/2.0/UDP h;;\r\n" REST "\r\n", SIP_UDP, 5060, "\r\nVia: SIP/2.0/UDP h;;\r\n" },
    { LINE "v: SIP/2.0/UDP h:5070;;\r\n" REST "\r\n", SIP_UDP, 5070,
      "\r\nVia: SIP/2.0/UDP h:5070;;\r\n" },
    { LINE "Via: SIP/2.0/UDP [2001:db8::1]:5070;=\r\n" REST "\r\n", SIP_UDP, 5070, "Via: " },
    { LINE "Via: SIP/2.0/UDP [2001:db8::1];;\r\n" REST "\r\n", SIP_UDP, 5060, "Via: " },
    { LINE "Via: SIP/2.0/UDP h:5070;;rport;\r\n" REST "\r\n", SIP_UDP, CAME_FROM, "Via: " },
    { LINE "Via: SIP/2.0/UDP h:99999;;\r\n" REST "\r\n", SIP_UDP, 0, NULL },
    { LINE "Via: SIP/2.0/UDP\r\n" REST "\r\n", SIP_UDP, 0, NULL },
    { LINE "Via: nonsense\r\n" REST "\r\n", SIP_UDP, 0, NULL },
    { LINE "Via:\r\n" REST "\r\n", SIP_UDP, 0, NULL },
    { LINE REST "\r\n", SIP_UDP, 0, NULL },
    /* A connection needs no port, and an answer some Via. */
    { LINE "Via: nonsense\r\n" REST "\r\n", SIP_TCP, CAME_FROM, "\r\nVia: nonsense\r\n" },
    { LINE REST "\r\n", SIP_TCP, 0, NULL },
    /* All Vias, or none: they are the way back. */
    { LINE "Via: SIP/2.0/TCP h;;\r\nVia: x;\r\n" REST "\r\n", SIP_TCP, CAME_FROM,
      "\r\nVia: SIP/2.0/TCP h;;\r\nVia: x;\r\n" },
    { LINE "Via: SIP/2.0/TCP h;;\r\nVia: x\x01\r\n" REST "\r\n", SIP_TCP, 0, NULL },
    /* Of the others what is there, and clean; To gets a tag when it has none. */
    { LINE "Via: SIP/2.0/UDP h\r\nFrom: x\x1b[31m\r\nCSeq: x\r\n\r\n", SIP_UDP, 5060,
      "SIP/2.0 400 Bad Request\r\nVia: SIP/2.0/UDP h\r\nCSeq: x\r\nContent-Length: 0\r\n\r\n" },
    { LINE "Via: SIP/2.0/UDP h\r\nTo: x;tag=2\r\n\r\n", SIP_UDP, 5060,
      "\r\nTo: x;tag=2\r\nContent" },
    { LINE "Via: SIP/2.0/UDP h\r\nTo: <sip:b@b>\r\n\r\n", SIP_UDP, 5060, "\r\nTo: <sip:b@b>;tag=" },
    /* A line that is none does not hide the others; a folded one is one. */
    { LINE "no name\r\nVia: SIP/2.0/UDP h\r\n ;;\r\n" REST "\r\n", SIP_UDP, 5060,
      "Via: SIP/2.0/UDP h   ;;\r\n" },
    { "INFO sip:b@b.example SIP/3.0\r\nVia: SIP/2.0/UDP h\r\n\r\n", SIP_UDP, 5060, "SIP/2.0 505 " },
    /* Never to an ACK, to an answer, or to what is no request. */
    { "ACK sip:b@b.example SIP/2.0\r\nVia: SIP/2.0/UDP h;;\r\n" REST "\r\n", SIP_UDP, 0, NULL },
    { "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;;\r\n" REST "\r\n", SIP_UDP, 0, NULL },
    { "INFO\r\nVia: SIP/2.0/UDP h;;\r\n" REST "\r\n", SIP_UDP, 0, NULL },
};

static void test_answers(void **state)
{
    unsigned wrong = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct sip_peer from = { .proto = cases[i].proto,
                                       .conn = cases[i].proto == SIP_UDP ? 0 : 7,
                                       .host = GW_STR_INIT("192.0.2.1"),
                                       .port = CAME_FROM };
        struct rig r;
        bool is_right;

        rig_init(&r);
        sip_core_receive(r.sip, &from, gw_str_of(cases[i].text), r.now);
        if (cases[i].port)
            is_right = r.sent_count == 1 && r.sent[0].port == cases[i].port &&
                       strcmp(r.sent[0].host, "192.0.2.1") == 0 &&
                       strstr(r.sent[0].text, cases[i].part);
        else
            is_right = !r.sent_count;
        if (!is_right) {
            print_error("case %zu: port %u: %s\n", i, r.sent_count ? r.sent[0].port : 0,
                        r.sent_count ? r.sent[0].text : "nothing");
            wrong++;
        }
        rig_done(&r);
    }
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What a client of another front-end says to somebody abroad, and what he says to it: as SIP clients do. */
#include "fed_world.h"

struct talk {
    struct fed_world w;
    struct pres_session *s;
    struct end *peer; /* b, as the test speaks for it; NULL: b is there */
    char said[200];
    int failed; /* why; -1: nothing has */
};

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
    struct talk *t = ctx;

    (void)to;
    (void)snprintf(t->said, sizeof(t->said), "%.*s: %.*s", GW_STR_ARG(m->from),
                   GW_STR_ARG(m->body));
    return true;
}

static void on_failed(const struct pres_message *m, enum pres_failure why, struct pres_session *to,
                      void *ctx)
{
    struct talk *t = ctx;

    assert_ptr_equal(to, t->s);
    assert_true(gw_str_is(m->to, "ann@b.example"));
    assert_true(gw_str_is(m->id, "id1"));
    t->failed = (int)why;
}

static const struct pres_frontend phones = { .name = "phones",
                                             .presence = on_presence,
                                             .message = on_message,
                                             .message_failed = on_failed,
                                             .ended = fed_on_ended };

static void start(struct talk *t, bool speaks_for_b)
{
    *t = (struct talk){ .failed = -1 };
    world_begin(&t->w);
    assert_int_equal(pres_session_new(t->w.a.core,
                                      &(struct pres_session_args){
                                          .user = GW_STR("ann@a.example"),
                                          .resource = GW_STR("sip-1"),
                                          .front = pres_frontend_register(t->w.a.core, &phones, t),
                                      },
                                      t->w.now, &t->s, NULL),
                     GW_OK);
    if (speaks_for_b)
        t->peer = proved_as_b(&t->w);
    gw_buf_reset(&t->w.b.wire);
}

static bool say(struct talk *t, const char *body, enum pres_chat chat, enum pres_failure *why)
{
    const struct pres_message m = { .from = GW_STR("ann@a.example/sip-1"),
                                    .to = GW_STR("ann@b.example"),
                                    .body = gw_str_of(body),
                                    .chat = chat,
                                    .id = GW_STR("id1") };
    bool is_sent = pres_message_try(t->w.a.core, &m, why);

    settle_world(&t->w);
    return is_sent;
}

static bool heard(const struct talk *t, const char *text)
{
    return t->w.b.wire.len && memmem(t->w.b.wire.p, t->w.b.wire.len, text, strlen(text));
}

static void goes_out(void **state)
{
    enum pres_failure why;
    struct talk t;

    (void)state;
    start(&t, false);
    assert_true(say(&t, "a < b", PRES_CHAT_UNSAID, &why));
    assert_true(heard(&t, "<message from=\"ann@a.example/sip-1\" to=\"ann@b.example\" "
                          "type=\"chat\" id=\"id1\"><body>a &lt; b</body></message>"));
    assert_true(say(&t, "", PRES_CHAT_COMPOSING, &why));
    assert_true(heard(&t, "<composing xmlns=\"http://jabber.org/protocol/chatstates\"/>"));
    /* Nobody is logged in there. */
    assert_int_equal(t.failed, PRES_FAILED_AWAY);
    world_end(&t.w);
}

/* What the other side answers. */
static void errors_come_back(void **state)
{
    static const struct {
        const char *condition;
        enum pres_failure why;
    } cases[] = {
        { "item-not-found", PRES_FAILED_NOBODY },
        { "forbidden", PRES_FAILED_REFUSED },
        { "service-unavailable", PRES_FAILED_AWAY },
        { "not-acceptable", PRES_FAILED_UNFIT },
        { "remote-server-timeout", PRES_FAILED_UNREACHED },
        { "resource-constraint", PRES_FAILED_FULL },
        { "something-new", PRES_FAILED_UNREACHED },
    };
    char text[400];
    struct talk t;

    (void)state;
    start(&t, true);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        t.failed = -1;
        (void)snprintf(text, sizeof(text),
                       "<message type='error' id='id1' from='ann@b.example' "
                       "to='ann@a.example/sip-1'><error type='cancel'>"
                       "<%s xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>",
                       cases[i].condition);
        raw_send(t.peer, text);
        settle_world(&t.w);
        assert_int_equal(t.failed, cases[i].why);
    }
    assert_string_equal(t.said, ""); /* an error is no message */
    world_end(&t.w);
}

static void no_way(void **state)
{
    enum pres_failure why = PRES_FAILED_FULL;
    struct talk t;

    (void)state;
    start(&t, false);
    t.w.b.is_down = true;
    assert_true(say(&t, "hi", PRES_CHAT_UNSAID, &why)); /* it is not known yet */
    assert_int_equal(t.failed, PRES_FAILED_UNREACHED);
    assert_false(say(&t, "hi", PRES_CHAT_UNSAID, &why)); /* it is known still */
    assert_int_equal(why, PRES_FAILED_UNREACHED);
    t.w.a.settings.policy = XMPP_FED_DENY;
    xmpp_fed_apply(t.w.a.fed, t.w.now);
    assert_false(say(&t, "hi", PRES_CHAT_UNSAID, &why));
    assert_int_equal(why, PRES_FAILED_REFUSED);
    world_end(&t.w);
}

/* One from there that the client takes, and then does not: whoever has sent it is told. */
static void comes_in(void **state)
{
    struct pres_message m = { .from = GW_STR("ann@b.example/x"),
                              .to = GW_STR("ann@a.example"),
                              .id = GW_STR("m7") };
    struct talk t;

    (void)state;
    start(&t, true);
    assert_int_equal(
        pres_session_set(t.s, &(struct pres_client){ .show = PRES_AVAILABLE }, t.w.now), GW_OK);
    raw_send(t.peer, "<message type='chat' id='m7' from='ann@b.example/x' to='ann@a.example'>"
                     "<body>hello</body></message>");
    settle_world(&t.w);
    assert_string_equal(t.said, "ann@b.example/x: hello");
    pres_message_failed(t.w.a.core, &m, PRES_FAILED_AWAY);
    settle_world(&t.w);
    assert_true(heard(&t, "<message from=\"ann@a.example\" to=\"ann@b.example/x\" type=\"error\" "
                          "id=\"m7\"><error type=\"cancel\"><service-unavailable "));
    gw_buf_reset(&t.w.b.wire);
    m.id = GW_STR("");
    pres_message_failed(t.w.a.core, &m, PRES_FAILED_AWAY);
    settle_world(&t.w);
    assert_false(heard(&t, "<message"));
    world_end(&t.w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_out),
        cmocka_unit_test(errors_come_back),
        cmocka_unit_test(no_way),
        cmocka_unit_test(comes_in),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

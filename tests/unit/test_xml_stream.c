#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gw_buf.h"
#include "xml_stream.h"
#include "xml_write.h"

#define HEAD                                                                                       \
    "<?xml version='1.0'?><stream:stream xmlns='jabber:client' "                                   \
    "xmlns:stream='http://etherx.jabber.org/streams' to='a&amp;b' version='1.0'>"

static const struct xml_stream_limits limits = { 400, 4, 10, 6 };

/* What came out of a stream, as text. */
struct log {
    struct gw_buf events;
    struct xml_stream *xs;
    unsigned stanzas;
    /* What the handler does at its n-th stanza. */
    unsigned free_at, restart_at;
    bool free_at_open, restart_at_open, free_at_close;
};

static void add_node(struct log *l, const char *what, const struct xml_node *n)
{
    struct xml_writer w;

    gw_buf_add_cstr(&l->events, what);
    xml_write_init(&w, &l->events);
    xml_put_node(&w, n, GW_STR("jabber:client"));
    assert_null(n->parent);
    assert_null(n->next);
}

static void on_open(const struct xml_node *root, void *ctx)
{
    struct log *l = ctx;

    add_node(l, "O", root);
    if (l->restart_at_open)
        xml_stream_restart(l->xs);
    if (l->free_at_open)
        xml_stream_free(&l->xs);
}

static void on_stanza(const struct xml_node *stanza, void *ctx)
{
    struct log *l = ctx;

    add_node(l, "S", stanza);
    l->stanzas++;
    xml_stream_idle(l->xs); /* no harm inside a handler */
    if (l->stanzas == l->restart_at)
        xml_stream_restart(l->xs);
    if (l->stanzas == l->free_at)
        xml_stream_free(&l->xs);
    gw_buf_add_str(&l->events, stanza->text); /* still there */
}

static void on_close(void *ctx)
{
    struct log *l = ctx;

    gw_buf_add_cstr(&l->events, "C");
    if (l->free_at_close)
        xml_stream_free(&l->xs);
}

static const struct xml_stream_handlers handlers = { on_open, on_stanza, on_close };

static void start(struct log *l)
{
    *l = (struct log){ 0 };
    gw_buf_init(&l->events, SIZE_MAX);
    l->xs = xml_stream_new(&limits, &handlers, l);
}

static void finish(struct log *l)
{
    xml_stream_free(&l->xs);
    gw_buf_done(&l->events);
}

/* Each piece lies in a block of its exact size. */
static enum gw_code feed(struct log *l, const char *p, size_t len, struct gw_err *err)
{
    char *exact = malloc(len ? len : 1);
    enum gw_code rc;

    memcpy(exact, p, len);
    rc = xml_stream_feed(l->xs, (struct gw_str){ exact, len }, err);
    free(exact);
    return rc;
}

static enum gw_code feed_text(struct log *l, const char *text, struct gw_err *err)
{
    return feed(l, text, strlen(text), err);
}

static void assert_events(const struct log *l, const char *want)
{
    assert_string_equal(l->events.p ? l->events.p : "", want);
}

#define OPENED                                                                                     \
    "O<stream xmlns=\"http://etherx.jabber.org/streams\" to=\"a&amp;b\" version=\"1.0\"/>"

static const char session[] =
    " \n" HEAD "  <presence/>\n\n<iq id='1>2' type=\"g'et\"><ping xmlns='urn:xmpp:ping'/></iq>"
    "<message><body>a &lt;b> &#x20AC; \xE2\x82\xAC<![CDATA[<x>]]]]></body></message >"
    "<stream:features a:b='1' xmlns:a='urn:a'/> </stream:stream>\n<ignored";
static const char session_events[] =
    OPENED "S<presence/>"
           "S<iq id=\"1&gt;2\" type=\"g'et\"><ping xmlns=\"urn:xmpp:ping\"/></iq>"
           "S<message><body>a &lt;b&gt; \xE2\x82\xAC \xE2\x82\xAC&lt;x&gt;]]</body></message>"
           "S<features xmlns=\"http://etherx.jabber.org/streams\" xmlns:a0=\"urn:a\" a0:b=\"1\"/>"
           "C";

static void reads_a_session(void **state)
{
    struct log l;
    struct gw_err err = { 0 };

    (void)state;
    start(&l);
    assert_int_equal(feed_text(&l, session, &err), GW_OK);
    assert_events(&l, session_events);
    finish(&l);
}

static void same_events_however_split(void **state)
{
    (void)state;
    for (size_t at = 0; at < sizeof(session); at++) {
        struct log l;
        struct gw_err err = { 0 };

        start(&l);
        assert_int_equal(feed(&l, session, at, &err), GW_OK);
        xml_stream_idle(l.xs);
        assert_int_equal(feed_text(&l, session + at, &err), GW_OK);
        assert_events(&l, session_events);
        finish(&l);
    }
    for (size_t size = 1; size < 9; size++) {
        struct log l;
        struct gw_err err = { 0 };

        start(&l);
        for (size_t at = 0; at < sizeof(session) - 1; at += size) {
            size_t n = sizeof(session) - 1 - at < size ? sizeof(session) - 1 - at : size;

            assert_int_equal(feed(&l, session + at, n, &err), GW_OK);
            xml_stream_idle(l.xs);
        }
        assert_events(&l, session_events);
        finish(&l);
    }
}

static const struct {
    const char *in, *condition, *events;
} refuse_case[] = {
    { "hello", "not-well-formed: ", "" },
    { "GET / HTTP/1.1\r\n", "not-well-formed: ", "" },
    { "<", NULL, "" },
    { "<>", "not-well-formed: ", "" },
    { "<1>", "not-well-formed: ", "" },
    { "< a>", "not-well-formed: ", "" },
    { "</a>", "not-well-formed: ", "" },
    { "<![CDATA[x]]>", "not-well-formed: ", "" },
    { "<?xml version='1.0'?>x<a>", "not-well-formed: ", "" },
    { "<?xml version='9'?", NULL, "" },
    { "<?xml bad?><a>", "not-well-formed: ", "" },
    { "<?xml version='1.0'?><?xml version='1.0'?><a>", "restricted-xml: ", "" },
    { "<?xml version='1.0'?><?x?><a>", "restricted-xml: ", "" },
    { "<?xmlx version='1.0'?><a>", "restricted-xml: ", "" },
    { "<?x", NULL, "" },
    { "<?x?>", "restricted-xml: ", "" },
    { "<?xml version='1.0' encoding='UTF-16'?><a>", "unsupported-encoding: ", "" },
    { "<?xml version='1.0' encoding='iso-8859-1'?><a>", "unsupported-encoding: ", "" },
    { "<!DOCTYPE a>", "restricted-xml: ", "" },
    { "<!D", "restricted-xml: ", "" },
    { "<!-", "restricted-xml: ", "" },
    { "<x:a>", "bad-namespace-prefix: ", "" },
    { "<a b='1' b='2'>", "not-well-formed: ", "" },
    { HEAD "<?", "restricted-xml: ", OPENED },
    { HEAD "<!-- x -->", "restricted-xml: ", OPENED },
    { HEAD "<a><!-- x", "restricted-xml: ", OPENED },
    { HEAD "<a><?x", "restricted-xml: ", OPENED },
    { HEAD "<a><!DOC", "restricted-xml: ", OPENED },
    { HEAD "<a>&foo;</a>", "restricted-xml: ", OPENED },
    { HEAD "<a b='&foo;'/>", "restricted-xml: ", OPENED },
    { HEAD "<presence/>x", "bad-format: ", OPENED "S<presence/>" },
    { HEAD "&#32;", "bad-format: ", OPENED },
    { HEAD "<![CDATA[]]>", "bad-format: ", OPENED },
    { HEAD "<a></b>", "not-well-formed: ", OPENED },
    { HEAD "<a><b></a>", "not-well-formed: ", OPENED },
    { HEAD "<a></stream:stream>", "not-well-formed: ", OPENED },
    { HEAD "</stream>", "not-well-formed: ", OPENED },
    { HEAD "</r>", "not-well-formed: ", OPENED }, /* what we put around a stanza */
    { HEAD "<a b=c/>", "not-well-formed: ", OPENED },
    { HEAD "<a><b x='></b></a>", "not-well-formed: ", OPENED },
    { HEAD "<a>\xFF</a>", "not-well-formed: ", OPENED },
    { HEAD "<a>\x02</a>", "not-well-formed: ", OPENED },
    { HEAD "<a><b/x></a>", "not-well-formed: ", OPENED },
    { HEAD "<a:b/>", "bad-namespace-prefix: ", OPENED },
    { HEAD "<a b:c=''/>", "bad-namespace-prefix: ", OPENED },
    { HEAD "<a><b><c><d/></c></b></a>", NULL, OPENED "S<a><b><c><d/></c></b></a>" },
    { HEAD "<a><b><c><d><e", NULL, OPENED },
    { HEAD "<a><b><c><d><e>", "policy-violation: ", OPENED },
    { HEAD "<a><b/><b/><b/><b/><b/><b/><b/><b/><b/>", NULL, OPENED },
    { HEAD "<a><b/><b/><b/><b/><b/><b/><b/><b/><b/><b/>", "policy-violation: ", OPENED },
    { HEAD "<a a='' b='' c='' d='' e='' f=''/>", NULL,
      OPENED "S<a a=\"\" b=\"\" c=\"\" d=\"\" e=\"\" f=\"\"/>" },
    { HEAD "<a a='' b='' c='' d='' e='' f='' g=", "policy-violation: ", OPENED },
};

static void refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refuse_case) / sizeof(*refuse_case); i++) {
        const char *in = refuse_case[i].in, *condition = refuse_case[i].condition;
        struct gw_err err = { 0 };
        enum gw_code rc = GW_OK, want = !condition            ? GW_OK
                                        : condition[0] == 'p' ? GW_LIMIT
                                                              : GW_BADMSG;
        struct log l;

        print_message("%s\n", in);
        start(&l);
        assert_int_equal(feed_text(&l, in, &err), want);
        if (condition)
            assert_memory_equal(err.msg, condition, strlen(condition));
        assert_events(&l, refuse_case[i].events);
        xml_stream_restart(l.xs); /* allowed after a failure */
        gw_buf_reset(&l.events);
        assert_int_equal(feed_text(&l, HEAD, &err), GW_OK);
        assert_events(&l, OPENED);
        finish(&l);

        start(&l); /* the same, byte by byte */
        for (size_t k = 0; in[k] && !rc; k++)
            rc = feed(&l, in + k, 1, &err);
        assert_int_equal(rc, want);
        if (condition)
            assert_memory_equal(err.msg, condition, strlen(condition));
        assert_events(&l, refuse_case[i].events);
        finish(&l);
    }
}

/* Feeds 'unit' again and again until the stream says no, or 'max' bytes went in. */
static size_t flood(struct log *l, const char *unit, size_t max, enum gw_code *rc)
{
    struct gw_err err;
    size_t fed = 0;

    *rc = GW_OK;
    while (!*rc && fed < max) {
        *rc = feed_text(l, unit, &err);
        fed += strlen(unit);
    }
    return fed;
}

static const struct {
    const char *before, *unit;
    bool is_bounded;
} flood_case[] = {
    { "", " ", false },    /* white space is not kept */
    { HEAD, "\n", false }, /* keepalives */
    { HEAD "<presence/>", " \t", false },
    { "<?xml version='1.0'?>", " ", true }, /* would be kept */
    { "<", "a", true },
    { "<a b='", "c", true },
    { "<a ", " ", true },
    { "<?xml version='", "1", true },
    { HEAD "<message><body>", "text", true },
    { HEAD "<message>", " ", true },
    { HEAD "<message", "e", true },
    { HEAD "<message to='", "e", true },
    { HEAD "<message><![CDATA[", "]]", true },
    { HEAD "<message/></stream:stream", " ", true },
    { HEAD "</stream:stream>", "<a>", false }, /* ignored */
};

static void floods_are_bounded(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(flood_case) / sizeof(*flood_case); i++) {
        struct gw_err err;
        struct log l;
        enum gw_code rc;
        size_t fed;

        print_message("%s, %s ...\n", flood_case[i].before, flood_case[i].unit);
        start(&l);
        assert_int_equal(feed_text(&l, flood_case[i].before, &err), GW_OK);
        fed = flood(&l, flood_case[i].unit, 5000, &rc);
        assert_int_equal(rc, flood_case[i].is_bounded ? GW_LIMIT : GW_OK);
        assert_true(!rc || fed <= limits.stanza_max + 4);
        finish(&l);
    }
}

/* A stanza of exactly the limit, in one piece and in two; one byte more. */
static void the_limit_is_exact(void **state)
{
    char text[500];

    (void)state;
    for (size_t len = limits.stanza_max; len <= limits.stanza_max + 1; len++) {
        for (size_t split = 0; split < len; split += 57) {
            enum gw_code rc;
            struct gw_err err;
            struct log l;

            snprintf(text, sizeof(text), "<a>%0*d</a>", (int)len - 7, 0);
            start(&l);
            assert_int_equal(feed_text(&l, HEAD " \n ", &err), GW_OK);
            rc = feed(&l, text, split, &err);
            assert_int_equal(rc, GW_OK);
            rc = feed(&l, text + split, len - split, &err);
            assert_int_equal(rc, len == limits.stanza_max ? GW_OK : GW_LIMIT);
            assert_int_equal(l.stanzas, len == limits.stanza_max);
            finish(&l);
        }
    }
}

static void many_stanzas(void **state)
{
    struct gw_err err;
    struct log l;

    (void)state;
    start(&l);
    assert_int_equal(feed_text(&l, HEAD, &err), GW_OK);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(feed_text(&l, "<presence><show>away</sho", &err), GW_OK);
        assert_int_equal(feed_text(&l, "w></presence><iq/>", &err), GW_OK);
        if (i % 10 == 0)
            xml_stream_idle(l.xs);
    }
    assert_int_equal(l.stanzas, 2000);
    finish(&l);
}

static void freed_in_a_handler(void **state)
{
    struct gw_err err;
    struct log l;

    (void)state;
    start(&l);
    l.free_at_open = true;
    assert_int_equal(feed_text(&l, HEAD "<presence/>", &err), GW_OK);
    assert_events(&l, OPENED);
    assert_null(l.xs);
    finish(&l);

    start(&l);
    l.free_at = 2;
    l.restart_at = 2;
    assert_int_equal(feed_text(&l, HEAD "<a>1</a><a>2</a><a>3</a", &err), GW_OK);
    assert_events(&l, OPENED "S<a>1</a>1S<a>2</a>2");
    assert_null(l.xs);
    finish(&l);

    start(&l);
    l.free_at_close = true;
    assert_int_equal(feed_text(&l, HEAD "</stream:stream><a>", &err), GW_OK);
    assert_null(l.xs);
    finish(&l);

    start(&l); /* an empty root opens and closes */
    l.free_at_open = true;
    assert_int_equal(feed_text(&l, "<a/>", &err), GW_OK);
    assert_events(&l, "O<a xmlns=\"\"/>");
    finish(&l);
}

static void restarted_in_a_handler(void **state)
{
    struct gw_err err;
    struct log l;

    (void)state;
    start(&l);
    l.restart_at = 1;
    /* The rest of the data is dropped, as RFC 6120 5.4.3.3 wants it. */
    assert_int_equal(feed_text(&l, HEAD "<auth/><injected/>", &err), GW_OK);
    assert_events(&l, OPENED "S<auth/>");
    gw_buf_reset(&l.events);
    assert_int_equal(feed_text(&l, "<s xmlns='urn:other'><b/>", &err), GW_OK);
    assert_events(&l, "O<s xmlns=\"urn:other\"/>S<b xmlns=\"urn:other\"/>");
    finish(&l);

    start(&l);
    l.restart_at_open = true;
    assert_int_equal(feed_text(&l, "<a/>", &err), GW_OK); /* no close after it */
    assert_events(&l, "O<a xmlns=\"\"/>");
    finish(&l);
}

/* A root that declares what must be escaped again. */
static void awkward_namespaces(void **state)
{
    struct gw_err err;
    struct log l;

    (void)state;
    start(&l);
    assert_int_equal(feed_text(&l,
                               "<p:s xmlns='urn:&quot;&amp;&lt;' xmlns:p='urn:p'><b/><p:b/>"
                               "</p:s>",
                               &err),
                     GW_OK);
    assert_events(&l, "O<s xmlns=\"urn:p\"/>S<b xmlns=\"urn:&quot;&amp;&lt;\"/>"
                      "S<b xmlns=\"urn:p\"/>C");
    finish(&l);

    start(&l); /* no namespaces at all */
    assert_int_equal(feed_text(&l, "<s><b xmlns=''/></s>", &err), GW_OK);
    assert_events(&l, "O<s xmlns=\"\"/>S<b xmlns=\"\"/>C");
    finish(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_session),
        cmocka_unit_test(same_events_however_split),
        cmocka_unit_test(refuses),
        cmocka_unit_test(floods_are_bounded),
        cmocka_unit_test(the_limit_is_exact),
        cmocka_unit_test(many_stanzas),
        cmocka_unit_test(freed_in_a_handler),
        cmocka_unit_test(restarted_in_a_handler),
        cmocka_unit_test(awkward_namespaces),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

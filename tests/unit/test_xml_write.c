#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "xml_doc.h"
#include "xml_write.h"

static void writes_a_document(void **state)
{
    struct xml_writer w;
    struct gw_buf b;

    (void)state;
    gw_buf_init(&b, 1000);
    xml_write_init(&w, &b);
    xml_write_declaration(&w);
    xml_open(&w, "s:Envelope");
    xml_put_attr(&w, "xmlns:s", GW_STR("urn:s"));
    xml_put_attr(&w, "q", GW_STR("a\"b<c>&'\t\r\n"));
    xml_open(&w, "Empty");
    xml_close(&w);
    xml_put(&w, "Text", GW_STR("a\"b<c>&'\t\r\n"));
    xml_put(&w, "None", GW_STR(""));
    xml_open(&w, "N");
    xml_put_int(&w, INT64_MIN);
    xml_close(&w);
    xml_open(&w, "T");
    xml_put_attr(&w, "a", GW_STR(""));
    xml_put_utc(&w, 1795166102000);
    xml_put_text(&w, GW_STR(""));
    xml_close(&w);
    xml_close(&w);
    assert_int_equal(w.depth, 0);
    assert_string_equal(b.p,
                        "<?xml version=\"1.0\" encoding=\"utf-8\"?>"
                        "<s:Envelope xmlns:s=\"urn:s\" q=\"a&quot;b&lt;c&gt;&amp;'&#9;&#13;&#10;\">"
                        "<Empty/><Text>a\"b&lt;c&gt;&amp;'\t&#13;\n</Text><None/>"
                        "<N>-9223372036854775808</N><T a=\"\">2026-11-20T09:15:02Z</T>"
                        "</s:Envelope>");
    gw_buf_done(&b);
}

static void leaves_a_stream_open(void **state)
{
    struct xml_writer w;
    struct gw_buf b;

    (void)state;
    gw_buf_init(&b, 1000);
    xml_write_init(&w, &b);
    xml_open(&w, "stream:stream");
    xml_put_attr(&w, "id", GW_STR("1"));
    xml_flush_tag(&w);
    assert_string_equal(b.p, "<stream:stream id=\"1\">");
    xml_flush_tag(&w);
    xml_close(&w);
    assert_string_equal(b.p, "<stream:stream id=\"1\"></stream:stream>");
    gw_buf_done(&b);
}

static const struct {
    const char *in, *want;
} replace_case[] = {
    { "\x01", "\xEF\xBF\xBD" },
    { "a\x7F", "a\x7F" },
    { "\xFF\xFE", "\xEF\xBF\xBD\xEF\xBF\xBD" },
    { "\xC3", "\xEF\xBF\xBD" },
    { "\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD" }, /* a surrogate */
    { "\xEF\xBF\xBE", "\xEF\xBF\xBD" },                         /* U+FFFE */
    { "\xEF\xBF\xBF", "\xEF\xBF\xBD" },
    { "\xEF\xBF\xBD", "\xEF\xBF\xBD" },
    { "\xF0\x9F\x98\x80\xC3\xA4", "\xF0\x9F\x98\x80\xC3\xA4" },
    { "\xF0\x9F\x98", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD" },
};

static void replaces_what_xml_forbids(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(replace_case) / sizeof(*replace_case); i++) {
        struct xml_writer w;
        struct gw_buf b;

        gw_buf_init(&b, 100);
        xml_write_init(&w, &b);
        xml_put_text(&w, gw_str_of(replace_case[i].in));
        assert_string_equal(b.p, replace_case[i].want);
        gw_buf_done(&b);
    }
}

static void overflow_is_told_once(void **state)
{
    struct xml_writer w;
    struct gw_buf b;

    (void)state;
    gw_buf_init(&b, 10);
    xml_write_init(&w, &b);
    xml_open(&w, "Name");
    xml_put_text(&w, GW_STR("much too long"));
    xml_close(&w);
    assert_true(b.failed);
    assert_true(b.len <= 10);
    gw_buf_done(&b);
}

static const char *const round_trip_case[] = {
    "<a/>",
    "<a xmlns='urn:a'>text</a>",
    "<a xmlns='urn:a'><b/><b xmlns=''><c/></b><b/></a>",
    "<p:a xmlns:p='urn:p' xmlns='urn:d'><b/><p:c p:x='1' x='2'/></p:a>",
    "<a xml:lang='de' xml:space='preserve'> <b> </b></a>",
    "<a x='&lt;&quot;&#9;&#10;&#13;&amp;'>&lt;&amp;]]&gt;&#13;\n\t</a>",
    "<a xmlns:p='urn:p' xmlns:q='urn:q' p:x='1' q:x='2' x='3'/>",
    "<a>one<b>two</b>three</a>",
    "<a><xml:b/><xml:c xmlns='urn:c'><d/></xml:c></a>",
    "<a xmlns='urn:\"&amp;'><b xmlns='urn:&lt;'/></a>",
    "<a>\xF0\x9F\x98\x80</a>",
};

static void assert_same_str(struct gw_str a, struct gw_str b)
{
    assert_int_equal(a.len, b.len);
    assert_memory_equal(a.p, b.p, a.len);
}

static void assert_same(const struct xml_node *a, const struct xml_node *b)
{
    const struct xml_attr *x = a->attrs, *y = b->attrs;

    assert_same_str(a->ns, b->ns);
    assert_same_str(a->name, b->name);
    assert_same_str(a->text, b->text);
    for (; x && y; x = x->next, y = y->next) {
        assert_same_str(x->ns, y->ns);
        assert_same_str(x->name, y->name);
        assert_same_str(x->value, y->value);
    }
    assert_true(!x && !y);
    a = a->child;
    b = b->child;
    for (; a && b; a = a->next, b = b->next)
        assert_same(a, b);
    assert_true(!a && !b);
}

static void round_trips(void **state)
{
    static const struct xml_limits limits = { 1000, 10, 100, 10 };
    static const char *const around[] = { "", "urn:a" };

    (void)state;
    for (size_t i = 0; i < 2 * sizeof(round_trip_case) / sizeof(*round_trip_case); i++) {
        struct xml_doc *doc = NULL, *again = NULL;
        struct xml_writer w;
        struct gw_err err = { 0 };
        struct gw_buf b;

        print_message("%s\n", round_trip_case[i / 2]);
        assert_int_equal(xml_doc_parse(gw_str_of(round_trip_case[i / 2]), &limits, &doc, &err),
                         GW_OK);
        gw_buf_init(&b, 1000);
        xml_write_init(&w, &b);
        xml_open(&w, "around");
        if (i % 2)
            xml_put_attr(&w, "xmlns", gw_str_of(around[1]));
        xml_put_node(&w, xml_doc_root(doc), gw_str_of(around[i % 2]));
        xml_close(&w);
        assert_int_equal(xml_doc_parse(gw_buf_str(&b), &limits, &again, &err), GW_OK);
        assert_same(xml_doc_root(again)->child, xml_doc_root(doc));
        xml_doc_free(&doc);
        xml_doc_free(&again);
        gw_buf_done(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_a_document),
        cmocka_unit_test(leaves_a_stream_open),
        cmocka_unit_test(replaces_what_xml_forbids),
        cmocka_unit_test(overflow_is_told_once),
        cmocka_unit_test(round_trips),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gw_mem.h"
#include "xml_doc.h"

static const struct xml_limits limits = { 65536, 8, 100, 10 };

static void assert_str(struct gw_str s, const char *want)
{
    assert_int_equal(s.len, strlen(want));
    assert_memory_equal(s.p, want, s.len);
}

/* The input lies in a block of its exact size, so that a sanitizer sees one byte too far. */
static enum gw_code parse(struct gw_str in, const struct xml_limits *l, struct xml_doc **doc,
                          struct gw_err *err)
{
    char *exact = malloc(in.len ? in.len : 1);
    enum gw_code rc;

    memcpy(exact, in.p, in.len);
    rc = xml_doc_parse((struct gw_str){ exact, in.len }, l, doc, err);
    free(exact);
    return rc;
}

static void reads_nodes(void **state)
{
    static const char text[] =
        "\xEF\xBB\xBF<?xml version=\"1.0\" encoding='UTF-8'?>\n<!-- a > comment's --><?pi x?>"
        "<e:Env xmlns:e='urn:e' xmlns='urn:d'>\n"
        "  <Body e:id='1' id=\"2 &lt;&#x20AC;&gt; &amp;\" xml:lang='de'>\n"
        "    <Item>one</Item> <e:Item>e</e:Item>\n"
        "    <Item> t<![CDATA[w<o]]> &#38; &amp;<!-- x --> <Sub/>more </Item>\n"
        "    <Empty> </Empty></Body></e:Env>  <!-- end -->";
    const struct xml_node *body, *item;
    struct xml_doc *doc = NULL;
    struct gw_err err;

    (void)state;
    assert_int_equal(parse(gw_str_of(text), &limits, &doc, &err), GW_OK);
    assert_true(xml_is(xml_doc_root(doc), "urn:e", "Env"));
    assert_false(xml_is(xml_doc_root(doc), "urn:d", "Env"));
    assert_int_equal(xml_doc_root(doc)->text.len, 0);
    body = xml_child(xml_doc_root(doc), "urn:d", "Body");
    assert_non_null(body);
    assert_ptr_equal(body->parent, xml_doc_root(doc));
    assert_str(xml_attr(body, "id"), "2 <\xE2\x82\xAC> &");
    assert_str(xml_attr_ns(body, "urn:e", "id"), "1");
    assert_str(xml_attr_ns(body, "http://www.w3.org/XML/1998/namespace", "lang"), "de");
    assert_null(xml_attr(body, "lang").p);

    item = xml_child(body, "urn:d", "Item");
    assert_str(xml_text(item), "one");
    assert_str(xml_child_text(body, "urn:e", "Item"), "e");
    item = xml_next_same(item);
    assert_str(xml_text(item), "tw<o & & more"); /* pieces around the child, joined */
    assert_null(xml_next_same(item));
    assert_str(xml_child(body, NULL, "Empty")->text, " "); /* kept where it is all there is */
    assert_int_equal(xml_text(xml_child(body, NULL, "Empty")).len, 0);

    assert_ptr_equal(xml_path(xml_doc_root(doc), "Body/Item/Sub"), NULL); /* the first Item */
    assert_non_null(xml_path(xml_doc_root(doc), "Body/Empty"));
    assert_null(xml_path(xml_doc_root(doc), "Body/None/Sub"));
    assert_ptr_equal(xml_path(body, ""), body);
    xml_doc_free(&doc);
    assert_null(doc);
    xml_doc_free(&doc);
}

static void nothing_in_nothing_out(void **state)
{
    (void)state;
    assert_null(xml_child(NULL, NULL, "x"));
    assert_null(xml_next_same(NULL));
    assert_null(xml_path(NULL, "a/b"));
    assert_null(xml_attr(NULL, "x").p);
    assert_int_equal(xml_text(NULL).len, 0);
    assert_int_equal(xml_child_text(NULL, NULL, "x").len, 0);
    assert_false(xml_is(NULL, NULL, "x"));
}

static const struct {
    struct gw_str in;
    enum gw_code rc;
    const char *says;
} refuse_case[] = {
    { GW_STR_INIT(""), GW_BADMSG, "not XML" },
    { GW_STR_INIT("   "), GW_BADMSG, "not XML" },
    { GW_STR_INIT("not xml"), GW_BADMSG, "not XML" },
    { GW_STR_INIT("{\"a\": 1}"), GW_BADMSG, "not XML" },
    { GW_STR_INIT("<"), GW_BADMSG, "" },
    { GW_STR_INIT("<a"), GW_BADMSG, "" },
    { GW_STR_INIT("<a>"), GW_BADMSG, "" },
    { GW_STR_INIT("<a><b></a>"), GW_BADMSG, "match" },
    { GW_STR_INIT("<a></a><b/>"), GW_BADMSG, "" },
    { GW_STR_INIT("<a/>text"), GW_BADMSG, "" },
    { GW_STR_INIT("</a>"), GW_BADMSG, "" },
    { GW_STR_INIT("<a b=c/>"), GW_BADMSG, "" },
    { GW_STR_INIT("<a b='1' b='2'/>"), GW_BADMSG, "" },
    { GW_STR_INIT("<a b='<'/>"), GW_BADMSG, "" },
    { GW_STR_INIT("<a>&</a>"), GW_BADMSG, "" },
    { GW_STR_INIT("<a>]]></a>"), GW_BADMSG, "" },
    { GW_STR_INIT("<a>&#0;</a>"), GW_BADMSG, "" },
    { GW_STR_INIT("<a>\x01</a>"), GW_BADMSG, "" },
    { GW_STR_INIT("<a>x\0y</a>"), GW_BADMSG, "" },
    { GW_STR_INIT("<a>\xFF</a>"), GW_BADMSG, "" },
    { GW_STR_INIT("<a>\xC0\x80</a>"), GW_BADMSG, "" },
    { GW_STR_INIT("<a b='x\0y'/>"), GW_BADMSG, "" },
    { GW_STR_INIT("<a/>\0"), GW_BADMSG, "character" },
    { GW_STR_INIT("<a/>\0<b/>"), GW_BADMSG, "character" },
    { GW_STR_INIT("<x:a/>"), GW_BADMSG, "prefix" },
    { GW_STR_INIT("<a x:b=''/>"), GW_BADMSG, "prefix" },
    { GW_STR_INIT("<a xmlns:x='' />"), GW_BADMSG, "" },
    { GW_STR_INIT("<!DOCTYPE html><html/>"), GW_BADMSG, "document type" },
    { GW_STR_INIT("<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>"), GW_BADMSG, "document type" },
    { GW_STR_INIT("<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>"), GW_BADMSG, "document type" },
    { GW_STR_INIT("<a><!DOCTYPE a></a>"), GW_BADMSG, "document type" },
    { GW_STR_INIT("<a>&nbsp;</a>"), GW_BADMSG, "" },
    { GW_STR_INIT("<a b='&nbsp;'/>"), GW_BADMSG, "" },
    { GW_STR_INIT("<a><!-- -- --></a>"), GW_BADMSG, "" },
    { GW_STR_INIT("<a><![CDATA[x]]</a>"), GW_BADMSG, "" },
    { GW_STR_INIT("<a><![IGNORE[x]]></a>"), GW_BADMSG, "" },
    { GW_STR_INIT("<?xml version='1.0' encoding='ISO-8859-1'?><a/>"), GW_BADMSG, "encoding" },
    { GW_STR_INIT("<?xml version='1.0' encoding='UTF-7'?><a/>"), GW_BADMSG, "encoding" },
    { GW_STR_INIT("<?xml version='1.0' encoding=?><a/>"), GW_BADMSG, "" },
    { GW_STR_INIT("\xFF\xFE<\0a\0/\0>\0"), GW_BADMSG, "UTF-8" },
    { GW_STR_INIT("<\0a\0/\0>\0"), GW_BADMSG, "UTF-8" },
    { GW_STR_INIT("\0<\0a\0/\0>"), GW_BADMSG, "UTF-8" },
    { GW_STR_INIT("<a><b><c><d><e><f><g><h><i/></h></g></f></e></d></c></b></a>"), GW_LIMIT,
      "deep" },
    { GW_STR_INIT("<a a='' b='' c='' d='' e='' f='' g='' h='' i='' j='' k=''/>"), GW_LIMIT,
      "attributes" },
};

static void refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refuse_case) / sizeof(*refuse_case); i++) {
        struct xml_doc *doc = NULL;
        struct gw_err err = { 0 };

        print_message("%.*s\n", GW_STR_ARG(refuse_case[i].in));
        assert_int_equal(parse(refuse_case[i].in, &limits, &doc, &err), refuse_case[i].rc);
        assert_int_equal(err.code, refuse_case[i].rc);
        assert_null(doc);
        assert_non_null(strstr(err.msg, refuse_case[i].says));
        assert_null(strchr(err.msg, '\n'));
        assert_int_equal(parse(refuse_case[i].in, &limits, &doc, NULL), refuse_case[i].rc);
    }
}

/* Every proper prefix of a document is refused, and none is read beyond its end. */
static void half_a_document(void **state)
{
    static const char text[] = "<?xml version='1.0'?><a b='1'><!-- c --><d>x<![CDATA[y]]></d></a>";

    (void)state;
    for (size_t len = 0; len < sizeof(text) - 1; len++) {
        struct xml_doc *doc = NULL;
        struct gw_err err;

        assert_int_equal(parse((struct gw_str){ text, len }, &limits, &doc, &err), GW_BADMSG);
    }
}

static void accepts_declarations(void **state)
{
    static const char *const ok[] = {
        "<?xml version='1.0'?><a/>",
        "<?xml version='1.0' encoding='utf-8'?><a/>",
        "<?xml version=\"1.0\" encoding = \"US-ASCII\" standalone='yes'?><a/>",
        "\xEF\xBB\xBF<a/>",
        " \r\n<a/>",
        "<?xml-stylesheet encoding='x'?><a/>",
        "<?xml version='1.0'?><a>encoding='utf-16'</a>",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(ok) / sizeof(*ok); i++) {
        struct xml_doc *doc = NULL;
        struct gw_err err;

        assert_int_equal(parse(gw_str_of(ok[i]), &limits, &doc, &err), GW_OK);
        xml_doc_free(&doc);
    }
}

static struct gw_buf repeated(const char *before, const char *unit, size_t count, const char *after)
{
    struct gw_buf b;

    gw_buf_init(&b, SIZE_MAX);
    gw_buf_add_cstr(&b, before);
    for (size_t i = 0; i < count; i++)
        gw_buf_addf(&b, "%s", unit);
    gw_buf_add_cstr(&b, after);
    return b;
}

static enum gw_code parse_and_free(const struct gw_buf *b, const struct xml_limits *l,
                                   struct gw_err *err)
{
    struct xml_doc *doc = NULL;
    enum gw_code rc = parse(gw_buf_str(b), l, &doc, err);

    xml_doc_free(&doc);
    return rc;
}

static void limits_hold_exactly(void **state)
{
    struct gw_buf fits = repeated("<a>", "<b/>", 99, "</a>"),
                  over = repeated("<a>", "<b/>", 100, "</a>");
    struct xml_limits size = limits;
    struct gw_err err;

    (void)state;
    assert_int_equal(parse_and_free(&fits, &limits, &err), GW_OK);
    assert_int_equal(parse_and_free(&over, &limits, &err), GW_LIMIT);
    assert_non_null(strstr(err.msg, "elements"));
    size.nodes_max = 1000;
    size.size_max = over.len;
    assert_int_equal(parse_and_free(&over, &size, &err),
                     GW_LIMIT); /* 16 bytes for each of "<b/>" */
    assert_non_null(strstr(err.msg, "memory"));
    size.size_max = over.len - 1;
    assert_int_equal(parse_and_free(&over, &size, &err), GW_LIMIT);
    assert_non_null(strstr(err.msg, "bytes"));
    gw_buf_done(&fits);
    gw_buf_done(&over);
}

/* A window of many users is megabytes; one text may be as well. */
static void large_documents(void **state)
{
    struct xml_limits l = { 32 << 20, 64, 1000000, 64 };
    struct gw_buf many =
        repeated("<a>", "<Item><Start>2026-11-20T09:15:02Z</Start></Item>", 300000, "</a>");
    struct gw_buf one = repeated("<a>", "0123456789abcdef0123456789abcdef", 400000, "</a>");
    struct gw_err err = { 0 };

    (void)state;
    assert_int_equal(parse_and_free(&many, &l, &err), GW_OK);
    assert_int_equal(parse_and_free(&one, &l, &err), GW_OK);
    gw_buf_done(&many);
    gw_buf_done(&one);
}

/* libxml2 searches the namespaces in scope one by one. */
static void namespaces_in_scope_are_bounded(void **state)
{
    struct xml_limits l = { 1 << 20, 64, 1000, 64 };
    struct gw_buf b;
    struct gw_err err;

    (void)state;
    gw_buf_init(&b, SIZE_MAX);
    for (int depth = 0; depth < 10; depth++) {
        gw_buf_add_cstr(&b, "<a");
        for (int i = 0; i < 60; i++)
            gw_buf_addf(&b, " xmlns:p%dx%d='u'", depth, i);
        gw_buf_add_char(&b, '>');
    }
    for (int depth = 0; depth < 10; depth++)
        gw_buf_add_cstr(&b, "</a>");
    assert_int_equal(parse_and_free(&b, &l, &err), GW_LIMIT);
    assert_non_null(strstr(err.msg, "namespaces"));
    gw_buf_done(&b);
    /* One after the other is another matter. */
    b = repeated("<a>", "<b xmlns:p='urn:p'><p:c/></b>", 400, "</a>");
    assert_int_equal(parse_and_free(&b, &l, &err), GW_OK);
    gw_buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_nodes),
        cmocka_unit_test(nothing_in_nothing_out),
        cmocka_unit_test(refuses),
        cmocka_unit_test(half_a_document),
        cmocka_unit_test(accepts_declarations),
        cmocka_unit_test(limits_hold_exactly),
        cmocka_unit_test(large_documents),
        cmocka_unit_test(namespaces_in_scope_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

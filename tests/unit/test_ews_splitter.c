/* A body is cut into the same documents however its pieces fall. */
#include "ews_test.h"

#include "ews_splitter.h"

enum { DOCUMENTS_MAX = 8 };

/* Feeds text in pieces of 'step' bytes and compares with the documents expected, and the rest. */
static void assert_split(const char *name, const char *text, const char *const *documents,
                         const char *rest, size_t step)
{
    struct gw_str all = gw_str_of(text), document;
    struct ews_splitter s;
    enum ews_split got;
    size_t count = 0;

    ews_splitter_init(&s);
    for (size_t i = 0; i < all.len; i += step) {
        ews_splitter_feed(&s, gw_str_sub(all, i, i + step));
        while ((got = ews_splitter_next(&s, &document)) == EWS_SPLIT_DOCUMENT) {
            if (!documents[count] || !gw_str_is(document, documents[count]))
                fail_msg("%s, by %zu: document %zu is %.*s", name, step, count,
                         GW_STR_ARG(document));
            count++;
        }
        assert_int_equal(got, EWS_SPLIT_MORE);
    }
    if (documents[count])
        fail_msg("%s, by %zu: no %s", name, step, documents[count]);
    assert_true(gw_str_is(ews_splitter_rest(&s), rest));
    ews_splitter_done(&s);
}

static void test_split(void **state)
{
    static const struct {
        const char *name, *text;
        const char *documents[DOCUMENTS_MAX];
        const char *rest;
    } c[] = {
        { "nothing", "", { NULL }, "" },
        { "one", "<s:Envelope>a</s:Envelope>", { "<s:Envelope>a</s:Envelope>" }, "" },
        { "back to back",
          "<?xml version='1.0'?><a:Envelope/>\r\n<x></a:Envelope><b:Envelope>2</b:Envelope >\n"
          "<Envelope>3</Envelope>",
          { "<?xml version='1.0'?><a:Envelope/>\r\n<x></a:Envelope>", "<b:Envelope>2</b:Envelope >",
            "<Envelope>3</Envelope>" },
          "" },
        { "unfinished",
          "<Envelope>1</Envelope> <Envelope>2</Enve",
          { "<Envelope>1</Envelope>" },
          "<Envelope>2</Enve" },
        { "names that are alike",
          "<Envelope></EnvelopeX></XEnvelope></x:Envelopes></a:b:Envelope></Envelope>",
          { "<Envelope></EnvelopeX></XEnvelope></x:Envelopes></a:b:Envelope></Envelope>" },
          "" },
        { "not XML", "503 <</ < / Service", { NULL }, "503 <</ < / Service" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++)
        for (size_t step = 1; step < 100; step++)
            assert_split(c[i].name, c[i].text, c[i].documents, c[i].rest, step);
}

static void feed_fill(struct ews_splitter *s, size_t len)
{
    static char fill[64 * 1024];

    memset(fill, 'x', sizeof(fill));
    for (size_t n; len; len -= n) {
        n = len < sizeof(fill) ? len : sizeof(fill);
        ews_splitter_feed(s, (struct gw_str){ fill, n });
    }
}

static void test_bound(void **state)
{
    struct gw_str document;
    struct ews_splitter s;

    (void)state;
    ews_splitter_init(&s);
    feed_fill(&s, EWS_STREAM_DOCUMENT_MAX);
    assert_int_equal(ews_splitter_next(&s, &document), EWS_SPLIT_MORE);
    feed_fill(&s, 1);
    assert_int_equal(ews_splitter_next(&s, &document), EWS_SPLIT_BROKEN);
    feed_fill(&s, 2 * (size_t)EWS_STREAM_DOCUMENT_MAX);
    assert_int_equal(ews_splitter_next(&s, &document), EWS_SPLIT_BROKEN);
    ews_splitter_reset(&s);
    ews_splitter_feed(&s, GW_STR("<Envelope></Envelope>"));
    assert_int_equal(ews_splitter_next(&s, &document), EWS_SPLIT_DOCUMENT);
    assert_int_equal(ews_splitter_next(&s, &document), EWS_SPLIT_MORE);
    ews_splitter_done(&s);
}

/* A stream lives for hours: what was read is forgotten. */
static void test_long_stream(void **state)
{
    struct gw_str document;
    struct ews_splitter s;

    (void)state;
    ews_splitter_init(&s);
    for (int i = 0; i < 100; i++) {
        feed_fill(&s, 100 * 1024);
        ews_splitter_feed(&s, GW_STR("</Envelope><Envelope>"));
        assert_int_equal(ews_splitter_next(&s, &document), EWS_SPLIT_DOCUMENT);
        assert_int_equal(ews_splitter_next(&s, &document), EWS_SPLIT_MORE);
    }
    assert_in_range(s.buf.cap, 0, 512 * 1024);
    ews_splitter_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_bound),
        cmocka_unit_test(test_long_stream),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

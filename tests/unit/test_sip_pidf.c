/* The mapping tables of the two federation guides, and documents that follow the schemas. */
#include "sip_pidf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "xml_doc.h"

/* Interdomain tables 2, 3, 5, 6 and 8; intradomain tables 6, 7 and 8: what local clients show, and what
 * the peer's clients show of it. */
static const struct {
    enum sip_kind kind;
    enum pres_show show;
    enum pres_calendar_kind calendar;
    enum sip_word word;
} row[] = {
    { SIP_KIND_LYNC, PRES_AVAILABLE, PRES_CAL_NONE, SIP_WORD_AVAILABLE },
    { SIP_KIND_LYNC, PRES_BUSY, PRES_CAL_NONE, SIP_WORD_BUSY },
    { SIP_KIND_LYNC, PRES_AWAY, PRES_CAL_MEETING, SIP_WORD_BUSY }, /* Meeting */
    { SIP_KIND_LYNC, PRES_AWAY, PRES_CAL_NONE, SIP_WORD_AWAY },
    { SIP_KIND_LYNC, PRES_XA, PRES_CAL_NONE, SIP_WORD_AWAY }, /* Extended Away */
    { SIP_KIND_LYNC, PRES_DND, PRES_CAL_NONE, SIP_WORD_BUSY },
    { SIP_KIND_LYNC, PRES_XA, PRES_CAL_OOF, SIP_WORD_OFFLINE }, /* Out of Office */
    { SIP_KIND_LYNC, PRES_OFFLINE, PRES_CAL_NONE, SIP_WORD_OFFLINE },
    { SIP_KIND_LYNC, PRES_OFFLINE, PRES_CAL_MEETING, SIP_WORD_OFFLINE }, /* Offline - Meeting */
    { SIP_KIND_LYNC, PRES_OFFLINE, PRES_CAL_OOF, SIP_WORD_OFFLINE },
    { SIP_KIND_AOL, PRES_AVAILABLE, PRES_CAL_NONE, SIP_WORD_AVAILABLE },
    { SIP_KIND_AOL, PRES_DND, PRES_CAL_NONE, SIP_WORD_AWAY },
    { SIP_KIND_AOL, PRES_XA, PRES_CAL_NONE, SIP_WORD_AWAY },
    { SIP_KIND_AOL, PRES_BUSY, PRES_CAL_NONE, SIP_WORD_AWAY },
    { SIP_KIND_AOL, PRES_AWAY, PRES_CAL_NONE, SIP_WORD_AWAY }, /* Idle */
    { SIP_KIND_AOL, PRES_OFFLINE, PRES_CAL_NONE, SIP_WORD_OFFLINE },
    { SIP_KIND_SIMPLE, PRES_AWAY, PRES_CAL_MEETING, SIP_WORD_BUSY },
    { SIP_KIND_SIMPLE, PRES_XA, PRES_CAL_OOF, SIP_WORD_AWAY },
};

static void test_tables(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        const struct pres_shown shown = { .show = row[i].show, .kind = row[i].calendar };

        if (sip_map_out(row[i].kind, &shown) != row[i].word)
            print_error("row %zu\n", i);
        assert_int_equal(sip_map_out(row[i].kind, &shown), row[i].word);
    }
}

static void write(struct gw_buf *b, enum sip_format format, enum sip_kind kind,
                  const struct pres_doc *doc)
{
    static const struct xml_limits limits = {
        .size_max = SIP_DOCUMENT_MAX, .depth_max = 16, .nodes_max = 500, .attrs_max = 16
    };
    static const struct gw_str words[SIP_WORD_COUNT] = {
        [SIP_WORD_AWAY] = GW_STR_INIT("Abwesend"), [SIP_WORD_BUSY] = GW_STR_INIT("Besetzt")
    };
    struct xml_doc *parsed = NULL;
    struct gw_err err;

    gw_buf_reset(b);
    if (format == SIP_CPIM_PIDF)
        sip_cpim_write(kind, GW_STR("bob@b.example"), doc, words, b);
    else
        sip_pidf_write(kind, GW_STR("bob@b.example"), doc, b);
    assert_false(b->failed);
    assert_int_equal(xml_doc_parse(gw_buf_str(b), &limits, &parsed, &err), GW_OK);
    xml_doc_free(&parsed);
}

static void has(const struct gw_buf *b, const char *part)
{
    if (!strstr(b->p, part))
        print_error("no '%s' in %s\n", part, b->p);
    assert_non_null(strstr(b->p, part));
}

static void has_not(const struct gw_buf *b, const char *part)
{
    if (strstr(b->p, part))
        print_error("'%s' in %s\n", part, b->p);
    assert_null(strstr(b->p, part));
}

/* The older form has no sign for busy and away: the note says it, before what the user says, and once. */
static void test_cpim_notes(void **state)
{
    static const struct {
        enum pres_show show;
        enum pres_text_from from;
        struct gw_str text;
        const char *note; /* NULL: none */
    } cases[] = {
        { PRES_BUSY, PRES_TEXT_NONE, GW_STR_INIT(""), "<note>Besetzt</note>" },
        { PRES_BUSY, PRES_TEXT_CLIENT, GW_STR_INIT("at the board"),
          "<note>Besetzt - at the board</note>" },
        { PRES_BUSY, PRES_TEXT_CLIENT, GW_STR_INIT("besetzt bis elf"),
          "<note>besetzt bis elf</note>" },
        { PRES_BUSY, PRES_TEXT_CALENDAR, GW_STR_INIT("In a meeting"), "<note>In a meeting</note>" },
        { PRES_AWAY, PRES_TEXT_CLIENT, GW_STR_INIT("lunch"), "<note>Abwesend - lunch</note>" },
        { PRES_AVAILABLE, PRES_TEXT_CLIENT, GW_STR_INIT("at the desk"),
          "<note>at the desk</note>" },
        { PRES_AVAILABLE, PRES_TEXT_NONE, GW_STR_INIT(""), NULL },
        { PRES_OFFLINE, PRES_TEXT_CLIENT, GW_STR_INIT("bye"), NULL },
    };
    struct gw_buf b;

    (void)state;
    gw_buf_init(&b, SIP_DOCUMENT_MAX);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct pres_doc doc = {
            .shown = { .show = cases[i].show, .text_from = cases[i].from, .text = cases[i].text }
        };

        write(&b, SIP_CPIM_PIDF, SIP_KIND_SIMPLE, &doc);
        if (cases[i].note)
            has(&b, cases[i].note);
        else
            has_not(&b, "<note>");
    }
    gw_buf_done(&b);
}

static void test_documents(void **state)
{
    const struct pres_span ahead[] = {
        { PRES_CAL_MEETING, 1782000000000, 1782003600000 },
        { PRES_CAL_FREE, 1782003600000, 1782007200000 },
        { PRES_CAL_OOF, 1782007200000, GW_NEVER },
    };
    struct pres_doc doc = { .shown = { .show = PRES_AWAY,
                                       .kind = PRES_CAL_MEETING,
                                       .text_from = PRES_TEXT_CALENDAR,
                                       .text = GW_STR_INIT("Besprechung <b> & \xc3\xa9") },
                            .calendar = { PRES_CAL_MEETING, 1, GW_NEVER },
                            .ahead = ahead,
                            .ahead_count = 3 };
    struct gw_buf b;

    (void)state;
    gw_buf_init(&b, SIP_DOCUMENT_MAX);
    write(&b, SIP_PIDF, SIP_KIND_SIMPLE, &doc);
    has(&b, "entity=\"sip:bob@b.example\"");
    has(&b, "<basic>open</basic>");
    has(&b, "<rpid:activities><rpid:meeting/></rpid:activities>");
    has(&b, "<dm:note>Besprechung &lt;b&gt; &amp; \xc3\xa9</dm:note>");
    has(&b, "<ts:timed-status from=\"2026-06-21T00:00:00Z\" until=\"2026-06-21T01:00:00Z\">"
            "<rpid:activities><rpid:meeting/></rpid:activities></ts:timed-status>");
    has(&b, "<ts:timed-status from=\"2026-06-21T02:00:00Z\"><rpid:activities><rpid:vacation/>");
    /* RFC 3863 4.1.2: status, extensions, note, in this order. */
    assert_true(strstr(b.p, "</status>") < strstr(b.p, "<ts:timed-status"));
    assert_true(strstr(b.p, "</ts:timed-status><note>") != NULL);

    write(&b, SIP_PIDF, SIP_KIND_LYNC, &doc);
    has(&b, "<rpid:busy/>");
    write(&b, SIP_CPIM_PIDF, SIP_KIND_LYNC, &doc);
    has(&b, "xmlns=\"urn:ietf:params:xml:ns:cpim-pidf\"");
    has(&b, "<note>Besprechung");
    has_not(&b, "rpid");

    /* Offline: the tuple is closed, the person still in a meeting; not so to Lync. */
    doc.shown = (struct pres_shown){ .show = PRES_OFFLINE, .text = GW_STR_INIT("away") };
    write(&b, SIP_PIDF, SIP_KIND_SIMPLE, &doc);
    has(&b, "<basic>closed</basic>");
    has(&b, "<rpid:meeting/>");
    write(&b, SIP_PIDF, SIP_KIND_LYNC, &doc);
    has(&b, "<basic>closed</basic>");
    has_not(&b, "rpid:meeting");
    has_not(&b, "note");
    has_not(&b, "timed-status");

    gw_buf_reset(&b);
    sip_pidf_write(SIP_KIND_SIMPLE, GW_STR("b\xc3\xb6#b@b.example"), &doc, &b);
    has(&b, "entity=\"sip:b%C3%B6%23b@b.example\"");
    gw_buf_done(&b);
}

/* ---- What comes in ---- */

#define OF(open, more)                                                                             \
    "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"sip:a@b\"><tuple id=\"1\">"          \
    "<status><basic>" open "</basic></status></tuple>" more "</presence>"
#define PERSON(name)                                                                               \
    "<dm:person xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" id=\"p\"><rpid:activities "    \
    "xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\"><rpid:" name                                  \
    "/></rpid:activities></dm:person>"
#define OLD(name)                                                                                  \
    "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"sip:a@b\"><tuple id=\"1\">"          \
    "<status><basic>open</basic><ep:activities xmlns:ep=\"urn:ietf:params:xml:ns:pidf:status:"     \
    "rpid-status\"><ep:activity>" name                                                             \
    "</ep:activity></ep:activities></status></tuple></presence>"
#define NOTED(open, note)                                                                          \
    "<presence xmlns=\"urn:ietf:params:xml:ns:cpim-pidf\" entity=\"pres:a@b\"><tuple id=\"1\">"    \
    "<status><basic>" open "</basic></status><note>" note "</note></tuple></presence>"

/* Interdomain tables 1, 4 and 7, intradomain table 5. */
static const struct {
    const char *document;
    enum sip_kind kind;
    enum pres_show show;
    const char *note;
} in_row[] = {
    { OF("open", ""), SIP_KIND_LYNC, PRES_AVAILABLE, "" },
    { OLD("busy"), SIP_KIND_LYNC, PRES_BUSY, "" },
    { OLD("do-not-disturb"), SIP_KIND_LYNC, PRES_BUSY, "" },
    { OLD("be-right-back"), SIP_KIND_LYNC, PRES_AWAY, "" },
    { OLD("away"), SIP_KIND_LYNC, PRES_AWAY, "" },
    { OLD("on-the-phone"), SIP_KIND_LYNC, PRES_BUSY, "" },
    { OF("closed", ""), SIP_KIND_LYNC, PRES_OFFLINE, "" }, /* Offline, Appear Offline */
    { NOTED("open", "Appear Offline"), SIP_KIND_LYNC, PRES_OFFLINE, "Appear Offline" },
    { NOTED("open", "Invisible"), SIP_KIND_AOL, PRES_OFFLINE, "Invisible" },
    { OF("closed", PERSON("busy")), SIP_KIND_LYNC, PRES_OFFLINE, "" },
    { NOTED("open", "Be Right Back"), SIP_KIND_LYNC, PRES_AWAY, "Be Right Back" },
    { NOTED("open", "Do Not Disturb"), SIP_KIND_LYNC, PRES_BUSY, "Do Not Disturb" },
    { NOTED("open", "At my desk"), SIP_KIND_LYNC, PRES_AVAILABLE, "At my desk" },
    { OF("open", ""), SIP_KIND_AOL, PRES_AVAILABLE, "" },
    { OLD("away"), SIP_KIND_AOL, PRES_AWAY, "" },
    { OLD("busy"), SIP_KIND_AOL, PRES_AWAY, "" },
    { OF("closed", ""), SIP_KIND_AOL, PRES_OFFLINE, "" }, /* Offline, Invisible */
    { OF("open", PERSON("meeting")), SIP_KIND_SIMPLE, PRES_BUSY, "" },
    { OF("open", PERSON("vacation")), SIP_KIND_SIMPLE, PRES_AWAY, "" },
    { OF("open", PERSON("dnd")), SIP_KIND_SIMPLE, PRES_DND, "" },
    { OF("open", PERSON("working")), SIP_KIND_SIMPLE, PRES_AVAILABLE, "" },
    /* Of several the strongest, of several devices one that is there. */
    { OF("open", PERSON("away") PERSON("meeting") "<note>N</note>"), SIP_KIND_SIMPLE, PRES_BUSY,
      "N" },
    { OF("closed", "<tuple id=\"2\"><status><basic>open</basic></status></tuple>"), SIP_KIND_SIMPLE,
      PRES_AVAILABLE, "" },
    { NOTED("open", "two\nlines"), SIP_KIND_SIMPLE, PRES_AVAILABLE, "two lines" },
    { "<presence/>", SIP_KIND_SIMPLE, PRES_OFFLINE, "" },
};

static void test_reading(void **state)
{
    struct gw_buf note;

    (void)state;
    gw_buf_init(&note, PRES_TEXT_MAX);
    for (size_t i = 0; i < sizeof(in_row) / sizeof(in_row[0]); i++) {
        enum sip_word word;
        struct gw_err err;

        assert_int_equal(sip_pidf_read(gw_str_of(in_row[i].document), &word, &note, &err), GW_OK);
        if (sip_map_in(in_row[i].kind, word) != in_row[i].show)
            print_error("row %zu\n", i);
        assert_int_equal(sip_map_in(in_row[i].kind, word), in_row[i].show);
        assert_true(gw_str_is(gw_buf_str(&note), in_row[i].note));
    }
    gw_buf_done(&note);
}

static void test_reading_limits(void **state)
{
    static const char *const bad[] = { "", "<presence>", "<status/>",
                                       "<!DOCTYPE presence><presence/>" };
    struct gw_buf note, large;
    enum sip_word word;

    (void)state;
    gw_buf_init(&note, PRES_TEXT_MAX);
    gw_buf_init(&large, 2 * SIP_DOCUMENT_MAX);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_not_equal(sip_pidf_read(gw_str_of(bad[i]), &word, &note, NULL), GW_OK);
    gw_buf_add_cstr(&large, "<presence><note>");
    while (large.len < 2000)
        gw_buf_add_cstr(&large, "\xc3\xa4");
    gw_buf_add_cstr(&large, "</note></presence>");
    assert_int_equal(sip_pidf_read(gw_buf_str(&large), &word, &note, NULL), GW_OK);
    assert_true(note.len < PRES_TEXT_MAX && gw_str_is_utf8(gw_buf_str(&note)));
    gw_buf_reset(&large);
    gw_buf_add_cstr(&large, "<presence>");
    while (large.len < SIP_DOCUMENT_MAX)
        gw_buf_add_cstr(&large, "          ");
    gw_buf_add_cstr(&large, "</presence>");
    assert_int_equal(sip_pidf_read(gw_buf_str(&large), &word, &note, NULL), GW_LIMIT);
    gw_buf_done(&large);
    gw_buf_done(&note);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables),         cmocka_unit_test(test_cpim_notes),
        cmocka_unit_test(test_documents),      cmocka_unit_test(test_reading),
        cmocka_unit_test(test_reading_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

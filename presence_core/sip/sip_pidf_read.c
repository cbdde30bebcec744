/* Presence documents of others: whatever says where somebody is, in the forms of RFC 3863 with RFC 4479
 * and 4480, of the drafts before them (which Lync and OCS speak), and of CPIM. Names are looked at, not
 * namespaces: the drafts differ in nothing else. */
#include <string.h>

#include "sip_pidf.h"
#include "xml_doc.h"

enum { DEPTH_MAX = 16, NODES_MAX = 1000, ATTRS_MAX = 32 };

/* Activities of RFC 4480 3.2 and of the drafts, and what others write into a note for them. */
static const struct {
    const char *name;
    enum sip_word word;
} words[] = {
    { "appointment", SIP_WORD_BUSY },
    { "busy", SIP_WORD_BUSY },
    { "meeting", SIP_WORD_BUSY },
    { "in-a-meeting", SIP_WORD_BUSY },
    { "on-the-phone", SIP_WORD_BUSY },
    { "on the phone", SIP_WORD_BUSY },
    { "performance", SIP_WORD_BUSY },
    { "presentation", SIP_WORD_BUSY },
    { "in a meeting", SIP_WORD_BUSY },
    { "in a call", SIP_WORD_BUSY },
    { "dnd", SIP_WORD_DND },
    { "do-not-disturb", SIP_WORD_DND },
    { "donotdisturb", SIP_WORD_DND },
    { "do not disturb", SIP_WORD_DND },
    { "away", SIP_WORD_AWAY },
    { "be right back", SIP_WORD_AWAY },
    { "be-right-back", SIP_WORD_AWAY },
    { "berightback", SIP_WORD_AWAY },
    { "idle", SIP_WORD_AWAY },
    { "inactive", SIP_WORD_AWAY },
    { "breakfast", SIP_WORD_AWAY },
    { "dinner", SIP_WORD_AWAY },
    { "holiday", SIP_WORD_AWAY },
    { "in-transit", SIP_WORD_AWAY },
    { "meal", SIP_WORD_AWAY },
    { "permanent-absence", SIP_WORD_AWAY },
    { "out to lunch", SIP_WORD_AWAY },
    { "out of office", SIP_WORD_AWAY },
    { "sleeping", SIP_WORD_AWAY },
    { "steering", SIP_WORD_AWAY },
    { "travel", SIP_WORD_AWAY },
    { "vacation", SIP_WORD_AWAY },
    { "offline", SIP_WORD_OFFLINE },
    { "appear offline", SIP_WORD_OFFLINE },
    { "invisible", SIP_WORD_OFFLINE },
};

struct reading {
    bool is_open, has_word;
    enum sip_word word;
    struct gw_str note;
};

static bool word_find(struct gw_str text, enum sip_word *out)
{
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (gw_str_iis(text, words[i].name)) {
            *out = words[i].word;
            return true;
        }
    }
    return false;
}

/* Of several the strongest one: do not disturb, busy, away. */
static void weigh(struct reading *r, struct gw_str text)
{
    enum sip_word word;

    if (!word_find(text, &word) || (r->has_word && r->word >= word))
        return;
    r->has_word = true;
    r->word = word;
}

static void read_activities(struct reading *r, const struct xml_node *list)
{
    for (const struct xml_node *n = list->child; n; n = n->next)
        weigh(r, xml_is(n, NULL, "activity") ? xml_text(n) : n->name);
}

/* An element that only its local name tells: also below <status> of a tuple, and in <person>. */
static void read_below(struct reading *r, const struct xml_node *n)
{
    for (n = n->child; n; n = n->next) {
        if (gw_str_is(n->name, "activities"))
            read_activities(r, n);
        else if (gw_str_is(n->name, "basic"))
            r->is_open |= gw_str_is(xml_text(n), "open");
        else if (gw_str_is(n->name, "status") || gw_str_is(n->name, "person"))
            read_below(r, n);
        else if (gw_str_is(n->name, "note") && !r->note.len)
            r->note = xml_text(n);
    }
}

static void read_document(struct reading *r, const struct xml_node *root)
{
    for (const struct xml_node *n = root->child; n; n = n->next) {
        if (gw_str_is(n->name, "tuple"))
            read_below(r, n);
    }
    /* What is said of the person, after what is said of the devices: the same weight. */
    for (const struct xml_node *n = root->child; n; n = n->next) {
        if (gw_str_is(n->name, "person"))
            read_below(r, n);
        else if (gw_str_is(n->name, "note") && !r->note.len)
            r->note = xml_text(n);
    }
}

/* One line. */
static void put_note(struct gw_buf *out, struct gw_str note)
{
    note = gw_str_utf8_cut(note, PRES_TEXT_MAX - 1);
    for (size_t i = 0; i < note.len; i++) {
        unsigned char c = (unsigned char)note.p[i];

        gw_buf_add_char(out, c < ' ' || c == 0x7f ? ' ' : note.p[i]);
    }
}

enum gw_code sip_pidf_read(struct gw_str document, enum sip_word *word, struct gw_buf *note,
                           struct gw_err *err)
{
    const struct xml_limits limits = { .size_max = SIP_DOCUMENT_MAX,
                                       .depth_max = DEPTH_MAX,
                                       .nodes_max = NODES_MAX,
                                       .attrs_max = ATTRS_MAX };
    struct reading r = { .is_open = false };
    struct xml_doc *doc = NULL;
    enum gw_code rc;

    rc = xml_doc_parse(document, &limits, &doc, err);
    if (rc)
        return rc;
    if (!gw_str_is(xml_doc_root(doc)->name, "presence")) {
        rc = gw_fail(err, GW_BADMSG, "the document is no presence");
        goto out;
    }
    read_document(&r, xml_doc_root(doc));
    if (!r.has_word)
        weigh(&r, r.note); /* peers without activities say it there */
    *word = !r.is_open ? SIP_WORD_OFFLINE : r.has_word ? r.word : SIP_WORD_AVAILABLE;
    gw_buf_reset(note);
    put_note(note, r.note);
out:
    xml_doc_free(&doc);
    return rc;
}

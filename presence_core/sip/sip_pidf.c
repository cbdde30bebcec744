#include "sip_pidf.h"

#include "sip_msg.h"
#include "sip_write.h"
#include "xml_write.h"

#define NS_PIDF  "urn:ietf:params:xml:ns:pidf"
#define NS_CPIM  "urn:ietf:params:xml:ns:cpim-pidf"
#define NS_MODEL "urn:ietf:params:xml:ns:pidf:data-model"
#define NS_RPID  "urn:ietf:params:xml:ns:pidf:rpid"
#define NS_TIMED "urn:ietf:params:xml:ns:pidf:timed-status"

const char *const sip_format_types[SIP_FORMAT_COUNT] = { [SIP_PIDF] = "application/pidf+xml",
                                                         [SIP_CPIM_PIDF] =
                                                             "application/cpim-pidf+xml",
                                                         [SIP_WATCHERINFO] =
                                                             "application/watcherinfo+xml" };

/* RFC 4480 3.2. NULL: nothing to say, or no element says it. */
static const char *const by_calendar[PRES_CAL_COUNT] = {
    [PRES_CAL_BUSY] = "rpid:busy", [PRES_CAL_MEETING] = "rpid:meeting",
    [PRES_CAL_AWAY] = "rpid:away", [PRES_CAL_OOF] = "rpid:vacation",
    [PRES_CAL_DND] = "rpid:busy",
};

static const char *const by_word[SIP_WORD_COUNT] = {
    [SIP_WORD_OFFLINE] = NULL,
    [SIP_WORD_AVAILABLE] = NULL,
    [SIP_WORD_AWAY] = "rpid:away",
    [SIP_WORD_BUSY] = "rpid:busy",
};

/* To peers with few words theirs; to others what the calendar says, also of one who is not there: the
 * tuple tells that nobody can be reached, the person what he does. */
static const char *activity(enum sip_kind kind, enum sip_word word, const struct pres_doc *doc)
{
    if (kind != SIP_KIND_SIMPLE)
        return by_word[word];
    if (doc->shown.kind != PRES_CAL_NONE || word == SIP_WORD_OFFLINE) {
        enum pres_calendar_kind calendar =
            doc->shown.kind != PRES_CAL_NONE ? doc->shown.kind : doc->calendar.kind;

        if (by_calendar[calendar])
            return by_calendar[calendar];
    }
    return by_word[word];
}

static void put_activity(struct xml_writer *w, const char *name)
{
    xml_open(w, "rpid:activities");
    xml_open(w, name);
    xml_close(w);
    xml_close(w);
}

static void put_basic(struct xml_writer *w, bool open)
{
    xml_open(w, "status");
    xml_put(w, "basic", open ? GW_STR("open") : GW_STR("closed"));
    xml_close(w);
}

static void put_moment(struct xml_writer *w, const char *name, gw_utc t)
{
    struct gw_buf b;

    gw_buf_init(&b, GW_UTC_TEXT_MAX);
    gw_utc_write(t, &b);
    xml_put_attr(w, name, gw_buf_str(&b));
    gw_buf_done(&b);
}

/* RFC 4481: from is always there; without until it lasts. */
static void put_ahead(struct xml_writer *w, const struct pres_doc *doc)
{
    for (size_t i = 0; i < doc->ahead_count; i++) {
        const struct pres_span *span = &doc->ahead[i];

        if (!by_calendar[span->kind] || !span->since)
            continue;
        xml_open(w, "ts:timed-status");
        put_moment(w, "from", span->since);
        if (span->until != GW_NEVER)
            put_moment(w, "until", span->until);
        put_activity(w, by_calendar[span->kind]);
        xml_close(w);
    }
}

static void put_person(struct xml_writer *w, const char *name, struct gw_str note)
{
    xml_open(w, "dm:person");
    xml_put_attr(w, "id", GW_STR("person"));
    if (name)
        put_activity(w, name);
    if (note.len)
        xml_put(w, "dm:note", note);
    xml_close(w);
}

/* The root is open then. */
static void begin(struct xml_writer *w, struct gw_buf *out, const char *ns, struct gw_str user)
{
    struct gw_buf entity;

    gw_buf_init(&entity, 2 * SIP_URI_MAX);
    sip_write_uri(&entity, user);
    xml_write_init(w, out);
    xml_write_declaration(w);
    xml_open(w, "presence");
    xml_put_attr(w, "xmlns", gw_str_of(ns));
    xml_put_attr(w, "entity", gw_buf_str(&entity));
    gw_buf_done(&entity);
}

static void begin_tuple(struct xml_writer *w, enum sip_word word)
{
    xml_open(w, "tuple");
    xml_put_attr(w, "id", GW_STR("kalends"));
    put_basic(w, word != SIP_WORD_OFFLINE);
}

void sip_pidf_write(enum sip_kind kind, struct gw_str user, const struct pres_doc *doc,
                    struct gw_buf *out)
{
    enum sip_word word = sip_map_out(kind, &doc->shown);
    const char *name = activity(kind, word, doc);
    /* A peer that is shown offline is shown nothing more. */
    bool is_mute = kind != SIP_KIND_SIMPLE && word == SIP_WORD_OFFLINE;
    struct gw_str note = is_mute ? GW_STR("") : doc->shown.text;
    struct xml_writer w;

    begin(&w, out, NS_PIDF, user);
    xml_put_attr(&w, "xmlns:dm", GW_STR(NS_MODEL));
    xml_put_attr(&w, "xmlns:rpid", GW_STR(NS_RPID));
    if (!is_mute && doc->ahead_count)
        xml_put_attr(&w, "xmlns:ts", GW_STR(NS_TIMED));
    begin_tuple(&w, word);
    if (!is_mute)
        put_ahead(&w, doc);
    if (note.len)
        xml_put(&w, "note", note);
    xml_close(&w);
    if (name || note.len)
        put_person(&w, name, note);
    xml_close(&w);
}

/* The draft has no persons: basic and a note. */
void sip_cpim_write(enum sip_kind kind, struct gw_str user, const struct pres_doc *doc,
                    const struct gw_str words[SIP_WORD_COUNT], struct gw_buf *out)
{
    enum sip_word word = sip_map_out(kind, &doc->shown);
    struct gw_str text = doc->shown.text,
                  said = pres_shown_says(&doc->shown, words[word]) ? GW_STR("") : words[word];
    struct xml_writer w;

    begin(&w, out, NS_CPIM, user);
    begin_tuple(&w, word);
    if (word != SIP_WORD_OFFLINE && (said.len || text.len)) {
        xml_open(&w, "note");
        xml_put_text(&w, said);
        xml_put_text(&w, said.len && text.len ? GW_STR(" - ") : GW_STR(""));
        xml_put_text(&w, text);
        xml_close(&w);
    }
    xml_close(&w);
    xml_close(&w);
}

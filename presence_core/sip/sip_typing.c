#include "sip_typing.h"

#include "xml_doc.h"
#include "xml_write.h"

enum {
    BODY_MAX = 2048,
    DEPTH_MAX = 8,
    NODES_MAX = 32,
    ATTRS_MAX = 16,
    LASTS_S = 120, /* RFC 3994 3.3, when the sender does not say */
    LASTS_MAX_S = 600
};

#define NS_COMPOSING "urn:ietf:params:xml:ns:im-iscomposing"

const char *const sip_typing_types[] = { [SIP_TYPING_COMPOSING] = "application/im-iscomposing+xml",
                                         [SIP_TYPING_KEYBOARD] = "application/xml" };

bool sip_typing_find(struct gw_str type, enum sip_typing_form *form)
{
    for (int i = 0; i < SIP_TYPING_FORM_COUNT; i++) {
        if (gw_str_iis(type, sip_typing_types[i])) {
            *form = (enum sip_typing_form)i;
            return true;
        }
    }
    return false;
}

/* RFC 3994 3.2: what is not "active" is idle, known or not. */
static bool read_composing(const struct xml_node *root, struct sip_typing *out)
{
    if (!xml_is(root, NS_COMPOSING, "isComposing"))
        return false;
    if (gw_str_is(xml_child_text(root, NULL, "state"), "active"))
        out->chat = PRES_CHAT_COMPOSING;
    (void)gw_str_to_int(xml_child_text(root, NULL, "refresh"), 1, LASTS_MAX_S, &out->lasts_s);
    return true;
}

static bool read_keyboard(const struct xml_node *root, struct sip_typing *out)
{
    const struct xml_node *status = xml_child(root, NULL, "status");

    if (!gw_str_is(root->name, "KeyboardActivity") || !status)
        return false;
    if (gw_str_is(xml_attr(status, "status"), "type"))
        out->chat = PRES_CHAT_COMPOSING;
    return true;
}

enum gw_code sip_typing_read(enum sip_typing_form form, struct gw_str body, struct sip_typing *out,
                             struct gw_err *err)
{
    static bool (*const readers[])(const struct xml_node *root, struct sip_typing *out) = {
        [SIP_TYPING_COMPOSING] = read_composing, [SIP_TYPING_KEYBOARD] = read_keyboard
    };
    const struct xml_limits limits = {
        .size_max = BODY_MAX, .depth_max = DEPTH_MAX, .nodes_max = NODES_MAX, .attrs_max = ATTRS_MAX
    };
    struct sip_typing typing = { .chat = PRES_CHAT_PAUSED, .lasts_s = LASTS_S };
    struct xml_doc *doc = NULL;
    enum gw_code rc = xml_doc_parse(body, &limits, &doc, err);

    if (rc)
        return rc;
    if (readers[form](xml_doc_root(doc), &typing))
        *out = typing;
    else
        rc = gw_fail(err, GW_BADMSG, "not what %s has", sip_typing_types[form]);
    xml_doc_free(&doc);
    return rc;
}

void sip_typing_write(enum sip_typing_form form, enum pres_chat chat, struct gw_buf *out)
{
    bool is_typing = chat == PRES_CHAT_COMPOSING;
    struct xml_writer w;

    xml_write_init(&w, out);
    xml_write_declaration(&w);
    switch (form) {
    case SIP_TYPING_COMPOSING:
        xml_open(&w, "isComposing");
        xml_put_attr(&w, "xmlns", GW_STR(NS_COMPOSING));
        xml_put(&w, "state", is_typing ? GW_STR("active") : GW_STR("idle"));
        if (is_typing)
            xml_put(&w, "contenttype", GW_STR("text/plain"));
        xml_close(&w);
        return;
    case SIP_TYPING_KEYBOARD:
        xml_open(&w, "KeyboardActivity");
        xml_open(&w, "status");
        xml_put_attr(&w, "status", is_typing ? GW_STR("type") : GW_STR("idle"));
        xml_close(&w);
        xml_close(&w);
        return;
    case SIP_TYPING_FORM_COUNT:
        return;
    }
}

/* The SOAP 1.1 envelope, faults, and Exchange's response messages. */
#include "ews_priv.h"

#include <stdio.h>
#include <string.h>

void ews_soap_open(struct xml_writer *w)
{
    xml_write_declaration(w);
    xml_open(w, "s:Envelope");
    xml_put_attr(w, "xmlns:s", GW_STR(EWS_NS_SOAP));
    xml_put_attr(w, "xmlns:t", GW_STR(EWS_NS_TYPES));
    xml_put_attr(w, "xmlns:m", GW_STR(EWS_NS_MESSAGES));
}

const struct xml_node *ews_soap_body(const struct xml_doc *doc)
{
    const struct xml_node *root = xml_doc_root(doc);
    const struct xml_node *body;

    if (!xml_is(root, NULL, "Envelope"))
        return NULL;
    body = xml_child(root, NULL, "Body");
    return body ? body->child : NULL;
}

const struct xml_node *ews_next_named(const struct xml_node *n)
{
    const struct xml_node *next = n->next;

    while (next && !gw_str_eq(next->name, n->name))
        next = next->next;
    return next;
}

/* ---- MessageXml: <t:Value Name="BackOffMilliseconds">178510</t:Value> ------------------------- */

static struct gw_str message_value(const struct xml_node *xml, const char *name)
{
    for (const struct xml_node *n = xml_child(xml, NULL, "Value"); n; n = ews_next_named(n))
        if (gw_str_is(xml_attr(n, "Name"), name))
            return xml_text(n);
    return (struct gw_str){ NULL, 0 };
}

/* Where our request went against the schema: worth more than the server's sentence. */
static void add_violation(const struct xml_node *xml, struct ews_status *out)
{
    struct gw_str violation = xml_child_text(xml, NULL, "Violation");
    int64_t line = 0, position = 0;
    char quoted[GW_QUOTE_MAX];

    if (!violation.len)
        return;
    (void)gw_str_to_int(xml_child_text(xml, NULL, "LineNumber"), 0, INT32_MAX, &line);
    (void)gw_str_to_int(xml_child_text(xml, NULL, "LinePosition"), 0, INT32_MAX, &position);
    snprintf(out->text, sizeof(out->text),
             "the server found the request invalid at line %d, position %d: %s", (int)line,
             (int)position, gw_quote(violation, quoted));
}

static void status_of_code(struct gw_str code, struct gw_str text, const struct xml_node *xml,
                           struct ews_status *out)
{
    struct gw_str inner = message_value(xml, "InnerErrorResponseCode");
    int64_t backoff;

    if (gw_str_is(code, "ErrorInternalServerError") && inner.len)
        code = inner;
    ews_status_set_code(out, code, text);
    if (ews_backoff_parse(message_value(xml, "BackOffMilliseconds"), 1, &backoff))
        out->backoff_ms = backoff;
    if (out->class == EWS_BUG)
        add_violation(xml, out);
}

/* ---- response messages and faults ------------------------------------------------------------- */

void ews_soap_message_status(const struct xml_node *message, struct ews_status *out)
{
    struct gw_str code = xml_child_text(message, NULL, "ResponseCode");

    if (code.len || gw_str_is(xml_attr(message, "ResponseClass"), "Error"))
        status_of_code(code.len ? code : GW_STR("ErrorWithoutCode"),
                       xml_child_text(message, NULL, "MessageText"),
                       xml_child(message, NULL, "MessageXml"), out);
    else
        ews_status_set_code(out, GW_STR("NoError"), code);
}

/* "a:ErrorServerBusy" */
static struct gw_str local_name(struct gw_str qname)
{
    struct gw_str local = qname;

    (void)gw_str_cut(qname, ":", NULL, &local);
    return local;
}

void ews_soap_fault_status(const struct xml_node *fault, const struct ews_op_info *op,
                           struct ews_status *out)
{
    const struct xml_node *detail = xml_child(fault, NULL, "detail");
    struct gw_str code = xml_child_text(detail, NULL, "ResponseCode");
    struct gw_str text = xml_child_text(detail, NULL, "Message");

    if (!code.len && op->owner_only && xml_child(detail, NULL, "ErrorCode"))
        code = GW_STR("not-mailbox-owner"); /* the number is that of any exception of .NET */
    if (!code.len)
        code = local_name(xml_child_text(fault, NULL, "faultcode"));
    if (!text.len)
        text = xml_child_text(fault, NULL, "faultstring");
    /* A fault never means success, whatever it calls itself. */
    if (!code.len || gw_str_is(code, "NoError"))
        code = GW_STR("soap-fault");
    status_of_code(code, text, xml_child(detail, NULL, "MessageXml"), out);
}

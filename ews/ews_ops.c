/* What is the same for all operations: the SOAP envelope of a request, and the way from an HTTP answer to
 * the operation's own parser. */
#include "ews_priv.h"

static const struct ews_op_info *const op_table[EWS_OP_COUNT] = {
    [EWS_OP_SUBSCRIBE] = &ews_op_subscribe,
    [EWS_OP_FIND_ITEM] = &ews_op_find_item,
    [EWS_OP_AVAILABILITY] = &ews_op_availability,
    [EWS_OP_OOF] = &ews_op_oof,
    [EWS_OP_MAIL_TIPS] = &ews_op_mail_tips,
    [EWS_OP_UNSUBSCRIBE] = &ews_op_unsubscribe,
    [EWS_OP_GET_EVENTS] = &ews_op_get_events,
    [EWS_OP_STREAM] = &ews_op_stream,
    [EWS_OP_SYNC] = &ews_op_sync,
    [EWS_OP_GET_FOLDER] = &ews_op_get_folder,
    [EWS_OP_FIND_FOLDER] = &ews_op_find_folder,
    [EWS_OP_RESOLVE] = &ews_op_resolve,
    [EWS_OP_DISCOVER] = &ews_op_discover,
    [EWS_OP_DISCOVER_POX] = &ews_op_discover_pox,
};

const struct ews_op_info *ews_op_info(enum ews_op op)
{
    return op_table[op];
}

const char *ews_op_name(enum ews_op op)
{
    return op_table[op]->name;
}

size_t ews_answer_body_max(enum ews_op op)
{
    return op_table[op]->body_max;
}

/* ---- requests --------------------------------------------------------------------------------- */

static void put_impersonation(struct xml_writer *w, struct gw_str mailbox,
                              const struct ews_dialect *dialect)
{
    xml_open(w, "t:ExchangeImpersonation");
    xml_open(w, "t:ConnectingSID");
    xml_put(w, dialect->smtp_address ? "t:SmtpAddress" : "t:PrimarySmtpAddress", mailbox);
    xml_close(w);
    xml_close(w);
}

static void put_time_zone_context(struct xml_writer *w)
{
    xml_open(w, "t:TimeZoneContext");
    xml_open(w, "t:TimeZoneDefinition");
    xml_put_attr(w, "Id", GW_STR("UTC"));
    xml_close(w);
    xml_close(w);
}

static void put_header(struct xml_writer *w, const struct ews_request *request,
                       const struct ews_op_info *op, const struct ews_dialect *dialect)
{
    xml_open(w, "s:Header");
    xml_open(w, "t:RequestServerVersion");
    xml_put_attr(w, "Version", gw_str_of(dialect->version));
    xml_close(w);
    if (op->impersonates || request->speaker.len)
        put_impersonation(w, op->impersonates ? request->mailbox : request->speaker, dialect);
    if (op->time_zone_context && dialect->time_zone_context)
        put_time_zone_context(w);
    xml_close(w);
}

static void put_envelope(struct xml_writer *w, const struct ews_request *request,
                         const struct ews_op_info *op, const struct ews_dialect *dialect)
{
    ews_soap_open(w);
    put_header(w, request, op, dialect);
    xml_open(w, "s:Body");
    op->write(w, request, dialect);
    xml_close(w);
    xml_close(w);
}

static enum gw_code request_check(const struct ews_request *request,
                                  const struct ews_dialect *dialect, struct gw_err *err)
{
    const struct ews_op_info *op = ews_op_info(request->op);
    enum gw_code rc;

    if (op->impersonates && (rc = ews_address_check(request->mailbox, err)))
        return rc;
    if (request->speaker.len && (rc = ews_address_check(request->speaker, err)))
        return rc;
    if (request->anchor.len && (rc = ews_address_check(request->anchor, err)))
        return rc;
    if ((rc = ews_affinity_check(request, err)) || (op->check && (rc = op->check(request, err))))
        return rc;
    if (op->supported && !op->supported(request, dialect))
        return gw_fail(err, GW_NOTFOUND, "a server that speaks %s has no such %s", dialect->version,
                       op->name);
    return GW_OK;
}

enum gw_code ews_request_write(const struct ews_request *request, const struct ews_dialect *dialect,
                               struct gw_buf *out, struct gw_err *err)
{
    const struct ews_op_info *op = ews_op_info(request->op);
    struct xml_writer w;
    enum gw_code rc;

    rc = request_check(request, dialect, err);
    if (rc)
        return rc;
    xml_write_init(&w, out);
    if (op->document) {
        xml_write_declaration(&w);
        op->document(&w, request);
    } else {
        put_envelope(&w, request, op, dialect);
    }
    return out->failed ? gw_fail(err, GW_LIMIT, "request is too long") : GW_OK;
}

/* ---- answers ---------------------------------------------------------------------------------- */

static void read_server_version(const struct xml_doc *doc, struct ews_answer *out)
{
    const struct xml_node *info = xml_path(xml_doc_root(doc), "Header/ServerVersionInfo");
    int64_t major, minor;

    if (!gw_str_to_int(xml_attr(info, "MajorVersion"), 0, 1000, &major) ||
        !gw_str_to_int(xml_attr(info, "MinorVersion"), 0, 1000, &minor))
        return;
    out->server_major = (int)major;
    out->server_minor = (int)minor;
}

/* What stands in the SOAP body decides, not the HTTP status; but a body that claims success under a
 * status that says otherwise does not count. False: there is no SOAP here. */
static bool parse_soap(const struct xml_doc *doc, const struct ews_request *request,
                       const struct ews_http *http, struct gw_arena *arena, struct ews_answer *out)
{
    const struct ews_op_info *op = ews_op_info(request->op);
    const struct xml_node *body = ews_soap_body(doc);
    char quoted[GW_QUOTE_MAX];

    if (!body)
        return false;
    if (xml_is(body, NULL, "Fault"))
        ews_soap_fault_status(body, op, &out->status);
    else if (http->status != 200)
        return false;
    else if (!xml_is(body, NULL, op->answer))
        ews_status_set(&out->status, EWS_BAD_ANSWER, "unexpected-body",
                       "the server answered %s to %s", gw_quote(body->name, quoted), op->name);
    else
        op->parse(body, request, arena, out);
    out->status.alive = true;
    read_server_version(doc, out);
    return true;
}

/* False: the document is not of that form. */
static bool parse_plain(const struct xml_doc *doc, const struct ews_request *request,
                        const struct ews_http *http, struct gw_arena *arena, struct ews_answer *out)
{
    const struct ews_op_info *op = ews_op_info(request->op);

    if (http->status != 200 || !xml_is(xml_doc_root(doc), NULL, op->root))
        return false;
    op->parse(xml_doc_root(doc), request, arena, out);
    return true;
}

/* A 401 is about the account whatever its body says. */
static bool may_be_soap(const struct ews_http *http)
{
    return http->status != 401 && ews_http_looks_like_xml(http);
}

static void parse_body(const struct ews_request *request, const struct ews_http *http,
                       struct gw_arena *arena, struct ews_answer *out)
{
    const struct ews_op_info *op = ews_op_info(request->op);
    struct xml_limits limits = { op->body_max, XML_DEPTH_DEFAULT, op->nodes_max,
                                 XML_ATTRS_DEFAULT };
    struct xml_doc *doc = NULL;
    struct gw_err err = { GW_OK, "" };
    enum gw_code rc = GW_OK;
    bool done = false;

    if (may_be_soap(http)) {
        rc = xml_doc_parse(http->body, &limits, &doc, &err);
        done = !rc && (op->root ? parse_plain : parse_soap)(doc, request, http, arena, out);
    }
    if (done || (op->discovers && ews_discover_redirect(http, arena, out)))
        goto out;
    if (http->status != 200)
        ews_http_status(http, &out->status);
    else if (rc == GW_LIMIT && op->wide)
        ews_status_set(&out->status, EWS_TOO_MUCH, "answer-too-large", "%s", err.msg);
    else
        ews_http_not_soap_status(http, rc ? err.msg : NULL, &out->status);
out:
    xml_doc_free(&doc);
}

void ews_answer_parse(const struct ews_request *request, const struct ews_http *http,
                      struct gw_arena *arena, struct ews_answer *out)
{
    *out = (struct ews_answer){ .op = request->op };
    if (http->code)
        ews_http_transport_status(http, ews_op_info(request->op), &out->status);
    else
        parse_body(request, http, arena, out);
    ews_speaker_blame(request, arena, out);
    out->affinity = ews_affinity_read(http->set_cookies, arena);
}

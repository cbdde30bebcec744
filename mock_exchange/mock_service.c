/* The way of a request: envelope, version, identity, operation, answer. */
#include "mock_service.h"

#include <stdio.h>
#include <string.h>

#include "mock_soap.h"
#include "mock_zone_read.h"

enum { REQUEST_DEPTH_MAX = 32, REQUEST_NODES_MAX = 20000, REQUEST_ATTRS_MAX = 32 };

void mock_service_defaults(struct mock_service *service)
{
    service->product = mock_product_find(GW_STR("2019"));
    service->find_max = 1000;
}

static const struct operation {
    const char *element;
    enum mock_operation operation;
    enum mock_version since; /* of requests, and so of the products that take them */
    mock_operation_fn *fn;
} operation[] = {
    { "Subscribe", MOCK_SUBSCRIBE, MOCK_V2007, mock_subscribe },
    { "Unsubscribe", MOCK_UNSUBSCRIBE, MOCK_V2007, mock_unsubscribe },
    { "GetEvents", MOCK_GET_EVENTS, MOCK_V2007, mock_get_events },
    { "GetStreamingEvents", MOCK_GET_STREAMING_EVENTS, MOCK_V2010_SP1, mock_get_streaming_events },
    { "FindItem", MOCK_FIND_ITEM, MOCK_V2007, mock_find_item },
    { "GetItem", MOCK_GET_ITEM, MOCK_V2007, mock_get_item },
    { "CreateItem", MOCK_CREATE_ITEM, MOCK_V2007, mock_create_item },
    { "UpdateItem", MOCK_UPDATE_ITEM, MOCK_V2007, mock_update_item },
    { "DeleteItem", MOCK_DELETE_ITEM, MOCK_V2007, mock_delete_item },
    { "MoveItem", MOCK_MOVE_ITEM, MOCK_V2007, mock_move_item },
    { "SyncFolderItems", MOCK_SYNC_ITEMS, MOCK_V2007, mock_sync_items },
    { "GetFolder", MOCK_GET_FOLDER, MOCK_V2007, mock_get_folder },
    { "FindFolder", MOCK_FIND_FOLDER, MOCK_V2007, mock_find_folder },
    { "ConvertId", MOCK_CONVERT_ID, MOCK_V2007_SP1, mock_convert_id },
    { "GetUserAvailabilityRequest", MOCK_GET_AVAILABILITY, MOCK_V2007, mock_get_availability },
    { "GetUserOofSettingsRequest", MOCK_GET_OOF, MOCK_V2007, mock_get_oof },
    { "SetUserOofSettingsRequest", MOCK_SET_OOF, MOCK_V2007, mock_set_oof },
    { "GetMailTips", MOCK_GET_MAIL_TIPS, MOCK_V2010, mock_get_mail_tips },
    { "GetServiceConfiguration", MOCK_GET_SERVICE_CONFIGURATION, MOCK_V2010,
      mock_get_service_configuration },
    { "ResolveNames", MOCK_RESOLVE_NAMES, MOCK_V2007, mock_resolve_names },
    { "GetServerTimeZones", MOCK_GET_TIME_ZONES, MOCK_V2010, mock_get_time_zones },
};

void mock_envelope_open(struct xml_writer *w, struct gw_buf *out, const struct mock_product *server)
{
    xml_write_init(w, out);
    xml_write_declaration(w);
    xml_open(w, "s:Envelope");
    xml_put_attr(w, "xmlns:s", GW_STR(MOCK_NS_SOAP));
    xml_open(w, "s:Header");
    xml_open(w, "h:ServerVersionInfo");
    xml_put_attr(w, "xmlns:h", GW_STR(MOCK_NS_TYPES));
    {
        const struct {
            const char *name;
            int value;
        } part[] = { { "MajorVersion", server->major },
                     { "MinorVersion", server->minor },
                     { "MajorBuildNumber", server->build },
                     { "MinorBuildNumber", server->revision } };

        for (size_t i = 0; i < 4; i++) {
            char digits[16];

            snprintf(digits, sizeof(digits), "%d", part[i].value);
            xml_put_attr(w, part[i].name, gw_str_of(digits));
        }
    }
    if (server->version)
        xml_put_attr(w, "Version", gw_str_of(server->version));
    xml_close(w);
    xml_close(w);
    xml_open(w, "s:Body");
}

void mock_envelope_close(struct xml_writer *w)
{
    xml_close(w);
    xml_close(w);
}

static void detail_write(struct xml_writer *w, const struct mock_call *call)
{
    char digits[24];

    xml_open(w, "e:ResponseCode");
    xml_put_attr(w, "xmlns:e", GW_STR(MOCK_NS_ERRORS));
    xml_put_text(w, gw_str_of(call->fault.code));
    xml_close(w);
    xml_open(w, "e:Message");
    xml_put_attr(w, "xmlns:e", GW_STR(MOCK_NS_ERRORS));
    xml_put_text(w, gw_str_of(call->fault.text));
    xml_close(w);
    if (call->fault.back_off_ms < 0 && !*call->fault.violation)
        return;
    xml_open(w, "t:MessageXml");
    xml_put_attr(w, "xmlns:t", GW_STR(MOCK_NS_TYPES));
    if (call->fault.back_off_ms >= 0) {
        snprintf(digits, sizeof(digits), "%lld", (long long)call->fault.back_off_ms);
        xml_open(w, "t:Value");
        xml_put_attr(w, "Name", GW_STR("BackOffMilliseconds"));
        xml_put_text(w, gw_str_of(digits));
        xml_close(w);
    } else {
        mock_put_int(w, "t:LineNumber", call->fault.line);
        mock_put_int(w, "t:LinePosition", call->fault.column);
        xml_put(w, "t:Violation", gw_str_of(call->fault.violation));
    }
    xml_close(w);
}

static void fault_write(const struct mock_call *call, struct gw_buf *out)
{
    struct xml_writer w;
    char name[80];

    mock_envelope_open(&w, out, call->service->product);
    xml_open(&w, "s:Fault");
    xml_open(&w, "faultcode");
    if (call->fault.plain) {
        xml_put_text(&w, GW_STR("s:Client"));
    } else {
        xml_put_attr(&w, "xmlns:a", GW_STR(MOCK_NS_TYPES));
        snprintf(name, sizeof(name), "a:%s", call->fault.code);
        xml_put_text(&w, gw_str_of(name));
    }
    xml_close(&w);
    xml_open(&w, "faultstring");
    xml_put_attr(&w, "xml:lang", GW_STR("en-US"));
    xml_put_text(&w, gw_str_of(call->fault.text));
    xml_close(&w);
    xml_open(&w, "detail");
    if (call->fault.plain) {
        xml_open(&w, "m:ErrorCode");
        xml_put_attr(&w, "xmlns:m", GW_STR(MOCK_NS_MESSAGES));
        xml_put_text(&w, GW_STR("-2146233088"));
        xml_close(&w);
    } else {
        detail_write(&w, call);
    }
    xml_close(&w);
    xml_close(&w);
    mock_envelope_close(&w);
}

void mock_service_url_write(const struct mock_service *service, const struct mock_mailbox *mailbox,
                            gw_time now, struct gw_buf *out)
{
    if (service->url_write)
        service->url_write(mailbox, now, out, service->url_ctx);
}

void mock_service_fault(const struct mock_service *service, const char *code, int64_t back_off_ms,
                        struct gw_buf *out)
{
    struct mock_call call = { .service = service };

    (void)mock_fault(&call, code);
    call.fault.back_off_ms = back_off_ms;
    fault_write(&call, out);
    mock_record_add(service->record, "fault", gw_buf_str(out));
}

/* These answer in a form of their own, without ResponseMessages (WIRE 1). */
static bool has_messages(enum mock_operation op)
{
    return op != MOCK_GET_AVAILABILITY && op != MOCK_GET_OOF && op != MOCK_SET_OOF &&
           op != MOCK_GET_MAIL_TIPS && op != MOCK_GET_SERVICE_CONFIGURATION && op != MOCK_OTHER;
}

int mock_service_refuse(const struct mock_service *service, enum mock_operation op,
                        const char *code, struct gw_buf *out)
{
    struct mock_served served = { .operation = op };
    struct mock_call call = { .service = service, .served = &served };
    char response[64], message[80];

    if (!has_messages(op)) {
        mock_service_fault(service, code, -1, out);
        return 500;
    }
    snprintf(response, sizeof(response), "m:%sResponse", mock_operation_name(op));
    snprintf(message, sizeof(message), "%sMessage", response);
    mock_envelope_open(&call.w, out, service->product);
    mock_response_open(&call, response);
    xml_open(&call.w, "m:ResponseMessages");
    mock_message_error(&call, message, code);
    xml_close(&call.w);
    xml_close(&call.w);
    mock_envelope_close(&call.w);
    mock_record_add(service->record, "refusal", gw_buf_str(out));
    return 200;
}

/* A name that the schema does not have is taken for the newest that it has: push calls repeat it. */
static bool version_read(struct mock_call *call, const struct xml_node *header)
{
    const struct xml_node *node = xml_child(header, MOCK_NS_TYPES, "RequestServerVersion");

    call->version = MOCK_V2007;
    if (!node)
        return true;
    call->version_name = xml_attr(node, "Version");
    if (!mock_version_parse(call->version_name, true, &call->version)) {
        if (!mock_strict_accepts(&call->service->strict, MOCK_DEVIATION_VERSION) ||
            !mock_version_parse(call->version_name, false, &call->version))
            return mock_fault(call, "ErrorInvalidServerVersion");
        call->version_name = GW_STR("V2017_07_11");
    }
    if (call->version > call->service->product->newest)
        return mock_fault(call, "ErrorInvalidServerVersion");
    return true;
}

/* Finds whom the ConnectingSID means; NULL with a fault: nobody. */
static struct mock_mailbox *sid_find(struct mock_call *call, const struct xml_node *sid)
{
    const struct mock_org *org = call->service->org;
    struct gw_str id = xml_text(sid);
    struct mock_mailbox *mailbox;

    if (!id.len) {
        (void)mock_fault(call, "ErrorInvalidExchangeImpersonationHeaderData");
        return NULL;
    }
    if (xml_is(sid, MOCK_NS_TYPES, "PrincipalName")) {
        mailbox = mock_mailbox_by_upn(org, id);
        if (!mailbox)
            (void)mock_fault(call, "ErrorInvalidUserPrincipalName");
        return mailbox;
    }
    if (!xml_is(sid, MOCK_NS_TYPES, "PrimarySmtpAddress") &&
        !xml_is(sid, MOCK_NS_TYPES, "SmtpAddress")) {
        (void)mock_fault(call, "ErrorInvalidUserSid");
        return NULL;
    }
    mailbox = mock_mailbox_by_smtp(org, id);
    if (!mailbox) {
        (void)mock_fault(call, "ErrorNonExistentMailbox");
    } else if (gw_str_is(sid->name, "PrimarySmtpAddress") && !gw_str_iis(id, mailbox->address)) {
        (void)mock_fault(call, "ErrorNonPrimarySmtpAddress");
        return NULL;
    }
    return mailbox;
}

/* Exchange 2007 has two rights: to impersonate at all, on the server, and the user in question. */
static const char *impersonation_refusal(const struct mock_call *call)
{
    return call->service->product->major == 8 && call->request->account->rights == MOCK_RIGHTS_NONE
               ? "ErrorImpersonationDenied"
               : "ErrorImpersonateUserDenied";
}

static bool identity_read(struct mock_call *call, const struct xml_node *header)
{
    static const char *const kind[] = { "PrincipalName", "SID", "PrimarySmtpAddress", "SmtpAddress",
                                        NULL };
    const struct mock_account *account = call->request->account;
    const struct xml_node *who = xml_child(header, MOCK_NS_TYPES, "ExchangeImpersonation");
    const struct xml_node *sid;
    int index;

    if (!who && call->request->application)
        return mock_fault(call, "ErrorInvalidExchangeImpersonationHeaderData");
    if (!who) {
        if (account->mailbox)
            call->self = mock_mailbox_by_smtp(call->service->org, gw_str_of(account->mailbox));
        return true;
    }
    sid = xml_child(who, MOCK_NS_TYPES, "ConnectingSID");
    if (!sid || !sid->child)
        return mock_fault(call, "ErrorInvalidExchangeImpersonationHeaderData");
    if (sid->child->next || !mock_word_parse(sid->child->name, kind, &index) ||
        (xml_is(sid->child, MOCK_NS_TYPES, "SmtpAddress") &&
         !mock_version_has(call->version, MOCK_HAS_SMTP_IMPERSONATION)))
        return mock_fault_schema(call, "ConnectingSID must hold one identifier.");
    call->self = sid_find(call, sid->child);
    if (!call->self)
        return false;
    call->served->impersonated = true;
    call->served->mailbox = call->self;
    if (!mock_account_may(account, call->self))
        return mock_fault(call, impersonation_refusal(call));
    return true;
}

/* The zone by its name, or, if that is none of this server's, as it is described. */
static bool zone_read(struct mock_call *call, const struct xml_node *context)
{
    static const struct mock_zone utc = { .bias = 0 };
    const struct xml_node *definition = xml_child(context, MOCK_NS_TYPES, "TimeZoneDefinition");

    call->zone = mock_zone_of(&utc);
    call->zone_context = context && mock_version_has(call->version, MOCK_HAS_TIME_ZONE_CONTEXT);
    if (call->zone_context && !mock_zone_find(xml_attr(definition, "Id"), &call->zone) &&
        !mock_zone_read(definition, &call->zone))
        return mock_fault(call, "ErrorTimeZone");
    return true;
}

static bool header_read(struct mock_call *call, const struct xml_node *header)
{
    if (call->request->account->expired)
        return mock_fault(call, "ErrorPasswordExpired");
    if (!identity_read(call, header))
        return false;
    call->served->mailbox = call->self;
    mock_route_find(call->service->places, call->service->org,
                    call->service->product->newest >= MOCK_V2013, &call->request->route, call->self,
                    call->now.mono, &call->backend);
    memcpy(call->served->set_cookie, call->backend.set_cookie, sizeof(call->backend.set_cookie));
    return zone_read(call, xml_child(header, MOCK_NS_TYPES, "TimeZoneContext"));
}

/* NULL: an operation that is not known here. */
static const struct operation *operation_find(const struct xml_node *node)
{
    for (size_t i = 0; i < sizeof(operation) / sizeof(*operation); i++)
        if (xml_is(node, MOCK_NS_MESSAGES, operation[i].element))
            return &operation[i];
    return NULL;
}

static enum mock_operation operation_of(const struct operation *op)
{
    return op ? op->operation : MOCK_OTHER;
}

/* A request without a version is from the time before all of them, and may still ask for what the
 * server has. */
static bool operation_exists(const struct mock_call *call, const struct operation *op)
{
    return op &&
           (call->version_name.p ? call->version : call->service->product->newest) >= op->since;
}

/* Exchange 2007 is ASP.NET's web service and says so; later ones know the request's class, or not. */
static bool operation_unknown(struct mock_call *call)
{
    if (call->service->product->newest >= MOCK_V2010)
        return mock_fault(call, "ErrorInvalidRequest");
    return mock_fault_plain(call,
                            "System.Web.Services.Protocols.SoapException: The request element "
                            "was not recognized.");
}

static bool schema_check(struct mock_call *call)
{
    struct xml_violation violation;

    if (mock_strict_check(&call->service->strict, call->request->body, &violation))
        return true;
    (void)mock_fault_schema(call, "%s", violation.text);
    call->fault.line = violation.line;
    call->fault.column = violation.column;
    return false;
}

static bool dispatch(struct mock_call *call, const struct xml_node *root, struct gw_buf *out)
{
    const struct xml_node *body = xml_child(root, MOCK_NS_SOAP, "Body");
    const struct xml_node *header = xml_child(root, MOCK_NS_SOAP, "Header");
    const struct operation *op;

    if (!xml_is(root, MOCK_NS_SOAP, "Envelope") || !body)
        return mock_fault_schema(call, "The document is not a SOAP 1.1 envelope with a body.");
    call->node = body->child;
    if (!call->node || call->node->next)
        return mock_fault_schema(call, "The body must hold one element.");
    op = operation_find(call->node);
    call->served->operation = operation_of(op);
    if (!version_read(call, header))
        return false;
    if (!operation_exists(call, op))
        return operation_unknown(call);
    if (!schema_check(call) || !header_read(call, header))
        return false;
    mock_envelope_open(&call->w, out, call->service->product);
    if (!op->fn(call))
        return false;
    mock_envelope_close(&call->w);
    return true;
}

static const struct xml_limits request_limits = { MOCK_REQUEST_MAX, REQUEST_DEPTH_MAX,
                                                  REQUEST_NODES_MAX, REQUEST_ATTRS_MAX };

void mock_service_peek(const struct mock_service *service, struct gw_str body,
                       struct mock_served *served)
{
    struct xml_doc *doc = NULL;
    const struct xml_node *soap_body, *sid;

    *served = (struct mock_served){ .operation = MOCK_OTHER, .code = "" };
    if (xml_doc_parse(body, &request_limits, &doc, NULL))
        return;
    soap_body = xml_child(xml_doc_root(doc), MOCK_NS_SOAP, "Body");
    if (soap_body)
        served->operation = operation_of(operation_find(soap_body->child));
    sid = xml_path(xml_doc_root(doc), "Header/ExchangeImpersonation/ConnectingSID");
    if (sid && sid->child) {
        served->impersonated = true;
        served->mailbox = mock_mailbox_by_smtp(service->org, xml_text(sid->child));
        if (!served->mailbox)
            served->mailbox = mock_mailbox_by_upn(service->org, xml_text(sid->child));
    }
    xml_doc_free(&doc);
}

void mock_service_serve(const struct mock_service *service, const struct mock_request *request,
                        struct gw_now now, struct gw_buf *out, struct mock_served *served)
{
    struct mock_call call = {
        .service = service, .request = request, .now = now, .served = served
    };
    struct xml_doc *doc = NULL;
    struct gw_err err;
    bool ok;

    *served = (struct mock_served){ .status = 200, .operation = MOCK_OTHER, .code = "NoError" };
    if (xml_doc_parse(request->body, &request_limits, &doc, &err))
        ok = mock_fault_schema(&call, "%s", err.msg);
    else
        ok = dispatch(&call, xml_doc_root(doc), out);
    if (ok && out->failed)
        ok = mock_fault(&call, "ErrorExceededFindCountLimit");
    if (!ok) {
        mock_stream_free(&served->stream, now);
        gw_buf_reset(out);
        fault_write(&call, out);
        served->status = 500;
        served->code = call.fault.plain ? "soap:Client" : call.fault.code;
    }
    if (served->mailbox && !served->mailboxes)
        served->mailboxes = 1;
    if (served->mailbox)
        served->mailbox->calls[served->operation]++;
    xml_doc_free(&doc);
    mock_record_add(service->record, mock_operation_name(served->operation), gw_buf_str(out));
}

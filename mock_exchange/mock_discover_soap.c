/* SOAP: settings of up to a hundred users. Errors are codes on three levels, with HTTP 200; only what
 * is no request at all is a fault. */
#include <stdio.h>
#include <string.h>

#include "mock_discover.h"
#include "mock_soap.h"

#define NS_DISCOVER "http://schemas.microsoft.com/exchange/2010/Autodiscover"
#define NS_WSA      "http://www.w3.org/2005/08/addressing"
#define NS_XSI      "http://www.w3.org/2001/XMLSchema-instance"
#define ACTION      NS_DISCOVER "/Autodiscover/GetUserSettingsResponse"

static const struct xml_limits limits = { 256 * 1024, 16, 2000, 32 };

/* Whose settings are written, and where. */
struct answer {
    const struct mock_service *service;
    const struct mock_mailbox *mailbox;
    const struct mock_database *database;
    gw_time now;
    struct gw_buf text; /* one setting */
};

static void put_display(struct answer *a)
{
    gw_buf_add_cstr(&a->text, a->mailbox->display);
}

static void put_address(struct answer *a)
{
    gw_buf_add_cstr(&a->text, a->mailbox->address);
}

static void put_server(struct answer *a)
{
    gw_buf_add_cstr(&a->text, a->database->server);
}

static void put_url(struct answer *a)
{
    mock_service_url_write(a->service, a->mailbox, a->now, &a->text);
}

/* Mailboxes with the same one may share a connection for streaming. */
static void put_grouping(struct answer *a)
{
    gw_buf_add_cstr(&a->text, a->database->site);
}

static void put_schemas(struct answer *a)
{
    gw_buf_add_cstr(&a->text, a->service->product->schemas);
}

static void put_version(struct answer *a)
{
    const struct mock_product *p = a->service->product;

    gw_buf_addf(&a->text, "%d.%02d.%04d.%03d", p->major, p->minor, p->build, p->revision);
}

static const struct {
    const char *name;
    void (*put)(struct answer *a);
} setting[] = {
    { "UserDisplayName", put_display },      { "AutoDiscoverSMTPAddress", put_address },
    { "InternalMailboxServer", put_server }, { "InternalEwsUrl", put_url },
    { "ExternalEwsUrl", put_url },           { "GroupingInformation", put_grouping },
    { "EwsSupportedSchemas", put_schemas },  { "CasVersion", put_version },
};
enum { SETTINGS = sizeof(setting) / sizeof(*setting) };

static void error_put(struct xml_writer *w, const char *code, const char *message)
{
    xml_put(w, "ErrorCode", gw_str_of(code));
    xml_put(w, "ErrorMessage", gw_str_of(message));
}

static size_t setting_find(struct gw_str name)
{
    size_t i = 0;

    while (i < SETTINGS && !gw_str_is(name, setting[i].name))
        i++;
    return i;
}

/* Each setting is written, or there is an error for it. 'code': every one fails with it. */
static void errors_write(struct xml_writer *w, const struct xml_node *wanted, const char *code)
{
    xml_open(w, "UserSettingErrors");
    for (const struct xml_node *n = wanted->child; n; n = n->next) {
        if (!code && setting_find(xml_text(n)) < SETTINGS)
            continue;
        xml_open(w, "UserSettingError");
        error_put(w, code ? code : "SettingIsNotAvailable",
                  code ? code : "This setting is not available.");
        xml_put(w, "SettingName", xml_text(n));
        xml_close(w);
    }
    xml_close(w);
}

static void values_write(struct xml_writer *w, struct answer *a, const struct xml_node *wanted)
{
    xml_open(w, "UserSettings");
    for (const struct xml_node *n = wanted->child; a->mailbox && n; n = n->next) {
        size_t i = setting_find(xml_text(n));

        if (i == SETTINGS)
            continue;
        gw_buf_reset(&a->text);
        setting[i].put(a);
        xml_open(w, "UserSetting");
        xml_put_attr(w, "i:type", GW_STR("StringSetting"));
        xml_put(w, "Name", gw_str_of(setting[i].name));
        xml_put(w, "Value", gw_buf_str(&a->text));
        xml_close(w);
    }
    xml_close(w);
}

/* What is said instead of settings; NULL: nothing. */
static const char *trouble_find(const struct mock_mailbox *mailbox, const char **target)
{
    const struct mock_discovery *discovery;

    *target = NULL;
    if (!mailbox)
        return "InvalidUser";
    discovery = &mock_mailbox_traits(mailbox)->discovery;
    if (discovery->level == MOCK_DISCOVERY_USER)
        return discovery->error_code;
    *target = discovery->redirect_url ? discovery->redirect_url : discovery->redirect_address;
    if (!*target)
        return NULL;
    return discovery->redirect_url ? "RedirectUrl" : "RedirectAddress";
}

static void user_write(struct xml_writer *w, struct answer *a, const struct xml_node *wanted)
{
    const struct mock_mailbox *mailbox = a->mailbox;
    const char *target, *code = trouble_find(mailbox, &target), *each = NULL;

    if (!code && mock_mailbox_traits(mailbox)->discovery.level == MOCK_DISCOVERY_SETTING)
        each = mock_mailbox_traits(mailbox)->discovery.error_code;
    if (code || each)
        a->mailbox = NULL; /* no values */
    xml_open(w, "UserResponse");
    error_put(w, code ? code : "NoError",
              !code     ? "No error."
              : mailbox ? code
                        : "The email address can't be found.");
    xml_open(w, "RedirectTarget");
    if (target)
        xml_put_text(w, gw_str_of(target));
    else
        xml_put_attr(w, "i:nil", GW_STR("true"));
    xml_close(w);
    if (code) {
        xml_open(w, "UserSettingErrors");
        xml_close(w);
    } else {
        errors_write(w, wanted, each);
    }
    values_write(w, a, wanted);
    xml_close(w);
}

static void envelope_open(struct xml_writer *w, struct gw_buf *out,
                          const struct mock_product *product)
{
    xml_write_init(w, out);
    xml_write_declaration(w);
    xml_open(w, "s:Envelope");
    xml_put_attr(w, "xmlns:s", GW_STR(MOCK_NS_SOAP));
    xml_put_attr(w, "xmlns:a", GW_STR(NS_WSA));
    xml_open(w, "s:Header");
    xml_open(w, "a:Action");
    xml_put_attr(w, "s:mustUnderstand", GW_STR("1"));
    xml_put_text(w, GW_STR(ACTION));
    xml_close(w);
    xml_open(w, "h:ServerVersionInfo");
    xml_put_attr(w, "xmlns:h", GW_STR(NS_DISCOVER));
    mock_put_int(w, "h:MajorVersion", product->major);
    mock_put_int(w, "h:MinorVersion", product->minor);
    mock_put_int(w, "h:MajorBuildNumber", product->build);
    mock_put_int(w, "h:MinorBuildNumber", product->revision);
    xml_put(w, "h:Version", gw_str_of(product->version));
    xml_close(w);
    xml_close(w);
    xml_open(w, "s:Body");
}

static void fault_write(struct gw_buf *out, const struct mock_product *product, const char *why)
{
    struct xml_writer w;

    envelope_open(&w, out, product);
    xml_open(&w, "s:Fault");
    xml_put(&w, "faultcode", GW_STR("s:Client"));
    xml_open(&w, "faultstring");
    xml_put_attr(&w, "xml:lang", GW_STR("en-US"));
    xml_put_text(&w, gw_str_of(why));
    xml_close(&w);
    xml_close(&w);
    mock_envelope_close(&w);
}

/* The code of the whole request: of a mailbox that fails so, or that there are too many. */
static const char *request_check(const struct mock_service *service, const struct xml_node *users,
                                 const char **message)
{
    size_t count = 0;

    for (const struct xml_node *user = users->child; user; user = user->next) {
        const struct mock_mailbox *mailbox =
            mock_mailbox_by_smtp(service->org, xml_child_text(user, NS_DISCOVER, "Mailbox"));

        if (mailbox && mock_mailbox_traits(mailbox)->discovery.level == MOCK_DISCOVERY_RESPONSE)
            return *message = mock_mailbox_traits(mailbox)->discovery.error_code;
        count++;
    }
    *message = "The number of users exceeds the maximum.";
    return count > MOCK_DISCOVER_USERS_MAX ? "InvalidRequest" : NULL;
}

static void users_write(struct xml_writer *w, const struct mock_service *service,
                        const struct xml_node *request, gw_time now, struct mock_served *served)
{
    const struct xml_node *users = xml_child(request, NS_DISCOVER, "Users");
    const struct xml_node *wanted = xml_child(request, NS_DISCOVER, "RequestedSettings");
    struct answer a = { .service = service, .now = now };

    gw_buf_init(&a.text, MOCK_TEXT_MAX);
    xml_open(w, "UserResponses");
    for (const struct xml_node *user = users->child; user; user = user->next) {
        struct mock_mailbox *mailbox =
            mock_mailbox_by_smtp(service->org, xml_child_text(user, NS_DISCOVER, "Mailbox"));

        if (mailbox) {
            served->mailbox = mailbox;
            mailbox->calls[MOCK_AUTODISCOVER]++;
            a.database = mock_database_of(service->places, mailbox, now);
        } else {
            served->code = "InvalidUser";
        }
        a.mailbox = mailbox;
        user_write(w, &a, wanted);
        served->mailboxes++;
    }
    xml_close(w);
    gw_buf_done(&a.text);
}

static void response_write(struct gw_buf *out, const struct mock_service *service,
                           const struct xml_node *request, gw_time now, struct mock_served *served)
{
    const char *message;
    const char *code = request_check(service, xml_child(request, NS_DISCOVER, "Users"), &message);
    struct xml_writer w;

    envelope_open(&w, out, service->product);
    xml_open(&w, "GetUserSettingsResponseMessage");
    xml_put_attr(&w, "xmlns", GW_STR(NS_DISCOVER));
    xml_open(&w, "Response");
    xml_put_attr(&w, "xmlns:i", GW_STR(NS_XSI));
    error_put(&w, code ? code : "NoError", code ? message : "");
    if (code)
        served->code = "ErrorAutodiscover";
    else
        users_write(&w, service, request, now, served);
    xml_close(&w);
    xml_close(&w);
    mock_envelope_close(&w);
}

void mock_discover_soap(const struct mock_service *service, struct gw_str body, struct gw_now now,
                        struct gw_buf *out, struct mock_served *served)
{
    const struct xml_node *request = NULL;
    struct xml_doc *doc = NULL;
    struct gw_err err;

    *served =
        (struct mock_served){ .status = 200, .operation = MOCK_AUTODISCOVER, .code = "NoError" };
    if (!service->product->schemas) {
        served->status = 404;
        served->code = "not there";
        return;
    }
    if (!xml_doc_parse(body, &limits, &doc, &err))
        request = xml_child(xml_child(xml_child(xml_doc_root(doc), MOCK_NS_SOAP, "Body"),
                                      NS_DISCOVER, "GetUserSettingsRequestMessage"),
                            NS_DISCOVER, "Request");
    if (xml_child(request, NS_DISCOVER, "Users") &&
        xml_child(request, NS_DISCOVER, "RequestedSettings")) {
        response_write(out, service, request, now.mono, served);
    } else {
        served->status = 500;
        served->code = "soap:Client";
        fault_write(out, service->product, "The request is not a GetUserSettings request.");
    }
    xml_doc_free(&doc);
}

/* POX, "plain old XML": one address in, its protocols out. Errors come with HTTP 200. */
#include <stdio.h>

#include "mock_discover.h"
#include "mock_soap.h"

#define NS_REQUEST  "http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"
#define NS_RESPONSE "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006"
#define NS_OUTLOOK  "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"

static const struct xml_limits limits = { 64 * 1024, 16, 200, 32 };

static void error_write(struct xml_writer *w, struct gw_now now, const char *code,
                        const char *message)
{
    struct gw_civil c;
    char time[24];

    gw_utc_to_civil(now.utc, &c);
    snprintf(time, sizeof(time), "%02d:%02d:%02d.%03d0000", c.hour, c.minute, c.second, c.ms);
    xml_open(w, "Response");
    xml_open(w, "Error");
    xml_put_attr(w, "Time", gw_str_of(time));
    xml_put_attr(w, "Id", GW_STR("2477272013"));
    xml_put(w, "ErrorCode", gw_str_of(code));
    xml_put(w, "Message", gw_str_of(message));
    xml_put(w, "DebugData", GW_STR(""));
    xml_close(w);
    xml_close(w);
}

/* The version in bits: a 7, major and minor in 6 each, a 1, the build in 15. */
static void server_version_write(struct xml_writer *w, const struct mock_product *product)
{
    char hex[16];

    snprintf(hex, sizeof(hex), "%08X",
             0x70008000u | (unsigned)product->major << 22 | (unsigned)product->minor << 16 |
                 (unsigned)product->build);
    xml_put(w, "ServerVersion", gw_str_of(hex));
}

static void protocol_write(struct xml_writer *w, const struct mock_service *service,
                           const char *type, const char *server, struct gw_str url)
{
    xml_open(w, "Protocol");
    xml_put(w, "Type", gw_str_of(type));
    xml_put(w, "Server", gw_str_of(server));
    server_version_write(w, service->product);
    xml_put(w, "ASUrl", url);
    xml_put(w, "EwsUrl", url);
    xml_put(w, "OOFUrl", url);
    xml_close(w);
}

static void settings_write(struct xml_writer *w, const struct mock_service *service,
                           const struct mock_mailbox *mailbox, gw_time now)
{
    const struct mock_database *database = mock_database_of(service->places, mailbox, now);
    struct gw_buf url;

    gw_buf_init(&url, 256);
    mock_service_url_write(service, mailbox, now, &url);
    xml_put(w, "AccountType", GW_STR("email"));
    xml_put(w, "Action", GW_STR("settings"));
    protocol_write(w, service, "EXCH", database->server, gw_buf_str(&url));
    protocol_write(w, service, "EXPR", database->server, gw_buf_str(&url));
    gw_buf_done(&url);
}

static void account_write(struct xml_writer *w, const struct mock_service *service,
                          const struct mock_mailbox *mailbox, gw_time now)
{
    const struct mock_discovery *discovery = &mock_mailbox_traits(mailbox)->discovery;

    xml_open(w, "Response");
    xml_put_attr(w, "xmlns", GW_STR(NS_OUTLOOK));
    xml_open(w, "User");
    xml_put(w, "DisplayName", gw_str_of(mailbox->display));
    xml_put(w, "AutoDiscoverSMTPAddress", gw_str_of(mailbox->address));
    xml_close(w);
    xml_open(w, "Account");
    if (discovery->redirect_url) {
        xml_put(w, "Action", GW_STR("redirectUrl"));
        xml_put(w, "RedirectUrl", gw_str_of(discovery->redirect_url));
    } else if (discovery->redirect_address) {
        xml_put(w, "Action", GW_STR("redirectAddr"));
        xml_put(w, "RedirectAddr", gw_str_of(discovery->redirect_address));
    } else {
        settings_write(w, service, mailbox, now);
    }
    xml_close(w);
    xml_close(w);
}

/* NULL: answer with settings; otherwise an ErrorCode, and what it means. */
static const char *request_check(const struct xml_node *root, const char **message)
{
    const struct xml_node *request = xml_child(root, NS_REQUEST, "Request");

    *message = "Invalid Request";
    if (!xml_is(root, NS_REQUEST, "Autodiscover") || !request ||
        !xml_child_text(request, NS_REQUEST, "EMailAddress").len)
        return "600";
    *message = "Provider is not available";
    if (!gw_str_is(xml_child_text(request, NS_REQUEST, "AcceptableResponseSchema"), NS_OUTLOOK))
        return "601";
    return NULL;
}

/* Error codes of this protocol are numbers; that of a trait which is none is said as the message. */
static const char *mailbox_check(const struct mock_mailbox *mailbox, const char **message)
{
    const struct mock_discovery *discovery;
    int64_t number;

    *message = "The email address can't be found.";
    if (!mailbox)
        return "500";
    discovery = &mock_mailbox_traits(mailbox)->discovery;
    if (discovery->level == MOCK_DISCOVERY_FINE)
        return NULL;
    *message = discovery->error_code;
    return gw_str_to_int(gw_str_of(discovery->error_code), 1, 999, &number) ? discovery->error_code
                                                                            : "603";
}

void mock_discover_pox(const struct mock_service *service, struct gw_str body, struct gw_now now,
                       struct gw_buf *out, struct mock_served *served)
{
    struct xml_doc *doc = NULL;
    const struct xml_node *root = NULL;
    const char *message, *code;
    struct xml_writer w;

    *served =
        (struct mock_served){ .status = 200, .operation = MOCK_AUTODISCOVER, .code = "NoError" };
    if (!xml_doc_parse(body, &limits, &doc, NULL))
        root = xml_doc_root(doc);
    code = request_check(root, &message);
    if (!code) {
        served->mailbox =
            mock_mailbox_by_smtp(service->org, xml_text(xml_path(root, "Request/EMailAddress")));
        code = mailbox_check(served->mailbox, &message);
        if (served->mailbox)
            served->mailbox->calls[MOCK_AUTODISCOVER]++;
    }
    xml_write_init(&w, out);
    xml_write_declaration(&w);
    xml_open(&w, "Autodiscover");
    xml_put_attr(&w, "xmlns", GW_STR(NS_RESPONSE));
    if (code) {
        served->code = "ErrorAutodiscover";
        error_write(&w, now, code, message);
    } else {
        account_write(&w, service, served->mailbox, now.mono);
    }
    xml_close(&w);
    xml_doc_free(&doc);
}

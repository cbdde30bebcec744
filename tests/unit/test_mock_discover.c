/* Autodiscover, both protocols. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "mock_discover.h"

static const struct gw_now now = { 5, 1700000000000 };

static void url_write(const struct mock_mailbox *mailbox, gw_time at, struct gw_buf *out, void *ctx)
{
    (void)at;
    gw_buf_addf(out, "https://%s/%u", (const char *)ctx, mailbox->number);
}

static struct mock_mailbox *box_add(struct mock_org *org, const char *address)
{
    struct mock_mailbox_args args = { .address = gw_str_of(address) };
    struct mock_mailbox *mailbox;

    assert_int_equal(mock_mailbox_add(org, &args, &mailbox, NULL), GW_OK);
    return mailbox;
}

static void traits_set(struct mock_mailbox *mailbox, struct mock_discovery discovery)
{
    struct mock_traits traits = mock_traits_usual;

    traits.discovery = discovery;
    mock_mailbox_set_traits(mailbox, &traits);
}

static struct mock_service service;

static int setup(void **state)
{
    (void)state;
    mock_service_defaults(&service);
    service.org = mock_org_new();
    service.places = mock_places_new();
    service.url_write = url_write;
    service.url_ctx = "cas";
    (void)box_add(service.org, "ann@example");
    traits_set(box_add(service.org, "moved@example"),
               (struct mock_discovery){ .redirect_address = "ann@other.example" });
    traits_set(box_add(service.org, "away@example"),
               (struct mock_discovery){ .redirect_url = "https://other.example/x" });
    traits_set(
        box_add(service.org, "busy@example"),
        (struct mock_discovery){ .level = MOCK_DISCOVERY_RESPONSE, .error_code = "ServerBusy" });
    traits_set(box_add(service.org, "bad@example"),
               (struct mock_discovery){ .level = MOCK_DISCOVERY_USER, .error_code = "501" });
    traits_set(box_add(service.org, "few@example"),
               (struct mock_discovery){ .level = MOCK_DISCOVERY_SETTING,
                                        .error_code = "InternalServerError" });
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    mock_org_free(&service.org);
    mock_places_free(&service.places);
    return 0;
}

#define NS_OUTLOOK "http://schemas.microsoft.com/exchange/autodiscover/outlook/"
#define POX(address, schema)                                                                       \
    "<Autodiscover xmlns='" NS_OUTLOOK "requestschema/2006'><Request><EMailAddress>" address       \
    "</EMailAddress><AcceptableResponseSchema>" schema                                             \
    "</AcceptableResponseSchema></Request></Autodiscover>"
#define POX_2006A(address) POX(address, NS_OUTLOOK "responseschema/2006a")

static const struct {
    const char *body, *part, *other; /* of the answer */
} pox_case[] = {
    { POX_2006A("ann@example"), "<Action>settings</Action><Protocol><Type>EXCH</Type>",
      "<EwsUrl>https://cas/1</EwsUrl><OOFUrl>https://cas/1</OOFUrl>" },
    { POX_2006A("ANN@example"), "<ServerVersion>73C28608</ServerVersion>", "<Type>EXPR</Type>" },
    { POX_2006A("moved@example"), "<Action>redirectAddr</Action>",
      "<RedirectAddr>ann@other.example</RedirectAddr>" },
    { POX_2006A("away@example"), "<Action>redirectUrl</Action>",
      "<RedirectUrl>https://other.example/x</RedirectUrl>" },
    { POX_2006A("nobody@example"), "<ErrorCode>500</ErrorCode>", "Time=\"22:13:20.0000000\"" },
    { POX_2006A("bad@example"), "<ErrorCode>501</ErrorCode>", "<DebugData/>" },
    { POX_2006A("busy@example"), "<ErrorCode>603</ErrorCode>", "ServerBusy" },
    { POX_2006A(""), "<ErrorCode>600</ErrorCode>", "Invalid Request" },
    { POX("ann@example", "urn:x"), "<ErrorCode>601</ErrorCode>", "Provider" },
    { "<Autodiscover/>", "<ErrorCode>600</ErrorCode>", "" },
    { "hello", "<ErrorCode>600</ErrorCode>", "" },
    { "", "<ErrorCode>600</ErrorCode>", "" },
};

static void test_pox(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(pox_case) / sizeof(*pox_case); i++) {
        struct mock_served served;
        struct gw_buf out;

        gw_buf_init(&out, MOCK_ANSWER_MAX);
        mock_discover_pox(&service, gw_str_of(pox_case[i].body), now, &out, &served);
        assert_int_equal(served.status, 200);
        assert_int_equal(served.operation, MOCK_AUTODISCOVER);
        if (!strstr(out.p, pox_case[i].part) || !strstr(out.p, pox_case[i].other))
            fail_msg("%s: %s", pox_case[i].body, out.p);
        gw_buf_done(&out);
    }
}

#define NS_DISCOVER "http://schemas.microsoft.com/exchange/2010/Autodiscover"
#define SOAP(users, settings)                                                                      \
    "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/' xmlns:a='" NS_DISCOVER "'>"   \
    "<s:Body><a:GetUserSettingsRequestMessage><a:Request><a:Users>" users                          \
    "</a:Users><a:RequestedSettings>" settings                                                     \
    "</a:RequestedSettings></a:Request></a:GetUserSettingsRequestMessage></s:Body></s:Envelope>"
#define USER(address)     "<a:User><a:Mailbox>" address "</a:Mailbox></a:User>"
#define SETTING(name)     "<a:Setting>" name "</a:Setting>"
#define VALUE(name, text) "<Name>" name "</Name><Value>" text "</Value>"

static const struct {
    const char *body;
    int status;
    const char *part, *other;
} soap_case[] = {
    { SOAP(USER("ann@example"), SETTING("InternalEwsUrl") SETTING("CasVersion")), 200,
      VALUE("InternalEwsUrl", "https://cas/1"), VALUE("CasVersion", "15.02.1544.011") },
    { SOAP(USER("ann@example"), SETTING("ExternalEwsUrl") SETTING("EwsSupportedSchemas")), 200,
      VALUE("ExternalEwsUrl", "https://cas/1"), "Exchange2010_SP2, Exchange2013" },
    { SOAP(USER("ann@example"), SETTING("GroupingInformation") SETTING("UserDisplayName")), 200,
      "<Name>GroupingInformation</Name>", VALUE("UserDisplayName", "ann") },
    { SOAP(USER("ann@example"), SETTING("Weather")), 200,
      "<ErrorCode>SettingIsNotAvailable</ErrorCode>", "<SettingName>Weather</SettingName>" },
    { SOAP(USER("moved@example"), SETTING("CasVersion")), 200,
      "<ErrorCode>RedirectAddress</ErrorCode>",
      "<RedirectTarget>ann@other.example</RedirectTarget><UserSettingErrors/><UserSettings/>" },
    { SOAP(USER("away@example"), SETTING("CasVersion")), 200, "<ErrorCode>RedirectUrl</ErrorCode>",
      "<RedirectTarget>https://other.example/x</RedirectTarget>" },
    { SOAP(USER("nobody@example") USER("ann@example"), SETTING("CasVersion")), 200,
      "<ErrorCode>InvalidUser</ErrorCode>", "<ErrorCode>NoError</ErrorCode>" },
    { SOAP(USER("bad@example"), SETTING("CasVersion")), 200, "<ErrorCode>501</ErrorCode>",
      "<UserSettings/>" },
    { SOAP(USER("few@example"), SETTING("CasVersion")), 200,
      "<UserSettingError><ErrorCode>InternalServerError</ErrorCode>", "<UserSettings/>" },
    { SOAP(USER("ann@example") USER("busy@example"), SETTING("CasVersion")), 200,
      "<ErrorCode>ServerBusy</ErrorCode><ErrorMessage>ServerBusy</ErrorMessage></Response>", "" },
    { SOAP("", ""), 200, "<UserResponses/>", "" },
    { "<a/>", 500, "<faultcode>s:Client</faultcode>", "" },
    { "<a>", 500, "<s:Fault>", "ServerVersionInfo" },
};

static void soap_expect(const char *body, int status, const char *part, const char *other)
{
    struct mock_served served;
    struct gw_buf out;

    gw_buf_init(&out, MOCK_ANSWER_MAX);
    mock_discover_soap(&service, gw_str_of(body), now, &out, &served);
    assert_int_equal(served.status, status);
    if (part && (!strstr(out.p, part) || !strstr(out.p, other)))
        fail_msg("%s: %s", body, out.p);
    gw_buf_done(&out);
}

static void test_soap(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(soap_case) / sizeof(*soap_case); i++)
        soap_expect(soap_case[i].body, soap_case[i].status, soap_case[i].part, soap_case[i].other);
}

static void test_many_users(void **state)
{
    static const char body[] = SOAP("%s", SETTING("CasVersion"));
    struct gw_buf users, text;

    (void)state;
    gw_buf_init(&users, 1 << 16);
    gw_buf_init(&text, 1 << 16);
    for (int i = 0; i <= MOCK_DISCOVER_USERS_MAX; i++)
        gw_buf_add_cstr(&users, USER("ann@example"));
    gw_buf_add_str(&text, gw_str_sub(gw_str_of(body), 0, (size_t)(strstr(body, "%s") - body)));
    gw_buf_add_str(&text, gw_buf_str(&users));
    gw_buf_add_cstr(&text, strstr(body, "%s") + 2);
    soap_expect(text.p, 200, "<ErrorCode>InvalidRequest</ErrorCode>", "</Response>");
    gw_buf_done(&users);
    gw_buf_done(&text);
}

static void test_2007_has_no_soap(void **state)
{
    const struct mock_product *product = service.product;

    (void)state;
    service.product = mock_product_find(GW_STR("2007"));
    soap_expect(soap_case[0].body, 404, NULL, NULL);
    service.product = product;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_pox, setup, teardown),
        cmocka_unit_test_setup_teardown(test_soap, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_users, setup, teardown),
        cmocka_unit_test_setup_teardown(test_2007_has_no_soap, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

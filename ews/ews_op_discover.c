/* Autodiscover: where a mailbox's server is. The SOAP service of 2010 and later tells more; 2007 has
 * the older one only, POX, plain XML. Both may send the asker on, to another address or server. */
#include "ews_priv.h"

#define NS_AUTODISCOVER "http://schemas.microsoft.com/exchange/2010/Autodiscover"
#define NS_ADDRESSING   "http://www.w3.org/2005/08/addressing"
#define NS_POX_REQUEST                                                                             \
    "http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"
#define NS_POX_RESPONSE                                                                            \
    "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"

static enum gw_code discover_check(const struct ews_request *request, struct gw_err *err)
{
    enum gw_code rc = ews_address_check(request->mailbox, err);

    if (rc)
        return rc;
    if (!request->url.len || request->url.len > EWS_URL_MAX)
        return gw_fail(err, GW_INVALID, "autodiscover address is missing or longer than %d bytes",
                       EWS_URL_MAX);
    return GW_OK;
}

/* Empty when it is longer than anything that could be used. */
static struct gw_str keep(struct gw_str s, struct gw_arena *arena)
{
    return gw_arena_dup(arena, gw_str_sub(s, 0, s.len <= EWS_URL_MAX ? s.len : 0));
}

static struct ews_discovery *discovery_new(struct gw_arena *arena, struct ews_answer *out)
{
    struct ews_discovery *d = gw_arena_alloc(arena, sizeof(*d));

    if (!d)
        ews_set_too_large(&out->status);
    out->discovery = d;
    return d;
}

static void set_sent_on(struct ews_status *out)
{
    ews_status_set(out, EWS_ELSEWHERE, "redirect", "the server sends on to another one");
    out->alive = true;
}

static void set_found(const struct ews_discovery *d, struct ews_status *out)
{
    if (d->internal_url.len || d->external_url.len)
        ews_status_set_code(out, GW_STR("NoError"), (struct gw_str){ NULL, 0 });
    else
        ews_set_missing(out, "address of Exchange Web Services");
}

/* 301 and its like, with whatever body. */
bool ews_discover_redirect(const struct ews_http *http, struct gw_arena *arena,
                           struct ews_answer *out)
{
    struct ews_discovery *d;

    if (http->status < 300 || http->status >= 400 || !http->location.len)
        return false;
    d = discovery_new(arena, out);
    if (!d)
        return true;
    d->redirect_url = keep(http->location, arena);
    set_sent_on(&out->status);
    out->status.alive = false;
    return true;
}

/* ---- SOAP ------------------------------------------------------------------------------------- */

static const char *const setting_table[] = { "InternalEwsUrl", "ExternalEwsUrl",
                                             "GroupingInformation" };

static void soap_header(struct xml_writer *w, const struct ews_request *request)
{
    xml_open(w, "s:Header");
    xml_put(w, "a:RequestedServerVersion", GW_STR("Exchange2010"));
    xml_put(w, "w:Action", GW_STR(NS_AUTODISCOVER "/Autodiscover/GetUserSettings"));
    xml_put(w, "w:To", request->url);
    xml_close(w);
}

static void soap_document(struct xml_writer *w, const struct ews_request *request)
{
    xml_open(w, "s:Envelope");
    xml_put_attr(w, "xmlns:s", GW_STR(EWS_NS_SOAP));
    xml_put_attr(w, "xmlns:a", GW_STR(NS_AUTODISCOVER));
    xml_put_attr(w, "xmlns:w", GW_STR(NS_ADDRESSING));
    soap_header(w, request);
    xml_open(w, "s:Body");
    xml_open(w, "a:GetUserSettingsRequestMessage");
    xml_open(w, "a:Request");
    xml_open(w, "a:Users");
    xml_open(w, "a:User");
    xml_put(w, "a:Mailbox", request->mailbox);
    xml_close(w);
    xml_close(w);
    xml_open(w, "a:RequestedSettings");
    for (size_t i = 0; i < sizeof(setting_table) / sizeof(setting_table[0]); i++)
        xml_put(w, "a:Setting", gw_str_of(setting_table[i]));
    while (w->depth)
        xml_close(w);
}

static void soap_settings(const struct xml_node *user, struct gw_arena *arena,
                          struct ews_discovery *d)
{
    struct gw_str *const field[] = { &d->internal_url, &d->external_url, &d->grouping };
    const struct xml_node *n = xml_path(user, "UserSettings/UserSetting");

    for (; n; n = ews_next_named(n))
        for (size_t i = 0; i < sizeof(field) / sizeof(field[0]); i++)
            if (gw_str_is(xml_child_text(n, NULL, "Name"), setting_table[i]))
                *field[i] = keep(xml_child_text(n, NULL, "Value"), arena);
}

/* An error is said at one of two levels, each with the place to be sent on to. False: no error. */
static bool soap_error(const struct xml_node *n, struct gw_arena *arena, struct ews_discovery *d,
                       struct ews_status *status)
{
    struct gw_str code = xml_child_text(n, NULL, "ErrorCode");
    struct gw_str target = xml_child_text(n, NULL, "RedirectTarget");

    if (gw_str_is(code, "RedirectAddress"))
        d->redirect_address = keep(target, arena);
    else if (gw_str_is(code, "RedirectUrl"))
        d->redirect_url = keep(target, arena);
    if (d->redirect_address.len || d->redirect_url.len)
        set_sent_on(status);
    else if (code.len && !gw_str_is(code, "NoError"))
        ews_status_set_code(status, code, xml_child_text(n, NULL, "ErrorMessage"));
    else
        return false;
    return true;
}

/* Neither address is there: the error of the first setting, which is one of them, tells why. */
static void soap_setting_error(const struct xml_node *user, struct ews_status *status)
{
    const struct xml_node *error = xml_path(user, "UserSettingErrors/UserSettingError");
    struct gw_str code = xml_child_text(error, NULL, "ErrorCode");

    if (code.len)
        ews_status_set_code(status, code, xml_child_text(error, NULL, "ErrorMessage"));
}

static void soap_parse(const struct xml_node *body, const struct ews_request *request,
                       struct gw_arena *arena, struct ews_answer *out)
{
    const struct xml_node *response = xml_child(body, NULL, "Response");
    const struct xml_node *user = xml_path(response, "UserResponses/UserResponse");
    struct ews_discovery *d = discovery_new(arena, out);

    (void)request;
    if (!d || soap_error(response, arena, d, &out->status) ||
        soap_error(user, arena, d, &out->status))
        return;
    soap_settings(user, arena, d);
    set_found(d, &out->status);
    if (out->status.class != EWS_OK)
        soap_setting_error(user, &out->status);
}

const struct ews_op_info ews_op_discover = { .name = "GetUserSettings",
                                             .answer = "GetUserSettingsResponseMessage",
                                             .body_max = 256 * 1024,
                                             .nodes_max = 2000,
                                             .discovers = true,
                                             .check = discover_check,
                                             .document = soap_document,
                                             .parse = soap_parse };

/* ---- POX -------------------------------------------------------------------------------------- */

static void pox_document(struct xml_writer *w, const struct ews_request *request)
{
    xml_open(w, "Autodiscover");
    xml_put_attr(w, "xmlns", GW_STR(NS_POX_REQUEST));
    xml_open(w, "Request");
    xml_put(w, "EMailAddress", request->mailbox);
    xml_put(w, "AcceptableResponseSchema", GW_STR(NS_POX_RESPONSE));
    xml_close(w);
    xml_close(w);
}

/* EXCH is for clients inside, EXPR for those outside; EXHTTP, of newer servers, for both. */
static void pox_protocol(const struct xml_node *protocol, struct gw_arena *arena,
                         struct ews_discovery *d)
{
    struct gw_str type = xml_child_text(protocol, NULL, "Type");
    struct gw_str url = xml_child_text(protocol, NULL, "EwsUrl");
    struct gw_str grouping = xml_child_text(protocol, NULL, "GroupingInformation");

    if (!url.len)
        url = xml_child_text(protocol, NULL, "ASUrl");
    if (gw_str_is(type, "EXPR"))
        d->external_url = keep(url, arena);
    else if (gw_str_is(type, "EXCH") || (gw_str_is(type, "EXHTTP") && !d->internal_url.len))
        d->internal_url = keep(url, arena);
    if (grouping.len)
        d->grouping = keep(grouping, arena);
}

static void pox_account(const struct xml_node *account, struct gw_arena *arena,
                        struct ews_discovery *d, struct ews_status *status)
{
    const struct xml_node *n = xml_child(account, NULL, "Protocol");

    d->redirect_address = keep(xml_child_text(account, NULL, "RedirectAddr"), arena);
    d->redirect_url = keep(xml_child_text(account, NULL, "RedirectUrl"), arena);
    if (d->redirect_address.len || d->redirect_url.len) {
        set_sent_on(status);
        return;
    }
    for (; n; n = ews_next_named(n))
        pox_protocol(n, arena, d);
    set_found(d, status);
}

static void pox_parse(const struct xml_node *root, const struct ews_request *request,
                      struct gw_arena *arena, struct ews_answer *out)
{
    const struct xml_node *response = xml_child(root, NULL, "Response");
    const struct xml_node *error = xml_child(response, NULL, "Error");
    struct ews_discovery *d = discovery_new(arena, out);
    char quoted[GW_QUOTE_MAX];

    (void)request;
    if (!d)
        return;
    if (error) {
        ews_status_set(&out->status, EWS_MAILBOX, "autodiscover-error",
                       "the server does not know the mailbox's place: %s",
                       gw_quote(xml_child_text(error, NULL, "Message"), quoted));
        out->status.alive = true;
    } else {
        pox_account(xml_child(response, NULL, "Account"), arena, d, &out->status);
    }
}

const struct ews_op_info ews_op_discover_pox = { .name = "Autodiscover",
                                                 .root = "Autodiscover",
                                                 .body_max = 256 * 1024,
                                                 .nodes_max = 4000,
                                                 .discovers = true,
                                                 .check = discover_check,
                                                 .document = pox_document,
                                                 .parse = pox_parse };

/* GetMailTips, the cheapest question for who is out of office, and GetServiceConfiguration, which
 * says what one may ask it. */
#include <stdio.h>

#include "mock_soap.h"

enum {
    RECIPIENTS_MAX = 50,
    MESSAGE_SIZE_MAX = 10 * 1024, /* KB: Exchange's default */
    LARGE_AUDIENCE = 25,
    LARGE_AUDIENCE_CAP = 1000,
    DOMAINS_MAX = 20
};

enum {
    TIP_OOF = 1,
    TIP_FULL = 2,
    TIP_SIZE = 4,
    TIP_RESTRICTED = 8,
    TIP_MODERATED = 16,
    TIP_INVALID = 32,
    TIP_OTHER = 64, /* about groups and policies: there is nothing to say of them here */
    TIP_ALL = 127
};

static const struct {
    const char *name;
    unsigned bit;
} tip[] = {
    { "All", TIP_ALL },
    { "OutOfOfficeMessage", TIP_OOF },
    { "MailboxFullStatus", TIP_FULL },
    { "CustomMailTip", TIP_OTHER },
    { "ExternalMemberCount", TIP_OTHER },
    { "TotalMemberCount", TIP_OTHER },
    { "MaxMessageSize", TIP_SIZE },
    { "DeliveryRestriction", TIP_RESTRICTED },
    { "ModerationStatus", TIP_MODERATED },
    { "InvalidRecipient", TIP_INVALID },
    { "Scope", TIP_OTHER },
    { "RecipientSuggestions", TIP_OTHER },
    { "PreferAccessibleContent", TIP_OTHER },
};

static bool is_space(char c)
{
    return gw_str_find(GW_STR(" \t\r\n"), c) >= 0;
}

/* The next word of an xs:list; false: no more. */
static bool word_next(struct gw_str *list, struct gw_str *word)
{
    size_t len = 0;

    *list = gw_str_trim(*list);
    while (len < list->len && !is_space(list->p[len]))
        len++;
    *word = gw_str_sub(*list, 0, len);
    *list = gw_str_sub(*list, len, list->len);
    return len > 0;
}

static bool tips_read(struct mock_call *call, struct gw_str list, unsigned *want)
{
    struct gw_str word;

    *want = 0;
    while (word_next(&list, &word)) {
        size_t i = 0;

        while (i < sizeof(tip) / sizeof(*tip) && !gw_str_is(word, tip[i].name))
            i++;
        if (i == sizeof(tip) / sizeof(*tip))
            return mock_fault_schema(call, "The 'MailTipsRequested' element is invalid: '%.*s'.",
                                     GW_STR_ARG(gw_str_utf8_cut(word, 60)));
        *want |= tip[i].bit;
    }
    return true;
}

/* A reply without text cannot be seen from here: there is no other sign of being out. */
static void oof_write(struct mock_call *call, const struct mock_mailbox *mailbox, bool internal)
{
    const struct mock_oof *oof = &mailbox->oof;
    bool active = gw_oof_is_active(&oof->setting, call->now.utc);
    const char *text = NULL;
    struct xml_writer *w = &call->w;

    if (active && internal)
        text = oof->internal_reply;
    else if (active && oof->audience == MOCK_AUDIENCE_ALL)
        text = oof->external_reply;
    xml_open(w, "t:OutOfOffice");
    xml_open(w, "t:ReplyBody");
    xml_put(w, "t:Message", gw_str_of(text));
    xml_close(w);
    if (text && oof->setting.state == GW_OOF_SCHEDULED)
        mock_put_duration(w, oof->setting.start, oof->setting.end);
    xml_close(w);
}

static void tips_write(struct mock_call *call, struct gw_str address, unsigned want, bool internal)
{
    const struct mock_mailbox *mailbox = mock_mailbox_by_smtp(call->service->org, address);
    bool pending = mailbox && (want & TIP_OOF) && mock_mailbox_traits(mailbox)->tips_pending;
    struct xml_writer *w = &call->w;

    xml_open(w, "m:MailTips");
    xml_open(w, "t:RecipientAddress");
    xml_put(w, "t:Name", gw_str_of(mailbox ? mailbox->display : ""));
    xml_put(w, "t:EmailAddress", address);
    xml_put(w, "t:RoutingType", GW_STR("SMTP"));
    xml_close(w);
    xml_put(w, "t:PendingMailTips", gw_str_of(pending ? "OutOfOfficeMessage" : ""));
    if (mailbox && (want & TIP_OOF) && !pending)
        oof_write(call, mailbox, internal);
    if (mailbox && (want & TIP_FULL))
        mock_put_bool(w, "t:MailboxFull", false);
    if (mailbox && (want & TIP_SIZE))
        mock_put_int(w, "t:MaxMessageSize", MESSAGE_SIZE_MAX);
    if (mailbox && (want & TIP_RESTRICTED))
        mock_put_bool(w, "t:DeliveryRestricted", false);
    if (mailbox && (want & TIP_MODERATED))
        mock_put_bool(w, "t:IsModerated", false);
    if (want & TIP_INVALID)
        mock_put_bool(w, "t:InvalidRecipient", !mailbox);
    xml_close(w);
}

/* Clients exist that write the tips beside the recipients, as text without an element; the schema
 * check refuses that, where there is one. */
static bool request_read(struct mock_call *call, unsigned *want)
{
    static const struct mock_rule rule[] = {
        { MOCK_NS_MESSAGES, "SendingAs", true, false },
        { MOCK_NS_MESSAGES, "Recipients", true, false },
        { MOCK_NS_MESSAGES, "MailTipsRequested", false, false },
    };
    const struct xml_node *tips = xml_child(call->node, MOCK_NS_MESSAGES, "MailTipsRequested");
    const struct xml_node *to = xml_child(call->node, MOCK_NS_MESSAGES, "Recipients");

    if (!mock_check_children(call, call->node, rule, 3))
        return false;
    for (const struct xml_node *n = to->child; n; n = n->next)
        if (!xml_is(n, MOCK_NS_TYPES, "Mailbox") ||
            !xml_child_text(n, MOCK_NS_TYPES, "EmailAddress").len)
            return mock_fault_schema(call, "The element 'Recipients' has an invalid child.");
    return tips_read(call, xml_text(tips ? tips : call->node), want);
}

static size_t children_count(const struct xml_node *node)
{
    size_t count = 0;

    for (const struct xml_node *n = node->child; n; n = n->next)
        count++;
    return count;
}

bool mock_get_mail_tips(struct mock_call *call)
{
    const struct xml_node *to = xml_child(call->node, MOCK_NS_MESSAGES, "Recipients");
    struct gw_str sender = xml_child_text(xml_child(call->node, MOCK_NS_MESSAGES, "SendingAs"),
                                          MOCK_NS_TYPES, "EmailAddress");
    bool internal = mock_mailbox_by_smtp(call->service->org, sender);
    struct xml_writer *w = &call->w;
    const char *code;
    unsigned want = 0;

    if (!request_read(call, &want))
        return false;
    code = call->service->mail_tips_off          ? "ErrorMailTipsDisabled"
           : children_count(to) > RECIPIENTS_MAX ? "ErrorInvalidArgument"
                                                 : NULL;
    mock_response_message_open(call, "m:GetMailTipsResponse", code);
    if (!code) {
        xml_open(w, "m:ResponseMessages");
        for (const struct xml_node *n = to->child; n; n = n->next) {
            struct gw_str address = xml_child_text(n, MOCK_NS_TYPES, "EmailAddress");

            mock_message_open(call, "m:MailTipsResponseMessageType", NULL);
            tips_write(call, address, want, internal);
            xml_close(w);
            call->served->mailboxes++;
        }
        xml_close(w);
    }
    xml_close(w);
    return true;
}

/* --- GetServiceConfiguration --- */

/* The domains of the first mailboxes, each once. */
static void domains_write(struct mock_call *call)
{
    struct gw_str seen[DOMAINS_MAX], domain;
    const struct mock_mailbox *mailbox;
    size_t pos = 0, count = 0;

    xml_open(&call->w, "t:InternalDomains");
    while (count < DOMAINS_MAX && pos < 1000 &&
           (mailbox = mock_mailbox_next(call->service->org, &pos))) {
        size_t i = 0;

        (void)gw_str_cut(gw_str_of(mailbox->address), "@", NULL, &domain);
        while (i < count && !gw_str_eq(seen[i], domain))
            i++;
        if (i < count)
            continue;
        seen[count++] = domain;
        xml_open(&call->w, "t:Domain");
        xml_put_attr(&call->w, "Name", domain);
        xml_close(&call->w);
    }
    xml_close(&call->w);
}

static void mail_tips_config_write(struct mock_call *call)
{
    struct xml_writer *w = &call->w;

    xml_open(w, "m:MailTipsConfiguration");
    mock_put_bool(w, "t:MailTipsEnabled", !call->service->mail_tips_off);
    mock_put_int(w, "t:MaxRecipientsPerGetMailTipsRequest", RECIPIENTS_MAX);
    mock_put_int(w, "t:MaxMessageSize", MESSAGE_SIZE_MAX * 1024);
    mock_put_int(w, "t:LargeAudienceThreshold", LARGE_AUDIENCE);
    mock_put_bool(w, "t:ShowExternalRecipientCount", false);
    domains_write(call);
    mock_put_bool(w, "t:PolicyTipsEnabled", false);
    mock_put_int(w, "t:LargeAudienceCap", LARGE_AUDIENCE_CAP);
    xml_close(w);
}

static void unified_messaging_write(struct mock_call *call)
{
    struct xml_writer *w = &call->w;

    xml_open(w, "m:UnifiedMessagingConfiguration");
    mock_put_bool(w, "t:UmEnabled", false);
    xml_put(w, "t:PlayOnPhoneDialString", GW_STR(""));
    mock_put_bool(w, "t:PlayOnPhoneEnabled", false);
    xml_close(w);
}

static void protection_rules_write(struct mock_call *call)
{
    struct xml_writer *w = &call->w;

    xml_open(w, "m:ProtectionRulesConfiguration");
    xml_put_attr(w, "RefreshInterval", GW_STR("24"));
    xml_open(w, "t:Rules");
    xml_close(w);
    domains_write(call);
    xml_close(w);
}

static void policy_nudges_write(struct mock_call *call)
{
    xml_open(&call->w, "m:PolicyNudgeRulesConfiguration");
    xml_close(&call->w);
}

static void nothing_write(struct mock_call *call)
{
    (void)call;
}

/* In the order of the answer's elements. */
static const struct {
    const char *name;
    void (*write)(struct mock_call *call);
} configuration[] = {
    { "MailTips", mail_tips_config_write },
    { "UnifiedMessagingConfiguration", unified_messaging_write },
    { "ProtectionRules", protection_rules_write },
    { "PolicyNudges", policy_nudges_write },
    { "SharePointURLs", nothing_write },
    { "OfficeIntegrationConfiguration", nothing_write },
};
enum { CONFIGURATIONS = sizeof(configuration) / sizeof(*configuration) };

static bool configuration_read(struct mock_call *call, const struct xml_node *list, unsigned *want)
{
    static const struct mock_rule rule[] = {
        { MOCK_NS_MESSAGES, "ConfigurationName", true, true },
    };

    *want = 0;
    if (!mock_check_children(call, list, rule, 1))
        return false;
    for (const struct xml_node *n = list->child; n; n = n->next) {
        struct gw_str names = xml_text(n), word;

        while (word_next(&names, &word)) {
            size_t i = 0;

            while (i < CONFIGURATIONS && !gw_str_is(word, configuration[i].name))
                i++;
            if (i == CONFIGURATIONS)
                return mock_fault_schema(call,
                                         "The 'ConfigurationName' element is invalid: '%.*s'.",
                                         GW_STR_ARG(gw_str_utf8_cut(word, 60)));
            *want |= 1u << i;
        }
    }
    return true;
}

bool mock_get_service_configuration(struct mock_call *call)
{
    static const struct mock_rule rule[] = {
        { MOCK_NS_MESSAGES, "ActingAs", false, false },
        { MOCK_NS_MESSAGES, "RequestedConfiguration", true, false },
        { MOCK_NS_MESSAGES, "ConfigurationRequestDetails", false, false },
    };
    const struct xml_node *list = xml_child(call->node, MOCK_NS_MESSAGES, "RequestedConfiguration");
    struct xml_writer *w = &call->w;
    unsigned want = 0;

    if (!mock_check_children(call, call->node, rule, 3) || !configuration_read(call, list, &want))
        return false;
    mock_response_message_open(call, "m:GetServiceConfigurationResponse", NULL);
    xml_open(w, "m:ResponseMessages");
    mock_message_open(call, "m:ServiceConfigurationResponseMessageType", NULL);
    for (size_t i = 0; i < CONFIGURATIONS; i++)
        if (want & 1u << i)
            configuration[i].write(call);
    xml_close(w);
    xml_close(w);
    xml_close(w);
    return true;
}

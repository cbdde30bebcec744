/* GetUserOofSettings: of the own mailbox only. */
#include "mock_soap.h"

static void reply_write(struct xml_writer *w, const char *name, const char *text)
{
    xml_open(w, name);
    if (text)
        xml_put_attr(w, "xml:lang", GW_STR("en-US"));
    xml_put(w, "t:Message", gw_str_of(text));
    xml_close(w);
}

static void settings_write(struct xml_writer *w, const struct mock_oof *oof)
{
    xml_open(w, "t:OofSettings");
    xml_put(w, "t:OofState", gw_str_of(mock_oof_state_name(oof->setting.state)));
    xml_put(w, "t:ExternalAudience", gw_str_of(mock_audience_name(oof->audience)));
    if (oof->setting.start || oof->setting.end) { /* stale ones are shown as well */
        xml_open(w, "t:Duration");
        mock_put_utc(w, "t:StartTime", oof->setting.start);
        mock_put_utc(w, "t:EndTime", oof->setting.end);
        xml_close(w);
    }
    reply_write(w, "t:InternalReply", oof->internal_reply);
    reply_write(w, "t:ExternalReply", oof->external_reply);
    xml_close(w);
}

static bool not_owner(struct mock_call *call)
{
    (void)mock_fault(call, "ErrorAccessDenied");
    call->fault.plain = true;
    call->fault.text = "Microsoft.Exchange.InfoWorker.Common.OOF.AccessDeniedException: "
                       "User must be mailbox owner for access.";
    return false;
}

bool mock_get_oof(struct mock_call *call)
{
    static const struct mock_rule rule[] = {
        { MOCK_NS_TYPES, "Mailbox", true, false },
    };
    static const struct mock_rule mailbox_rule[] = {
        { MOCK_NS_TYPES, "Name", false, false },
        { MOCK_NS_TYPES, "Address", true, false },
        { MOCK_NS_TYPES, "RoutingType", false, false },
    };
    const struct xml_node *who = xml_child(call->node, MOCK_NS_TYPES, "Mailbox");
    struct xml_writer *w = &call->w;
    struct mock_mailbox *mailbox;

    if (!mock_check_children(call, call->node, rule, 1) ||
        !mock_check_children(call, who, mailbox_rule, 3))
        return false;
    mailbox =
        mock_mailbox_by_smtp(call->service->org, xml_child_text(who, MOCK_NS_TYPES, "Address"));
    if (!mailbox || mailbox != call->self)
        return not_owner(call);
    xml_open(w, "m:GetUserOofSettingsResponse");
    xml_put_attr(w, "xmlns:m", GW_STR(MOCK_NS_MESSAGES));
    xml_put_attr(w, "xmlns:t", GW_STR(MOCK_NS_TYPES));
    mock_message_open(call, "m:ResponseMessage", NULL);
    xml_close(w);
    settings_write(w, &mailbox->oof);
    xml_put(w, "m:AllowExternalOof", GW_STR("All"));
    xml_close(w);
    return true;
}

/* GetUserOofSettings and SetUserOofSettings: of the own mailbox only. */
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
    if (oof->setting.start || oof->setting.end) /* stale ones are shown as well */
        mock_put_duration(w, oof->setting.start, oof->setting.end);
    reply_write(w, "t:InternalReply", oof->internal_reply);
    reply_write(w, "t:ExternalReply", oof->external_reply);
    xml_close(w);
}

/* The mailbox asked for; NULL with a fault: it is not the caller's own. */
static struct mock_mailbox *own_mailbox(struct mock_call *call)
{
    static const struct mock_rule rule[] = {
        { MOCK_NS_TYPES, "Name", false, false },
        { MOCK_NS_TYPES, "Address", true, false },
        { MOCK_NS_TYPES, "RoutingType", false, false },
    };
    const struct xml_node *who = xml_child(call->node, MOCK_NS_TYPES, "Mailbox");
    struct mock_mailbox *mailbox;

    if (!mock_check_children(call, who, rule, 3))
        return NULL;
    mailbox =
        mock_mailbox_by_smtp(call->service->org, xml_child_text(who, MOCK_NS_TYPES, "Address"));
    if (mailbox && mailbox == call->self)
        return mailbox;
    (void)mock_fault_plain(call, "Microsoft.Exchange.InfoWorker.Common.OOF.AccessDeniedException: "
                                 "User must be mailbox owner for access.");
    return NULL;
}

bool mock_get_oof(struct mock_call *call)
{
    static const struct mock_rule rule[] = {
        { MOCK_NS_TYPES, "Mailbox", true, false },
    };
    struct xml_writer *w = &call->w;
    struct mock_mailbox *mailbox;
    const char *code;

    if (!mock_check_children(call, call->node, rule, 1) || !(mailbox = own_mailbox(call)))
        return false;
    code = mock_reach(call, mailbox);
    mock_response_open(call, "m:GetUserOofSettingsResponse");
    mock_message_error(call, "m:ResponseMessage", code);
    if (!code) {
        settings_write(w, &mailbox->oof);
        xml_put(w, "m:AllowExternalOof",
                mock_mailbox_traits(mailbox)->external_oof ? GW_STR("All") : GW_STR("None"));
    }
    xml_close(w);
    return true;
}

/* Times without offset are UTC. False with a fault. */
static bool duration_read(struct mock_call *call, const struct xml_node *node, struct gw_oof *out)
{
    static const struct mock_rule rule[] = {
        { MOCK_NS_TYPES, "StartTime", true, false },
        { MOCK_NS_TYPES, "EndTime", true, false },
    };
    gw_utc start, end;

    if (!mock_check_children(call, node, rule, 2))
        return false;
    if (gw_utc_parse(xml_child_text(node, MOCK_NS_TYPES, "StartTime"), &start, NULL) ||
        gw_utc_parse(xml_child_text(node, MOCK_NS_TYPES, "EndTime"), &end, NULL))
        return mock_fault_schema(call, "The Duration is not of xs:dateTime.");
    out->start = start;
    out->end = end;
    return true;
}

/* NULL: none. */
static char *reply_read(const struct xml_node *settings, const char *name)
{
    const struct xml_node *message =
        xml_child(xml_child(settings, MOCK_NS_TYPES, name), MOCK_NS_TYPES, "Message");

    return message && message->text.len ? (char *)message->text.p : NULL;
}

/* What newer servers can do besides, declining meetings and the like, is checked and left alone. */
static bool settings_read(struct mock_call *call, const struct xml_node *settings,
                          struct mock_oof *oof)
{
    static const struct mock_rule rule[] = {
        { MOCK_NS_TYPES, "OofState", true, false },
        { MOCK_NS_TYPES, "ExternalAudience", true, false },
        { MOCK_NS_TYPES, "Duration", false, false },
        { MOCK_NS_TYPES, "InternalReply", false, false },
        { MOCK_NS_TYPES, "ExternalReply", false, false },
        { MOCK_NS_TYPES, "DeclineMeetingReply", false, false },
        { MOCK_NS_TYPES, "DeclineEventsForScheduledOOF", false, false },
        { MOCK_NS_TYPES, "DeclineAllEventsForScheduledOOF", false, false },
        { MOCK_NS_TYPES, "CreateOOFEvent", false, false },
        { MOCK_NS_TYPES, "OOFEventSubject", false, false },
        { MOCK_NS_TYPES, "AutoDeclineFutureRequestsWhenOOF", false, false },
        { MOCK_NS_TYPES, "OOFEventID", false, false },
        { MOCK_NS_TYPES, "EventsToDeleteIDs", false, false },
    };
    static const char *const state[] = { "Disabled", "Enabled", "Scheduled", NULL };
    static const char *const audience[] = { "None", "Known", "All", NULL };
    const struct xml_node *duration = xml_child(settings, MOCK_NS_TYPES, "Duration");
    int state_word, audience_word;

    if (!mock_check_children(call, settings, rule, sizeof(rule) / sizeof(*rule)))
        return false;
    if (!mock_word_parse(xml_child_text(settings, MOCK_NS_TYPES, "OofState"), state, &state_word) ||
        !mock_word_parse(xml_child_text(settings, MOCK_NS_TYPES, "ExternalAudience"), audience,
                         &audience_word))
        return mock_fault_schema(call, "OofState or ExternalAudience is invalid.");
    if (duration && !duration_read(call, duration, &oof->setting))
        return false;
    oof->setting.state = (enum gw_oof_state)state_word;
    oof->audience = (enum mock_audience)audience_word;
    oof->internal_reply = reply_read(settings, "InternalReply");
    oof->external_reply = reply_read(settings, "ExternalReply");
    return true;
}

/* NULL: it can be set. A time that has passed cannot be waited for. */
static const char *settings_check(const struct mock_call *call, const struct xml_node *settings,
                                  const struct mock_oof *oof)
{
    const struct gw_oof *s = &oof->setting;

    if (s->state == GW_OOF_SCHEDULED && (!xml_child(settings, MOCK_NS_TYPES, "Duration") ||
                                         s->end <= s->start || s->end <= call->now.utc))
        return "ErrorInvalidScheduledOofDuration";
    if ((oof->internal_reply && gw_str_of(oof->internal_reply).len > MOCK_TEXT_MAX) ||
        (oof->external_reply && gw_str_of(oof->external_reply).len > MOCK_TEXT_MAX))
        return "ErrorInvalidUserOofSettings";
    return NULL;
}

bool mock_set_oof(struct mock_call *call)
{
    static const struct mock_rule rule[] = {
        { MOCK_NS_TYPES, "Mailbox", true, false },
        { MOCK_NS_TYPES, "UserOofSettings", true, false },
    };
    const struct xml_node *settings = xml_child(call->node, MOCK_NS_TYPES, "UserOofSettings");
    struct mock_mailbox *mailbox;
    struct mock_oof oof;
    const char *code;

    if (!mock_check_children(call, call->node, rule, 2) || !(mailbox = own_mailbox(call)))
        return false;
    oof = mailbox->oof; /* without a Duration the old one stays */
    if (!settings_read(call, settings, &oof))
        return false;
    code = mock_reach(call, mailbox);
    if (!code)
        code = settings_check(call, settings, &oof);
    if (!code)
        mock_oof_set(mailbox, &oof);
    mock_response_open(call, "m:SetUserOofSettingsResponse");
    mock_message_error(call, "m:ResponseMessage", code);
    xml_close(&call->w);
    return true;
}

/* Response messages, faults, schema checks: what every operation needs. */
#include "mock_soap.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *code, *text;
} code_text[] = {
    { "ErrorAccessDenied", "Access is denied. Check credentials and try again." },
    { "ErrorCalendarEndDateIsEarlierThanStartDate", "EndDate is earlier than StartDate" },
    { "ErrorCalendarFolderIsInvalidForCalendarView",
      "Calendar view is not supported for this folder." },
    { "ErrorCalendarViewRangeTooBig",
      "The specified view range exceeds the maximum range of two years." },
    { "ErrorCrossSiteRequest", "The mailbox is in another site; the request must be made there." },
    { "ErrorEventNotFound", "The specified event was not found." },
    { "ErrorExceededConnectionCount", "You have exceeded the available concurrent connections for "
                                      "your account. Try again once your "
                                      "other requests have completed." },
    { "ErrorExceededFindCountLimit",
      "The maximum number of items that can be returned was exceeded." },
    { "ErrorExceededSubscriptionCount",
      "You have exceeded the available subscriptions for your account. Remove unnecessary "
      "subscriptions and try your request again." },
    { "ErrorExpiredSubscription", "The subscription has expired." },
    { "ErrorFreeBusyGenerationFailed", "Unable to generate free/busy data." },
    { "ErrorFolderNotFound", "The specified folder could not be found in the store." },
    { "ErrorImpersonateUserDenied",
      "The account does not have permission to impersonate the requested user." },
    { "ErrorImpersonationDenied", "The account does not have permission to impersonate." },
    { "ErrorInvalidArgument", "The argument is not valid." },
    { "ErrorInvalidExchangeImpersonationHeaderData",
      "ExchangeImpersonation SOAP header must contain a non-empty identifier." },
    { "ErrorInvalidFreeBusyViewType", "The requested free/busy view type is not valid." },
    { "ErrorInvalidId", "Id is malformed." },
    { "ErrorInvalidIdMalformed", "Id is malformed." },
    { "ErrorInvalidMergedFreeBusyInterval",
      "The merged free/busy interval must be between 5 and 1440 minutes." },
    { "ErrorInvalidOperation", "The requested operation is invalid." },
    { "ErrorInvalidPullSubscriptionId", "The subscription is not a pull subscription." },
    { "ErrorInvalidPushSubscriptionUrl", "The push subscription URL is invalid." },
    { "ErrorInvalidRequest", "The request is invalid." },
    { "ErrorInvalidScheduledOofDuration",
      "The start time of the scheduled duration is not before its end, or its end has passed." },
    { "ErrorInvalidServerVersion", "The specified server version is invalid." },
    { "ErrorInvalidSubscription", "The subscription is not valid." },
    { "ErrorInvalidSubscriptionRequest", "The subscription request is not valid." },
    { "ErrorInvalidTimeInterval", "The start of the interval is later than its end." },
    { "ErrorInvalidUserPrincipalName", "The user principal name is not valid." },
    { "ErrorInvalidUserOofSettings", "The out of office settings are not valid." },
    { "ErrorInvalidUserSid", "The SID is not valid." },
    { "ErrorInvalidWatermark", "The watermark used for creating this subscription was not found." },
    { "ErrorItemNotFound", "The specified object was not found in the store." },
    { "ErrorMailboxLogonFailed", "The logon to the mailbox failed." },
    { "ErrorMailboxDataArrayEmpty", "The mailbox data array is empty." },
    { "ErrorMailboxDataArrayTooBig", "The number of mailboxes exceeds the allowed limit of 100." },
    { "ErrorMailTipsDisabled", "Mail tips are disabled." },
    { "ErrorMailboxStoreUnavailable", "The mailbox database is temporarily unavailable." },
    { "ErrorMailboxMoveInProgress", "Mailbox move in progress. Try again later." },
    { "ErrorMailRecipientNotFound",
      "Unable to resolve e-mail address to an Active Directory object." },
    { "ErrorMissingEmailAddress",
      "When making a request as an account that does not have a mailbox, you must specify the "
      "mailbox primary SMTP address for any distinguished folder Ids." },
    { "ErrorMissedNotificationEvents", "Events were missed. The subscription must be recreated." },
    { "ErrorNewEventStreamConnectionOpened",
      "Another connection was opened for the subscription." },
    { "ErrorNameResolutionMultipleResults", "Multiple results were found." },
    { "ErrorNameResolutionNoResults", "No results were found." },
    { "ErrorNoDestinationCASDueToVersionMismatch",
      "No client access server of a fitting version was found in the mailbox's site." },
    { "ErrorNoFreeBusyAccess", "The caller does not have access to free/busy data." },
    { "ErrorNoRespondingCASInDestinationSite",
      "No client access server in the mailbox's site answers." },
    { "ErrorNonExistentMailbox", "The SMTP address has no mailbox associated with it." },
    { "ErrorNonPrimarySmtpAddress", "The SMTP address is not the primary one of its mailbox." },
    { "ErrorPasswordExpired", "The password of the account has expired." },
    { "ErrorProxiedSubscriptionCallFailure",
      "The request could not be handed on to the server that has the subscription." },
    { "ErrorProxyRequestNotAllowed", "The request may not be handed on to another server." },
    { "ErrorProxyRequestProcessingFailed", "The server that the request was handed on to failed." },
    { "ErrorReadEventsFailed",
      "Unable to retrieve events for this subscription. The subscription must be recreated." },
    { "ErrorPublicFolderRequestProcessingFailed", "The public folder request failed." },
    { "ErrorResultSetTooBig", "The result set contains too many calendar entries." },
    { "ErrorSchemaValidation", "The request failed schema validation." },
    { "ErrorServerBusy", "The server cannot service this request right now. Try again later." },
    { "ErrorSubscriptionAccessDenied",
      "The subscription belongs to another account than that of this request." },
    { "ErrorServiceDiscoveryFailed",
      "The service that holds the mailbox could not be discovered." },
    { "ErrorSubscriptionDelegateAccessNotSupported",
      "Subscriptions are not supported for delegate user access." },
    { "ErrorSubscriptionNotFound", "The specified subscription was not found." },
    { "ErrorSubscriptionUnsubscribed", "The subscription was ended by Unsubscribe." },
    { "ErrorTimeIntervalTooBig", "The requested time window is too large." },
    { "ErrorTimeoutExpired", "The operation did not complete in time." },
    { "ErrorTimeZone", "The request must contain a time zone." },
    { "ErrorWorkingHoursXmlMalformed", "The working hours are malformed." },
    { "ErrorWrongServerVersion", "The mailbox is on a server of another version." },
    { "ErrorCalendarCannotMoveOrCopyOccurrence", "An occurrence cannot be moved or copied." },
    { "ErrorCalendarCannotUseIdForOccurrenceId", "The id is not that of an occurrence." },
    { "ErrorCalendarCannotUseIdForRecurringMasterId", "The id is not that of a recurring master." },
    { "ErrorCalendarInvalidTimeZone", "The time zone is not valid." },
    { "ErrorCalendarInvalidRecurrence", "The recurrence is not valid." },
    { "ErrorCalendarOccurrenceIndexIsOutOfRecurrenceRange",
      "The series has no occurrence of that index." },
    { "ErrorCalendarOccurrenceIsDeletedFromRecurrence",
      "The occurrence is deleted from the series." },
    { "ErrorCannotCreateCalendarItemInNonCalendarFolder",
      "Calendar items can only be saved in calendar folders." },
    { "ErrorChangeKeyRequired", "The change key is required for this operation." },
    { "ErrorIncorrectUpdatePropertyCount", "An update must consist of one property." },
    { "ErrorInvalidChangeKey", "The change key is invalid." },
    { "ErrorInvalidItemForOperationCreateItem", "The item is not valid for the operation." },
    { "ErrorInvalidPropertyAppend", "The property cannot be appended to." },
    { "ErrorInvalidPropertyDelete", "The property cannot be deleted." },
    { "ErrorInvalidPropertyRequest", "The property is not known." },
    { "ErrorInvalidPropertySet", "The property cannot be set." },
    { "ErrorInvalidSyncStateData", "The synchronization state data is not valid." },
    { "ErrorIrresolvableConflict", "The item has been changed by somebody else." },
    { "ErrorMessageSizeExceeded", "The item is too large." },
    { "ErrorSendMeetingCancellationsRequired",
      "SendMeetingCancellations is required for calendar items." },
    { "ErrorSendMeetingInvitationsOrCancellationsRequired",
      "SendMeetingInvitationsOrCancellations is required for calendar items." },
    { "ErrorSendMeetingInvitationsRequired",
      "SendMeetingInvitations is required for calendar items." },
    { "ErrorUpdatePropertyMismatch", "The property named is not the one that is given." },
    { "ErrorUnsupportedPathForQuery", "The property cannot be used in a restriction." },
    { "ErrorUnsupportedPathForSortGroup", "The property cannot be sorted by." },
    { "ErrorUnsupportedQueryFilter", "The restriction is of a kind that is not supported." },
    { "ErrorInvalidValueForProperty", "The value is not one of that property." },
};

const char *mock_code_find(struct gw_str code)
{
    for (size_t i = 0; i < sizeof(code_text) / sizeof(*code_text); i++)
        if (gw_str_is(code, code_text[i].code))
            return code_text[i].code;
    return NULL;
}

const char *mock_code_text(const char *code)
{
    for (size_t i = 0; i < sizeof(code_text) / sizeof(*code_text); i++)
        if (!strcmp(code_text[i].code, code))
            return code_text[i].text;
    return "The request failed.";
}

const char *const mock_weekday_name[] = { "Sunday",   "Monday", "Tuesday",  "Wednesday",
                                          "Thursday", "Friday", "Saturday", NULL };

bool mock_fault(struct mock_call *call, const char *code)
{
    call->fault.code = code;
    call->fault.text = mock_code_text(code);
    call->fault.back_off_ms = -1;
    return false;
}

bool mock_fault_plain(struct mock_call *call, const char *text)
{
    (void)mock_fault(call, "ErrorInvalidOperation");
    call->fault.plain = true;
    call->fault.text = text;
    return false;
}

bool mock_fault_schema(struct mock_call *call, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(call->fault.violation, sizeof(call->fault.violation), fmt, args);
    va_end(args);
    return mock_fault(call, "ErrorSchemaValidation");
}

/* Names in a violation are a peer's text: cut, the writer escapes them. */
static struct gw_str cut(struct gw_str s)
{
    return gw_str_utf8_cut(s, 60);
}

bool mock_check_children(struct mock_call *call, const struct xml_node *node,
                         const struct mock_rule *rules, size_t count)
{
    const struct xml_node *child = node->child;

    for (size_t i = 0; i < count; i++) {
        unsigned seen = 0;

        while (xml_is(child, rules[i].ns, rules[i].name) && (!seen || rules[i].many)) {
            child = child->next;
            seen++;
        }
        if (rules[i].required && !seen)
            return mock_fault_schema(
                call, "The element '%.*s' has incomplete content: '%s' was expected, not '%.*s'.",
                GW_STR_ARG(cut(node->name)), rules[i].name,
                GW_STR_ARG(child ? cut(child->name) : GW_STR("nothing")));
    }
    if (child)
        return mock_fault_schema(
            call, "The element '%.*s' has invalid child element '%.*s' in namespace '%.*s'.",
            GW_STR_ARG(cut(node->name)), GW_STR_ARG(cut(child->name)), GW_STR_ARG(cut(child->ns)));
    return true;
}

bool mock_check_int(struct mock_call *call, const struct xml_node *node, int64_t min, int64_t max,
                    int64_t *out)
{
    struct gw_str text = xml_text(node);

    if (!gw_str_to_int(text, min, max, out))
        return mock_fault_schema(call, "The '%.*s' element is invalid: '%.*s'.",
                                 GW_STR_ARG(cut(node->name)), GW_STR_ARG(cut(text)));
    return true;
}

bool mock_check_bool(struct mock_call *call, struct gw_str text, const char *what)
{
    if (gw_str_is(text, "true") || gw_str_is(text, "false") || gw_str_is(text, "1") ||
        gw_str_is(text, "0"))
        return true;
    return mock_fault_schema(call, "'%s' is invalid: '%.*s'.", what, GW_STR_ARG(cut(text)));
}

bool mock_word_parse(struct gw_str word, const char *const *names, int *out)
{
    for (int i = 0; names[i]; i++) {
        if (gw_str_is(word, names[i])) {
            *out = i;
            return true;
        }
    }
    return false;
}

/* The one thing that is said with data all the same. */
static const char *response_class(const char *code)
{
    if (!code)
        return "Success";
    return strcmp(code, "ErrorNameResolutionMultipleResults") != 0 ? "Error" : "Warning";
}

/* The class, and what follows it. */
static void outcome_write(struct mock_call *call, const char *code)
{
    struct xml_writer *w = &call->w;

    xml_put_attr(w, "ResponseClass", gw_str_of(response_class(code)));
    if (!code) {
        xml_put(w, "m:ResponseCode", GW_STR("NoError"));
        return;
    }
    call->served->code = code;
    xml_put(w, "m:MessageText", gw_str_of(mock_code_text(code)));
    xml_put(w, "m:ResponseCode", gw_str_of(code));
    xml_put(w, "m:DescriptiveLinkKey", GW_STR("0"));
}

void mock_message_open(struct mock_call *call, const char *name, const char *code)
{
    xml_open(&call->w, name);
    outcome_write(call, code);
}

void mock_response_open(struct mock_call *call, const char *name)
{
    xml_open(&call->w, name);
    xml_put_attr(&call->w, "xmlns:m", GW_STR(MOCK_NS_MESSAGES));
    xml_put_attr(&call->w, "xmlns:t", GW_STR(MOCK_NS_TYPES));
}

void mock_response_message_open(struct mock_call *call, const char *name, const char *code)
{
    mock_response_open(call, name);
    outcome_write(call, code);
}

void mock_message_error(struct mock_call *call, const char *name, const char *code)
{
    mock_message_open(call, name, code);
    xml_close(&call->w);
}

void mock_put_id(struct xml_writer *w, const char *name, struct mock_id id, uint32_t change)
{
    struct mock_id key = mock_id_change(change);

    xml_open(w, name);
    xml_put_attr(w, "Id", gw_str_of(id.s));
    xml_put_attr(w, "ChangeKey", gw_str_of(key.s));
    xml_close(w);
}

void mock_put_bool(struct xml_writer *w, const char *name, bool value)
{
    xml_put(w, name, gw_str_of(value ? "true" : "false"));
}

void mock_put_utc(struct xml_writer *w, const char *name, gw_utc t)
{
    int64_t ms = t % GW_SECOND_MS;

    xml_open(w, name);
    xml_put_utc(w, t - (ms < 0 ? ms + GW_SECOND_MS : ms));
    xml_close(w);
}

void mock_put_int(struct xml_writer *w, const char *name, int64_t value)
{
    xml_open(w, name);
    xml_put_int(w, value);
    xml_close(w);
}

void mock_put_duration(struct xml_writer *w, gw_utc start, gw_utc end)
{
    xml_open(w, "t:Duration");
    mock_put_utc(w, "t:StartTime", start);
    mock_put_utc(w, "t:EndTime", end);
    xml_close(w);
}

const char *mock_reach(const struct mock_call *call, const struct mock_mailbox *mailbox)
{
    return mock_place_refusal(call->service->places, call->request->place, mailbox, call->now.mono);
}

enum gw_busy mock_busy_for(const struct mock_call *call, enum gw_busy busy)
{
    if (busy == GW_BUSY_ELSEWHERE && !mock_version_has(call->version, MOCK_HAS_WORKING_ELSEWHERE))
        return GW_BUSY_FREE;
    return busy;
}

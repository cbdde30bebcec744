/* From Exchange's response codes to what the gateway does next. The table has the codes that an
 * answer to our operations can bear; any other one is taken as a passing trouble. */
#include "ews_priv.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *code;
    enum ews_class class;
    const char *hint; /* what it is, or what to do; NULL: Exchange's own words will do */
} code_table[] = {
    { "NoError", EWS_OK, NULL },
    { "ErrorNameResolutionMultipleResults", EWS_OK, NULL },

    { "ErrorServerBusy", EWS_BUSY, "the server throttles the service account" },
    { "ErrorTooManyObjectsOpened", EWS_BUSY, "the server throttles the service account" },

    { "ErrorExceededConnectionCount", EWS_CONNECTION_LIMIT,
      "too many calls at once: raise EWSMaxConcurrency in the account's throttling policy" },

    { "ErrorExceededSubscriptionCount", EWS_SUBSCRIPTION_LIMIT,
      "too many subscriptions: raise EWSMaxSubscriptions in the account's throttling policy" },

    { "ErrorExceededFindCountLimit", EWS_TOO_MUCH, "too many calendar items in the window" },
    { "ErrorCalendarViewRangeTooBig", EWS_TOO_MUCH, "the calendar window is too long" },
    { "ErrorTimeIntervalTooBig", EWS_TOO_MUCH, "the calendar window is too long" },
    { "ErrorMailboxDataArrayTooBig", EWS_TOO_MUCH, "too many mailboxes in one request" },
    { "ErrorRequestStreamTooBig", EWS_TOO_MUCH, "the request is too large for the server" },
    { "ErrorDataSizeLimitExceeded", EWS_TOO_MUCH, "the answer is too large for the server" },
    { "ErrorResultSetTooBig", EWS_TOO_MUCH, "the answer is too large for the server" },

    { "ErrorInternalServerError", EWS_TRANSIENT, NULL },
    { "ErrorInternalServerTransientError", EWS_TRANSIENT, NULL },
    { "ErrorMailboxStoreUnavailable", EWS_TRANSIENT, "the mailbox database is not available" },
    { "ErrorMailboxMoveInProgress", EWS_TRANSIENT, "the mailbox is being moved" },
    { "ErrorMailboxFailover", EWS_TRANSIENT, "the mailbox database is failing over" },
    { "ErrorMailboxLogonFailed", EWS_TRANSIENT, "the server could not open the mailbox" },
    { "ErrorConnectionFailed", EWS_TRANSIENT, NULL },
    { "ErrorADUnavailable", EWS_TRANSIENT, "Active Directory is not available to the server" },
    { "ErrorADOperation", EWS_TRANSIENT, "Active Directory is not available to the server" },
    { "ErrorTimeoutExpired", EWS_TRANSIENT, NULL },
    { "ErrorInsufficientResources", EWS_TRANSIENT, "the server is short of resources" },
    { "ErrorNotEnoughMemory", EWS_TRANSIENT, "the server is short of resources" },
    { "ErrorServiceUnavailable", EWS_TRANSIENT, NULL },
    { "ErrorRequestAborted", EWS_TRANSIENT, NULL },
    { "ErrorUnableToGetUserOofSettings", EWS_TRANSIENT, NULL },
    { "ErrorFreeBusyGenerationFailed", EWS_TRANSIENT, NULL },
    { "ErrorItemNotFound", EWS_TRANSIENT, "the item has gone meanwhile" },

    { "ErrorNoRespondingCASInDestinationSite", EWS_ELSEWHERE,
      "no server of the mailbox's site answers this one" },
    { "ErrorProxiedSubscriptionCallFailure", EWS_ELSEWHERE,
      "the server could not pass the subscription on" },
    { "ErrorCrossSiteRequest", EWS_ELSEWHERE, "the mailbox belongs to a server of another site" },
    { "ErrorNoDestinationCASDueToVersionMismatch", EWS_ELSEWHERE,
      "the mailbox belongs to a server of another version" },
    { "ErrorNoDestinationCASDueToKerberosRequirements", EWS_ELSEWHERE, NULL },
    { "ErrorNoDestinationCASDueToSSLRequirements", EWS_ELSEWHERE, NULL },
    { "ErrorProxyRequestNotAllowed", EWS_ELSEWHERE, NULL },
    { "ErrorProxyRequestProcessingFailed", EWS_ELSEWHERE, NULL },
    { "ErrorServiceDiscoveryFailed", EWS_ELSEWHERE, NULL },
    { "ErrorProxyServiceDiscoveryFailed", EWS_ELSEWHERE, NULL },
    { "ErrorProxyCallFailed", EWS_ELSEWHERE, NULL },
    { "ErrorNoApplicableProxyCASServersAvailable", EWS_ELSEWHERE,
      "no server that could serve the mailbox is known to this one" },
    { "ErrorAutoDiscoverFailed", EWS_ELSEWHERE, NULL },
    { "ErrorWrongServerVersion", EWS_ELSEWHERE,
      "the mailbox belongs to a server of another version" },
    { "ErrorWrongServerVersionDelegate", EWS_ELSEWHERE, NULL },

    { "ErrorSubscriptionNotFound", EWS_SUBSCRIPTION_GONE, "the server has lost the subscription" },
    { "ErrorInvalidSubscription", EWS_SUBSCRIPTION_GONE, "the server has lost the subscription" },
    { "ErrorExpiredSubscription", EWS_SUBSCRIPTION_GONE, "the subscription has expired" },
    { "ErrorSubscriptionUnsubscribed", EWS_SUBSCRIPTION_GONE, "the subscription was ended" },
    { "ErrorSubscriptionAccessDenied", EWS_SUBSCRIPTION_GONE,
      "the subscription belongs to another account" },
    { "ErrorInvalidWatermark", EWS_SUBSCRIPTION_GONE, NULL },
    { "ErrorReadEventsFailed", EWS_SUBSCRIPTION_GONE, "the server has ended the subscription" },
    { "ErrorEventNotFound", EWS_SUBSCRIPTION_GONE, NULL },
    { "ErrorMissedNotificationEvents", EWS_SUBSCRIPTION_GONE, NULL },
    { "ErrorNewEventStreamConnectionOpened", EWS_SUBSCRIPTION_GONE,
      "somebody else has begun to read these subscriptions" },
    { "ErrorInvalidSyncStateData", EWS_SUBSCRIPTION_GONE,
      "the server does not accept the old sync state any more" },

    { "ErrorNonExistentMailbox", EWS_MAILBOX, "no mailbox has this address" },
    { "ErrorMailRecipientNotFound", EWS_MAILBOX, "no mailbox has this address" },
    { "ErrorRecipientNotFound", EWS_MAILBOX, "no mailbox has this address" },
    { "ErrorCannotFindUser", EWS_MAILBOX, "no user has this address" },
    { "ErrorMissingExchangePrincipal", EWS_MAILBOX, "the user has no mailbox" },
    { "ErrorNameResolutionNoResults", EWS_MAILBOX, "the directory knows nobody of this name" },
    { "ErrorNameResolutionNoMailbox", EWS_MAILBOX, "whom the name means has no mailbox" },
    { "ErrorInvalidNameForNameResolution", EWS_MAILBOX, "the name is not one to look for" },
    { "ErrorFreeBusyDLLimitReached", EWS_MAILBOX, "this is a large distribution list" },
    { "ErrorInvalidSmtpAddress", EWS_MAILBOX, "the mailbox address is not valid" },
    { "ErrorNonPrimarySmtpAddress", EWS_MAILBOX,
      "this is not the mailbox's primary address: set the primary one" },
    { "ErrorMissingEmailAddress", EWS_MAILBOX, "the account has no mailbox" },
    { "ErrorAccountDisabled", EWS_MAILBOX, "the user's account is disabled" },
    { "ErrorInvalidUserPrincipalName", EWS_MAILBOX, "no user has this name" },
    { "ErrorInvalidUserSid", EWS_MAILBOX, NULL },
    { "ErrorInvalidExchangeImpersonationHeaderData", EWS_MAILBOX,
      "the mailbox address is not valid" },
    { "ErrorMailboxConfiguration", EWS_MAILBOX, "the mailbox is not configured rightly" },
    { "ErrorFolderNotFound", EWS_MAILBOX, "the mailbox has no calendar folder" },
    { "ErrorSyncFolderNotFound", EWS_MAILBOX, "the mailbox has no calendar folder" },
    { "ErrorNoCalendar", EWS_MAILBOX, "the mailbox has no calendar folder" },
    { "ErrorCalendarFolderIsInvalidForCalendarView", EWS_MAILBOX,
      "the mailbox's calendar folder does not hold a calendar" },
    { "ErrorAccessDenied", EWS_MAILBOX, "the account may not read this calendar" },
    { "ErrorNoFreeBusyAccess", EWS_MAILBOX, "the account may not read this calendar" },

    { "ErrorImpersonateUserDenied", EWS_PERMISSION,
      "the account may not impersonate this user: give it the role ApplicationImpersonation" },
    { "ErrorImpersonationDenied", EWS_PERMISSION,
      "the account may not impersonate on this server: give it ms-Exch-EPI-Impersonation" },
    { "ErrorImpersonationFailed", EWS_PERMISSION, "impersonation of this user failed" },
    { "ErrorImpersonationRequired", EWS_PERMISSION, NULL },
    { "not-mailbox-owner", EWS_PERMISSION, /* ours, for a fault without a code */
      "the server did not take the account as the mailbox's owner: may it impersonate this user?" },
    { "ErrorSubscriptionDelegateAccessNotSupported", EWS_PERMISSION,
      "the server did not accept the impersonation" },

    { "ErrorPasswordExpired", EWS_CREDENTIALS, "the service account's password has expired" },
    { "ErrorPasswordChangeRequired", EWS_CREDENTIALS,
      "the service account must change its password" },
    { "ErrorCallerIsInvalidADAccount", EWS_CREDENTIALS,
      "the service account is not a valid account of the directory" },

    { "ErrorInvalidPushSubscriptionUrl", EWS_CONFIG,
      "the server does not accept the address for notifications: set another host or port" },

    { "ErrorInvalidServerVersion", EWS_VERSION, "the server is older than the request" },
    { "ErrorIncorrectSchemaVersion", EWS_VERSION, "the server is older than the request" },
    { "ErrorInvalidSchemaVersionForMailboxVersion", EWS_VERSION,
      "the mailbox's server is older than the request" },

    { "ErrorMailTipsDisabled", EWS_UNSUPPORTED, "mail tips are turned off on the server" },

    /* of Autodiscover */
    { "ServerBusy", EWS_BUSY, "the server throttles the service account" },
    { "InternalServerError", EWS_TRANSIENT, NULL },
    { "InvalidUser", EWS_MAILBOX, "no mailbox has this address" },
    { "InvalidDomain", EWS_MAILBOX, "the server does not know the domain" },
    { "NotFederated", EWS_MAILBOX, "the domain is not federated" },
    { "SettingIsNotAvailable", EWS_CONFIG,
      "no address of EWS is set there: see Get-WebServicesVirtualDirectory" },
    { "InvalidRequest", EWS_BUG, NULL },

    { "ErrorSchemaValidation", EWS_BUG, "the server found the request invalid" },
    { "ErrorInvalidRequest", EWS_BUG, "the server found the request invalid" },
    { "ErrorInvalidSubscriptionRequest", EWS_BUG, NULL },
    { "ErrorInvalidPullSubscriptionId", EWS_BUG, NULL },
    { "ErrorInvalidTimeInterval", EWS_BUG, NULL },
    { "ErrorTimeZone", EWS_BUG, NULL },
    { "ErrorMailboxDataArrayEmpty", EWS_BUG, NULL },
    { "ErrorInvalidMergedFreeBusyInterval", EWS_BUG, NULL },
    { "ErrorInvalidFreeBusyViewType", EWS_BUG, NULL },
};

enum { CODE_COUNT = sizeof(code_table) / sizeof(code_table[0]) };

static size_t code_find(struct gw_str code)
{
    size_t i = 0;

    while (i < CODE_COUNT && !gw_str_is(code, code_table[i].code))
        i++;
    return i;
}

enum ews_class ews_class_of(struct gw_str response_code)
{
    size_t i = code_find(response_code);

    return i < CODE_COUNT ? code_table[i].class : EWS_TRANSIENT;
}

const char *ews_class_name(enum ews_class class)
{
    switch (class) {
    case EWS_OK:
        return "ok";
    case EWS_BUSY:
        return "busy";
    case EWS_CONNECTION_LIMIT:
        return "connection-limit";
    case EWS_SUBSCRIPTION_LIMIT:
        return "subscription-limit";
    case EWS_TOO_MUCH:
        return "too-much";
    case EWS_TRANSIENT:
        return "transient";
    case EWS_ELSEWHERE:
        return "elsewhere";
    case EWS_SUBSCRIPTION_GONE:
        return "subscription-gone";
    case EWS_MAILBOX:
        return "mailbox";
    case EWS_PERMISSION:
        return "permission";
    case EWS_CREDENTIALS:
        return "credentials";
    case EWS_CONFIG:
        return "config";
    case EWS_VERSION:
        return "version";
    case EWS_UNSUPPORTED:
        return "unsupported";
    case EWS_BUG:
        return "bug";
    case EWS_BAD_ANSWER:
        return "bad-answer";
    case EWS_SERVER_DOWN:
        return "server-down";
    }
    return "unknown";
}

int64_t ews_backoff_bound(int64_t ms)
{
    if (ms < 0)
        return 0;
    return ms > EWS_BACKOFF_MAX_MS ? EWS_BACKOFF_MAX_MS : ms;
}

bool ews_backoff_parse(struct gw_str digits, int64_t unit_ms, int64_t *out_ms)
{
    int64_t n;

    for (size_t i = 0; i < digits.len; i++)
        if (digits.p[i] < '0' || digits.p[i] > '9')
            return false;
    if (!digits.len)
        return false;
    *out_ms = gw_str_to_int(digits, 0, EWS_BACKOFF_MAX_MS / unit_ms, &n) ? n * unit_ms
                                                                         : EWS_BACKOFF_MAX_MS;
    return true;
}

/* Only what a code is made of: it goes into logs and tables as it is. */
static void code_copy(char *out, size_t size, struct gw_str code)
{
    size_t n = 0;

    for (size_t i = 0; i < code.len && n + 1 < size; i++) {
        char c = code.p[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            c == '-' || c == '_')
            out[n++] = c;
    }
    out[n] = '\0';
}

enum { WHOLE_MAX = 2 * sizeof(((struct ews_status *)NULL)->text) };

/* Cut to the size of the field, not inside a UTF-8 character. */
static void text_cut(struct ews_status *out, const char *whole)
{
    struct gw_str cut = gw_str_utf8_cut(gw_str_of(whole), sizeof(out->text) - 1);

    memcpy(out->text, cut.p, cut.len);
    out->text[cut.len] = '\0';
}

static void text_set(struct ews_status *out, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void text_set(struct ews_status *out, const char *fmt, ...)
{
    char whole[WHOLE_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(whole, sizeof(whole), fmt, ap);
    va_end(ap);
    text_cut(out, whole);
}

void ews_status_set(struct ews_status *out, enum ews_class class, const char *code, const char *fmt,
                    ...)
{
    char whole[WHOLE_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(whole, sizeof(whole), fmt, ap);
    va_end(ap);
    *out = (struct ews_status){ .class = class };
    code_copy(out->code, sizeof(out->code), gw_str_of(code));
    text_cut(out, whole);
}

void ews_status_set_code(struct ews_status *out, struct gw_str response_code, struct gw_str message)
{
    size_t i = code_find(response_code);
    const char *hint = i < CODE_COUNT ? code_table[i].hint : NULL;
    char quoted[GW_QUOTE_MAX];

    *out = (struct ews_status){ .alive = true };
    out->class = i < CODE_COUNT ? code_table[i].class : EWS_TRANSIENT;
    code_copy(out->code, sizeof(out->code), response_code);
    if (out->class == EWS_OK)
        return;
    gw_quote(message, quoted);
    if (hint && message.len)
        text_set(out, "%s; Exchange says %s", hint, quoted);
    else if (hint)
        text_set(out, "%s", hint);
    else if (message.len)
        text_set(out, "Exchange says %s", quoted);
    else
        text_set(out, "Exchange answered %s", out->code);
}

"""Every answer of mock-exchange, and every call it makes, against Microsoft's schema; see ews_schema.
Without the schema the test is skipped.
"""

import base64
import queue
import sys
import xml.etree.ElementTree as ET

from ews_schema import schema_folder
from mock import (NS, Listener, Mock, get_events, get_streaming_events, header, split_documents,
                  subscribe, subscribe_pull, subscribe_streaming, text_of)

UTC_ZONE = ("<t:TimeZone><t:Bias>0</t:Bias>"
            "<t:StandardTime><t:Bias>0</t:Bias><t:Time>00:00:00</t:Time><t:DayOrder>0</t:DayOrder>"
            "<t:Month>0</t:Month><t:DayOfWeek>Sunday</t:DayOfWeek></t:StandardTime>"
            "<t:DaylightTime><t:Bias>0</t:Bias><t:Time>00:00:00</t:Time><t:DayOrder>0</t:DayOrder>"
            "<t:Month>0</t:Month><t:DayOfWeek>Sunday</t:DayOfWeek></t:DaylightTime></t:TimeZone>")
CET_ZONE = ("<t:TimeZone><t:Bias>-60</t:Bias>"
            "<t:StandardTime><t:Bias>0</t:Bias><t:Time>03:00:00</t:Time><t:DayOrder>5</t:DayOrder>"
            "<t:Month>10</t:Month><t:DayOfWeek>Sunday</t:DayOfWeek></t:StandardTime>"
            "<t:DaylightTime><t:Bias>-60</t:Bias><t:Time>02:00:00</t:Time><t:DayOrder>5</t:DayOrder>"
            "<t:Month>3</t:Month><t:DayOfWeek>Sunday</t:DayOfWeek></t:DaylightTime></t:TimeZone>")
FIELDS = ("item:Subject", "item:Sensitivity", "item:ParentFolderId", "item:ItemClass",
          "calendar:UID", "calendar:Start", "calendar:End", "calendar:IsAllDayEvent",
          "calendar:LegacyFreeBusyStatus", "calendar:Location", "calendar:IsMeeting",
          "calendar:IsCancelled", "calendar:IsRecurring", "calendar:CalendarItemType",
          "calendar:MyResponseType", "calendar:Organizer", "calendar:Duration")

SCENARIO = {
    "accounts": [
        {"name": "limited", "password": "l", "impersonate": ["@other.example"]},
        {"name": "ann", "password": "a", "impersonate": False, "mailbox": "ann@example"},
    ],
    "users": [
        {"address": "ann@example", "upn": "ann.k@example", "name": "Ann \"A\" <K>",
         "calendars": ["P&L"],
         "aliases": ["a.k@example"],
         "meetings": [
             {"start": "2026-11-20T09:00:00Z", "for": "1h", "subject": "Plans & \"more\" <x>",
              "location": "R\u00e4um 3", "sensitivity": "Private", "meeting": True,
              "response": "Accept"},
             {"start": "2026-11-20T12:00:00Z", "for": "30m", "busy": "WorkingElsewhere"},
             {"start": "2026-11-20T14:00:00Z", "for": "30m", "busy": "Tentative"},
             {"start": "2026-11-20T15:00:00Z", "for": "30m", "busy": "Free"},
             {"start": "2026-11-20T23:00:00Z", "for": "1d", "busy": "OOF", "all_day": True},
         ],
         "oof": {"state": "scheduled", "start": "2026-11-20T17:00:00Z",
                 "end": "2026-11-23T08:00:00Z", "internal": "Back <b>Monday</b>",
                 "audience": "Known"}},
        {"address": "bob@example", "random": {"per_user": 50}},
        {"address": "carl@example", "name": "Carl Example",
         "meetings": [
             {"start": "2026-11-20T09:00:00Z", "for": "1h", "subject": "Open"},
             {"start": "2026-11-20T11:00:00Z", "for": "1h", "subject": "Secret",
              "sensitivity": "Private"}],
         "traits": {"sharing": "Detailed",
                    "hours": {"zone": "Eastern Standard Time", "days": ["Monday", "Sunday"],
                              "start": "7:30", "end": "24:00"}}},
        {"address": "dora@example", "name": "Dora Example", "traits": {"sharing": "Merged"}},
        {"address": "emil@example", "traits": {"sharing": "None", "external_oof": False}},
        {"address": "fay@example", "traits": {"free_busy_error": "ErrorMailboxLogonFailed",
                                              "tips_pending": True}},
        {"address": "gus@example", "oof": {"state": "enabled", "internal": "Gone fishing",
                                           "external": "Gone away", "audience": "All"}},
        {"address": "hal@example", "oof": {"state": "scheduled", "start": "-1h", "for": "2d",
                                           "internal": "Until then"}},
        {"count": 120, "prefix": "many"},
    ],
}


class Checker:
    def __init__(self):
        self.count = 0
        self.failures = []

    def expect(self, name, condition, seen=""):
        self.count += 1
        if not condition:
            self.failures.append(f"{name}: not as expected: {seen[:1500]}")


def availability(addresses, zone=UTC_ZONE, view="FreeBusyMerged", interval=15,
                 start="2026-11-20T00:00:00", end="2026-11-22T00:00:00", options=True):
    boxes = "".join(f"<t:MailboxData><t:Email><t:Address>{a}</t:Address></t:Email>"
                    "<t:AttendeeType>Required</t:AttendeeType></t:MailboxData>" for a in addresses)
    window = (f"<t:FreeBusyViewOptions><t:TimeWindow><t:StartTime>{start}</t:StartTime>"
              f"<t:EndTime>{end}</t:EndTime></t:TimeWindow><t:MergedFreeBusyIntervalInMinutes>"
              f"{interval}</t:MergedFreeBusyIntervalInMinutes><t:RequestedView>{view}"
              "</t:RequestedView></t:FreeBusyViewOptions>") if options else ""
    return (f"<m:GetUserAvailabilityRequest>{zone}<m:MailboxDataArray>{boxes}</m:MailboxDataArray>"
            f"{window}</m:GetUserAvailabilityRequest>")


def find(start="2026-11-20T00:00:00Z", end="2026-11-22T00:00:00Z", base="IdOnly", fields=FIELDS,
         maximum="", folder='<t:DistinguishedFolderId Id="calendar"/>'):
    extra = "".join(f'<t:FieldURI FieldURI="{f}"/>' for f in fields)
    extra = f"<t:AdditionalProperties>{extra}</t:AdditionalProperties>" if extra else ""
    limit = f'MaxEntriesReturned="{maximum}" ' if maximum else ""
    view = f'<m:CalendarView {limit}StartDate="{start}" EndDate="{end}"/>' if start else ""
    return ('<m:FindItem Traversal="Shallow"><m:ItemShape>'
            f"<t:BaseShape>{base}</t:BaseShape>{extra}</m:ItemShape>{view}"
            f"<m:ParentFolderIds>{folder}</m:ParentFolderIds></m:FindItem>")


def get_folder(*names, base="AllProperties", ids=""):
    ids += "".join(f'<t:DistinguishedFolderId Id="{n}"/>' for n in names)
    return (f"<m:GetFolder><m:FolderShape><t:BaseShape>{base}</t:BaseShape></m:FolderShape>"
            f"<m:FolderIds>{ids}</m:FolderIds></m:GetFolder>")


# Ann's further calendar, and one that nobody has.
PL = f'<t:FolderId Id="{base64.b64encode(bytes([3, 1, 0, 0, 0, 11])).decode()}"/>'
NONE = f'<t:FolderId Id="{base64.b64encode(bytes([3, 1, 0, 0, 0, 40])).decode()}"/>'
OWN = '<t:DistinguishedFolderId Id="calendar"/>'
FIND_FOLDER = ('<m:FindFolder Traversal="Deep"><m:FolderShape><t:BaseShape>Default</t:BaseShape>'
               '</m:FolderShape><m:IndexedPageFolderView MaxEntriesReturned="9" Offset="0" '
               'BasePoint="Beginning"/><m:Restriction><t:IsEqualTo><t:FieldURI '
               'FieldURI="folder:FolderClass"/><t:FieldURIOrConstant><t:Constant '
               'Value="IPF.Appointment"/></t:FieldURIOrConstant></t:IsEqualTo></m:Restriction>'
               '<m:ParentFolderIds><t:DistinguishedFolderId Id="msgfolderroot"/>'
               '<t:DistinguishedFolderId Id="deleteditems"/></m:ParentFolderIds></m:FindFolder>')


def oof(address):
    return (f"<m:GetUserOofSettingsRequest><t:Mailbox><t:Address>{address}</t:Address></t:Mailbox>"
            "</m:GetUserOofSettingsRequest>")


ANN = header("ann@example")
ANN_2013 = header("ann@example", version="Exchange2013_SP1")
def set_oof(address, state, start="", end=""):
    duration = (f"<t:Duration><t:StartTime>{start}</t:StartTime><t:EndTime>{end}</t:EndTime>"
                "</t:Duration>") if start else ""
    return (f"<m:SetUserOofSettingsRequest><t:Mailbox><t:Address>{address}</t:Address></t:Mailbox>"
            f"<t:UserOofSettings><t:OofState>{state}</t:OofState>"
            f"<t:ExternalAudience>All</t:ExternalAudience>{duration}"
            "<t:InternalReply><t:Message>&lt;b&gt;Away&lt;/b&gt;</t:Message></t:InternalReply>"
            "</t:UserOofSettings></m:SetUserOofSettingsRequest>")


def mail_tips(addresses, tips="OutOfOfficeMessage", sender="bob@example"):
    boxes = "".join(f"<t:Mailbox><t:EmailAddress>{a}</t:EmailAddress></t:Mailbox>"
                    for a in addresses)
    return (f"<m:GetMailTips><m:SendingAs><t:EmailAddress>{sender}</t:EmailAddress></m:SendingAs>"
            f"<m:Recipients>{boxes}</m:Recipients>"
            f"<m:MailTipsRequested>{tips}</m:MailTipsRequested></m:GetMailTips>")


def resolve(entry, full="false", scope="ActiveDirectory"):
    return (f'<m:ResolveNames ReturnFullContactData="{full}" SearchScope="{scope}">'
            f"<m:UnresolvedEntry>{entry}</m:UnresolvedEntry></m:ResolveNames>")


def zones(*names, full="true"):
    ids = "".join(f"<t:Id>{n}</t:Id>" for n in names)
    ids = f"<m:Ids>{ids}</m:Ids>" if ids else ""
    return (f'<m:GetServerTimeZones ReturnFullTimeZoneData="{full}">{ids}'
            "</m:GetServerTimeZones>")


CONFIGURATION = ("<m:GetServiceConfiguration><m:RequestedConfiguration><m:ConfigurationName>{}"
                 "</m:ConfigurationName></m:RequestedConfiguration></m:GetServiceConfiguration>")
CONVERT = ('<m:ConvertId DestinationFormat="EntryId"><m:SourceIds><t:AlternateId '
           'Format="EwsId" Id="{}" Mailbox="who@ever.example"/></m:SourceIds></m:ConvertId>')
URL = "http://127.0.0.1:9/x"
DESCRIBED = ('<t:TimeZoneContext><t:TimeZoneDefinition Id="Own" Name="Own"><t:Periods><t:Period Bias="-PT5H30M" '
             'Name="Standard" Id="std"/></t:Periods><t:TransitionsGroups><t:TransitionsGroup Id="0">'
             '<t:Transition><t:To Kind="Period">{}</t:To></t:Transition></t:TransitionsGroup>'
             '</t:TransitionsGroups><t:Transitions><t:Transition><t:To Kind="Group">0</t:To></t:Transition>'
             "</t:Transitions></t:TimeZoneDefinition></t:TimeZoneContext>")

# name, body, header, options of Mock.soap, status, what must be in the answer
CASES = [
    ("find", find(), ANN, {}, 200, "<t:Sensitivity>Private</t:Sensitivity>"),
    ("find 2013", find(), ANN_2013, {}, 200, "WorkingElsewhere"),
    ("find default", find(base="Default", fields=()), ANN, {}, 200, "Organizer"),
    ("find all", find(base="AllProperties", fields=()), ANN, {}, 200, "IsRecurring"),
    ("find ids", find(fields=()), ANN, {}, 200, 'IncludesLastItemInRange="true"'),
    ("find some", find(maximum=2), ANN, {}, 200, 'IncludesLastItemInRange="false"'),
    ("find no view", find(start=""), ANN, {}, 200, 'TotalItemsInView="5"'),
    ("find nothing", find("2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z"), ANN, {}, 200,
     "<t:Items/>"),
    ("find too big", find("2020-01-01T00:00:00Z", "2024-01-01T00:00:00Z"), ANN, {}, 200,
     "ErrorCalendarViewRangeTooBig"),
    ("find backwards", find("2024-01-01T00:00:00Z", "2023-01-01T00:00:00Z"), ANN, {}, 200,
     "ErrorCalendarEndDateIsEarlierThanStartDate"),
    ("find inbox", find(folder='<t:DistinguishedFolderId Id="inbox"/>'), ANN, {}, 200,
     "ErrorCalendarFolderIsInvalidForCalendarView"),
    ("find bad id", find(folder='<t:FolderId Id="xyz"/>'), ANN, {}, 200, "ErrorInvalidIdMalformed"),
    ("find other's", find(folder='<t:DistinguishedFolderId Id="calendar"><t:Mailbox>'
                          "<t:EmailAddress>bob@example</t:EmailAddress></t:Mailbox>"
                          "</t:DistinguishedFolderId>"), ANN, {}, 200, "ErrorAccessDenied"),
    ("find two folders", find(folder='<t:DistinguishedFolderId Id="calendar"/>'
                              '<t:DistinguishedFolderId Id="journal"/>'), ANN, {}, 200,
     "ErrorFolderNotFound"),
    ("find no mailbox", find(), header(), {}, 200, "ErrorMissingEmailAddress"),
    ("find bad date", find("today"), ANN, {}, 500, "ErrorSchemaValidation"),
    ("find bad order", "<m:FindItem Traversal=\"Shallow\"><m:ParentFolderIds/></m:FindItem>", ANN,
     {}, 500, "ErrorSchemaValidation"),
    ("folder", get_folder("calendar"), ANN, {}, 200, "IPF.Appointment"),
    ("folder 2013", get_folder("calendar", "root", "msgfolderroot", "inbox", "contacts", "tasks",
                               "drafts", "outbox", "sentitems", "deleteditems"), ANN_2013, {}, 200,
     "<t:DistinguishedFolderId>calendar"),
    ("folder none", get_folder("voicemail"), ANN, {}, 200, "ErrorFolderNotFound"),
    ("folder further", get_folder(ids=PL), ANN, {}, 200, "<t:DisplayName>P&amp;L<"),
    ("folder gone", get_folder(ids=NONE), ANN, {}, 200, "ErrorFolderNotFound"),
    ("find folder", FIND_FOLDER, ANN, {}, 200, "<t:DisplayName>P&amp;L<"),
    ("find in several", find(folder=OWN + PL + NONE), ANN, {}, 200, "ErrorFolderNotFound"),
    ("folder own account", get_folder("calendar"), header(), {"account": ("ann", "a")}, 200,
     "NoError"),
    ("folder empty", get_folder(), ANN, {}, 500, "ErrorSchemaValidation"),
    ("convert", CONVERT.format("AwEAAAAC"), header(), {}, 200, 'Mailbox="ann@example"'),
    ("convert none", CONVERT.format("AAA="), header(), {}, 200, "ErrorInvalidIdMalformed"),
    ("convert error", CONVERT.format("A/////8C"), header(), {}, 200,
     "ErrorNonExistentMailbox"),
    ("availability", availability(["ann@example", "nobody@example", "bob@example"]), header(), {},
     200, "ErrorMailRecipientNotFound"),
    ("availability detailed", availability(["ann@example", "bob@example"], view="DetailedMerged"),
     ANN_2013, {}, 200, "<t:IsPrivate>true</t:IsPrivate>"),
    ("availability merged", availability(["ann@example"], view="MergedOnly"), ANN_2013, {}, 200,
     "MergedFreeBusy"),
    ("availability zone", availability(["ann@example"], zone=CET_ZONE, view="FreeBusy"), header(),
     {}, 200, "<t:StartTime>2026-11-20T10:00:00</t:StartTime>"),
    ("availability without zone", availability(["ann@example"], zone=""), header(), {}, 500,
     "ErrorTimeZone"),
    ("availability zone context", availability(["ann@example"], zone=""),
     header(more='<t:TimeZoneContext><t:TimeZoneDefinition Id="UTC"/></t:TimeZoneContext>'), {}, 200,
     "2222"),
    ("availability too many", availability(["ann@example"] * 101), header(), {}, 500,
     "ErrorMailboxDataArrayTooBig"),
    ("availability hundred", availability(["ann@example"] * 100), header(), {}, 200, "NoError"),
    ("availability nobody", availability([]), header(), {}, 500, "ErrorMailboxDataArrayEmpty"),
    ("availability backwards", availability(["ann@example"], start="2026-11-23T00:00:00"), header(),
     {}, 500, "ErrorInvalidTimeInterval"),
    ("availability too long", availability(["ann@example"], end="2027-11-23T00:00:00"), header(),
     {}, 500, "ErrorTimeIntervalTooBig"),
    ("availability interval", availability(["ann@example"], interval=4), header(), {}, 500,
     "ErrorInvalidMergedFreeBusyInterval"),
    ("availability view", availability(["ann@example"], view="None"), header(), {}, 500,
     "ErrorInvalidFreeBusyViewType"),
    ("oof", oof("ann@example"), ANN, {}, 200, "Back &lt;b&gt;Monday"),
    ("oof disabled", oof("bob@example"), header("bob@example"), {}, 200, "Disabled"),
    ("oof other's", oof("bob@example"), ANN, {}, 500, "ErrorCode"),
    ("subscribe", subscribe(URL), ANN, {}, 200, "<m:Watermark>"),
    ("subscribe to several", subscribe(URL).replace(OWN, OWN + PL), ANN, {}, 200, "<m:Watermark>"),
    ("subscribe to none", subscribe(URL).replace(OWN, OWN + NONE), ANN, {}, 200,
     "ErrorFolderNotFound"),
    ("subscribe bad url", subscribe("ftp://x"), ANN, {}, 200, "ErrorInvalidPushSubscriptionUrl"),
    ("subscribe bad watermark", subscribe(URL, watermark="AAAA"), ANN, {}, 200,
     "ErrorInvalidWatermark"),
    ("subscribe frequency", subscribe(URL, status_min=1441), ANN, {}, 500, "ErrorSchemaValidation"),
    ("subscribe old", subscribe(URL), header("ann@example", version="Exchange2010"), {}, 500,
     "ErrorSchemaValidation"),
    ("subscribe no mailbox", subscribe(URL), header(), {}, 200, "ErrorMissingEmailAddress"),
    ("subscribe nothing", subscribe(URL).replace('<t:DistinguishedFolderId Id="calendar"/>', ""),
     ANN, {}, 200, "ErrorInvalidSubscriptionRequest"),
    ("subscribe streaming", subscribe_streaming(), ANN, {}, 200, "<m:SubscriptionId>"),
    ("subscribe streaming empty", "<m:Subscribe><m:StreamingSubscriptionRequest/></m:Subscribe>",
     ANN, {}, 500, "ErrorSchemaValidation"),
    ("subscribe streaming old", subscribe_streaming(events=("CreatedEvent",)),
     header("ann@example", version="Exchange2010"), {}, 500, "ErrorSchemaValidation"),
    ("subscribe pull", subscribe_pull(), ANN, {}, 200, "<m:Watermark>"),
    ("subscribe pull timeout", subscribe_pull(minutes=1441), ANN, {}, 500, "ErrorSchemaValidation"),
    ("subscribe two", subscribe_pull().replace("</m:Subscribe>", "<m:PullSubscriptionRequest/>"
                                               "</m:Subscribe>"), ANN, {}, 500,
     "ErrorSchemaValidation"),
    ("get events", get_events("x", "y"), ANN, {}, 200, "ErrorSubscriptionNotFound"),
    ("get events nothing", "<m:GetEvents/>", ANN, {}, 500, "ErrorSchemaValidation"),
    ("streaming events", get_streaming_events("x", "y"), ANN, {}, 200,
     "<t:SubscriptionId>y</t:SubscriptionId></m:ErrorSubscriptionIds><m:ConnectionStatus>Closed"),
    ("streaming events minutes", get_streaming_events("x", minutes=31), ANN, {}, 500,
     "ErrorSchemaValidation"),
    ("streaming events nothing", get_streaming_events(), ANN, {}, 500, "ErrorSchemaValidation"),
    ("streaming events too many", get_streaming_events(*["x"] * 201), ANN, {}, 500,
     "ErrorInvalidRequest"),
    ("unsubscribe", "<m:Unsubscribe><m:SubscriptionId>x</m:SubscriptionId></m:Unsubscribe>", ANN,
     {}, 200, "ErrorSubscriptionNotFound"),
    ("by upn", get_folder("calendar"), header("ANN.K@example", "PrincipalName"), {}, 200,
     "NoError"),
    ("by alias", get_folder("calendar"), header("a.k@example", "SmtpAddress"), {}, 200, "NoError"),
    ("not primary", get_folder("calendar"), header("a.k@example"), {}, 500,
     "ErrorNonPrimarySmtpAddress"),
    ("no such upn", get_folder("calendar"), header("x@example", "PrincipalName"), {}, 500,
     "ErrorInvalidUserPrincipalName"),
    ("no such address", get_folder("calendar"), header("x@example", "SmtpAddress"), {}, 500,
     "ErrorNonExistentMailbox"),
    ("by sid", get_folder("calendar"), header("S-1-5-21-1", "SID"), {}, 500, "ErrorInvalidUserSid"),
    ("empty sid", get_folder("calendar"), header("", "SmtpAddress"), {}, 500,
     "ErrorInvalidExchangeImpersonationHeaderData"),
    ("no right", get_folder("calendar"), ANN, {"account": ("limited", "l")}, 500,
     "ErrorImpersonateUserDenied"),
    ("version", get_folder("calendar"), header("ann@example", version="Banana"), {}, 500,
     "ErrorInvalidServerVersion"),
    ("no header", get_folder("calendar"), "", {"account": ("ann", "a")}, 200, "NoError"),
    ("unknown", "<m:ExpandDL/>", ANN, {}, 500, "ErrorInvalidRequest"),
    ("availability private", availability(["carl@example"], view="Detailed"), header(), {}, 200,
     "<t:Subject>Open</t:Subject>"),
    ("availability private hidden", availability(["carl@example"], view="Detailed"), header(), {},
     200, "!Secret"),
    ("availability merged only", availability(["dora@example"], view="DetailedMerged"), header(), {},
     200, "<t:FreeBusyViewType>MergedOnly</t:FreeBusyViewType><t:MergedFreeBusy>"),
    ("availability none", availability(["emil@example"]), header(), {}, 200,
     "ErrorNoFreeBusyAccess"),
    ("availability own", availability(["emil@example"]), header("emil@example"), {}, 200,
     "WorkingHours"),
    ("availability broken", availability(["fay@example", "ann@example"]), header(), {}, 200,
     "ErrorMailboxLogonFailed"),
    ("availability hours", availability(["carl@example"]), header(), {}, 200,
     "<t:DayOfWeek>Sunday Monday</t:DayOfWeek><t:StartTimeInMinutes>450</t:StartTimeInMinutes>"
     "<t:EndTimeInMinutes>1440</t:EndTimeInMinutes>"),
    ("availability hours' zone", availability(["carl@example"]), header(), {}, 200,
     "<t:Bias>300</t:Bias><t:StandardTime><t:Bias>0</t:Bias><t:Time>02:00:00</t:Time>"
     "<t:DayOrder>1</t:DayOrder><t:Month>11</t:Month>"),
    ("availability named zone", availability(["ann@example"], zone="", view="FreeBusy"),
     header(more='<t:TimeZoneContext><t:TimeZoneDefinition Id="Tokyo Standard Time"/>'
            '</t:TimeZoneContext>'), {}, 200, "<t:StartTime>2026-11-20T18:00:00</t:StartTime>"),
    ("availability no such zone", availability(["ann@example"], zone=""),
     header(more='<t:TimeZoneContext><t:TimeZoneDefinition Id="Atlantis"/></t:TimeZoneContext>'),
     {}, 500, "ErrorTimeZone"),
    ("availability described zone", availability(["ann@example"], zone="", view="FreeBusy"),
     header(more=DESCRIBED.format("std")), {}, 200, "<t:StartTime>2026-11-20T14:30:00</t:StartTime>"),
    ("availability zone described badly", availability(["ann@example"], zone=""),
     header(more=DESCRIBED.format("summer")), {}, 500, "ErrorTimeZone"),
    ("availability 42 days", availability(["ann@example"], end="2027-01-01T00:00:00"), header(), {},
     200, "NoError"),
    ("oof set", set_oof("bob@example", "Enabled"), header("bob@example"), {}, 200, "NoError"),
    ("oof is set", oof("bob@example"), header("bob@example"), {}, 200,
     "<t:OofState>Enabled</t:OofState><t:ExternalAudience>All</t:ExternalAudience>"
     '<t:InternalReply xml:lang="en-US"><t:Message>&lt;b&gt;Away'),
    ("oof schedule", set_oof("bob@example", "Scheduled", "2099-01-01T00:00:00",
                             "2099-02-01T00:00:00Z"), header("bob@example"), {}, 200, "NoError"),
    ("oof is scheduled", oof("bob@example"), header("bob@example"), {}, 200,
     "<t:StartTime>2099-01-01T00:00:00Z</t:StartTime>"),
    ("oof no schedule", set_oof("bob@example", "Scheduled"), header("bob@example"), {}, 200,
     "ErrorInvalidScheduledOofDuration"),
    ("oof backwards", set_oof("bob@example", "Scheduled", "2099-01-02T00:00:00Z",
                              "2099-01-01T00:00:00Z"), header("bob@example"), {}, 200,
     "ErrorInvalidScheduledOofDuration"),
    ("oof over", set_oof("bob@example", "Scheduled", "2001-01-01T00:00:00Z",
                         "2001-01-02T00:00:00Z"), header("bob@example"), {}, 200,
     "ErrorInvalidScheduledOofDuration"),
    ("oof set other's", set_oof("bob@example", "Enabled"), ANN, {}, 500, "ErrorCode"),
    ("oof bad state", set_oof("bob@example", "Maybe"), header("bob@example"), {}, 500,
     "ErrorSchemaValidation"),
    ("oof external off", oof("emil@example"), header("emil@example"), {}, 200,
     "<m:AllowExternalOof>None"),
    ("tips", mail_tips(["gus@example"]), header(), {}, 200,
     "<t:Message>Gone fishing</t:Message></t:ReplyBody></t:OutOfOffice>"),
    ("tips scheduled", mail_tips(["hal@example"]), header(), {}, 200,
     "<t:Message>Until then</t:Message></t:ReplyBody><t:Duration>"),
    ("tips external", mail_tips(["gus@example"], sender="x@elsewhere.example"), header(), {}, 200,
     "<t:Message>Gone away</t:Message>"),
    ("tips none", mail_tips(["ann@example"]), header(), {}, 200,
     "<t:OutOfOffice><t:ReplyBody><t:Message/></t:ReplyBody></t:OutOfOffice>"),
    ("tips pending", mail_tips(["fay@example"]), header(), {}, 200,
     "<t:PendingMailTips>OutOfOfficeMessage</t:PendingMailTips></m:MailTips>"),
    ("tips invalid", mail_tips(["nobody@example"], "OutOfOfficeMessage InvalidRecipient"),
     header(), {}, 200, "<t:InvalidRecipient>true"),
    ("tips all", mail_tips(["gus@example"], "All"), header(), {}, 200, "<t:MailboxFull>false"),
    ("tips fifty", mail_tips(["gus@example"] * 50), header(), {}, 200, "NoError"),
    ("tips too many", mail_tips(["gus@example"] * 51), header(), {}, 200, "ErrorInvalidArgument"),
    ("tips unknown", mail_tips(["gus@example"], "Gossip"), header(), {}, 500,
     "ErrorSchemaValidation"),
    ("tips old", mail_tips(["gus@example"]), header(version="Exchange2007_SP1"), {}, 500,
     "ErrorInvalidRequest"),
    ("configuration", CONFIGURATION.format("MailTips"), header(), {}, 200,
     "<t:MaxRecipientsPerGetMailTipsRequest>50<"),
    ("configuration all", CONFIGURATION.format(
        "MailTips UnifiedMessagingConfiguration ProtectionRules PolicyNudges SharePointURLs"),
     header(), {}, 200, '<t:Domain Name="example"/>'),
    ("configuration bad", CONFIGURATION.format("Everything"), header(), {}, 500,
     "ErrorSchemaValidation"),
    ("names", resolve("smtp:a.k@example"), header(), {}, 200,
     "<t:EmailAddress>ann@example</t:EmailAddress>"),
    ("names part", resolve("Ca", full="true"), header(), {}, 200,
     "<t:DisplayName>Carl Example</t:DisplayName>"),
    ("names last", resolve("example"), header(), {}, 200,
     'TotalItemsInView="2" IncludesLastItemInRange="true"'),
    ("names several", resolve("Example"), header(), {}, 200, 'ResponseClass="Warning"'),
    ("names many", resolve("many"), header(), {}, 200,
     'TotalItemsInView="100" IncludesLastItemInRange="false"'),
    ("names nobody", resolve("xyz"), header(), {}, 200, "ErrorNameResolutionNoResults"),
    ("names contacts", resolve("Carl", scope="Contacts"), header(), {}, 200,
     "ErrorNameResolutionNoResults"),
    ("names nowhere", resolve("Carl", scope="Moon"), header(), {}, 500, "ErrorSchemaValidation"),
    ("zones", zones("UTC", "W. Europe Standard Time", "Atlantis"), header(), {}, 200,
     'Bias="-PT60M" Name="Standard"'),
    ("zones by name", zones("W. Europe Standard Time", full="false"), header(), {}, 200,
     '<t:TimeZoneDefinition Id="W. Europe Standard Time" Name="(UTC+01:00) Berlin"/>'),
    ("zones all", zones(), header(), {}, 200, "<t:Occurrence>-1</t:Occurrence>"),
    ("zones of years", zones("Eastern Standard Time"), header(), {}, 200,
     "<t:DateTime>2007-01-01T00:00:00</t:DateTime>"),
    ("two bodies", get_folder("calendar") * 2, ANN, {}, 500, "ErrorSchemaValidation"),
    ("not closed", "<m:FindItem>", ANN, {}, 500, "ErrorSchemaValidation"),
    ("control characters", "<m:\x01/>", ANN, {}, 500, "ErrorSchemaValidation"),
]


# Where the schema sees first what is wrong.
STRICT = ("subscribe nothing", "empty sid")

# Requests that known clients make, against the schema: name, body, header, the answer of a strict server.
# A lenient one, and a strict one that was told to accept them, answers "NoError".
DEVIATIONS = [
    ("version", get_folder("calendar"), header("ann@example", version="Exchange2019"),
     "ErrorInvalidServerVersion"),
    ("mail-tips", mail_tips(["gus@example"]).replace("<m:MailTipsRequested>", "").replace(
        "</m:MailTipsRequested>", ""), header(), "ErrorSchemaValidation"),
    ("watermark", subscribe_pull().replace(
        "<t:Timeout>", "<m:Watermark>{watermark}</m:Watermark><t:Timeout>"), ANN,
     "ErrorSchemaValidation"),
]


def check_deviations(checker):
    for strict, accept in ((False, ()), (True, ()), (True, [d[0] for d in DEVIATIONS])):
        with Mock(scenario=SCENARIO, strict=strict, accept=accept) as mock:
            _, _, text = mock.soap(subscribe_pull(), ANN)
            watermark = text_of(text, "m:Watermark")
            for name, body, head, refused in DEVIATIONS:
                got, _, text = mock.soap(body.format(watermark=watermark), head)
                part = refused if strict and not accept else "NoError"
                checker.expect(f"{name} {strict} {accept}", part in text, f"{got} {text}")
            if strict:
                _, _, text = mock.soap("\n\n<m:GetFolder/>", ANN)
                checker.expect("where", "<t:LineNumber>3</t:LineNumber>" in text and
                               "<t:LinePosition>0<" not in text, text)


def check_answers(mock, checker, strict):
    for name, body, head, options, status, part in CASES:
        got, _, text = mock.soap(body, head, **options)
        if strict and name in STRICT:
            status, part = 500, "ErrorSchemaValidation"
        there = part[1:] not in text if part.startswith("!") else part in text
        checker.expect(name, got == status and there, f"{got} {text}")
        checker.expect(name + ", version", "ServerVersionInfo" in text, text)
    for name, data in (("empty", b""), ("not xml", b"hello"), ("doctype", b"<!DOCTYPE a><a/>"),
                       ("utf-16 nonsense", b"\xff\xfe<")):
        got, _, text = mock.raw(data)
        checker.expect(name, got == 500 and "ErrorSchemaValidation" in text, f"{got} {text}")
    item = mock.get("/users/ann@example/meetings")["meetings"][0]["ews_id"]
    others = mock.get("/users/bob@example/meetings")["meetings"][0]["ews_id"]
    for name, ident, part in (("item", item, "R\u00e4um 3"), ("item bad", "x", "ErrorInvalidIdMalformed"),
                              ("item other's", others, "ErrorAccessDenied")):
        got, _, text = mock.soap(
            "<m:GetItem><m:ItemShape><t:BaseShape>AllProperties</t:BaseShape></m:ItemShape>"
            f'<m:ItemIds><t:ItemId Id="{ident}"/></m:ItemIds></m:GetItem>', ANN)
        checker.expect(name, got == 200 and part in text, text)
    mock.fault("cas1", kind="fault", code="ErrorServerBusy", back_off_ms=178510, count=1)
    got, _, text = mock.soap(find(), ANN)
    checker.expect("busy", got == 500 and 'Name="BackOffMilliseconds">178510<' in text, text)


def check_products(checker):
    for version in ("2007", "2010", "2013", "2016", "2019", "SE"):
        with Mock(scenario={**SCENARIO, "version": version}) as mock:
            got, _, text = mock.soap(find(), header("ann@example", version="Exchange2007_SP1"))
            checker.expect("product " + version, got == 200, text)
            got, _, text = mock.soap(find(), ANN_2013)
            checker.expect("2013 asked of " + version,
                                  (got == 500) == (version in ("2007", "2010")), text)
            check_product(mock, checker, version)


# name, body, the products that take it
BY_PRODUCT = [
    ("mail tips", mail_tips(["gus@example"]), ("2010", "2013", "2016", "2019", "SE")),
    ("zones", zones("UTC"), ("2010", "2013", "2016", "2019", "SE")),
    ("42 days", availability(["ann@example"], end="2027-01-01T00:00:00"),
     ("2007", "2010", "2013", "2016", "2019", "SE")),
    ("62 days", availability(["ann@example"], end="2027-01-21T00:00:00"),
     ("2013", "2016", "2019", "SE")),
    ("63 days", availability(["ann@example"], end="2027-01-22T00:00:00"), ()),
]


def check_product(mock, checker, version):
    for name, body, takes in BY_PRODUCT:
        newest = "Exchange2007_SP1" if version == "2007" else "Exchange2010_SP2"
        got, _, text = mock.soap(body, header(version=newest))
        checker.expect(f"{name} {version}", got == (200 if version in takes else 500), text)
        if version == "2007" and name == "mail tips":
            checker.expect("2007 does not know", "was not recognized" in text, text)


def events_of(text):
    note = ET.fromstring(text).find(".//m:Notification", NS)
    return [e.tag.split("}")[1] for e in note if e.tag.endswith("Event")] if note is not None else []


def next_events(listener, seen):
    """The events of the next call that is no idle ping."""
    for _ in range(10):
        seen.append(listener.next()[2])
        if events_of(seen[-1]) != ["StatusEvent"]:
            break
    return events_of(seen[-1])


def check_calls(mock, checker):
    listener = Listener()
    seen = []
    _, _, text = mock.soap(subscribe(listener.url + "/t0ken?a=b", 1), ANN)
    path, headers, first = listener.next()
    seen.append(first)
    checker.expect("first call", events_of(first) == ["StatusEvent"], first)
    checker.expect("path", path == "/t0ken?a=b", path)
    checker.expect("action", headers["SOAPAction"].endswith("/messages/SendNotification"),
                   str(headers))
    meeting = mock.meeting("ann@example", start="+1h", **{"for": "30m"})["id"]
    checker.expect("created", next_events(listener, seen) ==
                   ["CreatedEvent", "FreeBusyChangedEvent", "ModifiedEvent"], seen[-1])
    mock.post(f"/meetings/{meeting}", {"start": "+2h"})
    checker.expect("modified", next_events(listener, seen) ==
                   ["ModifiedEvent", "FreeBusyChangedEvent", "ModifiedEvent"], seen[-1])
    mock.post(f"/meetings/{meeting}", {"subject": "other"})
    checker.expect("subject", next_events(listener, seen) ==
                   ["ModifiedEvent", "ModifiedEvent"], seen[-1])
    mock.post(f"/meetings/{meeting}/cancel")
    checker.expect("cancelled", "FreeBusyChangedEvent" in next_events(listener, seen),
                   seen[-1])
    mock.delete(f"/meetings/{meeting}", {"moved": True})
    checker.expect("moved", next_events(listener, seen)[0] == "MovedEvent", seen[-1])
    meeting = mock.meeting("ann@example", start="+1h", **{"for": "30m"})["id"]
    next_events(listener, seen)
    mock.delete(f"/meetings/{meeting}")
    checker.expect("deleted", next_events(listener, seen)[0] == "DeletedEvent", seen[-1])
    number = mock.subscriptions(user="ann@example")[-1]["number"]
    mock.post(f"/subscriptions/{number}/break")
    next_events(listener, seen)
    checker.expect("broken", "ErrorReadEventsFailed" in seen[-1], seen[-1])
    listener.close()


def check_pull(mock, checker):
    got, _, text = mock.soap(subscribe_pull(), ANN)
    subscription, watermark = text_of(text, "m:SubscriptionId"), text_of(text, "m:Watermark")
    for name, expected in (("pull nothing", ["StatusEvent"]),
                           ("pull created", ["CreatedEvent", "FreeBusyChangedEvent",
                                             "ModifiedEvent"])):
        _, _, text = mock.soap(get_events(subscription, watermark), ANN)
        checker.expect(name, events_of(text) == expected, text)
        mock.meeting("ann@example", start="+1h", **{"for": "30m"})
    end = f"<m:Unsubscribe><m:SubscriptionId>{subscription}</m:SubscriptionId></m:Unsubscribe>"
    got, _, text = mock.soap(end, ANN)
    checker.expect("pull unsubscribed", got == 200 and "NoError" in text, text)


def check_streams(mock, checker):
    """Exchange writes m:Notification where its schema says t:Notification."""
    mock.post("/settings", {"minute_ms": 4000})
    _, _, text = mock.soap(subscribe_streaming(), ANN)
    subscription = text_of(text, "m:SubscriptionId")
    mock.meeting("ann@example", start="+1h", **{"for": "30m"})
    got, headers, text = mock.soap(get_streaming_events(subscription), ANN)
    documents = split_documents(text)
    checker.expect("stream chunked", headers["Transfer-Encoding"] == "chunked", str(headers))
    checker.expect("stream open", "<m:ConnectionStatus>OK<" in documents[0], documents[0])
    checker.expect("stream events", events_of(documents[1]) ==
                   ["CreatedEvent", "FreeBusyChangedEvent", "ModifiedEvent"], documents[1])
    checker.expect("stream heartbeat", "<m:ConnectionStatus>OK<" in documents[2], documents[2])
    checker.expect("stream closed", "<m:ConnectionStatus>Closed<" in documents[-1], documents[-1])


def main():
    if not schema_folder():
        print("skipped: KALENDS_EWS_SCHEMA does not name a folder with validate.xsd")
        return 77
    checker = Checker()
    for strict in (False, True):
        with Mock(scenario=SCENARIO, minute_ms=2000, strict=strict) as mock:
            check_answers(mock, checker, strict)
            try:
                check_calls(mock, checker)
                check_pull(mock, checker)
                check_streams(mock, checker)
            except queue.Empty:
                checker.failures.append("a push call did not come")
            code = mock.stop()
            checker.expect("exit code", code == 0, str(code))
    check_products(checker)
    check_deviations(checker)
    for failure in checker.failures:
        print(failure)
    print(f"{checker.count} expectations, {len(checker.failures)} failures")
    return 1 if checker.failures else 0


if __name__ == "__main__":
    sys.exit(main())

"""exchangelib keeps a calendar in mock-exchange: single items, series, exceptions, what is gone."""

import re
import sys
import warnings
from datetime import timedelta

warnings.simplefilter("ignore")
try:
    from exchangelib import (BASIC, IMPERSONATION, Account, Attendee, CalendarItem, Configuration,
                             Credentials, EWSDate, EWSDateTime, EWSTimeZone, Mailbox, Q)
    from exchangelib.errors import (ErrorCalendarOccurrenceIsDeletedFromRecurrence,
                                    ErrorInvalidSyncStateData, ErrorIrresolvableConflict,
                                    ErrorItemNotFound)
    from exchangelib.protocol import BaseProtocol, NoVerifyHTTPAdapter
    from exchangelib.recurrence import (AbsoluteMonthlyPattern, AbsoluteYearlyPattern, DailyPattern,
                                        Recurrence, RelativeMonthlyPattern, WeeklyPattern)
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

from mock import Mock, header

BERLIN, UTC = EWSTimeZone("Europe/Berlin"), EWSTimeZone("UTC")
SCENARIO = {"users": [{"address": "ann@example", "name": "Ann"}, {"address": "bob@example"}]}


def account(mock, address):
    config = Configuration(service_endpoint=mock.cas["cas1"]["url"], auth_type=BASIC,
                           credentials=Credentials(*mock.account))
    return Account(primary_smtp_address=address, config=config, autodiscover=False,
                   access_type=IMPERSONATION, default_timezone=BERLIN)


def at(*args):
    return EWSDateTime(*args, tzinfo=BERLIN)


def view(ann, first, last):
    return list(ann.calendar.view(start=at(*first), end=at(*last)))


def starts(items):
    return [i.start.astimezone(BERLIN).strftime("%m-%d %H:%M") for i in items]


def check_single(mock, ann):
    """Made over EWS, seen by the control interface; changed there, seen over EWS."""
    item = CalendarItem(
        account=ann, folder=ann.calendar, subject="Plans & <more>", start=at(2026, 3, 2, 9),
        end=at(2026, 3, 2, 10), body="What we \u20ac want", categories=["Green", "Blue"],
        location="Room 1", legacy_free_busy_status="OOF", sensitivity="Private", importance="High",
        reminder_is_set=True, reminder_minutes_before_start=5,
        required_attendees=[Attendee(mailbox=Mailbox(email_address="bob@example"),
                                     response_type="Unknown")])
    item.save(send_meeting_invitations="SendToNone")
    meetings = mock.get("/users/ann@example/meetings")["meetings"]
    assert len(meetings) == 1 and meetings[0]["subject"] == "Plans & <more>", meetings
    assert meetings[0]["start"] == "2026-03-02T08:00:00Z" and meetings[0]["busy"] == "OOF", meetings
    assert meetings[0]["ews_id"] == item.id and meetings[0]["meeting"], meetings
    mock.post(f"/meetings/{meetings[0]['id']}", {"location": "Room 2"})
    seen = ann.calendar.get(id=item.id)
    assert seen.location == "Room 2" and seen.body == "What we \u20ac want", seen
    assert seen.categories == ["Green", "Blue"] and seen.importance == "High", seen
    assert seen.reminder_minutes_before_start == 5 and seen.is_meeting, seen
    assert seen.required_attendees[0].mailbox.email_address == "bob@example", seen
    assert seen.organizer.email_address == "ann@example" and seen.type == "Single", seen

    item.subject = "Late"
    try:
        item.save(conflict_resolution="NeverOverwrite", send_meeting_invitations="SendToNone")
        raise AssertionError("a change of somebody else was overwritten")
    except ErrorIrresolvableConflict:
        pass
    seen.subject, seen.location = "Moved", None
    seen.start, seen.end = at(2026, 3, 3, 9), at(2026, 3, 3, 9, 30)
    seen.save(update_fields=["subject", "start", "end", "location"],
              send_meeting_invitations="SendToNone")
    again = ann.calendar.get(id=item.id)
    assert again.subject == "Moved" and again.location is None, again
    assert starts([again]) == ["03-03 09:00"] and again.body == "What we \u20ac want", again
    _, _, text = mock.soap(update(f'<t:ItemId Id="{item.id}"/>', append(
        "item:Body", '<t:Body BodyType="Text">, and &lt;more&gt;</t:Body>')), header=header("ann@example"))
    assert "NoError" in text, text
    again = ann.calendar.get(id=item.id)
    assert again.body == "What we \u20ac want, and <more>", again.body
    again.delete(send_meeting_cancellations="SendToNone")
    assert not mock.get("/users/ann@example/meetings")["meetings"]
    gone, = list(ann.fetch([(item.id, None)]))
    assert isinstance(gone, ErrorItemNotFound), gone


def check_all_day(mock, ann):
    """Whole days of Berlin; the second one has 23 hours, the third is before all counting."""
    for year, first, last, start, end in [(2026, 26, 27, "25T23", "27T23"), (2026, 29, 29, "28T23", "29T22"),
                                          (1965, 4, 5, "03T23", "05T23")]:
        item = CalendarItem(account=ann, folder=ann.calendar, subject="Off", is_all_day=True,
                            start=EWSDate(year, 3, first), end=EWSDate(year, 3, last))
        item.save(send_meeting_invitations="SendToNone")
        kept, = mock.get("/users/ann@example/meetings")["meetings"]
        assert kept["all_day"] and kept["start"] == f"{year}-03-{start}:00:00Z", kept
        assert kept["end"] == f"{year}-03-{end}:00:00Z", kept
        seen, = view(ann, (year, 3, first), (year, 3, first + 1))
        assert seen.is_all_day and seen.start == EWSDate(year, 3, first), seen
        item.delete(send_meeting_cancellations="SendToNone")


def check_series(mock, ann):
    """Weekly across the change of the clock, one moved, one deleted; then as a whole."""
    start = at(2026, 3, 16, 9)
    master = CalendarItem(
        account=ann, folder=ann.calendar, subject="Weekly", start=start,
        end=start + timedelta(hours=1),
        recurrence=Recurrence(pattern=WeeklyPattern(interval=1, weekdays=["Monday"]),
                              start=start.date(), number=5))
    master.save(send_meeting_invitations="SendToNone")
    items = view(ann, (2026, 3, 1), (2026, 4, 30))
    assert starts(items) == [f"{d} 09:00" for d in ("03-16", "03-23", "03-30", "04-06", "04-13")]
    assert {i.type for i in items} == {"Occurrence"} and items[0].is_recurring, items

    items[1].start, items[1].end = at(2026, 3, 24, 14), at(2026, 3, 24, 15)
    items[1].subject = "Moved"
    items[1].save(update_fields=["start", "end", "subject"], send_meeting_invitations="SendToNone")
    items[3].delete(send_meeting_cancellations="SendToNone")
    items = view(ann, (2026, 3, 1), (2026, 4, 30))
    assert starts(items) == ["03-16 09:00", "03-24 14:00", "03-30 09:00", "04-13 09:00"], items
    assert [i.type for i in items] == ["Occurrence", "Exception", "Occurrence", "Occurrence"]
    assert items[1].subject == "Moved" and items[2].subject == "Weekly", items

    whole = ann.calendar.get(id=master.id)
    assert whole.type == "RecurringMaster" and whole.recurrence.boundary.number == 5, whole
    assert whole.recurrence.pattern.weekdays == [1] or whole.recurrence.pattern.weekdays, whole
    assert starts([whole.first_occurrence, whole.last_occurrence]) == ["03-16 09:00", "04-13 09:00"]
    assert starts(whole.modified_occurrences) == ["03-24 14:00"], whole
    assert starts(whole.deleted_occurrences) == ["04-06 09:00"], whole
    third = master.occurrence(index=3)
    third.refresh()
    assert starts([third]) == ["03-30 09:00"], third
    try:
        master.occurrence(index=4).refresh()
        raise AssertionError("a deleted occurrence was found")
    except ErrorCalendarOccurrenceIsDeletedFromRecurrence:
        pass
    back = third.recurring_master()
    back.refresh()
    assert back.id == master.id and back.type == "RecurringMaster", back

    shown = mock.get("/day?user=ann@example&from=2026-03-24T00:00:00Z&to=2026-03-25T00:00:00Z")
    assert [m["type"] for m in shown["users"][0]["meetings"]] == ["Exception"], shown
    mock.post(f"/meetings/{shown['users'][0]['meetings'][0]['id']}", {"busy": "Tentative"})
    assert view(ann, (2026, 3, 24), (2026, 3, 25))[0].legacy_free_busy_status == "Tentative"

    back.delete(send_meeting_cancellations="SendToNone")
    assert not view(ann, (2026, 3, 1), (2026, 4, 30))


PATTERNS = [
    (DailyPattern(interval=2), ["01-31", "02-02", "02-04"]),
    (AbsoluteMonthlyPattern(interval=1, day_of_month=31), ["01-31", "02-28", "03-31"]),
    (RelativeMonthlyPattern(interval=1, weekday="Saturday", week_number="Last"),
     ["01-31", "02-28", "03-28"]),
    (AbsoluteYearlyPattern(day_of_month=31, month="January"), ["01-31", "01-31", "01-31"]),
]


def check_patterns(mock, ann):
    """Each comes back as it was sent, and the control interface can make the same."""
    start = at(2026, 1, 31, 9)
    for pattern, days in PATTERNS:
        item = CalendarItem(account=ann, folder=ann.calendar, subject="P", start=start,
                            end=start + timedelta(hours=1),
                            recurrence=Recurrence(pattern=pattern, start=start.date(), number=3))
        item.save(send_meeting_invitations="SendToNone")
        seen = ann.calendar.get(id=item.id)
        assert seen.recurrence.pattern == pattern, (seen.recurrence, pattern)
        found = [s[:5] for year in (2026, 2027, 2028) for s in starts(view(
            ann, (year, 1, 1), (year + 1, 1, 1)))]
        assert found == days, (pattern, found)
        kept, = mock.get("/users/ann@example/meetings")["meetings"]
        item.delete(send_meeting_cancellations="SendToNone")
        mock.meeting("ann@example", start="2026-01-31T08:00:00Z", **{"for": "1h"},
                     repeat=kept["repeat"])
        again, = list(ann.calendar.all())
        assert again.recurrence.pattern == pattern, (again.recurrence, pattern)
        again.delete(send_meeting_cancellations="SendToNone")


def check_sync(mock, ann):
    first = mock.meeting("ann@example", start="2026-05-01T08:00:00Z", **{"for": "1h"})
    second = mock.meeting("ann@example", start="2026-05-02T08:00:00Z", **{"for": "1h"})
    folder = ann.calendar
    kinds = [kind for kind, _ in folder.sync_items(only_fields=["subject"])]
    assert kinds == ["create", "create"], kinds
    state = folder.item_sync_state
    assert not list(folder.sync_items(sync_state=state, only_fields=["subject"]))
    mock.post(f"/meetings/{first['id']}", {"subject": "New"})
    mock.delete(f"/meetings/{second['id']}", {})
    changes = list(folder.sync_items(sync_state=folder.item_sync_state, only_fields=["subject"]))
    assert [kind for kind, _ in changes] == ["update", "delete"], changes
    assert changes[0][1].subject == "New", changes
    try:
        list(folder.sync_items(sync_state="rubbish", only_fields=["subject"]))
        raise AssertionError("a state that is none was taken")
    except ErrorInvalidSyncStateData:
        pass
    mock.delete(f"/meetings/{first['id']}", {})


def check_queries(mock, ann):
    """Restrictions and orders, as exchangelib makes them."""
    made = [mock.meeting("ann@example", start=f"2026-05-{day:02}T08:00:00Z", subject=subject, busy=busy,
                         **{"for": "1h"})
            for day, subject, busy in ((3, "zeta", "Busy"), (1, "Alpha", "OOF"), (2, "mid alpha", "Busy"))]

    def found(*q, **by):
        return [i.subject for i in ann.calendar.filter(*q, **by).order_by("subject")]

    assert found() == ["Alpha", "mid alpha", "zeta"], found()
    assert [i.subject for i in ann.calendar.all().order_by("-subject")] == ["zeta", "mid alpha", "Alpha"]
    assert [i.subject for i in ann.calendar.all().order_by("start")] == ["Alpha", "mid alpha", "zeta"]
    assert found(subject="ALPHA") == ["Alpha"], "as people compare"
    assert found(subject__contains="alpha") == ["Alpha", "mid alpha"]
    assert found(subject__startswith="mid") == ["mid alpha"]
    assert found(legacy_free_busy_status="Busy") == ["mid alpha", "zeta"]
    assert found(start__gt=at(2026, 5, 1, 12), end__lt=at(2026, 5, 2, 12)) == ["mid alpha"]
    assert found(is_all_day=True) == [] and len(found(is_all_day=False)) == 3
    assert found(location__exists=True) == []
    assert found(Q(subject="zeta") | Q(subject__startswith="Al")) == ["Alpha", "zeta"]
    assert found(~Q(subject="zeta"), legacy_free_busy_status="Busy") == ["mid alpha"]
    for meeting in made:
        mock.delete(f"/meetings/{meeting['id']}", {})


def check_described_zone(mock):
    """A zone without a name: half past five east of Greenwich, in both ways to say it."""
    described = ('<t:StartTimeZone Id="Own" Name="Own"><t:Periods><t:Period Bias="-PT5H30M" Name="Standard" '
                 'Id="std"/></t:Periods><t:TransitionsGroups><t:TransitionsGroup Id="0"><t:Transition>'
                 '<t:To Kind="Period">std</t:To></t:Transition></t:TransitionsGroup></t:TransitionsGroups>'
                 '<t:Transitions><t:Transition><t:To Kind="Group">0</t:To></t:Transition></t:Transitions>'
                 "</t:StartTimeZone>")
    eastern = ('<t:MeetingTimeZone TimeZoneName="Own"><t:BaseOffset>PT5H</t:BaseOffset><t:Standard>'
               "<t:Offset>PT0H</t:Offset><t:RelativeYearlyRecurrence><t:DaysOfWeek>Sunday</t:DaysOfWeek>"
               "<t:DayOfWeekIndex>First</t:DayOfWeekIndex><t:Month>November</t:Month>"
               "</t:RelativeYearlyRecurrence><t:Time>02:00:00</t:Time></t:Standard><t:Daylight>"
               "<t:Offset>-PT1H</t:Offset><t:RelativeYearlyRecurrence><t:DaysOfWeek>Sunday</t:DaysOfWeek>"
               "<t:DayOfWeekIndex>Second</t:DayOfWeekIndex><t:Month>March</t:Month>"
               "</t:RelativeYearlyRecurrence><t:Time>02:00:00</t:Time></t:Daylight></t:MeetingTimeZone>")
    for zone, day, start, days in (
            (described, "2026-06-10", "2026-06-09T19:30:00Z", ["06-09T19:30", "06-10T19:30"]),
            (eastern, "2026-03-07", "2026-03-07T14:00:00Z", ["03-07T14:00", "03-08T13:00"]),
            (eastern, "2026-10-31", "2026-10-31T13:00:00Z", ["10-31T13:00", "11-01T14:00"])):
        end = start.replace("30:00Z", "45:00Z").replace("00:00Z", "15:00Z")
        mock.soap(create(item(
            f"<t:Start>{start}</t:Start><t:End>{end}</t:End><t:Recurrence><t:DailyRecurrence><t:Interval>1"
            f"</t:Interval></t:DailyRecurrence><t:NumberedRecurrence><t:StartDate>{day}</t:StartDate>"
            "<t:NumberOfOccurrences>2</t:NumberOfOccurrences></t:NumberedRecurrence></t:Recurrence>" + zone)),
            header=header("ann@example"))
        shown = mock.get("/day?user=ann@example&from=2026-01-01T00:00:00Z&to=2026-12-31T00:00:00Z")
        meetings = shown["users"][0]["meetings"]
        assert [m["start"][5:16] for m in meetings] == days, (zone, meetings)
        mock.delete(f"/meetings/{meetings[0]['id'].split('.')[0]}", {})
    _, _, text = mock.soap(create(item(TIMES + '<t:StartTimeZone Id="No such zone"/>')), header=header("ann@example"))
    assert "ErrorCalendarInvalidTimeZone" in text, text


def check_folders(ann):
    assert ann.calendar.name == "Calendar" and ann.calendar.folder_class == "IPF.Appointment"
    names = {f.name for f in ann.msg_folder_root.walk()}
    assert {"Calendar", "Inbox", "Deleted Items"} <= names, names


def check_uid(mock, ann):
    """A client's own comes back; all others differ."""
    made = [CalendarItem(account=ann, folder=ann.calendar, subject="U", start=at(2026, 5, 1, 9),
                         end=at(2026, 5, 1, 10), uid=uid) for uid in ("my own <uid>", None, None)]
    for entry in made:
        entry.save(send_meeting_invitations="SendToNone")
    uids = [ann.calendar.get(id=entry.id).uid for entry in made]
    assert uids[0] == "my own <uid>" and len(set(uids)) == 3 and all(uids), uids
    for entry in made:
        entry.delete(send_meeting_cancellations="SendToNone")


def check_single_again(mock, ann):
    """A series whose recurrence is deleted, asked for by one of its days."""
    mock.meeting("ann@example", start="2026-05-01T08:00:00Z", **{"for": "1h"},
                 repeat={"every": "day", "count": 3})
    third = view(ann, (2026, 5, 1), (2026, 5, 9))[2]
    gone = '<t:DeleteItemField><t:FieldURI FieldURI="calendar:Recurrence"/></t:DeleteItemField>'
    _, _, text = mock.soap(update(f'<t:RecurringMasterItemId OccurrenceId="{third.id}"/>', gone),
                           header=header("ann@example"))
    assert "NoError" in text and "<t:CalendarItem>" in text, text
    left, = view(ann, (2026, 5, 1), (2026, 5, 9))
    assert left.type == "Single" and starts([left]) == ["05-01 10:00"], left
    assert ann.calendar.get(id=left.id).recurrence is None
    left.delete(send_meeting_cancellations="SendToNone")


def check_moved(mock, ann):
    meeting = mock.meeting("ann@example", start="2026-05-01T08:00:00Z", **{"for": "1h"})
    item = ann.calendar.get(id=meeting["ews_id"])
    item.move_to_trash(send_meeting_cancellations="SendToNone")
    assert ann.calendar.all().count() == 0
    meeting = mock.meeting("ann@example", start="2026-05-01T08:00:00Z", **{"for": "1h"})
    ann.calendar.get(id=meeting["ews_id"]).move(ann.trash)
    assert ann.calendar.all().count() == 0


NONE = 'SendToNone'
TIMES = "<t:Start>2026-06-01T08:00:00Z</t:Start><t:End>2026-06-01T09:00:00Z</t:End>"


def create(inner, sending=f' SendMeetingInvitations="{NONE}"', folder="calendar"):
    return (f'<m:CreateItem{sending}><m:SavedItemFolderId><t:DistinguishedFolderId Id="{folder}"/>'
            f"</m:SavedItemFolderId><m:Items>{inner}</m:Items></m:CreateItem>")


def item(inner):
    return f"<t:CalendarItem>{inner}</t:CalendarItem>"


def series(pattern, span="<t:NoEndRecurrence><t:StartDate>2026-06-01</t:StartDate></t:NoEndRecurrence>"):
    return item(TIMES + f"<t:Recurrence>{pattern}{span}</t:Recurrence>")


def update(ids, change, policy="AlwaysOverwrite", sending=NONE):
    said = f' SendMeetingInvitationsOrCancellations="{sending}"' if sending else ""
    return (f'<m:UpdateItem ConflictResolution="{policy}"{said}><m:ItemChanges><t:ItemChange>{ids}'
            f"<t:Updates>{change}</t:Updates></t:ItemChange></m:ItemChanges></m:UpdateItem>")


def set_field(uri, inner):
    return (f'<t:SetItemField><t:FieldURI FieldURI="{uri}"/><t:CalendarItem>{inner}'
            "</t:CalendarItem></t:SetItemField>")


def append(uri, inner):
    return (f'<t:AppendToItemField><t:FieldURI FieldURI="{uri}"/><t:CalendarItem>{inner}'
            "</t:CalendarItem></t:AppendToItemField>")


def delete(ids, how="HardDelete", sending=f' SendMeetingCancellations="{NONE}"'):
    return f'<m:DeleteItem DeleteType="{how}"{sending}><m:ItemIds>{ids}</m:ItemIds></m:DeleteItem>'


def get(ids):
    return ("<m:GetItem><m:ItemShape><t:BaseShape>AllProperties</t:BaseShape></m:ItemShape>"
            f"<m:ItemIds>{ids}</m:ItemIds></m:GetItem>")


def find(how):
    return ('<m:FindItem Traversal="Shallow"><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape>'
            f'{how}<m:ParentFolderIds><t:DistinguishedFolderId Id="calendar"/></m:ParentFolderIds></m:FindItem>')


def sync(state="", most=10):
    state = f"<m:SyncState>{state}</m:SyncState>" if state else ""
    return ("<m:SyncFolderItems><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape>"
            '<m:SyncFolderId><t:DistinguishedFolderId Id="calendar"/></m:SyncFolderId>'
            f"{state}<m:MaxChangesReturned>{most}</m:MaxChangesReturned></m:SyncFolderItems>")


def refusals(single, master, other):
    """What is asked, and the ResponseCode it gets."""
    one = f'<t:ItemId Id="{single}"/>'
    subject = set_field("item:Subject", "<t:Subject>x</t:Subject>")
    day = "<t:DailyRecurrence><t:Interval>1</t:Interval></t:DailyRecurrence>"

    def nth(index):
        return f'<t:OccurrenceItemId RecurringMasterId="{master}" InstanceIndex="{index}"/>'

    return [
        (create(item(TIMES), sending=""), "ErrorSendMeetingInvitationsRequired"),
        (create(item(TIMES), folder="inbox"), "ErrorCannotCreateCalendarItemInNonCalendarFolder"),
        (create(item("<t:Subject>no times</t:Subject>")), "ErrorInvalidArgument"),
        (create(item("<t:Start>2026-06-02T08:00:00Z</t:Start><t:End>2026-06-01T08:00:00Z</t:End>")),
         "ErrorCalendarEndDateIsEarlierThanStartDate"),
        (create(item(TIMES + "<t:IsMeeting>true</t:IsMeeting>")), "ErrorInvalidPropertySet"),
        (create("<t:Message><t:Subject>mail</t:Subject></t:Message>"), "ErrorInvalidItemForOperationCreateItem"),
        (create(item(f"<t:Subject>{'s' * 5000}</t:Subject>{TIMES}")), "ErrorMessageSizeExceeded"),
        (create(series("<t:DailyRecurrence><t:Interval>0</t:Interval></t:DailyRecurrence>")),
         "ErrorCalendarInvalidRecurrence"),
        (create(series(day, "<t:EndDateRecurrence><t:StartDate>2026-06-01</t:StartDate>"
                            "<t:EndDate>2026-05-01</t:EndDate></t:EndDateRecurrence>")),
         "ErrorCalendarInvalidRecurrence"),
        (update(one, subject, sending=""), "ErrorSendMeetingInvitationsOrCancellationsRequired"),
        (update(one, subject, policy="AutoResolve"), "ErrorChangeKeyRequired"),
        (update(f'<t:ItemId Id="{single}" ChangeKey="rubbish"/>', subject, policy="AutoResolve"),
         "ErrorInvalidChangeKey"),
        (update(f'<t:ItemId Id="{single}" ChangeKey="{single}"/>', subject, policy="NeverOverwrite"),
         "ErrorInvalidChangeKey"),
        (update(nth(2), '<t:DeleteItemField><t:FieldURI FieldURI="calendar:Recurrence"/>'
                        "</t:DeleteItemField>"), "ErrorInvalidPropertyDelete"),
        (update(one, set_field("item:Subject", "<t:Location>x</t:Location>")),
         "ErrorUpdatePropertyMismatch"),
        (update(one, set_field("item:Subject", "<t:Subject>x</t:Subject><t:Location>x</t:Location>")),
         "ErrorIncorrectUpdatePropertyCount"),
        (update(one, set_field("item:Size", "<t:Size>1</t:Size>")), "ErrorInvalidPropertyRequest"),
        (update(one, set_field("calendar:IsMeeting", "<t:IsMeeting>true</t:IsMeeting>")),
         "ErrorInvalidPropertySet"),
        (update(one, '<t:DeleteItemField><t:FieldURI FieldURI="calendar:Start"/></t:DeleteItemField>'),
         "ErrorInvalidPropertyDelete"),
        (update(nth(2), set_field("calendar:Recurrence", f"<t:Recurrence>{day}<t:NoEndRecurrence>"
                                  "<t:StartDate>2026-06-01</t:StartDate></t:NoEndRecurrence>"
                                  "</t:Recurrence>")), "ErrorInvalidPropertySet"),
        (update(one, append("item:Subject", "<t:Subject>x</t:Subject>")), "ErrorInvalidPropertyAppend"),
        (delete(one, sending=""), "ErrorSendMeetingCancellationsRequired"),
        (delete(f'<t:ItemId Id="{other}"/>'), "ErrorAccessDenied"),
        (get('<t:ItemId Id="rubbish"/>'), "ErrorInvalidIdMalformed"),
        (get(nth(3)), "ErrorCalendarOccurrenceIndexIsOutOfRecurrenceRange"),
        (get(nth(0)), "ErrorCalendarOccurrenceIndexIsOutOfRecurrenceRange"),
        (get(f'<t:OccurrenceItemId RecurringMasterId="{single}" InstanceIndex="1"/>'),
         "ErrorCalendarCannotUseIdForRecurringMasterId"),
        (get(f'<t:RecurringMasterItemId OccurrenceId="{single}"/>'),
         "ErrorCalendarCannotUseIdForOccurrenceId"),
        ('<m:MoveItem><m:ToFolderId><t:DistinguishedFolderId Id="deleteditems"/></m:ToFolderId>'
         f"<m:ItemIds>{nth(2)}</m:ItemIds></m:MoveItem>", "ErrorCalendarCannotMoveOrCopyOccurrence"),
        (sync("rubbish"), "ErrorInvalidSyncStateData"),
        (find('<m:SortOrder><t:FieldOrder Order="Ascending"><t:FieldURI FieldURI="item:Size"/></t:FieldOrder>'
              "</m:SortOrder>"), "ErrorUnsupportedPathForSortGroup"),
        (find("<m:Restriction><t:Excludes><t:FieldURI FieldURI='item:Size'/><t:Bitmask Value='1'/></t:Excludes>"
              "</m:Restriction>"), "ErrorUnsupportedQueryFilter"),
        (find("<m:Restriction><t:Exists><t:FieldURI FieldURI='item:Size'/></t:Exists></m:Restriction>"),
         "ErrorUnsupportedPathForQuery"),
        (find("<m:Restriction><t:IsEqualTo><t:FieldURI FieldURI='calendar:Start'/><t:FieldURIOrConstant>"
              "<t:Constant Value='noon'/></t:FieldURIOrConstant></t:IsEqualTo></m:Restriction>"),
         "ErrorInvalidValueForProperty"),
        (find('<m:CalendarView StartDate="2026-01-01T00:00:00Z" EndDate="2028-01-01T00:00:01Z"/>'),
         "ErrorCalendarViewRangeTooBig"),
        (sync(most=513), "ErrorSchemaValidation"),
    ]


def check_refusals(mock):
    single = mock.meeting("ann@example", start="2026-06-01T08:00:00Z", **{"for": "1h"})["ews_id"]
    other = mock.meeting("bob@example", start="2026-06-01T08:00:00Z", **{"for": "1h"})["ews_id"]
    master = mock.meeting("ann@example", start="2026-06-01T08:00:00Z", **{"for": "1h"},
                          repeat={"every": "day", "count": 2})["ews_id"]
    before = mock.get("/users/ann@example/meetings")
    for body, code in refusals(single, master, other):
        _, _, text = mock.soap(body, header=header("ann@example"))
        found = re.search(r"<[em]:ResponseCode[^>]*>(\w+)<", text)
        assert found and found.group(1) == code, (code, body, text)
    assert mock.get("/users/ann@example/meetings") == before


def main():
    BaseProtocol.HTTP_ADAPTER_CLS = NoVerifyHTTPAdapter
    with Mock(tls=True, scenario=SCENARIO, accept=("version",), record=True) as mock:
        ann = account(mock, "ann@example")
        check_folders(ann)
        check_single(mock, ann)
        check_all_day(mock, ann)
        check_series(mock, ann)
        check_patterns(mock, ann)
        check_sync(mock, ann)
        check_moved(mock, ann)
        check_uid(mock, ann)
        check_single_again(mock, ann)
        check_queries(mock, ann)
        check_described_zone(mock)
        check_refusals(mock)
        ann.protocol.close()
        code = mock.stop()
        assert code == 0, code
    print("folders, items, whole days, series, patterns, synchronisation")
    return 0


if __name__ == "__main__":
    sys.exit(main())

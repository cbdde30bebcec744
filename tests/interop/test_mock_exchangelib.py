"""exchangelib, a client that others wrote, against mock-exchange over HTTPS."""

import sys
import warnings
from datetime import datetime, time, timedelta, timezone

warnings.simplefilter("ignore")
try:
    from exchangelib import (BASIC, IMPERSONATION, Account, Configuration, Credentials,
                             EWSDateTime, EWSTimeZone)
    from exchangelib.errors import ErrorSubscriptionNotFound
    from exchangelib.properties import (DaylightTime, FreeBusyViewOptions, MailboxData,
                                        StandardTime, TimeWindow, TimeZone)
    from exchangelib.protocol import BaseProtocol, NoVerifyHTTPAdapter
    from exchangelib.services import GetUserAvailability, SendNotification
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

from mock import Listener, Mock

SCENARIO = {"users": [
    {"address": "ann@example", "name": "Ann",
     "meetings": [
         {"start": "2026-11-20T09:00:00Z", "for": "1h", "subject": "Plans", "location": "Room 1"},
         {"start": "2026-11-20T12:00:00Z", "for": "30m", "busy": "WorkingElsewhere",
          "sensitivity": "Private"},
         {"start": "2026-11-25T12:00:00Z", "for": "30m"}],
     "oof": {"state": "scheduled", "start": "2026-11-20T17:00:00Z", "for": "2d",
             "internal": "Back soon", "audience": "All"}},
    {"address": "bob@example"}]}
UTC = EWSTimeZone("UTC")


def account(mock, address):
    config = Configuration(service_endpoint=mock.cas["cas1"]["url"], auth_type=BASIC,
                           credentials=Credentials(*mock.account))
    return Account(primary_smtp_address=address, config=config, autodiscover=False,
                   access_type=IMPERSONATION, default_timezone=UTC)


def check_calendar(ann):
    start = EWSDateTime(2026, 11, 20, tzinfo=UTC)
    items = list(ann.calendar.view(start=start, end=start + timedelta(days=2)).only(
        "start", "end", "subject", "location", "legacy_free_busy_status", "sensitivity",
        "is_all_day", "is_cancelled", "type", "my_response_type"))
    assert [i.subject for i in items] == ["Plans", None], items
    assert items[0].start == datetime(2026, 11, 20, 9, tzinfo=timezone.utc), items[0].start
    assert items[0].end - items[0].start == timedelta(hours=1)
    assert items[0].location == "Room 1" and items[0].sensitivity == "Normal"
    assert items[1].legacy_free_busy_status == "WorkingElsewhere", items[1]
    assert items[1].sensitivity == "Private" and items[1].type == "Single"


def check_availability(ann):
    start = EWSDateTime(2026, 11, 20, tzinfo=UTC)
    asked = [MailboxData(email=e, attendee_type="Required", exclude_conflicts=False)
             for e in ("ann@example", "bob@example")]
    # Protocol.get_free_busy_info() would ask for the server's time zones first: not served here.
    zone = TimeZone(bias=-60, standard_time=StandardTime(bias=0, time=time(3), occurrence=5,
                                                         iso_month=10, weekday=7),
                    daylight_time=DaylightTime(bias=-60, time=time(2), occurrence=5, iso_month=3,
                                               weekday=7))
    views = list(GetUserAvailability(ann.protocol).call(
        mailbox_data=asked, timezone=zone,
        free_busy_view_options=FreeBusyViewOptions(
            time_window=TimeWindow(start=start, end=start + timedelta(days=1)),
            merged_free_busy_interval=30, requested_view="FreeBusyMerged")))
    assert len(views) == 2, views
    assert [e.busy_type for e in views[0].calendar_events] == ["Busy", "WorkingElsewhere"], views[0]
    assert views[0].calendar_events[0].start == datetime(2026, 11, 20, 10), views[0]
    assert views[0].merged[18:20] == "22" and views[0].merged.count("2") == 2, views[0].merged
    assert not views[1].calendar_events, views[1]


def check_oof(ann):
    settings = ann.oof_settings
    assert settings.state == "Scheduled" and settings.internal_reply == "Back soon", settings
    assert settings.start == datetime(2026, 11, 20, 17, tzinfo=timezone.utc), settings
    assert settings.end - settings.start == timedelta(days=2), settings


class OwnListener(Listener):
    """Answers as exchangelib says that a listener should."""

    service = SendNotification(protocol=None)

    def give(self, handler):
        body = (self.service.ok_payload() if self.answer == "OK"
                else self.service.unsubscribe_payload())
        handler.send_response(200)
        handler.send_header("Content-Type", "text/xml; charset=utf-8")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def events(self):
        _, _, body = self.next()
        return [e for n in self.service.parse(body.encode()) for e in n.events]


def check_push(mock, ann):
    listener = OwnListener()
    with ann.calendar.push_subscription(callback_url=listener.url + "/notify") as (
            subscription, watermark):
        assert subscription and watermark
        first = listener.events()
        assert [type(e).__name__ for e in first] == ["StatusEvent"], first
        mock.meeting("ann@example", start="+1h", **{"for": "30m"})
        events = listener.events()
        assert [type(e).__name__ for e in events] == ["CreatedEvent", "FreeBusyChangedEvent",
                                                      "ModifiedEvent"], events
        assert mock.subscriptions(user="ann@example")[0]["calls"] == 2
    listener.answer = "Unsubscribe"
    mock.meeting("ann@example", start="+1h", **{"for": "30m"})
    listener.events()
    for _ in range(5000):
        if not mock.subscriptions(user="ann@example"):
            break
    assert not mock.subscriptions(user="ann@example")
    listener.close()


def check_pull(mock, ann):
    subscription, watermark = ann.calendar.subscribe_to_pull(timeout=10)
    mock.meeting("ann@example", start="+1h", **{"for": "30m"})
    first = next(ann.calendar.get_events(subscription, watermark))
    assert [type(e).__name__ for e in first.events] == [
        "CreatedEvent", "FreeBusyChangedEvent", "ModifiedEvent"], first
    second = next(ann.calendar.get_events(subscription, first.events[-1].watermark))
    assert [type(e).__name__ for e in second.events] == ["StatusEvent"], second
    ann.calendar.unsubscribe(subscription)
    try:
        next(ann.calendar.get_events(subscription, watermark))
        raise AssertionError("an ended subscription was read")
    except ErrorSubscriptionNotFound:
        pass


def check_streaming(mock, ann):
    """A minute lasts three seconds: the connection ends by itself. exchangelib knows about affinity."""
    mock.post("/settings", {"minute_ms": 3000, "affinity": True})
    subscription = ann.calendar.subscribe_to_streaming()
    mock.meeting("ann@example", start="+1h", **{"for": "30m"})
    seen = [type(e).__name__ for n in ann.calendar.get_streaming_events(
        subscription, connection_timeout=1) for e in n.events]
    assert seen == ["CreatedEvent", "FreeBusyChangedEvent", "ModifiedEvent"], seen
    with ann.calendar.streaming_subscription() as other:
        assert mock.subscriptions(user="ann@example")[-1]["id"] == other
    try:
        list(ann.calendar.get_streaming_events([subscription, other], connection_timeout=1))
        raise AssertionError("an ended subscription was streamed")
    except ErrorSubscriptionNotFound:
        pass
    ann.calendar.unsubscribe(subscription)
    assert not mock.subscriptions(user="ann@example")


def main():
    BaseProtocol.HTTP_ADAPTER_CLS = NoVerifyHTTPAdapter
    with Mock(tls=True, scenario=SCENARIO, accept=("version",)) as mock:
        ann = account(mock, "ann@example")
        check_calendar(ann)
        check_availability(ann)
        check_oof(ann)
        check_push(mock, ann)
        check_pull(mock, ann)
        check_streaming(mock, ann)
        ann.protocol.close()
        code = mock.stop()
        assert code == 0, code
    print("calendar view, availability, out of office, push, pull, streaming")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""exchangelib asks mock-exchange about people: free and busy times, out of office, names, mail tips, ids,
and where a mailbox is (Autodiscover)."""

import sys
import warnings
from datetime import datetime, timedelta, timezone

warnings.simplefilter("ignore")
try:
    from exchangelib import (BASIC, IMPERSONATION, Account, Configuration, Credentials,
                             EWSDateTime, EWSTimeZone, Mailbox, OofSettings)
    from exchangelib.errors import (ErrorInvalidScheduledOofDuration, ErrorMailboxLogonFailed,
                                    ErrorNameResolutionNoResults)
    from exchangelib.properties import AlternateId, MailTips, SendingAs
    from exchangelib.autodiscover.protocol import AutodiscoverProtocol
    from exchangelib.protocol import BaseProtocol, NoVerifyHTTPAdapter
    from exchangelib.services import ConvertId, GetMailTips, GetServerTimeZones
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

from mock import Mock

SCENARIO = {"users": [
    {"address": "ann@example", "name": "Ann Example",
     "meetings": [
         {"start": "2026-07-20T09:00:00Z", "for": "1h", "subject": "Plans"},
         {"start": "2026-07-20T12:00:00Z", "for": "30m", "busy": "Tentative"},
         {"start": "2026-12-20T09:00:00Z", "for": "1h", "busy": "OOF"}],
     "traits": {"hours": {"zone": "Europe/Berlin", "days": ["Monday", "Friday"],
                          "start": "07:30", "end": "16:00"}}},
    {"address": "bob@example", "name": "Bob Example",
     "oof": {"state": "enabled", "internal": "Gone fishing"}},
    {"address": "moved@example", "traits": {"autodiscover": {"redirect_address": "ann@example"}}},
    {"address": "eve@example", "name": "Eve", "traits": {"free_busy_error":
                                                         "ErrorMailboxLogonFailed"}}]}
UTC = EWSTimeZone("UTC")
BERLIN = EWSTimeZone("Europe/Berlin")


def account(mock, address, access=IMPERSONATION):
    config = Configuration(service_endpoint=mock.cas["cas1"]["url"], auth_type=BASIC,
                           credentials=Credentials(*mock.account))
    return Account(primary_smtp_address=address, config=config, autodiscover=False,
                   access_type=access, default_timezone=UTC)


def check_free_busy(ann, zone, start, events, merged):
    """As a client does it: the rules of the zone come from GetServerTimeZones, the times without offset."""
    day = EWSDateTime(*start, tzinfo=zone)
    views = list(ann.protocol.get_free_busy_info(
        accounts=[(ann, "Organizer", False), ("bob@example", "Required", False)],
        start=day, end=day + timedelta(days=1), merged_free_busy_interval=60,
        requested_view="DetailedMerged"))
    assert len(views) == 2, views
    assert [(e.start.hour, e.busy_type) for e in views[0].calendar_events] == events, views[0]
    assert views[0].merged == merged, views[0].merged
    assert views[1].view_type == "FreeBusyMerged" and views[1].merged == "0" * 24, views[1]
    return views[0]


def check_errors(ann):
    day = EWSDateTime(2026, 12, 20, tzinfo=UTC)
    try:
        list(ann.protocol.get_free_busy_info(accounts=[("eve@example", "Optional", False)],
                                             start=day, end=day + timedelta(days=1)))
        raise AssertionError("eve@example has free and busy times")
    except ErrorMailboxLogonFailed:
        pass


def check_hours(view):
    hours = view.working_hours[0]
    assert hours.weekdays == [1, 5], hours
    assert (hours.start.hour, hours.start.minute, hours.end.hour) == (7, 30, 16), hours
    assert view.working_hours_timezone.bias == -60, view.working_hours_timezone
    assert view.working_hours_timezone.daylight_time.bias == -60


def check_zones(ann):
    zones = list(GetServerTimeZones(ann.protocol).call(return_full_timezone_data=True))
    assert len(zones) > 100, len(zones)
    berlin = next(z for z in zones if z.id == "W. Europe Standard Time")
    standard, daylight, period = berlin.get_std_and_dst(for_year=2026)
    assert (standard.iso_month, daylight.iso_month, standard.occurrence) == (10, 3, 5), berlin
    assert period.bias_in_minutes == -60, period
    for zone in zones:
        for year in (2000, 2006, 2026, 2037):
            zone.get_std_and_dst(for_year=year)


def check_oof(mock, ann):
    assert ann.oof_settings.state == "Disabled", ann.oof_settings
    start = datetime(2099, 8, 1, 9, tzinfo=timezone.utc)
    ann.oof_settings = OofSettings(
        state="Scheduled", external_audience="Known", start=start, end=start + timedelta(days=14),
        internal_reply="Back <b>later</b>", external_reply="Away")
    settings = ann.oof_settings
    assert settings.state == "Scheduled" and settings.external_audience == "Known", settings
    assert settings.start == start and settings.end == start + timedelta(days=14), settings
    assert settings.internal_reply == "Back <b>later</b>" and settings.external_reply == "Away"
    assert mock.get("/users/ann@example/oof")["oof"]["internal"] == "Back <b>later</b>"
    past = EWSDateTime(2001, 8, 1, 9, tzinfo=UTC)
    try:
        OofSettings.clean = lambda *_, **__: None  # exchangelib itself would refuse it
        ann.oof_settings = OofSettings(
            state="Scheduled", external_audience="Known", start=past,
            end=past + timedelta(days=1), internal_reply="x", external_reply="x")
        raise AssertionError("a schedule in the past was taken")
    except ErrorInvalidScheduledOofDuration:
        pass


def check_names(ann):
    bob = ann.protocol.resolve_names(["bob"], return_full_contact_data=True)
    assert [(m.email_address, c.display_name) for m, c in bob] == [("bob@example", "Bob Example")]
    found = {m.email_address for m in ann.protocol.resolve_names(["Example"])}
    assert found == {"ann@example", "bob@example"}, found
    nobody = ann.protocol.resolve_names(["xyz"])
    assert [type(n) for n in nobody] == [ErrorNameResolutionNoResults], nobody


def check_mail_tips(ann):
    tips = list(GetMailTips(ann.protocol).call(
        sending_as=SendingAs(email_address="ann@example"),
        recipients=[Mailbox(email_address="bob@example"), Mailbox(email_address="eve@example")],
        mail_tips_requested="OutOfOfficeMessage"))
    assert [type(t) for t in tips] == [MailTips] * 2, tips
    assert [t.out_of_office.reply_body or "" for t in tips] == ["Gone fishing", ""], tips


def check_ids(ann):
    calendar = ann.calendar.id
    hex_id = list(ConvertId(ann.protocol).call(
        [AlternateId(id=calendar, format="EwsId", mailbox="who@ever.example")], "HexEntryId"))[0]
    assert hex_id.mailbox == "ann@example" and hex_id.format == "HexEntryId", hex_id
    back = list(ConvertId(ann.protocol).call([hex_id], "EwsId"))[0]
    assert back.id == calendar, back


def pox(mock, address, account=None):
    """Autodiscover's other protocol, which exchangelib does not speak any more."""
    names = "http://schemas.microsoft.com/exchange/autodiscover/outlook/"
    body = (f'<Autodiscover xmlns="{names}requestschema/2006"><Request>'
            f"<EMailAddress>{address}</EMailAddress><AcceptableResponseSchema>{names}"
            "responseschema/2006a</AcceptableResponseSchema></Request></Autodiscover>")
    return mock.raw(body.encode(), path="/autodiscover/autodiscover.xml", account=account)


def check_autodiscover(mock, ann):
    url = mock.cas["cas1"]["url"]
    endpoint = url.replace("/EWS/Exchange.asmx", "/autodiscover/autodiscover.svc")
    protocol = AutodiscoverProtocol(config=Configuration(
        service_endpoint=endpoint, auth_type=BASIC, credentials=Credentials(*mock.account)))
    answer = protocol.get_user_settings("ann@example")
    assert answer.autodiscover_smtp_address == "ann@example", answer
    assert answer.ews_url == url, (answer.ews_url, url)
    assert str(answer.version.build).startswith("15.2"), answer.version
    moved = protocol.get_user_settings("moved@example")
    assert moved.redirect_address == "ann@example", moved
    unknown = protocol.get_user_settings("nobody@example")
    assert unknown.error_code == "InvalidUser", unknown
    protocol.close()
    status, _, text = pox(mock, "ann@example")
    assert status == 200 and f"<EwsUrl>{url}</EwsUrl>" in text, (status, text)
    status, _, text = pox(mock, "nobody@example")
    assert status == 200 and "<ErrorCode>500</ErrorCode>" in text, (status, text)
    assert pox(mock, "ann@example", ("svc", "wrong"))[0] == 401
    mock.fault("cas1", kind="status", status=503, count=1, operation="Autodiscover")
    assert pox(mock, "ann@example")[0] == 503
    asked = mock.get("/users/ann@example")["user"]["requests"]
    assert asked["Autodiscover"] == 2, asked


def main():
    BaseProtocol.HTTP_ADAPTER_CLS = NoVerifyHTTPAdapter
    with Mock(tls=True, scenario=SCENARIO, accept=("version", "mail-tips")) as mock:
        ann = account(mock, "ann@example")
        view = check_free_busy(ann, BERLIN, (2026, 7, 20), [(11, "Busy"), (14, "Tentative")],
                               "0" * 11 + "2" + "00" + "1" + "0" * 9)
        check_hours(view)
        check_free_busy(ann, BERLIN, (2026, 12, 20), [(10, "OOF")], "0" * 10 + "3" + "0" * 13)
        check_free_busy(ann, UTC, (2026, 12, 20), [(9, "OOF")], "0" * 9 + "3" + "0" * 14)
        check_errors(ann)
        check_zones(ann)
        check_oof(mock, ann)
        check_names(ann)
        check_mail_tips(ann)
        check_ids(ann)
        check_autodiscover(mock, ann)
        ann.protocol.close()
        code = mock.stop()
        assert code == 0, code
    print("free/busy, working hours, time zones, out of office, names, mail tips, ids,"
          " Autodiscover")
    return 0


if __name__ == "__main__":
    sys.exit(main())

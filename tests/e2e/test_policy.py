"""What calendars show as: mapping, rules and texts, changed while everything runs; and what nobody sees."""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import sqlite3
import tempfile
import threading
import time

import house
from gateway import SIP_PORT, wait_for
from house import DOMAIN, House
from mock import header
from sip import Message

MARK = "Xyzzy7"  # in every subject, location and body that nobody is to see
REPLY = "Plugh8"  # in an automatic reply, which is for those who may see texts


def says(h, name, state, text=None, timeout=10):
    def found():
        published = h.explain(name)["published"]
        return published["state"] == state and text in (None, published["text"])
    try:
        wait_for(found, timeout)
    except TimeoutError:
        raise AssertionError((name, state, text, h.explain(name)["published"])) from None


def restart(h):
    assert h.gateway.stop() == 0
    h.gateway.start()


def refused(h, *args, says):
    done = h.gateway.run_ctl(*args)
    assert done.returncode == 1 and says in done.stderr, (args, done)


def create(h, name, xml, start=-5, minutes=60):
    """An item made by the user's own client."""
    def at(offset):
        return time.strftime("%Y-%m-%dT%H:%M:00Z", time.gmtime(time.time() + offset * 60))
    before, after = xml
    status, _, text = h.mock.soap(
        '<m:CreateItem SendMeetingInvitations="SendToNone"><m:Items><t:CalendarItem>'
        f"{before}<t:Start>{at(start)}</t:Start><t:End>{at(start + minutes)}</t:End>"
        f"<t:LegacyFreeBusyStatus>Busy</t:LegacyFreeBusyStatus>{after}"
        "</t:CalendarItem></m:Items></m:CreateItem>", header=header(h.jid(name)))
    assert status == 200 and "NoError" in text, text


def test_mapping():
    """rows for everyone, a domain, a group, one user; at once, and after a restart; what is refused"""
    with contextlib.ExitStack() as stack:
        h = stack.enter_context(House())
        ctl = h.gateway.ctl
        ann, bob = stack.enter_context(h.client("ann")), stack.enter_context(h.client("bob"))
        h.befriend(ann, bob)
        h.meeting("bob", "-5m", "1h", busy="Tentative")
        h.meeting("ann", "-5m", "1h")
        says(h, "ann", "in-a-meeting", "In a meeting")
        says(h, "bob", "free")
        ctl("mapping", "set", "tentative", 'busy "Perhaps busy"')
        ann.wait_contact(bob.jid, ("away", "Perhaps busy"))
        ctl("mapping", "set", "tentative", "do-not-disturb", "--for", f"user:{bob.jid}")
        ann.wait_contact(bob.jid, ("dnd", None))
        ctl("user", "edit", ann.jid, "--group", "board")
        ctl("mapping", "set", "busy", "away", "--for", "group:board")
        says(h, "ann", "away")
        rows = {r["row"]: r for r in h.gateway.ctl_json(
            "mapping", "list", "--for", f"user:{ann.jid}")["mapping"]}
        assert rows["busy"]["value"] == "away" and rows["busy"]["set_for"] == "group:board", rows
        assert rows["tentative"]["set_for"] == "everyone" and not rows["oof"]["set_for"], rows
        assert h.explain("ann")["from_calendar"]["row"] == "busy"
        restart(h)
        says(h, "ann", "away")
        says(h, "bob", "do-not-disturb")
        ctl("mapping", "reset", "busy", "--for", "group:board")
        ctl("mapping", "reset", "tentative", "--for", f"user:{bob.jid}")
        says(h, "ann", "in-a-meeting")
        says(h, "bob", "busy", "Perhaps busy")
        for args, text in [(("busi", "away"), "no row or setting 'busi'"),
                           (("busy", "asleep"), "'asleep' cannot be shown"),
                           (("busy", "away", "--for", "all"), "everyone, domain:NAME"),
                           (("busy", "away", "--for", "user:nobody@nowhere"), ""),
                           (("order", "busy"), "each of")]:
            if text:
                refused(h, "mapping", "set", *args, says=text)
        refused(h, "mapping", "reset", "oof", says="is not set")
        refused(h, "mapping", "list", "--for", "user:nobody", says="no user")


def test_exact_rows():
    """all day and private count where a row asks for them, and only there calendars are read one by one"""
    with House() as h:
        h.meeting("ann", "-5m", "1h", sensitivity="Private")
        h.meeting("bob", "-5m", "1h")
        says(h, "ann", "in-a-meeting")
        h.gateway.ctl("mapping", "set", "busy+private", 'busy "Private"')
        says(h, "ann", "busy", "Private")
        says(h, "bob", "in-a-meeting")
        assert h.explain("ann")["from_calendar"]["row"] == "busy+private"


def test_rules():
    """subject, location, category, people, answer, private; added, edited, moved, removed while running"""
    with House(users=("ann", "bob", "carl", "dora")) as h:
        ctl = h.gateway.ctl
        h.meeting("ann", "-5m", "1h", subject="Team LUNCH", location="Canteen")
        h.meeting("bob", "-5m", "1h", subject="lunch", sensitivity="Private")
        create(h, "carl", ("<t:Subject>Work</t:Subject><t:Categories><t:String>Deep work</t:String>"
                           "</t:Categories>", ""))
        people = "".join(f"<t:Attendee><t:Mailbox><t:Name>P{i}</t:Name></t:Mailbox></t:Attendee>"
                         for i in range(12))
        create(h, "dora", ("<t:Subject>All</t:Subject>",
                           f"<t:RequiredAttendees>{people}</t:RequiredAttendees>"))
        for name in h.names:
            says(h, name, "in-a-meeting")
        said = ctl("rule", "add", "lunch", "subject ~ lunch and duration <= 90 => ignore")
        assert said == "rule 'lunch' added\n", said
        says(h, "ann", "free")
        says(h, "bob", "in-a-meeting")  # nobody looks at what is private
        ctl("rule", "add", "focus", 'category = "deep work" => do-not-disturb "Focused"')
        says(h, "carl", "do-not-disturb", "Focused")
        ctl("rule", "add", "crowd", "attendees >= 12 => busy")
        says(h, "dora", "busy")
        ctl("rule", "add", "canteen", 'location = canteen => away "Eats"', "--before", "lunch")
        says(h, "ann", "away", "Eats")
        assert h.explain("ann")["from_calendar"]["rule"] == "canteen"
        ctl("rule", "move", "canteen")
        says(h, "ann", "free")
        ctl("rule", "edit", "lunch", 'subject ~ lunch => busy "Eats too"')
        says(h, "ann", "busy", "Eats too")
        listed = ctl("rule", "list")
        assert re.findall(r"(?m)^(\w+): ", listed) == ["lunch", "focus", "crowd", "canteen"], listed
        restart(h)
        assert ctl("rule", "list") == listed
        says(h, "ann", "busy", "Eats too")
        h.meeting("bob", "-5m", "1h", subject="Lunch")  # read, and looked at, after the restart
        says(h, "bob", "busy", "Eats too")
        ctl("rule", "remove", "lunch")
        says(h, "ann", "away", "Eats")
        for rule in ("canteen", "focus", "crowd"):
            ctl("rule", "remove", rule)
        for name in h.names:
            says(h, name, "in-a-meeting")
        refused(h, "rule", "add", "bad", "colour = red => away", says="'colour' is nothing")
        refused(h, "rule", "remove", "bad", says="there is no rule 'bad'")


def test_rule_test():
    """what rules of a file would make of a day, before they are switched on; no subject is shown"""
    with House(users=("bob",)) as h, tempfile.NamedTemporaryFile("w", suffix=".rules") as f:
        h.meeting("bob", "-5m", "1h", subject=f"{MARK} lunch")
        says(h, "bob", "in-a-meeting")

        def tried(*args):
            return h.gateway.ctl("rule", "test", h.jid("bob"), *args)
        f.write('# a try\n\nlunch: subject ~ lunch => away "Eats"\n')
        f.flush()
        page = tried("--file", f.name)
        assert re.search(r"away +Eats +rule lunch", page) and MARK not in page, page
        assert "row busy" in tried() and "row busy" not in tried("--day", "2026-01-05")
        assert "# no rules" in h.gateway.ctl("rule", "list")
        says(h, "bob", "in-a-meeting")
        refused(h, "rule", "test", h.jid("bob"), "--day", "tomorrow", says="like 2026-12-01")
        refused(h, "rule", "test", h.jid("bob"), "--day", "2026-02-30", says="no 2026-02-30")
        for name, says_of in (("/", "cannot be read: Is a directory"), ("/dev/zero", "longer than")):
            done = h.gateway.run_ctl("rule", "test", h.jid("bob"), "--file", name)
            assert done.returncode == 2 and says_of in done.stderr, done
        f.write("bad: colour = red => away\n")
        f.flush()
        refused(h, "rule", "test", h.jid("bob"), "--file", f.name, says="rule 2: 'colour'")


def requests(h, name):
    return h.mock.get(f"/users/{h.jid(name)}")["user"]["requests"]


def calendar(h, name, title, number=None, **more):
    """A further calendar, made or changed in Outlook; its number."""
    path = f"/users/{h.jid(name)}/calendars" + (f"/{number}" if number else "")
    return h.mock.post(path, {**({"name": title} if title else {}), **more})["calendar"]["number"]


def test_calendars():
    """what lies in calendars that a rule names: only these are found, read and followed; live, and kept"""
    quiet = {"calendar.cross_check_min": 1440}  # nothing is found by looking again
    with House(settings=quiet) as h, tempfile.NamedTemporaryFile("w", suffix=".rules") as f:
        ctl, bob = h.gateway.ctl, h.jid("bob")
        trips = calendar(h, "bob", "Business trips")
        calendar(h, "bob", f"{MARK} private")
        calendar(h, "ann", "Business trips")
        h.meeting("bob", "-5m", "1h", calendar="Business trips", subject=MARK)
        h.meeting("bob", "-5m", "1h", calendar=f"{MARK} private", busy="OOF")
        h.meeting("ann", "-5m", "1h", calendar="Business trips")
        says(h, "bob", "free")
        f.write('trips: calendar = "business TRIPS" => away "Travelling"\n')
        f.flush()
        page = ctl("rule", "test", bob, "--file", f.name)
        assert re.search(r"away +Travelling +rule trips", page) and MARK not in page, page
        assert not requests(h, "ann")["FindFolder"]
        ctl("rule", "add", "trips", 'calendar = "business trips" => away "Travelling"',
            "--for", f"user:{bob}")
        says(h, "bob", "away", "Travelling")
        assert h.explain("bob")["from_calendar"]["rule"] == "trips"
        page = ctl("explain", bob)
        assert re.search(r"further calendars +1\n", page) and MARK not in page, page
        says(h, "ann", "free")
        assert not requests(h, "ann")["FindFolder"] and not requests(h, "ann")["GetFolder"]

        h.meeting("bob", "+2h", "1h", calendar="Business trips")  # seen at once: it is subscribed to
        wait_for(lambda: h.explain("bob")["exchange"]["items"] == 2, 10)
        folders = requests(h, "bob")["FindFolder"]
        restart(h)
        says(h, "bob", "away", "Travelling")
        time.sleep(3)
        assert requests(h, "bob")["FindFolder"] == folders  # served from the store
        calendar(h, "bob", "Journeys", trips)
        says(h, "bob", "free")
        calendar(h, "bob", "Business trips", trips)
        ctl("refresh", bob)
        says(h, "bob", "away", "Travelling")
        calendar(h, "bob", None, trips, error="ErrorAccessDenied")
        h.meeting("bob", "-5m", "1h")
        says(h, "bob", "in-a-meeting")  # the own calendar is read all the same
        page = ctl("explain", bob)
        assert re.search(r"further calendars +1, of which 1 cannot be read", page), page
        assert "calendars could not be read" in ctl("rule", "test", bob)
        calendar(h, "bob", None, trips, error="")
        ctl("refresh", bob)
        says(h, "bob", "away", "Travelling")
        h.mock.delete(f"/users/{bob}/calendars/{trips}", {"moved": True})
        says(h, "bob", "in-a-meeting")
        ctl("rule", "remove", "trips")
        says(h, "bob", "in-a-meeting")
        wait_for(lambda: "further calendars" not in ctl("explain", bob), 10)


def test_many_calendars():
    """more calendars than are read, and more than are looked at: both are said"""
    quiet = {"calendar.cross_check_min": 1440}
    with House(settings=quiet) as h, tempfile.NamedTemporaryFile("w", suffix=".rules") as f:
        ctl, bob = h.gateway.ctl, h.jid("bob")
        for i in range(22):
            calendar(h, "bob", f"Team {i}")
        f.write('team: calendar ~ "team" => away "With the team"\n')
        f.flush()
        words = "2 more that rules look at are left out: 20 are read at most"
        assert "# further calendars: " + words in ctl("rule", "test", bob, "--file", f.name)
        ctl("rule", "add", "team", 'calendar ~ "team" => away "With the team"', "--for", f"user:{bob}")
        wait_for(lambda: words in ctl("explain", bob), 20)
        restart(h)
        wait_for(lambda: words in ctl("explain", bob), 20)
        assert h.explain("bob")["exchange"]["left_calendars"] == 2
        assert h.explain("bob")["exchange"]["calendars_cut"] is False


WEEK = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def work(h, name, start="00:00", end="24:00", days=WEEK, zone="UTC"):
    """Other working hours in Exchange, and they are read."""
    h.mock.post(f"/users/{h.jid(name)}/traits",
                {"hours": {"zone": zone, "days": list(days), "start": start, "end": end}})
    h.gateway.ctl("refresh", h.jid(name))


def test_hours():
    """outside working hours a colleague sees away, if that is switched on; at the minute they end; kept"""
    with contextlib.ExitStack() as stack:
        h = stack.enter_context(House())
        ctl = h.gateway.ctl
        ann, bob = stack.enter_context(h.client("ann")), stack.enter_context(h.client("bob"))
        h.befriend(ann, bob)
        now = time.gmtime()
        other_days = [d for i, d in enumerate(WEEK) if i != now.tm_wday]
        work(h, "bob", days=other_days[:3], start="08:00", end="17:00")
        says(h, "bob", "free")
        ctl("mapping", "set", "working-hours", "yes", "--for", f"user:{bob.jid}")
        ctl("text", "set", "outside-hours-until", "")
        ann.wait_contact(bob.jid, ("away", "Outside working hours"))
        page = ctl("explain", bob.jid)
        days = " ".join(d[:3] for d in WEEK[-1:] + WEEK[:-1] if d in other_days[:3])
        assert re.search(r"by row +outside-hours", page), page
        assert re.search(r"00:00.*away.*row outside-hours", ctl("rule", "test", bob.jid)), "the day of a try"
        assert re.search(rf"working hours +{days} 08:00 to 17:00 \(UTC\+00:00\)", page), page
        says(h, "ann", "free")  # only for whom it is on
        meeting = h.meeting("bob", "-1m", "1h")
        ann.wait_contact(bob.jid, ("away", "In a meeting"))
        h.mock.delete(f"/meetings/{meeting['id']}")
        ann.wait_contact(bob.jid, ("away", "Outside working hours"))
        restart(h)
        says(h, "bob", "away", "Outside working hours")
        ann, bob = stack.enter_context(h.client("ann")), stack.enter_context(h.client("bob"))
        refused(h, "mapping", "set", "outside-hours", "out-of-office", says="nobody is out of office")
        ctl("mapping", "set", "outside-hours", 'busy "Closed"')
        says(h, "bob", "busy", "Closed")
        ctl("mapping", "reset", "outside-hours")

        moment = int(time.time()) // 60 * 60 + (60 if time.time() % 60 < 50 else 120)
        today = WEEK[time.gmtime(moment - 1).tm_wday]
        end = time.strftime("%H:%M", time.gmtime(moment)).replace("00:00", "24:00")
        work(h, "bob", days=[today], end=end)
        ann.wait_contact(bob.jid, ("available", ""))
        seen = ann.wait_contact(bob.jid, ("away", "Outside working hours"), 125)
        print(f"   the day ends {seen.at - moment:+.2f} s after its minute")
        assert -0.05 <= seen.at - moment <= 1.0
        ctl("mapping", "set", "working-hours", "no", "--for", f"user:{bob.jid}")
        ann.wait_contact(bob.jid, ("available", ""))


def test_zone_of_exchange():
    """the zone of the working hours counts for who has none of his own, before the organisation's"""
    with House(users=("bob",), settings={"presence.zone": "America/New_York"}) as h:
        h.gateway.ctl("text", "set", "in-a-meeting-until", "{zone}")
        h.gateway.set("presence.language", "ja")
        h.gateway.ctl("text", "set", "in-a-meeting-until", "{zone}", "--language", "ja")
        h.meeting("bob", "-5m", "30m")
        says(h, "bob", "in-a-meeting", "UTC")
        work(h, "bob", zone="Asia/Tokyo")
        says(h, "bob", "in-a-meeting", "JST")
        restart(h)
        says(h, "bob", "in-a-meeting", "JST")
        h.gateway.ctl("user", "edit", h.jid("bob"), "--zone", "Etc/UTC")
        says(h, "bob", "in-a-meeting", "UTC")


def test_texts():
    """in the user's language and zone; changed and reset while running"""
    with House() as h:
        ctl = h.gateway.ctl
        ctl("user", "edit", h.jid("bob"), "--zone", "Asia/Tokyo")
        ctl("text", "reset", "in-a-meeting-until")
        meeting = h.meeting("bob", "-5m", "30m")
        end = time.strptime(meeting["end"], "%Y-%m-%dT%H:%M:%SZ")
        hour, minute = (end.tm_hour + 9) % 24, end.tm_min
        wait_for(lambda: re.fullmatch(rf"In a meeting until (.*, )?{hour:02}:{minute:02}",
                                      h.explain("bob")["published"]["text"]), 10)
        ctl("user", "edit", h.jid("bob"), "--language", "ja", "--zone", "Etc/UTC")
        wait_for(lambda: re.fullmatch(rf"(.* )?{end.tm_hour}:{minute:02}まで会議中",
                                      h.explain("bob")["published"]["text"]), 10)
        ctl("text", "set", "in-a-meeting-until", "取り込み中", "--language", "ja")
        says(h, "bob", "in-a-meeting", "取り込み中")
        restart(h)
        says(h, "bob", "in-a-meeting", "取り込み中")
        ctl("user", "edit", h.jid("bob"), "--language", "")
        h.gateway.set("presence.language", "ja")
        says(h, "bob", "in-a-meeting", "取り込み中")
        refused(h, "text", "set", "in-a-meeting", "{end}", says="cannot use {end}")
        refused(h, "text", "set", "nothing", "x", says="there is no text 'nothing'")
        refused(h, "set", "presence.zone", "Mars/Olympus", says="not known")
        refused(h, "set", "presence.language", "12", says="not '12'")


def test_replies():
    """what an automatic reply says: as plain text, beside Offline too, kept, hidden by the user and for all"""
    with contextlib.ExitStack() as stack:
        h = stack.enter_context(House(settings={"calendar.oof_poll_min": 1}))
        ann, bob = stack.enter_context(h.client("ann")), stack.enter_context(h.client("bob"))
        h.befriend(ann, bob)
        h.mock.post(f"/users/{bob.jid}/oof", {
            "state": "Enabled", "audience": "All", "external": "Call the office.",
            "internal": "\ufeff<html><head><style>p {}</style></head><body><p>On holiday &amp; happy."
                        "<br>Ask <b>Carl</b>.</p><p>--</p><p>Bob, Director</p></body></html>"})
        text = "Out of office: On holiday & happy. Ask Carl."
        ann.wait_contact(bob.jid, ("xa", text))
        bob.stop()
        ann.wait_contact(bob.jid, ("unavailable", text))
        restart(h)
        says(h, "bob", "out-of-office", text)
        h.mock.post(f"/users/{bob.jid}/oof", {"state": "Enabled", "internal": "Back soon"})
        says(h, "bob", "out-of-office", "Out of office: Back soon", timeout=30)
        h.gateway.api("PATCH", f"/v1/users/{bob.jid}", {"hide_oof": True})
        says(h, "bob", "free", "")
        page = h.gateway.ctl("explain", bob.jid)
        assert re.search(r"automatic replies +enabled\n +hidden from everybody", page), page
        h.gateway.api("PATCH", f"/v1/users/{bob.jid}", {"hide_oof": False})
        says(h, "bob", "out-of-office", "Out of office: Back soon")
        assert "hidden from everybody" not in h.gateway.ctl("explain", bob.jid)
        h.gateway.set("calendar.oof_display", "hide")
        says(h, "bob", "free", "")
        page = h.gateway.ctl("explain", bob.jid)
        assert re.search(r"automatic replies +enabled\n +hidden from everybody: calendar.oof_display", page), page
        h.gateway.set("calendar.oof_display", "display")
        says(h, "bob", "out-of-office", "Out of office: Back soon")
        h.mock.post(f"/users/{bob.jid}/oof", {"state": "Disabled"})
        says(h, "bob", "free", "")


def test_reply_of_one_who_is_gone():
    """a user was removed and the process killed in between: what the reply said does not stay, nor for a namesake"""
    with House() as h:
        h.mock.post(f"/users/{h.jid('bob')}/oof", {"state": "Enabled", "internal": f"{REPLY} private"})
        says(h, "bob", "out-of-office", f"Out of office: {REPLY} private", timeout=30)
        assert h.gateway.stop() == 0

        def records(*statements):
            with contextlib.closing(sqlite3.connect(os.path.join(h.gateway.data, "kalends.db"))) as db:
                for statement in statements:
                    db.execute(statement)
                db.commit()
                return [bytes(key).decode() for key, in
                        db.execute("SELECT key FROM record WHERE kind = 'reply' ORDER BY key")]
        carl = h.jid("carl").encode().hex()
        assert records(f"INSERT INTO record SELECT kind, x'{carl}', x'{carl}', value FROM record "
                       "WHERE kind = 'reply'") == [h.jid("bob"), h.jid("carl")]
        h.gateway.start()
        says(h, "bob", "out-of-office", f"Out of office: {REPLY} private")
        assert h.gateway.stop() == 0
        assert records() == [h.jid("bob")]


def test_seen_live():
    """a colleague's client sees every kind of change as it is made: mapping, rule, text, override, level,
    automatic reply, working hours"""
    with House() as h, h.client("ann") as ann, h.client("bob") as bob:
        ctl = h.gateway.ctl
        h.befriend(ann, bob)
        h.meeting("bob", "-1m", "1h", subject="Lunch with Carl")

        def sees(show, text, *command):
            if command:
                ctl(*command)
            ann.wait_contact(bob.jid, (show, text))
        for name in ("do-not-disturb-until", "outside-hours-until"):
            ctl("text", "set", name, "")
        ctl("text", "set", "in-a-meeting-until", "", "--language", "ja")
        sees("away", "In a meeting")
        sees("dnd", "Do not disturb", "mapping", "set", "busy", "do-not-disturb", "--for", f"user:{bob.jid}")
        sees("away", "In a meeting", "mapping", "reset", "busy", "--for", f"user:{bob.jid}")
        sees("away", "Eats", "rule", "add", "lunch", 'subject ~ lunch => away "Eats"')
        sees("away", "Eats until late", "rule", "edit", "lunch", 'subject ~ lunch => away "Eats until late"')
        sees("available", "", "rule", "edit", "lunch", "subject ~ lunch => ignore")
        sees("away", "In a meeting", "rule", "remove", "lunch")
        sees("away", "Talks", "text", "set", "in-a-meeting", "Talks")
        sees("away", "会議中", "user", "edit", bob.jid, "--language", "ja")
        sees("away", "Talks", "user", "edit", bob.jid, "--language", "")
        sees("available", "Here", "override", "set", bob.jid, "available", "--until-cleared", "--text", "Here")
        sees("away", "Talks", "override", "clear", bob.jid)
        sees("available", "", "privacy", "set", bob.jid, "own", "nothing")
        sees("away", "Talks", "privacy", "set", bob.jid, "own", "default")
        h.mock.post(f"/users/{bob.jid}/oof", {"state": "Enabled", "internal": "Ask Carl"})
        sees("xa", "Out of office: Ask Carl", "refresh", bob.jid)
        sees("away", "Talks", "set", "calendar.oof_display", "hide")
        sees("xa", "Out of office: Ask Carl", "set", "calendar.oof_display", "display")
        sees("away", "Talks", "mapping", "set", "order", "busy automatic-reply oof outside-hours "
             "working-elsewhere tentative free")
        work(h, "bob", days=[d for i, d in enumerate(WEEK) if i != time.gmtime().tm_wday], end="12:00")
        ctl("mapping", "set", "working-hours", "yes")
        sees("away", "Outside working hours", "mapping", "set", "order",
             "outside-hours busy automatic-reply oof working-elsewhere tentative free")


class Watcher:
    """A SIP watcher on a UDP socket: subscribes, answers each NOTIFY, and keeps every byte."""

    def __init__(self, gateway, user):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.wire, self.end = [], threading.Event()
        at = "127.0.0.1:%d" % self.socket.getsockname()[1]
        self.peer = (gateway.address, SIP_PORT)
        self.send(f"SUBSCRIBE sip:{user} SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bKt1\r\n"
                  f"From: <sip:ann@{DOMAIN}>;tag=t1\r\nTo: <sip:{user}>\r\nCall-ID: taint\r\n"
                  f"CSeq: 1 SUBSCRIBE\r\nContact: <sip:ann@{at}>\r\nMax-Forwards: 70\r\nEvent: presence\r\n"
                  "Expires: 600\r\nContent-Length: 0\r\n\r\n")
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def send(self, text):
        self.socket.sendto(text.encode(), self.peer)

    def run(self):
        self.socket.settimeout(0.2)
        while not self.end.is_set():
            try:
                text = self.socket.recv(65536).decode()
            except TimeoutError:
                continue
            self.wire.append(text)
            if text.startswith("NOTIFY"):
                notify = Message(text)
                lines = "".join(f"{n}: {v}\r\n" for n in ("Via", "From", "To", "Call-ID", "CSeq")
                                for v in notify.all(n))
                self.send(f"SIP/2.0 200 OK\r\n{lines}Content-Length: 0\r\n\r\n")

    def wait(self, text):
        wait_for(lambda: self.wire and text in self.wire[-1], 10, f"{text!r} in a NOTIFY")

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.end.set()
        self.thread.join()
        self.socket.close()


def leaks(pages, mark):
    """Where a text that was hidden in the mock has come to light."""
    return [re.search(rf".{{0,200}}{mark}.{{0,100}}", page, re.S).group(0) for page in pages if mark in page]


def test_nothing_leaks():
    """subject, place and body of items: not in store, log, status, API or on any wire, rules or not; an
    automatic reply only where the level allows text"""
    with contextlib.ExitStack() as stack:
        h = stack.enter_context(House(log_levels="debug", settings={"sip.incoming_acl": "127.0.0.0/8",
                                                                   "sip.domains": f"{DOMAIN}@127.0.0.0/8"}))
        ann, bob = stack.enter_context(h.client("ann")), stack.enter_context(h.client("bob"))
        h.befriend(ann, bob)
        watcher = stack.enter_context(Watcher(h.gateway, bob.jid))
        watch = h.gateway.connection()
        watch.request("GET", "/v1/watch")
        create(h, "bob", (f"<t:Subject>{MARK} subject</t:Subject><t:Body BodyType=\"Text\">{MARK} body"
                          f"</t:Body><t:Categories><t:String>{MARK} category</t:String></t:Categories>",
                          f"<t:Location>{MARK} location</t:Location>"))
        ann.wait_contact(bob.jid, ("away", None))
        watcher.wait("In a meeting")
        h.gateway.ctl("rule", "add", "looks", f"subject ~ {MARK[:-1]} and location ~ location and "
                      'category ~ category and organiser ~ bob => busy "Shown"')
        ann.wait_contact(bob.jid, ("away", "Shown"))
        watcher.wait("Shown")
        calendar(h, "bob", f"{MARK} calendar")
        h.meeting("bob", "-5m", "1h", calendar=f"{MARK} calendar", subject=MARK)
        h.gateway.ctl("rule", "add", "open", 'calendar = "Open" => do-not-disturb')
        wait_for(lambda: requests(h, "bob")["FindFolder"], 10)
        pages = [h.gateway.ctl("rule", "test", bob.jid)]
        h.mock.post(f"/users/{bob.jid}/oof", {"state": "Enabled", "internal": f"Reply {REPLY}"})
        h.gateway.ctl("refresh", bob.jid)
        ann.wait_contact(bob.jid, ("xa", f"Out of office: Reply {REPLY}"))
        watcher.wait(REPLY)  # the level is full: this is where it may be
        h.gateway.ctl("privacy", "set", bob.jid, "own", "times")
        ann.wait_contact(bob.jid, ("xa", "Out of office"))
        watcher.wait("<note>Out of office")
        seen, told = len(ann.presences), len(watcher.wire)
        h.gateway.ctl("text", "set", "out-of-office", "Gone")
        ann.wait_contact(bob.jid, ("xa", "Gone"))
        watcher.wait("Gone")
        assert not leaks([str(p) for p in ann.presences[seen:]] + watcher.wire[told:], REPLY)

        pages += [h.gateway.ctl(*args) for args in (
            ("status",), ("explain", bob.jid), ("explain", bob.jid, "--watcher", "ann"),
            ("user", "show", bob.jid), ("rule", "list"), ("mapping", "list"))]
        pages += [str(h.gateway.api("GET", path)) for path in (
            "/v1/status", f"/v1/users/{bob.jid}/explain", "/v1/users", "/v1/rules", "/v1/gateways")]
        pages += [str(seen) for seen in ann.presences] + [str(seen) for seen in bob.presences]
        pages += watcher.wire
        assert any("Shown" in page for page in pages)
        h.gateway.stop()
        with contextlib.suppress(http.client.IncompleteRead):
            for line in watch.getresponse():
                pages.append(line.decode())
        assert leaks(pages[-20:], "away"), "nothing was watched"
        log = h.gateway.log()
        assert len(log) > 1000 and "looks" in log and not leaks([log], REPLY)
        for folder, _, files in os.walk(h.gateway.data):
            for name in files:
                with open(os.path.join(folder, name), "rb") as f:
                    pages.append(f.read().decode("latin-1"))
        assert leaks(pages, "looks") and leaks(pages, REPLY), "what may be there is found"
        assert not leaks(pages + [log], MARK)


def at_once(gateway, *requests):
    """They reach the daemon in the same round of its loop."""
    opened = [gateway.connection() for _ in requests]
    for c in opened:  # accepted before the moment
        c.request("GET", "/v1/version")
        c.getresponse().read()
    gateway.process.send_signal(signal.SIGSTOP)
    for c, (method, path, body) in zip(opened, requests):
        c.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
    gateway.process.send_signal(signal.SIGCONT)
    for c in opened:
        answer = c.getresponse()
        text = answer.read()
        assert answer.status < 300, text
        c.close()


def test_last_user_goes():
    """the last user goes while everybody is to be looked at again"""
    with House(users=("ann",)) as h:
        requests = [("PUT", "/v1/mapping/busy", {"value": "away"}),
                    ("DELETE", f"/v1/users/{h.jid('ann')}", {})]
        for turn in range(4):
            says(h, "ann", "free")
            at_once(h.gateway, *requests[::-1 if turn % 2 else 1])
            h.gateway.ctl("user", "add", h.jid("ann"), "--mail", h.jid("ann"), "--im", "--calendar")


if __name__ == "__main__":
    house.run([test_hours, test_zone_of_exchange, test_mapping, test_exact_rows, test_rules, test_rule_test, test_calendars,
               test_many_calendars, test_texts, test_replies, test_reply_of_one_who_is_gone, test_seen_live, test_nothing_leaks, test_last_user_goes])

"""What a colleague with an ordinary XMPP client sees of a calendar, and when."""

import datetime
import time

import house
from house import House, utc


def at_second(seen, due, spread, what):
    """Not before the boundary, and not later than spread plus one second."""
    late = seen.at - due
    print(f"   {what}: {late:+.2f} s after the boundary")
    assert -0.05 <= late <= spread + 1.0, f"{what} {late:.2f} s after its boundary, spread {spread}"


def meeting_begins_and_ends(spread):
    with House(spread=spread) as h, h.client("ann") as ann, h.client("bob") as bob:
        h.befriend(ann, bob)
        start = int(time.time()) + 4
        end = start + spread + 3
        h.mock.meeting(bob.jid, start=utc(start), end=utc(end), subject="Secret plans")
        seen = ann.wait_contact(bob.jid, ("away", "In a meeting"), 15 + spread)
        at_second(seen, start, spread, "meeting begins")
        seen = ann.wait_contact(bob.jid, ("available", ""), 15 + spread, after=seen.at)
        at_second(seen, end, spread, "meeting ends")
        states = [s.state for s in ann.contact_states(bob.jid)]
        assert states == [("available", ""), ("away", "In a meeting"), ("available", "")], states
        assert "Secret" not in h.gateway.log()


def test_transitions_without_spread():
    """Available, In a meeting, Available at the right seconds"""
    meeting_begins_and_ends(0)


def test_transitions_with_spread():
    """the same with a spread of 5 seconds"""
    meeting_begins_and_ends(5)


def test_push():
    """a meeting created, moved and cancelled shows within 2 seconds; out of office; offline"""
    with House() as h, h.client("ann") as ann, h.client("bob") as bob:
        h.befriend(ann, bob)

        asked = time.time()
        meeting = h.meeting("bob", "-1m", "1h")
        seen = ann.wait_contact(bob.jid, ("away", "In a meeting"))
        assert seen.at - asked < 2.0, f"a meeting created now took {seen.at - asked:.2f} s"
        why = h.explain("bob")
        assert "Secret" not in str(why)

        asked = time.time()
        h.mock.post(f"/meetings/{meeting['id']}", {"start": "+2h", "for": "1h"})
        seen = ann.wait_contact(bob.jid, ("available", ""), after=asked)
        assert seen.at - asked < 2.0, f"a meeting moved away took {seen.at - asked:.2f} s"

        asked = time.time()
        h.mock.post(f"/meetings/{meeting['id']}", {"start": "-1m", "for": "1h"})
        seen = ann.wait_contact(bob.jid, ("away", "In a meeting"), after=asked)
        asked = time.time()
        h.mock.post(f"/meetings/{meeting['id']}/cancel")
        seen = ann.wait_contact(bob.jid, ("available", ""), after=asked)
        assert seen.at - asked < 2.0, f"a cancelled meeting took {seen.at - asked:.2f} s"

        # What the client says and what the calendar says: do not disturb is never weakened.
        bob.presence("dnd", "Writing")
        ann.wait_contact(bob.jid, ("dnd", "Writing"))
        again = h.meeting("bob", "-1m", "1h")
        time_to_see = time.time() + 2
        while time.time() < time_to_see and not h.explain("bob")["published"]["text"]:
            time.sleep(0.05)
        assert ann.contact_states(bob.jid)[-1].state == ("dnd", "Writing")
        bob.presence()
        ann.wait_contact(bob.jid, ("away", "In a meeting"))

        # Offline stays offline, with the calendar beside it.
        bob.stop()
        ann.wait_contact(bob.jid, ("unavailable", "In a meeting"))
        h.mock.delete(f"/meetings/{again['id']}")
        ann.wait_contact(bob.jid, ("unavailable", ""))


def test_out_of_office():
    """out of office shows with its dates, is polled, ends by itself; offline is kept"""
    with House(settings={"calendar.oof_poll_min": 1}) as h, h.client("ann") as ann, \
            h.client("bob") as bob:
        h.befriend(ann, bob)
        start = int(time.time()) - 60
        end = int(time.time()) + 8
        h.mock.post(f"/users/{bob.jid}/oof", {"state": "scheduled", "start": utc(start),
                                              "end": utc(end), "internal": "Back soon"})
        seen = ann.wait_contact(bob.jid, ("xa", None))
        assert seen.state[1].startswith("Out of office from "), seen
        for moment in (start, end):
            text = datetime.datetime.fromtimestamp(moment, datetime.timezone.utc)
            assert text.strftime("%H:%M") in seen.state[1], seen
        seen = ann.wait_contact(bob.jid, ("available", ""))
        at_second(seen, end, 0, "out of office ends")

        h.mock.post(f"/users/{bob.jid}/oof", {"state": "enabled"})
        ann.wait_contact(bob.jid, ("xa", "Out of office: Back soon"))
        bob.stop()
        ann.wait_contact(bob.jid, ("unavailable", "Out of office: Back soon"))
        h.gateway.set("calendar.oof_display", "hide")
        ann.wait_contact(bob.jid, ("unavailable", ""))


def test_show_parameter():
    """the word for a meeting is a parameter, and applies at once"""
    with House() as h, h.client("ann") as ann, h.client("bob") as bob:
        h.befriend(ann, bob)
        h.meeting("bob", "-1m", "1h")
        ann.wait_contact(bob.jid, ("away", "In a meeting"))
        h.gateway.set("xmpp.show_in_meeting", "dnd")
        ann.wait_contact(bob.jid, ("dnd", "In a meeting"))


if __name__ == "__main__":
    house.run([test_transitions_without_spread, test_transitions_with_spread, test_push,
               test_out_of_office, test_show_parameter])

"""What a user, or an administrator, sets over the calendar, and what of the calendar is shown to whom: a
colleague with an ordinary XMPP client sees it change live."""

import datetime
import time

import slixmpp
from gateway import wait_for
from house import DOMAIN, House, run, utc
from slixmpp.xmlstream import ET

NS = "{http://jabber.org/protocol/commands}"
DATA = "{jabber:x:data}"
BOB, ANN = f"bob@{DOMAIN}", f"ann@{DOMAIN}"


def busy(h, ann, **more):
    """bob is in a meeting, and ann sees it."""
    meeting = h.meeting("bob", "-1m", "1h", subject="Secret plans", **more)
    ann.wait_contact(BOB, ("away", None))
    return meeting


def test_set_and_clear():
    """an override shows at once, survives a kill, and leaves what would have been"""
    with House() as h, h.client("ann") as ann:
        with h.client("bob") as bob:
            h.befriend(ann, bob)
            busy(h, ann)
            said = h.gateway.ctl("override", "set", "bob", "available", "--until-cleared",
                                 "--text", "An urgent call")
            assert said.startswith(f'{BOB} is available "An urgent call" until it is cleared'), said
            ann.wait_contact(BOB, ("available", "An urgent call"))
            assert h.explain("bob")["from_calendar"]["state"] == "in-a-meeting", "Exchange has changed"
            page = h.gateway.ctl("explain", "bob")
            for words in ("Override", 'available "An urgent call"', "until it is cleared",
                          "text comes from", "override"):
                assert words in page, (words, page)
            assert "Secret" not in page
            page = h.gateway.ctl("override", "list")
            assert BOB in page and "An urgent call" in page, page
            h.gateway.kill()
            h.gateway.start()
            with h.client("ann") as again, h.client("bob"):
                again.wait_contact(BOB, ("available", "An urgent call"))
                assert h.gateway.ctl("override", "clear", "bob") == "override of 'bob' cleared\n"
                again.wait_contact(BOB, ("away", None))
                assert "no overrides" in h.gateway.ctl("override", "list")


def test_ends_by_time():
    """until a time: then the meeting again, to the second"""
    with House() as h, h.client("ann") as ann, h.client("bob") as bob:
        h.befriend(ann, bob)
        busy(h, ann)
        until = int(time.time()) + 4
        h.gateway.ctl("override", "set", "bob", "do-not-disturb", "--until", utc(until))
        ann.wait_contact(BOB, ("dnd", None))
        seen = ann.wait_contact(BOB, ("away", None), 15)
        print(f"   the override ends {seen.at - until:+.2f} s after its time")
        assert -0.05 <= seen.at - until <= 1.0
        assert "no overrides" in h.gateway.ctl("override", "list")


def test_ends_with_the_item():
    """until the item ends: no word of the meeting in between"""
    with House() as h, h.client("ann") as ann, h.client("bob") as bob:
        h.befriend(ann, bob)
        end = int(time.time()) + 6
        h.mock.meeting(BOB, start=utc(end - 60), end=utc(end))
        ann.wait_contact(BOB, ("away", None))
        h.gateway.ctl("override", "set", "bob", "do-not-disturb", "--until-item-end")
        ann.wait_contact(BOB, ("dnd", None))
        seen = ann.wait_contact(BOB, ("available", ""), 15)
        assert -0.05 <= seen.at - end <= 1.0, seen.at - end
        shows = [s.state[0] for s in ann.contact_states(BOB)]
        assert shows[-3:] == ["away", "dnd", "available"], shows
        done = h.gateway.run_ctl("override", "set", "bob", "away", "--until-item-end")
        assert done.returncode == 1 and "no calendar item runs" in done.stderr, done


def test_levels():
    """what is shown of the calendar changes for those who look on"""
    with House() as h, h.client("ann") as ann, h.client("bob") as bob:
        h.befriend(ann, bob)
        busy(h, ann)
        h.gateway.ctl("privacy", "set", "bob", ANN, "nothing")
        ann.wait_contact(BOB, ("available", ""))
        page = h.gateway.ctl("explain", "bob", "--watcher", "ann")
        for words in (f"What {ANN} sees", "level", "nothing", "set it for this watcher"):
            assert words in page, (words, page)
        h.gateway.ctl("privacy", "set", "bob", "own", "busy")
        h.gateway.ctl("privacy", "set", "bob", ANN, "default")
        ann.wait_contact(BOB, ("away", None))
        assert "meeting" not in ann.contact_states(BOB)[-1].status.lower()
        h.gateway.ctl("privacy", "set", "bob", "own", "default")
        wait_for(lambda: "meeting" in ann.contact_states(BOB)[-1].status.lower(), 10, "the text")
        h.gateway.set("presence.privacy_own", "nothing")
        ann.wait_contact(BOB, ("available", ""))
        assert "nothing (the default)" in h.gateway.ctl("privacy", "list", "bob")


def test_without_a_client():
    """the calendar alone speaks for who is logged in nowhere, if that is wanted"""
    with House() as h, h.client("ann") as ann:
        with h.client("bob") as bob:
            h.befriend(ann, bob)
            busy(h, ann)
        ann.wait_contact(BOB, ("unavailable", None))
        h.gateway.set("presence.without_client", "calendar")
        seen = ann.wait_contact(BOB, ("away", None))
        assert seen.resource == "", seen
        with h.client("bob"):
            wait_for(lambda: any(s.resource and s.state[0] == "away" and s.at > seen.at
                                 for s in ann.contact_states(BOB)), 10, "bob's client")
        h.gateway.set("presence.without_client", "offline")
        ann.wait_contact(BOB, ("unavailable", None))


def test_words_without_a_calendar():
    """a text that is changed is told of an override without words of its own, with no calendar too"""
    with House() as h, h.client("ann") as ann, h.client("bob") as bob:
        h.befriend(ann, bob)
        h.gateway.ctl("user", "disable", BOB, "--calendar")
        h.gateway.ctl("override", "set", "bob", "in-a-meeting", "--until-cleared")
        ann.wait_contact(BOB, ("away", "In a meeting"))
        h.gateway.ctl("text", "set", "in-a-meeting", "Talks")
        ann.wait_contact(BOB, ("away", "Talks"))
        h.gateway.set("presence.language", "ja")
        ann.wait_contact(BOB, ("away", "会議中"))


def test_own_words():
    """an override without a text says its state, in the user's language; also when that is changed"""
    with House() as h, h.client("ann") as ann, h.client("bob") as bob:
        h.befriend(ann, bob)
        h.gateway.ctl("override", "set", "bob", "do-not-disturb", "--until-cleared")
        ann.wait_contact(BOB, ("dnd", "Do not disturb"))
        h.gateway.ctl("user", "edit", "bob", "--language", "ja")
        ann.wait_contact(BOB, ("dnd", "応答不可"))
        h.gateway.ctl("text", "set", "do-not-disturb", "集中しています", "--language", "ja")
        ann.wait_contact(BOB, ("dnd", "集中しています"))
        told = len(ann.contact_states(BOB))
        h.gateway.ctl("text", "set", "away", "外です", "--language", "ja")
        h.gateway.ctl("override", "set", "bob", "away", "--until-cleared", "--text", "Back soon")
        ann.wait_contact(BOB, ("away", "Back soon"))
        assert len(ann.contact_states(BOB)) == told + 1, "told of nothing new"


def test_own_replies():
    """users hide their own automatic replies in their client, and show them again"""
    with House(settings={"calendar.oof_poll_min": 1}) as h, h.client("ann") as ann, h.client("bob") as bob:
        h.befriend(ann, bob)
        h.mock.post(f"/users/{BOB}/oof", {"state": "Enabled", "internal": "On holiday"})
        ann.wait_contact(BOB, ("xa", "Out of office: On holiday"))
        form = command(bob, "kalends:privacy")
        kinds = {f.get("var"): f.get("type") for f in form.iter(DATA + "field")}
        assert kinds["hide-oof"] == "boolean", kinds
        command(bob, "kalends:privacy", "complete", {"own": "default", "federated": "default", "hide-oof": "1"})
        ann.wait_contact(BOB, ("available", ""))
        assert [f.findtext(DATA + "value") for f in command(bob, "kalends:privacy").iter(DATA + "field")][-1] == "1"
        assert h.gateway.api("GET", f"/v1/users/{BOB}")["hide_oof"] is True
        entry = h.gateway.api("GET", f"/v1/audit?user={BOB}")["entries"][0]
        assert (entry["by"], entry["changed"]) == (BOB, {"hide_oof": [False, True]}), entry
        assert abs(datetime.datetime.fromisoformat(entry["at"].replace("Z", "+00:00")).timestamp() - time.time()) < 60
        h.gateway.kill()
        h.gateway.start()
        with h.client("ann") as ann, h.client("bob") as bob:
            ann.wait_contact(BOB, ("available", ""))
            command(bob, "kalends:privacy", "complete", {"own": "default", "federated": "default"})
            command(bob, "kalends:privacy", "complete", {"hide-oof": "false", "own": "default", "federated": "default"})
            ann.wait_contact(BOB, ("xa", "Out of office: On holiday"))


def command(client, node, action=None, values=None, lang=None):
    async def send(xmpp):
        iq = xmpp.make_iq_set(ito=DOMAIN)
        if lang:
            iq.xml.set("{http://www.w3.org/XML/1998/namespace}lang", lang)
        c = ET.SubElement(iq.xml, NS + "command", {"node": node})
        if action:
            c.set("action", action)
        if values is not None:
            form = ET.SubElement(c, DATA + "x", {"type": "submit"})
            for var, value in values.items():
                field = ET.SubElement(form, DATA + "field", {"var": var})
                ET.SubElement(field, DATA + "value").text = value
        return (await iq.send(timeout=10)).xml.find(NS + "command")
    return client.call(send)


def test_in_a_client():
    """users find the commands in their client, in two languages, and use them"""
    with House() as h, h.client("ann") as ann, h.client("bob") as bob:
        h.befriend(ann, bob)
        busy(h, ann)

        async def commands(xmpp):
            xmpp.register_plugin("xep_0050")
            items = await xmpp["xep_0050"].get_commands(jid=DOMAIN)
            info = await xmpp["xep_0030"].get_info(jid=DOMAIN, node="kalends:override")
            return [i[1] for i in items["disco_items"]["items"]], info["disco_info"]["features"]
        nodes, features = bob.call(commands)
        assert set(nodes) == {"kalends:override", "kalends:override-clear", "kalends:privacy",
                              "kalends:decision"}, nodes
        assert "http://jabber.org/protocol/commands" in features

        form = command(bob, "kalends:override", "execute")
        assert form.get("status") == "executing" and form.get("sessionid"), ET.tostring(form)
        options = [o.findtext(DATA + "value") for o in form.iter(DATA + "option")]
        assert "do-not-disturb" in options and "item" in options and "60" in options, options
        japanese = command(bob, "kalends:override", "execute", lang="ja")
        assert "会議中" in [o.get("label") for o in japanese.iter(DATA + "option")]

        done = command(bob, "kalends:override", "complete",
                       {"state": "do-not-disturb", "until": "item", "text": "no calls"})
        assert done.get("status") == "completed" and done.find(NS + "note").get("type") == "info"
        ann.wait_contact(BOB, ("dnd", "no calls"))
        done = command(bob, "kalends:override-clear", "execute")
        assert done.find(NS + "note").text == "Your calendar is shown again."
        ann.wait_contact(BOB, ("away", None))
        done = command(bob, "kalends:privacy", "complete", {"own": "nothing", "federated": "busy"})
        ann.wait_contact(BOB, ("available", ""))
        assert command(bob, "kalends:privacy", "cancel").get("status") == "canceled"
        shown = [f.findtext(DATA + "value") for f in command(bob, "kalends:privacy").iter(DATA + "field")]
        assert shown == ["nothing", "busy", "0"], shown

        for values in ({"state": "asleep", "until": "60"}, {"state": "away", "until": "0"},
                       {"state": "away", "until": "99999999999999999999"}, {},
                       {"state": "away", "until": "60", "text": "x" * 600}):
            done = command(bob, "kalends:override", "complete", values)
            assert done.find(NS + "note").get("type") == "error", values
        for node, action in (("kalends:other", "execute"), ("kalends:override", "next")):
            try:
                command(bob, node, action)
                raise AssertionError("not refused")
            except slixmpp.exceptions.IqError as error:
                assert error.condition in ("item-not-found", "bad-request"), error.condition
        assert "no overrides" in h.gateway.ctl("override", "list")


if __name__ == "__main__":
    run([test_set_and_clear, test_ends_by_time, test_ends_with_the_item, test_levels,
               test_without_a_client, test_words_without_a_calendar, test_own_words, test_own_replies,
               test_in_a_client])

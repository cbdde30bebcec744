"""SIPp as a Lync front end, and as the Access Edge of partners, where not all goes well: what they answer to our
requests and notifications, or do not; subscriptions that are refreshed as Lync does; what the calendar says to each kind
of peer; and Kamailio that sends requests round in a circle."""

import contextlib
import re
import sys
import time

import sip
from gateway import SIP_PORT, wait_for
from house import House, run, utc
from test_sip_sessions import Bob, answer, expect

sip.need("sipp", "kamailio")

SETTINGS = {"sip.incoming_acl": "127.0.0.0/8", "sip.notify_interval_s": 0, "presence.auto_authorize": "everybody"}
PAUSE = '  <pause milliseconds="{}"/>\n'
UNKNOWN = ("unavailable", "Presence Unknown")


def granted(seconds, tag=";tag=[call_number]"):
    return answer(tag=tag).replace("Content-Length", f"Expires: {seconds}\nContent-Length")


def tell(contact, cseq, state="active", activity="busy"):
    """A NOTIFY in the subscription that came last."""
    body = ("" if state == "pending" else
            f'<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:{contact}"><tuple id="0"><status><basic>open</basic>'
            '<ep:activities xmlns:ep="urn:ietf:params:xml:ns:pidf:status:rpid-status">'
            f'<ep:activity>{activity}</ep:activity></ep:activities></status></tuple></presence>')
    return f"""  <send retrans="500"><![CDATA[
NOTIFY sip:bob@kalends.test SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:{contact}>;tag=[call_number]
To: [$own]
Call-ID: [call_id]
CSeq: {cseq} NOTIFY
Contact: <sip:[local_ip]:[local_port];transport=[transport]>
Max-Forwards: 70
Event: presence
Subscription-State: {state}
Content-Type: application/pidf+xml
Content-Length: [len]

{body}]]></send>
  <recv response="200"/>
"""


def subscribed(contact, seconds=7200):
    return expect("SUBSCRIBE", keep=True) + granted(seconds) + tell(contact, 1)


@contextlib.contextmanager
def partners(house, scripts, over="udp", **how):
    """A domain each, with a server that plays its script. Gives the servers by domain."""
    with contextlib.ExitStack() as stack:
        peers = {domain: stack.enter_context(sip.Sipp(script, "", server=True, transport=over[0] + "1", **how))
                 for domain, script in scripts.items()}
        house.gateway.set("sip.domains", ", ".join(f"{domain}=lync" for domain in peers))
        house.gateway.set("sip.routes", ", ".join(f".{'.'.join(reversed(domain.split('.')))}.*={over}:127.0.0.1:{peer.port}"
                                                  for domain, peer in peers.items()))
        yield peers


def at(message):
    """The second of the day at which SIPp has noted it."""
    hours, minutes, seconds = message.at.split()[-1].split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def complaint(house, contact, status):
    wait_for(lambda: re.search(f"subscribing fails user='bob@kalends.test' contact='{contact}' result={status} ",
                               house.gateway.log()), 20, f"{contact} {status}")


# -- what they answer -------------------------------------------------------------------------------

def subscribe_refused(over):
    refusals = {"d403.test": "403 Forbidden", "d408.test": "408 Request Timeout", "d480.test": "480 Temporarily Unavailable",
                "d482.test": "482 Loop Detected", "d483.test": "483 Too Many Hops", "d606.test": "606 Not Acceptable"}
    scripts = {domain: [expect("SUBSCRIBE"), answer(status), PAUSE.format(8000)] for domain, status in refusals.items()}
    busy = expect("SUBSCRIBE") + answer("503 Service Unavailable").replace("Content-Length", "Retry-After: 3\nContent-Length")
    # It is another call for SIPp, which plays one: the first is over by then.
    scripts["d503.test"] = [busy]
    scripts["d404.test"] = [expect("SUBSCRIBE"), answer("404 Not Found")]
    with House(users=["bob"], settings=SETTINGS) as h, partners(h, scripts, over) as peers, h.client("bob") as bob:
        bob.presence()
        for domain in peers:
            bob.subscribe(f"ann@{domain}")
        for domain, status in refusals.items():
            complaint(h, f"ann@{domain}", status.split()[0])
            bob.wait_contact(f"ann@{domain}", UNKNOWN)
        complaint(h, "ann@d503.test", 503)
        peers["d503.test"].wait()
        asked = at(peers["d503.test"].messages()[0])
        with sip.Sipp([subscribed("ann@d503.test")], "", server=True, port=peers["d503.test"].port,
                      transport=over[0] + "1") as again:
            bob.wait_contact("ann@d503.test", ("away", "Busy"))
            again.wait()
            assert 2.9 < at(again.messages()[0]) - asked < 12, (asked, again.messages()[0].at)
        peers["d404.test"].wait()
        wait_for(lambda: any(p.sender == "ann@d404.test" and p.type == "unsubscribed" for p in bob.presences), 20, "told so")
        assert "contact refuses user='bob@kalends.test' contact='ann@d404.test'" in h.gateway.log()
        for domain in refusals:
            peers[domain].wait()  # nobody was asked a second time: it would not have been expected
            assert len(peers[domain].messages()) == 1, peers[domain].messages()


def test_subscribe_refused():
    """403, 408, 480, 482, 483, 503 with Retry-After, 404: told in the log, shown as unknown; later, or never, again"""
    for over in ("udp", "tcp"):
        subscribe_refused(over)


def notified(status, more=""):
    """Answers a NOTIFY."""
    return sip.notify().replace("200 OK", status).replace("Content-Length", f"{more}Content-Length")


def watching(house, watcher, *steps, expires=600, **how):
    subscribe = sip.subscribe(house.jid("bob"), watcher).replace("Expires: 600", f"Expires: {expires}")
    return sip.Sipp([subscribe, *steps], f"{house.gateway.address}:{SIP_PORT}", **how)


def test_notify_refused():
    """who answers a notification with 403, 408, 481, 482 or 483 is told nothing any more; 503 with Retry-After is heeded"""
    with House(users=["bob"], settings={**SETTINGS, "sip.domains": "lync.test=lync"}) as h:
        for status in ("403 Forbidden", "408 Request Timeout", "481 Subscription Does Not Exist", "482 Loop Detected",
                       "483 Too Many Hops"):
            with watching(h, "ann@lync.test", notified(status)) as peer:
                peer.wait()
            wait_for(lambda: f"result={status.split()[0]}" in h.gateway.log(), 20, status)
            assert h.gateway.status()["sip"]["subscriptions"] == 0
        with watching(h, "ann@lync.test", notified("503 Busy", "Retry-After: 3\n"), sip.notify()) as peer:
            peer.wait()
            first, second = peer.notifies()
            assert 2.9 < at(second) - at(first) < 12, (first.at, second.at)
        assert h.gateway.status()["sip"]["subscriptions"] == 1


# -- time -------------------------------------------------------------------------------------------

def test_refresh_and_silence():
    """each side refreshes before the end (an hour and three quarters of two, here of seconds), and who falls silent
    is noticed: a contact, a watcher, one who is written to"""
    scripts = {
        "holds.test": [subscribed("ann@holds.test", 64), expect("SUBSCRIBE").replace("20000", "70000"), granted(64, tag=""),
                       tell("ann@holds.test", 2, activity="away")],
        "silent.test": [expect("SUBSCRIBE"), PAUSE.format(40000)],
        "mute.test": [expect("INVITE"), PAUSE.format(40000)]}
    settings = {**SETTINGS, "sip.expires_min_s": 10}
    with House(users=["bob"], settings=settings) as h, partners(h, scripts, seconds=100) as peers, Bob(h) as bob, \
            watching(h, "ann@holds.test", sip.notify(), PAUSE.format(17000), sip.again(h.jid("bob"), "ann@holds.test", 20),
                     sip.notify(), sip.notify(), expires=20) as refreshes, \
            watching(h, "ann@silent.test", PAUSE.format(40000)) as falls_silent:
        bob.client.subscribe("ann@holds.test")
        bob.client.subscribe("ann@silent.test")
        bob.says("Anybody?", "ann@mute.test")
        bob.client.wait_contact("ann@holds.test", ("away", "Busy"))
        # Of the one who refreshes at seven eighths nothing is lost; of the one who does it no more, the rest.
        refreshes.wait()
        told = refreshes.notifies()
        assert [n.get("Subscription-State").partition(";")[0] for n in told] == ["active", "active", "terminated"], told
        assert told[2].get("Subscription-State") == "terminated;reason=timeout"
        assert 19 < at(told[2]) - at(told[1]) < 30, (told[1].at, told[2].at)
        # 32 seconds: RFC 3261's timers F and B.
        wait_for(lambda: "watcher gone user='bob@kalends.test' watcher='ann@silent.test' result=408" in h.gateway.log(), 40,
                 "the watcher is gone")
        complaint(h, "ann@silent.test", 408)
        bob.client.wait_contact("ann@silent.test", UNKNOWN)
        wait_for(lambda: bob.errors == ["remote-server-timeout"], 40, "the message comes back")
        falls_silent.close()
        bob.client.wait_contact("ann@holds.test", ("away", None), timeout=60, after=time.monotonic())
        holds = peers["holds.test"]
        holds.wait()
        first, second = [m for m in holds.messages() if m.start.startswith("SUBSCRIBE")]
        assert ";tag=" in second.get("To") and second.get("Call-ID") == first.get("Call-ID"), second.headers
        assert second.get("Expires") == "7446" and 64 * 0.8 < at(second) - at(first) < 64, (first.at, second.at)


# -- what the calendar says -------------------------------------------------------------------------

# By kind of peer: before, in a meeting, away, out of office.
PICTURES = {
    "lync": [("open", None, None), ("open", "busy", "In a meeting"), ("closed", None, None)],
    "aol": [("open", None, None), ("open", "away", "In a meeting"), ("open", "away", "Out of office: Back on Monday")],
    "simple": [("open", None, None), ("open", "meeting", "In a meeting"), ("open", "vacation", "Out of office: Back on Monday")],
}


def test_calendar():
    """a meeting, and out of office, of the simulated Exchange, as the tables have it for each kind of peer"""
    domains = ", ".join(f"{kind}.test={kind}" for kind in PICTURES)
    with House(users=["bob"], settings={**SETTINGS, "sip.domains": domains, "calendar.oof_poll_min": 1,
                                        "presence.privacy_federated": "full"}) as h, contextlib.ExitStack() as stack:
        bob = stack.enter_context(h.client("bob"))
        bob.presence()
        peers = {kind: stack.enter_context(watching(h, f"ann@{kind}.test", *[sip.notify()] * 5, PAUSE.format(100)))
                 for kind in PICTURES}

        def all_see(state):
            wanted = {kind: pictures[state] for kind, pictures in PICTURES.items()}
            last = lambda: {kind: sip.picture(peer.notifies()[-1]) if peer.notifies() else None for kind, peer in peers.items()}
            wait_for(lambda: last() == wanted, 20, lambda: f"{wanted}, but {last()} {peers['simple'].why()}")
        all_see(0)
        meeting = h.mock.meeting(bob.jid, start=utc(time.time() - 60), end=utc(time.time() + 600), subject="Secret plans")
        all_see(1)
        h.mock.delete(f"/meetings/{meeting['id']}")
        all_see(0)
        h.mock.post(f"/users/{bob.jid}/oof", {"state": "Enabled", "audience": "All", "internal": "Secret reply",
                                              "external": "Back on Monday"})
        all_see(2)
        h.mock.post(f"/users/{bob.jid}/oof", {"state": "Disabled"})
        all_see(0)
        for peer in peers.values():
            peer.wait()
            assert "Secret" not in peer.why(), peer.why()


# -- circles ----------------------------------------------------------------------------------------

CIRCLE = """
request_route {
    if (!mf_process_maxfwd_header("70")) { sl_send_reply("483", "Too Many Hops"); exit; }
    xlog("L_ALERT", "round\\n");
    $du = "sip:{address}:{port}";
    t_relay();
}
"""


def test_circle():
    """a proxy that sends everything to itself ends it after the 70 hops that we allow: 483, told once, and unknown"""
    with House(users=["bob"], settings={**SETTINGS, "sip.domains": "circle.test=lync"}) as h, \
            sip.Kamailio(CIRCLE, h.gateway.address) as proxy, h.client("bob") as bob:
        h.gateway.set("sip.routes", f".test.circle.*=udp:{proxy.address}:{proxy.port}")
        bob.presence()
        bob.subscribe("ann@circle.test")
        complaint(h, "ann@circle.test", 483)
        bob.wait_contact("ann@circle.test", UNKNOWN)
        assert proxy.read_log().count("round") == 70, proxy.read_log()


def test_max_forwards():
    """a request with no hops left is served: it has arrived; one that says nonsense is not"""
    with House(users=["bob"], settings={**SETTINGS, "sip.domains": "lync.test=lync"}) as h:
        for hops, status in ((0, 200), (255, 200), (256, 400), (-1, 400)):
            step = sip.subscribe(h.jid("bob"), "ann@lync.test").replace("Max-Forwards: 70", f"Max-Forwards: {hops}")
            steps = [step.replace('response="200"', f'response="{status}"'), *[sip.notify()] * (status == 200)]
            with sip.Sipp(steps, f"{h.gateway.address}:{SIP_PORT}") as peer:
                peer.wait()


if __name__ == "__main__":
    run([f for name, f in sorted(globals().items()) if name.startswith("test_")])
    sys.exit(0)

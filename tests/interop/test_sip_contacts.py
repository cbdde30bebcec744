"""XMPP users here watch SIP contacts: of Kamailio as a presence server, whose users publish with SIPp, and of
SIPp as a Lync front end. The route is asked for on the command line, too. The calendar of a user here is
published to Kamailio, where SIPp watches it. Messages go both ways."""

import sys
import time

import sip
from federation import Names
from gateway import SIP_PORT, wait_for
from house import House, run, utc

sip.need("sipp", "kamailio")

SETTINGS = {"sip.incoming_acl": "127.0.0.0/8", "sip.notify_interval_s": 0,
            "presence.auto_authorize": "everybody"}

PRESENCE = ["db_text", "presence", "presence_xml"]
SERVER = """
alias="partner.test"
alias="kalends.test"
modparam("presence|presence_xml", "db_url", "text://{folder}/db")
modparam("presence", "server_address", "sip:{address}:{port};transport=tcp")
modparam("presence", "send_fast_notify", 1)
modparam("presence", "subs_db_mode", 0)
modparam("presence", "publ_cache", 1)
modparam("presence_xml", "force_active", 1)
request_route {
    if (is_method("PUBLISH")) { handle_publish(); exit; }
    if (is_method("SUBSCRIBE")) { handle_subscribe(); exit; }
    if (loose_route()) { t_relay(); exit; }
    sl_send_reply("404", "Nobody");
}
"""

PUBLISH = """  <send retrans="500"><![CDATA[
PUBLISH sip:carl@partner.test SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:carl@partner.test>;tag=[call_number]p
To: <sip:carl@partner.test>
Call-ID: [call_id]
CSeq: 1 PUBLISH
Max-Forwards: 70
Event: presence
Expires: 600
Content-Type: application/pidf+xml
Content-Length: [len]

<?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:carl@partner.test"><tuple id="t"><status><basic>open</basic></status><note>At the desk</note></tuple><dm:person xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" id="p"><rpid:activities xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid"><rpid:{activity}/></rpid:activities></dm:person></presence>
]]></send>
  <recv response="200"/>
"""


def publish(server, activity):
    with sip.Sipp([PUBLISH.replace("{activity}", activity)], f"{server.address}:{server.port}") as peer:
        peer.wait()


def test_kamailio():
    """a contact of a presence server: approved, shown, kept over a restart, and let go"""
    with House(users=["bob"], settings=SETTINGS) as h:
        with sip.Kamailio(SERVER, h.gateway.address, PRESENCE, tables=True) as server:
            h.gateway.set("sip.domains", "partner.test")
            h.gateway.set("sip.routes", f".test.partner.*=tcp:{server.address}:{server.port}/1")
            with h.client("bob") as bob:
                bob.presence()
                bob.subscribe("carl@partner.test")
                wait_for(lambda: h.gateway.status()["sip"]["contacts_subscribed"], 20, "subscribed")
                publish(server, "busy")
                bob.wait_contact("carl@partner.test", ("away", "Busy - At the desk"))
            assert h.gateway.stop() == 0
            h.gateway.start()
            wait_for(lambda: h.gateway.status()["sip"]["contacts_subscribed"], 20, "subscribed again")
            with h.client("bob") as bob:
                bob.presence()
                wait_for(lambda: bob.contact_states("carl@partner.test"), 20, "shown after a restart")
                bob.do(lambda x: x.send_presence(pto="carl@partner.test", ptype="unsubscribe"))
                wait_for(lambda: not h.gateway.status()["sip"]["contacts"], 20, "let go")


def test_partitioned():
    """a domain shared with Lync: who is no user here is watched there, who is one is not"""
    with House(users=["bob"], settings=SETTINGS) as h:
        script = (LYNC + notify_in("active", "busy", 1)).replace("ann@lync.test", "carl@kalends.test")
        with sip.Sipp([script], "", server=True) as peer:
            h.gateway.set("sip.partitioned", "on")
            h.gateway.set("sip.routes", f".test.kalends.*=udp:127.0.0.1:{peer.port}")
            with h.client("bob") as bob:
                bob.presence()
                bob.subscribe("carl@kalends.test")
                bob.wait_contact("carl@kalends.test", ("away", "Busy"))
                peer.wait()
            assert peer.messages()[0].get("User-Agent") == "Kalends-Partitioned", peer.messages()
            done = h.gateway.run_ctl("sip", "route", h.jid("bob"))
            assert done.returncode and "is a user here" in done.stderr, done
            assert "static route" in h.gateway.ctl("sip", "route", "carl@kalends.test")


MIRROR = """
request_route {
    record_route();
    $du = "sip:GATEWAY;transport=udp";
    t_relay();
}
"""


def test_partitioned_loop():
    """what the other system does not know either comes back from there: a loop, and no second one"""
    with House(users=["bob"], settings=SETTINGS) as h:
        config = MIRROR.replace("GATEWAY", f"{h.gateway.address}:{SIP_PORT}")
        with sip.Kamailio(config, h.gateway.address) as server:
            h.gateway.set("sip.partitioned", "on")
            h.gateway.set("sip.routes", f".test.kalends.*=udp:{server.address}:{server.port}")
            with h.client("bob") as bob:
                bob.presence()
                bob.subscribe("nobody@kalends.test")
                wait_for(lambda: h.gateway.status()["sip"]["contacts_failed"], 20, "refused")
            seen = h.gateway.ctl_json("sip", "trace")["messages"]
            asked = [m for m in seen if m["head"][0].startswith("SUBSCRIBE ")]
            assert [m["direction"] for m in asked] == ["out", "in"], asked
            vias = [line for line in asked[1]["head"] if line.startswith("Via:")]
            assert len(vias) == 2, vias  # theirs above ours
            answers = [m["head"][0] for m in seen if m["head"][0].startswith("SIP/2.0 4")]
            assert answers == ["SIP/2.0 482 Loop Detected"] * 2, answers  # ours, and as it came back
            assert "subscribing fails" in h.gateway.log() and "result=482" in h.gateway.log()


def test_publish():
    """a meeting in Exchange is published, seen by a watcher of Kamailio, and not twice after a restart"""
    with House(users=["bob"], settings=SETTINGS) as h:
        with sip.Kamailio(SERVER, h.gateway.address, PRESENCE, tables=True) as server:
            steps = [sip.subscribe(h.jid("bob"), "ann@kalends.test"), *[sip.notify()] * 4]
            h.gateway.set("sip.publish_to", f"sip:{server.address}:{server.port};transport=tcp")
            wait_for(lambda: h.gateway.status()["sip"]["published"], 20, "published")
            with sip.Sipp(steps, f"{server.address}:{server.port}") as peer:
                peer.wait_notifies(1)
                now = int(time.time())
                h.mock.meeting(h.jid("bob"), start=utc(now - 60), end=utc(now + 9),
                               subject="Secret plans")
                meeting = wait_picture(peer, "meeting")
                assert "Secret" not in meeting.body, meeting.body
                assert h.gateway.stop() == 0
                h.gateway.start()
                wait_for(lambda: h.gateway.status()["sip"]["published"], 20, "published again")
                # Nothing of before the restart is left there: one publication, and it says something else.
                free = wait_picture(peer, None, 40)
                assert free.body.count("<tuple") == 1, free.body
                assert h.gateway.status()["sip"]["publish_failed"] == 0


def wait_picture(peer, activity, timeout=20):
    """The newest NOTIFY, once it shows this."""
    wait_for(lambda: peer.notifies() and sip.picture(peer.notifies()[-1])[1] == activity, timeout,
             lambda: f"{activity}: {[sip.picture(n) for n in peer.notifies()]}")
    return peer.notifies()[-1]


LYNC = """  <recv request="SUBSCRIBE" timeout="20000"/>
  <send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:];tag=[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port];transport=[transport]>
Expires: 7200
Content-Length: 0

]]></send>
"""


def test_lync_pending():
    """a Lync front end: asked, pending, approved, busy"""
    with House(users=["bob"], settings=SETTINGS) as h:
        script = LYNC + notify_in("pending", "", 1) + notify_in("active", "busy", 2)
        with sip.Sipp([script], f"{h.gateway.address}:{SIP_PORT}", transport="u1", server=True) as peer:
            h.gateway.set("sip.domains", "lync.test=lync")
            h.gateway.set("sip.routes", f".test.lync.*=udp:127.0.0.1:{peer.port}")
            with h.client("bob") as bob:
                bob.presence()
                bob.subscribe("ann@lync.test")
                bob.wait_contact("ann@lync.test", ("away", "Busy"))
                peer.wait()
            first = peer.messages()[0]
            assert first.start == "SUBSCRIBE sip:ann@lync.test SIP/2.0", first
            assert first.get("Accept") == "application/pidf+xml, application/cpim-pidf+xml"
            assert first.get("Max-Forwards") == "70" and first.get("Expires") == "7446", first.headers


def notify_in(state, activity, cseq):
    body = ("" if not activity else
            '<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:ann@lync.test"><tuple id="0"><status>'
            '<basic>open</basic><ep:activities xmlns:ep="urn:ietf:params:xml:ns:pidf:status:rpid-status">'
            f'<ep:activity>{activity}</ep:activity></ep:activities></status></tuple></presence>')
    return f"""  <send retrans="500"><![CDATA[
NOTIFY sip:bob@kalends.test SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:ann@lync.test>;tag=[call_number]
To: [$own]
Call-ID: [call_id]
CSeq: {cseq} NOTIFY
Contact: <sip:[local_ip]:[local_port];transport=[transport]>
Max-Forwards: 70
Event: presence
Subscription-State: {state};expires=7200
Content-Type: application/pidf+xml
Content-Length: [len]

{body}]]></send>
  <recv response="200"/>
"""


LYNC = LYNC.replace('timeout="20000"/>', 'timeout="20000"><action><ereg regexp="&lt;.*" search_in="hdr" '
                    'header="From:" assign_to="own"/></action></recv>')


MESSAGE_IN = """  <recv request="MESSAGE" timeout="20000"/>
  <send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:];tag=x
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
"""

MESSAGE_OUT = """  <send retrans="500"><![CDATA[
MESSAGE sip:bob@kalends.test SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:ann@partner.test>;tag=[call_number]m
To: <sip:bob@kalends.test>
Call-ID: [call_id]
CSeq: 1 MESSAGE
Max-Forwards: 70
Content-Type: text/plain
Content-Length: [len]

Good morning]]></send>
  <recv response="200"/>
"""


def test_messages():
    """chat with a SIP user, both ways; what cannot be delivered comes back"""
    with House(users=["bob"], settings={**SETTINGS, "sip.domains": "partner.test"}) as h:
        with h.client("bob") as bob:
            bob.presence()
            with sip.Sipp([MESSAGE_OUT], f"{h.gateway.address}:{SIP_PORT}") as peer:
                peer.wait()
            bob.wait_message("Good morning")
            with sip.Sipp([MESSAGE_IN], "", server=True) as peer:
                h.gateway.set("sip.routes", f"test.partner=udp:127.0.0.1:{peer.port}")
                bob.message("ann@partner.test", "Gr\u00fc\u00dfe <&>")
                peer.wait()
                got = peer.messages()[0]
                assert got.start == "MESSAGE sip:ann@partner.test SIP/2.0", got
                assert got.body.strip() == "Gr\u00fc\u00dfe <&>", got.body
            wait_for(lambda: h.gateway.status()["sip"]["messages_out"] == 1, 20, "counted")
            with sip.Sipp([MESSAGE_IN.replace("200 OK", "404 Not Found")], "", server=True) as peer:
                h.gateway.set("sip.routes", f"test.partner=udp:127.0.0.1:{peer.port}")
                bob.message("nobody@partner.test", "?")
                peer.wait()
            wait_for(lambda: h.gateway.status()["sip"]["messages_failed"] == 1, 20, "came back")


def test_found_by_records():
    """a SIP server that is no Lync is found by what it publishes (RFC 3263): NAPTR, SRV, address; the second of
    two when the first is not there"""
    names = Names()
    with House(users=["bob"], settings={**SETTINGS, "sip.domains": "partner.test",
                                        "federation.dns_servers": names.servers}) as h, \
            sip.Sipp([MESSAGE_IN], "", server=True) as peer, h.client("bob") as bob:
        names.add_naptr("partner.test", 10, "SIP+D2U", "_sip._udp.partner.test")
        names.add_service("partner.test", "gone.partner.test", 9, 1, service="_sip._udp")
        names.add_service("partner.test", "sip.partner.test", peer.port, 2, service="_sip._udp")
        names.add_address("sip.partner.test", "127.0.0.1")
        bob.presence()
        bob.message("ann@partner.test", "Found")
        peer.wait(90)
        assert peer.messages()[0].body.strip() == "Found", peer.messages()
        wait_for(lambda: h.gateway.status()["sip"]["messages_out"] == 1, 20, "counted")
    names.close()


def test_route():
    """the command line says which rule decides, and what a domain does not publish"""
    names = Names()
    names.add_service("srv.test", "edge.srv.test", 5061, service="_sipfederationtls._tcp")
    with House(users=["bob"], settings={**SETTINGS, "sip.domains": "lync.test=lync, srv.test, none.test=aol",
                                        "federation.dns_servers": names.servers,
                                        "sip.routes": "test.lync=tls:fe2.lync.test/2, "
                                                      "test.lync=tls:fe1.lync.test/1"}) as h:
        text = h.gateway.ctl("sip", "route", "ann@lync.test")
        assert text.index("fe1.lync.test") < text.index("fe2.lync.test") and "static route" in text, text
        answer = h.gateway.ctl_json("sip", "route", "ann@srv.test")
        assert [(s["host"], s["port"], s["transport"]) for s in answer["servers"]] == \
            [("edge.srv.test", 5061, "TLS")], answer
        text = h.gateway.ctl("sip", "route", "ann@none.test")
        assert "_sipfederationtls._tcp.none.test" in text and "_sipfederationtls._tcp.aol.com" in text, text
        assert "CANNOT BE REACHED" in text and "sip.routes" in text, text
        done = h.gateway.run_ctl("sip", "route", "ann@other.test")
        assert done.returncode and "sip.domains" in done.stderr, done
    names.close()


if __name__ == "__main__":
    run([f for name, f in sorted(globals().items()) if name.startswith("test_")])
    sys.exit(0)

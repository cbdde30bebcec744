"""SIPp as a user's own client: it logs in (digest, MD5; requests computes SHA-256), registers, also by way of Kamailio,
publishes, and sees who watches its user."""

import hashlib
import re
import sys

from requests.auth import HTTPDigestAuth
from requests.utils import parse_dict_header

import sip
from gateway import SIP_PORT, Gateway, wait_for
from house import run
from xmpp_client import Client

sip.need("sipp", "kamailio")

DOMAIN = "sip.test"
BOB, ANN = f"bob@{DOMAIN}", f"ann@{DOMAIN}"
CONTACT = "<sip:bob@[local_ip]:[local_port];transport=[transport]>"
LOGIN = "[authentication username=bob password=secret]\n"
WRONG = "[authentication username=bob password=guessed]\n"
ASKED = '  <recv response="401" auth="true"/>\n'
PAUSE = '  <pause milliseconds="{}"/>\n'


class Office(Gateway):
    """ann and bob; SIP clients log in with these hashes."""

    def __init__(self, login="md5"):
        super().__init__()
        self.login = login

    def __enter__(self):
        super().__enter__()
        self.api("POST", "/v1/domains", {"name": DOMAIN})
        for key, value in (("sip.login", self.login), ("sip.notify_interval_s", 0)):
            self.set(key, value)
        for user in (ANN, BOB):
            self.ctl("user", "add", user, "--im")
            self.ctl("password", "set", user, "--password-stdin", text_in="secret\n")
        return self

    def sipp(self, *steps, auth_uri=DOMAIN, **how):
        return sip.Sipp(steps, f"{self.address}:{SIP_PORT}", auth_uri=auth_uri, **how)

    def sip(self):
        return self.status()["sip"]


def request(method, cseq, uri, more, body=""):
    """About bob himself, by bob."""
    return f"""  <send retrans="500"><![CDATA[
{method} {uri} SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:{BOB}>;tag=[call_number]b
To: <sip:{BOB}>
Call-ID: [call_id]
CSeq: {cseq} {method}
Max-Forwards: 70
{more}Content-Length: [len]

{body}]]></send>
"""


def register(cseq, more="", contact=CONTACT, expires=600, **how):
    contact = f"Contact: {contact}\n" if contact else ""
    return request("REGISTER", cseq, f"sip:{DOMAIN}", f"{contact}Expires: {expires}\n{more}", **how)


def answered(status, *needs, keep=()):
    """needs: what stands in the answer; keep: (header, pattern, variable)."""
    checks = [f'<ereg regexp="{escaped(pattern)}" search_in="msg" check_it="true" assign_to="seen"/>' for pattern in needs]
    checks += [f'<ereg regexp="{escaped(pattern)}" search_in="hdr" header="{header}" check_it="true" assign_to="{name}"/>'
               for header, pattern, name in keep]
    used = "".join(f'<log message="[${name}]"/>' for name in ["seen"] * bool(needs) + [k[2] for k in keep])
    return f'  <recv response="{status}"><action>{"".join(checks)}{used}</action></recv>\n'


def escaped(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")


def logged_in(status=200, first=1, more="", **how):
    """Two requests: the one that is asked, and the one that answers."""
    return register(first, more, **how) + ASKED + register(first + 1, more + LOGIN, **how) + answered(status)


# -- login ------------------------------------------------------------------------------------------

def test_register():
    """asked once, registered, refreshed with the same nonce, and gone"""
    contact = "<sip:bob@127.0.0.1:5070>"
    for transport in ("u1", "t1"):
        with Office() as g:
            steps = (logged_in(contact=contact), register(3, LOGIN, contact, 300), answered(200, "expires=(300|299)"))
            with g.sipp(*steps, transport=transport) as peer:
                peer.wait()
                assert len([m for m in peer.messages() if m.start.startswith("SIP/2.0 401")]) == 1
            shown = g.ctl("sip", "clients")
            assert g.sip()["registered"] == 1 and BOB in shown and ":5070" in shown, shown
            with g.sipp(logged_in(contact=contact, expires=0), transport=transport) as peer:
                peer.wait()
            assert g.sip()["registered"] == 0


def proof(challenge, password="secret"):
    """The Authorization header with which requests answers a challenge: it knows SHA-256, SIPp does not."""
    digest = HTTPDigestAuth("bob", password)
    digest.init_per_thread_state()
    digest._thread_local.chal = parse_dict_header(challenge.removeprefix("Digest "))
    return digest.build_digest_header("REGISTER", f"any:sip:{DOMAIN}")  # it takes the path of a URL


def challenges(g):
    with g.sipp(register(1), '  <recv response="401"/>\n') as peer:
        peer.wait()
        return peer.messages()[0].all("WWW-Authenticate")


def test_sha_256():
    """both hashes are offered, the better one first; it is proved by SHA-256; a proof counts once"""
    with Office("both") as g:
        offered = challenges(g)
        assert [re.search(r"algorithm=([\w-]+)", c)[1] for c in offered] == ["SHA-256", "MD5"], offered
        for password, answer in (("guessed", answered(401)), ("secret", answered(200)),
                                 ("secret", answered(401, "stale=true"))):  # the count is spent
            is_bob = proof(offered[0], password)
            assert 'algorithm="SHA-256"' in is_bob and f'uri="sip:{DOMAIN}"' in is_bob, is_bob
            with g.sipp(register(2, f"Authorization: {is_bob}\n"), answer) as peer:
                peer.wait()
        assert g.sip()["registered"] == 1 and g.sip()["logins_failed"] == 1, g.sip()


def test_hashes():
    """what is not offered does not count: MD5 where SHA-256 is asked for, and the reverse"""
    for login, other in (("sha-256", "MD5"), ("md5", "SHA-256")):
        with Office(login) as g:
            (challenge,) = challenges(g)
            other_one = proof(re.sub(r"algorithm=[\w-]+", f"algorithm={other}", challenge))
            with g.sipp(register(2, f"Authorization: {other_one}\n"), answered(401)) as peer:
                peer.wait()
            assert g.sip()["registered"] == 0


def test_wrong_password():
    """asked again, never let in; with the right one afterwards"""
    with Office() as g:
        steps = (register(1), ASKED, register(2, WRONG), ASKED, register(3, WRONG), ASKED)
        with g.sipp(*steps) as peer:
            peer.wait()
            assert not any("stale" in (m.get("WWW-Authenticate") or "") for m in peer.messages())
        assert g.sip()["registered"] == 0 and g.sip()["logins_failed"] == 2, g.sip()
        assert "wrong password" in g.log() and "guessed" not in g.log()
        with g.sipp(logged_in()) as peer:
            peer.wait()
        assert g.sip()["registered"] == 1


def test_stale_nonce():
    """a nonce of before a restart: asked anew, and not blamed for it"""
    with Office() as g:
        steps = (logged_in(), PAUSE.format(8000), register(3, LOGIN), '  <recv response="401" auth="true"><action>'
                 '<ereg regexp="stale=true" search_in="msg" check_it="true" assign_to="stale"/>'
                 '<log message="[$stale]"/></action></recv>\n', register(4, LOGIN), answered(200))
        with g.sipp(*steps) as peer:
            wait_for(lambda: g.sip()["registered"] == 1, what="registered")
            assert g.stop() == 0
            g.start()
            assert g.sip()["registered"] == 1, "kept"
            peer.wait()
        assert g.sip()["logins_failed"] == 0, g.sip()


# -- bindings ---------------------------------------------------------------------------------------

MESSAGE = """  <recv request="MESSAGE" timeout="20000"/>
  <send><![CDATA[
SIP/2.0 {}
[last_Via:]
[last_From:]
[last_To:];tag=[call_number]m
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
"""


async def say(xmpp, to, text):
    xmpp.send_message(mto=to, mbody=text, mtype="chat")


def test_bindings():
    """three at once are listed, the one with the higher q is asked first; a star ends all; others go one by one"""
    with Office() as g, Client(ANN, "secret", host=g.address) as ann:
        waiting = [sip.Sipp([MESSAGE.format(status)], "", server=True) for status in ("200 OK", "486 Busy Here")]
        ports = [peer.port for peer in waiting] + [9]
        contacts = [f"<sip:bob@127.0.0.1:{port}>;q={q}" for port, q in zip(ports, ("0.3", "0.9", "0.1"))]
        # A server between: to the contacts, not back.
        via = "Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKfirst\n"
        with g.sipp(logged_in(contact=", ".join(contacts[:2]), more=via), register(3, via + LOGIN, contacts[2]),
                    answered(200, f"bob@127.0.0.1:{ports[0]}>;expires", f"bob@127.0.0.1:{ports[1]}>;expires", "bob@127.0.0.1:9>"),
                    register(4, LOGIN, f"<sip:bob@127.0.0.1:9>;expires=0"), answered(200),
                    register(5, LOGIN, None), answered(200, "q=0.9")) as peer:
            peer.wait()
            last = peer.messages()[-1]
            assert len(last.all("Contact")) == 2, last.headers
        ann.call(lambda x: say(x, BOB, "Anybody?"))
        for peer in reversed(waiting):
            peer.wait()
        assert [peer.messages()[0].body.strip() for peer in waiting] == ["Anybody?"] * 2
        with g.sipp(register(1, contact="*", expires=0), ASKED, register(2, LOGIN, "*", 0), answered(200)) as peer:
            peer.wait()
            assert not peer.messages()[-1].all("Contact")
        assert g.sip()["registered"] == 0
        for peer in waiting:
            peer.close()


def test_wrong_registers():
    """too short, a star beside others, an old request, too many, of another user"""
    with Office() as g:
        many = ", ".join(f"<sip:bob@127.0.0.1:{port}>" for port in range(1000, 1011))
        for more, status in (({"expires": 5}, 423), ({"contact": "*", "expires": 60}, 400),
                             ({"contact": f"*, {CONTACT}", "expires": 0}, 400), ({"contact": many}, 403),
                             ({"contact": "&lt;tel:+49123&gt;".replace("&lt;", "<").replace("&gt;", ">")}, 400)):
            with g.sipp(register(1, **more), ASKED, register(2, LOGIN, **more),
                        answered(status, *(["Min-Expires: 60"] if status == 423 else []))) as peer:
                peer.wait()
        with g.sipp(logged_in(first=7), register(5, LOGIN), answered(500)) as peer:
            peer.wait()
        as_ann = register(2, LOGIN).replace(f"sip:{BOB}", f"sip:{ANN}")
        with g.sipp(as_ann.replace(LOGIN, ""), ASKED, as_ann, answered(401)) as peer:
            peer.wait()
        assert g.sip()["registered"] == 1


# -- by way of Kamailio ------------------------------------------------------------------------------

EDGE = """
request_route {
    if (is_method("REGISTER")) {
        add_path();
        $du = "sip:GATEWAY;transport=tcp";
        t_relay();
        exit;
    }
    if (is_method("MESSAGE") || has_totag()) {
        loose_route();
        t_relay();
        exit;
    }
    record_route();
    $du = "sip:GATEWAY;transport=tcp";
    t_relay();
}
"""


def edge(g):
    return sip.Kamailio(EDGE.replace("GATEWAY", f"{g.address}:{SIP_PORT}"), g.address, ["path"])


def test_path():
    """a client behind Kamailio, which puts itself on the path: messages go by it, if it may have them"""
    with Office() as g, edge(g) as proxy, Client(ANN, "secret", host=g.address) as ann, \
            sip.Sipp([MESSAGE.format("200 OK")], "", server=True) as waiting:
        contact = f"<sip:bob@127.0.0.1:{waiting.port}>"
        for acl, status in (("", 403), (proxy.address, 200)):
            g.set("sip.incoming_acl", acl)
            with sip.Sipp([logged_in(status, contact=contact, more="Supported: path\n")], f"{proxy.address}:{proxy.port}",
                          auth_uri=DOMAIN) as peer:
                peer.wait()
                path = peer.messages()[-1].get("Path")
        assert f"{proxy.address}:{proxy.port}" in path and ";lr" in path, path
        assert "its address a place in sip.incoming_acl" in g.log()
        ann.call(lambda x: say(x, BOB, "By the edge"))
        waiting.wait()
        got = waiting.messages()[0]
        assert len(got.all("Via")) == 2 and got.body.strip() == "By the edge", got.headers


def test_outbound():
    """a client that names itself and its flow replaces what it had, from wherever it comes"""
    with Office() as g:
        def flow(number):
            return f'{CONTACT};reg-id={number};+sip.instance="<urn:uuid:00000000-0000-1000-8000-000A95A0E128>"'
        for number, count in ((1, 1), (1, 1), (2, 2)):
            with g.sipp(logged_in(contact=flow(number), more="Supported: path, outbound\n")) as peer:
                peer.wait()
                last = peer.messages()[-1]
                assert last.get("Require") == "outbound", last.headers
                assert len(last.all("Contact")) == count and f"reg-id={number}" in last.all("Contact")[-1], last.headers
            assert g.sip()["registered"] == count


ACCOUNT = """
modparam("uac", "restore_mode", "none")
modparam("uac", "reg_db_url", "text://{folder}/db")
modparam("uac", "reg_contact_addr", "{address}:{port}")
modparam("uac", "reg_timer_interval", 1)
request_route {
    if (is_method("MESSAGE")) { xlog("L_ALERT", "told $rb for $rU\n"); sl_send_reply("200", "OK"); exit; }
    sl_send_reply("501", "No");
}
"""


def test_kamailio_registers():
    """Kamailio is the client: it proves the password (MD5), refreshes, and has the messages; with a wrong one nothing"""
    for password, registered in (("secret", 1), ("guessed", 0)):
        with Office() as g, Client(ANN, "secret", host=g.address) as ann:
            with open("/usr/share/kamailio/dbtext/kamailio/uacreg", encoding="ascii") as f:
                columns = f.readline()
            values = {"id": 1, "l_uuid": "line1", "l_username": "line1", "l_domain": "inside.test", "r_username": "bob",
                      "r_domain": DOMAIN, "realm": DOMAIN, "auth_username": "bob", "auth_password": "-",
                      "auth_ha1": hashlib.md5(f"bob:{DOMAIN}:{password}".encode()).hexdigest(),
                      "auth_proxy": f"sip\\:{g.address}\\:{SIP_PORT}", "expires": 60, "flags": 0, "reg_delay": 0,
                      "contact_addr": "{address}\\:{port}", "socket": "."}
            row = ":".join(str(values[name]) for name in re.findall(r"(\w+)\(", columns))
            with sip.Kamailio(ACCOUNT, g.address, ["db_text", "uac"], {"db/uacreg": columns + row + "\n"}, tables=True) as client:
                if not registered:
                    wait_for(lambda: "wrong password" in g.log(), what="the refusal")
                    assert g.sip()["registered"] == 0
                    continue
                wait_for(lambda: g.sip()["registered"] == 1, what=lambda: client.read_log())
                assert f"sip:line1@{client.address}:{client.port}" in g.ctl("sip", "clients")
                ann.call(lambda x: say(x, BOB, "Hello, Kamailio"))
                wait_for(lambda: "told Hello, Kamailio for line1" in client.read_log(), what="the message")


# -- PUBLISH ----------------------------------------------------------------------------------------

def publish(cseq, more="", activity=None, expires=600):
    body = "" if activity is None else (
        f'<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" '
        f'xmlns:r="urn:ietf:params:xml:ns:pidf:rpid" entity="sip:{BOB}"><tuple id="t"><status><basic>open</basic></status>'
        f'</tuple><dm:person id="p"><r:activities><r:{activity}/></r:activities><dm:note>{activity} now</dm:note></dm:person>'
        '</presence>')
    kind = "Content-Type: application/pidf+xml\n" if body else ""
    return request("PUBLISH", cseq, f"sip:{BOB}", f"Event: presence\nExpires: {expires}\n{kind}{more}", body)


def test_publish():
    """initial, refreshed, modified, removed; with a tag that is none, too short, in another form or for another event"""
    tag = (("SIP-ETag:", "[0-9a-f]+", "etag"),)
    kept, entry = answered(200, "Expires: 600", keep=tag), "SIP-If-Match: [$etag]\n"
    bad = publish(8, LOGIN + entry, "busy")
    steps = [publish(1, activity="away"), ASKED, publish(2, LOGIN, "away"), kept, PAUSE.format(1000),
             publish(3, LOGIN + entry), kept, publish(4, LOGIN + entry, "on-the-phone"), kept, PAUSE.format(1000),
             publish(5, LOGIN + "SIP-If-Match: nothing\n"), answered(412),
             publish(6, LOGIN + entry, expires=5), answered(423, "Min-Expires: 60"),
             publish(7, LOGIN), answered(400),
             bad.replace("application/pidf+xml", "text/plain"), answered(415, "Accept: application/pidf.xml"),
             bad.replace("8 PUBLISH", "9 PUBLISH").replace("Event: presence", "Event: dialog"), answered(489, "Allow-Events: presence"),
             bad.replace("8 PUBLISH", "10 PUBLISH").replace("<presence", "<presence <"), answered(400),
             publish(11, LOGIN + entry, expires=0), answered(200, "Expires: 0"),
             publish(12, LOGIN + entry), answered(412)]
    with Office() as g, Client(ANN, "secret", host=g.address) as ann:
        g.ctl("set", "presence.language", "ja")
        ann.do(lambda x: x.send_presence_subscription(pto=BOB))
        wait_for(lambda: any(p.sender == BOB and p.type == "subscribed" for p in ann.presences), what="the contact")
        with g.sipp(*steps, auth_uri=BOB) as peer:
            peer.wait()
            tags = [m.get("SIP-ETag") for m in peer.messages() if m.get("SIP-ETag")]
            assert len(tags) == len(set(tags)) == 4, tags  # each answer has a new one
        ann.wait_contact(BOB, ("unavailable", None))
        seen = [state.state for state in ann.contact_states(BOB)]
        assert seen[-3:-1] == [("away", "away now"), ("away", "取り込み中 - on-the-phone now")], seen
        assert g.sip()["publications"] == 4
        # Nobody speaks for another.
        of_ann = publish(2, LOGIN, "away").replace(f"PUBLISH sip:{BOB}", f"PUBLISH sip:{ANN}")
        with g.sipp(of_ann.replace(LOGIN, ""), ASKED, of_ann, answered(403), auth_uri=ANN) as peer:
            peer.wait()


# -- presence.winfo ---------------------------------------------------------------------------------

def subscribe_winfo(cseq, more=""):
    return request("SUBSCRIBE", cseq, f"sip:{BOB}",
                   f"Contact: {CONTACT}\nEvent: presence.winfo\nAccept: application/watcherinfo+xml\nExpires: 600\n{more}")


def watchers(notify):
    assert notify.get("Event") == "presence.winfo" and notify.get("Content-Type") == "application/watcherinfo+xml", notify.headers
    version, state = re.search(r'version="(\d+)" state="(\w+)"', notify.body).groups()
    assert f'resource="sip:{BOB}" package="presence"' in notify.body, notify.body
    return int(version), state, re.findall(r'status="(\w+)" event="(\w+)">sip:([^<]+)<', notify.body)


def sees_watchers(g, target, **how):
    steps = [subscribe_winfo(1), ASKED, subscribe_winfo(2, LOGIN), answered(200), *[sip.notify()] * 3]
    with sip.Sipp(steps, target, auth_uri=BOB, **how) as peer, Client(ANN, "secret", host=g.address) as ann:
        peer.wait_notifies(1)
        ann.do(lambda x: x.send_presence_subscription(pto=BOB))
        peer.wait_notifies(2)
        assert f"{ANN}" in g.ctl("watcher", "requests")
        g.ctl("watcher", "allow", BOB, ANN)
        peer.wait()
        told = [watchers(n) for n in peer.notifies()]
        assert told == [(0, "full", []), (1, "partial", [("pending", "subscribe", ANN)]),
                        (2, "partial", [("active", "approved", ANN)])], told
        return peer.notifies()


def test_winfo():
    """SIPp sees who waits, and who watches, directly and through Kamailio; of another's watchers nothing"""
    for transport in ("u1", "t1"):
        with Office() as g:
            g.set("presence.auto_authorize", "nobody")
            sees_watchers(g, f"{g.address}:{SIP_PORT}", transport=transport)
            of_ann = subscribe_winfo(2, LOGIN).replace(f"SUBSCRIBE sip:{BOB}", f"SUBSCRIBE sip:{ANN}").replace(f"To: <sip:{BOB}", f"To: <sip:{ANN}")
            with g.sipp(of_ann.replace(LOGIN, ""), ASKED, of_ann, answered(403), auth_uri=ANN) as peer:
                peer.wait()
    with Office() as g, edge(g) as proxy:
        g.set("presence.auto_authorize", "nobody")
        g.set("sip.incoming_acl", proxy.address)
        notifies = sees_watchers(g, f"{proxy.address}:{proxy.port}")
        assert all(len(n.all("Via")) == 2 for n in notifies), notifies[0].headers


if __name__ == "__main__":
    run([f for name, f in sorted(globals().items()) if name.startswith("test_")])
    sys.exit(0)

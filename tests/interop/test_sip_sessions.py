"""Messages in sessions, with SIPp as a Lync front end and as the Access Edge of a partner: called and calling, over
UDP, TCP and TLS; typing both ways; what is refused, looped, for more than two, or forgotten by the peer."""

import os
import socket
import ssl
import sys
import tempfile
import threading

import sip
from gateway import SIP_PEER_PORT, SIP_PORT, wait_for
from house import House, run
from zoo import Cert

sip.need("sipp")

CONTACT = "<sip:[local_ip]:[local_port];transport=[transport]>"
SDP = """v=0
o=- 0 0 IN IP4 [local_ip]
s=session
c=IN IP4 [local_ip]
t=0 0
m=message 5060 sip null
a=accept-types:text/plain text/html image/gif multipart/alternative application/im-iscomposing+xml
"""
TYPING = '<?xml version="1.0"?><KeyboardActivity><status status="{}" /></KeyboardActivity>'


def settings(**more):
    return {"sip.incoming_acl": "127.0.0.0/8", "sip.domains": "lync.test=lync",
            "presence.auto_authorize": "everybody", **{k.replace("__", "."): v for k, v in more.items()}}


# -- steps of Lync ------------------------------------------------------------------------------------

def expect(method, keep=False):
    """A request; keep: who has sent it is whom requests of the scenario go to (SIPp wants that there are some)."""
    if not keep:
        return f'  <recv request="{method}" timeout="20000"/>\n'
    return (f'  <recv request="{method}" timeout="20000"><action><ereg regexp="&lt;.*" search_in="hdr" '
            'header="From:" assign_to="own"/></action></recv>\n')


def answer(status="200 OK", body="", kind="application/sdp", contact=CONTACT, tag=";tag=[call_number]"):
    """To the request that came last; tag: of the peer, in the first answer of a session."""
    content = f"Content-Type: {kind}\n" if body else ""
    return f"""  <send><![CDATA[
SIP/2.0 {status}
[last_Via:]
[last_From:]
[last_To:]{tag}
[last_Call-ID:]
[last_CSeq:]
Contact: {contact}
{content}Content-Length: [len]

{body}]]></send>
"""


def take(contact=CONTACT, keep=False):
    """The session that the gateway begins; keep: the scenario says something in it."""
    return expect("INVITE", keep) + answer(body=SDP, contact=contact) + expect("ACK")


def hear(method="MESSAGE", status="200 OK"):
    return expect(method) + answer(status, tag="")


def say(method, number, body="", kind="text/plain;charset=UTF-8"):
    """A request in a session that the gateway has begun."""
    content = f"Content-Type: {kind}\n" if body else ""
    return f"""  <send retrans="500"><![CDATA[
{method} sip:bob@kalends.test SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:ann@lync.test>;tag=[call_number]
To: [$own]
Call-ID: [call_id]
CSeq: {number} {method}
Max-Forwards: 70
{content}Content-Length: [len]

{body}]]></send>
  <recv response="200"/>
"""


def call(user="bob@kalends.test", more="", body=SDP, kind="application/sdp", contact=CONTACT):
    return f"""  <send retrans="500"><![CDATA[
INVITE sip:{user} SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:ann@lync.test>;tag=[call_number]x
To: <sip:{user}>
Call-ID: [call_id]
CSeq: 1 INVITE
Contact: {contact}
Max-Forwards: 70
{more}Content-Type: {kind}
Content-Length: [len]

{body}]]></send>
"""


def acknowledge(user="bob@kalends.test"):
    return f"""  <send><![CDATA[
ACK sip:{user} SIP/2.0
[last_Via:]
From: <sip:ann@lync.test>;tag=[call_number]x
To: <sip:{user}>[peer_tag_param]
Call-ID: [call_id]
CSeq: 1 ACK
Max-Forwards: 70
Content-Length: 0

]]></send>
"""


def called_says(method, number, body="", kind="text/plain"):
    """A request in a session that the scenario has begun."""
    content = f"Content-Type: {kind}\n" if body else ""
    return f"""  <send retrans="500"><![CDATA[
{method} [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:ann@lync.test>;tag=[call_number]x
To: <sip:bob@kalends.test>[peer_tag_param]
Call-ID: [call_id]
CSeq: {number} {method}
Max-Forwards: 70
{content}Content-Length: [len]

{body}]]></send>
  <recv response="200"/>
"""


# -- bob ----------------------------------------------------------------------------------------------

class Bob:
    """A client that remembers what its contact does."""

    def __init__(self, house):
        self.client = house.client("bob", plugins=("xep_0085",))
        self.states, self.errors = [], []

    def __enter__(self):
        self.client.start()

        def listen(xmpp):
            xmpp.add_event_handler("chatstate", lambda m: self.states.append(m["chat_state"]))
            xmpp.add_event_handler("message_error", lambda m: self.errors.append(m["error"]["condition"]))
        self.client.do(listen)
        self.client.presence()
        return self

    def __exit__(self, *why):
        self.client.stop()

    def says(self, body, to="ann@lync.test"):
        self.client.message(to, body)

    def does(self, state, to="ann@lync.test"):
        def send(xmpp):
            m = xmpp.make_message(mto=to, mtype="chat")
            m["chat_state"] = state
            m.send()
        self.client.do(send)

    def hears(self, body):
        self.client.wait_message(body)

    def sees(self, *states):
        wait_for(lambda: self.states == list(states), 20, f"{states}")

    def gets_back(self, condition):
        wait_for(lambda: self.errors == [condition], 20, condition)


def route(house, peer, transport="tcp"):
    house.gateway.set("sip.routes", f"test.lync={transport}:127.0.0.1:{peer.port}")


def counted(house, **what):
    sip_now = lambda: house.gateway.status()["sip"]
    wait_for(lambda: all(sip_now()[k] == v for k, v in what.items()), 20, f"{what}")


# -- tests --------------------------------------------------------------------------------------------

TALK = [hear(), say("INFO", 1, TYPING.format("type"), "application/xml"), say("MESSAGE", 2, "Hi Bob"),
        hear("INFO"), hear(), say("MESSAGE", 3, "Bye then"), say("BYE", 4)]


def talk(house, bob, peer):
    """What happens over TALK, when bob begins."""
    bob.says("Hello <&> \u00e9")
    bob.hears("Hi Bob")
    bob.does("composing")
    wait_for(lambda: any(m.start.startswith("INFO") for m in peer.messages()), 20, "typing told")
    shown = house.gateway.ctl("sip", "sessions")
    assert "bob@kalends.test" in shown and "ann@lync.test" in shown and " up " in shown, shown
    bob.says("Second")
    bob.hears("Bye then")
    peer.wait()
    got = [(m.start.split()[0], m.body.strip()) for m in peer.messages() if not m.start.startswith("SIP/")]
    assert [method for method, _ in got] == ["INVITE", "ACK", "MESSAGE", "INFO", "MESSAGE"], got
    assert got[2][1] == "Hello <&> \u00e9" and got[4][1] == "Second", got
    assert 'status="type"' in got[3][1], got
    bob.sees("composing", "active", "active", "gone")
    counted(house, sessions=0, sessions_out=1, messages_out=2, messages_in=2)
    assert "no sessions" in house.gateway.ctl("sip", "sessions")


def test_called():
    """bob begins: one INVITE, and all that both say goes in it; typing both ways; Lync ends it"""
    for transport in ("t1", "u1"):
        with House(users=["bob"], settings=settings()) as h, Bob(h) as bob:
            with sip.Sipp([take(keep=True), *TALK], "", transport=transport, server=True) as peer:
                route(h, peer, "tcp" if transport == "t1" else "udp")
                talk(h, bob, peer)
                invite = peer.messages()[0]
                assert invite.start == "INVITE sip:ann@lync.test SIP/2.0", invite
                assert "m=message " in invite.body and " sip null" in invite.body, invite.body


def test_calling():
    """Lync begins: bob answers in the same session, and ends it"""
    with House(users=["bob"], settings=settings()) as h, Bob(h) as bob:
        steps = [call(), '  <recv response="200" rrs="true"/>\n', acknowledge(),
                 called_says("INFO", 2, TYPING.format("type"), "application/xml"),
                 called_says("MESSAGE", 3, "Good morning"), hear(), hear("INFO"), hear("BYE")]
        with sip.Sipp(steps, f"{h.gateway.address}:{SIP_PORT}", transport="t1") as peer:
            bob.hears("Good morning")
            bob.says("Morning!")
            counted(h, messages_out=1)
            bob.does("composing")
            wait_for(lambda: any(m.start.startswith("INFO") for m in peer.messages()), 20, "typing told")
            bob.does("gone")
            peer.wait()
            bob.sees("composing", "active")
            counted(h, sessions=0, sessions_in=1, sessions_out=0, messages_in=1)


class Tls:
    """The TLS end of a peer that has none: what comes in by TLS goes to 'port', and the reverse."""

    def __init__(self, pem, trusted):
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server.load_cert_chain(pem)
        self.server.verify_mode = ssl.CERT_REQUIRED
        self.server.load_verify_locations(cadata=trusted)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def to(self, port):
        threading.Thread(target=self._accept, args=(port,), daemon=True).start()

    def _accept(self, port):
        while True:
            try:
                outside = self.server.wrap_socket(self.listener.accept()[0], server_side=True)
            except ssl.SSLError:
                continue
            except OSError:
                return
            inside = socket.create_connection(("127.0.0.1", port))
            for a, b in ((outside, inside), (inside, outside)):
                threading.Thread(target=self._copy, args=(a, b), daemon=True).start()

    @staticmethod
    def _copy(source, target):
        try:
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        self.listener.close()


def test_called_over_tls():
    """the same over TLS, each side with a certificate; the contact is a name that has a route of its own"""
    with tempfile.TemporaryDirectory() as folder, \
            House(users=["bob"], settings=settings(**{"sip__tls_peer_subjects": "localhost"})) as h:
        authority = Cert("Lync CA", ca=True)
        cert = Cert("localhost", issuer=authority)
        pem = os.path.join(folder, "pem")
        with open(pem, "w", encoding="ascii") as f:
            f.write(cert.pem + cert.key_pem)
        h.gateway.api("POST", "/v1/trust/cup-trust", {"pem": authority.pem})
        ours = ssl.get_server_certificate((h.gateway.address, 5061))
        door = Tls(pem, ours)
        with Bob(h) as bob, sip.Sipp([take(f"<sip:localhost:{door.port};transport=tls>", keep=True), *TALK], "",
                                     transport="t1", server=True) as peer:
            door.to(peer.port)
            h.gateway.set("sip.routes", f"test.lync=tls:localhost:{door.port}")
            talk(h, bob, peer)
        door.close()


def test_refused():
    """what Lync answers to the INVITE is what bob is told of his message"""
    for status, condition in (("403 Forbidden", "forbidden"), ("404 Not Found", "item-not-found"),
                              ("408 Request Timeout", "remote-server-timeout"),
                              ("480 Temporarily Unavailable", "service-unavailable"),
                              ("482 Loop Detected", "remote-server-timeout"),
                              ("488 Not Acceptable Here", "not-acceptable"),
                              ("603 Decline", "forbidden")):
        with House(users=["bob"], settings=settings()) as h, Bob(h) as bob:
            with sip.Sipp([expect("INVITE") + answer(status), expect("ACK")], "", server=True) as peer:
                route(h, peer, "udp")
                bob.says("Hello")
                bob.gets_back(condition)
                peer.wait()
                counted(h, sessions=0, sessions_failed=1, messages_failed=1)


def test_forgotten():
    """the peer was restarted: 481, a new session, and the message arrives there"""
    with House(users=["bob"], settings=settings()) as h, Bob(h) as bob:
        with sip.Sipp([take(), hear(), hear(status="481 Call Does Not Exist")], "", server=True) as peer:
            route(h, peer, "udp")
            bob.says("One")
            counted(h, messages_out=1)
            bob.says("Two")
            peer.wait()
            with sip.Sipp([take(), hear()], "", server=True, port=peer.port) as again:
                again.wait()
                assert again.messages()[-1].body.strip() == "Two", again.messages()
            counted(h, messages_out=2, sessions_out=2, sessions=1)
            assert not bob.errors, bob.errors


def test_restarted():
    """we were restarted: 481 to the peer, and all goes on in a new session"""
    with House(users=["bob"], settings=settings()) as h:
        stray = called_says("MESSAGE", 3, "Too late").replace('response="200"', 'response="481"')
        steps = [call(), '  <recv response="200" rrs="true"/>\n', acknowledge(),
                 called_says("MESSAGE", 2, "One"), '  <pause milliseconds="6000"/>\n', stray]
        with Bob(h) as bob, sip.Sipp(steps, f"{h.gateway.address}:{SIP_PORT}") as peer:
            bob.hears("One")
            assert h.gateway.stop() == 0
            h.gateway.start()
            peer.wait()
        again = [call(), '  <recv response="200" rrs="true"/>\n', acknowledge(),
                 called_says("MESSAGE", 2, "Two"), hear("BYE")]
        with Bob(h) as bob, sip.Sipp(again, f"{h.gateway.address}:{SIP_PORT}") as peer:
            bob.hears("Two")
            bob.does("gone")
            peer.wait()


def test_not_taken():
    """for more than two, for nobody, of nobody, or with nothing for messages; and what came back"""
    conference = {"more": "EndPoints: &lt;sip:ann@lync.test&gt;, &lt;sip:bob@kalends.test&gt;, &lt;sip:x@lync.test&gt;\n"
                  .replace("&lt;", "<").replace("&gt;", ">")}
    for arguments, status in (
            (conference, 488),
            ({"kind": "application/ms-conf-invite+xml", "body": "<Conferencing/>"}, 488),
            ({"contact": CONTACT + ";isfocus"}, 488),
            ({"body": SDP.replace("m=message 5060 sip null", "m=audio 4000 RTP/AVP 0")}, 488),
            ({"user": "nobody@kalends.test"}, 404),
            ({"user": "nobody@kalends.test", "more": "User-Agent: Kalends-Partitioned\n"}, 482)):
        with House(users=["bob"], settings=settings(sip__partitioned="on")) as h:
            user = arguments.get("user", "bob@kalends.test")
            steps = [call(**arguments), f'  <recv response="{status}"/>\n', acknowledge(user)]
            with sip.Sipp(steps, f"{h.gateway.address}:{SIP_PORT}") as peer:
                peer.wait()
            counted(h, sessions=0)


def test_shared_domain():
    """a user of our own domain who is on Lync: a session by the static route, marked as ours"""
    with House(users=["bob"], settings=settings(sip__partitioned="on")) as h, Bob(h) as bob:
        with sip.Sipp([take(), hear()], "", server=True) as peer:
            h.gateway.set("sip.routes", f".test.kalends.*=udp:127.0.0.1:{peer.port}")
            bob.says("Hello", to="carl@kalends.test")
            peer.wait()
            assert peer.messages()[0].get("User-Agent") == "Kalends-Partitioned", peer.messages()
        counted(h, messages_out=1)


if __name__ == "__main__":
    run([f for name, f in sorted(globals().items()) if name.startswith("test_")])
    sys.exit(0)

"""Users with SIP clients, on real sockets: they log in, register and get messages from XMPP clients; what switching it
on and off does to passwords."""

import socket
import sys

import phone
from gateway import Gateway, wait_for
from house import run
from sip import Message
from xmpp_client import Client

DOMAIN = "sip.test"


class Phone(phone.Phone):
    domain = DOMAIN


class Office(Gateway):
    def __enter__(self):
        super().__enter__()
        self.api("POST", "/v1/domains", {"name": DOMAIN})
        for name in ("ann", "bob"):
            self.ctl("user", "add", f"{name}@{DOMAIN}", "--im")
            self.password(name)
        return self

    def password(self, name):
        self.ctl("password", "set", f"{name}@{DOMAIN}", "--password-stdin", text_in="secret\n")


def test_switching():
    """passwords of before are set again; md5 has its own; off ends it at once, for good"""
    with Office() as g, Phone(g, "bob", "secret") as bob, Phone(g, "bob", "secret", "MD5") as old:
        assert bob.register().start.startswith("SIP/2.0 403 "), "nobody logs in at first"
        g.ctl("set", "sip.login", "sha-256")
        assert bob.register().start.startswith("SIP/2.0 401 ")
        assert "set it again" in g.log()
        g.password("bob")
        assert bob.register().start == "SIP/2.0 200 OK"
        assert old.register().start.startswith("SIP/2.0 401 "), "md5 is off"
        g.ctl("set", "sip.login", "both")
        assert old.register().start.startswith("SIP/2.0 401 "), "the password has no md5"
        g.password("bob")
        assert old.register().start == "SIP/2.0 200 OK"
        assert bob.register().start == "SIP/2.0 200 OK"
        g.ctl("set", "sip.login", "off")
        assert g.ctl_json("sip", "clients")["clients"] == []
        g.ctl("set", "sip.login", "both")
        bob.nonce = None
        assert bob.register().start.startswith("SIP/2.0 401 "), "what was kept is gone"


def test_clients():
    """who is registered is shown, also after a restart; a new password ends it"""
    with Office() as g, Phone(g, "bob", "secret") as bob:
        assert "no SIP client" in g.ctl("sip", "clients")
        g.ctl("set", "sip.login", "sha-256")
        g.password("bob")
        assert bob.register().start == "SIP/2.0 200 OK"
        for _ in range(2):
            shown = g.ctl("sip", "clients")
            assert f"bob@{DOMAIN}" in shown and f"sip:bob@127.0.0.1:{bob.port}" in shown and "Phone 1" in shown, shown
            assert "no SIP client is registered for this user" in g.ctl("sip", "clients", f"ann@{DOMAIN}")
            assert g.stop() == 0
            g.start()
        assert g.status()["sip"]["registered"] == 1
        bob.nonce = None
        assert bob.register(0).start == "SIP/2.0 200 OK"
        assert g.status()["sip"]["registered"] == 0
        assert bob.register().start == "SIP/2.0 200 OK"
        g.password("bob")
        assert g.status()["sip"]["registered"] == 0
        assert "secret" not in g.log()


def test_messages():
    """an XMPP client and a SIP client talk; what does not arrive comes back"""
    with Office() as g, Phone(g, "bob", "secret") as bob:
        g.ctl("set", "sip.login", "sha-256")
        g.password("bob")
        assert bob.register().start == "SIP/2.0 200 OK"
        with Client(f"ann@{DOMAIN}", "secret", host=g.address) as ann:
            ann.call(lambda x: say(x, f"bob@{DOMAIN}", "Grüße"))
            got = bob.receive()
            assert got.start.startswith(f"MESSAGE sip:bob@127.0.0.1:{bob.port} "), got
            assert got.body == "Grüße" and f"<sip:ann@{DOMAIN}>" in got.get("From"), got.headers
            bob.answer(got)
            answer = bob.ask("MESSAGE", f"sip:ann@{DOMAIN}", "Content-Type: text/plain\r\n", "and back")
            assert answer.start == "SIP/2.0 200 OK", answer
            ann.wait_message("and back")
            ann.call(lambda x: say(x, f"bob@{DOMAIN}", "busy?"))
            bob.answer(bob.receive(), "486 Busy Here")
            wait_for(lambda: any(m[1] == "error" for m in ann.messages), what="the error")


def test_silent_client():
    """a client that answers nothing stops no messages to others, and of what it gets no more nothing is lost"""
    with Office() as g, Phone(g, "bob", "secret") as bob, Phone(g, "ann", "secret") as ann:
        g.ctl("set", "sip.login", "sha-256")
        for phone in (ann, bob):
            g.password(phone.user)
            assert phone.register().start == "SIP/2.0 200 OK"
        with Client(f"ann@{DOMAIN}", "secret", host=g.address) as x:
            g.set("xmpp.offline_max", 300)
            for i in range(520):
                x.call(lambda y, i=i: say(y, f"bob@{DOMAIN}", f"message {i}"))
            x.call(lambda y: say(y, f"ann@{DOMAIN}", "to another"))
            got = ann.receive()
            assert got.body == "to another", got
            ann.answer(got)
            wait_for(lambda: g.status()["sip"]["refused_by_limit"] == 420, what="what is too much")
            wait_for(lambda: sum(m[1] == "error" for m in x.messages) == 120, what="what has no place to be kept")
            with Client(f"bob@{DOMAIN}", "secret", host=g.address) as late:
                late.wait_message("message 399")


def test_publish():
    """what a SIP client publishes is seen by XMPP contacts, and is over when it says so"""
    with Office() as g, Phone(g, "bob", "secret") as bob:
        g.ctl("set", "sip.login", "sha-256")
        g.password("bob")
        with Client(f"ann@{DOMAIN}", "secret", host=g.address) as ann:
            ann.call(lambda x: watch(x, f"bob@{DOMAIN}"))
            to = f"sip:bob@{DOMAIN}"
            first = bob.ask("PUBLISH", to, PIDF, document("away", "At the dentist"))
            assert first.start == "SIP/2.0 200 OK", first
            ann.wait_contact(f"bob@{DOMAIN}", ("away", "At the dentist"))
            assert g.status()["sip"]["publications"] == 1
            after = f"SIP-If-Match: {first.get('SIP-ETag')}\r\nEvent: presence\r\nExpires: 0\r\n"
            assert bob.ask("PUBLISH", to, after).start == "SIP/2.0 200 OK"
            ann.wait_contact(f"bob@{DOMAIN}", ("unavailable", None))


def test_publish_killed():
    """what was published is there after kill -9, is refreshed by the tag of before, and no note is in the log"""
    with Office() as g, Phone(g, "bob", "secret") as bob:
        g.ctl("set", "sip.login", "sha-256")
        g.password("bob")
        to = f"sip:bob@{DOMAIN}"
        first = bob.ask("PUBLISH", to, PIDF, document("away", "At the dentist"))
        assert first.start == "SIP/2.0 200 OK", first
        g.ctl("set", "sip.messages", "on")  # answered when it is on the disk, as what came before it
        for _ in range(2):
            g.kill()
            g.start()
            with Client(f"ann@{DOMAIN}", "secret", host=g.address) as ann:
                ann.call(lambda x: watch(x, f"bob@{DOMAIN}"))
                ann.wait_contact(f"bob@{DOMAIN}", ("away", "At the dentist"))
        bob.nonce = None
        after = f"SIP-If-Match: {first.get('SIP-ETag')}\r\nEvent: presence\r\nExpires: 0\r\n"
        assert bob.ask("PUBLISH", to, after).start == "SIP/2.0 200 OK"
        assert "dentist" not in g.log()


def test_waiting_killed():
    """who has asked once by SIP, and has gone, is answered after kill -9 still; then the next time he sees"""
    with Office() as g, Phone(g, "ann", "secret") as ann, Phone(g, "bob", "secret") as bob:
        g.ctl("set", "sip.login", "sha-256")
        g.ctl("set", "presence.auto_authorize", "nobody")
        g.password("ann")
        g.password("bob")
        once = f"Contact: <sip:ann@127.0.0.1:{ann.port}>\r\nEvent: presence\r\nExpires: 0\r\n"
        assert ann.ask("SUBSCRIBE", f"sip:bob@{DOMAIN}", once).start == "SIP/2.0 200 OK"
        request = next_request(ann)
        ann.answer(request)
        assert not request.body, request
        g.ctl("set", "sip.messages", "on")  # answered when it is on the disk, as what came before it
        g.kill()
        g.start()
        for phone in (ann, bob):
            phone.nonce = None
        winfo = f"Contact: <sip:bob@127.0.0.1:{bob.port}>\r\nEvent: presence.winfo\r\nExpires: 600\r\n"
        assert bob.ask("SUBSCRIBE", f"sip:bob@{DOMAIN}", winfo).start == "SIP/2.0 200 OK"
        for state, part in (("full", 'status="waiting" event="timeout"'), ("partial", 'status="terminated" event="approved"')):
            request = next_request(bob)
            bob.answer(request)
            assert f'state="{state}"' in request.body and f'{part}>sip:ann@{DOMAIN}<' in request.body, request.body
            g.ctl("watcher", "allow", f"bob@{DOMAIN}", f"ann@{DOMAIN}")
        assert ann.ask("SUBSCRIBE", f"sip:bob@{DOMAIN}", once).start == "SIP/2.0 200 OK"
        request = next_request(ann)
        ann.answer(request)
        assert "<presence " in request.body, request


def test_logged_out():
    """who may not log in any more is told nothing any more, though he has never registered, nor after a restart"""
    shut_out = [("user", "disable", f"ann@{DOMAIN}"), ("user", "remove", f"ann@{DOMAIN}"),
                ("password", "set", f"ann@{DOMAIN}", "--password-stdin"), ("set", "sip.login", "off")]
    for how in shut_out:
        with Office() as g, Phone(g, "ann", "secret") as ann, Phone(g, "bob", "secret") as bob:
            g.ctl("set", "sip.login", "both")
            g.password("ann")
            g.password("bob")
            begin_dialogs(ann)
            if how[0] == "user":  # they go on after a restart, as long as she may log in
                assert g.stop() == 0
                g.start()
                assert {told_of(ann), told_of(ann)} == {("presence", "active"), ("presence.winfo", "active")}
                begin_session(ann)
            assert g.status()["sip"]["subscriptions"] == 2 and g.status()["sip"]["sessions"] == 1
            g.ctl(*how, text_in="another\n" if how[0] == "password" else None)
            end = [told_of(ann) for _ in range(3)]
            assert sorted(end) == [("BYE", ""), ("presence", "terminated;reason=rejected"),
                                   ("presence.winfo", "terminated;reason=rejected")], (how, end)
            wait_for(lambda: not g.status()["sip"]["subscriptions"] and not g.status()["sip"]["sessions"], what="the end")
            assert g.stop() == 0
            g.start()
            assert g.status()["sip"]["subscriptions"] == 0, how
            if how[0] != "set":
                assert bob.ask("PUBLISH", f"sip:bob@{DOMAIN}", PIDF, document("away", "x")).start == "SIP/2.0 200 OK"
            ann.socket.settimeout(1.5)
            try:
                raise AssertionError(next_request(ann))
            except TimeoutError:
                pass


def begin_dialogs(phone):
    contact = f"Contact: <sip:{phone.user}@127.0.0.1:{phone.port}>\r\n"
    for whom, event in (("bob", "presence"), (phone.user, "presence.winfo")):
        answer = phone.ask("SUBSCRIBE", f"sip:{whom}@{DOMAIN}", f"{contact}Event: {event}\r\nExpires: 3600\r\n")
        assert answer.start == "SIP/2.0 200 OK", answer
        phone.answer(phone.receive())
    begin_session(phone)


def begin_session(phone):
    phone.nonce = None
    answer = phone.ask("INVITE", f"sip:bob@{DOMAIN}", f"Contact: <sip:{phone.user}@127.0.0.1:{phone.port}>\r\n"
                       "Content-Type: application/sdp\r\n", SDP)
    assert answer.start == "SIP/2.0 200 OK", answer
    phone.acknowledge(answer)


def next_request(phone):
    """and not one that was sent again, because the answer took its time"""
    request = phone.receive()
    while request.get("Via") in phone.seen:
        request = phone.receive()
    phone.seen.add(request.get("Via"))
    return request


def told_of(phone):
    """a request that the phone gets, in short; it is answered"""
    request = next_request(phone)
    phone.answer(request)
    method, event = request.start.split()[0], request.get("Event")
    return (event, request.get("Subscription-State").split(";expires")[0]) if event else (method, "")


SDP = ("v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
       "m=message 5060 sip null\r\n")
PIDF = "Event: presence\r\nContent-Type: application/pidf+xml\r\n"


def document(activity, note):
    return (f'<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" '
            f'xmlns:r="urn:ietf:params:xml:ns:pidf:rpid" entity="sip:bob@{DOMAIN}"><tuple id="t"><status>'
            f'<basic>open</basic></status></tuple><dm:person id="p"><r:activities><r:{activity}/></r:activities>'
            f'<dm:note>{note}</dm:note></dm:person></presence>')


async def watch(xmpp, who):
    xmpp.send_presence_subscription(pto=who)


async def say(xmpp, to, text):
    xmpp.send_message(mto=to, mbody=text, mtype="chat")


if __name__ == "__main__":
    run([f for name, f in sorted(globals().items()) if name.startswith("test_")])
    sys.exit(0)

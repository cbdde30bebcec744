"""Federation with a server that we did not write, whichever it is: every TLS mode, certificate and dialback,
both directions, and what goes wrong.

    run(Scenarios(Prosody).all())
"""

import contextlib
import os
import shutil
import socket
import tempfile
import time

import house
from federation import Authority, Cutter, Names
from gateway import Gateway, wait_for
from house import House
from xmpp_client import Client

OURS, THEIRS = "kalends.example", "other.example"
PASSWORD = "correct horse"


@contextlib.contextmanager
def authority_elsewhere():
    """A certificate authority that lives as long as it is used."""
    folder = tempfile.mkdtemp(prefix="federation-ca-")
    os.chmod(folder, 0o755)
    try:
        yield Authority(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def world(server, settings=None, options=None, ours=(OURS,), certified=()):
    """A gateway and another server that know each other by name; both certificates are of one authority.
    options: of the other server. certified: names in our certificate beside our domains."""
    with contextlib.closing(Names()) as names, authority_elsewhere() as authority:
        gateway = Gateway(log_levels="info, federation=debug")
        os.makedirs(f"{gateway.data}/certs", mode=0o700)
        shutil.copy(authority.issue("ours", *ours, *certified), f"{gateway.data}/certs/cup-xmpp-s2s.pem")
        os.chmod(f"{gateway.data}/certs/cup-xmpp-s2s.pem", 0o600)
        with gateway, server(THEIRS, names, authority, **{"users": ["rosa"], **(options or {})}) as other:
            other.introduce(OURS, gateway.address)
            with open(authority.root, encoding="ascii") as f:
                gateway.api("POST", "/v1/trust/cup-xmpp-trust", {"pem": f.read()})
            gateway.set("federation.dns_servers", names.servers)
            gateway.set("federation.retry_max_s", 1)
            for key, value in (settings or {}).items():
                gateway.set(key, value)
            for domain in ours:
                gateway.api("POST", "/v1/domains", {"name": domain})
            gateway.api("POST", "/v1/users", [{"user": f"{n}@{OURS}", "im": True, "password": PASSWORD}
                                              for n in ("ann", "bob")])
            gateway.set("federation.xmpp", "on")
            yield gateway, other


def ours(gateway, name="ann"):
    return Client(f"{name}@{OURS}", PASSWORD, host=gateway.address)


def theirs(other, name="rosa"):
    return Client(other.jid(name), other.password, host=other.address)


def connection(gateway, direction):
    found = [c for c in gateway.ctl_json("federation", "list")["connections"]
             if c["direction"] == direction and c["state"] == "open"]
    return found[0] if found else None


def meet(ann, rosa):
    """Each sees the other; both accept by themselves."""
    ann.subscribe(rosa.jid)
    ann.wait_contact(rosa.jid, ("available", None))
    rosa.wait_contact(ann.jid, ("available", None))


def expect(gateway, outgoing, incoming):
    """(proved by, TLS) of both connections."""
    for direction, wanted in (("outgoing", outgoing), ("incoming", incoming)):
        c = connection(gateway, direction)
        assert c and (c["proved_by"], c["tls"]) == wanted, (direction, wanted, c)


def both_ways(gateway, other, outgoing, incoming):
    with ours(gateway) as ann, theirs(other) as rosa:
        meet(ann, rosa)
        ann.presence("dnd", "Writing")
        rosa.wait_contact(ann.jid, ("dnd", "Writing"))
        rosa.presence("xa", "On the road")
        ann.wait_contact(rosa.jid, ("xa", "On the road"))
        ann.message(rosa.jid, "to there")
        rosa.wait_message("to there")
        rosa.message(ann.jid, "and back")
        ann.wait_message("and back")
        expect(gateway, outgoing, incoming)


# What clients of the one side show, and clients of the other side see: as it is, whatever the clients' names
# for it are. None: offline.
STATES = [
    (None, ""), (None, "At my desk"), (None, "In a meeting"),  # available
    ("dnd", ""), ("dnd", "Writing"),
    ("away", ""), ("away", "Lunch"),
    ("away", "Busy"), ("away", "Idle"),  # how these two are said in XMPP
    ("xa", ""), ("xa", "On holiday"),
    ("chat", "Come in"),
]


def pass_through(one, other):
    """Every state of the one reaches the other with its text; then offline, then back."""
    for show, text in STATES:
        one.presence(show, text or None)
        other.wait_contact(one.jid, (show or "available", text))
    one.presence(ptype="unavailable", status="Gone home")
    other.wait_contact(one.jid, ("unavailable", "Gone home"))
    one.presence()
    other.wait_contact(one.jid, ("available", ""))


def came(client, text):
    """How often."""
    return [m[2] for m in client.messages if m[1] != "error"].count(text)


def came_back(client):
    return any(m[1] == "error" for m in client.messages)


def heard_of(sender, receiver, text):
    """Said until it comes: a server that does not acknowledge may lose it with the connection."""
    if not came(receiver, text):
        sender.message(receiver.jid, text)
        time.sleep(1)
    return came(receiver, text)


def why(gateway):
    return gateway.ctl("federation", "why", THEIRS)


def watch_nicknames(client):
    """Asks to be told; (who, nickname) as they come."""
    seen = []

    async def want(x):
        x.add_event_handler("user_nick_publish", lambda m: seen.append(
            (m["from"].bare, m["pubsub_event"]["items"]["item"]["nick"]["nick"])))
        x["xep_0163"].add_interest("http://jabber.org/protocol/nick")
        await x["xep_0115"].update_caps()
    client.call(want)
    return seen


def publish_nickname(name):
    async def publish(x):
        await x["xep_0172"].publish_nick(nick=name)
    return publish


def fetch_name(jid):
    async def fetch(x):
        answer = await x["xep_0054"].get_vcard(jid=jid, cached=False, timeout=10)
        return answer.xml.findtext(".//{vcard-temp}FN")
    return fetch


class Scenarios:
    """server: the class of the other server."""

    def __init__(self, server):
        self.server = server

    def world(self, settings=None, **more):
        return world(self.server, settings, **more)

    def all(self):
        """In the order in which they stand here."""
        return [getattr(self, name) for name in vars(Scenarios) if name.startswith("test_")]

    def test_certificates_required(self):
        """TLS required and certificates demanded on both sides: SASL EXTERNAL both ways."""
        options = {"secure": True, "dialback": False}
        with self.world({"federation.tls": "required"}, options=options) as (g, p):
            both_ways(g, p, ("certificate", True), ("certificate", True))

    def test_dialback_over_tls(self):
        """TLS with certificates that nobody looks at: dialback proves the domains."""
        with self.world({"federation.sasl_in": "off", "federation.sasl_out": "off"}) as (g, p):
            both_ways(g, p, ("dialback", True), ("dialback", True))

    def test_no_tls(self):
        """TLS none: in clear, by dialback."""
        with self.world({"federation.tls": "none"}, options={"tls": False}) as (g, p):
            both_ways(g, p, ("dialback", False), ("dialback", False))

    def test_optional_falls_back(self):
        """TLS optional, and the other side has none: in clear, by dialback."""
        with self.world({"federation.tls": "optional"}, options={"tls": False}) as (g, p):
            both_ways(g, p, ("dialback", False), ("dialback", False))

    def test_states(self):
        """Presence passes as it is, both ways."""
        with self.world() as (g, p), ours(g) as ann, theirs(p) as rosa:
            meet(ann, rosa)
            pass_through(ann, rosa)
            pass_through(rosa, ann)

    def test_wrong_certificate(self):
        """TLS required, and their certificate is of an authority that nobody trusts: refused, both ways."""
        with authority_elsewhere() as stranger:
            bad = stranger.issue(THEIRS, THEIRS)
            with self.world({"federation.tls": "required"}, options={"certificate": bad}) as (g, p):
                with ours(g) as ann, theirs(p) as rosa:
                    ann.subscribe(rosa.jid)
                    wait_for(lambda: "neither sent by the server nor in 'cup-xmpp-trust'" in why(g), 20,
                             "the reason")
                    rosa.subscribe(ann.jid)
                    wait_for(lambda: "stream-error" in g.log() and "not-authorized" in g.log(), 20,
                             "their refusal")
                    for client, other in ((ann, rosa), (rosa, ann)):
                        heard = {s.type for s in client.presences if s.sender == other.jid}
                        assert heard <= {"error"}, heard

    def test_certificate_of_another_domain(self):
        """Their certificate is good, but for another name: refused with the names that it has."""
        options = {"certificate_for": "elsewhere.example"}
        with self.world({"federation.tls": "required"}, options=options) as (g, p):
            with ours(g) as ann:
                ann.subscribe(p.jid("rosa"))
                wait_for(lambda: "elsewhere.example" in why(g), 20, "the reason")

    def test_wrong_dialback_key(self):
        """Somebody says that he is their domain; their server, which is, does not know his key."""
        with self.world() as (g, p):
            with socket.create_connection((g.address, 5269), 10) as s:
                s.settimeout(10)
                s.sendall((f"<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:db="
                           f"'jabber:server:dialback' xmlns:stream='http://etherx.jabber.org/streams' "
                           f"version='1.0' from='{THEIRS}' to='{OURS}'>").encode())
                heard = b""
                while b"</stream:features>" not in heard:
                    heard += s.recv(4096)
                s.sendall(f"<db:result from='{THEIRS}' to='{OURS}'>{'0' * 64}</db:result>".encode())
                heard = b""
                while b"</stream:stream>" not in heard:
                    more = s.recv(4096)
                    assert more, heard
                    heard += more
                assert b'type="invalid"' in heard, heard

    def test_policy(self):
        """Denied by default: neither side hears of the other; an exception lets both, at once. When it goes our user
        sees theirs no more, and when it comes again each sees what the other is then."""
        with self.world({"federation.policy": "deny"}) as (g, p):
            with ours(g) as ann, theirs(p) as rosa:
                ann.subscribe(rosa.jid)
                rosa.subscribe(ann.jid)
                time.sleep(2)
                assert "denied by federation.policy" in why(g), why(g)
                assert not [s for s in ann.presences + rosa.presences if s.sender in (ann.jid, rosa.jid)
                            and s.type == "subscribe"]
                g.ctl("federation", "except", "*." + THEIRS)
                meet(ann, rosa)
                g.ctl("federation", "forget", "*." + THEIRS)
                wait_for(lambda: not connection(g, "outgoing") and not connection(g, "incoming"), 10, "the end")
                ann.wait_contact(rosa.jid, ("unavailable", None))
                ann.presence("dnd", "Nobody sees it")
                time.sleep(1)
                assert rosa.contact_states(ann.jid)[-1].state[0] != "dnd"
                g.ctl("federation", "except", THEIRS)
                ann.wait_contact(rosa.jid, ("available", ""), 60)
                rosa.wait_contact(ann.jid, ("dnd", "Nobody sees it"), 60)

    def test_they_go_down_and_come_back(self):
        """Messages come back while they are down; presence is there again by itself."""
        with self.world() as (g, p):
            with ours(g) as ann:
                with theirs(p) as rosa:
                    meet(ann, rosa)
                    rosa.presence("away", "Lunch")
                    ann.wait_contact(rosa.jid, ("away", "Lunch"))
                p.stop()
                ann.message(p.jid("rosa"), "anybody there?")
                wait_for(lambda: any(m[1] == "error" for m in ann.messages), 30, "the message to come back")
                ann.presence("dnd", "While they were down")
                p.start()
                with theirs(p) as rosa:
                    rosa.wait_contact(ann.jid, ("dnd", "While they were down"), 30)
                    ann.wait_contact(rosa.jid, ("available", ""), 30)

    def test_we_restart(self):
        """Subscriptions survive a kill -9 of the gateway; both see each other again."""
        with self.world() as (g, p):
            with theirs(p) as rosa:
                with ours(g) as ann:
                    meet(ann, rosa)
                wait_for(lambda: rosa.contact_states(f"ann@{OURS}")[-1].state[0] == "unavailable", 20, "offline")
                g.kill()
                g.start()
                with ours(g) as ann:
                    ann.wait_contact(rosa.jid, ("available", ""), 30)
                    rosa.wait_contact(ann.jid, ("available", ""), 30)

    def test_denied_politely(self):
        """Ann denies rosa: rosa believes that she watches, and sees ann offline; later ann thinks better of it."""
        with self.world() as (g, p):
            with ours(g) as ann, theirs(p) as rosa:
                ann.do(lambda x: setattr(x, "auto_authorize", None))
                ann.do(lambda x: setattr(x, "auto_subscribe", False))
                rosa.subscribe(ann.jid)
                wait_for(lambda: any(s.type == "subscribe" for s in ann.presences), 20, "the question")
                ann.presence(pto=rosa.jid, ptype="unsubscribed")
                wait_for(lambda: any(s.type == "subscribed" and s.sender == ann.jid for s in rosa.presences), 20,
                         "the polite answer")
                ann.presence("dnd", "Not for rosa")
                time.sleep(1)
                assert {s.state[0] for s in rosa.contact_states(ann.jid)} <= {"unavailable"}
                ann.presence(pto=rosa.jid, ptype="subscribed")
                rosa.wait_contact(ann.jid, ("dnd", "Not for rosa"))

    def test_connections_are_cut(self):
        """What had arrived does not come twice, and what had not comes once, or its sender is told: where both
        sides acknowledge. Ours to theirs is sent again on the next connection."""
        with self.world() as (g, p), contextlib.closing(Cutter(p.address)) as to_them, \
                contextlib.closing(Cutter(g.address)) as to_us:
            p.names.forget(THEIRS)
            p.names.add_service(THEIRS, f"cut.{THEIRS}", to_them.port)
            p.names.add_address(f"cut.{THEIRS}", "127.0.0.1")
            p.names.forget(OURS)
            p.introduce(OURS, "127.0.0.1", to_us.port)
            with ours(g) as ann, theirs(p) as rosa:
                meet(ann, rosa)
                for direction in ("outgoing", "incoming"):
                    assert connection(g, direction)["acknowledged"] == p.acknowledges, direction
                said = [(ann, rosa, f"to there {i}") for i in range(20)]
                said += [(rosa, ann, f"and back {i}") for i in range(20)]
                for sender, receiver, text in said:
                    sender.message(receiver.jid, text)
                for _, receiver, text in said:
                    receiver.wait_message(text)
                wait_for(lambda: not connection(g, "outgoing")["unacknowledged"], 10, "acknowledgements")
                assert to_them.cut() and to_us.cut()
                if not p.acknowledges:  # before we notice it is lost
                    wait_for(lambda: not connection(g, "outgoing"), 10, "the end of the connection")
                ann.message(rosa.jid, "ann again")
                rosa.wait_message("ann again", 30)
                wait_for(lambda: heard_of(rosa, ann, "rosa again"), 30, "rosa's message, or what became of it")
                if p.acknowledges:
                    wait_for(lambda: not connection(g, "outgoing")["unacknowledged"], 10, "acknowledgements")
                    to_them.swallows = True
                    ann.message(rosa.jid, "ann in the dark")
                    wait_for(lambda: connection(g, "outgoing")["unacknowledged"], 10, "the question")
                    time.sleep(1)
                    assert to_them.cut()
                    rosa.wait_message("ann in the dark", 30)
                    to_us.swallows = True
                    rosa.message(ann.jid, "rosa in the dark")
                    time.sleep(1)
                    assert to_us.cut()
                    wait_for(lambda: came(ann, "rosa in the dark") or came_back(rosa), 30, "what became of it")
                for _, receiver, text in said + [(ann, rosa, "ann again"), (ann, rosa, "ann in the dark")]:
                    assert came(receiver, text) <= 1, text

    def test_people(self):
        """Nicknames and vCards, both ways, in the order in which people meet: the one adds the other, who accepts and
        asks back."""
        if not self.server.publishes:
            return
        plugins = ("xep_0054", "xep_0115", "xep_0172")
        with self.world(options={"people": True}) as (g, p), \
                Client(f"ann@{OURS}", PASSWORD, host=g.address, plugins=plugins) as ann, \
                Client(p.jid("rosa"), p.password, host=p.address, plugins=plugins) as rosa:
            seen = {c: watch_nicknames(c) for c in (ann, rosa)}
            ann.call(publish_nickname("Annie before"))
            meet(ann, rosa)
            wait_for(lambda: (ann.jid, "Annie before") in seen[rosa], 20, "what was published before they met")
            ann.call(publish_nickname("Annie"))
            rosa.call(publish_nickname("Rosie"))
            wait_for(lambda: (ann.jid, "Annie") in seen[rosa], 20, "ann's nickname")
            wait_for(lambda: (rosa.jid, "Rosie") in seen[ann], 20, "rosa's nickname")

            async def write(x):
                vcard = x["xep_0054"].make_vcard()
                vcard["FN"] = "Ann & Co"
                await x["xep_0054"].publish_vcard(vcard=vcard)
            ann.call(write)
            assert rosa.call(fetch_name(ann.jid)) == "Ann & Co"
            ann.call(fetch_name(rosa.jid))  # an answer, whatever is in it

    def test_calendar(self):
        """A meeting and automatic replies of a mock Exchange, as a colleague there sees them; blocked politely, by
        domain and by name, he sees nothing of what begins and ends, and what it is then when he is let in again."""
        house.DOMAIN = OURS
        with contextlib.closing(Names()) as names, authority_elsewhere() as authority:
            settings = {"presence.privacy_federated": "full", "calendar.oof_poll_min": 1}
            with House(users=["ann"], settings=settings) as h, \
                    self.server(THEIRS, names, authority, users=["rosa"]) as p:
                p.introduce(OURS, h.gateway.address)
                h.gateway.set("federation.dns_servers", names.servers)
                h.gateway.set("federation.xmpp", "on")
                h.gateway.set("presence.auto_authorize", "everybody")
                with theirs(p) as rosa, h.client("ann") as ann:
                    rosa.subscribe(ann.jid)
                    rosa.wait_contact(ann.jid, ("available", ""))
                    asked = time.time()
                    h.meeting("ann", "-1m", "1h")
                    seen = rosa.wait_contact(ann.jid, ("away", None), after=asked)
                    assert "In a meeting" in seen.state[1], seen
                    print(f"   a meeting created now took {seen.at - asked:.2f} s")
                    h.mock.post(f"/users/{ann.jid}/oof", {"state": "enabled"})
                    seen = rosa.wait_contact(ann.jid, ("xa", None), 30)
                    assert "Out of office" in seen.state[1], seen
                    for who, change, shown, text in (
                            (THEIRS, lambda: h.mock.post(f"/users/{ann.jid}/oof", {"state": "disabled"}),
                             "away", "In a meeting"),
                            (rosa.jid, lambda: h.mock.post(f"/users/{ann.jid}/oof", {"state": "enabled"}),
                             "xa", "Out of office")):
                        h.gateway.ctl("watcher", "block", ann.jid, who)
                        rosa.wait_contact(ann.jid, ("unavailable", None))
                        blocked = time.time()
                        change()
                        wait_for(lambda text=text: text in h.gateway.ctl("explain", ann.jid), 90, f"'{text}'")
                        time.sleep(1)
                        assert rosa.contact_states(ann.jid)[-1].state[0] == "unavailable"
                        assert not [s for s in rosa.presences if s.at > blocked and s.sender == ann.jid and
                                    s.type in ("unsubscribed", "error")]
                        h.gateway.ctl("watcher", "allow", ann.jid, who)
                        seen = rosa.wait_contact(ann.jid, (shown, None))
                        assert text in seen.state[1], seen
                with theirs(p) as rosa:  # without a client, the calendar alone speaks
                    seen = rosa.wait_contact(ann.jid, ("unavailable", None), 20)
                    assert "Out of office" in seen.state[1], seen

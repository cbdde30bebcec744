"""Federation with Prosody, a server that we did not write: every TLS mode, certificate and dialback,
both directions, and what goes wrong."""

import contextlib
import os
import shutil
import socket
import sys
import tempfile
import time

import federation
import house
from federation import Authority, Names, Prosody
from gateway import Gateway, wait_for
from house import House, run
from xmpp_client import Client

OURS, THEIRS = "kalends.example", "prosody.example"
PASSWORD = "correct horse"


@contextlib.contextmanager
def world(settings=None, ours=(OURS,), our_domains=None, prosody=None):
    """A gateway and a Prosody that know each other by name; both certificates are of one authority."""
    folder = tempfile.mkdtemp(prefix="federation-ca-")
    os.chmod(folder, 0o755)
    names = Names()
    try:
        authority = Authority(folder)
        gateway = Gateway(log_levels="info, federation=debug")
        os.makedirs(f"{gateway.data}/certs", mode=0o700)
        shutil.copy(authority.issue("ours", *(our_domains or [OURS])), f"{gateway.data}/certs/cup-xmpp-s2s.pem")
        os.chmod(f"{gateway.data}/certs/cup-xmpp-s2s.pem", 0o600)
        names.add_server(OURS, gateway.address)
        with gateway, Prosody(THEIRS, names, authority, users=["rosa", "rolf"], **(prosody or {})) as other:
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
            gateway.names, gateway.authority = names, authority
            yield gateway, other
    finally:
        names.close()
        shutil.rmtree(folder, ignore_errors=True)


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


def test_certificates_required():
    """TLS required and certificates demanded on both sides: SASL EXTERNAL both ways."""
    with world({"federation.tls": "required"}, prosody={"secure": True, "dialback": False}) as (g, p):
        both_ways(g, p, ("certificate", True), ("certificate", True))


def test_dialback_over_tls():
    """TLS with certificates that nobody looks at: dialback proves the domains."""
    with world({"federation.sasl_in": "off", "federation.sasl_out": "off"}) as (g, p):
        both_ways(g, p, ("dialback", True), ("dialback", True))


def test_no_tls():
    """TLS none: in clear, by dialback."""
    with world({"federation.tls": "none"}, prosody={"tls": False}) as (g, p):
        both_ways(g, p, ("dialback", False), ("dialback", False))


def test_optional_falls_back():
    """TLS optional, and the other side has none: in clear, by dialback."""
    with world({"federation.tls": "optional"}, prosody={"tls": False}) as (g, p):
        both_ways(g, p, ("dialback", False), ("dialback", False))


def why(gateway):
    return gateway.ctl("federation", "why", THEIRS)


def test_wrong_certificate():
    """TLS required, and their certificate is of an authority that nobody trusts: refused, both ways."""
    stranger = tempfile.mkdtemp(prefix="federation-ca-")
    os.chmod(stranger, 0o755)
    bad = Authority(stranger).issue(THEIRS, THEIRS)
    try:
        with world({"federation.tls": "required"}, prosody={"certificate": bad}) as (g, p):
            with ours(g) as ann, theirs(p) as rosa:
                ann.subscribe(rosa.jid)
                wait_for(lambda: "neither sent by the server nor in 'cup-xmpp-trust'" in why(g), 20,
                         "the reason")
                rosa.subscribe(ann.jid)
                wait_for(lambda: "stream-error" in g.log() and "not-authorized" in g.log(), 20, "their refusal")
                for client, other in ((ann, rosa), (rosa, ann)):
                    heard = {s.type for s in client.presences if s.sender == other.jid}
                    assert heard <= {"error"}, heard
    finally:
        shutil.rmtree(stranger, ignore_errors=True)


def test_certificate_of_another_domain():
    """Their certificate is good, but for another name: refused with the names that it has."""
    with world({"federation.tls": "required"}, prosody={"certificate_for": "elsewhere.example"}) as (g, p):
        with ours(g) as ann:
            ann.subscribe(p.jid("rosa"))
            wait_for(lambda: "elsewhere.example" in why(g), 20, "the reason")


def test_wrong_dialback_key():
    """Somebody says that he is their domain; Prosody, which is, does not know his key."""
    with world() as (g, p):
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


def test_policy():
    """Denied by default: neither side hears of the other; an exception lets both, at once."""
    with world({"federation.policy": "deny"}) as (g, p):
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
            ann.presence("dnd", "Nobody sees it")
            time.sleep(1)
            assert rosa.contact_states(ann.jid)[-1].state[0] != "dnd"


def test_they_go_down_and_come_back():
    """Messages come back while they are down; presence is there again by itself."""
    with world() as (g, p):
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


def test_we_restart():
    """Subscriptions survive a kill -9 of the gateway; both see each other again."""
    with world() as (g, p):
        with theirs(p) as rosa:
            with ours(g) as ann:
                meet(ann, rosa)
            wait_for(lambda: rosa.contact_states(f"ann@{OURS}")[-1].state[0] == "unavailable", 20, "offline")
            g.kill()
            g.start()
            with ours(g) as ann:
                ann.wait_contact(rosa.jid, ("available", ""), 30)
                rosa.wait_contact(ann.jid, ("available", ""), 30)


def test_denied_politely():
    """Ann denies rosa: rosa believes that she watches, and sees ann offline; later ann thinks better of it."""
    with world() as (g, p):
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


def test_calendar():
    """A meeting and automatic replies of a mock Exchange, as a colleague on Prosody sees them."""
    house.DOMAIN = OURS
    names = Names()
    folder = tempfile.mkdtemp(prefix="federation-ca-")
    os.chmod(folder, 0o755)
    try:
        with House(users=["ann"], settings={"presence.privacy_federated": "full", "calendar.oof_poll_min": 1}) as h, \
                Prosody(THEIRS, names, Authority(folder), users=["rosa"]) as p:
            names.add_server(OURS, h.gateway.address)
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
            rosa_sees = None
            with theirs(p) as rosa: # without a client, the calendar alone speaks
                rosa_sees = rosa.wait_contact(ann.jid, ("unavailable", None), 20)
            assert "Out of office" in rosa_sees.state[1], rosa_sees
    finally:
        names.close()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    if not federation.has(Prosody.program):
        print("prosody is not installed")
        sys.exit(77)
    run([test_certificates_required, test_dialback_over_tls, test_no_tls, test_optional_falls_back,
         test_wrong_certificate, test_certificate_of_another_domain, test_wrong_dialback_key, test_policy,
         test_they_go_down_and_come_back, test_we_restart, test_denied_politely, test_calendar])

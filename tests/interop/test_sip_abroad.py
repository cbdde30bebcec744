"""A user with a SIP client and a contact of a server that we did not write (Prosody): presence and messages both ways,
and what does not arrive."""

import sys

import federation
from federation import Prosody
from federation_scenarios import OURS, PASSWORD, THEIRS, theirs, world
from gateway import wait_for
from house import run
from phone import Phone

SETTINGS = {"federation.tls": "required", "sip.login": "sha-256", "presence.auto_authorize": "everybody"}
PLAIN = "Content-Type: text/plain\r\n"
PIDF = (f'<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:ann@{OURS}"><tuple id="t"><status><basic>open</basic>'
        '</status><note>at my desk</note></tuple></presence>')


class Ours(Phone):
    domain = OURS

    def watch(self, who):
        return self.ask("SUBSCRIBE", f"sip:{who}", f"Contact: <sip:{self.user}@127.0.0.1:{self.port}>\r\nEvent: presence\r\n"
                                                   "Expires: 600\r\n")


def test_presence_and_messages():
    """rosa is asked, seen, written to, and answers; she sees what ann's client publishes"""
    with world(Prosody, SETTINGS) as (gateway, other), \
            Ours(gateway, "ann", PASSWORD) as ann:
        assert ann.register().start == "SIP/2.0 200 OK"
        with theirs(other) as rosa:
            rosa.presence("away", "at lunch")
            assert ann.watch(rosa.jid).start == "SIP/2.0 200 OK"
            ann.expect("NOTIFY", "Subscription-State: pending")
            ann.expect("NOTIFY", "<dm:note>at lunch</dm:note>")
            rosa.presence("dnd", "in the middle of it")
            ann.expect("NOTIFY", "<dm:note>in the middle of it</dm:note>")
            assert ann.ask("MESSAGE", f"sip:{rosa.jid}", PLAIN, "Grüße").start.startswith("SIP/2.0 202 ")
            rosa.wait_message("Grüße")
            rosa.message(f"ann@{OURS}", "to you, too")
            assert ann.expect("MESSAGE", "to you, too").get("From").startswith(f"<sip:{rosa.jid}>")
            assert ann.ask("PUBLISH", f"sip:ann@{OURS}", "Event: presence\r\nExpires: 600\r\n"
                           "Content-Type: application/pidf+xml\r\n", PIDF).start == "SIP/2.0 200 OK"
            rosa.wait_contact(f"ann@{OURS}", ("available", "at my desk"))
        ann.expect("NOTIFY", "<basic>closed</basic>")


def test_what_does_not_arrive():
    """nobody there, and nobody at all: the sender is told by a message"""
    with world(Prosody, SETTINGS) as (gateway, other), \
            Ours(gateway, "ann", PASSWORD) as ann:
        assert ann.register().start == "SIP/2.0 200 OK"
        assert ann.ask("MESSAGE", f"sip:nobody@{THEIRS}", PLAIN, "?").start.startswith("SIP/2.0 202 ")
        said = ann.expect("MESSAGE", "Not delivered: ")
        assert said.get("From").startswith(f"<sip:nobody@{THEIRS}>"), said.headers
        other.stop()
        wait_for(lambda: not gateway.ctl_json("federation", "list")["connections"] or
                 all(c["state"] != "open" for c in gateway.ctl_json("federation", "list")["connections"]), 20, "closed")
        answer = ann.ask("MESSAGE", f"sip:rosa@{THEIRS}", PLAIN, "?")
        if answer.start.startswith("SIP/2.0 202 "):  # it was not known yet
            ann.expect("MESSAGE", "Not delivered: the other side cannot be reached.")
        else:
            assert answer.start.startswith("SIP/2.0 504 "), answer
        gateway.set("federation.policy", "deny")
        assert ann.ask("MESSAGE", f"sip:rosa@{THEIRS}", PLAIN, "?").start.startswith("SIP/2.0 403 ")


if __name__ == "__main__":
    if not federation.has(Prosody.program):
        print("prosody is not installed")
        sys.exit(77)
    run([test_presence_and_messages, test_what_does_not_arrive])

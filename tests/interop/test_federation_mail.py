"""E-mail addresses for federation, with a server that we did not write: Prosody's users know ours by their
mail addresses, and by nothing else."""

import sys
import time

import federation
from federation import Prosody
from federation_scenarios import OURS, meet, ours, theirs, world
from gateway import wait_for
from house import run

MAIL = "mail.example"
ADDRESS = f"ann.example@{MAIL}"


def mail_world(**settings):
    return world(Prosody, {"federation.tls": "required", **settings}, certified=(MAIL,))


def switch_on(gateway, other):
    other.introduce(MAIL, gateway.address)
    gateway.ctl("user", "edit", "ann", "--mail", f"Ann.Example@{MAIL}")
    gateway.ctl("set", "presence.federation_mail", "on")


def bodies(client, sender):
    return [body for who, kind, body in client.messages if who.split("/")[0] == sender and kind != "error"]


def test_both_ways():
    """presence, requests, messages and questions go out and come in under the mail address"""
    with mail_world() as (gateway, other):
        switch_on(gateway, other)
        with ours(gateway) as ann, theirs(other) as rosa:
            ann.subscribe(rosa.jid)
            ann.wait_contact(rosa.jid, ("available", None))
            rosa.wait_contact(ADDRESS, ("available", None))
            ann.presence("dnd", "busy")
            rosa.wait_contact(ADDRESS, ("dnd", "busy"))
            ann.message(rosa.jid, "out")
            rosa.wait_message("out")
            assert bodies(rosa, ADDRESS) == ["out"] and not bodies(rosa, ann.jid)
            addressed = []
            ann.do(lambda x: x.add_event_handler("message", lambda m: addressed.append(m["to"].bare)))
            rosa.message(ADDRESS, "in")
            ann.wait_message("in")
            assert addressed == [ann.jid], addressed  # clients here know nothing of it
            full = ann.do(lambda x: x.boundjid.full).replace(ann.jid, ADDRESS)
            rosa.message(full, "to the client")
            ann.wait_message("to the client")
            rosa.ping(full)
            rosa.ping(MAIL)


def test_own_address_is_dropped():
    """who addresses the id of a user with a mail address gets no answer, and the user hears nothing"""
    with mail_world() as (gateway, other):
        switch_on(gateway, other)
        with ours(gateway) as ann, ours(gateway, "bob") as bob, theirs(other) as rosa:
            rosa.subscribe(ann.jid)
            rosa.message(ann.jid, "to the id")
            rosa.message(ADDRESS, "to the address")
            ann.wait_message("to the address")
            rosa.message(bob.jid, "bob has none")  # whose mail is his id
            bob.wait_message("bob has none")
            time.sleep(0.5)
            assert "to the id" not in bodies(ann, rosa.jid), ann.messages
            watchers = gateway.api("GET", f"/v1/users/{ann.jid}/watchers")
            assert not watchers["watchers"], watchers
            assert not rosa.messages, rosa.messages


def test_switched_live():
    """contacts of before see the user leave under the old address; who adds the new one is served at once"""
    with mail_world() as (gateway, other):
        with ours(gateway) as ann, theirs(other) as rosa:
            meet(ann, rosa)
            since = time.monotonic()
            switch_on(gateway, other)
            rosa.wait_contact(ann.jid, ("unavailable", None))
            # Rosa's client accepts by itself whom it does not know yet.
            rosa.wait_contact(ADDRESS, ("available", None))
            ann.wait_contact(rosa.jid, ("available", None), after=since)
            gateway.ctl("set", "presence.federation_mail", "off")
            rosa.wait_contact(ADDRESS, ("unavailable", None))
            rosa.wait_contact(ann.jid, ("available", None))


def test_restart():
    """a restart changes nothing that the other side could see"""
    with mail_world() as (gateway, other):
        switch_on(gateway, other)
        with theirs(other) as rosa:
            with ours(gateway) as ann:
                ann.subscribe(rosa.jid)
                ann.wait_contact(rosa.jid, ("available", None))
                rosa.wait_contact(ADDRESS, ("available", None))
            gateway.kill()
            gateway.start()
            with ours(gateway) as ann:
                rosa.wait_contact(ADDRESS, ("available", None))
                ann.wait_contact(rosa.jid, ("available", None))
                wait_for(lambda: gateway.api("GET", f"/v1/users/{ann.jid}/watchers")["watchers"], what="watchers")


if __name__ == "__main__":
    if not federation.has(Prosody.program):
        print("prosody is not installed")
        sys.exit(77)
    run([test_both_ways, test_own_address_is_dropped, test_switched_live, test_restart])

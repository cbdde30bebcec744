"""Where mailboxes live, and what becomes of one that is moved to another site."""

import urllib.parse

import house
from gateway import wait_for
from house import House

SITES = {"databases": [{"name": "DB1", "server": "mbx1", "site": "north"},
                       {"name": "DB2", "server": "mbx2", "site": "south"}]}


def divide(h):
    """Each server serves its own site only, whatever it was asked for before."""
    for cas, site in (("cas1", "north"), ("cas2", "south")):
        h.mock.post(f"/cas/{cas}/place", {"site": site, "refusal": "ErrorCrossSiteRequest"})


def is_at(h, name, cas):
    """On that gateway, and with one subscription in all, which is there."""
    subs = h.mock.subscriptions(user=h.jid(name))
    return [s["cas"] for s in subs] == [cas] and h.explain(name)["exchange"]["gateway"] == cas


def noticed(h, name):
    """A meeting that begins at once is told of by Exchange."""
    def missed():
        return h.gateway.status()["calendars"]["since_start"]["missed"]

    before = missed()
    meeting = h.meeting(name, "-1m", "1h")
    wait_for(lambda: h.explain(name)["published"]["text"] == "In a meeting", 10, "the meeting")
    assert missed() == before, "nobody told of it, it was found by looking"
    assert h.gateway.status()["calendars"]["now"]["push"] == 1
    h.mock.delete(f"/meetings/{meeting['id']}")
    wait_for(lambda: h.explain(name)["published"]["text"] != "In a meeting", 10, "its end")


def test_mailbox_is_looked_for():
    """no gateway serves a mailbox that was moved, not even its own as yet: Autodiscover knows where it is"""
    with House(users=["bob"], scenario=SITES, settings={"calendar.status_frequency_min": 2}) as h:
        divide(h)
        wait_for(lambda: is_at(h, "bob", "cas1"), 30, "bob where his site is")
        noticed(h, "bob")

        h.mock.fault("cas2", kind="fault", code="ErrorCrossSiteRequest", operation="Subscribe", count=1)
        h.mock.post(f"/users/{h.jid('bob')}/move", {"to": "DB2", "subscriptions": "break"})
        wait_for(lambda: is_at(h, "bob", "cas2"), 30, "bob on the other gateway, once")
        assert f"mailbox found user={h.jid('bob')} gateway='cas2'" in h.gateway.log(), h.gateway.log()
        noticed(h, "bob")


def test_server_that_is_no_gateway():
    """the log says which server is missing; when it is added the user comes to it"""
    with House(users=["bob"], scenario=SITES, settings={"calendar.status_frequency_min": 2}) as h:
        divide(h)
        wait_for(lambda: is_at(h, "bob", "cas1"), 30, "bob where his site is")
        port = urllib.parse.urlsplit(h.mock.cas["cas2"]["url"]).port
        h.gateway.api("DELETE", "/v1/gateways/cas2")
        h.mock.post(f"/users/{h.jid('bob')}/move", {"to": "DB2", "subscriptions": "break"})
        wait_for(lambda: "mailbox is on a server that is no gateway" in h.gateway.log(), 30, "the warning")
        h.add_gateway("cas2", port)
        wait_for(lambda: is_at(h, "bob", "cas2"), 60, "bob on the gateway that was added, once")
        noticed(h, "bob")


if __name__ == "__main__":
    house.run([test_mailbox_is_looked_for, test_server_that_is_no_gateway])

"""How changes reach the gateway: push, streams, polling; and back. Minutes run as seconds."""

import time
import urllib.parse

import house
from gateway import wait_for
from house import House

CROWD = 30
ALL = CROWD + 2


def now(h):
    return h.gateway.status()["calendars"]["now"]


def noticed_within(h, seconds):
    """A meeting that begins at once is shown."""
    asked = time.time()
    meeting = h.meeting("bob", "-1m", "1h")
    wait_for(lambda: h.explain("bob")["exchange"]["items"], seconds, "the meeting")
    print(f"   noticed after {time.time() - asked:.1f} s")
    h.mock.delete(f"/meetings/{meeting['id']}")
    wait_for(lambda: not h.explain("bob")["exchange"]["items"], seconds, "its end")


def test_streams():
    """everybody on streams; changes are told at once, removed users leave no subscription"""
    with House(crowd=CROWD, settings={"calendar.source": "streaming"}) as h:
        wait_for(lambda: now(h)["streaming"] == ALL, 20, "everybody on a stream")
        noticed_within(h, 5)
        h.gateway.api("DELETE", f"/v1/users/user0001@{house.DOMAIN}")
        wait_for(lambda: len(h.mock.subscriptions(limit=1000)) == ALL - 1, 10, "one less at Exchange")
        noticed_within(h, 5)
        h.gateway.kill()
        h.gateway.start()
        wait_for(lambda: now(h)["streaming"] == ALL - 1, 20, "everybody on a stream again")
        noticed_within(h, 5)
        assert h.gateway.status()["calendars"]["since_start"]["subscribes"] == 0, "none was made again"


def test_unsubscribe_that_fails():
    """a server that is busy, kill -9, and the gateways taken away: what is nobody's is told to end all the same"""
    with House(crowd=CROWD, settings={"calendar.source": "streaming"}) as h:
        def left():
            return len(h.mock.subscriptions(limit=1000))

        wait_for(lambda: now(h)["streaming"] == ALL, 20, "everybody on a stream")
        ports = {name: urllib.parse.urlsplit(cas["url"]).port for name, cas in h.mock.cas.items()}
        for name in ports:
            h.mock.fault(name, kind="fault", code="ErrorInternalServerTransientError", operation="Unsubscribe")
        h.gateway.api("DELETE", f"/v1/users/user0001@{house.DOMAIN}")
        wait_for(lambda: now(h)["farewells"] == 1 and h.gateway.status()["calendars"]["since_start"]["failures"] > 1,
                 10, "an Unsubscribe that has failed twice")
        h.gateway.kill()
        for name in ports:
            h.mock.delete(f"/cas/{name}/faults")
        assert left() == ALL
        h.gateway.start()
        wait_for(lambda: left() == ALL - 1 and not now(h)["farewells"], 10, "it to work after the start")

        for name in ports:
            h.gateway.api("DELETE", f"/v1/gateways/{name}")
        assert now(h)["farewells"] == ALL - 1 == left()
        h.gateway.kill()
        h.gateway.start()
        assert now(h)["farewells"] == ALL - 1
        h.add_gateway("cas1", ports["cas1"])
        wait_for(lambda: now(h)["streaming"] == ALL - 1 == left() and not now(h)["farewells"], 20,
                 "one subscription each at the one that came back")
        noticed_within(h, 5)


def test_streams_of_two_mailbox_servers():
    """mailboxes of two servers share no stream; one that is moved goes over to the others there"""
    with House(crowd=CROWD, cas=1, settings={"calendar.source": "streaming"}, scenario={
            "version": "2016", "affinity": True, "affinity_home": True,
            "databases": [{"name": "DB1", "server": "mbx1"}, {"name": "DB2", "server": "mbx2"}]}) as h:
        def once_each():
            subs = h.mock.subscriptions(limit=1000)
            return len(subs) == ALL == len({s["user"] for s in subs})

        def streams():
            return h.gateway.api("GET", "/v1/gateways/cas1")["streams"]

        wait_for(lambda: now(h)["streaming"] == ALL and streams() == 2, 30, "two streams, everybody on one")
        wait_for(once_each, 30, "one subscription each")
        noticed_within(h, 5)
        other = f"user0002@{house.DOMAIN}"
        h.mock.meeting(other, start="-1m", **{"for": "1h"})
        wait_for(lambda: h.gateway.explain(other)["exchange"]["items"], 5, "a meeting on the other server")

        h.mock.post(f"/users/{h.jid('bob')}/move", {"to": "DB2", "subscriptions": "break"})
        wait_for(lambda: now(h)["streaming"] == ALL and once_each(), 30, "bob among those there")
        noticed_within(h, 5)
        assert streams() == 2


def test_callback_that_never_arrives():
    """the address that Exchange is given does not work: streams, without anybody's doing"""
    with House(crowd=CROWD, notification_url_host="127.255.0.1") as h:
        wait_for(lambda: now(h)["streaming"] == ALL, 60, "everybody on a stream")
        noticed_within(h, 5)
        assert {g["mode"] for g in h.gateway.api("GET", "/v1/gateways")["gateways"]} == {"streaming"}
        assert "a better way is tried" in h.gateway.ctl("gateway", "list")


def test_polling_and_back():
    """set while it runs: calendars are read again and again, then Exchange calls back"""
    with House(crowd=CROWD) as h:
        h.gateway.set("calendar.source", "poll")
        wait_for(lambda: now(h)["poll"] == ALL, 20, "everybody polled")
        noticed_within(h, 10)
        h.gateway.set("calendar.source", "push")
        wait_for(lambda: now(h)["push"] == ALL, 20, "everybody told by push")
        noticed_within(h, 5)


def test_drained_server():
    """its users go to the other one, and come back when it takes users again"""
    with House(crowd=CROWD) as h:
        def users_of(name):
            return h.gateway.api("GET", f"/v1/gateways/{name}")["users"]

        h.gateway.ctl("gateway", "drain", "cas1")
        wait_for(lambda: users_of("cas1") == 0, 20, "nobody on it")
        assert "drained" in h.gateway.ctl("gateway", "list")
        noticed_within(h, 5)
        h.gateway.kill()
        h.gateway.start()
        assert h.gateway.api("GET", "/v1/gateways/cas1")["drained"]
        h.gateway.ctl("gateway", "undrain", "cas1")
        wait_for(lambda: users_of("cas1") >= ALL // 2 - 2, 60, "half of them on it")


if __name__ == "__main__":
    house.run([test_streams, test_unsubscribe_that_fails, test_streams_of_two_mailbox_servers, test_callback_that_never_arrives,
               test_polling_and_back, test_drained_server])

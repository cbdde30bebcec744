"""kill -9 of the daemon under load, and a start from what it had stored."""

import threading
import time

import house
from gateway import wait_for
from house import House

CROWD = 200


def assignments(h):
    return {u["user"]: u["exchange"]["gateway"] for u in (
        h.gateway.explain(f"user{i:04}@{house.DOMAIN}") for i in range(1, CROWD + 1))}


def subscription_ids(h):
    return {s["user"]: s["id"] for s in h.mock.subscriptions(limit=10000)}


def counts(h, operation):
    return h.mock.get("/journal?limit=0")["by_operation"].get(operation, 0)


def test_kill_under_load():
    """same users, assignments and subscriptions; presence right at once; nothing held twice"""
    with House(crowd=CROWD, minute_ms=2000,
               settings={"calendar.status_frequency_min": 10}) as h:
        h.meeting("bob", "-1m", "1h")
        wait_for(lambda: h.explain("bob")["published"]["text"] == "In a meeting")

        stop = threading.Event()

        def load():
            i = 0
            while not stop.is_set():
                i += 1
                user = f"user{i % CROWD + 1:04}"
                h.meeting(user, f"+{i % 50 + 10}m", "10m")
        loader = threading.Thread(target=load)
        loader.start()
        time.sleep(1.5)  # let load build up: what is tested is a kill at no particular moment
        before, ids = assignments(h), subscription_ids(h)
        h.gateway.kill()
        stop.set()
        loader.join()
        subscribes = counts(h, "Subscribe")

        started = time.time()
        h.gateway.start()
        # Correct presence at once: from the store, before Exchange has been asked anything.
        assert h.explain("bob")["published"]["text"] == "In a meeting"
        print(f"   presence served {time.time() - started:.2f} s after the start")
        with h.client("ann") as ann, h.client("bob") as bob:
            ann.subscribe(bob.jid)
            ann.wait_contact(bob.jid, ("away", "In a meeting"))
            assert assignments(h) == before
            # What was changed while it was away is found.
            wait_for(lambda: all(h.gateway.explain(u)["exchange"]["items"] == true_count(h, u) for u in before),
                     60, "calendars as Exchange has them", every=1)
            # A meeting created now still comes by the old subscription.
            asked = time.time()
            h.mock.meeting("ann@" + house.DOMAIN, start="-1m", **{"for": "1h"})
            bob.subscribe(ann.jid)
            bob.wait_contact(ann.jid, ("away", "In a meeting"), after=asked)
        # Live for several status frequencies of silence rules: still the same subscriptions.
        assert subscription_ids(h) == ids
        assert counts(h, "Subscribe") == subscribes, "live subscriptions were made again"


def true_count(h, user):
    """Items of the same times and kind are one interval."""
    return len({(m["start"], m["end"]) for m in h.mock.get(f"/users/{user}/meetings")["meetings"]})


def test_refused_password():
    """neither a restart, the same password again, nor an account of its own brings more than two tries"""
    with House(users=[]) as h:
        def check(name):
            return h.gateway.run_ctl("gateway", "check", name).stdout

        h.gateway.api("PATCH", "/v1/gateways/cas1", {"password": "wrong"})
        wait_for(lambda: "not sent: the account was refused" in check("cas1"), what="two refusals", every=0.2)
        h.gateway.kill()
        h.gateway.start()
        assert "not sent: the account was refused" in check("cas1")
        h.gateway.api("PATCH", "/v1/gateways/cas1", {"password": "wrong"})
        assert "not sent: the account was refused" in check("cas2")

        h.gateway.api("PATCH", "/v1/gateways/cas1", {"password": h.mock.account[1]})
        wait_for(lambda: "not sent" not in check("cas2"), what="the right password")
        own = {"own_account": True, "account": h.mock.account[0], "password": "wrong"}
        h.gateway.api("PATCH", "/v1/gateways/cas2", own)
        wait_for(lambda: "not sent: the account was refused" in check("cas2"), what="refusals of its own", every=0.2)
        assert "not sent" not in check("cas1"), "the right password is locked out by another account's"


if __name__ == "__main__":
    house.run([test_kill_under_load, test_refused_password])

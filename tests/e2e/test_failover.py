"""A Client Access Server that stops, and one that comes back. Minutes run as seconds."""

import time

import house
from gateway import Watch, wait_for
from house import House

CROWD = 40
STATUS_FREQUENCY = 5  # "minutes": seconds here


def subscriptions_by_cas(h):
    by_cas = {}
    for sub in h.mock.subscriptions(limit=1000):
        by_cas.setdefault(sub["cas"], []).append(sub["user"])
    return by_cas


def gateways_of(h):
    return {n: h.gateway.explain(f"{n}@{house.DOMAIN}")["exchange"]["gateway"]
            for n in h.names + [f"user{i:04}" for i in range(1, CROWD + 1)]}


def test_one_server_stops():
    """its users are on the other within two status frequencies, and nobody misses a transition"""
    with House(crowd=CROWD, settings={"calendar.status_frequency_min": STATUS_FREQUENCY}) as h, \
            h.client("ann") as ann, h.client("bob") as bob:
        h.befriend(ann, bob)
        before = subscriptions_by_cas(h)
        assert {len(users) for users in before.values()} == {(CROWD + 2) // 2}, \
            {k: len(v) for k, v in before.items()}

        # A meeting for everybody, which begins while the server is away.
        start = int(time.time()) + 4
        for name in h.names + [f"user{i:04}" for i in range(1, CROWD + 1)]:
            h.meeting(name, house.utc(start), "4s")
        wait_for(lambda: all(h.gateway.explain(f"user{i:04}@{house.DOMAIN}")["exchange"]["items"]
                             for i in range(1, CROWD + 1)), 10, "everybody's calendar")
        watch = Watch(h.gateway)
        bobs = gateways_of(h)["bob"]
        h.mock.post(f"/cas/{bobs}/down", {"lose": True})
        down_at = time.time()

        seen = ann.wait_contact(bob.jid, ("away", "In a meeting"), after=down_at)
        assert seen.at - start <= 1.1, f"{seen.at - start:.2f} s late while the server was away"
        seen = ann.wait_contact(bob.jid, ("available", ""), after=seen.at)

        other = ({"cas1", "cas2"} - {bobs}).pop()
        wait_for(lambda: set(gateways_of(h).values()) == {other} and
                 len(subscriptions_by_cas(h).get(other, [])) == CROWD + 2,
                 2 * STATUS_FREQUENCY + 1 - (time.time() - down_at), "everybody on the other server")
        print(f"   everybody on {other} {time.time() - down_at:.1f} s after the stop; "
              f"two status frequencies are {2 * STATUS_FREQUENCY} s")

        # Each user of the crowd went into the meeting and out of it, once.
        wait_for(lambda: len([c for _, c in watch.changes if c["event"] == "presence"]) >= 2 * (CROWD + 1), 10,
                 f"{2 * (CROWD + 1)} changes")
        for i in range(1, CROWD + 1):
            user = f"user{i:04}@{house.DOMAIN}"
            texts = [c["now"]["text"] or "" for _, c in watch.changes if c.get("user") == user]
            assert texts == ["In a meeting", ""], (user, texts)
        watch.stop()

        # New users of a pool with one server left go there; the mock holds one subscription each.
        users = subscriptions_by_cas(h)[other]
        assert len(users) == len(set(users)), "two subscriptions for one user"

        # Push works on the other server.
        asked = time.time()
        h.meeting("bob", "-1m", "1h")
        ann.wait_contact(bob.jid, ("away", "In a meeting"), after=asked)

        # The server comes back: it is found, and nothing is moved away from where it works.
        h.mock.post(f"/cas/{bobs}/up")
        wait_for(lambda: all(g["state"] == "up" for g in h.gateway.api("GET", "/v1/gateways")["gateways"]),
                 90, "both servers up")


def test_silence():
    """subscriptions lost without a word are made again on the next server"""
    with House(crowd=10, settings={"calendar.status_frequency_min": 2}) as h:
        lost = h.mock.subscriptions(limit=1000)
        by_user = {s["user"]: s["cas"] for s in lost}
        for sub in lost:
            h.mock.delete(f"/subscriptions/{sub['number']}")
        lost_at = time.time()
        wait_for(lambda: len(h.mock.subscriptions(limit=1000)) == len(lost), 10, "all made again")
        print(f"   made again {time.time() - lost_at:.1f} s after they were lost")
        for sub in h.mock.subscriptions(limit=1000):
            assert sub["cas"] != by_user[sub["user"]], "not on the next server"


if __name__ == "__main__":
    house.run([test_one_server_stops, test_silence])

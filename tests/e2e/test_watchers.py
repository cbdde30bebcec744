"""Who watches whom: what an administrator sees of it, and decides in a user's name."""

from gateway import wait_for
from house import DOMAIN, House, run

BOB, ANN = f"bob@{DOMAIN}", f"ann@{DOMAIN}"


def asks(h):
    """ann has asked bob, whose client leaves the question open."""
    ann, bob = h.client("ann").start(), h.client("bob").start()
    bob.do(lambda x: setattr(x, "auto_authorize", None))
    bob.do(lambda x: setattr(x, "auto_subscribe", False))
    ann.subscribe(BOB)
    wait_for(lambda: any(s.type == "subscribe" for s in bob.presences), 10, "the question")
    return ann, bob


def test_a_request_is_granted():
    """shown as waiting; allowed by the administrator; seen at once, and so after a kill"""
    with House(settings={"presence.auto_authorize": "nobody"}) as h:
        ctl = h.gateway.ctl
        assert "no requests wait" in ctl("watcher", "requests")
        assert "nobody watches" in ctl("watcher", "list", "bob")
        ann, bob = asks(h)
        assert h.gateway.ctl_json("watcher", "requests")["requests"] == [{"user": BOB, "watcher": ANN}]
        assert "waits for an answer" in ctl("watcher", "list", "bob")
        said = ctl("watcher", "allow", "bob", ANN)
        assert said == f"{ANN} may watch {BOB}\n", said
        ann.wait_contact(BOB, ("available", ""))
        assert "no requests wait" in ctl("watcher", "requests")
        page = ctl("watcher", "list", "bob")
        assert "sees the user" in page and f"allow {ANN}" in page, page
        ctl("watcher", "allow", "bob", ANN)  # as it is already
        ann.stop()
        bob.stop()
        h.gateway.kill()
        h.gateway.start()
        assert f"allow {ANN}" in ctl("watcher", "list", "bob")
        with h.client("bob"), h.client("ann") as ann:
            ann.wait_contact(BOB, ("available", ""))


def test_a_domain_is_blocked():
    """ann sees bob no more, and believes that she watches; taken back, bob is asked again"""
    with House() as h, h.client("ann") as ann, h.client("bob") as bob:
        h.befriend(ann, bob)
        h.gateway.ctl("watcher", "block", "bob", DOMAIN)
        ann.wait_contact(BOB, ("unavailable", ""))
        page = h.gateway.ctl("watcher", "list", "bob")
        assert "sees the user offline" in page and f"block {DOMAIN}" in page, page
        h.gateway.ctl("watcher", "allow", "bob", ANN)  # a person comes before the domain
        ann.wait_contact(BOB, ("available", ""))
        h.gateway.ctl("watcher", "forget", "bob", ANN)
        ann.wait_contact(BOB, ("unavailable", ""))
        assert not [s for s in ann.presences if s.type == "unsubscribed"]
        h.gateway.ctl("watcher", "forget", "bob", DOMAIN)
        ann.wait_contact(BOB, ("available", ""))
        assert "nothing was decided" in h.gateway.ctl("watcher", "list", "bob")


def test_refusals():
    """what cannot be is said in a sentence"""
    with House() as h:
        for args, said in ((("allow", "nobody", ANN), "there is no user"),
                           (("allow", "bob", "a b@c"), "' ' is not allowed"),
                           (("block", "bob", "..example"), "..example"),
                           (("block", "bob", BOB), "everybody sees himself"),
                           (("list", "nobody"), "there is no user")):
            done = h.gateway.run_ctl("watcher", *args)
            assert done.returncode == 1 and said in done.stderr, done


if __name__ == "__main__":
    run([test_a_request_is_granted, test_a_domain_is_blocked, test_refusals])

"""Logging in: every mechanism, with passwords that a keyboard may write in two ways (SASLprep)."""

import house
from house import House

TYPED = "Ⅸ pass\u00a0wörd"
SAME = "IX pass wörd"


def test_mechanisms():
    """PLAIN, SCRAM-SHA-1 and SCRAM-SHA-256, the right password in both forms, and a wrong one"""
    house.PASSWORD = TYPED
    with House(users=["ann"]) as h:
        for mech in ("PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256"):
            for password in (TYPED, SAME):
                with h.client("ann", password=password, mech=mech) as ann:
                    ann.ping()
            try:
                h.client("ann", password=TYPED + "x", mech=mech).start()
                raise AssertionError(f"{mech} took a wrong password")
            except ConnectionError:
                pass


def test_password_changed():
    """a new password ends the sessions, and the old one does not work any more"""
    house.PASSWORD = SAME
    with House(users=["ann"]) as h, h.client("ann") as ann:
        h.gateway.ctl("password", "set", ann.jid, "--password-stdin", text_in="another one\n")
        ann.wait_failure()
        try:
            h.client("ann").start()
            raise AssertionError("the old password still works")
        except ConnectionError:
            pass
        with h.client("ann", password="another one"):
            pass


def test_password_changed_in_client():
    """a user changes the password in a client (XEP-0077), whose sessions end with it"""
    house.PASSWORD = SAME
    with House(users=["ann"]) as h, h.client("ann") as ann, h.client("ann") as other:
        async def change(x):
            x.register_plugin("xep_0077")
            return await x["xep_0077"].change_password("my own one", jid=ann.jid.split("@")[1])
        assert ann.call(change)["type"] == "result"
        h.gateway.kill()  # what is said to be done is on disk
        ann.wait_failure()
        other.wait_failure()
        h.gateway.start()
        with h.client("ann", password="my own one"):
            pass
        assert "my own one" not in h.gateway.log()


if __name__ == "__main__":
    house.run([test_mechanisms, test_password_changed, test_password_changed_in_client])

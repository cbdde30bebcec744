"""Logging in: every mechanism, with passwords that a keyboard may write in two ways (SASLprep)."""

import os
import tempfile

import house
from house import House
from zoo import CLIENT, Cert, revocation_list

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


def test_certificate():
    """a client certificate of cup-trust in place of the password, until it is revoked or its user disabled; every
    change is live"""
    house.PASSWORD = SAME
    with House(users=["ann", "bob"]) as h, tempfile.TemporaryDirectory() as folder:
        ca = Cert("Users", ca=True)
        jid, path = h.jid("ann"), os.path.join(folder, "ann.pem")
        cert = Cert("Ann", issuer=ca, usages=(CLIENT,), jids=[jid])
        with open(path, "w", encoding="ascii") as f:
            f.write(cert.pem + cert.key_pem)

        def is_let_in():
            try:
                with h.client("ann", password="wrong", mech="EXTERNAL", certificate=path):
                    return True
            except ConnectionError:
                return False

        g = h.gateway
        g.api("POST", "/v1/trust/cup-xmpp-trust", {"pem": ca.pem})
        assert not is_let_in()
        g.set("xmpp.client_certificates", "optional")
        assert not is_let_in()  # partners' authorities issue none for users here
        g.api("POST", "/v1/trust/cup-trust", {"pem": ca.pem})
        assert is_let_in()
        assert "mechanism=EXTERNAL" in g.log()
        with h.client("bob"):  # without a certificate
            pass
        assert g.run_ctl("cert", "crl", "add", "-", text_in=revocation_list(ca, [cert])).returncode == 0
        assert is_let_in()
        g.set("tls.xmpp_client_crl", "check")
        assert not is_let_in()
        g.set("tls.xmpp_client_crl", "off")
        assert is_let_in()
        g.ctl("user", "disable", jid, "--im")
        assert not is_let_in()
        g.ctl("user", "enable", jid, "--im")
        assert is_let_in()
        g.set("xmpp.client_certificates", "off")
        assert not is_let_in()


if __name__ == "__main__":
    house.run([test_mechanisms, test_password_changed, test_password_changed_in_client, test_certificate])

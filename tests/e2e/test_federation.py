"""What an administrator sets for federation with XMPP servers, without another server."""

import contextlib
import glob
import hashlib
import hmac
import socket
import xml.etree.ElementTree as xml

from gateway import Gateway, wait_for
from house import run
from xmpp_client import Client

OURS, THEIRS = "kalends.example", "other.example"
SECRET = "a secret that two nodes share"


def dialback_key(secret, stream):
    """XEP-0185: of a key that we would send to THEIRS on a stream."""
    inner = hashlib.sha256(secret.encode()).hexdigest()
    return hmac.new(inner.encode(), f"{THEIRS} {OURS} {stream}".encode(), hashlib.sha256).hexdigest()


def is_believed(gateway, secret):
    """THEIRS asks whether a key is ours."""
    with socket.create_connection((gateway.address, 5269), 10) as s:
        s.settimeout(10)
        s.sendall((f"<stream:stream xmlns='jabber:server' xmlns:db='jabber:server:dialback' "
                   f"xmlns:stream='http://etherx.jabber.org/streams' version='1.0' from='{THEIRS}' "
                   f"to='{OURS}'><db:verify from='{THEIRS}' to='{OURS}' id='s1'>"
                   f"{dialback_key(secret, 's1')}</db:verify></stream:stream>").encode())
        heard = b""
        while more := s.recv(4096):
            heard += more
    answer = xml.fromstring(heard).find("{jabber:server:dialback}verify")
    return answer.get("type") == "valid"


@contextlib.contextmanager
def gateway_of_ours():
    with Gateway() as gateway:
        gateway.api("POST", "/v1/domains", {"name": OURS})
        gateway.set("federation.xmpp", "on")
        yield gateway


def test_dialback_secret():
    """Set, used at once, kept sealed over a restart, and given up again."""
    with gateway_of_ours() as g:
        assert not is_believed(g, SECRET)
        assert "a secret of this node's own" in g.ctl("federation", "list")
        g.ctl("federation", "secret", "set", "--password-stdin", text_in=SECRET + "\n")
        assert is_believed(g, SECRET)
        assert "the secret that was set" in g.ctl("federation", "list")
        g.kill()
        g.start()
        assert is_believed(g, SECRET)
        for path in glob.glob(f"{g.data}/**", recursive=True):
            try:
                with open(path, "rb") as f:
                    assert SECRET.encode() not in f.read(), path
            except OSError:
                pass  # a folder, or the socket
        g.ctl("federation", "secret", "reset")
        assert not is_believed(g, SECRET)
        again = g.run_ctl("federation", "secret", "reset")
        assert again.returncode == 1 and "no dialback secret was set" in again.stderr, again


def test_dialback_secret_refused():
    """One that could be guessed, and one that is no line of text."""
    with gateway_of_ours() as g:
        for text, said in (("short", "16 to 255 bytes"), ("x" * 256, "16 to 255 bytes"),
                           ("sixteen or more\tof them", "one line of text")):
            done = g.run_ctl("federation", "secret", "set", "--password-stdin", text_in=text + "\n")
            assert done.returncode == 1 and said in done.stderr, done
        assert "a secret of this node's own" in g.ctl("federation", "list")


def test_subscribe_refused():
    """A contact who cannot be asked: the client is told, for each one, and why."""
    with gateway_of_ours() as g:
        g.api("POST", "/v1/users", [{"user": f"ann@{OURS}", "im": True, "password": "correct horse"}])
        g.set("federation.dns_servers", "127.0.0.1:9")  # nobody answers
        with Client(f"ann@{OURS}", "correct horse", host=g.address) as ann:
            def subscribe(name):
                contact = f"{name}@{THEIRS}"
                ann.subscribe(contact)
                wait_for(lambda: any(s.error for s in ann.contact_states(contact)), 20, "the error")
                return ann.contact_states(contact)[-1].error
            assert subscribe("rosa") == "remote-server-timeout"
            assert subscribe("rita") == "remote-server-timeout"  # left alone for a while
            g.set("federation.policy", "deny")
            assert subscribe("rolf") == "not-allowed"


def test_two_nodes_compared():
    """Alike but for their secrets; then each thing that differs is named, and how to mend it."""
    with gateway_of_ours() as one, gateway_of_ours() as two:
        def compare():
            return two.run_ctl("federation", "compare", "-", text_in=one.ctl("federation", "export"))
        done = compare()
        assert done.returncode == 1 and "differs  dialback secret" in done.stdout, done
        assert "secret set" in done.stdout and done.stdout.count("differs") == 1, done
        for g in (one, two):
            g.ctl("federation", "secret", "set", "--password-stdin", text_in=SECRET + "\n")
            g.ctl("federation", "except", "both.example")
        done = compare()
        assert done.returncode == 0 and done.stdout.count("alike") == 7, done
        assert SECRET not in one.ctl("federation", "export")
        one.set("federation.timeout_s", 11)  # what a machine can bear is its own affair
        assert compare().returncode == 0
        for key, value, what in (("xmpp", "off", "federation on or off"), ("tls", "required", "TLS and"),
                                 ("sasl_in", "off", "SASL"), ("dialback_out", "off", "dialback"),
                                 ("policy", "deny", "default policy")):
            before = one.api("GET", f"/v1/parameters/federation.{key}")["value"]
            one.set(f"federation.{key}", value)
            done = compare()
            assert done.returncode == 1 and done.stdout.count("differs") == 1, done
            assert f"differs  {what}" in done.stdout, done
            assert f"federation.{key} is {before} here, {value} there" in done.stdout, done
            one.set(f"federation.{key}", before)
        one.ctl("federation", "except", "only.example")
        two.ctl("federation", "except", "here.example")
        two.ctl("federation", "except", "both.example", "--direction", "incoming")
        done = compare()
        for said in ("only.example is an exception in direction none here, both there",
                     "here.example is an exception in direction both here, none there",
                     "both.example is an exception in direction incoming here, both there"):
            assert said in done.stdout, (said, done)
        assert done.stdout.count("differs") == 3, done
        for text, said in (("[]", "not what"), ("no", "'-':")):
            done = two.run_ctl("federation", "compare", "-", text_in=text)
            assert done.returncode == 1 and said in done.stderr, done


if __name__ == "__main__":
    run([test_dialback_secret, test_dialback_secret_refused, test_subscribe_refused, test_two_nodes_compared])

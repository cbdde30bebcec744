"""What an administrator sets for federation with XMPP servers, without another server."""

import contextlib
import glob
import hashlib
import hmac
import resource
import socket
import subprocess
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
        assert done.returncode == 0 and done.stdout.count("alike") == 9, done
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
        one.set("presence.federation_mail", "on")
        done = compare()
        assert done.returncode == 1 and done.stdout.count("differs  e-mail addresses") == 1, done
        one.set("presence.federation_mail", "off")
        one.ctl("federation", "mail", "add", "mail1.example")
        two.ctl("federation", "mail", "add", "mail2.example")
        done = compare()
        assert "mail1.example is one there only" in done.stdout and "mail2.example is one here only" in done.stdout, done
        one.ctl("federation", "mail", "add", "mail2.example")
        two.ctl("federation", "mail", "add", "mail1.example")
        assert compare().returncode == 0
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


def mail_domains(gateway):
    return {d["name"]: (d["managed"], d["users"]) for d in gateway.ctl_json("federation", "mail", "list")["domains"]}


def names_of(gateway):
    path = f"{gateway.data}/certs/cup-xmpp-s2s.pem"
    return subprocess.run(["openssl", "x509", "-in", path, "-noout", "-ext", "subjectAltName"],
                          capture_output=True, text=True, check=True).stdout


def test_mail_domains():
    """the system's and the administrator's: listed, added, removed, in the certificate, there after a restart"""
    with gateway_of_ours() as g:
        assert "are off (kalendsctl set presence.federation_mail on)" in g.ctl("federation", "mail", "list")
        g.ctl("user", "add", f"ann@{OURS}", "--mail", "Ann@Mail.Example", "--im")
        g.ctl("user", "add", f"bob@{OURS}", "--im")
        assert "is made anew" in g.ctl("federation", "mail", "add", "next.example")
        assert mail_domains(g) == {OURS: ("system", 1), "mail.example": ("system", 1), "next.example": ("admin", 0)}
        for name in ("mail.example", "next.example"):
            assert f"DNS:{name}" in names_of(g), names_of(g)
        for name, said in (("Abc.1om", "last label must not start with a digit"), ("-a.example", "start with '-'"),
                           ("a_b.example", "letters a-z"), ("a" * 256, "at most 255"), ("next.example", "already")):
            done = g.run_ctl("federation", "mail", "add", "--", name)
            assert done.returncode == 1 and said in done.stderr, done
        done = g.run_ctl("federation", "mail", "remove", "mail.example")
        assert done.returncode == 1 and "that of 1 user" in done.stderr, done
        g.ctl("user", "edit", f"ann@{OURS}", "--mail", "ann@third.example")
        g.kill()
        g.start()
        assert mail_domains(g)["mail.example"] == ("admin", 0), mail_domains(g)
        g.ctl("federation", "mail", "remove", "mail.example")
        done = g.run_ctl("federation", "mail", "remove", "mail.example")
        assert done.returncode == 1 and "there is no mail domain" in done.stderr, done
        assert "mail.example" not in mail_domains(g)


def test_mail_problems():
    """who has an address that cannot be used is named, with why; what excludes each other is refused"""
    with gateway_of_ours() as g:
        g.set("sip.domains", "partner.example")
        g.set("presence.federation_mail", "on")
        for name, mail in (("ann", f"a.n@{OURS}"), ("bob", f"A.N@{OURS}"), ("cas", f"dan@{OURS}"), ("dan", f"dan@{OURS}"),
                           ("eva", "eva@partner.example"), ("fay", f"fay.f@{OURS}"), ("gil", "gil.o'hara@mail.example"),
                           ("hal", "hal@[192.0.2.1]")):
            g.ctl("user", "add", f"{name}@{OURS}", "--mail", mail, "--im")
        g.ctl("user", "add", f"ida@{OURS}", "--mail", "", "--im")
        said = g.ctl("federation", "mail", "list")
        for name, why in (("ann", "another user has the same"), ("bob", "another user has the same"),
                          ("eva", "federated by SIP"), ("gil", "could be no user's id"), ("hal", "could be no user's id")):
            line = next(line for line in said.splitlines() if line.startswith(f"{name}@{OURS} is known by this id"))
            assert why in line, said
        assert "1 users without" in said, said  # ida
        assert "cas@" in said, said  # dan's id is cas's mail address, and dan's
        assert "1 in use" in said, said
        assert g.ctl("federation", "why", OURS).count("no, the domain is ours") == 2
        done = g.run_ctl("federation", "mail", "add", "partner.example")
        assert done.returncode == 1 and ("already" in done.stderr or "federated by SIP" in done.stderr), done
        done = g.run_ctl("set", "sip.partitioned", "on")
        assert done.returncode == 1 and "exclude each other" in done.stderr, done
        g.set("presence.federation_mail", "off")
        g.set("sip.partitioned", "on")
        done = g.run_ctl("set", "presence.federation_mail", "on")
        assert done.returncode == 1 and "exclude each other" in done.stderr, done
        assert g.api("GET", "/v1/parameters/presence.federation_mail")["value"] == "off"


def test_node_switch():
    """Off: nobody listens, and nothing goes out; on, and off again, at once."""
    def is_open(g):
        with contextlib.suppress(OSError), socket.create_connection((g.address, 5269), 5):
            return True
        return False
    with Gateway() as g:
        g.api("POST", "/v1/domains", {"name": OURS})
        assert not is_open(g)
        assert "federation is off" in g.ctl("federation", "why", THEIRS)
        g.set("federation.xmpp", "on")
        assert is_open(g)
        assert "federation is off" not in g.ctl("federation", "why", THEIRS)
        with socket.create_connection((g.address, 5269), 5) as s:
            s.settimeout(10)
            s.sendall(b"<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' "
                      b"version='1.0'>")
            assert s.recv(4096)
            g.set("federation.xmpp", "off")
            heard = b""
            while more := s.recv(4096):
                heard += more
            assert b"policy-violation" in heard and b"federation is off" in heard, heard
        assert not is_open(g)


def may_come(gateway):
    """THEIRS may open a stream to us."""
    with socket.create_connection((gateway.address, 5269), 10) as s:
        s.settimeout(10)
        s.sendall((f"<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' "
                   f"version='1.0' from='{THEIRS}' to='{OURS}'></stream:stream>").encode())
        heard = b""
        while more := s.recv(4096):
            heard += more
    return b"policy-violation" not in heard


def test_sip_or_xmpp():
    """A domain that is reached by SIP is not by XMPP, either way, until SIP lets it go."""
    with gateway_of_ours() as g:
        def why():
            return g.ctl("federation", "why", THEIRS)
        assert why().count("yes, allowed by federation.policy") == 2, why()
        g.set("sip.domains", THEIRS)
        assert why().count("no, the domain is reached by another protocol") == 2, why()
        assert not may_come(g)
        g.set("sip.domains", "")
        assert why().count("yes, allowed by federation.policy") == 2, why()


def memory_kb(gateway):
    with open(f"/proc/{gateway.process.pid}/status", encoding="ascii") as f:
        return int(next(line for line in f if line.startswith("VmRSS")).split()[1])


def test_half_open_connections():
    """10,000 that say nothing, or half of something: few of one address; when more may, the others go on, and all
    are cut off in time."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    count = min(10000, hard - 1000)
    with gateway_of_ours() as g, contextlib.ExitStack() as stack:
        def opened(n):
            for i in range(n):
                s = stack.enter_context(socket.create_connection((g.address, 5269), 10))
                if i % 2:
                    s.sendall(b"<stream:stream xmlns='jabber:server' to='kal")

        def held():
            answer = g.ctl_json("federation", "list")
            return len(answer["connections"]) + answer["left_out"]
        opened(100)
        wait_for(lambda: held() == 50, 20, "those of one address")
        stack.close()
        wait_for(lambda: held() == 0, 20, "their end")
        g.set("federation.half_open_max", 20000)
        g.set("federation.timeout_s", 60)
        before = memory_kb(g)
        opened(count)
        wait_for(lambda: held() == count, 60, "all of them")
        assert g.ctl_json("federation", "list")["left_out"] == count - 1000
        assert f"and {count - 1000} more" in g.ctl("federation", "list")
        print(f"   {count} half-open connections take {(memory_kb(g) - before) / count:.1f} KiB each")
        g.ctl("federation", "secret", "set", "--password-stdin", text_in=SECRET + "\n")
        assert is_believed(g, SECRET)
        g.set("federation.timeout_s", 2)
        wait_for(lambda: held() == 0, 90, "their end")
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


if __name__ == "__main__":
    run([test_dialback_secret, test_dialback_secret_refused, test_subscribe_refused, test_two_nodes_compared,
         test_mail_domains, test_mail_problems, test_node_switch, test_sip_or_xmpp, test_half_open_connections])

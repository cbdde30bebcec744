"""Certificates as an administrator handles them: our own, from the request to the next one; trust; all while the
gateway runs."""

import concurrent.futures
import contextlib
import json
import os
import re
import resource
import signal
import socket
import subprocess
import tempfile
import threading
import time

import house
from gateway import XMPP_PORT, Gateway, program, wait_for
from house import House, utc

FAILED = 1


def openssl(*args, text=None):
    done = subprocess.run(["openssl", *args], input=text, capture_output=True, text=True)
    assert done.returncode == 0, (args, done.stderr)
    return done.stdout


class Authority:
    """A root, and an issuing one below it: made with openssl, not with our code."""

    def __init__(self, folder):
        self.folder = folder
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                "-subj", "/CN=Test Root", "-keyout", self.path("root.key"), "-out", self.path("root.pem"))
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=Test Issuing",
                "-keyout", self.path("sub.key"), "-out", self.path("sub.csr"))
        with open(self.path("sub.ext"), "w", encoding="ascii") as f:
            f.write("basicConstraints=critical,CA:TRUE\nsubjectKeyIdentifier=hash\n")
        openssl("x509", "-req", "-in", self.path("sub.csr"), "-CA", self.path("root.pem"), "-CAkey",
                self.path("root.key"), "-CAcreateserial", "-days", "30", "-extfile", self.path("sub.ext"), "-out",
                self.path("sub.pem"))

    def path(self, name):
        return os.path.join(self.folder, name)

    def sign(self, csr, out, days="30", more=()):
        with open(self.path("in.csr"), "w", encoding="ascii") as f:
            f.write(csr)
        openssl("x509", "-req", "-in", self.path("in.csr"), "-CA", self.path("sub.pem"), "-CAkey", self.path("sub.key"),
                "-CAcreateserial", "-days", days, "-copy_extensions", "copy", "-out", self.path(out), *more)
        return self.path(out)

    def bundle(self, leaf, out):
        openssl("crl2pkcs7", "-nocrl", "-certfile", leaf, "-certfile", self.path("sub.pem"), "-certfile",
                self.path("root.pem"), "-outform", "DER", "-out", self.path(out))
        return self.path(out)


def shown_to_clients(address, name="example.test"):
    """Fingerprint of what an XMPP client is shown, and how long the chain is."""
    done = subprocess.run(["openssl", "s_client", "-connect", f"{address}:{XMPP_PORT}", "-starttls", "xmpp", "-xmpphost",
                           name, "-showcerts"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    chain = re.findall("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", done.stdout, re.S)
    assert chain, done
    return openssl("x509", "-noout", "-fingerprint", "-sha256", text=chain[0]).split("=")[1].strip().replace(
        ":", "").lower(), len(chain)


def refused(gateway, *words, says, stdin=None):
    done = gateway.run_ctl(*words, text_in=stdin)
    assert done.returncode == FAILED and says in done.stderr, (words, done)
    assert "PRIVATE" not in done.stderr, done


def is_open(port):
    try:
        socket.create_connection(("127.0.0.1", port)).close()
        return True
    except ConnectionRefusedError:
        return False


def secrets(gateway):
    """Every file that has a private key in it for everybody who has the file."""
    found = []
    for root, _, files in os.walk(os.path.join(gateway.data, "certs")):
        for name in files:
            path = os.path.join(root, name)
            assert os.stat(path).st_mode & 0o77 == 0, path
            with open(path, encoding="utf-8") as f:
                if "PRIVATE KEY" in f.read():
                    found.append(path)
    return found


def test_request_to_renewal():
    """request, signed result in each form, live, kept over kill -9, sealed; a second administrator; renew; remove"""
    with tempfile.TemporaryDirectory() as folder, Gateway() as gateway:
        ca = Authority(folder)
        gateway.ctl("domain", "add", "example.test", "b\u00fccher.test")
        gateway.ctl("user", "add", "ann@example.test", "--mail", "ann@mail.test")
        own = {o["identity"]: o for o in gateway.ctl_json("cert", "own", "list")["identities"]}
        assert list(own) == ["cup", "cup-xmpp", "cup-xmpp-s2s"], own
        assert all(o["self_signed"] and not o["request_waits"] for o in own.values()), own
        assert secrets(gateway) == []
        first = own["cup-xmpp"]["fingerprint"]
        assert shown_to_clients(gateway.address) == (first, 1)

        csr = gateway.ctl("cert", "own", "request", "cup-xmpp-s2s", "--organisation", "M\u00fcller & S\u00f6hne",
                          "--country", "DE", "--names", "extra.test, 192.0.2.7")
        text = openssl("req", "-noout", "-text", "-verify", "-nameopt", "utf8", text=csr)
        for word in ("M\u00fcller & S\u00f6hne", "C=DE", "2048 bit", "DNS:example.test", "DNS:xn--bcher-kva.test", "DNS:mail.test",
                     "DNS:extra.test", "IP Address:192.0.2.7", f"IP Address:{gateway.address}",
                     "TLS Web Server Authentication, TLS Web Client Authentication"):
            assert word in text, (word, text)
        gateway.ctl("cert", "own", "request", "cup-xmpp-s2s", "--drop")

        csr = gateway.ctl("cert", "own", "request", "cup-xmpp", "--key", "ec-p256")
        assert "mail.test" not in openssl("req", "-noout", "-text", text=csr)
        assert gateway.ctl("cert", "own", "request", "cup-xmpp", "--show") == csr
        refused(gateway, "cert", "own", "request", "cup-xmpp", says="waits for its certificate already")
        assert shown_to_clients(gateway.address)[0] == first
        gateway.kill()
        gateway.start()
        assert gateway.ctl("cert", "own", "request", "cup-xmpp", "--show") == csr
        assert secrets(gateway) == []
        leaf = ca.sign(csr, "leaf.pem")

        other = ca.sign(gateway.ctl("cert", "own", "request", "cup"), "other.pem")
        refused(gateway, "cert", "own", "install", "cup-xmpp", other, says="belongs to the key of the request")
        refused(gateway, "cert", "own", "install", "cup-xmpp", ca.path("root.key"), says="private key in it")
        refused(gateway, "cert", "own", "install", "cup-xmpp", "-", says="neither PEM nor DER", stdin="rubbish")
        refused(gateway, "cert", "own", "install", "cup-xmpp", "/dev/null", says="'/dev/null' is empty")
        refused(gateway, "cert", "trust", "add", "-", says="'-' is empty", stdin="")
        done = gateway.run_ctl("cert", "trust", "add", "-", text_in="0" * 300000)
        assert done.returncode == 2 and "File too large" in done.stderr, done
        refused(gateway, "cert", "own", "install", "nobody", leaf, says="cup-xmpp-s2s")
        refused(gateway, "cert", "own", "install", "../cup", leaf, says="no such resource")
        refused(gateway, "cert", "own", "request", "cup-xmpp", "--key", "rsa-512", says="rsa-2048")
        assert shown_to_clients(gateway.address)[0] == first

        done = gateway.ctl("cert", "own", "install", "cup-xmpp", leaf)
        assert "NOTE: issuer 'CN=Test Issuing' of" in done, done
        done = gateway.ctl_json("cert", "own", "install", "cup-xmpp", ca.bundle(leaf, "leaf.p7b"))
        assert done["notes"] == [] and not done["request_waits"] and not done["missing_names"], done
        assert shown_to_clients(gateway.address) == (done["fingerprint"], 2)
        chain = gateway.ctl("cert", "own", "export", "cup-xmpp")
        assert chain.count("BEGIN CERTIFICATE") == 2 and "PRIVATE" not in chain
        gateway.ctl("domain", "add", "later.test")
        assert "LACKS     later.test" in gateway.ctl("cert", "own", "show", "cup-xmpp")
        gateway.kill()
        gateway.start()
        assert shown_to_clients(gateway.address) == (done["fingerprint"], 2)

        with open(ca.path("xmpp.ext"), "w", encoding="ascii") as f:  # names that a request of ours cannot ask for
            f.write("subjectAltName=DNS:example.test,DNS:kept.test,otherName:1.3.6.1.5.5.7.8.5;UTF8:example.test,"
                    "otherName:1.3.6.1.5.5.7.8.7;IA5:_xmpp-client.example.test\n")
        gateway.ctl("cert", "own", "install", "cup-xmpp", ca.sign(csr, "xmpp.pem", more=["-extfile", ca.path("xmpp.ext")]))
        assert "xmpp:example.test" in gateway.ctl_json("cert", "own", "show", "cup-xmpp")["names"]
        csr = gateway.ctl("cert", "own", "renew", "cup-xmpp")
        text = openssl("req", "-noout", "-text", text=csr)
        assert "DNS:later.test" in text and "DNS:kept.test" in text and "xmpp:" not in text and "srv:" not in text, text
        renewed = ca.sign(csr, "renewed.pem")
        gateway.ctl("cert", "trust", "add", ca.path("sub.pem"), "--store", "cup-xmpp-trust")
        new = gateway.ctl_json("cert", "own", "install", "cup-xmpp", renewed)
        assert new["fingerprint"] != done["fingerprint"] and not new["missing_names"], new
        assert shown_to_clients(gateway.address) == (new["fingerprint"], 2)
        assert gateway.ctl_json("cert", "own", "remove", "cup-xmpp")["self_signed"]
        assert shown_to_clients(gateway.address)[1] == 1
        assert secrets(gateway) == []


def test_letters_in_host_names():
    """a host in letters of its language is asked for, and verified, by the name that the network knows"""
    with Gateway() as gateway:
        done = gateway.run_ctl("gateway", "add", "cas1", "--host", "B\u00fccher.invalid", "--account", "svc",
                               "--password-stdin", text_in="secret")
        assert done.returncode == 0, done
        assert [g["host"] for g in gateway.ctl_json("gateway", "list")["gateways"]] == ["xn--bcher-kva.invalid"]
        report = json.loads(gateway.run_ctl("--json", "cert", "check", "b\u00fccher.invalid").stdout)
        assert "'xn--bcher-kva.invalid'" in report["reachability_text"], report


def test_self_signed():
    """what was chosen stays when a domain is added, and in the next one; what was made by itself follows the domains"""
    def shown():
        return gateway.ctl_json("cert", "own", "show", "cup-xmpp")

    with Gateway() as gateway:
        gateway.ctl("domain", "add", "example.test")
        assert "example.test" in shown()["names"]
        gateway.ctl("cert", "own", "self-signed", "cup-xmpp", "--key", "ec-p384")
        gateway.ctl("domain", "add", "two.test")
        assert "two.test" in shown()["names"]
        gateway.ctl("cert", "own", "self-signed", "cup-xmpp", "--names", "extra.test", "--days", "9")
        gateway.ctl("domain", "add", "three.test")
        own = shown()
        assert "extra.test" in own["names"] and own["missing_names"] == ["three.test"], own
        gateway.ctl("cert", "own", "renew", "cup-xmpp")
        own = shown()
        assert {"extra.test", "two.test", "three.test"} <= set(own["names"]) and own["missing_names"] == [], own
        gateway.ctl("cert", "own", "remove", "cup-xmpp")
        gateway.ctl("domain", "add", "four.test")
        own = shown()
        assert "four.test" in own["names"] and "extra.test" not in own["names"], own


def test_name_for_sip_peers():
    """they look at the CN alone: it is the name that they are told to reach us at, live; one that lacks it says so"""
    with Gateway() as gateway:
        gateway.set("sip.public_address", "edge.example.test")
        own = gateway.ctl_json("cert", "own", "show", "cup")
        assert own["subject"].startswith("CN=edge.example.test,") and gateway.address in own["names"], own
        csr = gateway.ctl("cert", "own", "request", "cup")
        assert "DNS:edge.example.test" in openssl("req", "-noout", "-text", text=csr)
        gateway.ctl("cert", "own", "self-signed", "cup", "--names", "edge.example.test")
        gateway.set("sip.public_address", "other.example.test")
        assert gateway.ctl_json("cert", "own", "show", "cup")["missing_names"] == ["other.example.test"]


def test_pkcs12():
    """from openssl to us and back; another password; damaged; nothing secret in the log"""
    with tempfile.TemporaryDirectory() as folder, Gateway(log_levels="debug") as gateway:
        ca = Authority(folder)
        gateway.ctl("domain", "add", "example.test")
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=example.test", "-addext",
                "subjectAltName=DNS:example.test", "-keyout", ca.path("leaf.key"), "-out", ca.path("leaf.csr"))
        with open(ca.path("leaf.csr"), encoding="ascii") as f:
            leaf = ca.sign(f.read(), "leaf.pem")
        for name, options in (("new.p12", []), ("old.p12", ["-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES",
                                                            "-macalg", "sha1"])):
            openssl("pkcs12", "-export", "-in", leaf, "-inkey", ca.path("leaf.key"), "-certfile", ca.path("sub.pem"),
                    "-out", ca.path(name), "-passout", "pass:s3cret-horse", *options)
            before = gateway.ctl_json("cert", "own", "show", "cup-xmpp")["fingerprint"]
            refused(gateway, "cert", "own", "import", "cup-xmpp", ca.path(name), "--password-stdin", says="another password",
                    stdin="wrong-horse\n")
            with open(ca.path(name), "rb") as f, open(ca.path("half.p12"), "wb") as half:
                half.write(f.read()[:900])
            refused(gateway, "cert", "own", "import", "cup-xmpp", ca.path("half.p12"), "--password-stdin",
                    says="no PKCS#12 file", stdin="s3cret-horse\n")
            assert gateway.ctl_json("cert", "own", "show", "cup-xmpp")["fingerprint"] == before
            gateway.run_ctl("cert", "own", "import", "cup-xmpp", ca.path(name), "--password-stdin", text_in="s3cret-horse\n")
            shown = gateway.ctl_json("cert", "own", "show", "cup-xmpp")["fingerprint"]
            assert shown_to_clients(gateway.address) == (shown, 2)
            gateway.ctl("cert", "own", "remove", "cup-xmpp")
        done = gateway.run_ctl("cert", "own", "export", "cup-xmpp", "--p12", ca.path("out.p12"), "--password-stdin",
                           text_in="an0ther-horse\n")
        assert done.returncode == 0 and os.stat(ca.path("out.p12")).st_mode & 0o777 == 0o600, done
        assert "PRIVATE KEY" in openssl("pkcs12", "-in", ca.path("out.p12"), "-nodes", "-passin", "pass:an0ther-horse")
        refused(gateway, "cert", "own", "export", "cup-xmpp", "--p12", ca.path("out.p12"), "--password-stdin",
                says="File exists", stdin="an0ther-horse\n")
        refused(gateway, "cert", "own", "export", "cup-xmpp", "--p12", ca.path("x.p12"), "--password-stdin",
                says="at least 8", stdin="short\n")
        done = subprocess.run([program("kalendsctl"), "--socket", gateway.socket, "cert", "own", "export", "cup-xmpp", "--p12",
                               ca.path("x.p12"), "--password-stdin"], input="an0ther-horse\n", capture_output=True, text=True,
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (512, 512)),
                              restore_signals=False)  # the disk is full: nothing is left there to be taken for the whole
        assert done.returncode == FAILED and "File too large" in done.stderr and not os.path.exists(ca.path("x.p12")), done
        assert "horse" not in gateway.log()
        assert secrets(gateway) == []


def test_file_of_an_administrator():
    """a key that was put into the file in clear is sealed at the next SIGHUP, and shown; a bad file changes nothing"""
    with tempfile.TemporaryDirectory() as folder, Gateway() as gateway:
        path = os.path.join(gateway.data, "certs", "cup-xmpp.pem")
        gateway.ctl("domain", "add", "example.test")
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "9", "-subj", "/CN=example.test", "-keyout",
                os.path.join(folder, "key"), "-out", os.path.join(folder, "cert"))
        with open(path, "w", encoding="ascii") as out:
            for name in ("cert", "key"):
                with open(os.path.join(folder, name), encoding="ascii") as f:
                    out.write(f.read())
        gateway.process.send_signal(signal.SIGHUP)
        wait_for(lambda: secrets(gateway) == [], 10, "the key to be sealed")
        own = gateway.ctl_json("cert", "own", "show", "cup-xmpp")
        assert own["subject"] == "CN=example.test" and shown_to_clients(gateway.address)[0] == own["fingerprint"]
        with open(path, "w", encoding="ascii") as out:
            out.write("rubbish")
        gateway.process.send_signal(signal.SIGHUP)
        wait_for(lambda: "the old one stays" in gateway.log(), 10, "a complaint")
        assert shown_to_clients(gateway.address)[0] == own["fingerprint"]
        gateway.ctl("cert", "own", "self-signed", "cup-xmpp")


def test_hangup_while_stopping():
    """SIGHUP comes while the daemon waits for a client that does not say goodbye: it ends in order"""
    with Gateway() as gateway:
        gateway.ctl("domain", "add", "example.test")
        with socket.create_connection((gateway.address, XMPP_PORT)) as silent:
            silent.sendall(b"<?xml version='1.0'?><stream:stream to='example.test' xmlns='jabber:client' "
                           b"xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>")
            assert silent.recv(1)
            gateway.process.terminate()
            wait_for(lambda: "stopping signal" in gateway.log(), 10, "the end to begin")
            gateway.process.send_signal(signal.SIGHUP)
            assert gateway.stop() == 0


def test_expiry():
    """what ends within thirty days is in status, and in the log once, not at each connection"""
    with tempfile.TemporaryDirectory() as folder, Gateway() as gateway:
        ca = Authority(folder)  # for thirty days
        gateway.ctl("domain", "add", "example.test")
        assert gateway.status()["expiring"] == {}
        leaf = ca.sign(gateway.ctl("cert", "own", "request", "cup-xmpp"), "leaf.pem", days="9")
        gateway.ctl("cert", "own", "install", "cup-xmpp", leaf)
        gateway.ctl("cert", "trust", "add", ca.path("root.pem"))
        expiring = gateway.status()["expiring"]
        assert len(expiring) == 2 and "trusted cup-trust (CN=Test Root)" in expiring, expiring
        assert any(name.startswith("own cup-xmpp ") for name in expiring), expiring
        assert "own cup-xmpp" in gateway.ctl("status")
        assert gateway.log().count("expires soon") == 0  # tomorrow, or after a restart
        gateway.stop()
        gateway.start()
        for _ in range(3):
            shown_to_clients(gateway.address)
        lines = [line for line in gateway.log().splitlines() if "expires soon" in line]
        assert len(lines) == 2 and any("where='cup-xmpp'" in line for line in lines), lines
        gateway.ctl("cert", "own", "renew", "cup-xmpp", "--key", "ec-p384")
        gateway.ctl("cert", "own", "remove", "cup-xmpp")
        assert len(gateway.status()["expiring"]) == 1


def test_two_administrators():
    """at the same moment: each is answered, one request waits, certificate and key fit"""
    with Gateway() as gateway:
        gateway.ctl("domain", "add", "example.test")
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            done = list(pool.map(lambda _: gateway.run_ctl("cert", "own", "request", "cup-xmpp"), range(8)))
            good = [d.stdout for d in done if d.returncode == 0]
            assert len(good) == 1 and all("waits" in d.stderr for d in done if d.returncode), done
            assert gateway.ctl("cert", "own", "request", "cup-xmpp", "--show") == good[0]
            done = list(pool.map(lambda i: gateway.run_ctl("cert", "own", *(["self-signed"] if i % 2 else ["remove"]),
                                                           "cup-xmpp"), range(8)))
            assert all(d.returncode == 0 for d in done), done
        own = gateway.ctl_json("cert", "own", "show", "cup-xmpp")
        assert shown_to_clients(gateway.address)[0] == own["fingerprint"] and not own["request_waits"]
        gateway.kill()
        gateway.start()
        assert shown_to_clients(gateway.address)[0] == own["fingerprint"]


def test_killed_while_changing():
    """kill -9 at any moment of a change: the old one or the new one, never half of one"""
    with Gateway() as gateway:
        gateway.ctl("domain", "add", "example.test")
        for n in range(12):
            change = threading.Thread(target=gateway.run_ctl, args=("cert", "own", "self-signed", "cup-xmpp"))
            change.start()
            time.sleep(0.015 * n)
            gateway.kill()
            change.join()
            gateway.start()
            own = gateway.ctl_json("cert", "own", "show", "cup-xmpp")
            assert shown_to_clients(gateway.address)[0] == own["fingerprint"]
        assert secrets(gateway) == []


def test_stapling():
    """OpenSSL's responder and server: good, revoked, nothing stapled; live"""
    with tempfile.TemporaryDirectory() as folder, Gateway() as gateway:
        ca = Authority(folder)
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-keyout", ca.path("leaf.key"), "-out",
                ca.path("leaf.csr"))
        with open(ca.path("leaf.csr"), encoding="ascii") as f:
            leaf = ca.sign(f.read(), "leaf.pem")
        serial = openssl("x509", "-noout", "-serial", "-in", leaf).strip().split("=")[1]
        for name, state in (("good", "V\t491231235959Z\t\t"), ("revoked", "R\t491231235959Z\t260101000000Z\t")):
            with open(ca.path("index.txt"), "w", encoding="ascii") as f:
                f.write(f"{state}{serial}\tunknown\t/CN=localhost\n")
            openssl("ocsp", "-index", ca.path("index.txt"), "-CA", ca.path("sub.pem"), "-rsigner", ca.path("sub.pem"), "-rkey",
                    ca.path("sub.key"), "-issuer", ca.path("sub.pem"), "-cert", leaf, "-ndays", "1", "-respout",
                    ca.path(name + ".ocsp"))
        gateway.ctl("cert", "trust", "add", ca.path("sub.pem"))

        def verdict(staple):
            with socket.socket() as s:
                s.bind(("127.0.0.1", 0))
                port = s.getsockname()[1]
            more = ["-status_file", ca.path(staple + ".ocsp")] if staple else []
            server = subprocess.Popen(["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", leaf, "-key",
                                       ca.path("leaf.key"), "-quiet", *more], stdin=subprocess.PIPE,
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                wait_for(lambda: is_open(port), 10, "s_server")
                done = gateway.run_ctl("--json", "cert", "check", f"127.0.0.1:{port}", "--name", "localhost")
                return json.loads(done.stdout)
            finally:
                server.terminate()
                server.wait()

        assert verdict("revoked")["ok"]  # off: nobody looks
        gateway.set("tls.ocsp_stapling", "check")
        assert verdict("good")["ok"] and verdict(None)["ok"]
        report = verdict("revoked")
        assert report["certificate"] == "Failed: bad certificate" and "revoked" in report["text"], report
        gateway.set("tls.ocsp_stapling", "require")
        assert verdict("good")["ok"]
        report = verdict(None)
        assert not report["ok"] and "no stapled OCSP response" in report["text"], report


def test_revocation_lists():
    """added, heard where that is wanted, live and after a restart; a forged, old or wrong one is refused and changes nothing"""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as elsewhere, Gateway() as gateway:
        ca, forger = Authority(folder), Authority(elsewhere)
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-keyout", ca.path("leaf.key"), "-out",
                ca.path("leaf.csr"))
        with open(ca.path("leaf.csr"), encoding="ascii") as f:
            leaf = ca.sign(f.read(), "leaf.pem")
        serial = openssl("x509", "-noout", "-serial", "-in", leaf).strip().split("=")[1]

        def crl(authority, name, state, *options, section=""):
            with open(authority.path("ca.cnf"), "w", encoding="ascii") as f:
                f.write(f"[ca]\ndefault_ca=d\n[d]\ndatabase={authority.folder}/index.txt\ndefault_md=sha256\n"
                        f"crlnumber={authority.folder}/number\ncrl_extensions=x\n[x]\n{section}")
            with open(authority.path("index.txt"), "w", encoding="ascii") as f:
                f.write(f"{state}{serial}\tunknown\t/CN=localhost\n")
            if not os.path.exists(authority.path("number")):
                with open(authority.path("number"), "w", encoding="ascii") as f:
                    f.write("1A\n")
            openssl("ca", "-config", authority.path("ca.cnf"), "-gencrl", "-cert", authority.path("sub.pem"), "-keyfile",
                    authority.path("sub.key"), "-out", authority.path(name), *(options or ["-crldays", "3"]))
            return authority.path(name)

        def joined(name, *paths):
            with open(ca.path(name), "w", encoding="ascii") as out:
                for path in paths:
                    with open(path, encoding="ascii") as f:
                        out.write(f.read())
            return ca.path(name)

        valid, revoked = "V\t491231235959Z\t\t", "R\t491231235959Z\t260101000000Z\t"
        first = crl(ca, "first.crl", valid, "-crl_lastupdate", "20260101000000Z", "-crl_nextupdate", "20490101000000Z")
        good, bad, forged = crl(ca, "good.crl", valid), crl(ca, "bad.crl", revoked), crl(forger, "forged.crl", valid)
        openssl("crl", "-in", bad, "-outform", "DER", "-out", ca.path("bad.der"))
        wrong = [
            (forged, "not signed by the authority of that name"),
            (crl(ca, "old.crl", valid, "-crl_lastupdate", "20200101000000Z", "-crl_nextupdate", "20200102000000Z"),
             "out of date since 2020-01-02"),
            (crl(ca, "early.crl", valid, "-crl_lastupdate", "20480101000000Z", "-crl_nextupdate", "20490102000000Z"),
             "not valid before 2048"),
            (crl(ca, "delta.crl", valid, section="2.5.29.27=critical,ASN1:INTEGER:1\n"), "delta list"),
            (crl(ca, "odd.crl", valid, section="1.2.3.4=critical,ASN1:INTEGER:1\n"), "critical extension"),
            (joined("two.crl", good, bad), "more than one"), (leaf, "no readable revocation list"),
        ]
        gateway.ctl("domain", "add", "example.test")
        assert "NOTE      its authority is not in the store" in gateway.ctl("cert", "crl", "add", good)
        gateway.ctl("cert", "trust", "add", ca.path("sub.pem"))
        assert "NOTE" not in gateway.ctl("cert", "crl", "list")
        before = gateway.ctl_json("cert", "crl", "list")["lists"]
        assert [(c["issuer"], c["number"], c["revoked"]) for c in before] == [("CN=Test Issuing", "1b", 0)], before
        for path, says in [*wrong, (first, "newer list of 'CN=Test Issuing' already")]:
            refused(gateway, "cert", "crl", "add", path, says=says)
        for text in ("", "rubbish", "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"):
            assert gateway.run_ctl("cert", "crl", "add", "-", text_in=text).returncode == FAILED, text
        refused(gateway, "cert", "crl", "add", "-", says="longer than", stdin="0" * 3000000)
        assert gateway.ctl_json("cert", "crl", "list")["lists"] == before
        server = subprocess.Popen(["openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", leaf, "-key",
                                   ca.path("leaf.key")], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, text=True)
        try:
            port = next(line for line in server.stdout if line.startswith("ACCEPT")).rsplit(":", 1)[1].strip()

            def look():
                done = gateway.run_ctl("--json", "cert", "check", f"127.0.0.1:{port}", "--name", "localhost")
                return json.loads(done.stdout)

            gateway.ctl("cert", "crl", "add", ca.path("bad.der"))
            assert look()["ok"]  # nobody has said that lists count
            gateway.set("tls.exchange_crl", "check")
            report = look()
            assert report["certificate"] == "Failed: bad certificate" and "revoked by its authority" in report["text"], report
            assert report["chain"][0]["reason"] == "revoked", report
            gateway.kill()
            gateway.start()
            assert not look()["ok"]
            (kept,) = gateway.ctl_json("cert", "crl", "list")["lists"]
            assert kept["number"] == "1c" and kept["revoked"] == 1 and kept["id"] == before[0]["id"], kept
            gateway.ctl("cert", "crl", "add", crl(ca, "next.crl", valid))
            assert look()["ok"]
            gateway.set("tls.exchange_crl", "require")
            assert look()["ok"]
            refused(gateway, "cert", "crl", "remove", "00" * 32, says="no revocation list")
            refused(gateway, "cert", "crl", "remove", "00" * 8, says="no id begins with")
            gateway.ctl("cert", "crl", "remove", kept["id"][:8])
            assert gateway.ctl_json("cert", "crl", "list")["lists"] == []
            report = look()
            assert report["certificate"] == "Failed" and "is not here (kalendsctl cert crl add" in report["text"], report
        finally:
            server.terminate()
            server.wait()


def test_seal_key():
    """from a file, from the service manager's credentials; another one, none, one that others can read: a sentence"""
    with tempfile.TemporaryDirectory() as folder:
        key = os.path.join(folder, "kalends.seal-key")
        with open(key, "wb") as f:
            f.write(os.urandom(32))
        os.chmod(key, 0o440)  # as systemd's access control list looks

        def refused_start(gateway, says):
            try:
                gateway.start()
            except RuntimeError as e:
                assert says in str(e), e
                return
            raise AssertionError("it started")

        os.environ["CREDENTIALS_DIRECTORY"] = folder
        try:
            with Gateway() as gateway:
                own = gateway.ctl_json("cert", "own", "list")
                assert not os.path.exists(os.path.join(gateway.data, "seal.key"))
                gateway.kill()
                os.chmod(key, 0o444)
                refused_start(gateway, "can be read by others")
                os.chmod(key, 0o400)
                gateway.start()
                assert gateway.ctl_json("cert", "own", "list") == own
                gateway.kill()
                os.rename(key, os.path.join(folder, "mine"))
                refused_start(gateway, "seal key")
                with open(gateway.config, "a", encoding="utf-8") as f:
                    f.write(f"seal_key = {folder}/mine\n")
                gateway.start()
                assert gateway.ctl_json("cert", "own", "list") == own
        finally:
            del os.environ["CREDENTIALS_DIRECTORY"]


def test_replaced_under_load():
    """our certificate and Exchange's are replaced time and again: no transition is lost or doubled, nobody is cut off"""
    contacts = ["bob", "cay", "dan", "eve"]
    rounds = 5
    with House(users=["ann", *contacts], crowd=30) as h, contextlib.ExitStack() as stack:
        ann, *people = [stack.enter_context(h.client(name)) for name in ["ann", *contacts]]
        h.gateway.api("POST", "/v1/trust/cup-trust", {"pem": h.mock.get("/ca")["pem"]})
        for person in people:
            h.befriend(ann, person)
        begin = int(time.time()) + 6
        for i, person in enumerate(people):
            for n in range(rounds):
                start = begin + 4 * n + 0.5 * i
                h.mock.meeting(person.jid, start=utc(start), end=utc(start + 2))
        end, replaced, shown = begin + 4 * rounds + 2, 0, set()
        while time.time() < end:
            if replaced % 2:
                h.gateway.ctl("cert", "own", "self-signed", "cup-xmpp")
            for name in h.mock.cas:
                h.mock.post(f"/cas/{name}/certificate", {} if replaced % 4 == 0 else {"fault": "none"})
            own = h.gateway.ctl_json("cert", "own", "show", "cup-xmpp")["fingerprint"]
            assert shown_to_clients(h.gateway.address, house.DOMAIN)[0] == own
            shown.add(own)
            # Exchange is asked meanwhile too: pushed, and read over connections that are made now.
            user = f"user{replaced % 30 + 1:04}@{house.DOMAIN}"
            h.mock.meeting(user, start="-1m", **{"for": "1h"})
            h.gateway.api("POST", f"/v1/users/{user}/refresh")
            wait_for(lambda user=user: h.gateway.explain(user)["published"]["text"] == "In a meeting", 5, f"{user}'s meeting")
            replaced += 1
        for person in people:
            states = [s.state for s in ann.contact_states(person.jid)]
            assert states == [("available", "")] + rounds * [("away", "In a meeting"), ("available", "")], states
            person.ping()
        assert replaced > 8 and len(shown) > 4, (replaced, shown)
        print(f"   {replaced} replacements, {2 * rounds * len(people)} transitions")
        assert h.gateway.run_ctl("gateway", "check").returncode == 0


def readme_commands():
    with open("README.md", encoding="utf-8") as f:
        text = f.read()
    block = text.split("## Try it against the mock Exchange")[1].split("\n\n    ")[1].split("\n\n")[0]
    return [line.strip() for line in block.splitlines()]


def test_from_an_empty_store():
    """the commands of the README, from an empty folder to a gateway over HTTPS that checks out"""
    commands = readme_commands()
    assert any("lab-ca create" in c for c in commands) and commands[-1] == "kalendsctl gateway check", commands
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        os.mkdir(os.path.join(folder, "kalends"))
        gateway = Gateway(data=os.path.join(folder, "kalends"), lab_allow_http="no")
        env = {**os.environ, "PATH": os.environ["KALENDS_BIN"] + ":" + os.environ["PATH"]}
        started = []
        stack.callback(lambda: [(p.terminate(), p.wait()) for p in reversed(started)])
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        for command in commands:
            command = command.replace("8443", str(port))
            if command.startswith("kalendsd"):  # on an address of its own, where its ports are free
                command = command.replace("kalendsd", f"kalendsd --config {gateway.config}")
            if command.endswith(" &"):
                with open(os.path.join(folder, "log"), "a", encoding="utf-8") as log:
                    started.append(subprocess.Popen(["bash", "-c", "exec " + command[:-2]], cwd=folder, env=env,
                                                    stdout=log, stderr=log))
                time.sleep(1)
                continue
            if command.startswith("export "):
                env.update([command[len("export "):].split("=")])
                continue
            wait_for(lambda: not len(started) > 1 or os.path.exists(gateway.socket), 20, "the daemon")
            done = subprocess.run(["bash", "-o", "pipefail", "-c", command], cwd=folder, env=env, capture_output=True,
                                  text=True, timeout=60)
            assert done.returncode == 0, (command, done)
        assert "Verified" in done.stdout and "Notification round trip                   Received" in done.stdout, done


if __name__ == "__main__":
    house.run([test_request_to_renewal, test_letters_in_host_names, test_self_signed, test_name_for_sip_peers, test_pkcs12,
               test_file_of_an_administrator, test_hangup_while_stopping, test_expiry, test_two_administrators,
               test_killed_while_changing, test_stapling, test_revocation_lists, test_seal_key, test_replaced_under_load, test_from_an_empty_store])

"""A zoo of servers: each gets exactly the right verdict, which is OpenSSL's own where that has one."""

import contextlib
import http.server
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time

try:
    from cryptography.hazmat.primitives import hashes
    from zoo import CLIENT, SERVER, BrokenSignature, Cert, Server, revocation_list, revocation_list_id
except ImportError as error:
    print(f"skipped: {error} (python3-cryptography)")
    sys.exit(77)

from gateway import Gateway

HOST = "mail.zoo.test"
ROOT = Cert("Zoo Root", ca=True)
OTHER = Cert("Zoo Root", ca=True)  # same name, another key
MID = Cert("Zoo Issuing", ca=True, issuer=ROOT)
NARROW = Cert("Zoo Narrow", ca=True, issuer=ROOT, permitted="other.test")
DEEP = [ROOT]
for n in range(12):
    DEEP.append(Cert(f"Zoo {n}", ca=True, issuer=DEEP[-1]))
LOOP_A = Cert("Loop A", ca=True)
LOOP_B = Cert("Loop B", ca=True, issuer=LOOP_A)
LOOP_A2 = Cert("Loop A", ca=True, issuer=LOOP_B, key=LOOP_A.key)
SELF = Cert(HOST, [HOST])
OLD_SELF = Cert("old." + HOST, ["old." + HOST], key_ids=False)
NEW_SELF = Cert("old." + HOST, ["old." + HOST], key_ids=False)

VERIFIED, MISSING = "Verified", "Failed: certificate missing from chain"
CN, SAN, BAD = "Failed: subject CN mismatch", "Failed: SAN mismatch", "Failed: bad certificate"
FAILED = "Failed"


def leaf(cn=HOST, names=(HOST,), issuer=MID, **more):
    return Cert(cn, names, issuer=issuer, **more)


# What it is; certificate, what is sent with it, expected name, verdict, words, states of the chain.
ZOO = [
    ("good", leaf(), [MID], HOST, VERIFIED, "", "VVV"),
    ("expired", leaf(start=-9, end=-1), [MID], HOST, BAD, "it needs a new one", "BVV"),
    ("not yet valid", leaf(start=1, end=9), [MID], HOST, BAD, "not valid before", "BVV"),
    ("wrong name", leaf(), [MID], "chat.zoo.test", SAN, "use one, or", "VVV"),
    ("CN only", leaf(names=()), [MID], HOST, VERIFIED, "", "VVV"),
    ("CN only, wrong", leaf(names=()), [MID], "chat.zoo.test", CN, "CN=" + HOST, "VVV"),
    ("SAN only", leaf(cn=None), [MID], HOST, VERIFIED, "", "VVV"),
    ("CN beside other names", leaf(names=("a.test",)), [MID], HOST, VERIFIED, "", "VVV"),
    ("wildcard", leaf(None, ("*.zoo.test",)), [MID], HOST, VERIFIED, "", "VVV"),
    ("wildcard in CN", leaf("*.zoo.test", ()), [MID], HOST, VERIFIED, "", "VVV"),
    ("wildcard too high", leaf(None, ("*.test",)), [MID], HOST, SAN, "*.test", "VVV"),
    ("wildcard too low", leaf(None, ("*.mail.zoo.test",)), [MID], HOST, SAN, "*.mail", "VVV"),
    ("wildcard in the middle", leaf(None, ("mail.*.test",)), [MID], HOST, SAN, "mail.*", "VVV"),
    ("wildcard for a part", leaf(None, ("m*.zoo.test",)), [MID], HOST, SAN, "m*", "VVV"),
    ("IDNA", leaf(None, ("xn--bcher-kva.test",)), [MID], "b\u00fccher.test", VERIFIED, "", "VVV"),
    ("IDNA, wildcard", leaf(None, ("*.xn--bcher-kva.test",)), [MID], "a.B\u00dcCHER.test", VERIFIED, "", "VVV"),
    ("address", leaf(None, ("127.0.0.1",)), [MID], "127.0.0.1", VERIFIED, "", "VVV"),
    ("address in CN", leaf("127.0.0.1", ()), [MID], "127.0.0.1", VERIFIED, "", "VVV"),
    ("IPv6 address", leaf(None, ("::1",)), [MID], "::1", VERIFIED, "", "VVV"),
    ("other address", leaf(None, ("127.0.0.2",)), [MID], "127.0.0.1", SAN, "127.0.0.2", "VVV"),
    ("missing intermediate", leaf(), [], HOST, MISSING, "Zoo Issuing", "NM"),
    ("missing root", leaf(issuer=OTHER), [], HOST, BAD, "signature", "BV"),
    ("unknown root", leaf(issuer=LOOP_B), [LOOP_B], HOST, MISSING, "Loop A", "VNM"),
    ("unknown root, sent", leaf(issuer=LOOP_A), [LOOP_A], HOST, MISSING, "Loop A", "VM"),
    ("self-signed", SELF, [], HOST, MISSING, "self-signed", "M"),
    ("changed key", NEW_SELF, [], "old." + HOST, BAD, "issued anew", "M"),
    ("bad signature", BrokenSignature(HOST, [HOST], issuer=MID), [MID], HOST, BAD, "signature", "BVV"),
    ("weak key", leaf(rsa_bits=1024), [MID], HOST, BAD, "RSA of 2048 bits", "BVV"),
    ("SHA-1", leaf(digest=hashes.SHA1()), [MID], HOST, BAD, "with SHA-256", "BVV"),
    ("name constraints", leaf(issuer=NARROW), [NARROW], HOST, BAD, "another authority", "BVV"),
    ("very long chain", leaf(issuer=DEEP[-1]), DEEP[:0:-1], HOST, VERIFIED, "", "V" * 14),
    ("loop", leaf(issuer=LOOP_B), [LOOP_B, LOOP_A2], HOST, MISSING, "", "VVNM"),
    ("no usage", leaf(usages=None), [MID], HOST, VERIFIED, "", "VVV"),
    ("wrong usage", leaf(usages=[CLIENT]), [MID], HOST, BAD, "1.3.6.1.5.5.7.3.1", "BVV"),
    ("not a CA", leaf(issuer=Cert("No CA", issuer=ROOT)), [], HOST, MISSING, "No CA", "NM"),
]
TRUSTED = [ROOT, OLD_SELF]
LETTER = {"Verified": "V", "Not verified": "N", "Missing": "M", "Bad": "B"}


def openssl_accepts(folder, port, name, *more):
    """s_client with the same trust and name."""
    kind = "-verify_ip" if name.replace(".", "").isdigit() or ":" in name else "-verify_hostname"
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", os.path.join(folder, "trust.pem"),
         "-no-CApath", "-no-CAstore", "-partial_chain", "-verify_return_error", "-purpose", "sslserver",
         kind, name if name.isascii() else name.lower().encode("idna").decode(), *more], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False)
    return "Verify return code: 0 (ok)" in done.stdout and done.returncode == 0


# s_client looks at the CN only when there is no SAN, takes no address from it, and lets a wildcard
# stand for a part of a label: there our rules are others, on purpose.
NO_OPINION = {"CN beside other names", "address in CN", "wildcard for a part"}


def look(gateway, port, name, *more):
    done = gateway.run_ctl("--json", "cert", "check", f"127.0.0.1:{port}", "--name", name, *more)
    report = json.loads(done.stdout)
    assert done.returncode == (0 if report["ok"] else 1), done
    return report


def check_zoo(gateway, folder):
    for what, cert, sent, name, verdict, words, states in ZOO:
        with contextlib.closing(Server(folder, cert, sent)) as server:
            report = look(gateway, server.port, name)
            seen = "".join(LETTER[link["state"]] for link in report["chain"])
            assert report["certificate"] == verdict and words in report["text"], (what, report)
            assert seen == states, (what, seen, report)
            assert report["reachability"] == "Reachable" and report["protocol"], (what, report)
            accepted = openssl_accepts(folder, server.port, name)
            assert what in NO_OPINION or accepted == report["ok"], (what, accepted, report)


GOOD, REVOKED = leaf(), leaf()
MID_LOST = Cert("Zoo Lost", ca=True, issuer=ROOT)
BELOW_LOST = leaf(issuer=MID_LOST)
ROOT_LIST = revocation_list(ROOT, [MID_LOST])
MID_LIST = revocation_list(MID, [REVOKED])
LOST_LIST = revocation_list(MID_LOST)
FORGED = revocation_list(MID, [], key=OTHER.key)
OLD_LIST = revocation_list(MID, [REVOKED], start=-9, end=-2)

# What it is; certificate, what is sent with it; lists; then for 'check' and for 'require': verdict, words, states.
LISTS = [
    ("no lists", GOOD, [MID], [], (VERIFIED, "", "VVV"),
     (FAILED, "'CN=Zoo Issuing' for certificate 'CN=mail.zoo.test' is not here", "VVV")),
    ("on no list", GOOD, [MID], [ROOT_LIST, MID_LIST], (VERIFIED, "", "VVV"), (VERIFIED, "", "VVV")),
    ("revoked", REVOKED, [MID], [ROOT_LIST, MID_LIST], (BAD, "was revoked by its authority on", "BVV"),
     (BAD, "was revoked", "BVV")),
    ("authority revoked", BELOW_LOST, [MID_LOST], [ROOT_LIST, LOST_LIST], (BAD, "'CN=Zoo Lost' was revoked", "VBV"),
     (BAD, "'CN=Zoo Lost' was revoked", "VBV")),
    ("only the leaf's list", GOOD, [MID], [MID_LIST], (VERIFIED, "", "VVV"),
     (FAILED, "'CN=Zoo Root' for certificate 'CN=Zoo Issuing' is not here", "VVV")),
    ("old list", GOOD, [MID], [ROOT_LIST, OLD_LIST], (VERIFIED, "", "VVV"),
     (FAILED, "is out of date (kalendsctl cert crl add", "VVV")),
    ("revoked on an old list", REVOKED, [MID], [ROOT_LIST, OLD_LIST], (BAD, "was revoked", "BVV"),
     (FAILED, "out of date", "VVV")),
    ("forged", GOOD, [MID], [ROOT_LIST, FORGED], (FAILED, "is not signed by it", "VVV"),
     (FAILED, "is not signed by it", "VVV")),
    ("trusted itself", OLD_SELF, [], [], (VERIFIED, "", "V"), (VERIFIED, "", "V")),
]


def check_lists(gateway, folder):
    """Revocation lists as they lie in the store's folder: some could not be added."""
    store = os.path.join(gateway.data, "certs", "cup-trust")
    for what, cert, sent, lists, *expected in LISTS:
        gateway.kill()
        for name in os.listdir(store):
            if name.endswith(".crl"):
                os.unlink(os.path.join(store, name))
        for pem in lists:
            with open(os.path.join(store, revocation_list_id(pem) + ".crl"), "w", encoding="ascii") as f:
                f.write(pem)
        gateway.start()
        assert len(gateway.ctl_json("cert", "crl", "list")["lists"]) == len(lists), what
        with open(os.path.join(folder, "lists.pem"), "w", encoding="ascii") as f:
            f.writelines([ROOT.pem, *lists])
        name = "old." + HOST if cert is OLD_SELF else HOST
        with contextlib.closing(Server(folder, cert, sent)) as server:
            for use, (verdict, words, states) in zip(("check", "require"), expected, strict=True):
                gateway.set("tls.exchange_crl", use)
                report = look(gateway, server.port, name)
                seen = "".join(LETTER[link["state"]] for link in report["chain"])
                assert (report["certificate"], seen) == (verdict, states) and words in report["text"], (what, use, report)
            accepted = openssl_accepts(folder, server.port, name, "-CAfile", os.path.join(folder, "lists.pem"),
                                       "-crl_check_all")
            assert what == "trusted itself" or accepted == report["ok"], (what, accepted, report)
            gateway.set("tls.exchange_crl", "off")
            assert look(gateway, server.port, name)["ok"], what


class Peer:
    """A port that answers every connection with some bytes, or with nothing."""

    def __init__(self, says):
        self.says = says
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.kept = []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                if self.says is None:
                    self.kept.append(connection)  # stalls
                    continue
                connection.sendall(self.says)
                connection.close()

    def close(self):
        self.listener.close()
        for connection in self.kept:
            connection.close()


def check_no_tls(gateway):
    for says in (None, b"220 mail.zoo.test ESMTP\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b""):
        with contextlib.closing(Peer(says)) as peer:
            report = look(gateway, peer.port, HOST)
            assert report["reachability"] == "Reachable", (says, report)
            assert report["certificate"] == "Failed: network error" and report["text"], (says, report)
            assert says is not None or "check that the port" in report["text"], report
    with socket.create_server(("127.0.0.1", 0)) as s:
        closed = s.getsockname()[1]
    report = look(gateway, closed, HOST)
    assert report["reachability"] == "Unreachable" and "check the host" in report["reachability_text"]
    report = json.loads(gateway.run_ctl("--json", "cert", "check", "no such host:1").stdout)
    assert report["reachability"] == "Unreachable" and not report["ok"], report


# Servers by address, since gateways are reached at the name that is verified: certificate, what is sent, verdict, words.
BY_ADDRESS = {
    "good": (leaf(None, ("127.0.0.1",)), [MID], VERIFIED, "TLS"),
    "expired": (leaf(None, ("127.0.0.1",), start=-9, end=-1), [MID], BAD, "it needs a new one"),
    "incomplete": (leaf(None, ("127.0.0.1",)), [], MISSING, "Zoo Issuing"),
    "other-address": (leaf(None, ("127.0.0.2",)), [MID], SAN, "use one, or"),
    "other-cn": (leaf("a.test", ()), [MID], CN, "use that, or"),
}


def check_gateways(gateway, folder):
    """All gateways at once: the same verdicts, and who says nothing holds up nobody."""
    def add(name, port):
        done = gateway.run_ctl("gateway", "add", name, "--host", "127.0.0.1", "--port", str(port), "--account", "svc",
                               "--password-stdin", text_in="secret\n")
        assert done.returncode == 0, done

    expected = {name: (verdict, words) for name, (_, _, verdict, words) in BY_ADDRESS.items()}
    with contextlib.ExitStack() as stack:
        for name, (cert, sent, _, _) in BY_ADDRESS.items():
            add(name, stack.enter_context(contextlib.closing(Server(folder, cert, sent))).port)
        for name, says, words in (("silent-1", None, "check that the port"), ("silent-2", None, "check that the port"),
                                  ("plain", b"220 mail\r\n", "does not speak TLS")):
            add(name, stack.enter_context(contextlib.closing(Peer(says))).port)
            expected[name] = ("Failed: network error", words)
        with socket.create_server(("127.0.0.1", 0)) as s:
            closed = s.getsockname()[1]
        add("closed", closed)
        expected["closed"] = ("Not tried", "")
        begin = time.monotonic()
        done = gateway.run_ctl("--json", "gateway", "check")
        assert done.returncode == 1 and time.monotonic() - begin < 19, done  # each of the silent ones has ten seconds
    steps = [step for step in map(json.loads, done.stdout.splitlines()) if "test" in step]
    seen = {s["gateway"]: s for s in steps if s["test"] == "SSL connection / certificate verification"}
    assert seen.keys() == expected.keys(), done
    for name, (verdict, words) in expected.items():
        assert seen[name]["verdict"] == verdict and words in seen[name]["text"], seen[name]
        gateway.ctl("gateway", "remove", name)
    assert [s["gateway"] for s in steps if s["verdict"] == "Unreachable"] == ["closed"], steps


def check_fetch(gateway, folder):
    """From nothing to a trusted server; only what was confirmed."""
    with contextlib.closing(Server(folder, SELF)) as server:
        at = f"127.0.0.1:{server.port}"
        done = gateway.run_ctl("cert", "fetch", at, "--name", HOST)
        assert done.returncode == 1 and "--accept " + SELF.fingerprint in done.stderr, done
        done = gateway.run_ctl("cert", "fetch", at, "--name", HOST, "--accept", "00" * 32)
        assert done.returncode == 1 and "nothing was changed" in done.stderr, done
        assert not look(gateway, server.port, HOST)["ok"]
        spelled = ":".join(SELF.fingerprint[i:i + 2] for i in range(0, 64, 2)).upper()
        assert "trusted now" in gateway.ctl("cert", "fetch", at, "--name", HOST, "--accept", spelled)
        assert look(gateway, server.port, HOST)["ok"]
        assert "nothing is missing" in gateway.ctl("cert", "fetch", at, "--name", HOST)
        assert not look(gateway, server.port, HOST, "--store", "cup-xmpp-trust")["ok"]


class Issuers(http.server.BaseHTTPRequestHandler):
    """Where certificates say that their issuers are."""

    files = {}

    def do_GET(self):  # noqa: N802
        body = self.files.get(self.path)
        self.send_response(200 if body else 404)
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *args):
        pass


def check_issuers(gateway, folder):
    """An intermediate that the server forgot, fetched on request only."""
    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Issuers)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{web.server_address[1]}"
    Issuers.files = {"/mid": MID.der, "/wrong": ROOT.der, "/rubbish": b"<html>", "/huge": b"x" * 300000}
    for path, words in (("/wrong", "not the issuer"), ("/rubbish", "neither PEM nor DER"),
                        ("/huge", "fetched"), ("/none", "404"), ("/mid", None)):
        cert = leaf(issuer_url=base + path)
        with contextlib.closing(Server(folder, cert)) as server:
            plain = look(gateway, server.port, HOST)
            assert plain["certificate"] == MISSING and "fetch_text" not in plain, plain
            done = gateway.run_ctl("--json", "cert", "fetch", f"127.0.0.1:{server.port}", "--name",
                                   HOST, "--aia")
            report = json.loads(done.stdout)
            states = "".join(LETTER[link["state"]] for link in report["chain"])
            if words:
                assert words in report["fetch_text"] and states == "NM", (path, report)
            else:
                assert states == "VMV" and "fetch_text" not in report, report
                assert MID.fingerprint in done.stderr and not look(gateway, server.port, HOST)["ok"], done
                gateway.ctl("cert", "fetch", f"127.0.0.1:{server.port}", "--name", HOST, "--aia", "--accept", MID.fingerprint)
                assert look(gateway, server.port, HOST)["ok"]
                gateway.ctl("cert", "trust", "remove", MID.fingerprint)
    web.shutdown()
    web.server_close()


def check_sip(gateway, folder):
    """A SIP server demands our certificate, and is judged by its CN and for both usages."""
    ours = os.path.join(folder, "cup.pem")
    with open(ours, "w", encoding="ascii") as f:
        f.write(gateway.ctl("cert", "own", "export", "cup"))
    for cert, verdict, words in ((leaf(), VERIFIED, ""), (leaf("edge.zoo.test", [HOST]), CN, "TLS peer subjects"),
                                 (leaf(usages=[SERVER]), BAD, "client authentication")):
        for version in ("-tls1_2", "-tls1_3"):
            demands = [version, "-Verify", "1", "-verify_return_error", "-CAfile", ours]
            with contextlib.closing(Server(folder, cert, [MID], more=demands)) as server:
                report = look(gateway, server.port, HOST, "--sip")
                assert report["certificate"] == verdict and words in report["text"], (version, report)
    report = json.loads(gateway.run_ctl("--json", "cert", "check", gateway.address, "--sip").stdout)
    assert report["certificate"] == MISSING, report  # port 5061: its own
    done = gateway.run_ctl("cert", "check", "127.0.0.1", "--sip", "--starttls", "xmpp")
    assert done.returncode == 1 and "not both" in done.stderr, done


def check_starttls(gateway):
    """The gateway's own XMPP port; and ports that offer no STARTTLS."""
    gateway.ctl("domain", "add", "zoo.test")
    at = f"{gateway.address}:{gateway.status()['xmpp']['port']}"
    done = gateway.run_ctl("--json", "cert", "check", at, "--name", "zoo.test", "--starttls", "xmpp")
    report = json.loads(done.stdout)
    assert report["certificate"] == MISSING and "self-signed" in report["text"], report
    own = gateway.ctl_json("cert", "own", "show", "cup-xmpp")["fingerprint"]
    words = (at, "--name", "zoo.test", "--starttls", "xmpp")
    assert "trusted now in cup-xmpp-trust" in gateway.ctl("cert", "fetch", *words, "--accept", own)
    assert "Verified" in gateway.ctl("cert", "check", *words)
    assert gateway.run_ctl("cert", "check", *words, "--store", "cup-trust").returncode == 1
    done = gateway.run_ctl("--json", "cert", "check", at, "--name", "other.test", "--starttls", "xmpp")
    assert "ended the stream" in json.loads(done.stdout)["text"], done
    done = gateway.run_ctl("cert", "check", at, "--starttls", "imap")
    assert done.returncode == 1 and "'imap'" in done.stderr, done
    stream = b"<stream:stream xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:client'>"
    for says, words in ((b"<html>", "XMPP"), (stream + b"<stream:features/>", "offer STARTTLS"),
                        (b"\0\0", ""), (b"<" + b"a" * 100000, "")):
        with contextlib.closing(Peer(says)) as peer:
            report = look(gateway, peer.port, HOST, "--starttls", "xmpp-server")
            assert report["certificate"] == "Failed: network error", (says, report)
            assert words in report["text"], (says[:40], report)


def check_lab_ca(gateway, folder):
    """kalendsctl's own authority for laboratories: OpenSSL takes what it issues."""
    lab = os.path.join(folder, "lab")
    refused = gateway.run_ctl("lab-ca", "issue", lab, HOST)
    assert refused.returncode == 1 and "is not there" in refused.stderr, refused
    assert "root.pem" in gateway.ctl("lab-ca", "create", lab)
    refused = gateway.run_ctl("lab-ca", "create", lab)
    assert refused.returncode == 1 and "has a root already" in refused.stderr, refused
    made = gateway.ctl_json("lab-ca", "issue", lab, HOST, "*.lab.test", "127.0.0.1", "::1")
    assert os.stat(made["key"]).st_mode & 0o777 == 0o600, made
    for kind, name in (("hostname", HOST), ("hostname", "a.lab.test"), ("ip", "127.0.0.1"), ("ip", "::1")):
        for purpose in ("sslserver", "sslclient"):
            subprocess.run(["openssl", "verify", "-CAfile", os.path.join(lab, "root.pem"), "-purpose",
                            purpose, "-x509_strict", f"-verify_{kind}", name, made["certificate"]],
                           check=True, capture_output=True)
    subject = subprocess.run(["openssl", "x509", "-noout", "-subject", "-in", made["certificate"]],
                             check=True, capture_output=True, text=True).stdout
    assert "not for production" in subject, subject
    for names in (["../../evil"], ["*.lab.test"], ["::1"]):
        made = gateway.ctl_json("lab-ca", "issue", lab, *names, "--days", "3")
        assert os.path.dirname(made["certificate"]) == lab, made
    for args in (["a b"], ["x" * 300], ["root"], [HOST, "--days", "0"]):
        refused = gateway.run_ctl("lab-ca", "issue", lab, *args)
        assert refused.returncode in (1, 2) and refused.stderr, refused
    os.chmod(os.path.join(lab, "root.key"), 0o644)
    refused = gateway.run_ctl("lab-ca", "issue", lab, HOST)
    assert refused.returncode == 1 and "chmod 600" in refused.stderr, refused


def main():
    with tempfile.TemporaryDirectory() as folder, Gateway() as gateway:
        trust = os.path.join(folder, "trust.pem")
        with open(trust, "w", encoding="ascii") as f:
            f.writelines(c.pem for c in TRUSTED)
        gateway.ctl("cert", "trust", "add", trust)
        check_zoo(gateway, folder)
        check_lists(gateway, folder)
        check_no_tls(gateway)
        check_gateways(gateway, folder)
        check_fetch(gateway, folder)
        check_issuers(gateway, folder)
        check_sip(gateway, folder)
        check_starttls(gateway)
        check_lab_ca(gateway, folder)
    print(f"{len(ZOO)} kinds of certificates, {len(LISTS)} of revocation lists, no TLS, fetching, issuers, SIP, STARTTLS, lab CA")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Kamailio as a federated SIP server over TLS: it connects to the peer-auth listener and is connected to, each side
verifies the other's certificate; the wrong certificates are refused on either side. Listeners that have changed
ports, IPv6, and pings between messages, with openssl's own client, too."""

import os
import select
import socket
import subprocess
import sys
import tempfile
import time

import sip
from gateway import SIP_PEER_PORT, Gateway, wait_for
from house import run
from zoo import Cert

sip.need("sipp", "kamailio")
if not os.path.exists(os.path.join(sip.MODULES, "tls.so")):
    print("skipped: no TLS module (Debian package kamailio-tls-modules)")
    sys.exit(77)

DOMAIN, EDGE = "sip.test", "localhost"

CONFIG = """
listen=tls:TLSHOST:TLSPORT
modparam("tls", "config", "FOLDER/tls.cfg")
request_route {
    if (!mf_process_maxfwd_header("10")) { sl_send_reply("483", "Too Many Hops"); exit; }
    if (is_method("NOTIFY") && uri =~ "^sip:ann@") {
        xlog("L_ALERT", "told over $proto by $tls_peer_subject_cn $hdr(Subscription-State)\\n");
        sl_send_reply("200", "OK");
        exit;
    }
    if (has_totag()) {
        if (loose_route()) { t_relay(); exit; }
        sl_send_reply("404", "Not here");
        exit;
    }
    record_route();
    $du = "sip:GATEWAY:PEERPORT;transport=tls";
    t_relay();
}
"""

TLS = """
[server:default]
method = TLSv1.2+
certificate = {pem}
private_key = {pem}
ca_list = {trusted}
verify_certificate = yes
require_certificate = yes
[client:default]
method = TLSv1.2+
certificate = {pem}
private_key = {pem}
ca_list = {trusted}
verify_certificate = yes
require_certificate = yes
"""


class Edge(sip.Kamailio):
    """With a certificate, and one authority or certificate that it trusts."""

    def __init__(self, gateway, cert, trusted, peer_port=SIP_PEER_PORT, host="127.0.0.1"):
        self.tls_folder = tempfile.TemporaryDirectory()
        path = lambda name: os.path.join(self.tls_folder.name, name)
        for name, text in (("pem", cert.pem + cert.key_pem), ("trusted", trusted),
                           ("tls.cfg", TLS.format(pem=path("pem"), trusted=path("trusted")))):
            with open(path(name), "w", encoding="ascii") as f:
                f.write(text)
        self.tls_port = sip.free_port(host)
        config = CONFIG
        for word, value in (("FOLDER", self.tls_folder.name),
                            ("TLSHOST", sip.bracketed(host)), ("TLSPORT", str(self.tls_port)),
                            ("GATEWAY", sip.bracketed(gateway.address)), ("PEERPORT", str(peer_port))):
            config = config.replace(word, value)
        super().__init__(config, gateway.address, ["tls"])

    def __exit__(self, *why):
        super().__exit__(*why)
        self.tls_folder.cleanup()


class Office(Gateway):
    def __enter__(self):
        super().__enter__()
        self.ca = Cert("Partner CA", ca=True)
        self.api("POST", "/v1/domains", {"name": DOMAIN})
        self.api("POST", "/v1/users", [{"user": f"bob@{DOMAIN}", "im": True}])
        for key, value in (("sip.incoming_acl", "127.0.0.0/8, localhost"), ("sip.domains", "partner.test"),
                           ("sip.notify_interval_s", 0), ("presence.auto_authorize", "everybody"),
                           ("sip.tls_peer_subjects", EDGE)):
            self.set(key, value)
        self.api("POST", "/v1/trust/cup-trust", {"pem": self.ca.pem})
        self.own = self.api("GET", "/v1/identities/cup")["pem"]
        return self

    def says(self, words):
        wait_for(lambda: words in self.log(), what=words)


def ann(proxy):
    """Ann watches bob, by way of the proxy."""
    at = f"{sip.bracketed(proxy.address)}:{proxy.port}"
    return sip.Sipp([sip.subscribe(f"bob@{DOMAIN}", "ann@partner.test"), sip.notify()], at, transport="u1", proxy=at,
                    address="::1" if ":" in proxy.address else "127.0.0.1")


def watch(at, contact):
    """The same, once; the socket that the answer comes to."""
    here = "::1" if ":" in at[0] else "127.0.0.1"
    s = socket.socket(socket.AF_INET6 if ":" in here else socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((here, 0))
    s.settimeout(10)
    s.sendto((f"SUBSCRIBE sip:bob@{DOMAIN} SIP/2.0\r\n"
              f"Via: SIP/2.0/UDP {sip.bracketed(here)}:{s.getsockname()[1]};branch=z9hG4bK1;rport\r\n"
              f"From: <sip:ann@partner.test>;tag=a1\r\nTo: <sip:bob@{DOMAIN}>\r\n"
              f"Call-ID: c1\r\nCSeq: 1 SUBSCRIBE\r\nContact: <sip:ann@{contact}>\r\nMax-Forwards: 70\r\n"
              "Event: presence\r\nExpires: 600\r\nContent-Length: 0\r\n\r\n").encode(), at)
    return s


def test_kamailio_comes_in():
    """a watcher behind Kamailio, which shows its certificate and verifies ours"""
    with Office() as g, Edge(g, Cert(EDGE, issuer=g.ca), g.own) as edge, ann(edge) as peer:
        peer.wait()
        assert "SIP/2.0/TLS" in peer.notifies()[0].all("Via")[1], peer.notifies()[0].headers
        assert g.api("GET", "/v1/status")["sip"]["tls_failed"] == 0


def test_kamailio_is_refused():
    """its certificate is another's: nothing comes through, and the log says why"""
    with Office() as g:
        stranger = Cert("Strange CA", ca=True)
        for cert, words in ((Cert("other.partner.test", issuer=g.ca), "TLS peer subjects"),
                            (Cert(EDGE, issuer=stranger), "neither sent by the server nor in"),
                            (Cert(EDGE, issuer=g.ca, start=-9, end=-2), "expired on")):
            with Edge(g, cert, g.own) as edge, watch((edge.address, edge.port), "127.0.0.1:9"):
                g.says(words)
        assert g.api("GET", "/v1/status")["sip"]["subscriptions"] == 0


def test_kamailio_refuses_us():
    """it trusts another certificate than ours"""
    with Office() as g, Edge(g, Cert(EDGE, issuer=g.ca), Cert("Another").pem) as edge, \
            watch((edge.address, edge.port), "127.0.0.1:9"):
        g.says("TLS connection failed")
        assert g.api("GET", "/v1/status")["sip"]["subscriptions"] == 0


def watched_from(edge, gateway):
    """A subscription by UDP, whose contact is Kamailio's TLS port."""
    with watch((gateway.address, 5060), f"{EDGE}:{edge.tls_port};transport=tls") as s:
        assert s.recv(4096).startswith(b"SIP/2.0 200 ")


def test_kamailio_is_told():
    """we connect to it: it demands our certificate, and we its name"""
    with Office() as g, Edge(g, Cert(EDGE, issuer=g.ca), g.own) as edge:
        g.set("sip.tls_peer_subjects", "")  # the host that was asked is enough
        watched_from(edge, g)
        wait_for(lambda: f"told over tls by {g.address} active" in edge.read_log())
    with Office() as g, Edge(g, Cert("other.partner.test", issuer=g.ca), g.own) as edge:
        watched_from(edge, g)
        g.says("TLS peer subjects ('localhost'")
        time.sleep(0.2)
        assert "told over" not in edge.read_log()


# -- openssl's client -------------------------------------------------------------------------------

class Client:
    """openssl s_client: what is said to it goes over TLS."""

    def __init__(self, address, port, pem=None):
        self.process = subprocess.Popen(
            ["openssl", "s_client", "-connect", f"{sip.bracketed(address)}:{port}", "-quiet",
             *(["-cert", pem, "-key", pem] if pem else [])],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def ask(self, text, end):
        """What comes until 'end', or the connection is over."""
        seen, until = b"", time.monotonic() + 10
        try:
            self.process.stdin.write(text)
            self.process.stdin.flush()
        except BrokenPipeError:
            return seen
        while end not in seen:
            if not select.select([self.process.stdout], [], [], max(0, until - time.monotonic()))[0]:
                raise TimeoutError(f"openssl has {seen}")
            data = os.read(self.process.stdout.fileno(), 65536)
            if not data:
                break
            seen += data
        return seen

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.process.kill()
        self.process.communicate()


def options(number):
    return (f"OPTIONS sip:{DOMAIN} SIP/2.0\r\nVia: SIP/2.0/TLS h;branch=z9hG4bK{number}\r\nFrom: <sip:a@partner.test>;tag=1\r\n"
            f"To: <sip:{DOMAIN}>\r\nCall-ID: o{number}\r\nCSeq: {number} OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n").encode()


def is_served(client):
    """Pings before a message and between the halves of none, and what is asked in between."""
    if not client.ask(options(1), b"\r\n\r\n").startswith(b"SIP/2.0 200 OK\r\n"):
        return False
    assert client.ask(b"\r\n\r\n", b"\r\n") == b"\r\n", "a pong, RFC 5626 4.4.1"
    both = client.ask(b"\r\n\r\n" + options(2) + b"\r\n\r\n", b"\r\n\r\n\r\n")
    assert both.startswith(b"\r\nSIP/2.0 200 OK\r\n") and both.endswith(b"\r\n\r\n\r\n"), both
    return True


def pem_of(folder, cert):
    path = os.path.join(folder, cert.fingerprint[:16])
    with open(path, "w", encoding="ascii") as f:
        f.write(cert.pem + cert.key_pem)
    return path


def test_swapped_ports():
    """5061 and 5062 have changed places: Kamailio comes in at 5061 with its certificate, and nobody without; clients at 5062"""
    with Office() as g, tempfile.TemporaryDirectory() as folder:
        good, other = (pem_of(folder, Cert(cn, issuer=g.ca)) for cn in (EDGE, "other.partner.test"))
        for key, port in (("server", 5063), ("peer", 5061), ("server", 5062)):
            g.set(f"sip.{key}_auth_port", port)
        for port, pem, served in ((5061, good, True), (5061, None, False), (5061, other, False),
                                  (5062, None, True), (5062, other, True)):
            with Client(g.address, port, pem) as client:
                assert is_served(client) == served, (port, pem)
        with Edge(g, Cert(EDGE, issuer=g.ca), g.own, peer_port=5061) as edge, ann(edge) as peer:
            peer.wait()
            notify = peer.notifies()[0]
            assert notify.all("Via")[1].startswith(f"SIP/2.0/TLS {g.address}:5061"), notify.headers
            assert f"{g.address}:5061;transport=tls" in notify.get("Contact"), notify.headers


def test_ipv6():
    """the same over IPv6, at whatever ports are free: in, out, and pings"""
    with Office(sip_port=0, sip_listen="::1") as g, tempfile.TemporaryDirectory() as folder:
        g.address = "::1"
        for key in ("server", "peer"):
            g.set(f"sip.{key}_auth_port", 0)
        g.set("sip.incoming_acl", "::1")
        now = g.status()["sip"]
        good = pem_of(folder, Cert(EDGE, issuer=g.ca))
        for port, pem in ((now["server_auth_port"], None), (now["peer_auth_port"], good)):
            with Client("::1", port, pem) as client:
                assert is_served(client)
        with Edge(g, Cert(EDGE, issuer=g.ca), g.own, peer_port=now["peer_auth_port"], host="::1") as edge:
            with ann(edge) as peer:
                peer.wait()
                assert peer.notifies()[0].all("Via")[1].startswith(f"SIP/2.0/TLS [::1]:{now['peer_auth_port']}"), \
                    peer.notifies()[0].headers
            # And where it is connected to: by a literal, so that it is known by its certificate.
            with watch(("::1", now["port"]), f"[::1]:{edge.tls_port};transport=tls") as s:
                assert s.recv(4096).startswith(b"SIP/2.0 200 ")
                wait_for(lambda: "told over tls by" in edge.read_log() and " active" in edge.read_log(), what="told")


if __name__ == "__main__":
    run([f for name, f in sorted(globals().items()) if name.startswith("test_")])
    sys.exit(0)

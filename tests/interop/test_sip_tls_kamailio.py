"""Kamailio as a federated SIP server over TLS: it connects to the peer-auth listener and is connected to, each side
verifies the other's certificate; the wrong certificates are refused on either side."""

import os
import socket
import sys
import tempfile
import time

import sip
from gateway import SIP_PEER_PORT, Gateway, wait_for
from house import run
from zoo import Cert

sip.need("sipp", "kamailio")
MODULES = "/usr/lib/x86_64-linux-gnu/kamailio/modules/"
if not os.path.exists(MODULES + "tls.so"):
    print("skipped: no TLS module (Debian package kamailio-tls-modules)")
    sys.exit(77)

DOMAIN, EDGE = "sip.test", "localhost"

CONFIG = """
#!KAMAILIO
children=1
tcp_children=2
log_stderror=yes
debug=1
auto_aliases=no
enable_tls=yes
listen=udp:{address}:{port}
listen=tcp:{address}:{port}
listen=tls:127.0.0.1:TLSPORT
mpath="MODULES"
loadmodule "tls.so"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "xlog.so"
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

    def __init__(self, gateway, cert, trusted):
        self.tls_folder = tempfile.TemporaryDirectory()
        path = lambda name: os.path.join(self.tls_folder.name, name)
        for name, text in (("pem", cert.pem + cert.key_pem), ("trusted", trusted),
                           ("tls.cfg", TLS.format(pem=path("pem"), trusted=path("trusted")))):
            with open(path(name), "w", encoding="ascii") as f:
                f.write(text)
        self.tls_port = sip.free_port("127.0.0.1")
        config = CONFIG
        for word, value in (("MODULES", MODULES), ("FOLDER", self.tls_folder.name),
                            ("TLSPORT", str(self.tls_port)), ("GATEWAY", gateway.address),
                            ("PEERPORT", str(SIP_PEER_PORT))):
            config = config.replace(word, value)
        super().__init__(config, gateway.address)

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
    return sip.Sipp([sip.subscribe(f"bob@{DOMAIN}", "ann@partner.test"), sip.notify()],
                    f"{proxy.address}:{proxy.port}", transport="u1", proxy=f"{proxy.address}:{proxy.port}")


def watch(at, contact):
    """The same, once; the socket that the answer comes to."""
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("127.0.0.1", 0))
    s.settimeout(10)
    s.sendto((f"SUBSCRIBE sip:bob@{DOMAIN} SIP/2.0\r\n"
              f"Via: SIP/2.0/UDP 127.0.0.1:{s.getsockname()[1]};branch=z9hG4bK1;rport\r\n"
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


if __name__ == "__main__":
    run([f for name, f in sorted(globals().items()) if name.startswith("test_")])
    sys.exit(0)

"""The TLS listeners of SIP: server auth and peer auth, who gets in with which certificate, ports and certificates
that change while it runs; and connections that we make."""

import os
import resource
import socket
import ssl
import sys
import tempfile

from gateway import SIP_PEER_PORT, SIP_PORT, SIP_TLS_PORT, ApiError, wait_for
from house import run
from test_sip import Office, Stream, answer, subscribe, told
from zoo import CLIENT, SERVER, Cert

PEER = "edge.partner.test"


class Zoo:
    """Certificates of peers, by the one trusted authority unless said otherwise."""

    def __init__(self, folder):
        self.folder = folder
        self.ca, stranger = Cert("Partner CA", ca=True), Cert("Strange CA", ca=True)
        self.good = Cert(PEER, issuer=self.ca)
        self.renewed = Cert(PEER, issuer=self.ca)
        self.localhost = Cert("localhost", issuer=self.ca)
        self.other = Cert("other.partner.test", issuer=self.ca)
        self.san_only = Cert("other.partner.test", names=[PEER], issuer=self.ca)
        self.wildcard = Cert("*.partner.test", issuer=self.ca)
        self.expired = Cert(PEER, issuer=self.ca, start=-9, end=-2)
        self.early = Cert(PEER, issuer=self.ca, start=2, end=9)
        self.server_only = Cert(PEER, issuer=self.ca, usages=(SERVER,))
        self.client_only = Cert(PEER, issuer=self.ca, usages=(CLIENT,))
        self.stranger = Cert(PEER, issuer=stranger)
        self.self_signed = Cert(PEER)

    def file(self, cert):
        path = os.path.join(self.folder, cert.fingerprint[:16] + ".pem")
        with open(path, "w", encoding="ascii") as f:
            f.write(cert.pem + cert.key_pem)
        return path

    def client(self, cert=None, version=None):
        context = ssl._create_unverified_context()
        if cert:
            context.load_cert_chain(self.file(cert))
        if version:
            context.maximum_version = version
        return context

    def server(self, cert, roots=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.file(cert))
        if roots:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cadata=roots)
        return context


class House(Office):
    """With peers of a partner."""

    def __enter__(self):
        super().__enter__()
        self.folder = tempfile.TemporaryDirectory()
        self.zoo = Zoo(self.folder.name)
        self.api("POST", "/v1/trust/cup-trust", {"pem": self.zoo.ca.pem})
        self.set("sip.tls_peer_subjects", PEER)
        return self

    def __exit__(self, *why):
        self.folder.cleanup()
        super().__exit__(*why)

    def tls(self, cert=None, port=SIP_PEER_PORT, version=None):
        raw = socket.create_connection((self.address, port), 5)
        return Stream(taken=self.zoo.client(cert, version).wrap_socket(raw))

    def says(self, words, before):
        wait_for(lambda: words in self.log()[before:], what=f"{words} in the log")


def is_refused(house, cert, version):
    """By an alert, or the end before a word is said."""
    try:
        with house.tls(cert, version=version) as s:
            s.send(subscribe(1, "TLS"))
            return s.is_closed()
    except (ssl.SSLError, ConnectionError):
        return True


def test_peer_auth():
    """each wrong certificate is refused, and the log says why; a right one gets in"""
    with House() as h:
        zoo = h.zoo
        for number, version in enumerate((ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)):
            for cert, words in ((None, "peer did not return a certificate"),
                                (zoo.other, "is not among the TLS peer subjects"),
                                (zoo.san_only, "is not among the TLS peer subjects"),
                                (zoo.wildcard, "is not among the TLS peer subjects"),
                                (zoo.expired, "expired on"),
                                (zoo.early, "is not valid before"),
                                (zoo.server_only, "is not for client authentication"),
                                (zoo.client_only, "is not for server authentication"),
                                (zoo.stranger, "is neither sent by the server nor in 'cup-trust'"),
                                (zoo.self_signed, "is self-signed and not in 'cup-trust'")):
                before = len(h.log())
                assert is_refused(h, cert, version), words
                h.says(words, before)
                assert 'at="peer-auth"' in h.log()[before:]
            with h.tls(zoo.good, version=version) as s:
                s.send(subscribe(f"{number}7", "TLS"))
                assert told(s).get("Contact").endswith(f":{SIP_PEER_PORT};transport=tls>")
        assert h.sip()["tls_failed"] == 20, h.sip()


def test_server_auth():
    """no certificate is asked for, and a strange one does not matter; the contact leads back to it"""
    with House() as h:
        for number, cert in enumerate((None, h.zoo.stranger)):
            with h.tls(cert, SIP_TLS_PORT) as s:
                s.send(subscribe(f"{number}1", "TLS"))
                assert told(s).get("Contact").endswith(f":{SIP_TLS_PORT};transport=tls>")


def test_subjects_live():
    """nobody while there are none; each change holds at once, for the next connection and for those that stand"""
    with House() as h:
        with h.tls(h.zoo.good) as standing, h.tls(port=SIP_TLS_PORT) as client:
            standing.send(subscribe(1, "TLS"))
            told(standing)
            h.set("sip.tls_peer_subjects", f"other.partner.test, {PEER}")  # he is still among them
            standing.send(subscribe(4, "TLS"))
            told(standing)
            before = len(h.log())
            h.set("sip.tls_peer_subjects", "other.partner.test")
            assert standing.is_closed()
            h.says("is not among the TLS peer subjects", before)
            for subjects, cert, words in (
                    ("", h.zoo.good, "no TLS peer subjects are set"),
                    ("other.partner.test, Pool.Partner.Test", h.zoo.good,
                     "is not among the TLS peer subjects")):
                h.set("sip.tls_peer_subjects", subjects)
                before = len(h.log())
                assert is_refused(h, cert, None)
                h.says(words, before)
            with h.tls(h.zoo.other) as s:
                s.send(subscribe(2, "TLS"))
                told(s)
            client.send(subscribe(3, "TLS"))  # of whom no certificate is asked
            told(client)
        for wrong in ("*.partner.test", "edge partner", "sip:edge.partner.test", "-x.test"):
            try:
                h.set("sip.tls_peer_subjects", wrong)
                raise AssertionError(f"{wrong} was taken")
            except ApiError as error:
                assert "is not a TLS peer subject" in str(error), error


def test_trust_live():
    """an authority that is trusted no longer, by whom it let in, too; and again"""
    other = Cert("Other CA", ca=True)
    with House() as h:
        with h.tls(h.zoo.good) as s:
            s.send(subscribe(1, "TLS"))
            told(s)
            h.api("POST", "/v1/trust/cup-trust", {"pem": other.pem})
            h.api("DELETE", f"/v1/trust/cup-trust/{other.fingerprint}")
            s.send(subscribe(2, "TLS"))
            told(s)
            h.api("DELETE", f"/v1/trust/cup-trust/{h.zoo.ca.fingerprint}")
            assert s.is_closed()
        assert is_refused(h, h.zoo.good, None)
        h.api("POST", "/v1/trust/cup-trust", {"pem": h.zoo.ca.pem})
        with h.tls(h.zoo.good) as s:
            s.send(subscribe(3, "TLS"))
            told(s)


def shown(house, port=SIP_TLS_PORT):
    with house.tls(port=port) as s:
        return s.socket.getpeercert(binary_form=True)


def test_certificate_live():
    """a certificate that is replaced is shown to the next one who comes, who stands stays"""
    with House() as h, h.tls(port=SIP_TLS_PORT) as standing:
        old = standing.socket.getpeercert(binary_form=True)
        assert shown(h) == old
        h.api("POST", "/v1/identities/cup/self-signed", {"key": "ec-p256", "cn": "new.kalends.test"})
        assert shown(h) != old
        standing.send(subscribe(1, "TLS"))
        told(standing)


def test_swap():
    """the two ports change places while it runs, by way of a third"""
    with House() as h:
        try:
            h.set("sip.peer_auth_port", SIP_TLS_PORT)
            raise AssertionError("both listeners have one port")
        except ApiError as error:
            assert "move the other one first" in str(error), error
        with h.tls(port=SIP_TLS_PORT) as client, h.tls(h.zoo.good) as peer:
            for key, port in (("server", 5063), ("peer", SIP_TLS_PORT), ("server", SIP_PEER_PORT)):
                h.set(f"sip.{key}_auth_port", port)
            for number, standing in enumerate((client, peer)):
                standing.send(subscribe(f"{number}1", "TLS"))
                told(standing)
        with h.tls(port=SIP_PEER_PORT) as s:
            s.send(subscribe(2, "TLS"))
            assert told(s).get("Contact").endswith(f":{SIP_PEER_PORT};transport=tls>")
        with h.tls(h.zoo.good, port=SIP_TLS_PORT) as s:
            s.send(subscribe(3, "TLS"))
            assert told(s).get("Contact").endswith(f":{SIP_TLS_PORT};transport=tls>")
        h.set("sip.server_auth_port", "off")
        try:
            h.tls(port=SIP_PEER_PORT)
            raise AssertionError("a listener that is off")
        except ConnectionError:
            pass
        with socket.create_server((h.address, 5063)):
            try:
                h.set("sip.server_auth_port", 5063)
                raise AssertionError("a port that is taken")
            except ApiError as error:
                assert "5063" in str(error) and "taken" in str(error), error
        h.stop()
        with socket.create_server((h.address, SIP_TLS_PORT)):
            h.start()  # in spite of the port: it can be set
            assert "SIP peer-auth listener" in h.log() and h.sip()["peer_auth_port"] == 0
        h.set("sip.notify_interval_s", 0)  # any change looks again
        assert h.sip()["peer_auth_port"] == SIP_TLS_PORT
        h.set("sip.server_auth_port", SIP_PEER_PORT)
        h.stop()
        with socket.create_server((h.address, SIP_TLS_PORT)), socket.create_server((h.address, SIP_PEER_PORT)):
            h.start()  # each of those that are taken is told
            (told_line,) = [line for line in h.log().splitlines() if "SIP server-auth listener" in line]
            assert f"port {SIP_PEER_PORT}" in told_line and f"SIP peer-auth listener: port {SIP_TLS_PORT}" in told_line, told_line


def test_versions_and_ciphers():
    """of each context its own, from the next connection on"""
    with House() as h:
        h.set("tls.sip_min_version", "1.3")
        assert is_refused(h, h.zoo.good, ssl.TLSVersion.TLSv1_2)
        with h.tls(port=SIP_TLS_PORT, version=ssl.TLSVersion.TLSv1_2) as s:
            assert s.socket.version() == "TLSv1.2"
        h.set("tls.sip_min_version", "1.2")
        h.set("tls.sip_ciphers", "ECDHE-ECDSA-AES128-SHA256")
        with h.tls(h.zoo.good, version=ssl.TLSVersion.TLSv1_2) as s:
            assert s.socket.cipher()[0] == "ECDHE-ECDSA-AES128-SHA256"
        h.set("tls.sip_client_ciphers", "TLS_CHACHA20_POLY1305_SHA256")
        with h.tls(port=SIP_TLS_PORT) as s:
            assert s.socket.cipher()[0] == "TLS_CHACHA20_POLY1305_SHA256"


def test_half_open():
    """a thousand who connect and say nothing lock nobody out: for one more the oldest is cut off"""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with House() as h:
        h.set("sip.connections_per_peer", 10000)
        silent = []
        for _ in range(1020):
            silent.append(socket.create_connection((h.address, SIP_PEER_PORT), 5))
        with h.tls(h.zoo.good) as s:
            s.send(subscribe(1, "TLS"))
            told(s)
        wait_for(lambda: h.sip()["tls_failed"] >= 21, what="the oldest are cut off")
        assert h.sip()["connections"] <= 1001, h.sip()
        assert "1000 others are in the middle of a TLS handshake" in h.log()
        silent[0].settimeout(5)
        assert silent[0].recv(1) == b""
        for s in silent:
            s.close()


def out(house, number, server, host="localhost"):
    """The connection that a contact makes us make; None: it came to nothing."""
    contact = f"{host}:{server.getsockname()[1]}"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendto(subscribe(number, "UDP", contact=contact).replace(b"transport=udp", b"transport=tls"),
                 (house.address, SIP_PORT))
        server.settimeout(10)
        return server.accept()[0]


def test_out():
    """who answers must bear the name that was asked, or be a peer; we show our certificate"""
    with House() as h:
        zoo = h.zoo
        own = h.api("GET", "/v1/identities/cup")["pem"]
        number = 0
        for host, cert, words in (("localhost", zoo.localhost, None),
                                  ("localhost", zoo.good, None),  # a peer: one of a pool
                                  ("127.0.0.1", zoo.good, None),
                                  ("127.0.0.1", zoo.localhost, "is not among the TLS peer subjects"),
                                  ("localhost", zoo.other, "is not among the TLS peer subjects"),
                                  ("localhost", zoo.expired, "expired on"),
                                  ("localhost", zoo.stranger, "is neither sent by the server"),
                                  ("localhost", zoo.client_only, "is not for server authentication")):
            number, before = number + 1, len(h.log())
            with socket.create_server(("127.0.0.1", 0)) as server:  # gone when the next try of this one comes
                raw = out(h, number, server, host)
            try:
                with Stream(taken=zoo.server(cert, own).wrap_socket(raw, server_side=True)) as s:
                    notify = s.receive()
                    if words:
                        assert notify is None, "a word to a stranger"
                    else:
                        assert notify.get("Via").startswith(f"SIP/2.0/TLS {h.address}:{SIP_PEER_PORT}")
                        s.send(answer(notify))
            except ssl.SSLError:
                assert words, (host, cert.subject)
            if words:
                h.says(words, before)
                assert f"to=\"TLS {host} " in h.log()[before:]


if __name__ == "__main__":
    run([f for name, f in sorted(globals().items()) if name.startswith("test_")])
    sys.exit(0)

"""HTTPS of our own: notifications of Exchange, which verifies us, and the API for programs with a certificate;
certificates, schemes and ports change while it runs."""

import http.client
import json
import os
import socket
import ssl
import sys
import tempfile

from cryptography import x509
from gateway import ApiError, Gateway, own_address, wait_for
from house import House, run
from zoo import CLIENT, SERVER, Cert, revocation_list


def own(gateway):
    return gateway.api("GET", "/v1/identities/cup")["pem"]


def notifications(house):
    return house.gateway.status()["notifications"]


def told_of(house, name, subject):
    """A meeting is seen because Exchange tells of it, and not by a look at the calendar."""
    before = notifications(house)["received"]
    house.meeting(name, "-1m", "1h", subject=subject)
    wait_for(lambda: notifications(house)["received"] > before, what="a notification")


def moved(house, scheme):
    """Exchange gives the old subscription up by itself: what it sends there comes to nothing."""
    urls = lambda: [s["url"] for s in house.mock.get("/subscriptions")["subscriptions"]]
    wait_for(lambda: any(u.startswith(scheme + "://") for u in urls()), what=f"a subscription by {scheme}")


def check(gateway, name="cas1"):
    done = gateway.run_ctl("gateway", "check", name)
    return done.returncode, done.stdout


class Requested:
    """The key of a request, whose private half is not here."""

    def __init__(self, pem):
        self.public_key = x509.load_pem_x509_csr(pem.encode()).public_key


def install(gateway, ca, name):
    """A certificate for that name alone, for a key that the gateway makes."""
    csr = gateway.api("POST", "/v1/identities/cup/request", {"key": "ec-p256"})["pem"]
    cert = Cert(name, names=[name], issuer=ca, key=Requested(csr))
    gateway.api("POST", "/v1/identities/cup/certificate", {"pem": cert.pem})


def test_notifications():
    """by https, verified by Exchange; back to http; both while it runs, and nothing is lost"""
    with House(users=["ann"]) as h:
        assert notifications(h)["url"].startswith("http://")
        h.mock.post("/push-trust", {"pem": own(h.gateway)})
        h.gateway.set("calendar.notification_scheme", "https")
        assert notifications(h)["url"].startswith("https://")
        moved(h, "https")
        told_of(h, "ann", "one")
        code, text = check(h.gateway)
        assert code == 0 and "Received" in text, text
        assert h.gateway.stop() == 0
        h.gateway.start()
        told_of(h, "ann", "two")
        h.gateway.set("calendar.notification_port", 50021)
        told_of(h, "ann", "three")
        h.gateway.set("calendar.notification_scheme", "http")
        moved(h, "http")
        told_of(h, "ann", "four")
        code, text = check(h.gateway)
        assert code == 0, text


def test_certificate_live():
    """one that Exchange does not trust: the check says so, and who refuses it is in the log; one that it does"""
    with House(users=["ann"]) as h:
        g = h.gateway
        g.set("calendar.notification_scheme", "https")
        moved(h, "https")
        told_of(h, "ann", "one")
        ca = Cert("Office CA", ca=True)
        h.mock.post("/push-trust", {"pem": ca.pem})
        code, text = check(g)
        assert code != 0 and "trust the certificate 'cup'" in text, text
        assert "https connection failed port=50020" in g.log() and "unknown ca" in g.log()
        install(g, ca, g.address)
        code, text = check(g)
        assert code == 0, text
        told_of(h, "ann", "two")


def test_name():
    """a certificate without the name that Exchange calls is not gone to"""
    with Gateway() as g:
        install(g, Cert("Office CA", ca=True), "other.test")
        try:
            g.set("calendar.notification_scheme", "https")
            raise AssertionError("a name that the certificate has not")
        except ApiError as error:
            assert f"'{g.address}', which is not a name of the certificate 'cup'" in str(error), error
        assert g.status()["notifications"]["url"].startswith("http://")


def test_push_versions():
    """versions and ciphers of the push listener alone"""
    with Gateway() as g:
        g.set("calendar.notification_scheme", "https")
        g.set("tls.push_min_version", "1.3")
        context = ssl._create_unverified_context()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.wrap_socket(socket.create_connection((g.address, 50020), 5))
            raise AssertionError("TLS 1.2")
        except (ssl.SSLError, ConnectionError):
            pass
        g.set("tls.push_min_version", "1.2")
        g.set("tls.push_ciphers", "ECDHE-ECDSA-AES128-SHA256")
        with context.wrap_socket(socket.create_connection((g.address, 50020), 5)) as s:
            assert s.cipher()[0] == "ECDHE-ECDSA-AES128-SHA256"
        with socket.create_connection((g.address, 50020), 5) as s:  # no TLS at all
            s.sendall(b"POST /ews/notify/x HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
            assert b"HTTP" not in s.recv(1000)


# -- the API ----------------------------------------------------------------------------------------

class Admin:
    def __init__(self, gateway, port, folder, cert=None):
        self.context = ssl.create_default_context(cadata=own(gateway))
        if cert:
            path = os.path.join(folder, cert.fingerprint[:16])
            with open(path, "w", encoding="ascii") as f:
                f.write(cert.pem + cert.key_pem)
            self.context.load_cert_chain(path)
        self.address, self.port = gateway.address, port

    def get(self, path):
        return self._ask("GET", path)

    def put(self, path, body, **headers):
        return self._ask("PUT", path, json.dumps(body), headers)[0]

    def connect(self):
        return http.client.HTTPSConnection(self.address, self.port, timeout=5, context=self.context)

    def _ask(self, method, path, body=None, headers=None):
        connection = self.connect()
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()


def answer_of(connection):
    connection.request("GET", "/v1/version")
    answer = connection.getresponse()
    answer.read()
    return answer.status


def is_refused(admin):
    try:
        admin.get("/v1/version")
        return False
    except (ssl.SSLError, ConnectionError, http.client.HTTPException):
        return True


def refused_for(gateway, admin, words):
    before = len(gateway.log())
    assert is_refused(admin), words
    wait_for(lambda: words in gateway.log()[before:], what=words)


def test_api():
    """off at first; then for the certificates that are named, and nobody else"""
    listen = own_address()
    with Gateway(address=listen, api_listen=listen) as g, tempfile.TemporaryDirectory() as folder:
        ca = Cert("Office CA", ca=True)
        good = Cert("robot.office.test", issuer=ca, usages=(CLIENT,))
        port = 8443
        assert is_refused(Admin(g, port, folder, good))
        g.set("api.port", port)
        refused_for(g, Admin(g, port, folder, good), "is neither sent")
        g.api("POST", "/v1/trust/cup-trust", {"pem": ca.pem})
        refused_for(g, Admin(g, port, folder, good), "set api.clients")
        many = g.run_ctl("set", "api.clients", ",".join(f"c{i}.office.test" for i in range(101)))
        assert many.returncode != 0 and "more than 100 API clients" in many.stdout + many.stderr, many
        g.set("api.clients", "other.office.test, robot.office.test")
        status, answer = Admin(g, port, folder, good).get("/v1/version")
        assert status == 200, answer
        for cert, words in ((None, "peer did not return a certificate"),
                            (Cert("third.office.test", issuer=ca), "is not among the API clients"),
                            (Cert("robot.office.test", issuer=ca, usages=(SERVER,)), "client authentication"),
                            (Cert("robot.office.test", issuer=ca, start=-9, end=-2), "expired on"),
                            (Cert("robot.office.test"), "is self-signed")):
            refused_for(g, Admin(g, port, folder, cert), words)
        robot = Admin(g, port, folder, good)
        assert robot.put("/v1/parameters/calendar.spread_s", {"value": "7"}) == 200
        assert any("certificate robot.office.test" in json.dumps(e) for e in g.api("GET", "/v1/audit")["entries"])
        assert robot.put("/v1/parameters/calendar.spread_s", {"value": "8"}, Origin="https://evil.test") == 403
        stays = robot.connect()
        assert answer_of(stays) == 200 and answer_of(stays) == 200
        g.set("api.clients", "robot.office.test")
        assert answer_of(stays) == 200
        g.set("api.clients", "other.office.test")  # holds for who is there already, too
        wait_for(lambda: "https connection closed" in g.log(), what="the connection is cut off")
        try:
            assert not answer_of(stays)
        except (ssl.SSLError, ConnectionError, http.client.HTTPException):
            pass
        g.set("api.clients", "other.office.test, robot.office.test")
        assert g.run_ctl("cert", "crl", "add", "-", text_in=revocation_list(ca, [good])).returncode == 0
        g.set("tls.api_crl", "check")
        refused_for(g, Admin(g, port, folder, good), "was revoked by its authority")
        again = Cert("robot.office.test", issuer=ca, usages=(CLIENT,))
        assert Admin(g, port, folder, again).get("/v1/version")[0] == 200
        g.set("tls.api_crl", "off")
        g.set("tls.api_min_version", "1.3")
        old = Admin(g, port, folder, good)
        old.context.maximum_version = ssl.TLSVersion.TLSv1_2
        assert is_refused(old)
        g.api("POST", "/v1/identities/cup/self-signed", {"key": "ec-p256", "cn": listen, "names": listen})
        assert Admin(g, port, folder, good).get("/v1/version")[0] == 200  # it trusts the new one
        g.set("api.port", port + 1)
        assert is_refused(Admin(g, port, folder, good))
        assert Admin(g, port + 1, folder, good).get("/v1/version")[0] == 200
        assert g.stop() == 0
        g.start()
        assert Admin(g, port + 1, folder, good).get("/v1/version")[0] == 200
        try:
            Admin(g, port + 1, folder, good).put("/v1/parameters/api.port", {"value": "off"})
        except (ssl.SSLError, ConnectionError, http.client.HTTPException):
            pass  # who closes it over itself may get no answer
        assert is_refused(Admin(g, port + 1, folder, good))
        assert g.api("GET", "/v1/parameters/api.port")["value"] == "off"


if __name__ == "__main__":
    run([f for name, f in sorted(globals().items()) if name.startswith("test_")])
    sys.exit(0)

"""What an administrator has when SIP does not work: levels of each part of the log, the newest messages, and the
seven points of TLS with another server."""

import json
import socket
import sys
import threading

from gateway import SIP_PORT, wait_for
from house import run
from test_sip import Office, Stream, subscribe, told
from test_sip_tls import House


def test_levels():
    """each part of SIP has a level of its own, changed at once; without one it has that of the whole"""
    with Office() as g, Stream(g) as s:
        def news(action):
            before = len(g.log())
            action()
            wait_for(lambda: g.sip()["requests"])
            return g.log()[before:]

        def ask(number, **how):
            s.send(subscribe(number, **how))
            if how:
                s.receive()
            else:
                told(s)
        assert "sip.message" not in news(lambda: ask(1))
        g.ctl("log-level", "debug", "sip.message")
        text = news(lambda: ask(2))
        assert 'message in peer=' in text and "start='SUBSCRIBE sip:bob@sip.test SIP/2.0'" in text, text
        assert "start='SIP/2.0 200 OK'" in text and "NOTIFY" in text and "sip.method" not in text, text
        assert "<presence" not in text and "pidf" not in text.replace("application/pidf+xml", ""), text
        g.ctl("log-level", "debug", "sip")
        g.ctl("log-level", "info", "sip.message")
        text = news(lambda: ask(3))
        assert "sip.method: request method=SUBSCRIBE" in text and "sip.message" not in text, text
        g.set("sip.domains", "")
        g.set("sip.incoming_acl", "192.0.2.1")
        text = news(lambda: ask(4, user="bob"))
        assert "sip.acl: ACL - upstream not trusted - need to authenticate" in text, text


def test_connection_lost():
    """which server cannot be reached stands in the log"""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with Office() as g, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendto(subscribe(1, "UDP", contact=f"localhost:{port}").replace(b"transport=udp", b"transport=tcp"),
                 (g.address, SIP_PORT))
        wait_for(lambda: f'sip.tcp: connection lost to="TCP localhost {port}" reason="cannot connect' in g.log(),
                 what="the server in the log")


def test_strangers_in_the_log():
    """whoever connects and breaks off, or talks nonsense, fills no log; all of it is there at level debug"""
    with Office() as g:
        def nonsense(times):
            for _ in range(times):
                with socket.create_connection((g.address, SIP_PORT)) as s:
                    s.sendall(b"INVITE x SIP/2.0\r\nContent-Length: -1\r\n\r\n")
                    s.settimeout(10)
                    while s.recv(1000):
                        pass

        nonsense(90)
        assert 30 <= g.log().count("sip.tcp: connection broken") <= 60, g.log()
        g.ctl("log-level", "debug", "sip.tcp")
        nonsense(5)
        assert g.log().count("sip.tcp: connection broken") >= 35, g.log()


def test_trace():
    """the newest messages, of one call or of all: heads without bodies, without credentials; bounded"""
    with Office() as g, Stream(g) as s:
        s.send(subscribe(1).replace(b"Event:", b"Authorization: Digest username=\"bob\",\r\n response=\"f00\"\r\nEvent:"))
        told(s)
        s.send(subscribe(2))
        told(s)
        text = g.ctl("sip", "trace")
        assert text.count("SUBSCRIBE sip:bob@") == 2 and text.count("NOTIFY sip:ann@") == 2, text
        text = g.ctl("sip", "trace", "c1")
        assert "Call-ID: c1" in text and "Call-ID: c2" not in text, text
        assert "Content-Type: application/pidf+xml" in text and "<presence" not in text, text
        assert "Authorization:****" in text and "f00" not in text and "Digest" not in text, text
        assert "(a body of " in text, text
        assert "no message of this call" in g.ctl("sip", "trace", "nothing")
        first = g.ctl_json("sip", "trace", "c1")["messages"][0]
        assert (first["direction"], first["transport"], first["call_id"]) == ("in", "TCP", "c1"), first
        g.set("sip.trace", "Call-ID: c4")
        for number in (3, 4):
            s.send(subscribe(number))
            told(s)
        calls = {m["call_id"] for m in g.ctl_json("sip", "trace")["messages"]}
        assert "c4" in calls and "c3" not in calls, calls
        g.set("sip.trace", "")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as u:
            for _ in range(600):  # whatever comes, also what is no message
                u.sendto(b"\x00\xff\x1b[31m \r\n" * 200, (g.address, 5060))
            wait_for(lambda: len(g.ctl_json("sip", "trace")["messages"]) == 500)
            text = g.ctl("sip", "trace")
            assert "\x1b" not in text and "\x00" not in text, text[:200]


class Peer:
    """A TLS server that says nothing."""

    def __init__(self, context):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.context = context
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                raw, _ = self.socket.accept()
                with self.context.wrap_socket(raw, server_side=True) as s:
                    s.recv(1)
            except ValueError:
                return
            except OSError:
                if self.socket.fileno() < 0:
                    return

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.socket.close()


def marks(house, port):
    done = house.run_ctl("--json", "diag", "tls", f"127.0.0.1:{port}")
    points = json.loads(done.stdout)
    assert done.returncode == (1 if "NO" in [p["result"] for p in points] else 0), done
    return [p["result"] for p in points], points


def test_diag_tls():
    """each of the seven points is told apart"""
    with House() as h:
        zoo = h.zoo
        h.set("sip.server_auth_port", 5063)
        h.set("sip.peer_auth_port", 5061)
        for cert, wrong in ((zoo.good, [3]), (zoo.expired, [3, 4, 7]), (zoo.server_only, [3, 5, 7]),
                            (zoo.other, [3, 6, 7]), (zoo.stranger, [3, 7])):
            with Peer(zoo.server(cert)) as peer:
                found, points = marks(h, peer.port)
                assert [i + 1 for i, mark in enumerate(found) if mark == "NO"] == wrong, points
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        found, points = marks(h, port)
        assert found == ["NO", "ok", "NO", "?", "?", "?", "?"], points
        h.set("sip.server_auth_port", "off")
        h.set("sip.peer_auth_port", 5062)
        found, points = marks(h, port)
        assert found[1] == "NO" and "5061" in points[1]["text"], points
        h.set("sip.peer_auth_port", "off")
        text = h.run_ctl("diag", "tls", f"127.0.0.1:{port}").stdout
        assert "2 NO  Our peer-auth listener has port 5061" in text, text
        # Signed by the same authority as theirs.
        request = h.ctl("cert", "own", "request", "cup")
        signed = zoo.ca.sign_request(request)
        h.api("POST", "/v1/identities/cup/certificate", {"pem": signed + zoo.ca.pem})
        h.set("sip.peer_auth_port", 5061)
        with Peer(zoo.server(zoo.good)) as peer:
            found, points = marks(h, peer.port)
            assert found == ["ok"] * 7, points
        assert h.run_ctl("diag", "tls", "[::1").returncode == 2


if __name__ == "__main__":
    run([f for name, f in sorted(globals().items()) if name.startswith("test_") and callable(f)])
    sys.exit(0)

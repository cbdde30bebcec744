"""SIP on real sockets as peers use and abuse it: TLS, streams in pieces, broken and hostile messages, limits;
settings that take effect at once."""

import random
import socket
import ssl
import sys
import time

from gateway import SIP_PORT, SIP_TLS_PORT, ApiError, Gateway, wait_for
from house import run
from sip import Message

DOMAIN = "sip.test"


def subscribe(number, transport="TCP", user="bob", contact="127.0.0.1:9", via="127.0.0.1:9", expires=600):
    return (f"SUBSCRIBE sip:{user}@{DOMAIN} SIP/2.0\r\n"
            f"Via: SIP/2.0/{transport} {via};branch=z9hG4bK{number};rport\r\n"
            f"From: <sip:ann@{DOMAIN}>;tag=a{number}\r\nTo: <sip:{user}@{DOMAIN}>\r\n"
            f"Call-ID: c{number}\r\nCSeq: 1 SUBSCRIBE\r\n"
            f"Contact: <sip:ann@{contact};transport={transport.lower()}>\r\nMax-Forwards: 70\r\n"
            f"Event: presence\r\nExpires: {expires}\r\nContent-Length: 0\r\n\r\n").encode()


def answer(notify):
    lines = "".join(f"{n}: {v}\r\n" for n in ("Via", "From", "To", "Call-ID", "CSeq") for v in notify.all(n))
    return f"SIP/2.0 200 OK\r\n{lines}Content-Length: 0\r\n\r\n".encode()


class Stream:
    def __init__(self, gateway=None, tls=False, taken=None):
        self.socket = taken or socket.create_connection(
            (gateway.address, SIP_TLS_PORT if tls else SIP_PORT), 5)
        if tls:
            self.socket = ssl._create_unverified_context().wrap_socket(self.socket)
        self.socket.settimeout(5)
        self.buffer = b""

    def send(self, data):
        self.socket.sendall(data)

    def receive(self):
        """The next message; None: closed."""
        while b"\r\n\r\n" not in self.buffer:
            if not self._more():
                return None
        head, _, rest = self.buffer.partition(b"\r\n\r\n")
        length = int(Message(head.decode() + "\n\n").get("Content-Length"))
        while len(rest) < length:
            assert self._more(), "closed in a body"
            rest = self.buffer.partition(b"\r\n\r\n")[2]
        self.buffer = rest[length:]
        return Message((head + b"\r\n\r\n" + rest[:length]).decode())

    def _more(self):
        try:
            data = self.socket.recv(65536)
        except ConnectionError:
            return False
        self.buffer += data
        return bool(data)

    def is_closed(self):
        return self.receive() is None

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.socket.close()


class Office(Gateway):
    def __enter__(self):
        super().__enter__()
        self.api("POST", "/v1/domains", {"name": DOMAIN})
        self.api("POST", "/v1/users", [{"user": f"bob@{DOMAIN}", "im": True}])
        self.set("sip.incoming_acl", "127.0.0.0/8, localhost")
        self.set("sip.domains", f"{DOMAIN}@127.0.0.0/8")
        return self

    def sip(self):
        return self.api("GET", "/v1/status")["sip"]


def told(stream):
    """The answer and the first notification, which is answered."""
    first, notify = stream.receive(), stream.receive()
    assert first.start == "SIP/2.0 200 OK", first
    assert notify.start.startswith("NOTIFY "), notify
    stream.send(answer(notify))
    return notify


def test_tls():
    """over TLS, notified on the same connection"""
    with Office() as g, Stream(g, tls=True) as s:
        s.send(subscribe(1, "TLS"))
        notify = told(s)
        assert notify.get("Via").startswith("SIP/2.0/TLS "), notify.headers
        assert ";transport=tls>" in notify.get("Contact"), notify.headers
        assert g.sip()["subscriptions"] == 1


def test_pieces():
    """byte by byte, and three messages in one segment; pings are answered"""
    with Office() as g, Stream(g) as s:
        for byte in subscribe(1):
            s.send(bytes([byte]))
        told(s)
        s.send(b"\r\n\r\n" + subscribe(2) + subscribe(3) + b"\r\n\r\n")
        end, seen = time.monotonic() + 5, b""
        while time.monotonic() < end and (seen.count(b"NOTIFY sip:") < 2 or not seen.endswith(b"\r\n")):
            seen += s.socket.recv(65536)
        assert seen.startswith(b"\r\nSIP/2.0 200 OK"), seen[:80]
        assert g.sip()["subscriptions"] == 3


def test_broken_streams():
    """lengths that lie, endless headers and other protocols end the connection, and only that"""
    with Office() as g, Stream(g) as good:
        bad = [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
               subscribe(1).replace(b"Content-Length: 0", b"Content-Length: -1"),
               subscribe(1).replace(b"Content-Length: 0", b"Content-Length: 99999999999999999999"),
               subscribe(1).replace(b"Content-Length: 0", b"Content-Length: 0\r\nl: 0"),
               b"A" * 20000, b"\r\r", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"]
        for text in bad:
            with Stream(g) as s:
                s.send(text)
                assert s.is_closed(), text[:60]
        assert g.sip()["broken_connections"] == len(bad)
        good.send(subscribe(2))
        told(good)


def test_floods():
    """garbage and strangers by the ten thousand: refused, counted, nothing kept"""
    generator = random.Random(9)
    with Office() as g:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.connect((g.address, SIP_PORT))
            sent = 0
            for i in range(20000):
                size = generator.randint(0, 600)
                data = generator.randbytes(size) if i % 2 else subscribe(i, "UDP")[:-1][:size]
                s.send(data)
                sent += bool(data.strip(b" \t\r\n"))  # else a keep-alive
                if i % 100 == 99:  # no more at once than the kernel has room for
                    wait_for(lambda: g.sip()["malformed"] == sent, every=0.002)
        before = g.sip()
        assert before["malformed"] == sent > 19000, before
        assert before["subscriptions"] == 0, before
        g.set("sip.domains", "")
        g.set("sip.incoming_acl", "192.0.2.1")
        with Stream(g) as s:
            for i in range(2000):
                s.send(subscribe(i))
            for i in range(2000):
                assert s.receive().start == "SIP/2.0 403 Forbidden"
        after = g.sip()
        assert after["refused_by_acl"] >= 2000 and after["subscriptions"] == 0, after


def test_limits():
    """connections and subscriptions of one address"""
    with Office() as g:
        g.set("sip.connections_per_peer", 3)
        streams = [Stream(g) for _ in range(3)]
        wait_for(lambda: g.sip()["connections"] == 3)
        with Stream(g) as one_too_many:
            assert one_too_many.is_closed()
        assert g.sip()["refused_connections"] == 1
        g.set("sip.subscriptions_per_peer", 2)
        for i in range(2):
            streams[0].send(subscribe(i))
            told(streams[0])
        streams[0].send(subscribe(2))
        refusal = streams[0].receive()
        assert refusal.start.startswith("SIP/2.0 503 ") and refusal.get("Retry-After") == "60", refusal
        for s in streams:
            s.socket.close()
        wait_for(lambda: g.sip()["connections"] == 0)
        with Stream(g) as s:
            s.send(b"\r\n\r\n")
            assert s.socket.recv(9) == b"\r\n"


SDP = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=session\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=message 5060 sip null\r\n"


def invite(number, body=SDP):
    return (f"INVITE sip:bob@{DOMAIN} SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bKi{number}\r\n"
            f"From: <sip:ann{number}@{DOMAIN}>;tag=a\r\nTo: <sip:bob@{DOMAIN}>\r\nCall-ID: i{number}\r\n"
            f"CSeq: 1 INVITE\r\nContact: <sip:ann@127.0.0.1:9;transport=tcp>\r\nMax-Forwards: 70\r\n"
            f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n{body}").encode()


def inside(answer, method, number, body="", tag=None):
    """A request in the session that an answer has made."""
    to = answer.get("To") if tag is None else f"<sip:bob@{DOMAIN}>;tag={tag}"
    return (f"{method} sip:bob@{DOMAIN} SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bKj{number}{method}\r\n"
            f"From: {answer.get('From')}\r\nTo: {to}\r\nCall-ID: {answer.get('Call-ID')}\r\n"
            f"CSeq: {number} {method}\r\nMax-Forwards: 70\r\nContent-Type: text/plain\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}").encode()


def test_sessions():
    """a flood of INVITEs meets its limit; descriptions that are too large, wrong tags and numbers change nothing"""
    with Office() as g, Stream(g) as s:
        g.set("sip.sessions_per_peer", 50)
        s.send(b"".join(invite(i) for i in range(300)))
        # None is acknowledged: what was accepted is said again meanwhile.
        answers = {}
        while len(answers) < 300:
            m = s.receive()
            answers[m.get("Call-ID")] = m
        taken = [m for m in answers.values() if m.start.startswith("SIP/2.0 200 ")]
        assert len(taken) == 50, len(taken)
        assert all(m.start.startswith("SIP/2.0 503 ") and m.get("Retry-After") for m in answers.values()
                   if m not in taken)
        assert g.sip()["sessions"] == 50
        one = taken[0]
        for number, request, status in (
                (2, invite(1000, SDP + "a=x\r\n" * 3000), 413), (3, invite(1001, "v=0\r\n" + "m=x\r\n" * 99), 400),
                (4, inside(one, "MESSAGE", 9, "x", tag="guessed"), 481), (5, inside(one, "BYE", 0), 500),
                (6, inside(one, "MESSAGE", 5, "x" * 9000), 413), (7, inside(one, "MESSAGE", 5, "again"), 500),
                (8, inside(one, "BYE", 6), 200), (9, inside(one, "MESSAGE", 7, "late"), 481)):
            s.send(request)
            wanted = Message(request.decode()).get("CSeq"), Message(request.decode()).get("Call-ID")
            m = s.receive()
            while (m.get("CSeq"), m.get("Call-ID")) != wanted:
                m = s.receive()
            assert m.start.startswith(f"SIP/2.0 {status} "), (number, m.start)
        assert g.sip()["sessions"] == 49


def test_slow_peer():
    """a server with many watchers that reads nothing for a while: the connection stands, and all are told"""
    with Office() as g, Stream(taken=socket.socket()) as s:
        told_busy, before = set(), -1
        name, route = b'"' + b"x" * 900 + b'" <', b"Record-Route: <sip:127.0.0.1;lr;x=" + b"x" * 900 + b">\r\n"
        s.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        s.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        s.socket.connect((g.address, SIP_PORT))
        for i in range(1300):  # some 6 MB: more than waits for a connection, and what the kernel takes
            s.send(subscribe(i).replace(b": <sip:ann@sip", b": " + name + b"sip:ann@sip")
                   .replace(b"To: <", b"To: " + name).replace(b"Event:", 2 * route + b"Event:"))
            told(s)
        g.ctl("override", "set", f"bob@{DOMAIN}", "busy", "--until-cleared")
        while g.sip()["notified"] > before:
            before = g.sip()["notified"]
            time.sleep(0.2)
        while len(told_busy) < 1300:
            m = s.receive()
            assert m is not None, "the connection broke"
            s.send(answer(m))
            told_busy.add(m.get("Call-ID"))
        assert g.sip()["notify_failed"] == 0


def test_refresh_from_a_name():
    """a contact with a name is connected to, and may refresh over that connection: admitted by its address"""
    with Office() as g, socket.create_server(("127.0.0.1", 0)) as watcher:
        contact = f"localhost:{watcher.getsockname()[1]}"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(subscribe(1, "UDP", contact=contact).replace(b"transport=udp", b"transport=tcp"),
                     (g.address, SIP_PORT))
            watcher.settimeout(10)
            with Stream(taken=watcher.accept()[0]) as back:
                notify = back.receive()
                back.send(answer(notify))
                back.send(subscribe(1, contact=contact)
                          .replace(f"<sip:bob@{DOMAIN}>".encode(), notify.get("From").encode())
                          .replace(b"CSeq: 1 ", b"CSeq: 2 "))
                assert back.receive().start == "SIP/2.0 200 OK"
                assert back.receive().start.startswith("NOTIFY ")


def test_to_itself():
    """a contact that is the gateway's own address: the loop is seen, and the subscription over"""
    with Office() as g, Stream(g) as s:
        s.send(subscribe(1, "UDP", contact=f"{g.address}:{SIP_PORT}"))
        assert s.receive().start == "SIP/2.0 200 OK"
        wait_for(lambda: g.sip()["notify_failed"] == 1)
        assert g.sip()["subscriptions"] == 0
        assert "watcher gone" in g.log() and "result=482" in g.log()


def test_settings():
    """a wrong list is refused in words, and the old one stays; a domain that leaves is told so"""
    with Office() as g, Stream(g) as s:
        for key, value, words in [("sip.incoming_acl", "192.0.2.0/99", "neither an address"),
                                  ("sip.domains", "a.example=icq", "is not a domain"),
                                  ("sip.public_address", "gw.example:5060", "neither a host name"),
                                  ("sip.public_address", "sip:[::1]", "neither a host name"),
                                  ("sip.federation_fqdn", "a b", "is not a host name"),
                                  ("sip.federation_fqdn", "a.example:0", "is not a host name"),
                                  ("sip.partitioned_mode", "clever", "advanced")]:
            try:
                g.set(key, value)
                raise AssertionError(f"{key} took {value}")
            except ApiError as error:
                assert words in str(error), error
        for address in ("Gw-1.example", "2001:db8::1", "192.0.2.1", ""):
            g.set("sip.public_address", address)
        g.set("sip.domains", "partner.test=lync")
        s.send(subscribe(1).replace(f"<sip:ann@{DOMAIN}>".encode(), b"<sip:ann@partner.test>"))
        told(s)
        g.set("sip.domains", "")
        assert s.receive().get("Subscription-State") == "terminated;reason=rejected"


if __name__ == "__main__":
    run([f for name, f in sorted(globals().items()) if name.startswith("test_")])
    sys.exit(0)

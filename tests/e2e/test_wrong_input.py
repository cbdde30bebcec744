"""Wrong input everywhere: each ends in a clear message, a closed connection or a retry; nothing is lost,
and the daemon (under AddressSanitizer in this build) lives on."""

import http.client
import os
import select
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.parse

import house
from gateway import NOTIFICATION_PORT, XMPP_PORT, ApiError, Gateway, own_address, program, wait_for
from house import House

MSGS = "http://schemas.microsoft.com/exchange/services/2006/messages"
TYPES = "http://schemas.microsoft.com/exchange/services/2006/types"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"


def notification(subscription_id):
    return (f'<s:Envelope xmlns:s="{SOAP}"><s:Body><m:SendNotification xmlns:m="{MSGS}" '
            f'xmlns:t="{TYPES}"><m:ResponseMessages><m:SendNotificationResponseMessage '
            'ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode><m:Notification>'
            f"<t:SubscriptionId>{subscription_id}</t:SubscriptionId>"
            "<t:PreviousWatermark>AA==</t:PreviousWatermark><t:MoreEvents>false</t:MoreEvents>"
            "<t:StatusEvent><t:Watermark>AA==</t:Watermark></t:StatusEvent></m:Notification>"
            "</m:SendNotificationResponseMessage></m:ResponseMessages></m:SendNotification>"
            "</s:Body></s:Envelope>")


def post(url, body, method="POST", content_type="text/xml; charset=utf-8"):
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=15)
    try:
        connection.request(method, parts.path, body, {"Content-Type": content_type})
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    finally:
        connection.close()


def test_notifications():
    """not XML, too long, unknown token, another method, a dead subscription's token, half a request"""
    with House() as h:
        sub = next(s for s in h.mock.subscriptions() if s["user"].startswith("bob"))
        url, name = sub["url"], sub["id"]
        assert "OK" in post(url, notification(name))[1]
        for body in ("", "not xml", "<a", "<a/>", "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>",
                     "<a>" * 5000, "\0\0\0", notification(name)[:-30]):
            status, text = post(url, body)
            assert 400 <= status < 500, (body[:20], status)
            assert "SubscriptionStatus" not in text
        try:
            assert post(url, "x" * (4 * 1024 * 1024))[0] == 413
        except (ConnectionError, BrokenPipeError):
            pass  # closed while the body was still being sent
        assert post(url, "", method="GET")[0] in (404, 405)
        unknown = url[:-32] + "0123456789abcdef" * 2
        status, text = post(unknown, notification(name))
        assert status == 200 and "Unsubscribe" in text, (status, text)
        status, text = post(url.rsplit("/", 1)[0] + "/" + "x" * 3000, notification(name))
        assert (status == 200 and "Unsubscribe" in text) or 400 <= status < 500, status

        # A sender that stalls in the middle does not hold anybody up.
        parts = urllib.parse.urlsplit(url)
        stalled = [socket.create_connection((parts.hostname, parts.port)) for _ in range(150)]
        for s in stalled:
            s.sendall(b"POST " + parts.path.encode() + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n<")
        assert "OK" in post(url, notification(name))[1]

        # Nor do thousands from one address: the others are heard all the same.
        crowd = [socket.socket() for _ in range(1000)]
        for s in crowd:
            s.bind(("127.250.0.1", 0))
            s.settimeout(0.2)
            try:
                s.connect((parts.hostname, parts.port))
                s.sendall(b"POST / HTTP/1.1\r\n")
            except OSError:
                pass  # turned away
        look = select.poll()
        for s in crowd:
            look.register(s, select.POLLIN | select.POLLHUP)
        turned_away = wait_for(lambda: len(look.poll(0)) >= 700 and len(look.poll(0)), 10,
                               "most of a thousand connections of one address to be turned away")
        print(f"   {turned_away} of 1000 connections of one address turned away")
        assert "OK" in post(url, notification(name))[1]
        h.meeting("bob", "-1m", "1h")
        wait_for(lambda: h.explain("bob")["published"]["text"] == "In a meeting", 10)
        for s in stalled + crowd:
            s.close()

        # An old subscription: its user is off, its token unknown, its server told to end it.
        h.gateway.api("PATCH", f"/v1/users/{h.jid('bob')}", {"calendar": False})
        assert "Unsubscribe" in post(url, notification(name))[1]
        h.meeting("bob", "+2h", "1h")  # the server has something to tell, and need not wait for its hour
        wait_for(lambda: not any(s["user"].startswith("bob") for s in h.mock.subscriptions()), 10,
                 "the mock to drop bob's subscription")


def test_exchange_answers():
    """HTML, 401, 500, 503, half a document, nothing: a retry, and the right presence in the end"""
    with House(settings={"calendar.exchange_timeout_s": 1}) as h, \
            h.client("ann") as ann, h.client("bob") as bob:
        h.befriend(ann, bob)
        faults = [{"kind": "html"}, {"kind": "status", "status": 500},
                  {"kind": "status", "status": 503, "retry_after": 1},
                  {"kind": "fault", "code": "ErrorServerBusy", "back_off_ms": 1500},
                  {"kind": "fault", "code": "ErrorInternalServerTransientError"},
                  {"kind": "half"}, {"kind": "cut"}, {"kind": "close"}, {"kind": "stall"}]
        meeting = None
        for fault in faults:
            for cas in h.mock.cas:
                h.mock.fault(cas, count=2, operation="FindItem", **fault)
            asked = time.time()
            if meeting:
                h.mock.delete(f"/meetings/{meeting['id']}")
                meeting, expected = None, ("available", "")
            else:
                meeting, expected = h.meeting("bob", "-1m", "1h"), ("away", "In a meeting")
            seen = ann.wait_contact(bob.jid, expected, 60, after=asked)
            print(f"   {fault}: right after {seen.at - asked:.1f} s")
            for cas in h.mock.cas:
                h.mock.delete(f"/cas/{cas}/faults")
            wait_for(lambda: all(g["state"] == "up"
                                 for g in h.gateway.api("GET", "/v1/gateways")["gateways"]),
                     60, "gateways up again")
        log = h.gateway.log()
        assert "secret" not in log and "Authorization" not in log


def test_wrong_password():
    """a refused service account is said clearly, tried twice in all, and mended live"""
    with House(cas=4, crowd=20) as h:
        h.gateway.api("PATCH", "/v1/gateways/cas1", {"password": "wrong"})
        h.meeting("bob", "-1m", "1h")
        problems = wait_for(lambda: [g["problem"] for g in
                                     h.gateway.api("GET", "/v1/gateways")["gateways"]
                                     if g["state"] == "refused"], 30, "a problem to be shown")
        assert "account" in problems[0], problems
        check = h.gateway.run_ctl("gateway", "check")
        assert check.returncode == 1 and "account or password refused" in check.stdout, check.stdout
        wait_for(lambda: h.gateway.status()["gateways"] == {"refused": 4}, 30, "all four refused")
        tries = sum(account["bad_passwords"] for account in h.mock.get("/accounts")["accounts"])
        assert tries <= 2, f"{tries} logins with a wrong password: four servers, one account"

        h.gateway.api("PATCH", "/v1/gateways/cas1", {"password": h.mock.account[1]})
        wait_for(lambda: h.explain("bob")["published"]["text"] == "In a meeting", 30)
        assert h.gateway.run_ctl("gateway", "check").returncode == 0


def xmpp_socket(h):
    return socket.create_connection((h.gateway.address, XMPP_PORT), timeout=20)


def read_to_end(s):
    data = b""
    try:
        while piece := s.recv(65536):
            data += piece
    except (ConnectionError, ssl.SSLError, socket.timeout):
        pass
    return data


HEADER = (f"<?xml version='1.0'?><stream:stream to='{house.DOMAIN}' xmlns='jabber:client' "
          "xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>").encode()


def tls_socket(h):
    s = xmpp_socket(h)
    s.sendall(HEADER + b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
    data = b""
    while b"<proceed" not in data:
        data += s.recv(4096)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(s)


def test_xmpp_clients():
    """clients that stall, flood, send malformed or unencrypted data"""
    with House() as h, h.client("ann") as ann:
        stalled = [xmpp_socket(h) for _ in range(20)]

        for data, condition in [
                (b"GET / HTTP/1.1\r\n\r\n", b"not-well-formed"),
                (HEADER + b"<!-- hello -->", b"restricted-xml"),
                (b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]>" + HEADER, b"restricted-xml"),
                (HEADER + b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGFu"
                          b"bgBh</auth>", None),
                (HEADER + b"<message to='bob@kalends.test'><body>x</body></message>", None),
                (HEADER + b"<iq", None),
                (HEADER + b"<a>" * 10000, None),
                (HEADER + b"<message><body>" + b"x" * 2_000_000, None),
                (HEADER.replace(b"kalends.test", b"elsewhere.test"), b"host-unknown"),
                (HEADER.replace(b"jabber:client", b"jabber:nothing") + b"<iq type='get' id='1'/>",
                 b"stream:error"),
                (b"\xff\xfe\x00<", None)]:
            s = xmpp_socket(h)
            try:
                s.sendall(data)
                s.shutdown(socket.SHUT_WR)
            except OSError:
                pass
            answer = read_to_end(s)
            if condition:
                assert condition in answer, (data[:60], answer[-300:])
            assert b"<success" not in answer
            s.close()

        # STARTTLS, and something pushed in behind it in clear.
        s = xmpp_socket(h)
        s.sendall(HEADER + b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><injected/>")
        read_to_end(s)
        s.close()

        # Encrypted but wrong: no login, and a flood of white space and of elements.
        for data in (HEADER + b"<iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq>",
                     HEADER + b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='NONE'/>",
                     HEADER + b"<a/>" * 20000, HEADER + b" " * 1_000_000):
            s = tls_socket(h)
            try:
                s.sendall(data)
                s.shutdown(socket.SHUT_WR)
            except OSError:
                pass
            assert b"<success" not in read_to_end(s)
            s.close()

        try:
            h.client("bob", password="wrong").start()
            raise AssertionError("logged in with a wrong password")
        except ConnectionError:
            pass
        try:
            h.client("nobody").start()
            raise AssertionError("logged in as nobody")
        except ConnectionError:
            pass

        ann.ping()  # all the while, those who behave are served
        with h.client("bob") as bob:
            h.befriend(ann, bob)
        for s in stalled:
            s.close()
        log = h.gateway.log()
        assert house.PASSWORD not in log and "AGFuBgBh" not in log


def test_parameters():
    """values out of range and keys that do not exist are refused, in words; nothing changes"""
    with Gateway() as gateway:
        for key, value in [("calendar.spread_s", "60"), ("calendar.spread_s", "-1"),
                           ("calendar.spread_s", "soon"), ("calendar.notification_port", "80"),
                           ("calendar.exchange_timeout_s", "0"), ("calendar.exchange_timeout_s", "21"),
                           ("calendar.status_frequency_min", "1441"), ("calendar.oof_display", "maybe"),
                           ("calendar.exchange_threads", "99999999999999999999"),
                           ("calendar.no_such_thing", "1"), ("", "1")]:
            before = gateway.ctl("get")
            done = gateway.run_ctl("set", key, "--", value)
            assert done.returncode in (1, 2), (key, value, done)
            assert done.stderr.strip(), (key, value, done)
            assert gateway.ctl("get") == before
        assert "0..59" in gateway.run_ctl("set", "calendar.spread_s", "60").stderr
        gateway.ctl("set", "calendar.spread_s", "auto")
        for path, body in [("/v1/domains", []), ("/v1/domains", {"name": "a b"}),
                           ("/v1/users", {"user": "no-domain"}), ("/v1/users", {"user": 5}),
                           ("/v1/gateways", {"name": "x", "host": "h", "port": 99999})]:
            try:
                gateway.api("POST", path, body)
                raise AssertionError(f"{path} took {body}")
            except ApiError as error:
                assert error.status in (400, 404, 409, 422) and error.answer["error"], error


def starts(*args, timeout=20):
    return subprocess.run([program("kalendsd"), *args], capture_output=True, text=True,
                          timeout=timeout, stdin=subprocess.DEVNULL)


def test_start():
    """a port that is taken, a data directory without permission or in use, a wrong configuration"""
    with tempfile.TemporaryDirectory() as folder:
        for port in (XMPP_PORT, NOTIFICATION_PORT):
            gateway = Gateway()
            with socket.socket() as taken:
                taken.bind((gateway.address, port))
                taken.listen()
                done = starts("--data", gateway.data, "--config", gateway.config)
                assert done.returncode == 1, done
                assert str(port) in done.stderr and "taken" in done.stderr, done.stderr
                if port == NOTIFICATION_PORT:  # the way out that the message names; it is kept
                    assert "--notification-port" in done.stderr, done.stderr
                    gateway.start(arguments=["--notification-port", "50021"])
                    gateway.stop()
                    gateway.start()
                    assert gateway.status()["notifications"]["port"] == 50021
                    assert gateway.stop() == 0
            gateway.remove()

        with Gateway() as gateway:
            other = own_address()
            path = os.path.join(folder, "second.conf")
            with open(path, "w", encoding="ascii") as f:
                f.write(f"xmpp_listen = {other}\nsip_listen = {other}\nnotification_listen = {other}\n")
            done = starts("--data", gateway.data, "--config", path)
            assert done.returncode == 1 and gateway.data in done.stderr, done

        deep = os.path.join(folder, "d" * 100)  # a socket's path has 107 bytes
        os.mkdir(deep, 0o700)
        done = starts("--data", deep, "--config", path)
        assert done.returncode == 1 and "shorter path" in done.stderr, done

        for text, words in [("xmpp_port = 70000\n", ":1:"), ("\n\nnonsense\n", ":3:"),
                            ("no_such_key = 1\n", "no_such_key")]:
            path = os.path.join(folder, "wrong.conf")
            with open(path, "w", encoding="ascii") as f:
                f.write(text)
            done = starts("--data", folder, "--config", path)
            assert done.returncode != 0 and words in done.stderr, (text, done)

        done = starts("--data", os.path.join(folder, "no", "such", "place"))
        assert done.returncode == 1 and "no/such/place" in done.stderr, done
        file = os.path.join(folder, "file")
        with open(file, "w", encoding="ascii"):
            pass
        done = starts("--data", file)
        assert done.returncode == 1 and file in done.stderr, done

        if os.getuid() == 0:  # root may write everywhere: become somebody else
            locked = os.path.join(folder, "locked")
            os.mkdir(locked, 0o700)
            os.chmod(folder, 0o755)
            done = subprocess.run([program("kalendsd"), "--data", locked], capture_output=True,
                                  text=True, timeout=20, user=65534, group=65534, check=False,
                                  stdin=subprocess.DEVNULL)
        else:
            locked = os.path.join(folder, "locked")
            os.mkdir(locked, 0o500)
            done = starts("--data", locked)
        assert done.returncode == 1 and "locked" in done.stderr and \
            "ermission" in done.stderr, done


if __name__ == "__main__":
    house.run([test_notifications, test_exchange_answers, test_wrong_password, test_xmpp_clients,
               test_parameters, test_start])

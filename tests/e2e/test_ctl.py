"""kalendsctl: every command against a daemon, wrong command lines, hostile answers, prompts."""

import contextlib
import json
import os
import pty
import re
import select
import signal
import socket
import socketserver
import subprocess
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import house
from gateway import Gateway, Watch, program, wait_for
from house import DOMAIN, House

OK, FAILED, USAGE, UNREACHABLE = range(4)


def ctl(*args, text_in=None, env=None):
    return subprocess.run([program("kalendsctl"), *args], input=text_in, capture_output=True,
                          text=True, timeout=60, env={**os.environ, "TZ": "UTC", **(env or {})},
                          stdin=subprocess.DEVNULL if text_in is None else None)


# -- without a daemon -----------------------------------------------------------------------------


def commands():
    """(words, synopsis) of every command, from the help."""
    listed = ctl("--help").stdout.split("Commands:\n")[1].split("\n\n")[0].splitlines()
    for line in listed:
        synopsis = re.split(r"\s{2,}", line.strip())[0]
        yield [w for w in synopsis.split() if w == w.lower() and w[0] != "["], synopsis


def test_help():
    """--help at every level, with an example that names the command; no daemon needed"""
    found = list(commands())
    assert len(found) > 20
    for words, synopsis in found:
        for form in ([*words, "--help"], ["help", *words], ["-h", *words], [words[0], "--help"]):
            done = ctl(*form)
            assert done.returncode == OK and not done.stderr, (form, done)
            assert "--json" in done.stdout and "Examples:" in done.stdout, form
            assert synopsis in done.stdout and max(map(len, done.stdout.splitlines())) < 130, form
        assert re.search(rf"Examples:(.|\n)*kalendsctl {' '.join(words)}", ctl(*words, "-h").stdout)
    assert "Exit status" in ctl("--help").stdout
    assert ctl("--version").stdout.startswith("kalendsctl ")


def test_wrong_command_lines():
    """each is exit 2 with a sentence that names what is wrong; nothing is asked of a daemon"""
    for args, says in [
            ([], "command is missing"), (["usr"], "'usr'"), (["user"], "further word"),
            (["user", "frob"], "'frob'"), (["user", "add"], "USER is missing"),
            (["user", "add", ""], "USER is empty"), (["domain", "add"], "NAME... is missing"),
            (["set", "calendar.spread_s"], "VALUE is missing"), (["set", "", "1"], "KEY is empty"),
            (["status", "now"], "'now' is too much"), (["get", "a", "b"], "'b' is too much"),
            (["user", "add", "ann", "--mial", "x"], "'--mial'"),
            (["user", "add", "ann", "--mail"], "'--mail' needs a value"),
            (["user", "add", "ann", "--mail", "--im"], "'--mail' needs a value"),
            (["user", "add", "ann", "--im=yes"], "takes no value"),
            (["user", "add", "ann", "--im", "--im"], "twice"), (["-x", "status"], "'-x'"),
            (["--mail", "x", "user", "add", "ann"], "must follow the command"),
            (["--socket"], "'--socket' needs a value"),
            (["--socket=", "status"], "'--socket' is empty"), (["gateway", "add", "cas1"], "--host"),
            (["gateway", "edit", "cas1"], "nothing to change"),
            (["user", "edit", "ann"], "nothing to change"),
            (["cert", "trust", "remove", "xyz"], "hexadecimal"),
            (["cert", "trust", "add", "/no/such/file"], "/no/such/file"),
            (["cert", "trust", "add", "/"], "directory"),
            (["password", "set", "ann", "--password-stdin"], "standard input")]:
        done = ctl(*args, env={"KALENDS_SOCKET": "/no/such/socket"})
        assert done.returncode == USAGE and says in done.stderr and not done.stdout, (args, done)
        done = ctl("--json", *args)
        assert done.returncode == USAGE and says in json.loads(done.stderr)["error"], (args, done)
    done = subprocess.run([program("kalendsctl"), "user", "show", b"\xff"], capture_output=True,
                          timeout=20, check=False)
    assert done.returncode == USAGE and b"UTF-8" in done.stderr, done


def test_no_daemon():
    """exit 3: which socket, why, and how to start it; every way to name the socket"""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "s")
        for args, env in [(["--socket", path, "status"], {}), (["status", f"--socket={path}"], {}),
                          (["status"], {"KALENDS_SOCKET": path}),
                          (["watch", "--socket", path], {"KALENDS_SOCKET": "/nowhere"})]:
            done = ctl(*args, env=env)
            assert done.returncode == UNREACHABLE and path in done.stderr, done
            assert "No such file" in done.stderr and "kalendsd --data" in done.stderr, done
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(path)
        assert "refused" in ctl("--socket", path, "status").stderr
        done = ctl("--json", "--socket", path, "status")
        assert done.returncode == UNREACHABLE and json.loads(done.stderr)["code"] == "unreachable"
        long = "/" + "x" * 300
        done = ctl("--socket", long, "status")
        assert done.returncode == UNREACHABLE and "long" in done.stderr, done
        if os.getuid() == 0:
            os.chmod(folder, 0o755)
            with socket.socket(socket.AF_UNIX) as s:
                os.unlink(path)
                s.bind(path)
                s.listen()
                os.chmod(path, 0o600)
                done = subprocess.run([program("kalendsctl"), "--socket", path, "status"], user=65534,
                                      group=65534, capture_output=True, text=True, timeout=20,
                                      check=False)
            assert done.returncode == UNREACHABLE and "permission" in done.stderr, done


# -- a daemon that is not what it should be -------------------------------------------------------


class Fake:
    """Answers every request on a Unix socket with the same bytes; remembers what was asked."""

    def __init__(self, answer):
        self.folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.folder.name, "s")
        self.requests = []
        fake = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                data = b""
                while b"\r\n\r\n" not in data:
                    piece = self.request.recv(65536)
                    if not piece:
                        return
                    data += piece
                fake.requests.append(data.decode())
                with contextlib.suppress(OSError):  # it may leave before the end
                    self.request.sendall(answer)

        self.server = socketserver.ThreadingUnixStreamServer(self.path, Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.folder.cleanup()


def http(body, status="200 OK", kind="application/json"):
    body = body.encode() if isinstance(body, str) else body
    return (f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
            "Connection: close\r\n\r\n").encode() + body


def test_hostile_text():
    """what comes from elsewhere cannot move the cursor, hide text or tear a table apart"""
    evil = "a\x1b[2J\r\nb\x9b31m\u202egnp\x7f\t\u2028"
    shown = r"a\x1b[2J\r\nb\x9b31m\u202egnp\x7f\t\u2028"
    user = {"user": "ann@x", "mail": evil, "name": evil, "im": True, "calendar": True,
            "password": True}
    change = {"event": "presence", "at": "2026-11-20T09:15:02Z", "user": evil, "cause": evil,
              "before": {"show": evil, "text": evil}, "now": {"show": "away", "text": evil}}
    explained = {**user, "now": "2026-11-20T09:15:02Z",
                 "presence": {"show": "away", "text": evil, "since": None, "show_from": "client"},
                 "resources": [{"resource": evil, "text": evil, "says": evil, "available": True}],
                 "override": {"state": evil, "text": evil, "ends": evil},
                 "watcher": {"watcher": evil, "level": evil, "level_from": evil},
                 "from_calendar": {"state": evil, "text": evil, "source": evil,
                                   "ahead": [{"state": evil}]},
                 "exchange": {"mailbox": evil, "problem": evil, "next_action": evil,
                              "working_hours": {"utc_offset_min": -9, "work": [
                                  {"days": [evil[1:], 5, None], "from": evil, "to": evil}, None]},
                              "subscription": {"mode": evil, "state": evil}}}
    for args, answer in [
            (["user", "list"], {"users": [user], "more": False, "total": 1}),
            (["user", "show", "ann"], user), (["domain", "list"], {"domains": [{"name": evil}]}),
            (["explain", "ann"], explained), (["watch"], change),
            (["gateway", "list"], {"gateways": [{"name": evil, "host": evil, "problem": evil}]}),
            (["gateway", "check", "x"], {"test": evil, "result": "ok", "verdict": evil, "text": evil}),
            (["override", "list"], {"overrides": [{"user": evil, "state": evil, "text": evil}]}),
            (["privacy", "list", "ann"], {"own": evil, "named": [{"watcher": evil, "level": evil}]}),
            (["get"], {"parameters": [{"key": "k", "value": evil}]}),
            (["status"], {"data": evil, "presence": {evil: 1, "b": evil}}),
            (["cert", "trust", "list"], {"certificates": [{"subject": evil, "names": [evil]}]})]:
        with Fake(http(json.dumps(answer, ensure_ascii=False) + "\n")) as fake:
            done = ctl("--socket", fake.path, *args)
            assert shown in done.stdout, (args, done)
            for c in "\x1b\r\x9b\u202e\x7f\t\u2028":
                assert c not in done.stdout + done.stderr, (args, done)
            assert " to 1970" not in done.stdout, done  # an end that is not known
            whole = ctl("--socket", fake.path, "--json", *args)
            assert json.dumps(evil) in json.dumps(json.loads(whole.stdout)), whole
    with Fake(http(json.dumps({"error": evil, "code": "invalid"}), "400 Bad Request")) as fake:
        for args in (["domain", "add", "x"], ["watch"], ["user", "list"]):
            done = ctl("--socket", fake.path, *args)
            assert done.returncode == FAILED and shown in done.stderr, done
            done = ctl("--socket", fake.path, "--json", *args)
            assert json.loads(done.stderr) == {"error": shown, "code": "invalid"}, done


def test_wrong_answers():
    """not HTTP, not JSON, cut, closed at once, of the wrong shape: a sentence, never a crash"""
    for answer, code in [
            (b"", UNREACHABLE), (b"SSH-2.0-OpenSSH\r\n", FAILED), (http("<html>"), FAILED),
            (http("nope", "500 Internal Server Error", "text/plain"), FAILED),
            (http("", "204 No Content"), FAILED), (http('{"users": [1, {"a": 2}]')[:-5], FAILED),
            (http("\0\0\0"), FAILED), (http("[" * 100000), FAILED)]:
        with Fake(answer) as fake:
            done = ctl("--socket", fake.path, "status")
            assert done.returncode in (code, FAILED) and done.stderr, (answer[:60], done)
            assert "Sanitizer" not in done.stderr, done.stderr
    for shape in ("null", "[]", "{}", "5", '"x"', '{"users": 5, "more": true}',
                  '{"users": [], "more": true}', '{"users": [null], "certificates": [[]]}',
                  '{"calendars": 5, "presence": null, "resources": {}, "exchange": {}}',
                  '{"from_calendar": {"item": {}, "automatic_reply": {}}, "now": "x"}'):
        with Fake(http(shape)) as fake:
            for args in ("status", "explain x", "user list", "get", "get x", "gateway list", "watch",
                         "gateway check x", "cert trust list", "domain list", "user show x"):
                done = ctl("--socket", fake.path, *args.split())
                assert done.returncode in (OK, FAILED, UNREACHABLE), (shape, args, done)
                assert "Sanitizer" not in done.stderr, (shape, args, done.stderr)
    with Fake(http(b"x" * (2 << 20) + b"\n")) as fake:
        done = ctl("--socket", fake.path, "watch")
        assert done.returncode == FAILED and "longer" in done.stderr, done


def test_requests():
    """names are encoded into paths; a password is in the body, and nowhere else"""
    with Fake(http("{}")) as fake:
        ctl("--socket", fake.path, "user", "show", "a/b?c#d%e f\u00e9@x")
        assert "GET /v1/users/a%2Fb%3Fc%23d%25e%20f%C3%A9%40x HTTP/1.1" in fake.requests[-1]
        ctl("set", "a.b", "-5", "--socket", fake.path)
        assert fake.requests[-1].endswith('{"value":"-5"}'), fake.requests
        ctl("set", "a.b", "--socket", fake.path, "--", "--json")
        assert fake.requests[-1].endswith('{"value":"--json"}'), fake.requests
        ctl("--socket", fake.path, "gateway", "add", "g", "--host=h", "--port", "8443", "--account",
            "a", "--http", "--password-stdin", text_in="p\u00e4ss word\r\nmore\n")
        body = json.loads(fake.requests[-1].split("\r\n\r\n", 1)[1])
        assert body == {"name": "g", "host": "h", "port": 8443, "account": "a", "http": True,
                        "password": "p\u00e4ss word"}, body
        for text in ("", "\n", "x" * 1025 + "\n"):
            done = ctl("--socket", fake.path, "password", "set", "a", "--password-stdin", text_in=text)
            assert done.returncode == USAGE, done


def test_federation_errors():
    """what went wrong, and from when on it is tried again, if that is not at once"""
    answer = {"on": True, "policy": "allow", "exceptions": [], "connections": [
        {"remote": "p.test", "local": "o.test", "direction": "outgoing", "state": "failed", "error": "no way",
         "retry_at": None}]}
    with Fake(http(json.dumps(answer))) as fake:
        done = ctl("--socket", fake.path, "federation", "list")
        assert "no way\n  tried again when there is something to say\n" in done.stdout, done
    answer["connections"][0]["retry_at"] = "2035-05-04T12:00:00Z"
    with Fake(http(json.dumps(answer))) as fake:
        done = ctl("--socket", fake.path, "federation", "list")
        assert "something to say, not before 2035-05-04 " in done.stdout, done


def test_full_disk():
    """an answer that could not be written is not a success"""
    with Fake(http('{"domains": []}')) as fake, open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([program("kalendsctl"), "--socket", fake.path, "domain", "list"],
                              stdout=full, stderr=subprocess.PIPE, timeout=20, check=False)
        assert done.returncode == FAILED, done


# -- on a terminal --------------------------------------------------------------------------------


class Terminal:
    """kalendsctl with a terminal of its own."""

    def __init__(self, *args):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execv(program("kalendsctl"), ["kalendsctl", *args])
        self.seen = ""

    def expect(self, text, timeout=20):
        end = time.monotonic() + timeout
        while text not in self.seen:
            assert time.monotonic() < end, f"no {text!r} in {self.seen!r}"
            if select.select([self.fd], [], [], 0.2)[0]:
                try:
                    self.seen += os.read(self.fd, 4096).decode()
                except OSError:
                    break
        assert text in self.seen, f"no {text!r} in {self.seen!r}"
        before, _, self.seen = self.seen.partition(text)
        return before

    def type(self, text):
        os.write(self.fd, text.encode())

    def end(self):
        rest = ""
        try:
            while select.select([self.fd], [], [], 20)[0]:
                rest += os.read(self.fd, 4096).decode()
            os.kill(self.pid, signal.SIGKILL)  # it waits for something
        except OSError:
            pass
        os.close(self.fd)
        return os.waitpid(self.pid, 0)[1], self.seen + rest


def test_prompt():
    """a password is asked for twice, without echo, again when they differ; Ctrl-C leaves in order"""
    with Fake(http('{"password": true}')) as fake:
        args = ("--socket", fake.path, "password", "set", "ann@x")
        t = Terminal(*args)
        seen = t.expect("Password for ann@x: ")
        t.type("first\n")
        seen += t.expect("again: ")
        t.type("other\n")
        seen += t.expect("not the same")
        seen += t.expect("Password for ann@x: ")
        t.type("s3cret w\u00f6rd\n")
        seen += t.expect("again: ")
        t.type("s3cret w\u00f6rd\n")
        status, rest = t.end()
        assert status == 0 and "set" in rest, (status, rest)
        for word in ("first", "other", "s3cret"):
            assert word not in seen + rest, seen
        assert json.loads(fake.requests[-1].split("\r\n\r\n", 1)[1])["password"] == "s3cret w\u00f6rd"

        asked = len(fake.requests)
        for _ in range(20):  # at whatever moment it comes
            t = Terminal(*args)
            t.expect("Password for ann@x: ")
            t.type("half\x03")
            status, rest = t.end()
            assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGINT, (status, rest)
        assert len(fake.requests) == asked


# -- with the real one ----------------------------------------------------------------------------


def refused(gateway, *args, says):
    done = gateway.run_ctl(*args)
    assert done.returncode == FAILED and says in done.stderr, (args, done)


def test_directory():
    """domains, users, passwords, flags, lists of several pages; what is refused changes nothing"""
    with Gateway() as gateway:
        refused(gateway, "user", "add", "ann", says="domain")
        assert "one.test" in gateway.ctl("domain", "add", "one.test", "two.test")
        refused(gateway, "domain", "add", "one.test", says="one.test")
        refused(gateway, "domain", "add", "not a domain", says="not a domain")
        refused(gateway, "domain", "remove", "three.test", says="three.test")
        domains = gateway.ctl_json("domain", "list")["domains"]
        assert [d["name"] for d in domains] == ["one.test", "two.test"], domains

        refused(gateway, "user", "add", "ann", says="id@domain")
        gateway.ctl("user", "add", "Ann@One.test", "--name", "Ann \u00c4", "--mail", "a@mail.test", "--im")
        refused(gateway, "user", "add", "ann@one.test", says="ann@one.test")
        refused(gateway, "user", "add", "x@nowhere.test", says="nowhere.test")
        ann = gateway.ctl_json("user", "show", "ann@one.test")
        assert (ann["mail"], ann["name"], ann["im"], ann["calendar"]) == \
            ("a@mail.test", "Ann \u00c4", True, False), ann
        gateway.ctl("user", "enable", "ann@one.test")
        assert gateway.ctl_json("user", "show", "ann@one.test")["calendar"] is True
        gateway.ctl("user", "disable", "ann@one.test", "--calendar")
        ann = gateway.ctl_json("user", "show", "ann@one.test")
        assert (ann["im"], ann["calendar"]) == (True, False), ann
        gateway.ctl("user", "edit", "ann@one.test", "--name", "Other")
        assert "Other" in gateway.ctl("user", "show", "ann@one.test")
        refused(gateway, "user", "edit", "ann@one.test", "--zone", "Mars/Olympus", says="Mars/Olympus")
        gateway.ctl("user", "edit", "ann@one.test", "--zone", "W. Europe Standard Time", "--language", "ja",
                    "--department", "R&D", "--group", "vip", "--sip", "sip:Ann@Sip.test", "--hide-oof", "yes")
        shown = gateway.ctl("user", "show", "ann@one.test")
        for text in ("Europe/Berlin", "ja", "R&D", "vip", "Ann@sip.test", "auto-reply  hidden"):
            assert text in shown, (text, shown)
        gateway.ctl("user", "edit", "ann@one.test", "--department", "", "--hide-oof", "no")
        ann = gateway.ctl_json("user", "show", "ann@one.test")
        assert (ann["department"], ann["hide_oof"], ann["group"]) == ("", False, "vip"), ann
        assert ann["password"] is False
        gateway.ctl("password", "set", "ann@one.test", "--password-stdin", text_in="secret-word\n")
        assert gateway.ctl_json("user", "show", "ann@one.test")["password"] is True
        assert "secret-word" not in gateway.log()
        refused(gateway, "user", "show", "nobody@one.test", says="nobody@one.test")
        refused(gateway, "domain", "remove", "one.test", says="user")

        gateway.api("POST", "/v1/users", [{"user": f"u{i:05}@two.test"} for i in range(2345)])
        everybody = gateway.ctl_json("user", "list")
        assert len(everybody["users"]) == 2346 == everybody["total"]
        names = [u["user"] for u in everybody["users"]]
        assert names == sorted(names) and len(set(names)) == 2346
        assert "1000 of 2346 users" in gateway.ctl("user", "list", "U01")
        gateway.ctl("user", "remove", "ann@one.test")
        gateway.ctl("domain", "remove", "one.test")


def log_components():
    """All that the daemon's sources name."""
    top = Path(__file__).resolve().parents[2]
    files = [f for room in top.iterdir() if room.is_dir() and room.name not in ("build", "tests", "mock_exchange")
             for f in room.rglob("*.c")]
    named = re.compile(r'gw_(?:error|warn|info|debug|log)\((?:level,)?\s*"([^"]+)"|\{ "(sip\.[a-z]+)", "')
    found = {name for f in files for groups in named.findall(f.read_text()) for name in groups if name}
    assert len(found) > 15, found
    return sorted(found)


def test_parameters_and_the_rest():
    """get, set, log-level, version, status"""
    with Gateway() as gateway:
        table = gateway.ctl("get").splitlines()
        column = table[0].index("SHOWN AS")
        spread = next(line for line in table if line.startswith("calendar.spread_s"))
        assert spread[column - 2:].startswith("  Calendar Spread"), spread
        assert "0..59" in spread
        assert gateway.ctl("set", "calendar.spread_s", "7") == "calendar.spread_s = 7\n"
        assert gateway.ctl_json("get", "calendar.spread_s")["value"] == "7"
        refused(gateway, "set", "calendar.spread_s", "-1", says="0..59")
        refused(gateway, "get", "calendar.speed", says="kalendsctl get")
        gateway.ctl("log-level", "debug", "ews")
        refused(gateway, "log-level", "loud", says="debug")
        refused(gateway, "log-level", "debug", "sip.nonsense", says="sip.routing")
        for component in log_components():
            gateway.ctl("log-level", "info", component)
        assert "kalendsd " in gateway.ctl("version")
        assert "started" in gateway.ctl("status") and "users" in gateway.ctl_json("status")
        gateway.api("POST", "/v1/domains", {"name": "example.test"})
        shown = gateway.ctl_json("status")["certificate"]
        assert "example.test" in shown["names"] and len(shown["fingerprint"]) == 64, shown
        assert shown["subject"] in gateway.ctl("status") and shown["not_after"] in gateway.ctl("status")


def test_gateways_and_trust():
    """add, edit, list, check with each kind of failure, remove; certificates by their beginning"""
    with House(users=["bob"], crowd=2) as h:
        gateway = h.gateway
        assert gateway.run_ctl("gateway", "check").stdout.count("in order") == 2
        steps = [json.loads(line) for line in gateway.ctl("gateway", "check", "cas1", "--json").splitlines()]
        assert steps and all(s["gateway"] == "cas1" and s["result"] == "ok" for s in steps), steps
        refused(gateway, "gateway", "check", "nothing", says="nothing")
        refused(gateway, "gateway", "add", "cas1", "--host", "x", says="cas1")
        refused(gateway, "gateway", "add", "bad", "--host", "x", "--port", "abc", says="port")

        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            closed = str(s.getsockname()[1])
        gateway.ctl("gateway", "add", "cas3", "--host", "127.0.0.1", "--port", closed, "--description", "new")
        done = gateway.run_ctl("gateway", "check", "cas3")
        assert done.returncode == FAILED and "failed" in done.stdout and "skipped" in done.stdout, done
        assert "new" in gateway.ctl("gateway", "list")
        gateway.ctl("gateway", "edit", "cas3", "--description", "newer")
        listed = {g["name"]: g for g in gateway.ctl_json("gateway", "list")["gateways"]}
        assert listed["cas3"]["description"] == "newer" and listed["cas3"]["port"] == int(closed)
        gateway.ctl("gateway", "remove", "cas3")
        refused(gateway, "gateway", "remove", "cas3", says="cas3")

        print_ = gateway.ctl_json("cert", "trust", "list")["certificates"][0]["fingerprint"]
        refused(gateway, "cert", "trust", "remove", "0" * 64, says="0000")
        gateway.ctl("cert", "trust", "remove", ":".join(re.findall("..", print_[:12])).upper())
        assert gateway.ctl_json("cert", "trust", "list")["certificates"] == []
        done = gateway.run_ctl("gateway", "check", "cas1")
        assert done.returncode == FAILED and "certificate" in done.stdout, done
        assert print_ in gateway.ctl("cert", "trust", "add", h.mock.cert)
        assert "0 added" in gateway.ctl("cert", "trust", "add", h.mock.cert)
        assert "256 bits" in gateway.ctl("cert", "trust", "show", print_[:8])
        pem = gateway.ctl("cert", "trust", "export", print_)
        with open(h.mock.cert, encoding="ascii") as f:
            assert pem == f.read()
        bundle = os.path.join(gateway.data, "chain.p7b")
        subprocess.run(["openssl", "crl2pkcs7", "-nocrl", "-certfile", h.mock.cert, "-outform", "DER",
                        "-out", bundle], check=True)
        other = ("--store", "cup-xmpp-trust")
        assert gateway.ctl_json("cert", "trust", "list", *other)["certificates"] == []
        assert print_ in gateway.ctl("cert", "trust", "add", bundle, *other)
        assert gateway.ctl("cert", "trust", "export", print_, *other) == pem
        gateway.ctl("cert", "trust", "remove", print_, *other)
        refused(gateway, "cert", "trust", "show", print_, *other, says=print_)
        refused(gateway, "cert", "trust", "list", "--store", "cup", says="cup-xmpp-trust")
        refused(gateway, "cert", "trust", "add", __file__, says="")
        assert gateway.run_ctl("gateway", "check", "cas1").returncode == OK

        gateway.ctl("gateway", "edit", "cas1", "--password-stdin", text_in="wrong-password\n")
        done = gateway.run_ctl("gateway", "check", "cas1")
        assert done.returncode == FAILED and "Account" in done.stdout, done
        assert "wrong-password" not in gateway.log()
        wait_for(lambda: "cas1: refused, tried again at " in gateway.ctl("gateway", "list"), 30,
                 "when a refused server is tried again")
        assert "asked for" not in gateway.ctl("gateway", "list")


def test_watch_and_explain():
    """a change is told live, to people and to programs; explain has the reason and no subject"""
    with House(users=["ann", "bob"]) as h, h.client("bob"):
        bob = h.jid("bob")
        people = subprocess.Popen([program("kalendsctl"), "--socket", h.gateway.socket, "watch", bob],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                  env={**os.environ, "TZ": "UTC"})
        watch = Watch(h.gateway)
        wait_for(lambda: watch.lines, 20, "the watch")
        time.sleep(0.5)  # and the other one, which says nothing at first
        h.meeting("bob", "-5m", "1h", subject="Secret plans")
        line = people.stdout.readline()
        assert re.match(r"\d\d:\d\d:\d\d  " + re.escape(bob) +
                        r"\s+available -> away \"In a meeting\"  \(calendar\)\n", line), line
        wait_for(lambda: any(c["event"] == "presence" and c["user"] == bob for _, c in watch.changes))
        ann = h.jid("ann")
        h.meeting("ann", "-5m", "1h")
        wait_for(lambda: any(c["event"] == "presence" and c["user"] == ann for _, c in watch.changes))
        now = next(c["now"] for _, c in watch.changes if c["event"] == "presence" and c["user"] == ann)
        assert now == {"show": "offline", "text": "In a meeting", "calendar": "in-a-meeting"}, now
        watch.stop()

        page = h.gateway.ctl("explain", bob)
        for words in ('away "In a meeting"', "calendar-item", "because of item", " min ago)", "(in 5",
                      "cas", "fresh", "push, live", "last heard", "next due moment", "xmpp"):
            assert words in page, (words, page)
        assert "Secret" not in page
        assert h.gateway.ctl_json("explain", "bob")["user"] == bob
        h.gateway.ctl("refresh", "bob")
        refused(h.gateway, "explain", "zed", says="zed@" + DOMAIN)
        refused(h.gateway, "watch", "zed", says="zed@" + DOMAIN)
        h.gateway.ctl("user", "disable", "ann", "--calendar")
        page = h.gateway.ctl("explain", "ann")
        assert f"DISABLED: kalendsctl user enable {ann} --calendar" in page, page
        assert "nothing: the calendar is not enabled" in page, page
        h.gateway.ctl("user", "enable", "ann", "--calendar")
        h.gateway.ctl("user", "disable", "ann", "--im")
        page = h.gateway.ctl("explain", "ann")
        assert f"DISABLED: kalendsctl user enable {ann} --im" in page, page
        assert "nothing: IM is not enabled" in page, page
        h.gateway.ctl("user", "disable", "ann", "--calendar")
        refused(h.gateway, "refresh", "ann", says="not enabled")

        h.gateway.stop()
        assert "kalendsd" in people.communicate(timeout=20)[1]
        assert people.returncode == UNREACHABLE



class Autodiscover(BaseHTTPRequestHandler):
    """An old server: POX only. 'urls' is what it answers, one after the other."""

    urls, asked = [], []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.asked.append(self.path)
        found = self.path.endswith(".xml") and bool(self.urls)
        text = ("<Autodiscover><Response><Account><Protocol><Type>EXCH</Type>"
                f"<EwsUrl>{self.urls.pop(0)}</EwsUrl></Protocol></Account></Response></Autodiscover>"
                if found else "<html>none</html>").encode()
        assert "EMailAddress" in body or "Mailbox" in body
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


def test_discover():
    """a mailbox's server is found, known if it is a gateway, and added if it is not"""
    with House(users=["ann"], cas=1, tls=False, settings={"calendar.auth": "basic"}) as h:
        server = ThreadingHTTPServer(("127.0.0.1", 0), Autodiscover)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address, at = h.jid("ann"), f"http://127.0.0.1:{server.server_address[1]}"
        Autodiscover.urls = [h.mock.cas["cas1"]["url"], "http://127.0.0.2:8081/EWS/Exchange.asmx",
                             "http://127.0.0.2:8081/EWS/Exchange.asmx"]

        found = h.gateway.ctl_json("gateway", "discover", address, "--server", at)
        assert found["gateway"] == "cas1" and found["address"] == address, found
        assert Autodiscover.asked == ["/autodiscover/autodiscover.svc",
                                      "/autodiscover/autodiscover.xml"]
        page = h.gateway.ctl("gateway", "discover", address, "--server", at)
        assert "127.0.0.2:8081" in page and "none yet" in page, page
        page = h.gateway.ctl("gateway", "discover", address, "--server", at, "--add", "cas2")
        assert "gateway 'cas2' added" in page, page
        added = h.gateway.api("GET", "/v1/gateways/cas2")
        assert (added["host"], added["port"], added["http"]) == ("127.0.0.2", 8081, True), added
        for version in ("2019", "2007"):  # by SOAP; by POX
            h.mock.post("/settings", {"version": version})
            found = h.gateway.ctl_json("gateway", "discover", address)
            assert found["gateway"] == "cas1", (version, found)
        refused(h.gateway, "gateway", "discover", "nobody", says="not a mailbox address")
        server.shutdown()
        server.server_close()

if __name__ == "__main__":
    house.run([test_help, test_wrong_command_lines, test_no_daemon, test_hostile_text,
               test_wrong_answers, test_requests, test_federation_errors, test_full_disk, test_prompt, test_directory,
               test_parameters_and_the_rest, test_gateways_and_trust, test_watch_and_explain, test_discover])

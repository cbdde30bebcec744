"""SIP peers that we did not write, for tests: SIPp and Kamailio, on loopback; and a few lines of our own for
what they cannot do (TLS, broken messages)."""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

PROGRAMS = {"sipp": "sip-tester", "kamailio": "kamailio", "baresip": "baresip-core"}


def need(*names):
    for name in names:
        if not shutil.which(name):
            print(f"skipped: no {name} (Debian package {PROGRAMS[name]})")
            sys.exit(77)


def bracketed(address):
    """As it stands before a port."""
    return f"[{address}]" if ":" in address else address


def free_port(address, kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind) as s:
        s.bind((address, 0))
        return s.getsockname()[1]


# -- messages ---------------------------------------------------------------------------------------

class Message:
    def __init__(self, text, at=None):
        self.text = text
        head, _, self.body = text.replace("\r\n", "\n").partition("\n\n")
        self.start, *lines = head.split("\n")
        self.headers = [tuple(p.strip() for p in line.split(":", 1)) for line in lines if ":" in line]
        self.at = at

    def all(self, name):
        return [v for n, v in self.headers if n.lower() == name.lower()]

    def get(self, name):
        return (self.all(name) or [None])[0]

    def __repr__(self):
        return f"<{self.start} {self.get('Subscription-State') or ''}>"


def picture(message):
    """What a NOTIFY shows: open or closed, activity, note."""
    find = lambda pattern: (re.findall(pattern, message.body) or [None])[0]
    return (find(r"<basic>(\w+)</basic>"), find(r"<dm:person[^>]*>\s*<rpid:activities>\s*<rpid:(\w+)/>"),
            find(r"<note>([^<]*)</note>"))


# -- SIPp -------------------------------------------------------------------------------------------

SUBSCRIBE = """  <send retrans="500"><![CDATA[
SUBSCRIBE {target} SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:{watcher}>;tag=[call_number]x
To: <sip:{user}>{tag}
Call-ID: [call_id]
CSeq: [cseq] SUBSCRIBE
Contact: <sip:watcher@[local_ip]:[local_port];transport=[transport]>
Max-Forwards: 70
Event: presence
Accept: application/pidf+xml, application/cpim-pidf+xml
Expires: {expires}
{more}Content-Length: 0

]]></send>
  <recv response="200" rrs="true"/>
"""

NOTIFY = """  <recv request="NOTIFY" timeout="20000"/>
  <send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:watcher@[local_ip]:[local_port];transport=[transport]>
Content-Length: 0

]]></send>
"""


def subscribe(user, watcher):
    return SUBSCRIBE.format(target=f"sip:{user}", user=user, watcher=watcher, tag="", expires=600, more="")


def again(user, watcher, expires):
    """In the dialog: a refresh, or (0) the end."""
    return SUBSCRIBE.format(target="[next_url]", user=user, watcher=watcher, tag="[peer_tag_param]",
                            expires=expires, more="[routes]\n")


def notify():
    return NOTIFY


class Sipp:
    """A scenario, once. transport: u1 (UDP), t1 (TCP). server: it waits to be called. port: in the place of
    another one that has ended. auth_uri: what [authentication] is for, without 'sip:'. seconds: then it has
    failed."""

    def __init__(self, steps, target, address="127.0.0.1", transport="u1", proxy=None, server=False, port=None,
                 auth_uri=None, seconds=60):
        self.folder = tempfile.mkdtemp(prefix="sipp-")
        self.port = port or free_port(address, socket.SOCK_DGRAM if transport[0] == "u" else socket.SOCK_STREAM)
        scenario, self.trace = self._path("scenario.xml"), self._path("messages")
        with open(scenario, "w", encoding="utf-8") as f:
            f.write('<?xml version="1.0"?><scenario name="t">\n' + "".join(steps) + "</scenario>\n")
        self.process = subprocess.Popen(
            ["sipp", *(["-rsa", proxy] if proxy else []), *([] if server else [target]), "-sf", scenario, "-m", "1",
             *(["-auth_uri", auth_uri] if auth_uri else []),
             "-t", transport, "-i", address, "-p", str(self.port), "-nostdin", "-trace_msg",
             "-message_file", self.trace, "-trace_err", "-error_file", self._path("errors"),
             "-timeout", f"{seconds}s", "-timeout_error", "-max_socket", "20"],
            cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        if server and transport[0] == "t":
            self._wait_listening()

    def _wait_listening(self, timeout=20):
        """Without connecting, which would be a call."""
        end = time.monotonic() + timeout
        while True:
            for table in ("/proc/net/tcp", "/proc/net/tcp6"):
                with open(table, encoding="ascii") as f:
                    if any(line.split()[1].endswith(f":{self.port:04X}") and line.split()[3] == "0A"
                           for line in f.readlines()[1:]):
                        return
            if self.process.poll() is not None or time.monotonic() > end:
                raise TimeoutError("sipp does not listen\n" + self.why())
            time.sleep(0.02)

    def _path(self, name):
        return os.path.join(self.folder, name)

    def _read(self, path):
        try:
            with open(path, encoding="utf-8", errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def messages(self):
        """What came in, in order."""
        parts = re.split(r"^-{20,} (\S+ ?\S*)\n", self._read(self.trace), flags=re.M)[1:]
        found = []
        for at, text in zip(parts[::2], parts[1::2]):
            match = re.match(r"\w+ message (received|sent) ?\[?\(?\d+\]?\)? ?bytes ?:?\s*\n\n?(.*)", text, re.S)
            if match and match[1] == "received":
                found.append(Message(match[2], at))
        return found

    def notifies(self):
        return [m for m in self.messages() if m.start.startswith("NOTIFY ")]

    def wait_notifies(self, count, timeout=20):
        end = time.monotonic() + timeout
        while len(self.notifies()) < count:
            if self.process.poll() is not None or time.monotonic() > end:
                raise TimeoutError(f"{len(self.notifies())} of {count} NOTIFY\n" + self.why())
            time.sleep(0.02)
        return self.notifies()

    def why(self):
        return self._read(self._path("errors"))[-3000:] + self._read(self.trace)[-3000:]

    def wait(self, timeout=60):
        code = self.process.wait(timeout)
        assert code == 0, f"sipp ended with {code}\n{self.why()}"

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.close()


# -- Kamailio ---------------------------------------------------------------------------------------

MODULES = "/usr/lib/x86_64-linux-gnu/kamailio/modules"
FRAME = f"""#!KAMAILIO
children=2
tcp_children=2
log_stderror=yes
debug=1
auto_aliases=no
listen=udp:{{address}}:{{port}}
listen=tcp:{{address}}:{{port}}
mpath="{MODULES}/"
"""


class Kamailio:
    """With a configuration that may name {address}, {port} and {folder}; modules: beside those that all have. tables:
    {folder}/db has those of its modules, empty; files: what else is in {folder}, which may name the same."""

    def __init__(self, config, address, modules=(), files=None, tables=False, shared_mb=64):
        self.address, self.port = address, free_port(address)
        self.folder = tempfile.mkdtemp(prefix="kamailio-")
        if tables:
            shutil.copytree("/usr/share/kamailio/dbtext/kamailio", os.path.join(self.folder, "db"))
        loaded = ("tm", "sl", "rr", "pv", "maxfwd", "textops", "siputils", "xlog", *modules)
        config = (FRAME + ("enable_tls=yes\n" if "tls" in modules else "") +
                  "".join(f'loadmodule "{name}.so"\n' for name in loaded) + config)
        for name, text in {**(files or {}), "kamailio.cfg": config}.items():
            path = os.path.join(self.folder, name)
            with open(path, "w", encoding="utf-8") as f:
                f.write(text.replace("{address}", bracketed(address)).replace("{port}", str(self.port))
                        .replace("{folder}", self.folder))
        self.log = open(os.path.join(self.folder, "log"), "w+", encoding="utf-8", errors="replace")
        self.process = subprocess.Popen(
            ["kamailio", "-f", path, "-DD", "-E", "-m", str(shared_mb), "-M", "8", "-Y", self.folder,
             "-w", self.folder], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def read_log(self):
        self.log.seek(0)
        return self.log.read()

    def start(self, timeout=20):
        end = time.monotonic() + timeout
        while True:
            if self.process.poll() is not None:
                raise RuntimeError("kamailio ended:\n" + self.read_log()[-3000:])
            try:
                socket.create_connection((self.address, self.port), 1).close()
                return self
            except OSError:
                if time.monotonic() > end:
                    raise TimeoutError("kamailio:\n" + self.read_log()[-3000:]) from None
                time.sleep(0.05)

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *why):
        self.close()

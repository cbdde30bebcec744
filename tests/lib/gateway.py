"""kalendsd for tests and the demonstration: started in a data directory of its own on a loopback address
of its own (so that every port may keep its default), driven through kalendsctl and the API, ended by
its pid.

    with Gateway(minute_ms=1000) as gateway:
        gateway.ctl("domain", "add", "example.test")
        print(gateway.api("GET", "/v1/status"))
"""

import http.client
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

XMPP_PORT = 5222
SIP_PORT = 5060
SIP_TLS_PORT = 5061
SIP_PEER_PORT = 5062
NOTIFICATION_PORT = 50020


def program(name):
    folder = os.environ.get("KALENDS_BIN")
    if not folder:
        sys.exit("KALENDS_BIN is not set: the folder with the built programs")
    return os.path.join(folder, name)


def own_address():
    """A loopback address on which nobody has our ports."""
    for _ in range(100):
        address = f"127.{random.randint(1, 250)}.{random.randint(0, 250)}.{random.randint(1, 250)}"
        try:
            for port in (XMPP_PORT, SIP_PORT, SIP_TLS_PORT, SIP_PEER_PORT, NOTIFICATION_PORT):
                with socket.socket() as s:
                    s.bind((address, port))
            return address
        except OSError:
            continue
    raise RuntimeError("no free loopback address")


def wait_for(condition, timeout=20, what=None, every=0.05):
    """Until condition() is true; returns what it returned. what: for a text that is true only at the end, a function."""
    end = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise TimeoutError(f"waited {timeout} s for {what() if callable(what) else what or condition}")
        time.sleep(every)


class ApiError(Exception):
    def __init__(self, status, answer):
        super().__init__(f"{status}: {answer}")
        self.status, self.answer = status, answer


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Gateway:
    def __init__(self, minute_ms=60000, data=None, address=None, log_levels="info", **config):
        self._own_folder = data is None
        self.data = data or tempfile.mkdtemp(prefix="kalends-")
        self.address = address or own_address()
        self.socket = os.path.join(self.data, "control.sock")
        self.config = os.path.join(self.data, "kalendsd.conf")
        self.log_path = os.path.join(self.data, "kalendsd.log")
        self.process = None
        settings = {
            "xmpp_listen": self.address, "sip_listen": self.address,
            "notification_listen": self.address,
            "notification_url_host": self.address, "log_levels": log_levels,
            "lab_minute_ms": minute_ms, "lab_allow_http": "yes", **config}
        with open(self.config, "w", encoding="utf-8") as f:
            f.writelines(f"{key} = {value}\n" for key, value in settings.items())

    # -- life ---------------------------------------------------------------------------------

    def start(self, timeout=30, arguments=()):
        with open(self.log_path, "a", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [program("kalendsd"), "--data", self.data, "--config", self.config,
                 *arguments], stderr=log, stdout=log, stdin=subprocess.DEVNULL)
        end = time.monotonic() + timeout
        while True:
            if self.process.poll() is not None:
                raise RuntimeError(f"kalendsd ended with {self.process.returncode}:\n{self.log()[-3000:]}")
            try:
                self.api("GET", "/v1/version")
                return self
            except (OSError, http.client.HTTPException):
                if time.monotonic() > end:
                    raise TimeoutError("kalendsd does not answer:\n" + self.log()[-3000:]) from None
                time.sleep(0.02)

    def stop(self):
        """Ends it in order; returns its exit status (0 also means: no leak under ASan)."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.terminate()
        code = self.process.wait(timeout=30)
        self.process = None
        return code

    def kill(self):
        """kill -9."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process = None

    def remove(self):
        if self._own_folder:
            shutil.rmtree(self.data, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, value, _):
        code = self.stop()
        if kind is not None or code != 0:
            print(f"--- kalendsd log (exit {code}) ---\n{self.log()[-8000:]}", file=sys.stderr)
        self.remove()
        if kind is None and code != 0:
            raise RuntimeError(f"kalendsd ended with {code}")

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def cpu_s(self):
        """CPU time of the daemon so far."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss_kib(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmRSS:"))

    # -- talking to it ------------------------------------------------------------------------

    def connection(self):
        """To the API, for HTTP by hand."""
        return _UnixConnection(self.socket)

    def api(self, method, path, body=None):
        connection = self.connection()
        try:
            connection.request(method, path, None if body is None else json.dumps(body),
                               {"Content-Type": "application/json"} if body is not None else {})
            answer = connection.getresponse()
            text = answer.read()
            parsed = json.loads(text) if text else None
            if answer.status >= 300:
                raise ApiError(answer.status, parsed)
            return parsed
        finally:
            connection.close()

    def run_ctl(self, *args, text_in=None, timeout=60):
        """kalendsctl as it is: exit status, standard output and error."""
        return subprocess.run([program("kalendsctl"), "--socket", self.socket, *args],
                              input=text_in, capture_output=True, text=True, timeout=timeout,
                              stdin=subprocess.DEVNULL if text_in is None else None)

    def ctl(self, *args, text_in=None):
        """kalendsctl that must work; its standard output."""
        done = self.run_ctl(*args, text_in=text_in)
        if done.returncode != 0:
            raise RuntimeError(f"kalendsctl {' '.join(args)}: exit {done.returncode}\n"
                               f"{done.stdout}{done.stderr}")
        return done.stdout

    def ctl_json(self, *args, text_in=None):
        return json.loads(self.ctl("--json", *args, text_in=text_in))

    def set(self, key, value):
        return self.api("PUT", f"/v1/parameters/{key}", {"value": str(value)})

    def explain(self, user):
        return self.api("GET", f"/v1/users/{user}/explain")

    def status(self):
        return self.api("GET", "/v1/status")


class Watch:
    """`kalendsctl watch --json` on a thread: remembers every change with the time it was told."""

    def __init__(self, gateway, *args):
        self.changes, self.lines = [], []
        self._process = subprocess.Popen(
            [program("kalendsctl"), "--socket", gateway.socket, "--json", "watch", *args],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        for line in self._process.stdout:
            self.lines.append(line)
            self.changes.append((time.time(), json.loads(line)))

    def stop(self):
        self._process.terminate()
        self._process.wait()
        self._thread.join(5)

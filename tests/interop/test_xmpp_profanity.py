"""A person at a terminal: profanity, driven through a pseudo-terminal."""

import fcntl
import os
import pty
import re
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest

if not shutil.which("profanity"):
    print("skipped: no profanity (Debian package profanity)")
    sys.exit(77)

from test_xmpp_slixmpp import DOMAIN, WithServer  # skips when there is no slixmpp

ESCAPES = re.compile(rb"\x1b\[[0-9;?]*[a-zA-Z]|\x1b[()][A-Z0-9]|\x1b[=>]|\x0f")


class Profanity:
    """profanity in 40 lines of 120 columns; what it has written is searched for words."""

    def __init__(self):
        self.home = tempfile.TemporaryDirectory()
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        environment = {"HOME": self.home.name, "TERM": "xterm", "LANG": "C.UTF-8",
                       "PATH": os.environ["PATH"], "XDG_CONFIG_HOME": self.home.name + "/config",
                       "XDG_DATA_HOME": self.home.name + "/data"}
        self.process = subprocess.Popen(["profanity"], stdin=slave, stdout=slave, stderr=slave,
                                        env=environment, start_new_session=True)
        os.close(slave)
        self.seen = b""

    def _read(self, timeout):
        if select.select([self.master], [], [], timeout)[0]:
            try:
                self.seen += os.read(self.master, 65536)
            except OSError:  # EIO: it has ended
                time.sleep(timeout)

    def expect(self, words, timeout=20):
        until = time.time() + timeout
        while words not in self.text():
            if time.time() > until:
                raise AssertionError(f"no {words!r} in:\n{self.text()[-3000:]}")
            self._read(0.1)
        self.seen = b""

    def text(self):
        return " ".join(ESCAPES.sub(b" ", self.seen).decode("utf-8", "replace").split())

    def type(self, line):
        os.write(self.master, line.encode() + b"\n")

    def close(self):
        self.type("/quit")
        until = time.time() + 5
        while self.process.poll() is None and time.time() < until:
            self._read(0.1)
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)
        self.home.cleanup()


class Terminal(WithServer):
    def log_in_at_terminal(self):
        profanity = Profanity()
        self.addCleanup(profanity.close)
        profanity.expect("Welcome")
        profanity.type(f"/connect ann@{DOMAIN} server 127.0.0.1 port {self.server.port} tls trust")
        profanity.expect("password:")
        profanity.type("ann-secret")
        profanity.expect("logged in successfully")
        return profanity

    def test_a_conversation(self):
        ann, bob = self.log_in_at_terminal(), self.log_in("bob")
        bob.subscribe(f"ann@{DOMAIN}")
        ann.expect(f"bob@{DOMAIN}")
        ann.type(f"/sub allow bob@{DOMAIN}")
        bob.wait_contact(f"ann@{DOMAIN}", ("available", None))
        self.server(f"calendar ann@{DOMAIN} MEETING In a meeting")
        bob.wait_contact(f"ann@{DOMAIN}", ("away", "In a meeting"))
        ann.type("/status set dnd")
        bob.wait_contact(f"ann@{DOMAIN}", ("dnd", None))
        ann.type(f"/msg bob@{DOMAIN} hello from a terminal")
        bob.wait_message("hello from a terminal")
        bob.message(f"ann@{DOMAIN}", "hello-to-a-terminal")
        ann.expect("hello-to-a-terminal")
        ann.type(f"/blocked add bob@{DOMAIN}")
        bob.wait_contact(f"ann@{DOMAIN}", ("unavailable", None))
        ann.type(f"/blocked remove bob@{DOMAIN}")
        bob.wait_contact(f"ann@{DOMAIN}", ("dnd", None))

    def test_sees_a_contact(self):
        ann, bob = self.log_in_at_terminal(), self.log_in("bob")
        ann.type(f"/roster add bob@{DOMAIN} Bob")
        ann.type(f"/sub request bob@{DOMAIN}")  # slixmpp grants, and asks back
        ann.expect("Bob")
        time.sleep(1)
        bob.presence("xa", "in-the-woods")
        ann.expect("in-the-woods")
        bob.stop()
        ann.expect("offline")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])

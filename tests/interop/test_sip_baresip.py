"""baresip as a user's own SIP client: it logs in (MD5, it knows no better), registers, publishes, and shows what its
contacts do. It is talked to by its ctrl_tcp module."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile

from gateway import SIP_PORT, Gateway, wait_for
from house import run
from sip import free_port, need
from xmpp_client import Client

DOMAIN = "sip.test"
MODULES = "/usr/lib/baresip/modules"
BOB, ANN = f"bob@{DOMAIN}", f"ann@{DOMAIN}"

CONFIG = """poll_method epoll
sip_listen 127.0.0.1:0
module_path {modules}
module g711.so
module_tmp uuid.so
module_tmp account.so
module_app contact.so
module_app presence.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{port}
"""


class Baresip:
    def __init__(self, gateway, password="secret", transport="udp"):
        self.folder, self.port = tempfile.mkdtemp(prefix="baresip-"), free_port("127.0.0.1")
        self._write("config", CONFIG.format(modules=MODULES, port=self.port))
        self._write("accounts", f'<sip:{BOB};transport={transport}>;auth_pass={password};regint=60;pubint=60;'
                                f'outbound="sip:{gateway.address}:{SIP_PORT};transport={transport}"\n')
        self._write("contacts", f'"Ann" <sip:{ANN}>;presence=p2p\n')
        self.log = open(os.path.join(self.folder, "log"), "w+", encoding="utf-8", errors="replace")
        self.process = subprocess.Popen(["baresip", "-4", "-f", self.folder], stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=self.log)
        self.control, self.buffer, self.heard = None, b"", []

    def _write(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as f:
            f.write(text)

    def read_log(self):
        self.log.seek(0)
        return self.log.read()

    def _connect(self):
        try:
            self.control = socket.create_connection(("127.0.0.1", self.port), 5)
            self.control.settimeout(0.1)
            return True
        except OSError:
            return False

    def hear(self):
        """Events and answers so far: netstrings of JSON."""
        try:
            self.buffer += self.control.recv(65536)
        except TimeoutError:
            pass
        while b":" in self.buffer:
            size, _, rest = self.buffer.partition(b":")
            if len(rest) <= int(size):
                break
            self.heard.append(json.loads(rest[:int(size)].decode("utf-8", "replace")))
            self.buffer = rest[int(size) + 1:]
        return self.heard

    def command(self, command, params=""):
        if not self.control:
            wait_for(self._connect, what="baresip's control port")
        text = json.dumps({"command": command, "params": params, "token": command}).encode()
        before = len(self.heard)
        self.control.sendall(b"%d:%s," % (len(text), text))
        answer = []
        wait_for(lambda: answer.extend(h for h in self.hear()[before:] if h.get("response")) or answer,
                 what=f"baresip's answer to {command}")
        return answer[0].get("data", "")

    def __enter__(self):
        return self

    def __exit__(self, kind, *why):
        if self.control:
            self.control.close()
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if kind is not None:
            print("--- baresip ---\n" + self.read_log()[-3000:], file=sys.stderr)
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Office(Gateway):
    def __enter__(self):
        super().__enter__()
        self.api("POST", "/v1/domains", {"name": DOMAIN})
        self.ctl("set", "sip.login", "md5")
        self.ctl("set", "sip.notify_interval_s", "0")
        for user in (ANN, BOB):
            self.ctl("user", "add", user, "--im")
            self.ctl("password", "set", user, "--password-stdin", text_in="secret\n")
        return self


def registered(gateway):
    wait_for(lambda: gateway.status()["sip"]["registered"] == 1, what="baresip registered")


def contact(baresip, state):
    """Until baresip shows its contact so."""
    wait_for(lambda: state in baresip.command("contacts"),
             what=lambda: f"the contact {state} in {baresip.command('contacts')}")


def lives(transport):
    with Office() as g, Client(ANN, "secret", host=g.address) as ann, Baresip(g, transport=transport) as b:
        registered(g)
        assert "baresip" in g.ctl("sip", "clients"), g.ctl("sip", "clients")
        contact(b, "Online")
        # What it publishes is seen by an XMPP contact.
        ann.call(lambda x: watch(x, BOB))
        ann.wait_contact(BOB, ("available", None))  # it is online once it has registered
        # Said before it has read the answer, it is a publication of its own, and the first one stays till its end.
        b.command("contacts")
        b.command("presence_offline")
        ann.wait_contact(BOB, ("unavailable", None), timeout=90)
        b.command("presence_online")
        ann.wait_contact(BOB, ("available", None))
        # A message reaches it.
        ann.call(lambda x: say(x, BOB, "Hello, telephone"))
        wait_for(lambda: g.status()["sip"]["messages_out"] == 1, what="the message")
        ann.call(leave)
        contact(b, "Offline")


def test_udp():
    """by UDP"""
    lives("udp")


def test_tcp():
    """by TCP, over the one connection that it makes"""
    lives("tcp")


def test_wrong_password():
    """who has another password is asked, and not let in"""
    with Office() as g, Baresip(g, password="other") as b:
        wait_for(lambda: "wrong password" in g.log(), what="the refusal")
        assert g.status()["sip"]["registered"] == 0
        b.command("contacts")


async def watch(xmpp, who):
    xmpp.send_presence_subscription(pto=who)


async def say(xmpp, to, text):
    xmpp.send_message(mto=to, mbody=text, mtype="chat")


async def leave(xmpp):
    xmpp.send_presence(ptype="unavailable")


if __name__ == "__main__":
    need("baresip")
    run([f for name, f in sorted(globals().items()) if name.startswith("test_")])
    sys.exit(0)

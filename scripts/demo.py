"""The demonstration; started by scripts/demo, which builds what it needs."""

import os
import random
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

from gateway import XMPP_PORT, Gateway, own_address, program, wait_for
from mock import Mock
from xmpp_client import Client

DOMAIN = "demo.test"
USERS = 50
LOGGED_IN = 6
PASSWORD = "demo-password"
ACCOUNT, ACCOUNT_PASSWORD = "svc-kalends", "exchange-password"


def say(text):
    print(text, flush=True)


def user(number):
    return f"user{number:04}@{DOMAIN}"


def scenario():
    return {
        "users": [
            # The people of --once: nothing of theirs happens by itself.
            {"count": 2, "domain": DOMAIN, "prefix": "user"},
            # Half of the house meets within the next minute or so, one after the other.
            {"count": 24, "domain": DOMAIN, "prefix": "user", "first": 3,
             "meetings": [{"start": "+15s", "for": "30s", "step": "3s", "subject": "Planning"},
                          {"start": "+2m", "for": "2m", "step": "5s", "subject": "Review"}]},
            # The others have an ordinary day.
            {"count": 24, "domain": DOMAIN, "prefix": "user", "first": 27,
             "random": {"per_user": 6, "within": "8h", "length": "30m", "seed": 1}},
        ],
    }


def best_address():
    """127.0.0.1 where its ports are free: the easiest to type into a client."""
    try:
        for port in (XMPP_PORT, 50020):
            with socket.socket() as s:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                s.bind(("127.0.0.1", port))
        return "127.0.0.1"
    except OSError:
        return own_address()


class Demo:
    def __init__(self):
        self.lab = tempfile.TemporaryDirectory(prefix="kalends-lab-")
        certificate = self.make_certificate("127.0.0.1", "localhost")
        self.mock = Mock(cas=["https://127.0.0.1:0"] * 2, tls=certificate, domain=DOMAIN,
                         account=f"{ACCOUNT}:{ACCOUNT_PASSWORD}", scenario=scenario())
        self.gateway = Gateway(address=best_address())
        self.clients = []

    def stop(self):
        for client in self.clients:
            client.stop()
        self.gateway.stop()
        self.gateway.remove()
        self.mock.stop()
        self.lab.cleanup()

    def make_certificate(self, *names):
        """A certificate authority for the laboratory, and what the mock's servers show."""
        for args in (("create", self.lab.name), ("issue", self.lab.name, *names)):
            say(f"   $ kalendsctl lab-ca {shlex.join(args)}")
            made = subprocess.run([program("kalendsctl"), "lab-ca", *args], check=True, text=True,
                                  capture_output=True).stdout
        return tuple(made.split())

    def ctl(self, *args, text_in=None, quiet=False):
        if not quiet:
            say(f"   $ kalendsctl {shlex.join(args)}")
        return self.gateway.ctl(*args, text_in=text_in)

    def set_up(self):
        """What an administrator does, with the commands that an administrator uses."""
        for name, cas in self.mock.cas.items():
            say(f"   mock Exchange: {name} at {cas['url']}")
        say(f"   mock Exchange: control interface at {self.mock.control}")
        say("== the gateway, from an empty data directory")
        self.gateway.start()
        self.ctl("domain", "add", DOMAIN)
        self.ctl("cert", "trust", "add", os.path.join(self.lab.name, "root.pem"))
        for name, cas in self.mock.cas.items():
            self.ctl("gateway", "add", name, "--host", "127.0.0.1",
                     "--port", str(urllib.parse.urlsplit(cas["url"]).port),
                     "--account", ACCOUNT, "--password-stdin", text_in=ACCOUNT_PASSWORD + "\n")
        self.ctl("set", "calendar.spread_s", "0")
        for number in range(1, USERS + 1):
            self.ctl("user", "add", user(number), "--mail", user(number), "--im", "--calendar",
                     quiet=number > 1)
            if number == 2:
                say(f"     ... and so on, up to {user(USERS)}")
        for number in range(1, LOGGED_IN + 1):
            self.ctl("password", "set", user(number), "--password-stdin", text_in=PASSWORD + "\n",
                     quiet=number > 1)
        wait_for(lambda: self.gateway.status()["calendars"]["now"]["subscribed"] == USERS, 60,
                 f"{USERS} subscriptions")
        say(f"   {USERS} users are subscribed, on two servers in turn")

    def log_in(self, numbers):
        for number in numbers:
            self.clients.append(Client(user(number), PASSWORD, host=self.gateway.address).start())
        return self.clients[-len(numbers):]


def new_meetings(demo, stop):
    """Life goes on: somebody gets a meeting every few seconds."""
    while not stop.wait(7):
        who = user(random.randint(3, USERS))
        demo.mock.meeting(who, start=f"+{random.randint(0, 20)}s",
                          **{"for": f"{random.randint(15, 60)}s"})


def stay(demo):
    demo.log_in(range(3, LOGGED_IN + 1))
    address = demo.gateway.address
    say(f"""
== log in with an XMPP client of your own
   address   {user(1)}, and {user(2)} for a second one
   password  {PASSWORD}
   server    {address}, port {XMPP_PORT}, STARTTLS; the certificate is self-signed: accept it
   contacts  add {user(3)} ... {user(LOGGED_IN)}: they are logged in and have meetings soon

   for instance: profanity -a {user(1)}, then /connect {user(1)} server {address} port {XMPP_PORT} tls trust

== look around, in another terminal
   export KALENDS_SOCKET={demo.gateway.socket}
   {program("kalendsctl")} status
   {program("kalendsctl")} explain {user(3)}
   curl --json '{{"start": "now", "for": "1m"}}' {demo.mock.control}/users/{user(3)}/meetings

== presence as it changes; Ctrl-C ends the demonstration
""")
    stop = threading.Event()
    threading.Thread(target=new_meetings, args=(demo, stop), daemon=True).start()
    watch = subprocess.Popen([program("kalendsctl"), "--socket", demo.gateway.socket, "watch"])
    try:
        watch.wait()
        say("kalendsd has ended")
        return 1
    except KeyboardInterrupt:
        return 0
    finally:
        stop.set()
        watch.terminate()
        watch.wait()


def once(demo):
    ann, bob = demo.log_in([1, 2])
    ann.subscribe(bob.jid)
    ann.wait_contact(bob.jid, ("available", None))
    in_meeting, free = ("away", None), ("available", "")

    def step(what, expected, act):
        asked = time.time()
        result = act()
        seen = ann.wait_contact(bob.jid, expected, timeout=15, after=asked)
        say(f"   {what}: {ann.jid} sees {bob.jid} {seen.state[0]} '{seen.state[1]}' "
            f"after {seen.at - asked:.1f} s")
        return result

    say("== a real XMPP client looks on")
    step("a meeting that begins in 3 s begins", in_meeting,
         lambda: demo.mock.meeting(bob.jid, start="+3s", **{"for": "4s"}))
    step("it ends", free, lambda: None)
    meeting = step("one that is on now is created", in_meeting,
                   lambda: demo.mock.meeting(bob.jid, start="-5m", **{"for": "1h"}))
    step("it is moved to the afternoon", free,
         lambda: demo.mock.post(f"/meetings/{meeting['id']}", {"start": "+3h", "for": "1h"}))
    step("it is moved back", in_meeting,
         lambda: demo.mock.post(f"/meetings/{meeting['id']}", {"start": "-5m", "for": "1h"}))
    step("it is cancelled", free, lambda: demo.mock.post(f"/meetings/{meeting['id']}/cancel"))
    say("== everything was seen")
    return 0


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    say("== a mock Exchange organisation: two Client Access Servers, 50 mailboxes")
    demo = Demo()
    try:
        demo.set_up()
        return once(demo) if "--once" in sys.argv else stay(demo)
    except KeyboardInterrupt:
        return 130
    except (TimeoutError, RuntimeError, OSError) as failure:
        say(f"demo: {failure}")
        if os.path.exists(demo.gateway.log_path):
            say("last lines of the gateway's log:\n" + "".join(
                demo.gateway.log().splitlines(keepends=True)[-15:]))
        return 1
    finally:
        demo.stop()


if __name__ == "__main__":
    sys.exit(main())

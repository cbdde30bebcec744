"""A whole house for a test: mock Exchange, gateway, users who can log in.

    with House(users=["ann", "bob"], befriend=[("ann", "bob")]) as house:
        ann = house.client("ann")
"""

import contextlib
import datetime
import urllib.parse

from gateway import Gateway, wait_for
from mock import Mock
from xmpp_client import Client

DOMAIN = "kalends.test"
PASSWORD = "correct horse"


def utc(at):
    """A moment of time.time() as the mock takes it."""
    return datetime.datetime.fromtimestamp(at, datetime.timezone.utc).isoformat()


def when(text):
    """A moment that the mock tells, as time.time() has it."""
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class House:
    """users: names of people who can log in; crowd: a number of calendar users who cannot (user0001 ...).

    scenario: more of the mock's; its databases have the crowd, in turn."""

    def __init__(self, users=("ann", "bob"), cas=2, minute_ms=1000, tls=True, spread=0, crowd=0,
                 settings=None, scenario=None, **config):
        self.names = list(users)
        self.crowd = crowd
        scenario = scenario or {}
        mailboxes = [{"address": f"{n}@{DOMAIN}"} for n in self.names]
        spread_out = bool(crowd and scenario.get("databases"))
        if spread_out:
            mailboxes.append({"count": crowd, "first": 1, "prefix": "user", "domain": DOMAIN,
                              "databases": [d["name"] for d in scenario["databases"]]})
        self.mock = Mock(cas=[("https://" if tls else "http://") + "127.0.0.1:0"] * cas, tls=tls,
                         users=0 if spread_out else crowd, domain=DOMAIN, minute_ms=minute_ms,
                         scenario={**scenario, "users": mailboxes})
        self.tls = tls
        self.gateway = Gateway(minute_ms=minute_ms, **config)
        self.settings = {"calendar.spread_s": spread, **(settings or {})}
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.mock)
            stack.enter_context(self.gateway)
            self.set_up()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *why):
        return self._stack.__exit__(*why)

    def set_up(self):
        gateway = self.gateway
        for key, value in self.settings.items():
            gateway.set(key, value)
        # Words that do not depend on the hour.
        gateway.api("PUT", "/v1/texts/en/in-a-meeting-until", {"text": ""})
        gateway.api("POST", "/v1/domains", {"name": DOMAIN})
        if self.tls:
            with open(self.mock.cert, encoding="ascii") as f:
                gateway.api("POST", "/v1/trust/cup-trust", {"pem": f.read()})
        for name, cas in self.mock.cas.items():
            self.add_gateway(name, urllib.parse.urlsplit(cas["url"]).port)
        users = [{"user": f"{n}@{DOMAIN}", "mail": f"{n}@{DOMAIN}", "im": True, "calendar": True,
                  "password": PASSWORD} for n in self.names]
        users += [{"user": f"user{i:04}@{DOMAIN}", "mail": f"user{i:04}@{DOMAIN}", "im": True,
                   "calendar": True} for i in range(1, self.crowd + 1)]
        for at in range(0, len(users), 1000):
            gateway.api("POST", "/v1/users", users[at:at + 1000])
        self.wait_subscribed()

    def add_gateway(self, name, port):
        account, password = self.mock.account
        self.gateway.api("POST", "/v1/gateways", {
            "name": name, "host": "127.0.0.1", "port": port, "account": account,
            "password": password, "http": not self.tls})

    def wait_subscribed(self, timeout=60):
        """Until every calendar user has one subscription and a calendar."""
        count = len(self.names) + self.crowd
        wait_for(lambda: self.mock.get("/subscriptions?limit=1")["total"] >= count, timeout,
                 f"{count} subscriptions")
        wait_for(lambda: all(self.explain(n)["exchange"]["read"] for n in self.names), timeout, "calendars")

    # -- people -------------------------------------------------------------------------------

    def jid(self, name):
        return f"{name}@{DOMAIN}"

    def client(self, name, password=None, **more):
        return Client(self.jid(name), password or PASSWORD, host=self.gateway.address, **more)

    def explain(self, name):
        return self.gateway.explain(self.jid(name))

    def meeting(self, name, start, length, **more):
        return self.mock.meeting(self.jid(name), start=start, **{"for": length}, **more)

    def befriend(self, watcher, contact):
        """'watcher' sees 'contact' from now on; both are logged in, and accept by themselves."""
        watcher.subscribe(contact.jid)
        watcher.wait_contact(contact.jid, ("available", None))


def run(tests):
    """Runs test functions in order; ends the process with 1 at the first that fails."""
    for test in tests:
        print(f"-- {test.__name__}: {(test.__doc__ or '').strip().splitlines()[0]}", flush=True)
        test()
    print(f"{len(tests)} passed", flush=True)

"""Everything goes wrong at random for a while, over real sockets: servers stop and forget, answer nonsense,
throttle and stall; notifications get lost, late, doubled; mailboxes move; servers are drained, taken away
and put back; the gateway is killed. Then it is quiet, and within the detection bound everybody's presence is
right, with one subscription each. Minutes run as seconds.

    test_chaos.py [SECONDS [SEED]]      20 seconds of chaos, and seed 1, unless said otherwise
"""

import os
import random
import sys
import time
import urllib.parse

import house
from gateway import wait_for
from house import House

CROWD = 30
CAS = 3
# "Minutes": seconds here. What a notification that was lost has not told the cross-check finds; what is
# silent for two status frequencies is subscribed anew; a server that refused the login is tried after 15;
# a streaming subscription of which we never heard, Exchange forgets after 30.
SETTINGS = {"calendar.status_frequency_min": 3, "calendar.cross_check_min": 10, "calendar.oof_poll_min": 5,
            "calendar.exchange_timeout_s": 1}
DETECTION_BOUND = 45
FAULTS = [
    {"kind": "status", "status": 500}, {"kind": "status", "status": 503, "retry_after": 1},
    {"kind": "status", "status": 404}, {"kind": "html"}, {"kind": "half"}, {"kind": "cut"}, {"kind": "close"},
    {"kind": "stall"}, {"kind": "delay", "ms": 700},
    {"kind": "fault", "code": "ErrorServerBusy", "back_off_ms": 1500},
    {"kind": "fault", "code": "ErrorExceededConnectionCount"},
    {"kind": "fault", "code": "ErrorExceededSubscriptionCount"},
    {"kind": "fault", "code": "ErrorInternalServerTransientError"},
    {"kind": "fault", "code": "ErrorMailboxMoveInProgress"},
    {"kind": "fault", "code": "ErrorProxyRequestNotAllowed"},
]
OPERATIONS = ["Subscribe", "Unsubscribe", "FindItem", "GetUserAvailability", "GetUserOofSettings", "GetMailTips", None]
MISHAPS = ["lose", "break", "drop", "duplicate", "delay", "reorder", "more", "silence"]


class Chaos:
    def __init__(self, h, seed):
        self.h, self.random = h, random.Random(seed)
        self.down, self.drained = set(), set()
        self.users = [h.jid(n) for n in h.names] + [f"user{i:04}@{house.DOMAIN}" for i in range(1, CROWD + 1)]
        self.meetings = {user: [] for user in self.users}  # what Exchange has of each
        self.done = {}

    def some_cas(self):
        return self.random.choice(sorted(self.h.mock.cas))

    # -- what people do -----------------------------------------------------------------------

    def edit(self):
        user = self.random.choice(self.users)
        mine = self.meetings[user]
        if mine and self.random.random() < 0.4:
            self.h.mock.delete(f"/meetings/{mine.pop(self.random.randrange(len(mine)))}")
        else:
            start = self.random.randint(-20, 40)
            mine.append(self.h.mock.meeting(user, start=f"{start:+}s",
                                            **{"for": f"{self.random.randint(3, 60)}s"})["id"])

    # -- what goes wrong ----------------------------------------------------------------------

    def up_or_down(self):
        cas = self.some_cas()
        if cas in self.down:
            self.h.mock.post(f"/cas/{cas}/up")
            self.down.remove(cas)
        else:
            self.h.mock.post(f"/cas/{cas}/down", {"lose": self.random.random() < 0.5})
            self.down.add(cas)

    def fault(self):
        fault = dict(self.random.choice(FAULTS), count=self.random.randint(1, 40))
        operation = self.random.choice(OPERATIONS)
        self.h.mock.fault(self.some_cas(), **fault, **({"operation": operation} if operation else {}))

    def faults_end(self):
        self.h.mock.delete(f"/cas/{self.some_cas()}/faults")

    def mishap(self):
        if self.random.random() < 0.3:
            self.h.mock.delete("/mishaps")
        kind = self.random.choice(MISHAPS)
        self.h.mock.post("/mishaps", {"kind": kind, "probability": 0.5, "seed": self.random.randint(1, 999),
                                      "count": self.random.randint(1, 20),
                                      **({"for": "2s"} if kind == "delay" else {})})

    def subscription_lost(self):
        subs = self.h.mock.subscriptions(limit=1000)
        if subs:
            number = self.random.choice(subs)["number"]
            if self.random.random() < 0.5:
                self.h.mock.delete(f"/subscriptions/{number}")
            else:
                self.h.mock.post(f"/subscriptions/{number}/break")

    def mailbox_moves(self):
        self.h.mock.post(f"/users/{self.random.choice(self.users)}/move",
                         {"to": self.random.choice(["DB1", "DB2"]), "for": "1s",
                          "subscriptions": self.random.choice(["lose", "break", "keep"])})

    def user_off_and_on(self):
        user = self.random.choice(self.users)
        for on in (False, True):
            self.h.gateway.api("PATCH", f"/v1/users/{user}", {"calendar": on})

    def gateway_anew(self):
        cas = self.some_cas()
        self.h.gateway.api("DELETE", f"/v1/gateways/{cas}")
        self.h.add_gateway(cas, urllib.parse.urlsplit(self.h.mock.cas[cas]["url"]).port)

    def parameter(self):
        key, values = self.random.choice([("calendar.exchange_threads", (1, 4, 60)),
                                          ("calendar.source", ("push", "streaming", "poll")),
                                          ("calendar.exchange_queue", (1, 20, 2200)),
                                          ("calendar.status_frequency_min", (2, 3, 5)),
                                          ("calendar.notification_port", (50020, 50021))])
        self.h.gateway.set(key, self.random.choice(values))

    def kill(self):
        self.h.gateway.kill()
        time.sleep(self.random.random())
        self.h.gateway.start()

    def run(self, seconds):
        what = [self.up_or_down] * 3 + [self.fault] * 4 + [self.faults_end] * 2 + [self.mishap] * 3 + \
            [self.subscription_lost, self.mailbox_moves, self.user_off_and_on, self.gateway_anew,
             self.parameter, self.kill]
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            action = self.edit if self.random.random() < 0.7 else self.random.choice(what)
            action()
            self.done[action.__name__] = self.done.get(action.__name__, 0) + 1
            time.sleep(self.random.random() * 0.2)

    def quiet(self):
        for cas in sorted(self.h.mock.cas):
            self.h.mock.delete(f"/cas/{cas}/faults")
            if cas in self.down:
                self.h.mock.post(f"/cas/{cas}/up")
        self.h.mock.delete("/mishaps")
        for key, value in {**SETTINGS, "calendar.exchange_threads": 60, "calendar.exchange_queue": 2200,
                           "calendar.source": "push"}.items():
            self.h.gateway.set(key, value)

    # -- what must be right -------------------------------------------------------------------

    def wrong(self):
        """What is not as Exchange has it, in words."""
        subs, words = {}, []
        for sub in self.h.mock.subscriptions(limit=1000):
            subs.setdefault(sub["user"], []).append(sub["cas"])
        for user in self.users:
            now, known = time.time(), self.h.gateway.explain(user)
            true = [(house.when(m["start"]), house.when(m["end"]))
                    for m in self.h.mock.get(f"/users/{user}/meetings")["meetings"]]
            # A boundary of this moment may be seen, or not yet.
            texts = {"In a meeting" if any(start <= t < end for start, end in true) else ""
                     for t in (now - 1.5, now, time.time())}
            if (known["published"]["text"] or "") not in texts:
                words.append(f"{user} shows '{known['published']['text']}'")
            if len(subs.get(user, [])) != 1:
                words.append(f"{user} has subscriptions at {subs.get(user, [])}")
            elif known["exchange"]["gateway"] != subs[user][0]:
                words.append(f"{user} is at {known['exchange']['gateway']}, its subscription elsewhere")
        return words


def test_chaos():
    """random faults, then quiet: within the detection bound all is right, one subscription each"""
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    with House(cas=CAS, crowd=CROWD, settings=SETTINGS) as h:
        for name in ("DB1", "DB2"):
            h.mock.post("/databases", {"name": name, "server": name.lower(), "site": "A"})
        chaos = Chaos(h, seed)
        chaos.run(seconds)
        print(f"   seed {seed}, {seconds} s: {chaos.done}", flush=True)
        chaos.quiet()
        quiet_at = time.monotonic()
        try:
            wait_for(lambda: not chaos.wrong(), DETECTION_BOUND * (3 if "debug" in os.environ["KALENDS_BIN"] else 1),
                     "everything to be right again", every=0.5)
        except TimeoutError:
            print("\n".join(chaos.wrong()), flush=True)
            raise
        print(f"   all right {time.monotonic() - quiet_at:.1f} s after it got quiet", flush=True)
        # And it stays so; what is told now is shown at once.
        for user in chaos.users:
            chaos.meetings[user].append(h.mock.meeting(user, start="-1m", **{"for": "1h"}))
        wait_for(lambda: not chaos.wrong(), 15, "a change of everybody to be shown")


if __name__ == "__main__":
    house.run([test_chaos])

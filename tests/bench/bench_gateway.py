"""The gateway as a process against the mock: CPU time of kalendsd per event, and its memory. Started by
scripts/bench. The CPU time is the kernel's own account of the process, user and system."""

import datetime
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.parse

from gateway import Gateway, wait_for
from mock import Mock

DOMAIN = "bench.test"
CAS = 4
NOTIFICATIONS = 100_000


def row(what, value, unit, budget=""):
    print(f"{what:<58} {value:>10} {unit:<12} {budget}", flush=True)


def add_gateways(gateway, mock, tls):
    if tls:
        with open(mock.cert, encoding="ascii") as f:
            gateway.api("POST", "/v1/trust/cup-trust", {"pem": f.read()})
    for name, cas in mock.cas.items():
        gateway.api("POST", "/v1/gateways", {
            "name": name, "host": "127.0.0.1", "port": urllib.parse.urlsplit(cas["url"]).port,
            "account": mock.account[0], "password": mock.account[1], "http": not tls})


def add_users(gateway, first, users):
    for begin in range(first, users, 1000):
        gateway.api("POST", "/v1/users", [
            {"user": f"user{i:04}@{DOMAIN}", "mail": f"user{i:04}@{DOMAIN}", "im": True,
             "calendar": True} for i in range(begin, min(begin + 1000, users))])


def subscribed(gateway):
    now = gateway.status()["calendars"]["now"]
    return min(now["subscribed"], now["with_calendar"])


def bring_up(gateway, users):
    """From unknown to subscribed with a calendar. The first half pays for what is there once, connections
    and caches; what a further user costs shows in the second."""
    rss, cpu, begin = [gateway.rss_kib()], gateway.cpu_s(), time.monotonic()
    adding_s = adding_cpu = 0
    for first, last in ((0, users // 2), (users // 2, users)):
        add_begin, add_cpu = time.monotonic(), gateway.cpu_s()
        add_users(gateway, first, last)
        adding_s += time.monotonic() - add_begin
        adding_cpu += gateway.cpu_s() - add_cpu
        wait_for(lambda count=last: subscribed(gateway) == count, 900, f"{last} subscriptions", every=1)
        rss.append(gateway.rss_kib())
    row("users added through the API: CPU per user", f"{adding_cpu / users * 1e6:.1f}", "us")
    row("unknown to subscribed with calendar: CPU per user",
        f"{(gateway.cpu_s() - cpu) / users * 1e6:.1f}", "us", "<= 200")
    row("  wall time", f"{time.monotonic() - begin:.1f}", "s", f"({adding_s:.1f} s of it adding)")
    row("memory of a further user, ten intervals (RSS of the second half)",
        f"{(rss[2] - rss[1]) * 1024 / (users - users // 2):.0f}", "bytes", "<= 2048")
    row("  of all, with what is there once (store cache, connections)",
        f"{(rss[2] - rss[0]) * 1024 / users:.0f}", "bytes")


def notifications(gateway, mock, users):
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as targets:
        for begin in range(0, users, 10000):
            for sub in mock.get(f"/subscriptions?offset={begin}&limit=10000")["subscriptions"]:
                targets.write(f"{sub['url']} {sub['id']}\n")
        targets.flush()
        cpu = gateway.cpu_s()
        done = subprocess.run(
            [os.path.join(os.environ["KALENDS_BIN"], "bench_notify"), targets.name,
             str(NOTIFICATIONS), "16"], capture_output=True, text=True, check=True)
        cpu = gateway.cpu_s() - cpu
    result = json.loads(done.stdout)
    row("SendNotification in, parsed, answered: CPU each",
        f"{cpu / NOTIFICATIONS * 1e6:.1f}", "us", "<= 60")
    row("  rate, with the load on the other core",
        f"{NOTIFICATIONS / result['wall_ms'] * 1000:.0f}", "per second", "10000 on one core")


def transitions(gateway, mock, users):
    """Everybody's meeting begins at the same moment, spread over 50 s."""
    gateway.set("calendar.spread_s", 50)
    before = gateway.status()["calendars"]["since_start"]
    start = int(time.time()) + 60
    moment = datetime.datetime.fromtimestamp(start, datetime.timezone.utc).isoformat()
    for begin in range(0, users, 1000):
        mock.post("/scenario", {"meetings": [
            {"user": f"user{i:04}@{DOMAIN}", "start": moment, "for": "4h"}
            for i in range(begin, min(begin + 1000, users))]})
    while time.time() < start - 1:
        time.sleep(0.2)
    cpu = gateway.cpu_s()
    while time.time() < start + 52:
        time.sleep(0.2)
    cpu = gateway.cpu_s() - cpu
    calendars = gateway.status()["calendars"]
    after, times = calendars["since_start"], calendars["times"]
    due = after["due"] - before["due"]
    row("due moments while everybody's meeting begins, spread 50 s", due, "")
    row("  CPU of the daemon in that minute, per due moment", f"{cpu / max(due, 1) * 1e6:.1f}", "us",
        "(all else included)")
    row("  after its offset, since the start: median", times["due_late_p50_ms"], "ms")
    row("  ... 99 of 100", times["due_late_p99_ms"], "ms", "<= 100")
    row("  ... the latest", times["due_late_max_ms"], "ms")


def restart(gateway, users):
    gateway.kill()
    begin = time.monotonic()
    gateway.start(timeout=60)
    served = wait_for(lambda: subscribed(gateway) == users and time.monotonic(), 60)
    row("kill -9, start: every user's presence served after", f"{served - begin:.2f}", "s",
        "<= 5 at 100000 users")


def main():
    users = int(sys.argv[1])
    for tls in (False, True):
        print(f"-- {users} users, {'HTTPS' if tls else 'HTTP'} to Exchange", flush=True)
        scenario = {"users": [{"count": users, "domain": DOMAIN, "prefix": "user", "first": 0,
                               "random": {"per_user": 10, "within": "20h", "length": "30m",
                                          "seed": 7}}]}
        with Mock(cas=[("https" if tls else "http") + "://127.0.0.1:0"] * CAS, domain=DOMAIN, tls=tls,
                  scenario=scenario, strict=False, record=False) as mock, \
                Gateway(log_levels="warn") as gateway:
            gateway.api("POST", "/v1/domains", {"name": DOMAIN})
            add_gateways(gateway, mock, tls)
            bring_up(gateway, users)
            if not tls:
                notifications(gateway, mock, users)
                transitions(gateway, mock, users)
                restart(gateway, users)


if __name__ == "__main__":
    main()

"""A file of 100,000 users: how long it takes to come in and to be worked through, what it costs in CPU and memory, and
how long somebody else waits for an answer meanwhile; how late the meetings of others begin while such a file is worked
through and its users get their calendars; and what a kill in the middle costs. Every twentieth row is wrong. ROWS as
argument."""

import datetime
import os
import sys
import tempfile
import time
import urllib.parse

from gateway import Gateway, wait_for
from mock import Mock

DOMAIN = "bench.test"
OTHERS = 2000  # users with a meeting that begins while the file is worked through
MEETINGS_S = 40  # ... some time within this


def rows_of(count, calendar):
    yield "user,name,department,group,zone,im,calendar\r\n"
    for i in range(count):
        zone = "Mars/Olympus" if i % 20 == 7 else "W. Europe Standard Time"
        yield f"user{i:04},\"User, number {i}\",Department {i % 50},group{i % 9},{zone},yes,{calendar}\r\n"


def job(gateway, number):
    return gateway.api("GET", f"/v1/jobs/{number}")


def until_done(gateway, number):
    """Asks as fast as it gets answers: how long each took, in seconds, sorted."""
    waits, peak = [], 0
    while True:
        before = time.monotonic()
        state = job(gateway, number)
        waits.append(time.monotonic() - before)
        peak = max(peak, gateway.rss_kib())
        if state["state"] == "done":
            return state, sorted(waits), peak
        time.sleep(0.01)


def step(gateway, what, order):
    cpu, began = gateway.cpu_s(), time.monotonic()
    number = order()
    ordered = time.monotonic()
    state, waits, peak = until_done(gateway, number)
    print(f"{what}: {state['rows']} rows, {state['done']} done, {state['failed']} failed; ordered in "
          f"{ordered - began:.1f} s, done in {time.monotonic() - began:.1f} s, CPU {gateway.cpu_s() - cpu:.1f} s; "
          f"others waited p50 {waits[len(waits) // 2] * 1000:.1f} ms, p99 {waits[len(waits) * 99 // 100] * 1000:.1f} "
          f"ms, at most {waits[-1] * 1000:.1f} ms; memory at most {peak / 1024:.0f} MB")


def alone(path, count):
    with Gateway() as gateway:
        gateway.ctl("domain", "add", DOMAIN)
        empty = gateway.rss_kib()
        print(f"file of {os.path.getsize(path) / 2**20:.1f} MB; empty daemon {empty / 1024:.0f} MB")

        def imported(*options):
            return gateway.ctl_json("user", "import", path, "--no-wait", *options)["job"]

        step(gateway, "insert", imported)
        users = gateway.status()["users"]
        print(f"memory a user, all in: {(gateway.rss_kib() - empty) * 1024 / (count * 19 / 20):.0f} bytes ({users})")
        step(gateway, "the same again", imported)
        step(gateway, "set by filter", lambda: gateway.ctl_json(
            "user", "update", "--where", "group = group3 or department contains 'ment 7'", "--set", "language=ja",
            "--no-wait")["job"])
        step(gateway, "undo of the insert", lambda: gateway.ctl_json("job", "undo", "1", "--no-wait")["job"])
        slow = [line for line in gateway.log().splitlines() if "loop slow callback" in line]
        print(f"callbacks above 50 ms: {len(slow)}")
        for line in slow[:5]:
            print("  ", line)


def with_others(gateway, mock):
    """Two thousand users with calendars. Returns when their meetings begin to begin."""
    gateway.api("POST", "/v1/domains", {"name": DOMAIN})
    gateway.set("calendar.spread_s", MEETINGS_S)
    for name, cas in mock.cas.items():
        gateway.api("POST", "/v1/gateways", {
            "name": name, "host": "127.0.0.1", "port": urllib.parse.urlsplit(cas["url"]).port,
            "account": mock.account[0], "password": mock.account[1], "http": True})
    gateway.api("POST", "/v1/users", [{"user": f"other{i:04}@{DOMAIN}", "mail": f"other{i:04}@{DOMAIN}", "im": True,
                                       "calendar": True} for i in range(OTHERS)])
    wait_for(lambda: gateway.status()["calendars"]["now"]["with_calendar"] == OTHERS, 60, "others' calendars")
    start = int(time.time()) + 6
    moment = datetime.datetime.fromtimestamp(start, datetime.timezone.utc).isoformat()
    mock.post("/scenario", {"meetings": [{"user": f"other{i:04}@{DOMAIN}", "start": moment, "for": "4h"}
                                         for i in range(OTHERS)]})
    return start


def beside(count, what, order):
    """How late others' meetings begin, whose moments are spread over some time, with and without the job."""
    scenario = {"users": [{"count": OTHERS, "domain": DOMAIN, "prefix": "other", "first": 0},
                          {"count": count, "domain": DOMAIN, "prefix": "user", "first": 0}]}
    with Mock(cas=["http://127.0.0.1:0"] * 2, domain=DOMAIN, scenario=scenario, strict=False, record=False) as mock, \
            Gateway(log_levels="warn") as gateway:
        start = with_others(gateway, mock)
        time.sleep(max(0, start - 1 - time.time()))
        due, began = gateway.status()["calendars"]["since_start"]["due"], time.monotonic()
        number = order(gateway) if order else None
        done_s = None
        while time.time() < start + MEETINGS_S + 2 or (number and done_s is None):
            time.sleep(0.2)
            if number and done_s is None and job(gateway, number)["state"] == "done":
                done_s = time.monotonic() - began
        calendars = gateway.status()["calendars"]
        times, now = calendars["times"], calendars["now"]
        print(f"{what}: {calendars['since_start']['due'] - due} due moments, late p50 {times['due_late_p50_ms']} ms, "
              f"p99 {times['due_late_p99_ms']} ms, at most {times['due_late_max_ms']} ms; "
              + (f"job done in {done_s:.1f} s, " if number else "")
              + f"with calendars by then {now['with_calendar']}; memory {gateway.rss_kib() / 1024:.0f} MB")


def killed(path, count):
    gateway = Gateway().start()
    try:
        gateway.ctl("domain", "add", DOMAIN)
        began = time.monotonic()
        gateway.ctl("user", "import", path, "--no-wait")
        for part in (0.3, 0.6):
            wait_for(lambda part=part: job(gateway, 1)["done"] > count * part, 120, "a part of it", every=0.05)
            before = job(gateway, 1)
            gateway.kill()
            again = time.monotonic()
            gateway.start(timeout=60)
            print(f"kill -9 at row {before['done'] + before['failed']}: up again in {time.monotonic() - again:.1f} s, "
                  f"goes on at {job(gateway, 1)['done'] + job(gateway, 1)['failed']}")
        state, _, peak = until_done(gateway, 1)
        seen = set()
        page = {"next": 0}
        while page["next"] is not None:
            page = gateway.api("GET", f"/v1/jobs/1/result?first={page['next']}")
            for row in page["rows"]:
                assert row["line"] not in seen, f"line {row['line']} twice"
                seen.add(row["line"])
        print(f"killed twice: done in {time.monotonic() - began:.1f} s, {state['done']} done, {state['failed']} "
              f"failed, {len(seen)} results, {gateway.status()['users']['total']} users; memory at most "
              f"{peak / 1024:.0f} MB")
    finally:
        gateway.kill()
        gateway.remove()


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100000
    with tempfile.TemporaryDirectory() as folder:
        path = {}
        for calendar in ("no", "yes"):
            path[calendar] = os.path.join(folder, f"{calendar}.csv")
            with open(path[calendar], "w", newline="", encoding="utf-8") as f:
                f.writelines(rows_of(count, calendar))

        def importing(calendar):
            return lambda gateway: gateway.ctl_json("user", "import", path[calendar], "--no-wait")["job"]

        alone(path["yes"], count)
        killed(path["yes"], count)
        beside(count, "others' meetings, no job", None)
        beside(count, "  while users without calendars are inserted", importing("no"))
        beside(count, "  while users with calendars are", importing("yes"))


if __name__ == "__main__":
    main()

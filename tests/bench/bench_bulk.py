"""A file of 100,000 users: how long it takes to come in and to be worked through, what it costs in CPU and memory, and
how long somebody else waits for an answer meanwhile. Every twentieth row is wrong. ROWS as argument."""

import os
import sys
import tempfile
import time

from gateway import Gateway


def rows_of(count):
    yield "user,name,department,group,zone,im,calendar\r\n"
    for i in range(count):
        zone = "Mars/Olympus" if i % 20 == 7 else "W. Europe Standard Time"
        yield f"user{i:06},\"User, number {i}\",Department {i % 50},group{i % 9},{zone},yes,yes\r\n"


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


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100000
    with Gateway() as gateway, tempfile.NamedTemporaryFile("w", suffix=".csv", newline="") as f:
        gateway.ctl("domain", "add", "bench.test")
        f.writelines(rows_of(count))
        f.flush()
        empty = gateway.rss_kib()
        print(f"file of {os.path.getsize(f.name) / 2**20:.1f} MB; empty daemon {empty / 1024:.0f} MB")

        def imported(*options):
            return gateway.ctl_json("user", "import", f.name, "--no-wait", *options)["job"]

        step(gateway, "insert", imported)
        users = gateway.status()["users"]
        print(f"memory a user, all in: {(gateway.rss_kib() - empty) * 1024 / (count * 19 / 20):.0f} bytes ({users})")
        step(gateway, "the same again", imported)
        step(gateway, "set by filter", lambda: gateway.ctl_json(
            "user", "update", "--where", "group = group3 or department contains 'ment 7'", "--set", "language=ja",
            "--no-wait")["job"])
        step(gateway, "undo of the insert", lambda: gateway.ctl_json("job", "undo", "1", "--no-wait")["job"])
        slow = [line for line in gateway.log().splitlines() if " ms" in line and "callback" in line]
        print(f"callbacks above 50 ms: {len(slow)}")
        for line in slow[:5]:
            print("  ", line)


main()

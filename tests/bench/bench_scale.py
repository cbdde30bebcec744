"""The gateway with very many users in one run against the mock: a cold start, half of the users changing in
one minute, a server of four that dies in the middle of that, all four throttling, and kill -9. Started
by scripts/bench --scale. Times are of the wall; what else the machine does, the mock first of all, is in
them. The CPU time is of kalendsd alone."""

import sys
import time

from bench_gateway import CAS, DOMAIN, add_gateways, bring_up, notifications, restart, row, subscribed
from gateway import Gateway, Watch, wait_for
from house import utc
from mock import Mock

SPREAD_S = 50
LENGTH_S = 150  # of the meeting that half of the users have
BACK_OFF_S = 20


def jid(i):
    return f"user{i:04}@{DOMAIN}"


def counters(gateway):
    return gateway.status()["calendars"]["since_start"]


def unread(gateway):
    now = gateway.status()["calendars"]["now"]
    return now["lined_up"] + now["remembered"] + now["in_flight"]


def wait_until(moment):
    while time.time() < moment:
        time.sleep(min(0.2, max(0, moment - time.time())))


def plan(gateway, mock, users):
    """A meeting at the same minute for half of the users; returns when it begins."""
    half = range(0, users, 2)
    # So long for telling and reading of it, at 500 a second, and for what else the machine does.
    start = (int(time.time()) + 60 + len(half) // 500) // 60 * 60 + 60
    before, cpu = counters(gateway), gateway.cpu_s()
    for begin in range(0, len(half), 1000):
        mock.post("/scenario", {"meetings": [
            {"user": jid(i), "start": utc(start), "for": f"{LENGTH_S}s"}
            for i in half[begin:begin + 1000]]})
    wait_for(lambda: counters(gateway)["notifications"] - before["notifications"] >= len(half), 600,
             "all to be told of", every=0.5)
    wait_for(lambda: unread(gateway) == 0, 600, "all to be read", every=0.5)
    after, cpu = counters(gateway), gateway.cpu_s() - cpu
    row("a change told of and read, CPU each", f"{cpu / len(half) * 1e6:.1f}", "us",
        f"({after['notifications'] - before['notifications']} notifications, "
        f"{after['bulk_reads'] - before['bulk_reads']} + {after['reads'] - before['reads']} reads)")
    if time.time() > start - 2:
        row("  read too late for the minute that was planned", f"{time.time() - start:.0f}", "s")
    return start


def transitions(gateway, watch, moment, text, what):
    """What a watcher sees of a boundary at 'moment'; a few in a hundred are other meetings."""
    before, cpu = counters(gateway)["due"], gateway.cpu_s()
    wait_until(moment + SPREAD_S + 5)
    cpu, due = gateway.cpu_s() - cpu, counters(gateway)["due"] - before
    seen = [at - moment for at, c in watch.changes
            if c["event"] == "presence" and (c["now"]["text"] or "") == text and
            moment - 1 <= at <= moment + SPREAD_S + 5]
    per_second = [sum(1 for s in seen if k <= s < k + 1) for k in range(SPREAD_S)]
    times = gateway.status()["calendars"]["times"]
    row(f"{what}: seen by a watcher", len(seen), "")
    row("  in a second of the spread: fewest, most", f"{min(per_second)}, {max(per_second)}", "",
        f"({len(seen) / SPREAD_S:.0f} when flat)")
    row("  after its offset, since the start: median, 99 of 100, the latest",
        f"{times['due_late_p50_ms']}, {times['due_late_p99_ms']}, {times['due_late_max_ms']}", "ms",
        "99 of 100 <= 100")
    row("  CPU of that minute, per due moment", f"{cpu / max(due, 1) * 1e6:.1f}", "us",
        "(a watcher and all else included)")


def one_dies(gateway, mock, users, began):
    """Until its users are subscribed at the other three."""
    def moved():
        gateways = gateway.api("GET", "/v1/gateways")["gateways"]
        return subscribed(gateway) == users and not next(
            g["users"] for g in gateways if g["name"] == "cas1")
    wait_for(moved, 900, "everybody at the other servers", every=1)
    row("  until all are subscribed at the other three", f"{time.time() - began:.0f}", "s")
    row("  subscriptions too many, told to end when they next speak",
        mock.get("/subscriptions?limit=1")["total"] - users, "")
    mock.post("/cas/cas1/up")


def all_throttle(gateway, mock, users):
    """Every server wants to be left alone, while a change is told of."""
    changed = range(0, users, 20)
    journal = mock.get("/journal?limit=0")
    before, hasty = sum(journal["by_operation"].values()), journal["throttled"]["in_back_off"]
    told = time.time()
    for name in mock.cas:
        mock.fault(name, kind="fault", code="ErrorServerBusy", back_off_ms=BACK_OFF_S * 1000)
    for begin in range(0, len(changed), 1000):
        mock.post("/scenario", {"meetings": [
            {"user": jid(i), "start": "-1m", "for": "2h"} for i in changed[begin:begin + 1000]]})
    wait_until(told + BACK_OFF_S - 2)
    journal = mock.get("/journal?limit=0")
    asked = sum(journal["by_operation"].values()) - before
    for name in mock.cas:
        mock.delete(f"/cas/{name}/faults")
    row("all four throttle: requests in the back-off", asked, "", f"(one in flight each would be {CAS})")
    row("  a quarter of a second after the first push-back, or later", journal["throttled"]["in_back_off"] - hasty,
        "", "0")
    last = wait_for(lambda: gateway.explain(jid(changed[-1]))["published"]["text"] == "In a meeting" and
                    time.time(), 300, "the last change to be shown", every=0.5)
    row("  the last of the changes shown, after the back-off", f"{last - told - BACK_OFF_S:.1f}", "s")


def restart_quietly(gateway, mock, users):
    made = mock.get("/")["subscriptions"]["made"]
    restart(gateway, users)
    time.sleep(10)
    row("  subscriptions made again", mock.get("/")["subscriptions"]["made"] - made, "", "0")


def main():
    users = int(sys.argv[1])
    print(f"-- {users} users, HTTP to Exchange, spread {SPREAD_S} s", flush=True)
    scenario = {"users": [{"count": users, "domain": DOMAIN, "prefix": "user", "first": 0,
                           "random": {"per_user": 10, "within": "20h", "length": "30m", "seed": 7}}]}
    with Mock(cas=["http://127.0.0.1:0"] * CAS, domain=DOMAIN, scenario=scenario, strict=False) as mock, \
            Gateway(log_levels="warn") as gateway:
        gateway.set("calendar.spread_s", SPREAD_S)
        gateway.api("PUT", "/v1/texts/en/in-a-meeting-until", {"text": ""})
        gateway.api("POST", "/v1/domains", {"name": DOMAIN})
        add_gateways(gateway, mock, tls=False)
        bring_up(gateway, users)
        notifications(gateway, mock, users)
        start = plan(gateway, mock, users)
        watch = Watch(gateway)
        transitions(gateway, watch, start, "In a meeting", "half of the users at once")
        wait_until(start + LENGTH_S - 2)
        mock.post("/cas/cas1/down", {"lose": True})
        died = time.time()
        transitions(gateway, watch, start + LENGTH_S, "", "the same, and a server of four dies")
        watch.stop()
        one_dies(gateway, mock, users, died)
        all_throttle(gateway, mock, users)
        restart_quietly(gateway, mock, users)


if __name__ == "__main__":
    main()

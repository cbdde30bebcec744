"""What presence across federation costs: one user here with watchers on another server, one there with
watchers here, over TLS on loopback. CPU of each program for each stanza that goes between them.

    bench_federation.py [WATCHERS [CHANGES]]     50 and 500 unless said otherwise
"""

import os
import sys

import federation
from federation import Ejabberd, Prosody
from federation_scenarios import OURS, ours, theirs, world
from gateway import wait_for
from xmpp_client import Client

WATCHERS = int(sys.argv[1]) if len(sys.argv) > 1 else 50
CHANGES = int(sys.argv[2]) if len(sys.argv) > 2 else 500


def cpu_s(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def settled_cpu_s(pid):
    """Once it has done what it was given."""
    used = [-1.0]

    def is_still():
        used.append(cpu_s(pid))
        return used[-1] == used[-2]
    wait_for(is_still, 60, "a quiet process", every=0.5)
    return used[-1]


def counted(gateway, key):
    return gateway.api("GET", "/v1/federation")[key]


def befriend(gateway, other):
    """Each watcher logs in once and asks."""
    with theirs(other) as rosa:
        for i in range(WATCHERS):
            with Client(f"u{i}@{OURS}", "correct horse", host=gateway.address) as c:
                c.subscribe(rosa.jid)
                c.wait_contact(rosa.jid, ("available", ""))
    for i in range(WATCHERS):
        with theirs(other, f"w{i}") as c:
            c.subscribe(f"ann@{OURS}")
            wait_for(lambda: any(s.type == "subscribed" for s in c.presences), 20, "the grant")


def change(client, gateway, other, key):
    """(gateway, other server) in microseconds of CPU for each stanza."""
    pids = gateway.process.pid, other.process.pid
    stanzas = counted(gateway, key)
    before = [cpu_s(pid) for pid in pids]
    for i in range(CHANGES):
        client.presence("away", f"change {i}")
    wait_for(lambda: counted(gateway, key) - stanzas >= WATCHERS * CHANGES, 120, "all stanzas")
    stanzas = counted(gateway, key) - stanzas
    return [1e6 * (settled_cpu_s(pid) - then) / stanzas for pid, then in zip(pids, before)]


def measure(server):
    people = ["rosa"] + [f"w{i}" for i in range(WATCHERS)]
    with world(server, {"presence.auto_authorize": "everybody"}, options={"users": people, "log": "error"}) as (g, p):
        g.api("POST", "/v1/users", [{"user": f"u{i}@{OURS}", "im": True, "password": "correct horse"}
                                    for i in range(WATCHERS)])
        befriend(g, p)
        with ours(g) as ann:
            wait_for(lambda: counted(g, "stanzas_out") > WATCHERS, 20, "the connection")
            out = change(ann, g, p, "stanzas_out")
        with theirs(p) as rosa:
            into = change(rosa, g, p, "stanzas_in")
        name = server.__name__
        print(f"kalendsd to {name:9} {out[0]:7.1f} us sent      {out[1]:7.1f} us received")
        print(f"{name:9} to kalendsd {into[1]:7.1f} us sent      {into[0]:7.1f} us received")


if __name__ == "__main__":
    print(f"{WATCHERS} watchers on each side, {CHANGES} changes; CPU of a program for each stanza")
    for each in (Prosody, Ejabberd):
        if federation.has(each.program):
            measure(each)

"""What SIP watchers cost, here and on Kamailio, with the same watchers in the same run: CPU of a SUBSCRIBE with its
first NOTIFY and of each further NOTIFY that is delivered and answered, over UDP, TCP and TLS; memory of a
subscription. CPU and memory are the server's alone. Both servers take turns, so that both have the same machine;
shown are the median and the range.

Each user has ten watchers. Kamailio learns of a change by PUBLISH, we from within: what a PUBLISH costs it while
nobody watches is taken off.

    bench_sip_kamailio.py [SUBSCRIPTIONS [ROUNDS]]     1000 and 5 unless said otherwise
"""

import os
import re
import selectors
import socket
import statistics
import subprocess
import sys
import time

import sip
from zoo import Cert

BENCH = os.path.join(os.environ["KALENDS_BIN"], "bench_sip")
COUNT = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 5
USERS = max(COUNT // 10, 1)
CHANGES = 20  # of each user
LONGEST_S = 60
SHARED_MB = 512  # it keeps each answered NOTIFY for five seconds

CONFIG = """
debug=-2
alias="x.example"
listen=tls:{address}:TLS_PORT
modparam("ctl", "binrpc", "unix:{folder}/ctl")
modparam("tls", "tls_method", "TLSv1.2+")
modparam("tls", "certificate", "{folder}/pem")
modparam("tls", "private_key", "{folder}/pem")
modparam("presence|presence_xml", "db_url", "text://{folder}/db")
modparam("presence", "server_address", "sip:{address}:{port}")
modparam("presence", "send_fast_notify", 1)
modparam("presence", "subs_db_mode", 0)
modparam("presence", "publ_cache", 2)
modparam("presence", "subs_htable_size", 14)
modparam("presence", "pres_htable_size", 14)
modparam("presence_xml", "force_active", 1)
request_route {
    if (is_method("PUBLISH")) { handle_publish(); exit; }
    if (is_method("SUBSCRIBE")) { handle_subscribe(); exit; }
    sl_send_reply("404", "Nobody");
}
"""

BODY = """<?xml version="1.0"?>
<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:user{i}@x.example"><tuple id="t"><status>
<basic>open</basic></status><note>In a meeting until {round}:00</note></tuple></presence>
"""


class Server(sip.Kamailio):
    def __init__(self):
        cert = Cert("localhost")
        self.tls_port = sip.free_port("127.0.0.1")
        super().__init__(CONFIG.replace("TLS_PORT", str(self.tls_port)), "127.0.0.1",
                         modules=("ctl", "tls", "db_text", "presence", "presence_xml"), tables=True,
                         files={"pem": cert.pem + cert.key_pem}, shared_mb=SHARED_MB)

    def processes(self):
        """The first one, and what it has started."""
        found, todo = [], [self.process.pid]
        while todo:
            pid = todo.pop()
            found.append(pid)
            with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
                todo += [int(p) for p in f.read().split()]
        return found

    def cpu_us(self):
        total = 0
        for pid in self.processes():
            with open(f"/proc/{pid}/schedstat", encoding="ascii") as f:
                total += int(f.read().split()[0])
        return total / 1000

    def at_rest_us(self):
        """Its CPU, once it has nothing left to do but to look at the clock."""
        now = self.cpu_us()
        while True:
            time.sleep(0.2)
            before, now = now, self.cpu_us()
            if now - before < 10000:
                return now

    def used(self):
        """Bytes of shared memory, which is where it keeps subscriptions."""
        done = subprocess.run(["kamcmd", "-s", f"unix:{self.folder}/ctl", "core.shmmem"],
                              capture_output=True, text=True, check=True)
        return int(re.search(r"used: (\d+)", done.stdout)[1])


class Publisher:
    """Publishes for each user, one after the other."""

    def __init__(self, server):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(5)
        self.to, self.round, self.tags = ("127.0.0.1", server.port), 0, {}

    def publish(self):
        self.round += 1
        at = "127.0.0.1:%d" % self.socket.getsockname()[1]
        for i in range(USERS):
            body = BODY.format(i=i, round=self.round)
            match = f"SIP-If-Match: {self.tags[i]}\r\n" if i in self.tags else ""
            self.socket.sendto((f"PUBLISH sip:user{i}@x.example SIP/2.0\r\nVia: SIP/2.0/UDP {at};"
                                f"branch=z9hG4bKp{i}r{self.round}\r\nFrom: <sip:user{i}@x.example>;tag=p\r\n"
                                f"To: <sip:user{i}@x.example>\r\nCall-ID: p{i}\r\nCSeq: {self.round} PUBLISH\r\n"
                                f"Max-Forwards: 70\r\nEvent: presence\r\nExpires: 3600\r\n{match}"
                                f"Content-Type: application/pidf+xml\r\nContent-Length: {len(body)}\r\n\r\n{body}"
                                ).encode(), self.to)
            answer = self.socket.recv(8192).decode()
            assert answer.startswith("SIP/2.0 200"), answer
            self.tags[i] = re.search(r"SIP-ETag: (\S+)", answer)[1]

    def close(self):
        self.socket.close()


class Watchers:
    """They say each time that as many NOTIFYs were answered as there are subscriptions."""

    def __init__(self, server, proto):
        port = server.tls_port if proto == "TLS" else server.port
        self.process = subprocess.Popen([BENCH, "watch", proto, str(port), str(COUNT), str(USERS)],
                                        stdout=subprocess.PIPE)
        self.ready = selectors.DefaultSelector()
        self.ready.register(self.process.stdout, selectors.EVENT_READ)

    def told(self):
        if not self.ready.select(LONGEST_S) or not self.process.stdout.readline():
            raise TimeoutError("not every watcher was notified")

    def close(self):
        self.ready.close()
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()


def theirs(proto):
    """us of CPU a SUBSCRIBE, us a NOTIFY, bytes a subscription."""
    with Server() as server:
        publisher = Publisher(server)
        publisher.publish()
        begun = server.at_rest_us()
        for _ in range(CHANGES):
            publisher.publish()
        alone = server.at_rest_us() - begun
        begun, used = server.at_rest_us(), server.used()
        watchers = Watchers(server, proto)
        try:
            watchers.told()
            subscribed, size = server.at_rest_us(), (server.used() - used) / COUNT
            for _ in range(CHANGES):
                publisher.publish()
                watchers.told()
            told = server.at_rest_us()
        finally:
            watchers.close()
            publisher.close()
    return (subscribed - begun) / COUNT, (told - subscribed - alone) / CHANGES / COUNT, size


def run(*args):
    return subprocess.run([BENCH, str(COUNT), *args], capture_output=True, text=True, check=True).stdout


def ours(proto):
    """us of CPU a SUBSCRIBE, us a NOTIFY."""
    m = re.search(r"([\d.]+) us a SUBSCRIBE with its first NOTIFY, +([\d.]+) us a NOTIFY",
                  run(proto.lower(), str(USERS)))
    return float(m[1]), float(m[2])


def shown(values):
    return f"{statistics.median(values):7.1f} ({min(values):.1f}-{max(values):.1f})"


def row(what, mine, its):
    print(f"{what:<22} {shown(mine):>22} {shown(its):>26} {statistics.median(its) / statistics.median(mine):6.1f}",
          flush=True)


def main():
    sip.need("kamailio")
    alone = run("engine")
    print(alone, end="")
    print(f"{COUNT} subscriptions, {ROUNDS} rounds {'Kalends':>18} {'Kamailio':>26} {'ratio':>6}")
    sizes = []
    for proto in ("UDP", "TCP", "TLS"):
        mine, its = [], []
        for _ in range(ROUNDS):
            mine.append(ours(proto))
            its.append(theirs(proto))
        sizes += [i[2] for i in its]
        row(f"{proto} us a SUBSCRIBE", [m[0] for m in mine], [i[0] for i in its])
        row(f"{proto} us a NOTIFY", [m[1] for m in mine], [i[1] for i in its])
    row("bytes a subscription", [int(re.search(r"(\d+) bytes a subscription", alone)[1])], sizes)


if __name__ == "__main__":
    main()

"""What XMPP clients cost, here and on other servers, with the same load in the same run: users with contacts who
all log in over TLS, sit still, and then some of them change their presence. CPU and memory are the server's alone;
the clients are this process.

    bench_clients.py [USERS [CONTACTS [CHANGES]]]     1000, 30 and 500 unless said otherwise
"""

import asyncio
import base64
import contextlib
import glob
import os
import ssl
import sys

import federation
from federation import Ejabberd, Names, Prosody
from federation_scenarios import authority_elsewhere
from gateway import Gateway

USERS = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
CONTACTS = int(sys.argv[2]) if len(sys.argv) > 2 else 30
CHANGES = int(sys.argv[3]) if len(sys.argv) > 3 else 500
DOMAIN = "bench.example"
AT_ONCE = 20  # logins under way

HEADER = (f"<?xml version='1.0'?><stream:stream to='{DOMAIN}' version='1.0' xmlns='jabber:client' "
          "xmlns:stream='http://etherx.jabber.org/streams'>")
STARTTLS = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
BIND = "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>r</resource></bind></iq>"
ROSTER = "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>"


def names_of_contacts(i):
    """Half of them on each side of a ring: whoever is a contact has one, too."""
    half = range(1, CONTACTS // 2 + 1)
    return [f"u{(i + d) % USERS}" for d in half] + [f"u{(i - d) % USERS}" for d in half]


class Client:
    def __init__(self, i, password, address):
        self.name, self.password, self.address = f"u{i}", password, address
        self.told = 0  # of changes
        self.reader = self.writer = None

    def send(self, text):
        self.writer.write(text.encode())

    async def until(self, mark):
        await self.reader.readuntil(mark.encode())

    async def login(self, tls):
        self.reader, self.writer = await asyncio.open_connection(self.address, 5222, limit=1 << 20)
        self.send(HEADER + STARTTLS)
        await self.until("<proceed")
        await self.until(">")
        await self.writer.start_tls(tls, server_hostname=DOMAIN)
        self.send(HEADER)
        await self.until("</stream:features>")
        secret = base64.b64encode(f"\0{self.name}\0{self.password}".encode()).decode()
        self.send(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{secret}</auth>")
        await self.until("<success")
        await self.until(">")
        self.send(HEADER)
        await self.until("</stream:features>")
        self.send(BIND)
        await self.until("</jid>")
        self.send(ROSTER)
        await self.until("</iq>")
        self.send("<presence/>")
        await self.until("<presence")
        self.reading = asyncio.ensure_future(self.read())

    async def read(self):
        rest = b""
        while data := await self.reader.read(1 << 16):
            data = rest + data
            self.told += data.count(b"<status>round")
            rest = data[-12:]

    async def leave(self):
        self.reading.cancel()
        self.send("</stream:stream>")
        self.writer.close()
        with contextlib.suppress(OSError, ssl.SSLError, asyncio.TimeoutError):
            await asyncio.wait_for(self.writer.wait_closed(), 2)


# -- servers: (process id, address, password) --------------------------------------------------------

@contextlib.contextmanager
def kalendsd():
    with Gateway(log_levels="warn") as g:
        g.api("POST", "/v1/domains", {"name": DOMAIN})
        for first in range(0, USERS, 500):
            g.api("POST", "/v1/users", [{"user": f"u{i}@{DOMAIN}", "im": True, "password": "correct horse"}
                                        for i in range(first, min(first + 500, USERS))])
        g.set("xmpp.half_open_max", 10 * AT_ONCE)
        asyncio.run(befriend(g.address, "correct horse"))
        g.stop()  # the memory of idle sessions is measured from a fresh start
        g.start()
        yield g.process.pid, g.address, "correct horse"


async def befriend(address, password):
    """Requests among one's own domains are granted without asking."""
    tls = any_certificate()
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(i):
        async with gate:
            c = Client(i, password, address)
            await c.login(tls)
            for name in names_of_contacts(i):
                c.send(f"<presence type='subscribe' to='{name}@{DOMAIN}'/>")
            c.send("<iq type='get' id='done'><ping xmlns='urn:xmpp:ping'/></iq>")
            await c.writer.drain()
            await asyncio.sleep(0.2)
            await c.leave()
    await asyncio.gather(*(one(i) for i in range(USERS)))


@contextlib.contextmanager
def prosody():
    with contextlib.closing(Names()) as names, authority_elsewhere() as authority:
        server = Prosody(DOMAIN, names, authority, log="error", hashed=True, users=[f"u{i}" for i in range(USERS)])
        folder = f"{server.folder}/data/{DOMAIN.replace('.', '%2e')}/roster"
        os.makedirs(folder)
        for i in range(USERS):
            items = "".join(f'["{n}@{DOMAIN}"] = {{ subscription = "both"; groups = {{}} }};\n'
                            for n in names_of_contacts(i))
            with open(f"{folder}/u{i}.dat", "w", encoding="utf-8") as f:
                f.write(f"return {{ [false] = {{ version = 1; pending = {{}} }};\n{items}}};\n")
        with server:
            yield server.process.pid, server.address, server.password


@contextlib.contextmanager
def ejabberd():
    with contextlib.closing(Names()) as names, authority_elsewhere() as authority:
        server = Ejabberd(DOMAIN, names, authority, log="error", hashed=True, users=[f"u{i}" for i in range(USERS)])
        with server:
            asyncio.run(befriend_and_accept(server.process.pid, server.address, server.password))
            server.stop()
            server.start()
            yield server.process.pid, server.address, server.password


async def befriend_and_accept(pid, address, password):
    """All at once, each says yes before he is asked (RFC 6121 3.4), and asks."""
    clients = await all_in(address, password)
    for request in ("subscribe", "subscribed"):
        for i, c in enumerate(clients):
            for name in names_of_contacts(i):
                c.send(f"<presence type='{request}' to='{name}@{DOMAIN}'/>")
            await c.writer.drain()
        await settled_cpu_s(pid)
    await asyncio.gather(*(c.leave() for c in clients))


# -- the load --------------------------------------------------------------------------------------------

def any_certificate():
    tls = ssl.create_default_context()
    tls.check_hostname = False
    tls.verify_mode = ssl.CERT_NONE
    return tls


def cpu_s(pid):
    """In nanoseconds, unlike what /proc tells of a process as a whole."""
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        with contextlib.suppress(OSError), open(path, encoding="ascii") as f:
            total += int(f.read().split()[0])
    return total / 1e9


def rss_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS:"))


async def settled_cpu_s(pid):
    """Once it has done what it was given; Erlang is never quite still."""
    before = -1.0
    for _ in range(600):
        now = cpu_s(pid)
        if now - before < 0.005:
            break
        before = now
        await asyncio.sleep(0.5)
    return now


async def all_in(address, password):
    tls = any_certificate()
    gate = asyncio.Semaphore(AT_ONCE)
    clients = [Client(i, password, address) for i in range(USERS)]

    async def one(c):
        async with gate:
            await c.login(tls)
    await asyncio.gather(*(one(c) for c in clients))
    return clients


async def measure(pid, address, password):
    memory, cpu = rss_kib(pid), await settled_cpu_s(pid)
    clients = await all_in(address, password)
    login = (await settled_cpu_s(pid) - cpu) / USERS
    memory = (rss_kib(pid) - memory) / USERS
    cpu = await settled_cpu_s(pid)
    for n in range(CHANGES):
        c = clients[n * 7 % USERS]
        c.send(f"<presence><show>away</show><status>round {n}</status></presence>")
        await c.writer.drain()
        if n % 20 == 0:
            await asyncio.sleep(0.05)
    expected = CHANGES * (CONTACTS + 1)  # and the sender himself
    for _ in range(1200):
        if sum(c.told for c in clients) >= expected:
            break
        await asyncio.sleep(0.1)
    told = sum(c.told for c in clients)
    delivered = (await settled_cpu_s(pid) - cpu) / told
    await asyncio.gather(*(c.leave() for c in clients))
    if told < expected:
        raise RuntimeError(f"{told} presences arrived, {expected} were due")
    return {"login": 1e3 * login, "memory": memory, "presence": 1e6 * delivered}


def main():
    print(f"{USERS} users with {CONTACTS} contacts each, {CHANGES} changes of presence; over TLS on loopback")
    servers = [("kalendsd", kalendsd)]
    servers += [("prosody", prosody)] if federation.has(Prosody.program) else []
    servers += [("ejabberd", ejabberd)] if federation.has(Ejabberd.program) and glob.glob(
        f"{Ejabberd.rooms}/ejabberd-*") else []
    print(f"{'':10}{'login, CPU':>16}{'logins/s a core':>18}{'idle session':>16}{'presence told':>18}")
    ours = None
    for name, server in servers:
        with server() as (pid, address, password):
            r = asyncio.run(measure(pid, address, password))
        ours = ours or r
        print(f"{name:10}{r['login']:13.2f} ms{1e3 / r['login']:18.0f}{r['memory']:12.1f} KiB"
              f"{r['presence']:15.1f} us", flush=True)
        if r is not ours:
            print(f"{'  to ours':10}{r['login'] / ours['login']:14.1f} x{'':18}"
                  f"{r['memory'] / ours['memory']:14.1f} x{r['presence'] / ours['presence']:16.1f} x", flush=True)


if __name__ == "__main__":
    main()

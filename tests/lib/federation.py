"""Other XMPP servers for tests: a name server with their records, a certificate authority for them, Prosody
and ejabberd, each on a loopback address of its own (so that every port may keep its default)."""

import contextlib
import datetime
import ipaddress
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gateway import wait_for


def server_address():
    """A loopback address on which nobody has the ports of XMPP."""
    for _ in range(100):
        address = f"127.{random.randint(1, 250)}.{random.randint(0, 250)}.{random.randint(1, 250)}"
        with contextlib.suppress(OSError):
            for port in (5222, 5269):
                with socket.socket() as s:
                    s.bind((address, port))
            return address
    raise RuntimeError("no free loopback address")


# -- names ----------------------------------------------------------------------------------------

A, SRV, NAPTR = 1, 33, 35


def _name(text):
    return b"".join(bytes([len(p)]) + p.encode() for p in text.strip(".").split(".") if p) + b"\0"


class Names:
    """A name server: names.add_server("a.test", "127.1.2.3")."""

    def __init__(self):
        self.records, self.asked = {}, []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def servers(self):
        return f"127.0.0.1:{self.port}"

    def add_address(self, name, address):
        self.records.setdefault((name, A), []).append(ipaddress.ip_address(address).packed)

    def add_service(self, domain, host, port=5269, priority=0, weight=0, service="_xmpp-server._tcp"):
        self.records.setdefault((f"{service}.{domain}", SRV), []).append(
            struct.pack(">HHH", priority, weight, port) + _name(host))

    def add_naptr(self, domain, order, service, target):
        """Of RFC 3263: leads to the SRV records of target."""
        self.records.setdefault((domain, NAPTR), []).append(
            struct.pack(">HH", order, 0) + b"\x01s" + bytes([len(service)]) + service.encode() + b"\0" + _name(target))

    def add_server(self, domain, address, port=5269):
        self.add_service(domain, f"xmpp.{domain}", port)
        self.add_address(f"xmpp.{domain}", address)

    def forget(self, domain):
        for key in [k for k in self.records if k[0].endswith(domain)]:
            del self.records[key]

    def close(self):
        self._socket.close()

    def _serve(self):
        while True:
            try:
                query, sender = self._socket.recvfrom(4096)
            except OSError:
                return
            with contextlib.suppress(OSError, IndexError, struct.error):
                self._socket.sendto(self._answer(query), sender)

    def _answer(self, query):
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode().lower())
            at += 1 + query[at]
        kind = struct.unpack(">H", query[at + 1:at + 3])[0]
        name = ".".join(labels)
        self.asked.append((name, kind))
        data = self.records.get((name, kind), [])
        known = any(n == name for n, _ in self.records)
        flags = 0x8580 | (0 if known else 3)
        answer = query[:2] + struct.pack(">HHHHH", flags, 1, len(data), 0, 0) + query[12:at + 5]
        for one in data:
            answer += b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 1, len(one)) + one
        return answer


# -- broken connections ---------------------------------------------------------------------------

class Cutter:
    """What stands between two servers: passes on all that is said to address:port, until it swallows it, or
    cuts the connections. New ones pass. One who looks for the server is sent to 127.0.0.1:cutter.port."""

    def __init__(self, address, port=5269):
        self.target = (address, port)
        self.swallows = False  # what goes to the server is taken, and never comes
        self._pairs = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self):
        self.swallows = False
        pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for s in pair:
                with contextlib.suppress(OSError):
                    s.shutdown(socket.SHUT_RDWR)
                s.close()
        return len(pairs)

    def close(self):
        self._listener.close()
        self.cut()

    def _accept(self):
        while True:
            try:
                near = self._listener.accept()[0]
            except OSError:
                return
            try:
                far = socket.create_connection(self.target, 10)
            except OSError:
                near.close()
                continue
            far.settimeout(None)  # it was for connecting
            self._pairs.append((near, far))
            threading.Thread(target=self._pass, args=(near, far, True), daemon=True).start()
            threading.Thread(target=self._pass, args=(far, near, False), daemon=True).start()

    def _pass(self, source, to, is_forth):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if not (is_forth and self.swallows):
                    to.sendall(data)
        for s in (source, to):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)


# -- certificates ---------------------------------------------------------------------------------

class Authority:
    """Signs certificates of servers; folder holds NAME.pem (certificate, chain, key), and root.pem."""

    def __init__(self, folder):
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Federation test CA {random.randrange(10**6)}")])
        self.certificate = self._sign(self.name, self.key.public_key(), x509.BasicConstraints(True, None))
        self.root = os.path.join(folder, "root.pem")
        with open(self.root, "wb") as f:
            f.write(self.certificate.public_bytes(serialization.Encoding.PEM))

    def _sign(self, subject, key, *extensions):
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = x509.CertificateBuilder(
            self.name, subject, key, x509.random_serial_number(), now - datetime.timedelta(days=1),
            now + datetime.timedelta(days=30))
        for extension in extensions:
            builder = builder.add_extension(extension, False)
        return builder.sign(self.key, hashes.SHA256())

    def issue(self, file, *domains):
        """FOLDER/FILE.crt and .key, and FILE.pem with both."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, domains[0])])
        certificate = self._sign(
            subject, key.public_key(), x509.SubjectAlternativeName([x509.DNSName(d) for d in domains]),
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]))
        crt = certificate.public_bytes(serialization.Encoding.PEM)
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                serialization.NoEncryption())
        path = os.path.join(self.folder, file)
        for suffix, data in ((".crt", crt), (".key", pem), (".pem", crt + pem)):
            with open(path + suffix, "wb") as f:
                f.write(data)
            os.chmod(path + suffix, 0o600)
        return path + ".pem"


# -- servers --------------------------------------------------------------------------------------

class Server:
    """What does not depend on whose server it is. Users have the password 'secret'."""

    password = "secret"

    def __init__(self, domain, names, authority=None, certificate=None, certificate_for=None, **options):
        self.domain, self.names, self.options = domain, names, options
        self.folder = tempfile.mkdtemp(prefix="federation-")
        os.chmod(self.folder, 0o755)
        self.address = server_address()
        self.log_path = os.path.join(self.folder, "server.log")
        self.process = None
        self.authority = authority
        self.root = authority.root if authority else None
        self.certificate = certificate or (
            authority.issue(domain, certificate_for or domain) if authority else None)
        names.add_server(domain, self.address)

    def jid(self, name):
        return f"{name}@{self.domain}"

    def introduce(self, domain, address, port=5269):
        """Where this server finds another domain."""
        self.names.add_server(domain, address, port)

    def log(self):
        with contextlib.suppress(OSError), open(self.log_path, encoding="utf-8", errors="replace") as f:
            return f.read()
        return ""

    def _wait(self, timeout=180):
        def answers():
            if self.process.poll() is not None:
                raise RuntimeError(f"{type(self).__name__} ended:\n{self.log()[-4000:]}")
            with contextlib.suppress(OSError), socket.create_connection((self.address, 5269), 1), \
                    socket.create_connection((self.address, 5222), 1):
                return True
            return False
        wait_for(answers, timeout, f"{type(self).__name__} at {self.address}")

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process = None

    def __enter__(self):
        try:
            return self.start()
        except BaseException as error:
            self.__exit__(type(error))
            raise

    def __exit__(self, kind, *_):
        self.stop()
        if kind is not None:
            print(f"--- {self.domain} ---\n{self.log()[-6000:]}")
        shutil.rmtree(self.folder, ignore_errors=True)


class Prosody(Server):
    """options: tls, secure (certificates must prove domains), dialback, hashed (passwords), people (publish of
    themselves), all bool; users, log (a level)."""

    program = "/usr/bin/prosody"
    acknowledges = True  # stream management between servers, without resumption
    publishes = True     # with the option 'people'

    def configure(self):
        o = {"tls": True, "secure": False, "dialback": True, "hashed": False, "people": False, "users": [], "log": "debug",
             **self.options}
        modules = ["roster", "saslauth", "disco", "ping", "time", "version", "smacks"]
        if o["tls"]:
            modules.append("tls")
        if o["dialback"]:
            modules.append("dialback")
        if o["people"]:
            modules += ["pep", "vcard_legacy"]
        lua = f'''
run_as_root = true
daemonize = false
pidfile = "{self.folder}/prosody.pid"
data_path = "{self.folder}/data"
interfaces = {{ "{self.address}" }}
c2s_ports = {{ 5222 }}
s2s_ports = {{ 5269 }}
c2s_direct_tls_ports = {{ }}
s2s_direct_tls_ports = {{ }}
http_ports = {{ }}
https_ports = {{ }}
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
s2s_require_encryption = {str(o["tls"] and o["secure"]).lower()}
s2s_secure_auth = {str(o["secure"]).lower()}
authentication = "internal_{"hashed" if o["hashed"] else "plain"}"
storage = "internal"
modules_enabled = {{ {", ".join(f'"{m}"' for m in modules)} }}
log = {{ {o["log"]} = "{self.log_path}" }}
unbound = {{ resolvconf = false; hoststxt = false; forward = "127.0.0.1@{self.names.port}";
            options = {{ ["do-not-query-localhost:"] = "no"; ["cache-max-ttl:"] = "1";
                         ["cache-max-negative-ttl:"] = "1" }} }}
VirtualHost "{self.domain}"
'''
        if o["tls"]:
            base = self.certificate[:-len(".pem")]
            lua += f'''ssl = {{ certificate = "{base}.crt"; key = "{base}.key"; cafile = "{self.root}";
        capath = false; verify = {{ "peer", "client_once" }} }}
'''
        with open(f"{self.folder}/prosody.cfg.lua", "w", encoding="utf-8") as f:
            f.write(lua)
        folder = f"{self.folder}/data/{self.domain.replace('.', '%2e')}/accounts"
        os.makedirs(folder, exist_ok=True)
        for user in o["users"]:
            with open(f"{folder}/{user}.dat", "w", encoding="utf-8") as f:
                f.write(f'return {{ ["password"] = "{self.password}"; }};\n')

    def start(self):
        self.configure()
        with open(self.log_path, "a", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [self.program, "--config", f"{self.folder}/prosody.cfg.lua", "-F"],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self.folder)
        self._wait()
        return self


class Ejabberd(Server):
    """options: as of Prosody.

    Without a node name, so that no Erlang port mapper is started and none that runs is asked."""

    program = "/usr/bin/erl"
    acknowledges = False  # to clients only
    publishes = False
    rooms = "/usr/lib/x86_64-linux-gnu"

    def introduce(self, domain, address, port=5269):
        # Service records it looks up here, but their targets with the C library, wherever that asks.
        self.names.add_service(domain, address, port)

    def configure(self):
        o = {"tls": True, "secure": False, "dialback": True, "hashed": False, "users": [], "log": "debug",
             **self.options}
        modules = ["mod_roster", "mod_disco", "mod_ping", "mod_version"]
        if o["dialback"]:
            modules.append("mod_s2s_dialback")
        tls = "false" if not o["tls"] else "required" if o["secure"] else "optional"
        yaml = f'''
loglevel: {o["log"]}
hosts: ["{self.domain}"]
auth_method: internal
auth_password_format: {"scram" if o["hashed"] else "plain"}
auth_use_cache: false
sm_use_cache: false
certfiles: {f'["{self.certificate}"]' if o["tls"] else "[]"}
ca_file: "{self.root}"
s2s_cafile: "{self.root}"
s2s_use_starttls: {tls}
s2s_max_retry_delay: 1
s2s_dns_timeout: 5
negotiation_timeout: 20
listen:
  - {{ip: "{self.address}", port: 5222, module: ejabberd_c2s, starttls: {str(o["tls"]).lower()}}}
  - {{ip: "{self.address}", port: 5269, module: ejabberd_s2s_in}}
access_rules:
  anybody: {{allow: all}}
shaper_rules: {{}}
modules: {{{", ".join(f"{m}: {{}}" for m in modules)}}}
'''
        with open(f"{self.folder}/ejabberd.yml", "w", encoding="utf-8") as f:
            f.write(yaml)
        with open(f"{self.folder}/inetrc", "w", encoding="utf-8") as f:
            f.write(f'''{{resolv_conf, "/dev/null"}}.
{{hosts_file, "/dev/null"}}.
{{lookup, [dns]}}.
{{nameserver, {{127,0,0,1}}, {self.names.port}}}.
{{edns, false}}.
{{cache_size, 0}}.
''')
        return o["users"]

    def start(self):
        users = self.configure()
        ready = f"{self.folder}/ready"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(ready)
        then = [f'ejabberd_auth:try_register(<<"{u}">>,<<"{self.domain}">>,<<"{self.password}">>)'
                for u in users] + [f'file:write_file("{ready}","")']
        environment = {**os.environ, "ERL_LIBS": self.rooms, "ERL_INETRC": f"{self.folder}/inetrc",
                       "EJABBERD_CONFIG_PATH": f"{self.folder}/ejabberd.yml",
                       "EJABBERD_LOG_PATH": self.log_path, "ERL_CRASH_DUMP_SECONDS": "0", "HOME": self.folder}
        with open(f"{self.folder}/output", "a", encoding="utf-8") as output:
            self.process = subprocess.Popen(
                [self.program, "-noinput", "-mnesia", "dir", f'"{self.folder}/mnesia"', "-s", "ejabberd",
                 "-eval", ",".join(then) + "."],
                env=environment, stdout=output, stderr=output, stdin=subprocess.DEVNULL, cwd=self.folder)
        self._wait()
        wait_for(lambda: os.path.exists(ready), 120, "its users")
        return self


def has(*programs):
    return all(os.path.exists(p) for p in programs)

"""SIP.md, as an administrator follows it: each of its commands, chapter by chapter, against servers that are there, and
its Kamailio between a client and the gateway. README.md's of SIP, too."""

import os
import re
import subprocess
import sys
import tempfile

import sip
from gateway import SIP_PORT, Gateway, program
from house import run
from test_sip_clients import MESSAGE, logged_in, say
from xmpp_client import Client
from zoo import Cert

sip.need("sipp", "kamailio")

def chapters():
    """By title: commands, and what stands in blocks of Kamailio's."""
    with open("SIP.md", encoding="utf-8") as f:
        parts = re.split(r"^## (.+)\n", f.read(), flags=re.M)[1:]
    return {title: ([line.strip() for line in text.splitlines() if line.startswith("    kalendsctl ")],
                    "".join(re.findall(r"^```kamailio\n(.*?)^```", text, re.M | re.S)))
            for title, text in zip(parts[::2], parts[1::2])}


class Office(Gateway):
    """example.org with ann and bob. Names of the page become those of servers that are there."""

    def __init__(self, **names):
        super().__init__()
        self.folder, self.names = tempfile.TemporaryDirectory(), names

    def __enter__(self):
        super().__enter__()
        self.ctl("domain", "add", "example.org")
        for name in ("ann", "bob"):
            self.ctl("user", "add", f"{name}@example.org", "--im")
            self.ctl("password", "set", f"{name}@example.org", "--password-stdin", text_in="secret\n")
        return self

    def __exit__(self, *why):
        super().__exit__(*why)
        self.folder.cleanup()

    def in_folder(self, name):
        return os.path.join(self.folder.name, name)

    def there(self, text):
        for name, place in self.names.items():
            text = text.replace(name.replace("_", "."), place)
        return text

    def do(self, command, text_in=None):
        """As it is printed, in a shell; what it prints."""
        if "password set" in command:
            command, text_in = command + " --password-stdin", "secret\n"
        done = subprocess.run(["bash", "-c", self.there(command)], cwd=self.folder.name, input=text_in, capture_output=True,
                              text=True, timeout=60,
                              env={**os.environ, "KALENDS_SOCKET": self.socket,
                                   "PATH": os.path.dirname(program("kalendsctl")) + ":" + os.environ["PATH"]})
        assert done.returncode == 0, (command, done)
        return done.stdout + done.stderr


class Edge:
    """openssl's TLS server, with a certificate."""

    def __init__(self, folder, cert, trusted):
        self.port = sip.free_port("127.0.0.1")
        paths = [os.path.join(folder, name) for name in ("edge", "edge-ca")]
        for path, text in zip(paths, (cert.pem + cert.key_pem, trusted)):
            with open(path, "w", encoding="ascii") as f:
                f.write(text)
        self.process = subprocess.Popen(
            ["openssl", "s_server", "-accept", f"127.0.0.1:{self.port}", "-cert", paths[0], "-key", paths[0], "-chainCAfile",
             paths[1], "-CAfile", paths[1], "-Verify", "3", "-quiet"],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.process.kill()
        self.process.communicate()


def test_partner():
    """a partner with Lync: from the request for a certificate to seven points that are all well"""
    commands, _ = chapters()["A partner with Lync, Skype for Business or OCS"]
    with Office() as g:
        ca = Cert("Public CA", ca=True)
        with Edge(g.folder.name, Cert("localhost", issuer=ca), ca.pem) as edge:
            g.names = {"edge_partner_example:5061": f"localhost:{edge.port}", "edge_partner_example": "localhost"}
            said = {}
            for command in commands:
                if "own install" in command:  # which the authority has made meanwhile
                    with open(g.in_folder("sip.csr"), encoding="ascii") as f:
                        request = f.read()
                    text = subprocess.run(["openssl", "req", "-noout", "-text"], input=request, capture_output=True, text=True,
                                          check=True).stdout
                    assert "TLS Web Server Authentication, TLS Web Client Authentication" in text, text
                    with open(g.in_folder("sip.pem"), "w", encoding="ascii") as f:
                        f.write(ca.sign_request(request) + ca.pem)
                if "cert fetch" in command:  # it asks; TLS servers of the page are at 5061
                    command = command.replace("edge.partner.example", f"localhost:{edge.port}") + f" --accept {ca.fingerprint}"
                if "diag tls" in command:
                    command = command.replace("edge.partner.example", f"localhost:{edge.port}")
                said[command.split("#")[0].split()[1]] = g.do(command)
            assert f"localhost:{edge.port}" in said["sip"] or f"{edge.port}" in said["sip"], said["sip"]
            assert len(re.findall(r"^ *[1-7] ok", said["diag"], re.M)) == 7, said["diag"]


def test_shared_domain():
    """Lync in one's own domain"""
    commands, _ = chapters()["Lync in your own domain"]
    with Office() as g:
        for command in commands:
            said = g.do(command)
        assert said.index("fe1.example.org") < said.index("fe2.example.org"), said
        assert "is a user here" in g.run_ctl("sip", "route", "ann@example.org").stderr


def test_edge():
    """Kamailio of the page in front of clients: they register, watch, and get messages by it"""
    commands, config = chapters()["Kamailio in front of your users' clients"]
    with Office() as g:
        # Clients come from another address than the gateway, which connects from here.
        g.names = {"192.0.2.5:5060": f"{g.address}:{SIP_PORT}", "192.0.2.5": "127.0.0.1", "192.0.2.30": g.address}
        with sip.Kamailio(g.there(config), g.address, ["path"]) as proxy, Client("bob@example.org", "secret", host=g.address) as bob:
            assert [g.do(command) for command in commands][-1].startswith("no SIP client"), commands
            target, here = f"{proxy.address}:{proxy.port}", "127.0.0.9"

            def of_ann(text):
                return text.replace("bob@sip.test", "ann@example.org").replace("sip:sip.test", "sip:example.org").replace(
                    "username=bob", "username=ann")
            g.set("sip.login", "md5")  # as SIPp knows no better
            g.ctl("password", "set", "ann@example.org", "--password-stdin", text_in="secret\n")
            with sip.Sipp([MESSAGE.format("200 OK")], "", server=True, address=here) as waiting:
                steps = of_ann(logged_in(contact=f"<sip:ann@{here}:{waiting.port}>", more="Supported: path\n"))
                with sip.Sipp([steps], target, address=here, auth_uri="example.org") as peer:
                    peer.wait()
                assert "ann@example.org" in g.do(commands[-1])
                bob.call(lambda x: say(x, "ann@example.org", "By the edge"))
                waiting.wait()
                assert waiting.messages()[0].body.strip() == "By the edge"
            asked = sip.subscribe("bob@example.org", "ann@example.org")
            proved = asked.replace("1 SUBSCRIBE", "2 SUBSCRIBE").replace("Expires: 600\n", "Expires: 600\n[authentication "
                                                                          "username=ann password=secret]\n")
            first = asked.replace('response="200" rrs="true"', 'response="401" auth="true"')
            with sip.Sipp([first, proved, sip.notify()], target, address=here, auth_uri="bob@example.org") as peer:
                peer.wait()
                assert len(peer.notifies()[0].all("Via")) == 2, peer.notifies()[0].headers


def test_others():
    """a partner of another kind, a presence server, and what to do when it does not work"""
    for title in ("Kamailio and others with a domain of their own", "A presence server that shows your calendars",
                  "When it does not work"):
        commands, _ = chapters()[title]
        assert commands, title
        with Office(**{"192.0.2": "127.0.0"}) as g:
            said = [g.do(command) for command in commands]
            assert title != "Kamailio and others with a domain of their own" or "127.0.0.40" in said[-1], said


def test_readme():
    """what README.md says to type of SIP, in blocks and between words"""
    with open("README.md", encoding="utf-8") as f:
        page = f.read().partition("SIP watchers subscribe")[2].partition("`kalendsctl explain")[0]
    commands = re.findall(r"^    (kalendsctl .+)|`(kalendsctl [^`]+)`", page, re.M)
    commands = [(block or inline).partition("  #")[0] for block, inline in commands]
    assert len(commands) > 15, commands
    with Office() as g:
        for command in commands:
            if "cert fetch" not in command and "diag tls" not in command:  # test_partner has a server for them
                g.do(command)


def test_named():
    """each setting, port and word of the log that the page names is one"""
    with open("SIP.md", encoding="utf-8") as f:
        page = f.read()
    with Gateway() as g:
        known = {p["key"]: p["value"] for p in g.api("GET", "/v1/parameters")["parameters"]}
        for key in re.findall(r"`((?:sip|presence)\.[a-z_]+)", page):
            parts = ("sip.tcp", "sip.tls", "sip.acl", "sip.message", "sip.method", "sip.routing")
            assert key in known or key in parts, key
        assert f"| {known['sip.server_auth_port']} TLS | clients" in page
        assert f"| {known['sip.peer_auth_port']} TLS | servers" in page


if __name__ == "__main__":
    run([f for name, f in sorted(globals().items()) if name.startswith("test_")])
    sys.exit(0)

"""The XMPP front-end with a client that is not ours (slixmpp), and with raw sockets that misbehave."""

import datetime
import os
import resource
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import unittest
from xml.etree import ElementTree

try:
    from xmpp_client import Client
    import zoo
except ImportError as error:
    print(f"skipped: {error} (python3-slixmpp, python3-cryptography)")
    sys.exit(77)

DOMAIN = "x.example"
HEADER = ("<?xml version='1.0'?><stream:stream to='x.example' version='1.0' xmlns='jabber:client' "
          "xmlns:stream='http://etherx.jabber.org/streams'>")
STARTTLS = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
ANN_PLAIN = ("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>"
             "AGFubgBhbm4tc2VjcmV0</auth>")
BIND = "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"


class Server:
    """xmpp_test_server on a free port."""

    def __init__(self, trusted=()):
        """trusted: (set, certificate) pairs."""
        self.folder = tempfile.TemporaryDirectory()
        for name, cert in trusted:
            folder = os.path.join(self.folder.name, "certs", name)
            os.makedirs(folder, mode=0o700)
            with open(os.path.join(folder, cert.fingerprint + ".pem"), "w", encoding="ascii") as f:
                f.write(cert.pem)
        if trusted:
            os.chmod(os.path.join(self.folder.name, "certs"), 0o700)
        self.log = open(os.path.join(self.folder.name, "log"), "w+", encoding="utf-8")
        self.process = subprocess.Popen(
            [os.path.join(os.environ["KALENDS_BIN"], "xmpp_test_server"),
             os.path.join(self.folder.name, "certs")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True)
        words = self.process.stdout.readline().split()
        if not words:
            raise RuntimeError("xmpp_test_server: " + self.read_log())
        self.port, self.tls_port = int(words[1]), int(words[3])

    def read_log(self):
        self.log.seek(0)
        return self.log.read()

    def __call__(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        assert answer == "ok", f"{command}: {answer}"

    def close(self):
        self.process.stdin.close()
        code = self.process.wait(20)
        self.process.stdout.close()
        log = self.read_log()
        self.log.close()
        self.folder.cleanup()
        assert code == 0, f"xmpp_test_server ended with {code}:\n{log}"

    def client(self, name, **more):
        return Client(f"{name}@{DOMAIN}", f"{name}-secret", **{"port": self.port, **more})


class Raw:
    """A socket that says what it is told."""

    def __init__(self, port, receive_buffer=None):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(10)
        self.socket.connect(("127.0.0.1", port))
        self.seen = ""

    def send(self, text):
        self.socket.sendall(text if isinstance(text, bytes) else text.encode())

    def expect(self, text, timeout=10):
        until = time.time() + timeout
        while text not in self.seen:
            self.socket.settimeout(max(0.01, until - time.time()))
            data = self.socket.recv(65536)
            if not data:
                raise AssertionError(f"closed before {text!r}; seen: {self.seen[-500:]!r}")
            self.seen += data.decode("utf-8", "replace")
        self.seen = self.seen.split(text, 1)[1]

    def expect_closed(self, timeout=10):
        self.socket.settimeout(timeout)
        try:
            while True:
                data = self.socket.recv(65536)
                if not data:
                    return
        except ConnectionError:
            return

    def start_tls(self, certificate=None):
        self.send(HEADER)
        self.expect("<required/>")
        self.send(STARTTLS)
        self.expect("<proceed")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if certificate:
            context.load_cert_chain(certificate)
        self.socket = context.wrap_socket(self.socket, server_hostname=DOMAIN)
        self.seen = ""

    def log_in(self):
        self.start_tls()
        self.send(HEADER)
        self.expect("</stream:features>")
        self.send(ANN_PLAIN)
        self.expect("<success")
        self.send(HEADER)
        self.expect("</stream:features>")
        self.send(BIND)
        self.expect("</iq>")

    def close(self):
        self.socket.close()


class WithServer(unittest.TestCase):
    def setUp(self):
        self.server = Server()
        self.addCleanup(self.server.close)

    def log_in(self, name, **more):
        client = self.server.client(name, **more).start()
        self.addCleanup(client.stop)
        client._wait(lambda: client.contact_states(client.jid), 10, "the server to take notice")
        return client

    def raw(self, **more):
        raw = Raw(self.server.port, **more)
        self.addCleanup(raw.close)
        return raw

    def wait_for(self, condition, timeout=5):
        until = time.time() + timeout
        while not condition():
            self.assertLess(time.time(), until, "waited too long")
            time.sleep(0.05)

    def befriend(self, a, b):
        """slixmpp grants and asks back by itself."""
        a.subscribe(b.jid)
        a.wait_contact(b.jid, ("available", None))
        b.wait_contact(a.jid, ("available", None))


class Certificates(unittest.TestCase):
    """Logins by client certificate (SASL EXTERNAL)"""

    ANN, BOB = f"ann@{DOMAIN}", f"bob@{DOMAIN}"

    def setUp(self):
        self.root = zoo.Cert("Users", ca=True)
        self.partner = zoo.Cert("Partner", ca=True)
        self.server = Server([("cup-trust", self.root), ("cup-xmpp-trust", self.partner)])
        self.addCleanup(self.server.close)
        self.server("set xmpp.client_certificates optional")

    def make(self, *jids, issuer=None, **more):
        cert = zoo.Cert("user", issuer=issuer or self.root, jids=jids,
                        **{"usages": (zoo.CLIENT,), **more})
        path = os.path.join(self.server.folder.name, "user.pem")
        with open(path, "w", encoding="ascii") as f:
            f.write(cert.pem + cert.key_pem)
        return path

    def test_slixmpp(self):
        """over STARTTLS and with TLS first; without a certificate a password does as before"""
        path = self.make(self.ANN)
        for port, direct in ((self.server.port, False), (self.server.tls_port, True)):
            with self.subTest(direct=direct):
                with Client(self.ANN, "no password", port=port, direct=direct, mech="EXTERNAL",
                            certificate=path) as ann:
                    self.assertEqual(ann.jid, self.ANN)
        with self.server.client("bob") as bob:
            self.assertEqual(bob.jid, self.BOB)

    def test_not_offered(self):
        """one that does not pass breaks nothing: a password logs in on the same connection"""
        for name, make in {
            "partner": lambda: self.make(self.ANN, issuer=self.partner),
            "expired": lambda: self.make(self.ANN, start=-9, end=-2),
            "not yet valid": lambda: self.make(self.ANN, start=2, end=9),
            "server only": lambda: self.make(self.ANN, usages=(zoo.SERVER,)),
            "nobody": lambda: self.make(f"eve@{DOMAIN}"),
            "other domain": lambda: self.make("ann@other.example"),
            "host": lambda: self.make(names=(DOMAIN,)),
            "stranger": lambda: self.make(self.ANN, issuer=zoo.Cert("Users", ca=True)),
            "none": lambda: None,
        }.items():
            with self.subTest(name):
                self.refuse(make())

    def test_off(self):
        path = self.make(self.ANN)
        self.server("set xmpp.client_certificates off")
        self.refuse(path)

    def refuse(self, path):
        raw = Raw(self.server.port)
        self.addCleanup(raw.close)
        raw.start_tls(path)
        raw.send(HEADER)
        raw.expect("<stream:features>")
        raw.expect("</mechanisms>")
        raw.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>")
        raw.expect("<invalid-mechanism/>")
        raw.send(ANN_PLAIN)
        raw.expect("<success")


class Logins(WithServer):
    def test_each_mechanism(self):
        for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"):
            with self.subTest(mechanism):
                with self.server.client("ann", mech=mechanism) as ann:
                    self.assertEqual(ann.jid, f"ann@{DOMAIN}")

    def test_direct_tls(self):
        ann = self.log_in("ann", port=self.server.tls_port, direct=True)
        bob = self.log_in("bob")
        self.befriend(ann, bob)
        raw = Raw(self.server.tls_port)
        self.addCleanup(raw.close)
        raw.send(HEADER + STARTTLS)  # in clear text where TLS must be
        raw.expect_closed()

    def test_clients_are_told_how_to_bind(self):
        """slixmpp 1.8 knows no binding of TLS 1.3: GNU SASL's client logs in with them, in the scenarios."""
        self.server("set xmpp.channel_binding on")
        raw = self.raw()
        raw.start_tls()
        raw.send(HEADER)
        raw.expect("<channel-binding type=\"tls-exporter\"/></sasl-channel-binding>")
        raw.expect("<mechanism>SCRAM-SHA-256-PLUS</mechanism>")

    def test_strongest_is_chosen(self):
        self.log_in("ann")
        self.assertIn("mechanism=SCRAM-SHA-256", self.server.read_log())

    def test_certificate_is_shown(self):
        with open(os.path.join(self.server.folder.name, "certs", "cup-xmpp.pem"),
                  encoding="ascii") as f:
            pem = f.read()
        ca = os.path.join(self.server.folder.name, "ca.pem")
        end = "-----END CERTIFICATE-----\n"
        with open(ca, "w", encoding="ascii") as f:
            f.write(pem[pem.index("-----BEGIN CERTIFICATE"):pem.index(end) + len(end)])
        self.log_in("ann", ca=ca)

    def test_wrong_password(self):
        for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"):
            for name in ("ann", "nobody"):
                with self.subTest(mechanism=mechanism, name=name):
                    client = Client(f"{name}@{DOMAIN}", "wrong", port=self.server.port,
                                    mech=mechanism)
                    with self.assertRaisesRegex(ConnectionError, "authentication failed"):
                        client.start()

    def test_two_resources(self):
        self.log_in("ann")
        self.log_in("ann")
        self.assertEqual(self.server.read_log().count(" bound jid="), 2)


class Sessions(WithServer):
    def test_subscribing_and_presence(self):
        ann, bob = self.log_in("ann"), self.log_in("bob")
        self.befriend(ann, bob)
        ann.presence("dnd", "writing")
        bob.wait_contact(ann.jid, ("dnd", "writing"))
        ann.stop()
        bob.wait_contact(ann.jid, ("unavailable", None))
        ann = self.log_in("ann")
        bob.wait_contact(ann.jid, ("available", ""))
        ann.wait_contact(bob.jid, ("available", ""))

    def test_request_waits(self):
        ann = self.log_in("ann")
        ann.subscribe(f"cleo@{DOMAIN}")
        time.sleep(0.3)
        cleo = self.log_in("cleo")
        ann.wait_contact(cleo.jid, ("available", ""))
        cleo.wait_contact(ann.jid, ("available", ""))

    def test_roster(self):
        ann = self.log_in("ann")

        async def add(x):
            await x.update_roster(f"bob@{DOMAIN}", name="Bob & Co", groups=["Work", "Fr\u00fchst\u00fcck"])
            await x.get_roster()  # nothing new since the push: it is known by its version
            item = x.client_roster[f"bob@{DOMAIN}"]
            return item["name"], item["subscription"], sorted(item["groups"])
        self.assertEqual({f"bob@{DOMAIN}": ann.call(add)},
                         {f"bob@{DOMAIN}": ("Bob & Co", "none", ["Fr\u00fchst\u00fcck", "Work"])})

        async def remove(x):
            await x.del_roster_item(f"bob@{DOMAIN}")
            x.client_roster.version = ""
            return await x.get_roster()
        self.assertEqual(len(ann.call(remove)["roster"]["items"]), 0)

    def test_roster_push_reaches_other_resource(self):
        desk, phone = self.log_in("ann"), self.log_in("ann")
        desk.do(lambda x: x.update_roster(f"bob@{DOMAIN}", name="Robert"))
        self.wait_for(
            lambda: phone.do(lambda x: x.client_roster[f"bob@{DOMAIN}"]["name"]) == "Robert")

    def test_messages(self):
        ann, bob = self.log_in("ann"), self.log_in("bob")
        ann.message(bob.jid, "hello <bob> & co \U0001f600")
        bob.wait_message("hello <bob> & co \U0001f600")
        errors = []
        ann.do(lambda x: x.add_event_handler("message_error",
                                             lambda m: errors.append(m["error"]["condition"])))
        ann.message(f"nobody@{DOMAIN}", "nobody there")
        self.wait_for(lambda: errors == ["service-unavailable"])

    def test_questions(self):
        ann = self.log_in("ann")
        self.assertIsNotNone(ann.ping())
        self.assertIsNotNone(ann.ping(DOMAIN))

        async def ask(x):
            info = await x["xep_0030"].get_info(jid=DOMAIN)
            items = await x["xep_0030"].get_items(jid=DOMAIN)
            return info["disco_info"], items["disco_items"]
        info, items = ann.call(ask)
        self.assertIn(("server", "im", None, "Kalends"), info["identities"])
        self.assertIn("urn:xmpp:ping", info["features"])
        self.assertEqual(len(items["items"]), 0)

    def test_more_questions(self):
        ann = self.log_in("ann", plugins=["xep_0012", "xep_0054", "xep_0202"])
        bob = self.log_in("bob", plugins=["xep_0054"])

        async def ask(x):
            x["xep_0202"].client = x
            last = await x["xep_0012"].get_last_activity(DOMAIN, local=False)
            clock = await x["xep_0202"].get_entity_time(DOMAIN)
            card = x["xep_0054"].make_vcard()
            card["FN"] = "Ann Example"
            await x["xep_0054"].publish_vcard(card)
            utc = clock["entity_time"].xml.findtext("{urn:xmpp:time}utc")
            return last["last_activity"]["seconds"], utc
        seconds, clock = ann.call(ask)
        self.assertLess(seconds, 60)
        clock = datetime.datetime.strptime(clock, "%Y-%m-%dT%H:%M:%S%z").timestamp()
        self.assertLess(abs(clock - time.time()), 10)

        async def look(x):
            return await x["xep_0054"].get_vcard(jid=ann.jid, cached=False)
        self.assertEqual(bob.call(look)["vcard_temp"]["FN"], "Ann Example")

    def test_client_answers_ping_of_other_client(self):
        ann, bob = self.log_in("ann"), self.log_in("bob")
        bob_full = bob.do(lambda x: x.boundjid.full)
        self.assertIsNotNone(ann.ping(bob_full))


# RFC 6121 appendix A, as one side has the other: the state, and whose stanzas lead to it from nothing.
STATES = {
    "none": [],
    "none out": [("ann", "subscribe")],
    "none in": [("bob", "subscribe")],
    "none out in": [("ann", "subscribe"), ("bob", "subscribe")],
    "to": [("ann", "subscribe"), ("bob", "subscribed")],
    "to in": [("ann", "subscribe"), ("bob", "subscribed"), ("bob", "subscribe")],
    "from": [("bob", "subscribe"), ("ann", "subscribed")],
    "from out": [("bob", "subscribe"), ("ann", "subscribed"), ("ann", "subscribe")],
    "both": [("ann", "subscribe"), ("bob", "subscribed"), ("bob", "subscribe"), ("ann", "subscribed")],
}
# A.2: what one sends; where nothing stands the state stays.
SENT = {
    "subscribe": {"none": "none out", "none in": "none out in", "from": "from out"},
    "unsubscribe": {"none out": "none", "none out in": "none in", "to": "none", "to in": "none in",
                    "from out": "from", "both": "from"},
    "subscribed": {"none in": "from", "none out in": "from out", "to in": "both"},
    "unsubscribed": {"none in": "none", "none out in": "none out", "to in": "to", "from": "none",
                     "from out": "none out", "both": "to"},
}
# A.3: what the other sends.
RECEIVED = {
    "subscribe": {"none": "none in", "none out": "none out in", "to": "to in"},
    "unsubscribe": {"none in": "none", "none out in": "none out", "to in": "to", "from": "none",
                    "from out": "none out", "both": "to"},
    "subscribed": {"none out": "to", "none out in": "to in", "from out": "both"},
    "unsubscribed": {"none out": "none", "none out in": "none in", "to": "none", "to in": "none in",
                     "from out": "from", "both": "from"},
}
MIRROR = {"to": "from", "from": "to", "out": "in", "in": "out"}


class Subscriptions(WithServer):
    def start(self):
        self.people = {name: self.log_in(name) for name in ("ann", "bob")}
        for client in self.people.values():
            client.do(lambda x: setattr(x, "auto_authorize", None))
            client.do(lambda x: setattr(x, "auto_subscribe", False))

    def send(self, who, kind):
        other = self.people["bob" if who == "ann" else "ann"].jid

        async def send_and_wait(x):
            x.send_presence_subscription(pto=other, ptype=kind)
            await x["xep_0199"].ping(jid=DOMAIN)
        self.people[who].call(send_and_wait)

    def roster(self, who):
        """('to', waits for the answer)."""
        other = self.people["bob" if who == "ann" else "ann"].jid

        async def ask(x):
            x.client_roster.version = ""
            return (await x.get_roster())["roster"]["items"]
        item = {str(jid): i for jid, i in self.people[who].call(ask).items()}.get(other, {})
        return item.get("subscription") or "none", item.get("ask") == "subscribe"

    @staticmethod
    def shown(state):
        """A request that waits for one's own answer is in no roster."""
        return state.split()[0], "out" in state.split()

    def test_appendix_a(self):
        self.start()
        for sender, table in (("ann", SENT), ("bob", RECEIVED)):
            for kind, moves in table.items():
                for state, steps in STATES.items():
                    for who in self.people:
                        self.send(who, "unsubscribe")
                        self.send(who, "unsubscribed")
                    for step in steps:
                        self.send(*step)
                    self.send(sender, kind)
                    then = moves.get(state, state)
                    with self.subTest(f"{state}, {sender} sends {kind}"):
                        self.assertEqual(self.roster("ann"), self.shown(then))
                        self.assertEqual(self.roster("bob"), self.shown(
                            " ".join(MIRROR.get(word, word) for word in then.split())))


class Publishing(WithServer):
    def interested(self, name, plugins, namespaces):
        client = self.log_in(name, plugins=["xep_0115", *plugins])

        async def want(x):
            for namespace in namespaces:
                x["xep_0163"].add_interest(namespace)
            await x["xep_0115"].update_caps()
        client.call(want)
        return client

    def test_nickname(self):
        ann = self.log_in("ann", plugins=["xep_0172"])
        bob = self.interested("bob", ["xep_0172"], ["http://jabber.org/protocol/nick"])
        self.befriend(ann, bob)
        seen = []
        bob.do(lambda x: x.add_event_handler("user_nick_publish", lambda m: seen.append(
            m["pubsub_event"]["items"]["item"]["nick"]["nick"])))
        time.sleep(0.5)

        async def publish(x):
            await x["xep_0172"].publish_nick(nick="Annie & Co")
        ann.call(publish)
        self.wait_for(lambda: seen == ["Annie & Co"])

    def test_avatar(self):
        picture = bytes(range(256)) * 4
        ann = self.log_in("ann", plugins=["xep_0084"])
        bob = self.interested("bob", ["xep_0084"], ["urn:xmpp:avatar:metadata"])
        self.befriend(ann, bob)
        seen = []
        bob.do(lambda x: x.add_event_handler("avatar_metadata_publish", lambda m: seen.append(
            m["pubsub_event"]["items"]["item"]["id"])))
        time.sleep(0.5)

        async def publish(x):
            avatars = x["xep_0084"]
            name = avatars.generate_id(picture)
            await avatars.publish_avatar(picture)
            await avatars.publish_avatar_metadata({"id": name, "type": "image/png", "bytes": len(picture)})
            return name
        name = ann.call(publish)
        self.wait_for(lambda: seen == [name])

        async def fetch(x):
            answer = await x["xep_0084"].retrieve_avatar(ann.jid, name)
            return answer["pubsub"]["items"]["item"]["avatar_data"]["value"]
        self.assertEqual(bob.call(fetch), picture)


class Blocking(WithServer):
    def test_list_hides(self):
        ann, bob = self.log_in("ann"), self.log_in("bob")
        self.befriend(ann, bob)

        async def hide(x):
            async def ask(kind, child):
                iq = x.make_iq_set() if kind == "set" else x.make_iq_get()
                iq.append(ElementTree.fromstring(f"<query xmlns='jabber:iq:privacy'>{child}</query>"))
                return await iq.send()
            await ask("set", f"<list name='l'><item type='jid' value='{bob.jid}' action='deny' order='1'>"
                             "<presence-out/></item></list>")
            await ask("set", "<active name='l'/>")
            return (await ask("get", "")).xml.find(".//{jabber:iq:privacy}active").get("name")
        self.assertEqual(ann.call(hide), "l")
        bob.wait_contact(ann.jid, ("unavailable", None))
        ann.presence("dnd")
        ann.message(bob.jid, "still here")
        bob.wait_message("still here")
        bob.wait_contact(ann.jid, ("unavailable", None))

    def test_blocked_contact(self):
        ann, bob = self.log_in("ann"), self.log_in("bob")
        self.befriend(ann, bob)
        errors = []
        bob.do(lambda x: x.add_event_handler("message_error",
                                             lambda m: errors.append(m["error"]["condition"])))

        async def block(x):
            x.register_plugin("xep_0191")
            await x["xep_0191"].block(bob.jid)
            return await x["xep_0191"].get_blocked()
        blocked = ann.call(block)["blocklist"]["items"]
        self.assertEqual([str(jid) for jid in blocked], [bob.jid])
        bob.wait_contact(ann.jid, ("unavailable", None))
        bob.message(ann.jid, "hello?")
        self.wait_for(lambda: errors == ["service-unavailable"])

        async def unblock(x):
            await x["xep_0191"].unblock(bob.jid)
        ann.call(unblock)
        bob.wait_contact(ann.jid, ("available", None))
        bob.message(ann.jid, "there you are")
        ann.wait_message("there you are")
        self.assertNotIn("hello?", [m[2] for m in ann.messages])


class Messages(WithServer):
    def test_carbons(self):
        desk = self.log_in("ann", plugins=["xep_0280"])
        phone = self.log_in("ann", plugins=["xep_0280"])
        bob = self.log_in("bob")
        seen = []

        async def enable(x):
            for kind in ("received", "sent"):
                x.add_event_handler(f"carbon_{kind}", lambda m, kind=kind: seen.append(
                    (kind, m[f"carbon_{kind}"]["body"])))
            await x["xep_0280"].enable()
        desk.call(enable)
        bob.message(phone.do(lambda x: x.boundjid.full), "to the phone")
        phone.wait_message("to the phone")
        self.wait_for(lambda: ("received", "to the phone") in seen)
        phone.message(bob.jid, "from the phone")
        bob.wait_message("from the phone")
        self.wait_for(lambda: ("sent", "from the phone") in seen)

    def test_kept_for_who_is_away(self):
        ann = self.log_in("ann")
        ann.message(f"cleo@{DOMAIN}", "when you are back")
        ann.message(f"cleo@{DOMAIN}", "call me")
        time.sleep(0.3)
        cleo = self.log_in("cleo", plugins=["xep_0203"])
        cleo.wait_message("call me")
        self.assertEqual([m[2] for m in cleo.messages], ["when you are back", "call me"])

    def test_states_and_receipts_pass_through(self):
        plugins = ["xep_0085", "xep_0184"]
        ann, bob = self.log_in("ann", plugins=plugins), self.log_in("bob", plugins=plugins)
        seen = []
        bob.do(lambda x: x.add_event_handler("chatstate_composing",
                                             lambda m: seen.append(m["chat_state"])))
        ann.do(lambda x: x.add_event_handler("receipt_received",
                                             lambda m: seen.append(m["receipt"])))

        def say(x):
            state = x.make_message(mto=bob.jid, mtype="chat")
            state["chat_state"] = "composing"
            state.send()
            message = x.make_message(mto=bob.jid, mbody="got it?", mtype="chat")
            message["request_receipt"] = True
            message.send()
            return message["id"]
        message_id = ann.do(say)
        self.wait_for(lambda: sorted(seen) == sorted(["composing", message_id]))


class Resumption(WithServer):
    def test_connection_breaks(self):
        ann, bob = self.log_in("ann", plugins=["xep_0198"]), self.log_in("bob")
        self.befriend(ann, bob)
        events = []

        def listen(x):
            for name in ("session_resumed", "sm_failed"):
                x.add_event_handler(name, lambda _, name=name: events.append(name))
            x.transport.abort()  # as a network does it: no goodbye
        ann.do(listen)
        bob.message(ann.jid, "are you there?")
        bob.presence("dnd", "busy now")
        time.sleep(0.5)
        bob.wait_contact(ann.jid, ("available", None))
        ann.do(lambda x: x.connect(("127.0.0.1", self.server.port)))
        self.wait_for(lambda: events == ["session_resumed"], 15)
        ann.wait_message("are you there?")
        ann.wait_contact(bob.jid, ("dnd", "busy now"))
        ann.message(bob.jid, "yes")
        bob.wait_message("yes")
        self.assertEqual([m[2] for m in ann.messages].count("are you there?"), 1)
        self.assertNotIn("unavailable", [s.state[0] for s in bob.contact_states(ann.jid)][1:])

    def test_comes_back_too_late(self):
        self.server("set xmpp.resume_s 10")
        ann, bob = self.log_in("ann", plugins=["xep_0198"]), self.log_in("bob")
        self.befriend(ann, bob)
        ann.kill()
        time.sleep(1)
        bob.wait_contact(ann.jid, ("available", None))
        bob.wait_contact(ann.jid, ("unavailable", None), timeout=15)


class Calendars(WithServer):
    def test_meeting_begins_and_ends(self):
        ann, bob = self.log_in("ann"), self.log_in("bob")
        self.befriend(ann, bob)
        self.server(f"calendar {ann.jid} MEETING In a meeting")
        bob.wait_contact(ann.jid, ("away", "In a meeting"))
        self.server("set xmpp.show_in_meeting dnd")
        bob.wait_contact(ann.jid, ("dnd", "In a meeting"))
        self.server(f"calendar {ann.jid} FREE")
        bob.wait_contact(ann.jid, ("available", ""))

    def test_activity_is_told_to_who_wants_it(self):
        ann, bob = self.log_in("ann"), self.log_in("bob", plugins=["xep_0115", "xep_0108"])
        self.befriend(ann, bob)
        seen = []

        async def want(x):
            x.add_event_handler("user_activity_publish", lambda m: seen.append(
                m["pubsub_event"]["items"]["item"]["activity"]["value"]))
            x["xep_0163"].add_interest(x["xep_0108"].stanza.UserActivity.namespace)
            await x["xep_0115"].update_caps()
        bob.call(want)
        time.sleep(0.5)
        self.server(f"calendar {ann.jid} MEETING In a meeting")
        self.wait_for(lambda: seen == [("working", "in_a_meeting")])
        self.server(f"calendar {ann.jid} FREE")
        self.wait_for(lambda: len(seen) == 2)

    def test_offline_keeps_text_beside_it(self):
        ann, bob = self.log_in("ann"), self.log_in("bob")
        self.befriend(ann, bob)
        ann.stop()
        bob.wait_contact(ann.jid, ("unavailable", ""))
        self.server(f"calendar {ann.jid} OOF Out of office until Monday")
        bob.wait_contact(ann.jid, ("unavailable", "Out of office until Monday"))
        bob.stop()
        bob = self.log_in("bob")
        bob.wait_contact(ann.jid, ("unavailable", "Out of office until Monday"))
        ann = self.log_in("ann")
        bob.wait_contact(ann.jid, ("xa", "Out of office until Monday"))


class Troubles(WithServer):
    def test_no_login_in_clear_text(self):
        for text, condition in ((ANN_PLAIN, "<policy-violation "), (BIND, "<not-authorized "),
                                ("<presence/>", "<not-authorized ")):
            raw = self.raw()
            raw.send(HEADER + text)
            raw.expect(condition)
            raw.expect("</stream:stream>")
            raw.expect_closed()

    def test_garbage(self):
        for garbage in (b"GET / HTTP/1.1\r\n\r\n", os.urandom(4096), b"<" * 20000, b"\0" * 100,
                        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"):
            raw = self.raw()
            try:
                raw.send(garbage)
            except ConnectionError:
                pass
            raw.expect_closed()
        with self.server.client("ann"):
            pass

    def test_commands_before_tls_are_dropped(self):
        raw = self.raw()
        raw.send(HEADER)
        raw.expect("</stream:features>")
        raw.send(STARTTLS + HEADER + ANN_PLAIN)
        raw.expect("<proceed")
        raw.socket.settimeout(1)
        try:
            rest = raw.seen + raw.socket.recv(4096).decode("utf-8", "replace")
        except (TimeoutError, ConnectionError):
            rest = raw.seen
        self.assertNotIn("success", rest)
        self.assertNotIn("mechanism", rest)

    def test_garbage_in_handshake(self):
        raw = self.raw()
        raw.send(HEADER)
        raw.expect("</stream:features>")
        raw.send(STARTTLS)
        raw.expect("<proceed")
        raw.send("this is not TLS at all")
        raw.expect_closed()

    def test_stalled_login(self):
        self.server("set xmpp.login_timeout_s 5")
        silent, stalled, authed = self.raw(), self.raw(), self.raw()
        stalled.send(HEADER[:60])
        authed.start_tls()
        authed.send(HEADER)
        authed.expect("</stream:features>")
        authed.expect("<connection-timeout ")
        for raw in (silent, stalled, authed):
            raw.expect_closed()

    def test_half_open_limit(self):
        self.server("set xmpp.half_open_max 10")
        early = [self.raw() for _ in range(10)]
        late = [self.raw() for _ in range(5)]
        for raw in late:
            raw.expect_closed()
        for raw in early:
            raw.close()
        time.sleep(0.3)
        self.log_in("ann")

    def memory_kib(self):
        with open(f"/proc/{self.server.process.pid}/status", encoding="ascii") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmRSS:"))

    def half_open(self, count):
        """From many addresses, each with as many as one may have; half of them in mid-header."""
        found = []
        for i in range(count):
            s = socket.socket()
            found.append(s)
            s.bind((f"127.0.{i // 150 // 250 + 1}.{i // 150 % 250 + 1}", 0))
            s.connect(("127.0.0.1", self.server.port))
            if i % 2:
                s.sendall(HEADER[:-20].encode())
        return found

    def test_10000_half_open_connections(self):
        count = 10000
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard < count + 500:
            self.skipTest(f"only {hard} open files are allowed")
        resource.setrlimit(resource.RLIMIT_NOFILE, (count + 500, hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        resource.prlimit(self.server.process.pid, resource.RLIMIT_NOFILE, (count + 500, hard))
        self.server("set xmpp.login_timeout_s 60")
        before = self.memory_kib()
        for _ in range(3):
            found = self.half_open(count)
            with self.server.client("ann"):  # there is room for who means it
                pass
            self.assertLess((self.memory_kib() - before) / count, 20, "KiB a connection")
            for s in found:
                s.close()
            with self.server.client("bob"):
                pass

    def test_oversized_and_deep(self):
        for attack in ("<message><body>" + "x" * 300000, "<message>" + "<a>" * 1000,
                       "<message " + " ".join(f"a{i}=''" for i in range(500)) + "/>",
                       "<message>" + "<a/>" * 20000, "<!DOCTYPE x>", "<message>&ent;</message>"):
            raw = self.raw()
            raw.log_in()
            try:
                raw.send(attack)
            except OSError:
                pass
            raw.expect("<stream:error>")
            raw.expect_closed()

    def test_flood_is_slowed_down(self):
        bob = self.log_in("bob")
        raw = self.raw()
        raw.log_in()
        raw.socket.settimeout(1)
        try:
            until = time.time() + 2
            while time.time() < until:
                raw.send("<presence/>" * 100)
        except TimeoutError:
            pass
        self.assertIsNotNone(bob.ping(), "others are served meanwhile")
        echoes = 0
        try:
            until = time.time() + 1
            while time.time() < until:
                echoes += raw.socket.recv(65536).count(b"<presence ")
        except TimeoutError:
            pass
        self.assertGreater(echoes, 10)
        self.assertLess(echoes, 2000)

    def test_slow_reader_goes_unavailable(self):
        self.server("set xmpp.out_queue_kb 256")
        self.server("set xmpp.rate_kbs 100000")  # for the sender
        ann, bob = self.log_in("ann"), self.log_in("bob")
        self.befriend(ann, bob)
        raw = self.raw(receive_buffer=4096)
        raw.log_in()
        raw.send("<presence><status>slow</status></presence>")
        bob.wait_contact(ann.jid, ("available", "slow"))
        full = bob.do(lambda x: [f"{ann.jid}/{r}" for r, p in
                                 x.client_roster[ann.jid].resources.items()
                                 if p["status"] == "slow"])[0]
        for _ in range(1500):  # more than the kernel's buffers hold
            bob.message(full, "x" * 10000)
        bob.wait_contact(ann.jid, ("unavailable", None), timeout=30)
        self.assertIn("reads too slowly", self.server.read_log())

    def test_connection_drops(self):
        ann, bob = self.log_in("ann"), self.log_in("bob")
        self.befriend(ann, bob)
        ann.kill()
        bob.wait_contact(ann.jid, ("unavailable", ""))

    def test_leaves_while_the_password_is_checked(self):
        for _ in range(20):
            raw = self.raw()
            raw.start_tls()
            raw.send(HEADER)
            raw.expect("</stream:features>")
            raw.send(ANN_PLAIN)
            raw.close()
        self.log_in("ann")

    def test_user_removed(self):
        ann, bob = self.log_in("ann"), self.log_in("bob")
        self.befriend(ann, bob)
        self.server(f"remove {ann.jid}")
        bob.wait_contact(ann.jid, ("unavailable", ""))
        ann._wait(lambda: ann.failure, 5, "being sent away")
        self.assertIn("not-authorized", ann.failure)

    def test_shutdown(self):
        raw = self.raw()
        raw.log_in()
        self.server("stop")
        raw.expect("<system-shutdown ")
        raw.expect_closed()


if __name__ == "__main__":
    unittest.main()

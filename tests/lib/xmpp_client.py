"""An ordinary XMPP client (slixmpp) for tests and the demonstration: logs in on a thread of its own and
remembers, with the time, what it was told."""

import asyncio
import logging
import ssl
import threading
import time
import warnings

warnings.filterwarnings("ignore")
logging.getLogger("slixmpp").setLevel(logging.CRITICAL)

import slixmpp  # noqa: E402


class Seen:
    """One presence stanza as it arrived."""

    def __init__(self, presence):
        self.at = time.time()
        self.sender = presence["from"].bare
        self.resource = presence["from"].resource
        self.type = presence.xml.get("type") or ""
        self.show = presence.xml.findtext("{jabber:client}show") or ""
        self.status = presence.xml.findtext("{jabber:client}status") or ""
        error = presence.xml.find("{jabber:client}error")
        self.error = "" if error is None else error[0].tag.rpartition("}")[2]

    @property
    def state(self):
        """(type or show, status): what a user reads off the roster."""
        return (self.type or self.show or "available", self.status)

    def __repr__(self):
        return f"<{self.sender}/{self.resource} {self.state} at {self.at:.2f}>"


class Client:
    """Client("ann@example.test", "secret", port=5222).start() returns when it is logged in."""

    def __init__(self, jid, password, host="127.0.0.1", port=5222, mech=None, ca=None,
                 plugins=(), direct=False, certificate=None):
        self.jid, self.password, self.host, self.port = jid, password, host, port
        self.mech, self.ca, self.direct = mech, ca, direct
        self.certificate = certificate  # a PEM file, its key in it
        self.plugins = ("xep_0030", "xep_0199", *plugins)
        self.presences, self.messages = [], []
        self.failure = None
        self._changed = threading.Condition()
        self._online = False
        self._stopped = False
        self._xmpp = self._loop = self._thread = None

    # -- life ---------------------------------------------------------------------------------

    def start(self, timeout=20):
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._wait(lambda: self._online or self.failure, timeout, "log in")
        if self.failure:
            self.stop()
            raise ConnectionError(f"{self.jid}: {self.failure}")
        return self

    def stop(self):
        if self._loop and self._thread.is_alive() and not self._stopped:
            self._stopped = True
            self._loop.call_soon_threadsafe(asyncio.ensure_future, self._leave())
        if self._thread:
            self._thread.join(10)

    def kill(self):
        """Drops the connection without a word."""
        def cut():
            if self._xmpp.transport:
                self._xmpp.transport.abort()
            self._loop.stop()
        self._stopped = True
        self._loop.call_soon_threadsafe(cut)
        self._thread.join(10)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    async def _leave(self):
        self._xmpp.send_presence(ptype="unavailable")
        self._xmpp.disconnect(wait=1.0)
        await asyncio.sleep(0.2)
        self._loop.stop()

    def _run(self):
        self._loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self._loop)
        xmpp = slixmpp.ClientXMPP(self.jid, self.password, sasl_mech=self.mech)
        xmpp.loop = self._loop
        xmpp.ca_certs = self.ca
        if self.certificate:
            xmpp.certfile = xmpp.keyfile = self.certificate
            xmpp.credentials["authzid"] = ""
        if not self.ca:  # a gateway fresh from its box has a self-signed certificate
            xmpp.ssl_context.check_hostname = False
            xmpp.ssl_context.verify_mode = ssl.CERT_NONE
        xmpp.auto_authorize = True
        xmpp.auto_subscribe = True
        for plugin in self.plugins:
            xmpp.register_plugin(plugin)
        xmpp.add_event_handler("session_start", self._on_start)
        xmpp.add_event_handler("failed_all_auth", lambda _: self._fail("authentication failed"))
        xmpp.add_event_handler("connection_failed", lambda e: self._fail(f"no connection: {e}"))
        xmpp.add_event_handler("stream_error", lambda e: self._fail(f"stream error: {e['condition']}"))
        xmpp.add_event_handler("disconnected", lambda e: self._fail(f"disconnected: {e}"))
        xmpp.add_event_handler("message", self._on_message)
        xmpp.add_event_handler("message_error", self._on_message)
        xmpp.register_handler(slixmpp.xmlstream.handler.Callback(
            "every presence", slixmpp.xmlstream.matcher.MatchXPath("{jabber:client}presence"),
            self._on_presence))
        self._xmpp = xmpp
        xmpp.connect((self.host, self.port), use_ssl=self.direct)
        try:
            self._loop.run_forever()
        finally:
            for task in asyncio.all_tasks(self._loop):
                task.cancel()
            self._loop.run_until_complete(asyncio.sleep(0))
            self._loop.close()

    async def _on_start(self, _):
        try:
            await self._xmpp.get_roster()
        except slixmpp.exceptions.XMPPError as error:
            self._fail(f"roster: {error}")
            return
        self._xmpp.send_presence()
        with self._changed:
            self._online = True
            self._changed.notify_all()

    def _fail(self, why):
        with self._changed:
            if not self._stopped:
                self.failure = self.failure or str(why)
            self._online = False
            self._changed.notify_all()

    # -- what it heard ------------------------------------------------------------------------

    def _on_presence(self, presence):
        with self._changed:
            self.presences.append(Seen(presence))
            self._changed.notify_all()

    def _on_message(self, message):
        with self._changed:
            self.messages.append((message["from"].full, message["type"], message["body"]))
            self._changed.notify_all()

    def _wait(self, condition, timeout, what):
        with self._changed:
            if not self._changed.wait_for(condition, timeout):
                raise TimeoutError(f"{self.jid}: waited {timeout} s for: {what}; "
                                   f"seen: {self.presences[-8:]}")

    def wait_failure(self, timeout=20):
        """Until the server has ended the session; returns why."""
        self._wait(lambda: self.failure, timeout, "the end of the session")
        return self.failure

    def contact_states(self, contact, errors=True):
        """The states of one contact, in order, without repetition."""
        states = []
        with self._changed:
            for seen in self.presences:
                if seen.sender == contact and seen.type not in (
                        "subscribe", "subscribed", "unsubscribe", "unsubscribed", "probe") and \
                        (errors or seen.type != "error"):
                    if not states or states[-1].state != seen.state:
                        states.append(seen)
        return states

    def wait_contact(self, contact, state, timeout=20, after=0.0):
        """Waits until the contact's newest state is 'state', (show, status); status None: any. An error tells
        of none. Returns the Seen that brought it, which is not older than 'after'."""
        found = []

        def newest():
            states = self.contact_states(contact, errors=False)
            if states and states[-1].at >= after and states[-1].state[0] == state[0] and \
                    state[1] in (None, states[-1].state[1]):
                found.append(states[-1])
            return bool(found)
        self._wait(newest, timeout, f"{contact} {state}")
        return found[0]

    def wait_message(self, body, timeout=10):
        self._wait(lambda: any(m[2] == body for m in self.messages), timeout, f"message {body!r}")

    # -- what it says -------------------------------------------------------------------------

    def call(self, coroutine_function, timeout=15):
        """Runs coroutine_function(xmpp) on the client's thread and returns its result."""
        return asyncio.run_coroutine_threadsafe(
            coroutine_function(self._xmpp), self._loop).result(timeout)

    def do(self, function):
        """Runs function(xmpp) on the client's thread."""
        async def run(xmpp):
            return function(xmpp)
        return self.call(run)

    def subscribe(self, contact):
        self.do(lambda x: x.send_presence_subscription(pto=contact, ptype="subscribe"))

    def presence(self, show=None, status=None, **more):
        self.do(lambda x: x.send_presence(pshow=show, pstatus=status, **more))

    def message(self, to, body, mtype="chat"):
        self.do(lambda x: x.send_message(mto=to, mbody=body, mtype=mtype))

    def ping(self, to=None, timeout=5):
        async def ping(x):
            return await x["xep_0199"].ping(jid=to, timeout=timeout)
        return self.call(ping, timeout + 5)

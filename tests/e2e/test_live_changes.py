"""What an administrator changes takes effect while the gateway runs, and leaves nothing behind."""

import json
import time
import urllib.parse

import house
from gateway import ApiError, wait_for
from house import House


def subscriptions(h, user=None):
    subs = h.mock.subscriptions(limit=10000)
    return [s for s in subs if user is None or s["user"] == h.jid(user)]


def shows_meeting(h, name):
    return h.explain(name)["published"]["text"] == "In a meeting"


def test_notification_port():
    """another port: everybody is subscribed there, once, and notifications come"""
    with House(crowd=20, settings={"calendar.status_frequency_min": 3}) as h:
        before = {s["id"] for s in subscriptions(h)}
        h.gateway.set("calendar.notification_port", 50021)
        wait_for(lambda: all(urllib.parse.urlsplit(s["url"]).port == 50021 for s in subscriptions(h))
                 and len(subscriptions(h)) == 22, 30, "everybody on the new port, once")
        assert not before & {s["id"] for s in subscriptions(h)}
        h.meeting("bob", "-1m", "1h")
        wait_for(lambda: shows_meeting(h, "bob"), 5, "a notification on the new port")
        try:
            h.gateway.set("calendar.notification_port", 80)
            raise AssertionError("port 80 was accepted")
        except ApiError:
            pass


def test_users():
    """calendar off, on again, another mailbox, deleted: presence and subscriptions follow"""
    with House(settings={"calendar.status_frequency_min": 2}) as h:
        path = f"/v1/users/{h.jid('bob')}"
        h.meeting("bob", "-1m", "1h")
        wait_for(lambda: shows_meeting(h, "bob"))

        h.gateway.api("PATCH", path, {"calendar": False})
        assert h.explain("bob")["published"]["text"] in ("", None)
        wait_for(lambda: not subscriptions(h, "bob"), 30, "no subscription of bob")

        h.gateway.api("PATCH", path, {"calendar": True})
        wait_for(lambda: shows_meeting(h, "bob") and len(subscriptions(h, "bob")) == 1, 10,
                 "bob subscribed again")

        h.gateway.api("PATCH", path, {"mail": h.jid("ann")})
        wait_for(lambda: not shows_meeting(h, "bob"), 10, "ann's calendar, which is free")
        wait_for(lambda: not subscriptions(h, "bob") and len(subscriptions(h, "ann")) == 2, 30,
                 "a subscription of the new mailbox only")

        h.gateway.api("DELETE", path)
        wait_for(lambda: len(subscriptions(h, "ann")) == 1, 30, "no subscription of a deleted user")
        h.gateway.api("POST", "/v1/users", {"user": h.jid("bob"), "im": True, "calendar": True})
        wait_for(lambda: shows_meeting(h, "bob"), 10, "bob as a new user")


def test_gateways():
    """a server taken out, put in, given another port: users are where there is a server, once"""
    with House(crowd=10, settings={"calendar.status_frequency_min": 2}) as h:
        count = 12
        h.gateway.api("DELETE", "/v1/gateways/cas1")
        wait_for(lambda: len([s for s in subscriptions(h) if s["cas"] == "cas2"]) == count, 30,
                 "everybody on cas2")
        wait_for(lambda: len(subscriptions(h)) == count, 30, "nobody on cas1 any more")

        h.gateway.api("DELETE", "/v1/gateways/cas2")
        h.meeting("bob", "-1m", "1h")
        assert h.gateway.status()["calendars"]["now"]["with_calendar"] == count, \
            "known calendars stay without a server"
        page = h.gateway.ctl("explain", "bob")
        for words in ("NOT FRESH: ", "there is no gateway", "wait for a gateway"):
            assert words in page, (words, page)
        port = urllib.parse.urlsplit(h.mock.cas["cas1"]["url"]).port
        h.add_gateway("cas1", port)
        wait_for(lambda: shows_meeting(h, "bob"), 30, "the change made in between")
        wait_for(lambda: len([s for s in subscriptions(h) if s["cas"] == "cas1"]) == count and
                 len(subscriptions(h)) == count, 30, "everybody on cas1, once")


def test_server_left_in_peace():
    """a gateway described otherwise, or with another password, while its server wants to be left in peace, is left in
    peace; another server is not meant"""
    with House(cas=1) as h:
        def gateway():
            return h.gateway.api("GET", "/v1/gateways/cas1")

        h.mock.fault("cas1", kind="status", status=503, retry_after=600, count=1)
        h.meeting("bob", "-1m", "1h")
        until = wait_for(lambda: gateway()["backoff_until"], 10, "a back-off")
        for option, text in (("--description", None), ("--password-stdin", h.mock.account[1] + "\n")):
            h.gateway.ctl("gateway", "edit", "cas1", option, *([] if text else ["in the cellar"]), text_in=text)
            time.sleep(1)
            assert gateway()["description"] == "in the cellar"
            assert abs(house.when(gateway()["backoff_until"]) - house.when(until)) < 1, (until, gateway())
        assert h.mock.get("/")["throttled"]["in_back_off"] == 0
        h.gateway.stop()
        h.gateway.start()
        assert gateway()["description"] == "in the cellar"
        assert abs(house.when(gateway()["backoff_until"]) - house.when(until)) < 3, (until, gateway())
        other = {"localhost": "127.0.0.1"}.get(gateway()["host"], "localhost")
        h.gateway.ctl("gateway", "edit", "cas1", "--host", other)
        assert not gateway().get("backoff_until"), gateway()


def test_check_without_users():
    """gateway check proves the account before anybody is enabled; trust taken away shows, too"""
    with House(users=[]) as h:
        assert h.gateway.run_ctl("gateway", "check").returncode == 0
        h.gateway.api("PATCH", "/v1/gateways/cas1", {"password": "wrong"})
        done = h.gateway.run_ctl("gateway", "check", "cas1")
        assert done.returncode == 1 and "password" in done.stdout, done
        h.gateway.api("PATCH", "/v1/gateways/cas1", {"password": h.mock.account[1]})
        for trusted in h.gateway.api("GET", "/v1/trust/cup-trust")["certificates"]:
            h.gateway.api("DELETE", f"/v1/trust/cup-trust/{trusted['fingerprint']}")
        done = h.gateway.run_ctl("gateway", "check", "cas1")
        assert done.returncode == 1 and "Failed: certificate missing from chain" in done.stdout, done


def test_check_round_trip():
    """a real notification comes back, and the subscription for it is gone; or none comes, and it says where to"""
    with House(users=["ann"], cas=2, minute_ms=4000) as h:
        steps = [json.loads(line) for line in h.gateway.ctl("--json", "gateway", "check").splitlines()]
        for name in ("cas1", "cas2"):
            own = [s for s in steps if s["gateway"] == name]
            assert [s["result"] for s in own] == ["ok"] * 5, own
            assert own[-1]["test"] == "Notification round trip" and own[1]["chain"], own
        assert len(steps) == 10, steps
        h.mock.fault("cas2", kind="stall", operation="Subscribe", count=10)
        h.gateway.api("PUT", "/v1/parameters/calendar.exchange_timeout_s", {"value": "1"})
        done = h.gateway.run_ctl("gateway", "check")
        assert done.returncode == 1 and "gateway 'cas1'" in done.stdout, done
        assert done.stdout.index("-> in order") < done.stdout.index("-> failed"), "nobody waits for another"
        h.mock.delete("/cas/cas2/faults", {})
        wait_for(lambda: len(h.mock.subscriptions(user=f"ann@{house.DOMAIN}")) == 1, 10, "one subscription")
        h.gateway.ctl("set", "calendar.source", "poll")
        done = h.gateway.ctl("gateway", "check")
        assert "calendar.source is not 'push'" in done and "in order" in done, done
    with House(users=["ann"], cas=1, minute_ms=4000, settings={"calendar.source": "streaming"},
               notification_url_host="no.such.host.test") as h:
        h.gateway.ctl("set", "calendar.source", "push")
        done = h.gateway.run_ctl("gateway", "check")
        assert done.returncode == 1 and "Failed: nothing was received" in done.stdout, done
        assert "http://no.such.host.test:50020/" in done.stdout, done


def test_logins():
    """each way to log in, set while the daemon runs, with Extended Protection required; Basic only if allowed"""
    with House(users=["bob"], cas=1) as h:
        check = ("gateway", "check", "cas1")

        def offer(*schemes):
            h.mock.post("/cas/cas1/auth", {"auth": schemes, "extended_protection": "require"})

        offer("basic")
        h.gateway.ctl("set", "calendar.auth", "auto")
        h.gateway.ctl("gateway", "edit", "cas1", "--host", "127.0.0.1")  # made anew: its connections, too
        done = h.gateway.run_ctl(*check)
        assert done.returncode == 1 and "calendar.auth basic" in done.stdout, done.stdout
        h.gateway.ctl("set", "calendar.auth", "basic")
        h.gateway.ctl(*check)
        for auth in ("ntlmv2", "negotiate", "auto"):
            offer("negotiate", "ntlm")
            h.gateway.ctl("set", "calendar.auth", auth)
            h.gateway.ctl(*check)
        offer("bearer")
        refused = h.gateway.run_ctl("set", "calendar.auth", "oauth")
        assert refused.returncode == 1 and "calendar.oauth_token_url" in refused.stderr, refused.stderr
        assert h.gateway.api("GET", "/v1/parameters/calendar.auth")["value"] == "auto"
        port = urllib.parse.urlsplit(h.mock.cas["cas1"]["url"]).port
        h.gateway.ctl("set", "calendar.oauth_token_url", f"https://127.0.0.1:{port}/t/oauth2/v2.0/token")
        h.gateway.ctl("set", "calendar.auth", "oauth")
        h.gateway.ctl(*check)
        h.meeting("bob", "-1m", "1h")
        wait_for(lambda: shows_meeting(h, "bob"), 30, "a calendar that is read with a token")
        assert "eyJ" not in h.gateway.log() and "secret" not in h.gateway.log()


def test_own_account():
    """a gateway has an account of its own, through a restart, until it shares one again"""
    with House(users=["bob"]) as h:
        edit, check = ("gateway", "edit", "cas2"), ("gateway", "check", "cas2")
        h.mock.post("/accounts", {"name": "svc2", "password": "other-secret", "impersonate": True})
        assert h.gateway.run_ctl(*edit, "--own-account", "maybe").returncode != 0
        assert h.gateway.run_ctl(*edit, "--own-account", "yes").returncode != 0, "which account?"
        h.gateway.ctl(*edit, "--own-account", "yes", "--account", "svc2", "--password-stdin",
                      text_in="other-secret\n")
        accounts = {g["name"]: (g["account"], g["own_account"])
                    for g in h.gateway.api("GET", "/v1/gateways")["gateways"]}
        assert accounts == {"cas1": (h.mock.account[0], False), "cas2": ("svc2", True)}, accounts
        h.gateway.ctl("gateway", "edit", "cas1", "--password-stdin", text_in="wrong\n")
        assert h.gateway.run_ctl("gateway", "check", "cas1").returncode == 1
        assert h.gateway.run_ctl(*check).returncode == 0, "the shared account's troubles are not its own"
        assert h.gateway.stop() == 0
        h.gateway.start()
        assert h.gateway.run_ctl(*check).returncode == 0
        h.gateway.ctl(*edit, "--own-account", "no")
        assert h.gateway.run_ctl(*check).returncode == 1
        assert "other-secret" not in h.gateway.log()


def test_lock_out():
    """a wrong password of two gateways, made anew, set to and fro, through a restart: tried twice"""
    with House(users=["bob"]) as h:
        h.mock.post("/accounts", {"name": "svc2", "password": "right", "impersonate": True})
        port = {name: urllib.parse.urlsplit(cas["url"]).port for name, cas in h.mock.cas.items()}

        def own(command, name, password, *more):
            h.gateway.ctl("gateway", command, name, *more, "--own-account", "yes", "--account", "svc2",
                          "--password-stdin", text_in=password + "\n")

        def check(name):
            return h.gateway.run_ctl("gateway", "check", name).returncode

        def tries():
            return [a["bad_passwords"] for a in h.mock.get("/accounts")["accounts"] if a["name"] == "svc2"][0]

        for name in ("cas1", "cas2"):
            own("edit", name, "wrong")
        for _ in range(2):
            assert check("cas1") == 1 and check("cas2") == 1
        h.gateway.ctl("gateway", "remove", "cas2")
        own("add", "cas2", "wrong", "--host", "127.0.0.1", "--port", str(port["cas2"]))
        assert check("cas2") == 1
        assert h.gateway.stop() == 0
        h.gateway.start()
        assert check("cas1") == 1 and check("cas2") == 1
        assert tries() == 2, tries()
        own("edit", "cas2", "right")
        assert check("cas2") == 0


def test_parameters():
    """those that are not the scheduler's have their effect at once; its own: tests/scenario"""
    with House() as h:
        gw, jid = h.gateway, h.jid("bob")

        def shows_reply():
            return h.explain("bob")["published"]["text"].startswith("Out of office")

        h.mock.post(f"/users/{jid}/oof", {"state": "enabled", "internal": "Back soon"})
        gw.ctl("refresh", jid)
        wait_for(shows_reply, 10, "the automatic reply")
        gw.set("calendar.oof_display", "hide")
        assert not shows_reply()
        gw.set("calendar.oof_display", "display")
        assert shows_reply()

        def failures():
            return gw.status()["calendars"]["since_start"]["failures"]

        for name in h.mock.cas:
            h.mock.fault(name, kind="stall")
        before = failures()
        gw.set("calendar.exchange_timeout_s", 20)
        gw.ctl("refresh", jid)
        time.sleep(4)
        assert failures() == before
        gw.set("calendar.exchange_timeout_s", 1)
        h.meeting("ann", "-1m", "1h")
        wait_for(lambda: failures() > before, 10, "a request that has failed after a second")


def test_declined_but_on_the_calendar():
    """it shows as the calendar says, until there is a rule for answers; only what is declined is ignored"""
    with House() as h:
        h.meeting("ann", "-5m", "1h", response="Accept")
        h.meeting("bob", "-5m", "1h", response="Decline")
        for name in ("ann", "bob"):
            wait_for(lambda n=name: shows_meeting(h, n), 10, "the calendar's own word")
        h.gateway.ctl("rule", "add", "declined", "response = declined => ignore")
        wait_for(lambda: not shows_meeting(h, "bob"), 10, "the rule")
        assert shows_meeting(h, "ann")
        h.gateway.ctl("rule", "remove", "declined")
        wait_for(lambda: shows_meeting(h, "bob"), 10, "it as it was")


def test_log():
    """each change is one line of the log, values as they are kept, and no password"""
    with House(users=["bob"]) as h:
        gw, jid, domain = h.gateway, h.jid("new"), h.jid("x").partition("@")[2]
        gw.api("POST", "/v1/domains", {"name": "Other.Example"})
        gw.api("DELETE", "/v1/domains/other.example")
        gw.api("POST", "/v1/users", {"user": jid, "im": True, "password": "pass-word-1"})
        gw.api("PATCH", f"/v1/users/{jid}", {"calendar": True})
        gw.api("PUT", f"/v1/users/{jid}/password", {"password": "pass-word-2"})
        gw.api("DELETE", f"/v1/users/{jid}")
        gw.api("POST", "/v1/users", [{"user": f"{name}@{domain}"} for name in ("u1", "u2", "bob")])
        gw.set("calendar.spread_s", "007")
        trusted = gw.api("GET", "/v1/trust/cup-trust")["certificates"][0]
        gw.api("DELETE", f"/v1/trust/cup-trust/{trusted['fingerprint']}")
        log = gw.log()
        for line in ("domain added domain='other.example'", "domain removed domain='other.example'",
                     f"user added user='{jid}' mail='{jid}' im=on calendar=off password=yes",
                     f"user changed user='{jid}' mail='{jid}' im=on calendar=on password=yes",
                     f"password set user='{jid}'", f"user removed user='{jid}'",
                     "users added count=2 refused=1",
                     f"trust certificate added store=cup-trust fingerprint={trusted['fingerprint']} subject=",
                     f"trust certificate removed store=cup-trust fingerprint={trusted['fingerprint']} "
                     f"subject='{trusted['subject']}'"):
            assert log.count(line) == 1, (line, log)
        assert "key=calendar.spread_s" in log and "now='7'" in log and "'007'" not in log, log
        assert "pass-word" not in log


if __name__ == "__main__":
    house.run([test_notification_port, test_users, test_gateways, test_server_left_in_peace, test_check_without_users,
               test_check_round_trip, test_logins, test_own_account, test_lock_out, test_parameters, test_declined_but_on_the_calendar,
               test_log])

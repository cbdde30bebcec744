"""What watchers see over SIP: SIPp subscribes by UDP and TCP, over IPv4 and IPv6, directly and through Kamailio with
Record-Route; meetings come from the simulated Exchange. Kamailio balances two gateways by their health."""

import sys
import time

import sip
from gateway import wait_for
from house import DOMAIN, House, run, utc
from test_sip_sessions import answer, expect

sip.need("sipp", "kamailio")

SETTINGS = {"sip.incoming_acl": "127.0.0.0/8", "sip.domains": "partner.test, lync.test=lync",
            "sip.notify_interval_s": 0,
            "presence.auto_authorize": "everybody"}

PROXY = """
request_route {
    if (!mf_process_maxfwd_header("10")) { sl_send_reply("483", "Too Many Hops"); exit; }
    if (has_totag()) {
        if (loose_route()) { t_relay(); exit; }
        sl_send_reply("404", "Not here");
        exit;
    }
    record_route();
    $du = "sip:GATEWAY:5060;transport=tcp";
    t_relay();
}
"""


def wait_picture(peer, wanted, timeout=20):
    """The first NOTIFY that shows it."""
    end = time.monotonic() + timeout
    while True:
        seen = [n for n in peer.notifies() if sip.picture(n) == wanted]
        if seen:
            return seen[0]
        if time.monotonic() > end:
            raise TimeoutError(f"{wanted} not seen: {[sip.picture(n) for n in peer.notifies()]}\n"
                               + peer.why())
        time.sleep(0.02)


def watch(house, transport, watcher, notifies, **more):
    return sip.Sipp([sip.subscribe(house.jid("bob"), watcher), *[sip.notify()] * notifies,
                     sip.again(house.jid("bob"), watcher, 0), sip.notify()],
                    f"{house.gateway.address}:5060", transport=transport, **more)


def meeting_is_seen(transport, watcher, meeting):
    """In a meeting and free again, within the spread."""
    spread = 2
    with House(users=["bob"], spread=spread, settings=SETTINGS) as h, h.client("bob") as bob:
        bob.presence()
        with watch(h, transport, watcher, 3) as peer:
            wait_picture(peer, ("open", None, None))
            start = int(time.time()) + 3
            h.mock.meeting(bob.jid, start=utc(start), end=utc(start + spread + 2), subject="Secret plans")
            wait_picture(peer, meeting)
            late = time.time() - start
            assert -0.05 <= late <= spread + 1.2, f"{late:.2f} s after the boundary"
            wait_picture(peer, ("open", None, None))
            peer.wait()
            last = peer.notifies()[-1]
            assert last.get("Subscription-State") == "terminated;reason=timeout", last
            assert "Secret" not in peer.why()
        assert h.gateway.api("GET", "/v1/status")["sip"]["subscriptions"] == 0


def test_udp():
    """a meeting is seen by a watcher over UDP"""
    meeting_is_seen("u1", "ann@partner.test", ("open", "meeting", "In a meeting"))


def test_tcp():
    """the same over TCP, in the words of Lync: busy"""
    meeting_is_seen("t1", "ann@lync.test", ("open", "busy", "In a meeting"))


def test_through_a_proxy():
    """Kamailio stands between, with Record-Route: the NOTIFY takes the same way back"""
    with House(users=["bob"], settings=SETTINGS) as h:
        with sip.Kamailio(PROXY.replace("GATEWAY", h.gateway.address), h.gateway.address) as proxy:
            with watch(h, "u1", "ann@partner.test", 2, proxy=f"{proxy.address}:{proxy.port}") as peer:
                peer.wait_notifies(1)
                h.meeting("bob", "-1m", "1h")
                peer.wait()
                assert [len(n.all("Via")) for n in peer.notifies()] == [2, 2, 2], peer.notifies()
                assert sip.picture(peer.notifies()[1])[1:] == ("meeting", "In a meeting")


def test_refresh_and_restart():
    """a subscription outlives a restart of the gateway: it is told, and refreshed"""
    with House(users=["bob"], settings=SETTINGS) as h:
        steps = [sip.subscribe(h.jid("bob"), "ann@partner.test"), sip.notify(), sip.notify(),
                 sip.again(h.jid("bob"), "ann@partner.test", 900), sip.notify(),
                 sip.again(h.jid("bob"), "ann@partner.test", 0), sip.notify()]
        with sip.Sipp(steps, f"{h.gateway.address}:5060", transport="u1") as peer:
            peer.wait_notifies(1)
            assert h.gateway.stop() == 0
            h.gateway.start()
            peer.wait()
            numbers = [int(n.get("CSeq").split()[0]) for n in peer.notifies()]
            assert numbers == sorted(set(numbers)), numbers
            assert peer.notifies()[2].get("Subscription-State").startswith("active;expires=900")


def test_both_families():
    """one listener for IPv4 and IPv6, UDP and TCP: told where each came from, and that again after a restart"""
    with House(users=["bob"], settings={**SETTINGS, "sip.incoming_acl": "127.0.0.0/8, ::1", "sip.server_auth_port": 0,
                                        "sip.peer_auth_port": 0}, sip_listen="::1", sip_port=0) as h:
        # Their TLS ports are free ones by now: at those that are the rule somebody else may be.
        assert h.gateway.stop() == 0
        with open(h.gateway.config, "a", encoding="utf-8") as f:
            f.write("sip_listen = ::\n")
        h.gateway.start()
        port = h.gateway.status()["sip"]["port"]
        for address in ("127.0.0.1", "::1"):
            for transport in ("u1", "t1"):
                user, at = h.jid("bob"), sip.bracketed(address)
                steps = [sip.subscribe(user, "ann@partner.test"), sip.notify(),
                         sip.again(user, "ann@partner.test", 0), sip.notify()]
                with sip.Sipp(steps, f"{at}:{port}", address=address, transport=transport) as peer:
                    peer.wait()
                    for m in peer.notifies():
                        assert m.get("Via").startswith(f"SIP/2.0/{'UDP' if transport == 'u1' else 'TCP'} {at}:{port};"), m.headers
                        assert f"sip:{at}:{port}" in m.get("Contact"), m.headers
        # And asked for by a route with a literal.
        for transport in ("u1", "t1"):
            script = expect("SUBSCRIBE") + answer()
            with sip.Sipp([script], "", server=True, address="::1", transport=transport) as peer, h.client("bob") as bob:
                h.gateway.set("sip.routes", f"test.partner={'udp' if transport == 'u1' else 'tcp'}:[::1]:{peer.port}")
                bob.presence()
                bob.subscribe(f"{transport}@partner.test")
                peer.wait()
                assert f"[::1]:{port}" in peer.messages()[0].get("Via"), peer.messages()[0].headers


BALANCER = """
modparam("dispatcher", "list_file", "{folder}/list")
modparam("dispatcher", "ds_ping_interval", 1)
modparam("dispatcher", "ds_probing_mode", 1)
modparam("dispatcher", "ds_probing_threshold", 1)
modparam("dispatcher", "ds_inactive_threshold", 1)
modparam("tm", "fr_timer", 1000)
request_route {
    if (has_totag()) { loose_route(); t_relay(); exit; }
    record_route();
    if (!ds_select_dst("1", "8")) { sl_send_reply("503", "Nobody there"); exit; }
    t_relay();
}
event_route[dispatcher:dst-down] { xlog("L_ALERT", "down $ru\n"); }
event_route[dispatcher:dst-up] { xlog("L_ALERT", "up $ru\n"); }
"""


def test_balanced():
    """Kamailio before two gateways, active and backup: OPTIONS tell it which one lives"""
    users = {"users": ["bob"], "settings": SETTINGS}
    with House(**users) as first, House(**users) as second:
        nodes = [h.gateway for h in (first, second)]
        rows = "".join(f"1 sip:{g.address}:5060;transport=tcp 0 {priority}\n" for g, priority in zip(nodes, (2, 1)))
        with sip.Kamailio(BALANCER, first.gateway.address, ["dispatcher"], {"list": rows}) as balancer:
            def reaches(wanted):
                with watch(first, "u1", "ann@partner.test", 1, proxy=f"{balancer.address}:{balancer.port}") as peer:
                    peer.wait()
                    assert wanted.address in peer.messages()[0].get("Contact"), peer.messages()[0].headers

            def says(word, gateway, count):
                lines = lambda: [line for line in balancer.read_log().splitlines()
                                 if f"{word} sip:{gateway.address}" in line]
                wait_for(lambda: len(lines()) >= count, 20, f"{word} {gateway.address}")
            reaches(nodes[0])
            nodes[0].kill()
            says("down", nodes[0], 1)
            reaches(nodes[1])
            nodes[0].start()
            says("up", nodes[0], 1)
            reaches(nodes[0])


def test_refusals():
    """who is not in the list is refused, and nothing is told"""
    with House(users=["bob"], settings={**SETTINGS, "sip.incoming_acl": "192.0.2.0/24"}) as h:
        step = sip.subscribe(h.jid("bob"), "ann@partner.test").replace('response="200"',
                                                                      'response="403"')
        with sip.Sipp([step], f"{h.gateway.address}:5060") as peer:
            peer.wait()
        assert "ACL - upstream not trusted - need to authenticate" in h.gateway.log()
        h.gateway.set("sip.incoming_acl", "127.0.0.0/8")
        step = sip.subscribe(h.jid("bob"), "ann@stranger.test").replace('response="200"',
                                                                       'response="403"')
        with sip.Sipp([step], f"{h.gateway.address}:5060") as peer:
            peer.wait()
        assert h.gateway.api("GET", "/v1/status")["sip"]["subscriptions"] == 0


if __name__ == "__main__":
    run([f for name, f in sorted(globals().items()) if name.startswith("test_")])
    sys.exit(0)

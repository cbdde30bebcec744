"""Where SIP requests go, as an administrator sets it and sees it: the two modes of partitioned federation, which
follow the directory; RFC 3263 against a name server; loops."""

import subprocess
import sys
import time

from federation import Names
from gateway import Gateway, program
from house import run
from test_sip import DOMAIN, Office, Stream, subscribe, told

ROUTE = f".{'.'.join(reversed(DOMAIN.split('.')))}.*=tls:fe1.lync.test:5061/1"


def route(gateway, address):
    """The servers, or why there are none."""
    done = gateway.run_ctl("sip", "route", address)
    return done.stderr if done.returncode else done.stdout


def test_partitioned_modes():
    """basic: everybody who is not enabled here; advanced: of these whom the directory knows to be there; live"""
    with Office() as g:
        g.api("POST", "/v1/users", [{"user": f"carl@{DOMAIN}", "im": False, "sip": f"Carl@{DOMAIN}"},
                                    {"user": f"js123@{DOMAIN}", "im": False, "sip": f"john.smith@{DOMAIN}"}])
        assert "is a user here" in route(g, f"carl@{DOMAIN}")  # nobody shares the domain
        g.set("sip.routes", ROUTE)
        assert "sip.partitioned" in route(g, f"nobody@{DOMAIN}")
        g.set("sip.partitioned", "on")
        for who in ("carl", "nobody", "john.smith"):
            assert "fe1.lync.test" in route(g, f"{who}@{DOMAIN}"), who
        assert "is a user here" in route(g, f"bob@{DOMAIN}")
        # As people write addresses, and as other systems do.
        for who in (f"BOB@{DOMAIN}", f"sip:bob@{DOMAIN}", f"SIPS:Bob@{DOMAIN.upper()}"):
            assert "is a user here" in route(g, who), who
        assert f"o\\27hara@{DOMAIN} is reached" in route(g, f"sip:O'Hara@{DOMAIN}")
        for who in ("sip:", f"sip:@{DOMAIN}", "bob", f"a@b@{DOMAIN}", f"bob@{DOMAIN}:5061"):
            assert "is no address" in route(g, who), who
        g.set("sip.partitioned_mode", "advanced")
        for who in ("carl", "john.smith"):
            assert "fe1.lync.test" in route(g, f"{who}@{DOMAIN}"), who
        for who in ("nobody", "js123"):
            assert "nobody's SIP address" in route(g, f"{who}@{DOMAIN}"), who
        # What comes from there for somebody who is there is not sent back.
        with Stream(g) as s:
            s.send(subscribe(1, user="carl"))
            assert s.receive().start == "SIP/2.0 404 Not Found"
        # Moved to here: at once; and back.
        g.api("PATCH", f"/v1/users/carl@{DOMAIN}", {"im": True})
        assert "is a user here" in route(g, f"carl@{DOMAIN}")
        with Stream(g) as s:
            s.send(subscribe(2, user="carl"))
            told(s)
            g.api("PATCH", f"/v1/users/carl@{DOMAIN}", {"im": False})
            assert s.receive().get("Subscription-State") == "terminated;reason=noresource"
        assert "fe1.lync.test" in route(g, f"carl@{DOMAIN}")
        g.api("PATCH", f"/v1/users/carl@{DOMAIN}", {"sip": ""})
        assert "nobody's SIP address" in route(g, f"carl@{DOMAIN}")
        g.api("DELETE", f"/v1/users/js123@{DOMAIN}")
        assert "nobody's SIP address" in route(g, f"john.smith@{DOMAIN}")
        # Over a restart.
        g.api("PATCH", f"/v1/users/carl@{DOMAIN}", {"sip": f"carl@{DOMAIN}"})
        assert g.stop() == 0
        g.start()
        assert "fe1.lync.test" in route(g, f"carl@{DOMAIN}")
        assert "nobody's SIP address" in route(g, f"nobody@{DOMAIN}")


def test_rfc3263():
    """a domain of the kind simple is found by what it publishes; what was asked once is not asked again"""
    names = Names()
    names.add_naptr("naptr.test", 20, "SIP+D2U", "_sip._udp.naptr.test")
    names.add_naptr("naptr.test", 10, "SIP+D2T", "_sip._tcp.naptr.test")
    names.add_service("naptr.test", "tcp.naptr.test", 5070, service="_sip._tcp")
    names.add_service("udp.test", "far.udp.test", 5080, 2, service="_sip._udp")
    names.add_service("udp.test", "near.udp.test", 5060, 1, service="_sip._udp")
    names.add_address("plain.test", "192.0.2.7")
    found = {"naptr.test": [("TCP", "tcp.naptr.test", 5070)],
             "udp.test": [("UDP", "near.udp.test", 5060), ("UDP", "far.udp.test", 5080)],
             "plain.test": [("UDP", "192.0.2.7", 5060)],
             "none.test": []}
    with Office() as g:
        g.set("federation.dns_servers", names.servers)
        g.set("sip.domains", ", ".join(found))
        for domain, servers in found.items():
            answer = g.ctl_json("sip", "route", f"ann@{domain}")
            assert [(s["transport"], s["host"], s["port"]) for s in answer["servers"]] == servers, answer
        text = route(g, "ann@none.test")
        for missing in ("_sipfederationtls._tcp.none.test", "NAPTR none.test", "_sips._tcp.none.test",
                        "A or AAAA none.test", "CANNOT BE REACHED"):
            assert missing in text, text
        asked = len(names.asked)
        route(g, "bob@none.test")
        assert len(names.asked) == asked, names.asked[asked:]
        g.set("federation.dns_servers", names.servers + ",127.0.0.1")  # other servers: asked anew
        route(g, "bob@none.test")
        assert len(names.asked) > asked
    names.close()


def test_ends_while_asking():
    """the gateway ends in order while somebody waits for name servers that do not answer"""
    with Gateway() as g:
        g.set("sip.domains", "slow.test")
        names = Names()
        names.close()  # nobody answers
        g.set("federation.dns_servers", names.servers)
        with subprocess.Popen([program("kalendsctl"), "--socket", g.socket, "sip", "route", "a@slow.test"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as asking:
            time.sleep(0.5)
            assert g.stop() == 0
            asking.wait(30)


def test_loop():
    """what has left this gateway, or one like it, and comes back for nobody is a loop; for a user it is none"""
    marker = b"User-Agent: Kalends-Partitioned\r\nEvent: presence"
    with Office() as g, Stream(g) as s:
        g.set("sip.partitioned", "on")
        g.set("sip.routes", ROUTE)
        s.send(subscribe(1, user="nobody").replace(b"Event: presence", marker))
        assert s.receive().start == "SIP/2.0 482 Loop Detected"
        assert g.sip()["loops"] == 1
        s.send(subscribe(2, user="nobody"))
        assert s.receive().start == "SIP/2.0 404 Not Found"
        s.send(subscribe(3).replace(b"Event: presence", marker))
        told(s)
        # R-1.2a: exactly the domain.
        s.send(subscribe(4).replace(f"<sip:ann@{DOMAIN}>".encode(), f"<sip:ann@abc.{DOMAIN}>".encode()))
        assert s.receive().start == "SIP/2.0 403 Forbidden"
        s.send(subscribe(5).replace(f"SUBSCRIBE sip:bob@{DOMAIN}".encode(),
                                    f"SUBSCRIBE sip:bob@abc.{DOMAIN}".encode()))
        assert s.receive().start == "SIP/2.0 404 Not Found"


if __name__ == "__main__":
    run([f for name, f in sorted(globals().items()) if name.startswith("test_")])
    sys.exit(0)

"""What the two guides to federation with Lync, OCS and AOL demand, statement by statement: the test that shows it,
or why it is not ours to show. Checked here: no number is left out or stands twice, every test that is named exists
and runs, and every parameter has the default that the guides say.

R-x: the partitioned intradomain guide, D-x: the testable statements of the interdomain guide, T-x: its mapping
tables and those of the other one. The words are ours."""

import os
import re
import sys

from gateway import Gateway
from house import run

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

ONE_NODE = "one node holds all users: there is no other one to send to"
TOOLS = "of tools that run beside Lync, or of the system that they fill"
THEIRS = "a rule for the other system's administrator"

# number, what it is about, and a list of tests, or the reason why there is none
STATEMENTS = [
    ("R-1.1a", "both systems serve the same domains", ["unit/test_sip_route.c:test_ours"]),
    ("R-1.1b", "a user is on one of the two systems", [
        "unit/test_sip_ways.c:test_partitioned_clusters", "e2e/test_sip_routing.py:test_partitioned_modes"]),
    ("R-1.1c", "one domain or several", ["unit/test_sip_route.c:test_ours"]),
    ("R-1.2a", "a domain is matched exactly", [
        "unit/test_sip_ways.c:test_partitioned_subdomain", "e2e/test_sip_routing.py:test_loop"]),
    ("R-1.2b", "several domains on both systems", ["e2e/test_sip_statements.py:test_domains"]),
    ("R-1.2c", "a domain that only they have exchanges nothing", ["e2e/test_sip_statements.py:test_domains"]),
    ("R-1.2d", "a domain without users", ["e2e/test_sip_statements.py:test_domains"]),
    ("R-1.4a", "a subscription from there is taken at once, and pending", ["unit/test_sip_core.c:test_pending"]),
    ("R-1.4b", "their watchers are judged as ours are", [
        "unit/test_sip_core.c:test_blocked", "unit/test_pres_decision.c:local_watchers_need_not_ask"]),
    ("R-1.4c", "decided by setting, by what was decided before, or by asking", [
        "unit/test_sip_core.c:test_pending", "unit/test_pres_decision.c:decided_before"]),
    ("R-1.4d", "who is denied sees the user offline", ["unit/test_sip_core.c:test_blocked"]),
    ("R-1.4e", "who is allowed is told of changes", ["unit/test_sip_core.c:test_states"]),
    ("R-1.4f", "our users subscribe there", [
        "unit/test_sip_watch.c:test_flow", "interop/test_sip_contacts.py:test_lync_pending"]),
    ("R-1.4g", "refreshed from there after 1 h 45 min", [
        "unit/test_sip_core.c:test_refresh_and_expiry", "interop/test_sip_lync.py:test_refresh_and_silence"]),
    ("R-1.4h", "refreshed by us within two hours; after a restart of either at once", [
        "unit/test_sip_watch.c:test_flow", "unit/test_sip_watch.c:test_restart",
        "unit/test_sip_watch.c:test_forgotten_there", "interop/test_sip_lync.py:test_refresh_and_silence"]),
    ("R-1.5", "mapping of states", [
        "unit/test_sip_pidf.c:test_tables", "unit/test_sip_pidf.c:test_reading", "interop/test_sip_lync.py:test_calendar"]),
    ("R-1.6a", "text, typing, from one to one", ["unit/test_sip_message.c:test_in", "unit/test_sip_session.c:test_typing"]),
    ("R-1.6b", "messages in a session", ["unit/test_sip_session.c:test_call", "unit/test_sip_session_in.c:test_called"]),
    ("R-1.6c", "one session a pair", ["unit/test_sip_session.c:test_call", "unit/test_sip_session.c:test_glare"]),
    ("R-1.6d", "a message without presence", ["unit/test_sip_message.c:test_unavailable", "unit/test_sip_session.c:test_seen"]),
    ("R-1.6e", "no group chat", [
        "unit/test_sip_session_in.c:test_invite", "interop/test_sip_sessions.py:test_not_taken"]),
    ("R-1.7a", "mode basic", [
        "unit/test_sip_ways.c:test_partitioned", "e2e/test_sip_routing.py:test_partitioned_modes"]),
    ("R-1.7b", "mode advanced", [
        "unit/test_sip_ways.c:test_partitioned_advanced", "e2e/test_sip_routing.py:test_partitioned_modes"]),
    ("R-1.7c", "what comes back is a loop", [
        "unit/test_sip_ways.c:test_partitioned", "e2e/test_sip_routing.py:test_loop",
        "interop/test_sip_contacts.py:test_partitioned_loop"]),
    ("R-1.7d", "nobody on either system", [
        "unit/test_sip_ways.c:test_partitioned_nobody", "e2e/test_sip_routing.py:test_loop"]),
    ("R-1.8a", "in by the routing node, answered the same way", ONE_NODE),
    ("R-1.8b", "out from any node", ONE_NODE),
    ("R-1.9a", "beside federation with other domains", ["e2e/test_sip_statements.py:test_domains"]),
    ("R-1.9b", "not both with the same domain", THEIRS),
    ("R-1.10a", "backup routes by priority", [
        "unit/test_sip_ways.c:test_backup_route", "unit/test_sip_route.c:test_plans"]),
    ("R-1.10b", "a cheap answer to a load balancer", [
        "unit/test_sip_core.c:test_acl", "interop/test_sip_watchers.py:test_balanced"]),
    ("R-1.11a", "search of contacts", "clients search the enterprise's own directory"),
    ("R-1.12a", "which address a user has", "a user has the address that he is added with: the import says which"),
    ("R-2a", "Lync wants TLS", ["e2e/test_sip_tls.py:test_out", "e2e/test_sip_tls.py:test_peer_auth"]),
    ("R-2b", "presence of their clients by web services", "there is no such service"),
    ("R-2c", "several domains need addresses of the directory", "a user's address has its domain with it, always"),
    ("R-2d", "a node that only routes", ONE_NODE),
    ("R-3.1", "contact lists are renamed before a user moves", ["e2e/test_contacts.py:test_rename"]),
    ("R-3.2", "how many federated contacts a node holds", "figures of other machines; what is held is counted in 'status'"),
    ("R-3.3", "imports are paced", ["unit/test_dir_contacts.c:imports_at_a_rate"]),
    ("R-5.1", "who manages a domain, where it is in use", "one node: a domain is served here, or it is not"),
    ("R-5.2a", "options hold for all", ["e2e/test_sip_statements.py:test_parameters"]),
    ("R-5.2b", "restart after a change", "there is none: settings act at once (test_partitioned_modes)"),
    ("R-5.2c", "not together with mail addresses", ["e2e/test_sip_statements.py:test_mail_excluded"]),
    ("R-5.3a", "a static route a domain", ["unit/test_sip_route.c:test_plans"]),
    ("R-5.3b", "patterns: labels reversed, a star for those below", ["unit/test_sip_route.c:test_plans"]),
    ("R-5.3c", "a server's own name has a route", [
        "unit/test_sip_route.c:test_hosts", "unit/test_sip_trust.c:test_contacts"]),
    ("R-5.3d", "a backup only when the first is not reached", ["unit/test_sip_ways.c:test_backup_route"]),
    ("R-5.3e", "both ways to write a pattern", ["unit/test_sip_route.c:test_plans"]),
    ("R-5.4a", "who is on the list need not log in", [
        "unit/test_sip_core.c:test_acl", "unit/test_sip_trust.c:test_domain_is_entry"]),
    ("R-5.4b", "address and name", ["unit/test_sip_access.c:test_acl", "unit/test_sip_access.c:test_names"]),
    ("R-5.4c", "names by reverse look-up, and how slow it was", [
        "unit/test_sip_acl.c:test_acl_names", "unit/test_sip_acl.c:test_acl_slow"]),
    ("R-5.5", "two listeners, one port each", [
        "e2e/test_sip_tls.py:test_swap", "interop/test_sip_tls_kamailio.py:test_swapped_ports"]),
    ("R-5.6a", "the subject CN, not other names", ["e2e/test_sip_tls.py:test_peer_auth"]),
    ("R-5.7", "a subject counts when it is selected", "there is one list, and all of it is selected"),
    ("R-5.8", "own certificate and trusted ones", [
        "e2e/test_sip_tls.py:test_certificate_live", "e2e/test_sip_tls.py:test_trust_live"]),
    ("R-6", "certificates for servers and for clients", [
        "e2e/test_sip_tls.py:test_peer_auth", "e2e/test_sip_diag.py:test_diag_tls"]),
    ("R-7a", "they leave the host of a request as it was", ["unit/test_sip_core.c:test_refused"]),
    ("R-7b", "one CN for a pool", ["e2e/test_sip_tls.py:test_out"]),
    ("R-8.1", "the tools' version file", TOOLS),
    ("R-8.2", "limits of contact lists and watchers", [
        "unit/test_pres_decision.c:limits_watchers", "unit/test_sip_core.c:test_turned_away", "unit/test_pres_core.c:edits_rosters"]),
    ("R-8.4a", "spaces in files are no part of a field", ["unit/test_dir_jobs.c:test_spreadsheets"]),
    ("R-8.4b", "renaming reaches every list", ["e2e/test_contacts.py:test_rename"]),
    ("R-8.4c", "what a job counts: lists, not rows", ["e2e/test_contacts.py:test_rename"]),
    ("R-8.4d", "what a job's log says", [
        "e2e/test_contacts.py:test_rename_wrong", "e2e/test_contacts.py:test_import"]),
    ("R-8.5", "a user on both systems is reached by neither", "served here, then: test_partitioned_modes shows the way back"),
    ("R-8.10a", "files by their type", ["e2e/test_contacts.py:test_refused"]),
    ("R-8.10b", "what an import's log says", ["e2e/test_contacts.py:test_import"]),
    ("R-8.10c", "the log is on the first node", ONE_NODE),
    ("R-8.10d", "what an import checks", ["e2e/test_contacts.py:test_limits", "e2e/test_contacts.py:test_refused"]),
    ("R-9a", "other domains by way of Lync", ["e2e/test_sip_statements.py:test_domains"]),
    ("R-10.2a", "users are found without regard to case, and by names that a JID escapes", [
        "unit/test_sip_core.c:test_user_names", "unit/test_sip_escape.c:test_nothing_lost"]),
    ("R-10.2b", "a probe becomes a subscription, one for a pair", [
        "unit/test_sip_watch.c:test_flow", "unit/test_sip_watch.c:test_one_each"]),
    ("R-10.2c", "the marker leads to the static route, and never back", [
        "unit/test_sip_ways.c:test_partitioned", "unit/test_sip_ways.c:test_partitioned_clusters"]),
    ("R-10.3", "levels of parts of the log", ["e2e/test_sip_diag.py:test_levels", "unit/test_gw_log.c:parts"]),
    ("R-10.4", "408, two lines about the list, waiting and unknown contacts", [
        "unit/test_sip_watch.c:test_flow", "unit/test_sip_watch.c:test_unknown", "unit/test_sip_acl.c:test_acl_slow",
        "unit/test_sip_core.c:test_no_answer", "e2e/test_sip_diag.py:test_levels",
        "interop/test_sip_lync.py:test_subscribe_refused", "interop/test_sip_lync.py:test_refresh_and_silence"]),

    ("D-1", "a domain that is not configured is refused, and nobody hears of it", ["unit/test_sip_core.c:test_refused"]),
    ("D-2", "pending, one prompt, the answer is kept", [
        "unit/test_sip_core.c:test_pending", "unit/test_pres_decision.c:waits_with_one_prompt"]),
    ("D-3", "denied is offline; allowed later is real", ["unit/test_sip_core.c:test_blocked"]),
    ("D-4", "two local watchers are two subscriptions", ["unit/test_sip_watch.c:test_one_each"]),
    ("D-5", "all rows of the mapping tables", ["unit/test_sip_pidf.c:test_tables", "unit/test_sip_pidf.c:test_reading"]),
    ("D-6", "a session by the first message, and it is used by both; none for more than two", [
        "unit/test_sip_session.c:test_call", "unit/test_sip_session_in.c:test_called", "unit/test_sip_session_in.c:test_invite"]),
    ("D-7", "who is not available may write", ["unit/test_sip_message.c:test_unavailable", "unit/test_sip_session.c:test_seen"]),
    ("D-8", "static before SRV, backup, AOL's four steps, patterns", [
        "unit/test_sip_route.c:test_plans", "unit/test_sip_search.c:test_order",
        "interop/test_sip_contacts.py:test_found_by_records",
        "unit/test_sip_ways.c:test_backup_route"]),
    ("D-9", "a request of another node's dialog", ONE_NODE),
    ("D-10", "a CN that is not selected, a certificate without both usages", ["e2e/test_sip_tls.py:test_peer_auth"]),
    ("D-11", "the transport in Record-Route when that is set", ["unit/test_sip_ways.c:test_record_route"]),
    ("D-12", "messages off leave presence", [
        "unit/test_sip_message.c:test_off", "unit/test_sip_session.c:test_off"]),
    ("D-13", "modes of TLS between XMPP servers", [
        "scenario/test_federation.c:follows_policy", "scenario/test_federation.c:nothing_before_a_proof",
        "scenario/test_federation.c:wrong_dialback_key"]),
    ("D-14", "SASL EXTERNAL between XMPP servers", ["scenario/test_federation.c:proves_domains"]),
    ("D-15", "matrix of policy", ["scenario/test_federation.c:follows_policy"]),
    ("D-16", "a domain has one protocol", [
        "e2e/test_sip_statements.py:test_one_protocol", "scenario/test_federation.c:speaks_for_a_domain_no_more"]),
    ("D-17", "XMPP spread over nodes", ONE_NODE),
    ("D-18", "aliases of chat rooms", "there are no chat rooms"),
    ("D-19", "the mail address in place of the own one", [
        "unit/test_sip_mail.c:test_watched", "unit/test_sip_mail.c:test_watches", "unit/test_sip_mail.c:test_messages"]),
    ("D-20", "mail domains", ["e2e/test_federation.py:test_mail_domains"]),
    ("D-21", "names in a request for a certificate", ["e2e/test_certificates.py:test_request_to_renewal"]),
    ("D-22", "what nodes must have alike", ["e2e/test_federation.py:test_two_nodes_compared"]),
    ("D-23", "restarting services", "there is one service, and settings need no restart"),

    ("T-inter-1", "OCS to ours", [
        "unit/test_sip_pidf.c:test_reading", "scenario/test_xmpp_session.c:says_busy_in_words"]),
    ("T-inter-2", "our clients to OCS", ["unit/test_sip_pidf.c:test_tables"]),
    ("T-inter-3", "other XMPP clients to OCS", ["unit/test_sip_pidf.c:test_tables"]),
    ("T-inter-4", "Lync to ours", [
        "unit/test_sip_pidf.c:test_reading", "scenario/test_xmpp_session.c:says_busy_in_words"]),
    ("T-inter-5", "our clients to Lync", ["unit/test_sip_pidf.c:test_tables"]),
    ("T-inter-6", "other XMPP clients to Lync", ["unit/test_sip_pidf.c:test_tables"]),
    ("T-inter-7", "AIM to ours", ["unit/test_sip_pidf.c:test_reading"]),
    ("T-inter-8", "ours to AIM", ["unit/test_sip_pidf.c:test_tables"]),
    ("T-intra-5", "Lync to ours", [
        "unit/test_sip_pidf.c:test_reading", "scenario/test_xmpp_session.c:says_busy_in_words"]),
    ("T-intra-6", "our older clients to Lync", ["unit/test_sip_pidf.c:test_tables"]),
    ("T-intra-7", "our clients to Lync", ["unit/test_sip_pidf.c:test_tables"]),
    ("T-intra-8", "other XMPP clients to Lync", ["unit/test_sip_pidf.c:test_tables"]),
]

# What the guides number.
NUMBERS = {
    "R-1.1": "abc", "R-1.2": "abcd", "R-1.4": "abcdefgh", "R-1.5": "", "R-1.6": "abcde", "R-1.7": "abcd", "R-1.8": "ab",
    "R-1.9": "ab", "R-1.10": "ab", "R-1.11": "a", "R-1.12": "a", "R-2": "abcd", "R-3.1": "", "R-3.2": "", "R-3.3": "",
    "R-5.1": "", "R-5.2": "abc", "R-5.3": "abcde", "R-5.4": "abc", "R-5.5": "", "R-5.6": "a", "R-5.7": "", "R-5.8": "",
    "R-6": "", "R-7": "ab", "R-8.1": "", "R-8.2": "", "R-8.4": "abcd", "R-8.5": "", "R-8.10": "abcd", "R-9": "a",
    "R-10.2": "abc", "R-10.3": "", "R-10.4": "", **{f"D-{n}": "" for n in range(1, 24)},
    **{f"T-inter-{n}": "" for n in range(1, 9)}, **{f"T-intra-{n}": "" for n in range(5, 9)}}

# What the guides call it, our parameter and its default; or why there is none.
PARAMETERS = [
    ("partitioned intradomain federation", "sip.partitioned", "off"),
    ("routing mode", "sip.partitioned_mode", "basic"),
    ("mail address for interdomain federation", "presence.federation_mail", "off"),
    ("maximum contact list size", "presence.contacts_max", "200"),
    ("maximum watchers", "presence.watchers_max", "200"),
    ("auto-authorize", "presence.auto_authorize", "local"),  # in the guides for all; strangers ask here
    ("static routes: pattern, next hop, port, protocol, type, priority", "sip.routes", ""),
    ("SIP federated domain: name, type", "sip.domains", ""),
    ("peer-auth TLS port", "sip.peer_auth_port", "5062"),
    ("server-auth TLS port", "sip.server_auth_port", "5061"),
    ("incoming ACL", "sip.incoming_acl", ""),
    ("TLS peer subjects", "sip.tls_peer_subjects", ""),
    ("ciphers of the TLS context", "tls.sip_ciphers", None),
    ("federation routing FQDN", "sip.federation_fqdn", ""),
    ("default federation routing domain", "sip.default_domain", "aol.com"),
    ("virtual IP address; server name", "sip.public_address", ""),
    ("IM gateway status", "sip.messages", "on"),
    ("Use Transport in Record-Route Header", "sip.record_route_transport", "off"),
    ("expires of a subscription, as in the sample log", "sip.expires_max_s", "7446"),
    ("SIP TCP listener", None, "sip_port of the configuration file: 5060, UDP too"),
    ("SIP-CM internal listener", None, "there is no second process to listen to"),
    ("IM address scheme", None, "a user has the address that he is added with"),
    ("the incoming ACL's entry of a federated domain", None, "not stored: unit/test_sip_trust.c:test_domain_is_entry"),
    ("direct federation", None, "a domain with a static route is federated directly: Record-Route has no name then"),
    ("description of a domain", None, "no client of ours shows it"),
    ("empty TLS fragments", None, "of TLS 1.0, which is not spoken"),
    ("selected peer subjects of the context", None, "there is one list, and all of it is selected"),
    ("certificates cup and cup-trust", None, "identities and trust stores of these names: 'cert own', 'cert trust'"),
    ("contact import rate", "contacts.import_rate", None),
    ("levels of the log", None, "'log-level LEVEL sip.tls' and others, at once"),
    ("XMPP federation: node status, modes, policy", None, "not of SIP: federation.* has them"),
]


def cases_of(path):
    """The tests of a file that run: cmocka's list, or functions of a script that runs them all."""
    with open(os.path.join(TESTS, path), encoding="utf-8") as f:
        text = f.read()
    if path.endswith(".c"):
        listed = set(re.findall(r"cmocka_unit_test\w*\((\w+)", text)) | set(re.findall(r"^\s+(?:T|TEST)\((\w+)\)", text, re.M))
        return {name for name in listed if re.search(rf"^static void {name}\(", text, re.M)}
    defined, run_all = set(re.findall(r"^def (test_\w+)\(", text, re.M)), text.partition("__main__")[2]
    return defined if 'startswith("test_")' in run_all else defined & set(re.findall(r"test_\w+", run_all))


def test_table():
    """every statement is there once, with tests that exist, or a reason"""
    wanted = [number + letter for number, letters in NUMBERS.items() for letter in letters or [""]]
    assert [number for number, _, _ in STATEMENTS] == wanted, \
        (set(wanted) ^ {number for number, _, _ in STATEMENTS}, "or their order")
    known, wrong = {}, []
    for number, title, shown in STATEMENTS:
        assert title and shown, number
        for test in shown if isinstance(shown, list) else []:
            path, _, case = test.partition(":")
            if path not in known:
                known[path] = cases_of(path) if os.path.exists(os.path.join(TESTS, path)) else set()
            if case not in known[path]:
                wrong.append((number, test))
    assert not wrong, wrong


def test_parameters():
    """every parameter of the guides is one of ours, with its default, and can be set live; or has a reason"""
    with Gateway() as g:
        ours = {p["key"]: p for p in g.api("GET", "/v1/parameters")["parameters"]}
        for title, key, default in PARAMETERS:
            if key is None:
                assert default, title
                continue
            assert key in ours, (title, key)
            assert default is None or ours[key]["default"] == default, (title, ours[key])
            g.set(key, ours[key]["value"])
        named = {key for _, key, _ in PARAMETERS}
        assert len(named) == len([p for p in PARAMETERS if p[1]]) + 1, "a parameter stands twice"


def test_domains():
    """several shared domains; one that only they have; one by way of Lync; one of our own kind"""
    with Gateway() as g:
        for name in ("synergy.test", "synergy.example", "empty.test"):
            g.api("POST", "/v1/domains", {"name": name})
        g.api("POST", "/v1/users", [{"user": "bob@synergy.test", "im": True}])
        g.set("sip.partitioned", "on")
        g.set("sip.routes", ".test.synergy.*=tls:fe.lync.test, .example.synergy.*=tls:fe.lync.test, "
                            ".test.empty.*=tls:fe.lync.test, com.remote=tls:fe.lync.test/1")
        g.set("sip.domains", "remote.com=lync")

        def way(address):
            done = g.run_ctl("sip", "route", address)
            return done.stderr or done.stdout
        for address in ("ann@synergy.test", "ann@synergy.example", "ann@empty.test", "ann@remote.com"):
            assert "fe.lync.test" in way(address), way(address)
        for address in ("ann@online.synergy.test", "ann@synergy.online.test"):
            assert "not federated by SIP" in way(address), way(address)
        assert "is a user here" in way("bob@synergy.test")


def test_one_protocol():
    """a domain that is federated by SIP is not reached by XMPP, and is again when it is not"""
    with Gateway() as g:
        g.api("POST", "/v1/domains", {"name": "kalends.test"})
        g.set("federation.xmpp", "on")
        for domains, words in (("", "allowed by federation.policy"), ("both.test", "by another protocol"),
                               ("other.test", "allowed by federation.policy")):
            g.set("sip.domains", domains)
            done = g.run_ctl("federation", "why", "both.test")
            assert words in done.stdout + done.stderr, (domains, done)


def test_mail_excluded():
    """mail addresses and partitioned federation exclude each other"""
    with Gateway() as g:
        g.set("sip.partitioned", "on")
        done = g.run_ctl("set", "presence.federation_mail", "on")
        assert done.returncode and "exclude each other" in done.stderr, done


if __name__ == "__main__":
    run([f for name, f in sorted(globals().items()) if name.startswith("test_")])
    sys.exit(0)

"""Contact lists in bulk: imported from a file, contacts given another address, as an administrator orders it and as
users' clients (slixmpp) see it at once; limits, wrong files, undo, and a kill in the middle."""

import contextlib
import csv
import io
import os
import tempfile
import time

from gateway import ApiError, Gateway, wait_for
from house import run
from xmpp_client import Client

OK, FAILED, USAGE = 0, 1, 2
PASSWORD = "correct horse"
DOMAIN = "one.test"
HEAD = "User ID,User Domain,Contact ID,Contact Domain,Nickname,Group Name\n"


def jid(name):
    return f"{name}@{DOMAIN}"


@contextlib.contextmanager
def house(*names):
    with Gateway() as gateway:
        gateway.ctl("domain", "add", DOMAIN)
        if names:
            gateway.api("POST", "/v1/users", [{"user": jid(n), "im": True, "password": PASSWORD} for n in names])
        yield gateway


def client(gateway, name):
    return Client(jid(name), PASSWORD, host=gateway.address)


def order(gateway, what, data, *options):
    with tempfile.NamedTemporaryFile("wb", suffix=".csv", delete=False) as f:
        f.write(data if isinstance(data, bytes) else data.encode())
    try:
        return gateway.run_ctl("contact", what, f.name, *options)
    finally:
        os.unlink(f.name)


def result_of(gateway, job, *options):
    return list(csv.DictReader(io.StringIO(gateway.ctl("job", "result", str(job), *options))))


def newest(gateway):
    return gateway.ctl_json("job", "list")["jobs"][0]


def contact(c, name):
    """What a client has of a contact: (name, groups, subscription); None: not in the list."""
    def look(x):
        address = name if "@" in name else jid(name)
        if not x.client_roster.has_jid(address) or x.client_roster[address]["subscription"] == "remove":
            return None
        item = x.client_roster[address]
        return item["name"], sorted(item["groups"]), item["subscription"]
    return c.do(look)


def wait_item(c, name, item):
    wait_for(lambda: contact(c, name) == item, 10, f"{name} to be {item}, is {contact(c, name)}")


def get_roster(c):
    async def ask(x):
        await x.get_roster()
    c.call(ask)


def watchers(gateway, name):
    return {w["watcher"]: w["standing"] for w in gateway.api("GET", f"/v1/users/{jid(name)}/watchers")["watchers"]}


def test_import():
    """rows as a migration tool writes them: clients show the contacts at once, and their presence; then undo"""
    with house("ann", "bob", "cas") as g:
        g.ctl("user", "add", jid("off"))
        with client(g, "ann") as ann, client(g, "bob") as bob:
            get_roster(ann)
            bob.presence("away", "lunch")
            rows = (f"ann,{DOMAIN},bob,{DOMAIN},\"Bob, Sales\",Work\n"        # 2
                    f"ann,{DOMAIN},bob,{DOMAIN},Robert,Friends\n"            # 3: one group more, the name stays
                    f"ann,{DOMAIN},bob,{DOMAIN},,Work\n"                     # 4: is so already
                    f"sip:ann@{DOMAIN},,SIP:CAS@{DOMAIN},,,\n"               # 5: no group, no name
                    f"cas,{DOMAIN},ann,{DOMAIN},Ann,Work\n"                  # 6
                    f"nobody,{DOMAIN},ann,{DOMAIN},,Work\n"                  # 7
                    f"ann,{DOMAIN},nobody,{DOMAIN},,Work\n"                  # 8
                    f"ann,{DOMAIN},ann,{DOMAIN},,Work\n"                     # 9
                    f"off,{DOMAIN},ann,{DOMAIN},,Work\n"                     # 10: not enabled
                    f"ann,{DOMAIN},eve,far.test,,Work\n"                     # 11: not federated
                    f"sip@ann@{DOMAIN},,bob,{DOMAIN},,Work\n"                # 12: a typing error of the guide's
                    f",{DOMAIN},bob,{DOMAIN},,Work\n"                        # 13
                    f"ann,{DOMAIN},,{DOMAIN},,Work\n"                        # 14
                    f"ann,{DOMAIN},bob,{DOMAIN},,Work,more\n"                # 15
                    f"ann,{DOMAIN},bob,{DOMAIN},,{'x' * 256}\n"              # 16
                    f"cas,{DOMAIN},bob,{DOMAIN},{'y' * 256},Work\n")         # 17
            done = order(g, "import", HEAD + rows)
            assert done.returncode == FAILED and "4 done, 1 ignored, 11 failed" in done.stdout, done
            wait_item(ann, "bob", ("Bob, Sales", ["Friends", "Work"], "to"))
            wait_item(ann, "cas", ("", [], "both"))
            ann.wait_contact(jid("bob"), ("away", "lunch"))
            got = {int(r["line"]): r for r in result_of(g, 1)}
            assert [got[n]["result"] for n in range(2, 7)] == ["done", "done", "ignored", "done", "done"], got
            for line, why in ((4, "already"), (7, "there is no user"), (8, "is no user here"), (9, "of himself"),
                              (10, "not enabled for IM"), (11, "neither ours nor federated"), (12, "is not a domain name"),
                              (13, "no user is named"), (14, "no contact is named"), (15, "7 cells"),
                              (16, "longer than 255"), (17, "longer than 255")):
                assert why in got[line]["why"], got[line]
            assert got[11]["contact"] == "eve@far.test" and got[11]["user"] == jid("ann"), got[11]
            show = g.ctl("job", "show", "1")
            assert "3 of them with a client that was told at once, 1 without" in show, show

            g.ctl("job", "undo", "1")
            wait_item(ann, "bob", None)
            wait_item(ann, "cas", None)
            ann.wait_contact(jid("bob"), ("unavailable", None))
            assert watchers(g, "bob") == {}, watchers(g, "bob")


def test_question():
    """whom auto-authorize does not spare it is asked, once, and shows up when he agrees"""
    with house("ann", "bob") as g:
        g.set("presence.auto_authorize", "nobody")
        with client(g, "ann") as ann:
            get_roster(ann)
            assert order(g, "import", f"user,contact\nann,bob\nann,bob\n").returncode == OK
            wait_item(ann, "bob", ("", [], "none"))
            assert watchers(g, "bob") == {jid("ann"): "waits"}, watchers(g, "bob")
            g.api("PUT", f"/v1/users/{jid('bob')}/watchers/{jid('ann')}", {"decision": "allow"})
            wait_item(ann, "bob", ("", [], "to"))


def test_rename():
    """a contact has another address: in every list, with name, groups, decision; presence moves; then undo"""
    with house("ann", "bob", "robert", "cas", "dan") as g:
        rows = f"ann,bob,Bob,Work\nann,bob,Bob,Friends\ncas,bob,,\ncas,robert,Rob,Old\nbob,ann,Ann,\ndan,cas,,\n"
        assert order(g, "import", "user,contact,name,group\n" + rows).returncode == OK
        g.api("PUT", f"/v1/users/{jid('dan')}/watchers/{jid('bob')}", {"decision": "block"})
        with client(g, "ann") as ann, client(g, "robert") as robert, client(g, "bob") as bob:
            get_roster(ann)
            bob.presence("dnd", "bob")
            robert.presence("away", "robert")
            ann.wait_contact(jid("bob"), ("dnd", "bob"))
            data = ("Contact ID, New Contact ID\n"                            # a space, as the guide has it
                    f"bob@{DOMAIN}, robert@{DOMAIN}\n"
                    f"nobody@{DOMAIN},ghost@{DOMAIN}\n"
                    f"zoe@{DOMAIN},missing@{DOMAIN}\n")
            dry = order(g, "rename", data, "--dry-run")
            assert "2 done, 2 ignored" in dry.stdout, dry
            assert contact(ann, "bob") and "dry run" in g.ctl("job", "show", str(newest(g)["job"]))
            undo = g.run_ctl("job", "undo", str(newest(g)["job"]))
            assert undo.returncode == FAILED and "has changed nothing" in undo.stderr, undo

            done = order(g, "rename", data)
            assert done.returncode == OK and "2 done, 2 ignored, 0 failed" in done.stdout, done
            wait_item(ann, "bob", None)
            wait_item(ann, "robert", ("Bob", ["Friends", "Work"], "to"))
            ann.wait_contact(jid("robert"), ("away", "robert"))
            ann.wait_contact(jid("bob"), ("unavailable", None))
            robert.presence(None, "here")
            ann.wait_contact(jid("robert"), ("available", "here"))
            assert set(watchers(g, "robert")) == {jid("ann"), jid("cas")}, watchers(g, "robert")
            assert watchers(g, "bob") == {}, watchers(g, "bob")
            job = newest(g)["job"]
            rows = result_of(g, job)
            assert {(r["line"], r["user"], r["contact"], r["new contact"], r["result"]) for r in rows} == {
                ("2", jid("ann"), jid("bob"), jid("robert"), "done"),
                ("2", jid("cas"), jid("bob"), jid("robert"), "done"),
                ("3", "", jid("nobody"), jid("ghost"), "ignored"),
                ("4", "", jid("zoe"), jid("missing"), "ignored")}, rows

            g.ctl("job", "undo", str(job))
            wait_item(ann, "robert", None)
            wait_item(ann, "bob", ("Bob", ["Friends", "Work"], "to"))
            ann.wait_contact(jid("bob"), ("dnd", "bob"))
        with client(g, "cas") as cas:
            get_roster(cas)
            wait_item(cas, "robert", ("Rob", ["Old"], "to"))
            wait_item(cas, "bob", ("", [], "to"))


def test_rename_wrong():
    """rows that cannot be done are refused one by one, and nothing else is kept from being done"""
    with house("ann", "bob", "robert", "cas", "dan") as g:
        assert order(g, "import", "user,contact\nann,bob\nann,cas\nann,dan\nrobert,dan\n").returncode == OK
        data = ("Contact ID,New Contact ID\n"
                "bob,robert\n"                    # 2
                "bob,robert\n"                    # 3: once more
                "bob,cas\n"                       # 4: another one
                "cas,dan\n"                       # 5: which is given another one itself
                "dan,ann\n"                       # 6: ann's own
                "x y,robert\n"                    # 7
                ",robert\n"                       # 8
                f"{'x' * 256},robert\n"           # 9
                "robert,robert\n"                 # 10
                "dan,eve@far.test\n")             # 11
        done = order(g, "rename", data)
        assert done.returncode == FAILED, done
        got = {}
        for r in result_of(g, newest(g)["job"]):
            got.setdefault(int(r["line"]), []).append((r["user"], r["result"], r["why"]))
        assert got[2] == [(jid("ann"), "done", "")], got
        for line, result, why in ((3, "ignored", "line 2 says so already"), (4, "failed", "line 2 gives it another"),
                                  (5, "failed", "itself given another one in line 6"), (7, "failed", "not allowed"),
                                  (8, "failed", "missing"), (9, "failed", "longer than 255"),
                                  (10, "ignored", "the same address"), (11, "failed", "line 6 gives it another")):
            assert [(r, why in w) for _, r, w in got[line]] == [(result, True)], (line, got[line])
        assert sorted((u, r) for u, r, _ in got[6]) == [(jid("ann"), "failed"), (jid("robert"), "done")], got[6]
        assert "of himself" in [w for u, r, w in got[6] if r == "failed"][0], got[6]


def test_limits():
    """lists and watchers have their bounds in an import, too: what is beyond them fails, the rest is done"""
    with house(*[f"u{i}" for i in range(6)]) as g:
        g.set("presence.contacts_max", 3)
        done = order(g, "import", "user,contact\n" + "".join(f"u0,u{i}\n" for i in range(1, 6)))
        assert "3 done, 0 ignored, 2 failed" in done.stdout, done
        assert {r["why"] for r in result_of(g, 1, "--only", "failed")} == {
            "the contact list is full (presence.contacts_max)"}
        g.set("presence.contacts_max", "unlimited")
        g.set("presence.watchers_max", 2)
        done = order(g, "import", "user,contact\n" + "".join(f"u{i},u5\n" for i in range(4)))
        assert "2 done, 0 ignored, 2 failed" in done.stdout, done
        why = {r["why"] for r in result_of(g, 2, "--only", "failed")}
        assert len(why) == 1 and "as many watchers as may be (presence.watchers_max)" in why.pop()
        assert order(g, "import", "user,contact\nu2,u4\n").returncode == OK
        done = order(g, "rename", "contact,new\nu4,u5\n")
        assert "0 done, 0 ignored, 1 failed" in done.stdout, done
        assert watchers(g, "u4") == {jid("u2"): "sees"}
        g.set("presence.watchers_max", "unlimited")
        assert order(g, "rename", "contact,new\nu4,u5\n").returncode == OK
        assert len(watchers(g, "u5")) == 3 and watchers(g, "u4") == {}


def test_refused():
    """what cannot be such a file is refused as a whole, and says why"""
    cases = [
        ("import", b"", "empty"),
        ("import", HEAD.encode(), "no rows"),
        ("import", b"user,name\nann,x\n", "'contact' (or 'Contact ID')"),
        ("import", b"contact\nbob\n", "'user' (or 'User ID')"),
        ("import", b"user,contact,colour\nann,bob,red\n", "no column 'colour'"),
        ("import", b"user,User ID,contact\nann,ann,bob\n", "there twice"),
        ("import", "user,contact,name\nann,bob,M\u00fcller\n".encode("cp1252"), "save it as 'CSV UTF-8'"),
        ("import", b"user,contact\nann,\"bob\ncas,bob\n", "quotation mark"),
        ("import", b"PK\x03\x04\x14\x00\x06\x00" + bytes(range(128, 256)), "workbook"),
        ("rename", b"john.smith@example.com,jsmith@example.com\n", "no column 'john.smith@example.com'"),
        ("rename", b"Contact ID\nbob\n", "'new' (or 'New Contact ID')"),
        ("rename", b"New Contact ID\nbob\n", "'contact' (or 'Contact ID')"),
        ("rename", b"contact,new\nbob,x\x00y\n", "zero byte"),
    ]
    with house("ann", "bob") as g:
        for what, data, says in cases:
            done = order(g, what, data)
            assert done.returncode == FAILED and says in done.stderr, (data, done)
        assert not g.ctl_json("job", "list")["jobs"]
        for what in ("import", "rename"):
            assert g.run_ctl("contact", what).returncode == USAGE
            assert g.run_ctl("contact", what, "/nonexistent.csv").returncode == FAILED
            assert "Contact ID" in g.ctl("contact", what, "--sample")
            assert order(g, what, "x", "--at", "tomorrow").returncode == USAGE
        refused = g.run_ctl("user", "import", "--dry-run", "/dev/null")
        assert refused.returncode == USAGE, refused
        for path in ("contacts?dry_run=true", "rename?dry_run=1", "insert?dry_run=no"):
            try:
                g.api("POST", f"/v1/jobs/{path}", {})
                raise AssertionError(path)
            except ApiError as e:
                assert e.status == 400 and "dry_run is 'yes'" in str(e), e


def test_later():
    """a dry run, a job for later, and one that is cancelled before its time"""
    with house("ann", "bob") as g:
        data = "user,contact\nann,bob\nann,nobody\n"
        dry = order(g, "import", data, "--dry-run")
        assert "1 done, 0 ignored, 1 failed" in dry.stdout and watchers(g, "bob") == {}, dry
        soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2))
        late = time.strftime("%Y-%m-%d %H:%M", time.localtime(time.time() + 7200))
        assert "waits until" in order(g, "import", data, "--at", soon).stdout
        assert "waits until" in order(g, "rename", "contact,new\nbob,ann\n", "--at", late).stdout
        g.ctl("job", "cancel", str(newest(g)["job"]))
        wait_for(lambda: watchers(g, "bob") == {jid("ann"): "sees"}, 20, "the job of before")
        g.set("contacts.import_rate", 5)
        rows = "user,contact,group\n" + "".join(f"ann,bob,g{i}\n" for i in range(15))
        begun = time.monotonic()
        assert order(g, "import", rows).returncode == OK
        assert time.monotonic() - begun >= 2, "five a second"


def test_kill():
    """kill -9 in the middle of an import and of a rename: each row is done once, and undo takes back all of it"""
    count = 1500
    gateway = Gateway().start()
    try:
        gateway.ctl("domain", "add", DOMAIN)
        gateway.set("presence.watchers_max", "unlimited")
        gateway.api("POST", "/v1/users", [{"user": jid(n), "im": True} for n in ("old", "new")])
        for i in range(0, count, 500):
            gateway.api("POST", "/v1/users", [{"user": jid(f"u{n}"), "im": True} for n in range(i, i + 500)])
        rows = "user,contact,name\n" + "".join(f"u{i},old,Old {i}\n" for i in range(count))

        def killed(what, data, parts=(0.3, 0.7)):
            assert order(gateway, what, data, "--no-wait").returncode == OK
            number = newest(gateway)["job"]
            for part in parts:
                wait_for(lambda: newest(gateway)["done"] >= count * part or newest(gateway)["state"] == "done",
                         60, f"{part} of the rows", every=0.01)
                gateway.kill()
                gateway.start()
            gateway.run_ctl("job", "watch", str(number))
            job = gateway.api("GET", f"/v1/jobs/{number}")
            assert (job["state"], job["done"], job["failed"], job["ignored"]) == ("done", count, 0, 0), job
            done = result_of(gateway, number)
            assert len(done) == count == len({r["user"] for r in done}), len(done)
            return number
        first = killed("import", rows)
        assert len(watchers(gateway, "old")) == count
        second = killed("rename", "contact,new\nold,new\n", parts=(0.0, 0.3, 0.7))
        assert len(watchers(gateway, "new")) == count and watchers(gateway, "old") == {}
        gateway.ctl("job", "undo", str(second))
        assert len(watchers(gateway, "old")) == count and watchers(gateway, "new") == {}
        assert gateway.run_ctl("job", "undo", str(first), "--no-wait").returncode == OK
        wait_for(lambda: newest(gateway)["done"] >= count * 0.4, 60, "half of it undone", every=0.01)
        gateway.kill()
        gateway.start()
        gateway.ctl("job", "watch", str(newest(gateway)["job"]))
        assert watchers(gateway, "old") == {}
        assert gateway.stop() == 0
    finally:
        if gateway.process:
            gateway.kill()
        gateway.remove()


if __name__ == "__main__":
    run([test_import, test_question, test_rename, test_rename_wrong, test_limits, test_refused, test_later, test_kill])

"""Users in bulk and the audit trail, as an administrator sees them: kalendsctl against the real daemon, files
as spreadsheets write them, and a kill in the middle of a job."""

import csv
import io
import json
import os
import subprocess
import tempfile
import time

import house
from gateway import ApiError, Gateway, wait_for

OK, FAILED, USAGE = 0, 1, 2
ROWS = 4000


def file_of(data):
    f = tempfile.NamedTemporaryFile("wb", suffix=".csv", delete=False)
    f.write(data if isinstance(data, bytes) else data.encode())
    f.close()
    return f.name


def import_file(gateway, data, *options):
    path = file_of(data)
    try:
        return gateway.run_ctl("user", "import", path, *options)
    finally:
        os.unlink(path)


def result_of(gateway, job, *options):
    return list(csv.DictReader(io.StringIO(gateway.ctl("job", "result", str(job), *options))))


def newest(gateway):
    return gateway.ctl_json("job", "list")["jobs"][0]


def test_file():
    """a file from a spreadsheet: counts, a result for each row, the same again changes nothing, undo"""
    with Gateway() as gateway:
        gateway.ctl("domain", "add", "one.test")
        done = import_file(gateway, gateway.ctl("user", "import", "--sample"))
        assert done.returncode == FAILED and "3 failed" in done.stdout, done  # another domain
        rows = result_of(gateway, 1)
        assert [r["result"] for r in rows] == ["failed"] * 3 and "example.org" in rows[0]["why"], rows

        data = ("\ufeffUser;Name;Department;Zone;IM;Calendar\r\n"
                "Ann@one.test;\"M\u00fcller; \"\"Ann\"\"\";Sales;Tokyo Standard Time;yes;yes\r\n"
                "bob;Bob;Sales;;1;\r\n"
                ";;;;;\r\n"
                "\r\n"
                "bob@ONE.test;Twice;;;;\r\n"
                "=a b;x;;;;\r\n"
                "cat;Cat;\"two\r\nlines\";;;\r\n"
                "dan;Dan;R&D;;maybe;\r\n")
        done = import_file(gateway, data)
        assert done.returncode == FAILED, done
        assert "job 2 done: 6 of 6 rows (100%), 2 done, 1 ignored, 3 failed" in done.stdout, done.stdout
        rows = result_of(gateway, 2)
        assert [(r["line"], r["user"], r["result"]) for r in rows] == [
            ("2", "ann@one.test", "done"), ("3", "bob@one.test", "done"), ("6", "bob@one.test", "ignored"),
            ("7", "'=a b", "failed"),  # no formula for the next spreadsheet
            ("8", "cat@one.test", "failed"), ("10", "dan@one.test", "failed")], rows
        assert len(result_of(gateway, 2, "--only", "failed")) == 3
        ann = gateway.ctl_json("user", "show", "ann")
        assert (ann["name"], ann["zone"], ann["department"], ann["im"], ann["calendar"]) == (
            "M\u00fcller; \"Ann\"", "Asia/Tokyo", "Sales", True, True), ann

        again = import_file(gateway, "user\nann\nbob\n")
        assert again.returncode == OK and "2 ignored" in again.stdout, again
        changed = import_file(gateway, "user,group\nann,vip\nnobody,vip\n", "--update")
        assert changed.returncode == FAILED and "1 done, 0 ignored, 1 failed" in changed.stdout, changed
        gateway.ctl("job", "undo", "4")
        assert gateway.ctl_json("user", "show", "ann")["group"] == ""
        gateway.ctl("user", "edit", "bob", "--name", "Robert")
        undone = gateway.run_ctl("job", "undo", "2")
        assert undone.returncode == FAILED and "1 done, 0 ignored, 1 failed" in undone.stdout, undone
        assert "ann" not in gateway.ctl("user", "list") and "bob" in gateway.ctl("user", "list")
        for word in ("job 6 done", "undoes     job 2"):
            assert word in gateway.ctl("job", "show", "6"), gateway.ctl("job", "show", "6")


def test_result_is_harmless():
    """what a row has in it runs neither in the next spreadsheet nor in the terminal"""
    with Gateway() as gateway:
        gateway.ctl("domain", "add", "one.test")
        bad = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1+1", "\u00a0=1+1", "=a\x1b[2J\x07", "=a\nb", "\u202e=1", "a\"=1,2"]
        data = io.StringIO()
        csv.writer(data).writerows([["user"]] + [[b + " x"] for b in bad])
        assert import_file(gateway, data.getvalue()).returncode == FAILED
        text = gateway.ctl("job", "result", "1")
        rows = list(csv.reader(io.StringIO(text)))
        assert len(rows) == len(bad) + 1 == len(text.splitlines()), text
        for row in rows[1:]:
            for cell in row:
                assert cell[:1] not in "=+-@\t\r", row
        assert not any(ord(c) < 32 and c != "\n" or ord(c) == 0x202e for c in text), text


def test_refused():
    """what cannot be a file of users is refused as a whole, with its line and what to do"""
    cases = [
        ("user,name\nann,M\u00fcller\n".encode("cp1252"), "line 2: byte 0xfc", "save it as 'CSV UTF-8'"),
        ("user,name\nann,x\n".encode("utf-16"), "the file is UTF-16", "save it as"),
        (b"user,name\nann,\"x\nbob,y\n", "line 2", "quotation mark"),
        (b"user,mial\nann,x\n", "'mial'", "mail"),
        (b"user,password\nann,x\n", "password", "kalendsctl password set"),
        (b"", "empty", "empty"),
        (b"PK\x03\x04\x14\x00\x06\x00" + os.urandom(500), ".xlsx", "save it as 'CSV UTF-8'"),
        (("user" + ",x" * 10**6 + "\nann\n").encode(), "line 1", "is this a CSV file?"),
        (("user\nann" + ",x" * 10**6 + "\n").encode(), "line 2", "64 cells"),
        (b"user,name\nann," + b"x" * 10**6 + b"\n", "line 2", "16384 bytes"),
        (b"user,name\nann,x\x00y\n", "line 2", "zero byte"),
        (b"\x00\x01\x02" * 1000, "line 1", "UTF-16"),
    ]
    with Gateway() as gateway:
        gateway.ctl("domain", "add", "one.test")
        for data, *says in cases:
            done = import_file(gateway, data)
            assert done.returncode == FAILED and all(s in done.stderr for s in says), (data[:40], done)
        assert gateway.ctl_json("job", "list")["jobs"] == []
        assert gateway.run_ctl("user", "import", "/nonexistent.csv").returncode == FAILED
        assert gateway.run_ctl("user", "import", "/tmp").returncode == FAILED
        assert gateway.run_ctl("user", "import").returncode == USAGE
        for args, says in ((("job", "show", "9"), "no job 9"), (("job", "show", "x"), "not the number"),
                           (("job", "undo", "9"), "no job 9"), (("job", "cancel", "9"), "no job 9")):
            done = gateway.run_ctl(*args)
            assert done.returncode == FAILED and says in done.stderr, done


def many(count):
    return "user,name,department,im\n" + "".join(
        f"u{i:05},User number {i},D{i % 5},yes\n" for i in range(count))


def expect_all_once(gateway, job, count):
    rows = result_of(gateway, job)
    assert [int(r["line"]) for r in rows] == list(range(2, count + 2)), len(rows)
    assert {r["result"] for r in rows} == {"done"}
    entries, before = [], None
    while True:
        page = gateway.api("GET", "/v1/audit?limit=1000" + (f"&before={before}" if before else ""))
        entries += page["entries"]
        if not page["more"]:
            break
        before = page["entries"][-1]["number"]
    added = [e["subject"] for e in entries if e["what"] == "user added"]
    assert len(added) == count == len(set(added)), len(added)


def test_kill():
    """kill -9, again and again: the job goes on where it was, each row is applied once and has one result"""
    gateway = Gateway().start()
    try:
        gateway.ctl("domain", "add", "one.test")
        assert import_file(gateway, many(ROWS), "--no-wait").returncode == OK
        for part in (0.2, 0.5, 0.8):
            wait_for(lambda: newest(gateway)["done"] >= ROWS * part, what=f"{part} of the rows", every=0.01)
            at = newest(gateway)
            gateway.kill()
            gateway.start()
            now = newest(gateway)
            assert now["state"] in ("running", "done") and now["done"] >= at["done"] - 300, (at, now)
        assert "100%" in gateway.ctl("job", "watch", "1")
        assert newest(gateway)["done"] == ROWS and newest(gateway)["failed"] == 0, newest(gateway)
        expect_all_once(gateway, 1, ROWS)
        assert gateway.ctl_json("user", "list")["total"] == ROWS

        assert gateway.run_ctl("job", "undo", "1", "--no-wait").returncode == OK
        wait_for(lambda: newest(gateway)["done"] >= ROWS * 0.4, what="half of it undone", every=0.01)
        gateway.kill()
        gateway.start()
        gateway.ctl("job", "watch", "2")
        assert gateway.ctl_json("user", "list")["total"] == 0
        assert gateway.stop() == 0
    finally:
        if gateway.process:
            gateway.kill()
        gateway.remove()


def test_filter():
    """a filter says who is meant: dry run, set, later, cancel"""
    with Gateway() as gateway:
        gateway.ctl("domain", "add", "one.test")
        assert import_file(gateway, many(50)).returncode == OK
        where = "department = d3 and not calendar"
        dry = gateway.ctl("user", "update", "--where", where, "--set", "zone=Asia/Tokyo", "--dry-run")
        assert "10 of 50 users would be changed; nothing was" in dry and "u00003@one.test" in dry, dry
        assert len(gateway.ctl_json("job", "list")["jobs"]) == 1 and "more" not in dry
        gateway.ctl("user", "update", "--where", where, "--set", "zone=Tokyo Standard Time", "calendar=yes")
        hit = gateway.ctl_json("user", "list", "--where", "zone = Asia/Tokyo and calendar")
        assert len(hit["users"]) == 10, hit["total"]
        for args, says in ((("--where", "dept = x", "--set", "im=no"), "'dept'"),
                           (("--where", "im", "--set", "zone=Mars", "--dry-run"), "Mars"),
                           (("--where", "im", "--set", "im=maybe", "--dry-run"), "'im'"),
                           (("--where", "(im", "--dry-run"), "')'"),
                           (("--where", "im", "--set", "im=maybe"), "'im'"),
                           (("--where", "im", "--set", "zone=Mars"), "Mars"),
                           (("--where", "im"), "nothing to set")):
            done = gateway.run_ctl("user", "update", *args)
            assert done.returncode == FAILED and says in done.stderr, done
        assert gateway.run_ctl("user", "update", "--set", "im=no").returncode == USAGE
        assert gateway.run_ctl("user", "update", "--where", "im", "--set", "im=no", "--at",
                               "tomorrow").returncode == USAGE

        soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2))
        later = time.strftime("%Y-%m-%d %H:%M", time.localtime(time.time() + 7200))
        assert "waits until" in gateway.ctl("user", "update", "--where", "im", "--set", "group=soon", "--at", soon)
        assert "waits until" in gateway.ctl("user", "update", "--where", "im", "--set", "group=late", "--at", later)
        assert newest(gateway)["state"] == "waiting"
        assert "0 of 0 rows (0%)" in gateway.ctl("job", "show", str(newest(gateway)["job"]))
        assert "cancelled" in gateway.ctl("job", "cancel", str(newest(gateway)["job"]))
        wait_for(lambda: len(gateway.ctl_json("user", "list", "--where", "group = soon")["users"]) == 50)


def test_rivals():
    """users removed, added and edited while jobs run; two files at once: each row has one result, and what is there is
    what the results and the audit trail say"""
    with Gateway() as gateway:
        gateway.ctl("domain", "add", "one.test")
        assert import_file(gateway, many(2000)).returncode == OK
        first = import_file(gateway, "user,group\n" + "".join(f"u{i:05},vip\n" for i in range(2000)), "--update",
                            "--no-wait")
        second = import_file(gateway, many(2500), "--no-wait")
        assert first.returncode == second.returncode == OK, (first, second)
        wait_for(lambda: gateway.api("GET", "/v1/jobs/2")["done"] > 0, what="the first to be under way", every=0.01)
        removed = [f"u{i:05}@one.test" for i in range(1990, 1000, -30)]
        for i, user in enumerate(removed):
            gateway.api("DELETE", f"/v1/users/{user}")
            gateway.api("PATCH", f"/v1/users/u{i:05}", {"name": "Edited"})
        for number in (2, 3):
            gateway.run_ctl("job", "watch", str(number))
        two, three = (gateway.api("GET", f"/v1/jobs/{number}") for number in (2, 3))
        assert two["done"] + two["failed"] == 2000 and two["failed"] > 0, two
        failed = {r["user"] for r in result_of(gateway, 2, "--only", "failed")}
        assert failed <= set(removed), failed - set(removed)
        assert three["done"] + three["ignored"] == 2500 and three["failed"] == 0, three
        assert two["finished"] <= three["started"], "one job at a time"
        total = 2000 - len(removed) + three["done"]  # the second file brings back whom it finds gone
        assert gateway.ctl_json("user", "list")["total"] == total, (total, three)
        for user in ("u00000", "u00003"):
            assert gateway.ctl_json("user", "show", user)["name"] == "Edited"

        # Undo: of an undo, of one that is undone, and while users go.
        assert gateway.run_ctl("job", "undo", "3", "--no-wait").returncode == OK
        for args, says in ((("undo", "3"), "undone by job 4"), (("undo", "4"), "itself an undo")):
            done = gateway.run_ctl("job", *args)
            assert done.returncode == FAILED and says in done.stderr, done
        for i in range(2000, 2500, 50):
            try:
                gateway.api("DELETE", f"/v1/users/u{i:05}")
                total -= 1
            except ApiError as gone:  # the undo was faster
                assert gone.status == 404, gone
        gateway.run_ctl("job", "watch", "4")
        four = gateway.api("GET", "/v1/jobs/4")
        assert four["done"] + four["ignored"] == three["done"] and four["failed"] == 0, four
        assert gateway.ctl_json("user", "list")["total"] == total - four["done"]


def test_audit():
    """who changed what, before and after, without secrets; bounded"""
    with Gateway() as gateway:
        gateway.ctl("domain", "add", "one.test")
        gateway.ctl("user", "add", "ann", "--im", "--password-stdin", text_in="s3cret-1\n")
        gateway.ctl("user", "edit", "ann", "--zone", "Asia/Tokyo")
        gateway.ctl("password", "set", "ann", "--password-stdin", text_in="s3cret-2\n")
        gateway.ctl("gateway", "add", "cas1", "--host", "127.0.0.1", "--http", "--account", "X\\y",
                    "--password-stdin", text_in="s3cret-3\n")
        gateway.ctl("gateway", "edit", "cas1", "--description", "first")
        gateway.ctl("set", "calendar.spread_s", "20")
        assert gateway.run_ctl("set", "calendar.spread_s", "99").returncode == FAILED
        import_file(gateway, "user,group\nann,vip\n", "--update")
        gateway.ctl("gateway", "remove", "cas1")
        gateway.ctl("privacy", "set", "ann", "own", "busy")
        gateway.ctl("user", "remove", "ann")

        entries = gateway.ctl_json("audit")["entries"]
        seen = [(e["what"], e["subject"], e.get("changed")) for e in reversed(entries)]
        who = f"uid {os.getuid()} (root)" if os.getuid() == 0 else f"uid {os.getuid()}"
        assert all(who in e["by"] for e in entries), entries
        expected = [
            ("domain added", "one.test", None),
            ("user added", "ann@one.test", {"mail": ["", "ann@one.test"], "im": [False, True]}),
            ("password set", "ann@one.test", None),
            ("user changed", "ann@one.test", {"zone": ["", "Asia/Tokyo"]}),
            ("password set", "ann@one.test", None),
            ("gateway added", "cas1", None),
            ("gateway changed", "cas1", {"description": ["", "first"]}),
            ("parameter set", "calendar.spread_s", {"value": ["50", "20"]}),
            ("job ordered", "job 1", None),
            ("user changed", "ann@one.test", {"group": ["", "vip"]}),
            ("gateway removed", "cas1", None),
            ("privacy set", "ann@one.test", None),
            ("user removed", "ann@one.test", None)]
        for want, got in zip(expected, seen):
            assert want[:2] == got[:2] and (want[2] is None or want[2] == got[2]), (want, got)
        assert len(seen) == len(expected), seen
        assert any(e["by"].startswith("job 1 of uid") for e in entries), entries
        everything = json.dumps(entries) + gateway.log() + gateway.ctl("audit")
        for secret in ("s3cret-1", "s3cret-2", "s3cret-3"):
            assert secret not in everything
        for entry in gateway.ctl_json("audit", "--user", "ann")["entries"]:
            assert entry["subject"] == "ann@one.test"
        assert len(gateway.ctl_json("audit", "--limit", "3")["entries"]) == 3
        future = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
        assert gateway.ctl_json("audit", "--since", future)["entries"] == []
        page = gateway.ctl("audit", "--user", "ann")
        assert "zone: \"\" -> \"Asia/Tokyo\"" in page and "user removed 'ann@one.test'" in page, page

        gateway.ctl("set", "audit.keep", "1000")
        assert import_file(gateway, many(1500)).returncode == OK
        dry = gateway.ctl("user", "update", "--where", "user prefix u", "--dry-run")
        assert "1500 of 1500 users would be changed; nothing was" in dry and "... and more" in dry, dry
        assert dry.count("@one.test") == 1000, dry  # a page of them
        kept = gateway.api("GET", "/v1/audit?limit=1000")
        last = kept["entries"][-1]["number"]
        more = gateway.api("GET", f"/v1/audit?limit=1000&before={last}")["entries"]
        assert len(more) < 100, len(more)  # dropped a hundred at a time


def test_streamed():
    """a file over the socket as any HTTP client sends it; one that breaks off leaves nothing"""
    with Gateway() as gateway:
        gateway.ctl("domain", "add", "one.test")
        path = file_of(many(3000))
        done = subprocess.run(["curl", "-s", "--unix-socket", gateway.socket, "-T", path, "-X", "POST",
                               "-H", "Transfer-Encoding: chunked", "http://k/v1/jobs/insert"],
                              capture_output=True, text=True, check=True)
        os.unlink(path)
        assert json.loads(done.stdout)["rows"] == 3000, done.stdout
        import socket
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(gateway.socket)
            s.sendall(b"POST /v1/jobs/insert HTTP/1.1\r\nHost: k\r\nContent-Length: 1000000\r\n\r\n")
            s.sendall(many(5000).encode())
            wait_for(lambda: newest(gateway)["state"] == "uploading", what="an upload under way")
            refused = gateway.run_ctl("job", "undo", "2")
            assert refused.returncode == FAILED and "not over yet" in refused.stderr, refused
        wait_for(lambda: len(gateway.ctl_json("job", "list")["jobs"]) == 1, what="its end")
        wait_for(lambda: newest(gateway)["state"] == "done")
        assert gateway.ctl_json("user", "list")["total"] == 3000


if __name__ == "__main__":
    house.run([test_file, test_result_is_harmless, test_refused, test_kill, test_filter, test_rivals, test_audit,
               test_streamed])

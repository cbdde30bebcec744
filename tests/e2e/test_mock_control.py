"""mock-exchange as an administrator meets it: --help and its example, scenario files with comments, the
journal, and what the page needs."""

import os
import re
import socket
import subprocess
import sys
import urllib.request

from mock import Mock, get_events, header, program, subscribe_pull, text_of

SCENARIO = """// comments are fine
{
  "users": [ # of two kinds
    {"address": "ann@example", "name": "a // b # c"} // here, too
  ]
}
"""
GET_FOLDER = ("<m:GetFolder><m:FolderShape><t:BaseShape>IdOnly</t:BaseShape></m:FolderShape>"
              '<m:FolderIds><t:DistinguishedFolderId Id="calendar"/></m:FolderIds></m:GetFolder>')


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def check_help():
    """The example, as it is printed, on ports that are free."""
    text = subprocess.run([program(), "--help"], capture_output=True, text=True, check=True).stdout
    example = re.search(r"^Example.*?\n((?:  .*\n)+)", text, re.MULTILINE).group(1)
    for port in ("8090", "8091", "8092"):
        example = example.replace(":" + port, f":{free_port()}")
    example = example.replace("&\n", "& mock=$!\n", 1)
    example = example.replace("curl ", "curl -sS --fail --retry 20 --retry-delay 1 "
                                       "--retry-connrefused ")
    script = "set -e\ntrap 'kill $mock; wait $mock' EXIT\n" + example
    folder = os.path.dirname(program())
    result = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=120,
                            env={**os.environ, "PATH": folder + ":" + os.environ["PATH"]})
    assert result.returncode == 0, result.stderr
    assert '"subject":"Plans"' in result.stdout and '"users":50' in result.stdout, result.stdout


def check_scenario_file():
    path = os.path.join(os.environ.get("TMPDIR", "/tmp"), f"mock-scenario-{os.getpid()}.json")
    with open(path, "w", encoding="utf-8") as f:
        f.write(SCENARIO)
    try:
        with Mock(args=[path]) as mock:
            assert mock.get("/users")["users"][0]["name"] == "a // b # c"
        with open(path, "w", encoding="utf-8") as f:
            f.write(SCENARIO.replace("ann@example\",", "ann@example\""))
        result = subprocess.run([program(), path], capture_output=True, text=True, timeout=60)
        assert result.returncode == 1 and "line 4" in result.stderr, result.stderr
    finally:
        os.unlink(path)


def check_journal(mock):
    for cas in ("cas1", "cas2", "cas2"):
        mock.soap(GET_FOLDER, header("user0001@example"), cas=cas)
    mock.soap(GET_FOLDER, header("user0002@example"))
    mock.soap(GET_FOLDER, header("nobody@example"))
    journal = mock.get("/journal?user=user0001@example&limit=2")
    assert journal["by_operation"]["GetFolder"] == 5, journal
    assert journal["by_cas"]["cas1"]["GetFolder"] == 3, journal
    assert journal["by_cas"]["cas2"]["GetFolder"] == 2, journal
    assert journal["of_user"]["GetFolder"] == 3, journal
    assert journal["errors"] == 1, journal
    assert [(e["cas"], e["user"], e["code"]) for e in journal["last"]] == [
        ("cas2", "user0001@example", "NoError")] * 2, journal
    mock.delete("/journal")
    journal = mock.get("/journal?user=user0001@example")
    assert journal["total"] == 0 and journal["of_user"]["GetFolder"] == 0, journal


def check_page(mock):
    """It comes whole from here, and the browser is told to take nothing else."""
    request = urllib.request.Request(mock.control + "/", headers={"Accept": "text/html"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        text = answer.read().decode()
        assert answer.headers["Content-Type"].startswith("text/html")
        assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    assert not re.search(r"<script>|<style>|\son[a-z]+=|\sstyle=|https?://", text), text
    for path in re.findall(r'(?:src|href)="([^"]+)"', text):
        with urllib.request.urlopen(mock.control + path, timeout=60) as answer:
            assert len(answer.read()) > 100, path


def check_live(mock):
    with urllib.request.urlopen(mock.control + "/live", timeout=60) as live:
        assert live.headers["Content-Type"] == "text/event-stream"
        assert live.readline() == b"data: changed\n" and live.readline() == b"\n"
        mock.meeting("user0001@example", start="+1h")
        assert live.readline() == b"data: changed\n"


def check_places():
    """Affinity and a move, as a client of one address meets them."""
    with Mock(cas=2, scenario={
            "affinity": True,
            "databases": [{"name": "DB1", "server": "mbx1"}, {"name": "DB2", "server": "mbx2"}],
            "users": [{"address": "ann@example", "database": "DB1"},
                      {"address": "bob@example", "database": "DB2"}]}) as mock:
        ann = header("ann@example")
        group = {"X-AnchorMailbox": "bob@example", "X-PreferServerAffinity": "true"}
        _, headers, text = mock.soap(subscribe_pull(), ann, headers=group)
        cookie = headers["Set-Cookie"].split(";")[0]
        assert cookie.startswith("X-BackEndOverrideCookie=mbx2"), cookie
        ask = get_events(text_of(text, "m:SubscriptionId"), text_of(text, "m:Watermark"))
        assert "ErrorSubscriptionNotFound" in mock.soap(ask, ann)[2]
        for cas in ("cas1", "cas2"):
            _, headers, text = mock.soap(ask, ann, cas=cas, headers={
                "Cookie": "other=1; " + cookie, "X-PreferServerAffinity": "true"})
            assert "NoError" in text and not headers["Set-Cookie"], text
        mock.post("/users/ann@example/move", {"to": "DB2", "for": "1h"})
        assert "ErrorMailboxMoveInProgress" in mock.soap(GET_FOLDER, ann)[2]
        assert not mock.subscriptions(user="ann@example")
        mock.post("/users/ann@example/move", {"to": "DB2"})
        mock.post("/databases", {"name": "DB2", "site": "south"})
        mock.post("/cas/cas1/place", {"site": "north", "refusal": "ErrorCrossSiteRequest"})
        assert "ErrorCrossSiteRequest" in mock.soap(GET_FOLDER, ann)[2]
        assert "NoError" in mock.soap(GET_FOLDER, ann, cas="cas2")[2]


def main():
    check_help()
    check_places()
    check_scenario_file()
    with Mock(cas=2, users=2) as mock:
        check_journal(mock)
        check_page(mock)
        check_live(mock)
        code = mock.stop()
        assert code == 0, code
    print("--help, places, scenario file, journal, page, live")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""DavMail, a CalDAV gateway that others wrote, in front of mock-exchange: a CalDAV client asks it for free
and busy times, and it asks the mock."""

import base64
import http.client
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from mock import Mock

DAVMAIL = "/usr/bin/davmail-server"
STARTED_S = 120  # Java starts slowly where others build

SCENARIO = {
    "accounts": [{"name": "ann", "password": "a", "impersonate": False, "mailbox": "ann@example"}],
    "users": [
        {"address": "ann@example", "name": "Ann"},
        {"address": "bob@example", "name": "Bob", "meetings": [
            {"start": "2026-11-20T09:00:00Z", "for": "1h", "subject": "Plans"},
            {"start": "2026-11-20T11:00:00Z", "for": "30m", "busy": "Tentative"},
            {"start": "2026-11-20T14:00:00Z", "for": "2h", "busy": "OOF"}]}]}

QUESTION = """BEGIN:VCALENDAR\r
VERSION:2.0\r
PRODID:-//example//test//EN\r
METHOD:REQUEST\r
BEGIN:VFREEBUSY\r
UID:1234@example\r
DTSTAMP:20261119T000000Z\r
DTSTART:20261120T000000Z\r
DTEND:20261121T000000Z\r
ORGANIZER:mailto:ann@example\r
ATTENDEE:mailto:bob@example\r
END:VFREEBUSY\r
END:VCALENDAR\r
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class DavMail:
    """DavMail on a free port of loopback, ended by its pid."""

    def __init__(self, folder, ews_url):
        self.port = free_port()
        settings = {
            "davmail.server": "true", "davmail.mode": "EWS", "davmail.url": ews_url,
            "davmail.caldavPort": self.port, "davmail.bindAddress": "127.0.0.1",
            "davmail.allowRemote": "false", "davmail.disableUpdateCheck": "true",
            "davmail.enableKerberos": "false", "davmail.keepDelay": "30",
            "davmail.logFilePath": os.path.join(folder, "davmail.log"),
            "log4j.rootLogger": "WARN", "log4j.logger.davmail": "DEBUG"}
        for service in ("imap", "smtp", "pop", "ldap"):
            settings[f"davmail.{service}Port"] = ""
        path = os.path.join(folder, "davmail.properties")
        with open(path, "w", encoding="utf-8") as f:
            f.writelines(f"{name}={value}\n" for name, value in settings.items())
        self.output = open(os.path.join(folder, "output"), "w+", encoding="utf-8")
        self.process = subprocess.Popen([DAVMAIL, path], stdout=self.output, stderr=self.output,
                                        cwd=folder, env={**os.environ, "HOME": folder})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.output.close()

    def wait(self):
        deadline = time.monotonic() + STARTED_S
        while time.monotonic() < deadline and self.process.poll() is None:
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.1)
        self.output.seek(0)
        raise AssertionError("DavMail did not start: " + self.output.read()[-3000:])

    def request(self, method, path, body="", headers=None, user="ann:a"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=STARTED_S)
        login = base64.b64encode(user.encode()).decode()
        connection.request(method, path, body.encode(),
                           {"Authorization": "Basic " + login,
                            "Content-Type": "text/calendar; charset=utf-8", **(headers or {})})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text


def unfold(text):
    return text.replace("\r\n ", "").replace("&#13;", "\r").replace("\r", "")


def check_free_busy(davmail):
    status, text = davmail.request("POST", "/users/ann@example/outbox/", QUESTION)
    text = unfold(text)
    assert status == 200, (status, text)
    assert "2.0;Success" in text, text
    for line in ("FREEBUSY;FBTYPE=BUSY:20261120T090000Z/20261120T100000Z",
                 "FREEBUSY;FBTYPE=BUSY-TENTATIVE:20261120T110000Z/20261120T113000Z",
                 "FREEBUSY;FBTYPE=BUSY-UNAVAILABLE:20261120T140000Z/20261120T160000Z"):
        assert line in text, (line, text)


def main():
    if not shutil.which(DAVMAIL):
        print(f"skipped: no {DAVMAIL}")
        return 77
    with Mock(scenario=SCENARIO) as mock, tempfile.TemporaryDirectory() as folder:
        with DavMail(folder, mock.cas["cas1"]["url"]) as davmail:
            davmail.wait()
            check_free_busy(davmail)
            status, text = davmail.request("POST", "/users/ann@example/outbox/", QUESTION,
                                           user="ann:wrong")
            assert status == 401, (status, text)
        asked = mock.get("/journal")["by_operation"]
        assert asked["GetUserAvailability"] >= 1 and asked["ConvertId"] >= 1, asked
        code = mock.stop()
        assert code == 0, code
    print("free and busy times through DavMail")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""mock-exchange for tests: started on free ports, told what to do, stopped by its pid.

    with Mock(cas=2, users=50, minute_ms=1000) as mock:
        mock.meeting("user0001@example", start="+5s", **{"for": "30s"})
        mock.post("/cas/cas1/down", {"lose": True})
        print(mock.cas["cas1"]["url"], mock.get("/subscriptions")["total"])
"""

import base64
import http.server
import json
import os
import queue
import re
import ssl
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.parse
import urllib.request

from ews_schema import schema_folder, validate

NS = {
    "s": "http://schemas.xmlsoap.org/soap/envelope/",
    "t": "http://schemas.microsoft.com/exchange/services/2006/types",
    "m": "http://schemas.microsoft.com/exchange/services/2006/messages",
    "e": "http://schemas.microsoft.com/exchange/services/2006/errors",
}
NO_TLS_CHECK = ssl._create_unverified_context()


def program():
    folder = os.environ.get("KALENDS_BIN")
    if not folder:
        sys.exit("KALENDS_BIN is not set: the folder with the built programs")
    return os.path.join(folder, "mock-exchange")


class ControlError(Exception):
    def __init__(self, status, sentence):
        super().__init__(f"{status}: {sentence}")
        self.status = status
        self.sentence = sentence


def make_certificate(folder, names=("127.0.0.1", "localhost")):
    """A self-signed certificate; returns the paths of certificate and key."""
    cert, key = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")
    alt = ",".join(("IP:" if re.fullmatch(r"[0-9.]+", n) else "DNS:") + n for n in names)
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", "/CN=" + names[0], "-addext", "subjectAltName=" + alt,
         "-keyout", key, "-out", cert],
        check=True, capture_output=True)
    return cert, key


class Mock:
    """A running mock-exchange. cas: how many, or a list of what --cas takes.

    tls: True, or the paths of a certificate and its key.
    Where there is a schema, requests that it forbids are refused (strict), but for the deviations in
    'accept'; and what the mock says is kept (record), and validated by stop()."""

    def __init__(self, cas=1, users=0, domain="example", account="svc:secret", minute_ms=None,
                 scenario=None, tls=False, args=(), strict=True, accept=(), record=True):
        self._folder = tempfile.TemporaryDirectory(prefix="mock-exchange-")
        self.account = tuple(account.split(":", 1))
        command = [program(), "--account", account, "--domain", domain]
        if tls:
            self.cert, self.key = make_certificate(self._folder.name) if tls is True else tls
            command += ["--tls-cert", self.cert, "--tls-key", self.key]
        for listen in ["127.0.0.1:0"] * cas if isinstance(cas, int) else cas:
            command += ["--cas", listen]
        if users:
            command += ["--users", str(users)]
        if minute_ms:
            command += ["--minute-ms", str(minute_ms)]
        if strict and schema_folder():
            command += ["--schema", schema_folder()]
            if accept:
                command += ["--accept", ",".join(accept)]
        self.record = None
        if record and schema_folder():
            self.record = os.path.join(self._folder.name, "record")
            os.mkdir(self.record)
            command += ["--record", self.record]
        command += list(args)
        if scenario is not None:
            path = os.path.join(self._folder.name, "scenario.json")
            with open(path, "w", encoding="utf-8") as f:
                json.dump(scenario, f)
            command.append(path)
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"mock-exchange did not start: exit {self.process.wait()}")
        self.ready = json.loads(line)
        self.control = self.ready["control"]
        self.cas = {c["name"]: c for c in self.ready["cas"]}

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind:
            self.record = None  # what went wrong already is to be seen
        self.stop()

    def stop(self):
        """Returns the exit code: 0 when it ended in order, without a leak under ASan."""
        if self.process.poll() is None:
            self.process.terminate()
        code = self.process.wait(timeout=30)
        self.process.stdout.close()
        count, failures = 0, []
        if self.record and os.path.exists(self.record):
            count, failures = validate(self.record)
        self._folder.cleanup()
        if failures:
            raise AssertionError(f"{len(failures)} lines about {count} answers:\n" +
                                 "\n".join(failures[:50]))
        if count:
            print(f"{count} answers are valid")
        return code

    # --- control ---

    def request(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.control + path, data=data, method=method,
                                         headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                raise ControlError(error.code, json.load(error)["error"]) from None

    def get(self, path):
        return self.request("GET", path)

    def post(self, path, body=None):
        return self.request("POST", path, {} if body is None else body)

    def delete(self, path, body=None):
        return self.request("DELETE", path, body)

    def meeting(self, user, **meeting):
        return self.post(f"/users/{user}/meetings", meeting)["meeting"]

    def subscriptions(self, **query):
        text = "&".join(f"{k}={v}" for k, v in query.items())
        return self.get("/subscriptions" + ("?" + text if text else ""))["subscriptions"]

    def fault(self, cas, **fault):
        return self.post(f"/cas/{cas}/faults", fault)

    # --- as a client ---

    def soap(self, body, header="", cas="cas1", account=None, timeout=30, headers=None):
        """Posts a SOAP body; returns (status, headers, text)."""
        envelope = (
            '<?xml version="1.0" encoding="utf-8"?>'
            f'<s:Envelope xmlns:s="{NS["s"]}" xmlns:t="{NS["t"]}" xmlns:m="{NS["m"]}">'
            f"<s:Header>{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>")
        return self.raw(envelope.encode(), cas, account, timeout, headers)

    def raw(self, data, cas="cas1", account=None, timeout=30, headers=None, method="POST",
            path="/EWS/Exchange.asmx"):
        name, password = account or self.account
        all_headers = {
            "Content-Type": "text/xml; charset=utf-8",
            "Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}
        all_headers.update(headers or {})
        url = urllib.parse.urljoin(self.cas[cas]["url"], path)
        request = urllib.request.Request(url, data=data, method=method,
                                         headers=all_headers)
        try:
            with urllib.request.urlopen(request, timeout=timeout, context=NO_TLS_CHECK) as answer:
                return answer.status, answer.headers, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read().decode(errors="replace")


def header(impersonate=None, kind="PrimarySmtpAddress", version="Exchange2010_SP2", more=""):
    """Header blocks of a request."""
    text = f'<t:RequestServerVersion Version="{version}"/>' if version else ""
    if impersonate is not None:
        text += (f"<t:ExchangeImpersonation><t:ConnectingSID><t:{kind}>{impersonate}</t:{kind}>"
                 "</t:ConnectingSID></t:ExchangeImpersonation>")
    return text + more


ALL_EVENTS = ("CopiedEvent", "CreatedEvent", "DeletedEvent", "ModifiedEvent", "MovedEvent",
              "FreeBusyChangedEvent")


def subscribe(url, status_min=1, events=ALL_EVENTS, watermark=None):
    """The body of a push Subscribe."""
    types = "".join(f"<t:EventType>{e}</t:EventType>" for e in events)
    mark = f"<t:Watermark>{watermark}</t:Watermark>" if watermark else ""
    return ('<m:Subscribe><m:PushSubscriptionRequest><t:FolderIds>'
            '<t:DistinguishedFolderId Id="calendar"/></t:FolderIds>'
            f"<t:EventTypes>{types}</t:EventTypes>{mark}"
            f"<t:StatusFrequency>{status_min}</t:StatusFrequency><t:URL>{url}</t:URL>"
            "</m:PushSubscriptionRequest></m:Subscribe>")


def subscribe_pull(minutes=10, events=ALL_EVENTS):
    """The body of a pull Subscribe."""
    types = "".join(f"<t:EventType>{e}</t:EventType>" for e in events)
    return ('<m:Subscribe><m:PullSubscriptionRequest><t:FolderIds>'
            '<t:DistinguishedFolderId Id="calendar"/></t:FolderIds>'
            f"<t:EventTypes>{types}</t:EventTypes><t:Timeout>{minutes}</t:Timeout>"
            "</m:PullSubscriptionRequest></m:Subscribe>")


def subscribe_streaming(events=ALL_EVENTS):
    """The body of a streaming Subscribe."""
    types = "".join(f"<t:EventType>{e}</t:EventType>" for e in events)
    return ('<m:Subscribe><m:StreamingSubscriptionRequest><t:FolderIds>'
            '<t:DistinguishedFolderId Id="calendar"/></t:FolderIds>'
            f"<t:EventTypes>{types}</t:EventTypes>"
            "</m:StreamingSubscriptionRequest></m:Subscribe>")


def get_events(subscription, watermark):
    return (f"<m:GetEvents><m:SubscriptionId>{subscription}</m:SubscriptionId>"
            f"<m:Watermark>{watermark}</m:Watermark></m:GetEvents>")


def get_streaming_events(*subscriptions, minutes=1):
    """The answer is a row of documents, which ends after that many minutes: split_documents()."""
    ids = "".join(f"<t:SubscriptionId>{s}</t:SubscriptionId>" for s in subscriptions)
    return (f"<m:GetStreamingEvents><m:SubscriptionIds>{ids}</m:SubscriptionIds>"
            f"<m:ConnectionTimeout>{minutes}</m:ConnectionTimeout></m:GetStreamingEvents>")


def split_documents(text):
    end = "</s:Envelope>"
    return [part + end for part in text.split(end)[:-1]]


def text_of(text, element):
    """The text of the first element of that name, with its prefix."""
    return text.split(f"<{element}>", 1)[1].split("<", 1)[0]


class Listener:
    """A push listener. Calls are put in a queue; the answer is 'OK', 'Unsubscribe', or an HTTP
    status, and may be set any time."""

    def __init__(self, answer="OK", tls=None):
        self.calls = queue.Queue()
        self.answer = answer
        listener = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                listener.calls.put((self.path, dict(self.headers), body))
                listener.give(self)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        scheme = "http"
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
            scheme = "https"
        self.url = f"{scheme}://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def give(self, handler):
        if isinstance(self.answer, int):
            handler.send_response(self.answer)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        body = (f'<s:Envelope xmlns:s="{NS["s"]}"><s:Body><m:SendNotificationResult xmlns:m="{NS["m"]}">'
                f"<m:SubscriptionStatus>{self.answer}</m:SubscriptionStatus>"
                "</m:SendNotificationResult></s:Body></s:Envelope>").encode()
        handler.send_response(200)
        handler.send_header("Content-Type", "text/xml; charset=utf-8")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def next(self, timeout=20):
        """The next call: path, headers, body."""
        return self.calls.get(timeout=timeout)

    def close(self):
        self.server.shutdown()
        self.server.server_close()

"""What mock-exchange says to input that is wrong: the right fault or error, and it goes on serving."""

import json
import socket
import sys
import time
import urllib.error
import urllib.request

from mock import (Mock, get_events, get_streaming_events, header, split_documents, subscribe,
                  subscribe_pull, subscribe_streaming, text_of)

ANN = header("ann@example")
ENVELOPE = ('<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" '
            'xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages" '
            'xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"><s:Header/>'
            "<s:Body>{}</s:Body></s:Envelope>")
LAUGHS = ('<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
          '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;">]>')
FILE_ENTITY = '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/hostname">]>'

# name, document, HTTP status, what the answer has
DOCUMENTS = [
    ("empty", b"", 500, "ErrorSchemaValidation"),
    ("no XML", b"GET / HTTP/1.1", 500, "ErrorSchemaValidation"),
    ("zero bytes", bytes(1000), 500, "ErrorSchemaValidation"),
    ("not UTF-8", ENVELOPE.format("<m:GetFolder>\xff</m:GetFolder>").encode("latin-1"), 500,
     "ErrorSchemaValidation"),
    ("cut", ENVELOPE.format("<m:GetFolder>")[:150].encode(), 500, "ErrorSchemaValidation"),
    ("wrong end", ENVELOPE.format("<m:GetFolder></m:GetItem>").encode(), 500,
     "ErrorSchemaValidation"),
    ("no envelope", b"<x/>", 500, "ErrorSchemaValidation"),
    ("SOAP 1.2", ENVELOPE.format("<m:GetFolder/>").replace(
        "http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope")
     .encode(), 500, "ErrorSchemaValidation"),
    ("empty body", ENVELOPE.format("").encode(), 500, "ErrorSchemaValidation"),
    ("two operations", ENVELOPE.format("<m:GetFolder/><m:GetFolder/>").encode(), 500,
     "ErrorSchemaValidation"),
    ("unknown operation", ENVELOPE.format("<m:MakeCoffee/>").encode(), 500, "ErrorInvalidRequest"),
    ("operation of no namespace", ENVELOPE.format("<GetFolder/>").encode(), 500,
     "ErrorInvalidRequest"),
    ("entities", (LAUGHS + ENVELOPE.format("<m:GetFolder>&d;</m:GetFolder>")).encode(), 500,
     "ErrorSchemaValidation"),
    ("file entity", (FILE_ENTITY + ENVELOPE.format("<m:GetFolder>&f;</m:GetFolder>")).encode(), 500,
     "ErrorSchemaValidation"),
    ("deep", ENVELOPE.format("<m:x>" * 5000 + "</m:x>" * 5000).encode(), 500,
     "ErrorSchemaValidation"),
    ("wide", ENVELOPE.format("<m:GetFolder>" + "<m:x/>" * 100000 + "</m:GetFolder>").encode(), 500,
     "ErrorSchemaValidation"),
    ("many attributes", ENVELOPE.format(
        "<m:GetFolder " + " ".join(f'a{i}="x"' for i in range(5000)) + "/>").encode(), 500,
     "ErrorSchemaValidation"),
    ("long text", ENVELOPE.format("<m:Unsubscribe><m:SubscriptionId>" + "A" * 1000000 +
                                  "</m:SubscriptionId></m:Unsubscribe>").encode(), 200,
     "ErrorSubscriptionNotFound"),
    ("too large", b"<x>" + b"x" * (2 * 1024 * 1024) + b"</x>", 413, "bytes"),
]

# name, body, what the answer has
BODIES = [
    ("wrong item id", "<m:GetItem><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape>"
     '<m:ItemIds><t:ItemId Id="nonsense"/></m:ItemIds></m:GetItem>', "ErrorInvalidIdMalformed"),
    ("wrong folder id", "<m:GetFolder><m:FolderShape><t:BaseShape>IdOnly</t:BaseShape>"
     '</m:FolderShape><m:FolderIds><t:FolderId Id="&#x10FFFF;"/></m:FolderIds></m:GetFolder>',
     "ErrorInvalidIdMalformed"),
    ("events of nothing", get_events("x" * 5000, "y"), "ErrorSubscriptionNotFound"),
    ("stream of nothing", get_streaming_events("&lt;&gt;&amp;"), "&lt;&gt;&amp;</t:SubscriptionId>"),
    ("push to a file", subscribe("file:///etc/passwd"), "ErrorInvalidPushSubscriptionUrl"),
    ("push to white space", subscribe("http://a b/"), "ErrorInvalidPushSubscriptionUrl"),
    ("push to nobody", subscribe("http:///x"), "ErrorInvalidPushSubscriptionUrl"),
    ("push to no port", subscribe("http://x:65536/"), "ErrorInvalidPushSubscriptionUrl"),
    ("push to no port of IPv6", subscribe("http://[::1]:x/"), "ErrorInvalidPushSubscriptionUrl"),
    ("push to too long", subscribe("http://x/" + "y" * 2100), "ErrorInvalidPushSubscriptionUrl"),
    ("pull for ever", subscribe_pull(minutes="99999999999999999999"), "ErrorSchemaValidation"),
    ("pull for no time", subscribe_pull(minutes=0), "ErrorSchemaValidation"),
    ("stream of no events", subscribe_streaming(events=()), "ErrorSchemaValidation"),
    ("stream of wrong events", subscribe_streaming(events=("StatusEvent",)),
     "ErrorSchemaValidation"),
]

# method, path, body, status
CONTROLS = [
    ("POST", "/users/ann@example/meetings", '{"start": [], "for": {}}', 400),
    ("POST", "/users/ann@example/meetings", '{"start": "+5s", "for": -5}', 400),
    ("POST", "/users/ann@example/meetings", '{"start": 1e999}', 400),
    ("POST", "/users/ann@example/meetings", '{"start": "+5s", "subject": "\\u0000"}', 400),
    ("POST", "/users/ann@example/meetings", '"text"', 400),
    ("POST", "/users/ann@example/meetings", "5", 400),
    ("POST", "/users/ann@example/meetings", "[" * 100000, 400),
    ("POST", "/users/ann@example/meetings", '{"start": 5, "start": 6}', 400),
    ("POST", "/users/ann@example/meetings", "\xff", 400),
    ("POST", "/users/ann@example/oof", '{"state": true}', 400),
    ("POST", "/users", '{"address": {"a": 1}}', 400),
    ("POST", "/users", '{"count": 1e6}', 400),
    ("POST", "/users", '{"count": 2000000000}', 400),
    ("POST", "/cas", '{"listen": 80}', 400),
    ("POST", "/cas", '{"listen": "127.0.0.1:99999"}', 400),
    ("POST", "/cas/cas1/faults", '{"kind": "status", "count": "3"}', 400),
    ("POST", "/cas/cas1/down", '{"lose": "yes"}', 400),
    ("POST", "/mishaps", '{"kind": "drop", "probability": "0.5"}', 400),
    ("POST", "/mishaps", '{"kind": "more", "batch": 0}', 400),
    ("POST", "/databases", '{"name": null}', 400),
    ("POST", "/users/ann@example/move", "{}", 404),
    ("POST", "/settings", '{"minute_ms": 1.5}', 400),
    ("GET", "/day?from=never", None, 400),
    ("GET", "/day?limit=-1", None, 400),
    ("GET", "/users/" + "x" * 3000, None, 404),
    ("GET", "/users/%00%ff%2f", None, 404),
    ("DELETE", "/subscriptions/1%27", None, 404),
    ("PATCH", "/users", None, 405),
]


def check_documents(mock):
    for name, document, status, part in DOCUMENTS:
        got, _, text = mock.raw(document)
        assert got == status and part in text, f"{name}: {got} {text[:500]}"
    for name, body, part in BODIES:
        _, _, text = mock.soap(body, ANN)
        assert part in text, f"{name}: {text[:800]}"


def check_control(mock):
    for method, path, body, status in CONTROLS:
        request = urllib.request.Request(mock.control + path, method=method,
                                         data=body.encode("latin-1") if body else None,
                                         headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                got, text = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                got, text = error.code, error.read()
        assert got == status, f"{method} {path[:80]} {(body or '')[:80]}: {got} {text[:300]}"
        assert json.loads(text)["error"], text


def check_client_that_leaves(mock):
    """Streams and half requests of clients that go away."""
    _, _, text = mock.soap(subscribe_streaming(), ANN)
    body = get_streaming_events(text_of(text, "m:SubscriptionId"), minutes=30)
    document = ENVELOPE.format(body).replace("<s:Header/>", f"<s:Header>{ANN}</s:Header>").encode()
    port = mock.cas["cas1"]["port"]
    head = ("POST /EWS/Exchange.asmx HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/xml\r\n"
            "Authorization: Basic c3ZjOnNlY3JldA==\r\nContent-Length: {}\r\n\r\n")
    for length in (len(document), len(document) + 1):
        with socket.create_connection(("127.0.0.1", port)) as s:
            s.sendall(head.format(length).encode() + document)
            if length == len(document):
                assert b"200 OK" in s.recv(1000)
    mock.meeting("ann@example", start="+1h")
    for _ in range(2000):
        if mock.get("/")["streams"] == 0:
            break
        time.sleep(0.01)
    assert mock.get("/")["streams"] == 0
    mock.post("/settings", {"minute_ms": 500})
    _, _, text = mock.soap(body.replace(">30<", ">1<"), ANN)
    assert "CreatedEvent" in text and "Closed" in split_documents(text)[-1], text


def main():
    with Mock(scenario={"users": [{"address": "ann@example"}]}) as mock:
        check_documents(mock)
        check_control(mock)
        check_client_that_leaves(mock)
        assert len(mock.get("/users")["users"]) == 1
        code = mock.stop()
        assert code == 0, code
    print(f"{len(DOCUMENTS) + len(BODIES)} requests, {len(CONTROLS)} control requests")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""SIP clients of users, for tests."""

import hashlib
import re
import socket

from gateway import SIP_PORT
from sip import Message


def hashed(algorithm, text):
    return hashlib.new({"MD5": "md5", "SHA-256": "sha256"}[algorithm], text.encode()).hexdigest()


class Phone:
    """A SIP client by UDP that knows digest authentication; of a user of 'domain'."""

    domain = None

    def __init__(self, gateway, user, password, algorithm="SHA-256"):
        self.to, self.user, self.password, self.algorithm = (gateway.address, SIP_PORT), user, password, algorithm
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(5)
        self.port = self.socket.getsockname()[1]
        self.nonce, self.count, self.cseq, self.seen = None, 0, 0, set()
        self.inbox = []  # requests that came before an answer

    def receive(self):
        return self.inbox.pop(0) if self.inbox else self._read()

    def _read(self):
        return Message(self.socket.recv(65536).decode())

    def expect(self, method, part):
        """A request with this in it; that and what comes before are answered."""
        while True:
            request = self.receive()
            self.answer(request)
            if request.start.startswith(f"{method} ") and part in request.text:
                return request

    def _proof(self, method, uri):
        self.count += 1
        nc = f"{self.count:08x}"
        a1 = hashed(self.algorithm, f"{self.user}:{self.domain}:{self.password}")
        a2 = hashed(self.algorithm, f"{method}:{uri}")
        response = hashed(self.algorithm, f"{a1}:{self.nonce}:{nc}:abc:auth:{a2}")
        return (f'Authorization: Digest username="{self.user}", realm="{self.domain}", nonce="{self.nonce}", uri="{uri}", '
                f'response="{response}", algorithm={self.algorithm}, cnonce="abc", qop=auth, nc={nc}\r\n')

    def _send(self, method, uri, headers, body):
        self.cseq += 1
        address = f"sip:{self.user}@{self.domain}"
        text = (f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{self.port};branch=z9hG4bK{self.port}x{self.cseq}"
                f";rport\r\nFrom: <{address}>;tag=t{self.port}\r\nTo: <{address if method == 'REGISTER' else uri}>\r\n"
                f"Call-ID: c{self.port}\r\nCSeq: {self.cseq} {method}\r\nMax-Forwards: 70\r\n"
                + (self._proof(method, uri) if self.nonce else "") + headers +
                f"Content-Length: {len(body.encode())}\r\n\r\n{body}")
        self.socket.sendto(text.encode(), self.to)
        while not (message := self._read()).start.startswith("SIP/2.0 "):
            self.inbox.append(message)
        return message

    def ask(self, method, uri, headers="", body=""):
        """The final answer: a challenge is answered once."""
        answer = self._send(method, uri, headers, body)
        if answer.start.startswith("SIP/2.0 401 "):
            mine = [c for c in answer.all("WWW-Authenticate") if f"algorithm={self.algorithm}" in c]
            if not mine:
                return answer
            self.nonce, self.count = re.search(r'nonce="(\w+)"', mine[0])[1], 0
            answer = self._send(method, uri, headers, body)
        return answer

    def register(self, expires=600):
        return self.ask("REGISTER", f"sip:{self.domain}",
                        f"Contact: <sip:{self.user}@127.0.0.1:{self.port}>;expires={expires}\r\nUser-Agent: Phone 1\r\n")

    def answer(self, request, status="200 OK"):
        lines = "".join(f"{n}: {v}\r\n" for n in ("Via", "From", "To", "Call-ID", "CSeq") for v in request.all(n))
        self.socket.sendto(f"SIP/2.0 {status}\r\n{lines}Content-Length: 0\r\n\r\n".encode(), self.to)

    def acknowledge(self, answer):
        lines = "".join(f"{n}: {answer.get(n)}\r\n" for n in ("From", "To", "Call-ID"))
        cseq = answer.get("CSeq").split()[0]
        self.socket.sendto(f"ACK sip:{self.domain} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{self.port};branch=z9hG4bKa{cseq}\r\n"
                           f"{lines}CSeq: {cseq} ACK\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n".encode(), self.to)

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.socket.close()

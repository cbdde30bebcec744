"""Python's TLS client meets the certificates that mock-exchange makes, and changes while it runs."""

import http.client
import ssl
import sys

from mock import Mock

VERDICTS = {
    "expired": "certificate has expired",
    "not_yet_valid": "certificate is not yet valid",
    "wrong_name": "IP address mismatch",
    "incomplete_chain": "unable to get local issuer certificate",
    "self_signed": "self-signed certificate",
}


def connect(mock, context):
    port = mock.cas["cas1"]["port"]
    return http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=30)


def status(connection):
    connection.request("GET", "/EWS/Exchange.asmx")
    answer = connection.getresponse()
    answer.read()
    return answer.status


def main():
    with Mock(cas=["https://127.0.0.1:0"]) as mock:
        context = ssl.create_default_context(cadata=mock.get("/ca")["pem"])
        old = connect(mock, context)
        assert status(old) == 401
        for fault, verdict in VERDICTS.items():
            mock.post("/cas/cas1/certificate", {"fault": fault})
            try:
                status(connect(mock, context))
                assert False, fault
            except ssl.SSLCertVerificationError as error:
                assert verdict in error.verify_message, (fault, error.verify_message)
            assert status(old) == 401  # it stands
        renewed = mock.post("/cas/cas1/certificate")["certificate"]
        fresh = connect(mock, context)
        assert status(fresh) == 401
        mock.post("/cas/cas1/down")
        again = mock.post("/cas/cas1/certificate", {"names": ["cas1.example"]})["certificate"]
        assert renewed != again
        mock.post("/cas/cas1/up")
        assert status(connect(mock, context)) == 401
        old.close()
        fresh.close()
        code = mock.stop()
        assert code == 0, code
    print("every fault of a certificate is seen, and changes leave connections alone")
    return 0


if __name__ == "__main__":
    sys.exit(main())

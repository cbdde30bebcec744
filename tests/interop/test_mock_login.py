"""Clients that others wrote log in at mock-exchange over HTTPS: curl, requests-ntlm, exchangelib."""

import base64
import os
import subprocess
import sys
import tempfile
import warnings

# Python's NTLM needs MD4, which OpenSSL 3 keeps in its legacy provider.
LEGACY = """openssl_conf = conf
[conf]
providers = providers
[providers]
default = on
legacy = on
[on]
activate = 1
"""
if "OPENSSL_CONF" not in os.environ:
    with tempfile.NamedTemporaryFile("w", suffix=".cnf") as conf:
        conf.write(LEGACY)
        conf.flush()
        sys.exit(subprocess.run([sys.executable] + sys.argv,
                                env=dict(os.environ, OPENSSL_CONF=conf.name)).returncode)

warnings.simplefilter("ignore")
try:
    import ntlm_auth.ntlm
    import requests
    from exchangelib import (BASIC, IMPERSONATION, NTLM, Account, Configuration, Credentials,
                             EWSDateTime, EWSTimeZone)
    from exchangelib.protocol import BaseProtocol, NoVerifyHTTPAdapter
    from requests_ntlm import HttpNtlmAuth
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

from mock import ControlError, Mock, NS, header

GET_FOLDER = ('<m:GetFolder><m:FolderShape><t:BaseShape>IdOnly</t:BaseShape></m:FolderShape>'
              '<m:FolderIds><t:DistinguishedFolderId Id="calendar"/></m:FolderIds></m:GetFolder>')
BODY = (f'<s:Envelope xmlns:s="{NS["s"]}" xmlns:t="{NS["t"]}" xmlns:m="{NS["m"]}"><s:Header>'
        f'{header("user0001@example")}</s:Header><s:Body>{GET_FOLDER}</s:Body></s:Envelope>')
XML = {"Content-Type": "text/xml"}


def policy(mock, **members):
    mock.post("/cas/cas1/auth", members)


def curl(mock, *args):
    """The status of the last answer, and how many connections were made."""
    done = subprocess.run(
        ["curl", "-sk", "-o", "/dev/null", "-w", "%{http_code} %{num_connects}", "--data-binary",
         BODY, "-H", "Content-Type: text/xml", *args, mock.cas["cas1"]["url"]],
        capture_output=True, text=True, timeout=60)
    status, connections = done.stdout.split()
    return int(status), int(connections)


def check_curl(mock):
    right, wrong = ["-u", "CORP\\svc:secret"], ["-u", "CORP\\svc:wrong"]
    assert curl(mock, "--ntlm", *right) == (200, 1)
    assert curl(mock, "--ntlm", *wrong)[0] == 401
    assert curl(mock, "--basic", *right) == (200, 1)
    assert curl(mock, "--anyauth", "-u", "svc:wrong")[0] == 401
    policy(mock, auth=["ntlm"])
    assert curl(mock, "--anyauth", *right)[0] == 200
    assert curl(mock, "--basic", *right)[0] == 401
    policy(mock, auth=["negotiate", "ntlm", "basic", "bearer"], challenges="joined")
    assert curl(mock, "--ntlm", *right) == (200, 1)
    policy(mock, challenges="lines", extended_protection="require")
    assert curl(mock, "--ntlm", *right)[0] == 401  # it sends no channel binding
    assert curl(mock, "--basic", *right)[0] == 200
    assert mock.get("/journal?limit=2")["last"][1]["code"] == "no channel binding"
    policy(mock, extended_protection="allow")


def check_requests_ntlm(mock):
    for protection in ("off", "allow", "require"):
        policy(mock, extended_protection=protection)
        for binding in (True, False):
            with requests.Session() as session:
                session.verify = session.trust_env = False
                session.auth = HttpNtlmAuth("CORP\\svc", "secret", send_cbt=binding)
                status = session.post(mock.cas["cas1"]["url"], BODY, headers=XML).status_code
                assert status == (200 if binding or protection != "require" else 401), (
                    protection, binding, status)
                session.auth = None  # the connection is known
                again = session.post(mock.cas["cas1"]["url"], BODY, headers=XML).status_code
                assert again == status, again
    policy(mock, extended_protection="allow")


def ntlm_v1(mock):
    """The status of a login with the first version of NTLM."""
    url = mock.cas["cas1"]["url"]
    context = ntlm_auth.ntlm.NtlmContext("svc", "secret", domain="CORP", ntlm_compatibility=1)
    with requests.Session() as session:
        session.verify = session.trust_env = False

        def leg(token):
            return session.post(url, BODY, headers=dict(
                XML, Authorization="NTLM " + base64.b64encode(token).decode()))

        answer = leg(context.step())
        challenge = answer.headers["WWW-Authenticate"].split(" ")[1]
        return leg(context.step(base64.b64decode(challenge))).status_code


def check_versions(mock):
    assert ntlm_v1(mock) == 401
    assert mock.get("/journal?limit=1")["last"][0]["code"] == "NTLM version 1"
    policy(mock, ntlm_v1=True)
    assert ntlm_v1(mock) == 200
    policy(mock, ntlm_v1=False)


def check_bearer(mock):
    url = mock.cas["cas1"]["url"]
    endpoint = url.replace("/EWS/Exchange.asmx", "/contoso.example/oauth2/v2.0/token")
    form = {"grant_type": "client_credentials", "client_id": "svc", "client_secret": "secret",
            "scope": "https://outlook.office365.com/.default"}
    with requests.Session() as session:
        session.verify = session.trust_env = False
        wrong = session.post(endpoint, dict(form, client_secret="no"))
        assert wrong.status_code == 401 and wrong.json() == {"error": "invalid_client"}, wrong.text
        token = session.post(endpoint, form).json()
        assert token["token_type"] == "Bearer" and token["expires_in"] == 3600, token
        headers = dict(XML, Authorization="Bearer " + token["access_token"])
        assert session.post(url, BODY, headers=headers).status_code == 200
        nobody = session.post(url, BODY.replace(header("user0001@example"), header()),
                              headers=headers)
        assert nobody.status_code == 500, nobody.text
        assert "ErrorInvalidExchangeImpersonationHeaderData" in nobody.text, nobody.text
        mock.delete("/tokens")
        late = session.post(url, BODY, headers=headers)
        assert late.status_code == 401
        assert 'error="invalid_token"' in late.headers["WWW-Authenticate"], late.headers


def check_exchangelib(mock):
    utc = EWSTimeZone("UTC")
    for kind in (BASIC, NTLM):
        for protection in ("allow", "require"):
            policy(mock, extended_protection=protection)
            config = Configuration(service_endpoint=mock.cas["cas1"]["url"], auth_type=kind,
                                   credentials=Credentials("CORP\\svc", "secret"))
            ann = Account(primary_smtp_address="user0001@example", config=config,
                          autodiscover=False, access_type=IMPERSONATION, default_timezone=utc)
            start = EWSDateTime(2026, 11, 20, tzinfo=utc)
            assert not list(ann.calendar.view(start=start, end=start.replace(day=21)))
            ann.protocol.close()
    policy(mock, extended_protection="allow")


def check_rights(mock):
    """Exchange 2007 has two rights, later ones have one."""
    cases = [("2007", False, "user0001@example", "ErrorImpersonationDenied"),
             ("2007", ["@other"], "user0001@example", "ErrorImpersonateUserDenied"),
             ("2019", False, "user0001@example", "ErrorImpersonateUserDenied"),
             ("2019", ["@other"], "user0001@example", "ErrorImpersonateUserDenied"),
             ("2019", ["@example"], "user0001@example", None),
             ("2019", True, "nobody@example", "ErrorNonExistentMailbox")]
    for version, rights, user, code in cases:
        mock.post("/settings", {"version": version})
        mock.post("/accounts", {"name": "svc", "password": "secret", "impersonate": rights})
        status, _, text = mock.soap(GET_FOLDER, header(user, version="Exchange2007_SP1"))
        assert status == (500 if code else 200), (version, rights, text)
        assert (code or "NoError") in text, (version, rights, text)
    for kind, user, code in (("PrincipalName", "nobody@corp", "ErrorInvalidUserPrincipalName"),
                             ("SID", "S-1-5-21-1", "ErrorInvalidUserSid"),
                             ("SID", " ", "ErrorInvalidExchangeImpersonationHeaderData")):
        status, _, text = mock.soap(GET_FOLDER, header(user, kind))
        assert status == 500 and code in text, text


def check_lockout(mock):
    mock.post("/settings", {"lockout_tries": 2, "lockout_min": 600})
    assert curl(mock, "--ntlm", "-u", "svc:wrong")[0] == 401
    assert curl(mock, "--basic", "-u", "svc:wrong")[0] == 401
    assert mock.get("/accounts")["accounts"][0]["locked_out"]
    assert curl(mock, "--ntlm", "-u", "svc:secret")[0] == 401
    mock.post("/accounts", {"name": "svc", "password": "secret", "password_expired": True})
    status, _, text = mock.soap(GET_FOLDER, header("user0001@example"))
    assert status == 500 and "ErrorPasswordExpired" in text, text


def check_wrong_settings(mock):
    for members in ({"auth": ["digest"]}, {"auth": ["basic", "basic"]}, {"auth": "basic"},
                    {"extended_protection": "perhaps"}, {"challenges": 1}, {"ntlm_v1": "no"},
                    {"nonsense": 1}):
        try:
            policy(mock, **members)
            assert False, members
        except ControlError as error:
            assert error.status == 400, error


def main():
    BaseProtocol.HTTP_ADAPTER_CLS = NoVerifyHTTPAdapter
    with Mock(tls=True, users=1) as mock:
        if "NTLM" not in mock.get("/cas/cas1/auth")["auth"]:
            print("skipped: gss-ntlmssp is not installed")
            return 77
        for check in (check_curl, check_requests_ntlm, check_versions, check_bearer,
                      check_exchangelib, check_wrong_settings, check_rights, check_lockout):
            check(mock)
        code = mock.stop()
        assert code == 0, code
    print("curl, requests-ntlm and exchangelib log in; Extended Protection; bearer tokens")
    return 0


if __name__ == "__main__":
    sys.exit(main())

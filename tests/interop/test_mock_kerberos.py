"""curl logs in at mock-exchange with a Kerberos ticket, from a KDC that this test runs on loopback."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from mock import NS, Mock, header

REALM = "CORP.EXAMPLE"
GET_FOLDER = ('<m:GetFolder><m:FolderShape><t:BaseShape>IdOnly</t:BaseShape></m:FolderShape>'
              '<m:FolderIds><t:DistinguishedFolderId Id="calendar"/></m:FolderIds></m:GetFolder>')
BODY = (f'<s:Envelope xmlns:s="{NS["s"]}" xmlns:t="{NS["t"]}" xmlns:m="{NS["m"]}"><s:Header>'
        f'{header("user0001@example")}</s:Header><s:Body>{GET_FOLDER}</s:Body></s:Envelope>')


def tool(name):
    return shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")


class Kdc:
    def __init__(self, folder):
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.keytab = os.path.join(folder, "http.keytab")
        self.env = dict(os.environ, KRB5_CONFIG=self.write("krb5.conf", f"""
[libdefaults]
 default_realm = {REALM}
 dns_lookup_kdc = false
 dns_lookup_realm = false
 dns_canonicalize_hostname = false
 rdns = false
 default_ccache_name = FILE:{folder}/cache
[realms]
 {REALM} = {{
  kdc = 127.0.0.1:{port}
 }}
[domain_realm]
 localhost = {REALM}
"""), KRB5_KDC_PROFILE=self.write("kdc.conf", f"""
[kdcdefaults]
 kdc_listen = 127.0.0.1:{port}
 kdc_tcp_listen = 127.0.0.1:{port}
[realms]
 {REALM} = {{
  database_name = {folder}/principal
  key_stash_file = {folder}/stash
  acl_file = {folder}/acl
 }}
"""))
        self.run("kdb5_util", "create", "-s", "-r", REALM, "-P", "master")
        self.run("kadmin.local", "-q", "addprinc -pw secret svc")
        self.run("kadmin.local", "-q", "addprinc -pw secret stranger")
        self.run("kadmin.local", "-q", "addprinc -randkey HTTP/localhost")
        self.run("kadmin.local", "-q", f"ktadd -k {self.keytab} HTTP/localhost")
        self.process = subprocess.Popen([tool("krb5kdc"), "-n"], env=self.env,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def run(self, *command, **more):
        return subprocess.run([tool(command[0]), *command[1:]], env=self.env, check=True,
                              capture_output=True, text=True, timeout=60, **more)

    def ticket(self, name):
        for _ in range(100):
            try:
                self.run("kinit", name, input="secret\n")
                return
            except subprocess.CalledProcessError as error:  # the KDC is not up yet
                last = error.stderr
                time.sleep(0.1)
        raise RuntimeError(last)

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=30)


def curl(kdc, mock, *args):
    done = kdc.run("curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}", "--data-binary", BODY,
                   "-H", "Content-Type: text/xml", "--negotiate", "-u", ":", *args,
                   mock.cas["cas1"]["url"].replace("127.0.0.1", "localhost"))
    return int(done.stdout)


def main():
    missing = [t for t in ("krb5kdc", "kdb5_util", "kadmin.local", "kinit", "curl") if not tool(t)]
    if missing:
        print(f"skipped: no {missing[0]}")
        return 77
    with tempfile.TemporaryDirectory(prefix="mock-kdc-") as folder:
        kdc = Kdc(folder)
        os.environ.update(KRB5_CONFIG=kdc.env["KRB5_CONFIG"])  # of the mock
        try:
            with Mock(cas=["https://127.0.0.1:0"], users=1,
                      scenario={"keytab": kdc.keytab}) as mock:
                kdc.ticket("svc")
                assert curl(kdc, mock) == 200
                mock.post("/cas/cas1/auth", {"extended_protection": "require"})
                assert curl(kdc, mock) == 401  # curl sends no channel binding
                mock.post("/cas/cas1/auth", {"extended_protection": "off"})
                assert curl(kdc, mock) == 200
                kdc.ticket("stranger")
                assert curl(kdc, mock) == 401
                assert mock.get("/journal?limit=1")["last"][0]["code"] == "unknown account"
                code = mock.stop()
                assert code == 0, code
        finally:
            kdc.stop()
    print("Kerberos inside Negotiate")
    return 0


if __name__ == "__main__":
    sys.exit(main())

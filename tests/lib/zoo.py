"""Certificates of every kind, right ones and wrong in one point, and servers that show them."""

import base64
import datetime
import hashlib
import ipaddress
import os
import re
import subprocess

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)
XMPP_ADDR = x509.ObjectIdentifier("1.3.6.1.5.5.7.8.5")
SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH


class Cert:
    """names: host names and addresses of the SAN; jids: its XMPP addresses. issuer None: self-signed."""

    def __init__(self, cn=None, names=(), issuer=None, ca=False, start=-1, end=30, usages=(SERVER, CLIENT),
                 rsa_bits=0, digest=None, permitted=None, key=None, key_ids=True, issuer_url=None, jids=()):
        self.issuer = issuer or self
        self.key = key or (rsa.generate_private_key(65537, rsa_bits) if rsa_bits else
                           ec.generate_private_key(ec.SECP256R1()))
        self.subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, cn)] if cn else [])
        now = datetime.datetime.utcnow()
        builder = (x509.CertificateBuilder().subject_name(self.subject)
                   .issuer_name(self.issuer.subject).public_key(self.key.public_key())
                   .serial_number(x509.random_serial_number())
                   .not_valid_before(now + start * DAY).not_valid_after(now + end * DAY)
                   .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True))
        if names or jids:
            builder = builder.add_extension(x509.SubjectAlternativeName(
                [x509.IPAddress(ipaddress.ip_address(n)) if re.match(r"[0-9a-f.:]+$", n)
                 else x509.DNSName(n) for n in names] +
                [x509.OtherName(XMPP_ADDR, b"\x0c" + bytes([len(j)]) + j.encode()) for j in jids]),
                critical=False)
        if usages and not ca:
            builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        if permitted:
            builder = builder.add_extension(
                x509.NameConstraints([x509.DNSName(permitted)], None), critical=True)
        if key_ids:
            builder = builder.add_extension(
                x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False)
        if issuer_url:
            builder = builder.add_extension(x509.AuthorityInformationAccess([x509.AccessDescription(
                x509.AuthorityInformationAccessOID.CA_ISSUERS,
                x509.UniformResourceIdentifier(issuer_url))]), critical=False)
        self.x509 = builder.sign(self.issuer.key, digest or hashes.SHA256())

    def sign_request(self, pem):
        """What an authority makes of a request: PEM."""
        request = x509.load_pem_x509_csr(pem.encode())
        now = datetime.datetime.utcnow()
        builder = (x509.CertificateBuilder().subject_name(request.subject).issuer_name(self.subject)
                   .public_key(request.public_key()).serial_number(x509.random_serial_number())
                   .not_valid_before(now - DAY).not_valid_after(now + 30 * DAY)
                   .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True))
        for extension in request.extensions:
            if not isinstance(extension.value, x509.BasicConstraints):
                builder = builder.add_extension(extension.value, extension.critical)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()

    @property
    def der(self):
        return self.x509.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self):
        return self.x509.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def key_pem(self):
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption()).decode()

    @property
    def fingerprint(self):
        return self.x509.fingerprint(hashes.SHA256()).hex()


def revocation_list(issuer, revoked=(), start=-1, end=30, key=None, number=1, *extensions):
    """PEM of a list of that issuer; days from now. 'key': of another who signs it."""
    now = datetime.datetime.utcnow()
    builder = (x509.CertificateRevocationListBuilder().issuer_name(issuer.subject)
               .last_update(now + start * DAY).next_update(now + end * DAY)
               .add_extension(x509.CRLNumber(number), critical=False)
               .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False))
    for extension in extensions:
        builder = builder.add_extension(extension, critical=True)
    for cert in revoked:
        builder = builder.add_revoked_certificate(x509.RevokedCertificateBuilder().serial_number(cert.x509.serial_number)
                                                  .revocation_date(now - DAY).build())
    return builder.sign(key or issuer.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def revocation_list_id(pem):
    """As the gateway names its file."""
    crl = x509.load_pem_x509_crl(pem.encode())
    kid = crl.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    return hashlib.sha256(crl.issuer.public_bytes() + kid.public_bytes()).hexdigest()


class BrokenSignature(Cert):
    """As it was signed, but for the last bit."""

    @property
    def der(self):
        return super().der[:-1] + bytes([super().der[-1] ^ 1])

    @property
    def pem(self):
        lines = re.findall(".{1,64}", base64.b64encode(self.der).decode())
        return "\n".join(["-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""])


class Server:
    """openssl s_server with a certificate and what it sends besides."""

    def __init__(self, folder, cert, sent=(), address="127.0.0.1", more=()):
        self.cert = cert
        base = os.path.join(folder, cert.fingerprint[:16])
        with open(base + ".pem", "w", encoding="ascii") as f:
            f.write(cert.pem + cert.key_pem)
        with open(base + ".chain", "w", encoding="ascii") as f:
            f.writelines(c.pem for c in sent)
        self.process = subprocess.Popen(
            ["openssl", "s_server", "-accept", f"{address}:0", "-cert", base + ".pem", "-key",
             base + ".pem", "-cipher", "ALL:@SECLEVEL=0",
             *(["-cert_chain", base + ".chain"] if sent else []), *more],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for line in self.process.stdout:
            if line.startswith("ACCEPT"):
                self.port = int(line.rsplit(":", 1)[1])
                return
        raise RuntimeError("openssl s_server does not start")

    def close(self):
        self.process.terminate()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

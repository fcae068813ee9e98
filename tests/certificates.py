"""A certificate authority of the tests' own, with certificates for servers on 127.0.0.1 and for clients."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from node.settings import TlsSettings

PEM = serialization.Encoding.PEM


@dataclass(frozen=True)
class Authority:
    """Its certificate is in ``file``; what it issues is put beside it."""

    file: Path
    key: ec.EllipticCurvePrivateKey
    name: x509.Name

    def issue(self, who: str, passphrase: bytes | None = None, lifetime: timedelta = timedelta(hours=1)) -> TlsSettings:
        """A certificate and its key for ``who`` at 127.0.0.1."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1")), x509.DNSName(who)])
        made = _builder(_name(who), self.name, key, lifetime).add_extension(names, critical=False)
        certificate = self.file.with_name(f"{who}.pem")
        certificate.write_bytes(made.sign(self.key, hashes.SHA256()).public_bytes(PEM))
        return TlsSettings(certificate, _write_key(self.file.with_name(f"{who}.key"), key, passphrase))


def authority(folder: Path, name: str = "authority") -> Authority:
    """A new authority that nobody trusts yet."""
    key, subject = ec.generate_private_key(ec.SECP256R1()), _name(name)
    constraint = x509.BasicConstraints(ca=True, path_length=None)
    made = _builder(subject, subject, key, timedelta(hours=1)).add_extension(constraint, critical=True)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.pem"
    file.write_bytes(made.sign(key, hashes.SHA256()).public_bytes(PEM))
    return Authority(file, key, subject)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, lifetime: timedelta
) -> x509.CertificateBuilder:
    begin = datetime.now(UTC) - timedelta(days=1)
    return x509.CertificateBuilder(
        issuer_name=issuer,
        subject_name=subject,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=begin,
        not_valid_after=datetime.now(UTC) + lifetime,
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _write_key(file: Path, key: ec.EllipticCurvePrivateKey, passphrase: bytes | None) -> Path:
    secrecy = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    file.write_bytes(key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, secrecy))
    return file

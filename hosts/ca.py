"""A small certificate authority: makes itself, issues certificates of engines and clients, verifies, says what is due.

Pure: PEM texts in, PEM texts out; nothing is stored or sent here.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import verification
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from django.utils.translation import gettext as _

Kind = Literal["server", "client"]
WARN_DAYS = 30
AUTHORITY_DAYS = 3650
EARLIER = timedelta(minutes=10)  # valid a little before now: the clock of a machine may be behind
PURPOSES = {"server": ExtendedKeyUsageOID.SERVER_AUTH, "client": ExtendedKeyUsageOID.CLIENT_AUTH}


@dataclass(frozen=True)
class Pair:
    """A certificate and its private key, both PEM texts."""

    cert: str
    key: str


@dataclass(frozen=True)
class Facts:
    """What people and rows need of a certificate."""

    subject: str
    issuer: str
    serial: str  # hexadecimal
    fingerprint: str  # SHA-256, hexadecimal
    not_before: datetime
    not_after: datetime


def load(pem: str) -> x509.Certificate:
    """The first certificate of the text. Raises ValueError if there is none to read."""
    return x509.load_pem_x509_certificates(pem.encode())[0]


def facts(certificate: x509.Certificate | str) -> Facts:
    """Raises ValueError if the text is no certificate."""
    one = load(certificate) if isinstance(certificate, str) else certificate
    return Facts(
        one.subject.rfc4514_string(),
        one.issuer.rfc4514_string(),
        f"{one.serial_number:x}",
        one.fingerprint(hashes.SHA256()).hex(),
        one.not_valid_before_utc,
        one.not_valid_after_utc,
    )


def make_authority(name: str, days: int = AUTHORITY_DAYS, now: datetime | None = None) -> Pair:
    """A new authority (EC P-256) that may sign certificates of ends, and nothing below it."""
    now = _second(now)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name(name)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    usage = x509.KeyUsage(
        digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - EARLIER)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(identifier, critical=False)
        # Two authorities may have one name: which of them signed is told by the key's identifier.
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _pair(certificate, key)


def issue(
    authority: Pair, kind: Kind, name: str, names: Iterable[str] = (), *, days: int = 365, now: datetime | None = None
) -> Pair:
    """A certificate of an engine (`server`, for the addresses and names) or of the platform (`client`) with a new key.

    It never outlives its authority. Raises ValueError if the authority itself is at its end.
    """
    now = _second(now)
    signer = load(authority.cert)
    if signer.not_valid_after_utc <= now:
        raise ValueError(_("The authority expired on %(day)s.") % {"day": signer.not_valid_after_utc.date()})
    key = ec.generate_private_key(ec.SECP256R1())
    usage = x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=False, crl_sign=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(signer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - EARLIER)
        .not_valid_after(min(now + timedelta(days=days), signer.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([PURPOSES[kind]]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(_authority_identifier(signer), critical=False)
    )
    general = [_general_name(text) for text in dict.fromkeys(names)]
    if kind == "client" and not general:
        general = [x509.DNSName("xqplatform")]
    if general:
        builder = builder.add_extension(x509.SubjectAlternativeName(general), critical=False)
    signing_key = serialization.load_pem_private_key(authority.key.encode(), None)
    return _pair(builder.sign(signing_key, hashes.SHA256()), key)  # type: ignore[arg-type]


def verify(pem: str, bundle: str, kind: Kind, address: str = "", now: datetime | None = None) -> None:
    """Raises ValueError with a sentence unless the bundle vouches for the certificate, today, for this use and address."""
    now = now or datetime.now(UTC)
    certificate = load(pem)
    if certificate.not_valid_after_utc < now:
        raise ValueError(
            _("The certificate expired on %(day)s.") % {"day": f"{certificate.not_valid_after_utc:%Y-%m-%d}"}
        )
    store = verification.Store(x509.load_pem_x509_certificates(bundle.encode()))
    builder = verification.PolicyBuilder().store(store).time(now.replace(microsecond=0))
    try:
        if kind == "client":
            builder.build_client_verifier().verify(certificate, [])
        else:
            subject = _general_name(address)
            builder.build_server_verifier(subject).verify(certificate, [])  # type: ignore[arg-type]
    except verification.VerificationError as error:
        raise ValueError(_("The certificate is not accepted: %(why)s") % {"why": error}) from error


def due(not_after: datetime, now: datetime | None = None, days: int = WARN_DAYS) -> Literal["fine", "due", "expired"]:
    """`due` from so many days before the end on: time to rotate."""
    left = not_after - (now or datetime.now(UTC))
    if left <= timedelta(0):
        return "expired"
    return "due" if left <= timedelta(days=days) else "fine"


def days_left(not_after: datetime, now: datetime | None = None) -> int:
    """Whole days until the end; negative after it."""
    return (not_after - (now or datetime.now(UTC))) // timedelta(days=1)


def bundle(*texts: str) -> str:
    """All certificates of the texts, each once, in their order. Raises ValueError if a text that is not empty has none."""
    found: dict[bytes, str] = {}
    for text in texts:
        if text.strip():
            for one in x509.load_pem_x509_certificates(text.encode()):
                pem = one.public_bytes(serialization.Encoding.PEM).decode()
                found.setdefault(one.fingerprint(hashes.SHA256()), pem)
    return "".join(found.values())


def without(text: str, *dropped: str) -> str:
    """The bundle without the certificates of the other texts."""
    gone = {
        one.fingerprint(hashes.SHA256()) for pem in dropped for one in x509.load_pem_x509_certificates(pem.encode())
    }
    kept = [c for c in x509.load_pem_x509_certificates(text.encode()) if c.fingerprint(hashes.SHA256()) not in gone]
    return "".join(one.public_bytes(serialization.Encoding.PEM).decode() for one in kept)


def server_names(address: str, name: str) -> list[str]:
    """What an engine's certificate is for: the machine's address, its name, and the machine seen from itself."""
    return list(dict.fromkeys([address, name, "127.0.0.1", "localhost"]))


def _authority_identifier(signer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    try:
        known = signer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())  # type: ignore[arg-type]
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(known)


def _general_name(text: str) -> x509.DNSName | x509.IPAddress:
    try:
        return x509.IPAddress(ipaddress.ip_address(text.strip("[]")))
    except ValueError:
        return x509.DNSName(text)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def _second(now: datetime | None) -> datetime:
    return (now or datetime.now(UTC)).replace(microsecond=0)


def _pair(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Pair:
    return Pair(
        certificate.public_bytes(serialization.Encoding.PEM).decode(),
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode(),
    )

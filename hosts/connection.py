"""What makes a connection to an engine sound, checked before anything is stored. Raises Refused at the field."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from ipaddress import IPv6Address
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from django.utils.translation import gettext as _

from hosts import ssh
from hosts.runtimes import TRAITS
from xqplatform.errors import Refused

NAME = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*\.?")
USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}")
LABEL_KEY = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_./-]{0,61}[A-Za-z0-9])?")
PEM_LIMIT = 200_000  # characters; a chain of certificates is a few thousand


def clean_address(kind: str, text: str, runtime: str = "docker") -> str:
    """The address in its stored shape: a socket's path, HOST:PORT, or USER@HOST[:PORT]."""
    text = text.strip()
    if len(text) > 250:
        raise Refused(_("At most 250 characters."), "address", 400)
    if kind == "local":
        path = re.sub(r"^unix://", "", text) or TRAITS[runtime].socket
        if not re.fullmatch(r"/[\x21-\x7e]{1,106}", path):
            raise Refused(_("The path of a socket, like %(path)s.") % {"path": TRAITS[runtime].socket}, "address", 400)
        return path
    text = re.sub(r"^(tcp|https|ssh)://", "", text).rstrip("/")
    if kind == "ssh":
        user, at, rest = text.rpartition("@")
        if not at or not USER.fullmatch(user):
            raise Refused(_("Write it like root@10.1.2.3 or deploy@machine:2222."), "address", 400)
        host, port = host_port(rest, None)
        return f"{user}@{host}" + (f":{port}" if port not in (None, 22) else "")
    if not text or "@" in text or re.match(r"^\w+://", text):
        words = _("Write it like 10.1.2.3:%(port)s or machine.example:%(port)s.") % {"port": TRAITS[runtime].port}
        raise Refused(words, "address", 400)
    host, port = host_port(text, TRAITS[runtime].port)
    return f"{host}:{port}"


def host_port(text: str, default: int | None) -> tuple[str, int | None]:
    """Name or IP, and port, of «HOST[:PORT]». Raises Refused at `address`."""
    wrong = Refused(_("«%(text)s» is no machine's address: HOST:PORT.") % {"text": text}, "address", 400)
    bracket = re.fullmatch(r"\[([0-9A-Fa-f:.]+)\](?::(\d+))?", text)
    if bracket:
        try:
            IPv6Address(bracket[1])
        except ValueError:
            raise wrong from None
        host, digits = f"[{bracket[1]}]", bracket[2]
    else:
        host, colon, given = text.partition(":")
        digits = given if colon else None
        if not NAME.fullmatch(host) or (re.fullmatch(r"[\d.]+", host) and not _is_ipv4(host)):
            raise wrong
    if digits is None:
        return host, default
    if not re.fullmatch(r"\d{1,5}", digits) or not 1 <= int(digits) <= 65535:
        raise Refused(_("A port is a number from 1 to 65535."), "address", 400)
    return host, int(digits)


def _is_ipv4(text: str) -> bool:
    parts = text.split(".")
    return len(parts) == 4 and all(part.isdigit() and len(part) <= 3 and int(part) <= 255 for part in parts)


def check_tls(ca: str, certificate: str, key: str, now: datetime | None = None) -> None:
    """The three belong together and are valid today."""
    now = now or datetime.now(UTC)
    authority = _certificates(ca, "ca")
    _in_time(authority[0], "ca", now)
    own = _certificates(certificate, "certificate")[0]
    _in_time(own, "certificate", now)
    private = _key(key)
    if _spki(private.public_key()) != _spki(own.public_key()):
        raise Refused(_("This key does not belong to the client certificate."), "key", 400)


def _spki(public: Any) -> bytes:
    return bytes(public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo))


def _certificates(pem: str, field: str) -> list[x509.Certificate]:
    if not pem.strip():
        raise Refused(_("Paste the PEM text or choose its file."), field, 400)
    if len(pem) > PEM_LIMIT:
        raise Refused(_("Too long for a certificate."), field, 400)
    if "PRIVATE KEY-----" in pem:
        raise Refused(_("This is a private key; here belongs a certificate."), field, 400)
    if "-----BEGIN CERTIFICATE-----" not in pem:
        raise Refused(_("Not PEM: it begins with «-----BEGIN CERTIFICATE-----»."), field, 400)
    try:
        found = x509.load_pem_x509_certificates(pem.encode())
        for one in found:
            one.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Refused(_("This certificate cannot be read: %(why)s") % {"why": error}, field, 400) from None
    return found


def _in_time(certificate: x509.Certificate, field: str, now: datetime) -> None:
    if certificate.not_valid_after_utc < now:
        raise Refused(
            _("This certificate expired on %(day)s.") % {"day": certificate.not_valid_after_utc.date()}, field, 400
        )
    if certificate.not_valid_before_utc > now:
        raise Refused(
            _("This certificate is valid only from %(day)s on.") % {"day": certificate.not_valid_before_utc},
            field,
            400,
        )


def _key(pem: str, field: str = "key") -> Any:
    if not pem.strip():
        raise Refused(_("Paste the PEM text or choose its file."), field, 400)
    if len(pem) > PEM_LIMIT:
        raise Refused(_("Too long for a key."), field, 400)
    if pem.startswith("PuTTY-User-Key-File"):
        raise Refused(_("A key of PuTTY: export it in PuTTYgen as an OpenSSH key, without a passphrase."), field, 400)
    if re.match(r"(ssh|ecdsa|sk)-[a-z0-9@.-]+ AAAA", pem):
        raise Refused(_("This is the public half; here belongs the private key (the file without .pub)."), field, 400)
    if "-----BEGIN" not in pem or "PRIVATE KEY-----" not in pem:
        raise Refused(_("Not a private key: it begins with «-----BEGIN … PRIVATE KEY-----»."), field, 400)
    locked = Refused(_locked(pem), field, 400)
    if "ENCRYPTED" in pem:
        raise locked
    try:
        load = (
            serialization.load_ssh_private_key if "OPENSSH PRIVATE KEY" in pem else serialization.load_pem_private_key
        )
        return load(pem.encode(), password=None)
    except TypeError:
        raise locked from None
    except (ValueError, UnsupportedAlgorithm) as error:
        if "password" in str(error).lower():
            raise locked from None
        raise Refused(_("This key cannot be read: %(why)s") % {"why": error}, field, 400) from None


def _locked(pem: str) -> str:
    """A key that nobody could unlock at night, and how to make one that needs nobody."""
    if "OPENSSH PRIVATE KEY" in pem:
        return _(
            "This key has a passphrase, which nobody could type at night. Take it off a copy: ssh-keygen -p -N '' -f copy-of-key; "
            "or make a key for the platform alone: ssh-keygen -t ed25519 -N '' -f xqplatform"
        )
    return _(
        "This key has a passphrase, which nobody could type at night. Take it off: openssl pkey -in key.pem -out plain.pem"
    )


def check_ssh_key(pem: str, field: str = "ssh_key") -> None:
    """An SSH key without a passphrase, of a kind that can be used."""
    _key(pem.strip(), field)
    try:
        ssh.private_key(pem)
    except ssh.SshError as error:
        raise Refused(error.words, field, 400) from None


def expiry(pem: str) -> datetime | None:
    """When the first certificate of the text ends; None if there is none to read."""
    try:
        return x509.load_pem_x509_certificates(pem.encode())[0].not_valid_after_utc
    except (ValueError, IndexError):
        return None


def subject(pem: str) -> str:
    """The first certificate's subject, for people («CN=platform»); empty if there is none to read."""
    try:
        return x509.load_pem_x509_certificates(pem.encode())[0].subject.rfc4514_string()
    except (ValueError, IndexError):
        return ""


def clean_labels(given: str | Mapping[str, Any] | None) -> dict[str, str]:
    """Lines of `k=v` (or a mapping) as a mapping; empty lines and # lines do not count."""
    if isinstance(given, Mapping):
        pairs = [(str(k), "" if v is None else str(v)) for k, v in given.items()]
    else:
        pairs = []
        for line in (given or "").splitlines():
            if not line.strip() or line.strip().startswith("#"):
                continue
            name, equals, value = line.partition("=")
            if not equals:
                raise Refused(_("«%(line)s» is not like key=value.") % {"line": line.strip()[:60]}, "labels", 400)
            pairs.append((name.strip(), value.strip()))
    found: dict[str, str] = {}
    for name, value in pairs:
        if not LABEL_KEY.fullmatch(name):
            raise Refused(_("«%(name)s» cannot be a label's name.") % {"name": name[:60]}, "labels", 400)
        if name in found:
            raise Refused(_("The label «%(name)s» is there twice.") % {"name": name}, "labels", 400)
        if len(value) > 250:
            raise Refused(_("The value of «%(name)s» is too long.") % {"name": name}, "labels", 400)
        found[name] = value
    if len(found) > 50:
        raise Refused(_("At most 50 labels."), "labels", 400)
    return found

"""The platform's key of the audit log: it seals single events and signs checkpoints. Pure.

One secret text makes both: an Ed25519 key (checkpoints, exports, archives: anybody verifies them with the public key) and an HMAC key
(seals: quick, verified by the platform). Several texts may be known; the first one is used, the others only verify.

A seal tells an event that the platform wrote from one that somebody wrote into the database: `1.KEY.NONCE.MAC`, where the MAC
is the first 40 hex digits of HMAC-SHA256 over nonce and body.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_RAW = (serialization.Encoding.Raw, serialization.PublicFormat.Raw)


@dataclass(frozen=True)
class Key:
    """One key, private."""

    private: Ed25519PrivateKey
    mac: bytes
    public: str  # base64 of the raw public key
    name: str  # the first eight hex digits of its SHA-256

    @classmethod
    def of(cls, text: str) -> Key:
        """The key that a secret text makes. Raises ValueError when it is too short to be one."""
        if len(text) < 32:
            raise ValueError("A key of the audit log has at least 32 characters.")
        private = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"xq-audit-sign\n" + text.encode()).digest())
        raw = private.public_key().public_bytes(*_RAW)
        mac = hashlib.sha256(b"xq-audit-seal\n" + text.encode()).digest()
        return cls(private, mac, base64.b64encode(raw).decode(), key_name(raw))

    def seal(self, line: str) -> str:
        """A new seal of an event's body."""
        nonce = os.urandom(8).hex()
        return f"1.{self.name}.{nonce}.{_mac(self.mac, nonce, line)}"

    def sign(self, text: str) -> str:
        return base64.b64encode(self.private.sign(text.encode())).decode()


def key_name(public: bytes) -> str:
    return hashlib.sha256(public).hexdigest()[:8]


def _mac(key: bytes, nonce: str, line: str) -> str:
    return hmac.digest(key, f"{nonce}\n{line}".encode(), "sha256").hex()[:40]


def sealed(keys: dict[str, Key], seal: str | None, line: str) -> bool:
    """Whether one of the keys (by name) made this seal for this body."""
    parts = (seal or "").split(".")
    if len(parts) != 4 or parts[0] != "1" or parts[1] not in keys:
        return False
    return hmac.compare_digest(parts[3].encode(), _mac(keys[parts[1]].mac, parts[2], line).encode())


class PublicKeys:
    """Public keys that signatures are verified with."""

    def __init__(self, texts: list[str]) -> None:
        """Raises ValueError for what is no key."""
        self._keys: dict[str, Ed25519PublicKey] = {}
        for text in texts:
            raw = base64.b64decode(text, validate=True)
            self._keys[key_name(raw)] = Ed25519PublicKey.from_public_bytes(raw)

    def verify(self, name: str, signature: str, text: str) -> bool:
        key = self._keys.get(name)
        if key is None:
            return False
        try:
            key.verify(base64.b64decode(signature, validate=True), text.encode())
        except (InvalidSignature, ValueError):
            return False
        return True

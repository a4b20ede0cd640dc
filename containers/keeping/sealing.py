"""Parts of backups as age files (https://age-encryption.org/v1): the platform's own key opens them, and so does `age -d` without the platform."""

from __future__ import annotations

from collections.abc import Iterable

import pyrage
from django.utils.translation import gettext as _
from pyrage import x25519

from containers.keeping.stores import StoreError


def new_key() -> str:
    """A secret key, «AGE-SECRET-KEY-1…»."""
    return str(x25519.Identity.generate())


def recipient(key: str) -> str:
    """Its public half, «age1…»."""
    return str(x25519.Identity.from_str(key).to_public())


def is_recipient(text: str) -> bool:
    try:
        x25519.Recipient.from_str(text)
    except pyrage.RecipientError:
        return False
    return True


def seal(data: bytes, recipients: Iterable[str]) -> bytes:
    """`recipients`: public halves of the keys of which each opens it."""
    return bytes(pyrage.encrypt(data, [x25519.Recipient.from_str(one) for one in recipients]))


def unseal(data: bytes, key: str) -> bytes:
    """Raises StoreError for what was sealed for another key, or was changed."""
    try:
        return bytes(pyrage.decrypt(data, [x25519.Identity.from_str(key)]))
    except pyrage.DecryptError as error:
        words = _("It cannot be decrypted with the key of its store: it was changed, or sealed for another key.")
        raise StoreError(words) from error

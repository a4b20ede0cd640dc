"""Secrets at rest: encrypted with the platform's key, decrypted only where they are used."""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.db import models


@lru_cache(maxsize=4)
def _cipher(key: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(key.encode()).digest()))


def encrypt(text: str) -> str:
    """The text as a Fernet token; an empty text stays empty."""
    return _cipher(settings.ENCRYPTION_KEY).encrypt(text.encode()).decode() if text else ""


def decrypt(token: str) -> str:
    """The text again. Raises ValueError when it was encrypted with another key."""
    if not token:
        return ""
    try:
        return _cipher(settings.ENCRYPTION_KEY).decrypt(token.encode()).decode()
    except InvalidToken:
        raise ValueError("This secret was encrypted with another key (XQ_ENCRYPTION_KEY).") from None


class EncryptedTextField(models.TextField):  # type: ignore[type-arg]
    """A text column that is encrypted in the database and plain in Python."""

    def get_prep_value(self, value: Any) -> Any:
        return encrypt(value) if value else ""

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> str:
        return decrypt(value or "")

"""Secrets: encrypted at rest with the platform's newest key, decrypted only where they are used; marks sealed for forms."""

from __future__ import annotations

from typing import Any

from django.db import models

from xqplatform.secrets.keyring import BadSeal, Undecryptable
from xqplatform.secrets.keys import ring

__all__ = ["BadSeal", "EncryptedTextField", "TokenField", "Undecryptable", "decrypt", "encrypt", "seal", "unseal"]
HOUR = 3600
TYPED_FOR = 8 * HOUR  # how long something secret that was typed travels with its form
PLAN_FOR = 24 * HOUR  # how long a plan that was shown may be confirmed


def encrypt(text: str) -> str:
    """The text as a token that names its key; an empty text stays empty."""
    from xqplatform.secrets import known, logs

    logs.learn(known.anything(text))
    return ring().encrypt(text)


def decrypt(token: str) -> str:
    """The text again. Raises Undecryptable (a ValueError) when it was encrypted with a key that is not at hand."""
    from xqplatform.secrets import known, logs

    text = ring().decrypt(token)
    logs.learn(known.anything(text))
    return text


def seal(purpose: str, text: str) -> str:
    """A mark for a form: opened only for this very purpose, see `unseal`."""
    return ring().seal(purpose, text)


def unseal(purpose: str, mark: str, seconds: int) -> str:
    """What was sealed for this purpose, at most so many seconds ago. Raises BadSeal (a ValueError)."""
    return ring().unseal(purpose, mark, seconds)


class EncryptedTextField(models.TextField):  # type: ignore[type-arg]
    """A text column that is encrypted in the database and plain in Python."""

    def get_prep_value(self, value: Any) -> Any:
        return ring().encrypt(self._learned(value)) if value else ""

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> str:
        return self._learned(ring().decrypt(value)) if value else ""

    def _learned(self, value: str) -> str:
        from xqplatform.secrets import known, logs

        try:
            logs.learn(known.reading(f"{self.model._meta.label_lower}.{self.name}")(value))
        except ValueError:  # no readable form
            logs.learn([value])
        return value


class TokenField(models.TextField):  # type: ignore[type-arg]
    """A text column of tokens that whoever reads it decrypts itself. Known by its class, so rotation misses none."""

    def deconstruct(self) -> Any:
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.TextField", args, kwargs

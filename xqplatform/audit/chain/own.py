"""This platform's keys of the audit log: from the surroundings, else a file in the data folder made at first use (mode 0600)."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from django.conf import settings

from xqplatform import env
from xqplatform.audit.chain.keys import Key, PublicKeys


@lru_cache(maxsize=4)
def _of(text: str) -> dict[str, Key]:
    return {key.name: key for key in map(Key.of, text.replace(",", " ").split())}


@lru_cache(maxsize=1)
def _kept() -> str:
    if settings.AUDIT_KEY_FILE:
        return Path(settings.AUDIT_KEY_FILE).read_text()
    return env.kept_secret("audit-key")


def keys() -> dict[str, Key]:
    """All known keys by name, the one in use first. Raises ValueError or OSError when what is set up is no key."""
    found = _of(settings.AUDIT_KEY or _kept())
    if not found:
        raise ValueError("The file with the key of the audit log is empty.")
    return found


def current() -> Key:
    return next(iter(keys().values()))


def public() -> PublicKeys:
    return PublicKeys([key.public for key in keys().values()])

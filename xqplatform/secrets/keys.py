"""Where keys come from: `XQ_ENCRYPTION_KEYS`, a file with one a line, `XQ_ENCRYPTION_KEY`; in this order, the newest first.

The file is looked at before each use, so a key that is added to it is used at once by all processes, without a restart.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import tempfile
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from xqplatform.secrets.keyring import Key, Keyring

log = logging.getLogger(__name__)
_last_good: dict[str, tuple[str, ...]] = {}
Signature = tuple[int, int, int]


def ring() -> Keyring:
    """The keys at hand now. Raises ValueError when there is none."""
    path = settings.ENCRYPTION_KEY_FILE
    return _ring(tuple(settings.ENCRYPTION_KEYS), path, _signature(path), settings.ENCRYPTION_KEY)


@lru_cache(maxsize=8)
def _ring(named: tuple[str, ...], path: str, _seen: Signature | None, oldest: str) -> Keyring:
    return Keyring([*named, *file_lines(path), oldest])


def _signature(path: str) -> Signature | None:
    if not path:
        return None
    try:
        seen = os.stat(path)
    except OSError:
        return None
    return seen.st_mtime_ns, seen.st_size, seen.st_ino


def file_lines(path: str) -> tuple[str, ...]:
    """The keys of a file; empty lines and those with a # do not count. While it cannot be read: those read last."""
    if not path:
        return ()
    try:
        lines = tuple(_keys_in(Path(path).read_text()))
    except (OSError, UnicodeDecodeError) as error:
        log.error("The file of encryption keys cannot be read: %s", error)
        lines = ()
    if lines:
        _last_good[path] = lines
    return lines or _last_good.get(path, ())


def _keys_in(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def oldest_text() -> str:
    """The key that this platform has had for longest."""
    lines = [*settings.ENCRYPTION_KEYS, *file_lines(settings.ENCRYPTION_KEY_FILE), settings.ENCRYPTION_KEY]
    return next(text for text in reversed(lines) if text)


def in_file() -> set[str]:
    """Ids of the keys that stand in the file."""
    return {Key.of(line).id for line in file_lines(settings.ENCRYPTION_KEY_FILE)}


def readable_by_others() -> bool:
    """Whether others than the owner may read the file of keys."""
    path = settings.ENCRYPTION_KEY_FILE
    with contextlib.suppress(OSError):
        return bool(path and os.stat(path).st_mode & 0o077)
    return False


def add_to_file() -> str:
    """Makes a new key and puts it first in the file. Returns its id. Raises OSError."""
    text = secrets.token_urlsafe(48)
    path = Path(settings.ENCRYPTION_KEY_FILE)
    _replace(path, f"{text}\n{path.read_text() if path.exists() else ''}")
    return Key.of(text).id


def drop_from_file(key_id: str) -> None:
    """Takes a key out of the file. Raises OSError."""
    path = Path(settings.ENCRYPTION_KEY_FILE)
    lines = path.read_text().splitlines()
    kept = [line for line in lines if not line.strip() or line.startswith("#") or Key.of(line.strip()).id != key_id]
    _replace(path, "".join(f"{line}\n" for line in kept))


def _replace(path: Path, text: str) -> None:
    """The file as a whole or not at all, for its owner only."""
    handle, draft = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)  # mode 0600
    with os.fdopen(handle, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    if path.exists() and os.geteuid() == 0:
        owner = path.stat()
        os.chown(draft, owner.st_uid, owner.st_gid)
    os.replace(draft, path)

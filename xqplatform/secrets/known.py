"""Which values must not be seen: the platform's own (passwords, tokens, addresses of channels), and a scope's beside them.

What is stored is compared at most every SECONDS, and as tokens: values are decrypted again only when one has changed.
"""

from __future__ import annotations

import json
import logging
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.db import DatabaseError

from xqplatform.secrets import keys, logs, ring
from xqplatform.secrets.columns import columns
from xqplatform.secrets.keyring import Undecryptable
from xqplatform.secrets.masking import SHORTEST, Masker

log = logging.getLogger(__name__)
SECONDS = 2.0
SCOPES = 300  # whose maskers are kept
PIECE = 12  # characters from which on a part of an address may be a token
Reads = Callable[[str], Iterable[str]]  # a column's text → the values in it
Stored = tuple[str, str]  # a column's name, a token in it

# Columns whose values are looked for everywhere, and how to read them: filled when apps are ready.
EVERYWHERE: dict[str, Reads] = {}
# Columns that are looked for in their own scope only, or are no values that somebody could print.
SCOPED: dict[str, Reads] = {}


def reading(column: str) -> Reads:
    """How to read a column; one that nobody has named yet is a value as a whole."""
    return EVERYWHERE.get(column) or SCOPED.get(column, text)


def anything(value: str) -> list[str]:
    """Of a value whose column is not known."""
    if value.startswith("{"):
        try:
            return values_of_json(value)
        except ValueError:
            return [value]
    return address(value) if "://" in value else [value]


def text(value: str) -> list[str]:
    return [value]


def nothing(value: str) -> list[str]:
    """Of what is encrypted for other reasons than being a secret as a whole."""
    return []


def values_of_json(value: str) -> list[str]:
    """The values of an object {name: value}."""
    found = json.loads(value)
    return [one for one in found.values() if isinstance(one, str)] if isinstance(found, dict) else []


def address(value: str) -> list[str]:
    """An address and what of it may be a password or a token; never its host alone."""
    try:
        parts = urlsplit(value)
    except ValueError:
        return [value]
    pieces = re.split(r"[/?&=,:@]", value.partition("://")[2])
    host = parts.netloc.rpartition("@")[2].lower()
    secret = [piece for piece in pieces if len(piece) >= PIECE and piece.lower() not in host]
    return [value, unquote(parts.password or ""), *secret, *map(unquote, secret)]


class _Scope:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.stored: frozenset[Stored] = frozenset()
        self.looked = 0.0
        self.masker = Masker(())


_scopes: OrderedDict[str, _Scope] = OrderedDict()
_guard = threading.Lock()


def forget() -> None:
    """For tests: another database."""
    with _guard:
        _scopes.clear()


def platform() -> Masker:
    """Knows what must not be seen anywhere."""
    return scoped("", tuple)


def scoped(name: str, more: Callable[[], Iterable[Stored]]) -> Masker:
    """Knows these, too. `name`: of the scope, such as «place:7». Asks the database."""
    with _guard:
        scope = _scopes.setdefault(name, _Scope())
        _scopes.move_to_end(name)
        while len(_scopes) > SCOPES:
            _scopes.popitem(last=False)
    with scope.lock:
        now = time.monotonic()
        if not scope.looked or now - scope.looked > SECONDS:
            try:
                stored = frozenset([*_everywhere(), *more()])
            except DatabaseError:
                if not scope.looked:
                    raise  # nothing is told as long as nobody knows what must not be
                return scope.masker
            if stored != scope.stored or not scope.looked:
                scope.masker = Masker([*surroundings(), *(value for one in stored for value in _values(one))])
                scope.stored = stored
            scope.looked = now
        return scope.masker


def _everywhere() -> Iterator[Stored]:
    for column in columns():
        name = str(column)
        if name in EVERYWHERE:
            yield from ((name, token) for token in column.rows().values_list("stored_token", flat=True))


def _values(stored: Stored) -> list[str]:
    name, token = stored
    try:
        values = list(reading(name)(ring().decrypt(token)))
    except Undecryptable:
        return []  # its status says so; who cannot read it cannot print it
    except ValueError:
        log.warning("A secret of %s has no readable form", name)
        return []
    logs.learn(values)
    return values


def surroundings() -> list[str]:
    """What the platform itself was given."""
    database = settings.DATABASES["default"].get("PASSWORD") or ""
    given = [settings.SECRET_KEY, *settings.ENCRYPTION_KEYS, settings.ENCRYPTION_KEY, settings.AUDIT_KEY, database]
    given += keys.file_lines(settings.ENCRYPTION_KEY_FILE)
    for url in (settings.MAIL_URL, settings.REDIS_URL):
        given += address(url) if "@" in url else []
    return [value for value in given if len(value) >= SHORTEST]

"""Which lines somebody wants to see. Patterns are of RE2, whose time grows with the text only, whatever the pattern. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import re2
from django.utils.translation import gettext as _

from containers.logs.levels import UNKNOWN, json_fields
from xqplatform.errors import Refused

LONGEST = 500  # characters of a pattern
MEMORY = 4 << 20  # bytes that a pattern may take
MOST_FIELDS = 10
# Begins where a word does: tried at each of its signs, a long word (such as base64) would take the square of its length.
PAIR = re.compile(r'(?<![\w.@/-])(?:[^\WA-Za-z_]|[./-])*([A-Za-z_@][\w.@/-]*)=("(?:[^"\\]|\\.)*"|[^\s"]*)')
ASKED = re.compile(r"([^=!]{1,200})(!?=)(.{0,1000})", re.DOTALL)


@dataclass(frozen=True)
class Filter:
    """What a line must have: the pattern somewhere in it, at least the level, and the fields' values."""

    pattern: str = ""
    level: int = UNKNOWN
    fields: tuple[tuple[str, bool, str], ...] = ()  # (name, wanted rather than unwanted, value)
    found: Any = field(default=None, compare=False, repr=False)

    @property
    def any(self) -> bool:
        return bool(self.pattern or self.level or self.fields)

    def takes(self, text: str, level: int) -> bool:
        if level < self.level:
            return False
        if self.found is not None and self.found(text) is None:
            return False
        return not self.fields or self._has(text)

    def _has(self, text: str) -> bool:
        known = fields_of(text)
        return all((value_of(known, name) == value) is wanted for name, wanted, value in self.fields)


def filter_of(pattern: str = "", level: int = UNKNOWN, fields: Iterable[str] = ()) -> Filter:
    """A filter of what was typed; `fields`: «name=value», or «name!=value». Raises Refused with the field that is wrong.

    A pattern in small letters finds capitals, too.
    """
    return Filter(pattern, level, _asked(fields), _compiled(pattern).search if pattern else None)


def _compiled(pattern: str) -> Any:
    if len(pattern) > LONGEST:
        raise Refused(_("The pattern is longer than %(n)d characters.") % {"n": LONGEST}, "q", 400)
    options = re2.Options()
    options.max_mem, options.log_errors = MEMORY, False
    options.case_sensitive = pattern != pattern.lower()
    try:
        return re2.compile(pattern, options)
    except (re2.error, UnicodeError) as error:
        why = error.args[0] if error.args else ""
        why = why.decode("utf-8", "replace") if isinstance(why, bytes) else str(why)
        words = _("This is no pattern that can be searched for: %(why)s. Put \\ before signs that mean themselves.")
        raise Refused(words % {"why": why}, "q", 400) from error


def _asked(texts: Iterable[str]) -> tuple[tuple[str, bool, str], ...]:
    found: list[tuple[str, bool, str]] = []
    for text in texts:
        match = ASKED.fullmatch(text)
        if match is None or len(found) >= MOST_FIELDS:
            raise Refused(_("A field is asked for as name=value or name!=value, at most ten of them."), "f", 400)
        found.append((match[1].strip(), match[2] == "=", match[3]))
    return tuple(found)


def fields_of(text: str) -> dict[str, Any]:
    """The fields of a line: its JSON object, or its name=value pairs."""
    return json_fields(text) or {name: _unquoted(value) for name, value in PAIR.findall(text[:8000])}


def _unquoted(value: str) -> str:
    if not value.startswith('"'):
        return value
    try:
        return str(json.loads(value))
    except ValueError:
        return value.strip('"')


def value_of(fields: dict[str, Any], name: str) -> str | None:
    """A field's value as text («a.b»: b within a); None where there is none."""
    found: Any = fields.get(name)
    if found is None and name not in fields:
        found = fields
        for part in name.split("."):
            if not isinstance(found, dict) or part not in found:
                return None
            found = found[part]
    return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)

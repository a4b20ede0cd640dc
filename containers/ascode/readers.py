"""Readers of what stands in a document: of one value, a list, an object; each tells a mistake where it stands. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from containers.ascode.source import Document, Mistake, Path, dotted

KEPT = "kept"  # what stands for a secret: it stays as it is stored


@dataclass
class Check:
    """Mistakes of one document as they are found."""

    document: Document
    mistakes: list[Mistake] = field(default_factory=list)

    def wrong(self, path: Path, message: str) -> None:
        self.mistakes.append(Mistake(self.document.line_of(path), dotted(path), message))


Reader = Callable[[Check, Any, Path], Any]


def text(most: int) -> Reader:
    def read(check: Check, value: Any, path: Path) -> Any:
        if not isinstance(value, str):
            check.wrong(path, _("It must be text: put it in quotes."))
        elif len(value) > most:
            check.wrong(path, _("At most %(most)s characters.") % {"most": most})
        return value

    return read


def plain(check: Check, value: Any, path: Path) -> Any:
    """A text; a number or `true` without quotes is taken as it is written."""
    if isinstance(value, Mapping | list):
        check.wrong(path, _("It must be text."))
        return ""
    return value if isinstance(value, str) else check.document.raw.get(path, "")


def flag(check: Check, value: Any, path: Path) -> Any:
    if not isinstance(value, bool):
        check.wrong(path, _("It must be true or false."))
    return value


def whole(low: int, high: int) -> Reader:
    def read(check: Check, value: Any, path: Path) -> Any:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            check.wrong(path, _("A number from %(low)s to %(most)s.") % {"low": low, "most": high})
        return value

    return read


def one_of(choices: Sequence[str]) -> Reader:
    def read(check: Check, value: Any, path: Path) -> Any:
        if value not in choices:
            check.wrong(path, _("Choose one of: %(choices)s.") % {"choices": ", ".join(choices)})
        return value

    return read


def anything(check: Check, value: Any, path: Path) -> Any:
    """One value, which is judged where its meaning is known."""
    if isinstance(value, Mapping | list):
        check.wrong(path, _("It must be a single value."))
    return value


def kept(check: Check, value: Any, path: Path) -> Any:
    """A secret. Its words name no value, so that a value that was typed is not repeated anywhere."""
    if value != KEPT:
        words = _(
            "The value of a secret never stands in a file: write «%(kept)s»; a new one is given when it is applied."
        )
        check.wrong(path, words % {"kept": KEPT})
    return KEPT


def items(of: Reader, most: int = 100) -> Reader:
    """A list."""

    def read(check: Check, value: Any, path: Path) -> Any:
        if not isinstance(value, list) or len(value) > most:
            check.wrong(path, _("It must be a list of at most %(most)s.") % {"most": most})
            return []
        return [of(check, one, (*path, number)) for number, one in enumerate(value)]

    return read


def named(of: Reader, name: re.Pattern[str] | None = None, most: int = 500, bare: Any = None) -> Reader:
    """An object whose names are free. A name without a value (null) stands for `bare`; None takes it away."""

    def read(check: Check, value: Any, path: Path) -> Any:
        if not isinstance(value, Mapping) or len(value) > most:
            check.wrong(path, _("It must be an object of at most %(most)s names.") % {"most": most})
            return {}
        for key in value:
            if name is not None and not name.fullmatch(key):
                check.wrong((*path, key), _("A name has small letters, digits and «-», at most 50."))
        return {key: bare if one is None else of(check, one, (*path, key)) for key, one in value.items()}

    return read


def block(known: Mapping[str, Reader], required: Sequence[str] = ()) -> Reader:
    """An object of known fields. A field without a value (null) goes back to its default."""

    def read(check: Check, value: Any, path: Path) -> Any:
        if not isinstance(value, Mapping):
            check.wrong(path, _("It must be an object."))
            return {}
        for key in value:
            if key not in known:
                check.wrong((*path, key), unknown(key, known))
        for key in required:
            if value.get(key) is None:
                check.wrong(path, _("«%(name)s» is missing.") % {"name": key})
        of = {key: one for key, one in value.items() if key in known}
        return {key: None if one is None else known[key](check, one, (*path, key)) for key, one in of.items()}

    return read


def unknown(key: str, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(key, known, 1)
    words = _("There is no field «%(name)s».") % {"name": key[:100]}
    if not near:
        return words
    return words + " " + _("Is «%(name)s» meant?") % {"name": near[0]}

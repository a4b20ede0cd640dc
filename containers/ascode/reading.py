"""A text as documents: its head, what it gives, and every mistake of form by line and path. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from containers.ascode import source
from containers.ascode.fields import KINDS, SLUG
from containers.ascode.readers import Check
from containers.ascode.source import Document, Mistake, Wrong

VERSION = "xqplatform/v1"
Json = dict[str, Any]


@dataclass(frozen=True)
class Given:
    """What one document gives of the thing that it names: `data` without the head."""

    kind: str
    name: str
    data: Json
    document: Document

    @property
    def key(self) -> str:
        return f"{self.kind.lower()}/{self.name}"


def read(text: str) -> list[Given]:
    """Raises Wrong with all mistakes of all documents."""
    found: list[Given] = []
    mistakes: list[Mistake] = []
    for document in source.read(text):
        check = Check(document)
        given = _document(check)
        if given is not None and any(given.key == one.key for one in found):
            words = _("There is another document of %(kind)s «%(name)s».")
            check.wrong(("name",), words % {"kind": given.kind, "name": given.name})
        mistakes += sorted(check.mistakes, key=lambda mistake: mistake.line)
        if given is not None:
            found.append(given)
    if mistakes:
        raise Wrong(mistakes)
    return found


def _document(check: Check) -> Given | None:
    data = check.document.data
    if not isinstance(data, Mapping):
        check.wrong((), _("A document is an object with apiVersion, kind and name."))
        return None
    if data.get("apiVersion") != VERSION:
        check.wrong(("apiVersion",), _("It must be «%(version)s».") % {"version": VERSION})
    kind, name = data.get("kind"), data.get("name")
    if not isinstance(kind, str) or kind not in KINDS:
        check.wrong(("kind",), _("Choose one of: %(choices)s.") % {"choices": ", ".join(KINDS)})
        return None
    if not isinstance(name, str) or not SLUG.fullmatch(name) or (kind == "Environment" and len(name) > 40):
        check.wrong(("name",), _("A name has small letters, digits and «-», at most 50."))
        return None
    given = KINDS[kind](check, data, ())
    return Given(
        kind, name, {k: v for k, v in given.items() if k not in {"apiVersion", "kind", "name"}}, check.document
    )

"""What the page shows of a search: a chip a condition, the choices of fields and ranges. Pure, but for words of the interface."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _

from xqplatform.audit import sentences
from xqplatform.audit.actions import ACTIONS
from xqplatform.audit.search import asked, language
from xqplatform.audit.search.language import Term

PAGING = ("before", "page", "live")


def address(get: QueryDict, **changes: Any) -> str:
    """The page's address from the question mark on, with some parameters changed (None: gone), on its first page."""
    query = get.copy()
    for name in PAGING:
        query.pop(name, None)
    for name, value in changes.items():
        query.pop(name, None)
        if value:
            query[name] = str(value)
    return f"?{query.urlencode()}"


def chips(get: QueryDict, wanted: asked.Asked) -> list[dict[str, str]]:
    """One a condition, with the address without it."""
    typed = language.parse(wanted.text)
    found = []
    for term in typed.terms:
        found.append({"text": words(term), "url": address(get, q=language.without(typed, term))})
    for name, field in asked.PARAMETERS.items():
        if value := asked.clean(get.get(name)):
            found.append({"text": words(Term(field, value, whole=" " in value)), "url": address(get, **{name: None})})
    return found


def words(term: Term) -> str:
    return str(term)


def fields(get: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The plain form fields: those with few values as choices."""
    labels = {
        "who": _("Who"), "action": _("What"), "object": _("Object"), "kind": _("Kind of object"), "service": _("Service"),
        "env": _("Environment"), "host": _("Host"), "via": _("By way of"), "ip": _("Address"), "request": _("Request"),
        "denied": _("Denied"),
    }  # fmt: skip
    options: dict[str, list[tuple[str, Any]]] = {
        "action": actions(),
        "kind": [(name, str(word)) for name, word in sentences.KINDS.items()],
        "via": list(sentences.VIAS.items()),
        "denied": [("yes", _("only denied")), ("no", _("only done"))],
    }
    return [
        {"name": name, "label": label, "value": asked.clean(get.get(name)), "options": options.get(name)}
        for name, label in labels.items()
    ]


def actions() -> list[tuple[str, Any]]:
    """Single actions, and whole rooms of them («host.*»)."""
    rooms = sorted({name.partition(".")[0] for name in ACTIONS if "." in name})
    return [(f"{room}.*", f"{room}.*") for room in rooms] + [(name, name) for name in sorted(ACTIONS)]


def ranges(get: QueryDict) -> list[dict[str, Any]]:
    """The presets, each with its address; first the whole log."""
    here = get.get("range", "")
    exact = bool(get.get("since") or get.get("until"))
    first = {
        "text": _("all time"),
        "url": address(get, range=None, since=None, until=None),
        "here": not here and not exact,
    }
    return [first] + [
        {"text": str(text), "url": address(get, range=name, since=None, until=None), "here": here == name}
        for name, (_length, text) in asked.RANGES.items()
    ]

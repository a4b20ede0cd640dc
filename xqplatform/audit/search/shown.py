"""What the page shows of a search: a chip a condition, the choices of fields and ranges. Pure, but for words of the interface."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _

from xqplatform.accounts.actor import Actor
from xqplatform.audit import differences, sentences
from xqplatform.audit.actions import ACTIONS
from xqplatform.audit.models import Event, Indexed, SavedView
from xqplatform.audit.search import asked, language
from xqplatform.audit.search.language import Term
from xqplatform.audit.vias import VIAS

PAGING = ("before", "after", "page", "live")
BRIEF = 300  # letters of a value in a list


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
        "token": _("API token"), "denied": _("Denied"),
    }  # fmt: skip
    options: dict[str, list[tuple[str, Any]]] = {
        "action": actions(),
        "kind": [(name, str(word)) for name, word in sentences.KINDS.items()],
        "via": list(VIAS.items()),
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


def views(saved: Iterable[SavedView], get: QueryDict, actor: Actor) -> list[dict[str, Any]]:
    here = address(get)
    return [
        {
            "name": view.name,
            "url": f"/audit/?{view.query}",
            "shared": view.shared,
            "of": "" if actor.user is not None and view.owner_id == actor.user.pk else view.owner.get_username(),
            "here": here == f"?{view.query}",
        }
        for view in saved
    ]


def rows(events: Sequence[Event], *, folded: bool = False) -> list[dict[str, Any]]:
    """One a line; folded, what one request did is one line with the others in it, in their order."""
    lines: list[dict[str, Any]] = []
    by_request: dict[str, dict[str, Any]] = {}
    for event in events:
        known = by_request.get(event.request_id) if folded and event.request_id else None
        if known is not None:
            known["others"].append(event)
            continue
        line = {"event": event, "difference": difference(event, brief=True), "via": sentences.via(event), "others": []}
        lines.append(line)
        if event.request_id:
            by_request[event.request_id] = line
    return lines


def difference(event: Event, *, brief: bool = False) -> list[dict[str, Any]]:
    """Rows for the template. Brief ones are cut and not compared line by line."""
    found = []
    for row in differences.rows(event.before, event.after, lines=not brief):
        before = sentences.text(row.before) if row.has_before else None
        after = sentences.text(row.after) if row.has_after else None
        if brief:
            before, after = _cut(before), _cut(after)
        found.append({"key": row.key, "before": before, "after": after, "lines": row.lines})
    return found


def _cut(text: str | None) -> str | None:
    return text if text is None or len(text) <= BRIEF else f"{text[:BRIEF]}…"


def around(event: Event, place: Indexed | None, minutes: int) -> list[dict[str, str]]:
    """Searches of what else happened within so many minutes."""
    width = timedelta(minutes=minutes)
    times = {
        name: timezone.localtime(moment).replace(tzinfo=None).isoformat(timespec="seconds")
        for name, moment in (("since", event.time - width), ("until", event.time + width + timedelta(seconds=1)))
    }
    terms = [(_("by %(who)s") % {"who": event.actor}, [Term("who", event.actor, whole=True)])]
    if place is not None and place.service:
        where = [Term("service", place.service, whole=True)]
        if place.environment:
            where.append(Term("env", place.environment, whole=True))
        terms.append((_("on %(what)s") % {"what": " · ".join(filter(None, (place.service, place.environment)))}, where))
    if place is not None and place.host:
        terms.append((_("on %(what)s") % {"what": place.host}, [Term("host", place.host, whole=True)]))
    terms.append((_("by anybody, anywhere"), []))
    return [
        {"text": text, "url": "/audit/?" + urlencode({"q": str(language.Query(tuple(held))), **times})}
        for text, held in terms
    ]

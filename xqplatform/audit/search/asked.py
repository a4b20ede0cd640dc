"""What a page, an export or the API asks for: the box, the fields beside it and a range of time, read from parameters. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from xqplatform.audit.search import language
from xqplatform.audit.search.language import Query, Term

# Parameters of plain form fields → the field of the language.
PARAMETERS = {
    "who": "who", "action": "action", "kind": "kind", "object": "object", "service": "service", "env": "env",
    "host": "host", "via": "via", "ip": "ip", "request": "request", "denied": "denied",
    "token": "token",
}  # fmt: skip
RANGES: dict[str, tuple[timedelta, Any]] = {
    "15m": (timedelta(minutes=15), gettext_lazy("last 15 minutes")),
    "1h": (timedelta(hours=1), gettext_lazy("last hour")),
    "24h": (timedelta(days=1), gettext_lazy("last 24 hours")),
    "7d": (timedelta(days=7), gettext_lazy("last 7 days")),
    "30d": (timedelta(days=30), gettext_lazy("last 30 days")),
    "90d": (timedelta(days=90), gettext_lazy("last 90 days")),
}


@dataclass(frozen=True)
class Asked:
    """`query`: what is looked for, `problems`: field → what is wrong with it. `since` is within, `until` is not."""

    text: str = ""
    query: Query = field(default_factory=Query)
    since: datetime | None = None
    until: datetime | None = None
    problems: Mapping[str, list[str]] | None = None

    @property
    def filtered(self) -> bool:
        return bool(self.query.terms or self.since or self.until)


def clean(value: Any) -> str:
    return str(value or "").replace("\x00", "").strip()[: language.MOST_TEXT]


def read(get: Mapping[str, Any], zone: tzinfo, now: datetime) -> Asked:
    """Never raises. What is wrong is told and counts as not given."""
    problems: dict[str, list[str]] = {}
    text = clean(get.get("q"))
    query = language.parse(text)
    if query.problems:
        problems["q"] = list(query.problems)
    terms = list(query.terms)
    for parameter, name in PARAMETERS.items():
        given = clean(get.get(parameter))
        if not given:
            continue
        if name == "denied":
            if given.lower() not in language.YES | language.NO:
                problems[parameter] = [_("Yes or no, please.")]
                continue
            given = "yes" if given.lower() in language.YES else "no"
        terms.append(Term(name, given[:250], whole=True))
    query = replace(query, terms=tuple(dict.fromkeys(terms)))
    since, until = _range(get, zone, now, problems)
    return Asked(text, query, since, until, problems)


def _range(
    get: Mapping[str, Any], zone: tzinfo, now: datetime, problems: dict[str, list[str]]
) -> tuple[datetime | None, datetime | None]:
    preset = clean(get.get("range"))
    if preset in RANGES:
        return now - RANGES[preset][0], None
    if preset:
        problems["range"] = [_("There is no range «%(text)s».") % {"text": preset[:20]}]
    ends: dict[str, datetime | None] = {}
    for name in ("since", "until"):
        given = clean(get.get(name))
        ends[name] = moment(given, zone, last=name == "until") if given else None
        if given and ends[name] is None:
            problems[name] = [
                _("«%(text)s» is no date or time such as 2026-03-01 or 2026-03-01T14:30.") % {"text": given[:40]}
            ]
    since, until = ends["since"], ends["until"]
    if since and until and since >= until:
        problems["until"] = [_("The end is not after the beginning.")]
        return since, None
    return since, until


def moment(text: str, zone: tzinfo, *, last: bool = False) -> datetime | None:
    """A date or a time in the viewer's zone (or with an offset of its own); as an end, a date is its whole day."""
    try:
        if len(text) == 10:
            day = date.fromisoformat(text)
            return datetime.combine(day + timedelta(days=1 if last else 0), time.min, zone).astimezone(UTC)
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None

"""The overview's figures as a page, an API and a file show them: cards, lines, tiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from containers.capacity import treemap, words
from containers.capacity.models import Of, Span
from containers.capacity.overview import Ends
from containers.capacity.treemap import Part
from hosts.services.pools import Pool
from xqplatform.metrics import units

ALL = 0.995  # of the machines: nothing is said of the rest
SOON = 60  # days: what ends before is marked
CPU, MEMORY = ("cpu", "cores"), ("memory", "bytes")
ICONS = {"cpu": "cpu", "memory": "stack-2", "disk": "database", "addresses": "network"}


@dataclass(frozen=True)
class Figures:
    """One resource of a line, in words."""

    title: str
    has: str
    promised: str
    share: str  # that is promised of what the machines have
    free: str
    may: str  # what may be promised
    p50: str
    p95: str
    max: str


@dataclass(frozen=True)
class Row:
    span: Span
    name: str
    url: str
    figures: list[Figures]
    disk: str
    disk_words: str
    covered: str  # the share of the machines that the used figures are of, where it is not all of them


@dataclass(frozen=True)
class Card:
    icon: str
    title: str
    percent: str
    of: str
    words: str
    promised: float | None
    used: float | None
    ends: str
    soon: bool


def amounts(span: Span, resource: str) -> tuple[float | None, float | None, float]:
    """What the machines have, what may be promised of it, what is."""
    has = span.cpus if resource == "cpu" else span.memory
    may = span.cpus_allocatable if resource == "cpu" else span.memory_allocatable
    return has, may, span.cpus_committed if resource == "cpu" else span.memory_committed


def part(value: float | None, of: float | None) -> float | None:
    """Per cent."""
    return 100 * value / of if value is not None and of else None


def percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f} %"


def figures(span: Span, resource: str, unit: str) -> Figures:
    has, may, promised = amounts(span, resource)
    used = [getattr(span, f"{resource}_{name}") for name in ("p50", "p95", "max")]
    free = None if may is None else may - promised
    return Figures(
        str(words.RESOURCES[resource]), _amount(has, unit), _amount(promised, unit),
        percent(part(promised, has)) if has else "", _amount(free, unit), _amount(may, unit), *(_amount(one, unit) for one in used),
    )  # fmt: skip


def _amount(value: float | None, unit: str) -> str:
    """Cores stand in the head of their columns."""
    if unit != "cores":
        return units.shown(value, unit)
    return "–" if value is None else units.number(value)


def name_of(span: Span) -> str:
    if span.name:
        return span.name
    return str(_("without a team") if span.of == Of.TEAM else _("without a group"))


def url_of(span: Span) -> str:
    if not span.key or not span.name:
        return ""
    if span.of == Of.HOST:
        return reverse("hosts:host", args=[span.name])
    if span.of == Of.SERVICE:
        return reverse("containers:service", args=[span.name])
    return ""


def row(span: Span) -> Row:
    disk = "–"
    if span.disk_total and span.disk_used is not None:
        disk = _("%(used)s used of %(has)s") % {
            "used": units.shown(span.disk_used, "bytes"), "has": units.shown(span.disk_total, "bytes"),
        }  # fmt: skip
    share = percent(part(span.disk_used, span.disk_total))
    return Row(
        span, name_of(span), url_of(span), [figures(span, *one) for one in (CPU, MEMORY)], share, disk, covered(span)
    )


def covered(span: Span) -> str:
    """«80 %»; what the others used is taken to be alike (`extended`)."""
    return percent(100 * span.covered) if span.covered is not None and span.covered < ALL else ""


def tiles(lines: Sequence[Span], *, of_hosts: bool) -> list[Part]:
    """CPU: of machines what they have, of all others what is promised to them; darker the more of that is used."""
    by = "cpus" if of_hosts else "cpus_committed"
    ordered = sorted(lines, key=lambda one: (-float(getattr(one, by) or 0), one.name))
    largest, rest = ordered[: treemap.MOST], ordered[treemap.MOST :]
    found = [_tile(name_of(one), float(getattr(one, by) or 0), one.cpu_p95, url_of(one)) for one in largest]
    if rest:
        known = [one.cpu_p95 for one in rest if one.cpu_p95 is not None]
        found.append(
            _tile(_("others"), sum(float(getattr(one, by) or 0) for one in rest), sum(known) if known else None)
        )
    return found


def _tile(name: str, size: float, used: float | None, url: str = "") -> Part:
    share = used / size if used is not None and size else None
    return Part(name, size, units.shown(size, "cores"), share, url)


def cards(fleet: Span, ends: Sequence[Ends], pools: Sequence[Pool]) -> list[Card]:
    """CPU, memory, disk and addresses of the whole fleet, each with what of it ends first. Without a day yet, used is what is used now."""
    found, now = [], fleet.pk is None
    for resource, unit in (CPU, MEMORY):
        has, may, promised = amounts(fleet, resource)
        used = getattr(fleet, f"{resource}_p95")
        values = {
            "promised": units.shown(promised, unit), "has": units.shown(has, unit), "used": units.shown(used, unit),
            "part": percent(part(promised, has)), "free": units.shown(max(0.0, (may or 0) - promised), unit), "may": units.shown(may, unit),
        }  # fmt: skip
        text = (
            _("%(promised)s promised (%(part)s), %(used)s used now, of %(has)s; %(free)s of %(may)s free to promise")
            if now
            else _(
                "%(promised)s promised (%(part)s), %(used)s used (p95), of %(has)s; %(free)s of %(may)s free to promise"
            )
        ) % values
        found.append(
            _card(
                resource,
                part(used, has),
                _("used now") if now else _("used (p95)"),
                text,
                promised=part(promised, has),
                first=_first(resource, ends),
            )
        )
    text = _("%(used)s used of %(has)s") % {
        "used": units.shown(fleet.disk_used, "bytes"), "has": units.shown(fleet.disk_total, "bytes"),
    }  # fmt: skip
    found.append(_card("disk", part(fleet.disk_used, fleet.disk_total), _("used"), text, first=_first("disk", ends)))
    total, left = sum(one.total for one in pools), sum(one.free for one in pools)
    taken = total - left
    text = _("%(left)s left of %(has)s") % {"left": f"{left:,}", "has": f"{total:,}"}
    found.append(_card("addresses", part(taken, total), _("taken"), text, first=_first("addresses", ends)))
    return found


def _card(
    resource: str, used: float | None, of: str, text: str, *, promised: float | None = None, first: Ends | None
) -> Card:
    soon = first is not None and is_soon(first)
    said = words.short(first) if first is not None else ""
    return Card(ICONS[resource], str(words.RESOURCES[resource]), percent(used), of, text, promised, used, said, soon)


def is_soon(one: Ends) -> bool:
    """The earliest day that the range holds counts."""
    return one.found.days is not None and (one.found.soonest or 0) < SOON


def _first(resource: str, ends: Sequence[Ends]) -> Ends | None:
    return next((one for one in ends if one.resource == resource), None)


def runway(one: Ends) -> dict[str, Any]:
    return {
        "what": words.RESOURCES[one.resource], "name": one.name, "basis": words.basis(one), "capacity": one.capacity,
        "level": one.found.level if one.found.level is not None else one.taken, "unit": words.UNITS[one.resource],
        "growth": words.growth(one), "ends": words.ends(one), "when": words.when(one), "soon": is_soon(one),
    }  # fmt: skip


WORDS = {
    Of.GROUP: gettext_lazy("Group"),
    Of.HOST: gettext_lazy("Host"),
    Of.ENVIRONMENT: gettext_lazy("Environment"),
    Of.TEAM: gettext_lazy("Team"),
    Of.SERVICE: gettext_lazy("Service"),
}

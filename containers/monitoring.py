"""The fleet at a glance: who has most of something, and how warm each host is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from containers.models import Instance
from hosts.models import Host
from xqplatform import metrics
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.visibility import visible
from xqplatform.errors import Refused
from xqplatform.metrics import catalogue, units
from xqplatform.metrics.ranges import Range
from xqplatform.shares import share

TOP = 20
KINDS = {"instance": gettext_lazy("instances"), "host": gettext_lazy("hosts")}
BY = {"avg": gettext_lazy("mean"), "max": gettext_lazy("highest")}
# name → (words, unit, the value that is fully warm)
HEAT: dict[str, tuple[Any, str, float]] = {
    "cpu.percent": (gettext_lazy("CPU"), "percent", 100),
    "memory": (gettext_lazy("Memory used"), "percent", 100),
    "load": (gettext_lazy("Load per core"), "count", 2),
    "pressure.cpu": (gettext_lazy("Waiting for CPU"), "percent", 40),
    "pressure.memory": (gettext_lazy("Waiting for memory"), "percent", 40),
    "pressure.io": (gettext_lazy("Waiting for disks"), "percent", 40),
    "tcp.retransmit_ratio": (gettext_lazy("TCP segments sent again"), "ratio", 0.05),
    "conntrack.percent": (gettext_lazy("Table of connections"), "percent", 100),
}
MOST_HOSTS = 2000


@dataclass(frozen=True)
class Ranked:
    """A row of the top 20: its share is of the highest, for the bar."""

    name: str
    url: str
    value: float
    shown: str
    share: float
    more: str = ""


@dataclass(frozen=True)
class Tile:
    name: str
    url: str
    shown: str
    heat: float  # 0 to 1
    state: str = ""


@dataclass(frozen=True)
class Asked:
    """What the page's address asks for."""

    kind: str
    metric: str
    by: str
    heat: str


def asked(query: Mapping[str, Any]) -> Asked:
    """Raises Refused (400) for what there is not."""
    kind = str(query.get("kind") or "instance")
    if kind not in KINDS:
        raise Refused(_("There are the kinds %(known)s.") % {"known": ", ".join(KINDS)}, "kind", 400)
    metric = str(query.get("metric") or "cpu.cores")[:80]
    names = {one.name for one in catalogue.of(kind)}
    if metric not in names and not (kind == "instance" and metric.startswith(catalogue.APP)):
        # The other kind was chosen: its list begins at CPU again.
        if metric in {one.name for one in catalogue.METRICS}:
            metric = "cpu.cores"
        else:
            raise Refused(_("There is no metric «%(name)s».") % {"name": metric}, "metric", 400)
    by = str(query.get("by") or "avg")
    if by not in BY:
        raise Refused(_("There are the orders %(known)s.") % {"known": ", ".join(BY)}, "by", 400)
    heat = str(query.get("heat") or "cpu.percent")
    if heat not in HEAT:
        raise Refused(_("There is no heat map of «%(name)s».") % {"name": heat[:80]}, "heat", 400)
    return Asked(kind, metric, by, heat)


def choices(kind: str) -> list[tuple[Any, list[tuple[str, Any]]]]:
    """Metrics that can be ranked, by group. Of a host's cards and disks each has its own series and none their sum."""
    found: dict[str, list[tuple[str, Any]]] = {}
    for one in catalogue.of(kind):
        if not one.device or kind == "instance":
            found.setdefault(one.group, []).append((one.name, one.title))
    return [(catalogue.GROUPS[group], rows) for group, rows in found.items()]


def top(actor: Actor, what: Asked, span: Range) -> list[Ranked]:
    """The twenty that have most, with names and pages. Who is gone from the platform is left out."""
    rows = metrics.top(
        what.metric, span.start, span.end, kind=what.kind, n=TOP, by="max" if what.by == "max" else "avg"
    )
    named = names_of(actor, [subject for subject, _value in rows])
    most = max((value for _subject, value in rows), default=0.0)
    unit = catalogue.find(what.metric).unit
    return [
        Ranked(
            named[subject][0],
            f"{named[subject][1]}?{span.query}",
            value,
            units.shown(value, unit),
            100 * value / most if most > 0 else 0.0,
            named[subject][2],
        )
        for subject, value in rows
        if subject in named
    ]


def names_of(actor: Actor, subjects: Sequence[str]) -> dict[str, tuple[str, str, str]]:
    """Name, page of charts, and where it is, of each subject that is still known."""
    keys: dict[str, list[int]] = {"instance": [], "host": []}
    for subject in subjects:
        kind, _colon, pk = subject.partition(":")
        if kind in keys and pk.isdecimal():
            keys[kind].append(int(pk))
    found: dict[str, tuple[str, str, str]] = {}
    rows = (
        visible(actor, Instance)
        .filter(pk__in=keys["instance"])
        .select_related("place__service", "place__environment", "host")
    )
    for row in rows:
        found[f"instance:{row.pk}"] = (row.name, reverse("containers:instance_charts", args=[row.pk]), row.host.name)
    for host in Host.objects.filter(pk__in=keys["host"]).select_related("group"):
        found[f"host:{host.pk}"] = (host.name, reverse("hosts:host_charts", args=[host.name]), str(host.group or ""))
    return found


def heat_map(what: str, span: Range, hosts: Sequence[Host]) -> list[tuple[str, list[Tile]]]:
    """Each host by the mean of something over the range, under its group; the warmest first."""
    _words, unit, full = HEAT[what]
    values = heat_values(what, span)
    groups: dict[str, list[tuple[float, Tile]]] = {}
    # One address for all: there may be thousands of hosts.
    before, _slash, after = reverse("hosts:host_charts", args=["NAME"]).rpartition("NAME")
    for host in sorted(hosts, key=lambda host: host.name)[:MOST_HOSTS]:
        value = values.get(f"host:{host.pk}")
        heat = 0.0 if value is None else min(1.0, max(0.0, value / full))
        url = f"{before}{host.name}{after}?{span.query}"
        tile = Tile(host.name, url, units.shown(value, unit), round(heat * 0.75, 3), host.shown_state)
        groups.setdefault(str(host.group or _("no group")), []).append((-1.0 if value is None else value, tile))
    return [
        (group, [tile for _value, tile in sorted(tiles, key=lambda pair: (-pair[0], pair[1].name))])
        for group, tiles in sorted(groups.items())
    ]


def drawn(tiles: Sequence[Tile]) -> SafeString:
    """The tiles of a group. There may be thousands: a template would take long over them, and so would its way to escape."""
    return SafeString("".join(map(_drawn, tiles)))


def _drawn(tile: Tile) -> str:
    url, name, shown = escape(tile.url), escape(tile.name), escape(tile.shown)
    heat = f'<i class="{share("o", 60 * tile.heat)}"></i>'
    return f'<a class="xqc-tile" href="{url}" title="{name}: {shown}">{heat}<span>{name}</span><b>{shown}</b></a>'


def heat_values(what: str, span: Range) -> dict[str, float]:
    """Means by subject; memory is a share of the whole, load is per core."""
    if what == "memory":
        used, total = _means("memory.used", span), _means("memory.total", span)
        return {s: 100 * value / total[s] for s, value in used.items() if total.get(s)}
    if what == "load":
        cores = {f"host:{pk}": cpus for pk, cpus in Host.objects.values_list("pk", "cpus") if cpus}
        return {s: value / cores[s] for s, value in _means("load.1", span).items() if s in cores}
    return _means(what, span)


def _means(metric: str, span: Range) -> dict[str, float]:
    return dict(metrics.top(metric, span.start, span.end, kind="host", n=MOST_HOSTS, by="avg"))

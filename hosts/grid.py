"""A segment's addresses as a grid: what each one is, 256 at a time. Pure but for the rows that it is given."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

from hosts.addresses import mac_of, parse_ranges, usable, within
from hosts.models import Address, Segment
from xqplatform.web.states import SHAPES

BLOCK = 256
WORDS = {
    "free": _("free"),
    "held": _("held"),
    "quarantine": _("quarantine"),
    "reserved": _("reserved"),
    "range": _("reserved range"),
    "outside": _("outside the pool"),
    "gateway": _("gateway"),
    "host": _("a host's own"),
    "foreign": _("foreign container"),
    "network": _("network"),
    "broadcast": _("broadcast"),
}
SHAPE = {
    "free": "ring",
    "held": "dot",
    "quarantine": "half",
    "reserved": "frame",
    "range": "frame",
    "outside": "dashed",
    "gateway": "diamond",
    "host": "square",
    "foreign": "triangle",
    "network": "dash",
    "broadcast": "dash",
}


@dataclass(frozen=True)
class Cell:
    """One address: `kind` is free, held, reserved, quarantine, range, outside, gateway, network, broadcast, host, foreign."""

    ip: str
    kind: str
    holder: str = ""
    note: str = ""
    row: Address | None = None
    hit: bool = False

    @property
    def short(self) -> str:
        return self.ip.rpartition(".")[2]

    @property
    def mac(self) -> str:
        return self.row.mac if self.row is not None else mac_of(self.ip)

    @property
    def can_be_reserved(self) -> bool:
        return self.kind in {"free", "outside", "range"}

    @property
    def url(self) -> str:
        return self.row.holder_url if self.row is not None else ""

    @property
    def kind_word(self) -> str:
        return str(WORDS[self.kind])

    @property
    def svg(self) -> SafeString:
        return format_html('<svg viewBox="0 0 12 12" aria-hidden="true">{}</svg>', mark_safe(SHAPES[SHAPE[self.kind]]))  # noqa: S308 our own


def legend() -> list[Cell]:
    """One cell of each kind that needs an explanation."""
    return [Cell("", kind) for kind in WORDS if kind not in {"network", "broadcast"}]


def blocks(segment: Segment) -> list[tuple[int, str]]:
    """The grid's pages: (first address as number, its text)."""
    network = IPv4Network(segment.cidr)
    first, last = int(network.network_address), int(network.broadcast_address)
    return [(start, str(IPv4Address(start))) for start in range(first, last + 1, BLOCK)]


def cells(  # noqa: PLR0917
    segment: Segment,
    start: int,
    rows: Iterable[Address],
    hosts: Mapping[str, str],
    strangers: Mapping[str, str],
    q: str = "",
) -> list[Cell]:
    """The addresses from `start` on. `hosts` and `strangers`: IP → name. `q` marks what fits: IP, MAC or holder."""
    network = IPv4Network(segment.cidr)
    low, high = usable(segment.cidr)
    kept, pool = parse_ranges(segment.reserved), parse_ranges(segment.pool)
    ledger = {row.ip: row for row in rows}
    found = []
    for number in range(start, min(start + BLOCK, int(network.broadcast_address) + 1)):
        ip = str(IPv4Address(number))
        row, holder, note = ledger.get(ip), "", ""
        if row is not None:
            kind, holder, note = row.state, row.holder, row.note
        elif number < low:
            kind = "network"
        elif number > high:
            kind = "broadcast"
        elif ip == segment.gateway:
            kind = "gateway"
        elif ip in hosts:
            kind, holder = "host", hosts[ip]
        elif ip in strangers:
            kind, holder = "foreign", strangers[ip]
        elif within(number, kept):
            kind = "range"
        else:
            kind = "free" if not pool or within(number, pool) else "outside"
        found.append(Cell(ip, kind, holder, note, row, fits(q, ip, holder, note, row.mac if row else "")))
    return found


def fits(q: str, ip: str, holder: str, note: str, mac: str = "") -> bool:
    q = q.lower().strip()
    if not q:
        return False
    if re.fullmatch(r"\d+\.\d+\.\d+\.\d+", q):
        return ip == q
    return (
        q.replace("-", ":") in (mac or mac_of(ip))
        if re.fullmatch(r"([0-9a-f]{2}[:-])+[0-9a-f]{0,2}", q)
        else (q in ip or q in holder.lower() or q in note.lower())
    )

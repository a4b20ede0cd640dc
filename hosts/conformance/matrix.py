"""The fleet's matrix, out of rows: three queries, whatever its size."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from hosts.conformance.check import Check
from hosts.conformance.checks import CHECKS
from hosts.models import CheckResult, Host, Waiver

STATES = ("fails", "unknown", "waived", "passes")


@dataclass(frozen=True)
class Cell:
    state: str
    words: str


@dataclass
class Line:
    host: Host
    checks: list[Check]  # of the columns
    cells: list[Cell | None]
    counts: dict[str, int]
    failing: list[Check] = field(default_factory=list)

    @property
    def pairs(self) -> list[tuple[Check, Cell | None]]:
        return list(zip(self.checks, self.cells, strict=True))


@dataclass
class Column:
    check: Check
    counts: dict[str, int]


@dataclass
class Matrix:
    checks: list[Check]
    columns: list[Column]
    lines: list[Line]
    counts: dict[str, int]


def _waived() -> tuple[set[tuple[int, str]], set[tuple[int, str]]]:
    """(host, check) and (group, check) that a waiver holds for today."""
    rows = list(Waiver.holding())
    return (
        {(row.host_id, row.check_slug) for row in rows if row.host_id},
        {(row.group_id, row.check_slug) for row in rows if row.group_id},
    )


def build(hosts: list[Host]) -> Matrix:
    """Lines in the order of the hosts, columns in the order of the checks; None where a check does not count."""
    by_host, by_group = _waived()
    found: dict[int, dict[str, Cell]] = {host.pk: {} for host in hosts}
    groups = {host.pk: host.group_id for host in hosts}
    rows = CheckResult.objects.filter(host__in=hosts).values_list("host_id", "check_slug", "state", "words")
    for pk, slug, state, words in rows:
        waived = state == "fails" and ((pk, slug) in by_host or (groups[pk], slug) in by_group)
        found[pk][slug] = Cell("waived" if waived else state, words)
    used = [check for check in CHECKS if any(check.slug in cells for cells in found.values())]
    lines = []
    for host in hosts:
        cells = found[host.pk]
        line = Line(host, used, [cells.get(check.slug) for check in used], _count(cells.values()))
        line.failing = [check for check in used if check.slug in cells and cells[check.slug].state == "fails"]
        lines.append(line)
    columns = [
        Column(check, _count(cells[check.slug] for cells in found.values() if check.slug in cells)) for check in used
    ]
    return Matrix(used, columns, lines, {state: sum(line.counts[state] for line in lines) for state in STATES})


def _count(cells: Iterable[Cell]) -> dict[str, int]:
    found = dict.fromkeys(STATES, 0)
    for cell in cells:
        found[cell.state] += 1
    return found


def hosts_by_state() -> dict[str, set[int]]:
    """Hosts by a state that some check has there, and by each check that fails there (not waived)."""
    by_host, by_group = _waived()
    found: dict[str, set[int]] = {}
    rows = CheckResult.objects.exclude(host__state=Host.State.RETIRED)
    for pk, group, slug, state in rows.values_list("host_id", "host__group_id", "check_slug", "state"):
        waived = state == "fails" and ((pk, slug) in by_host or (group, slug) in by_group)
        found.setdefault("waived" if waived else state, set()).add(pk)
        if state == "fails" and not waived:
            found.setdefault(slug, set()).add(pk)
    return found


def failing() -> tuple[int, int]:
    """How many checks fail (waived ones left out), on how many hosts: for the home page."""
    by_host, by_group = _waived()
    rows = CheckResult.objects.filter(state="fails").exclude(host__state=Host.State.RETIRED)
    left = [
        pk
        for pk, group, slug in rows.values_list("host_id", "host__group_id", "check_slug")
        if (pk, slug) not in by_host and (group, slug) not in by_group
    ]
    return len(left), len(set(left))

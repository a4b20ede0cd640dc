"""How readings went, kept on rows: when that changes, and otherwise once a minute. 10,000 endpoints are some 170 rows a second."""

from __future__ import annotations

from datetime import UTC, datetime

from containers.models import Endpoint, Instance
from containers.told.scraper import Outcome
from xqplatform import live

AGAIN = 60.0  # seconds
ROWS = 500  # a statement
_Said = tuple[str, tuple[str, ...], bool]


class Notes:
    """Of one process."""

    def __init__(self) -> None:
        self._said: dict[int, tuple[_Said, float]] = {}
        self._due: dict[int, Outcome] = {}

    def take(self, outcome: Outcome) -> None:
        said, at = self._said.get(outcome.instance, (None, 0.0))
        if said != _said(outcome) or outcome.time - at >= AGAIN or outcome.instance in self._due:
            self._due[outcome.instance] = outcome

    def write(self) -> None:
        """Raises DatabaseError; then nothing is forgotten."""
        if not self._due:
            return
        due = list(self._due.values())
        for part in (due[i : i + ROWS] for i in range(0, len(due), ROWS)):
            self._write(part)
            for outcome in part:
                self._said[outcome.instance] = (_said(outcome), outcome.time)
                self._due.pop(outcome.instance, None)

    def _write(self, part: list[Outcome]) -> None:
        there = set(Instance.objects.filter(pk__in=[one.instance for one in part]).values_list("pk", flat=True))
        known = {row.instance_id: row for row in Endpoint.objects.filter(instance__in=there)}
        rows, changed = [], []
        for outcome in part:
            if outcome.instance not in there:
                continue
            at = datetime.fromtimestamp(outcome.time, UTC)
            row = known.get(outcome.instance) or Endpoint(instance_id=outcome.instance, since=at, trouble="…")
            if (row.trouble, tuple(row.missing), row.cut) != _said(outcome):
                row.since = at
                changed.append(f"instance:{outcome.instance}")
            row.trouble, row.missing, row.cut = outcome.trouble, [*outcome.missing], outcome.cut
            row.read = at
            if not outcome.trouble:
                row.answered = at
            rows.append(row)
        Endpoint.objects.bulk_create(
            [Endpoint(**{name: getattr(row, name) for name in ("instance_id", *_FIELDS)}) for row in rows],
            update_conflicts=True,
            unique_fields=["instance"],
            update_fields=_FIELDS,
        )
        if changed:
            live.bump(*changed)


_FIELDS = ["trouble", "since", "read", "answered", "missing", "cut"]


def _said(outcome: Outcome) -> _Said:
    return outcome.trouble, outcome.missing, outcome.cut

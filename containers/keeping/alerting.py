"""What alerts know of data: places where it is at risk, and stores of backups that do not do what they are asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from threading import Lock

from django.utils.translation import gettext_lazy

from containers.keeping import protecting
from containers.keeping.models import BackupTarget
from containers.keeping.protecting import Line
from containers.keeping.protection import NOTHING, Kind
from containers.keeping.protection_words import said
from containers.models import ServiceEnvironment
from xqplatform.alerts import sources, subjects
from xqplatform.alerts.sources import Found

TITLES = (
    ("place.unprotected", gettext_lazy("Data without backups"), NOTHING),
    ("place.backup_overdue", gettext_lazy("Backup overdue"), (Kind.OVERDUE,)),
    ("place.backup_failed", gettext_lazy("Scheduled backup failed"), (Kind.FAILED,)),
    ("place.drill_failed", gettext_lazy("Restore drill did not pass"), (Kind.DRILL_FAILED,)),
    ("place.drill_overdue", gettext_lazy("Restore drill overdue"), (Kind.DRILL_OVERDUE,)),
    ("place.snapshots", gettext_lazy("Snapshots behind their schedule"), (Kind.SNAPSHOTS,)),
)


class _Round:
    """What the sources of one evaluation share, so that all is read once for them. A source that asks again begins anew."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._now, self._lines = 0.0, list[Line]()
        self._asked: set[str] = set()

    def lines(self, name: str, now: float) -> list[Line]:
        with self._lock:
            if now != self._now or name in self._asked:
                self._lines = protecting.lines(ServiceEnvironment.objects.all(), datetime.fromtimestamp(now, UTC))
                self._now, self._asked = now, set()
            self._asked.add(name)
            return self._lines


_ROUND = _Round()


def _risks(name: str, kinds: tuple[Kind, ...]) -> Callable[[float], Iterator[Found]]:
    def read(now: float) -> Iterator[Found]:
        for line in _ROUND.lines(name, now):
            for risk in line.found.risks:
                if risk.kind in kinds:
                    device = f"#{risk.number}" if risk.number else ""
                    yield Found(f"place:{line.place.pk}", risk.since.timestamp(), said(risk), device=device)

    return read


def _stores() -> Iterator[subjects.About]:
    for pk, name in BackupTarget.objects.values_list("pk", "name"):
        yield subjects.About(f"store:{pk}", name, "/settings/stores/")


def _out_of_reach(now: float) -> Iterator[Found]:
    """Since when is not known: how long it lasts is counted from when it is seen."""
    for pk, problem in BackupTarget.objects.exclude(problem="").values_list("pk", "problem"):
        yield Found(f"store:{pk}", None, problem)


def register() -> None:
    subjects.register("store", gettext_lazy("Store of backups"), _stores)
    for name, title, kinds in TITLES:
        sources.register(name, title, "place", _risks(name, kinds))
    sources.register("store.unreachable", gettext_lazy("Store of backups out of reach"), "store", _out_of_reach)

"""Numbers for subjects and layouts, remembered by each process once they are committed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from django.db import transaction

from xqplatform.metrics.models import Layout, Subject

_ids: dict[str, int] = {}
_subjects: dict[int, str] = {}
_layouts: dict[tuple[str, ...], int] = {}
_columns: dict[int, tuple[str, ...]] = {}


def forget() -> None:
    """Drops what this process remembers (tests take their rows back)."""
    for known in (_ids, _subjects, _layouts, _columns):
        known.clear()


def ids(subjects: Iterable[str], *, make: bool = False) -> dict[str, int]:
    """The numbers of subjects; those without one are left out, or get one."""
    wanted = set(subjects)
    found = {name: _ids[name] for name in wanted & _ids.keys()}
    missing = sorted(wanted - found.keys())
    for part in (missing[i : i + 500] for i in range(0, len(missing), 500)):
        if make:
            known = set(Subject.objects.filter(name__in=part).values_list("name", flat=True))
            Subject.objects.bulk_create([Subject(name=n) for n in part if n not in known], ignore_conflicts=True)
        rows = dict(Subject.objects.filter(name__in=part).values_list("name", "id"))
        found |= rows
        _remember(rows)
    return found


def _remember(rows: dict[str, int]) -> None:
    def keep() -> None:
        _ids.update(rows)
        _subjects.update({number: name for name, number in rows.items()})

    transaction.on_commit(keep)


def subjects(numbers: Iterable[int]) -> dict[int, str]:
    """The names of numbers."""
    wanted = set(numbers)
    found = {number: _subjects[number] for number in wanted & _subjects.keys()}
    missing = sorted(wanted - found.keys())
    for part in (missing[i : i + 500] for i in range(0, len(missing), 500)):
        rows = dict(Subject.objects.filter(id__in=part).values_list("name", "id"))
        found |= {number: name for name, number in rows.items()}
        _remember(rows)
    return found


def layout(names: Sequence[str]) -> int:
    """The number of a layout (names in their order), made when it is new."""
    wanted = tuple(names)
    known = _layouts.get(wanted)
    if known is not None:
        return known
    text = "\n".join(name.replace("\n", " ") for name in wanted)  # a device or a mount may be called anything
    digest = hashlib.sha256(text.encode()).hexdigest()[:40]
    row, _made = Layout.objects.get_or_create(digest=digest, defaults={"names": text})

    def keep() -> None:
        _layouts[wanted] = row.pk
        _columns[row.pk] = wanted

    transaction.on_commit(keep)
    return row.pk


def columns(numbers: Iterable[int]) -> dict[int, tuple[str, ...]]:
    """The names that layouts hold, in their order."""
    wanted = set(numbers)
    found = {number: _columns[number] for number in wanted & _columns.keys()}
    missing = wanted - found.keys()
    if missing:
        rows = {
            pk: tuple(text.split("\n")) for pk, text in Layout.objects.filter(id__in=missing).values_list("id", "names")
        }
        found |= rows
        transaction.on_commit(lambda: _columns.update(rows))
    return found

"""The recorded calls of a release, by its steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from containers.models import CallBlock, Deployment, Step
from containers.recorder import book, words


@dataclass
class Group:
    """Of one step on one engine; `step` is None for what belongs to none."""

    key: str
    step: Step | None
    where: str
    entries: list[book.Entry] = field(default_factory=list)
    left_out: int = 0

    @property
    def calls(self) -> int:
        return book.counts(self.entries)[0] + self.left_out

    @property
    def failed(self) -> int:
        return book.counts(self.entries)[1]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """What a page shows of each entry."""
        return [shown(one) for one in self.entries]


def shown(one: book.Entry) -> dict[str, Any]:
    return {
        "time": datetime.fromtimestamp(one.began, UTC),
        "verb": words.verb(one.method, one.path),
        "method": one.method,
        "path": words.short(one.path),
        "facts": one.facts,
        "answer": words.answer(one.status),
        "failed": one.failed,
        "words": one.words,
        "count": one.count,
        "total": one.total,
        "longest": one.longest,
    }


def as_json(one: book.Entry) -> dict[str, Any]:
    return {
        "time": datetime.fromtimestamp(one.began, UTC),
        "last": datetime.fromtimestamp(one.last, UTC) if one.last else None,
        "host": one.where,
        "method": one.method,
        "path": one.path,
        "facts": one.facts,
        "status": one.status,
        "ms": one.total,
        "longest_ms": one.longest,
        "words": one.words,
        "count": one.count,
    }


def calls_of(deployment: Deployment) -> list[Group]:
    """All that is recorded, what belongs to no step first, then in the order of the steps."""
    entries: list[book.Entry] = []
    missing: Counter[book.Key] = Counter()
    for block in CallBlock.objects.filter(deployment=deployment):
        found, left_out = book.unpacked(block.data)
        entries += found
        missing += left_out
    steps = deployment.steps.select_related("instance").order_by("position")
    return grouped(book.in_order(entries), missing, steps)


def grouped(entries: Iterable[book.Entry], missing: Counter[book.Key], steps: Iterable[Step]) -> list[Group]:
    known = {step.pk: step for step in steps}
    found: dict[book.Key, Group] = {}
    for one in entries:
        if one.key not in found:
            key = f"{one.step}-{one.where}"
            found[one.key] = Group(key, known.get(one.step), one.where, left_out=missing[one.key])
        found[one.key].entries.append(one)
    order = {pk: n for n, pk in enumerate(known)}
    return sorted(found.values(), key=lambda g: (order.get(g.step.pk, 0) + 1 if g.step else 0, g.where))

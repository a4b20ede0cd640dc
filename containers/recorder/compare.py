"""Two releases of a service side by side. Pure but for the rows' own fields."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from containers.how import policy_words
from containers.models import Deployment, Step
from containers.progress import span
from xqplatform.web.templatetags.xq import duration

PHASES = ("stop", "create", "start", "healthy")
MOST_FAILURES = 20


@dataclass(frozen=True)
class Line:
    """One fact of both; `slower`: that of the right one took noticeably longer."""

    name: str
    left: str
    right: str
    slower: bool = False

    @property
    def differs(self) -> bool:
        return self.left != self.right


@dataclass(frozen=True)
class Spread:
    """Durations of a phase over all instances, in seconds."""

    count: int
    p50: float
    longest: float

    def __str__(self) -> str:
        values = {"p50": duration(self.p50), "longest": duration(self.longest), "n": self.count}
        return _("p50 %(p50)s, longest %(longest)s (%(n)d)") % values


def spread(seconds: Iterable[float]) -> Spread | None:
    """Median (the upper of two in the middle) and maximum; None of nothing."""
    ordered = sorted(seconds)
    return Spread(len(ordered), ordered[len(ordered) // 2], ordered[-1]) if ordered else None


def phases(row: Deployment, steps: Sequence[Step]) -> dict[str, Spread | None]:
    """How long pulls (a host each) and the phases of steps took; what did not end does not count."""
    pulls = (p for p in row.pulls.values() if isinstance(p, dict))
    found = {"pull": spread(p["ended"] - p["began"] for p in pulls if p.get("began") and p.get("ended"))}
    for name in PHASES:
        spans = [span(step.times.get(name)) for step in steps]
        found[name] = spread(s[1] - s[0] for s in spans if s is not None and s[1] is not None)
    return found


def phase_lines(left: dict[str, Spread | None], right: dict[str, Spread | None]) -> list[Line]:
    words = {
        "pull": _("pull"),
        "stop": _("stop"),
        "create": _("create"),
        "start": _("start"),
        "healthy": _("get healthy"),
    }
    return [Line(words[n], str(left[n] or "–"), str(right[n] or "–"), slower(left[n], right[n])) for n in words]


def slower(left: Spread | None, right: Spread | None) -> bool:
    """By a fifth, and by half a second at least."""
    return left is not None and right is not None and right.p50 - left.p50 > max(0.5, left.p50 / 5)


def facts(row: Deployment) -> list[tuple[str, str]]:
    image, took = row.image, None
    if row.started and row.finished:
        took = (row.finished - row.started).total_seconds()
    return [
        (_("What"), str(row.get_kind_display())),
        (_("Environment"), row.place.environment.local_title),
        (_("State"), str(row.get_state_display())),
        (_("Outcome"), row.outcome or "–"),
        (_("Took"), duration(took)),
        (_("By"), row.created_name or "–"),
        (_("Why"), row.reason or "–"),
        (_("Image"), image.tag if image else "–"),
        (_("Digest"), image.digest if image and image.digest else "–"),
        (_("Settings"), str(row.config) if row.config else "–"),
        (_("Instances"), str(row.wanted)),
        *((str(name), str(value)) for name, value in policy_words(row.policy, row.kind)),
    ]


def side_by_side(left: Sequence[tuple[str, str]], right: Sequence[tuple[str, str]]) -> list[Line]:
    """Facts by their names, in the order of the left ones, then what only the right one has."""
    mine, theirs = dict(left), dict(right)
    return [Line(name, mine.get(name, "–"), theirs.get(name, "–")) for name in {**mine, **theirs}]


def failures(steps: Iterable[Step]) -> list[dict[str, Any]]:
    """What failed, by instance, in words."""
    bad = {Step.State.FAILED, Step.State.UNDO_FAILED}
    return [
        {"number": s.instance.number, "host": s.target.name, "state": s.state, "reason": s.reason}
        for s in steps
        if s.state in bad or (s.reason and s.state == Step.State.UNDONE)
    ][:MOST_FAILURES]

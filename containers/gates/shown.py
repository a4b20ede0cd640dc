"""What pages, the API and a release's file show of gates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from containers.gates import sets, shape, words
from containers.gates.judge import Rule
from containers.gates.sets import Counting, Scope
from containers.models import Deployment, GateRules, GateRun, ServiceEnvironment
from xqplatform import metrics
from xqplatform.metrics import catalogue

DAY = 86_400.0
NOT_JUDGED = "not_judged"
SHOWN = 10  # gates of a release on its page


@dataclass(frozen=True)
class RuleLine:
    """A rule in words, with the mark that names it."""

    rule: Rule
    mark: str
    words: str
    watch: int
    broken: str
    missing: str


@dataclass(frozen=True)
class FindingLine:
    rule: RuleLine
    state: str
    new: str
    base: str
    limit: str
    samples: str
    note: str


@dataclass(frozen=True)
class Run:
    """A gate of one batch. `state`: also «not_judged», when the release went another way while it measured."""

    row: GateRun
    state: str
    source: str
    watched: int
    whole: int
    lines: list[FindingLine]
    passed: bool = False  # it held, and somebody let it go on


def lines_of(rules: Sequence[Rule]) -> list[RuleLine]:
    return [
        RuleLine(
            rule,
            shape.mark_of(rule),
            words.rule_words(rule),
            rule.watch,
            str(shape.CHOICES["broken"][rule.broken]),
            str(shape.CHOICES["missing"][rule.missing]),
        )
        for rule in rules
    ]


def source_words(source: str) -> str:
    if not source:
        return _("the platform's rules")
    if "/" in source:
        return _("rules of %(place)s") % {"place": source}
    return _("rules of the environment %(name)s") % {"name": source}


def counting_words(found: Counting) -> str:
    """Whose rules count there."""
    place, environment = found.scope.place, found.scope.environment
    return source_words(str(place or (environment.slug if environment else "")))


def planned(place: ServiceEnvironment) -> dict[str, Any]:
    """What would be measured after each batch of a release that begins now; `seconds`: how long, 0 where nothing is."""
    found = sets.counting(Scope(place=place))
    lines = lines_of(found.rules)
    return {
        "source": counting_words(found),
        "seconds": found.settle + max(line.watch for line in lines) if lines else 0,
        "rules": [{"words": one.words, "broken": one.rule.broken} for one in lines],
    }


def newest_runs(row: Deployment) -> tuple[list[Run], bool]:
    """Those that a page shows, and whether there are earlier ones: a release may have a thousand batches."""
    found = runs_of(row, SHOWN + 1)
    return found[-SHOWN:], len(found) > SHOWN


def runs_of(row: Deployment, newest: int | None = None) -> list[Run]:
    """Its gates by batch, with the rules as they were."""
    goes = row.state in {Deployment.State.RUNNING, Deployment.State.PAUSED} and row.asked not in {"cancel", "rollback"}
    rows = reversed(row.gate_runs.order_by("-batch", "-id")[:newest])
    return [_run(one, goes=goes, passed=one.batch <= row.passed) for one in rows]


def _run(row: GateRun, *, goes: bool, passed: bool) -> Run:
    rules = lines_of(shape.of_json(row.rules))
    found = row.findings or [{} for _rule in rules]
    return Run(
        row,
        row.state if (goes and not passed) or row.state != GateRun.State.MEASURING else NOT_JUDGED,
        source_words(row.source),
        int(row.watched),
        row.settle + max((line.watch for line in rules), default=0),
        [_finding(line, one) for line, one in zip(rules, found, strict=True)],
        passed and row.state == GateRun.State.HOLD,
    )


def _finding(line: RuleLine, found: dict[str, Any]) -> FindingLine:
    unit = shape.unit_of(line.rule.metric)[0]
    counts = [found.get("samples"), found.get("base_samples") if found.get("basis") not in {"", "none"} else None]
    return FindingLine(
        line,
        found.get("state", "waits"),
        words.number(found.get("new"), unit),
        words.number(found.get("base"), unit),
        words.number(found.get("limit"), unit),
        " / ".join(str(count) for count in counts if count is not None),
        "; ".join(part for part in (words.basis_words(found.get("basis", "")), found.get("problem", "")) if part),
    )


def run_json(run: Run) -> dict[str, Any]:
    row = run.row
    found = row.findings or [{} for _rule in row.rules]
    return {
        "batch": row.batch + 1,
        "verdict": run.state,
        "why": row.why,
        "let_go_on": run.passed,
        "source": run.source,
        "settle": row.settle,
        "watched": round(row.watched, 1),
        "begun": row.begun,
        "judged": row.judged,
        "new": row.new,
        "old": row.old,
        "rules": [
            {
                "rule": rule,
                "says": line.rule.words,
                "finding": one,
                "state": line.state,
                "new": line.new,
                "base": line.base,
                "limit": line.limit,
                "note": line.note,
            }
            for rule, one, line in zip(row.rules, found, run.lines, strict=True)
        ],
    }


def suggestions(place: ServiceEnvironment | None, now: float) -> list[tuple[str, str]]:
    """Names of metrics for the form: what instances have, and what a place's applications told within a day."""
    own = [(name, str(title)) for name, title in shape.OWN.items()]
    known = [
        (one.name, str(one.title)) for one in catalogue.of("instance") if not one.device and one.name not in shape.OWN
    ]
    told: set[str] = set()
    if place is not None:
        for pk in place.instances.filter(removed=None).values_list("pk", flat=True)[:3]:
            told |= {name for name in metrics.names(f"instance:{pk}", now - DAY, now) if name.startswith(catalogue.APP)}
    return own + known + [(name, name) for name in sorted(told)]


def scopes() -> list[dict[str, Any]]:
    """Every environment with whose rules count there."""
    from containers.models import Environment

    return [
        {"environment": one, "at": sets.at(Scope(environment=one)), "counting": sets.counting(Scope(environment=one))}
        for one in Environment.objects.all()
    ]


def modes(scope: Scope) -> list[tuple[str, str]]:
    """What can be chosen there, in words."""
    mode = GateRules.Mode
    if scope.above is None:
        return [(str(mode.OFF), _("off")), (str(mode.OWN), _("on"))]
    inherit = _("as the environment has them") if scope.place is not None else _("as the platform has them")
    return [(str(mode.INHERIT), inherit), (str(mode.OWN), _("own rules")), (str(mode.OFF), _("none"))]

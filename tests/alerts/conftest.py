"""A clock and samples at will; rules of one's own instead of those that come with the platform."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests import factories
from xqplatform import metrics
from xqplatform.alerts import evaluate
from xqplatform.alerts.models import Alert, Channel, Evaluator, Rule

START = 1_760_000_000.0


class World:
    """Time that the test moves, and the newest sample of each subject."""

    def __init__(self) -> None:
        self.now = START
        self.samples: dict[str, tuple[float, dict[str, float]]] = {}

    def say(self, subject: str, **values: float) -> None:
        """A sample of now; `memory__percent=95` is `memory.percent`."""
        self.samples[subject] = (self.now, {name.replace("__", "."): value for name, value in values.items()})

    def latest(self, subjects: Any = None, *, within: float = 60) -> dict[str, tuple[float, dict[str, float]]]:
        return {s: sample for s, sample in self.samples.items() if sample[0] >= self.now - within}

    def tick(self, seconds: float = 10.0) -> Evaluator:
        self.now += seconds
        found = evaluate.run(self.now)
        assert found is not None
        return found

    def run(self, seconds: float, subject: str = "", **values: float) -> None:
        """So many seconds of ticks, each with this sample."""
        for _ in range(round(seconds / 10)):
            self.now += 10
            if subject:
                self.say(subject, **values)
            self.tick(0)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, db: None) -> Iterator[World]:
    Rule.objects.all().delete()
    one = World()
    monkeypatch.setattr(metrics, "latest", one.latest)
    return one


@pytest.fixture
def place(team: Any) -> Any:
    """«snow» in production: four instances on three hosts."""
    return factories.make_running_place("snow", "production", 4, team)


@pytest.fixture
def instance(place: Any) -> Any:
    return place.instances.order_by("number")[0]


@pytest.fixture
def channel(db: None) -> Channel:
    return Channel.objects.create(name="ops", kind="webhook", url="http://127.0.0.1:9/hook", secret="s" * 20)


def memory_rule(**fields: Any) -> Rule:
    values = {
        "name": "Memory", "kind": "instance", "metric": "memory.percent", "threshold": 90, "clear": 85, "hold": 60,
        "clear_hold": 30,
    }  # fmt: skip
    return Rule.objects.create(**values | fields)


def state_rule(source: str, kind: str = "instance", **fields: Any) -> Rule:
    return Rule.objects.create(**{"name": source, "kind": kind, "source": source, "condition": "state"} | fields)


def states(**where: Any) -> list[str]:
    return list(Alert.objects.filter(**where).order_by("pk").values_list("state", flat=True))

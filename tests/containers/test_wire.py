"""What steps wait for of the question on the wire, and what they do not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from containers import wire
from containers.services import releases
from hosts.engine import EngineError
from hosts.models import Segment
from tests.containers.conftest import World


def test_the_answer_is_here_before_its_helper_is_gone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    row = releases.deploy(world.actor, world.place, world.v1)
    host = row.steps.order_by("position")[0].instance.host
    mine = sorted(s.instance.ip for s in row.steps.select_related("instance") if s.instance.host_id == host.pk)
    answer, order = wire.Answer(), []

    @contextmanager
    def answers(
        _engine: object, _segment: Segment, ips: list[str], begun: Callable[[], None]
    ) -> Iterator[dict[str, str]]:
        assert sorted(ips) == mine
        begun()
        order.append(("on the wire", answer.asking.is_set(), answer.ready.is_set()))
        yield {mine[0]: "02:00:00:00:00:01"}
        order.append(("tidied up", answer.asking.is_set(), answer.ready.is_set()))

    monkeypatch.setattr(wire.probe, "answers", answers)
    wire.Wire(row.pk)._fill(host.pk, answer)
    assert order == [("on the wire", True, False), ("tidied up", True, True)]
    assert answer.strangers == {mine[0]: "02:00:00:00:00:01"}


def test_an_engine_that_is_away_is_no_silence(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    row = releases.deploy(world.actor, world.place, world.v1)
    answer = wire.Answer()

    @contextmanager
    def answers(*_: object, **__: object) -> Iterator[dict[str, str]]:
        raise EngineError("unreachable", "gone", "h1 is away.")
        yield {}

    monkeypatch.setattr(wire.probe, "answers", answers)
    wire.Wire(row.pk)._fill(world.hosts[0].pk, answer)
    assert answer.why == "h1 is away."
    assert not answer.ready.is_set()

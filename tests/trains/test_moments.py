"""What happens between a click, or a failure, and the worker that draws the consequence."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from containers.models import Deployment
from containers.preview import gather
from containers.services import beginning, releases
from containers.trains import running, services
from tests.trains.conftest import Line

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("verb", [services.abort, services.rollback])
def test_what_waits_does_not_begin_before_it_is_cancelled(line: Line, verb: Any) -> None:
    train = services.begin(line.actor, line.save(1))
    running.advance(train.pk)
    services.pause(line.actor, train)
    verb(line.actor, train)
    assert beginning.begin(line.places[0].pk) is None, "the queue was faster than the train"
    line.go(train)
    assert line.release(train, 0).state == "cancelled"
    assert train.state in {"cancelled", "rolled_back"}


def test_a_way_back_that_waits_does_not_begin_either(line: Line) -> None:
    train = line.begin(1)
    line.finish(line.release(train, 0))
    services.rollback(line.actor, train)
    running.advance(train.pk)
    back = Deployment.objects.get(car_back__train=train)
    assert back.state == "waiting"
    services.abort(line.actor, train)
    assert beginning.begin(line.places[0].pk) is None
    line.go(train)
    back.refresh_from_db()
    assert (back.state, train.state) == ("cancelled", "cancelled")


def test_nothing_is_read_under_the_lock(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    depths, real = [], gather.apart

    def apart(*args: Any) -> gather.Apart:
        depths.append(len(connection.savepoint_ids))
        return real(*args)

    outside = len(connection.savepoint_ids)
    monkeypatch.setattr(gather, "apart", apart)
    train = line.begin(1, 2)
    line.end(train, 0)
    services.rollback(line.actor, train)
    line.go(train)
    assert depths
    assert set(depths) == {outside}


def test_somebody_is_faster_between_the_look_and_the_lock(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    train = services.begin(line.actor, line.save(1))
    real = running._first

    def first(*args: Any) -> Any:
        services.pause(line.actor, train)
        monkeypatch.setattr(running, "_first", real)
        return real(*args)

    monkeypatch.setattr(running, "_first", first)
    assert running.advance(train.pk) == 1
    assert line.states(train) == ["new"]
    assert not releases.held_by(line.place(0))

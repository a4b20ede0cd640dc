"""What happens between a click, or a failure, and the worker that draws the consequence."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import OperationalError, connection

from containers.models import Deployment
from containers.preview import gather
from containers.services import beginning, holders
from containers.trains import planning, running, services
from containers.trains.rows import cars_of
from tests import factories
from tests.trains.conftest import Line
from xqplatform.errors import Refused

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
    assert not holders.held_by(line.place(0))


def test_what_nobody_foresaw_is_told_and_does_not_keep_the_train(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_args: Any, **_fields: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(gather, "apart", broken)
    train = line.begin(1, 2)
    assert line.states(train) == ["bad", "new"]
    assert train.state == "failed"
    assert "OSError" in train.why


def test_a_busy_database_says_nothing_of_it(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_args: Any, **_fields: Any) -> None:
        raise OperationalError("database is locked")

    train = services.begin(line.actor, line.save(1))
    with monkeypatch.context() as broken:
        broken.setattr(gather, "apart", busy)
        with pytest.raises(OperationalError):
            running.advance(train.pk)
    assert line.states(train) == ["new"]
    line.go(train)
    assert line.states(train) == ["running"]


def test_the_mark_is_of_what_the_plan_shows(line: Line) -> None:
    train = line.save(1, 2)
    shown = planning.plan_of(train, cars_of(train))
    factories.make_image(line.places[0].service.project)
    assert list(planning.mark_of(shown).values()) == [line.images[0].pk, line.images[1].pk]
    with pytest.raises(Refused):
        services.begin(line.actor, train, planning.mark_of(shown))
    services.begin(line.actor, train, planning.mark_of(planning.plan_of(train, cars_of(train))))

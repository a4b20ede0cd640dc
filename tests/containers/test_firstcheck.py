"""A container's health check is run by the platform once its container stands: nobody waits an interval for the engine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone

from containers import converge, health
from containers.firstcheck import FirstCheck
from containers.models import Container
from hosts.engine import EngineError
from hosts.models import SeenContainer
from tests import factories

NEVER = "0001-01-01T00:00:00Z"


def seen(
    test: list[str] | None = None, *, interval: float = 30, status: str = "starting", ended: str = NEVER, **state: Any
) -> dict[str, Any]:
    check = {"Test": ["CMD-SHELL", "look"] if test is None else test, "Interval": int(interval * 1e9)}
    return {
        "State": {"Running": True, "Health": {"Status": status}, "FinishedAt": ended, **state},
        "Config": {"Healthcheck": check},
        "RestartCount": 0,
    }


class Engine:
    """Answers with the exit codes in their order."""

    where = "box1"

    def __init__(self, *codes: int | EngineError) -> None:
        self.codes: Iterator[int | EngineError] = iter(codes)
        self.asked: list[list[str]] = []

    def exec(self, _engine_id: str, command: list[str], timeout: float) -> tuple[int, str]:
        self.asked.append(command)
        code = next(self.codes)
        if isinstance(code, EngineError):
            raise code
        return code, ""


def first(engine: Engine) -> FirstCheck:
    return FirstCheck(engine, "c1")  # type: ignore[arg-type]


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("containers.firstcheck.time.monotonic", iter(range(0, 10_000, 10)).__next__)


@pytest.mark.parametrize(
    ("test", "command"),
    [
        (["CMD-SHELL", "a b"], ["/bin/sh", "-c", "a b"]), (["CMD", "a", "b"], ["a", "b"]),
        (["NONE"], []), ([], []),
    ],
)  # fmt: skip
def test_the_command_is_the_engines(test: list[str], command: list[str]) -> None:
    assert health.command_of(seen(test)) == command


def test_an_image_may_name_its_own_shell() -> None:
    one = seen()
    one["Config"]["Shell"] = ["/bin/ash", "-ec"]
    assert health.command_of(one) == ["/bin/ash", "-ec", "look"]


def test_without_an_interval_the_engines_counts() -> None:
    assert health.interval_of(seen(interval=0)) == 30
    assert health.interval_of(seen(interval=2.5)) == 2.5


def test_it_passes_with_the_first_success(at_once: None) -> None:
    look = first(engine := Engine(1, 1, 0))
    assert [look.passes(seen()) for _ in range(3)] == [False, False, True]
    assert engine.asked == [["/bin/sh", "-c", "look"]] * 3


def test_the_looks_become_rarer_and_end_where_the_engine_is_as_quick(at_once: None) -> None:
    look, waits = first(engine := Engine(*[1] * 20)), []
    for _ in range(8):
        look.passes(seen(interval=1))
        waits.append(look.wait)
    assert waits == [0.4, 0.8, 1.6, None, None, None, None, None]
    assert len(engine.asked) == 3


def test_between_two_looks_nothing_is_asked() -> None:
    look = first(engine := Engine(1, 0))
    look._next = float("inf")
    assert not look.passes(seen())
    assert engine.asked == []


@pytest.mark.parametrize(
    "what",
    [seen(["NONE"]), seen(status="unhealthy"), seen(ended="2026-01-02T03:04:05Z"), {**seen(), "RestartCount": 1}],
    ids=["no check", "unhealthy", "ran before", "restarted"],
)
def test_the_rest_is_left_to_the_engine(what: dict[str, Any]) -> None:
    look = first(engine := Engine(0))
    assert not look.passes(what)
    assert look.wait is None
    assert engine.asked == []


def test_an_error_leaves_it_to_the_engine() -> None:
    look = first(Engine(EngineError("timeout", "exec", "too slow")))
    assert not look.passes(seen())
    assert look.wait is None


def test_one_that_does_not_run_yet_is_asked_later() -> None:
    look = first(engine := Engine(0))
    assert not look.passes(seen(Running=False))
    assert look.passes(seen())
    assert len(engine.asked) == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "state"),
    [({}, "healthy"), ({"healthy": None}, "starting"), ({"exit_code": 1}, "starting")],
    ids=["found well", "not yet", "ended since"],
)
def test_what_was_found_well_is_shown_so_until_the_engine_says_otherwise(fields: dict[str, Any], state: str) -> None:
    place = factories.make_running_place("snow", "production", 1)
    one = place.instances.get()
    Container.objects.filter(instance=one).update(**{"healthy": timezone.now(), "exit_code": None, **fields})
    (container,) = Container.objects.filter(instance=one)
    SeenContainer.objects.filter(engine_id=container.engine_id).delete()
    row = SeenContainer.objects.create(
        host=one.host, engine_id=container.engine_id, name=one.name, state="running", health="starting", ours=True,
        seen=timezone.now(),
    )  # fmt: skip
    converge.converge([one.pk])
    one.refresh_from_db()
    assert one.state == state
    SeenContainer.objects.filter(pk=row.pk).update(health="unhealthy")
    converge.converge([one.pk])
    one.refresh_from_db()
    assert one.state == "unhealthy"

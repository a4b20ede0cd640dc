"""Health checks that the platform runs: by the rules, beside one another, and known to all processes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from hosts.lxd import health_states as states
from hosts.lxd.health import Checks, Subject
from hosts.lxd.health_states import State
from hosts.lxd.kept import Away, Memory

CHECK = {"Test": ["CMD-SHELL", "ok"], "Interval": 5_000_000_000, "Retries": 3, "StartPeriod": 10_000_000_000}
A, B = Subject("a", "run", CHECK), Subject("b", "run", CHECK)


@given(st.lists(st.tuples(st.integers(0, 2), st.floats(0, 60)), max_size=30))
def test_the_rules(checks: list[tuple[int, float]]) -> None:
    """Healthy exactly after a success; unhealthy only after so many failures in a row out of the start period."""
    state, streak, up = State("run"), 0, 0.0
    for code, later in checks:
        up += later
        before = state
        state = states.after(state, CHECK, code, "said", now=up, up=up)
        if code == 0:
            streak = 0
            assert state.status == "healthy"
        elif not (before.status == "starting" and up < 10):
            streak += 1
            assert (state.status == "unhealthy") == (streak >= 3 or before.status == "unhealthy")
        else:
            assert state.status == "starting"
        assert state.streak == streak


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def status(checks: Checks, subject: Subject) -> str:
    return checks.seen([subject])[subject.identity].status


def test_a_slow_check_holds_up_nobody_and_runs_once() -> None:
    checks, go, ran = Checks(Memory()), threading.Event(), list[tuple[list[str], float]]()

    def slow(words: list[str], seconds: float) -> tuple[int, str]:
        ran.append((words, seconds))
        assert go.wait(20)
        return 0, "fine"

    for _again in range(3):
        checks.look(A, 1, slow)
    checks.look(B, 1, lambda _words, _seconds: (0, "fine"))
    done = checks.wait(0, 20)
    assert (done, status(checks, A), status(checks, B)) == (1, "starting", "healthy")
    go.set()
    assert checks.wait(done, 20) == 2
    assert status(checks, A) == "healthy"
    checks.look(A, 2, slow)  # not due yet
    assert ran == [(["/bin/sh", "-c", "ok"], 30.0)]
    assert status(checks, Subject("a", "another run", CHECK)) == "starting"


def test_another_process_knows_it_and_goes_on_from_it() -> None:
    kept = Memory()
    first, second = Checks(kept), Checks(kept)
    ill = {**CHECK, "StartPeriod": 0}
    subject = Subject("a", "run", ill)
    first.look(subject, 1, lambda _words, _seconds: (0, "fine"))
    until(lambda: status(first, subject) == "healthy")
    assert status(second, subject) == "healthy"

    for n in range(3):  # each by a process that has just begun
        Checks(kept).look(subject, 60, lambda _words, _seconds: (1, "no"))
        until(lambda n=n: kept.states(["a"])["a"].streak == n + 1)  # type: ignore[misc]
    assert status(second, subject) == "unhealthy"
    seen = Checks(kept).seen([subject])["a"].as_json()
    assert seen == {"Status": "unhealthy", "FailingStreak": 3, "Log": [{"ExitCode": 1, "Output": "no"}]}


def test_without_the_database_it_is_told_as_far_as_it_is_known() -> None:
    class Broken(Memory):
        broken = True

        def states(self, identities: object) -> dict[str, State]:
            raise Away("gone")

        def put_state(self, identity: str, state: State) -> None:
            if self.broken:
                raise Away("gone")
            super().put_state(identity, state)

    kept = Broken()
    checks = Checks(kept)
    checks.look(A, 1, lambda _words, _seconds: (0, "fine"))
    checks.wait(0, 20)
    assert status(checks, A) == "starting"
    kept.broken = False
    checks.look(A, 2, lambda _words, _seconds: (0, "fine"))  # at once: nobody was told
    until(lambda: status(checks, A) == "healthy")
    assert kept._states["a"].status == "healthy"


def test_a_check_that_cannot_be_run_is_tried_again() -> None:
    from hosts.engine import EngineError

    checks = Checks(Memory())

    def lost(_words: list[str], _seconds: float) -> tuple[int, str]:
        raise EngineError("unreachable", "gone")

    checks.look(A, 60, lost)
    done = checks.wait(0, 20)
    assert status(checks, A) == "starting"
    checks.look(A, 60, lambda _words, _seconds: (0, "fine"))
    checks.wait(done, 20)
    assert status(checks, A) == "healthy"

"""Tries, pauses, holds, and what is left of them when a worker dies."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.ending import Broken, StepFailed
from containers.hooks import judge, running
from containers.hooks.kinds import Outcome, Setting
from containers.hooks.running import Guard
from containers.hooks.shape import Hook
from containers.models import HookRun
from tests.containers.conftest import World, world  # noqa: F401

BAD, GOOD = Outcome(False, 1, "oh no", words="exit code 1"), Outcome(True, 0, "fine")


class Script:
    """Answers one after the other, and notes with which key it was asked."""

    def __init__(self, *answers: Outcome) -> None:
        self.answers, self.keys = list(answers), []  # type: ignore[var-annotated]

    def __call__(self, _hook: Hook, setting: Setting) -> Outcome:
        self.keys.append((setting.facts["key"], setting.facts["attempt"]))
        return self.answers.pop(0)


@pytest.fixture
def row(world: World) -> HookRun:  # noqa: F811
    return HookRun.objects.create(place=world.place, slot="s1/x", point="stop.before", name="drain", kind="command")


def hook(**more: Any) -> Hook:
    return Hook("drain", "stop.before", "command", ("/bin/x",), **more)


def guard(slept: list[float] | None = None) -> Guard:
    noted = slept if slept is not None else []
    return Guard(None, "", lambda: None, noted.append)


def test_it_is_tried_again_at_growing_pauses_with_one_key(row: HookRun) -> None:
    slept: list[float] = []
    script = Script(BAD, BAD, GOOD)
    running.run(row, hook(retries=2), Setting({}), guard(slept), script)
    row.refresh_from_db()
    assert (row.state, row.attempts, row.code, slept) == ("succeeded", 3, 0, [1.0, 2.0])
    assert script.keys == [(row.key, 1), (row.key, 2), (row.key, 3)]
    assert "oh no" in row.output
    assert "fine" in row.output


def test_what_nobody_foresaw_is_in_the_log_and_fails_in_words(row: HookRun, caplog: pytest.LogCaptureFixture) -> None:
    def act(_hook: Hook, _setting: Setting) -> Outcome:
        raise ZeroDivisionError("in this hook")

    with pytest.raises(StepFailed, match="ZeroDivisionError: in this hook"):
        running.run(row, hook(retries=0), Setting({}), guard(), act)
    assert "Traceback" in caplog.text
    assert "in this hook" in caplog.text


def test_tries_beyond_what_a_row_can_count_are_made_all_the_same(row: HookRun) -> None:
    HookRun.objects.filter(pk=row.pk).update(attempts=running.MOST_ATTEMPTS)
    row.refresh_from_db()
    running.run(row, hook(), Setting({}), guard(), Script(GOOD))
    assert (row.state, row.attempts) == ("succeeded", running.MOST_ATTEMPTS)


def test_what_has_succeeded_is_not_run_again(row: HookRun) -> None:
    running.run(row, hook(), Setting({}), guard(), Script(GOOD))
    running.run(row, hook(), Setting({}), guard(), Script())


def test_the_last_failure_fails_the_step(row: HookRun) -> None:
    with pytest.raises(StepFailed, match=r"drain.*exit code 1"):
        running.run(row, hook(retries=0), Setting({}), guard(), Script(BAD))
    with pytest.raises(StepFailed):  # and whoever comes by it later
        running.run(row, hook(retries=0), Setting({}), guard(), Script())
    row.refresh_from_db()
    assert row.state == "failed"


def test_what_cannot_help_is_not_tried(row: HookRun) -> None:
    with pytest.raises(StepFailed):
        running.run(row, hook(retries=5), Setting({}), guard(), Script(Outcome(False, words="no", again=False)))


def test_a_warning_goes_on(row: HookRun) -> None:
    running.run(row, hook(retries=0, on_failure="warn"), Setting({}), guard(), Script(BAD))
    row.refresh_from_db()
    assert (row.state, row.words) == ("passed", "exit code 1")


@pytest.mark.parametrize(
    ("asked", "state", "answers"), [("pass", "passed", [BAD]), ("retry", "succeeded", [BAD, GOOD])]
)
def test_a_hold_ends_by_an_answer(row: HookRun, asked: str, state: str, answers: list[Outcome]) -> None:
    def answer(_seconds: float) -> None:
        HookRun.objects.filter(pk=row.pk, state="held").update(asked=asked)

    holds = Guard(None, "", lambda: None, answer)
    running.run(row, hook(retries=0, on_failure="hold"), Setting({}), holds, Script(*answers))
    row.refresh_from_db()
    assert row.state == state


def test_a_dead_workers_try_is_made_again_with_its_key(row: HookRun) -> None:
    HookRun.objects.filter(pk=row.pk).update(state="running", attempts=1)
    row.refresh_from_db()
    script = Script(GOOD)
    running.run(row, hook(), Setting({}), guard(), script)
    assert script.keys == [(row.key, 2)]


def test_a_rollback_does_not_wait_for_a_hook_that_hangs(row: HookRun) -> None:
    hangs, checks = threading.Event(), []

    def check() -> None:
        checks.append(1)
        if len(checks) > 3:
            raise Broken

    def act(_hook: Hook, _setting: Setting) -> Outcome:
        hangs.wait(60)
        return GOOD

    with pytest.raises(Broken):
        running.run(row, hook(), Setting({}), Guard(None, "", check, lambda _s: None), act)
    hangs.set()
    row.refresh_from_db()
    assert row.state == "running"  # the next one tries again


def test_secrets_are_not_kept(row: HookRun) -> None:
    out = Outcome(True, 200, "you sent s3cret-value \x1b[31mred\x00")
    running.run(row, hook(), Setting({}, secret="s3cret-value"), guard(), Script(out))
    row.refresh_from_db()
    assert row.output == "you sent ••• red"


@given(st.integers(0, 10), st.sampled_from(["fail", "hold", "warn"]), st.lists(st.booleans(), max_size=30))
def test_every_hook_comes_to_a_verdict(retries: int, on_failure: str, again: list[bool]) -> None:
    one, failed = hook(retries=retries, on_failure=on_failure), 0
    for more in [*again, *[True] * 12]:
        failed += 1
        verdict = judge.after(one, failed, ok=False, again=more)
        if verdict.next != "again":
            break
        assert 1 <= verdict.pause <= 30
    assert failed <= retries + 1
    assert verdict.next == {"fail": "fail", "hold": "hold", "warn": "pass"}[on_failure]
    assert judge.held("", "", judge.HOLD_SECONDS) == "fail"
    assert judge.held("", "cancel", 0) == "fail"
    assert judge.held("pass", "", 0) == "pass"

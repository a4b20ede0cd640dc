"""Operations on hosts: steps, output, cancel, undo, and that another worker goes on after a death."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from hosts import observe, operation_runner, operations, tasks
from hosts.models import Host, HostOperation
from hosts.operations import Failed, Run, operation
from hosts.services import operations as verbs
from tests.engines.machine import wait_for
from tests.factories import make_host
from xqplatform.audit.models import Event
from xqplatform.errors import Denied, Refused

pytestmark = pytest.mark.django_db(transaction=True)
DEAD = "nowhere/1/1/dead"


@pytest.fixture
def bodies() -> Iterator[dict[str, Any]]:
    """What the kinds «t.run» and «t.look» do in a test: bodies["t.run"] = fn(run)."""
    found: dict[str, Any] = {}

    def body(run: Run) -> None:
        found[run.row.kind](run)

    operation("t.run", title="Trying", ssh=False)(body)
    operation("t.look", title="Looking", ssh=False, exclusive=False)(body)
    yield found
    for name in ("t.run", "t.look"):
        operations.KINDS.pop(name)


@pytest.fixture
def host(db: None, monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setattr(observe, "refresh_host", lambda pk: False)  # there is no engine to read
    return make_host("run-a1")


def states(row: HostOperation) -> list[tuple[str, str]]:
    return [(step["name"], step["state"]) for step in row.steps]


def test_it_runs_step_by_step_and_says_what_it_did(host: Host, actor_sre: Any, bodies: Any, enqueued: Any) -> None:
    def body(run: Run) -> None:
        with run.step("one", "The first"):
            run.say("hello")
            run.note("2 of 3")
        with run.step("two"):
            run.say("token=abcdef")

    bodies["t.run"] = body
    row = verbs.start(actor_sre, host, "t.run", {"a": 1}, reason="because")
    assert row.state == "queued"
    assert "hosts.tasks.operate" in enqueued.names
    enqueued.drain()
    row.refresh_from_db()
    assert (row.state, row.words, row.lease, row.ended is not None) == ("succeeded", "", "", True)
    assert states(row) == [("one", "done"), ("two", "done")]
    assert row.steps[0]["words"] == "2 of 3"
    assert row.output.startswith("hello\n")
    assert list(Event.objects.values_list("action", flat=True).order_by("pk")) == [
        "host.operation",
        "host.operation.finish",
    ]


def test_one_changes_a_host_at_a_time_and_the_next_is_told_who(host: Host, actor_sre: Any, bodies: Any) -> None:
    verbs.start(actor_sre, host, "t.run")
    with pytest.raises(Refused, match=f"«Trying» runs on run-a1, started by {actor_sre.name} at "):
        verbs.start(actor_sre, host, "t.run")
    assert verbs.start(actor_sre, host, "t.look").state == "queued", "looking disturbs nobody"
    assert verbs.start(actor_sre, make_host("run-a2"), "t.run").state == "queued"


def test_it_is_for_sres_and_known_kinds(host: Host, actor_sre: Any, actor_dev: Any, bodies: Any) -> None:
    with pytest.raises(Denied):
        verbs.start(actor_dev, host, "t.run")
    with pytest.raises(Refused):
        verbs.start(actor_sre, host, "t.nothing")
    assert not HostOperation.objects.exists()


def test_a_failure_is_undone_in_reverse_and_said(host: Host, actor_sre: Any, bodies: Any, enqueued: Any) -> None:
    done: list[str] = []

    def body(run: Run) -> None:
        run.on_failure(lambda: done.append("undo one"), "Take back one")
        with run.step("one"):
            done.append("one")
        run.on_failure(lambda: done.append("undo two"))
        with run.step("two"):
            raise Failed("the disk is full.")

    bodies["t.run"] = body
    row = verbs.start(actor_sre, host, "t.run")
    enqueued.drain()
    row.refresh_from_db()
    assert done == ["one", "undo two", "undo one"]
    assert (row.state, row.words) == ("failed", "the disk is full. What had been done was undone.")
    assert states(row) == [("one", "done"), ("two", "failed"), ("undo-1", "done"), ("undo-0", "done")]


def test_what_cannot_be_undone_is_said(host: Host, actor_sre: Any, bodies: Any, enqueued: Any) -> None:
    def away() -> None:
        raise Failed("run-a1 is away")

    def body(run: Run) -> None:
        run.on_failure(away, "Put the file back")
        raise Failed("no.")

    bodies["t.run"] = body
    row = verbs.start(actor_sre, host, "t.run")
    enqueued.drain()
    row.refresh_from_db()
    assert row.words == "no. Not undone: Put the file back: run-a1 is away"


def test_another_worker_goes_on_and_does_nothing_twice(
    host: Host, actor_sre: Any, bodies: Any, enqueued: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def body(run: Run) -> None:
        assert run.remember("old", lambda: f"text {len(done)}") == "text 0"
        for name in ("one", "two"):
            if run.todo(name):
                with run.step(name):
                    done.append(name)
                    if done == ["one", "two"]:
                        raise operations.LeaseLost  # as if the process was killed here

    bodies["t.run"] = body
    row = verbs.start(actor_sre, host, "t.run")
    enqueued.drain()
    row.refresh_from_db()
    assert (row.state, states(row)) == ("running", [("one", "done"), ("two", "running")])
    with connection.cursor() as cursor:
        cursor.execute("select notes from hosts_hostoperation")
        assert "text" not in cursor.fetchone()[0], "encrypted"
    HostOperation.objects.filter(pk=row.pk).update(lease=DEAD, lease_until=None)
    assert tasks.resume_operations() == 1
    enqueued.drain()
    row.refresh_from_db()
    assert done == ["one", "two", "two"]
    assert (row.state, row.attempts) == ("succeeded", 2)
    assert "Taken up again" in row.output


def test_a_living_worker_keeps_its_operation(host: Host, actor_sre: Any, bodies: Any, worker: Any) -> None:
    inside, leave = threading.Event(), threading.Event()

    def body(run: Run) -> None:
        inside.set()
        assert leave.wait(60)

    bodies["t.run"] = body
    row = verbs.start(actor_sre, host, "t.run")
    try:
        assert inside.wait(60)
        assert not operation_runner.execute(row.pk)
        assert tasks.resume_operations() == 0
    finally:
        leave.set()
    wait_for("it ends", lambda: HostOperation.objects.get(pk=row.pk).state == "succeeded")


def test_cancel_stops_at_the_next_check_and_undoes(host: Host, actor_sre: Any, bodies: Any, worker: Any) -> None:
    inside, undone = threading.Event(), threading.Event()

    def body(run: Run) -> None:
        run.on_failure(undone.set)
        with run.step("wait"):
            inside.set()
            wait_for("it is cancelled", run.check)

    bodies["t.run"] = body
    row = verbs.start(actor_sre, host, "t.run")
    assert inside.wait(60)
    verbs.cancel(actor_sre, row)
    wait_for("it is cancelled", lambda: HostOperation.objects.get(pk=row.pk).state == "cancelled")
    assert undone.is_set()
    row.refresh_from_db()
    assert states(row)[0] == ("wait", "cancelled")
    with pytest.raises(Refused, match="ended already"):
        verbs.cancel(actor_sre, row)


def test_one_that_waits_is_cancelled_at_once(host: Host, actor_sre: Any, bodies: Any, enqueued: Any) -> None:
    bodies["t.run"] = lambda run: pytest.fail("it ran")
    row = verbs.cancel(actor_sre, verbs.start(actor_sre, host, "t.run"))
    assert row.state == "cancelled"
    enqueued.drain()
    row.refresh_from_db()
    assert row.attempts == 0


def test_an_undo_that_was_broken_off_is_done_again(host: Host, actor_sre: Any, bodies: Any, enqueued: Any) -> None:
    undone: list[int] = []

    def undo() -> None:
        undone.append(1)
        if len(undone) == 1:
            raise operations.LeaseLost  # killed while it undid

    def body(run: Run) -> None:
        run.on_failure(undo, "Back")
        if run.todo("one"):
            with run.step("one"):
                pass
        if run.todo("two"):
            with run.step("two"):
                raise Failed("no.")

    bodies["t.run"] = body
    row = verbs.start(actor_sre, host, "t.run")
    enqueued.drain()
    row.refresh_from_db()
    assert (row.shown_state, len(undone)) == ("undoing", 1)
    HostOperation.objects.filter(pk=row.pk).update(lease=DEAD, lease_until=None)
    tasks.operate(row.pk)
    row.refresh_from_db()
    assert (row.state, row.words, len(undone)) == ("failed", "no. What had been done was undone.", 2)


def test_output_is_bounded_and_secrets_are_hidden(
    host: Host, actor_sre: Any, bodies: Any, enqueued: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations, "OUTPUT", 1000)

    def body(run: Run) -> None:
        run.hide("s3cret")
        run.say("it is s3cret")
        for _ in range(100):
            run.say("x" * 99)

    bodies["t.run"] = body
    row = verbs.start(actor_sre, host, "t.run")
    enqueued.drain()
    row.refresh_from_db()
    assert row.truncated
    assert row.output.startswith("it is •••\n")
    assert "truncated" in row.output.splitlines()[-1]
    assert len(row.output) < 1200


def test_one_that_kills_its_workers_is_given_up(host: Host, actor_sre: Any, bodies: Any, enqueued: Any) -> None:
    row = verbs.start(actor_sre, host, "t.run")
    HostOperation.objects.filter(pk=row.pk).update(state="running", attempts=operation_runner.MOST_ATTEMPTS)
    enqueued.drain()
    row.refresh_from_db()
    assert row.state == "failed"
    assert "Given up" in row.words

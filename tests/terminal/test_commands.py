"""One-off commands without an engine: forms, limits, rights, workers that die."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from containers.models import CommandRun
from containers.terminal import commands
from hosts import execs
from hosts.engine import EngineError
from tests import factories
from xqplatform.accounts.actor import Actor
from xqplatform.audit import queries
from xqplatform.audit.models import Event
from xqplatform.errors import Denied, Refused

pytestmark = pytest.mark.django_db


class FakeExecs:
    """Says what it is told to; `ended` are the execs that were to be ended."""

    def __init__(self, monkeypatch: Any) -> None:
        self.said, self.ran = [b"one\n", b"two \xe9\x9b", b"\xaa\n"], execs.Ran("exited", 0, 14, "e1")
        self.error: EngineError | None = None
        self.ended: list[str] = []
        monkeypatch.setattr(execs, "run", self.run)
        monkeypatch.setattr(execs, "end", lambda engine, container, exec_id, **_: self.ended.append(exec_id))

    def run(self, engine: Any, container: str, argv: Any, **how: Any) -> execs.Ran:
        self.how = how
        how["on_made"]("e1")
        if self.error:
            raise self.error
        for data in self.said:
            how["on_output"]("stdout", data)
        return self.ran


@pytest.fixture
def fake(monkeypatch: Any) -> FakeExecs:
    return FakeExecs(monkeypatch)


def test_a_command_from_the_page_runs_on_a_worker_and_shows_its_output(
    client: Client,
    developer: Any,
    instance: Any,
    fake: FakeExecs,
    enqueued: Any,
    django_capture_on_commit_callbacks: Any,
) -> None:
    client.force_login(developer)
    url = f"/instances/{instance.pk}/command/"
    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post(url, {"command": "sh -c 'echo  $HOME'", "timeout": "20", "reason": "to see"})
    assert answer.status_code == 302
    run = CommandRun.objects.get()
    assert run.argv == ["sh", "-c", "echo  $HOME"]
    enqueued.drain()
    page = client.get(answer["Location"]).content.decode()
    assert "two 雪" in page
    assert "exit code" in page
    run.refresh_from_db()
    assert (run.state, run.exit_code, run.size, run.loose) == ("succeeded", 0, 12, False)
    assert client.get(f"/commands/{run.pk}/output/").getvalue().decode() == "one\ntwo 雪\n"
    events = Event.objects.filter(action__startswith="instance.command").order_by("pk")
    assert [(e.action, e.actor) for e in events] == [
        ("instance.command", "dan"),
        ("instance.command.finish", "commands"),
    ]
    assert events[0].reason == "to see"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"command": "", "timeout": "5", "reason": "x"}, "This field is required"),
        ({"command": "echo 'x", "timeout": "5", "reason": "x"}, "quotation mark"),
        ({"command": "echo", "timeout": "0", "reason": "x"}, "greater than"),
        ({"command": "echo", "timeout": "5", "reason": ""}, "say why"),
        ({"command": "''", "timeout": "5", "reason": "x"}, "Name the command"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_what_was_typed_stays(
    client: Client, developer: Any, instance: Any, data: dict[str, str], words: str
) -> None:
    client.force_login(developer)
    answer = client.post(f"/instances/{instance.pk}/command/", data)
    assert answer.status_code == 400
    assert words in answer.content.decode()
    assert not CommandRun.objects.exists()


def test_a_denied_try_is_noted_whatever_its_words(actor_manager: Actor, instance: Any) -> None:
    with pytest.raises(Denied):
        commands.start(actor_manager, instance, ["a\0b", "\ud800", "x" * 10_000], reason="x")
    event = Event.objects.get(action="service.command", denied=True)
    assert event.after == {"argv": ["a\\0b", "\\ud800", "x" * 200]}


def test_its_words_are_in_the_log_for_who_reads_all_of_it(actor_dev: Actor, actor_sre: Actor, instance: Any) -> None:
    commands.start(actor_dev, instance, ["login", "--password=1234"], reason="x")
    stranger = Actor.person(factories.make_user("quinn", "developer", factories.make_team("quotes")))
    for actor, count in ((actor_dev, 1), (actor_sre, 1), (stranger, 0)):
        assert queries.readable(actor).filter(action="instance.command").count() == count


def test_it_requires_the_right_and_keeps_within_limits(actor_dev: Actor, actor_manager: Actor, instance: Any) -> None:
    with pytest.raises(Denied):
        commands.start(actor_manager, instance, ["true"], reason="x")
    for _ in range(commands.MOST_OF_ONE):
        commands.start(actor_dev, instance, ["true"], reason="x")
    with pytest.raises(Refused, match="wait for one") as refused:
        commands.start(actor_dev, instance, ["true"], reason="x")
    assert refused.value.code == 429


@pytest.mark.parametrize(
    ("ran", "state"),
    [
        (execs.Ran("exited", 3, 0, "e1"), "failed"),
        (execs.Ran("timeout", None, 0, "e1"), "timeout"),
        (execs.Ran("cancelled", None, 0, "e1"), "cancelled"),
    ],
)
def test_how_it_ended_is_noted(actor_dev: Actor, instance: Any, fake: FakeExecs, ran: execs.Ran, state: str) -> None:
    run, fake.ran = commands.start(actor_dev, instance, ["true"], reason="x"), ran
    commands.carry_out(run.pk)
    run.refresh_from_db()
    assert (run.state, run.exit_code) == (state, ran.code)
    commands.carry_out(run.pk)
    assert Event.objects.filter(action="instance.command.finish").count() == 1, "it runs once"


def test_an_engine_that_is_lost_leaves_it_to_be_ended_later(actor_dev: Actor, instance: Any, fake: FakeExecs) -> None:
    run, fake.error = commands.start(actor_dev, instance, ["true"], reason="x"), EngineError("unreachable", "gone")
    commands.carry_out(run.pk)
    run.refresh_from_db()
    assert (run.state, run.words, run.loose) == ("errored", "gone", True)
    commands.sweep()
    assert fake.ended == ["e1"]
    assert not CommandRun.objects.get().loose


def test_what_a_dead_worker_ran_is_ended_and_said(actor_dev: Actor, instance: Any, fake: FakeExecs) -> None:
    run = commands.start(actor_dev, instance, ["true"], reason="x")
    CommandRun.objects.update(state="running", lease="x", lease_until=timezone.now(), exec_id="e7", loose=True)
    assert commands.sweep() == 1
    run.refresh_from_db()
    assert run.state == "errored"
    assert "worker" in run.words
    assert fake.ended == ["e7"]
    assert commands.sweep() == 0


def test_what_nobody_took_is_enqueued_again(actor_dev: Actor, instance: Any, fake: FakeExecs, enqueued: Any) -> None:
    commands.start(actor_dev, instance, ["true"], reason="x")
    assert commands.sweep() == 0
    CommandRun.objects.update(created=timezone.now() - timedelta(seconds=9))
    assert commands.sweep() == 1
    enqueued.drain()
    assert CommandRun.objects.get().state == "succeeded"


def test_one_that_waits_is_cancelled_at_once(actor_dev: Actor, instance: Any, fake: FakeExecs) -> None:
    run = commands.cancel(actor_dev, commands.start(actor_dev, instance, ["true"], reason="x"))
    assert run.state == "cancelled"
    commands.carry_out(run.pk)
    assert CommandRun.objects.get().state == "cancelled"
    with pytest.raises(Refused):
        commands.cancel(actor_dev, run)


def test_a_running_one_hears_that_it_is_cancelled(actor_dev: Actor, instance: Any, fake: FakeExecs) -> None:
    run = commands.start(actor_dev, instance, ["true"], reason="x")
    commands.carry_out(run.pk)
    CommandRun.objects.update(state="running")
    commands.cancel(actor_dev, run)
    follower = fake.how["cancelled"].__self__
    follower._next = 0.0
    assert follower.cancelled()


def test_the_api_runs_and_shows_it(client: Client, developer: Any, instance: Any, fake: FakeExecs) -> None:
    client.force_login(developer)
    url = f"/api/v1/instances/{instance.pk}/commands"
    answer = client.post(url, {"argv": ["echo", "a b"], "reason": "x"}, content_type="application/json")
    assert answer.status_code == 202, answer.content
    pk = answer.json()["id"]
    commands.carry_out(pk)
    assert client.get(f"/api/v1/commands/{pk}").json()["state"] == "succeeded"
    assert b"one" in client.get(f"/api/v1/commands/{pk}/output").getvalue()
    assert client.post(f"/api/v1/commands/{pk}/cancel").status_code == 409
    assert client.get("/api/v1/terminals").status_code == 403


@pytest.mark.django_db(transaction=True)
def test_the_command_line_follows_it_and_ends_with_its_code(developer: Any, instance: Any, fake: FakeExecs) -> None:
    out, fake.ran = StringIO(), execs.Ran("exited", 4, 14, "e1")
    with pytest.raises(SystemExit) as left:
        call_command("run_in", "snow-production-1", "echo", "x", user="dan", reason="x", stdout=out)
    assert left.value.code == 4
    assert out.getvalue() == "one\ntwo 雪\n"
    with pytest.raises(CommandError, match="say why"):
        call_command("run_in", "snow-production-1", "echo", user="dan")
    with pytest.raises(CommandError, match="no instance"):
        call_command("run_in", "snow-production-9", "echo", user="dan")

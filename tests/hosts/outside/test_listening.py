"""What is heard becomes audit events, once, whatever dies in between."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

from hosts.engine import EngineError
from hosts.models import Ear, Host, HostOperation, OwnCall
from hosts.outside import listening, own_calls, shape
from hosts.outside.listening import Listener
from tests import factories
from xqplatform.audit.models import Event

pytestmark = pytest.mark.django_db


class Engine:
    """What an engine still tells of the past, and its containers' health checks."""

    def __init__(self, *missed: dict[str, Any], check: str = "") -> None:
        self.missed, self.check = missed, check

    @contextmanager
    def events(self, since: float, **_: Any) -> Iterator[Any]:
        yield [one for one in self.missed if one["timeNano"] / 1e9 >= since]

    def inspect(self, container: str) -> dict[str, Any]:
        if container.startswith("gone"):
            raise EngineError("not_found", "gone", "gone")
        return {"Config": {"Healthcheck": {"Test": ["CMD-SHELL", self.check]}} if self.check else {}}


def told(action: str, of: str, name: str = "snow-production-1", ours: bool = True, **more: Any) -> dict[str, Any]:
    from hosts import labels

    attributes = {"name": name, **more} | ({labels.PLATFORM: labels.installation()} if ours else {})
    return {
        "Type": "container", "Action": action, "timeNano": time.time_ns(),
        "Actor": {"ID": of, "Attributes": attributes},
    }  # fmt: skip


class Heard:
    """A listener that is asked to judge when a test wants it."""

    def __init__(self, host: Host, engine: Engine | None = None) -> None:
        self.listener = Listener(host, engine or Engine())  # type: ignore[arg-type]
        self.listener._ear = self.listener._begin()

    def __call__(self, *events: dict[str, Any]) -> Heard:
        for event in events:
            self.listener._take(event, time.time())
        return self

    def judged(self, monkeypatch: pytest.MonkeyPatch, later: float = 60.0) -> list[tuple[str, Any]]:
        real = time.time()
        with monkeypatch.context() as patched:
            patched.setattr(time, "time", lambda: real + later)
            self.listener._judge_what_is_ripe()
        rows = Event.objects.filter(action__startswith="outside.").order_by("pk")
        return [(row.action.removeprefix("outside."), row.after) for row in rows]


@pytest.fixture
def instance() -> Any:
    place = factories.make_running_place("snow", "production", 1)
    return place.instances.get()


def test_a_person_who_stops_and_removes_one_of_ours_is_in_the_log_with_the_instance(
    instance: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    container = instance.containers.get().engine_id
    heard = Heard(instance.host)(told("kill", container, signal="15"), told("die", container), told("stop", container))
    heard(told("destroy", container))
    assert [action for action, _after in heard.judged(monkeypatch)] == ["stop", "remove"]
    row = Event.objects.get(action="outside.stop")
    assert (row.via, row.user, row.object_type, row.object_name) == ("engine", None, "hosts.host", instance.host.name)
    assert (row.parent_type, row.parent_id) == ("containers.instance", str(instance.pk))
    assert row.after["title"] == "snow-production-1"  # type: ignore[index]


def test_what_the_platform_does_itself_is_not_doubled(instance: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    container, now = instance.containers.get().engine_id, time.time()
    own_calls.write({
        "a" * 32: {"where": instance.host.name, "verb": "stop", "target": container, "began": now - 1},
        "b" * 32: {"where": instance.host.name, "verb": "exec", "target": container, "began": now - 1,
                     "ended": now, "command": shape.digest("true")},
        "c" * 32: {"where": "elsewhere", "verb": "remove", "target": container, "began": now - 1},
    })  # fmt: skip
    heard = Heard(instance.host)
    heard(told("kill", container, signal="15"), told("die", container), told("stop", container))
    heard(told("exec_create: true", container))
    assert heard.judged(monkeypatch) == []
    heard(told("destroy", container))
    assert [action for action, _ in heard.judged(monkeypatch)] == ["remove"]
    HostOperation.objects.create(host=instance.host, kind="engine.restart", who="x", started="2026-01-01T00:00Z")
    heard(told("start", container))
    assert len(heard.judged(monkeypatch)) == 1


def test_health_checks_and_what_runs_in_foreign_containers_are_nobodys(
    instance: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    container = instance.containers.get().engine_id
    heard = Heard(instance.host, Engine(check="wget -q x"))
    heard(told("exec_create: /bin/sh -c wget -q x", container), told("exec_create: sh", "f" * 64, ours=False))
    assert heard.judged(monkeypatch) == []
    heard(told("exec_create: sh", container), told("exec_create: sh", "gone" + "f" * 60))
    assert [(action, after["detail"]) for action, after in heard.judged(monkeypatch)] == [("exec", "sh")] * 2


def test_a_storm_is_bounded_and_its_count_is_told(instance: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    heard = Heard(instance.host)
    heard(*(told("update", f"{n:064d}", f"c{n}", ours=False) for n in range(40)))
    assert len(heard.judged(monkeypatch, 10)) == shape.SINGLES
    found = heard.judged(monkeypatch, 90)
    assert len(found) == shape.SINGLES + 1
    assert (found[-1][1]["count"], len(found[-1][1]["names"])) == (40 - shape.SINGLES, shape.NAMES)
    assert len(heard.judged(monkeypatch, 200)) == len(found)


def test_after_a_death_what_was_missed_is_heard_and_nothing_twice(
    instance: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = Heard(instance.host)
    first, waits = told("rename", "1" * 64), told("kill", "2" * 64, signal="15")
    heard(first, waits)
    assert len(heard.judged(monkeypatch, 5)) == 1  # the kill is still waited for when the process dies
    later = told("pause", "3" * 64)
    again = Heard(instance.host, Engine(first, waits, later))
    assert sorted(action for action, _ in again.judged(monkeypatch)) == ["kill", "pause", "rename"]
    third = Heard(instance.host, Engine(first, waits, later))
    assert len(third.judged(monkeypatch)) == 3
    assert Ear.objects.get().position >= later["timeNano"]


def test_a_start_by_the_restart_policy_is_nobodys_also_when_the_database_was_away(
    instance: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    container = instance.containers.get().engine_id
    heard = Heard(instance.host)
    assert heard(told("die", container)).judged(monkeypatch, 4) == []
    heard(told("start", container))

    def away(*_args: Any) -> Any:
        raise OperationalError("away")

    with monkeypatch.context() as patched:
        patched.setattr(listening, "tell", away)
        patched.setattr(listening.connections, "close_all", lambda: None)
        assert heard.judged(monkeypatch, 8) == []
    assert heard.judged(monkeypatch, 12) == []


def test_names_with_markup_are_harmless_on_the_pages(
    instance: Any, client: Client, sre: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    container = instance.containers.get().engine_id
    Heard(instance.host)(told("pause", container, "<script>alert(1)</script>\u202e\x00")).judged(monkeypatch)
    client.force_login(sre)
    for address in ("/audit/", f"/instances/{instance.pk}/", f"/hosts/{instance.host.name}/"):
        text = client.get(address).content.decode()
        assert "<script>alert" not in text
        assert "\u202e" not in text
    assert "changed by somebody else" in client.get(f"/instances/{instance.pk}/").content.decode()
    assert "changed by somebody else" in client.get(f"/hosts/{instance.host.name}/").content.decode()


def note(where: str, target: str = "c") -> dict[str, Any]:
    return {"where": where, "verb": "stop", "target": target, "began": time.time()}


def test_a_note_that_the_database_refuses_blocks_no_other_and_is_told(
    instance: Any, client: Client, sre: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, notes = instance.host.name, own_calls.Notes()
    bad = {f"bad{n}": note(name) | {"began": "no time"} for n in range(3)}
    given = {"good1": note(name), **bad, "good2": note(name), "good1 ": {"ended": 1.0}}

    def away(*_args: Any, **_more: Any) -> None:
        raise OperationalError("away")

    with monkeypatch.context() as patched:
        patched.setattr(own_calls.audit, "record", away)
        with pytest.raises(OperationalError):
            notes.flush(given)
    notes.flush(given)  # tried again, as the thread does
    assert set(OwnCall.objects.values_list("mark", flat=True)) == {"good1", "good2"}
    assert [record.message[:34] for record in caplog.records] == ["3 own calls could not be noted: th"]
    event = Event.objects.get(action="outside.unsure")
    assert (event.object_id, event.after, notes.lost.total()) == (str(instance.host.pk), {"count": 3}, 0)
    notes.flush({"good3": note(name)})
    assert Event.objects.filter(action="outside.unsure").count() == 1
    heard = Heard(instance.host)
    heard(told("pause", "9" * 64)).judged(monkeypatch)
    client.force_login(sre)
    page = client.get(f"/hosts/{name}/").content.decode()
    assert "one event within a day" in page
    assert "3 calls of the platform&#x27;s own could not be noted" in page or "3 calls of the platform's own" in page


def test_beyond_what_may_wait_calls_are_counted_and_said_once_a_minute(
    instance: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.HEAR_OUTSIDE = True
    monkeypatch.setattr(own_calls, "MOST", 2)
    notes = own_calls.Notes()
    monkeypatch.setattr(notes, "_write_for_ever", lambda waiting: None)  # the database is away
    for _ in range(5):
        notes.end(notes.begin(instance.host.name, "POST", "/containers/c/stop", None, None))
    notes.begin("elsewhere", "POST", "/containers/c/stop", None, None)
    assert notes.lost == {instance.host.name: 4, "elsewhere": 1}
    assert len(caplog.records) == 1
    notes.flush({})
    told_of = {row.object_name: row.after for row in Event.objects.filter(action="outside.unsure")}
    assert told_of == {instance.host.name: {"count": 4}, "elsewhere": {"count": 1}}
    assert not notes.lost


def test_a_call_is_noted_before_it_is_made_and_its_end_after(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    put: list[Any] = []
    monkeypatch.setattr(own_calls.NOTES, "_put", lambda mark, values: put.append((mark, values)))
    assert own_calls.begin("h", "POST", "/containers/c/stop", None, None) == ""  # switched off in tests
    settings.HEAR_OUTSIDE = True
    assert own_calls.begin("h", "GET", "/containers/c/json", None, None) == ""
    mark = own_calls.begin("h", "POST", "/containers/c/stop", None, None)
    own_calls.end(mark)
    own_calls.write({mark: put[0][1]})
    own_calls.write({mark: put[1][1]})
    row = OwnCall.objects.get()
    assert (row.where, row.verb, row.target) == ("h", "stop", "c")
    assert row.ended is not None
    OwnCall.objects.update(began=1.0)
    own_calls.tidy()
    assert not OwnCall.objects.exists()

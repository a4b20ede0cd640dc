"""Which values are looked for where: every encrypted column has its place, and outputs that are kept hold none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from builds.models import Project, Registry
from containers import keeping_logs, known
from containers.logs.reader import Hiding
from containers.models import CommandPiece, CommandRun, KeptLog
from containers.terminal import commands
from hosts import engine_streams
from hosts.engine import LogLine
from tests import factories
from tests.terminal.test_commands import FakeExecs
from xqplatform.alerts.models import Channel
from xqplatform.audit.models import Event
from xqplatform.secrets import encrypt
from xqplatform.secrets import known as everywhere
from xqplatform.secrets.columns import columns
from xqplatform.secrets.masking import HIDDEN, Masker

SECRET, OLDER, PASSWORD = "zebra-canary-new", "zebra-canary-old", "zebra-canary-registry"


def test_every_encrypted_column_is_looked_for_somewhere() -> None:
    assert {str(column) for column in columns()} == everywhere.EVERYWHERE.keys() | everywhere.SCOPED.keys()


@pytest.fixture
def place(db: None) -> Any:
    place = factories.make_running_place("snow", "production", 1)
    factories.make_config(place, {"secret_names": ["DB"]}, secrets=encrypt(json.dumps({"DB": OLDER})))
    place.config = factories.make_config(place, {"secret_names": ["DB"]}, secrets=encrypt(json.dumps({"DB": SECRET})))
    place.save()
    Registry.objects.create(name="main", address="127.0.0.1:9", password=PASSWORD)
    return place


def test_a_place_hides_its_own_secrets_and_the_platforms(place: Any) -> None:
    hide = known.of_place(place.pk)
    assert hide(f"{SECRET} {OLDER} {PASSWORD} other") == f"{HIDDEN} {HIDDEN} {HIDDEN} other"
    assert everywhere.platform()(f"{SECRET} {PASSWORD}") == f"{SECRET} {HIDDEN}"


def test_what_changes_is_known_within_moments(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert known.of_place(place.pk)("zebra-canary-later") == "zebra-canary-later"
    Project.objects.create(name="other", repository_password="zebra-canary-later")
    monkeypatch.setattr(everywhere, "SECONDS", 0)
    assert known.of_place(place.pk)("zebra-canary-later") == HIDDEN


def test_an_address_is_hidden_in_whole_and_in_its_secret_parts_but_not_its_host(db: None) -> None:
    url = "https://user:pass-of-mine@hooks.example.com/services/T0001/aB3dE5gH7jK9mN?key=0123456789abcdef"
    Channel.objects.create(name="ops", kind="webhook", url=url, secret="x")
    hide = everywhere.platform()
    assert hide(url) == HIDDEN
    assert hide("hooks.example.com/services refused") == "hooks.example.com/services refused"
    assert hide("path aB3dE5gH7jK9mN key 0123456789abcdef") == f"path {HIDDEN} key {HIDDEN}"
    assert hide("pass-of-mine") == HIDDEN


def test_a_command_that_prints_a_secret_in_pieces_keeps_none(
    place: Any, actor_sre: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance = place.instances.get()
    factories.make_container(instance)
    fake = FakeExecs(monkeypatch)
    fake.said = [b"DB=zebra-", b"canary-", b"new\n", b"end zebra"]
    run = commands.start(actor_sre, instance, ["echo", SECRET], reason="to see", here=True)
    commands.carry_out(run.pk, lease=CommandRun.objects.get(pk=run.pk).lease)
    assert "".join(CommandPiece.objects.values_list("text", flat=True)) == f"DB={HIDDEN}\nend zebra"
    assert Event.objects.get(action="instance.command").after["argv"] == ["echo", HIDDEN]
    assert CommandRun.objects.get(pk=run.pk).argv == ["echo", HIDDEN]
    for event in Event.objects.filter(action__startswith="instance.command"):
        assert SECRET not in f"{event.object_name} {event.before} {event.after}"


def test_kept_lines_are_hidden_when_written_and_older_ones_when_read(
    place: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance = place.instances.get()
    line = LogLine("stdout", "2026-11-29T12:00:00.000000000Z", f"password {SECRET}")
    monkeypatch.setattr(keeping_logs, "read", lambda *_: keeping_logs.Said([line], 9))
    assert keeping_logs.keep(None, "e77", instance.pk, "replaced") == f"password {HIDDEN}"  # type: ignore[arg-type]
    row = KeptLog.objects.get(engine_id="e77")
    assert [one.text for one in keeping_logs.unpacked(row.data)] == [f"password {HIDDEN}"]
    old = factories.make_kept_log(factories.make_container(instance), f"key={SECRET}\n")
    assert keeping_logs.lines_of(old)[0].text == f"key={HIDDEN}"


def test_a_line_of_a_log_that_comes_in_parts_is_hidden_over_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_streams, "LONGEST_LINE", 40)
    said = [
        b"2026-11-29T12:00:00.000000000Z password zebra-",
        b"canary-new and more\n2026-11-29T12:00:01.000000000Z zebra\n",
    ]
    lines = list(Hiding(engine_streams.log_lines(iter(said)), Masker([SECRET])))
    assert [line.text for line in lines] == ["password ", f"{HIDDEN} and more", "zebra"]

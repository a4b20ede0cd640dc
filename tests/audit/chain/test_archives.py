"""Retention: old events leave for sealed archives which still verify, through one door, and only when the archive is good."""

from __future__ import annotations

import gzip
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from xqplatform import audit
from xqplatform.accounts.actor import Actor
from xqplatform.audit.chain import archives, checkpoints, files, linking, own, triggers, verifying
from xqplatform.audit.models import Archive, Event, Link
from xqplatform.audit.proof import outlets, verifications

pytestmark = pytest.mark.django_db


def write(actor: Actor, count: int, days: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many events of so many days ago."""
    then = timezone.now() - timedelta(days=days)
    with monkeypatch.context() as patch:
        patch.setattr("django.utils.timezone.now", lambda: then)
        for n in range(count):
            audit.record(actor, "service.scale", None, after={"n": n})
    linking.link()


@pytest.fixture
def log(actor_sre: Actor, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.AUDIT_DAYS = 365
    write(actor_sre, 20, 400, monkeypatch)
    write(actor_sre, 5, 10, monkeypatch)
    checkpoints.make()


def test_old_events_move_and_all_of_it_still_verifies(log: None, actor_sre: Actor) -> None:
    made = archives.make()
    assert made is not None
    assert (made.first, made.last, made.state) == (1, 20, "sealed")
    assert Event.objects.count() == 6  # the young ones, and the one that tells of the archive
    assert Event.objects.get(action="audit.archive").after["last"] == 20
    linking.link()
    assert list(Link.objects.values_list("position", flat=True)) == list(range(21, 27))
    report = verifying.database()
    assert (report.good, report.count, report.position) == (True, 6, 26)
    path = next(archives.folder().glob("*.jsonl.gz"))
    assert path.stat().st_mode & 0o777 == 0o600
    alone = files.verify(path, None, own.public())
    assert (alone.good, alone.count, alone.hash) == (True, 20, made.hash)
    assert path.with_name(path.name.replace(".jsonl.gz", ".manifest.json")).read_text().strip() == made.line
    assert archives.make() is None


def test_the_next_archive_follows_even_when_nothing_is_left(
    log: None, actor_sre: Actor, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "AT_ONCE", 8)
    while archives.make() is not None:
        pass
    settings.AUDIT_DAYS = 1
    write(actor_sre, 1, 5, monkeypatch)
    checkpoints.make()
    while archives.make() is not None:
        pass
    assert [(a.first, a.last) for a in Archive.objects.all()] == [(1, 8), (9, 16), (17, 20), (21, 25)]
    linking.link()
    assert verifying.database().faults == []
    assert linking.head().position == Link.objects.count() + 25


def test_nothing_else_passes_the_door(log: None) -> None:
    archives.make()
    for statement in ("DELETE FROM audit_event", "DELETE FROM audit_link", "DELETE FROM audit_checkpoint"):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    assert Event.objects.count() == 6
    Archive.objects.create(first=21, last=22, state="removing")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        Link.objects.filter(position=23).delete()


def test_what_was_tampered_with_stays_and_is_shown(log: None) -> None:
    triggers.remove(connection)
    Event.objects.filter(pk=Link.objects.get(position=4).event_id).update(actor="nobody")
    triggers.install(connection)
    with pytest.raises(archives.Unfit, match="position 4"):
        archives.make()
    assert Event.objects.count() == 25
    assert "position 4" in verifications.troubles()["archive"]


def test_a_death_before_the_removal_loses_nothing(log: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(archives, "_removed", lambda said: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            archives.make()
    assert Event.objects.count() == 25
    assert archives.make() is not None
    assert len(list(archives.folder().iterdir())) == 2
    assert verifying.database().faults == []


@pytest.mark.parametrize("deed", ["change", "remove", "swap the manifest", "forget the row"])
def test_tampering_with_an_archive_shows(log: None, deed: str, data_folder: Path) -> None:
    archives.make()
    path = next(archives.folder().glob("*.jsonl.gz"))
    row = Archive.objects.get()
    if deed == "change":
        path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()).replace(b"sara", b"mary")))
    elif deed == "remove":
        path.unlink()
    elif deed == "swap the manifest":
        Archive.objects.update(line=row.line.replace('"count":20', '"count":19'))
    else:
        row.delete()
    faults = verifying.database().faults
    assert (faults[0].kind, faults[0].position) == ("removed" if deed in ("remove", "forget the row") else "changed", 1)


def test_retention_waits_for_checkpoints_and_outlets(log: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.AUDIT_SYSLOG = "tcp://127.0.0.1:1"
    outlets.resume()
    assert archives.due(outlets.slowest()) is None
    assert archives.due(7) == (1, 7)
    settings.AUDIT_DAYS = 0
    assert archives.due() is None

"""How rows become findings, alerts, a page, a file and an answer; stores that are asked by the beat."""

from __future__ import annotations

import csv
import io
import shutil
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from containers.keeping import asking_stores, parts, protecting, tasks
from containers.keeping.models import Backup, BackupPolicy, BackupTarget, Drill, Snapshot, SnapshotPolicy
from containers.keeping.services import targets
from containers.keeping.stores.opening import open_store
from containers.models import Instance, ServiceEnvironment
from tests.factories import make_host, make_instance, make_place, make_service
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Team, Token
from xqplatform.alerts import evaluate
from xqplatform.alerts.defaults import ensure_defaults
from xqplatform.alerts.models import Alert, Channel, Notification

pytestmark = pytest.mark.django_db
PAGE = "/services/store/production/data/"


@pytest.fixture
def disk(actor_sre: Actor, settings: Any, tmp_path: Path) -> BackupTarget:
    settings.DATA_DIR = tmp_path
    return targets.create(actor_sre, {"name": "disk", "kind": "folder"})


def ago(hours: float) -> datetime:
    return timezone.now() - timedelta(hours=hours)


def daily(place: ServiceEnvironment, disk: BackupTarget, since: float = 1000, **rules: Any) -> None:
    """`since`: hours ago."""
    place.instances.update(created=ago(since))
    BackupPolicy.objects.create(place=place, target=disk, content={"every": 24, **rules})
    BackupPolicy.objects.update(changed=ago(since))


def backup(instance: Instance, disk: BackupTarget, hours: float, state: str = "ready", **fields: Any) -> Backup:
    values = {"why": "schedule", "who": "x", "folder": f"f/{hours}", "taken": ago(hours), "ended": ago(hours)} | fields
    row = Backup.objects.create(instance=instance, target=disk, state=state, **values)
    Backup.objects.filter(pk=row.pk).update(created=ago(hours))
    return row


def drill(row: Backup, hours: float, state: str = "starts", words: str = "") -> None:
    made = Drill.objects.create(backup=row, who="x", state=state, words=words, ended=ago(hours))
    Drill.objects.filter(pk=made.pk).update(created=ago(hours))


def of(place: ServiceEnvironment) -> protecting.Line:
    found = protecting.line(place)
    assert found is not None
    return found


def evaluated() -> list[str]:
    """What fires, by name of the rule."""
    ensure_defaults()
    evaluate.run(time.time())
    return sorted(Alert.objects.filter(state="firing").values_list("rule__builtin", flat=True))


def test_rows_become_findings(instance: Instance, disk: BackupTarget) -> None:
    place = instance.place
    assert of(place).state == "unprotected"
    daily(place, disk)
    assert of(place).words == ["#1: There is no good backup yet; one is wanted every day."]
    row = backup(instance, disk, 30)
    drill(row, 200)
    backup(instance, disk, 6, "failed", taken=None, words="No space left.")
    backup(instance, disk, 5, "failed", taken=None, words="Connection refused.")
    backup(instance, disk, 4, "failed", why="hand", taken=None, words="By hand, nobody's rule.")
    found = of(place)
    assert (found.state, found.words) == ("at_risk", ["#1: The last scheduled backup failed: Connection refused."])
    assert abs(found.found.risks[0].since - ago(6)) < timedelta(minutes=1)
    drill(row, 1, "fails", "It was not well.")
    assert "#1: The last restore drill did not pass: It was not well." in of(place).words
    # A good one, also one by hand, makes up for what failed before it; one that passed for the drill.
    drill(backup(instance, disk, 2, why="hand"), 1)
    assert of(place).state == "protected"
    SnapshotPolicy.objects.create(place=place, content={"every": 4})
    SnapshotPolicy.objects.update(changed=ago(100))
    assert [risk.kind for risk in of(place).found.risks] == ["snapshots"]
    Snapshot.objects.create(instance=instance, host=instance.host, state="ready", taken=ago(1), who="x")
    assert of(place).state == "protected"


def test_stateless_services_and_removed_ones_are_not_there(instance: Instance, team: Team) -> None:
    stateless = make_instance(make_place(make_service("web", team=team), "production"), make_host("w"), 1)
    assert protecting.line(stateless.place) is None
    on_docker = make_instance(
        make_place(make_service("old", team=team, kind="stateful"), "production"), make_host("d"), 1
    )
    names = [one.service for one in protecting.lines(ServiceEnvironment.objects.all())]
    assert names == ["old", "store"]
    on_docker.removed = timezone.now()
    on_docker.save()
    assert [one.service for one in protecting.lines(ServiceEnvironment.objects.all())] == ["store"]


def test_more_places_ask_no_more_of_the_database(stand: Callable[..., Instance], team: Team) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert [one.words for one in protecting.lines(ServiceEnvironment.objects.all())]
        return len(queries)

    stand()
    few = asked()
    for n in range(5):
        place = make_place(make_service(f"db-{n}", team=team, kind="stateful"), "production")
        make_instance(place, make_host(f"db-{n}", runtime="lxd"), 1)
    assert asked() == few


def test_rules_read_rows_once_together_and_anew_each_time(
    stand: Callable[..., Instance], monkeypatch: pytest.MonkeyPatch
) -> None:
    stand().place.instances.update(created=ago(30))
    real, calls = protecting.lines, list[int]()
    monkeypatch.setattr(protecting, "lines", lambda *given: (calls.append(1), real(*given))[1])
    assert evaluated() == ["unprotected"]
    assert len(calls) == 1
    Instance.objects.update(removed=timezone.now())
    assert evaluated() == []
    assert len(calls) == 2


def test_who_is_to_be_told_is_told_once_and_hears_that_it_is_over(instance: Instance, disk: BackupTarget) -> None:
    Channel.objects.create(name="ops", url="json://127.0.0.1", service="x")
    place = instance.place
    assert evaluated() == []  # somebody has a day to say where its backups go
    place.instances.update(created=ago(25))
    assert evaluated() == ["unprotected"]
    daily(place, disk)
    row = backup(instance, disk, 40)
    backup(instance, disk, 30, "failed", taken=None, words="No space left.")
    drill(row, 300)
    for _again in range(3):
        assert evaluated() == ["backup-failed", "backup-overdue", "drill-overdue"]
        Alert.objects.update(since=ago(1))  # who is told waits ten seconds for others
    overdue = Alert.objects.get(rule__builtin="backup-overdue", state="firing")
    assert (overdue.name, overdue.device, overdue.severity) == ("store/production", "#1", "critical")
    assert "one is wanted every day" in overdue.words
    assert overdue.team_id == place.service.team_id
    drill(row, 1, "fails")
    assert evaluated() == ["backup-failed", "backup-overdue", "drill-failed"]
    drill(backup(instance, disk, 1), 0.5)
    assert evaluated() == []
    Alert.objects.update(since=ago(1))
    assert evaluated() == []
    told = [(one.rule.builtin, one.kind) for one in Notification.objects.select_related("rule") if one.rule]
    assert told.count(("backup-overdue", "firing")) == 1
    assert told.count(("backup-overdue", "resolved")) == 1


def test_the_page_says_at_once_who_is_not_protected(
    client: Client, sre: Any, instance: Instance, disk: BackupTarget, team: Team, developer: Any
) -> None:
    well = make_instance(
        make_place(make_service("a-cache", team=team, kind="stateful"), "production"), make_host("k", runtime="lxd"), 1
    )
    daily(well.place, disk)
    drill(backup(well, disk, 3), 2)
    hidden = make_service(
        "glacier", team=Team.objects.create(slug="vault", title="Vault", closed=True), kind="stateful"
    )
    make_instance(make_place(hidden, "production"), make_host("v", runtime="lxd"), 1)
    client.force_login(sre)
    text = client.get("/protection/").content.decode()
    assert text.index('data-state="unprotected"') < text.index("<tbody")
    body = text[text.index("<tbody") :]
    assert body.index(">store<") < body.index(">a-cache<")
    assert "Nothing is backed up by schedule." in body
    assert ">glacier<" in body
    good = client.get("/protection/?state=protected").content.decode()
    assert ">a-cache<" in good
    assert "Nothing is backed up by schedule." not in good
    for query in ("?state=nonsense&sort=-x&page=9999999999&q=%00%3Cscript%3E", "?environment=production&sort=-good"):
        assert client.get(f"/protection/{query}").status_code == 200
    # Who is not of a closed team sees nothing of it.
    client.force_login(developer)
    assert ">glacier<" not in client.get("/protection/").content.decode()
    answer = client.get("/protection/?format=csv")
    rows = list(csv.reader(io.StringIO(b"".join(answer).decode("utf-8-sig"))))  # type: ignore[call-overload]
    assert [row[0] for row in rows[1:]] == ["store", "a-cache"]
    assert rows[1][3] == "not protected"


def test_the_pages_of_a_place_and_the_api_say_the_same(
    client: Client, developer: Any, instance: Instance, disk: BackupTarget
) -> None:
    client.force_login(developer)
    daily(instance.place, disk)
    row = backup(instance, disk, 50)
    drill(row, 1, "fails", "<b>It</b> was not well.")
    for url in (PAGE, f"{PAGE}backups/"):
        text = client.get(url).content.decode()
        assert 'data-state="at_risk"' in text
        assert "one is wanted every day." in text
        assert "&lt;b&gt;It&lt;/b&gt; was not well." in text
    bearer = Client(headers={"Authorization": f"Bearer {Token.make(developer, 'test')[1]}"})
    [one] = bearer.get("/api/v1/protection").json()
    assert (one["service"], one["state"], one["store"]) == ("store", "at_risk", "disk")
    assert [(risk["kind"], risk["instance"]) for risk in one["risks"]] == [("overdue", 1), ("drill_failed", 1)]


@pytest.mark.django_db(transaction=True)
def test_a_store_is_asked_by_the_beat(
    instance: Instance, disk: BackupTarget, settings: Any, tmp_path: Path, enqueued: Any
) -> None:
    assert asking_stores.due() == []
    BackupTarget.objects.update(checked=ago(1))
    row = backup(instance, disk, 2, folder="store-1")
    open_store(disk).put(parts.manifest_key("store-1"), b"{}")
    tasks.ask_stores()
    assert list(enqueued) == [("keeping.tasks.ask_store", (disk.pk,))]
    enqueued.drain()
    disk.refresh_from_db()
    assert (disk.problem, asking_stores.due()) == ("", [])
    checked = disk.checked
    asking_stores.ask(disk.pk)  # a second worker: it was asked a moment ago
    disk.refresh_from_db()
    assert disk.checked == checked
    # The disk is not mounted: it would take objects as well as ever.
    shutil.rmtree(tmp_path / "backups")
    BackupTarget.objects.update(checked=ago(1))
    asking_stores.ask(disk.pk)
    disk.refresh_from_db()
    assert row.label in disk.problem
    assert evaluated() == []  # one answer is none yet
    BackupTarget.objects.update(checked=ago(0.02))
    assert asking_stores.due() == [disk.pk]
    evaluate.run(time.time() + 60)
    evaluate.run(time.time() + 130)
    assert [one.rule_name for one in Alert.objects.filter(state="firing", subject=f"store:{disk.pk}")] == [
        "Store of backups out of reach"
    ]
    open_store(disk).put(parts.manifest_key("store-1"), b"{}")
    asking_stores.ask(disk.pk)
    evaluate.run(time.time() + 140)
    assert not Alert.objects.filter(state="firing", subject=f"store:{disk.pk}").exists()

"""Backups on their way into a store and back, with a server in memory; their page, API and command line."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from containers.keeping import backup_beat, backup_policies, backup_rules, parts, sealing, transfer
from containers.keeping.models import Backup, BackupPolicy, BackupTarget, Drill
from containers.keeping.services import backups, targets
from containers.keeping.stores.opening import open_store
from containers.models import Instance
from hosts.operation_runner import execute
from tests.keeping.played import Pool, dies
from tests.keeping.played_moves import Moves
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Token
from xqplatform.errors import Denied, Refused

URL = "/services/store/production/data/backups/"
database = pytest.mark.django_db(transaction=True)
TYPED = {"target": "disk", "every": "6", "at": "01:30", "instances": "1", "keep_last": "2", "keep_daily": "5", "keep_weekly": "1",
         "drill_days": "7", "drill_seconds": "60", "check": "test -e /data/rows"}  # fmt: skip


@pytest.fixture
def moves(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> Moves:
    made = Moves(pool)
    monkeypatch.setattr(Pool, "moves", made, raising=False)
    monkeypatch.setattr(parts, "PART", 10)
    monkeypatch.setattr(transfer, "PAUSES", (0.01, 0.01))
    return made


@pytest.fixture
def disk(db: None, actor_sre: Actor, settings: Any, tmp_path: Path) -> BackupTarget:
    settings.DATA_DIR = tmp_path
    return targets.create(actor_sre, {"name": "disk", "kind": "folder"})


def taken(actor: Actor, instance: Instance) -> Backup:
    [row] = backups.take(actor, instance.place, "disk")
    assert row.operation is not None
    execute(row.operation.pk)
    row.refresh_from_db()
    return row


@database
def test_a_broken_connection_loses_no_part(
    moves: Moves, disk: BackupTarget, instance: Instance, actor_dev: Actor, pool: Pool, tmp_path: Path
) -> None:
    pool.data["xq-vol-store-1"] = "0123456789" * 7
    moves.breaks = 3
    row = taken(actor_dev, instance)
    assert row.state == "ready"
    assert (row.parts.count(), row.size) == (7, sum(one.size for one in row.parts.all()))
    assert sorted(pool.data) == ["xq-vol-store-1"]
    assert pool.kept["xq-vol-store-1"] == {}
    manifest = parts.read(open_store(disk).get(parts.manifest_key(row.folder)))
    assert [part.number for part in manifest.volumes[0].parts] == [1, 2, 3, 4, 5, 6, 7]
    assert not any(b"0123456789" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


@database
def test_a_worker_that_dies_is_followed_by_one_that_goes_on(
    moves: Moves, disk: BackupTarget, instance: Instance, actor_dev: Actor, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool.data["xq-vol-store-1"] = "abcdefghij" * 5
    store, put, seen = type(open_store(disk)), type(open_store(disk)).put, []

    def dying(self: Any, key: str, data: bytes) -> None:
        seen.append(key.rpartition("/")[2][:6])
        if len(seen) == 3:
            dies()
        put(self, key, data)

    monkeypatch.setattr(store, "put", dying)
    [row] = backups.take(actor_dev, instance.place, "disk")
    assert row.operation is not None
    with pytest.raises(SystemExit):
        execute(row.operation.pk)
    assert row.parts.count() == 2
    type(row.operation).objects.update(lease="")
    moves.breaks = 2  # the connection breaks off, too
    assert execute(row.operation.pk)
    row.refresh_from_db()
    assert row.state == "ready", row.operation.words
    assert seen[:4] == ["000001", "000002", "000003", "000003"]
    assert seen[-1] == "manife"
    assert sorted(pool.data) == ["xq-vol-store-1"]


@database
def test_what_is_refused(
    moves: Moves, disk: BackupTarget, instance: Instance, actor_dev: Actor, actor_sre: Actor, actor_manager: Actor
) -> None:
    for call, words in (
        (lambda: backups.take(actor_dev, instance.place, "nowhere"), "no store"),
        (lambda: backups.take(actor_dev, instance.place, "disk", [9]), "no instance 9"),
        (lambda: targets.create(actor_sre, {"name": "disk", "kind": "folder"}), "already"),
        (lambda: targets.create(actor_sre, {"name": "../x", "kind": "folder"}), "a-z"),
        (lambda: targets.create(actor_sre, {"name": "x", "kind": "tape"}), "Choose one"),
        (lambda: targets.create(actor_sre, {"name": "x", "kind": "s3", "endpoint": "ftp://x", "bucket": "bb"}), "https://"),
        (lambda: targets.create(actor_sre, {"name": "x", "kind": "s3", "bucket": "b/../c"}), "bucket"),
        (lambda: targets.create(actor_sre, {"name": "x", "kind": "s3", "bucket": "bb", "access_key": "k"}), "needed"),
        (lambda: targets.create(actor_sre, {"name": "x", "kind": "s3", "bucket": "b\x00"}), "characters"),
    ):  # fmt: skip
        with pytest.raises(Refused, match=words):
            call()
    for verb in (lambda: targets.create(actor_dev, {}), lambda: targets.check(actor_dev, disk),
                 lambda: backups.take(actor_manager, instance.place, "disk")):  # fmt: skip
        with pytest.raises(Denied):
            verb()
    row = taken(actor_dev, instance)
    with pytest.raises(Refused, match="backups in it"):
        targets.remove(actor_sre, disk)
    with pytest.raises(Refused, match="not the name"):
        backups.remove(actor_dev, row, "backup")
    drill = Drill.objects.create(backup=row, who="x")
    with pytest.raises(Refused, match="drill"):
        backups.remove(actor_dev, row, row.label)
    drill.delete()
    backups.remove(actor_dev, row, row.label)
    backup_beat.discard(row.pk)
    targets.remove(actor_sre, disk)
    assert not BackupTarget.objects.exists()


@database
def test_a_store_that_is_away_is_asked_again(
    moves: Moves, disk: BackupTarget, instance: Instance, actor_dev: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = taken(actor_dev, instance)
    backups.remove(actor_dev, row, row.label)
    with monkeypatch.context() as away:
        away.setattr("pathlib.Path.unlink", lambda *_a, **_k: (_ for _ in ()).throw(OSError(5, "Input/output error")))
        backup_beat.discard(row.pk)
    row.refresh_from_db()
    assert row.state == "dropping"
    assert "Input/output error" in row.words
    backup_beat.discard(row.pk)
    row.refresh_from_db()
    assert (row.state, row.words) == ("gone", "")


@database
def test_the_page(
    client: Client, developer: Any, sre: Any, moves: Moves, disk: BackupTarget, instance: Instance
) -> None:
    client.force_login(developer)
    assert "No backup yet" in client.get(URL).content.decode()
    said = client.post(
        f"{URL}take/", {"instances": "1", "target": "disk", "reason": "<b>why</b>"}, follow=True
    ).content.decode()
    row = Backup.objects.get()
    assert "1 backup is being taken." in said
    assert "&lt;b&gt;why" in said
    assert row.operation is not None
    execute(row.operation.pk)
    assert "not tried" in client.get(f"{URL}?state=ready&why=hand").content.decode()
    client.post(f"/backups/{row.pk}/pin/", {"pinned": "1"})
    assert Backup.objects.get().pinned
    Drill.objects.create(
        backup=row, who="x", state="fails", words="It was not well.", said="</pre><script>", host=instance.host
    )
    text = client.get(URL).content.decode()
    assert "does not start" in text or "fails" in text
    assert "&lt;script&gt;" in text
    for data in (
        {},
        {"instances": "9" * 4300, "target": "disk"},
        {"instances": "1", "target": "\x00"},
        {"instances": "1"},
    ):
        assert client.post(f"{URL}take/", data).status_code == 302
    assert Backup.objects.count() == 1
    wrong = client.post(f"/backups/{row.pk}/remove/", {"name": "x", "reason": "kept words"})
    assert (wrong.status_code, "kept words" in wrong.content.decode()) == (400, True)

    assert client.post(f"{URL}rules/", TYPED).status_code == 302
    assert backup_policies.rules_of(instance.place)[0].instances == (1,)
    for field, value in (("at", "26:99"), ("keep_last", "0"), ("drill_days", "9" * 4300), ("every", "5"), ("instances", "x"),
                         ("check", "\x00"), ("check", "x" * 2000), ("target", "nowhere")):  # fmt: skip
        answer = client.post(f"{URL}rules/", TYPED | {field: value})
        assert answer.status_code == 400, field
        assert "is-invalid" in answer.content.decode(), field
    assert client.get("/settings/stores/").status_code == 200
    assert client.get("/settings/stores/disk/").status_code == 403

    client.force_login(sre)
    text = client.get("/settings/stores/disk/").content.decode()
    assert "takes these backups with it" in text
    assert disk.key not in text
    offline = sealing.recipient(sealing.new_key())
    assert client.post("/settings/stores/disk/", {"others": disk.key}).status_code == 400
    assert client.post("/settings/stores/disk/", {"others": f"{offline}\n{offline}"}).status_code == 302
    disk.refresh_from_db()
    assert disk.recipients == [disk.recipient, offline]
    s3 = {
        "name": "far",
        "kind": "s3",
        "endpoint": "http://127.0.0.1:9",
        "bucket": "bb",
        "access_key": "k",
        "secret_key": "hush hush",
    }
    answer = client.post("/settings/stores/", s3)
    assert (answer.status_code, "cannot be reached" in answer.content.decode()) == (400, True)
    assert "hush hush" not in answer.content.decode()
    assert "cannot be forgotten" not in client.post("/settings/stores/disk/remove/", follow=True).content.decode()
    assert BackupTarget.objects.exists()


@database
def test_the_same_over_the_api_and_on_the_command_line(
    developer: Any, moves: Moves, disk: BackupTarget, instance: Instance
) -> None:
    bearer = Client(headers={"Authorization": f"Bearer {Token.make(developer, 'test')[1]}"})
    here = "/api/v1/services/store/production/backups"
    made = bearer.post(here, {"store": "disk", "instances": [1]}, "application/json")
    assert made.status_code == 202
    (one,) = made.json()
    execute(one["operation"])
    seen = bearer.get(f"/api/v1/backups/{one['id']}").json()
    assert (seen["state"], seen["store"], seen["manifest"]["volumes"][0]["target"]) == ("ready", "disk", "/data")
    assert bearer.put(f"{here}/policy", {"every": 5}, "application/json").status_code == 400
    assert bearer.put(f"{here}/policy", {"store": "disk", "every": 12}, "application/json").json()["every"] == 12
    assert bearer.get(f"{here}/policy").json()["store"] == "disk"
    assert (
        bearer.post(f"/api/v1/backups/{one['id']}/drills", {"host": "nowhere"}, "application/json").status_code == 400
    )
    stores = bearer.get("/api/v1/backup-stores")
    assert "AGE-SECRET" not in stores.content.decode()
    assert stores.json()[0]["recipient"].startswith("age1")
    assert bearer.post("/api/v1/backup-stores", {"name": "x", "kind": "folder"}, "application/json").status_code == 403
    assert bearer.get(f"/api/v1/backups/{10**18}").status_code == 404

    def said(*words: str) -> str:
        out = io.StringIO()
        call_command("backups", f"--user={developer.username}", *words, stdout=out)
        return out.getvalue()

    assert one["name"] in said("list", "store", "production")
    assert "is being taken" in said("take", "store", "production", "disk")
    assert "is being tried on store-1" in said("drill", one["name"])
    for words in (("drill", "backup-99"), ("remove", "nonsense"), ("take", "store", "production", "nowhere")):
        with pytest.raises(CommandError):
            said(*words)


@database
def test_what_is_due_is_begun_once_and_what_rules_do_not_keep_goes(
    moves: Moves, disk: BackupTarget, instance: Instance, actor_dev: Actor
) -> None:
    long_ago = timezone.now() - timedelta(days=9)
    backup_policies.save_rules(
        actor_dev,
        instance.place,
        "disk",
        {"every": 24, "keep_last": 1, "keep_daily": 0, "keep_weekly": 0, "drill_days": 0},
    )
    Instance.objects.update(created=long_ago)
    by_hand = taken(actor_dev, instance)
    keys = []
    for days in (3, 2, 1):
        BackupPolicy.objects.update(changed=long_ago)
        for _tick in range(3):
            backup_beat.plan()
        [row] = Backup.objects.filter(state="taking")
        assert row.operation is not None
        execute(row.operation.pk)
        Backup.objects.filter(pk=row.pk).update(
            created=timezone.now() - timedelta(days=days), taken=timezone.now() - timedelta(days=days)
        )
        keys.append(row.pk)
    backup_beat.plan()
    states = {row.pk: row.state for row in Backup.objects.filter(pk__in=[*keys, by_hand.pk])}
    assert states == {by_hand.pk: "ready", keys[0]: "dropping", keys[1]: "dropping", keys[2]: "ready"}


@given(
    st.dictionaries(
        st.sampled_from(sorted(backup_rules.USUAL.to_json())),
        st.one_of(st.none(), st.integers(), st.text(max_size=5), st.booleans(), st.lists(st.integers(), max_size=3)),
    )
)
def test_rules_are_read_or_refused_with_their_field(data: dict[str, Any]) -> None:
    why: Refused | None = None
    try:
        rules = backup_rules.parse(data)
    except Refused as refused:
        why = refused
    if why is None:
        assert backup_rules.parse(rules.to_json()) == rules
    else:
        assert why.field in data
        assert why.code == 400

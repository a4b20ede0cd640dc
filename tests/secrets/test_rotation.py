"""Every stored secret goes under the newest key: beside writers, after a kill, and never what cannot be read."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.test import Client, override_settings

from containers.models import ConfigVersion
from tests import factories
from tests.secrets.test_keyring import of_older_version
from xqplatform.accounts.actor import Actor
from xqplatform.alerts.models import Channel
from xqplatform.audit.models import Event
from xqplatform.errors import Denied, Refused
from xqplatform.secrets import decrypt, encrypt, keys, rotation, services
from xqplatform.secrets.columns import columns
from xqplatform.secrets.keyring import Key, key_of


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "keys"
    path.write_text("first\n")
    path.chmod(0o600)
    with override_settings(ENCRYPTION_KEYS=[], ENCRYPTION_KEY_FILE=str(path), ENCRYPTION_KEY=""):
        yield path


def channels(count: int) -> None:
    Channel.objects.bulk_create(
        Channel(name=f"c{n}", kind="webhook", url=f"https://hooks.example/{n}", secret=f"secret-{n}")
        for n in range(count)
    )


def tokens() -> list[str]:
    return [token for column in columns() for token in column.rows().values_list("stored_token", flat=True)]


def command(*args: str) -> str:
    out = StringIO()
    call_command("secrets", *args, stdout=out, stderr=out)
    return out.getvalue()


def test_every_column_that_holds_tokens_is_known() -> None:
    """By its class: also whatever is added later."""
    names = {str(column) for column in columns()}
    assert {"hosts.host.key", "alerts.channel.url", "builds.forge.token", "containers.configversion.secrets"} <= names


@pytest.mark.django_db
def test_all_goes_under_the_new_key_and_only_then_the_old_one_may_go(file: Path, actor_sre: Any) -> None:
    channels(7)
    place = factories.make_running_place("snow", "production", 1)
    ConfigVersion.objects.filter(pk=place.config.pk).update(secrets=of_older_version("first", '{"DB": "zebra"}'))
    old = keys.ring().newest
    new = services.add_key(actor_sre)
    with pytest.raises(Refused, match="15 secrets"):
        services.drop_key(actor_sre, old)
    with pytest.raises(Refused):
        services.drop_key(actor_sre, new)
    assert rotation.state().left == 15
    outcome = services.rotate(actor_sre, batch=4)
    assert (outcome.changed, outcome.overtaken, outcome.unreadable) == (15, 0, [])
    assert {key_of(token) for token in tokens()} == {new}
    assert services.rotate(actor_sre).changed == 0
    services.drop_key(actor_sre, old)
    assert [c.secret for c in Channel.objects.order_by("pk")] == [f"secret-{n}" for n in range(7)]
    assert decrypt(ConfigVersion.objects.get(pk=place.config.pk).secrets) == '{"DB": "zebra"}'
    names = list(Event.objects.order_by("pk").values_list("action", flat=True))
    assert names[:3] == ["secrets.key.add", "secrets.rotate", "secrets.rotated"]


@pytest.mark.django_db
def test_what_a_writer_wrote_meanwhile_stays(file: Path) -> None:
    channels(3)
    keys.add_to_file()
    column = next(c for c in columns() if str(c) == "alerts.channel.secret")
    pk, read = column.rows().order_by("pk").values_list("pk", "stored_token")[0]
    Channel.objects.filter(pk=pk).update(secret="newer")
    assert not column.swap(pk, read, encrypt("older"))
    assert Channel.objects.get(pk=pk).secret == "newer"


@pytest.mark.django_db
def test_rows_under_a_lost_key_are_named_and_left_alone(file: Path) -> None:
    channels(2)
    lost = Channel.objects.order_by("pk")[0].pk
    file.write_text("second\n")
    Channel.objects.exclude(pk=lost).update(url="https://a.example", secret="fine")
    file.write_text("third\nsecond\n")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE alerts_channel SET url = 'damaged' WHERE id = %s", [lost])
    with pytest.raises(SystemExit):
        call_command("secrets", "rotate", stdout=StringIO(), stderr=StringIO())
    said = command("status")
    assert f"not readable: alerts.channel.secret {lost} ({Key.of('first').id})" in said
    outcome = rotation.rotate()
    assert [name.split(":")[0] for name in outcome.unreadable] == [
        f"alerts.channel.secret {lost}",
        f"alerts.channel.url {lost}",
    ]
    assert rotation.state().counts[Key.of("third").id] == 2
    with pytest.raises(CommandError):
        command("drop-key", Key.of("second").id)  # the damaged one names no key: it may be under this one


@pytest.mark.django_db(transaction=True)
def test_nothing_that_is_written_beside_a_rotation_is_lost(file: Path) -> None:
    channels(120)
    pks = list(Channel.objects.order_by("pk").values_list("pk", flat=True))
    keys.add_to_file()
    wrong: list[BaseException] = []

    def write() -> None:
        try:
            for turn in range(3):
                for pk in pks[::4]:
                    row = Channel.objects.get(pk=pk)
                    row.secret = f"written-{pk}-{turn}"
                    row.save()
        except BaseException as error:
            wrong.append(error)
        finally:
            connection.close()

    writer = threading.Thread(target=write)
    writer.start()
    rotation.rotate(batch=10)
    writer.join()
    rotation.rotate()
    assert wrong == []
    assert rotation.state().left == 0
    written = {pk: f"written-{pk}-2" for pk in pks[::4]}
    for n, pk in enumerate(pks):
        assert Channel.objects.get(pk=pk).secret == written.get(pk, f"secret-{n}")


ROTATE = """
import django, sys, time
from django.conf import settings
settings.ENCRYPTION_KEY_FILE = {file!r}
django.setup()
from django.db import connections
connections["default"].settings_dict["NAME"] = {name!r}
from xqplatform.secrets import rotation
def told(outcome):
    print(outcome.changed, flush=True)
    time.sleep(0.02)
rotation.rotate(told, batch=5)
"""


@pytest.mark.django_db(transaction=True)
def test_a_rotation_that_is_killed_loses_nothing_and_goes_on(file: Path) -> None:
    channels(100)
    new = keys.add_to_file()
    code = ROTATE.format(file=str(file), name=str(connection.settings_dict["NAME"]))
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "PYTHONPATH": str(settings.BASE_DIR)}
    child = subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    while int(child.stdout.readline()) < 30:
        pass
    child.send_signal(signal.SIGKILL)
    assert child.wait(20) == -signal.SIGKILL
    done = rotation.state().done
    assert 30 <= done < 200
    assert [c.secret for c in Channel.objects.order_by("pk")] == [f"secret-{n}" for n in range(100)]
    assert rotation.rotate().changed == 200 - done
    assert rotation.state().counts == {new: 200, Key.of("first").id: 0}
    assert [c.url for c in Channel.objects.order_by("pk")] == [f"https://hooks.example/{n}" for n in range(100)]


@pytest.mark.django_db
def test_only_who_manages_keys_may(file: Path, actor_dev: Actor, client: Client, sre: Any) -> None:
    for verb in (services.rotate, services.add_key, lambda actor: services.drop_key(actor, "x")):
        with pytest.raises(Denied):
            verb(actor_dev)
    assert Event.objects.filter(denied=True, action="secrets.manage").count() == 3
    channels(2)
    keys.add_to_file()
    client.force_login(sre)
    page = client.get("/settings/secrets/").content.decode()
    assert "0 of 4 are under the newest key, 4 are left." in page
    with override_settings(ENCRYPTION_KEYS=["named"]), pytest.raises(Refused, match="XQ_ENCRYPTION_KEYS"):
        services.add_key(Actor.system())


@pytest.mark.django_db
def test_a_key_goes_with_its_event_or_not_at_all(file: Path, actor_sre: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    services.add_key(actor_sre)
    services.rotate(actor_sre)
    old = Key.of("first").id

    def full(*_args: Any, **_more: Any) -> Any:
        raise OperationalError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(services.audit, "record", full)
        with pytest.raises(OperationalError):
            services.drop_key(actor_sre, old)
    assert old in keys.in_file()

    def read_only(_key: str) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(keys, "drop_from_file", read_only)
        with pytest.raises(Refused, match="Permission denied"):
            services.drop_key(actor_sre, old)
    assert not Event.objects.filter(action="secrets.key.drop").exists()
    services.drop_key(actor_sre, old)
    assert old not in keys.in_file()
    assert Event.objects.filter(action="secrets.key.drop").count() == 1

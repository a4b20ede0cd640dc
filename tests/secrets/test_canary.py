"""Canaries: a secret of its own in every place that can hold one; they are used and printed, and then looked for everywhere.

What is planted comes from the encrypted columns themselves, and what is searched is counted, so nothing falls out silently.
What engines, images and a broker hold is searched by tests/faults/test_canaries.py, on real ones.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from builds import masking
from builds.lease import Holder
from builds.models import Build, Registry
from builds.registry import RegistryError
from builds.services import registries
from containers import keeping_logs, known
from containers.hooks import running
from containers.hooks.kinds import Outcome, Setting
from containers.hooks.shape import Hook
from containers.models import CommandRun, HookRun, Terminal, TerminalPiece
from containers.terminal import commands, recordings
from containers.terminal.session import Session
from hosts.engine import LogLine
from hosts.models import DaemonFile, Host, HostOperation, IssuedCertificate, SshAccess
from hosts.operations import Run
from tests import factories
from tests.accounts.access_table import World
from tests.accounts.access_world import rows
from tests.accounts.access_world import world as world  # noqa: PLC0414  a fixture
from tests.accounts.test_secrets_stay import texts
from tests.hooks.test_running import Script, guard
from tests.secrets.dumps import dump, readable, tables
from tests.terminal.test_commands import FakeExecs
from tests.terminal.test_session import Wire
from xqplatform import leases
from xqplatform.accounts.models import Token
from xqplatform.accounts.signin.models import FactorSecret, Provider
from xqplatform.alerts import child, deliver
from xqplatform.alerts.models import Channel, Delivery
from xqplatform.audit.chain import archives, checkpoints, linking
from xqplatform.secrets import EncryptedTextField, encrypt, keys
from xqplatform.secrets import known as everywhere
from xqplatform.secrets.columns import Column, columns
from xqplatform.secrets.masking import HIDDEN, SHORTEST

pytestmark = pytest.mark.django_db(transaction=True)
# How a column's value is written around its canary; all others hold it as it is.
SHAPES = {
    "alerts.channel.url": "https://hooks.example/%s",
    "builds.project.build_secrets": '{"NPM": "%s"}',
    "containers.configversion.secrets": '{"DB": "%s"}',
    "hosts.hostoperation.notes": '{"note": "%s"}',
}


def canary(name: str) -> str:
    return f"Canary-{name.replace('.', '-')}-9/+&x"


def plant(world: World) -> dict[str, str]:
    """In every row of every encrypted column, and at least in one. Returns the canaries by column."""
    host, now = Host.objects.get(name="spare"), timezone.now()
    SshAccess.objects.create(host=host, key="x", user="root", address="10.0.0.1")
    DaemonFile.objects.create(host=host, text="{}", seen=now)
    IssuedCertificate.objects.create(
        host=host, authority=world.more["old_authority"], kind="client", subject="x", serial="1", fingerprint="f",
        certificate="x", not_after=now,
    )  # fmt: skip
    Provider.objects.create(slug="sso", name="SSO", issuer="https://sso.example", client_id="xq", enabled=False)
    FactorSecret.objects.create(secret="x")
    planted = {}
    for column in columns():
        name = str(column)
        value = SHAPES.get(name, "%s") % canary(name)
        field = column.model._meta.get_field(column.field)
        stored = value if isinstance(field, EncryptedTextField) else encrypt(value)
        assert column.model._base_manager.update(**{column.field: stored}), f"{name}: make a row of it above"
        planted[name] = canary(name)
    return planted


def printed(planted: dict[str, str]) -> str:
    """As somebody's program may print them: plain, in an address, as base64."""
    words = list(planted.values())
    encoded = base64.b64encode(" ".join(words).encode()).decode()
    return f"{' '.join(words)} {' '.join(quote(word, safe='') for word in words)} {encoded}"


def use(world: World, planted: dict[str, str], monkeypatch: pytest.MonkeyPatch, actor: Any) -> str:
    """Everything that keeps what others say is told all of them. Returns what a page saw in its terminal."""
    everywhere.forget()
    common = printed({name: word for name, word in planted.items() if name in everywhere.EVERYWHERE})
    mine = printed({name: word for name, word in planted.items() if name in {*everywhere.EVERYWHERE, known.COLUMN}})
    instance = world.more["instance"]
    # a build's log, and its end
    build = Build.objects.create(project=world.more["build"].project, state="running", branch="prod", revision="0" * 40)
    holder = Holder(build, masking.Masker((), [planted["builds.project.build_secrets"]], everywhere.platform))
    holder.output(f"Step 1/1 : RUN echo {common}\n{common}\n")
    holder.flush(last=True)
    holder.write(failing_step=holder.step_text, reason=holder.mask(common), state="failed")
    # a hook's output
    run = HookRun.objects.create(place=world.more["place"], slot="c", point="stop.before", name="drain", kind="command")
    hook = Hook("drain", "stop.before", "command", ("/bin/x",))
    running.run(run, hook, Setting({}), guard(), Script(Outcome(True, 0, mine, words=mine)))
    # a command's output, in pieces
    fake = FakeExecs(monkeypatch)
    fake.said = [mine.encode()[at : at + 7] for at in range(0, len(mine.encode()), 7)]
    row = commands.start(actor, instance, ["env"], reason="canary", here=True)
    commands.carry_out(row.pk, lease=CommandRun.objects.get(pk=row.pk).lease)
    # last lines of a container
    line = LogLine("stdout", "2026-11-29T12:00:00.000000000Z", mine)
    with monkeypatch.context() as patch:
        patch.setattr(keeping_logs, "read", lambda *_: keeping_logs.Said([line], len(mine)))
        keeping_logs.keep(None, instance.containers.first().engine_id, instance.pk, "failed")  # type: ignore[arg-type]
    # a terminal, and its recording
    wire = Wire()
    session = Session(Terminal(pk=1), wire, loop := asyncio.new_event_loop(), "", lambda: None)  # type: ignore[arg-type]
    session.hide = known.of_instance(instance.pk)
    for at in range(0, len(mine.encode()), 5):
        wire.says.put(mine.encode()[at : at + 5])
    wire.says.put(b"")
    session._read()
    session.note_end("ended")
    loop.close()
    seen = session.since(0, 1 << 20).decode()
    terminal = Terminal.objects.create(
        instance=instance, host=instance.host, engine_id="e1", person=world.person, who="paula", state="ended",
        opened=timezone.now(), ended=timezone.now(),
    )  # fmt: skip
    recordings.store(terminal.pk, 0, session.recorder.take(99.0))
    # an operation on a host
    text = leases.own_text()
    operations = HostOperation.objects.filter(pk=world.more["operation"].pk)
    operations.update(lease=text, lease_until=leases.until())
    own = {n: w for n, w in planted.items() if n in {"hosts.host.key", "hosts.host.ssh_key", "hosts.sshaccess.key"}}
    doing = Run(operations.get(), leases.Lease(operations, text))
    doing.say(f"{common} {printed(own)}")
    doing.flush()

    # a connection that fails with the password in its words
    def refuses(_client: Any) -> None:
        raise RegistryError("denied", f"401 for {common}")

    with monkeypatch.context() as patch:
        patch.setattr("builds.registry.Client.check", refuses)
        registries.check_registry(Registry.objects.get(name="main"))
    # a notification that fails
    delivery = Delivery.objects.get(pk=world.more["delivery"].pk)
    monkeypatch.setattr(child, "ask", lambda *_, **__: {"ok": False, "words": common})
    deliver._attempt(delivery, leases.Lease(Channel.objects.filter(pk=delivery.channel_id), ""))
    return seen


async def gathered(pieces: Any) -> str:
    return b"".join([piece async for piece in pieces]).decode()


def files() -> Iterator[tuple[str, str]]:
    """The database's own files, and all others of the data folder."""
    for path in settings.DATA_DIR.rglob("*"):
        if path.is_file() and path.name not in {"encryption-key", "secret-key"}:
            yield f"file {path.name}", path.read_bytes().decode("latin-1")


def own_keys() -> dict[str, str]:
    """What the platform itself was given, as far as the tests' settings have it."""
    found = {"secret key": settings.SECRET_KEY, "audit key": settings.AUDIT_KEY, "key": settings.ENCRYPTION_KEY}
    found |= {f"key {n}": text for n, text in enumerate(keys.file_lines(settings.ENCRYPTION_KEY_FILE))}
    return {name: text for name, text in found.items() if len(text) >= SHORTEST}


def archive(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, str]]:
    """What a sealed archive of all events holds, made as it will be made in some days."""
    linking.link()
    checkpoints.make()
    then = timezone.now() + timedelta(days=9)
    with monkeypatch.context() as patch:
        patch.setattr(settings, "AUDIT_DAYS", 1)
        patch.setattr("django.utils.timezone.now", lambda: then)
        made = archives.make()
    assert made is not None
    assert made.last > 5
    for path in archives.folder().iterdir():
        data = path.read_bytes()
        yield path.name, (gzip.decompress(data) if path.suffix == ".gz" else data).decode()


def test_no_canary_is_found_anywhere(
    world: World,
    client: Client,
    actor_sre: Any,
    enqueued: Any,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows(world)
    raw = Token.make(world.sre, "canary")[1]
    planted = plant(world)
    assert planted.keys() == {str(column) for column in columns()}
    caplog.set_level(logging.DEBUG)
    seen = use(world, planted, monkeypatch, actor_sre)

    searched: dict[str, int] = {}
    leaks: set[str] = set()
    forms = {
        name: {word, quote(word, safe=""), json.dumps(word)[1:-1], base64.b64encode(word.encode()).decode()[:-4]}
        for name, word in (planted | {"token": raw} | own_keys()).items()
    }

    def look(kind: str, where: str, text: str) -> None:
        searched[kind] = searched.get(kind, 0) + 1
        leaks.update(f"{where}: {name}" for name, words in forms.items() if any(word in text for word in words))

    for person in (world.sre, world.own, world.auditor):
        client.force_login(person)
        for where, text in texts(client, world):
            look(f"pages and answers for {person}", where, text)
    client.force_login(world.sre)
    for name in ("export", "export_lines", "export_cef"):
        answer = client.get(reverse(f"audit:{name}"))
        assert answer.status_code == 200
        look("exports", name, answer.getvalue().decode())
    for piece in TerminalPiece.objects.all():
        look("recordings", "recording", readable(piece.data))
    assert HIDDEN in seen
    look("terminals", "a terminal's page", seen)
    metrics = Client(headers={"Authorization": f"Bearer {raw}"}).get("/metrics")
    assert metrics.status_code == 200
    look("metrics", "/metrics", async_to_sync(gathered)(metrics.streaming_content))
    for where, text in tables():
        look("rows", where, text)
    look("dump", "the database's dump", dump())
    for where, text in files():
        look("files", where, text)
    for where, text in archive(monkeypatch):
        look("archives", where, text)
    for name, args in enqueued:
        look("tasks", f"task {name}", repr(args))
    for record in caplog.records:
        if record.name.split(".")[0] != "asyncio" and not record.name.startswith("django.db"):
            look("log lines", f"log {record.name}", record.getMessage() + str(record.exc_text or ""))
    assert not leaks, "\n".join(sorted(leaks))
    pages = {f"pages and answers for {person}": 150 for person in (world.sre, world.own, world.auditor)}
    least = pages | {
        "exports": 3,
        "recordings": 1,
        "archives": 2,
        "metrics": 1,
        "rows": 200,
        "dump": 1,
        "files": 1,
        "terminals": 1,
    }
    assert {kind: count for kind, count in least.items() if searched.get(kind, 0) < count} == {}, searched


def test_the_search_finds_what_it_is_to_find(world: World) -> None:
    """A canary in the clear in a compressed column, so that the test above can fail."""
    instance = factories.make_running_place("river", "isolated", 1).instances.get()
    factories.make_kept_log(factories.make_container(instance), canary("x"))
    assert any(canary("x") in text for _where, text in tables())
    column = Column(Channel, "url")
    Channel.objects.create(name="c", kind="webhook", url=canary("y"))
    assert column.rows().count() == 1
    assert not any(canary("y") in text for _where, text in tables())

"""Canaries on real engines: a build, releases, a command and a terminal that print all that they are told; then all is searched.

What may hold them is named: what a container runs with, and what the engine keeps of what it printed by itself.
"""

from __future__ import annotations

import base64
import contextlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery
from django.conf import settings as site_settings
from django.test import Client

from builds import runner as builder
from builds.models import Build, Project, Registry
from builds.registry import Client as RegistryClient
from builds.services.builds import start_build
from containers.models import CommandRun, Container, KeptLog, TerminalPiece
from containers.services import settings as places
from containers.terminal import commands
from hosts.engine import connect
from hosts.models import Host
from tests.builds.conftest import commit
from tests.builds.test_on_engines import SHELL, sample
from tests.engines.machine import wait_for
from tests.faults.conftest import CONFIG, Site
from tests.secrets.dumps import dump, tables
from tests.site import Site as Pages
from tests.terminal.page import Visitor
from xqplatform.secrets.masking import HIDDEN, Masker

pytestmark = [pytest.mark.engine, pytest.mark.django_db(transaction=True)]
SETTING, HOOK, BUILD, PASSWORD = (f"Canary-{name}-of-engines-9" for name in ("setting", "hook", "build", "registry"))
SAYS = {"command": ["/bin/sh", "-c", "env; exec httpd -f -p 80 -h /www"]}
TELL = {"name": "tell", "at": "start.after", "kind": "http", "url": "http://127.0.0.1:9/", "signed": True, "on_failure": "warn", "retries": 0, "timeout": 1}  # fmt: skip
# What of a container, as its engine tells of it, holds a secret: it is what it was made for.
MAY_HOLD = {"Config.Env"}


def holding(found: Any, mask: Masker, path: str = "") -> Iterator[str]:
    """Where in an answer canaries are."""
    if isinstance(found, dict):
        for name, value in found.items():
            yield from holding(value, mask, f"{path}.{name}".strip("."))
    elif isinstance(found, list):
        for value in found:
            yield from holding(value, mask, path)
    elif mask.shows_in(str(found)):
        yield path


def work(site: Site, pages: Pages, person: Any, data: Path) -> bytes:
    """Uses all of them. Returns what the terminal's page saw."""
    given = {"DB": SETTING, "hook:tell": HOOK}
    places.save_config(
        site.actor, site.place, CONFIG | SAYS | {"secret_names": ["DB"], "hooks": [TELL], "secrets": given}
    )
    Host.objects.filter(pk=site.hosts[0].pk).update(role_build=True, build_slots=1)
    entries = {
        "Dockerfile": (
            0o100644,
            (SHELL + 'ARG TOKEN\nRUN echo "with $TOKEN" && test -n "$TOKEN" && echo ok > /ok\n').encode(),
        ),
        "busybox": (0o100755, sample.static_busybox()),
    }
    commit(data / "says.git", entries)
    project = Project.objects.create(
        name="says", repository=str(data / "says.git"), build_secrets=json.dumps({"TOKEN": BUILD})
    )
    build = start_build(site.actor, project)
    builder.run(build.pk)
    wait_for("the build ends", lambda: not Build.objects.get(pk=build.pk).active, 120)
    build.refresh_from_db()
    assert build.state == "succeeded", build.reason
    assert f"with {HIDDEN}" in "\n".join(build.lines.values_list("text", flat=True))
    site.ended(site.deploy("v1"), "succeeded")
    site.ended(site.deploy("v2"), "succeeded")  # (what v1 said is kept)
    instance = site.place.instances.first()
    assert instance is not None
    run = commands.start(site.actor, instance, ["env"], reason="canary")
    wait_for("the command ends", lambda: CommandRun.objects.get(pk=run.pk).state not in CommandRun.ACTIVE)
    visitor = Visitor(pages, person)
    page = visitor.open(visitor.ask(instance, "canary"))
    page.wait(b"# ")
    page.type(b"env; echo over-$?\n")
    page.wait(b"over-0")
    page.type(b"exit\n")
    page.message("end")
    page.close()
    return bytes(page.said)


def test_a_build_releases_a_command_and_a_terminal_leave_none(
    site: Site, live_server_with_worker: Pages, broker: str, sre: Any, enqueued: Any, caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
) -> None:  # fmt: skip
    caplog.set_level(logging.DEBUG)
    tasks: list[tuple[str, tuple[Any, ...]]] = []
    put = enqueued.put

    def noted(task: Any, args: tuple[Any, ...], *rest: Any) -> None:
        tasks.append((task.name, args))
        put(task, args, *rest)

    monkeypatch.setattr(enqueued, "put", noted)
    Registry.objects.update(username="robot", password=PASSWORD, default=True, ca=site.fleet.registry.ca)
    seen = work(site, live_server_with_worker, sre, tmp_path)
    key = site.fleet.hosts[0].key
    mask = Masker([SETTING, HOOK, BUILD, PASSWORD, key, site_settings.SECRET_KEY])
    leaks: list[str] = []

    def look(where: str, text: str) -> None:
        assert text, where
        if mask.shows_in(text):
            leaks.append(where)

    assert f"DB={HIDDEN}".encode() in seen
    look("the terminal's page", seen.decode())
    for where, text in tables():
        if mask.shows_in(text):
            leaks.append(where)
    look("the database's dump", dump())
    assert KeptLog.objects.filter(lines__gt=0).exists()  # both lie in the tables, which are unpacked
    assert TerminalPiece.objects.exists()
    look(
        "log lines",
        "\n".join(f"{one.getMessage()}{one.exc_text or ''}" for one in caplog.records if one.name[:9] != "django.db"),
    )
    look("tasks in the broker", in_the_broker(broker, tasks))
    client = Client()
    client.force_login(sre)
    image = Build.objects.get(project__name="says").image
    manifest = RegistryClient(image.registry).manifest(image.repository, image.digest)
    look("the registry's manifest", repr(manifest))
    found_in_containers = set()
    for host in site.hosts:
        engine = connect(Host.objects.get(pk=host.pk))
        for one in engine.list_images():
            look(f"image {one['Id']}", json.dumps(engine.inspect_image(one["Id"])))
            look(f"history of {one['Id']}", json.dumps(engine.image_history(one["Id"])))
        for container in engine.list_containers():
            look(f"list of {container['Id']}", json.dumps(container))
            found_in_containers |= set(holding(engine.inspect(container["Id"]), mask))
    assert found_in_containers == MAY_HOLD, "what may hold them is named, and it is found there"
    running = Container.objects.filter(ended=None).select_related("instance__host").first()
    assert running is not None
    with contextlib.closing(
        connect(running.instance.host).logs(running.engine_id, tail=50, since=None, follow=False)
    ) as said:
        assert any(SETTING in one.text for one in said), "the engine has it from the container itself"
    for address in (
        f"/instances/{running.instance_id}/",
        f"/builds/{image.build.pk}/",
        f"/releases/{running.deployment_id}/",
        "/audit/",
    ):
        look(address, client.get(address).content.decode())
    assert not leaks, "\n".join(leaks)


def in_the_broker(url: str, tasks: list[tuple[str, tuple[Any, ...]]]) -> str:
    """What a broker holds of these tasks, as Celery writes them, decoded."""
    path = url.removeprefix("unix://").partition("?")[0]
    sender = Celery("canaries", broker=f"redis+socket://{path}", set_as_current=False, fixups=[])
    for name, args in tasks:
        sender.send_task(name, args=args)
    found = []
    for text in redis.Redis.from_url(url).lrange("celery", 0, -1):
        found.append(f"{text.decode()} {base64.b64decode(json.loads(text)['body']).decode()}")
    assert len(found) == len(tasks) >= 5
    return "\n".join(found)

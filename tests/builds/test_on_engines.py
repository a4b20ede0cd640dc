"""Builds on real engines, with a real registry."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from builds import queue, runner, sample
from builds.models import Build, Image, Project, Registry
from builds.registry import Client, RegistryError
from builds.services.blueprints import save_blueprint
from builds.services.builds import cancel_build, start_base_build, start_build
from builds.services.images import discard_image
from builds.tasks import resume
from hosts.engine import connect
from hosts.models import Host
from tests.builds.conftest import commit
from tests.engines.fleet import Fleet
from tests.faults.workers import Workers
from xqplatform.accounts.actor import Actor
from xqplatform.errors import Refused

pytestmark = [pytest.mark.engine, pytest.mark.django_db(transaction=True)]
SYSTEM = Actor.system()
SHELL = "FROM scratch\nCOPY busybox /bin/busybox\nCOPY busybox /bin/sh\nENV PATH=/bin\n"


def until(what: str, condition: Callable[[], Any], seconds: float = 120) -> Any:
    """Waits for a condition; fails with its name."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"waited {seconds} s in vain: {what}")


@pytest.fixture
def host(fleet: Fleet, data: Path) -> Host:
    machine = fleet.hosts[0]
    machine.start()
    fleet.registry.start()
    return Host.objects.create(
        name="h1",
        connection="tcp",
        address=machine.tcp_url.removeprefix("tcp://"),
        ca=machine.ca,
        certificate=machine.cert,
        key=machine.key,
        role_build=True,
        build_slots=2,
        state="ready",
    )


@pytest.fixture
def registry(fleet: Fleet, host: Host) -> Registry:
    return Registry.objects.create(
        name="main", address=fleet.registry.address, ca=fleet.registry.ca, default=True, state="ready"
    )


@pytest.fixture
def project(host: Host) -> Project:
    return Project.objects.create(name="snow", repository=sample.make_sample_repository())


def shell_project(data: Path, name: str, steps: str, **fields: Any) -> Project:
    """A project whose image has a shell, and the given steps."""
    entries = {"Dockerfile": (0o100644, (SHELL + steps).encode()), "busybox": (0o100755, sample.static_busybox())}
    commit(data / f"{name}.git", entries)
    return Project.objects.create(name=name, repository=str(data / f"{name}.git"), **fields)


def log_of(build: Build) -> str:
    return "\n".join(build.lines.values_list("text", flat=True))


def finished(build: Build, state: str = "succeeded") -> Build:
    build.refresh_from_db()
    assert build.state == state, f"{build.state}: {build.reason}\n{log_of(build)}"
    assert build.lease == ""
    return build


def test_from_a_revision_to_a_digest_and_discard(registry: Registry, project: Project) -> None:
    build = start_build(SYSTEM, project, "main")
    assert start_build(SYSTEM, project, "main", build.revision) == build, "two builds of one revision are one"
    runner.run(build.pk)
    finished(build)
    image = build.image
    assert image.digest.startswith("sha256:")
    assert image.tag.endswith(f"_{build.revision[:8]}_main_scratch")
    assert image.size > 500_000
    assert image.config["StopSignal"] == "SIGTERM"
    manifest = Client(registry).manifest("snow", image.tag)
    assert (manifest.digest, len(manifest.layers)) == (image.digest, len(image.layers))
    numbers = list(build.lines.values_list("number", flat=True))
    assert numbers == list(range(1, len(numbers) + 1)), "the log is whole and in order"
    assert "Step 1/" in log_of(build)
    assert start_build(SYSTEM, project, "main") == build, "what succeeded is not built again"
    discard_image(SYSTEM, image)
    with pytest.raises(RegistryError) as error:
        Client(registry).manifest("snow", image.digest)
    assert error.value.kind == "not_found"
    with pytest.raises(Refused):
        discard_image(SYSTEM, image)
    assert start_build(SYSTEM, project, "main") != build, "what was discarded is"


def test_lines_arrive_while_it_runs_and_cancel_ends_it(
    registry: Registry, data: Path, worker: Any, settings: Any
) -> None:
    project = shell_project(data, "slow", "RUN echo begun\nRUN busybox sleep 600\n")
    build = start_build(SYSTEM, project)
    until("a line of the running build", lambda: build.lines.filter(text="begun").exists())
    build.refresh_from_db()
    assert build.active
    cancel_build(SYSTEM, build)
    until("the end", lambda: Build.objects.get(pk=build.pk).state == "cancelled")
    engine = connect(Host.objects.get())
    until("no step runs on the engine", lambda: not [c for c in engine.list_containers() if "sleep 600" in str(c)])


def test_a_failing_build_names_the_step(registry: Registry, data: Path) -> None:
    project = shell_project(data, "bad", "RUN echo so far\nRUN echo the cause && exit 3\nRUN echo never\n")
    build = start_build(SYSTEM, project)
    runner.run(build.pk)
    finished(build, "failed")
    assert build.failing_step == "RUN echo the cause && exit 3"
    assert "code: 3" in build.reason
    assert "the cause" in log_of(build)
    assert not Image.objects.exists()


def test_a_registry_that_is_down_is_waited_for(fleet: Fleet, registry: Registry, project: Project) -> None:
    fleet.registry.stop()
    try:
        build = start_build(SYSTEM, project)
        runner.run(build.pk)
        build.refresh_from_db()
        assert build.state == "pushing", f"{build.state} {build.reason}"
        assert "waiting for the registry" in build.reason
        assert build.retry_at is not None
        registry.refresh_from_db()
        assert registry.state == "down"
    finally:
        fleet.registry.start()
    Build.objects.update(retry_at=None)
    runner.run(build.pk)
    finished(build)
    assert build.attempts == 1, "only the push was done again"


def test_a_build_whose_worker_died_ends_once(registry: Registry, project: Project, enqueued: Any) -> None:
    build = start_build(SYSTEM, project)
    enqueued.clear() if hasattr(enqueued, "clear") else None
    soon, past = timezone.now() + timedelta(minutes=5), timezone.now() - timedelta(seconds=1)
    Build.objects.update(state="running", host=Host.objects.get(), lease="dead", lease_until=soon, attempts=1)
    runner.run(build.pk)
    build.refresh_from_db()
    assert build.lease == "dead", "the lease of a living one is respected"
    Build.objects.update(lease_until=past)
    assert [b.pk for b in queue.waiting()] == [build.pk]
    resume()
    runner.run(build.pk)
    finished(build)
    runner.run(build.pk)
    assert Image.objects.count() == 1
    assert "Started again" in log_of(build)


def test_a_worker_killed_in_mid_build_and_one_in_mid_push_are_followed(registry: Registry, data: Path) -> None:
    project = shell_project(data, "killed", "RUN echo begun && busybox sleep 3\n")
    build = start_build(SYSTEM, project)
    engine, workers = connect(Host.objects.get()), Workers()
    try:
        for line, state in (("begun", "running"), ("Pushing ", "pushing")):
            assert workers.build(build.pk, line) == line
            build.refresh_from_db()
            assert (build.state, bool(build.lease)) == (state, True)
            until("the engine has let go of it", lambda: not [c for c in engine.list_containers() if "sleep" in str(c)])
            assert not queue.waiting()
            Build.objects.update(lease_until=timezone.now() - timedelta(seconds=1))  # what 20 s of silence do
            assert queue.waiting() == [build]
        assert workers.build(build.pk) == ""
    finally:
        workers.close()
    finished(build)
    assert build.attempts == 2, "the push went on with the image that stood there"
    assert Image.objects.get().digest == Client(registry).manifest("killed", build.image.tag).digest
    numbers = list(build.lines.values_list("number", flat=True))
    assert numbers == list(range(1, len(numbers) + 1)), "the log is whole and in order"
    assert "Started again" in log_of(build)


def test_arguments_and_secrets_are_neither_in_log_nor_history(registry: Registry, data: Path) -> None:
    project = shell_project(
        data,
        "quiet",
        'ARG WHO\nARG TOKEN\nRUN echo "for $WHO with $TOKEN" && test "$TOKEN" = geheim-4711 && echo ok > /ok\n',
        build_arguments={"WHO": "somebody-special"},
        build_secrets='{"TOKEN": "geheim-4711"}',
    )
    build = start_build(SYSTEM, project)
    runner.run(build.pk)
    finished(build)
    engine = connect(Host.objects.get())
    kept = (
        log_of(build)
        + str(engine.image_history(build.image.reference))
        + str(engine.inspect_image(build.image.reference))
    )
    assert "geheim-4711" not in kept
    assert "somebody-special" not in kept
    assert "for ••• with •••" in log_of(build)


def test_a_secret_in_the_image_throws_it_away(registry: Registry, data: Path) -> None:
    project = shell_project(data, "leak", "ARG TOKEN\nENV KEPT=$TOKEN\n", build_secrets='{"TOKEN": "geheim-4711"}')
    build = start_build(SYSTEM, project)
    runner.run(build.pk)
    finished(build, "failed")
    assert "secret" in build.reason
    assert "geheim" not in log_of(build) + build.reason + build.failing_step


def test_a_link_out_of_the_tree_is_refused(registry: Registry, data: Path) -> None:
    commit(data / "x.git", {"Dockerfile": (0o100644, b"FROM scratch\nCOPY . /\n"), "l": (0o120000, b"/etc/passwd")})
    build = start_build(SYSTEM, Project.objects.create(name="x", repository=str(data / "x.git")))
    runner.run(build.pk)
    finished(build, "errored")
    assert "leads out of the repository" in build.reason


def test_a_base_image_and_who_builds_on_it(registry: Registry, data: Path) -> None:
    busybox_shell = shell_project(data, "shell", "")
    first = start_build(SYSTEM, busybox_shell)
    runner.run(first.pk)
    finished(first)
    base = save_blueprint(
        SYSTEM,
        None,
        {
            "name": "baseV1",
            "base": True,
            "parent_reference": first.image.reference,
            "files": [{"path": "/etc/motd", "text": "hello\n", "mode": "0600"}],
            "static_script": "busybox cat /etc/motd\nbusybox touch /made",
            "runtime_script": "export STARTED=yes",
        },
    )
    build = start_base_build(SYSTEM, base)
    runner.run(build.pk)
    finished(build)
    assert "hello" in log_of(build)
    commit(data / "app.git", {"Dockerfile": (0o100644, b'FROM baseV1\nRUN busybox test -e /made\nCMD ["/bin/sh"]\n')})
    app = start_build(SYSTEM, Project.objects.create(name="app", repository=str(data / "app.git")))
    runner.run(app.pk)
    finished(app)
    assert app.image.parent == build.image
    assert app.image.tag.endswith("_baseV1")


def test_no_registry_leaves_the_image_on_its_host_and_slots_are_kept(project: Project, host: Host) -> None:
    Host.objects.update(build_slots=1)
    other = Build.objects.create(
        project=None, state="running", host=host, lease="x", lease_until=timezone.now() + timedelta(minutes=5)
    )
    build = start_build(SYSTEM, project)
    runner.run(build.pk)
    build.refresh_from_db()
    assert build.state == "queued"
    assert "free build host" in build.reason
    other.delete()
    Build.objects.update(retry_at=None)
    runner.run(build.pk)
    finished(build)
    assert build.image.only_on == host
    assert connect(host).has_image(build.image.reference)

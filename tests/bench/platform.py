"""The platform as it is shipped, in processes of its own, for a benchmark: started, filled with rows, stopped."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.engines.fleet import Fleet

if TYPE_CHECKING:
    from containers.models import Deployment, ServiceEnvironment

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Platform:
    """`python -m xqplatform.run` in a data folder of its own."""

    def __init__(self, folder: Path, password: str = "bench-bench-bench") -> None:
        self.folder = folder
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.log = folder / "platform.log"
        # Not the settings of tests, nor what they set.
        kept = {k: v for k, v in os.environ.items() if not k.startswith("XQ_") and k != "DJANGO_SETTINGS_MODULE"}
        self.environment = {
            **kept,
            "XQ_DATA_DIR": str(folder / "var"),
            "XQ_PORT": str(self.port),
            "XQ_INSTALL_DOCKER": "0",
            "DOCKER_HOST": f"unix://{folder}/no-engine.sock",  # the machine's own engine is left alone
            "XQ_ADMIN_PASSWORD": password,
            "XQ_PERSIST_ROOT": str(folder / "persist"),  # the hosts of a fleet share this machine's disk
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> float:
        """Starts it; the seconds until it says that it is ready: it answers earlier, while tables are being prepared."""
        began = time.monotonic()
        self.log.touch()
        ready_before = self.log.read_text(errors="replace").count("Ready after")
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "xqplatform.run"], cwd=ROOT, env=self.environment, stdout=log, stderr=log
            )
        while True:
            if self.log.read_text(errors="replace").count("Ready after") > ready_before:
                return time.monotonic() - began
            if self.process.poll() is not None or time.monotonic() - began > 300:
                raise RuntimeError(f"The platform did not start:\n{self.log.read_text()[-2000:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(60)
            self.process = None

    def processes(self) -> list[int]:
        """The supervisor and all its children."""
        assert self.process is not None
        found, todo = [], [self.process.pid]
        while todo:
            pid = todo.pop()
            found.append(pid)
            for task in Path(f"/proc/{pid}/task").iterdir():
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread that just ended
                    todo += [int(child) for child in (task / "children").read_text().split()]
        return found

    def cpu(self) -> float:
        """Seconds of CPU that all its living processes have used so far (without engines)."""
        total = 0
        for pid in self.processes():
            after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(after_name[11]) + int(after_name[12])
        return total / os.sysconf("SC_CLK_TCK")

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Its processes stand still meanwhile, and take nothing from whoever is measured."""
        found = self.processes()
        for pid in found:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in reversed(found):
                os.kill(pid, signal.SIGCONT)

    def memory(self) -> float:
        """MiB of all processes, shared pages counted once (PSS)."""
        total = 0
        for pid in self.processes():
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        return total / 1024

    def use_rows(self) -> None:
        """Lets this process use the platform's rows and broker (once a process)."""
        os.environ.update({k: v for k, v in self.environment.items() if k.startswith("XQ_")})
        os.environ["DJANGO_SETTINGS_MODULE"] = "xqplatform.settings"
        import django

        django.setup()


@contextlib.contextmanager
def platform(password: str = "bench-bench-bench") -> Iterator[Platform]:
    folder = Path(tempfile.mkdtemp(prefix="xq-bench-"))
    one = Platform(folder, password)
    try:
        one.start()
        yield one
    except BaseException:
        print("".join(one.log.read_text().splitlines(keepends=True)[-60:]))
        raise
    finally:
        one.stop()
        shutil.rmtree(folder, ignore_errors=True)


def connect(fleet: Fleet, *, segment: bool = True) -> None:
    """Registers the fleet's hosts, registry and segment, and waits until the hosts are ready."""
    from builds.services.registries import save_registry
    from hosts.models import Host
    from hosts.services.machines import create_host
    from hosts.services.segments import create_segment
    from xqplatform.accounts.actor import Actor

    actor = Actor.system("bench")
    made = [
        create_host(
            actor,
            {
                "name": host.name,
                "connection": "tcp",
                "address": f"{host.address}:2376",
                "ca": host.ca,
                "certificate": host.cert,
                "key": host.key,
                "role_run": True,
                "role_build": True,
            },
        )
        for host in fleet.hosts
    ]
    save_registry(
        actor, None, {"name": "bench", "address": fleet.registry.address, "ca": fleet.registry.ca, "default": True}
    )
    if segment:
        base = fleet.segment.gateway.rpartition(".")[0]
        create_segment(
            actor,
            {
                "slug": "bench",
                "cidr": fleet.segment.cidr,
                "gateway": fleet.segment.gateway,
                "pool": f"{base}.100-{base}.250",
                "bridge": fleet.segment.bridge,
                "hosts": [host.pk for host in made],
            },
        )
    wait_for(lambda: Host.objects.filter(state__in=["ready", "degraded"]).count() == len(made))


def wait_for(done: Any, limit: float = 300.0, every: float = 0.05) -> None:
    end = time.monotonic() + limit
    while not done():
        if time.monotonic() > end:
            raise TimeoutError("The platform did not get there.")
        time.sleep(every)


def ended(deployment: Deployment) -> float:
    """Waits for the end of a release; its seconds from the click to the end. Raises when it did not succeed."""
    wait_for(lambda: type(deployment).objects.get(pk=deployment.pk).state in deployment.TERMINAL)
    deployment.refresh_from_db()
    if deployment.state != deployment.State.SUCCEEDED or deployment.finished is None:
        raise RuntimeError(f"The release ended as {deployment.state}: {deployment.outcome}")
    return (deployment.finished - deployment.created).total_seconds()


def bench_place(fleet: Fleet, name: str, instances: int, config: dict[str, Any]) -> ServiceEnvironment:
    """A service with settings like the peers', and a place for it on the fleet's segment."""
    from containers.models import Environment, Service
    from containers.services.catalog import create_service, ensure_defaults
    from containers.services.settings import save_config
    from hosts.models import Segment
    from xqplatform.accounts.actor import Actor

    actor = Actor.system("bench")
    ensure_defaults()
    environment = Environment.objects.order_by("position")[0]
    environment.segment = Segment.objects.first()
    environment.save()
    create_service(actor, {"slug": name, "environments": [environment.slug], "instances": instances})
    place = Service.objects.get(slug=name).places.get()
    save_config(actor, place, config, "bench")
    place.refresh_from_db()
    return place


def image_row(fleet: Fleet, place: ServiceEnvironment, repository: str, tag: str) -> Any:
    """The row of an image that was pushed by hand."""
    from builds.models import Image, Registry

    session = fleet.registry.session()
    accept = {"Accept": "application/vnd.docker.distribution.manifest.v2+json"}
    answer = session.get(f"{fleet.registry.url}/v2/{repository}/manifests/{tag}", headers=accept, timeout=10)
    answer.raise_for_status()
    return Image.objects.create(
        project=place.service.project,
        registry=Registry.objects.get(name="bench"),
        repository=repository,
        tag=tag,
        digest=answer.headers["Docker-Content-Digest"],
        image_id=answer.json()["config"]["digest"],
    )

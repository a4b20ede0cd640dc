"""A build on the platform against `docker build` of the same context on the same engine, without cache, pushed by both."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench.platform import connect, platform, wait_for
from tests.bench.results import Results
from tests.engines.fleet import Fleet

ROUNDS = 3
STEPS = "\n".join(
    f"RUN echo {n} > /tmp/{n} && dd if=/dev/zero of=/data{n} bs=64k count=64 2>/dev/null" for n in range(6)
)
DOCKERFILE = f'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "--install", "-s", "/bin"]\nRUN mkdir -p /tmp\n{STEPS}\nCMD ["/bin/sh"]\n'


def git(folder: Path, *words: str) -> None:
    who = ["-c", "user.name=bench", "-c", "user.email=bench@example.com"]
    subprocess.run(["git", "-C", str(folder), *who, *words], check=True, capture_output=True)


def repository(folder: Path) -> None:
    busybox = shutil.which("busybox")
    assert busybox
    (folder / "busybox").write_bytes(Path(busybox).read_bytes())
    (folder / "busybox").chmod(0o755)
    (folder / "Dockerfile").write_text(DOCKERFILE)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "first")


def run(results: Results) -> None:
    with Fleet.up(1) as fleet, platform() as site, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        repository(folder)
        site.use_rows()
        from builds.models import Build, Registry
        from builds.services.builds import start_build
        from builds.services.projects import save_project
        from xqplatform.accounts.actor import Actor

        connect(fleet, segment=False)
        actor = Actor.system("bench")
        host = fleet.hosts[0]
        ours, theirs = [], []
        parts: dict[str, list[float]] = {}
        for number in range(ROUNDS):
            (folder / "round").write_text(str(number))
            git(folder, "add", "-A")
            git(folder, "commit", "-q", "-m", f"round {number}")
            project = save_project(
                actor,
                None,
                {
                    "name": f"bench{number}",
                    "repository": str(folder),
                    "registry": Registry.objects.get(name="bench").pk,
                },
            )
            prune(fleet)
            began, began_at = time.monotonic(), time.time()
            build = start_build(actor, project, "main")
            clicked = time.time()
            wait_for(lambda pk=build.pk: not Build.objects.get(pk=pk).active)
            ours.append(time.monotonic() - began)
            build.refresh_from_db()
            if build.state != Build.State.SUCCEEDED:
                raise RuntimeError(f"The build ended as {build.state}: {build.reason}")
            for part, seconds in timeline(build, clicked, began_at).items():
                parts.setdefault(part, []).append(seconds)
            prune(fleet)
            tag = f"{fleet.registry.address}/peer:{number}"
            environment = {**os.environ, "DOCKER_BUILDKIT": "0", "DOCKER_HOST": host.socket_url}
            began = time.monotonic()
            for words in (["build", "-q", "-t", tag, str(folder)], ["push", "-q", tag]):
                subprocess.run(["docker", *words], check=True, capture_output=True, env=environment)
            theirs.append(time.monotonic() - began)
        print("Seconds of its parts: " + ", ".join(f"{n} {statistics.median(v):.2f}" for n, v in parts.items()))
        results.add("build and push: platform", statistics.median(ours), "s")
        results.add("build and push: docker build, docker push", statistics.median(theirs), "s")
        results.add("build / docker build", statistics.median(ours) / statistics.median(theirs), "×", 1.05)


def timeline(build: Any, clicked: float, began: float) -> dict[str, float]:
    """Where the seconds of a build went, by its row and its log."""
    lines = {line.text: line.time.timestamp() for line in build.lines.order_by("-number")}
    at = lambda words: next(time for text, time in reversed(lines.items()) if text.startswith(words))  # noqa: E731
    marks = {
        "the click": clicked,
        "its queue": build.started.timestamp(),
        "its context": at("Step 1/"),
        "its steps": at("Successfully built"),
        "its tag": at("Pushing"),
        "its push": at("Done"),
        "its end": build.finished.timestamp(),
    }
    spans, before = {}, began
    for name, mark in marks.items():
        spans[name], before = mark - before, mark
    return spans


def prune(fleet: Fleet) -> None:
    """Neither side finds layers of the other in the engine's cache."""
    client = fleet.hosts[0].local_client()
    for image in client.images(all=True, quiet=True):
        try:
            client.remove_image(image, force=True)
        except Exception as error:  # a parent goes with its last child
            if "No such image" not in str(error) and "dependent child" not in str(error):
                raise
    client.prune_images(filters={"dangling": False})

"""`make fresh`: what a newcomer meets. A clone of this repository on a machine that has no Docker: `make run` installs and
starts an engine, the page answers, this machine becomes a host that is ready, and Ctrl-C stops everything.

The machine is this one, seen through namespaces of its own: an overlay of `/` (in memory) from which Docker is purged, its
own processes, and its own network, joined to the outside by slirp4netns. Nothing of it reaches this machine's files,
engines or packet filters, and all of it is gone at the end. It takes two to four minutes and needs root, apt and a package
mirror; the CI does not run it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent.parent
ENGINE = ("docker.io", "containerd", "runc", "docker-ce", "docker-ce-cli", "containerd.io", "busybox-static")
CLONE = Path("/srv/xqplatform")
SITE = "http://127.0.0.1:8000"
PATIENCE = 600.0  # seconds for what downloads; nothing here is measured


class Failed(Exception):
    """What went wrong, in one sentence."""


def run(*command: str | Path, check: bool = True, **options: Any) -> str:
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False, **options)
    if check and done.returncode:
        raise Failed(f"«{' '.join(map(str, command))}» failed: {(done.stderr or done.stdout).strip()[-1500:]}")
    return done.stdout


def wait_for(what: str, condition: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    until = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > until:
            raise Failed(f"Waited {seconds:.0f} s in vain: {what}")
        time.sleep(0.1)


BEGAN = time.monotonic()


def say(text: str) -> None:
    print(f"{time.monotonic() - BEGAN:6.0f} s  {text}", flush=True)


# Outside: the namespaces and the way out of them.


def outside() -> int:
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        print("This needs root on Debian or Ubuntu: it purges and installs packages (in a copy).", file=sys.stderr)
        return 2
    if not shutil.which("slirp4netns"):
        print("Run «apt-get install slirp4netns» first: it joins the copy's network to this one.", file=sys.stderr)
        return 2
    before = cgroups()
    with tempfile.TemporaryDirectory(prefix="xq-fresh-") as folder:
        # Its processes are killed with it, and with this one.
        spaces = ["--mount", "--net", "--pid", "--ipc", "--uts", "--fork", "--kill-child", "--propagation", "private"]
        inner = subprocess.Popen(["unshare", *spaces, sys.executable, __file__, "inside", folder, str(HERE)])
        held, ends = os.pipe()
        way_out = None
        try:
            mine = os.readlink("/proc/self/ns/net")
            theirs = Path(f"/proc/{inner.pid}/ns/net")
            wait_for("the namespaces", lambda: inner.poll() is not None or os.readlink(theirs) != mine, 30)
            # It ends when `ends` is closed, however this process ends.
            way_out = subprocess.Popen(
                ["slirp4netns", "--configure", "--mtu=1500", f"--exit-fd={held}", "--netns-type=path", theirs, "tap0"],
                pass_fds=[held],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            code = inner.wait()
        finally:
            inner.kill()
            inner.wait()
            os.close(ends)
            if way_out is not None:
                way_out.kill()
                way_out.wait()
            os.close(held)
    for one in sorted(cgroups() - before, key=lambda path: -len(path.parts)):
        with contextlib.suppress(OSError):  # in use: somebody else's
            one.rmdir()
    print(f"{'Failed' if code else 'All of it stands'} after {time.monotonic() - BEGAN:.0f} s.")
    return code


def cgroups() -> set[Path]:
    """Those that engines make; the kernel has them in common, whatever the namespace."""
    root = Path("/sys/fs/cgroup")
    found = {one for pattern in ("docker", "*/docker") for one in root.glob(pattern)}
    return found | {one for folder in found for one in folder.iterdir() if one.is_dir()}


# Inside: a copy of the machine without Docker.


def make_root(folder: Path) -> None:
    """An overlay of `/` becomes the root; its changes are in memory."""
    run("mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", folder)
    root, upper, work = folder / "root", folder / "upper", folder / "work"
    for one in (root, upper, work):
        one.mkdir()
    run("mount", "-t", "overlay", "-o", f"lowerdir=/,upperdir={upper},workdir={work}", "overlay", root)
    for device, at, kind, *_rest in (line.split() for line in Path("/proc/mounts").read_text().splitlines()):
        if device.startswith("/dev/") and at.count("/") == 1 and at != "/" and kind != "squashfs" and Path(at).is_dir():
            run("mount", "--bind", "-o", "ro", at, root / at[1:])  # a disk of its own, as /home often is
    run("mount", "-t", "proc", "proc", root / "proc")
    run("mount", "--rbind", "/sys", root / "sys")
    run("mount", "--rbind", "/dev", root / "dev")
    # Memory, too, for what an overlay cannot lie on; and nothing of this machine's sockets.
    for name in ("run", "tmp", "var/lib/docker", "var/lib/containerd"):
        (root / name).mkdir(parents=True, exist_ok=True)
        run("mount", "-t", "tmpfs", "tmpfs", root / name)
    os.chmod(root / "tmp", 0o1777)
    (root / "run/lock").mkdir(mode=0o1777)
    (root / "run/old").mkdir()
    os.chdir(root)
    run("pivot_root", ".", "run/old")
    os.chdir("/")
    run("umount", "-l", "/run/old")
    # The overlay is `/` now; its memory stays mounted beneath it.
    resolver = Path("/etc/resolv.conf")
    resolver.unlink(missing_ok=True)
    resolver.write_text("nameserver 10.0.2.3\n")


def purge() -> None:
    """No engine, and nothing that an owner of this machine has set for one."""
    surroundings = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    installed = run("dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n").splitlines()
    mine = [name for name in ENGINE if f"{name} installed" in installed]
    if mine:
        run("apt-get", "purge", "-y", "-q", *mine, env=surroundings)
    for left in ("/etc/docker", "/usr/sbin/policy-rc.d"):
        shutil.rmtree(left, ignore_errors=True)
        Path(left).unlink(missing_ok=True)
    for archive in Path("/var/cache/apt/archives").glob("*.deb"):
        archive.unlink()
    for program in ("dockerd", "containerd", "runc", "docker"):
        while found := shutil.which(program):  # put there by hand
            Path(found).unlink()


class Platform:
    """`make run` as at a terminal: its lines are kept, Ctrl-C is a signal to its whole group."""

    def __init__(self) -> None:
        self.log = Path("/tmp/make-run.log")
        surroundings = {k: v for k, v in os.environ.items() if not k.startswith(("XQ_", "DOCKER_"))}
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                ["make", "run"], cwd=CLONE, env=surroundings, stdin=subprocess.DEVNULL, stdout=out,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    @property
    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def says(self, text: str) -> bool:
        if self.process.poll() is not None:
            raise Failed(f"make run ended with {self.process.returncode}:\n{self.said[-3000:]}")
        return text in self.said

    def control_c(self) -> None:
        os.killpg(self.process.pid, signal.SIGINT)
        try:
            self.process.wait(120)
        except subprocess.TimeoutExpired:
            raise Failed(f"Ctrl-C did not stop it:\n{self.said[-3000:]}") from None


def ask(url: str, token: str = "", body: dict[str, Any] | None = None) -> tuple[int, bytes]:
    """Status and content; 0 when nobody answers."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    data = None if body is None else json.dumps(body).encode()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(url, data, headers), timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError:
        return 0, b""


def api(path: str, token: str, body: dict[str, Any] | None = None) -> Any:
    status, content = ask(f"{SITE}/api/v1{path}", token, body)
    if status not in {200, 201, 202}:
        raise Failed(f"The API answers {status} to {path}: {content.decode(errors='replace')[:500]}")
    return json.loads(content)


def others() -> list[str]:
    """Every other process of this copy but those of containers; those that only wait to be reaped are reaped."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                contained = "docker" in (entry / "cgroup").read_text() or "containerd-shim" in command
                if command and not contained:
                    found.append(f"{entry.name} {command[:120]}")
    return found


def engine_answers() -> bool:
    return subprocess.run(["docker", "version"], capture_output=True, timeout=60, check=False).returncode == 0


def inside(folder: Path, source: str) -> None:
    make_root(folder)
    run("ip", "link", "set", "lo", "up")
    wait_for("the way out", lambda: "tap0" in Path("/proc/net/route").read_text(), 60)
    purge()
    say("a copy of this machine without Docker")
    run("git", "-c", "safe.directory=*", "clone", "-q", "--no-hardlinks", source, CLONE)
    say(f"a clone of {run('git', '-C', CLONE, 'log', '-1', '--format=%h %s').strip()}")

    first = Platform()
    wait_for("the packages are asked for", lambda: first.says("Installing a Docker Engine"))
    say("make run has made .venv and installs an engine")
    wait_for("it is ready", lambda: first.says("Ready after"))
    say(next(line for line in first.said.splitlines() if "Ready after" in line))
    if "First log-in: admin" not in first.said:
        raise Failed(f"It does not say how to log in:\n{first.said}")
    status, page = ask(f"{SITE}/")
    if status != 200 or b"<form" not in page:
        raise Failed(f"The page answers {status}.")
    say("the page answers, and asks to log in")
    wait_for("the engine answers", engine_answers, 120)
    token = run(".venv/bin/python", "manage.py", "create_token", "admin", cwd=CLONE).split()[-1]

    def ready() -> list[str]:
        first.says("")  # raises when it has ended
        return [host["name"] for host in api("/hosts", token)["items"] if host["state"] == "ready"]

    names = wait_for("this machine is a host that is ready", ready, 120)
    say(f"the host {names[0]} is ready, with Docker {run('docker', 'version', '-f', '{{.Server.Version}}').strip()}")
    release_sample(token)
    containers = standing(token)
    if len(containers) != 2:
        raise Failed(f"Two instances should stand: {containers}")
    check_serving(containers)
    say(f"the sample is built and released, and serves at {' and '.join(containers)}")
    stop(first)
    check_serving(containers)
    say("its containers go on")

    second = Platform()
    wait_for("it is ready again", lambda: second.says("Ready after"))
    if "Installing" in second.said:
        raise Failed(f"The second start installs again:\n{second.said}")
    say("second start: " + next(line for line in second.said.splitlines() if "Ready after" in line))
    wait_for("the engine answers again", engine_answers, 120)
    wait_for("the same containers are known as before", lambda: standing(token) == containers, 120)
    check_serving(containers)
    stop(second)


def release_sample(token: str) -> None:
    make = "from xqplatform.accounts.actor import Actor; from containers.services.sample import make_sample; make_sample(Actor.system())"
    run(".venv/bin/python", "manage.py", "shell", "-c", make, cwd=CLONE)
    build = api("/projects/hello/builds", token, {"branch": "", "revision": "", "again": False})

    def ended(path: str) -> Any:
        row = api(path, token)
        bad = row["state"] in {"failed", "errored", "cancelled", "rolled_back"}
        if bad:
            raise Failed(f"{path} is {row['state']}: {row.get('outcome') or row.get('reason')}")
        return row if row["state"] == "succeeded" else None

    built = wait_for("the sample is built", lambda: ended(f"/builds/{build['id']}"))
    release = api("/services/hello/isolated/deployments", token, {"image": built["image"]})
    wait_for("the sample is released", lambda: ended(f"/deployments/{release['id']}"))


def standing(token: str) -> dict[str, str]:
    """The containers of the sample's instances, by their addresses."""
    rows = api("/services/hello/isolated/instances", token)
    return {row["address"]: row["container"] for row in rows if row["state"] in {"running", "healthy"}}


def check_serving(addresses: Iterable[str]) -> None:
    for address in addresses:
        status, _page = ask(f"http://{address}/")
        if status != 200:
            raise Failed(f"The sample at {address} answers {status}.")


def stop(platform: Platform) -> None:
    platform.control_c()
    if "Stopped." not in platform.said:
        raise Failed(f"It does not say that it stopped:\n{platform.said[-2000:]}")
    try:
        wait_for("nothing runs any more", lambda: not others(), 30)
    except Failed as failed:
        raise Failed(f"{failed}\n" + "\n".join(others())) from failed
    say("Ctrl-C has stopped everything, the engine as well")


def main() -> int:
    if sys.argv[1:2] != ["inside"]:
        return outside()
    try:
        inside(Path(sys.argv[2]), sys.argv[3])
    except Failed as failed:
        print(f"Failed: {failed}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

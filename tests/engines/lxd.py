"""Real LXD servers beside the Docker hosts of a fleet: each in a network namespace of its own, on the same segment.

A server sees its own /sys (its bridge is looked for there) and its own cgroups, so that instances of two servers may have one name.
Its pool is of the driver `dir`; one of btrfs is made where a test asks for it (`LxdServer.use`).
"""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.engines import machine
from tests.engines.machine import FleetError, inside, run

PASSWORD = "let me in"
DEFAULT = "default"  # the pool that each server has
POOL_MB = 512  # of a file that only takes what is written to it
PROGRAMS = ("sh", "cat", "ls", "echo", "sleep", "ip", "ping", "httpd", "hostname", "ps", "kill", "mount", "touch", "poweroff", "halt", "reboot",
            "true", "false", "wget", "df", "id", "env", "dd", "rm", "sync", "tr", "grep", "stty")  # fmt: skip
INITTAB = (
    "::sysinit:/bin/hostname -F /etc/hostname\n::respawn:/bin/httpd -f -p 80 -h /srv\n::ctrlaltdel:/bin/poweroff\n"
)
# A cgroup of its own in each hierarchy, whose root it takes for the machine's: liblxc puts instances there by their names alone.
# (It asks the machine's first process for the root, whose answer in a cgroup namespace would lead out of it. Where a
# part of /proc is hidden, an instance may mount one of its own only if another one is to be seen whole.)
START = r"""
set -e
mount --make-rprivate /
grep -E '^cgroup2? ' /proc/mounts | while read -r device folder type options; do
    mkdir -p "$folder/{group}"
    for one in cpuset.cpus cpuset.mems; do
        [ ! -f "$folder/$one" ] || cat "$folder/$one" > "$folder/{group}/$one"
    done
    echo $$ > "$folder/{group}/cgroup.procs"
done
exec unshare --cgroup --mount sh -c '
    set -e
    cat /proc/self/cgroup > {folder}/cgroup
    mkdir -p {folder}/proc
    mount -t proc proc {folder}/proc
    mount --bind {folder}/cgroup /proc/1/cgroup
    mount -t sysfs sysfs /sys
    [ -z "$(grep -v ^0:: /proc/self/cgroup)" ] || mount -t tmpfs tmpfs /sys/fs/cgroup
    while IFS=: read -r number names path; do
        folder=/sys/fs/cgroup/${{names#name=}} options=$names
        case $names in
            "") [ -z "$(grep -v ^0:: /proc/self/cgroup)" ] || folder=/sys/fs/cgroup/unified ;;
            name=*) options=none,$names ;;
        esac
        mkdir -p "$folder"
        if [ -n "$names" ]; then
            mount -t cgroup -o "$options" cgroup "$folder"
        else
            mount -t cgroup2 cgroup2 "$folder"
            mkdir -p "$folder/server"
            echo $$ > "$folder/server/cgroup.procs"
            for one in $(cat "$folder/cgroup.controllers"); do echo "+$one" > "$folder/cgroup.subtree_control"; done
        fi
    done < {folder}/cgroup
    exec env LXD_DIR={folder}/lxd lxd --group root'
"""


def no_btrfs() -> str:
    """Why there is no pool of btrfs here; empty: there may be one."""
    for program in ("mkfs.btrfs", "losetup"):
        if shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is None:
            return f"this machine has no program {program} (apt-get install -y btrfs-progs mount)"
    if not Path("/dev/loop-control").exists():
        return "this machine has no loop devices"
    if not _kernel_has("btrfs") and shutil.which("modprobe"):
        subprocess.run(["modprobe", "btrfs"], capture_output=True, timeout=60, check=False)
    return "" if _kernel_has("btrfs") else "this machine's kernel has no btrfs (/proc/filesystems)"


def _kernel_has(name: str) -> bool:
    return name in Path("/proc/filesystems").read_text().split()


# Drivers of pools that servers here can have. A parameter of tests: what cannot be is left out with its reason in the summary.
DRIVERS = ("dir",) if no_btrfs() else ("dir", "btrfs")


@dataclass
class LxdServer:
    """One server. Every verb works from any process that attached to the fleet, and may be repeated."""

    name: str
    address: str
    folder: Path
    prefix: str

    @property
    def namespace(self) -> str:
        return f"{self.prefix}-{self.name}"

    @property
    def directory(self) -> Path:
        return self.folder / "lxd"

    @property
    def socket(self) -> Path:
        return self.directory / "unix.socket"

    @property
    def log(self) -> Path:
        return self.folder / "lxd.log"

    @property
    def endpoint(self) -> str:
        return f"{self.address}:8443"

    @property
    def certificate(self) -> str:
        """The server's own, which the platform pins."""
        return (self.directory / "server.crt").read_text()

    @property
    def running(self) -> bool:
        return machine.pid_in(self.folder / "lxd.pid") is not None

    def lxc(self, *words: str, check: bool = True, text: str | None = None) -> str:
        """The command line of the server, as an operator on the machine has it."""
        done = subprocess.run(
            ["lxc", *words], env={**os.environ, "LXD_DIR": str(self.directory), "LXD_CONF": str(self.folder / "conf")},
            input=text if text is not None else "", capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        if check and done.returncode:
            raise FleetError(f"`lxc {' '.join(words)}` failed: {done.stderr.strip()}")
        return done.stdout

    def query(self, path: str) -> Any:
        return json.loads(self.lxc("query", path))

    def start(self) -> None:
        """Start it where it does not run, set it up where it is new."""
        if not self.running:
            self.directory.mkdir(parents=True, exist_ok=True)
            script = START.format(folder=self.folder, group=self.namespace)
            machine.spawn(
                inside(self.namespace, "unshare", "--mount", "sh", "-c", script), self.log, self.folder / "lxd.pid"
            )
        machine.wait_for(f"LXD of {self.name} answers", self._answers, log=self.log)
        if not (self.folder / "ready").exists():
            self._set_up()
            (self.folder / "ready").touch()

    def _answers(self) -> bool:
        if not self.running:
            raise FleetError(f"LXD of {self.name} ended: {self.log.read_text(errors='replace')[-1500:]}")
        return self.socket.exists() and bool(self.lxc("query", "/1.0", check=False))

    def _set_up(self) -> None:
        settings = {
            "config": {"core.https_address": self.endpoint, "core.trust_password": PASSWORD},
            "storage_pools": [{"name": "default", "driver": "dir"}],
            "profiles": [
                {"name": "default", "devices": {"root": {"type": "disk", "path": "/", "pool": "default"}}},
            ],
        }  # fmt: skip
        subprocess.run(
            ["lxd", "init", "--preseed"], env={**os.environ, "LXD_DIR": str(self.directory)}, input=json.dumps(settings),
            text=True, capture_output=True, timeout=60, check=True,
        )  # fmt: skip

    def token(self) -> str:
        """A trust token, as `lxc config trust add` gives it."""
        return self.lxc("config", "trust", "add", "--name", f"xq-{os.urandom(4).hex()}").strip().splitlines()[-1]

    def image(self, alias: str = "tiny", files: Mapping[str, str] | None = None) -> str:
        """The busybox image with an init and a web server, imported under this name; its fingerprint."""
        if self.lxc("image", "alias", "list", alias, "--format", "csv").startswith(f"{alias},"):
            return str(self.query(f"/1.0/images/aliases/{alias}")["target"])
        path = self.folder / f"{alias}.tar.gz"
        path.write_bytes(tarball(files or {}))
        self.lxc("image", "import", str(path), "--alias", alias)
        return str(self.query(f"/1.0/images/aliases/{alias}")["target"])

    def stop(self) -> None:
        """Stop the server (its instances go on)."""
        machine.end(machine.pid_in(self.folder / "lxd.pid"), signal.SIGTERM)

    def kill(self) -> None:
        """Kill the server with SIGKILL (its instances go on)."""
        machine.end(machine.pid_in(self.folder / "lxd.pid"))

    def freeze(self) -> None:
        """Make it hang: it accepts connections and answers nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        pid = machine.pid_in(self.folder / "lxd.pid")
        if pid is not None:
            os.kill(pid, number)

    def cut(self) -> None:
        """Take the host off the network."""
        run(*inside(f"{self.prefix}-j", "ip", "link", "set", f"p{self.name}", "down"))

    def heal(self) -> None:
        run(*inside(f"{self.prefix}-j", "ip", "link", "set", f"p{self.name}", "up"))

    def use(self, driver: str, size: int = POOL_MB) -> str:
        """Roots and volumes lie in a pool of this driver until `clean`; the pool's name. `size`: MiB, of one that is made.

        The server mounts it in its own namespace, from a file in its own folder: both go with its last process.
        """
        name = DEFAULT if driver == "dir" else driver
        if name != DEFAULT and f"/1.0/storage-pools/{name}" not in self.query("/1.0/storage-pools"):
            # (Room that was given up is there again after a second, instead of half a minute.)
            options = "btrfs.mount_options=user_subvol_rm_allowed,commit=1"
            self.lxc("storage", "create", name, driver, f"size={size}MiB", options)
        self.lxc("profile", "device", "set", "default", "root", f"pool={name}")
        return name

    def volume(self, pool: str, name: str) -> Path:
        """Where a volume's files lie, as seen from here, where its pool is not mounted."""
        folder = self.directory / "storage-pools" / pool / "custom" / f"default_{name}"
        return Path(f"/proc/{machine.pid_in(self.folder / 'lxd.pid')}/root{folder}")

    def clean(self) -> None:
        """Remove every instance, volume, image, foreign certificate, segment and pool of a test; bring it back first."""
        self.heal()
        self.thaw()
        self.start()
        for one in self.query("/1.0/instances"):
            self.lxc("delete", "--force", one.rpartition("/")[2])
        pools = [one.rpartition("/")[2] for one in self.query("/1.0/storage-pools")]
        for pool in pools:
            for one in self.query(f"/1.0/storage-pools/{pool}/volumes/custom"):
                if "/snapshots/" not in one:  # they go with their volume
                    self.lxc("storage", "volume", "delete", pool, one.rpartition("/")[2])
        for one in self.query("/1.0/images"):
            self.lxc("image", "delete", one.rpartition("/")[2])
        if pools != [DEFAULT]:
            self.use("dir")
            for pool in pools:
                if pool != DEFAULT:
                    self.lxc("storage", "delete", pool)
        for one in self.query("/1.0/certificates"):
            self.lxc("config", "trust", "remove", one.rpartition("/")[2], check=False)
        for key in self.query("/1.0")["config"]:
            if key.startswith("user."):
                self.lxc("config", "unset", key)


def tarball(files: Mapping[str, str]) -> bytes:
    """An LXD image: metadata and a root with busybox as init. `files`: more of them, by path."""
    busybox = shutil.which("busybox")
    if busybox is None:
        raise FleetError("The test engines need more programs: apt-get install -y busybox-static.")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:

        def put(name: str, data: bytes, mode: int = 0o644) -> None:
            one = tarfile.TarInfo(name)
            one.size, one.mode = len(data), mode
            tar.addfile(one, io.BytesIO(data))

        def link(name: str, target: str) -> None:
            one = tarfile.TarInfo(name)
            one.type, one.linkname = tarfile.SYMTYPE, target
            tar.addfile(one)

        about = {"architecture": os.uname().machine, "creation_date": 1700000000, "properties": {"description": "tiny"}}
        put("metadata.yaml", json.dumps(about).encode())
        for folder in ("bin", "dev", "etc", "proc", "root", "run", "sbin", "srv", "sys", "tmp", "var"):
            one = tarfile.TarInfo(f"rootfs/{folder}")
            one.type, one.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
            tar.addfile(one)
        put("rootfs/bin/busybox", Path(busybox).read_bytes(), 0o755)
        for name in PROGRAMS:
            link(f"rootfs/bin/{name}", "busybox")
        link("rootfs/sbin/init", "../bin/busybox")
        put("rootfs/etc/inittab", INITTAB.encode())
        put("rootfs/etc/hostname", b"new\n")
        put("rootfs/etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n")
        for path, text in files.items():
            put(f"rootfs/{path.lstrip('/')}", text.encode())
    return buffer.getvalue()

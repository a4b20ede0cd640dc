"""What a host of the fleet has for itself beside its network: a mount namespace with its own /etc/docker, users, sshd.

A holder process keeps the namespace; engine, sshd and whoever logs in are in it. The host's folder is shared with this
machine, so that mounts below it are seen (and undone) on both sides; nothing else leaves the namespace.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.engines import machine
from tests.engines.machine import FleetError, inside, run

if TYPE_CHECKING:
    from tests.engines.members import FleetHost

REPOSITORY = Path(__file__).resolve().parents[2]
# Folders of /etc that are each host's own; whatever else is there is this machine's, to be read only.
OWN = ("docker", "sysctl.d", "modprobe.d", "modules-load.d")
INSIDE = "XQ_FLEET_INSIDE"  # set for programs that are in the namespace already
GUEST = "guest"  # a user who may log in and nothing else


def prepare(host: FleetHost) -> None:
    """The folders, users and programs of the host, and its namespace with them in place."""
    etc = host.folder / "etc"
    for name in OWN:
        (etc / name).mkdir(parents=True, exist_ok=True)
        Path("/etc", name).mkdir(exist_ok=True)  # a place to mount on
    _users(etc)
    _programs(host)
    log, pid = host.folder / "space.log", host.folder / "space.pid"
    lines = ["set -e", "mount --make-private / 2>/dev/null || :", "! mountpoint -q /etc || mount --make-private /etc"]
    lines += [f"mount --bind {etc / name} /etc/{name}" for name in (*OWN, "passwd", "shadow")]
    lines += [f"touch {host.folder}/space.ready", f"exec tail -f {host.folder}/space.ready"]
    run("mount", "--bind", host.folder, host.folder)
    run("mount", "--make-shared", host.folder)
    unshared = ("unshare", "--mount", "--propagation", "unchanged", "sh", "-c", "\n".join(lines))
    machine.spawn(inside(host.namespace, *unshared), log, pid)
    machine.wait_for(f"the space of {host.name}", (host.folder / "space.ready").exists, log=log)


def enter(host: FleetHost, *command: str | Path) -> tuple[str | Path, ...]:
    """The command, to be run in the host's namespaces."""
    if os.environ.get(INSIDE) == str(host.folder):
        return command
    pid = machine.pid_in(host.folder / "space.pid")
    if pid is None:
        raise FleetError(f"The namespace of {host.name} is gone.")
    return ("nsenter", f"--target={pid}", "--mount", "--net", *command)


def _users(etc: Path) -> None:
    """This machine's users, root unlocked, and a guest; sshd looks at no password."""
    users = [
        line for line in Path("/etc/passwd").read_text().splitlines() if not line.startswith((f"{GUEST}:", "root:"))
    ]
    users = ["root:x:0:0:root:/root:/bin/sh", *users, f"{GUEST}:x:64999:64999:guest:/tmp:/bin/sh"]
    if not any(line.startswith("sshd:") for line in users):
        users.append("sshd:x:64998:65534::/run/sshd:/usr/sbin/nologin")
    (etc / "passwd").write_text("\n".join(users) + "\n")
    (etc / "shadow").write_text("".join(f"{line.partition(':')[0]}:*:20000:0:99999:7:::\n" for line in users))
    (etc / "shadow").chmod(0o600)


def _programs(host: FleetHost) -> None:
    """`systemctl`, for this host's engine."""
    folder = host.folder / "bin"
    folder.mkdir(exist_ok=True)
    paths = ":".join(dict.fromkeys([str(REPOSITORY), *(path for path in sys.path if path)]))
    words = ["env", f"PYTHONPATH={paths}", f"{INSIDE}={host.folder}", sys.executable, "-m", "tests.engines.systemctl"]
    (folder / "systemctl").write_text(f'#!/bin/sh\nexec {shlex.join(words)} {shlex.quote(str(host.folder))} "$@"\n')
    (folder / "systemctl").chmod(0o755)


@dataclass
class FleetSsh:
    """The real sshd of a host: root and `guest` log in with one key. Nothing of it is seen outside the host's network."""

    host: FleetHost
    port: int = 22
    user: str = "root"

    @property
    def folder(self) -> Path:
        return self.host.folder / "ssh"

    @property
    def key(self) -> str:
        """The private key that opens the host."""
        return (self.folder / "key").read_text()

    @property
    def host_key(self) -> str:
        """«ssh-ed25519 AAAA…»"""
        return " ".join((self.folder / "host_key.pub").read_text().split()[:2])

    @property
    def address(self) -> str:
        """As a host with the connection «ssh» has it."""
        return f"{self.user}@{self.host.address}"

    @property
    def log(self) -> Path:
        return self.folder / "sshd.log"

    @property
    def _pid(self) -> int | None:
        return machine.pid_in(self.folder / "sshd.pid")

    def access(self, row: Any, **changes: Any) -> Any:
        """The SshAccess of a host's row, made as a person would."""
        from hosts.services import ssh_access
        from xqplatform.accounts.actor import Actor

        data = {"user": self.user, "address": self.host.address, "port": self.port, "key": self.key, **changes}
        return ssh_access.set_access(Actor.system("tests"), row, data)

    def prepare(self) -> None:
        self.folder.mkdir(exist_ok=True)
        for name in ("key", "host_key"):
            self._make_key(name)
        (self.folder / "authorized_keys").write_text((self.folder / "key.pub").read_text())
        home = f"PATH={self.host.folder}/bin:/usr/local/bin:/usr/bin:/bin"
        lines = [
            f"ListenAddress {self.host.address}:{self.port}",
            f"HostKey {self.folder}/host_key",
            f"AuthorizedKeysFile {self.folder}/authorized_keys",
            "PidFile none",
            "StrictModes no",  # the keys lie in a folder that is not the user's
            "UsePAM no",
            "UseDNS no",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "PermitRootLogin prohibit-password",
            "MaxStartups 200",
            "MaxSessions 100",
            "ClientAliveInterval 10",
            f"SetEnv DOCKER_HOST={self.host.socket_url} {home}",
        ]
        (self.folder / "sshd_config").write_text("\n".join(lines) + "\n")
        (self.folder / "pristine").write_text(self.host_key)

    def _make_key(self, name: str) -> None:
        for path in (self.folder / name, self.folder / f"{name}.pub"):
            path.unlink(missing_ok=True)
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", self.folder / name)

    def start(self) -> None:
        if self._pid is None:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where it locks itself up
            command = enter(self.host, "/usr/sbin/sshd", "-D", "-e", "-f", self.folder / "sshd_config")
            machine.spawn(command, self.log, self.folder / "sshd.pid")
        machine.wait_for(f"sshd of {self.host.name} answers", self._answers, log=self.log)

    def _answers(self) -> bool:
        import socket

        if self._pid is None:
            raise FleetError(f"sshd of {self.host.name} ended: {self.log.read_text(errors='replace')[-800:]}")
        with contextlib.suppress(OSError), socket.create_connection((self.host.address, self.port), 5) as sock:
            return sock.recv(4) == b"SSH-"
        return False

    def stop(self) -> None:
        """Nobody logs in any more; sessions go on (`drop` ends them)."""
        machine.end(self._pid)

    def sessions(self) -> list[int]:
        """The processes of those who are logged in."""
        found, own = [], os.stat(machine.NETNS / self.host.namespace).st_ino
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and (entry / "cmdline").read_bytes().startswith(b"sshd: "):
                    listener = b"[listener]" in (entry / "cmdline").read_bytes()
                    if os.stat(entry / "ns/net").st_ino == own and not listener:
                        found.append(int(entry.name))
        return found

    def drop(self) -> None:
        """Breaks every session off."""
        for pid in self.sessions():
            machine.end(pid)

    def new_host_key(self) -> str:
        """As if the machine was set up anew; `clean` brings the old key back in no way: pin it again."""
        self.stop()
        self._make_key("host_key")
        self.start()
        return self.host_key


def pristine(host: FleetHost) -> bool:
    """Whether the host's own files in /etc are as the fleet made them."""
    return _files(host) == json.loads((host.folder / "pristine.json").read_text())


def keep_pristine(host: FleetHost) -> None:
    (host.folder / "pristine.json").write_text(json.dumps(_files(host)))


def restore(host: FleetHost) -> bool:
    """Puts the host's own files in /etc back; whether any had changed."""
    kept, seen = json.loads((host.folder / "pristine.json").read_text()), _files(host)
    for name in set(seen) - set(kept):
        (host.folder / "etc" / name).unlink()
    for name, text in kept.items():
        if seen.get(name) != text:
            (host.folder / "etc" / name).parent.mkdir(parents=True, exist_ok=True)
            (host.folder / "etc" / name).write_text(text)
    return kept != seen


def _files(host: FleetHost) -> dict[str, str]:
    etc = host.folder / "etc"
    return {
        str(path.relative_to(etc)): path.read_text(errors="replace")
        for name in OWN
        for path in sorted((etc / name).rglob("*"))
        if path.is_file() and path.name != "key.json"  # the engine writes that one itself
    }

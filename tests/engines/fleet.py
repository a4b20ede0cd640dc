"""Three real Docker hosts and a real registry on this machine, for tests, benches and screenshots.

Each host is a network namespace with its own containerd and dockerd (mutual TLS over TCP, and a Unix socket), an
address on its bridge `br0`, and a cgroup of its own. A bridge in a namespace of its own joins them; this machine
stands on the same segment by a veth pair. Nothing of a Docker that the machine itself runs is touched.

    python -m tests.engines.fleet up      bring one up, print it, leave it standing (use it: XQ_FLEET=<folder> pytest …)
    python -m tests.engines.fleet hold    bring one up, print it, take it down on Ctrl-C or when stdin closes
    python -m tests.engines.fleet down    take down every fleet that no living process holds, or only: down FOLDER
    python -m tests.engines.fleet sweep   take down what killed processes have left behind (not what `up` left standing)
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO, Any

import docker
import docker.errors
import docker.tls

from tests.engines import machine
from tests.engines.lxd import LxdServer
from tests.engines.machine import FleetError, run
from tests.engines.members import FleetHost, FleetRegistry, Segment, api_client
from tests.engines.setup import BASE, check_machine, connect, forget_places, prepare, raze

__all__ = ["BASE", "Fleet", "FleetError", "FleetHost", "FleetRegistry", "Segment", "api_client", "down_unheld"]


@dataclass
class Fleet:
    """The hosts, what joins them, and the registry. Use `Fleet.up()` as a context manager."""

    number: int
    hosts: list[FleetHost]
    segment: Segment
    registry: FleetRegistry
    swarm: bool = False
    servers: list[LxdServer] = field(default_factory=list)
    _held: IO[str] | None = field(default=None, repr=False)

    @property
    def prefix(self) -> str:
        return f"xqf{self.number}"

    @property
    def folder(self) -> Path:
        return BASE / str(self.number)

    def __enter__(self) -> Fleet:
        return self

    def __exit__(self, *_: object) -> None:
        self.down()

    @classmethod
    def up(cls, hosts: int = 3, *, swarm: bool = False, leave: bool = False, disk_mb: int = 0) -> Fleet:
        """Bring a fleet up (about 3 s), on a /24 that nobody uses.

        `swarm`: daemons without live-restore (Swarm mode refuses it). `leave`: it stays when this process ends.
        `disk_mb`: the engines' data roots are file systems of only this size (in memory).
        Raises FleetError with one sentence when something is missing.
        """
        check_machine()
        number, held = _claim()
        fleet = _describe(number, hosts, swarm)
        fleet._held = held
        if not leave:
            _take_down_at_exit(fleet)
        try:
            (fleet.folder / "state.json").write_text(json.dumps({"hosts": hosts, "swarm": swarm}))
            prepare(fleet.folder, fleet.hosts, fleet.segment, fleet.registry, swarm=swarm, disk_mb=disk_mb)
            with ThreadPoolExecutor(2 * hosts + 1) as pool:
                starts: list[Callable[[], None]] = [
                    start for host in fleet.hosts for start in (host.start, host.ssh.start)
                ]
                for done in [pool.submit(start) for start in [*starts, fleet.registry.start]]:
                    done.result()
        except BaseException:
            fleet.down()
            raise
        if leave:
            (fleet.folder / "left").touch()  # before it is let go, or somebody could sweep it
            held.close()
            fleet._held = None
        return fleet

    @classmethod
    def attach(cls, folder: str | Path) -> Fleet:
        """A fleet that another process brought up; leaving it does not take it down (call `down()` for that)."""
        try:
            state = json.loads((Path(folder) / "state.json").read_text())
        except OSError as error:
            raise FleetError(f"No fleet stands in {folder}.") from error
        return _describe(int(Path(folder).name), state["hosts"], state["swarm"])

    def network(self, host: FleetHost, name: str = "segment") -> str:
        """Make the segment on a host's br0; returns the network's id."""
        pool = docker.types.IPAMPool(subnet=self.segment.cidr, gateway=self.segment.gateway)
        options = {
            "com.docker.network.bridge.name": self.segment.bridge,
            # Or the engine would take the host's own address off the bridge.
            "com.docker.network.bridge.inhibit_ipv4": "true",
            "com.docker.network.bridge.enable_ip_masquerade": "false",
        }
        with contextlib.closing(host.client()) as client:
            ipam = docker.types.IPAMConfig(pool_configs=[pool])
            return str(client.create_network(name, driver="bridge", options=options, ipam=ipam)["Id"])

    def lxd(self, count: int = 1) -> list[LxdServer]:
        """So many LXD servers on the same segment, brought up when they are first asked for (0.6 s each)."""
        for index in range(len(self.servers) + 1, count + 1):
            name = f"l{index}"
            server = LxdServer(name, f"10.213.{self.number}.{30 + index}", self.folder / name, self.prefix)
            self.servers.append(server)
            if not (machine.NETNS / server.namespace).exists():
                server.folder.mkdir(exist_ok=True)
                connect(server)
        for server in self.servers[:count]:
            server.start()
        return self.servers[:count]

    def clean(self) -> None:
        """Remove what tests left on the hosts; start what they stopped."""
        self.registry.start()
        for server in self.servers:
            server.clean()
        with ThreadPoolExecutor(len(self.hosts)) as pool:
            list(pool.map(FleetHost.clean, self.hosts))
        forget_places(self.prefix, [*self.hosts, *self.servers])

    def down(self) -> None:
        """Take everything down; may be called again. A fleet that another process holds stays."""
        # Under the lock: as soon as the folder is gone, somebody else may take the number.
        with _locked():
            if self._held is None and self.folder.exists():
                self._held = _hold(self.number)
            if self._held is not None:
                raze(self.number)
                self._held.close()
                self._held = None

    def summary(self) -> dict[str, Any]:
        """What a script needs to use the fleet, as JSON values."""
        return {
            "folder": str(self.folder),
            "hosts": [
                {"name": host.name, "address": host.address, "tcp": host.tcp_url, "socket": host.socket_url}
                for host in self.hosts
            ],
            "ca": str(self.registry.ca_path),
            "cert": str(self.hosts[0].cert_path),
            "key": str(self.hosts[0].key_path),
            "segment": self.segment.cidr,
            "gateway": self.segment.gateway,
            "bridge": self.segment.bridge,
            "registry": self.registry.address,
        }


def _describe(number: int, count: int, swarm: bool) -> Fleet:
    net, folder = f"10.213.{number}", BASE / str(number)
    names = [f"h{index}" for index in range(1, count + 1)]
    hosts = [FleetHost(name, f"{net}.{10 + i}", folder / name, f"xqf{number}") for i, name in enumerate(names, 1)]
    registry = FleetRegistry(f"{net}.1:5000", folder / "registry")
    return Fleet(number, hosts, Segment(f"{net}.0/24", f"{net}.1"), registry, swarm)


@contextlib.contextmanager
def _locked() -> Iterator[None]:
    BASE.mkdir(parents=True, exist_ok=True)
    with (BASE / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _hold(number: int) -> IO[str] | None:
    """The owner's lock of a fleet's folder, or None while a living process has it."""
    held = (BASE / str(number) / "owner").open("w")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        held.close()
        return None
    return held


def _claim() -> tuple[int, IO[str]]:
    """Take a free number (the third octet of the addresses); a number whose owner died is cleaned and reused."""
    with _locked():
        routes = run("ip", "-4", "route", "show", "table", "all")
        for number in range(1, 255):
            folder = BASE / str(number)
            if (folder / "left").exists():
                continue
            known = folder.exists()
            folder.mkdir(mode=0o755, exist_ok=True)
            held = _hold(number)
            if held is None:
                continue
            if known or (machine.NETNS / f"xqf{number}-j").exists():
                raze(number)
                folder.mkdir(mode=0o755)
                held.close()
                held = _hold(number)
            elif f"10.213.{number}." in routes:
                held.close()
                machine.wipe(folder)
                continue
            assert held is not None
            return number, held
    raise FleetError("All 254 numbers of test fleets are in use: run `python -m tests.engines.fleet down`.")


def _take_down_at_exit(fleet: Fleet) -> None:
    """On exit, and on SIGTERM or SIGHUP, which otherwise end Python without its exit handlers."""
    atexit.register(_down_once, fleet, os.getpid())
    if threading.current_thread() is not threading.main_thread():
        return

    def leave(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, leave)


def _down_once(fleet: Fleet, owner: int) -> None:
    # A forked child inherits the exit handler, but not the fleet.
    if os.getpid() == owner and fleet._held:
        fleet.down()


def down_unheld(*, also_left: bool = True) -> list[int]:
    """Take down every fleet that no living process holds, also those that `up` left standing; returns their numbers."""
    gone = []
    with _locked():
        for folder in sorted(BASE.iterdir()):
            if not folder.name.isdigit() or ((folder / "left").exists() and not also_left):
                continue
            held = _hold(int(folder.name))
            if held is not None:
                raze(int(folder.name))
                held.close()
                gone.append(int(folder.name))
    return gone


def main(arguments: list[str]) -> int:
    """The command line; see the module's text."""
    verb = arguments[0] if arguments else ""
    try:
        if verb == "up":
            print(json.dumps(Fleet.up(swarm="--swarm" in arguments, leave=True).summary(), indent=1))
        elif verb == "hold":
            with Fleet.up(swarm="--swarm" in arguments) as fleet:
                print(json.dumps(fleet.summary(), indent=1), flush=True)
                with contextlib.suppress(KeyboardInterrupt):
                    sys.stdin.read()
        elif verb == "down" and arguments[1:]:
            Fleet.attach(arguments[1]).down()
        elif verb == "down":
            print(f"taken down: {', '.join(map(str, down_unheld())) or 'none'}")
        elif verb == "sweep":
            for number in down_unheld(also_left=False):
                print(f"taken down: the engines {number} of a process that was killed")
        else:
            print(__doc__)
            return 2
    except FleetError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

"""Three real Docker hosts and a real registry on this machine, for tests, benches and screenshots.

Each host is a network namespace with its own containerd and dockerd (mutual TLS over TCP, and a Unix socket), an
address on its bridge `br0`, and a cgroup of its own. A bridge in a namespace of its own joins them; this machine
stands on the same segment by a veth pair. Nothing of a Docker that the machine itself runs is touched.

    python -m tests.engines.fleet up      bring one up, print it, leave it standing (use it: XQ_FLEET=<folder> pytest …)
    python -m tests.engines.fleet hold    bring one up, print it, take it down on Ctrl-C or when stdin closes
    python -m tests.engines.fleet down    take down every fleet that no living process holds
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
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
import requests

from tests.engines import machine
from tests.engines.certs import Authority
from tests.engines.machine import FleetError, inside, run

BASE = Path(os.environ.get("XQ_FLEET_BASE", "/var/tmp/xq-fleet"))
CERTS_D = Path("/etc/docker/certs.d")
NEEDED = {
    "dockerd": "docker.io",
    "containerd": "containerd",
    "docker-registry": "docker-registry",
    "busybox": "busybox-static",
    "ip": "iproute2",
    "nsenter": "util-linux",
}


def api_client(url: str, *, ca: Path | None = None, cert: Path | None = None, key: Path | None = None) -> Any:
    """A docker-py client on which no CA bundle, proxy or netrc of the environment counts."""
    tls: Any = docker.tls.TLSConfig(client_cert=(str(cert), str(key)), ca_cert=str(ca), verify=True) if ca else False
    client = docker.APIClient(base_url=url, version="1.41", tls=tls, timeout=60, max_pool_size=32)
    client.trust_env = False
    client._version = client.version(api_version=False)["ApiVersion"]
    return client


@dataclass(frozen=True)
class Segment:
    """The network that joins the hosts; `address(0)` and following are free for containers."""

    cidr: str
    gateway: str
    bridge: str = "br0"

    def address(self, number: int) -> str:
        """A free address of the segment: number 0 to 150."""
        if not 0 <= number <= 150:
            raise ValueError("the segment has 151 free addresses")
        return f"{self.gateway.rpartition('.')[0]}.{number + 100}"


@dataclass
class FleetHost:
    """One Docker host. Every verb works from any process that attached to the fleet, and may be repeated."""

    name: str
    address: str
    folder: Path
    prefix: str

    @property
    def namespace(self) -> str:
        return f"{self.prefix}-{self.name}"

    @property
    def cgroup(self) -> str:
        return f"{self.prefix}-{self.name}"

    @property
    def tcp_url(self) -> str:
        return f"tcp://{self.address}:2376"

    @property
    def socket(self) -> Path:
        return self.folder / "d.sock"

    @property
    def socket_url(self) -> str:
        return f"unix://{self.socket}"

    @property
    def log(self) -> Path:
        return self.folder / "dockerd.log"

    @property
    def ca_path(self) -> Path:
        return self.folder.parent / "ca.pem"

    @property
    def cert_path(self) -> Path:
        return self.folder.parent / "client.pem"

    @property
    def key_path(self) -> Path:
        return self.folder.parent / "client-key.pem"

    @property
    def ca(self) -> str:
        return self.ca_path.read_text()

    @property
    def cert(self) -> str:
        return self.cert_path.read_text()

    @property
    def key(self) -> str:
        return self.key_path.read_text()

    @property
    def data_root(self) -> Path:
        return self.folder / "data"

    def client(self) -> Any:
        """A new docker-py client over TCP with mutual TLS."""
        return api_client(self.tcp_url, ca=self.ca_path, cert=self.cert_path, key=self.key_path)

    def local_client(self) -> Any:
        """A new docker-py client over the Unix socket."""
        return api_client(self.socket_url)

    def _pid(self, program: str) -> int | None:
        return machine.pid_in(self.folder / f"{program}.pid")

    @property
    def running(self) -> bool:
        return self._pid("dockerd") is not None

    def start(self) -> None:
        """Start containerd and dockerd where they do not run, and wait until the API answers over TLS."""
        if self._pid("containerd") is None:
            self._spawn("containerd", "--config", self.folder / "containerd.toml")
        if self._pid("dockerd") is None:
            # A file left by a killed daemon makes the next one think that it still runs, if its number is in use again.
            (self.folder / "run" / "docker.pid").unlink(missing_ok=True)
            machine.wait_for(
                f"containerd of {self.name} answers",
                (self.folder / "c.sock").exists,
                log=self.folder / "containerd.log",
            )
            self._spawn("dockerd", "--config-file", self.folder / "daemon.json")
        machine.wait_for(f"dockerd of {self.name} answers", self._answers, log=self.log)

    def _spawn(self, program: str, *arguments: str | Path) -> None:
        machine.spawn(
            inside(self.namespace, program, *arguments),
            self.folder / f"{program}.log",
            self.folder / f"{program}.pid",
        )

    def _answers(self) -> bool:
        if not self.running:
            raise FleetError(f"dockerd of {self.name} ended: {self.log.read_text(errors='replace')[-1500:]}")
        try:
            self.client().close()
        except (requests.RequestException, docker.errors.DockerException):
            return False
        return True

    def stop(self) -> None:
        """Stop dockerd in order (with live-restore its containers go on)."""
        machine.end(self._pid("dockerd"), signal.SIGTERM)

    def kill(self) -> None:
        """Kill dockerd with SIGKILL (its containers go on)."""
        machine.end(self._pid("dockerd"))

    def freeze(self) -> None:
        """Make the engine hang: it accepts connections and answers nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        pid = self._pid("dockerd")
        if pid is not None:
            os.kill(pid, number)

    def cut(self) -> None:
        """Take the host off the network."""
        run(*inside(f"{self.prefix}-j", "ip", "link", "set", f"p{self.name}", "down"))

    def heal(self) -> None:
        """Put the host on the network again."""
        run(*inside(f"{self.prefix}-j", "ip", "link", "set", f"p{self.name}", "up"))

    def clean(self) -> None:
        """Remove every container, network and volume on the host; bring it back first if it is away."""
        self.heal()
        self.thaw()
        self.start()
        client = self.local_client()
        with contextlib.closing(client):
            for container in client.containers(all=True):
                with contextlib.suppress(docker.errors.NotFound):
                    client.remove_container(container["Id"], force=True, v=True)
            for network in client.networks():
                if network["Name"] not in ("bridge", "host", "none"):
                    with contextlib.suppress(docker.errors.NotFound):
                        client.remove_network(network["Id"])
            for volume in client.volumes()["Volumes"] or []:
                with contextlib.suppress(docker.errors.NotFound):
                    client.remove_volume(volume["Name"], force=True)


@dataclass
class FleetRegistry:
    """A real registry with TLS, reachable from the hosts and from here; deletes are enabled."""

    address: str
    folder: Path

    @property
    def url(self) -> str:
        return f"https://{self.address}"

    @property
    def ca_path(self) -> Path:
        return self.folder.parent / "ca.pem"

    @property
    def ca(self) -> str:
        return self.ca_path.read_text()

    def _pid(self) -> int | None:
        return machine.pid_in(self.folder / "registry.pid")

    @property
    def running(self) -> bool:
        return self._pid() is not None

    def start(self) -> None:
        if not self.running:
            machine.spawn(
                ("docker-registry", "serve", self.folder / "config.yml"),
                self.folder / "registry.log",
                self.folder / "registry.pid",
            )
        machine.wait_for("the registry answers", self._answers, log=self.folder / "registry.log")

    def _answers(self) -> bool:
        if not self.running:
            raise FleetError(f"the registry ended: {(self.folder / 'registry.log').read_text(errors='replace')[-800:]}")
        try:
            with self.session() as session:
                return session.get(f"{self.url}/v2/", timeout=5).ok
        except requests.RequestException:
            return False

    def session(self) -> requests.Session:
        """An HTTP session that trusts the registry and ignores the environment."""
        session = requests.Session()
        session.trust_env = False
        session.verify = str(self.ca_path)
        return session

    def stop(self) -> None:
        machine.end(self._pid(), signal.SIGTERM)


@dataclass
class Fleet:
    """The hosts, what joins them, and the registry. Use `Fleet.up()` as a context manager."""

    number: int
    hosts: list[FleetHost]
    segment: Segment
    registry: FleetRegistry
    swarm: bool = False
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
    def up(cls, hosts: int = 3, *, swarm: bool = False, leave: bool = False) -> Fleet:
        """Bring a fleet up (about 3 s), on a /24 that nobody uses.

        `swarm`: daemons without live-restore (Swarm mode refuses it). `leave`: it stays when this process ends.
        Raises FleetError with one sentence when something is missing.
        """
        _check_machine()
        number, held = _claim()
        fleet = _describe(number, hosts, swarm)
        fleet._held = held
        if not leave:
            _take_down_at_exit(fleet)
        try:
            (fleet.folder / "state.json").write_text(json.dumps({"hosts": hosts, "swarm": swarm}))
            _prepare(fleet)
            with ThreadPoolExecutor(hosts + 1) as pool:
                starts: list[Callable[[], None]] = [host.start for host in fleet.hosts]
                for done in [pool.submit(start) for start in [*starts, fleet.registry.start]]:
                    done.result()
        except BaseException:
            fleet.down()
            raise
        if leave:
            held.close()
            fleet._held = None
            (fleet.folder / "left").touch()
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

    def clean(self) -> None:
        """Remove what tests left on the hosts; start what they stopped."""
        self.registry.start()
        with ThreadPoolExecutor(len(self.hosts)) as pool:
            list(pool.map(FleetHost.clean, self.hosts))

    def down(self) -> None:
        """Take everything down; may be called again, and by another process."""
        _raze(self.number)
        if self._held:
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


def _check_machine() -> None:
    if os.geteuid() != 0:
        raise FleetError("The test engines need root: run the tests as root (sudo make test).")
    missing = [package for program, package in NEEDED.items() if shutil.which(program) is None]
    if missing:
        raise FleetError(f"The test engines need more programs: apt-get install -y {' '.join(missing)}.")


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
                _raze(number)
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


def _raze(number: int) -> None:
    """Take down whatever there is of a fleet, known only by its number."""
    folder, prefix = BASE / str(number), f"xqf{number}"
    for _ in range(50):
        # A killed daemon's shims and health checks may just be starting another process: look again until none is left.
        about = machine.processes_about(folder)
        if not about:
            break
        for pid in about:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in about:
            machine.end(pid)
    if machine.NETNS.is_dir():
        spaces = [path.name for path in machine.NETNS.iterdir() if path.name.startswith(f"{prefix}-")]
    else:
        spaces = []
    for name in {*spaces, *(f"{prefix}-h{index}" for index in range(1, 10))}:
        machine.end_cgroup(name)
    machine.unmount_below(folder)
    for name in spaces:
        machine.drop_namespace(name)
    run("ip", "link", "delete", f"{prefix}r", check=False)
    shutil.rmtree(CERTS_D / f"10.213.{number}.1:5000", ignore_errors=True)
    with contextlib.suppress(OSError):
        CERTS_D.rmdir()
    machine.wipe(folder)


def _prepare(fleet: Fleet) -> None:
    """Certificates, namespaces, links and settings: everything that stands before the daemons start."""
    authority = Authority("fleet authority")
    client = authority.client()
    for name, text in (("ca.pem", authority.cert), ("client.pem", client.cert), ("client-key.pem", client.key)):
        (fleet.folder / name).write_text(text)
    (fleet.folder / "client-key.pem").chmod(0o600)
    _join(fleet)
    for host in fleet.hosts:
        _connect(host)
        _write_settings(host, fleet.swarm, authority)
    _write_registry(fleet.registry, authority)


def _join(fleet: Fleet) -> None:
    """The namespace with the joining bridge, and this machine's own leg into it."""
    space, leg = f"{fleet.prefix}-j", f"{fleet.prefix}r"
    run("ip", "netns", "add", space)
    run("ip", "link", "add", leg, "type", "veth", "peer", "name", "proot", "netns", space)
    run("ip", "address", "add", f"{fleet.segment.gateway}/24", "dev", leg)
    run("ip", "link", "set", leg, "up")
    commands = "link add join type bridge\nlink set join up\nlink set proot master join\nlink set proot up\n"
    _batch(space, commands)


def _connect(host: FleetHost) -> None:
    """A host's namespace: br0 with the host's address, a veth port of it in the joining bridge."""
    run("ip", "netns", "add", host.namespace)
    port, join = f"p{host.name}", f"{host.prefix}-j"
    run(*inside(join, "ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", host.namespace))
    _batch(join, f"link set {port} master join\nlink set {port} up\n")
    octets = (int(part) for part in host.address.split("."))
    # Without a MAC of its own the bridge takes its ports' lowest: with each container its neighbours' ARP went stale.
    mac = "02:58:" + ":".join(f"{octet:02x}" for octet in octets)
    _batch(
        host.namespace,
        f"link set lo up\nlink add br0 address {mac} type bridge forward_delay 0\nlink set eth0 master br0\nlink set eth0 up\n"
        f"address add {host.address}/24 dev br0\nlink set br0 up\n"
        f"route add default via {host.address.rpartition('.')[0]}.1\n",
    )


def _batch(namespace: str, commands: str) -> None:
    done = subprocess.run(
        [str(word) for word in inside(namespace, "ip", "-batch", "-")],
        input=commands,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode:
        raise FleetError(f"setting up the network {namespace} failed: {done.stderr.strip()}")


def _write_settings(host: FleetHost, swarm: bool, authority: Authority) -> None:
    for name in ("run", "data", "containerd"):
        (host.folder / name).mkdir(parents=True, exist_ok=True)
    pair = authority.server(host.address, "127.0.0.1", "localhost")
    (host.folder / "server.pem").write_text(pair.cert)
    (host.folder / "server-key.pem").write_text(pair.key)
    (host.folder / "server-key.pem").chmod(0o600)
    (host.folder / "containerd.toml").write_text(
        f'version = 2\nroot = "{host.folder}/containerd/root"\nstate = "{host.folder}/containerd/state"\n'
        'disabled_plugins = ["io.containerd.grpc.v1.cri"]\noom_score = 0\n'
        f'[grpc]\naddress = "{host.folder}/c.sock"\n[ttrpc]\naddress = "{host.folder}/c.sock.ttrpc"\n'
    )
    settings = {
        "data-root": str(host.data_root),
        "exec-root": str(host.folder / "run"),
        "pidfile": str(host.folder / "run" / "docker.pid"),
        "containerd": str(host.folder / "c.sock"),
        "hosts": [host.socket_url, f"tcp://{host.address}:2376"],
        "tlsverify": True,
        "tlscacert": str(host.ca_path),
        "tlscert": str(host.folder / "server.pem"),
        "tlskey": str(host.folder / "server-key.pem"),
        "bridge": "none",
        "iptables": False,
        "ip-forward": False,
        "ip-masq": False,
        "live-restore": not swarm,
        "cgroup-parent": f"/{host.cgroup}",
        "exec-opts": ["native.cgroupdriver=cgroupfs"],
        "shutdown-timeout": 5,
    }
    (host.folder / "daemon.json").write_text(json.dumps(settings, indent=1))


def _write_registry(registry: FleetRegistry, authority: Authority) -> None:
    registry.folder.mkdir(exist_ok=True)
    pair = authority.server(registry.address.partition(":")[0])
    (registry.folder / "cert.pem").write_text(pair.cert)
    (registry.folder / "key.pem").write_text(pair.key)
    (registry.folder / "key.pem").chmod(0o600)
    (registry.folder / "config.yml").write_text(
        "version: 0.1\nlog: {level: warn}\n"
        f"storage: {{filesystem: {{rootdirectory: {registry.folder}/data}}, delete: {{enabled: true}}}}\n"
        f"http: {{addr: '{registry.address}', secret: test-registry,\n"
        f"  tls: {{certificate: {registry.folder}/cert.pem, key: {registry.folder}/key.pem}}}}\n"
    )
    # The daemons read it from here, all of the machine: the address makes it this fleet's own.
    (CERTS_D / registry.address).mkdir(parents=True, exist_ok=True)
    (CERTS_D / registry.address / "ca.crt").write_text(authority.cert)


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


def down_unheld() -> list[int]:
    """Take down every fleet that no living process holds; returns their numbers."""
    gone = []
    with _locked():
        for folder in sorted(BASE.iterdir()):
            if not folder.name.isdigit():
                continue
            held = _hold(int(folder.name))
            if held is not None:
                _raze(int(folder.name))
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
        elif verb == "down":
            print(f"taken down: {', '.join(map(str, down_unheld())) or 'none'}")
        else:
            print(__doc__)
            return 2
    except FleetError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

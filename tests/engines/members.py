"""The parts of a fleet: a Docker host, the registry, the segment between them; and how a test uses or breaks them."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import docker.errors
import docker.tls
import requests

from tests.engines import machine, space
from tests.engines.machine import FleetError, inside, run
from tests.engines.space import FleetSsh


def api_client(url: str, *, ca: Path | None = None, cert: Path | None = None, key: Path | None = None) -> Any:
    """A docker-py client on which no CA bundle, proxy or netrc of the environment counts."""
    tls: Any = docker.tls.TLSConfig(client_cert=(str(cert), str(key)), ca_cert=str(ca), verify=True) if ca else False
    client = docker.APIClient(base_url=url, version="1.41", tls=tls, timeout=60, max_pool_size=32)
    client.trust_env = False
    client._version = client.version(api_version=False)["ApiVersion"]
    return client


def _removed(client: Any, container: str) -> None:
    """Removes it, or waits for whoever is just doing so (the engine itself, after a build)."""
    until = time.monotonic() + 60
    while True:
        try:
            client.remove_container(container, force=True, v=True)
        except docker.errors.NotFound:
            return
        except docker.errors.APIError as error:
            if "already in progress" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.1)
        else:
            return


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
    def ssh(self) -> FleetSsh:
        """Its sshd: `.key`, `.port`, `.host_key`, `.access(row)`; see tests/engines/space.py."""
        return FleetSsh(self)

    @property
    def etc(self) -> Path:
        """What the host itself sees as /etc: docker/, sysctl.d/, modprobe.d/, modules-load.d/."""
        return self.folder / "etc"

    def enter(self, *command: str | Path) -> tuple[str | Path, ...]:
        """The command, to be run on the host (its network and mounts)."""
        return space.enter(self, *command)

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

    def start(self, *, local: bool = False) -> None:
        """Start containerd and dockerd where they do not run, and wait until the API answers over TLS (`local`: the socket)."""
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
            self._spawn("dockerd", "--config-file", self.etc / "docker" / "daemon.json")
        machine.wait_for(f"dockerd of {self.name} answers", lambda: self._answers(local), log=self.log)

    def _spawn(self, program: str, *arguments: str | Path) -> None:
        machine.spawn(
            self.enter(program, *arguments),
            self.folder / f"{program}.log",
            self.folder / f"{program}.pid",
        )

    def _answers(self, local: bool = False) -> bool:
        if not self.running:
            raise FleetError(f"dockerd of {self.name} ended: {self.log.read_text(errors='replace')[-1500:]}")
        try:
            (self.local_client() if local else self.client()).close()
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
        """Remove every container, network and volume on the host; bring it and its settings back first."""
        self.heal()
        self.thaw()
        if space.restore(self):
            self.stop()
        self.start()
        self.ssh.start()
        client = self.local_client()
        with contextlib.closing(client):
            for container in client.containers(all=True):
                _removed(client, container["Id"])
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

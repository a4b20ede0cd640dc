"""How a fleet is put up around its daemons (certificates, networks, settings), and how all of it is razed."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterable
from pathlib import Path

from tests.engines import lxd, machine, space
from tests.engines.certs import Authority
from tests.engines.machine import FleetError, inside, run
from tests.engines.members import FleetHost, FleetRegistry, Segment

BASE = Path(os.environ.get("XQ_FLEET_BASE", "/var/tmp/xq-fleet"))
NEEDED = {
    "dockerd": "docker.io",
    "containerd": "containerd",
    "docker-registry": "docker-registry",
    "busybox": "busybox-static",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "sshd": "openssh-server",
    "lxd": "lxd",
    "lxc": "lxd-client",
}


def check_machine() -> None:
    if os.geteuid() != 0:
        raise FleetError("The test engines need root: run the tests as root (sudo make test).")
    missing = [
        package
        for program, package in NEEDED.items()
        if shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin") is None
    ]
    if missing:
        raise FleetError(f"The test engines need more programs: apt-get install -y {' '.join(missing)}.")


def raze(number: int) -> None:
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
    for name in spaces:
        for pid in run("ip", "netns", "pids", name, check=False).split():  # those who are logged in by SSH
            machine.end(int(pid))
    for name in {*spaces, *(f"{prefix}-h{index}" for index in range(1, 10))}:
        machine.end_cgroup(name)
    machine.unmount_below(folder)
    for name in spaces:
        machine.drop_namespace(name)
    run("ip", "link", "delete", f"{prefix}r", check=False)
    machine.wipe(folder)


def prepare(
    folder: Path, hosts: list[FleetHost], segment: Segment, registry: FleetRegistry, *, swarm: bool, disk_mb: int
) -> None:
    """Certificates, namespaces, links and settings: everything that stands before the daemons start."""
    authority = Authority("fleet authority")
    client = authority.client()
    for name, text in (("ca.pem", authority.cert), ("client.pem", client.cert), ("client-key.pem", client.key)):
        (folder / name).write_text(text)
    (folder / "client-key.pem").chmod(0o600)
    _join(hosts[0].prefix, segment)
    for host in hosts:
        connect(host)
        (host.folder / "etc" / "docker").mkdir(parents=True, exist_ok=True)
        space.prepare(host)
        _write_settings(host, swarm, authority)
        _trust(host, registry, authority)
        space.keep_pristine(host)
        host.ssh.prepare()
        if disk_mb:
            # An engine whose disk is soon full.
            run("mount", "-t", "tmpfs", "-o", f"size={disk_mb}m", "tmpfs", host.data_root)
    _write_registry(registry, authority)


def _join(prefix: str, segment: Segment) -> None:
    """The namespace with the joining bridge, and this machine's own leg into it."""
    space, leg = f"{prefix}-j", f"{prefix}r"
    run("ip", "netns", "add", space)
    run("ip", "link", "add", leg, "type", "veth", "peer", "name", "proot", "netns", space)
    run("ip", "address", "add", f"{segment.gateway}/24", "dev", leg)
    run("ip", "link", "set", leg, "up")
    commands = "link add join type bridge\nlink set join up\nlink set proot master join\nlink set proot up\n"
    _batch(space, commands)


def connect(host: FleetHost | lxd.LxdServer) -> None:
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


def forget_places(prefix: str, hosts: Iterable[FleetHost | lxd.LxdServer]) -> None:
    """Bridges and neighbours forget where a MAC is: addresses come again with the next test, on other hosts and without a rest."""
    _batch(f"{prefix}-j", "link set join type bridge fdb_flush\n")
    for host in hosts:
        _batch(host.namespace, "link set br0 type bridge fdb_flush\nneigh flush dev br0\n")
    run("ip", "neigh", "flush", "dev", f"{prefix}r")


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
    (host.etc / "docker" / "daemon.json").write_text(json.dumps(settings, indent=1) + "\n")


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


def _trust(host: FleetHost, registry: FleetRegistry, authority: Authority) -> None:
    """The engine takes the registry's certificate."""
    folder = host.etc / "docker" / "certs.d" / registry.address
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ca.crt").write_text(authority.cert)

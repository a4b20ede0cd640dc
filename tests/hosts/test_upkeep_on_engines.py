"""Upkeep on real engines over a real sshd: certificates rotate, settings change, and no container notices."""

from __future__ import annotations

import contextlib
import json
import threading
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from hosts import ca, engine, restarts, watch
from hosts.models import Host, HostOperation, IssuedCertificate, Profile, SeenCertificate, Segment
from hosts.procedures import daemon, tls
from hosts.services import certificates, upkeep
from tests.engines.fleet import Fleet, FleetHost
from tests.engines.images import tiny_image
from tests.engines.machine import run as command
from tests.engines.machine import wait_for
from tests.hosts.test_on_engines import connect
from tests.queue import Queue
from xqplatform.accounts.actor import Actor
from xqplatform.audit.models import Event
from xqplatform.errors import Refused

pytestmark = [pytest.mark.engine, pytest.mark.django_db(transaction=True)]
ACTOR = Actor.system()
IMAGE = "upkeep-test:1"


@pytest.fixture(autouse=True)
def ended() -> Iterator[None]:
    yield
    watch.WATCH.stop()


def registered(fleet: Fleet, number: int = 0) -> tuple[FleetHost, Host]:
    machine = fleet.hosts[number]
    row = connect(machine)
    machine.ssh.access(row)
    return machine, row


def serve(fleet: Fleet, machine: FleetHost, address: str) -> str:
    """A container that answers HTTP on an address of the segment."""
    network = fleet.network(machine)
    with contextlib.closing(machine.client()) as client:
        tiny_image(client, IMAGE, "upkeep")
        endpoint = client.create_endpoint_config(ipv4_address=address)
        made = client.create_container(
            IMAGE, name="serves", networking_config=client.create_networking_config({network: endpoint})
        )
        client.start(made["Id"])
        return str(made["Id"])


def started(machine: FleetHost) -> dict[str, str]:
    with contextlib.closing(machine.local_client()) as client:
        return {c["Id"]: client.inspect_container(c["Id"])["State"]["StartedAt"] for c in client.containers()}


class Requests:
    """Asks a container again and again; `failed` are those that were not answered."""

    def __init__(self, address: str) -> None:
        self._url, self._stop = f"http://{address}/", threading.Event()
        self.good, self.failed = 0, list[str]()
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self._thread = threading.Thread(target=self._ask, daemon=True)

    def once(self) -> bool:
        try:
            with self._opener.open(self._url, timeout=20):
                return True
        except OSError:
            return False

    def _ask(self) -> None:
        while not self._stop.is_set():
            try:
                with self._opener.open(self._url, timeout=20) as answer:
                    answer.read()
                self.good += 1
            except OSError as error:
                self.failed.append(str(error))
            time.sleep(0.02)

    def __enter__(self) -> Requests:
        wait_for("the container serves", self.once)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(60)


def run(row: Host, kind: str, enqueued: Queue, **params: Any) -> HostOperation:
    row.refresh_from_db()
    operation = upkeep.start(ACTOR, row, kind, params)
    enqueued.drain()
    operation.refresh_from_db()
    row.refresh_from_db()
    return operation


def told(operation: HostOperation) -> str:
    return f"{operation.state}: {operation.words}\n{operation.steps}\n{operation.output}"


def test_certificates_rotate_and_no_container_notices(clean_fleet: Fleet, enqueued: Queue) -> None:
    machine, row = registered(clean_fleet)
    address = clean_fleet.segment.address(5)
    serve(clean_fleet, machine, address)
    before, version = started(machine), row.connection_version
    assert before
    with Requests(address) as requests:
        done = run(row, "tls.rotate", enqueued)
        assert done.state == "succeeded", told(done)
        # The authority changes: the old one is trusted until nothing of it is in use.
        old = certificates.active_authority(ACTOR)
        certificates.make_authority(ACTOR, "second")
        again = run(row, "tls.rotate", enqueued, only_ours=True)
        assert again.state == "succeeded", told(again)
    assert requests.failed == []
    assert requests.good > 10
    assert started(machine) == before, "the same containers, the same starts"
    assert row.connection_version > version
    shown = certificates.presented(row)
    assert shown is not None
    server = IssuedCertificate.objects.get(host=row, kind="server", superseded=None)
    assert ca.facts(shown).fingerprint == server.fingerprint
    ca.verify(server.certificate, row.ca, "server", machine.address)
    assert not SeenCertificate.objects.filter(host=row, kind__in=["server", "client"], ours=False).exists()
    assert engine.connect(row).version()["Version"]
    assert "PRIVATE" not in done.output + json.dumps(done.steps) + again.output
    assert not IssuedCertificate.objects.exclude(key="").exists()
    assert Event.objects.filter(action="certificate.install").count() == 2
    # The fleet's own client is a stranger now: nobody else's authority is trusted any more.
    stranger = engine.ConnectionSpec("tcp", row.address, row.ca, machine.cert, machine.key)
    assert restarts.answers(stranger) != ""
    certificates.retire_authority(ACTOR, old)


def test_a_bad_key_is_undone_and_the_engine_comes_up_again(
    clean_fleet: Fleet, enqueued: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine, row = registered(clean_fleet)
    serve(clean_fleet, machine, clean_fleet.segment.address(6))
    before, spec = started(machine), engine.spec_of(row)
    settings = (machine.etc / "docker/daemon.json").read_text()
    files_of = tls.files_of

    def spoiled(server: IssuedCertificate, bundle: str) -> dict[str, tuple[str, int]]:
        return {path: ("nonsense" if path.endswith("key.pem") else text, mode) for path, (text, mode) in files_of(server, bundle).items()}  # fmt: skip

    monkeypatch.setattr(tls, "files_of", spoiled)
    failed = run(row, "tls.rotate", enqueued)
    assert failed.state == "failed", told(failed)
    assert "did not start" in failed.words
    assert "was undone" in failed.words
    assert started(machine) == before
    assert (machine.etc / "docker/daemon.json").read_text() == settings
    assert engine.spec_of(row) == spec, "it is reached as before"
    assert restarts.answers(engine.spec_of(row)) == ""
    assert not IssuedCertificate.objects.exists()


def test_settings_come_from_the_profile_and_broken_ones_are_put_back(clean_fleet: Fleet, enqueued: Queue) -> None:
    machine, row = registered(clean_fleet)
    address = clean_fleet.segment.address(7)
    serve(clean_fleet, machine, address)
    before, path = started(machine), machine.etc / "docker/daemon.json"
    pristine = json.loads(path.read_text())
    assert run(row, "daemon.read", enqueued).state == "succeeded"
    base = daemon.stamp(row.daemon_file.text)
    with Requests(address) as requests:
        done = run(row, "daemon.apply", enqueued, base=base)
        assert done.state == "succeeded", told(done)
        now = json.loads(path.read_text())
        assert now["log-opts"]
        assert {key: now[key] for key in pristine} == pristine, "what the profile does not name is kept"
        assert "already" in run(row, "daemon.apply", enqueued).words
        stale = run(row, "daemon.apply", enqueued, base=base)
        assert stale.state == "failed"
        assert "preview" in stale.words

        # What the engine takes over while it runs needs no restart; what it does not know is put back.
        profile = Profile.objects.create(name="run", role="run", daemon={"labels": ["room=a"]})
        reloaded = run(row, "daemon.apply", enqueued)
        assert reloaded.state == "succeeded", told(reloaded)
        assert "reload" in {step["name"] for step in reloaded.steps}
        with contextlib.closing(machine.local_client()) as client:
            wait_for("it took them over", lambda: client.info()["Labels"] == ["room=a"])
        good = path.read_text()
        profile.daemon = {"log-driver": "no-such-driver", "no-such-setting": 1}
        profile.save()
        failed = run(row, "daemon.apply", enqueued)
        assert failed.state == "failed", told(failed)
        assert "no-such-setting" in failed.words
        assert path.read_text() == good
    assert requests.failed == []
    assert started(machine) == before

    # By hand somebody broke the file: nothing is guessed.
    path.write_text('{"debug": tru}')
    broken = run(row, "daemon.apply", enqueued)
    assert broken.state == "failed"
    assert "line 1" in broken.words
    assert path.read_text() == '{"debug": tru}'


def test_a_worker_that_dies_in_the_middle_is_taken_over(
    clean_fleet: Fleet, enqueued: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker goes away right after the engine was restarted: the next one goes on there, with the same certificates."""
    from hosts import operation_runner
    from hosts.operations import Interrupted

    machine, row = registered(clean_fleet)
    serve(clean_fleet, machine, clean_fleet.segment.address(8))
    before, until_answers = started(machine), restarts.until_answers

    def gone(*_: Any, **__: Any) -> None:
        raise Interrupted

    monkeypatch.setattr(restarts, "until_answers", gone)
    operation = upkeep.start(ACTOR, row, "tls.rotate", {})
    enqueued.drain()
    operation.refresh_from_db()
    assert operation.state == "running"
    issued = set(IssuedCertificate.objects.values_list("serial", flat=True))
    row.refresh_from_db()
    assert restarts.answers(engine.spec_of(row)) == "", "meanwhile the host is reached: both authorities are trusted"
    monkeypatch.setattr(restarts, "until_answers", until_answers)
    assert operation_runner.execute(operation.pk)
    operation.refresh_from_db()
    assert operation.state == "succeeded", told(operation)
    assert [step["name"] for step in operation.steps].count("restart") == 1
    assert set(IssuedCertificate.objects.values_list("serial", flat=True)) == issued
    assert started(machine) == before


def test_without_live_restore_nothing_is_stopped_unasked(clean_fleet: Fleet, enqueued: Queue) -> None:
    machine, row = registered(clean_fleet)
    path = machine.etc / "docker/daemon.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "live-restore": False}))
    machine.stop()
    machine.start()
    serve(clean_fleet, machine, clean_fleet.segment.address(9))
    before = started(machine)
    refused = run(row, "engine.restart", enqueued)
    assert refused.state == "failed"
    assert "live-restore" in refused.words
    assert not row.cordoned
    assert started(machine) == before
    # The profile switches live-restore on: first that, while it runs; then the restart that the rest needs.
    done = run(row, "daemon.apply", enqueued)
    assert done.state == "succeeded", told(done)
    assert started(machine) == before
    restarted = run(row, "engine.restart", enqueued)
    assert restarted.state == "succeeded", told(restarted)
    assert started(machine) == before
    assert not row.cordoned


def test_the_engine_is_upgraded_by_its_package(clean_fleet: Fleet, enqueued: Queue) -> None:
    """apt is a stand-in, as the packages are there already; the restart and everything after it are real."""
    machine, row = registered(clean_fleet)
    serve(clean_fleet, machine, clean_fleet.segment.address(10))
    before = started(machine)
    fake_apt(machine)
    try:
        wrong = run(row, "engine.upgrade", enqueued, version="9.9")
        assert wrong.state == "failed"
        assert "2.0-1, 1.0-1" in wrong.words
        done = run(row, "engine.upgrade", enqueued)
        assert done.state == "succeeded", told(done)
        assert (machine.folder / "bin/installed").read_text().strip() == "2.0-1"
        assert started(machine) == before
        assert not row.cordoned
        assert "already" in run(row, "engine.upgrade", enqueued).words
    finally:
        for name in ("apt-get", "apt-cache", "dpkg-query", "installed"):
            (machine.folder / "bin" / name).unlink(missing_ok=True)


def fake_apt(machine: FleetHost, installed: str = "1.0-1") -> None:
    """Programs that come first in the PATH of whoever logs in."""
    folder = machine.folder / "bin"
    (folder / "installed").write_text(installed)
    scripts = {
        "apt-cache": 'printf " docker.io | 2.0-1 | http://mirror stable/main\\n docker.io | 1.0-1 | http://mirror stable/main\\n"',
        "dpkg-query": f'[ "$4" = docker.io ] || exit 1; printf "installed %s" "$(cat {folder}/installed)"',
        "apt-get": 'echo "stand-in: $*"; case "$*" in *download-only*) ;; *docker.io=*) '
        f'for w; do case $w in docker.io=*) echo "${{w#docker.io=}}" >{folder}/installed;; esac; done;; esac',
    }
    for name, text in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)


@pytest.fixture
def bare(clean_fleet: Fleet) -> Iterator[FleetHost]:
    """A machine as it comes: an engine that never ran with settings of ours, no bridge, no certificates."""
    machine = clean_fleet.hosts[2]
    machine.stop()
    path = machine.etc / "docker/daemon.json"
    own = ("data-root", "exec-root", "pidfile", "containerd", "cgroup-parent", "exec-opts", "shutdown-timeout")
    settings = json.loads(path.read_text())
    kept = {key: settings[key] for key in own}
    path.write_text(json.dumps({**kept, "hosts": [machine.socket_url], "no-such-setting": 1}))
    router = f"{machine.address.rpartition('.')[0]}.1"
    mac = "02:58:" + ":".join(f"{int(part):02x}" for part in machine.address.split("."))
    own_mac = command(*machine.enter("ip", "-o", "link", "show", "eth0")).partition("link/ether ")[2].split()[0]
    on(machine, "link set eth0 nomaster", "link delete br0", f"link set eth0 address {mac}",  # neighbours know this one
       f"address add {machine.address}/24 dev eth0", f"route replace default via {router}")  # fmt: skip
    yield machine
    machine.stop()
    on(machine, "link set eth0 nomaster", "link delete br0", f"address del {machine.address}/24 dev eth0", check=False)
    on(machine, f"link set eth0 address {own_mac}", f"link add br0 address {mac} type bridge forward_delay 0",
       "link set eth0 master br0", f"address add {machine.address}/24 dev br0", "link set br0 up",
       f"route replace default via {router}")  # fmt: skip


def on(machine: FleetHost, *lines: str, check: bool = True) -> None:
    for line in lines:
        command(*machine.enter("ip", *line.split()), check=check)


def holder(machine: FleetHost) -> list[str]:
    lines = command(*machine.enter("ip", "-o", "-4", "address", "show")).splitlines()
    return [line.split()[1] for line in lines if f" {machine.address}/" in line]


def test_a_bare_machine_becomes_a_host_and_what_fails_is_undone(
    bare: FleetHost, clean_fleet: Fleet, enqueued: Queue
) -> None:
    segment = Segment.objects.create(
        slug="room", cidr=clean_fleet.segment.cidr, gateway=clean_fleet.segment.gateway, bridge="br0"
    )
    data = {"name": "bare", "address": bare.address, "key": bare.ssh.key, "bridge": "br0", "segments": ["room"]}
    operation = upkeep.set_up(ACTOR, data)
    enqueued.drain()
    operation.refresh_from_db()
    row = Host.objects.get(name="bare")
    # Somebody's own settings are kept, also the one that the engine does not know: it does not come up.
    assert operation.state == "failed", told(operation)
    assert "no-such-setting" in operation.words, told(operation)
    assert "was undone" in operation.words
    path = bare.etc / "docker/daemon.json"
    settings = json.loads(path.read_text())
    assert "tlsverify" not in settings
    assert not (bare.etc / "sysctl.d/90-xqplatform.conf").exists()
    assert holder(bare) == ["br0"], "the address stays on the bridge: that step was done"

    path.write_text(json.dumps({key: value for key, value in settings.items() if key != "no-such-setting"}))
    operation = upkeep.set_up_again(ACTOR, row)
    enqueued.drain()
    operation.refresh_from_db()
    assert operation.state == "succeeded", told(operation)
    row.refresh_from_db()
    assert row.state in {"ready", "degraded"}
    assert row.live_restore
    assert holder(bare) == ["br0"]
    assert command(*bare.enter("sysctl", "-n", "net.ipv4.ip_forward")).strip() == "0"
    assert "blacklist nf_conntrack" in (bare.etc / "modprobe.d/xqplatform.conf").read_text()
    assert [n["Name"] for n in engine.connect(row).list_networks() if n["Name"] == segment.network_name]
    assert not SeenCertificate.objects.filter(host=row, ours=False).exists()
    assert {c.kind for c in IssuedCertificate.objects.filter(host=row).exclude(installed=None)} == {"server", "client"}
    verdicts = dict(row.check_results.values_list("check_slug", "state"))
    for slug in (
        "bridge_address",
        "daemon_iptables",
        "daemon_ip_forward",
        "live_restore",
        "log_rotation",
        "ip_forward",
        "certificate",
    ):
        assert verdicts[slug] == "passes", (slug, verdicts)
    found = json.loads(path.read_text())
    assert found["bridge"] == "none"
    assert found["data-root"] == str(bare.data_root)
    with pytest.raises(Refused):
        upkeep.set_up_again(ACTOR, row)

"""The fleet itself: what other tests take for granted."""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.engines.fleet import Fleet, FleetHost, api_client, main
from tests.engines.images import tiny_image
from tests.engines.lxd import DRIVERS
from tests.engines.machine import NETNS, cgroup_folders, processes_about, run, wait_for
from tests.engines.space import REPOSITORY

pytestmark = pytest.mark.engine
IMAGE = "fleet-test:1"


def start(fleet: Fleet, host: FleetHost, client: Any, name: str, number: int) -> str:
    """A container at a fixed address of the segment; returns its address."""
    address = fleet.segment.address(number)
    fleet.network(host)
    config = client.create_networking_config({"segment": client.create_endpoint_config(ipv4_address=address)})
    settings = client.create_host_config(network_mode="segment")
    made = client.create_container(IMAGE, name=name, networking_config=config, host_config=settings)
    client.start(made["Id"])
    return address


def fetch(client: Any, container: str, url: str) -> str:
    made = client.exec_create(container, ["wget", "-q", "-O", "-", url])
    return str(client.exec_start(made["Id"]).decode(errors="replace"))


def test_hosts_answer_over_mutual_tls(fleet: Fleet) -> None:
    for host in fleet.hosts:
        with contextlib.closing(host.client()) as client:
            assert client.info()["LiveRestoreEnabled"] is True
        with contextlib.closing(host.local_client()) as client:
            assert client.info()["DockerRootDir"] == str(host.data_root)


def test_a_client_without_a_certificate_is_refused(fleet: Fleet) -> None:
    host = fleet.hosts[0]
    session = requests.Session()
    session.trust_env = False
    session.verify = str(host.ca_path)
    with pytest.raises(requests.ConnectionError):
        session.get(f"https://{host.address}:2376/version", timeout=30)


def test_containers_of_different_hosts_reach_each_other_by_fixed_address(clean_fleet: Fleet) -> None:
    one, two = clean_fleet.hosts[:2]
    with contextlib.closing(one.client()) as first, contextlib.closing(two.client()) as second:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda client: tiny_image(client, IMAGE, "hello"), (first, second)))
        start(clean_fleet, one, first, "caller", 1)
        address = start(clean_fleet, two, second, "called", 2)
        wait_for(
            "the other host's container answers", lambda: fetch(first, "caller", f"http://{address}/") == "hello\n"
        )
        session = requests.Session()
        session.trust_env = False
        assert session.get(f"http://{address}/", timeout=30).text == "hello\n", "reachable from this machine as well"
        wait_for("it is healthy", lambda: second.inspect_container("called")["State"]["Health"]["Status"] == "healthy")


def test_images_travel_over_the_registry(clean_fleet: Fleet) -> None:
    one, two = clean_fleet.hosts[:2]
    name = f"{clean_fleet.registry.address}/fleet-test"
    with contextlib.closing(one.client()) as first, contextlib.closing(two.client()) as second:
        made = tiny_image(first, f"{name}:travel", "travel")
        lines = list(first.push(name, tag="travel", stream=True, decode=True))
        digest = next(line["aux"]["Digest"] for line in lines if "aux" in line)
        assert not [line for line in second.pull(name, tag="travel", stream=True, decode=True) if "error" in line]
        assert second.inspect_image(f"{name}@{digest}")["Id"] == made
    with clean_fleet.registry.session() as session:
        answer = session.delete(f"{clean_fleet.registry.url}/v2/fleet-test/manifests/{digest}", timeout=60)
        assert answer.status_code == 202


def test_containers_outlive_a_killed_engine_and_clean_removes_them(clean_fleet: Fleet) -> None:
    host = clean_fleet.hosts[2]
    with contextlib.closing(host.client()) as client:
        tiny_image(client, IMAGE, "hello")
        address = start(clean_fleet, host, client, "survivor", 3)
    host.kill()
    assert not host.running
    with requests.Session() as session:
        session.trust_env = False
        assert session.get(f"http://{address}/", timeout=30).text == "hello\n"
    host.start()
    with contextlib.closing(host.client()) as client:
        assert client.inspect_container("survivor")["State"]["Running"]
    host.stop()
    clean_fleet.clean()
    with contextlib.closing(host.local_client()) as client:
        assert client.containers(all=True) == []


def test_a_host_can_be_cut_off_and_healed(clean_fleet: Fleet) -> None:
    host = clean_fleet.hosts[1]
    host.cut()
    with pytest.raises(requests.RequestException):
        session = requests.Session()
        session.trust_env = False
        session.get(f"http://{host.address}:2376/", timeout=2)
    host.heal()
    wait_for("the host is back", host._answers)


def test_the_registry_can_go_away_and_return(clean_fleet: Fleet) -> None:
    clean_fleet.registry.stop()
    assert not clean_fleet.registry.running
    clean_fleet.registry.start()
    assert clean_fleet.registry.running


def test_a_second_fleet_stands_beside_and_goes_without_a_trace() -> None:
    with Fleet.up(hosts=1, swarm=True) as other:
        host = other.hosts[0]
        with contextlib.closing(host.client()) as client:
            tiny_image(client, IMAGE, healthcheck=False)
            client.start(client.create_container(IMAGE, name="left", command=["sleep", "600"])["Id"])
            client.build(fileobj=io.BytesIO(b"FROM scratch\nLABEL a=b\n"), rm=True)
            assert client.info()["LiveRestoreEnabled"] is False
        with contextlib.closing(api_client(host.socket_url)) as client:
            assert [entry["Names"] for entry in client.containers()] == [["/left"]]
        Fleet.attach(other.folder).hosts[0].kill()
    assert not other.folder.exists()
    assert not (NETNS / host.namespace).exists()
    assert cgroup_folders(host.cgroup) == []
    assert processes_about(other.folder) == []


def test_an_engine_may_have_a_small_disk() -> None:
    fill = 'RUN ["dd", "if=/dev/zero", "of=/x", "bs=1M", "count=8"]'
    with (
        Fleet.up(hosts=1, disk_mb=3) as small,
        contextlib.closing(small.hosts[0].client()) as client,
        pytest.raises(RuntimeError, match="no space left on device"),
    ):
        tiny_image(client, IMAGE, extra=fill)


def test_a_fleet_that_was_left_standing_goes_by_its_folder() -> None:
    left = Fleet.up(hosts=1, leave=True)
    try:
        assert main(["sweep"]) == 0
        attached = Fleet.attach(left.folder)
        with contextlib.closing(attached.hosts[0].client()) as client:
            assert client.containers() == []
    finally:
        assert main(["down", str(left.folder)]) == 0
    assert not left.folder.exists()
    left.down()


def test_what_a_killed_process_left_behind_is_swept() -> None:
    program = f"""if True:
        import time
        from tests.engines.fleet import Fleet
        fleet = Fleet.up(hosts=1)
        fleet.lxd()[0].use({DRIVERS[-1]!r})
        print(fleet.folder, flush=True)
        time.sleep(600)"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY)
    assert process.stdout is not None
    folder = Path(process.stdout.readline().strip())
    process.kill()
    process.wait(30)
    assert processes_about(folder), "its engine runs on"
    if "btrfs" in DRIVERS:
        assert str(folder) in run("losetup", "--list"), "its pool is mounted"
    assert main(["sweep"]) == 0
    assert not folder.exists()
    assert processes_about(folder) == []
    wait_for("its loop devices are free", lambda: str(folder) not in run("losetup", "--list"))

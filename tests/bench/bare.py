"""The two peers of the release benchmark, on the same hosts with the same images: a bare docker-py script, and Swarm."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import docker

from tests.engines.fleet import Fleet

STOP_TIMEOUT = 2  # seconds; the images die at once by their stop signal
LABEL = "xq-bench"


def wait(what: str, done: Callable[[], bool], limit: float = 300.0, every: float = 0.1) -> None:
    """Polls until done. Raises TimeoutError with what was waited for."""
    end = time.monotonic() + limit
    while not done():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} took over {limit:g} s")
        time.sleep(every)


class Bare:
    """A script as an engineer would write it: per batch, all at once, stop, remove, create, start, wait for health.

    `looks`: like the platform it runs the health check once itself, right after the start; else it waits for the engine's.
    """

    def __init__(self, fleet: Fleet, count: int, first: int = 0, *, looks: bool = True) -> None:
        self.fleet = fleet
        self.looks = looks
        self.clients = [host.client() for host in fleet.hosts]
        self.pool = ThreadPoolExecutor(18)
        for host in fleet.hosts:
            fleet.network(host, LABEL)
        self.places = [
            (number, number % len(fleet.hosts), fleet.segment.address(first + number)) for number in range(count)
        ]

    def _name(self, number: int) -> str:
        return f"{LABEL}-{number}"

    def create(self, place: tuple[int, int, str], image: str) -> None:
        number, host, ip = place
        client = self.clients[host]
        mac = "02:42:" + ":".join(f"{int(part):02x}" for part in ip.split("."))
        endpoint = client.create_endpoint_config(ipv4_address=ip)
        body = client.create_container_config(
            image,
            None,
            hostname=self._name(number),
            mac_address=mac,
            host_config=client.create_host_config(
                mem_limit="64m", cpu_period=100000, cpu_quota=100000, network_mode=LABEL
            ),
        )
        body["NetworkingConfig"] = {"EndpointsConfig": {LABEL: endpoint}}
        created = client.create_container_from_config(body, self._name(number))
        client.start(created["Id"])

    def replace(self, place: tuple[int, int, str], image: str) -> None:
        client, name = self.clients[place[1]], self._name(place[0])
        client.stop(name, timeout=STOP_TIMEOUT)
        client.remove_container(name)
        self.create(place, image)
        self.wait_healthy(place)

    def add(self, place: tuple[int, int, str], image: str) -> None:
        self.create(place, image)
        self.wait_healthy(place)

    def wait_healthy(self, place: tuple[int, int, str]) -> None:
        client, name = self.clients[place[1]], self._name(place[0])

        def well() -> bool:
            seen = client.inspect_container(name)
            if seen["State"]["Health"]["Status"] == "healthy":
                return True
            if not self.looks:
                return False
            words = seen["Config"]["Healthcheck"]["Test"]
            run = client.exec_create(name, ["/bin/sh", "-c", *words[1:]])["Id"]
            client.exec_start(run)
            return bool(client.exec_inspect(run)["ExitCode"] == 0)

        wait(name, well)

    def up(self, image: str) -> float:
        return self._timed(lambda: list(self.pool.map(lambda p: self.add(p, image), self.places)))

    def release(self, image: str, batches: Sequence[int]) -> float:
        def roll() -> None:
            list(self.pool.map(lambda c: c.pull(image), self.clients))
            rest = list(self.places)
            for size in batches:
                batch, rest = rest[:size], rest[size:]
                list(self.pool.map(lambda p: self.replace(p, image), batch))

        return self._timed(roll)

    @staticmethod
    def _timed(act: Callable[[], object]) -> float:
        start = time.monotonic()
        act()
        return time.monotonic() - start

    def down(self) -> None:
        def remove(place: tuple[int, int, str]) -> None:
            try:
                self.clients[place[1]].remove_container(self._name(place[0]), force=True)
            except docker.errors.NotFound:
                return

        list(self.pool.map(remove, self.places))
        for client in self.clients:
            client.remove_network(LABEL)
        self.pool.shutdown()


class Swarm:
    """`docker service` over the same daemons."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.clients = [host.client() for host in fleet.hosts]
        first = fleet.hosts[0]
        self.clients[0].init_swarm(advertise_addr=first.address, listen_addr=f"{first.address}:2377")
        token = self.clients[0].inspect_swarm()["JoinTokens"]["Worker"]
        for host, client in zip(fleet.hosts[1:], self.clients[1:], strict=True):
            client.join_swarm(
                [f"{first.address}:2377"], token, listen_addr=f"{host.address}:2377", advertise_addr=host.address
            )
        self.service = ""
        self._network()

    def _network(self) -> None:
        """Tasks stand on br0 like the others' containers: a node-local bridge network, its addresses apart a node."""
        base = self.fleet.segment.gateway.rpartition(".")[0]
        options = {
            "com.docker.network.bridge.name": self.fleet.segment.bridge,
            "com.docker.network.bridge.enable_ip_masquerade": "false",
        }
        for number, (host, client) in enumerate(zip(self.fleet.hosts, self.clients, strict=True)):
            part = {
                "Subnet": self.fleet.segment.cidr,
                "IPRange": f"{base}.{64 * (number + 1)}/26",
                "Gateway": host.address,
            }
            body = {"Name": f"{LABEL}-here", "ConfigOnly": True, "Options": options, "IPAM": {"Config": [part]}}
            self._made(client, body)
        body = {"Name": LABEL, "Driver": "bridge", "Scope": "swarm", "ConfigFrom": {"Network": f"{LABEL}-here"}}
        self._made(self.clients[0], body)

    @staticmethod
    def _made(client: Any, body: dict[str, Any]) -> None:
        client._raise_for_status(client._post_json(client._url("/networks/create"), data=body))

    def _spec(self, image: str, parallelism: int) -> tuple[Any, Any, Any]:
        container = docker.types.ContainerSpec(image)
        container["StopGracePeriod"] = STOP_TIMEOUT * 10**9
        resources = docker.types.Resources(cpu_limit=10**9, mem_limit=64 * 2**20)
        task = docker.types.TaskTemplate(container, resources=resources, networks=[LABEL])
        update = docker.types.UpdateConfig(parallelism=parallelism, delay=0, monitor=10**9, order="stop-first")
        return task, update, docker.types.EndpointSpec(mode="dnsrr")

    def create(self, image: str, replicas: int, parallelism: int) -> float:
        task, update, endpoint = self._spec(image, parallelism)
        start = time.monotonic()
        mode = docker.types.ServiceMode("replicated", replicas=replicas)
        self.service = self.clients[0].create_service(
            task, name=LABEL, mode=mode, update_config=update, endpoint_spec=endpoint
        )["ID"]
        self.wait_running(replicas, image)
        return time.monotonic() - start

    def wait_running(self, replicas: int, image: str) -> None:
        def running() -> bool:
            tasks = self.clients[0].tasks({"service": LABEL, "desired-state": "running"})
            up = [
                t
                for t in tasks
                if t["Status"]["State"] == "running" and t["Spec"]["ContainerSpec"]["Image"].startswith(image)
            ]
            return len(up) == replicas and len(tasks) == replicas

        wait(f"swarm: {replicas} running", running)

    def update(self, image: str, replicas: int, parallelism: int) -> float:
        start = time.monotonic()
        self.scale(image, replicas, parallelism)
        wait(
            "swarm: update completed",
            lambda: self.clients[0].inspect_service(self.service).get("UpdateStatus", {}).get("State") == "completed",
        )
        return time.monotonic() - start

    def scale(self, image: str, replicas: int, parallelism: int) -> float:
        task, update, endpoint = self._spec(image, parallelism)
        start = time.monotonic()
        version = self.clients[0].inspect_service(self.service)["Version"]["Index"]
        mode = docker.types.ServiceMode("replicated", replicas=replicas)
        self.clients[0].update_service(
            self.service,
            version,
            task_template=task,
            name=LABEL,
            mode=mode,
            update_config=update,
            endpoint_spec=endpoint,
        )
        self.wait_running(replicas, image)
        return time.monotonic() - start

    def nothing_left(self) -> None:
        """Waits until no container runs any more: a task's end is told before it has stopped."""
        wait("swarm: all stopped", lambda: not any(client.containers() for client in self.clients))

    def down(self) -> None:
        if self.service:
            self.clients[0].remove_service(self.service)
            mine = {"label": f"com.docker.swarm.service.name={LABEL}"}  # whoever leaves before leaves them standing
            wait("swarm: all gone", lambda: not any(c.containers(all=True, filters=mine) for c in self.clients))
        for client in reversed(self.clients):
            client.leave_swarm(force=True)

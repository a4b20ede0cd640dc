"""Engines over SSH: the host key is pinned, the key must fit, and what the far side lacks is said."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor

from hosts.engine import ConnectionSpec, diagnose
from hosts.engine import DockerEngine as Engine
from tests.engines.fleet import Fleet
from tests.engines.machine import wait_for
from tests.hosts.ssh_server import SshServer, new_key, ssh_server


def spec(server: SshServer, **changes: str) -> ConnectionSpec:
    return ConnectionSpec("ssh", server.address, **{"ssh_key": server.user_key, **changes})


def test_the_first_host_key_is_reported_and_a_pinned_one_accepted(fleet: Fleet) -> None:
    with ssh_server(fleet.hosts[0].socket) as server:
        found = diagnose(spec(server))
        assert found.ok, found
        assert found.ssh_host_key == server.host_key
        assert found.ssh_fingerprint.startswith("SHA256:")
        assert diagnose(spec(server, ssh_host_key=found.ssh_host_key)).ok


def test_a_changed_host_key_is_refused(fleet: Fleet) -> None:
    _text, other = new_key()
    with ssh_server(fleet.hosts[0].socket) as server:
        found = diagnose(spec(server, ssh_host_key=f"{other.get_name()} {other.get_base64()}"))
    assert (found.ok, found.kind) == (False, "tls")
    assert "host key" in found.sentence
    assert "changed" in found.sentence


def test_a_wrong_user_key_is_refused(fleet: Fleet) -> None:
    with ssh_server(fleet.hosts[0].socket) as server:
        found = diagnose(spec(server, ssh_key=new_key()[0]))
    assert (found.ok, found.kind) == (False, "forbidden")
    assert "does not accept the SSH key" in found.sentence


def test_a_machine_without_docker_says_so() -> None:
    with ssh_server(None) as server:
        found = diagnose(spec(server))
    assert not found.ok
    assert "docker: not found" in found.sentence


def test_calls_side_by_side_and_after_a_lost_connection(fleet: Fleet) -> None:
    with ssh_server(fleet.hosts[0].socket) as server, contextlib.closing(Engine(spec(server))) as engine:
        with ThreadPoolExecutor(6) as pool:
            names = {seen["Name"] for seen in pool.map(lambda _: engine.info(), range(12))}
        assert len(names) == 1
        assert len(server.connections) == 1
        server.connections[0].close()
        wait_for("a new connection carries calls", lambda: engine.info()["Name"] in names)
        assert len(server.connections) == 2

"""Where no connection goes, by any library; and how each edge says so."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from builds.git import GitError, Repository, Source
from builds.models import Registry
from builds.registry import Client, RegistryError
from hosts import ssh
from hosts.engine import ConnectionSpec, EngineError
from hosts.engine import DockerEngine as Engine
from xqplatform.outgoing.gate import ForbiddenAddress, Rules, found_in, judge

HERE = "127.0.0.1"
KEY = (
    ed25519.Ed25519PrivateKey.generate()
    .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption())
    .decode()
)


@pytest.fixture
def closed() -> Iterator[int]:
    """A port of this machine that listens, in a network that the settings forbid."""
    with socket.create_server((HERE, 0)) as server, override_settings(FORBIDDEN_NETWORKS=["127.0.0.1/32"]):
        yield server.getsockname()[1]


@given(st.ip_addresses(), st.integers(1, 65535))
def test_link_local_is_forbidden_in_every_spelling_and_the_rest_is_not(ip: Any, port: int) -> None:
    rules = Rules.of(["169.254.0.0/16", "fe80::/10"], [("10.0.0.9", 6379)])
    inside = any(ip in net for net in rules.forbidden if net.version == ip.version)
    mapped = getattr(ip, "ipv4_mapped", None)
    assert bool(judge(ip, port, rules)) is (inside or (mapped is not None and mapped in rules.forbidden[0]))
    low = ipaddress.ip_address((169 << 24) + (254 << 16) + (int(ip) & 0xFFFF))
    assert judge(low, port, rules) == judge(ipaddress.ip_address(f"::ffff:{low}"), port, rules) == "network"
    assert judge(ipaddress.ip_address("10.0.0.9"), port, rules) == ("own" if port == 6379 else "")


def by_socket(port: int) -> None:
    socket.create_connection((HERE, port), 2)


def by_name(port: int) -> None:
    socket.socket().connect(("localhost", port))


def by_urllib3(port: int) -> None:
    try:
        urllib3.PoolManager(retries=False).request("GET", f"http://{HERE}:{port}/", timeout=2)
    except urllib3.exceptions.HTTPError as error:
        raise (found_in(error) or error) from None  # its own error, made of ours


def by_asyncio(port: int) -> None:
    asyncio.run(asyncio.open_connection(HERE, port))


@pytest.mark.parametrize("way", [by_socket, by_name, by_urllib3, by_asyncio])
def test_no_library_leads_there(closed: int, way: Callable[[int], None]) -> None:
    with pytest.raises(ForbiddenAddress, match="XQ_FORBIDDEN_NETWORKS"):
        way(closed)


def test_the_platforms_own_broker_is_nobodys_address() -> None:
    import redis

    with socket.create_server((HERE, 0)) as server:
        port = server.getsockname()[1]
        with override_settings(FORBIDDEN_NETWORKS=[], REDIS_URL=f"redis://{HERE}:{port}/0"):
            with pytest.raises(ForbiddenAddress, match="broker"):
                by_socket(port)
            client = redis.Redis(host=HERE, port=port, socket_timeout=0.2, retry=None)  # type: ignore[arg-type]
            with pytest.raises(redis.exceptions.TimeoutError):  # connected: nothing answers there
                client.ping()
        by_socket(port)


def test_a_task_of_a_worker_is_not_the_broker_s_client() -> None:
    """Celery stands at the bottom of every task's stack, and there hooks, channels and registries are called."""
    from celery import Celery

    app = Celery("a_worker", set_as_current=False)
    with socket.create_server((HERE, 0)) as server:
        port = server.getsockname()[1]
        task = app.task(name="a_worker.call")(by_socket)
        url = f"redis://{HERE}:{port}/0"
        with override_settings(FORBIDDEN_NETWORKS=[], REDIS_URL=url), pytest.raises(ForbiddenAddress, match="broker"):
            task.apply(args=(port,), throw=True)


def test_the_broker_s_own_clients_get_through() -> None:
    import redis
    import redis.asyncio

    async def ask(port: int) -> None:
        client = redis.asyncio.Redis(host=HERE, port=port, socket_timeout=0.2, retry=None)  # type: ignore[arg-type]
        try:
            await client.ping()
        finally:
            await client.aclose()

    with socket.create_server((HERE, 0)) as server:
        port = server.getsockname()[1]
        with override_settings(FORBIDDEN_NETWORKS=[], REDIS_URL=f"redis://{HERE}:{port}/0"):
            with pytest.raises(redis.exceptions.TimeoutError):  # connected: nothing answers there
                asyncio.run(ask(port))
            client = redis.Redis.from_url(f"redis://{HERE}:{port}/0", socket_timeout=0.2, retry=None)
            with pytest.raises(redis.exceptions.TimeoutError):
                client.ping()


@pytest.mark.django_db
def test_a_host_a_registry_and_a_repository_say_it_in_words(closed: int, tmp_path: Path, settings: Any) -> None:
    settings.DATA_DIR = tmp_path
    spec = ConnectionSpec(kind="tcp", url=f"tcp://{HERE}:{closed}", name="meta")
    with pytest.raises(EngineError, match="XQ_FORBIDDEN_NETWORKS") as engine:
        Engine(spec).ping()
    assert engine.value.kind == "forbidden"
    login = ssh.Login("root", HERE, closed, KEY, name="meta")
    with pytest.raises(ssh.SshError, match="XQ_FORBIDDEN_NETWORKS"):
        ssh.open_transport(login)
    with pytest.raises(RegistryError, match="XQ_FORBIDDEN_NETWORKS"):
        Client(Registry(name="meta", address=f"{HERE}:{closed}")).check()
    for url in (f"http://{HERE}:{closed}/snow.git", f"ssh://git@{HERE}:{closed}/snow.git"):
        with pytest.raises(GitError, match="XQ_FORBIDDEN_NETWORKS"):
            Repository(Source(url)).fetch()


def test_messages_are_held_by_it_too(closed: int) -> None:
    asked = {"do": "webhook", "url": f"http://{HERE}:{closed}/", "secret": "", "data": {}, "id": "1",
             "forbidden": ["127.0.0.1/32"], "own": []}  # fmt: skip
    child = subprocess.run(
        [sys.executable, "-m", "xqplatform.alerts.sender"],
        input=json.dumps(asked),
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    answer = json.loads(child.stdout)
    assert not answer["ok"]
    assert "forbidden" in answer["words"], answer

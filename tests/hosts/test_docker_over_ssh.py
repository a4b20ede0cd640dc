"""Hosts that are reached by SSH, against the real sshd of a test host: work goes through it, and each refusal is precise."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest

from hosts import observe, shell
from hosts.engine import ConnectionSpec, diagnose, spec_of
from hosts.engine import DockerEngine as Engine
from hosts.models import Host
from hosts.services import machines
from tests.engines.fleet import Fleet
from tests.engines.images import tiny_image
from tests.engines.machine import wait_for
from tests.hosts.ssh_server import new_key
from xqplatform.accounts.actor import Actor

pytestmark = [pytest.mark.engine, pytest.mark.django_db(transaction=True)]
ACTOR = Actor.system()


@pytest.fixture
def host(clean_fleet: Fleet) -> Host:
    ssh = clean_fleet.hosts[0].ssh
    return machines.create_host(ACTOR, {"name": "far", "connection": "ssh", "address": ssh.address, "ssh_key": ssh.key})


def test_its_inventory_and_events_come_through_ssh(clean_fleet: Fleet, host: Host) -> None:
    machine = clean_fleet.hosts[0]
    with contextlib.closing(machine.local_client()) as client:
        tiny_image(client, "far:1", healthcheck=False)
        observe.refresh_host(host.pk)
        host.refresh_from_db()
        assert host.state in {"ready", "degraded"}, host.state_reason
        assert host.ssh_host_key == machine.ssh.host_key, "pinned by the first look"
        assert host.data_root == str(machine.data_root)
        with contextlib.closing(Engine(spec_of(host))) as engine:
            stream = engine.events()
            made = client.create_container("far:1", name="far-one", command=["sleep", "60"])["Id"]
            client.start(made)
            for event in stream:
                if "far-one" in json.dumps(event, default=str):
                    break
            stream.stop()
            assert engine.exec(made, ["echo", "through"]) == (0, "through\n")
    observe.refresh_host(host.pk)
    assert host.seen_containers.get().name == "far-one"


def test_each_way_that_fails_says_why(clean_fleet: Fleet) -> None:
    ssh = clean_fleet.hosts[0].ssh
    good = {"ssh_key": ssh.key, "name": "far"}

    def said(address: str, **changes: str) -> tuple[str, str]:
        found = diagnose(ConnectionSpec("ssh", address, **{**good, **changes}))
        assert not found.ok
        return found.kind, found.sentence

    assert diagnose(ConnectionSpec("ssh", ssh.address, **good)).ok
    kind, words = said(ssh.address.replace("root", "nobody-here"))
    assert (kind, "does not accept the SSH key for user nobody-here" in words) == ("forbidden", True), words
    kind, words = said(ssh.address, ssh_key=new_key()[0])
    assert (kind, "does not accept the SSH key for user root" in words) == ("forbidden", True), words
    kind, words = said(ssh.address.replace("root", "guest"))
    assert (kind, "guest has no right to the Docker socket of far" in words) == ("forbidden", True), words
    _text, other = new_key()
    kind, words = said(ssh.address, ssh_host_key=f"{other.get_name()} {other.get_base64()}")
    assert (kind, "The host key of far changed" in words) == ("tls", True), words
    kind, words = said(f"{ssh.address}:2222")
    assert (kind, "no SSH server listens on port 2222" in words) == ("refused", True), words


def test_a_session_that_is_cut_in_the_middle_is_said(clean_fleet: Fleet, host: Host) -> None:
    ssh = clean_fleet.hosts[0].ssh
    ssh.access(host)

    def cut(_text: Any) -> None:
        ssh.drop()

    with shell.connect(host) as sh:
        with pytest.raises(shell.ShellError, match="broke off while"):
            sh.run(["sh", "-c", "echo begun; exec sleep 100"], timeout=90, on_output=cut)
        wait_for("it is reached again", lambda: sh.run(["echo", "again"]).out == "again\n")
        ssh.stop()
        ssh.drop()
        with pytest.raises(shell.ShellError):
            sh.run(["true"])
        ssh.start()
        assert sh.run(["true"]).ok

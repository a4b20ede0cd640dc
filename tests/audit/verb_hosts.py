"""Valid data for verbs of machines (see verb_data.py)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest.mock import patch

from hosts.models import HostCommand, HostOperation
from hosts.services import commands, conformance, machines, networks, operations, ssh_access, upkeep
from tests.accounts.access_table import World
from tests.audit.verb_rows import altered, spare, with_ssh
from tests.hosts.ssh_server import new_key
from xqplatform.accounts.actor import Actor

Call = Callable[[], Any]
Prepare = Callable[[World, Actor], Call]


def test_connection(world: World, actor: Actor) -> Call:
    host = altered(spare(), connection="ssh", address="ssh://root@10.0.0.1", ssh_key=new_key()[0])

    def call() -> None:
        with patch.object(machines.engine, "diagnose"):
            machines.test_connection(actor, {}, host)

    return call


def test_access(world: World, actor: Actor) -> Call:
    host = with_ssh()

    def call() -> None:
        with patch.object(ssh_access.shell, "connect", side_effect=ssh_access.shell.ShellError("refused", "no")):
            ssh_access.test_access(actor, host)

    return call


def undo_last(world: World, actor: Actor) -> Call:
    host = with_ssh()
    params = {"check": "swap", "undo": {"commands": [["true"]]}}
    HostOperation.objects.create(host=host, kind="conformance.fix", state="succeeded", params=params, who="x")
    return lambda: conformance.undo_last(actor, host, "swap")


def apply_fix(world: World, actor: Actor) -> Call:
    host, found = with_ssh(), conformance.Preview(conformance.Fix((("swapoff", "-a"),)))

    def call() -> None:
        with patch.object(conformance, "preview_fix", return_value=found):
            conformance.apply_fix(actor, host, "swap")

    return call


def register_local(world: World, actor: Actor) -> Call:
    def call() -> None:
        with patch.object(machines.engine, "diagnose") as diagnose:
            diagnose.return_value.ok = True
            machines.register_local(actor)

    return call


def trust_key(world: World, actor: Actor) -> Call:
    host = with_ssh()
    offered = f"ssh-ed25519 {new_key()[1].get_base64()}"
    row = altered(host.ssh_access, offered_key=offered)
    return lambda: ssh_access.trust_key(actor, host, row.offered_fingerprint)


def set_up(world: World, actor: Actor) -> Call:
    data = {"name": "h8", "address": "10.9.9.9", "key": new_key()[0], "role_run": True}
    return lambda: upkeep.set_up(actor, data)


def set_up_again(world: World, actor: Actor) -> Call:
    host = with_ssh()
    HostOperation.objects.create(host=host, kind="host.setup", state="failed", who="x")
    return lambda: upkeep.set_up_again(actor, host)


def end_drain(world: World, actor: Actor) -> Call:
    host = altered(spare(), draining=True)
    return lambda: machines.end_drain(actor, host, "host.drained")


def operation(world: World, actor: Actor) -> Call:
    host = with_ssh()
    return lambda: operations.start(actor, host, "engine.restart")


def restart_engine(world: World, actor: Actor) -> Call:
    host = with_ssh()
    return lambda: upkeep.start(actor, host, "engine.restart", {})


HOSTS: dict[str, Prepare] = {
    "hosts.services.machines.test_connection": test_connection,
    "hosts.services.ssh_access.test_access": test_access,
    "hosts.services.commands.run_command": lambda w, a: (
        lambda: commands.run_command(a, HostCommand.objects.get(name="uptime"), [with_ssh()], {})
    ),
    "hosts.services.conformance.apply_fix": apply_fix,
    "hosts.services.conformance.undo_fix": undo_last,
    "hosts.services.conformance.undo_last": undo_last,
    "hosts.services.machines.bring_back": lambda w, a: (
        lambda: machines.bring_back(a, altered(spare(), state="retired"))
    ),
    "hosts.services.machines.end_drain": end_drain,
    "hosts.services.machines.register_local": register_local,
    "hosts.services.machines.uncordon": lambda w, a: lambda: machines.uncordon(a, altered(spare(), cordoned=True)),
    "hosts.services.networks.ask_all": lambda w, a: lambda: networks.ask_all(a, w.more["address"].segment),
    "hosts.services.operations.begin": operation,
    "hosts.services.operations.start": operation,
    "hosts.services.ssh_access.remove_access": lambda w, a: lambda: ssh_access.remove_access(a, with_ssh()),
    "hosts.services.ssh_access.set_access": lambda w, a: (
        lambda: ssh_access.set_access(a, spare(), {"user": "root", "address": "10.0.0.1", "key": new_key()[0]})
    ),
    "hosts.services.ssh_access.trust_key": trust_key,
    "hosts.services.upkeep.set_up": set_up,
    "hosts.services.upkeep.set_up_again": set_up_again,
    "hosts.services.upkeep.start": restart_engine,
}

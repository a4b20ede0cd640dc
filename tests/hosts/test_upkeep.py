"""Failures half-way, on a machine made of a dict: what is undone, and what the operation then says."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from django.test import Client

from hosts import observe, restarts, shell
from hosts.conformance import store
from hosts.models import DaemonFile, Host, HostOperation, SshAccess
from hosts.procedures import daemon as procedure
from hosts.procedures.engine import offered
from hosts.services import upkeep
from hosts.shell import Ran, ShellError
from tests.factories import make_host
from tests.hosts.test_pages import page  # noqa: F401
from tests.queue import Queue
from xqplatform.accounts.actor import Actor
from xqplatform.errors import Refused

pytestmark = pytest.mark.django_db(transaction=True)
OLD = json.dumps({"data-root": "/data", "live-restore": True})
RUNNING = {"a" * 64: {"name": "web", "started": "1", "ours": True}}


class Machine:
    """Files, and what was run; the engine starts unless `wont_start` says why not."""

    def __init__(self) -> None:
        self.files: dict[str, str] = {restarts.FILE: OLD}
        self.ran: list[list[str]] = []
        self.full = False
        self.wont_start = ""
        self.containers, self.live, self.loses = dict(RUNNING), True, False
        self.up = True

    def read(self, path: str) -> str | None:
        return self.files.get(path)

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        if self.full and path != restarts.DRAFT:
            raise ShellError("other", f"{path} of h1 cannot be written: No space left on device")
        self.files[path] = text

    def remove(self, path: str) -> None:
        self.files.pop(path, None)

    def run(self, argv: Sequence[str], **_: Any) -> Ran:
        self.ran.append(list(argv))
        if list(argv) == ["systemctl", "restart", "docker"]:
            changed = self.files[restarts.FILE] != OLD
            self.up = not (changed and self.wont_start)
            if self.loses and changed:
                self.containers = {}
            return Ran(0 if self.up else 1, "", "" if self.up else self.wont_start)
        return Ran(1, "", "unknown flag: --validate") if argv[0] in {"dockerd", "journalctl"} else Ran(0, "", "")

    def must(self, argv: Sequence[str], **options: Any) -> Ran:
        return self.run(argv, **options)

    @property
    def restarts(self) -> int:
        return self.ran.count(["systemctl", "restart", "docker"])


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine()

    @contextlib.contextmanager
    def connect(host: Host, check: Any = None) -> Iterator[Machine]:
        yield made

    monkeypatch.setattr(shell, "connect", connect)
    monkeypatch.setattr(restarts, "look", lambda spec: (dict(made.containers), made.live))
    monkeypatch.setattr(restarts, "answers", lambda spec: "" if made.up else "refused")
    monkeypatch.setattr(observe, "refresh_host", lambda pk: True)
    monkeypatch.setattr(store, "read_host", lambda pk: None)  # conformance is judged again after an operation
    return made


@pytest.fixture
def host() -> Host:
    row = make_host("h1")
    SshAccess.objects.create(host=row, user="root", address="10.0.0.1", key="k")
    return row


def apply(host: Host, enqueued: Queue, **params: Any) -> HostOperation:
    row = upkeep.start(Actor.system(), host, "daemon.apply", params)
    enqueued.drain()
    row.refresh_from_db()
    return row


def test_it_is_applied_and_nothing_else_changes(host: Host, machine: Machine, enqueued: Queue) -> None:
    row = apply(host, enqueued)
    assert row.state == "succeeded", row.words
    new = json.loads(machine.files[restarts.FILE])
    assert new["data-root"] == "/data"
    assert new["iptables"] is False
    assert machine.files[f"{restarts.FILE}.xq-before"] == OLD
    assert machine.restarts == 1
    assert "iptables" in row.words


def test_a_full_disk_leaves_all_as_it_was(host: Host, machine: Machine, enqueued: Queue) -> None:
    machine.full = True
    row = apply(host, enqueued)
    assert row.state == "failed"
    assert "No space left" in row.words
    assert "was undone" in row.words
    assert machine.files[restarts.FILE] == OLD
    assert machine.restarts == 0, "it runs on, untouched"


def test_an_engine_that_does_not_come_up_gets_its_old_settings(host: Host, machine: Machine, enqueued: Queue) -> None:
    machine.wont_start = "no such driver"
    row = apply(host, enqueued)
    assert row.state == "failed"
    assert "no such driver" in row.words
    assert machine.files[restarts.FILE] == OLD
    assert machine.up
    assert machine.restarts == 2


def test_lost_containers_are_named_and_the_settings_put_back(host: Host, machine: Machine, enqueued: Queue) -> None:
    machine.loses = True
    row = apply(host, enqueued)
    assert row.state == "failed"
    assert "web" in row.words
    assert machine.files[restarts.FILE] == OLD


def test_without_live_restore_somebody_must_confirm(host: Host, machine: Machine, enqueued: Queue) -> None:
    machine.live = False  # though the file says so: the engine has not read it
    row = apply(host, enqueued)
    assert row.state == "failed"
    assert "Drain the host first" in row.words
    assert machine.restarts == 0
    machine.loses = True
    confirmed = apply(host, enqueued, confirm=True)
    assert confirmed.state == "succeeded", confirmed.words
    assert "as confirmed: web" in str(confirmed.steps)


def test_a_broken_file_is_left_to_people(host: Host, machine: Machine, enqueued: Queue) -> None:
    machine.files[restarts.FILE] = "{oops"
    row = apply(host, enqueued)
    assert row.state == "failed"
    assert "by hand" in row.words
    assert machine.files[restarts.FILE] == "{oops"


def test_only_what_was_seen_is_applied(host: Host, machine: Machine, enqueued: Queue) -> None:
    row = apply(host, enqueued, base=procedure.stamp("something else"))
    assert row.state == "failed"
    assert "preview" in row.words
    assert machine.restarts == 0
    assert DaemonFile.objects.get(host=host).text == OLD
    assert apply(host, enqueued, base=procedure.stamp(OLD)).state == "succeeded"


def test_it_needs_an_ssh_access_and_a_fitting_connection(host: Host) -> None:
    other = make_host("h2")
    with pytest.raises(Refused, match="no SSH access"):
        upkeep.start(Actor.system(), other, "engine.restart", {})
    with pytest.raises(Refused, match="version"):
        upkeep.start(Actor.system(), host, "engine.upgrade", {"version": "1; rm -rf /"})
    Host.objects.filter(pk=host.pk).update(connection="local")
    host.refresh_from_db()
    with pytest.raises(Refused, match="no certificates"):
        upkeep.start(Actor.system(), host, "tls.rotate", {})


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"address": ""}, "address"),
        ({"key": "no key"}, "key"),
        ({"bridge": "br 0"}, "bridge"),
        ({"segments": ["nowhere"]}, "segments"),
        ({"name": "setup"}, "name"),
        ({"user": "root; reboot"}, "user"),
    ],
)
def test_a_machine_is_not_registered_with_nonsense(actor_sre: Actor, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(Refused) as refusal:
        upkeep.set_up(actor_sre, {"name": "h9", "address": "10.0.0.9", "key": "x", **changes})
    assert refusal.value.field == field
    assert not Host.objects.exists(), "nothing is left half-way"


def test_the_page_shows_the_difference_and_no_password(page: Client, host: Host) -> None:  # noqa: F811
    assert "Not read yet" in page.get("/hosts/h1/daemon/").content.decode()
    text = json.dumps({"iptables": True, "proxies": {"http-proxy": "http://me:geheim@proxy:1"}}, indent=2)
    procedure.keep(host, text)
    shown = page.get("/hosts/h1/daemon/").content.decode()
    assert "-  &quot;iptables&quot;: true" in shown
    assert "geheim" not in shown
    procedure.keep(host, "{oops")
    assert "Put it right by hand" in page.get("/hosts/h1/daemon/").content.decode()
    api = page.get("/api/v1/hosts/h1/daemon").json()
    assert "line 1" in api["problem"]


def test_what_apt_offers_is_read() -> None:
    text = " docker.io | 2.0-1 | http://a stable\n docker.io | 1.0-1 | http://a stable\n docker.io | 2.0-1 | http://b stable\n"
    assert offered(text) == ["2.0-1", "1.0-1"]
    assert offered("") == []

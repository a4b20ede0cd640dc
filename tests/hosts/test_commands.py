"""Reviewed commands: two people make one, parameters are checked, runs are rows, secrets do not show."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hosts import commands as pure
from hosts import observe
from hosts.models import Host, HostCommand, HostOperation
from hosts.services import commands, ssh_access
from tests.conftest import make_person
from tests.factories import make_host
from tests.hosts.ssh_server import RUN, SshServer, ssh_server
from xqplatform.accounts.actor import Actor
from xqplatform.audit.models import Event
from xqplatform.errors import Denied, Refused

pytestmark = pytest.mark.django_db(transaction=True)
GREET = {
    "name": "greet",
    "title": "Greet",
    "argv": ["echo", "hello", "{who}", "--times={n}"],
    "parameters": "who regex [a-z' ;$-]+\nn int 1..9 =1",
    "looks_only": True,
}


@pytest.fixture
def server() -> Iterator[SshServer]:
    with ssh_server(RUN) as running:
        yield running


@pytest.fixture
def host(server: SshServer, actor_sre: Any, monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setattr(observe, "refresh_host", lambda pk: False)
    row = make_host("run-a1")
    data = {"user": "me", "address": "127.0.0.1", "port": server.port, "key": server.user_key}
    ssh_access.set_access(actor_sre, row, data)
    return row


@pytest.fixture
def second(db: None) -> Actor:
    return Actor.person(make_person("tom", "sre"))


def reviewed(author: Actor, reviewer: Actor, **changes: Any) -> HostCommand:
    made = commands.save_command(author, {**GREET, **changes})
    return commands.review(reviewer, made, made.version)


def run(actor: Actor, command: HostCommand, host: Host, enqueued: Any, **values: str) -> HostOperation:
    [row], refused = commands.run_command(actor, command, [host], values)
    assert refused == []
    enqueued.drain()
    row.refresh_from_db()
    return row


def test_a_command_runs_only_as_another_sre_reviewed_it(
    host: Host, actor_sre: Any, second: Actor, enqueued: Any
) -> None:
    made = commands.save_command(actor_sre, GREET)
    with pytest.raises(Refused, match="waits for a review"):
        commands.run_command(actor_sre, made, [host], {"who": "you"})
    with pytest.raises(Refused, match="another SRE reviews"):
        commands.review(actor_sre, made, 1)
    with pytest.raises(Refused, match="changed meanwhile"):
        commands.review(second, made, 2)
    ready = commands.review(second, made, 1)
    row = run(actor_sre, ready, host, enqueued, who="you")
    assert (row.state, row.exit_code, row.output, row.who) == ("succeeded", 0, "hello you --times=1\n", actor_sre.name)
    assert row.title == "echo hello you --times=1"
    changed = commands.save_command(second, {"argv": ["echo", "{who}", "{n}"]}, ready)
    assert (changed.version, changed.reviewed) == (2, None)
    with pytest.raises(Refused, match="waits for a review"):
        commands.run_command(actor_sre, changed, [host], {"who": "you"})
    assert commands.review(actor_sre, changed, 2).reviewed
    assert set(Event.objects.values_list("action", flat=True)) >= {
        "host.command.create", "host.command.change", "host.command.review", "host.operation", "host.operation.finish",
    }  # fmt: skip


def test_a_value_stays_one_word_whatever_is_in_it(host: Host, actor_sre: Any, second: Actor, enqueued: Any) -> None:
    ready = reviewed(actor_sre, second)
    row = run(actor_sre, ready, host, enqueued, who="a'; echo $x;", n="3")
    assert row.output == "hello a'; echo $x; --times=3\n"


def test_what_was_changed_after_it_was_asked_for_does_not_run(
    host: Host, actor_sre: Any, second: Actor, enqueued: Any
) -> None:
    ready = reviewed(actor_sre, second)
    [row], _ = commands.run_command(actor_sre, ready, [host], {"who": "you"})
    commands.save_command(actor_sre, {"argv": ["echo", "{who}{n}"]}, ready)
    enqueued.drain()
    row.refresh_from_db()
    assert (row.state, row.output) == ("failed", "")
    assert "was changed or removed" in row.words


def test_its_exit_code_and_its_end_by_time_are_told(host: Host, actor_sre: Any, second: Actor, enqueued: Any) -> None:
    ready = reviewed(actor_sre, second, argv=["false"], parameters="")
    row = run(actor_sre, ready, host, enqueued)
    assert (row.state, row.exit_code, row.words) == ("failed", 1, "It ended with exit code 1.")
    slow = reviewed(actor_sre, second, name="slow", argv=["sleep", "600"], parameters="", timeout=1)
    row = run(actor_sre, slow, host, enqueued)
    assert (row.state, row.exit_code) == ("failed", None)
    assert "did not end within 1 s on run-a1 and was broken off" in row.words


def test_secrets_in_its_output_do_not_show(
    host: Host, actor_sre: Any, second: Actor, enqueued: Any, tmp_path: Path
) -> None:
    shown = tmp_path / "config"
    shown.write_text(
        'user = me\nPASSWORD=hunter22\n"db_password": "hunter22",\nAuthorization: Bearer hunter22\nredis://x:hunter22@h/0\n'
        "-----BEGIN OPENSSH PRIVATE KEY-----\nhunter22\n-----END OPENSSH PRIVATE KEY-----\nend\n"
    )
    row = run(actor_sre, reviewed(actor_sre, second, argv=["cat", str(shown)], parameters=""), host, enqueued)
    assert row.state == "succeeded", row.words
    assert "hunter22" not in row.output
    assert row.output.startswith("user = me\nPASSWORD=•••\n")
    assert row.output.endswith("••• (private key)\nend\n")


def test_one_that_changes_a_machine_is_not_run_twice(host: Host, actor_sre: Any, second: Actor, enqueued: Any) -> None:
    ready = reviewed(actor_sre, second, argv=["echo", "once"], parameters="", looks_only=False)
    [row], _ = commands.run_command(actor_sre, ready, [host], {})
    HostOperation.objects.filter(pk=row.pk).update(
        state="running", attempts=1, lease="nowhere/1/1/dead", notes='{"begun": true}'
    )
    enqueued.drain()
    row.refresh_from_db()
    assert row.state == "failed"
    assert "whether it ended is not known" in row.words
    assert "once" not in row.output


def test_hosts_where_it_cannot_run_are_told_the_others_run(
    host: Host, actor_sre: Any, second: Actor, enqueued: Any
) -> None:
    ready = reviewed(actor_sre, second)
    started, refused = commands.run_command(actor_sre, ready, [host, make_host("run-a2")], {"who": "you"})
    assert [row.host for row in started] == [host]
    assert refused == ["run-a2 has no SSH access: give it one on its page, then start again."]
    with pytest.raises(Refused, match="has no SSH access"):
        commands.run_command(actor_sre, ready, [make_host("run-a3")], {"who": "you"})


def test_roles_may_run_what_only_looks(
    host: Host, actor_sre: Any, actor_dev: Any, second: Actor, enqueued: Any
) -> None:
    closed = reviewed(actor_sre, second)
    with pytest.raises(Denied):
        commands.run_command(actor_dev, closed, [host], {"who": "you"})
    open_ = reviewed(actor_sre, second, name="open", roles=["developer"])
    assert run(actor_dev, open_, host, enqueued, who="you").state == "succeeded"
    with pytest.raises(Denied):
        commands.save_command(actor_dev, {**GREET, "name": "mine"})
    with pytest.raises(Denied):
        commands.review(actor_dev, closed, 1)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "A b"}, "name"),
        ({"name": "new"}, "name"),
        ({"title": ""}, "title"),
        ({"argv": []}, "argv"),
        ({"argv": ["{who}", "{n}"]}, "argv"),
        ({"argv": ["sh", "-c", "echo {who} {n}"]}, "argv"),
        ({"argv": ["sudo", "/bin/bash", "-c", "echo {who} {n}"]}, "argv"),
        ({"argv": ["echo", "{who}", "{n}", "{other}"]}, "argv"),
        ({"argv": ["echo", "{who}"]}, "parameters"),
        ({"parameters": "who regex [\nn int 1..2"}, "parameters"),
        ({"parameters": "who text x\nn int 1..2"}, "parameters"),
        ({"parameters": "who enum a|b\nn int 9..2"}, "parameters"),
        ({"parameters": "who enum -rf|b\nn int 1..2"}, "parameters"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": "x"}, "timeout"),
        ({"roles": ["sre"]}, "roles"),
        ({"roles": ["developer"], "looks_only": False}, "roles"),
    ],
)
def test_a_command_that_is_not_sound_is_refused_at_its_field(changes: Any, field: str, actor_sre: Any) -> None:
    with pytest.raises(Refused) as caught:
        commands.save_command(actor_sre, {**GREET, **changes})
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("line", "value", "good"),
    [
        ("x int 1..5", "3", True),
        ("x int 1..5", "6", False),
        ("x int 1..5", "3; reboot", False),
        ("x int 1..5 =2", "", True),
        ("x enum a|b", "b", True),
        ("x enum a|b", "c", False),
        ("x regex [a-z-]+", "abc", True),
        ("x regex [a-z-]+", "abc\n", True),
        ("x regex [a-z-]+", "a b", False),
        ("x regex [a-z-]+", "--all", False),
        ("x regex .*", "a\nb", False),
        ("x regex .*", "a" * 300, False),
    ],
)
def test_values_fit_their_parameter_or_are_refused(line: str, value: str, good: bool) -> None:
    parameters = pure.read_parameters(line)
    assert pure.read_parameters(parameters[0].line) == parameters, "written as it is read"
    assert pure.parameters_of([one.stored() for one in parameters]) == parameters
    if good:
        assert pure.fill(["do", "{x}"], parameters, {"x": value})[0] == "do"
    else:
        with pytest.raises(Refused) as caught:
            pure.fill(["do", "{x}"], parameters, {"x": value})
        assert caught.value.field == "x"


def test_those_that_come_with_the_platform_are_there_and_stay_as_they_are(actor_sre: Any) -> None:
    commands.ensure_builtin()
    row = HostCommand.objects.get(name="docker-journal")
    assert (row.builtin, row.looks_only, row.state) == (True, True, "reviewed")
    with pytest.raises(Refused, match="comes with the platform"):
        commands.save_command(actor_sre, {"argv": ["reboot"]}, row)
    with pytest.raises(Refused, match="comes with the platform"):
        commands.remove_command(actor_sre, row)
    HostCommand.objects.filter(pk=row.pk).update(argv=["old"])
    commands.ensure_builtin()
    row.refresh_from_db()
    assert row.argv[0] == "journalctl"

"""Hooks among the settings of a service: saved as a version, tried, answered; who may what."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from containers.hooks.closing import due
from containers.models import HookRun
from containers.services import fronts, hooks, releases
from containers.services.settings import save_config, secrets_of
from hosts.models import HostCommand
from tests import factories
from tests.containers.conftest import World, world  # noqa: F401
from tests.queue import Queue
from xqplatform.accounts.actor import Actor
from xqplatform.audit.models import Event
from xqplatform.errors import Denied, Refused

TELL: dict[str, Any] = {
    "name": "tell",
    "at": "release.after",
    "kind": "http",
    "url": "http://10.9.1.9/x",
    "signed": True,
}


def test_a_hook_is_a_version_with_its_secret_beside_it(world: World) -> None:  # noqa: F811
    saved = hooks.put_one(world.actor, world.place, TELL, secret="s3cret-value")
    assert saved.version == 2
    assert secrets_of(saved) == {"hook:tell": "s3cret-value"}
    assert "s3cret-value" not in str(saved.content) + saved.secrets
    assert "s3cret-value" not in str(list(Event.objects.values()))
    world.place.refresh_from_db()
    # Renamed it keeps its secret, and so it does when other settings are saved.
    renamed = hooks.put_one(world.actor, world.place, TELL | {"name": "told"}, old="tell")
    world.place.refresh_from_db()
    assert secrets_of(renamed) == {"hook:told": "s3cret-value"}
    content = dict(renamed.content) | {"cpus": 2}
    assert secrets_of(save_config(world.actor, world.place, content)) == {"hook:told": "s3cret-value"}
    world.place.refresh_from_db()
    removed = hooks.remove_one(world.actor, world.place, "told")
    assert secrets_of(removed) == {}


def test_who_signs_needs_a_secret(world: World) -> None:  # noqa: F811
    with pytest.raises(Refused) as refused:
        hooks.put_one(world.actor, world.place, TELL)
    assert refused.value.field == "secret_names"


def test_a_developer_has_no_command_run_that_is_not_for_developers(world: World) -> None:  # noqa: F811
    team = factories.make_team()
    world.service.team = team
    world.service.save()
    developer = Actor.person(factories.make_user("dan", "developer", team))
    command = HostCommand.objects.create(
        name="reload-lb", title="x", argv=["true"], author_name="x", changed=timezone.now(), reviewed=timezone.now()
    )
    hook = {"name": "lb", "at": "release.after", "kind": "host", "host": "h1", "operation": "reload-lb"}
    with pytest.raises(Refused, match="ask an SRE"):
        hooks.put_one(developer, world.place, hook)
    hooks.put_one(world.actor, world.place, hook)
    world.place.refresh_from_db()
    # One that stands already hinders nobody who changes something else.
    hooks.put_one(developer, world.place, TELL | {"signed": False})
    # A release has it run; by hand it is run by who may.
    world.place.refresh_from_db()
    with pytest.raises(Refused, match="ask an SRE"):
        hooks.try_out(developer, world.place, "lb")
    assert hooks.try_out(world.actor, world.place, "lb").way == "test"
    command.roles, command.looks_only = ["developer"], True
    command.save()
    hooks.put_one(developer, world.place, hook | {"name": "lb2"})


def test_a_denied_try_to_make_a_front_is_noted_whatever_its_name(db: None) -> None:
    with pytest.raises(Denied):
        fronts.save_front(Actor.person(factories.make_user("dora", "developer")), {"slug": "a\0b"})
    assert Event.objects.get(action="host.operate", denied=True).after == {"name": "ab"}


def test_a_front_has_to_be_there(world: World) -> None:  # noqa: F811
    with pytest.raises(Refused) as refused:
        hooks.save(world.actor, world.place, traffic={"way": "nginx", "front": "edge"})
    assert refused.value.field == "traffic.front"


def test_a_try_runs_once_and_says_what_came_of_it(transactional_db: None, enqueued: Queue) -> None:
    here = World()
    hooks.put_one(here.actor, here.place, TELL | {"signed": False, "url": "http://127.0.0.1:9/x"})
    here.place.refresh_from_db()
    row = hooks.try_out(here.actor, here.place, "tell")
    enqueued.drain()
    row.refresh_from_db()
    assert (row.state, row.attempts, row.way) == ("failed", 1, "test")
    assert "No hook may go to 127.0.0.1" in row.words
    assert Event.objects.filter(action="hook.test").count() == 1


def test_only_a_held_hook_of_a_running_release_is_answered(world: World) -> None:  # noqa: F811
    row = releases.deploy(world.actor, world.place, world.v1)
    run = HookRun.objects.create(
        place=world.place, deployment=row, slot="s", point="traffic.out", name="nginx", kind="nginx"
    )
    with pytest.raises(Refused):
        hooks.go_on(world.actor, run)
    HookRun.objects.update(state="held")
    stranger = Actor.person(factories.make_user("dora", "developer"))
    with pytest.raises(Denied):
        hooks.go_on(stranger, run)
    hooks.go_on(world.actor, run, "the front is down for the night")
    run.refresh_from_db()
    assert run.asked == "pass"
    assert Event.objects.get(action="hook.pass").reason == "the front is down for the night"
    row.state = "cancelled"
    row.save()
    with pytest.raises(Refused):
        hooks.retry(world.actor, run)


def test_hooks_at_the_end_are_due_only_where_there_are_some(world: World) -> None:  # noqa: F811
    first = releases.deploy(world.actor, world.place, world.v1)
    assert not due(first, "succeeded")
    first.state = "cancelled"
    first.save()
    hooks.put_one(world.actor, world.place, TELL | {"signed": False})
    world.place.refresh_from_db()
    row = releases.deploy(world.actor, world.place, world.v1)
    assert due(row, "succeeded")
    assert due(row, "failed")
    first.kind = "restart"
    assert not due(first, "succeeded")

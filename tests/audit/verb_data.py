"""Valid data for verbs that no line of the access table and no operation of tests/accounts/access_api.py carries out.

Each function prepares rows of the access table's world and returns the call.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from django.utils import timezone

from builds import git
from builds.imports import place
from builds.models import Blueprint
from builds.services import blueprints, builds, imports, registries, waves
from containers.ascode import applying
from containers.gates import services as gates
from containers.gates.sets import Scope
from containers.guardrails import approvals, calendars, glass
from containers.guardrails import services as guardrails
from containers.keeping import sealing
from containers.keeping.models import Backup, Snapshot
from containers.keeping.services import (
    backups,
    cancelling,
    copies,
    drills,
    left,
    recoveries,
    restores,
    snapshots,
    targets,
)
from containers.models import Drain, Guardrails, Instance
from containers.scaling import documents
from containers.services import (
    drains,
    fronts,
    hooks,
    lost,
    new_limits,
    publishing,
    queue,
    releases,
    settings,
    steering,
    waiting,
)
from containers.terminal import services as terminals
from containers.terminal import tickets
from containers.trains import services as trains
from hosts.models import Host
from tests import factories
from tests.accounts.access_table import World
from tests.accounts.access_world import TELL
from tests.audit.verb_accounts import ACCOUNTS
from tests.audit.verb_capacity import CAPACITY
from tests.audit.verb_hosts import HOSTS
from tests.audit.verb_people import PEOPLE
from tests.audit.verb_rows import altered, spare, with_ssh
from xqplatform.accounts.actor import Actor

Call = Callable[[], Any]
Prepare = Callable[[World, Actor], Call]


def waits(world: World, count: int = 1) -> list[Any]:
    place = world.more["place"]
    system = Actor.system("test")
    return [waiting.wait(system, place, factories.make_image(place.service.project)) for _ in range(count)]


# --- Builds --------------------------------------------------------------------------------------------------------


def start_build(world: World, actor: Actor) -> Call:
    found = git.Revision("a" * 40, "Lin", "words", timezone.now(), "prod")

    def call() -> None:
        with patch.object(builds, "_resolve", return_value=found):
            builds.start_build(actor, world.more["place"].service.project, "prod")

    return call


def fetch_now(world: World, actor: Actor) -> Call:
    def call() -> None:
        with patch.object(builds, "_fetch"):
            builds.fetch_now(actor, altered(world.more["place"].service.project, repository_password="pass word"))

    return call


def check_now(world: World, actor: Actor) -> Call:
    return lambda: registries.check_now(actor, altered(world.more["registry"], password="pass word"))


def publish(world: World, actor: Actor) -> Call:
    instance, project = world.more["instance"], world.more["place"].service.project
    altered(world.more["registry"], default=True)
    return lambda: imports.begin_publish(
        actor, project, host=instance.host, engine_id="e1", name=instance.name, parent=None
    )


def publish_instance(world: World, actor: Actor) -> Call:
    altered(world.more["registry"], default=True)
    return lambda: publishing.publish(actor, world.more["instance"])


def announce(world: World, actor: Actor) -> Call:
    altered(world.more["registry"], default=True)
    return lambda: imports.announce(actor, world.more["place"].service.project, "root.tar", 5)


def receive(world: World, actor: Actor) -> Call:
    row = altered(world.more["import"], state="receiving")

    def call() -> None:
        with patch.object(place, "append", return_value=row.size):
            imports.receive(actor, row, 0, b"bytes")

    return call


def cancel_build(world: World, actor: Actor) -> Call:
    row = factories.make_build(world.more["place"].service.project, "queued", finished=None)
    return lambda: builds.cancel_build(actor, row)


# --- Services ------------------------------------------------------------------------------------------------------


def apply(world: World, actor: Actor) -> Call:
    text = "apiVersion: xqplatform/v1\nkind: Service\nname: snow\nenvironments:\n  production:\n    branch: other\n"
    token = applying.preview(actor, text).token
    return lambda: applying.apply(actor, text, token=token)


def approve(world: World, actor: Actor) -> Call:
    Guardrails.objects.update(approvals=1)
    (row,) = waits(world)
    return lambda: approvals.approve(actor, row)


def withdraw(world: World, actor: Actor) -> Call:
    approve(world, actor)()
    row = world.more["place"].deployments.order_by("-pk")[0]
    return lambda: approvals.withdraw(actor, row)


def add_rule(world: World, actor: Actor) -> Call:
    return lambda: gates.add_rule(actor, Scope(place=world.more["place"]), RULE)


POLICY = {"least": 1, "most": 7, "loads": [{"metric": "cpu.percent", "target": 55}]}
RULE = {"metric": "memory.percent", "compare": "bound", "limit": 90}


def remove_rule(world: World, actor: Actor) -> Call:
    from containers.gates import shape

    saved = gates.add_rule(actor, Scope(place=world.more["place"]), RULE)
    return lambda: gates.remove_rule(actor, Scope(place=world.more["place"]), shape.mark_of(saved.rules[0]))


def recompute(world: World, actor: Actor) -> Call:
    row = altered(world.more["calendar"], market="XSHG")
    return lambda: calendars.recompute(actor, row)


def note(world: World, actor: Actor) -> Call:
    row = altered(world.more["release"], guard={"checks": [{"passes": False, "words": "frozen"}]})
    return lambda: glass.note(actor, row, glass.Glass("it burns", "floe"))


def go_on(world: World, actor: Actor) -> Call:
    row = altered(world.more["release"], hold="freeze", hold_why="closed", hold_since=timezone.now())
    return lambda: glass.go_on(actor, row, glass.Glass("it burns", "floe"))


def add_freeze(world: World, actor: Actor) -> Call:
    now = timezone.now()
    data = {"kind": "once", "starts": now, "ends": now + timedelta(hours=1), "reason": "x"}
    return lambda: guardrails.add_freeze(actor, world.more["place"].environment, data)


def drained(world: World) -> Host:
    host = altered(spare(), draining=True, cordoned=True)
    Drain.objects.create(host=host, created_name="x")
    return host


def forget(world: World, actor: Actor) -> Call:
    one = world.more["instance"]
    altered(one.host, state=Host.State.UNREACHABLE)
    return lambda: lost.forget(actor, one.place, [one.number])


def apply_limits(world: World, actor: Actor) -> Call:
    place = world.more["place"]
    settings.save_config(actor, place, {**place.config.content, "cpus": 2})
    place.refresh_from_db()
    return lambda: new_limits.apply_limits(actor, place)


def repair(world: World, actor: Actor) -> Call:
    one = world.more["instance"]
    Instance.objects.filter(pk=one.pk).update(state="missing")
    return lambda: releases.repair(actor, one.place, [one.number])


def start(world: World, actor: Actor) -> Call:
    one = world.more["instance"]
    Instance.objects.filter(pk=one.pk).update(state="stopped", wanted_state="stopped")
    return lambda: releases.start(actor, one.place, [one.number])


def proceed(world: World, actor: Actor) -> Call:
    row = altered(world.more["release"], hold="canary", hold_batch=0, hold_since=timezone.now())
    return lambda: steering.proceed(actor, row)


def retry_step(world: World, actor: Actor) -> Call:
    row = world.more["release"]
    altered(row, policy={**row.policy, "on_failure": "hold"})
    step = altered(row.steps.get(), state="failed")
    return lambda: steering.retry(actor, step)


def resume(world: World, actor: Actor) -> Call:
    row = altered(world.more["release"], state="paused")
    return lambda: steering.resume(actor, row)


def move_waiting(world: World, actor: Actor) -> Call:
    rows = waits(world, 2)
    return lambda: waiting.move(actor, rows[1], -1)


def end_waiting(world: World, actor: Actor) -> Call:
    (row,) = waits(world)
    return lambda: queue.end(row, "cancelled", "x", actor)


def wait(world: World, actor: Actor) -> Call:
    Guardrails.objects.update(approvals=1)
    image = factories.make_image(world.more["place"].service.project)
    return lambda: waiting.wait(actor, world.more["place"], image)


def train(verb: Callable[..., Any], state: str) -> Prepare:
    def prepare(world: World, actor: Actor) -> Call:
        row = altered(world.more["train"], state=state)
        return lambda: verb(actor, row)

    return prepare


def open_terminal(world: World, actor: Actor) -> Call:
    row = altered(world.more["terminal"], state="opening", opened=None, person=actor.user)
    return lambda: terminals.begin(actor, row, "e9", "sh", (80, 24))


def ticket(world: World, actor: Actor) -> Call:
    row, made = altered(world.more["terminal"], person=actor.user), tickets.make()
    altered(row, ticket=tickets.digest(made), ticket_until=timezone.now() + timedelta(minutes=1))
    return lambda: terminals.admit(actor, row.pk, made)


def end_terminal(world: World, actor: Actor) -> Call:
    return lambda: terminals.end(actor, world.more["terminal"].pk)


def keeping_host(world: World) -> Any:
    """The place, where data is kept."""
    Host.objects.update(runtime="lxd")
    return world.more["place"]


def take_snapshot(world: World, actor: Actor) -> Call:
    place = keeping_host(world)
    return lambda: snapshots.take(actor, place, [1])


def take_backup(world: World, actor: Actor) -> Call:
    place = keeping_host(world)
    return lambda: backups.take(actor, place, "disk", [1])


def begin_backup(world: World, actor: Actor) -> Call:
    place = keeping_host(world)
    one, disk = place.instances.get(number=1), world.more["backup"].target
    return lambda: backups.begin(actor, one, disk, "hand")


def change_store(world: World, actor: Actor) -> Call:
    others = sealing.recipient(sealing.new_key())
    return lambda: targets.change(actor, world.more["backup"].target, {"others": others})


def remove_store(world: World, actor: Actor) -> Call:
    row = targets.create(Actor.system(), {"name": "empty", "kind": "folder"})
    return lambda: targets.remove(actor, row)


def recover(world: World, actor: Actor) -> Call:
    keeping_host(world).deployments.update(state="succeeded")
    row = Backup.objects.select_related("instance__host", "instance__place__service", "target").get(
        pk=world.more["backup"].pk
    )
    return lambda: recoveries.recover(actor, row, row.instance.name)


def begin_drill(world: World, actor: Actor) -> Call:
    keeping_host(world)
    Host.objects.update(state="ready")
    return lambda: drills.begin(actor, world.more["backup"], "hand")


def drill(world: World, actor: Actor) -> Call:
    begin_drill(world, actor)
    return lambda: drills.drill(actor, world.more["backup"])


def restore(world: World, actor: Actor) -> Call:
    place = keeping_host(world)
    place.deployments.update(state="succeeded")
    row = Snapshot.objects.select_related("instance__host", "instance__place__service").get(
        pk=world.more["snapshot"].pk
    )
    return lambda: restores.restore(actor, row, row.instance.name)


def copy_data(world: World, actor: Actor) -> Call:
    place = keeping_host(world)
    place.deployments.update(state="succeeded")
    row = Snapshot.objects.select_related("instance__host", "instance__place__service").get(
        pk=world.more["snapshot"].pk
    )
    other = factories.make_instance(place, row.host, 77)
    factories.make_container(other)
    return lambda: copies.copy(actor, row, other.name)


def cancel_snapshot(world: World, actor: Actor) -> Call:
    place = keeping_host(world)
    (row,) = snapshots.take(actor, place, [1])
    assert row.operation is not None
    return lambda: cancelling.cancel(actor, place, row.operation.pk)


def begin_snapshot(world: World, actor: Actor) -> Call:
    place = keeping_host(world)
    one = place.instances.get(number=1)
    return lambda: snapshots.begin(actor, one, "hand")


def bring_back(world: World, actor: Actor) -> Call:
    row = altered(world.more["left"], numbers=[3])
    return lambda: left.bring_back(actor, row)


def remove_left(world: World, actor: Actor) -> Call:
    return lambda: left.remove(actor, world.more["left"], "flake")


def begin_left(world: World, actor: Actor) -> Call:
    return lambda: left.begin(actor, world.more["left"])


def ensure_config(world: World, actor: Actor) -> Call:
    place = altered(world.more["place"], config=None)
    return lambda: settings.ensure_config(actor, place)


DATA: dict[str, Prepare] = (
    PEOPLE
    | ACCOUNTS
    | HOSTS
    | CAPACITY
    | {
        "builds.services.builds.fetch_now": fetch_now,
        "builds.services.registries.check_now": check_now,
        "builds.services.blueprints.save_blueprint": lambda w, a: (
            lambda: blueprints.save_blueprint(a, None, {"name": "node", "base": True, "parent_reference": "debian:12"})
        ),
        "builds.services.builds.cancel_build": cancel_build,
        "builds.services.builds.start_build": start_build,
        "builds.services.imports.announce": announce,
        "builds.services.imports.begin_publish": publish,
        "builds.services.imports.receive": receive,
        "containers.services.publishing.publish": publish_instance,
        "builds.services.waves.stop_wave": lambda w, a: (
            lambda: waves.stop_wave(a, altered(w.more["wave"], state="building"))
        ),
        "containers.ascode.applying.apply": apply,
        "containers.scaling.documents.save": lambda w, a: lambda: documents.save(a, w.more["place"], POLICY, ""),
        "containers.keeping.services.copies.copy": copy_data,
        "containers.keeping.services.cancelling.cancel": cancel_snapshot,
        "containers.keeping.services.left.begin": begin_left,
        "containers.keeping.services.left.bring_back": bring_back,
        "containers.keeping.services.left.remove": remove_left,
        "containers.keeping.services.restores.restore": restore,
        "containers.keeping.services.snapshots.take": take_snapshot,
        "containers.keeping.services.snapshots.begin": begin_snapshot,
        "containers.keeping.services.backups.take": take_backup,
        "containers.keeping.services.backups.begin": begin_backup,
        "containers.keeping.services.recoveries.recover": recover,
        "containers.keeping.services.drills.begin": begin_drill,
        "containers.keeping.services.targets.change": change_store,
        "containers.keeping.services.targets.remove": remove_store,
        "containers.keeping.services.drills.drill": drill,
        "containers.gates.services.add_rule": add_rule,
        "containers.gates.services.remove_rule": remove_rule,
        "containers.guardrails.approvals.approve": approve,
        "containers.guardrails.approvals.withdraw": withdraw,
        "containers.guardrails.calendars.recompute": recompute,
        "containers.guardrails.glass.go_on": go_on,
        "containers.guardrails.glass.note": note,
        "containers.guardrails.services.add_freeze": add_freeze,
        "containers.guardrails.services.save_rules": lambda w, a: (
            lambda: guardrails.save_rules(a, w.more["place"].environment, {"most_batch": 3})
        ),
        "containers.services.fronts.save_front": lambda w, a: (
            lambda: fronts.save_front(a, {"slug": "second", "hosts": [with_ssh().name]})
        ),
        "containers.services.drains.cancel": lambda w, a: lambda: drains.cancel(a, drained(w)),
        "containers.services.drains.retry": lambda w, a: lambda: drains.retry(a, drained(w)),
        "containers.services.hooks.put_one": lambda w, a: (
            lambda: hooks.put_one(a, w.more["place"], {**TELL, "name": "two"})
        ),
        "containers.services.lost.forget": forget,
        "containers.services.queue.end": end_waiting,
        "containers.services.new_limits.apply_limits": apply_limits,
        "containers.services.releases.repair": repair,
        "containers.services.steering.resume": resume,
        "containers.services.releases.start": start,
        "containers.services.releases.stop": lambda w, a: lambda: releases.stop(a, w.more["place"], [1]),
        "containers.services.settings.ensure_config": ensure_config,
        "containers.services.steering.proceed": proceed,
        "containers.services.steering.retry": retry_step,
        "containers.services.waiting.move": move_waiting,
        "containers.services.waiting.wait": wait,
        "containers.terminal.services.admit": ticket,
        "containers.terminal.services.begin": open_terminal,
        "containers.terminal.services.end": end_terminal,
        "containers.trains.services.pause": train(trains.pause, "running"),
        "containers.trains.services.proceed": train(trains.proceed, "paused"),
        "containers.trains.services.rollback": train(trains.rollback, "running"),
        "builds.services.blueprints.remove_blueprint": lambda w, a: (
            lambda: blueprints.remove_blueprint(a, Blueprint.objects.create(name="loose"))
        ),
    }
)

# More for operations of the API than a right is asked for with: an empty change would change nothing.
MORE: dict[str, dict[str, Any]] = {
    "patch /conformance/profiles/{profile}": {"off": ["swap"]},
    "patch /gates": {"settle": 11},
    "patch /environments/{slug}/gates": {"settle": 11},
    "patch /services/{slug}/{environment}/gates": {"settle": 11},
    "patch /alert-rules/{pk}": {"threshold": 80},
    "patch /alert-channels/{pk}": {"enabled": False},
}

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
from builds.models import Blueprint
from builds.services import blueprints, builds, registries, waves
from containers.ascode import applying
from containers.capacity import resizing, sizes
from containers.capacity.resizing import Shown
from containers.capacity.rightsizing import Wish
from containers.gates import services as gates
from containers.gates.sets import Scope
from containers.guardrails import approvals, calendars, glass
from containers.guardrails import services as guardrails
from containers.models import Drain, Guardrails, Instance
from containers.services import drains, fronts, hooks, lost, queue, releases, settings, steering, waiting
from containers.terminal import services as terminals
from containers.terminal import tickets
from containers.trains import services as trains
from hosts.models import Host, HostCommand, HostOperation, SshAccess
from hosts.services import commands, conformance, machines, networks, operations, ssh_access, upkeep
from tests import factories
from tests.accounts.access_table import World
from tests.accounts.access_world import TELL
from tests.audit.verb_capacity import CAPACITY
from tests.audit.verb_people import PEOPLE, PROVIDER
from tests.capacity.size_data import make_days
from tests.hosts.ssh_server import new_key
from xqplatform.accounts import invitations, service_accounts, tokens
from xqplatform.accounts import services as people
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Team
from xqplatform.accounts.signin import providers
from xqplatform.accounts.signin import services as signin
from xqplatform.accounts.signin.models import Provider
from xqplatform.alerts.models import Channel
from xqplatform.audit.reports import months
from xqplatform.audit.reports import services as reports
from xqplatform.notices.services import own, preferences, subscriptions
from xqplatform.secrets import services as secret_keys

Call = Callable[[], Any]
Prepare = Callable[[World, Actor], Call]


def spare() -> Host:
    return Host.objects.get(name="spare")


def altered(row: Any, **fields: Any) -> Any:
    """The row, from the database, with other values in it."""
    type(row).objects.filter(pk=row.pk).update(**fields)
    return type(row).objects.get(pk=row.pk)


def with_ssh() -> Host:
    """It can be logged in to, and nothing is under way on it."""
    host = spare()
    HostOperation.objects.filter(host=host).delete()
    SshAccess.objects.create(host=host, user="root", address="10.0.0.1", key=new_key()[0])
    return host


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


def cancel_build(world: World, actor: Actor) -> Call:
    row = factories.make_build(world.more["place"].service.project, "queued", finished=None)
    return lambda: builds.cancel_build(actor, row)


# --- Hosts ---------------------------------------------------------------------------------------------------------


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
    return lambda: releases.apply_limits(actor, place)


def resize(world: World, actor: Actor) -> Call:
    place = world.more["instance"].place
    make_days(place)
    (one,) = sizes.of_actor(actor, Wish(), [place.pk])
    return lambda: resizing.resize(actor, [Shown(place.pk, one.version, one.advice.proposed)], Wish())


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
    return lambda: releases.resume(actor, row)


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


def ensure_config(world: World, actor: Actor) -> Call:
    place = altered(world.more["place"], config=None)
    return lambda: settings.ensure_config(actor, place)


# --- People --------------------------------------------------------------------------------------------------------


def own_channel(world: World, actor: Actor) -> Channel:
    fields = {"kind": "apprise", "url": "slack://a/b/c", "owner": actor.user}
    return Channel.objects.create(name=f"person:{actor.user.pk}", **fields)  # type: ignore[union-attr]


def remove_own(world: World, actor: Actor) -> Call:
    own_channel(world, actor)
    return lambda: own.remove_own(actor)


def test_own(world: World, actor: Actor) -> Call:
    own_channel(world, actor)
    return lambda: own.test_own(actor)


def remove_team(world: World, actor: Actor) -> Call:
    row = people.create_team(actor, "leaving")
    return lambda: people.remove_team(actor, row)


def subscribe(world: World, actor: Actor) -> Call:
    return lambda: subscriptions.subscribe(actor, channel=world.more["channel"], service="floe", kinds=["failed"])


def set_own(world: World, actor: Actor) -> Call:
    address = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/"
    return lambda: own.set_own(actor, "apprise", address)


def accept(w: World, a: Actor) -> Callable[[], Any]:
    token = invitations.invite(a, "nora")[1]
    return lambda: invitations.accept(a, token, "correct horse 9")


def this_month() -> str:
    return months.name(timezone.now())


def take_report(world: World, actor: Actor) -> Call:
    reports.make_now(actor, this_month())
    return lambda: reports.take(actor, this_month(), "csv")


DATA: dict[str, Prepare] = PEOPLE | {
    "builds.services.builds.fetch_now": fetch_now,
    "containers.capacity.resizing.resize": resize,
    "builds.services.registries.check_now": check_now,
    "hosts.services.machines.test_connection": test_connection,
    "hosts.services.ssh_access.test_access": test_access,
    "xqplatform.audit.reports.services.ask": lambda w, a: lambda: reports.ask(a, this_month()),
    "xqplatform.audit.reports.services.make_now": lambda w, a: lambda: reports.make_now(a, this_month()),
    "xqplatform.audit.reports.services.take": take_report,
    "builds.services.blueprints.save_blueprint": lambda w, a: (
        lambda: blueprints.save_blueprint(a, None, {"name": "node", "base": True, "parent_reference": "debian:12"})
    ),
    "builds.services.builds.cancel_build": cancel_build,
    "builds.services.builds.start_build": start_build,
    "builds.services.waves.stop_wave": lambda w, a: (
        lambda: waves.stop_wave(a, altered(w.more["wave"], state="building"))
    ),
    "containers.ascode.applying.apply": apply,
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
    "containers.services.releases.apply_limits": apply_limits,
    "containers.services.releases.repair": repair,
    "containers.services.releases.resume": resume,
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
    "builds.services.blueprints.remove_blueprint": lambda w, a: (
        lambda: blueprints.remove_blueprint(a, Blueprint.objects.create(name="loose"))
    ),
    "xqplatform.accounts.invitations.invite": lambda w, a: lambda: invitations.invite(a, "nora"),
    "xqplatform.accounts.invitations.accept": accept,
    # (a team that was granted nothing: else it waits for a second person)
    "xqplatform.accounts.service_accounts.create": lambda w, a: (
        lambda: service_accounts.create(a, "robot", Team.objects.create(slug="bare"))
    ),
    "xqplatform.accounts.services.close_team": lambda w, a: lambda: people.close_team(a, w.team, True),
    "xqplatform.accounts.signin.providers.save": lambda w, a: lambda: providers.save(a, Provider(), PROVIDER),
    "xqplatform.accounts.signin.providers.remove": lambda w, a: (
        lambda: providers.remove(a, providers.save(a, Provider(), PROVIDER))
    ),
    "xqplatform.accounts.signin.providers.set_rule": lambda w, a: (
        lambda: providers.set_rule(a, "corp", "devs", [], "reader")
    ),
    "xqplatform.accounts.signin.services.demand_second_factor": lambda w, a: (
        lambda: signin.demand_second_factor(a, ["manager"])
    ),
    "xqplatform.secrets.services.rotate": lambda w, a: lambda: secret_keys.rotate(a),
    "xqplatform.accounts.services.change_account": lambda w, a: (
        lambda: people.change_account(a, display_name="Sara L.", language="en", time_zone="UTC", theme="dark")
    ),
    "xqplatform.accounts.services.create_person": lambda w, a: (
        lambda: people.create_person(a, "nina", "correct horse 9")
    ),
    "xqplatform.accounts.services.create_team": lambda w, a: lambda: people.create_team(a, "fog"),
    "xqplatform.accounts.tokens.create_token": lambda w, a: lambda: tokens.create_token(a, a.user, "ci"),  # type: ignore[arg-type]
    "xqplatform.accounts.services.remove_team": remove_team,
    "xqplatform.accounts.signin.services.sign_in_failed": lambda w, a: (
        lambda: signin.sign_in_failed(a, "x", "password")
    ),
    "xqplatform.accounts.signin.services.signed_in": lambda w, a: lambda: signin.signed_in(a, ["password"]),
    "xqplatform.notices.services.own.remove_own": remove_own,
    "xqplatform.notices.services.own.set_own": set_own,
    "xqplatform.notices.services.own.test_own": test_own,
    "xqplatform.notices.services.preferences.save": lambda w, a: lambda: preferences.save(a, {"failed": "all"}, {}),
    "xqplatform.notices.services.subscriptions.subscribe": subscribe,
}

# More for operations of the API than a right is asked for with: an empty change would change nothing.
MORE: dict[str, dict[str, Any]] = {
    "patch /conformance/profiles/{profile}": {"off": ["swap"]},
    "patch /gates": {"settle": 11},
    "patch /environments/{slug}/gates": {"settle": 11},
    "patch /services/{slug}/{environment}/gates": {"settle": 11},
    "patch /alert-rules/{pk}": {"threshold": 80},
    "patch /alert-channels/{pk}": {"enabled": False},
}
DATA.update(CAPACITY)

"""The lines of the access table for hosts, builds and services. What they are about belongs to the team «snow» or to none."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.utils import timezone

from builds.models import Badge, Blueprint, Forge, Project, Registry, Wave
from containers.models import (
    AppliedFile,
    BrokenGlass,
    Calendar,
    CommandRun,
    Container,
    Drain,
    Freeze,
    Front,
    HookRun,
    PersistedFolder,
    Service,
    Terminal,
    Train,
    TrainTemplate,
)
from hosts.models import HostCommand, HostGroup, HostOperation, Profile, SeenContainer, Waiver
from hosts.services import certificates
from tests import factories
from tests.accounts.access_table import Line, World
from xqplatform import audit
from xqplatform.accounts.actor import Actor
from xqplatform.alerts.models import Alert, Channel, Delivery, Notification, Rule, Silence
from xqplatform.audit.reviews.models import Review, ReviewRule
from xqplatform.notices.models import Entry, Notice, Subscription

Take = Callable[[World], dict[str, Any]]


def rows(world: World) -> None:
    """A running service, a release under way, a build, an image, a blueprint, a registry; and things that may go."""
    place = factories.make_running_place("flake", "production", 2, team=world.team)
    other = factories.make_running_place("floe", "isolated", 1, team=world.team)
    instance = place.instances.order_by("number")[0]
    Blueprint.objects.create(name="java8", base=True)
    spare = factories.make_host("spare", group=None)
    segment = factories.make_segment("empty", [spare], cidr="10.77.0.0/24")
    release = factories.make_deployment(other, "running")
    factories.make_step(release, other.instances.get(), "waiting")
    world.more |= {
        "place": place,
        "instance": instance,
        "address": segment.addresses.create(
            ip="10.77.0.9", mac="02:42:0a:4d:00:09", state="reserved", since=place.service.created
        ),
        "release": release,
        "done": factories.make_deployment(place),
        "build": factories.make_build(place.service.project, "succeeded"),
        "image": factories.make_image(place.service.project),
        "badge": Badge.objects.create(project=place.service.project),
        "forge": Forge.objects.create(project=other.service.project, kind="github"),
        "kept": factories.make_kept_log(factories.make_container(instance)),
        "registry": Registry.objects.create(name="main", address="127.0.0.1:9"),
    }
    world.more["old_authority"] = certificates.make_authority(Actor.system(), "first")
    certificates.make_authority(Actor.system(), "second")
    world.more |= {
        "terminal": Terminal.objects.create(
            instance=instance, host=instance.host, engine_id="e1", person=world.person, who="paula", state="open",
            opened=timezone.now(), lease="x", lease_until=timezone.now() + timedelta(hours=1),
        ),
        "command": CommandRun.objects.create(
            instance=instance, host=instance.host, engine_id="e1", who="paula", via="page", argv=["true"], timeout=9
        ),
    }  # fmt: skip
    world.more["persisted"] = PersistedFolder.objects.create(host=spare, root="/data/persist", ip="10.77.0.30")
    HostGroup.objects.create(slug="cellar")
    world.more["operation"] = HostOperation.objects.create(host=spare, kind="command.run", who="x")
    HostCommand.objects.create(
        name="tidy", title="Tidy", argv=["true"], author_name="x", changed=place.service.created, author=world.person
    )
    world.more["profile"] = Profile.objects.create(name="builders", role="build")
    world.more["waiver"] = Waiver.objects.create(
        host=spare, check_slug="swap", reason="x", until="2099-01-01", who="sara"
    )
    world.more |= alerts(world) | guardrails(world)
    train = Train.objects.create(name="evening")
    train.cars.create(stage=1, place=place, image=world.more["image"])
    world.more["train"] = train
    world.more["wave"] = Wave.objects.create(blueprint=Blueprint.objects.get(name="java8"), state="failed")
    content = {"cars": [{"stage": 1, "service": "flake", "environment": "production", "policy": {}}]}
    world.more["train_template"] = TrainTemplate.objects.create(name="weekly", content=content)
    world.more["file"] = AppliedFile.objects.create(service=place.service, text="name: flake", by_name="x")
    told = Notice.objects.create(key="release:1:failed", kind="failed", source="release", number=1, url="/releases/1/")
    world.more["subscription"] = Subscription.objects.create(
        channel=world.more["channel"], service="flake", kinds=["failed"], created_name="sara"
    )
    world.more["entry"] = Entry.objects.create(user=world.sre, notice=told, relation="mine")
    world.more["review"] = Review.objects.create(event=1, time=timezone.now(), actor="x", action="team.change")
    world.more["review_done"] = Review.objects.create(
        event=2, time=timezone.now(), actor="x", action="team.change", reviewed=timezone.now()
    )
    world.more["review_rule"] = ReviewRule.objects.create(name="mine", actions=["service.*"])
    world.more["front"] = Front.objects.create(slug="edge")
    world.more["hook_run"] = HookRun.objects.create(
        place=other, deployment=world.more["release"], slot="x", point="stop.before", name="drain", kind="command",
        state="held", ended=timezone.now(),
    )  # fmt: skip
    place.config.content = {"hooks": [TELL]}
    place.config.save()
    Service.objects.create(slug="firn", team=world.team, project=Project.objects.create(name="firn", team=world.team))
    factories.make_environment("lab")
    shown_elsewhere(world, place, other)


def shown_elsewhere(world: World, place: Any, other: Any) -> None:
    """What pages that belong to nobody tell of the team's things: a host's containers, folders and drain, events, an inbox."""
    for container in Container.objects.filter(instance__place__in=[place, other]).select_related("instance__host"):
        SeenContainer.objects.create(
            host=container.instance.host, engine_id=container.engine_id, name=container.instance.name, state="running",
            image="flake:1", ip=container.instance.ip, ours=True, seen=timezone.now(),
            labels={"xq.service": place.service.slug, "xq.instance": str(container.instance.number)},
        )  # fmt: skip
    host = world.more["instance"].host
    PersistedFolder.objects.create(host=host, root="/data/persist", ip="10.1.2.99", instance=world.more["instance"])
    Drain.objects.create(
        host=host,
        state="active",
        reason="x",
        created_name="sara",
        blocked=[{"place": "flake/production", "number": 1, "why": "flake: x"}],
    )
    world.more["blueprint"] = Blueprint.objects.create(name="frazil", team=world.team)
    notice = Notice.objects.create(
        key="release:2:failed", kind="failed", source="release", number=world.more["done"].pk, url="/releases/2/",
        service="flake", environment="production", team_id=world.team.pk, facts={"who": "flake"},
    )  # fmt: skip
    Entry.objects.create(user=world.developer, notice=notice, relation="all")
    actor = Actor.person(world.sre)
    audit.record(actor, "service.change", place.service, after={"title": "flake"})
    audit.record(actor, "deployment.pause", world.more["done"], parent=place.service)


def alerts(world: World) -> dict[str, Any]:
    """One of each: a rule of one's own, an alert of the team's, a silence of its service, a channel with a message that waits."""
    now = timezone.now()
    rule = Rule.objects.create(name="own", metric="memory.percent", threshold=90)
    channel = Channel.objects.create(name="ops", kind="webhook", url="http://127.0.0.1:9/hook", secret="s")
    told = Notification.objects.create(kind="firing", rule=rule, title="t", body="b")
    return {
        "rule": rule,
        "channel": channel,
        "delivery": Delivery.objects.create(notification=told, channel=channel),
        "silence": Silence.objects.create(service="flake", reason="x", until=now + timedelta(days=1), created_name="x"),
        "alert": Alert.objects.create(
            rule=rule, rule_name="own", severity="warning", subject=f"instance:{world.more['instance'].pk}",
            name="flake-production-1", service="flake", environment="production", team_id=world.team.pk, state="firing",
            started=now, since=now, fired=now, seen=now, value=93, peak=97,
        ),
    }  # fmt: skip


def guardrails(world: World) -> dict[str, Any]:
    """A calendar of one's own with an exception, a freeze window, and a release in spite of guardrails."""
    office = Calendar.objects.create(slug="office", title="Office")
    return {
        "calendar": office,
        "day": office.days.create(day="2026-12-31"),
        "freeze": Freeze.objects.create(
            environment=world.more["place"].environment, kind="once", reason="x",
            starts="2026-01-01T00:00Z", ends="2026-01-02T00:00Z",
        ),
        "glass": BrokenGlass.objects.create(deployment=world.more["done"], reason="x", by_name="sam"),
    }  # fmt: skip


def named(**arguments: Any) -> Take:
    return lambda world: dict(arguments)


def row(name: str, key: str = "pk") -> Take:
    return lambda world: {key: world.more[name].pk}


def asked(verb: str) -> Take:
    return lambda world: {"number": world.more["release"].pk, "verb": verb}


def asked_step(verb: str) -> Take:
    return lambda world: asked(verb)(world) | {"step": world.more["release"].steps.first().pk}


NOTHING = named()
FILE = "apiVersion: xqplatform/v1\nkind: Service\nname: flake\n"
TELL = {"name": "tell", "at": "release.after", "kind": "http", "url": "http://10.0.0.1/x"}
WRONG = named(wrong="1")  # a form that lacks everything: whoever may send it is told so
ONE_CAR = named(**{"name": "x", "on_failure": "stop", "c0-stage": "1", "c0-place": "flake/production"})
HERE = named(slug="flake", environment="production")
SNOW = named(slug="flake")
EMPTY = named(slug="empty")


def everybody(name: str, args: Take = NOTHING) -> Line:
    """A page that all who are signed in may read."""
    return Line(name, "GET", 200, 200, 200, args)


def change(name: str, args: Take = NOTHING, data: Take = NOTHING, sre: int = 302) -> Line:
    """A change that neither another team's developer nor a manager may make."""
    return Line(name, "POST", 403, 403, sre, args, data)


def hidden(name: str, args: Take = NOTHING) -> Line:
    """A form that only those see who may send it."""
    return Line(name, "GET", 403, 403, 200, args)


CONNECTED = named(name="h9", connection="local", address="/run/other.sock", role_run="on", build_slots="2")
WIRED = named(slug="new-one", cidr="10.78.0.0/24", driver="bridge", bridge="br1")

HOSTS = [
    everybody("hosts:fleet"),
    everybody("hosts:groups"),
    everybody("hosts:group", named(slug="cellar")),
    everybody("hosts:host", named(name="run-a2")),
    everybody("hosts:host_charts", named(name="run-a2")),
    everybody("hosts:network"),
    everybody("hosts:conformance"),
    everybody("hosts:conformance_host", named(name="run-a2")),
    everybody("hosts:waivers"),
    everybody("hosts:profiles"),
    everybody("hosts:profile", row("profile")),
    hidden("hosts:profile_new"),
    change("hosts:profile_new", data=named(role="registry", daemon="{}")),
    change("hosts:profile", row("profile"), named(role="build", daemon="{}")),
    change("hosts:unwaive", row("waiver")),
    change("hosts:waive_group", data=WRONG, sre=400),
    Line("hosts:conformance_act", "POST", 302, 302, 302, named(name="spare", action="check")),
    change("hosts:conformance_act", named(name="spare", action="fix"), named(check="swap"), sre=409),
    change("hosts:conformance_act", named(name="spare", action="undo"), WRONG, sre=404),
    change("hosts:conformance_act", named(name="spare", action="waive"), named(check="swap", reason=""), sre=400),
    everybody("hosts:segment", named(slug="seg-a")),
    Line("hosts:segment_by_key", "GET", 302, 302, 302, lambda w: {"pk": w.more["address"].segment_id}),
    hidden("hosts:new"),
    hidden("hosts:edit", named(name="run-a2")),
    hidden("hosts:segment_new"),
    hidden("hosts:segment_edit", named(slug="seg-a")),
    change("hosts:new", data=CONNECTED),
    change("hosts:edit", named(name="run-a2"), CONNECTED),
    change("hosts:groups", data=named(slug="attic", kind="room")),
    change("hosts:group", named(slug="cellar"), named(slug="cellar", title="Cellar", kind="room")),
    *[change("hosts:act", named(name="spare", action=action)) for action in ("cordon", "uncordon", "retire", "remove")],
    change("hosts:act", named(name="spare", action="bring-back"), sre=409),
    change("hosts:segment_new", data=WIRED),
    change("hosts:segment_edit", EMPTY, named(slug="empty", cidr="10.77.0.0/24", driver="bridge", bridge="br0")),
    change("hosts:segment_remove", EMPTY),
    change("hosts:reserve", EMPTY, named(ip="10.77.0.20")),
    change("hosts:network_ask", EMPTY, named(host="spare", do="verify")),
    change("hosts:unreserve", lambda w: {"slug": "empty", "pk": w.more["address"].pk}),
    everybody("hosts:daemon", named(name="run-a2")),
    hidden("hosts:setup"),
    change("hosts:setup", data=WRONG, sre=400),
    change("hosts:setup_again", named(name="spare"), sre=409),
    change("hosts:upkeep", named(name="spare", kind="engine.restart"), sre=409),
    change("hosts:measuring", named(name="spare"), named(way="off")),
    everybody("hosts:certificates"),
    everybody("hosts:operations", named(name="spare")),
    everybody("hosts:operation", lambda w: {"name": "spare", "pk": w.more["operation"].pk}),
    change("hosts:operation_cancel", lambda w: {"name": "spare", "pk": w.more["operation"].pk}),
    hidden("hosts:access", named(name="run-a2")),
    change("hosts:access", named(name="run-a2"), named(user="root", address="10.0.0.1"), sre=400),
    *[change("hosts:access_act", named(name="spare", verb=verb), sre=409) for verb in ("test", "trust", "remove")],
    everybody("hosts:commands"),
    everybody("hosts:command", named(name="uptime")),
    change("hosts:command", named(name="uptime"), sre=400),
    hidden("hosts:command_new"),
    hidden("hosts:command_edit", named(name="tidy")),
    change("hosts:command_new", data=named(name="sync", title="Sync", argv="sync")),
    change("hosts:command_edit", named(name="tidy"), named(name="tidy", title="Tidy up", argv="true")),
    change("hosts:command_review", named(name="tidy"), named(version="1")),
    change("hosts:command_remove", named(name="tidy")),
    everybody("hosts:authority", row("old_authority")),
    change("hosts:certificates", data=named(name="next")),
    change("hosts:authority_retire", row("old_authority")),
]

BUILDS = [
    everybody("builds:builds"),
    change("builds:badges", named(name="flake"), named(do="save")),
    everybody("builds:forge", named(name="flake")),
    change("builds:forge", named(name="flake"), named(kind="gitea", branches="main"), sre=200),
    change("builds:forge_secret", named(name="floe"), sre=200),
    change("builds:forge_remove", named(name="floe")),
    everybody("builds:build", row("build")),
    everybody("builds:raw_log", row("build")),
    everybody("builds:stream", row("build")),
    everybody("builds:images"),
    everybody("builds:image", row("image")),
    everybody("builds:blueprint", named(name="java8")),
    everybody("builds:blueprint", named(name="frazil")),
    everybody("builds:standing", named(name="java8")),
    everybody("builds:wave", row("wave")),
    change("builds:standing", named(name="java8"), named(source="running", with_root="on")),
    *[
        change("builds:wave_ask", lambda w, v=verb: {"pk": w.more["wave"].pk, "verb": v})  # type: ignore[misc]
        for verb in ("stop", "retry")
    ],
    everybody("builds:blueprint_new"),
    everybody("builds:blueprint_edit", named(name="java8")),
    everybody("builds:registries"),
    everybody("builds:registry", row("registry")),
    change("builds:builds", data=lambda w: {"project": w.more["place"].service.project_id, "branch": "prod"}, sre=400),
    change("builds:blueprint_new", data=named(name="node", base="on"), sre=400),
    change("builds:blueprint_edit", named(name="java8"), named(name="java8", base="on"), sre=400),
    change("builds:cancel", row("build")),
    change("builds:again", row("build")),
    change("builds:discard", row("image")),
    change("builds:blueprint_build", named(name="java8")),
    change("builds:blueprint_remove", named(name="java8")),
    change("builds:registries", data=named(name="second", address="127.0.0.1:7")),
    change("builds:registry", row("registry"), named(name="main", address="127.0.0.1:8")),
    change("builds:registry_check", row("registry")),
    change("builds:registry_remove", row("registry")),
]

SERVICES = [
    everybody("containers:files"),
    everybody("containers:file", row("file", "number")),
    everybody("containers:file_apply"),
    everybody("containers:service_code", SNOW),
    everybody("containers:service_export", SNOW),
    everybody("containers:environment_code", named(slug="production")),
    everybody("containers:environment_export", named(slug="production")),
    change("containers:file_apply", data=named(text=FILE), sre=200),
    change("containers:file_apply", data=named(text=FILE, do="apply", token="x"), sre=400),
    everybody("containers:services"),
    everybody("containers:service", SNOW),
    everybody("containers:place", HERE),
    everybody("containers:place_charts", HERE),
    everybody("containers:logs", HERE),
    everybody("containers:settings", HERE),
    everybody("containers:deploy", HERE),
    everybody("containers:scale", HERE),
    everybody("containers:releases"),
    everybody("containers:release", row("done", "number")),
    everybody("containers:release_calls", row("done", "number")),
    Line("containers:ahead", "GET", 404, 404, 404, HERE),  # it names no image
    everybody("containers:release_plan", row("done", "number")),
    everybody("containers:release_metrics", row("done", "number")),
    everybody("containers:release_compare", row("done", "number")),
    everybody("containers:release_file", lambda w: {"number": w.more["done"].pk, "shape": "html"}),
    everybody("containers:instance", row("instance", "number")),
    everybody("containers:instance_charts", row("instance", "number")),
    everybody("containers:slow", row("instance", "number")),
    everybody("containers:monitoring"),
    everybody("containers:persisted", named(name="run-a2")),
    hidden("containers:persisted_remove", row("persisted", "number")),
    change("containers:persisted_remove", row("persisted", "number"), WRONG, sre=400),
    everybody("containers:hooks", HERE),
    everybody("containers:hook_new", HERE),
    everybody("containers:hook", named(slug="flake", environment="production", name="tell")),
    everybody("containers:hook_run", row("hook_run", "number")),
    change("containers:hooks", HERE, WRONG, sre=400),
    change("containers:hook_new", HERE, WRONG, sre=400),
    change("containers:hook", named(slug="flake", environment="production", name="tell"), WRONG, sre=400),
    change("containers:hook_remove", named(slug="flake", environment="production", name="tell")),
    change("containers:hook_try", named(slug="flake", environment="production", name="tell")),
    *[
        change("containers:hook_answer", lambda w, v=verb: {"number": w.more["hook_run"].pk, "verb": v})  # type: ignore[misc]
        for verb in ("retry", "pass")
    ],
    everybody("containers:fronts"),
    everybody("containers:front_new"),
    everybody("containers:front", named(slug="edge")),
    change("containers:front_new", data=WRONG, sre=400),
    change("containers:front", named(slug="edge"), WRONG, sre=400),
    change("containers:front_apply", named(slug="edge")),
    change("containers:front_remove", named(slug="edge")),
    everybody("containers:environments"),
    everybody("containers:environment", named(slug="production")),
    Line(
        "containers:log_stream", "GET", 403, 200, 200, named(slug="floe", environment="isolated"), named(instance="9")
    ),
    *[Line(f"containers:{name}", "GET", 403, 200, 200, HERE) for name in ("log_lines", "log_download")],
    Line("containers:instance_log", "GET", 302, 302, 302, row("instance", "number")),
    everybody("containers:log_history", row("instance", "number")),
    Line("containers:log_files", "GET", 403, 200, 200, row("instance", "number")),
    Line("containers:log_file", "GET", 403, 404, 404, row("instance", "number")),
    Line("containers:kept_log", "GET", 403, 200, 200, row("kept", "number")),
    Line("containers:terminal_new", "GET", 403, 403, 200, row("instance", "number")),
    change("containers:terminal_new", row("instance", "number"), named(reason="x")),
    everybody("containers:terminals"),
    Line("containers:terminal", "GET", 404, 200, 200, row("terminal", "number")),
    Line("containers:terminal_ticket", "POST", 404, 404, 404, row("terminal", "number")),  # it is paula's
    change("containers:terminal_end", row("terminal", "number")),
    Line("containers:recording", "GET", 403, 200, 200, row("terminal", "number")),
    Line("containers:recording_cast", "GET", 403, 200, 200, row("terminal", "number")),
    change("containers:command_new", row("instance", "number"), named(command="true", timeout="5", reason="x")),
    Line("containers:command", "GET", 403, 200, 200, row("command", "number")),
    Line("containers:command_output", "GET", 403, 200, 200, row("command", "number")),
    change("containers:command_cancel", row("command", "number")),
    # A developer may make services of an own team: what is wrong is said at the field.
    Line("containers:service_new", "POST", 400, 403, 400, data=WRONG),
    change("containers:service_build", SNOW, named(branch="prod")),
    change("containers:service_change", SNOW, named(title="Snow")),
    change("containers:service_remove", SNOW, WRONG, sre=400),
    change("containers:service_remove", named(slug="firn"), named(name="firn", reason="over")),
    change("containers:place_add", SNOW, named(environment="grey")),
    change("containers:act", HERE, named(do="restart", instances="1")),
    change("containers:scale", HERE, named(wanted="3")),
    change("containers:place_remove", HERE, WRONG, sre=400),
    everybody("containers:automatic", SNOW),
    change("containers:automatic_save", HERE, named(**{"production-branches": "main"})),
    change("containers:settings", HERE, WRONG, sre=400),
    change("containers:place_change", HERE, named(branch="prod")),
    change("containers:deploy", HERE, named(step="plan")),
    change("containers:fetch", HERE),
    change("containers:act", HERE, named(do="forget", instances="1")),
    Line("containers:move", "GET", 403, 403, 302, HERE),  # nothing is ticked
    change("containers:move", HERE, named(instances="1")),
    Line("containers:readdress", "GET", 403, 403, 200, row("instance", "number")),
    change("containers:readdress", row("instance", "number")),
    hidden("containers:drain", named(name="spare")),
    change("containers:drain", named(name="spare")),
    *[change("containers:drain_ask", named(name="spare", verb=verb)) for verb in ("cancel", "retry")],
    change("containers:act", HERE, named(do="move", instances="1")),
    change("containers:discard", HERE, lambda w: {"image": w.more["image"].pk}),
    *[change("containers:release_ask", asked(verb)) for verb in ("pause", "resume", "continue", "cancel", "rollback")],
    *[change("containers:release_approve", asked(verb)) for verb in ("approve", "withdraw")],
    *[change("containers:release_move", asked(verb)) for verb in ("sooner", "later")],
    *[change("containers:release_step", asked_step(verb), named(reason="x")) for verb in ("skip", "retry")],
    everybody("containers:trains"),
    everybody("containers:train_new"),
    everybody("containers:train", row("train", "number")),
    everybody("containers:train_change", row("train", "number")),
    change("containers:train_new", data=ONE_CAR),
    change("containers:train_change", row("train", "number"), ONE_CAR),
    change("containers:train_begin", row("train", "number")),
    change("containers:train_keep", row("train", "number"), named(name="weekly")),
    change("containers:train_template_remove", row("train_template", "number")),
    *[
        change("containers:train_ask", lambda w, v=verb: {"number": w.more["train"].pk, "verb": v})  # type: ignore[misc]
        for verb in ("pause", "continue", "abort", "rollback")
    ],
    change("containers:environment_new", data=WRONG, sre=400),
    change("containers:environment", named(slug="lab"), WRONG, sre=400),
    change("containers:environment_remove", named(slug="lab")),
]

ALERTS = [
    everybody("notices:inbox"),
    everybody("notices:badge"),
    Line("notices:open", "POST", 404, 404, 302, row("entry")),  # an inbox is its owner's only
    Line("notices:mark", "POST", 404, 404, 302, row("entry")),
    Line("notices:read_all", "POST", 302, 302, 302),
    everybody("notices:preferences"),
    Line("notices:preferences", "POST", 400, 400, 400),
    Line("notices:own_set", "POST", 400, 400, 400),
    Line("notices:own_act", "POST", 302, 302, 302, named(verb="test")),
    everybody("notices:subscriptions"),
    change("notices:subscriptions", data=WRONG, sre=400),
    change("notices:unsubscribe", row("subscription")),
    everybody("alerts:firing"),
    everybody("alerts:badge"),
    everybody("alerts:history"),
    everybody("alerts:alert", row("alert")),
    everybody("alerts:rules"),
    everybody("alerts:rule", row("rule")),
    everybody("alerts:silences"),
    everybody("alerts:silence_new"),
    everybody("alerts:channels"),
    everybody("alerts:channel", row("channel")),
    everybody("alerts:deliveries"),
    everybody("alerts:delivery", row("delivery")),
    hidden("alerts:rule_new"),
    hidden("alerts:rule_edit", row("rule")),
    hidden("alerts:channel_new"),
    change("alerts:rule_new", data=WRONG, sre=400),
    change("alerts:rule_edit", row("rule"), WRONG, sre=400),
    change("alerts:rule_look", data=WRONG, sre=200),
    change("alerts:rule_switch", row("rule"), named(on="0")),
    change("alerts:rule_remove", row("rule")),
    change("alerts:silence_new", data=named(service="flake", span="1 h", reason="x")),
    change("alerts:silence_end", row("silence")),
    change("alerts:channel_new", data=WRONG, sre=400),
    change("alerts:channel", row("channel"), WRONG, sre=400),
    change("alerts:channel_test", row("channel")),
    change("alerts:delivery_retry", row("delivery")),
    change("alerts:channel_remove", row("channel")),
]

OFFICE = named(slug="office")
PRODUCTION = named(slug="production")
GUARDRAILS = [
    everybody("containers:guardrails"),
    everybody("containers:guardrails_of", PRODUCTION),
    everybody("containers:calendars"),
    everybody("containers:calendar", OFFICE),
    Line("containers:calendar_by_key", "GET", 302, 302, 302, row("calendar", "number")),
    everybody("containers:gates"),
    everybody("containers:gates_of", PRODUCTION),
    everybody("containers:place_gates", HERE),
    change("containers:gates", data=WRONG, sre=400),
    change("containers:gates_of", PRODUCTION, WRONG, sre=400),
    change("containers:place_gates", HERE, WRONG, sre=400),
    everybody("containers:glass"),
    everybody("containers:approvals"),
    change("containers:guardrails_of", PRODUCTION, WRONG, sre=400),
    change("containers:freeze_add", named(slug="production", kind="once"), WRONG, sre=400),
    change("containers:freeze_end", lambda w: {"slug": "production", "number": w.more["freeze"].pk}),
    change("containers:calendars", data=named(market="XSHG")),
    change("containers:calendar", OFFICE, WRONG, sre=400),
    change("containers:calendar_day", OFFICE, named(day="2026-12-30")),
    change("containers:calendar_day_remove", lambda w: {"slug": "office", "number": w.more["day"].pk}),
    change("containers:calendar_ics", OFFICE, named(means="closed")),
    *[change("containers:calendar_act", named(slug="office", verb=verb)) for verb in ("compute", "remove")],
    change("containers:glass_review", row("glass", "number"), named(comment="fine")),
    change("containers:release_go_on", row("release", "number"), named(glass_reason="x", glass_name="floe")),
]

REVIEWS = [
    Line("reviews:index", "GET", 403, 200, 200),
    Line("reviews:rules", "GET", 403, 200, 200),
    change("reviews:mark", data=lambda w: {"reviews": w.more["review"].pk, "comment": "fine"}),
    change("reviews:reopen", row("review_done"), named(comment="look again")),
    change("reviews:rules", data=WRONG, sre=400),
    change("reviews:rule_switch", row("review_rule"), named(on="0")),
    change("reviews:rule_remove", row("review_rule")),
]

GROUPS = {
    "reviews": REVIEWS,
    "guardrails": GUARDRAILS,
    "alerts": ALERTS,
    "hosts": HOSTS,
    "builds": BUILDS,
    "services": SERVICES,
}

"""What the access tables are about: people, and rows of the team «snow» with names that no page says of its own accord."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from builds.models import Badge, Blueprint, Forge, Image, ImageImport, Project, Registry, Wave
from containers.capacity.models import Price, Scenario
from containers.keeping.models import Backup, BackupTarget, LeftData, Snapshot
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
    Upstream,
)
from containers.scaling.models import ScalingPolicy
from hosts.models import HostCommand, HostGroup, HostOperation, Profile, SeenContainer, Waiver
from hosts.services import certificates
from tests import factories
from tests.accounts.access_table import World
from xqplatform import audit
from xqplatform.accounts import invitations, service_accounts
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import AccessRequest, Grant, Membership, OwnRole, Team, Token
from xqplatform.accounts.sessions.models import Session
from xqplatform.alerts.models import Alert, Channel, Delivery, Notification, Rule, Silence
from xqplatform.audit.models import SavedView
from xqplatform.audit.reviews.models import Review, ReviewRule
from xqplatform.notices.models import Entry, Notice, Subscription

TELL = {"name": "tell", "at": "release.after", "kind": "http", "url": "http://10.0.0.1/x"}


@pytest.fixture
def world(team: Any, sre: Any, manager: Any, developer: Any) -> World:
    from tests.conftest import make_person

    other = Team.objects.create(slug="other")
    stranger = make_person("otto", "developer")
    Membership.objects.create(user=stranger, team=other)
    person = make_person("paula", "developer")
    token, _raw = Token.make(person, "hers")
    event = audit.record(Actor.person(sre), "team.create", team, after={"slug": "snow"})
    invitation, _link = invitations.invite(Actor.person(sre), "newcomer")
    role = OwnRole.objects.create(slug="restart", title="Restart only", rights=["service.restart"])
    restart = make_person("rita", "reader")
    Grant.objects.create(user=restart, role=role.slug, team=team)
    others = (make_person("anna", "auditor"), make_person("adam", "admin"))
    robot = service_accounts.create(Actor.person(sre), "ci-snow", team)
    ops = OwnRole.objects.create(slug="ops", title="Ops")
    grant = Grant.objects.create(user=person, role="reader")
    request = AccessRequest.objects.create(
        kind="grant", data={}, about="x", asked_by=person, asked_name="paula", expires=event.time
    )
    people = (person, sre, manager, stranger, developer, restart, *others)
    return World(team, *people, token, event, invitation, robot, ops, grant, request)


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
        "import": ImageImport.objects.create(project=place.service.project, name="root.tar", size=5, state="queued"),
        "badge": Badge.objects.create(project=place.service.project),
        "forge": Forge.objects.create(project=other.service.project, kind="github"),
        "kept": factories.make_kept_log(factories.make_container(instance)),
        "registry": Registry.objects.create(name="main", address="127.0.0.1:9", password="pass word"),
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
    world.more["left"] = LeftData.objects.create(
        place=place, host=spare, numbers=[7], volumes=[{"name": "xq-vol-flake.production.data", "pool": "default"}],
        left=timezone.now(), until=timezone.now(), image=world.more["image"],
    )  # fmt: skip
    world.more["snapshot"] = Snapshot.objects.create(
        instance=instance, host=instance.host, state="ready", taken=timezone.now(), who="paula"
    )
    disk = BackupTarget.objects.create(name="disk", kind="folder", key="x", recipient="age1x")
    world.more["backup"] = Backup.objects.create(
        instance=instance,
        host=instance.host,
        target=disk,
        state="ready",
        taken=timezone.now(),
        who="paula",
        folder="flake",
    )
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
    content = {"least": 1, "most": 4, "loads": [{"metric": "cpu.percent", "target": 50}]}
    ScalingPolicy.objects.create(place=place, content=content)
    world.more["wave"] = Wave.objects.create(blueprint=Blueprint.objects.get(name="java8"), state="failed")
    content = {"cars": [{"stage": 1, "service": "flake", "environment": "production", "policy": {}}]}
    world.more["train_template"] = TrainTemplate.objects.create(name="weekly", content=content)
    world.more["file"] = AppliedFile.objects.create(service=place.service, text="name: flake", by_name="x")
    world.more["scenario"] = Scenario.objects.create(
        name="A room less", owner=world.sre, owner_name="sara", shared=True, changes=["room:cellar"]
    )
    told = Notice.objects.create(key="release:1:failed", kind="failed", source="release", number=1, url="/releases/1/")
    world.more["subscription"] = Subscription.objects.create(
        channel=world.more["channel"], service="flake", kinds=["failed"], created_name="sara"
    )
    ends = timezone.now() + timedelta(days=1)
    world.more["session"] = Session.objects.create(session_key="s" * 40, user=world.person, expire_date=ends)
    world.more["entry"] = Entry.objects.create(user=world.sre, notice=told, relation="mine")
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
    Grant.objects.create(user=world.person, role="restart", service="flake", environment="production")
    Grant.objects.create(group=world.team, role="restart", service="floe")


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
    world.more["front"].hosts.add(host)
    Upstream.objects.create(place=place, front=world.more["front"], host=host, text="flake")
    base = Image.objects.create(blueprint=Blueprint.objects.get(name="java8"), repository="java8", tag="java8V1")
    Image.objects.filter(pk=world.more["image"].pk).update(parent=base)
    world.more["wave"].items.create(project=place.service.project, branch="prod")
    # Of nothing that a team owns: everybody sees that they are there.
    first, second = (audit.record(Actor.system(), "team.change", None).pk for _n in range(2))
    world.more["review"] = Review.objects.create(event=first, time=timezone.now(), actor="x", action="team.change")
    world.more["review_done"] = Review.objects.create(
        event=second, time=timezone.now(), actor="x", action="team.change", reviewed=timezone.now()
    )
    world.more["review_rule"] = ReviewRule.objects.create(name="mine", actions=["service.*"])
    world.more["view"] = SavedView.objects.create(owner=world.sre, name="view", shared=True)
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
        "price": Price.objects.create(monthly=300, currency="EUR", valid_from="2026-01-01", author_name="sara"),
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

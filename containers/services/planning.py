"""Gathers rows into the planner's views: the only bridge between `containers.plan` and the database."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields, replace
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from builds.models import Image
from containers import holds, live_limits, spec
from containers.adding import NONE
from containers.by_hand import MOST, ByHand, judged, names
from containers.config import Config, parse
from containers.config_volumes import check_folders
from containers.models import ConfigVersion, Container, Deployment, Instance, ServiceEnvironment
from containers.plan import HostView, InstanceView, Plan, Policy, make_plan
from containers.services import capacity, init_images, persisted, placing
from hosts.addresses import Choice
from hosts.models import Host, HostGroup, Segment
from hosts.runtimes import unsuited
from hosts.services import choosing, networks
from hosts.services.addresses import free_in
from xqplatform.errors import Refused

# What a host is judged by, of a thousand of them: without what connects to them, since keys are long and have to be decrypted.
HOST_FIELDS = (
    "name", "group_id", "labels", "state", "state_reason", "cordoned", "cordon_reason", "draining", "role_run",
    "cpus", "memory", "architecture", "api_version", "runtime",
)  # fmt: skip


def segment_of(place: ServiceEnvironment) -> Segment | None:
    """The segment that new instances of the place get their address from."""
    return place.segment or place.environment.segment


def config_of(version: ConfigVersion | None) -> Config:
    """The settings of a version; the defaults where there is none yet."""
    return parse(version.content) if version is not None else Config()


def standing(place: ServiceEnvironment) -> list[Instance]:
    """The place's instances, by number."""
    return list(place.instances.filter(removed=None).select_related("host", "address").order_by("number"))


def plan_for(
    place: ServiceEnvironment,
    kind: str,
    *,
    policy: Policy,
    image: Image | None,
    config: ConfigVersion | None,
    wanted: int,
    numbers: Collection[int] | None = None,
    chosen: Mapping[int, str] | None = None,
    on: Mapping[int, str] | None = None,
) -> Plan:
    """The plan of a change, from what is stored now. Raises Refused for what no plan could be made of. `chosen`, `on`: addresses and
    hosts for new instances, by number, as somebody typed them.
    """
    settings_ = config_of(config)
    if kind in {"deploy", "scale"}:
        check_folders(settings_.volumes, place.service.slug, settings.VOLUME_ROOTS)
    instances = standing(place)
    segment = segment_of(place)
    images = images_of(instances)
    beside = kind == "deploy" and policy.strategy == "blue-green"
    adding = beside or (kind in {"deploy", "scale"} and wanted > len(instances))
    hands = by_hand(on or {})
    plan = make_plan(
        kind=kind,
        instances=[instance_view(one, images.get(one.pk, ""), settings_) for one in instances],
        hosts=host_views(
            place,
            instances,
            settings_,
            segment,
            image=image if adding else None,
            also={pk for one in hands.values() for pk in one.hosts},
        ),
        wanted=wanted,
        config=settings_,
        policy=policy,
        image=str(image) if image is not None else "",
        only_on=image.only_on_id if image is not None and not (image.registry_id and image.digest) else None,
        segment=str(segment) if segment is not None else "",
        free_addresses=len(free_in(segment)) if segment is not None and adding else 0,
        numbers=numbers,
        stuck=_stuck(instances, settings_) if kind == "limits" else None,
        addresses=choices(place, chosen or {}),
        around=placing.around(place) if adding else NONE,
        on=hands,
    )
    told = tuple(words for one in holds.TOLD if (words := one(place, kind)))
    return init_images.checked(replace(plan, warnings=(*plan.warnings, *told)), settings_, image, segment is not None)


def choices(place: ServiceEnvironment, chosen: Mapping[int, str]) -> dict[int, Choice]:
    """What is to be said of addresses that somebody chose for instances of the place, by number."""
    segment = segment_of(place)
    prefix = f"{place.service.slug}/{place.environment.slug}/"
    return {
        number: choosing.judge(segment, ip, f"{prefix}{number}") if segment is not None else Choice(ip)
        for number, ip in chosen.items()
    }


def by_hand(typed: Mapping[int, str]) -> dict[int, ByHand]:
    """The hosts that somebody typed for instances, by number; what names no host is left to the platform."""
    asked = {number: text for number, text in typed.items() if names(text)}
    known = Host.objects.filter(name__in={name for text in asked.values() for name in names(text)[:MOST]})
    of = dict(known.values_list("name", "pk")) if asked else {}
    return {number: judged(text, of) for number, text in asked.items()}


def _stuck(instances: list[Instance], wanted: Config) -> dict[int, str]:
    """Instances whose running container cannot take the limits as it is: it differs in more, or there is none."""
    rows = Container.objects.filter(instance__in=instances, ended=None).select_related("config").order_by("id")
    running = {row.instance_id: row for row in rows}
    found: dict[int, str] = {}
    for one in instances:
        row = running.get(one.pk)
        if row is None:
            found[one.pk] = _("There is no container that could take new limits.")
            continue
        changes = live_limits.changes(config_of(row.config), wanted, one.host.speaks)
        if why := live_limits.refusal(changes):
            found[one.pk] = why
    return found


def images_of(instances: list[Instance]) -> dict[int, str]:
    """What each instance runs now, as its tag."""
    found: dict[int, str] = {}
    rows = Container.objects.filter(instance__in=instances, ended=None)
    for row in rows.select_related("image").order_by("id"):
        found[row.instance_id] = str(row.image or "")
    return found


def instance_view(one: Instance, image: str, config: Config) -> InstanceView:
    return InstanceView(
        pk=one.pk,
        number=one.number,
        host=one.host_id,
        address=one.address.ip if one.address else "",
        healthy=one.state in {"healthy", "running"},
        running=one.state in {"healthy", "running", "starting", "unhealthy"},
        image=image,
        role=one.role if config.role_command else "",
    )


def host_views(
    place: ServiceEnvironment,
    instances: list[Instance],
    config: Config,
    segment: Segment | None,
    *,
    image: Image | None = None,
    also: Collection[int] = (),
) -> list[HostView]:
    """All hosts that matter: those that may get new instances, those where instances stand, and those that somebody named (`also`).
    `image`: what goes there.
    """
    groups = set(place.environment.groups.values_list("pk", flat=True))
    own = {one.host_id for one in instances} | set(also)
    promised = capacity.promises(place)
    on_segment = set(segment.hosts.values_list("pk", flat=True)) if segment is not None else set()
    unplugged = networks.unusable(segment) if segment is not None else {}
    there = placing.having(image) if image is not None else set()
    views = []
    limits = {group.pk: _limits(group) for group in HostGroup.objects.all()}
    fleet = list(Host.objects.only(*HOST_FIELDS))
    runtimes = {host.runtime for host in fleet if host.role_run and host.state != Host.State.RETIRED}
    for host in fleet:
        member = host.role_run and (not groups or host.group_id in groups)
        if not member and host.pk not in own:
            continue
        if host.state == Host.State.RETIRED and host.pk not in own:
            continue
        views.append(
            HostView(
                pk=host.pk,
                name=host.name,
                unfit=unfit(host),
                in_groups=member,
                reachable=host.state in Host.ANSWERING,
                cpus=host.cpus,
                memory=host.memory,
                used_cpus=promised[host.pk].cpus,
                used_memory=promised[host.pk].memory,
                missing=(
                    *(spec.missing(config, host.speaks) if host.speaks else ()),
                    *([no] if (no := unsuited(host.runtime, place.service.kind, runtimes)) else []),
                    *persisted.missing(config, host),
                    *([unplugged[host.pk]] if host.pk in unplugged else []),
                ),
                has_segment=segment is None or host.pk in on_segment,
                instances=promised[host.pk].all,
                architecture=host.architecture,
                **limits.get(host.group_id or 0, {}),
                labels=host.labels,
                has_image=host.pk in there,
            )
        )
    return views


def _limits(group: HostGroup) -> dict[str, Any]:
    """How much of a host of the group may be promised, and the group."""
    return {
        "room": group.pk,
        "room_name": str(group),
        "reserve_cpus": group.reserve_cpus,
        "reserve_memory": group.reserve_memory,
        "overcommit_cpus": group.overcommit_cpus,
        "overcommit_memory": group.overcommit_memory,
    }


def unfit(host: Host) -> str:
    """Why the host takes no instances, in words; empty: it takes them."""
    if host.takes_instances:
        return ""
    if not host.role_run:
        return _("the host does not run services")
    if host.state == Host.State.UNREACHABLE:
        return _("unreachable: %(why)s") % {"why": host.state_reason} if host.state_reason else _("unreachable")
    if host.draining:
        return _("the host is being drained")
    if host.cordoned:
        why = host.cordon_reason
        return _("cordoned: %(why)s") % {"why": why} if why else _("cordoned")
    return _("the host is %(state)s") % {"state": host.get_state_display()}


def check_image(place: ServiceEnvironment, image: Image) -> None:
    """Raises Refused for an image that cannot be released here."""
    if image.state == Image.State.DISCARDED:
        raise Refused(_("The image %(tag)s was discarded.") % {"tag": image.tag}, "image")
    if image.project_id is not None and image.project_id != place.service.project_id:
        raise Refused(_("The image %(tag)s is of another project.") % {"tag": image.tag}, "image", 400)


def last_policy(place: ServiceEnvironment) -> dict[str, Any]:
    """What the policy of the place's last release says, for one that nobody is asked about."""
    last = place.deployments.filter(kind=Deployment.Kind.DEPLOY).order_by("-id").first()
    names = {field.name for field in fields(Policy)}
    found = {name: value for name, value in (last.policy if last else {}).items() if name in names}
    if found.get("strategy") == "recreate":
        found["strategy"] = "rolling"  # nobody stops all of them because somebody did so the last time
    return found

"""Moving instances to other hosts, with their image, settings and address."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.utils.translation import gettext as _

from containers.config import Config, parse
from containers.models import Container, Deployment, Drain, Instance, ServiceEnvironment, Step
from containers.moving import Mover, Wish, plan_moves
from containers.plan import HostView, Plan, Policy
from containers.services import capacity, holders, placing, step_rows, unchanged
from containers.services.planning import config_of, host_views, images_of, instance_view
from containers.services.settings import topic
from hosts.models import Host, Segment
from hosts.runtimes import TRAITS
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.errors import Refused
from xqplatform.work import enqueue

# How a place that was never released otherwise rolls: the wizard's own proposal.
USUAL = {"batch": "25%", "pause": 0, "order": "stop-first", "deadline": 60, "on_failure": "rollback"}
KEEP = [name for name, traits in TRAITS.items() if traits.keeps]  # runtimes between which data moves along
PolicyData = Mapping[str, Any] | Policy | None
# What earlier places of the same plan promise to hosts: host → (CPUs, memory in bytes, instances).
Promised = Mapping[int, tuple[float, int, int]]


def policy_of(place: ServiceEnvironment) -> Policy:
    """The service's own rules: how its last release went."""
    begun = place.deployments.filter(kind=Deployment.Kind.DEPLOY).exclude(state=Deployment.State.WAITING)
    last = begun.order_by("-id").first()
    known = {name: value for name, value in (last.policy if last else {}).items() if name in USUAL}
    if known.get("on_failure") == "hold":
        known["on_failure"] = "stop"  # what did not move is at home already: nobody has to be waited for
    return Policy.parse(USUAL | known)


def preview(
    actor: Actor,
    place: ServiceEnvironment,
    numbers: Collection[int],
    to_host: Host | None = None,
    *,
    fenced: bool = False,
    with_data: bool = False,
    policy: PolicyData = None,
) -> Plan:
    """What `move` would do, and what does not fit. Changes nothing."""
    _may(actor, place, fenced=fenced, with_data=with_data)
    return plan_for(place, numbers, Wish(to_host.pk if to_host else None, fenced, with_data), policy)


def move(
    actor: Actor,
    place: ServiceEnvironment,
    numbers: Collection[int],
    to_host: Host | None = None,
    *,
    fenced: bool = False,
    with_data: bool = False,
    reason: str = "",
    policy: PolicyData = None,
    drain: Drain | None = None,
    each: Mapping[int, int] | None = None,
) -> Deployment:
    """Moves the instances to `to_host`, or to where there is room. They keep image, settings, address and MAC.

    `fenced`: somebody made sure that hosts that cannot be reached are off; `with_data`: instances with data on their host
    move, too, and start without it; `each`: host of an instance by its number. Raises Refused when it does not fit, or while another change is active.
    """
    from containers.tasks import advance

    _may(actor, place, fenced=fenced, with_data=with_data)
    if len(reason) > 2000:
        raise Refused(_("The reason is too long."), "reason", 400)
    wish = Wish(to_host.pk if to_host else None, fenced, with_data, each or {})
    with holders.claimed(place) as locked:
        capacity.lock()
        plan = plan_for(locked, numbers, wish, policy)
        if refusal := plan.refusal():
            raise Refused(refusal)
        row = _saved(actor, locked, plan, wish=wish, reason=reason, drain=drain)
        after = {
            "deployment": row.pk,
            "moves": {f"#{e.number}": f"{e.old_host_name} → {e.host_name}" for e in plan.entries if not e.problem},
        }
        after |= {"fenced": True} if fenced else {}
        after |= {"data stays": True} if with_data else {}
        audit.record(actor, "service.move", locked, after=after, reason=reason, parent=locked.service)
        if drain is not None:
            audit.record(actor, "host.drain.move", drain.host, after=after, reason=str(locked), parent=row)
        live.bump("services", f"service:{locked.service.slug}", topic(locked), f"release:{row.pk}")
        enqueue(advance, row.pk)
    return row


def _may(actor: Actor, place: ServiceEnvironment, *, fenced: bool, with_data: bool) -> None:
    require(actor, "service.operate", **place.at, obj=place)
    if fenced or with_data:
        require(actor, "host.manage", obj=place)


def plan_for(
    place: ServiceEnvironment,
    numbers: Collection[int],
    wish: Wish,
    policy: PolicyData = None,
    promised: Promised | None = None,
) -> Plan:
    """The plan of a move, from what is stored now."""
    standing = _standing(place)
    version = place.current_config or place.config
    config = config_of(version)
    chosen = [one for one in standing if one.number in set(numbers)]
    segments = {one.address.segment_id for one in chosen if one.address}
    images = images_of(standing)
    keepers = frozenset(Host.objects.filter(runtime__in=KEEP).values_list("pk", flat=True))
    views = {one.pk: instance_view(one, images.get(one.pk, ""), config) for one in standing}
    return plan_moves(
        standing=list(views.values()),
        movers=[_mover(one, views[one.pk], place, standing, keepers) for one in chosen],
        hosts=_hosts(place, standing, config, promised or {}),
        on_segment={
            row.pk: frozenset(row.hosts.values_list("pk", flat=True)) for row in Segment.objects.filter(pk__in=segments)
        },
        config=config,
        policy=policy_of(place) if policy is None else Policy.parse(policy),
        wish=wish,
        unknown=sorted(set(numbers) - {one.number for one in standing}),
        around=placing.around(place),
    )


def _standing(place: ServiceEnvironment) -> list[Instance]:
    rows = place.instances.filter(removed=None).select_related("host", "address__segment").order_by("number")
    found = list(rows)
    current: dict[int, Container] = {}
    for row in (
        Container.objects.filter(instance__in=found, ended=None).select_related("image", "config").order_by("id")
    ):
        current[row.instance_id] = row
    ever = step_rows.running_of([one for one in found if one.pk not in current])
    for one in found:
        one.runs = current.get(one.pk) or ever.get(one.pk)  # type: ignore[attr-defined]
    return found


def _mover(
    one: Instance, view: Any, place: ServiceEnvironment, standing: Sequence[Instance], keepers: frozenset[int]
) -> Mover:
    runs: Container | None = one.runs  # type: ignore[attr-defined]
    image = runs.image if runs is not None else place.current_image
    config = parse(runs.config.content) if runs is not None and runs.config is not None else config_of(place.config)
    lost = one.host.state not in Host.ANSWERING
    stays, carried = (data_of(config), "") if lost or one.host_id not in keepers else parted(config)
    shares = bool(carried) and any(not volume.source.startswith("/") for volume in config.volumes)
    others = [other.number for other in standing if other.host_id == one.host_id and other.pk != one.pk]
    in_registry = image is not None and bool(image.registry_id and image.digest)
    return Mover(
        view=view,
        segment=one.address.segment_id if one.address else None,
        segment_name=str(one.address.segment) if one.address else "",
        data=stays,
        carried=carried,
        keepers=keepers,
        shared_by=tuple(others) if shares else (),
        shares=shares,
        only_on=None if image is None or in_registry else image.only_on_id,
        made=image is not None,
        lost=lost,
    )


def parted(config: Config) -> tuple[str, str]:
    """What stays on the host, and what moves along where both hosts keep volumes, in words."""
    named = [f"{volume.source} ({volume.target})" for volume in config.volumes if not volume.source.startswith("/")]
    persists = ["/persist"] if config.persist and config.persist_in != "folder" else []
    folders = [volume for volume in config.volumes if volume.source.startswith("/")]
    rest = replace(config, volumes=tuple(folders), persist=config.persist and not persists)
    return data_of(rest), ", ".join([*named, *persists])


def data_of(config: Config) -> str:
    """What an instance has on its host that stays there when it moves, in words; empty: nothing."""
    kept = [f"{volume.source} ({volume.target})" for volume in config.volumes if not volume.read_only]
    return ", ".join([*kept, *(["/persist"] if config.persist else [])])


def _hosts(place: ServiceEnvironment, standing: list[Instance], config: Config, promised: Promised) -> list[HostView]:
    """The planner's hosts, with what earlier places of the plan will bring them."""
    return [
        replace(
            view,
            used_cpus=view.used_cpus + promised[view.pk][0],
            used_memory=view.used_memory + promised[view.pk][1],
            instances=view.instances + promised[view.pk][2],
        )
        if view.pk in promised
        else view
        for view in host_views(place, standing, config, None)
    ]


def _saved(
    actor: Actor, place: ServiceEnvironment, plan: Plan, *, wish: Wish, reason: str, drain: Drain | None
) -> Deployment:
    standing = {one.pk: one for one in _standing(place)}
    lost = {pk for pk, one in standing.items() if one.host.state not in Host.ANSWERING}
    moving = [entry for entry in plan.entries if not entry.problem]
    policy = {**plan.policy.to_json(), "size": plan.batch_size}
    if any(entry.instance in lost for entry in moving):
        policy["on_failure"] = "stop"  # there is nothing that one could go back to
    kind, there = Deployment.Kind.MOVE, len(standing)
    row = unchanged.deployment(actor, place, kind, policy, there=there, reason=reason, drain=drain)
    for position, entry in enumerate(moving):
        one = standing[entry.instance or 0]
        Step.objects.create(
            deployment=row,
            instance=one,
            position=position,
            batch=entry.batch,
            action=Step.Action.MOVE,
            host_id=entry.host,
            old_host_id=entry.old_host,
            fenced=wish.fenced and one.pk in lost,
            **unchanged.kept(one, one.runs, place),  # type: ignore[attr-defined]
        )
    ServiceEnvironment.objects.filter(pk=place.pk).update(active=row)
    return row

"""The verbs of releases: what a page, the API and the command line call. Each saves rows and leaves the work to `advance`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from builds.models import Image
from containers import holds, live_limits
from containers.guardrails import asking, glass
from containers.guardrails.glass import Glass
from containers.guardrails.verdict import read
from containers.hooks.shape import SECRET
from containers.models import NEEDS_SOMEBODY, ConfigVersion, Container, Deployment, Instance, ServiceEnvironment, Step
from containers.notices import telling
from containers.plan import Plan, Policy
from containers.planned import Mark, Stale, mark_of, stale
from containers.rollout import STRENGTH
from containers.services import capacity
from containers.services.planning import check_image, config_of, plan_for, segment_of, standing
from containers.services.settings import ensure_config, secrets_of, topic
from hosts.models import Host
from hosts.services import addresses as ledger
from hosts.services.many_addresses import allocate_all
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import can, require
from xqplatform.errors import Refused
from xqplatform.work import enqueue

PolicyData = Mapping[str, Any] | Policy | None
Chosen = Mapping[int, str] | None  # number of an instance → the address, or the host, that somebody chose for it
MOST_INSTANCES = 500
# The right that begins a change of a kind, where it is not service.operate.
RIGHT_OF = {
    "deploy": "service.deploy",
    "scale": "service.scale",
    "restart": "service.restart",
    "remove": "service.remove",
}


def preview(
    actor: Actor,
    place: ServiceEnvironment,
    image: Image,
    policy: PolicyData = None,
    *,
    config: ConfigVersion | None = None,
    addresses: Chosen = None,
    hosts: Chosen = None,
    reason: str = "",
) -> Plan:
    """What `deploy` would do, what does not fit, and what guardrails say of it. Changes nothing."""
    _may(actor, "service.deploy", place)
    _may_choose(actor, place, addresses, hosts)
    check_image(place, image)
    config = config or place.config
    plan = plan_for(
        place,
        "deploy",
        policy=Policy.parse(policy),
        image=image,
        config=config,
        wanted=place.wanted,
        chosen=addresses,
        on=hosts,
    )
    return replace(plan, guards=asking.ask(place, plan, image, config, reason).checks)


def deploy(
    actor: Actor,
    place: ServiceEnvironment,
    image: Image,
    *,
    policy: PolicyData = None,
    reason: str = "",
    config: ConfigVersion | None = None,
    addresses: Chosen = None,
    hosts: Chosen = None,
    broken: Glass | None = None,
    shown: Mark | None = None,
) -> Deployment:
    """Releases the image with the newest settings (or those of `config`). Raises Refused when it does not fit, or when a
    guardrail of the environment stands in the way.

    `addresses`, `hosts`: chosen ones for instances that are made, by number; the others get what the platform picks. `broken`:
    an SRE goes on in spite of guardrails. `shown`: the plan that somebody looked at; raises Stale when it is not the one
    that would be carried out.
    """
    _may(actor, "service.deploy", place)
    _may_choose(actor, place, addresses, hosts)
    check_image(place, image)
    if config is not None and config.place_id != place.pk:
        raise Refused(_("These settings belong to another place."), "config", 400)
    if broken is not None:
        glass.may(actor, place, broken)
    return _start(
        actor,
        place,
        "deploy",
        image=image,
        config=config,
        policy=policy,
        reason=reason,
        chosen=addresses,
        on=hosts,
        broken=broken,
        shown=shown,
    )


def preview_scale(
    actor: Actor,
    place: ServiceEnvironment,
    wanted: int,
    policy: PolicyData = None,
    *,
    addresses: Chosen = None,
    hosts: Chosen = None,
) -> Plan:
    """Which instances would come or go."""
    _may(actor, "service.scale", place)
    _may_choose(actor, place, addresses, hosts)
    place.refresh_from_db()
    return plan_for(
        place,
        "scale",
        policy=Policy.parse(policy),
        image=place.current_image,
        config=place.current_config or place.config,
        wanted=_count(wanted),
        chosen=addresses,
        on=hosts,
    )


def scale(
    actor: Actor,
    place: ServiceEnvironment,
    wanted: int,
    reason: str = "",
    policy: PolicyData = None,
    *,
    addresses: Chosen = None,
    going: Collection[int] | None = None,
    hosts: Chosen = None,
) -> Deployment | None:
    """Brings the place to `wanted` instances; before its first release the number is only noted, and None returned. `going`: numbers
    of those that go, where it is not the highest ones; `wanted` must be what is left then.
    """
    _may(actor, "service.scale", place)
    _may_choose(actor, place, addresses, hosts)
    wanted = _count(wanted)
    place.refresh_from_db()
    if place.current_image is None and not place.instances.filter(removed=None).exists():
        if addresses or hosts:
            words = _("Nothing has been released here yet: addresses and hosts are chosen with the first release.")
            raise Refused(words, "addresses" if addresses else "hosts")
        with transaction.atomic():
            free(place)
            audit.record(
                actor,
                "service.scale",
                place,
                before={"instances": place.wanted},
                after={"instances": wanted},
                reason=reason,
                parent=place.service,
            )
            ServiceEnvironment.objects.filter(pk=place.pk).update(wanted=wanted)
            live.bump(f"service:{place.service.slug}", topic(place))
        place.wanted = wanted
        return None
    return _start(
        actor,
        place,
        "scale",
        policy=policy,
        reason=reason,
        wanted=wanted,
        numbers=going,
        chosen=addresses,
        on=hosts,
    )


def restart(
    actor: Actor,
    place: ServiceEnvironment,
    numbers: Collection[int] | None = None,
    reason: str = "",
    policy: PolicyData = None,
) -> Deployment:
    """Restarts the containers of the instances (None: all), one batch after the other."""
    return _operate(actor, place, "restart", numbers, reason=reason, policy=policy)


def stop(
    actor: Actor, place: ServiceEnvironment, numbers: Collection[int] | None = None, reason: str = ""
) -> Deployment:
    """Stops the instances; they stay, with their addresses, until they are started or scaled away."""
    return _operate(actor, place, "stop", numbers, reason=reason, policy=None)


def start(
    actor: Actor, place: ServiceEnvironment, numbers: Collection[int] | None = None, reason: str = ""
) -> Deployment:
    """Starts stopped instances; where the container is gone, a new one of the current release is made."""
    return _operate(actor, place, "start", numbers, reason=reason, policy=None)


def repair(
    actor: Actor,
    place: ServiceEnvironment,
    numbers: Collection[int] | None = None,
    reason: str = "",
    policy: PolicyData = None,
) -> Deployment:
    """Puts drift right: the instances (None: those with drift) get the container that is stored for them."""
    if numbers is None:
        numbers = [one.number for one in standing(place) if one.drift]
    return _operate(actor, place, "repair", numbers, reason=reason, policy=policy)


def live_changes(place: ServiceEnvironment) -> list[live_limits.Change]:
    """What the newest settings change against those of the current release, and what of it needs no new container."""
    if place.config is None or place.current_config is None or place.config_id == place.current_config_id:
        return []
    return live_limits.changes(config_of(place.current_config), config_of(place.config))


def apply_limits(
    actor: Actor,
    place: ServiceEnvironment,
    numbers: Collection[int] | None = None,
    reason: str = "",
    policy: PolicyData = None,
) -> Deployment:
    """The running containers take the limits of the newest settings, without a restart. Refused for what needs a release.

    Where hooks or traffic come along with them, guardrails have a say as in a release.
    """
    _may(actor, "service.operate", place)
    place.refresh_from_db()
    if place.config is None or place.current_config is None:
        raise Refused(_("Nothing has been released here yet: release an image first."))
    found = live_changes(place)
    if not found:
        raise Refused(_("The newest settings are in use already: save other limits first."))
    why = live_limits.refusal(found) or _other_secrets(place)
    if why:
        raise Refused(why)
    return _start(actor, place, "limits", config=place.config, policy=policy, reason=reason, numbers=numbers)


def _other_secrets(place: ServiceEnvironment) -> str:
    """Why new limits alone do not make running containers those of the newest settings. (Hooks' secrets are not theirs.)"""
    old, new = (
        {name: value for name, value in secrets_of(version).items() if not name.startswith(SECRET)}
        for version in (place.current_config, place.config)
    )
    return _("A secret was changed, too: this needs new containers, by a release.") if old != new else ""


def _admit_aside(place: ServiceEnvironment, plan: Plan, config: ConfigVersion | None, reason: str) -> dict[str, Any]:
    """What guardrails say where a change of limits changes hooks, their secrets or traffic, too. Raises Refused."""
    found = live_limits.changes(config_of(place.current_config), config_of(config))
    old, new = (
        {name: value for name, value in secrets_of(version).items() if name.startswith(SECRET)}
        for version in (place.current_config, config)
    )
    if place.current_image is None or (not live_limits.aside(found) and old == new):
        return {}
    try:
        return glass.admit(place, plan, place.current_image, config, reason=reason, glass=None)
    except Refused as refused:
        words = _("Hooks or traffic are changed with the limits, so guardrails have a say: %(why)s")
        raise Refused(words % {"why": refused.message}, refused.field, refused.code) from None


def remove_place(actor: Actor, place: ServiceEnvironment, reason: str = "") -> Deployment:
    """Removes all instances of the place, and gives their addresses back."""
    _may(actor, "service.remove", place)
    return _start(actor, place, "remove", policy=None, reason=reason)


def pause(actor: Actor, deployment: Deployment, reason: str = "") -> Deployment:
    """No further instance is touched; what is under way is finished. Goes on with `resume`."""
    return _ask(actor, deployment, "pause", reason, {Deployment.State.QUEUED, Deployment.State.RUNNING})


def resume(actor: Actor, deployment: Deployment, reason: str = "") -> Deployment:
    """Goes on with a paused release."""
    return _ask(actor, deployment, "resume", reason, {Deployment.State.PAUSED})


def cancel(actor: Actor, deployment: Deployment, reason: str = "") -> Deployment:
    """Ends the release as it is: what is done stays, what is under way is finished, the rest is left as it was."""
    return _ask(
        actor,
        deployment,
        "cancel",
        reason,
        {Deployment.State.QUEUED, Deployment.State.RUNNING, Deployment.State.PAUSED},
    )


def rollback(actor: Actor, deployment: Deployment, reason: str = "", *, data_back: bool | None = None) -> Deployment:
    """Brings every touched instance back to the image and settings that it had before. `data_back`: its data, too, as it was
    before the release, so that what was written since is lost; None: as the place's policy says.
    """
    if data_back:
        _may(actor, "data.restore", deployment.place, deployment)
    return _ask(
        actor,
        deployment,
        "rollback",
        reason,
        {Deployment.State.QUEUED, Deployment.State.RUNNING, Deployment.State.PAUSED},
        data_back=data_back,
    )


def _ask(
    actor: Actor,
    deployment: Deployment,
    wish: str,
    reason: str,
    states: set[Deployment.State],
    *,
    data_back: bool | None = None,
) -> Deployment:
    from containers.tasks import advance

    place = deployment.place
    may_change(actor, deployment)
    with transaction.atomic():
        row = Deployment.objects.select_for_update().get(pk=deployment.pk)
        paused_soon = wish == "resume" and row.asked == "pause"
        if row.state not in states and not paused_soon:
            raise Refused(
                _("The release is %(state)s: this cannot be asked of it now.") % {"state": row.get_state_display()}
            )
        if STRENGTH[row.asked] > STRENGTH[wish]:
            raise Refused(_("«%(wish)s» was asked for already.") % {"wish": row.asked})
        _in_time(row, wish)
        row.asked, row.data_back = wish, row.data_back if data_back is None else data_back
        row.save(update_fields=["asked", "switch", "data_back"])
        after = None if data_back is None else {"data is put back": data_back}
        audit.record(actor, f"deployment.{wish}", row, after=after, reason=reason, parent=place.service)
        live.bump(f"release:{row.pk}", topic(place), "services")
        enqueue(advance, row.pk)
    deployment.refresh_from_db()
    return deployment


def _in_time(row: Deployment, wish: str) -> None:
    """Refuses what would do nothing, or what nobody can want at this point."""
    if wish == "resume" and row.hold == Deployment.Hold.FAILED and row.steps.filter(NEEDS_SOMEBODY).exists():
        raise Refused(_("An instance failed: try it again, leave it out, or roll back."))
    if wish == "resume" and row.hold == Deployment.Hold.SWITCH_FAILED:
        row.switch = ""  # it is switched anew
    if wish == "cancel" and row.switch:
        raise Refused(_("The traffic is switched: let it go on to the end, or roll back, which switches it back."))


def may_change(actor: Actor, deployment: Deployment) -> None:
    """The right to steer a change under way: who may release may steer all, others what they may begin. Raises Denied."""
    if not can(actor, "service.deploy", **deployment.place.at):
        _may(actor, RIGHT_OF.get(deployment.kind, "service.operate"), deployment.place, deployment)


def _may(actor: Actor, right: str, place: ServiceEnvironment, obj: Any = None) -> None:
    require(actor, right, **place.at, obj=obj or place)


def _may_choose(actor: Actor, place: ServiceEnvironment, *chosen: Chosen) -> None:
    if any(chosen):
        _may(actor, "service.operate", place)


def _count(wanted: Any) -> int:
    if isinstance(wanted, bool) or not isinstance(wanted, int) or not 0 <= wanted <= MOST_INSTANCES:
        raise Refused(_("A number from 0 to %(most)s.") % {"most": MOST_INSTANCES}, "wanted", 400)
    return wanted


def _operate(
    actor: Actor,
    place: ServiceEnvironment,
    kind: str,
    numbers: Collection[int] | None,
    *,
    reason: str,
    policy: PolicyData,
) -> Deployment:
    _may(actor, RIGHT_OF.get(kind, "service.operate"), place)
    return _start(
        actor,
        place,
        kind,
        policy=policy,
        reason=reason,
        numbers=numbers,
    )


def held_by(place: ServiceEnvironment) -> str:
    """Who changes the place, or puts its data back, now, since when and why; empty when nobody does."""
    row = place.deployments.filter(state__in=Deployment.ACTIVE).first()
    if row is None:
        return holds.holder(place)
    began = row.started or row.created
    minutes = max(0, int((timezone.now() - began).total_seconds() // 60))
    return _("%(who)s has a %(kind)s (#%(pk)s) under way since %(minutes)s min: %(why)s") % {
        "who": row.created_name,
        "kind": row.get_kind_display(),
        "pk": row.pk,
        "minutes": minutes,
        "why": row.reason or _("no reason was given"),
    }


def free(place: ServiceEnvironment) -> ServiceEnvironment:
    """The place's row, locked. Raises Refused while another change is active."""
    locked = lock(place)
    holder = held_by(locked)
    if holder:
        raise Refused(holder)
    return locked


def lock(place: ServiceEnvironment) -> ServiceEnvironment:
    """The place's row, locked until the transaction ends, whoever changes it."""
    return (
        ServiceEnvironment.objects.select_for_update(of=("self",))
        .select_related("service", "environment", "segment", "environment__segment")
        .get(pk=place.pk)
    )


_ACTION = {"deploy": "service.deploy", "repair": "instance.repair", "remove": "service.remove"}


def _start(
    actor: Actor,
    place: ServiceEnvironment,
    kind: str,
    *,
    policy: PolicyData,
    reason: str,
    image: Image | None = None,
    config: ConfigVersion | None = None,
    wanted: int | None = None,
    numbers: Collection[int] | None = None,
    chosen: Chosen = None,
    on: Chosen = None,
    broken: Glass | None = None,
    shown: Mark | None = None,
) -> Deployment:
    """Plans once more under the lock, saves the deployment with its steps, and enqueues the work on commit."""
    from containers.preview import gather, record
    from containers.tasks import advance

    parsed = Policy.parse(policy)
    if len(reason) > 2000:
        raise Refused(_("The reason is too long."), "reason", 400)
    apart = gather.apart(place, image, parsed.strategy) if kind == "deploy" and image is not None else None
    try:
        with transaction.atomic():
            locked = free(place)
            first = config is None and locked.config is None
            if kind == "deploy":
                config = config or ensure_config(actor, locked)
            else:
                image = locked.current_image
                if kind != "limits":
                    config = locked.current_config or locked.config
            there = locked.instances.filter(removed=None).count()
            target = {"deploy": locked.wanted, "scale": wanted, "remove": 0}.get(kind)
            target = there if target is None else target
            if kind == "scale" and target > there and image is None:
                raise Refused(_("Nothing has been released here yet: release an image first."))
            if target > there or (kind == "deploy" and parsed.strategy == "blue-green"):
                capacity.lock()
            plan = plan_for(
                locked,
                kind,
                policy=parsed,
                image=image,
                config=config,
                wanted=target,
                numbers=numbers,
                chosen=chosen,
                on=on,
            )
            refuse_changed(shown, mark_of(plan, locked, config, image), first=first)
            refuse_unfit(plan, reason)
            guard = {}
            if kind == "deploy":
                guard = glass.admit(locked, plan, image, config, reason=reason, glass=broken)
                refuse_changed(shown, mark_of(plan, locked, config, image, read(guard)), first=first)
            elif kind == "limits":
                guard = _admit_aside(locked, plan, config, reason)
            row = Deployment.objects.create(
                place=locked,
                kind=kind,
                guard=guard,
                reason=reason,
                image=image,
                config=config,
                old_image=locked.current_image,
                old_config=locked.current_config,
                old_wanted=there,
                wanted=target,
                policy={**plan.policy.to_json(), "size": plan.batch_size, "hold_after": plan.hold_after},
                created_by=actor.user,
                created_name=actor.name,
            )
            if apart is not None and image is not None:
                record.keep(row, plan, image, config, apart)
            save_steps(row, plan, image, config)
            ServiceEnvironment.objects.filter(pk=locked.pk).update(active=row)
            audit.record(
                actor,
                _ACTION.get(kind, f"service.{kind}"),
                locked,
                before={"image": str(locked.current_image or ""), "instances": there},
                after={
                    "image": str(image or ""),
                    "instances": target,
                    "deployment": row.pk,
                    "numbers": [entry.number for entry in plan.entries],
                }
                | by_hand(plan),
                reason=reason,
                parent=locked.service,
            )
            glass.note(actor, row, broken)
            telling.begun(row, actor)
            live.bump("services", f"service:{locked.service.slug}", topic(locked), f"release:{row.pk}")
            enqueue(advance, row.pk)
    except IntegrityError:
        # Another one was faster between our look and our write (the constraint «one active deployment a place»).
        holder = held_by(place)
        if not holder:
            raise
        raise Refused(holder) from None
    return row


def by_hand(plan: Plan) -> dict[str, Any]:
    """What somebody chose of it, for the record."""
    addresses = {f"#{e.number}": e.chosen for e in plan.entries if e.chosen}
    hosts = {f"#{e.number}": e.host_name for e in plan.entries if e.by_hand and not e.problem}
    return ({"addresses": addresses} if addresses else {}) | ({"hosts by hand": hosts} if hosts else {})


def refuse_changed(shown: Mark | None, now: Mark, *, first: bool = False) -> None:
    """Raises Stale, with what changed in words, when the plan is not the one that somebody looked at. `first`: the settings
    are the defaults, made a version just now, of which whoever looked could not know.
    """
    changed = stale(shown, now | ({"config": 0} if first else {})) if shown is not None else []
    if changed:
        raise Stale(changed)


def refuse_unfit(plan: Plan, reason: str) -> None:
    """Raises Refused for a plan that does not fit, or that takes a reason and has none."""
    refusal = plan.refusal()
    if refusal:
        raise Refused(refusal)
    silent = next((entry for entry in plan.entries if entry.needs_reason and not entry.problem), None)
    if silent is not None and not reason.strip():
        raise Refused(_("#%(n)s: %(why)s.") % {"n": silent.number, "why": silent.note}, "reason")


def save_steps(row: Deployment, plan: Plan, image: Image | None, config: ConfigVersion | None) -> None:
    """The plan as rows: a step an instance, and the instances that it makes."""
    place = row.place
    instances = {one.pk: one for one in standing(place)}
    running = running_of(list(instances.values()))
    made = _make_instances(place, plan)
    steps: list[Step] = []
    for entry in plan.entries:
        if entry.problem:
            continue  # left out, as the policy says
        if entry.instance is None:
            instance = made[entry.number]
        else:
            instance = instances[entry.instance]
        now = running.get(instance.pk)
        step = Step(
            deployment=row,
            instance=instance,
            position=len(steps),
            batch=entry.batch,
            action=entry.action,
            image=image,
            config=config,
            old_wanted_state=instance.wanted_state,
        )
        if now is not None:
            step.old_engine_id, step.old_image, step.old_config = now.engine_id, now.image, now.config
        if row.kind == "limits":
            step.image = now.image if now is not None else image
        if row.kind in {"repair", "start"} and now is not None and now.image is not None:
            step.image, step.config = now.image, now.config
        steps.append(step)
    Step.objects.bulk_create(steps)


def _make_instances(place: ServiceEnvironment, plan: Plan) -> dict[int, Instance]:
    """The plan's new instances by number, with their addresses: chosen ones first, so that nobody gets them by chance."""
    segment = segment_of(place)
    new = [entry for entry in plan.entries if entry.instance is None and not entry.problem]
    hosts = Host.objects.in_bulk([entry.host for entry in new])
    made = {e.number: Instance(place=place, number=e.number, host=hosts[e.host], state="missing") for e in new}
    if segment is not None:
        for entry in new:
            if entry.chosen:
                holder = holder_of(made[entry.number])
                made[entry.number].address = ledger.allocate(segment, holder, chosen=entry.chosen, over=True)
        others = {number: holder_of(one) for number, one in made.items() if one.address is None}
        given = allocate_all(segment, list(others.values()))
        for number, holder in others.items():
            made[number].address = given[holder]
    for one in made.values():
        one.ip = one.address.ip if one.address is not None else ""
    Instance.objects.bulk_create(made.values())
    return made


def running_of(instances: list[Instance]) -> dict[int, Container]:
    """Of each instance what one goes back to: of the containers that were ever well the one that stands, else the one that
    stood last; where none was well the newest.

    Neither the newest nor the newest that was well: one that got well and was taken back since (by a hook, a gate, a click) is
    newer than the old one that serves again.
    """
    rows = list(Container.objects.filter(instance__in=instances).select_related("image", "config").order_by("id"))
    newest = {row.instance_id: row for row in rows}
    well = [row for row in rows if row.healthy is not None]
    for row in sorted(well, key=lambda row: (row.ended is None, row.ended or row.created, row.pk)):
        newest[row.instance_id] = row
    return newest


def holder_of(instance: Instance) -> str:
    """The instance's name in the ledger of addresses."""
    return f"{instance.place.service.slug}/{instance.place.environment.slug}/{instance.number}"

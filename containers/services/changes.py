"""A change of a place begins: planned once more under the lock, saved with its steps, and handed to a worker."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django.utils.translation import gettext as _

from builds.models import Image
from containers import confirming, live_limits
from containers.guardrails import glass
from containers.guardrails.glass import Glass
from containers.guardrails.verdict import read
from containers.hooks.shape import SECRET
from containers.models import ConfigVersion, Deployment, ServiceEnvironment
from containers.notices import telling
from containers.plan import Plan, Policy
from containers.planned import Mark, Stale, mark_of, stale
from containers.services import capacity, holders, step_rows
from containers.services.planning import config_of, plan_for, standing
from containers.services.settings import ensure_config, secrets_of, topic
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.errors import Refused
from xqplatform.work import enqueue

PolicyData = Mapping[str, Any] | Policy | None
Chosen = Mapping[int, str] | None  # number of an instance → the address, or the host, that somebody chose for it
# The right that begins a change of a kind, where it is not service.operate.
RIGHT_OF = {
    "deploy": "service.deploy",
    "scale": "service.scale",
    "restart": "service.restart",
    "remove": "service.remove",
}


def begin(
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
    confirm: str | None = None,
) -> Deployment:
    """Plans once more under the lock, saves the deployment with its steps, and enqueues the work on commit. `confirm`: the name of the
    place, where data goes with instances (None: whoever calls has asked for it).
    """
    from containers.preview import gather, record
    from containers.tasks import advance

    parsed = Policy.parse(policy)
    if len(reason) > 2000:
        raise Refused(_("The reason is too long."), "reason", 400)
    apart = gather.apart(place, image, parsed.strategy) if kind == "deploy" and image is not None else None
    with holders.claimed(place) as locked:
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
        if confirm is not None:
            going = {entry.number for entry in plan.entries if entry.action == "remove"}
            confirming.data_goes([one for one in standing(locked) if one.number in going], str(locked), confirm)
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
        step_rows.save_steps(row, plan, image, config)
        ServiceEnvironment.objects.filter(pk=locked.pk).update(active=row)
        audit.record(
            actor,
            "instance.repair" if kind == "repair" else f"service.{kind}",
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
    return row


def may(actor: Actor, right: str, place: ServiceEnvironment, obj: Any = None) -> None:
    require(actor, right, **place.at, obj=obj or place)


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

"""Giving a standing instance another address of its segment, on the host where it stands."""

from __future__ import annotations

from django.conf import settings
from django.utils.translation import gettext as _

from containers.models import Container, Deployment, Instance, ServiceEnvironment, Step
from containers.plan import Plan
from containers.readdressing import Candidate, mark_of, plan_address
from containers.services import changes, holders, persisted, step_rows, unchanged
from containers.services.moves import policy_of
from containers.services.planning import config_of, host_views, instance_view
from containers.services.settings import topic
from hosts.addresses import Choice, mac_of
from hosts.services import choosing
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.errors import Refused
from xqplatform.work import enqueue


def preview(actor: Actor, instance: Instance, ip: str = "", *, with_data: bool = False) -> Plan:
    """What `readdress` would do, and why it could not. Changes nothing."""
    _may(actor, instance.place, with_data=with_data)
    return plan_for(instance, ip, with_data=with_data)


def readdress(
    actor: Actor, instance: Instance, ip: str = "", *, with_data: bool = False, reason: str = ""
) -> Deployment:
    """Gives the instance the address `ip` of its segment, or the first free one: its container is made anew with it.

    The old address rests afterwards. `with_data`: it has a folder at /persist, which belongs to its old address and stays;
    it starts with another one. Raises Refused when it does not fit, or while another change is active.
    """
    from containers.tasks import advance

    place = instance.place
    _may(actor, place, with_data=with_data)
    if len(reason) > 2000:
        raise Refused(_("The reason is too long."), "reason", 400)
    with holders.claimed(place) as locked:
        one = locked.instances.select_related("host", "address__segment").filter(pk=instance.pk, removed=None).first()
        if one is None:
            raise Refused(_("The instance was removed."))
        plan = plan_for(one, ip, with_data=with_data)
        changes.refuse_unfit(plan, reason)
        row = _saved(actor, locked, one, plan, reason)
        entry = plan.entries[0]
        after = {"address": entry.address, "mac": mac_of(entry.address), "deployment": row.pk}
        audit.record(
            actor,
            "instance.address",
            one,
            before={"address": entry.old_address, "mac": mac_of(entry.old_address)},
            after=after | ({"data stays": True} if with_data else {}),
            reason=reason,
            parent=locked.service,
        )
        live.bump("services", "network", topic(locked), f"instance:{one.pk}", f"release:{row.pk}")
        enqueue(advance, row.pk)
    return row


def _may(actor: Actor, place: ServiceEnvironment, *, with_data: bool) -> None:
    require(actor, "service.operate", **place.at, obj=place)
    if with_data:
        require(actor, "host.manage", obj=place)


def plan_for(one: Instance, ip: str = "", *, with_data: bool = False) -> Plan:
    """The plan, from what is stored now."""
    place = one.place
    runs = runs_of(one)
    image = runs.image if runs is not None else place.current_image
    config = config_of(runs.config if runs is not None else place.current_config or place.config)
    segment = one.address.segment if one.address else None
    host = next(view for view in host_views(place, [one], config, segment) if view.pk == one.host_id)
    candidate = Candidate(
        instance_view(one, str(image or ""), config),
        segment=str(segment or ""),
        data=persisted.folder(one.host, one.address.ip) if one.address and persisted.persists(config) else "",
        made=image is not None,
    )
    choice = _choice(one, ip)
    return plan_address(candidate, host, choice, with_data=with_data, policy=policy_of(place))


def _choice(one: Instance, ip: str) -> Choice:
    if one.address is None:
        return Choice(ip.strip())
    if ip.strip():
        return choosing.judge(one.address.segment, ip, one.address.holder)
    return choosing.first(one.address.segment, one.address.holder)


def runs_of(one: Instance) -> Container | None:
    """The container that runs, else the one that it would go back to."""
    rows = Container.objects.filter(instance=one, ended=None).select_related("image", "config").order_by("-id")
    return rows.first() or step_rows.running_of([one]).get(one.pk)


def _saved(actor: Actor, place: ServiceEnvironment, one: Instance, plan: Plan, reason: str) -> Deployment:
    there = place.instances.filter(removed=None).count()
    policy = {**plan.policy.to_json(), "size": 1}
    row = unchanged.deployment(actor, place, Deployment.Kind.ADDRESS, policy, there=there, reason=reason)
    assert one.address is not None
    kept = choosing.set_aside(one.address.segment, one.address.holder, plan.entries[0].address, mark_of(row.pk))
    Step.objects.create(
        deployment=row,
        instance=one,
        position=0,
        batch=0,
        action=Step.Action.ADDRESS,
        old_ip=one.address.ip,
        new_ip=kept.ip,
        **unchanged.kept(one, runs_of(one), place),
    )
    ServiceEnvironment.objects.filter(pk=place.pk).update(active=row)
    return row


def rest_minutes() -> int:
    """How long an address rests after it was given up."""
    return int(settings.QUARANTINE_MINUTES)


def has_folder(one: Instance) -> bool:
    """Whether its container has a folder at /persist, which belongs to its address."""
    runs = runs_of(one)
    return persisted.persists(
        config_of(runs.config if runs is not None else one.place.current_config or one.place.config)
    )

"""The verbs of releases: what a page, the API and the command line call. Each saves rows and leaves the work to `advance`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from builds.models import Image
from containers.guardrails import asking, glass
from containers.guardrails.glass import Glass
from containers.models import ConfigVersion, Deployment, ServiceEnvironment
from containers.plan import Plan, Policy
from containers.planned import Mark
from containers.services import changes, holders
from containers.services.changes import Chosen, PolicyData
from containers.services.planning import check_image, plan_for, standing
from containers.services.settings import topic
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.errors import Refused

MOST_INSTANCES = 500


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
    changes.may(actor, "service.deploy", place)
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
    changes.may(actor, "service.deploy", place)
    _may_choose(actor, place, addresses, hosts)
    check_image(place, image)
    if config is not None and config.place_id != place.pk:
        raise Refused(_("These settings belong to another place."), "config", 400)
    if broken is not None:
        glass.may(actor, place, broken)
    return changes.begin(
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
    changes.may(actor, "service.scale", place)
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
    confirm: str | None = None,
) -> Deployment | None:
    """Brings the place to `wanted` instances; before its first release the number is only noted, and None returned. `going`: numbers
    of those that go, where it is not the highest ones; `wanted` must be what is left then. `confirm`: see `remove_place`.
    """
    changes.may(actor, "service.scale", place)
    _may_choose(actor, place, addresses, hosts)
    wanted = _count(wanted)
    place.refresh_from_db()
    if place.current_image is None and not place.instances.filter(removed=None).exists():
        if addresses or hosts:
            words = _("Nothing has been released here yet: addresses and hosts are chosen with the first release.")
            raise Refused(words, "addresses" if addresses else "hosts")
        with transaction.atomic():
            holders.free(place)
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
    return changes.begin(
        actor,
        place,
        "scale",
        policy=policy,
        reason=reason,
        wanted=wanted,
        numbers=going,
        chosen=addresses,
        on=hosts,
        confirm=confirm,
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


def remove_place(
    actor: Actor, place: ServiceEnvironment, reason: str = "", *, confirm: str | None = None
) -> Deployment:
    """Removes all instances of the place, and gives their addresses back. `confirm`: the name of the place, where data goes with them
    (None: whoever calls has asked for it).
    """
    changes.may(actor, "service.remove", place)
    return changes.begin(actor, place, "remove", policy=None, reason=reason, confirm=confirm)


def _may_choose(actor: Actor, place: ServiceEnvironment, *chosen: Chosen) -> None:
    if any(chosen):
        changes.may(actor, "service.operate", place)


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
    changes.may(actor, changes.RIGHT_OF.get(kind, "service.operate"), place)
    return changes.begin(
        actor,
        place,
        kind,
        policy=policy,
        reason=reason,
        numbers=numbers,
    )

"""A release that is decided now and begins later: at a time, or when its turn in the place's queue comes."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from builds.models import Image
from containers import waiting
from containers.guardrails import approvals, asking
from containers.guardrails.rules import rules_of
from containers.guardrails.verdict import Check, Verdict
from containers.models import ConfigVersion, Deployment, ServiceEnvironment
from containers.notices import telling
from containers.plan import Plan, Policy
from containers.planned import Mark, mark_of
from containers.preview import gather, record
from containers.services import changes, holders, queue, steering
from containers.services.planning import check_image, plan_for
from containers.services.settings import ensure_config
from xqplatform import audit
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.errors import Refused

MOST = 20  # that wait in a place
FARTHEST = timedelta(days=90)


def passes_by_itself(check: Check) -> bool:
    """Whether time, or other people's approval, takes it out of the way: a release may wait for that, and nothing else."""
    return check.until is not None or check.name in {"freeze", "approvals"}


def can_wait(verdict: Verdict) -> bool:
    """Whether nothing but time stands in its way (or nothing at all)."""
    return all(passes_by_itself(check) for check in verdict.blocking)


def wait(
    actor: Actor,
    place: ServiceEnvironment,
    image: Image,
    *,
    policy: changes.PolicyData = None,
    reason: str = "",
    config: ConfigVersion | None = None,
    addresses: changes.Chosen = None,
    hosts: changes.Chosen = None,
    not_before: datetime | None = None,
    shown: Mark | None = None,
    apart: gather.Apart | None = None,
) -> Deployment:
    """Decides a release that begins by itself: not before `not_before`, when the one under way has ended, when its turn has
    come and no guardrail keeps it back any more. Then it is planned anew, with the newest settings (or those of `config`).

    Raises Refused for what does not fit now, for a guardrail that time alone does not take away, and for a full queue.
    `shown`: the plan that somebody looked at; raises Stale when it is not so any more, unless a change is under way here,
    which moves it on and is waited for. `apart`: from a caller with a transaction of its own, who asked for it before.
    """
    _may(actor, place, addresses, hosts)
    check_image(place, image)
    if config is not None and config.place_id != place.pk:
        raise Refused(_("These settings belong to another place."), "config", 400)
    if len(reason) > 2000:
        raise Refused(_("The reason is too long."), "reason", 400)
    _in_reach(not_before)
    parsed = Policy.parse(policy)
    apart = apart or gather.apart(place, image, parsed.strategy)
    with transaction.atomic():
        locked = holders.lock(place)
        if locked.service.removed is not None or locked.service.removal_asked is not None:
            raise Refused(_("The service is being removed."))
        first = config is None and locked.config is None
        used = config or ensure_config(actor, locked)
        plan = plan_for(
            locked,
            "deploy",
            policy=parsed,
            image=image,
            config=used,
            wanted=locked.wanted,
            chosen=addresses,
            on=hosts,
        )
        if not holders.held_by(locked):
            changes.refuse_changed(shown, mark_of(plan, locked, used, image), first=first)
        changes.refuse_unfit(plan, reason)
        at = max(time.time(), not_before.timestamp() if not_before is not None else 0)
        guard = asking.ask(locked, plan, image, used, reason, at=at)
        if not can_wait(guard):
            raise Refused(" ".join(c.words for c in guard.blocking if not passes_by_itself(c)), "guardrails")
        row = _row(actor, locked, plan, image=image, config=used, reason=reason, not_before=not_before)
        row.guard = asking.ask_for_the_record(locked, plan, image, used, reason, at=at).to_json()
        row.confirmed = {
            "mark": mark_of(plan, locked, used, image),
            # Where others approve it, it begins with the settings that they saw.
            "pinned": config is not None or rules_of(locked.environment).approvals.count > 0,
            "addresses": {str(number): ip for number, ip in (addresses or {}).items()},
            "hosts": {str(number): name for number, name in (hosts or {}).items()},
            "system": actor.is_system,
        }
        _queue(row, locked)
        record.keep(row, plan, image, used, apart)
        after = {"image": str(image), "instances": row.wanted, "not before": not_before and not_before.isoformat()}
        after |= changes.by_hand(plan)
        audit.record(actor, "deployment.wait", row, after=after, reason=reason, parent=locked.service)
        if approvals.lacks(row):
            telling.wants_approval(row, actor)
        queue.tell(locked)
        queue.look(locked)
    return row


def _may(actor: Actor, place: ServiceEnvironment, *chosen: changes.Chosen) -> None:
    for right in ("service.deploy", *(["service.operate"] if any(chosen) else [])):
        require(actor, right, **place.at, obj=place)


def _in_reach(not_before: datetime | None) -> None:
    if not_before is None:
        return
    if not_before <= timezone.now():
        raise Refused(_("That time is past: choose a later one."), "not_before", 400)
    if not_before > timezone.now() + FARTHEST:
        raise Refused(_("At most %(n)d days ahead.") % {"n": FARTHEST.days}, "not_before", 400)


def _row(
    actor: Actor,
    place: ServiceEnvironment,
    plan: Plan,
    *,
    image: Image,
    config: ConfigVersion,
    reason: str,
    not_before: datetime | None,
) -> Deployment:
    return Deployment(
        place=place,
        state=Deployment.State.WAITING,
        reason=reason,
        image=image,
        config=config,
        old_image=place.current_image,
        old_config=place.current_config,
        old_wanted=place.instances.filter(removed=None).count(),
        wanted=place.wanted,
        policy={**plan.policy.to_json(), "size": plan.batch_size, "hold_after": plan.hold_after},
        not_before=not_before,
        created_by=actor.user,
        created_name=actor.name,
    )


def _queue(row: Deployment, place: ServiceEnvironment) -> None:
    rows = queue.rows_of(place)
    if len(rows) >= MOST:
        raise Refused(_("%(n)d wait here already: cancel one first.") % {"n": len(rows)})
    wanted = row.not_before.timestamp() if row.not_before is not None else None
    at = waiting.place_for(queue.waiters(rows), wanted, time.time())
    row.save()
    order = [one.pk for one in rows]
    queue.put([*order[:at], row.pk, *order[at:]])
    row.refresh_from_db(fields=["turn"])


def cancel(actor: Actor, deployment: Deployment, reason: str = "") -> Deployment:
    """Cancels a release: one that waits never begins, one under way ends as it is (`steering.cancel`)."""
    steering.may_change(actor, deployment)
    with transaction.atomic():
        if queue.end(deployment, Deployment.State.CANCELLED, _("Cancelled before it began."), actor, reason):
            deployment.refresh_from_db()
            return deployment
    return steering.cancel(actor, deployment, reason)


def move(actor: Actor, deployment: Deployment, by: int, reason: str = "") -> Deployment:
    """Moves a waiting one in its place's queue: `by` −1 sooner, 1 later. At the end it stays where it is."""
    steering.may_change(actor, deployment)
    with transaction.atomic():
        place = holders.lock(deployment.place)
        order = [row.pk for row in queue.rows_of(place)]
        if deployment.pk not in order:
            raise Refused(_("It does not wait any more."))
        wanted = waiting.moved(order, deployment.pk, by)
        if wanted != order:
            queue.put(wanted)
            before = {"queue": [f"#{pk}" for pk in order]}
            after = {"queue": [f"#{pk}" for pk in wanted]}
            audit.record(
                actor,
                "deployment.reorder",
                deployment,
                before=before,
                after=after,
                reason=reason,
                parent=place.service,
            )
            queue.tell(place)
            queue.look(place)
    deployment.refresh_from_db()
    return deployment

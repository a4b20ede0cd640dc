"""A waiting release begins: planned anew with what is true then, guardrails asked again, what changed told in words."""

from __future__ import annotations

import logging
import time
from dataclasses import fields
from datetime import UTC, datetime

from django.conf import settings
from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from containers import holds
from containers.guardrails import approvals, asking, windows
from containers.guardrails.rules import rules_of
from containers.guardrails.verdict import Verdict
from containers.models import ConfigVersion, Deployment, ServiceEnvironment
from containers.notices import telling
from containers.plan import Plan, Policy
from containers.planned import mark_of, shortened, stale
from containers.services import capacity, changes, holders, queue, step_rows
from containers.services.planning import check_image, plan_for
from containers.services.settings import ensure_config
from containers.services.waiting import can_wait
from containers.waiting import next_one
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import can
from xqplatform.errors import Refused
from xqplatform.work import enqueue

log = logging.getLogger(__name__)
State = Deployment.State


def due() -> list[int]:
    """The places in which one may begin as far as time and order go: one query when nothing waits anywhere."""
    rows = Deployment.objects.filter(state=State.WAITING).select_related("place__environment").order_by("turn", "id")
    queues: dict[int, list[Deployment]] = {}
    for row in rows:
        queues.setdefault(row.place_id, []).append(row)
    if not queues:
        return []
    held = Deployment.objects.filter(state__in=Deployment.ACTIVE, place__in=queues)
    busy = dict(held.values_list("place_id", "pk"))
    now = time.time()
    return [
        place
        for place, waiting in queues.items()
        if next_one(queue.waiters(waiting), now, busy.get(place)) is not None and not _still_frozen(waiting[0], now)
    ]


def _still_frozen(row: Deployment, now: float) -> bool:
    """Whether it was kept back before, and a freeze goes on or approvals are missing: that is seen without a plan."""
    if not row.held_why:
        return False
    try:
        return windows.frozen(row.place.environment, now) is not None or approvals.lacks(row, now) > 0
    except Exception:  # of one place (its calendar, say): the others' queues go on, and its own is asked by itself
        log.exception("Whether release %s is still kept back could not be told", row.pk)
        return False


def begin(place: int) -> Deployment | None:
    """Begins the first of the place's queue if it may; None when none did. Safe to repeat, and by several at once."""
    with translation.override(settings.LANGUAGE_CODE), timezone.override(UTC), transaction.atomic():
        locked = holders.lock(ServiceEnvironment.objects.get(pk=place))
        rows = queue.rows_of(locked)
        active = locked.deployments.filter(state__in=Deployment.ACTIVE).values_list("pk", flat=True).first()
        pk = next_one(queue.waiters(rows), time.time(), active)
        if pk is None:
            return None
        row = next(row for row in rows if row.pk == pk)
        row.place = locked
        return _try(row)


def _try(row: Deployment) -> Deployment | None:
    if row.place.service.removed is not None or row.place.service.removal_asked is not None:
        queue.end_all(row.place)
        return None
    try:
        with transaction.atomic():
            return _begin(row)
    except (OperationalError, InterfaceError):
        raise  # the database is away or busy: that says nothing of the release, which waits on
    except Refused as refused:
        _fails(row, refused.message)
    except Exception as error:
        if isinstance(error, IntegrityError) and row.place.deployments.filter(state__in=Deployment.ACTIVE).exists():
            return None  # another change was faster; this one waits on
        # Nobody foresaw it, so it would come again with every try, and all that wait behind would wait for ever.
        log.exception("Release %s could not begin", row.pk)
        _fails(row, _("something unforeseen (%(what)s), see the worker's log.") % {"what": type(error).__name__})
    return None


def _fails(row: Deployment, why: str) -> None:
    """It has failed in words, and the next one's turn comes."""
    queue.end(row, State.FAILED, _("It could not begin: %(why)s") % {"why": why}, Actor.system())


def _begin(row: Deployment) -> Deployment | None:
    """Raises Refused for what cannot begin any more."""
    place, image = row.place, row.image
    assert image is not None
    if why := holds.kept(row):
        _keep_back(row, why, None)
        return None
    _may_still(row)
    check_image(place, image)
    config = row.config if _pinned(row) else ensure_config(Actor.system(), place)
    plan = _plan(row, config)
    changes.refuse_unfit(plan, row.reason)
    verdict = asking.ask(place, plan, image, config, row.reason, row=row)
    if not verdict.passes:
        if not can_wait(verdict):
            raise Refused(verdict.words)
        _keep_back(row, verdict.words, verdict.until)
        return None
    return _go(row, plan, config, verdict)


def _pinned(row: Deployment) -> bool:
    """Whether it begins with its own settings: chosen ones, or those that others saw and approve, also where the rule came
    after the release was decided.
    """
    return bool(row.confirmed.get("pinned")) or rules_of(row.place.environment).approvals.count > 0


def _may_still(row: Deployment) -> None:
    """Who decided it must have the right still when it begins."""
    if row.created_by is None and row.confirmed.get("system"):
        return
    place, words = row.place, _("%(who)s may not release here any more.")
    rights = [
        "service.deploy",
        *(["service.operate"] if row.confirmed.get("addresses") or row.confirmed.get("hosts") else []),
    ]
    actor = Actor.person(row.created_by) if row.created_by is not None else None
    if actor is None or not all(can(actor, right, **place.at) for right in rights):
        raise Refused(words % {"who": row.created_name})


def _plan(row: Deployment, config: ConfigVersion | None) -> Plan:
    names = {field.name for field in fields(Policy)}
    policy = Policy.parse({name: value for name, value in row.policy.items() if name in names})
    chosen, on = ({int(n): text for n, text in row.confirmed.get(what, {}).items()} for what in ("addresses", "hosts"))
    there = row.place.instances.filter(removed=None).count()
    if row.place.wanted > there or policy.strategy == "blue-green":
        capacity.lock()
    return plan_for(
        row.place,
        "deploy",
        policy=policy,
        image=row.image,
        config=config,
        wanted=row.place.wanted,
        chosen=chosen,
        on=on,
    )


def _keep_back(row: Deployment, why: str, at: float | None) -> None:
    until = datetime.fromtimestamp(at, UTC) if at is not None else None
    if (row.held_why, row.held_until) != (why, until):
        waiting = Deployment.objects.filter(pk=row.pk, state=State.WAITING)
        waiting.update(held_why=why, held_until=until)
        if approvals.lacks(row):
            telling.wants_approval(row, Actor.system())
        queue.tell(row.place)


def _go(row: Deployment, plan: Plan, config: ConfigVersion | None, verdict: Verdict) -> Deployment | None:
    from containers.tasks import advance

    place = row.place
    changed = shortened(stale(row.confirmed.get("mark") or {}, mark_of(plan, place, config, row.image)))
    values = {
        "state": State.QUEUED,
        "started": timezone.now(),
        "config": config,
        "old_image": place.current_image,
        "old_config": place.current_config,
        "old_wanted": place.instances.filter(removed=None).count(),
        "wanted": place.wanted,
        "policy": {**plan.policy.to_json(), "size": plan.batch_size, "hold_after": plan.hold_after},
        "guard": verdict.to_json(),
        "changed": changed,
        "held_why": "",
        "held_until": None,
    }
    if not Deployment.objects.filter(pk=row.pk, state=State.WAITING).update(**values):
        return None
    row.refresh_from_db()
    row.place = place
    step_rows.save_steps(row, plan, row.image, config)
    ServiceEnvironment.objects.filter(pk=place.pk).update(active=row)
    after = {"image": str(row.image), "instances": row.wanted, "numbers": [entry.number for entry in plan.entries]}
    after |= {"changed since": changed} if changed else {}
    audit.record(Actor.system(), "deployment.begin", row, after=after, reason=row.reason, parent=place.service)
    telling.begun(row, Actor.system())
    live.bump(f"release:{row.pk}")
    queue.tell(place)
    enqueue(advance, row.pk)
    return row

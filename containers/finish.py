"""The end of a deployment: what stands now is stored, what went gives its address back, and the place is free again."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from containers import gone
from containers.models import Deployment, Drain, Instance, ServiceEnvironment, Step
from containers.notices import telling
from containers.readdressing import mark_of
from containers.services import queue
from containers.services.catalog import settle_removal
from containers.services.settings import topic
from hosts.services import addresses, choosing
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.work import enqueue


def finish(pk: int, state: str, lease: str | None = None) -> bool:
    """Ends an active deployment in `state`. False when it had ended already, or the lease is not ours any more."""
    with transaction.atomic():
        rows = Deployment.objects.select_for_update(of=("self",)).filter(pk=pk, state__in=Deployment.ACTIVE)
        if lease is not None:
            rows = rows.filter(lease=lease)
        row = rows.select_related("place__service", "place__environment", "image", "old_image").first()
        if row is None:
            return False
        steps = list(row.steps.select_related("instance__address__segment", "instance__host", "host", "old_host"))
        outcome = sentence(row, state, steps)
        _settle_instances(row, steps)
        _settle_place(row, state)
        row.state, row.outcome, row.finished, row.asked = state, outcome, timezone.now(), ""
        row.batch_pause_until = row.hold_until = None
        row.hold = ""
        row.save(update_fields=["state", "outcome", "finished", "asked", "batch_pause_until", "hold", "hold_until"])
        audit.record(
            Actor.system(),
            "deployment.finish",
            row,
            after={"state": state, "outcome": outcome},
            reason=row.reason,
            parent=row.place.service,
        )
        telling.ended(row, state, outcome, Actor.system())
        if row.kind == Deployment.Kind.REMOVE:
            if state == Deployment.State.SUCCEEDED:
                queue.end_all(row.place)
            settle_removal(row.place.service)
        live.bump(f"release:{row.pk}", topic(row.place), f"service:{row.place.service.slug}", "services")
        queue.look(row.place_id)
        _tell_drains(row)
        queue.tell_train(row)
    return True


def _tell_drains(row: Deployment) -> None:
    """A drain may have waited for this, or this was its move."""
    from containers.tasks import drain

    there = row.place.instances.filter(removed=None).values("host")
    waiting = Q(pk=row.drain_id) | Q(state=Drain.State.ACTIVE, host__in=there)
    for pk in Drain.objects.filter(waiting).values_list("pk", flat=True):
        enqueue(drain, pk)


def _settle_instances(row: Deployment, steps: list[Step]) -> None:
    """Instances that came and did not stay, and those that went for good, are removed with their addresses."""
    for step in steps:
        came_not = step.action == Step.Action.ADD and step.state in {Step.State.UNDONE, Step.State.SKIPPED}
        went = step.action == Step.Action.REMOVE and step.state == Step.State.DONE
        if came_not or went:
            give_back(step.instance)
        address = step.instance.address
        if step.action == Step.Action.ADDRESS and address is not None:
            choosing.let_rest(address.segment, address.holder, step.old_ip, step.new_ip, mark_of(row.pk))


def give_back(instance: Instance) -> None:
    """Marks the instance as removed; its address rests, then is free."""
    address = instance.address
    Instance.objects.filter(pk=instance.pk).update(
        address=None, removed=timezone.now(), state="missing", status="", drift=[], drift_since=None
    )
    if address is not None:
        addresses.release(address)
    for told in gone.GONE:
        told(instance)


def _settle_place(row: Deployment, state: str) -> None:
    fields: dict[str, object] = {"active": None}
    there = row.place.instances.filter(removed=None).count()
    if state == Deployment.State.SUCCEEDED and row.kind == Deployment.Kind.DEPLOY:
        fields |= {"current_image": row.image, "current_config": row.config, "wanted": row.wanted}
    elif state == Deployment.State.SUCCEEDED and row.kind == Deployment.Kind.LIMITS:
        fields["current_config"] = row.config
    elif state == Deployment.State.SUCCEEDED and row.kind == Deployment.Kind.REMOVE:
        fields |= {"current_image": None, "current_config": None}
    elif row.kind == Deployment.Kind.SCALE:
        fields["wanted"] = there
    ServiceEnvironment.objects.filter(pk=row.place_id).update(**fields)


def sentence(row: Deployment, state: str, steps: list[Step]) -> str:
    """What became of it, in words."""
    count = {name: sum(step.state == name for step in steps) for name in Step.State.values}
    total, done = len(steps), count["done"]
    words = {
        Deployment.State.SUCCEEDED: _("%(done)s of %(total)s instances are done.") % {"done": done, "total": total},
        Deployment.State.FAILED: _("%(done)s of %(total)s instances are done, the rest was left as it was.")
        % {"done": done, "total": total},
        Deployment.State.CANCELLED: _("Cancelled: %(done)s of %(total)s instances are done and stay so.")
        % {"done": done, "total": total},
        Deployment.State.ROLLED_BACK: _("Rolled back: %(count)s of %(total)s instances are as they were before.")
        % {"count": count["undone"], "total": total},
    }[Deployment.State(state)]
    untouched = sum(step.state == "skipped" and not step.times for step in steps)
    if state == Deployment.State.ROLLED_BACK and untouched:
        words = _(
            "Rolled back: %(count)s of %(total)s instances are as they were before, %(rest)s were not touched."
        ) % {
            "count": count["undone"],
            "total": total,
            "rest": untouched,
        }
    if state == Deployment.State.SUCCEEDED and row.kind == Deployment.Kind.DEPLOY and row.image is not None:
        words = _runs(row, steps)
    if state == Deployment.State.SUCCEEDED and row.kind == Deployment.Kind.LIMITS:
        words = _("%(done)s of %(total)s instances have the new limits; none was restarted.")
        words %= {"done": done, "total": total}
    if state == Deployment.State.SUCCEEDED and row.kind == Deployment.Kind.ADDRESS:
        values = {"n": steps[0].instance.number, "new": steps[0].new_ip, "old": steps[0].old_ip}
        words = _("#%(n)s has %(new)s now; %(old)s rests, then it is free.") % values
    if row.kind == Deployment.Kind.MOVE and state in {Deployment.State.SUCCEEDED, Deployment.State.FAILED}:
        words = _moved(steps, total, done)
    if count["undo_fail"] and state != Deployment.State.SUCCEEDED:
        words = _("The rollback is incomplete: %(count)s of %(total)s instances could not be brought back.") % {
            "count": count["undo_fail"],
            "total": total,
        }
    if state == Deployment.State.SUCCEEDED:
        return " ".join([words, *left_out(steps)])
    reasons = [row.hold_why] if row.hold_why and state == Deployment.State.ROLLED_BACK else []
    reasons += [
        f"#{step.instance.number} ({step.instance.host}): {step.reason}"
        for step in steps
        if step.reason and step.state in {"failed", "undone", "undo_fail", "skipped"}
    ]
    reasons += [
        _("The image could not be fetched to %(host)s: %(why)s")
        % {"host": _host(steps, host), "why": pull.get("error")}
        for host, pull in row.pulls.items()
        if pull.get("state") == "failed"
    ]
    return " ".join([words, *reasons[:3]])


def _runs(row: Deployment, steps: list[Step]) -> str:
    """How many instances run the release; in blue/green the old ones are steps, too."""
    here = [s for s in steps if row.policy.get("strategy") != "blue-green" or s.action == Step.Action.ADD]
    values = {"done": sum(s.state == Step.State.DONE for s in here), "total": len(here), "image": row.image}
    return _("%(done)s of %(total)s instances run %(image)s.") % values


def left_out(steps: list[Step]) -> list[str]:
    """Which instances somebody left out, and what could not be removed, of a release that came through."""
    words = _("#%(n)s was left out by %(who)s: %(why)s.")
    found = [
        words % {"n": step.instance.number, "who": step.asked_by, "why": step.asked_why.rstrip(".")}
        for step in steps
        if step.asked_why and step.state in {"skipped", "undone", "undo_fail"}
    ]
    found += [f"#{step.instance.number}: {step.reason}" for step in steps if step.state == "failed" and step.reason]
    return found[:5]


def _moved(steps: list[Step], total: int, done: int) -> str:
    went = [step for step in steps if step.state == Step.State.DONE]
    values = {
        "done": done,
        "total": total,
        "old": ", ".join(sorted({str(step.old_host) for step in steps})),
        "new": ", ".join(sorted({str(step.host) for step in went})) or "–",
    }
    if done == total:
        return _("%(done)s of %(total)s instances moved: %(old)s → %(new)s.") % values
    return _("%(done)s of %(total)s instances moved: %(old)s → %(new)s; the others stand where they stood.") % values


def _host(steps: list[Step], pk: str) -> str:
    return next((str(step.target) for step in steps if str(step.target_id) == pk), "?")

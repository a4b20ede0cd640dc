"""What people ask of a release under way: pause it, end it, bring it back; let it go on where it is held, leave one step out, try one again.

Clicks on steps and holds are judged by `rollout.clicks` on the locked rows, so that a click which comes too late is refused in words and what
the page shows afterwards is what is stored.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from containers import holds
from containers.models import NEEDS_SOMEBODY, Deployment, HookRun, Step
from containers.rollout import STRENGTH, clicks
from containers.services import changes
from containers.services.settings import topic
from containers.stored import step_views, view_of
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import can
from xqplatform.errors import Refused
from xqplatform.work import enqueue


def words(why: clicks.Why, row: Deployment) -> str:
    """Why a click came too late, or too early."""
    said: dict[str, Any] = {
        "ended": _("The release has ended: it is %(state)s.") % {"state": row.get_state_display()},
        "leaving": _("The release is on its way back or to its end already."),
        "paused": _("The release is paused: resume it first."),
        "nothing": _("Nothing holds the release now: it goes on by itself."),
        "freeze": _("The release is frozen: %(why)s") % {"why": row.hold_why},
        "approval": _("The release waits to be approved again: %(why)s") % {"why": row.hold_why},
        "measuring": _("The gate still measures: it decides, or wait for it to ask you."),
        "under way": _("This instance is under way just now."),
        "settled": _("This instance is through already."),
        "together": _("In this strategy all instances go together: none can be left out."),
        "not failed": _(
            "There is nothing to try again: it has not failed, or the release does not wait for you there."
        ),
    }
    return str(said.get(why, ""))


def may_change(actor: Actor, deployment: Deployment) -> None:
    """The right to steer a change under way: who may release may steer all, others what they may begin. Raises Denied."""
    if not can(actor, "service.deploy", **deployment.place.at):
        changes.may(actor, changes.RIGHT_OF.get(deployment.kind, "service.operate"), deployment.place, deployment)


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
        changes.may(actor, "data.restore", deployment.place, deployment)
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


def proceed(actor: Actor, deployment: Deployment, reason: str = "") -> Deployment:
    """«Continue»: what holds the release holds it no longer (a canary, a gate, the switch, the time old ones are kept)."""
    may_change(actor, deployment)
    _no_switch_in_a_freeze(deployment)
    with transaction.atomic():
        row = _locked(deployment)
        _refuse(clicks.proceed(view_of(row)), row)
        held = {"hold": row.hold, "batch": row.hold_batch + 1}
        if row.hold == Deployment.Hold.SWITCH:
            row.switch = Deployment.Switch.SWITCHING
        elif row.hold == Deployment.Hold.SWITCH_BACK:
            row.switch = Deployment.Switch.SWITCHING_BACK
        else:
            row.passed = row.hold_batch
        row.hold, row.hold_until, row.hold_since, row.hold_why = "", None, None, ""
        row.save(update_fields=["hold", "hold_until", "hold_since", "hold_why", "passed", "switch"])
        _tell(actor, "deployment.continue", row, reason, after=held)
    deployment.refresh_from_db()
    return deployment


def _no_switch_in_a_freeze(deployment: Deployment) -> None:
    """A freeze that began while the switch waited for its click is not noted yet: nobody looked at it since."""
    from containers.tasks import advance

    row = Deployment.objects.select_related("place__environment").get(pk=deployment.pk)
    frozen = holds.freeze(row) if row.hold == Deployment.Hold.SWITCH else None
    if frozen is not None:
        enqueue(advance, row.pk)  # it notes the freeze, of which glass may be broken
        why: clicks.Why = "approval" if frozen.kind == Deployment.Hold.APPROVAL else "freeze"
        row.hold_why = frozen.why
        raise Refused(words(why, row))


def skip(actor: Actor, step: Step, reason: str) -> Deployment:
    """Leaves the instance out: one that waits stays as it is, one that failed is brought back, and one that could not be brought
    back stays out of service. A reason is needed.
    """
    may_change(actor, step.deployment)
    if not reason.strip():
        raise Refused(_("Say why this instance is left out."), "reason", 400)
    if len(reason) > 2000:
        raise Refused(_("The reason is too long."), "reason", 400)
    with transaction.atomic():
        row = _locked(step.deployment)
        one = next(view for view in step_views(row) if view.pk == step.pk)
        _refuse(clicks.skip(view_of(row), one), row)
        decided = {"asked_by": actor.name, "asked_why": reason}
        done = {"asked": "skip"} if one.touched else {"state": Step.State.SKIPPED, "reason": reason}
        done = {"asked": "left"} if one.lost else done
        # (The runner may have begun it in this very moment.)
        if not Step.objects.filter(pk=step.pk, state=one.state).update(**decided, **done):
            _refuse("under way", row)
        _wide_hooks_again(row)
        _goes_on(row)
        _tell(actor, "deployment.skip", row, reason, after={"number": step.instance.number})
    return row


def retry(actor: Actor, step: Step, reason: str = "") -> Deployment:
    """Tries a failed instance once more; the release goes on when it was the last one that it rested for."""
    may_change(actor, step.deployment)
    with transaction.atomic():
        row = _locked(step.deployment)
        one = next(view for view in step_views(row) if view.pk == step.pk)
        _refuse(clicks.retry(view_of(row), one), row)
        again: dict[str, Any] = {"attempts": 0, "tries": F("tries") + 1}
        if one.lost:
            again |= {"state": Step.State.FAILED}  # that is left out: it is brought back once more
        else:
            # Without the container of before: what the next try finds of it is not its own.
            again |= {
                "state": Step.State.WAITING,
                "reason": "",
                "new_engine_id": "",
                "asked_by": actor.name,
                "asked_why": reason,
            }
        Step.objects.filter(pk=step.pk, state=one.state).update(**again)
        _wide_hooks_again(row)
        _goes_on(row)
        _tell(actor, "deployment.retry", row, reason, after={"number": step.instance.number})
    return row


def _locked(deployment: Deployment) -> Deployment:
    rows = Deployment.objects.select_for_update(of=("self",)).select_related("place__service", "place__environment")
    return rows.get(pk=deployment.pk)


def _refuse(why: clicks.Why, row: Deployment) -> None:
    if why:
        raise Refused(words(why, row))


def _wide_hooks_again(row: Deployment) -> None:
    """Hooks that all steps wait for and that failed are tried again: else the next step would fail by them at once."""
    wide = HookRun.objects.filter(deployment=row, step=None, way="forward", state=HookRun.State.FAILED)
    wide.update(state=HookRun.State.RUNNING)


def _goes_on(row: Deployment) -> None:
    """The last failed one was seen to: a release that rested for it goes on."""
    failed = row.steps.filter(NEEDS_SOMEBODY).exists()
    if row.state == Deployment.State.PAUSED and row.hold == Deployment.Hold.FAILED and not failed and not row.asked:
        row.asked = "resume"
        row.save(update_fields=["asked"])


def _tell(actor: Actor, action: str, row: Deployment, reason: str, *, after: dict[str, Any]) -> None:
    from containers.tasks import advance

    audit.record(actor, action, row, after=after, reason=reason, parent=row.place.service)
    live.bump(f"release:{row.pk}", topic(row.place), "services")
    enqueue(advance, row.pk)

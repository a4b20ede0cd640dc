"""What a decision becomes: the verb of people, with as many instances as there is room for, and a row of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from containers.models import Deployment, ServiceEnvironment
from containers.scaling import told, words
from containers.scaling.models import ScalingDecision, ScalingPolicy
from containers.scaling.shape import Decision, Policy
from containers.services import releases
from containers.services.planning import last_policy
from xqplatform.accounts.actor import Actor
from xqplatform.errors import Refused

Outcome = ScalingDecision.Outcome
NAME = "autoscaler"


def act(row: ScalingPolicy, policy: Policy, decision: Decision, here: int) -> ScalingDecision | None:
    """Carries out a decision that changes something. None: in a dry run the same was noted the last time, or the place is not as it
    was when it was decided, which the next evaluation sees.
    """
    assert decision.to is not None
    if policy.dry:
        if row.now.get("to") == decision.to:
            return None
        return _note(row.place, decision, here, Outcome.DRY)
    if not _is_as_seen(row.place, here):
        return None
    try:
        return _scale(row.place, decision, here)
    except Refused as refused:
        return _note(row.place, decision, here, Outcome.REFUSED, refused.message)


def _is_as_seen(place: ServiceEnvironment, here: int) -> bool:
    """Whether nobody changed the place since it was read, which may be minutes ago in a large fleet."""
    same = ServiceEnvironment.objects.filter(pk=place.pk, active=None)
    return same.exists() and place.instances.filter(removed=None).count() == here


def _scale(place: ServiceEnvironment, decision: Decision, here: int) -> ScalingDecision:
    actor, to, how = Actor.system(NAME), decision.to or 0, how_of(place)
    fits, why_not = (to, "") if to < here else room(actor, place, here, to)
    if fits == here:
        raise Refused(why_not)
    with transaction.atomic():
        why = _("autoscaling: %(why)s") % {"why": words.say(decision.reason)}
        going = place.instances.filter(pk__in=decision.going).values_list("number", flat=True)
        work = releases.scale(actor, place, fits, why, how, going=list(going) or None)
        outcome = Outcome.BEGUN if fits == to else Outcome.PARTIAL
        return _note(place, decision, here, outcome, why_not, work=work, after=fits)


def room(actor: Actor, place: ServiceEnvironment, here: int, to: int) -> tuple[int, str]:
    """The highest number up to `to` that can be had, and why it is not all of it. Asks a few plans, no more."""
    how = how_of(place)
    plan = releases.preview_scale(actor, place, to, how)
    why_not = plan.refusal()
    if not why_not:
        return to, ""
    low, high = here, to  # it fits, it does not
    while high - low > 1:
        middle = (low + high) // 2
        if releases.preview_scale(actor, place, middle, how).refusal():
            high = middle
        else:
            low = middle
    return low, why_not


def how_of(place: ServiceEnvironment) -> Mapping[str, Any]:
    """All at once: new instances touch none that runs. What got healthy stays where another did not."""
    last = last_policy(place)
    return {"batch": "100%", "on_failure": "stop"} | ({"deadline": last["deadline"]} if "deadline" in last else {})


def _note(
    place: ServiceEnvironment,
    decision: Decision,
    here: int,
    outcome: Outcome,
    why: str = "",
    *,
    work: Deployment | None = None,
    after: int | None = None,
) -> ScalingDecision:
    return ScalingDecision.objects.create(
        place=place,
        before=here,
        asked=decision.to or 0,
        after=here if after is None else after,
        reason=decision.reason.to_json(),
        wishes=[told.wish_json(wish) for wish in decision.wishes],
        outcome=outcome,
        words=why,
        deployment=work,
    )

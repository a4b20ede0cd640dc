"""A good build of a push becomes a release where a rule says so: decided like a person's, with the right of who wrote the
rule, past no guardrail. What is refused is kept with its reason, and its author and the team hear of it.
"""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from builds.forges import events, taking
from builds.forges.seams import Began
from builds.models import ForgeDelivery, Image
from containers.automatic import notices
from containers.automatic.services import RIGHT
from containers.guardrails.rules import rules_of
from containers.models import AutomaticRelease, AutomaticRule, Deployment, ServiceEnvironment
from containers.policy import Policy
from containers.preview import gather
from containers.services import holders, queue, waiting
from containers.services.planning import last_policy
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.errors import Denied, Refused

State = AutomaticRelease.State


def release(delivery: ForgeDelivery, image: Image) -> list[Began]:
    """What the rules of the project's service make of it, a line a place whose rule fits."""
    rows = AutomaticRule.objects.filter(
        enabled=True, place__service__project=image.project_id, place__service__removed=None
    )
    rows = rows.select_related("author", "place__service__project", "place__environment")
    return [
        _shown(_one(rule, delivery, image)) for rule in rows.order_by("place__environment__position", "pk")
        if events.matches(rule.tags if delivery.kind == ForgeDelivery.Kind.TAG else rule.branches, delivery.name)
    ]  # fmt: skip


def _shown(row: AutomaticRelease) -> Began:
    words = f"{row.place.environment}: {row.words}"
    return Began(words, f"/releases/{row.deployment_id}/" if row.deployment_id else "")


def _one(rule: AutomaticRule, delivery: ForgeDelivery, image: Image) -> AutomaticRelease:
    place = rule.place
    known = AutomaticRelease.objects.filter(place=place, delivery=delivery).first()
    if known is not None:
        return known
    actor = taking.person(rule.author, rule.author_name)
    try:
        require(actor, RIGHT, **place.at, obj=place)
        return _decide(actor, rule, delivery, image)
    except Denied:
        words = _("%(who)s, who wrote the rule, may not release here (any more): somebody who may has to save it anew.")
        return _refuse(rule, delivery, words % {"who": actor.name or _("nobody")})
    except Refused as refused:
        return _refuse(rule, delivery, refused.message)


def _refuse(rule: AutomaticRule, delivery: ForgeDelivery, words: str) -> AutomaticRelease:
    with transaction.atomic():
        row = _keep(rule.place, delivery, State.REFUSED, words)
        notices.refused(row, rule)
    return row


def _decide(actor: Actor, rule: AutomaticRule, delivery: ForgeDelivery, image: Image) -> AutomaticRelease:
    """A release that waits its turn: it begins at once where nothing stands in its way. Raises Refused."""
    policy = Policy.parse(last_policy(rule.place))
    apart = gather.apart(rule.place, image, policy.strategy)
    with transaction.atomic():
        place = holders.lock(rule.place)
        older = list(
            Deployment.objects.filter(
                place=place, state=Deployment.State.WAITING, automatic__isnull=False
            ).select_related("place__service")
        )
        active = place.deployments.filter(state__in=Deployment.ACTIVE).exists()
        if place.current_image_id == image.pk and not active and not older:
            return _keep(place, delivery, State.NOTHING, _("It runs here already."))
        row = waiting.wait(actor, place, image, policy=policy, reason=reason_of(rule, image), apart=apart)
        for one in older:
            queue.end(one, Deployment.State.CANCELLED, _("A newer push took its place: #%(n)d.") % {"n": row.pk}, actor)
        made = _keep(place, delivery, State.BEGUN, _("Release #%(n)d") % {"n": row.pk}, row)
        after = {"pushed": made.pushed, "by": delivery.sender, "delivery": delivery.pk}
        audit.record(actor, "deployment.automatic", row, after=after, parent=place.service)
    return made


def reason_of(rule: AutomaticRule, image: Image) -> str:
    """The rule's, and the commit's first line, which is no reason of its own where a person has to give one."""
    message = image.build.commit_message if image.build else ""
    line = message.strip().split("\n", 1)[0][:200]
    if not rule.reason:
        return "" if rules_of(rule.place.environment).reason else line
    return f"{rule.reason}: {line}" if line else rule.reason


def _keep(
    place: ServiceEnvironment, delivery: ForgeDelivery, state: str, words: str, deployment: Deployment | None = None
) -> AutomaticRelease:
    pushed = f"{delivery.name} {delivery.revision[:8]}"
    row = AutomaticRelease.objects.create(
        place=place, delivery=delivery, deployment=deployment, pushed=pushed, state=state, words=words
    )
    live.bump(f"automatic:{place.service.slug}")
    return row

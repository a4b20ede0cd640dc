"""The verbs of reviews: look at events, open one again; rules that take them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.accounts.visibility import hidden
from xqplatform.audit import queries
from xqplatform.audit.reviews import feeding, rules, seams
from xqplatform.audit.reviews.models import Review, ReviewRule
from xqplatform.errors import Refused

RIGHT = "audit.review"
LONGEST = 2000
MOST = 500  # reviewed at once


def seen_by(actor: Actor) -> QuerySet[Review]:
    """The queue, without what is of closed teams that the actor does not see (and, to them, without what was archived)."""
    rows = Review.objects.all()
    return rows.filter(event__in=queries.unhidden(actor).values("pk")) if hidden(actor) else rows


def review(actor: Actor, numbers: Collection[int], comment: str) -> list[Review]:
    """Marks events as reviewed, all or none. Raises Denied; Refused for who did one of them, for one that is reviewed already, and
    without a comment.
    """
    require(actor, RIGHT)
    comment = _comment(comment)
    if not 1 <= len(set(numbers)) <= MOST:
        raise Refused(_("Tick 1 to %(n)d events.") % {"n": MOST}, "reviews", 400)
    with transaction.atomic():
        rows = list(seen_by(actor).select_for_update().filter(pk__in=list(numbers)).order_by("pk"))
        if len(rows) != len(set(numbers)):
            raise Refused(_("One of the events is not in the queue."), "reviews", 404)
        if done := next((row for row in rows if row.reviewed is not None), None):
            words = _("%(who)s has reviewed event #%(n)d already.")
            raise Refused(words % {"who": done.reviewed_name, "n": done.event}, "reviews")
        if actor.user is not None and (mine := sum(row.user_id == actor.user.pk for row in rows)):
            words = ngettext(
                "You did %(n)d of these yourself: somebody else has to review it.",
                "You did %(n)d of these yourself: somebody else has to review them.",
                mine,
            )
            raise Refused(words % {"n": mine}, "reviews")
        for row in rows:
            _mark(row, actor, comment)
            audit.record(actor, "review.done", row, after=_about(row), reason=comment)
            if row.action in seams.TOGETHER:
                seams.TOGETHER[row.action](actor, row, comment)
        live.bump(feeding.TOPIC)
    return rows


def reviewed_elsewhere(actor: Actor, action: str, object_type: str, object_id: str, comment: str) -> int:
    """The same of what has a verb of its own that asked for the right and writes the event; in its transaction."""
    feeding.feed()
    rows = Review.objects.select_for_update().filter(
        action=action, object_type=object_type, object_id=object_id, reviewed=None
    )
    found = list(rows)
    for row in found:
        _mark(row, actor, comment)
    live.bump(feeding.TOPIC)
    return len(found)


def _mark(row: Review, actor: Actor, comment: str) -> None:
    row.reviewed, row.reviewed_by, row.reviewed_name = timezone.now(), actor.user, actor.name
    row.comment = comment
    row.save(update_fields=["reviewed", "reviewed_by", "reviewed_name", "comment"])


def reopen(actor: Actor, row: Review, comment: str) -> Review:
    """Somebody has to look at it once more; what was said before stays in the log."""
    require(actor, RIGHT, obj=row)
    comment = _comment(comment)
    with transaction.atomic():
        locked = seen_by(actor).select_for_update().filter(pk=row.pk).first()
        if locked is None:
            raise Refused(_("One of the events is not in the queue."), "reviews", 404)
        if locked.reviewed is None:
            raise Refused(_("It is open."))
        before = {"who": locked.reviewed_name, "comment": locked.comment}
        Review.objects.filter(pk=row.pk).update(reviewed=None, reviewed_by=None, reviewed_name="", comment="")
        audit.record(actor, "review.reopen", row, before=before, after=_about(row), reason=comment)
        live.bump(feeding.TOPIC)
    row.refresh_from_db()
    return row


def _about(row: Review) -> dict[str, Any]:
    return {"event": row.event, "action": row.action, "who": row.actor}


def _comment(text: str) -> str:
    text = text.replace("\x00", "").strip()
    if not text or len(text) > LONGEST:
        raise Refused(_("Say what you found, in at most %(n)d characters.") % {"n": LONGEST}, "comment", 400)
    return text


# --- Rules ---------------------------------------------------------------------------------------------------------

FIELDS = {"name", "actions", "environment", "production", "denied"}


def add_rule(actor: Actor, data: Mapping[str, Any]) -> ReviewRule:
    """An own rule; events from now on are taken. `data`: FIELDS. Raises Refused with the field."""
    require(actor, RIGHT, extra={"name": str(data.get("name", ""))[:60].replace("\x00", "")})
    if unknown := set(data) - FIELDS:
        raise Refused(_("There is no field «%(field)s».") % {"field": min(unknown)[:60]}, min(unknown)[:60], 400)
    name = str(data.get("name") or "").replace("\x00", "").strip()
    if not 1 <= len(name) <= 120 or name in rules.TITLES:
        raise Refused(_("1 to 120 characters."), "name", 400)
    actions = list(dict.fromkeys(str(one).strip() for one in data.get("actions") or [] if str(one).strip()))
    if not 1 <= len(actions) <= rules.MOST:
        raise Refused(_("1 to %(n)d actions.") % {"n": rules.MOST}, "actions", 400)
    if wrong := next((one for one in actions if len(one) > 60 or not _is_known(one)), None):
        words = _(
            "There is no action «%(name)s»: write one as the log has it, such as service.deploy, or host.* for all of its kind."
        )
        raise Refused(words % {"name": wrong[:60]}, "actions", 400)
    environment = str(data.get("environment") or "").replace("\x00", "").strip()
    if len(environment) > 60:
        raise Refused(_("At most 60 characters."), "environment", 400)
    denied = str(data.get("denied") or "")
    if denied not in ReviewRule.Denied.values:
        raise Refused(_("There is no such choice."), "denied", 400)
    row = ReviewRule(
        name=name, actions=actions, environment=environment, production=data.get("production") is True, denied=denied,
        created_name=actor.name,
    )  # fmt: skip
    with transaction.atomic():
        try:
            with transaction.atomic():
                row.save()
        except IntegrityError:
            raise Refused(_("There is a rule of this name already."), "name") from None
        audit.record(actor, "review.rule.create", row, after=facts(row))
        live.bump(feeding.TOPIC)
    return row


def _is_known(pattern: str) -> bool:
    from xqplatform.accounts.rights import RIGHTS
    from xqplatform.audit.actions import ACTIONS

    return bool(rules.PATTERN.fullmatch(pattern)) and any(rules.fits(pattern, one) for one in [*ACTIONS, *RIGHTS])


def facts(row: ReviewRule) -> dict[str, Any]:
    return {name: getattr(row, name) for name in sorted(FIELDS)}


def switch_rule(actor: Actor, row: ReviewRule, on: bool) -> ReviewRule:
    """One that is off takes nothing; what it took stays in the queue."""
    require(actor, RIGHT, obj=row)
    with transaction.atomic():
        if ReviewRule.objects.filter(pk=row.pk).exclude(enabled=on).update(enabled=on):
            audit.record(actor, "review.rule.switch", row, before={"enabled": not on}, after={"enabled": on})
            live.bump(feeding.TOPIC)
    row.refresh_from_db()
    return row


def remove_rule(actor: Actor, row: ReviewRule) -> None:
    """Takes an own one away; what it took stays in the queue."""
    require(actor, RIGHT, obj=row)
    if row.slug:
        raise Refused(_("This one comes with the platform: switch it off instead."))
    with transaction.atomic():
        audit.record(actor, "review.rule.remove", row, before=facts(row))
        row.delete()
        live.bump(feeding.TOPIC)

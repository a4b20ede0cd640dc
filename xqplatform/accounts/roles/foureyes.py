"""Changes of rights are judged by what they give: nobody gives themselves more, and more in production needs a second person.

A change is carried out in a savepoint, everybody's holdings before and after are compared, and where a second person is needed it is
taken back and kept as a request, which repeats the verb once somebody else has approved it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeVar

from django.apps import apps
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from xqplatform import audit
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import AccessPolicy, AccessRequest, Team, User
from xqplatform.accounts.rights import can, require
from xqplatform.accounts.roles.decide import EVERYWHERE, Held, Scope, decide
from xqplatform.accounts.roles.gains import Gain, gains, has, of_production, second_people
from xqplatform.accounts.roles.who import everybody
from xqplatform.errors import Denied, Refused

APPROVE = "roles.approve"
State = AccessRequest.State
T = TypeVar("T")


class Waits(Refused):
    """Nothing is changed yet: a second person has to approve it."""

    def __init__(self, request: AccessRequest) -> None:
        self.request = request
        words = _("This gives more rights in production: it waits for a second person (request #%(n)d).")
        super().__init__(words % {"n": request.pk}, code=202)


@dataclass(frozen=True)
class Asked:
    """A change as it can be kept and repeated. `second`: the request that somebody has approved. `also`: what those hold who are no
    people yet, such as whoever comes in by a group; their keys are negative, and `about` is their name.
    """

    kind: str
    data: dict[str, Any]
    about: str
    reason: str = ""
    second: AccessRequest | None = None
    also: Callable[[], dict[int, tuple[Held, ...]]] = dict


# kind → repeats the verb: (who asked, data, the approved request).
REPLAYS: dict[str, Callable[[Actor, dict[str, Any], AccessRequest], Any]] = {}


class NeedsSecond(Exception):
    """A change was taken back, since a second person is needed. `diff`: what it gives, in words."""

    def __init__(self, diff: list[dict[str, str]]) -> None:
        self.diff = diff
        super().__init__()


def carry(actor: Actor, asked: Asked, change: Callable[[], T], *, keep: bool = True) -> T:
    """Does the change, unless a second person is needed: then it is kept as a request (Waits), or not (`keep` off: NeedsSecond).

    Raises Refused for who gives themselves more rights, or others what they lack.
    """
    try:
        with transaction.atomic():
            policy = AccessPolicy.locked()
            before = _holdings() | asked.also()
            with transaction.atomic():
                result = change()
                found = gains(before, _holdings() | asked.also())
                _no_escalation(actor, found)
                risky = of_production(found, production())
                if risky and not _may_go_on(actor, asked, policy, before, risky):
                    raise NeedsSecond(in_words(risky, asked.about))  # (now: who was made with it is gone with it)
            return result
    except NeedsSecond as needs:
        if not keep:
            raise
        raise Waits(_keep(actor, asked, needs.diff, policy)) from None


def _holdings() -> dict[int, tuple[Held, ...]]:
    return {user.pk: held for user, held in everybody().items()}


def _no_escalation(actor: Actor, found: Iterable[Gain]) -> None:
    """Nobody gives themselves more; an admin gives others any right, everybody else only those they have there."""
    if actor.user is None:
        return
    if any(one.user == actor.user.pk for one in found):
        raise Refused(_("Nobody gives themselves more rights: another admin does, or the command line."), "role")
    if not can(actor, "roles.manage") and not all(_has(actor.held, one) for one in found):
        raise Refused(_("You cannot give rights that you do not have there yourself, for so long."), "role")


def _has(held: Iterable[Held], gain: Gain) -> bool:
    return any(has(one, gain.right, gain.scope, gain.until) for one in held)


def _may_go_on(
    actor: Actor, asked: Asked, policy: AccessPolicy, before: dict[int, tuple[Held, ...]], risky: list[Gain]
) -> bool:
    """Whether it holds at once; what one person did alone is marked in the log."""
    if asked.second is not None:
        if {_key(one) for one in in_words(risky, asked.about)} - {_key(one) for one in asked.second.diff}:
            raise Refused(_("It would give more by now than what was asked for: it has to be asked for anew."))
        return True
    approvers = {user for user, held in before.items() if decide(held, APPROVE, EVERYWHERE)}
    wanted = policy.four_eyes == policy.FourEyes.ON or (
        policy.four_eyes == policy.FourEyes.AUTO and len(approvers) >= 2
    )
    asker = actor.user.pk if actor.user is not None else None
    if wanted and asker is not None and second_people(approvers, asker, risky):
        return False
    if policy.four_eyes != policy.FourEyes.OFF:
        after = {"what": asked.about, "gains": in_words(risky, asked.about)[:50]}
        audit.record(actor, "access.alone", None, after=after, reason=asked.reason)
    return True


def _keep(actor: Actor, asked: Asked, diff: list[dict[str, str]], policy: AccessPolicy) -> AccessRequest:
    with transaction.atomic():
        row = AccessRequest.objects.create(
            kind=asked.kind, data=asked.data, about=asked.about[:250], diff=diff, asked_by=actor.user,
            asked_name=actor.name, reason=asked.reason[:300], expires=timezone.now() + timedelta(hours=policy.hours),
        )  # fmt: skip
        audit.record(actor, "access.ask", row, after={"gains": row.diff[:50]}, reason=asked.reason)
    return row


def in_words(found: Iterable[Gain], others: str = "?") -> list[dict[str, str]]:
    """Gains by names, as they are kept and shown; `until` where they end. `others`: the name of who is no person yet."""
    found = list(found)
    people = dict(User.objects.filter(pk__in={one.user for one in found}).values_list("pk", "username"))
    teams = dict(Team.objects.values_list("pk", "slug"))
    return [
        {"who": people.get(one.user, others), "right": one.right, "where": where(one.scope, teams)}
        | ({"until": one.until.isoformat()} if one.until else {})
        for one in found
    ]


def where(scope: Scope, teams: dict[int, str]) -> str:
    """A scope by names; empty: everywhere."""
    team = teams.get(scope.team, "?") if scope.team is not None else ""
    return " · ".join(part for part in (team, scope.service or "", scope.environment or "") if part)


def _key(one: dict[str, str]) -> tuple[str, ...]:
    return one["who"], one["right"], one["where"]


def production() -> set[str]:
    """Slugs of the environments of production. Looked up by name: accounts stand below the app that has them."""
    return set(
        apps.get_model("containers", "Environment").objects.filter(production=True).values_list("slug", flat=True)
    )


def why_not(actor: Actor, row: AccessRequest) -> str:
    """Why this person cannot approve it; empty when they can."""
    if row.state != State.PENDING or row.expires <= timezone.now():
        return _("It does not wait any more.")
    if actor.user is None:
        return _("Only a person can approve.")
    if actor.user.pk == row.asked_by_id:
        return _("Somebody else has to approve it, not who asks for it.")
    if any(one["who"] == actor.user.username for one in row.diff):
        return _("Somebody else has to approve it, not who gets more rights by it.")
    return "" if can(actor, APPROVE) else _("You may not approve changes of rights.")


def approve(actor: Actor, request: AccessRequest, comment: str = "") -> AccessRequest:
    """Carries out what was asked, if who asked may still do it. Raises Denied, Refused."""
    require(actor, APPROVE, obj=request)
    with transaction.atomic():
        AccessPolicy.locked()
        row = _pending(request)
        if why := why_not(actor, row):
            raise Refused(why)
        asker = row.asked_by
        if asker is None or not asker.is_active:
            raise Refused(_("Who asked for it is gone."))
        try:
            with transaction.atomic():
                REPLAYS[row.kind](
                    replace(Actor.person(asker, via=actor.via), request_id=actor.request_id), row.data, row
                )
        except Denied as denied:
            raise Refused(denied.message) from None
        return _decide(actor, row, State.APPLIED, "access.approve", comment)


def decline(actor: Actor, request: AccessRequest, comment: str = "") -> AccessRequest:
    """It is not done; who asked for it may take it back so, too. Raises Denied, Refused."""
    own = actor.user is not None and actor.user.pk == request.asked_by_id
    if not own:
        require(actor, APPROVE, obj=request)
    with transaction.atomic():
        row = _pending(request)
        if row.state != State.PENDING:
            raise Refused(_("It does not wait any more."))
        state, action = (State.WITHDRAWN, "access.withdraw") if own else (State.DECLINED, "access.decline")
        return _decide(actor, row, state, action, comment)


def _pending(request: AccessRequest) -> AccessRequest:
    return AccessRequest.objects.select_for_update(of=("self",)).select_related("asked_by").get(pk=request.pk)


def _decide(actor: Actor, row: AccessRequest, state: State, action: str, comment: str) -> AccessRequest:
    row.state, row.decided_name, row.decided = state, actor.name, timezone.now()
    row.comment = comment.replace("\0", "").strip()[:300]
    row.save(update_fields=["state", "decided_name", "decided", "comment"])
    audit.record(actor, action, row, after={"asked by": row.asked_name, "gains": row.diff[:50]}, reason=row.comment)
    return row


def expire() -> int:
    """Requests that nobody decided in time; each an event. Returns how many."""
    count = 0
    for row in AccessRequest.objects.filter(state=State.PENDING, expires__lte=timezone.now()):
        with transaction.atomic():
            locked = _pending(row)
            if locked.state == State.PENDING:
                _decide(Actor.system(), locked, State.EXPIRED, "access.expire", "")
                count += 1
    return count


def set_policy(actor: Actor, four_eyes: str, hours: int, second: AccessRequest | None = None) -> AccessPolicy:
    """When a second person is needed. To switch that off needs one, too, as far as there is one: raises Waits, Refused."""
    require(actor, "roles.manage")
    if four_eyes not in AccessPolicy.FourEyes.values:
        raise Refused(_("Choose one of them."), "four_eyes", 400)
    if not 1 <= hours <= 720:
        raise Refused(_("From 1 to 720 hours."), "hours", 400)
    off = AccessPolicy.FourEyes.OFF
    about = Asked("policy", {"four_eyes": four_eyes, "hours": hours}, _("No second person for rights in production"))
    with transaction.atomic():
        row = AccessPolicy.locked()
        others = {user for user, held in _holdings().items() if decide(held, APPROVE, EVERYWHERE)}
        alone = actor.user is None or not others - {actor.user.pk}
        kept = None
        if second is None and four_eyes == off != row.four_eyes and not alone:
            kept = _keep(actor, about, [], row)
        else:
            _save_policy(actor, row, four_eyes, hours)
    if kept is not None:
        raise Waits(kept)
    return row


def _save_policy(actor: Actor, row: AccessPolicy, four_eyes: str, hours: int) -> None:
    before, after = {"four_eyes": row.four_eyes, "hours": row.hours}, {"four_eyes": four_eyes, "hours": hours}
    was, now = audit.changed(before, after)
    row.four_eyes, row.hours = four_eyes, hours
    row.save()
    if now:
        audit.record(actor, "access.policy", None, before=was, after=now)


REPLAYS["policy"] = lambda actor, data, second: set_policy(actor, **data, second=second)

"""Approvals: other people say that a release may begin, for some hours, and may take it back."""

from __future__ import annotations

import time
from datetime import timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from containers import holds
from containers.guardrails.approving import Asked, Given, counting, lacking
from containers.guardrails.rules import rules_of
from containers.guardrails.verdict import Check
from containers.models import Approval, Deployment, Guardrails, ServiceEnvironment
from containers.notices import telling
from containers.services.settings import topic
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Role, User
from xqplatform.accounts.rights import can, has_role, require
from xqplatform.accounts.visibility import visible
from xqplatform.errors import Refused
from xqplatform.work import enqueue

RIGHT = "release.approve"
LONGEST = 2000


def given_to(row: Deployment | None) -> list[Given]:
    """Those of people who may approve there still."""
    if row is None:
        return []
    place = row.place
    return [
        Given(one.by_id, one.by_name, _role(one.by, place), one.expires.timestamp(), bool(one.withdrawn))
        for one in row.approvals.select_related("by").order_by("id")
        if one.by is None or can(Actor.person(one.by), RIGHT, **place.at)
    ]


def _role(person: User | None, place: ServiceEnvironment) -> str:
    """What counts where a rule asks for a role: SRE whoever has that role there."""
    if person is None:
        return ""
    return str(Role.SRE) if has_role(Actor.person(person), Role.SRE, **place.at) else person.role


def check(row: Deployment | None, asked: Asked, at: float, *, back: bool) -> list[Check]:
    """The guardrail's answer; none where no approval is asked for."""
    if not asked.count:
        return []
    if back:
        return [Check("approvals", True, _("The way back to what ran before needs no approval."))]
    author = row.created_by_id if row is not None else None
    found = counting(given_to(row), asked, author, at)
    names = ", ".join(one.name for one in found)
    if len(found) >= asked.count:
        return [Check("approvals", True, _("It is approved by %(names)s.") % {"names": names})]
    return [Check("approvals", False, " ".join([needs_words(asked), _has_words(len(found), names)]))]


def needs_words(asked: Asked) -> str:
    if asked.role == Guardrails.Approver.SRE:
        words = ngettext(
            "It needs the approval of %(n)d SRE other than who decides it.",
            "It needs the approval of %(n)d SREs other than who decides it.",
            asked.count,
        )
    else:
        words = ngettext(
            "It needs the approval of %(n)d person other than who decides it.",
            "It needs the approval of %(n)d people other than who decides it.",
            asked.count,
        )
    return words % {"n": asked.count}


def _has_words(count: int, names: str) -> str:
    if not count:
        return _("It has none yet.")
    return _("It has %(n)d: %(names)s.") % {"n": count, "names": names}


def lacks(row: Deployment, at: float | None = None) -> int:
    """How many approvals a release lacks now."""
    asked = rules_of(row.place.environment).approvals
    if not asked.count or row.guard.get("way_back"):
        return 0
    return lacking(given_to(row), asked, row.created_by_id, time.time() if at is None else at)


def missing(row: Deployment) -> int:
    """How many it lacks, whether it waits or is under way (then none expires); 0 when it has ended."""
    if row.is_active:
        asked = rules_of(row.place.environment).approvals
        return 0 if hold(row) is None else lacking(given_to(row), asked, row.created_by_id, None)
    return lacks(row) if row.state == Deployment.State.WAITING else 0


def hold(row: Deployment) -> holds.Freeze | None:
    """A release under way whose approval was withdrawn begins no further batch until it is approved again."""
    if row.kind != Deployment.Kind.DEPLOY or row.guard.get("way_back") or row.glass.exists():
        return None
    last = row.approvals.exclude(withdrawn=None).order_by("-withdrawn").first()
    asked = rules_of(row.place.environment).approvals
    if last is None or not lacking(given_to(row), asked, row.created_by_id, None):
        return None
    words = _("%(who)s withdrew the approval: %(why)s") % {"who": last.by_name, "why": last.withdrawn_why or "–"}
    return holds.Freeze(f"{words} {needs_words(asked)}", kind=Deployment.Hold.APPROVAL)


def may_approve(actor: Actor, row: Deployment) -> str:
    """Why this person's approval cannot be had; empty when it can. Says nothing of one that was given already."""
    place = row.place
    asked = rules_of(place.environment).approvals
    if not asked.count:
        return _("No approval is asked for here.")
    if row.state not in {Deployment.State.WAITING, *Deployment.ACTIVE}:
        return _("The release is %(state)s: this cannot be asked of it now.") % {"state": row.get_state_display()}
    if actor.user is None or actor.user.service_account:
        return _("Only a person can approve.")
    if actor.user.pk == row.created_by_id:
        return _("Somebody else has to approve it, not who decided it.")
    if asked.role and not has_role(actor, asked.role, **place.at):
        return _("Only SREs approve releases here.")
    if not can(actor, RIGHT, **place.at):
        return _("You may not approve releases here.")
    return ""


def standing(row: Deployment, actor: Actor) -> Approval | None:
    """The actor's own approval that still stands; of a release that has begun none expires."""
    if actor.user is None:
        return None
    mine = row.approvals.filter(by=actor.user, withdrawn=None)
    return (mine if row.is_active else mine.filter(expires__gt=timezone.now())).first()


def waiting_for(actor: Actor, most: int = 200) -> list[tuple[Deployment, int, str]]:
    """Releases that wait for approvals: how many each lacks, and why this person cannot help (empty: can)."""
    rows = (
        visible(actor, Deployment)
        .filter(state=Deployment.State.WAITING, place__environment__guardrails__approvals__gt=0)
        .order_by("id")
    )
    found = []
    for row in rows.select_related("place__service", "place__environment", "image")[:most]:
        if missing_here := lacks(row):
            done = _("You have approved it already.") if standing(row, actor) else ""
            found.append((row, missing_here, done or may_approve(actor, row)))
    return sorted(found, key=lambda one: bool(one[2]))


def approve(actor: Actor, deployment: Deployment, comment: str = "") -> Approval:
    """Another person says that it may begin. Raises Refused for who decided it, for others than the rule's role, and for one
    who has approved it already.
    """
    require_right(actor, deployment)
    comment = _comment(comment)
    with transaction.atomic():
        row = _locked(deployment)
        if why := may_approve(actor, row):
            raise Refused(why)
        if standing(row, actor) is not None:
            raise Refused(_("You have approved it already."))
        hours = rules_of(row.place.environment).approvals.hours
        now = timezone.now()
        made = Approval.objects.create(
            deployment=row, by=actor.user, by_name=actor.name, expires=now + timedelta(hours=hours), comment=comment
        )
        after = {"until": made.expires.isoformat()}
        audit.record(actor, "deployment.approve", row, after=after, reason=comment, parent=row.place.service)
        telling.approved(row, actor, made)
        _tell(row)
    return made


def withdraw(actor: Actor, deployment: Deployment, why: str = "") -> Approval:
    """Who approved takes it back; a release under way begins no further batch then."""
    require_right(actor, deployment)
    why = _comment(why)
    with transaction.atomic():
        row = _locked(deployment)
        made = standing(row, actor)
        if made is None:
            raise Refused(_("You have not approved it."))
        if row.state not in {Deployment.State.WAITING, *Deployment.ACTIVE}:
            raise Refused(_("The release has ended."))
        made.withdrawn, made.withdrawn_why = timezone.now(), why
        made.save(update_fields=["withdrawn", "withdrawn_why"])
        audit.record(actor, "deployment.withdraw", row, reason=why, parent=row.place.service)
        telling.withdrawn(row, actor, made)
        _tell(row)
    return made


def require_right(actor: Actor, row: Deployment) -> None:
    """Raises Denied. Call it before the transaction."""
    place = row.place
    require(actor, RIGHT, **place.at, obj=row)


def _locked(row: Deployment) -> Deployment:
    rows = Deployment.objects.select_for_update(of=("self",)).select_related("place__service", "place__environment")
    return rows.get(pk=row.pk)


def _comment(text: str) -> str:
    if len(text) > LONGEST:
        raise Refused(_("The reason is too long."), "reason", 400)
    return text.strip()


def _tell(row: Deployment) -> None:
    from containers.tasks import advance, begin_waiting

    live.bump("services", "approvals", topic(row.place), f"release:{row.pk}")
    if row.is_active:
        enqueue(advance, row.pk)
    else:
        enqueue(begin_waiting, row.place_id)

"""The verbs of scenarios: what their page and the API call. Looking needs none, since nothing is changed by it."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.http import Http404
from django.utils.translation import gettext as _

from containers.capacity.whatif.models import Scenario
from containers.capacity.whatif.scenario import parse_all
from xqplatform import audit
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import can, require
from xqplatform.errors import Refused

RIGHT = "fleet.read"
MOST = 200  # of one owner
MOST_NAME = 80
LARGEST = 2**31


def seen_by(actor: Actor) -> QuerySet[Scenario]:
    """The actor's own ones and those that others share."""
    return Scenario.objects.filter(Q(shared=True) | Q(owner=actor.user))


def get(actor: Actor, number: int) -> Scenario:
    """Raises Denied, and Http404 for one that is not there, or is another's own."""
    require(actor, RIGHT)
    row = seen_by(actor).filter(pk=min(number, LARGEST)).first()
    if row is None:
        raise Http404
    return row


def may_change(actor: Actor, row: Scenario) -> bool:
    """Its owner; who manages capacity may take away what others share."""
    return row.owner_id == getattr(actor.user, "pk", None)


def may_remove(actor: Actor, row: Scenario) -> bool:
    return may_change(actor, row) or can(actor, "capacity.manage")


def save(
    actor: Actor, name: str, changes: Sequence[str], *, shared: bool = False, scenario: Scenario | None = None
) -> Scenario:
    """Keeps the changes under a name; `scenario`: an own one that is changed. Raises Denied, Refused with the field, and Http404 when it
    is not there any more.
    """
    require(actor, RIGHT, obj=scenario)
    if scenario is not None and not may_change(actor, scenario):
        raise Refused(_("It is %(owner)s's: keep it under a name of your own.") % {"owner": scenario.owner_name})
    texts = [str(change) for change in parse_all(changes)]
    if not texts:
        raise Refused(_("There is nothing to keep: add a change first."), "changes", 400)
    name = name.strip()
    if not name or len(name) > MOST_NAME or "\x00" in name:
        raise Refused(_("A name of 1 to %(most)d characters.") % {"most": MOST_NAME}, "name", 400)
    if actor.user is None:
        raise Refused(_("A scenario belongs to a person."))
    try:
        with transaction.atomic():
            row = Scenario(owner=actor.user, owner_name=actor.name) if scenario is None else _locked(scenario)
            before = _shown(row) if scenario is not None else {}
            if scenario is None and Scenario.objects.filter(owner=actor.user).count() >= MOST:
                raise Refused(_("You keep %(most)d already: remove one first.") % {"most": MOST})
            row.name, row.shared, row.changes = name, shared, texts
            row.save()
            old, new = audit.changed(before, _shown(row))
            if new:
                audit.record(actor, "scenario.save", row, before=old, after=new)
    except IntegrityError:
        raise Refused(_("You have one of this name already."), "name") from None
    return row


def remove(actor: Actor, row: Scenario) -> None:
    """Forgets it. Raises Denied, Refused, and Http404 when somebody else was faster."""
    require(actor, RIGHT, obj=row)
    if not may_remove(actor, row):
        raise Refused(_("It is %(owner)s's.") % {"owner": row.owner_name})
    with transaction.atomic():
        row = _locked(row)
        audit.record(actor, "scenario.remove", row, before=_shown(row))
        row.delete()


def _locked(row: Scenario) -> Scenario:
    """As it stands now, until the transaction ends."""
    found = Scenario.objects.select_for_update().filter(pk=row.pk).first()
    if found is None:
        raise Http404
    return found


def _shown(row: Scenario) -> dict[str, object]:
    return {"name": row.name, "shared": row.shared, "changes": row.changes}

"""Verbs on saved views: searches of the log that somebody keeps, for themselves or for all who read the log."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from xqplatform import audit
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import can, require
from xqplatform.audit.models import SavedView
from xqplatform.errors import Refused

MOST_VIEWS = 50
MOST_QUERY = 2000


def views_of(actor: Actor) -> QuerySet[SavedView]:
    """One's own, and those that are shared with all who may read the whole log."""
    wanted = Q(owner=actor.user) if actor.user is not None else Q(pk=None)
    if can(actor, "audit.read"):
        wanted |= Q(shared=True)
    return SavedView.objects.filter(wanted).select_related("owner")


def save_view(actor: Actor, name: str, query: str, *, shared: bool = False) -> SavedView:
    """Keeps a search under a name. Raises Refused (no name, one that is taken, too many) and Denied (sharing)."""
    if actor.user is None:
        raise Refused(_("Only people keep views."), code=400)
    if shared:
        require(actor, "audit.read")
    query = query.replace("\x00", "").lstrip("?")
    if len(query) > MOST_QUERY:
        raise Refused(_("The search is too long to be kept."), "query", 400)
    if SavedView.objects.filter(owner=actor.user).count() >= MOST_VIEWS:
        raise Refused(_("You have %(n)d views already. Remove one first.") % {"n": MOST_VIEWS}, "name")
    view = SavedView(owner=actor.user, name=_name(name), query=query, shared=shared)
    with transaction.atomic():
        _write(view)
        audit.record(actor, "audit.view.create", view, after=_facts(view))
    return view


def change_view(actor: Actor, view: SavedView, *, name: str, shared: bool) -> SavedView:
    """Renames it, shares it or ends that; whoever sees it may. Raises Refused and Denied."""
    if shared and not view.shared:
        require(actor, "audit.read", obj=view)
    before = _facts(view)
    view.name, view.shared = _name(name), shared
    old, new = audit.changed(before, _facts(view))
    if new:
        with transaction.atomic():
            _write(view)
            audit.record(actor, "audit.view.change", view, before=old, after=new)
    return view


def remove_view(actor: Actor, view: SavedView) -> None:
    """Whoever sees it may remove it: a shared one belongs to all who read the log."""
    with transaction.atomic():
        audit.record(actor, "audit.view.remove", view, before=_facts(view))
        view.delete()


def _name(text: str) -> str:
    name = " ".join(text.replace("\x00", "").split())
    if not name:
        raise Refused(_("Give the view a name."), "name", 400)
    if len(name) > 60:
        raise Refused(_("A name has at most 60 characters."), "name", 400)
    return name


def _write(view: SavedView) -> None:
    try:
        with transaction.atomic():
            view.save()
    except IntegrityError as error:
        raise Refused(_("You have a view «%(name)s» already.") % {"name": view.name}, "name") from error


def _facts(view: SavedView) -> dict[str, Any]:
    return {"name": view.name, "query": view.query, "shared": view.shared}

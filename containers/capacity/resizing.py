"""Takes proposed limits into a place's settings: a new version by the verb that every change of settings goes by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from containers.capacity import sizes, sizing_words
from containers.capacity.rightsizing import Limits, Mark, Wish
from containers.capacity.sizes import Size
from containers.config import Config
from containers.models import ConfigVersion, ServiceEnvironment
from containers.services import new_limits
from containers.services.settings import save_config
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.accounts.visibility import get_visible
from xqplatform.errors import Refused

MOST = 200  # places in one go


@dataclass(frozen=True)
class Shown:
    """What somebody saw and wants: the settings' version, and the limits that it gets."""

    place: int
    version: int
    limits: Limits


@dataclass(frozen=True)
class Outcome:
    """`saved`, else `why` not; `deployment`: the release that takes the limits to what runs, else `not_live` says why there is none."""

    size: Size
    saved: ConfigVersion | None = None
    why: str = ""
    deployment: int | None = None
    not_live: str = ""


def resize(actor: Actor, wanted: Sequence[Shown], wish: Wish, *, live: bool = False) -> list[Outcome]:
    """Saves what is proposed for each, one by one: what is refused of one holds up no other. `live`: running containers take it, too.

    Raises Denied where one of them may not be changed, Http404 for one that is not there, and Refused for none, too many, or one without instances.
    """
    if not wanted:
        raise Refused(_("Tick at least one."), "places", 400)
    if len(wanted) > MOST:
        raise Refused(_("At most %(n)d at a time.") % {"n": MOST}, "places", 400)
    found = {one.place: one for one in sizes.of_actor(actor, wish, [one.place for one in wanted])}
    for one in wanted:
        if one.place not in found:
            place = get_visible(actor, ServiceEnvironment, pk=one.place)
            raise Refused(_("%(place)s has no instances any more.") % {"place": place}, "places")
    places = ServiceEnvironment.objects.select_related("service", "environment").in_bulk(found)
    for place in places.values():
        require(actor, "service.change", **place.at, obj=place)
        if live:
            require(actor, "service.operate", **place.at, obj=place)
    # (Each once, whatever was ticked twice.)
    return [_one(actor, found[key], shown, live) for key, shown in {one.place: one for one in wanted}.items()]


def _one(actor: Actor, one: Size, shown: Shown, live: bool) -> Outcome:
    with translation.override(settings.LANGUAGE_CODE):
        reason = sizing_words.reason(one)
    try:
        saved = _save(actor, one, shown, reason)
    except Refused as refused:
        return Outcome(one, why=refused.message)
    if not live:
        return Outcome(one, saved)
    try:
        row = new_limits.apply_limits(actor, ServiceEnvironment.objects.get(pk=one.place), reason=reason)
    except Refused as refused:
        return Outcome(one, saved, not_live=refused.message)
    return Outcome(one, saved, deployment=row.pk)


def _save(actor: Actor, one: Size, shown: Shown, reason: str) -> ConfigVersion:
    if not one.advice.changes:
        words = _("too little is known") if Mark.SHORT in one.advice.marks else _("its limits fit")
        raise Refused(_("Nothing is proposed for it: %(why)s.") % {"why": words})
    if one.advice.proposed != shown.limits:
        raise Refused(_("What is proposed has changed meanwhile: %(words)s.") % {"words": sizing_words.change(one)})
    with transaction.atomic():
        place = ServiceEnvironment.objects.select_for_update().get(pk=one.place)
        config = ConfigVersion.objects.filter(pk=place.config_id or 0).first()
        if (config.version if config else 0) != shown.version:
            words = _("Its settings were changed meanwhile (version %(version)s): look at it again.")
            raise Refused(words % {"version": config.version if config else 0})
        content = dict(config.content) if config else Config().to_json()
        proposed = {"cpus": one.advice.proposed.cpus, "memory": one.advice.proposed.memory}
        return save_config(actor, place, content | proposed, reason)

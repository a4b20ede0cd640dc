"""What ends here when a person leaves: waves of builds, and what is built at a push by their right."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from builds.models import Forge, Wave
from builds.services import waves
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.leaving import Tie, register
from xqplatform.accounts.models import User


def _waves(user: User) -> Any:
    return Wave.objects.filter(created_by=user, state=Wave.State.BUILDING)


def _wave_words(count: int) -> str:
    text = ngettext(
        "%(n)d wave of builds is stopped; what is being built is finished.",
        "%(n)d waves of builds are stopped; what is being built is finished.",
        count,
    )
    return text % {"n": count}


def _stop(actor: Actor, user: User) -> int:
    with translation.override(settings.LANGUAGE_CODE):  # stored: not in the language of who pressed it
        why = _("%(who)s, who began it, is not here any more.") % {"who": user.username}
    rows = list(_waves(user))
    for row in rows:
        waves.stop_wave(Actor.system(actor.name), row, why)
    return len(rows)


def _forges(user: User) -> int:
    return Forge.objects.filter(author=user).count()


def _forge_words(count: int) -> str:
    text = ngettext(
        "Pushes to %(n)d project are built no more, until somebody else saves the set-up of its forge.",
        "Pushes to %(n)d projects are built no more, until somebody else saves the set-up of their forges.",
        count,
    )
    return text % {"n": count}


def join() -> None:
    register(
        Tie("waves", _wave_words, lambda user: int(_waves(user).count()), _stop),
        # Their rows stay as they are: each push is built by the right of its author, who has none now.
        Tie("forges", _forge_words, _forges, lambda actor, user: _forges(user)),
    )

"""What ends here when a person leaves: terminals, commands, releases that wait, and what would release by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from containers.models import Approval, AutomaticRule, CommandRun, Deployment, Terminal, Train
from containers.services import queue
from containers.services.settings import topic
from containers.terminal import commands
from containers.terminal import services as terminals
from containers.trains import services as trains
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.leaving import Tie, register
from xqplatform.accounts.models import User

State = Deployment.State


def _terminals(user: User) -> Any:
    return Terminal.objects.filter(person=user, state__in=Terminal.ACTIVE)


def _end_terminals(actor: Actor, user: User) -> int:
    """The process that has one looks every other second; one that never opened has nobody to look."""
    rows = list(_terminals(user))
    for row in rows:
        terminals.ask_end(actor, row)
    return len(rows)


def _commands(user: User) -> Any:
    return CommandRun.objects.filter(person=user, state__in=CommandRun.ACTIVE)


def _end_commands(actor: Actor, user: User) -> int:
    return sum(commands.ask_end(actor, run) for run in _commands(user))


def _releases(user: User) -> Any:
    rows = Deployment.objects.filter(created_by=user, state=State.WAITING)
    return rows.select_related("place__service", "place__environment", "image")


def _cancel(actor: Actor, user: User) -> int:
    """Nobody inherits a decision: who wants the release decides it anew."""
    with translation.override(settings.LANGUAGE_CODE):  # stored: not in the language of who pressed it
        words = _("It did not begin: %(who)s, who decided it, is not here any more.") % {"who": user.username}
    return sum(queue.end(row, State.CANCELLED, words, actor) for row in _releases(user))


def _approvals(user: User) -> Any:
    rows = Approval.objects.filter(by=user, withdrawn=None, deployment__state=State.WAITING)
    return rows.select_related("deployment__place__service", "deployment__place__environment")


def _withdraw(actor: Actor, user: User) -> int:
    """Those of releases that have begun stand: they were true when it began."""
    rows = list(_approvals(user))
    with translation.override(settings.LANGUAGE_CODE):
        why = _("%(who)s is not here any more.") % {"who": user.username}
    for row in rows:
        row.withdrawn, row.withdrawn_why = timezone.now(), why
        row.save(update_fields=["withdrawn", "withdrawn_why"])
        live.bump("approvals", topic(row.deployment.place), f"release:{row.deployment_id}")
    return len(rows)


def _rules(user: User) -> Any:
    return AutomaticRule.objects.filter(author=user, enabled=True).select_related(
        "place__service", "place__environment"
    )


def _switch_off(actor: Actor, user: User) -> int:
    rows = list(_rules(user))
    for row in rows:
        AutomaticRule.objects.filter(pk=row.pk).update(enabled=False)
        service = row.place.service
        audit.record(
            actor, "service.automatic", row.place, before={"enabled": True}, after={"enabled": False}, parent=service
        )
        live.bump(topic(row.place), f"automatic:{service.slug}")
    return len(rows)


def _trains(user: User) -> Any:
    return Train.objects.filter(begun_by=user, state__in=[Train.State.RUNNING, Train.State.PAUSED])


def _abort(actor: Actor, user: User) -> int:
    """What is under way is finished; nothing further begins."""
    with translation.override(settings.LANGUAGE_CODE):
        why = _("%(who)s, who began it, is not here any more.") % {"who": user.username}
    rows = list(_trains(user))
    for row in rows:
        trains.abort(Actor.system(actor.name), row, why)
    return len(rows)


def _terminal_words(count: int) -> str:
    return ngettext("%(n)d open terminal ends.", "%(n)d open terminals end.", count) % {"n": count}


def _command_words(count: int) -> str:
    return ngettext("%(n)d running command is cancelled.", "%(n)d running commands are cancelled.", count) % {
        "n": count
    }


def _release_words(count: int) -> str:
    text = ngettext(
        "%(n)d waiting release that they decided is cancelled; somebody else may decide it anew.",
        "%(n)d waiting releases that they decided are cancelled; somebody else may decide them anew.",
        count,
    )
    return text % {"n": count}


def _approval_words(count: int) -> str:
    text = ngettext(
        "%(n)d approval of a waiting release does not count any more.",
        "%(n)d approvals of waiting releases do not count any more.",
        count,
    )
    return text % {"n": count}


def _rule_words(count: int) -> str:
    text = ngettext(
        "%(n)d rule of automatic releases is switched off, until somebody else saves it.",
        "%(n)d rules of automatic releases are switched off, until somebody else saves them.",
        count,
    )
    return text % {"n": count}


def _train_words(count: int) -> str:
    text = ngettext(
        "%(n)d train that they began is aborted; what is under way in it is finished.",
        "%(n)d trains that they began are aborted; what is under way in them is finished.",
        count,
    )
    return text % {"n": count}


def _counting(rows: Callable[[User], Any]) -> Callable[[User], int]:
    return lambda user: int(rows(user).count())


def join() -> None:
    register(
        Tie("terminals", _terminal_words, _counting(_terminals), _end_terminals),
        Tie("commands", _command_words, _counting(_commands), _end_commands),
        Tie("waiting releases", _release_words, _counting(_releases), _cancel),
        Tie("approvals", _approval_words, _counting(_approvals), _withdraw),
        Tie("automatic releases", _rule_words, _counting(_rules), _switch_off),
        Tie("trains", _train_words, _counting(_trains), _abort),
    )

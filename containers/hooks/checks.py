"""What of a service's hooks and traffic needs rows to be judged, before it is saved."""

from __future__ import annotations

from django.utils.translation import gettext as _

from containers.config import Config, parse
from containers.hooks.shape import Hook
from containers.models import ConfigVersion, Front, ServiceEnvironment
from containers.traffic.names import namesake
from hosts import commands
from hosts.models import Host, HostCommand
from hosts.services.commands import may_run
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import can
from xqplatform.errors import Refused


def check(actor: Actor, place: ServiceEnvironment, config: Config) -> None:
    """Raises Refused for a hook that could not run, or that the actor may not run by hand; for a front that is not there.

    A hook that stands already is left as it is: who changes something else need not have its rights.
    """
    before = stored_hooks(place.config)
    for number, hook in enumerate(config.hooks, 1):
        if hook.kind == "host" and hook not in before:
            check_host(actor, hook, f"hooks.{number}")
        if hook.kind == "command" and hook not in before and not can(actor, "service.command", **place.at):
            words = _("You may not run commands in containers here, so you may not have them run.")
            raise Refused(words, f"hooks.{number}.command")
    if config.traffic.way == "nginx" and not Front.objects.filter(slug=config.traffic.front).exists():
        words = _("There is no nginx front «%(name)s»: an SRE makes it under Settings.")
        raise Refused(words % {"name": config.traffic.front}, "traffic.front", 400)
    if config.traffic.way == "nginx" and (other := namesake(place, config.traffic.front)):
        words = _("At this front %(place)s has the upstream's name that this place would have: choose another front.")
        raise Refused(words % {"place": other}, "traffic.front", 409)


def stored_hooks(version: ConfigVersion | None) -> tuple[Hook, ...]:
    """Those of a version; none of one that cannot be read any more."""
    try:
        return parse(version.content).hooks if version is not None else ()
    except Refused:
        return ()


def check_host(actor: Actor, hook: Hook, at: str) -> None:
    """Raises Refused for a reviewed command that is not there, or that the actor may not run by hand."""
    command = HostCommand.objects.filter(name=hook.operation).first()
    if command is None:
        raise Refused(_("There is no command «%(name)s».") % {"name": hook.operation}, f"{at}.operation", 400)
    if not actor.is_system and not may_run(actor, command):
        words = _("You may not run «%(name)s», so you may not have it run: ask an SRE.")
        raise Refused(words % {"name": command}, f"{at}.operation")
    if hook.host and not Host.objects.filter(name=hook.host).exists():
        raise Refused(_("There is no host «%(name)s».") % {"name": hook.host}, f"{at}.host", 400)
    known = {one.name for one in commands.parameters_of(command.parameters)}
    if unknown := set(hook.values) - known:
        raise Refused(_("There is no parameter «%(name)s».") % {"name": min(unknown)}, f"{at}.values", 400)

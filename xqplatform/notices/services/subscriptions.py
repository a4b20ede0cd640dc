"""Which channels of the company, and which teams, hear of what."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from django.db import transaction
from django.utils.translation import gettext as _

from xqplatform import audit
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Team
from xqplatform.accounts.rights import can, require, somewhere
from xqplatform.accounts.visibility import sees_team
from xqplatform.alerts import subjects
from xqplatform.alerts.models import Channel
from xqplatform.errors import Refused
from xqplatform.notices.kinds import CHOSEN
from xqplatform.notices.models import Subscription

RIGHT = "notices.manage"
MOST = 500


def ending(actor: Actor, rows: Iterable[Subscription]) -> list[tuple[Subscription, bool]]:
    """Each with whether the actor may end it; services are read once for all of them."""
    teams = {one.slug: one.team for one in subjects.services()}
    known: dict[tuple[int | None, str, str | None], bool] = {}
    found = []
    for row in rows:
        key = (teams.get(row.service), row.environment or "*", row.service or None)
        if key not in known:
            known[key] = can(actor, RIGHT, team_id=key[0], environment=key[1], service=key[2])
        found.append((row, known[key]))
    return found


def offered(actor: Actor) -> list[str]:
    """Services somebody may choose for, if only in one environment; the empty name stands for all of them."""
    found = [
        one.slug
        for one in subjects.services()
        if sees_team(actor, one.team) and somewhere(actor, RIGHT, team_id=one.team, service=one.slug)
    ]
    limited = [one.scope for one in actor.held if RIGHT in one.rights]
    return [*([""] if any(one.team is None and one.service is None for one in limited) else []), *found]


def require_right(actor: Actor, service: str, environment: str, obj: Subscription | None = None) -> None:
    """Developers choose for what their own teams own; everything at once is an SRE's. Raises Denied. Call it before the transaction."""
    team_id = subjects.team_seen(actor, service) if service else None
    given = {"service": service[:120], "environment": environment[:60]}
    extra = {name: value.replace("\x00", "") for name, value in given.items()} if obj is None else None
    require(
        actor, RIGHT, team_id=team_id, environment=environment or "*", service=service or None, obj=obj, extra=extra
    )


def subscribe(
    actor: Actor,
    *,
    channel: Channel | None = None,
    team: Team | None = None,
    service: str = "",
    environment: str = "",
    kinds: Collection[str],
) -> Subscription:
    """A channel or a team hears of these kinds from now on. Raises Denied, Refused."""
    require_right(actor, service, environment)
    wanted = [kind.value for kind in CHOSEN if kind in kinds]
    if not wanted or set(kinds) - set(wanted):
        raise Refused(_("Choose of what it shall hear."), "kinds", 400)
    if (channel is None) == (team is None) or (channel is not None and channel.owner_id is not None):
        raise Refused(_("Choose a channel or a team."), "receiver", 400)
    if service and service not in subjects.services_seen_by(actor):
        raise Refused(_("There is no such service."), "service", 400)
    if environment and environment not in subjects.environments():
        raise Refused(_("There is no such environment."), "environment", 400)
    row = Subscription(
        channel=channel, team=team, service=service, environment=environment, kinds=wanted, created_name=actor.name
    )
    with transaction.atomic():
        same = Subscription.objects.filter(channel=channel, team=team, service=service, environment=environment)
        if same.exists():
            raise Refused(_("It hears of that already: end that subscription first."), "receiver")
        if Subscription.objects.count() >= MOST:
            raise Refused(_("There are %(n)d subscriptions already.") % {"n": MOST})
        row.save()
        audit.record(actor, "notice.subscribe", row, after={"kinds": wanted})
    return row


def unsubscribe(actor: Actor, row: Subscription) -> None:
    require_right(actor, row.service, row.environment, row)
    with transaction.atomic():
        audit.record(actor, "notice.unsubscribe", row, before={"kinds": row.kinds})
        row.delete()

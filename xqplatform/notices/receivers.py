"""Who hears of a notice, as people, teams and rights stand when it is worked out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Membership, Role, User
from xqplatform.accounts.rights import READ, can, has_role
from xqplatform.accounts.visibility import is_closed, sees_team
from xqplatform.alerts.models import Channel
from xqplatform.notices.kinds import INBOX, OWN, Relation, reaches
from xqplatform.notices.models import Notice, Preference, Subscription
from xqplatform.notices.sources import SOURCES


@dataclass(frozen=True)
class Receiver:
    user: User
    relation: Relation
    inbox: bool
    own: bool  # over the own channel, if there is one


def members(team: int | None, environment: str) -> set[int]:
    """People of a team who have to do with that environment."""
    rows = Membership.objects.filter(team_id=team) if team is not None else Membership.objects.none()
    return {row.user_id for row in rows if not environment or not row.environments or environment in row.environments}


def may_see(person: User, notice: Notice) -> bool:
    actor, source = Actor.person(person), SOURCES.get(notice.source)
    right = READ if source is None else source.right
    return sees_team(actor, notice.team_id) and can(
        actor, right, team_id=notice.team_id, environment=notice.environment or None
    )


def _runs(person: User, notice: Notice) -> bool:
    return has_role(Actor.person(person), Role.SRE, team_id=notice.team_id, environment=notice.environment or None)


def subscriptions(notice: Notice) -> list[Subscription]:
    rows = Subscription.objects.filter(
        Q(service="") | Q(service=notice.service), Q(environment="") | Q(environment=notice.environment)
    ).select_related("channel")
    return [row for row in rows if notice.kind in row.kinds]


def channels(found: list[Subscription], notice: Notice) -> list[Channel]:
    """Of the company's channels those that hear of it, each once. Of a closed team's services one hears that is said to hear of them,
    and one that somebody has this very service told to.
    """
    closed = is_closed(notice.team_id)
    rows = {
        row.channel.pk: row.channel
        for row in found
        if row.channel is not None and row.channel.enabled and (row.service or row.channel.hears_closed or not closed)
    }
    return [rows[pk] for pk in sorted(rows)]


def following(found: list[Subscription], environment: str) -> set[int]:
    """People of teams that have subscribed to it."""
    return {pk for row in found if row.team_id is not None for pk in members(row.team_id, environment)}


def relations(notice: Notice) -> dict[int, Relation]:
    """People who have to do with it: who decided it or of whom it asks something, then who is of the team."""
    source = SOURCES.get(notice.source)
    mine = {notice.author_id, *(source.asked(notice) if source is not None else ())} - {None}
    team: dict[int, Relation] = dict.fromkeys(members(notice.team_id, notice.environment), "team")
    return {**team, **dict.fromkeys((pk for pk in mine if pk is not None), "mine")}


def _wide(kind: str, prefs: dict[int, Preference]) -> set[int]:
    """People who want to hear of everybody's."""
    return {pk for pk, row in prefs.items() if "all" in {row.inbox.get(kind), row.own.get(kind)}}


def people(notice: Notice, found: list[Subscription]) -> Iterator[Receiver]:
    """Those who may hear of it. Nobody hears of what they did themselves, nor of what they may not see (any more)."""
    kind = notice.kind
    near = relations(notice)
    prefs = {row.user_id: row for row in Preference.objects.all()}
    follow = following(found, notice.environment)
    for user in _active({*near, *follow, *_wide(kind, prefs)}).exclude(pk=notice.actor_id or 0):
        relation = near.get(user.pk, "team" if user.pk in follow else "all")
        pref = prefs.get(user.pk)
        inbox = (pref.inbox if pref else {}).get(kind, INBOX[kind])
        own = (pref.own if pref else {}).get(kind, OWN[kind])
        # What a team has subscribed to reaches its people, except those who want to hear nothing of the kind.
        by_team = user.pk in follow
        to_inbox = reaches(inbox, relation) or (by_team and inbox != "none")
        to_own = reaches(own, relation) or (by_team and own != "none")
        if (to_inbox or to_own) and may_see(user, notice):
            yield Receiver(user, relation, to_inbox, to_own)


def _active(pks: set[int]) -> QuerySet[User]:
    return User.objects.filter(pk__in=pks, is_active=True, service_account=False).order_by("pk")


def still(user: User, notice: Notice) -> bool:
    """Whether somebody who was to hear of it may still do so; asked when it is sent, which may be hours later."""
    if not user.is_active or not may_see(user, notice):
        return False
    if user.pk == notice.author_id or _runs(user, notice) or user.pk in members(notice.team_id, notice.environment):
        return True
    if user.pk in following(subscriptions(notice), notice.environment):
        return True
    pref = Preference.objects.filter(user=user).first()
    return pref is not None and pref.own.get(notice.kind) == "all"

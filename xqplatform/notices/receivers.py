"""Who hears of a notice, as people, teams and rights stand when it is worked out."""

from __future__ import annotations

from collections.abc import Iterator

from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Membership, User
from xqplatform.accounts.rights import READ, can
from xqplatform.notices.kinds import Relation
from xqplatform.notices.models import Notice
from xqplatform.notices.sources import SOURCES


def members(team: int | None, environment: str) -> set[int]:
    """People of a team who have to do with that environment."""
    rows = Membership.objects.filter(team_id=team) if team is not None else Membership.objects.none()
    return {row.user_id for row in rows if not environment or not row.environments or environment in row.environments}


def may_see(person: User, notice: Notice) -> bool:
    return can(Actor.person(person), READ, team_id=notice.team_id, environment=notice.environment or None)


def relations(notice: Notice) -> dict[int, Relation]:
    """People who have to do with it: who decided it or of whom it asks something, then who is of the team."""
    source = SOURCES.get(notice.source)
    mine = {notice.author_id, *(source.asked(notice) if source is not None else ())} - {None}
    team: dict[int, Relation] = dict.fromkeys(members(notice.team_id, notice.environment), "team")
    return {**team, **dict.fromkeys((pk for pk in mine if pk is not None), "mine")}


def people(notice: Notice) -> Iterator[tuple[User, Relation]]:
    """Those who may hear of it. Nobody hears of what they did themselves, nor of what they may not see (any more)."""
    found = relations(notice)
    for person in User.objects.filter(pk__in=found, is_active=True).exclude(pk=notice.actor_id or 0).order_by("pk"):
        if may_see(person, notice):
            yield person, found[person.pk]

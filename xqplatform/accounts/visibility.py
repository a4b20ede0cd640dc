"""Who sees what. A team is open (everybody who is signed in may look at what it owns) or closed (its members only, and
roles that read everything); what a closed team owns is not there for anybody else.

Every view, API operation, stream and search reads rows that teams own through `visible` or `get_visible`. Which rows those
are, apps say in `AppConfig.ready` with `owned`: the way from the model to the key of its team. Verbs and decisions read
everything: capacity, addresses and names stay true for who does not see what has them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any, TypeVar

from django.db.models import Manager, Model, Q, QuerySet
from django.http import Http404
from django.utils import timezone

from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Team
from xqplatform.accounts.rights import READ, visible_teams

M = TypeVar("M", bound=Model)
# Which rows are those of the teams with these keys.
Hides = Callable[[frozenset[int]], Q]
OWNED: dict[type[Model], list[Hides]] = {}
PATHS: dict[type[Model], list[str]] = {}
# Live topics «KIND:KEY…» that tell of one row: kind → model and the field that the key is of.
TOPICS: dict[str, tuple[type[Model], str]] = {}
# What services of these teams are called, by the app that has services: for texts that name them.
NAMES: list[Callable[[frozenset[int]], Iterable[str]]] = []
# Rights with which somebody sees all teams' things: who reads the fleet, and who says what teams are open.
EVERYTHING = frozenset({"fleet.read", "people.manage"})
# The same attempt on the same thing is one event in so much time.
ONCE = timedelta(minutes=1)


def owned(model: type[Model], *paths: str) -> None:
    """A model whose rows teams own: `paths` lead to a team's key; a row is hidden when one of its teams is.

    Apps above may add ways to a model of an app below.
    """

    def hides(teams: frozenset[int]) -> Q:
        found = Q()
        for path in paths:
            found |= Q(**{f"{path}__in": teams})
        return found

    owned_if(model, hides)
    PATHS.setdefault(model, []).extend(paths)


def owned_if(model: type[Model], hides: Hides) -> None:
    """The same for a model that names what it is about as text."""
    OWNED.setdefault(model, []).append(hides)


def owner_of(*rows: Model | None) -> int | None:
    """The key of the team that owns the first of these that can be owned: 0 is nobody, None says that none can be.

    Where several own it, a closed one counts.
    """
    for row in rows:
        paths = PATHS.get(type(row)) if row is not None else None
        if paths and row is not None:
            found = {team for path in paths for team in _teams(row, path)}
            closed = (
                set(Team.objects.filter(pk__in=found, closed=True).values_list("pk", flat=True)) if found else set()
            )
            return min(closed or found, default=0)
    return None


def _teams(row: Model, path: str) -> set[int]:
    found: set[Any] = {row}
    for part in path.removesuffix("_id").split("__"):
        steps = [getattr(one, part, None) if part != "team" else getattr(one, "team_id", None) for one in found]
        found = {one for step in steps for one in (step.all() if isinstance(step, Manager) else [step])} - {None}
    return found


def _looks_everywhere(rights: frozenset[str]) -> bool:
    """Whether a role that holds everywhere shows what closed teams own: one that reads all, governs teams, or acts on services."""
    return any(right in EVERYTHING or right.partition(".")[0] in {"service", "build", "release"} for right in rights)


def sees_everything(actor: Actor) -> bool:
    """Whether no team could be closed to the actor: what they set up may carry what is anybody's. A token sees what its person does."""
    if actor.is_system:
        return True
    return any(one.scope.everywhere and _looks_everywhere(one.rights) for one in actor.held)


def is_closed(team_id: int | None) -> bool:
    return team_id is not None and Team.objects.filter(pk=team_id, closed=True).exists()


def _seen(actor: Actor, closed: set[int]) -> set[int]:
    """Of the closed teams those that the actor is in, or holds a role in. A token sees what its person does."""
    seen = closed.intersection(visible_teams(actor))
    for one in actor.held:
        if one.scope.team is not None:
            seen |= closed & {one.scope.team}
        elif one.scope.service is not None:
            seen |= {team for team in closed if one.scope.service in names_of({team})}
        elif _looks_everywhere(one.rights):
            return closed
    return seen


def hidden(actor: Actor) -> frozenset[int]:
    """Keys of the closed teams whose things the actor does not see. One query a request when no team is closed."""
    known = actor.__dict__.get("_hidden")
    if known is None:
        known = frozenset()
        if not actor.is_system:
            closed = set(Team.objects.filter(closed=True).values_list("pk", flat=True))
            known = frozenset(closed - _seen(actor, closed)) if closed else known
        if actor.via in {"page", "api"}:  # (an actor of a request lives as long as the request)
            actor.__dict__["_hidden"] = known
    return known


def heard(actor: Actor, topics: Iterable[str]) -> list[str]:
    """Of these live topics those that the actor may listen to: what is not there is not heard either, nor are others' inboxes."""
    asked: dict[str, set[str]] = defaultdict(set)
    own, found = f"inbox:{actor.user.pk if actor.user else 0}", []
    for topic in topics:
        kind, _colon, rest = topic.partition(":")
        if kind == "inbox" and topic != own:
            continue
        found.append(topic)
        if kind in TOPICS:
            asked[kind].add(rest.partition(":")[0])
    if not hidden(actor):
        return found
    seen = {kind: _keys(actor, kind, keys) for kind, keys in asked.items()}
    return [one for one in found if (parts := one.split(":"))[0] not in TOPICS or parts[1] in seen[parts[0]]]


def _keys(actor: Actor, kind: str, keys: set[str]) -> set[str]:
    model, field = TOPICS[kind]
    fitting = keys if field != "pk" else {key for key in keys if key.isascii() and key.isdecimal() and len(key) < 19}
    return {str(key) for key in visible(actor, model).filter(**{f"{field}__in": fitting}).values_list(field, flat=True)}


def hidden_names(actor: Actor) -> frozenset[str]:
    """Names of services that the actor does not see; no query where nothing is hidden."""
    teams = hidden(actor)
    if not teams:
        return frozenset()
    known = actor.__dict__.get("_hidden_names")
    if known is None:
        known = names_of(teams)
        if actor.via in {"page", "api"}:
            actor.__dict__["_hidden_names"] = known
    return frozenset(known)


def names_of(teams: Iterable[int]) -> frozenset[str]:
    """What services of these teams are called."""
    keys = frozenset(teams)
    return frozenset(name for names in NAMES for name in names(keys)) if keys else frozenset()


def closed_names() -> frozenset[str]:
    """Names of all closed teams' services: for words that are kept, whoever reads them."""
    return names_of(Team.objects.filter(closed=True).values_list("pk", flat=True))


def visible(actor: Actor, rows: type[M] | QuerySet[M]) -> QuerySet[M]:
    """The rows that the actor may know of. Raises KeyError for a model that no app has registered."""
    found: QuerySet[M] = rows.all() if isinstance(rows, QuerySet) else rows._default_manager.all()
    ways = OWNED[found.model]
    teams = hidden(actor)
    for hides in ways if teams else ():
        found = found.exclude(hides(teams))
    return found


def sees(actor: Actor, row: Model) -> bool:
    """Whether the actor may know of this row."""
    return not hidden(actor) or visible(actor, type(row)).filter(pk=row.pk).exists()


def sees_team(actor: Actor, team_id: int | None) -> bool:
    return team_id not in hidden(actor)


def get_visible(actor: Actor, rows: type[M] | QuerySet[M], **lookup: Any) -> M:
    """The one row. Raises Http404 when there is none, and when it is not there for the actor; that is an event then."""
    found = visible(actor, rows).filter(**lookup).first()
    if found is not None:
        return found
    if hidden(actor):
        every: QuerySet[M] = rows if isinstance(rows, QuerySet) else rows._default_manager.all()
        _tell(actor, every.filter(**lookup).first())
    raise Http404


def require_visible(actor: Actor, row: Model) -> None:
    """Raises Http404 for a row that was found some other way and is not there for the actor."""
    if not sees(actor, row):
        _tell(actor, row)
        raise Http404


def _tell(actor: Actor, row: Model | None) -> None:
    """An attempt to look at what is hidden is an event."""
    from xqplatform import audit
    from xqplatform.audit.models import Event

    if row is None:
        return
    same = Event.objects.filter(object_type=row._meta.label_lower, object_id=str(row.pk), user=actor.user)
    if not same.filter(action=READ, denied=True, time__gte=timezone.now() - ONCE).exists():
        audit.record(actor, READ, row, denied=True)

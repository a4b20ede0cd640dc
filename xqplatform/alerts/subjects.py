"""What alerts are about: apps above register who can tell the hosts, instances and places that there are."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from xqplatform.accounts.actor import Actor
from xqplatform.accounts.visibility import sees_team


@dataclass(frozen=True, slots=True)
class About:
    """One subject, with what rules and silences match. `held`: why nobody shall be told of it now, in words.

    `measured`: whether samples of it are to be expected; none come of what is meant to be stopped.
    """

    subject: str
    name: str
    url: str = ""
    service: str = ""
    environment: str = ""
    host: str = ""
    group: str = ""
    team: int | None = None
    held: str = ""
    measured: bool = True


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of subject. `read` yields all there are, in a few queries whatever their number."""

    name: str
    title: Any
    read: Callable[[], Iterable[About]]


@dataclass(frozen=True, slots=True)
class ServiceName:
    slug: str
    team: int | None


KINDS: dict[str, Kind] = {}
# Choices of the forms, and whose a service is.
SERVICES: list[Callable[[], Iterable[ServiceName]]] = []
ENVIRONMENTS: list[Callable[[], Iterable[str]]] = []
GROUPS: list[Callable[[], Iterable[str]]] = []


def register(name: str, title: Any, read: Callable[[], Iterable[About]]) -> None:
    KINDS[name] = Kind(name, title, read)


def kind_of(subject: str) -> str:
    return subject.partition(":")[0]


def world(kinds: Iterable[str]) -> dict[str, About]:
    """Every subject of these kinds."""
    return {about.subject: about for name in kinds if name in KINDS for about in KINDS[name].read()}


def find(subject: str) -> About | None:
    kind = KINDS.get(kind_of(subject))
    return next((one for one in kind.read() if one.subject == subject), None) if kind else None


def services() -> list[ServiceName]:
    return sorted((one for read in SERVICES for one in read()), key=lambda one: one.slug)


def services_seen_by(actor: Actor) -> list[str]:
    """For choices: names of those that are there for the actor."""
    return [one.slug for one in services() if sees_team(actor, one.team)]


def environments() -> list[str]:
    return [one for read in ENVIRONMENTS for one in read()]


def groups() -> list[str]:
    return sorted(one for read in GROUPS for one in read())


def team_of(service: str) -> int | None:
    return next((one.team for one in services() if one.slug == service), None)


def team_seen(actor: Actor, service: str) -> int | None:
    """The same for what an actor names: of a service that is not there for them it is nobody's, as of one that is not there at all."""
    team = team_of(service)
    return team if sees_team(actor, team) else None


def number(subject: str) -> int:
    """The primary key within «host:3»."""
    return int(subject.partition(":")[2])

"""What a right is asked about. Pure: a right, and the service and environment somebody points at → the scope of the question.

A grant reaches what its scope contains, so a grant on a service reaches questions about this service only. Its builds are asked
about a project, which is of the service as far as it is this service's alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from xqplatform.accounts.catalogue import CATALOGUE, Of
from xqplatform.accounts.roles.decide import EVERYWHERE, Scope


@dataclass(frozen=True)
class Runs:
    """A service that runs what a project builds, and its team."""

    service: str
    team: int | None


def of_project(team: int | None, runs: Iterable[Runs]) -> Scope:
    """A project's builds are asked about its team, and about a service where that alone runs them and is of the same team: a grant on
    one service changes nothing for another one, or for another team.
    """
    found = list(runs)
    alone = len(found) == 1 and found[0].team == team
    return Scope(team, service=found[0].service if alone else None)


def asked(right: str, place: Scope, project: Scope | None = None) -> Scope:
    """What is asked, when the right is wanted for a service in an environment (either may be missing). `project`: the scope of
    the service's project. Raises KeyError for an unknown right.
    """
    of = CATALOGUE[right].of
    if of is Of.PLACE:
        return place
    if of is Of.PROJECT:
        return project if project is not None else Scope(place.team)
    return Scope(place.team) if of is Of.TEAM else EVERYWHERE

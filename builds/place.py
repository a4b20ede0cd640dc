"""Where a project is, for rights: of its team, and of the service that alone runs what it builds.

Apps above say which services those are, so that this app needs not know them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from xqplatform.accounts.roles.asked import Runs, of_project
from xqplatform.accounts.roles.decide import At

if TYPE_CHECKING:
    from builds.models import Project

# Of the projects with these keys: the services that run what they build.
RUNS: list[Callable[[Collection[int]], Mapping[int, Sequence[Runs]]]] = []


def at(project: Project) -> At:
    """What a right on it is asked about."""
    return all_at([project])[project.pk]


def all_at(projects: Iterable[Project]) -> dict[int, At]:
    """The same for many, by their keys."""
    teams = {one.pk: one.team_id for one in projects}
    answers = [runs(teams) for runs in RUNS]
    scopes = {pk: of_project(team, [one for runs in answers for one in runs.get(pk, ())]) for pk, team in teams.items()}
    return {pk: {"team_id": scope.team, "service": scope.service} for pk, scope in scopes.items()}

"""Where a project is, for rights: of its team, and of the service that alone runs what it builds.

Apps above say which services those are, so that this app needs not know them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from xqplatform.accounts.roles.asked import Runs, of_project
from xqplatform.accounts.roles.decide import At

if TYPE_CHECKING:
    from builds.models import Project

RUNS: list[Callable[[Project], list[Runs]]] = []


def at(project: Project) -> At:
    """What a right on it is asked about."""
    scope = of_project(project.team_id, [one for runs in RUNS for one in runs(project)])
    return {"team_id": scope.team, "service": scope.service}

"""Which service runs what a project builds, and what is asked about a service's project: for rights."""

from __future__ import annotations

from builds.models import Project
from builds.place import RUNS, at
from containers.models import Service
from xqplatform.accounts.roles.asked import Runs
from xqplatform.accounts.roles.decide import Scope
from xqplatform.accounts.roles.who import PROJECTS


def runs(project: Project) -> list[Runs]:
    """A service that is removed runs nothing."""
    return [Runs(row.slug, row.team_id) for row in Service.objects.filter(project=project, removed=None)]


def project_of(slug: str) -> Scope | None:
    row = Service.objects.select_related("project").filter(slug=slug, removed=None).first()
    if row is None:
        return None
    found = at(row.project)
    return Scope(found["team_id"], service=found["service"])


def register() -> None:
    RUNS.append(runs)
    PROJECTS.append(project_of)

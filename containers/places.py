"""Which service runs what a project builds, and what is asked about a service's project: for rights."""

from __future__ import annotations

from collections.abc import Collection

from builds.place import RUNS, at
from containers.models import Container, Service
from hosts import hooks
from xqplatform.accounts.roles.asked import Runs
from xqplatform.accounts.roles.decide import Scope
from xqplatform.accounts.roles.who import PROJECTS


def runs(projects: Collection[int]) -> dict[int, list[Runs]]:
    """A service that is removed runs nothing."""
    found = Service.objects.filter(project__in=projects, removed=None)
    return {project: [Runs(slug, team)] for project, slug, team in found.values_list("project_id", "slug", "team_id")}


def project_of(slug: str) -> Scope | None:
    row = Service.objects.select_related("project").filter(slug=slug, removed=None).first()
    if row is None:
        return None
    found = at(row.project)
    return Scope(found["team_id"], service=found["service"])


def names_on(host: int) -> set[str]:
    """Services whose containers stand on a host, or stood there."""
    return set(Container.objects.filter(host=host).values_list("instance__place__service__slug", flat=True))


def register() -> None:
    hooks.HOST_SERVICES.append(names_on)
    RUNS.append(runs)
    PROJECTS.append(project_of)

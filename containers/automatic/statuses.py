"""Which status the releases of a service's environments give their commits at the forge."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from builds.forges import statuses
from builds.models import Forge, ForgeStatus
from containers.models import Deployment

LATELY = timedelta(hours=1)
State = Deployment.State
STATUS = {
    State.SUCCEEDED: "success",
    State.FAILED: "failure",
    State.ROLLED_BACK: "failure",
    State.CANCELLED: "error",
}


def sweep() -> None:
    """Notes those that are another one by now. What is seen counts, not who did it, so no release knows of it."""
    projects = list(Forge.objects.filter(report=True, project__service__removed=None).values_list("project", flat=True))
    if not projects:
        return
    lately = Q(state__in=[State.WAITING, *Deployment.ACTIVE]) | Q(finished__gte=timezone.now() - LATELY)
    rows = Deployment.objects.filter(
        lately, kind=Deployment.Kind.DEPLOY, image__project__in=projects, place__service__removed=None
    )
    columns = ("place", "image__project", "image__revision", "place__environment__slug", "pk", "state")
    # The newest of a place and a commit.
    newest = {
        (place, commit): (project, commit, *rest)
        for place, project, commit, *rest in rows.order_by("pk").values_list(*columns)
    }
    told = _told(projects, {commit for _place, commit in newest})
    for project, commit, slug, pk, state in newest.values():
        context, status = f"xq/deploy/{slug}", STATUS.get(State(state), "pending")
        words, path = f"{slug} #{pk}: {State(state).label}", f"/releases/{pk}/"
        if told.get((project, commit, context)) != (status, words, path):
            statuses.report(project, commit, context, status, words=words, path=path)


def _told(projects: list[int], commits: set[str]) -> dict[tuple[int, str, str], tuple[str, str, str]]:
    """What is noted of these commits, in one look: the sweep runs all the time, and mostly nothing is new."""
    rows = ForgeStatus.objects.filter(forge__project__in=projects, revision__in=commits)
    found = rows.values_list("forge__project", "revision", "context", "status", "words", "path")
    return {
        (project, commit, context): (status, words, path) for project, commit, context, status, words, path in found
    }

"""Which status the releases of a service's environments give their commits at the forge."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from builds.forges import statuses
from builds.models import Forge
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
    rows = Deployment.objects.filter(
        kind=Deployment.Kind.DEPLOY, image__project__in=projects, place__service__removed=None
    ).select_related("image", "place__environment")
    lately = timezone.now() - LATELY
    seen = rows.filter(state__in=[State.WAITING, *Deployment.ACTIVE]) | rows.filter(finished__gte=lately)
    newest = {(row.place_id, row.image.revision): row for row in seen.order_by("pk") if row.image is not None}
    for row in newest.values():
        assert row.image is not None
        slug = row.place.environment.slug
        words = f"{slug} #{row.pk}: {row.get_state_display()}"
        status = STATUS.get(State(row.state), "pending")
        image, context = row.image, f"xq/deploy/{slug}"
        path = f"/releases/{row.pk}/"
        statuses.report(image.project_id, image.revision, context, status, words=words, path=path)

"""Pages of a release's record."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from containers.models import Deployment
from containers.recorder import summary
from containers.recorder.reading import calls_of
from containers.views.access import get_deployment

MOST_STEPS = 50  # on one page


def about(deployment: Deployment) -> dict[str, object]:
    """What every page of a release's record shows at its top."""
    place = deployment.place
    return {"deployment": deployment, "place": place, "service": place.service, "environment": place.environment}


@require_GET
def calls(request: HttpRequest, number: int) -> HttpResponse:
    """Every engine call of the release with its answer, by its steps; `?failed=1`: only steps with a refusal."""
    deployment = get_deployment(number)
    groups = calls_of(deployment)
    found = summary.total(groups)
    only_failed = request.GET.get("failed") == "1"
    if only_failed:
        groups = [group for group in groups if group.failed]
    asked = request.GET.get("page", "")
    pages = max(1, -(-len(groups) // MOST_STEPS))
    page = min(pages, max(1, int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 6 else 1))
    context = {
        "calls": found,
        "groups": groups[(page - 1) * MOST_STEPS : page * MOST_STEPS],
        "only_failed": only_failed,
        "page": page,
        "pages": pages,
    }
    return render(request, "containers/release_calls.html", about(deployment) | context)

"""Pages of a release's record."""

from __future__ import annotations

import json
import time
from functools import cache
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from containers import charts
from containers.models import ConfirmedPlan, Deployment
from containers.recorder import compare as compare_rows
from containers.recorder import effects, export, summary
from containers.recorder.reading import calls_of
from containers.views.access import actor_of, get_deployment
from containers.views.deploy import commits
from containers.views.settings import changes
from xqplatform.accounts.visibility import visible
from xqplatform.metrics import pages

MOST_STEPS = 50  # on one page
MOST_CHOICES = 50  # releases to compare with


def about(deployment: Deployment) -> dict[str, object]:
    """What every page of a release's record shows at its top."""
    place = deployment.place
    return {"deployment": deployment, "place": place, "service": place.service, "environment": place.environment}


@require_GET
def calls(request: HttpRequest, number: int) -> HttpResponse:
    """Every engine call of the release with its answer, by its steps; `?failed=1`: only steps with a refusal."""
    deployment = get_deployment(actor_of(request), number)
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


@require_GET
def plan(request: HttpRequest, number: int) -> HttpResponse:
    """The plan as it was confirmed."""
    deployment = get_deployment(actor_of(request), number)
    copy = visible(actor_of(request), ConfirmedPlan).filter(deployment=deployment).first()
    pv = copy.content if copy is not None else None
    context = about(deployment) | {
        "copy": copy,
        "pv": pv,
        "batches": pv["capacity"] if pv else [],
        "news": pv["image"] if pv else None,
        "changes": changes(deployment.old_config, deployment.config) if deployment.old_config_id else [],
    }
    return render(request, "containers/release_plan.html", context)


@require_GET
def measured(request: HttpRequest, number: int) -> HttpResponseBase:
    """Charts of its place around the release, means before and after it, and the alerts that fired."""
    deployment = get_deployment(actor_of(request), number)
    place, now = deployment.place, time.time()
    times = effects.times_of(deployment, now)
    if not {"from", "to", "range"} & set(request.GET):
        query = request.GET.copy()
        first, last = times.around
        query.update({"from": f"{first:.0f}", "to": f"{last:.0f}"})
        request.GET = QueryDict(query.urlencode())
    instances = cache(lambda span: charts.instances_in(place, span))
    context = about(deployment) | {
        "changes": effects.changes_of(deployment, now),
        "alerts": effects.alerts_of(deployment),
        "links": True,
        "measured": times.measured,
        "short": times.measured < effects.COMPARED,
    }
    return pages.respond(
        request,
        lambda span, points: charts.place_sheet(place, instances(span), span, points),
        "containers/release_metrics.html",
        context,
        name=f"release-{deployment.pk}",
        about=deployment,
    )


@require_GET
def compare(request: HttpRequest, number: int) -> HttpResponse:
    """Two releases of the same service side by side; `?with=N` names the other one."""
    deployment = get_deployment(actor_of(request), number)
    others = (
        visible(actor_of(request), Deployment).filter(place__service=deployment.place.service).exclude(pk=deployment.pk)
    )
    others = others.select_related("image", "old_image", "config", "place__environment", "place__service")
    asked = request.GET.get("with", "")
    number_asked = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 10 else 0
    other = others.filter(pk=number_asked).first() if number_asked else None
    context = about(deployment) | {"choices": others.order_by("-id")[:MOST_CHOICES], "other": other}
    if asked and other is None:
        context["wrong"] = _("This service has no other release of this number.")
    if other is not None:
        context |= comparison(other, deployment)
    return render(request, "containers/release_compare.html", context, status=404 if asked and other is None else 200)


def comparison(left: Deployment, right: Deployment) -> dict[str, Any]:
    sides = [
        (row, list(row.steps.select_related("instance__host", "host").order_by("position"))) for row in (left, right)
    ]
    newer = commits(right.place, left.image, right.image) if right.image else []
    older = commits(right.place, right.image, left.image) if left.image else []
    return {
        "what_title": _("What and how"),
        "phases_title": _("How long it took"),
        "facts": compare_rows.side_by_side(compare_rows.facts(left), compare_rows.facts(right)),
        "phases": compare_rows.phase_lines(*(compare_rows.phases(row, steps) for row, steps in sides)),
        "changes": changes(left.config, right.config) if left.config_id and right.config_id else [],
        "newer": newer,
        "older": older,
        "failed": [(row, compare_rows.failures(steps)) for row, steps in sides],
    }


@require_GET
def file(request: HttpRequest, number: str, shape: str) -> HttpResponse:
    """All of the record as one file that needs nothing else: HTML to read, JSON to work with. Taking it is an event."""
    deployment, actor = get_deployment(actor_of(request), int(number)), actor_of(request)
    found = export.exported(actor, deployment, shape)
    name = f"release-{deployment.pk}-{deployment.place.service.slug}.{shape}"
    if shape == "json":
        text = json.dumps(found, cls=DjangoJSONEncoder, ensure_ascii=False, indent=1)
        response = HttpResponse(text, content_type="application/json; charset=utf-8")
    else:
        html = render_to_string("containers/release_file.html", {"r": found, "who": actor.name})
        response = HttpResponse(html, content_type="text/html; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "no-store"
    return response

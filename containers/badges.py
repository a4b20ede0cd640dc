"""Badges of what runs where: the version of a service in an environment."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.views.decorators.http import require_GET

from builds.badges import services
from builds.badges.views import picture, unknown
from builds.models import Project
from containers.models import Service, ServiceEnvironment


@login_not_required
@require_GET
def version(request: HttpRequest, key: str, environment: str) -> HttpResponse:
    with translation.override(settings.LANGUAGE_CODE):
        project = services.project_of(key)
        rows = ServiceEnvironment.objects.filter(
            service__project=project, service__removed=None, environment__slug=environment
        )
        place = rows.select_related("environment", "current_image").first() if project is not None else None
        if place is None:
            return unknown()
        return picture(place.environment.title or environment, *_words(place))


def _words(place: ServiceEnvironment) -> tuple[str, str]:
    """The version that runs; blue while it is changed, red while an instance that should be well is not."""
    image = place.current_image
    if image is None:
        return "not released", "off"
    text = f"{image.branch} {image.revision[:8]}".strip() or image.tag
    if place.active_id is not None:
        return text, "busy"
    wanted = place.instances.filter(removed=None, wanted_state="running")
    return text, "bad" if wanted.exclude(state__in=["healthy", "running", "starting"]).exists() else "ok"


def more(project: Project) -> list[tuple[str, str]]:
    """The badges of its service's environments, for the page that lists them."""
    service = Service.objects.filter(project=project, removed=None).first()
    if service is None:
        return []
    slugs = service.places.order_by("environment__position").values_list("environment__slug", flat=True)
    return [(slug, f"at/{slug}.svg") for slug in slugs]

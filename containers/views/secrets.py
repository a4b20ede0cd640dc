"""All secrets of a service: names, ages and use; no value is shown to anybody."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from containers.models import Container, ServiceEnvironment
from containers.reading import places
from containers.secret_versions import Secret, Settings, secrets_in
from containers.services.settings import secrets_of
from containers.views.access import get_service
from xqplatform.accounts.http import actor_of
from xqplatform.accounts.visibility import visible
from xqplatform.secrets.masking import SHORTEST

MOST = 300  # versions of settings that are looked through


@require_GET
def of_service(request: HttpRequest, slug: str) -> HttpResponse:
    actor = actor_of(request)
    service = get_service(actor, slug)
    found = [(place, _secrets(place)) for place in visible(actor, places().filter(service=service))]
    context: dict[str, Any] = {"service": service, "places": found, "shortest": SHORTEST}
    return render(request, "containers/secrets.html", context)


def _secrets(place: ServiceEnvironment) -> list[Secret]:
    rows = list(place.configs.order_by("-version")[:MOST])[::-1]
    history = [Settings(row.pk, row.version, row.author, row.created, secrets_of(row)) for row in rows]
    every = Container.objects.filter(instance__place=place)  # visible: of a place that is
    standing = every.filter(instance__removed=None, ended=None)
    running = [
        (f"#{number}", config)
        for number, config in standing.exclude(config=None)
        .order_by("instance__number")
        .values_list("instance__number", "config")
    ]
    return secrets_in(history, running)

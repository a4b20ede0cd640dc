"""One instance: its contract, and the containers it has had."""

from __future__ import annotations

from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from containers.contract import WORDS
from containers.outside import changed_by_others
from containers.reading import folders_of, history
from containers.told.shown import told_of
from containers.views.access import get_instance, may
from containers.views.run import put_sparks
from containers.views.settings import config_of
from xqplatform.accounts.http import actor_of


@require_GET
def show(request: HttpRequest, number: int) -> HttpResponse:
    instance = get_instance(actor_of(request), number)
    place = instance.place
    current = instance.current
    put_sparks(place, [instance])
    steps = instance.steps.select_related("deployment", "host", "old_host").order_by("-id")[:10]
    config = config_of(current.config if current else place.current_config)
    context = {
        "instance": instance,
        "place": place,
        "service": place.service,
        "environment": place.environment,
        "current": current,
        "config": config,
        "told": told_of(instance, config),
        "containers": instance.containers.select_related("image", "config", "host", "deployment", "kept_log")
        .defer("kept_log__data")
        .order_by(F("ended").desc(nulls_first=True), "-id")[:30],
        "steps": steps,
        "happened": instance.happened.select_related("container")[:20],
        "events": history([instance], 20),
        "contract": [
            c | {"word": WORDS.get(c["name"], c["name"])}
            for c in (current.contract if current else {}).get("items", [])
        ],
        "outside": changed_by_others(instance),
        "folders": folders_of(instance=instance),
        "may": may(actor_of(request), place.service, place.environment.slug),
    }
    return render(request, "containers/instance.html", context)

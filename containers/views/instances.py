"""One instance: its contract, the containers it has had, its live log."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.db.models import F, Prefetch
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from containers import logs
from containers.contract import WORDS
from containers.models import Container, Instance
from containers.reading import folders_of, history
from containers.told.shown import told_of
from containers.views.access import get_instance, get_place, may
from containers.views.run import frame, put_sparks
from containers.views.settings import config_of
from xqplatform.accounts.http import actor_of
from xqplatform.accounts.rights import require
from xqplatform.errors import Denied

TAIL = 500


@require_GET
def show(request: HttpRequest, number: int) -> HttpResponse:
    instance = get_instance(number)
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
        "folders": folders_of(instance=instance),
        "may": may(actor_of(request), place.service, place.environment.slug),
    }
    return render(request, "containers/instance.html", context)


@require_GET
def place_logs(request: HttpRequest, slug: str, environment: str) -> HttpResponse:
    """The log tab of a place: one instance at a time."""
    place = get_place(slug, environment)
    rows: list[Any] = list(
        place.instances.filter(removed=None)
        .select_related("host", "place__service", "place__environment")
        .prefetch_related(
            Prefetch("containers", Container.objects.filter(ended=None).order_by("-id"), to_attr="running")
        )
    )
    asked = request.GET.get("instance", "")
    chosen = next((r for r in rows if str(r.number) == asked), rows[0] if rows else None)
    if chosen is not None:
        chosen.shown = chosen.running[0] if chosen.running else None
    context = frame(request, place, "logs") | {"rows": rows, "chosen": chosen, "instance": chosen}
    return render(request, "containers/logs.html", context)


def _log_of(request: HttpRequest, number: int) -> tuple[Instance, Container | None]:
    """The instance and the container whose log is asked for. Raises Denied, Http404."""
    instance = get_instance(number)
    place = instance.place
    require(
        actor_of(request),
        "service.logs",
        team_id=place.service.team_id,
        environment=place.environment.slug,
        obj=instance,
    )
    return instance, instance.current


async def log_stream(request: HttpRequest, number: int) -> HttpResponseBase:
    """The live log as server-sent events, from the container that runs now; `since` (or Last-Event-ID) goes on there."""
    if request.method != "GET":
        return JsonResponse({"error": "GET"}, status=405)
    try:
        instance, container = await sync_to_async(_log_of)(request, number)
    except Denied as denied:
        return JsonResponse({"error": denied.message}, status=403)
    tail = _number(request.GET.get("tail"), TAIL)
    since = logs.epoch_of(request.headers.get("Last-Event-ID") or request.GET.get("since", ""))
    if container is None or not container.engine_id:
        body: Any = [logs.event("failed", _("No container runs here now."))]
        response = StreamingHttpResponse(_once(body), content_type="text/event-stream")
    else:
        # A nanosecond more, so that the line one has is not sent again.
        lines = logs.stream(instance.host, container.engine_id, tail, since + 1e-6 if since else None)
        response = StreamingHttpResponse(lines, content_type="text/event-stream")
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response


async def _once(pieces: list[str]) -> Any:
    for piece in pieces:
        yield piece


def _number(text: str | None, otherwise: int) -> int:
    if text and text.isascii() and text.isdigit() and len(text) < 7:
        return min(int(text), logs.MOST_LINES)
    return otherwise


@require_GET
def log_text(request: HttpRequest, number: int) -> HttpResponseBase:
    """The last lines as plain text: for saving, and where no script runs. Streamed from the engine, with its timeouts."""
    instance, container = _log_of(request, number)

    def lines() -> Any:
        if container is None or not container.engine_id:
            yield _("No container runs here now.") + "\n"
            return
        try:
            found = logs.open_log(instance.host, container.engine_id, logs.MOST_LINES, None, False)
            try:
                for line in found:
                    _channel, stamp, text = logs.shown(line)
                    yield f"{stamp} {text}\n"
            finally:
                found.close()
        except logs.engine.EngineError as error:
            yield f"{error.words or error.message}\n"

    response = StreamingHttpResponse(lines(), content_type="text/plain; charset=utf-8")
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Disposition"] = f'inline; filename="{instance.name}.log"'
    return response

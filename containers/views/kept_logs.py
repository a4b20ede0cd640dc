"""What a container said last, kept when it went."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from containers.keeping_logs import lines_of
from containers.logs.text import plain
from containers.models import KeptLog
from containers.services.log_reading import open_logs
from containers.views.access import NUMBER_LIMIT
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.http import actor_of
from xqplatform.accounts.visibility import get_visible


def get_kept(actor: Actor, number: int) -> KeptLog:
    """The row, with all that its page shows."""
    rows = KeptLog.objects.select_related(
        "instance__place__service__team", "instance__place__environment", "deployment", "container__image"
    )
    return get_visible(actor, rows, pk=min(number, NUMBER_LIMIT))


@require_GET
def show(request: HttpRequest, number: int) -> HttpResponse:
    """Its lines, and where they come from; `?as=text` for saving."""
    row = get_kept(actor_of(request), number)
    place = row.instance.place
    as_text = request.GET.get("as") == "text"
    what = "download" if as_text else "kept"
    open_logs(actor_of(request), place, what, instance=row.instance, opening=request.GET.get("opening", ""))
    lines = lines_of(row)
    if as_text:
        text = "".join(f"{one.timestamp} {plain(one.text)}\n" for one in lines)
        response = HttpResponse(text, content_type="text/plain; charset=utf-8")
        response["X-Content-Type-Options"] = "nosniff"
        response["Content-Disposition"] = f'attachment; filename="{row.instance.name}-{row}.log"'
        return response
    context = {
        "row": row,
        "lines": [(one.stream == "stderr", one.timestamp, plain(one.text)) for one in lines],
        "instance": row.instance,
        "place": place,
        "service": place.service,
        "environment": place.environment,
    }
    return render(request, "containers/kept_log.html", context)

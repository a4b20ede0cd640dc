"""A recording: played, and as a file."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_GET

from containers.models import Terminal
from containers.terminal import recordings, services
from containers.terminal.views.terminals import RECORDINGS, page_of
from containers.views.access import NUMBER_LIMIT, actor_of
from xqplatform import audit
from xqplatform.accounts.rights import require
from xqplatform.accounts.visibility import require_visible
from xqplatform.web.middleware import styles_in_page
from xqplatform.web.streaming import streamed


def _recorded(request: HttpRequest, number: int) -> Terminal:
    """The terminal whose recording is asked for. Raises Denied, Http404."""
    row: Terminal | None = services.rows().filter(pk=min(number, NUMBER_LIMIT)).exclude(opened=None).first()
    if row is not None:
        require_visible(actor_of(request), row)
    require(actor_of(request), RECORDINGS, obj=row)
    if row is None or row.cleared:
        raise Http404
    return row


@require_GET
def play(request: HttpRequest, number: int) -> HttpResponse:
    """The player: it fetches the file, which is the event."""
    row = _recorded(request, number)
    return styles_in_page(
        render(request, "containers/terminal/play.html", page_of(request, row.instance, terminal=row))
    )


@require_GET
def cast(request: HttpRequest, number: int) -> HttpResponseBase:
    """The file, as asciinema and its players read it. That somebody sees it is an event, whichever way it is fetched."""
    row = _recorded(request, number)
    audit.record(actor_of(request), "terminal.watch", row, after={"who": row.who}, parent=row.instance)
    answer = streamed(request, recordings.read(row), "application/x-asciicast")
    answer["Content-Disposition"] = f'attachment; filename="{row.instance.name}-{row.pk}.cast"'
    answer["Cache-Control"] = "no-store"
    return answer

"""What an instance wrote before: containers that went, and files in /persist/logs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from containers.logs.asking import count_asked, filter_asked
from containers.logs.filters import Filter
from containers.logs.levels import NAMES, level_of
from containers.logs.text import shown
from containers.models import Instance
from containers.services import log_files
from containers.services.log_reading import open_logs
from containers.views.access import get_instance, may
from xqplatform.accounts.http import actor_of
from xqplatform.accounts.rights import require
from xqplatform.errors import Refused
from xqplatform.web.streaming import page_around

LINES = 500


def _frame(request: HttpRequest, instance: Instance) -> dict[str, Any]:
    place = instance.place
    return {
        "instance": instance,
        "place": place,
        "service": place.service,
        "environment": place.environment,
        "may": may(actor_of(request), place.service, place.environment.slug),
    }


@require_GET
def show(request: HttpRequest, number: int) -> HttpResponse:
    """Which earlier containers and folders there are, from rows; the files come in by themselves."""
    instance = get_instance(actor_of(request), number)
    context = _frame(request, instance) | {
        "kept": instance.kept_logs.defer("data").select_related("instance", "deployment")[:200],
        "folders": log_files.folders(instance),
    }
    return render(request, "containers/log_history.html", context)


@require_GET
def files(request: HttpRequest, number: int) -> HttpResponse:
    """The files of one folder, asked of its host now."""
    instance = get_instance(actor_of(request), number)
    place = instance.place
    require(
        actor_of(request),
        "service.logs",
        **place.at,
        obj=instance,
    )
    context = _frame(request, instance) | {"found": [], "more": False, "problem": ""}
    try:
        context["folder"] = folder = log_files.folder_of(instance, request.GET.get("folder", ""))
        context["found"], context["more"] = log_files.files(folder)
    except Refused as refused:
        context["problem"] = refused.message
    part = request.headers.get("HX-Request") == "true"
    return render(request, "containers/_log_files.html" if part else "containers/log_files.html", context)


@require_GET
def file(request: HttpRequest, number: int) -> HttpResponseBase:
    """The end of a file, filtered; the page is there at once, the lines when the host has answered."""
    instance = get_instance(actor_of(request), number)
    opening = open_logs(
        actor_of(request), instance.place, "file", instance=instance, opening=request.GET.get("opening", "")
    )
    folder = log_files.folder_of(instance, request.GET.get("folder", ""))
    name = request.GET.get("name", "")
    context = _frame(request, instance) | {
        "folder": folder,
        "name": name[:1000],
        "opening": opening,
        "q": request.GET.get("q", "")[:500],
        "level": request.GET.get("level", "")[:20],
        "levels": NAMES[1:],
        "count": min(count_asked(request.GET.get("n"), LINES), log_files.MOST_LINES),
        "counts": (100, 500, 2000),
        "error": "",
    }
    try:
        wanted = filter_asked(request.GET)
    except Refused as refused:
        return render(request, "containers/log_file.html", context | {"error": refused.message})
    return page_around(request, "containers/log_file.html", context, lambda: _file(context, wanted))


def _file(context: dict[str, Any], wanted: Filter) -> Iterator[str]:
    """The lines, when the host has answered."""
    try:
        end = log_files.end_of(context["folder"], context["name"], context["count"])
    except Refused as refused:
        yield format_html('<div class="note">{}</div>', refused.message)
        return
    if end.cut:
        yield format_html('<div class="note">{}</div>', _("The end of %(n)d bytes:") % {"n": end.size})
    lines = [text for text, _cut in map(shown, end.lines) if wanted.takes(text, level_of(text))]
    for text in lines:
        yield format_html("<div>{}</div>", text or " ")
    if not lines:
        yield format_html('<div class="note">{}</div>', _("There is no such line."))

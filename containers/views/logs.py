"""The log of a place: live, around a moment, as a plain page, as a file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import urlencode

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from containers.keeping_logs import moment_of
from containers.logs import window
from containers.logs.asking import count_asked, filter_asked, known_asked, numbers_of, stamp_asked
from containers.logs.download import in_pieces, text_of
from containers.logs.filters import Filter
from containers.logs.levels import NAMES
from containers.logs.seats import room, seat
from containers.logs.sources import MOST, Source, sources_of
from containers.logs.stream import SCANNED, TAIL, Asked, as_events, follow
from containers.models import ServiceEnvironment
from containers.services.log_reading import open_logs
from containers.views.access import get_instance, get_place
from containers.views.run import frame
from xqplatform.accounts.http import actor_of
from xqplatform.errors import Denied, Refused
from xqplatform.web import answers
from xqplatform.web.streaming import page_around

AROUND = 200  # lines before and after a moment
PLAIN = 500
SHORT = ("", "TRC", "DBG", "INF", "WRN", "ERR", "FTL")


@require_GET
def page(request: HttpRequest, slug: str, environment: str) -> HttpResponseBase:
    """The log tab of a place; `?plain=1`: the last lines without scripts."""
    place = get_place(actor_of(request), slug, environment)
    context = frame(request, place, "logs")
    numbers = numbers_of(request.GET.getlist("instance"))
    everyone = sources_of(place)
    chosen = [one for one in everyone if not numbers or one.number in numbers]
    wanted, error = Filter(), ""
    try:
        wanted = filter_asked(request.GET)
    except Refused as refused:
        error = refused.message
    plain = request.GET.get("plain") == "1"
    if context["may"]["logs"] and chosen:
        context["opening"] = open_logs(actor_of(request), place, "page", opening=request.GET.get("opening", ""))
    context |= {
        "rows": everyone,
        "chosen": {one.number for one in chosen} if numbers else set(),
        "unknown": numbers and not chosen,
        "most": MOST if place.instances.filter(removed=None).count() > MOST else 0,
        "q": request.GET.get("q", "")[:1000],
        "level": request.GET.get("level", "")[:20],
        "fields": request.GET.getlist("f")[:10],
        "levels": NAMES[1:],
        "error": error,
        "plain": plain,
        "bare": urlencode([(k, v) for k, v in request.GET.lists() if k in {"q", "level", "f", "instance"}], doseq=True),
    }
    if not plain or error or not context["may"]["logs"] or not chosen:
        return render(request, "containers/logs.html", context)
    person = person_of(request)
    try:
        with room(person, len(chosen), "read"):
            pass  # there is room: it is taken when the lines are read
    except Refused as refused:
        return render(request, "containers/logs.html", context | {"error": refused.message}, status=refused.code)
    return page_around(request, "containers/logs.html", context, lambda: _plain(chosen, wanted, person))


def person_of(request: HttpRequest) -> int:
    """Whose seats are taken."""
    actor = actor_of(request)
    return actor.user.pk if actor.user is not None else 0


def _plain(chosen: list[Source], wanted: Filter, person: int) -> Iterator[str]:
    """The lines, when the engines have answered."""
    with seat(person, len(chosen), "read") as full:
        if full:
            yield format_html('<div class="note">{}</div>', full)
            return
        found = window.last(chosen, PLAIN, wanted, SCANNED)
    for words in found.problems:
        yield format_html('<div class="note">{}</div>', words)
    for line in found.lines:
        css, time = ("", "err")[line.channel], _here(line.stamp)
        level = f"{SHORT[line.level]:3}"
        yield format_html('<div class="{}"><time>{}</time> #{} {} {}</div>', css, time, line.number, level, line.text)
    if not found.lines:
        yield format_html('<div class="note">{}</div>', _("There is no such line."))


def _here(stamp: str) -> str:
    """A line's time in the viewer's zone, to the millisecond."""
    moment = moment_of(stamp)
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M:%S}{stamp[19:23]}" if moment else ""


@require_GET
def of_instance(request: HttpRequest, number: int) -> HttpResponse:
    """The place's page with this instance alone; of one that went, what is kept of it."""
    instance = get_instance(actor_of(request), number)
    if instance.removed:
        return redirect(f"{reverse('containers:instance', args=[instance.pk])}#containers")
    place = instance.place
    address = reverse("containers:logs", args=[place.service.slug, place.environment.slug])
    return redirect(f"{address}?instance={instance.number}")


def _opened(request: HttpRequest, slug: str, environment: str, what: str) -> tuple[ServiceEnvironment, Filter]:
    """The place and the filter, for who may read. Raises Denied, Refused, Http404."""
    place = get_place(actor_of(request), slug, environment)
    open_logs(actor_of(request), place, what, opening=request.GET.get("opening", ""))
    return place, filter_asked(request.GET)


async def stream(request: HttpRequest, slug: str, environment: str) -> HttpResponseBase:
    """The live log as server-sent events; `known` says what the page has already."""
    if request.method not in {"GET", "HEAD"}:
        return JsonResponse({"error": "GET"}, status=405)
    refused: Refused | None = None
    try:
        place, wanted = await sync_to_async(_opened)(request, slug, environment, "stream")
    except Denied as denied:
        return JsonResponse({"error": denied.message}, status=403)
    except Refused as error:
        refused = error
    if request.method == "HEAD":  # a page whose stream broke off asks whether it may go on
        return HttpResponse()
    response = StreamingHttpResponse(
        _once("refused", {"field": refused.field, "text": refused.message})
        if refused is not None
        else _events(
            Asked(
                place,
                numbers_of(request.GET.getlist("instance")),
                wanted,
                count_asked(request.GET.get("tail"), TAIL),
                known_asked(request.GET.get("known", "")),
                person=person_of(request),
            )
        ),
        content_type="text/event-stream",
    )
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response


async def _once(name: str, data: Any) -> AsyncIterator[str]:
    yield as_events(name, data)


async def _events(asked: Asked) -> AsyncIterator[str]:
    events = follow(asked)
    try:
        async for name, data in events:
            yield as_events(name, data)
    finally:
        await events.aclose()  # type: ignore[attr-defined]


@require_GET
def lines(request: HttpRequest, slug: str, environment: str) -> HttpResponse:
    """Lines before or after a moment, or around it, as JSON."""
    try:
        place, wanted = _opened(request, slug, environment, "page")
        sources = sources_of(place, numbers_of(request.GET.getlist("instance")))
        count = count_asked(request.GET.get("n"), TAIL)
        before, after, at = (stamp_asked(request.GET, name) for name in ("before", "after", "at"))
        with room(person_of(request), max(1, len(sources)), "read"):
            if before or at:
                found = window.before(sources, before or at, count if before else AROUND, wanted)
            else:
                found = window.Found()
            if after or at:
                more = window.after(sources, after or at, count if after else AROUND, wanted)
                found.lines += more.lines
                found.problems += [words for words in more.problems if words not in found.problems]
    except Denied as denied:
        return JsonResponse({"error": denied.message}, status=403)
    except Refused as refused:
        return answers.refusal(refused)
    return JsonResponse({"lines": found.lines, "problems": found.problems, "more": found.more})


@require_GET
def download(request: HttpRequest, slug: str, environment: str) -> HttpResponseBase:
    """All that there is (of the range, the instances and the filter asked for) as a text file."""
    place, wanted = _opened(request, slug, environment, "download")
    sources = sources_of(place, numbers_of(request.GET.getlist("instance")))
    texts = text_of(sources, wanted, stamp_asked(request.GET, "from"), stamp_asked(request.GET, "to"))
    person, readers = person_of(request), max(1, len(sources))
    with room(person, readers, "download"):
        pass  # there is room: it is taken while the file is sent
    response = StreamingHttpResponse(in_pieces(texts, person, readers), content_type="text/plain; charset=utf-8")
    response["X-Content-Type-Options"] = "nosniff"
    name = f"{place.service.slug}-{place.environment.slug}"
    response["Content-Disposition"] = f'attachment; filename="{name}.log"'
    return response

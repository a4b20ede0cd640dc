"""The list of builds with its queue, and one build with its live log."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

import redis
import redis.asyncio
from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from builds.forms import StartForm
from builds.models import Build, BuildLine
from builds.place import at
from builds.services.builds import cancel_build, start_base_build, start_build
from hosts.models import Host
from xqplatform import live
from xqplatform.accounts.http import ActorRequest, actor_of, put_refusal
from xqplatform.accounts.rights import can
from xqplatform.accounts.visibility import get_visible, visible
from xqplatform.errors import Refused
from xqplatform.web.streaming import in_portions, streamed
from xqplatform.web.tables import Filter, Table

SHOWN_LINES = 3000
LOOK_SECONDS = 0.1  # between two looks for new lines where no broker tells of them
LOOK_SECONDS_WITH_BROKER = 1.0
MOST_SECONDS = 30 * 60


@require_http_methods(["GET", "POST"])
def builds(request: ActorRequest) -> HttpResponse:
    """All builds; a form to start one."""
    form = StartForm(request.actor, request.POST or None, initial={"project": request.GET.get("project")})
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            build = start_build(request.actor, data["project"], data["branch"], data["revision"])
            return redirect("builds:build", build.pk)
        except Refused as refusal:
            put_refusal(form, refusal)
    table = Table(
        request,
        visible(request.actor, Build).select_related("project", "blueprint", "host", "image"),
        search=["tag", "project__name", "blueprint__name", "branch", "revision__startswith", "commit_message"],
        sorts={
            "number": "pk",
            "project": "project__name",
            "state": "state",
            "host": "host__name",
            "started": "started",
        },
        default="-number",
        filters={"state": Filter(gettext_lazy("State"), Build.State.choices, "state")},
    )
    slots = Host.objects.filter(role_build=True).exclude(state=Host.State.RETIRED)
    active = list(visible(request.actor, Build).filter(state__in=Build.ACTIVE))
    context = {
        "table": table,
        "form": form,
        "hosts": [(host, sum(1 for b in active if b.host_id == host.pk and b.lease)) for host in slots],
        "queued": sum(1 for b in active if b.state == Build.State.QUEUED),
        "projects": form.fields["project"].queryset.exists(),  # type: ignore[attr-defined]
    }
    return render(request, "builds/builds.html", context, status=400 if form.errors else 200)


@require_GET
def build(request: ActorRequest, pk: int) -> HttpResponse:
    """One build: what it came to first, then its log."""
    row = get_visible(
        request.actor, Build.objects.select_related("project", "blueprint", "host", "image__registry"), pk=pk
    )
    numbers = row.lines.order_by("-number").values_list("number", flat=True)
    last = numbers.first() or 0
    # A refresh of the facts needs no log: that has a stream of its own.
    shown = 12 if request.GET.get("part") else SHOWN_LINES
    lines = list(row.lines.filter(number__gt=last - shown))
    if row.project is not None:
        may = can(request.actor, "build.cancel", **at(row.project))
    else:
        may = can(request.actor, "base_image.manage")
    failed = row.state in {Build.State.FAILED, Build.State.ERRORED}
    context = {
        "build": row,
        "image": getattr(row, "image", None),
        "pushes": row.deliveries.all()[:3] if row.project is not None else [],
        "lines": lines,
        "last": last,
        "earlier": max(0, last - SHOWN_LINES),
        "may": may,
        "failed": failed,
        "failing_lines": [line for line in lines if line.step == lines[-1].step][-12:] if failed and lines else [],
        "seconds": (row.finished - row.started).total_seconds() if row.finished and row.started else None,
        "ahead": visible(request.actor, Build).filter(state=Build.State.QUEUED, pk__lt=row.pk).count()
        if row.state == "queued"
        else 0,
    }
    return render(request, "builds/build.html", context)


@require_POST
def cancel(request: ActorRequest, pk: int) -> HttpResponse:
    row = get_visible(request.actor, Build.objects.select_related("project", "blueprint"), pk=pk)
    try:
        cancel_build(request.actor, row, request.POST.get("reason", "")[:1000])
        messages.success(request, _("The build is being cancelled."))
    except Refused as refusal:
        messages.error(request, refusal.message)
    return redirect("builds:build", pk)


@require_POST
def again(request: ActorRequest, pk: int) -> HttpResponse:
    """The same revision once more."""
    row = get_visible(request.actor, Build.objects.select_related("project", "blueprint"), pk=pk)
    try:
        if row.project is not None:
            new = start_build(request.actor, row.project, row.branch, row.revision, again=True)
        else:
            assert row.blueprint is not None
            new = start_base_build(request.actor, row.blueprint, again=True)
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect("builds:build", pk)
    return redirect("builds:build", new.pk)


@require_GET
def raw_log(request: HttpRequest, pk: int) -> StreamingHttpResponse:
    """The whole log as a text file."""
    row = get_visible(actor_of(request), Build, pk=pk)

    def text() -> Iterator[str]:
        for line in row.lines.order_by("number").values_list("text", flat=True).iterator(2000):
            yield f"{line}\n"

    response = streamed(request, in_portions(text()), "text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="build-{pk}.log"'
    response["X-Content-Type-Options"] = "nosniff"
    return response


@login_not_required
@require_GET
async def stream(request: HttpRequest, pk: int) -> HttpResponse | StreamingHttpResponse:
    """New lines as server-sent events, from `after` on; the id of an event is its last line's number."""
    user = await request.auser()
    if not user.is_authenticated:
        return JsonResponse({"error": "signed out"}, status=401)
    try:
        await sync_to_async(get_visible)(actor_of(request), Build, pk=pk)
    except Http404:
        return JsonResponse({"error": "no such build"}, status=404)
    asked = [request.GET.get("after", ""), request.headers.get("Last-Event-ID", "")]
    after = max((int(n) for n in asked if n.isascii() and n.isdecimal() and len(n) < 10), default=0)
    response = StreamingHttpResponse(_lines(pk, after), content_type="text/event-stream")
    response["Cache-Control"] = "no-cache, no-transform"
    response["X-Accel-Buffering"] = "no"
    return response


async def _lines(pk: int, after: int) -> AsyncIterator[str]:
    loop = asyncio.get_running_loop()
    end, said = loop.time() + MOST_SECONDS, loop.time()
    yield "retry: 1000\n\n"
    async with _news(f"build:{pk}") as wait:
        while loop.time() < end:
            # The state is read before the lines: what is over has no lines after those that are read then.
            states = Build.objects.filter(pk=pk, state__in=Build.ACTIVE)  # visible: the stream's beginning asks
            active = await states.aexists()
            lines = BuildLine.objects.filter(build_id=pk, number__gt=after)  # visible: as above
            query = lines.values_list("number", "step", "text")[:500]
            found = [line async for line in query]
            if found:
                after, said = found[-1][0], loop.time()
                yield f"id: {after}\ndata: {json.dumps(found)}\n\n"
                if len(found) == 500:
                    continue
            if not active:
                yield "event: end\ndata: {}\n\n"
                return
            if loop.time() - said > 10:
                said = loop.time()
                yield ": beat\n\n"
            await wait()


@asynccontextmanager
async def _news(topic: str) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Gives what waits until the topic was bumped, or a little while; without a broker, just the little while."""
    client = redis.asyncio.Redis.from_url(settings.REDIS_URL, decode_responses=True, socket_connect_timeout=0.5)
    pubsub = client.pubsub(ignore_subscribe_messages=True)

    async def heard() -> None:
        end = asyncio.get_running_loop().time() + LOOK_SECONDS_WITH_BROKER
        try:
            while (rest := end - asyncio.get_running_loop().time()) > 0:
                message = await pubsub.get_message(timeout=rest)
                if message is not None and topic in str(message["data"]).split():
                    return
        except (redis.RedisError, OSError):
            await asyncio.sleep(LOOK_SECONDS)

    async def pause() -> None:
        await asyncio.sleep(LOOK_SECONDS)

    try:
        try:
            await pubsub.subscribe(live.CHANNEL)
        except (redis.RedisError, OSError):
            yield pause
        else:
            yield heard
    finally:
        await pubsub.aclose()  # type: ignore[no-untyped-call]
        await client.aclose()

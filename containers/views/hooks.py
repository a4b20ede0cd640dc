"""Hooks and traffic of a service in an environment, and the answers to a hook that holds."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from containers.forms.hooks import HookForm, TrafficForm, failure_words, kind_words, point_words
from containers.hooks import shape
from containers.hooks.shape import Hook
from containers.models import Front, HookRun, ServiceEnvironment, Serving, Upstream
from containers.services import hooks as verbs
from containers.traffic import render as rendering
from containers.views.access import get_place, may, reason_of
from containers.views.run import frame
from xqplatform.accounts.http import actor_of
from xqplatform.accounts.rights import require
from xqplatform.accounts.visibility import get_visible, visible
from xqplatform.errors import Refused

SHOWN = 30
ANSWERS = {"retry": verbs.retry, "pass": verbs.go_on}


@require_http_methods(["GET", "POST"])
def index(request: HttpRequest, slug: str, environment: str) -> HttpResponse:
    """All hooks in the order in which they run, and how traffic is handled (POST saves that)."""
    place = get_place(actor_of(request), slug, environment)
    config = verbs.config_of(place)
    form = TrafficForm(request.POST or None, traffic=config.traffic)
    if request.method == "POST":
        _may_change(request, place)
        if form.is_valid():
            try:
                saved = verbs.save(actor_of(request), place, traffic=form.content(), reason=form.cleaned_data["reason"])
            except Refused as refused:
                form.add_refusal(refused)
            else:
                messages.success(request, _("Saved as %(v)s. It takes effect with the next release.") % {"v": saved})
                return redirect("containers:hooks", slug, environment)
    words, kinds, failures = point_words(), kind_words(), failure_words()
    context = frame(request, place, "hooks") | {
        "points": [
            {"point": point, "word": words[point], "hooks": shown}
            for point in shape.POINTS
            if (shown := [_shown(hook, kinds, failures) for hook in shape.at(config.hooks, point)])
        ],
        "form": form,
        "traffic": config.traffic,
        "fronts": Front.objects.exists(),
        "upstream": rendering.name_of(slug, environment),
        "upstreams": visible(actor_of(request), Upstream).filter(place=place).select_related("front", "host"),
        "servings": visible(actor_of(request), Serving)
        .filter(instance__place=place, instance__removed=None)
        .exclude(state="in")
        .count(),
        "instances": place.instances.filter(removed=None).order_by("number"),
        "runs": decorated(place.hook_runs.filter(deployment=None).select_related("instance").order_by("-id")[:SHOWN]),
        "config_waits": place.config_id != place.current_config_id and place.current_config_id is not None,
    }
    return render(request, "containers/hooks.html", context, status=400 if form.errors else 200)


def _shown(hook: Hook, kinds: dict[str, Any], failures: dict[str, Any]) -> dict[str, Any]:
    return {"hook": hook, "kind": kinds[hook.kind], "failure": failures[hook.on_failure]}


def decorated(rows: Any) -> list[HookRun]:
    """Rows of runs with their words for people."""
    words, kinds = point_words(), kind_words()
    found = list(rows)
    for row in found:
        row.point_word = words.get(row.point, row.point)
        row.kind_word = kinds.get(row.kind, row.kind)
        row.shown_state = "holds" if row.state == HookRun.State.HELD else row.state
        row.took = (row.ended - row.started).total_seconds() if row.started and row.ended else None
    return found


def _may_change(request: HttpRequest, place: ServiceEnvironment) -> None:
    require(
        actor_of(request),
        "service.change",
        **place.at,
        obj=place,
    )


@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, slug: str, environment: str, name: str = "") -> HttpResponse:
    """Makes (no name) or changes a hook."""
    place = get_place(actor_of(request), slug, environment)
    hook = _found(place, name) if name else None
    form = HookForm(request.POST or None, hook=hook)
    if request.method == "POST":
        _may_change(request, place)
        if form.is_valid():
            secret = form.cleaned_data["secret"] if form.cleaned_data["kind"] == "http" else ""
            try:
                verbs.put_one(
                    actor_of(request),
                    place,
                    form.content(),
                    old=name,
                    secret=secret,
                    reason=form.cleaned_data["reason"],
                )
            except Refused as refused:
                form.add_refusal(refused)
            else:
                messages.success(
                    request, _("Hook %(name)s is saved. It takes effect with the next release.") % form.cleaned_data
                )
                return redirect("containers:hooks", slug, environment)
    context = frame(request, place, "hooks") | {"form": form, "hook": hook}
    return render(request, "containers/hook.html", context, status=400 if form.errors else 200)


def _found(place: ServiceEnvironment, name: str) -> Hook:
    try:
        return verbs.find(place, name)
    except Refused as refused:
        raise Http404(refused.message) from refused


@require_POST
def remove(request: HttpRequest, slug: str, environment: str, name: str) -> HttpResponse:
    place = get_place(actor_of(request), slug, environment)
    _found(place, name)
    try:
        verbs.remove_one(actor_of(request), place, name, reason_of(request.POST)[:250])
    except Refused as refused:
        messages.error(request, refused.message)
    else:
        messages.success(request, _("Hook %(name)s is removed.") % {"name": name})
    return redirect("containers:hooks", slug, environment)


@require_POST
def try_out(request: HttpRequest, slug: str, environment: str, name: str) -> HttpResponse:
    """Runs it once, now."""
    place = get_place(actor_of(request), slug, environment)
    _found(place, name)
    number = request.POST.get("instance", "")
    try:
        verbs.try_out(actor_of(request), place, name, int(number) if number.isdigit() and len(number) < 9 else None)
    except Refused as refused:
        messages.error(request, refused.message)
    else:
        messages.success(request, _("%(name)s runs once; what it says is below.") % {"name": name})
    return redirect(reverse("containers:hooks", args=[slug, environment]) + "#runs")


@require_POST
def answer(request: HttpRequest, number: str, verb: str) -> HttpResponse:
    """Tries a held hook again, or goes on without it."""
    row = get_visible(
        actor_of(request), HookRun.objects.select_related("place__service", "place__environment"), pk=int(number)
    )
    try:
        ANSWERS[verb](actor_of(request), row, reason_of(request.POST))
    except Refused as refused:
        messages.error(request, refused.message)
    if row.deployment_id is None:
        return redirect("containers:hooks", row.place.service.slug, row.place.environment.slug)
    return redirect("containers:release", row.deployment_id)


@require_GET
def output(request: HttpRequest, number: int) -> HttpResponse:
    """A run by itself: what it did, when, and all that it said."""
    rows = HookRun.objects.select_related("place__service", "place__environment", "place__active", "instance")
    row = get_visible(actor_of(request), rows, pk=min(number, 2**31))
    context = frame(request, row.place, "hooks") | {"run": decorated([row])[0]}
    context["may"] = may(actor_of(request), row.place.service, row.place.environment.slug)
    return render(request, "containers/hook_run.html", context)

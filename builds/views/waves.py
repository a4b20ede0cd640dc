"""Waves: what stands on a base image, and how far the rebuilding of it has come."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from builds.forms import WaveForm
from builds.models import Blueprint, Wave
from builds.services import waves as verbs
from builds.services.reached import image_of, places_of
from builds.services.standing import family_of, in_use, seen_by, standing_on
from builds.uses import NEXT
from xqplatform.accounts.http import ActorRequest, put_refusal
from xqplatform.accounts.rights import can
from xqplatform.accounts.visibility import get_visible
from xqplatform.errors import Refused

VERBS = {"stop": verbs.stop_wave, "retry": verbs.retry_wave}


@require_http_methods(["GET", "POST"])
def standing(request: ActorRequest, name: str) -> HttpResponse:
    """What stands on a base image, where it runs, on which digest of it; and the button that rebuilds all."""
    row = get_visible(request.actor, Blueprint.objects.select_related("parent"), name=name, base=True)
    form = WaveForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            return redirect("builds:wave", verbs.start_wave(request.actor, row, **form.cleaned_data).pk)
        except Refused as refusal:
            put_refusal(form, refusal)
    family = family_of(row)
    stands = seen_by(request.actor, standing_on(family))
    used = in_use(stands)
    context = {
        "blueprint": row,
        "form": form,
        "below": [(one, family.depth[one.pk]) for one in family.blueprints[1:]],
        "used": used,
        "services": len({use.service for one in used for use in one.uses}),
        "instances": sum(one.instances for one in used),
        "old": sum(one.instances for one in used if not one.newest),
        "idle": sorted({str(one.image.project) for one in stands} - {str(one.image.project) for one in used}),
        "waves": row.waves.all()[:20],
        "may": can(request.actor, verbs.RIGHT),
    }
    return render(request, "builds/standing.html", context, status=400 if form.errors else 200)


@require_GET
def wave(request: ActorRequest, pk: int) -> HttpResponse:
    row = get_visible(request.actor, Wave.objects.select_related("blueprint"), pk=pk)
    items = verbs.items_seen_by(request.actor, row)
    places = places_of(row, items)
    builds = [(item, verbs.standing_of(item), image_of(item)) for item in items]
    running = [f"build:{item.build_id}" for item, state, _image in builds if state == "open"]
    states = [state for _item, state, _image in builds]
    context = {
        "wave": row,
        "builds": builds,
        "places": places,
        "built": states.count("good"),
        "bad": states.count("bad"),
        "old": sum(place.count_old for place in places),
        "new": sum(place.count_new for place in places),
        "nexts": [one for hook in NEXT for one in hook(row)],
        "topics": " ".join([f"wave:{row.pk}", "services", *running]),
        "may": can(request.actor, verbs.RIGHT),
    }
    return render(request, "builds/wave.html", context)


@require_POST
def ask(request: ActorRequest, pk: int, verb: str) -> HttpResponse:
    """Stop it, or try again what failed."""
    row = get_visible(request.actor, Wave.objects.select_related("blueprint"), pk=pk)
    try:
        VERBS[verb](request.actor, row, request.POST.get("reason", "")[:2000].replace("\0", ""))
    except Refused as refusal:
        messages.error(request, refusal.message)
    return redirect("builds:wave", row.pk)

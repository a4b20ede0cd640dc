"""The page of a place's data."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from containers.forms import RemoveForm
from containers.keeping import policies, protecting, reading
from containers.keeping.forms import CopyForm, PolicyForm, RestoreForm
from containers.keeping.models import Snapshot
from containers.keeping.services import cancelling, copies, restores, snapshots
from containers.models import ServiceEnvironment
from containers.reading import history
from containers.views.access import NUMBER_LIMIT, get_place, numbers_of, reason_of
from containers.views.run import frame
from xqplatform.accounts.http import actor_of
from xqplatform.accounts.rights import can, require
from xqplatform.accounts.visibility import get_visible
from xqplatform.errors import Refused
from xqplatform.web.tables import Filter, Table

STATES = [one for one in Snapshot.State.choices if one[0] != Snapshot.State.GONE]


@require_GET
def show(request: HttpRequest, slug: str, environment: str) -> HttpResponse:
    place = get_place(actor_of(request), slug, environment)
    return _page(request, place, PolicyForm(initial=policies.policy_of(place).to_json()))


def _page(request: HttpRequest, place: ServiceEnvironment, form: PolicyForm, status: int = 200) -> HttpResponse:
    actor, rows = actor_of(request), reading.lines(place)
    table = Table(
        request,
        reading.snapshots_of(actor, place),
        sorts={"when": "id", "instance": "instance__number"},
        default="-when",
        filters={
            "state": Filter(gettext_lazy("State"), STATES, "state"),
            "why": Filter(gettext_lazy("Why"), Snapshot.Why.choices, "why"),
        },
        per_page=25,
    )
    context = frame(request, place, "data") | {
        "lines": rows,
        "why_nothing": reading.why_nothing(place, rows),
        "protection": protecting.line(place),
        "table": table,
        "moved": reading.moved_of(actor, place)[:100],
        "policy": policies.policy_of(place),
        "form": form,
        "busy": snapshots.busy(place),
        "restores": reading.restores_of(actor, place)[:5],
        "may_take": can(actor, snapshots.TAKING, **place.at),
        "may_remove": can(actor, snapshots.REMOVING, **place.at),
        "may_change": can(actor, "service.change", **place.at),
        "events": history([place, *(line.instance for line in rows[:100])], 8),
    }
    return render(request, "keeping/data.html", context, status=status)


@require_POST
def take(request: HttpRequest, slug: str, environment: str) -> HttpResponse:
    place = get_place(actor_of(request), slug, environment)
    require(actor_of(request), snapshots.TAKING, **place.at, obj=place)
    try:
        numbers = numbers_of(request.POST.getlist("instances"))
        found = snapshots.take(actor_of(request), place, numbers, reason_of(request.POST))
    except Refused as refused:
        messages.error(request, refused.message)
    else:
        said = ngettext("%(n)s snapshot is being taken.", "%(n)s snapshots are being taken.", len(found))
        messages.success(request, said % {"n": len(found)})
    return redirect("keeping:data", slug, environment)


@require_POST
def policy(request: HttpRequest, slug: str, environment: str) -> HttpResponse:
    place = get_place(actor_of(request), slug, environment)
    require(actor_of(request), "service.change", **place.at, obj=place)
    form = PolicyForm(request.POST)
    if form.is_valid():
        try:
            policies.save_policy(actor_of(request), place, form.policy())
        except Refused as refused:
            form.add_refusal(refused)
        else:
            messages.success(request, _("Saved."))
            return redirect("keeping:data", slug, environment)
    return _page(request, place, form, 400)


@require_POST
def cancel(request: HttpRequest, slug: str, environment: str) -> HttpResponse:
    place = get_place(actor_of(request), slug, environment)
    typed = request.POST.get("operation", "")
    number = int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 10 else 0
    try:
        cancelling.cancel(actor_of(request), place, number)
    except Refused as refused:
        messages.error(request, refused.message)
    else:
        messages.success(request, _("It stops at its next step; what it did is undone."))
    return redirect("keeping:data", slug, environment)


def get_snapshot(request: HttpRequest, number: int) -> Snapshot:
    rows = Snapshot.objects.exclude(state=Snapshot.State.GONE).select_related(
        "instance__place__service__team", "instance__place__environment", "instance__address", "host"
    )
    return get_visible(actor_of(request), rows, pk=min(number, NUMBER_LIMIT))


def back_to(row: Snapshot) -> HttpResponse:
    place = row.instance.place
    return redirect("keeping:data", place.service.slug, place.environment.slug)


@require_POST
def pin(request: HttpRequest, number: int) -> HttpResponse:
    row = get_snapshot(request, number)
    try:
        snapshots.pin(actor_of(request), row, request.POST.get("pinned") == "1")
    except Refused as refused:
        messages.error(request, refused.message)
    return back_to(row)


@require_http_methods(["GET", "POST"])
def restore(request: HttpRequest, number: int) -> HttpResponse:
    row = get_snapshot(request, number)
    place = row.instance.place
    require(actor_of(request), snapshots.REMOVING, **place.at, obj=row.instance)
    form = RestoreForm(request.POST or None, expected=row.instance.name)
    if request.method == "POST" and form.is_valid():
        typed = form.cleaned_data
        try:
            restores.restore(actor_of(request), row, typed["name"], typed["reason"], save=typed["save"])
        except Refused as refused:
            form.add_refusal(refused)
        else:
            messages.success(request, _("The data of %(instance)s is being put back.") % {"instance": row.instance})
            return back_to(row)
    later = reading.snapshots_of(actor_of(request), place).filter(instance=row.instance, pk__gt=row.pk)
    context: dict[str, Any] = frame(request, place, "data") | {
        "row": row,
        "form": form,
        "busy": snapshots.busy(place),
        "later": later.filter(state=Snapshot.State.READY)[:5],
        "now_runs": row.instance.current,
        "stops_bare": reading.stops_bare(place),
    }
    return render(request, "keeping/restore.html", context, status=400 if form.errors else 200)


@require_http_methods(["GET", "POST"])
def copy(request: HttpRequest, number: int) -> HttpResponse:
    row = get_snapshot(request, number)
    place = row.instance.place
    require(actor_of(request), snapshots.REMOVING, **place.at, obj=row.instance)
    form = CopyForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        typed = form.cleaned_data
        try:
            made = copies.copy(actor_of(request), row, typed["name"], typed["reason"], save=typed["save"])
        except Refused as refused:
            form.add_refusal(refused)
        else:
            said = _("%(instance)s gets the data of %(snapshot)s.")
            messages.success(request, said % {"instance": made.instance, "snapshot": row})
            there = made.instance.place
            return redirect("keeping:data", there.service.slug, there.environment.slug)
    context: dict[str, Any] = frame(request, place, "data") | {"row": row, "form": form}
    return render(request, "keeping/copy.html", context, status=400 if form.errors else 200)


@require_http_methods(["GET", "POST"])
def remove(request: HttpRequest, number: int) -> HttpResponse:
    row = get_snapshot(request, number)
    place = row.instance.place
    require(actor_of(request), snapshots.REMOVING, **place.at, obj=row.instance)
    form = RemoveForm(request.POST or None, expected=row.label)
    if request.method == "POST" and form.is_valid():
        try:
            snapshots.remove(actor_of(request), row, form.cleaned_data["name"], form.cleaned_data["reason"])
        except Refused as refused:
            form.add_refusal(refused)
        else:
            messages.success(request, _("%(snapshot)s is being removed.") % {"snapshot": row})
            return back_to(row)
    context: dict[str, Any] = frame(request, place, "data") | {"row": row, "form": form}
    return render(request, "keeping/snapshot_remove.html", context, status=400 if form.errors else 200)

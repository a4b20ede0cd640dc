"""The page of a place's backups, and of their drills."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from containers.forms import RemoveForm
from containers.keeping import backup_policies, protecting, reading, reading_backups
from containers.keeping.forms_backups import RulesForm, stores
from containers.keeping.models import Backup
from containers.keeping.services import backups, drills, recoveries, snapshots
from containers.models import ServiceEnvironment
from containers.reading import history
from containers.views.access import NUMBER_LIMIT, get_place, numbers_of, reason_of
from containers.views.run import frame
from xqplatform.accounts.http import actor_of
from xqplatform.accounts.rights import can, require
from xqplatform.accounts.visibility import get_visible
from xqplatform.errors import Refused
from xqplatform.web.tables import Filter, Table

STATES = [one for one in Backup.State.choices if one[0] != Backup.State.GONE]


@require_GET
def show(request: HttpRequest, slug: str, environment: str) -> HttpResponse:
    place = get_place(actor_of(request), slug, environment)
    return _page(request, place, RulesForm(initial=RulesForm.shown(*backup_policies.rules_of(place))))


def _page(request: HttpRequest, place: ServiceEnvironment, form: RulesForm, status: int = 200) -> HttpResponse:
    actor, rows = actor_of(request), reading.lines(place)
    table = Table(
        request,
        reading_backups.backups_of(actor, place),
        sorts={"when": "id", "instance": "instance__number", "size": "size"},
        default="-when",
        filters={
            "state": Filter(gettext_lazy("State"), STATES, "state"),
            "why": Filter(gettext_lazy("Why"), Backup.Why.choices, "why"),
        },
        per_page=25,
    )
    rules, target = backup_policies.rules_of(place)
    context = frame(request, place, "data") | {
        "lines": rows,
        "why_nothing": reading.why_nothing(place, rows),
        "protection": protecting.line(place),
        "table": table,
        "rules": rules,
        "target": target,
        "stores": [name for name, _title in stores()],
        "newest": reading_backups.newest_of(place),
        "form": form,
        "busy": snapshots.busy(place),
        "may_take": can(actor, snapshots.TAKING, **place.at),
        "may_remove": can(actor, snapshots.REMOVING, **place.at),
        "may_change": can(actor, "service.change", **place.at),
        "events": history([place, *(line.instance for line in rows[:100])], 8),
    }
    return render(request, "keeping/backups.html", context, status=status)


@require_POST
def take(request: HttpRequest, slug: str, environment: str) -> HttpResponse:
    place = get_place(actor_of(request), slug, environment)
    require(actor_of(request), snapshots.TAKING, **place.at, obj=place)
    try:
        numbers = numbers_of(request.POST.getlist("instances"))
        found = backups.take(actor_of(request), place, request.POST.get("target", ""), numbers, reason_of(request.POST))
    except Refused as refused:
        messages.error(request, refused.message)
    else:
        said = ngettext("%(n)s backup is being taken.", "%(n)s backups are being taken.", len(found))
        messages.success(request, said % {"n": len(found)})
    return redirect("keeping:backups", slug, environment)


@require_POST
def rules(request: HttpRequest, slug: str, environment: str) -> HttpResponse:
    place = get_place(actor_of(request), slug, environment)
    require(actor_of(request), "service.change", **place.at, obj=place)
    form = RulesForm(request.POST)
    if form.is_valid():
        try:
            backup_policies.save_rules(actor_of(request), place, form.cleaned_data["target"], form.rules())
        except Refused as refused:
            form.add_refusal(refused)
        else:
            messages.success(request, _("Saved."))
            return redirect("keeping:backups", slug, environment)
    return _page(request, place, form, 400)


def get_backup(request: HttpRequest, number: int) -> Backup:
    rows = Backup.objects.select_related(*reading_backups.ROWS).exclude(state=Backup.State.GONE)
    return get_visible(actor_of(request), rows, pk=min(number, NUMBER_LIMIT))


def back_to(row: Backup) -> HttpResponse:
    place = row.instance.place
    return redirect("keeping:backups", place.service.slug, place.environment.slug)


@require_POST
def pin(request: HttpRequest, number: int) -> HttpResponse:
    row = get_backup(request, number)
    try:
        backups.pin(actor_of(request), row, request.POST.get("pinned") == "1")
    except Refused as refused:
        messages.error(request, refused.message)
    return back_to(row)


@require_POST
def drill(request: HttpRequest, number: int) -> HttpResponse:
    row = get_backup(request, number)
    try:
        found = drills.drill(actor_of(request), row, request.POST.get("host", ""))
    except Refused as refused:
        messages.error(request, refused.message)
    else:
        messages.success(request, _("%(backup)s is being tried on %(host)s.") % {"backup": row, "host": found.host})
    return back_to(row)


@require_http_methods(["GET", "POST"])
def restore(request: HttpRequest, number: int) -> HttpResponse:
    row = get_backup(request, number)
    place = row.instance.place
    require(actor_of(request), snapshots.REMOVING, **place.at, obj=row.instance)
    form = RemoveForm(request.POST or None, expected=row.instance.name)
    if request.method == "POST" and form.is_valid():
        try:
            recoveries.recover(actor_of(request), row, form.cleaned_data["name"], form.cleaned_data["reason"])
        except Refused as refused:
            form.add_refusal(refused)
        else:
            messages.success(request, _("The data of %(instance)s is being put back.") % {"instance": row.instance})
            return redirect("keeping:data", place.service.slug, place.environment.slug)
    context: dict[str, Any] = frame(request, place, "data") | {
        "row": row,
        "form": form,
        "busy": snapshots.busy(place),
        "now_runs": row.instance.current,
        "stops_bare": reading.stops_bare(place),
    }
    return render(request, "keeping/backup_restore.html", context, status=400 if form.errors else 200)


@require_http_methods(["GET", "POST"])
def remove(request: HttpRequest, number: int) -> HttpResponse:
    row = get_backup(request, number)
    place = row.instance.place
    require(actor_of(request), snapshots.REMOVING, **place.at, obj=row.instance)
    form = RemoveForm(request.POST or None, expected=row.label)
    if request.method == "POST" and form.is_valid():
        try:
            backups.remove(actor_of(request), row, form.cleaned_data["name"], form.cleaned_data["reason"])
        except Refused as refused:
            form.add_refusal(refused)
        else:
            messages.success(request, _("%(backup)s is being removed.") % {"backup": row})
            return back_to(row)
    context: dict[str, Any] = frame(request, place, "data") | {"row": row, "form": form}
    return render(request, "keeping/backup_remove.html", context, status=400 if form.errors else 200)

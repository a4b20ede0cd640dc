"""Settings → calendars: markets and own ones, each as a month with its sessions and the freezes that go by it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from containers.forms.base import SaneForm
from containers.guardrails import calendars, month, services, windows
from containers.guardrails.forms import CalendarForm, DayForm, IcsForm, MarketForm
from containers.models import Calendar, CalendarDay
from containers.reading import history
from containers.views.access import actor_of
from xqplatform.accounts.forms import zones
from xqplatform.accounts.rights import can, require
from xqplatform.errors import Refused

SOON = 45  # days before the end of what is known at which a page says so


@require_http_methods(["GET", "POST"])
def index(request: HttpRequest) -> HttpResponse:
    """The list; a new market or one of one's own."""
    actor = actor_of(request)
    market, own = MarketForm(), CalendarForm(initial=_fresh())
    if request.method == "POST":
        require(actor, services.RIGHT)
        form: SaneForm
        if "market" in request.POST:
            form = market = MarketForm(request.POST)
        else:
            form = own = CalendarForm(request.POST)
        if form.is_valid():
            try:
                row = calendars.save_calendar(actor, None, form.cleaned_data)
            except Refused as refused:
                form.add_refusal(refused)
            else:
                return redirect("containers:calendar", row.slug)
    rows = Calendar.objects.annotate(used=Count("freezes"))
    context = {
        "rows": rows,
        "market": market,
        "own": own,
        "may_manage": can(actor, services.RIGHT),
        "zones": zones(),
    }
    status = 400 if market.errors or own.errors else 200
    return render(request, "containers/calendars.html", context, status=status)


def _fresh() -> dict[str, Any]:
    return {"zone": str(timezone.get_current_timezone()), "days": ["0", "1", "2", "3", "4"]}


def _initial(row: Calendar) -> dict[str, Any]:
    hours = ", ".join(f"{a}-{b}" for a, b in row.hours.get("hours", []))
    days = [str(day) for day in row.hours.get("days", [])]
    return {"slug": row.slug, "title": row.title, "zone": row.zone, "days": days, "hours": hours}


def _show(request: HttpRequest, row: Calendar, **forms: Any) -> HttpResponse:
    own = None
    if not row.market:
        own = forms.get("own") or CalendarForm(initial=_initial(row))
        own.fields["slug"].disabled = True
    today = timezone.localdate()
    context = {
        "calendar": row,
        "month": month.of_calendar(row, request.GET.get("month", "")),
        "own": own,
        "day_form": forms.get("day") or DayForm(),
        "ics_form": forms.get("ics") or IcsForm(initial={"means": row.ics_means or "closed"}),
        "days": [(one, calendars.day_words(one)) for one in row.days.all()],
        "freezes": row.freezes.select_related("environment"),
        "blind": windows.blindness(row),
        "ends_soon": row.market and row.known_until is not None and (row.known_until - today).days < SOON,
        "events": history([row], 12),
        "may_manage": can(actor_of(request), services.RIGHT),
        "zones": zones(),
    }
    wrong = any(form.errors for form in forms.values())
    return render(request, "containers/calendar.html", context, status=400 if wrong else 200)


@require_http_methods(["GET", "POST"])
def show(request: HttpRequest, slug: str) -> HttpResponse:
    row = get_object_or_404(Calendar, slug=slug)
    if request.method == "GET":
        return _show(request, row)
    actor = actor_of(request)
    require(actor, services.RIGHT, obj=row)
    form = CalendarForm(_with_slug(request.POST, row.slug))
    if form.is_valid() and not row.market:
        try:
            calendars.save_calendar(actor, row, form.cleaned_data)
        except Refused as refused:
            form.add_refusal(refused)
        else:
            messages.success(request, _("%(name)s is saved.") % {"name": row})
            return redirect("containers:calendar", slug)
    return _show(request, Calendar.objects.get(pk=row.pk), own=form)


def _with_slug(data: Any, slug: str) -> Any:
    found = data.copy()
    found["slug"] = slug
    return found


@require_GET
def by_key(request: HttpRequest, number: int) -> HttpResponse:
    return redirect("containers:calendar", get_object_or_404(Calendar, pk=number).slug)


@require_POST
def day_set(request: HttpRequest, slug: str) -> HttpResponse:
    row = get_object_or_404(Calendar, slug=slug)
    actor = actor_of(request)
    require(actor, services.RIGHT, obj=row)
    form = DayForm(request.POST)
    if form.is_valid():
        try:
            made = calendars.set_day(actor, row, form.cleaned_data)
        except Refused as refused:
            form.add_refusal(refused)
        else:
            messages.success(request, _("The exception of %(day)s is saved.") % {"day": made.day})
            return redirect("containers:calendar", slug)
    return _show(request, row, day=form)


@require_POST
def day_remove(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    row = get_object_or_404(CalendarDay.objects.select_related("calendar"), calendar__slug=slug, pk=number)
    calendars.remove_day(actor_of(request), row)
    return redirect("containers:calendar", slug)


@require_POST
def ics(request: HttpRequest, slug: str) -> HttpResponse:
    row = get_object_or_404(Calendar, slug=slug)
    actor = actor_of(request)
    require(actor, services.RIGHT, obj=row)
    form = IcsForm(request.POST, request.FILES)
    if form.is_valid():
        file = form.cleaned_data["file"]
        content = file.read(calendars.MOST_ICS + 1) if file is not None else b""
        try:
            count = calendars.import_ics(actor, row, content, form.cleaned_data["means"])
        except Refused as refused:
            form.add_refusal(refused)
        else:
            messages.success(request, _("%(n)d events lie within the next year.") % {"n": count})
            return redirect("containers:calendar", slug)
    return _show(request, row, ics=form)


@require_POST
def act(request: HttpRequest, slug: str, verb: str) -> HttpResponse:
    """Computes anew, or removes."""
    row = get_object_or_404(Calendar, slug=slug)
    try:
        if verb == "remove":
            calendars.remove_calendar(actor_of(request), row)
            messages.success(request, _("%(name)s is removed.") % {"name": row.title})
            return redirect("containers:calendars")
        calendars.recompute(actor_of(request), row)
        messages.success(request, _("Its sessions are computed anew; this takes some seconds."))
    except Refused as refused:
        messages.error(request, refused.message)
    return redirect("containers:calendar", slug)

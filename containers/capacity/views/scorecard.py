"""The scorecard, a service's releases behind it, and the objective of a place."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from containers.capacity import asking, objectives, score_detail, score_words, scorecard, taken
from containers.capacity.scorecard import RANGES, Asked, Card, Score
from containers.models import Environment, Service, ServiceEnvironment
from containers.views.access import get_place
from xqplatform.accounts.http import ActorRequest, put_refusal
from xqplatform.accounts.rights import READ, can, require
from xqplatform.accounts.visibility import get_visible
from xqplatform.errors import Refused
from xqplatform.web import answers
from xqplatform.web.tables import csv_response

PAGE = 50


class ObjectiveForm(forms.Form):
    target = forms.CharField(label=gettext_lazy("Available at least (%)"), max_length=12)
    least = forms.CharField(label=gettext_lazy("with so many healthy instances"), max_length=6, initial="1")


def _asked(request: ActorRequest) -> tuple[Asked, Refused | None]:
    try:
        taken.format_of(request)
        return scorecard.asked(request.GET), None
    except Refused as refused:
        return Asked(), refused


@require_GET
def show(request: ActorRequest) -> HttpResponseBase:
    require(request.actor, READ)
    what, wrong = _asked(request)
    if wrong is not None and request.GET.get("format"):
        return answers.refusal(wrong)
    card = scorecard.read(request.actor, what)
    if request.GET.get("format") == "csv":
        rows = list(_table(card))
        return csv_response(request, f"scorecard-{card.first}-{card.last}.csv", _head(), rows, count=len(rows))
    if request.GET.get("format") == "pdf":
        return _pdf(request, card, what)
    sort = request.GET.get("sort", "")
    services = scorecard.ordered(card.services, sort)
    kept = {name: value for name in ("environment", "weeks") if (value := request.GET.get(name))}
    context = {
        "card": card,
        "what": what,
        "wrong": wrong,
        "page": Paginator(services, PAGE).get_page(request.GET.get("page")),
        "keep": f"?{urlencode(kept)}&" if kept else "?",
        **_choices(request),
    }
    return render(request, "capacity/scorecard.html", context, status=wrong.code if wrong else 200)


def _pdf(request: ActorRequest, card: Card, what: Asked) -> HttpResponse:
    from containers.capacity import score_paper  # what draws is loaded where it is needed

    environment = Environment.objects.filter(slug=what.environment).first()
    where = environment.local_title if environment else _("Production")
    name = f"scorecard-{card.first}-{card.last}.pdf"
    return taken.pdf_response(request, name, score_paper.made(card, where), rows=len(card.services))


def _choices(request: ActorRequest) -> dict[str, Any]:
    return {
        "ranges": RANGES.items(),
        "environments": Environment.objects.all(),
        "teams": asking.team_choices(request.actor),
        "definitions": score_words.definitions(),
    }


def _head() -> list[str]:
    return [
        _("What"), _("Name"), _("Team"), _("Releases"), _("a week"), _("Lead time, median (s)"), _("Lead time, p90 (s)"),
        _("Changes"), _("Change failures"), _("Change failure rate"), _("Time to restore, median (s)"), _("Not restored"),
        _("Success rate"), _("Rollback rate"), _("Cancelled"), _("Ways back"), _("Available (s)"), _("Not available (s)"),
        _("Unknown (s)"), _("Objective (%)"), _("Error budget left"),
    ]  # fmt: skip


def _table(card: Card) -> Iterator[list[Any]]:
    """Numbers as they are; what is not known is empty."""
    kinds = [(_("All"), [card.whole]), (_("Team"), card.teams), (_("Service"), card.services)]
    for kind, scores in kinds:
        for one in scores:
            yield [kind, one.title, one.team, *_numbers(one)]


def _numbers(one: Score) -> list[Any]:
    tally, none = one.tally, one.tally.empty
    standing = one.standing
    budget = standing.budget if standing else None
    return [
        "" if none else tally.succeeded, _short(one.frequency), _short(tally.lead_median, 0), _short(tally.lead_p90, 0),
        "" if none else tally.changes, "" if none else tally.bad, _short(tally.failure_rate, 4),
        _short(tally.restore_median, 0), "" if none else tally.open, _short(tally.success_rate, 4),
        _short(tally.rollback_rate, 4), "" if none else tally.cancelled, "" if none else tally.backs,
        round(one.span.good), round(one.span.bad), round(one.span.unknown),
        standing.objective.target if standing and standing.objective else "", _short(budget.left if budget else None, 4),
    ]  # fmt: skip


def _short(value: float | None, digits: int = 2) -> float | str:
    return "" if value is None else round(value, digits)


@require_GET
def service(request: ActorRequest, slug: str) -> HttpResponseBase:
    found = get_visible(request.actor, Service.objects.select_related("team"), slug=slug)
    return _service(request, found)


def _service(
    request: ActorRequest, found: Service, bad: tuple[ServiceEnvironment, ObjectiveForm] | None = None
) -> HttpResponseBase:
    what, wrong = _asked(request)
    detail = score_detail.read(request.actor, found, Asked(environment=what.environment, weeks=what.weeks))
    if asked := request.GET.get("format"):
        if wrong is not None:
            return answers.refusal(wrong)
        return _releases(request, found, detail) if asked == "csv" else _service_pdf(request, found, detail)
    counts, week = request.GET.get("counts", ""), _week(request, detail)
    shown = score_detail.counted(detail.verdicts, counts, week)
    page = Paginator(shown, PAGE).get_page(request.GET.get("page"))
    today = timezone.now().astimezone(UTC).date()
    places = []
    for one in score_detail.health(detail.places, today):
        objective = one.standing.objective if one.standing else None
        form = ObjectiveForm(
            initial=objectives.shown(objective) if objective else None, prefix=one.place.environment.slug
        )
        if bad is not None and bad[0].pk == one.place.pk:
            form = bad[1]
        may = can(request.actor, objectives.RIGHT, **one.place.at)
        places.append({"one": one, "objective": objective, "form": form, "may": may})
    context = {
        "service": found,
        "detail": detail,
        "what": what,
        "wrong": wrong,
        "page": page,
        "rows": score_detail.rows(list(page)),
        "counted": score_detail.COUNTED.get(counts, ("",))[0],
        "week": week,
        "first": detail.weeks[-1][0],
        "last": detail.weeks[0][0] + timedelta(days=6),
        "places": places,
        **_choices(request),
    }
    status = wrong.code if wrong is not None else 400 if bad is not None else 200
    return render(request, "capacity/scorecard_service.html", context, status=status)


def _service_pdf(request: ActorRequest, service: Service, detail: score_detail.Detail) -> HttpResponseBase:
    from containers.capacity import score_paper  # what draws is loaded where it is needed

    health = score_detail.health(detail.places, timezone.now().astimezone(UTC).date())
    content = score_paper.of_service(service.title or service.slug, detail, health)
    return taken.pdf_response(request, f"scorecard-{service.slug}.pdf", content, rows=len(detail.weeks), obj=service)


def _releases(request: ActorRequest, service: Service, detail: score_detail.Detail) -> HttpResponseBase:
    """All releases behind a service's scores, each with what it counts as."""
    head = [
        _("Release"),
        _("State"),
        _("Ended"),
        _("Counts as"),
        _("Lead time (s)"),
        _("Restored in (s)"),
        _("Not restored"),
    ]
    rows = [
        [one.release.number, one.release.state, datetime.fromtimestamp(one.release.end, UTC).isoformat(timespec="seconds"),
         one.counts_as, _short(one.lead, 0), _short(one.restore, 0), int(one.open)]
        for one in detail.verdicts
    ]  # fmt: skip
    return csv_response(request, f"scorecard-{service.slug}.csv", head, rows, count=len(rows), obj=service)


def _week(request: ActorRequest, detail: score_detail.Detail) -> date | None:
    """The Monday of a week in the range; anything else is none."""
    asked = request.GET.get("week", "")
    return next((week for week, _tally in detail.weeks if str(week) == asked), None)


@require_POST
def objective(request: ActorRequest, slug: str, environment: str) -> HttpResponseBase:
    place = get_place(request.actor, slug, environment)
    objectives.may(request.actor, place)
    if request.POST.get("remove"):
        objectives.remove(request.actor, place)
        messages.success(request, _("The objective is removed."))
        return redirect("capacity:scorecard_service", slug)
    form = ObjectiveForm(request.POST, prefix=environment)
    if form.is_valid():
        try:
            objectives.save(request.actor, place, form.cleaned_data)
            messages.success(request, _("Saved."))
            return redirect("capacity:scorecard_service", slug)
        except Refused as refusal:
            put_refusal(form, refusal)
    return _service(request, place.service, (place, form))

"""Trains: the list with its templates, the form, and one: its plan before it begins, live while it runs, its record."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from builds.models import Wave
from containers import reading
from containers.models import Car, ServiceEnvironment, Train, TrainTemplate
from containers.trains import forms, of_wave, planning, services, standing
from containers.trains.forms import CarForm, TrainForm
from containers.trains.rows import cars_of
from containers.views.access import NUMBER_LIMIT, reason_of
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.http import actor_of
from xqplatform.accounts.rights import somewhere
from xqplatform.accounts.visibility import get_visible, sees_team, visible
from xqplatform.errors import Refused
from xqplatform.web.tables import Filter, Table

MOST_OFFERED = 2000
VERBS: dict[str, Callable[[Actor, Train, str], Train]] = {
    "pause": services.pause,
    "continue": services.proceed,
    "abort": services.abort,
    "rollback": services.rollback,
}


def get_train(actor: Actor, number: int) -> Train:
    return get_visible(actor, Train.objects.select_related("begun_by"), pk=min(number, NUMBER_LIMIT))


def number_of(text: str | None) -> int | None:
    """A key of an address; None for nonsense."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else None


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    good = Count("cars", filter=Q(cars__deployment__state="succeeded"))
    rows = visible(actor_of(request), Train).annotate(all=Count("cars"), good=good)
    table = Table(
        request,
        rows,
        search=("name", "reason", "created_name"),
        sorts={"number": "id", "name": "name"},
        default="-number",
        filters={"state": Filter(gettext_lazy("State"), Train.State.choices, "state")},
    )
    context = {
        "table": table,
        "rows": list(table.rows),
        "templates": [
            (row, services.may_remove(actor_of(request), row))
            for row in visible(actor_of(request), TrainTemplate).all()[:200]
        ],
        "may": somewhere(actor_of(request), services.RIGHT),
    }
    return render(request, "containers/trains.html", context)


@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, number: int | None = None) -> HttpResponse:
    """A new train (also made of another one, or of a template), or one that has not begun."""
    train = get_train(actor_of(request), number) if number is not None else None
    if request.method == "POST":
        return _save(request, train)
    form, rows = _proposed(request, train)
    return _form(request, train, form, rows)


def _proposed(request: HttpRequest, train: Train | None) -> tuple[TrainForm, list[CarForm]]:
    """The form as it is shown first: of the train, of another one, of a template, or empty."""
    wave = _wave(request)
    if wave is not None:
        taken = [
            car
            for car in of_wave.cars(wave, once=request.GET.get("order") == "once")
            if sees_team(actor_of(request), car.place.service.team_id)
        ]
        if len(taken) > services.MOST_CARS:
            words = _(
                "Only the first %(n)d of %(all)d are in it: another train takes the rest along when this one is over."
            )
            messages.warning(request, words % {"n": services.MOST_CARS, "all": len(taken)})
        name = _("Wave #%(n)d of %(base)s") % {"n": wave.pk, "base": wave.blueprint}
        fields = {"name": name, "reason": wave.reason}
        return TrainForm(initial=fields), forms.empty([forms.row_of_wanted(car) for car in taken])
    template = visible(actor_of(request), TrainTemplate).filter(pk=number_of(request.GET.get("template")) or 0).first()
    other = train or visible(actor_of(request), Train).filter(pk=number_of(request.GET.get("from")) or 0).first()
    if other is not None:
        cars = cars_of(other)
        if train is None and request.GET.get("rest") == "1":
            cars = forms.rest_of(cars)
        fields = {"name": other.name, "on_failure": other.on_failure, "reason": other.reason if train else ""}
        return TrainForm(initial=fields), forms.empty([forms.row_of(car) for car in cars])
    if template is not None:
        fields = {"name": template.name, "on_failure": template.content.get("on_failure", "stop")}
        return TrainForm(initial=fields), forms.empty(forms.rows_of_template(template))
    return TrainForm(), forms.empty()


def _wave(request: HttpRequest) -> Wave | None:
    named = request.POST.get("wave") or request.GET.get("wave")
    return visible(actor_of(request), Wave).select_related("blueprint").filter(pk=number_of(named) or 0).first()


def _save(request: HttpRequest, train: Train | None) -> HttpResponse:
    form, rows = TrainForm(request.POST), forms.typed(actor_of(request), request.POST)
    if request.POST.get("do") == "more":
        given = [{name: row.data.get(f"{row.prefix}-{name}", "") for name in row.fields} for row in rows]
        head = TrainForm(initial={name: request.POST.get(name, "")[:2000] for name in form.fields})
        return _form(request, train, head, forms.empty(given, more=5))
    valid = [row.is_valid() for row in rows]
    if form.is_valid() and all(valid):
        cars = [row.wanted for row in rows if row.wanted is not None]
        data = form.cleaned_data
        try:
            wave = _wave(request)
            saved = services.save(actor_of(request), cars, train=train, wave=wave, **data)
        except Refused as refused:
            form.add_refusal(refused)
        else:
            return redirect("containers:train", saved.pk)
    return _form(request, train, form, rows)


def _form(request: HttpRequest, train: Train | None, form: TrainForm, rows: Sequence[CarForm]) -> HttpResponse:
    places = (
        visible(actor_of(request), ServiceEnvironment)
        .filter(service__removed=None)
        .order_by("service__slug", "environment__position")
    )
    context = {
        "train": train,
        "form": form,
        "rows": rows,
        "wave": _wave(request),
        "places": places.values_list("service__slug", "environment__slug")[:MOST_OFFERED],
    }
    bad = bool(form.errors) or any(row.errors for row in rows if row.is_bound)
    return render(request, "containers/train_form.html", context, status=400 if bad else 200)


@require_GET
def show(request: HttpRequest, number: int) -> HttpResponse:
    train = get_train(actor_of(request), number)
    cars = cars_of(train)
    may = services.may(actor_of(request), [car.place for car in cars])
    planned = train.state == Train.State.PLANNED
    plan = planning.plan_of(train, cars) if planned else []
    context = {
        "train": train,
        "plan": plan,
        "mark": json.dumps(planning.mark_of(plan)) if planned else "",
        "troubles": sum(bool(one.refusal) or one.blocked for stage in plan for one in stage.cars),
        "stages": [] if planned else standing.stages_of(train, cars),
        "summary": standing.summary(cars),
        "topics": _topics(train, cars),
        "buttons": _buttons(train) if may else [],
        "may": may,
        "rest": train.state in Train.TERMINAL and bool(forms.rest_of(cars)),
        "events": reading.history([train], 30),
    }
    return render(request, "containers/train.html", context)


def _topics(train: Train, cars: Sequence[Car]) -> str:
    """What the page listens to: the train, and those of its releases that are under way."""
    rows = [row for car in cars for row in (car.deployment, car.back) if row is not None and not row.finished]
    return " ".join([f"train:{train.pk}", *(f"release:{row.pk}" for row in rows)])


def _buttons(train: Train) -> list[dict[str, str]]:
    """What can be asked of it now, each with what it would do."""
    words = {
        "continue": (_("Go on"), "player-play", "btn-primary", _("The next ones begin again.")),
        "pause": (_("Pause"), "player-pause", "", _("Nothing further begins; what is under way goes on.")),
        "abort": (_("Abort"), "x", "", _("Nothing further begins, ever; what is under way ends by itself.")),
        "rollback": (
            _("Abort and roll the stage back"),
            "arrow-back-up",
            "btn-outline-danger",
            _("The stage that was reached goes back to what ran before; earlier stages stay."),
        ),
    }
    if train.state == Train.State.PLANNED:
        words = {"abort": (_("Cancel"), "x", "", _("It does not begin; nothing was touched."))}
    return [
        {"verb": verb, "word": word, "icon": icon, "css": css, "text": text, "key": verb[0]}
        for verb, (word, icon, css, text) in words.items()
        if train.state in services.CLICKS[verb][0]
    ]


@require_POST
def begin(request: HttpRequest, number: int) -> HttpResponse:
    train = get_train(actor_of(request), number)
    try:
        services.begin(actor_of(request), train, _mark(request.POST.get("mark", "")), reason_of(request.POST))
    except Refused as refused:
        messages.error(request, refused.message)
    return redirect("containers:train", train.pk)


def _mark(text: str) -> dict[str, int]:
    """What the page showed; of nonsense nothing, which is no longer true of any train."""
    try:
        data = json.loads(text[:20_000])
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


@require_POST
def ask(request: HttpRequest, number: str, verb: str) -> HttpResponse:
    """Pause, go on, abort, or roll the stage back."""
    train = get_train(actor_of(request), int(number))
    try:
        VERBS[verb](actor_of(request), train, reason_of(request.POST))
    except Refused as refused:
        messages.error(request, refused.message)
    return redirect("containers:train", train.pk)


@require_POST
def keep(request: HttpRequest, number: int) -> HttpResponse:
    """Saves it as a template."""
    train = get_train(actor_of(request), number)
    try:
        row = services.save_template(actor_of(request), train, request.POST.get("name", ""))
    except Refused as refused:
        messages.error(request, refused.message)
    else:
        messages.success(request, _("«%(name)s» is kept as a template.") % {"name": row})
    return redirect("containers:train", train.pk)


@require_POST
def forget(request: HttpRequest, number: int) -> HttpResponse:
    """Removes a template."""
    row = get_visible(actor_of(request), TrainTemplate, pk=min(number, NUMBER_LIMIT))
    services.remove_template(actor_of(request), row)
    messages.success(request, _("«%(name)s» is removed.") % {"name": row})
    return redirect("containers:trains")

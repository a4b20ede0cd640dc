"""All services × environments, one service, and making and removing one."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Exists, F, Max, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from builds.models import Build, Image
from builds.place import at
from builds.sample import BRANCH, make_sample_repository
from builds.sample_base import make_base_repository
from builds.services.builds import start_build
from builds.services.projects import save_project
from containers import gone
from containers.ascode import drift
from containers.forms import PROJECT_FIELDS, RemoveForm, ServiceChangeForm, ServiceForm
from containers.models import Deployment, Environment, Instance, Service, ServiceEnvironment
from containers.reading import GOOD, Standing, history, places, standings
from containers.services import catalog
from containers.services.planning import standing as standing_in
from containers.services.settings import save_config
from containers.views.access import get_service, may
from containers.waiting_words import lines
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.http import actor_of
from xqplatform.accounts.models import Team
from xqplatform.accounts.rights import can, require, somewhere, visible_teams
from xqplatform.accounts.roles import here
from xqplatform.accounts.visibility import visible
from xqplatform.errors import Refused

PAGE = 50
SAMPLES = {"sample": make_sample_repository, "machine": make_base_repository}
MACHINE = {"init": "image", "cpus": 1, "memory": "256m", "stop_timeout": 30}  # settings of the sample base image
STATES = ("healthy", "unhealthy", "drift", "active", "empty")
SORTS = {"name": "slug", "team": "team__slug", "last": "last"}


@dataclass
class Row:
    """One service of the list with its cell in each environment (None: not there)."""

    service: Service
    cells: list[Standing | None] = field(default_factory=list)


def in_state(of: QuerySet[ServiceEnvironment], state: str) -> QuerySet[ServiceEnvironment]:
    """Places that stand so, asked of the database."""
    here = Instance.objects.filter(place=OuterRef("pk"), removed=None)  # visible: of places that are
    ill = here.exclude(state__in=GOOD).exclude(state="stopped", wanted_state="stopped")
    rows = of
    match state:
        case "active":
            return rows.filter(active__isnull=False)
        case "drift":
            return rows.filter(Exists(here.filter(drift_since__isnull=False)))
        case "unhealthy":
            return rows.filter(Exists(ill))
        case "empty":
            return rows.filter(current_image=None).exclude(Exists(here))
        case _:
            return (
                rows.filter(Exists(here)).exclude(Exists(ill)).exclude(Exists(here.filter(drift_since__isnull=False)))
            )


def filtered(request: HttpRequest) -> QuerySet[Service]:
    """The services that the filters of the address name; unknown values filter nothing."""
    rows = visible(actor_of(request), Service).filter(removed=None).select_related("team")
    get = request.GET
    if q := get.get("q", "").strip().replace("\x00", "")[:200]:
        rows = rows.filter(Q(slug__icontains=q) | Q(title__icontains=q) | Q(team__slug__icontains=q))
    if get.get("team") == "mine":
        rows = rows.filter(team__in=visible_teams(actor_of(request)))
    elif team := get.get("team", "").replace("\x00", ""):
        rows = rows.filter(team__slug=team)
    of = visible(actor_of(request), ServiceEnvironment).filter(service=OuterRef("pk"))
    narrowed = False
    if environment := get.get("environment", "").replace("\x00", ""):
        of, narrowed = of.filter(environment__slug=environment), True
    if get.get("state") in STATES:
        of, narrowed = (
            of.filter(pk__in=in_state(visible(actor_of(request), ServiceEnvironment), get["state"]).values("pk")),
            True,
        )
    if image := get.get("image", "").strip().replace("\x00", "")[:200]:
        of = of.filter(Q(current_image__tag__icontains=image) | Q(current_image__digest__icontains=image))
        narrowed = True
    if narrowed:
        rows = rows.filter(Exists(of))
    sort = get.get("sort", "name")
    rows = rows.annotate(last=Max("places__deployments__created"))
    column = F(SORTS.get(sort.lstrip("-"), "slug"))
    return rows.order_by(column.desc(nulls_last=True) if sort.startswith("-") else column.asc(nulls_last=True), "slug")


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    page = Paginator(filtered(request), PAGE).get_page(request.GET.get("page"))
    environments = list(Environment.objects.all())
    of = list(places().filter(service__in=[s.pk for s in page]))
    standing = standings(of)
    by_service: dict[int, dict[int, Standing]] = defaultdict(dict)
    for place in of:
        by_service[place.service_id][place.environment_id] = standing[place.pk]
    rows = [Row(s, [by_service[s.pk].get(e.pk) for e in environments]) for s in page]
    actor = actor_of(request)
    context = {
        "page": page,
        "rows": rows,
        "environments": environments,
        "teams": Team.objects.all(),
        "states": STATES,
        "filters": any(request.GET.get(k) for k in ("q", "team", "environment", "state", "image")),
        "may_create": somewhere(actor, "service.create"),
    }
    return render(request, "containers/services.html", context)


def _teams_for(request: HttpRequest) -> QuerySet[Team] | None:
    """The teams a person may make services for; None: any."""
    actor = actor_of(request)
    if can(actor, "service.create"):
        return None
    return Team.objects.filter(pk__in=[t.pk for t in Team.objects.all() if can(actor, "service.create", team_id=t.pk)])


def _require_posted_team(request: HttpRequest, right: str, service: Service | None = None) -> None:
    """Another team's key is no mistyped field but an attempt: denied, and in the log, before any field is looked at."""
    posted = request.POST.get("team", "")
    if posted.isascii() and posted.isdigit() and len(posted) < 10 and Team.objects.filter(pk=int(posted)).exists():
        extra = None if service else {"slug": request.POST.get("slug", "").replace("\x00", "")[:60]}
        require(actor_of(request), right, team_id=int(posted), obj=service, extra=extra)


@require_http_methods(["GET", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    initial = {k: v for k, v in request.GET.items() if k in {"slug", "title", "source", "repository"}}
    if initial.get("source") == "sample":
        initial.setdefault("slug", "sample")
    form = ServiceForm(actor_of(request), request.POST or None, teams=_teams_for(request), initial=initial)
    if request.method == "POST" and not can(actor_of(request), "service.create"):
        # Who may make one for no team may make none: say so (and record it) before any field is looked at.
        if not somewhere(actor_of(request), "service.create"):
            require(actor_of(request), "service.create")
        _require_posted_team(request, "service.create")
    if request.method == "POST" and form.is_valid():
        try:
            service = catalog.create_service(actor_of(request), creation(form))
        except Refused as refused:
            form.add_refusal(refused)
        else:
            if form.cleaned_data["source"] == "machine":
                _as_machine(actor_of(request), service)
            messages.success(request, _("%(name)s is made. Next: build a version of it.") % {"name": service.slug})
            return redirect("containers:service", service.slug)
    status = 400 if form.errors else 200
    context = {"form": form, "no_environments": not Environment.objects.exists()}
    return render(request, "containers/service_new.html", context, status=status)


def _as_machine(actor: Actor, service: Service) -> None:
    """Init mode in all environments where the person may change settings."""
    for place in service.places.select_related("service", "environment"):
        if can(actor, "service.change", **place.at):
            save_config(actor, place, MACHINE, "the sample base image")


def creation(form: ServiceForm) -> dict[str, Any]:
    """What the verb takes, from a valid form; the sample's repository is made first."""
    d = form.cleaned_data
    sample = SAMPLES.get(d["source"])
    return {
        "slug": d["slug"],
        "title": d["title"],
        "team": d["team"].pk if d["team"] else None,
        "repository": sample() if sample else d["repository"],
        "default_branch": d["default_branch"] or (BRANCH if sample else "main"),
        "dockerfile": d["dockerfile"] or "Dockerfile",
        "blueprint": None if sample else d["blueprint"],
        "registry": d["registry"],
        "environments": [e.slug for e in d["environments"]],
    }


@require_GET
def show(request: HttpRequest, slug: str) -> HttpResponse:
    service = get_service(actor_of(request), slug)
    of = list(places().filter(service=service).order_by("environment__position", "environment__slug"))
    standing = standings(of)
    environments = Environment.objects.exclude(pk__in=[p.environment_id for p in of])
    deployments = (
        visible(actor_of(request), Deployment)
        .filter(place__service=service)
        .select_related("place__environment", "place__service", "image")
        .order_by("-id")[:10]
    )
    builds = (
        visible(actor_of(request), Build)
        .filter(project=service.project_id)
        .select_related("image")
        .order_by("-id")[:10]
    )
    context = {
        "service": service,
        "standings": [standing[p.pk] for p in of],
        "queues": lines(of),
        "missing": environments,
        "deployments": deployments,
        "builds": builds,
        "branches": branches_of(service, of),
        "events": history([service, *of, service.project], 20),
        "drift": drift.of_service(service),
        "may": may(actor_of(request), service),
        "here": here.of_service(actor_of(request), slug, service.team_id, [p.environment.slug for p in of]),
        "images": visible(actor_of(request), Image)
        .filter(project=service.project_id, state=Image.State.DEPLOYABLE)
        .count(),
    }
    return render(request, "containers/service.html", context)


def branches_of(service: Service, of: list[ServiceEnvironment]) -> list[str]:
    """Branches one would build: the project's, those the environments name (no patterns), those built before."""
    named = [service.project.default_branch, *(p.branch or p.environment.branch for p in of)]
    built = service.project.builds.order_by("-id").values_list("branch", flat=True)[:50]
    return list(dict.fromkeys(b for b in [*named, *built] if b and not set(b) & set("*?[")))[:20]


@require_POST
def build(request: HttpRequest, slug: str) -> HttpResponse:
    service = get_service(actor_of(request), slug)
    branch = request.POST.get("branch", "").strip()
    try:
        started = start_build(actor_of(request), service.project, branch=branch)
    except Refused as refused:
        messages.error(request, refused.message)
        return redirect("containers:service", service.slug)
    return redirect(f"/builds/{started.pk}/")


@require_http_methods(["GET", "POST"])
def change(request: HttpRequest, slug: str) -> HttpResponse:
    service = get_service(actor_of(request), slug)
    project = service.project
    initial: dict[str, Any] = {"title": service.title, "team": service.team_id}
    initial |= {n: getattr(project, n) for n in PROJECT_FIELDS if n != "repository_password"}
    teams = _teams_for(request)
    form = ServiceChangeForm(actor_of(request), request.POST or None, teams=teams, initial=initial)
    if request.method == "POST":
        require(actor_of(request), "service.change", **service.at, obj=service)
        _require_posted_team(request, "service.change", service)
        if {n for n in form.changed_data if n in PROJECT_FIELDS}:
            # Before the transaction below, which would take the event of a denied attempt with it.
            require(actor_of(request), "project.change", **at(project), obj=project)
        if form.is_valid() and form.cleaned_data["team"] is None and service.team_id is not None:
            require(actor_of(request), "service.change", obj=service)  # (given to nobody: as above)
        if form.is_valid():
            try:
                with transaction.atomic():
                    data = {"title": form.cleaned_data["title"], "team": form.cleaned_data["team"] or ""}
                    catalog.change_service(actor_of(request), service, data)
                    if {n for n in form.changed_data if n in PROJECT_FIELDS}:
                        save_project(actor_of(request), project, form.project())
            except Refused as refused:
                form.add_refusal(refused)
            else:
                return redirect("containers:service", service.slug)
    context = {"form": form, "service": service, "may": may(actor_of(request), service)}
    return render(request, "containers/service_change.html", context, status=400 if form.errors else 200)


@require_http_methods(["GET", "POST"])
def remove(request: HttpRequest, slug: str) -> HttpResponse:
    service = get_service(actor_of(request), slug)
    form = RemoveForm(request.POST or None, expected=service.slug)
    if request.method == "POST":
        require(actor_of(request), "service.remove", **service.at, obj=service)
    if request.method == "POST" and form.is_valid():
        try:
            catalog.remove_service(actor_of(request), service, form.cleaned_data["reason"])
        except Refused as refused:
            form.add_refusal(refused)
        else:
            messages.success(request, _("%(name)s is being removed.") % {"name": service.slug})
            return redirect("containers:services")
    of = list(places().filter(service=service))
    context = {
        "service": service,
        "form": form,
        "standings": list(standings(of).values()),
        "instances": visible(actor_of(request), Instance).filter(place__in=of, removed=None).count(),
        "addresses": visible(actor_of(request), Instance)
        .filter(place__in=of, removed=None, address__isnull=False)
        .count(),
        "losses": gone.losses(one for place in of for one in standing_in(place)),
        "may": may(actor_of(request), service),
    }
    return render(request, "containers/service_remove.html", context, status=400 if form.errors else 200)


@require_POST
def add_place(request: HttpRequest, slug: str) -> HttpResponse:
    """Adds an environment to a service that is not there yet."""
    service = get_service(actor_of(request), slug)
    environment = Environment.objects.filter(slug=request.POST.get("environment", "").replace("\x00", "")).first()
    try:
        if environment is None:
            raise Refused(_("There is no such environment."), "environment", 400)
        catalog.add_place(actor_of(request), service, environment)
    except Refused as refused:
        messages.error(request, refused.message)
        return redirect("containers:service", service.slug)
    return redirect("containers:place", service.slug, environment.slug)

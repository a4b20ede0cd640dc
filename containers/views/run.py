"""The run page of a service in an environment: its instances, what may be done to them, scaling, removal."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from containers import gone, happenings, live_limits, place_lines
from containers.config import parse
from containers.forms import RemoveForm, ScaleForm, chosen_of, hosts_of
from containers.guardrails import glass, shown
from containers.how import batch_rows
from containers.models import Deployment, Instance, ServiceEnvironment
from containers.plan import Plan, Policy
from containers.progress import progress
from containers.reading import history, instances_of, standings
from containers.services import changes, lost, new_limits, releases
from containers.services.planning import plan_for, segment_of
from containers.services.planning import standing as standing_in
from containers.views.access import get_place, may, numbers_of, reason_of
from containers.views.waiting import queue_of
from hosts.models import Host
from hosts.services import choosing
from xqplatform.accounts.http import actor_of
from xqplatform.accounts.rights import can, require
from xqplatform.errors import Refused
from xqplatform.metrics import board

SORTS = {
    "number": lambda i: (i.number,),
    "host": lambda i: (i.host.name, i.number),
    "address": lambda i: (_ip_key(i), i.number),
    "state": lambda i: (not i.drift, i.state, i.number),
}
MOST_SPARKS = 200
MOST_OFFERED = 500  # hosts to choose from
VERBS = {
    "restart": releases.restart,
    "stop": releases.stop,
    "start": releases.start,
    "repair": releases.repair,
    "limits": new_limits.apply_limits,
}


def _ip_key(instance: Instance) -> tuple[int, ...]:
    ip = instance.address.ip if instance.address else instance.ip
    return tuple(int(p) for p in ip.split(".") if p.isdigit())


def frame(request: HttpRequest, place: ServiceEnvironment, here: str) -> dict[str, Any]:
    """What every page of a place has: its service, environment, rights, the active release."""
    return {
        "place": place,
        "service": place.service,
        "environment": place.environment,
        "here": here,
        "may": may(actor_of(request), place.service, place.environment.slug),
        "active": place.active,
        "release_now": shown.now(place) if here in {"deploy", "run"} else None,
    }


def _handles_traffic(place: ServiceEnvironment) -> bool:
    content = place.current_config.content if place.current_config is not None else {}
    return (content.get("traffic") or {}).get("way", "none") != "none"


@require_GET
def show(request: HttpRequest, slug: str, environment: str) -> HttpResponse:
    place = get_place(actor_of(request), slug, environment)
    rows = instances_of(place)
    ooms = happenings.recent_ooms([r.pk for r in rows])
    for r in rows:
        r.oom = ooms.get(r.pk)  # type: ignore[attr-defined]
    standing = standings([place])[place.pk]
    q = request.GET.get("q", "").strip().lower()[:100]
    if q:
        rows = [r for r in rows if q in _text(r)]
    state = request.GET.get("state", "")
    if state == "drift":
        rows = [r for r in rows if r.drift]
    elif state:
        rows = [r for r in rows if r.state == state]
    sort = request.GET.get("sort", "number")
    rows.sort(key=SORTS.get(sort.lstrip("-"), SORTS["number"]), reverse=sort.startswith("-"))
    put_sparks(place, rows)
    active = place.active
    context = frame(request, place, "run") | {
        "rows": rows,
        "queue": queue_of(place),
        "handles_traffic": _handles_traffic(place),
        "standing": standing,
        "lines": place_lines.lines(place),
        "drifted": [r.number for r in rows if r.drift],
        "progress": progress(active, list(active.steps.all())) if active else None,
        "deployments": place.deployments.select_related("image", "place__environment", "place__service").order_by(
            "-id"
        )[:5],
        "events": history([place, *rows[:100]], 12),
        "filters": bool(q or state),
        "waiting": _waiting(place),
        "glass": glass.open_ones().filter(deployment__place=place)[:3],
        "may_forget": can(actor_of(request), "host.manage") and any(r.host.state in lost.LOST for r in rows),
        "states": ["healthy", "running", "starting", "unhealthy", "stopped", "missing", "drift"],
    }
    return render(request, "containers/run.html", context)


def put_sparks(place: ServiceEnvironment, rows: list[Instance]) -> None:
    """The last hour of CPU and memory on each row (`sparks`: by colour), of as many as somebody looks at."""
    config = parse(place.current_config.content) if place.current_config is not None else None
    limits = {"cpu.cores": config.cpus, "memory.working_set": float(config.memory)} if config is not None else {}
    wanted = [("cpu.cores", _("CPU"), "cpu"), ("memory.working_set", _("memory"), "memory")]
    found = board.sparks([f"instance:{row.pk}" for row in rows[:MOST_SPARKS]], wanted, limits=limits)
    for row in rows:
        row.sparks = found.get(f"instance:{row.pk}", {})  # type: ignore[attr-defined]


def _waiting(place: ServiceEnvironment) -> dict[str, Any] | None:
    """What newer settings would change, and whether the running containers can take all of it as they are."""
    found = new_limits.live_changes(place)
    if not found or place.active_id is not None:
        return None
    return {"live": not live_limits.refusal(found), "words": live_limits.words(found)}


def _text(row: Any) -> str:
    """What the search of the run page looks through."""
    shown = row.shown
    parts = [str(row.number), row.name, row.host.name, row.ip, row.state]
    if row.address:
        parts += [row.address.ip, row.address.mac]
    if shown:
        parts += [shown.engine_id, str(shown.image or "")]
    return " ".join(parts).lower()


@require_POST
def act(request: HttpRequest, slug: str, environment: str) -> HttpResponse:
    """Restart, stop, start, put right or (of a lost host) give up the ticked instances."""
    place = get_place(actor_of(request), slug, environment)
    actor = actor_of(request)
    if request.POST.get("do") == "move":
        require(actor, "service.operate", **place.at, obj=place)
        ticked = urlencode({"instances": request.POST.getlist("instances")[:500]}, doseq=True)
        return redirect(f"{reverse('containers:move', args=[slug, environment])}?{ticked}")
    try:
        if request.POST.get("do") == "forget":
            gone = lost.forget(actor, place, numbers_of(request.POST.getlist("instances")), reason_of(request.POST))
            messages.success(
                request, _("Given up: %(names)s.") % {"names": ", ".join(f"#{one.number}" for one in gone)}
            )
            return redirect("containers:place", slug, environment)
        verb = VERBS.get(request.POST.get("do", ""))
        if verb is None:
            raise Refused(_("There is no such action."), "do", 400)
        numbers = None if request.POST.get("all") else numbers_of(request.POST.getlist("instances"))
        if numbers is not None:
            right = changes.RIGHT_OF.get(request.POST["do"], "service.operate")
            require(actor, right, **place.at, obj=place)
        row = verb(actor, place, numbers, reason_of(request.POST))
    except Refused as refused:
        messages.error(request, refused.message)
    else:
        messages.success(request, _("#%(n)d began: %(what)s.") % {"n": row.pk, "what": row.get_kind_display()})
    return redirect("containers:place", slug, environment)


@require_http_methods(["GET", "POST"])
def scale(request: HttpRequest, slug: str, environment: str) -> HttpResponse:
    """Shows which instances would come or go; the confirmed form does it."""
    place = get_place(actor_of(request), slug, environment)
    actor = actor_of(request)
    asked = request.POST if request.method == "POST" else request.GET
    form = ScaleForm(asked if "wanted" in asked else None, initial={"wanted": place.wanted})
    plan = None
    check = request.POST.get("do") == "check"
    if request.method == "POST":
        require(actor, "service.scale", **place.at, obj=place)
    if form.is_bound and form.is_valid():
        try:
            if request.method == "POST" and not check:
                _name_typed(place, form, asked)
                row = releases.scale(
                    actor,
                    place,
                    form.cleaned_data["wanted"],
                    form.cleaned_data["reason"],
                    addresses=chosen_of(request.POST),
                    hosts=hosts_of(request.POST),
                )
                if row is None:
                    messages.success(request, _("Noted: the first release will make that many instances."))
                    return redirect("containers:place", slug, environment)
                return redirect("containers:release", row.pk)
            chosen: dict[str, Any] = {"addresses": chosen_of(asked), "hosts": hosts_of(asked)}
            plan = releases.preview_scale(actor, place, form.cleaned_data["wanted"], **chosen)
        except Refused as refused:
            form.add_refusal(refused)
            plan = _plan_again(place, form.cleaned_data["wanted"], asked) if request.method == "POST" else None
    there = place.instances.filter(removed=None).count()
    context = frame(request, place, "run") | {"form": form, "plan": plan, "there": there}
    context |= {
        "losses": gone.losses(_going(place, plan)),
        "sentence": scale_words(place, plan, there),
        "offered": offered(place, plan),
        "hosts_offered": hosts_offered(place, plan),
        "batches": batch_rows(plan),
    }
    return render(request, "containers/scale.html", context, status=400 if form.errors else 200)


def _plan_again(place: ServiceEnvironment, wanted: int, asked: Any) -> Plan | None:
    """What was refused, with what was typed, so that one thing can be put right and sent again."""
    version = place.current_config or place.config
    try:
        return plan_for(
            place,
            "scale",
            policy=Policy(),
            image=place.current_image,
            config=version,
            wanted=wanted,
            chosen=chosen_of(asked),
            on=hosts_of(asked),
        )
    except Refused:
        return None


def offered(place: ServiceEnvironment, plan: Plan | None) -> list[str]:
    """Addresses to choose from, where the plan makes instances that get one of a segment."""
    segment = segment_of(place)
    if segment is None or plan is None or not any(e.action == "add" and e.address for e in plan.entries):
        return []
    return choosing.offered(segment, f"{place.service.slug}/{place.environment.slug}/")


def hosts_offered(place: ServiceEnvironment, plan: Plan | None) -> list[str]:
    """Hosts to choose from, where the plan makes instances: those of the environment that take some."""
    if plan is None or not any(e.action == "add" for e in plan.entries):
        return []
    groups = list(place.environment.groups.values_list("pk", flat=True))
    rows = Host.objects.filter(role_run=True, state__in=Host.ANSWERING, cordoned=False, draining=False)
    rows = rows.filter(group__in=groups) if groups else rows
    return list(rows.order_by("name").values_list("name", flat=True)[:MOST_OFFERED])


def scale_words(place: ServiceEnvironment, plan: Any, there: int) -> str:
    """«removes 2 of 6 instances, 4 stay» or «adds 3 instances to 4»."""
    if plan is None:
        return ""
    going = sum(e.action == "remove" for e in plan.entries)
    coming = sum(e.action == "add" for e in plan.entries)
    if going:
        return ngettext(
            "Removes %(a)d of %(b)d instances, %(c)d stays.",
            "Removes %(a)d of %(b)d instances, %(c)d stay.",
            there - going,
        ) % {"a": going, "b": there, "c": there - going}
    if coming:
        return ngettext(
            "Adds %(a)d instance to %(b)d, %(c)d will stand.",
            "Adds %(a)d instances to %(b)d, %(c)d will stand.",
            coming,
        ) % {"a": coming, "b": there, "c": there + coming}
    return _("Nothing would change.")


@require_http_methods(["GET", "POST"])
def remove(request: HttpRequest, slug: str, environment: str) -> HttpResponse:
    place = get_place(actor_of(request), slug, environment)
    actor = actor_of(request)
    form = RemoveForm(request.POST or None, expected=str(place))
    if request.method == "POST":
        require(actor, "service.remove", **place.at, obj=place)
        if form.is_valid():
            try:
                row = releases.remove_place(actor, place, form.cleaned_data["reason"])
                return redirect("containers:release", row.pk)
            except Refused as refused:
                form.add_refusal(refused)
    context = frame(request, place, "run") | {
        "form": form,
        "standing": standings([place])[place.pk],
        "addresses": place.instances.filter(removed=None, address__isnull=False).count(),
        "losses": gone.losses(standing_in(place)),
    }
    return render(request, "containers/place_remove.html", context, status=400 if form.errors else 200)


def _going(place: ServiceEnvironment, plan: Plan | None) -> list[Instance]:
    numbers = {entry.number for entry in plan.entries if entry.action == "remove"} if plan is not None else set()
    return [one for one in standing_in(place) if one.number in numbers]


def _name_typed(place: ServiceEnvironment, form: ScaleForm, asked: Any) -> None:
    """Raises Refused where data goes with instances, and whoever wants that did not type the name."""
    plan = _plan_again(place, form.cleaned_data["wanted"], asked)
    if gone.losses(_going(place, plan)) and form.cleaned_data["name"].strip() != str(place):
        raise Refused(_("That is not the name. It is «%(name)s».") % {"name": place}, "name", 400)


def active_of(place: ServiceEnvironment) -> Deployment | None:
    return place.active

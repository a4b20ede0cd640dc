"""Moving ticked instances to another host, and draining a host: a plan first, then the click that does it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from containers.forms import DrainForm, MoveForm
from containers.models import Deployment, Drain
from containers.plan import Plan, Policy
from containers.services import drains, moves
from containers.services.holders import held_by
from containers.views.access import get_place, numbers_of, reason_of
from containers.views.run import frame
from hosts.models import Host
from xqplatform.accounts.http import actor_of
from xqplatform.accounts.rights import can, require
from xqplatform.accounts.visibility import visible
from xqplatform.errors import Refused


def rules(policy: Policy) -> str:
    """«25% at a time, healthy within 60 s; on failure: back»."""
    words = [
        _("%(batch)s at a time") % {"batch": policy.batch},
        _("healthy within %(n)g s") % {"n": policy.deadline},
    ]
    if policy.pause:
        words.append(_("%(n)g s between batches") % {"n": policy.pause})
    words.append(_("on failure: roll back") if policy.on_failure == "rollback" else _("on failure: stop"))
    return _(", ").join(words)


# --- Instances ----------------------------------------------------------------------------------------------------


OF_PLACE = ("place__service", "place__environment")


@require_http_methods(["GET", "POST"])
def move(request: HttpRequest, slug: str, environment: str) -> HttpResponse:
    """Where the ticked instances would go; the confirmed form moves them."""
    place = get_place(actor_of(request), slug, environment)
    actor = actor_of(request)
    require(actor, "service.operate", **place.at, obj=place)
    posted = request.method == "POST"
    asked = request.POST if posted else request.GET
    try:
        numbers = numbers_of(asked.getlist("instances"))
    except Refused as refused:
        messages.error(request, refused.message)
        return redirect("containers:place", slug, environment)
    chosen = place.instances.filter(removed=None, number__in=numbers).select_related("host")
    away = sorted({one.host.name for one in chosen if one.host.state not in Host.ANSWERING})
    form = MoveForm(asked, away=away if can(actor, "host.manage") else [], confirm=posted)
    plan: Plan | None = None
    if form.is_valid():
        d = form.cleaned_data
        flags = {"with_data": d["with_data"], "fenced": bool(form.away)}
        try:
            if posted:
                row = moves.move(actor, place, numbers, d["host"], reason=reason_of(request.POST), **flags)
                return redirect("containers:release", row.pk)
            plan = moves.preview(actor, place, numbers, d["host"], **flags)
        except Refused as refused:
            form.add_refusal(refused)
    if posted and plan is None:
        plan = moves.plan_for(place, numbers, moves.Wish(None, bool(form.away), False))
    context = frame(request, place, "run") | {
        "form": form,
        "plan": plan,
        "numbers": numbers,
        "may_leave_data": can(actor, "host.manage"),
        "data": any(one.problem or one.note for one in plan.entries) if plan else False,
        "rules": rules(plan.policy) if plan else "",
        "words": _move_words(plan),
        "holder": held_by(place),
    }
    return render(request, "containers/move.html", context, status=400 if posted else 200)


def _move_words(plan: Plan | None) -> str:
    count = sum(not entry.problem for entry in plan.entries) if plan else 0
    return ngettext("Move %(n)d instance", "Move %(n)d instances", count) % {"n": count}


# --- Hosts --------------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
def drain(request: HttpRequest, name: str) -> HttpResponse:
    """What a drain of the host would move and where; the confirmed form begins it."""
    host = get_object_or_404(Host.objects.select_related("group"), name=name)
    actor = actor_of(request)
    require(actor, "host.manage", obj=host)
    posted = request.method == "POST"
    away = [] if host.state in Host.ANSWERING else [host.name]
    form = DrainForm(request.POST if posted else request.GET, away=away, confirm=posted)
    if not posted and drains.active_of(host) is not None:
        return redirect("hosts:host", name=host.name)
    valid = form.is_valid()
    flags = {"with_data": bool(form.cleaned_data.get("with_data")), "fenced": bool(away)}
    if posted and valid:
        try:
            drains.drain(actor, host, reason_of(request.POST), **flags)
        except Refused as refused:
            form.add_refusal(refused)
        else:
            messages.success(request, _("%(host)s is being drained.") % {"host": host})
            return redirect("hosts:host", name=host.name)
    found = drains.preview(actor, host, **flags)
    context = {
        "host": host,
        "form": form,
        "found": found,
        "words": words_of(found),
        "plans": [(place, plan, rules(plan.policy), held_by(place)) for place, plan in found.plans],
        "with_data": flags["with_data"],
    }
    return render(request, "containers/drain.html", context, status=400 if posted else 200)


def words_of(found: drains.Preview) -> str:
    """«Moves 12 instances of 5 services; 1 cannot»."""
    if not found.plans:
        return _("No instance stands on it.")
    instances = ngettext("%(n)d instance", "%(n)d instances", found.moves) % {"n": found.moves}
    services = ngettext("%(n)d service", "%(n)d services", found.services) % {"n": found.services}
    text = _("Moves %(instances)s of %(services)s") % {"instances": instances, "services": services}
    if found.stays:
        text += _("; ") + ngettext("%(n)d cannot", "%(n)d cannot", found.stays) % {"n": found.stays}
    return _("%s.") % text


@require_POST
def drain_ask(request: HttpRequest, name: str, verb: str) -> HttpResponse:
    """Cancel a drain, or try again what failed."""
    host = get_object_or_404(Host, name=name)
    try:
        if verb == "retry":
            drains.retry(actor_of(request), host)
        else:
            drains.cancel(actor_of(request), host, reason_of(request.POST))
    except Refused as refused:
        messages.error(request, refused.message)
    return redirect("hosts:host", name=host.name)


def panel(request: HttpRequest, host: Host) -> str:
    """On the host's page: how far its drain is, or that it is drained."""
    row = Drain.objects.filter(host=host).first()
    if row is None or not (row.state == Drain.State.ACTIVE or (row.state == Drain.State.DONE and host.cordoned)):
        return ""
    actor = actor_of(request)
    at = drains.progress(row)
    context: dict[str, Any] = {
        "host": host,
        "drain": drains.shown_to(actor, row),
        "at": at,
        "moving": visible(actor, Deployment).filter(pk__in=[one.pk for one in at.moving]).select_related(*OF_PLACE),
        "may": can(actor_of(request), "host.manage"),
        "releases": list(visible(actor, row.deployments.all()).select_related(*OF_PLACE).order_by("-pk")[:50]),
    }
    return render_to_string("containers/_drain_panel.html", context, request)


def operation(request: HttpRequest, host: Host) -> str:
    """In the host's box of operations: the way to a drain."""
    if host.state in {Host.State.RETIRED, Host.State.NEW} or drains.active_of(host) is not None:
        return ""
    return render_to_string("containers/_drain_operation.html", {"host": host}, request)

"""Pages of terminals: open one, be in it, end it, its list."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from containers.models import CommandRun, Instance, Terminal
from containers.reading import shown_ip
from containers.terminal import access, services
from containers.terminal.forms import CommandForm, OpenForm
from containers.terminal.keeper import wake_all
from containers.views.access import NUMBER_LIMIT, actor_of, get_instance, may
from containers.views.run import frame
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import can
from xqplatform.accounts.visibility import get_visible, visible
from xqplatform.errors import Refused
from xqplatform.web.middleware import styles_in_page

RECORDINGS = "terminal.recordings"
PAGE = 50


def page_of(request: HttpRequest, instance: Instance, **more: Any) -> dict[str, Any]:
    """What the pages of an instance's terminals and commands have in common."""
    place = instance.place
    return frame(request, place, "run") | {
        "instance": instance,
        "current": instance.current,
        "ip": shown_ip(instance),
        "may": may(actor_of(request), place.service, place.environment.slug),
        **more,
    }  # fmt: skip


@require_http_methods(["GET", "POST"])
def new(request: HttpRequest, number: int) -> HttpResponse:
    """Asks for a terminal into an instance; beside it the form for a command, which needs no script."""
    instance, actor = get_instance(actor_of(request), number), actor_of(request)
    if request.method == "POST" or not access.may(actor, instance, access.COMMAND):
        access.must(actor, instance)
    production = instance.place.environment.production
    form = OpenForm(request.POST if request.method == "POST" else None, production=production)
    if form.is_valid():
        try:
            return redirect("containers:terminal", services.ask(actor, instance, form.cleaned_data["reason"]).pk)
        except Refused as refused:
            form.add_refusal(refused)
    return shown(request, instance, form, CommandForm(production=production, auto_id="command_%s"))


def shown(request: HttpRequest, instance: Instance, form: OpenForm, command: CommandForm) -> HttpResponse:
    """The page with both forms; 400 when one of them has errors."""
    actor = actor_of(request)
    context = page_of(
        request, instance, form=form, command=command,
        mine=visible(actor_of(request), Terminal).filter(instance=instance, person=actor.user, state=Terminal.State.OPEN),
        runs=visible(actor_of(request), CommandRun).filter(instance=instance)[:10],
        recent=visible(actor_of(request), Terminal).filter(instance=instance).exclude(opened=None)[:10],
        may_watch=can(actor, RECORDINGS), limits=services.limits_in_words(),
    )  # fmt: skip
    status = 400 if form.errors or command.errors else 200
    return render(request, "containers/terminal/new.html", context, status=status)


def seen_by(actor: Actor, pk: int) -> Terminal:
    """A terminal that is one's own, or whose recording one may watch. Raises Http404."""
    if can(actor, RECORDINGS):
        return get_visible(actor, services.rows(), pk=min(pk, NUMBER_LIMIT))
    return services.own(actor, min(pk, NUMBER_LIMIT))


@never_cache
@require_GET
def show(request: HttpRequest, number: int) -> HttpResponse:
    """The terminal itself for its person while it lasts; afterwards, and for others, what it was."""
    actor = actor_of(request)
    row = seen_by(actor, number)
    own = actor.user is not None and row.person_id == actor.user.pk
    if row.active and own:
        access.must(actor, row.instance, {"terminal": row.pk})
    context = page_of(
        request, row.instance, terminal=row, own=own, may_watch=can(actor, RECORDINGS),
        may_end=row.active and not row.asked and (own or can(actor, "host.operate")), limits=services.limits_in_words(),
    )  # fmt: skip
    if row.active and own and not row.asked:
        return styles_in_page(render(request, "containers/terminal/live.html", context))
    return render(request, "containers/terminal/past.html", context)


@never_cache
@require_POST
def ticket(request: HttpRequest, number: int) -> HttpResponse:
    """A ticket for a socket, as JSON: asked for by the page's script."""
    try:
        return JsonResponse({"ticket": services.ticket(actor_of(request), min(number, NUMBER_LIMIT))})
    except Refused as refused:
        return JsonResponse({"error": refused.message}, status=refused.code)


@require_POST
def end(request: HttpRequest, number: int) -> HttpResponse:
    row = services.end(actor_of(request), min(number, NUMBER_LIMIT))
    wake_all()
    return redirect("containers:terminal", row.pk)


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """All terminals, for who may watch recordings; else one's own."""
    actor = actor_of(request)
    rows = visible(actor, services.rows()).exclude(opened=None)
    if not can(actor, RECORDINGS):
        rows = rows.filter(person=actor.user)
    who = request.GET.get("who", "").strip().replace("\0", "")[:150]
    if who:
        rows = rows.filter(who=who)
    before = request.GET.get("before", "")
    if before.isascii() and before.isdigit() and len(before) < 12:
        rows = rows.filter(pk__lt=int(before))
    found = list(rows[: PAGE + 1])
    context = {
        "rows": found[:PAGE],
        "next": found[PAGE - 1].pk if len(found) > PAGE else None,
        "who": who,
        "may_watch": can(actor, RECORDINGS),
        "open": visible(actor_of(request), Terminal).filter(state=Terminal.State.OPEN).count(),
    }
    return render(request, "containers/terminal/index.html", context)


def may_see(actor: Actor, run: CommandRun) -> None:
    """Raises Denied: an output is for who may run commands there, or may watch recordings."""
    if not can(actor, RECORDINGS):
        access.must(actor, run.instance, {"command": run.pk}, access.COMMAND)

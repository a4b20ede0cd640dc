"""Pages of one-off commands."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from containers.models import CommandRun
from containers.terminal import access, commands
from containers.terminal.forms import CommandForm, OpenForm
from containers.terminal.views.terminals import may_see, page_of, shown
from containers.views.access import NUMBER_LIMIT, actor_of, get_instance
from xqplatform.accounts.visibility import get_visible
from xqplatform.errors import Refused
from xqplatform.web.streaming import streamed

SHOWN = 200_000  # characters of the output on the page; all of it is in the file


@require_POST
def run(request: HttpRequest, number: int) -> HttpResponse:
    instance, actor = get_instance(actor_of(request), number), actor_of(request)
    access.must(actor, instance, right=access.COMMAND)
    production = instance.place.environment.production
    form = CommandForm(request.POST, production=production, auto_id="command_%s")
    if form.is_valid():
        data = form.cleaned_data
        try:
            made = commands.start(actor, instance, data["command"], data["timeout"], data["reason"])
            return redirect("containers:command", made.pk)
        except Refused as refused:
            form.add_error({"argv": "command"}.get(refused.field or "", refused.field), refused.message)
    return shown(request, instance, OpenForm(production=production), form)


def _found(request: HttpRequest, number: int) -> CommandRun:
    row: CommandRun = get_visible(actor_of(request), commands.rows(), pk=min(number, NUMBER_LIMIT))
    may_see(actor_of(request), row)
    return row


@require_GET
def show(request: HttpRequest, number: int) -> HttpResponse:
    row = _found(request, number)
    text, cut = "", False
    for piece in row.pieces.order_by("-number").values_list("text", flat=True).iterator(20):
        text = piece + text
        if len(text) > SHOWN:
            text, cut = text[-SHOWN:], True
            break
    context = page_of(request, row.instance, run=row, text=text, cut=cut)
    return render(request, "containers/terminal/command.html", context)


@require_GET
def output(request: HttpRequest, number: int) -> HttpResponseBase:
    """What it said, as a file of plain text."""
    row = _found(request, number)
    pieces = row.pieces.order_by("number").values_list("text", flat=True).iterator(20)
    answer = streamed(request, pieces, "text/plain; charset=utf-8")
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Content-Disposition"] = f'attachment; filename="{row.instance.name}-command-{row.pk}.txt"'
    return answer


@require_POST
def cancel(request: HttpRequest, number: int) -> HttpResponse:
    row = get_visible(actor_of(request), commands.rows(), pk=min(number, NUMBER_LIMIT))
    commands.cancel(actor_of(request), row)
    return redirect("containers:command", row.pk)

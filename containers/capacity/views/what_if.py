"""What-if: today's fleet beside what it would be. All of a scenario stands in the address; one that is kept has an address of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from containers.capacity.taken import pdf_response
from containers.capacity.whatif import gather, scenario, services, shown
from containers.capacity.whatif.models import Scenario
from containers.capacity.whatif.simulate import Outcome, simulate
from hosts.models import Host
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.http import actor_of
from xqplatform.accounts.rights import require
from xqplatform.errors import Refused
from xqplatform.web.tables import csv_response

MOST_NAMES = 2000
MOST_MISFITS, MOST_PLACED = 100, 50


@require_GET
def show(request: HttpRequest) -> HttpResponseBase:
    """The scenario of the address; `kind` with its fields is one more change, which is put into the address."""
    actor = actor_of(request)
    require(actor, services.RIGHT)
    texts = changes_of(request.GET)
    adding = Adding()
    if request.GET.get("kind"):
        adding = Adding.of(request.GET)
        try:
            changes = [*texts, str(scenario.parse(adding.text))]
            scenario.parse_all(changes)
        except Refused as refused:
            adding.error = refused.message
        else:
            kept = {"from": number} if (number := request.GET.get("from", "")[:12]) else {}
            return redirect(f"{reverse('capacity:what_if')}?{urlencode([*kept.items(), *[('c', c) for c in changes]])}")
    return _page(request, actor, texts, adding, _from(actor, request.GET.get("from", "")))


@require_GET
def kept(request: HttpRequest, number: int) -> HttpResponseBase:
    """One that somebody kept, on the fleet as it is now."""
    actor = actor_of(request)
    row = services.get(actor, number)
    return _page(request, actor, list(row.changes), Adding(), row)


@require_POST
def save(request: HttpRequest) -> HttpResponseBase:
    actor = actor_of(request)
    texts, name = changes_of(request.POST), request.POST.get("name", "")[:200]
    require(actor, services.RIGHT)
    row = _from(actor, request.POST.get("from", ""))
    mine = row if row is not None and services.may_change(actor, row) and request.POST.get("do") == "change" else None
    try:
        saved = services.save(actor, name, texts, shared=request.POST.get("shared") == "on", scenario=mine)
    except Refused as refused:
        adding = Adding(saving=refused.message, name=name.replace("\x00", ""), shared="shared" in request.POST)
        return _page(request, actor, texts, adding, row, status=refused.code)
    messages.success(request, _("Kept as «%(name)s».") % {"name": saved.name})
    return redirect("capacity:scenario", saved.pk)


@require_POST
def remove(request: HttpRequest, number: int) -> HttpResponse:
    actor = actor_of(request)
    row = services.get(actor, number)
    try:
        services.remove(actor, row)
    except Refused as refused:
        messages.error(request, refused.message)
        return redirect("capacity:scenario", number)
    messages.success(request, _("Removed «%(name)s».") % {"name": row.name})
    return redirect("capacity:what_if")


def changes_of(data: QueryDict) -> list[str]:
    return [one[: scenario.MOST_LENGTH + 1] for one in data.getlist("c")[: scenario.MOST + 1] if one]


def _from(actor: Actor, text: str) -> Scenario | None:
    """The kept one that a changed one began as; one that is gone, or another's, is no hindrance."""
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        return None
    return services.seen_by(actor).filter(pk=int(text)).first()


@dataclass
class Adding:
    """The form of one more change as it was sent, and that of keeping all of them, with what is wrong."""

    kind: str = ""
    given: dict[str, str] = field(default_factory=dict)
    error: str = ""
    saving: str = ""
    name: str = ""
    shared: bool = False

    @classmethod
    def of(cls, data: QueryDict) -> Adding:
        names = {name for names in scenario.FIELDS.values() for name in names} | {"type"}
        given = {name: data.get(name, "").strip()[:200] for name in names}
        cpus, _colon, gib = given["type"].partition(":")
        if gib:
            given |= {"cpus": cpus, "gib": gib}
        return cls(data.get("kind", "")[:20], given)

    @property
    def text(self) -> str:
        names = scenario.FIELDS.get(self.kind, ())
        return ":".join([self.kind, *(self.given[name] for name in names)])


def _page(
    request: HttpRequest,
    actor: Actor,
    texts: Sequence[str],
    adding: Adding,
    row: Scenario | None,
    *,
    status: int = 200,
) -> HttpResponseBase:
    wrong = ""
    try:
        changes = scenario.parse_all(texts)
    except Refused as refused:
        wrong, changes = refused.message, []
    fleet = gather.fleet(actor, changes)
    found = simulate(fleet, changes)
    if request.GET.get("format") == "csv" and not wrong:
        rows = shown.lines(found)
        return csv_response(request, "what-if.csv", shown.head(), rows, count=len(rows), obj=row)
    if request.GET.get("format") == "pdf" and not wrong:
        from containers.capacity.whatif import (
            paper,
        )  # what draws takes memory that no process needs before somebody asks

        content = paper.made(row.name if row is not None else "", changes, found)
        return pdf_response(request, "what-if.pdf", content, rows=len(found.rows), obj=row)
    machines = Host.objects.filter(role_run=True).exclude(state=Host.State.RETIRED).values_list("cpus", "memory")
    context: dict[str, Any] = {
        "changes": [
            (n, change, _without(texts, n, row), found.problems.get(n, "")) for n, change in enumerate(changes)
        ],
        "texts": [str(change) for change in changes],
        "wrong": wrong,
        "found": found,
        "misfits": [(part, shown.why(part)) for part in found.misfits[:MOST_MISFITS]],
        "more_misfits": max(0, len(found.misfits) - MOST_MISFITS),
        "placed": _placed(found),
        "with_data": [part.name for part in found.parts if part.change is None and part.data],
        "adding": adding,
        "row": row,
        "same": row is not None and list(row.changes) == [str(change) for change in changes],
        "mine": row is not None and services.may_change(actor, row),
        "removable": row is not None and services.may_remove(actor, row),
        "kept": services.seen_by(actor).order_by("name")[:MOST_NAMES],
        "types": shown.types(list(machines)),
        "groups": sorted((slug, one.title) for slug, one in fleet.groups.items()),
        "host_options": _options(sorted(host.name for host in fleet.hosts)),
        "environments": list(fleet.environments),
        "place_options": _options([one.name for one in fleet.places if one.service]),
        "service_options": _options(sorted({one.service for one in fleet.places if one.service})),
    }
    code = 400 if wrong or adding.error else status
    return render(request, "capacity/what_if.html", context, status=code)


def _options(names: Sequence[str]) -> SafeString:
    """Of a datalist; there are thousands, and a template is ten times as slow."""
    return format_html_join("", '<option value="{}"></option>', ((name,) for name in names[:MOST_NAMES]))


def _without(texts: Sequence[str], number: int, row: Scenario | None) -> str:
    """Where the same scenario without this change is."""
    left = [("c", text) for n, text in enumerate(texts) if n != number]
    begun = [("from", str(row.pk))] if row is not None else []
    return f"{reverse('capacity:what_if')}?{urlencode([*begun, *left])}"


def _placed(found: Outcome) -> list[Any]:
    """What found its place, the most first."""
    rows = [part for part in found.parts if part.placed]
    return sorted(rows, key=lambda part: -part.placed)[:MOST_PLACED]

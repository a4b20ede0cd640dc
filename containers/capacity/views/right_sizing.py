"""Limits against use: what every place could have, why, and at what risk; and taking it into the settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods

from containers.capacity import resizing, sizes, sizing_words, spans, taken
from containers.capacity.resizing import Shown
from containers.capacity.rightsizing import HEADROOMS, RANGES, Limits, Risk, Wish
from containers.capacity.size_lists import Listing, wish
from containers.capacity.sizes import Size
from xqplatform.accounts.http import ActorRequest
from xqplatform.accounts.rights import READ, can, require
from xqplatform.errors import Refused
from xqplatform.web.tables import csv_response

WISHED = ("days", "headroom", "below_peak")


@require_GET
def show(request: ActorRequest) -> HttpResponseBase:
    """The list; `?format=csv` and `?format=pdf`: all of it."""
    require(request.actor, READ)
    asked = wish(request.GET)
    listing = Listing(request.GET, sizes.of_actor(request.actor, asked))
    if taken.format_of(request) == "csv":
        return _csv(request, listing)
    if taken.format_of(request) == "pdf":
        return _pdf(request, listing, asked)
    freed, needed = sizing_words.sums(listing.kept)
    risks = sizes.risks(listing.page)
    context = {
        "table": listing,
        "rows": [_row(request, one, asked, risks) for one in listing.page],
        "last": spans.last_day(),
        "wish": asked,
        "wished": _wished(request.GET),
        "ranges": RANGES,
        "headrooms": [(n, n / 100 == asked.headroom) for n in HEADROOMS],
        "freed": freed,
        "needed": needed,
        "counts": sizing_words.counts(listing.kept),
        "measured": sizing_words.measured(asked),
    }
    return render(request, "capacity/right_sizing.html", context)


def _row(request: ActorRequest, one: Size, asked: Wish, risks: Mapping[int, Risk]) -> dict[str, Any]:
    risk = risks.get(one.place) if one.advice.changes else None
    return {
        "size": one,
        "shown": f"{one.version} {one.advice.proposed.cpus!r} {one.advice.proposed.memory}",
        "evidence": sizing_words.evidence(one, asked),
        "risk": risk,
        "level": sizing_words.level(risk),
        "risk_words": sizing_words.risk(risk),
        "may": one.advice.changes and can(request.actor, "service.change", **one.at),
    }


def _wished(given: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is asked for beside filters, as parameters of the next page."""
    return [(name, str(given[name])[:10]) for name in WISHED if given.get(name)]


def _csv(request: ActorRequest, listing: Listing) -> HttpResponseBase:
    head = [
        "service", "environment", "team", "instances", "states", "days", "cpu p99 [cores]", "cpu limit [cores]",
        "cpu proposed [cores]", "memory p99 [B]", "memory highest [B]", "memory limit [B]", "memory proposed [B]",
        "throttled", "kills", "saved [cores]", "saved [B]", "days looked back", "days cpu above", "days highest memory above",
    ]  # fmt: skip
    risks = sizes.risks([one for one in listing.kept if one.advice.changes])

    def lines() -> Iterator[list[Any]]:
        for one in listing.kept:
            past, now, new, saved = one.past, one.advice.now, one.advice.proposed, one.saved
            risk = risks.get(one.place)
            yield [
                one.service, one.environment.slug, one.team, one.instances, " ".join(one.advice.marks), past.days,
                past.cpu, now.cpus, new.cpus, past.memory, past.peak, now.memory, new.memory,
                round(past.throttled, 4), past.ooms, round(saved.cpus, 2), saved.memory,
                risk.days if risk else None, risk.cpu if risk else None, risk.killed if risk else None,
            ]  # fmt: skip

    return csv_response(request, "right-sizing.csv", head, lines(), count=len(listing.kept))


def _pdf(request: ActorRequest, listing: Listing, asked: Wish) -> HttpResponse:
    from containers.capacity import size_paper  # what draws is loaded where it is needed

    last, rows = spans.last_day(), listing.kept
    name = f"right-sizing-{last or 'none'}.pdf"
    return taken.pdf_response(request, name, size_paper.made(rows, asked, last), rows=len(rows))


@require_http_methods(["GET", "POST"])
def apply(request: ActorRequest) -> HttpResponse:
    """What will change, in numbers, of what was ticked; sent off, it becomes new versions of settings."""
    require(request.actor, READ)
    given = request.POST if request.method == "POST" else request.GET
    asked = wish(given)
    wrong: Refused | None = None
    outcomes: list[resizing.Outcome] = []
    if request.method == "POST":
        try:
            outcomes = resizing.resize(request.actor, _shown(given), asked, live=given.get("live") == "1")
        except Refused as refused:
            wrong = refused
        else:
            if all(one.saved and not one.not_live for one in outcomes):
                _tell(request, outcomes)
                return redirect("capacity:right_sizing")
    return _confirm(request, asked, given, outcomes, wrong)


def _confirm(
    request: ActorRequest, asked: Wish, given: QueryDict, outcomes: list[resizing.Outcome], wrong: Refused | None
) -> HttpResponse:
    keys = [key for key in map(_key, given.getlist("place")) if key][: resizing.MOST]
    done = {one.size.place for one in outcomes if one.saved}
    found = [one for one in sizes.of_actor(request.actor, asked, keys) if one.place not in done]
    rows = [one for one in found if one.advice.changes and can(request.actor, "service.change", **one.at)]
    freed, needed = sizing_words.sums(rows)
    risks = sizes.risks(rows)
    context = {
        "rows": [_row(request, one, asked, risks) for one in rows],
        "left_out": len(found) - len(rows),
        "instances": sum(one.instances for one in rows),
        "freed": freed,
        "needed": needed,
        "outcomes": outcomes,
        "wrong": wrong,
        "wished": _wished(given),
        "may_live": bool(rows) and all(can(request.actor, "service.operate", **one.at) for one in rows),
        "live": given.get("live") == "1",
    }
    code = wrong.code if wrong else 409 if outcomes else 200
    return render(request, "capacity/right_sizing_apply.html", context, status=code)


def _tell(request: ActorRequest, outcomes: list[resizing.Outcome]) -> None:
    n = len(outcomes)
    running = sum(one.deployment is not None for one in outcomes)
    words = ngettext("%(n)d place has new settings.", "%(n)d places have new settings.", n) % {"n": n}
    if running:
        more = ngettext("%(n)d release takes them to what runs.", "%(n)d releases take them to what runs.", running)
        words = f"{words} {more % {'n': running}}"
    else:
        words += " " + _("They take effect with the next release, or by «Apply limits» on the run page.")
    messages.success(request, words)


def _key(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0


def _shown(given: QueryDict) -> list[Shown]:
    """«place» names those that are ticked; «shown-N» says what was shown of each: version, cores, bytes."""
    found = []
    for key in filter(None, map(_key, given.getlist("place"))):
        try:
            version, cpus, memory = given.get(f"shown-{key}", "").split(" ")
            found.append(Shown(key, _key(version), Limits(float(cpus), _key(memory))))
        except ValueError:  # nothing was: whatever is proposed is something else then
            found.append(Shown(key, 0, Limits(0.0, 0)))
    return found

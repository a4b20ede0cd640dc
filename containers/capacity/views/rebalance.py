"""Rebalancing: what should move so that rules are kept and hosts are evenly full, what is gained, and the moves begun."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from containers.capacity import kept_moves, rebalancing
from containers.capacity.rebalancing import Found
from containers.forms.rebalance import RebalanceForm
from containers.placement.words import broken_words
from xqplatform.accounts.http import ActorRequest
from xqplatform.accounts.rights import require
from xqplatform.errors import Refused

SHOWN_HOSTS = 20  # of those that get fuller or emptier


@require_http_methods(["GET", "POST"])
def show(request: ActorRequest) -> HttpResponse:
    require(request.actor, "fleet.read")
    form = RebalanceForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            begun = rebalancing.begin(request.actor, data["count"], data["mark"], data["reason"])
        except Refused as refused:
            form.add_refusal(refused)
        else:
            text = ngettext("%(n)s instance moves.", "%(n)s instances move.", begun.instances) % {"n": begun.instances}
            messages.success(request, text)
            for words in begun.refused[: rebalancing.MOST_WORDS]:
                messages.warning(request, words)
            return redirect("containers:releases")
    # What was refused is looked at as it is now, too.
    live = request.method == "POST" or "anew" in request.GET
    found = rebalancing.find(request.actor) if live else kept_moves.newest(request.actor)
    form.fields["count"].initial = len(found.proposal.moves) or None
    context = _shown(found) | {"form": form, "found": found}
    return render(request, "capacity/rebalance.html", context, status=400 if form.errors else 200)


def _shown(found: Found) -> dict[str, Any]:
    proposal = found.proposal
    names, titles = found.hosts, found.rooms
    changed = [pk for pk, before in proposal.before.items() if proposal.after[pk] != before]
    changed.sort(key=lambda pk: (-abs(proposal.after[pk] - proposal.before[pk]), names[pk]))
    lines = [
        {
            "n": number,
            "place": found.names.get(move.place, ""),
            "old": names[move.old],
            "new": names[move.new],
            "points": move.deviation * 100,
            "why": ", ".join(broken_words(kind) for kind in sorted(move.repairs)),
        }
        for number, move in enumerate(proposal.moves, 1)
    ]
    repairs = sum(bool(move.repairs) for move in proposal.moves)
    return {
        "lines": lines,
        "repairs": repairs,
        "evening": len(lines) - repairs,
        "broken": {"before": proposal.broken_before, "after": proposal.broken_after},
        "hosts": [_pair(names[pk], proposal.before[pk], proposal.after[pk]) for pk in changed[:SHOWN_HOSTS]],
        "more_hosts": max(0, len(changed) - SHOWN_HOSTS),
        "rooms": [
            _pair(titles[room] or _("without a group"), share, proposal.rooms_after[room])
            for room, share in sorted(proposal.rooms_before.items(), key=lambda one: titles[one[0]])
        ],
        "uneven": _pair("", proposal.uneven_before, proposal.uneven_after),
        "fullest": _pair("", max(proposal.before.values(), default=0), max(proposal.after.values(), default=0)),
        "pinned": sorted(found.stays.items()),
    }


def _pair(name: str, before: float, after: float) -> dict[str, Any]:
    return {"name": name, "before": before * 100, "after": after * 100}

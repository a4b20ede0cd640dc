"""«Who can do this there, and why?» and «what can this person do?»."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from xqplatform.accounts.catalogue import GROUPS, OF_EVERYBODY, REACH
from xqplatform.accounts.http import ActorRequest
from xqplatform.accounts.models import Grant, User
from xqplatform.accounts.rights import somewhere
from xqplatform.accounts.roles import grants as verbs
from xqplatform.accounts.roles.decide import Held
from xqplatform.accounts.roles.forms import WhoForm
from xqplatform.accounts.roles.here import with_ends
from xqplatform.accounts.roles.holding import held_by
from xqplatform.accounts.roles.who import holders
from xqplatform.accounts.roles.words import Why, Words
from xqplatform.web.tables import csv_response

PRODUCTION = "production"


def _asked(request: ActorRequest) -> tuple[WhoForm, dict[str, str], list[tuple[User, list[Why]]]]:
    """The form, what it asks, and who has it, with the chain. Without a question: who may release to production."""
    asked = request.GET if "right" in request.GET else {"right": "service.deploy", **request.GET.dict()}
    form = WhoForm(asked, actor=request.actor)
    if not form.is_valid():
        return form, {}, []
    data, words = form.cleaned_data, Words(request.actor)
    service, environment = data["service"] or None, data["environment"] or None
    team = form.services[service] if service else None
    found = holders(data["right"], team_id=team, environment=environment, service=service)
    return form, data, [(one.user, words.all(one.why)) for one in found if not one.why or words.told(one.why)]


@require_GET
def who(request: ActorRequest) -> HttpResponse:
    form, data, rows = _asked(request)
    named = Grant.objects.none()
    if data.get("service"):
        named = Grant.objects.filter(service=data["service"])
    elif data.get("environment"):
        named = Grant.objects.filter(environment=data["environment"])
    context = {
        "form": form, "rows": rows, "asked": data, "everybody": data.get("right") in OF_EVERYBODY,
        "grants": with_ends(request.actor, named), "may": somewhere(request.actor, verbs.RIGHT), "query": request.GET.urlencode(), "reach": REACH,
    }  # fmt: skip
    return render(request, "accounts/roles/who.html", context, status=200 if data else 400)


@require_GET
def who_csv(request: ActorRequest) -> HttpResponseBase:
    _form, data, rows = _asked(request)
    lines = [(user.username, user.display_name, why.title, why.where, why.chain) for user, whys in rows for why in whys]
    head = (_("person"), _("name"), _("role"), _("where"), _("why"))
    name = "-".join(["who", *(data[key] for key in ("right", "service", "environment") if data.get(key))])
    return csv_response(request, f"{name}.csv", head, lines, count=len(lines))


def matrix(held: list[Held], words: Words) -> dict[str, Any]:
    """Rights × where, each cell with the roles that give it."""
    places = list(dict.fromkeys(words.where(one) for one in held if one.rights))
    groups = []
    for group in GROUPS:
        lines = []
        for right in group.rights:
            cells = [
                sorted({words.role(one.role) for one in held if right.name in one.rights and words.where(one) == place})
                for place in places
            ]
            if any(cells):
                lines.append((right, cells))
        if lines:
            groups.append((group.title, lines))
    return {"places": places, "groups": groups}


@require_GET
def person_rights(request: ActorRequest, pk: int) -> HttpResponse:
    """Everybody may see it, as the people's page."""
    person = get_object_or_404(User, pk=pk)
    words = Words(request.actor)
    held = words.told(held_by(person))
    rows = Grant.objects.filter(user=person)
    context = {
        "person": person, "whys": words.all(held), "grants": with_ends(request.actor, rows),
        "may": somewhere(request.actor, verbs.RIGHT), **matrix(held, words),
    }  # fmt: skip
    return render(request, "accounts/roles/person.html", context)

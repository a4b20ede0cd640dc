"""Tokens of the API: made once, shown once, revoked at any time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from xqplatform.accounts import tokens as verbs
from xqplatform.accounts.http import ActorRequest, put_refusal
from xqplatform.accounts.models import Team, Token
from xqplatform.accounts.places import environments
from xqplatform.accounts.rights import can
from xqplatform.accounts.token_forms import TokenForm
from xqplatform.audit.sentences import RIGHTS as WORDS
from xqplatform.errors import Refused
from xqplatform.web.tables import Filter, Table

SOON, LONG = timedelta(days=7), timedelta(days=90)


def _in_state(rows: QuerySet[Token], state: str) -> QuerySet[Token]:
    now = timezone.now()
    works = rows.filter(Q(expires=None) | Q(expires__gt=now), revoked=None, user__is_active=True)
    if state == "works":
        return works
    if state == "soon":
        return works.filter(expires__lt=now + SOON)
    if state == "unending":
        return works.filter(expires=None)
    if state == "unused":
        return works.filter(Q(last_used=None) | Q(last_used__lt=now - LONG), created__lt=now - LONG)
    return rows.exclude(pk__in=works.values("pk"))


def _filters() -> dict[str, Filter]:
    states = [
        ("works", _("works")),
        ("soon", _("ends within a week")),
        ("unending", _("without end")),
        ("unused", _("not used for 90 days")),
        ("ended", _("expired or revoked")),
    ]
    return {"state": Filter(_("State"), states, _in_state)}


def scope_words(token: Token, teams: dict[int, str]) -> dict[str, Any]:
    """What narrows it, in words: the short form, and the rights one by one."""
    scopes = token.scopes
    if scopes.rights is None:
        short = _("all that the person may")
    elif scopes.read_only:
        short = _("only reads")
    else:
        short = _("chosen rights")
    names = sorted(str(WORDS.get(name, name)) for name in scopes.rights or () if name in WORDS)
    where = [teams.get(scopes.team, _("a removed team"))] if scopes.team is not None else []
    places = [*sorted(scopes.services), *sorted(scopes.environments)]
    return {"short": short, "rights": names, "where": [*where, *places]}


@never_cache
@require_http_methods(["GET", "POST"])
def tokens(request: ActorRequest) -> HttpResponse:
    """One's own; SREs see everybody's."""
    places = environments()
    form = TokenForm(request.POST if request.method == "POST" else None, environments=places)
    raw = ""
    if request.method == "POST" and form.is_valid():
        try:
            _token, raw = verbs.create_token(request.actor, request.user, **form.values())
            form = TokenForm(environments=places)
        except Refused as refusal:
            put_refusal(form, refusal)
    rows = Token.objects.select_related("user")
    every = can(request.actor, "people.manage")
    if not every:
        rows = rows.filter(user=request.user)
    table = Table(
        request,
        rows,
        search=["label", "prefix", "user__username"],
        sorts={
            "label": "label",
            "user": "user__username",
            "created": "created",
            "used": "last_used",
            "expires": "expires",
        },
        default="-created",
        filters=_filters(),
    )
    teams = {team.pk: str(team) for team in Team.objects.all()}
    shown = [(token, scope_words(token, teams)) for token in table.rows]
    context = {
        "form": form,
        "raw": raw,
        "table": table,
        "shown": shown,
        "every": every,
        "revokes": True,
        "soon": timezone.now() + SOON,
    }
    return render(request, "accounts/tokens.html", context, status=400 if form.errors else 200)


@require_POST
def token_revoke(request: ActorRequest, pk: int) -> HttpResponse:
    token = get_object_or_404(Token.objects.select_related("user"), pk=pk)
    verbs.revoke_token(request.actor, token)
    messages.success(request, _("The token «%(name)s» is refused from now on.") % {"name": token.label})
    if token.user.service_account:
        return redirect("accounts:service_account", pk=token.user_id)
    return redirect("accounts:tokens")

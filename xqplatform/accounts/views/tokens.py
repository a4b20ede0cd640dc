"""Tokens of the API: made once, shown once, revoked at any time."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from xqplatform.accounts import services
from xqplatform.accounts.forms import TokenForm
from xqplatform.accounts.http import ActorRequest, put_refusal
from xqplatform.accounts.models import Token
from xqplatform.accounts.rights import can
from xqplatform.errors import Refused
from xqplatform.web.tables import Table


@never_cache
@require_http_methods(["GET", "POST"])
def tokens(request: ActorRequest) -> HttpResponse:
    """One's own; SREs see everybody's."""
    form = TokenForm(request.POST if request.method == "POST" else None)
    raw = ""
    if request.method == "POST" and form.is_valid():
        try:
            _token, raw = services.create_token(request.actor, request.user, form.cleaned_data["label"])
            form = TokenForm()
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
        sorts={"label": "label", "user": "user__username", "created": "created", "used": "last_used"},
        default="-created",
    )
    context = {"form": form, "raw": raw, "table": table, "every": every}
    return render(request, "accounts/tokens.html", context, status=400 if form.errors else 200)


@require_POST
def token_revoke(request: ActorRequest, pk: int) -> HttpResponse:
    token = get_object_or_404(Token.objects.select_related("user"), pk=pk)
    services.revoke_token(request.actor, token)
    return redirect("accounts:tokens")

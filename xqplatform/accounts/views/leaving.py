"""Somebody leaves, or comes back."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from xqplatform.accounts import services
from xqplatform.accounts.http import ActorRequest
from xqplatform.accounts.models import User
from xqplatform.accounts.roles.foureyes import Waits


@require_POST
def person_deactivate(request: ActorRequest, pk: int) -> HttpResponse:
    user = services.set_active(request.actor, get_object_or_404(User, pk=pk), active=False)
    messages.success(request, _("%(name)s has no access any more. The history says what has ended.") % {"name": user})
    return redirect("accounts:person", pk=user.pk)


@require_POST
def person_activate(request: ActorRequest, pk: int) -> HttpResponse:
    try:
        user = services.set_active(request.actor, get_object_or_404(User, pk=pk), active=True)
    except Waits as waits:  # they had rights in production
        messages.info(request, waits.message)
        return redirect("accounts:access_requests")
    messages.success(request, _("%(name)s can sign in again. What has ended stays ended.") % {"name": user})
    return redirect("accounts:person", pk=user.pk)

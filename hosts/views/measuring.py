"""How a host is measured: the form on its page."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from hosts.models import Host
from hosts.services import collectors
from xqplatform.accounts.http import ActorRequest


def context(host: Host) -> dict[str, Any]:
    """For `hosts/_measuring.html`."""
    row = collectors.of(host)
    return {"collector": row, "ways": row.ways}


@require_POST
def choose(request: ActorRequest, name: str) -> HttpResponse:
    host = get_object_or_404(Host, name=name)
    given = {key: request.POST.get(key, "").replace("\x00", "") for key in ("way", "reason")}
    row = collectors.switch(request.actor, host, given["way"], given["reason"])
    words = _("How %(host)s is measured: %(way)s.")
    messages.success(request, words % {"host": host, "way": row.way_words})
    return redirect("hosts:host", name=name)

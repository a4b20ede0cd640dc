"""The folders that a host keeps for addresses, and their removal."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from containers.forms import RemoveForm
from containers.models import PersistedFolder
from containers.reading import folders_of, shown_folders
from containers.services import persisted as verbs
from containers.views.access import NUMBER_LIMIT
from hosts.models import Host
from xqplatform.accounts.http import actor_of
from xqplatform.accounts.rights import can, require
from xqplatform.accounts.visibility import get_visible
from xqplatform.errors import Refused


@require_GET
def index(request: HttpRequest, name: str) -> HttpResponse:
    host = get_object_or_404(Host, name=name)
    rows = shown_folders(actor_of(request), folders_of(host))
    context = {
        "host": host,
        "rows": rows,
        "total": sum(row.size or 0 for row in rows),
        "may_remove": can(actor_of(request), "persisted.remove"),
    }
    return render(request, "containers/persisted.html", context)


@require_http_methods(["GET", "POST"])
def remove(request: HttpRequest, number: int) -> HttpResponse:
    rows = PersistedFolder.objects.select_related("host", "instance__place__service", "instance__place__environment")
    row = get_visible(actor_of(request), rows, pk=min(number, NUMBER_LIMIT), removed=None)
    require(actor_of(request), "persisted.remove", obj=row)
    form = RemoveForm(request.POST or None, expected=row.ip)
    if request.method == "POST" and form.is_valid():
        try:
            verbs.remove(actor_of(request), row, form.cleaned_data["name"], form.cleaned_data["reason"])
        except Refused as refused:
            form.add_refusal(refused)
        else:
            messages.success(request, _("%(path)s is being removed.") % {"path": row.path})
            return redirect("containers:persisted", row.host.name)
    context = {"row": row, "form": form, "user": verbs.in_use(row)}
    return render(request, "containers/persisted_remove.html", context, status=400 if form.errors else 200)

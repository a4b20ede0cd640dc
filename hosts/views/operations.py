"""Operations of a host: the list, and one, live while it runs. And the host's SSH access."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from hosts import unseen
from hosts.forms import SshAccessForm
from hosts.models import Host, HostOperation, SshAccess
from hosts.services import operations as verbs
from hosts.services import ssh_access
from xqplatform.accounts.http import ActorRequest, put_refusal
from xqplatform.accounts.rights import can, require
from xqplatform.errors import Refused
from xqplatform.web.states import look
from xqplatform.web.tables import Filter, Table


@require_GET
def operations(request: ActorRequest, name: str) -> HttpResponse:
    host = get_object_or_404(Host, name=name)
    rows = HostOperation.objects.filter(host=host).select_related("host").defer("output", "notes")
    states = [(state, look(state).word) for state in HostOperation.State.values]
    hidden = unseen.withheld(request.actor, host.pk)
    table = Table(
        request,
        rows,
        search=["kind", "who"] if hidden else ["kind", "who", "reason", "words"],
        sorts={"number": "pk", "state": "state", "who": "who"},
        default="-number",
        filters={"state": Filter(_("State"), states, "state")},
    )
    rows_shown = unseen.operations(request.actor, table.rows)
    return render(request, "hosts/operations.html", {"host": host, "table": table, "rows": rows_shown})


@require_GET
def operation(request: ActorRequest, name: str, pk: int) -> HttpResponse:
    row = get_object_or_404(HostOperation.objects.select_related("host").defer("notes"), host__name=name, pk=pk)
    row = unseen.operation(request.actor, row)
    context = {
        "row": row,
        "host": row.host,
        "steps": [_timed(step) for step in row.steps],
        "seconds": (row.ended - row.started).total_seconds() if row.started and row.ended else None,
        "may": can(request.actor, "host.operate"),
    }
    return render(request, "hosts/operation.html", context)


def _timed(step: dict[str, Any]) -> dict[str, Any]:
    """A step with how many seconds it took."""
    if not step.get("ended"):
        return step
    took = datetime.fromisoformat(step["ended"]) - datetime.fromisoformat(step["started"])
    return {**step, "seconds": took.total_seconds()}


@require_POST
def cancel(request: ActorRequest, name: str, pk: int) -> HttpResponse:
    row = get_object_or_404(HostOperation.objects.select_related("host"), host__name=name, pk=pk)
    verbs.cancel(request.actor, row)
    messages.success(request, _("It stops at its next step; what it did is undone."))
    return redirect("hosts:operation", name=name, pk=pk)


@require_http_methods(["GET", "POST"])
def access(request: ActorRequest, name: str) -> HttpResponse:
    """Giving a host an SSH access, or changing it."""
    host = get_object_or_404(Host, name=name)
    require(request.actor, "host.manage", obj=host)
    row = SshAccess.objects.filter(host=host).first()
    posted = request.method == "POST"
    form = SshAccessForm(
        request.POST if posted else None, request.FILES or None, access=row, initial=SshAccessForm.initial_of(host, row)
    )
    if posted and form.is_valid():
        try:
            ssh_access.set_access(request.actor, host, form.values())
            _tell(request, ssh_access.test_access(request.actor, host))
            return redirect("hosts:access", name=name)
        except Refused as refusal:
            put_refusal(form, refusal)
    form.hide_key()
    return render(
        request, "hosts/access.html", {"host": host, "access": row, "form": form}, status=400 if posted else 200
    )


@require_POST
def access_act(request: ActorRequest, name: str, verb: str) -> HttpResponse:
    """The buttons of an SSH access."""
    host = get_object_or_404(Host, name=name)
    if verb == "test":
        _tell(request, ssh_access.test_access(request.actor, host))
    elif verb == "trust":
        ssh_access.trust_key(request.actor, host, request.POST.get("fingerprint", "").replace("\x00", ""))
        messages.success(request, _("The new host key of %(host)s is trusted.") % {"host": host})
    else:
        ssh_access.remove_access(request.actor, host)
        messages.success(request, _("The SSH access of %(host)s is removed, its key forgotten.") % {"host": host})
        return redirect("hosts:host", name=name)
    return redirect("hosts:access", name=name)


def _tell(request: ActorRequest, found: ssh_access.Tested) -> None:
    (messages.success if found.ok else messages.error)(request, found.sentence)

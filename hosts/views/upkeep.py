"""A machine's upkeep: daemon.json with its preview, the buttons of engine and certificates, and setting a new machine up."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from hosts import daemon, shell
from hosts.conformance.profiles import profile_of
from hosts.forms import SetupForm
from hosts.models import DaemonFile, Host, HostOperation
from hosts.procedures.daemon import shown, stamp, wanted_text
from hosts.services import upkeep
from xqplatform.accounts.http import ActorRequest, put_refusal
from xqplatform.accounts.rights import can, require
from xqplatform.errors import Refused


def page_of(operation: HostOperation) -> str:
    return f"/hosts/{operation.host.name}/operations/{operation.pk}/"


def preview(host: Host) -> dict[str, Any]:
    """What applying the profile would change, from the file as it was read last."""
    row = DaemonFile.objects.filter(host=host).first()
    profile = profile_of(host)
    found: dict[str, Any] = {"file": row, "profile": profile, "values": daemon.dump(profile.daemon), "diff": ""}
    if row is None:
        return found
    text = row.text if row.there else None
    try:
        old = daemon.parse(text)
        new_text = wanted_text(host, text)
    except ValueError as error:
        return found | {"problem": str(error), "text": shown(row.text)}
    new = daemon.parse(new_text)
    return found | {
        "text": shown(row.text),
        "diff": shown(daemon.diff(row.text, new_text)),
        "keys": daemon.changed(old, new),
        "restart": daemon.needs_restart(old, new),
        "mistakes": daemon.mistakes(new),
        "base": stamp(text),
    }


@require_GET
def daemon_file(request: ActorRequest, name: str) -> HttpResponse:
    host = get_object_or_404(Host.objects.select_related("group"), name=name)
    may = can(request.actor, "host.operate")
    context = {"host": host, "may": may, "access": shell.has_access(host), **preview(host)}
    return render(request, "hosts/daemon.html", context)


@require_POST
def start(request: ActorRequest, name: str, kind: str) -> HttpResponse:
    """The buttons that start an operation; its page shows how it goes."""
    host = get_object_or_404(Host, name=name)
    given = {k: str(v).replace("\x00", "") for k, v in request.POST.items()}
    return redirect(page_of(upkeep.start(request.actor, host, kind, given, given.get("reason", ""))))


@require_http_methods(["GET", "POST"])
def set_up(request: ActorRequest) -> HttpResponse:
    require(request.actor, "host.manage")
    form = SetupForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            operation = upkeep.set_up(request.actor, form.values(), confirm=form.cleaned_data["confirm"])
            return redirect(page_of(operation))
        except Refused as refusal:
            put_refusal(form, refusal)
    form.hide_key()
    return render(request, "hosts/setup.html", {"form": form}, status=400 if form.is_bound else 200)


@require_POST
def set_up_again(request: ActorRequest, name: str) -> HttpResponse:
    host = get_object_or_404(Host, name=name)
    operation = upkeep.set_up_again(request.actor, host)
    messages.success(request, _("It goes on."))
    return redirect(page_of(operation))

"""Another address for an instance that stands: what it means in numbers first, then the click that does it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from containers.forms import AddressForm
from containers.models import Instance
from containers.plan import Plan
from containers.services import persisted
from containers.services import readdress as verbs
from containers.services.holders import held_by
from containers.views.access import get_instance, reason_of
from containers.views.run import frame
from hosts.addresses import mac_of
from hosts.services import choosing
from xqplatform.accounts.http import actor_of
from xqplatform.accounts.rights import can, require
from xqplatform.errors import Refused


@require_http_methods(["GET", "POST"])
def readdress(request: HttpRequest, number: int) -> HttpResponse:
    """Shows what another address would change; the confirmed form gives it."""
    instance = get_instance(actor_of(request), number)
    place, actor = instance.place, actor_of(request)
    require(actor, "service.operate", **place.at, obj=instance)
    if instance.removed:
        return redirect("containers:instance", instance.pk)
    posted = request.method == "POST"
    form = AddressForm(request.POST if posted else request.GET)
    plan: Plan | None = None
    if form.is_valid():
        ip, with_data = form.cleaned_data["address"], form.cleaned_data["with_data"]
        try:
            if posted:
                reason = reason_of(request.POST)
                row = verbs.readdress(actor, instance, ip, with_data=with_data, reason=reason)
                return redirect("containers:release", row.pk)
        except Refused as refused:
            form.add_refusal(refused)
        plan = verbs.plan_for(instance, ip, with_data=with_data)
    context = frame(request, place, "run") | {
        "instance": instance,
        "form": form,
        "plan": plan,
        "holder": held_by(place),
        "may_leave_data": can(actor, "host.manage"),
        "rest": verbs.rest_minutes(),
        **_figures(instance, plan),
    }
    return render(request, "containers/readdress.html", context, status=400 if form.errors else 200)


def _figures(instance: Instance, plan: Plan | None) -> dict[str, Any]:
    """What the page says of the change: addresses, MACs and folders, before and after."""
    address = instance.address
    if address is None or plan is None:
        return {}
    entry = plan.entries[0]
    known = bool(entry.address) and not choosing.judge(address.segment, entry.address, address.holder).why
    folder = persisted.folder(instance.host, address.ip)
    row = instance.host.persisted_folders.filter(ip=address.ip, removed=None).first()
    return {
        "entry": entry,
        "old_mac": address.mac,
        "new_mac": mac_of(entry.address) if known else "",
        "offered": choosing.offered(address.segment, address.holder.rpartition("/")[0] + "/"),
        "folder": row.path if row is not None else folder if verbs.has_folder(instance) else "",
        "size": row.size if row is not None else None,
        "new_folder": persisted.folder(instance.host, entry.address) if known else "",
    }

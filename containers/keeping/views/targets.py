"""Settings → stores of backups."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import Count, Q, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from containers.keeping.forms_backups import TargetForm
from containers.keeping.models import BackupTarget
from containers.keeping.services import targets as verbs
from xqplatform.accounts.http import actor_of
from xqplatform.accounts.rights import can, require
from xqplatform.errors import Refused


@require_http_methods(["GET", "POST"])
def targets(request: HttpRequest) -> HttpResponse:
    """The list, and a form to set one up, which is tried out at once."""
    actor = actor_of(request)
    form = TargetForm(request.POST or None)
    if request.method == "POST":
        require(actor, verbs.MANAGING)
        if form.is_valid():
            try:
                row = verbs.create(actor, form.cleaned_data)
            except Refused as refused:
                form.add_refusal(refused)
            else:
                messages.success(request, _("%(name)s takes and gives objects.") % {"name": row})
                return redirect("keeping:target", row.name)
    there = Q(backups__state="ready")
    rows = BackupTarget.objects.annotate(n=Count("backups", filter=there), bytes=Sum("backups__size", filter=there))
    context = {"rows": rows, "form": form, "may": can(actor, verbs.MANAGING)}
    return render(request, "keeping/targets.html", context, status=400 if form.errors else 200)


@require_http_methods(["GET", "POST"])
def target(request: HttpRequest, name: str) -> HttpResponse:
    row, actor = get_object_or_404(BackupTarget, name=name), actor_of(request)
    require(actor, verbs.MANAGING)
    initial = {key: getattr(row, key) for key in verbs.PLAIN}
    form = TargetForm(request.POST if request.method == "POST" else None, initial=initial, row=row)
    if request.method == "POST" and form.is_valid():
        try:
            verbs.change(actor, row, form.cleaned_data)
        except Refused as refused:
            form.add_refusal(refused)
        else:
            messages.success(request, _("Saved; it takes and gives objects."))
            return redirect("keeping:target", row.name)
    return render(request, "keeping/target.html", {"row": row, "form": form}, status=400 if form.errors else 200)


@require_POST
def check(request: HttpRequest, name: str) -> HttpResponse:
    row = verbs.check(actor_of(request), get_object_or_404(BackupTarget, name=name))
    if row.problem:
        messages.error(request, row.problem)
    else:
        messages.success(request, _("%(name)s takes and gives objects.") % {"name": row})
    return redirect("keeping:target", row.name)


@require_POST
def remove(request: HttpRequest, name: str) -> HttpResponse:
    row = get_object_or_404(BackupTarget, name=name)
    try:
        verbs.remove(actor_of(request), row)
    except Refused as refused:
        messages.error(request, refused.message)
        return redirect("keeping:target", row.name)
    messages.success(request, _("The store is forgotten."))
    return redirect("keeping:targets")

"""Settings → registries."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import Count, Q, Sum
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from builds.forms import RegistryForm
from builds.models import Registry
from builds.services import registries as verbs
from xqplatform.accounts.http import ActorRequest, put_refusal
from xqplatform.accounts.rights import can
from xqplatform.errors import Refused


@require_http_methods(["GET", "POST"])
def registries(request: ActorRequest) -> HttpResponse:
    """The list, and a form to connect one, which is asked at once."""
    return _page(request, None)


@require_http_methods(["GET", "POST"])
def registry(request: ActorRequest, pk: int) -> HttpResponse:
    return _page(request, get_object_or_404(Registry, pk=pk))


def _page(request: ActorRequest, row: Registry | None) -> HttpResponse:
    keys = ("name", "address", "username", "ca", "insecure", "default")
    form = RegistryForm(request.POST or None, initial={key: getattr(row, key) for key in keys} if row else None)
    if request.method == "POST" and form.is_valid():
        try:
            saved = verbs.save_registry(request.actor, row, form.cleaned_data)
            _say(request, saved, verbs.check_registry(saved))
            return redirect("builds:registries")
        except Refused as refusal:
            put_refusal(form, refusal)
    live = Q(images__state="deployable")
    rows = Registry.objects.annotate(n_images=Count("images", filter=live), bytes=Sum("images__size", filter=live))
    context = {"form": form, "registry": row, "registries": rows, "may": can(request.actor, "registry.manage")}
    return render(request, "builds/registries.html", context, status=400 if form.errors else 200)


def _say(request: ActorRequest, row: Registry, problem: str) -> None:
    if problem:
        messages.error(request, _("%(name)s: %(problem)s") % {"name": row.name, "problem": problem})
    else:
        messages.success(request, _("%s answers and takes the user and password.") % row.name)


@require_POST
def check(request: ActorRequest, pk: int) -> HttpResponse:
    """Asks the registry now."""
    row = get_object_or_404(Registry, pk=pk)
    _say(request, row, verbs.check_now(request.actor, row))
    return redirect("builds:registries")


@require_POST
def remove(request: ActorRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Registry, pk=pk)
    try:
        verbs.remove_registry(request.actor, row)
        messages.success(request, _("The registry is forgotten; what lies in it stays there."))
    except Refused as refusal:
        messages.error(request, refusal.message)
    return redirect("builds:registries")

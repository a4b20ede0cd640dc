"""The roles there are; own ones are made by ticking rights."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.contrib import messages
from django.db.models import Count
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from xqplatform.accounts.catalogue import TICKABLE, Right
from xqplatform.accounts.http import ActorRequest, put_refusal
from xqplatform.accounts.models import Grant, OwnRole, User
from xqplatform.accounts.rights import RIGHTS, can, require
from xqplatform.accounts.roles import own
from xqplatform.accounts.roles.builtin import BUILTIN
from xqplatform.accounts.roles.forms import RoleForm, ticks
from xqplatform.accounts.roles.foureyes import Waits
from xqplatform.errors import Refused


@require_GET
def roles(request: ActorRequest) -> HttpResponse:
    grants = dict(Grant.objects.values_list("role").annotate(n=Count("pk")).order_by())
    people = dict(User.objects.filter(is_active=True).values_list("role").annotate(n=Count("pk")).order_by())
    rows: list[tuple[Any, ...]] = [
        (role, True, len(role.rights), people.get(slug, 0), grants.get(slug, 0)) for slug, role in BUILTIN.items()
    ]
    rows += [(role, False, len(role.rights), 0, grants.get(role.slug, 0)) for role in OwnRole.objects.all()]
    return render(request, "accounts/roles/roles.html", {"rows": rows, "may": can(request.actor, own.RIGHT)})


def _groups(ticked: Collection[str]) -> list[tuple[Any, list[tuple[Right, bool]]]]:
    return ticks(ticked, without=RIGHTS - TICKABLE)


@require_http_methods(["GET", "POST"])
def role_new(request: ActorRequest) -> HttpResponse:
    require(request.actor, own.RIGHT)
    return _form(request, None)


@require_http_methods(["GET", "POST"])
def role(request: ActorRequest, slug: str) -> HttpResponse:
    if slug in BUILTIN:
        if request.method == "POST":
            require(request.actor, own.RIGHT)
            raise Refused(_("This one comes with the platform and stays as it is. Make one of another name."))
        built = BUILTIN[slug]
        return render(request, "accounts/roles/role.html", {"role": built, "groups": _groups(built.rights)})
    row = get_object_or_404(OwnRole, slug=slug)
    if request.method == "POST":
        require(request.actor, own.RIGHT, obj=row)
    return _form(request, row)


def _form(request: ActorRequest, row: OwnRole | None) -> HttpResponse:
    initial = {"title": row.title, "text": row.text, "rights": row.rights} if row else {}
    form = RoleForm(request.POST if request.method == "POST" else None, initial=initial, new=row is None)
    if request.method == "POST" and form.is_valid():
        try:
            if row is None:
                made = own.make(request.actor, **form.cleaned_data)
            else:
                made = own.change(request.actor, row, **form.cleaned_data)
        except Waits as waits:
            messages.info(request, waits.message)
            return redirect("accounts:access_requests")
        except Refused as refusal:
            put_refusal(form, refusal)
        else:
            messages.success(request, _("Saved."))
            return redirect("accounts:role", slug=made.slug)
    ticked = form["rights"].value() or []
    context = {
        "form": form, "role": row, "own": True, "groups": _groups(ticked), "may": can(request.actor, own.RIGHT),
    }  # fmt: skip
    return render(request, "accounts/roles/role.html", context, status=400 if form.errors else 200)


@require_POST
def role_remove(request: ActorRequest, slug: str) -> HttpResponse:
    if slug in BUILTIN:
        raise Http404
    row = get_object_or_404(OwnRole, slug=slug)
    try:
        own.remove(request.actor, row)
        messages.success(request, _("The role is removed."))
    except Refused as refusal:
        messages.error(request, refusal.message)
    return redirect("accounts:roles")

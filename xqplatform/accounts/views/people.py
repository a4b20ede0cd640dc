"""People: who is here, what they may."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from xqplatform.accounts import leaving, services
from xqplatform.accounts.forms import NewPasswordForm, NewPersonForm, PersonForm
from xqplatform.accounts.http import ActorRequest, put_refusal
from xqplatform.accounts.models import Role, Team, User
from xqplatform.accounts.places import environments
from xqplatform.accounts.rights import can, require
from xqplatform.accounts.roles.foureyes import Waits
from xqplatform.accounts.signin import services as signin
from xqplatform.accounts.signin.words import factor_words
from xqplatform.errors import Refused
from xqplatform.web.tables import Filter, Table


@require_GET
def people(request: ActorRequest) -> HttpResponse:
    table = Table(
        request,
        User.objects.filter(service_account=False).prefetch_related("memberships__team"),
        search=["username", "display_name"],
        sorts={"name": "username", "role": "role", "seen": "last_login"},
        default="name",
        filters={
            "role": Filter(_("Role"), Role.choices, "role"),
            "team": Filter(_("Team"), [(t.slug, t) for t in Team.objects.all()], "teams__slug"),
            "active": Filter(_("State"), [("1", _("active")), ("0", _("deactivated"))], "is_active"),
        },
    )
    context = {"table": table, "may": can(request.actor, "people.manage")}
    return render(request, "accounts/people.html", context)


@require_http_methods(["GET", "POST"])
def person_new(request: ActorRequest) -> HttpResponse:
    require(request.actor, "people.manage")
    form = NewPersonForm(request.POST if request.method == "POST" else None, environments=environments())
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            user = services.create_person(
                request.actor,
                data["username"],
                data["password"],
                role=data["role"],
                display_name=data["display_name"],
                teams=form.chosen_teams(),
            )
            messages.success(request, _("%(name)s can sign in now.") % {"name": user})
            return redirect("accounts:people")
        except Waits as waits:
            messages.info(request, waits.message)
            return redirect("accounts:access_requests")
        except Refused as refusal:
            put_refusal(form, refusal)
    status = 400 if request.method == "POST" else 200
    return render(request, "accounts/person.html", {"form": form, "person": None, "may": True}, status=status)


@require_http_methods(["GET", "POST"])
def person(request: ActorRequest, pk: int) -> HttpResponse:
    user = get_object_or_404(User, pk=pk)
    if user.service_account:
        return redirect("accounts:service_account", pk=pk)
    may = can(request.actor, "people.manage")
    initial = {"display_name": user.display_name, "role": user.role}
    form = PersonForm(
        request.POST if request.method == "POST" else None, environments=environments(), user=user, initial=initial
    )
    if request.method == "POST":
        require(request.actor, "people.manage", obj=user)
        if form.is_valid():
            data = form.cleaned_data
            try:
                services.change_person(
                    request.actor,
                    user,
                    role=data["role"],
                    display_name=data["display_name"],
                    active=user.is_active,
                    teams=form.chosen_teams(),
                )
                messages.success(request, _("Saved."))
                return redirect("accounts:person", pk=user.pk)
            except Waits as waits:
                messages.info(request, waits.message)
                return redirect("accounts:access_requests")
            except Refused as refusal:
                put_refusal(form, refusal)
    context = {"form": form, "person": user, "may": may, "password_form": NewPasswordForm()}
    context["factors"] = [factor_words(kind) for kind in signin.factors_of(user)]
    context["ends"] = leaving.what_ends(user) if may and user.is_active else []
    return render(request, "accounts/person.html", context, status=400 if form.errors else 200)


@require_POST
def person_password(request: ActorRequest, pk: int) -> HttpResponse:
    """An SRE sets a new one for someone who forgot theirs."""
    user = get_object_or_404(User, pk=pk)
    require(request.actor, "people.manage", obj=user)
    form = NewPasswordForm(request.POST)
    if user.pk == request.user.pk:
        return redirect("accounts:account")
    if form.is_valid():
        services.set_password(request.actor, user, form.cleaned_data["password"])
        messages.success(request, _("The new password holds from now on."))
        return redirect("accounts:person", pk=user.pk)
    raise Refused(_("The password is missing."), "password", 400)

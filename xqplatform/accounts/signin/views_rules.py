"""The settings page about signing in, and taking away factors of somebody who has lost theirs."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from xqplatform.accounts.http import ActorRequest, put_refusal
from xqplatform.accounts.models import Role, User
from xqplatform.accounts.rights import can, require
from xqplatform.accounts.signin import lockout, providers, services
from xqplatform.accounts.signin.forms import RulesForm
from xqplatform.accounts.signin.models import SignInRules
from xqplatform.errors import Refused
from xqplatform.web.tables import PER_PAGE

MOST_WITHOUT = 50  # people without a factor that are named; more are counted


@require_http_methods(["GET", "POST"])
def rules(request: ActorRequest) -> HttpResponse:
    """Of which roles a second factor is demanded. Everybody may read it."""
    if request.method == "POST":
        require(request.actor, "people.manage")
    form = RulesForm(
        request.POST if request.method == "POST" else None,
        roles=list(Role.choices),
        initial={"roles": SignInRules.now().second_factor},
    )
    if request.method == "POST" and form.is_valid():
        try:
            services.demand_second_factor(request.actor, form.cleaned_data["roles"])
            messages.success(request, _("Saved."))
            return redirect("signin_rules")
        except Refused as refusal:
            put_refusal(form, refusal)
    context = {"form": form, "may": can(request.actor, "people.manage")}
    lacking = services.without_factor()
    context |= {"without": lacking[:MOST_WITHOUT], "more_without": max(0, len(lacking) - MOST_WITHOUT)}
    context |= {"providers": providers.all_of_them(), "may_providers": can(request.actor, providers.RIGHT)}
    locks = Paginator(lockout.locked() if context["may"] else [], PER_PAGE)
    context["locked"] = locks.get_page(request.GET.get("page"))
    return render(request, "accounts/signin/rules.html", context, status=400 if form.errors else 200)


@require_POST
def unlock(request: ActorRequest) -> HttpResponse:
    lockout.unlock(request.actor, request.POST.get("name", "")[:150], request.POST.get("address", "")[:45])
    messages.success(request, _("Unlocked."))
    return redirect("signin_rules")


@require_POST
def factors_reset(request: ActorRequest, pk: int) -> HttpResponse:
    user = get_object_or_404(User, pk=pk)
    services.reset_factors(request.actor, user)
    messages.success(request, _("%(name)s signs in without a second factor now, and is told so.") % {"name": user})
    return redirect("accounts:person", pk=user.pk)

"""Settings of OpenID Connect providers, and what their groups give."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from xqplatform.accounts.http import ActorRequest, put_refusal
from xqplatform.accounts.models import Role, Team
from xqplatform.accounts.rights import can, require
from xqplatform.accounts.roles.foureyes import Waits
from xqplatform.accounts.signin import providers
from xqplatform.accounts.signin.models import GroupRule, Provider
from xqplatform.errors import Refused


class Words(forms.CharField):
    """A list of words, separated by commas or lines (a group's name may have blanks)."""

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        text = super().clean(value)
        return [word.strip() for word in text.replace("\n", ",").split(",") if word.strip()]


class ProviderForm(forms.Form):
    slug = forms.SlugField(
        label=gettext_lazy("Short name"), max_length=40, help_text=gettext_lazy("Stands in the redirect address.")
    )
    issuer = forms.CharField(
        label=gettext_lazy("Issuer"), max_length=300, help_text=gettext_lazy("As in its tokens; it cannot be changed.")
    )
    name = forms.CharField(label=gettext_lazy("Name on the button"), max_length=60)
    client_id = forms.CharField(label=gettext_lazy("Client id"), max_length=190)
    secret = forms.CharField(
        label=gettext_lazy("Client secret"),
        required=False,
        max_length=190,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text=gettext_lazy("Never shown again; empty leaves what there is."),
    )
    scopes = forms.CharField(label=gettext_lazy("Scopes"), max_length=200, initial="openid profile email")
    group_claim = forms.CharField(
        label=gettext_lazy("Claim with the groups"), max_length=60, required=False, initial="groups"
    )
    enabled = forms.BooleanField(label=gettext_lazy("People may sign in by it"), required=False, initial=True)
    makes_people = forms.BooleanField(label=gettext_lazy("A first sign-in makes an account"), required=False)
    domains = Words(
        label=gettext_lazy("Only of these mail domains"),
        required=False,
        max_length=2000,
        help_text=gettext_lazy("Verified addresses only; separated by commas. Empty: any."),
    )
    groups = Words(label=gettext_lazy("Only members of one of these groups"), required=False, max_length=4000)
    link_by_name = forms.BooleanField(
        label=gettext_lazy("An account of the same user name is theirs"),
        required=False,
        help_text=gettext_lazy("Only if names there are given out by the company and are never used again."),
    )

    def __init__(self, *args: Any, row: Provider, **kwargs: Any) -> None:
        if row.issuer:
            kwargs["initial"] = {key: getattr(row, key) for key in providers.FIELDS}
        super().__init__(*args, **kwargs)
        if row.issuer:
            del self.fields["slug"], self.fields["issuer"]


class GroupForm(forms.Form):
    group = forms.CharField(label=gettext_lazy("Group"), max_length=200)
    teams = forms.MultipleChoiceField(label=gettext_lazy("Teams"), required=False, widget=forms.CheckboxSelectMultiple)
    role = forms.ChoiceField(label=gettext_lazy("Role"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["teams"].choices = [(t.slug, str(t)) for t in Team.objects.all()]  # type: ignore[attr-defined]
        self.fields["role"].choices = [("", _("as it is")), *Role.choices]  # type: ignore[attr-defined]


def _page(
    request: ActorRequest, row: Provider, form: ProviderForm, group: GroupForm | None = None, status: int = 200
) -> HttpResponse:
    context = {
        "row": row if row.issuer else None,
        "own": row.slug == providers.OWN,
        "form": form,
        "group_form": group or GroupForm(),
        "rules": GroupRule.objects.filter(provider=row.slug) if row.issuer else [],
        "may": can(request.actor, providers.RIGHT),
        "callback": request.build_absolute_uri(f"/login/oidc/{row.slug}/callback/") if row.issuer else "",
    }
    return render(request, "accounts/signin/provider.html", context, status=status)


def _found(slug: str) -> Provider:
    row = next((p for p in providers.all_of_them() if p.slug == slug), None)
    if row is None:
        raise Http404
    return row


@require_http_methods(["GET", "POST"])
def provider(request: ActorRequest, slug: str = "") -> HttpResponse:
    require(request.actor, providers.RIGHT)
    row = _found(slug) if slug else Provider()
    posted = request.method == "POST"
    form = ProviderForm(request.POST if posted else None, row=row)
    if posted and row.slug == providers.OWN:
        raise Refused(_("This provider stands in the surroundings (XQ_OIDC_…); change it there."))
    if posted and form.is_valid():
        try:
            saved = providers.save(request.actor, row, form.cleaned_data)
            messages.success(request, _("Saved."))
            return redirect("oidc_provider", slug=saved.slug)
        except Refused as refusal:
            put_refusal(form, refusal)
    return _page(request, row if slug else Provider(), form, status=400 if form.errors else 200)


@require_POST
def group(request: ActorRequest, slug: str) -> HttpResponse:
    require(request.actor, providers.RIGHT)
    row = _found(slug)
    form = GroupForm(request.POST)
    if form.is_valid():
        data = form.cleaned_data
        try:
            providers.set_rule(request.actor, slug, data["group"], data["teams"], data["role"])
            messages.success(request, _("Saved. It holds from the next sign-in of each member on."))
            return redirect("oidc_provider", slug=slug)
        except Waits as waits:
            messages.info(request, waits.message)
            return redirect("accounts:access_requests")
        except Refused as refusal:
            put_refusal(form, refusal)
    return _page(request, row, ProviderForm(row=row), form, status=400)


@require_POST
def remove(request: ActorRequest, slug: str) -> HttpResponse:
    require(request.actor, providers.RIGHT)
    providers.remove(request.actor, get_object_or_404(Provider, slug=slug))
    messages.success(request, _("The provider is removed."))
    return redirect("signin_rules")

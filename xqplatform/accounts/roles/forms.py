"""Forms of roles, grants and questions about them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from xqplatform.accounts.actor import Actor
from xqplatform.accounts.catalogue import GROUPS, TICKABLE, Right
from xqplatform.accounts.models import AccessPolicy, OwnRole, Team, User
from xqplatform.accounts.places import environments, services
from xqplatform.accounts.rights import RIGHTS
from xqplatform.accounts.roles.builtin import BUILTIN

NOWHERE = [("", _("all of them"))]


def ticks(ticked: Collection[str], *, without: Collection[str] = ()) -> list[tuple[Any, list[tuple[Right, bool]]]]:
    """All rights but some, in their groups, each with whether its box is ticked."""
    found = [
        (group.title, [(one, one.name in ticked) for one in group.rights if one.name not in without])
        for group in GROUPS
    ]
    return [group for group in found if group[1]]


def right_choices(every: bool = False) -> list[tuple[Any, list[tuple[str, Any]]]]:
    """For a list to choose one from; `every`: also those that no role can have."""
    groups = ticks((), without=() if every else RIGHTS - TICKABLE)
    return [(title, [(one.name, one.text) for one, _ticked in rights]) for title, rights in groups]


def role_choices() -> list[tuple[str, Any]]:
    return [*((slug, role.title) for slug, role in BUILTIN.items()), *OwnRole.objects.values_list("slug", "title")]


class RoleForm(forms.Form):
    slug = forms.CharField(
        label=_("Name"), max_length=40, help_text=_("Short, never changed: letters, digits, dashes.")
    )
    title = forms.CharField(label=_("Title"), max_length=80)
    text = forms.CharField(label=_("What for"), max_length=300, required=False)
    rights = forms.MultipleChoiceField(label=_("Rights"), required=False, widget=forms.CheckboxSelectMultiple)

    def __init__(self, *args: Any, new: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["rights"].choices = right_choices()  # type: ignore[attr-defined]
        if not new:
            del self.fields["slug"]


class GrantForm(forms.Form):
    user = forms.ModelChoiceField(
        label=_("Person"), queryset=User.objects.filter(is_active=True).order_by("username"), required=False,
        to_field_name="username",
    )  # fmt: skip
    group = forms.ModelChoiceField(
        label=_("or everybody in the team"), queryset=Team.objects.all(), required=False, to_field_name="slug"
    )
    role = forms.ChoiceField(label=_("has the role"))
    team = forms.ModelChoiceField(
        label=_("on what this team owns"), queryset=Team.objects.all(), required=False, to_field_name="slug",
        empty_label=_("all of them"),
    )  # fmt: skip
    service = forms.ChoiceField(label=_("on the service"), required=False)
    environment = forms.ChoiceField(label=_("in the environment"), required=False)
    until = forms.DateTimeField(
        label=_("until"), required=False, widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        help_text=_("Empty: until somebody takes it away."),
    )  # fmt: skip
    reason = forms.CharField(label=_("Why"), max_length=300, required=False)

    def __init__(self, *args: Any, actor: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = role_choices()  # type: ignore[attr-defined]
        self.fields["service"].choices = [*NOWHERE, *((slug, slug) for slug in services(actor))]  # type: ignore[attr-defined]
        self.fields["environment"].choices = [*NOWHERE, *environments()]  # type: ignore[attr-defined]

    def clean_until(self) -> Any:
        until = self.cleaned_data["until"]
        if until is not None and until <= timezone.now():
            raise forms.ValidationError(_("That time is past: choose a later one."))
        return until


class WhoForm(forms.Form):
    """A question, in the address: nonsense counts as not asked."""

    right = forms.ChoiceField(label=_("Who may"))
    service = forms.ChoiceField(label=_("of the service"), required=False)
    environment = forms.ChoiceField(label=_("in the environment"), required=False)

    def __init__(self, *args: Any, actor: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.services = services(actor)
        self.fields["right"].choices = right_choices(every=True)  # type: ignore[attr-defined]
        self.fields["service"].choices = [("", "–"), *((slug, slug) for slug in self.services)]  # type: ignore[attr-defined]
        self.fields["environment"].choices = [("", "–"), *environments()]  # type: ignore[attr-defined]


class PolicyForm(forms.Form):
    four_eyes = forms.ChoiceField(label=_("A second person approves"), choices=AccessPolicy.FourEyes.choices)
    hours = forms.IntegerField(label=_("Hours until a request expires"), min_value=1, max_value=720)

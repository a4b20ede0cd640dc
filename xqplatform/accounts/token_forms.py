"""The form of a new token of the API."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from xqplatform.accounts.catalogue import Right
from xqplatform.accounts.models import Role, Team
from xqplatform.accounts.rights import READ, RIGHTS
from xqplatform.accounts.roles.forms import ticks
from xqplatform.accounts.scopes import READING
from xqplatform.accounts.tokens import DAYS

LASTS = [(7, _("a week")), (30, _("30 days")), (DAYS, _("90 days")), (180, _("half a year")), (365, _("a year"))]
MAY = [
    ("all", _("all that I may")),
    ("read", _("only read")),
    ("chosen", _("read, and what is ticked below")),
]


class TokenForm(forms.Form):
    label = forms.CharField(
        label=_("What is it for?"), max_length=120, help_text=_("For example: the CI of the snow team.")
    )
    days = forms.TypedChoiceField(label=_("It works for"), choices=LASTS, coerce=int, initial=DAYS)
    may = forms.ChoiceField(
        label=_("It may"),
        choices=MAY,
        initial="all",
        widget=forms.RadioSelect,
        help_text=_("Never more than its person may at that moment."),
    )
    rights = forms.MultipleChoiceField(label=_("Rights"), required=False, widget=forms.CheckboxSelectMultiple)
    team = forms.ChoiceField(
        label=_("Only for what this team owns"),
        required=False,
        help_text=_("Hosts, people and whatever else belongs to no team is left out then."),
    )
    services = forms.CharField(
        label=_("Only for these services"),
        required=False,
        max_length=2000,
        help_text=_("Names, separated by spaces. Projects and images belong to no service, and are left out then."),
    )
    environments = forms.MultipleChoiceField(
        label=_("Only in these environments"), required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, *args: Any, environments: list[tuple[str, str]], never: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if never:
            self.fields["days"].choices = [*LASTS, (0, _("ever: it never ends"))]  # type: ignore[attr-defined]
        self.fields["rights"].choices = [(name, name) for name in sorted(RIGHTS - {READ})]  # type: ignore[attr-defined]
        teams = [(team.slug, str(team)) for team in Team.objects.all()]
        self.fields["team"].choices = [("", _("all teams")), *teams]  # type: ignore[attr-defined]
        self.fields["environments"].choices = environments  # type: ignore[attr-defined]

    def right_groups(self) -> list[tuple[Any, list[tuple[Right, bool]]]]:
        """What the page shows instead of one long list."""
        return ticks(self["rights"].value() or (), without=(READ,))

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("may") == "chosen" and not data.get("rights") and "rights" not in self.errors:
            self.add_error("rights", _("Tick at least one right."))
        return data

    def values(self) -> dict[str, Any]:
        """As the verb takes them."""
        data = self.cleaned_data
        rights = {"all": None, "read": sorted(READING), "chosen": sorted({READ, *data["rights"]})}[data["may"]]
        return {
            "label": data["label"],
            "days": data["days"],
            "rights": rights,
            "team": data["team"],
            "environments": data["environments"],
            "services": data["services"].replace(",", " ").split(),
        }


class ServiceAccountForm(forms.Form):
    username = forms.CharField(
        label=_("Name"),
        max_length=150,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text=_("As it stands in the audit log, for example ci-snow."),
    )
    display_name = forms.CharField(label=_("What it is"), required=False, max_length=120)
    team = forms.ChoiceField(label=_("Team"))
    role = forms.ChoiceField(
        label=_("It may"), help_text=_("More, or less, by grants of roles, and by the scopes of its tokens.")
    )

    def __init__(self, *args: Any, teams: list[Team], every: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["team"].choices = [(team.slug, str(team)) for team in teams]  # type: ignore[attr-defined]
        may = [(Role.READER, _("only read, until it is granted more"))]
        more = [(Role.DEVELOPER, _("what developers of its team may"))] if every else []
        self.fields["role"].choices = [*may, *more]  # type: ignore[attr-defined]

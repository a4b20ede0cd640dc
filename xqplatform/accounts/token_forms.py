"""The form of a new token of the API."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from xqplatform.accounts.models import Team
from xqplatform.accounts.rights import READ, RIGHTS
from xqplatform.accounts.scopes import READING
from xqplatform.accounts.tokens import DAYS
from xqplatform.audit.sentences import RIGHTS as WORDS

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
    environment = forms.ChoiceField(label=_("Only in this environment"), required=False)

    def __init__(self, *args: Any, environments: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rights = [(name, capfirst(str(WORDS.get(name, name)))) for name in sorted(RIGHTS - {READ})]
        self.fields["rights"].choices = rights  # type: ignore[attr-defined]
        teams = [(team.slug, str(team)) for team in Team.objects.all()]
        self.fields["team"].choices = [("", _("all teams")), *teams]  # type: ignore[attr-defined]
        self.fields["environment"].choices = [("", _("all environments")), *environments]  # type: ignore[attr-defined]

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
            "environment": data["environment"],
        }

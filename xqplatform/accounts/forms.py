"""Forms about people. The verbs decide; a form only shapes what was typed."""

from __future__ import annotations

import functools
import zoneinfo
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from xqplatform.accounts.models import Role, Team, User

THEMES = [("auto", _("as the device")), ("light", _("light")), ("dark", _("dark"))]
# Those that people here choose come first; all others follow.
NEAR = ["Asia/Shanghai", "Asia/Hong_Kong", "Asia/Singapore", "Asia/Tokyo", "UTC", "Europe/Berlin", "America/New_York"]


@functools.lru_cache(maxsize=1)
def zones() -> list[str]:
    rest = sorted(zoneinfo.available_timezones() - set(NEAR))
    return [z for z in NEAR + rest if not z.startswith(("posix", "right", "Etc/", "SystemV"))]


OWN_PASSWORD = _("At least 12 characters; not one that everybody uses, not only digits, and not like your name.")


class AccountForm(forms.Form):
    display_name = forms.CharField(label=_("Name"), required=False, max_length=120)
    language = forms.ChoiceField(label=_("Language"), required=False)
    # A text with suggestions: six hundred drawn options would make the page slow.
    time_zone = forms.CharField(
        label=_("Time zone"),
        help_text=_("All times are shown in it."),
        max_length=60,
        widget=forms.TextInput(attrs={"list": "zones", "autocomplete": "off"}),
    )
    theme = forms.ChoiceField(label=_("Look"), choices=THEMES)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["language"].choices = [("", _("as the browser")), *settings.LANGUAGES]  # type: ignore[attr-defined]


class PasswordForm(forms.Form):
    old = forms.CharField(
        label=_("Old password"), widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}), strip=False
    )
    new = forms.CharField(
        label=_("New password"),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        strip=False,
        max_length=256,
        help_text=OWN_PASSWORD,
    )


class NewPasswordForm(forms.Form):
    password = forms.CharField(
        label=_("New password"),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        strip=False,
        max_length=256,
        help_text=_("At least 12 characters; not one that everybody uses, not only digits, and not like the name."),
    )


class PersonForm(forms.Form):
    """Role, and for each team whether the person is in it and which environments are allowed there."""

    display_name = forms.CharField(label=_("Name"), required=False, max_length=120)
    role = forms.ChoiceField(
        label=_("Role"),
        choices=Role.choices,
        initial=Role.DEVELOPER,
        help_text=_(
            "Developers act on their teams' services, SREs on everything, managers and auditors read everything, admins say who may what."
        ),
    )

    def __init__(
        self, *args: Any, environments: list[tuple[str, str]], user: User | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.environments = environments
        self.teams = list(Team.objects.all())
        member = {m.team_id: m.environments for m in user.memberships.all()} if user else {}
        for team in self.teams:
            self.fields[f"team_{team.pk}"] = forms.BooleanField(
                label=str(team), required=False, initial=team.pk in member
            )
            self.fields[f"environments_{team.pk}"] = forms.MultipleChoiceField(
                label=_("Allowed environments"),
                choices=environments,
                required=False,
                initial=member.get(team.pk, []),
                widget=forms.CheckboxSelectMultiple,
            )

    def team_rows(self) -> list[dict[str, Any]]:
        """What the template draws: one line a team."""
        return [
            {"team": t, "member": self[f"team_{t.pk}"], "environments": self[f"environments_{t.pk}"]}
            for t in self.teams
        ]

    def chosen_teams(self) -> dict[int, list[str]]:
        """{team's key: allowed environments}; all ticked is the same as none ticked: everywhere."""
        chosen = {}
        for team in self.teams:
            if self.cleaned_data.get(f"team_{team.pk}"):
                allowed = self.cleaned_data.get(f"environments_{team.pk}", [])
                chosen[team.pk] = [] if len(allowed) == len(self.environments) else list(allowed)
        return chosen


class NewPersonForm(PersonForm):
    username = forms.CharField(
        label=_("Name to sign in with"), max_length=150, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    password = forms.CharField(
        label=_("First password"),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        strip=False,
        max_length=256,
        help_text=_("Tell it to the person; they change it under «My account»."),
    )
    field_order = ["username", "password", "display_name", "role"]


class InvitationForm(PersonForm):
    """A person without a password: whoever is invited chooses it."""

    username = forms.CharField(
        label=_("Name to sign in with"), max_length=150, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    email = forms.CharField(
        label=_("Mail address"), required=False, max_length=254, help_text=_("The link is mailed there, too.")
    )
    days = forms.TypedChoiceField(
        label=_("It holds for"),
        choices=[(1, _("a day")), (3, _("three days")), (7, _("a week")), (14, _("two weeks"))],
        coerce=int,
        initial=7,
    )
    field_order = ["username", "display_name", "email", "days", "role"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not settings.MAIL_URL:
            del self.fields["email"]


class AcceptForm(forms.Form):
    password = forms.CharField(
        label=_("Password"),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        strip=False,
        max_length=256,
        help_text=OWN_PASSWORD,
    )
    again = forms.CharField(
        label=_("The same again"),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        strip=False,
        max_length=256,
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("password") and data.get("again") and data["password"] != data["again"]:
            self.add_error("again", _("This is not the same."))
        return data


class TeamForm(forms.Form):
    slug = forms.CharField(
        label=_("Name"), max_length=60, help_text=_("Short, for addresses: letters, digits, dashes.")
    )
    title = forms.CharField(label=_("Title"), max_length=120, required=False)

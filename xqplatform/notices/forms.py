"""What people fill in. The verbs check it; here only the fields, their help and their order."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Team
from xqplatform.alerts import subjects
from xqplatform.alerts.models import Channel
from xqplatform.notices.kinds import CHOSEN, Kind
from xqplatform.notices.services import own, subscriptions
from xqplatform.notices.services.preferences import Wishes

CHOICES = [
    ("none", gettext_lazy("nothing")),
    ("mine", gettext_lazy("mine")),
    ("team", gettext_lazy("my teams'")),
    ("all", gettext_lazy("everybody's")),
]


# Of what is nobody's own.
YES_OR_NO = [("none", gettext_lazy("nothing")), ("mine", gettext_lazy("tell me"))]


class WishesForm(forms.Form):
    """Two choices a kind: into the inbox, and over the own channel."""

    def __init__(self, data: Any, wishes: Wishes) -> None:
        super().__init__(data)
        for kind in CHOSEN:
            for way, title in (("inbox", _("Inbox")), ("own", _("Own channel"))):
                label = f"{title}: {kind.label}"
                select = forms.Select(attrs={"class": "form-select", "aria-label": label})
                choices, wish = CHOICES, getattr(wishes, way)[kind]
                if kind is Kind.CAPACITY:
                    choices, wish = YES_OR_NO, "none" if wish == "none" else "mine"
                self.fields[f"{way}_{kind}"] = forms.ChoiceField(
                    choices=choices, label=label, widget=select, initial=wish
                )

    def lines(self) -> list[tuple[Any, forms.BoundField, forms.BoundField]]:
        """A line of the table a kind."""
        return [(kind.label, self[f"inbox_{kind}"], self[f"own_{kind}"]) for kind in CHOSEN]

    def of(self, way: str) -> dict[str, str]:
        return {kind.value: self.cleaned_data[f"{way}_{kind}"] for kind in CHOSEN}


class OwnForm(forms.Form):
    kind = forms.ChoiceField(label=gettext_lazy("Way"), widget=forms.RadioSelect)
    address = forms.CharField(
        label=gettext_lazy("Address"), max_length=2000, strip=True,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text=gettext_lazy("A mail address, or what apprise understands, such as dingtalk://SECRET@ACCESS_TOKEN. Kept encrypted and never shown again."),
    )  # fmt: skip

    def __init__(self, data: Any = None, mail: str = "") -> None:
        first = Channel.Kind.MAIL if settings.MAIL_URL else Channel.Kind.APPRISE
        super().__init__(data, initial={"kind": first, "address": mail if settings.MAIL_URL else ""})
        titles = {Channel.Kind.MAIL: _("mail"), Channel.Kind.APPRISE: _("DingTalk, WeCom, Slack and others")}
        kinds = [kind for kind in own.KINDS if kind != Channel.Kind.MAIL or settings.MAIL_URL]
        self.fields["kind"].choices = [(kind.value, titles[kind]) for kind in kinds]  # type: ignore[attr-defined]


def _names(found: list[str], *, every: bool = True) -> list[tuple[str, Any]]:
    """`every`: whether all of them at once can be chosen, too."""
    return [*([("", gettext_lazy("all"))] if every else []), *((one, one) for one in found)]


class SubscriptionForm(forms.Form):
    receiver = forms.ChoiceField(label=gettext_lazy("Who hears of it"))
    service = forms.ChoiceField(label=gettext_lazy("Service"), required=False)
    environment = forms.ChoiceField(label=gettext_lazy("Environment"), required=False)
    kinds = forms.MultipleChoiceField(
        label=gettext_lazy("Of what"), choices=[(kind.value, kind.label) for kind in CHOSEN], widget=forms.CheckboxSelectMultiple,
        initial=[Kind.APPROVAL, Kind.HELD, Kind.SUCCEEDED, Kind.FAILED, Kind.ROLLED_BACK, Kind.GLASS],
    )  # fmt: skip

    def __init__(self, actor: Actor, data: Any = None) -> None:
        super().__init__(data)
        services = subscriptions.offered(actor)
        channels = [(f"channel:{row.pk}", row.name) for row in Channel.objects.shared()]
        teams = [(f"team:{row.pk}", str(row)) for row in Team.objects.all()]
        found = [(_("Channels"), channels), (_("Teams, in the inboxes of their people"), teams)]
        for name, choices in (
            ("receiver", [("", "–"), *found]),
            ("service", _names([one for one in services if one], every="" in services)),
            ("environment", _names(subjects.environments())),
        ):
            self.fields[name].choices = choices  # type: ignore[attr-defined]

    def values(self) -> dict[str, Any]:
        """What the verb takes."""
        given = self.cleaned_data
        kind, _colon, number = given["receiver"].partition(":")
        rows: dict[str, Any] = {"channel": Channel.objects.shared(), "team": Team.objects}
        return {
            kind: rows[kind].filter(pk=number).first(),
            **{name: given[name] for name in ("service", "environment", "kinds")},
        }

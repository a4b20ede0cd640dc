"""Forms of releases, scaling and moves."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from builds.models import Image
from containers.forms.base import SaneForm
from containers.forms.strategy import StrategyFields, number_or_share
from containers.models import ServiceEnvironment
from hosts.models import Host


class ScaleForm(SaneForm):
    wanted = forms.IntegerField(label=gettext_lazy("Instances"), min_value=0, max_value=500)
    name = forms.CharField(label=gettext_lazy("Type the name to confirm"), max_length=100, required=False)
    reason = forms.CharField(label=gettext_lazy("Why"), max_length=2000, required=False)


class AwayForm(SaneForm):
    """A form about hosts of which some (`away`) may be off: who sends it has to type their names."""

    reason = forms.CharField(label=gettext_lazy("Why"), max_length=2000, required=False)
    with_data = forms.BooleanField(
        label=gettext_lazy("Instances with data move, too"),
        required=False,
        help_text=gettext_lazy("Their data stays on the old host, and they start without it."),
    )
    fence = forms.CharField(label=gettext_lazy("The machine is off"), max_length=1000, required=False)

    def __init__(self, *args: Any, away: list[str], confirm: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.away, self.confirm = away, confirm
        if not away:
            del self.fields["fence"]
            return
        names = {"names": " ".join(away)}
        self.fields["fence"].help_text = (
            _(
                "%(names)s cannot be reached, but what runs there may still answer. Switch the machine off, or pull its "
                "network cable, then type its name. Should it start again, its old containers are removed as soon as it is "
                "reached."
            )
            % names
        )

    def clean_fence(self) -> str:
        typed = " ".join(str(self.cleaned_data["fence"]).split())
        if self.confirm and typed != " ".join(self.away):
            raise forms.ValidationError(
                _("Type «%(names)s» when you have made sure that it is off.") % {"names": " ".join(self.away)}
            )
        return typed


class AddressForm(SaneForm):
    """Another address for an instance that stands."""

    address = forms.CharField(
        label=gettext_lazy("New address"),
        max_length=45,
        required=False,
        widget=forms.TextInput(
            attrs={"list": "offered", "autocomplete": "off", "spellcheck": "false", "inputmode": "decimal"}
        ),
        help_text=gettext_lazy("Left empty: the first free one of its segment."),
    )
    with_data = forms.BooleanField(
        label=gettext_lazy("Its folder stays with the old address"),
        required=False,
        help_text=gettext_lazy("What it has written there is kept on the host, and it starts without it."),
    )
    reason = forms.CharField(label=gettext_lazy("Why"), max_length=2000, required=False)


class DrainForm(AwayForm):
    pass


class MoveForm(AwayForm):
    host = forms.ModelChoiceField(
        Host.objects.none(),
        label=gettext_lazy("To"),
        to_field_name="name",
        required=False,
        empty_label=gettext_lazy("wherever there is room"),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows = Host.objects.filter(role_run=True).exclude(state=Host.State.RETIRED)
        self.fields["host"].queryset = rows  # type: ignore[attr-defined]


class InformationForm(StrategyFields):
    """Step two of the wizard: why, and how it shall go."""

    why = forms.CharField(
        label=gettext_lazy("Why"),
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "autofocus": True}),
        help_text=gettext_lazy("One sentence for colleagues and the audit log. Left empty: the commit's first line."),
    )
    batch = forms.CharField(
        label=gettext_lazy("Instances at a time"),
        max_length=5,
        help_text=gettext_lazy("A number, or a share such as 25%."),
        widget=forms.TextInput(attrs={"inputmode": "text"}),
    )
    pause = forms.IntegerField(
        label=gettext_lazy("Pause between batches (s)"), min_value=0, max_value=86400, required=False
    )
    order = forms.ChoiceField(
        label=gettext_lazy("Order"),
        choices=[
            ("stop-first", gettext_lazy("stop the old one first (needed with fixed addresses)")),
            ("start-first", gettext_lazy("start the new one first")),
        ],
    )
    deadline = forms.IntegerField(
        label=gettext_lazy("Healthy within (s)"),
        min_value=1,
        max_value=3600,
        help_text=gettext_lazy("An instance that is not healthy by then has failed."),
    )
    on_failure = forms.ChoiceField(
        label=gettext_lazy("When an instance fails"),
        help_text=gettext_lazy("Who waits can try it again, leave it out, or roll back."),
        choices=[
            ("rollback", gettext_lazy("roll all back")),
            ("hold", gettext_lazy("wait for a person")),
            ("stop", gettext_lazy("end there, leave the rest")),
        ],
    )

    def clean_batch(self) -> str:
        return number_or_share(self.cleaned_data["batch"])

    def clean_pause(self) -> int:
        return int(self.cleaned_data["pause"] or 0)

    def policy(self) -> dict[str, Any]:
        d = self.cleaned_data
        batch = d["batch"] if d["batch"].endswith("%") else int(d["batch"])
        return {
            "batch": batch,
            "pause": d["pause"],
            "order": d["order"],
            "deadline": d["deadline"],
            "on_failure": d["on_failure"],
            **self.strategy_policy(),
        }


def image_of(place: ServiceEnvironment, pk: Any) -> Image | None:
    """The image of this service that a page's address names; None for nonsense."""
    text = str(pk or "")
    if not (text.isascii() and text.isdigit() and len(text) < 12):
        return None
    return Image.objects.filter(pk=int(text), project=place.service.project_id).select_related("build").first()

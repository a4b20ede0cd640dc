"""Forms of gates' rules. The verbs decide; a form shapes what was typed."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from containers.forms.base import SaneForm
from containers.gates import shape
from containers.gates.judge import Rule
from containers.models import GateRules

MODE = GateRules.Mode
PLATFORM = [(MODE.OFF, gettext_lazy("off")), (MODE.OWN, gettext_lazy("on"))]


class SetForm(SaneForm):
    """Whose rules count, and what holds for all of them."""

    mode = forms.ChoiceField(label=gettext_lazy("Which gates"))
    settle = forms.IntegerField(
        label=gettext_lazy("Seconds after a batch that are not measured"),
        min_value=0,
        max_value=shape.MOST_SETTLE,
        help_text=gettext_lazy("While caches fill and code gets warm."),
    )
    binding = forms.BooleanField(
        label=gettext_lazy("Its services cannot choose others"),
        required=False,
        help_text=gettext_lazy("Own rules of services in this environment do not count then."),
    )

    def __init__(self, *args: Any, modes: list[tuple[Any, Any]], binds: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["mode"].choices = modes  # type: ignore[attr-defined]
        if not binds:
            del self.fields["binding"]


class RuleForm(SaneForm):
    """One rule."""

    metric = forms.CharField(
        label=gettext_lazy("What is measured"),
        max_length=120,
        help_text=gettext_lazy(
            "An application's own begins with app.; a * stands for anything, so one rule is of all 5xx: "
            "app.http_requests.rate[code=5*]"
        ),
        widget=forms.TextInput(
            attrs={"class": "mono", "list": "metrics", "autocomplete": "off", "spellcheck": "false"}
        ),
    )
    compare = forms.ChoiceField(
        label=gettext_lazy("Compared with"),
        choices=list(shape.CHOICES["compare"].items()),
        help_text=gettext_lazy("In the last batch no old instance is left: what they did before the release counts."),
    )
    worse = forms.ChoiceField(label=gettext_lazy("Direction"), choices=list(shape.CHOICES["worse"].items()))
    limit = forms.FloatField(
        label=gettext_lazy("Allowed"),
        help_text=gettext_lazy(
            "Percent of difference; for a fixed limit the number itself: cores, %, MiB, MiB/min, ms."
        ),
    )
    margin = forms.FloatField(
        label=gettext_lazy("Always allowed"),
        min_value=0,
        required=False,
        help_text=gettext_lazy("A difference in the unit of the metric, so that next to nothing is no doubling."),
    )
    watch = forms.IntegerField(label=gettext_lazy("Watched for (seconds)"), min_value=10, max_value=14_400)
    samples = forms.IntegerField(
        label=gettext_lazy("Samples at least"),
        min_value=1,
        max_value=10_000,
        help_text=gettext_lazy("On each side, of all its instances. Logs have none."),
    )
    broken = forms.ChoiceField(label=gettext_lazy("When it is broken"), choices=list(shape.CHOICES["broken"].items()))
    missing = forms.ChoiceField(
        label=gettext_lazy("When it was not measured"),
        choices=list(shape.CHOICES["missing"].items()),
        help_text=gettext_lazy("«Go on» for what appears with its first error only."),
    )
    instead = forms.CharField(required=False, max_length=16, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["initial"] = {**shape.to_json([Rule("")])[0], **(kwargs.get("initial") or {})}
        super().__init__(*args, **kwargs)

    def clean_margin(self) -> float:
        return float(self.cleaned_data["margin"] or 0)

    def data_of_verb(self) -> dict[str, Any]:
        return {name: value for name, value in self.cleaned_data.items() if name != "instead"}

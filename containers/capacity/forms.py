"""What is typed into the pages of capacity. All of it stands in the address, so that a view can be shared."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from containers.capacity import load_readings
from containers.capacity.calculator import TARGET, Asked, limits_of
from containers.config import parse
from containers.config_fields import parse_bytes
from containers.forms.base import SaneForm
from containers.forms.texts import size_shown
from containers.models import ServiceEnvironment
from xqplatform.errors import Refused

MOST_LOAD = 1e12
RANGES = [
    ("1h", gettext_lazy("1 h")),
    ("6h", gettext_lazy("6 h")),
    ("24h", gettext_lazy("24 h")),
    ("7d", gettext_lazy("7 d")),
    ("30d", gettext_lazy("30 d")),
]


class CalculatorForm(SaneForm):
    """Of one place; `series`: the names of what it has that may be a load."""

    metric = forms.ChoiceField(label=gettext_lazy("Load"), help_text=gettext_lazy("What its instances have to do."))
    range = forms.ChoiceField(label=gettext_lazy("Fitted to the last"), choices=RANGES)
    load = forms.FloatField(
        label=gettext_lazy("Expected load"),
        required=False,
        min_value=0,
        max_value=MOST_LOAD,
        help_text=gettext_lazy("Of all instances together, at its highest."),
    )
    users = forms.FloatField(
        label=gettext_lazy("or users at the open"), required=False, min_value=0, max_value=MOST_LOAD
    )
    per_user = forms.FloatField(
        label=gettext_lazy("requests of a user a second"), required=False, min_value=0, max_value=1e6
    )
    target = forms.FloatField(
        label=gettext_lazy("Used to at most (%)"),
        min_value=5,
        max_value=100,
        help_text=gettext_lazy("Of its limits, by an instance at that load."),
    )
    cpus = forms.FloatField(label=gettext_lazy("CPUs of one"), min_value=0, max_value=1024)
    memory = forms.CharField(label=gettext_lazy("Memory of one"), max_length=20)

    def __init__(self, place: ServiceEnvironment, series: Sequence[str], given: Mapping[str, Any]) -> None:
        limits = limits_of(place)
        usual = {
            "metric": series[0] if series else "",
            "range": "7d",
            "target": f"{100 * TARGET:g}",
            "cpus": f"{limits.cpus:g}",
            "memory": size_shown(limits.memory),
        }
        names = {**usual, "load": "", "users": "", "per_user": ""}
        super().__init__({name: given.get(name, usual.get(name, "")) for name in names})
        self.place = place
        choices = [(name, name.removeprefix("app.")) for name in series]
        self.fields["metric"].choices = choices  # type: ignore[attr-defined]

    def clean_memory(self) -> int:
        try:
            memory = parse_bytes(self.cleaned_data["memory"])
            parse({"memory": memory})
        except Refused as refused:
            raise forms.ValidationError(refused.message) from None
        return memory

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        users, per_user = data.get("users"), data.get("per_user")
        if data.get("load") is None and "load" not in self.errors:
            if (users is None) != (per_user is None):
                missing = "users" if users is None else "per_user"
                if missing not in self.errors:
                    self.add_error(missing, _("Say both: how many users, and how much one asks for."))
            elif users is not None and per_user is not None:
                data["load"] = users * per_user
                if not math.isfinite(data["load"]) or data["load"] > MOST_LOAD:
                    self.add_error("users", _("That is more than anybody could serve."))
        return data

    def asked(self) -> Asked:
        """Only of a form that is valid."""
        data = self.cleaned_data
        return Asked(
            place=self.place,
            metric=data["metric"],
            range=data["range"],
            load=data["load"],
            target=data["target"] / 100,
            cpus=data["cpus"],
            memory=data["memory"],
        )


def asked_of(place: ServiceEnvironment, given: Mapping[str, Any]) -> Asked:
    """For the API: the same rules. Raises Refused (400) with the field; 409 where nothing was measured."""
    series = load_readings.load_series(place)
    if not series:
        raise Refused(_("Nothing was measured of it in the last week."))
    form = CalculatorForm(place, series, given)
    if form.is_valid():
        return form.asked()
    name, errors = next(iter(form.errors.items()))
    raise Refused(str(errors[0]), name, 400)

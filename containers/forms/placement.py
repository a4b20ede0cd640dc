"""The form of placement's rules, of a place or of an environment."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from containers.forms.base import SaneForm
from containers.placement import stored

NONE = "-"  # typed where an environment names some and the place shall have none
CHOICES = {"pack": ("spread", "pack"), "rooms": ("no", "yes")}


def _names(label: Any, help_text: Any) -> forms.CharField:
    area = forms.TextInput(attrs={"class": "mono", "spellcheck": "false", "autocomplete": "off"})
    return forms.CharField(label=label, help_text=help_text, required=False, max_length=2500, widget=area)


class PlacementForm(SaneForm):
    """`general`: the environment's rules, which hold where the place sets nothing; None on the environment's own page."""

    pack = forms.ChoiceField(label=gettext_lazy("Hosts"), required=False)
    rooms = forms.ChoiceField(
        label=gettext_lazy("Rooms"),
        required=False,
        help_text=gettext_lazy("A room is a host group. Even over rooms counts more than even over hosts."),
    )
    per_host = forms.IntegerField(label=gettext_lazy("At most on one host"), required=False, min_value=0)
    per_room = forms.IntegerField(label=gettext_lazy("At most in one room"), required=False, min_value=0)
    avoid = _names(
        gettext_lazy("Never on one host with"),
        gettext_lazy("Names of services, with spaces between them. It binds them as well."),
    )
    labels = _names(
        gettext_lazy("Only hosts with the labels"), gettext_lazy("«ssd» or «disk=ssd», with spaces between them.")
    )
    unlabels = _names(
        gettext_lazy("No hosts with the labels"), gettext_lazy("«old» or «rack=7», with spaces between them.")
    )

    def __init__(self, *args: Any, general: dict[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        above = general or {}
        words = {
            "spread": _("spread over hosts"),
            "pack": _("packed: the fullest host that still has room"),
            "no": _("hosts first, rooms where that is a draw"),
            "yes": _("spread over rooms first"),
        }
        for name, choices in CHOICES.items():
            own = [(value, words[value]) for value in choices]
            field: Any = self.fields[name]
            inherited = _("as the environment: %(rule)s") % {"rule": words[choices[bool(above.get(name))]]}
            field.choices = own if general is None else [("", inherited), *own]
        for name in stored.NUMBERS:
            shown = str(above.get(name) or _("any number"))
            self.fields[name].widget.attrs["placeholder"] = shown
        for name in stored.LISTS if general is not None else ():
            self.fields[name].widget.attrs["placeholder"] = " ".join(above.get(name) or [])

    @staticmethod
    def of(found: dict[str, Any]) -> dict[str, Any]:
        """What the form shows of stored rules."""
        shown: dict[str, Any] = {name: CHOICES[name][found[name]] for name in stored.FLAGS if name in found}
        shown |= {name: found[name] for name in stored.NUMBERS if name in found}
        return shown | {name: " ".join(found[name]) or NONE for name in stored.LISTS if name in found}

    def rules(self) -> dict[str, Any]:
        """As the verb takes them."""
        data = self.cleaned_data
        found: dict[str, Any] = {n: data[n] == CHOICES[n][1] for n in stored.FLAGS if data[n]}
        found |= {name: data[name] for name in stored.NUMBERS if data[name] is not None}
        for name in stored.LISTS:
            names = [one for one in re.split(r"[\s,]+", data[name]) if one]
            if names:
                found[name] = [one for one in names if one not in {NONE, "–"}]
        return found

    def add_refusal(self, refused: Any) -> None:
        name = (refused.field or "").removeprefix("placement.")
        self.add_error(name if name in self.fields else None, refused.message)

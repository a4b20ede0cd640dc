"""How a release goes: the part of the wizard's second step that chooses a strategy."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from containers.forms.base import SaneForm

WEEK = 7 * 86_400


class StrategyFields(SaneForm):
    """All fields are there whatever is chosen; those of other strategies are ignored."""

    strategy = forms.ChoiceField(
        label=gettext_lazy("Strategy"),
        widget=forms.RadioSelect,
        required=False,
        choices=[
            ("rolling", gettext_lazy("Rolling: batch after batch; the first healthy instance opens the gate")),
            ("canary", gettext_lazy("Canary (grey): a few instances first, then it holds and you decide")),
            ("blue-green", gettext_lazy("Blue/green: new instances beside the old ones, then the traffic is switched")),
            ("recreate", gettext_lazy("Recreate: all stop, then all start; nothing serves in between")),
        ],
    )
    canary = forms.CharField(
        label=gettext_lazy("Instances first"),
        max_length=5,
        required=False,
        help_text=gettext_lazy("A number, or a share such as 10%."),
    )
    hold = forms.IntegerField(
        label=gettext_lazy("Then it holds for (s)"),
        min_value=0,
        max_value=WEEK,
        required=False,
        help_text=gettext_lazy("Left empty: until somebody lets it go on."),
    )
    switch = forms.ChoiceField(
        label=gettext_lazy("The traffic is switched"),
        required=False,
        choices=[
            ("click", gettext_lazy("when a person clicks")),
            ("auto", gettext_lazy("at once, when all new ones are healthy")),
        ],
    )
    keep = forms.IntegerField(
        label=gettext_lazy("The old ones are kept for (s)"),
        min_value=0,
        max_value=WEEK,
        required=False,
        help_text=gettext_lazy("As long as they are there, the way back is the switch alone."),
    )
    old_side = forms.ChoiceField(
        label=gettext_lazy("Meanwhile they are"),
        required=False,
        choices=[("running", gettext_lazy("running")), ("stopped", gettext_lazy("stopped"))],
    )

    def clean_canary(self) -> str:
        return number_or_share(self.cleaned_data["canary"] or "1")

    def strategy_policy(self) -> dict[str, Any]:
        d = self.cleaned_data
        canary = d["canary"]
        return {
            "strategy": d["strategy"] or "rolling",
            "canary": canary if canary.endswith("%") else int(canary),
            "hold": d["hold"] or 0,
            "switch": d["switch"] or "click",
            "keep": d["keep"] or 0,
            "keep_running": d["old_side"] != "stopped",
        }


def number_or_share(value: Any) -> str:
    """«2» or «25%». Raises ValidationError."""
    text = str(value).replace(" ", "")
    found = re.fullmatch(r"(\d{1,4})(%?)", text, re.ASCII)
    if not found or not 1 <= int(found[1]) <= (100 if found[2] else 1000):
        raise forms.ValidationError(_("Write a number from 1, or a share from 1% to 100%."))
    return text

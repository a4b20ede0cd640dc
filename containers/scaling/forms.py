"""What people fill in about a place's policy. The verb checks it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from containers.forms.base import SaneForm
from containers.scaling import lines
from containers.scaling.parsing import HIGHEST, MOST_INSTANCES, NUMBERS
from xqplatform.errors import Refused

LOADS = (1, 2, 3)
FORECAST = {"weeks": 4, "minutes": 15, "margin": 10}
ON, DRY, OFF = "on", "dry", "off"
MODES = [(ON, _("on: it scales")), (DRY, _("dry run: it only notes what it would do")), (OFF, _("off"))]


def _metric() -> forms.CharField:
    attrs = {"class": "mono", "list": "metrics", "autocomplete": "off", "spellcheck": "false"}
    return forms.CharField(label=_("Metric"), required=False, max_length=124, widget=forms.TextInput(attrs=attrs))


def _target() -> forms.FloatField:
    return forms.FloatField(label=_("Target"), required=False, min_value=0, max_value=HIGHEST)


def _text(label: Any, help_text: Any) -> forms.CharField:
    area = forms.Textarea(attrs={"rows": 3, "class": "mono", "spellcheck": "false"})
    return forms.CharField(label=label, required=False, max_length=2000, widget=area, help_text=help_text)


def _count(name: str, label: Any, help_text: Any) -> forms.IntegerField:
    usual, low, high = NUMBERS[name]
    return forms.IntegerField(label=label, initial=usual, min_value=low, max_value=high, help_text=help_text)


class PolicyForm(SaneForm):
    """All of a policy; what is usual is filled in."""

    mode = forms.ChoiceField(label=_("What it does"), choices=MODES, initial=DRY)
    least = forms.IntegerField(label=_("At least"), min_value=1, max_value=MOST_INSTANCES)
    most = forms.IntegerField(label=_("At most"), min_value=1, max_value=MOST_INSTANCES)
    metric_1, target_1 = _metric(), _target()
    metric_2, target_2 = _metric(), _target()
    metric_3, target_3 = _metric(), _target()
    market = _text(
        _("By a trading calendar"),
        _("A line a moment: calendar, open or close, minutes after it, instances. So: sse open -20 12"),
    )
    week = _text(_("By the week"), _("A line a moment: days, time, instances. So: mon-fri 08:30 12"))
    zone = forms.CharField(label=_("Time zone of these times"), max_length=60, initial="UTC")
    forecast = forms.BooleanField(
        label=_("By forecast: be ready for what the same weekday took in the last weeks"), required=False
    )
    forecast_metric = _metric()
    weeks = forms.IntegerField(label=_("Weeks"), initial=FORECAST["weeks"], min_value=1, max_value=12)
    minutes = forms.IntegerField(label=_("Minutes ahead"), initial=FORECAST["minutes"], min_value=0, max_value=240)
    margin = forms.IntegerField(label=_("Margin in percent"), initial=FORECAST["margin"], min_value=0, max_value=500)
    tolerance = _count("tolerance", _("Tolerance in percent"), _("So near to the target nothing is done."))
    over = _count("over", _("Seconds looked at"), _("Of each instance the median of them counts."))
    window = _count("window", _("Window in seconds"), _("It shrinks to the highest wish of so long a time."))
    most_up = _count("most_up", _("Growth at once, percent"), _("By load; a calendar's number is reached at once."))
    most_down = _count("most_down", _("Shrinking at once, percent"), _("Then the window begins anew."))

    def data_of_verb(self) -> dict[str, Any]:
        """As `services.save` takes it. Raises Refused for lines that cannot be read."""
        given = self.cleaned_data
        loads = [
            {"metric": given[f"metric_{n}"].strip(), "target": given[f"target_{n}"]}
            for n in LOADS
            if given[f"metric_{n}"].strip() or given[f"target_{n}"] is not None
        ]
        forecast = {name: given[name] for name in FORECAST}
        forecast["metric"] = given["forecast_metric"].strip()  # none: the first load's
        return {
            "least": given["least"],
            "most": given["most"],
            "loads": loads,
            "market": lines.market_of(given["market"]),
            "week": lines.week_of(given["week"]),
            "zone": given["zone"].strip(),
            "forecast": forecast if given["forecast"] else None,
            "enabled": given["mode"] != OFF,
            "dry": given["mode"] == DRY,
        } | {name: given[name] for name in NUMBERS}

    def add_refusal(self, refused: Refused) -> None:
        """What is refused of the loads stands beside the first of them."""
        field = "metric_1" if refused.field == "loads" else refused.field
        super().add_refusal(Refused(refused.message, field, refused.code))


def initial_of(content: Mapping[str, Any], standing: int) -> dict[str, Any]:
    """What the form shows of a policy, also of one that cannot be read; of none something sensible for so many instances."""
    if not content:
        return {
            "mode": DRY,
            "least": max(1, standing),
            "most": max(2, 3 * standing),
            "metric_1": "cpu.percent",
            "target_1": 60,
        }
    mode = OFF if content.get("enabled") is False else DRY if content.get("dry") is True else ON
    found: dict[str, Any] = {
        "mode": mode,
        "zone": content.get("zone", "UTC"),
        "forecast": bool(content.get("forecast")),
    }
    found |= {name: content.get(name, 1) for name in ("least", "most")}
    found |= {name: content.get(name, usual) for name, (usual, _low, _high) in NUMBERS.items()}
    for n, one in zip(LOADS, lines.mappings(content.get("loads")), strict=False):
        found |= {f"metric_{n}": one.get("metric", ""), f"target_{n}": one.get("target", "")}
    found |= {"market": lines.market_text(lines.mappings(content.get("market")))}
    found |= {"week": lines.week_text(lines.mappings(content.get("week")))}
    forecast = next(iter(lines.mappings([content.get("forecast")])), {})
    found["forecast_metric"] = forecast.get("metric", "")
    return found | {name: forecast.get(name, usual) for name, usual in FORECAST.items()}


def repairing(content: Any, refused: Refused) -> PolicyForm:
    """What is stored and cannot be read, as if somebody had just typed it: what is wrong stands beside its field."""
    typed = initial_of(content if isinstance(content, Mapping) else {"enabled": True}, 1)
    form = PolicyForm({name: str(value) for name, value in typed.items() if value not in (None, False)})
    form.is_valid()
    form.add_refusal(refused)
    return form

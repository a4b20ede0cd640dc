"""Forms of guardrails, freeze windows and calendars. The verbs decide; a form shapes what was typed."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from containers.forms.base import SaneForm
from containers.guardrails import markets
from containers.models import Calendar, Environment, Freeze, Guardrails

WEEKDAYS = [
    ("0", gettext_lazy("Monday")),
    ("1", gettext_lazy("Tuesday")),
    ("2", gettext_lazy("Wednesday")),
    ("3", gettext_lazy("Thursday")),
    ("4", gettext_lazy("Friday")),
    ("5", gettext_lazy("Saturday")),
    ("6", gettext_lazy("Sunday")),
]
ZONES = forms.TextInput(attrs={"list": "zones", "autocomplete": "off", "spellcheck": "false"})
CLOCK = forms.TimeInput(attrs={"type": "time"}, format="%H:%M")


def number(label: Any, help_text: Any, high: int, low: int = 1, *, required: bool = False) -> forms.IntegerField:
    return forms.IntegerField(label=label, help_text=help_text, min_value=low, max_value=high, required=required)


class RulesForm(SaneForm):
    proof = forms.BooleanField(
        label=gettext_lazy("Only images that proved themselves"),
        required=False,
        help_text=gettext_lazy("Their digest must have run healthy elsewhere before. What ran here before needs none."),
    )
    proof_from = forms.MultipleChoiceField(
        label=gettext_lazy("Proved in one of"), required=False, widget=forms.CheckboxSelectMultiple
    )
    proof_minutes = number(
        gettext_lazy("Healthy for (minutes)"), gettext_lazy("Without a break, on each."), 20_160, 0, required=True
    )
    proof_instances = number(gettext_lazy("On so many instances"), "", 500, required=True)
    reason = forms.BooleanField(
        label=gettext_lazy("A reason that a person wrote"),
        required=False,
        help_text=gettext_lazy("Otherwise the commit's first line is taken."),
    )
    ticket = forms.CharField(
        label=gettext_lazy("The reason names a ticket"),
        max_length=120,
        required=False,
        help_text=gettext_lazy("Such as OPS-#, INC-#: # stands for a number. Empty: none is asked for."),
        widget=forms.TextInput(attrs={"class": "mono", "spellcheck": "false"}),
    )
    most_batch = number(gettext_lazy("At most so many at a time"), gettext_lazy("Instances; empty: no limit."), 500)
    most_share = number(gettext_lazy("At most so many percent at a time"), gettext_lazy("Empty: no limit."), 100)
    least_healthy = number(
        gettext_lazy("So many percent stay healthy"), gettext_lazy("While a batch is changed; empty: no rule."), 100
    )
    approvals = number(
        gettext_lazy("Approvals by other people"),
        gettext_lazy("A release then waits until so many have approved it; 0: none is needed."),
        5,
        0,
    )
    approvals_role = forms.ChoiceField(
        label=gettext_lazy("Approved by"), choices=Guardrails.Approver.choices, required=False
    )
    approvals_hours = number(gettext_lazy("An approval holds for (hours)"), "", 720)
    when_frozen = forms.ChoiceField(
        label=gettext_lazy("When a freeze begins during a release"), choices=Guardrails.Frozen.choices
    )

    def __init__(self, *args: Any, environment: Environment, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        others = Environment.objects.exclude(pk=environment.pk)
        self.fields["approvals"].initial, self.fields["approvals_hours"].initial = 0, 24
        self.fields["proof_from"].choices = [(e.slug, e.local_title) for e in others]  # type: ignore[attr-defined]

    def clean_approvals(self) -> int:
        return int(self.cleaned_data["approvals"] or 0)

    def clean_approvals_hours(self) -> int:
        return int(self.cleaned_data["approvals_hours"] or 24)


class FreezeForm(SaneForm):
    """A new window; which fields there are depends on its kind."""

    calendar = forms.ChoiceField(label=gettext_lazy("Calendar"))
    before = number(gettext_lazy("Minutes before it opens"), "", 1440, 0)
    after = number(gettext_lazy("Minutes after it closes"), "", 1440, 0)
    lunch = forms.BooleanField(label=gettext_lazy("Over its lunch break, too"), required=False)
    days = forms.MultipleChoiceField(label=gettext_lazy("Days"), choices=WEEKDAYS, widget=forms.CheckboxSelectMultiple)
    start = forms.TimeField(label=gettext_lazy("From"), widget=CLOCK)
    end = forms.TimeField(
        label=gettext_lazy("To"), widget=CLOCK, help_text=gettext_lazy("Not later than from: on the next day.")
    )
    zone = forms.CharField(label=gettext_lazy("Time zone"), max_length=60, widget=ZONES)
    starts = forms.DateTimeField(
        label=gettext_lazy("From"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    ends = forms.DateTimeField(
        label=gettext_lazy("To"), widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
    )
    reason = forms.CharField(label=gettext_lazy("Why"), max_length=250, required=False)

    OF = {
        Freeze.Kind.MARKET: ("calendar", "before", "after", "lunch", "reason"),
        Freeze.Kind.WEEKLY: ("days", "start", "end", "zone", "reason"),
        Freeze.Kind.ONCE: ("starts", "ends", "reason"),
    }

    def __init__(self, *args: Any, kind: str, **kwargs: Any) -> None:
        kwargs.setdefault("auto_id", f"id_{kind}_%s")
        fresh = {"before": 15, "after": 0, "lunch": True, "zone": str(timezone.get_current_timezone())}
        kwargs["initial"] = fresh | {"days": ["0", "1", "2", "3", "4"]} | (kwargs.get("initial") or {})
        super().__init__(*args, **kwargs)
        self.kind = kind
        wanted = self.OF[Freeze.Kind(kind)]
        self.fields = {name: self.fields[name] for name in wanted}
        if "calendar" in self.fields:
            rows = Calendar.objects.values_list("slug", "title")
            self.fields["calendar"].choices = list(rows)  # type: ignore[attr-defined]
        if kind == Freeze.Kind.ONCE:
            self.fields["reason"].required = True

    def data_of_verb(self) -> dict[str, Any]:
        data = dict(self.cleaned_data) | {"kind": self.kind}
        if "days" in data:
            data["days"] = [int(day) for day in data["days"]]
        return data


class CalendarForm(SaneForm):
    """A calendar of one's own."""

    slug = forms.SlugField(label=gettext_lazy("Name"), max_length=40, help_text=gettext_lazy("Part of its address."))
    title = forms.CharField(label=gettext_lazy("Title"), max_length=80)
    zone = forms.CharField(label=gettext_lazy("Time zone"), max_length=60, widget=ZONES)
    days = forms.MultipleChoiceField(
        label=gettext_lazy("Open on"), choices=WEEKDAYS, widget=forms.CheckboxSelectMultiple, required=False
    )
    hours = forms.CharField(
        label=gettext_lazy("Hours"),
        max_length=120,
        required=False,
        help_text=gettext_lazy("Such as 09:00-12:00, 13:00-18:00. None: only what an ICS file or an exception opens."),
        widget=forms.TextInput(attrs={"class": "mono", "spellcheck": "false"}),
    )

    def clean_hours(self) -> list[tuple[str, str]]:
        found = []
        for part in re.split(r"[,;]\s*", str(self.cleaned_data["hours"]).strip()):
            if not part:
                continue
            match = re.fullmatch(r"(\d{2}:\d{2})\s*[-–]\s*(\d{2}:\d{2})", part.strip())
            if match is None:
                raise forms.ValidationError(_("Hours are written so: 09:00-12:00, 13:00-18:00."))
            found.append((match[1], match[2]))
        return found

    def clean_days(self) -> list[int]:
        return [int(day) for day in self.cleaned_data["days"]]


class MarketForm(SaneForm):
    market = forms.ChoiceField(label=gettext_lazy("Market"), choices=markets.choices)


class DayForm(SaneForm):
    """An exception."""

    day = forms.DateField(label=gettext_lazy("Day"), widget=forms.DateInput(attrs={"type": "date"}))
    opens = forms.TimeField(label=gettext_lazy("Opens"), required=False, widget=CLOCK)
    closes = forms.TimeField(
        label=gettext_lazy("Closes"),
        required=False,
        widget=CLOCK,
        help_text=gettext_lazy("Both empty: closed all day."),
    )
    reason = forms.CharField(label=gettext_lazy("Why"), max_length=250, required=False)


class IcsForm(SaneForm):
    file = forms.FileField(
        label=gettext_lazy("ICS file"),
        required=False,
        help_text=gettext_lazy("At most 512 KiB. None: the events that were imported are taken away."),
    )
    means = forms.ChoiceField(
        label=gettext_lazy("During its events it is"),
        choices=[("closed", gettext_lazy("closed (holidays)")), ("open", gettext_lazy("open (what a freeze goes by)"))],
    )

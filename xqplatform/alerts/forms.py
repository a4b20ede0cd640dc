"""What people fill in. The verbs check it; here only the fields, their help and their order."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from xqplatform.accounts.actor import Actor
from xqplatform.alerts import sources, spans, subjects
from xqplatform.alerts.models import Channel, Rule, Severity
from xqplatform.metrics import catalogue

ALL = gettext_lazy("all")


class SpanField(forms.CharField):
    """A time as people type it; cleaned to seconds."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=20, widget=forms.TextInput(attrs={"autocomplete": "off"}), **options)

    def clean(self, value: Any) -> int:
        text = super().clean(value)
        seconds = spans.parse(text) if text else 0
        if seconds is None:
            raise forms.ValidationError(_("A time such as 30 s, 5 min, 2 h or 1 d; a month at most."))
        return seconds


def what_choices() -> list[tuple[Any, list[tuple[str, Any]]]]:
    """Metrics and states by the kind of their subjects; the values are «kind metric NAME» and «kind source NAME»."""
    groups: list[tuple[Any, list[tuple[str, Any]]]] = []
    for kind in ("instance", "host"):
        title = subjects.KINDS[kind].title if kind in subjects.KINDS else kind
        found = [(f"{kind} metric {one.name}", f"{one.title} ({one.name})") for one in catalogue.of(kind)]
        groups.append((_("%(kind)s: metrics") % {"kind": title}, found))
    states: dict[str, list[tuple[str, Any]]] = defaultdict(list)
    for source in sources.SOURCES.values():
        states[source.kind].append((f"{source.kind} source {source.name}", source.title))
    for kind, found in states.items():
        title = subjects.KINDS[kind].title if kind in subjects.KINDS else kind
        groups.append((_("%(kind)s: states") % {"kind": title}, found))
    return groups


def _names(found: list[str]) -> list[tuple[str, Any]]:
    return [("", ALL), *((one, one) for one in found)]


class RuleForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    what = forms.ChoiceField(label=gettext_lazy("What is looked at"))
    own = forms.CharField(
        label=gettext_lazy("Another metric"), max_length=80, required=False,
        help_text=gettext_lazy("One that is not in the list: of an application (app.qps), or of one device (fs.percent[/data])."),
    )  # fmt: skip
    condition = forms.ChoiceField(
        label=gettext_lazy("Fires when it is"), choices=Rule.Condition.choices,
        help_text=gettext_lazy("States hold or do not: the numbers below are then left out."),
    )  # fmt: skip
    threshold = forms.FloatField(
        label=gettext_lazy("Threshold"), required=False, help_text=gettext_lazy("In the metric's own unit; bytes as bytes, a ratio from 0 to 1.")
    )  # fmt: skip
    clear = forms.FloatField(
        label=gettext_lazy("Good again at"), required=False,
        help_text=gettext_lazy("Between this and the threshold nothing changes, so that nothing flaps. Empty: the threshold."),
    )  # fmt: skip
    hold = SpanField(label=gettext_lazy("For"), required=False, help_text=gettext_lazy("How long it must be so: 5 min"))
    clear_hold = SpanField(
        label=gettext_lazy("Good for"), required=False, help_text=gettext_lazy("How long it must be good again: 1 min")
    )
    silence_resolves = forms.BooleanField(
        label=gettext_lazy("Ends without data"), required=False,
        help_text=gettext_lazy("Without this an alert stays until data says that it is over."),
    )  # fmt: skip
    severity = forms.ChoiceField(label=gettext_lazy("Severity"), choices=Severity.choices, initial=Severity.WARNING)
    service = forms.ChoiceField(label=gettext_lazy("Service"), required=False)
    environment = forms.ChoiceField(label=gettext_lazy("Environment"), required=False)
    group = forms.ChoiceField(label=gettext_lazy("Host group"), required=False)
    channels = forms.ModelMultipleChoiceField(
        Channel.objects.shared(), label=gettext_lazy("Channels"), required=False, widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("None ticked: those that are for every rule."),
    )  # fmt: skip
    text = forms.CharField(
        label=gettext_lazy("What to do"), required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("Goes out with each notification."),
    )  # fmt: skip
    enabled = forms.BooleanField(label=gettext_lazy("On"), required=False, initial=True)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, choices in (
            ("what", what_choices()),
            ("service", _names([one.slug for one in subjects.services()])),
            ("environment", _names(subjects.environments())),
            ("group", _names(subjects.groups())),
        ):
            self.fields[name].choices = choices  # type: ignore[attr-defined]

    @staticmethod
    def initial_of(rule: Rule) -> dict[str, Any]:
        plain = (
            "name", "condition", "threshold", "clear", "silence_resolves", "severity", "service", "environment",
            "group", "text", "enabled",
        )  # fmt: skip
        found: dict[str, Any] = {name: getattr(rule, name) for name in plain}
        for name in ("threshold", "clear"):  # 90, not 90.0
            found[name] = "" if found[name] is None else f"{found[name]:.10g}"
        found["what"] = f"{rule.kind} source {rule.source}" if rule.source else f"{rule.kind} metric {rule.metric}"
        listed = rule.source or any(one.name == rule.metric for one in catalogue.of(rule.kind))
        if not listed:
            base = catalogue.split(rule.metric)[0]
            found |= {"own": rule.metric, "what": f"{rule.kind} metric {base}"}
        return found | {
            "hold": spans.shown(rule.hold),
            "clear_hold": spans.shown(rule.clear_hold),
            "channels": list(rule.channels.all()) if rule.pk else [],
        }

    def values(self) -> dict[str, Any]:
        """As the verb takes it."""
        data = dict(self.cleaned_data)
        data.pop("channels")
        kind, way, name = data.pop("what").split(" ", 2)
        own = data.pop("own").strip()
        if own:
            way, name = "metric", own
            known = catalogue.find(own).subjects
            kind = kind if kind in known else next(iter(sorted(known)))
        data["threshold"] = data["threshold"] or 0.0
        return data | {
            "kind": kind,
            "metric": name if way == "metric" else "",
            "source": name if way == "source" else "",
        }


SILENCE_SPANS = [
    ("30 min", gettext_lazy("30 minutes")),
    ("1 h", gettext_lazy("1 hour")),
    ("4 h", gettext_lazy("4 hours")),
    ("1 d", gettext_lazy("1 day")),
    ("3 d", gettext_lazy("3 days")),
    ("7 d", gettext_lazy("1 week")),
    ("30 d", gettext_lazy("30 days")),
]


class SilenceForm(forms.Form):
    rule = forms.ModelChoiceField(
        Rule.objects.all(), label=gettext_lazy("Rule"), required=False, empty_label=gettext_lazy("all rules")
    )
    service = forms.ChoiceField(label=gettext_lazy("Service"), required=False)
    environment = forms.ChoiceField(label=gettext_lazy("Environment"), required=False)
    group = forms.ChoiceField(label=gettext_lazy("Host group"), required=False)
    host = forms.CharField(
        label=gettext_lazy("Host"), max_length=80, required=False, help_text=gettext_lazy("Its name; with it all that stands on it.")
    )  # fmt: skip
    subject = forms.CharField(required=False, max_length=60, widget=forms.HiddenInput)
    span = forms.ChoiceField(label=gettext_lazy("For"), choices=SILENCE_SPANS, initial="1 h")
    reason = forms.CharField(
        label=gettext_lazy("Why"), max_length=500, help_text=gettext_lazy("For whoever wonders why nobody was told.")
    )

    def __init__(self, actor: Actor, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, choices in (
            ("service", _names(subjects.services_seen_by(actor))),
            ("environment", _names(subjects.environments())),
            ("group", _names(subjects.groups())),
        ):
            self.fields[name].choices = choices  # type: ignore[attr-defined]

    def values(self) -> dict[str, Any]:
        data = dict(self.cleaned_data)
        until = timezone.now() + timedelta(seconds=spans.parse(data.pop("span")) or 3600)
        return data | {"until": until, "host": data["host"].strip()}


class ChannelForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=80)
    kind = forms.ChoiceField(
        label=gettext_lazy("Kind"),
        choices=[(kind.value, kind.label) for kind in Channel.SHARED],
        widget=forms.RadioSelect,
        initial=Channel.Kind.APPRISE,
    )
    url = forms.CharField(
        label=gettext_lazy("Address"), max_length=2000, required=False, strip=True,
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text=gettext_lazy("Kept encrypted and never shown again. Empty: stays as it is."),
    )  # fmt: skip
    secret = forms.CharField(
        label=gettext_lazy("Signing secret"), max_length=200, required=False, strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=gettext_lazy("Of a signed webhook: its receiver checks messages by it. Empty: stays as it is; without one nothing is signed."),
    )  # fmt: skip
    least = forms.ChoiceField(
        label=gettext_lazy("From this severity on"), choices=[(Severity.WARNING, gettext_lazy("warning")), (Severity.CRITICAL, gettext_lazy("critical only"))]
    )  # fmt: skip
    default = forms.BooleanField(
        label=gettext_lazy("For every rule that names no channel"), required=False, initial=True
    )
    hears_closed = forms.BooleanField(
        label=gettext_lazy("Hears of closed teams"), required=False,
        help_text=gettext_lazy("Whoever reads this channel learns of services that not everybody may see. Set by who sees them all."),
    )  # fmt: skip
    enabled = forms.BooleanField(label=gettext_lazy("On"), required=False, initial=True)

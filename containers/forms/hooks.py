"""The forms of hooks, traffic and nginx fronts."""

from __future__ import annotations

import shlex
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from containers.forms.base import SaneForm
from containers.forms.texts import pairs_read, pairs_shown
from containers.hooks import shape
from containers.hooks.shape import Hook, point_words
from containers.models import Front
from containers.traffic.shape import ON_FAILURE, Traffic
from hosts.models import Host, HostCommand
from xqplatform.errors import Refused

MONO = {"class": "mono", "spellcheck": "false"}


def kind_words() -> dict[str, Any]:
    return {
        "command": _("a command in the container"),
        "host": _("a reviewed command on a host"),
        "http": _("an HTTP call"),
        "nginx": _("nginx"),
    }


def failure_words() -> dict[str, Any]:
    return {
        "fail": _("the step fails"),
        "hold": _("hold until somebody says how to go on"),
        "warn": _("go on, with a warning"),
    }


class HookForm(SaneForm):
    """One hook. Of the three kinds only the fields of the chosen one count."""

    name = forms.CharField(
        label=gettext_lazy("Name"), max_length=40, widget=forms.TextInput(attrs=MONO | {"placeholder": "warm-cache"})
    )
    at = forms.ChoiceField(label=gettext_lazy("When"))
    kind = forms.ChoiceField(label=gettext_lazy("What"))
    command = forms.CharField(
        label=gettext_lazy("Command"),
        required=False,
        max_length=4000,
        widget=forms.TextInput(attrs=MONO | {"placeholder": "/app/bin/drain --wait 5"}),
        help_text=gettext_lazy("Run directly, without a shell; XQ_HOOK_KEY and others are among its variables."),
    )
    operation = forms.ChoiceField(
        label=gettext_lazy("Reviewed command"),
        required=False,
        help_text=gettext_lazy("One that you may run by hand."),
    )
    host = forms.ChoiceField(label=gettext_lazy("Host"), required=False)
    values = forms.CharField(
        label=gettext_lazy("Parameters"),
        required=False,
        max_length=4000,
        widget=forms.Textarea(attrs=MONO | {"rows": 2, "placeholder": "address={address}"}),
        help_text=gettext_lazy(
            "NAME=value, one a line. Filled in: {service} {environment} {release} {name} {number} {address} {host} {key}."
        ),
    )
    method = forms.ChoiceField(label=gettext_lazy("Method"), required=False, choices=[(m, m) for m in shape.METHODS])
    url = forms.CharField(
        label=gettext_lazy("Address"),
        required=False,
        max_length=1000,
        widget=forms.TextInput(attrs=MONO | {"placeholder": "https://hooks.example/released"}),
        help_text=gettext_lazy(
            "In a segment of this place, or in a network that XQ_HOOK_NETWORKS names. No redirect is followed."
        ),
    )
    signed = forms.BooleanField(label=gettext_lazy("Signed (X-XQ-Signature)"), required=False)
    secret = forms.CharField(
        label=gettext_lazy("Secret"),
        required=False,
        max_length=2000,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "class": "mono"}),
    )
    timeout = forms.FloatField(label=gettext_lazy("Ends after (s)"), min_value=1, max_value=shape.LONGEST_TIMEOUT)
    retries = forms.IntegerField(
        label=gettext_lazy("Further tries"),
        min_value=0,
        max_value=10,
        help_text=gettext_lazy("At growing pauses: 1, 2, 4 … 30 s."),
    )
    on_failure = forms.ChoiceField(label=gettext_lazy("If it fails"))
    reason = forms.CharField(label=gettext_lazy("Why"), required=False, max_length=250)

    def __init__(self, *args: Any, hook: Hook | None = None, **kwargs: Any) -> None:
        kwargs.setdefault("initial", initial_of(hook))
        super().__init__(*args, **kwargs)
        f: dict[str, Any] = self.fields
        f["at"].choices = list(point_words().items())
        f["kind"].choices = [(kind, word) for kind, word in kind_words().items() if kind in shape.KINDS]
        f["on_failure"].choices = list(failure_words().items())
        known = HostCommand.objects.exclude(reviewed=None)
        f["operation"].choices = [("", "–"), *((row.name, f"{row.name} – {row.shown_title}") for row in known)]
        names = Host.objects.exclude(state=Host.State.RETIRED).values_list("name", flat=True)
        f["host"].choices = [("", _("the instance's own")), *((name, name) for name in names)]
        if hook is not None and hook.signed:
            f["secret"].widget.attrs["placeholder"] = _("stored; empty keeps it")

    def clean_command(self) -> list[str]:
        try:
            return shlex.split(self.cleaned_data["command"])
        except ValueError as error:
            raise forms.ValidationError(_("A quote is not closed.")) from error

    def clean_values(self) -> dict[str, str]:
        return pairs_read(self.cleaned_data["values"])

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                shape.read_one(self.content())
            except Refused as refused:
                self.add_refusal(refused)
        return data

    def content(self) -> dict[str, Any]:
        """The hook as JSON, with the fields of its kind."""
        d = self.cleaned_data
        mine = {"command": ("command",), "host": ("operation", "host", "values"), "http": ("method", "url", "signed")}
        names = ("name", "at", "kind", *mine[d["kind"]], "timeout", "retries", "on_failure")
        return {name: d[name] for name in names}

    def add_refusal(self, refused: Refused) -> None:
        """A verb names the field within all hooks: «hooks.3.url»."""
        if refused.field and refused.field.startswith(shape.SECRET.rstrip(":")) and refused.field.count(".") >= 2:
            refused.field = refused.field.split(".")[-1]
        elif refused.field == "secret_names":
            refused.field = "secret"
        super().add_refusal(refused)


def initial_of(hook: Hook | None) -> dict[str, Any]:
    """A hook as the form shows it; a new one with what most want."""
    if hook is None:
        return {
            "at": "release.after",
            "kind": "http",
            "method": "POST",
            "timeout": 30,
            "retries": 2,
            "on_failure": "fail",
        }
    data = hook.to_json()
    return data | {
        "command": shlex.join(hook.command),
        "values": pairs_shown(dict(hook.values)),
        "timeout": f"{hook.timeout:g}",
    }


class TrafficForm(SaneForm):
    """How instances are taken out of traffic."""

    way = forms.ChoiceField(label=gettext_lazy("By"))
    front = forms.ChoiceField(label=gettext_lazy("nginx front"), required=False)
    port = forms.IntegerField(label=gettext_lazy("Port of the instances"), min_value=1, max_value=65535)
    drain = forms.FloatField(
        label=gettext_lazy("Drain (s)"),
        min_value=0,
        max_value=900,
        help_text=gettext_lazy("At most, before the stop. With nginx it ends as soon as old requests have ended."),
    )
    on_failure = forms.ChoiceField(label=gettext_lazy("If nginx does not take it"))
    reason = forms.CharField(label=gettext_lazy("Why"), required=False, max_length=250)

    def __init__(self, *args: Any, traffic: Traffic, **kwargs: Any) -> None:
        kwargs.setdefault("initial", traffic.to_json() | {"drain": f"{traffic.drain:g}"})
        super().__init__(*args, **kwargs)
        f: dict[str, Any] = self.fields
        f["way"].choices = [
            ("none", _("nothing: it just stops")),
            ("hooks", _("hooks at «take out» and «put back», and the drain time")),
            ("nginx", _("an nginx front")),
        ]
        f["front"].choices = [("", "–"), *((row.slug, str(row)) for row in Front.objects.all())]
        words = {"hold": _("hold, and try on"), "fail": _("the step fails")}
        f["on_failure"].choices = [(key, words[key]) for key in ON_FAILURE]

    def content(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in ("way", "front", "port", "drain", "on_failure")}

    def add_refusal(self, refused: Refused) -> None:
        if refused.field and refused.field.startswith("traffic."):
            refused.field = refused.field.removeprefix("traffic.")
        super().add_refusal(refused)


class FrontForm(SaneForm):
    """Where an nginx is that takes upstream files."""

    slug = forms.SlugField(label=gettext_lazy("Name"), max_length=50, help_text=gettext_lazy("Services name it so."))
    title = forms.CharField(label=gettext_lazy("Title"), required=False, max_length=120)
    hosts = forms.ModelMultipleChoiceField(
        Host.objects.none(),
        label=gettext_lazy("Hosts"),
        to_field_name="name",
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("With an SSH access: files are put there and nginx is reloaded over it."),
    )
    folder = forms.CharField(
        label=gettext_lazy("Folder of upstream files"),
        max_length=200,
        widget=forms.TextInput(attrs=MONO),
        help_text=gettext_lazy("Included by the configuration within http: «include /etc/nginx/conf.d/*.conf;»."),
    )
    conf = forms.CharField(label=gettext_lazy("Main configuration"), max_length=200, widget=forms.TextInput(attrs=MONO))
    pid = forms.CharField(label=gettext_lazy("Pid file"), max_length=200, widget=forms.TextInput(attrs=MONO))
    program = forms.CharField(label=gettext_lazy("Program"), max_length=200, widget=forms.TextInput(attrs=MONO))

    def __init__(self, *args: Any, front: Front | None = None, **kwargs: Any) -> None:
        row = front or Front()
        initial: dict[str, Any] = {
            name: getattr(row, name) for name in ("slug", "title", "folder", "conf", "pid", "program")
        }
        if front is not None:
            initial["hosts"] = [host.name for host in front.hosts.all()]
        kwargs["initial"] = initial
        super().__init__(*args, **kwargs)
        f: dict[str, Any] = self.fields
        f["hosts"].queryset = Host.objects.exclude(state=Host.State.RETIRED)
        if front is not None:
            f["slug"].disabled = True

    def content(self) -> dict[str, Any]:
        return self.cleaned_data | {"hosts": [host.name for host in self.cleaned_data["hosts"]]}

"""Reviewed commands: the list, one with its review and its runs, and making or changing one."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from hosts.commands import Parameter, parameters_of
from hosts.models import Host, HostCommand, HostOperation
from hosts.services import commands as verbs
from xqplatform.accounts.http import ActorRequest, put_refusal
from xqplatform.accounts.rights import can, require
from xqplatform.errors import Refused

RUNS = 50


class CommandForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name"), help_text=gettext_lazy("Small letters, digits, - and _."))
    title = forms.CharField(label=gettext_lazy("Title"))
    why = forms.CharField(label=gettext_lazy("What it is for"), required=False)
    argv = forms.CharField(
        label=gettext_lazy("Command"), strip=False, widget=forms.Textarea(attrs={"rows": 5, "class": "mono", "spellcheck": "false"}),
        help_text=gettext_lazy("One word a line; {name} stands for a parameter. No shell reads it: each line reaches the program as it is."),
    )  # fmt: skip
    parameters = forms.CharField(
        label=gettext_lazy("Parameters"), required=False, widget=forms.Textarea(attrs={"rows": 3, "class": "mono", "spellcheck": "false"}),
        help_text=gettext_lazy("One a line: «lines int 1..5000 =200», «unit enum docker|containerd», «name regex [a-z0-9_.-]+»; after = its default."),
    )  # fmt: skip
    timeout = forms.CharField(label=gettext_lazy("Ends after (seconds)"), initial="30", required=False)
    looks_only = forms.BooleanField(
        label=gettext_lazy("Only looks"), required=False,
        help_text=gettext_lazy("It changes nothing: it may run beside other operations."),
    )  # fmt: skip
    roles = forms.MultipleChoiceField(
        label=gettext_lazy("Who may run it, beside SREs"), required=False, choices=[("developer", gettext_lazy("developers")), ("manager", gettext_lazy("managers"))],
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
    )  # fmt: skip

    def values(self) -> dict[str, Any]:
        data = dict(self.cleaned_data)
        data["argv"] = [line.strip("\r") for line in data["argv"].split("\n") if line.strip()]
        return data

    @classmethod
    def initial_of(cls, command: HostCommand) -> dict[str, Any]:
        kept = {name: getattr(command, name) for name in ("name", "title", "why", "timeout", "looks_only", "roles")}
        lines = "\n".join(one.line for one in parameters_of(command.parameters))
        return kept | {"argv": "\n".join(command.argv), "parameters": lines}


class RunForm(forms.Form):
    """A field a parameter, the hosts, and why."""

    reason = forms.CharField(label=gettext_lazy("Why?"), required=False, max_length=500)
    hosts = forms.ModelMultipleChoiceField(
        label=gettext_lazy("Hosts"), queryset=Host.objects.none(), to_field_name="name",
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
    )  # fmt: skip

    def __init__(self, *args: Any, command: HostCommand, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        able = Host.objects.exclude(state=Host.State.RETIRED).exclude(ssh_access=None)
        self.fields["hosts"].queryset = able  # type: ignore[attr-defined]
        self.parameters = parameters_of(command.parameters)
        for one in self.parameters:
            # «p_»: a parameter may be called like a field of the form.
            self.fields[f"p_{one.name}"] = _field_of(one)

    @property
    def parameter_fields(self) -> list[forms.BoundField]:
        return [self[f"p_{one.name}"] for one in self.parameters]


def _field_of(one: Parameter) -> forms.Field:
    if one.kind == "enum":
        choices = [(choice, choice) for choice in one.choices]
        return forms.ChoiceField(label=one.name, choices=choices, initial=one.default or None, required=False)
    span = _("%(low)s to %(high)s") % {"low": one.low, "high": one.high} if one.kind == "int" else one.pattern
    return forms.CharField(label=one.name, help_text=span, initial=one.default, required=False)


@require_GET
def commands(request: ActorRequest) -> HttpResponse:
    rows = list(HostCommand.objects.order_by("-builtin", "name"))
    context = {
        "own": [row for row in rows if not row.builtin],
        "builtin": [row for row in rows if row.builtin],
        "may": can(request.actor, "host.operate"),
    }
    return render(request, "hosts/commands.html", context)


@require_http_methods(["GET", "POST"])
def new(request: ActorRequest) -> HttpResponse:
    require(request.actor, "host.operate")
    return _form(request, None)


@require_http_methods(["GET", "POST"])
def edit(request: ActorRequest, name: str) -> HttpResponse:
    row = get_object_or_404(HostCommand, name=name)
    require(request.actor, "host.operate", obj=row)
    return _form(request, row)


def _form(request: ActorRequest, row: HostCommand | None) -> HttpResponse:
    posted = request.method == "POST"
    form = CommandForm(request.POST if posted else None, initial=CommandForm.initial_of(row) if row else None)
    if posted and form.is_valid():
        try:
            saved = verbs.save_command(request.actor, form.values(), row)
            if saved.reviewed is None:
                messages.success(request, _("Saved. It runs once another SRE has reviewed it."))
            return redirect("hosts:command", name=saved.name)
        except Refused as refusal:
            put_refusal(form, refusal)
    return render(request, "hosts/command_form.html", {"form": form, "command": row}, status=400 if posted else 200)


@require_http_methods(["GET", "POST"])
def command(request: ActorRequest, name: str) -> HttpResponse:
    """One command; a POST runs it on the ticked hosts."""
    row = get_object_or_404(HostCommand, name=name)
    posted = request.method == "POST"
    ticked = request.GET.getlist("host")
    form = RunForm(request.POST if posted else None, command=row, initial={"hosts": ticked})
    if posted:
        if not verbs.may_run(request.actor, row):
            require(request.actor, "host.operate", obj=row)
        if form.is_valid():
            try:
                return _run(request, row, form)
            except Refused as refusal:
                put_refusal(form, Refused(refusal.message, _field(form, refusal.field), refusal.code))
    runs = HostOperation.objects.filter(kind="command.run", params__command=name).select_related("host")
    context = {
        "command": row,
        "parameters": form.parameters,
        "form": form,
        "runs": runs.defer("output", "notes").order_by("-pk")[:RUNS],
        "may": can(request.actor, "host.operate"),
        "may_run": verbs.may_run(request.actor, row),
        "may_review": row.reviewed is None and row.author_id != request.user.pk and can(request.actor, "host.operate"),
    }
    return render(request, "hosts/command.html", context, status=400 if form.errors else 200)


def _field(form: RunForm, name: str | None) -> str | None:
    return f"p_{name}" if f"p_{name}" in form.fields else name


def _run(request: ActorRequest, row: HostCommand, form: RunForm) -> HttpResponse:
    values = {one.name: form.cleaned_data[f"p_{one.name}"] for one in form.parameters}
    hosts = form.cleaned_data["hosts"]
    started, refused = verbs.run_command(request.actor, row, hosts, values, reason=form.cleaned_data["reason"])
    for words in refused:
        messages.error(request, words)
    if len(started) == 1 and not refused:
        return redirect(started[0].get_absolute_url())
    messages.success(request, _("It runs on %(n)s hosts; see below.") % {"n": len(started)})
    return redirect("hosts:command", name=row.name)


@require_POST
def review(request: ActorRequest, name: str) -> HttpResponse:
    row = get_object_or_404(HostCommand, name=name)
    version = request.POST.get("version", "")
    verbs.review(request.actor, row, int(version) if version.isdecimal() and len(version) < 9 else 0)
    messages.success(request, _("Reviewed: it may run now."))
    return redirect("hosts:command", name=name)


@require_POST
def remove(request: ActorRequest, name: str) -> HttpResponse:
    verbs.remove_command(request.actor, get_object_or_404(HostCommand, name=name))
    return redirect("hosts:commands")

"""What people fill in. The verbs check it; here only the fields, their help and their order."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from builds.models import Blueprint, Project, Wave
from builds.place import all_at
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Team
from xqplatform.accounts.rights import can
from xqplatform.accounts.visibility import visible


class RegistryForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=60, help_text=_("A short name, such as main."))
    address = forms.CharField(
        label=_("Address"),
        max_length=250,
        help_text=_("HOST[:PORT][/prefix], as engines write it: registry.example.com:5000"),
    )
    username = forms.CharField(label=_("User"), max_length=120, required=False)
    password = forms.CharField(
        label=_("Password or token"),
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("Kept encrypted and never shown again. Empty: stays as it is."),
    )
    ca = forms.CharField(
        label=_("CA certificate"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text=_(
            "PEM, when a CA of your own signed the registry's certificate. The hosts need it as well, in /etc/docker/certs.d."
        ),
    )
    insecure = forms.BooleanField(
        label=_("Plain HTTP"), required=False, help_text=_("Without TLS: only inside a trusted network.")
    )
    default = forms.BooleanField(
        label=_("Default"), required=False, help_text=_("Where images go when a project names no other.")
    )


class StartForm(forms.Form):
    project = forms.ModelChoiceField(Project.objects.none(), label=_("Project"))
    branch = forms.CharField(
        label=_("Branch"), max_length=120, required=False, help_text=_("Empty: the project's own.")
    )
    revision = forms.CharField(
        label=_("Commit"), max_length=40, required=False, help_text=_("Empty: the newest of the branch.")
    )

    def __init__(self, actor: Actor, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows = visible(actor, Project).exclude(repository="")
        if not self.is_bound:  # (what is sent is judged by the verb, which tells of the attempt)
            may = [pk for pk, place in all_at(rows).items() if can(actor, "build.start", **place)]
            rows = rows.filter(pk__in=may)
        self.fields["project"].queryset = rows  # type: ignore[attr-defined]


class BlueprintForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=60, help_text=_("As it stands in tags: java8V16"))
    base = forms.BooleanField(
        label=_("Makes a base image"),
        required=False,
        initial=True,
        help_text=_("A node of the tree; others build on it."),
    )
    team = forms.ModelChoiceField(Team.objects.all(), label=_("Team"), required=False)
    parent = forms.ModelChoiceField(Blueprint.objects.none(), label=_("Parent"), required=False)
    parent_reference = forms.CharField(
        label=_("Or an image outside the tree"), max_length=250, required=False, help_text=_("scratch, debian:12, …")
    )
    static_script = forms.CharField(
        label=_("Static script"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false", "class": "font-monospace"}),
        help_text=_("Shell, run once while the image is built."),
    )
    runtime_script = forms.CharField(
        label=_("Runtime script"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false", "class": "font-monospace"}),
        help_text=_("Shell, run whenever a container starts, before its command."),
    )
    files = forms.CharField(  # type: ignore[assignment]
        label=_("Files"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false", "class": "font-monospace"}),
        help_text=_('JSON: [{"path": "/etc/motd", "mode": "0644", "text": "…"}]'),
    )

    def __init__(self, actor: Actor, *args: Any, blueprint: Blueprint | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["parent"].queryset = visible(actor, Blueprint).filter(base=True)  # type: ignore[attr-defined]
        if blueprint is not None:
            for key in ("name", "base"):
                self.fields[key].disabled = True
            self.initial = {
                "name": blueprint.name,
                "base": blueprint.base,
                "team": blueprint.team,
                "parent": blueprint.parent,
                "parent_reference": blueprint.parent_reference,
                "static_script": blueprint.static_script,
                "runtime_script": blueprint.runtime_script,
                "files": json.dumps(blueprint.files, indent=1, ensure_ascii=False) if blueprint.files else "",
            }


class WaveForm(forms.Form):
    """How all that stands on a base image is built anew."""

    with_root = forms.BooleanField(label=_("First build the base image itself anew"), required=False, initial=True)
    source = forms.ChoiceField(
        label=_("Projects are built at"), choices=Wave.Source.choices, initial="running", widget=forms.RadioSelect
    )
    reason = forms.CharField(label=_("Why"), max_length=2000, required=False, widget=forms.Textarea(attrs={"rows": 2}))


class ImportForm(forms.Form):
    """An upload; where a browser sends it in pieces, the file itself stays out of this form."""

    target = forms.ChoiceField(
        label=_("Image for"), help_text=_("Of a project, or of a base image that others stand on.")
    )
    file = forms.FileField(
        label=_("File"),
        max_length=200,
        allow_empty_file=True,
        help_text=_(
            "A root file system (tar), a unified LXD image, or docker save; packed with gzip, bzip2, xz, zstd or not."
        ),
    )
    note = forms.CharField(
        label=_("Note"), max_length=500, required=False, help_text=_("Where it comes from, and why.")
    )

    def __init__(self, actor: Actor, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        projects = list(visible(actor, Project).order_by("name"))
        places = all_at(projects)
        mine = [(f"project:{one.name}", one.name) for one in projects if can(actor, "build.start", **places[one.pk])]
        bases: list[tuple[str, str]] = []
        if can(actor, "base_image.manage"):
            names = visible(actor, Blueprint).filter(base=True).order_by("name").values_list("name", flat=True)
            bases = [(f"base:{name}", name) for name in names]
        groups = [(_("Projects"), mine), (_("Base images"), bases)]
        self.fields["target"].choices = [group for group in groups if group[1]]  # type: ignore[attr-defined]
        self.possible = bool(mine or bases)

    def clean_target(self) -> Project | Blueprint:
        kind, _colon, name = self.cleaned_data["target"].partition(":")
        found: Project | Blueprint = (Project if kind == "project" else Blueprint).objects.get(name=name)
        return found

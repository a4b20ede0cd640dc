"""Forms of services."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from builds.models import Blueprint, Registry
from containers.forms.base import SaneForm
from containers.models import Environment
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Team
from xqplatform.accounts.visibility import visible

RESERVED_SERVICES = {"new"}  # words that are pages of their own below /services/


class ServiceForm(SaneForm):
    """A new service: name, owner, where its source lies and where it shall run."""

    slug = forms.SlugField(
        label=gettext_lazy("Name"),
        max_length=50,
        help_text=gettext_lazy("Lower-case letters, digits and hyphens. It becomes part of host names and tags."),
        widget=forms.TextInput(attrs={"placeholder": "snow", "autofocus": True, "class": "mono"}),
    )
    title = forms.CharField(label=gettext_lazy("What it is"), max_length=120, required=False)
    team = forms.ModelChoiceField(Team.objects.none(), label=gettext_lazy("Team"), required=False)
    source = forms.ChoiceField(
        label=gettext_lazy("Source"),
        choices=[
            ("repository", gettext_lazy("a Git repository of ours")),
            ("sample", gettext_lazy("the sample: a small web server, made here, needs no registry and no internet")),
            (
                "machine",
                gettext_lazy("the sample base image: a small machine with sshd, cron and logrotate, in init mode"),
            ),
        ],
        widget=forms.RadioSelect,
        initial="repository",
    )
    repository = forms.CharField(
        label=gettext_lazy("Repository"),
        max_length=500,
        required=False,
        help_text=gettext_lazy("URL or path. Not needed for the samples."),
        widget=forms.TextInput(attrs={"placeholder": "https://git.example.com/team/snow.git", "class": "mono"}),
    )
    default_branch = forms.CharField(
        label=gettext_lazy("Branch"),
        max_length=120,
        required=False,
        help_text=gettext_lazy("What is built when an environment names no branch."),
        widget=forms.TextInput(attrs={"placeholder": "main", "class": "mono"}),
    )
    dockerfile = forms.CharField(
        label=gettext_lazy("Dockerfile"),
        max_length=250,
        required=False,
        help_text=gettext_lazy("In the repository. Left out when a blueprint is chosen."),
        widget=forms.TextInput(attrs={"placeholder": "Dockerfile", "class": "mono"}),
    )
    blueprint = forms.ModelChoiceField(
        Blueprint.objects.none(),
        label=gettext_lazy("Blueprint"),
        required=False,
        empty_label=gettext_lazy("the repository's Dockerfile"),
    )
    registry = forms.ModelChoiceField(
        Registry.objects.none(),
        label=gettext_lazy("Registry"),
        required=False,
        empty_label=gettext_lazy("the default one"),
    )
    environments = forms.ModelMultipleChoiceField(
        Environment.objects.none(),
        label=gettext_lazy("Environments"),
        to_field_name="slug",
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("Where it will run. More can be added later."),
    )

    def __init__(self, actor: Actor, *args: Any, teams: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        f: dict[str, Any] = self.fields
        f["team"].queryset = Team.objects.all() if teams is None else teams
        f["team"].required = teams is not None
        f["blueprint"].queryset = visible(actor, Blueprint).filter(base=False)
        f["registry"].queryset = Registry.objects.all()
        f["environments"].queryset = Environment.objects.all()
        f["environments"].label_from_instance = lambda environment: environment.local_title
        f["environments"].initial = [e.slug for e in Environment.objects.all()]
        f["team"].initial = f["team"].queryset.first() if teams is not None else None

    def clean_slug(self) -> str:
        slug = str(self.cleaned_data["slug"]).lower()
        if slug in RESERVED_SERVICES:
            raise forms.ValidationError(_("This word is taken by a page."))
        return slug

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("source") == "repository" and not data.get("repository") and "repository" not in self.errors:
            self.add_error("repository", _("Say where the repository lies, or take a sample."))
        return data


PROJECT_FIELDS = (
    "repository", "repository_user", "repository_password", "default_branch", "subfolder", "dockerfile", "blueprint",
    "registry",
)  # fmt: skip


class ServiceChangeForm(SaneForm):
    """A service's title and team, and where its source lies and how its image is made."""

    title = forms.CharField(label=gettext_lazy("What it is"), max_length=120, required=False)
    team = forms.ModelChoiceField(Team.objects.none(), label=gettext_lazy("Team"), required=False)
    repository = forms.CharField(label=gettext_lazy("Repository"), max_length=500, required=False)
    repository_user = forms.CharField(label=gettext_lazy("Repository user"), max_length=120, required=False)
    repository_password = forms.CharField(
        label=gettext_lazy("Repository password or token"),
        max_length=1000,
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=gettext_lazy("Never shown again; empty keeps what is stored."),
    )
    default_branch = forms.CharField(label=gettext_lazy("Branch"), max_length=120, required=False)
    subfolder = forms.CharField(label=gettext_lazy("Folder in the repository"), max_length=250, required=False)
    dockerfile = forms.CharField(label=gettext_lazy("Dockerfile"), max_length=250, required=False)
    blueprint = forms.ModelChoiceField(
        Blueprint.objects.none(),
        label=gettext_lazy("Blueprint"),
        required=False,
        empty_label=gettext_lazy("the repository's Dockerfile"),
    )
    registry = forms.ModelChoiceField(
        Registry.objects.none(),
        label=gettext_lazy("Registry"),
        required=False,
        empty_label=gettext_lazy("the default one"),
    )

    def __init__(self, actor: Actor, *args: Any, teams: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        f: dict[str, Any] = self.fields
        f["team"].queryset = Team.objects.all() if teams is None else teams
        f["blueprint"].queryset = visible(actor, Blueprint).filter(base=False)
        f["registry"].queryset = Registry.objects.all()

    def project(self) -> dict[str, Any]:
        """What `save_project` takes; an empty password keeps the stored one."""
        return {name: self.cleaned_data[name] for name in PROJECT_FIELDS}

"""What people fill in about a project's forge. The verbs check it."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from builds.models import Forge


class ForgeForm(forms.Form):
    kind = forms.ChoiceField(label=_("Forge"), choices=Forge.Kind.choices)
    branches = forms.CharField(
        label=_("Branches that are built"),
        required=False,
        max_length=2000,
        help_text=_("Patterns, such as: main release/* — empty: none."),
    )
    tags = forms.CharField(
        label=_("Tags that are built"),
        required=False,
        max_length=2000,
        help_text=_("Patterns, such as: v* — a commit that was built already is not built again for its tag."),
    )
    enabled = forms.BooleanField(label=_("Takes pushes"), required=False, initial=True)
    report = forms.BooleanField(label=_("Sends commit statuses back"), required=False)
    api = forms.CharField(
        label=_("Address of its API"),
        required=False,
        max_length=250,
        help_text=_("Public addresses by https, and the networks that XQ_HOOK_NETWORKS names."),
    )
    repository = forms.CharField(
        label=_("Repository there"), required=False, max_length=250, help_text=_("Such as team/service")
    )
    token = forms.CharField(
        label=_("Token"),
        required=False,
        max_length=500,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("Kept encrypted and never shown again. Empty: stays as it is."),
    )

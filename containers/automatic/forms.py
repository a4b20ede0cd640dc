"""What people fill in about a place's rule. The verb checks it."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from containers.forms.base import SaneForm


class RuleForm(SaneForm):
    enabled = forms.BooleanField(label=_("Releases by itself what was pushed and built"), required=False)
    branches = forms.CharField(
        label=_("Branches"), required=False, max_length=2000, help_text=_("Patterns, such as: main release/*")
    )
    tags = forms.CharField(label=_("Tags"), required=False, max_length=2000, help_text=_("Patterns, such as: v*"))
    reason = forms.CharField(
        label=_("Reason"),
        required=False,
        max_length=250,
        help_text=_(
            "Where this environment asks for a reason or a ticket, it is this one with the commit's first line."
        ),
    )

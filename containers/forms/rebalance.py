"""How many of the proposed moves are begun, and why."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from containers.forms.base import SaneForm
from containers.placement.rebalance import MOST


class RebalanceForm(SaneForm):
    count = forms.IntegerField(label=_("How many moves, from the first on"), min_value=1, max_value=MOST)
    mark = forms.CharField(max_length=16, widget=forms.HiddenInput)
    reason = forms.CharField(label=_("Why"), max_length=2000, required=False)

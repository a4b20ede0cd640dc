"""Forms of terminals and one-off commands."""

from __future__ import annotations

import shlex
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from containers.forms.base import SaneForm
from containers.terminal import commands


class _WithReason(SaneForm):
    reason = forms.CharField(
        label=gettext_lazy("Why"),
        max_length=2000,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, *args: Any, production: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if production:
            self.fields["reason"].required = True
            self.fields["reason"].error_messages["required"] = _("This is production: say why.")


class OpenForm(_WithReason):
    """Opens a terminal."""


class CommandForm(_WithReason):
    """Runs a command once."""

    command = forms.CharField(
        label=gettext_lazy("Command"),
        max_length=20_000,
        help_text=gettext_lazy("A program and its arguments, as in a shell, but without one: pipes need sh -c '…'."),
        widget=forms.TextInput(attrs={"class": "form-control mono", "autocomplete": "off", "spellcheck": "false"}),
    )
    timeout = forms.IntegerField(
        label=gettext_lazy("Seconds at most"), min_value=1, max_value=commands.LONGEST, initial=commands.USUAL
    )
    field_order = ("command", "timeout", "reason")

    def clean_command(self) -> list[str]:
        try:
            return shlex.split(str(self.cleaned_data["command"]))
        except ValueError as error:
            raise forms.ValidationError(_("A quotation mark is not closed.")) from error

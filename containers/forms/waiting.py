"""When a release begins: the wizard's last question."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from containers.forms.base import SaneForm


class WhenForm(SaneForm):
    when = forms.ChoiceField(
        choices=[
            ("now", gettext_lazy("now")),
            ("queue", gettext_lazy("as soon as it may")),
            ("at", gettext_lazy("at a time")),
        ],
        required=False,
    )
    at = forms.DateTimeField(
        label=gettext_lazy("Not before"),
        required=False,
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"],
        error_messages={"invalid": gettext_lazy("Give a day and a time.")},
    )

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        data["when"] = data.get("when") or "now"
        if data["when"] != "at":
            self.errors.pop("at", None)
            data["at"] = None
        elif data.get("at") is None and "at" not in self.errors:
            self.add_error("at", _("Give a day and a time."))
        elif data.get("at") is not None and data["at"] <= timezone.now():
            self.add_error("at", _("That time is past: choose a later one."))
        return data

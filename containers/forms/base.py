"""What all forms share."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from xqplatform.errors import Refused


class SaneForm(forms.Form):
    """A form whose texts have no zero bytes (a database would refuse them with a 500)."""

    def add_refusal(self, refused: Refused) -> None:
        """Puts what a verb refused beside its field, or on top when the form has no such field."""
        name = (refused.field or "").replace(".", "_")
        name = {"secret_names": "new_secret_0"}.get(name, name)
        if name not in self.fields and refused.field:
            name = refused.field.split(".")[0]
        self.add_error(name if name in self.fields else None, refused.message)


class RemoveForm(SaneForm):
    """Asks for the name, because data is lost."""

    name = forms.CharField(label=gettext_lazy("Type the name to confirm"), max_length=100)
    reason = forms.CharField(label=gettext_lazy("Why"), max_length=2000, required=False)

    def __init__(self, *args: Any, expected: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.expected = expected
        self.fields["name"].help_text = expected

    def clean_name(self) -> str:
        name = str(self.cleaned_data["name"]).strip()
        if name != self.expected:
            raise forms.ValidationError(_("That is not the name. It is «%(name)s».") % {"name": self.expected})
        return name

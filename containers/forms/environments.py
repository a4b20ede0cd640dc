"""The form of environments."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from containers.models import Environment
from hosts.models import HostGroup, Segment
from xqplatform.errors import Refused

COLOURS = ("blue", "azure", "indigo", "purple", "pink", "red", "orange", "yellow", "green", "teal", "cyan", "secondary")
RESERVED_ENVIRONMENTS = {"new", "remove", "build", "change", "add", "code"}  # words that are pages below /services/S/


class EnvironmentForm(forms.ModelForm):
    class Meta:
        model = Environment
        fields = (
            "slug",
            "title",
            "title_zh",
            "position",
            "colour",
            "production",
            "branch",
            "groups",
            "segment",
            "auto_repair",
        )
        widgets = {
            "groups": forms.CheckboxSelectMultiple,
            "colour": forms.Select(choices=[(c, c) for c in COLOURS]),
            "branch": forms.TextInput(attrs={"placeholder": "prod", "class": "mono"}),
        }
        help_texts = {
            "slug": gettext_lazy("Part of host names: lower-case letters, digits, hyphens."),
            "branch": gettext_lazy("What is built for it; «*» stands for any text: release*."),
            "production": gettext_lazy("Pages and confirmations of it look like production."),
            "groups": gettext_lazy("Its instances run on hosts of these groups; none ticked: on any host."),
            "segment": gettext_lazy("Instances take their fixed addresses from it; none: the engine's own bridge."),
            "auto_repair": gettext_lazy("Containers that vanish, stop or differ from what is stored are replaced."),
            "position": gettext_lazy("Smaller stands further left."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        f: dict[str, Any] = self.fields
        f["groups"].queryset = HostGroup.objects.all()
        f["segment"].queryset = Segment.objects.all()
        if self.instance.pk:
            f["slug"].disabled = True

    def clean_slug(self) -> str:
        slug = str(self.cleaned_data["slug"]).lower()
        if slug in RESERVED_ENVIRONMENTS and not self.instance.pk:
            raise forms.ValidationError(_("This word is taken by a page."))
        return slug

    def clean_colour(self) -> str:
        colour = str(self.cleaned_data["colour"])
        if colour not in COLOURS:
            raise forms.ValidationError(_("Choose one of: %(choices)s.") % {"choices": ", ".join(COLOURS)})
        return colour

    def add_refusal(self, refused: Refused) -> None:
        self.add_error(refused.field if refused.field in self.fields else None, refused.message)

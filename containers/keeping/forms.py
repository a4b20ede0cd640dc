"""Forms of the page of data."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from containers.forms import RemoveForm, SaneForm
from containers.keeping.shape import BOUNDS, EVERY


def hours() -> list[tuple[int, Any]]:
    found = [(n, ngettext_lazy("every hour", "every %(n)s hours", n) % {"n": n}) for n in EVERY if n]
    return [(0, _("none automatically")), *found]


class PolicyForm(SaneForm):
    """`containers.keeping.shape.Policy`."""

    every = forms.TypedChoiceField(label=_("Snapshots"), coerce=int, choices=hours)
    at = forms.CharField(
        label=_("First one of the day at (UTC)"), max_length=5, help_text=_("A time of day, such as 03:00.")
    )
    keep_last = forms.IntegerField(label=_("The newest"))
    keep_hourly = forms.IntegerField(label=_("Hourly ones to keep"))
    keep_daily = forms.IntegerField(label=_("Daily ones to keep"))
    keep_weekly = forms.IntegerField(label=_("Weekly ones to keep"))
    release = forms.BooleanField(label=_("One before each release"), required=False)
    back = forms.BooleanField(
        label=_("A release that goes back puts it back"),
        required=False,
        help_text=_("What the new version wrote is lost then. Usual: the data stays as it is, whichever version runs."),
    )
    most_still = forms.IntegerField(
        label=_("An instance stands still for at most so many seconds"),
        help_text=_(
            "Where a pool copies data, a snapshot takes as long as the copy; after this time it is given up and the instance runs on."
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, (low, high) in BOUNDS.items():
            number = self.fields[name]
            assert isinstance(number, forms.IntegerField)
            number.widget.attrs |= {"min": low, "max": high}

    def policy(self) -> dict[str, Any]:
        return dict(self.cleaned_data)


class CopyForm(SaneForm):
    """Which instance gets the data; its name is typed, because its own is lost to it."""

    name = forms.CharField(
        label=_("Name of the instance that gets the data"),
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text=_("As it stands on its page, such as snow-acceptance-1. What it has now is lost to it."),
    )
    save = forms.BooleanField(
        label=_("Keep what is there now as a snapshot first"),
        required=False,
        initial=True,
        help_text=_("If the instance is not healthy with the other data, this is put back by itself."),
    )
    reason = forms.CharField(label=_("Why"), max_length=500, required=False)


class RestoreForm(RemoveForm):
    """Asks for the instance's name, because what was written since is lost to it."""

    save = forms.BooleanField(
        label=_("Keep what is there now as a snapshot first"),
        required=False,
        initial=True,
        help_text=_("If the instance is not healthy with the old data, this is put back by itself."),
    )

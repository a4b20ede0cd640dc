"""Forms of profiles and waivers. They keep what was typed; the verbs say what is wrong with it."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from hosts import daemon
from hosts.conformance.checks import CHECKS
from hosts.conformance.models import THRESHOLDS
from hosts.models import HostGroup, Profile

LIMITS: dict[str, tuple[Any, Any]] = {
    "bridge": (_("Bridge that containers stand on"), ""),
    "data_root": (_("Data root"), ""),
    "filesystems": (_("File systems of the data root"), _("Separated by spaces.")),
    "storage_drivers": (_("Storage drivers"), _("Separated by spaces.")),
    "free_percent": (_("Free space, at least (%)"), ""),
    "inodes_percent": (_("Free inodes, at least (%)"), ""),
    "conntrack_percent": (_("Connection tracker's table full to, below (%)"), ""),
    "retransmission_percent": (_("TCP segments sent again, at most (%)"), ""),
    "drops_percent": (_("Packets dropped by a card, at most (%)"), ""),
    "skew_seconds": (_("Clock off by, at most (seconds)"), ""),
    "oldest_engine": (_("Oldest engine"), ""),
    "pool_drivers": (_("Drivers of storage pools"), _("Of LXD hosts. Separated by spaces.")),
    "oldest_lxd": (_("Oldest LXD"), ""),
    "oldest_incus": (_("Oldest Incus"), ""),
    "certificate_days": (_("Certificate ends in, at least (days)"), ""),
    "nofile": (_("Open files a container, at least"), ""),
}


class ProfileForm(forms.Form):
    """What hosts of a role and group shall look like; a limit that is left empty is the built-in one."""

    name = forms.CharField(label=_("Name"), required=False, help_text=_("Empty: made of role and group."))
    role = forms.ChoiceField(label=_("Role"), choices=Profile.Role.choices)
    group = forms.ModelChoiceField(
        label=_("Host group"), queryset=HostGroup.objects.all(), required=False, to_field_name="slug",
        empty_label=_("all of the role"), help_text=_("A group's profile goes before the role's general one."),
    )  # fmt: skip
    daemon = forms.CharField(
        label=_("Wanted in daemon.json"), required=False, strip=False,
        widget=forms.Textarea(attrs={"rows": 18, "class": "mono", "spellcheck": "false"}),
        help_text=_("JSON. What is not named is left as it is on the host; null takes a key away."),
    )  # fmt: skip
    off = forms.MultipleChoiceField(
        label=_("Switched off"), required=False, choices=[(check.slug, check.title) for check in CHECKS],
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, (label, text) in LIMITS.items():
            default = THRESHOLDS[name]
            shown = " ".join(default) if isinstance(default, list) else f"{default}"
            self.fields[f"limit_{name}"] = forms.CharField(
                label=label, required=False, help_text=text, widget=forms.TextInput(attrs={"placeholder": shown})
            )

    @property
    def limits(self) -> list[forms.BoundField]:
        return [self[f"limit_{name}"] for name in LIMITS]

    @classmethod
    def initial_of(cls, profile: Profile) -> dict[str, Any]:
        limits = {
            f"limit_{name}": " ".join(one) if isinstance(one, list) else one for name, one in profile.thresholds.items()
        }
        return {
            "name": profile.name if profile.pk else "",
            "role": profile.role,
            "group": profile.group.slug if profile.group else None,
            "daemon": daemon.dump(profile.daemon),
            "off": profile.off,
            **limits,
        }

    def values(self) -> dict[str, Any]:
        """What the verb takes. A number that is none goes there as text, and the verb says so."""
        data, limits = self.cleaned_data, {}
        for name in LIMITS:
            typed, default = data[f"limit_{name}"].strip(), THRESHOLDS[name]
            if not typed:
                continue
            if isinstance(default, list):
                limits[name] = typed.split()
            elif isinstance(default, str):
                limits[name] = typed
            else:
                try:
                    limits[name] = json.loads(typed)
                except ValueError:
                    limits[name] = typed
        return {**{k: data[k] for k in ("name", "role", "group", "daemon", "off")}, "thresholds": limits}

    def add_error(self, field: str | None, error: Any) -> None:
        super().add_error(None if field == "thresholds" else field, error)


class WaiverForm(forms.Form):
    """A check that is tolerated in a whole group."""

    group = forms.ModelChoiceField(
        label=_("Host group"), queryset=HostGroup.objects.all(), to_field_name="slug", empty_label=None
    )
    check = forms.ChoiceField(label=_("Check"), choices=[(check.slug, check.title) for check in CHECKS])
    reason = forms.CharField(label=_("Why?"))
    until = forms.CharField(label=_("Until"), widget=forms.DateInput(attrs={"type": "date"}))

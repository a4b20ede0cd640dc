"""Forms of backups, drills and stores."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from containers.forms import SaneForm
from containers.keeping.backup_rules import BOUNDS, LONGEST_CHECK, Rules
from containers.keeping.forms import hours
from containers.keeping.models import BackupTarget
from containers.keeping.services.targets import LENGTHS


def stores() -> list[tuple[str, Any]]:
    return [(name, name) for name in BackupTarget.objects.values_list("name", flat=True)]


class RulesForm(SaneForm):
    """`containers.keeping.backup_rules.Rules`, and where backups go."""

    target = forms.ChoiceField(label=_("Store"), required=False)
    every = forms.TypedChoiceField(label=_("Backups"), coerce=int, choices=hours)
    at = forms.CharField(
        label=_("First one of the day at (UTC)"), max_length=5, help_text=_("A time of day, such as 03:00.")
    )
    instances = forms.CharField(
        label=_("Instances"), max_length=200, required=False, help_text=_("Their numbers, such as 1 2; empty: all.")
    )
    keep_last = forms.IntegerField(label=_("The newest"))
    keep_daily = forms.IntegerField(label=_("Daily ones to keep"))
    keep_weekly = forms.IntegerField(label=_("Weekly ones to keep"))
    drill_days = forms.IntegerField(label=_("A drill every so many days"), help_text=_("0: none automatically."))
    drill_seconds = forms.IntegerField(label=_("It has so many seconds to get well"))
    check = forms.CharField(
        label=_("Check command, run inside"),
        max_length=LONGEST_CHECK,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "class": "mono", "spellcheck": "false"}),
        help_text=_(
            "By a shell; it must end with 0. Ask for what only whole data can answer, such as the number of rows."
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        target = self.fields["target"]
        assert isinstance(target, forms.ChoiceField)
        target.choices = [("", _("none: no backups by themselves")), *stores()]
        for name, (low, high) in BOUNDS.items():
            self.fields[name].widget.attrs |= {"min": low, "max": high}

    @staticmethod
    def shown(rules: Rules, target: BackupTarget | None) -> dict[str, Any]:
        values = rules.to_json() | {"target": target.name if target else ""}
        return values | {"instances": " ".join(str(one) for one in rules.instances)}

    def clean_instances(self) -> list[int]:
        words = str(self.cleaned_data["instances"]).replace(",", " ").split()
        if any(not (word.isascii() and word.isdigit() and len(word) < 8) for word in words):
            raise forms.ValidationError(_("Write numbers with blanks between them."))
        return [int(word) for word in words]

    def rules(self) -> dict[str, Any]:
        return {name: value for name, value in self.cleaned_data.items() if name != "target"}


class TargetForm(SaneForm):
    """A store. `row`: the one that is changed."""

    name = forms.CharField(label=_("Name"), max_length=40)
    kind = forms.ChoiceField(label=_("Kind"), choices=BackupTarget.Kind.choices, initial=BackupTarget.Kind.S3)
    endpoint = forms.CharField(
        label=_("Endpoint"), max_length=LENGTHS["endpoint"], required=False,
        help_text=_("Such as https://s3.example.com; empty: AWS of the region."),
    )  # fmt: skip
    region = forms.CharField(label=_("Region"), max_length=LENGTHS["region"], required=False)
    bucket = forms.CharField(
        label=_("Bucket"), max_length=LENGTHS["bucket"], required=False, help_text=_("It must be there.")
    )
    key_prefix = forms.CharField(label=_("Key prefix"), max_length=LENGTHS["key_prefix"], required=False)
    access_key = forms.CharField(label=_("Access key"), max_length=LENGTHS["access_key"], required=False)
    secret_key = forms.CharField(
        label=_("Secret key"), max_length=LENGTHS["secret_key"], required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )  # fmt: skip
    ca = forms.CharField(
        label=_("Certificate of its authority (PEM)"), max_length=LENGTHS["ca"], required=False,
        widget=forms.Textarea(attrs={"rows": 3, "class": "mono", "spellcheck": "false"}),
        help_text=_("Where the machine does not trust it already."),
    )  # fmt: skip

    others = forms.CharField(
        label=_("Public keys that open its backups, too"), max_length=2000, required=False,
        widget=forms.Textarea(attrs={"rows": 2, "class": "mono", "spellcheck": "false"}),
        help_text=_(
            "Of age (age1…), one a line. Make one with age-keygen and keep its secret half where the platform is not: without "
            "one a lost platform takes all its backups with it."
        ),
    )  # fmt: skip

    def __init__(self, *args: Any, row: BackupTarget | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if row is not None:
            del self.fields["name"], self.fields["kind"]
            if row.kind == BackupTarget.Kind.FOLDER:
                self.fields = {"others": self.fields["others"]}
            else:
                self.fields["secret_key"].help_text = _("Empty: as it is.")

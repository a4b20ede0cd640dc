"""The form of a place's settings."""

from __future__ import annotations

import json
import shlex
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from containers import config as settings_of
from containers.forms.base import SaneForm
from containers.forms.texts import lines_of, pairs_read
from containers.models import ConfigVersion, ServiceEnvironment
from xqplatform.errors import Refused
from xqplatform.secrets import TYPED_FOR, seal, unseal

NEW_SECRETS = 3
PURPOSE = "typed secret of a place"


def _area(rows: int, placeholder: str) -> forms.Textarea:
    return forms.Textarea(attrs={"rows": rows, "placeholder": placeholder, "class": "mono", "spellcheck": "false"})


class ConfigForm(SaneForm):
    """All settings of a place. Values of secrets are never shown: a field left empty keeps what is stored.

    A secret that was typed beside a mistake elsewhere comes back encrypted in a hidden field, so that it is not lost.
    """

    cpus = forms.CharField(label=gettext_lazy("CPUs"), max_length=12, help_text=gettext_lazy("By period and quota."))
    memory = forms.CharField(
        label=gettext_lazy("Memory"), max_length=20, help_text=gettext_lazy("512m, 8g. Swap is off: it fails fast.")
    )
    pids = forms.IntegerField(
        label=gettext_lazy("Processes at most"),
        required=False,
        min_value=0,
        max_value=4_000_000,
        help_text=gettext_lazy("Empty: no limit."),
    )
    io_weight = forms.IntegerField(
        label=gettext_lazy("Disk weight"),
        required=False,
        min_value=0,
        max_value=1000,
        help_text=gettext_lazy("10 to 1000 against the others on its host. Empty: all the same."),
    )
    io_device = forms.CharField(
        label=gettext_lazy("Disk"),
        required=False,
        max_length=100,
        widget=forms.TextInput(attrs={"placeholder": "/dev/sda", "class": "mono"}),
        help_text=gettext_lazy("That the rates are of; it must be there on all hosts."),
    )
    io_read_bps = forms.CharField(
        label=gettext_lazy("Reads, bytes a second"),
        required=False,
        max_length=20,
        help_text=gettext_lazy("20m. Empty: no limit."),
    )
    io_write_bps = forms.CharField(label=gettext_lazy("Writes, bytes a second"), required=False, max_length=20)
    io_read_iops = forms.IntegerField(
        label=gettext_lazy("Reads a second"), required=False, min_value=0, max_value=1_000_000_000
    )
    io_write_iops = forms.IntegerField(
        label=gettext_lazy("Writes a second"), required=False, min_value=0, max_value=1_000_000_000
    )
    read_only = forms.BooleanField(label=gettext_lazy("Root file system is read-only"), required=False)
    persist_in = forms.ChoiceField(
        label=gettext_lazy("The instance's own data at /persist"),
        required=False,
        choices=[
            ("", gettext_lazy("none")),
            ("volume", gettext_lazy("a volume of the engine")),
            ("folder", gettext_lazy("a folder on the host")),
        ],
        help_text=gettext_lazy("It stays when the container is replaced. A folder is named by the address."),
    )
    logs = forms.CharField(
        label=gettext_lazy("Folder of logs"),
        required=False,
        max_length=500,
        widget=forms.TextInput(attrs={"placeholder": "/srv/app/logs", "class": "mono"}),
        help_text=gettext_lazy("The application's own; it is then /persist/logs. Only with a folder on the host."),
    )
    init = forms.ChoiceField(
        label=gettext_lazy("First process"),
        required=False,
        choices=[
            ("none", gettext_lazy("its program or the command")),
            ("image", gettext_lazy("the image's /sbin/init")),
        ],
        help_text=gettext_lazy(
            "Init mode: the image has /sbin/init as its only entrypoint, no CMD, and its start list in /etc/rc.local."
        ),
    )
    tmpfs = forms.CharField(
        label=gettext_lazy("In-memory folders"),
        required=False,
        max_length=20_000,
        widget=_area(2, "/run:size=64m"),
        help_text=gettext_lazy("One a line."),
    )
    volumes = forms.CharField(
        label=gettext_lazy("Volumes"),
        required=False,
        max_length=20_000,
        widget=_area(2, "cache:/var/cache/app\n/data/services/snow/files:/files:ro"),
        help_text=gettext_lazy("SOURCE:TARGET or SOURCE:TARGET:ro, one a line."),
    )
    env = forms.CharField(
        label=gettext_lazy("Variables"),
        required=False,
        max_length=500_000,
        strip=False,
        widget=_area(6, "LOG_LEVEL=info"),
        help_text=gettext_lazy("NAME=value, one a line. Everybody who is signed in can read them."),
    )
    command = forms.CharField(
        label=gettext_lazy("Command"),
        required=False,
        max_length=4000,
        widget=forms.TextInput(attrs={"class": "mono"}),
        help_text=gettext_lazy("Empty: what the image says."),
    )
    health_kind = forms.ChoiceField(
        label=gettext_lazy("Health check"),
        choices=[
            ("image", gettext_lazy("what the image says")),
            ("http", gettext_lazy("HTTP answer")),
            ("tcp", gettext_lazy("TCP connection")),
            ("command", gettext_lazy("a command")),
            ("none", gettext_lazy("none: running is healthy")),
        ],
    )
    health_port = forms.IntegerField(label=gettext_lazy("Port"), required=False, min_value=1, max_value=65535)
    health_path = forms.CharField(label=gettext_lazy("Path"), required=False, max_length=1000)
    health_command = forms.CharField(
        label=gettext_lazy("Command of the check"),
        required=False,
        max_length=4000,
        widget=forms.TextInput(attrs={"class": "mono"}),
    )
    health_start_period = forms.CharField(label=gettext_lazy("Start period (s)"), required=False, max_length=10)
    health_interval = forms.CharField(label=gettext_lazy("Interval (s)"), required=False, max_length=10)
    health_timeout = forms.CharField(label=gettext_lazy("Timeout (s)"), required=False, max_length=10)
    health_retries = forms.IntegerField(label=gettext_lazy("Retries"), required=False, min_value=1, max_value=100)
    stop_signal = forms.CharField(
        label=gettext_lazy("Stop signal"),
        required=False,
        max_length=12,
        widget=forms.TextInput(attrs={"placeholder": "SIGTERM", "class": "mono"}),
        help_text=gettext_lazy("Empty: the image's."),
    )
    role_command = forms.CharField(
        label=gettext_lazy("Command that says its role"),
        required=False,
        max_length=4000,
        widget=forms.TextInput(attrs={"class": "mono"}),
        help_text=gettext_lazy(
            "Run inside each instance before each batch of a release. Where its output begins with «primary» (or master, leader) the instance goes last, after those that say «replica»."
        ),
    )
    stop_timeout = forms.IntegerField(
        label=gettext_lazy("Time to stop (s)"),
        min_value=0,
        max_value=3600,
        help_text=gettext_lazy("Then it is killed."),
    )
    restart_policy = forms.ChoiceField(
        label=gettext_lazy("When it exits by itself"), choices=[(p, p) for p in settings_of.RESTART_POLICIES]
    )
    metrics_port = forms.IntegerField(
        label=gettext_lazy("Port"),
        required=False,
        min_value=1,
        max_value=65535,
        help_text=gettext_lazy("Of a Prometheus endpoint, over plain HTTP. Empty: it has none."),
    )
    metrics_path = forms.CharField(
        label=gettext_lazy("Path"),
        required=False,
        max_length=500,
        widget=forms.TextInput(attrs={"placeholder": "/metrics", "class": "mono"}),
    )
    metrics_keep = forms.CharField(
        label=gettext_lazy("Names that are kept"),
        required=False,
        max_length=10_000,
        widget=_area(4, 'http_requests_total\nhttp_requests_total{code="500"}\nhttp_request_duration_seconds'),
        help_text=gettext_lazy(
            "One a line, at most 20. Of counters the rate is kept, of histograms and summaries rate, mean and quantiles."
        ),
    )
    log_driver = forms.ChoiceField(label=gettext_lazy("Log driver"), choices=[(d, d) for d in settings_of.LOG_DRIVERS])
    log_options = forms.CharField(
        label=gettext_lazy("Log options"), required=False, max_length=4000, widget=_area(2, "max-size=20m")
    )
    reason = forms.CharField(label=gettext_lazy("Why"), required=False, max_length=250)

    def __init__(self, *args: Any, place: ServiceEnvironment, secret_names: tuple[str, ...], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.place = place
        self.secret_names = secret_names
        secret = {"autocomplete": "new-password", "class": "mono"}
        for n, name in enumerate(secret_names):
            keep = forms.PasswordInput(attrs=secret | {"placeholder": _("stored; empty keeps it")})
            self.fields[f"secret_{n}"] = forms.CharField(
                label=name, required=False, max_length=32_000, strip=False, widget=keep
            )
            self.fields[f"drop_{n}"] = forms.BooleanField(label=_("remove"), required=False)
            self._hidden(f"typed_{n}")
        for n in range(NEW_SECRETS):
            self.fields[f"new_secret_{n}"] = forms.CharField(
                label=_("Name"),
                required=False,
                max_length=200,
                widget=forms.TextInput(attrs={"placeholder": "DB_PASSWORD", "class": "mono"}),
            )
            self.fields[f"new_value_{n}"] = forms.CharField(
                label=_("Value"),
                required=False,
                max_length=32_000,
                strip=False,
                widget=forms.PasswordInput(attrs=secret),
            )
            self._hidden(f"typed_new_{n}")
        self.data: Any = self.data
        if self.is_bound:
            self.data = self.data.copy()
            for field in [f for f in self.fields if f.startswith(("secret_", "new_value_"))]:
                self._carry(field)

    def _hidden(self, name: str) -> None:
        self.fields[name] = forms.CharField(required=False, max_length=200_000, widget=forms.HiddenInput)

    def _hidden_of(self, field: str) -> str:
        return field.replace("secret_", "typed_").replace("new_value_", "typed_new_")

    def _carry(self, field: str) -> None:
        """A typed secret goes into its hidden field, encrypted; an older one there is taken back."""
        hidden = self._hidden_of(field)
        typed = str(self.data.get(field) or "")
        if typed:
            self.data[hidden] = seal(PURPOSE, json.dumps([self.place.pk, field, typed]))
        elif self.data.get(hidden):
            kept = self._carried(field)
            if kept is None:
                self.data[hidden] = ""
        if self.data.get(hidden):
            self.fields[field].widget.attrs["placeholder"] = _("typed; kept for the next try")

    def _carried(self, field: str) -> str | None:
        try:
            mark = str(self.data.get(self._hidden_of(field)) or "")
            pk, name, value = json.loads(unseal(PURPOSE, mark, TYPED_FOR))
        except (TypeError, ValueError):  # a forged or broken token counts as nothing typed
            return None
        return value if pk == self.place.pk and name == field and isinstance(value, str) else None

    def _typed(self, field: str) -> str:
        return str(self.data.get(field) or "") or self._carried(field) or ""

    def secret_rows(self) -> list[dict[str, Any]]:
        return [
            {"name": name, "value": self[f"secret_{n}"], "drop": self[f"drop_{n}"], "typed": self[f"typed_{n}"]}
            for n, name in enumerate(self.secret_names)
        ]

    def new_secret_rows(self) -> list[dict[str, Any]]:
        return [
            {"name": self[f"new_secret_{n}"], "value": self[f"new_value_{n}"], "typed": self[f"typed_new_{n}"]}
            for n in range(NEW_SECRETS)
        ]

    def clean_env(self) -> dict[str, str]:
        return pairs_read(self.cleaned_data["env"])

    def clean_log_options(self) -> dict[str, str]:
        return pairs_read(self.cleaned_data["log_options"])

    def clean_metrics_keep(self) -> list[str]:
        return lines_of(self.cleaned_data["metrics_keep"])

    def clean_tmpfs(self) -> list[str]:
        return lines_of(self.cleaned_data["tmpfs"])

    def clean_volumes(self) -> list[dict[str, Any]]:
        found = []
        for line in lines_of(self.cleaned_data["volumes"]):
            parts = line.split(":")
            if len(parts) not in {2, 3} or (len(parts) == 3 and parts[2] not in {"ro", "rw"}):
                raise forms.ValidationError(_("«%(line)s»: write SOURCE:TARGET or SOURCE:TARGET:ro.") % {"line": line})
            found.append({"source": parts[0], "target": parts[1], "read_only": parts[2:] == ["ro"]})
        return found

    def clean_command(self) -> list[str]:
        try:
            return shlex.split(self.cleaned_data["command"])
        except ValueError as error:
            raise forms.ValidationError(_("A quote is not closed.")) from error

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        self.kept: list[str] = []
        self.replaced: dict[str, str] = {}
        for n, name in enumerate(self.secret_names):
            if data.get(f"drop_{n}"):
                continue
            if value := self._typed(f"secret_{n}"):
                self.replaced[name] = value
            else:
                self.kept.append(name)
        for n in range(NEW_SECRETS):
            name, value = str(data.get(f"new_secret_{n}") or ""), self._typed(f"new_value_{n}")
            if not name and not value:
                continue
            if not name:
                self.add_error(f"new_secret_{n}", _("Give the secret a name."))
            elif not value:
                self.add_error(f"new_value_{n}", _("Give the secret a value."))
            elif name in self.kept or name in self.replaced:
                self.add_error(f"new_secret_{n}", _("There is a secret of this name already."))
            else:
                self.replaced[name] = value
        if not self.errors:
            try:
                settings_of.parse(self.content())
            except Refused as refused:
                self.add_refusal(refused)
        return data

    def content(self) -> dict[str, Any]:
        """The settings as JSON, as `containers.config.parse` reads them."""
        d = self.cleaned_data
        content: dict[str, Any] = {
            name: d[name]
            for name in (
                "cpus",
                "memory",
                "read_only",
                "logs",
                "tmpfs",
                "volumes",
                "env",
                "command",
                "stop_signal",
                "role_command",
            )
        }
        content |= {name: d[name] for name in ("stop_timeout", "restart_policy", "log_driver", "log_options")}
        content |= {
            "persist": bool(d["persist_in"]),
            "persist_in": d["persist_in"] or "volume",
            "init": d["init"] or "none",
        }
        numbers = ("pids", "io_weight", "io_read_bps", "io_write_bps", "io_read_iops", "io_write_iops")
        content |= {name: d[name] or 0 for name in numbers}
        content["io_device"] = d["io_device"]
        health = {n: d[f"health_{n}"] for n in ("kind", "port", "path", "command", "start_period", "interval")}
        health |= {n: d[f"health_{n}"] for n in ("timeout", "retries")}
        content["health"] = {n: v for n, v in health.items() if v not in ("", None)}
        content["metrics"] = {
            "port": d["metrics_port"] or 0,
            "path": d["metrics_path"] or "/metrics",
            "keep": d["metrics_keep"],
        }
        content["secret_names"] = [*self.kept, *self.replaced]
        # Hooks and traffic have a page of their own; here they stay as they are.
        stored = self.place.config.content if self.place.config is not None else {}
        return content | {name: stored[name] for name in ("hooks", "traffic") if name in stored}


class VersionsForm(SaneForm):
    """Two settings versions to compare."""

    a = forms.ModelChoiceField(ConfigVersion.objects.none(), to_field_name="version")
    b = forms.ModelChoiceField(ConfigVersion.objects.none(), to_field_name="version")

    def __init__(self, *args: Any, place: ServiceEnvironment, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("a", "b"):
            field: Any = self.fields[name]
            field.queryset = place.configs.all()

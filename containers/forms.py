"""Forms of services, places, environments and the deploy wizard."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from builds.models import Blueprint, Image, Registry
from containers import config as settings_of
from containers.models import ConfigVersion, Environment, ServiceEnvironment
from hosts.models import Host, HostGroup, Segment
from xqplatform.accounts.models import Team
from xqplatform.errors import Refused
from xqplatform.secrets import decrypt, encrypt

COLOURS = ("blue", "azure", "indigo", "purple", "pink", "red", "orange", "yellow", "green", "teal", "cyan", "secondary")
# Words that are pages of their own below /services/ and /services/S/.
RESERVED_SERVICES = {"new"}
RESERVED_ENVIRONMENTS = {"new", "remove", "build", "change", "add"}
NEW_SECRETS = 3


class SaneForm(forms.Form):
    """A form whose texts have no zero bytes (a database would refuse them with a 500)."""

    def add_refusal(self, refused: Refused) -> None:
        """Puts what a verb refused beside its field, or on top when the form has no such field."""
        name = (refused.field or "").replace(".", "_")
        name = {"secret_names": "new_secret_0"}.get(name, name)
        if name not in self.fields and refused.field:
            name = refused.field.split(".")[0]
        self.add_error(name if name in self.fields else None, refused.message)


class ServiceForm(SaneForm):
    """A new service: name, owner, where its source lies and where it shall run."""

    slug = forms.SlugField(
        label=gettext_lazy("Name"),
        max_length=50,
        help_text=gettext_lazy("Lower-case letters, digits and hyphens. It becomes part of host names and tags."),
        widget=forms.TextInput(attrs={"placeholder": "snow", "autofocus": True, "class": "mono"}),
    )
    title = forms.CharField(label=gettext_lazy("What it is"), max_length=120, required=False)
    team = forms.ModelChoiceField(Team.objects.none(), label=gettext_lazy("Team"), required=False)
    source = forms.ChoiceField(
        label=gettext_lazy("Source"),
        choices=[
            ("repository", gettext_lazy("a Git repository of ours")),
            ("sample", gettext_lazy("the sample: a small web server, made here, needs no registry and no internet")),
            (
                "machine",
                gettext_lazy("the sample base image: a small machine with sshd, cron and logrotate, in init mode"),
            ),
        ],
        widget=forms.RadioSelect,
        initial="repository",
    )
    repository = forms.CharField(
        label=gettext_lazy("Repository"),
        max_length=500,
        required=False,
        help_text=gettext_lazy("URL or path. Not needed for the samples."),
        widget=forms.TextInput(attrs={"placeholder": "https://git.example.com/team/snow.git", "class": "mono"}),
    )
    default_branch = forms.CharField(
        label=gettext_lazy("Branch"),
        max_length=120,
        required=False,
        help_text=gettext_lazy("What is built when an environment names no branch."),
        widget=forms.TextInput(attrs={"placeholder": "main", "class": "mono"}),
    )
    dockerfile = forms.CharField(
        label=gettext_lazy("Dockerfile"),
        max_length=250,
        required=False,
        help_text=gettext_lazy("In the repository. Left out when a blueprint is chosen."),
        widget=forms.TextInput(attrs={"placeholder": "Dockerfile", "class": "mono"}),
    )
    blueprint = forms.ModelChoiceField(
        Blueprint.objects.none(),
        label=gettext_lazy("Blueprint"),
        required=False,
        empty_label=gettext_lazy("the repository's Dockerfile"),
    )
    registry = forms.ModelChoiceField(
        Registry.objects.none(),
        label=gettext_lazy("Registry"),
        required=False,
        empty_label=gettext_lazy("the default one"),
    )
    environments = forms.ModelMultipleChoiceField(
        Environment.objects.none(),
        label=gettext_lazy("Environments"),
        to_field_name="slug",
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("Where it will run. More can be added later."),
    )

    def __init__(self, *args: Any, teams: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        f: dict[str, Any] = self.fields
        f["team"].queryset = Team.objects.all() if teams is None else teams
        f["team"].required = teams is not None
        f["blueprint"].queryset = Blueprint.objects.filter(base=False)
        f["registry"].queryset = Registry.objects.all()
        f["environments"].queryset = Environment.objects.all()
        f["environments"].label_from_instance = lambda environment: environment.local_title
        f["environments"].initial = [e.slug for e in Environment.objects.all()]
        f["team"].initial = f["team"].queryset.first() if teams is not None else None

    def clean_slug(self) -> str:
        slug = str(self.cleaned_data["slug"]).lower()
        if slug in RESERVED_SERVICES:
            raise forms.ValidationError(_("This word is taken by a page."))
        return slug

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("source") == "repository" and not data.get("repository") and "repository" not in self.errors:
            self.add_error("repository", _("Say where the repository lies, or take a sample."))
        return data


PROJECT_FIELDS = (
    "repository", "repository_user", "repository_password", "default_branch", "subfolder", "dockerfile", "blueprint",
    "registry",
)  # fmt: skip


class ServiceChangeForm(SaneForm):
    """A service's title and team, and where its source lies and how its image is made."""

    title = forms.CharField(label=gettext_lazy("What it is"), max_length=120, required=False)
    team = forms.ModelChoiceField(Team.objects.none(), label=gettext_lazy("Team"), required=False)
    repository = forms.CharField(label=gettext_lazy("Repository"), max_length=500, required=False)
    repository_user = forms.CharField(label=gettext_lazy("Repository user"), max_length=120, required=False)
    repository_password = forms.CharField(
        label=gettext_lazy("Repository password or token"),
        max_length=1000,
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=gettext_lazy("Never shown again; empty keeps what is stored."),
    )
    default_branch = forms.CharField(label=gettext_lazy("Branch"), max_length=120, required=False)
    subfolder = forms.CharField(label=gettext_lazy("Folder in the repository"), max_length=250, required=False)
    dockerfile = forms.CharField(label=gettext_lazy("Dockerfile"), max_length=250, required=False)
    blueprint = forms.ModelChoiceField(
        Blueprint.objects.none(),
        label=gettext_lazy("Blueprint"),
        required=False,
        empty_label=gettext_lazy("the repository's Dockerfile"),
    )
    registry = forms.ModelChoiceField(
        Registry.objects.none(),
        label=gettext_lazy("Registry"),
        required=False,
        empty_label=gettext_lazy("the default one"),
    )

    def __init__(self, *args: Any, teams: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        f: dict[str, Any] = self.fields
        f["team"].queryset = Team.objects.all() if teams is None else teams
        f["blueprint"].queryset = Blueprint.objects.filter(base=False)
        f["registry"].queryset = Registry.objects.all()

    def project(self) -> dict[str, Any]:
        """What `save_project` takes; an empty password keeps the stored one."""
        return {name: self.cleaned_data[name] for name in PROJECT_FIELDS}


class RemoveForm(SaneForm):
    """Asks for the name, because data is lost."""

    name = forms.CharField(label=gettext_lazy("Type the name to confirm"), max_length=100)
    reason = forms.CharField(label=gettext_lazy("Why"), max_length=2000, required=False)

    def __init__(self, *args: Any, expected: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.expected = expected

    def clean_name(self) -> str:
        name = str(self.cleaned_data["name"]).strip()
        if name != self.expected:
            raise forms.ValidationError(_("That is not the name. It is «%(name)s».") % {"name": self.expected})
        return name


class ScaleForm(SaneForm):
    wanted = forms.IntegerField(label=gettext_lazy("Instances"), min_value=0, max_value=500)
    reason = forms.CharField(label=gettext_lazy("Why"), max_length=2000, required=False)


class AwayForm(SaneForm):
    """A form about hosts of which some (`away`) may be off: who sends it has to type their names."""

    reason = forms.CharField(label=gettext_lazy("Why"), max_length=2000, required=False)
    with_data = forms.BooleanField(
        label=gettext_lazy("Instances with data move, too"),
        required=False,
        help_text=gettext_lazy("Their data stays on the old host, and they start without it."),
    )
    fence = forms.CharField(label=gettext_lazy("The machine is off"), max_length=1000, required=False)

    def __init__(self, *args: Any, away: list[str], confirm: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.away, self.confirm = away, confirm
        if not away:
            del self.fields["fence"]
            return
        names = {"names": " ".join(away)}
        self.fields["fence"].help_text = (
            _(
                "%(names)s cannot be reached, but what runs there may still answer. Switch the machine off, or pull its "
                "network cable, then type its name. Should it start again, its old containers are removed as soon as it is "
                "reached."
            )
            % names
        )

    def clean_fence(self) -> str:
        typed = " ".join(str(self.cleaned_data["fence"]).split())
        if self.confirm and typed != " ".join(self.away):
            raise forms.ValidationError(
                _("Type «%(names)s» when you have made sure that it is off.") % {"names": " ".join(self.away)}
            )
        return typed


class DrainForm(AwayForm):
    pass


class MoveForm(AwayForm):
    host = forms.ModelChoiceField(
        Host.objects.none(),
        label=gettext_lazy("To"),
        to_field_name="name",
        required=False,
        empty_label=gettext_lazy("wherever there is room"),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows = Host.objects.filter(role_run=True).exclude(state=Host.State.RETIRED)
        self.fields["host"].queryset = rows  # type: ignore[attr-defined]


class InformationForm(SaneForm):
    """Step two of the wizard: why, and how it shall go."""

    why = forms.CharField(
        label=gettext_lazy("Why"),
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "autofocus": True}),
        help_text=gettext_lazy("One sentence for colleagues and the audit log. Left empty: the commit's first line."),
    )
    batch = forms.CharField(
        label=gettext_lazy("Instances at a time"),
        max_length=5,
        help_text=gettext_lazy("A number, or a share such as 25%."),
        widget=forms.TextInput(attrs={"inputmode": "text"}),
    )
    pause = forms.IntegerField(
        label=gettext_lazy("Pause between batches (s)"), min_value=0, max_value=86400, required=False
    )
    order = forms.ChoiceField(
        label=gettext_lazy("Order"),
        choices=[
            ("stop-first", gettext_lazy("stop the old one first (needed with fixed addresses)")),
            ("start-first", gettext_lazy("start the new one first")),
        ],
    )
    deadline = forms.IntegerField(
        label=gettext_lazy("Healthy within (s)"),
        min_value=1,
        max_value=3600,
        help_text=gettext_lazy("An instance that is not healthy by then has failed."),
    )
    on_failure = forms.ChoiceField(
        label=gettext_lazy("When an instance fails"),
        choices=[
            ("rollback", gettext_lazy("roll all back to the version before")),
            ("stop", gettext_lazy("stop and leave it for me to look at")),
        ],
    )

    def clean_batch(self) -> str:
        text = str(self.cleaned_data["batch"]).replace(" ", "")
        found = re.fullmatch(r"(\d{1,4})(%?)", text, re.ASCII)
        if not found or not 1 <= int(found[1]) <= (100 if found[2] else 1000):
            raise forms.ValidationError(_("Write a number from 1, or a share from 1% to 100%."))
        return text

    def clean_pause(self) -> int:
        return int(self.cleaned_data["pause"] or 0)

    def policy(self) -> dict[str, Any]:
        d = self.cleaned_data
        batch = d["batch"] if d["batch"].endswith("%") else int(d["batch"])
        return {
            "batch": batch,
            "pause": d["pause"],
            "order": d["order"],
            "deadline": d["deadline"],
            "on_failure": d["on_failure"],
        }


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


# --- Settings of a place ------------------------------------------------------------------------------------------


def lines_of(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def pairs_shown(values: dict[str, str]) -> str:
    """NAME=value lines; a value that a line cannot hold is written as a JSON text."""

    def shown(value: str) -> str:
        plain = value == value.strip() and "\n" not in value and "\r" not in value and not value.startswith('"')
        return value if plain else json.dumps(value, ensure_ascii=False)

    return "\n".join(f"{name}={shown(value)}" for name, value in values.items())


def pairs_read(text: str) -> dict[str, str]:
    """The reverse of `pairs_shown`. Raises ValidationError that names the line."""
    found: dict[str, str] = {}
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        name, value = name.strip(), value.strip()
        if not equals or not name:
            raise forms.ValidationError(_("Line %(n)d: write NAME=value.") % {"n": number})
        if name in found:
            raise forms.ValidationError(_("Line %(n)d: «%(name)s» is there twice.") % {"n": number, "name": name})
        if value.startswith('"') and value.endswith('"') and len(value) > 1:
            try:
                read = json.loads(value)
                value = read if isinstance(read, str) else value
            except ValueError:
                value = value[1:-1]
        found[name] = value
    return found


def size_shown(count: int) -> str:
    """Bytes as the form takes them: «8g», «512m», or the number."""
    for unit, factor in (("g", settings_of.GIB), ("m", settings_of.MIB)):
        if count and count % factor == 0:
            return f"{count // factor}{unit}"
    return str(count)


def initial_of(config: settings_of.Config) -> dict[str, Any]:
    """A Config as the form shows it."""
    h = config.health
    return {
        "cpus": f"{config.cpus:g}",
        "memory": size_shown(config.memory),
        "pids": config.pids or "",
        "io_weight": config.io_weight or "",
        "io_device": config.io_device,
        "io_read_bps": size_shown(config.io_read_bps) if config.io_read_bps else "",
        "io_write_bps": size_shown(config.io_write_bps) if config.io_write_bps else "",
        "io_read_iops": config.io_read_iops or "",
        "io_write_iops": config.io_write_iops or "",
        "read_only": config.read_only,
        "persist_in": config.persist_in if config.persist else "",
        "logs": config.logs,
        "init": config.init,
        "tmpfs": "\n".join(config.tmpfs),
        "volumes": "\n".join(f"{v.source}:{v.target}{':ro' if v.read_only else ''}" for v in config.volumes),
        "env": pairs_shown(dict(config.env)),
        "command": shlex.join(config.command),
        "health_kind": h.kind,
        "health_port": h.port,
        "health_path": h.path,
        "health_command": h.command,
        "health_start_period": f"{h.start_period:g}",
        "health_interval": f"{h.interval:g}",
        "health_timeout": f"{h.timeout:g}",
        "health_retries": h.retries,
        "stop_signal": config.stop_signal,
        "stop_timeout": config.stop_timeout,
        "restart_policy": config.restart_policy,
        "log_driver": config.log_driver,
        "log_options": pairs_shown(dict(config.log_options)),
    }


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
    stop_timeout = forms.IntegerField(
        label=gettext_lazy("Time to stop (s)"),
        min_value=0,
        max_value=3600,
        help_text=gettext_lazy("Then it is killed."),
    )
    restart_policy = forms.ChoiceField(
        label=gettext_lazy("When it exits by itself"), choices=[(p, p) for p in settings_of.RESTART_POLICIES]
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
            self.data[hidden] = encrypt(json.dumps([self.place.pk, field, typed]))
        elif self.data.get(hidden):
            kept = self._carried(field)
            if kept is None:
                self.data[hidden] = ""
        if self.data.get(hidden):
            self.fields[field].widget.attrs["placeholder"] = _("typed; kept for the next try")

    def _carried(self, field: str) -> str | None:
        try:
            pk, name, value = json.loads(decrypt(str(self.data.get(self._hidden_of(field)) or "")))
        except Exception:  # a forged or broken token counts as nothing typed
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
            for name in ("cpus", "memory", "read_only", "logs", "tmpfs", "volumes", "env", "command", "stop_signal")
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
        content["secret_names"] = [*self.kept, *self.replaced]
        return content


class VersionsForm(SaneForm):
    """Two settings versions to compare."""

    a = forms.ModelChoiceField(ConfigVersion.objects.none(), to_field_name="version")
    b = forms.ModelChoiceField(ConfigVersion.objects.none(), to_field_name="version")

    def __init__(self, *args: Any, place: ServiceEnvironment, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("a", "b"):
            field: Any = self.fields[name]
            field.queryset = place.configs.all()


def image_of(place: ServiceEnvironment, pk: Any) -> Image | None:
    """The image of this service that a page's address names; None for nonsense."""
    text = str(pk or "")
    if not (text.isascii() and text.isdigit() and len(text) < 12):
        return None
    return Image.objects.filter(pk=int(text), project=place.service.project_id).select_related("build").first()

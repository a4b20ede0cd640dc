"""Forms of hosts, groups, segments. They keep what was typed; the verbs say what is wrong with it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from hosts.models import Host, HostGroup, Segment, SshAccess
from hosts.models.machines import OVERCOMMIT_CPUS, OVERCOMMIT_MEMORY
from hosts.runtimes import TRAITS
from xqplatform.secrets import TYPED_FOR, BadSeal, seal, unseal

GIB = 1 << 30
LARGEST = 200_000  # bytes of an uploaded PEM file


def _pem(label: Any, help_text: Any = "") -> forms.CharField:
    area = forms.Textarea(attrs={"rows": 4, "class": "mono", "spellcheck": "false", "autocomplete": "off"})
    return forms.CharField(label=label, required=False, help_text=help_text, widget=area, strip=False)


def take_file(data: Any, files: Any, name: str) -> None:
    """An uploaded file becomes the field's text."""
    file = files.get(f"{name}_file")
    if isinstance(file, UploadedFile) and file.size:
        data[name] = file.read(LARGEST).decode("utf-8", "replace").replace("\x00", "")


def keep_key(data: Any, name: str) -> bool:
    """A typed key goes sealed into its companion field, and comes from there again. Whether there is one."""
    typed, kept = data.get(name, ""), data.get(f"{name}_kept", "")
    if typed.strip():
        data[f"{name}_kept"] = seal(f"host form {name}", typed)
    elif kept:
        try:
            data[name] = unseal(f"host form {name}", kept, TYPED_FOR)
        except BadSeal:
            data[f"{name}_kept"] = ""
            return False
    return bool(data.get(name, "").strip())


class HostForm(forms.Form):
    """Connecting a host, and changing one. A key that was typed travels encrypted until it is stored."""

    name = forms.CharField(label=_("Name"), help_text=_("Small letters, digits, - and _, such as «room-a-01»."))
    runtime = forms.ChoiceField(
        label=_("Runtime"),
        choices=Host.Runtime.choices,
        initial="docker",
        required=False,
        help_text=_("Stateless services run on Docker, stateful ones on LXD or Incus."),
        widget=forms.RadioSelect(attrs={"class": "form-check-input"}),
    )
    connection = forms.ChoiceField(
        label=_("Connection"),
        choices=Host.Connection.choices,
        initial="tcp",
        widget=forms.RadioSelect(attrs={"class": "form-check-input"}),
    )
    address = forms.CharField(
        label=_("Address"),
        required=False,
        help_text=_("TCP: 10.1.2.3:2376 · SSH: root@10.1.2.3 · local socket: /var/run/docker.sock"),
    )
    ca = _pem(_("CA certificate (ca.pem)"))
    ca_file = forms.FileField(label=_("or its file"), required=False)
    certificate = _pem(_("Client certificate (cert.pem)"))
    certificate_file = forms.FileField(label=_("or its file"), required=False)
    key = _pem(_("Client key (key.pem)"), _("Encrypted at rest, never shown again."))
    key_file = forms.FileField(label=_("or its file"), required=False)
    key_kept = forms.CharField(required=False, widget=forms.HiddenInput)
    ssh_key = _pem(_("SSH key"), _("Without a passphrase. Encrypted at rest, never shown again."))
    ssh_key_file = forms.FileField(label=_("or its file"), required=False)
    ssh_key_kept = forms.CharField(required=False, widget=forms.HiddenInput)
    trust = forms.CharField(
        label=_("Trust token or password"),
        required=False,
        help_text=_("On the machine: lxc config trust add --name xqplatform. It is used once and not stored."),
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "class": "mono"}, render_value=False),
    )
    fingerprint = forms.CharField(
        label=_("Fingerprint of the server's certificate"),
        required=False,
        help_text=_("Only with a password (a token has it in itself): what lxc info says on the machine."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "class": "mono", "spellcheck": "false"}),
    )
    role_run = forms.BooleanField(label=_("Runs services"), required=False, initial=True)
    role_build = forms.BooleanField(label=_("Builds images"), required=False)
    role_registry = forms.BooleanField(label=_("Holds a registry"), required=False)
    group = forms.ModelChoiceField(
        label=_("Host group"), queryset=HostGroup.objects.all(), required=False, to_field_name="slug",
        empty_label=_("none"),
    )  # fmt: skip
    labels = forms.CharField(
        label=_("Labels"), required=False, widget=forms.Textarea(attrs={"rows": 3, "class": "mono"}),
        help_text=_("One key=value a line."),
    )  # fmt: skip
    build_slots = forms.CharField(label=_("Builds side by side"), initial="2", required=False)

    def __init__(self, *args: Any, host: Host | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.host = host
        self.has_key = {"key": False, "ssh_key": False}
        if self.is_bound:
            self.data: Any = self.data.copy()  # type: ignore[attr-defined]
            self._take_files()
            self._keep_keys()

    def _take_files(self) -> None:
        """An uploaded file becomes the text, so that it is not lost when something else is wrong."""
        for name in ("ca", "certificate", "key", "ssh_key"):
            take_file(self.data, self.files, name)

    def _keep_keys(self) -> None:
        for name in ("key", "ssh_key"):
            self.has_key[name] = keep_key(self.data, name)

    def values(self) -> dict[str, Any]:
        """What the verbs take: of the connection only what its kind has."""
        data = {k: v for k, v in self.cleaned_data.items() if not k.endswith(("_file", "_kept"))}
        data["runtime"] = data["runtime"] or (self.host.runtime if self.host is not None else "docker")
        if not data["build_slots"]:
            data["build_slots"] = 2
        kind = data["connection"]
        if kind != "tcp":
            data |= {"ca": "", "certificate": "", "key": ""}
        elif self.host is None and TRAITS[data["runtime"]].joins:
            # Whatever stands in the other runtime's fields: joining brings certificates of its own.
            data |= {"ca": "", "certificate": "", "key": ""}
        if kind != "ssh":
            data["ssh_key"] = ""
        return data

    def hide_keys(self) -> None:
        """Before the form is shown again: keys stay in their encrypted companions only."""
        if self.is_bound:
            for name in ("key", "ssh_key"):
                self.data[name] = ""
        for name, field in (("key", self.fields["key"]), ("ssh_key", self.fields["ssh_key"])):
            if self.has_key[name]:
                field.help_text = gettext("Your key is kept, encrypted; leave this empty to go on with it.")
            elif self.host is not None and getattr(self.host, name):
                field.help_text = gettext("A key is stored and never shown. Leave this empty to keep it.")

    @classmethod
    def initial_of(cls, host: Host) -> dict[str, Any]:
        """What an edit form starts with: everything but the keys."""
        names = (
            "name",
            "runtime",
            "connection",
            "address",
            "ca",
            "certificate",
            "role_run",
            "role_build",
            "role_registry",
        )
        return {name: getattr(host, name) for name in names} | {
            "group": host.group.slug if host.group else "",
            "labels": "\n".join(f"{k}={v}" for k, v in host.labels.items()),
            "build_slots": host.build_slots,
        }


class SshAccessForm(forms.Form):
    """A login on the machine itself. A key that was typed travels encrypted until it is stored."""

    user = forms.CharField(label=_("User"), help_text=_("root, or a user who may use sudo without a password."))
    address = forms.CharField(label=_("Address"), help_text=_("The machine's name or IP address."))
    port = forms.CharField(label=_("Port"), required=False, initial="22")
    sudo = forms.BooleanField(label=_("Commands run through sudo"), required=False)
    key = _pem(_("SSH key"), _("The private key, without a passphrase. Encrypted at rest, never shown again."))
    key_file = forms.FileField(label=_("or its file"), required=False)
    key_kept = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, access: SshAccess | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.access, self.has_key = access, False
        if self.is_bound:
            self.data: Any = self.data.copy()  # type: ignore[attr-defined]
            take_file(self.data, self.files, "key")
            self.has_key = keep_key(self.data, "key")

    def values(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in ("user", "address", "port", "sudo", "key")}

    def hide_key(self) -> None:
        """Before the form is shown again: the key stays in its encrypted companion only."""
        if self.is_bound:
            self.data["key"] = ""
        if self.has_key:
            self.fields["key"].help_text = gettext("Your key is kept, encrypted; leave this empty to go on with it.")
        elif self.access is not None:
            self.fields["key"].help_text = gettext("A key is stored and never shown. Leave this empty to keep it.")

    @classmethod
    def initial_of(cls, host: Host, access: SshAccess | None) -> dict[str, Any]:
        """What is stored, or what the engine's address suggests."""
        if access is not None:
            return {name: getattr(access, name) for name in ("user", "address", "port", "sudo")}
        user, _at, rest = host.address.rpartition("@")
        known = host.connection != Host.Connection.LOCAL
        return {"user": user or "root", "address": rest.partition(":")[0] if known else "", "port": 22}


class GroupForm(forms.Form):
    slug = forms.CharField(label=_("Name"), help_text=_("Small letters, digits, - and _."))
    title = forms.CharField(label=_("Title"), required=False)
    kind = forms.ChoiceField(label=_("Kind"), choices=[("room", _("room")), ("cloud", _("cloud"))], initial="room")
    reserve_cpus = forms.FloatField(
        label=_("CPUs reserved on each host"), required=False, initial=0, min_value=0,
        help_text=_("Cores that stay for the machine itself; instances are never promised them."),
    )  # fmt: skip
    reserve_memory = forms.FloatField(
        label=_("Memory reserved on each host (GiB)"), required=False, initial=0, min_value=0, max_value=1 << 20
    )
    overcommit_cpus = forms.FloatField(
        label=_("CPU overcommit (times)"), required=False, initial=OVERCOMMIT_CPUS,
        help_text=_("How many times what the machine has may be promised: limits are caps, not reservations. 1: what is promised is there, whatever all of them do."),
    )  # fmt: skip
    overcommit_memory = forms.FloatField(
        label=_("Memory overcommit (times)"), required=False, initial=OVERCOMMIT_MEMORY,
        help_text=_("With more than 1 instances are killed when all of them use what they may."),
    )  # fmt: skip

    @classmethod
    def of(cls, group: HostGroup) -> dict[str, Any]:
        """What the form shows of a group."""
        shown = {name: getattr(group, name) for name in cls.base_fields}
        return shown | {"reserve_memory": round(group.reserve_memory / GIB, 3)}

    def clean_reserve_memory(self) -> int | None:
        gib = self.cleaned_data["reserve_memory"]
        return None if gib is None else round(gib * GIB)


class SegmentForm(forms.Form):
    slug = forms.CharField(label=_("Name"), help_text=_("Small letters, digits, - and _, such as «room-a»."))
    title = forms.CharField(label=_("Title"), required=False)
    cidr = forms.CharField(label=_("CIDR"), help_text=_("The whole network, such as 10.1.2.0/24."))
    gateway = forms.CharField(label=_("Gateway"), required=False, help_text=_("The router that containers go out by."))
    pool = forms.CharField(
        label=_("Pool"), required=False,
        help_text=_("Where addresses are given from: 10.1.2.10-10.1.2.200, 10.1.2.220. Empty: the whole network."),
    )  # fmt: skip
    reserved = forms.CharField(
        label=_("Reserved ranges"), required=False, help_text=_("Never given: DHCP, printers, other people's machines.")
    )
    driver = forms.ChoiceField(label=_("Driver"), choices=Segment.Driver.choices, initial="bridge")
    bridge = forms.CharField(
        label=_("Bridge or parent interface"), initial="br0",
        help_text=_("The bridge that the machine's network card is a port of; for macvlan the card itself."),
    )  # fmt: skip
    vlan = forms.CharField(
        label=_("VLAN"), required=False,
        help_text=_("With macvlan the engine makes the parent's sub-interface; a bridge's own port has to be in it."),
    )  # fmt: skip
    mtu = forms.CharField(label=_("MTU"), required=False, help_text=_("Empty: the engine's default."))
    dns = forms.CharField(label=_("DNS servers"), required=False, help_text=_("IP addresses, at most three."))
    search = forms.CharField(
        label=_("Search domains"), required=False, help_text=_("A single dot means none: no look-up gets a suffix.")
    )
    probe = forms.BooleanField(
        label=_("Probe addresses before their first use"), required=False, initial=True,
        help_text=_("A host asks by ARP whether somebody has the address. Off where a router answers for all (proxy ARP)."),
    )  # fmt: skip
    hosts = forms.ModelMultipleChoiceField(
        label=_("Hosts"), queryset=Host.objects.exclude(state="retired"), required=False,
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}), help_text=_("The machines that are plugged into this network."),
    )  # fmt: skip

    @classmethod
    def initial_of(cls, segment: Segment) -> dict[str, Any]:
        names = ("slug", "title", "cidr", "gateway", "pool", "reserved", "driver", "bridge", "vlan", "mtu", "probe")
        return {name: getattr(segment, name) for name in names} | {
            "dns": " ".join(segment.dns),
            "search": " ".join(segment.search),
            "hosts": list(segment.hosts.all()),
        }


class ReserveForm(forms.Form):
    ip = forms.CharField(label=_("Address"))
    note = forms.CharField(label=_("For what"), required=False)
    mac = forms.CharField(
        label=_("Its MAC"), required=False,
        help_text=_("Of a machine that is no container, so that it is found by it."),
    )  # fmt: skip
    holder = forms.CharField(
        label=_("Or for an instance to come"), required=False,
        help_text=_("service/environment/number: it gets this address when it is made."),
    )  # fmt: skip


class SetupForm(forms.Form):
    """A new machine with nothing but SSH. The key that was typed travels encrypted until it is stored."""

    name = forms.CharField(label=_("Name"), help_text=_("Small letters, digits, - and _, such as «room-a-01»."))
    address = forms.CharField(label=_("Address"), help_text=_("As the machine itself knows it, such as 10.1.2.3."))
    user = forms.CharField(label=_("User"), initial="root")
    port = forms.CharField(label=_("SSH port"), initial="22", required=False)
    sudo = forms.BooleanField(
        label=_("Through sudo"), required=False, help_text=_("The user may use sudo without a password.")
    )
    key = _pem(_("SSH key"), _("Without a passphrase. Encrypted at rest, never shown again."))
    key_file = forms.FileField(label=_("or its file"), required=False)
    key_kept = forms.CharField(required=False, widget=forms.HiddenInput)
    bridge = forms.CharField(
        label=_("Bridge"), required=False, initial="br0",
        help_text=_("The machine's address moves from its NIC to this bridge; if the machine cannot be reached then, it moves back by itself after a minute. Empty: the network stays as it is."),
    )  # fmt: skip
    role_run = forms.BooleanField(label=_("Runs services"), required=False, initial=True)
    role_build = forms.BooleanField(label=_("Builds images"), required=False)
    role_registry = forms.BooleanField(label=_("Holds a registry"), required=False)
    group = forms.ModelChoiceField(
        label=_("Host group"), queryset=HostGroup.objects.all(), required=False, to_field_name="slug",
        empty_label=_("none"),
    )  # fmt: skip
    segments = forms.ModelMultipleChoiceField(
        label=_("Segments"), queryset=Segment.objects.all(), required=False, to_field_name="slug",
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
    )  # fmt: skip
    confirm = forms.BooleanField(
        label=_("Containers that run there already may stop"), required=False,
        help_text=_("Without it, a machine on which containers run is left alone."),
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.has_key = False
        if self.is_bound:
            self.data: Any = self.data.copy()  # type: ignore[attr-defined]
            take_file(self.data, self.files, "key")
            self.has_key = keep_key(self.data, "key")

    def values(self) -> dict[str, Any]:
        """What the verb takes."""
        data = {k: v for k, v in self.cleaned_data.items() if k not in {"key_file", "key_kept", "confirm"}}
        return data | {"segments": [segment.slug for segment in data["segments"]], "port": data["port"] or 22}

    def hide_key(self) -> None:
        """Before the form is shown again: the key stays in its encrypted companion only."""
        if self.is_bound:
            self.data["key"] = ""
            if self.has_key:
                self.fields["key"].help_text = gettext(
                    "Your key is kept, encrypted; leave this empty to go on with it."
                )

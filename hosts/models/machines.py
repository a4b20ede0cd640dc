"""Machines with an engine, and what was last seen on them."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from hosts.runtimes import TRAITS
from xqplatform.secrets import EncryptedTextField

# Limits are caps, not reservations: this many times what a host has may be promised before a plan refuses.
OVERCOMMIT_CPUS = 16.0
OVERCOMMIT_MEMORY = 4.0


class HostGroup(models.Model):
    """A room or a cloud: where machines stand, and how much of them may be promised to instances."""

    slug = models.SlugField(_("name"), max_length=60, unique=True)
    title = models.CharField(_("title"), max_length=120, blank=True)
    kind = models.CharField(
        _("kind"), max_length=10, choices=[("room", _("room")), ("cloud", _("cloud"))], default="room"
    )
    # Of each host: what stays for itself (cores, bytes), and how many times the rest may be promised.
    reserve_cpus = models.FloatField(_("CPUs reserved on each host"), default=0)
    reserve_memory = models.BigIntegerField(_("memory reserved on each host"), default=0)
    overcommit_cpus = models.FloatField(_("overcommit of CPUs"), default=OVERCOMMIT_CPUS)
    overcommit_memory = models.FloatField(_("overcommit of memory"), default=OVERCOMMIT_MEMORY)

    class Meta:
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.title or self.slug


class Host(models.Model):
    """A machine with a container engine. Pages read what the inventory stored; only workers talk to the engine."""

    class Connection(models.TextChoices):
        LOCAL = "local", _("local socket")
        TCP = "tcp", _("TCP with certificates")
        SSH = "ssh", _("SSH")

    class Runtime(models.TextChoices):
        DOCKER = "docker", _("Docker Engine")
        LXD = "lxd", _("LXD or Incus")

    class State(models.TextChoices):
        NEW = "new", _("new")
        READY = "ready", _("ready")
        DEGRADED = "degraded", _("degraded")
        UNREACHABLE = "unreachable", _("unreachable")
        RETIRED = "retired", _("retired")

    ANSWERING = (State.READY, State.DEGRADED)  # its engine was reached the last time it was asked

    name = models.SlugField(_("name"), max_length=60, unique=True)
    runtime = models.CharField(_("runtime"), max_length=8, choices=Runtime, default=Runtime.DOCKER)
    connection = models.CharField(_("connection"), max_length=8, choices=Connection, default=Connection.TCP)
    # local: path of the socket; tcp: HOST:PORT; ssh: USER@HOST[:PORT]
    address = models.CharField(_("address"), max_length=250)
    ca = models.TextField(_("CA certificate"), blank=True)
    certificate = models.TextField(_("client certificate"), blank=True)
    key = EncryptedTextField(_("client key"), blank=True, default="")
    ssh_key = EncryptedTextField(_("SSH key"), blank=True, default="")
    ssh_host_key = models.TextField(_("pinned SSH host key"), blank=True)
    # Goes up when anything above changes: cached clients of other processes are then stale.
    connection_version = models.PositiveIntegerField(default=1)

    role_run = models.BooleanField(_("runs services"), default=True)
    role_build = models.BooleanField(_("builds images"), default=False)
    role_registry = models.BooleanField(_("holds a registry"), default=False)
    group = models.ForeignKey(
        HostGroup, models.SET_NULL, null=True, blank=True, related_name="hosts", verbose_name=_("group")
    )
    labels = models.JSONField(_("labels"), default=dict, blank=True)
    build_slots = models.PositiveSmallIntegerField(_("builds side by side"), default=2)

    state = models.CharField(max_length=12, choices=State, default=State.NEW)
    state_since = models.DateTimeField(null=True)
    state_reason = models.TextField(blank=True)
    cordoned = models.BooleanField(default=False)
    cordon_reason = models.CharField(max_length=250, blank=True)
    draining = models.BooleanField(default=False)

    # Inventory, as last seen
    seen = models.DateTimeField(null=True)
    engine_id = models.CharField(max_length=100, blank=True)
    engine_version = models.CharField(max_length=40, blank=True)
    api_version = models.CharField(max_length=10, blank=True)
    min_api_version = models.CharField(max_length=10, blank=True)
    kernel = models.CharField(max_length=120, blank=True)
    os = models.CharField(max_length=120, blank=True)
    architecture = models.CharField(max_length=20, blank=True)
    cpus = models.PositiveIntegerField(default=0)
    memory = models.BigIntegerField(default=0)  # bytes
    data_root = models.CharField(max_length=250, blank=True)
    disk_total = models.BigIntegerField(null=True)  # bytes of the data root's file system; null: not known
    disk_free = models.BigIntegerField(null=True)
    inodes_total = models.BigIntegerField(null=True)
    inodes_free = models.BigIntegerField(null=True)
    disk_seen = models.DateTimeField(null=True)
    disk_asked = models.DateTimeField(null=True)  # workers agree by it: one helper a host at a time
    disk_note = models.CharField(max_length=250, blank=True)  # why the figures above are not known
    storage_driver = models.CharField(max_length=40, blank=True)
    live_restore = models.BooleanField(default=False)
    cgroup_version = models.CharField(max_length=4, blank=True)
    warnings = models.JSONField(default=list, blank=True)
    notes = models.JSONField(default=list, blank=True)  # worth knowing, no reason to be degraded
    # Workers agree by these: one refresh at a time, one event stream a host.
    refresh_claimed = models.DateTimeField(null=True)
    watcher = models.CharField(max_length=100, blank=True)
    watcher_until = models.DateTimeField(null=True)
    clock_skew = models.FloatField(null=True)  # seconds that the engine's clock is ahead of ours
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def shown_state(self) -> str:
        """The word for people: what an operator did counts more than «ready»."""
        if self.state in {self.State.RETIRED, self.State.UNREACHABLE, self.State.NEW}:
            return self.state
        if self.draining:
            return "draining"
        return "cordoned" if self.cordoned else self.state

    @property
    def engine(self) -> str:
        """Its engine for people: «20.10.24», «LXD 5.0.2»; empty: not known."""
        traits = TRAITS[self.runtime]
        return (
            self.engine_version if traits.builds or not self.engine_version else f"{traits.title} {self.engine_version}"
        )

    @property
    def upkept(self) -> bool:
        """Whether the platform sets its engine up, upgrades it and writes its settings."""
        return TRAITS[self.runtime].upkept

    @property
    def speaks(self) -> str:
        """By what is told which features its runtime has: the API's version, or the runtime where that says nothing. Empty: not known."""
        return self.api_version if TRAITS[self.runtime].versioned else self.runtime

    @property
    def takes_instances(self) -> bool:
        return self.role_run and not self.cordoned and not self.draining and self.state in self.ANSWERING


class HostChange(models.Model):
    """One change of a host's state: its history, in order."""

    host = models.ForeignKey(Host, models.CASCADE, related_name="changes")
    old = models.CharField(max_length=12)
    new = models.CharField(max_length=12)
    reason = models.TextField(blank=True)
    time = models.DateTimeField()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.host}: {self.old} → {self.new}"


class SeenContainer(models.Model):
    """A container that an engine has, ours or foreign, as last seen. Foreign ones are listed and never touched."""

    host = models.ForeignKey(Host, models.CASCADE, related_name="seen_containers")
    engine_id = models.CharField(max_length=64)
    name = models.CharField(max_length=250)
    image = models.CharField(max_length=500, blank=True)
    image_id = models.CharField(max_length=100, blank=True)
    state = models.CharField(max_length=20)  # the engine's word: running, exited, …
    status = models.CharField(max_length=120, blank=True)  # «Up 4 hours (healthy)»
    health = models.CharField(max_length=12, blank=True)
    ip = models.CharField(max_length=45, blank=True)
    mac = models.CharField(max_length=17, blank=True)
    labels = models.JSONField(default=dict)
    ours = models.BooleanField(default=False)
    created = models.DateTimeField(null=True)
    seen = models.DateTimeField()

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["host", "engine_id"], name="seen_once_a_host")]
        indexes = [models.Index(fields=["ip"]), models.Index(fields=["mac"]), models.Index(fields=["engine_id"])]

    def __str__(self) -> str:
        return self.name

"""Instances (numbered places that stay) and the containers that ran in them."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from containers.models.services import ConfigVersion, ServiceEnvironment
from hosts.models import Address, Host


class Instance(models.Model):
    """A numbered place of a service in an environment: it stays when its container is replaced."""

    place = models.ForeignKey(ServiceEnvironment, models.CASCADE, related_name="instances")
    number = models.PositiveIntegerField()
    host = models.ForeignKey(Host, models.PROTECT, related_name="instances")
    address = models.OneToOneField(Address, models.PROTECT, null=True, related_name="instance")
    # What a person wants of it: running or stopped (a stop by button is no drift).
    wanted_state = models.CharField(max_length=8, default="running")
    # As last seen; few words: running, healthy, starting, unhealthy, stopped, missing
    state = models.CharField(max_length=12, default="missing", db_index=True)
    status = models.CharField(max_length=120, blank=True)  # «Up 4 hours (healthy)»
    ip = models.CharField(max_length=45, blank=True)  # the engine's own, where there is no segment
    # What its command last said of it (`Config.role_command`): primary, replica, or empty; and when it was asked.
    role = models.CharField(max_length=10, blank=True)
    role_asked = models.DateTimeField(null=True)
    drift = models.JSONField(default=list, blank=True)  # [{"what": "image", "stored": …, "found": …}]
    drift_since = models.DateTimeField(null=True)
    seen = models.DateTimeField(null=True)
    removed = models.DateTimeField(null=True)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["place", "number"]
        constraints = [
            models.UniqueConstraint(
                fields=["place", "number"], condition=models.Q(removed=None), name="an_instance_number_once"
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """«snow-production-3»: the container's name and host name."""
        return f"{self.place.service.slug}-{self.place.environment.slug}-{self.number}"

    @property
    def current(self) -> Container | None:
        return self.containers.filter(ended=None).order_by("-id").first()


class InstanceEvent(models.Model):
    """Something that happened to an instance by itself, or to it while it ran: its own time line."""

    class Kind(models.TextChoices):
        OOM = "oom", _("out of memory")
        LIMITS = "limits", _("limits changed")
        RESTART = "restart", _("started again")

    instance = models.ForeignKey(Instance, models.CASCADE, related_name="happened")
    container = models.ForeignKey("Container", models.SET_NULL, null=True, related_name="happened")
    kind = models.CharField(max_length=10, choices=Kind)
    text = models.TextField(blank=True)
    time = models.DateTimeField(db_index=True)
    # The same again within a while is counted here instead of in a row of its own.
    count = models.PositiveIntegerField(default=1)
    last = models.DateTimeField()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.instance}: {self.get_kind_display()}"


class Container(models.Model):
    """What ran or runs in an instance."""

    instance = models.ForeignKey(Instance, models.CASCADE, related_name="containers")
    host = models.ForeignKey(Host, models.PROTECT, related_name="+")
    engine_id = models.CharField(max_length=64, blank=True, db_index=True)
    image = models.ForeignKey("builds.Image", models.PROTECT, null=True, related_name="containers")
    config = models.ForeignKey(ConfigVersion, models.PROTECT, null=True, related_name="+")
    deployment = models.ForeignKey("Deployment", models.SET_NULL, null=True, related_name="containers")
    created = models.DateTimeField(auto_now_add=True)
    started = models.DateTimeField(null=True)
    healthy = models.DateTimeField(null=True)
    ended = models.DateTimeField(null=True)
    exit_code = models.IntegerField(null=True)
    oom_killed = models.BooleanField(default=False)
    # Unix times at which the engine was heard to tell of a kill for lack of memory, the newest last.
    ooms = models.JSONField(default=list)
    # Its runtime contract as last verified inside: {"items": […], "wrote": {…}, "problem": «why nobody could look»}
    contract = models.JSONField(default=dict, blank=True)
    contract_ok = models.BooleanField(null=True)  # None: not verified yet, or nobody could look
    contract_at = models.DateTimeField(null=True)  # None: to be verified, it (re)started
    contract_asked = models.DateTimeField(null=True)  # workers agree by it

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.engine_id[:12]

    @property
    def degraded(self) -> bool:
        """Whether it runs without what its contract promises."""
        return self.contract_ok is False


class ImageFacts(models.Model):
    """What an image says and has inside that its name does not tell; an image never changes, so it is looked at once."""

    key = models.CharField(max_length=200, unique=True)  # its digest, else its id
    facts = models.JSONField(default=dict)
    looked = models.DateTimeField()

    def __str__(self) -> str:
        return self.key


class PersistedFolder(models.Model):
    """A folder on a host that belongs to an address: mounted at /persist, kept when the container goes."""

    host = models.ForeignKey(Host, models.CASCADE, related_name="persisted_folders")
    root = models.CharField(max_length=250)
    ip = models.CharField(max_length=45)
    instance = models.ForeignKey(Instance, models.SET_NULL, null=True, related_name="persisted_folders")
    holder = models.CharField(max_length=200, blank=True)  # «snow/production/3», as it was
    size = models.BigIntegerField(null=True)  # bytes; None: not measured yet
    measured = models.DateTimeField(null=True)
    created = models.DateTimeField(auto_now_add=True)
    removing = models.DateTimeField(null=True)  # asked for
    reason = models.CharField(max_length=250, blank=True)  # why it could not be removed
    removed = models.DateTimeField(null=True)

    class Meta:
        ordering = ["ip", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["host", "root", "ip"], condition=models.Q(removed=None), name="a_persisted_folder_once"
            )
        ]

    def __str__(self) -> str:
        return self.path

    @property
    def path(self) -> str:
        """On the host."""
        return f"{self.root}/{self.ip}"

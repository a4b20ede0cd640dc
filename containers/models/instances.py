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
    last_log = models.TextField(blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.engine_id[:12]

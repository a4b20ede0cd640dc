"""Who is in traffic, and the nginx machines in front that are told so."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from containers.models.deployments import Step
from containers.models.instances import Instance
from containers.models.services import ServiceEnvironment
from hosts.models import Host


class Front(models.Model):
    """nginx on one or more hosts, which takes the upstream files that the platform writes. Kept by SREs."""

    slug = models.SlugField(_("name"), max_length=50, unique=True)
    title = models.CharField(_("title"), max_length=120, blank=True)
    hosts = models.ManyToManyField(Host, related_name="fronts", verbose_name=_("hosts"))
    folder = models.CharField(_("folder of upstream files"), max_length=200, default="/etc/nginx/conf.d")
    conf = models.CharField(_("main configuration"), max_length=200, default="/etc/nginx/nginx.conf")
    pid = models.CharField(_("pid file"), max_length=200, default="/run/nginx.pid")
    program = models.CharField(_("program"), max_length=200, default="nginx")

    class Meta:
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.slug


class Serving(models.Model):
    """Whether an instance gets traffic, as was last decided; what fronts have is in `Upstream`."""

    class State(models.TextChoices):
        IN = "in", _("in traffic")
        LEAVING = "leaving", _("is taken out")
        OUT = "out", _("out of traffic")

    instance = models.OneToOneField(Instance, models.CASCADE, related_name="serving")
    state = models.CharField(max_length=8, choices=State, default=State.OUT)
    since = models.DateTimeField()
    step = models.ForeignKey(Step, models.SET_NULL, null=True, related_name="+")  # that said so; None: the sweep
    # What the container that serves listens on: settings may name another port than those it was made with. None: the upstream's
    port = models.PositiveIntegerField(null=True)

    def __str__(self) -> str:
        return f"{self.instance_id}: {self.state}"


class Upstream(models.Model):
    """The upstream file of a place on one host of a front. It is right there when `applied` has reached `wanted`."""

    place = models.ForeignKey(ServiceEnvironment, models.CASCADE, related_name="upstreams")
    front = models.ForeignKey(Front, models.CASCADE, related_name="upstreams")
    host = models.ForeignKey(Host, models.CASCADE, related_name="upstreams")
    port = models.PositiveIntegerField(default=80)
    wanted = models.PositiveIntegerField(default=1)
    applied = models.PositiveIntegerField(default=0)
    text = models.TextField(blank=True)  # as last put there
    trouble = models.TextField(blank=True)  # why the last try failed
    at = models.DateTimeField(null=True)  # of the last success
    tried = models.DateTimeField(null=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["place", "front", "host"], name="an_upstream_once_a_front_and_host")
        ]

    def __str__(self) -> str:
        return f"{self.place} @ {self.host}"

"""Services, environments, and a service's settings in each of them."""

from __future__ import annotations

from django.db import models
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from builds.models import Project
from hosts.models import HostGroup, Segment
from xqplatform.accounts.models import Team
from xqplatform.accounts.roles.decide import At
from xqplatform.secrets import TokenField


class Environment(models.Model):
    """Isolated, pre-release, grey, production by default; editable."""

    slug = models.SlugField(_("name"), max_length=40, unique=True)
    title = models.CharField(_("title"), max_length=80)
    title_zh = models.CharField(_("title in Chinese"), max_length=80, blank=True)
    position = models.PositiveSmallIntegerField(default=0)
    colour = models.CharField(_("colour"), max_length=12, default="blue")
    production = models.BooleanField(_("is production"), default=False)
    branch = models.CharField(
        _("branch that is built for it"), max_length=120, blank=True
    )  # fnmatch pattern: «prod», «release*»
    groups = models.ManyToManyField(HostGroup, blank=True, related_name="environments", verbose_name=_("host groups"))
    segment = models.ForeignKey(
        Segment, models.PROTECT, null=True, blank=True, related_name="environments", verbose_name=_("segment")
    )
    auto_repair = models.BooleanField(_("puts drift right by itself"), default=False)
    placement = models.JSONField(_("rules of placement"), default=dict, blank=True)  # see containers.placement.stored

    class Meta:
        ordering = ["position", "slug"]

    def __str__(self) -> str:
        return self.title

    @property
    def local_title(self) -> str:
        """Its title in the reader's language; what is stored has the other one."""
        return ((get_language() or "").startswith("zh") and self.title_zh) or self.title


class Service(models.Model):
    class Kind(models.TextChoices):
        STATELESS = "stateless", _("stateless")
        STATEFUL = "stateful", _("stateful")

    slug = models.SlugField(_("name"), max_length=50, unique=True)
    title = models.CharField(_("title"), max_length=120, blank=True)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind, default=Kind.STATELESS)
    team = models.ForeignKey(
        Team, models.PROTECT, null=True, blank=True, related_name="services", verbose_name=_("team")
    )
    project = models.OneToOneField(Project, models.PROTECT, related_name="service")
    created = models.DateTimeField(auto_now_add=True)
    removal_asked = models.DateTimeField(null=True)
    removed = models.DateTimeField(null=True)

    class Meta:
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.slug

    @property
    def at(self) -> At:
        """What a right on it as a whole is asked about."""
        return {"team_id": self.team_id, "service": self.slug}

    def at_in(self, environment: str | None) -> At:
        """What a right on it in an environment is asked about."""
        return {"team_id": self.team_id, "environment": environment, "service": self.slug}


class ServiceEnvironment(models.Model):
    """A service in an environment: how many instances, where, with which settings version, and who changes it now."""

    service = models.ForeignKey(Service, models.CASCADE, related_name="places")
    environment = models.ForeignKey(Environment, models.PROTECT, related_name="places")
    branch = models.CharField(_("branch"), max_length=120, blank=True)  # overrides the environment's rule
    segment = models.ForeignKey(Segment, models.PROTECT, null=True, blank=True, related_name="places")  # overrides
    placement = models.JSONField(_("rules of placement"), default=dict, blank=True)  # those that it sets itself
    wanted = models.PositiveIntegerField(_("instances"), default=1)
    config = models.ForeignKey("ConfigVersion", models.PROTECT, null=True, related_name="+")  # newest settings
    # What the last successful release left: what converging and scaling go by.
    current_image = models.ForeignKey("builds.Image", models.PROTECT, null=True, related_name="+")
    current_config = models.ForeignKey("ConfigVersion", models.PROTECT, null=True, related_name="+")
    # The lock: one active deployment at a time.
    active = models.OneToOneField("Deployment", models.SET_NULL, null=True, related_name="+")

    class Meta:
        ordering = ["service", "environment"]
        constraints = [models.UniqueConstraint(fields=["service", "environment"], name="a_service_once_an_environment")]

    def __str__(self) -> str:
        return f"{self.service.slug}/{self.environment.slug}"

    @property
    def at(self) -> At:
        """What a right here is asked about."""
        return self.service.at_in(self.environment.slug)


class ConfigVersion(models.Model):
    """The settings of a service in an environment at a version; never changed once made.

    `content` is a `containers.config.Config` as JSON; secret values lie apart, encrypted.
    """

    place = models.ForeignKey(ServiceEnvironment, models.CASCADE, related_name="configs")
    version = models.PositiveIntegerField()
    content = models.JSONField()
    secrets = TokenField(blank=True)  # encrypted JSON {name: value}; see containers.config
    author = models.CharField(max_length=150)
    reason = models.CharField(max_length=250, blank=True)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-version"]
        constraints = [models.UniqueConstraint(fields=["place", "version"], name="a_config_version_once")]

    def __str__(self) -> str:
        return f"v{self.version}"

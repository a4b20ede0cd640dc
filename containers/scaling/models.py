"""A place's policy of elasticity, and what it decided."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from containers.models import Deployment, ServiceEnvironment


class ScalingPolicy(models.Model):
    """The one policy of a place. `content`: as `parsing.parse` reads it; earlier ones stand in the audit log."""

    place = models.OneToOneField(ServiceEnvironment, models.CASCADE, related_name="scaling")
    content = models.JSONField(default=dict)
    version = models.PositiveIntegerField(default=1)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    author_name = models.CharField(max_length=150, blank=True)
    changed = models.DateTimeField(auto_now=True)
    # What the last evaluation left: `shape.Memory`, what past weeks took ({"at", "sums"}), and what it says now (`told.as_json`).
    memory = models.JSONField(default=dict)
    past = models.JSONField(default=dict)
    now = models.JSONField(default=dict)
    ran = models.DateTimeField(null=True)
    short_since = models.DateTimeField(null=True)  # more is needed than its most, or than fits
    blind_since = models.DateTimeField(null=True)  # a source that should tell cannot

    def __str__(self) -> str:
        return str(self.place)

    @classmethod
    def evaluated(cls) -> models.QuerySet[ScalingPolicy]:
        """Those of services that are not removed, and that nobody is removing."""
        return cls.objects.filter(place__service__removed=None, place__service__removal_asked=None)


class ScalingDecision(models.Model):
    """A change that a policy decided, and what came of it."""

    class Outcome(models.TextChoices):
        BEGUN = "begun", _("carried out")  # the release's own state says more
        PARTIAL = "partial", _("in part")
        REFUSED = "refused", _("refused")
        DRY = "dry", _("only noted")

    place = models.ForeignKey(ServiceEnvironment, models.CASCADE, related_name="scaling_decisions")
    time = models.DateTimeField(default=timezone.now)
    before = models.PositiveIntegerField()
    asked = models.PositiveIntegerField()  # the number that was decided
    after = models.PositiveIntegerField()  # the number that was begun; `before` where nothing was
    reason = models.JSONField(default=dict)  # `shape.Reason`
    wishes = models.JSONField(default=list)
    outcome = models.CharField(max_length=8, choices=Outcome)
    words = models.TextField(blank=True)  # why not, or not all of it
    deployment = models.ForeignKey(Deployment, models.SET_NULL, null=True, related_name="scaling")

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["place", "time"], name="scaling_of_place")]

    def __str__(self) -> str:
        return f"{self.place}: {self.before} → {self.asked}"


class ScalingRun(models.Model):
    """The one row that says who evaluates the policies, and how the last time went."""

    ran = models.DateTimeField(null=True)
    took = models.FloatField(default=0)  # seconds
    policies = models.PositiveIntegerField(default=0)
    lease = models.CharField(max_length=160, blank=True)
    lease_until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.ran}"

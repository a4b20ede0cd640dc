"""Rules of gates, and what each gate measured and said of a batch of a release."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from containers.models.deployments import Deployment
from containers.models.services import Environment, ServiceEnvironment


class GateRules(models.Model):
    """The rules of a place, of an environment, or of the platform (neither is set). Without a row: as above it, or off."""

    class Mode(models.TextChoices):
        INHERIT = "inherit", _("as above it")
        OWN = "own", _("own rules")
        OFF = "off", _("no gates")

    key = models.CharField(
        max_length=40, unique=True
    )  # `containers.gates.sets.Scope.key`: one row each, also the platform's
    environment = models.OneToOneField(Environment, models.CASCADE, null=True, related_name="gates")
    place = models.OneToOneField(ServiceEnvironment, models.CASCADE, null=True, related_name="gates")
    mode = models.CharField(max_length=8, choices=Mode, default=Mode.OWN)
    binding = models.BooleanField(default=False)  # an environment's: its services cannot choose others
    settle = models.PositiveIntegerField(default=10)  # seconds after a batch that are not measured
    rules = models.JSONField(default=list)  # `containers.gates.shape.to_json`
    changed = models.DateTimeField(auto_now=True)
    changed_name = models.CharField(max_length=150, blank=True)

    def __str__(self) -> str:
        return str(self.place or self.environment or "platform")


class GateRun(models.Model):
    """One batch of a release, judged: the rules as they were, the numbers, and the verdict. Never changed once judged."""

    class State(models.TextChoices):
        MEASURING = "measuring", _("measuring")
        CONTINUE = "continue", _("continue")
        HOLD = "hold", _("hold")
        ROLL_BACK = "roll back", _("roll back")

    deployment = models.ForeignKey(Deployment, models.CASCADE, related_name="gate_runs")
    batch = models.PositiveIntegerField()  # that is through, from 0
    source = models.CharField(max_length=150)  # whose rules: «snow/production», «production», or empty: the platform's
    settle = models.PositiveIntegerField(default=0)
    rules = models.JSONField(default=list)
    # One a rule: {"state", "new", "samples", "base", "base_samples", "basis", "limit", "problem"}
    findings = models.JSONField(default=list)
    new = models.JSONField(default=list)  # numbers of the instances
    old = models.JSONField(default=list)
    state = models.CharField(max_length=10, choices=State, default=State.MEASURING)
    why = models.TextField(blank=True)
    begun = models.DateTimeField()
    looked = models.DateTimeField()
    watched = models.FloatField(default=0.0)  # seconds
    busy_until = models.DateTimeField(null=True)  # until then nobody else need measure
    judged = models.DateTimeField(null=True)

    class Meta:
        ordering = ["batch", "id"]
        constraints = [models.UniqueConstraint(fields=["deployment", "batch"], name="a_gate_once_a_batch")]

    def __str__(self) -> str:
        return f"#{self.deployment_id}/{self.batch + 1}: {self.state}"

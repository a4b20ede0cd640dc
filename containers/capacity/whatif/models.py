"""Scenarios that people keep."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Scenario(models.Model):
    """Changes of the fleet under a name; they are applied to the fleet as it stands whenever somebody looks."""

    name = models.CharField(_("name"), max_length=80)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="scenarios")
    owner_name = models.CharField(max_length=150)
    shared = models.BooleanField(_("others see it, too"), default=False)
    changes = models.JSONField(default=list)  # texts, see `whatif.scenario`
    created = models.DateTimeField(auto_now_add=True)
    changed = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name", "pk"]
        constraints = [models.UniqueConstraint(fields=["owner", "name"], name="a_scenario_once_an_owner")]

    def __str__(self) -> str:
        return self.name

"""What is released by itself when it was pushed and built, and what came of each."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from builds.models import ForgeDelivery
from containers.models.deployments import Deployment
from containers.models.services import ServiceEnvironment


class AutomaticRule(models.Model):
    """Which branches and tags a place releases by itself, with whose right: of who saved it last."""

    place = models.OneToOneField(ServiceEnvironment, models.CASCADE, related_name="automatic")
    enabled = models.BooleanField(_("releases by itself"), default=False)
    branches = models.TextField(_("branches"), blank=True)  # fnmatch patterns
    tags = models.TextField(_("tags"), blank=True)
    reason = models.CharField(_("reason"), max_length=250, blank=True)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    author_name = models.CharField(max_length=150, blank=True)
    changed = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return str(self.place)


class AutomaticRelease(models.Model):
    """What came of one push in one place."""

    class State(models.TextChoices):
        BEGUN = "begun", _("released")  # the release's own state says more
        NOTHING = "nothing", _("nothing to do")
        REFUSED = "refused", _("refused")

    place = models.ForeignKey(ServiceEnvironment, models.CASCADE, related_name="automatic_releases")
    delivery = models.ForeignKey(ForgeDelivery, models.SET_NULL, null=True, related_name="+")
    deployment = models.ForeignKey(Deployment, models.SET_NULL, null=True, related_name="automatic")
    pushed = models.CharField(max_length=200)  # the branch or tag and its commit
    state = models.CharField(max_length=8, choices=State)
    words = models.TextField(blank=True)
    created = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["place", "delivery"], name="a_push_once_a_place")]

    def __str__(self) -> str:
        return f"{self.place}: {self.pushed}"

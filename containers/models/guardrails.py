"""What stands between a click and a release: rules of an environment, calendars, freeze windows, and where glass was broken."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from containers.models.deployments import Deployment
from containers.models.services import Environment


class Guardrails(models.Model):
    """The rules of an environment. Without a row the defaults hold (`containers.guardrails.rules`)."""

    class Frozen(models.TextChoices):
        HOLD = "hold", _("finish the batch, then hold until the freeze ends")
        GO_ON = "go_on", _("go on to its end")

    class Approver(models.TextChoices):
        ANY = "", _("whoever may approve there")
        SRE = "sre", _("SREs")

    environment = models.OneToOneField(Environment, models.CASCADE, related_name="guardrails")
    # Promotion proof: where the digest must have run healthy before, for how long, on how many instances.
    proof = models.BooleanField(default=False)
    proof_from = models.ManyToManyField(Environment, blank=True, related_name="+")
    proof_minutes = models.PositiveIntegerField(default=0)
    proof_instances = models.PositiveIntegerField(default=1)
    reason = models.BooleanField(default=False)  # a release needs one that a person wrote
    ticket = models.CharField(max_length=120, blank=True)  # «OPS-#, INC-#»; see guardrails.limits
    most_batch = models.PositiveIntegerField(null=True, blank=True)  # instances at a time
    most_share = models.PositiveSmallIntegerField(null=True, blank=True)  # the same, in percent of those that stand
    least_healthy = models.PositiveSmallIntegerField(null=True, blank=True)  # percent that stay healthy during a batch
    # So many people other than who decides a release say that it may begin; each for so long.
    approvals = models.PositiveSmallIntegerField(default=0)
    approvals_role = models.CharField(max_length=12, choices=Approver, default=Approver.ANY, blank=True)
    approvals_hours = models.PositiveIntegerField(default=24)
    when_frozen = models.CharField(max_length=6, choices=Frozen, default=Frozen.HOLD)

    def __str__(self) -> str:
        return str(self.environment)


class Calendar(models.Model):
    """When a market or an office is open. Its sessions are computed ahead and stored, so that no page computes them."""

    slug = models.SlugField(_("name"), max_length=40, unique=True)
    title = models.CharField(_("title"), max_length=80)
    market = models.CharField(max_length=12, blank=True)  # the exchange's code (MIC); empty: hours of one's own
    zone = models.CharField(_("time zone"), max_length=60, default="Asia/Shanghai")
    # Own hours: {"days": [0, …, 6 = Sunday], "hours": [["09:30", "11:30"], ["13:00", "15:00"]]}; wall clock of `zone`
    hours = models.JSONField(default=dict, blank=True)
    # An imported ICS file: what its events mean, and what they are within the stored time, [[from, to, title]], epoch seconds
    ics = models.TextField(blank=True)
    ics_means = models.CharField(
        max_length=6, choices=[("closed", _("closed")), ("open", _("open"))], default="closed", blank=True
    )
    ics_spans = models.JSONField(default=list, blank=True)
    # [[day, open, break from, break to, close]]: ISO day, epoch seconds, null where there is no break
    sessions = models.JSONField(default=list, blank=True)
    known_from = models.DateField(null=True)  # days of which all is known
    known_until = models.DateField(null=True)
    computed = models.DateTimeField(null=True)
    asked = models.DateTimeField(null=True)  # since when somebody wants it computed anew
    trouble = models.TextField(blank=True)  # why that did not succeed, in words

    class Meta:
        ordering = ["title"]

    def __str__(self) -> str:
        return self.title


class CalendarDay(models.Model):
    """An exception: a day on which the calendar differs from its sessions."""

    calendar = models.ForeignKey(Calendar, models.CASCADE, related_name="days")
    day = models.DateField()
    opens = models.TimeField(null=True, blank=True)  # None: closed all day
    closes = models.TimeField(null=True, blank=True)
    reason = models.CharField(max_length=250, blank=True)

    class Meta:
        ordering = ["day"]
        constraints = [models.UniqueConstraint(fields=["calendar", "day"], name="one_exception_a_day")]

    def __str__(self) -> str:
        return f"{self.day}"


class Freeze(models.Model):
    """A window in which no release begins in an environment."""

    class Kind(models.TextChoices):
        MARKET = "market", _("while a market is open")
        WEEKLY = "weekly", _("every week")
        ONCE = "once", _("once")

    environment = models.ForeignKey(Environment, models.CASCADE, related_name="freezes")
    kind = models.CharField(max_length=6, choices=Kind)
    reason = models.CharField(max_length=250, blank=True)
    on = models.BooleanField(default=True)
    # market
    calendar = models.ForeignKey(Calendar, models.PROTECT, null=True, blank=True, related_name="freezes")
    before = models.PositiveSmallIntegerField(default=0)  # minutes before it opens
    after = models.PositiveSmallIntegerField(default=0)  # minutes after it closes
    lunch = models.BooleanField(default=True)  # frozen over its break, too
    # weekly: wall clock of `zone`; an end that is not after the start is on the next day
    days = models.JSONField(default=list, blank=True)  # 0 = Monday
    start = models.TimeField(null=True, blank=True)
    end = models.TimeField(null=True, blank=True)
    zone = models.CharField(max_length=60, blank=True)
    # once
    starts = models.DateTimeField(null=True, blank=True)
    ends = models.DateTimeField(null=True, blank=True)
    created_name = models.CharField(max_length=150, blank=True)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.reason or self.get_kind_display()


class BrokenGlass(models.Model):
    """Somebody went on in spite of guardrails: why, in spite of what, and what another SRE said of it afterwards."""

    deployment = models.ForeignKey(Deployment, models.CASCADE, related_name="glass")
    reason = models.TextField()
    overridden = models.JSONField(default=list)  # the words of what stood in the way
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    by_name = models.CharField(max_length=150)
    created = models.DateTimeField(auto_now_add=True)
    reviewed = models.DateTimeField(null=True)
    reviewed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    reviewed_name = models.CharField(max_length=150, blank=True)
    comment = models.TextField(blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"#{self.deployment_id}"


class Approval(models.Model):
    """Somebody said that a release may begin, until when, and perhaps took it back."""

    deployment = models.ForeignKey(Deployment, models.CASCADE, related_name="approvals")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    by_name = models.CharField(max_length=150)
    given = models.DateTimeField(auto_now_add=True)
    expires = models.DateTimeField()
    comment = models.TextField(blank=True)
    withdrawn = models.DateTimeField(null=True)
    withdrawn_why = models.TextField(blank=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"#{self.deployment_id}: {self.by_name}"

    @property
    def expired(self) -> bool:
        return self.expires <= timezone.now()

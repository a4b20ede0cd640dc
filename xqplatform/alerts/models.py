"""Rows of alerting: rules, what they found (an episode is a row, each of its transitions another), silences, and who was told."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from xqplatform.secrets import EncryptedTextField


class Severity(models.TextChoices):
    CRITICAL = "critical", _("critical")
    WARNING = "warning", _("warning")


class Channels(models.QuerySet["Channel"]):
    def shared(self) -> Channels:
        """Those of the company; a person's own are nobody else's business."""
        return self.filter(owner=None)


class Channel(models.Model):
    """Where notifications go. Its address and its secret are never shown again."""

    class Kind(models.TextChoices):
        APPRISE = "apprise", _("mail, DingTalk, WeCom, Slack and others")
        WEBHOOK = "webhook", _("signed webhook")
        MAIL = "mail", _("mail")  # a person's own: over the company's account (`XQ_MAIL_URL`)

    SHARED = (Kind.APPRISE, Kind.WEBHOOK)

    name = models.CharField(_("name"), max_length=80, unique=True)
    kind = models.CharField(_("kind"), max_length=8, choices=Kind, default=Kind.APPRISE)
    url = EncryptedTextField(_("address"))
    secret = EncryptedTextField(_("signing secret"), blank=True, default="")
    service = models.CharField(max_length=80, blank=True)  # what the address is of: «DingTalk», «Email»
    # Whose own it is; of the company's channels nobody's.
    owner = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="own_channel")
    default = models.BooleanField(_("for every rule that names no channel"), default=True)
    least = models.CharField(_("from this severity on"), max_length=8, choices=Severity, default=Severity.WARNING)
    enabled = models.BooleanField(pgettext_lazy("switched", "on"), default=True)
    # Whoever reads it hears of services that not everybody may see; set by somebody who sees them all.
    hears_closed = models.BooleanField(_("hears of closed teams"), default=False)
    # How its last delivery went, for the list.
    ok = models.BooleanField(null=True)
    ok_since = models.DateTimeField(null=True)
    problem = models.TextField(blank=True)
    created = models.DateTimeField(auto_now_add=True)
    # One delivery at a time a channel: a dead one holds up nobody but itself.
    lease = models.CharField(max_length=160, blank=True)
    lease_until = models.DateTimeField(null=True)

    objects = Channels.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def shown_state(self) -> str:
        if not self.enabled:
            return "off"
        return "new" if self.ok is None else "up" if self.ok else "down"


class Rule(models.Model):
    class Condition(models.TextChoices):
        ABOVE = "above", _("above")
        BELOW = "below", _("below")
        RISE = "rise", _("rises within the time by more than")
        LIMIT = "limit", _("above this part of its limit (%)")
        ABSENT = "absent", _("no data")
        STATE = "state", _("is so")

    name = models.CharField(_("name"), max_length=120, unique=True)
    builtin = models.CharField(max_length=60, blank=True)  # the key of a rule that came with the platform
    kind = models.CharField(_("of"), max_length=12, default="instance")  # a key of subjects.KINDS
    metric = models.CharField(_("metric"), max_length=80, blank=True)
    source = models.CharField(_("state"), max_length=60, blank=True)  # a name of sources.SOURCES, instead of a metric
    condition = models.CharField(_("condition"), max_length=8, choices=Condition, default=Condition.ABOVE)
    threshold = models.FloatField(_("threshold"), default=0)
    clear = models.FloatField(_("good again at"), null=True, blank=True)  # empty: the threshold
    hold = models.PositiveIntegerField(_("for (seconds)"), default=0)
    clear_hold = models.PositiveIntegerField(_("good for (seconds)"), default=0)
    silence_resolves = models.BooleanField(_("ends without data"), default=False)
    severity = models.CharField(_("severity"), max_length=8, choices=Severity, default=Severity.WARNING)
    service = models.CharField(_("service"), max_length=60, blank=True)  # names; empty: all
    environment = models.CharField(_("environment"), max_length=60, blank=True)
    group = models.CharField(_("host group"), max_length=60, blank=True)
    enabled = models.BooleanField(pgettext_lazy("switched", "on"), default=True)
    channels = models.ManyToManyField(Channel, blank=True, related_name="rules", verbose_name=_("channels"))
    text = models.TextField(_("what to do"), blank=True)
    problem = models.TextField(blank=True)  # why it could not be evaluated last
    created = models.DateTimeField(auto_now_add=True)
    changed = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Alert(models.Model):
    """One episode of a rule on a subject. What it is about is frozen as text: rules and instances go, the history stays."""

    class State(models.TextChoices):
        PENDING = "pending", _("pending")
        FIRING = "firing", _("firing")
        RESOLVED = "resolved", _("resolved")

    ACTIVE = (State.PENDING, State.FIRING)

    rule = models.ForeignKey(Rule, models.SET_NULL, null=True, related_name="alerts")
    rule_name = models.CharField(max_length=120)
    severity = models.CharField(max_length=8, choices=Severity)
    subject = models.CharField(max_length=60)  # «instance:12»
    device = models.CharField(max_length=120, blank=True)  # «/data», where the metric has one
    name = models.CharField(max_length=200)
    url = models.CharField(max_length=200, blank=True)
    service = models.CharField(max_length=60, blank=True)
    environment = models.CharField(max_length=60, blank=True)
    host = models.CharField(max_length=80, blank=True)
    group = models.CharField(max_length=60, blank=True)
    team_id = models.BigIntegerField(null=True)
    state = models.CharField(max_length=8, choices=State)
    started = models.DateTimeField()  # bad since
    since = models.DateTimeField()  # in this state since
    fired = models.DateTimeField(null=True)
    resolved = models.DateTimeField(null=True)
    seen = models.DateTimeField()  # the last observation
    good_since = models.DateTimeField(null=True)
    value = models.FloatField(default=0)
    peak = models.FloatField(default=0)
    words = models.TextField(blank=True)
    held = models.CharField(max_length=250, blank=True)  # why nobody is told; empty: they are
    told = models.CharField(max_length=8, blank=True)  # the last state of which a notification was made

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "subject", "device"],
                condition=Q(state__in=["pending", "firing"]),
                name="one_alert_a_subject",
            )
        ]
        indexes = [
            models.Index(fields=["state", "severity"]),
            models.Index(fields=["subject", "-fired"]),
            models.Index(fields=["-fired"]),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.rule_name}: {self.name}"

    def get_absolute_url(self) -> str:
        return f"/alerts/{self.pk}/"


class Transition(models.Model):
    """One change of an alert's state: its history, in order."""

    alert = models.ForeignKey(Alert, models.CASCADE, related_name="transitions")
    old = models.CharField(max_length=8, blank=True)
    new = models.CharField(max_length=8)
    time = models.DateTimeField()
    value = models.FloatField(default=0)
    words = models.CharField(max_length=250, blank=True)  # why, where the value does not say it

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.alert_id}: {self.old} → {self.new}"


class Silence(models.Model):
    """Until its end nobody is told of what it matches; empty fields match all."""

    rule = models.ForeignKey(
        Rule, models.CASCADE, null=True, blank=True, related_name="silences", verbose_name=_("rule")
    )
    service = models.CharField(_("service"), max_length=60, blank=True)
    environment = models.CharField(_("environment"), max_length=60, blank=True)
    host = models.CharField(_("host"), max_length=80, blank=True)
    group = models.CharField(_("host group"), max_length=60, blank=True)
    subject = models.CharField(max_length=60, blank=True)
    subject_name = models.CharField(max_length=200, blank=True)
    reason = models.CharField(_("reason"), max_length=500)
    starts = models.DateTimeField(default=timezone.now)
    until = models.DateTimeField(_("until"))
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_name = models.CharField(max_length=150)

    class Meta:
        ordering = ["until", "pk"]
        indexes = [models.Index(fields=["until"])]

    def __str__(self) -> str:
        parts = [str(self.rule or ""), self.subject_name, self.service, self.environment, self.host, self.group]
        return " · ".join(part for part in parts if part)

    @property
    def holds(self) -> bool:
        return self.starts <= timezone.now() < self.until


class Notification(models.Model):
    """What is told in one message: alerts of one rule and scope that changed within a moment, or a test."""

    class Kind(models.TextChoices):
        FIRING = "firing", _("firing")
        RESOLVED = "resolved", _("resolved")
        TEST = "test", _("test")
        NOTICE = "notice", _("release or build")

    kind = models.CharField(max_length=8, choices=Kind)
    severity = models.CharField(max_length=8, choices=Severity, default=Severity.WARNING)
    rule = models.ForeignKey(Rule, models.SET_NULL, null=True, related_name="+")
    title = models.CharField(max_length=250)
    body = models.TextField(blank=True)
    data = models.JSONField(default=dict)  # what the signed webhook sends
    alerts = models.ManyToManyField(Alert, related_name="notifications")
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return self.title


class Delivery(models.Model):
    """A notification on its way over a channel: at least once, since a worker may die between the act and the note of it."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        SENDING = "sending", _("sending")
        SENT = "sent", _("sent")
        FAILED = "failed", _("failed")

    OPEN = (State.WAITING, State.SENDING)

    notification = models.ForeignKey(Notification, models.CASCADE, related_name="deliveries")
    channel = models.ForeignKey(Channel, models.CASCADE, related_name="deliveries")
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    attempts = models.JSONField(default=list)  # [{"time", "took", "ok", "words"}]; epoch seconds
    due = models.DateTimeField(default=timezone.now)
    words = models.TextField(blank=True)  # what the other side said last
    created = models.DateTimeField(auto_now_add=True)
    ended = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["notification", "channel"], name="a_notification_once_a_channel")
        ]
        indexes = [models.Index(fields=["state", "due"])]

    def __str__(self) -> str:
        return f"{self.notification} → {self.channel}"


class Evaluator(models.Model):
    """The one row that says who evaluates and how the last time went."""

    ran = models.DateTimeField(null=True)
    steady_since = models.DateTimeField(null=True)  # evaluated without a gap since: what was before nobody has watched
    took = models.FloatField(default=0)  # seconds
    subjects = models.PositiveIntegerField(default=0)
    rules = models.PositiveIntegerField(default=0)
    lease = models.CharField(max_length=160, blank=True)
    lease_until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.ran}"

"""What happened, as an outbox written with it, and what lies in people's inboxes."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from xqplatform.accounts.models import Team
from xqplatform.alerts.models import Channel, Notification
from xqplatform.notices.kinds import Kind


class Notice(models.Model):
    """One happening that people may be told of. Its words are made when they are read, in the reader's language."""

    key = models.CharField(max_length=120, unique=True)  # «release:12:succeeded»: one happening is told of once
    kind = models.CharField(max_length=14, choices=Kind)
    source = models.CharField(max_length=12)  # a name of `sources.SOURCES`
    number = models.BigIntegerField()  # of the release or the build
    url = models.CharField(max_length=200)
    service = models.CharField(max_length=120, blank=True)
    environment = models.CharField(max_length=60, blank=True)
    team_id = models.BigIntegerField(null=True)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    # By whose act it happened: nobody is told of what they did themselves.
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    facts = models.JSONField(default=dict)  # what the words are made of: {"who", "by", "why", …}
    created = models.DateTimeField(auto_now_add=True, db_index=True)
    spread = models.DateTimeField(null=True, db_index=True)  # its receivers were worked out

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return self.key

    @property
    def shown_state(self) -> str:
        """Its kind as one of the state words."""
        words = {
            Kind.HELD: "holds",
            Kind.APPROVAL: "wants_approval",
            Kind.BUILD_FAILED: "failed",
            Kind.ACCOUNT: "warning",
            Kind.REPORT: "succeeded",
            Kind.CAPACITY: "succeeded",
        }
        return words.get(Kind(self.kind), self.kind)


class Entry(models.Model):
    """A notice in somebody's inbox."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="inbox")
    notice = models.ForeignKey(Notice, models.CASCADE, related_name="entries")
    relation = models.CharField(max_length=4)  # `kinds.Relation`
    read = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [models.UniqueConstraint(fields=["user", "notice"], name="a_notice_once_a_person")]
        indexes = [models.Index(fields=["user", "read"])]

    def __str__(self) -> str:
        return f"{self.notice} → {self.user}"


class Preference(models.Model):
    """Of what somebody wants to hear. Without a row, and for kinds that are not in it, the defaults of `kinds` hold."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, related_name="notice_preference")
    inbox = models.JSONField(default=dict)  # {kind: `kinds.Scope`}
    own = models.JSONField(default=dict)  # the same, over the own channel

    def __str__(self) -> str:
        return str(self.user)


class Subscription(models.Model):
    """A channel of the company, or a team, that hears of some kinds; of one service or all, in one environment or all."""

    channel = models.ForeignKey(Channel, models.CASCADE, null=True, related_name="subscriptions")
    team = models.ForeignKey(Team, models.CASCADE, null=True, related_name="subscriptions")
    service = models.CharField(max_length=120, blank=True)  # names; empty: all
    environment = models.CharField(max_length=60, blank=True)
    kinds = models.JSONField(default=list)
    created = models.DateTimeField(auto_now_add=True)
    created_name = models.CharField(max_length=150)

    class Meta:
        ordering = ["service", "environment", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(channel__isnull=True) ^ models.Q(team__isnull=True), name="a_channel_or_a_team"
            )
        ]

    def __str__(self) -> str:
        return f"{self.channel or self.team}: {self.service or '*'}/{self.environment or '*'}"


class Post(models.Model):
    """A notice that goes over a channel, alone or with others of the same time: once, whatever dies in between."""

    notice = models.ForeignKey(Notice, models.CASCADE, related_name="posts")
    channel = models.ForeignKey(Channel, models.CASCADE, related_name="posts")
    notification = models.ForeignKey(Notification, models.SET_NULL, null=True, related_name="posts")
    created = models.DateTimeField(auto_now_add=True)
    gathered = models.DateTimeField(null=True)  # it was put into a message; the alert room delivers that

    class Meta:
        constraints = [models.UniqueConstraint(fields=["notice", "channel"], name="a_notice_once_a_channel")]
        indexes = [models.Index(fields=["channel", "gathered"])]

    def __str__(self) -> str:
        return f"{self.notice} → {self.channel}"

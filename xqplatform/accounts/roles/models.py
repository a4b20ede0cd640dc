"""Own roles, and grants of any role to a person or a team."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _


class OwnRole(models.Model):
    """A role made by ticking rights. Its slug never changes; the built-in ones' are taken."""

    slug = models.SlugField(_("name"), max_length=40, unique=True)
    title = models.CharField(_("title"), max_length=80)
    text = models.CharField(_("what for"), max_length=300, blank=True)
    rights = models.JSONField(default=list)  # names of `accounts.catalogue.CATALOGUE`; unknown ones count for nothing

    class Meta:
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.title


class Grant(models.Model):
    """A person, or everybody in a team, has a role where the scope says: what is empty is not limited."""

    user = models.ForeignKey("accounts.User", models.CASCADE, null=True, blank=True, related_name="grants")
    group = models.ForeignKey("accounts.Team", models.CASCADE, null=True, blank=True, related_name="grants")
    role = models.CharField(_("role"), max_length=40)  # slug of a built-in or an own role
    team = models.ForeignKey("accounts.Team", models.CASCADE, null=True, blank=True, related_name="grants_on")
    # Names, since the apps that have them stand above; neither is ever given to another thing.
    environment = models.CharField(_("environment"), max_length=40, blank=True)
    service = models.CharField(_("service"), max_length=50, blank=True)
    until = models.DateTimeField(_("until"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    created = models.DateTimeField(auto_now_add=True)
    created_name = models.CharField(max_length=150, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(user=None, group__isnull=False) | models.Q(user__isnull=False, group=None),
                name="a_grant_is_of_a_person_or_a_team",
            ),
            models.UniqueConstraint(
                Coalesce("user", 0),
                Coalesce("group", 0),
                "role",
                Coalesce("team", 0),
                "environment",
                "service",
                name="one_grant_of_a_kind",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user or self.group} · {self.role} · {self.where}"

    @property
    def where(self) -> str:
        """The scope in names: «everywhere», «snow · production»."""
        parts = [str(self.team.slug) if self.team else "", self.service, self.environment]
        return " · ".join(part for part in parts if part) or "everywhere"


class AccessPolicy(models.Model):
    """One row: whether a second person approves what gives more rights in production."""

    class FourEyes(models.TextChoices):
        AUTO = "auto", _("as soon as two people can approve")
        ON = "on", _("always, as far as there is a second person")
        OFF = "off", _("never")

    four_eyes = models.CharField(_("a second person"), max_length=4, choices=FourEyes, default=FourEyes.AUTO)
    hours = models.PositiveSmallIntegerField(_("hours a request waits"), default=72)

    def __str__(self) -> str:
        return str(self.get_four_eyes_display())

    @classmethod
    def locked(cls) -> AccessPolicy:
        """The row, locked: changes of rights come one after the other, so that each sees what the other did."""
        cls.objects.get_or_create(pk=1)
        return cls.objects.select_for_update().get(pk=1)


class AccessRequest(models.Model):
    """A change of rights in production that waits for a second person, or what became of it."""

    class State(models.TextChoices):
        PENDING = "pending", _("waits")
        APPLIED = "applied", _("approved")
        DECLINED = "declined", _("declined")
        WITHDRAWN = "withdrawn", _("withdrawn")
        EXPIRED = "expired", _("expired")

    kind = models.CharField(max_length=10)  # a key of `foureyes.REPLAYS`
    data = models.JSONField()  # what the verb was asked, by keys and names
    about = models.CharField(max_length=250)  # in words, as it was
    diff = models.JSONField(default=list)  # gains: {"who", "right", "where"}
    asked_by = models.ForeignKey("accounts.User", models.SET_NULL, null=True, related_name="+")
    asked_name = models.CharField(max_length=150)
    reason = models.CharField(max_length=300, blank=True)
    created = models.DateTimeField(auto_now_add=True)
    expires = models.DateTimeField()
    state = models.CharField(max_length=10, choices=State, default=State.PENDING, db_index=True)
    decided_name = models.CharField(max_length=150, blank=True)
    decided = models.DateTimeField(null=True)
    comment = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"#{self.pk}: {self.about}"[:250]

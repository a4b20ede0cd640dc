"""What the company demands of whoever signs in."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models

from xqplatform.secrets import EncryptedTextField


class SignInRules(models.Model):
    """One row (or none, as long as nothing is demanded): roles that need a second factor."""

    second_factor = models.JSONField(default=list)  # values of `accounts.Role`

    def __str__(self) -> str:
        return "sign-in rules"

    @classmethod
    def now(cls) -> SignInRules:
        """The row, or one that demands nothing."""
        return cls.objects.order_by("pk").first() or cls()


class Provider(models.Model):
    """An OpenID Connect provider by which people sign in. Its issuer stays: subjects mean people only together with it."""

    slug = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=60)
    issuer = models.URLField(max_length=300, unique=True)
    client_id = models.CharField(max_length=190)
    secret = EncryptedTextField(blank=True)
    scopes = models.CharField(max_length=200, default="openid profile email")
    group_claim = models.CharField(max_length=60, default="groups", blank=True)
    enabled = models.BooleanField(default=True)
    makes_people = models.BooleanField(default=False)  # whether a first sign-in makes an account
    domains = models.JSONField(default=list, blank=True)  # of verified mail addresses; empty: any
    groups = models.JSONField(default=list, blank=True)  # of which one must be a member; empty: none
    link_by_name = models.BooleanField(default=False)  # an account of the same name is theirs, on the provider's word

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class GroupRule(models.Model):
    """Members of a provider's group are in these teams, and have this role."""

    provider = models.CharField(max_length=40)  # a provider's slug
    group = models.CharField(max_length=200)
    teams = models.JSONField(default=list, blank=True)  # slugs
    role = models.CharField(max_length=12, blank=True)

    class Meta:
        ordering = ["provider", "group"]
        constraints = [models.UniqueConstraint(fields=["provider", "group"], name="one_rule_a_group")]

    def __str__(self) -> str:
        return f"{self.provider}: {self.group}"


class Given(models.Model):
    """What groups have given to somebody, so that it can be taken again, and nothing else."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="given_by_groups")
    provider = models.CharField(max_length=40)
    team = models.ForeignKey("accounts.Team", models.CASCADE, null=True)  # null: the role
    role = models.CharField(max_length=12, blank=True)
    role_before = models.CharField(max_length=12, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "provider", "team"], name="given_once")]

    def __str__(self) -> str:
        return f"{self.provider} → {self.user}: {self.team or self.role}"


class LastCode(models.Model):
    """The latest half minute (since 1970) of which somebody's authenticator app's code was used: it, and those before, are spent."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="+")
    counter = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.user}: {self.counter}"


class FactorSecret(models.Model):
    """What a factor is checked with (an app's secret, the seed of recovery codes); allauth's row holds only the key of this one.

    A column of its own, so that a rotation of keys finds it.
    """

    key = models.UUIDField(primary_key=True, default=uuid.uuid4)
    secret = EncryptedTextField()

    def __str__(self) -> str:
        return str(self.key)

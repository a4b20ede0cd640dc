"""What the company demands of whoever signs in."""

from __future__ import annotations

from django.db import models


class SignInRules(models.Model):
    """One row (or none, as long as nothing is demanded): roles that need a second factor."""

    second_factor = models.JSONField(default=list)  # values of `accounts.Role`

    def __str__(self) -> str:
        return "sign-in rules"

    @classmethod
    def now(cls) -> SignInRules:
        """The row, or one that demands nothing."""
        return cls.objects.order_by("pk").first() or cls()

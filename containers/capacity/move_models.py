"""What rebalancing keeps: the newest proposal, made by the beat."""

from __future__ import annotations

from django.db import models


class KeptMoves(models.Model):
    """What should move, of the fleet as it was at `made`: one row.

    `proposal`: the fields of `placement.rebalance.Proposal`, its moves as lists; `pinned`: why instances stay, and how many.
    """

    made = models.DateTimeField()
    proposal = models.JSONField(default=dict)
    pinned = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"moves of {self.made:%Y-%m-%d %H:%M}"

"""What is known of system containers and their servers do not keep, by what stays of an instance (hosts/lxd/kept_rows.py)."""

from __future__ import annotations

from django.db import models


class KeptHealth(models.Model):
    """What the last check of an instance came to. `run`: of which of its runs."""

    identity = models.CharField(max_length=64, unique=True)
    run = models.CharField(max_length=64)
    status = models.CharField(max_length=12)
    streak = models.PositiveIntegerField(default=0)
    code = models.IntegerField(null=True)
    said = models.TextField(blank=True)
    changed = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.identity}: {self.status}"


class ConsolePiece(models.Model):
    """What an instance's console said between two looks: the server hands it out once, so all readers read it here."""

    identity = models.CharField(max_length=64)
    said = models.BinaryField()
    read = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["identity", "id"])]

    def __str__(self) -> str:
        return f"{self.identity}: {len(self.said)} B"


class ConsoleEnd(models.Model):
    """Of which run of an instance the console was read to its end: a stopped one tells it again and again."""

    identity = models.CharField(max_length=64, unique=True)
    run = models.CharField(max_length=64)
    read = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.identity}: {self.run}"

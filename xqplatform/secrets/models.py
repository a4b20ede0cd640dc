"""What must stay when keys go."""

from __future__ import annotations

from django.db import models


class Installation(models.Model):
    """This platform's id, by which it knows its own things on engines. One row; made of the first key, and kept when that goes."""

    name = models.CharField(max_length=16)

    def __str__(self) -> str:
        return self.name

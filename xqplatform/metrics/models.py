"""The tables of the store. Rows are found by numbers that say what they are, so that one index serves all questions.

Times are whole seconds in the rows of blocks and ranks; a hot row's number holds its time in 1/100 s (`keys.py`).
"""

from __future__ import annotations

from django.db import models


class Subject(models.Model):
    """A number for `host:PK` or `instance:PK`."""

    name = models.CharField(max_length=80, unique=True)

    def __str__(self) -> str:
        return self.name


class Layout(models.Model):
    """Which metrics stand in which order in a row's data; thousands of rows share one."""

    digest = models.CharField(max_length=40, unique=True)
    names = models.TextField()  # one a line

    def __str__(self) -> str:
        return f"{self.pk}: {self.names.count(chr(10)) + 1} metrics"


class Hot(models.Model):
    """One sample of all metrics of one subject, not yet sealed. The number is the moment, the subject and the rest of the moment."""

    id = models.BigAutoField(primary_key=True)  # never given by the database: see keys.py
    layout = models.IntegerField()
    data = models.BinaryField()  # float32, in the order of the layout

    def __str__(self) -> str:
        return str(self.pk)


class Block(models.Model):
    """An hour or a day of a subject, compressed: samples (level 10) or roll-ups with count, mean, min, max."""

    level = models.SmallIntegerField()
    subject = models.IntegerField()
    start = models.IntegerField()
    layout = models.IntegerField()
    data = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["level", "subject", "start"], name="metrics_block_key")]
        indexes = [models.Index(fields=["level", "start"], name="metrics_block_age")]

    def __str__(self) -> str:
        return f"{self.level} s, {self.subject}, {self.start}"


class Rank(models.Model):
    """Count, sum and max of one metric of many subjects (a shard of them) in one span: 5 minutes, an hour, a day."""

    span = models.IntegerField()
    start = models.IntegerField()
    metric = models.CharField(max_length=100)
    shard = models.IntegerField()
    data = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["span", "metric", "start", "shard"], name="metrics_rank_key")]
        indexes = [models.Index(fields=["span", "start"], name="metrics_rank_age")]

    def __str__(self) -> str:
        return f"{self.metric}, {self.start}"


class Life(models.Model):
    """When a container was seen in its subject's place."""

    subject = models.IntegerField()
    life = models.CharField(max_length=64)
    first = models.FloatField()
    last = models.FloatField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["subject", "life"], name="metrics_life_key")]

    def __str__(self) -> str:
        return f"{self.subject} {self.life}"


class Due(models.Model):
    """A day of a shard of subjects whose coarse roll-ups are to be made (anew), because an hour of it was sealed."""

    day = models.IntegerField()
    shard = models.IntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["day", "shard"], name="metrics_due_key")]

    def __str__(self) -> str:
        return f"{self.day} {self.shard}"


class Upkeep(models.Model):
    """The one row (id 1) about the store itself: who looks after it, how far it is, what it refused."""

    lease = models.CharField(max_length=200, blank=True)
    lease_until = models.DateTimeField(null=True)
    ranked_until = models.BigIntegerField(default=0)
    kept_at = models.FloatField(default=0)  # the last round that came to its end
    low_since = models.FloatField(null=True)  # the disk is nearly full since
    free_bytes = models.BigIntegerField(default=0)
    from_future = models.BigIntegerField(default=0)  # samples refused
    from_past = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"kept at {self.kept_at}"

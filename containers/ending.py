"""How a step's work is left early: two exceptions that everything that works on a step knows."""

from __future__ import annotations


class Broken(Exception):
    """The step was broken off: another process has the lease, or a rollback wants the instance."""


class StepFailed(Exception):
    """The step did not succeed; the text is for people."""

"""Placement: which hosts instances go to, and what would make fit what does not. Pure; all who ask «does it fit?» ask here."""

from containers.placement.model import (
    UNKNOWN,
    Answer,
    Assignment,
    Demand,
    Host,
    Lack,
    Refusal,
    Remedy,
    Rules,
    Standing,
    allocatable,
)
from containers.placement.scheduler import place
from containers.placement.words import words

__all__ = [
    "UNKNOWN",
    "Answer",
    "Assignment",
    "Demand",
    "Host",
    "Lack",
    "Refusal",
    "Remedy",
    "Rules",
    "Standing",
    "allocatable",
    "place",
    "words",
]

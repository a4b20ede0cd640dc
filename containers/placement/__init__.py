"""Placement: which hosts instances go to, and what would make fit what does not. Pure; all who ask «does it fit?» ask here."""

from containers.placement.model import (
    DEFAULT,
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
from containers.placement.words import ways_in, words

__all__ = [
    "DEFAULT",
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
    "ways_in",
    "words",
]

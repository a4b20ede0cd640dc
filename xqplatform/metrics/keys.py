"""The number of a hot row: tick of 10 s, subject, and the moment within the tick in 1/100 s.

Rows of one moment lie side by side, so writing touches the end of one index only; a subject's rows of an hour are 360
short ranges, and all subjects' rows of a minute are six.
"""

from __future__ import annotations

TICK = 10
SLOT_BITS = 10
SUBJECT_BITS = 24
TICK_SHIFT = SLOT_BITS + SUBJECT_BITS
SLOTS = 1 << SLOT_BITS
SUBJECTS = 1 << SUBJECT_BITS


def key(subject: int, time: float) -> int:
    """The number of a subject's sample."""
    tick, slot = divmod(round(time * 100), TICK * 100)
    return (tick << TICK_SHIFT) | (subject << SLOT_BITS) | slot


def first(tick: int, subject: int = 0) -> int:
    """The lowest number of a tick, from a subject on."""
    return (tick << TICK_SHIFT) | (subject << SLOT_BITS)


def time_of(number: int) -> float:
    return hundredths(number) / 100


def hundredths(number: int) -> int:
    """The sample's time in 1/100 s since 1970."""
    return (number >> TICK_SHIFT) * (TICK * 100) + (number & (SLOTS - 1))


def subject_of(number: int) -> int:
    return (number >> SLOT_BITS) & (SUBJECTS - 1)

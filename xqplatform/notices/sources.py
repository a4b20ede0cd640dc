"""What apps above plug in: how their notices read, and of whom something is asked. Filled in `AppConfig.ready`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from xqplatform.accounts.rights import READ
from xqplatform.notices.models import Notice

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Words:
    """A notice in the language that is active: one line, and what else there is to say, a line each."""

    title: str
    lines: list[str] = field(default_factory=list)


def nobody(notice: Notice) -> set[int]:
    return set()


@dataclass(frozen=True)
class Source:
    words: Callable[[Notice], Words]
    asked: Callable[[Notice], set[int]] = nobody  # keys of people of whom it asks something, as rights stand now
    right: str = READ  # without which nobody hears of it


SOURCES: dict[str, Source] = {}


def register(name: str, source: Source) -> None:
    SOURCES[name] = source


def words(notice: Notice) -> Words:
    """Of one that cannot be put into words its key: it keeps no other from being read or sent."""
    source = SOURCES.get(notice.source)
    try:
        return source.words(notice) if source is not None else Words(notice.key)
    except Exception:
        log.exception("Notice %s could not be put into words", notice)
        return Words(notice.key)

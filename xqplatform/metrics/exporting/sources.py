"""Who adds to /metrics: each app declares families and reads their rows; and says the labels of its subjects."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from django.db import Error as DatabaseError

from xqplatform import metrics
from xqplatform.metrics.exporting import text
from xqplatform.metrics.exporting.names import KINDS, Family, catalogue_families
from xqplatform.metrics.exporting.text import Labels

log = logging.getLogger(__name__)
WITHIN = 75.0  # seconds; what is older is not there. Hosts without a collector are read once a minute
Rows = Iterable[tuple[Labels, float]]


@dataclass(frozen=True)
class Source:
    """`read` gives rows by the names of the families."""

    name: str
    families: tuple[Family, ...]
    read: Callable[[], Mapping[str, Rows]]


SOURCES: list[Source] = []
# kind of subject → fn() → labels by subject («instance:7»)
LABELS: dict[str, Callable[[], Mapping[str, Labels]]] = {}
ANSWERED = Family("xq_source_up", "Whether a part of this page could be read.")


def register(source: Source) -> None:
    SOURCES[:] = [*(one for one in SOURCES if one.name != source.name), source]


def families() -> list[Family]:
    """All that can be on the page."""
    return [ANSWERED, *(one for source in SOURCES for one in source.families), *catalogue_families()]


def pieces() -> Iterator[str]:
    """The page, in pieces. A part that cannot be read is left out, and said."""
    answered: list[tuple[Labels, float]] = []
    for source in SOURCES:
        try:
            rows = {name: list(of) for name, of in source.read().items()}
        except (DatabaseError, OSError) as error:
            log.warning("/metrics without %s: %s", source.name, error)
            answered.append(({"source": source.name}, 0.0))
            continue
        answered.append(({"source": source.name}, 1.0))
        yield "".join(text.own(one, rows[one.name]) for one in source.families if rows.get(one.name))
    try:
        latest = metrics.latest(within=WITHIN)
        for kind in KINDS:
            if kind in LABELS:
                labels = {subject: text.labels_text(of) for subject, of in LABELS[kind]().items()}
                yield from text.series(kind, latest, labels)
        answered.append(({"source": "series"}, 1.0))
    except DatabaseError as error:
        log.warning("/metrics without series: %s", error)
        answered.append(({"source": "series"}, 0.0))
    yield text.own(ANSWERED, answered)

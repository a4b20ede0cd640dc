"""Which names of an application's metrics are kept, and what they are called in the store. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from xqplatform.metrics.catalogue import APP

MOST = 20  # names a service
LONGEST = 80
NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
LABEL = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\\n]|\\.)*)"\s*(?:,|$)')
_UNSAFE = re.compile(r"[^A-Za-z0-9_.:/-]")
_ESCAPED = re.compile(r"\\(.)")
_ENTRY = re.compile(r"\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(?:\{(.*)\}\s*)?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A name, and the labels that its series must have: `http_requests_total{code="500"}`."""

    name: str
    labels: tuple[tuple[str, str], ...] = ()

    def stored(self, part: str = "") -> str:
        """What it is called in the store: `app.http_requests.rate[code=500]`."""
        name = self.name.removesuffix("_total") if part == "rate" else self.name
        device = ",".join(f"{label}={_UNSAFE.sub('_', value)[:40]}" for label, value in self.labels)
        return f"{APP}{name}{f'.{part}' if part else ''}{f'[{device}]' if device else ''}"


def labels_of(text: str) -> dict[str, str] | None:
    """The labels between braces; None when that makes no sense."""
    found: dict[str, str] = {}
    at = 0
    while at < len(text) and not text[at:].isspace():
        match = LABEL.match(text, at)
        if match is None:
            return None
        found[match[1]] = unescaped(match[2]) if "\\" in match[2] else match[2]
        at = match.end()
    return found


def unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda found: "\n" if found[1] == "n" else found[1], text)


def wanted(entry: str) -> Wanted | None:
    """An entry of the list of names; None when it is none."""
    match = _ENTRY.fullmatch(entry)
    if match is None or len(match[1]) > LONGEST:
        return None
    labels = labels_of(match[2] or "")
    if labels is None or len(labels) > 3 or any(len(value) > 100 for value in labels.values()):
        return None
    return Wanted(match[1], tuple(sorted(labels.items())))


def pushed(name: str) -> str:
    """A name that came by StatsD, as it can be stored; empty when nothing of it can."""
    return _UNSAFE.sub("_", name.strip())[:LONGEST].strip(".")

"""What an engine says may quote what it was told: values of variables and passwords are taken out. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

HIDDEN = "•••"
PLAIN_FROM = 6  # characters of a value that is no secret: «8080» and «true» are words like others
LONGEST = 600  # characters of an engine's words
# What may be said of a call besides its path. Never bodies, headers, filters.
FACTS = ("name", "fromImage", "tag", "repo", "t", "signal", "force", "v", "tail")


def hidden_values(secrets: Iterable[str], plain: Iterable[str]) -> list[str]:
    """What must not be shown, the longest first, so that no rest of one is left."""
    lines = [line for value in secrets for line in (value, *value.splitlines())]
    found = {value for value in lines if value.strip()} | {value for value in plain if len(value) >= PLAIN_FROM}
    return sorted(found, key=lambda value: (-len(value), value))


def masked(text: str, hidden: Collection[str]) -> str:
    """The text without those values; a secret of one or two characters is hidden where it stands by itself."""
    for value in hidden:
        if len(value) > 2:
            text = text.replace(value, HIDDEN)
        else:
            text = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", HIDDEN, text)
    return text


def bare(path: str) -> str:
    """A path without its query, within limits."""
    return path.partition("?")[0][:300]


def facts_of(params: Mapping[str, Any]) -> str:
    """«name=snow-prod-3, t=10»: what of a call's parameters may be told."""
    return ", ".join(f"{name}={params[name]}" for name in FACTS if name in params)[:300]

"""All named pages that there are, and an address of each with arguments made up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver, reverse

# Pages that strangers may ask: what they get.
PUBLIC = {
    "web:healthz": "200",
    "accounts:login": "200",
    "account_login": "200",
    "accounts:invitation": "404",
    "oidc_login": "404",
    "oidc_callback": "404",
    "exporting:metrics": "401",
    "live:stream": "401",
    "live:versions": "401",
    "web:set_language": "302",
    "builds:forge_incoming": "404",
    "builds:badge_build": "404",
    "containers:badge_version": "404",
}
# Arguments that neither 1 nor «nothing» nor a converter's first word fits: (name, argument) → value.
MADE_UP: dict[tuple[str, str], str] = {
    ("hosts:upkeep", "kind"): "engine.restart",
    ("reports:download", "month"): "2001-01",
}


def named(patterns: list[Any], space: str = "", before: str = "") -> Iterator[str]:
    for entry in patterns:
        if isinstance(entry, URLResolver):
            inner = f"{space}{entry.namespace}:" if entry.namespace else space
            yield from named(entry.url_patterns, inner, before)
        elif isinstance(entry, URLPattern) and entry.name:
            yield f"{space}{entry.name}"


def made_up(name: str) -> str:
    """The page's address with a value of the right kind for each argument."""
    resolver = get_resolver()
    for part in name.split(":")[:-1]:
        resolver = resolver.namespace_dict[part][1]
    ((_, arguments),), pattern, _defaults, _converters = resolver.reverse_dict.getlist(
        name.rsplit(":", maxsplit=1)[-1]
    )[0]
    return reverse(name, kwargs={a: MADE_UP.get((name, a)) or value_for(a, pattern) for a in arguments})


def value_for(argument: str, pattern: str) -> str:
    """A number where digits are asked for, the first of several words, else any word."""
    inner = re.search(rf"\(\?P<{argument}>([^()]*|\([^()]*\))\)", pattern)
    regex = inner[1] if inner else ""
    if regex.startswith(("[0-9]", "\\d")):
        return "1"
    words = re.fullmatch(r"\(?(?:\?:)?([\w-]+)(\|[\w-]+)*\)?", regex)
    return words[1] if words else "nothing"


NAMES = sorted({name for name in named(get_resolver().url_patterns) if not name.startswith("api:")})
# Pages of libraries: which methods they know is theirs to say.
THIRD = {name for name in NAMES if name.startswith(("account_", "mfa_", "socialaccount_", "openid"))}

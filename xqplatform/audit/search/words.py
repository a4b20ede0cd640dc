"""Which tokens an event is found by. Pure; what is searched is broken up by the same functions.

A word is a run of letters and digits in lower case; each Chinese, Japanese or Korean character is a word of its own.
Tokens without a mark are words; `~dep` says that some word begins so; `a_b` that b follows a; `x=…` is a field's value.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

# One character of a script without spaces, or a run of what else is a word.
_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
_WORD = re.compile(rf"[{_CJK}]|[^\W_{_CJK}]+")
LEAST_BEGIN, MOST_BEGIN = 3, 12  # letters of a word's beginning that are indexed
MOST_LETTERS = 64  # of one word: longer ones (encoded things) are cut
MOST_WORDS = 600  # of one event: texts beyond are not searched
ANY = "any="  # every event has it
MOST_DEPTH = 6


@dataclass(frozen=True)
class Where:
    """Which service, environment, host or instance an event is about; empty where none."""

    service: str = ""
    environment: str = ""
    host: str = ""
    instance: str = ""  # its key

    def __or__(self, other: Where) -> Where:
        return Where(
            self.service or other.service,
            self.environment or other.environment,
            self.host or other.host,
            self.instance or other.instance,
        )


@dataclass(frozen=True)
class Document:
    """`tokens` for the index; `words` in their order, for what the index cannot tell (a phrase of three words)."""

    tokens: list[str] = field(default_factory=list)
    words: str = ""


def split(text: str) -> list[str]:
    return [word[:MOST_LETTERS] for word in _WORD.findall(text.casefold())]


# What the index takes as part of a token beside letters and digits (of ASCII; all beyond is).
SIGNS = "!#$%&()*+,-./:;<=>?@[\\]^_`{|}~"
_PARTS = {n: " " for n in range(128) if not chr(n).isalnum() and chr(n) not in SIGNS}


def value(text: str) -> str:
    """A field's value as it stands in a token, in lower case: what would part tokens (spaces, quotes, control signs) is a dot."""
    return "\u00b7".join(text.replace("\x00", "").translate(_PARTS).casefold().split())[:120]


def pairs(words: list[str]) -> Iterator[str]:
    return (f"{a}_{b}" for a, b in itertools.pairwise(words))


def begins(word: str) -> Iterator[str]:
    return (f"~{word[:n]}" for n in range(LEAST_BEGIN, min(len(word), MOST_BEGIN) + 1))


def leaves(data: Any, depth: int = 0) -> Iterator[str]:
    """Every key and value of a stored structure as text."""
    if isinstance(data, dict) and depth < MOST_DEPTH:
        for key, inner in data.items():
            yield str(key)
            yield from leaves(inner, depth + 1)
    elif isinstance(data, list) and depth < MOST_DEPTH:
        for inner in data:
            yield from leaves(inner, depth + 1)
    elif data is None:
        return
    elif isinstance(data, bool):
        yield "yes" if data else "no"
    else:
        yield str(data)


def addresses(ip: str) -> Iterator[str]:
    """The address, and its networks as one types them: `10.1.*`."""
    if not ip:
        return
    yield value(ip)
    sign = "." if "." in ip else ":"
    parts = ip.split(sign)
    for n in range(1, len(parts)):
        yield value(sign.join(parts[:n])) + f"{sign}*"


def fields(event: Any, where: Where) -> Iterator[str]:
    """The tokens of the event's own fields."""
    yield ANY
    yield f"who={value(event.actor)}"
    yield f"action={value(event.action)}"
    if "." in event.action:
        yield f"action={value(event.action.split('.')[0])}.*"
    yield f"via={value(event.via)}"
    yield f"denied={'yes' if event.denied else 'no'}"
    yield from (f"ip={one}" for one in addresses(event.ip))
    if event.user_id:
        yield f"user={event.user_id}"
    if event.request_id:
        yield f"request={value(event.request_id)}"
    if event.token:  # «nightly (xq_1a2b3c…)»: by its name, by its first characters, or by both
        name, _sign, rest = event.token.rpartition(" (")
        yield from (f"token={value(text)}" for text in dict.fromkeys((event.token, name, rest.rstrip("…)"))) if text)
    if event.object_type:
        yield f"app={event.object_type.partition('.')[0]}"
        yield f"kind={value(event.object_type)}"
        yield f"kind={value(event.object_type.partition('.')[2])}"
    for kind, key in ((event.object_type, event.object_id), (event.parent_type, event.parent_id)):
        if kind and key:
            yield f"object={value(f'{kind}:{key}')}"
    yield f"object={value(event.object_name)}"
    for name in ("service", "environment", "host", "instance"):
        if held := getattr(where, name):
            yield f"{name}={value(held)}"


def document(event: Any, where: Where) -> Document:
    """All that the event is found by."""
    parts: list[list[str]] = []
    tokens = dict.fromkeys(fields(event, where))
    # One whole of words after the other: a phrase does not reach from one into the next.
    for mark, texts in (
        ("", [event.actor, event.action, where.service, where.environment, where.host]),
        ("o", [event.object_name]),
        ("r", [event.reason]),
        ("b", leaves(event.before)),
        ("a", leaves(event.after)),
    ):
        for text in texts:
            words = split(text)[: MOST_WORDS - sum(map(len, parts))]
            if words:
                parts.append(words)
            if mark:
                tokens.update(dict.fromkeys(f"{mark}:{word}" for word in words))
    for words in parts:
        _add(tokens, words)
    for text in (event.ip, event.request_id):  # whole: nobody looks for the beginning of one that is not cut at a sign
        words = split(text)
        parts.append(words)
        tokens.update(dict.fromkeys([*words, *pairs(words)]))
    return Document(list(tokens), " ".join(["", *(" ".join(words) + " |" for words in parts if words)]))


def _add(tokens: dict[str, None], words: Iterable[str]) -> None:
    known = list(words)
    tokens.update(dict.fromkeys(known))
    tokens.update(dict.fromkeys(pairs(known)))
    for word in known:
        tokens.update(dict.fromkeys(begins(word)))

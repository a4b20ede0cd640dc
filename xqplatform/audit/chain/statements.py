"""What the platform signs: a line of JSON that says `what` it is, with the signing key's name and an Ed25519 signature. Pure.

The signature is over the line without the signature, in the spelling of the canonical form.

checkpoint   position, hash, count, time, faults (positions that were not as they should be when it was signed)
export       first, last, previous, hash, count, time: stands in a file's first line
archive      the same, of a file whose events left the database
"""

from __future__ import annotations

import json
from typing import Any

from xqplatform.audit.chain.canonical import body
from xqplatform.audit.chain.keys import Key, PublicKeys

FORMAT = "xq-audit-1"


def signed(key: Key, what: str, **said: Any) -> dict[str, Any]:
    """The statement with its signature."""
    statement = {"format": FORMAT, "what": what, "key": key.name, **said}
    return {**statement, "signature": key.sign(body(statement))}


def line(statement: dict[str, Any]) -> str:
    return body(statement)


def parse(text: str, *whats: str) -> dict[str, Any] | None:
    """A statement of one of these kinds, whoever signed it; None for anything else."""
    try:
        found = json.loads(text)
        if not isinstance(found, dict) or found.get("format") != FORMAT or found.get("what") not in whats:
            return None
        if found["what"] == "checkpoint" and "position" not in found:
            return None
        numbers = [found[name] for name in ("position", "count", "first", "last") if name in found]
        texts = [found[name] for name in ("hash", "time", "key", "signature")]
    except (ValueError, RecursionError, KeyError):
        return None
    whole = all(type(number) is int and 0 <= number < 2**62 for number in numbers)
    return found if whole and all(isinstance(text, str) for text in texts) else None


def genuine(public: PublicKeys, statement: dict[str, Any]) -> bool:
    """Whether one of these keys signed it as it is."""
    said = {name: value for name, value in statement.items() if name != "signature"}
    try:
        return public.verify(statement["key"], statement["signature"], body(said))
    except (ValueError, RecursionError):
        return False

"""What the platform removes by itself, because it is older than it is kept, is an event: one a run, none where nothing went."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from xqplatform import audit
from xqplatform.accounts.actor import Actor


def tidied(what: str, *removed: Mapping[str, int]) -> int:
    """In the transaction that removes. `removed`: how many rows of which kinds, as `QuerySet.delete()` gives them. How many altogether."""
    counts: Counter[str] = Counter()
    for one in removed:
        counts.update({kind: n for kind, n in one.items() if n})
    if counts:
        audit.record(Actor.system("tidying"), "platform.tidy", None, name=what, after=dict(sorted(counts.items())))
    return counts.total()

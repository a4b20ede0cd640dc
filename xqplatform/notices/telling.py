"""`tell`: called inside the transaction of what happened, so that neither is there without the other."""

from __future__ import annotations

from typing import Any

from xqplatform.accounts.actor import Actor
from xqplatform.notices.models import Notice
from xqplatform.work import enqueue

LONGEST = 600  # characters of one fact


def tell(
    kind: str,
    *,
    key: str,
    source: str,
    number: int,
    url: str,
    actor: Actor,
    author: int | None,
    service: str = "",
    environment: str = "",
    team: int | None = None,
    facts: dict[str, Any] | None = None,
) -> Notice:
    """Writes that it happened, once for each `key`. Who hears of it is worked out after the commit, by a task; whatever
    goes wrong there holds up nothing here.
    """
    from xqplatform.notices.tasks import spread

    values = {
        "kind": kind,
        "source": source,
        "number": number,
        "url": url,
        "actor": actor.user,
        "author_id": author,
        "service": service,
        "environment": environment,
        "team_id": team,
        "facts": {name: line(value) for name, value in (facts or {}).items() if value is not None and value != ""},
    }
    row, made = Notice.objects.get_or_create(key=key, defaults=values)
    if made:
        enqueue(spread, row.pk)
    return row


def line(value: Any) -> Any:
    """A text as one line of bounded length: names and reasons forge no lines of a message."""
    if not isinstance(value, str):
        return value
    text = " ".join("".join(c if c.isprintable() else " " for c in value).split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"

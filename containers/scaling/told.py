"""Decisions as JSON, as rows keep and pages read them. Pure."""

from __future__ import annotations

from typing import Any

from containers.scaling.shape import Decision, Wish


def as_json(decision: Decision, here: int) -> dict[str, Any]:
    """What an evaluation says."""
    return {
        "here": here,
        "to": decision.to,
        "wanted": decision.wanted,
        "reason": decision.reason.to_json(),
        "again": decision.again,
        "wishes": [wish_json(wish) for wish in decision.wishes],
    }


def wish_json(wish: Wish) -> dict[str, Any]:
    return {
        "source": wish.source,
        "name": wish.name,
        "number": wish.number,
        "blind": wish.blind,
        "reason": wish.reason.to_json(),
    }

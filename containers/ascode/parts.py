"""Blocks of a place's document that apps above bring: each registers its own when it is ready (`AppConfig.ready`).

A block that sets nothing is `{}`, as where there is no row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from containers.ascode import fields, merge
from containers.ascode.readers import Reader
from containers.models import ServiceEnvironment
from xqplatform.accounts.actor import Actor

Json = dict[str, Any]


@dataclass(frozen=True)
class Part:
    """`related`: the place's row of it, as the place's attribute (it is read with the place); None where there is none.

    `state`: of that row, as a document has it. `laid`: what a document gives, without nulls, over what is set; it refuses nothing,
    for the verb does. `save`: the verb that its page calls, with the block as it shall be; raises Refused with a field of the block.
    `scales`: whether the number of instances is its business, of its state.
    """

    name: str
    right: str
    related: str
    reader: Reader
    state: Callable[[Any], Json]
    laid: Callable[[Json, Mapping[str, Any]], Json]
    save: Callable[[Actor, ServiceEnvironment, Json, str], None]
    scales: Callable[[Json], bool] = lambda state: False


PARTS: dict[str, Part] = {}


def register(part: Part) -> None:
    """Its block is read, compared, exported and applied from now on."""
    PARTS[part.name] = part
    fields.PLACE[part.name] = part.reader
    merge.PLACE[part.name] = {}
    merge.LAID[part.name] = part.laid


def related() -> list[str]:
    """What is read with places."""
    return [part.related for part in PARTS.values()]


def states(place: ServiceEnvironment) -> Json:
    return {name: part.state(getattr(place, part.related, None)) for name, part in PARTS.items()}


def scaled(place: Mapping[str, Any]) -> bool:
    """Whether something else decides how many instances a place (its state) has."""
    return any(part.scales(place.get(name) or {}) for name, part in PARTS.items())

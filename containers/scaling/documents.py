"""The block `scaling` of a place's document: the policy, as a file says it. Values are judged by the verb."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from containers.ascode import parts
from containers.ascode.readers import Reader, anything, block, flag, items, plain, text, whole
from containers.models import ServiceEnvironment
from containers.scaling import services
from containers.scaling.models import ScalingPolicy
from containers.scaling.parsing import MOST_LINES, MOST_LOADS, NUMBERS, parse, to_json
from containers.scaling.shape import Policy
from xqplatform.accounts.actor import Actor
from xqplatform.errors import Refused

Json = dict[str, Any]
LOAD = block({"metric": text(124), "target": anything}, ["metric", "target"])
MARKET = block(
    {"calendar": text(40), "anchor": plain, "minutes": anything, "instances": anything},
    ["calendar", "anchor", "instances"],
)
WEEK = block({"days": items(whole(0, 6), 7), "at": plain, "instances": anything}, ["days", "at", "instances"])
FIELDS: dict[str, Reader] = {
    "least": anything, "most": anything, "loads": items(LOAD, MOST_LOADS), "market": items(MARKET, MOST_LINES),
    "week": items(WEEK, MOST_LINES), "zone": text(60),
    "forecast": block({"metric": text(124), "weeks": anything, "minutes": anything, "margin": anything}),
    **dict.fromkeys(NUMBERS, anything), "enabled": flag, "dry": flag,
}  # fmt: skip


def shown(policy: Policy) -> Json:
    """As a document has it: what is not forecast is not named."""
    return {name: value for name, value in to_json(policy).items() if value is not None}


def state(row: ScalingPolicy | None) -> Json:
    """What is set; of a policy that cannot be read what is stored."""
    policy, refused = services.read(row)
    if row is not None and refused is not None:
        return dict(row.content) if isinstance(row.content, dict) else {}
    return shown(policy) if policy is not None else {}


def laid(kept: Json, given: Mapping[str, Any]) -> Json:
    found = kept | {name: _full(value) for name, value in given.items()}
    try:
        return shown(parse(found))
    except Refused:  # the verb says so, with the line
        return found


def _full(value: Any) -> Any:
    """Without what is null: that is the default."""
    if isinstance(value, Mapping):
        return {name: one for name, one in value.items() if one is not None}
    return [_full(one) for one in value] if isinstance(value, list) else value


def save(actor: Actor, place: ServiceEnvironment, wanted: Json, _reason: str) -> None:
    if wanted:
        services.save(actor, place, wanted)
    elif services.policy_of(place) is not None:
        services.remove(actor, place)


def scales(found: Json) -> bool:
    """Whether it changes the number of instances by itself."""
    return bool(found) and found.get("enabled") is not False and found.get("dry") is not True


def register() -> None:
    parts.register(parts.Part("scaling", services.RIGHT, "scaling", block(FIELDS), state, laid, save, scales))

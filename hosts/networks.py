"""Segments as networks of the engines: made where they lack, and compared with what should be."""

from __future__ import annotations

from typing import Any

from hosts import labels
from hosts.engine import Engine, EngineError, NetworkSpec, network_of
from hosts.models import Segment


def spec_of_segment(segment: Segment) -> NetworkSpec:
    return network_of(segment, {labels.SEGMENT: segment.slug, labels.PLATFORM: labels.installation()})


def differences(inspected: dict[str, Any], segment: Segment) -> list[str]:
    """In what the engine's network is not what the segment says («bridge.name: br1, br0»: is, should be)."""
    return spec_of_segment(segment).differences(inspected)


def ensure_network(engine: Engine, segment: Segment) -> list[str]:
    """Makes the segment's network on the engine unless it is there; returns differences, empty if all is well.

    Safe to repeat and to call from many workers at once. A network that differs is left as it is: containers may use it.
    Raises EngineError when the engine does not answer or refuses.
    """
    try:
        engine.ensure_network(spec_of_segment(segment))
    except EngineError as error:
        found = None if error.out_of_reach else _existing(engine, segment)
        if found is None:
            raise
        return found
    return []


def _existing(engine: Engine, segment: Segment) -> list[str] | None:
    try:
        return differences(engine.inspect_network(segment.network_name), segment)
    except EngineError as error:
        if error.kind == "not_found":
            return None
        raise

"""What of an image a host has to fetch. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Pull:
    """`bytes`: compressed, as they travel; of the image's `layers` so many as `here` lie on the host already."""

    bytes: int
    here: int
    layers: int


def to_pull(sizes: Sequence[int], chains: Sequence[str], there: Collection[str]) -> Pull:
    """`sizes` and `chains`: of the image's layers, the lowest first; `there`: chains of all layers on the host.

    An engine can use a layer only on top of the very same ones, so what counts is how far up it has them without a gap.
    """
    here = 0
    for chain in chains:
        if chain not in there:
            break
        here += 1
    return Pull(sum(sizes[here:]), here, len(sizes))

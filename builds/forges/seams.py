"""Where apps above go on from a good build that a push began, so that this app needs not know them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from builds.models import ForgeDelivery, Image


@dataclass(frozen=True)
class Began:
    """What was made of a good build, in words, and where that is shown."""

    words: str
    url: str = ""


# Each is called at least once a delivery, and must bear to be called again.
RELEASES: list[Callable[[ForgeDelivery, Image], list[Began]]] = []

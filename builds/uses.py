"""Where images run. Apps above say it, so that this app needs not know them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from builds.models import Wave


@dataclass(frozen=True)
class Use:
    """One image in one environment of a service. `environment`: what `env_badge` draws; `rank`: its place in their order."""

    image: int
    service: str
    environment: Any
    rank: int
    url: str
    instances: tuple[tuple[int, str], ...]  # (number, page)

    @property
    def key(self) -> tuple[str, str]:
        return self.service, self.environment.slug


@dataclass(frozen=True)
class Next:
    """What can be done, or was done, with what a wave has built: a link. `state`: a word of states; empty: not begun."""

    url: str
    words: str
    state: str = ""


USES: list[Callable[[Collection[int]], list[Use]]] = []  # of the images with these keys
NEXT: list[Callable[[Wave], list[Next]]] = []


def uses_of(images: Collection[int]) -> list[Use]:
    """Where they run, by environment and service."""
    found = [use for one in USES for use in one(images)]
    return sorted(found, key=lambda use: (use.rank, use.key, use.image))

"""How far a wave has come: where its images run by now, and which instances still stand on the old base."""

from __future__ import annotations

from dataclasses import dataclass, field

from builds.models import Image, Wave, WaveItem
from builds.services.standing import Stands, family_of, in_use, standing_on
from builds.services.waves import items_of, standing_of
from builds.uses import Use


@dataclass
class Place:
    """One environment of a service. `old` and `new`: instances on what was before the wave, and on what it built (or newer).

    `image`: what the wave built for it; None: not built yet, or not at all, or not by this wave.
    """

    use: Use
    old: list[tuple[Stands, Use]] = field(default_factory=list)
    new: list[tuple[Stands, Use]] = field(default_factory=list)
    image: Image | None = None

    @property
    def state(self) -> str:
        """A word of states."""
        if not self.old:
            return "succeeded"
        return "active" if self.new else "pending"

    @property
    def count_old(self) -> int:
        return sum(len(use.instances) for _stands, use in self.old)

    @property
    def count_new(self) -> int:
        return sum(len(use.instances) for _stands, use in self.new)


def image_of(item: WaveItem) -> Image | None:
    """What an item has built."""
    if item.build is None or standing_of(item) != "good":
        return None
    return getattr(item.build, "image", None)


def places_of(wave: Wave, items: list[WaveItem] | None = None) -> list[Place]:
    """Every place in which something runs that stands on the wave's base image, in the order of environments."""
    items = items_of(wave) if items is None else items
    built = {image.pk for item in items if (image := image_of(item)) is not None}
    found: dict[tuple[str, str], Place] = {}
    for one in in_use(standing_on(family_of(wave.blueprint))):
        for use in one.uses:
            place = found.setdefault(use.key, Place(use))
            fresh = one.image.pk in built or one.image.created > wave.created
            (place.new if fresh else place.old).append((one, use))
            place.image = place.image or _replacement(wave, items, one.image)
    return sorted(found.values(), key=lambda place: (place.use.rank, place.use.key))


def _replacement(wave: Wave, items: list[WaveItem], image: Image) -> Image | None:
    """What the wave built in the place of an image that runs: of the same commit, or of the same branch."""
    for item in items:
        if item.project_id != image.project_id or item.branch != image.branch:
            continue
        if wave.source == Wave.Source.NEWEST or item.revision == image.revision:
            return image_of(item)
    return None

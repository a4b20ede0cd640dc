"""What stands on a base image: base images, projects, and where these run, on which digest of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from builds.models import Blueprint, Image
from builds.uses import Use, uses_of
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.visibility import visible


@dataclass(frozen=True)
class Family:
    """A base blueprint and the base blueprints that stand on it, each after its parent; `depth`: below the first."""

    root: Blueprint
    blueprints: tuple[Blueprint, ...]
    depth: dict[int, int]


@dataclass
class Stands:
    """A project's image whose way down leads to the base image `base` of the family's root."""

    image: Image
    base: Image
    newest: bool  # whether `base` is the newest one
    uses: list[Use] = field(default_factory=list)

    @property
    def instances(self) -> int:
        return sum(len(use.instances) for use in self.uses)


def family_of(root: Blueprint) -> Family:
    """The tree below a base blueprint, parents first."""
    below: dict[int | None, list[Blueprint]] = {}
    for row in Blueprint.objects.filter(base=True).select_related("parent"):
        below.setdefault(row.parent_id, []).append(row)
    found, depth = [root], {root.pk: 0}
    for row in found:  # grows while it is walked
        for child in below.get(row.pk, []):
            if child.pk not in depth:
                depth[child.pk] = depth[row.pk] + 1
                found.append(child)
    return Family(root, tuple(found), depth)


def standing_on(family: Family) -> list[Stands]:
    """All deployable images of projects that stand on the root, the newest first, with where they run."""
    bases = _bases(family)
    rows = Image.objects.filter(project__isnull=False, parent__in=bases, state=Image.State.DEPLOYABLE)
    newest = max((pk for pk, row in bases.items() if row.blueprint_id == family.root.pk), default=0)
    found = []
    for row in rows.select_related("project", "parent", "build").order_by("-id"):
        base = _climb(bases, row.parent_id, family.root.pk)
        if base is not None:
            found.append(Stands(row, base, base.pk == newest))
    by_image = {one.image.pk: one for one in found}
    for use in uses_of(by_image.keys()):
        by_image[use.image].uses.append(use)
    return found


def seen_by(actor: Actor, rows: list[Stands]) -> list[Stands]:
    """Those that are there for the actor: what stands on a base image may be a closed team's."""
    seen = set(visible(actor, Image).filter(pk__in=[one.image.pk for one in rows]).values_list("pk", flat=True))
    return [one for one in rows if one.image.pk in seen]


def in_use(rows: Iterable[Stands]) -> list[Stands]:
    return [row for row in rows if row.uses]


def _bases(family: Family) -> dict[int, Image]:
    """All images of the family's blueprints, discarded ones too: what runs may still stand on them."""
    rows = Image.objects.filter(blueprint__in=family.blueprints, project=None).select_related("blueprint", "registry")
    return {row.pk: row for row in rows}


def _climb(bases: dict[int, Image], pk: int | None, root: int) -> Image | None:
    """The image of the root that an image of the family stands on; None where a row on the way is gone."""
    seen: set[int] = set()
    while pk is not None and pk in bases and pk not in seen:
        seen.add(pk)
        row = bases[pk]
        if row.blueprint_id == root:
            return row
        pk = row.parent_id
    return None

"""What is in the new image that is not in what runs, and the other way round: commits, size, base."""

from __future__ import annotations

from typing import Any

from builds.git import Revision
from builds.models import Image
from builds.versions import difference
from containers.models import ServiceEnvironment

MOST_COMMITS = 100


def between(place: ServiceEnvironment, old: Image | None, new: Image) -> dict[str, Any]:
    """`newer`: commits that only the new one has, `older`: that only the old one has; `known`: whether they could be told.

    Reads the platform's copy of the repository, nothing else.
    """
    comparable = old is not None and bool(old.revision and new.revision)
    newer = older = []
    if comparable and old is not None and old.revision != new.revision:
        project = place.service.project
        newer = difference(project, old.revision, new.revision, MOST_COMMITS)
        older = difference(project, new.revision, old.revision, MOST_COMMITS)
    same = old is not None and (old.pk == new.pk or (comparable and old.revision == new.revision))
    return {
        "new": facts(new),
        "old": facts(old) if old is not None else None,
        "newer": [_commit(one) for one in newer],
        "older": [_commit(one) for one in older],
        "known": same or bool(newer or older),
        "authors": _authors(newer),
        "size_change": new.size - old.size if old is not None and old.size and new.size else None,
        "base_change": old is not None and (old.base, old.parent_id) != (new.base, new.parent_id),
    }


def facts(image: Image) -> dict[str, Any]:
    """`size`: bytes as the registry has it (compressed), or as the engine where there is no registry."""
    return {
        "id": image.pk,
        "tag": image.tag,
        "digest": image.digest or image.image_id,
        "revision": image.revision,
        "branch": image.branch,
        "size": image.size,
        "base": image.base,
        "base_tag": image.parent.tag if image.parent is not None else "",
        "built": image.created.timestamp(),
        "registry": image.registry.address if image.registry is not None else "",
    }


def _commit(one: Revision) -> dict[str, Any]:
    title = one.message.strip().partition("\n")[0]
    return {"hash": one.hash, "author": one.author, "title": title[:300], "time": one.time.timestamp()}


def _authors(commits: list[Revision]) -> list[str]:
    """Everybody once, who has most commits first."""
    names = [one.author for one in commits]
    return sorted(set(names), key=lambda name: (-names.count(name), name))

"""What forbids to discard an image. Apps above register their own reasons, so that this app needs not know them."""

from __future__ import annotations

from collections.abc import Callable

from builds.models import Image

# Each returns the reason (a sentence) why the image must stay, or None.
DISCARD_GUARDS: list[Callable[[Image], str | None]] = []
# The words the version list shows of where an image runs; each returns {image pk: [words]} for the images given.
RUNNING_WORDS: list[Callable[[list[Image]], dict[int, list[str]]]] = []


def reason_to_keep(image: Image) -> str | None:
    """The first reason why the image must not be discarded."""
    for guard in DISCARD_GUARDS:
        reason = guard(image)
        if reason:
            return reason
    return None

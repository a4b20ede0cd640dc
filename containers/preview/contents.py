"""The difference of packages between two images, from what was seen of them."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from builds.models import Image
from containers.models import ImageContents
from containers.preview import packages
from containers.preview.pulls import key_of


def between(old: Image | None, new: Image) -> dict[str, Any]:
    """`known`: both could be read; else `words` say why not. `changed`: name → version before and after."""
    if old is None:
        return _not(_("Nothing runs here yet: there is nothing to compare with."))
    rows = {row.key: row for row in ImageContents.objects.filter(key__in=[key_of(old), key_of(new)])}
    for image, words in ((new, _("the new image")), (old, _("what runs"))):
        why = _why_not(rows.get(key_of(image)))
        if why:
            return _not(_("Packages of %(what)s are not known: %(why)s") % {"what": words, "why": why})
    found = packages.compare(rows[key_of(old)].packages, rows[key_of(new)].packages)
    changed = {name: list(pair) for name, pair in found.changed.items()}
    return {"known": True, "words": "", "added": found.added, "removed": found.removed, "changed": changed}


def _not(words: str) -> dict[str, Any]:
    return {"known": False, "words": words, "added": {}, "removed": {}, "changed": {}}


def _why_not(row: ImageContents | None) -> str:
    if row is None or (not row.kind and not row.packages_problem):
        return _("nobody has looked yet.")
    if row.kind == "rpm":
        return _("its packages are RPM's, whose data base is not read.")
    if row.kind == "none":
        return _("it has no package data base (dpkg, apk).")
    return "" if row.kind else row.packages_problem

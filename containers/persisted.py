"""Persisted folders: where an address's folder lies on its host. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

LABEL = "persist_root"  # of a host, where its folder of persisted data lies elsewhere


def root_of(labels: Mapping[str, Any], default: str, allowed: Sequence[str]) -> tuple[str, str]:
    """The root on a host with these labels, and what is wrong with the label (then the default counts)."""
    asked = str(labels.get(LABEL) or "").strip()
    if not asked:
        return default.rstrip("/"), ""
    path = posixpath.normpath(asked)
    if any(path == root.rstrip("/") or path.startswith(f"{root.rstrip('/')}/") for root in (default, *allowed)):
        return path, ""
    words = _("the host's label %(label)s=%(path)s lies outside the allowed roots (%(roots)s)")
    return default.rstrip("/"), words % {"label": LABEL, "path": asked, "roots": ", ".join((default, *allowed))}


def parse_sizes(output: str) -> dict[str, int]:
    """Folder name → bytes, from lines of `du -sk` («120\\t/persist/10.0.0.7»)."""
    found: dict[str, int] = {}
    for line in output.splitlines():
        size, _tab, path = line.partition("\t")
        name = posixpath.basename(path.strip())
        if size.strip().isdigit() and name:
            found[name] = int(size) * 1024
    return found

"""Where uploads lie until they are images: one folder an import, below the platform's data folder."""

from __future__ import annotations

import fcntl
import shutil
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from builds.models import ImageImport
from xqplatform.errors import Refused

KEEP_FREE = 1 << 30  # bytes of the disk that imports leave to the platform


def root() -> Path:
    return Path(settings.DATA_DIR) / "imports"


def folder(row: ImageImport) -> Path:
    """The import's own; made where it is missing."""
    path = root() / str(row.pk)
    path.mkdir(parents=True, exist_ok=True)
    return path


def upload(row: ImageImport) -> Path:
    return folder(row) / "upload"


def room() -> int:
    """Bytes that imports may still take of the disk."""
    Path(settings.DATA_DIR).mkdir(parents=True, exist_ok=True)
    return max(0, shutil.disk_usage(settings.DATA_DIR).free - KEEP_FREE)


def append(row: ImageImport, offset: int, data: bytes) -> int:
    """Adds a piece of the upload, on the disk when it returns; how many bytes there are then.

    Raises Refused for a piece that does not follow what is there; OSError.
    """
    with upload(row).open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        there = file.seek(0, 2)
        if offset != there:
            words = _("The next piece begins at byte %(there)d, not at %(offset)d.")
            raise Refused(words % {"there": there, "offset": offset}, "offset", 409)
        if there + len(data) > row.size:
            raise Refused(
                _("This is more than the %(size)d bytes that were announced.") % {"size": row.size}, "size", 400
            )
        try:
            file.write(data)
            file.flush()
        except OSError:
            file.truncate(there)
            raise
        return there + len(data)


def received(row: ImageImport) -> int:
    """Bytes of the upload that are there."""
    path = root() / str(row.pk) / "upload"
    return path.stat().st_size if path.exists() else 0


def forget(pk: int) -> None:
    """Removes what lies there for it."""
    shutil.rmtree(root() / str(pk), ignore_errors=True)


def there() -> list[int]:
    """Imports that have a folder."""
    return [int(path.name) for path in root().iterdir() if path.name.isdigit()] if root().is_dir() else []

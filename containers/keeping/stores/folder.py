"""Backups in a folder of the machine that the platform runs on: a disk of its own, or a share that is mounted there."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from django.utils.translation import gettext as _

from containers.keeping.stores import StoreError

KEY = re.compile(r"[a-z0-9_-][a-z0-9._-]*(/[a-z0-9_-][a-z0-9._-]*)*")
DRAFT = ".draft-"
FULL = {errno.ENOSPC, errno.EDQUOT}


class FolderStore:
    def __init__(self, root: Path) -> None:
        self.root, self.where = root, str(root)

    def put(self, key: str, data: bytes) -> None:
        path = self._path(key)
        with self._told(key):
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, draft = tempfile.mkstemp(prefix=DRAFT, dir=path.parent)  # mode 0600
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(draft, path)
            except BaseException:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(draft)
                raise
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def get(self, key: str) -> bytes:
        with self._told(key):
            return self._path(key).read_bytes()

    def keys(self, prefix: str) -> Iterator[str]:
        found = []
        with self._told(prefix):
            for folder, _folders, names in os.walk(self.root):
                found += [Path(folder, name).relative_to(self.root).as_posix() for name in names]
        return iter(sorted(key for key in found if key.startswith(prefix) and KEY.fullmatch(key)))

    def remove(self, keys: Iterable[str]) -> None:
        for key in keys:
            path = self._path(key)
            with self._told(key):
                path.unlink(missing_ok=True)
                for draft in path.parent.glob(f"{DRAFT}*"):  # of one who died
                    draft.unlink(missing_ok=True)
                for folder in path.parents:
                    if folder == self.root or self.root not in folder.parents:
                        break
                    try:
                        folder.rmdir()
                    except OSError:  # others are in it, or it is gone
                        break

    def _path(self, key: str) -> Path:
        if not KEY.fullmatch(key):
            raise StoreError(_("«%(key)s» cannot name an object of a store.") % {"key": key[:200]})
        return self.root / key

    @contextlib.contextmanager
    def _told(self, key: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            words = _("%(where)s has no %(key)s.") % {"where": self.where, "key": key}
            raise StoreError(words, missing=True) from error
        except OSError as error:
            if error.errno in FULL:
                words = _("There is no room left in %(where)s.") % {"where": self.where}
                raise StoreError(words) from error
            words = _("%(where)s cannot be used: %(why)s")
            raise StoreError(words % {"where": self.where, "why": error.strerror or error}) from error

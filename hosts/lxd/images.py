"""Images of the registry on an LXD server: fetched by the platform, made one tarball, taken in under their reference."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from hosts.engine_body import Json
from hosts.engine_errors import EngineError
from hosts.lxd import roots
from hosts.lxd.link import Link

UPLOAD_SECONDS = 900.0
LEFT_SECONDS = 6 * 3600.0  # older than that is no transfer any more
OnProgress = Callable[[Json], None]
Check = Callable[[], None]
# Fills a folder with the layers of a reference; the apps above know their registries. Raises EngineError, whatever `check` raises.
FETCH: list[Callable[[str, Path, OnProgress, Check], roots.Layers]] = []


class Transfer:
    """What can be stopped from another thread, as a stream of the other runtime."""

    def __init__(self, reference: str) -> None:
        self.reference, self.stopped = reference, False

    def stop(self) -> None:
        self.stopped = True

    def check(self) -> None:
        """Raises EngineError once it was stopped."""
        if self.stopped:
            words = _("The transfer of %(ref)s was stopped.") % {"ref": self.reference}
            raise EngineError("other", "stopped", words)


def take_in(
    link: Link, reference: str, alias: str, *, architecture: str, room: int, progress: OnProgress, transfer: Transfer
) -> None:
    """Fetches a reference and imports it. `room`: bytes that the storage pool has left. Raises EngineError."""
    Path(settings.DATA_DIR).mkdir(parents=True, exist_ok=True)
    sweep(Path(settings.DATA_DIR))
    with tempfile.TemporaryDirectory(prefix="xq-image-", dir=settings.DATA_DIR) as folder:
        fetched = None
        for fetch in FETCH:
            fetched = fetch(reference, Path(folder), progress, transfer.check)
        if fetched is None:
            words = _("%(ref)s is in no registry that the platform knows.")
            raise EngineError("not_found", reference, words % {"ref": reference})
        image = Path(folder, "image.tar")
        progress({"status": "Making a root file system of the layers", "id": alias[:12]})
        try:
            about = roots.metadata(reference, fetched.config, architecture)
            roots.write(fetched, about, image, room // 2, transfer.check)
        except roots.Unusable as error:
            raise EngineError("other", str(error), _("%(ref)s: %(why)s") % {"ref": reference, "why": error}) from error
        except OSError as error:
            words = _("The platform has no room to unpack %(ref)s: %(why)s")
            raise EngineError("no_space", str(error), words % {"ref": reference, "why": error}) from error
        progress({"status": "Sending it to the server", "id": alias[:12]})
        with image.open("rb") as file:
            answer = link.raw(
                "POST", "/images", data=file, timeout=UPLOAD_SECONDS, headers={"X-LXD-filename": "image.tar"}
            )
        assert answer is not None
        _imported(link, answer.json()["metadata"])
        with image.open("rb") as file:
            fingerprint = hashlib.file_digest(file, "sha256").hexdigest()  # which is what the server calls it, too
        body = {"name": alias, "target": fingerprint, "description": reference[:200]}
        try:
            link.ask("POST", "/images/aliases", body=body)
        except EngineError as error:
            if error.kind != "conflict" and "already exists" not in error.message:
                raise
            link.ask("PUT", f"/images/aliases/{alias}", body=body)


def _imported(link: Link, operation: Json) -> None:
    """Waits for it; what is there already, of another reference or of one who died before the alias, is as good."""
    try:
        link.ended(operation, UPLOAD_SECONDS)
    except EngineError as error:
        if "same fingerprint" not in error.message:
            raise


def sweep(folder: Path) -> None:
    """Removes what killed workers left of their transfers."""
    for path in folder.glob("xq-image-*"):
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < time.time() - LEFT_SECONDS:
                shutil.rmtree(path, ignore_errors=True)

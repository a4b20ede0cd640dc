"""What an upload is packed with: taken off piece by piece, within a budget, so that a small file cannot fill the disk."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import tarfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import zstandard
from django.utils.translation import gettext as _

from hosts.lxd.roots import Unusable

PIECE = 1 << 20
MOST_HEADER = 8 << 20  # bytes that one header of a tarball (a path, an attribute) may have
XZ_MEMORY = 512 << 20  # bytes that its dictionary may take
ZSTD_WINDOW = 128 << 20
BROKEN = (EOFError, ValueError, gzip.BadGzipFile, lzma.LZMAError, zlib.error, zstandard.ZstdError)
MAGIC = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x5d\x00\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"hsqs": "squashfs",
    b"PK\x03\x04": "zip",
    b"QFI\xfb": "qcow2",
}


@dataclass
class Budget:
    """Bytes that everything of one import may still unpack to."""

    left: int

    def take(self, size: int) -> None:
        """Raises Unusable once it is used up."""
        self.left -= size
        if self.left < 0:
            raise Unusable(_("The upload unpacks to more than the platform takes: nothing of it is kept."))


def packing(head: bytes) -> str:
    """The name of what these first bytes are packed with; empty: nothing that is known. Pure."""
    return next((name for magic, name in MAGIC.items() if head.startswith(magic)), "")


def unpack(source: IO[bytes], out: Path, budget: Budget, check: Callable[[], None] = lambda: None) -> None:
    """Writes what is in it. Raises Unusable, OSError (no room), whatever `check` raises."""
    head = source.read(8)
    source.seek(0)
    kind = packing(head)
    if kind == "squashfs":
        words = _(
            "This is a SquashFS image: make a tarball of it (unsquashfs -d root FILE, then tar -C root -czf root.tar.gz .)."
        )
        raise Unusable(words)
    if kind in {"zip", "qcow2"}:
        raise Unusable(_("This is a file of the kind %(kind)s, and no tarball.") % {"kind": kind})
    try:
        with out.open("wb") as target:
            for piece in _pieces(source, kind):
                check()
                budget.take(len(piece))
                target.write(piece)
    except lzma.LZMAError as error:
        if error.args and "emory" in str(error):
            raise Unusable(_("Unpacking it would take too much memory.")) from error
        raise Unusable(_damaged(error)) from error
    except BROKEN as error:
        raise Unusable(_damaged(error)) from error


def _damaged(error: Exception) -> str:
    return _("The upload is damaged: it cannot be unpacked (%(why)s).") % {"why": str(error)[:200]}


def _pieces(source: IO[bytes], kind: str) -> Iterator[bytes]:
    if kind == "xz":
        yield from _xz(source)
        return
    reader: IO[bytes] = source
    if kind == "gzip":
        reader = cast("IO[bytes]", gzip.GzipFile(fileobj=source))
    elif kind == "bzip2":
        reader = cast("IO[bytes]", bz2.BZ2File(source))
    elif kind == "zstd":
        reader = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW).stream_reader(source, read_across_frames=True)
    while piece := reader.read(PIECE):
        yield piece


def _xz(source: IO[bytes]) -> Iterator[bytes]:
    """As the library's own reader, with a limit to its memory."""
    decoder = lzma.LZMADecompressor(memlimit=XZ_MEMORY)
    data = source.read(PIECE)
    while True:
        if decoder.eof:
            data = (decoder.unused_data or data or source.read(PIECE)).lstrip(b"\0")
            while not data and (more := source.read(PIECE)):
                data = more.lstrip(b"\0")
            if not data:
                return
            decoder = lzma.LZMADecompressor(memlimit=XZ_MEMORY)
        elif decoder.needs_input and not data:
            data = source.read(PIECE)
            if not data:
                raise EOFError(_("it ends too early"))
        piece, data = decoder.decompress(data, PIECE), b""
        if piece:
            yield piece


class _Careful(io.FileIO):
    """A file of which tarfile reads no header that is made to fill the memory."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > MOST_HEADER:
            raise Unusable(_("The tarball has a header larger than any that belongs into one."))
        return super().read(-1 if size is None else size) or b""


@contextlib.contextmanager
def opened(path: Path) -> Iterator[tarfile.TarFile]:
    """A tarball that is packed with nothing any more. Raises tarfile.TarError, Unusable."""
    with _Careful(path, "rb") as file, tarfile.open(fileobj=file, mode="r:") as found:
        yield found

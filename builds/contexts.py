"""A build's context: the files at a revision as a tar file, without what leads out of it, and within limits."""

from __future__ import annotations

import io
import posixpath
import stat
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from itertools import dropwhile
from typing import IO

from django.utils.translation import gettext as _
from docker.utils.build import PatternMatcher
from dulwich.objects import S_ISGITLINK, Blob, Tree
from dulwich.repo import Repo

from builds.git import GitError, Repository

LARGEST = 1 << 30  # bytes
MOST_FILES = 200_000
Files = dict[str, tuple[bytes, int]]  # path in the context → content, mode


def of(
    repository: Repository,
    revision: str,
    subfolder: str = "",
    *,
    extra: Files | None = None,
    keep: str = "Dockerfile",
    prefix: str = "",
    warn: Callable[[str], None] = lambda _text: None,
) -> IO[bytes]:
    """The tree at a revision, positioned at its start; the caller closes it.

    `.dockerignore` counts (but never for `keep` and `extra`). `prefix`: the folder that the tree stands in there, beside
    `extra`. Raises GitError for a link that leaves the tree, for a folder that is not there, and above 1 GiB.
    """
    with repository.tree(revision, subfolder) as (repo, tree):
        return _tar(_entries(repo, tree, keep, prefix, warn), extra or {})


def plain_context(files: Files) -> IO[bytes]:
    """A context of nothing but the given files."""
    return _tar(iter(()), files)


def _entries(
    repo: Repo, tree: Tree, keep: str, prefix: str, warn: Callable[[str], None]
) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    ignored = _ignored(repo, tree)
    for path, mode, sha in _walk(repo, tree):
        if path != keep and ignored(path):
            continue
        info = tarfile.TarInfo(prefix + path)
        if S_ISGITLINK(mode):
            warn(_("«%s» is a submodule: left out, its folder is empty.") % path)
            info.type, info.mode = tarfile.DIRTYPE, 0o755
            yield info, b""
            continue
        blob = repo[sha]
        assert isinstance(blob, Blob)
        if stat.S_ISLNK(mode):
            info.type, info.linkname, info.mode = tarfile.SYMTYPE, _inside(path, blob.data), 0o777
            yield info, b""
            continue
        info.size, info.mode = len(blob.data), 0o755 if mode & 0o111 else 0o644
        yield info, blob.data


def _tar(entries: Iterator[tuple[tarfile.TarInfo, bytes]], extra: Files) -> IO[bytes]:
    total = files = 0
    out: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=32 << 20)  # noqa: SIM115  (the caller closes it)
    try:
        with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for info, data in entries:
                total, files = total + len(data), files + 1
                if total > LARGEST or files > MOST_FILES:
                    words = _(
                        "The build context is larger than 1 GiB or 200,000 files: leave files out (.dockerignore)."
                    )
                    raise GitError(words)
                if info.name not in extra:
                    tar.addfile(info, io.BytesIO(data))
            for path, (data, mode) in extra.items():
                info = tarfile.TarInfo(path)
                info.size, info.mode = len(data), mode
                tar.addfile(info, io.BytesIO(data))
        out.seek(0)
    except BaseException:
        out.close()
        raise
    return out


def _walk(repo: Repo, tree: Tree, folder: str = "", depth: int = 0) -> Iterator[tuple[str, int, bytes]]:
    if depth > 200:
        raise GitError(_("The repository's folders are nested too deep."))
    for entry in tree.iteritems():
        name = entry.path.decode("utf-8", "surrogateescape")
        # Git itself writes no such names; a tree made by hand may hold them.
        if name in {"", ".", "..", ".git"} or "/" in name or "\0" in name:
            raise GitError(_("The repository holds a file with the forbidden name «%s».") % name)
        path = f"{folder}{name}"
        if stat.S_ISDIR(entry.mode):
            below = repo[entry.sha]
            assert isinstance(below, Tree)
            yield from _walk(repo, below, f"{path}/", depth + 1)
        else:
            yield path, entry.mode, entry.sha


def _inside(path: str, target: bytes) -> str:
    """The target of a link, which must stay in the tree.

    A «..» behind a name is taken out: the name may be another link, and the way up from where that leads goes out of the tree.
    """
    text = target.decode("utf-8", "surrogateescape")
    folder = posixpath.dirname(path)
    landed = posixpath.normpath(posixpath.join(folder, text))
    if text.startswith("/") or landed == ".." or landed.startswith("../"):
        raise GitError(
            _("The link «%(path)s» leads out of the repository, to «%(target)s».") % {"path": path, "target": text}
        )
    names = dropwhile({"", ".", ".."}.__contains__, text.split("/"))
    return posixpath.relpath(landed, folder or ".") if ".." in names else text


def _ignored(repo: Repo, tree: Tree) -> Callable[[str], bool]:
    try:
        _mode, sha = tree[b".dockerignore"]
    except KeyError:
        return lambda _path: False
    found = repo[sha]
    text = found.data.decode("utf-8", "replace") if isinstance(found, Blob) else ""
    lines = [line.strip() for line in text.splitlines()]
    matcher = PatternMatcher([line for line in lines if line and not line.startswith("#")])
    return lambda path: bool(matcher.matches(path))

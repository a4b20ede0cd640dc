"""The edge to Git: branches, revisions, history and files, from a bare copy kept in the data folder."""

from __future__ import annotations

import fcntl
import hashlib
import re
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import urllib3
from django.conf import settings
from django.utils.translation import gettext as _
from dulwich.client import SSHGitClient, default_urllib3_manager, get_transport_and_path
from dulwich.errors import NotGitRepository
from dulwich.objects import Blob, Commit, ObjectID, Tag, Tree
from dulwich.refs import Ref
from dulwich.repo import Repo

from xqplatform.outgoing import rules
from xqplatform.outgoing.gate import found_in

TIMEOUT = 60.0  # seconds without an answer
LARGEST_PACK = 8 << 30  # bytes that one fetch may bring
HEADS = Ref(b"refs/heads/")
TAGS = Ref(b"refs/tags/")
_HASH = re.compile(r"[0-9a-f]{6,40}")
_URL = re.compile(r"(https?|ssh|git\+ssh|file)://", re.I)
_SCP = re.compile(r"[\w.-]+@[\w.-]+:[^/].*|[\w.-]+@[\w.-]+:/.*", re.ASCII)


class GitError(Exception):
    """A sentence for people. `retry`: it may work later (the server was away)."""

    def __init__(self, message: str, *, retry: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.retry = retry


@dataclass(frozen=True)
class Source:
    """Where a repository is, and who may read it. `password` may be a private SSH key."""

    url: str
    user: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True)
class Revision:
    """A commit as people know it."""

    hash: str
    author: str
    message: str
    time: datetime
    branch: str = ""

    @property
    def short(self) -> str:
        return self.hash[:8]

    @property
    def title(self) -> str:
        return self.message.strip().partition("\n")[0]


def check_url(url: str) -> str | None:
    """Why this cannot be a repository's address, or None."""
    if not url.isprintable() or url != url.strip() or url.startswith("-"):
        return _("A repository is a URL (https://… or ssh://…) or an absolute path.")
    if _URL.match(url) or _SCP.fullmatch(url) or url.startswith("/"):
        return None
    return _("A repository is a URL (https://… or ssh://…) or an absolute path.")


class Repository:
    """A bare copy of a repository; `fetch` brings it up to date. Everything else answers from the copy."""

    def __init__(self, source: Source) -> None:
        problem = check_url(source.url)
        if problem:
            raise GitError(problem)
        self.source = source
        folder = Path(settings.DATA_DIR) / "git"
        # The user is part of the name: what one may read with a password, another does not get from the copy.
        key = hashlib.sha256(f"{source.url}\n{source.user}\n{source.password}".encode()).hexdigest()[:24]
        self.path = folder / f"{key}.git"

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def fetch(self) -> None:
        """Brings the copy up to date with the branches that there are now. Raises GitError."""
        with self._locked(), _sentences(self.source), _key_file(self.source) as key:
            if not (self.path / "HEAD").exists():
                Repo.init_bare(str(self.path), mkdir=not self.path.exists()).close()
            location = self.source.url.removeprefix("file://")
            options: dict[str, Any] = {}
            if re.match(r"https?://", location, re.I):
                options["pool_manager"] = default_urllib3_manager(None, base_url=location, timeout=TIMEOUT)
                if self.source.password or self.source.user:
                    options["username"] = self.source.user or "git"
                    options["password"] = self.source.password
            elif not location.startswith("/"):
                options["ssh_command"] = (
                    "ssh -o BatchMode=yes -o ConnectTimeout=15 -o ServerAliveInterval=15 -o StrictHostKeyChecking=accept-new"
                )
                if key:
                    options["key_filename"] = key
            client, path = get_transport_and_path(location, **options)
            if isinstance(client, SSHGitClient):  # `ssh` makes the connection itself
                rules.GATE.check(client.host, client.port or 22)
            _bounded(client)
            with Repo(str(self.path)) as repo:
                found = client.fetch(
                    path,
                    repo,
                    determine_wants=lambda refs, depth=None: _wanted(repo, refs),
                    progress=lambda _text: None,
                )
                heads = {name: sha for name, sha in found.refs.items() if name.startswith(HEADS) and sha}
                for name in repo.refs.keys(Ref(HEADS[:-1])):
                    if HEADS + name not in heads:
                        del repo.refs[Ref(HEADS + name)]
                for name, sha in heads.items():
                    repo.refs[name] = sha

    @contextmanager
    def _open(self) -> Iterator[Repo]:
        with _sentences(self.source):
            if not (self.path / "HEAD").exists():
                self.fetch()
            with Repo(str(self.path)) as repo:
                yield repo

    def branches(self) -> dict[str, str]:
        """Branch names and their newest commits."""
        with self._open() as repo:
            return {
                name.decode("utf-8", "replace"): sha.decode()
                for name, sha in sorted(repo.refs.as_dict(Ref(HEADS[:-1])).items())
            }

    def resolve(self, branch: str, revision: str = "") -> Revision:
        """The newest commit of a branch, or a commit by its hash (6 digits or more). Raises GitError."""
        with self._open() as repo:
            if revision:
                return _revision(self._commit(repo, revision), branch)
            try:
                sha = repo.refs[Ref(HEADS + branch.encode())]
            except (KeyError, ValueError):
                raise GitError(
                    _("The repository has no branch «%(branch)s». It has: %(names)s.")
                    % {"branch": branch, "names": ", ".join(sorted(self.branches())[:20]) or _("none")}
                ) from None
            return _revision(_as_commit(repo, sha), branch)

    def _commit(self, repo: Repo, revision: str) -> Commit:
        revision = revision.strip().lower()
        if not _HASH.fullmatch(revision):
            raise GitError(_("«%s» is no commit hash.") % revision)
        if len(revision) == 40:
            if ObjectID(revision.encode()) in repo.object_store:
                return _as_commit(repo, revision.encode())
        else:
            found = {sha for sha in repo.object_store.iter_prefix(revision.encode()) if isinstance(repo[sha], Commit)}
            if len(found) == 1:
                return _as_commit(repo, found.pop())
            if found:
                raise GitError(_("More than one commit begins with «%s».") % revision)
        raise GitError(_("The repository has no commit «%s».") % revision)

    def history(self, branch: str, limit: int = 30) -> list[Revision]:
        """The newest commits of a branch, newest first; empty for a branch that is not there."""
        with self._open() as repo:
            try:
                sha = repo.refs[Ref(HEADS + branch.encode())]
            except (KeyError, ValueError):
                return []
            return [_revision(e.commit, branch) for e in repo.get_walker(include=[sha], max_entries=limit)]

    def log(self, old: str, new: str, limit: int = 100) -> list[Revision]:
        """The commits that `new` has and `old` has not, newest first. Raises GitError when either is not there."""
        with self._open() as repo:
            first, last = self._commit(repo, old), self._commit(repo, new)
            walker = repo.get_walker(include=[last.id], exclude=[first.id], max_entries=limit)
            return [_revision(entry.commit) for entry in walker]

    def read(self, revision: str, path: str) -> bytes | None:
        """The content of a file at a revision; None when there is none (or it is no plain file)."""
        with self._open() as repo:
            try:
                mode, sha = _tree(repo, self._commit(repo, revision)).lookup_path(
                    repo.object_store.__getitem__, path.strip("/").encode()
                )
            except (KeyError, NotADirectoryError):
                return None
            found = repo[sha]
            return found.data if isinstance(found, Blob) and stat.S_ISREG(mode) else None

    @contextmanager
    def tree(self, revision: str, subfolder: str = "") -> Iterator[tuple[Repo, Tree]]:
        """The files at a revision, or those of a folder. Raises GitError for a folder that is not there."""
        with self._open() as repo:
            tree = _tree(repo, self._commit(repo, revision))
            folder = subfolder.strip("/")
            if folder:
                try:
                    _mode, sha = tree.lookup_path(repo.object_store.__getitem__, folder.encode())
                    found = repo[sha]
                except (KeyError, NotADirectoryError):
                    found = None
                if not isinstance(found, Tree):
                    raise GitError(_("The repository has no folder «%s».") % folder)
                tree = found
            yield repo, tree


def _wanted(repo: Repo, refs: Any) -> list[ObjectID]:
    """What branches and tags point to: a tag's commit may be on no branch any more. (Only branches are kept by name.)"""
    named = {sha for name, sha in refs.items() if name.startswith((HEADS, TAGS)) and not name.endswith(b"^{}") and sha}
    return [sha for sha in named if sha not in repo.object_store]


def _as_commit(repo: Repo, sha: bytes) -> Commit:
    found = repo[sha]
    while isinstance(found, Tag):
        found = repo[found.object[1]]
    if not isinstance(found, Commit):
        raise GitError(_("«%s» is no commit.") % sha.decode()[:12])
    return found


def _tree(repo: Repo, commit: Commit) -> Tree:
    tree = repo[commit.tree]
    assert isinstance(tree, Tree)
    return tree


def _revision(commit: Commit, branch: str = "") -> Revision:
    try:
        zone = timezone(timedelta(seconds=commit.commit_timezone))
        when = datetime.fromtimestamp(commit.commit_time, zone)
    except (ValueError, OverflowError, OSError):
        when = datetime.fromtimestamp(0, UTC)
    return Revision(
        hash=commit.id.decode(),
        author=commit.author.decode("utf-8", "replace").replace("\0", ""),
        message=commit.message.decode("utf-8", "replace").replace("\0", ""),
        time=when,
        branch=branch,
    )


def _bounded(client: Any) -> None:
    """Has what a server sends counted as it comes: a server that sends without an end does not fill the disk."""
    fetch_pack = client.fetch_pack

    def counted(path: Any, wants: Any, walker: Any, write: Callable[[bytes], Any], **options: Any) -> Any:
        seen = 0

        def written(data: bytes) -> Any:
            nonlocal seen
            seen += len(data)
            if seen > LARGEST_PACK:
                raise GitError(_("The repository is larger than %(n)d MiB.") % {"n": LARGEST_PACK >> 20})
            return write(data)

        return fetch_pack(path, wants, walker, written, **options)

    client.fetch_pack = counted


@contextmanager
def _key_file(source: Source) -> Iterator[str]:
    """A private SSH key given as the password, as a file for the time of the fetch."""
    if not source.password.lstrip().startswith("-----BEGIN"):
        yield ""
        return
    with tempfile.NamedTemporaryFile("w", prefix="xq-key-") as file:  # made with mode 0600
        file.write(source.password.strip() + "\n")
        file.flush()
        yield file.name


@contextmanager
def _sentences(source: Source) -> Iterator[None]:
    """Whatever Git's ways of failing are, as a GitError with a sentence; the password never shows."""
    where = re.sub(r"//[^/@]*@", "//", source.url)
    try:
        yield
    except GitError:
        raise
    except NotGitRepository:
        raise GitError(_("There is no Git repository at %s.") % where) from None
    except (urllib3.exceptions.HTTPError, TimeoutError, ConnectionError) as error:
        forbidden = found_in(error)
        if forbidden is not None:
            raise GitError(str(forbidden)) from None
        raise GitError(
            _("The repository %(where)s cannot be reached: %(words)s")
            % {"where": where, "words": _words(error, source)},
            retry=True,
        ) from error
    except PermissionError:
        raise GitError(_("The platform may not read %s.") % where) from None
    except (OSError, EOFError, ValueError, KeyError, AssertionError) as error:
        raise GitError(
            _("The repository %(where)s cannot be read: %(words)s") % {"where": where, "words": _words(error, source)}
        ) from error
    except Exception as error:  # dulwich has many classes of its own, without a common one
        if not type(error).__module__.startswith("dulwich"):
            raise
        text = type(error).__name__ if not str(error) else _words(error, source)
        raise GitError(
            _("The repository %(where)s cannot be read: %(words)s") % {"where": where, "words": text}
        ) from error


def _words(error: BaseException, source: Source) -> str:
    text = str(error) or type(error).__name__
    if source.password:
        text = text.replace(source.password, "•••")
    return re.sub(r"//[^/@\s]*@", "//", text)[:500]

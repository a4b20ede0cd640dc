"""What a repository of somebody's can do to the context of a build: nothing outside of it, and nothing without an end."""

from __future__ import annotations

import os
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from wsgiref.simple_server import make_server

import pytest
from dulwich.index import commit_tree
from dulwich.objects import Blob, Commit, ObjectID, Tree
from dulwich.refs import Ref
from dulwich.repo import Repo
from dulwich.server import DictBackend
from dulwich.web import WSGIRequestHandlerLogger, WSGIServerLogger, make_wsgi_chain
from hypothesis import given
from hypothesis import strategies as st

from builds import contexts, git
from tests.builds.conftest import commit

LINK, FILE, FOLDER = 0o120000, 0o100644, 0o040000


@pytest.fixture(autouse=True)
def data(settings: Any, tmp_path: Path) -> Path:
    settings.DATA_DIR = tmp_path
    return tmp_path


def handmade(path: Path, entries: list[tuple[bytes, int, bytes]], deep: int = 0) -> str:
    """A commit of a tree that no Git would write; `deep`: folders around it."""
    with Repo.init_bare(str(path), mkdir=True) as repo:
        tree = Tree()
        for name, mode, text in entries:
            blob = Blob.from_string(text)
            repo.object_store.add_object(blob)
            tree.add(name, mode, blob.id)
        repo.object_store.add_object(tree)
        for _n in range(deep):
            outer = Tree()
            outer.add(b"d", FOLDER, tree.id)
            tree = outer
            repo.object_store.add_object(tree)
        return committed(repo, tree.id)


def nested(path: Path, entries: dict[str, tuple[int, bytes]]) -> str:
    """A commit of files in folders, as Git itself would write it."""
    with Repo.init_bare(str(path), mkdir=True) as repo:
        blobs = [(name.encode(), Blob.from_string(text), mode) for name, (mode, text) in entries.items()]
        for _name, blob, _mode in blobs:
            repo.object_store.add_object(blob)
        root = commit_tree(repo.object_store, [(name, blob.id, mode) for name, blob, mode in blobs])
        return committed(repo, root)


def committed(repo: Repo, tree: bytes) -> str:
    made = Commit()
    made.tree = ObjectID(tree)
    made.author = made.committer = b"mallory <m@example.com>"
    made.author_time = made.commit_time = made.author_timezone = made.commit_timezone = 0
    made.message = b"x"
    repo.object_store.add_object(made)
    repo.refs[Ref(b"refs/heads/main")] = made.id
    return made.id.decode()


def context(path: Path, revision: str) -> Any:
    return contexts.of(git.Repository(git.Source(str(path))), revision)


@pytest.mark.parametrize("name", [b"..", b".", b".git", b"../../etc/cron.d/x", b"/etc/passwd", b"a/b"])
def test_names_that_lead_elsewhere_are_refused(data: Path, name: bytes) -> None:
    revision = handmade(data / "r.git", [(name, FILE, b"taken")])
    with pytest.raises(git.GitError, match="forbidden name"):
        context(data / "r.git", revision)


def test_links_through_links_stay_in_the_tree(data: Path, tmp_path: Path) -> None:
    """«deep/a/b/up» is the tree itself; the way up from there would go out of it, though by its letters it does not."""
    revision = nested(
        data / "r.git",
        {
            "deep/a/b/up": (LINK, b"../../.."),
            "deep/a/b/plain": (FILE, b"1"),
            "secret": (LINK, b"deep/a/b/up/../../outside"),
            "fine": (LINK, b"./deep/a/b/plain"),
        },
    )
    (tmp_path / "outside").write_text("a secret of the machine")
    root = tmp_path / "x" / "tree"
    with context(data / "r.git", revision) as file, tarfile.open(fileobj=file) as tar:
        found = {member.name: member.linkname for member in tar if member.issym()}
        file.seek(0)
    assert found == {"deep/a/b/up": "../../..", "secret": "deep/a/outside", "fine": "./deep/a/b/plain"}
    for path, target in found.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(target)
    assert all(os.path.realpath(root / path).startswith(str(root)) for path in found)


@given(st.lists(st.sampled_from(["..", ".", "", "a", "b"]), min_size=1, max_size=8).map("/".join))
def test_what_is_let_through_goes_up_before_it_goes_down(target: str) -> None:
    try:
        kept = contexts._inside("d/e/link", target.encode())
    except git.GitError:
        return
    steps = [step for step in kept.split("/") if step not in {"", "."}]
    up = [step for step in steps if step == ".."]
    assert steps[: len(up)] == up
    assert len(up) <= 2


def test_too_much_too_many_and_too_deep_is_refused(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many = commit(data / "many.git", {f"f{n}": (FILE, b"x") for n in range(6)})
    large = commit(data / "large.git", {"zeros": (FILE, bytes(1 << 20))})
    deep = handmade(data / "deep.git", [(b"f", FILE, b"1")], deep=300)
    context(data / "large.git", large).close()
    with pytest.raises(git.GitError, match="nested too deep"):
        context(data / "deep.git", deep)
    monkeypatch.setattr(contexts, "MOST_FILES", 5)
    with pytest.raises(git.GitError, match=r"leave files out"):
        context(data / "many.git", many)
    # A bomb: next to nothing in the repository (Git compresses), counted as what comes out.
    monkeypatch.setattr(contexts, "LARGEST", (1 << 20) - 1)
    with pytest.raises(git.GitError, match=r"leave files out"):
        context(data / "large.git", large)


@contextmanager
def served(path: Path) -> Iterator[str]:
    """The repository as a server gives it away by HTTP."""
    app = make_wsgi_chain(DictBackend({"/": Repo(str(path))}))
    server = make_server("127.0.0.1", 0, app, handler_class=WSGIRequestHandlerLogger, server_class=WSGIServerLogger)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join(10)
    server.server_close()


def test_a_server_that_sends_too_much_is_not_heard_to_its_end(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    revision = commit(data / "r.git", {"noise": (FILE, os.urandom(300_000))})
    with served(data / "r.git") as url:
        monkeypatch.setattr(git, "LARGEST_PACK", 200_000)
        with pytest.raises(git.GitError, match="larger than"):
            git.Repository(git.Source(url)).fetch()
        kept = sum(one.stat().st_size for one in (data / "git").rglob("*") if one.is_file())
        assert kept < 50_000, "nothing of it stays"
        monkeypatch.setattr(git, "LARGEST_PACK", 400_000)
        git.Repository(git.Source(url)).fetch()
        assert git.Repository(git.Source(url)).resolve("main").hash == revision

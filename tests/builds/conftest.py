"""Rows and repositories that the tests of builds start from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dulwich.objects import Blob, Commit, Tree
from dulwich.repo import Repo

from builds.models import Project


def commit(path: Path, entries: dict[str, tuple[int, bytes]], branch: str = "main") -> str:
    """A commit with the entries (mode, content) on a branch of the bare repository, made when missing."""
    repo = Repo(str(path)) if path.exists() else Repo.init_bare(str(path), mkdir=True)
    with repo:
        tree = Tree()
        for name, (mode, content) in entries.items():
            blob = Blob.from_string(content)
            if mode != 0o160000:
                repo.object_store.add_object(blob)
            tree.add(name.encode(), mode, blob.id)
        repo.object_store.add_object(tree)
        made = Commit()
        made.tree = tree.id
        ref = f"refs/heads/{branch}".encode()
        made.parents = [repo.refs[ref]] if ref in repo.refs else []
        made.author = made.committer = b"A <a@example.com>"
        made.author_time = made.commit_time = 1445589786 + len(made.parents)
        made.author_timezone = made.commit_timezone = 8 * 3600
        made.message = b"a change"
        repo.object_store.add_object(made)
        repo.refs[ref] = made.id
        return made.id.decode()


@pytest.fixture
def data(settings: Any, tmp_path: Path) -> Path:
    """A data folder of the test's own."""
    settings.DATA_DIR = tmp_path / "data"
    settings.DATA_DIR.mkdir()
    return tmp_path


@pytest.fixture
def make_project(data: Path, team: Any) -> Callable[..., Project]:
    """A project of the team «snow» with a repository of the given files."""

    def make(name: str = "snow", dockerfile: str = "FROM scratch\nCOPY a /a\n", **fields: Any) -> Project:
        path = data / f"{name}.git"
        commit(path, {"Dockerfile": (0o100644, dockerfile.encode()), "a": (0o100644, b"1")})
        return Project.objects.create(name=name, team=team, repository=str(path), **fields)

    return make

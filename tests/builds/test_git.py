from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import pytest
from dulwich.repo import Repo

from builds import contexts, git, sample
from builds.services.checks import string_map
from tests.builds.conftest import commit

pytestmark = pytest.mark.usefixtures("data")


def names(repository: git.Repository, revision: str, **options: Any) -> dict[str, tarfile.TarInfo]:
    with contexts.of(repository, revision, **options) as file, tarfile.open(fileobj=file) as tar:
        return {member.name: member for member in tar}


def test_the_sample_has_versions(data: Path) -> None:
    path = sample.make_sample_repository()
    assert sample.make_sample_repository() == path
    repository = git.Repository(git.Source(path))
    repository.fetch()
    first = repository.resolve("main")
    second = sample.touch_sample()
    repository.fetch()
    assert repository.resolve("main").hash == second != first.hash
    assert [c.hash for c in repository.log(first.hash, second)] == [second]
    assert repository.resolve("main", first.hash[:8]).hash == first.hash
    assert repository.read(second, "www/version") == b"2\n"
    found = names(repository, second)
    assert found["bin/busybox"].mode == 0o755
    assert set(found) == {"Dockerfile", "README.md", "bin/busybox", "bin/start", "www/page.html", "www/version"}
    assert set(names(repository, second, subfolder="www")) == {"page.html", "version"}


def test_branches_that_vanish_are_gone(data: Path) -> None:
    path = data / "r.git"
    commit(path, {"a": (0o100644, b"1")})
    commit(path, {"a": (0o100644, b"2")}, "other")
    repository = git.Repository(git.Source(str(path)))
    repository.fetch()
    assert set(repository.branches()) == {"main", "other"}
    with Repo(str(path)) as repo:
        del repo.refs[b"refs/heads/other"]
    repository.fetch()
    assert set(repository.branches()) == {"main"}
    with pytest.raises(git.GitError, match="no branch «other»"):
        repository.resolve("other")


@pytest.mark.parametrize("target", ["../secret", "/etc/passwd", "a/../../x"])
def test_a_link_out_of_the_tree_is_refused(data: Path, target: str) -> None:
    revision = commit(data / "r.git", {"link": (0o120000, target.encode())})
    with pytest.raises(git.GitError, match="leads out of the repository"):
        contexts.of(git.Repository(git.Source(str(data / "r.git"))), revision)


def test_a_link_inside_stays_and_a_submodule_is_an_empty_folder(data: Path) -> None:
    revision = commit(
        data / "r.git", {"a": (0o100644, b"1"), "link": (0o120000, b"a"), "sub": (0o160000, b"elsewhere")}
    )
    warnings: list[str] = []
    found = names(git.Repository(git.Source(str(data / "r.git"))), revision, warn=warnings.append)
    assert found["link"].linkname == "a"
    assert found["sub"].isdir()
    assert "submodule" in warnings[0]


def test_dockerignore_counts(data: Path) -> None:
    revision = commit(
        data / "r.git",
        {".dockerignore": (0o100644, b"*.log\nDockerfile\n"), "Dockerfile": (0o100644, b""), "a.log": (0o100644, b"")},
    )
    assert set(names(git.Repository(git.Source(str(data / "r.git"))), revision)) == {".dockerignore", "Dockerfile"}


@pytest.mark.parametrize("url", ["/nowhere/at/all", "http://127.0.0.1:9/x.git"])
def test_a_repository_that_is_not_there_is_a_sentence(url: str) -> None:
    with pytest.raises(git.GitError):
        git.Repository(git.Source(url, "u", "geheim")).fetch()


@pytest.mark.parametrize("url", ["", "relative/path", "-oProxyCommand=x", "ftp://x/y", "https://x/\ny"])
def test_nonsense_is_no_repository(url: str) -> None:
    assert git.check_url(url)
    with pytest.raises(git.GitError):
        git.Repository(git.Source(url))


def test_secrets_are_kept_by_name() -> None:
    assert string_map("A=1\nB=x=y", "k") == {"A": "1", "B": "x=y"}

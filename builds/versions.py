"""The version list of a project: what was built, what failed, and what a branch has that nobody built yet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase

from django.db.models import Q

from builds import git, guards
from builds.models import Build, Image, Project
from builds.services.projects import source_of
from xqplatform.errors import Refused


@dataclass
class Version:
    """One row. `status`: deployable, discarded, not built, or the build's state (queued, running, failed …)."""

    revision: str
    branch: str
    status: str
    time: datetime | None = None  # of the commit
    author: str = ""
    message: str = ""
    base: str = ""
    image: Image | None = None
    build: Build | None = None
    running: list[str] = field(default_factory=list)  # where it runs, in words

    @property
    def short(self) -> str:
        return self.revision[:8]

    @property
    def title(self) -> str:
        return self.message.strip().partition("\n")[0]

    @property
    def deployable(self) -> bool:
        return self.image is not None and self.image.state == Image.State.DEPLOYABLE


def versions(
    project: Project,
    environment_branch: str = "",
    *,
    limit: int = 50,
    unbuilt: bool = True,
    commits: Iterable[git.Revision] | None = None,
) -> list[Version]:
    """Newest commit first. `environment_branch` is an fnmatch pattern; empty: all branches.

    Answers from the stored rows and the platform's copy of the repository; call `refresh` to look at the repository
    itself. `commits` may be given by who has them.
    """
    rows = []
    seen: set[tuple[str, str]] = set()
    built = Build.objects.filter(project=project).select_related("image", "image__registry", "image__only_on", "host")
    for build in built.order_by("-id")[: limit * 4]:
        if not _matches(build.branch, environment_branch):
            continue
        image = getattr(build, "image", None)
        key = (build.revision, build.branch)
        if key in seen and image is None:
            continue  # an older failed or cancelled try of something that has a newer row
        seen.add(key)
        status = str(image.state if image else ("missing" if build.state == Build.State.SUCCEEDED else build.state))
        rows.append(
            Version(
                revision=build.revision,
                branch=build.branch,
                status=status,
                time=build.commit_time,
                author=build.commit_author,
                message=build.commit_message,
                base=image.base if image else "",
                image=image,
                build=build,
            )
        )
    unbuilt_images = Image.objects.filter(project=project, build=None)
    for image in unbuilt_images.select_related("registry", "only_on", "imported")[:limit]:
        if image.branch and not _matches(image.branch, environment_branch):
            continue
        rows.append(
            Version(
                image.revision,
                image.branch,
                str(image.state),
                image.created,
                *_origin(image),
                base=image.base,
                image=image,
            )
        )
        seen.add((image.revision, image.branch))
    if unbuilt:
        for commit in commits if commits is not None else _commits(project, environment_branch):
            if (commit.hash, commit.branch) not in seen:
                rows.append(
                    Version(commit.hash, commit.branch, "not built", commit.time, commit.author, commit.message)
                )
    rows.sort(key=lambda row: (row.time.timestamp() if row.time else 0, row.build.pk if row.build else 0), reverse=True)
    rows = rows[:limit]
    _add_running(rows)
    return rows


def _origin(image: Image) -> tuple[str, str]:
    """Who brought an image that was not built here, and of what."""
    found = getattr(image, "imported", None)
    return (found.created_name, found.note or found.name) if found else ("", "")


def refresh(project: Project) -> None:
    """Brings the platform's copy of the repository up to date. Raises GitError, Refused."""
    git.Repository(source_of(project)).fetch()


def difference(project: Project, old: str, new: str, limit: int = 100) -> list[git.Revision]:
    """The commits that `new` has and `old` has not (both hashes); empty when the repository cannot tell."""
    if not old or not new or old == new:
        return []
    try:
        return git.Repository(source_of(project)).log(old, new, limit)
    except (git.GitError, Refused):
        return []


def deployable(project: Project, environment_branch: str = "") -> list[Image]:
    """The images that may be released, newest first."""
    images = Image.objects.filter(project=project, state=Image.State.DEPLOYABLE).filter(
        Q(build=None) | Q(build__state=Build.State.SUCCEEDED)
    )
    return [
        i for i in images.select_related("registry", "build") if not i.branch or _matches(i.branch, environment_branch)
    ]


def _matches(branch: str, pattern: str) -> bool:
    return not pattern or fnmatchcase(branch, pattern)


def _commits(project: Project, pattern: str) -> list[git.Revision]:
    try:
        repository = git.Repository(source_of(project))
        if not (repository.path / "HEAD").exists():
            return []  # no page waits for a repository that was never fetched
        names = [name for name in repository.branches() if _matches(name, pattern)]
        if not pattern:
            names = [name for name in names if name == project.default_branch] or names[:1]
        return [commit for name in names[:10] for commit in repository.history(name, 20)]
    except (git.GitError, Refused):
        return []


def _add_running(rows: list[Version]) -> None:
    images = [row.image for row in rows if row.image is not None]
    for words_of in guards.RUNNING_WORDS if images else []:
        words = words_of(images)
        for row in rows:
            if row.image is not None:
                row.running += words.get(row.image.pk, [])

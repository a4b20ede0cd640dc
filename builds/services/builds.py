"""The verbs of builds: start one, cancel one."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from builds import around, git
from builds.models import Blueprint, Build, Image, Project
from builds.place import at
from builds.services.blueprints import content_hash, newest_image
from builds.services.projects import source_of
from builds.tasks import run
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.audit.secret_uses import used
from xqplatform.errors import Refused
from xqplatform.work import enqueue

FETCH_SECONDS = 10.0  # at most, that a click waits for a repository
_fetches: dict[str, Future[None]] = {}  # under way, by the copy's path
_fetch_lock = threading.Lock()


def start_build(actor: Actor, project: Project, branch: str = "", revision: str = "", *, again: bool = False) -> Build:
    """Queues a build of a branch's newest commit, or of a commit. Raises Denied, Refused.

    Two builds of one revision are one: the active one is returned, and so is one that succeeded and whose image is still
    there, unless `again`.
    """
    require(actor, "build.start", **at(project), obj=project)
    branch = (branch or project.default_branch).strip()
    if "\0" in branch or len(branch) > 120:
        raise Refused(_("This cannot be the name of a branch."), field="branch", code=400)
    commit = _resolve(project, branch, revision)
    with transaction.atomic():
        Project.objects.select_for_update().get(pk=project.pk)
        same = Build.objects.filter(project=project, revision=commit.hash, branch=branch)
        found = same.filter(state__in=Build.ACTIVE, cancel_requested=False).first()
        if found is None and not again:
            found = same.filter(state=Build.State.SUCCEEDED, image__state=Image.State.DEPLOYABLE).first()
        if found is not None:
            return found
        return _queue(
            actor,
            project,
            project=project,
            branch=branch,
            revision=commit.hash,
            commit_author=commit.author[:250],
            commit_message=commit.message[:20_000],
            commit_time=commit.time,
        )


def fetch_now(actor: Actor, project: Project) -> None:
    """Looks at the repository itself, so that new commits stand in the version list. Raises Denied, Refused."""
    require(actor, "build.start", **at(project), obj=project)
    if project.repository_password:
        used(actor, project, "repository password")
    try:
        _fetch(git.Repository(source_of(project)))
    except git.GitError as error:
        raise Refused(error.message, code=409 if error.retry else 400) from error
    live.bump("builds", f"service:{project.name}")


def _resolve(project: Project, branch: str, revision: str) -> git.Revision:
    field = "revision" if revision else "branch"
    try:
        repository = git.Repository(source_of(project))
        _fetch(repository)
        return repository.resolve(branch, revision)
    except git.GitError as error:
        raise Refused(error.message, field=field, code=409 if error.retry else 400) from error


def _fetch(repository: git.Repository) -> None:
    """Fetches, but nobody waits for a slow server longer than FETCH_SECONDS: the fetch goes on, and is joined by whoever
    comes next. Raises GitError.
    """
    name, language = str(repository.path), translation.get_language()
    with _fetch_lock:
        future = _fetches.get(name)
        if future is None:
            future = _fetches[name] = Future()
            threading.Thread(target=_carry_out, args=(repository, future, name, language), daemon=True).start()
    try:
        future.result(FETCH_SECONDS)
    except TimeoutError:
        words = _("The repository did not answer within %(n)d s. It is still being asked: try again in a moment.")
        raise git.GitError(words % {"n": FETCH_SECONDS}, retry=True) from None


def _carry_out(repository: git.Repository, future: Future[None], name: str, language: str | None) -> None:
    try:
        with translation.override(language):
            repository.fetch()
    except BaseException as error:
        result: BaseException | None = error
    else:
        result = None
    with _fetch_lock:
        del _fetches[name]
    if result is None:
        future.set_result(None)
    else:
        future.set_exception(result)


def start_base_build(actor: Actor, blueprint: Blueprint, *, again: bool = False) -> Build:
    """Queues a build of a base image from its blueprint's newest version. Raises Denied, Refused."""
    require(actor, "base_image.manage", obj=blueprint)
    if not blueprint.base:
        raise Refused(_("This blueprint makes the images of projects: start a build of the project."))
    parent = newest_image(blueprint.parent) if blueprint.parent else None
    if blueprint.parent and parent is None:
        raise Refused(_("The parent «%s» has no image yet: build it first.") % blueprint.parent)
    revision = content_hash(blueprint, parent.digest or parent.image_id if parent else blueprint.parent_reference)
    with transaction.atomic():
        Blueprint.objects.select_for_update().get(pk=blueprint.pk)
        same = Build.objects.filter(blueprint=blueprint, project=None, revision=revision)
        found = same.filter(state__in=Build.ACTIVE, cancel_requested=False).first()
        if found is None and not again:
            found = same.filter(state=Build.State.SUCCEEDED, image__state=Image.State.DEPLOYABLE).first()
        if found is not None:
            return found
        newest = blueprint.versions.first()
        return _queue(
            actor,
            blueprint,
            blueprint=blueprint,
            blueprint_version=blueprint.version,
            branch=f"v{blueprint.version}",
            revision=revision,
            commit_author=newest.author if newest else "",
            commit_message=f"{blueprint.name} v{blueprint.version}",
            commit_time=blueprint.updated,
        )


def _queue(actor: Actor, parent: Project | Blueprint, **fields: Any) -> Build:
    try:
        with transaction.atomic():
            build = Build.objects.create(created_by=actor.user, created_name=actor.name, **fields)
    except IntegrityError:
        # One that is being cancelled still holds the revision.
        raise Refused(_("A build of this revision is just being cancelled: try again in a moment.")) from None
    audit.record(actor, "build.start", build, after={"revision": build.revision, "branch": build.branch}, parent=parent)
    around.changed(build)
    live.bump("builds", f"build:{build.pk}", *_service_topics(build))
    enqueue(run, build.pk)
    return build


def cancel_build(actor: Actor, build: Build, reason: str = "") -> Build:
    """Cancels a build at any moment. Raises Denied, and Refused when it is over already."""
    if build.project is not None:
        require(actor, "build.cancel", **at(build.project), obj=build)
    else:
        require(actor, "base_image.manage", obj=build)
    with transaction.atomic():
        asked = Build.objects.filter(pk=build.pk, state__in=Build.ACTIVE).update(cancel_requested=True)
        if not asked:
            raise Refused(_("The build is over already."))
        # Nobody works on it: it is over at once. Otherwise its runner sees the request within a second.
        with translation.override(settings.LANGUAGE_CODE):  # stored: not in the language of who pressed it
            words = _("Cancelled by %s.") % actor.name
        Build.objects.filter(pk=build.pk, state__in=Build.ACTIVE, lease="").update(
            state=Build.State.CANCELLED, finished=timezone.now(), reason=words, retry_at=None
        )
        audit.record(actor, "build.cancel", build, reason=reason, parent=build.project or build.blueprint)
        build.refresh_from_db()
        if not build.active:
            around.changed(build)
        live.bump("builds", f"build:{build.pk}", *_service_topics(build))
    return build


def _service_topics(build: Build) -> list[str]:
    return [f"service:{build.project.name}"] if build.project is not None else []

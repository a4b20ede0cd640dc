"""One build from its claim to its end: place, context, engine, registry, image row.

Any process may die at any moment: what is stored says where to go on. A build whose image stands on its host goes on with
the push; every other one starts again.
"""

from __future__ import annotations

import json
import logging
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import IO, Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from builds import around, contexts, dockerfile, git, masking, notices, queue, tags
from builds.lease import Holder, claim
from builds.models import Build, Image, Project, Registry
from builds.outcomes import Cancelled, Failed, LeaseLost, Wait
from builds.registry import Client, RegistryError, auth_of
from builds.services.blueprints import base_blueprint, newest_image, rendered
from builds.services.projects import secrets_of, source_of
from builds.services.registries import check_registry, registry_of
from hosts.engine import Auth, DockerEngine, EngineError, connect, docker_of
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.errors import Refused
from xqplatform.secrets import known

log = logging.getLogger(__name__)
MOST_ATTEMPTS = 5
PUSH_FOR = timedelta(hours=24)  # a registry may be away so long
_AWAY = re.compile(
    r"connection refused|no route to host|i/o timeout|no such host|dial tcp|TLS handshake timeout|unexpected EOF|"
    r"server gave HTTP|connection reset|Client\.Timeout|context deadline|temporarily unavailable|50[0234]\b",
    re.I,
)
_STAGE_ID = re.compile(r"^ ---> ([0-9a-f]{12})$")
SYSTEM = Actor.system("builds")


@dataclass
class Plan:
    """What the build is made of, derived from stored rows each time."""

    dockerfile: str  # path in the context
    context: Callable[[], IO[bytes]]  # made when there is a place to build
    base: str
    parent: Image | None
    arguments: dict[str, str] = field(default_factory=dict)
    auths: dict[str, Auth] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def run(pk: int) -> bool:
    """Takes a build up, if it is free, and works on it until it is over or has to wait. Whether it is over."""
    build = claim(pk)
    if build is None:
        return False
    project = build.project
    secrets = secrets_of(project) if project else {}
    masker = masking.Masker((project.build_arguments if project else {}).values(), secrets.values(), known.platform)
    with Holder(build, masker) as holder:
        try:
            if build.cancel_requested:
                raise Cancelled
            _work(holder, secrets)
        except LeaseLost:
            return False
        except Exception as error:
            _end(holder, error)
    return not build.active


def _work(holder: Holder, secrets: dict[str, str]) -> None:
    build = holder.build
    if build.state != Build.State.PUSHING:
        holder.progress = {}
        plan = _plan(build, holder, secrets)
        host = queue.place(build, plan.parent.only_on if plan.parent and not plan.parent.registry_id else None)
        if build.attempts:
            holder.say(_("— Started again (try %s) —") % (build.attempts + 1))
        build.host = host
        holder.write(
            attempts=build.attempts + 1,
            started=build.started or timezone.now(),
            tag=tags.make(_name(build), _epoch(build), build.revision, build.branch, plan.base),
            reason="",
            retry_at=None,
        )
        live.bump("builds", f"build:{build.pk}")
        holder.say(_("Building %(tag)s on %(host)s") % {"tag": build.tag, "host": host.name})
        for warning in plan.warnings:
            holder.say(warning)
        for before in around.BEFORE:
            before(around.Moment(build, holder.check, holder.say))
        with plan.context() as context:
            _build(holder, plan, context, docker_of(connect(host)), secrets)
    if build.host is None:
        raise Failed(_("The host that built the image is gone."))
    _push(holder, docker_of(connect(build.host)))


def _name(build: Build) -> str:
    if build.project is not None:
        return build.project.name
    assert build.blueprint is not None
    return f"base/{build.blueprint.name}"


def _epoch(build: Build) -> int:
    return int(build.created.timestamp())


# what to build


def _plan(build: Build, holder: Holder, secrets: dict[str, str]) -> Plan:
    project = build.project
    if project is None:
        return _plan_of_base(build)
    arguments = {**project.build_arguments, **secrets}
    repository = git.Repository(source_of(project))
    try:
        repository.resolve(build.branch, build.revision)
    except git.GitError:
        repository.fetch()
        repository.resolve(build.branch, build.revision)  # raises when it is gone there as well
    if project.blueprint is not None:
        return _plan_of_blueprint(build, project, repository, holder, arguments)
    path = project.dockerfile or "Dockerfile"
    inside = f"{project.subfolder}/{path}" if project.subfolder else path
    data = repository.read(build.revision, inside)
    if data is None:
        raise Failed(_("The repository has no «%s» at this revision.") % inside)
    text = data.decode("utf-8", "replace")
    used: list[Image] = []
    text = dockerfile.replace_parents(text, lambda name: _reference(name, used), arguments)
    image = dockerfile.parent(data.decode("utf-8", "replace"), arguments)
    blueprint = base_blueprint(image)
    parent = next((i for i in used if blueprint and i.blueprint_id == blueprint.pk), None)
    warnings = [
        _("Dockerfile line %(line)s: %(text)s") % {"line": warning.line, "text": warning.text}
        for warning in dockerfile.lint(data.decode("utf-8", "replace"))
    ]
    extra = {path: (text.encode(), 0o644)}

    def context() -> IO[bytes]:
        return contexts.of(repository, build.revision, project.subfolder, extra=extra, keep=path, warn=holder.say)

    base = blueprint.name if blueprint else dockerfile.short_base(image)
    return Plan(path, context, base, parent, arguments, _auths(project, used), warnings)


def _reference(name: str, used: list[Image]) -> str | None:
    """The image that a FROM names, when it is one of our tree."""
    blueprint = base_blueprint(name)
    if blueprint is None:
        return None
    image = newest_image(blueprint)
    if image is None:
        raise Failed(_("The base image «%s» has not been built yet.") % blueprint.name)
    used.append(image)
    return image.reference


def _plan_of_blueprint(
    build: Build, project: Project, repository: git.Repository, holder: Holder, arguments: dict[str, str]
) -> Plan:
    blueprint = project.blueprint
    assert blueprint is not None
    used: list[Image] = []
    parent = _reference(blueprint.parent.name, used) if blueprint.parent else blueprint.parent_reference
    made = rendered(blueprint, parent or "scratch", with_source=True, arguments=arguments)
    extra = {"Dockerfile": (made.dockerfile.encode(), 0o644), **made.files}

    def context() -> IO[bytes]:
        folder = f"{dockerfile.SOURCE}/"
        return contexts.of(repository, build.revision, project.subfolder, extra=extra, prefix=folder, warn=holder.say)

    base = blueprint.parent.name if blueprint.parent else dockerfile.short_base(blueprint.parent_reference)
    return Plan("Dockerfile", context, base, used[0] if used else None, arguments, _auths(project, used))


def _plan_of_base(build: Build) -> Plan:
    blueprint = build.blueprint
    assert blueprint is not None
    used: list[Image] = []
    parent = _reference(blueprint.parent.name, used) if blueprint.parent else blueprint.parent_reference
    made = rendered(blueprint, parent or "scratch", with_source=False)
    files = {"Dockerfile": (made.dockerfile.encode(), 0o644), **made.files}

    def context() -> IO[bytes]:
        return contexts.plain_context(files)

    base = blueprint.parent.name if blueprint.parent else dockerfile.short_base(blueprint.parent_reference)
    return Plan("Dockerfile", context, base, used[0] if used else None, {}, _auths(None, used))


def _auths(project: Project | None, used: list[Image]) -> dict[str, Auth]:
    """Credentials for the parents' registries and for the project's own."""
    found = {}
    for registry in [*(image.registry for image in used), registry_of(project.registry if project else None)]:
        auth = auth_of(registry)
        if auth is not None:
            found[auth.server] = auth
    return found


# on the engine


def _build(holder: Holder, plan: Plan, context: IO[bytes], engine: DockerEngine, secrets: dict[str, str]) -> None:
    build = holder.build
    made: list[str] = []

    def line(text: str) -> None:
        found = _STAGE_ID.match(text.rstrip())
        if found and not holder.step_text.upper().startswith("FROM "):
            made.append(found[1])
        holder.output(text)

    # No labels: each would be a step of its own, and what they would say is in the rows.
    try:
        image = engine.build(
            context,
            dockerfile=plan.dockerfile,
            buildargs=plan.arguments,
            network=build.project.network if build.project else "",
            nocache=bool(secrets),
            auths=plan.auths,
            on_line=line,
            on_stream=lambda stream: _can_stop(holder, stream),
        )
    except EngineError as error:
        holder.check()
        if error.out_of_reach or error.retry:
            raise
        if holder.step_text.upper().startswith("FROM ") and _AWAY.search(error.message):
            raise Wait(_("waiting for the registry: %s") % holder.mask(error.message), 10) from error
        if error.kind == "no_space":
            raise Failed(error.words) from error
        holder.write(failing_step=holder.step_text)
        raise Failed(error.message) from error
    finally:
        holder.on_stop = None
    holder.check()
    image = _without_values(holder, engine, image, plan, secrets)
    if secrets:
        for stage in reversed(made):  # what the builder kept of each step tells the values as well
            if not image.removeprefix("sha256:").startswith(stage):
                _remove(engine, stage)
    holder.progress = {
        **holder.progress,
        "image": image,
        "base": plan.base,
        "parent": plan.parent.pk if plan.parent else None,
    }
    holder.write(state=Build.State.PUSHING, progress=holder.progress)
    live.bump("builds", f"build:{build.pk}")


def _can_stop(holder: Holder, stream: Any) -> None:
    holder.on_stop = stream.stop
    if holder.cancelled or holder.lost:
        stream.stop()


def _ref(build: Build) -> str:
    registry = registry_of(build.project.registry if build.project else None)
    return f"{registry.address}/{build.tag}" if registry else build.tag


def _without_values(holder: Holder, engine: DockerEngine, image: str, plan: Plan, secrets: dict[str, str]) -> str:
    """Tags the image; when its history tells a build argument, it is first written anew without."""
    ref, arguments = _ref(holder.build), plan.arguments
    facts = engine.inspect_image(image).get("Config") or {}
    only_secrets = masking.Masker((), secrets.values())
    shown = json.dumps(
        [facts.get("Env"), facts.get("Labels"), facts.get("Cmd"), facts.get("Entrypoint")], ensure_ascii=False
    )
    if only_secrets.shows_in(shown):
        _remove(engine, image)
        raise Failed(
            _("A build secret would be part of the image (in its ENV, LABEL or command): the image was thrown away.")
        )
    if not arguments or not masking.history_shows(engine.image_history(image), arguments, holder.mask):
        engine.tag(image, ref)
        return image
    holder.say(_("Taking the build arguments out of the image's history"))
    with tempfile.TemporaryFile(dir=settings.DATA_DIR) as saved, tempfile.TemporaryFile(dir=settings.DATA_DIR) as clean:
        answer = engine.call("GET", f"/images/{image}/get", stream=True, timeout=600)
        with answer:
            for piece in answer.iter_content(1 << 20):
                saved.write(piece)
                holder.check()
        saved.seek(0)
        try:
            masking.scrub_archive(saved, clean, ref, set(arguments), holder.mask)
        except ValueError as error:
            _remove(engine, image)
            raise Failed(str(error)) from error
        clean.seek(0)
        engine.call(
            "POST", "/images/load", params={"quiet": 1}, data=clean, timeout=600, repeat=False,
            headers={"Content-Type": "application/x-tar"},
        )  # fmt: skip
    loaded = str(engine.inspect_image(ref)["Id"])
    if masking.history_shows(
        [h for h in engine.image_history(loaded) if masking.MASK not in str(h)], arguments, holder.mask
    ):
        _remove(engine, ref)
        raise Failed(_("The build arguments could not be taken out of the image's history: the image was thrown away."))
    _remove(engine, image)
    return loaded


def _remove(engine: DockerEngine, image: str) -> None:
    try:
        engine.remove_image(image)
    except EngineError as error:
        log.info("Leaving the image %s: %s", image, error)


# to the registry


def _push(holder: Holder, engine: DockerEngine) -> None:
    build = holder.build
    registry = registry_of(build.project.registry if build.project else None)
    if registry is None:
        holder.say(_("No registry is connected: the image stays on %s and runs only there.") % build.host)
        _finish(holder, engine, None, "")
        return
    ref = _ref(build)
    try:
        if not engine.has_image(ref):
            # Somebody tidied up meanwhile (or the default registry is another one now).
            image = str(build.progress.get("image", ""))
            if not image or not engine.has_image(image):
                holder.write(state=Build.State.QUEUED, host=None)
                raise Wait(_("the built image is gone from its host: building it again"), 0)
            engine.tag(image, ref)
        holder.say(_("Pushing %s") % ref)
        digest = engine.push(
            ref, auth_of(registry), on_progress=_Layers(holder), on_stream=lambda stream: _can_stop(holder, stream)
        )
    except EngineError as error:
        holder.check()
        if error.kind == "forbidden":
            raise Failed(error.words) from error
        if error.kind == "no_space":
            raise
        if error.kind == "registry":
            check_registry(registry)
        raise Wait(_("waiting for the registry %(name)s: %(words)s") % {"name": registry.name, "words": error.words},
                   _pause(build)) from error  # fmt: skip
    finally:
        holder.on_stop = None
    holder.check()
    _finish(holder, engine, registry, digest)


def _pause(build: Build) -> float:
    """Seconds until the next try: short at first, at most a minute. Raises Failed after a day."""
    tries = int(build.progress.get("tries", 0))
    if build.started and timezone.now() - build.started > PUSH_FOR:
        raise Failed(_("The registry has been away for a day."))
    build.progress["tries"] = tries + 1
    return min(60.0, 2.0 * 2 ** min(tries, 6))


class _Layers:
    """Adds up the progress of all layers of a push."""

    def __init__(self, holder: Holder) -> None:
        self.holder = holder
        self.layers: dict[str, tuple[int, int]] = {}

    def __call__(self, message: dict[str, Any]) -> None:
        detail, layer = message.get("progressDetail") or {}, str(message.get("id", ""))
        status = str(message.get("status", ""))
        if detail.get("total"):
            self.layers[layer] = (int(detail.get("current", 0)), int(detail["total"]))
        elif layer in self.layers and status in {"Pushed", "Layer already exists"}:
            self.layers[layer] = (self.layers[layer][1], self.layers[layer][1])
        if layer and status in {"Pushed", "Layer already exists"}:
            self.holder.say(f"{layer}: {status}")
        pushed, total = (sum(pair[n] for pair in self.layers.values()) for n in (0, 1))
        if total:
            self.holder.progress = {**self.holder.progress, "pushed": min(pushed, total), "total": total}


# the end


def _finish(holder: Holder, engine: DockerEngine, registry: Registry | None, digest: str) -> None:
    build = holder.build
    facts = engine.inspect_image(_ref(build))
    repository, _colon, tag = build.tag.rpartition(":")
    size = int(facts.get("Size") or 0)
    layers: list[dict[str, Any]] = [{"digest": d} for d in (facts.get("RootFS") or {}).get("Layers") or []]
    if registry is not None:
        try:
            manifest = Client(registry).manifest(repository, digest or tag)
            digest, size = digest or manifest.digest, manifest.size or size
            layers = [{"digest": layer.digest, "size": layer.size} for layer in manifest.layers] or layers
        except RegistryError as error:
            # The engine reached it: only this process does not. What the engine knows is enough.
            holder.say(_("The registry was not asked for the layers' sizes: %s") % error.message)
            if not digest:
                raise Wait(_("waiting for the registry: %s") % error.message, _pause(build)) from error
    for after in around.AFTER:
        after(around.Moment(build, holder.check, holder.say, Build.State.SUCCEEDED))
    holder.say(_("Done: %s") % (digest or facts.get("Id", "")))
    holder.rest()
    holder.flush(last=True)
    with transaction.atomic():
        _over(holder, Build.State.SUCCEEDED, "")
        image, _made = Image.objects.update_or_create(
            build=build,
            defaults={
                "project": build.project,
                "blueprint": build.blueprint or (build.project.blueprint if build.project else None),
                "parent": Image.objects.filter(pk=build.progress.get("parent")).first(),
                "registry": registry,
                "repository": repository,
                "tag": tag,
                "digest": digest,
                "image_id": str(facts.get("Id", "")),
                "only_on": None if registry else build.host,
                "size": size,
                "layers": layers,
                "base": str(build.progress.get("base", "")),
                "branch": build.branch,
                "revision": build.revision,
                "config": facts.get("Config") or {},
            },
        )
        audit.record(
            SYSTEM,
            "build.finish",
            build,
            after={"state": build.state, "digest": image.digest},
            parent=build.project or build.blueprint,
        )


def _over(holder: Holder, state: str, reason: str) -> None:
    build = holder.build
    holder.write(state=state, reason=reason, finished=timezone.now(), retry_at=None, progress=holder.progress)
    Build.objects.filter(pk=build.pk, lease=holder.lease).update(lease="", lease_until=None)
    around.changed(build)
    topics = [f"service:{build.project.name}"] if build.project else []
    live.bump("builds", f"build:{build.pk}", *topics)


def _end(holder: Holder, error: Exception) -> None:
    """What a build that did not succeed becomes: waiting, cancelled, failed or errored."""
    build = holder.build
    try:
        if isinstance(error, Wait) and not (holder.cancelled or holder.lost):
            _wait(holder, error.reason, timezone.now() + timedelta(seconds=error.seconds), quiet=error.quiet)
            return
        state, reason = _verdict(holder, error)
        if state == Build.State.QUEUED:
            _wait(holder, reason, timezone.now() + timedelta(seconds=min(60, 5 * build.attempts)))
            return
        holder.say(reason)
        for after in around.AFTER:
            after(around.Moment(build, lambda: None, holder.say, state))
        holder.rest()
        holder.flush(last=True)
        with transaction.atomic():
            _over(holder, state, reason)
            audit.record(
                SYSTEM,
                "build.finish",
                build,
                after={"state": state},
                reason=reason[:2000],
                parent=build.project or build.blueprint,
            )
            if state in {Build.State.FAILED, Build.State.ERRORED}:
                notices.failed(build, reason)
    except LeaseLost:
        return


def _verdict(holder: Holder, error: Exception) -> tuple[str, str]:
    build = holder.build
    if holder.lost:
        raise LeaseLost
    if holder.cancelled or isinstance(error, Cancelled):
        return Build.State.CANCELLED, _("Cancelled.")
    if isinstance(error, Failed):
        return Build.State.FAILED, holder.mask(str(error))
    if isinstance(error, EngineError):
        if (error.out_of_reach or error.retry) and build.attempts < MOST_ATTEMPTS:
            return Build.State.QUEUED, holder.mask(_("waiting for an engine: %s") % error.words)
        return Build.State.ERRORED, holder.mask(error.words)
    if isinstance(error, git.GitError):
        if error.retry and (timezone.now() - build.created) < timedelta(hours=1):
            return Build.State.QUEUED, holder.mask(_("waiting for the repository: %s") % error.message)
        return Build.State.ERRORED, holder.mask(error.message)
    if isinstance(error, Refused):
        return Build.State.ERRORED, holder.mask(error.message)
    log.exception("Build %s", build.pk, exc_info=error)
    return Build.State.ERRORED, _("The platform itself failed (%s): its log says more.") % type(error).__name__


def _wait(holder: Holder, reason: str, until: datetime, *, quiet: bool = False) -> None:
    """Back into the queue (or to the push), with the reason shown; nothing that was done is lost."""
    build = holder.build
    reason = holder.mask(reason)
    if reason != build.reason and not quiet:
        holder.say(f"— {reason} —")
    holder.rest()
    holder.flush(last=True)
    state = Build.State.PUSHING if build.state == Build.State.PUSHING else Build.State.QUEUED
    fields: dict[str, Any] = {} if state == Build.State.PUSHING else {"host": None}
    holder.write(state=state, reason=reason, retry_at=until, progress={**holder.progress, **_tries(build)}, **fields)
    Build.objects.filter(pk=build.pk, lease=holder.lease).update(lease="", lease_until=None)
    live.bump("builds", f"build:{build.pk}")


def _tries(build: Build) -> dict[str, Any]:
    return {"tries": build.progress["tries"]} if "tries" in build.progress else {}

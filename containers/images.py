"""What an image has inside, looked at on an engine that holds it: a container is made of it, never started, and removed."""

from __future__ import annotations

import logging
import posixpath
import secrets
import time
from typing import Any

from django.utils import timezone

from builds.models import Image
from containers.init_mode import INIT, START_LIST, Facts, kind_of
from containers.models import ImageFacts
from hosts import labels
from hosts.engine import ContainerSpec, Engine, EngineError

log = logging.getLogger(__name__)
EXECUTABLE, FOLDER, LINK = 0o111, 1 << 31, 1 << 27  # bits of the engine's file modes (Go's)
MOST_LINKS = 8
MOST_READ = 4 << 20  # bytes of an init's program that are searched for its name
LIFE = 120.0  # seconds until a container that a dead worker left counts as left behind


def key_of(image: Image) -> str:
    return image.digest or image.image_id


def known(image: Image) -> Facts | None:
    """What was seen of it, if somebody has looked."""
    row = ImageFacts.objects.filter(key=key_of(image)).first() if key_of(image) else None
    return Facts.of(row.facts) if row is not None else None


def ensure(engine: Engine, image: Image) -> Facts:
    """The same; looks now on this engine if nobody has, which must hold the image. Raises EngineError."""
    facts = known(image)
    if facts is None:
        facts = examine(engine, image.reference)
        if key_of(image):
            ImageFacts.objects.update_or_create(
                key=key_of(image), defaults={"facts": facts.to_json(), "looked": timezone.now()}
            )
    return facts


def examine(engine: Engine, reference: str) -> Facts:
    """Looks. Raises EngineError."""
    config = engine.inspect_image(reference).get("Config") or {}
    spec = ContainerSpec(
        name=f"xq-helper-{secrets.token_hex(6)}",
        image=reference,
        command=("-",),  # an image may name no program at all; it is never started
        labels={labels.PLATFORM: labels.installation(), labels.HELPER: str(int(time.time() + LIFE))},
        network="none",
        restart_policy="no",
    )
    made = engine.create(spec)
    try:
        state, target, stat = _look(engine, made, INIT)
        head = b""
        if state == "fine" and kind_of(target, b"") == "other" and int(stat.get("size") or 0) <= MOST_READ:
            head = engine.read_file(made, target, MOST_READ)
        start_list, _target, _stat = _look(engine, made, START_LIST)
    finally:
        try:
            engine.remove(made, force=True)
        except EngineError as error:
            log.info("A helper on %s is swept later: %s", engine.where, error)
    return Facts(
        entrypoint=tuple(config.get("Entrypoint") or ()),
        command=tuple(config.get("Cmd") or ()),
        stop_signal=str(config.get("StopSignal") or ""),
        user=str(config.get("User") or ""),
        init=state,
        init_target=target,
        kind=kind_of(target, head) if state == "fine" else "",
        start_list=start_list,
    )


def _look(engine: Engine, container: str, path: str) -> tuple[str, str, dict[str, Any]]:
    """What lies at the path: how it is, where its links end, the engine's words about that."""
    for _link in range(MOST_LINKS):
        stat = engine.stat_file(container, path)
        if stat is None:
            return "missing", path, {}
        mode, target = int(stat.get("mode") or 0), str(stat.get("linkTarget") or "")
        if mode & LINK and target:
            path = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
            continue
        if mode & FOLDER:
            return "folder", path, stat
        return ("fine" if mode & EXECUTABLE else "not executable"), path, stat
    return "missing", path, {}

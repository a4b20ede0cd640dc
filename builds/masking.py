"""Keeping build arguments and secrets out of what is kept: the log, and the image's own history."""

from __future__ import annotations

import hashlib
import io
import json
import posixpath
import re
import tarfile
from collections.abc import Callable, Iterable
from typing import IO, Any

from django.utils.translation import gettext as _

from xqplatform.secrets.masking import NOTHING
from xqplatform.secrets.masking import Masker as Everywhere

MASK = "•••"
LARGEST_PART = 16 << 20  # bytes of what is read of an image's archive
SHORTEST = 4  # shorter values are everywhere, and hide nothing
_WORDS = {"true", "false", "none", "null", "main", "prod", "release", "test"}
_ARGUMENTS = re.compile(r"^(\|\d+ )(.*?)((?: /bin/sh -c | \[|$).*)", re.S)


class Masker:
    """Replaces values in text; longest first, so that a value that holds another is hidden whole."""

    def __init__(
        self, arguments: Iterable[str] = (), secrets: Iterable[str] = (), more: Callable[[], Everywhere] | None = None
    ) -> None:
        """`more`: asked for what must not be seen anywhere."""
        self._more = more or (lambda: NOTHING)
        secrets = list(secrets)
        self._spelled = Everywhere(secrets)
        values = {v for v in arguments if len(v) >= SHORTEST and v.lower() not in _WORDS}
        for secret in secrets:
            values |= {part for part in (secret, *secret.splitlines()) if len(part.strip()) >= SHORTEST}
        # As JSON and shells spell them as well.
        values |= {json.dumps(v)[1:-1] for v in values} | {json.dumps(v, ensure_ascii=False)[1:-1] for v in values}
        self.pattern = (
            re.compile("|".join(re.escape(v) for v in sorted(values, key=len, reverse=True))) if values else None
        )

    def __call__(self, text: str) -> str:
        text = self.pattern.sub(MASK, text) if self.pattern else text
        return self._more()(self._spelled(text))

    def shows_in(self, text: str) -> bool:
        return bool(self.pattern and self.pattern.search(text)) or self._spelled.shows_in(text)


def history_shows(history: list[dict[str, Any]], names: Iterable[str], masker: Masker) -> bool:
    """Whether a history (of the engine's API) tells a build argument's value."""
    known = set(names)
    for entry in history:
        text = str(entry.get("CreatedBy") or entry.get("created_by") or "")
        if masker.shows_in(text) or (text.startswith("|") and any(f"{name}=" in text for name in known)):
            return True
    return False


def _scrub_step(text: str, names: set[str], masker: Masker) -> str:
    found = _ARGUMENTS.match(text)
    if found and text.startswith("|"):
        # «|2 A=1 B=2 /bin/sh -c make»: the arguments stand before the command, each with its value.
        text = f"{found[1]}{' '.join(f'{name}={MASK}' for name in sorted(names) if f'{name}=' in found[2])}{found[3]}"
    return masker(text)


def scrub_config(config: dict[str, Any], names: set[str], masker: Masker) -> dict[str, Any]:
    """An image's config without the values in its history. What runs (Env, Cmd …) stays as it is."""
    out = dict(config)
    out["history"] = [
        {**entry, "created_by": _scrub_step(str(entry.get("created_by", "")), names, masker)}
        if "created_by" in entry
        else entry
        for entry in config.get("history") or []
    ]
    out.pop("container_config", None)  # the last step's command, with its arguments; nothing reads it
    return out


def scrub_archive(source: IO[bytes], target: IO[bytes], ref: str, names: set[str], masker: Masker) -> str:
    """Copies what an engine's «save» gave, with a clean history, for its «load». Returns the new image's id.

    Raises ValueError when the archive is not as engines write it.
    """
    with tarfile.open(fileobj=source) as old, tarfile.open(fileobj=target, mode="w") as new:
        try:
            (entry,) = json.load(_read(old, "manifest.json"))
            config = json.load(_read(old, entry["Config"]))
        except (KeyError, TypeError) as error:
            raise ValueError(_("The engine saved the image in a form that is not known.")) from error
        clean = json.dumps(scrub_config(config, names, masker), separators=(",", ":")).encode()
        digest = hashlib.sha256(clean).hexdigest()
        done: set[str] = set()
        for layer in entry["Layers"]:
            if layer in done:
                continue
            done.add(layer)
            member = old.getmember(layer)
            if member.issym() or member.islnk():  # older engines save a layer that is there twice as a link
                linked = tarfile.TarInfo(layer)
                linked.type, linked.linkname = tarfile.SYMTYPE, member.linkname
                new.addfile(linked)
                name = _joined(layer, member.linkname)
                if name not in done:
                    done.add(name)
                    new.addfile(_info(name, old.getmember(name).size), old.extractfile(name))
                continue
            new.addfile(_info(layer, member.size), old.extractfile(member))
        for name, data in (
            (f"{digest}.json", clean),
            (
                "manifest.json",
                json.dumps([{"Config": f"{digest}.json", "RepoTags": [ref], "Layers": entry["Layers"]}]).encode(),
            ),
        ):
            new.addfile(_info(name, len(data)), io.BytesIO(data))
    return f"sha256:{digest}"


def _joined(path: str, target: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), target))


def _read(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    found = tar.extractfile(name)
    if found is None or tar.getmember(name).size > LARGEST_PART:
        raise KeyError(name)
    return found


def _info(name: str, size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o644
    return info

"""Dockerfiles: rendered from a blueprint, read to know the parent, and looked over for common mistakes. Pure."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from builds.tags import base_name

FOLDER = ".xq"  # where a blueprint's scripts lie, in the context and in the image
SOURCE = "src"  # where the repository's files lie in a blueprint's context
_ARG = re.compile(r"\$(?:\{(\w+)(?::?[-+]([^}]*))?\}|(\w+))")
_FROM = re.compile(r"(?P<head>\s*FROM\s+(?:--\S+\s+)*)(?P<image>\S+)(?P<tail>(?:\s+AS\s+(?P<name>\S+))?\s*)", re.I)
_SECRET_NAME = re.compile(r"pass(word|wd)?|secret|token|credential|private_?key|api_?key", re.I)

START = """\
#!/bin/sh
# Runs the runtime scripts of all blueprints, the base's first, then the command.
set -e
for script in /.xq/runtime.d/*.sh; do
  if [ -f "$script" ]; then . "$script"; fi
done
if [ "$#" -gt 0 ]; then exec "$@"; fi
"""


@dataclass(frozen=True)
class File:
    path: str  # in the image, absolute
    text: str
    mode: str = "0644"


@dataclass(frozen=True)
class Recipe:
    """What a blueprint says: enough to render it."""

    name: str
    parent: str  # the image that FROM names
    files: tuple[File, ...] = ()
    static_script: str = ""
    runtime_script: str = ""
    depth: int = 0  # its place in the tree: runtime scripts run from the root downwards
    with_source: bool = False  # a project's repository is copied to /app


@dataclass(frozen=True)
class Rendered:
    dockerfile: str
    files: dict[str, tuple[bytes, int]] = field(default_factory=dict)  # path in the context → content, mode


def render(recipe: Recipe, arguments: Iterable[str] = ()) -> Rendered:
    """The Dockerfile of a blueprint and the files of its context. `arguments`: names that the static script may read."""
    lines = [f"# {recipe.name}", f"FROM {recipe.parent}"]
    files: dict[str, tuple[bytes, int]] = {}
    for file in recipe.files:
        files[f"{FOLDER}/files/{file.path.lstrip('/')}"] = (file.text.encode(), int(file.mode, 8))
    if recipe.files:
        lines.append(f"COPY {FOLDER}/files/ /")
    if recipe.with_source:
        lines += [f"COPY {SOURCE}/ /app/", "WORKDIR /app"]
    if recipe.static_script.strip():
        files[f"{FOLDER}/static.sh"] = (_script(recipe.static_script), 0o755)
        lines.append(f"COPY {FOLDER}/static.sh /.xq/static.sh")
        lines += [f"ARG {name}" for name in arguments]
        lines.append('RUN ["/bin/sh", "-e", "/.xq/static.sh"]')
    if recipe.runtime_script.strip():
        name = f"{recipe.depth:02d}-{recipe.name}.sh"
        files[f"{FOLDER}/runtime.sh"] = (_script(recipe.runtime_script), 0o755)
        files[f"{FOLDER}/start.sh"] = (START.encode(), 0o755)
        lines.append(f"COPY {FOLDER}/runtime.sh /.xq/runtime.d/{name}")
        lines.append(f"COPY {FOLDER}/start.sh /.xq/start.sh")
        lines.append('ENTRYPOINT ["/bin/sh", "/.xq/start.sh"]')
    return Rendered("\n".join(lines) + "\n", files)


def _script(text: str) -> bytes:
    return (text.replace("\r\n", "\n").rstrip("\n") + "\n").encode()


# reading


@dataclass(frozen=True)
class Instruction:
    line: int  # from 1
    last: int  # the line it ends on
    word: str
    rest: str


def instructions(text: str) -> list[Instruction]:
    """The instructions of a Dockerfile, continued lines joined, comments and bodies of here-documents left out."""
    found: list[Instruction] = []
    lines = text.splitlines()
    i = 0
    while i < len(lines):
        start = i
        stripped = lines[i].strip()
        i += 1
        if not stripped or stripped.startswith("#"):
            continue
        joined = stripped
        while joined.endswith("\\") and i < len(lines):
            joined = joined[:-1].rstrip()
            following = lines[i].strip()
            i += 1
            joined = f"{joined} \\" if following.startswith("#") else f"{joined} {following}"
        joined = joined.removesuffix("\\").rstrip()
        word, _space, rest = joined.partition(" ")
        for mark in re.findall(r"<<-?\s*[\"']?(\w+)[\"']?", rest) if word.upper() in {"RUN", "COPY", "ADD"} else []:
            while i < len(lines) and lines[i].strip() != mark:
                i += 1
            i += 1
        found.append(Instruction(start + 1, i, word.upper(), rest.strip()))
    return found


def _filled(text: str, values: dict[str, str]) -> str:
    return _ARG.sub(lambda m: values.get(m[1] or m[3], "") or (m[2] or ""), text)


@dataclass(frozen=True)
class Stage:
    line: int
    image: str  # arguments filled in
    name: str


def stages(text: str, arguments: dict[str, str] | None = None) -> list[Stage]:
    """The FROM lines, with the arguments that stand before the first of them filled in."""
    values: dict[str, str] = {}
    found: list[Stage] = []
    for step in instructions(text):
        if step.word == "ARG" and not found:
            name, equals, default = step.rest.partition("=")
            values[name] = (arguments or {}).get(name, default.strip("\"'") if equals else "")
        if step.word == "FROM":
            words = [w for w in step.rest.split() if not w.startswith("--")]
            name = words[2].lower() if len(words) == 3 and words[1].upper() == "AS" else ""
            found.append(Stage(step.line, _filled(words[0], values) if words else "", name))
    return found


def parent(text: str, arguments: dict[str, str] | None = None) -> str:
    """The image that the final stage stands on, through the stages it names; empty when there is no FROM."""
    all_stages = stages(text, arguments)
    if not all_stages:
        return ""
    at, image = len(all_stages) - 1, all_stages[-1].image
    while True:
        earlier = {stage.name: n for n, stage in enumerate(all_stages[:at]) if stage.name}
        if image.lower() not in earlier:
            return image
        at = earlier[image.lower()]
        image = all_stages[at].image


def replace_parents(text: str, known: Callable[[str], str | None], arguments: dict[str, str] | None = None) -> str:
    """The same Dockerfile with `FROM java8V16` naming the image that `known` gives; other lines stay as they are."""
    names: set[str] = set()
    lines = text.split("\n")
    for stage in stages(text, arguments):
        if stage.image.lower() not in names and stage.image.lower() != "scratch":
            reference = known(stage.image)
            found = _FROM.fullmatch(lines[stage.line - 1].rstrip("\r"))
            if reference and found:
                lines[stage.line - 1] = f"{found['head']}{reference}{found['tail']}"
        if stage.name:
            names.add(stage.name)
    return "\n".join(lines)


def short_base(image: str) -> str:
    """The last part of a tag: the name of a base image, or a short name of an image outside the tree."""
    return base_name(image) if image else "none"


# looking over


@dataclass(frozen=True)
class Warning_:
    line: int
    text: str


def lint(text: str) -> list[Warning_]:
    """Common mistakes, as sentences. None of them stops a build."""
    found: list[Warning_] = []
    steps = instructions(text)
    names: set[str] = set()

    def warn(step: Instruction, message: str) -> None:
        found.append(Warning_(step.line, message))

    if not any(step.word == "FROM" for step in steps):
        found.append(Warning_(1, _("There is no FROM: nothing can be built.")))
    for step in steps:
        rest = step.rest
        if step.word == "FROM":
            words = [w for w in rest.split() if not w.startswith("--")]
            image = words[0] if words else ""
            last = image.rpartition("/")[2]
            if image.lower() not in names and image.lower() != "scratch" and "@" not in image and "$" not in image:
                if last.endswith(":latest"):
                    warn(step, _("«latest» is another image tomorrow: name a version."))
                elif ":" not in last and "/" in image:
                    warn(step, _("The parent image has no version: name one."))
            if len(words) == 3:
                names.add(words[2].lower())
        elif step.word == "ADD" and not re.search(r"https?://|\.(tar|tgz|gz|xz|bz2|zst)\b", rest):
            warn(step, _("COPY does the same and hides nothing (ADD unpacks archives and fetches URLs)."))
        elif step.word == "ADD" and re.search(r"https?://", rest):
            warn(step, _("What a URL gives may change, and is not checked."))
        elif step.word == "RUN":
            _lint_run(step, warn)
        elif step.word in {"ENV", "ARG"}:
            for name, value in re.findall(r"([A-Za-z_]\w*)=(\S+)", rest):
                if _SECRET_NAME.search(name) and "$" not in value and value.strip("\"'"):
                    warn(step, _("%s looks like a secret, and everybody who has the image can read it.") % name)
        elif step.word in {"CMD", "ENTRYPOINT"} and not rest.startswith("["):
            warn(step, _("In this form a shell is PID 1 and stop signals do not reach the program: write a list."))
        elif step.word in {"CMD", "ENTRYPOINT"}:
            try:
                json.loads(rest)
            except ValueError:
                warn(step, _("This is no JSON list (double quotes are needed), so it runs as a shell command."))
        elif step.word == "MAINTAINER":
            warn(step, _("MAINTAINER is gone from Dockerfiles: use a LABEL."))
        elif step.word == "WORKDIR" and not rest.startswith(("/", "$", '"/')):
            warn(step, _("A relative WORKDIR depends on the parent's: write it from /."))
    final = max((n for n, step in enumerate(steps) if step.word == "FROM"), default=0)
    for word in ("CMD", "ENTRYPOINT", "HEALTHCHECK"):
        same = [step for step in steps[final:] if step.word == word]
        for step in same[:-1]:
            warn(step, _("Only the last %s counts.") % word)
    return sorted(found, key=lambda w: w.line)


def lint_script(text: str) -> list[Warning_]:
    """The same for a shell script that runs while an image is built: one command a line."""
    found: list[Warning_] = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            step = Instruction(number, number, "SCRIPT", line.strip())
            _lint_run(step, lambda s, message: found.append(Warning_(s.line, message)))
    if "apt" in text and "/var/lib/apt/lists" in text:
        found = [w for w in found if "/var/lib/apt/lists" not in w.text]
    return found


def _lint_run(step: Instruction, warn: Callable[[Instruction, str], None]) -> None:
    rest = step.rest
    if re.search(r"\bsudo\b", rest):
        warn(step, _("sudo is not needed: use USER."))
    if re.search(r"\bapt-get\s+(\S+\s+)*install\b", rest) and not re.search(
        r"\s(-y|-qy|-yq|--yes|--assume-yes|-qqy)\b", rest
    ):
        warn(step, _("apt-get install asks a question and fails: add -y."))
    if re.search(r"\bapt(-get)?\s+.*install\b", rest) and "/var/lib/apt/lists" not in rest:
        warn(step, _("The package lists stay in the layer: end with rm -rf /var/lib/apt/lists/*."))
    if step.word == "RUN" and re.search(r"\bapt-get\s+(-\S+\s+)*update\b", rest) and "install" not in rest:
        warn(step, _("apt-get update in a step of its own is cached, and grows stale: join it with the install."))
    if re.search(r"\b(curl|wget)\b[^|]*\|\s*(ba|da|z)?sh\b", rest):
        warn(step, _("A script from the network runs unseen: fetch a pinned version and check its hash."))
    try:
        words = shlex.split(rest) if not rest.startswith("[") else []
    except ValueError:
        words = []
    if step.word == "RUN" and words[:1] == ["cd"] and "&&" not in rest and ";" not in rest:
        warn(step, _("cd has no effect on the next step: use WORKDIR."))
    if re.search(r"\bchmod\s+(-R\s+)?0?777\b", rest):
        warn(step, _("777 lets every user of the container change it."))

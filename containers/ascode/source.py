"""YAML text into plain data, with the line of every value, and every mistake by its line. Pure.

It reads the core of YAML 1.2: `no`, `on`, `0755` and dates are texts. What a settings file has no use for, and what makes small
files grow (aliases, tags, merges), is refused, so the work is never more than some steps a character.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml
from django.utils.translation import gettext as _

LONGEST = 256 * 1024  # characters
MOST_DOCUMENTS = 50
MOST_VALUES = 20_000
DEEPEST = 12
LONGEST_NUMBER = 18  # digits
MOST_MISTAKES = 50
INT = re.compile(r"[-+]?(0|[1-9][0-9]*)")
FLOAT = re.compile(r"[-+]?[0-9]+\.[0-9]+([eE][-+][0-9]+)?")
UNREADABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
CONSTANTS: dict[str, Any] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
Path = tuple[str | int, ...]
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Mistake:
    """What is wrong, and where: `line` from 1 (0: nowhere in the text), `path` with dots."""

    line: int
    path: str
    message: str

    def __str__(self) -> str:
        where = [_("line %(line)s") % {"line": self.line}] if self.line else []
        where += [self.path] if self.path else []
        return f"{', '.join(where)}: {self.message}" if where else self.message


class Wrong(Exception):
    """The text cannot be used; `mistakes` says why, at least one."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("; ".join(map(str, mistakes)))
        self.mistakes = list(mistakes)[:MOST_MISTAKES]


@dataclass
class Document:
    """One document: its data, its own text, the lines of what it holds, and each plain value as it was written."""

    data: Any = None
    line: int = 1
    text: str = ""
    lines: dict[Path, int] = field(default_factory=dict)
    raw: dict[Path, str] = field(default_factory=dict)

    def line_of(self, path: Path) -> int:
        """The line of what stands at `path`, else of the nearest thing around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, self.line)


def dotted(path: Path) -> str:
    """«hooks.2.url»: lists are counted from 1."""
    return ".".join(str(part + 1) if isinstance(part, int) else part for part in path)


def read(text: str) -> list[Document]:
    """The documents of a text; empty ones are left out. Raises Wrong."""
    _check(text)
    reader = _Reader()
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            reader.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        words = _("This is no YAML: %(problem)s.") % {"problem": str(error.problem or error.context)[:200]}
        raise Wrong([*reader.mistakes, Mistake(mark.line + 1 if mark else 0, "", words)]) from None
    except yaml.YAMLError as error:
        words = _("This is no YAML: %(problem)s.") % {"problem": str(error)[:200]}
        raise Wrong([*reader.mistakes, Mistake(0, "", words)]) from None
    if reader.mistakes:
        raise Wrong(reader.mistakes)
    found = [document for document in reader.documents if document.data is not None]
    if not found:
        raise Wrong([Mistake(0, "", _("There is nothing in it."))])
    lines = text.splitlines(keepends=True)
    starts = [0, *(document.line - 1 for document in found[1:])]  # comments above the first one are part of it
    for document, start, end in zip(found, starts, [*starts[1:], len(lines)], strict=True):
        document.text = "".join(lines[start:end])
    return found


def decode(content: bytes) -> str:
    """An uploaded file as text. Raises Wrong."""
    if len(content) > LONGEST * 4:
        raise Wrong([_too_long()])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Wrong([Mistake(line, "", _("The file is not text in UTF-8."))]) from None


def _too_long() -> Mistake:
    return Mistake(0, "", _("The file is too long: at most %(most)s KiB are read.") % {"most": LONGEST // 1024})


def _check(text: str) -> None:
    if len(text) > LONGEST:
        raise Wrong([_too_long()])
    if found := UNREADABLE.search(text):
        line, char = text.count("\n", 0, found.start()) + 1, ord(found[0])
        raise Wrong([Mistake(line, "", _("A character that no text has: number %(number)s.") % {"number": char})])


@dataclass
class _Box:
    """A list or an object that is being read; `key` is the one whose value comes next, `line` where it stands."""

    value: Any
    path: Path
    key: str | None = None
    at: Path = ()


class _Reader:
    """Builds the documents of the parser's events, without recursion."""

    def __init__(self) -> None:
        self.documents: list[Document] = []
        self.mistakes: list[Mistake] = []
        self.boxes: list[_Box] = []
        self.values = 0

    def take(self, event: Any) -> None:
        line = event.start_mark.line + 1
        match event:
            case yaml.DocumentStartEvent():
                if len(self.documents) >= MOST_DOCUMENTS:
                    self.stop(line, _("At most %(most)s documents in one file.") % {"most": MOST_DOCUMENTS})
                self.documents.append(Document(line=line))
            case yaml.AliasEvent():
                self.stop(line, _("Aliases (*name) are not read: write the value out."))
            case yaml.ScalarEvent() | yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                self.begin(event, line)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self.boxes.pop()

    def stop(self, line: int, message: str) -> None:
        raise Wrong([*self.mistakes, Mistake(line, self.where(), message)])

    def mistake(self, line: int, path: Path, message: str) -> None:
        self.mistakes.append(Mistake(line, dotted(path), message))
        if len(self.mistakes) >= MOST_MISTAKES:
            raise Wrong(self.mistakes)

    def where(self) -> str:
        return dotted(self.boxes[-1].path) if self.boxes else ""

    def begin(self, event: Any, line: int) -> None:
        """A key, or a value."""
        self.values += 1
        if self.values > MOST_VALUES:
            self.stop(line, _("More than %(most)s values in one file.") % {"most": MOST_VALUES})
        if event.anchor:
            self.stop(line, _("Anchors (&name) are not read: write the value out."))
        if event.tag not in (None, "!"):
            self.stop(line, _("Tags (%(tag)s) are not read.") % {"tag": event.tag[:60]})
        box = self.boxes[-1] if self.boxes else None
        if box is not None and isinstance(box.value, dict) and box.key is None:
            self.key(event, line, box)
            return
        path = self.path(box)
        self.documents[-1].lines.setdefault(path, line)
        if isinstance(event, yaml.ScalarEvent):
            self.put(box, self.scalar(event, line, path))
            return
        if len(self.boxes) >= DEEPEST:
            self.stop(line, _("More than %(most)s levels deep.") % {"most": DEEPEST})
        value: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
        self.put(box, value)
        self.boxes.append(_Box(value, path))

    def key(self, event: Any, line: int, box: _Box) -> None:
        if not isinstance(event, yaml.ScalarEvent):
            self.stop(line, _("A name must be plain text."))
        name = str(event.value)
        if "\x00" in name:
            self.stop(line, _("There is a NUL character."))
        if name == "<<" and event.implicit[0]:
            self.stop(line, _("Merges (<<) are not read: write the values out."))
        path = (*box.path, name)
        if name in box.value:
            words = _("«%(name)s» stands twice: first in line %(line)s.")
            self.mistake(line, path, words % {"name": name[:100], "line": self.documents[-1].lines[path]})
        box.key, box.at = name, path
        self.documents[-1].lines[path] = line

    def path(self, box: _Box | None) -> Path:
        if box is None:
            return ()
        return box.at if isinstance(box.value, dict) else (*box.path, len(box.value))

    def put(self, box: _Box | None, value: Any) -> None:
        if box is None:
            self.documents[-1].data = value
        elif isinstance(box.value, dict):
            assert box.key is not None
            box.value[box.key] = value
            box.key = None
        else:
            box.value.append(value)

    def scalar(self, event: Any, line: int, path: Path) -> Any:
        text = str(event.value)
        if "\x00" in text:
            self.mistake(line, path, _("There is a NUL character."))
            return ""
        if not event.implicit[0]:  # in quotes, or a block
            return text
        self.documents[-1].raw[path] = text
        if text in CONSTANTS:
            return CONSTANTS[text]
        whole, broken = INT.fullmatch(text), FLOAT.fullmatch(text)
        if (whole or broken) and len(text) > LONGEST_NUMBER:
            self.mistake(line, path, _("This number has too many digits; put it in quotes if it is text."))
            return 0
        return int(text) if whole else float(text) if broken else text

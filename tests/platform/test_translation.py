"""The Chinese texts are complete and exact: what the sources say, the catalogue has, and the compiled file has the same.

Nothing here needs the gettext tools: sources are read with `ast`, templates with Django's own extractor.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from gettext import GNUTranslations
from pathlib import Path

from django.conf import settings
from django.utils import translation
from django.utils.translation.template import templatize

from xqplatform.celery import app

BASE = Path(__file__).resolve().parent.parent.parent
FOLDER = BASE / "locale/zh_Hans/LC_MESSAGES"
REMEDY = "run `make messages`, translate what is new in locale/zh_Hans, then `make compilemessages`"
ONE = {"_", "gettext", "gettext_lazy", "gettext_noop"}
MANY = {"ngettext", "ngettext_lazy"}
WITH_CONTEXT = {"pgettext", "pgettext_lazy"}
CONTEXT = "\x04"
PLACEHOLDER = re.compile(r"%%|%\(\w+\)[#0\- +]*[\d.]*[a-z]|%[\d.]*[a-z]|\{\w*\}")
LITERAL = r"""u?("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')"""
IN_TEMPLATE = re.compile(rf"\b(?:_|n?gettext)\(\s*{LITERAL}")
IN_TEMPLATE_WITH_CONTEXT = re.compile(rf"\bpgettext\(\s*{LITERAL},\s*{LITERAL}")


@dataclass
class Entry:
    """One text of the catalogue. `texts`: msgid, msgid_plural, msgstr, msgstr[0], as far as they are there."""

    flags: str = ""
    obsolete: bool = False
    texts: dict[str, str] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """Its text; with a context before it as compiled files have it."""
        context = self.texts.get("msgctxt")
        return self.texts["msgid"] if context is None else f"{context}{CONTEXT}{self.texts['msgid']}"

    @property
    def words(self) -> str:
        return self.texts.get("msgstr", "") or self.texts.get("msgstr[0]", "")


@cache
def catalogue() -> list[Entry]:
    """What django.po says, its header (the empty msgid) included."""
    entries = []
    for block in re.split(r"\n\s*\n", (FOLDER / "django.po").read_text(encoding="utf-8").strip()):
        entry, key = Entry(), ""
        for line in block.splitlines():
            if line.startswith(("#~", "#|")):
                entry.obsolete = True
            elif line.startswith("#,"):
                entry.flags += line
            elif match := re.match(r"(msg[a-z_]+(?:\[\d\])?)\s+(\".*\")$", line):
                key = match[1]
                entry.texts[key] = ast.literal_eval(match[2])
            elif line.startswith('"'):
                entry.texts[key] += ast.literal_eval(line)
        entries.append(entry)
    return entries


def texts() -> list[Entry]:
    return [entry for entry in catalogue() if not entry.obsolete and entry.source]


@cache
def nodes(path: Path) -> list[ast.AST]:
    """All of a source's imports and calls."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call | ast.ImportFrom)]


def of_python(path: Path) -> Iterator[str]:
    for node in nodes(path):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = getattr(node.func, "id", "") or getattr(node.func, "attr", "")
        first = node.args[0]
        if name in ONE | MANY and isinstance(first, ast.Constant) and isinstance(first.value, str):
            yield first.value
        if name in WITH_CONTEXT and all(isinstance(a, ast.Constant) for a in node.args[:2]):
            yield CONTEXT.join(ast.literal_eval(a) for a in node.args[:2])


def of_template(path: Path) -> Iterator[str]:
    found = templatize(path.read_text(encoding="utf-8"), origin=str(path))
    for match in IN_TEMPLATE.finditer(found):
        yield ast.literal_eval(match[1])
    for match in IN_TEMPLATE_WITH_CONTEXT.finditer(found):
        yield f"{ast.literal_eval(match[1])}{CONTEXT}{ast.literal_eval(match[2])}"


def python_files() -> list[Path]:
    return [
        path for app in ("xqplatform", "hosts", "builds", "containers") for path in sorted((BASE / app).rglob("*.py"))
    ]


@cache
def in_sources() -> dict[str, str]:
    """Text → one file that says it."""
    found = {text: str(path.relative_to(BASE)) for path in python_files() for text in of_python(path)}
    templates = [*(BASE / "templates").rglob("*.html"), *(BASE / "templates").rglob("*.txt")]
    return found | {text: str(path.relative_to(BASE)) for path in sorted(templates) for text in of_template(path)}


def test_every_text_of_the_sources_is_in_the_catalogue() -> None:
    known = {entry.source for entry in texts()}
    missing = {text: where for text, where in in_sources().items() if text not in known}
    assert not missing, f"{len(missing)} texts are not in the catalogue; {REMEDY}: {missing}"


def test_the_catalogue_has_no_text_that_nobody_says() -> None:
    assert not {entry.source for entry in texts()} - in_sources().keys(), REMEDY
    assert not [entry for entry in catalogue() if entry.obsolete], "no texts of the past, please"


def test_every_text_is_translated_and_none_is_a_guess() -> None:
    assert [entry.source for entry in texts() if not entry.words] == []
    assert [entry.source for entry in catalogue() if "fuzzy" in entry.flags] == []


def test_the_placeholders_agree() -> None:
    wrong = []
    for entry in texts():
        # Where a text counts, the plural has the number; Chinese has one form for both.
        source = entry.texts.get("msgid_plural") or entry.source
        if set(PLACEHOLDER.findall(source)) != set(PLACEHOLDER.findall(entry.words)):
            wrong.append((source, entry.words))
        if re.findall(r"</?\w+", source) != re.findall(r"</?\w+", entry.words):
            wrong.append((source, entry.words))
    assert wrong == []


def test_the_compiled_file_says_what_the_catalogue_says() -> None:
    """It is kept beside the catalogue, so that a fresh machine needs no gettext tools."""
    with (FOLDER / "django.mo").open("rb") as file:
        compiled = GNUTranslations(file)._catalog  # type: ignore[attr-defined]
    said = {(text, 0) if "msgid_plural" in e.texts else text: e.words for e in texts() for text in [e.source]}
    assert {key: words for key, words in compiled.items() if key} == said, "run `make compilemessages`"


def test_texts_are_marked_in_a_way_that_is_found() -> None:
    """The extractor knows `_` and the functions' own names; another alias would leave its texts untranslated."""
    wrong = []
    for path in python_files():
        for node in nodes(path):
            if isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation":
                wrong += [f"{path.name}: {name.asname}" for name in node.names if name.asname not in (None, "_")]
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ONE and node.args:
                wrong += [f"{path.name}:{node.lineno}"] if isinstance(node.args[0], ast.JoinedStr) else []
    assert wrong == []


def test_work_stores_its_sentences_in_one_language() -> None:
    @app.task(name="tests.language")
    def language() -> str | None:
        return translation.get_language()

    try:
        with translation.override("zh-hans"):
            assert language() == settings.LANGUAGE_CODE
            assert translation.get_language() == "zh-hans"
    finally:
        app.tasks.pop("tests.language")


def test_pages_speak_the_language_of_their_reader() -> None:
    with translation.override("zh-hans"):
        assert translation.gettext("Services") == "服务"
        assert translation.ngettext("%(n)d day", "%(n)d days", 1) % {"n": 1} == "1 天"

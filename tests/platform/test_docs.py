"""Docs that fail when they lie: README's table of settings is what the code reads."""

from __future__ import annotations

import re
from pathlib import Path

BASE = Path(__file__).resolve().parent.parent.parent
READS = re.compile(r"""(?:env\.(?:text|number|flag)|(?:\b(?:text|number|flag)))\(\s*["'](XQ_[A-Z_]+)["']""")


def read_by_code() -> set[str]:
    files = [path for app in ("xqplatform", "hosts", "builds", "containers") for path in (BASE / app).rglob("*.py")]
    return {name for path in files for name in READS.findall(path.read_text())}


def documented() -> set[str]:
    return set(re.findall(r"^\| `(XQ_[A-Z_]+)` \|", (BASE / "README.md").read_text(), re.MULTILINE))


def test_every_setting_is_documented_and_every_documented_one_is_read() -> None:
    assert documented() == read_by_code()


def test_settings_are_read_in_one_way() -> None:
    """Through `xqplatform.env`, so that an empty value counts as not set everywhere."""
    files = [path for app in ("xqplatform", "hosts", "builds", "containers") for path in (BASE / app).rglob("*.py")]
    direct = re.compile(r"""environ(?:\.get\(|\[)\s*["']XQ_""")
    assert [str(path.relative_to(BASE)) for path in files if direct.search(path.read_text())] == []


def test_every_make_target_is_explained() -> None:
    targets = re.findall(r"^([a-z-]+):", (BASE / "Makefile").read_text(), re.MULTILINE)
    docs = (BASE / "DEVELOPERS.md").read_text() + (BASE / "README.md").read_text()
    assert [name for name in targets if name != "clean" and f"make {name}" not in docs] == []


def test_links_between_docs_lead_somewhere() -> None:
    for page in (BASE / "README.md", BASE / "DEVELOPERS.md", BASE / "docs/architecture.md"):
        for target in re.findall(r"\]\((?!http)([^)#]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_tests_that_docs_name_exist() -> None:
    named = {
        path for file in (BASE / "docs").glob("*.md") for path in re.findall(r"`(tests/[\w/.]+\.py)`", file.read_text())
    }
    assert named
    assert [path for path in sorted(named) if not (BASE / path).is_file()] == []

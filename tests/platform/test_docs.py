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
    for page in (BASE / "README.md", BASE / "DEVELOPERS.md", BASE / "docs/architecture.md", BASE / "docs/security.md"):
        for target in re.findall(r"\]\((?!http)([^)#]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_tests_that_docs_name_exist() -> None:
    named = {
        path for file in (BASE / "docs").glob("*.md") for path in re.findall(r"`(tests/[\w/.]+\.py)`", file.read_text())
    }
    assert named
    assert [path for path in sorted(named) if not (BASE / path).is_file()] == []


# Level 2 of OWASP's ASVS 4.0.3: section → its requirements.
ASVS = {
    "1.1": "1-7", "1.2": "1-4", "1.4": "1 4 5", "1.5": "1-4", "1.6": "1-4", "1.7": "1-2", "1.8": "1-2", "1.9": "1-2", "1.10": "1",
    "1.11": "1-2", "1.12": "2", "1.14": "1-6",
    "2.1": "1-12", "2.2": "1-3", "2.3": "1-3", "2.4": "1-5", "2.5": "1-7", "2.6": "1-3", "2.7": "1-6", "2.8": "1-7", "2.9": "1-3", "2.10": "1-4",
    "3.1": "1", "3.2": "1-4", "3.3": "1-4", "3.4": "1-5", "3.5": "1-3", "3.7": "1",
    "4.1": "1-3 5", "4.2": "1-2", "4.3": "1-3",
    "5.1": "1-5", "5.2": "1-8", "5.3": "1-10", "5.4": "1-3", "5.5": "1-4",
    "6.1": "1-3", "6.2": "1-6", "6.3": "1-2", "6.4": "1-2",
    "7.1": "1-4", "7.2": "1-2", "7.3": "1 3 4", "7.4": "1-3",
    "8.1": "1-4", "8.2": "1-3", "8.3": "1-8",
    "9.1": "1-3", "9.2": "1-4",
    "10.2": "1-2", "10.3": "1-3",
    "11.1": "1-8",
    "12.1": "1-3", "12.2": "1", "12.3": "1-6", "12.4": "1-2", "12.5": "1-2", "12.6": "1",
    "13.1": "1 3-5", "13.2": "1-3 5 6", "13.3": "1-2", "13.4": "1-2",
    "14.1": "1-4", "14.2": "1-6", "14.3": "2-3", "14.4": "1-7", "14.5": "1-4",
}  # fmt: skip


def level_two() -> list[str]:
    found = []
    for section, numbers in ASVS.items():
        for part in numbers.split():
            first, _, last = part.partition("-")
            found += [f"{section}.{n}" for n in range(int(first), int(last or first) + 1)]
    return found


def asvs_rows() -> list[list[str]]:
    """The cells of the list's rows: numbers, what, how, shown by."""
    lines = (BASE / "docs/security.md").read_text().splitlines()
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in lines
        if re.match(r"\| [0-9]+\.[0-9]+\.", line)
    ]


def test_every_requirement_of_level_two_stands_in_security_once_with_an_answer() -> None:
    assert len(level_two()) == 259
    rows = asvs_rows()
    assert sorted(number for row in rows for number in row[0].split(", ")) == sorted(level_two())
    answers = ("met", "partly", "open", "operator", "not applicable")
    assert [row[0] for row in rows if len(row) != 4 or not row[2].startswith(answers)] == []
    # Who says «met» shows it: only what a browser's own device does cannot be shown here.
    assert [row[0] for row in rows if row[2].startswith("met") and not row[3]] == ["2.8.7"]


def test_what_is_open_is_summed_up() -> None:
    summary = (BASE / "docs/security.md").read_text().partition("## What is open")[2]
    missing = [
        number
        for row in asvs_rows()
        if row[2].startswith("open")
        for number in row[0].split(", ")
        if number not in summary
    ]
    assert missing == ["8.3.6"], "Python gives no way, so there is nothing to do"


def test_tests_that_security_names_exist() -> None:
    named = set(re.findall(r"`(tests/[\w/.]+\.py)::(\w+)`", (BASE / "docs/security.md").read_text()))
    assert len(named) > 100
    missing = [
        f"{path}::{name}"
        for path, name in sorted(named)
        if not (BASE / path).is_file()
        or not re.search(rf"^(async )?def {name}\(", (BASE / path).read_text(), re.MULTILINE)
    ]
    assert missing == []

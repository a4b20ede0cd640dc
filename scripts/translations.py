"""What is not translated yet, as a list to fill in, and back into the catalogue.

python scripts/translations.py missing > todo.json      [{"id": …, "plural": …, "text": ""}, …]
python scripts/translations.py fill todo.json           writes the texts that are not empty
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import polib

CATALOGUE = Path(__file__).resolve().parent.parent / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"


def missing(catalogue: polib.POFile) -> list[polib.POEntry]:
    return [entry for entry in catalogue if not entry.obsolete and (not entry.translated() or entry.fuzzy)]


def fill(catalogue: polib.POFile, rows: list[dict[str, str]]) -> int:
    """How many entries got a text. Raises KeyError for a text that the catalogue does not have."""
    entries = {(entry.msgctxt or "", entry.msgid): entry for entry in catalogue}
    filled = 0
    for row in rows:
        if not row["text"]:
            continue
        entry = entries[row.get("context", ""), row["id"]]
        if entry.msgid_plural:
            entry.msgstr_plural = {0: row["text"]}  # Chinese has one form for all numbers
        else:
            entry.msgstr = row["text"]
        entry.flags = [flag for flag in entry.flags if flag != "fuzzy"]
        entry.previous_msgid = entry.previous_msgid_plural = None
        filled += 1
    return filled


def main(arguments: list[str]) -> int:
    catalogue = polib.pofile(str(CATALOGUE), wrapwidth=0)
    if arguments[:1] == ["fill"]:
        count = sum(fill(catalogue, json.loads(Path(name).read_text())) for name in arguments[1:])
        catalogue.save(str(CATALOGUE))
        sys.stdout.write(f"{count} texts filled in\n")
        return 0
    rows = [
        {"context": e.msgctxt or "", "id": e.msgid, "plural": e.msgid_plural, "text": ""} for e in missing(catalogue)
    ]
    sys.stdout.write(json.dumps(rows, ensure_ascii=False, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

"""Exports that prove themselves: a thousand random tamperings in a file are found and named, without a database."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from xqplatform.audit.chain import canonical, files, statements
from xqplatform.audit.chain.judge import CHANGED, INSERTED, REMOVED, REORDERED, Linked
from xqplatform.audit.chain.keys import Key, PublicKeys

EVENTS, TRIES = 40, 1000
KEY, OTHER = Key.of("k" * 40), Key.of("o" * 40)
PUBLIC = PublicKeys([KEY.public])
Named = tuple[set[str], set[int | None]]


def chain(count: int) -> list[Linked]:
    rows, previous = [], canonical.GENESIS
    for n in range(1, count + 1):
        content = dict.fromkeys(canonical.KEYS, "") | {"time": canonical.time_text("2026-01-02 03:04:05"), "user": n % 3 or None,
            "actor": f"person-{n % 4}", "action": "service.scale", "before": None, "after": {"n": n, "里": [1.5, None]}, "denied": n % 5 == 0}  # fmt: skip
        line = canonical.body(content)
        seal = KEY.seal(line)
        here = canonical.link_hash(n, previous, 100 + n, seal, line)
        rows.append(Linked(n, 100 + n, previous, here, seal, line))
        previous = here
    return rows


ROWS = chain(EVENTS)


def head(first: int = 1, last: int = EVENTS, key: Key = KEY) -> str:
    said = {"first": first, "last": last, "previous": ROWS[first - 1].previous, "hash": ROWS[last - 1].hash}
    return statements.line(statements.signed(key, "export", **said, count=last - first + 1, time="2026-02-01"))


def checkpoint(position: int, key: Key = KEY, **said: Any) -> str:
    found = {
        "position": position,
        "hash": ROWS[min(position, EVENTS) - 1].hash,
        "count": position,
        "time": "",
        "faults": [],
    }
    return statements.line(statements.signed(key, "checkpoint", **(found | said)))


def written(path: Path, lines: list[str]) -> Path:
    data = "".join(f"{line}\n" for line in lines).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def honest(first: int = 1, last: int = EVENTS) -> list[str]:
    return [head(first, last), *(files.event_line(row) for row in ROWS[first - 1 : last])]


# Each gets the lines and a line's number (the first event is line 1, its position too), and says what is to be named.


def change_a_character(dice: random.Random, lines: list[str], n: int) -> Named:
    at = dice.randrange(len(lines[n]))
    lines[n] = lines[n][:at] + chr((ord(lines[n][at]) - 32 + dice.randint(1, 94)) % 95 + 32) + lines[n][at + 1 :]
    return {CHANGED, REMOVED}, {n, None}


def change_a_value(dice: random.Random, lines: list[str], n: int) -> Named:
    lines[n] = (
        lines[n].replace('"denied":', '"denied": ') if dice.random() < 0.2 else lines[n].replace("person-", "mallory-")
    )
    return {CHANGED}, {n, None}


def two_values_for_one_key(dice: random.Random, lines: list[str], n: int) -> Named:
    lines[n] = lines[n].replace('"actor":', '"actor":"mallory","actor":', 1)
    return {CHANGED}, {n, None}


def remove(dice: random.Random, lines: list[str], n: int) -> Named:
    del lines[n]
    return {REMOVED}, {n}


def cut_the_tail(dice: random.Random, lines: list[str], n: int) -> Named:
    del lines[n:]
    return {REMOVED}, {n}


def cut_the_head(dice: random.Random, lines: list[str], n: int) -> Named:
    del lines[1 : n + 1]
    return {REMOVED}, {1}


def twice(dice: random.Random, lines: list[str], n: int) -> Named:
    lines.insert(dice.randint(n + 1, len(lines)), lines[n])
    return {INSERTED}, {n}


def swap(dice: random.Random, lines: list[str], n: int) -> Named:
    other = dice.choice([m for m in range(1, EVENTS + 1) if m != n])
    lines[n], lines[other] = lines[other], lines[n]
    return {REORDERED}, {n, other}


def forged(dice: random.Random, row: Linked, position: int, previous: str) -> Linked:
    content = json.loads(row.body or "") | {"actor": f"mallory-{dice.random()}"}
    line = canonical.body(content)
    here = canonical.link_hash(position, previous, row.event_id, row.seal, line)
    return row._replace(position=position, previous=previous, body=line, hash=here)


def insert_and_move_on(dice: random.Random, lines: list[str], n: int) -> Named:
    """A forged event, and everything behind it computed anew: only the signed end tells."""
    rows = [*ROWS[: n - 1], forged(dice, ROWS[n - 1], n, ROWS[n - 1].previous)]
    for row in ROWS[n - 1 :]:
        here = canonical.link_hash(row.position + 1, rows[-1].hash, row.event_id, row.seal, row.body or "")
        rows.append(row._replace(position=row.position + 1, previous=rows[-1].hash, hash=here))
    lines[1:] = [files.event_line(row) for row in rows]
    if dice.random() < 0.5:
        del lines[-1]
    return {CHANGED}, {EVENTS, EVENTS + 1}


def replace(dice: random.Random, lines: list[str], n: int) -> Named:
    lines[n] = files.event_line(forged(dice, ROWS[n - 1], n, ROWS[n - 1].previous))
    return {CHANGED}, {n, EVENTS}


def change_the_first_line(dice: random.Random, lines: list[str], n: int) -> Named:
    said = json.loads(lines[0]) | {"last": n, "hash": ROWS[n - 1].hash, "count": n}
    lines[0] = head(1, EVENTS, OTHER) if dice.random() < 0.3 or n == EVENTS else statements.line(said)
    del lines[said["last"] + 1 :]
    return {CHANGED}, {None}


TAMPERINGS: list[Callable[[random.Random, list[str], int], Named]] = [
    change_a_character, change_a_value, two_values_for_one_key, remove, cut_the_tail, cut_the_head, twice, swap,
    insert_and_move_on, replace, change_the_first_line,
]  # fmt: skip


def test_a_thousand_tamperings_in_a_file_are_found_and_named(tmp_path: Path) -> None:
    dice = random.Random(2027)
    for number in range(TRIES):
        tamper, lines = dice.choice(TAMPERINGS), honest()
        kinds, positions = tamper(dice, lines, dice.randint(1, EVENTS))
        report = files.verify(written(tmp_path / "export.jsonl", lines), None, PUBLIC)
        told = f"{number} {tamper.__name__} {kinds} {positions}: {[str(f) for f in report.faults]}"
        assert any(fault.kind in kinds and fault.position in positions for fault in report.faults), told


@pytest.mark.parametrize(("first", "last"), [(1, EVENTS), (7, 7), (9, 31)])
@pytest.mark.parametrize("name", ["export.jsonl", "export.jsonl.gz"])
def test_honest_files_verify(tmp_path: Path, name: str, first: int, last: int) -> None:
    marks = written(tmp_path / "marks", [checkpoint(n) for n in (3, 20, 31, 40)])
    report = files.verify(written(tmp_path / name, honest(first, last)), marks, PUBLIC)
    assert report.faults == []
    assert (report.count, report.position, report.hash) == (last - first + 1, last, ROWS[last - 1].hash)


def test_checkpoints_tell_what_was_rewritten_even_with_a_stolen_head(tmp_path: Path) -> None:
    rows = [*ROWS[:9], forged(random.Random(1), ROWS[9], 10, ROWS[9].previous)]
    for row in ROWS[10:]:
        here = canonical.link_hash(row.position, rows[-1].hash, row.event_id, row.seal, row.body or "")
        rows.append(row._replace(previous=rows[-1].hash, hash=here))
    said = json.loads(head()) | {"hash": rows[-1].hash}
    said.pop("signature")
    lines = [
        statements.line({**said, "signature": KEY.sign(canonical.body(said))}),
        *(files.event_line(r) for r in rows),
    ]
    path = written(tmp_path / "export.jsonl", lines)
    assert files.verify(path, None, PUBLIC).good
    report = files.verify(path, written(tmp_path / "marks", [checkpoint(5), checkpoint(20)]), PUBLIC)
    assert [(f.kind, f.position) for f in report.faults] == [(CHANGED, 20)]
    assert "between 5 and 20" in report.faults[0].words


def test_forged_and_broken_checkpoints_are_named(tmp_path: Path) -> None:
    lines = [
        checkpoint(5),
        checkpoint(20, OTHER),
        checkpoint(20).replace('"count":20', '"count":21'),
        "{",
        checkpoint(99),
    ]
    report = files.verify(written(tmp_path / "x", honest()), written(tmp_path / "marks", lines), PUBLIC)
    assert [(f.kind, f.position) for f in report.faults] == [(CHANGED, 20), (CHANGED, 20), (CHANGED, None)]
    assert report.checkpoints == 2
    assert "beyond the end" in report.remarks[0]


@pytest.mark.parametrize(
    "data",
    [b"", b"\n", b"\x00" * 50, b"[" * 9000, b'{"what":"export"}\n', b"\x1f\x8bnonsense", "é".encode(), b"1" * 5000],
)
def test_nonsense_is_no_export(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(data)
    assert not files.verify(path, None, PUBLIC).good


def test_a_torn_gzip_file_is_told(tmp_path: Path) -> None:
    path = written(tmp_path / "x.gz", honest())
    path.write_bytes(path.read_bytes()[:-40])
    assert REMOVED in {f.kind for f in files.verify(path, None, PUBLIC).faults}


def test_the_command_needs_no_database(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without the mark that allows a database, any query fails this test."""
    path = written(tmp_path / "export.jsonl.gz", honest())
    marks = written(tmp_path / "marks", [checkpoint(20)])
    key = tmp_path / "key"
    key.write_text(KEY.public + "\n")
    call_command("audit", "verify", "--file", str(path), "--checkpoints", str(marks), "--public-key", str(key))
    assert "40 events up to position 40" in capsys.readouterr().out
    with pytest.raises(CommandError, match="not as it was written"):
        call_command("audit", "verify", "--file", str(path), "--public-key", OTHER.public)
    for key_text in ("x", "AAAA"):
        with pytest.raises(CommandError, match="cannot be verified"):
            call_command("audit", "verify", "--file", str(path), "--public-key", key_text)
    with pytest.raises(CommandError, match="cannot be verified"):
        call_command("audit", "verify", "--file", str(tmp_path / "none"))

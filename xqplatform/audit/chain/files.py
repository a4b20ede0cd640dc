"""Exports and archives: JSON lines, also gzipped, which prove themselves on any machine. Pure but for reading the file.

The first line is a signed statement (`statements`): which stretch of the chain follows, and the hashes at its ends. Each other line is one
event in its place, spelled in exactly one way: keys sorted, no spaces, ASCII.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from xqplatform.audit.chain import statements
from xqplatform.audit.chain.canonical import body, from_json
from xqplatform.audit.chain.judge import CHANGED, REMOVED, Judge, Linked
from xqplatform.audit.chain.keys import PublicKeys
from xqplatform.audit.chain.reports import Report

LONGEST = 64 << 20  # characters of a line; a longer one is none of ours


def event_line(row: Linked) -> str:
    """An event as a line of a file. Its body must be there."""
    return (
        f'{{"event":{row.body},"form":{row.form},"hash":{json.dumps(row.hash)},"id":{row.event_id},'
        f'"position":{row.position},"previous":{json.dumps(row.previous)},"seal":{json.dumps(row.seal)}}}'
    )


def parsed(text: str) -> Linked | None:
    """The event of a line; None when it is not spelled as `event_line` does."""
    try:
        found = from_json(text)
        row = Linked(
            found["position"],
            found["id"],
            found["previous"],
            found["hash"],
            found["seal"],
            body(found["event"]),
            found["form"],
        )
    except (ValueError, RecursionError, OverflowError, KeyError, TypeError):
        return None
    if not (type(row.position) is int and 0 < row.position < 2**62 and type(row.event_id) is int):
        return None
    if not all(isinstance(one, str) for one in (row.previous, row.hash, row.seal)):
        return None
    return row if event_line(row) == text else None


def lines(path: Path) -> Iterator[str]:
    """The lines of a file, gzipped or not. Raises OSError, EOFError or UnicodeDecodeError for a file that cannot be read."""
    with open(path, "rb") as raw:
        zipped = raw.read(2) == b"\x1f\x8b"
    opener: Any = gzip.open if zipped else open
    stream: IO[str]
    with opener(path, "rt", encoding="ascii", newline="\n") as stream:
        while text := stream.readline(LONGEST):
            yield text.rstrip("\n")


def marks_of(texts: Iterator[str], public: PublicKeys | None, report: Report) -> dict[int, str]:
    """Position → hash of the checkpoints in these lines; what is none, or not genuine, is a fault in the report."""
    marks: dict[int, str] = {}
    for number, text in enumerate(texts, 1):
        found = statements.parse(text, "checkpoint")
        if found is None:
            report.say(CHANGED, None, None, f"line {number} of the checkpoints is no checkpoint.")
        elif public is not None and not statements.genuine(public, found):
            words = f"the signature of the checkpoint in line {number} is not of the keys that are known."
            report.say(CHANGED, found["position"], None, words)
        else:
            marks[found["position"]] = found["hash"]
            report.checkpoints += 1
            if found.get("faults"):
                report.remark(
                    f"The checkpoint at {found['position']} says itself that it found faults: {found['faults']}."
                )
    return marks


def verify(path: Path, checkpoints: Path | None, public: PublicKeys | None) -> Report:
    """Verifies an export or an archive. Raises OSError when a file cannot be opened."""
    report = Report()
    marks = marks_of(lines(checkpoints), public, report) if checkpoints is not None else {}
    if public is None:
        report.remark("No public key was given: signatures were not checked.")
    path.stat()  # one that is not there is no tampering
    texts = lines(path)
    try:
        head = statements.parse(next(texts, ""), "export", "archive")
        if head is None or "first" not in head or "last" not in head or not isinstance(head.get("previous"), str):
            report.say(CHANGED, None, None, "the first line is no signed head of an export.")
            return report
        if public is not None and not statements.genuine(public, head):
            report.say(CHANGED, None, None, "the signature of the first line is not of the keys that are known.")
        judge = Judge(start=head["first"] - 1, previous=head["previous"], last=head["last"], marks=marks)
        for number, text in enumerate(texts, 2):
            row = parsed(text)
            if row is None:
                judge.say(CHANGED, None, None, f"line {number} is not spelled as the platform spells an event.")
            else:
                judge.feed(row)
        judge.end()
        if judge.position == head["last"] and judge.hash != head["hash"]:
            judge.say(CHANGED, judge.position, None, "the signed head of the file names another hash at its end.")
        if judge.position > head["last"]:
            judge.say(CHANGED, head["last"] + 1, None, "the file goes on after the end that its signed head names.")
    except (EOFError, OSError, UnicodeDecodeError) as error:
        report.say(REMOVED, None, None, f"the file cannot be read to its end: {error}")
        return report
    report.take(judge)
    beyond = [position for position in marks if position > head["last"]]
    if beyond:
        report.remark(f"{len(beyond)} checkpoints are beyond the end of this file (up to {max(beyond)}).")
    before = [position for position in marks if position < head["first"] - 1]
    if before:
        report.remark(f"{len(before)} checkpoints are before the beginning of this file.")
    return report

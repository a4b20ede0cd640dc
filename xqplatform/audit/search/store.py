"""The index: which events have which tokens, newest first.

SQLite has an FTS5 table without content or positions, which streams in the order of ids. PostgreSQL's GIN gives all matches at
once, so each row has two more tokens, the blocks of 8,192 and 65,536 ids that it is in, and a search goes from block to
block until it has enough: what it costs is bounded however many events match. Where one condition is rare by itself the rest is
asked for at once: no more than that is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.db import connection

from xqplatform.audit.search.matching import Ask, Clause
from xqplatform.audit.search.words import ANY, SIGNS

SMALL, LARGE = 13, 16  # bits of an id's blocks
MOST_LARGE = 4  # large blocks that are asked at once
# What is asked without blocks gives about so many events at most, and reads about so many keys of its rarest condition.
FEW, RARE = 8_000, 60_000
_SQLITE = [
    # Only spaces part tokens, which are made by `words`.
    "CREATE VIRTUAL TABLE IF NOT EXISTS audit_tokens USING fts5(tokens, content='', columnsize=0, detail=none, "
    f"tokenize=\"ascii tokenchars '{SIGNS}'\")"
]
_POSTGRES = [
    "CREATE TABLE IF NOT EXISTS audit_tokens (event_id bigint PRIMARY KEY, tokens tsvector NOT NULL)",
    "CREATE INDEX IF NOT EXISTS audit_tokens_gin ON audit_tokens USING gin (tokens) WITH (gin_pending_list_limit = 512)",
]


def sqlite() -> bool:
    return connection.vendor == "sqlite"


def ensure(**_: Any) -> None:
    """Makes the table where it is missing (after `migrate`)."""
    with connection.cursor() as cursor:
        for statement in _SQLITE if sqlite() else _POSTGRES:
            cursor.execute(statement)


def put(documents: list[tuple[int, list[str]]]) -> None:
    """Adds tokens of events that are not in it yet."""
    if sqlite():
        rows: list[tuple[Any, Any]] = [(pk, " ".join(tokens)) for pk, tokens in documents]
        statement = "INSERT INTO audit_tokens (rowid, tokens) VALUES (%s, %s)"
    else:
        rows = [(pk, [*tokens, f"s={pk >> SMALL}", f"l={pk >> LARGE}"]) for pk, tokens in documents]
        statement = "INSERT INTO audit_tokens (event_id, tokens) VALUES (%s, array_to_tsvector(%s)) ON CONFLICT (event_id) DO NOTHING"
    with connection.cursor() as cursor:
        cursor.executemany(statement, rows)


def forget(below: int) -> None:
    """Lets go what is older. FTS5 without content cannot."""
    if not sqlite():
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM audit_tokens WHERE event_id < %s", [below])


def ids(ask: Ask, limit: int, *, below: int | None = None, above: int = 0) -> Iterator[int]:
    """Keys of matching events with `above <= key < below`, newest first, at most `limit`."""
    if limit > 0 and not ask.impossible:
        yield from (_sqlite_ids if sqlite() else _postgres_ids)(ask, limit, below, above)


def _piece(text: str) -> str:
    return "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"


def _pieces(ask: Ask, key: str) -> tuple[str, list[str]]:
    """Conditions on the words of a document, which only candidates are asked."""
    held = [
        f"w.words {'NOT ' if far else ''}LIKE %s ESCAPE '\\'" for far, p in ((0, ask.near), (1, ask.far)) for _ in p
    ]
    if not held:
        return "", []
    where = f" AND EXISTS (SELECT 1 FROM audit_indexed w WHERE w.event_id = {key} AND {' AND '.join(held)})"  # noqa: S608
    return where, [_piece(text) for text in (*ask.near, *ask.far)]


def _any_of(clauses: tuple[Clause, ...], quote: Callable[[str], str], both: str, either: str) -> str:
    """One side of one of the clauses."""
    return "(" + either.join(f"({both.join(map(quote, side))})" for one in clauses for side in one) + ")"


def formula(ask: Ask, quote: Callable[[str], str], both: str, either: str, without: str) -> str:
    """Pure: the boolean expression of an ask, in a database's spelling of «and», «or» and «and not»."""
    must = both.join(_any_of((one,), quote, both, either) for one in ask.must) or quote(
        ANY
    )  # a query cannot begin with «not»
    return f"({must}){without}{_any_of(ask.never, quote, both, either)}" if ask.never else must


def _sqlite_ids(ask: Ask, limit: int, below: int | None, above: int) -> Iterator[int]:
    match = formula(ask, lambda token: '"' + token.replace('"', '""') + '"', " AND ", " OR ", " NOT ")
    pieces, values = _pieces(ask, "t.rowid")
    upper, more = (" AND t.rowid < %s", [below]) if below is not None else ("", [])
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT t.rowid FROM audit_tokens t WHERE audit_tokens MATCH %s AND t.rowid >= %s{upper}{pieces}"  # noqa: S608
            " ORDER BY t.rowid DESC LIMIT %s",
            [match, above, *more, *values, limit],
        )
        found = cursor.fetchall()
    yield from (row[0] for row in found)


def _postgres_ids(ask: Ask, limit: int, below: int | None, above: int) -> Iterator[int]:
    def quote(token: str) -> str:
        return "'" + token.replace("\\", "\\\\").replace("'", "''") + "'"

    wanted = formula(ask, quote, " & ", " | ", " & !")
    pieces, values = _pieces(ask, "f.event_id")
    with connection.cursor() as cursor:
        if below is None:
            cursor.execute("SELECT max(event_id) FROM audit_tokens")
            below = (cursor.fetchone()[0] or 0) + 1
        width, scanned, got, rarest = 0, 0, 0, -1
        above = max(above, 0)
        while below > above and got < limit:
            if scanned and rarest < 0:
                rarest = _rarest(cursor, [_any_of((one,), quote, " & ", " | ") for one in ask.must])
            if scanned and at_once(got, scanned, below - above, rarest):
                asked, lower = wanted, above
            else:
                block, lower = window(below, above, width)
                asked = f"({' | '.join(map(quote, block))}) & {wanted}"
            # Materialized: the planner shall not walk along the ids in the hope of soon having enough.
            cursor.execute(
                "WITH f AS MATERIALIZED (SELECT event_id FROM audit_tokens WHERE tokens @@ %s::tsquery)"  # noqa: S608
                f" SELECT event_id FROM f WHERE event_id < %s AND event_id >= %s{pieces} ORDER BY event_id DESC LIMIT %s",
                [asked, below, above, *values, limit - got],
            )
            found = [row[0] for row in cursor.fetchall()]
            yield from found
            got, scanned, below = got + len(found), scanned + below - lower, lower
            width = wide(got, scanned, limit - got)


def _rarest(cursor: Any, conditions: list[str]) -> int:
    """About how many events the rarest of the conditions holds for, as the database's statistics say."""
    found = []
    for condition in conditions:
        cursor.execute("EXPLAIN (FORMAT JSON) SELECT FROM audit_tokens WHERE tokens @@ %s::tsquery", [condition])
        found.append(int(cursor.fetchone()[0][0]["Plan"]["Plan Rows"]))
    return min(found, default=2**62)


def at_once(found: int, scanned: int, left: int, rarest: int) -> bool:
    """Pure: whether the ids that are left are asked without blocks."""
    return rarest <= RARE and found * left <= FEW * scanned


def window(below: int, above: int, width: int) -> tuple[list[str], int]:
    """Pure: the tokens of blocks that hold the newest ids under `below`, and where they begin.

    Width 0 is a small block; else it is the rest of a large one, or so many whole large ones.
    """
    last = below - 1
    if width and below % (1 << LARGE) == 0:
        first = max((below >> LARGE) - width, above >> LARGE)
        return [f"l={number}" for number in range(first, below >> LARGE)], first << LARGE
    small = last >> SMALL
    first = small if not width else max(last >> LARGE << (LARGE - SMALL), above >> SMALL)
    return [f"s={number}" for number in range(first, small + 1)], first << SMALL


def wide(found: int, scanned: int, missing: int) -> int:
    """Pure: how many large blocks shall hold what is missing, when they are like those before."""
    if not found:
        return MOST_LARGE
    return min(max((missing * scanned // found) >> LARGE, 1), MOST_LARGE)

"""All that a database holds: of each table what is really stored, and the dump that its own tool makes."""

from __future__ import annotations

import sqlite3
import subprocess
import zlib
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from django.db import connection

from scripts.postgres import program
from tests.faults.workers import database_url


def tables() -> Iterator[tuple[str, str]]:
    """What every table really holds; what is compressed is unpacked."""
    with connection.cursor() as cursor:
        virtual = set()
        if connection.vendor == "sqlite":  # what a full-text index holds is in tables of its own, which are read, too
            cursor.execute("SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL TABLE%'")
            virtual = {name for (name,) in cursor.fetchall()}
        for table in sorted({*connection.introspection.table_names(cursor)} - virtual):
            cursor.execute(f'SELECT * FROM "{table}"')
            for row in cursor.fetchall():
                yield f"table {table}", " ".join(map(readable, row))


def readable(value: Any) -> str:
    if not isinstance(value, bytes | memoryview):
        return str(value).replace('\\"', '"')
    data = bytes(value)
    for bits in (zlib.MAX_WBITS, -zlib.MAX_WBITS, zlib.MAX_WBITS | 16):
        try:
            return zlib.decompress(data, bits).decode("utf-8", "replace")
        except zlib.error:
            continue
    return data.decode("utf-8", "replace")


def dump() -> str:
    """As a backup would hold it: SQLite's dump, or that of `pg_dump` (COPY of all tables where it is not installed)."""
    if connection.vendor == "sqlite":
        with closing(sqlite3.connect(":memory:")) as copy:
            connection.connection.backup(copy)
            # Indexes of full text cannot be dumped; their tables are among those above.
            virtual = "SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL TABLE%'"
            for (name,) in copy.execute(virtual).fetchall():
                copy.execute(f'DROP TABLE "{name}"')
            return "\n".join(copy.iterdump())
    tool = program("pg_dump")
    if tool is None:
        return "\n".join(_copied())
    ran = subprocess.run([tool, "--dbname", database_url()], check=True, capture_output=True, timeout=120)
    return ran.stdout.decode()


def _copied() -> Iterator[str]:
    with connection.cursor() as cursor:
        names = connection.introspection.table_names(cursor)
    for table in names:
        with connection.connection.cursor().copy(f'COPY "{table}" TO STDOUT') as copy:
            yield from (bytes(piece).decode() for piece in copy)

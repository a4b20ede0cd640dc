"""Triggers by which the database itself refuses to change or remove what the audit log holds.

Installed after every `migrate` (also where tables are made without migrations, and after a table was remade). They compare
what is there with what is wanted, so running again costs one query.
"""

# ruff: noqa: S608 (tables and columns are ours, nothing comes from outside)
from __future__ import annotations

import re
from typing import Any

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

EVENT, LINK, UNLINKED, CHECKPOINT = "audit_event", "audit_link", "audit_unlinked", "audit_checkpoint"
KEYS = {EVENT: "id", LINK: "position", CHECKPOINT: "position"}
KEPT = tuple(KEYS)
ARCHIVE = "audit_archive"
# The one door for removals: an archive's row says «removing» in the transaction that removes exactly what it holds (`archives`).
_OPEN = f"SELECT 1 FROM {ARCHIVE} a WHERE a.state = 'removing' AND"
DOORS = {
    EVENT: f"EXISTS ({_OPEN} (SELECT l.position FROM {LINK} l WHERE l.event_id = OLD.id) BETWEEN a.first AND a.last)",
    LINK: f"EXISTS ({_OPEN} OLD.position BETWEEN a.first AND a.last)",
    CHECKPOINT: "",
}
REFUSAL = "the audit log is append-only"


def _unless(table: str) -> str:
    return f"WHEN NOT {DOORS[table]} " if DOORS[table] else ""


def _sqlite() -> dict[str, str]:
    found = {}
    for table in KEPT:
        found[f"{table}_no_update"] = (
            f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
        )
        found[f"{table}_no_delete"] = (
            f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} {_unless(table)}"
            f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
        )
        # INSERT OR REPLACE removes a row without asking the trigger above.
        key = KEYS[table]
        found[f"{table}_no_replace"] = (
            f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} "
            f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {key} = NEW.{key}) BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
        )
    found[f"{EVENT}_waits"] = (
        f"CREATE TRIGGER {EVENT}_waits AFTER INSERT ON {EVENT} "
        f"BEGIN INSERT INTO {UNLINKED} (event_id) VALUES (NEW.id); END"
    )
    return found


_POSTGRESQL_FUNCTIONS = f"""
CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'restrict_violation'; END $$;
CREATE OR REPLACE FUNCTION audit_waits() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO {UNLINKED} (event_id) VALUES (NEW.id); RETURN NULL; END $$;
""" + "".join(
    f"CREATE OR REPLACE FUNCTION {table}_refuse_delete() RETURNS trigger LANGUAGE plpgsql AS $$ "
    f"BEGIN IF {DOORS[table] or 'FALSE'} THEN RETURN OLD; END IF; "
    f"RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'restrict_violation'; END $$;"
    for table in KEPT
)


# What each of them does, as PostgreSQL keeps it: a trigger whose function was gutted refuses nothing.
_BODIES = {
    name: body for name, body in re.findall(r"FUNCTION (\w+)\(\).*?\$\$(.*?)\$\$", _POSTGRESQL_FUNCTIONS, re.DOTALL)
}


def _postgresql() -> dict[str, str]:
    found = {}
    for table in KEPT:
        found[f"{table}_no_update"] = (
            f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION audit_refuse()"
        )
        found[f"{table}_no_delete"] = (
            f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} FOR EACH ROW "
            f"EXECUTE FUNCTION {table}_refuse_delete()"
        )
        found[f"{table}_no_truncate"] = (
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()"
        )
    found[f"{EVENT}_waits"] = (
        f"CREATE TRIGGER {EVENT}_waits AFTER INSERT ON {EVENT} FOR EACH ROW EXECUTE FUNCTION audit_waits()"
    )
    return found


def wanted(connection: BaseDatabaseWrapper) -> dict[str, str]:
    """Name → statement, for this kind of database. Raises NotImplementedError for one that we do not know."""
    if connection.vendor == "sqlite":
        return _sqlite()
    if connection.vendor == "postgresql":
        return _postgresql()
    raise NotImplementedError(f"The audit log has no triggers for {connection.vendor}.")


def present(connection: BaseDatabaseWrapper) -> dict[str, str]:
    """The triggers of these tables that the database has: name → its statement (PostgreSQL: what we noted as comment)."""
    tables = ", ".join(f"'{table}'" for table in (*KEPT, UNLINKED))
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(f"SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name IN ({tables})")
        else:
            cursor.execute(
                "SELECT t.tgname, CASE WHEN t.tgenabled = 'O' THEN obj_description(t.oid, 'pg_trigger') END "
                "FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
                f"WHERE NOT t.tgisinternal AND n.nspname = current_schema() AND c.relname IN ({tables})"
            )
        return {name: statement or "" for name, statement in cursor.fetchall()}


def gutted(connection: BaseDatabaseWrapper) -> list[str]:
    """Names of functions of the triggers that do something else than ours (SQLite's triggers have none)."""
    if connection.vendor != "postgresql":
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.proname, p.prosrc FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace "
            "WHERE n.nspname = current_schema() AND p.proname = ANY(%s)",
            [list(_BODIES)],
        )
        there = dict(cursor.fetchall())
    return [name for name, body in _BODIES.items() if there.get(name) != body]


def missing(connection: BaseDatabaseWrapper) -> list[str]:
    """Names of triggers and their functions that are not there, are switched off, or are others than ours."""
    there = present(connection)
    return [name for name, one in wanted(connection).items() if there.get(name) != one] + gutted(connection)


def install(connection: BaseDatabaseWrapper) -> None:
    """Makes what is missing. Safe to repeat."""
    absent = missing(connection)
    if not absent:
        return
    there, statements = present(connection), wanted(connection)
    with transaction.atomic(connection.alias), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(_POSTGRESQL_FUNCTIONS)
        for name in statements.keys() & set(absent):
            table = _table(name)
            if name in there:
                cursor.execute(_drop(connection, name, table))
            cursor.execute(statements[name])
            if connection.vendor == "postgresql":
                text = statements[name].replace("'", "''")
                cursor.execute(f"COMMENT ON TRIGGER {name} ON {table} IS '{text}'")


def remove(connection: BaseDatabaseWrapper) -> None:
    """Takes the triggers away: only for tests that empty all tables, and for those that tamper."""
    with transaction.atomic(connection.alias), connection.cursor() as cursor:
        for name in present(connection):
            cursor.execute(_drop(connection, name, _table(name)))


def _table(name: str) -> str:
    return next(table for table in KEPT if name.startswith(f"{table}_"))


def _drop(connection: BaseDatabaseWrapper, name: str, table: str) -> str:
    return f"DROP TRIGGER {name}" if connection.vendor == "sqlite" else f"DROP TRIGGER {name} ON {table}"


def after_migrate(using: str, **_: Any) -> None:
    """Django's post_migrate, also after its flush."""
    from django.db import connections

    connection = connections[using]
    there = set(connection.introspection.table_names())
    if there.issuperset((*KEPT, UNLINKED, ARCHIVE)):
        install(connection)

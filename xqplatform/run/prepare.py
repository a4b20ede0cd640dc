"""What must be done before the platform serves: tables, a first log-in, the machine's own engine. Safe to repeat.

A process of its own, so that the supervisor needs no Django. Prints one JSON line: {"password": …, "created": …, "notes": […]}.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import sys
from pathlib import Path

import django

from xqplatform import env
from xqplatform.run import engine

PASSWORD_FILE = "admin-password"  # noqa: S105


def migrate() -> bool:
    """Brings the tables up to date; says whether there was anything to do."""
    from django.core.management import call_command
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    if not executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return False
    call_command("migrate", interactive=False, verbosity=0)
    return True


def first_admin() -> tuple[str, bool]:
    """Makes `admin` when there is nobody yet. Returns the generated password while it still holds («» when chosen or
    changed), and whether the account was made now."""
    from django.db import transaction

    from xqplatform import audit
    from xqplatform.accounts.actor import Actor
    from xqplatform.accounts.models import Role, User
    from xqplatform.accounts.roles import grants

    kept = env.data_dir() / PASSWORD_FILE
    if User.objects.exists():
        return still_valid(kept), False
    chosen = env.text("XQ_ADMIN_PASSWORD")
    password = chosen or secrets.token_urlsafe(9)
    with transaction.atomic():  # not the verb: a chosen password may be any
        admin = User.objects.create_superuser("admin", "", password, role="sre", display_name="Admin")
        audit.record(Actor.system(), "person.create", admin, after={"role": admin.role})
        grants.give(Actor.system(), Role.ADMIN, user=admin, reason="the first person")
    if not chosen:
        kept.unlink(missing_ok=True)
        with os.fdopen(os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f"{password}\n{admin.password}\n")
    return password, True


def still_valid(kept: Path) -> str:
    """The generated password, until it was changed: then the file goes."""
    from xqplatform.accounts.models import User

    try:
        password, stored, *_ = kept.read_text().split("\n")
    except (OSError, ValueError):
        return ""
    if User.objects.filter(username="admin", password=stored).exists():
        return password
    kept.unlink(missing_ok=True)
    return ""


def register_local_engine() -> str:
    """Makes this machine a host when its engine answers; a sentence when that failed."""
    from hosts.services import register_local
    from xqplatform.accounts.actor import Actor

    if not engine.answers():
        return ""
    try:
        register_local(Actor.system())
    except Exception as error:  # the platform starts without it; the page says what is wrong
        return f"The local Docker Engine was not registered: {error}"
    return ""


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "xqplatform.settings")
    with contextlib.redirect_stdout(sys.stderr):
        django.setup()
        migrated = migrate()
        password, created = first_admin()
        note = register_local_engine()
    result = {"password": password, "created": created, "migrated": migrated, "notes": [note] if note else []}
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()

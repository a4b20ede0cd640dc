"""Locks on what is no row, by a number each; they last until the transaction ends."""

from __future__ import annotations

from django.db import connection


def hold(key: int) -> None:
    """Waits until nobody else holds it. SQLite's transactions that write are alone anyway."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [key])

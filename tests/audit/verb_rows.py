"""Rows that the data of several verbs begins with (see verb_data.py)."""

from __future__ import annotations

from typing import Any

from hosts.models import Host, HostOperation, SshAccess
from tests.hosts.ssh_server import new_key


def spare() -> Host:
    return Host.objects.get(name="spare")


def altered(row: Any, **fields: Any) -> Any:
    """The row, from the database, with other values in it."""
    type(row).objects.filter(pk=row.pk).update(**fields)
    return type(row).objects.get(pk=row.pk)


def with_ssh() -> Host:
    """It can be logged in to, and nothing is under way on it."""
    host = spare()
    HostOperation.objects.filter(host=host).delete()
    SshAccess.objects.create(host=host, user="root", address="10.0.0.1", key=new_key()[0])
    return host

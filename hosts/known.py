"""What must not be seen of a host: its keys, beside the platform's own secrets."""

from __future__ import annotations

from collections.abc import Iterator

from hosts.models import Host, SshAccess
from xqplatform.secrets import known
from xqplatform.secrets.columns import Column
from xqplatform.secrets.known import Stored
from xqplatform.secrets.masking import Masker

known.SCOPED |= {
    "hosts.host.key": known.text,
    "hosts.host.ssh_key": known.text,
    "hosts.sshaccess.key": known.text,
    "hosts.authority.key": known.text,
    "hosts.issuedcertificate.key": known.text,
    "hosts.hostoperation.notes": known.nothing,  # of them the operation itself says what to hide
    "hosts.daemonfile.text": known.nothing,
}


def of_host(host: int) -> Masker:
    """Of a host, by its key. Asks the database, at most every two seconds."""
    return known.scoped(f"host:{host}", lambda: _stored(host))


def _stored(host: int) -> Iterator[Stored]:
    mine = [
        (Column(Host, "key"), {"pk": host}),
        (Column(Host, "ssh_key"), {"pk": host}),
        (Column(SshAccess, "key"), {"host": host}),
    ]
    for column, which in mine:
        for token in column.rows().filter(**which).values_list("stored_token", flat=True):
            yield str(column), token

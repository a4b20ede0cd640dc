"""What is kept of registered hosts' instances, as rows: every process knows it, and so does the next start."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db import DatabaseError, InterfaceError, connection
from django.db.models import Exists, OuterRef
from django.utils import timezone

from hosts.lxd.health_states import State
from hosts.lxd.kept import Away, Piece

KEEP = timedelta(days=1)  # that what an instance left is kept after it was last seen
NUL = "\x00"


@contextmanager
def _database() -> Iterator[None]:
    """For any thread: a connection that is opened here is closed here."""
    opened = connection.connection is None
    try:
        yield
    except (DatabaseError, InterfaceError) as error:
        raise Away(str(error)) from error
    finally:
        if opened and not connection.in_atomic_block:
            connection.close()


class Rows:
    """`hosts.lxd.kept.Kept`, see there."""

    def states(self, identities: Iterable[str]) -> dict[str, State]:
        from hosts.models import KeptHealth

        with _database():
            rows = KeptHealth.objects.filter(identity__in=list(identities))
            return {one.identity: State(one.run, one.status, one.streak, said=one.said, code=one.code) for one in rows}

    def put_state(self, identity: str, state: State) -> None:
        from hosts.models import KeptHealth

        values = {"run": state.run[:64], "status": state.status, "streak": state.streak, "code": state.code,
                  "said": state.said.replace(NUL, "")}  # fmt: skip
        with _database():
            KeptHealth.objects.update_or_create(identity=identity[:64], defaults=values)

    def pieces(self, identity: str, after: int) -> list[Piece]:
        from hosts.models import ConsolePiece

        with _database():
            rows = ConsolePiece.objects.filter(identity=identity, pk__gt=after).order_by("pk")
            return [(pk, bytes(said)) for pk, said in rows.values_list("pk", "said")]

    def add_piece(self, identity: str, said: bytes) -> None:
        from hosts.models import ConsolePiece

        with _database():
            ConsolePiece.objects.create(identity=identity[:64], said=said)

    def end_run(self, identity: str, run: str) -> bool:
        from hosts.models import ConsoleEnd

        with _database():
            _row, made = ConsoleEnd.objects.get_or_create(identity=identity[:64], defaults={"run": run[:64]})
            other = ConsoleEnd.objects.filter(identity=identity).exclude(run=run[:64])
            return made or bool(other.update(run=run[:64], read=timezone.now()))

    def drop(self, identity: str, before: int) -> None:
        from hosts.models import ConsolePiece

        with _database():
            ConsolePiece.objects.filter(identity=identity, pk__lt=before).delete()


def tidy() -> int:
    """Forgets what is kept of instances that no host has any more; how many rows."""
    from hosts.models import ConsoleEnd, ConsolePiece, KeptHealth, SeenContainer

    gone = ~Exists(SeenContainer.objects.filter(engine_id=OuterRef("identity")))
    before, removed = timezone.now() - KEEP, 0
    for model, field in ((ConsolePiece, "read"), (ConsoleEnd, "read"), (KeptHealth, "changed")):
        removed += model.objects.filter(gone, **{f"{field}__lt": before}).delete()[0]
    return removed

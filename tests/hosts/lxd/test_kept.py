"""What is kept of instances: in a process and in rows alike."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.utils import timezone

from hosts.lxd.health_states import State
from hosts.lxd.kept import Away, Kept, Memory
from hosts.lxd.kept_rows import Rows, tidy
from hosts.models import ConsoleEnd, ConsolePiece, Host, KeptHealth, SeenContainer

pytestmark = pytest.mark.django_db


@pytest.fixture(params=[Memory, Rows])
def kept(request: pytest.FixtureRequest) -> Kept:
    made: Kept = request.param()
    return made


def test_states(kept: Kept) -> None:
    kept.put_state("a", State("run", "starting", 2, said="no", code=1))
    kept.put_state("a", State("run 2", "healthy", 0, said="yes", code=0))
    assert kept.states(["a", "b"]) == {"a": State("run 2", "healthy", 0, said="yes", code=0)}


def test_pieces(kept: Kept) -> None:
    for said in (b"one\x00\xff", b"two", b"three"):
        kept.add_piece("a", said)
    kept.add_piece("b", b"other")
    (first, one), (second, two), (third, _three) = kept.pieces("a", 0)
    assert (one, two, first < second < third) == (b"one\x00\xff", b"two", True)
    assert [said for _n, said in kept.pieces("a", second)] == [b"three"]
    kept.drop("a", third)
    assert [said for _n, said in kept.pieces("a", 0)] == [b"three"]
    assert kept.pieces("b", 0) != []


def test_the_end_of_a_run_is_read_once(kept: Kept) -> None:
    assert [kept.end_run("a", run) for run in ("1", "1", "2", "2")] == [True, False, True, False]
    assert kept.end_run("b", "2")


def test_what_a_check_says_may_be_anything() -> None:
    Rows().put_state("a", State("run", "healthy", said="\x00雪" * 100, code=0))
    assert Rows().states(["a"])["a"].said == "雪" * 100


def test_a_database_that_is_away_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise DatabaseError("gone")

    monkeypatch.setattr(connection, "cursor", broken)
    with pytest.raises(Away, match="gone"):
        Rows().pieces("a", 0)


def test_what_is_gone_is_forgotten() -> None:
    host = Host.objects.create(name="db-1", address="10.0.0.1:8443", runtime="lxd")
    SeenContainer.objects.create(host=host, engine_id="stays", name="stays", state="running", seen=timezone.now())
    for identity in ("stays", "gone", "new"):
        Rows().put_state(identity, State("run", "healthy"))
        Rows().add_piece(identity, b"hello")
        Rows().end_run(identity, "run")
    old = timezone.now() - timedelta(days=2)
    for model, field in ((KeptHealth, "changed"), (ConsolePiece, "read"), (ConsoleEnd, "read")):
        model._default_manager.exclude(identity="new").update(**{field: old})
    assert tidy() == 3
    assert set(Rows().states(["stays", "gone", "new"])) == {"stays", "new"}
    assert Rows().pieces("stays", 0) != []

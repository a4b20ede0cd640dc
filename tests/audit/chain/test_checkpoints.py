"""Signed checkpoints: cutting the tail shows, also when the database forgot them; exports of a real log verify elsewhere."""

from __future__ import annotations

from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from xqplatform import audit
from xqplatform.accounts.actor import Actor
from xqplatform.audit.chain import checkpoints, files, linking, own, statements, triggers, verifying
from xqplatform.audit.models import Checkpoint, Event, Link, Unlinked

pytestmark = pytest.mark.django_db


@pytest.fixture
def log(actor_sre: Actor) -> list[int]:
    for n in range(12):
        audit.record(actor_sre, "service.scale", None, after={"n": n, "share": n / 3}, reason="里\r\n")
    linking.link()
    return list(Link.objects.order_by("position").values_list("event_id", flat=True))


def test_a_checkpoint_signs_what_is_there_and_waits_for_more(log: list[int], actor_sre: Actor) -> None:
    made = checkpoints.make()
    assert made is not None
    said = statements.parse(made.line, "checkpoint")
    assert said is not None
    assert (said["position"], said["hash"], said["count"], said["faults"]) == (12, linking.head().hash, 12, [])
    assert statements.genuine(own.public(), said)
    assert not checkpoints.due()
    assert checkpoints.make() is None
    audit.record(actor_sre, "logout", None)
    assert checkpoints.make() is not None  # it links first
    assert [statements.parse(line, "checkpoint")["position"] for line in checkpoints.kept_lines()] == [12, 13]  # type: ignore[index]
    report = verifying.database()
    assert (report.good, report.checkpoints) == (True, 2)


def cut(log: list[int], count: int) -> None:
    triggers.remove(connection)
    Event.objects.filter(pk__in=log[-count:]).delete()
    Link.objects.filter(event_id__in=log[-count:]).delete()


def test_cutting_the_tail_shows(log: list[int]) -> None:
    checkpoints.make()
    cut(log, 3)
    assert [(f.kind, f.position) for f in verifying.database().faults] == [("removed", 10)]
    Checkpoint.objects.all().delete()  # the file in the data folder has it still
    assert [(f.kind, f.position) for f in verifying.database().faults] == [("removed", 10)]


def test_a_checkpoint_names_what_the_platform_did_not_write(log: list[int]) -> None:
    checkpoints.make()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit_event (time, actor, via, ip, request_id, action, object_type, object_id, object_name, "
            "parent_type, parent_id, reason, denied, seal) SELECT time, 'mallory', via, ip, request_id, action, object_type, "
            "object_id, object_name, parent_type, parent_id, reason, denied, seal FROM audit_event WHERE id = %s",
            [log[0]],
        )
    assert Unlinked.objects.count() == 1
    made = checkpoints.make()
    assert made is not None
    assert statements.parse(made.line, "checkpoint")["faults"] == [13]  # type: ignore[index]
    faults = verifying.database().faults
    assert {(f.kind, f.position) for f in faults} == {("inserted", 13)}


def test_a_changed_checkpoint_is_named(log: list[int]) -> None:
    made = checkpoints.make()
    assert made is not None
    triggers.remove(connection)
    Checkpoint.objects.update(line=made.line.replace('"count":12', '"count":11'))
    faults = verifying.database().faults
    assert [(f.kind, f.position) for f in faults] == [("changed", 12)]
    assert "signature" in faults[0].words


def test_the_file_gets_what_a_dead_process_did_not_write(log: list[int], data_folder: Path, actor_sre: Actor) -> None:
    checkpoints.make()
    path = data_folder / "audit" / "checkpoints.jsonl"
    assert path.stat().st_mode & 0o777 == 0o600
    whole = path.read_text()
    path.write_text(whole[:50])
    assert checkpoints.make() is None
    assert path.read_text() == whole
    assert verifying.database().good


@pytest.mark.parametrize("position", [None, 2**62 - 1])
def test_a_damaged_last_line_is_told_and_ends_nothing(
    log: list[int], data_folder: Path, actor_sre: Actor, position: int | None
) -> None:
    """Whoever writes a line without a position, or with a huge one, keeps no later checkpoint out of the file."""
    made = checkpoints.make()
    assert made is not None
    forged = statements.parse(made.line, "checkpoint")
    assert forged is not None
    forged["position"] = position
    if position is None:
        del forged["position"]
    path = data_folder / "audit" / "checkpoints.jsonl"
    path.write_text(path.read_text() + statements.line(forged) + "\n")
    audit.record(actor_sre, "logout", None)
    newer = checkpoints.make()
    assert newer is not None
    assert path.read_text().endswith(f"\n{newer.line}\n")
    (fault,) = verifying.database().faults
    assert (fault.kind, fault.position) == ("changed", position)


def test_a_forged_row_beyond_the_chain_is_told_and_stops_no_checkpoint(log: list[int], actor_sre: Actor) -> None:
    made = checkpoints.make()
    assert made is not None
    until = timezone.now() + timedelta(days=400)
    Checkpoint.objects.create(position=2**62 - 1, time=until, line=made.line.replace("12", str(2**62 - 1)))
    audit.record(actor_sre, "logout", None)
    newer = checkpoints.make()
    assert newer is not None
    assert newer.position == 13
    assert {fault.kind for fault in verifying.database().faults} == {"changed"}


CHECKPOINT = st.integers(1, 99).map(
    lambda n: statements.line(
        {"format": statements.FORMAT, "what": "checkpoint", "position": n, "hash": "h", "time": "t",
         "key": "k", "signature": "s" * n}
    ).encode()
)  # fmt: skip
HIGHEST = 60  # the chain is no longer: what says more is forged
NAMELESS = b'{"format":"xq-audit-1","hash":"h","key":"k","signature":"s","time":"t","what":"checkpoint"}'


class Counted(BytesIO):
    count = 0

    def read(self, size: int | None = -1) -> bytes:
        found = super().read(size)
        self.count += len(found)
        return found


@given(
    st.lists(CHECKPOINT | st.just(NAMELESS) | st.binary(max_size=9).map(lambda b: b.replace(b"\n", b""))),
    st.binary(max_size=40),
    st.integers(1, 200),
)
def test_the_end_of_the_file_tells_what_the_whole_of_it_does(lines: list[bytes], torn: bytes, piece: int) -> None:
    torn = torn.replace(b"\n", b"")
    whole = b"".join(line + b"\n" for line in lines)
    found = [statements.parse(line.decode(errors="replace"), "checkpoint") for line in lines]
    last = next((one["position"] for one in reversed(found) if one and one["position"] <= HIGHEST), 0)
    with patch.object(checkpoints, "PIECE", piece):
        assert checkpoints._end(BytesIO(whole + torn), HIGHEST) == (last, len(whole))


def test_a_long_file_is_not_read_whole() -> None:
    line = statements.line(
        {
            "format": statements.FORMAT,
            "what": "checkpoint",
            "position": 7,
            "hash": "",
            "time": "",
            "key": "",
            "signature": "",
        }
    )
    file = Counted((line.encode() + b"\n") * 100_000)
    assert checkpoints._end(file, 7)[0] == 7
    assert file.count == checkpoints.PIECE


def test_another_key_verifies_what_the_former_one_signed(log: list[int], settings: Any, actor_sre: Actor) -> None:
    settings.AUDIT_KEY = "a" * 40
    audit.record(actor_sre, "logout", None)
    checkpoints.make()
    settings.AUDIT_KEY = f"{'b' * 40},{'a' * 40}"
    audit.record(actor_sre, "logout", None)
    checkpoints.make()
    kinds = {f.position for f in verifying.database().faults}
    assert kinds == set(range(1, 13))  # the fixture's events, of a key that is not known any more
    settings.AUDIT_KEY = "short"
    with pytest.raises(ValueError, match="32 characters"):
        audit.record(actor_sre, "logout", None)


def test_an_export_of_the_real_log_verifies_elsewhere(
    log: list[int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoints.make()
    call_command("audit", "export")
    whole = tmp_path / "export.jsonl"
    whole.write_text(capsys.readouterr().out)
    assert files.verify(whole, tmp_path / "audit" / "checkpoints.jsonl", own.public()).count == 12
    call_command("audit", "export", "--since", (timezone.now() - timedelta(days=1)).isoformat())
    lines = capsys.readouterr().out.splitlines(keepends=True)
    whole.write_text("".join(lines[:-2]))
    report = files.verify(whole, None, own.public())
    assert [(f.kind, f.position) for f in report.faults] == [("removed", 12)]
    assert Event.objects.filter(action="audit.export").count() == 2

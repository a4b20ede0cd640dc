"""A thousand random tamperings in the database, with the triggers out of the way: each is found and named. Honest logs verify."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from xqplatform import audit
from xqplatform.accounts.actor import Actor
from xqplatform.audit.chain import canonical, linking, rows, triggers, verifying
from xqplatform.audit.chain.judge import CHANGED, INSERTED, REMOVED, REORDERED
from xqplatform.audit.models import Event, Link

pytestmark = pytest.mark.django_db
EVENTS, TRIES = 24, 1000
Named = tuple[set[str], set[int], set[int]]  # kinds that say it, positions and events of which one is named


def sql(statement: str, *values: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


@pytest.fixture
def log(actor_sre: Actor, actor_dev: Actor, team: Any) -> list[tuple[int, int]]:
    """(position, event) of a log with all sorts of content."""
    dice = random.Random(5)
    for n in range(EVENTS):
        audit.record(
            dice.choice([actor_sre, actor_dev, Actor.system()]),
            dice.choice(["service.scale", "team.change", "login.failed"]),
            dice.choice([None, team]),
            before=dice.choice([None, {"n": n, "share": 1e22, "half": n / 2}, {"里": ["雪球", None, True, -0.0]}]),
            after=dice.choice([None, {"a": 1.5e300, "b": 2**60}, {"x": {"y": [1e-7, "\u2028", '"\\']}}]),
            reason=dice.choice(["", "why not", "多行\r\n第二"]),
            denied=dice.random() < 0.3,
        )
    linking.link()
    triggers.remove(connection)
    return [(row.position, row.event_id) for row in Link.objects.order_by("position")]


def change_a_column(dice: random.Random, log: list[tuple[int, int]]) -> Named:
    position, event = dice.choice(log)
    column, value = dice.choice(
        [
            ("actor", "nobody"), ("via", "x"), ("ip", "192.0.2.1"), ("request_id", "x1"), ("action", "host.remove"),
            ("object_type", "hosts.host"), ("object_id", "77"), ("object_name", "else"), ("parent_type", "p.q"),
            ("parent_id", "9"), ("reason", "because"), ("owner", 4711), ("token", "x"), ("user_id", 4711), ("time", "2020-01-01 00:00:00"),
            ("before", json.dumps({"n": dice.random()})), ("after", json.dumps({"n": 4})), ("after", "[" * 900 + "]" * 900),
            ("denied", None), ("seal", "1.0.0.0"),
        ]
    )  # fmt: skip
    if column == "denied":
        sql("UPDATE audit_event SET denied = NOT denied WHERE id = %s", event)
    else:
        sql(f"UPDATE audit_event SET {column} = %s WHERE id = %s", value, event)
    return {CHANGED}, {position}, {event}


def remove_the_event(dice: random.Random, log: list[tuple[int, int]]) -> Named:
    position, event = dice.choice(log)
    sql("DELETE FROM audit_event WHERE id = %s", event)
    return {REMOVED}, {position}, {event}


def remove_its_link(dice: random.Random, log: list[tuple[int, int]]) -> Named:
    position, event = dice.choice(log)
    sql("DELETE FROM audit_link WHERE position = %s", position)
    return {REMOVED}, {position}, {event}


def remove_both(dice: random.Random, log: list[tuple[int, int]]) -> Named:
    position, event = dice.choice(log[:-1])  # the last one is what checkpoints are for
    sql("DELETE FROM audit_event WHERE id = %s", event)
    sql("DELETE FROM audit_link WHERE position = %s", position)
    return {REMOVED}, {position}, set()


def insert_beside(dice: random.Random, log: list[tuple[int, int]]) -> Named:
    """Without a link, or waiting for one as if the platform had written it."""
    source, forged = dice.choice(log)[1], log[-1][1] + dice.randint(1, 99)
    columns = ", ".join(c for c in rows.COLUMNS if c not in ("id", "actor"))
    who = dice.choice(["mallory", None])  # None: a copy, seal and all
    sql(
        f"INSERT INTO audit_event (id, actor, {columns}) "
        f"SELECT %s, COALESCE(%s, actor), {columns} FROM audit_event WHERE id = %s",
        forged, who, source,
    )  # fmt: skip
    if dice.random() < 0.6:
        sql("INSERT INTO audit_unlinked (event_id) VALUES (%s)", forged)
        if dice.random() < 0.5:
            linking.link()
    return {INSERTED}, set(), {forged}


def forge(position: int, **changes: str) -> None:
    """Changes an event and computes its hash anew, as who knows the form can."""
    link = Link.objects.get(position=position)
    for column, value in changes.items():
        sql(f"UPDATE audit_event SET {column} = %s WHERE id = %s", value, link.event_id)
    row = next(rows.linked(position - 1, position))
    here = canonical.link_hash(position, row.previous, row.event_id, row.seal, row.body or "")
    sql("UPDATE audit_link SET hash = %s WHERE position = %s", here, position)


def change_and_compute_anew(dice: random.Random, log: list[tuple[int, int]]) -> Named:
    position, event = dice.choice(log)
    forge(position, actor="nobody")
    return {CHANGED, INSERTED}, {position}, {event}


def compute_all_that_follows_anew(dice: random.Random, log: list[tuple[int, int]]) -> Named:
    position, event = dice.choice(log)
    forge(position, reason="forged")
    for here, _event in log:
        if here > position:
            before = Link.objects.get(position=here - 1)
            sql("UPDATE audit_link SET previous = %s WHERE position = %s", before.hash, here)
            forge(here)
    return {INSERTED}, {position}, {event}


def change_the_link(dice: random.Random, log: list[tuple[int, int]]) -> Named:
    position, event = dice.choice(log)
    column = dice.choice(["hash", "previous"])
    sql(f"UPDATE audit_link SET {column} = %s WHERE position = %s", f"{dice.getrandbits(256):064x}", position)
    return {CHANGED}, {position, position + 1}, {event}


def swap_links(dice: random.Random, log: list[tuple[int, int]]) -> Named:
    (here, first), (there, second) = sorted(dice.sample(log, 2))
    for position, target in ((here, -1), (there, here), (-1, there)):
        sql("UPDATE audit_link SET position = %s WHERE position = %s", target, position)
    return {REORDERED}, {here, there}, {first, second}


def swap_events(dice: random.Random, log: list[tuple[int, int]]) -> Named:
    (here, first), (there, second) = sorted(dice.sample(log, 2))
    for position, target in ((here, -1), (there, first), (here, second)):
        sql("UPDATE audit_link SET event_id = %s WHERE position = %s", target, position)
    return {REORDERED}, {here, there}, {first, second}


def move_up(dice: random.Random, log: list[tuple[int, int]]) -> Named:
    """Removes an event and lets all later ones move up."""
    position, event = dice.choice(log[:-1])
    sql("DELETE FROM audit_event WHERE id = %s", event)
    sql("DELETE FROM audit_link WHERE position = %s", position)
    for here, _event in log:
        if here > position:
            sql("UPDATE audit_link SET position = %s WHERE position = %s", here - 1, here)
    return {CHANGED, REMOVED, REORDERED}, {position}, set()


TAMPERINGS: list[Callable[[random.Random, list[tuple[int, int]]], Named]] = [
    change_a_column, change_a_column, change_a_column, remove_the_event, remove_its_link, remove_both, insert_beside,
    change_and_compute_anew, compute_all_that_follows_anew, change_the_link, swap_links, swap_events, move_up,
]  # fmt: skip


def test_an_honest_log_verifies(log: list[tuple[int, int]]) -> None:
    triggers.install(connection)
    report = verifying.database()
    assert report.good
    assert (report.count, report.position, report.hash) == (EVENTS, EVENTS, linking.head().hash)


@pytest.mark.timeout(600)
def test_a_thousand_tamperings_are_found_and_named(log: list[tuple[int, int]]) -> None:
    dice = random.Random(2026)
    for number in range(TRIES):
        tamper = dice.choice(TAMPERINGS)
        mark = transaction.savepoint()
        kinds, positions, events = tamper(dice, log)
        report = verifying.database()
        transaction.savepoint_rollback(mark)
        told = f"{number} {tamper.__name__} {kinds} {positions} {events}: {[str(f) for f in report.faults]}"
        assert any(
            fault.kind in kinds and (fault.position in positions or fault.event_id in events) for fault in report.faults
        ), told
    assert verifying.database().faults == []


def test_the_command_names_it_and_fails(log: list[tuple[int, int]], capsys: pytest.CaptureFixture[str]) -> None:
    triggers.install(connection)
    call_command("audit", "verify")
    assert "Nothing was changed" in capsys.readouterr().out
    triggers.remove(connection)
    position, event = log[7]
    Event.objects.filter(pk=event).update(actor="nobody")
    with pytest.raises(CommandError, match="1 faults"):
        call_command("audit", "verify")
    assert f"changed: position {position}, event {event}:" in capsys.readouterr().out

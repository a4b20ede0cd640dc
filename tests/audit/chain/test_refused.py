"""The database itself refuses to change or remove an event, whoever asks."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from xqplatform import audit
from xqplatform.accounts.actor import Actor
from xqplatform.audit.chain import linking, triggers, verifying
from xqplatform.audit.models import Event, Link, Unlinked

pytestmark = pytest.mark.django_db


@pytest.fixture
def event(actor_sre: Actor) -> Event:
    made = audit.record(actor_sre, "team.create", None, after={"title": "Snow"})
    linking.link()
    return made


STATEMENTS = [
    "UPDATE audit_event SET actor = 'nobody'",
    "DELETE FROM audit_event",
    "UPDATE audit_link SET hash = ''",
    "DELETE FROM audit_link",
]
OF_POSTGRESQL = ["TRUNCATE audit_event", "TRUNCATE audit_link, audit_event CASCADE"]
OF_SQLITE = [
    "REPLACE INTO audit_event SELECT * FROM audit_event",
    "INSERT OR REPLACE INTO audit_link SELECT * FROM audit_link",
]


@pytest.mark.parametrize("statement", [*STATEMENTS, *OF_POSTGRESQL, *OF_SQLITE])
def test_sql_is_refused(event: Event, statement: str) -> None:
    foreign = OF_SQLITE if connection.vendor == "postgresql" else OF_POSTGRESQL
    if statement in foreign:
        return
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert Event.objects.get().actor == "sara"
    assert verifying.database().good


def test_the_orm_is_refused_too(event: Event) -> None:
    event.reason = "later"
    for act in (event.save, event.delete, Event.objects.all().delete):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            act()


def test_an_event_stays_when_its_author_goes(event: Event, sre: Any) -> None:
    key = sre.pk
    sre.delete()
    event.refresh_from_db()
    assert (event.user_id, event.actor) == (key, "sara")
    assert verifying.database().good


def test_installing_again_changes_nothing_and_what_is_missing_comes_back(event: Event) -> None:
    assert triggers.missing(connection) == []
    with connection.cursor() as cursor:
        cursor.execute(
            "DROP TRIGGER audit_link_no_update" + (" ON audit_link" if connection.vendor == "postgresql" else "")
        )
    assert triggers.missing(connection) == ["audit_link_no_update"]
    assert not verifying.database().good
    triggers.install(connection)
    triggers.install(connection)
    assert triggers.missing(connection) == []


@pytest.mark.parametrize("name", ["audit_refuse", "audit_event_refuse_delete"])
def test_a_gutted_function_is_seen_and_mended(event: Event, name: str) -> None:
    if connection.vendor != "postgresql":  # SQLite's triggers have no functions
        return
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN OLD; END $$"
        )
    assert triggers.missing(connection) == [name]
    assert not verifying.database().good
    triggers.install(connection)
    assert triggers.missing(connection) == []


@pytest.mark.parametrize("changes", [{"owner": None}, {"owner": 4711}, {"token": None}, {"token": "other (xq_2…)"}])
def test_whom_it_belongs_to_and_which_token_it_was_is_bound_too(changes: dict[str, Any]) -> None:
    Event.objects.create(actor="sara", via="cli", action="service.scale", owner=3, token="ci (xq_1…)")
    linking.link()
    assert verifying.database().good
    triggers.remove(connection)
    Event.objects.update(**changes)
    assert [fault.kind for fault in verifying.database().faults] == ["changed"]


def test_what_has_no_row_can_be_named() -> None:
    assert (
        audit.record(Actor.system(), "login.failed", None, denied=True, name="mary" * 99).object_name
        == ("mary" * 99)[:250]
    )


def test_every_event_waits_for_its_link_until_it_has_it(actor_sre: Actor) -> None:
    for _n in range(3):
        audit.record(actor_sre, "logout", None)
    assert Unlinked.objects.count() == verifying.database().waiting == 3
    assert linking.link() == 3
    assert not Unlinked.objects.exists()
    assert list(Link.objects.values_list("position", flat=True)) == [1, 2, 3]
    assert linking.link() == 0

"""Asking for terminals: who may, why, how many; what cleans up; what is kept for how long. No engine."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.http import Http404
from django.test import Client
from django.utils import timezone

from containers.models import CommandPiece, CommandRun, Terminal, TerminalPiece
from containers.terminal import access, recordings, services
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Membership
from xqplatform.audit.models import Event
from xqplatform.errors import Denied, Refused

pytestmark = pytest.mark.django_db


def opened(actor: Actor, instance: Any) -> Terminal:
    row = services.ask(actor, instance, "x")
    services.begin(actor, row, "e1", "/bin/sh", (80, 24))
    return row


def test_production_wants_a_reason(actor_dev: Actor, instance: Any) -> None:
    with pytest.raises(Refused) as refused:
        services.ask(actor_dev, instance, "  ")
    assert (refused.value.field, refused.value.code) == ("reason", 400)
    instance.place.environment.production = False
    assert services.ask(actor_dev, instance).state == "opening"


def test_it_requires_the_right_in_this_environment(actor_dev: Actor, actor_manager: Actor, instance: Any) -> None:
    Membership.objects.update(environments=["isolated"])
    for actor in (actor_dev, actor_manager):
        with pytest.raises(Denied):
            services.ask(actor, instance, "x")
    assert Event.objects.filter(denied=True, action="service.terminal").count() == 2
    assert not Terminal.objects.exists()


def test_without_a_container_there_is_no_terminal(actor_sre: Actor, instance: Any) -> None:
    instance.containers.update(ended=timezone.now())
    with pytest.raises(Refused, match="No container runs"):
        services.ask(actor_sre, instance, "x")


def test_a_person_has_so_many_and_no_more(actor_dev: Actor, actor_sre: Actor, instance: Any, settings: Any) -> None:
    settings.TERMINALS_A_PERSON = 2
    opened(actor_dev, instance)
    opened(actor_dev, instance)
    with pytest.raises(Refused, match="2 terminals open") as refused:
        services.ask(actor_dev, instance, "x")
    assert refused.value.code == 429
    services.ask(actor_sre, instance, "x")
    services.finish(Terminal.objects.filter(person=actor_dev.user).first().pk, Terminal.Why.EXIT)
    services.ask(actor_dev, instance, "x")


def test_a_ticket_is_good_once_for_its_person_and_for_some_seconds(
    actor_dev: Actor, actor_sre: Actor, instance: Any
) -> None:
    row = services.ask(actor_dev, instance, "x")
    first, second = services.ticket(actor_dev, row.pk), services.ticket(actor_dev, row.pk)
    for ticket in (first, "", "x" * 43):
        with pytest.raises(Refused):
            services.admit(actor_dev, row.pk, ticket)
    with pytest.raises(Http404):
        services.admit(actor_sre, row.pk, second)
    assert services.admit(actor_dev, row.pk, second).pk == row.pk
    with pytest.raises(Refused):
        services.admit(actor_dev, row.pk, second)
    late = services.ticket(actor_dev, row.pk)
    Terminal.objects.update(ticket_until=timezone.now())
    with pytest.raises(Refused):
        services.admit(actor_dev, row.pk, late)
    assert Terminal.objects.filter(ticket__in=[first, second, late]).count() == 0, "only a digest is stored"


def test_only_one_process_opens_it(actor_dev: Actor, instance: Any) -> None:
    row = services.ask(actor_dev, instance, "x")
    services.take(row, "one")
    with pytest.raises(Refused):
        services.take(row, "two")


def test_an_end_is_noted_once_by_whoever_it_was(actor_dev: Actor, actor_sre: Actor, instance: Any) -> None:
    row = opened(actor_dev, instance)
    services.end(actor_sre, row.pk)
    assert access.verdict(Terminal.objects.get(pk=row.pk), "")[0] == "asked"  # type: ignore[index]
    assert services.finish(row.pk, Terminal.Why.ASKED)
    assert not services.finish(row.pk, Terminal.Why.EXIT)
    assert [e.actor for e in Event.objects.filter(action__in=["terminal.close", "terminal.end"]).order_by("pk")] == [
        "sara",
        "terminals",
    ]
    assert Terminal.objects.get().why == "asked"


def test_an_open_terminal_needs_its_log_in(client: Client, actor_dev: Actor, developer: Any, instance: Any) -> None:
    client.force_login(developer)
    key = client.session.session_key
    row = opened(actor_dev, instance)
    Terminal.objects.filter(pk=row.pk).update(engine_id=instance.current.engine_id)

    def why() -> str:
        found = access.verdict(services.rows().get(pk=row.pk), key or "")
        return str(found[0]) if found else ""

    assert why() == ""
    instance.place.service.team.memberships.all().delete()
    assert why() == "rights"
    Membership.objects.create(user=developer, team=instance.place.service.team)
    instance.containers.update(engine_id="another")
    assert why() == "container"
    instance.containers.update(engine_id=row.engine_id)
    assert why() == ""
    developer.set_password("another horse")
    developer.save()
    assert why() == "signed_out"


def test_what_nobody_opened_is_forgotten_and_the_living_are_left_alone(actor_dev: Actor, instance: Any) -> None:
    from xqplatform import leases

    never, held = services.ask(actor_dev, instance, "x"), opened(actor_dev, instance)
    Terminal.objects.filter(pk=held.pk).update(lease=leases.own_text(), lease_until=leases.until())
    assert services.sweep() == 0
    Terminal.objects.update(created=timezone.now() - timedelta(minutes=5))
    assert services.sweep() == 0
    assert Terminal.objects.get(pk=never.pk).why == "never"
    assert Terminal.objects.get(pk=held.pk).state == "open"
    assert not Event.objects.filter(action="terminal.close").exists()


def test_a_recording_is_a_file_of_whole_pieces_and_goes_when_it_is_old(
    client: Client, manager: Any, actor_dev: Actor, instance: Any
) -> None:
    row = opened(actor_dev, instance)
    for number in range(3):
        recordings.store(row.pk, number, json.dumps([number, "o", "雪"]) + "\n", bytes_out=number)
    services.finish(row.pk, Terminal.Why.EXIT)
    client.force_login(manager)
    answer = client.get(f"/terminals/{row.pk}/recording.cast")
    lines = [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]  # type: ignore[attr-defined]
    assert [at for at, _kind, _data in lines[1:]] == [0, 1, 2]
    run = CommandRun.objects.create(
        instance=instance, host=instance.host, who="x", via="page", argv=["x"], timeout=1, state="succeeded", kept=1
    )
    CommandPiece.objects.create(run=run, number=0, text="x")
    assert recordings.tidy() == 0
    Terminal.objects.update(ended=timezone.now() - timedelta(days=181))
    CommandRun.objects.update(ended=timezone.now() - timedelta(days=181))
    assert recordings.tidy() == 2
    assert not TerminalPiece.objects.exists()
    assert not CommandPiece.objects.exists()
    assert Terminal.objects.get().cleared
    assert client.get(f"/terminals/{row.pk}/recording.cast").status_code == 404
    assert recordings.tidy() == 0
    assert "removed" in client.get(f"/terminals/{row.pk}/").content.decode()


def test_whoever_gets_a_recording_is_noted_by_whichever_way(
    client: Client, actor_dev: Actor, manager: Any, sre: Any, instance: Any
) -> None:
    row = opened(actor_dev, instance)
    ways = ((sre, f"/terminals/{row.pk}/recording.cast"), (manager, f"/api/v1/terminals/{row.pk}/recording"))
    for person, path in ways:
        client.force_login(person)
        assert client.get(path).status_code == 200
        assert Event.objects.filter(action="terminal.watch", user=person, object_id=str(row.pk)).count() == 1

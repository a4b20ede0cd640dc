"""Terminals on a real engine, through a real web server and socket."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from websockets.exceptions import InvalidStatus

from containers.models import Terminal
from containers.terminal import keeper, services
from hosts.engine import ContainerSpec, Engine, connect
from tests.engines.fleet import Fleet
from tests.engines.images import tiny_image
from tests.engines.machine import wait_for
from tests.site import Site
from tests.terminal.page import Page, Visitor
from xqplatform.accounts import services as services_of_people
from xqplatform.accounts import tokens
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Membership
from xqplatform.audit.models import Event

pytestmark = [pytest.mark.engine, pytest.mark.django_db(transaction=True)]
IMAGE = "terminal-test:1"
PROMPT = b"~ # "


@pytest.fixture
def engine(clean_fleet: Fleet, instance: Any) -> Engine:
    """The engine of the instance's host, with its container."""
    one, host = clean_fleet.hosts[0], instance.host
    host.connection, host.address = "tcp", f"{one.address}:2376"
    host.ca, host.certificate, host.key, host.api_version = one.ca, one.cert, one.key, ""
    host.connection_version += 1
    host.save()
    engine = connect(host)
    replace(engine, instance)
    return engine


def replace(engine: Engine, instance: Any, name: str = "snow-production-1") -> str:
    tiny_image(engine.api, IMAGE, "terminal", healthcheck=False)
    made = engine.create(ContainerSpec(name, IMAGE, stop_timeout=0))
    engine.start(made)
    instance.containers.update(engine_id=made)
    return made


@pytest.fixture
def dan(engine: Engine, live_server_with_worker: Site, developer: Any) -> Visitor:
    return Visitor(live_server_with_worker, developer)


@pytest.fixture
def page(dan: Visitor, instance: Any) -> Iterator[Page]:
    pk = dan.ask(instance, "the quotes are late")
    page = dan.open(pk)
    page.wait(PROMPT)
    yield page
    page.close()


def processes(engine: Engine, instance: Any) -> list[str]:
    seen = engine.call("GET", f"/containers/{instance.current.engine_id}/top", params={"ps_args": "-eo pid,args"})
    return [row[-1] for row in seen.json()["Processes"]]


def shells(engine: Engine, instance: Any) -> list[str]:
    return [one for one in processes(engine, instance) if "httpd" not in one]


def terminal() -> Terminal:
    return Terminal.objects.latest("pk")


def cast_of(row: Terminal, client: Client) -> list[Any]:
    answer = client.get(f"/terminals/{row.pk}/recording.cast")
    assert answer.status_code == 200
    return [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]


def test_it_types_shows_resizes_ends_and_is_on_record(
    page: Page, dan: Visitor, sre: Any, manager: Any, engine: Engine, instance: Any
) -> None:
    page.type("echo 雪球$((6*7)); busybox stty size\n".encode())
    page.wait("雪球42\r\n31 97\r\n".encode())
    page.tell(t="size", columns=60, rows=20)
    wait_for("resized", lambda: page.type(b"busybox stty size\n") or b"20 60" in page.said or time.sleep(0.2))
    row = terminal()
    assert (row.state, row.who, row.engine_id) == ("open", "dan", instance.current.engine_id)
    opened = Event.objects.get(action="terminal.open")
    assert (opened.actor, opened.reason, opened.object_id) == ("dan", "the quotes are late", str(row.pk))
    page.type(b"exit 3\n")
    end = page.message("end")
    assert (end["why"], end["code"]) == ("exit", 3)
    wait_for("noted", lambda: not terminal().active)
    closed = Event.objects.get(action="terminal.close")
    assert closed.actor == "dan"
    assert closed.after["why"] == "exit"
    assert closed.after["bytes"] > 100

    head, *events = cast_of(terminal(), Visitor(dan.site, manager).client)
    assert (head["width"], head["height"]) == (97, 31)
    assert "雪球42" in "".join(data for _at, kind, data in events if kind == "o")
    assert [60, 20] in [[int(n) for n in data.split("x")] for _at, kind, data in events if kind == "r"]
    assert not [1 for _at, kind, _data in events if kind == "i"], "what is typed is not recorded"
    assert dan.client.get(f"/terminals/{row.pk}/recording.cast").status_code == 403
    sara = Visitor(dan.site, sre).client
    assert sara.get(f"/terminals/{row.pk}/recording/").status_code == 200
    assert cast_of(row, sara)
    assert Event.objects.filter(action="terminal.watch", actor="sara").exists()


def test_a_lost_socket_is_taken_up_again_where_it_was(page: Page, dan: Visitor) -> None:
    page.type(b"A=kept; echo one\n")
    page.wait(b"one\r\n" + PROMPT)
    page.socket.socket.close()  # without a word
    row = terminal()
    again = dan.open(row.pk, page.at)
    assert again.message("hello")["clear"] is False
    again.type(b"echo $A\n")
    again.wait(b"kept\r\n")
    assert b"one" not in again.said, "what it had is not sent twice"
    fresh = dan.open(row.pk)
    assert fresh.message("hello")["clear"] is True
    fresh.wait(b"kept\r\n")
    wait_for("the first window is told", lambda: again.closed == 4409)
    fresh.type(b"exit\n")
    fresh.message("end")


def test_a_browser_that_stays_away_leaves_nothing_running(
    page: Page, engine: Engine, instance: Any, settings: Any
) -> None:
    settings.TERMINAL_AWAY = 1
    page.type(b"sleep 731\n")
    wait_for("it sleeps", lambda: [one for one in shells(engine, instance) if "731" in one])
    page.close()
    wait_for("ended", lambda: terminal().why == "away")
    wait_for("nothing is left", lambda: not shells(engine, instance))
    wait_for("noted", lambda: not terminal().loose)


def test_limits_are_told_before_and_kept(page: Page, settings: Any, engine: Engine, instance: Any) -> None:
    settings.TERMINAL_IDLE = 5
    assert page.message("limit")["cause"] == "idle"
    assert page.message("end")["why"] == "idle"
    wait_for("nothing is left", lambda: not shells(engine, instance))


def test_a_flood_keeps_within_bounds_and_the_interrupt_comes_at_once(page: Page) -> None:
    page.drawing = False
    page.type(b"yes flood\n")
    page.wait(b"flood\r\n" * 200)
    session = next(iter(next(iter(keeper._keepers.values())).sessions.values()))
    wait_for("the window is full", lambda: session.ring.end - session.acked >= 128 << 10)
    full = session.ring.end
    assert len(page.said) <= full < 128 * 1024 + 70_000
    page.type(b"\x03")
    page.drawing = True
    page.tell(t="ack", at=page.at)
    page.wait(b"^C\r\n" + PROMPT)


def test_a_megabyte_is_pasted_whole_as_fast_as_it_is_taken(page: Page) -> None:
    page.type(b"busybox stty -echo raw; echo ready; head -c 1048576 | busybox md5sum; busybox stty sane\n")
    page.wait(b"ready\n")
    piece, sent = b"0123456789abcdef" * 512, 0
    while sent < 1 << 20:
        page.type(piece)
        sent += len(piece)
        told = lambda: max((m["n"] for m in page.messages if m["t"] == "took"), default=0)  # noqa: E731
        wait_for("the shell takes it", lambda: sent - told() < 65536)  # noqa: B023
    page.wait(hashlib.md5(piece * 128).hexdigest().encode())


def test_who_loses_the_right_or_signs_out_loses_the_terminal(page: Page, dan: Visitor, instance: Any) -> None:
    second = dan.open(dan.ask(instance))
    second.wait(PROMPT)
    Membership.objects.filter(user=dan.user).update(environments=["isolated"])
    assert page.message("end")["why"] == "rights"
    assert second.message("end")["why"] == "rights"
    Membership.objects.filter(user=dan.user).update(environments=[])
    third = dan.open(dan.ask(instance))
    third.wait(PROMPT)
    assert dan.client.post("/logout/").status_code == 302
    assert third.message("end")["why"] == "signed_out"


def test_a_replaced_container_ends_it_and_says_so(page: Page, engine: Engine, instance: Any) -> None:
    old = instance.current.engine_id
    replace(engine, instance, "snow-production-1-next")
    assert page.message("end")["why"] == "container"
    wait_for("noted", lambda: Terminal.objects.get(engine_id=old).why == "container")


def test_a_killed_container_ends_it(page: Page, engine: Engine, instance: Any) -> None:
    engine.kill(instance.current.engine_id)
    assert page.message("end")["why"] == "container"


def test_who_has_no_business_there_is_refused_before_the_socket_is_accepted(
    page: Page, dan: Visitor, sre: Any, instance: Any, settings: Any
) -> None:
    row = terminal()

    def status(visitor: Visitor, ticket: str, **changes: Any) -> int:
        with pytest.raises(InvalidStatus) as refused:
            visitor.dial(row.pk, ticket, **changes)
        return int(refused.value.response.status_code)

    def denied() -> int:
        return Event.objects.filter(denied=True, action="service.terminal").count()

    ticket = dan.ticket(row.pk)
    assert status(dan, ticket, origin="http://evil.example.com") == 403
    assert status(dan, ticket, origin=None) == 403
    assert status(dan, ticket, additional_headers={}) == 401
    assert denied() == 2, "a page of another site had the browser's cookies"
    sara = Visitor(dan.site, sre)
    assert status(sara, ticket) == 404, "stolen, by somebody who may much"
    assert denied() == 3
    assert sara.client.post(f"/terminals/{row.pk}/ticket/").status_code == 404
    with contextlib.closing(dan.dial(row.pk, ticket)):
        pass
    assert status(dan, ticket) == 403, "used up"
    assert status(dan, "x" * 43) == 403
    assert status(dan, "") == 403
    soon = dan.ask(instance)
    settings.TERMINALS = 1
    with pytest.raises(InvalidStatus) as full:
        dan.dial(soon, dan.ticket(soon))
    assert full.value.response.status_code == 503, "this process has as many as it may"
    late = dan.ticket(row.pk)
    Terminal.objects.update(ticket_until=Terminal.objects.get(pk=row.pk).created)
    assert status(dan, late) == 403
    fresh = dan.ticket(row.pk)
    Membership.objects.filter(user=dan.user).delete()
    assert status(dan, fresh) == 403
    assert denied() == 9


def test_nonsense_in_the_socket_ends_the_socket_only(page: Page, dan: Visitor) -> None:
    for text in ("", "{", "[]", '{"t":"size","columns":-1,"rows":1e9}', '{"t":"ack","at":"x"}', "[" * 900):
        page.socket.send(text)
    wait_for("it is shown out", lambda: page.closed == 4400)
    again = dan.open(terminal().pk)
    again.wait(PROMPT)
    with contextlib.suppress(Exception):
        for _ in range(3):
            again.type(b"x" * (200 << 10))
    wait_for("too much", lambda: again.closed is not None)
    assert terminal().state == "open"


def test_an_image_without_a_shell_says_so(dan: Visitor, engine: Engine, instance: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("containers.terminal.shells.TRIED", (("/bin/fish",),))
    page = dan.open(dan.ask(instance))
    assert "has no shell" in page.message("end")["words"]
    assert terminal().why == "never"


def test_what_a_dead_web_process_left_is_ended(page: Page, engine: Engine, instance: Any) -> None:
    page.type(b"sleep 741\n")
    wait_for("it sleeps", lambda: [one for one in shells(engine, instance) if "741" in one])
    assert services.sweep() == 0, "it is held"
    one = next(iter(keeper._keepers.values()))
    for session in list(
        one.sessions.values()
    ):  # as a killed process does: the connection closes, nobody notes anything
        one.sessions.pop(session.pk)
        session.shut()
    machine, _pid, started, token = terminal().lease.rsplit("/", 3)
    Terminal.objects.update(lease=f"{machine}/1/{int(started) + 1}/{token}")
    assert services.sweep() == 1
    row = terminal()
    assert (row.state, row.why, row.loose) == ("ended", "platform", False)
    assert not shells(engine, instance)
    assert Event.objects.get(action="terminal.close").after["why"] == "platform"
    assert services.sweep() == 0


def test_an_engine_that_comes_back_finds_nothing_left_of_it(
    page: Page, clean_fleet: Fleet, engine: Engine, instance: Any
) -> None:
    page.type(b"sleep 751\n")
    wait_for("it sleeps", lambda: [one for one in shells(engine, instance) if "751" in one])
    clean_fleet.hosts[0].kill()
    end = page.message("end")
    assert end["why"] == "engine"
    wait_for("noted", lambda: terminal().why == "engine")
    clean_fleet.hosts[0].start()
    assert [one for one in shells(engine, instance) if "751" in one], "the container ran on, and with it the shell"

    def swept() -> bool:
        Terminal.objects.update(lease_until=None)
        services.sweep()
        return not terminal().loose

    wait_for("ended", swept)
    assert not shells(engine, instance)


def test_who_leaves_loses_all_that_is_open_within_five_seconds(
    page: Page, dan: Visitor, engine: Engine, instance: Any, actor_sre: Actor
) -> None:
    """The terminal, a live page and a log that is followed by a token, at the same time."""
    _row, raw = tokens.create_token(Actor.person(dan.user), dan.user, "ci")
    bearer = {"Authorization": f"Bearer {raw}"}
    cookie = {"Cookie": f"sessionid={dan.client.cookies['sessionid'].value}"}

    def get(path: str, headers: dict[str, str]) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", dan.site.port, timeout=30)
        connection.request("GET", path, headers=headers)
        return connection.getresponse()

    open_now = {
        "live": get("/live/?topics=audit", cookie),
        "logs": get(f"/api/v1/instances/{instance.pk}/logs?follow=true", bearer),
    }
    assert {name: answer.status for name, answer in open_now.items()} == {"live": 200, "logs": 200}
    assert open_now["live"].read1()
    ended: dict[str, float] = {}

    def hear(name: str) -> None:
        while open_now[name].read1():
            pass
        ended[name] = time.monotonic()

    threads = [threading.Thread(target=hear, args=[name], daemon=True) for name in open_now]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    assert not ended
    began = time.monotonic()
    services_of_people.set_active(actor_sre, dan.user, active=False)
    page.message("end")
    ended["terminal"] = time.monotonic()
    for thread in threads:
        thread.join(20)
    took = {name: at - began for name, at in ended.items()}
    assert set(took) == {"live", "logs", "terminal"}
    assert max(took.values()) < 5, took
    assert get("/account/", cookie).status == 302
    assert get("/api/v1/services", bearer).status == 401
    wait_for("no shell is left", lambda: not shells(engine, instance))

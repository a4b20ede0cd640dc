"""REST API of one-off commands and terminals. A terminal itself is a matter of the page; its record and its end are here, too."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from ninja import Field, Router, Schema, Status

from containers.models import CommandRun, Terminal
from containers.terminal import commands, services
from containers.terminal.keeper import wake_all
from containers.terminal.views.commands import output as output_page
from containers.terminal.views.recordings import cast as cast_page
from containers.terminal.views.terminals import RECORDINGS, may_see, seen_by
from containers.views.access import NUMBER_LIMIT, actor_of, get_instance
from xqplatform.accounts.rights import require
from xqplatform.accounts.visibility import get_visible, visible

router = Router(tags=["terminals"])
MOST = 200


class CommandIn(Schema):
    argv: list[str] = Field(..., description="The program and its arguments; no shell is between.")
    timeout: int = Field(commands.USUAL, description="Seconds after which it is ended.")
    reason: str = ""


class CommandOut(Schema):
    id: int
    instance: int
    argv: list[str]
    state: str
    exit_code: int | None
    words: str
    who: str
    reason: str
    timeout: int
    size: int
    created: datetime
    started: datetime | None
    ended: datetime | None


class TerminalOut(Schema):
    id: int
    instance: int
    container: str
    who: str
    reason: str
    state: str
    why: str
    words: str
    exit_code: int | None
    bytes_out: int
    bytes_in: int
    opened: datetime | None
    ended: datetime | None


def command_json(run: CommandRun) -> dict[str, Any]:
    names = ("argv", "state", "exit_code", "words", "who", "reason", "timeout", "size", "created", "started", "ended")
    return {"id": run.pk, "instance": run.instance_id, **{name: getattr(run, name) for name in names}}


def terminal_json(row: Terminal) -> dict[str, Any]:
    names = ("who", "reason", "state", "why", "words", "exit_code", "bytes_out", "bytes_in", "opened", "ended")
    own = {"id": row.pk, "instance": row.instance_id, "container": row.engine_id}
    return own | {name: getattr(row, name) for name in names}


def _run(request: HttpRequest, pk: int) -> CommandRun:
    row: CommandRun = get_visible(actor_of(request), commands.rows(), pk=min(pk, NUMBER_LIMIT))
    return row


@router.post("/instances/{int:number}/commands", response={202: CommandOut}, summary="Run a command once")
def run_command(request: HttpRequest, number: int, data: CommandIn) -> Status[Any]:
    """Runs it in the instance's container. Follow it at `/commands/{id}`; its output is at `/commands/{id}/output`."""
    made = commands.start(
        actor_of(request), get_instance(actor_of(request), number), data.argv, data.timeout, data.reason
    )
    return Status(202, command_json(made))


@router.get("/commands/{int:number}", response=CommandOut, summary="A command")
def show_command(request: HttpRequest, number: int) -> dict[str, Any]:
    run = _run(request, number)
    may_see(actor_of(request), run)
    return command_json(run)


@router.get("/commands/{int:number}/output", summary="A command's output as text")
def command_output(request: HttpRequest, number: int) -> HttpResponseBase:
    return output_page(request, number)


@router.post("/commands/{int:number}/cancel", response=CommandOut, summary="Cancel a command")
def cancel_command(request: HttpRequest, number: int) -> dict[str, Any]:
    return command_json(commands.cancel(actor_of(request), _run(request, number)))


@router.get("/terminals", response=list[TerminalOut], summary="Terminals, the newest first")
def list_terminals(request: HttpRequest, before: int = 0) -> list[dict[str, Any]]:
    """At most 200, for who may watch recordings; `before`: the id of the last one of the page before."""
    require(actor_of(request), RECORDINGS)
    rows = visible(actor_of(request), services.rows()).exclude(opened=None)
    return [terminal_json(row) for row in (rows.filter(pk__lt=before) if before else rows)[:MOST]]


@router.get("/terminals/{int:number}", response=TerminalOut, summary="A terminal")
def show_terminal(request: HttpRequest, number: int) -> dict[str, Any]:
    return terminal_json(seen_by(actor_of(request), number))


@router.get("/terminals/{int:number}/recording", summary="A terminal's recording (asciicast v2)")
def terminal_recording(request: HttpRequest, number: int) -> HttpResponseBase:
    return cast_page(request, number)


@router.post("/terminals/{int:number}/end", response=TerminalOut, summary="End a terminal")
def end_terminal(request: HttpRequest, number: int) -> dict[str, Any]:
    row = services.end(actor_of(request), min(number, NUMBER_LIMIT))
    wake_all()
    return terminal_json(row)

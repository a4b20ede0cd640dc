"""Operations of hosts and their SSH accesses over the API. Never a key."""

from datetime import datetime
from typing import Any, Literal

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import Query, Router, Schema, Status
from ninja.pagination import LimitOffsetPagination, paginate

from hosts import unseen
from hosts.models import Host, HostCommand, HostOperation, SshAccess
from hosts.services import commands, operations, ssh_access
from xqplatform.accounts.http import actor_of
from xqplatform.errors import Refused

router = Router(tags=["host operations"])
MOST = 1000  # of a host, for who does not read all of what they said


class OperationStepOut(Schema):
    name: str
    text: str
    state: str
    started: datetime | None = None
    ended: datetime | None = None
    words: str = ""


class OperationOut(Schema):
    """`state`: queued, running, cancelling, undoing, succeeded, failed, cancelled. `words`: why it failed."""

    id: int
    host: str
    kind: str
    title: str
    state: str
    who: str
    reason: str
    words: str
    exit_code: int | None
    created: datetime
    started: datetime | None
    ended: datetime | None

    @staticmethod
    def resolve_host(row: HostOperation) -> str:
        return row.host.name

    @staticmethod
    def resolve_state(row: HostOperation) -> str:
        return row.shown_state


class OperationFullOut(OperationOut):
    """With its steps and what it said."""

    params: dict[str, Any]
    steps: list[OperationStepOut]
    output: str
    truncated: bool


class OperationFilter(Schema):
    state: Literal["queued", "running", "succeeded", "failed", "cancelled"] | None = None
    kind: str | None = None


class AccessOut(Schema):
    user: str
    address: str
    port: int
    sudo: bool
    fingerprint: str
    pinned_at: datetime | None
    offered_fingerprint: str
    checked: datetime | None
    problem: str


class AccessIn(Schema):
    """An empty key keeps the stored one."""

    model_config = {"extra": "forbid"}
    user: str
    address: str
    port: int = 22
    key: str = ""
    sudo: bool = False


class TrustIn(Schema):
    model_config = {"extra": "forbid"}
    fingerprint: str


class TestedOut(Schema):
    ok: bool
    kind: str
    sentence: str
    fingerprint: str


def _rows() -> Any:
    return HostOperation.objects.select_related("host").defer("notes")


def _host(name: str) -> Host:
    return get_object_or_404(Host, name=name)


@router.get("/hosts/{name}/operations", response=list[OperationOut])
@paginate(LimitOffsetPagination)
def list_operations(request: HttpRequest, name: str, f: Query[OperationFilter]) -> Any:
    wanted = {k: v for k, v in f.dict().items() if v}
    actor, host = actor_of(request), _host(name)
    rows = _rows().filter(host=host, **wanted).order_by("-pk")
    return unseen.operations(actor, rows[:MOST]) if unseen.withheld(actor, host.pk) else rows


@router.get("/hosts/{name}/operations/{number}", response=OperationFullOut)
def show_operation(request: HttpRequest, name: str, number: int) -> Any:
    return unseen.operation(actor_of(request), get_object_or_404(_rows(), host__name=name, pk=number))


@router.post("/hosts/{name}/operations/{number}/cancel", response=OperationOut)
def cancel_operation(request: HttpRequest, name: str, number: int) -> Any:
    """It stops at its next step; what it did is undone."""
    return operations.cancel(actor_of(request), get_object_or_404(_rows(), host__name=name, pk=number))


@router.get("/hosts/{name}/ssh", response=AccessOut)
def show_access(request: HttpRequest, name: str) -> Any:
    return get_object_or_404(SshAccess, host=_host(name))


@router.put("/hosts/{name}/ssh", response=AccessOut)
def set_access(request: HttpRequest, name: str, data: AccessIn) -> Any:
    """Gives the host an SSH access, or changes it."""
    return ssh_access.set_access(actor_of(request), _host(name), data.dict())


@router.delete("/hosts/{name}/ssh", response={204: None})
def remove_access(request: HttpRequest, name: str) -> Any:
    ssh_access.remove_access(actor_of(request), _host(name))
    return Status(204, None)


@router.post("/hosts/{name}/ssh/test", response=TestedOut)
def try_access(request: HttpRequest, name: str) -> Any:
    """Logs in; the first host key that answers is pinned."""
    return ssh_access.test_access(actor_of(request), _host(name))


@router.post("/hosts/{name}/ssh/trust", response=AccessOut)
def trust_key(request: HttpRequest, name: str, data: TrustIn) -> Any:
    """Pins the other key that answered, if it has this fingerprint."""
    return ssh_access.trust_key(actor_of(request), _host(name), data.fingerprint)


class ParameterIn(Schema):
    """`kind`: int (low to high), enum (choices), regex (the whole value fits the pattern)."""

    model_config = {"extra": "forbid"}
    name: str
    kind: Literal["int", "enum", "regex"]
    low: int = 0
    high: int = 0
    choices: list[str] = []
    pattern: str = ""
    default: str = ""


class HostCommandOut(Schema):
    name: str
    title: str
    why: str
    argv: list[str]
    parameters: list[dict[str, Any]]
    timeout: int
    roles: list[str]
    looks_only: bool
    builtin: bool
    version: int
    author_name: str
    changed: datetime
    reviewed: datetime | None
    reviewer_name: str


class CommandChangeIn(Schema):
    model_config = {"extra": "forbid"}
    name: str | None = None
    title: str | None = None
    why: str | None = None
    argv: list[str] | None = None
    parameters: list[ParameterIn] | None = None
    timeout: int | None = None
    roles: list[Literal["developer", "manager"]] | None = None
    looks_only: bool | None = None


class HostCommandIn(CommandChangeIn):
    name: str
    title: str
    argv: list[str]


class CommandReviewIn(Schema):
    """`version`: the one that was read."""

    model_config = {"extra": "forbid"}
    version: int


class RunIn(Schema):
    model_config = {"extra": "forbid"}
    hosts: list[str]
    values: dict[str, str] = {}
    reason: str = ""


class CommandRunOut(Schema):
    """The operations that were started, and why it did not start on the other hosts."""

    operations: list[OperationOut]
    refused: list[str]


def _command(name: str) -> HostCommand:
    return get_object_or_404(HostCommand, name=name)


@router.get("/host-commands", response=list[HostCommandOut])
@paginate(LimitOffsetPagination)
def list_commands(request: HttpRequest) -> Any:
    return HostCommand.objects.order_by("name")


@router.post("/host-commands", response={201: HostCommandOut})
def create_command(request: HttpRequest, data: HostCommandIn) -> Any:
    """Makes a command; it runs once another SRE has reviewed it."""
    return Status(201, commands.save_command(actor_of(request), data.dict(exclude_unset=True)))


@router.get("/host-commands/{name}", response=HostCommandOut)
def show_command(request: HttpRequest, name: str) -> Any:
    return _command(name)


@router.patch("/host-commands/{name}", response=HostCommandOut)
def change_command(request: HttpRequest, name: str, data: CommandChangeIn) -> Any:
    """Changes a command; it waits for a review again."""
    return commands.save_command(actor_of(request), data.dict(exclude_unset=True), _command(name))


@router.delete("/host-commands/{name}", response={204: None})
def remove_command(request: HttpRequest, name: str) -> Any:
    commands.remove_command(actor_of(request), _command(name))
    return Status(204, None)


@router.post("/host-commands/{name}/review", response=HostCommandOut)
def review_command(request: HttpRequest, name: str, data: CommandReviewIn) -> Any:
    return commands.review(actor_of(request), _command(name), data.version)


@router.post("/host-commands/{name}/run", response={202: CommandRunOut})
def run_command(request: HttpRequest, name: str, data: RunIn) -> Any:
    """Runs it on hosts; look at the operations for what came of it."""
    rows = list(Host.objects.filter(name__in=data.hosts))
    missing = set(data.hosts) - {row.name for row in rows}
    if missing:
        raise Refused(_("There is no host «%(host)s».") % {"host": min(missing)}, "hosts", 400)
    started, refused = commands.run_command(actor_of(request), _command(name), rows, data.values, reason=data.reason)
    return Status(202, {"operations": started, "refused": refused})

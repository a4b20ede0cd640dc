"""What the REST API of services takes and gives."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from ninja import Field, Schema
from pydantic import AwareDatetime

MOST = 200  # rows of one answer


class EnvironmentOut(Schema):
    slug: str
    title: str
    title_zh: str
    position: int
    colour: str
    production: bool
    branch: str
    groups: list[str]
    segment: str | None
    auto_repair: bool
    placement: dict[str, Any]


class EnvironmentIn(Schema):
    """What is left out stays as it is."""

    title: str | None = Field(None, max_length=80)
    title_zh: str | None = Field(None, max_length=80)
    position: int | None = Field(None, ge=0, le=30000)
    colour: str | None = Field(None, max_length=12)
    production: bool | None = None
    branch: str | None = Field(None, max_length=120)
    groups: list[str] | None = None
    segment: str | None = Field(None, description="The segment's name; an empty text takes it away.")
    auto_repair: bool | None = None
    placement: dict[str, Any] | None = Field(None, description="All rules of placement, as of a service's place.")


class EnvironmentNew(EnvironmentIn):
    slug: str = Field(pattern=r"^[a-z0-9-]{1,40}$")


class PlaceOut(Schema):
    service: str
    environment: str
    state: str
    instances: int
    healthy: int
    wanted: int
    image: str | None
    digest: str | None
    revision: str | None
    config: int | None
    newest_config: int | None
    branch: str
    segment: str | None
    active: int | None


class ServiceOut(Schema):
    slug: str
    title: str
    kind: str
    team: str | None
    repository: str
    created: datetime
    places: list[PlaceOut]


class ServiceNew(Schema):
    slug: str = Field(max_length=50)
    title: str = Field("", max_length=120)
    kind: Literal["stateless", "stateful"] = "stateless"
    team: str | None = None
    environments: list[str] | None = Field(None, description="Names; left out: all.")
    instances: int = Field(1, ge=0, le=500)
    repository: str = Field("", max_length=500)
    repository_user: str = Field("", max_length=120)
    repository_password: str = Field("", max_length=1000)
    subfolder: str = Field("", max_length=250)
    dockerfile: str = Field("", max_length=250)
    blueprint: str | None = None
    registry: str | None = None
    default_branch: str = Field("", max_length=120)


class ServiceChange(Schema):
    title: str | None = Field(None, max_length=120)
    team: str | None = None


class ReasonIn(Schema):
    reason: str = Field("", max_length=2000)


class RollbackIn(ReasonIn):
    data_back: bool | None = Field(None, description="Null: as the place's policy of snapshots says")


class StepAskIn(Schema):
    instance: int = Field(ge=0, le=2**31 - 1, description="The instance's number.")
    reason: str = Field("", max_length=2000)


class VersionOut(Schema):
    image: int | None
    tag: str | None
    digest: str | None
    revision: str
    branch: str
    status: str
    time: datetime | None
    author: str
    message: str
    base: str
    build: int | None
    running: list[str]


class PolicyIn(Schema):
    batch: int | str = Field(1, description="A number of instances, or a share such as «25%».")
    pause: float = Field(0, ge=0, le=86400, description="Seconds between batches.")
    order: Literal["stop-first", "start-first"] = "stop-first"
    deadline: float = Field(60, ge=1, le=3600, description="Seconds until an instance must be healthy.")
    on_failure: Literal["rollback", "stop", "hold"] = Field(
        "rollback", description="«hold»: it rests, until somebody retries, skips or rolls back."
    )
    skip_unfit: bool = False
    strategy: Literal["rolling", "canary", "recreate", "blue-green"] = "rolling"
    canary: int | str = Field(1, description="So many first, or a share such as «25%»; then it holds.")
    hold: float = Field(0, ge=0, le=604800, description="Seconds that a canary holds; 0: until «continue».")
    switch: Literal["click", "auto"] = Field("click", description="Blue/green: who says that the traffic is switched.")
    keep: float = Field(600, ge=0, le=604800, description="Blue/green: seconds that old instances are kept afterwards.")
    keep_running: bool = Field(True, description="Blue/green: they run meanwhile; else they are stopped.")


ADDRESSES = (
    "Chosen addresses for instances that are made, by number: free ones of the pool, or reserved for this service here. "
    "One that rests after somebody else needs a reason. The others get one of those that are free."
)

HOSTS = (
    "Chosen hosts for instances that are made, by number: a name, or several with commas, of which either will do. They are checked as "
    "the platform's own choice is; `note` of the plan says what the rules of placement would rather have."
)


class BreakGlassIn(Schema):
    reason: str = Field(max_length=2000)
    service: str = Field(max_length=50, description="The service's name, typed again.")


class DeployIn(Schema):
    image: int | str = Field(description="The image's number, tag or digest.")
    reason: str = Field("", max_length=2000)
    config: int | None = Field(None, description="A settings version; left out: the newest.")
    addresses: dict[int, str] = Field(default_factory=dict, max_length=500, description=ADDRESSES)
    hosts: dict[int, str] = Field(default_factory=dict, max_length=500, description=HOSTS)
    policy: PolicyIn = Field(default_factory=lambda: PolicyIn.model_validate({}))
    not_before: AwareDatetime | None = Field(None, description="Begin by itself then; at most 90 days ahead.")
    queue: bool = Field(
        False, description="Begin by itself as soon as it may: behind what is under way or waits there."
    )
    break_glass: BreakGlassIn | None = Field(None, description="An SRE goes on in spite of guardrails.")
    mark: str | None = Field(
        None,
        max_length=400_000,
        description="`mark` of a preview: refused, with what changed in words, when the plan is not that one any more.",
    )


class TurnIn(Schema):
    by: Literal[-1, 1] = Field(description="-1: sooner, 1: later.")
    reason: str = Field("", max_length=2000)


class ScaleIn(Schema):
    instances: int = Field(ge=0, le=500)
    addresses: dict[int, str] = Field(default_factory=dict, max_length=500, description=ADDRESSES)
    hosts: dict[int, str] = Field(default_factory=dict, max_length=500, description=HOSTS)
    reason: str = Field("", max_length=2000)
    confirm: str = Field(
        "", max_length=200, description="«service/environment», where data goes with instances that are removed."
    )


class OperateIn(Schema):
    instances: list[int] | None = Field(None, max_length=500, description="Numbers; left out: all.")
    reason: str = Field("", max_length=2000)


class MoveIn(Schema):
    instances: list[int] = Field(min_length=1, max_length=500, description="Numbers.")
    host: str | None = Field(None, max_length=60, description="Where to; left out: wherever there is room.")
    with_data: bool = Field(False, description="Instances with data on their host move, too; the data stays there.")
    fenced: bool = Field(False, description="You made sure that hosts which cannot be reached are off.")
    reason: str = Field("", max_length=2000)


class AddressIn(Schema):
    address: str | None = Field(
        None, max_length=45, description="One of its segment that is free; left out: the first free one."
    )
    with_data: bool = Field(False, description="Its folder at /persist stays with the old address, and you know it.")
    reason: str = Field("", max_length=2000)


class DrainIn(Schema):
    with_data: bool = Field(False, description="Instances with data on the host move, too; the data stays there.")
    fenced: bool = Field(False, description="You made sure that the host, which cannot be reached, is off.")
    reason: str = Field("", max_length=2000)


class DrainOut(Schema):
    host: str
    state: str
    reason: str
    by: str
    created: datetime
    finished: datetime | None
    total: int
    moved: int
    left: int
    moving: list[int] = Field(description="Deployments under way.")
    waits: list[dict[str, Any]]
    blocked: list[dict[str, Any]]


class ForgetIn(Schema):
    instances: list[int] = Field(min_length=1, max_length=500, description="Numbers.")
    reason: str = Field("", max_length=2000)


class ForgetOut(Schema):
    forgotten: list[int]


class ConfigIn(Schema):
    settings: dict[str, Any]
    secrets: dict[str, str] = Field(
        default_factory=dict, description="New values; a name in `secret_names` without one keeps its value."
    )
    reason: str = Field("", max_length=250)


class StepOut(Schema):
    id: int
    instance: int
    number: int
    host: str
    old_host: str | None = Field(description="A move's: where it stood; `host` is then where it goes.")
    address: str
    batch: int
    action: str
    state: str
    reason: str
    decided_by: str = Field(description="Who left it out or had it tried again.")
    decided_why: str
    tries: int = Field(description="How often somebody had it tried again.")
    log: str
    times: dict[str, Any]


class HoldOut(Schema):
    kind: str = Field(description="canary, measuring, gate, freeze, failed, switch, switch_failed, switch_back, keep")
    batch: int = Field(description="The batch that is through, counted from 0.")
    since: datetime | None
    until: datetime | None = Field(description="null: until somebody, or something, lets it go on.")
    why: str
    clickable: bool = Field(description="Whether «continue» lets it go on.")


class DeploymentOut(Schema):
    id: int
    service: str
    environment: str
    kind: str
    state: str
    asked: str
    hold: HoldOut | None
    switch: str
    reason: str
    outcome: str
    image: str | None
    old_image: str | None
    config: int | None
    old_config: int | None
    wanted: int
    policy: dict[str, Any]
    by: str
    created: datetime
    started: datetime | None
    finished: datetime | None
    held_until: datetime | None = Field(description="While a freeze holds it between two batches.")
    held_why: str
    not_before: datetime | None
    waits_for: list[str] = Field(description="While it waits to begin: what for, in words.")
    changed: list[str] = Field(description="When a waiting one began: what was not as it had been confirmed.")
    link: str


class DeploymentFull(DeploymentOut):
    guardrails: list[dict[str, Any]] = Field(description="What they said when it was asked for.")
    broken_glass: list[dict[str, Any]]
    percent: int
    words: list[str]
    rest: float | None
    pulls: dict[str, Any]
    steps: list[StepOut]


class InstanceOut(Schema):
    id: int
    number: int
    name: str
    host: str
    address: str
    mac: str
    state: str
    wanted_state: str
    status: str
    drift: list[dict[str, Any]]
    role: str = Field("", description="What it last said of itself: `primary`, `replica`, or nothing.")
    role_asked: datetime | None = None
    container: str | None
    image: str | None
    config: int | None
    contract: dict[str, Any] | None = Field(
        None, description="What was last verified inside: `kept`, `verified`, `items`, what was `wrote`."
    )


class FolderOut(Schema):
    id: int
    host: str
    path: str
    ip: str
    instance: str | None
    holder: str
    size: int | None = Field(description="Bytes; null: not measured yet.")
    measured: datetime | None
    mounted: bool
    note: str
    removing: datetime | None


class FolderRemove(Schema):
    name: str = Field(max_length=100, description="The folder's address, to confirm.")
    reason: str = Field("", max_length=2000)


class InstanceEventOut(Schema):
    kind: str
    text: str
    time: datetime
    count: int
    last: datetime
    container: str | None


class LimitOut(Schema):
    setting: str
    before: Any
    after: Any
    live: bool
    why: str


class PlanOut(Schema):
    kind: str
    fits: bool
    entries: list[dict[str, Any]]
    problems: list[str]
    warnings: list[str]
    batch_size: int
    strategy: str
    hold_after: int | None = Field(description="The batch, from 0, after which it holds or switches.")
    traffic: str = Field("", description="How instances are taken out of traffic, and for how long they are drained.")
    least: list[int] = Field(description="How many healthy instances are promised at least in each batch.")
    guardrails: list[dict[str, Any]] = Field(
        description="Each with `name`, `passes`, `words`, and `until` (Unix seconds) when only time stands in the way."
    )


class PreviewOut(PlanOut):
    mark: str = Field(description="Give it to the release, and it begins only if the plan is still this one.")
    image: dict[str, Any] = Field(
        description="`new` and `old` image with size in bytes and base; commits that only one of them has, with authors."
    )
    settings: dict[str, Any] = Field(description="What changes, and which secrets get another value (never the value).")
    capacity: list[dict[str, Any]] = Field(
        description="The middle of each batch: healthy instances at least, their share in per cent, and how busy they are."
    )
    expected: dict[str, Any] = Field(
        description="`p50` and `p90` in seconds, from past releases here; null where too few are known."
    )
    conflicts: list[dict[str, Any]] = Field(description="Other changes here, of this service, and on these hosts.")
    alerts: list[dict[str, Any]] = Field(description="What fires on the place, its instances, and the plan's hosts.")
    pulls: dict[str, Any] = Field(
        description="A row a host: whether the image is there, bytes to pull (null: not known, with words), as last seen."
    )
    packages: dict[str, Any] = Field(
        description="Packages of the distribution that differ, where both images were read."
    )
    pending: bool = Field(description="Hosts or registry are being asked: ask again in some seconds for `pulls`.")
    gates: dict[str, Any] = Field(
        description="`rules` in words by which each batch is judged, `source`: whose they are, `seconds` that each batch is watched."
    )


class ConfirmedOut(Schema):
    made: datetime
    content: dict[str, Any] = Field(
        description="`plan`, and the rest as the preview has it, without values of settings."
    )


class ConfigOut(Schema):
    version: int
    settings: dict[str, Any]
    author: str
    reason: str
    created: datetime


class ChangeOut(Schema):
    setting: str
    before: Any
    after: Any


class Paged(Schema):
    q: str = Field("", max_length=200)
    limit: int = Field(50, ge=1, le=MOST)
    offset: int = Field(0, ge=0, le=10_000_000)


Operation = Literal["restart", "stop", "start", "repair", "limits"]

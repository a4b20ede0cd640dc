"""A host's collector as it shall be, against what its engine has: made, replaced by a new version, removed. Safe to repeat."""

from __future__ import annotations

import dataclasses
import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from hosts import engine as edge
from hosts import helper, labels, shell
from hosts.collector import image, process
from hosts.engine import ContainerSpec, Engine, EngineError, Limits
from hosts.helper import NoHelper
from hosts.models import Collector, Host
from xqplatform import live

log = logging.getLogger(__name__)
KIND = "collector"  # the value of the label `xq.helper`
VERSION = "xq.collector"
MEMORY = 16 << 20
PIDS = 16
CPUS = 0.2
ENDLESS = 1 << 40  # bytes a second
LOG_SIZE, LOG_FILES = "8m", "2"  # holds an hour of a host with a hundred containers
AGAIN = timedelta(minutes=5)  # looked after so often although nothing is known to be wrong
SOON = timedelta(seconds=30)  # after something went wrong


@dataclass(frozen=True)
class Found:
    """A collector of ours that the engine has."""

    engine_id: str
    version: str
    running: bool
    name: str = ""


@dataclass(frozen=True)
class Decision:
    """What to do, in this order: `remove`, then `create` or `start` one. `keep`: the one that stays."""

    remove: tuple[str, ...] = ()
    create: bool = False
    start: str = ""
    keep: str = ""


def decide(wanted: str, found: Iterable[Found]) -> Decision:
    """`wanted`: the version that shall run; empty: none shall. Pure."""
    right = sorted((one for one in found if wanted and one.version == wanted), key=lambda one: not one.running)
    kept = right[0] if right else None
    remove = tuple(one.engine_id for one in found if one is not kept)
    if kept is None:
        return Decision(remove, create=bool(wanted))
    return Decision(remove, start="" if kept.running else kept.engine_id, keep=kept.engine_id)


def found_in(entries: Iterable[Mapping[str, Any]]) -> list[Found]:
    """Our collectors among the containers that an engine listed. Pure."""
    mine = []
    for entry in entries:
        theirs = entry.get("Labels") or {}
        if labels.is_ours(theirs) and theirs.get(labels.HELPER) == KIND:
            name = str((entry.get("Names") or [""])[0]).lstrip("/")
            mine.append(Found(str(entry["Id"]), str(theirs.get(VERSION, "")), entry.get("State") == "running", name))
    return mine


def name() -> str:
    """Several platforms may share an engine: each has its own."""
    return f"xq-collector-{labels.installation()[:6]}"


def version_for(program: str) -> str:
    """The program's version, and how often it ticks: another interval is another collector."""
    return f"{program}-{settings.METRICS_INTERVAL:g}"


def disks_in(listing: str) -> str:
    """The disks of what `ls /sys/block` says, as paths: not what lies upon others, and no memory. Pure."""
    names = [word for word in listing.split() if re.fullmatch(r"(s|h|v|xv)d[a-z]+|nvme\d+n\d+|mmcblk\d+", word)]
    return " ".join(f"/dev/{name}" for name in sorted(names))


def spec(image_name: str, version: str, data_root: str, *, whole_tree: bool, disks: str = "") -> ContainerSpec:
    """`whole_tree`: the host's root is shared, so all of its file systems can be seen without holding on to any.
    `disks`: those that it shall have a limit for, which nobody can reach: with cgroups of version 1, kernels from 6.9 on count
    a disk's bytes only when some group has a limit for it. Pure.
    """
    binds = ["/sys/fs/cgroup:/host/cgroup:ro"]
    env = {"INTERVAL": f"{settings.METRICS_INTERVAL:g}", "VERSION": version}
    if whole_tree:
        binds.append("/:/host/root:ro,rslave")
    else:
        # Single files hold on to no mounts below them: the root's, and one that the engine itself mounts from its data root.
        binds.append("/etc/hosts:/host/root.file:ro")
        root = data_root if data_root and " " not in data_root and "=" not in data_root else "/data-root"
        env["FILESYSTEMS"] = f"/=/host/root.file {root}=/etc/hostname"
    return ContainerSpec(
        name=name(),
        image=image_name,
        env=env,
        labels={labels.PLATFORM: labels.installation(), labels.HELPER: KIND, VERSION: version},
        network="none",
        binds=tuple(binds),
        read_only=True,
        pid_mode="host",
        host_cgroups=True,
        cap_drop=("ALL",),
        security_opt=("no-new-privileges", "label=disable"),
        limits=dataclasses.replace(
            Limits.of(CPUS, MEMORY, PIDS), io_device=disks, io_write_bps=ENDLESS if disks else 0
        ),
        restart_policy="unless-stopped",
        log_driver="json-file",  # the engine's own default may be one that cannot be read
        log_opts={"max-size": LOG_SIZE, "max-file": LOG_FILES},
    )


# --- The edge -----------------------------------------------------------------------------------------------------------


def due() -> QuerySet[Collector]:
    """Collectors to be looked after: new ones, those of another version, those in trouble, and all now and then."""
    now = timezone.now()
    try:
        wanted = version_for(image.wanted_version())
    except NoHelper:
        wanted = ""
    states, ways = Collector.State, Collector.Way
    wrong = Q(state=states.WAITING) | (Q(state=states.PLACED) & ~Q(version=wanted)) | ~Q(trouble="")
    wrong |= Q(state=states.PROCESS) & ~Q(version=process.version())
    wrong |= Q(way=ways.OFF) & ~Q(state=states.OFF) | ~Q(way=ways.OFF) & Q(state=states.OFF)
    wrong |= Q(way=ways.SSH, state=states.PLACED) | Q(way=ways.CONTAINER, state=states.PROCESS)
    late = Q(tried=None) | Q(tried__lt=now - AGAIN) | (wrong & Q(tried__lt=now - SOON))
    return Collector.objects.filter(late, host__state__in=Host.ANSWERING)


def ensure_rows() -> None:
    """A row for each host that has none."""
    missing = Host.objects.filter(collector=None).exclude(state=Host.State.RETIRED)
    Collector.objects.bulk_create([Collector(host=host) for host in missing], ignore_conflicts=True)


def look_after(host_pk: int) -> bool:
    """Makes the host's collector as it shall be and stores what came of it. False: somebody else is just doing it."""
    now = timezone.now()
    free = Q(tried=None) | Q(tried__lt=now - timedelta(seconds=10))
    if not Collector.objects.filter(free, host=host_pk).update(tried=now):
        return False
    row = Collector.objects.select_related("host").get(host=host_pk)
    state, reason, fields = _outcome(row)
    Collector.objects.filter(pk=row.pk).update(state=state, reason=reason, **fields)
    if (row.state, row.reason, row.container) != (state, reason, fields.get("container", row.container)):
        live.bump(f"host:{host_pk}", "collectors")
    return True


def _outcome(row: Collector) -> tuple[str, str, dict[str, Any]]:
    states, nothing = Collector.State, {"container": "", "version": "", "trouble": ""}
    try:
        engine = edge.connect(row.host)
        if row.way == Collector.Way.OFF or row.host.state == Host.State.RETIRED:
            remove(engine)
            return states.OFF, "", nothing
        if row.way == Collector.Way.SSH:
            return _without_container(row, engine)
        if engine.meter is not None:
            return states.SERVER, "", nothing
        wanted = version_for(image.wanted_version())
        container = place(engine, wanted, row.host)
    except NoHelper as error:
        return states.FALLBACK, str(error), nothing
    except EngineError as error:
        if error.out_of_reach or row.way == Collector.Way.OFF:  # one that shall not be measured is not asked instead
            return row.state, row.reason, {"trouble": error.words}
        return states.FALLBACK, error.words, nothing
    return states.PLACED, "", {"container": container, "version": wanted, "trouble": ""}


def _without_container(row: Collector, engine: Engine) -> tuple[str, str, dict[str, Any]]:
    """A process is begun by whoever reads it. One that cannot begin keeps its trouble, until a sample comes."""
    remove(engine)
    if not shell.has_access(row.host):
        words = _("It shall be measured over SSH and has no SSH access.")
        return Collector.State.FALLBACK, words, {"container": "", "version": "", "trouble": ""}
    return Collector.State.PROCESS, "", {"container": "", "version": process.version()}


def remove(engine: Engine) -> None:
    for one in found_in(engine.list_containers(labels={labels.HELPER: KIND})):
        engine.remove(one.engine_id, force=True)


def place(engine: Engine, wanted: str, host: Host) -> str:
    """The engine id of the collector that runs now. Raises NoHelper, EngineError."""
    decision = decide(wanted, found_in(engine.list_containers(labels={labels.HELPER: KIND})))
    image_name = image.ensure(engine) if decision.create else ""
    for old in decision.remove:
        engine.remove(old, force=True)
    if decision.start:
        engine.start(decision.start)
    return _make(engine, image_name, wanted, host) if decision.create else decision.keep


def _make(engine: Engine, image_name: str, wanted: str, host: Host) -> str:
    """With all that would be good, and less of it where the engine refuses that."""
    disks = ""
    if host.cgroup_version in {"", "1"}:
        listed = helper.run(engine, ("ls", "/sys/block"))
        disks = disks_in(listed.output) if listed.exit == 0 else ""
    for whole_tree, limited in ((True, disks), (False, disks), (False, "")):
        try:
            return _start(engine, spec(image_name, wanted, host.data_root, whole_tree=whole_tree, disks=limited))
        except EngineError as error:
            if error.out_of_reach or error.kind in {"conflict", "no_space"} or (not whole_tree and not limited):
                raise
            log.info(
                "%s refuses a collector that sees more, one that sees less is tried: %s", engine.where, error.message
            )
    raise AssertionError("unreachable")


def _start(engine: Engine, wanted: ContainerSpec) -> str:
    made = engine.create(wanted)
    try:
        engine.start(made)
    except EngineError:
        engine.remove(made, force=True)
        raise
    return made

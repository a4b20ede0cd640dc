"""A drill as an operation of a host: a backup's data under another name and address, with the image and settings of then. Does it start?

What is made carries the mark of the platform's helpers with a time: should nobody be left to remove it, the inventory does.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from builds.models import Image
from builds.registry import auth_of
from containers import health, known, spec
from containers.config import parse
from containers.keeping import edge, transfer
from containers.keeping.backup_policies import rules_of
from containers.keeping.backup_work import ROWS as BACKUP_ROWS
from containers.keeping.models import Drill
from containers.keeping.operations import told
from containers.keeping.stores.opening import open_store
from containers.models import ConfigVersion
from containers.services.planning import segment_of
from containers.services.settings import secrets_of, topic
from hosts import labels
from hosts.engine import ContainerSpec, Engine, EngineError, connect
from hosts.networks import ensure_network
from hosts.operations import Failed, Run, operation
from hosts.services import addresses
from hosts.volume_moves import VolumeMoves
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor

DRILL = "keeping.drill"
LABEL = "xq.drill"
LIFE = 2 * 3600  # seconds until an instance that nobody looks after any more counts as left behind
CHECK_SECONDS = 60.0
LOOK_SECONDS = 0.5
LAST_LINES = 40
MOST_SAID = 10_000


def row_of(pk: int) -> Drill:
    rows = Drill.objects.select_related("host", "address__segment", *(f"backup__{name}" for name in BACKUP_ROWS))
    row = rows.filter(pk=pk).first()
    if row is None:
        raise Failed(_("The drill is not wanted any more."))
    return row


def changed(row: Drill, **fields: Any) -> None:
    """Saves these fields, and tells pages."""
    for name, value in fields.items():
        setattr(row, name, value)
    row.save(update_fields=list(fields))
    live.bump(topic(row.backup.instance.place))


@operation(DRILL, title=gettext_lazy("Restore drill"), describe=told, exclusive=False, ssh=False)
def drill(run: Run) -> None:
    row = row_of(run.params["drill"])
    engine, moves = connect(run.host), edge.volumes_of(run.host).moves

    def undo() -> None:
        if row.state == Drill.State.RUNNING:
            changed(row, state=Drill.State.BROKEN, ended=timezone.now())
        tidy(row, engine, moves)

    run.on_failure(undo, _("Remove what there is of the drill"))
    if run.todo("fetch"):
        with run.step("fetch", _("Fetch the data from %(target)s") % {"target": row.backup.target}):
            _fetch(run, row, moves)
    if run.todo("try"):
        with run.step("try", _("Start it as %(name)s, and see whether it gets well") % {"name": row.label}):
            _try(run, row, engine)
    if run.todo("tidy"):
        with run.step("tidy", _("Remove it again")):
            transfer.tidied(run, lambda: tidy(row, engine, moves))


def _fetch(run: Run, row: Drill, moves: VolumeMoves) -> None:
    began, pool, binds = time.monotonic(), moves.pool(), []
    store = open_store(row.backup.target)
    for number, one in enumerate(row.backup.manifest["volumes"]):
        name = f"{row.mark}{run.row.attempts}-{number}"
        moves.take_in(pool, name, transfer.fetch(run, store, row.backup, number), marks_of(row), check=run.check)
        binds.append(f"{name}:{one['target']}")
    run.remember_anew("binds", binds)
    changed(row, fetched=time.monotonic() - began)


def _try(run: Run, row: Drill, engine: Engine) -> None:
    """Says in the row whether it starts. Raises EngineError, Failed where that could not be tried."""
    image, version = _image(row), _version(row)
    segment = segment_of(row.backup.instance.place)
    if segment is not None and row.address is None:
        holder = f"drill/{row.backup.instance.place.environment.slug}/{row.pk}"
        address = addresses.allocate(segment, holder)
        changed(row, address=address, ip=address.ip)
    if image is not None and not engine.has_image(image.reference):
        if image.registry is None or not image.digest:
            raise Failed(_("The image %(tag)s is in no registry any more.") % {"tag": image.tag})
        engine.pull(image.reference, auth_of(image.registry))
    if segment is not None:
        ensure_network(engine, segment)
    _remove(row, engine)  # of a worker that died here
    made = engine.create(spec_of(row, image, version, run.remember("binds", [])))
    began = time.monotonic()
    engine.start(made)
    rules = rules_of(row.backup.instance.place)[0]
    verdict = _watched(run, engine, made, began, rules.drill_seconds)
    seconds = time.monotonic() - began
    said = ""
    if verdict.state == "healthy" and rules.check:
        run.note(_("Well after %(s).1f s; the check runs.") % {"s": seconds})
        verdict, said = _checked(engine, made, rules.check)
    if verdict.state != "healthy" and not said:
        said = _last_lines(engine, made)
    _say(run, row, verdict, seconds, said)


def _watched(run: Run, engine: Engine, made: str, began: float, patience: float) -> health.Verdict:
    while True:
        run.check()
        verdict = health.judge(engine.inspect(made), time.monotonic() - began)
        if verdict.state != "starting":
            return verdict
        if time.monotonic() - began > patience:
            words = _("It was not well after %(s)d s. %(why)s")
            return health.Verdict("failed", words % {"s": patience, "why": verdict.why})
        time.sleep(LOOK_SECONDS)


def _checked(engine: Engine, made: str, command: str) -> tuple[health.Verdict, str]:
    try:
        code, said = engine.exec(made, ["sh", "-c", command], timeout=CHECK_SECONDS)
    except EngineError as error:
        if error.kind != "timeout":
            raise
        words = _("The check had not ended after %(s)d s.")
        return health.Verdict("failed", words % {"s": CHECK_SECONDS}), ""
    if code:
        return health.Verdict("failed", _("The check ended with %(code)d.") % {"code": code}), said
    return health.Verdict("healthy"), said


def _last_lines(engine: Engine, made: str) -> str:
    try:
        with engine.logs(made, tail=LAST_LINES) as lines:
            return "\n".join(line.text for line in lines)
    except EngineError as error:
        return error.words


def _say(run: Run, row: Drill, verdict: health.Verdict, seconds: float, said: str) -> None:
    place = row.backup.instance.place
    mask = known.of_place(place.pk)
    starts = verdict.state == "healthy"
    words = _("It starts: well after %(s).1f s.") % {"s": seconds} if starts else verdict.why
    changed(
        row, state=Drill.State.STARTS if starts else Drill.State.FAILS, seconds=seconds if starts else None,
        words=mask(words)[:2000], said=mask(said.replace("\x00", ""))[-MOST_SAID:], ended=timezone.now(),
    )  # fmt: skip
    after = {
        "drill": row.pk,
        "backup": row.backup_id,
        "starts": starts,
        "seconds": round(seconds, 1),
        "host": run.host.name,
    }
    audit.record(Actor.system("keeping"), "data.drill.ended", row.backup.instance, after=after, parent=place)
    run.write(words=row.words)


def _image(row: Drill) -> Image | None:
    found = Image.objects.select_related("registry").filter(pk=row.backup.manifest.get("image_row")).first()
    if found is None:
        raise Failed(_("The image that ran above this data is not known any more."))
    return found


def _version(row: Drill) -> ConfigVersion | None:
    return ConfigVersion.objects.filter(
        place=row.backup.instance.place, version=row.backup.manifest.get("config")
    ).first()


def spec_of(row: Drill, image: Image | None, version: ConfigVersion | None, binds: list[str]) -> ContainerSpec:
    """As the instance was made, but for its name, address and marks; of its volumes only those of the backup, and no folder of the host."""
    instance, address = row.backup.instance, row.address
    place = spec.Place(
        instance.place.service.slug, instance.place.environment.slug, instance.number, instance.pk,
        network=address.segment.network_name if address else "", ip=address.ip if address else "",
        mac=address.mac if address else "", dns=tuple(address.segment.dns) if address else (),
        dns_search=tuple(address.segment.search) if address else (),
    )  # fmt: skip
    content: Mapping[str, Any] = version.content if version is not None else {}
    wanted = spec.container_spec(
        place, parse(content), secrets_of(version), image.reference if image is not None else "",
        platform=labels.installation(), deployment=0, step=row.label, name=row.label,
    )  # fmt: skip
    marks = {labels.HELPER: str(int(time.time()) + LIFE)}
    return replace(wanted, labels=marks_of(row) | marks, hostname=row.label, binds=tuple(binds), restart_policy="no")


def marks_of(row: Drill) -> dict[str, str]:
    return {labels.PLATFORM: labels.installation(), LABEL: str(row.pk)}


def _remove(row: Drill, engine: Engine) -> None:
    """Removes the instance; one of somebody else with its name stays. Raises EngineError, Failed."""
    try:
        seen = engine.inspect(row.label)
    except EngineError as error:
        if error.kind == "not_found":
            return
        raise
    if not marks_of(row).items() <= (seen["Config"]["Labels"] or {}).items():
        words = _("On %(host)s there is an instance %(name)s that is not the platform's; it is left alone.")
        raise Failed(words % {"host": engine.where, "name": row.label})
    engine.remove(str(seen["Id"]), force=True)


def tidy(row: Drill, engine: Engine, moves: VolumeMoves) -> None:
    """Removes all that was made for it. Raises EngineError; may be repeated."""
    with contextlib.suppress(Failed):  # somebody else's has the name, so there is none of ours
        _remove(row, engine)
    moves.remove_marked(moves.pool(), row.mark, marks_of(row))
    if row.address is not None:
        addresses.release(row.address)
    changed(row, address=None, tidied=True)

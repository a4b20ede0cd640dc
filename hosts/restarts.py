"""An engine is made to read its settings anew, so that no container notices: what must hold before, what is compared after.

For the bodies of operations. Everything here may be repeated; each failure is undone by putting the old settings back.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from hosts import daemon, labels
from hosts.engine import ConnectionSpec, Engine, EngineError, connect_spec
from hosts.operations import Failed, Run
from hosts.shell import Shell, ShellError

FILE = "/etc/docker/daemon.json"
DRAFT = "/etc/docker/daemon.json.xq-new"
DROP_IN = "/etc/systemd/system/docker.service.d/xqplatform.conf"
DEADLINE = 120.0  # seconds in which an engine has to answer after its start
SLOW = 180.0  # seconds for a restart: systemd waits until the engine says that it is ready
POLL = 0.5
Seen = dict[str, dict[str, Any]]


def snapshot(engine: Engine) -> Seen:
    """Running containers by id: name, since when, whether they are ours. Raises EngineError."""
    found: Seen = {}
    for one in engine.list_containers(all=False):
        try:
            detail = engine.inspect(one["Id"])
        except EngineError as error:
            if error.kind == "not_found":
                continue
            raise
        found[one["Id"]] = {
            "name": str(detail.get("Name", "")).lstrip("/"),
            "started": detail.get("State", {}).get("StartedAt", ""),
            "ours": labels.SERVICE in (detail.get("Config", {}).get("Labels") or {}),
        }
    return found


def lost(before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The names of containers that ran before and do not any more, or were started anew."""
    return sorted(
        str(seen["name"])
        for key, seen in before.items()
        if key not in after or after[key]["started"] != seen["started"]
    )


def look(spec: ConnectionSpec) -> tuple[Seen, bool]:
    """What runs, and whether it survives a restart (live-restore). Raises EngineError."""
    engine = connect_spec(spec)
    try:
        return snapshot(engine), bool(engine.info().get("LiveRestoreEnabled"))
    finally:
        engine.close()


def guard(run: Run, before: Seen, live: bool) -> None:
    """Refuses a restart that would stop containers, unless the host is drained of ours or somebody confirmed it."""
    ours = sorted(str(seen["name"]) for seen in before.values() if seen["ours"])
    at_stake = ours or ([] if run.host.draining else sorted(str(seen["name"]) for seen in before.values()))
    if live or not at_stake or run.params.get("confirm"):
        return
    words = _(
        "Without live-restore a restart would stop %(n)s containers (%(names)s). Drain the host first, or confirm that they may stop."
    )
    raise Failed(words % {"n": len(at_stake), "names": ", ".join(at_stake[:5])})


def answers(spec: ConnectionSpec) -> str:
    """Empty when the engine answers, else why not."""
    try:
        engine = connect_spec(spec, timeout=5)
        try:
            engine.version(timeout=5)
        finally:
            engine.close()
    except EngineError as error:
        return error.words
    return ""


def until_answers(run: Run, spec: ConnectionSpec, seconds: float = DEADLINE) -> None:
    """Waits for the engine. Raises Failed with what it said last."""
    end = time.monotonic() + seconds
    while True:
        why = answers(spec)
        if not why:
            return
        if time.monotonic() > end:
            raise Failed(_("The engine does not answer after %(s)s s: %(why)s") % {"s": f"{seconds:.0f}", "why": why})
        run.check()
        time.sleep(POLL)


def restart(sh: Shell) -> None:
    """Restarts the engine. Raises Failed with the end of its journal when it does not come up."""
    # systemd refuses a unit that was started too often within a minute; an operation may well do that.
    sh.run(["systemctl", "reset-failed", "docker"])
    ran = sh.run(["systemctl", "restart", "docker"], timeout=SLOW)
    if not ran.ok:
        raise Failed(_("The engine did not start: %(why)s") % {"why": _journal(sh) or ran.said})


def _journal(sh: Shell) -> str:
    ran = sh.run(["journalctl", "-u", "docker", "-n", "40", "--no-pager", "-o", "cat"])
    if not ran.ok:
        return ""
    lines = [line for line in ran.out.splitlines() if re.search("error|fail|unable|invalid|conflict", line, re.I)]
    return " | ".join((lines or ran.out.splitlines())[-3:])[:900]


def reload(sh: Shell) -> None:
    """Has the engine read what it takes over while it runs."""
    sh.must(["systemctl", "reload", "docker"])


def validate(sh: Shell, text: str) -> None:
    """Lets the engine's own program judge the file, where it can (since 23.0). Raises Failed with its words."""
    sh.write(DRAFT, text, 0o600)
    try:
        ran = sh.run(["dockerd", "--validate", f"--config-file={DRAFT}"])
    finally:
        sh.remove(DRAFT)
    if not ran.ok and "unknown flag" not in ran.said:
        raise Failed(_("The engine refuses these settings: %(why)s") % {"why": ran.said})


def command_line(sh: Shell) -> str:
    """How systemd starts the engine; empty where that cannot be told."""
    ran = sh.run(["systemctl", "show", "docker", "--property=ExecStart", "--value"])
    found = re.search(r"argv\[\]=(.*?) ;", ran.out) if ran.ok else None
    return found[1] if found else ""


def drop_in(argv: str) -> str:
    return f"# Written by xqplatform: these settings are in daemon.json.\n[Service]\nExecStart=\nExecStart={argv}\n"


def put_back(sh: Shell, path: str, text: str | None) -> None:
    """A file as it was; it was not there when the text is None. One that is so already is left: the disk may be full."""
    if sh.read(path) == text:
        return
    if text is None:
        sh.remove(path)
    else:
        sh.write(path, text)


def switch(run: Run, sh: Shell, old: str | None, new: str, specs: Sequence[ConnectionSpec]) -> Seen:
    """From the old daemon.json to the new one, with a way back; returns what ran before.

    `specs`: how the engine is reached before and (the last one) afterwards. Raises Failed when it does not come up or
    containers were lost; what it registered puts the old file back and starts the engine with it.
    """
    before_spec, after_spec = specs[0], specs[-1]
    was, wanted = daemon.parse(old), daemon.parse(new)
    found = run.remember("before", lambda: _look(before_spec))
    before, live = found["containers"], found["live"]
    anew = daemon.needs_restart(was, wanted)
    unit = run.remember("unit", lambda: {"file": sh.read(DROP_IN), "argv": command_line(sh)})
    argv = daemon.without_flags(unit["argv"], wanted)

    def back() -> None:
        put_back(sh, FILE, old)
        if argv is not None:
            put_back(sh, DROP_IN, unit["file"])
            sh.must(["systemctl", "daemon-reload"])
        begun = {step["name"] for step in run.row.steps}
        if "restart" in begun or answers(before_spec):
            restart(sh)
        elif begun & {"reload", "live-restore"}:
            reload(sh)
        until_answers(run, before_spec)
        gone = lost(before, look(before_spec)[0])
        if gone:
            run.say(_("These containers did not survive: %(names)s.") % {"names": ", ".join(gone)})

    # Live-restore can be switched on while the engine runs: then containers survive the restart that follows.
    early = bool(anew and not live and before and wanted.get("live-restore") and not was.get("live-restore"))
    if run.todo("validate"):
        with run.step("validate", _("Check the new settings")):
            wrong = daemon.mistakes(wanted)
            if wrong:
                raise Failed(" ".join(wrong))
            validate(sh, new)
            if anew:
                guard(run, before, live or early)
    run.on_failure(back, _("Put the old daemon.json back and start the engine with it"))
    if early and run.todo("live-restore"):
        with run.step("live-restore", _("Switch live-restore on first")):
            sh.write(FILE, daemon.dump({**was, "live-restore": True}, old))
            reload(sh)
            _until_live(run, before_spec)
    if run.todo("write"):
        with run.step("write", _("Write daemon.json")):
            if old is not None:
                sh.write(f"{FILE}.xq-before", old)
            sh.write(FILE, new)
            if argv is not None:
                run.note(_("Flags of the unit that daemon.json says too are taken out of it."))
                sh.write(DROP_IN, drop_in(argv))
                sh.must(["systemctl", "daemon-reload"])
    name, words, act = (
        ("restart", _("Restart the engine"), restart) if anew else ("reload", _("Have the engine read it"), reload)
    )
    if run.todo(name):
        with run.step(name, words):
            act(sh)
    if run.todo("answers"):
        with run.step("answers", _("Wait until it answers")):
            until_answers(run, after_spec)
    compare(run, before, after_spec, confirmed=bool(run.params.get("confirm")) and not (live or early))
    return before


def _look(spec: ConnectionSpec) -> dict[str, Any]:
    seen, live = look(spec)
    return {"containers": seen, "live": live}


def compare(run: Run, before: Seen, spec: ConnectionSpec, *, confirmed: bool = False) -> None:
    """A step: all that ran before runs on, with the same start. Raises Failed otherwise, unless that was confirmed."""
    if not run.todo("compare"):
        return
    with run.step("compare", _("Compare the containers")):
        gone = lost(before, look(spec)[0])
        if not gone:
            run.note(_("%(n)s containers ran on, none was restarted.") % {"n": len(before)})
        elif confirmed:
            run.note(_("Stopped or restarted, as confirmed: %(names)s.") % {"names": ", ".join(gone)})
        else:
            words = _("%(n)s containers did not survive: %(names)s.")
            raise Failed(words % {"n": len(gone), "names": ", ".join(gone[:10])})


def _until_live(run: Run, spec: ConnectionSpec, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not look(spec)[1]:
        if time.monotonic() > end:
            raise Failed(_("The engine did not take over live-restore."))
        run.check()
        time.sleep(POLL)


def settings_of(sh: Shell) -> str | None:
    """daemon.json as it stands on the machine, None if there is none. Raises Failed when it is not usable."""
    try:
        text = sh.read(FILE)
        daemon.parse(text)
    except ValueError as error:
        if isinstance(error, ShellError):
            raise
        words = _("%(why)s Put it right by hand (%(file)s): the platform does not guess what was meant.")
        raise Failed(words % {"why": error, "file": FILE}) from error
    return text

"""Putting a check right on the machine, and taking that back: the operations conformance.fix and conformance.undo."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hosts import shell
from hosts.conformance import gather, store
from hosts.conformance.check import PASSES
from hosts.conformance.checks import BY_SLUG
from hosts.conformance.profiles import profile_of
from hosts.models import HostOperation
from hosts.operations import Failed, Run, operation

SECONDS = 120.0  # that one command of a fix may take
Plan = dict[str, Any]  # {"files": [[path, new, old]], "commands": [[…]], "undo": [[…]], "can_undo": bool}


def _title(row: HostOperation) -> str:
    check = BY_SLUG.get(str(row.params.get("check")))
    return _("Put right: %(check)s") % {"check": check.title} if check else ""


def _undo_title(row: HostOperation) -> str:
    check = BY_SLUG.get(str(row.params.get("check")))
    return _("Take back: %(check)s") % {"check": check.title} if check else ""


@operation("conformance.fix", title=gettext_lazy("Put a check right"), describe=_title)
def fix(run: Run) -> None:
    """Looks at the machine anew, does what is then needed, and looks again: only a verdict that passes is a success."""
    slug = str(run.params["check"])
    if slug not in BY_SLUG:
        raise Failed(_("There is no check «%(check)s» any more.") % {"check": slug})
    with shell.connect(run.host, check=run.check) as sh:
        plan: Plan | None = run.remember("plan", lambda: _plan(run, sh, slug))
        if plan is None:
            run.say(_("It passes already: nothing was done."))
            return
        run.on_failure(lambda: _look(run), _("Look at the machine again"))
        run.on_failure(lambda: _take_back(run, plan), _("Take back what was done"))
        _do(run, sh, plan)
        if run.todo("verify"):
            with run.step("verify", _("Look again")):
                verdict = store.keep(run.host, gather.again(run.host, sh)).get(slug)
                if verdict is None or verdict.state != PASSES:
                    words = _("The commands worked, but the check still does not pass: %(evidence)s. %(words)s")
                    raise Failed(
                        words
                        % {"evidence": verdict.evidence if verdict else "–", "words": verdict.words if verdict else ""}
                    )
                run.note(verdict.evidence)
        if plan["can_undo"]:
            back = {"files": [[path, old] for path, _new, old in plan["files"]], "commands": plan["undo"]}
            run.write(params={**run.params, "undo": back})


@operation("conformance.undo", title=gettext_lazy("Take back what put a check right"), describe=_undo_title)
def undo(run: Run) -> None:
    """Puts files back as they were and runs the fix's opposite commands; then the machine is judged anew."""
    plan = run.params["undo"]
    with shell.connect(run.host, check=run.check) as sh:
        for number, (path, old) in enumerate(plan["files"]):
            if run.todo(f"file-{number}"):
                with run.step(f"file-{number}", _("Put back %(path)s") % {"path": path}):
                    _put(sh, path, old)
        for number, argv in enumerate(plan["commands"]):
            if run.todo(f"command-{number}"):
                with run.step(f"command-{number}", shlex.join(argv)):
                    _command(run, sh, argv)
        if run.todo("verify"):
            with run.step("verify", _("Look again")):
                store.keep(run.host, gather.again(run.host, sh))


def _plan(run: Run, sh: shell.Shell, slug: str) -> Plan | None:
    """What is to be done, from what the machine says now, with what the files hold today."""
    facts = gather.again(run.host, sh)
    store.keep(run.host, facts)
    check, profile = BY_SLUG[slug], profile_of(run.host)
    verdict = check.evaluate(facts, profile)
    if verdict.state == PASSES:
        return None
    found = check.propose(facts, profile)
    if found is None or found.by_hand or found.operation:
        raise Failed(
            _("Nothing that the platform could do: %(words)s") % {"words": found.words if found else verdict.words}
        )
    return {
        "files": [[path, new, sh.read(path)] for path, new in found.files],
        "commands": [list(argv) for argv in found.commands],
        "undo": [list(argv) for argv in found.undo_commands],
        "can_undo": found.can_undo,
    }


def _do(run: Run, sh: shell.Shell, plan: Plan) -> None:
    for number, (path, new, _old) in enumerate(plan["files"]):
        if run.todo(f"file-{number}"):
            with run.step(f"file-{number}", _("Write %(path)s") % {"path": path}):
                sh.write(path, new)
    for number, argv in enumerate(plan["commands"]):
        if run.todo(f"command-{number}"):
            with run.step(f"command-{number}", shlex.join(argv)):
                _command(run, sh, argv)


def _command(run: Run, sh: shell.Shell, argv: list[str]) -> None:
    run.say(f"$ {shlex.join(argv)}")
    ran = sh.run(argv, timeout=SECONDS)
    if ran.said and (ran.out or ran.err):
        run.say(ran.said)
    if not ran.ok:
        raise Failed(_("«%(command)s» failed: %(text)s") % {"command": shlex.join(argv), "text": ran.said})


def _put(sh: shell.Shell, path: str, old: str | None) -> None:
    if old is None:
        sh.remove(path)
    else:
        sh.write(path, old)


def _take_back(run: Run, plan: Plan) -> None:
    """Files first, then the opposite commands. One that was never done may have nothing to take back: that is no fault."""
    states = {step["name"]: step["state"] for step in run.row.steps}
    done = bool(plan["commands"]) and all(states.get(f"command-{n}") == "done" for n in range(len(plan["commands"])))
    with shell.connect(run.host) as sh:
        for number, (path, _new, old) in enumerate(plan["files"]):
            if f"file-{number}" in states:
                _put(sh, path, old)
        if not any(name.startswith("command-") for name in states):
            return
        for argv in plan["undo"]:
            ran = sh.run(argv, timeout=SECONDS)
            run.say(f"$ {shlex.join(argv)}" + ("" if ran.ok else f": {ran.said}"))
            if not ran.ok and done:
                raise Failed(_("«%(command)s» failed: %(text)s") % {"command": shlex.join(argv), "text": ran.said})


def _look(run: Run) -> None:
    with shell.connect(run.host) as sh:
        store.keep(run.host, gather.again(run.host, sh))


def undo_of(row: HostOperation) -> Mapping[str, Any] | None:
    """What would take a fix back; None where nothing can."""
    plan = row.params.get("undo")
    if row.kind != "conformance.fix" or row.state != HostOperation.State.SUCCEEDED or not isinstance(plan, dict):
        return None
    return plan if plan.get("commands") or plan.get("files") else None

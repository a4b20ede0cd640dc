"""The engine of a host restarted, or brought to another version: cordoned, drained if asked, compared, and back in service."""

from __future__ import annotations

import re
import time

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hosts import hooks, observe, restarts, shell
from hosts.engine import spec_of
from hosts.models import Host
from hosts.operations import Failed, Run, operation
from hosts.services import machines
from hosts.shell import Shell
from xqplatform.accounts.actor import Actor

PACKAGES = ("docker-ce", "docker.io")
VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+~:-]{0,99}")
APT = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-y", "-o", "Dpkg::Options::=--force-confold"]
DRAIN_HOURS = 8
INSTALL_SECONDS = 1800.0


def out_of_service(run: Run) -> None:
    """Cordons the host, and drains it if that was asked for. What follows in the operation brings it back, also a failure."""
    host = run.host
    was = run.remember("cordoned", lambda: [host.cordoned, host.cordon_reason])
    reason = _("operation %(n)s: %(title)s") % {"n": run.row.pk, "title": run.row.title}
    run.on_failure(lambda: _as_cordoned(host, was), _("Let it take instances as before"))
    if not was[0] and run.todo("cordon"):
        with run.step("cordon", _("Take no new instances")):
            machines.cordon(Actor.system("operations"), host, str(reason)[:250])
    if run.params.get("drain") and run.todo("drain"):
        with run.step("drain", _("Move its instances to other hosts")):
            _drain(run, str(reason))


def _drain(run: Run, reason: str) -> None:
    if not hooks.users_of(run.host.pk):
        return
    for hook in hooks.DRAIN:
        hook(run.host, reason)
    end = time.monotonic() + DRAIN_HOURS * 3600
    while left := hooks.users_of(run.host.pk):
        run.note(_("%(n)s instances still stand here.") % {"n": left})
        run.host.refresh_from_db(fields=["draining", "cordoned"])
        if not run.host.draining:
            raise Failed(_("The drain ended with %(n)s instances left on the host.") % {"n": left})
        if time.monotonic() > end:
            raise Failed(_("%(n)s instances could not move within %(h)s hours.") % {"n": left, "h": DRAIN_HOURS})
        run.check()
        time.sleep(restarts.POLL)


def back_in_service(run: Run) -> None:
    was = run.remember("cordoned", [run.host.cordoned, run.host.cordon_reason])
    if run.todo("uncordon"):
        with run.step("uncordon", _("Read it anew, and let it take instances as before")):
            observe.refresh_host(run.host.pk)
            _as_cordoned(run.host, was)


def _as_cordoned(host: Host, was: list[object]) -> None:
    row = Host.objects.get(pk=host.pk)
    if not was[0] and (row.cordoned or row.draining):
        machines.uncordon(Actor.system("operations"), row)


def _before(run: Run) -> restarts.Seen:
    """What runs now, and whether it would survive; refuses otherwise. A step."""
    found = run.remember("before", lambda: restarts._look(spec_of(run.host)))
    if run.todo("guard"):
        with run.step("guard", _("See whether its containers survive")):
            run.host.refresh_from_db(fields=["draining"])
            restarts.guard(run, found["containers"], found["live"])
            words = _("%(n)s containers run; live-restore is %(state)s.")
            run.note(words % {"n": len(found["containers"]), "state": _("on") if found["live"] else _("off")})
    seen: restarts.Seen = found["containers"]
    return seen


@operation("engine.restart", title=gettext_lazy("Restart the engine"), upkeep=True)
def restart(run: Run) -> None:
    """Params: `drain` (instances move away first), `confirm` (containers may stop)."""
    spec = spec_of(run.host)
    with shell.connect(run.host, check=run.check) as sh:
        out_of_service(run)
        before = _before(run)
        if run.todo("restart"):
            with run.step("restart", _("Restart the engine")):
                restarts.restart(sh)
        if run.todo("answers"):
            with run.step("answers", _("Wait until it answers")):
                restarts.until_answers(run, spec)
        restarts.compare(run, before, spec, confirmed=bool(run.params.get("confirm")))
    back_in_service(run)


def offered(madison: str) -> list[str]:
    """The versions in what `apt-cache madison` said, the newest first, each once. Pure."""
    rows = [line.split("|") for line in madison.splitlines()]
    return list(dict.fromkeys(row[1].strip() for row in rows if len(row) >= 3 and row[1].strip()))


def package_of(sh: Shell) -> tuple[str, str]:
    """The engine's package and its installed version; the version is empty where there is none yet."""
    for name in PACKAGES:
        ran = sh.run(["dpkg-query", "-W", "-f", "${db:Status-Status} ${Version}", name])
        state, _space, version = ran.out.strip().partition(" ")
        if ran.ok and state == "installed":
            return name, version
    return "docker.io", ""


def apt(sh: Shell, run: Run, *words: str) -> None:
    """apt-get, its output in the operation's. Raises Failed with its last words."""
    ran = sh.run([*APT, *words], timeout=INSTALL_SECONDS, on_output=run.say)
    if not ran.ok:
        raise Failed(_("apt-get failed: %(why)s") % {"why": ran.said[-400:]})


@operation("engine.upgrade", title=gettext_lazy("Upgrade the engine"), upkeep=True)
def upgrade(run: Run) -> None:
    """Params: `version` (as apt-cache madison names it; empty: the newest), `drain`, `confirm`."""
    host = run.host
    spec, wish = spec_of(host), str(run.params.get("version") or "")
    if wish and not VERSION.fullmatch(wish):
        raise Failed(_("«%(text)s» is no version.") % {"text": wish[:60]})
    with shell.connect(host, check=run.check) as sh:
        if not sh.run(["sh", "-c", "command -v apt-get"]).ok:
            raise Failed(
                _("This machine has no apt-get: upgrade the engine with its own package manager, then restart it.")
            )
        name, old = run.remember("package", lambda: list(package_of(sh)))
        if run.todo("offer"):
            with run.step("offer", _("See which versions there are")):
                ran = sh.run([*APT, "update"], timeout=INSTALL_SECONDS)
                if not ran.ok:
                    run.say(_("The list of packages could not be renewed: %(why)s") % {"why": ran.said})
                there = offered(sh.must(["apt-cache", "madison", name]).out)
                run.say(
                    _("%(name)s: installed %(old)s, offered %(all)s")
                    % {"name": name, "old": old or "–", "all": ", ".join(there[:20])}
                )
                if not there or (wish and wish not in there):
                    words = _("The machine's package sources do not offer %(wish)s. They offer: %(all)s.")
                    raise Failed(words % {"wish": wish or name, "all": ", ".join(there[:20]) or "–"})
                run.remember("version", wish or there[0])
        version = str(run.remember("version", wish))
        if version == old:
            run.row.words = _("It is %(version)s already.") % {"version": version}
            return
        if run.todo("fetch"):
            with run.step("fetch", _("Fetch the packages while the engine runs")):
                apt(sh, run, "install", "--download-only", "--allow-downgrades", f"{name}={version}")
        out_of_service(run)
        before = _before(run)

        def back() -> None:
            if old and package_of(sh)[1] != old:
                apt(sh, run, "install", "--allow-downgrades", f"{name}={old}")
            restarts.restart(sh)
            restarts.until_answers(run, spec)

        run.on_failure(back, _("Install the old version again"))
        if run.todo("install"):
            with run.step("install", _("Install %(version)s") % {"version": version}):
                apt(sh, run, "install", "--allow-downgrades", f"{name}={version}")
        if run.todo("restart"):
            # The package may have restarted it; what matters is that the new program runs.
            with run.step("restart", _("Restart the engine")):
                restarts.restart(sh)
        if run.todo("answers"):
            with run.step("answers", _("Wait until it answers")):
                restarts.until_answers(run, spec)
        restarts.compare(run, before, spec, confirmed=bool(run.params.get("confirm")))
    back_in_service(run)
    host.refresh_from_db()
    run.row.words = _("Package %(version)s; the engine says it is %(engine)s.") % {
        "version": version,
        "engine": host.engine_version,
    }

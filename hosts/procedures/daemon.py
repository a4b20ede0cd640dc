"""daemon.json of a host: read, and rendered from the host's profile, with a way back."""

from __future__ import annotations

import hashlib
import re

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hosts import daemon, observe, restarts, shell
from hosts.conformance.profiles import profile_of
from hosts.engine import spec_of
from hosts.models import DaemonFile, Host
from hosts.operations import Failed, Run, operation
from xqplatform import live

PASSWORD = re.compile(r"(://[^:/@\s\"]+:)[^@\s\"]+@")


def stamp(text: str | None) -> str:
    """What a preview was made from, in short."""
    return hashlib.sha256((text or "").encode()).hexdigest()[:16]


def shown(text: str) -> str:
    """For people: without the passwords of proxies."""
    return PASSWORD.sub(r"\1•••@", text)


def wanted_text(host: Host, old: str | None) -> str:
    """The file as the host's profile wants it. Raises ValueError if the old one is not valid."""
    current = daemon.parse(old)
    new = daemon.render(profile_of(host).daemon, current)
    return (old or "") if new == current and old else daemon.dump(new, old)


def keep(host: Host, text: str | None) -> None:
    """Stores what was read, for the page."""
    values = {"text": text or "", "there": text is not None, "seen": timezone.now()}
    DaemonFile.objects.update_or_create(host=host, defaults=values)
    live.bump(f"host:{host.pk}")


@operation("daemon.read", title=gettext_lazy("Read daemon.json"), exclusive=False, upkeep=True)
def read(run: Run) -> None:
    """Reads the file for the preview."""
    with shell.connect(run.host, check=run.check) as sh, run.step("read", _("Read the file")):
        text = sh.read(restarts.FILE)
        keep(run.host, text)
        run.say(_("%(n)s characters.") % {"n": len(text)} if text is not None else _("There is no daemon.json."))


@operation("daemon.apply", title=gettext_lazy("Apply daemon.json"), upkeep=True)
def apply(run: Run) -> None:
    """Params: `base` (the stamp of the file that the preview showed; may be left out), `confirm` (containers may stop)."""
    host = run.host
    with shell.connect(host, check=run.check) as sh:
        old = run.remember("old", lambda: restarts.settings_of(sh))
        base = run.params.get("base")
        if base and base != stamp(old):
            keep(host, old)
            raise Failed(_("daemon.json was changed on the machine since the preview. Look at the new preview first."))
        new = run.remember("new", lambda: wanted_text(host, old))
        if new == old:
            keep(host, old)
            run.row.words = _("It is already as the profile wants it.")
            return
        if not run.row.output:
            run.say(shown(daemon.diff(old or "", new)))
        restarts.switch(run, sh, old, new, [spec_of(host)])
        keep(host, sh.read(restarts.FILE))
    observe.refresh_host(host.pk)
    run.row.words = _("Changed: %(keys)s.") % {"keys": ", ".join(daemon.changed(daemon.parse(old), daemon.parse(new)))}

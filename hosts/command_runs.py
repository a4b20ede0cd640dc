"""The operation that runs a reviewed command."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hosts import shell
from hosts.commands import Concealer
from hosts.models import HostCommand, HostOperation
from hosts.operations import Failed, Run, operation


def _title(row: HostOperation) -> str:
    return str(row.params.get("shown", ""))[:120]


@operation("command.run", title=gettext_lazy("Run a command"), describe=_title)
def run_command(run: Run) -> None:
    """Runs it once: after a restart it is not run again, as nobody knows what the first time did."""
    name, version = run.params["command"], run.params["version"]
    command = HostCommand.objects.filter(name=name, version=version).exclude(reviewed=None).first()
    if command is None:
        raise Failed(_("«%(name)s» was changed or removed after this run was asked for.") % {"name": name})
    if run.remember("begun", False) and not command.looks_only:
        raise Failed(_("The worker went away while it ran: whether it ended is not known. Look, then run it again."))
    conceal = Concealer()

    def heard(text: str) -> None:
        shown = conceal.feed(text)
        if shown:
            run.say(shown)

    with run.step("run", _("Run it, at most %(n)s s") % {"n": command.timeout}):
        with shell.connect(run.host, check=run.check) as sh:
            run.remember_anew("begun", True)
            try:
                ran = sh.run(run.params["argv"], timeout=command.timeout, on_output=heard)
            finally:
                rest = conceal.feed("", last=True)
                if rest.strip():
                    run.say(rest)
        run.write(exit_code=ran.code)
        if not ran.ok:
            raise Failed(_("It ended with exit code %(code)s.") % {"code": ran.code})

"""What the server warns of itself."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hosts.conformance.check import FAILS, PASSES, SERVER, Check, Reading, Verdict, tool
from hosts.conformance.models import Profile


def judge(read: Reading, profile: Profile) -> Verdict:
    count = int(read.number("server", "warnings", "count"))
    grave = read.texts("server", "warnings", "grave")
    if grave:
        words = _("Look at them with `%(tool)s warning list` and acknowledge what is settled.")
        return Verdict(FAILS, "; ".join(grave[:10]), words % {"tool": tool(read)})
    evidence = _("%(n)d warnings of low severity") % {"n": count}
    return Verdict(PASSES, evidence, _("None of moderate or high severity that nobody has acknowledged."))


CHECK = Check(
    "server_warnings",
    gettext_lazy("The server warns of nothing grave"),
    gettext_lazy(
        "A server notes what it cannot do: a pool that is not there, a limit that the kernel does not keep, a member that is away. "
        "Nobody reads that before something fails."
    ),
    judge,
    families=SERVER,
    short="warnings",
)

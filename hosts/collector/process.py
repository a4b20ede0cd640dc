"""The collector as a process of the host, over SSH: where no container shall be. Its output is the same lines as the container's log.

The program goes in by the process's input and is written nowhere; it needs sh and an awk (busybox's, gawk, mawk) and no right beyond
the login's, so sudo is not used. It ends with the connection. There is no log: what was ticked while nobody listened is a gap.
"""

from __future__ import annotations

import contextlib
import logging
import shlex
import threading
from collections.abc import Iterator

import paramiko
from django.conf import settings
from django.db import connections
from django.utils.translation import gettext as _

from hosts import engine as edge
from hosts import labels, ssh
from hosts.collector import image
from hosts.engine import EngineError
from hosts.models import Host, SshAccess
from hosts.shell import Shell, ShellError

log = logging.getLogger(__name__)
PIECE = 64 << 10
COMPLAINTS = 2000  # characters kept of what it says on its second stream
NOBODY = "none"  # instead of the process of a container
MACHINE = "1"  # the same where the server tells of its containers itself: the machine alone is looked at
# What the machine has: busybox where it has what is needed, as in the container; else its own programs.
_TOOLS = """
LC_ALL=C; PATH=$PATH:/usr/sbin:/sbin; export LC_ALL PATH
renice -n 19 -p $$ >/dev/null 2>&1
BUSYBOX= AWK_TOOL=
if [ "$(echo x | busybox awk '{print $1 1}' 2>/dev/null)" = x1 ] && busybox sleep 0.01 2>/dev/null; then
  BUSYBOX=busybox AWK_TOOL="busybox awk"
elif command -v gawk >/dev/null; then AWK_TOOL=gawk
elif command -v mawk >/dev/null; then AWK_TOOL="mawk -W interactive" BY_LINES=1; export BY_LINES
else AWK_TOOL=awk
fi
"""


def version() -> str:
    """Of the program and how often it ticks. Pure but for the files."""
    return f"{image.digest(_TOOLS.encode(), *(data for _name, data in image.program_files()))}-{settings.METRICS_INTERVAL:g}"


def script(brother: str, tools: str = _TOOLS, **trees: str) -> str:
    """What the process's `sh` reads. `brother`: the process of one of the engine's containers, or NOBODY."""
    files = {name: data.decode() for name, data in image.program_files()}
    values = {
        "CGROUP": "/sys/fs/cgroup", "PROC": "/proc", "SYS": "/sys", "ROOT": "", "BROTHER": brother, "VERSION": version(),
        "INTERVAL": f"{settings.METRICS_INTERVAL:g}", "PROGRAM": files["collect.awk"], **trees,
    }  # fmt: skip
    lines = [f"{name}={shlex.quote(value)}" for name, value in values.items()]
    # In braces: the shell has read all of it before anything runs, and no program can take the rest for its input.
    return "\n".join(["{", *lines, tools, files["collect.sh"], "exit; } </dev/null", ""])


def brother_of(host: Host) -> str:
    """A process by which the program finds where the engine's containers are in the tree of cgroups."""
    try:
        engine = edge.connect(host)
        if engine.meter is not None:
            return MACHINE
        running = engine.list_containers(all=False)
        ours = [one for one in running if labels.is_ours(one.get("Labels") or {})]
        for one in [*ours, *running][:3]:
            with contextlib.suppress(EngineError):
                pid = (engine.inspect(str(one["Id"])).get("State") or {}).get("Pid") or 0
                if int(pid) > 0:
                    return str(int(pid))
    except EngineError as error:
        log.info("%s: where its containers are is not known now: %s", host, error)
    return NOBODY


class Process:
    """It runs while this is iterated over (pieces of its output); `stop` from any thread. Opening raises ShellError."""

    def __init__(self, host: Host) -> None:
        self._where = str(host)
        self._lock = threading.Lock()
        self._stopped = False
        try:
            access = SshAccess.objects.filter(host=host).first()
            if access is None:
                words = _("%(host)s has no SSH access: give it one on its page.")
                raise ShellError("no_key", words % {"host": host})
            self._shell = Shell(access, self._where)
            text = script(brother_of(host))
            self._transport = self._shell.open()
            self._channel = self._begin(text)
        finally:
            connections.close_all()  # (in a thread of its own)

    def _begin(self, text: str) -> paramiko.Channel:
        try:
            channel = self._transport.open_session(timeout=ssh.CONNECT_SECONDS * 2)
            channel.settimeout(ssh.CONNECT_SECONDS * 4)
            channel.exec_command("exec sh -s")  # a fixed command, its words quoted  # nosec B601
            channel.sendall(text.encode())
            channel.settimeout(None)
        except (paramiko.SSHException, EOFError, OSError) as error:
            self._shell.close()
            words = _("%(where)s does not open a session: %(text)s") % {"where": self._where, "text": error}
            raise ShellError("other", words, str(error)) from error
        return channel

    def __iter__(self) -> Iterator[bytes]:
        """Ends when the program does. Raises ShellError when it failed or the connection broke off."""
        try:
            while data := self._channel.recv(PIECE):
                yield data
            if not self._stopped:
                self._ended()
        except (paramiko.SSHException, EOFError, OSError) as error:
            if not self._stopped:
                raise self._broken(str(error) or type(error).__name__) from error
        finally:
            self.stop()

    def _ended(self) -> None:
        self._channel.status_event.wait(5)
        if not self._channel.exit_status_ready() or self._channel.exit_status < 0:
            raise self._broken(_("the connection ended"))
        if self._channel.exit_status:
            said = b""
            while self._channel.recv_stderr_ready() and len(said) < COMPLAINTS:
                said += self._channel.recv_stderr(COMPLAINTS)
            words = _("The collector does not run on %(where)s: %(text)s")
            text = said.decode("utf-8", "replace").strip()[-300:]
            code = _("nothing, exit code %(code)s") % {"code": self._channel.exit_status}
            raise ShellError("other", words % {"where": self._where, "text": text or code})

    def _broken(self, text: str) -> ShellError:
        words = _("The connection to the collector of %(where)s broke off: %(text)s")
        return ShellError("other", words % {"where": self._where, "text": text})

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            self._shell.close()

"""Commands and files on a machine over SSH: the only place that runs anything there. Thin, with limits and typed errors."""

from __future__ import annotations

import logging
import math
import re
import selectors
import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import paramiko
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from hosts import ssh
from hosts.models import Host, SshAccess
from hosts.ssh import Login, SshError
from xqplatform import audit
from xqplatform.accounts.actor import Actor

log = logging.getLogger(__name__)
OUTPUT = 4_000_000  # bytes kept of each stream of a command
GRACE = 8.0  # seconds after a command's time in which its end is still heard
TICK = 0.5  # seconds between two calls of `check` while a command runs
# Tells its process, so that it can be ended from here; `timeout` ends it there when the connection is gone.
_LIMITED = (
    "echo xq-pid $$ >&2; export LC_ALL=C PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin; "
    'T=$(command -v timeout) || T=; N=$1; shift; exec ${T:+"$T" -k 5 "$N"} "$@"'
)
_PID = re.compile(rb"^xq-pid (\d+)\n", re.M)
_READ = 'if [ -e "$1" ]; then exec cat -- "$1"; else exit 44; fi'
_WRITE = (
    'set -e; umask 022; p=$(readlink -f -- "$1" || printf %s "$1"); mkdir -p -- "$(dirname -- "$p")"; umask 077; '
    't=$(mktemp "$p.xq.XXXXXX"); '
    'trap \'rm -f -- "$t"\' EXIT; cat >"$t"; [ "$(wc -c <"$t")" -eq "$3" ] || exit 45; chmod "$2" -- "$t"; mv -f -- "$t" "$p"'
)


class ShellError(SshError):
    """What was to be done on the machine was not. `ran`: what the command had said until then, if it had begun."""

    ran: Ran | None = None


@dataclass(frozen=True)
class Ran:
    """A command that ended: its exit code (-1: killed by a signal) and what it said, in text."""

    code: int
    out: str
    err: str
    truncated: bool = False

    @property
    def ok(self) -> bool:
        return self.code == 0

    @property
    def said(self) -> str:
        """The end of what it said, for a sentence."""
        return (self.err.strip() or self.out.strip())[-600:] or _("nothing, exit code %(code)s") % {"code": self.code}


def has_access(host: Host) -> bool:
    """Whether the host has an SSH access."""
    return SshAccess.objects.filter(host=host).exists()


@contextmanager
def connect(host: Host, *, check: Callable[[], object] | None = None) -> Iterator[Shell]:
    """A shell on the host, as its access says. The first host key that answers is pinned. Raises ShellError.

    `check` is called while a command runs and may raise (give `run.check` in an operation): the command is then left.
    """
    access = SshAccess.objects.filter(host=host).first()
    if access is None:
        words = _("%(host)s has no SSH access: give it one on its page.")
        raise ShellError("no_key", words % {"host": host})
    shell = Shell(access, str(host), check)
    try:
        shell.open()
        yield shell
    finally:
        shell.close()


class Shell:
    """One connection; it is opened again when it was lost between two commands."""

    def __init__(self, access: SshAccess, name: str, check: Callable[[], object] | None = None) -> None:
        self.access = access
        self.where = name or access.address
        self._check = check
        self._transport: paramiko.Transport | None = None

    def open(self) -> paramiko.Transport:
        """The connection, with its host key pinned. Raises ShellError; what was wrong is noted at the access."""
        if self._transport is not None and self._transport.is_active():
            return self._transport
        login = Login(
            self.access.user, self.access.address, self.access.port, self.access.key, self.access.host_key, self.where
        )
        try:
            self._transport, seen = ssh.open_transport(login)
        except SshError as error:
            _note(self.access, error.words, error.host_key if error.kind == "host_key_changed" else "")
            raise ShellError(error.kind, error.words, error.message, error.host_key) from error
        if not self.access.host_key:
            _pin(self.access, seen)
            if self.access.host_key != seen:  # somebody else was faster, and saw another machine
                self.close()
                return self.open()
        if self.access.problem or self.access.offered_key or self.access.checked is None:
            _note(self.access, "")
        return self._transport

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: str | None = None,
        timeout: float = 30,
        on_output: Callable[[str], None] | None = None,
        limit: int = OUTPUT,
    ) -> Ran:
        """Runs a command (each word quoted; through sudo if the access says so) and waits for its end.

        Any exit code is an answer. Raises ShellError: `timeout` (seconds; it is then ended there as well), `denied`
        (no sudo), `other` when the connection broke off. `on_output` gets text of both streams as it comes.
        """
        words = [str(word) for word in argv]
        sudo = ["sudo", "-n", "--"] if self.access.sudo else []
        command = shlex.join(["sh", "-c", _LIMITED, "sh", str(max(1, math.ceil(timeout))), *sudo, *words])
        channel, began = self._session(), time.monotonic()
        running = _Running(channel, stdin, on_output, limit, self._check)
        try:
            ran = running.wait(command, timeout + GRACE)
        except _Late as late:
            self._end(running)
            raise self._late(words, timeout, late.ran) from None
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise self._broken(words, str(error) or type(error).__name__) from error
        except BaseException:  # `check` wants to leave
            self._end(running)
            raise
        finally:
            channel.close()
        if ran.code == -1 and not (self._transport and self._transport.is_active()):
            raise self._broken(words, _("the connection ended"), ran)
        if ran.code in {124, 137} and time.monotonic() - began >= timeout:
            raise self._late(words, timeout, ran)
        if sudo and ran.err.startswith("sudo:") and ran.code == 1:
            text = _("The user %(user)s may not use sudo without a password on %(where)s: %(text)s")
            values = {"user": self.access.user, "where": self.where, "text": ran.err.strip()[:300]}
            raise self._error("denied", text % values, ran)
        return ran

    def must(self, argv: Sequence[str], *, stdin: str | None = None, timeout: float = 30) -> Ran:
        """`run`, and ShellError with its own words when the exit code is not 0."""
        ran = self.run(argv, stdin=stdin, timeout=timeout)
        if not ran.ok:
            text = _("«%(command)s» failed on %(where)s: %(text)s")
            values = {"command": _short(argv), "where": self.where, "text": ran.said}
            raise self._error("other", text % values, ran)
        return ran

    def read(self, path: str, *, timeout: float = 30) -> str | None:
        """A text file; None if there is none. Raises ShellError when it may not be read or is too large."""
        ran = self.run(["sh", "-c", _READ, "sh", path], timeout=timeout)
        if ran.code == 44:
            return None
        if not ran.ok or ran.truncated:
            why = _("it is too large") if ran.truncated else ran.said
            text = _("%(path)s of %(where)s cannot be read: %(text)s")
            raise self._error("other", text % {"path": path, "where": self.where, "text": why}, ran)
        return ran.out

    def write(self, path: str, text: str, mode: int = 0o644, *, timeout: float = 30) -> None:
        """Writes a file as a whole or not at all; folders are made. Raises ShellError; the old file then stands."""
        size = str(len(text.encode()))
        ran = self.run(["sh", "-c", _WRITE, "sh", path, f"{mode:o}", size], stdin=text, timeout=timeout)
        if not ran.ok:
            why = _("the connection broke off") if ran.code == 45 else ran.said
            words = _("%(path)s of %(where)s cannot be written: %(text)s")
            raise self._error("other", words % {"path": path, "where": self.where, "text": why}, ran)

    def remove(self, path: str) -> None:
        """Removes a file; gone is done."""
        self.must(["rm", "-f", "--", path])

    def _session(self) -> paramiko.Channel:
        try:
            return self.open().open_session(timeout=ssh.CONNECT_SECONDS * 2)
        except (paramiko.SSHException, EOFError, OSError) as error:
            self.close()  # half-open: the next try makes a new connection
            text = _("%(where)s does not open a session: %(text)s") % {"where": self.where, "text": error}
            raise ShellError("other", text, str(error)) from error

    def _end(self, running: _Running) -> None:
        """Ends a command that is left; whatever hinders that, its `timeout` there ends it later."""
        transport = self._transport
        if not running.pid or transport is None or not transport.is_active():
            return
        try:
            with transport.open_session(timeout=ssh.CONNECT_SECONDS) as channel:
                channel.settimeout(ssh.CONNECT_SECONDS)
                channel.exec_command(f"kill -TERM {running.pid}")  # a fixed command, its words quoted  # nosec B601
                channel.recv_exit_status()
        except (paramiko.SSHException, EOFError, OSError) as error:
            log.info("%s: the command %s could not be ended: %s", self.where, running.pid, error)

    def _error(self, kind: ssh.Kind, words: str, ran: Ran | None = None) -> ShellError:
        error = ShellError(kind, words)
        error.ran = ran
        return error

    def _late(self, argv: Sequence[str], timeout: float, ran: Ran | None) -> ShellError:
        words = _("«%(command)s» did not end within %(seconds)s s on %(where)s and was broken off.")
        values = {"command": _short(argv), "seconds": f"{timeout:g}", "where": self.where}
        return self._error("timeout", words % values, ran)

    def _broken(self, argv: Sequence[str], text: str, ran: Ran | None = None) -> ShellError:
        self.close()
        words = _("The connection to %(where)s broke off while «%(command)s» ran; what it did is not known: %(text)s")
        return self._error("other", words % {"where": self.where, "command": _short(argv), "text": text}, ran)


class _Late(Exception):
    def __init__(self, ran: Ran) -> None:
        super().__init__()
        self.ran = ran


class _Running:
    """One command in its channel: feeds it, takes both streams as they come, and sees its end."""

    def __init__(
        self,
        channel: paramiko.Channel,
        stdin: str | None,
        on_output: Callable[[str], None] | None,
        limit: int,
        check: Callable[[], object] | None,
    ) -> None:
        self._channel, self._limit, self._check, self._on_output = channel, limit, check, on_output
        self._left = (stdin or "").encode()
        self._taken: tuple[bytearray, bytearray] = (bytearray(), bytearray())
        self._truncated = False
        self._head = b""
        self.pid: int | None = None  # of the command there, 0 when it did not tell

    def wait(self, command: str, seconds: float) -> Ran:
        channel, until = self._channel, time.monotonic() + seconds
        channel.settimeout(ssh.CONNECT_SECONDS * 2)
        channel.exec_command(command)  # a fixed command, its words quoted  # nosec B601
        channel.setblocking(False)
        checked = ended = 0.0
        with selectors.DefaultSelector() as selector:
            selector.register(channel, selectors.EVENT_READ)
            while True:
                if not ended and channel.exit_status_ready():
                    ended = time.monotonic()
                moved = self._feed() | self._take()
                now = time.monotonic()
                # What it left in the background may hold its output open.
                if ended and not moved and (channel.eof_received or channel.closed or now - ended > 1):
                    return self._ran(channel.recv_exit_status())
                if now > until:
                    raise _Late(self._ran(-1))
                if self._check is not None and now - checked > TICK:
                    checked = now
                    self._check()
                if moved:
                    continue
                if channel.eof_received:  # the selector would be awake all the time
                    time.sleep(0.02)
                else:
                    # What waits to be sent, or the end alone, wakes no selector.
                    selector.select(0.02 if self._left or ended else 0.1)

    def _feed(self) -> bool:
        """Sends what fits of the input, then its end."""
        channel = self._channel
        if channel.closed:
            return False
        if self._left:
            if not channel.send_ready():
                return False
            self._left = self._left[channel.send(self._left[:32_768]) :]
            return True
        if not channel.eof_sent:
            channel.shutdown_write()
        return False

    def _take(self) -> bool:
        channel, moved = self._channel, False
        for number, ready, read in (
            (0, channel.recv_ready, channel.recv),
            (1, channel.recv_stderr_ready, channel.recv_stderr),
        ):
            while ready():
                data = read(65_536)
                if not data:
                    break
                moved = True
                self._keep(number, self._without_pid(data) if number == 1 and self.pid is None else data)
        return moved

    def _without_pid(self, data: bytes) -> bytes:
        """What the command itself says on its second stream: the first lines are ours, or of a login script."""
        self._head += data
        found = _PID.search(self._head)
        if found is None and len(self._head) < 65_536:
            return b""
        head, self._head = self._head, b""
        self.pid = int(found[1]) if found else 0
        return head[: found.start()] + head[found.end() :] if found else head

    def _keep(self, number: int, data: bytes) -> None:
        kept = self._taken[number]
        room = max(self._limit - len(kept), 0)
        self._truncated |= len(data) > room
        kept.extend(data[:room])
        if self._on_output is not None and data[:room]:
            self._on_output(data[:room].decode("utf-8", "replace"))

    def _ran(self, code: int) -> Ran:
        if self._head:
            self._keep(1, self._head)
        out, err = (bytes(kept).decode("utf-8", "replace") for kept in self._taken)
        return Ran(code, out, err, self._truncated)


def _short(argv: Sequence[str]) -> str:
    text = shlex.join(argv)
    return text if len(text) <= 120 else text[:117] + "…"


def _pin(access: SshAccess, seen: str) -> None:
    """Pins the host key on first use; the row then says which one counts, also when somebody else was faster."""
    with transaction.atomic():
        mine = SshAccess.objects.filter(pk=access.pk, host_key="")
        if mine.update(host_key=seen, pinned_at=timezone.now()):
            after = {"fingerprint": ssh.fingerprint(seen)}
            audit.record(Actor.system("ssh"), "host.ssh.pin", access.host, after=after)
    access.refresh_from_db(fields=["host_key", "pinned_at"])


def _note(access: SshAccess, problem: str, offered: str = "") -> None:
    """What came of the last try, for the host's page."""
    now = timezone.now()
    values = {"problem": problem, "checked": now, "offered_key": offered, "offered_at": now if offered else None}
    SshAccess.objects.filter(pk=access.pk).update(**values)
    for name, value in values.items():
        setattr(access, name, value)

"""One try of a hook, by its kind: in the container, on a host, over HTTP. The edge; a try never raises for what goes wrong there."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from containers.hooks import networks
from containers.hooks.shape import Hook
from hosts import operation_runner
from hosts.engine import Engine, EngineError
from hosts.models import Host, HostCommand, HostOperation
from hosts.services import commands, operations
from xqplatform.accounts.actor import Actor
from xqplatform.alerts.sender import signature
from xqplatform.errors import Refused
from xqplatform.outgoing import http


@dataclass(frozen=True)
class Outcome:
    """`code`: exit code or HTTP status, None without one; `again`: a further try may help."""

    ok: bool
    code: int | None = None
    output: str = ""
    truncated: bool = False
    words: str = ""
    again: bool = True


@dataclass
class Setting:
    """What a try is about: facts for the other side, and what it acts on."""

    facts: dict[str, Any]  # what HTTP hooks get as their body
    engine: Engine | None = None
    container: str = ""
    host: Host | None = None  # the instance's
    secret: str = ""
    why: str = ""
    leave: Callable[[], bool] = field(default=lambda: False)  # whether nobody waits for the outcome any more


def attempt(hook: Hook, setting: Setting) -> Outcome:
    """One try; `setting.facts` has its key and number."""
    return {"command": command, "host": operation, "http": call}[hook.kind](hook, setting)


def command(hook: Hook, setting: Setting) -> Outcome:
    """In the container; one that does not run has nothing to be told."""
    if setting.engine is None or not setting.container:
        return Outcome(True, words=_("There is no container."))
    try:
        seen = setting.engine.inspect(setting.container)
        if not (seen.get("State") or {}).get("Running"):
            return Outcome(True, words=_("The container did not run."))
        code, output = setting.engine.exec(
            setting.container, hook.command, timeout=hook.timeout, env=environment(setting.facts)
        )
    except EngineError as error:
        if error.kind == "not_found":
            return Outcome(True, words=_("There is no container."))
        return Outcome(False, words=error.words)
    if code == 0:
        return Outcome(True, code, output)
    return Outcome(False, code, output, words=ended(code))


def ended(code: int) -> str:
    """What an exit code other than 0 says. 126 and 127 are what engines and shells give for a command that never ran (POSIX, 2.8.2)."""
    words = _("It ended with exit code %(code)s.") % {"code": code}
    if code in (126, 127):
        words = " ".join([words, _("The command is not there, or cannot be run: give its whole path.")])
    return words


def environment(facts: Mapping[str, Any]) -> dict[str, str]:
    """What a command in a container finds among its variables."""
    instance = facts.get("instance") or {}
    found = {
        "XQ_HOOK": facts.get("hook"),
        "XQ_HOOK_POINT": facts.get("point"),
        "XQ_HOOK_KEY": facts.get("key"),
        "XQ_HOOK_ATTEMPT": facts.get("attempt"),
        "XQ_RELEASE": facts.get("release"),
        "XQ_INSTANCE": instance.get("number"),
        "XQ_ADDRESS": instance.get("address"),
    }
    return {name: str(value) for name, value in found.items() if value not in (None, "")}


def operation(hook: Hook, setting: Setting) -> Outcome:
    """A reviewed command on a host, as an operation: its row stays on the host's page."""
    host = Host.objects.filter(name=hook.host).first() if hook.host else setting.host
    row = HostCommand.objects.filter(name=hook.operation).first()
    if host is None or row is None:
        missing = hook.host or _("the instance's host") if host is None else hook.operation
        return Outcome(False, words=_("There is no «%(name)s» any more.") % {"name": missing}, again=False)
    values = {name: filled(text, setting.facts) for name, text in hook.values.items()}
    try:
        started, _refused = commands.run_command(Actor.system("hooks"), row, [host], values, reason=setting.why[:500])
    except Refused as refused:
        return Outcome(False, words=refused.message, again=refused.code != 400)
    return _ended(started[0], hook, setting)


def _ended(run: HostOperation, hook: Hook, setting: Setting) -> Outcome:
    """Carries the operation on here, unless a worker has it already; its time is the hook's or the command's, the shorter."""
    until = time.monotonic() + hook.timeout
    operation_runner.execute(run.pk)
    while True:
        run.refresh_from_db()
        if not run.active:
            break
        if time.monotonic() > until or setting.leave():
            operations.cancel(Actor.system("hooks"), run)
            return Outcome(False, output=run.output, words=_("It did not end within %(n)g s.") % {"n": hook.timeout})
        time.sleep(0.1)
    ok = run.state == HostOperation.State.SUCCEEDED
    return Outcome(ok, run.exit_code, run.output, run.truncated, "" if ok else run.words or run.state)


def filled(text: str, facts: Mapping[str, Any]) -> str:
    """«{address}» and others in a parameter's value. What is not known stays as it is."""
    instance = facts.get("instance") or {}
    known = {name: facts.get(name) for name in ("service", "environment", "release", "point", "key")}
    known |= {name: instance.get(name) for name in ("name", "number", "address", "host")}
    for name, value in known.items():
        if value not in (None, ""):
            text = text.replace(f"{{{name}}}", str(value))
    return text


def signed(method: str, url: str, headers: Mapping[str, str], body: bytes) -> bytes:
    """What the signature of a call covers beside its time: method, address, key and body, each in its line.

    The address as the settings have it: a proxy may rewrite the path that the receiver sees. It has no line break.
    """
    lines = [method, url, headers["X-XQ-Delivery"], headers["X-XQ-Event"]]
    return "\n".join(lines).encode() + b"\n" + body


def call(hook: Hook, setting: Setting) -> Outcome:
    """Over HTTP: JSON with a signature that the receiver can check, and a key by which it knows a repetition."""
    body = json.dumps(setting.facts, ensure_ascii=False, separators=(",", ":")).encode()
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "xqplatform",
        "X-XQ-Delivery": str(setting.facts.get("key", "")),
        "X-XQ-Event": str(setting.facts.get("point", "")),
    }
    if setting.secret:
        when, sent = str(int(time.time())), b"" if hook.method == "GET" else body
        headers["X-XQ-Signature"] = signature(setting.secret, when, signed(hook.method, hook.url, headers, sent))
    facts = setting.facts
    segments = networks.of_place(str(facts.get("service", "")), str(facts.get("environment", "")))
    answer = http.call(hook.method, hook.url, body, headers, hook.timeout, segments=segments)
    ok = 200 <= answer.code < 300 and not answer.words
    return Outcome(ok, answer.code or None, answer.text, answer.truncated, answer.words, answer.again)

"""A process of its own that sends one message: `python -m xqplatform.alerts.sender` reads JSON, writes JSON.

apprise needs some 50 MB and some seconds of loading, tells what went wrong only to its log, and has no limit to the time it
takes. As a child it costs the platform nothing while nobody is told anything, what it says belongs to this message alone, and
it can be ended. No Django here, and the address comes by the standard input: arguments are seen by everybody on a machine.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import re
import sys
import time
from typing import Any
from urllib.parse import unquote, urlsplit

from xqplatform.outgoing import gate

TIMEOUT = 10.0  # seconds for a connection, and for silence on it
SHOWN = 400


def main() -> int:
    asked = json.load(sys.stdin)
    rules = gate.Rules.of(asked.get("forbidden", []), [(str(ip), int(port)) for ip, port in asked.get("own", [])])
    gate.install(gate.Gate(lambda: rules))
    try:
        answer = {"check": check, "apprise": by_apprise, "webhook": by_webhook}[asked["do"]](asked)
    except Exception as error:  # whatever a library does: the words go back
        answer = {"ok": False, "words": f"{type(error).__name__}: {error}"}
    answer["words"] = masked(str(answer.get("words", "")), asked)[:SHOWN]
    json.dump(answer, sys.stdout)
    return 0


def masked(text: str, asked: dict[str, Any]) -> str:
    """Without the address and whatever of it may be a password or a token."""
    url = str(asked.get("url", ""))
    parts = urlsplit(url)
    pieces = {url, parts.password or "", parts.query, str(asked.get("secret", ""))}
    pieces |= {piece for piece in re.split(r"[/?&=,:@]", url.partition("://")[2]) if len(piece) >= 8}
    host = parts.hostname or ""
    pieces |= {unquote(piece) for piece in pieces}
    for piece in sorted(pieces, key=len, reverse=True):
        if piece and piece.lower() != host.lower() and (len(piece) >= 8 or piece == parts.password):
            text = text.replace(piece, "•••")
    return text


def check(asked: dict[str, Any]) -> dict[str, Any]:
    """Whether apprise understands the address, and what it is of."""
    said = Log()
    found = _apprise().Apprise.instantiate(asked["url"], suppress_exceptions=True)
    if found is None:
        return {"ok": False, "words": said.words()}
    return {"ok": True, "words": "", "service": str(found.service_name or type(found).__name__)[:80]}


def by_apprise(asked: dict[str, Any]) -> dict[str, Any]:
    said = Log()
    apprise = _apprise()
    found = apprise.Apprise.instantiate(asked["url"], suppress_exceptions=True)
    if found is None:
        return {"ok": False, "words": said.words() or "apprise does not understand the address."}
    found.socket_connect_timeout = found.socket_read_timeout = TIMEOUT
    kinds = {"critical": "failure", "warning": "warning", "resolved": "success", "success": "success", "test": "info"}
    sent = bool(
        found.notify(
            title=asked["title"],
            body=asked["body"],
            notify_type=apprise.NotifyType(kinds.get(asked["level"], "info")),
            body_format=apprise.NotifyFormat.TEXT,
        )
    )
    return {"ok": sent, "words": said.words()}


def _apprise() -> Any:
    import apprise

    return apprise


class Log(logging.Handler):
    """What apprise says of warnings, and of the other side's answer."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        log = logging.getLogger("apprise")
        log.setLevel(logging.DEBUG)
        log.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        text = " ".join(record.getMessage().split())
        if record.levelno >= logging.WARNING or text.startswith(("Response Details", "Socket Exception", "SMTP")):
            self.lines.append(text)

    def words(self) -> str:
        return " ".join(dict.fromkeys(self.lines))


def by_webhook(asked: dict[str, Any]) -> dict[str, Any]:
    """Our own: JSON with a signature that the receiver can check, and an id by which it knows a repetition."""
    import requests

    sent = json.dumps(asked["data"], ensure_ascii=False, separators=(",", ":")).encode()
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "xqplatform",
        "X-XQ-Delivery": str(asked["id"]),
    }
    if asked["secret"]:
        headers["X-XQ-Signature"] = signature(asked["secret"], str(int(time.time())), sent)
    try:
        answer = requests.post(
            asked["url"], data=sent, headers=headers, timeout=TIMEOUT, allow_redirects=False, stream=True
        )
        said = answer.raw.read(SHOWN, decode_content=True).decode(errors="replace")
    except requests.RequestException as error:
        return {"ok": False, "words": reason(error)}
    words = " ".join(f"{answer.status_code} {answer.reason} {said}".split())
    return {"ok": 200 <= answer.status_code < 300, "words": words}


def reason(error: Exception) -> str:
    """The innermost cause: «Connection refused» says more than three classes around it."""
    inner: BaseException = error
    while (below := inner.__cause__ or inner.__context__) is not None:
        inner = below
    return f"{type(error).__name__}: {inner}"


def signature(secret: str, when: str, body: bytes) -> str:
    """`t=<epoch seconds>,v1=<HMAC-SHA256 of «t.body», hex>`."""
    digest = hmac.new(secret.encode(), f"{when}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={when},v1={digest}"


if __name__ == "__main__":
    raise SystemExit(main())

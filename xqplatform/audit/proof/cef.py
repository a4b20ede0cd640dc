"""An event in ArcSight's Common Event Format (CEF:0). Pure."""

from __future__ import annotations

import ipaddress
import json
from datetime import datetime
from typing import Any

from xqplatform.audit.chain.judge import Linked

DENIED, DONE = 6, 3  # severities


def _header(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\r", " ").replace("\n", " ")


def _value(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
    text = text.replace("\\", "\\\\").replace("=", "\\=")
    return text.replace("\r\n", "\\n").replace("\n", "\\n").replace("\r", "\\n").replace("\x00", "")


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def line(row: Linked) -> str:
    """One line without its end. The event must be there."""
    event = json.loads(row.body or "{}")
    denied = event["denied"]
    moment = int(datetime.fromisoformat(event["time"]).timestamp() * 1000)
    said: dict[str, Any] = {
        "rt": str(moment),
        "externalId": str(row.event_id),
        "outcome": "failure" if denied else "success",
        "suser": event["actor"],
        "suid": "" if event["user"] is None else str(event["user"]),
        "src": event["ip"] if _is_address(event["ip"]) else "",
        "app": event["via"],
        "reason": event["reason"],
    }
    strings = {
        "request": event["request_id"],
        "object": f"{event['object_type']}:{event['object_id']}" if event["object_type"] else "",
        "objectName": event["object_name"],
        "before": "" if event["before"] is None else event["before"],
        "after": "" if event["after"] is None else event["after"],
        "hash": row.hash,
    }
    for number, (label, value) in enumerate(strings.items(), 1):
        if value != "":
            said |= {f"cs{number}Label": label, f"cs{number}": value}
    if event.get("token"):
        said |= {"flexString1Label": "token", "flexString1": event["token"]}
    said |= {"cn1Label": "position", "cn1": str(row.position)}
    head = "|".join(
        _header(text)
        for text in ("CEF:0", "xqplatform", "xqplatform", "1", event["action"], event["action"])
    )  # fmt: skip
    extension = " ".join(f"{name}={_value(value)}" for name, value in said.items() if value != "")
    return f"{head}|{DENIED if denied else DONE}|{extension}"

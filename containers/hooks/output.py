"""What is kept of what a hook says: text without control characters, of a bounded length. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection

KEPT = 32_000  # characters of a run
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def clean(text: str, secrets: Collection[str] = ()) -> str:
    """Without terminal escapes, control characters and secrets."""
    text = _CONTROL.sub("", text.replace("\r\n", "\n"))
    for secret in secrets:
        if len(secret) >= 4:
            text = text.replace(secret, "•••")
    return text


def kept(before: str, attempt: int, text: str) -> tuple[str, bool]:
    """The output with one more try's, and whether something was left out: of a flood its beginning and its end stay."""
    text = text.strip("\n")
    if text and attempt > 1:
        text = f"— {attempt} —\n{text}"
    whole = f"{before}\n{text}".strip("\n") if text else before
    if len(whole) <= KEPT:
        return whole, False
    half = KEPT // 2
    return f"{whole[:half]}\n… {len(whole) - 2 * half} …\n{whole[-half:]}", True

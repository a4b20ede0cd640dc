"""What a forge's call says (pure): whether it is the forge's, and which push or tag it tells of."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

from django.utils.translation import gettext as _

Headers = Mapping[str, str]  # names in any case, as Django has them
BRANCH, TAG = "refs/heads/", "refs/tags/"
LONGEST_NAME = 120
_HASH = re.compile(r"[0-9a-f]{40}")
_ID = re.compile(r"[A-Za-z0-9._:-]{1,90}")
EVENT = {"github": "X-GitHub-Event", "gitlab": "X-Gitlab-Event", "gitea": "X-Gitea-Event"}
IDS = {
    "github": ("X-GitHub-Delivery",),
    # «Idempotency-Key» is the same when GitLab sends an event again; older ones have only the event's own.
    "gitlab": ("Idempotency-Key", "X-Gitlab-Event-UUID"),
    "gitea": ("X-Gitea-Delivery",),
}
PUSHES = {"github": {"push"}, "gitea": {"push"}, "gitlab": {"Push Hook", "Tag Push Hook"}}


class Nonsense(Exception):
    """It cannot be read; the text says why."""


@dataclass(frozen=True)
class Event:
    """`kind`: push, tag, deleted (a branch or tag that went), other (nothing that is built). `at`: when it happened, where
    the forge says so (epoch seconds)."""

    kind: str
    name: str = ""
    revision: str = ""
    sender: str = ""
    commits: int = 0
    at: float | None = None


def is_signed(kind: str, secret: str, headers: Headers, body: bytes) -> bool:
    """Whether somebody who knows the secret sent it; compared in constant time."""
    if not secret:
        return False
    if kind == "gitlab":  # it sends the secret itself
        return hmac.compare_digest(_bytes(headers.get("X-Gitlab-Token", "")), secret.encode())
    wanted = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    if kind == "github":
        return hmac.compare_digest(_bytes(headers.get("X-Hub-Signature-256", "")), f"sha256={wanted}".encode())
    return hmac.compare_digest(_bytes(headers.get("X-Gitea-Signature", "")), wanted.encode())


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def identity(kind: str, headers: Headers, digest: str) -> str:
    """By which name the event is known when it comes again."""
    for header in IDS[kind]:
        found = headers.get(header, "")
        if _ID.fullmatch(found):
            return found
    return f"sha256:{digest}"


def read(kind: str, headers: Headers, body: bytes) -> Event:
    """Raises Nonsense."""
    name = headers.get(EVENT[kind], "")
    if name not in PUSHES[kind]:
        return Event("other")
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        raise Nonsense(_("The body is not valid JSON (the content type has to be application/json).")) from None
    if not isinstance(data, dict):
        raise Nonsense(_("The body is not a JSON object."))
    ref = data.get("ref")
    if not isinstance(ref, str) or not ref.startswith((BRANCH, TAG)):
        raise Nonsense(_("It names no branch and no tag."))
    is_tag = ref.startswith(TAG)
    short = ref.removeprefix(TAG if is_tag else BRANCH)
    if not short or len(short) > LONGEST_NAME or not short.isprintable():
        raise Nonsense(_("This cannot be the name of a branch."))
    after = _revision(kind, data, is_tag=is_tag)
    sender = _sender(kind, data)
    at = _time(kind, headers, data)
    if not after.strip("0") or data.get("deleted") is True:
        return Event("deleted", short, sender=sender, at=at)
    if not _HASH.fullmatch(after):
        raise Nonsense(_("It names no commit."))
    return Event("tag" if is_tag else "push", short, after, sender, _commits(data), at)


def _revision(kind: str, data: dict[str, Any], *, is_tag: bool) -> str:
    """The commit; of a tag with a message «after» is the tag itself, and the commit stands elsewhere."""
    after = data.get("after")
    after = after if isinstance(after, str) else "?"
    if not is_tag or not after.strip("0"):
        return after
    head = data.get("head_commit")
    found = data.get("checkout_sha") if kind == "gitlab" else head.get("id") if isinstance(head, dict) else None
    return found if isinstance(found, str) and _HASH.fullmatch(found) else after


def _sender(kind: str, data: dict[str, Any]) -> str:
    if kind == "gitlab":
        return clean(data.get("user_username") or data.get("user_name"))
    for key, names in (("sender", ("login", "username")), ("pusher", ("name", "login", "username"))):
        found = data.get(key)
        if isinstance(found, dict):
            for name in names:
                if text := clean(found.get(name)):
                    return text
    return ""


def clean(value: Any, longest: int = 150) -> str:
    """A text of somebody else's, as a row can hold it."""
    if not isinstance(value, str):
        return ""
    return "".join(char for char in value if char.isprintable()).encode("utf-8", "replace").decode()[:longest]


def _commits(data: dict[str, Any]) -> int:
    counts = [data.get("total_commits_count"), data.get("total_commits")]
    commits = data.get("commits")
    counts.append(len(commits) if isinstance(commits, list) else 0)
    return next((n for n in counts if isinstance(n, int) and not isinstance(n, bool) and 0 <= n < 1_000_000), 0)


def _time(kind: str, headers: Headers, data: dict[str, Any]) -> float | None:
    value: Any = None
    if kind == "github":
        repository = data.get("repository")
        value = repository.get("pushed_at") if isinstance(repository, dict) else None
    elif kind == "gitlab":
        value = headers.get("webhook-timestamp", "")
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 12:
        return float(value)
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return None
        return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**11:
        return float(value)
    return None


def patterns(text: str) -> list[str]:
    """The patterns of a list as people write it."""
    return text.replace(",", " ").split()


def matches(text: str, name: str) -> bool:
    """Whether one of the patterns fits the name of a branch or tag."""
    return any(fnmatchcase(name, pattern) for pattern in patterns(text))

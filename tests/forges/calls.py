"""What forges send, and a client that sends it as they do."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import time
from typing import Any

from django.test import Client

from builds.models import Forge

ZEROS = "0" * 40
_numbers = itertools.count(1)


def push(revision: str, branch: str = "main", kind: str = "github", **more: Any) -> dict[str, Any]:
    body: dict[str, Any] = {"ref": f"refs/heads/{branch}", "before": "1" * 40, "after": revision, "commits": [{}]}
    if kind == "github":
        body |= {"repository": {"pushed_at": int(time.time())}, "sender": {"login": "otto"}}
    elif kind == "gitlab":
        body |= {"object_kind": "push", "checkout_sha": revision, "user_username": "otto", "total_commits_count": 1}
    else:
        body |= {"pusher": {"login": "otto"}}
    return body | more


def tag(revision: str, name: str = "v1", *, tag_object: str = "") -> dict[str, Any]:
    """GitHub's, of a tag with a message when it has an object of its own."""
    return push(tag_object or revision) | {"ref": f"refs/tags/{name}", "head_commit": {"id": revision}}


def headers_of(forge: Forge, body: bytes, *, number: str = "", event: str = "", secret: str = "") -> dict[str, str]:
    secret, number = secret or forge.secret, number or f"delivery-{next(_numbers)}"
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    if forge.kind == "github":
        found = {"X-GitHub-Event": event or "push", "X-GitHub-Delivery": number}
        return found | {"X-Hub-Signature-256": f"sha256={digest}"}
    if forge.kind == "gitea":
        return {"X-Gitea-Event": event or "push", "X-Gitea-Delivery": number, "X-Gitea-Signature": digest}
    return {"X-Gitlab-Event": event or "Push Hook", "Idempotency-Key": number, "X-Gitlab-Token": secret}


def send(forge: Forge, data: Any, **how: Any) -> Any:
    """The platform's answer. `data`: JSON, or bytes as they are."""
    body = data if isinstance(data, bytes) else json.dumps(data).encode()
    address = f"/forge/{forge.key}/"
    return Client().post(address, body, content_type="application/json", headers=headers_of(forge, body, **how))

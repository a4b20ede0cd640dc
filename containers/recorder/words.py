"""Calls as people read them."""

from __future__ import annotations

import re

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

VERBS = (
    ("POST", r"/containers/create", gettext_lazy("create container")),
    ("POST", r"/containers/[^/]+/start", gettext_lazy("start container")),
    ("POST", r"/containers/[^/]+/stop", gettext_lazy("stop container")),
    ("POST", r"/containers/[^/]+/restart", gettext_lazy("restart container")),
    ("POST", r"/containers/[^/]+/kill", gettext_lazy("send signal")),
    ("POST", r"/containers/[^/]+/rename", gettext_lazy("rename container")),
    ("POST", r"/containers/[^/]+/update", gettext_lazy("change limits")),
    ("POST", r"/containers/[^/]+/wait", gettext_lazy("wait for container")),
    ("POST", r"/containers/[^/]+/exec", gettext_lazy("run command in container")),
    ("DELETE", r"/containers/[^/]+", gettext_lazy("remove container")),
    ("GET", r"/containers/json", gettext_lazy("list containers")),
    ("GET", r"/containers/[^/]+/json", gettext_lazy("look at container")),
    ("GET", r"/containers/[^/]+/logs", gettext_lazy("read log")),
    ("GET", r"/images/.+/json", gettext_lazy("look at image")),
    ("POST", r"/images/create", gettext_lazy("pull image")),
    ("GET", r"/networks/.+", gettext_lazy("look at network")),
    ("POST", r"/networks/create", gettext_lazy("create network")),
)
PATTERNS = [(method, re.compile(pattern), words) for method, pattern, words in VERBS]
ID = re.compile(r"\b[0-9a-f]{64}\b")


def verb(method: str, path: str) -> str:
    """«start container»; empty for what has no words here."""
    found = (words for m, pattern, words in PATTERNS if m == method and pattern.fullmatch(path))
    return str(next(found, ""))


def short(path: str) -> str:
    """The path with container ids as engines' tools show them."""
    return ID.sub(lambda found: found[0][:12], path)


def answer(status: int) -> str:
    return str(status) if status else _("no answer")
